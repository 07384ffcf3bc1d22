/* How much of a data set is in the backend's memory at a time: all of it, or two shards in turn. */
#ifndef CLM_TRAIN_RESIDENCY_H
#define CLM_TRAIN_RESIDENCY_H

#include "compute/backend.h"
#include "data/data.h"

struct residency {
    size_t shard, block; /* rows, see train/order.h */
    bool is_streamed;
};

/* What is asked for. */
struct residency_wish {
    enum clm_resident resident;
    size_t shard; /* rows that are shuffled together; 0: what there is room for, and all of a resident set */
    size_t batch;
    size_t rows_together, rows_most; /* that are resident at once at most, and of the largest set */
};

/* Chooses what fits into `room` bytes and into what the backend allows at once. Fails with CLM_ERROR_MEMORY where not even
 * two minibatches do; that a set which is wished to be resident fits is for the memory plan to say. */
CLM_MUST_CHECK clm_status residency_choose(const struct clm_backend *be, const struct clm_data *data,
                                           const struct residency_wish *wish, size_t room,
                                           struct residency *out, struct clm_error *error);

#endif
