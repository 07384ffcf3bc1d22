#include "compute/backend.h"

#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void clm_backend_close(struct clm_backend *be)
{
    if (!be)
        return;
    if (be->free_notebook)
        be->free_notebook(be->notebook);
    be->operations->close(be);
}

enum clm_backend_kind clm_backend_kind(const struct clm_backend *be)
{
    return be->kind;
}

const char *clm_backend_name(const struct clm_backend *be)
{
    return be->operations->name;
}

const char *clm_backend_provider(const struct clm_backend *be)
{
    return be->provider;
}

const char *clm_backend_device(const struct clm_backend *be)
{
    return be->device;
}

/* ---- memory ---- */

static void plan(struct clm_backend *be, size_t bytes)
{
    be->memory.planned.now += bytes;
    be->memory.planned.peak = size_max(be->memory.planned.peak, be->memory.planned.now);
}

/* Fails if the device does not allow so much in one piece, also while planning. */
static clm_status check_allocation(const struct clm_backend *be, size_t rows, size_t columns, size_t bytes,
                                   struct clm_error *error)
{
    if (bytes <= be->allocation_limit)
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_MEMORY, "resident batch hidden limit",
        "a matrix of %zu x %zu needs %.1f MiB, over the %.1f MiB that %s allows at once (CL_DEVICE_MAX_MEM_ALLOC_SIZE); keep the data in the host's memory, or take smaller batches, narrower layers or fewer rows",
        rows, columns, mebibytes(bytes), mebibytes(be->allocation_limit), be->device);
}

/* Allocates room for `whole_rows` rows. */
static clm_status backend_create_tensor(struct clm_backend *be, enum tensor_type type, size_t rows,
                                        size_t columns, size_t whole_rows, struct tensor *out,
                                        struct clm_error *error)
{
    size_t count, bytes;
    memset(out, 0, sizeof *out);
    if (!size_mul(whole_rows, columns, &count) ||
        !size_mul(count, be->operations->element_sizes[type], &bytes) || !bytes)
        return clm_fail(error, CLM_ERROR_SHAPE, "a matrix of %zu x %zu is %s", rows, columns,
                        rows && columns ? "too large to address" : "empty");
    const clm_status allowed = check_allocation(be, rows, columns, bytes, error);
    if (allowed != CLM_OK)
        return allowed;
    void *memory = NULL;
    if (be->memory.is_planning) {
        plan(be, bytes);
    } else {
        const clm_status status = be->operations->allocate(be, bytes, &memory, error);
        if (status != CLM_OK)
            return status;
        be->memory.now += bytes;
        be->memory.peak = size_max(be->memory.peak, be->memory.now);
    }
    *out = (struct tensor){.rows = rows, .columns = columns, .type = type, .bytes = bytes, .memory = memory};
    return CLM_OK;
}

bool backend_is_double(const struct clm_backend *be)
{
    return be->operations->element_sizes[TENSOR_REAL] == sizeof(double);
}

clm_status tensor_create(struct clm_backend *be, enum tensor_type type, size_t rows, size_t columns,
                         struct tensor *out, struct clm_error *error)
{
    return backend_create_tensor(be, type, rows, columns, rows, out, error);
}

clm_status weights_create(struct clm_backend *be, size_t O, size_t I, size_t batch, struct tensor *out,
                          struct clm_error *error)
{
    const size_t panel = be->operations->weight_panel ? be->operations->weight_panel(be, batch, I, O) : 0;
    const size_t whole_rows = panel && O <= SIZE_MAX - panel ? round_up(O, panel) : O;
    const clm_status status = backend_create_tensor(be, TENSOR_REAL, O, I, whole_rows, out, error);
    if (status == CLM_OK)
        out->panel = panel;
    return status;
}

clm_status tensor_create_like(struct clm_backend *be, const struct tensor *like, struct tensor *out,
                              struct clm_error *error)
{
    const size_t whole_rows = like->panel ? round_up(like->rows, like->panel) : like->rows;
    const clm_status status =
        backend_create_tensor(be, like->type, like->rows, like->columns, whole_rows, out, error);
    if (status == CLM_OK)
        out->panel = like->panel;
    return status;
}

void tensor_free(struct clm_backend *be, struct tensor *tensor)
{
    if (tensor->memory) {
        be->operations->release(be, tensor->memory);
        be->memory.now -= tensor->bytes;
    } else {
        be->memory.planned.now -= tensor->bytes;
    }
    memset(tensor, 0, sizeof *tensor);
}

static bool host_type_fits(enum host_type host, enum tensor_type type)
{
    return type == TENSOR_REAL   ? host == HOST_FLOAT || host == HOST_DOUBLE
           : type == TENSOR_BYTE ? host == HOST_BYTE
                                 : host == HOST_INDEX;
}

clm_status backend_write(struct clm_backend *be, struct tensor *tensor, enum host_type type, const void *host,
                         struct clm_error *error)
{
    if (!host_type_fits(type, tensor->type))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "write: host type %d does not go with tensor type %d",
                        type, tensor->type);
    return be->operations->write(be, tensor, type, host, error);
}

clm_status backend_read(struct clm_backend *be, const struct tensor *tensor, enum host_type type, void *host,
                        struct clm_error *error)
{
    if (!host_type_fits(type, tensor->type))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "read: host type %d does not go with tensor type %d", type,
                        tensor->type);
    return be->operations->read(be, tensor, type, host, error);
}

