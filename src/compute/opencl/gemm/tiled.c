/* Our own products for devices whose work-groups share local memory (kernels/gemm_tiled.cl). Their
 * epilogues (bias, activation, gate and optimiser step) are part of the product: each result is written once,
 * and a step stores no gradient. */
#include "compute/opencl/gemm/provider.h"

#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tiled_kernel {
    FORWARD,
    SUM_FORWARD,
    DOT_FORWARD,
    BACKWARD,
    SUM_BACKWARD,
    GRADIENT,
    UPDATE,
    HEAD,
    TILED_KERNELS
};

#define FILES "sums.cl activation.cl optimiser.cl updates.cl gemm_tiled.cl head_tiled.cl"

static const struct kernel_about kernels_about[TILED_KERNELS] = {
    [FORWARD] = {FILES, "tiled_forward", true, false},
    [SUM_FORWARD] = {FILES, "tiled_sum_forward", true, false},
    [DOT_FORWARD] = {FILES, "tiled_dot_forward", true, false},
    [BACKWARD] = {FILES, "tiled_backward", true, false},
    [SUM_BACKWARD] = {FILES, "tiled_sum_backward", true, false},
    [GRADIENT] = {FILES, "tiled_gradient", false, false},
    [UPDATE] = {FILES, "tiled_update", false, true},
    [HEAD] = {FILES, "tiled_head", true, false},
};

/* How the kernels are built: items of a group, quads of an item, terms of the sum at once, and items of a
 * group in kernels without tiles. */
struct tiled_variant {
    size_t items[2], quads[2]; /* down and across */
    size_t depth, lanes;
};

/* Larger tiles read less of a large product's matrices; smaller ones keep more units busy with a small one.
 * A provider whose variant a device cannot run takes the next one that it can; the last one needs only 1 KiB
 * of local memory and groups of one item. */
static const struct tiled_variant variants[] = {
    {{16, 16}, {2, 2}, 8, 64},  /* 128 x 128 */
    {{8, 16}, {2, 2}, 8, 64},   /*  64 x 128 */
    {{16, 16}, {1, 1}, 16, 64}, /*  64 x 64 */
    {{8, 16}, {1, 1}, 16, 64},  /*  32 x 64 */
    {{4, 16}, {1, 1}, 16, 64},  /*  16 x 64 */
    {{1, 1}, {1, 1}, 8, 1},     /*   4 x 4 */
};
enum { LARGE, WIDE, MIDDLE, SMALL, FLAT, LEAST, VARIANTS = sizeof variants / sizeof *variants };

#define DOT_ROWS      8 /* as in gemm_tiled.cl */
#define DOT_COLUMNS   4
#define DOT_ROWS_MOST 16 /* up to this batch, reading W takes most of the time */
#define SLICE_LEAST   64 /* terms of each part if a sum is cut */
#define HEAD_ROWS     4  /* as in head_tiled.cl */
#define HEAD_PARTS    32 /* for each item of a group */
/* Products up to which head should be faster than the three launches that it saves, by a reckoning for fast
 * GPUs: it reads W anew for each four rows. */
#define HEAD_PRODUCTS ((size_t)1 << 22)

/* Items that a unit works on at once, so that some compute while others wait: a GPU's unit has registers for
 * fewer items if each keeps more sums. A core takes groups in turn, and two for each keep all cores busy. */
#define UNIT_ITEMS           1024
#define UNIT_ITEMS_OF_64     512 /* with 64 sums each */
#define INTEL_UNIT_ITEMS     128 /* an execution unit: 8 threads of 16 */
#define GROUPS_FOR_EACH_CORE 2

struct tiled {
    struct kernel_table table;
    const struct tiled_variant *variant;
    size_t groups_wanted;
};

static struct tiled *tiled_of(const struct gemm_provider *gemm)
{
    return gemm->state;
}

/* ---- the variant that a device can run ---- */

