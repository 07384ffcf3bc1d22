/* Records what a device is asked for, while a recording is taken. These functions do nothing otherwise. */
#ifndef CLM_COMPUTE_OPENCL_RECORDING_H
#define CLM_COMPUTE_OPENCL_RECORDING_H

#include "compute/backend.h"
#include "compute/opencl/program.h"
#include "compute/recording.h"

CLM_MUST_CHECK __typeof__(backend_record_start) record_start;
__typeof__(backend_record_stop) record_stop;

/* A kernel is about to be launched with these arguments. Reads the content of buffers that are new, and so
 * waits. */
CLM_MUST_CHECK clm_status record_launch(const struct opencl_device *device, cl_kernel kernel,
                                        cl_uint dimensions, const size_t *global, const size_t *local,
                                        const struct kernel_argument *arguments, struct clm_error *error);

/* The host is about to write to the beginning of a buffer. */
CLM_MUST_CHECK clm_status record_write(const struct opencl_device *device, cl_mem memory, const void *bytes,
                                       size_t count, struct clm_error *error);

/* The source with its build's options in a comment at the end, which the caller frees; NULL if there is no
 * memory. A recording needs them: CL_PROGRAM_BUILD_OPTIONS may return them in a form that clBuildProgram
 * refuses. */
char *note_options(const char *source, const char *options);

/* A library is about to launch kernels of its own; `name` is a literal. */
void record_library(const struct opencl_device *device, const char *name);

#endif
