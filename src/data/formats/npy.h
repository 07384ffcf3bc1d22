/* NumPy's arrays in files of their own, NPY or NPZ.
 *
 * A directory holds x.npy and y.npy, or names as array_name.h reads them. The labels of a single file are
 * beside it, in a file of the same name with y for x or labels for images. */
#ifndef CLM_DATA_FORMATS_NPY_H
#define CLM_DATA_FORMATS_NPY_H

#include "data/formats/array.h"

/* Reads the header of an array, which must begin the stream. */
CLM_MUST_CHECK clm_status npy_read_header(struct stream *stream, struct array_header *header,
                                          struct clm_error *error);

/* An array_opener of files: NPY, or NPZ of one array. `user` is a struct npz_file that begins with zeros, and
 * that the caller closes after the stream. */
CLM_MUST_CHECK clm_status npy_open(void *user, const char *path, bool are_labels, struct stream **out,
                                   struct array_header *header, struct clm_error *error);

/* Finds the file of the labels for the inputs at `path`: the one that the options name, or the one beside it.
 * *labels, which the caller frees, is NULL if there is none and rows may be without labels. */
CLM_MUST_CHECK clm_status npy_find_labels(const char *path, const struct request *request, char **labels,
                                          struct clm_error *error);

#endif
