/* The reference: each operation as its formula reads, in plain loops over doubles. The other backends are
 * compared with it, so it must be easy to check by eye. Central differences prove its gradients
 * (clm_gradcheck). */
#include "compute/reference/reference.h"

#include "base/size.h"

#include <math.h>

/* Element i of row n of a data set, as stored. */
static double value_of(const struct resident *data, size_t n, size_t i)
{
    return data->values.type == TENSOR_BYTE
               ? ((const uint8_t *)data->values.memory)[n * data->values.columns + i]
               : reference_row(&data->values, n)[i];
}

/* Elements first … first + count - 1 of row n, normalised and changed, not yet mixed. */
static void reference_change_run(const struct resident *data, size_t n, const struct row_change *change,
                                 size_t first, size_t count, double *x)
{
    const double *const mean = data->mean.memory, *const scale = data->scale.memory;
    const struct clm_augmentation *const changes = &change->of->changes;
    double normals[NOISE_RUN] = {0};
    if (changes->noise > 0)
        row_change_normals(change, first, normals);
    for (size_t k = 0; k < count; k++) {
        const size_t i = first + k, from = row_change_source(change, i);
        const double raw = from == OUTSIDE ? 0 : value_of(data, n, from);
        x[k] = (raw - mean[i]) * scale[i] + changes->noise * normals[k];
        if (row_change_is_cut(change, i))
            x[k] = 0;
    }
}

/* Writes row r of X from the data set's row n, changed; mixup adds the batch's row `other`, row other_n. */
static void reference_gather_changed(const struct resident *data, const struct augmentation *a, double share,
                                     size_t n, size_t r, size_t other_n, size_t other, struct tensor *X)
{
    const struct row_change change = row_change(a, r), other_change = row_change(a, other);
    for (size_t first = 0; first < X->columns; first += NOISE_RUN) {
        const size_t count = size_min(NOISE_RUN, X->columns - first);
        double *const x = reference_row(X, r) + first, y[NOISE_RUN];
        reference_change_run(data, n, &change, first, count, x);
        if (!(a->changes.mixup > 0))
            continue;
        reference_change_run(data, other_n, &other_change, first, count, y);
        for (size_t k = 0; k < count; k++)
            x[k] = share * x[k] + (1 - share) * y[k];
    }
}

static clm_status reference_gather(struct clm_backend *be, const struct resident *data,
                                   const struct tensor *order, size_t first, const struct augmentation *a,
                                   struct tensor *X, struct tensor *labels, struct clm_error *error)
{
    (void)be, (void)error;
    const uint32_t *const from = data->labels.memory, *const numbers = order ? order->memory : NULL;
    const double *const mean = data->mean.memory, *const scale = data->scale.memory;
    const bool is_mixed = a && a->changes.mixup > 0;
    const size_t B = X->rows, distance = is_mixed ? augmentation_distance(a, B) : 0;
    const double share = is_mixed ? augmentation_share(a) : 1;
    for (size_t r = 0; r < B; r++) {
        const size_t other = (r + distance) % B;
        const size_t n = numbers ? numbers[first + r] : first + r;
        const size_t other_n = numbers ? numbers[first + other] : first + other;
        ((uint32_t *)labels->memory)[r] = from[n];
        if (is_mixed)
            ((uint32_t *)a->partners->memory)[r] = from[other_n];
        if (a)
            reference_gather_changed(data, a, share, n, r, other_n, other, X);
        else
            for (size_t i = 0; i < X->columns; i++)
                reference_row(X, r)[i] = (value_of(data, n, i) - mean[i]) * scale[i];
    }
    return CLM_OK;
}

static clm_status reference_gather_weights(struct clm_backend *be, const struct tensor *weights,
                                           const struct tensor *order, size_t first, size_t turn,
                                           struct tensor *out, struct clm_error *error)
{
    (void)be, (void)error;
    const uint32_t *const numbers = order ? order->memory : NULL;
    const size_t B = out->columns;
    for (size_t r = 0; r < B; r++) {
        const size_t place = first + (r + turn) % B;
        reference_row(out, 0)[r] = reference_row(weights, 0)[numbers ? numbers[place] : place];
    }
    return CLM_OK;
}

double reference_activate(enum activation act, double z)
{
    switch (act) {
    case ACTIVATION_RELU:
        return z < 0 ? 0 : z;
    case ACTIVATION_LEAKY:
        return z < 0 ? 0.01 * z : z;
    case ACTIVATION_ELU:
        return z > 0 ? z : expm1(z);
    case ACTIVATION_TANH:
        return tanh(z);
    case ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-z));
    case ACTIVATION_GELU: /* at minus infinity, this and the next two would be infinity times 0 */
        return z == -INFINITY ? 0 : z * erfc(-z / sqrt(2)) / 2;
    case ACTIVATION_SILU:
        return z == -INFINITY ? 0 : z / (1 + exp(-z));
    case ACTIVATION_MISH:
        return z == -INFINITY ? 0 : z * tanh(log1p(exp(z)));
    case ACTIVATION_NONE:
    case ACTIVATION_COUNT:
        break;
    }
    return z;
}

