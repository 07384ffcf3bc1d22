/* The opencl backend: tensors are buffers of one device, operations are kernels in its one queue. */
#include "base/size.h"
#include "compute/opencl/gemm/providers.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/profile.h"
#include "compute/opencl/selftest.h"
#include "compute/opencl/status.h"
#include "compute/opencl/trial.h"
#include "compute/opencl/trial_shared.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void opencl_close(struct clm_backend *be)
{
    struct opencl_backend *own = self(be);
    profile_drop(&own->device);
    if (own->device.queue)
        clFinish(own->device.queue);
    for (size_t i = 0; i < STEPS_IN_FLIGHT; i++)
        if (own->marks[i])
            clReleaseEvent(own->marks[i]);
    tensor_free(be, &own->gemm.workspace);
    if (own->gemm.operations->close)
        own->gemm.operations->close(&own->gemm);
    kernels_free(&own->kernels);
    opencl_device_close(&own->device);
    free(own->proved);
    free(own);
}

/* ---- memory beside the tensors ---- */

static size_t weight_panel(struct clm_backend *be, size_t batch, size_t I, size_t O)
{
    const struct gemm_provider *const gemm = &self(be)->gemm;
    return gemm->operations->panel ? gemm->operations->panel(gemm, batch, I, O) : 0;
}

static bool is_proved(const struct opencl_backend *own, struct layer_size size)
{
    for (size_t i = 0; i < own->proved_count; i++)
        if (own->proved[i].B == size.B && own->proved[i].I == size.I && own->proved[i].O == size.O)
            return true;
    return false;
}

static clm_status keep_proved(struct opencl_backend *own, struct layer_size size, struct clm_error *error)
{
    struct layer_size *const proved = realloc(own->proved, (own->proved_count + 1) * sizeof *proved);
    if (!proved)
        return clm_fail_host_memory(error, "the layers that were tried",
                                    (own->proved_count + 1) * sizeof *proved);
    own->proved = proved;
    proved[own->proved_count++] = size;
    return CLM_OK;
}

/* Whether what all providers share is right: B rows of I elements, and the loss of C classes; once for each size. */
static clm_status prove_shared(struct opencl_backend *own, size_t B, size_t I, size_t C,
                               struct clm_error *error)
{
    const struct layer_size rows = {.B = B, .I = I}, loss = {.B = B, .O = C};
    clm_status status = CLM_OK;
    if (own->is_trusted)
        return CLM_OK;
    if (!is_proved(own, rows) && (status = trial_of_gather(&own->base, B, I, error)) == CLM_OK)
        status = keep_proved(own, rows, error);
    if (status == CLM_OK && !is_proved(own, loss) &&
        (status = trial_of_loss(&own->base, B, C, error)) == CLM_OK)
        status = keep_proved(own, loss, error);
    return status == CLM_ERROR_MEMORY && own->base.memory.is_planning ? CLM_OK : status;
}

/* Whether a provider that was asked for by name is right on a layer of the net; once for each size. `auto` sees to it itself. */
static clm_status prove(struct opencl_backend *own, size_t B, size_t I, size_t O, struct clm_error *error)
{
    const struct memory_use memory = own->base.memory; /* of the plan, in which trials have no part */
    struct clm_error why = {0};
    if (own->is_trusted || own->gemm.operations == &gemm_auto || is_proved(own, (struct layer_size){B, I, O}))
        return CLM_OK;
    own->base.memory = (struct memory_use){0};
    const clm_status status = trial_of_layer(&own->gemm, B, I, O, &why);
    own->base.memory = memory;
    if (status == CLM_ERROR_WRONG)
        return clm_fail_setting(error, status, "gemm", "%s is not used on %s: %s; auto leaves it out",
                                own->gemm.operations->name, own->base.device, why.message);
    if (status == CLM_ERROR_MEMORY && memory.is_planning)
        return CLM_OK; /* the plan says what does not fit, and how much there is */
    if (status != CLM_OK)
        return clm_fail_setting(error, status, why.setting, "%s", why.message);
    return keep_proved(own, (struct layer_size){B, I, O}, error);
}

static clm_status prove_layers(struct clm_backend *be, const size_t *widths, size_t width_count, size_t rows,
                               struct clm_error *error)
{
    struct opencl_backend *const own = self(be);
    clm_status status = CLM_OK;
    for (size_t l = 0; status == CLM_OK && l + 1 < width_count; l++)
        status = own->gemm.operations == &gemm_auto
                     ? gemm_auto_prove(&own->gemm, rows, widths[l], widths[l + 1], error)
                     : prove(own, rows, widths[l], widths[l + 1], error);
    return status ? status : prove_shared(own, rows, widths[0], widths[width_count - 1], error);
}

