/* Norms, dropout, residuals and saved gates: kernels/finish.cl and kernels/norm.cl. Their programs are built
 * when a net needs them. */
#include "base/size.h"
#include "compute/opencl/opencl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BY_ACTIVATION "vector.cl philox.cl activation.cl norm.cl finish.cl"
#define FOR_NORMS     "vector.cl norm.cl"

/* Elements that an item takes on a CPU, in a row of its eight rows; and of a list, for gate_backward. */
#define CPU_COLUMNS  128
#define CPU_ELEMENTS 1024
/* Items in a group of the elementwise kernels, except on a CPU. */
#define GROUP 64

enum finish_kernel {
    KERNEL_FINISH,
    KERNEL_FINISH_BATCH,
    KERNEL_GATE_OF_OUTPUT,
    KERNEL_GATE_SAVED,
    KERNEL_COLUMNS,
    KERNEL_MOMENTS,
    KERNEL_ROWS
};

static const struct kernel_about finish_about[] = {
    [KERNEL_FINISH] = {BY_ACTIVATION, "finish", true, false},
    [KERNEL_FINISH_BATCH] = {BY_ACTIVATION, "finish_batch", true, false},
    [KERNEL_GATE_OF_OUTPUT] = {BY_ACTIVATION, "gate_backward", true, false},
    [KERNEL_GATE_SAVED] = {FOR_NORMS, "gate_backward", false, false},
    [KERNEL_COLUMNS] = {FOR_NORMS, "norm_columns", false, false},
    [KERNEL_MOMENTS] = {FOR_NORMS, "row_moments", false, false},
    [KERNEL_ROWS] = {FOR_NORMS, "norm_rows", false, false},
};

/* ---- building ---- */

static bool runs_on_cpu(const struct kernels *k)
{
    return k->device->about.type == CLM_DEVICE_CPU;
}

void kernels_group_norms(struct kernels *k, size_t most)
{
    struct kernel_table *const t = &k->finish;
    k->column_lanes = k->column_strips = k->row_lanes = 1;
    while (most >= 2 * k->row_lanes && k->row_lanes < 32)
        k->row_lanes *= 2;
    while (most >= 4 * k->column_lanes * k->column_strips && k->column_lanes < 16)
        k->column_lanes *= 2, k->column_strips *= 2;
    kernel_table_free(t);
    t->about = finish_about;
    t->may_spill = true;
    snprintf(t->options, sizeof t->options, "%s -DVW=%zu -DCOLUMN_LANES=%zu -DSTRIPS=%zu -DROW_LANES=%zu%s",
             opencl_options(k->device), k->chunk, k->column_lanes, k->column_strips, k->row_lanes,
             opencl_is_pocl(k->device) ? " -DPOCL" : "");
    t->items[KERNEL_FINISH_BATCH] = t->items[KERNEL_COLUMNS] = k->column_lanes * k->column_strips;
    t->items[KERNEL_MOMENTS] = t->items[KERNEL_ROWS] = k->row_lanes;
}

/* Builds one of the kernels. A device may allow it, as built, fewer items than in general: then all groups
 * get smaller. */
static clm_status build_finish(struct kernels *k, enum finish_kernel kernel, enum activation act,
                               struct clm_error *error)
{
    if (!k->finish.about)
        kernels_group_norms(k, runs_on_cpu(k) ? 1 : k->device->about.max_work_group);
    clm_status status = kernel_table_build(k, &k->finish, kernel, act, NO_RULE, error);
    while (status == CLM_ERROR_DEVICE && k->row_lanes > 1) {
        kernels_group_norms(k, size_max(k->column_lanes * k->column_strips, k->row_lanes) / 2);
        status = kernel_table_build(k, &k->finish, kernel, act, NO_RULE, error);
    }
    return status;
}

/* The kernel that passes an activation's gate. */
static enum finish_kernel gate_kernel(enum activation act)
{
    return activations[act].gate == GATE_OF_OUTPUT ? KERNEL_GATE_OF_OUTPUT : KERNEL_GATE_SAVED;
}

clm_status opencl_prepare_finish(struct clm_backend *be, enum norm_kind norm, enum activation act,
                                 struct clm_error *error)
{
    static const enum finish_kernel of_norms[NORM_COUNT][3] = {
        [NORM_NONE] = {KERNEL_FINISH, KERNEL_FINISH, KERNEL_FINISH},
        [NORM_BATCH] = {KERNEL_FINISH, KERNEL_FINISH_BATCH, KERNEL_COLUMNS},
        [NORM_LAYER] = {KERNEL_MOMENTS, KERNEL_COLUMNS, KERNEL_ROWS}};
    struct kernels *const k = self(be)->kernels;
    clm_status status;
    if ((status = build_finish(k, KERNEL_FINISH, act, error)) ||
        (status = build_finish(k, KERNEL_GATE_SAVED, act, error)) ||
        (status = build_finish(k, gate_kernel(act), act, error)))
        return status;
    for (size_t i = 0; status == CLM_OK && i < 3; i++)
        status = build_finish(k, of_norms[norm][i], act, error);
    return status;
}

