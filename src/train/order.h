/* The order in which an epoch takes the rows of a set: shard by shard, so that a set can come in pieces.
 *
 * A shard consists of blocks: rows that lie together in the set and are read at once. If shuffled, each epoch
 * draws new blocks for each shard, then the order of the rows within the shard; with a single shard, that can
 * be any order of all rows. Rows after the last whole block are always in the last shard.
 *
 *   position   a row's place in the epoch, 0 … rows - 1; shard s has positions s shard, …
 *   slot       a row's place in its shard's memory
 */
#ifndef CLM_TRAIN_ORDER_H
#define CLM_TRAIN_ORDER_H

#include "base/error.h"
#include "base/philox.h"

struct epoch_order {
    size_t rows, shard,
        block; /* of the set, and of all shards and blocks but the last; shard: whole blocks */
    bool is_shuffled;
    uint32_t *blocks; /* (rows / block) the set's block at each place; NULL: the stored order */
    struct philox random;
};

/* Rows of a block, for shards of `shard` rows (a multiple of `batch`) of `row_bytes` bytes: at most a
 * megabyte, so that a shard has dozens of blocks and a minibatch more than one. Divides `batch`, or is 2^n
 * times as large. */
size_t order_block(size_t shard, size_t batch, size_t row_bytes);

/* `shard` is a multiple of `block`, or at least `rows`. */
CLM_MUST_CHECK clm_status order_create(size_t rows, size_t shard, size_t block, bool is_shuffled,
                                       struct epoch_order *out, struct clm_error *error);
void order_free(struct epoch_order *order);

size_t order_shard_count(const struct epoch_order *order);
size_t order_shard_rows(const struct epoch_order *order, size_t shard);

/* Begins an epoch: draws the blocks of its shards. */
void order_begin(struct epoch_order *order, uint64_t seed, size_t epoch);

/* Draws the slot slots[i] of the row at position i of the next shard, which has `rows` rows. Call it once for
 * each shard, in their order, and only if rows are shuffled. */
void order_draw(struct epoch_order *order, uint32_t *slots, size_t rows);

/* The set's row in a slot of a shard. Within a block, consecutive slots have consecutive rows. */
size_t order_row(const struct epoch_order *order, size_t shard, size_t slot);

#endif