clm_status backend_write_part(struct clm_backend *be, struct tensor *tensor, size_t first, size_t count,
                              enum host_type type, const void *host, struct clm_error *error)
{
    const size_t all = tensor->rows * tensor->columns;
    if (!host_type_fits(type, tensor->type) || type == HOST_DOUBLE || tensor->panel)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "write_part: host type %d does not go with a tensor of type %d in panels of %zu",
                        type, tensor->type, tensor->panel);
    if (first > all || count > all - first)
        return clm_fail(error, CLM_ERROR_SHAPE, "write_part: %zu elements from %zu on of a tensor of %zu",
                        count, first, all);
    return count ? be->operations->write_part(be, tensor, first, count, type, host, error) : CLM_OK;
}

clm_status backend_prepare(struct clm_backend *be, const size_t *widths, size_t width_count,
                           const enum activation *acts, enum rule rule, size_t batch, struct clm_error *error)
{
    return be->operations->prepare
               ? be->operations->prepare(be, widths, width_count, acts, rule, batch, error)
               : CLM_OK;
}

clm_status backend_prepare_finish(struct clm_backend *be, enum norm_kind norm, enum activation act,
                                  struct clm_error *error)
{
    return be->operations->prepare_finish && !be->memory.is_planning
               ? be->operations->prepare_finish(be, norm, act, error)
               : CLM_OK;
}

clm_status backend_finish(struct clm_backend *be, struct clm_error *error)
{
    return be->operations->finish ? be->operations->finish(be, error) : CLM_OK;
}

clm_status backend_pace(struct clm_backend *be, struct clm_error *error)
{
    return be->operations->pace ? be->operations->pace(be, error) : CLM_OK;
}

void memory_plan_begin(struct clm_backend *be)
{
    be->memory.is_planning = true;
    be->memory.planned.now = be->memory.planned.peak = be->memory.now;
    be->memory.planned.workspace = 0;
}

size_t memory_plan_end(struct clm_backend *be)
{
    be->memory.is_planning = false;
    return be->memory.planned.peak;
}

clm_status memory_plan_workspace(struct clm_backend *be, size_t have, size_t bytes, struct clm_error *error)
{
    size_t *const more = &be->memory.planned.workspace;
    if (bytes <= have + *more)
        return CLM_OK;
    plan(be, bytes - have - *more);
    *more = bytes - have;
    return check_allocation(be, 1, bytes, bytes, error);
}

clm_status memory_check(const struct clm_backend *be, const char *what, size_t bytes, const char *remedy,
                        const char *setting, struct clm_error *error)
{
    const char *const limit = be->limit_setting;
    char settings[sizeof error->setting];
    if (bytes <= be->memory_limit)
        return CLM_OK;
    snprintf(settings, sizeof settings, "%s%s%s", limit ? limit : "", limit ? " " : "", setting);
    return clm_fail_setting(error, CLM_ERROR_MEMORY, settings,
                            "%s needs %.1f MiB, and %s has %.1f MiB (%s); %s%s", what, mebibytes(bytes),
                            be->device, mebibytes(be->memory_limit), be->limited_by,
                            limit ? "raise that, or " : "", remedy);
}

/* ---- metrics ---- */

clm_status metrics_create(struct clm_backend *be, struct metrics *out, struct clm_error *error)
{
    return tensor_create(be, TENSOR_REAL, 1, be->operations->metrics_columns, &out->state, error);
}

void metrics_free(struct clm_backend *be, struct metrics *metrics)
{
    tensor_free(be, &metrics->state);
}

clm_status metrics_reset(struct clm_backend *be, struct metrics *metrics, struct clm_error *error)
{
    return be->operations->metrics_reset(be, metrics, error);
}

clm_status metrics_read(struct clm_backend *be, const struct metrics *metrics, double *loss_sum,
                        size_t *correct, struct clm_error *error)
{
    return be->operations->metrics_read(be, metrics, loss_sum, correct, error);
}

/* ---- the net's operations: shapes are checked where matrices meet ---- */

/* CLM_OK if `tensor` is rows x columns of `type`. */
static clm_status backend_expect(const char *operation, const char *name, const struct tensor *tensor,
                                 enum tensor_type type, size_t rows, size_t columns, struct clm_error *error)
{
    if (tensor->rows == rows && tensor->columns == columns && tensor->type == type && tensor->memory)
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_SHAPE,
                    "%s: %s is %zu x %zu of type %d%s where %zu x %zu of type %d belongs", operation, name,
                    tensor->rows, tensor->columns, tensor->type, tensor->memory ? "" : " without memory",
                    rows, columns, type);
}

static clm_status expect_augmentation(const struct augmentation *a, size_t B, size_t I,
                                      struct clm_error *error)
{
    const struct clm_augmentation *const changes = &a->changes;
    const size_t shorter = size_min(a->width, a->height), longer = size_max(a->width, a->height);
    size_t pixels = 0, features = 0;
    if (!size_mul(a->width, a->height, &pixels) || !size_mul(pixels, a->channels, &features) || features != I)
        return clm_fail(error, CLM_ERROR_SHAPE,
                        "gather: pictures of %zu x %zu pixels in %zu channels from rows of %zu", a->width,
                        a->height, a->channels, I);
    if (!(changes->noise >= 0 && changes->mixup >= 0) || (changes->shift && changes->shift >= shorter) ||
        changes->cutout > longer)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "gather: shift %zu, cutout %zu, mixup %g, noise %g of pictures of %zu x %zu pixels",
                        changes->shift, changes->cutout, changes->mixup, changes->noise, a->width, a->height);
    if (a->position > UINT32_MAX - B)
        return clm_fail(error, CLM_ERROR_SHAPE, "gather: row %zu of an epoch is over the %u that are counted",
                        a->position + B, UINT32_MAX);
    return changes->mixup > 0 ? backend_expect("gather", "partners", a->partners, TENSOR_INDEX, 1, B, error)
                              : CLM_OK;
}

