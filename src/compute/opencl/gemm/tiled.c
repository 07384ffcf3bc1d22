/* Our own products for devices whose work-groups share local memory (kernels/gemm_tiled.cl): bias, activation, mask and the
 * optimiser's step are part of the product, so that each result is written once, and a step keeps no gradient. */
#include "compute/opencl/gemm/provider.h"

#include "base/size.h"
#include "compute/opencl/program.h"
#include "compute/opencl/status.h"

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
    TILED_KERNELS
};

static const char *const kernel_names[TILED_KERNELS] = {
    [FORWARD] = "tiled_forward",   [SUM_FORWARD] = "tiled_sum_forward",   [DOT_FORWARD] = "tiled_dot_forward",
    [BACKWARD] = "tiled_backward", [SUM_BACKWARD] = "tiled_sum_backward", [GRADIENT] = "tiled_gradient",
    [UPDATE] = "tiled_update",
};

/* How the kernels are built: items of a group, quads of an item, terms of the sum at once, and items of a group of
 * those that have no tile. */
struct tiled_variant {
    size_t items[2], quads[2]; /* down and across */
    size_t depth, lanes;
};

/* Larger tiles read less of a large product's matrices, smaller ones busy more units with a small product. Each needs
 * less of a device than the one before; the last, 1 KiB of local memory and groups of one item. */
static const struct tiled_variant variants[] = {
    {{16, 16}, {2, 2}, 8, 64},
    {{16, 16}, {1, 1}, 16, 64},
    {{8, 8}, {1, 1}, 16, 64},
    {{1, 1}, {1, 1}, 16, 1},
};
enum { LARGE, MIDDLE, SMALL, VARIANTS = sizeof variants / sizeof *variants };

#define DOT_ROWS        8 /* as in gemm_tiled.cl */
#define DOT_COLUMNS     4
#define DOT_ROWS_MOST   16  /* up to this batch W's way through memory is what takes time */
#define GROUPS_PER_UNIT 2   /* so that a unit has another to work on where one waits for memory */
#define SLICE_LEAST     256 /* terms of a sum that is cut */

#define FILES "activation.cl optimiser.cl gemm_tiled.cl"

struct tiled {
    const struct tiled_variant *variant;
    char options[160];
    /* Built when first asked for; a kernel that knows no activation has them at NO_ACTIVATION, likewise for rules. */
    cl_kernel handles[TILED_KERNELS][ACTIVATION_COUNT + 1][RULE_COUNT + 1];
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

/* Bytes of local memory of the kernel that takes most. */
static size_t local_bytes(const struct tiled_variant *v)
{
    const size_t tiles = (tile_of(v, 0) + tile_of(v, 1) + 8) * v->depth;
    return sizeof(float) * size_max(tiles, DOT_ROWS * DOT_COLUMNS * v->lanes);
}

static size_t group_of(const struct tiled_variant *v, enum tiled_kernel kernel)
{
    const bool has_tile = kernel == FORWARD || kernel == BACKWARD || kernel == GRADIENT || kernel == UPDATE;
    return has_tile ? items_of(v) : v->lanes;
}

/* CLM_ERROR_DEVICE where a kernel, as the device has built it, cannot be run in groups of `items`. */
static clm_status check_runnable(const struct opencl_device *device, cl_kernel kernel, const char *name,
                                 size_t items, struct clm_error *error)
{
    size_t most = 0;
    cl_ulong local = 0;
    cl_int code =
        clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most, NULL);
    if (code == CL_SUCCESS)
        code = clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local,
                                        NULL);
    if (code != CL_SUCCESS)
        return opencl_fail(error, name, "clGetKernelWorkGroupInfo", code);
    if (items > most || local > device->about.local_memory)
        return clm_fail_setting(
            error, CLM_ERROR_DEVICE, "gemm",
            "%s: %s cannot run it in groups of %zu items (CL_KERNEL_WORK_GROUP_SIZE, CL_KERNEL_LOCAL_MEM_SIZE); let clblast multiply",
            name, device->about.name, items);
    return CLM_OK;
}