double reference_slope_at(enum activation act, double z)
{
    if (isinf(z))
        return z > 0 ? 1 : 0;
    if (act == ACTIVATION_GELU)
        return erfc(-z / sqrt(2)) / 2 + z * exp(-z * z / 2) / sqrt(2 * M_PI);
    if (act == ACTIVATION_SILU)
        return (1 + z / (1 + exp(z))) / (1 + exp(-z));
    const double softplus = log1p(exp(z)), sech = 1 / cosh(softplus); /* ACTIVATION_MISH */
    return tanh(softplus) + z / (1 + exp(-z)) * sech * sech;
}

double reference_through_gate(enum activation act, double dx, double of)
{
    switch (act) {
    case ACTIVATION_RELU: /* the slope of NaN is unknown: NaN */
        return of > 0 ? dx : isnan(of) ? of : 0;
    case ACTIVATION_LEAKY:
        return of > 0 ? dx : isnan(of) ? of : 0.01 * dx;
    case ACTIVATION_ELU:
        return of > 0 ? dx : (1 + of) * dx;
    case ACTIVATION_TANH:
        return (1 - of) * (1 + of) * dx;
    case ACTIVATION_SIGMOID:
        return of * (1 - of) * dx;
    case ACTIVATION_GELU:
    case ACTIVATION_SILU:
    case ACTIVATION_MISH:
    case ACTIVATION_NONE:
    case ACTIVATION_COUNT:
        break;
    }
    return activations[act].gate == GATE_SAVED ? dx * of : dx;
}

#define ROWS_AT_ONCE 4

/* Computes four rows of Y, from `first` on: while one sum waits for its last addition, the three others
 * continue. Each sum keeps its order. Beyond the last row of X, that row is used again, and the results are
 * dropped. */
static void forward_rows(const struct tensor *X, const struct linear *layer, const struct epilogue *epilogue,
                         size_t first, struct tensor *Y)
{
    const size_t I = X->columns, last = X->rows - 1;
    const double *const x0 = reference_row(X, first), *const x1 = reference_row(X, size_min(first + 1, last)),
                        *const x2 = reference_row(X, size_min(first + 2, last)),
                        *const x3 = reference_row(X, size_min(first + 3, last));
    for (size_t o = 0; o < Y->columns; o++) {
        const double *const w = reference_row(&layer->W.value, o), b = reference_row(&layer->b.value, 0)[o];
        double z[ROWS_AT_ONCE] = {0};
        for (size_t i = 0; i < I; i++) {
            z[0] += x0[i] * w[i];
            z[1] += x1[i] * w[i];
            z[2] += x2[i] * w[i];
            z[3] += x3[i] * w[i];
        }
        for (size_t r = first; r < size_min(first + ROWS_AT_ONCE, Y->rows); r++) {
            reference_row(Y, r)[o] = reference_activate(epilogue->act, z[r - first] + b);
            if (epilogue->gate)
                reference_row(epilogue->gate, r)[o] = reference_slope_at(epilogue->act, z[r - first] + b);
        }
    }
}

static clm_status reference_forward(struct clm_backend *be, const struct tensor *X,
                                    const struct linear *layer, const struct epilogue *epilogue,
                                    struct tensor *Y, struct clm_error *error)
{
    (void)be, (void)error;
    for (size_t first = 0; first < Y->rows; first += ROWS_AT_ONCE)
        forward_rows(X, layer, epilogue, first, Y);
    return CLM_OK;
}

static clm_status reference_backward_input(struct clm_backend *be, const struct tensor *dZ,
                                           const struct linear *layer, const struct gate *gate,
                                           struct tensor *dX, struct clm_error *error)
{
    (void)be, (void)error;
    for (size_t r = 0; r < dX->rows; r++) {
        double *const dx = reference_row(dX, r);
        for (size_t i = 0; i < dX->columns; i++)
            dx[i] = 0;
        for (size_t o = 0; o < dZ->columns; o++) {
            const double dz = reference_row(dZ, r)[o], *const w = reference_row(&layer->W.value, o);
            for (size_t i = 0; i < dX->columns; i++)
                dx[i] += dz * w[i];
        }
        if (activations[gate->act].gate == GATE_ONE)
            continue;
        for (size_t i = 0; i < dX->columns; i++)
            dx[i] = reference_through_gate(gate->act, dx[i], reference_row(gate->of, r)[i]);
    }
    return CLM_OK;
}

