/* Whole training steps of a small net, from a resident data set to the weights afterwards. */
#ifndef CLM_CHECK_STEPS_H
#define CLM_CHECK_STEPS_H

#include "compute/backend.h"

/* One net, trained for `epochs` epochs of a data set whose last minibatch is smaller. */
struct step_case {
    size_t widths[5]; /* 0 ends them */
    size_t rows, batch, epochs;
    double momentum, l2;
    bool is_augmented; /* in every way; the inputs are pictures of 3 channels */
};

CLM_MUST_CHECK clm_status steps_check(struct clm_backend *device, struct clm_backend *reference,
                                      const struct step_case *which, struct clm_check *check,
                                      struct clm_error *error);

#endif
