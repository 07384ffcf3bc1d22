/* The operands of one operation on a device, and what the device made of them.
 *
 * Operands have random content; outputs start as NaN. Each lies in a taller tensor, whose other rows the
 * operation must not write: after an output they hold numbers, after an input NaNs, so that the results
 * show whether they were read. src/prove/view.c judges the outputs.
 *
 * A problem remembers its first failure and does nothing more after it. */
#ifndef CLM_PROVE_OPERANDS_H
#define CLM_PROVE_OPERANDS_H

#include "base/philox.h"
#include "prove/operations.h"

struct problem {
    struct clm_backend *device;
    const struct operation *operation;
    const struct variant *variant;
    struct philox random;
    uint64_t quick_state;                /* of the numbers that are drawn quickly */
    struct tensor tensors[OPERANDS_MAX]; /* the operands */
    struct tensor whole[OPERANDS_MAX];   /* and the rows after them */
    double *before[OPERANDS_MAX],
        *after[OPERANDS_MAX]; /* of `whole`: as written; of an output, as read back */
    struct metrics sums;
    clm_status status;
    struct clm_error *error;
};

/* Creates the operands that the variant has. Must be ended whatever its status. */
struct problem problem_begin(struct clm_backend *device, const struct operation *operation,
                             const struct variant *variant, struct clm_error *error);

/* Fails with CLM_ERROR_MEMORY, before anything is allocated, if the device has no room for the operands.
 * `what` names in the message what is tried. */
CLM_MUST_CHECK clm_status problem_check_memory(struct clm_backend *device, const struct operation *operation,
                                               const struct variant *variant, const char *what,
                                               struct clm_error *error);

/* Calls the operation; may be called several times. */
void problem_run(struct problem *problem);

/* Reads all operands back, adds the outputs' bits to the judgement, and checks that nothing else changed. */
void problem_read(struct problem *problem, struct judgement *out);

/* Frees all; returns the problem's status. */
CLM_MUST_CHECK clm_status problem_end(struct problem *problem);

/* ---- judging, in view.c ---- */

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

/* Runs a problem of a net's size without denormals, reads it and judges it; large ones in parts. */
struct judgement problem_try(struct problem *problem, struct clm_backend *bounds);

#endif