/* dw = Σ_B dZ[·][o] X + penalty W[o], one unit's weights */
static void weight_gradient(const struct tensor *dZ, const struct tensor *X, const double *w, size_t o,
                            double penalty, double *dw)
{
    for (size_t i = 0; i < X->columns; i++)
        dw[i] = 0;
    for (size_t r = 0; r < X->rows; r++) {
        const double dz = reference_row(dZ, r)[o], *const x = reference_row(X, r);
        for (size_t i = 0; i < X->columns; i++)
            dw[i] += dz * x[i];
    }
    for (size_t i = 0; i < X->columns; i++)
        dw[i] += penalty * w[i];
}

/* db = Σ_B dZ[·][o] */
static double reference_bias_gradient(const struct tensor *dZ, size_t o)
{
    double sum = 0;
    for (size_t r = 0; r < dZ->rows; r++)
        sum += reference_row(dZ, r)[o];
    return sum;
}

static clm_status reference_backward_params(struct clm_backend *be, const struct tensor *dZ,
                                            const struct tensor *X, struct linear *layer, double l2,
                                            struct clm_error *error)
{
    (void)be, (void)error;
    for (size_t o = 0; o < dZ->columns; o++) {
        weight_gradient(dZ, X, reference_row(&layer->W.value, o), o, 2 * l2,
                        reference_row(&layer->W.gradient, o));
        reference_row(&layer->b.gradient, 0)[o] = reference_bias_gradient(dZ, o);
    }
    return CLM_OK;
}

/* NAdam's c[t]. */
static double nadam_weight(const struct step *step, size_t t)
{
    return step->beta1 * (1 - pow(0.96, 0.004 * (double)t) / 2);
}

/* c[1] ... c[t], which soon is as small as a number can be. */
static double nadam_product(const struct step *step, size_t t)
{
    double product = 1;
    for (size_t i = 1; i <= t && product > 0; i++)
        product *= nadam_weight(step, i);
    return product;
}

/* The mean of gradients that takes NAdam's step, from Adam's mean and the gradient. */
struct nadam {
    double of_mean, of_gradient;
};

static struct nadam nadam_at(const struct step *step)
{
    const size_t t = step->number;
    return (struct nadam){nadam_weight(step, t + 1) / (1 - nadam_product(step, t + 1)),
                          (1 - nadam_weight(step, t)) / (1 - nadam_product(step, t))};
}

/* The step of one number w with gradient g. */
static void adaptive_step(const struct step *step, const struct nadam *nadam, double g, double *w, double *m,
                          double *v)
{
    const double b1 = step->beta1, b2 = step->beta2, t = (double)step->number;
    *m = b1 * *m + (1 - b1) * g;
    *v = b2 * *v + (1 - b2) * g * g;
    const double mean =
        step->rule == RULE_NADAM ? nadam->of_mean * *m + nadam->of_gradient * g : *m / (1 - pow(b1, t));
    *w -= step->learning_rate * mean / (sqrt(*v / (1 - pow(b2, t))) + step->epsilon);
}

/* -1, 0 or 1; NaN stays NaN */
static double direction_of(double x)
{
    return x == 0 || isnan(x) ? x : copysign(1, x);
}

/* The step of `count` elements of a parameter from `first` on; gradient is theirs, with 2 l2 w. */
static void reference_descend(struct parameter *parameter, size_t first, size_t count, const double *gradient,
                              const struct step *step)
{
    const struct nadam nadam = step->rule == RULE_NADAM ? nadam_at(step) : (struct nadam){0, 0};
    const double l1 = parameter->is_weight ? step->l1 : 0,
                 decay = parameter->is_weight ? step->learning_rate * step->weight_decay : 0;
    const double scale = step->gradient_scale ? *(const double *)step->gradient_scale->memory : 1;
    double *const w = (double *)parameter->value.memory + first, *const v = parameter->state[0].memory,
                  *const squares = parameter->state[1].memory;
    for (size_t i = 0; i < count; i++) {
        const double g = scale * (gradient[i] + (w[i] > 0 ? l1 : w[i] < 0 ? -l1 : 0));
        w[i] *= 1 - decay;
        switch (step->rule) {
        case RULE_SGD:
            w[i] -= step->learning_rate * g;
            break;
        case RULE_MOMENTUM:
            v[first + i] = step->momentum * v[first + i] + g;
            w[i] -= step->learning_rate * v[first + i];
            break;
        case RULE_NESTEROV:
            v[first + i] = step->momentum * v[first + i] + g;
            w[i] -= step->learning_rate * (step->momentum * v[first + i] + g);
            break;
        case RULE_RMSPROP:
            v[first + i] = step->beta2 * v[first + i] + (1 - step->beta2) * g * g;
            w[i] -= step->learning_rate / (sqrt(v[first + i]) + step->epsilon) * g;
            break;
        case RULE_ADAM:
        case RULE_ADAMW:
        case RULE_NADAM:
            adaptive_step(step, &nadam, g, &w[i], &v[first + i], &squares[first + i]);
            break;
        case RULE_LION:
            w[i] -= step->learning_rate * direction_of(step->beta1 * v[first + i] + (1 - step->beta1) * g);
            v[first + i] = step->beta2 * v[first + i] + (1 - step->beta2) * g;
            break;
        case RULE_COUNT:
            break;
        }
    }
}

