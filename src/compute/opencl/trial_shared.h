/* What all providers share, tried on a device at the sizes of a net, in memory of its own. CLM_ERROR_WRONG says what is off. */
#ifndef CLM_COMPUTE_OPENCL_TRIAL_SHARED_H
#define CLM_COMPUTE_OPENCL_TRIAL_SHARED_H

#include "compute/backend.h"

/* B rows of I elements, which are bytes or floats, in some order or as they lie: each element is what it has to be. */
CLM_MUST_CHECK clm_status trial_of_gather(struct clm_backend *be, size_t B, size_t I,
                                          struct clm_error *error);

/* Probabilities, loss, right predictions and gradient of B rows of C classes, against the reference. */
CLM_MUST_CHECK clm_status trial_of_loss(struct clm_backend *be, size_t B, size_t C, struct clm_error *error);

#endif
