/* Our own products for devices whose work-groups share local memory (kernels/gemm_tiled.cl): bias, activation, mask and the
 * optimiser's step are part of the product, so that each result is written once, and a step keeps no gradient. */
#include "compute/opencl/gemm.h"

#include "base/size.h"
#include "compute/opencl/program.h"
#include "compute/opencl/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum tiled_kernel {
    FORWARD,
    SUM_FORWARD,
    DOT_FORWARD,
    BACKWARD,
    SUM_BACKWARD,
    GRADIENT,
    UPDATE,
    TILED_KERNELS
};

static const char *const kernel_names[TILED_KERNELS] = {
    [FORWARD] = "tiled_forward",   [SUM_FORWARD] = "tiled_sum_forward",   [DOT_FORWARD] = "tiled_dot_forward",
    [BACKWARD] = "tiled_backward", [SUM_BACKWARD] = "tiled_sum_backward", [GRADIENT] = "tiled_gradient",
    [UPDATE] = "tiled_update",
};

/* How the kernels are built: items of a group, quads of an item, terms of the sum at once, and items of a group of
 * those that have no tile. */
struct variant {
    size_t items[2], quads[2]; /* down and across */
    size_t depth, lanes;
};

/* Those of larger tiles read less of a large product's matrices, those of smaller ones busy more units with a small
 * product. Each needs less of a device than the one before; the last, 1 KiB of local memory and no group at all. */
static const struct variant variants[] = {
    {{16, 16}, {2, 2}, 8, 64},
    {{16, 16}, {1, 1}, 16, 64},
    {{8, 8}, {1, 1}, 16, 64},
    {{1, 1}, {1, 1}, 16, 1},
};
enum { VARIANTS = sizeof variants / sizeof *variants, SMALL = 2 };

#define DOT_ROWS        8 /* as in gemm_tiled.cl */
#define DOT_COLUMNS     4
#define DOT_ROWS_MOST   16  /* up to this batch W's way through memory is what takes time */
#define GROUPS_PER_UNIT 4   /* so that a unit has another to work on where one waits for memory */
#define SLICE_LEAST     256 /* terms of a sum that is cut */

enum condition { UNTRIED, USABLE, UNUSABLE };

struct tiled {
    enum condition conditions[VARIANTS];
    cl_kernel handles[VARIANTS][TILED_KERNELS];
    size_t small; /* the variant of small products, which is always there */
    size_t units;
};

static struct tiled *tiled_of(const struct gemm_provider *gemm)
{
    return gemm->state;
}

/* ---- which variants a device can run ---- */

static size_t items_of(const struct variant *v)
{
    return v->items[0] * v->items[1];
}

/* Rows (0) or columns (1) of a tile. */
static size_t tile_of(const struct variant *v, int side)
{
    return 4 * v->quads[side] * v->items[side];
}

/* Bytes of local memory of the kernel that takes most. */
static size_t local_bytes(const struct variant *v)
{
    const size_t tiles = (tile_of(v, 0) + tile_of(v, 1) + 8) * v->depth;
    return sizeof(float) * size_max(tiles, DOT_ROWS * DOT_COLUMNS * v->lanes);
}

static bool has_tile(enum tiled_kernel kernel)
{
    return kernel == FORWARD || kernel == BACKWARD || kernel == GRADIENT || kernel == UPDATE;
}

static size_t group_of(const struct variant *v, enum tiled_kernel kernel)
{
    return has_tile(kernel) ? items_of(v) : v->lanes;
}

/* Whether a kernel, as the device has built it, can be run in groups of `items`. */
static bool is_runnable(const struct opencl_device *device, cl_kernel kernel, size_t items)
{
    size_t most = 0;
    cl_ulong local = 0;
    return clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most,
                                    NULL) == CL_SUCCESS &&
           clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local,
                                    NULL) == CL_SUCCESS &&
           items <= most && local <= device->about.local_memory;
}

