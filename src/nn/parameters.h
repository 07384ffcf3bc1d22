/* A net's tensors in a safetensors file: layers.N.weight (O,I), layers.N.bias (O), of a normalisation
 * layers.N.norm.weight, .norm.bias, .norm.running_mean and .norm.running_var (O); and their initial
 * values. */
#ifndef CLM_NN_PARAMETERS_H
#define CLM_NN_PARAMETERS_H

#include "nn/model.h"
#include "nn/safetensors.h"

/* Copies the tensor of that name into *values, which gets memory if it is NULL. Fails if the file has no such
 * tensor, or one of another shape or with numbers that are not finite. `path` is for the sentence. */
CLM_MUST_CHECK clm_status parameter_take(const struct parameter_spec *spec, const struct safetensors *file,
                                         const char *path, float **values, struct clm_error *error);

/* parameter_take of all tensors of the net. Fails, too, if the file has a layer above the net's last one, or
 * a normalisation that the net does not have; the model's parameters are undefined after a failure. */
CLM_MUST_CHECK clm_status parameters_take(struct clm_model *model, const struct safetensors *file,
                                          const char *path, struct clm_error *error);

/* Fills the net's tensors by `init`: "he" (or NULL), "xavier", "lecun", "orthogonal", "normal:STD",
 * "uniform:A", or the path of a safetensors file with parameters of the model's shapes. Random weights are
 * normal, orthogonal or uniform from -A to A, scales and variances 1, other vectors 0; each layer draws from
 * a stream of its own, so that its weights depend on seed and layer alone. Of a file with several nets, net
 * `net` is taken, counted on from the first after the last. */
CLM_MUST_CHECK clm_status initialise(struct clm_model *model, const char *init, size_t net,
                                     struct clm_error *error);

#endif
