/* The loss as a function of one parameter w. In a plain layer only unit o changes, and the layers above it; a
 * layer with norm, dropout or skip is computed as a whole.
 *
 *   d = (f(w + h) - f(w - h)) / 2h = f' + h² f''' / 6 + …      by truncation ± e / h                     by
 *   rounding, if each f is off by e
 *
 * The difference over 2h has four times as much truncation. So |d(2h) - d(h)| is three times the truncation
 * of d(h); all of it counts as error. h is the cube root of e, which makes both errors alike for f''' near 1.
 *
 * If all activations have the same signs at w - 2h and w + 2h, there is no kink in between: the first layer
 * that changes is linear in w, so its signs do not change; then the next one is linear in w; and so on. After
 * a normalisation that is so only to first order; two kinks would have to lie between w - 2h, w - h, w + h
 * and w + 2h, all of which are compared. If signs differ, h is divided by 8 a few times, and the rounding
 * error grows. The penalty's difference is only that of one weight's square, since all others cancel. A loss
 * whose slope jumps where an output is its value has such signs, too: those of output - value. */
#include "check/differences.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHRINKS_MAX 4

static clm_status read_all(const struct tensor *tensor, struct clm_backend *be, double **out,
                           struct clm_error *error)
{
    const size_t bytes = tensor->rows * tensor->columns * sizeof **out;
    *out = malloc(bytes);
    return *out ? backend_read(be, tensor, HOST_DOUBLE, *out, error)
                : clm_fail_host_memory(error, "gradcheck", bytes);
}

static clm_status create_layer(struct differences *d, size_t l, struct clm_error *error)
{
    const struct network *const net = d->net;
    struct clm_backend *const be = net->be;
    struct unmoved_layer *const layer = &d->layers[l];
    const struct tensor *const gate = &net->layers[l].saved_gate;
    clm_status status;
    if ((status = read_all(&net->layers[l].Y, be, &layer->outputs, error)) ||
        (!tensor_is_empty(gate) && (status = read_all(gate, be, &layer->gate, error))) ||
        (status = tensor_create(be, TENSOR_REAL, 1, net->layers[l].spec->inputs, &layer->row, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, 1, &layer->bias, error)))
        return status;
    return tensor_create(be, TENSOR_REAL, net->batch, 1, &layer->column, error);
}

static bool loss_has_kink(const struct loss *loss)
{
    return loss->kind == LOSS_ABSOLUTE || loss->kind == LOSS_QUANTILE;
}

static clm_status read_parameters(struct differences *d, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t n = 0; status == CLM_OK && n < d->parameter_count; n++)
        status = read_all(&network_parameter(d->net, n)->value, d->net->be, &d->parameters[n], error);
    return status;
}

clm_status differences_create(struct network *net, double l2, double loss_error, struct differences *out,
                              struct clm_error *error)
{
    const size_t depth = net->architecture.depth, count = architecture_parameter_count(&net->architecture);
    *out = (struct differences){.net = net,
                                .l2 = l2,
                                .loss_error = fmax(loss_error, DBL_EPSILON),
                                .layers = calloc(depth, sizeof *out->layers),
                                .parameters = calloc(count, sizeof *out->parameters),
                                .parameter_count = count};
    clm_status status = CLM_OK;
    if (!out->layers || !out->parameters)
        status = clm_fail_host_memory(error, "gradcheck", depth * sizeof *out->layers);
    if (status == CLM_OK)
        status = network_forward_in_training(net, net->batch, error);
    if (status == CLM_OK)
        status = read_parameters(out, error);
    for (size_t l = 0; status == CLM_OK && l < depth; l++)
        status = create_layer(out, l, error);
    if (status == CLM_OK && loss_has_kink(&net->architecture.loss))
        status = read_all(&net->values, net->be, &out->values, error);
    if (status == CLM_OK)
        status = metrics_create(net->be, &out->sums, error);
    if (status != CLM_OK)
        differences_free(out);
    return status;
}

void differences_free(struct differences *d)
{
    for (size_t l = 0; d->layers && l < d->net->architecture.depth; l++) {
        struct unmoved_layer *const layer = &d->layers[l];
        free(layer->outputs);
        free(layer->gate);
        tensor_free(d->net->be, &layer->row);
        tensor_free(d->net->be, &layer->bias);
        tensor_free(d->net->be, &layer->column);
    }
    if (d->net)
        metrics_free(d->net->be, &d->sums);
    for (size_t n = 0; d->parameters && n < d->parameter_count; n++)
        free(d->parameters[n]);
    free(d->parameters);
    free(d->layers);
    free(d->values);
    *d = (struct differences){0};
}

