/* A model's temperature T: its logits are divided by T wherever probabilities or losses are made of them. */
#ifndef CLM_NN_TEMPERATURE_H
#define CLM_NN_TEMPERATURE_H

#include "nn/network.h"

/* network_write, with weights and biases of the last layer divided by the model's temperature: what the net
 * computes then are the logits divided by it. It is for a net that predicts. */
CLM_MUST_CHECK clm_status network_write_tempered(struct network *net, const struct clm_model *model,
                                                 struct clm_error *error);

#endif
