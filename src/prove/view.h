/* Judges a device's results of a problem by the same call on the bounds backend.
 *
 * A small problem is judged as a whole. A large one would take the bounds too long, so they see only a part
 * of it, and the same part of the results is compared:
 *
 *   sampled  the operands of some rows and columns, corners among them: each element of the results is a sum
 *            that has all its terms
 *   folded   all rows or columns as one, their sum under random signs (Freivalds' check): an operation that
 *            is linear gives the sum of its results. Its bound is the sum of their bounds. As bounds are
 *            linear in the operands' absolute values, it is the bound for these, summed without signs
 *   slices   some columns after the other, until all have been seen */
#ifndef CLM_PROVE_VIEW_H
#define CLM_PROVE_VIEW_H

#include "prove/operands.h"

/* What a device may make of inputs below the smallest normal float. */
enum flushing {
    FLUSHING_NONE, /* takes them as they are */
    FLUSHING_ALL,  /* takes all of them as zero */
    FLUSHING_ANY,  /* some of them: x is x/2 to within |x|/2, so both x and 0 are allowed */
    FLUSHING_COUNT
};

/* Judges all that was read of a problem. *has_denormals: whether its inputs have such numbers. */
CLM_MUST_CHECK clm_status judge_problem(const struct problem *problem, struct clm_backend *bounds,
                                        enum flushing flushing, bool *has_denormals,
                                        struct judgement *judgement, struct clm_error *error);

/* The same for a problem of a net's size without denormals; judges large ones in parts. */
CLM_MUST_CHECK clm_status judge_large_problem(const struct problem *problem, struct clm_backend *bounds,
                                              struct judgement *judgement, struct clm_error *error);

#endif
