/* clm_gradcheck: the reference's gradients against central differences, and a backend's against the
 * reference's. */
#include "base/philox.h"
#include "base/size.h"
#include "check/differences.h"
#include "data/data.h"
#include "nn/network.h"
#include "nn/targets.h"
#include "nn/weights.h"
#include "prove/bounds/bounds.h"
#include "prove/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double's rounding in units of a float's, 2^-53 / 2^-24, times two for errors that are not linear in
 * it. */
#define DOUBLE_TO_FLOAT 0x1p-28

/* One tensor's gradient as read, and its errors, which are zeros except on the bounds' side. */
struct gradient {
    double *values, *errors;
};

/* A net on one backend, and its gradients. */
struct gradient_side {
    struct network net;
    struct gradient *read; /* of each parameter */
    struct metrics sums;
};

struct gradcheck {
    const struct clm_gradcheck_options *options;
    struct clm_model *model;
    float *X;                   /* (batch, inputs) */
    uint32_t *labels;           /* (batch) */
    float *values;              /* (batch, targets), as the net sees them; NULL: the loss is of labels */
    struct row_weights weights; /* of the batch and what else is in the training part; or empty */
    struct clm_backend *bounds;
    struct gradient_side device, right; /* right: on the bounds, whose values are the reference's */
    struct network reference;           /* moved by the differences */
    struct differences differences;
};

/* ---- the net, its inputs, and its gradients on both sides ---- */

static clm_status check_options(const struct clm_gradcheck_options *options, const struct clm_model *model,
                                struct clm_error *error)
{
    const struct clm_data *const data = options->data;
    if (!options->batch || !options->samples)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "gradcheck: %zu rows and %zu samples; there has to be at least one of each",
                        options->batch, options->samples);
    if (!(options->l2 >= 0 && isfinite(options->l2)))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "gradcheck: a penalty of %g; it has to be 0 or more",
                        options->l2);
    if (!data)
        return CLM_OK;
    if (options->batch > data->train.count)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "batch",
                                "gradcheck: a batch of %zu rows of a training set of %zu; take a smaller one",
                                options->batch, data->train.count);
    const clm_status status = data_check_labels(data, CLM_TRAIN, error);
    return status == CLM_OK ? clm_check_fit(model, data, error) : status;
}

/* One input, computed as gather does. */
static float normalised(const struct clm_model *model, const struct clm_data *data, size_t at)
{
    const size_t i = at % data->features;
    const float raw = data->element == ELEMENT_BYTE ? (float)((const uint8_t *)data->train.values)[at]
                                                    : ((const float *)data->train.values)[at];
    return (raw - model->mean[i]) * model->scale[i];
}

static void fill_inputs(struct gradcheck *g)
{
    const struct clm_data *const data = g->options->data;
    const size_t B = g->options->batch, I = clm_model_width(g->model, 0),
                 C = clm_model_width(g->model, clm_model_depth(g->model));
    struct philox random = philox_start(g->options->seed, RANDOM_TEST, 3);
    for (size_t i = 0; i < B * I; i++)
        g->X[i] = data ? normalised(g->model, data, i) : (float)philox_normal(&random);
    for (size_t r = 0; r < B; r++)
        g->labels[r] = data ? data->train.labels[r] : philox_below(&random, (uint32_t)C);
}

/* Targets of the batch: those of the data, or random numbers, or, for the loss binary, random marks. */
static clm_status make_values(struct gradcheck *g, struct clm_error *error)
{
    const struct clm_data *const data = g->options->data;
    const size_t T = clm_model_targets(g->model), count = g->options->batch * T;
    const bool are_marks = g->model->architecture.loss.kind == LOSS_BINARY;
    struct philox random = philox_start(g->options->seed, RANDOM_TEST, 2);
    if (!T)
        return CLM_OK;
    g->values = calloc(count, sizeof *g->values);
    if (!g->values)
        return clm_fail_host_memory(error, "gradcheck", count * sizeof *g->values);
    for (size_t i = 0; i < count; i++)
        g->values[i] = data        ? target_of_net(g->model, i % T, data->train.targets[i])
                       : are_marks ? (float)philox_below(&random, 2)
                                   : (float)philox_normal(&random);
    return CLM_OK;
}

