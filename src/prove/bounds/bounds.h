/* The fourth backend: running error analysis. For each element a tensor holds a value and a bound of its
 * error: how far a backend in float may be from the value. An operation computes both. It computes values as
 * the reference does. An error has two parts: what the inputs' errors become, and what the operation's own
 * roundings add. With exact inputs this is the bound of a single operation; a whole net that runs on this
 * backend gives the bound of whole training steps.
 *
 * Notation of the derivations: u = 2^-24 is half a float's unit in the last place. gamma(k) = k u / (1 - k u)
 * bounds the relative error of k roundings one after another. `inner` is an operation on the inputs' |value|,
 * `outer` the same operation on |value| + error. For a product, outer - inner is what the inputs' errors
 * become, and gamma(k) outer is what its roundings add. The reference computes all of them. k is one more
 * than the number of roundings, for the reference's own in double, which are 2^-29 of a float's. Each bound
 * adds the smallest normal float once for each term, because devices may flush smaller numbers to zero. */
#ifndef CLM_PROVE_BOUNDS_BOUNDS_H
#define CLM_PROVE_BOUNDS_BOUNDS_H

#include "compute/backend.h"

/* Opens the backend with a reference of its own; clm_backend_close frees both. */
CLM_MUST_CHECK clm_status bounds_open(struct clm_backend **out, struct clm_error *error);

/* The reference that computes this backend's values. */
struct clm_backend *bounds_reference(struct clm_backend *bounds);

/* A tensor's values and errors, row-major. A tensor that backend_write wrote has zeros as errors; so have
 * bytes and indices always. */
CLM_MUST_CHECK clm_status bounds_write(struct clm_backend *bounds, struct tensor *tensor,
                                       const double *values, const double *errors, struct clm_error *error);
CLM_MUST_CHECK clm_status bounds_read(struct clm_backend *bounds, const struct tensor *tensor, double *values,
                                      double *errors, struct clm_error *error);

/* The sums of metrics, and how far a backend's may be from them. */
struct bounded_sums {
    double loss, loss_error;
    double correct, correct_error; /* rows whose prediction the errors leave open */
};

CLM_MUST_CHECK clm_status bounds_sums(struct clm_backend *bounds, const struct metrics *metrics,
                                      struct bounded_sums *out, struct clm_error *error);

#endif