static clm_status expect_gathering(const struct gathering *g, struct clm_error *error)
{
    const char *const here = "gather";
    const struct resident *const data = g->data;
    const size_t N = data->values.rows, I = data->values.columns, B = g->X->rows;
    clm_status status;
    if (B > N || g->first > N - B)
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: rows %zu to %zu of a data set of %zu", here, g->first,
                        g->first + B, N);
    if ((status = backend_expect(here, "values", &data->values, data->values.type, N, I, error)) ||
        (status = backend_expect(here, "labels of the data", &data->labels, TENSOR_INDEX, 1, N, error)) ||
        (status = backend_expect(here, "mean", &data->mean, TENSOR_REAL, 1, I, error)) ||
        (status = backend_expect(here, "scale", &data->scale, TENSOR_REAL, 1, I, error)) ||
        (g->order && (status = backend_expect(here, "order", g->order, TENSOR_INDEX, 1, N, error))) ||
        (status = backend_expect(here, "X", g->X, TENSOR_REAL, B, I, error)) ||
        (status = backend_expect(here, "labels", g->labels, TENSOR_INDEX, 1, B, error)))
        return status;
    return g->augmentation ? expect_augmentation(g->augmentation, B, I, error) : CLM_OK;
}

clm_status gather(struct clm_backend *be, const struct resident *data, const struct tensor *order,
                  size_t first, const struct augmentation *augmentation, struct tensor *X,
                  struct tensor *labels, struct clm_error *error)
{
    const clm_status status =
        expect_gathering(&(const struct gathering){data, order, first, augmentation, X, labels}, error);
    return status ? status : be->operations->gather(be, data, order, first, augmentation, X, labels, error);
}

clm_status gather_weights(struct clm_backend *be, const struct tensor *weights, const struct tensor *order,
                          size_t first, size_t turn, struct tensor *out, struct clm_error *error)
{
    const char *const here = "gather_weights";
    const size_t N = weights->columns, B = out->columns;
    clm_status status;
    if (B > N || first > N - B || turn >= B)
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: rows %zu to %zu of a data set of %zu, turned by %zu",
                        here, first, first + B, N, turn);
    if ((status = backend_expect(here, "weights", weights, TENSOR_REAL, 1, N, error)) ||
        (order && (status = backend_expect(here, "order", order, TENSOR_INDEX, 1, N, error))) ||
        (status = backend_expect(here, "weights of the batch", out, TENSOR_REAL, 1, B, error)))
        return status;
    return be->operations->gather_weights(be, weights, order, first, turn, out, error);
}

/* Like `expect`, for a tensor that must have W's shape and layout. */
static clm_status expect_like(const char *operation, const char *name, const struct tensor *tensor,
                              const struct tensor *W, struct clm_error *error)
{
    if (!tensor)
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: %s is missing", operation, name);
    if (tensor->panel == W->panel)
        return backend_expect(operation, name, tensor, TENSOR_REAL, W->rows, W->columns, error);
    return clm_fail(error, CLM_ERROR_SHAPE,
                    "%s: %s lies in panels of %zu rows and W in panels of %zu; both belong to weights_create",
                    operation, name, tensor->panel, W->panel);
}

static clm_status expect_layer(const char *operation, const struct linear *layer, size_t O, size_t I,
                               struct clm_error *error)
{
    const clm_status status = backend_expect(operation, "W", &layer->W.value, TENSOR_REAL, O, I, error);
    return status ? status : backend_expect(operation, "b", &layer->b.value, TENSOR_REAL, 1, O, error);
}

/* These stand in for a NULL epilogue and a NULL gate. */
static const struct epilogue no_epilogue = {.act = ACTIVATION_NONE};
static const struct gate no_gate = {.act = ACTIVATION_NONE};

static clm_status expect_epilogue(const char *here, const struct epilogue *epilogue, const struct tensor *Y,
                                  struct clm_error *error)
{
    if (!epilogue || !epilogue->gate || activations[epilogue->act].gate != GATE_SAVED)
        return CLM_OK;
    return backend_expect(here, "gate", epilogue->gate, TENSOR_REAL, Y->rows, Y->columns, error);
}

static clm_status expect_gate(const char *here, const struct gate *gate, const struct tensor *dX,
                              struct clm_error *error)
{
    if (!gate || activations[gate->act].gate == GATE_ONE)
        return CLM_OK;
    return backend_expect(here, "gate", gate->of, TENSOR_REAL, dX->rows, dX->columns, error);
}

