/* The blas backend: float, products by CBLAS on all cores. The step needs no gradient buffer: alpha and beta
 * of the product carry the step (W = beta W + alpha dZᵀ X), or the velocity's decay. */
#include "compute/blas/blas.h"

#include "base/size.h"
#include "base/threads.h"

#include <cblas.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#undef I /* complex.h, which cblas.h includes, takes the name of a layer's inputs */

/* x = (value - mean) * scale of a whole row n. */
static void gather_row(const struct resident *data, size_t n, float *x)
{
    const size_t I = data->values.columns;
    const float *const mean = data->mean.memory, *const scale = data->scale.memory;
    if (data->values.type == TENSOR_BYTE) {
        const uint8_t *const bytes = (const uint8_t *)data->values.memory + n * I;
        for (size_t i = 0; i < I; i++)
            x[i] = ((float)bytes[i] - mean[i]) * scale[i];
    } else {
        const float *const values = blas_row(&data->values, n);
        for (size_t i = 0; i < I; i++)
            x[i] = (values[i] - mean[i]) * scale[i];
    }
}

/* Elements first … first + count - 1 of row n, normalised and changed, not yet mixed. */
static void blas_change_run(const struct resident *data, size_t n, const struct row_change *change,
                            size_t first, size_t count, float *x)
{
    const float *const mean = data->mean.memory, *const scale = data->scale.memory;
    const struct clm_augmentation *const changes = &change->of->changes;
    const uint8_t *const bytes = (const uint8_t *)data->values.memory + n * data->values.columns;
    const float *const values = blas_row(&data->values, n), noise = (float)changes->noise;
    const bool is_bytes = data->values.type == TENSOR_BYTE, moves = augmentation_moves(changes);
    double normals[NOISE_RUN];
    for (size_t k = 0; k < count; k++) {
        const size_t i = first + k, from = moves ? row_change_source(change, i) : i;
        const float raw = from == OUTSIDE ? 0 : is_bytes ? (float)bytes[from] : values[from];
        x[k] = (raw - mean[i]) * scale[i];
    }
    if (noise > 0) {
        row_change_normals(change, first, normals);
        for (size_t k = 0; k < count; k++)
            x[k] += noise * (float)normals[k];
    }
    for (size_t k = 0; changes->cutout && k < count; k++)
        if (row_change_is_cut(change, first + k))
            x[k] = 0;
}

/* Writes row r of X from the data set's row n, changed; mixup adds the batch's row `other`, row other_n. */
static void blas_gather_changed(const struct resident *data, const struct augmentation *a, double share,
                                size_t n, size_t r, size_t other_n, size_t other, struct tensor *X)
{
    const struct row_change change = row_change(a, r), other_change = row_change(a, other);
    const float own = (float)share, rest = (float)(1 - share);
    for (size_t first = 0; first < X->columns; first += NOISE_RUN) {
        const size_t count = size_min(NOISE_RUN, X->columns - first);
        float *const x = blas_row(X, r) + first, y[NOISE_RUN];
        blas_change_run(data, n, &change, first, count, x);
        if (!(a->changes.mixup > 0))
            continue;
        blas_change_run(data, other_n, &other_change, first, count, y);
        for (size_t k = 0; k < count; k++)
            x[k] = own * x[k] + rest * y[k];
    }
}

static clm_status blas_gather(struct clm_backend *be, const struct resident *data, const struct tensor *order,
                              size_t first, const struct augmentation *a, struct tensor *X,
                              struct tensor *labels, struct clm_error *error)
{
    (void)be, (void)error;
    const uint32_t *const from = data->labels.memory, *const numbers = order ? order->memory : NULL;
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
            blas_gather_changed(data, a, share, n, r, other_n, other, X);
        else
            gather_row(data, n, blas_row(X, r));
    }
    return CLM_OK;
}

static clm_status blas_gather_weights(struct clm_backend *be, const struct tensor *weights,
                                      const struct tensor *order, size_t first, size_t turn,
                                      struct tensor *out, struct clm_error *error)
{
    (void)be, (void)error;
    const uint32_t *const numbers = order ? order->memory : NULL;
    const float *const from = weights->memory;
    float *const to = out->memory;
    const size_t B = out->columns;
    for (size_t r = 0; r < B; r++) {
        const size_t place = first + (r + turn) % B;
        to[r] = from[numbers ? numbers[place] : place];
    }
    return CLM_OK;
}

