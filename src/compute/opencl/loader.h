/* What stands between a program and its OpenCL devices: files that name drivers, drivers, permissions, platforms. */
#ifndef CLM_COMPUTE_OPENCL_LOADER_H
#define CLM_COMPUTE_OPENCL_LOADER_H

#include "base/error.h"

#include <stddef.h>

typedef void (*finding_heard)(void *user, const struct clm_finding *finding);

/* The .icd files of `vendors`, a folder, or one such file, or a library by itself; whether each driver loads. */
void loader_examine_drivers(const char *vendors, finding_heard hear, void *user);

#define LOADER_ICD_MOST 4096 /* bytes of an .icd file: it holds one name */

/* What an .icd file holds: the name of a driver's library, or what no OpenCL loader finds one by. */
enum icd_content { ICD_LIBRARY, ICD_NUL_BYTE, ICD_EMPTY_LINE, ICD_CARRIAGE_RETURN };

/* Takes the first line of an .icd file's bytes, at most LOADER_ICD_MOST, as the library's name, whole: up to a NUL, a \r or a
 * \n. Loads nothing. */
enum icd_content loader_parse_icd(const void *bytes, size_t size, char name[LOADER_ICD_MOST + 1]);

/* The render nodes in `directory`, which is /dev/dri. */
void loader_examine_nodes(const char *directory, finding_heard hear, void *user);

#define LOADER_VENDORS "/etc/OpenCL/vendors" /* where the environment names nothing else */

/* Where the OpenCL loader looks for drivers: a folder of .icd files, or another thing that the environment names. */
const char *loader_vendors(void);

#endif
