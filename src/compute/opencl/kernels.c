#include "compute/opencl/kernels.h"

#include "base/size.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Items in a group of the elementwise kernels: enough for a GPU's width and for a CPU's loop over items. */
#define GROUP       64
#define LANES_MAX   64
#define STRIPS_MAX  8
#define GROUPS_MOST 65535 /* in the second dimension of a launch */
/* On a CPU, which prefetches by itself: elements of a row per item of gather, and items per group. */
#define CPU_SPAN 1024
#define CPU_ROWS 8
/* From cl_intel_required_subgroup_size. */
#define KERNEL_SPILL_MEM_SIZE_INTEL 0x4109

/* The files of each program: for what is the same in every net, for what differs by activation, and for what
 * differs by rule. Few programs, because a driver reads OpenCL's own declarations again for each. */
#define FOR_ALL       "vector.cl philox.cl gather.cl augment.cl sums.cl softmax.cl bias_gradient.cl epilogue.cl"
#define BY_ACTIVATION "activation.cl epilogue.cl"
#define BY_RULE       "vector.cl optimiser.cl epilogue.cl bias_gradient.cl update.cl"
#define FOR_LOSSES    "sums.cl softmax.cl loss.cl"
#define FOR_CLIPPING  "vector.cl clip.cl"
#define FOR_BLENDS    "vector.cl blend.cl"
#define FOR_PEAKS     "vector.cl peaks.cl"

static const struct kernel_about kernels_about[KERNEL_COUNT] = {
    [KERNEL_GATHER_BYTES] = {FOR_ALL, "gather_bytes", false, false},
    [KERNEL_GATHER_FLOATS] = {FOR_ALL, "gather_floats", false, false},
    [KERNEL_GATHER_AUGMENTED] = {FOR_ALL, "gather_augmented", false, false},
    [KERNEL_GATHER_WEIGHTS] = {FOR_ALL, "gather_weights", false, false},
    [KERNEL_ADD_PENALTY] = {FOR_ALL, "add_penalty", false, false},
    [KERNEL_SOFTMAX_XENT] = {FOR_ALL, "softmax_xent", false, false},
    [KERNEL_SOFTMAX_ROWS] = {FOR_ALL, "softmax_rows", false, false},
    [KERNEL_BIAS_GRADIENT] = {FOR_ALL, "bias_gradient", false, false},
    [KERNEL_GRADIENT_SQUARES] = {FOR_CLIPPING, "gradient_squares", false, false},
    [KERNEL_BLEND] = {FOR_BLENDS, "blend", false, false},
    [KERNEL_CLIP_FACTOR] = {FOR_CLIPPING, "clip_factor", false, false},
    [KERNEL_BIAS_ACTIVATION] = {BY_ACTIVATION, "bias_activation", true, false},
    [KERNEL_THROUGH_GATE] = {BY_ACTIVATION, "through_gate", true, false},
    [KERNEL_WEIGHTS_END] = {BY_RULE, "weights_end", false, true},
    [KERNEL_BIAS_UPDATE] = {BY_RULE, "bias_update", false, true},
    [KERNEL_PARAMETERS_STEP] = {BY_RULE, "parameters_step", false, true},
    [KERNEL_LABEL_LOSS] = {FOR_LOSSES, "label_loss", false, false},
    [KERNEL_VALUE_LOSS] = {FOR_LOSSES, "value_loss", false, false},
    [KERNEL_PEAK_COPY] = {FOR_PEAKS, "peak_copy", false, false},
    [KERNEL_PEAK_FMA] = {FOR_PEAKS, "peak_fma", false, false},
};
_Static_assert((int)KERNEL_COUNT <= (int)KERNELS_MOST, "a table has no room for so many");

/* ---- building ---- */

#define OPTIONS_MOST 256

struct built_program {
    struct built_program *next;
    cl_program program;
    const char *files; /* a literal */
    char options[OPTIONS_MOST];
};

/* Floats per item of a streaming kernel: a whole vector on a CPU, elsewhere 4, so that neighbouring items
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

/* `options` and "-DACTIVATION=… -DRULE=…" */
static void options_for(char text[OPTIONS_MOST], const char *options, enum activation act, enum rule rule)
{
    const bool has_act = act != NO_ACTIVATION, has_rule = rule != NO_RULE;
    snprintf(text, OPTIONS_MOST, "%s%s%s%s%s", options, has_act ? " -DACTIVATION=" : "",
             has_act ? activations[act].symbol : "", has_rule ? " -DRULE=" : "",
             has_rule ? rules[rule].symbol : "");
}

/* Finds the program that another kernel built from the same source, or builds it. */
static clm_status take_program(struct kernels *k, const char *files, const char *options, cl_program *out,
                               struct clm_error *error)
{
    for (const struct built_program *built = k->built; built; built = built->next)
        if (!strcmp(built->files, files) && !strcmp(built->options, options)) {
            *out = built->program;
            return CLM_OK;
        }
    struct built_program *const made = calloc(1, sizeof *made);
    if (!made)
        return clm_fail_host_memory(error, files, sizeof *made);
    const clm_status status = opencl_program_build(k->device, files, options, out, error);
    if (status != CLM_OK) {
        free(made);
        return status;
    }
    *made = (struct built_program){k->built, *out, files};
    strcpy(made->options, options);
    k->built = made;
    return CLM_OK;
}