static size_t items_of(const struct tiled_variant *v)
{
    return v->items[0] * v->items[1];
}

/* Rows (0) or columns (1) of a tile. */
static size_t tile_of(const struct tiled_variant *v, int side)
{
    return 4 * v->quads[side] * v->items[side];
}

/* Bytes of local memory of the kernel that needs most. */
static size_t local_bytes(const struct tiled_variant *v)
{
    const size_t tiles = 2 * (tile_of(v, 0) + tile_of(v, 1) + 8) * v->depth;
    const size_t head = (HEAD_PARTS + HEAD_ROWS + 2) * v->lanes;
    return sizeof(float) * size_max(tiles, size_max(DOT_ROWS * DOT_COLUMNS * v->lanes, head));
}

static size_t group_of(const struct tiled_variant *v, enum tiled_kernel kernel)
{
    const bool has_tile = kernel == FORWARD || kernel == BACKWARD || kernel == GRADIENT || kernel == UPDATE;
    return has_tile ? items_of(v) : v->lanes;
}

/* Groups that keep all units of a device busy. */
static size_t groups_for(const struct clm_device *about, const struct tiled_variant *v)
{
    const size_t units = size_max(1, about->compute_units), quads = v->quads[0] * v->quads[1];
    const size_t items = strstr(about->vendor, "Intel") ? INTEL_UNIT_ITEMS
                         : quads > 1                    ? UNIT_ITEMS_OF_64
                                                        : UNIT_ITEMS;
    return about->type == CLM_DEVICE_CPU ? GROUPS_FOR_EACH_CORE * units
                                         : size_max(1, units * items / size_max(items_of(v), v->lanes));
}

/* Fails, and leaves nothing built, if the device lacks what the variant needs or cannot run it as built. */
static clm_status try_variant(struct gemm_provider *gemm, const struct tiled_variant *v, bool may_spill,
                              struct clm_error *error)
{
    struct tiled *const tiled = tiled_of(gemm);
    const struct clm_device *const about = &gemm->device->about;
    const size_t items = size_max(items_of(v), v->lanes), local = local_bytes(v);
    if (items > about->max_work_group || local > about->local_memory)
        return clm_fail_setting(
            error, CLM_ERROR_DEVICE, "gemm",
            "products in groups of %zu items and %zu bytes of local memory need more than %s has (%zu items, %zu bytes); let clblast multiply",
            items, local, about->name, about->max_work_group, (size_t)about->local_memory);
    tiled->variant = v;
    tiled->groups_wanted = groups_for(about, v);
    tiled->table = (struct kernel_table){.about = kernels_about, .may_spill = may_spill};
    snprintf(tiled->table.options, sizeof tiled->table.options,
             "%s -DITEMS_M=%zu -DITEMS_N=%zu -DQUADS_M=%zu -DQUADS_N=%zu -DDEPTH=%zu -DLANES=%zu",
             opencl_options(gemm->device), v->items[0], v->items[1], v->quads[0], v->quads[1], v->depth,
             v->lanes);
    for (size_t k = 0; k < TILED_KERNELS; k++)
        tiled->table.items[k] = group_of(v, (enum tiled_kernel)k);
    const clm_status status = kernel_table_build_range(gemm->kernels, &tiled->table, 0, TILED_KERNELS,
                                                       ACTIVATION_RELU, RULE_MOMENTUM, error);
    if (status != CLM_OK)
        kernel_table_free(&tiled->table);
    return status;
}

static void close_tiled(struct gemm_provider *gemm)
{
    kernel_table_free(&tiled_of(gemm)->table);
    free(gemm->state);
    gemm->state = NULL;
}

/* Tries variants from `first` on until the device can run one. Stops if memory runs out: later variants would
 * lack it, too, or results would differ from run to run. */
