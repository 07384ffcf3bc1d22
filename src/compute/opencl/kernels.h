/* Our kernels, each behind one host function whose arguments stand in the .cl order. */
#ifndef CLM_COMPUTE_OPENCL_KERNELS_H
#define CLM_COMPUTE_OPENCL_KERNELS_H

#include "compute/backend.h"
#include "compute/opencl/device.h"

enum kernel_name {
    KERNEL_GATHER_BYTES,
    KERNEL_GATHER_FLOATS,
    KERNEL_GATHER_AUGMENTED,
    KERNEL_BIAS_ACTIVATION,
    KERNEL_RELU_MASK,
    KERNEL_MOMENTUM_STEP,
    KERNEL_ADD_PENALTY,
    KERNEL_SOFTMAX_XENT,
    KERNEL_SOFTMAX_ROWS,
    KERNEL_BIAS_GRADIENT,
    KERNEL_BIAS_UPDATE_SGD,
    KERNEL_BIAS_UPDATE_MOMENTUM,
    KERNEL_UPDATE_SGD,
    KERNEL_UPDATE_MOMENTUM,
    KERNEL_COUNT
};

struct kernels {
    const struct opencl_device *device;
    cl_kernel handles[KERNEL_COUNT];
    size_t lanes; /* work-items of a group of softmax_xent */
    size_t chunk; /* floats of a vector of the device */
    size_t span;  /* elements that an item of gather takes */
    size_t runs;  /* of 64 elements, that one of gather_augmented takes */
};

/* The slots of sums.cl, as many as a kernel that adds to them has groups at most. */
enum { METRICS_SLOT = 4, METRICS_SLOTS = 64, METRICS_COLUMNS = METRICS_SLOT * METRICS_SLOTS };

CLM_MUST_CHECK clm_status kernels_build(const struct opencl_device *device, struct kernels *out,
                                        struct clm_error *error);
void kernels_free(struct kernels *kernels);

CLM_MUST_CHECK clm_status kernel_gather(struct kernels *k, const struct resident *data,
                                        const struct tensor *order, size_t first, struct tensor *X,
                                        struct tensor *labels, struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_gather_augmented(struct kernels *k, const struct augmentation *a,
                                                  const struct resident *data, const struct tensor *order,
                                                  size_t first, struct tensor *X, struct tensor *labels,
                                                  struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_bias_activation(struct kernels *k, enum activation act,
                                                 const struct tensor *b, struct tensor *Y,
                                                 struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_relu_mask(struct kernels *k, const struct tensor *Y, struct tensor *dX,
                                           struct clm_error *error);
CLM_MUST_CHECK clm_status kernel_momentum_step(struct kernels *k, float rate, float penalty,
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
CLM_MUST_CHECK clm_status kernel_update(struct kernels *k, const struct step *step,
                                        struct parameter *parameter, struct clm_error *error);

#endif
