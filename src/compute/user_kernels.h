/* A user's own kernels: a file of OpenCL C, whose kernels take the place of a backend's operations.
 *
 * A kernel with the name of an entry below is called with the entry's arguments. Everything above this file,
 * what is right included, then sees a backend like any other. */
#ifndef CLM_COMPUTE_USER_KERNELS_H
#define CLM_COMPUTE_USER_KERNELS_H

#include "base/error.h"

#include <stddef.h>

struct clm_backend;

enum user_entry {
    ENTRY_PRODUCT,
    ENTRY_FORWARD,
    ENTRY_BACKWARD_INPUT,
    ENTRY_BACKWARD_PARAMS,
    ENTRY_BACKWARD_UPDATE,
    ENTRY_UPDATE,
    ENTRY_SOFTMAX_XENT,
    ENTRY_SOFTMAX,
    ENTRY_GATHER,
    ENTRY_GATHER_FLOATS,
    ENTRY_GATHER_WEIGHTS,
    ENTRY_COUNT
};

/* Work-items lie over the entry's result: dimension 0 over its columns, dimension 1 over its rows. A list,
 * and rows that are computed as a whole, have dimension 0 alone. */
struct user_entry_about {
    const char *name;
    const char *arguments; /* as OpenCL C declares them */
    const char *computes;
    const char *tiles[2]; /* macros: results of a work-group in dimensions 0 and 1; NULL: no such dimension */
};

extern const struct user_entry_about user_entries[ENTRY_COUNT];

/* ENTRY_COUNT if no entry has that name. */
enum user_entry user_entry_named(const char *name);

/* In which order a device is asked to take the work-items. */
enum user_order {
    USER_ORDER_PLAIN,
    /* The last item of the last group has the number 0, and the compiler does not optimise. What depends on
     * the order, or on memory that was never written, then has another result on many devices. */
    USER_ORDER_TURNED,
};

/* Builds the file at `path` with the compiler's options `build` (may be NULL), for the opencl backend `be`,
 * which must outlive *out. Its tensors lie within memory of known content, so that an access outside is
 * noticed; `is_bare` allocates just the tensors, for a simulator that sees each access itself. Fails with
 * CLM_ERROR_BUILD if the file does not build, and with CLM_ERROR_ARGUMENT if it has no entry or one with
 * other arguments. */
CLM_MUST_CHECK clm_status user_kernels_open(struct clm_backend *be, const char *path, const char *build,
                                            bool is_bare, struct clm_backend **out, struct clm_error *error);

bool user_kernels_have(const struct clm_backend *user, enum user_entry entry);
/* The nth kernel of the file that is no entry; NULL after the last. */
const char *user_kernels_unknown(const struct clm_backend *user, size_t n);
/* What the compiler said; "" if nothing. */
const char *user_kernels_log(const struct clm_backend *user);
/* Work-items of a group, and results that a group computes, in dimensions 0 and 1. */
void user_kernels_sizes(const struct clm_backend *user, enum user_entry entry, size_t group[2],
                        size_t tile[2]);

/* Which kernel computes the operations that follow, in which order of work-items, and whether memory is
 * watched: unused local and private memory is filled before the kernel, and the memory around its operands
 * compared after it. Fails if the file does not build for that order. */
CLM_MUST_CHECK clm_status user_kernels_choose(struct clm_backend *user, enum user_entry entry,
                                              enum user_order order, bool is_watched,
                                              struct clm_error *error);

/* Called before each launch with the address of each operand on the device, if `is_bare`. */
void user_kernels_tell_addresses(struct clm_backend *user,
                                 void (*tell)(void *user, const char *operand, uint64_t address,
                                              size_t bytes),
                                 void *to);

#endif
