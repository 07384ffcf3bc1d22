/* Writes a failing check as a program without clmlp, for a driver's makers: a folder with one C file, the
 * OpenCL C that the driver got, the operands as files, and a README. */
#ifndef CLM_CHECK_REPRODUCER_H
#define CLM_CHECK_REPRODUCER_H

#include "check/case.h"

/* Fails if a reproducer cannot be written: the folder holds something or cannot be made, or the backend has
 * no kernels. `directory` may be NULL: then none is wanted. */
CLM_MUST_CHECK clm_status reproducer_check(const char *directory, struct clm_backend *device,
                                           struct clm_error *error);

/* Runs a failing case again, records it, and writes it into `directory`, which appears as a whole or not at
 * all. Fills check->has_reproducer and check->reproducer. `about` is the device. */
void reproducer_write(const char *directory, struct clm_backend *device, struct clm_backend *bounds,
                      const struct clm_device *about, const struct check_case *which,
                      struct clm_check *check);

#endif