static clm_status prepare(struct clm_backend *be, const size_t *widths, size_t width_count, size_t batch,
                          struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    size_t most = 0;
    for (size_t l = 0; l + 1 < width_count; l++) {
        size_t bytes = 0;
        const clm_status status =
            gemm->operations->workspace(gemm, batch, widths[l], widths[l + 1], &bytes, error);
        if (status != CLM_OK)
            return status;
        most = size_max(most, bytes);
    }
    for (size_t l = 0; l + 1 < width_count; l++) {
        const clm_status status = prove(self(be), batch, widths[l], widths[l + 1], error);
        if (status != CLM_OK)
            return status;
    }
    const clm_status status = prove_shared(self(be), batch, widths[0], widths[width_count - 1], error);
    if (status != CLM_OK)
        return status;
    if (most <= gemm->workspace.bytes && (gemm->workspace.memory || be->memory.is_planning))
        return CLM_OK;
    tensor_free(be, &gemm->workspace);
    return most ? tensor_create(be, TENSOR_BYTE, 1, most, &gemm->workspace, error) : CLM_OK;
}

/* ---- order ---- */

static clm_status finish(struct clm_backend *be, struct clm_error *error)
{
    const cl_int code = clFinish(self(be)->device.queue);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, "waiting for the device", "clFinish", code);
}

static clm_status pace(struct clm_backend *be, struct clm_error *error)
{
    struct opencl_backend *own = self(be);
    cl_event *mark = &own->marks[own->steps++ % STEPS_IN_FLIGHT];
    cl_int code = CL_SUCCESS;
    if (*mark) {
        code = clWaitForEvents(1, mark);
        clReleaseEvent(*mark);
        *mark = NULL;
        if (code != CL_SUCCESS)
            return opencl_fail(error, "waiting for an earlier step", "clWaitForEvents", code);
    }
    code = clEnqueueMarkerWithWaitList(own->device.queue, 0, NULL, mark);
    if (code != CL_SUCCESS)
        return opencl_fail(error, "the end of a step", "clEnqueueMarkerWithWaitList", code);
    code = clFlush(own->device.queue);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, "the end of a step", "clFlush", code);
}

/* ---- profile ---- */

static clm_status opencl_profile_start(struct clm_backend *be, struct clm_error *error)
{
    return profile_start(&self(be)->device, error);
}

static clm_status opencl_profile_stop(struct clm_backend *be, struct profile_row *rows, size_t *count,
                                      struct clm_error *error)
{
    return profile_stop(&self(be)->device, rows, count, error);
}

static clm_status opencl_peaks(struct clm_backend *be, double *operations, double *bytes,
                               struct clm_error *error)
{
    return profile_peaks(be, &self(be)->device, self(be)->kernels.chunk, operations, bytes, error);
}

/* The next launch computes that much, and reads and writes that many floats at least. */
static void expect(struct clm_backend *be, double operations, double floats)
{
    profile_expect(&self(be)->device, operations, floats * sizeof(float));
}

/* Elements of a matrix. */
static double size_of(const struct tensor *tensor)
{
    return (double)tensor->rows * (double)tensor->columns;
}

/* ---- operations ---- */

static clm_status opencl_metrics_reset(struct clm_backend *be, struct metrics *metrics,
                                       struct clm_error *error)
{
    const float zeros[METRICS_COLUMNS] = {0};
    return opencl_write(be, &metrics->state, HOST_FLOAT, zeros, error);
}

static clm_status opencl_metrics_read(struct clm_backend *be, const struct metrics *metrics, double *loss_sum,
                                      size_t *correct, struct clm_error *error)
{
    float sums[METRICS_COLUMNS];
    const clm_status status = opencl_read(be, &metrics->state, HOST_FLOAT, sums, error);
    if (status != CLM_OK)
        return status;
    *loss_sum = 0;
    *correct = 0;
    for (const float *slot = sums; slot < sums + METRICS_COLUMNS; slot += METRICS_SLOT) {
        *loss_sum += (double)slot[0] + slot[1];
        *correct += (size_t)slot[2] + 4096 * (size_t)slot[3];
    }
    return CLM_OK;
}

