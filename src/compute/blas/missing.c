/* Replaces blas.c if the library is built without BLAS. */
#include "compute/backend.h"

clm_status blas_open(struct clm_backend **out, struct clm_error *error)
{
    *out = NULL;
    return clm_fail(
        error, CLM_ERROR_DEVICE,
        "clmlp was built without the blas backend; install OpenBLAS (libopenblas-dev) and configure with -Dblas=enabled, or take the backend opencl or reference");
}

const char *clm_openblas_version(void)
{
    return NULL;
}
