/* Reads NumPy's arrays, from any source of bytes, as inputs and labels of a set. */
#ifndef CLM_DATA_FORMATS_NPY_ARRAY_H
#define CLM_DATA_FORMATS_NPY_ARRAY_H

#include "data/files/stream.h"
#include "data/format.h"

/* Opens an array; `name` is its file's, or its own in an archive. The stream is closed before the next array
 * is opened. */
typedef clm_status npy_opener(void *user, const char *name, struct stream **out, struct clm_error *error);

/* Reads inputs and labels of the same rows into out->train or out->test. The training set decides the
 * classes: a test set's labels become its classes, unless the request has classes.
 *
 * Inputs are (rows, …). uint8 stays bytes, and every other type becomes float32. Pictures are (rows, height,
 * width), or (rows, channels, height, width) or (rows, height, width, channels) with 1, 3 or 4 channels; they
 * are put into planar order. Fails with CLM_ERROR_FORMAT for NaN, infinity, and values too large for float32.
 *
 * Labels are (rows), (rows, 1) or one-hot (rows, classes). They become classes of the request if it has any,
 * else new ones, which *out gets. */
CLM_MUST_CHECK clm_status npy_read_pair(npy_opener *open, void *user, const char *inputs, const char *labels,
                                        const struct request *request, bool is_train, struct contents *out,
                                        struct clm_error *error);

#endif