/* Builds a kernel for an activation or a rule, unless that has been done, and sees that the device can run it. */
static clm_status tiled_get_kernel(const struct gemm_provider *gemm, enum tiled_kernel kernel,
                                   struct kernel_variant variant, cl_kernel *out, struct clm_error *error)
{
    struct tiled *const tiled = tiled_of(gemm);
    const char *const name = kernel_names[kernel];
    cl_kernel *const handle = &tiled->handles[kernel][variant.act][variant.rule];
    clm_status status = CLM_OK;
    if (!*handle) {
        status = kernels_get(gemm->kernels, FILES, tiled->options, variant, name, out, error);
        if (status == CLM_OK)
            status = check_runnable(gemm->device, *out, name, group_of(tiled->variant, kernel), error);
        if (status == CLM_OK)
            *handle = *out;
    }
    *out = *handle;
    return status;
}

static struct kernel_variant variant_of(enum tiled_kernel kernel, enum activation act, enum rule rule)
{
    return kernel == GRADIENT ? (struct kernel_variant){NO_ACTIVATION, NO_RULE}
           : kernel == UPDATE ? (struct kernel_variant){NO_ACTIVATION, rule}
                              : (struct kernel_variant){act, NO_RULE};
}

/* CLM_OK where the device has what the variant needs, and can run it as built; else nothing is left of it. */
static clm_status try_variant(struct gemm_provider *gemm, const struct tiled_variant *v,
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
    snprintf(tiled->options, sizeof tiled->options,
             "-cl-std=CL1.2 -DITEMS_M=%zu -DITEMS_N=%zu -DQUADS_M=%zu -DQUADS_N=%zu -DDEPTH=%zu -DLANES=%zu",
             v->items[0], v->items[1], v->quads[0], v->quads[1], v->depth, v->lanes);
    clm_status status = CLM_OK;
    for (int k = 0; status == CLM_OK && k < TILED_KERNELS; k++) {
        cl_kernel kernel;
        status = tiled_get_kernel(gemm, (enum tiled_kernel)k,
                                  variant_of((enum tiled_kernel)k, ACTIVATION_RELU, RULE_MOMENTUM), &kernel,
                                  error);
    }
    if (status != CLM_OK)
        memset(tiled->handles, 0, sizeof tiled->handles);
    return status;
}

static void close_tiled(struct gemm_provider *gemm)
{
    free(gemm->state);
    gemm->state = NULL;
}

/* Takes the first variant, from `first` on, that the device can build and run; what lacks memory would lack it for the
 * next, or have other results another time. */
static clm_status open_from(struct gemm_provider *gemm, size_t first, struct clm_error *error)
{
    struct tiled *const tiled = calloc(1, sizeof *tiled);
    clm_status status = CLM_ERROR_DEVICE; /* until one is tried */
    if (!tiled)
        return clm_fail_host_memory(error, "the tiled products", sizeof *tiled);
    gemm->state = tiled;
    tiled->groups_wanted = GROUPS_PER_UNIT * size_max(1, gemm->device->about.compute_units);
    for (size_t v = first; v < VARIANTS && status != CLM_OK && status != CLM_ERROR_MEMORY; v++)
        status = try_variant(gemm, &variants[v], error);
    if (status != CLM_OK)
        close_tiled(gemm);
    return status;
}

static clm_status open_large(struct gemm_provider *gemm, struct clm_error *error)
{
    return open_from(gemm, LARGE, error);
}

static clm_status open_middle(struct gemm_provider *gemm, struct clm_error *error)
{
    return open_from(gemm, MIDDLE, error);
}

static clm_status open_small(struct gemm_provider *gemm, struct clm_error *error)
{
    return open_from(gemm, SMALL, error);
}

/* ---- sums that are cut: by slices, where a result's tiles alone leave units idle ---- */

/* How a result (M,N) whose sums have K terms is made. */
struct tiled_slices {
    size_t M, N, slices;
    cl_int depth; /* terms of a slice */
};

