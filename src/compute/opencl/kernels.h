/* Our kernels: one host function each, with its arguments in the order of the .cl file. Functions that are
 * whole operations are in opencl.h. */
#ifndef CLM_COMPUTE_OPENCL_KERNELS_H
#define CLM_COMPUTE_OPENCL_KERNELS_H

#include "compute/backend.h"
#include "compute/opencl/device.h"
#include "compute/opencl/program.h"

enum kernel_name {
    KERNEL_GATHER_BYTES,
    KERNEL_GATHER_FLOATS,
    KERNEL_GATHER_AUGMENTED,
    KERNEL_GATHER_WEIGHTS,
    KERNEL_ADD_PENALTY,
    KERNEL_SOFTMAX_XENT,
    KERNEL_SOFTMAX_ROWS,
    KERNEL_BIAS_GRADIENT,
    KERNEL_BIAS_ACTIVATION,
    KERNEL_THROUGH_GATE,
    KERNEL_WEIGHTS_END,
    KERNEL_BIAS_UPDATE,
    KERNEL_PARAMETERS_STEP,
    KERNEL_GRADIENT_SQUARES,
    KERNEL_CLIP_FACTOR,
    KERNEL_BLEND,
    KERNEL_LABEL_LOSS,
    KERNEL_VALUE_LOSS,
    KERNEL_PEAK_COPY,
    KERNEL_PEAK_FMA,
    KERNEL_COUNT
};

/* For a kernel that has no activation, or no rule. */
#define NO_ACTIVATION ACTIVATION_COUNT
#define NO_RULE       RULE_COUNT

/* A kernel, its files in kernels/, and whether each activation and each rule has one of its own. */
struct kernel_about {
    const char *files, *name;
    bool by_activation, by_rule;
};

enum { KERNELS_MOST = 24 };

/* Kernels that are built with the same options. */
struct kernel_table {
    const struct kernel_about *about; /* at most KERNELS_MOST */
    char options[160];
    bool may_spill;             /* a GPU may keep an item's values outside its registers, which is slow */
    size_t items[KERNELS_MOST]; /* in the groups that a kernel needs; 0: any */
    cl_kernel handles[KERNELS_MOST][ACTIVATION_COUNT + 1][RULE_COUNT + 1];
};

struct built_program;

struct kernels {
    const struct opencl_device *device;
    struct built_program *built;       /* list of all tables' programs */
    struct kernel_table table, finish; /* finish: of finish.c, empty until a net needs it */
    size_t lanes;                      /* work-items in a group of softmax_xent and of the other losses */
    size_t strips; /* parts of the rows that items of bias_gradient take, for each of `lanes` columns */
    size_t chunk;  /* floats in a vector of the device */
    size_t span;   /* elements that an item of gather takes */
    size_t runs;   /* runs of 64 elements that an item of gather_augmented takes */
    /* groups of kernels/norm.cl */
    size_t column_lanes, column_strips, row_lanes;
};

/* The slots of sums.cl: at least one for each group of a kernel that adds to them. */
enum { METRICS_SLOT = 4, METRICS_SLOTS = 64, METRICS_COLUMNS = METRICS_SLOT * METRICS_SLOTS };

CLM_MUST_CHECK clm_status kernels_build(const struct opencl_device *device, struct kernels *out,
                                        struct clm_error *error);
void kernels_free(struct kernels *kernels);

/* Lets the kernels of finish.c have groups of up to `most` items: by columns as many lanes as strips, at most
 * 16; by rows at most 32. They are built anew. By default every item is a group on a CPU. */
void kernels_group_norms(struct kernels *k, size_t most);

/* Builds a kernel if needed. CLM_ERROR_DEVICE if the device cannot run it in groups of its items. */
CLM_MUST_CHECK clm_status kernel_table_build(struct kernels *k, struct kernel_table *table, size_t kernel,
                                             enum activation act, enum rule rule, struct clm_error *error);
/* Builds kernels first … end - 1; without a rule, only those that need none. */
CLM_MUST_CHECK clm_status kernel_table_build_range(struct kernels *k, struct kernel_table *table,
                                                   size_t first, size_t end, enum activation act,
                                                   enum rule rule, struct clm_error *error);
/* The programs stay until kernels_free. */
void kernel_table_free(struct kernel_table *table);

/* Queues a kernel of a table. Build it before the first step, so that no step waits for a compiler. */
CLM_MUST_CHECK clm_status kernel_table_launch(struct kernels *k, struct kernel_table *table, size_t kernel,
                                              enum activation act, enum rule rule, cl_uint dimensions,
                                              const size_t *global, const size_t *local,
                                              const struct kernel_argument *arguments,
                                              struct clm_error *error);

/* The tensor that a kernel gets as the gate it saves or reads, or as a parameter's state. If there is none,
 * it is `otherwise`, which the kernel does not use. */
const struct tensor *saved_gate(const struct epilogue *epilogue, const struct tensor *otherwise);
const struct tensor *read_gate(const struct gate *gate, const struct tensor *otherwise);
const struct tensor *state_of(const struct parameter *parameter, size_t s);

/* A step as kernels take it: struct step of optimiser.cl. */
struct step_argument {
    cl_float rate, momentum, penalty, decay;
    cl_float beta1, rest1, beta2, rest2, epsilon, root_scale, direct_rate;
    cl_float l1, keep;
};

struct step_argument step_argument(const struct step *step);

/* Y = act(Y + b), and the gate if the epilogue has room for it */
CLM_MUST_CHECK clm_status kernel_bias_activation(struct kernels *k, const struct epilogue *epilogue,
                                                 const struct tensor *b, struct tensor *Y,
                                                 struct clm_error *error);
/* dX = dX act'; nothing is queued if act' is 1 */
CLM_MUST_CHECK clm_status kernel_through_gate(struct kernels *k, const struct gate *gate, struct tensor *dX,
                                              struct clm_error *error);
/* Ends the step of weights after a product has added the gradient to their state: END of optimiser.cl */
CLM_MUST_CHECK clm_status kernel_weights_end(struct kernels *k, const struct step *step,
                                             struct parameter *parameter, struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_add_penalty(struct kernels *k, float penalty, const struct tensor *W,
                                             struct tensor *dW, struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_bias_gradient(struct kernels *k, const struct tensor *dZ, struct tensor *db,
                                               struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_bias_update(struct kernels *k, const struct step *step,
                                             const struct tensor *dZ, struct parameter *b,
                                             struct clm_error *error);

#endif
