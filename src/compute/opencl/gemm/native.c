/* Our own products for devices of type CPU (kernels/gemm_cpu.cl, head_cpu.cl). Their epilogues (bias,
 * activation, gate and optimiser step) are part of the product: each result is written once, and a step
 * stores no gradient. */
#include "compute/opencl/gemm/provider.h"

#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum native_kernel { FORWARD, BACKWARD, GRADIENT, UPDATE, HEAD, UPDATE_FORWARD };

#define FILES "vector.cl sums.cl activation.cl optimiser.cl updates.cl panels_cpu.cl gemm_cpu.cl head_cpu.cl"

static const struct kernel_about kernels_about[] = {
    [FORWARD] = {FILES, "product_forward", true, false},
    [BACKWARD] = {FILES, "product_backward", true, false},
    [GRADIENT] = {FILES, "product_gradient", false, false},
    [UPDATE] = {FILES, "product_update", false, true},
    [HEAD] = {FILES, "head", true, false},
    [UPDATE_FORWARD] = {FILES, "update_forward", true, true},
};

/* How kernels are built for a vector of `width` floats: tiles that fill the registers and do not spill. */
struct native_shape {
    cl_uint width;
    int tile_rows, tile_vectors; /* MR, NV */
};

static const struct native_shape shapes[] = {
    {16, 6, 4}, /* AVX-512: 32 registers of 16 floats */
    {8, 6, 2},  /* AVX2: 16 registers of 8 */
#if defined(__aarch64__)
    {4, 6, 4}, /* NEON: 32 registers of 4; a CPU device is the host's processor */
#else
    {4, 6, 2}, /* SSE: 16 registers of 4 */
#endif
};

#define LOW           5  /* rows of a tile, for batches that 6 divides less well */
#define LOW_MOST      32 /* beyond this batch a ragged tile costs little */
#define LEFT_TILES    8  /* packed at once: whole cache lines of X, whose columns are far apart */
#define STRETCH_LEFTS 2  /* in update_forward: STRETCH of gemm_cpu.cl over LEFT */
#define PACK_MOST     ((size_t)131072) /* floats of the packed right-hand matrix: half of a common L2 cache */
#define DEPTH_MOST    512              /* terms in one block of the sum */
#define GRADIENT_DEPTH_MOST                                                                                  \
    1024 /* its sum runs over the batch; each further block reads and writes W again */
/* update_forward pays for few rows, because then reading W takes most of the time, and for small products,
 * where a launch counts. Otherwise its shorter sums, added up in memory, cost more than they save. */
#define FUSED_ROWS     24
#define FUSED_PRODUCTS ((size_t)1 << 26)
/* Products per group of head: a unit computes fewer of them sooner than another unit wakes up. */
#define HEAD_PRODUCTS ((size_t)1 << 18)
#define HEAD_ROWS     64 /* ROWS of head_cpu.cl */
#define GATHER_ROWS   8  /* as in gemm_cpu.cl */

struct native {
    struct kernel_table table;
    struct native_shape shape;
    size_t units, local_memory;
};

static struct native *native_of(const struct gemm_provider *gemm)
{
    return gemm->state;
}

/* ---- opening ---- */

static const struct native_shape *choose_shape(cl_device_id id)
{
    cl_uint width = 0;
    const size_t count = sizeof shapes / sizeof *shapes;
    if (clGetDeviceInfo(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width, NULL) != CL_SUCCESS)
        width = 0;
    for (size_t i = 0; i < count; i++)
        if (width >= shapes[i].width)
            return &shapes[i];
    return &shapes[count - 1];
}

static void close_native(struct gemm_provider *gemm)
{
    kernel_table_free(&native_of(gemm)->table);
    free(gemm->state);
    gemm->state = NULL;
}

