/* The names of OpenCL's and CLBlast's status codes. */
#ifndef CLM_COMPUTE_OPENCL_STATUS_H
#define CLM_COMPUTE_OPENCL_STATUS_H

#include "base/error.h"

#include <CL/cl.h>

/* "CL_OUT_OF_RESOURCES", or NULL for a code without a name here. CLBlast returns OpenCL's codes too. */
const char *opencl_status_name(int code);

/* "CALL failed: NAME (code)"; what it was for comes first: "linear_forward: clEnqueueNDRangeKernel failed: …".
 * CLM_ERROR_MEMORY, and what to do, for the codes that mean memory, else CLM_ERROR_DEVICE. */
clm_status opencl_fail(struct clm_error *error, const char *purpose, const char *call, int code);

#endif