static struct tiled_slices tiled_whole(size_t M, size_t N, size_t K)
{
    return (struct tiled_slices){M, N, 1, (cl_int)K};
}

/* Cut only as far as the workspace goes, which after backend_prepare is far enough. */
static struct tiled_slices tiled_cut(const struct gemm_provider *gemm, size_t M, size_t N, size_t K)
{
    const struct tiled *const tiled = tiled_of(gemm);
    const struct tiled_variant *const v = tiled->variant;
    const size_t tiles = divide_up(M, tile_of(v, 0)) * divide_up(N, tile_of(v, 1));
    const size_t wanted = size_min(tiled->groups_wanted / tiles, K / SLICE_LEAST);
    if (wanted < 2 || wanted * M * N * sizeof(float) > gemm->workspace.bytes)
        return tiled_whole(M, N, K);
    const size_t depth = round_up(divide_up(K, wanted), v->depth);
    return (struct tiled_slices){M, N, divide_up(K, depth), (cl_int)depth};
}

/* What cut() may ask for, for any number of rows up to M. */
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

static clm_status tiled_workspace(struct gemm_provider *gemm, size_t B, size_t I, size_t O, size_t *bytes,
                                  struct clm_error *error)
{
    const struct tiled *const tiled = tiled_of(gemm);
    (void)error;
    *bytes = size_max(B > DOT_ROWS_MOST ? parts_bytes(tiled, B, O, I) : 0, parts_bytes(tiled, B, I, O));
    return CLM_OK;
}

/* ---- launching ---- */

#define COUNT(arguments) (sizeof(arguments) / sizeof *(arguments))

/* Over the tiles of a result. */
static clm_status launch_tiles(const struct gemm_provider *gemm, enum tiled_kernel kernel,
                               struct kernel_variant variant, const struct tiled_slices *plan,
                               const struct kernel_argument *arguments, size_t count, struct clm_error *error)
{
    const struct tiled *const tiled = tiled_of(gemm);
    const struct tiled_variant *const v = tiled->variant;
    const size_t local[3] = {items_of(v), 1, 1};
    const size_t global[3] = {divide_up(plan->N, tile_of(v, 1)) * local[0], divide_up(plan->M, tile_of(v, 0)),
                              plan->slices};
    cl_kernel handle;
    const clm_status status = tiled_get_kernel(gemm, kernel, variant, &handle, error);
    return status ? status
                  : opencl_launch(gemm->device, handle, kernel_names[kernel], 3, global, local, arguments,
                                  count, error);
}

/* Over the elements of a result whose parts are in the workspace. */
static clm_status launch_sum(const struct gemm_provider *gemm, enum tiled_kernel kernel,
                             struct kernel_variant variant, const struct tensor *result,
                             const struct kernel_argument *arguments, size_t count, struct clm_error *error)
{
    const struct tiled *const tiled = tiled_of(gemm);
    const size_t local = tiled->variant->lanes, global = round_up(result->rows * result->columns, local);
    cl_kernel handle;
    const clm_status status = tiled_get_kernel(gemm, kernel, variant, &handle, error);
    return status ? status
                  : opencl_launch(gemm->device, handle, kernel_names[kernel], 1, &global, &local, arguments,
                                  count, error);
}

/* ---- the products, their arguments in the .cl order ---- */

/* Where the gate is saved; if it is not, Y, which is not looked at as a gate. */
static void *saved_gate(const struct epilogue *epilogue, const struct tensor *Y)
{
    return epilogue->gate ? epilogue->gate->memory : Y->memory;
}

