/* Whether what a device has worked out is within its bound of what is right. */
#ifndef CLM_COMPUTE_OPENCL_WITHIN_H
#define CLM_COMPUTE_OPENCL_WITHIN_H

#include "compute/backend.h"

/* CLM_ERROR_WRONG, in words, unless |got - right| <= bound. */
CLM_MUST_CHECK clm_status within(const struct clm_backend *be, const char *operation, double got,
                                 double right, double bound, struct clm_error *error);

/* The loss and the right predictions of B rows of C classes; the bound is that of sums in float. */
CLM_MUST_CHECK clm_status sums_within(const struct clm_backend *be, size_t B, size_t C, double loss,
                                      size_t correct, double right_loss, size_t right_correct,
                                      struct clm_error *error);

#endif
