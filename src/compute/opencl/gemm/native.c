/* Our own products for devices of type CPU (kernels/gemm_cpu.cl, head_cpu.cl): bias, activation, mask and the optimiser's step
 * are part of the product, so that each result is written once, and a step keeps no gradient. */
#include "compute/opencl/gemm/provider.h"

#include "base/size.h"
#include "compute/opencl/program.h"
#include "compute/opencl/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum native_kernel { FORWARD, BACKWARD, GRADIENT, UPDATE, UPDATE_FORWARD, HEAD, NATIVE_KERNELS };

static const char *const kernel_names[NATIVE_KERNELS] = {
    [FORWARD] = "product_forward", [BACKWARD] = "product_backward",     [GRADIENT] = "product_gradient",
    [UPDATE] = "product_update",   [UPDATE_FORWARD] = "update_forward", [HEAD] = "head",
};

/* How the kernels are built for a vector of `width` floats: tiles that fill the registers and do not spill. */
struct native_shape {
    cl_uint width;
    int tile_rows, tile_vectors; /* MR, NV */
};

static const struct native_shape shapes[] = {
    {16, 6, 4}, /* AVX-512: 32 registers of 16 floats */
    {8, 6, 2},  /* AVX2: 16 registers of 8 */
#if defined(__aarch64__)
    {4, 6, 4}, /* NEON: 32 registers of 4; a CPU device has the host's processor */
#else
    {4, 6, 2}, /* SSE: 16 registers of 4 */
#endif
};

#define LOW           5  /* rows of a tile for a batch that 6 do not divide as well */
#define LOW_MOST      32 /* beyond this batch a ragged tile costs little */
#define LEFT_TILES    8  /* packed at once: whole cache lines of X, whose columns lie far apart */
#define STRETCH_LEFTS 2  /* of update_forward: STRETCH of gemm_cpu.cl over LEFT */
#define PACK_MOST     ((size_t)131072) /* floats of packed right-hand matrix: half of a common L2 cache */
#define DEPTH_MOST    512              /* of a block of the sum */
#define GRADIENT_DEPTH_MOST                                                                                  \
    1024 /* its sum runs over the batch; each further block reads and writes W again */
/* update_forward pays for batches of so few rows that W's way through memory counts most, and for products so small that
 * a launch counts; elsewhere its shorter sums, whose results are added up in memory, cost more than they save. */
#define FUSED_ROWS     24
#define FUSED_PRODUCTS ((size_t)1 << 26)
/* Products of a group of head: fewer are done before another unit has been woken for them. */
#define HEAD_PRODUCTS ((size_t)1 << 18)
#define HEAD_ROWS     64 /* ROWS of head_cpu.cl */

#define FILES "vector.cl sums.cl activation.cl optimiser.cl panels_cpu.cl gemm_cpu.cl head_cpu.cl"

struct native {
    char options[160];
    /* Built when first asked for; a kernel that knows no activation has them at NO_ACTIVATION, likewise for rules. */
    cl_kernel handles[NATIVE_KERNELS][ACTIVATION_COUNT + 1][RULE_COUNT + 1];
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
    free(gemm->state);
    gemm->state = NULL;
}

static clm_status native_get_kernel(const struct gemm_provider *gemm, enum native_kernel kernel,
                                    struct kernel_variant variant, cl_kernel *out, struct clm_error *error)
{
    struct native *const native = native_of(gemm);
    cl_kernel *const handle = &native->handles[kernel][variant.act][variant.rule];
    const clm_status status = *handle ? CLM_OK
                                      : kernels_get(gemm->kernels, FILES, native->options, variant,
                                                    kernel_names[kernel], handle, error);
    *out = *handle;
    return status;
}

