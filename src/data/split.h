/* Chooses the training rows that are held out for validation. */
#ifndef CLM_DATA_SPLIT_H
#define CLM_DATA_SPLIT_H

#include "data/data.h"

/* Divides data->train, which holds all rows of the training set, into the training and the validation part,
 * as the options' validation, validation_by, validation_seed and limit say. Both parts keep the order of the
 * file. Unless the last rows are held out, its rows are reordered in place, and mapped values are copied
 * first. Fails with CLM_ERROR_ARGUMENT if so many rows cannot be held out. */
CLM_MUST_CHECK clm_status split_rows(struct clm_data *data, const struct clm_data_options *options,
                                     struct clm_error *error);

/* Marks `held` of the rows, fewer than `count`, at random. If `classes` is 0, every choice of so many rows is
 * equally likely. Otherwise about the same share of each class is marked; CLM_SPLIT_STRATIFIED in clmlp.h
 * says how many. is_held is (count), out. The result depends only on labels, held and seed. */
CLM_MUST_CHECK clm_status split_mark(const uint32_t *labels, size_t count, size_t classes, size_t held,
                                     uint64_t seed, bool *is_held, struct clm_error *error);

/* Moves the marked ones of `count` elements of `size` bytes to the end; marked and other elements keep their
 * order. A buffer holds whichever of the two are fewer. */
CLM_MUST_CHECK clm_status split_partition(void *elements, size_t size, size_t count, const bool *is_held,
                                          struct clm_error *error);

#endif
