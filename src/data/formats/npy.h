/* NumPy's arrays in files of their own.
 *
 * A directory holds x.npy and y.npy, or another of the pairs below. The labels of a single file are beside
 * it, in a file of the same name with y for x or labels for images. */
#ifndef CLM_DATA_FORMATS_NPY_H
#define CLM_DATA_FORMATS_NPY_H

#include "data/formats/array.h"

/* Names of inputs and labels in order of preference: those of a test set, then of a training set. Each list
 * ends with NULL. */
extern const char *const npy_pairs[2][9][2];

/* Reads the header of an array, which must begin the stream. */
CLM_MUST_CHECK clm_status npy_read_header(struct stream *stream, struct array_header *header,
                                          struct clm_error *error);

#endif