static clm_status try_variants(struct gemm_provider *gemm, size_t first, size_t end, bool may_spill,
                               struct clm_error *error)
{
    clm_status status = CLM_ERROR_DEVICE; /* until one is tried */
    for (size_t v = first; v < end && status != CLM_OK && status != CLM_ERROR_MEMORY; v++)
        status = try_variant(gemm, &variants[v], may_spill, error);
    return status;
}

/* Takes the first variant, from the provider's own on, that the device runs in its registers; if there is
 * none, the first that it runs at all. */
static clm_status open_tiled(struct gemm_provider *gemm, struct clm_error *error)
{
    const size_t first = gemm->operations->variant;
    struct tiled *const tiled = calloc(1, sizeof *tiled);
    if (!tiled)
        return clm_fail_host_memory(error, "the tiled products", sizeof *tiled);
    gemm->state = tiled;
    clm_status status = try_variants(gemm, first, LEAST, false, error);
    if (status != CLM_OK && status != CLM_ERROR_MEMORY)
        status = try_variants(gemm, first, VARIANTS, true, error);
    if (status != CLM_OK)
        close_tiled(gemm);
    return status;
}

static clm_status tiled_build(struct gemm_provider *gemm, const struct gemm_layer *layer,
                              struct clm_error *error)
{
    return kernel_table_build_range(gemm->kernels, &tiled_of(gemm)->table, 0, TILED_KERNELS, layer->act,
                                    layer->rule, error);
}

/* ---- sums cut into slices, if a result's tiles alone leave units idle ---- */

/* How to compute a result (M,N) whose sums have K terms. */
struct tiled_slices {
    size_t M, N, slices;
    size_t depth; /* terms of a slice */
};

static struct tiled_slices tiled_whole(size_t M, size_t N, size_t K)
{
    return (struct tiled_slices){M, N, 1, K};
}

/* Cuts only as far as the workspace allows; after backend_prepare it is large enough. */
static struct tiled_slices tiled_cut(const struct gemm_provider *gemm, size_t M, size_t N, size_t K)
{
    const struct tiled *const tiled = tiled_of(gemm);
    const struct tiled_variant *const v = tiled->variant;
    const size_t tiles = divide_up(M, tile_of(v, 0)) * divide_up(N, tile_of(v, 1));
    const size_t wanted = size_min(tiled->groups_wanted / tiles, K / SLICE_LEAST);
    if (wanted < 2 || wanted * M * N * sizeof(float) > gemm->workspace.bytes)
        return tiled_whole(M, N, K);
    const size_t depth = round_up(divide_up(K, wanted), v->depth);
    return (struct tiled_slices){M, N, divide_up(K, depth), depth};
}

/* The workspace that tiled_cut may want, for any number of rows up to M. */
static size_t parts_bytes(const struct tiled *tiled, size_t M, size_t N, size_t K)
{
    const struct tiled_variant *const v = tiled->variant;
    const size_t slices = size_min(tiled->groups_wanted, K / SLICE_LEAST);
    const size_t most = tiled->groups_wanted * tile_of(v, 0) * tile_of(v, 1);
    size_t floats = 0;
    if (slices < 2)
        return 0;
    if (!size_mul(M, N, &floats) || !size_mul(floats, slices, &floats))
        floats = most;
    return sizeof(float) * size_min(floats, most);
}

/* Whether a batch is multiplied without tiles. Flat tiles are for such batches, too. */
static bool has_dot(const struct tiled *tiled, size_t B)
{
    return B <= DOT_ROWS_MOST && tiled->variant != &variants[FLAT];
}

static clm_status tiled_workspace(struct gemm_provider *gemm, size_t B, size_t I, size_t O, size_t *bytes,
                                  struct clm_error *error)
{
    const struct tiled *const tiled = tiled_of(gemm);
    (void)error;
    *bytes = size_max(has_dot(tiled, B) ? 0 : parts_bytes(tiled, B, O, I), parts_bytes(tiled, B, I, O));
    return CLM_OK;
}

