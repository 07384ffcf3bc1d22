/* The opencl backend: tensors are buffers of one device, operations are kernels in its one queue. */
#include "base/size.h"
#include "compute/opencl/candidates.h"
#include "compute/opencl/profile.h"
#include "compute/opencl/program.h"
#include "compute/opencl/selftest.h"
#include "compute/opencl/status.h"
#include "compute/opencl/trial.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_IN_FLIGHT 16

struct layer_size {
    size_t B, I, O;
};

struct opencl_backend {
    struct clm_backend base;
    struct opencl_device device;
    struct kernels kernels;
    struct gemm_provider gemm;
    cl_event marks[STEPS_IN_FLIGHT]; /* ends of the last steps, a ring */
    size_t steps;
    bool is_trusted;           /* products are not tried: verify does so, and looks at wrong ones, too */
    struct layer_size *proved; /* on which the provider has been right */
    size_t proved_count;
};

static struct opencl_backend *self(struct clm_backend *be)
{
    return (struct opencl_backend *)be;
}

static size_t element_size(enum tensor_type type)
{
    return type == TENSOR_BYTE ? 1 : 4;
}

static void opencl_close(struct clm_backend *be)
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

/* ---- memory ---- */

static clm_status allocate(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *error)
{
    cl_int code;
    *memory = clCreateBuffer(self(be)->device.context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    return *memory ? CLM_OK : opencl_fail(error, "a buffer", "clCreateBuffer", code);
}

static void release(struct clm_backend *be, void *memory)
{
    (void)be;
    clReleaseMemObject(memory);
}

/* The place of element (row, column) in the tensor's memory. */
static size_t place_of(const struct tensor *tensor, size_t row, size_t column)
{
    const size_t P = tensor->panel;
    return P ? (row / P * tensor->columns + column) * P + row % P : row * tensor->columns + column;
}

/* Whether host memory holds the same bytes as the device's. */
static bool is_alike(const struct tensor *tensor, enum host_type type)
{
    return !tensor->panel && type != HOST_DOUBLE;
}

/* The floats of a tensor as they lie on the device, from row-major host memory; zeros behind its last row. The caller
 * frees them. */
static float *floats_from(const struct tensor *tensor, enum host_type type, const void *host)
{
    float *const floats = calloc(tensor_room(tensor), sizeof *floats);
    for (size_t r = 0; floats && r < tensor->rows; r++)
        for (size_t c = 0; c < tensor->columns; c++) {
            const size_t at = r * tensor->columns + c;
            floats[place_of(tensor, r, c)] =
                type == HOST_DOUBLE ? (float)((const double *)host)[at] : ((const float *)host)[at];
        }
    return floats;
}

static void floats_to(const struct tensor *tensor, enum host_type type, const float *floats, void *host)
{
    for (size_t r = 0; r < tensor->rows; r++)
        for (size_t c = 0; c < tensor->columns; c++) {
            const size_t at = r * tensor->columns + c;
            const float value = floats[place_of(tensor, r, c)];
            if (type == HOST_DOUBLE)
                ((double *)host)[at] = value;
            else
                ((float *)host)[at] = value;
        }
}

static clm_status opencl_write(struct clm_backend *be, struct tensor *tensor, enum host_type type,
                               const void *host, struct clm_error *error)
{
    const size_t bytes = tensor_room(tensor) * element_size(tensor->type);
    float *const floats = is_alike(tensor, type) ? NULL : floats_from(tensor, type, host);
    if (!is_alike(tensor, type) && !floats)
        return clm_fail_host_memory(error, "write", bytes);
    const cl_int code = clEnqueueWriteBuffer(self(be)->device.queue, tensor->memory, CL_TRUE, 0, bytes,
                                             floats ? floats : host, 0, NULL, NULL);
    free(floats);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, "write", "clEnqueueWriteBuffer", code);
}

static clm_status opencl_read(struct clm_backend *be, const struct tensor *tensor, enum host_type type,
                              void *host, struct clm_error *error)
{
    const size_t bytes = tensor_room(tensor) * element_size(tensor->type);
    float *const floats = is_alike(tensor, type) ? NULL : malloc(bytes);
    if (!is_alike(tensor, type) && !floats)
        return clm_fail_host_memory(error, "read", bytes);
    const cl_int code = clEnqueueReadBuffer(self(be)->device.queue, tensor->memory, CL_TRUE, 0, bytes,
                                            floats ? floats : host, 0, NULL, NULL);
    if (floats && code == CL_SUCCESS)
        floats_to(tensor, type, floats, host);
    free(floats);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, "read", "clEnqueueReadBuffer", code);
}