/* CLM_ERROR_DEVICE if the device cannot run a kernel, as built, in groups of `items`. */
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

/* Bytes of global memory in which each item keeps what its registers do not hold. CPUs say nothing useful,
 * and Intel's GPUs count them apart from private memory. */
static size_t spilled_bytes(const struct opencl_device *device, cl_kernel kernel)
{
    const bool is_intel = strstr(device->about.vendor, "Intel") != NULL;
    const cl_kernel_work_group_info where =
        is_intel ? KERNEL_SPILL_MEM_SIZE_INTEL : CL_KERNEL_PRIVATE_MEM_SIZE;
    cl_ulong bytes = 0;
    return device->about.type != CLM_DEVICE_CPU &&
                   clGetKernelWorkGroupInfo(kernel, device->id, where, sizeof bytes, &bytes, NULL) ==
                       CL_SUCCESS
               ? (size_t)bytes
               : 0;
}

static clm_status check_registers(const struct opencl_device *device, cl_kernel kernel, const char *name,
                                  struct clm_error *error)
{
    const size_t spilled = spilled_bytes(device, kernel);
    return !spilled
               ? CLM_OK
               : clm_fail_setting(
                     error, CLM_ERROR_DEVICE, "gemm",
                     "%s: as %s's driver builds it, each item keeps %zu bytes outside its registers (CL_KERNEL_PRIVATE_MEM_SIZE), which is slow; let clblast multiply",
                     name, device->about.name, spilled);
}

/* The place of a kernel's handle in its table. */
static cl_kernel *handle_in(struct kernel_table *table, size_t kernel, enum activation act, enum rule rule)
{
    const struct kernel_about *const about = &table->about[kernel];
    return &table->handles[kernel][about->by_activation ? act : NO_ACTIVATION]
                          [about->by_rule ? rule : NO_RULE];
}

clm_status kernel_table_build(struct kernels *k, struct kernel_table *table, size_t kernel,
                              enum activation act, enum rule rule, struct clm_error *error)
{
    const struct kernel_about *const about = &table->about[kernel];
    cl_kernel *const handle = handle_in(table, kernel, act, rule);
    char options[OPTIONS_MOST];
    cl_program program;
    if (*handle)
        return CLM_OK;
    options_for(options, table->options, about->by_activation ? act : NO_ACTIVATION,
                about->by_rule ? rule : NO_RULE);
    clm_status status = take_program(k, about->files, options, &program, error);
    if (status == CLM_OK)
        status = opencl_kernel_create(program, about->name, handle, error);
    if (status == CLM_OK && table->items[kernel])
        status = check_runnable(k->device, *handle, about->name, table->items[kernel], error);
    if (status == CLM_OK && table->items[kernel] && !table->may_spill)
        status = check_registers(k->device, *handle, about->name, error);
    if (status != CLM_OK && *handle) {
        clReleaseKernel(*handle);
        *handle = NULL;
    }
    return status;
}

clm_status kernel_table_build_range(struct kernels *k, struct kernel_table *table, size_t first, size_t end,
                                    enum activation act, enum rule rule, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t kernel = first; status == CLM_OK && kernel < end; kernel++)
        if (rule != NO_RULE || !table->about[kernel].by_rule)
            status = kernel_table_build(k, table, kernel, act, rule, error);
    return status;
}

void kernel_table_free(struct kernel_table *table)
{
    cl_kernel *const handles = &table->handles[0][0][0];
    for (size_t i = 0; i < sizeof table->handles / sizeof *handles; i++)
        if (handles[i])
            clReleaseKernel(handles[i]);
    memset(table->handles, 0, sizeof table->handles);
}

static void kernels_free_built(struct kernels *k)
{
    kernel_table_free(&k->table);
    kernel_table_free(&k->finish);
    for (struct built_program *built = k->built, *next; built; built = next) {
        next = built->next;
        clReleaseProgram(built->program);
        free(built);
    }
    k->built = NULL;
}

/* Builds what every net needs, in groups of k->lanes, and of k->lanes times k->strips. */
static clm_status build_for_all(struct kernels *k, struct clm_error *error)
{
    k->table.about = kernels_about;
    snprintf(k->table.options, sizeof k->table.options, "%s -DLANES=%zu -DSTRIPS=%zu -DVW=%zu -DRUNS=%zu%s",
             opencl_options(k->device), k->lanes, k->strips, k->chunk, k->runs,
             opencl_is_pocl(k->device) ? " -DPOCL" : "");
    k->table.may_spill = true;
    k->table.items[KERNEL_SOFTMAX_XENT] = k->lanes;
    k->table.items[KERNEL_LABEL_LOSS] = k->table.items[KERNEL_VALUE_LOSS] = k->lanes;
    k->table.items[KERNEL_GRADIENT_SQUARES] = k->table.items[KERNEL_CLIP_FACTOR] = k->lanes;
    k->table.items[KERNEL_BIAS_GRADIENT] = k->table.items[KERNEL_BIAS_UPDATE] = k->lanes * k->strips;
    const clm_status status =
        kernel_table_build_range(k, &k->table, 0, KERNEL_BIAS_ACTIVATION, NO_ACTIVATION, NO_RULE, error);
    if (status != CLM_OK)
        kernels_free_built(k);
    return status;
}