/* Builds the gradient's kernel, so that a device that cannot build the files fails here. */
static clm_status open_native(struct gemm_provider *gemm, struct clm_error *error)
{
    const struct opencl_device *const device = gemm->device;
    struct native *const native = calloc(1, sizeof *native);
    if (!native)
        return clm_fail_host_memory(error, "the native products", sizeof *native);
    gemm->state = native;
    native->shape = *choose_shape(device->id);
    native->units = size_max(1, device->about.compute_units);
    native->local_memory = (size_t)device->about.local_memory;
    native->table.about = kernels_about;
    snprintf(native->table.options, sizeof native->table.options,
             "%s -DVW=%u -DMR=%d -DNV=%d -DLOW=%d -DLEFT=%d%s", opencl_options(device), native->shape.width,
             native->shape.tile_rows, native->shape.tile_vectors, LOW, LEFT_TILES * native->shape.tile_rows,
             opencl_is_pocl(device) ? " -DPOCL" : "");
    const clm_status status =
        kernel_table_build(gemm->kernels, &native->table, GRADIENT, NO_ACTIVATION, NO_RULE, error);
    if (status != CLM_OK)
        close_native(gemm);
    return status;
}

/* ---- launching ---- */

/* Columns of a panel of W, and of the packed right-hand matrix. */
static size_t panel_columns(const struct native *native)
{
    return (size_t)native->shape.tile_vectors * native->shape.width;
}

static size_t left_rows(const struct native *native)
{
    return LEFT_TILES * (size_t)native->shape.tile_rows;
}

/* The part of a result (M,N) that each group computes; the sums have K terms. */
struct share {
    size_t rows, columns, depth, pack_bytes, groups[2];
};

/* The other costs of a product of (M,K) and (K,N), in units of one row's products. */
struct product_cost {
    double right; /* fetching or packing a vector of the right-hand matrix, once a group */
    double left;  /* packing an element of the left-hand one, over a vector's product */
};

static const struct product_cost lying = {4, 0}, turned = {12, 0.4}, packed = {6, 0.4};

/* Estimated cycles that a unit needs for a group with `rows` x `columns`. Groups of the same columns or rows
 * fetch and pack again. */
static double group_cycles(const struct native *native, size_t rows, size_t columns, size_t K,
                           struct product_cost cost)
{
    const double vectors = (double)columns / native->shape.width;
    return (double)K * (vectors * ((double)rows + cost.right) + cost.left * (double)rows) + 3000;
}

/* The split into panels across and tiles of `tile` rows down that ends first, if units take one group after
 * the other. It counts a quarter of a group's time as lost at the end, so that smaller groups win if they
 * cost little more. */
static void split(const struct native *native, size_t M, size_t N, size_t K, size_t tile, size_t panels_most,
                  struct product_cost cost, struct share *share)
{
    const size_t panel = panel_columns(native), panels_all = divide_up(N, panel);
    const size_t tiles_all = divide_up(M, tile);
    double best = INFINITY;
    for (size_t across = divide_up(panels_all, panels_most); across <= panels_all; across += 1 + across / 2)
        for (size_t down = 1; down <= tiles_all; down += 1 + down / 2) {
            const size_t p = divide_up(panels_all, across), r = divide_up(tiles_all, down) * tile;
            const size_t groups = divide_up(panels_all, p) * divide_up(M, r);
            const double rounds = (double)divide_up(groups, native->units) + 0.25;
            const double cycles = rounds * group_cycles(native, r, p * panel, K, cost);
            if (cycles < best) {
                best = cycles;
                share->columns = p * panel;
                share->rows = r;
            }
        }
    share->groups[0] = divide_up(N, share->columns);
    share->groups[1] = divide_up(M, share->rows);
}

/* For operands that are packed into local memory; blocks of the sum are multiples of `unit`. */
static struct share native_divide(const struct native *native, size_t M, size_t N, size_t K, size_t tile,
                                  size_t depth_most, size_t unit, struct product_cost cost)
{
    const size_t panel = panel_columns(native), left = left_rows(native);
    const size_t room = native->local_memory / sizeof(float) * 7 / 8;
    const size_t deepest = size_max(
        unit, size_min(depth_most, size_min(room / (panel + left), PACK_MOST / panel)) / unit * unit);
    const size_t blocks = divide_up(K, deepest),
                 depth = size_min(deepest, round_up(divide_up(K, blocks), unit));
    const size_t panels_most = size_max(1, size_min(PACK_MOST, room - left * depth) / (depth * panel));
    struct share share = {.depth = depth};
    split(native, M, N, K, tile, panels_most, cost, &share);
    share.pack_bytes = depth * (share.columns + left) * sizeof(float);
    return share;
}