/* ---- launching ---- */

/* Launches a kernel over the tiles of a result. */
static clm_status launch_tiles(const struct gemm_provider *gemm, enum tiled_kernel kernel,
                               enum activation act, enum rule rule, const struct tiled_slices *plan,
                               const struct kernel_argument *arguments, struct clm_error *error)
{
    struct tiled *const tiled = tiled_of(gemm);
    const struct tiled_variant *const v = tiled->variant;
    const size_t local[3] = {items_of(v), 1, 1};
    const size_t global[3] = {divide_up(plan->N, tile_of(v, 1)) * local[0], divide_up(plan->M, tile_of(v, 0)),
                              plan->slices};
    return kernel_table_launch(gemm->kernels, &tiled->table, kernel, act, rule, 3, global, local, arguments,
                               error);
}

/* Launches a kernel over the elements of a result whose parts are in the workspace. */
static clm_status launch_sum(const struct gemm_provider *gemm, enum tiled_kernel kernel, enum activation act,
                             const struct tensor *result, const struct kernel_argument *arguments,
                             struct clm_error *error)
{
    struct tiled *const tiled = tiled_of(gemm);
    const size_t local = tiled->variant->lanes, global = round_up(result->rows * result->columns, local);
    return kernel_table_launch(gemm->kernels, &tiled->table, kernel, act, NO_RULE, 1, &global, &local,
                               arguments, error);
}

/* Where a product writes: to the workspace, in parts, if its sums are cut. */
static const struct tensor *result_of(const struct gemm_provider *gemm, const struct tiled_slices *plan,
                                      const struct tensor *result)
{
    return plan->slices > 1 ? &gemm->workspace : result;
}

/* ---- the products, their arguments in the .cl order ---- */

static clm_status dot_forward(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                              const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error)
{
    struct tiled *const tiled = tiled_of(gemm);
    const size_t B = X->rows, I = X->columns, O = Y->columns, local[2] = {tiled->variant->lanes, 1};
    const size_t global[2] = {divide_up(O, DOT_COLUMNS) * local[0], divide_up(B, DOT_ROWS)};
    return kernel_table_launch(
        gemm->kernels, &tiled->table, DOT_FORWARD, epilogue->act, NO_RULE, 2, global, local,
        ARGUMENTS(INT(B), INT(I), INT(O), INT(epilogue->gate != NULL), MEMORY(X), MEMORY(&layer->W.value),
                  MEMORY(&layer->b.value), MEMORY(Y), MEMORY(saved_gate(epilogue, Y))),
        error);
}

static clm_status tiled_forward(struct gemm_provider *gemm, const struct tensor *X,
                                const struct linear *layer, const struct epilogue *epilogue, struct tensor *Y,
                                struct clm_error *error)
{
    const size_t B = X->rows, I = X->columns, O = Y->columns;
    const bool saves_gate = epilogue->gate != NULL;
    const struct tensor *const b = &layer->b.value, *const gate = saved_gate(epilogue, Y);
    if (has_dot(tiled_of(gemm), B))
        return dot_forward(gemm, X, layer, epilogue, Y, error);
    const struct tiled_slices plan = tiled_cut(gemm, B, O, I);
    const clm_status status = launch_tiles(gemm, FORWARD, epilogue->act, NO_RULE, &plan,
                                           ARGUMENTS(INT(B), INT(I), INT(O), INT(plan.depth), INT(saves_gate),
                                                     MEMORY(X), MEMORY(&layer->W.value), MEMORY(b),
                                                     MEMORY(result_of(gemm, &plan, Y)), MEMORY(gate)),
                                           error);
    return status || plan.slices == 1
               ? status
               : launch_sum(gemm, SUM_FORWARD, epilogue->act, Y,
                            ARGUMENTS(INT(plan.slices), INT(B), INT(O), INT(saves_gate),
                                      MEMORY(&gemm->workspace), MEMORY(b), MEMORY(Y), MEMORY(gate)),
                            error);
}

