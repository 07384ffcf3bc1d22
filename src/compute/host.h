/* Common to backends in the host's memory: tensors are plain arrays, nothing is queued or waits. */
#ifndef CLM_COMPUTE_HOST_H
#define CLM_COMPUTE_HOST_H

#include "compute/backend.h"

/* The content of struct metrics. */
struct host_sums {
    double loss;
    uint64_t correct;
};

static inline struct host_sums *host_sums(struct metrics *metrics)
{
    return metrics->state.memory;
}

/* Entries of struct backend_operations. */
void host_close(struct clm_backend *be);
clm_status host_allocate(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *error);
void host_release(struct clm_backend *be, void *memory);
__typeof__(backend_write) host_write;
__typeof__(backend_read) host_read;
__typeof__(backend_write_part) host_write_part;
__typeof__(metrics_reset) host_metrics_reset;
__typeof__(metrics_read) host_metrics_read;

/* Entries for backends whose tensors are plain arrays of `real`. */
#define HOST_OPERATIONS(real)                                                                                \
    .element_sizes = {sizeof(real), 1, 4}, .close = host_close,                                              \
    .metrics_columns = sizeof(struct host_sums) / sizeof(real), .allocate = host_allocate,                   \
    .release = host_release, .write = host_write, .write_part = host_write_part, .read = host_read,          \
    .metrics_reset = host_metrics_reset, .metrics_read = host_metrics_read

/* Opens a backend that has nothing allocated yet; host_close frees it. */
CLM_MUST_CHECK clm_status host_open(const struct backend_operations *operations, enum clm_backend_kind kind,
                                    const char *device, const char *provider, struct clm_backend **out,
                                    struct clm_error *error);

#endif