/* A device may allow a kernel, as built, fewer items than it allows in general: then groups get smaller. */
clm_status kernels_build(const struct opencl_device *device, struct kernels *out, struct clm_error *error)
{
    const bool is_cpu = device->about.type == CLM_DEVICE_CPU;
    *out = (struct kernels){.device = device, .lanes = LANES_MAX};
    while (out->lanes > device->about.max_work_group && out->lanes > 1)
        out->lanes /= 2;
    out->strips = is_cpu ? 1 : size_max(1, size_min(STRIPS_MAX, device->about.max_work_group / out->lanes));
    out->chunk = vector_width(device);
    out->span = is_cpu ? CPU_SPAN : out->chunk;
    out->runs = is_cpu ? 4 : 1;
    clm_status status = build_for_all(out, error);
    while (status == CLM_ERROR_DEVICE && out->lanes * out->strips > 1) {
        out->lanes = out->strips > 1 ? out->lanes : out->lanes / 2;
        out->strips = 1;
        status = build_for_all(out, error);
    }
    return status;
}

void kernels_free(struct kernels *kernels)
{
    kernels_free_built(kernels);
    memset(kernels, 0, sizeof *kernels);
}

/* ---- launching ---- */

clm_status kernel_table_launch(struct kernels *k, struct kernel_table *table, size_t kernel,
                               enum activation act, enum rule rule, cl_uint dimensions, const size_t *global,
                               const size_t *local, const struct kernel_argument *arguments,
                               struct clm_error *error)
{
    const clm_status status = kernel_table_build(k, table, kernel, act, rule, error);
    return status ? status
                  : opencl_launch(k->device, *handle_in(table, kernel, act, rule), table->about[kernel].name,
                                  dimensions, global, local, arguments, error);
}

const struct tensor *saved_gate(const struct epilogue *epilogue, const struct tensor *otherwise)
{
    return epilogue->gate ? epilogue->gate : otherwise;
}

const struct tensor *read_gate(const struct gate *gate, const struct tensor *otherwise)
{
    return activations[gate->act].gate == GATE_ONE ? otherwise : gate->of;
}

const struct tensor *state_of(const struct parameter *parameter, size_t s)
{
    return tensor_is_empty(&parameter->state[s]) ? &parameter->value : &parameter->state[s];
}

/* Items in a group of the elementwise kernels on this device. */
static size_t group_size(const struct kernels *k)
{
    return size_max(1, size_min(GROUP, k->device->about.max_work_group));
}

/* One item per element of a list of `count`. */
static clm_status launch_list(struct kernels *k, enum kernel_name name, enum activation act, enum rule rule,
                              size_t count, const struct kernel_argument *arguments, struct clm_error *error)
{
    const size_t local = group_size(k), global = round_up(count, local);
    return kernel_table_launch(k, &k->table, name, act, rule, 1, &global, &local, arguments, error);
}

/* A kernel over rows and columns, in groups of local[0] columns and local[1] rows; with more rows and fewer
 * columns if there would be more groups than NVIDIA allows in the second dimension. */
static clm_status launch_rows(struct kernels *k, enum kernel_name name, enum activation act, size_t rows,
                              size_t columns, const size_t local[2], const struct kernel_argument *arguments,
                              struct clm_error *error)
{
    size_t group[2] = {local[0], local[1]};
    for (; divide_up(rows, group[1]) > GROUPS_MOST && group[0] > 1; group[0] /= 2)
        group[1] *= 2;
    const size_t global[2] = {round_up(columns, group[0]), round_up(rows, group[1])};
    return kernel_table_launch(k, &k->table, name, act, NO_RULE, 2, global, group, arguments, error);
}

/* For gather_augmented: an item takes its runs, and of each run `chunk` elements of every line of 16. Short
 * rows have few items, so a group takes several rows. */
static clm_status launch_runs(struct kernels *k, const struct tensor *matrix,
                              const struct kernel_argument *arguments, struct clm_error *error)
{
    const size_t taken = k->runs * NOISE_RUN, group = group_size(k);
    const size_t items = (matrix->columns + taken - 1) / taken * (16 / k->chunk);
    size_t wide = 1;
    while (wide < items && wide < 16 && wide * 2 <= group)
        wide *= 2;
    const size_t local[2] = {wide, group / wide};
    return launch_rows(k, KERNEL_GATHER_AUGMENTED, NO_ACTIVATION, matrix->rows, items, local, arguments,
                       error);
}

