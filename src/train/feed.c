#include "train/feed.h"

#include "base/size.h"
#include "nn/targets.h"

#include <stdlib.h>

/* ---- memory ---- */

static clm_status create_slot(struct feed *feed, size_t rows, bool is_shuffled, struct feed_slot *slot,
                              struct clm_error *error)
{
    struct clm_backend *const be = feed->be;
    const enum tensor_type type = feed->data->element == ELEMENT_BYTE ? TENSOR_BYTE : TENSOR_REAL;
    clm_status status;
    if ((status = tensor_create(be, type, rows, feed->data->features, &slot->values, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, rows, &slot->labels, error)) ||
        (feed->data->target_count &&
         (status = tensor_create(be, TENSOR_REAL, rows, feed->data->target_count, &slot->targets, error))) ||
        (feed->residency.is_weighted &&
         (status = tensor_create(be, TENSOR_REAL, 1, rows, &slot->weights, error))))
        return status;
    return is_shuffled ? tensor_create(be, TENSOR_INDEX, 1, rows, &slot->order, error) : CLM_OK;
}

/* What targets need beside the slots. */
static clm_status create_for_targets(struct feed *feed, struct clm_error *error)
{
    const size_t T = feed->data->target_count, block = feed->residency.block;
    clm_status status;
    if (!T)
        return CLM_OK;
    if ((status = tensor_create(feed->be, TENSOR_REAL, 1, T, &feed->zeros, error)) ||
        (status = tensor_create(feed->be, TENSOR_REAL, 1, T, &feed->ones, error)) ||
        feed->be->memory.is_planning)
        return status;
    feed->standardised = calloc(size_max(block, 2), T * sizeof *feed->standardised);
    if (!feed->standardised)
        return clm_fail_host_memory(error, "the targets of a block", block * T * sizeof *feed->standardised);
    if ((status = backend_write(feed->be, &feed->zeros, HOST_FLOAT, feed->standardised, error)))
        return status;
    for (size_t t = 0; t < T; t++)
        feed->standardised[t] = 1;
    return backend_write(feed->be, &feed->ones, HOST_FLOAT, feed->standardised, error);
}

static clm_status feed_create_tensors(struct feed *feed, size_t rows, bool is_shuffled,
                                      struct clm_error *error)
{
    const size_t I = feed->data->features;
    const size_t room = feed->residency.is_streamed ? size_min(feed->residency.shard, rows) : rows;
    clm_status status;
    if (rows > UINT32_MAX)
        return clm_fail_setting(
            error, CLM_ERROR_SHAPE, "limit",
            "a data set of %zu rows is over the %u that rows are counted in; take fewer of them", rows,
            UINT32_MAX);
    if ((status = tensor_create(feed->be, TENSOR_REAL, 1, I, &feed->mean, error)) ||
        (status = tensor_create(feed->be, TENSOR_REAL, 1, I, &feed->scale, error)) ||
        (status = create_for_targets(feed, error)))
        return status;
    for (int s = 0; s < (feed->residency.is_streamed ? 2 : 1); s++)
        if ((status = create_slot(feed, room, is_shuffled, &feed->slots[s], error)))
            return status;
    if (!is_shuffled || feed->be->memory.is_planning)
        return CLM_OK;
    feed->drawn = malloc(room * sizeof *feed->drawn);
    return feed->drawn ? CLM_OK
                       : clm_fail_host_memory(error, "the order of rows", room * sizeof *feed->drawn);
}

clm_status feed_create(struct clm_backend *be, const struct clm_data *data, size_t rows,
                       const struct residency *residency, bool is_shuffled, struct feed *out,
                       struct clm_error *error)
{
    *out = (struct feed){.be = be, .data = data, .residency = *residency};
    const clm_status status = feed_create_tensors(out, rows, is_shuffled, error);
    if (status != CLM_OK)
        feed_free(out);
    return status;
}

static void join_loader(struct feed *feed)
{
    if (feed->is_loading)
        pthread_join(feed->loader, NULL);
    feed->is_loading = false;
}

void feed_free(struct feed *feed)
{
    if (!feed->be)
        return;
    join_loader(feed);
    for (int s = 0; s < 2; s++) {
        tensor_free(feed->be, &feed->slots[s].values);
        tensor_free(feed->be, &feed->slots[s].labels);
        tensor_free(feed->be, &feed->slots[s].order);
        tensor_free(feed->be, &feed->slots[s].weights);
        tensor_free(feed->be, &feed->slots[s].targets);
    }
    tensor_free(feed->be, &feed->mean);
    tensor_free(feed->be, &feed->scale);
    tensor_free(feed->be, &feed->zeros);
    tensor_free(feed->be, &feed->ones);
    free(feed->standardised);
    order_free(&feed->order);
    free(feed->drawn);
    *feed = (struct feed){0};
}

size_t feed_bytes(const struct feed *feed)
{
    size_t bytes = feed->mean.bytes + feed->scale.bytes + feed->zeros.bytes + feed->ones.bytes;
    for (int s = 0; s < 2; s++)
        bytes += feed->slots[s].values.bytes + feed->slots[s].labels.bytes + feed->slots[s].order.bytes +
                 feed->slots[s].weights.bytes + feed->slots[s].targets.bytes;
    return bytes;
}