/* C (M,N) = alpha op(A) op(B) + beta C, with op(A) (M,K); CBLAS counts in int. */
static clm_status blas_multiply(const char *purpose, CBLAS_TRANSPOSE a, CBLAS_TRANSPOSE b, size_t M, size_t N,
                                size_t K, float alpha, const struct tensor *A, const struct tensor *B,
                                float beta, struct tensor *C, struct clm_error *error)
{
    if (M > INT_MAX || N > INT_MAX || K > INT_MAX)
        return clm_fail(error, CLM_ERROR_SHAPE,
                        "%s: a product of %zu x %zu x %zu is over what BLAS counts (%d)", purpose, M, N, K,
                        INT_MAX);
    cblas_sgemm(CblasRowMajor, a, b, (int)M, (int)N, (int)K, alpha, A->memory, (int)A->columns, B->memory,
                (int)B->columns, beta, C->memory, (int)N);
    return CLM_OK;
}

/* act(z), and *gate = act'(z). They end with the limits at both infinities: 0 and z, slopes 0 and 1. */
static float blas_gelu(float z, float *gate)
{
    const float share = 0.5F * erfcf(-(float)M_SQRT1_2 * z);
    *gate = isinf(z) ? share : share + z * (0.398942280F * expf(-0.5F * z * z));
    return share == 0 ? 0 : z * share;
}

static float blas_silu(float z, float *gate)
{
    const float e = expf(-fabsf(z)), near = 1 / (1 + e), rest = e / (1 + e);
    const float share = z < 0 ? rest : near;
    *gate = e == 0 ? share : share + z * near * rest;
    return share == 0 ? 0 : z * share;
}

/* With e = exp(-|z|), tanh(log(1 + exp(z))) is (1 + 2 e) / all, or e (2 + e) / all if z is negative. Its
 * derivative is 4 e² (1 + e) / all², or 4 e (1 + e) / all². */
static float blas_mish(float z, float *gate)
{
    const float e = expf(-fabsf(z)), all = z < 0 ? 2 + e * (2 + e) : 1 + 2 * e * (1 + e);
    const float share = (z < 0 ? e * (2 + e) : 1 + 2 * e) / all;
    *gate = e == 0 ? share : share + z * (4 * e * (z < 0 ? 1 : e) * (1 + e) / (all * all));
    return share == 0 ? 0 : z * share;
}

static float blas_sigmoid(float z)
{
    const float e = expf(-fabsf(z));
    return (z < 0 ? e : 1) / (1 + e);
}

/* act(z). Those that have a gate to save also set *gate. NaN stays NaN. */
static float blas_act(enum activation act, float z, float *gate)
{
    switch (act) {
    case ACTIVATION_RELU:
        return z < 0 ? 0 : z;
    case ACTIVATION_LEAKY:
        return z < 0 ? 0.01F * z : z;
    case ACTIVATION_ELU:
        return z > 0 ? z : expm1f(z);
    case ACTIVATION_TANH:
        return tanhf(z);
    case ACTIVATION_SIGMOID:
        return blas_sigmoid(z);
    case ACTIVATION_GELU:
        return blas_gelu(z, gate);
    case ACTIVATION_SILU:
        return blas_silu(z, gate);
    case ACTIVATION_MISH:
        return blas_mish(z, gate);
    case ACTIVATION_NONE:
    case ACTIVATION_COUNT:
        break;
    }
    return z;
}

void blas_activate(enum activation act, size_t count, float *y, float *gate)
{
    float unsaved;
    if (act == ACTIVATION_RELU) /* a loop of its own, which becomes vectors */
        for (size_t i = 0; i < count; i++)
            y[i] = y[i] < 0 ? 0 : y[i];
    else if (act != ACTIVATION_NONE)
        for (size_t i = 0; i < count; i++)
            y[i] = blas_act(act, y[i], gate ? &gate[i] : &unsaved);
}