static void release(struct tiled *tiled, size_t which)
{
    for (int k = 0; k < TILED_KERNELS; k++) {
        if (tiled->handles[which][k])
            clReleaseKernel(tiled->handles[which][k]);
        tiled->handles[which][k] = NULL;
    }
}

static clm_status build(const struct opencl_device *device, struct tiled *tiled, size_t which,
                        struct clm_error *error)
{
    const struct variant *const v = &variants[which];
    char options[160];
    cl_program program = NULL;
    snprintf(options, sizeof options,
             "-cl-std=CL1.2 -DITEMS_M=%zu -DITEMS_N=%zu -DQUADS_M=%zu -DQUADS_N=%zu -DDEPTH=%zu -DLANES=%zu",
             v->items[0], v->items[1], v->quads[0], v->quads[1], v->depth, v->lanes);
    clm_status status = opencl_program_build(device, "gemm_tiled.cl", options, &program, error);
    for (int k = 0; status == CLM_OK && k < TILED_KERNELS; k++)
        status = opencl_kernel_create(program, kernel_names[k], &tiled->handles[which][k], error);
    if (program)
        clReleaseProgram(program);
    return status;
}

/* Builds it, where that has not been tried. `why` tells why it cannot be used. */
static bool is_usable(const struct gemm_provider *gemm, size_t which, struct clm_error *why)
{
    const struct opencl_device *const device = gemm->device;
    const struct clm_device *const about = &device->about;
    const struct variant *const v = &variants[which];
    struct tiled *const tiled = tiled_of(gemm);
    if (tiled->conditions[which] != UNTRIED)
        return tiled->conditions[which] == USABLE;
    clm_status status = CLM_OK;
    if (size_max(items_of(v), v->lanes) > about->max_work_group || local_bytes(v) > about->local_memory)
        status = clm_fail(why, CLM_ERROR_DEVICE,
                          "products in groups of %zu items and %zu bytes of local memory need more than %s "
                          "has (%zu items, %zu bytes); use --gemm clblast",
                          size_max(items_of(v), v->lanes), local_bytes(v), about->name, about->max_work_group,
                          (size_t)about->local_memory);
    if (status == CLM_OK)
        status = build(device, tiled, which, why);
    for (int k = 0; status == CLM_OK && k < TILED_KERNELS; k++)
        if (!is_runnable(device, tiled->handles[which][k], group_of(v, (enum tiled_kernel)k)))
            status = clm_fail(why, CLM_ERROR_DEVICE,
                              "%s: %s cannot run it in groups of %zu items (CL_KERNEL_WORK_GROUP_SIZE); use "
                              "--gemm clblast",
                              kernel_names[k], about->name, group_of(v, (enum tiled_kernel)k));
    if (status != CLM_OK)
        release(tiled, which);
    tiled->conditions[which] = status == CLM_OK ? USABLE : UNUSABLE;
    return status == CLM_OK;
}

static void close_tiled(struct gemm_provider *gemm)
{
    struct tiled *const tiled = tiled_of(gemm);
    for (size_t v = 0; tiled && v < VARIANTS; v++)
        release(tiled, v);
    free(tiled);
    gemm->state = NULL;
}

static clm_status open_tiled(struct gemm_provider *gemm, struct clm_error *error)
{
    struct tiled *const tiled = calloc(1, sizeof *tiled);
    struct clm_error why = {0};
    if (!tiled)
        return clm_fail_host_memory(error, "the tiled products", sizeof *tiled);
    gemm->state = tiled;
    tiled->units = size_max(1, gemm->device->about.compute_units);
    tiled->small = SMALL;
    while (tiled->small < VARIANTS && !is_usable(gemm, tiled->small, &why))
        tiled->small++;
    if (tiled->small < VARIANTS)
        return CLM_OK;
    close_tiled(gemm);
    if (error)
        *error = why;
    return why.status;
}

/* ---- the variant of a product, and whether its sums are cut ---- */

static size_t divide_up(size_t n, size_t by)
{
    return n / by + (n % by != 0);
}