static clm_status opencl_write_part(struct clm_backend *be, struct tensor *tensor, size_t first, size_t count,
                                    enum host_type type, const void *host, struct clm_error *error)
{
    (void)type;
    const size_t size = element_size(tensor->type);
    const cl_int code = clEnqueueWriteBuffer(self(be)->device.transfers, tensor->memory, CL_TRUE,
                                             first * size, count * size, host, 0, NULL, NULL);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, "write_part", "clEnqueueWriteBuffer", code);
}

static size_t weight_panel(struct clm_backend *be, size_t batch, size_t I, size_t O)
{
    const struct gemm_provider *const gemm = &self(be)->gemm;
    return gemm->operations->panel ? gemm->operations->panel(gemm, batch, I, O) : 0;
}

/* Whether a provider that was asked for by name is right on a layer of the net; once for each size. `auto` sees to it itself. */
static clm_status prove(struct opencl_backend *own, size_t B, size_t I, size_t O, struct clm_error *error)
{
    const struct memory_use memory = own->base.memory; /* of the plan, in which trials have no part */
    struct clm_error why = {0};
    if (own->is_trusted || own->gemm.operations == &gemm_auto)
        return CLM_OK;
    for (size_t i = 0; i < own->proved_count; i++)
        if (own->proved[i].B == B && own->proved[i].I == I && own->proved[i].O == O)
            return CLM_OK;
    struct layer_size *const proved = realloc(own->proved, (own->proved_count + 1) * sizeof *proved);
    if (!proved)
        return clm_fail_host_memory(error, "the layers that were tried",
                                    (own->proved_count + 1) * sizeof *proved);
    own->proved = proved;
    own->base.memory = (struct memory_use){0};
    const clm_status status = trial_of_layer(&own->gemm, B, I, O, &why);
    own->base.memory = memory;
    if (status == CLM_ERROR_WRONG)
        return clm_fail(
            error, status,
            "%s is not used on %s: %s; --gemm auto leaves it out, and `clmlp doctor` tells what is right "
            "there",
            own->gemm.operations->name, own->base.device, why.message);
    if (status == CLM_ERROR_MEMORY && memory.is_planning)
        return CLM_OK; /* the plan says what does not fit, and how much there is */
    if (status != CLM_OK)
        return clm_fail(error, status, "%s", why.message);
    own->proved[own->proved_count++] = (struct layer_size){B, I, O};
    return CLM_OK;
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
    if (code == CL_SUCCESS)
        code = clFlush(own->device.queue);
    return code == CL_SUCCESS ? CLM_OK
                              : opencl_fail(error, "the end of a step", "clEnqueueMarkerWithWaitList", code);
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
    const double element = (double)element_size(data->values.type) / sizeof(float);
    expect(be, 0, (1 + element) * size_of(X) + 2 * (double)X->columns);
    return a ? kernel_gather_augmented(&self(be)->kernels, a, data, order, first, X, labels, error)
             : kernel_gather(&self(be)->kernels, data, order, first, X, labels, error);
}

static clm_status opencl_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                 enum activation act, struct tensor *Y, struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, 2 * size_of(X) * (double)Y->columns, size_of(X) + size_of(&layer->W) + size_of(Y));
    return gemm->operations->forward(gemm, X, layer, act, Y, error);
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
                                        const struct linear *layer, const struct tensor *Y, struct tensor *dX,
                                        struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, 2 * size_of(dX) * (double)dZ->columns,
           size_of(dZ) + size_of(&layer->W) + (Y ? 2 : 1) * size_of(dX));
    return gemm->operations->backward_input(gemm, dZ, layer, Y, dX, error);
}

static clm_status opencl_backward_params(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, const struct linear *layer, double l2,
                                         struct tensor *dW, struct tensor *db, struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, 2 * size_of(X) * (double)dZ->columns, size_of(dZ) + size_of(X) + size_of(dW));
    return gemm->operations->gradient(gemm, dZ, X, layer, l2, dW, db, error);
}

static clm_status opencl_backward_update(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer,
                                         const struct step *step, struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, 2 * size_of(X) * (double)dZ->columns,
           size_of(dZ) + size_of(X) + (step->momentum != 0 ? 4 : 2) * size_of(&layer->W));
    return gemm->operations->descend(gemm, dZ, X, layer, step, error);
}

static bool looks_ahead(struct clm_backend *be, const struct linear *layer, size_t B)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    return gemm->operations->fuses && gemm->operations->fuses(gemm, layer, B, B);
}

static clm_status opencl_update_forward(struct clm_backend *be, const struct tensor *dZ,
                                        const struct tensor *X, struct linear *layer, const struct step *step,
                                        const struct tensor *next_X, enum activation act,
                                        struct tensor *next_Y, struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    const struct gemm_operations *const operations = gemm->operations;
    if (operations->fuses && operations->fuses(gemm, layer, X->rows, next_X->rows)) {
        expect(be, 2 * (double)(X->rows + next_X->rows) * size_of(&layer->W),
               size_of(dZ) + size_of(X) + (step->momentum != 0 ? 4 : 2) * size_of(&layer->W) +
                   size_of(next_X) + size_of(next_Y));
        return operations->descend_forward(gemm, dZ, X, layer, step, next_X, act, next_Y, error);
    }
    const clm_status status = opencl_backward_update(be, dZ, X, layer, step, error);
    return status ? status : opencl_forward(be, next_X, layer, act, next_Y, error);
}