static clm_status dot_forward(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                              const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error)
{
    const cl_int saves_gate = epilogue->gate != NULL;
    void *const gate = saved_gate(epilogue, Y);
    const struct tiled *const tiled = tiled_of(gemm);
    const cl_int B = (cl_int)X->rows, I = (cl_int)X->columns, O = (cl_int)Y->columns;
    const size_t local[2] = {tiled->variant->lanes, 1};
    const size_t global[2] = {divide_up(Y->columns, DOT_COLUMNS) * local[0], divide_up(X->rows, DOT_ROWS)};
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(O),
        ARGUMENT(saves_gate),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.value.memory),
        ARGUMENT(layer->b.value.memory),
        ARGUMENT(Y->memory),
        ARGUMENT(gate),
    };
    cl_kernel handle;
    const clm_status status =
        tiled_get_kernel(gemm, DOT_FORWARD, variant_of(DOT_FORWARD, epilogue->act, NO_RULE), &handle, error);
    return status ? status
                  : opencl_launch(gemm->device, handle, kernel_names[DOT_FORWARD], 2, global, local,
                                  arguments, COUNT(arguments), error);
}

static clm_status sum_forward(struct gemm_provider *gemm, const struct tiled_slices *plan,
                              const struct linear *layer, const struct epilogue *epilogue, struct tensor *Y,
                              struct clm_error *error)
{
    const cl_int saves_gate = epilogue->gate != NULL;
    void *const gate = saved_gate(epilogue, Y);
    const cl_int slices = (cl_int)plan->slices, B = (cl_int)Y->rows, O = (cl_int)Y->columns;
    const struct kernel_argument arguments[] = {
        ARGUMENT(slices),
        ARGUMENT(B),
        ARGUMENT(O),
        ARGUMENT(saves_gate),
        ARGUMENT(gemm->workspace.memory),
        ARGUMENT(layer->b.value.memory),
        ARGUMENT(Y->memory),
        ARGUMENT(gate),
    };
    return launch_sum(gemm, SUM_FORWARD, variant_of(SUM_FORWARD, epilogue->act, NO_RULE), Y, arguments,
                      COUNT(arguments), error);
}

static clm_status tiled_forward(struct gemm_provider *gemm, const struct tensor *X,
                                const struct linear *layer, const struct epilogue *epilogue, struct tensor *Y,
                                struct clm_error *error)
{
    const cl_int B = (cl_int)X->rows, I = (cl_int)X->columns, O = (cl_int)Y->columns;
    const cl_int saves_gate = epilogue->gate != NULL;
    void *const gate = saved_gate(epilogue, Y);
    if (X->rows <= DOT_ROWS_MOST)
        return dot_forward(gemm, X, layer, epilogue, Y, error);
    const struct tiled_slices plan = tiled_cut(gemm, X->rows, Y->columns, X->columns);
    void *const out = plan.slices > 1 ? gemm->workspace.memory : Y->memory;
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(O),
        ARGUMENT(plan.depth),
        ARGUMENT(saves_gate),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.value.memory),
        ARGUMENT(layer->b.value.memory),
        ARGUMENT(out),
        ARGUMENT(gate),
    };
    const clm_status status = launch_tiles(gemm, FORWARD, variant_of(FORWARD, epilogue->act, NO_RULE), &plan,
                                           arguments, COUNT(arguments), error);
    return status || plan.slices == 1 ? status : sum_forward(gemm, &plan, layer, epilogue, Y, error);
}

static clm_status sum_backward(struct gemm_provider *gemm, const struct tiled_slices *plan,
                               enum activation act, void *of, struct tensor *dX, struct clm_error *error)
{
    const cl_int slices = (cl_int)plan->slices, B = (cl_int)dX->rows, I = (cl_int)dX->columns;
    const struct kernel_argument arguments[] = {
        ARGUMENT(slices), ARGUMENT(B),          ARGUMENT(I), ARGUMENT(gemm->workspace.memory),
        ARGUMENT(of),     ARGUMENT(dX->memory),
    };
    return launch_sum(gemm, SUM_BACKWARD, variant_of(SUM_BACKWARD, act, NO_RULE), dX, arguments,
                      COUNT(arguments), error);
}