static size_t tiles_of(const struct variant *v, size_t M, size_t N)
{
    return divide_up(M, tile_of(v, 0)) * divide_up(N, tile_of(v, 1));
}

/* Time of a product, roughly: units take one tile after the other; an item multiplies rows by columns, and reads both. */
static double cost_of(const struct tiled *tiled, const struct variant *v, size_t M, size_t N)
{
    const double rows = 4 * (double)v->quads[0], columns = 4 * (double)v->quads[1];
    const double rounds = (double)divide_up(tiles_of(v, M, N), tiled->units);
    return rounds * (double)items_of(v) * (rows * columns + 2 * (rows + columns));
}

/* The cheapest that can be used. That the device is too small for one is no news; that one does not build is. */
static size_t variant_for(const struct gemm_provider *gemm, size_t M, size_t N)
{
    const struct tiled *const tiled = tiled_of(gemm);
    for (;;) {
        struct clm_error why = {0};
        size_t best = tiled->small;
        for (size_t v = 0; v < tiled->small; v++)
            if (tiled->conditions[v] != UNUSABLE &&
                cost_of(tiled, &variants[v], M, N) < cost_of(tiled, &variants[best], M, N))
                best = v;
        if (is_usable(gemm, best, &why))
            return best;
        if (why.status == CLM_ERROR_BUILD && gemm->backend->on_note)
            gemm->backend->on_note(gemm->backend->note_user, why.message);
    }
}

/* How a result (M,N) whose sums have K terms is made: by slices of the sum where its tiles alone leave units idle. */
struct plan {
    size_t variant, slices;
    cl_int depth; /* terms of a slice */
};

static size_t groups_wanted(const struct tiled *tiled)
{
    return tiled->units * GROUPS_PER_UNIT;
}

static struct plan whole(const struct gemm_provider *gemm, size_t M, size_t N, size_t K)
{
    return (struct plan){variant_for(gemm, M, N), 1, (cl_int)K};
}

/* Cut only as far as the workspace goes, which after backend_prepare is far enough. */
static struct plan cut(const struct gemm_provider *gemm, size_t M, size_t N, size_t K)
{
    const struct tiled *const tiled = tiled_of(gemm);
    const struct variant *const v = &variants[tiled->small];
    const size_t wanted = size_min(groups_wanted(tiled) / tiles_of(v, M, N), K / SLICE_LEAST);
    if (wanted < 2 || wanted * M * N * sizeof(float) > gemm->workspace.bytes)
        return whole(gemm, M, N, K);
    const size_t depth = round_up(divide_up(K, wanted), v->depth);
    return (struct plan){tiled->small, divide_up(K, depth), (cl_int)depth};
}

/* What cut() may ask for, for any number of rows up to M. */
static size_t parts_bytes(const struct tiled *tiled, size_t M, size_t N, size_t K)
{
    const struct variant *const v = &variants[tiled->small];
    const size_t slices = size_min(groups_wanted(tiled), K / SLICE_LEAST);
    const size_t most = groups_wanted(tiled) * tile_of(v, 0) * tile_of(v, 1);
    size_t bytes = 0;
    if (slices < 2)
        return 0;
    return sizeof(float) *
           (size_mul(M, N, &bytes) && size_mul(bytes, slices, &bytes) ? size_min(bytes, most) : most);
}

static clm_status workspace(struct gemm_provider *gemm, size_t B, size_t I, size_t O, size_t *bytes,
                            struct clm_error *error)
{
    const struct tiled *const tiled = tiled_of(gemm);
    (void)error;
    *bytes = size_max(B > DOT_ROWS_MOST ? parts_bytes(tiled, B, O, I) : 0, parts_bytes(tiled, B, I, O));
    return CLM_OK;
}

/* ---- launching ---- */

#define COUNT(arguments) (sizeof(arguments) / sizeof *(arguments))

