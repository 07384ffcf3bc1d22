/* Reads NumPy's arrays, from any source of bytes, as inputs and labels of a set. */
#ifndef CLM_DATA_FORMATS_NPY_ARRAY_H
#define CLM_DATA_FORMATS_NPY_ARRAY_H

#include "data/format.h"

/* The source of an array's bytes. */
struct npy_source {
    const char *name; /* for messages: the file, or "FILE: ARRAY" */
    void *from;
    clm_status (*read)(void *from, void *bytes, size_t size, size_t *got, struct clm_error *error);
    /* Maps the next bytes, as stream_map does, instead of reading them; NULL if the source cannot. */
    clm_status (*map)(void *from, size_t size, struct mapping *mapping, void **bytes,
                      struct clm_error *error);
    size_t size; /* of the array and its header, if is_exact; else an upper bound */
    bool is_exact;
};

/* Reads the inputs, (rows, …), into a set that has been through npy_look_at_inputs and has its labels. uint8
 * stays bytes, and every other type becomes float32. Pictures are (rows, height, width), or (rows, channels,
 * height, width) or (rows, height, width, channels) with 1, 3 or 4 channels; they are put into planar order.
 * Fails with CLM_ERROR_FORMAT for NaN, infinity, and values too large for float32. */
CLM_MUST_CHECK clm_status npy_read_inputs(const struct npy_source *source, struct set *set,
                                          struct clm_error *error);

/* Reads only the header of the inputs: rows, features and shape. */
CLM_MUST_CHECK clm_status npy_look_at_inputs(const struct npy_source *source, struct set *set,
                                             struct clm_error *error);

/* Reads the labels of the set's rows: (rows), (rows, 1) or one-hot (rows, classes). They become classes of
 * the request if it has any, else new ones, which *out gets. */
CLM_MUST_CHECK clm_status npy_read_labels(const struct npy_source *source, const struct request *request,
                                          struct set *set, struct contents *out, struct clm_error *error);

#endif
