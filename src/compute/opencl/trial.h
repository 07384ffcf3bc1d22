/* A product tried on a device: is a provider's result right, and how long does it take? */
#ifndef CLM_COMPUTE_OPENCL_TRIAL_H
#define CLM_COMPUTE_OPENCL_TRIAL_H

#include "compute/opencl/gemm/provider.h"

/* A layer's operands on the device, its weights as `gemm` wants them, and on the host: random numbers, the same ones always. */
struct trial;

/* Of a batch of B rows so large that a product would take long, how many stand for all where time is measured. */
size_t trial_rows(size_t B, size_t I, size_t O);

CLM_MUST_CHECK clm_status trial_open(const struct gemm_provider *gemm, size_t B, size_t I, size_t O,
                                     struct trial **out, struct clm_error *error);
void trial_close(struct trial *trial);

/* *error_over_bound of the provider's result, NaN where it has one: at most 1 where it is right. Compared are elements of
 * every corner and of random places, with the epilogue, and the whole product without one, multiplied by a random vector
 * of signs (Freivalds' check), each under the bound of its sums. An update is tried with and without momentum, and along with
 * the next batch's forward product where the provider does both at once. */
CLM_MUST_CHECK clm_status trial_check(struct trial *trial, struct gemm_provider *gemm, enum product product,
                                      double *error_over_bound, struct clm_error *error);

/* *milliseconds of the fastest of a few runs; of one only, where that takes over `most` already. */
CLM_MUST_CHECK clm_status trial_time(struct trial *trial, struct gemm_provider *gemm, enum product product,
                                     double most, double *milliseconds, struct clm_error *error);

/* Floating-point operations of one run of a product. */
double trial_operations(const struct trial *trial);

/* Whether the provider's products of a layer are right at its very size, in memory of its own, and the end of a net of such a
 * layer, where the provider does that in one. CLM_ERROR_WRONG says what is not. */
CLM_MUST_CHECK clm_status trial_of_layer(struct gemm_provider *gemm, size_t B, size_t I, size_t O,
                                         struct clm_error *error);

/* "forward product" */
const char *product_name(enum product product);

#endif