/* Builds the gradient's kernel, so that a device which cannot build the files at all fails here. */
static clm_status open_native(struct gemm_provider *gemm, struct clm_error *error)
{
    const struct opencl_device *const device = gemm->device;
    struct native *const native = calloc(1, sizeof *native);
    cl_kernel kernel;
    if (!native)
        return clm_fail_host_memory(error, "the native products", sizeof *native);
    gemm->state = native;
    native->shape = *choose_shape(device->id);
    native->units = size_max(1, device->about.compute_units);
    native->local_memory = (size_t)device->about.local_memory;
    snprintf(native->options, sizeof native->options,
             "-cl-std=CL1.2 -DVW=%u -DMR=%d -DNV=%d -DLOW=%d -DLEFT=%d%s", native->shape.width,
             native->shape.tile_rows, native->shape.tile_vectors, LOW, LEFT_TILES * native->shape.tile_rows,
             opencl_is_pocl(device) ? " -DPOCL" : "");
    const clm_status status =
        native_get_kernel(gemm, GRADIENT, (struct kernel_variant){NO_ACTIVATION, NO_RULE}, &kernel, error);
    if (status != CLM_OK)
        close_native(gemm);
    return status;
}

/* ---- launching ---- */

/* Columns of a panel: of W's, and of the packed right-hand matrix. */
static size_t panel_columns(const struct native *native)
{
    return (size_t)native->shape.tile_vectors * native->shape.width;
}

static size_t left_rows(const struct native *native)
{
    return LEFT_TILES * (size_t)native->shape.tile_rows;
}

/* What each group does of a result (M,N) whose sums have K terms. */
struct share {
    cl_int rows, columns, depth;
    size_t pack_bytes, groups[2];
};

/* What a product of (M,K) and (K,N) does besides multiplying, in rows of products that take as long. */
struct product_cost {
    double right; /* fetching or packing a vector of the right-hand matrix, once a group */
    double left;  /* packing an element of the left-hand one, over a vector's product */
};

static const struct product_cost lying = {4, 0}, turned = {12, 0.4}, packed = {6, 0.4};

/* Cycles of a unit for a group with `rows` x `columns`, roughly: what other groups of the same columns or rows fetch and
 * pack they do again. */
static double group_cycles(const struct native *native, size_t rows, size_t columns, size_t K,
                           struct product_cost cost)
{
    const double vectors = (double)columns / native->shape.width;
    return (double)K * (vectors * ((double)rows + cost.right) + cost.left * (double)rows) + 3000;
}

/* The split into panels across and tiles of `tile` rows down that ends first, when units take one group after the other.
 * A quarter of a group's time counts as lost at the end, so that smaller groups win where little speaks against
 * them. */
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
                share->columns = (cl_int)(p * panel);
                share->rows = (cl_int)r;
            }
        }
    share->groups[0] = divide_up(N, (size_t)share->columns);
    share->groups[1] = divide_up(M, (size_t)share->rows);
}

/* Of a product whose operands are packed into local memory; blocks of the sum are multiples of `unit`. */
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
    struct share share = {.depth = (cl_int)depth};
    split(native, M, N, K, tile, panels_most, cost, &share);
    share.pack_bytes = depth * ((size_t)share.columns + left) * sizeof(float);
    return share;
}

static clm_status launch(const struct gemm_provider *gemm, enum native_kernel kernel,
                         struct kernel_variant variant, const struct share *share,
                         const struct kernel_argument *arguments, size_t count, struct clm_error *error)
{
    const size_t local[2] = {1, 1};
    cl_kernel handle;
    const clm_status status = native_get_kernel(gemm, kernel, variant, &handle, error);
    return status ? status
                  : opencl_launch(gemm->device, handle, kernel_names[kernel], 2, share->groups, local,
                                  arguments, count, error);
}

#define COUNT(arguments) (sizeof(arguments) / sizeof *(arguments))

static size_t native_panel(const struct gemm_provider *gemm, size_t B, size_t I, size_t O)
{
    (void)B, (void)I, (void)O;
    return panel_columns(native_of(gemm));
}