static clm_status expect_forward(const char *here, const struct tensor *X, const struct linear *layer,
                                 const struct epilogue *epilogue, const struct tensor *Y,
                                 struct clm_error *error)
{
    const size_t B = X->rows, I = X->columns, O = Y->columns;
    clm_status status;
    if ((status = backend_expect(here, "X", X, TENSOR_REAL, B, I, error)) ||
        (status = expect_layer(here, layer, O, I, error)) ||
        (status = backend_expect(here, "Y", Y, TENSOR_REAL, B, O, error)))
        return status;
    return expect_epilogue(here, epilogue, Y, error);
}

clm_status linear_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                          const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error)
{
    const clm_status status = expect_forward("linear_forward", X, layer, epilogue, Y, error);
    if (status != CLM_OK)
        return status;
    return be->operations->linear_forward(be, X, layer, epilogue ? epilogue : &no_epilogue, Y, error);
}

/* A share below 1 needs partners, and with weights the partners have theirs. */
static clm_status expect_mixture(const char *here, const struct mixture *mixture, size_t B,
                                 struct clm_error *error)
{
    clm_status status = CLM_OK;
    if (!mixture)
        return CLM_OK;
    const bool has_weights = mixture_has_weights(mixture);
    const bool is_mixed = mixture_has_partners(mixture) || mixture->share != 1 || !has_weights;
    if (is_mixed)
        status = backend_expect(here, "partners", &mixture->partners, TENSOR_INDEX, 1, B, error);
    if (status == CLM_OK && has_weights)
        status = backend_expect(here, "weights", &mixture->weights, TENSOR_REAL, 1, B, error);
    if (status == CLM_OK && has_weights && is_mixed)
        status =
            backend_expect(here, "partners' weights", &mixture->partner_weights, TENSOR_REAL, 1, B, error);
    return status;
}

clm_status softmax_xent(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                        const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                        struct clm_error *error)
{
    const char *const here = "softmax_xent";
    const size_t B = Z->rows, C = Z->columns;
    clm_status status;
    if ((status = backend_expect(here, "Z", Z, TENSOR_REAL, B, C, error)) ||
        (status = backend_expect(here, "labels", labels, TENSOR_INDEX, 1, B, error)) ||
        (status = expect_mixture(here, mixture, B, error)) ||
        (dZ && (status = backend_expect(here, "dZ", dZ, TENSOR_REAL, B, C, error))))
        return status;
    return be->operations->softmax_xent(be, Z, labels, mixture, dZ, sums, error);
}

/* CLM_OK if all numbers of a loss are in their ranges. NaN is in none. */
static clm_status expect_loss(const char *here, const struct loss *loss, struct clm_error *error)
{
    const size_t quantiles = loss->quantile_count;
    bool is_right = loss->kind != LOSS_CROSS_ENTROPY || (loss->smoothing >= 0 && loss->smoothing <= 1);
    is_right = is_right && (loss->kind != LOSS_FOCAL || (loss->gamma >= 0 && loss->gamma < INFINITY));
    is_right = is_right && (loss->kind != LOSS_HUBER || (loss->delta > 0 && loss->delta < INFINITY));
    is_right = is_right && (loss->kind != LOSS_QUANTILE || (quantiles && quantiles <= QUANTILES_MOST));
    for (size_t q = 0; is_right && loss->kind == LOSS_QUANTILE && q < quantiles; q++)
        is_right = loss->quantiles[q] > 0 && loss->quantiles[q] < 1;
    if (is_right)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_ARGUMENT,
        "%s: smoothing %g, gamma %g, delta %g and %zu quantiles, the first %g, where 0 to 1, at least 0, above 0 and 1 to %d between 0 and 1 belong",
        here, loss->smoothing, loss->gamma, loss->delta, quantiles, loss->quantiles[0], QUANTILES_MOST);
}

/* Values (B,T) for T Q outputs, and weights of rows. */
static clm_status expect_row_values(const char *here, const struct loss *loss, const struct tensor *Z,
                                    const struct targets *targets, struct clm_error *error)
{
    const size_t Q = loss_quantiles(loss);
    clm_status status;
    if (!targets->values || Z->columns % Q)
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: %zu outputs and %s, for %zu quantiles of each target",
                        here, Z->columns, targets->values ? "values" : "no values", Q);
    if ((status =
             backend_expect(here, "values", targets->values, TENSOR_REAL, Z->rows, Z->columns / Q, error)) ||
        !targets->mixture)
        return status;
    if (mixture_has_partners(targets->mixture) || targets->mixture->share != 1)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "mixup",
                                "%s: rows cannot be mixed for the loss %s, which compares with values", here,
                                loss_table[loss->kind].name);
    return expect_mixture(here, targets->mixture, Z->rows, error);
}

clm_status loss_gradient(struct clm_backend *be, const struct loss *loss, const struct tensor *Z,
                         const struct targets *targets, struct tensor *dZ, struct metrics *sums,
                         struct clm_error *error)
{
    const char *const here = "loss_gradient";
    const size_t B = Z->rows, C = Z->columns;
    clm_status status;
    if ((status = expect_loss(here, loss, error)) ||
        (status = backend_expect(here, "Z", Z, TENSOR_REAL, B, C, error)) ||
        (dZ && (status = backend_expect(here, "dZ", dZ, TENSOR_REAL, B, C, error))))
        return status;
    if (loss_table[loss->kind].has_values)
        status = expect_row_values(here, loss, Z, targets, error);
    else if (!targets->labels)
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: the loss %s needs labels", here,
                        loss_table[loss->kind].name);
    else if ((status = backend_expect(here, "labels", targets->labels, TENSOR_INDEX, 1, B, error)) == CLM_OK)
        status = expect_mixture(here, targets->mixture, B, error);
    if (status != CLM_OK)
        return status;
    if (loss_is_plain(loss))
        return be->operations->softmax_xent(be, Z, targets->labels, targets->mixture, dZ, sums, error);
    if (!be->operations->loss_gradient)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "loss",
                                "the %s backend has no loss but plain cross-entropy", be->operations->name);
    return be->operations->loss_gradient(be, loss, Z, targets, dZ, sums, error);
}

