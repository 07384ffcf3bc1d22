/* Our own products for devices of type CPU (kernels/gemm_cpu.cl): bias, activation, mask and the optimiser's step
 * are part of the product, so that each result is written once, and a step keeps no gradient. */
#include "compute/opencl/gemm.h"

#include "base/size.h"
#include "compute/opencl/program.h"
#include "compute/opencl/status.h"

#include <stdio.h>
#include <stdlib.h>

enum product { FORWARD, DOT_FORWARD, BACKWARD, GRADIENT, UPDATE, PRODUCT_COUNT };

static const char *const kernel_names[PRODUCT_COUNT] = {
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
    {16, 8, 3, 5, 4}, /* AVX-512: 32 registers of 16 floats */
    {8, 4, 3, 5, 2},  /* AVX2: 16 registers of 8 */
    {4, 4, 3, 5, 2},  /* SSE, NEON */
};

#define DEPTH_MOST 256 /* of a block of the sum: a panel stays in the L1 or L2 cache */
#define GRADIENT_DEPTH_MOST                                                                                  \
    1024                   /* its sum runs over the batch; each further block reads and writes W again */
#define DOT_ROWS_MOST   15 /* up to this batch a row of W is read once, and packing it would not pay */
#define GROUPS_PER_UNIT 4  /* so that no unit waits long for the last */

struct native {
    cl_kernel handles[PRODUCT_COUNT];
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
    for (int p = 0; native && p < PRODUCT_COUNT; p++)
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
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DVW=%u -DMR=%d -DNV=%d -DDOT_MR=%d -DDOT_NV=%d",
             native->shape.width, native->shape.tile_rows, native->shape.tile_vectors, native->shape.dot_rows,
             native->shape.dot_columns);
    clm_status status = opencl_program_build(device, "gemm_cpu.cl", options, &program, error);
    for (int p = 0; status == CLM_OK && p < PRODUCT_COUNT; p++)
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

/* Columns of the result that a group owns. */
static size_t panel_columns(const struct native *native)
{
    return (size_t)native->shape.tile_vectors * native->shape.width;
}

/* How much of the sum a group packs at once, so that its panel fits into local memory. */
static cl_int choose_depth(const struct native *native, size_t K, size_t most)
{
    const size_t fits = native->local_memory / 2 / sizeof(float) / panel_columns(native);
    return (cl_int)size_max(1, size_min(K, size_min(most, fits)));
}

/* How many rows of the result (M,N) a group takes: all, where the columns alone give every unit enough to do. */
static cl_int choose_rows(const struct native *native, size_t M, size_t N)
{
    const size_t across = divide_up(N, panel_columns(native));
    const size_t down = divide_up(native->units * GROUPS_PER_UNIT, across);
    return (cl_int)round_up(divide_up(M, down), (size_t)native->shape.tile_rows);
}

/* One group for each range of rows and panel of columns of the result (M,N). */
static clm_status launch(const struct gemm_provider *gemm, enum product product, size_t M, size_t N,
                         cl_int rows, const struct kernel_argument *arguments, size_t count,
                         struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const size_t global[2] = {divide_up(N, panel_columns(native)), divide_up(M, (size_t)rows)},
                 local[2] = {1, 1};
    return opencl_launch(gemm->device, native->handles[product], kernel_names[product], 2, global, local,
                         arguments, count, error);
}

#define COUNT(arguments) (sizeof(arguments) / sizeof *(arguments))

/* Local memory for a panel of `depth` rows. */
static struct kernel_argument panel_argument(const struct native *native, cl_int depth)
{
    return (struct kernel_argument){(size_t)depth * panel_columns(native) * sizeof(float), NULL};
}

static clm_status workspace(size_t B, size_t I, size_t O, size_t *bytes, const struct opencl_device *device,
                            struct clm_error *error)
{
    (void)B, (void)I, (void)O, (void)device, (void)error;
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
    const cl_int rows = choose_rows(native, X->rows, Y->columns),
                 depth = choose_depth(native, X->columns, DEPTH_MOST);
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(O),
        ARGUMENT(rows),
        ARGUMENT(depth),
        ARGUMENT(is_relu),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(layer->b.memory),
        ARGUMENT(Y->memory),
        panel_argument(native, depth),
    };
    return launch(gemm, FORWARD, X->rows, Y->columns, rows, arguments, COUNT(arguments), error);
}