static clm_status native_workspace(struct gemm_provider *gemm, size_t B, size_t I, size_t O, size_t *bytes,
                                   struct clm_error *error)
{
    (void)gemm, (void)B, (void)I, (void)O, (void)error;
    *bytes = 0;
    return CLM_OK;
}

static clm_status expect_panels(const struct gemm_provider *gemm, const struct linear *layer,
                                struct clm_error *error)
{
    const size_t wanted = panel_columns(native_of(gemm));
    return layer->W.value.panel == wanted
               ? CLM_OK
               : clm_fail(
                     error, CLM_ERROR_SHAPE,
                     "the native products want weights in panels of %zu rows, not of %zu: create them by weights_create",
                     wanted, layer->W.value.panel);
}

/* ---- the products, their arguments in the .cl order ---- */

static clm_status native_forward(struct gemm_provider *gemm, const struct tensor *X,
                                 const struct linear *layer, const struct epilogue *epilogue,
                                 struct tensor *Y, struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int B = (cl_int)X->rows, I = (cl_int)X->columns, O = (cl_int)Y->columns;
    const cl_int saves_gate = epilogue->gate != NULL, high = native->shape.tile_rows;
    void *const gate = saves_gate ? epilogue->gate->memory : Y->memory; /* otherwise not looked at */
    const cl_int tall =
        B <= LOW_MOST && round_up(X->rows, LOW) < round_up(X->rows, (size_t)high) ? LOW : high;
    const size_t blocks = divide_up(X->columns, DEPTH_MOST);
    struct share share = {.depth = (cl_int)divide_up(X->columns, blocks)};
    clm_status status = expect_panels(gemm, layer, error);
    if (status != CLM_OK)
        return status;
    split(native, X->rows, Y->columns, X->columns, (size_t)tall, SIZE_MAX, lying, &share);
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(O),
        ARGUMENT(share.rows),
        ARGUMENT(share.columns),
        ARGUMENT(share.depth),
        ARGUMENT(tall),
        ARGUMENT(saves_gate),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.value.memory),
        ARGUMENT(layer->b.value.memory),
        ARGUMENT(Y->memory),
        ARGUMENT(gate),
    };
    return launch(gemm, FORWARD, (struct kernel_variant){epilogue->act, NO_RULE}, &share, arguments,
                  COUNT(arguments), error);
}

/* What the gate reads; if its activation has none, something that is not looked at. */
static void *gate_memory(const struct gate *gate, const struct tensor *otherwise)
{
    return activations[gate->act].gate == GATE_ONE ? otherwise->memory : gate->of->memory;
}

static clm_status native_backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                        const struct linear *layer, const struct gate *gate,
                                        struct tensor *dX, struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int B = (cl_int)dX->rows, O = (cl_int)dZ->columns, I = (cl_int)dX->columns;
    const struct share share =
        native_divide(native, dX->rows, dX->columns, dZ->columns, (size_t)native->shape.tile_rows, DEPTH_MOST,
                      panel_columns(native), turned);
    void *const of = gate_memory(gate, dZ);
    clm_status status = expect_panels(gemm, layer, error);
    if (status != CLM_OK)
        return status;
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(O),
        ARGUMENT(I),
        ARGUMENT(share.rows),
        ARGUMENT(share.columns),
        ARGUMENT(share.depth),
        ARGUMENT(dZ->memory),
        ARGUMENT(layer->W.value.memory),
        ARGUMENT(of),
        ARGUMENT(dX->memory),
        {share.pack_bytes, NULL},
    };
    return launch(gemm, BACKWARD, (struct kernel_variant){gate->act, NO_RULE}, &share, arguments,
                  COUNT(arguments), error);
}

/* Of dWᵀ (I,O), whose rows are packed a few whole cache lines at a time. */
static struct share divide_gradient(const struct native *native, size_t B, size_t I, size_t O)
{
    return native_divide(native, I, O, B, left_rows(native), GRADIENT_DEPTH_MOST, native->shape.width,
                         packed);
}