void blas_through_gate(enum activation act, size_t count, const float *of, float *dx)
{
    switch (act) {
    case ACTIVATION_RELU: /* if y is NaN, the slope is unknown: NaN */
        for (size_t i = 0; i < count; i++)
            dx[i] = of[i] > 0 ? dx[i] : isnan(of[i]) ? of[i] : 0;
        break;
    case ACTIVATION_LEAKY:
        for (size_t i = 0; i < count; i++)
            dx[i] = of[i] > 0 ? dx[i] : isnan(of[i]) ? of[i] : 0.01F * dx[i];
        break;
    case ACTIVATION_ELU:
        for (size_t i = 0; i < count; i++)
            dx[i] = of[i] > 0 ? dx[i] : dx[i] * (of[i] + 1);
        break;
    case ACTIVATION_TANH:
        for (size_t i = 0; i < count; i++)
            dx[i] *= (1 - of[i]) * (1 + of[i]);
        break;
    case ACTIVATION_SIGMOID:
        for (size_t i = 0; i < count; i++)
            dx[i] *= of[i] * (1 - of[i]);
        break;
    case ACTIVATION_GELU:
    case ACTIVATION_SILU:
    case ACTIVATION_MISH:
    case ACTIVATION_NONE:
    case ACTIVATION_COUNT:
        break;
    }
    for (size_t i = 0; activations[act].gate == GATE_SAVED && i < count; i++)
        dx[i] *= of[i];
}

/* What follows the product of linear_forward: its epilogue, the bias, and the rows. */
struct row_ends {
    const struct epilogue *epilogue;
    const float *b;
    struct tensor *Y;
};

static void end_rows(void *context, size_t first, size_t end)
{
    const struct row_ends *const ends = context;
    const struct epilogue *const epilogue = ends->epilogue;
    const size_t O = ends->Y->columns;
    for (size_t r = first; r < end; r++) {
        float *const y = blas_row(ends->Y, r);
        for (size_t o = 0; o < O; o++)
            y[o] += ends->b[o];
        blas_activate(epilogue->act, O, y, epilogue->gate ? blas_row(epilogue->gate, r) : NULL);
    }
}

/* Rows that are worth a thread: activations that call functions take some ten times as long as a sum, and
 * starting a thread takes as long as thousands of them. */
#define ELEMENTS_OF_A_THREAD ((size_t)8192)

static size_t rows_of_a_thread(enum activation act, size_t columns)
{
    const bool is_short = act == ACTIVATION_NONE || act == ACTIVATION_RELU || act == ACTIVATION_LEAKY;
    return is_short ? SIZE_MAX : divide_up(ELEMENTS_OF_A_THREAD, columns);
}

static clm_status blas_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                               const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error)
{
    (void)be;
    const size_t B = Y->rows, O = Y->columns;
    const clm_status status = blas_multiply("linear_forward", CblasNoTrans, CblasTrans, B, O, X->columns, 1,
                                            X, &layer->W.value, 0, Y, error);
    if (status != CLM_OK)
        return status;
    struct row_ends ends = {epilogue, layer->b.value.memory, Y};
    work_in_ranges(B, rows_of_a_thread(epilogue->act, O), end_rows, &ends);
    return CLM_OK;
}

static clm_status blas_backward_input(struct clm_backend *be, const struct tensor *dZ,
                                      const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                      struct clm_error *error)
{
    (void)be;
    const clm_status status = blas_multiply("linear_backward_input", CblasNoTrans, CblasNoTrans, dX->rows,
                                            dX->columns, dZ->columns, 1, dZ, &layer->W.value, 0, dX, error);
    if (status == CLM_OK && activations[gate->act].gate != GATE_ONE)
        blas_through_gate(gate->act, tensor_elements(dX), gate->of->memory, dX->memory);
    return status;
}

/* db = Σ_B dZ, added to beta db, row by row */
static void blas_bias_gradient(const struct tensor *dZ, float beta, struct tensor *db)
{
    float *const sums = db->memory;
    for (size_t o = 0; o < dZ->columns; o++)
        sums[o] = beta == 0 ? 0 : beta * sums[o];
    for (size_t r = 0; r < dZ->rows; r++)
        for (size_t o = 0; o < dZ->columns; o++)
            sums[o] += blas_row(dZ, r)[o];
}

