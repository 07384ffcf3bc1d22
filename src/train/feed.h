/* The rows of a data set in a backend's memory, as minibatches take them: all of them at once, or, of a set that is larger
 * than that memory, in shards, of which the next is read and uploaded while the backend computes on this one. */
#ifndef CLM_TRAIN_FEED_H
#define CLM_TRAIN_FEED_H

#include "nn/network.h"
#include "train/order.h"
#include "train/residency.h"

#include <pthread.h>

/* Rows on the backend: all of a set, or a shard. */
struct feed_slot {
    struct tensor values, labels, order; /* (shard, I), (1, shard), (1, shard) */
    struct resident view;                /* of the rows that are in it */
    struct tensor order_view;            /* the same */
    const struct rows *rows;             /* the set that is in it as a whole, or NULL */
};

struct feed {
    struct clm_backend *be;
    const struct clm_data *data;
    struct residency residency;
    struct tensor mean, scale; /* (1,I) */
    struct feed_slot slots[2];
    uint32_t *drawn; /* (shard) on the host; NULL where nothing is ever shuffled */

    const struct rows *rows; /* of this pass */
    struct epoch_order order;
    size_t shard; /* that minibatches come from */

    pthread_t loader;
    bool is_loading; /* the shard behind it, in that thread */
    clm_status loaded;
    struct clm_error error; /* of it */
};

/* Memory for sets of up to `rows` rows; nothing is in it yet. `be` and `data` outlive it. */
CLM_MUST_CHECK clm_status feed_create(struct clm_backend *be, const struct clm_data *data, size_t rows,
                                      const struct residency *residency, bool is_shuffled, struct feed *out,
                                      struct clm_error *error);
/* Accepts a zeroed feed. */
void feed_free(struct feed *feed);

/* Bytes of the backend's memory. */
size_t feed_bytes(const struct feed *feed);

/* Uploads the model's normalisation, and waits. */
CLM_MUST_CHECK clm_status feed_normalise(struct feed *feed, const struct clm_model *model,
                                         struct clm_error *error);

/* Begins a pass over `rows`, whose first shard is there when it returns: as they lie for epoch 0, else in the order that
 * `seed` and the epoch draw. */
CLM_MUST_CHECK clm_status feed_begin(struct feed *feed, const struct rows *rows, uint64_t seed, size_t epoch,
                                     struct clm_error *error);

/* The minibatch of up to `batch` rows from position `first` on, which goes up by the rows that are put out: 0 of them where
 * the pass is over. It is to be gathered before the next one is asked for. Waits where a shard begins, until it is there
 * and what was queued is computed. `batch` is the residency's. */
CLM_MUST_CHECK clm_status feed_batch(struct feed *feed, size_t first, size_t batch, struct minibatch *out,
                                     struct clm_error *error);

#endif
