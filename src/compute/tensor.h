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
    size_t rows, columns; /* row-major, without gaps, if `panel` is 0 */
    /* Otherwise it lies in panels of so many rows, one after the other, the last one filled up. A panel is
     * stored column by column. Only a layer's weights lie so, see weights_create. */
    size_t panel;
    enum tensor_type type;
    size_t bytes; /* allocated */
    void *memory; /* the backend's; NULL in an empty tensor, and while memory is being planned */
};

/* The first `rows` rows of `of`, in the same memory: for a last batch that is smaller. Must not be freed. */
static inline struct tensor tensor_first_rows(const struct tensor *of, size_t rows)
{
    struct tensor view = *of;
    view.rows = rows;
    return view;
}

/* A view of a row's first `columns` elements, for the labels of a smaller batch. */
static inline struct tensor tensor_first_columns(const struct tensor *of, size_t columns)
{
    struct tensor view = *of;
    view.columns = columns;
    return view;
}

static inline size_t tensor_elements(const struct tensor *tensor)
{
    return tensor->rows * tensor->columns;
}

/* Elements that a tensor occupies in memory. */
static inline size_t tensor_room(const struct tensor *tensor)
{
    const size_t P = tensor->panel ? tensor->panel : 1;
    return (tensor->rows + P - 1) / P * P * tensor->columns;
}

static inline bool tensor_is_empty(const struct tensor *tensor)
{
    return tensor->rows == 0;
}

#endif
