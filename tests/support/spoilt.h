/* A backend whose operations can be replaced, one by one, with wrong ones. */
#ifndef CLM_TESTS_SPOILT_H
#define CLM_TESTS_SPOILT_H

#include "compute/host.h"

/* The right operations, and those that it uses from now on; both of the last backend opened here. */
extern struct backend_operations right, spoilt;

/* blas, with room for one element beyond the end of each matrix. */
struct clm_backend *backend_to_spoil(void);

/* Element i of a matrix of such a backend. */
float *element(struct tensor *tensor, size_t i);
size_t count_of(const struct tensor *tensor);

#endif
