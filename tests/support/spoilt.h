/* A backend whose operations may be replaced, one by one, by wrong ones. */
#ifndef CLM_TESTS_SPOILT_H
#define CLM_TESTS_SPOILT_H

#include "compute/host.h"

/* Its operations as they are, and those that it uses from now on; both of the last backend that was opened here. */
extern struct backend_operations right, spoilt;

/* blas, with room for one element beyond the end of each matrix. */
struct clm_backend *backend_to_spoil(void);

/* Of a matrix of such a backend. */
float *element(struct tensor *tensor, size_t i);
size_t count_of(const struct tensor *tensor);

#endif
