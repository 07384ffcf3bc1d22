/* Compares one of a device's results with what is right under a bound; and how far softmax, its gradient and the loss may be off. */
#ifndef CLM_PROVE_WITHIN_H
#define CLM_PROVE_WITHIN_H

#include "compute/backend.h"

/* CLM_ERROR_WRONG, "OPERATION gives GOT where RIGHT is right", unless |got - right| <= bound. */
CLM_MUST_CHECK clm_status within(const char *operation, double got, double right, double bound,
                                 struct clm_error *error);

/* The same failure as a sentence about the device, with what to do next; any other is passed on. */
CLM_MUST_CHECK clm_status fail_self_test(const struct clm_backend *be, const struct clm_error *why,
                                         struct clm_error *error);

/* ---- scores: what comes of a row of logits ---- */

/* A row's logits z (C), each of which a device may have off by `off`, and its right class: of mixed rows there are two, with
 * `share` of the first. */
struct scored_row {
    const double *z;
    size_t C;
    double off;
    size_t label, partner;
    double share;
    double largest, sum; /* of z; of exp(z - largest) */
    double moved;        /* by how much a device's z - largest may be off */
};

struct scored_row scored_row_of(const double *z, size_t C, double off, size_t label);

/* A class's probability p, and in *bound how far a device's may be from it. */
double scored_probability(const struct scored_row *row, size_t c, double *bound);
/* B times its part of the gradient of B rows: p - target. */
double scored_gradient(const struct scored_row *row, size_t c, size_t B, double *bound);

/* Sums over rows and how far a device's may be off. A prediction is open if the errors may decide it. */
struct scored_sums {
    double loss, loss_error, correct, correct_open;
};

void scored_add(struct scored_sums *sums, const struct scored_row *row);
/* The bound of the sum of the losses of B rows. */
double scored_loss_bound(const struct scored_sums *sums, size_t B);
CLM_MUST_CHECK clm_status scored_sums_within(const struct scored_sums *sums, size_t B, double loss,
                                             size_t correct, struct clm_error *error);

#endif