static clm_status make_inputs(struct gradcheck *g, struct clm_error *error)
{
    size_t count;
    if (size_mul(g->options->batch, clm_model_width(g->model, 0), &count)) {
        g->X = calloc(count, sizeof *g->X);
        g->labels = calloc(g->options->batch, sizeof *g->labels);
    }
    if (!g->X || !g->labels)
        return clm_fail_setting(error, CLM_ERROR_MEMORY, "batch",
                                "gradcheck: no memory for %zu rows of %zu inputs; take a smaller batch",
                                g->options->batch, clm_model_width(g->model, 0));
    fill_inputs(g);
    return CLM_OK;
}

/* The batch is the first rows of the training part, or all rows that there are. */
static clm_status make_weights(struct gradcheck *g, struct clm_error *error)
{
    const struct clm_data *const data = g->options->data;
    const struct labelled_rows batch = {.count = g->options->batch,
                                        .classes = g->values
                                                       ? 0
                                                       : clm_model_width(g->model, clm_model_depth(g->model)),
                                        .labels = g->labels},
                               rows = data ? training_rows(data) : batch;
    return row_weights_make(&rows, g->options->class_weight, &g->weights, error);
}

/* Writes parameters, inputs and labels. */
static clm_status create_network(struct network *net, struct clm_backend *be, const struct gradcheck *g,
                                 struct clm_error *error)
{
    clm_status status;
    if ((status =
             network_create(be, &g->model->architecture, g->options->batch, NETWORK_GRADIENTS, net, error)) ||
        (status = network_write(net, g->model, error)) ||
        (status = backend_write(be, &net->X, HOST_FLOAT, g->X, error)) ||
        (g->weights.of_row && ((status = network_prepare_weights(net, error)) ||
                               (status = network_weigh(net, g->weights.of_row, error)))))
        return status;
    if (g->values && (status = backend_write(be, &net->values, HOST_FLOAT, g->values, error)))
        return status;
    net->seed = g->options->seed;
    return backend_write(be, &net->labels, HOST_INDEX, g->labels, error);
}

static clm_status create_side(struct gradient_side *side, struct clm_backend *be, const struct gradcheck *g,
                              struct clm_error *error)
{
    const size_t count = g->model->parameter_count;
    clm_status status = create_network(&side->net, be, g, error);
    side->read = calloc(count, sizeof *side->read);
    if (status == CLM_OK && !side->read)
        status = clm_fail_host_memory(error, "gradcheck", count * sizeof *side->read);
    if (status == CLM_OK)
        status = metrics_create(be, &side->sums, error);
    return status ? status : metrics_reset(be, &side->sums, error);
}

static void destroy_side(struct gradient_side *side, const struct gradcheck *g)
{
    for (size_t n = 0; side->read && n < g->model->parameter_count; n++)
        free(side->read[n].values);
    if (side->net.be)
        metrics_free(side->net.be, &side->sums);
    free(side->read);
    network_free(&side->net);
}

/* Reads the errors, too, on the side of the bounds. */
static clm_status read_gradient(const struct gradient_side *side, bool has_errors,
                                const struct tensor *tensor, struct gradient *out, struct clm_error *error)
{
    const size_t count = tensor->rows * tensor->columns;
    out->values = calloc(2 * count, sizeof *out->values);
    if (!out->values)
        return clm_fail_host_memory(error, "gradcheck", 2 * count * sizeof *out->values);
    out->errors = out->values + count;
    return has_errors ? bounds_read(side->net.be, tensor, out->values, out->errors, error)
                      : doubles_read(side->net.be, tensor, out->values, error);
}