clm_status loss_prepare(struct clm_backend *be, const struct loss *loss, struct clm_error *error)
{
    const clm_status status = expect_loss("loss", loss, error);
    return status || loss_is_plain(loss) || !be->operations->loss_prepare
               ? status
               : be->operations->loss_prepare(be, loss, error);
}

/* ---- norms and dropout ---- */

static clm_status expect_available(const struct clm_backend *be, const char *here, bool is_there,
                                   struct clm_error *error)
{
    return is_there ? CLM_OK
                    : clm_fail_setting(error, CLM_ERROR_ARGUMENT, "backend",
                                       "%s: the %s backend does not have it; take another backend", here,
                                       be->operations->name);
}

/* Centre and inverse are those of the batch, with a place for each column, or at least one for each row. */
static clm_status expect_batch_statistics(const char *here, const struct norm *norm, size_t B, size_t O,
                                          struct clm_error *error)
{
    const size_t centres = norm->centre.columns, inverses = norm->inverse.columns,
                 rows = norm->kind == NORM_LAYER ? B : O;
    const bool is_by_row = norm->kind == NORM_LAYER;
    const clm_status status = backend_expect(here, "centre", &norm->centre, TENSOR_REAL, 1,
                                             is_by_row ? size_max(centres, rows) : rows, error);
    return status ? status
                  : backend_expect(here, "inverse", &norm->inverse, TENSOR_REAL, 1,
                                   is_by_row ? size_max(inverses, rows) : rows, error);
}

static clm_status expect_norm(const char *here, const struct norm *norm, size_t B, size_t O, bool is_training,
                              struct clm_error *error)
{
    clm_status status;
    if ((status = backend_expect(here, "scale", &norm->scale.value, TENSOR_REAL, 1, O, error)) ||
        (status = backend_expect(here, "shift", &norm->shift.value, TENSOR_REAL, 1, O, error)))
        return status;
    if (norm->kind == NORM_BATCH &&
        ((status = backend_expect(here, "running mean", &norm->mean, TENSOR_REAL, 1, O, error)) ||
         (status = backend_expect(here, "running variance", &norm->variance, TENSOR_REAL, 1, O, error))))
        return status;
    return norm->kind == NORM_LAYER || is_training ? expect_batch_statistics(here, norm, B, O, error)
                                                   : CLM_OK;
}

static bool is_normalising(const struct norm *norm)
{
    return norm && norm->kind != NORM_NONE;
}

static clm_status expect_dropout(const char *here, const struct dropout *dropout, struct clm_error *error)
{
    if (!dropout || (dropout->share >= 0 && dropout->share < 1 && dropout->step <= DROPOUT_STEPS &&
                     dropout->layer <= DROPOUT_LAYERS))
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_ARGUMENT,
        "%s: a share of %g to drop in step %llu of layer %u; it has to be below 1, in step %u of layer %u at most",
        here, dropout->share, (unsigned long long)dropout->step, dropout->layer, DROPOUT_STEPS,
        DROPOUT_LAYERS);
}

clm_status layer_finish(struct clm_backend *be, const struct tensor *Z, const struct finish *finish,
                        struct tensor *Y, struct clm_error *error)
{
    const char *const here = "layer_finish";
    const size_t B = Z->rows, O = Z->columns;
    clm_status status;
    if ((status = expect_available(be, here, be->operations->layer_finish != NULL, error)) ||
        (status = backend_expect(here, "Z", Z, TENSOR_REAL, B, O, error)) ||
        (status = backend_expect(here, "Y", Y, TENSOR_REAL, B, O, error)) ||
        (is_normalising(finish->norm) &&
         (status = expect_norm(here, finish->norm, B, O, finish->is_training, error))) ||
        (status = expect_dropout(here, finish->dropout, error)) ||
        (finish->residual &&
         (status = backend_expect(here, "residual", finish->residual, TENSOR_REAL, B, O, error))) ||
        (finish->gate && (status = backend_expect(here, "gate", finish->gate, TENSOR_REAL, B, O, error))))
        return status;
    struct finish plain = *finish;
    if (!is_normalising(finish->norm))
        plain.norm = NULL;
    if (finish->dropout && finish->dropout->share == 0)
        plain.dropout = NULL;
    return be->operations->layer_finish(be, Z, &plain, Y, error);
}

clm_status gate_backward(struct clm_backend *be, struct tensor *dY, const struct tensor *skip,
                         const struct gate *gate, struct tensor *dZ, struct clm_error *error)
{
    const char *const here = "gate_backward";
    const size_t B = dY->rows, O = dY->columns;
    clm_status status;
    if ((status = expect_available(be, here, be->operations->gate_backward != NULL, error)) ||
        (status = backend_expect(here, "dY", dY, TENSOR_REAL, B, O, error)) ||
        (skip && (status = backend_expect(here, "skip", skip, TENSOR_REAL, B, O, error))) ||
        (status = backend_expect(here, "dZ", dZ, TENSOR_REAL, B, O, error)) ||
        (status = expect_gate(here, gate, dZ, error)))
        return status;
    return be->operations->gate_backward(be, dY, skip, gate ? gate : &no_gate, dZ, error);
}