/* One item per span of a row of X. On a CPU a group takes some rows, elsewhere neighbouring spans. */
static clm_status launch_gather(struct kernels *k, enum kernel_name name, const struct tensor *X,
                                const struct kernel_argument *arguments, struct clm_error *error)
{
    const bool is_cpu = k->span > k->chunk;
    const size_t items = divide_up(X->columns, k->span), group = group_size(k);
    const size_t local[2] = {is_cpu ? 1 : group, is_cpu ? size_min(CPU_ROWS, group) : 1};
    return launch_rows(k, name, NO_ACTIVATION, X->rows, items, local, arguments, error);
}

/* ---- the kernels ---- */

static clm_status kernel_gather(struct kernels *k, const struct resident *data, const struct tensor *order,
                                size_t first, struct tensor *X, struct tensor *labels,
                                struct clm_error *error)
{
    const enum kernel_name name =
        data->values.type == TENSOR_BYTE ? KERNEL_GATHER_BYTES : KERNEL_GATHER_FLOATS;
    const struct tensor *const indices = order ? order : &data->labels; /* not read if there is no order */
    return launch_gather(k, name, X,
                         ARGUMENTS(INT(X->rows), INT(X->columns), INT(k->span), MEMORY(&data->values),
                                   MEMORY(&data->labels), MEMORY(indices), INT(order != NULL),
                                   SCALAR(cl_uint, first), MEMORY(&data->mean), MEMORY(&data->scale),
                                   MEMORY(X), MEMORY(labels)),
                         error);
}

/* Has the layout of augment.cl's struct augmentation, because both hold only numbers of four bytes. */
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

static clm_status kernel_gather_augmented(struct kernels *k, const struct augmentation *a,
                                          const struct resident *data, const struct tensor *order,
                                          size_t first, struct tensor *X, struct tensor *labels,
                                          struct clm_error *error)
{
    const struct augmentation_argument augmentation = augmentation_argument(a, X->rows);
    const struct tensor *const indices = order ? order : &data->labels; /* as in kernel_gather */
    const struct tensor *const partners =
        augmentation.is_mixed ? a->partners : labels; /* not written otherwise */
    return launch_runs(k, X,
                       ARGUMENTS(ARGUMENT(augmentation), INT(X->rows), INT(X->columns), MEMORY(&data->values),
                                 INT(data->values.type == TENSOR_BYTE), MEMORY(&data->labels),
                                 MEMORY(indices), INT(order != NULL), SCALAR(cl_uint, first),
                                 MEMORY(&data->mean), MEMORY(&data->scale), MEMORY(X), MEMORY(labels),
                                 MEMORY(partners)),
                       error);
}

double gather_floats(struct clm_backend *be, const struct resident *data, const struct tensor *X)
{
    const double element = (double)be->operations->element_sizes[data->values.type] / sizeof(float);
    return (1 + element) * size_of(X) + 2 * (double)X->columns;
}

clm_status opencl_gather(struct clm_backend *be, const struct resident *data, const struct tensor *order,
                         size_t first, const struct augmentation *a, struct tensor *X, struct tensor *labels,
                         struct clm_error *error)
{
    opencl_expect(be, 0, gather_floats(be, data, X));
    return a ? kernel_gather_augmented(self(be)->kernels, a, data, order, first, X, labels, error)
             : kernel_gather(self(be)->kernels, data, order, first, X, labels, error);
}

clm_status opencl_gather_weights(struct clm_backend *be, const struct tensor *weights,
                                 const struct tensor *order, size_t first, size_t turn, struct tensor *out,
                                 struct clm_error *error)
{
    const struct tensor *const indices = order ? order : weights; /* as in kernel_gather */
    opencl_expect(be, 0, 2 * size_of(out));
    return launch_list(self(be)->kernels, KERNEL_GATHER_WEIGHTS, NO_ACTIVATION, NO_RULE, out->columns,
                       ARGUMENTS(INT(out->columns), INT(turn), MEMORY(weights), MEMORY(indices),
                                 INT(order != NULL), SCALAR(cl_uint, first), MEMORY(out)),
                       error);
}

clm_status kernel_bias_activation(struct kernels *k, const struct epilogue *epilogue, const struct tensor *b,
                                  struct tensor *Y, struct clm_error *error)
{
    const size_t local[2] = {group_size(k), 1};
    return launch_rows(k, KERNEL_BIAS_ACTIVATION, epilogue->act, Y->rows, Y->columns, local,
                       ARGUMENTS(INT(Y->rows), INT(Y->columns), INT(epilogue->gate != NULL), MEMORY(b),
                                 MEMORY(Y), MEMORY(saved_gate(epilogue, Y))),
                       error);
}

clm_status kernel_through_gate(struct kernels *k, const struct gate *gate, struct tensor *dX,
                               struct clm_error *error)
{
    const size_t count = dX->rows * dX->columns;
    if (activations[gate->act].gate == GATE_ONE)
        return CLM_OK;
    return launch_list(k, KERNEL_THROUGH_GATE, gate->act, NO_RULE, count,
                       ARGUMENTS(SCALAR(cl_ulong, count), MEMORY(gate->of), MEMORY(dX)), error);
}

