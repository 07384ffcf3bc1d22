/* Values that a file leaves open: NaN in a set, until they are replaced. */
#ifndef CLM_DATA_ANALYSIS_MISSING_H
#define CLM_DATA_ANALYSIS_MISSING_H

#include "data/data.h"

/* Replaces every NaN of the training, validation and test rows by what `how` says. The mean of a feature is taken in
 * double over the rows of data->train, as they are after the split, that have a value. CLM_ERROR_FORMAT where no row
 * there has one and a mean is wanted. */
CLM_MUST_CHECK clm_status missing_fill(struct clm_data *data, enum clm_missing how, struct clm_error *error);

#endif