static clm_status reference_parameter_step(struct clm_backend *be, struct parameter *parameter,
                                           const struct step *step, struct clm_error *error)
{
    (void)be, (void)error;
    const size_t count = parameter->value.rows * parameter->value.columns;
    reference_descend(parameter, 0, count, parameter->gradient.memory, step);
    return CLM_OK;
}

/* Σ g² of one parameter, with the penalty of absolute values */
static double sum_of_squares(const struct parameter *parameter, double l1)
{
    const double *const gradient = parameter->gradient.memory, *const w = parameter->value.memory;
    double sum = 0;
    for (size_t i = 0; i < tensor_elements(&parameter->value); i++) {
        const double sign = w[i] > 0 ? 1 : w[i] < 0 ? -1 : 0;
        const double g = parameter->is_weight ? gradient[i] + l1 * sign : gradient[i];
        sum += g * g;
    }
    return sum;
}

static clm_status reference_clip_factor(struct clm_backend *be, struct parameter *const *list, size_t count,
                                        double l1, double most, struct tensor *factor,
                                        struct clm_error *error)
{
    (void)be, (void)error;
    double sum = 0;
    for (size_t p = 0; p < count; p++)
        sum += sum_of_squares(list[p], l1);
    const double quotient = most / (sqrt(sum) + CLIP_EPSILON);
    *(double *)factor->memory = quotient > 1 ? 1 : quotient;
    return CLM_OK;
}

static clm_status reference_blends(struct clm_backend *be, const struct blend *list, size_t count,
                                   enum blend_way way, double share, struct clm_error *error)
{
    (void)be, (void)error;
    for (size_t b = 0; b < count; b++) {
        double *const into = list[b].into->memory;
        const double *const from = list[b].from->memory;
        for (size_t i = 0; i < tensor_elements(list[b].into); i++)
            switch (way) {
            case BLEND_SET:
                into[i] = share * from[i];
                break;
            case BLEND_ADD:
                into[i] += share * from[i];
                break;
            case BLEND_MEAN:
                into[i] += share * (from[i] - into[i]);
                break;
            }
    }
    return CLM_OK;
}

static clm_status reference_backward_update(struct clm_backend *be, const struct tensor *dZ,
                                            const struct tensor *X, struct linear *layer,
                                            const struct step *step, struct clm_error *error)
{
    const size_t I = X->columns;
    void *memory = NULL;
    const clm_status status = host_allocate(be, I * sizeof(double), &memory, error);
    if (status != CLM_OK)
        return status;
    double *const gradient = memory;
    for (size_t o = 0; o < dZ->columns; o++) {
        weight_gradient(dZ, X, reference_row(&layer->W.value, o), o, 2 * step->l2, gradient);
        reference_descend(&layer->W, o * I, I, gradient, step);
        *gradient = reference_bias_gradient(dZ, o);
        reference_descend(&layer->b, o, 1, gradient, step);
    }
    host_release(be, memory);
    return CLM_OK;
}

static const struct backend_operations operations = {
    .name = "reference",
    HOST_OPERATIONS(double),
    .gather = reference_gather,
    .gather_weights = reference_gather_weights,
    .linear_forward = reference_forward,
    .softmax_xent = reference_softmax_xent,
    .loss_gradient = reference_loss_gradient,
    .softmax = reference_softmax,
    .layer_finish = reference_layer_finish,
    .gate_backward = reference_gate_backward,
    .norm_backward = reference_norm_backward,
    .linear_backward_input = reference_backward_input,
    .linear_backward_params = reference_backward_params,
    .linear_backward_update = reference_backward_update,
    .parameter_step = reference_parameter_step,
    .clip_factor = reference_clip_factor,
    .blends = reference_blends,
};

clm_status reference_open(struct clm_backend **out, struct clm_error *error)
{
    return host_open(&operations, CLM_BACKEND_REFERENCE, "host, double precision", "plain loops", out, error);
}
