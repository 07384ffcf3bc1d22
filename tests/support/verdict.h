/* verify's verdict on a backend, and kernels with one broken line. */
#ifndef CLM_TESTS_VERDICT_H
#define CLM_TESTS_VERDICT_H

#include "clmlp.h"

#include <stdbool.h>
#include <stddef.h>

#define OPERATIONS_MAX 64

struct verdict {
    size_t checks, failures;
    size_t failed_count;
    char failed[OPERATIONS_MAX][64]; /* the operations that failed, each once */
    double worst_passed;
    bool passed;
    bool needs_one;             /* the first failure ends the checks */
    volatile sig_atomic_t stop; /* it has come */
};

/* Takes a check into a struct verdict. */
void verdict_hear(void *user, const struct clm_check *check);

struct verdict verify(struct clm_backend *backend);

/* Leaves out products so large that they take long. */
struct verdict verify_quickly(struct clm_backend *backend);

/* Fails unless `operation` failed, and else only steps that contain it and names that begin with `also`. */
void expect_named(const struct verdict *verdict, const char *operation, const char *also, const char *what);

/* A folder of all kernels; in `file`, the first `from` is replaced. test_directory_remove removes it. */
char *broken_kernels(const char *file, const char *from, const char *to);

#endif
