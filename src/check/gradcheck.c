/* clm_gradcheck: the reference's gradients against central differences, and a backend's against the reference's. */
#include "base/philox.h"
#include "base/size.h"
#include "check/bounded_network.h"
#include "check/differences.h"
#include "data/data.h"
#include "nn/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of two roundings, a double's to a float's: 2^-53 to 2^-24, twice for what is not linear in them. */
#define DOUBLE_TO_FLOAT 0x1p-28

/* A net on one backend, and its gradients. */
struct side {
    struct clm_backend *be;
    struct network net;
    double **weights, **biases; /* depth: the gradients, read back */
    struct metrics sums;
};

struct gradcheck {
    const struct clm_gradcheck_options *options;
    struct clm_model *model;
    float *X;         /* (batch, inputs) */
    uint32_t *labels; /* (batch) */
    struct clm_backend *reference;
    struct side device_side, reference_side;
    struct bounded_network walk;
    struct bounded *dW, *db; /* depth: the bounds of the device's gradients */
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
    return clm_check_fit(model, data, error);
}

/* As gather does it. */
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

static clm_status create_gradients(struct side *side, size_t l, struct clm_error *error)
{
    const struct tensor *const W = &side->net.layers[l].linear.W.value;
    side->weights[l] = calloc(W->rows * W->columns, sizeof **side->weights);
    side->biases[l] = calloc(W->rows, sizeof **side->biases);
    if (!side->weights[l] || !side->biases[l])
        return clm_fail_host_memory(error, "gradcheck", W->rows * W->columns * sizeof **side->weights);
    return CLM_OK;
}

static clm_status create_side(struct side *side, struct clm_backend *be, const struct gradcheck *g,
                              struct clm_error *error)
{
    const size_t depth = clm_model_depth(g->model);
    clm_status status =
        network_create(be, &g->model->architecture, g->options->batch, NETWORK_GRADIENTS, &side->net, error);
    side->be = be;
    side->weights = calloc(depth, sizeof *side->weights);
    side->biases = calloc(depth, sizeof *side->biases);
    if (status == CLM_OK && (!side->weights || !side->biases))
        status = clm_fail_host_memory(error, "gradcheck", depth * sizeof *side->weights);
    for (size_t l = 0; status == CLM_OK && l < depth; l++)
        status = create_gradients(side, l, error);
    if (status || (status = metrics_create(be, &side->sums, error)) ||
        (status = metrics_reset(be, &side->sums, error)) ||
        (status = network_write(&side->net, g->model, error)) ||
        (status = backend_write(be, &side->net.X, HOST_FLOAT, g->X, error)) ||
        (status = backend_write(be, &side->net.labels, HOST_INDEX, g->labels, error)))
        return status;
    return CLM_OK;
}

static void destroy_side(struct side *side)
{
    const size_t depth = side->net.architecture.depth;
    for (size_t l = 0; l < depth; l++) {
        if (side->weights)
            free(side->weights[l]);
        if (side->biases)
            free(side->biases[l]);
    }
    if (side->be)
        metrics_free(side->be, &side->sums);
    free(side->weights);
    free(side->biases);
    network_free(&side->net);
}

static clm_status run_side(struct side *side, double l2, struct clm_error *error)
{
    clm_status status = network_gradients(&side->net, side->net.batch, l2, &side->sums, error);
    for (size_t l = 0; status == CLM_OK && l < side->net.architecture.depth; l++) {
        status = backend_read(side->be, &side->net.layers[l].linear.W.gradient, HOST_DOUBLE, side->weights[l],
                              error);
        if (status == CLM_OK)
            status = backend_read(side->be, &side->net.layers[l].linear.b.gradient, HOST_DOUBLE,
                                  side->biases[l], error);
    }
    return status;
}

/* Bounds of the device's gradients, and of the loss: *loss_error is what float does to the mean loss. */
static clm_status run_bounds(struct gradcheck *g, double *loss_error, struct clm_error *error)
{
    const size_t depth = clm_model_depth(g->model), B = g->options->batch;
    struct bounded_sums sums = {0};
    g->dW = calloc(depth, sizeof *g->dW);
    g->db = calloc(depth, sizeof *g->db);
    if (!g->dW || !g->db)
        return clm_fail_host_memory(error, "gradcheck", depth * sizeof *g->dW);
    clm_status status = bounded_network_create(g->reference, g->model, B, false, &g->walk, error);
    for (size_t l = 0; status == CLM_OK && l < depth; l++) {
        status = bounded_create(TENSOR_REAL, clm_model_width(g->model, l + 1), clm_model_width(g->model, l),
                                &g->dW[l], error);
        if (status == CLM_OK)
            status = bounded_create(TENSOR_REAL, 1, clm_model_width(g->model, l + 1), &g->db[l], error);
    }
    if (status != CLM_OK)
        return status;
    for (size_t i = 0; i < bounded_count(&g->walk.X); i++)
        g->walk.X.value[i] = g->X[i];
    for (size_t r = 0; r < B; r++)
        g->walk.labels.value[r] = g->labels[r];
    status = bounded_network_gradients(&g->walk, B, g->options->l2, g->dW, g->db, &sums, error);
    *loss_error = sums.loss_error / (double)B;
    return status;
}

/* ---- one tensor ---- */

/* One layer's weights or biases: gradients on both sides, and the bound of the device's. */
struct tried_parameter {
    size_t l;
    bool is_bias;
    const double *analytic, *device;
    const struct bounded *bounds;
};

/* Marks the parameters to try in is_chosen: all where `samples` are enough, else half of them the largest gradients and
 * the others at random. Returns how many. */