static bool has_head(struct clm_backend *be, const struct linear *layer, size_t B)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    return gemm->operations->has_head && gemm->operations->has_head(gemm, layer, B);
}

static clm_status opencl_softmax_backward(struct clm_backend *be, const struct tensor *X,
                                          const struct linear *layer, const struct tensor *labels,
                                          struct tensor *dZ, struct tensor *dX, struct metrics *sums,
                                          struct clm_error *error)
{
    struct gemm_provider *gemm = &self(be)->gemm;
    expect(be, (dX ? 4 : 2) * size_of(X) * (double)dZ->columns,
           (dX ? 2 : 1) * size_of(X) + size_of(&layer->W) + size_of(dZ));
    return gemm->operations->head(gemm, X, layer, labels, dZ, dX, sums, error);
}

static clm_status opencl_update(struct clm_backend *be, struct tensor *w, const struct tensor *g,
                                struct tensor *velocity, const struct step *step, struct clm_error *error)
{
    return kernel_update(&self(be)->kernels, step, g, velocity, w, error);
}

static const struct backend_operations operations = {
    .name = "opencl",
    .profile_start = opencl_profile_start,
    .profile_stop = opencl_profile_stop,
    .peaks = opencl_peaks,
    .close = opencl_close,
    .element_size = element_size,
    .metrics_columns = METRICS_COLUMNS,
    .weight_panel = weight_panel,
    .allocate = allocate,
    .release = release,
    .write = opencl_write,
    .read = opencl_read,
    .write_part = opencl_write_part,
    .prepare = prepare,
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
    .linear_backward_update = opencl_backward_update,
    .looks_ahead = looks_ahead,
    .linear_update_forward = opencl_update_forward,
    .has_head = has_head,
    .linear_softmax_backward = opencl_softmax_backward,
    .update = opencl_update,
};

/* ---- opening ---- */

/* Who multiplies on this device, by name: auto (or NULL), what auto takes unmeasured, or a candidate of its own. */
static clm_status choose_provider(const char *name, const struct clm_device *about,
                                  const struct gemm_operations **out, struct clm_error *error)
{
    if (!name || !strcmp(name, "auto")) {
        *out = &gemm_auto;
        return CLM_OK;
    }
    const struct gemm_candidate *const candidate =
        !strcmp(name, "default") ? gemm_candidate_first(about) : gemm_candidate_for(name, about);
    if (!candidate)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "--gemm %s: there are no such products for %s; use auto or clblast", name,
                        about->name);
    *out = candidate->operations;
    return CLM_OK;
}

static clm_status open_one(cl_device_id id, const struct clm_device *about,
                           const struct clm_backend_options *options, struct clm_backend **out,
                           struct clm_error *error)
{
    const struct gemm_operations *gemm = NULL;
    *out = NULL;
    clm_status status = choose_provider(options->gemm, about, &gemm, error);
    if (status != CLM_OK)
        return status;
    struct opencl_backend *own = calloc(1, sizeof *own);
    if (!own)
        return clm_fail_host_memory(error, "the opencl backend", sizeof *own);
    own->base = (struct clm_backend){.operations = &operations,
                                     .kind = CLM_BACKEND_OPENCL,
                                     .on_note = options->on_note,
                                     .note_user = options->note_user,
                                     .memory_limit = (size_t)about->global_memory,
                                     .allocation_limit = (size_t)about->max_allocation,
                                     .limited_by = "CL_DEVICE_GLOBAL_MEM_SIZE"};
    snprintf(own->base.device, sizeof own->base.device, "%s", about->name);
    snprintf(own->base.provider, sizeof own->base.provider, "%s", gemm->name);
    own->gemm = (struct gemm_provider){
        .operations = gemm, .backend = &own->base, .device = &own->device, .kernels = &own->kernels};
    own->is_trusted = options->skip_self_test;
    status = opencl_device_open(id, about, &own->device, error);
    own->base.uses_host_memory = own->device.uses_host_memory;
    if (status == CLM_OK)
        status = kernels_build(&own->device, &own->kernels, error);
    if (status == CLM_OK && gemm->open)
        status = gemm->open(&own->gemm, error);
    if (status == CLM_OK && !options->skip_self_test)
        status = opencl_self_test(&own->base, error);
    if (status == CLM_OK && gemm == &gemm_auto)
        gemm_auto_forget_use(&own->gemm);
    if (status != CLM_OK) {
        opencl_close(&own->base);
        return status;
    }
    *out = &own->base;
    return CLM_OK;
}