/* NAdam's weight of the mean in step i. */
static double nadam_share(double beta1, double i)
{
    return beta1 * (1 - 0.5 * pow(0.96, 0.004 * i));
}

/* The rates of the mean and of the gradient itself. The product of all shares is below beta1^t. */
static void nadam_rates(const struct step *step, struct step_argument *out)
{
    const double t = (double)step->number, share = nadam_share(step->beta1, t),
                 next = nadam_share(step->beta1, t + 1);
    double product = 1;
    for (double i = 1; i <= t && product > 1e-20; i++)
        product *= nadam_share(step->beta1, i);
    out->direct_rate = (cl_float)(step->learning_rate * (1 - share) / (1 - product));
    out->rate = (cl_float)(step->learning_rate * next / (1 - product * next));
}

/* Computed in double, so that kernels need no powers, and no rest loses digits. */
struct step_argument step_argument(const struct step *step)
{
    const double t = (double)step->number;
    struct step_argument s = {.rate = (cl_float)step->learning_rate,
                              .momentum = (cl_float)step->momentum,
                              .penalty = (cl_float)(2 * step->l2),
                              .decay = (cl_float)(1 - 2 * step->learning_rate * step->l2),
                              .beta1 = (cl_float)step->beta1,
                              .rest1 = (cl_float)(1 - step->beta1),
                              .beta2 = (cl_float)step->beta2,
                              .rest2 = (cl_float)(1 - step->beta2),
                              .epsilon = (cl_float)step->epsilon,
                              .l1 = (cl_float)step->l1,
                              .keep = (cl_float)(1 - step->learning_rate * step->weight_decay)};
    if (rules[step->rule].states < 2)
        return s;
    s.root_scale = (cl_float)(1 / sqrt(1 - pow(step->beta2, t)));
    if (step->rule == RULE_NADAM)
        nadam_rates(step, &s);
    else
        s.rate = (cl_float)(step->learning_rate / (1 - pow(step->beta1, t)));
    return s;
}

clm_status kernel_weights_end(struct kernels *k, const struct step *step, struct parameter *parameter,
                              struct clm_error *error)
{
    const size_t count = parameter->value.rows * parameter->value.columns;
    const struct step_argument s = step_argument(step);
    return launch_list(k, KERNEL_WEIGHTS_END, NO_ACTIVATION, step->rule, count,
                       ARGUMENTS(ARGUMENT(s), SCALAR(cl_ulong, count), MEMORY(state_of(parameter, 0)),
                                 MEMORY(&parameter->value)),
                       error);
}

clm_status kernel_add_penalty(struct kernels *k, float penalty, const struct tensor *W, struct tensor *dW,
                              struct clm_error *error)
{
    const size_t count = W->rows * W->columns;
    return launch_list(k, KERNEL_ADD_PENALTY, NO_ACTIVATION, NO_RULE, count,
                       ARGUMENTS(SCALAR(cl_ulong, count), ARGUMENT(penalty), MEMORY(W), MEMORY(dW)), error);
}

clm_status opencl_softmax_xent(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                               const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                               struct clm_error *error)
{
    struct kernels *const k = self(be)->kernels;
    const size_t groups = size_min(divide_up(Z->rows, k->lanes), METRICS_SLOTS), global = groups * k->lanes;
    const bool is_mixed = mixture_has_partners(mixture), is_weighted = mixture_has_weights(mixture);
    const struct tensor *const weights = is_weighted ? &mixture->weights : Z; /* not read otherwise */
    opencl_expect(be, 0, (dZ ? 2 : 1) * size_of(Z));
    return kernel_table_launch(
        k, &k->table, KERNEL_SOFTMAX_XENT, NO_ACTIVATION, NO_RULE, 1, &global, &k->lanes,
        ARGUMENTS(INT(Z->rows), INT(Z->columns), INT(dZ != NULL), MEMORY(Z), MEMORY(labels),
                  MEMORY(is_mixed ? &mixture->partners : labels),
                  SCALAR(cl_float, mixture ? mixture->share : 1), INT(is_weighted), MEMORY(weights),
                  MEMORY(is_weighted && is_mixed ? &mixture->partner_weights : weights), MEMORY(dZ ? dZ : Z),
                  MEMORY(&sums->state)),
        error);
}

/* loss.cl has these numbers. */
_Static_assert(LOSS_BINARY == 2 && LOSS_SQUARED == 3 && LOSS_ABSOLUTE == 4 && LOSS_HUBER == 5 &&
                   LOSS_QUANTILE == 6 && QUANTILES_MOST == 8,
               "loss.cl");

static enum kernel_name loss_kernel(const struct loss *loss)
{
    return loss_table[loss->kind].has_values ? KERNEL_VALUE_LOSS : KERNEL_LABEL_LOSS;
}

