/* Our own products for devices of type CPU (kernels/gemm_cpu.cl): bias, activation, mask and the optimiser's step
 * are part of the product, so that each result is written once, and a step keeps no gradient. */
#include "compute/opencl/gemm.h"

#include "base/size.h"
#include "compute/opencl/program.h"
#include "compute/opencl/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum native_kernel { FORWARD, DOT_FORWARD, BACKWARD, GRADIENT, UPDATE, NATIVE_KERNELS };

static const char *const kernel_names[NATIVE_KERNELS] = {
    [FORWARD] = "product_forward",   [DOT_FORWARD] = "dot_forward", [BACKWARD] = "product_backward",
    [GRADIENT] = "product_gradient", [UPDATE] = "product_update",
};

/* How the kernels are built for a vector of `width` floats: tiles that fill the registers and do not spill. */
struct shape {
    cl_uint width;
    int tile_rows, tile_vectors; /* MR, NV */
    int dot_rows, dot_columns;   /* DOT_MR, DOT_NV */
};

static const struct shape shapes[] = {
    {16, 6, 4, 5, 5}, /* AVX-512: 32 registers of 16 floats */
    {8, 6, 2, 5, 2},  /* AVX2: 16 registers of 8 */
#if defined(__aarch64__)
    {4, 6, 4, 5, 4}, /* NEON: 32 registers of 4; a CPU device has the host's processor */
#else
    {4, 6, 2, 5, 2}, /* SSE: 16 registers of 4 */
#endif
};

#define LEFT_TILES 8                /* packed at once: whole cache lines of dZ, whose columns lie far apart */
#define PACK_MOST  ((size_t)131072) /* floats of packed right-hand matrix: half of a common L2 cache */
#define DEPTH_MOST 512              /* of a block of the sum */
#define GRADIENT_DEPTH_MOST                                                                                  \
    1024                   /* its sum runs over the batch; each further block reads and writes W again */
#define DOT_ROWS_MOST   15 /* up to this batch a row of W is read once, and packing it would not pay */
#define GROUPS_PER_UNIT 8  /* so that no unit waits long for the last */

struct native {
    cl_kernel handles[NATIVE_KERNELS];
    struct shape shape;
    size_t units, local_memory;
};

static struct native *native_of(const struct gemm_provider *gemm)
{
    return gemm->state;
}

/* ---- opening ---- */

static const struct shape *choose_shape(cl_device_id id)
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
    struct native *const native = native_of(gemm);
    for (int p = 0; native && p < NATIVE_KERNELS; p++)
        if (native->handles[p])
            clReleaseKernel(native->handles[p]);
    free(native);
    gemm->state = NULL;
}

static clm_status open_native(struct gemm_provider *gemm, struct clm_error *error)
{
    const struct opencl_device *const device = gemm->device;
    struct native *const native = calloc(1, sizeof *native);
    char options[160];
    cl_program program = NULL;
    if (!native)
        return clm_fail_host_memory(error, "the native products", sizeof *native);
    gemm->state = native;
    native->shape = *choose_shape(device->id);
    native->units = size_max(1, device->about.compute_units);
    native->local_memory = (size_t)device->about.local_memory;
    const bool has_prefetch = strstr(device->about.platform_name, "Portable Computing Language") != NULL;
    snprintf(
        options, sizeof options, "-cl-std=CL1.2 -DVW=%u -DMR=%d -DNV=%d -DDOT_MR=%d -DDOT_NV=%d -DLEFT=%d%s",
        native->shape.width, native->shape.tile_rows, native->shape.tile_vectors, native->shape.dot_rows,
        native->shape.dot_columns, LEFT_TILES * native->shape.tile_rows, has_prefetch ? " -DPREFETCH" : "");
    clm_status status = opencl_program_build(device, "gemm_cpu.cl", options, &program, error);
    for (int p = 0; status == CLM_OK && p < NATIVE_KERNELS; p++)
        status = opencl_kernel_create(program, kernel_names[p], &native->handles[p], error);
    if (program)
        clReleaseProgram(program);
    if (status != CLM_OK)
        close_native(gemm);
    return status;
}

/* ---- launching ---- */

static size_t divide_up(size_t n, size_t by)
{
    return (n + by - 1) / by;
}