clm_status norm_backward(struct clm_backend *be, struct norm *norm, const struct tensor *Z, struct tensor *dN,
                         struct clm_error *error)
{
    const char *const here = "norm_backward";
    const size_t B = Z->rows, O = Z->columns;
    clm_status status;
    if (!is_normalising(norm))
        return CLM_OK;
    if ((status = expect_available(be, here, be->operations->norm_backward != NULL, error)) ||
        (status = backend_expect(here, "Z", Z, TENSOR_REAL, B, O, error)) ||
        (status = backend_expect(here, "dN", dN, TENSOR_REAL, B, O, error)) ||
        (status = backend_expect(here, "scale", &norm->scale.value, TENSOR_REAL, 1, O, error)) ||
        (status = expect_batch_statistics(here, norm, B, O, error)) ||
        (status = expect_like(here, "gradient of scale", &norm->scale.gradient, &norm->scale.value, error)) ||
        (status = expect_like(here, "gradient of shift", &norm->shift.gradient, &norm->scale.value, error)))
        return status;
    return be->operations->norm_backward(be, norm, Z, dN, error);
}

clm_status softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P, struct clm_error *error)
{
    clm_status status;
    if ((status = backend_expect("softmax", "Z", Z, TENSOR_REAL, Z->rows, Z->columns, error)) ||
        (status = backend_expect("softmax", "P", P, TENSOR_REAL, Z->rows, Z->columns, error)))
        return status;
    return be->operations->softmax(be, Z, P, error);
}

clm_status linear_backward_input(struct clm_backend *be, const struct tensor *dZ, const struct linear *layer,
                                 const struct gate *gate, struct tensor *dX, struct clm_error *error)
{
    const char *const here = "linear_backward_input";
    const size_t B = dZ->rows, O = dZ->columns, I = dX->columns;
    clm_status status;
    if ((status = backend_expect(here, "dZ", dZ, TENSOR_REAL, B, O, error)) ||
        (status = expect_layer(here, layer, O, I, error)) ||
        (status = backend_expect(here, "dX", dX, TENSOR_REAL, B, I, error)) ||
        (status = expect_gate(here, gate, dX, error)))
        return status;
    return be->operations->linear_backward_input(be, dZ, layer, gate ? gate : &no_gate, dX, error);
}

static clm_status expect_params(const char *here, const struct tensor *dZ, const struct tensor *X,
                                const struct linear *layer, struct clm_error *error)
{
    const size_t B = dZ->rows, O = dZ->columns, I = X->columns;
    clm_status status;
    if ((status = backend_expect(here, "dZ", dZ, TENSOR_REAL, B, O, error)) ||
        (status = backend_expect(here, "X", X, TENSOR_REAL, B, I, error)) ||
        (status = expect_layer(here, layer, O, I, error)) ||
        (status = expect_like(here, "dW", &layer->W.gradient, &layer->W.value, error)))
        return status;
    return expect_like(here, "db", &layer->b.gradient, &layer->b.value, error);
}

clm_status linear_backward_params(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, double l2, struct clm_error *error)
{
    const clm_status status = expect_params("linear_backward_params", dZ, X, layer, error);
    return status ? status : be->operations->linear_backward_params(be, dZ, X, layer, l2, error);
}

/* Layers of one launch have one batch. */
static clm_status expect_rows(const char *here, const struct layer_update *update,
                              const struct layer_update *first, struct clm_error *error)
{
    return update->dZ.rows == first->dZ.rows
               ? CLM_OK
               : clm_fail(error, CLM_ERROR_SHAPE, "%s: layers of batches of %zu and %zu rows", here,
                          first->dZ.rows, update->dZ.rows);
}

static clm_status gradients_in_turn(struct clm_backend *be, const struct layer_update *updates, size_t count,
                                    double l2, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (const struct layer_update *u = updates; status == CLM_OK && u < updates + count; u++)
        status = be->operations->linear_backward_params(be, &u->dZ, &u->X, u->layer, l2, error);
    return status;
}

clm_status linear_gradients(struct clm_backend *be, const struct layer_update *updates, size_t count,
                            double l2, struct clm_error *error)
{
    const char *const here = "linear_gradients";
    clm_status status = CLM_OK;
    for (const struct layer_update *u = updates; status == CLM_OK && u < updates + count; u++)
        if ((status = expect_params(here, &u->dZ, &u->X, u->layer, error)) == CLM_OK)
            status = expect_rows(here, u, updates, error);
    if (status != CLM_OK)
        return status;
    return be->operations->linear_gradients ? be->operations->linear_gradients(be, updates, count, l2, error)
                                            : gradients_in_turn(be, updates, count, l2, error);
}

