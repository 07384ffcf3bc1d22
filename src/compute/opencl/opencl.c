/* The opencl backend: tensors are buffers of one device, operations are kernels in its one queue. */
#include "base/size.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/profile.h"
#include "compute/opencl/recording.h"
#include "compute/opencl/status.h"

#include <limits.h>
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
    uploads_end(&own->uploads, &own->device);
    tensor_free(be, &own->dispatch.workspace);
    if (own->clip_sums)
        opencl_release(be, own->clip_sums);
    dispatch_free(&own->dispatch);
    if (!own->is_second) {
        kernels_free(&own->own);
        opencl_device_close(&own->device);
    }
    free(own);
}

/* ---- memory beside the tensors ---- */

/* Before products are assigned, a plan counts the least that a net needs. */
static bool is_open_question(const struct opencl_backend *own, size_t I, size_t O)
{
    return own->base.memory.is_planning && !dispatch_knows(&own->dispatch, I, O);
}

static size_t weight_panel(struct clm_backend *be, size_t batch, size_t I, size_t O)
{
    struct opencl_backend *const own = self(be);
    return is_open_question(own, I, O) ? 0 : dispatch_panel(&own->dispatch, batch, I, O);
}

static bool fuses_rule(const struct opencl_backend *own, enum rule rule)
{
    return rules[rule].is_linear && dispatch_takes_step(&own->dispatch, rule);
}

/* Builds the kernels that a net's steps launch and that the backend has not built yet. Products have no rule
 * if none of their steps is fused. */
static clm_status build_kernels(struct opencl_backend *own, const size_t *widths, size_t width_count,
                                const enum activation *acts, enum rule rule, size_t batch,
                                struct clm_error *error)
{
    const enum rule fused = rule != NO_RULE && fuses_rule(own, rule) ? rule : NO_RULE;
    clm_status status = CLM_OK;
    for (size_t l = 0; status == CLM_OK && l + 1 < width_count; l++) {
        struct gemm_layer layer = {.B = batch, .I = widths[l], .O = widths[l + 1], .rule = fused};
        layer.is_first = l == 0;
        layer.act = acts ? acts[l] : ACTIVATION_NONE;
        status = dispatch_build(&own->dispatch, &layer, error);
        if (status != CLM_OK || !acts || layer.is_first)
            continue;
        layer.act = acts[l - 1];
        status = dispatch_build(&own->dispatch, &layer, error);
    }
    return status || rule == NO_RULE ? status
                                     : kernel_table_build(own->kernels, &own->kernels->table,
                                                          KERNEL_PARAMETERS_STEP, NO_ACTIVATION, rule, error);
}

static clm_status opencl_prepare(struct clm_backend *be, const size_t *widths, size_t width_count,
                                 const enum activation *acts, enum rule rule, size_t batch,
                                 struct clm_error *error)
{
    struct opencl_backend *const own = self(be);
    struct tensor *const workspace = &own->dispatch.workspace;
    size_t most = 0;
    for (size_t l = 0; l + 1 < width_count; l++) {
        size_t bytes = 0;
        clm_status status = CLM_OK;
        if (!is_open_question(own, widths[l], widths[l + 1]))
            status = dispatch_workspace(&own->dispatch, batch, widths[l], widths[l + 1], &bytes, error);
        if (status != CLM_OK)
            return status;
        most = size_max(most, bytes);
    }
    if (be->memory.is_planning)
        return memory_plan_workspace(be, workspace->bytes, most, error);
    if (most > workspace->bytes) {
        tensor_free(be, workspace);
        const clm_status status = tensor_create(be, TENSOR_BYTE, 1, most, workspace, error);
        if (status != CLM_OK)
            return status;
    }
    return build_kernels(own, widths, width_count, acts, rule, batch, error);
}

/* ---- order ---- */

