/* What the tensors of a case must hold, element by element: kept while a result is judged, for a reader who
 * has neither the device nor the bounds any more. */
#ifndef CLM_PROVE_EXPECTATIONS_H
#define CLM_PROVE_EXPECTATIONS_H

#include "compute/backend.h"
#include "prove/bounds/bounds.h"

struct expectation {
    char name[80];
    struct tensor tensor; /* a copy, only for shape and place: its memory may be freed */
    /* (judged) in row-major order: elements before `judged` must be within `errors` of `values` */
    double *values, *errors;
    size_t judged;
    size_t unchanged; /* elements from here on must be as they were before */
};

struct expectations {
    struct expectation *list;
    size_t count;
    const void *sums_memory; /* of the metrics; NULL if the case has none */
    struct bounded_sums sums;
};

/* These do nothing if `kept` is NULL. A tensor is known by its memory. */

/* The tensor's elements from `unchanged` on must not change; nothing is said yet about those before it. */
CLM_MUST_CHECK clm_status expect_unchanged(struct expectations *kept, const char *name,
                                           const struct tensor *tensor, size_t unchanged,
                                           struct clm_error *error);

/* Its first `count` elements must be within `errors` of `values`, which are copied. Replaces what was
 * expected of them before. */
CLM_MUST_CHECK clm_status expect_values(struct expectations *kept, const char *name,
                                        const struct tensor *tensor, const double *values,
                                        const double *errors, size_t count, struct clm_error *error);

void expectations_free(struct expectations *kept);

#endif
