/* The rows of a data set in a backend's memory, from which minibatches are taken. A larger set comes in
 * shards: while the backend computes on one, the next is read and uploaded. */
#ifndef CLM_TRAIN_FEED_H
#define CLM_TRAIN_FEED_H

#include "nn/network.h"
#include "train/order.h"
#include "train/residency.h"

#include <pthread.h>

/* Rows on the backend: a whole set, or a shard. */
struct feed_slot {
    struct tensor values, labels, order; /* (shard, I), (1, shard), (1, shard) */
    struct tensor weights;               /* (1, shard), if the residency is weighted; else empty */
    struct tensor targets;               /* (shard, targets), as the net sees them; or empty */
    struct resident view;                /* the rows that are in the slot */
    struct resident target_view;         /* their targets, as values; empty if the pass has none */
    struct tensor order_view;            /* their order */
    const struct rows *rows;             /* the set, if the slot holds all of it, or NULL */
};

struct feed {
    struct clm_backend *be;
    const struct clm_data *data;
    struct residency residency;
    struct tensor mean, scale;     /* (1,I) */
    struct tensor zeros, ones;     /* (1,targets): targets are gathered as they are */
    const struct clm_model *model; /* of feed_normalise */
    float *standardised;           /* (block, targets) on the host; NULL without targets */
    struct feed_slot slots[2];
    uint32_t *drawn; /* (shard) on the host; NULL if nothing is ever shuffled */

    const struct rows *rows; /* of this pass */
    struct epoch_order order;
    size_t shard; /* of the present minibatches */

    pthread_t loader;
    bool is_loading; /* the next shard, in that thread */
    clm_status loaded;
    struct clm_error error; /* of loading */
};

/* Makes room for sets of up to `rows` rows, still empty. `be` and `data` must outlive it. */
CLM_MUST_CHECK clm_status feed_create(struct clm_backend *be, const struct clm_data *data, size_t rows,
                                      const struct residency *residency, bool is_shuffled, struct feed *out,
                                      struct clm_error *error);
/* Accepts a zeroed feed. */
void feed_free(struct feed *feed);

/* Bytes used in the backend's memory. */
size_t feed_bytes(const struct feed *feed);

/* Uploads the model's normalisation, and waits. The model, which must outlive the feed, also says how targets
 * are standardised. */
CLM_MUST_CHECK clm_status feed_normalise(struct feed *feed, const struct clm_model *model,
                                         struct clm_error *error);

/* Begins a pass over `rows` and waits for its first shard. Epoch 0 keeps the stored order; other epochs draw
 * one from `seed` and the epoch. */
CLM_MUST_CHECK clm_status feed_begin(struct feed *feed, const struct rows *rows, uint64_t seed, size_t epoch,
                                     struct clm_error *error);

/* feed_begin for a pass that goes on at row `position`, where a minibatch begins. */
CLM_MUST_CHECK clm_status feed_begin_at(struct feed *feed, const struct rows *rows, uint64_t seed,
                                        size_t epoch, size_t position, struct clm_error *error);

/* The minibatch of up to `batch` rows from position `first` on; 0 rows if the pass is over. The next `first`
 * is larger by its rows. Gather it before you ask for the next one. At the beginning of a shard, waits until
 * it is loaded and all queued work is done. `batch` is the residency's. */
CLM_MUST_CHECK clm_status feed_batch(struct feed *feed, size_t first, size_t batch, struct minibatch *out,
                                     struct clm_error *error);

#endif