static clm_status run_side(struct gradient_side *side, const struct gradcheck *g, struct clm_error *error)
{
    const bool has_errors = side->net.be == g->bounds;
    clm_status status = network_gradients(&side->net, side->net.batch, g->options->l2, &side->sums, error);
    for (size_t n = 0; status == CLM_OK && n < g->model->parameter_count; n++)
        status = read_gradient(side, has_errors, &network_parameter(&side->net, n)->gradient, &side->read[n],
                               error);
    return status;
}

/* ---- one tensor ---- */

/* Marks the parameters to try in is_chosen: all if `samples` are enough; else half of them are the largest
 * gradients and the others are random. */
static void gradcheck_choose(const double *gradient, size_t count, size_t samples, struct philox *random,
                             bool *is_chosen)
{
    const size_t tried = size_min(samples, count);
    for (size_t s = 0; s < tried; s++) {
        size_t next = count;
        if (tried == count)
            next = s;
        else if (s < (tried + 1) / 2)
            for (size_t i = 0; i < count; i++) {
                if (!is_chosen[i] && (next == count || fabs(gradient[i]) > fabs(gradient[next])))
                    next = i;
            }
        else
            do
                next = philox_below(random, (uint32_t)size_min(count, UINT32_MAX));
            while (is_chosen[next]);
        is_chosen[next] = true;
    }
}

/* Enters the difference of one parameter of the nth tensor into the row. */
static clm_status try_one(struct gradcheck *g, size_t n, size_t at, struct clm_gradcheck_row *row,
                          struct clm_error *error)
{
    const struct gradient *const right = &g->right.read[n];
    const size_t columns = network_parameter(&g->device.net, n)->gradient.columns;
    struct difference difference;
    const clm_status status = difference_of(&g->differences, n, at, &difference, error);
    row->tried++;
    row->skipped += !difference.is_smooth;
    if (status != CLM_OK || !difference.is_smooth)
        return status;
    const double bound = difference.error + DOUBLE_TO_FLOAT * right->errors[at];
    const double ratio = error_ratio(difference.value, right->values[at], bound);
    const bool is_first = row->tried - row->skipped == 1;
    if (is_first || isnan(ratio) || ratio > row->error_over_bound) {
        row->worst_row = at / columns;
        row->worst_column = at % columns;
        row->numerical = difference.value;
        row->analytic = right->values[at];
        row->device = g->device.read[n].values[at];
    }
    row->error_over_bound = is_first ? ratio : worse_ratio(row->error_over_bound, ratio);
    return CLM_OK;
}

static clm_status check_parameter(struct gradcheck *g, size_t n, struct clm_gradcheck_row *row,
                                  struct clm_error *error)
{
    const struct parameter_spec *const spec = &g->model->specs[n];
    const struct gradient *const device = &g->device.read[n], *const right = &g->right.read[n];
    const size_t count = parameter_elements(spec);
    const uint32_t part = 4 + 2 * (uint32_t)spec->layer + (uint32_t)(spec->role % 2) +
                          (spec->role > ROLE_BIAS ? 2 * ARCHITECTURE_DEPTH_MAX : 0);
    struct philox random = philox_start(g->options->seed, RANDOM_TEST, part);
    bool *const is_chosen = calloc(count, sizeof *is_chosen);
    clm_status status = CLM_OK;
    if (!is_chosen)
        return clm_fail_host_memory(error, "gradcheck", count);
    *row =
        (struct clm_gradcheck_row){.numerical = NAN, .analytic = NAN, .device = NAN, .error_over_bound = NAN};
    snprintf(row->parameter, sizeof row->parameter, "%.31s", spec->name);
    gradcheck_choose(right->values, count, g->options->samples, &random, is_chosen);
    for (size_t at = 0; status == CLM_OK && at < count; at++)
        if (is_chosen[at])
            status = try_one(g, n, at, row, error);
    for (size_t at = 0; at < count; at++)
        row->device_error_over_bound =
            worse_ratio(row->device_error_over_bound,
                        error_ratio(device->values[at], right->values[at], right->errors[at]));
    /* If every parameter was skipped, nothing was seen: the ratio is still NaN, and the row fails. */
    row->passed = row->error_over_bound <= 1 && row->device_error_over_bound <= 1;
    free(is_chosen);
    return status;
}

