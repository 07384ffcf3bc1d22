/* The operands of one operation on a device and on the bounds that judge it.
 *
 * Operands have random content, the same on both sides; outputs start as NaN. On the device each lies in a
 * taller tensor, whose further rows the operation must not write: after an output they hold numbers, after
 * an input NaNs, so that reading them shows, too.
 *
 * A problem remembers its first failure, and after it does nothing more. */
#ifndef CLM_PROVE_OPERANDS_H
#define CLM_PROVE_OPERANDS_H

#include "base/philox.h"
#include "prove/operations.h"

/* What a device may make of the inputs that are smaller than the smallest normal float. */
enum flushing {
    FLUSHING_NONE, /* takes them as they are */
    FLUSHING_ALL,  /* takes all of them for zero */
    FLUSHING_ANY,  /* some of them: x is x/2 to within |x|/2, so that what is allowed ends at both */
    FLUSHING_COUNT
};

struct problem {
    struct clm_backend *device, *bounds; /* no bounds: nothing is judged */
    const struct operation *operation;
    const struct variant *variant;
    enum flushing flushing;
    bool has_denormals; /* among the inputs */
    struct philox random;
    struct tensor tensors[OPERANDS_MAX], expected[OPERANDS_MAX]; /* the operands on both sides */
    struct tensor whole[OPERANDS_MAX]; /* on the device, with the rows behind them */
    double *before[OPERANDS_MAX];      /* of `whole`, as written */
    struct metrics sums, expected_sums;
    clm_status status;
    struct clm_error *error;
};

/* Makes the operands that the variant has. `bounds` may be NULL. To be ended whatever its status. */
struct problem problem_begin(struct clm_backend *device, struct clm_backend *bounds,
                             const struct operation *operation, const struct variant *variant,
                             enum flushing flushing, struct clm_error *error);

/* Whether the device has room for the operands: fails with CLM_ERROR_MEMORY before anything is allocated. */
CLM_MUST_CHECK clm_status problem_check_memory(struct clm_backend *device, const struct operation *operation,
                                               const struct variant *variant, struct clm_error *error);

/* Calls the operation on both sides. */
void problem_run(struct problem *problem);

/* Reads everything back, judges it, and frees all; the status of it all. */
CLM_MUST_CHECK clm_status problem_end(struct problem *problem, struct judgement *out);

#endif
