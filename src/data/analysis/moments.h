/* Measures mean, deviation and range of features in one pass over the rows. */
#ifndef CLM_DATA_ANALYSIS_MOMENTS_H
#define CLM_DATA_ANALYSIS_MOMENTS_H

#include "data/data.h"

struct moments {
    size_t count;           /* of values x, at least 1 */
    double mean, squares;   /* squares: the sum of (x - mean)² */
    double lowest, highest; /* NaN is ignored */
};

/* Measures each feature over `rows`, which must not be empty. *out has data->features moments, which the
 * caller frees. A NaN or an infinite value makes its feature's mean NaN or infinite.
 *
 * Bytes: sums are exact, and results are off by a few u, u = 2^-53.
 *
 * Floats, with N rows, n = N / 64 + 1 and r the feature's range: the mean is off by at most 2 (n + 70) u r +
 * 2 u |mean|, and the deviation d, relatively, by (n + 13000) u / 2 + 2 (n + 70) u r / d. No term grows with
 * the distance of the values from 0. moments.c derives this. */
CLM_MUST_CHECK clm_status moments_measure(const struct clm_data *data, const struct rows *rows,
                                          struct moments **out, struct clm_error *error);

/* Moments of the values of `count` features together, which must all have the same number of values. The
 * bounds are those of floats with n = N / 64 + 1 + count, and 2 u |mean| more for the deviation, because each
 * feature's mean was rounded. */
struct moments moments_of_all(const struct moments *features, size_t count);

/* The standard deviation, with divisor N. */
double moments_deviation(const struct moments *moments);

#endif