static clm_status tiled_backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                       const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                       struct clm_error *error)
{
    const size_t B = dX->rows, O = dZ->columns, I = dX->columns;
    const struct tiled_slices plan = tiled_cut(gemm, B, I, O);
    const struct tensor *const of = read_gate(gate, dZ);
    const clm_status status =
        launch_tiles(gemm, BACKWARD, gate->act, NO_RULE, &plan,
                     ARGUMENTS(INT(B), INT(O), INT(I), INT(plan.depth), MEMORY(dZ), MEMORY(&layer->W.value),
                               MEMORY(of), MEMORY(result_of(gemm, &plan, dX))),
                     error);
    return status || plan.slices == 1
               ? status
               : launch_sum(gemm, SUM_BACKWARD, gate->act, dX,
                            ARGUMENTS(INT(plan.slices), INT(B), INT(I), MEMORY(&gemm->workspace), MEMORY(of),
                                      MEMORY(dX)),
                            error);
}

/* Have the layout of gemm_tiled.cl's structs, because all hold only numbers of four bytes. */
struct tiled_layer {
    cl_int O, I, across, end;
};

struct tiled_layers {
    struct tiled_layer of[LAYERS_AT_ONCE];
};

/* Returns the tiles of all layers. */
static size_t divide_updates(const struct tiled_variant *v, const struct layer_update *updates, size_t count,
                             struct tiled_layers *parts)
{
    size_t tiles = 0;
    for (size_t l = 0; l < count; l++) {
        const size_t O = updates[l].dZ.columns, I = updates[l].X.columns,
                     across = divide_up(I, tile_of(v, 1));
        tiles += across * divide_up(O, tile_of(v, 0));
        parts->of[l] = (struct tiled_layer){(cl_int)O, (cl_int)I, (cl_int)across, (cl_int)tiles};
    }
    return tiles;
}

/* A layer's tensors for its gradients. */
#define MEMORY_OF_GRADIENTS(u)                                                                               \
    MEMORY(&(u)->dZ), MEMORY(&(u)->X), MEMORY(&(u)->layer->W.value), MEMORY(&(u)->layer->W.gradient),        \
        MEMORY(&(u)->layer->b.gradient)

static clm_status tiled_gradient_all(struct gemm_provider *gemm, const struct layer_update *updates,
                                     size_t count, double l2, struct clm_error *error)
{
    struct tiled *const tiled = tiled_of(gemm);
    const struct layer_update *const second = update_at(updates, count, 1), *const third =
                                                                                update_at(updates, count, 2);
    struct tiled_layers parts = {{{0}}};
    const size_t tiles = divide_updates(tiled->variant, updates, count, &parts);
    const size_t local = items_of(tiled->variant), global = tiles * local;
    return kernel_table_launch(
        gemm->kernels, &tiled->table, GRADIENT, NO_ACTIVATION, NO_RULE, 1, &global, &local,
        ARGUMENTS(INT(updates->X.rows), ARGUMENT(parts), SCALAR(cl_float, 2 * l2),
                  MEMORY_OF_GRADIENTS(updates), MEMORY_OF_GRADIENTS(second), MEMORY_OF_GRADIENTS(third)),
        error);
}

static clm_status tiled_gradient(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                 struct linear *layer, double l2, struct clm_error *error)
{
    const struct layer_update update = {layer, *dZ, *X};
    return tiled_gradient_all(gemm, &update, 1, l2, error);
}

