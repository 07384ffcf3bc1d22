/* The checks that verify makes. */
#ifndef CLM_CHECK_PLAN_H
#define CLM_CHECK_PLAN_H

#include "check/case.h"

/* A list of cases under construction: it remembers its first failure and does nothing more after it. */
struct plan {
    struct case_list list;
    uint64_t seed; /* of each case's content */
    clm_status status;
    struct clm_error *error;
};

void plan_operation(struct plan *plan, enum operation_name name, const struct variant *variant);
void plan_steps(struct plan *plan, const struct step_case *steps, enum activation act, enum rule rule);

struct picture_shape {
    size_t N, B, channels, height, width, first;
};

/* A batch of B of the N pictures, changed. */
struct variant picture_variant(const struct picture_shape *shape, const struct clm_augmentation *changes);

/* A few awkward shapes of each operation and large products: shows in seconds whether a device can train. */
void plan_quick(struct plan *plan);
/* Each operation and option on awkward shapes and contents, outputs of a million elements, large products,
 * training steps. */
void plan_standard(struct plan *plan);
/* Random shapes, options, contents and nets, given by the plan's seed; and more large products. */
void plan_sweep(struct plan *plan);

#endif
