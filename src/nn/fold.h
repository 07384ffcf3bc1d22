/* Nets for predictions: without what only training needs, and with batch normalisations as part of weights
 * and biases. */
#ifndef CLM_NN_FOLD_H
#define CLM_NN_FOLD_H

#include "nn/model.h"

/* The net that predicts as `net` does: nothing is dropped, and batch normalisations are gone. */
CLM_MUST_CHECK clm_status architecture_for_prediction(const struct architecture *net,
                                                      struct architecture *out, struct clm_error *error);

/* The values of a layer's tensor in the model; of a role that the layer has. */
const float *model_values(const struct clm_model *model, size_t layer, enum parameter_role role);

/* Weights (O,I) and biases (O) that give what a layer with batch normalisation gives by its running
 * statistics:
 *
 *   f = scale / sqrt(variance + epsilon)     W' = f W     b' = f (b - mean) + shift
 *
 * computed in double and rounded once. */
void fold_layer(const struct clm_model *model, size_t layer, float *W, float *b);

#endif