static clm_status finish(struct clm_backend *be, struct clm_error *error)
{
    return queue_finish(self(be)->device.queue, "waiting for the device", error);
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

void opencl_expect(struct clm_backend *be, double operations, double floats)
{
    profile_expect(&self(be)->device, operations, floats * sizeof(float));
}

/* ---- operations ---- */

/* The provider that computes a product of B rows. */
static struct gemm_provider *product_provider(struct clm_backend *be, enum product product,
                                              const struct linear *layer, size_t B)
{
    return dispatch_take(&self(be)->dispatch, product, &layer->W.value, B);
}

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

static clm_status opencl_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                 const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error)
{
    struct gemm_provider *const gemm = product_provider(be, PRODUCT_FORWARD, layer, X->rows);
    opencl_expect(be, 2 * size_of(X) * (double)Y->columns,
                  size_of(X) + size_of(&layer->W.value) + size_of(Y));
    return gemm->operations->forward(gemm, X, layer, epilogue, Y, error);
}

static clm_status opencl_backward_input(struct clm_backend *be, const struct tensor *dZ,
                                        const struct linear *layer, const struct gate *gate,
                                        struct tensor *dX, struct clm_error *error)
{
    struct gemm_provider *const gemm = product_provider(be, PRODUCT_BACKWARD_INPUT, layer, dZ->rows);
    opencl_expect(be, 2 * size_of(dX) * (double)dZ->columns,
                  size_of(dZ) + size_of(&layer->W.value) + (gate->of ? 2 : 1) * size_of(dX));
    return gemm->operations->backward_input(gemm, dZ, layer, gate, dX, error);
}

static clm_status opencl_backward_params(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer, double l2,
                                         struct clm_error *error)
{
    struct gemm_provider *const gemm = product_provider(be, PRODUCT_UPDATE, layer, dZ->rows);
    opencl_expect(be, 2 * size_of(X) * (double)dZ->columns,
                  size_of(dZ) + size_of(X) + size_of(&layer->W.gradient));
    return gemm->operations->gradient(gemm, dZ, X, layer, l2, error);
}

/* Floats that a step reads and writes per weight: its value and the rule's states, once each way. */
static double step_traffic(const struct step *step)
{
    return 2 * (1 + (double)rules[step->rule].states);
}

static clm_status opencl_backward_update(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer,
                                         const struct step *step, struct clm_error *error)
{
    struct gemm_provider *const gemm = product_provider(be, PRODUCT_UPDATE, layer, dZ->rows);
    opencl_expect(be, 2 * size_of(X) * (double)dZ->columns,
                  size_of(dZ) + size_of(X) + step_traffic(step) * size_of(&layer->W.value));
    return gemm->operations->descend(gemm, dZ, X, layer, step, error);
}

/* With at most this many products, a layer is updated together with the largest one, even if another provider
 * is faster for it. By a reckoning for fast GPUs, that saves more than it costs. */
#define SMALL_UPDATE ((double)(1 << 25))

static double products_of(const struct layer_update *update)
{
    return size_of(&update->X) * (double)update->dZ.columns;
}

static struct gemm_provider *update_provider(struct clm_backend *be, const struct layer_update *update)
{
    return product_provider(be, PRODUCT_UPDATE, update->layer, update->dZ.rows);
}

/* Whether the provider wants the layer's weights as they lie. */
static bool takes_weights(const struct gemm_provider *gemm, const struct layer_update *update)
{
    const struct tensor *const W = &update->layer->W.value;
    const size_t panel =
        gemm->operations->panel ? gemm->operations->panel(gemm, update->dZ.rows, W->columns, W->rows) : 0;
    return panel == W->panel;
}

/* Layers whose gradients, or whose steps, one provider computes in one launch. */
struct layer_run {
    struct clm_backend *be;
    const struct step *step; /* NULL: gradients, with l2's */
    double l2;
    struct gemm_provider *gemm;
    size_t count;
    struct layer_update layers[LAYERS_AT_ONCE];
};

static bool takes_several(const struct gemm_provider *gemm, const struct step *step)
{
    return step ? gemm->operations->descend_all != NULL : gemm->operations->gradient_all != NULL;
}

static clm_status launch_single(const struct layer_run *run, struct clm_error *error)
{
    const struct layer_update *const u = run->layers;
    return run->step ? opencl_backward_update(run->be, &u->dZ, &u->X, u->layer, run->step, error)
                     : opencl_backward_params(run->be, &u->dZ, &u->X, u->layer, run->l2, error);
}

