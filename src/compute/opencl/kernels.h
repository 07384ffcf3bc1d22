/* Our kernels, each behind one host function whose arguments stand in the .cl order. */
#ifndef CLM_COMPUTE_OPENCL_KERNELS_H
#define CLM_COMPUTE_OPENCL_KERNELS_H

#include "compute/backend.h"
#include "compute/opencl/device.h"

enum kernel_name {
    KERNEL_GATHER_BYTES,
    KERNEL_GATHER_FLOATS,
    KERNEL_GATHER_AUGMENTED,
    KERNEL_ADD_PENALTY,
    KERNEL_SOFTMAX_XENT,
    KERNEL_SOFTMAX_ROWS,
    KERNEL_BIAS_GRADIENT,
    KERNEL_BIAS_ACTIVATION, /* by activation, from here on */
    KERNEL_THROUGH_GATE,
    KERNEL_WEIGHTS_END, /* by rule, from here on */
    KERNEL_BIAS_UPDATE,
    KERNEL_PARAMETER_STEP,
    KERNEL_COUNT
};

/* The most variants that a kernel has by activation or by rule alone. */
#define KERNEL_VARIANTS ((int)ACTIVATION_COUNT > (int)RULE_COUNT ? (int)ACTIVATION_COUNT : (int)RULE_COUNT)

/* What a kernel is built for. A kernel that knows no activation, or no rule, leaves that to NO_ACTIVATION or NO_RULE. */
#define NO_ACTIVATION ACTIVATION_COUNT
#define NO_RULE       RULE_COUNT
struct kernel_variant {
    enum activation act;
    enum rule rule;
};

/* A kernel that was built; `files` and `options` are what it was built from. */
struct built_kernel;

struct kernels {
    const struct opencl_device *device;
    struct built_kernel *built; /* a list, freed with the rest */
    char options[80];
    size_t lanes; /* work-items of a group of softmax_xent */
    size_t chunk; /* floats of a vector of the device */
    size_t span;  /* elements that an item of gather takes */
    size_t runs;  /* of 64 elements, that one of gather_augmented takes */
    cl_kernel handles[KERNEL_COUNT][KERNEL_VARIANTS];
};

/* The slots of sums.cl, as many as a kernel that adds to them has groups at most. */
enum { METRICS_SLOT = 4, METRICS_SLOTS = 64, METRICS_COLUMNS = METRICS_SLOT * METRICS_SLOTS };

CLM_MUST_CHECK clm_status kernels_build(const struct opencl_device *device, struct kernels *out,
                                        struct clm_error *error);
void kernels_free(struct kernels *kernels);

/* The kernel `name` of `files` of kernels/, built with `options` for a variant when it is first asked for, and kept: *out stays
 * valid until kernels_free. Ask before the first step, so that no step waits for a compiler. */
CLM_MUST_CHECK clm_status kernels_get(struct kernels *k, const char *files, const char *options,
                                      struct kernel_variant variant, const char *name, cl_kernel *out,
                                      struct clm_error *error);

/* A step as kernels take it: struct step of optimiser.cl. */
struct step_argument {
    cl_float rate, momentum, penalty, decay;
};

struct step_argument step_argument(const struct step *step);

CLM_MUST_CHECK clm_status kernel_gather(struct kernels *k, const struct resident *data,
                                        const struct tensor *order, size_t first, struct tensor *X,
                                        struct tensor *labels, struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_gather_augmented(struct kernels *k, const struct augmentation *a,
                                                  const struct resident *data, const struct tensor *order,
                                                  size_t first, struct tensor *X, struct tensor *labels,
                                                  struct clm_error *error);
/* Y = act(Y + b), and the gate if the epilogue has room for it */
CLM_MUST_CHECK clm_status kernel_bias_activation(struct kernels *k, const struct epilogue *epilogue,
                                                 const struct tensor *b, struct tensor *Y,
                                                 struct clm_error *error);
/* dX = dX act'; nothing is queued if act' is 1 */
CLM_MUST_CHECK clm_status kernel_through_gate(struct kernels *k, const struct gate *gate, struct tensor *dX,
                                              struct clm_error *error);
/* What follows once a product has added the gradient to a weight's state: END of optimiser.cl */
CLM_MUST_CHECK clm_status kernel_weights_end(struct kernels *k, const struct step *step,
                                             struct parameter *parameter, struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_add_penalty(struct kernels *k, float penalty, const struct tensor *W,
                                             struct tensor *dW, struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_softmax_xent(struct kernels *k, const struct tensor *Z,
                                              const struct tensor *labels, const struct mixture *mixture,
                                              struct tensor *dZ, struct tensor *sums,
                                              struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_softmax_rows(struct kernels *k, const struct tensor *Z, struct tensor *P,
                                              struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_bias_gradient(struct kernels *k, const struct tensor *dZ, struct tensor *db,
                                               struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_bias_update(struct kernels *k, const struct step *step,
                                             const struct tensor *dZ, struct parameter *b,
                                             struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_parameter_step(struct kernels *k, const struct step *step,
                                                struct parameter *parameter, struct clm_error *error);

#endif
