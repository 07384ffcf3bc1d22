/* Initial parameters of a net. */
#ifndef CLM_NN_INITIALISE_H
#define CLM_NN_INITIALISE_H

#include "nn/model.h"

/* Fills weights and biases by `init`: "he" (or NULL), "xavier", "normal:STD", or the path of a safetensors
 * file with parameters of the model's shapes. Random weights are normal, biases zero; each layer draws from a
 * stream of its own, so that its weights depend on seed and layer alone. */
CLM_MUST_CHECK clm_status initialise(struct clm_model *model, const char *init, struct clm_error *error);

#endif