static clm_status opencl_gather(struct clm_backend *be, const struct resident *data,
                                const struct tensor *order, size_t first, const struct augmentation *a,
                                struct tensor *X, struct tensor *labels, struct clm_error *error)
{
    struct opencl_backend *const own = self(be);
    const double element = (double)opencl_element_size(data->values.type) / sizeof(float);
    if (a && !own->has_tried_changes && !own->is_trusted) {
        own->has_tried_changes = true; /* what it gathers itself is not tried again */
        const clm_status status = opencl_test_changes(be, error);
        if (status != CLM_OK)
            return status;
    }
    expect(be, 0, (1 + element) * size_of(X) + 2 * (double)X->columns);
    return a ? kernel_gather_augmented(&self(be)->kernels, a, data, order, first, X, labels, error)
             : kernel_gather(&self(be)->kernels, data, order, first, X, labels, error);
}

static clm_status opencl_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                 const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, 2 * size_of(X) * (double)Y->columns, size_of(X) + size_of(&layer->W.value) + size_of(Y));
    return gemm->operations->forward(gemm, X, layer, epilogue, Y, error);
}

static clm_status opencl_softmax_xent(struct clm_backend *be, const struct tensor *Z,
                                      const struct tensor *labels, const struct mixture *mixture,
                                      struct tensor *dZ, struct metrics *sums, struct clm_error *error)
{
    expect(be, 0, (dZ ? 2 : 1) * size_of(Z));
    return kernel_softmax_xent(&self(be)->kernels, Z, labels, mixture, dZ, &sums->state, error);
}

static clm_status opencl_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                                 struct clm_error *error)
{
    return kernel_softmax_rows(&self(be)->kernels, Z, P, error);
}

static clm_status opencl_backward_input(struct clm_backend *be, const struct tensor *dZ,
                                        const struct linear *layer, const struct gate *gate,
                                        struct tensor *dX, struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, 2 * size_of(dX) * (double)dZ->columns,
           size_of(dZ) + size_of(&layer->W.value) + (gate->of ? 2 : 1) * size_of(dX));
    return gemm->operations->backward_input(gemm, dZ, layer, gate, dX, error);
}

static clm_status opencl_backward_params(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer, double l2,
                                         struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, 2 * size_of(X) * (double)dZ->columns, size_of(dZ) + size_of(X) + size_of(&layer->W.gradient));
    return gemm->operations->gradient(gemm, dZ, X, layer, l2, error);
}

/* Floats that a step reads and writes for each weight: the value and the rule's states, once each way. */
static double step_traffic(const struct step *step)
{
    return 2 * (1 + (double)rules[step->rule].states);
}

static clm_status opencl_backward_update(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer,
                                         const struct step *step, struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, 2 * size_of(X) * (double)dZ->columns,
           size_of(dZ) + size_of(X) + step_traffic(step) * size_of(&layer->W.value));
    return gemm->operations->descend(gemm, dZ, X, layer, step, error);
}

static bool looks_ahead(struct clm_backend *be, const struct linear *layer, size_t B)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    return gemm->operations->fuses && gemm->operations->fuses(gemm, layer, B, B);
}

static clm_status opencl_update_forward(struct clm_backend *be, const struct tensor *dZ,
                                        const struct tensor *X, struct linear *layer, const struct step *step,
                                        const struct tensor *next_X, const struct epilogue *epilogue,
                                        struct tensor *next_Y, struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    const struct gemm_operations *const operations = gemm->operations;
    if (operations->fuses && operations->fuses(gemm, layer, X->rows, next_X->rows)) {
        expect(be, 2 * (double)(X->rows + next_X->rows) * size_of(&layer->W.value),
               size_of(dZ) + size_of(X) + step_traffic(step) * size_of(&layer->W.value) + size_of(next_X) +
                   size_of(next_Y));
        return operations->descend_forward(gemm, dZ, X, layer, step, next_X, epilogue, next_Y, error);
    }
    const clm_status status = opencl_backward_update(be, dZ, X, layer, step, error);
    return status ? status : opencl_forward(be, next_X, layer, epilogue, next_Y, error);
}

static bool has_head(struct clm_backend *be, const struct linear *layer, size_t B)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    return gemm->operations->has_head && gemm->operations->has_head(gemm, layer, B);
}