/* Launches what the run has; `next` is gathered beside its steps, unless it is NULL. */
static clm_status launch_run(struct layer_run *run, const struct gathering *next, struct clm_error *error)
{
    const struct gemm_operations *const operations = run->gemm->operations;
    const size_t count = run->count;
    double products = 0, floats = next ? gather_floats(run->be, next->data, next->X) : 0;
    if (!takes_several(run->gemm, run->step))
        return launch_single(run, error);
    for (const struct layer_update *u = run->layers; u < run->layers + count; u++) {
        products += products_of(u);
        floats += size_of(&u->dZ) + size_of(&u->X) +
                  (run->step ? step_traffic(run->step) : 1) * size_of(&u->layer->W.value);
    }
    opencl_expect(run->be, 2 * products, floats);
    return run->step ? operations->descend_all(run->gemm, run->layers, count, run->step, next, error)
                     : operations->gradient_all(run->gemm, run->layers, count, run->l2, error);
}

/* Layers in turn, as many at once as the provider takes. Small ones go to the provider of the largest. Leaves
 * the last run to be launched. */
static clm_status queue_layers(struct layer_run *run, const struct layer_update *updates, size_t count,
                               struct clm_error *error)
{
    const struct layer_update *largest = updates;
    clm_status status = CLM_OK;
    for (size_t u = 1; u < count; u++)
        if (products_of(&updates[u]) > products_of(largest))
            largest = &updates[u];
    struct gemm_provider *const main = update_provider(run->be, largest);
    for (size_t u = 0; status == CLM_OK && u < count; u++) {
        const bool follows = takes_several(main, run->step) && products_of(&updates[u]) <= SMALL_UPDATE &&
                             takes_weights(main, &updates[u]);
        struct gemm_provider *const gemm = follows ? main : update_provider(run->be, &updates[u]);
        const bool is_full =
            run->count == LAYERS_AT_ONCE || gemm != run->gemm || !takes_several(run->gemm, run->step);
        if (run->count && is_full) {
            status = launch_run(run, NULL, error);
            run->count = 0;
        }
        run->gemm = gemm;
        run->layers[run->count++] = updates[u];
    }
    return status;
}

static clm_status opencl_gradients(struct clm_backend *be, const struct layer_update *updates, size_t count,
                                   double l2, struct clm_error *error)
{
    struct layer_run run = {.be = be, .l2 = l2};
    const clm_status status = queue_layers(&run, updates, count, error);
    return status || !run.count ? status : launch_run(&run, NULL, error);
}

static clm_status opencl_updates(struct clm_backend *be, const struct layer_update *updates, size_t count,
                                 const struct step *step, const struct gathering *next,
                                 struct clm_error *error)
{
    struct layer_run run = {.be = be, .step = step};
    clm_status status = queue_layers(&run, updates, count, error);
    const bool is_beside = next && !next->augmentation && size_of(next->X) <= INT_MAX / 2 && run.count &&
                           run.gemm->operations->gathers_beside;
    if (status == CLM_OK && run.count)
        status = launch_run(&run, is_beside ? next : NULL, error);
    return status || !next || is_beside ? status
                                        : opencl_gather(be, next->data, next->order, next->first,
                                                        next->augmentation, next->X, next->labels, error);
}

static bool gathers_beside(struct clm_backend *be, const struct linear *layer, size_t B)
{
    const size_t I = layer->W.value.columns, O = layer->W.value.rows;
    return !is_open_question(self(be), I, O) &&
           product_provider(be, PRODUCT_UPDATE, layer, B)->operations->gathers_beside;
}

/* One provider must compute both products. */
static bool looks_ahead(struct clm_backend *be, const struct linear *layer, size_t B, size_t next_B)
{
    const size_t I = layer->W.value.columns, O = layer->W.value.rows;
    if (is_open_question(self(be), I, O))
        return false;
    struct gemm_provider *const gemm = product_provider(be, PRODUCT_UPDATE, layer, B);
    return gemm->operations->fuses && gemm == product_provider(be, PRODUCT_FORWARD, layer, next_B) &&
           gemm->operations->fuses(gemm, I, O, B, next_B);
}

