/* Whether a device computes rightly: each function runs operations on it and compares them with what they have to give, under
 * derived bounds. CLM_ERROR_WRONG tells in words what is wrong; CLM_ERROR_MEMORY that there is no room to try it, which is
 * found by a plan before anything is allocated. Host backends are taken for right. */
#ifndef CLM_PROVE_PROVE_H
#define CLM_PROVE_PROVE_H

#include "compute/backend.h"

/* What a layer is used for: how much of it has to be right. Each contains those before it. */
enum layer_use { LAYER_UNPROVED, LAYER_FORWARD, LAYER_STEP, LAYER_MOMENTUM };

/* The products of a layer at its very size on a backend of one provider, see provider_backend; and the end of a net of such a
 * layer, if the provider does that in one. */
CLM_MUST_CHECK clm_status prove_layer(struct clm_backend *be, size_t B, size_t I, size_t O,
                                      enum layer_use use, struct clm_error *error);

/* B rows of I elements, which are bytes or floats, in some order or as they lie: each element is what it has to be. With less
 * room, fewer rows are tried. */
CLM_MUST_CHECK clm_status prove_gather(struct clm_backend *be, size_t B, size_t I, struct clm_error *error);

/* Probabilities, loss, right predictions and gradient of B rows of C classes. */
CLM_MUST_CHECK clm_status prove_loss(struct clm_backend *be, size_t B, size_t C, struct clm_error *error);

/* Rows that are changed as they are gathered, and mixed labels: once is enough for a device. */
CLM_MUST_CHECK clm_status prove_changes(struct clm_backend *be, struct clm_error *error);

/* The self-test before a device is used: a tiny layer whose results are exact, by the provider of all products or, from the first
 * one on, by those that products which are assigned to none may go to, each wrong one of which is dropped; and rows. */
CLM_MUST_CHECK clm_status prove_device(struct clm_backend *be, struct clm_error *error);

#endif