/* The parameter that moves: element `at` of the nth tensor, which is of layer l. */
struct moved_parameter {
    size_t n, at, l;
    bool is_weight;
};

static struct moved_parameter moved_parameter_of(const struct network *net, size_t n, size_t at)
{
    const struct parameter_spec spec = architecture_parameter(&net->architecture, n);
    return (struct moved_parameter){n, at, spec.layer, spec.is_weight};
}

static enum activation activation_of(const struct network *net, size_t l)
{
    return net->layers[l].spec->activation;
}

/* What layer l multiplies. */
static const struct tensor *inputs_of(const struct network *net, size_t l)
{
    return l ? &net->layers[l - 1].Y : &net->X;
}

/* Computes the outputs of the unit that has the parameter, and puts them into those of its layer, which is
 * plain. */
static clm_status move_unit(struct differences *d, const struct moved_parameter *p, struct clm_error *error)
{
    struct network *const net = d->net;
    const size_t B = net->batch, I = net->layers[p->l].spec->inputs, O = net->layers[p->l].spec->outputs,
                 first = architecture_first_parameter(&net->architecture, p->l),
                 o = p->is_weight ? p->at / I : p->at;
    struct unmoved_layer *const layer = &d->layers[p->l];
    struct linear unit = {.W.value = layer->row, .b.value = layer->bias};
    double *const w = d->parameters[first] + o * I, *const b = d->parameters[first + 1] + o;
    double *const column = calloc(B, sizeof *column);
    double *const outputs = malloc(B * O * sizeof *outputs);
    clm_status status = CLM_OK;
    if (!column || !outputs)
        status = clm_fail_host_memory(error, "gradcheck", B * O * sizeof *outputs);
    if (!status && !(status = backend_write(net->be, &unit.W.value, HOST_DOUBLE, w, error)) &&
        !(status = backend_write(net->be, &unit.b.value, HOST_DOUBLE, b, error)) &&
        !(status = linear_forward(net->be, inputs_of(net, p->l), &unit, EPILOGUE(activation_of(net, p->l)),
                                  &layer->column, error)) &&
        !(status = backend_read(net->be, &layer->column, HOST_DOUBLE, column, error))) {
        memcpy(outputs, layer->outputs, B * O * sizeof *outputs);
        for (size_t r = 0; r < B; r++)
            outputs[r * O + o] = column[r];
        status = backend_write(net->be, &net->layers[p->l].Y, HOST_DOUBLE, outputs, error);
    }
    free(column);
    free(outputs);
    return status;
}

/* The same for a layer that is not plain, all of whose outputs may change. */
static clm_status move_layer(struct differences *d, const struct moved_parameter *p, struct clm_error *error)
{
    struct network *const net = d->net;
    struct tensor *const value = &network_parameter(net, p->n)->value;
    const clm_status status = backend_write(net->be, value, HOST_DOUBLE, d->parameters[p->n], error);
    return status ? status : layer_forward(net->be, &net->layers[p->l], inputs_of(net, p->l), true, error);
}

static clm_status move_parameter(struct differences *d, const struct moved_parameter *p, double to,
                                 struct clm_error *error)
{
    double *const value = &d->parameters[p->n][p->at];
    const double unmoved = *value;
    *value = to;
    const clm_status status =
        layer_is_plain(d->net->layers[p->l].spec) ? move_unit(d, p, error) : move_layer(d, p, error);
    *value = unmoved;
    return status;
}

/* Whether the slope of act jumps where its output changes its sign. */
static bool has_kink(enum activation act)
{
    return isinf(activations[act].bend_most);
}

/* Whether a layer's activations have the signs of the unmoved net. A saved gate says it, because with a kink
 * it has one value below 0 and another above. */
static clm_status compare_signs(struct differences *d, size_t l, bool *is_same, struct clm_error *error)
{
    const struct layer *const layer = &d->net->layers[l];
    const double *const gate = d->layers[l].gate, *const outputs = d->layers[l].outputs;
    double *now = NULL;
    const clm_status status = read_all(gate ? &layer->saved_gate : &layer->Y, d->net->be, &now, error);
    for (size_t i = 0; status == CLM_OK && i < d->net->batch * layer->spec->outputs; i++)
        *is_same = *is_same && (gate ? now[i] == gate[i] : (now[i] > 0) == (outputs[i] > 0));
    free(now);
    return status;
}