static clm_status opencl_update_forward(struct clm_backend *be, const struct tensor *dZ,
                                        const struct tensor *X, struct linear *layer, const struct step *step,
                                        const struct tensor *next_X, const struct epilogue *epilogue,
                                        struct tensor *next_Y, struct clm_error *error)
{
    struct gemm_provider *const gemm = product_provider(be, PRODUCT_UPDATE, layer, X->rows);
    opencl_expect(be, 2 * (double)(X->rows + next_X->rows) * size_of(&layer->W.value),
                  size_of(dZ) + size_of(X) + step_traffic(step) * size_of(&layer->W.value) + size_of(next_X) +
                      size_of(next_Y));
    return gemm->operations->descend_forward(gemm, dZ, X, layer, step, next_X, epilogue, next_Y, error);
}

/* The provider of one of head's two products that has a head for this layer; NULL if there is none. */
static struct gemm_provider *head_provider(struct clm_backend *be, const struct linear *layer, size_t B)
{
    const enum product products[] = {PRODUCT_FORWARD, PRODUCT_BACKWARD_INPUT};
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        struct gemm_provider *const gemm = product_provider(be, products[i], layer, B);
        if (gemm->operations->has_head && gemm->operations->has_head(gemm, layer, B))
            return gemm;
    }
    return NULL;
}

static bool has_head(struct clm_backend *be, const struct linear *layer, size_t B)
{
    return head_provider(be, layer, B) != NULL;
}

static clm_status opencl_softmax_backward(struct clm_backend *be, const struct tensor *X,
                                          const struct linear *layer, const struct tensor *labels,
                                          const struct gate *gate, struct tensor *dZ, struct tensor *dX,
                                          struct metrics *sums, struct clm_error *error)
{
    struct gemm_provider *const gemm = head_provider(be, layer, X->rows);
    opencl_expect(be, (dX ? 4 : 2) * size_of(X) * (double)dZ->columns,
                  (dX ? 2 : 1) * size_of(X) + size_of(&layer->W.value) + size_of(dZ));
    return gemm->operations->head(gemm, X, layer, labels, gate, dZ, dX, sums, error);
}

static bool opencl_fuses_step(const struct clm_backend *be, enum rule rule)
{
    return fuses_rule((const struct opencl_backend *)be, rule);
}

const struct backend_operations opencl_operations = {
    .name = "opencl",
    .profile_start = profile_start,
    .profile_stop = profile_stop,
    .peaks = profile_peaks,
    .record_start = record_start,
    .record_stop = record_stop,
    .close = opencl_close,
    .element_sizes = {4, 1, 4},
    .metrics_columns = METRICS_COLUMNS,
    .weight_panel = weight_panel,
    .allocate = opencl_allocate,
    .release = opencl_release,
    .write = opencl_write,
    .read = opencl_read,
    .write_part = opencl_write_part,
    .prepare = opencl_prepare,
    .loss_prepare = opencl_loss_prepare,
    .prepare_finish = opencl_prepare_finish,
    .finish = finish,
    .pace = pace,
    .metrics_reset = opencl_metrics_reset,
    .metrics_read = opencl_metrics_read,
    .gather = opencl_gather,
    .gather_weights = opencl_gather_weights,
    .linear_forward = opencl_forward,
    .softmax_xent = opencl_softmax_xent,
    .loss_gradient = opencl_loss_gradient,
    .softmax = opencl_softmax,
    .layer_finish = opencl_layer_finish,
    .gate_backward = opencl_gate_backward,
    .norm_backward = opencl_norm_backward,
    .linear_backward_input = opencl_backward_input,
    .linear_backward_params = opencl_backward_params,
    .fuses_step = opencl_fuses_step,
    .linear_backward_update = opencl_backward_update,
    .linear_gradients = opencl_gradients,
    .linear_updates = opencl_updates,
    .gathers_beside = gathers_beside,
    .looks_ahead = looks_ahead,
    .linear_update_forward = opencl_update_forward,
    .has_head = has_head,
    .linear_softmax_backward = opencl_softmax_backward,
    .parameter_step = opencl_parameter_step,
    .parameters_step = opencl_parameters_step,
    .clip_factor = opencl_clip_factor,
    .blends = opencl_blends,
};
