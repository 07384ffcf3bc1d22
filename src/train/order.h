/* The order in which an epoch takes the rows of a set: shard by shard, so that a set can come in pieces.
 *
 * A shard is made of blocks, rows that lie together in the set and are read in one go. Shuffled, each epoch draws the
 * blocks of each shard anew, and then the order of the rows within the shard; of a single shard, that is any order of
 * all rows. The rows behind the last whole block are always in the last shard.
 *
 *   position   a row's place in the epoch, 0 … rows - 1; shard s has positions s shard, …
 *   slot       a row's place in its shard's memory
 */
#ifndef CLM_TRAIN_ORDER_H
#define CLM_TRAIN_ORDER_H

#include "base/error.h"
#include "base/philox.h"

struct epoch_order {
    size_t rows, shard, block; /* of the set, and of each shard and block but the last; shard: whole blocks */
    bool is_shuffled;
    uint32_t *blocks; /* (rows / block) which block of the set is at each place; NULL: as they lie */
    struct philox random;
};

/* Rows of a block for shards of `shard` rows of `row_bytes` bytes, a multiple of `batch`: a megabyte or less, so that a shard has
 * some dozens of blocks and a minibatch is never of one alone. It divides `batch`, or is a power of two times as large. */
size_t order_block(size_t shard, size_t batch, size_t row_bytes);

/* `shard` is a multiple of `block`, or at least `rows`. */
CLM_MUST_CHECK clm_status order_create(size_t rows, size_t shard, size_t block, bool is_shuffled,
                                       struct epoch_order *out, struct clm_error *error);
void order_free(struct epoch_order *order);

size_t order_shard_count(const struct epoch_order *order);
size_t order_shard_rows(const struct epoch_order *order, size_t shard);

/* Begins an epoch: draws the blocks of its shards. */
void order_begin(struct epoch_order *order, uint64_t seed, size_t epoch);

/* Draws slots[i] of the row at position i of the next shard, of as many rows; call it once for each shard, in their
 * order, and not at all where nothing is shuffled. */
void order_draw(struct epoch_order *order, uint32_t *slots, size_t rows);

/* The set's row in a slot of a shard: within a block, the next slot has the next row. */
size_t order_row(const struct epoch_order *order, size_t shard, size_t slot);

#endif
