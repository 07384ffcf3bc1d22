/* Kernels: built from the sources inside the library, or from the folder CLMLP_KERNEL_DIR. */
#ifndef CLM_COMPUTE_OPENCL_PROGRAM_H
#define CLM_COMPUTE_OPENCL_PROGRAM_H

#include <stddef.h>

/* A file of kernels/, as tools/embed.c puts it into the library; the table ends with a NULL name. */
struct kernel_source {
    const char *name; /* "gather.cl" */
    const char *text; /* ends with a NUL that size does not count */
    size_t size;
};

extern const struct kernel_source kernel_sources[];

#endif