clm_status opencl_loss_prepare(struct clm_backend *be, const struct loss *loss, struct clm_error *error)
{
    struct kernels *const k = self(be)->kernels;
    return be->memory.is_planning
               ? CLM_OK
               : kernel_table_build(k, &k->table, loss_kernel(loss), NO_ACTIVATION, NO_RULE, error);
}

/* A kernel that adds the losses of the rows of Z, with an item for each row, up to all slots of the sums. */
static clm_status launch_loss(struct kernels *k, enum kernel_name name, const struct tensor *Z,
                              const struct kernel_argument *arguments, struct clm_error *error)
{
    const size_t groups = size_min(divide_up(Z->rows, k->lanes), METRICS_SLOTS), global = groups * k->lanes;
    return kernel_table_launch(k, &k->table, name, NO_ACTIVATION, NO_RULE, 1, &global, &k->lanes, arguments,
                               error);
}

static clm_status kernel_label_loss(struct kernels *k, const struct loss *loss, const struct tensor *Z,
                                    const struct targets *targets, struct tensor *dZ, struct metrics *sums,
                                    struct clm_error *error)
{
    const struct mixture *const mixture = targets->mixture;
    const bool is_mixed = mixture_has_partners(mixture), is_weighted = mixture_has_weights(mixture);
    const struct tensor *const weights = is_weighted ? &mixture->weights : Z; /* as in opencl_softmax_xent */
    return launch_loss(
        k, KERNEL_LABEL_LOSS, Z,
        ARGUMENTS(INT(Z->rows), INT(Z->columns), INT(dZ != NULL), INT(loss->kind == LOSS_FOCAL),
                  SCALAR(cl_float, loss->gamma), SCALAR(cl_float, 1 - loss->smoothing),
                  SCALAR(cl_float, loss->smoothing / (double)Z->columns), MEMORY(Z), MEMORY(targets->labels),
                  MEMORY(is_mixed ? &mixture->partners : targets->labels),
                  SCALAR(cl_float, mixture ? mixture->share : 1), INT(is_weighted), MEMORY(weights),
                  MEMORY(is_weighted && is_mixed ? &mixture->partner_weights : weights), MEMORY(dZ ? dZ : Z),
                  MEMORY(&sums->state)),
        error);
}

static clm_status kernel_value_loss(struct kernels *k, const struct loss *loss, const struct tensor *Z,
                                    const struct targets *targets, struct tensor *dZ, struct metrics *sums,
                                    struct clm_error *error)
{
    const bool is_weighted = mixture_has_weights(targets->mixture);
    cl_float8 quantiles = {{0}};
    for (size_t q = 0; q < loss_quantiles(loss); q++)
        quantiles.s[q] = (cl_float)loss->quantiles[q];
    return launch_loss(k, KERNEL_VALUE_LOSS, Z,
                       ARGUMENTS(INT(Z->rows), INT(Z->columns), INT(loss_quantiles(loss)), INT(dZ != NULL),
                                 INT(loss->kind), SCALAR(cl_float, loss->delta), ARGUMENT(quantiles),
                                 SCALAR(cl_float, 1 / ((double)Z->rows * (double)Z->columns)), MEMORY(Z),
                                 MEMORY(targets->values), INT(is_weighted),
                                 MEMORY(is_weighted ? &targets->mixture->weights : Z), MEMORY(dZ ? dZ : Z),
                                 MEMORY(&sums->state)),
                       error);
}

clm_status opencl_loss_gradient(struct clm_backend *be, const struct loss *loss, const struct tensor *Z,
                                const struct targets *targets, struct tensor *dZ, struct metrics *sums,
                                struct clm_error *error)
{
    struct kernels *const k = self(be)->kernels;
    const bool has_values = loss_table[loss->kind].has_values;
    opencl_expect(be, 0, (dZ ? 2 : 1) * size_of(Z) + (has_values ? size_of(targets->values) : 0));
    return has_values ? kernel_value_loss(k, loss, Z, targets, dZ, sums, error)
                      : kernel_label_loss(k, loss, Z, targets, dZ, sums, error);
}

clm_status opencl_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                          struct clm_error *error)
{
    return launch_list(self(be)->kernels, KERNEL_SOFTMAX_ROWS, NO_ACTIVATION, NO_RULE, Z->rows,
                       ARGUMENTS(INT(Z->rows), INT(Z->columns), MEMORY(Z), MEMORY(P)), error);
}

/* A kernel over the columns of dZ. */
static clm_status launch_columns(struct kernels *k, enum kernel_name name, enum rule rule,
                                 const struct tensor *dZ, const struct kernel_argument *arguments,
                                 struct clm_error *error)
{
    const size_t local[2] = {k->lanes, k->strips};
    const size_t global[2] = {round_up(dZ->columns, k->lanes), k->strips};
    return kernel_table_launch(k, &k->table, name, NO_ACTIVATION, rule, 2, global, local, arguments, error);
}

clm_status kernel_bias_gradient(struct kernels *k, const struct tensor *dZ, struct tensor *db,
                                struct clm_error *error)
{
    return launch_columns(k, KERNEL_BIAS_GRADIENT, NO_RULE, dZ,
                          ARGUMENTS(INT(dZ->rows), INT(dZ->columns), MEMORY(dZ), MEMORY(db)), error);
}