/* Checks the tensors that the step's rule keeps with a parameter. */
static clm_status expect_states(const char *here, const char *name, const struct parameter *parameter,
                                const struct step *step, struct clm_error *error)
{
    clm_status status = CLM_OK;
    if (!step->number && rules[step->rule].states > 1)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: step 0 of %s, whose steps are numbered from 1", here,
                        rules[step->rule].name);
    for (size_t s = 0; status == CLM_OK && s < rules[step->rule].states; s++)
        status = expect_like(here, name, &parameter->state[s], &parameter->value, error);
    if (status == CLM_OK && step->gradient_scale)
        status = backend_expect(here, "gradient_scale", step->gradient_scale, TENSOR_REAL, 1, 1, error);
    return status;
}

static clm_status expect_update(const char *here, const struct tensor *dZ, const struct tensor *X,
                                const struct linear *layer, const struct step *step, struct clm_error *error)
{
    const size_t B = dZ->rows, O = dZ->columns, I = X->columns;
    clm_status status;
    if ((status = backend_expect(here, "dZ", dZ, TENSOR_REAL, B, O, error)) ||
        (status = backend_expect(here, "X", X, TENSOR_REAL, B, I, error)) ||
        (status = expect_layer(here, layer, O, I, error)) ||
        (status = expect_states(here, "state of W", &layer->W, step, error)))
        return status;
    return expect_states(here, "state of b", &layer->b, step, error);
}

bool backend_fuses_step(const struct clm_backend *be, enum rule rule)
{
    return be->operations->fuses_step ? be->operations->fuses_step(be, rule) : rules[rule].is_linear;
}

/* Whether the backend takes this step along with the gradient. */
static bool fuses_step(const struct clm_backend *be, const struct step *step)
{
    return step_is_linear(step) && backend_fuses_step(be, step->rule);
}

/* Computes the gradients, then takes the step. */
static clm_status step_unfused(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                               struct linear *layer, const struct step *step, struct clm_error *error)
{
    struct parameter *const parameters[] = {&layer->W, &layer->b};
    const clm_status status = linear_backward_params(be, dZ, X, layer, step->l2, error);
    return status ? status : parameters_step(be, parameters, 2, step, error);
}

clm_status linear_backward_update(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, const struct step *step, struct clm_error *error)
{
    const clm_status status = expect_update("linear_backward_update", dZ, X, layer, step, error);
    if (status != CLM_OK)
        return status;
    return fuses_step(be, step) ? be->operations->linear_backward_update(be, dZ, X, layer, step, error)
                                : step_unfused(be, dZ, X, layer, step, error);
}

static clm_status update_in_turn(struct clm_backend *be, const struct layer_update *updates, size_t count,
                                 const struct step *step, const struct gathering *next,
                                 struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t u = 0; status == CLM_OK && u < count; u++)
        status = linear_backward_update(be, &updates[u].dZ, &updates[u].X, updates[u].layer, step, error);
    return status || !next ? status
                           : gather(be, next->data, next->order, next->first, next->augmentation, next->X,
                                    next->labels, error);
}

clm_status linear_updates(struct clm_backend *be, const struct layer_update *updates, size_t count,
                          const struct step *step, const struct gathering *next, struct clm_error *error)
{
    const char *const here = "linear_updates";
    clm_status status = CLM_OK;
    for (size_t u = 0; status == CLM_OK && u < count; u++) {
        status = expect_update(here, &updates[u].dZ, &updates[u].X, updates[u].layer, step, error);
        if (status == CLM_OK)
            status = expect_rows(here, &updates[u], updates, error);
    }
    if (status == CLM_OK && next)
        status = expect_gathering(next, error);
    if (status != CLM_OK)
        return status;
    return be->operations->linear_updates && fuses_step(be, step)
               ? be->operations->linear_updates(be, updates, count, step, next, error)
               : update_in_turn(be, updates, count, step, next, error);
}

bool backend_gathers_beside(struct clm_backend *be, const struct linear *layer, size_t B)
{
    return be->operations->gathers_beside && be->operations->gathers_beside(be, layer, B);
}

clm_status linear_update_forward(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                 struct linear *layer, const struct step *step, const struct tensor *next_X,
                                 const struct epilogue *epilogue, struct tensor *next_Y,
                                 struct clm_error *error)
{
    const char *const here = "linear_update_forward";
    const struct backend_operations *const operations = be->operations;
    const struct epilogue *const next = epilogue ? epilogue : &no_epilogue;
    clm_status status;
    if ((status = expect_update(here, dZ, X, layer, step, error)) ||
        (status = expect_forward(here, next_X, layer, epilogue, next_Y, error)))
        return status;
    if (operations->linear_update_forward && fuses_step(be, step) &&
        (!operations->looks_ahead || operations->looks_ahead(be, layer, X->rows, next_X->rows)))
        return operations->linear_update_forward(be, dZ, X, layer, step, next_X, next, next_Y, error);
    status = linear_backward_update(be, dZ, X, layer, step, error);
    return status ? status : operations->linear_forward(be, next_X, layer, next, next_Y, error);
}

