/* The names of OpenCL's and CLBlast's status codes. */
#ifndef CLM_COMPUTE_OPENCL_STATUS_H
#define CLM_COMPUTE_OPENCL_STATUS_H

#include "base/error.h"

#include <CL/cl.h>

/* "CL_OUT_OF_RESOURCES", or NULL for an unknown code. CLBlast returns OpenCL's codes, too. */
const char *opencl_status_name(int code);

/* The message is "PURPOSE: CALL failed: NAME (code)", for example "linear_forward: clEnqueueNDRangeKernel
 * failed: …". Codes that mean memory give CLM_ERROR_MEMORY with advice, all others CLM_ERROR_DEVICE. */
clm_status opencl_fail(struct clm_error *error, const char *purpose, const char *call, int code);

#endif
