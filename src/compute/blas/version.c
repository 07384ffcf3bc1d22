/* The version of OpenBLAS. */
#include "clmlp.h"

#include <cblas.h>
#include <stdio.h>

/* Its configuration begins with "OpenBLAS 0.3.21 ". */
const char *clm_openblas_version(void)
{
    static char version[32];
    return sscanf(openblas_get_config(), "OpenBLAS %31s", version) == 1 ? version : NULL;
}