clm_status feed_normalise(struct feed *feed, const struct clm_model *model, struct clm_error *error)
{
    feed->model = model;
    const clm_status status = backend_write(feed->be, &feed->mean, HOST_FLOAT, model->mean, error);
    return status ? status : backend_write(feed->be, &feed->scale, HOST_FLOAT, model->scale, error);
}

/* ---- rows into their slot ---- */

/* How many blocks beyond the one being uploaded are requested from the disk. */
#define BLOCKS_AHEAD 8

/* Rows that are uploaded together: the whole set, or a shard. */
static size_t rows_at_once(const struct feed *feed, size_t shard)
{
    return feed->residency.is_streamed ? order_shard_rows(&feed->order, shard) : feed->rows->count;
}

/* The set's row for a slot's row; a resident set keeps its order. */
static size_t set_row(const struct feed *feed, size_t shard, size_t slot_row)
{
    return feed->residency.is_streamed ? order_row(&feed->order, shard, slot_row) : slot_row;
}

static size_t block_rows(const struct feed *feed, size_t shard, size_t first)
{
    return size_min(feed->residency.block, rows_at_once(feed, shard) - first);
}

static void expect_block(const struct feed *feed, size_t shard, size_t first)
{
    if (feed->rows->is_mapped && first < rows_at_once(feed, shard))
        mapping_expect(data_row(feed->data, feed->rows, set_row(feed, shard, first)),
                       block_rows(feed, shard, first) * data_row_bytes(feed->data));
}

/* Whether this pass has weights to upload. */
static bool has_weights(const struct feed *feed)
{
    return feed->residency.is_weighted && feed->rows->weights;
}

/* Whether this pass has targets to upload; rows to predict may have none. */
static bool has_targets(const struct feed *feed)
{
    return feed->data->target_count && feed->rows->targets;
}

/* Standardises and uploads the targets of `rows` rows of the set, from row `from` on, to row `first` of the
 * slot. */
static clm_status upload_targets(struct feed *feed, struct feed_slot *slot, size_t first, size_t from,
                                 size_t rows, struct clm_error *error)
{
    const size_t T = feed->data->target_count;
    const double *const targets = feed->rows->targets + from * T;
    for (size_t i = 0; i < rows * T; i++)
        feed->standardised[i] = target_of_net(feed->model, i % T, targets[i]);
    return backend_write_part(feed->be, &slot->targets, first * T, rows * T, HOST_FLOAT, feed->standardised,
                              error);
}

/* Uploads a block's values, labels or targets, and weights. A mapped block is read from the disk, then
 * released. */
static clm_status upload_block(struct feed *feed, size_t shard, struct feed_slot *slot, size_t first,
                               struct clm_error *error)
{
    const size_t rows = block_rows(feed, shard, first), from = set_row(feed, shard, first),
                 I = feed->data->features;
    const void *const values = data_row(feed->data, feed->rows, from);
    const enum host_type type = feed->data->element == ELEMENT_BYTE ? HOST_BYTE : HOST_FLOAT;
    clm_status status = backend_write_part(feed->be, &slot->values, first * I, rows * I, type, values, error);
    data_forget(feed->data, feed->rows, from, rows);
    if (status == CLM_OK)
        status = backend_write_part(feed->be, &slot->labels, first, rows, HOST_INDEX,
                                    feed->rows->labels + from, error);
    if (status == CLM_OK && has_weights(feed))
        status = backend_write_part(feed->be, &slot->weights, first, rows, HOST_FLOAT,
                                    feed->rows->weights + from, error);
    if (status == CLM_OK && has_targets(feed))
        status = upload_targets(feed, slot, first, from, rows, error);
    return status;
}

static clm_status upload_rows(struct feed *feed, size_t shard, struct feed_slot *slot,
                              struct clm_error *error)
{
    const size_t block = feed->residency.block;
    clm_status status = CLM_OK;
    if (slot->rows == feed->rows)
        return CLM_OK;
    for (size_t ahead = 0; ahead < BLOCKS_AHEAD; ahead++)
        expect_block(feed, shard, ahead * block);
    for (size_t first = 0; status == CLM_OK && first < rows_at_once(feed, shard); first += block) {
        expect_block(feed, shard, first + BLOCKS_AHEAD * block);
        status = upload_block(feed, shard, slot, first, error);
    }
    slot->rows = status || feed->residency.is_streamed ? NULL : feed->rows;
    return status;
}

/* For a resident set, uploads the order of all the epoch's shards. */
static clm_status upload_order(struct feed *feed, size_t shard, struct feed_slot *slot,
                               struct clm_error *error)
{
    struct epoch_order *const order = &feed->order;
    if (!order->is_shuffled)
        return CLM_OK;
    if (feed->residency.is_streamed)
        order_draw(order, feed->drawn, rows_at_once(feed, shard));
    for (size_t s = 0; !feed->residency.is_streamed && s < order_shard_count(order); s++) {
        uint32_t *const drawn = feed->drawn + s * order->shard;
        const size_t rows = order_shard_rows(order, s);
        order_draw(order, drawn, rows);
        for (size_t i = 0; i < rows; i++)
            drawn[i] = (uint32_t)order_row(order, s, drawn[i]);
    }
    return backend_write_part(feed->be, &slot->order, 0, rows_at_once(feed, shard), HOST_INDEX, feed->drawn,
                              error);
}

