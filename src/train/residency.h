/* How much of a data set is in the backend's memory at a time: all of it, or two alternating shards. */
#ifndef CLM_TRAIN_RESIDENCY_H
#define CLM_TRAIN_RESIDENCY_H

#include "compute/backend.h"
#include "data/data.h"

struct residency {
    size_t shard, block; /* rows, see train/order.h */
    bool is_streamed;
    bool is_weighted; /* rows have a weight beside their label */
};

/* The request. */
struct residency_wish {
    enum clm_resident resident;
    size_t shard; /* rows that are shuffled together; 0: all of a resident set, else as many as fit */
    size_t batch;
    size_t rows_together, rows_most; /* the most that are resident together, and those of the largest set */
    bool is_weighted;                /* rows have weights */
};

/* Chooses what fits into `room` bytes and the backend's limit for one allocation. Fails with CLM_ERROR_MEMORY
 * if not even two minibatches fit. The memory plan checks whether a set that must be resident fits. */
CLM_MUST_CHECK clm_status residency_choose(const struct clm_backend *be, const struct clm_data *data,
                                           const struct residency_wish *wish, size_t room,
                                           struct residency *out, struct clm_error *error);

#endif