static clm_status tiled_backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                       const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                       struct clm_error *error)
{
    const cl_int B = (cl_int)dX->rows, O = (cl_int)dZ->columns, I = (cl_int)dX->columns;
    const struct tiled_slices plan = tiled_cut(gemm, dX->rows, dX->columns, dZ->columns);
    /* of an activation without a gate, something that is not looked at */
    void *const of = activations[gate->act].gate == GATE_ONE ? dZ->memory : gate->of->memory;
    void *const out = plan.slices > 1 ? gemm->workspace.memory : dX->memory;
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),          ARGUMENT(O),          ARGUMENT(I),
        ARGUMENT(plan.depth), ARGUMENT(dZ->memory), ARGUMENT(layer->W.value.memory),
        ARGUMENT(of),         ARGUMENT(out),
    };
    const clm_status status = launch_tiles(gemm, BACKWARD, variant_of(BACKWARD, gate->act, NO_RULE), &plan,
                                           arguments, COUNT(arguments), error);
    return status || plan.slices == 1 ? status : sum_backward(gemm, &plan, gate->act, of, dX, error);
}

static clm_status tiled_gradient(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                 struct linear *layer, double l2, struct clm_error *error)
{
    struct tensor *const dW = &layer->W.gradient, *const db = &layer->b.gradient;
    const cl_int O = (cl_int)dW->rows, B = (cl_int)dZ->rows, I = (cl_int)dW->columns;
    const struct tiled_slices plan = tiled_whole(dW->rows, dW->columns, dZ->rows);
    const cl_float penalty = (cl_float)(2 * l2);
    const struct kernel_argument arguments[] = {
        ARGUMENT(O),
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(penalty),
        ARGUMENT(dZ->memory),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.value.memory),
        ARGUMENT(dW->memory),
        ARGUMENT(db->memory),
    };
    return launch_tiles(gemm, GRADIENT, variant_of(GRADIENT, NO_ACTIVATION, NO_RULE), &plan, arguments,
                        COUNT(arguments), error);
}

static clm_status tiled_descend(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                struct linear *layer, const struct step *step, struct clm_error *error)
{
    const cl_int O = (cl_int)dZ->columns, B = (cl_int)dZ->rows, I = (cl_int)X->columns;
    const struct tiled_slices plan = tiled_whole(dZ->columns, X->columns, dZ->rows);
    const struct step_argument s = step_argument(step);
    /* of a rule without states, something that is not looked at */
    void *const ms = rules[step->rule].states ? layer->W.state[0].memory : dZ->memory;
    void *const mb = rules[step->rule].states ? layer->b.state[0].memory : dZ->memory;
    const struct kernel_argument arguments[] = {
        ARGUMENT(s),          ARGUMENT(O),
        ARGUMENT(B),          ARGUMENT(I),
        ARGUMENT(dZ->memory), ARGUMENT(X->memory),
        ARGUMENT(ms),         ARGUMENT(layer->W.value.memory),
        ARGUMENT(mb),         ARGUMENT(layer->b.value.memory),
    };
    return launch_tiles(gemm, UPDATE, variant_of(UPDATE, NO_ACTIVATION, step->rule), &plan, arguments,
                        COUNT(arguments), error);
}

const struct gemm_operations gemm_tiled = {
    .name = "tiled",
    .open = open_middle,
    .close = close_tiled,
    .workspace = tiled_workspace,
    .forward = tiled_forward,
    .backward_input = tiled_backward_input,
    .gradient = tiled_gradient,
    .descend = tiled_descend,
};

const struct gemm_operations gemm_tiled_large = {
    .name = "tiled-large",
    .open = open_large,
    .close = close_tiled,
    .workspace = tiled_workspace,
    .forward = tiled_forward,
    .backward_input = tiled_backward_input,
    .gradient = tiled_gradient,
    .descend = tiled_descend,
};

const struct gemm_operations gemm_tiled_small = {
    .name = "tiled-small",
    .open = open_small,
    .close = close_tiled,
    .workspace = tiled_workspace,
    .forward = tiled_forward,
    .backward_input = tiled_backward_input,
    .gradient = tiled_gradient,
    .descend = tiled_descend,
};
