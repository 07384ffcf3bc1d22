/* Augmentation of a data set's rows: checks whether it fits them, and prepares it for gather. */
#ifndef CLM_TRAIN_AUGMENT_H
#define CLM_TRAIN_AUGMENT_H

#include "compute/augmentation.h"
#include "data/data.h"

/* Fails with CLM_ERROR_SHAPE if the changes need pictures and the rows are none, with CLM_ERROR_ARGUMENT if a
 * number is out of range or too large for them. */
CLM_MUST_CHECK clm_status augmentation_check(const struct clm_augmentation *changes,
                                             const struct clm_data *data, struct clm_error *error);

/* The changes for batches of this data, from epoch 0 on. A row that is no picture counts as one line. */
struct augmentation augmentation_of(const struct clm_augmentation *changes, const struct clm_data *data,
                                    uint64_t seed);

#endif
