/* Where a step's time goes: the device's clock around each launch, and its peak rates for comparison. */
#ifndef CLM_COMPUTE_OPENCL_PROFILE_H
#define CLM_COMPUTE_OPENCL_PROFILE_H

#include "compute/backend.h"
#include "compute/opencl/kernels.h"

/* A recorder; a device has one only while a profile is taken. */
struct opencl_profile;

/* From now on, records all launches, in a queue of its own. */
CLM_MUST_CHECK __typeof__(backend_profile_start) profile_start;

/* Waits, ends the recording, and puts the sums of each kernel into rows, the longest first. At most
 * PROFILE_ROWS_MAX; the last row is then the rest. */
CLM_MUST_CHECK __typeof__(backend_profile_stop) profile_stop;
/* Ends it without a result, for example if a step fails. */
void profile_drop(struct opencl_device *device);

/* Tells what the next launch computes and moves at least. Does nothing without a recorder. */
void profile_expect(const struct opencl_device *device, double operations, double bytes);

/* Where to put a launch's event; NULL without a recorder. `name` must outlive the recorder. */
cl_event *profile_event(const struct opencl_device *device, const char *name);

/* Like profile_event, for a library call with several launches. Its time starts when the launches before it
 * end. */
cl_event *profile_call(const struct opencl_device *device, const char *name);

/* Peak floating-point operations and bytes per second, measured now with kernels/peaks.cl. */
CLM_MUST_CHECK __typeof__(backend_peaks) profile_peaks;

#endif