static clm_status native_gradient(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, double l2, struct clm_error *error)
{
    struct tensor *const dW = &layer->W.gradient, *const db = &layer->b.gradient;
    const cl_int O = (cl_int)dW->rows, B = (cl_int)dZ->rows, I = (cl_int)dW->columns;
    const struct share share = divide_gradient(native_of(gemm), dZ->rows, dW->columns, dW->rows);
    const cl_float penalty = (cl_float)(2 * l2);
    clm_status status = expect_panels(gemm, layer, error);
    if (status != CLM_OK)
        return status;
    const struct kernel_argument arguments[] = {
        ARGUMENT(I),
        ARGUMENT(B),
        ARGUMENT(O),
        ARGUMENT(share.rows),
        ARGUMENT(share.columns),
        ARGUMENT(share.depth),
        ARGUMENT(penalty),
        ARGUMENT(X->memory),
        ARGUMENT(dZ->memory),
        ARGUMENT(layer->W.value.memory),
        ARGUMENT(dW->memory),
        ARGUMENT(db->memory),
        {share.pack_bytes, NULL},
    };
    return launch(gemm, GRADIENT, (struct kernel_variant){NO_ACTIVATION, NO_RULE}, &share, arguments,
                  COUNT(arguments), error);
}

/* The state of a linear rule; of a rule without states the values, which are not looked at as a state. */
static void *state_memory(const struct parameter *parameter)
{
    return tensor_is_empty(&parameter->state[0]) ? parameter->value.memory : parameter->state[0].memory;
}

static clm_status native_descend(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                 struct linear *layer, const struct step *step, struct clm_error *error)
{
    const cl_int O = (cl_int)dZ->columns, B = (cl_int)dZ->rows, I = (cl_int)X->columns;
    const struct share share = divide_gradient(native_of(gemm), dZ->rows, X->columns, dZ->columns);
    const struct step_argument s = step_argument(step);
    void *const ms = state_memory(&layer->W), *const mb = state_memory(&layer->b);
    clm_status status = expect_panels(gemm, layer, error);
    if (status != CLM_OK)
        return status;
    const struct kernel_argument arguments[] = {
        ARGUMENT(s),
        ARGUMENT(I),
        ARGUMENT(B),
        ARGUMENT(O),
        ARGUMENT(share.rows),
        ARGUMENT(share.columns),
        ARGUMENT(share.depth),
        ARGUMENT(X->memory),
        ARGUMENT(dZ->memory),
        ARGUMENT(ms),
        ARGUMENT(layer->W.value.memory),
        ARGUMENT(mb),
        ARGUMENT(layer->b.value.memory),
        {share.pack_bytes, NULL},
    };
    return launch(gemm, UPDATE, (struct kernel_variant){NO_ACTIVATION, step->rule}, &share, arguments,
                  COUNT(arguments), error);
}

/* Local floats of update_forward. */
static size_t fused_room(const struct native *native, size_t B, size_t next_B)
{
    const size_t P = panel_columns(native), stretch = STRETCH_LEFTS * left_rows(native);
    return B * (P + stretch) + (next_B + LOW - 1) * P;
}

/* A group takes a panel at least, so that panels have to be as many as units. */
static bool native_fuses(struct gemm_provider *gemm, const struct linear *layer, size_t B, size_t next_B)
{
    const struct native *const native = native_of(gemm);
    const size_t rows = size_max(B, next_B);
    return (rows <= FUSED_ROWS || rows <= FUSED_PRODUCTS / layer->W.value.rows / layer->W.value.columns) &&
           divide_up(layer->W.value.rows, panel_columns(native)) >= native->units &&
           fused_room(native, B, next_B) <= native->local_memory / sizeof(float) * 7 / 8;
}

