/* The products of a layer at its exact size, on a backend of one provider: judges or times them. */
#ifndef CLM_PROVE_LAYER_H
#define CLM_PROVE_LAYER_H

#include "compute/providers.h"
#include "prove/prove.h"

struct layer_trial;

/* Plans the memory for the use; if there is too little, fails with CLM_ERROR_MEMORY before anything is
 * allocated. A layer only used forward has no gradients; only a rule with states needs them. */
CLM_MUST_CHECK clm_status layer_trial_open(struct clm_backend *be, size_t B, size_t I, size_t O,
                                           enum layer_use use, struct layer_trial **out,
                                           struct clm_error *error);
void layer_trial_close(struct layer_trial *trial);

/* *error_over_bound of the product's results: at most 1 if it is right, NaN if a result is. Tries each way to
 * ask for the product, see operation_options; an update also as gradients alone, and along with the next
 * batch's forward product, if the provider fuses them. view.c says how they are judged. */
CLM_MUST_CHECK clm_status layer_trial_judge(struct layer_trial *trial, enum product product,
                                            double *error_over_bound, struct clm_error *error);

/* Makes the product's operands without judging it, for layer_trial_run. */
CLM_MUST_CHECK clm_status layer_trial_begin(struct layer_trial *trial, enum product product,
                                            struct clm_error *error);

/* Queues the product that was begun or judged last `count` times, as steps do, and waits once. */
CLM_MUST_CHECK clm_status layer_trial_run(struct layer_trial *trial, size_t count, struct clm_error *error);

/* "forward product" */
const char *product_name(enum product product);

/* Fails with CLM_ERROR_WRONG: "it computes wrongly; …" */
CLM_MUST_CHECK clm_status layer_trial_fail(const struct layer_trial *trial, const char *what,
                                           double error_over_bound, struct clm_error *error);

#endif
