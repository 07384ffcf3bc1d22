#include "train/order.h"

#include "base/size.h"

#include <stdlib.h>

#define BLOCK_BYTES ((size_t)1 << 20) /* at most: a disk reads such a block at once */
/* Per shard. Rows of a block lie together in the set and may have one class: they must be few of a shard. */
#define BLOCKS_LEAST 64

size_t order_block(size_t shard, size_t batch, size_t row_bytes)
{
    const size_t most = size_max(1, size_min(BLOCK_BYTES / row_bytes, shard / BLOCKS_LEAST));
    size_t block = size_min(batch, most);
    while (batch % block)
        block--;
    while (block >= batch && block <= most / 2)
        block *= 2;
    return block;
}

clm_status order_create(size_t rows, size_t shard, size_t block, bool is_shuffled, struct epoch_order *out,
                        struct clm_error *error)
{
    *out = (struct epoch_order){rows, size_min(shard, rows), block, is_shuffled, NULL, {0}};
    const size_t whole = rows / block;
    if (!is_shuffled || out->shard == rows || !whole)
        return CLM_OK;
    out->blocks = malloc(whole * sizeof *out->blocks);
    return out->blocks ? CLM_OK
                       : clm_fail_host_memory(error, "the order of blocks", whole * sizeof *out->blocks);
}

void order_free(struct epoch_order *order)
{
    free(order->blocks);
    *order = (struct epoch_order){0};
}

size_t order_shard_count(const struct epoch_order *order)
{
    return (order->rows + order->shard - 1) / order->shard;
}

size_t order_shard_rows(const struct epoch_order *order, size_t shard)
{
    return size_min(order->shard, order->rows - shard * order->shard);
}

void order_begin(struct epoch_order *order, uint64_t seed, size_t epoch)
{
    order->random = philox_start(seed, RANDOM_SHUFFLE, (uint32_t)epoch);
    if (order->blocks)
        philox_permutation(&order->random, order->blocks, order->rows / order->block);
}

void order_draw(struct epoch_order *order, uint32_t *slots, size_t rows)
{
    philox_permutation(&order->random, slots, rows);
}

size_t order_row(const struct epoch_order *order, size_t shard, size_t slot)
{
    const size_t place = shard * order->shard + slot, block = place / order->block;
    if (!order->blocks || block >= order->rows / order->block)
        return place;
    return order->blocks[block] * order->block + place % order->block;
}