/* Fails unless the layer's weights lie in our panels. */
static clm_status expect_panels(const struct native *native, const struct linear *layer,
                                struct clm_error *error)
{
    const size_t wanted = panel_columns(native), panel = layer->W.value.panel;
    return panel == wanted
               ? CLM_OK
               : clm_fail(
                     error, CLM_ERROR_SHAPE,
                     "the native products want weights in panels of %zu rows, not of %zu: create them by weights_create",
                     wanted, panel);
}

/* Launches a kernel on a layer whose weights lie in panels. */
static clm_status launch(const struct gemm_provider *gemm, enum native_kernel kernel,
                         const struct linear *layer, enum activation act, enum rule rule,
                         const struct share *share, const struct kernel_argument *arguments,
                         struct clm_error *error)
{
    struct native *const native = native_of(gemm);
    const size_t local[2] = {1, 1};
    const clm_status status = expect_panels(native, layer, error);
    return status ? status
                  : kernel_table_launch(gemm->kernels, &native->table, kernel, act, rule, 2, share->groups,
                                        local, arguments, error);
}

static size_t native_panel(const struct gemm_provider *gemm, size_t B, size_t I, size_t O)
{
    (void)B, (void)I, (void)O;
    return panel_columns(native_of(gemm));
}

/* ---- the products, their arguments in the .cl order ---- */

static clm_status native_forward(struct gemm_provider *gemm, const struct tensor *X,
                                 const struct linear *layer, const struct epilogue *epilogue,
                                 struct tensor *Y, struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const size_t B = X->rows, I = X->columns, O = Y->columns, high = (size_t)native->shape.tile_rows;
    const size_t tall = B <= LOW_MOST && round_up(B, LOW) < round_up(B, high) ? LOW : high;
    struct share share = {.depth = divide_up(I, divide_up(I, DEPTH_MOST))};
    split(native, B, O, I, tall, SIZE_MAX, lying, &share);
    return launch(gemm, FORWARD, layer, epilogue->act, NO_RULE, &share,
                  ARGUMENTS(INT(B), INT(I), INT(O), INT(share.rows), INT(share.columns), INT(share.depth),
                            INT(tall), INT(epilogue->gate != NULL), MEMORY(X), MEMORY(&layer->W.value),
                            MEMORY(&layer->b.value), MEMORY(Y), MEMORY(saved_gate(epilogue, Y))),
                  error);
}

static clm_status native_backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                        const struct linear *layer, const struct gate *gate,
                                        struct tensor *dX, struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const size_t B = dX->rows, O = dZ->columns, I = dX->columns;
    const struct share share = native_divide(native, B, I, O, (size_t)native->shape.tile_rows, DEPTH_MOST,
                                             panel_columns(native), turned);
    return launch(gemm, BACKWARD, layer, gate->act, NO_RULE, &share,
                  ARGUMENTS(INT(B), INT(O), INT(I), INT(share.rows), INT(share.columns), INT(share.depth),
                            MEMORY(dZ), MEMORY(&layer->W.value), MEMORY(read_gate(gate, dZ)), MEMORY(dX),
                            LOCAL_MEMORY(share.pack_bytes)),
                  error);
}

/* Divides dWᵀ (I,O); its rows are packed in whole cache lines. */
static struct share divide_gradient(const struct native *native, size_t B, size_t I, size_t O)
{
    return native_divide(native, I, O, B, left_rows(native), GRADIENT_DEPTH_MOST, native->shape.width,
                         packed);
}