static clm_status launch_finish(struct kernels *k, enum finish_kernel kernel, enum activation act,
                                cl_uint dimensions, const size_t *global, const size_t *local,
                                const struct kernel_argument *arguments, struct clm_error *error)
{
    return kernel_table_launch(k, &k->finish, kernel, act, NO_RULE, dimensions, global, local, arguments,
                               error);
}

/* ---- forward ---- */

/* Has the layout of finish.cl's struct finish, because both hold only numbers of four bytes. */
struct finish_argument {
    cl_uint seed_low, seed_high, step, layer, threshold;
    cl_float factor;
    cl_int has_dropout, has_residual, saves_gate, norm;
    cl_float epsilon, share, rest, unbiased;
};

static struct finish_argument finish_argument(const struct finish *finish, size_t B)
{
    const enum norm_kind kind = finish->norm ? finish->norm->kind : NORM_NONE;
    struct finish_argument f = {.factor = 1,
                                .has_dropout = finish->dropout != NULL,
                                .has_residual = finish->residual != NULL,
                                .saves_gate = finish->gate != NULL,
                                .norm = kind,
                                .epsilon = (cl_float)NORM_EPSILON,
                                .share = (cl_float)NORM_MOMENTUM,
                                .rest = (cl_float)(1 - NORM_MOMENTUM),
                                .unbiased = B > 1 ? (cl_float)(NORM_MOMENTUM / (double)(B - 1)) : 0};
    if (!finish->dropout)
        return f;
    const struct dropout *const dropout = finish->dropout;
    f.seed_low = (cl_uint)dropout->seed;
    f.seed_high = (cl_uint)(dropout->seed >> 32);
    f.step = (cl_uint)dropout->step;
    f.layer = dropout->layer;
    f.threshold = dropout_threshold(dropout);
    f.factor = (cl_float)(1 / (1 - dropout->share));
    return f;
}
_Static_assert(NORM_NONE == 0 && NORM_BATCH == 1 && NORM_LAYER == 2, "enum norm_use of finish.cl");

#define OR(tensor, otherwise) MEMORY((tensor) ? (tensor) : (otherwise)) /* which the kernel does not use */

/* Groups of the kernels by columns. */
static void column_groups(const struct kernels *k, size_t O, size_t global[2], size_t local[2])
{
    local[0] = k->column_lanes;
    local[1] = global[1] = k->column_strips;
    global[0] = round_up(divide_up(O, k->chunk), k->column_lanes);
}

static clm_status kernel_finish_batch(struct kernels *k, const struct tensor *Z, const struct finish *finish,
                                      struct tensor *Y, struct clm_error *error)
{
    const struct finish_argument f = finish_argument(finish, Z->rows);
    const struct norm *const norm = finish->norm;
    size_t global[2], local[2];
    column_groups(k, Z->columns, global, local);
    return launch_finish(k, KERNEL_FINISH_BATCH, finish->act, 2, global, local,
                         ARGUMENTS(ARGUMENT(f), INT(Z->rows), INT(Z->columns), MEMORY(Z),
                                   MEMORY(&norm->scale.value), MEMORY(&norm->shift.value),
                                   MEMORY(&norm->mean), MEMORY(&norm->variance), MEMORY(&norm->centre),
                                   MEMORY(&norm->inverse), OR(finish->residual, Z), MEMORY(Y),
                                   OR(finish->gate, Y)),
                         error);
}

/* Items of a matrix's rows in blocks, for groups of neighbouring chunks. */
static clm_status kernel_finish(struct kernels *k, const struct tensor *Z, const struct finish *finish,
                                struct tensor *Y, struct clm_error *error)
{
    const struct finish_argument f = finish_argument(finish, Z->rows);
    const struct norm *const norm = finish->norm;
    const bool uses_running = norm && norm->kind == NORM_BATCH;
    const size_t span = runs_on_cpu(k) ? CPU_COLUMNS : k->chunk, items = divide_up(Z->columns, span),
                 group = runs_on_cpu(k) ? 1 : size_min(GROUP, k->device->about.max_work_group);
    size_t local[2] = {1, 1};
    while (local[0] < items && local[0] * 2 <= group)
        local[0] *= 2;
    local[1] = group / local[0];
    const size_t global[2] = {round_up(items, local[0]),
                              round_up(divide_up(Z->rows, DROPOUT_ROWS), local[1])};
    return launch_finish(k, KERNEL_FINISH, finish->act, 2, global, local,
                         ARGUMENTS(ARGUMENT(f), INT(Z->rows), INT(Z->columns), INT(span), MEMORY(Z),
                                   OR(norm ? &norm->scale.value : NULL, Z),
                                   OR(norm ? &norm->shift.value : NULL, Z),
                                   OR(norm ? uses_running ? &norm->mean : &norm->centre : NULL, Z),
                                   OR(norm ? uses_running ? &norm->variance : &norm->inverse : NULL, Z),
                                   OR(finish->residual, Z), MEMORY(Y), OR(finish->gate, Y)),
                         error);
}

