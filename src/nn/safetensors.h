/* safetensors: a JSON header (name -> dtype, shape, byte range) and the bytes, little-endian.
 * Source: the format's own description, https://github.com/huggingface/safetensors#format. F32 and F64 are
 * written; F64, F32, F16, BF16 and I64 are read, and become float32. A file is never trusted: every offset,
 * shape and length is checked before it is used. */
#ifndef CLM_NN_SAFETENSORS_H
#define CLM_NN_SAFETENSORS_H

#include "base/error.h"

#include <jansson.h>

#define SAFETENSORS_DIMENSIONS_MAX 4

struct safetensor {
    char *name;
    size_t dimension_count, shape[SAFETENSORS_DIMENSIONS_MAX];
    size_t count;  /* elements: the product of shape */
    float *values; /* aligned, inside the file's one block */
    /* Instead of `values`: it is F64 in the file that is written, or was read by safetensors_read_exactly. */
    double *doubles;
    /* Of a file that was read: where its bytes begin in the data, and the type that they have. */
    size_t begin;
    const struct safetensors_type *type;
};

struct safetensors {
    size_t count;
    struct safetensor *tensors; /* in the order of their bytes */
    json_t *metadata;           /* object of strings; never NULL */
    void *block;
};

CLM_MUST_CHECK clm_status safetensors_read(const char *path, struct safetensors *out,
                                           struct clm_error *error);
/* The same of a file of F32 and F64 alone, which keep their type and each bit; CLM_ERROR_FORMAT if a tensor
 * has another type. */
CLM_MUST_CHECK clm_status safetensors_read_exactly(const char *path, struct safetensors *out,
                                                   struct clm_error *error);
void safetensors_free(struct safetensors *file);

/* "(256,784)". Returns `text`. */
#define SAFETENSOR_SHAPE_TEXT 96
const char *safetensor_shape_text(char text[SAFETENSOR_SHAPE_TEXT], const size_t *shape, size_t count);

/* The tensor of that name, or NULL. */
const struct safetensor *safetensors_find(const struct safetensors *file, const char *name);

/* Replaces the file at `path`. Names, shapes and values of `tensors` are only read. `metadata` (strings) may
 * be NULL. */
CLM_MUST_CHECK clm_status safetensors_write(const char *path, const struct safetensor *tensors, size_t count,
                                            const json_t *metadata, struct clm_error *error);

#endif
