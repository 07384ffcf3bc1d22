/* An OpenCL device: found, chosen, opened. */
#ifndef CLM_COMPUTE_OPENCL_DEVICE_H
#define CLM_COMPUTE_OPENCL_DEVICE_H

#include "base/error.h"

#include <CL/cl.h>
#include <CL/cl_ext.h>

/* A device that is open: one context, one queue in order for all that computes. */
struct opencl_device {
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    cl_command_queue transfers; /* of what is uploaded while the other computes */
    struct clm_device about;
    bool uses_host_memory;
    struct opencl_profile *profile; /* records launches; NULL but while a profile is taken */
};

/* All devices of all platforms with their handles; one that does not tell what it has bears that as its reason. *about and *ids (same order) are freed by the caller. */
CLM_MUST_CHECK clm_status opencl_devices(struct clm_device **about, cl_device_id **ids, size_t *count,
                                         struct clm_error *error);

CLM_MUST_CHECK clm_status opencl_device_open(cl_device_id id, const struct clm_device *about,
                                             struct opencl_device *out, struct clm_error *error);
void opencl_device_close(struct opencl_device *device);

/* Whether PoCL drives it, whose compiler is clang and takes more than OpenCL C. */
bool opencl_is_pocl(const struct opencl_device *device);

#endif
