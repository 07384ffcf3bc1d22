/* The arguments of kernels that take the steps of up to three layers of a net and gather the next batch. */
#ifndef CLM_COMPUTE_OPENCL_GEMM_UPDATES_H
#define CLM_COMPUTE_OPENCL_GEMM_UPDATES_H

#include "compute/opencl/kernels.h"

enum { LAYERS_AT_ONCE = 3 };

/* The n-th layer that takes a step; after the last, the first again, which the kernel does not use. */
static inline const struct layer_update *update_at(const struct layer_update *updates, size_t count, size_t n)
{
    return &updates[n < count ? n : 0];
}

/* A layer's tensors. */
#define MEMORY_OF_LAYER(u)                                                                                   \
    MEMORY(&(u)->dZ), MEMORY(&(u)->X), MEMORY(state_of(&(u)->layer->W, 0)), MEMORY(&(u)->layer->W.value),    \
        MEMORY(state_of(&(u)->layer->b, 0)), MEMORY(&(u)->layer->b.value)

/* Has the layout of updates.cl's struct, because both hold only numbers of four bytes. */
struct next_batch {
    cl_int rows, I, is_bytes, is_ordered;
    cl_uint first;
};

/* Without rows if `next` is NULL. */
static inline struct next_batch next_batch(const struct gathering *next)
{
    return next ? (struct next_batch){(cl_int)next->X->rows, (cl_int)next->X->columns,
                                      next->data->values.type == TENSOR_BYTE, next->order != NULL,
                                      (cl_uint)next->first}
                : (struct next_batch){0};
}

/* The next batch's tensors. `none` is passed for a tensor that does not exist, which the kernel does not
 * read. */
#define MEMORY_OF_NEXT(n, none)                                                                              \
    MEMORY((n) ? &(n)->data->values : (none)), MEMORY((n) ? &(n)->data->labels : (none)),                    \
        MEMORY((n) && (n)->order ? (n)->order : (none)), MEMORY((n) ? &(n)->data->mean : (none)),            \
        MEMORY((n) ? &(n)->data->scale : (none)), MEMORY((n) ? (n)->X : (none)),                             \
        MEMORY((n) ? (n)->labels : (none))

#endif
