/* Augmentation of a data set's rows: whether it fits them, and what gather needs to know of them. */
#ifndef CLM_TRAIN_AUGMENT_H
#define CLM_TRAIN_AUGMENT_H

#include "compute/augmentation.h"
#include "data/data.h"

/* Fails with CLM_ERROR_SHAPE where pictures are needed and rows are none, CLM_ERROR_ARGUMENT where a number is out of its
 * range or too large for them. */
CLM_MUST_CHECK clm_status augmentation_check(const struct clm_augmentation *changes,
                                             const struct clm_data *data, struct clm_error *error);

/* How batches of this data are changed, at the start of epoch 0; of rows that are no pictures each is one line. */
struct augmentation augmentation_of(const struct clm_augmentation *changes, const struct clm_data *data,
                                    uint64_t seed);

#endif
