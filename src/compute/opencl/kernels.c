#include "compute/opencl/kernels.h"

#include "base/size.h"
#include "compute/opencl/program.h"
#include "compute/opencl/status.h"

#include <stdio.h>
#include <string.h>

/* Items a group of the elementwise kernels; enough for a GPU's width and for a CPU's loop over items. */
#define GROUP     64
#define LANES_MAX 64
/* Elements of a row that an item of gather takes on a CPU, which follows memory by itself, and items of a group. */
#define CPU_SPAN 1024
#define CPU_ROWS 8

static const struct {
    const char *files, *name;
} sources[KERNEL_COUNT] = {
    [KERNEL_GATHER_BYTES] = {"vector.cl gather.cl", "gather_bytes"},
    [KERNEL_GATHER_FLOATS] = {"vector.cl gather.cl", "gather_floats"},
    [KERNEL_GATHER_AUGMENTED] = {"vector.cl philox.cl augment.cl", "gather_augmented"},
    [KERNEL_BIAS_ACTIVATION] = {"epilogue.cl", "bias_activation"},
    [KERNEL_RELU_MASK] = {"epilogue.cl", "relu_mask"},
    [KERNEL_MOMENTUM_STEP] = {"epilogue.cl", "momentum_step"},
    [KERNEL_ADD_PENALTY] = {"epilogue.cl", "add_penalty"},
    [KERNEL_SOFTMAX_XENT] = {"sums.cl softmax.cl", "softmax_xent"},
    [KERNEL_SOFTMAX_ROWS] = {"sums.cl softmax.cl", "softmax_rows"},
    [KERNEL_BIAS_GRADIENT] = {"bias_gradient.cl", "bias_gradient"},
    [KERNEL_BIAS_UPDATE_SGD] = {"bias_gradient.cl", "bias_update_sgd"},
    [KERNEL_BIAS_UPDATE_MOMENTUM] = {"bias_gradient.cl", "bias_update_momentum"},
    [KERNEL_UPDATE_SGD] = {"update.cl", "update_sgd"},
    [KERNEL_UPDATE_MOMENTUM] = {"update.cl", "update_momentum"},
};

/* Floats that an item of a streaming kernel takes: a whole vector of a CPU; elsewhere 4, so that neighbouring items
 * still read one line. */
static size_t vector_width(const struct opencl_device *device)
{
    cl_uint width = 0;
    if (device->about.type != CLM_DEVICE_CPU ||
        clGetDeviceInfo(device->id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width, NULL) !=
            CL_SUCCESS)
        return 4;
    return width >= 16 ? 16 : width >= 8 ? 8 : 4;
}

clm_status kernels_build(const struct opencl_device *device, struct kernels *out, struct clm_error *error)
{
    clm_status status = CLM_OK;
    cl_program program = NULL;
    char options[80];
    *out = (struct kernels){.device = device, .lanes = LANES_MAX};
    while (out->lanes > device->about.max_work_group && out->lanes > 1)
        out->lanes /= 2;
    out->chunk = vector_width(device);
    out->span = device->about.type == CLM_DEVICE_CPU ? CPU_SPAN : out->chunk;
    out->runs = device->about.type == CLM_DEVICE_CPU ? 4 : 1;
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DLANES=%zu -DVW=%zu -DRUNS=%zu%s", out->lanes,
             out->chunk, out->runs, opencl_is_pocl(device) ? " -DPOCL" : "");
    for (int k = 0; k < KERNEL_COUNT && status == CLM_OK; k++) {
        /* The table is grouped by files, so that each is built once. */
        if (!k || strcmp(sources[k].files, sources[k - 1].files)) {
            if (program)
                clReleaseProgram(program);
            status = opencl_program_build(device, sources[k].files, options, &program, error);
        }
        if (status == CLM_OK)
            status = opencl_kernel_create(program, sources[k].name, &out->handles[k], error);
    }
    if (program)
        clReleaseProgram(program);
    if (status != CLM_OK)
        kernels_free(out);
    return status;
}

void kernels_free(struct kernels *kernels)
{
    for (int k = 0; k < KERNEL_COUNT; k++)
        if (kernels->handles[k])
            clReleaseKernel(kernels->handles[k]);
    memset(kernels, 0, sizeof *kernels);
}

/* The group of the elementwise kernels on this device. */
static size_t group_size(const struct kernels *k)
{
    return size_max(1, size_min(GROUP, k->device->about.max_work_group));
}

