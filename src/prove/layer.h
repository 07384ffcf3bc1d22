/* The products of a layer at its very size on a backend of one provider: to judge them, or to see how long they take. */
#ifndef CLM_PROVE_LAYER_H
#define CLM_PROVE_LAYER_H

#include "compute/providers.h"
#include "prove/prove.h"

struct layer_trial;

/* Plans the memory of all that the use needs, and fails with CLM_ERROR_MEMORY before anything is allocated if there is not so
 * much. A layer that is only used forward has no gradients, and only one whose rule keeps states has those. */
CLM_MUST_CHECK clm_status layer_trial_open(struct clm_backend *be, size_t B, size_t I, size_t O,
                                           enum layer_use use, struct layer_trial **out,
                                           struct clm_error *error);
void layer_trial_close(struct layer_trial *trial);

/* *error_over_bound of the product's results, NaN where they have one: at most 1 if it is right. Each way to ask for the product is
 * tried, see operation_options, an update also along with the next batch's forward product if the provider does both at once; and
 * judged as view.h says. */
CLM_MUST_CHECK clm_status layer_trial_judge(struct layer_trial *trial, enum product product,
                                            double *error_over_bound, struct clm_error *error);

/* Runs the product that was judged last as a step does, and waits. */
CLM_MUST_CHECK clm_status layer_trial_run(struct layer_trial *trial, enum product product,
                                          struct clm_error *error);

/* "forward product" */
const char *product_name(enum product product);

/* Fails with CLM_ERROR_WRONG: "it computes wrongly; …" */
CLM_MUST_CHECK clm_status layer_trial_fail(const struct layer_trial *trial, const char *what,
                                           double error_over_bound, struct clm_error *error);

#endif