/* A group for each row. */
static clm_status kernel_row_moments(struct kernels *k, const struct norm *norm, const struct tensor *Z,
                                     struct clm_error *error)
{
    const size_t local = k->row_lanes, global = Z->rows * local;
    return launch_finish(k, KERNEL_MOMENTS, NO_ACTIVATION, 1, &global, &local,
                         ARGUMENTS(INT(Z->columns), SCALAR(cl_float, NORM_EPSILON), MEMORY(Z),
                                   MEMORY(&norm->centre), MEMORY(&norm->inverse)),
                         error);
}

clm_status opencl_layer_finish(struct clm_backend *be, const struct tensor *Z, const struct finish *finish,
                               struct tensor *Y, struct clm_error *error)
{
    struct kernels *const k = self(be)->kernels;
    const enum norm_kind kind = finish->norm ? finish->norm->kind : NORM_NONE;
    const bool is_batch = kind == NORM_BATCH && finish->is_training;
    clm_status status = CLM_OK;
    if (kind == NORM_LAYER && (status = build_finish(k, KERNEL_MOMENTS, finish->act, error)) == CLM_OK) {
        opencl_expect(be, 0, size_of(Z));
        status = kernel_row_moments(k, finish->norm, Z, error);
    }
    if (status == CLM_OK)
        status = build_finish(k, is_batch ? KERNEL_FINISH_BATCH : KERNEL_FINISH, finish->act, error);
    if (status != CLM_OK)
        return status;
    opencl_expect(be, 0, (2 + (finish->residual != NULL) + (finish->gate != NULL)) * size_of(Z));
    return is_batch ? kernel_finish_batch(k, Z, finish, Y, error) : kernel_finish(k, Z, finish, Y, error);
}

/* ---- backward ---- */

clm_status opencl_gate_backward(struct clm_backend *be, struct tensor *dY, const struct tensor *skip,
                                const struct gate *gate, struct tensor *dZ, struct clm_error *error)
{
    struct kernels *const k = self(be)->kernels;
    const bool has_gate = activations[gate->act].gate != GATE_ONE;
    const enum finish_kernel kernel = gate_kernel(gate->act);
    const size_t count = tensor_elements(dY), span = runs_on_cpu(k) ? CPU_ELEMENTS : k->chunk;
    const size_t local = runs_on_cpu(k) ? 1 : size_min(GROUP, k->device->about.max_work_group),
                 global = round_up(divide_up(count, span), local);
    const clm_status status = build_finish(k, kernel, gate->act, error);
    if (status != CLM_OK || (!has_gate && !skip && dY->memory == dZ->memory))
        return status;
    opencl_expect(be, 0, (2 + 2 * (skip != NULL) + has_gate) * size_of(dY));
    return launch_finish(k, kernel, gate->act, 1, &global, &local,
                         ARGUMENTS(SCALAR(cl_ulong, count), INT(span), INT(skip != NULL), INT(has_gate),
                                   MEMORY(read_gate(gate, dY)), OR(skip, dY), MEMORY(dY), MEMORY(dZ)),
                         error);
}

static clm_status kernel_norm_columns(struct kernels *k, const struct norm *norm, const struct tensor *Z,
                                      struct tensor *dN, struct clm_error *error)
{
    size_t global[2], local[2];
    column_groups(k, Z->columns, global, local);
    return launch_finish(k, KERNEL_COLUMNS, NO_ACTIVATION, 2, global, local,
                         ARGUMENTS(INT(Z->rows), INT(Z->columns), INT(norm->kind == NORM_BATCH), MEMORY(Z),
                                   MEMORY(&norm->scale.value), MEMORY(&norm->centre), MEMORY(&norm->inverse),
                                   MEMORY(dN), MEMORY(&norm->scale.gradient), MEMORY(&norm->shift.gradient)),
                         error);
}

static clm_status kernel_norm_rows(struct kernels *k, const struct norm *norm, const struct tensor *Z,
                                   struct tensor *dN, struct clm_error *error)
{
    const size_t local = k->row_lanes, global = Z->rows * local;
    return launch_finish(k, KERNEL_ROWS, NO_ACTIVATION, 1, &global, &local,
                         ARGUMENTS(INT(Z->columns), MEMORY(Z), MEMORY(&norm->scale.value),
                                   MEMORY(&norm->centre), MEMORY(&norm->inverse), MEMORY(dN)),
                         error);
}

clm_status opencl_norm_backward(struct clm_backend *be, struct norm *norm, const struct tensor *Z,
                                struct tensor *dN, struct clm_error *error)
{
    struct kernels *const k = self(be)->kernels;
    clm_status status = build_finish(k, KERNEL_COLUMNS, NO_ACTIVATION, error);
    if (status != CLM_OK)
        return status;
    opencl_expect(be, 0, (norm->kind == NORM_BATCH ? 3 : 2) * size_of(Z));
    status = kernel_norm_columns(k, norm, Z, dN, error);
    if (status != CLM_OK || norm->kind != NORM_LAYER ||
        (status = build_finish(k, KERNEL_ROWS, NO_ACTIVATION, error)))
        return status;
    opencl_expect(be, 0, 3 * size_of(Z));
    return kernel_norm_rows(k, norm, Z, dN, error);
}
