#include "support/spoilt.h"

#include "support/fixtures.h"

struct backend_operations right, spoilt;

static clm_status (*fixture_allocate)(struct clm_backend *be, size_t bytes, void **memory,
                                      struct clm_error *error);

/* Adds room for writes beyond the end of a matrix, which else has nothing after it. */
static clm_status roomy_allocate(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *e)
{
    return fixture_allocate(be, bytes + sizeof(float), memory, e);
}

struct clm_backend *backend_to_spoil(void)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    right = spoilt = *backend->operations;
    fixture_allocate = right.allocate;
    right.allocate = spoilt.allocate = roomy_allocate;
    backend->operations = &spoilt;
    return backend;
}

float *element(struct tensor *tensor, size_t i)
{
    return (float *)tensor->memory + i;
}

size_t count_of(const struct tensor *tensor)
{
    return tensor->rows * tensor->columns;
}