static clm_status native_gradient(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, double l2, struct clm_error *error)
{
    const size_t O = dZ->columns, B = dZ->rows, I = X->columns;
    const struct share share = divide_gradient(native_of(gemm), B, I, O);
    return launch(gemm, GRADIENT, layer, NO_ACTIVATION, NO_RULE, &share,
                  ARGUMENTS(INT(I), INT(B), INT(O), INT(share.rows), INT(share.columns), INT(share.depth),
                            SCALAR(cl_float, 2 * l2), MEMORY(X), MEMORY(dZ), MEMORY(&layer->W.value),
                            MEMORY(&layer->W.gradient), MEMORY(&layer->b.gradient),
                            LOCAL_MEMORY(share.pack_bytes)),
                  error);
}

/* Have the layout of gemm_cpu.cl's structs, because all hold only numbers of four bytes. */
struct native_layer {
    cl_int I, O, rows, columns, depth, across, end;
};

struct native_layers {
    struct native_layer of[LAYERS_AT_ONCE];
};

/* Adds a layer's groups to those of the layers before it. */
static void add_layer(struct native_layer *part, const struct layer_update *update, const struct share *own,
                      struct share *all)
{
    const size_t groups = own->groups[0] * own->groups[1];
    all->groups[0] += groups;
    all->pack_bytes = size_max(all->pack_bytes, own->pack_bytes);
    *part = (struct native_layer){
        (cl_int)update->X.columns, (cl_int)update->dZ.columns, (cl_int)own->rows,     (cl_int)own->columns,
        (cl_int)own->depth,        (cl_int)own->groups[0],     (cl_int)all->groups[0]};
}

static clm_status native_descend_all(struct gemm_provider *gemm, const struct layer_update *updates,
                                     size_t count, const struct step *step, const struct gathering *next,
                                     struct clm_error *error)
{
    const struct layer_update *const second = update_at(updates, count, 1), *const third =
                                                                                update_at(updates, count, 2);
    const struct step_argument s = step_argument(step);
    struct native_layers parts = {{{0}}};
    struct share all = {.groups = {0, 1}};
    const struct next_batch batch = next_batch(next);
    for (size_t l = 0; l < count; l++) {
        const struct tensor *const X = &updates[l].X;
        const clm_status status = expect_panels(native_of(gemm), updates[l].layer, error);
        if (status != CLM_OK)
            return status;
        const struct share own = divide_gradient(native_of(gemm), X->rows, X->columns, updates[l].dZ.columns);
        add_layer(&parts.of[l], &updates[l], &own, &all);
    }
    const size_t tiles = all.groups[0];
    const size_t units = native_of(gemm)->units;
    all.groups[0] = round_up(tiles + divide_up((size_t)batch.rows, GATHER_ROWS), units);
    return launch(gemm, UPDATE, updates->layer, NO_ACTIVATION, step->rule, &all,
                  ARGUMENTS(ARGUMENT(s), INT(updates->X.rows), ARGUMENT(parts), MEMORY_OF_LAYER(updates),
                            MEMORY_OF_LAYER(second), MEMORY_OF_LAYER(third), INT(tiles), INT(units),
                            ARGUMENT(batch), MEMORY_OF_NEXT(next, &updates->X), LOCAL_MEMORY(all.pack_bytes)),
                  error);
}

static clm_status native_descend(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                 struct linear *layer, const struct step *step, struct clm_error *error)
{
    const struct layer_update update = {layer, *dZ, *X};
    return native_descend_all(gemm, &update, 1, step, NULL, error);
}

/* Floats of local memory for update_forward. */
static size_t fused_room(const struct native *native, size_t B, size_t next_B)
{
    const size_t P = panel_columns(native), stretch = STRETCH_LEFTS * left_rows(native);
    return B * (P + stretch) + (next_B + LOW - 1) * P;
}

/* A group takes at least one panel, so there must be as many panels as units. */
static bool native_fuses(struct gemm_provider *gemm, size_t I, size_t O, size_t B, size_t next_B)
{
    const struct native *const native = native_of(gemm);
    const size_t rows = size_max(B, next_B);
    return (rows <= FUSED_ROWS || rows <= FUSED_PRODUCTS / O / I) &&
           divide_up(O, panel_columns(native)) >= native->units &&
           fused_room(native, B, next_B) <= native->local_memory / sizeof(float) * 7 / 8;
}

