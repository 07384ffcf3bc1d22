/* A product tried on a device: is a provider's result right, and how long does it take? */
#ifndef CLM_COMPUTE_OPENCL_TRIAL_H
#define CLM_COMPUTE_OPENCL_TRIAL_H

#include "compute/opencl/gemm.h"

/* A layer's operands on the device, its weights as `gemm` wants them, and on the host: random numbers, the same ones always. Of a batch so large that a
 * product would take long, some rows stand for all. */
struct trial;

CLM_MUST_CHECK clm_status trial_open(const struct gemm_provider *gemm, size_t B, size_t I, size_t O,
                                     struct trial **out, struct clm_error *error);
void trial_close(struct trial *trial);

/* *error_over_bound of the provider's result, NaN where it has one: at most 1 where it is right. Compared are elements of
 * every corner and of random places, with the epilogue, and the whole product without one, multiplied by a random vector
 * of signs (Freivalds' check), and of the update every bias, each under the bound of its sums. */
CLM_MUST_CHECK clm_status trial_check(struct trial *trial, struct gemm_provider *gemm, enum product product,
                                      double *error_over_bound, struct clm_error *error);

/* *milliseconds of the fastest of a few runs; of one only, where that takes over `most` already. */
CLM_MUST_CHECK clm_status trial_time(struct trial *trial, struct gemm_provider *gemm, enum product product,
                                     double most, double *milliseconds, struct clm_error *error);

/* Floating-point operations of one run of a product, and those of the batch the trial stands for. */
double trial_operations(const struct trial *trial);

#endif
