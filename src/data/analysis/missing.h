/* Replaces missing values of tables. */
#ifndef CLM_DATA_ANALYSIS_MISSING_H
#define CLM_DATA_ANALYSIS_MISSING_H

#include "data/data.h"

/* Takes from the rows what replaces missing values of each column: the mean of those that are there, or the
 * most frequent category. Rows with missing values are encoded, and not yet filled. */
CLM_MUST_CHECK clm_status missing_fit(struct clm_inputs *inputs, const struct rows *rows,
                                      struct clm_error *error);

/* Replaces missing values, which are NaN, in `rows` rows of features. */
void missing_fill(const struct clm_inputs *inputs, enum clm_missing how, float *values, size_t rows);

#endif
