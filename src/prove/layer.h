/* A layer and a minibatch of random numbers, the same ones always, to compute products with on a backend of one provider: to judge
 * them, or to see how long they take. */
#ifndef CLM_PROVE_LAYER_H
#define CLM_PROVE_LAYER_H

#include "compute/providers.h"
#include "prove/prove.h"

struct layer_trial;

/* With what the use needs: a layer that is only used forward has no gradients, one without momentum no velocities. Plans its memory
 * first, and fails with CLM_ERROR_MEMORY before anything is allocated if there is not so much. */
CLM_MUST_CHECK clm_status layer_trial_open(struct clm_backend *be, size_t B, size_t I, size_t O,
                                           enum layer_use use, struct layer_trial **out,
                                           struct clm_error *error);
void layer_trial_close(struct layer_trial *trial);

/* Runs a product as a step does, and waits. */
CLM_MUST_CHECK clm_status layer_trial_run(struct layer_trial *trial, enum product product,
                                          struct clm_error *error);

/* *error_over_bound of the product's result, NaN where it has one: at most 1 if it is right. Compared are elements of every corner
 * and of random places, with the epilogue, and the whole product without one, multiplied by a random vector of signs (Freivalds'
 * check), each under the bound of its sums. An update is tried without and with momentum, and along with the next batch's forward
 * product if the provider does both at once. */
CLM_MUST_CHECK clm_status layer_trial_judge(struct layer_trial *trial, enum product product,
                                            double *error_over_bound, struct clm_error *error);

/* "forward product" */
const char *product_name(enum product product);

/* Fails with CLM_ERROR_WRONG: "it computes wrongly; …" */
CLM_MUST_CHECK clm_status layer_trial_fail(const struct layer_trial *trial, const char *what,
                                           double error_over_bound, struct clm_error *error);

#endif
