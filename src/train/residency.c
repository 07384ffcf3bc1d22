#include "train/residency.h"

#include "base/size.h"
#include "train/order.h"

#define SHARDS_LEAST 8 /* of a streamed set: nothing is computed while the first one is loaded */

/* Bytes of a row's values in the backend's memory; `other_bytes` are its label or targets, its place in the
 * order, and its weight. */
static size_t value_bytes(const struct clm_backend *be, const struct clm_data *data)
{
    const enum tensor_type type = data->element == ELEMENT_BYTE ? TENSOR_BYTE : TENSOR_REAL;
    return data->features * be->operations->element_sizes[type];
}

static size_t other_bytes(const struct clm_backend *be, const struct clm_data *data, bool is_weighted)
{
    return 2 * sizeof(uint32_t) +
           (data->target_count + is_weighted) * be->operations->element_sizes[TENSOR_REAL];
}

/* Rows that fit into so many bytes; the values have a buffer of their own. */
static size_t rows_in(const struct clm_backend *be, const struct clm_data *data, bool is_weighted,
                      size_t bytes)
{
    const size_t row = value_bytes(be, data);
    return size_min(bytes / (row + other_bytes(be, data, is_weighted)), be->allocation_limit / row);
}

/* Whole minibatches and whole blocks: at most `rows` rows, but at least one minibatch. The blocks are those
 * of the resulting shard, so that the same shard, asked for again, has the same blocks. */
static struct residency shards_of(size_t rows, size_t batch, size_t row_bytes, bool is_streamed,
                                  bool is_weighted)
{
    const size_t whole = rows / batch * batch, block = order_block(whole, batch, row_bytes),
                 shard = whole / block * block;
    return (struct residency){shard, order_block(shard, batch, row_bytes), is_streamed, is_weighted};
}

static clm_status fail_small(const struct clm_backend *be, const struct clm_data *data, size_t batch,
                             bool is_weighted, size_t room, struct clm_error *error)
{
    const size_t row = value_bytes(be, data) + other_bytes(be, data, is_weighted);
    return clm_fail_setting(
        error, CLM_ERROR_MEMORY, "batch device-memory",
        "two minibatches of %zu rows, %.1f MiB, do not fit into the %.1f MiB that the net leaves of %s's memory; take smaller batches, or raise the limit",
        batch, mebibytes(2 * batch * row), mebibytes(room), be->device);
}

clm_status residency_choose(const struct clm_backend *be, const struct clm_data *data,
                            const struct residency_wish *wish, size_t room, struct residency *out,
                            struct clm_error *error)
{
    const size_t all = wish->rows_most, row_bytes = data_row_bytes(data), batch = wish->batch;
    const size_t fixed =
        2 * (data->features + data->target_count) * be->operations->element_sizes[TENSOR_REAL];
    const size_t left = room > 2 * fixed ? room - 2 * fixed : 0; /* mean and scale of two sets */
    const bool fits = wish->rows_together <= rows_in(be, data, wish->is_weighted, left);
    const bool is_streamed =
        wish->resident == CLM_RESIDENT_NO || (wish->resident == CLM_RESIDENT_AUTO && !fits);
    const size_t few = (all + SHARDS_LEAST - 1) / SHARDS_LEAST, block = order_block(all, batch, row_bytes);
    const size_t most = rows_in(be, data, wish->is_weighted, left / 2);
    size_t shard = wish->shard ? size_max(wish->shard, batch) : is_streamed ? round_up(few, batch) : all;
    if (is_streamed && wish->shard && shard > most && most >= batch)
        return clm_fail_setting(
            error, CLM_ERROR_MEMORY, "shard",
            "two shards of %zu rows, %.1f MiB, do not fit into the %.1f MiB that the net leaves of %s's memory; up to %zu rows do",
            wish->shard,
            mebibytes(2 * shard * (value_bytes(be, data) + other_bytes(be, data, wish->is_weighted))),
            mebibytes(room), be->device, shards_of(most, batch, row_bytes, true, wish->is_weighted).shard);
    if (is_streamed)
        shard = size_min(shard, most);
    if (shard < batch)
        return fail_small(be, data, batch, wish->is_weighted, room, error);
    *out = shard < all ? shards_of(shard, batch, row_bytes, is_streamed, wish->is_weighted)
                       : (struct residency){all, block, is_streamed, wish->is_weighted};
    return CLM_OK;
}
