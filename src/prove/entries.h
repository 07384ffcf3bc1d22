/* What a user's kernels must compute: for each entry of compute/user_kernels.h an operation, with operands
 * and one call for all backends, as in prove/operations.h. */
#ifndef CLM_PROVE_ENTRIES_H
#define CLM_PROVE_ENTRIES_H

#include "compute/user_kernels.h"
#include "prove/operations.h"

struct entry_operation {
    struct operation operation;
    enum operation_name like; /* has the variants of this one, as `adapt` changes them */
    void (*adapt)(struct variant *variant);
    const char *timed[2]; /* shapes at which it is timed */
};

extern const struct entry_operation entry_operations[ENTRY_COUNT];

/* Changes a variant of the like operation, or one that a user has written, into one of the entry. False if
 * the entry lacks the input that has a NaN or an infinity, or leaves its result undefined. */
bool entry_adapt(enum user_entry entry, struct variant *variant);

/* Floating-point operations of its products, 0 if it has none, and the bytes that it must at least move. */
double entry_operation_count(enum user_entry entry, const struct variant *variant);
double entry_bytes(enum user_entry entry, const struct variant *variant);

#endif
