#include "prove/bounds/stage.h"

#include "compute/host.h"
#include "prove/judge.h"

#include <stdlib.h>
#include <string.h>

struct bounds {
    struct clm_backend base;
    struct clm_backend *reference;
};

struct clm_backend *bounds_reference(struct clm_backend *bounds)
{
    return ((struct bounds *)bounds)->reference;
}

/* ---- memory ---- */

static clm_status bounds_allocate(struct clm_backend *be, size_t bytes, void **memory,
                                  struct clm_error *error)
{
    const size_t half = bytes / 2;
    struct bounded *const bounded = calloc(1, sizeof *bounded);
    clm_status status = bounded ? host_allocate(be, half, &bounded->value, error)
                                : clm_fail_host_memory(error, "a check", sizeof *bounded);
    if (status == CLM_OK && !(bounded->error = calloc(1, half)))
        status = clm_fail_host_memory(error, "a check", half);
    if (status != CLM_OK && bounded) {
        host_release(be, bounded->value);
        free(bounded);
    }
    *memory = status == CLM_OK ? bounded : NULL;
    return status;
}

static void bounds_release(struct clm_backend *be, void *memory)
{
    struct bounded *const bounded = memory;
    host_release(be, bounded->value);
    free(bounded->error);
    free(bounded);
}

static void clear_errors(const struct tensor *tensor, size_t first, size_t count)
{
    memset(errors_of(tensor) + first, 0, count * sizeof(double));
}

static clm_status bounds_write_part(struct clm_backend *be, struct tensor *tensor, size_t first, size_t count,
                                    enum host_type type, const void *host, struct clm_error *error)
{
    struct tensor value = value_of(tensor);
    clear_errors(tensor, first, count);
    return host_write_part(bounds_reference(be), &value, first, count, type, host, error);
}

static clm_status bounds_write_exact(struct clm_backend *be, struct tensor *tensor, enum host_type type,
                                     const void *host, struct clm_error *error)
{
    return bounds_write_part(be, tensor, 0, tensor_elements(tensor), type, host, error);
}

static clm_status bounds_read_values(struct clm_backend *be, const struct tensor *tensor, enum host_type type,
                                     void *host, struct clm_error *error)
{
    const struct tensor value = value_of(tensor);
    return backend_read(bounds_reference(be), &value, type, host, error);
}

clm_status bounds_write(struct clm_backend *bounds, struct tensor *tensor, const double *values,
                        const double *errors, struct clm_error *error)
{
    const clm_status status = doubles_write(bounds, tensor, values, error);
    if (status == CLM_OK)
        memcpy(errors_of(tensor), errors, tensor_elements(tensor) * sizeof *errors);
    return status;
}

clm_status bounds_read(struct clm_backend *bounds, const struct tensor *tensor, double *values,
                       double *errors, struct clm_error *error)
{
    memcpy(errors, errors_of(tensor), tensor_elements(tensor) * sizeof *errors);
    return doubles_read(bounds, tensor, values, error);
}

/* ---- metrics: the reference's, and the errors of the loss and of the correct rows ---- */

static struct metrics reference_metrics(const struct metrics *metrics)
{
    return (struct metrics){.state = value_of(&metrics->state)};
}

static clm_status bounds_metrics_reset(struct clm_backend *be, struct metrics *metrics,
                                       struct clm_error *error)
{
    struct metrics values = reference_metrics(metrics);
    clear_errors(&metrics->state, 0, tensor_elements(&metrics->state));
    return metrics_reset(bounds_reference(be), &values, error);
}

static clm_status bounds_metrics_read(struct clm_backend *be, const struct metrics *metrics, double *loss_sum,
                                      size_t *correct, struct clm_error *error)
{
    const struct metrics values = reference_metrics(metrics);
    return metrics_read(bounds_reference(be), &values, loss_sum, correct, error);
}

clm_status bounds_sums(struct clm_backend *bounds, const struct metrics *metrics, struct bounded_sums *out,
                       struct clm_error *error)
{
    const double *const errors = errors_of(&metrics->state);
    size_t correct = 0;
    *out = (struct bounded_sums){.loss_error = errors[0], .correct_error = errors[1]};
    const clm_status status = metrics_read(bounds, metrics, &out->loss, &correct, error);
    out->correct = (double)correct;
    return status;
}

/* ---- the backend ---- */

static void bounds_close(struct clm_backend *be)
{
    clm_backend_close(bounds_reference(be));
    free(be);
}

static const struct backend_operations bounds_operations = {
    .name = "bounds",
    .close = bounds_close,
    .element_sizes = {2 * sizeof(double), 2 * sizeof(double),
                      2 * sizeof(double)}, /* a value, and its error */
    .metrics_columns = sizeof(struct host_sums) / sizeof(double),
    .allocate = bounds_allocate,
    .release = bounds_release,
    .write = bounds_write_exact,
    .write_part = bounds_write_part,
    .read = bounds_read_values,
    .metrics_reset = bounds_metrics_reset,
    .metrics_read = bounds_metrics_read,
    .gather = bounds_gather,
    .gather_weights = bounds_gather_weights,
    .linear_forward = bounds_forward,
    .softmax_xent = bounds_softmax_xent,
    .loss_gradient = bounds_loss_gradient,
    .softmax = bounds_softmax,
    .layer_finish = bounds_layer_finish,
    .gate_backward = bounds_gate_backward,
    .norm_backward = bounds_norm_backward,
    .linear_backward_input = bounds_backward_input,
    .linear_backward_params = bounds_backward_params,
    .linear_backward_update = bounds_backward_update,
    .parameter_step = bounds_parameter_step,
    .clip_factor = bounds_clip_factor,
    .blends = bounds_blends,
};

clm_status bounds_open(struct clm_backend **out, struct clm_error *error)
{
    struct bounds *const bounds = calloc(1, sizeof *bounds);
    *out = NULL;
    if (!bounds)
        return clm_fail_host_memory(error, "a check", sizeof *bounds);
    const clm_status status = reference_open(&bounds->reference, error);
    if (status != CLM_OK) {
        free(bounds);
        return status;
    }
    bounds->base = *bounds->reference;
    bounds->base.operations = &bounds_operations;
    *out = &bounds->base;
    return CLM_OK;
}
