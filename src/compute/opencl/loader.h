/* What stands between a program and its OpenCL devices: files that name drivers, drivers, permissions, platforms. */
#ifndef CLM_COMPUTE_OPENCL_LOADER_H
#define CLM_COMPUTE_OPENCL_LOADER_H

#include "base/error.h"

typedef void (*finding_heard)(void *user, const struct clm_finding *finding);

/* The .icd files of `vendors`, a folder, or one such file, or a library by itself; whether each driver loads. */
void loader_examine_drivers(const char *vendors, finding_heard hear, void *user);

/* The render nodes in `directory`, which is /dev/dri. */
void loader_examine_nodes(const char *directory, finding_heard hear, void *user);

#define LOADER_VENDORS "/etc/OpenCL/vendors" /* where the environment names nothing else */

/* Where the OpenCL loader looks for drivers: a folder of .icd files, or another thing that the environment names. */
const char *loader_vendors(void);

#endif
