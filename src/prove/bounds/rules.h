/* Bounds of the optimiser's steps that are not linear. */
#ifndef CLM_PROVE_BOUNDS_RULES_H
#define CLM_PROVE_BOUNDS_RULES_H

#include "compute/backend.h"

/* For each number of a tensor, the least and the most that a backend may have after the step. */
struct rule_limits {
    double *least, *most;
};

/* Limits after a step of a parameter of the bounds backend: those of its value, then those of its states. The
 * parameter itself does not change. Limits that are no numbers bound nothing. */
void rule_limits_after(const struct parameter *parameter, const double *g, const double *g_error,
                       const struct step *step, const struct rule_limits out[1 + STATES_MOST]);

/* The limits of clip_factor for parameters of the bounds backend: one number each. */
void clip_limits(struct parameter *const *list, size_t count, double l1, double most, struct rule_limits out);

#endif
