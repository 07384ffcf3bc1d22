/* NumPy's arrays, wherever their bytes come from, as inputs and labels of a set. */
#ifndef CLM_DATA_FORMATS_NPY_ARRAY_H
#define CLM_DATA_FORMATS_NPY_ARRAY_H

#include "data/format.h"

/* Where the bytes of an array come from. */
struct npy_source {
    const char *name; /* for errors: the file, or "FILE: ARRAY" */
    void *from;
    clm_status (*read)(void *from, void *bytes, size_t size, size_t *got, struct clm_error *error);
    /* Maps the next bytes instead, as stream_map does; NULL where that cannot be. */
    clm_status (*map)(void *from, size_t size, struct mapping *mapping, void **bytes,
                      struct clm_error *error);
    size_t size; /* bytes of the whole array file where is_exact; otherwise it has no more than these */
    bool is_exact;
};

/* The inputs, (rows, …), into *set but for the labels, which has been looked at before. Bytes stay bytes, all else becomes float32. (rows, height, width),
 * and (rows, channels, height, width) or (rows, height, width, channels) with 1, 3 or 4 channels, are images, put in planar
 * order. CLM_ERROR_FORMAT for NaN, infinity, and what float32 cannot hold. */
CLM_MUST_CHECK clm_status npy_read_inputs(const struct npy_source *source, struct set *set,
                                          struct clm_error *error);

/* Rows, features and shape of the inputs alone, by their header. */
CLM_MUST_CHECK clm_status npy_look_at_inputs(const struct npy_source *source, struct set *set,
                                             struct clm_error *error);

/* The labels, (rows), (rows, 1) or one-hot (rows, classes), of the rows that *set has, as classes of the request or new
 * ones, which *out gets. */
CLM_MUST_CHECK clm_status npy_read_labels(const struct npy_source *source, const struct request *request,
                                          struct set *set, struct contents *out, struct clm_error *error);

#endif