static clm_status blas_backward_params(struct clm_backend *be, const struct tensor *dZ,
                                       const struct tensor *X, struct linear *layer, double l2,
                                       struct clm_error *error)
{
    (void)be;
    struct tensor *const dW = &layer->W.gradient;
    const clm_status status = blas_multiply("linear_backward_params", CblasTrans, CblasNoTrans, dW->rows,
                                            dW->columns, dZ->rows, 1, dZ, X, 0, dW, error);
    if (status != CLM_OK)
        return status;
    const float *const w = layer->W.value.memory, penalty = (float)(2 * l2);
    float *const dw = dW->memory;
    for (size_t i = 0; l2 != 0 && i < tensor_elements(dW); i++)
        dw[i] += penalty * w[i];
    blas_bias_gradient(dZ, 0, &layer->b.gradient);
    return CLM_OK;
}

/* v += penalty w, w -= rate v. If the penalty is 0, v does not change, even if w is not finite. */
static void momentum_step(struct parameter *parameter, float rate, float penalty)
{
    float *const w = parameter->value.memory, *const v = parameter->state[0].memory;
    for (size_t i = 0; i < tensor_elements(&parameter->value); i++) {
        v[i] += penalty != 0 ? penalty * w[i] : 0;
        w[i] -= rate * v[i];
    }
}

/* b = b - rate Σ_B dZ */
static void sgd_bias(const struct tensor *dZ, float rate, struct tensor *b)
{
    for (size_t o = 0; o < dZ->columns; o++) {
        float sum = 0;
        for (size_t r = 0; r < dZ->rows; r++)
            sum += blas_row(dZ, r)[o];
        blas_row(b, 0)[o] -= rate * sum;
    }
}

/* A product can add the gradient directly to W, or to the velocity. */
static bool blas_fuses_step(const struct clm_backend *be, enum rule rule)
{
    (void)be;
    return rule == RULE_SGD || rule == RULE_MOMENTUM;
}

static clm_status blas_backward_update(struct clm_backend *be, const struct tensor *dZ,
                                       const struct tensor *X, struct linear *layer, const struct step *step,
                                       struct clm_error *error)
{
    (void)be;
    const char *const here = "linear_backward_update";
    const size_t B = dZ->rows, O = dZ->columns, I = X->columns;
    const float rate = (float)step->learning_rate, momentum = (float)step->momentum;
    const float decay = (float)(1 - 2 * step->learning_rate * step->l2);
    clm_status status = CLM_OK;
    switch (step->rule) {
    case RULE_SGD:
        status = blas_multiply(here, CblasTrans, CblasNoTrans, O, I, B, -rate, dZ, X, decay, &layer->W.value,
                               error);
        if (status == CLM_OK)
            sgd_bias(dZ, rate, &layer->b.value);
        break;
    case RULE_MOMENTUM:
        status = blas_multiply(here, CblasTrans, CblasNoTrans, O, I, B, 1, dZ, X, momentum,
                               &layer->W.state[0], error);
        if (status != CLM_OK)
            return status;
        momentum_step(&layer->W, rate, (float)(2 * step->l2));
        blas_bias_gradient(dZ, momentum, &layer->b.state[0]);
        momentum_step(&layer->b, rate, 0);
        break;
    default: /* see blas_fuses_step */
        break;
    }
    return status;
}

/* The numbers of a step as its loops use them: computed in double, then rounded once. */
struct blas_step {
    float rate, momentum, beta1, own1, beta2, own2, epsilon; /* own: 1 - beta, the share of the gradient */
    float gradient_rate, scale; /* of NAdam's gradient; of the root of the mean square */
    float l1, kept;
    float factor; /* of the gradient and its penalty */
};

/* NAdam: shares of step t and of the next one, and the product of all shares up to t. */
static void blas_nadam(const struct step *step, struct blas_step *out)
{
    double share = 0, product = 1;
    for (size_t i = 1; i <= step->number && product > 1e-18; i++) {
        share = step->beta1 - step->beta1 / 2 * exp(0.004 * (double)i * log(0.96));
        product *= share;
    }
    share = step->beta1 - step->beta1 / 2 * exp(0.004 * (double)step->number * log(0.96));
    const double next = step->beta1 - step->beta1 / 2 * exp(0.004 * (double)(step->number + 1) * log(0.96));
    out->gradient_rate = (float)((1 - share) * step->learning_rate / (1 - product));
    out->rate = (float)(next * step->learning_rate / (1 - product * next));
}