/* Over the tiles of a result (M,N). */
static clm_status launch_tiles(const struct gemm_provider *gemm, enum tiled_kernel kernel,
                               const struct plan *plan, size_t M, size_t N,
                               const struct kernel_argument *arguments, size_t count, struct clm_error *error)
{
    const struct variant *const v = &variants[plan->variant];
    const size_t local[3] = {items_of(v), 1, 1};
    const size_t global[3] = {divide_up(N, tile_of(v, 1)) * local[0], divide_up(M, tile_of(v, 0)),
                              plan->slices};
    return opencl_launch(gemm->device, tiled_of(gemm)->handles[plan->variant][kernel], kernel_names[kernel],
                         3, global, local, arguments, count, error);
}

/* Over the elements of a result whose parts are in the workspace. */
static clm_status launch_sum(const struct gemm_provider *gemm, enum tiled_kernel kernel,
                             const struct tensor *result, const struct kernel_argument *arguments,
                             size_t count, struct clm_error *error)
{
    const struct tiled *const tiled = tiled_of(gemm);
    const size_t local = variants[tiled->small].lanes;
    const size_t global = round_up(result->rows * result->columns, local);
    return opencl_launch(gemm->device, tiled->handles[tiled->small][kernel], kernel_names[kernel], 1, &global,
                         &local, arguments, count, error);
}

/* ---- the products, their arguments in the .cl order ---- */

static clm_status dot_forward(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                              cl_int is_relu, struct tensor *Y, struct clm_error *error)
{
    const struct tiled *const tiled = tiled_of(gemm);
    const cl_int B = (cl_int)X->rows, I = (cl_int)X->columns, O = (cl_int)Y->columns;
    const size_t local[2] = {variants[tiled->small].lanes, 1};
    const size_t global[2] = {divide_up(Y->columns, DOT_COLUMNS) * local[0], divide_up(X->rows, DOT_ROWS)};
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(O),
        ARGUMENT(is_relu),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(layer->b.memory),
        ARGUMENT(Y->memory),
    };
    return opencl_launch(gemm->device, tiled->handles[tiled->small][DOT_FORWARD], kernel_names[DOT_FORWARD],
                         2, global, local, arguments, COUNT(arguments), error);
}

static clm_status sum_forward(struct gemm_provider *gemm, const struct plan *plan, const struct linear *layer,
                              cl_int is_relu, struct tensor *Y, struct clm_error *error)
{
    const cl_int slices = (cl_int)plan->slices, B = (cl_int)Y->rows, O = (cl_int)Y->columns;
    const struct kernel_argument arguments[] = {
        ARGUMENT(slices),
        ARGUMENT(B),
        ARGUMENT(O),
        ARGUMENT(is_relu),
        ARGUMENT(gemm->workspace.memory),
        ARGUMENT(layer->b.memory),
        ARGUMENT(Y->memory),
    };
    return launch_sum(gemm, SUM_FORWARD, Y, arguments, COUNT(arguments), error);
}

static clm_status forward(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                          enum activation act, struct tensor *Y, struct clm_error *error)
{
    const cl_int B = (cl_int)X->rows, I = (cl_int)X->columns, O = (cl_int)Y->columns;
    const cl_int is_relu = act == ACTIVATION_RELU;
    if (X->rows <= DOT_ROWS_MOST)
        return dot_forward(gemm, X, layer, is_relu, Y, error);
    const struct plan plan = cut(gemm, X->rows, Y->columns, X->columns);
    void *const out = plan.slices > 1 ? gemm->workspace.memory : Y->memory;
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(O),
        ARGUMENT(plan.depth),
        ARGUMENT(is_relu),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(layer->b.memory),
        ARGUMENT(out),
    };
    const clm_status status =
        launch_tiles(gemm, FORWARD, &plan, Y->rows, Y->columns, arguments, COUNT(arguments), error);
    return status || plan.slices == 1 ? status : sum_forward(gemm, &plan, layer, is_relu, Y, error);
}