/* Columns of a panel of the packed right-hand matrix. */
static size_t panel_columns(const struct native *native)
{
    return (size_t)native->shape.tile_vectors * native->shape.width;
}

/* What each group does of a result (M,N) whose sums have K terms. */
struct share {
    cl_int rows, columns, depth;
    size_t pack_bytes, groups[2];
};

enum right { RIGHT_BY_ROWS, RIGHT_BY_COLUMNS }; /* how the right-hand matrix lies: (K,N) or (N,K) */

/* Cycles of a unit for a group with `rows` x `columns`, roughly: the products, and packing on both sides, which other
 * groups of the same columns or rows do again. */
static double group_cycles(const struct native *native, size_t rows, size_t columns, size_t K,
                           enum right right)
{
    const double vectors = (double)columns / native->shape.width;
    const double row_cycles = right == RIGHT_BY_ROWS ? 6 : 12; /* as many rows of products as packing takes */
    return (double)K * (vectors * ((double)rows + row_cycles) + 0.4 * (double)rows) + 3000;
}

/* The split into panels across and rows down that ends first, when units take one group after the other. A quarter of
 * a group's time counts as lost at the end, so that smaller groups win where little speaks against them. */
static void split(const struct native *native, size_t M, size_t N, size_t K, size_t panels_most,
                  enum right right, size_t *panels, size_t *rows)
{
    const size_t panel = panel_columns(native), panels_all = divide_up(N, panel);
    const size_t tile = (size_t)native->shape.tile_rows, tiles_all = divide_up(M, tile);
    double best = INFINITY;
    for (size_t across = divide_up(panels_all, panels_most); across <= panels_all; across += 1 + across / 2)
        for (size_t down = 1; down <= tiles_all; down += 1 + down / 2) {
            const size_t p = divide_up(panels_all, across), r = divide_up(tiles_all, down) * tile;
            const size_t groups = divide_up(panels_all, p) * divide_up(M, r);
            const double rounds = (double)divide_up(groups, native->units) + 0.25;
            const double cycles = rounds * group_cycles(native, r, p * panel, K, right);
            if (cycles < best) {
                best = cycles;
                *panels = p;
                *rows = r;
            }
        }
}

static struct share divide(const struct native *native, size_t M, size_t N, size_t K, enum right right,
                           size_t depth_most)
{
    const size_t panel = panel_columns(native), left = LEFT_TILES * (size_t)native->shape.tile_rows;
    const size_t room = native->local_memory / sizeof(float) * 7 / 8;
    const size_t deepest =
        size_max(1, size_min(depth_most, size_min(room / (panel + left), PACK_MOST / panel)));
    const size_t blocks = divide_up(K, deepest);
    const size_t depth = size_min(deepest, round_up(divide_up(K, blocks), native->shape.width));
    const size_t panels_most = size_max(1, size_min(PACK_MOST, room - left * depth) / (depth * panel));
    size_t panels = 1, rows = M;
    split(native, M, N, K, panels_most, right, &panels, &rows);
    const size_t columns = panels * panel;
    return (struct share){(cl_int)rows,
                          (cl_int)columns,
                          (cl_int)depth,
                          depth * (columns + left) * sizeof(float),
                          {divide_up(N, columns), divide_up(M, rows)}};
}

static clm_status launch(const struct gemm_provider *gemm, enum native_kernel kernel,
                         const struct share *share, const struct kernel_argument *arguments, size_t count,
                         struct clm_error *error)
{
    const size_t local[2] = {1, 1};
    return opencl_launch(gemm->device, native_of(gemm)->handles[kernel], kernel_names[kernel], 2,
                         share->groups, local, arguments, count, error);
}

#define COUNT(arguments) (sizeof(arguments) / sizeof *(arguments))

static clm_status workspace(struct gemm_provider *gemm, size_t B, size_t I, size_t O, size_t *bytes,
                            struct clm_error *error)
{
    (void)gemm, (void)B, (void)I, (void)O, (void)error;
    *bytes = 0;
    return CLM_OK;
}

/* ---- the products, their arguments in the .cl order ---- */