/* Only the first layer looks ahead. A smaller last batch may be fused even if whole ones are not. */
static clm_status native_build(struct gemm_provider *gemm, const struct gemm_layer *layer,
                               struct clm_error *error)
{
    struct kernel_table *const table = &native_of(gemm)->table;
    const clm_status status =
        kernel_table_build_range(gemm->kernels, table, 0, UPDATE_FORWARD, layer->act, layer->rule, error);
    return status || layer->rule == NO_RULE || !layer->is_first ||
                   !native_fuses(gemm, layer->I, layer->O, layer->B, layer->B)
               ? status
               : kernel_table_build(gemm->kernels, table, UPDATE_FORWARD, layer->act, layer->rule, error);
}

static clm_status native_descend_forward(struct gemm_provider *gemm, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer,
                                         const struct step *step, const struct tensor *next_X,
                                         const struct epilogue *epilogue, struct tensor *next_Y,
                                         struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const size_t O = dZ->columns, B = dZ->rows, I = X->columns, panel = panel_columns(native);
    const struct step_argument s = step_argument(step);
    const struct share share = {.groups = {divide_up(O, panel), 1}};
    return launch(gemm, UPDATE_FORWARD, layer, epilogue->act, step->rule, &share,
                  ARGUMENTS(ARGUMENT(s), INT(I), INT(B), INT(O), INT(panel), INT(next_X->rows),
                            INT(epilogue->gate != NULL), MEMORY(X), MEMORY(dZ),
                            MEMORY(state_of(&layer->W, 0)), MEMORY(&layer->W.value),
                            MEMORY(state_of(&layer->b, 0)), MEMORY(&layer->b.value), MEMORY(next_X),
                            MEMORY(next_Y), MEMORY(saved_gate(epilogue, next_Y)),
                            LOCAL_MEMORY(fused_room(native, B, next_X->rows) * sizeof(float))),
                  error);
}

/* Floats of local memory for head. */
static size_t head_room(const struct native *native, size_t C)
{
    return C * (HEAD_ROWS + panel_columns(native));
}

/* W must be a single panel. */
static bool native_has_head(struct gemm_provider *gemm, const struct linear *layer, size_t B)
{
    (void)B;
    const struct native *const native = native_of(gemm);
    const size_t C = layer->W.value.rows;
    return C <= panel_columns(native) && head_room(native, C) <= native->local_memory / sizeof(float);
}

static clm_status native_head(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                              const struct tensor *labels, const struct gate *gate, struct tensor *dZ,
                              struct tensor *dX, struct metrics *sums, struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const size_t B = X->rows, I = X->columns, C = dZ->columns;
    const size_t products = B * I * round_up(C, native->shape.width);
    const size_t groups = size_min(size_max(1, products / HEAD_PRODUCTS),
                                   size_min(size_min(X->rows, METRICS_SLOTS), native->units));
    const size_t rows = divide_up(B, groups);
    const struct share share = {.groups = {divide_up(B, rows), 1}};
    return launch(gemm, HEAD, layer, gate->act, NO_RULE, &share,
                  ARGUMENTS(INT(B), INT(I), INT(C), INT(rows), INT(dX != NULL), MEMORY(X),
                            MEMORY(&layer->W.value), MEMORY(&layer->b.value), MEMORY(labels),
                            MEMORY(read_gate(gate, X)), MEMORY(dZ), MEMORY(dX ? dX : dZ), /* dX is optional */
                            MEMORY(&sums->state), LOCAL_MEMORY(head_room(native, C) * sizeof(float))),
                  error);
}

const struct gemm_operations gemm_native = {
    .name = "native",
    .open = open_native,
    .close = close_native,
    .panel = native_panel,
    .build = native_build,
    .forward = native_forward,
    .backward_input = native_backward_input,
    .gradient = native_gradient,
    .descend = native_descend,
    .descend_all = native_descend_all,
    .gathers_beside = true,
    .fuses = native_fuses,
    .descend_forward = native_descend_forward,
    .has_head = native_has_head,
    .head = native_head,
};
