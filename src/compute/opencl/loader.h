/* What a program needs to reach OpenCL devices: files that name drivers, drivers, permissions, platforms. */
#ifndef CLM_COMPUTE_OPENCL_LOADER_H
#define CLM_COMPUTE_OPENCL_LOADER_H

#include "base/error.h"

#include <stddef.h>

typedef void (*finding_heard)(void *user, const struct clm_finding *finding);

/* Reports whether each driver loads. `vendors` is a folder of .icd files, one such file, or a library. */
void loader_examine_drivers(const char *vendors, finding_heard hear, void *user);

#define LOADER_ICD_MOST 4096 /* bytes of an .icd file: it holds one name */

/* What an .icd file holds: a driver library's name, or a mistake that hides it from OpenCL loaders. */
enum icd_content { ICD_LIBRARY, ICD_NUL_BYTE, ICD_EMPTY_LINE, ICD_CARRIAGE_RETURN };

/* Reads the library's whole name from the first line of an .icd file's bytes, at most LOADER_ICD_MOST: up to
 * a NUL, a \r or a \n. Loads nothing. */
enum icd_content loader_parse_icd(const void *bytes, size_t size, char name[LOADER_ICD_MOST + 1]);

/* Reports whether the render nodes in `directory`, which is /dev/dri, can be opened. */
void loader_examine_nodes(const char *directory, finding_heard hear, void *user);

#define LOADER_VENDORS "/etc/OpenCL/vendors" /* unless the environment names another */

/* Where the OpenCL loader looks for drivers: a folder of .icd files, or whatever the environment names. */
const char *loader_vendors(void);

#endif
