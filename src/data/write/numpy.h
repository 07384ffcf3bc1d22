/* Writes arrays of floats as NumPy's .npz. */
#ifndef CLM_DATA_WRITE_NUMPY_H
#define CLM_DATA_WRITE_NUMPY_H

#include "base/error.h"

struct numpy_member {
    const char *name; /* "x.npy" */
    const float *values;
    size_t rows, columns; /* columns 0: a vector of `rows` */
};

/* Replaces the file at `path` by an archive of the arrays, and of a text. */
CLM_MUST_CHECK clm_status npz_write_members(const char *path, const struct numpy_member *members,
                                            size_t count, const char *text_name, const char *text,
                                            struct clm_error *error);

#endif