static clm_status backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                 const struct linear *layer, const struct tensor *Y, struct tensor *dX,
                                 struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int B = (cl_int)dX->rows, O = (cl_int)dZ->columns, I = (cl_int)dX->columns,
                 is_masked = Y != NULL;
    const cl_int rows = choose_rows(native, dX->rows, dX->columns),
                 depth = choose_depth(native, dZ->columns, DEPTH_MOST);
    void *const mask = Y ? Y->memory : dZ->memory; /* without a mask not looked at */
    const struct kernel_argument arguments[] = {
        ARGUMENT(B),
        ARGUMENT(O),
        ARGUMENT(I),
        ARGUMENT(rows),
        ARGUMENT(depth),
        ARGUMENT(is_masked),
        ARGUMENT(dZ->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(mask),
        ARGUMENT(dX->memory),
        panel_argument(native, depth),
    };
    return launch(gemm, BACKWARD, dX->rows, dX->columns, rows, arguments, COUNT(arguments), error);
}

static clm_status weight_gradient(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                  const struct linear *layer, double l2, struct tensor *dW,
                                  struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int O = (cl_int)dW->rows, B = (cl_int)dZ->rows, I = (cl_int)dW->columns;
    const cl_int rows = choose_rows(native, dW->rows, dW->columns);
    const cl_int depth = choose_depth(native, dZ->rows, GRADIENT_DEPTH_MOST);
    const cl_float penalty = (cl_float)(2 * l2);
    const struct kernel_argument arguments[] = {
        ARGUMENT(O),
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(rows),
        ARGUMENT(depth),
        ARGUMENT(penalty),
        ARGUMENT(dZ->memory),
        ARGUMENT(X->memory),
        ARGUMENT(layer->W.memory),
        ARGUMENT(dW->memory),
        panel_argument(native, depth),
    };
    return launch(gemm, GRADIENT, dW->rows, dW->columns, rows, arguments, COUNT(arguments), error);
}

static clm_status weight_update(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                struct linear *layer, const struct step *step, struct clm_error *error)
{
    const struct native *const native = native_of(gemm);
    const cl_int O = (cl_int)dZ->columns, B = (cl_int)dZ->rows, I = (cl_int)X->columns;
    const cl_int rows = choose_rows(native, dZ->columns, X->columns);
    const cl_int depth = choose_depth(native, dZ->rows, GRADIENT_DEPTH_MOST),
                 has_velocity = step->momentum != 0;
    const cl_float rate = (cl_float)step->learning_rate, momentum = (cl_float)step->momentum;
    const cl_float penalty = (cl_float)(2 * step->l2),
                   decay = (cl_float)(1 - 2 * step->learning_rate * step->l2);
    void *const velocity =
        has_velocity ? layer->W_velocity.memory : dZ->memory; /* without momentum not looked at */
    const struct kernel_argument arguments[] = {
        ARGUMENT(O),
        ARGUMENT(B),
        ARGUMENT(I),
        ARGUMENT(rows),
        ARGUMENT(depth),
        ARGUMENT(has_velocity),
        ARGUMENT(rate),
        ARGUMENT(momentum),
        ARGUMENT(penalty),
        ARGUMENT(decay),
        ARGUMENT(dZ->memory),
        ARGUMENT(X->memory),
        ARGUMENT(velocity),
        ARGUMENT(layer->W.memory),
        panel_argument(native, depth),
    };
    return launch(gemm, UPDATE, dZ->columns, X->columns, rows, arguments, COUNT(arguments), error);
}

const struct gemm_operations gemm_native = {
    .name = "native",
    .open = open_native,
    .close = close_native,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .weight_gradient = weight_gradient,
    .weight_update = weight_update,
};