static clm_status tiled_descend_all(struct gemm_provider *gemm, const struct layer_update *updates,
                                    size_t count, const struct step *step, const struct gathering *next,
                                    struct clm_error *error)
{
    struct tiled *const tiled = tiled_of(gemm);
    const struct layer_update *const second = update_at(updates, count, 1), *const third =
                                                                                update_at(updates, count, 2);
    const struct tensor *const none = &updates->X;
    const struct step_argument s = step_argument(step);
    const struct next_batch batch = next_batch(next);
    struct tiled_layers parts = {{{0}}};
    const size_t tiles = divide_updates(tiled->variant, updates, count, &parts);
    const size_t local = items_of(tiled->variant), global = tiles * local;
    return kernel_table_launch(gemm->kernels, &tiled->table, UPDATE, NO_ACTIVATION, step->rule, 1, &global,
                               &local,
                               ARGUMENTS(ARGUMENT(s), INT(updates->X.rows), ARGUMENT(parts),
                                         MEMORY_OF_LAYER(updates), MEMORY_OF_LAYER(second),
                                         MEMORY_OF_LAYER(third), ARGUMENT(batch), MEMORY_OF_NEXT(next, none)),
                               error);
}

static clm_status tiled_descend(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                struct linear *layer, const struct step *step, struct clm_error *error)
{
    const struct layer_update update = {layer, *dZ, *X};
    return tiled_descend_all(gemm, &update, 1, step, NULL, error);
}

static bool tiled_has_head(struct gemm_provider *gemm, const struct linear *layer, size_t B)
{
    const size_t C = layer->W.value.rows, I = layer->W.value.columns;
    return C <= tiled_of(gemm)->variant->lanes && C <= HEAD_PRODUCTS / B / I;
}

/* Parts of each sum of head: a power of two, for at most each quad one, as many as local memory holds. */
static size_t head_slices(const struct tiled *tiled, size_t I, size_t C)
{
    const size_t most = HEAD_PARTS * tiled->variant->lanes / (HEAD_ROWS * C);
    size_t slices = 1;
    while (2 * slices <= most && 4 * slices < I)
        slices *= 2;
    return slices;
}

static clm_status tiled_head(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                             const struct tensor *labels, const struct gate *gate, struct tensor *dZ,
                             struct tensor *dX, struct metrics *sums, struct clm_error *error)
{
    struct tiled *const tiled = tiled_of(gemm);
    const size_t B = X->rows, I = X->columns, C = dZ->columns, local = tiled->variant->lanes;
    const size_t global = size_min(divide_up(B, HEAD_ROWS), METRICS_SLOTS) * local;
    return kernel_table_launch(gemm->kernels, &tiled->table, HEAD, gate->act, NO_RULE, 1, &global, &local,
                               ARGUMENTS(INT(B), INT(I), INT(C), INT(head_slices(tiled, I, C)),
                                         INT(dX != NULL), MEMORY(X), MEMORY(&layer->W.value),
                                         MEMORY(&layer->b.value), MEMORY(labels), MEMORY(read_gate(gate, X)),
                                         MEMORY(dZ), MEMORY(dX ? dX : dZ), MEMORY(&sums->state)),
                               error);
}

#define TILED(provider_name, first_variant)                                                                  \
    {                                                                                                        \
        .name = provider_name, .variant = first_variant, .open = open_tiled, .close = close_tiled,           \
        .workspace = tiled_workspace, .build = tiled_build, .forward = tiled_forward,                        \
        .backward_input = tiled_backward_input, .gradient = tiled_gradient,                                  \
        .gradient_all = tiled_gradient_all, .descend = tiled_descend, .descend_all = tiled_descend_all,      \
        .gathers_beside = true, .has_head = tiled_has_head, .head = tiled_head                               \
    }

const struct gemm_operations gemm_tiled = TILED("tiled", MIDDLE);
const struct gemm_operations gemm_tiled_large = TILED("tiled-large", LARGE);
const struct gemm_operations gemm_tiled_wide = TILED("tiled-wide", WIDE);
const struct gemm_operations gemm_tiled_small = TILED("tiled-small", SMALL);
const struct gemm_operations gemm_tiled_flat = TILED("tiled-flat", FLAT);
