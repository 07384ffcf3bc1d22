/* Builds kernels from the sources inside the library, or from the folder CLMLP_KERNEL_DIR. */
#ifndef CLM_COMPUTE_OPENCL_PROGRAM_H
#define CLM_COMPUTE_OPENCL_PROGRAM_H

#include "base/error.h"
#include "compute/opencl/device.h"

/* A file of kernels/, which tools/embed.c puts into the library; a NULL name ends the table. */
struct kernel_source {
    const char *name; /* "gather.cl" */
    const char *text; /* ends with a NUL, not counted in size */
    size_t size;
};

extern const struct kernel_source kernel_sources[];
/* The kernel that clm_kernel_example returns, from examples/kernels/. */
extern const struct kernel_source kernel_examples[];
/* replay.c, the text that recording_replay returns. */
extern const struct kernel_source replay_program[];

/* The options that all our kernels are built with. Momentum leaves numbers below the smallest normal
 * float in a unit that gets no more gradients. A processor takes a hundred times as long for each, so on CPUs
 * they count as zero. */
const char *opencl_options(const struct opencl_device *device);

/* Builds files of kernels/, for example "vector.cl gather.cl", as one source with `options`. A failure shows
 * the numbered source lines, then the log. */
CLM_MUST_CHECK clm_status opencl_program_build(const struct opencl_device *device, const char *names,
                                               const char *options, cl_program *out, struct clm_error *error);

CLM_MUST_CHECK clm_status opencl_kernel_create(cl_program program, const char *name, cl_kernel *out,
                                               struct clm_error *error);

/* One argument of a kernel. */
struct kernel_argument {
    size_t size;
    const void *value;
    bool is_memory; /* the value is a cl_mem */
};

#define ARGUMENT(lvalue)    ((struct kernel_argument){sizeof(lvalue), &(lvalue), false})
#define SCALAR(type, value) ((struct kernel_argument){sizeof(type), &(const type){(type)(value)}, false})
#define INT(number)         SCALAR(cl_int, number)
#define MEMORY(tensor)      ((struct kernel_argument){sizeof(cl_mem), &(tensor)->memory, true})
#define LOCAL_MEMORY(bytes) ((struct kernel_argument){(bytes), NULL, false})

/* Lists a kernel's arguments in the order of the .cl file. */
#define ARGUMENTS(...) ((const struct kernel_argument[]){__VA_ARGS__, {0, NULL, false}})

/* Queues a kernel over `global` items in groups of `local` (NULL: the device chooses). `purpose` names the
 * operation in messages; `arguments` come from ARGUMENTS. */
CLM_MUST_CHECK clm_status opencl_launch(const struct opencl_device *device, cl_kernel kernel,
                                        const char *purpose, cl_uint dimensions, const size_t *global,
                                        const size_t *local, const struct kernel_argument *arguments,
                                        struct clm_error *error);

#endif
