/* The operands of one operation on a device, and what the device made of them.
 *
 * Operands have random content; outputs start as NaN. Each lies in a taller tensor, whose further rows the
 * operation must not write: after an output they hold numbers, after an input NaNs, so that reading them
 * shows, too. src/prove/view.h judges the outputs.
 *
 * A problem remembers its first failure, and after it does nothing more. */
#ifndef CLM_PROVE_OPERANDS_H
#define CLM_PROVE_OPERANDS_H

#include "base/philox.h"
#include "prove/operations.h"

struct problem {
    struct clm_backend *device;
    const struct operation *operation;
    const struct variant *variant;
    struct philox random;
    struct tensor tensors[OPERANDS_MAX]; /* the operands */
    struct tensor whole[OPERANDS_MAX];   /* with the rows behind them */
    double *before[OPERANDS_MAX],
        *after[OPERANDS_MAX]; /* of `whole`: as written; of an output, as read back */
    struct metrics sums;
    clm_status status;
    struct clm_error *error;
};

/* Makes the operands that the variant has. To be ended whatever its status. */
struct problem problem_begin(struct clm_backend *device, const struct operation *operation,
                             const struct variant *variant, struct clm_error *error);

/* Whether the device has room for the operands: fails with CLM_ERROR_MEMORY before anything is allocated.
 * `what` is tried. */
CLM_MUST_CHECK clm_status problem_check_memory(struct clm_backend *device, const struct operation *operation,
                                               const struct variant *variant, const char *what,
                                               struct clm_error *error);

/* Calls the operation; it may be called again. */
void problem_run(struct problem *problem);

/* Reads everything back: adds the outputs' bits to the judgement, and judges that nothing else was written. */
void problem_read(struct problem *problem, struct judgement *out);

/* Frees all; the status of it all. */
CLM_MUST_CHECK clm_status problem_end(struct problem *problem);

#endif
