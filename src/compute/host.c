#include "compute/host.h"

#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64 /* a cache line, and the widest vector */

clm_status host_open(const struct backend_operations *operations, enum clm_backend_kind kind,
                     const char *device, const char *provider, struct clm_backend **out,
                     struct clm_error *error)
{
    struct clm_backend *be = calloc(1, sizeof *be);
    *out = be;
    if (!be)
        return clm_fail_host_memory(error, operations->name, sizeof *be);
    be->operations = operations;
    be->kind = kind;
    be->memory_limit = be->allocation_limit = SIZE_MAX;
    be->limited_by = "its addresses";
    be->uses_host_memory = true;
    snprintf(be->device, sizeof be->device, "%s", device);
    snprintf(be->provider, sizeof be->provider, "%s", provider);
    return CLM_OK;
}

void host_close(struct clm_backend *be)
{
    free(be);
}

clm_status host_allocate(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *error)
{
    (void)be;
    size_t padded;
    *memory =
        size_add(bytes, ALIGNMENT, &padded) ? aligned_alloc(ALIGNMENT, round_up(bytes, ALIGNMENT)) : NULL;
    return *memory ? CLM_OK : clm_fail_host_memory(error, "a matrix", bytes);
}

void host_release(struct clm_backend *be, void *memory)
{
    (void)be;
    free(memory);
}

clm_status host_write_part(struct clm_backend *be, struct tensor *tensor, size_t first, size_t count,
                           enum host_type type, const void *host, struct clm_error *error)
{
    (void)error;
    const size_t size = be->operations->element_sizes[tensor->type];
    if (tensor->type != TENSOR_REAL || size == (type == HOST_FLOAT ? sizeof(float) : sizeof(double)))
        memcpy((unsigned char *)tensor->memory + first * size, host, count * size);
    else if (type == HOST_FLOAT)
        for (size_t i = 0; i < count; i++)
            ((double *)tensor->memory)[first + i] = ((const float *)host)[i];
    else
        for (size_t i = 0; i < count; i++)
            ((float *)tensor->memory)[first + i] = (float)((const double *)host)[i];
    return CLM_OK;
}

clm_status host_write(struct clm_backend *be, struct tensor *tensor, enum host_type type, const void *host,
                      struct clm_error *error)
{
    return host_write_part(be, tensor, 0, tensor->rows * tensor->columns, type, host, error);
}

clm_status host_read(struct clm_backend *be, const struct tensor *tensor, enum host_type type, void *host,
                     struct clm_error *error)
{
    (void)error;
    const size_t count = tensor->rows * tensor->columns, size = be->operations->element_sizes[tensor->type];
    if (tensor->type != TENSOR_REAL || size == (type == HOST_FLOAT ? sizeof(float) : sizeof(double)))
        memcpy(host, tensor->memory, count * size);
    else if (type == HOST_FLOAT)
        for (size_t i = 0; i < count; i++)
            ((float *)host)[i] = (float)((const double *)tensor->memory)[i];
    else
        for (size_t i = 0; i < count; i++)
            ((double *)host)[i] = ((const float *)tensor->memory)[i];
    return CLM_OK;
}

clm_status host_metrics_reset(struct clm_backend *be, struct metrics *metrics, struct clm_error *error)
{
    (void)be, (void)error;
    *host_sums(metrics) = (struct host_sums){0};
    return CLM_OK;
}

clm_status host_metrics_read(struct clm_backend *be, const struct metrics *metrics, double *loss_sum,
                             size_t *correct, struct clm_error *error)
{
    (void)be, (void)error;
    const struct host_sums *sums = metrics->state.memory;
    *loss_sum = sums->loss;
    *correct = (size_t)sums->correct;
    return CLM_OK;
}