/* ---- the whole ---- */

static clm_status make_model(struct gradcheck *g, struct clm_error *error)
{
    const struct clm_gradcheck_options *const options = g->options;
    const struct clm_model_options model = {.sizes = options->sizes,
                                            .size_count = options->size_count,
                                            .activation = options->activation,
                                            .norm = options->norm,
                                            .dropout = options->dropout,
                                            .input_dropout = options->input_dropout,
                                            .layers = options->layers,
                                            .init = options->init,
                                            .seed = options->seed,
                                            .loss = options->loss,
                                            .is_bytes =
                                                options->data && options->data->element == ELEMENT_BYTE};
    clm_status status = clm_model_create(&model, &g->model, error);
    if (status == CLM_OK)
        status = check_options(options, g->model, error);
    if (status == CLM_OK && options->data)
        status = clm_model_standardise(g->model, options->data, options->standardise, NULL, error);
    if (status == CLM_OK && options->data)
        status = model_fit_targets(g->model, options->data, error);
    return status;
}

static clm_status gradcheck_prepare(struct gradcheck *g, struct clm_backend *backend, struct clm_error *error)
{
    struct bounded_sums sums;
    clm_status status;
    if ((status = make_model(g, error)) || (status = make_inputs(g, error)) ||
        (status = make_values(g, error)) || (status = make_weights(g, error)) ||
        (status = bounds_open(&g->bounds, error)) ||
        (status = network_tune(backend, &g->model->architecture, NETWORK_GRADIENTS,
                               (struct tune_wish){.batch = g->options->batch}, error)) ||
        (status = create_side(&g->device, backend, g, error)) || (status = run_side(&g->device, g, error)) ||
        (status = create_side(&g->right, g->bounds, g, error)) || (status = run_side(&g->right, g, error)) ||
        (status = bounds_sums(g->bounds, &g->right.sums, &sums, error)) ||
        (status = create_network(&g->reference, bounds_reference(g->bounds), g, error)))
        return status;
    return differences_create(&g->reference, g->options->l2,
                              DOUBLE_TO_FLOAT * sums.loss_error / (double)g->options->batch, &g->differences,
                              error);
}

static void gradcheck_destroy(struct gradcheck *g)
{
    differences_free(&g->differences);
    network_free(&g->reference);
    destroy_side(&g->device, g);
    destroy_side(&g->right, g);
    clm_backend_close(g->bounds);
    free(g->X);
    free(g->labels);
    free(g->values);
    row_weights_free(&g->weights);
    clm_model_free(g->model);
}

clm_status clm_gradcheck(struct clm_backend *backend, const struct clm_gradcheck_options *options,
                         void (*on_row)(void *user, const struct clm_gradcheck_row *row), void *user,
                         bool *passed, struct clm_error *error)
{
    struct gradcheck g = {.options = options};
    bool all_passed = true;
    if (passed)
        *passed = false;
    clm_status status = gradcheck_prepare(&g, backend, error);
    for (size_t n = 0; status == CLM_OK && n < g.model->parameter_count; n++) {
        struct clm_gradcheck_row row;
        status = check_parameter(&g, n, &row, error);
        if (status != CLM_OK)
            break;
        all_passed = all_passed && row.passed;
        if (on_row)
            on_row(user, &row);
    }
    gradcheck_destroy(&g);
    if (passed)
        *passed = status == CLM_OK && all_passed;
    return status;
}