static clm_status opencl_softmax_backward(struct clm_backend *be, const struct tensor *X,
                                          const struct linear *layer, const struct tensor *labels,
                                          const struct gate *gate, struct tensor *dZ, struct tensor *dX,
                                          struct metrics *sums, struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, (dX ? 4 : 2) * size_of(X) * (double)dZ->columns,
           (dX ? 2 : 1) * size_of(X) + size_of(&layer->W.value) + size_of(dZ));
    return gemm->operations->head(gemm, X, layer, labels, gate, dZ, dX, sums, error);
}

static bool opencl_fuses_step(const struct clm_backend *be, enum rule rule)
{
    const struct gemm_operations *const operations = ((const struct opencl_backend *)be)->gemm.operations;
    return rules[rule].is_linear && (!operations->takes_step || operations->takes_step(rule));
}

static clm_status opencl_parameter_step(struct clm_backend *be, struct parameter *parameter,
                                        const struct step *step, struct clm_error *error)
{
    return kernel_parameter_step(&self(be)->kernels, step, parameter, error);
}

const struct backend_operations opencl_operations = {
    .name = "opencl",
    .profile_start = opencl_profile_start,
    .profile_stop = opencl_profile_stop,
    .peaks = opencl_peaks,
    .close = opencl_close,
    .element_size = opencl_element_size,
    .metrics_columns = METRICS_COLUMNS,
    .weight_panel = weight_panel,
    .allocate = opencl_allocate,
    .release = opencl_release,
    .write = opencl_write,
    .read = opencl_read,
    .write_part = opencl_write_part,
    .prepare = prepare,
    .prove = prove_layers,
    .finish = finish,
    .pace = pace,
    .metrics_reset = opencl_metrics_reset,
    .metrics_read = opencl_metrics_read,
    .gather = opencl_gather,
    .linear_forward = opencl_forward,
    .softmax_xent = opencl_softmax_xent,
    .softmax = opencl_softmax,
    .linear_backward_input = opencl_backward_input,
    .linear_backward_params = opencl_backward_params,
    .fuses_step = opencl_fuses_step,
    .linear_backward_update = opencl_backward_update,
    .looks_ahead = looks_ahead,
    .linear_update_forward = opencl_update_forward,
    .has_head = has_head,
    .linear_softmax_backward = opencl_softmax_backward,
    .parameter_step = opencl_parameter_step,
};
/* ---- tuning ---- */

clm_status clm_tune(struct clm_backend *backend, const size_t *sizes, size_t size_count, size_t batch,
                    void (*on_row)(void *user, const struct clm_tune_row *row), void *user,
                    struct clm_error *error)
{
    if (backend->operations != &opencl_operations || self(backend)->gemm.operations != &gemm_auto)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "only an opencl backend whose gemm is auto has a choice");
    if (size_count < 2 || !sizes || !batch)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "a net of %zu widths at batch %zu: it needs inputs, classes, and at least a row",
                        sizes ? size_count : 0, batch);
    for (size_t i = 0; i < size_count; i++)
        if (!sizes[i] || sizes[i] > INT32_MAX || batch > INT32_MAX)
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "a layer of %zu units at batch %zu: each has to be from 1 to %d", sizes[i], batch,
                            INT32_MAX);
    return gemm_auto_tune(&self(backend)->gemm, sizes, size_count, batch, on_row, user, error);
}

const char *clm_tune_path(const struct clm_backend *backend)
{
    const struct opencl_backend *const own = (const struct opencl_backend *)backend;
    return backend->operations == &opencl_operations && own->gemm.operations == &gemm_auto
               ? gemm_auto_path(&own->gemm)
               : NULL;
}

double clm_tune_seconds(const struct clm_backend *backend)
{
    const struct opencl_backend *const own = (const struct opencl_backend *)backend;
    return backend->operations == &opencl_operations && own->gemm.operations == &gemm_auto
               ? gemm_auto_seconds(&own->gemm)
               : 0;
}

size_t clm_gemm_names(const struct clm_backend *backend, const char **names, size_t most)
{
    const struct opencl_backend *const own = (const struct opencl_backend *)backend;
    size_t count = 0;
    if (backend && backend->operations != &opencl_operations)
        return 0;
    for (size_t c = 0; c < gemm_candidate_count && count < most; c++)
        if (!own || gemm_candidates[c].suits(&own->device.about))
            names[count++] = gemm_candidates[c].operations->name;
    return count;
}

bool clm_gemm_is_slow_to_build(const char *name)
{
    const struct gemm_candidate *const candidate = gemm_candidate_named(name);
    return candidate && candidate->is_slow_to_build;
}