static size_t choose(const double *gradient, size_t count, size_t samples, struct philox *random,
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
    return tried;
}

/* Takes one parameter's difference into the row. */
static clm_status try_one(struct gradcheck *g, const struct tried_parameter *p, size_t at,
                          struct clm_gradcheck_row *row, struct clm_error *error)
{
    const size_t columns = p->bounds->columns;
    const size_t o = p->is_bias ? at : at / columns, i = p->is_bias ? 0 : at % columns;
    struct difference difference;
    const clm_status status = difference_of(&g->differences, p->l, o, i, p->is_bias, &difference, error);
    row->tried++;
    row->skipped += !difference.is_smooth;
    if (status != CLM_OK || !difference.is_smooth)
        return status;
    const double bound = difference.error + DOUBLE_TO_FLOAT * p->bounds->error[at];
    const double ratio = error_ratio(difference.value, p->analytic[at], bound);
    const bool is_first = row->tried - row->skipped == 1;
    if (is_first || isnan(ratio) || ratio > row->error_over_bound) {
        row->worst_row = at / columns;
        row->worst_column = at % columns;
        row->numerical = difference.value;
        row->analytic = p->analytic[at];
        row->device = p->device[at];
    }
    row->error_over_bound = is_first ? ratio : worse_ratio(row->error_over_bound, ratio);
    return CLM_OK;
}

static clm_status check_parameter(struct gradcheck *g, const struct tried_parameter *p,
                                  struct clm_gradcheck_row *row, struct clm_error *error)
{
    const size_t count = bounded_count(p->bounds);
    struct philox random = philox_start(g->options->seed, RANDOM_TEST, 4 + 2 * (uint32_t)p->l + p->is_bias);
    bool *const is_chosen = calloc(count, sizeof *is_chosen);
    clm_status status = CLM_OK;
    if (!is_chosen)
        return clm_fail_host_memory(error, "gradcheck", count);
    *row =
        (struct clm_gradcheck_row){.numerical = NAN, .analytic = NAN, .device = NAN, .error_over_bound = NAN};
    snprintf(row->parameter, sizeof row->parameter, "%.31s",
             g->model->specs[LAYER_PARAMETERS * p->l + p->is_bias].name);
    choose(p->analytic, count, g->options->samples, &random, is_chosen);
    for (size_t at = 0; status == CLM_OK && at < count; at++)
        if (is_chosen[at])
            status = try_one(g, p, at, row, error);
    for (size_t at = 0; at < count; at++)
        row->device_error_over_bound = worse_ratio(
            row->device_error_over_bound, error_ratio(p->device[at], p->analytic[at], p->bounds->error[at]));
    /* With every parameter skipped nothing was seen, which is no pass: the ratio is still NaN. */
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
                                            .init = options->init,
                                            .seed = options->seed,
                                            .is_bytes =
                                                options->data && options->data->element == ELEMENT_BYTE};
    clm_status status = clm_model_create(&model, &g->model, error);
    if (status == CLM_OK)
        status = check_options(options, g->model, error);
    if (status == CLM_OK && options->data)
        status = clm_model_standardise(g->model, options->data, options->standardise, NULL, error);
    return status;
}

static clm_status prepare(struct gradcheck *g, struct clm_backend *backend, struct clm_error *error)
{
    const struct clm_gradcheck_options *const options = g->options;
    const struct clm_backend_options reference = {.kind = CLM_BACKEND_REFERENCE};
    double loss_error = 0;
    clm_status status;
    if ((status = make_model(g, error)) || (status = make_inputs(g, error)) ||
        (status = clm_backend_open(&reference, &g->reference, error)) ||
        (status = create_side(&g->device_side, backend, g, error)) ||
        (status = create_side(&g->reference_side, g->reference, g, error)) ||
        (status = run_side(&g->device_side, options->l2, error)) ||
        (status = run_side(&g->reference_side, options->l2, error)) ||
        (status = run_bounds(g, &loss_error, error)) ||
        (status = differences_create(&g->reference_side.net, options->l2, DOUBLE_TO_FLOAT * loss_error,
                                     &g->differences, error)))
        return status;
    return CLM_OK;
}

static void destroy(struct gradcheck *g)
{
    differences_free(&g->differences);
    for (size_t l = 0; g->model && l < clm_model_depth(g->model); l++) {
        if (g->dW)
            bounded_free(&g->dW[l]);
        if (g->db)
            bounded_free(&g->db[l]);
    }
    free(g->dW);
    free(g->db);
    bounded_network_free(&g->walk);
    destroy_side(&g->device_side);
    destroy_side(&g->reference_side);
    clm_backend_close(g->reference);
    free(g->X);
    free(g->labels);
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
    clm_status status = prepare(&g, backend, error);
    for (size_t n = 0; status == CLM_OK && n < 2 * clm_model_depth(g.model); n++) {
        const size_t l = n / 2;
        const bool is_bias = n % 2;
        const struct tried_parameter parameter = {
            .l = l,
            .is_bias = is_bias,
            .analytic = is_bias ? g.reference_side.biases[l] : g.reference_side.weights[l],
            .device = is_bias ? g.device_side.biases[l] : g.device_side.weights[l],
            .bounds = is_bias ? &g.db[l] : &g.dW[l]};
        struct clm_gradcheck_row row;
        status = check_parameter(&g, &parameter, &row, error);
        if (status != CLM_OK)
            break;
        all_passed = all_passed && row.passed;
        if (on_row)
            on_row(user, &row);
    }
    destroy(&g);
    if (passed)
        *passed = status == CLM_OK && all_passed;
    return status;
}