clm_status kernel_bias_update(struct kernels *k, const struct step *step, const struct tensor *dZ,
                              struct parameter *b, struct clm_error *error)
{
    const struct step_argument s = step_argument(step);
    return launch_columns(k, KERNEL_BIAS_UPDATE, step->rule, dZ,
                          ARGUMENTS(ARGUMENT(s), INT(dZ->rows), INT(dZ->columns), MEMORY(dZ),
                                    MEMORY(state_of(b, 0)), MEMORY(state_of(b, 1)), MEMORY(&b->value)),
                          error);
}

enum { PARAMETERS_AT_ONCE = 6 };

/* Has the layout of update.cl's struct, because both hold only numbers of eight bytes. */
struct parameter_part {
    cl_ulong count, end, is_weight;
};

struct parameter_parts {
    struct parameter_part of[PARAMETERS_AT_ONCE];
};

#define MEMORY_OF_PARAMETER(p)                                                                               \
    MEMORY(&(p)->gradient), MEMORY(&(p)->value), MEMORY(state_of(p, 0)), MEMORY(state_of(p, 1))

/* After the last parameter comes the first again, without groups. */
static clm_status launch_steps(struct kernels *k, struct parameter *const *list, size_t count,
                               const struct step *step, struct clm_error *error)
{
    const struct step_argument s = step_argument(step);
    const size_t local = group_size(k);
    const struct parameter *of[PARAMETERS_AT_ONCE];
    struct parameter_parts parts;
    size_t groups = 0;
    for (size_t p = 0; p < PARAMETERS_AT_ONCE; p++) {
        of[p] = list[p < count ? p : 0];
        const size_t numbers = p < count ? tensor_room(&of[p]->value) : 0;
        groups += divide_up(numbers, local * k->chunk);
        parts.of[p] = (struct parameter_part){numbers, groups, of[p]->is_weight};
    }
    const size_t global = groups * local;
    const struct tensor *const scale = step->gradient_scale ? step->gradient_scale : &of[0]->value;
    return kernel_table_launch(
        k, &k->table, KERNEL_PARAMETERS_STEP, NO_ACTIVATION, step->rule, 1, &global, &local,
        ARGUMENTS(ARGUMENT(s), ARGUMENT(parts), INT(step->gradient_scale != NULL), MEMORY(scale),
                  MEMORY_OF_PARAMETER(of[0]), MEMORY_OF_PARAMETER(of[1]), MEMORY_OF_PARAMETER(of[2]),
                  MEMORY_OF_PARAMETER(of[3]), MEMORY_OF_PARAMETER(of[4]), MEMORY_OF_PARAMETER(of[5])),
        error);
}

clm_status opencl_parameters_step(struct clm_backend *be, struct parameter *const *list, size_t count,
                                  const struct step *step, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t first = 0; status == CLM_OK && first < count; first += PARAMETERS_AT_ONCE) {
        const size_t taken = size_min(PARAMETERS_AT_ONCE, count - first);
        double floats = 0;
        for (size_t p = first; p < first + taken; p++)
            floats += (3 + 2 * (double)rules[step->rule].states) * size_of(&list[p]->value);
        opencl_expect(be, 0, floats);
        status = launch_steps(self(be)->kernels, list + first, taken, step, error);
    }
    return status;
}

clm_status opencl_parameter_step(struct clm_backend *be, struct parameter *parameter, const struct step *step,
                                 struct clm_error *error)
{
    return opencl_parameters_step(be, &parameter, 1, step, error);
}

/* ---- the factor that clips gradients ---- */

/* Has the layout of clip.cl's struct, because both hold only numbers of eight bytes. */
struct clip_part {
    cl_ulong count, rest, panel, left, is_weight;
};

struct clip_parts {
    struct clip_part of[PARAMETERS_AT_ONCE];
};

/* The numbers of a parameter as they lie; those that only fill up the last panel are left out. */
static struct clip_part clip_part_of(const struct parameter *parameter)
{
    const struct tensor *const w = &parameter->value;
    const size_t whole = w->panel ? w->rows / w->panel * w->panel : w->rows, left = w->rows - whole;
    return (struct clip_part){.count = whole * w->columns,
                              .rest = left * w->columns,
                              .panel = w->panel,
                              .left = left,
                              .is_weight = parameter->is_weight};
}

#define MEMORY_OF_GRADIENT(p) MEMORY(&(p)->gradient), MEMORY(&(p)->value)

