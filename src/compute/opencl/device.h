/* An OpenCL device: found, chosen, opened. */
#ifndef CLM_COMPUTE_OPENCL_DEVICE_H
#define CLM_COMPUTE_OPENCL_DEVICE_H

#include "base/error.h"
#include "compute/opencl/parts.h"

#include <CL/cl.h>
#include <CL/cl_ext.h>

struct recording;

/* An open device: one context, and one in-order queue for all kernels. */
struct opencl_device {
    cl_device_id id;
    struct device_parts *parts; /* has `id` and the context, if that is a part of a device; else NULL */
    cl_context context;
    cl_command_queue queue;
    cl_command_queue transfers; /* uploads, while the other queue computes */
    struct clm_device about;
    bool uses_host_memory;
    struct opencl_profile *profile; /* times launches; NULL unless a profile is taken */
    struct recording *recording;    /* see compute/recording.h; NULL unless one is taken */
};

/* All devices of all platforms and their handles, which the caller frees; *about and *ids have the same
 * order. A device that does not tell its properties keeps the reason. */
CLM_MUST_CHECK clm_status opencl_devices(struct clm_device **about, cl_device_id **ids, size_t *count,
                                         struct clm_error *error);

/* Opens the device, or if it is a CPU and there are several parts, one of them. */
CLM_MUST_CHECK clm_status opencl_device_open(cl_device_id id, const struct clm_device *about, unsigned part,
                                             unsigned parts, struct opencl_device *out,
                                             struct clm_error *error);
void opencl_device_close(struct opencl_device *device);

/* Whether PoCL drives the device: its compiler is clang, which takes more than OpenCL C. */
bool opencl_is_pocl(const struct opencl_device *device);

/* Waits for all that is queued; `purpose` is for the sentence of a failure. */
CLM_MUST_CHECK clm_status queue_finish(cl_command_queue queue, const char *purpose, struct clm_error *error);

#endif