static clm_status sum_backward(struct gemm_provider *gemm, const struct plan *plan, cl_int is_masked,
                               void *mask, struct tensor *dX, struct clm_error *error)
{
    const cl_int slices = (cl_int)plan->slices, B = (cl_int)dX->rows, I = (cl_int)dX->columns;
    const struct kernel_argument arguments[] = {
        ARGUMENT(slices),
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(is_masked),
        ARGUMENT(gemm->workspace.memory),
        ARGUMENT(mask),
        ARGUMENT(dX->memory),
    };
    return launch_sum(gemm, SUM_BACKWARD, dX, arguments, COUNT(arguments), error);
}

static clm_status backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                 const struct linear *layer, const struct tensor *Y, struct tensor *dX,
                                 struct clm_error *error)
{
    const cl_int B = (cl_int)dX->rows, O = (cl_int)dZ->columns, I = (cl_int)dX->columns,
                 is_masked = Y != NULL;
    const struct plan plan = cut(gemm, dX->rows, dX->columns, dZ->columns);
    void *const mask = Y ? Y->memory : dZ->memory; /* without a mask not looked at */
    void *const out = plan.slices > 1 ? gemm->workspace.memory : dX->memory;
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(O),
        ARGUMENT(I),
        ARGUMENT(plan.depth),
        ARGUMENT(is_masked),
        ARGUMENT(dZ->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(mask),
        ARGUMENT(out),
    };
    const clm_status status =
        launch_tiles(gemm, BACKWARD, &plan, dX->rows, dX->columns, arguments, COUNT(arguments), error);
    return status || plan.slices == 1 ? status : sum_backward(gemm, &plan, is_masked, mask, dX, error);
}

static clm_status gradient(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                           const struct linear *layer, double l2, struct tensor *dW, struct tensor *db,
                           struct clm_error *error)
{
    const cl_int O = (cl_int)dW->rows, B = (cl_int)dZ->rows, I = (cl_int)dW->columns;
    const struct plan plan = whole(gemm, dW->rows, dW->columns, dZ->rows);
    const cl_float penalty = (cl_float)(2 * l2);
    const struct kernel_argument arguments[] = {
        ARGUMENT(O),
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(penalty),
        ARGUMENT(dZ->memory),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(dW->memory),
        ARGUMENT(db->memory),
    };
    return launch_tiles(gemm, GRADIENT, &plan, dW->rows, dW->columns, arguments, COUNT(arguments), error);
}

static clm_status descend(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                          struct linear *layer, const struct step *step, struct clm_error *error)
{
    const cl_int O = (cl_int)dZ->columns, B = (cl_int)dZ->rows, I = (cl_int)X->columns;
    const struct plan plan = whole(gemm, dZ->columns, X->columns, dZ->rows);
    const cl_int has_velocity = step->momentum != 0;
    const cl_float rate = (cl_float)step->learning_rate, momentum = (cl_float)step->momentum;
    const cl_float penalty = (cl_float)(2 * step->l2),
                   decay = (cl_float)(1 - 2 * step->learning_rate * step->l2);
    /* without momentum not looked at */
    void *const velocity = has_velocity ? layer->W_velocity.memory : dZ->memory;
    void *const bias_velocity = has_velocity ? layer->b_velocity.memory : dZ->memory;
    const struct kernel_argument arguments[] = {
        ARGUMENT(O),
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(has_velocity),
        ARGUMENT(rate),
        ARGUMENT(momentum),
        ARGUMENT(penalty),
        ARGUMENT(decay),
        ARGUMENT(dZ->memory),
        ARGUMENT(X->memory),
        ARGUMENT(velocity),
        ARGUMENT(layer->W.memory),
        ARGUMENT(bias_velocity),
        ARGUMENT(layer->b.memory),
    };
    return launch_tiles(gemm, UPDATE, &plan, dZ->columns, X->columns, arguments, COUNT(arguments), error);
}

const struct gemm_operations gemm_tiled = {
    .name = "tiled",
    .open = open_tiled,
    .close = close_tiled,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .gradient = gradient,
    .descend = descend,
};
