/* The end of a net, which a provider may have a kernel of its own for: last layer, softmax and loss in one. */
#ifndef CLM_COMPUTE_OPENCL_TRIAL_HEAD_H
#define CLM_COMPUTE_OPENCL_TRIAL_HEAD_H

#include "compute/opencl/trial.h"

/* The provider's loss, dZ and input gradient of the trial's operands; *error_over_bound above 1, or NaN, is wrong. */
CLM_MUST_CHECK clm_status trial_check_head(struct trial *trial, struct gemm_provider *gemm,
                                           double *error_over_bound, struct clm_error *error);

#endif
