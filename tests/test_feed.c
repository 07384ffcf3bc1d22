/* Rows in shards: an epoch has each row once, in the same order in any case; and training, testing and
 * predicting give the same bits whether the data is resident or streamed. */
#include "base/size.h"
#include "data/data.h"
#include "nn/model.h"
#include "support/fixtures.h"
#include "support/support.h"
#include "train/feed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS  211 /* prime: neither whole batches nor whole blocks nor whole shards */
#define I     31
#define BATCH 10

static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST};
#define KIND_COUNT (int)(sizeof kinds / sizeof *kinds)

/* ---- the order of an epoch ---- */

/* The set's rows in an epoch's order. */
static void rows_of(struct epoch_order *order, uint64_t seed, size_t epoch, uint32_t *rows)
{
    order_begin(order, seed, epoch);
    for (size_t s = 0, position = 0; s < order_shard_count(order); s++) {
        const size_t count = order_shard_rows(order, s);
        order_draw(order, rows + position, count);
        for (size_t i = 0; i < count; i++)
            rows[position + i] = (uint32_t)order_row(order, s, rows[position + i]);
        position += count;
    }
}

static struct epoch_order order_of(size_t shard, size_t block, bool is_shuffled)
{
    struct epoch_order order;
    struct clm_error error;
    ck_assert_int_eq(order_create(ROWS, shard, block, is_shuffled, &order, &error), CLM_OK);
    return order;
}

static const size_t shapes[][2] = {{ROWS, 40}, {ROWS + 5, 40}, {40, 40}, {80, 20},
                                   {20, 10},   {10, 10},       {200, 20}};
#define SHAPE_COUNT (int)(sizeof shapes / sizeof *shapes)

START_TEST(each_row_once)
{
    struct epoch_order order = order_of(shapes[_i][0], shapes[_i][1], true);
    for (size_t epoch = 1; epoch < 20; epoch++) {
        uint32_t rows[ROWS];
        bool is_there[ROWS] = {false};
        rows_of(&order, 3, epoch, rows);
        for (size_t i = 0; i < ROWS; i++) {
            ck_assert_uint_lt(rows[i], ROWS);
            ck_assert(!is_there[rows[i]]);
            is_there[rows[i]] = true;
        }
    }
    order_free(&order);
}
END_TEST

/* A seed gives the same order in every version. */
START_TEST(seed_means_the_same_order_as_ever)
{
    static const uint32_t expected[2][8] = {{19, 177, 171, 106, 60, 8, 118, 21},
                                            {101, 91, 110, 108, 111, 116, 90, 104}};
    for (int i = 0; i < 2; i++) {
        uint32_t rows[ROWS];
        struct epoch_order order = i ? order_of(40, 20, true) : order_of(ROWS, ROWS, true);
        rows_of(&order, 3, 2, rows);
        for (int k = 0; k < 8; k++)
            ck_assert_uint_eq(rows[k], expected[i][k]);
        order_free(&order);
    }
}
END_TEST

