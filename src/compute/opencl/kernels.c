#include "compute/opencl/kernels.h"

#include "base/size.h"
#include "compute/opencl/program.h"
#include "compute/opencl/status.h"

#include <stdio.h>
#include <stdlib.h>
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
    [KERNEL_ADD_PENALTY] = {"epilogue.cl", "add_penalty"},
    [KERNEL_SOFTMAX_XENT] = {"sums.cl softmax.cl", "softmax_xent"},
    [KERNEL_SOFTMAX_ROWS] = {"sums.cl softmax.cl", "softmax_rows"},
    [KERNEL_BIAS_GRADIENT] = {"bias_gradient.cl", "bias_gradient"},
    [KERNEL_BIAS_ACTIVATION] = {"activation.cl epilogue.cl", "bias_activation"},
    [KERNEL_THROUGH_GATE] = {"activation.cl epilogue.cl", "through_gate"},
    [KERNEL_WEIGHTS_END] = {"optimiser.cl epilogue.cl", "weights_end"},
    [KERNEL_BIAS_UPDATE] = {"optimiser.cl bias_gradient.cl", "bias_update"},
    [KERNEL_PARAMETER_STEP] = {"optimiser.cl update.cl", "parameter_step"},
};

/* ---- building ---- */

struct built_kernel {
    struct built_kernel *next;
    cl_program program; /* shared by all kernels of one source; */
    bool owns_program;  /* the first of them frees it */
    cl_kernel kernel;
    const char *name; /* lives as long as the program does: a literal */
    char source[];    /* options, variant and files */
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

/* "-DACTIVATION=… -DRULE=…" behind `options`, then the files; in memory that the caller frees, or NULL. */
static char *describe_source(const char *files, const char *options, struct kernel_variant variant)
{
    const bool has_act = variant.act != NO_ACTIVATION, has_rule = variant.rule != NO_RULE;
    char *text = NULL;
    const int length = asprintf(&text, "%s%s%s%s%s\n%s", options, has_act ? " -DACTIVATION=" : "",
                                has_act ? activations[variant.act].symbol : "", has_rule ? " -DRULE=" : "",
                                has_rule ? rules[variant.rule].symbol : "", files);
    return length < 0 ? NULL : text;
}

/* Takes the program that was built from the same source for another kernel, or builds it. */
static clm_status take_program(struct kernels *k, struct built_kernel *made, struct clm_error *error)
{
    for (const struct built_kernel *built = k->built; built; built = built->next)
        if (!strcmp(built->source, made->source)) {
            made->program = built->program;
            return CLM_OK;
        }
    char *const files = strchr(made->source, '\n');
    *files = '\0';
    const clm_status status = opencl_program_build(k->device, files + 1, made->source, &made->program, error);
    *files = '\n';
    made->owns_program = status == CLM_OK;
    return status;
}

clm_status kernels_get(struct kernels *k, const char *files, const char *options,
                       struct kernel_variant variant, const char *name, cl_kernel *out,
                       struct clm_error *error)
{
    struct built_kernel *made = NULL;
    clm_status status = CLM_OK;
    char *const source = describe_source(files, options, variant);
    *out = NULL;
    if (!source)
        return clm_fail_host_memory(error, name, strlen(files) + strlen(options));
    for (const struct built_kernel *built = k->built; built && !*out; built = built->next)
        if (!strcmp(built->name, name) && !strcmp(built->source, source))
            *out = built->kernel;
    if (*out)
        goto cleanup;
    made = calloc(1, sizeof *made + strlen(source) + 1);
    if (!made) {
        status = clm_fail_host_memory(error, name, sizeof *made + strlen(source) + 1);
        goto cleanup;
    }
    made->name = name;
    strcpy(made->source, source);
    if ((status = take_program(k, made, error)) ||
        (status = opencl_kernel_create(made->program, name, &made->kernel, error)))
        goto cleanup;
    *out = made->kernel;
    made->next = k->built;
    k->built = made;
    made = NULL;
cleanup:
    if (made && made->owns_program)
        clReleaseProgram(made->program);
    free(made);
    free(source);
    return status;
}

/* The kernel of the table's row, for an activation or a rule if it has one. */
static clm_status kernels_handle_of(struct kernels *k, enum kernel_name name, int variant, cl_kernel *out,
                                    struct clm_error *error)
{
    const bool by_rule = name >= KERNEL_WEIGHTS_END, by_act = !by_rule && name >= KERNEL_BIAS_ACTIVATION;
    const struct kernel_variant which = {by_act ? (enum activation)variant : NO_ACTIVATION,
                                         by_rule ? (enum rule)variant : NO_RULE};
    cl_kernel *const handle = &k->handles[name][by_act || by_rule ? variant : 0];
    const clm_status status =
        *handle ? CLM_OK
                : kernels_get(k, sources[name].files, k->options, which, sources[name].name, handle, error);
    *out = *handle;
    return status;
}

clm_status kernels_build(const struct opencl_device *device, struct kernels *out, struct clm_error *error)
{
    clm_status status = CLM_OK;
    *out = (struct kernels){.device = device, .lanes = LANES_MAX};
    while (out->lanes > device->about.max_work_group && out->lanes > 1)
        out->lanes /= 2;
    out->chunk = vector_width(device);
    out->span = device->about.type == CLM_DEVICE_CPU ? CPU_SPAN : out->chunk;
    out->runs = device->about.type == CLM_DEVICE_CPU ? 4 : 1;
    snprintf(out->options, sizeof out->options, "-cl-std=CL1.2 -DLANES=%zu -DVW=%zu -DRUNS=%zu%s", out->lanes,
             out->chunk, out->runs, opencl_is_pocl(device) ? " -DPOCL" : "");
    for (int name = 0; name < KERNEL_BIAS_ACTIVATION && status == CLM_OK; name++) {
        cl_kernel kernel;
        status = kernels_handle_of(out, (enum kernel_name)name, 0, &kernel, error);
    }
    if (status != CLM_OK)
        kernels_free(out);
    return status;
}

void kernels_free(struct kernels *kernels)
{
    for (struct built_kernel *built = kernels->built, *next; built; built = next) {
        next = built->next;
        clReleaseKernel(built->kernel);
        if (built->owns_program)
            clReleaseProgram(built->program);
        free(built);
    }
    memset(kernels, 0, sizeof *kernels);
}

/* ---- launching ---- */

/* The group of the elementwise kernels on this device. */
static size_t group_size(const struct kernels *k)
{
    return size_max(1, size_min(GROUP, k->device->about.max_work_group));
}

/* One item an element of a list of `count`. */
static clm_status launch_list(struct kernels *k, enum kernel_name name, int variant, size_t count,
                              const struct kernel_argument *arguments, size_t argument_count,
                              struct clm_error *error)
{
    const size_t local = group_size(k), global = round_up(count, local);
    cl_kernel kernel;
    const clm_status status = kernels_handle_of(k, name, variant, &kernel, error);
    if (status != CLM_OK)
        return status;
    return opencl_launch(k->device, kernel, sources[name].name, 1, &global, &local, arguments, argument_count,
                         error);
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
    return opencl_launch(k->device, k->handles[KERNEL_GATHER_AUGMENTED][0], "gather_augmented", 2, global,
                         local, arguments, argument_count, error);
}

/* One item an element of a matrix. */
static clm_status launch_matrix(struct kernels *k, enum kernel_name name, int variant,
                                const struct tensor *matrix, const struct kernel_argument *arguments,
                                size_t argument_count, struct clm_error *error)
{
    const size_t local[2] = {group_size(k), 1};
    const size_t global[2] = {round_up(matrix->columns, local[0]), matrix->rows};
    cl_kernel kernel;
    const clm_status status = kernels_handle_of(k, name, variant, &kernel, error);
    if (status != CLM_OK)
        return status;
    return opencl_launch(k->device, kernel, sources[name].name, 2, global, local, arguments, argument_count,
                         error);
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
    return opencl_launch(k->device, k->handles[name][0], sources[name].name, 2, global, local, arguments,
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

clm_status kernel_bias_activation(struct kernels *k, const struct epilogue *epilogue, const struct tensor *b,
                                  struct tensor *Y, struct clm_error *error)
{
    const cl_int B = (cl_int)Y->rows, O = (cl_int)Y->columns, saves_gate = epilogue->gate != NULL;
    const cl_mem bias = memory_of(b), y = memory_of(Y), gate = saves_gate ? memory_of(epilogue->gate) : y;
    const struct kernel_argument arguments[] = {ARGUMENT(B),    ARGUMENT(O), ARGUMENT(saves_gate),
                                                ARGUMENT(bias), ARGUMENT(y), ARGUMENT(gate)};
    return launch_matrix(k, KERNEL_BIAS_ACTIVATION, epilogue->act, Y, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_through_gate(struct kernels *k, const struct gate *gate, struct tensor *dX,
                               struct clm_error *error)
{
    const cl_ulong count = dX->rows * dX->columns;
    if (activations[gate->act].gate == GATE_ONE)
        return CLM_OK;
    const cl_mem of = memory_of(gate->of), dx = memory_of(dX);
    const struct kernel_argument arguments[] = {ARGUMENT(count), ARGUMENT(of), ARGUMENT(dx)};
    return launch_list(k, KERNEL_THROUGH_GATE, gate->act, count, arguments, COUNT_OF(arguments), error);
}

struct step_argument step_argument(const struct step *step)
{
    return (struct step_argument){.rate = (cl_float)step->learning_rate,
                                  .momentum = (cl_float)step->momentum,
                                  .penalty = (cl_float)(2 * step->l2),
                                  .decay = (cl_float)(1 - 2 * step->learning_rate * step->l2)};
}

/* The memory of a state; of one that the rule does not keep, that of the value, which is not looked at. */
static cl_mem state_of(const struct parameter *parameter, size_t s)
{
    return memory_of(tensor_is_empty(&parameter->state[s]) ? &parameter->value : &parameter->state[s]);
}

clm_status kernel_weights_end(struct kernels *k, const struct step *step, struct parameter *parameter,
                              struct clm_error *error)
{
    const cl_ulong count = parameter->value.rows * parameter->value.columns;
    const struct step_argument s = step_argument(step);
    const cl_mem ms = state_of(parameter, 0), ws = memory_of(&parameter->value);
    const struct kernel_argument arguments[] = {ARGUMENT(s), ARGUMENT(count), ARGUMENT(ms), ARGUMENT(ws)};
    return launch_list(k, KERNEL_WEIGHTS_END, step->rule, count, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_add_penalty(struct kernels *k, float penalty, const struct tensor *W, struct tensor *dW,
                              struct clm_error *error)
{
    const cl_ulong count = W->rows * W->columns;
    const cl_mem w = memory_of(W), dw = memory_of(dW);
    const struct kernel_argument arguments[] = {ARGUMENT(count), ARGUMENT(penalty), ARGUMENT(w),
                                                ARGUMENT(dw)};
    return launch_list(k, KERNEL_ADD_PENALTY, 0, count, arguments, COUNT_OF(arguments), error);
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
    return opencl_launch(k->device, k->handles[KERNEL_SOFTMAX_XENT][0], "softmax_xent", 1, &global, &k->lanes,
                         arguments, COUNT_OF(arguments), error);
}

clm_status kernel_softmax_rows(struct kernels *k, const struct tensor *Z, struct tensor *P,
                               struct clm_error *error)
{
    const cl_int B = (cl_int)Z->rows, C = (cl_int)Z->columns;
    const cl_mem z = memory_of(Z), p = memory_of(P);
    const struct kernel_argument arguments[] = {ARGUMENT(B), ARGUMENT(C), ARGUMENT(z), ARGUMENT(p)};
    return launch_list(k, KERNEL_SOFTMAX_ROWS, 0, Z->rows, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_bias_gradient(struct kernels *k, const struct tensor *dZ, struct tensor *db,
                                struct clm_error *error)
{
    const cl_int B = (cl_int)dZ->rows, O = (cl_int)dZ->columns;
    const cl_mem dz = memory_of(dZ), out = memory_of(db);
    const struct kernel_argument arguments[] = {ARGUMENT(B), ARGUMENT(O), ARGUMENT(dz), ARGUMENT(out)};
    return launch_list(k, KERNEL_BIAS_GRADIENT, 0, dZ->columns, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_bias_update(struct kernels *k, const struct step *step, const struct tensor *dZ,
                              struct parameter *b, struct clm_error *error)
{
    const cl_int B = (cl_int)dZ->rows, O = (cl_int)dZ->columns;
    const struct step_argument s = step_argument(step);
    const cl_mem dz = memory_of(dZ), ms = state_of(b, 0), vs = state_of(b, 1), ws = memory_of(&b->value);
    const struct kernel_argument arguments[] = {ARGUMENT(s),  ARGUMENT(B),  ARGUMENT(O), ARGUMENT(dz),
                                                ARGUMENT(ms), ARGUMENT(vs), ARGUMENT(ws)};
    return launch_list(k, KERNEL_BIAS_UPDATE, step->rule, dZ->columns, arguments, COUNT_OF(arguments), error);
}

clm_status kernel_parameter_step(struct kernels *k, const struct step *step, struct parameter *parameter,
                                 struct clm_error *error)
{
    const cl_ulong count = tensor_room(&parameter->value);
    const struct step_argument s = step_argument(step);
    const cl_mem gs = memory_of(&parameter->gradient), ws = memory_of(&parameter->value);
    const cl_mem ms = state_of(parameter, 0), vs = state_of(parameter, 1);
    const struct kernel_argument arguments[] = {ARGUMENT(s),  ARGUMENT(count), ARGUMENT(gs),
                                                ARGUMENT(ws), ARGUMENT(ms),    ARGUMENT(vs)};
    return launch_list(k, KERNEL_PARAMETER_STEP, step->rule, count, arguments, COUNT_OF(arguments), error);
}
