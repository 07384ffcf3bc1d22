/* Which training rows are held out for validation. */
#ifndef CLM_DATA_SPLIT_H
#define CLM_DATA_SPLIT_H

#include "data/data.h"

/* Divides data->train, all rows of the training set, into training and validation part as the options' validation,
 * validation_by, validation_seed and limit say. Both keep the order of the file. Where the rows are not the last ones,
 * train_values and train_labels are reordered in place, and values that are mapped are copied first. CLM_ERROR_ARGUMENT where as many cannot
 * be held out. */
CLM_MUST_CHECK clm_status split_rows(struct clm_data *data, const struct clm_data_options *options,
                                     struct clm_error *error);

/* Marks `held` < count of the rows, each set of so many being as likely; with `classes` > 0, of each class about its
 * share (clmlp.h, CLM_SPLIT_STRATIFIED, says how many), and else of all together. `is_held` is (count), out. What is marked
 * depends on labels, held and seed alone. */
CLM_MUST_CHECK clm_status split_mark(const uint32_t *labels, size_t count, size_t classes, size_t held,
                                     uint64_t seed, bool *is_held, struct clm_error *error);

/* Moves the marked ones of `count` elements of `size` bytes behind the others; both keep their order. The smaller part goes
 * through a buffer. */
CLM_MUST_CHECK clm_status split_partition(void *elements, size_t size, size_t count, const bool *is_held,
                                          struct clm_error *error);

#endif
