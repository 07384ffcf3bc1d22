/* Compares a product of a device with one in double on the host: sampled elements, and the whole under a random vector. */
#ifndef CLM_PROVE_SAMPLED_H
#define CLM_PROVE_SAMPLED_H

#include "base/error.h"

#include <stddef.h>

/* factor D (M,N), by the strides of rows and columns; a factor of 0: nothing, and D may be NULL. */
struct summand {
    const float *d;
    size_t row, column;
    double factor;
};

/* What is done with a result: nothing, ReLU, or 0 where the mask (M,N) is not positive. All are 1-Lipschitz. */
enum cut { CUT_NOTHING, CUT_RELU, CUT_MASK };

/* R (M,N) = cut(alpha A (M,K) C (K,N) + summands). */
struct expected {
    size_t M, N, K;
    const float *a, *c;
    size_t a_row, a_column, c_row, c_column;
    double alpha;
    struct summand rest[2];
    enum cut cut;
    const float *mask;
};

/* All errors are over their bounds: 1 or less where `got` (M,N) is right, NaN where it has one. */

/* Of elements in every corner and in random places; of all, where that is not much work. */
double expected_samples(const struct expected *e, const float *got);

/* Of each row, without a cut, multiplied by a random vector of signs (Freivalds' check). */
CLM_MUST_CHECK clm_status expected_whole(const struct expected *e, const float *got, double *worst,
                                         struct clm_error *error);

/* The larger, NaN where one is. */
double larger(double a, double b);

/* k roundings to float, one after the other: |error| <= gamma(k) |sum of absolutes|; k u / (1 - k u), u = 2^-24. */
double rounding_bound(double k);

#endif