static struct blas_step blas_step_of(const struct step *step, bool is_weight)
{
    const double t = (double)step->number, rate = step->learning_rate;
    struct blas_step s = {.rate = (float)rate,
                          .momentum = (float)step->momentum,
                          .beta1 = (float)step->beta1,
                          .own1 = (float)(1 - step->beta1),
                          .beta2 = (float)step->beta2,
                          .own2 = (float)(1 - step->beta2),
                          .epsilon = (float)step->epsilon,
                          .l1 = is_weight ? (float)step->l1 : 0,
                          .kept = is_weight ? (float)(1 - rate * step->weight_decay) : 1,
                          .factor = step->gradient_scale ? blas_row(step->gradient_scale, 0)[0] : 1};
    if (step->rule == RULE_ADAM || step->rule == RULE_ADAMW)
        s.rate = (float)(rate / (1 - pow(step->beta1, t)));
    if (step->rule == RULE_NADAM)
        blas_nadam(step, &s);
    if (rules[step->rule].states > 1)
        s.scale = (float)sqrt(1 / (1 - pow(step->beta2, t)));
    return s;
}

/* -1, 0 or 1; NaN stays NaN */
static float blas_sign(float x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

/* The gradient with the penalty of absolute values, and scaled; also decays the weight. */
static float blas_penalise(const struct blas_step *s, float g, float *w)
{
    const float before = *w;
    *w *= s->kept;
    return s->factor * (s->l1 != 0 && !isnan(before) ? g + s->l1 * blas_sign(before) : g);
}

/* The rules without squares. */
static void blas_roll(enum rule rule, const struct blas_step *s, size_t count, const float *gradient,
                      float *w, float *m)
{
    for (size_t i = 0; i < count; i++) {
        const float g = blas_penalise(s, gradient[i], &w[i]);
        if (rule == RULE_SGD) {
            w[i] -= s->rate * g;
        } else if (rule == RULE_LION) {
            w[i] -= s->rate * blas_sign(s->beta1 * m[i] + s->own1 * g);
            m[i] = s->beta2 * m[i] + s->own2 * g;
        } else {
            m[i] = s->momentum * m[i] + g;
            w[i] -= s->rate * (rule == RULE_NESTEROV ? g + s->momentum * m[i] : m[i]);
        }
    }
}

static void blas_rmsprop(const struct blas_step *s, size_t count, const float *gradient, float *w,
                         float *square)
{
    for (size_t i = 0; i < count; i++) {
        const float g = blas_penalise(s, gradient[i], &w[i]);
        square[i] = s->beta2 * square[i] + s->own2 * g * g;
        w[i] -= s->rate * g / (sqrtf(square[i]) + s->epsilon);
    }
}

/* gradient_rate is 0 for all rules but NAdam, so that an infinite g does not meet 0. */
static void blas_adam(const struct blas_step *s, size_t count, const float *gradient, float *w, float *m,
                      float *v)
{
    for (size_t i = 0; i < count; i++) {
        const float g = blas_penalise(s, gradient[i], &w[i]);
        m[i] = s->beta1 * m[i] + s->own1 * g;
        v[i] = s->beta2 * v[i] + s->own2 * g * g;
        const float step = s->rate * m[i] + (s->gradient_rate != 0 ? s->gradient_rate * g : 0);
        w[i] -= step / (s->scale * sqrtf(v[i]) + s->epsilon);
    }
}

static clm_status blas_parameter_step(struct clm_backend *be, struct parameter *parameter,
                                      const struct step *step, struct clm_error *error)
{
    (void)be, (void)error;
    const size_t count = tensor_elements(&parameter->value);
    const struct blas_step s = blas_step_of(step, parameter->is_weight);
    const float *const g = parameter->gradient.memory;
    float *const w = parameter->value.memory, *const m = parameter->state[0].memory;
    if (step->rule == RULE_RMSPROP)
        blas_rmsprop(&s, count, g, w, m);
    else if (rules[step->rule].states > 1)
        blas_adam(&s, count, g, w, m, parameter->state[1].memory);
    else
        blas_roll(step->rule, &s, count, g, w, m);
    return CLM_OK;
}

/* In double, which loses nothing and never is too small for the sum. */
static clm_status blas_clip_factor(struct clm_backend *be, struct parameter *const *list, size_t count,
                                   double l1, double most, struct tensor *factor, struct clm_error *error)
{
    (void)be, (void)error;
    double squares = 0;
    for (size_t p = 0; p < count; p++) {
        const float *const g = list[p]->gradient.memory, *const w = list[p]->value.memory;
        const float penalty = list[p]->is_weight ? (float)l1 : 0;
        for (size_t i = 0; i < tensor_elements(&list[p]->value); i++) {
            const float penalised = g[i] + (penalty != 0 && !isnan(w[i]) ? penalty * blas_sign(w[i]) : 0);
            squares += (double)penalised * (double)penalised;
        }
    }
    const double length = sqrt(squares) + CLIP_EPSILON;
    blas_row(factor, 0)[0] = most > length ? 1 : (float)(most / length);
    return CLM_OK;
}

static clm_status blas_blends(struct clm_backend *be, const struct blend *list, size_t count,
                              enum blend_way way, double share, struct clm_error *error)
{
    (void)be, (void)error;
    const float s = (float)share;
    for (const struct blend *b = list; b < list + count; b++) {
        const size_t elements = tensor_elements(b->into);
        const float *const y = b->from->memory;
        float *const x = b->into->memory;
        if (way == BLEND_SET)
            for (size_t i = 0; i < elements; i++)
                x[i] = s * y[i];
        else if (way == BLEND_ADD)
            for (size_t i = 0; i < elements; i++)
                x[i] = x[i] + s * y[i];
        else
            for (size_t i = 0; i < elements; i++)
                x[i] = x[i] + s * (y[i] - x[i]);
    }
    return CLM_OK;
}

static const struct backend_operations operations = {
    .name = "blas",
    HOST_OPERATIONS(float),
    .gather = blas_gather,
    .gather_weights = blas_gather_weights,
    .linear_forward = blas_forward,
    .softmax_xent = blas_softmax_xent,
    .loss_gradient = blas_loss_gradient,
    .softmax = blas_softmax,
    .layer_finish = blas_layer_finish,
    .gate_backward = blas_gate_backward,
    .norm_backward = blas_norm_backward,
    .linear_backward_input = blas_backward_input,
    .linear_backward_params = blas_backward_params,
    .fuses_step = blas_fuses_step,
    .linear_backward_update = blas_backward_update,
    .parameter_step = blas_parameter_step,
    .clip_factor = blas_clip_factor,
    .blends = blas_blends,
};

/* Each thread that multiplies takes a block of addresses with its first product, and keeps it. If there are
 * too few, OpenBLAS tries again for ever. */
#define BLOCK_BYTES ((size_t)129 << 20)

static clm_status check_addresses(struct clm_error *error)
{
    const int access = PROT_NONE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
              no_file = -1; /* as anonymous memory needs it */
    /* cppcheck-suppress invalidFunctionArg */
    void *const block = mmap(NULL, BLOCK_BYTES, access, flags, no_file, 0);
    if (block != MAP_FAILED && !munmap(block, BLOCK_BYTES))
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_MEMORY, "backend",
        "OpenBLAS needs %zu MiB of addresses for each thread (%d here), and this process has not as much left (%s); raise the limit on them (ulimit -v), or take the reference backend",
        BLOCK_BYTES >> 20, openblas_get_num_threads(), strerror(errno));
}

/* Makes a product that is large enough to take the block, which then is there for all others. */
static void take_block(void)
{
    enum { N = 128 };
    static const float zeros[N * N];
    float result[N * N];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, N, N, 1, zeros, N, zeros, N, 0, result, N);
}

clm_status blas_open(struct clm_backend **out, struct clm_error *error)
{
    char device[128];
    const clm_status status = check_addresses(error);
    if (status != CLM_OK)
        return status;
    take_block();
    snprintf(device, sizeof device, "host, %s core, %d threads", openblas_get_corename(),
             openblas_get_num_threads());
    return host_open(&operations, CLM_BACKEND_BLAS, device, "OpenBLAS", out, error);
}
