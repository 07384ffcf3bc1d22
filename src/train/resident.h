/* A part of a data set in a backend's memory. */
#ifndef CLM_TRAIN_RESIDENT_H
#define CLM_TRAIN_RESIDENT_H

#include "compute/backend.h"
#include "data/data.h"
#include "nn/model.h"

/* Allocates `rows` rows of `data` and their normalisation; bytes stay bytes. Freed by resident_free, which accepts a
 * zeroed *out. */
CLM_MUST_CHECK clm_status resident_create(struct clm_backend *be, const struct clm_data *data, size_t rows,
                                          struct resident *out, struct clm_error *error);
void resident_free(struct clm_backend *be, struct resident *resident);

/* Uploads rows, labels and the model's mean and scale, and waits. */
CLM_MUST_CHECK clm_status resident_write(struct clm_backend *be, struct resident *resident,
                                         const struct rows *rows, const struct clm_model *model,
                                         struct clm_error *error);

size_t resident_bytes(const struct resident *resident);

#endif