/* The squares of up to six parameters; after the last one comes the first again, without numbers. */
static clm_status launch_squares(struct kernels *k, struct parameter *const *list, size_t count,
                                 bool is_first, double l1, const struct tensor *sums, struct clm_error *error)
{
    const size_t global = sums->columns * k->lanes;
    const struct parameter *of[PARAMETERS_AT_ONCE];
    struct clip_parts parts = {0};
    for (size_t p = 0; p < PARAMETERS_AT_ONCE; p++) {
        of[p] = list[p < count ? p : 0];
        if (p < count)
            parts.of[p] = clip_part_of(of[p]);
    }
    return kernel_table_launch(
        k, &k->table, KERNEL_GRADIENT_SQUARES, NO_ACTIVATION, NO_RULE, 1, &global, &k->lanes,
        ARGUMENTS(INT(is_first), SCALAR(cl_float, l1), ARGUMENT(parts), MEMORY_OF_GRADIENT(of[0]),
                  MEMORY_OF_GRADIENT(of[1]), MEMORY_OF_GRADIENT(of[2]), MEMORY_OF_GRADIENT(of[3]),
                  MEMORY_OF_GRADIENT(of[4]), MEMORY_OF_GRADIENT(of[5]), MEMORY(sums)),
        error);
}

/* Groups that add squares: enough for a GPU, fewer if there is little to add. */
static size_t clip_groups(const struct kernels *k, struct parameter *const *list, size_t count)
{
    size_t numbers = 0;
    for (size_t p = 0; p < count; p++)
        numbers += tensor_elements(&list[p]->value);
    return size_max(1, size_min(CLIP_SUMS, divide_up(numbers, k->lanes * k->chunk)));
}

clm_status opencl_clip_factor(struct clm_backend *be, struct parameter *const *list, size_t count, double l1,
                              double most, struct tensor *factor, struct clm_error *error)
{
    struct opencl_backend *const own = self(be);
    struct kernels *const k = own->kernels;
    clm_status status = CLM_OK;
    if (!own->clip_sums)
        status = opencl_allocate(be, CLIP_SUMS * sizeof(cl_float), &own->clip_sums, error);
    const struct tensor sums = {.rows = 1, .columns = clip_groups(k, list, count), .memory = own->clip_sums};
    for (size_t first = 0; status == CLM_OK && first < count; first += PARAMETERS_AT_ONCE) {
        const size_t taken = size_min(PARAMETERS_AT_ONCE, count - first);
        double floats = 0;
        for (size_t p = first; p < first + taken; p++)
            floats += size_of(&list[p]->gradient);
        opencl_expect(be, 0, floats);
        status = launch_squares(k, list + first, taken, first == 0, l1, &sums, error);
    }
    if (status != CLM_OK)
        return status;
    return kernel_table_launch(k, &k->table, KERNEL_CLIP_FACTOR, NO_ACTIVATION, NO_RULE, 1, &k->lanes,
                               &k->lanes,
                               ARGUMENTS(INT(sums.columns), SCALAR(cl_float, most),
                                         SCALAR(cl_float, CLIP_EPSILON), MEMORY(&sums), MEMORY(factor)),
                               error);
}

/* ---- sums of two tensors ---- */

/* Has the layout of blend.cl's struct, because both hold only numbers of eight bytes. */
struct blend_part {
    cl_ulong count, end;
};

struct blend_parts {
    struct blend_part of[PARAMETERS_AT_ONCE];
};

#define MEMORY_OF_PAIR(b) MEMORY((b)->into), MEMORY((b)->from)

/* Up to six pairs; after the last one comes the first again, without groups. */
static clm_status launch_blends(struct kernels *k, const struct blend *list, size_t count, enum blend_way way,
                                double share, struct clm_error *error)
{
    const size_t local = group_size(k);
    const struct blend *of[PARAMETERS_AT_ONCE];
    struct blend_parts parts;
    size_t groups = 0;
    for (size_t b = 0; b < PARAMETERS_AT_ONCE; b++) {
        of[b] = &list[b < count ? b : 0];
        const size_t numbers = b < count ? tensor_room(of[b]->into) : 0;
        groups += divide_up(numbers, local * k->chunk);
        parts.of[b] = (struct blend_part){numbers, groups};
    }
    const size_t global = groups * local;
    return kernel_table_launch(k, &k->table, KERNEL_BLEND, NO_ACTIVATION, NO_RULE, 1, &global, &local,
                               ARGUMENTS(INT(way), SCALAR(cl_float, share), ARGUMENT(parts),
                                         MEMORY_OF_PAIR(of[0]), MEMORY_OF_PAIR(of[1]), MEMORY_OF_PAIR(of[2]),
                                         MEMORY_OF_PAIR(of[3]), MEMORY_OF_PAIR(of[4]), MEMORY_OF_PAIR(of[5])),
                               error);
}

clm_status opencl_blends(struct clm_backend *be, const struct blend *list, size_t count, enum blend_way way,
                         double share, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t first = 0; status == CLM_OK && first < count; first += PARAMETERS_AT_ONCE) {
        const size_t taken = size_min(PARAMETERS_AT_ONCE, count - first);
        double floats = 0;
        for (size_t b = first; b < first + taken; b++)
            floats += (way == BLEND_SET ? 2 : 3) * size_of(list[b].into);
        opencl_expect(be, 0, floats);
        status = launch_blends(self(be)->kernels, list + first, taken, way, share, error);
    }
    return status;
}