static clm_status feed_load(struct feed *feed, size_t shard, struct clm_error *error)
{
    struct feed_slot *const slot = &feed->slots[shard % 2];
    const size_t rows = rows_at_once(feed, shard);
    slot->view = (struct resident){.values = tensor_first_rows(&slot->values, rows),
                                   .labels = tensor_first_columns(&slot->labels, rows),
                                   .mean = feed->mean,
                                   .scale = feed->scale};
    if (has_weights(feed))
        slot->view.weights = tensor_first_columns(&slot->weights, rows);
    slot->target_view = (struct resident){.values = tensor_first_rows(&slot->targets, rows),
                                          .labels = slot->view.labels,
                                          .mean = feed->zeros,
                                          .scale = feed->ones};
    slot->order_view = tensor_first_columns(&slot->order, rows);
    const clm_status status = upload_rows(feed, shard, slot, error);
    return status ? status : upload_order(feed, shard, slot, error);
}

/* ---- loading ahead of the backend ---- */

static void *run_loader(void *user)
{
    struct feed *const feed = user;
    feed->loaded = feed_load(feed, feed->shard + 1, &feed->error);
    return NULL;
}

/* Begins to load the next shard; loads it at once if no thread can be made. */
static void load_ahead(struct feed *feed)
{
    feed->loaded = CLM_OK;
    if (!feed->residency.is_streamed || feed->shard + 1 >= order_shard_count(&feed->order))
        return;
    feed->is_loading = pthread_create(&feed->loader, NULL, run_loader, feed) == 0;
    if (!feed->is_loading)
        run_loader(feed);
}

static clm_status wait_for_loader(struct feed *feed, struct clm_error *error)
{
    join_loader(feed);
    if (feed->loaded != CLM_OK && error)
        *error = feed->error;
    return feed->loaded;
}

/* Draws the order of the shards before the present one, as a pass from the first row on does. */
static void skip_shards(struct feed *feed)
{
    for (size_t s = 0; feed->order.is_shuffled && s < feed->shard; s++)
        order_draw(&feed->order, feed->drawn, order_shard_rows(&feed->order, s));
}

clm_status feed_begin(struct feed *feed, const struct rows *rows, uint64_t seed, size_t epoch,
                      struct clm_error *error)
{
    return feed_begin_at(feed, rows, seed, epoch, 0, error);
}

clm_status feed_begin_at(struct feed *feed, const struct rows *rows, uint64_t seed, size_t epoch,
                         size_t position, struct clm_error *error)
{
    clm_status status = wait_for_loader(feed, error);
    if (status != CLM_OK)
        return status;
    const bool is_other = feed->rows != rows || feed->order.is_shuffled != (epoch > 0);
    feed->rows = rows;
    if (is_other) {
        order_free(&feed->order);
        if ((status = order_create(rows->count, feed->residency.shard, feed->residency.block, epoch > 0,
                                   &feed->order, error)))
            return status;
    }
    if (epoch > 0)
        order_begin(&feed->order, seed, epoch);
    feed->shard = feed->residency.is_streamed ? position / feed->order.shard : 0;
    skip_shards(feed);
    /* queued operations may still read the slots */
    if ((status = backend_finish(feed->be, error)) || (status = feed_load(feed, feed->shard, error)))
        return status;
    load_ahead(feed);
    return CLM_OK;
}

/* Moves on to the next shard, which is loaded. The old slot is free when all queued work is done. */
static clm_status next_shard(struct feed *feed, struct clm_error *error)
{
    clm_status status;
    if ((status = wait_for_loader(feed, error)) || (status = backend_finish(feed->be, error)))
        return status;
    feed->shard++;
    load_ahead(feed);
    return CLM_OK;
}

clm_status feed_batch(struct feed *feed, size_t first, size_t batch, struct minibatch *out,
                      struct clm_error *error)
{
    *out = (struct minibatch){0};
    if (first == feed->rows->count)
        return CLM_OK;
    if (feed->residency.is_streamed && first == (feed->shard + 1) * feed->order.shard) {
        const clm_status status = next_shard(feed, error);
        if (status != CLM_OK)
            return status;
    }
    const struct feed_slot *const slot = &feed->slots[feed->shard % 2];
    const size_t place = first - feed->shard * feed->order.shard;
    *out = (struct minibatch){.data = &slot->view,
                              .targets = has_targets(feed) ? &slot->target_view : NULL,
                              .order = feed->order.is_shuffled ? &slot->order_view : NULL,
                              .first = place,
                              .rows = size_min(batch, rows_at_once(feed, feed->shard) - place)};
    return CLM_OK;
}
