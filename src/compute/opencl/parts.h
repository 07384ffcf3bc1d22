/* The equal parts of a CPU device, for nets that are trained at once. All parts are in one context and share
 * its programs, so that what each of them needs is built once. May be called from several threads. */
#ifndef CLM_COMPUTE_OPENCL_PARTS_H
#define CLM_COMPUTE_OPENCL_PARTS_H

#include "base/error.h"

#include <CL/cl.h>

struct device_parts {
    struct device_parts *next; /* in the list of all that are open */
    cl_device_id whole, *ids;  /* the device, and its parts */
    cl_uint count;
    cl_context context;
    struct part_program *programs;
    size_t users;
};

/* Divides a device, or takes the division into `count` that another user has made. */
CLM_MUST_CHECK clm_status parts_open(cl_device_id whole, const struct clm_device *about, unsigned count,
                                     struct device_parts **out, struct clm_error *error);
/* The last user frees it; NULL is none. */
void parts_close(struct device_parts *parts);

/* The program of a source of `size` bytes and its options, built for all parts; the caller releases it. If it
 * cannot be built, *out is the program with the log, and *code says why; if it cannot be made at all, *out is
 * NULL. */
CLM_MUST_CHECK clm_status parts_build(struct device_parts *parts, const char *source, size_t size,
                                      const char *options, cl_program *out, cl_int *code,
                                      struct clm_error *error);

#endif
