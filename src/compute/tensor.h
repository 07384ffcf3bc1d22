/* A matrix in a backend's memory: the shape travels with it. */
#ifndef CLM_COMPUTE_TENSOR_H
#define CLM_COMPUTE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

enum tensor_type {
    TENSOR_REAL,  /* what the backend computes in: float, or double on the reference */
    TENSOR_BYTE,  /* uint8 */
    TENSOR_INDEX, /* uint32: labels, row numbers */
};

struct tensor {
    size_t rows, columns; /* row-major, without gaps */
    enum tensor_type type;
    size_t bytes; /* allocated */
    void *memory; /* the backend's; NULL in an empty tensor, and while memory is being planned */
};

/* The first `rows` rows of `of`, in the same memory: the batch of a ragged last step. Not to be freed. */
static inline struct tensor tensor_first_rows(const struct tensor *of, size_t rows)
{
    struct tensor view = *of;
    view.rows = rows;
    return view;
}

static inline bool tensor_is_empty(const struct tensor *tensor)
{
    return tensor->rows == 0;
}

#endif
