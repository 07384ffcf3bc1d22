/* A known-answer test of a device, before it is trusted with real work. */
#ifndef CLM_COMPUTE_OPENCL_SELFTEST_H
#define CLM_COMPUTE_OPENCL_SELFTEST_H

#include "compute/backend.h"

/* A training step of a tiny layer, and a batch's way from data to loss, against the answers in double. CLM_ERROR_WRONG names the operation that is off. */
CLM_MUST_CHECK clm_status opencl_self_test(struct clm_backend *be, struct clm_error *error);

/* Rows that are moved, mirrored, cut, noisy and mixed, and the loss of mixed labels, against the reference. Kernels that few
 * use: call it before their first use. */
CLM_MUST_CHECK clm_status opencl_test_changes(struct clm_backend *be, struct clm_error *error);

#endif
