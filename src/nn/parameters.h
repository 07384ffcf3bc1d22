/* A model's parameters as tensors of a safetensors file: layers.N.weight (O,I), layers.N.bias (O). */
#ifndef CLM_NN_PARAMETERS_H
#define CLM_NN_PARAMETERS_H

#include "nn/safetensors.h"
#include "nn/model.h"

#define PARAMETER_NAME_MAX 48

/* "layers.N.weight" or "layers.N.bias" */
void parameter_name(char name[PARAMETER_NAME_MAX], size_t layer, const char *kind);

/* The tensor of that name, if it is `rows` (x `columns`, 0 for none) of finite numbers; *out is never NULL on success.
 * `path` is for the sentence. */
CLM_MUST_CHECK clm_status parameter_find(const struct safetensors *file, const char *path, const char *name,
                                         size_t rows, size_t columns, const struct safetensor **out,
                                         struct clm_error *error);

/* Copies all weights and biases into a model of the same widths. Fails where the file lacks one, has one of another shape
 * or one beyond the net's last layer; the model's parameters are then undefined. */
CLM_MUST_CHECK clm_status parameters_take(struct clm_model *model, const struct safetensors *file,
                                          const char *path, struct clm_error *error);

#endif