static clm_status native_descend_forward(struct gemm_provider *gemm, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer,
                                         const struct step *step, const struct tensor *next_X,
                                         const struct epilogue *epilogue, struct tensor *next_Y,
                                         struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int O = (cl_int)dZ->columns, B = (cl_int)dZ->rows, I = (cl_int)X->columns;
    const cl_int next_B = (cl_int)next_X->rows, saves_gate = epilogue->gate != NULL;
    void *const gate = saves_gate ? epilogue->gate->memory : next_Y->memory; /* otherwise not looked at */
    const struct step_argument s = step_argument(step);
    void *const ms = state_memory(&layer->W), *const mb = state_memory(&layer->b);
    const struct share share = {.columns = (cl_int)panel_columns(native),
                                .pack_bytes = fused_room(native, X->rows, next_X->rows) * sizeof(float),
                                .groups = {divide_up(dZ->columns, panel_columns(native)), 1}};
    clm_status status = expect_panels(gemm, layer, error);
    if (status != CLM_OK)
        return status;
    const struct kernel_argument arguments[] = {
        ARGUMENT(s),
        ARGUMENT(I),
        ARGUMENT(B),
        ARGUMENT(O),
        ARGUMENT(share.columns),
        ARGUMENT(next_B),
        ARGUMENT(saves_gate),
        ARGUMENT(X->memory),
        ARGUMENT(dZ->memory),
        ARGUMENT(ms),
        ARGUMENT(layer->W.value.memory),
        ARGUMENT(mb),
        ARGUMENT(layer->b.value.memory),
        ARGUMENT(next_X->memory),
        ARGUMENT(next_Y->memory),
        ARGUMENT(gate),
        {share.pack_bytes, NULL},
    };
    return launch(gemm, UPDATE_FORWARD, (struct kernel_variant){epilogue->act, step->rule}, &share, arguments,
                  COUNT(arguments), error);
}

/* Local floats of head. */
static size_t head_room(const struct native *native, size_t C)
{
    return C * (HEAD_ROWS + panel_columns(native));
}

/* W has to be a single panel. */
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
    const size_t products = X->rows * X->columns * round_up(dZ->columns, native->shape.width);
    const size_t groups = size_min(size_max(1, products / HEAD_PRODUCTS),
                                   size_min(size_min(X->rows, METRICS_SLOTS), native->units));
    const cl_int B = (cl_int)X->rows, I = (cl_int)X->columns, C = (cl_int)dZ->columns;
    const cl_int rows = (cl_int)divide_up(X->rows, groups), wants_input = dX != NULL;
    const struct share share = {.pack_bytes = head_room(native, dZ->columns) * sizeof(float),
                                .groups = {divide_up(X->rows, (size_t)rows), 1}};
    void *const input_gradient = dX ? dX->memory : dZ->memory; /* not looked at unless it is wanted */
    void *const of = gate_memory(gate, X);
    clm_status status = expect_panels(gemm, layer, error);
    if (status != CLM_OK)
        return status;
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(C),
        ARGUMENT(rows),
        ARGUMENT(wants_input),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.value.memory),
        ARGUMENT(layer->b.value.memory),
        ARGUMENT(labels->memory),
        ARGUMENT(of),
        ARGUMENT(dZ->memory),
        ARGUMENT(input_gradient),
        ARGUMENT(sums->state.memory),
        {share.pack_bytes, NULL},
    };
    return launch(gemm, HEAD, (struct kernel_variant){gate->act, NO_RULE}, &share, arguments,
                  COUNT(arguments), error);
}

const struct gemm_operations gemm_native = {
    .name = "native",
    .open = open_native,
    .close = close_native,
    .panel = native_panel,
    .workspace = native_workspace,
    .forward = native_forward,
    .backward_input = native_backward_input,
    .gradient = native_gradient,
    .descend = native_descend,
    .fuses = native_fuses,
    .descend_forward = native_descend_forward,
    .has_head = native_has_head,
    .head = native_head,
};