/* The same for the hidden layers l and above, if it matters. */
static clm_status has_same_signs(struct differences *d, size_t l, bool *is_same, struct clm_error *error)
{
    const struct network *const net = d->net;
    clm_status status = CLM_OK;
    for (; status == CLM_OK && *is_same && l + 1 < net->architecture.depth; l++)
        if (has_kink(activation_of(net, l)))
            status = compare_signs(d, l, is_same, error);
    return status;
}

/* Whether each output is on the side of its value where the unmoved net has it, if that matters. */
static clm_status has_same_sides(struct differences *d, bool *is_same, struct clm_error *error)
{
    const struct network *const net = d->net;
    const size_t last = net->architecture.depth - 1, Q = loss_quantiles(&net->architecture.loss),
                 count = net->batch * net->layers[last].spec->outputs;
    double *now = NULL;
    if (!d->values || !*is_same)
        return CLM_OK;
    const clm_status status = read_all(&net->layers[last].Y, net->be, &now, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        *is_same = *is_same && (now[i] > d->values[i / Q]) == (d->layers[last].outputs[i] > d->values[i / Q]);
    free(now);
    return status;
}

/* The mean loss with the parameter at `at`. *is_same becomes false if a sign changes. Leaves the outputs
 * below layer l unchanged. */
static clm_status loss_at(struct differences *d, const struct moved_parameter *p, double at, double *loss,
                          bool *is_same, struct clm_error *error)
{
    struct network *const net = d->net;
    struct target_views views;
    struct mixture mixture;
    size_t correct;
    clm_status status = move_parameter(d, p, at, error);
    for (size_t l = p->l + 1; status == CLM_OK && l < net->architecture.depth; l++)
        status = layer_forward(net->be, &net->layers[l], inputs_of(net, l), true, error);
    const struct targets targets = network_targets(net, net->batch, &views, &mixture);
    if (status || (status = has_same_signs(d, p->l, is_same, error)) ||
        (status = has_same_sides(d, is_same, error)) || (status = metrics_reset(net->be, &d->sums, error)) ||
        (status = loss_gradient(net->be, &net->architecture.loss, &net->layers[net->architecture.depth - 1].Y,
                                &targets, NULL, &d->sums, error)) ||
        (status = metrics_read(net->be, &d->sums, loss, &correct, error)))
        return status;
    *loss /= (double)net->batch;
    return CLM_OK;
}

/* (f(w + h) - f(w - h)) / 2h, with the distance as rounded to double. */
static clm_status quotient(struct differences *d, const struct moved_parameter *p, double w, double h,
                           double *out, bool *is_same, struct clm_error *error)
{
    const double above = w + h, below = w - h;
    const double penalty =
        p->is_weight ? d->l2 * (above + below) : 0; /* (above² - below²) / (above - below) */
    double f_above, f_below;
    clm_status status;
    if ((status = loss_at(d, p, above, &f_above, is_same, error)) ||
        (status = loss_at(d, p, below, &f_below, is_same, error)))
        return status;
    *out = (f_above - f_below) / (above - below) + penalty;
    return CLM_OK;
}

/* Restores the parameter, and the unmoved outputs of its layer, from which the layers above are moved. */
static clm_status restore(struct differences *d, const struct moved_parameter *p, struct clm_error *error)
{
    struct network *const net = d->net;
    clm_status status =
        backend_write(net->be, &network_parameter(net, p->n)->value, HOST_DOUBLE, d->parameters[p->n], error);
    for (size_t l = p->l; status == CLM_OK && l < net->architecture.depth; l++)
        status = backend_write(net->be, &net->layers[l].Y, HOST_DOUBLE, d->layers[l].outputs, error);
    return status;
}

clm_status difference_of(struct differences *d, size_t n, size_t at, struct difference *out,
                         struct clm_error *error)
{
    const struct moved_parameter p = moved_parameter_of(d->net, n, at);
    const double w = d->parameters[n][at];
    double h = cbrt(d->loss_error);
    clm_status status = CLM_OK;
    *out = (struct difference){.value = NAN, .error = NAN};
    for (int shrink = 0; status == CLM_OK && !out->is_smooth && shrink <= SHRINKS_MAX; shrink++, h /= 8) {
        bool is_same = true;
        double wide = 0;
        if ((status = quotient(d, &p, w, 2 * h, &wide, &is_same, error)) || !is_same)
            continue;
        status = quotient(d, &p, w, h, &out->value, &is_same, error);
        out->is_smooth = status == CLM_OK && is_same;
        out->error = fabs(wide - out->value) + d->loss_error / h + 8 * DBL_EPSILON * fabs(out->value);
    }
    return status ? status : restore(d, &p, error);
}
