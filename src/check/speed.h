/* Times a user's kernel beside the library's own. */
#ifndef CLM_CHECK_SPEED_H
#define CLM_CHECK_SPEED_H

#include "compute/user_kernels.h"

/* A device's peak rates, in a second; zeros until they have been measured. */
struct peaks {
    double operations, bytes;
};

/* Times the entry at its shapes, on `user` and on what `device` has for it: its providers if it is a product,
 * else its own kernel. Its result is judged at each shape before that; a wrong one is a failed check, and
 * *passed becomes false. Measures *peaks if they are zeros. */
CLM_MUST_CHECK clm_status time_entry(struct clm_backend *device, struct clm_backend *user,
                                     struct clm_backend *bounds, enum user_entry entry,
                                     const struct clm_kernel_options *options, struct peaks *peaks,
                                     bool *passed, struct clm_error *error);

#endif