/* Opens the device that the selector prefers; where that fails and the choice is ours, the next. *taken is its place
 * in `about`. */
static clm_status open_preferred(const struct clm_backend_options *options, const struct clm_device *about,
                                 const cl_device_id *ids, size_t count, struct clm_backend **out,
                                 size_t *taken, struct clm_error *error)
{
    clm_status status =
        clm_fail(error, CLM_ERROR_DEVICE, "no OpenCL device is %s; `clmlp devices` lists what there is",
                 options->device ? options->device : "there");
    for (int wanted = 4; wanted > 0; wanted--)
        for (size_t d = 0; d < count; d++) {
            if (opencl_preference(&about[d], options->device) != wanted)
                continue;
            status = open_one(ids[d], &about[d], options, out, error);
            *taken = d;
            if (status == CLM_OK)
                return CLM_OK;
        }
    return status;
}

clm_status opencl_open(const struct clm_backend_options *options, struct clm_backend **out,
                       struct clm_error *error)
{
    struct clm_device *about = NULL;
    cl_device_id *ids = NULL;
    size_t count = 0, taken;
    *out = NULL;
    clm_status status = opencl_devices(&about, &ids, &count, error);
    if (status == CLM_OK)
        status = open_preferred(options, about, ids, count, out, &taken, error);
    free(about);
    free(ids);
    return status;
}

clm_status clm_devices_list(const char *selector, struct clm_device **devices, size_t *count,
                            struct clm_error *error)
{
    const struct clm_backend_options options = {.kind = CLM_BACKEND_OPENCL, .device = selector};
    struct clm_device *about = NULL;
    cl_device_id *ids = NULL;
    struct clm_backend *backend = NULL;
    size_t taken = 0;
    *devices = NULL;
    *count = 0;
    clm_status status = opencl_devices(&about, &ids, count, error);
    if (status != CLM_OK)
        return status;
    struct clm_error why = {0};
    const clm_status opened = open_preferred(&options, about, ids, *count, &backend, &taken, &why);
    for (size_t d = 0; d < *count; d++) {
        about[d].is_taken = opened == CLM_OK && d == taken;
        const bool is_suited = opencl_preference(&about[d], selector) > 0;
        if (about[d].is_taken)
            snprintf(about[d].reason, sizeof about[d].reason, "passes the self-test, and %s",
                     selector ? "is what was asked for" : "no GPU or accelerator before it does");
        else
            snprintf(about[d].reason, sizeof about[d].reason, "%.255s",
                     !is_suited         ? "is not what was asked for"
                     : opened == CLM_OK ? "another one is preferred"
                                        : why.message);
    }
    clm_backend_close(backend);
    free(ids);
    *devices = about;
    return CLM_OK;
}

clm_status clm_devices_find(const char *selector, struct clm_device **devices, size_t *count,
                            struct clm_error *error)
{
    cl_device_id *ids = NULL;
    size_t found = 0;
    *count = 0;
    const clm_status status = opencl_devices(devices, &ids, &found, error);
    for (size_t d = 0; status == CLM_OK && d < found; d++)
        if (opencl_preference(&(*devices)[d], selector) > 0)
            (*devices)[(*count)++] = (*devices)[d];
    free(ids);
    return status;
}

void clm_devices_free(struct clm_device *devices)
{
    free(devices);
}

const struct clm_device *clm_backend_about(const struct clm_backend *backend)
{
    return backend->operations == &operations ? &((const struct opencl_backend *)backend)->device.about
                                              : NULL;
}

/* ---- tuning ---- */

clm_status clm_tune(struct clm_backend *backend, const size_t *sizes, size_t size_count, size_t batch,
                    void (*on_row)(void *user, const struct clm_tune_row *row), void *user,
                    struct clm_error *error)
{
    if (backend->operations != &operations || self(backend)->gemm.operations != &gemm_auto)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "only an opencl backend whose gemm is auto has a choice");
    if (size_count < 2 || !batch)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "a net of %zu widths at batch %zu: it needs inputs, classes, and at least a row",
                        size_count, batch);
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
    return backend->operations == &operations && own->gemm.operations == &gemm_auto
               ? gemm_auto_path(&own->gemm)
               : NULL;
}

double clm_tune_seconds(const struct clm_backend *backend)
{
    const struct opencl_backend *const own = (const struct opencl_backend *)backend;
    return backend->operations == &operations && own->gemm.operations == &gemm_auto
               ? gemm_auto_seconds(&own->gemm)
               : 0;
}

size_t clm_gemm_names(const struct clm_backend *backend, const char **names, size_t most)
{
    const struct opencl_backend *const own = (const struct opencl_backend *)backend;
    size_t count = 0;
    if (backend && backend->operations != &operations)
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
