/* Mean, deviation and range of features, measured in one pass over the rows. */
#ifndef CLM_DATA_ANALYSIS_MOMENTS_H
#define CLM_DATA_ANALYSIS_MOMENTS_H

#include "data/data.h"

struct moments {
    size_t count;           /* of values x, at least one */
    double mean, squares;   /* squares: the sum of (x - mean)² */
    double lowest, highest; /* of those values that are numbers */
};

/* Of each feature over `rows`, of which there is at least one: *out has data->features of them, for the caller to free.
 * A NaN or an infinite value makes its feature's mean one, too.
 *
 * Bytes: sums are exact, and what is derived from them is off by a few u, u = 2^-53.
 *
 * Floats, with N rows, n = N / 64 + 1 and r the feature's range: the mean is off by at most 2 (n + 70) u r + 2 u |mean|,
 * and the deviation d, relatively, by (n + 13000) u / 2 + 2 (n + 70) u r / d. Nothing of that grows with the
 * distance of the values from 0. moments.c says why. */
CLM_MUST_CHECK clm_status moments_measure(const struct clm_data *data, const struct rows *rows,
                                          struct moments **out, struct clm_error *error);

/* Of the values of `count` features together, which all have as many values. Bounds are those of floats with
 * n = N / 64 + 1 + count, and 2 u |mean| more for the deviation, for each feature's mean was rounded. */
struct moments moments_of_all(const struct moments *features, size_t count);

/* The mean square's root: divided by N. */
double moments_deviation(const struct moments *moments);

#endif
