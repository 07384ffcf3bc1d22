/* Replaces missing values, which readers store as NaN. */
#ifndef CLM_DATA_ANALYSIS_MISSING_H
#define CLM_DATA_ANALYSIS_MISSING_H

#include "data/data.h"

/* Replaces every NaN of the training, validation and test part as `how` says. A feature's mean is taken in
 * double over the values that the rows of data->train (after the split) have. Fails with CLM_ERROR_FORMAT if
 * a mean is needed and no row of data->train has a value. */
CLM_MUST_CHECK clm_status missing_fill(struct clm_data *data, enum clm_missing how, struct clm_error *error);

#endif