/* At most a megabyte or a 64th of a shard, at least one row; divides the batch, or is 2^n times as large. */
START_TEST(blocks)
{
    static const struct {
        size_t shard, batch, row_bytes, block;
    } cases[] = {
        {6400, 100, 3072, 100},   {12800, 100, 3072, 200}, {12799, 100, 3072, 100}, {64000, 100, 3072, 200},
        {64000, 100, 100, 800},   {6400, 100, 1 << 20, 1}, {6400, 100, 3 << 20, 1}, {1920, 100, 1, 25},
        {1920, 100, 1 << 16, 10}, {256, 7, 1, 1},          {63, 7, 1, 1},           {448, 7, 1, 7},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        ck_assert_uint_eq(order_block(cases[i].shard, cases[i].batch, cases[i].row_bytes), cases[i].block);
}
END_TEST

/* Shards have other blocks in each epoch, and rows change their places within them. */
START_TEST(drawn_anew_from_the_whole_set)
{
    struct epoch_order order = order_of(40, 10, true);
    uint32_t first[ROWS], second[ROWS], again[ROWS];
    size_t blocks_moved = 0, rows_stayed = 0;
    rows_of(&order, 3, 1, first);
    rows_of(&order, 3, 2, second);
    rows_of(&order, 3, 1, again);
    ck_assert(!memcmp(first, again, sizeof first));
    size_t shard_of[2][ROWS / 10] = {0};
    for (size_t i = 0; i < ROWS / 10 * 10; i++) {
        rows_stayed += first[i] == second[i];
        if (first[i] / 10 < ROWS / 10)
            shard_of[0][first[i] / 10] = i / 40;
        if (second[i] / 10 < ROWS / 10)
            shard_of[1][second[i] / 10] = i / 40;
    }
    for (size_t b = 0; b < ROWS / 10; b++)
        blocks_moved += shard_of[0][b] != shard_of[1][b];
    ck_assert_uint_ge(blocks_moved, 10); /* of 21; five of six would move at random */
    ck_assert_uint_le(rows_stayed, 10);
    rows_of(&order, 4, 1, again);
    ck_assert(memcmp(first, again, sizeof first) != 0);
    order_free(&order);
}
END_TEST

START_TEST(unshuffled_as_they_lie)
{
    const struct epoch_order order = order_of(shapes[_i][0], shapes[_i][1], false);
    for (size_t s = 0; s < order_shard_count(&order); s++)
        for (size_t i = 0; i < order_shard_rows(&order, s); i++)
            ck_assert_uint_eq(order_row(&order, s, i), s * order.shard + i);
}
END_TEST

/* ---- choosing the residency ---- */

static struct residency choose(struct clm_backend *be, const struct clm_data *data,
                               enum clm_resident resident, size_t shard, size_t room)
{
    struct residency out;
    struct clm_error error;
    const struct residency_wish wish = {resident, shard, BATCH, data->train.count, data->train.count};
    ck_assert_msg(residency_choose(be, data, &wish, room, &out, &error) == CLM_OK, "%s", error.message);
    return out;
}

/* A row takes I bytes, a label and a place in the order; mean and scale take 8 I for each of two sets. */
START_TEST(what_there_is_room_for)
{
    struct clm_backend *be = fixture_backend(FIXTURE_BLAS);
    struct clm_data *data = fixture_data(ROWS, 0, I, 7);
    const size_t fixed = 16 * I, row = I + 8;
    ck_assert(!choose(be, data, CLM_RESIDENT_AUTO, 0, fixed + ROWS * row).is_streamed);
    ck_assert(choose(be, data, CLM_RESIDENT_AUTO, 0, fixed + ROWS * row - 1).is_streamed);
    ck_assert(choose(be, data, CLM_RESIDENT_NO, 0, SIZE_MAX).is_streamed);
    const struct residency small = choose(be, data, CLM_RESIDENT_AUTO, 0, fixed + 2 * 47 * row);
    ck_assert_uint_eq(small.shard, 30); /* an eighth of all */
    ck_assert_uint_eq(small.block, 1);
    ck_assert_uint_eq(choose(be, data, CLM_RESIDENT_NO, 39, SIZE_MAX).shard, 30);
    const struct residency_wish single = {CLM_RESIDENT_NO, 0, 1, ROWS, ROWS};
    struct residency out;
    ck_assert_int_eq(residency_choose(be, data, &single, SIZE_MAX, &out, NULL), CLM_OK);
    ck_assert_uint_eq(out.shard, (ROWS + 7) / 8); /* rounded up */
    be->allocation_limit = 25 * I;
    ck_assert_uint_eq(choose(be, data, CLM_RESIDENT_AUTO, 0, SIZE_MAX).shard, 20);
    clm_backend_close(be);
    clm_data_close(data);
}
END_TEST

/* Whatever the room: at least a minibatch and no more than fits twice, or a sentence; exact to a byte. A row
 * may have a weight, which takes four bytes. */
START_TEST(rooms_at_their_limits)
{
    struct clm_backend *be = fixture_backend(FIXTURE_BLAS);
    struct clm_data *data = fixture_data(ROWS, 0, I, 7);
    const bool is_weighted = _i;
    const size_t fixed = 16 * I, row = I + (is_weighted ? 12 : 8);
    const size_t shards[] = {0, 20, 30, 210};
    for (size_t s = 0; s < 4; s++) {
        const struct residency_wish wish = {CLM_RESIDENT_NO, shards[s], BATCH, ROWS, ROWS, is_weighted};
        const size_t least = fixed + 2 * size_max(shards[s], BATCH) * row;
        for (size_t room = 0; room < fixed + 2 * ROWS * row; room++) {
            struct residency out;
            struct clm_error error = {0};
            const clm_status status = residency_choose(be, data, &wish, room, &out, &error);
            ck_assert_int_eq(status, room < least ? CLM_ERROR_MEMORY : CLM_OK);
            if (status != CLM_OK)
                continue;
            ck_assert(out.shard >= BATCH && out.shard % BATCH == 0 && fixed + 2 * out.shard * row <= room);
            ck_assert(!shards[s] || out.shard == shards[s]);
            ck_assert(out.is_weighted == is_weighted);
        }
    }
    clm_backend_close(be);
    clm_data_close(data);
}
END_TEST

/* For a set sorted by five classes: the share of a minibatch's largest class, with 100 rows in a shard of as
 * many. Drawn row by row it would be about a quarter. */
START_TEST(sorted_rows)
{
    enum { N = 2000, ROWS_OF_BATCH = 100, CLASSES = 5 };
    struct clm_backend *be = fixture_backend(FIXTURE_BLAS);
    struct clm_data *data = fixture_data(N, 0, I, CLASSES);
    const struct residency_wish wish = {CLM_RESIDENT_NO, ROWS_OF_BATCH, ROWS_OF_BATCH, N, N};
    struct residency residency;
    struct epoch_order order;
    struct clm_error error;
    double parts = 0;
    ck_assert_int_eq(residency_choose(be, data, &wish, SIZE_MAX, &residency, &error), CLM_OK);
    ck_assert_int_eq(order_create(N, residency.shard, residency.block, true, &order, &error), CLM_OK);
    order_begin(&order, 1, 1);
    for (size_t s = 0; s < order_shard_count(&order); s++) {
        size_t counts[CLASSES] = {0}, largest = 0;
        for (size_t i = 0; i < order_shard_rows(&order, s); i++) {
            size_t *const count = &counts[order_row(&order, s, i) / (N / CLASSES)];
            largest = ++*count > largest ? *count : largest;
        }
        parts += (double)largest / ROWS_OF_BATCH;
    }
    ck_assert_uint_eq(residency.shard, ROWS_OF_BATCH);
    ck_assert(parts / (double)order_shard_count(&order) < 0.35);
    order_free(&order);
    clm_backend_close(be);
    clm_data_close(data);
}
END_TEST

/* ---- rows through a feed ---- */

/* The place of the row that X holds; all rows have different bytes. */
static size_t find_row(const struct clm_data *data, const double *x)
{
    for (size_t n = 0; n < data->train.count; n++) {
        const uint8_t *const row = data_row(data, &data->train, n);
        size_t i = 0;
        while (i < I && x[i] == row[i])
            i++;
        if (i == I)
            return n;
    }
    ck_abort_msg("a row that the data does not have");
    return 0;
}

/* A pass gives rows and labels in the order drawn, on every backend. */
START_TEST(a_pass)
{
    struct clm_backend *be = fixture_backend(kinds[_i % KIND_COUNT]);
    const bool is_shuffled = _i / KIND_COUNT % 2, is_streamed = _i / KIND_COUNT / 2;
    struct clm_data *data = fixture_data(ROWS, 0, I, 7);
    struct clm_model *model = fixture_model(data, NULL, 1, NULL);
    struct residency residency = {.shard = 40, .block = 20, .is_streamed = is_streamed};
    struct epoch_order order = order_of(40, 20, is_shuffled);
    struct network net;
    struct feed feed;
    struct clm_error error = {0};
    uint32_t wanted[ROWS], labels[BATCH];
    double X[BATCH * I];
    for (size_t i = 0; i < I; i++)
        model->scale[i] = 1;
    ck_assert_int_eq(network_create(be, &model->architecture, BATCH, NETWORK_PREDICT, &net, &error), CLM_OK);
    ck_assert_int_eq(feed_create(be, data, ROWS, &residency, is_shuffled, &feed, &error), CLM_OK);
    ck_assert_int_eq(feed_normalise(&feed, model, &error), CLM_OK);
    for (size_t epoch = 1; epoch < 4; epoch++) {
        struct minibatch batch;
        size_t done = 0;
        for (size_t n = 0; n < ROWS; n++)
            wanted[n] = (uint32_t)n;
        if (is_shuffled)
            rows_of(&order, 7, epoch, wanted);
        ck_assert_int_eq(feed_begin(&feed, &data->train, 7, is_shuffled ? epoch : 0, &error), CLM_OK);
        for (;; done += batch.rows) {
            ck_assert_int_eq(feed_batch(&feed, done, BATCH, &batch, &error), CLM_OK);
            if (!batch.rows)
                break;
            ck_assert_int_eq(network_gather(&net, &batch, &error), CLM_OK);
            ck_assert_int_eq(backend_read(be, &net.X, HOST_DOUBLE, X, &error), CLM_OK);
            ck_assert_int_eq(backend_read(be, &net.labels, HOST_INDEX, labels, &error), CLM_OK);
            for (size_t r = 0; r < batch.rows; r++) {
                ck_assert_uint_eq(find_row(data, X + r * I), wanted[done + r]);
                ck_assert_uint_eq(labels[r], data->train.labels[wanted[done + r]]);
            }
        }
        ck_assert_uint_eq(done, ROWS);
    }
    feed_free(&feed);
    network_free(&net);
    order_free(&order);
    clm_backend_close(be);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

static struct {
    clm_status (*write_part)(struct clm_backend *be, struct tensor *tensor, size_t first, size_t count,
                             enum host_type type, const void *host, struct clm_error *error);
    size_t left;
} faulty;

static clm_status write_or_fail(struct clm_backend *be, struct tensor *tensor, size_t first, size_t count,
                                enum host_type type, const void *host, struct clm_error *error)
{
    if (!faulty.left--)
        return clm_fail(error, CLM_ERROR_DEVICE, "an upload that fails");
    return faulty.write_part(be, tensor, first, count, type, host, error);
}

/* If any upload fails, here or in the thread, training ends with its sentence, and nothing is left. */
START_TEST(an_upload_that_fails)
{
    struct clm_data *data = fixture_data(60, 0, I, 10);
    bool has_passed = false;
    for (size_t n = 0; !has_passed; n++) {
        struct clm_backend *be = fixture_backend(FIXTURE_BLAS);
        struct backend_operations operations = *be->operations;
        struct clm_model *model = fixture_model(data, NULL, 1, NULL);
        struct clm_settings *const settings =
            train_settings("epochs 1 batch %d shuffle on resident no shard 20", BATCH);
        struct clm_train_result result;
        struct clm_error error = {0};
        faulty.write_part = operations.write_part;
        faulty.left = n;
        operations.write_part = write_or_fail;
        be->operations = &operations;
        const clm_status status = clm_train(be, model, data, settings, NULL, &result, &error);
        clm_settings_free(settings);
        has_passed = status == CLM_OK;
        if (!has_passed)
            ck_assert_str_eq(error.message, "an upload that fails");
        ck_assert_uint_eq(be->memory.now, 0);
        /* three shards of twenty blocks: values and labels of each block, and an order for each shard */
        ck_assert_int_eq(has_passed, n >= 3 * 41);
        clm_backend_close(be);
        clm_model_free(model);
    }
    clm_data_close(data);
}
END_TEST

/* ---- whole runs ---- */

struct run {
    struct clm_memory_plan plan;
    struct clm_epoch epochs[2];
    struct clm_train_result result;
    struct clm_model *model;
};

static void keep_plan(void *user, const struct clm_memory_plan *plan)
{
    ((struct run *)user)->plan = *plan;
}

static void keep_epoch(void *user, const struct clm_epoch *epoch)
{
    ((struct run *)user)->epochs[epoch->epoch - 1] = *epoch;
}

/* `residence` says how the data is kept, as in "resident no shard 40". A shuffled run is augmented, too. */
static struct run run(enum fixture kind, const struct clm_data *data, const char *residence, bool shuffle,
                      size_t memory)
{
    struct run run = {.model = fixture_model(data, NULL, 1, (const size_t[]){13, 7, 0})};
    const struct clm_train_hooks hooks = {.on_plan = keep_plan, .on_epoch = keep_epoch, .user = &run};
    struct clm_backend *be = fixture_backend(kind);
    struct clm_error error = {0};
    struct clm_settings *const settings =
        train_settings("epochs 2 batch %d momentum 0.9 seed 1 %s%s", BATCH, residence,
                       shuffle ? " shuffle on augment noise=0.1,mixup=0.4" : "");
    if (memory)
        be->memory_limit = memory;
    ck_assert_msg(clm_train(be, run.model, data, settings, &hooks, &run.result, &error) == CLM_OK, "%s",
                  error.message);
    clm_settings_free(settings);
    clm_backend_close(be);
    return run;
}

static void expect_same(const struct run *a, const struct run *b)
{
    for (size_t l = 0; l < clm_model_depth(a->model); l++) {
        const size_t O = clm_model_width(a->model, l + 1);
        ck_assert(!memcmp(model_weight(a->model, l), model_weight(b->model, l),
                          O * clm_model_width(a->model, l) * sizeof(float)));
        ck_assert(!memcmp(model_bias(a->model, l), model_bias(b->model, l), O * sizeof(float)));
    }
    for (size_t e = 0; e < 2; e++) {
        ck_assert(a->epochs[e].train_loss == b->epochs[e].train_loss);
        ck_assert(a->epochs[e].train_accuracy == b->epochs[e].train_accuracy);
        ck_assert(a->epochs[e].validation_loss == b->epochs[e].validation_loss);
        ck_assert(a->epochs[e].has_validation && b->epochs[e].has_validation);
    }
    ck_assert(a->result.test.loss == b->result.test.loss);
    ck_assert(a->result.test.accuracy == b->result.test.accuracy);
}

/* A data set with all three parts. */
static struct clm_data *three_parts(void)
{
    struct clm_data *const data = fixture_data(ROWS + 53, 67, I, 7);
    data->train.count = ROWS;
    data->validation =
        (struct rows){53, data_row(data, &data->train, ROWS), data->train.labels + ROWS, false};
    return data;
}

START_TEST(streamed_as_resident)
{
    const enum fixture kind = kinds[_i % KIND_COUNT];
    const bool shuffle = _i / KIND_COUNT;
    struct clm_data *data = three_parts();
    const struct run resident = run(kind, data, "resident yes shard 40", shuffle, 0),
                     streamed = run(kind, data, "resident no shard 40", shuffle, 0);
    ck_assert_uint_eq(resident.plan.shard, 0);
    ck_assert_uint_eq(streamed.plan.shard, 40);
    ck_assert_uint_lt(streamed.plan.total, resident.plan.total);
    ck_assert_uint_eq(streamed.result.memory_peak, streamed.plan.total);
    expect_same(&resident, &streamed);
    clm_model_free(resident.model);
    clm_model_free(streamed.model);
    clm_data_close(data);
}
END_TEST

/* Data that does not fit is streamed within the limit, unless it must be resident. */
START_TEST(within_a_limit)
{
    struct clm_data *data = three_parts();
    const struct run all = run(FIXTURE_OPENCL, data, "resident auto", true, 0);
    const size_t limit = all.plan.total - 1000;
    const struct run less = run(FIXTURE_OPENCL, data, "resident auto", true, limit);
    char shard[40];
    snprintf(shard, sizeof shard, "resident yes shard %zu", less.plan.shard);
    const struct run again = run(FIXTURE_OPENCL, data, shard, true, 0);
    ck_assert_uint_eq(all.plan.shard, 0);
    ck_assert_uint_gt(less.plan.shard, 0);
    ck_assert_uint_le(less.result.memory_peak, limit);
    expect_same(&less, &again);
    clm_model_free(all.model);
    clm_model_free(less.model);
    clm_model_free(again.model);
    clm_data_close(data);
}
END_TEST

START_TEST(limits_that_are_too_low)
{
    static const struct {
        const char *residence;
        size_t spare; /* bytes beside the net */
        const char *says;
    } limits[] = {{"resident yes", 3000, "training with resident data needs"},
                  {"resident auto", 600, "two minibatches of 10 rows"},
                  {"resident no shard 100", 3000, "two shards of 100 rows"}};
    char smallest[40];
    snprintf(smallest, sizeof smallest, "resident no shard %d", BATCH);
    struct clm_data *data = three_parts();
    const struct run small = run(FIXTURE_BLAS, data, smallest, true, 0);
    const size_t net = small.plan.total - small.plan.parts[0].bytes;
    struct clm_backend *be = fixture_backend(FIXTURE_BLAS);
    struct clm_settings *const settings =
        train_settings("epochs 1 batch %d momentum 0.9 shuffle on %s", BATCH, limits[_i].residence);
    struct clm_train_result result;
    struct clm_error error = {0};
    be->memory_limit = net + limits[_i].spare;
    ck_assert_int_eq(clm_train(be, small.model, data, settings, NULL, &result, &error), CLM_ERROR_MEMORY);
    clm_settings_free(settings);
    ck_assert_msg(strstr(error.message, limits[_i].says), "%s", error.message);
    ck_assert_uint_eq(be->memory.now, 0);
    clm_backend_close(be);
    clm_model_free(small.model);
    clm_data_close(data);
}
END_TEST

/* In batches of 1000 rows. */
START_TEST(predictions_within_a_limit)
{
    const size_t rows = 5000, limit = kinds[_i] == FIXTURE_REFERENCE ? 560000 : 340000;
    struct clm_data *data = fixture_data(rows, 0, I, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, (const size_t[]){13, 0});
    float *const p[2] = {calloc(rows * 10, sizeof(float)), calloc(rows * 10, sizeof(float))};
    struct clm_score scores[2];
    struct clm_error error = {0};
    for (int limited = 0; limited < 2; limited++) {
        struct clm_backend *be = fixture_backend(kinds[_i]);
        const size_t before = be->memory.now;
        if (limited)
            be->memory_limit = before + limit;
        ck_assert_msg(clm_predict(be, model, data, CLM_TRAIN, p[limited], &scores[limited], &error) == CLM_OK,
                      "%s", error.message);
        ck_assert_int_eq(be->memory.peak - before <= limit, limited);
        clm_backend_close(be);
    }
    ck_assert(!memcmp(p[0], p[1], rows * 10 * sizeof(float)));
    ck_assert(scores[0].loss == scores[1].loss && scores[0].accuracy == scores[1].accuracy);
    free(p[0]);
    free(p[1]);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed");
    TCase *cases = tcase_create("feed");
    tcase_add_loop_test(cases, each_row_once, 0, SHAPE_COUNT);
    tcase_add_test(cases, seed_means_the_same_order_as_ever);
    tcase_add_test(cases, blocks);
    tcase_add_test(cases, drawn_anew_from_the_whole_set);
    tcase_add_loop_test(cases, unshuffled_as_they_lie, 0, SHAPE_COUNT);
    tcase_add_test(cases, what_there_is_room_for);
    tcase_add_loop_test(cases, rooms_at_their_limits, 0, 2);
    tcase_add_test(cases, sorted_rows);
    test_add_sampled(cases, a_pass, 0, 4 * KIND_COUNT, 1);
    tcase_add_test(cases, an_upload_that_fails);
    test_add_sampled(cases, streamed_as_resident, 0, 2 * KIND_COUNT, 1);
    tcase_add_test(cases, within_a_limit);
    tcase_add_loop_test(cases, limits_that_are_too_low, 0, 3);
    test_add_sampled(cases, predictions_within_a_limit, 0, KIND_COUNT, 1);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