static clm_status dot_forward(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                              cl_int is_relu, struct tensor *Y, struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int B = (cl_int)X->rows, I = (cl_int)X->columns, O = (cl_int)Y->columns;
    const size_t groups = native->units * GROUPS_PER_UNIT, step = (size_t)native->shape.dot_columns;
    const cl_int columns = (cl_int)round_up(divide_up(Y->columns, groups), step);
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(O),
        ARGUMENT(columns),
        ARGUMENT(is_relu),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(layer->b.memory),
        ARGUMENT(Y->memory),
    };
    const size_t global = divide_up(Y->columns, (size_t)columns), local = 1;
    return opencl_launch(gemm->device, native->handles[DOT_FORWARD], kernel_names[DOT_FORWARD], 1, &global,
                         &local, arguments, COUNT(arguments), error);
}

static clm_status forward(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                          enum activation act, struct tensor *Y, struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int B = (cl_int)X->rows, I = (cl_int)X->columns, O = (cl_int)Y->columns;
    const cl_int is_relu = act == ACTIVATION_RELU;
    if (X->rows <= DOT_ROWS_MOST)
        return dot_forward(gemm, X, layer, is_relu, Y, error);
    const struct share share = divide(native, X->rows, Y->columns, X->columns, RIGHT_BY_COLUMNS, DEPTH_MOST);
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(O),
        ARGUMENT(share.rows),
        ARGUMENT(share.columns),
        ARGUMENT(share.depth),
        ARGUMENT(is_relu),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(layer->b.memory),
        ARGUMENT(Y->memory),
        {share.pack_bytes, NULL},
    };
    return launch(gemm, FORWARD, &share, arguments, COUNT(arguments), error);
}

static clm_status backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                 const struct linear *layer, const struct tensor *Y, struct tensor *dX,
                                 struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int B = (cl_int)dX->rows, O = (cl_int)dZ->columns, I = (cl_int)dX->columns,
                 is_masked = Y != NULL;
    const struct share share = divide(native, dX->rows, dX->columns, dZ->columns, RIGHT_BY_ROWS, DEPTH_MOST);
    void *const mask = Y ? Y->memory : dZ->memory; /* without a mask not looked at */
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(O),
        ARGUMENT(I),
        ARGUMENT(share.rows),
        ARGUMENT(share.columns),
        ARGUMENT(share.depth),
        ARGUMENT(is_masked),
        ARGUMENT(dZ->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(mask),
        ARGUMENT(dX->memory),
        {share.pack_bytes, NULL},
    };
    return launch(gemm, BACKWARD, &share, arguments, COUNT(arguments), error);
}

static clm_status gradient(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                           const struct linear *layer, double l2, struct tensor *dW, struct tensor *db,
                           struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int O = (cl_int)dW->rows, B = (cl_int)dZ->rows, I = (cl_int)dW->columns;
    const struct share share =
        divide(native, dW->rows, dW->columns, dZ->rows, RIGHT_BY_ROWS, GRADIENT_DEPTH_MOST);
    const cl_float penalty = (cl_float)(2 * l2);
    const struct kernel_argument arguments[] = {
        ARGUMENT(O),
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(share.rows),
        ARGUMENT(share.columns),
        ARGUMENT(share.depth),
        ARGUMENT(penalty),
        ARGUMENT(dZ->memory),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(dW->memory),
        ARGUMENT(db->memory),
        {share.pack_bytes, NULL},
    };
    return launch(gemm, GRADIENT, &share, arguments, COUNT(arguments), error);
}

static clm_status descend(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                          struct linear *layer, const struct step *step, struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int O = (cl_int)dZ->columns, B = (cl_int)dZ->rows, I = (cl_int)X->columns;
    const struct share share =
        divide(native, dZ->columns, X->columns, dZ->rows, RIGHT_BY_ROWS, GRADIENT_DEPTH_MOST);
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
        ARGUMENT(share.rows),
        ARGUMENT(share.columns),
        ARGUMENT(share.depth),
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
        {share.pack_bytes, NULL},
    };
    return launch(gemm, UPDATE, &share, arguments, COUNT(arguments), error);
}

const struct gemm_operations gemm_native = {
    .name = "native",
    .open = open_native,
    .close = close_native,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .gradient = gradient,
    .descend = descend,
};
