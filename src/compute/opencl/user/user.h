/* A user's kernels on an OpenCL device: compute/user_kernels.h. entries.c says what a kernel must be declared
 * as, build.c builds the file, memory.c watches its memory, launch.c makes operations of its kernels, open.c
 * opens and closes it. */
#ifndef CLM_COMPUTE_OPENCL_USER_USER_H
#define CLM_COMPUTE_OPENCL_USER_USER_H

#include "compute/opencl/opencl.h"
#include "compute/user_kernels.h"

#define LOG_MOST     4000
#define UNKNOWN_MOST 16
#define NAME_MOST    128

/* A kernel as one order has built it. */
struct user_kernel {
    cl_kernel handle;
    size_t group[2], tile[2];
};

struct user_program {
    cl_program program;
    struct user_kernel kernels[ENTRY_COUNT];
    bool is_built;
};

struct user_backend {
    struct opencl_backend opencl; /* must be first; shares the device with the backend it was opened on */
    struct backend_operations operations;
    char *path, *build, *source;
    struct user_program programs[2]; /* by order */
    cl_program helpers;
    cl_kernel poison, address;
    cl_mem scratch;
    char unknown[UNKNOWN_MOST][NAME_MOST], log[LOG_MOST];
    size_t unknown_count;
    enum user_entry chosen;
    enum user_order order;
    bool is_bare, is_watched;
    void (*tell)(void *user, const char *operand, uint64_t address, size_t bytes);
    void *tell_to;
};

static inline struct user_backend *user_of(struct clm_backend *be)
{
    return (struct user_backend *)be;
}

static inline const struct user_backend *user_in(const struct clm_backend *be)
{
    return (const struct user_backend *)be;
}

/* ---- entries.c ---- */

/* Puts "your kernel `product` in FILE.cl: " before the error's sentence. Returns the error's status. */
clm_status blame_kernel(const struct user_backend *u, enum user_entry entry, struct clm_error *error);

/* One argument: "__global const float *X". */
struct declared {
    char type[NAME_MOST], name[NAME_MOST]; /* "float", "X" */
    bool is_pointer;
};

/* The nth argument of an entry; false after the last. */
bool declared_argument(enum user_entry entry, size_t n, struct declared *out);

/* Fails if the kernel has other arguments than its entry. */
CLM_MUST_CHECK clm_status check_arguments(const struct user_backend *u, enum user_entry entry,
                                          cl_kernel kernel, struct clm_error *error);

/* ---- build.c ---- */

/* Appends to `text` of `size` bytes, as far as there is room. */
void append_words(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Builds a text; `log` gets what the compiler says. Returns the code of the call that failed. */
cl_int build_text(const struct user_backend *u, const char *text, const char *options, cl_program *out,
                  char log[LOG_MOST]);

/* Builds the file for an order and opens its kernels, unless that is done. */
CLM_MUST_CHECK clm_status open_program(struct user_backend *u, enum user_order order,
                                       struct clm_error *error);

/* ---- memory.c ---- */

/* Entries of struct backend_operations: each tensor lies within memory of known content. */
clm_status user_allocate(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *error);
void user_release(struct clm_backend *be, void *memory);

/* Builds the kernels that fill memory and tell addresses. A device that cannot build them does without. */
void open_helpers(struct user_backend *u);

/* Fills local memory and the stacks of a CPU's threads with NaNs, so that a kernel that reads them before
 * it writes them computes NaNs. */
CLM_MUST_CHECK clm_status poison_memory(struct user_backend *u, struct clm_error *error);

/* Fails if the chosen kernel has written around the operand. */
CLM_MUST_CHECK clm_status check_surroundings(struct user_backend *u, cl_mem memory,
                                             const struct declared *operand, struct clm_error *error);

/* Tells where on the device the operand lies. */
CLM_MUST_CHECK clm_status tell_address(struct user_backend *u, cl_mem memory, const struct declared *operand,
                                       struct clm_error *error);

/* ---- launch.c ---- */

void set_user_operations(struct backend_operations *out);

#endif
