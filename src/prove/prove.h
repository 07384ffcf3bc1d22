/* Checks whether a device computes rightly: each function runs operations and compares the results with the
 * right ones, under derived bounds. CLM_ERROR_WRONG says what is wrong. CLM_ERROR_MEMORY says that there is
 * no room to try; a plan finds that before anything is allocated. Host backends count as right. */
#ifndef CLM_PROVE_PROVE_H
#define CLM_PROVE_PROVE_H

#include "compute/backend.h"

/* What a layer is used for, and so how much must be right. Each use contains those before it. The last one
 * has memory for a state of the weights or for their gradient, and tries both. */
enum layer_use { LAYER_UNPROVED, LAYER_FORWARD, LAYER_STEP, LAYER_MOMENTUM };

/* The products of a layer at its exact size, on a backend of one provider, see provider_backend; and the end
 * of a net with such a last layer, if the provider fuses it. */
CLM_MUST_CHECK clm_status prove_layer(struct clm_backend *be, size_t B, size_t I, size_t O,
                                      enum layer_use use, struct clm_error *error);

/* Gathers B rows of I elements, as bytes or floats, in some order or none, and checks each element. If there
 * is too little room, tries fewer rows. */
CLM_MUST_CHECK clm_status prove_gather(struct clm_backend *be, size_t B, size_t I, struct clm_error *error);

/* Probabilities, loss, correct predictions and gradient of B rows of C classes. */
CLM_MUST_CHECK clm_status prove_loss(struct clm_backend *be, size_t B, size_t C, struct clm_error *error);

/* Rows that gather changes, and mixed labels. Once is enough for a device. */
CLM_MUST_CHECK clm_status prove_changes(struct clm_backend *be, struct clm_error *error);

/* The self-test before a device is used: a tiny layer with exact results, and rows. The layer is tried on the
 * provider of all products, or on those for unassigned ones until one is right; wrong ones are dropped. */
CLM_MUST_CHECK clm_status prove_device(struct clm_backend *be, struct clm_error *error);

/* The activations of a net with `count` layers, and their gates, that prove_device and prove_layer do not
 * try: those other than ReLU. */
CLM_MUST_CHECK clm_status prove_activations(struct clm_backend *be, const enum activation *acts, size_t count,
                                            struct clm_error *error);

/* The steps of a rule that prove_layer does not try: from stored gradients, or else of a linear rule after
 * momentum. */
CLM_MUST_CHECK clm_status prove_rule(struct clm_backend *be, enum rule rule, bool stores_gradients,
                                     struct clm_error *error);

#endif