clm_status linear_softmax_backward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                   const struct tensor *labels, const struct mixture *mixture,
                                   const struct gate *gate, struct tensor *dZ, struct tensor *dX,
                                   struct metrics *sums, struct clm_error *error)
{
    const char *const here = "linear_softmax_backward";
    const struct backend_operations *const operations = be->operations;
    const size_t B = X->rows, I = X->columns;
    clm_status status;
    if ((status = expect_forward(here, X, layer, NULL, dZ, error)) ||
        (status = backend_expect(here, "labels", labels, TENSOR_INDEX, 1, B, error)) ||
        (status = expect_mixture(here, mixture, B, error)) ||
        (dX && (status = backend_expect(here, "dX", dX, TENSOR_REAL, B, I, error))) ||
        (dX && (status = expect_gate(here, gate, dX, error))))
        return status;
    gate = gate ? gate : &no_gate;
    if (!mixture && operations->has_head && operations->has_head(be, layer, B))
        return operations->linear_softmax_backward(be, X, layer, labels, gate, dZ, dX, sums, error);
    if ((status = operations->linear_forward(be, X, layer, &no_epilogue, dZ, error)) ||
        (status = operations->softmax_xent(be, dZ, labels, mixture, dZ, sums, error)))
        return status;
    return dX ? operations->linear_backward_input(be, dZ, layer, gate, dX, error) : CLM_OK;
}

bool backend_looks_ahead(struct clm_backend *be, const struct linear *layer, size_t B)
{
    return be->operations->looks_ahead && be->operations->looks_ahead(be, layer, B, B);
}

/* Checks a value and its gradient. */
static clm_status expect_gradient(const char *here, const struct parameter *parameter,
                                  struct clm_error *error)
{
    const struct tensor *const w = &parameter->value;
    const clm_status status = backend_expect(here, "w", w, TENSOR_REAL, w->rows, w->columns, error);
    return status ? status : expect_like(here, "g", &parameter->gradient, w, error);
}

static clm_status expect_parameter(const char *here, const struct parameter *parameter,
                                   const struct step *step, struct clm_error *error)
{
    const clm_status status = expect_gradient(here, parameter, error);
    return status ? status : expect_states(here, "state", parameter, step, error);
}

clm_status parameter_step(struct clm_backend *be, struct parameter *parameter, const struct step *step,
                          struct clm_error *error)
{
    const clm_status status = expect_parameter("parameter_step", parameter, step, error);
    return status ? status : be->operations->parameter_step(be, parameter, step, error);
}

clm_status parameters_step(struct clm_backend *be, struct parameter *const *list, size_t count,
                           const struct step *step, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < count; p++)
        status = expect_parameter("parameters_step", list[p], step, error);
    if (status == CLM_OK && be->operations->parameters_step)
        return be->operations->parameters_step(be, list, count, step, error);
    for (size_t p = 0; status == CLM_OK && p < count; p++)
        status = be->operations->parameter_step(be, list[p], step, error);
    return status;
}

clm_status clip_factor(struct clm_backend *be, struct parameter *const *list, size_t count, double l1,
                       double most, struct tensor *factor, struct clm_error *error)
{
    const char *const here = "clip_factor";
    clm_status status = backend_expect(here, "factor", factor, TENSOR_REAL, 1, 1, error);
    for (size_t p = 0; status == CLM_OK && p < count; p++)
        status = expect_gradient(here, list[p], error);
    if (status == CLM_OK && !(most > 0 && l1 >= 0))
        status = clm_fail(error, CLM_ERROR_ARGUMENT, "%s: a length of %g with l1 %g", here, most, l1);
    return status ? status : be->operations->clip_factor(be, list, count, l1, most, factor, error);
}

clm_status blends(struct clm_backend *be, const struct blend *list, size_t count, enum blend_way way,
                  double share, struct clm_error *error)
{
    const char *const here = "blends";
    clm_status status = CLM_OK;
    for (size_t b = 0; status == CLM_OK && b < count; b++) {
        const struct tensor *const into = list[b].into;
        if ((status = backend_expect(here, "into", into, TENSOR_REAL, into->rows, into->columns, error)) ==
            CLM_OK)
            status = expect_like(here, "from", list[b].from, into, error);
    }
    if (status == CLM_OK && !(share >= 0 && share <= 1))
        status = clm_fail(error, CLM_ERROR_ARGUMENT, "%s: a share of %g, which has to be from 0 to 1", here,
                          share);
    return status ? status : be->operations->blends(be, list, count, way, share, error);
}

/* ---- profile ---- */

static clm_status check_profile(const struct clm_backend *be, struct clm_error *error)
{
    return be->operations->profile_start
               ? CLM_OK
               : clm_fail_setting(error, CLM_ERROR_ARGUMENT, "backend",
                                  "%s has no kernels to profile; take the opencl backend",
                                  be->operations->name);
}

clm_status backend_profile_start(struct clm_backend *be, struct clm_error *error)
{
    const clm_status status = check_profile(be, error);
    return status ? status : be->operations->profile_start(be, error);
}

clm_status backend_profile_stop(struct clm_backend *be, struct profile_row rows[PROFILE_ROWS_MAX],
                                size_t *count, struct clm_error *error)
{
    const clm_status status = check_profile(be, error);
    return status ? status : be->operations->profile_stop(be, rows, count, error);
}

clm_status backend_record_start(struct clm_backend *be, struct recording *out, struct clm_error *error)
{
    if (be->operations->record_start)
        return be->operations->record_start(be, out, error);
    return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "backend",
                            "the %s backend launches no kernels that could be recorded; take opencl",
                            be->operations->name);
}

void backend_record_stop(struct clm_backend *be)
{
    be->operations->record_stop(be);
}

clm_status backend_peaks(struct clm_backend *be, double *operations, double *bytes, struct clm_error *error)
{
    const clm_status status = check_profile(be, error);
    return status ? status : be->operations->peaks(be, operations, bytes, error);
}
