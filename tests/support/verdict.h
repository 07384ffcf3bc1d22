/* What verify says of a backend, and of kernels with one line broken. */
#ifndef CLM_TESTS_VERDICT_H
#define CLM_TESTS_VERDICT_H

#include "clmlp.h"

#include <stdbool.h>
#include <stddef.h>

#define FAILURES_MAX 64

struct verdict {
    size_t checks, failures;
    char failed[FAILURES_MAX][64]; /* operations, each time one failed */
    double worst_passed;
    bool passed;
    bool needs_one;             /* failure, and no check behind it */
    volatile sig_atomic_t stop; /* there is one */
};

/* Hears of a check, for a struct verdict. */
void verdict_hear(void *user, const struct clm_check *check);

struct verdict verify(struct clm_backend *backend);

/* Without products so large that they take long. */
struct verdict verify_quickly(struct clm_backend *backend);

/* Fails unless `operation` was named, and nothing else but steps that contain it, and what begins with `also`. */
void expect_named(const struct verdict *verdict, const char *operation, const char *also, const char *what);

/* A folder of all kernels, `file` with `from` replaced where it stands first; test_directory_remove removes it. */
char *broken_kernels(const char *file, const char *from, const char *to);

#endif
