/* Where a step's time goes: the device's own clock around each launch, and its peaks to compare with. */
#ifndef CLM_COMPUTE_OPENCL_PROFILE_H
#define CLM_COMPUTE_OPENCL_PROFILE_H

#include "compute/backend.h"
#include "compute/opencl/kernels.h"

/* A recorder; a device has one only while it is profiled. */
struct opencl_profile;

/* From now on launches are recorded, in a queue of their own. */
CLM_MUST_CHECK clm_status profile_start(struct opencl_device *device, struct clm_error *error);

/* Waits, puts the sums of each kernel into rows (the longest first; at most PROFILE_ROWS_MAX, the last of them the rest), and
 * ends it. */
CLM_MUST_CHECK clm_status profile_stop(struct opencl_device *device,
                                       struct profile_row rows[PROFILE_ROWS_MAX], size_t *count,
                                       struct clm_error *error);
/* Ends it without a result, as when a step fails. */
void profile_drop(struct opencl_device *device);

/* What the next launch computes and moves at least; nothing where no recorder is. */
void profile_expect(const struct opencl_device *device, double operations, double bytes);

/* Where a launch puts its event: NULL where no recorder is. `name` has to stay. */
cl_event *profile_event(const struct opencl_device *device, const char *name);

/* The same for a library's call of several launches: what it takes is the time since the launches before it. */
cl_event *profile_call(const struct opencl_device *device, const char *name);

/* Floating-point operations and bytes a second, measured now with kernels/peaks.cl. */
CLM_MUST_CHECK clm_status profile_peaks(struct clm_backend *be, struct kernels *k, double *operations,
                                        double *bytes, struct clm_error *error);

#endif