/* One item an element of a list of `count`. */
static clm_status launch_list(struct kernels *k, enum kernel_name name, size_t count,
                              const struct kernel_argument *arguments, size_t argument_count,
                              struct clm_error *error)
{
    const size_t local = group_size(k), global = round_up(count, local);
    return opencl_launch(k->device, k->handles[name], sources[name].name, 1, &global, &local, arguments,
                         argument_count, error);
}

/* As gather_augmented takes a matrix: an item's runs, and of each run `chunk` elements of every line of 16. Short rows have few
 * items, so that a group takes several of them. */
static clm_status launch_runs(struct kernels *k, const struct tensor *matrix,
                              const struct kernel_argument *arguments, size_t argument_count,
                              struct clm_error *error)
{
    const size_t taken = k->runs * NOISE_RUN, group = group_size(k);
    const size_t items = (matrix->columns + taken - 1) / taken * (16 / k->chunk);
    size_t wide = 1;
    while (wide < items && wide < 16 && wide * 2 <= group)
        wide *= 2;
    const size_t local[2] = {wide, group / wide};
    const size_t global[2] = {round_up(items, local[0]), round_up(matrix->rows, local[1])};
    return opencl_launch(k->device, k->handles[KERNEL_GATHER_AUGMENTED], "gather_augmented", 2, global, local,
                         arguments, argument_count, error);
}

/* One item an element of a matrix. */
static clm_status launch_matrix(struct kernels *k, enum kernel_name name, const struct tensor *matrix,
                                const struct kernel_argument *arguments, size_t argument_count,
                                struct clm_error *error)
{
    const size_t local[2] = {group_size(k), 1};
    const size_t global[2] = {round_up(matrix->columns, local[0]), matrix->rows};
    return opencl_launch(k->device, k->handles[name], sources[name].name, 2, global, local, arguments,
                         argument_count, error);
}

/* One item a span of a row of X: on a CPU a group takes some rows, elsewhere neighbouring spans. */
static clm_status launch_gather(struct kernels *k, enum kernel_name name, const struct tensor *X,
                                const struct kernel_argument *arguments, size_t argument_count,
                                struct clm_error *error)
{
    const bool is_cpu = k->span > k->chunk;
    const size_t items = (X->columns + k->span - 1) / k->span, group = group_size(k);
    const size_t local[2] = {is_cpu ? 1 : group, is_cpu ? size_min(CPU_ROWS, group) : 1};
    const size_t global[2] = {round_up(items, local[0]), round_up(X->rows, local[1])};
    return opencl_launch(k->device, k->handles[name], sources[name].name, 2, global, local, arguments,
                         argument_count, error);
}

static cl_mem memory_of(const struct tensor *tensor)
{
    return tensor ? tensor->memory : NULL;
}

#define COUNT_OF(arguments) (sizeof(arguments) / sizeof *(arguments))

clm_status kernel_gather(struct kernels *k, const struct resident *data, const struct tensor *order,
                         size_t first, struct tensor *X, struct tensor *labels, struct clm_error *error)
{
    const enum kernel_name name =
        data->values.type == TENSOR_BYTE ? KERNEL_GATHER_BYTES : KERNEL_GATHER_FLOATS;
    const cl_int rows = (cl_int)X->rows, I = (cl_int)X->columns, span = (cl_int)k->span;
    const cl_int is_ordered = order != NULL;
    const cl_uint start = (cl_uint)first;
    const cl_mem values = memory_of(&data->values), all_labels = memory_of(&data->labels);
    const cl_mem indices = order ? memory_of(order) : all_labels; /* never read without an order */
    const cl_mem mean = memory_of(&data->mean), scale = memory_of(&data->scale);
    const cl_mem x = memory_of(X), out = memory_of(labels);
    const struct kernel_argument arguments[] = {
        ARGUMENT(rows),       ARGUMENT(I),       ARGUMENT(span),       ARGUMENT(values),
        ARGUMENT(all_labels), ARGUMENT(indices), ARGUMENT(is_ordered), ARGUMENT(start),
        ARGUMENT(mean),       ARGUMENT(scale),   ARGUMENT(x),          ARGUMENT(out),
    };
    return launch_gather(k, name, X, arguments, COUNT_OF(arguments), error);
}

/* As augment.cl's struct augmentation: numbers of four bytes alone, so that both lay it out alike. */
struct augmentation_argument {
    cl_uint seed_low, seed_high, epoch, position;
    cl_int width, height;
    cl_int flip, shift, cutout, is_mixed, distance;
    cl_float noise, share;
};

static struct augmentation_argument augmentation_argument(const struct augmentation *a, size_t rows)
{
    const bool is_mixed = a->changes.mixup > 0;
    return (struct augmentation_argument){.seed_low = (cl_uint)a->seed,
                                          .seed_high = (cl_uint)(a->seed >> 32),
                                          .epoch = a->epoch,
                                          .position = (cl_uint)a->position,
                                          .width = (cl_int)a->width,
                                          .height = (cl_int)a->height,
                                          .flip = a->changes.flip,
                                          .shift = (cl_int)a->changes.shift,
                                          .cutout = (cl_int)a->changes.cutout,
                                          .is_mixed = is_mixed,
                                          .distance = is_mixed ? (cl_int)augmentation_distance(a, rows) : 0,
                                          .noise = (cl_float)a->changes.noise,
                                          .share = (cl_float)augmentation_share(a)};
}

clm_status kernel_gather_augmented(struct kernels *k, const struct augmentation *a,
                                   const struct resident *data, const struct tensor *order, size_t first,
                                   struct tensor *X, struct tensor *labels, struct clm_error *error)
{
    const struct augmentation_argument augmentation = augmentation_argument(a, X->rows);
    const cl_int rows = (cl_int)X->rows, I = (cl_int)X->columns, is_ordered = order != NULL;
    const cl_int is_bytes = data->values.type == TENSOR_BYTE;
    const cl_uint start = (cl_uint)first;
    const cl_mem values = memory_of(&data->values), all_labels = memory_of(&data->labels);
    const cl_mem indices = order ? memory_of(order) : all_labels; /* never read without an order */
    const cl_mem mean = memory_of(&data->mean), scale = memory_of(&data->scale);
    const cl_mem x = memory_of(X), out = memory_of(labels);
    const cl_mem partners = augmentation.is_mixed ? memory_of(a->partners) : out; /* else never written */
    const struct kernel_argument arguments[] = {
        ARGUMENT(augmentation), ARGUMENT(rows),       ARGUMENT(I),       ARGUMENT(values),
        ARGUMENT(is_bytes),     ARGUMENT(all_labels), ARGUMENT(indices), ARGUMENT(is_ordered),
        ARGUMENT(start),        ARGUMENT(mean),       ARGUMENT(scale),   ARGUMENT(x),
        ARGUMENT(out),          ARGUMENT(partners),
    };
    return launch_runs(k, X, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_bias_activation(struct kernels *k, enum activation act, const struct tensor *b,
                                  struct tensor *Y, struct clm_error *error)
{
    const cl_int B = (cl_int)Y->rows, O = (cl_int)Y->columns, is_relu = act == ACTIVATION_RELU;
    const cl_mem bias = memory_of(b), y = memory_of(Y);
    const struct kernel_argument arguments[] = {ARGUMENT(B), ARGUMENT(O), ARGUMENT(is_relu), ARGUMENT(bias),
                                                ARGUMENT(y)};
    return launch_matrix(k, KERNEL_BIAS_ACTIVATION, Y, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_relu_mask(struct kernels *k, const struct tensor *Y, struct tensor *dX,
                            struct clm_error *error)
{
    const cl_ulong count = dX->rows * dX->columns;
    const cl_mem y = memory_of(Y), dx = memory_of(dX);
    const struct kernel_argument arguments[] = {ARGUMENT(count), ARGUMENT(y), ARGUMENT(dx)};
    return launch_list(k, KERNEL_RELU_MASK, count, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_momentum_step(struct kernels *k, float rate, float penalty, struct parameter *parameter,
                                struct clm_error *error)
{
    const cl_ulong count = parameter->value.rows * parameter->value.columns;
    const cl_mem velocity = memory_of(&parameter->state[0]), weight = memory_of(&parameter->value);
    const struct kernel_argument arguments[] = {ARGUMENT(count), ARGUMENT(rate), ARGUMENT(penalty),
                                                ARGUMENT(velocity), ARGUMENT(weight)};
    return launch_list(k, KERNEL_MOMENTUM_STEP, count, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_add_penalty(struct kernels *k, float penalty, const struct tensor *W, struct tensor *dW,
                              struct clm_error *error)
{
    const cl_ulong count = W->rows * W->columns;
    const cl_mem w = memory_of(W), dw = memory_of(dW);
    const struct kernel_argument arguments[] = {ARGUMENT(count), ARGUMENT(penalty), ARGUMENT(w),
                                                ARGUMENT(dw)};
    return launch_list(k, KERNEL_ADD_PENALTY, count, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_softmax_xent(struct kernels *k, const struct tensor *Z, const struct tensor *labels,
                               const struct mixture *mixture, struct tensor *dZ, struct tensor *sums,
                               struct clm_error *error)
{
    const cl_int B = (cl_int)Z->rows, C = (cl_int)Z->columns, wants_gradient = dZ != NULL;
    const cl_mem z = memory_of(Z), y = memory_of(labels), dz = dZ ? memory_of(dZ) : z, s = memory_of(sums);
    const cl_mem partners = mixture ? memory_of(&mixture->partners) : y;
    const cl_float share = mixture ? (cl_float)mixture->share : 1;
    const struct kernel_argument arguments[] = {ARGUMENT(B),     ARGUMENT(C),  ARGUMENT(wants_gradient),
                                                ARGUMENT(z),     ARGUMENT(y),  ARGUMENT(partners),
                                                ARGUMENT(share), ARGUMENT(dz), ARGUMENT(s)};
    const size_t groups = size_min((Z->rows + k->lanes - 1) / k->lanes, METRICS_SLOTS);
    const size_t global = groups * k->lanes;
    return opencl_launch(k->device, k->handles[KERNEL_SOFTMAX_XENT], "softmax_xent", 1, &global, &k->lanes,
                         arguments, COUNT_OF(arguments), error);
}

clm_status kernel_softmax_rows(struct kernels *k, const struct tensor *Z, struct tensor *P,
                               struct clm_error *error)
{
    const cl_int B = (cl_int)Z->rows, C = (cl_int)Z->columns;
    const cl_mem z = memory_of(Z), p = memory_of(P);
    const struct kernel_argument arguments[] = {ARGUMENT(B), ARGUMENT(C), ARGUMENT(z), ARGUMENT(p)};
    return launch_list(k, KERNEL_SOFTMAX_ROWS, Z->rows, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_bias_gradient(struct kernels *k, const struct tensor *dZ, struct tensor *db,
                                struct clm_error *error)
{
    const cl_int B = (cl_int)dZ->rows, O = (cl_int)dZ->columns;
    const cl_mem dz = memory_of(dZ), out = memory_of(db);
    const struct kernel_argument arguments[] = {ARGUMENT(B), ARGUMENT(O), ARGUMENT(dz), ARGUMENT(out)};
    return launch_list(k, KERNEL_BIAS_GRADIENT, dZ->columns, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_bias_update(struct kernels *k, const struct step *step, const struct tensor *dZ,
                              struct parameter *b, struct clm_error *error)
{
    const cl_int B = (cl_int)dZ->rows, O = (cl_int)dZ->columns;
    const cl_float rate = (float)step->learning_rate, momentum = (float)step->momentum;
    const cl_mem dz = memory_of(dZ), velocity = memory_of(&b->state[0]), bias = memory_of(&b->value);
    const struct kernel_argument plain[] = {ARGUMENT(B), ARGUMENT(O), ARGUMENT(rate), ARGUMENT(dz),
                                            ARGUMENT(bias)};
    const struct kernel_argument heavy[] = {ARGUMENT(B),        ARGUMENT(O),  ARGUMENT(rate),
                                            ARGUMENT(momentum), ARGUMENT(dz), ARGUMENT(velocity),
                                            ARGUMENT(bias)};
    return step->rule == RULE_SGD
               ? launch_list(k, KERNEL_BIAS_UPDATE_SGD, dZ->columns, plain, COUNT_OF(plain), error)
               : launch_list(k, KERNEL_BIAS_UPDATE_MOMENTUM, dZ->columns, heavy, COUNT_OF(heavy), error);
}

clm_status kernel_update(struct kernels *k, const struct step *step, struct parameter *parameter,
                         struct clm_error *error)
{
    const cl_ulong count = tensor_room(&parameter->value);
    const cl_float rate = (float)step->learning_rate, momentum = (float)step->momentum;
    const cl_mem gradient = memory_of(&parameter->gradient), weight = memory_of(&parameter->value);
    const cl_mem velocity = memory_of(&parameter->state[0]);
    const struct kernel_argument plain[] = {ARGUMENT(count), ARGUMENT(rate), ARGUMENT(gradient),
                                            ARGUMENT(weight)};
    const struct kernel_argument heavy[] = {ARGUMENT(count),    ARGUMENT(rate),     ARGUMENT(momentum),
                                            ARGUMENT(gradient), ARGUMENT(velocity), ARGUMENT(weight)};
    return step->rule == RULE_SGD
               ? launch_list(k, KERNEL_UPDATE_SGD, count, plain, COUNT_OF(plain), error)
               : launch_list(k, KERNEL_UPDATE_MOMENTUM, count, heavy, COUNT_OF(heavy), error);
}
