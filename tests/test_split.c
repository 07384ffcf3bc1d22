/* Which rows are held out: how many, each equally likely, in the file's order, with each class's share. */
#include "data/split.h"

#include "base/philox.h"
#include "support/data_files.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES_MAX 40
#define ROWS_MAX    600

static struct clm_error error;

static size_t count_marked(const bool *is_held, size_t count)
{
    size_t marked = 0;
    for (size_t r = 0; r < count; r++)
        marked += is_held[r];
    return marked;
}

/* ---- random -------------------------------------------------------------------------------------------- */

START_TEST(as_many_as_asked)
{
    bool is_held[ROWS_MAX + 1];
    for (size_t count = 1; count <= 70; count++)
        for (size_t held = 1; held < count; held++) {
            is_held[count] = true;
            ck_assert_int_eq(split_mark(NULL, count, 0, held, held, is_held, &error), CLM_OK);
            ck_assert_uint_eq(count_marked(is_held, count), held);
            ck_assert(is_held[count]); /* nothing is written after the end */
        }
}
END_TEST

/* Each row, and each pair of neighbours and of the ends, comes as often as chance says: T p times for T seeds
 * and probability p, give or take 5 deviations sqrt(T p (1 - p)). One in 1.7 million is further off; seeds
 * are fixed. */
static void assert_frequency(size_t times, size_t of, double p)
{
    const double n = (double)of;
    ck_assert_within((double)times, n * p, 5 * sqrt(n * p * (1 - p)));
}

START_TEST(each_as_likely)
{
    enum { COUNT = 30, HELD = 12, SEEDS = 4000 };
    const double p = (double)HELD / COUNT, both = p * (HELD - 1) / (COUNT - 1);
    const size_t classes = _i ? 1 : 0;
    const uint32_t labels[COUNT] = {0};
    size_t times[COUNT] = {0}, pairs[COUNT] = {0};
    bool is_held[COUNT];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ck_assert_int_eq(split_mark(labels, COUNT, classes, HELD, seed, is_held, &error), CLM_OK);
        for (size_t r = 0; r < COUNT; r++) {
            times[r] += is_held[r];
            pairs[r] += is_held[r] && is_held[(r + 1) % COUNT];
        }
    }
    for (size_t r = 0; r < COUNT; r++) {
        assert_frequency(times[r], SEEDS, p);
        assert_frequency(pairs[r], SEEDS, both);
    }
}
END_TEST

START_TEST(seed_decides)
{
    uint32_t labels[ROWS_MAX];
    bool is_held[3][ROWS_MAX];
    for (size_t r = 0; r < ROWS_MAX; r++)
        labels[r] = (uint32_t)(r % 3);
    for (size_t classes = 0; classes <= 3; classes += 3) {
        for (size_t i = 0; i < 3; i++)
            ck_assert_int_eq(split_mark(labels, ROWS_MAX, classes, 150, i == 2 ? 8 : 7, is_held[i], &error),
                             CLM_OK);
        ck_assert_mem_eq(is_held[0], is_held[1], sizeof *is_held);
        ck_assert_mem_ne(is_held[0], is_held[2], sizeof *is_held);
    }
}
END_TEST

/* ---- stratified ---------------------------------------------------------------------------------------- */

/* Mixes `rows` of each class, and counts how many of each are held. */
static clm_status mark_classes(const size_t *rows, size_t classes, size_t held, uint64_t seed,
                               size_t *held_of)
{
    uint32_t labels[ROWS_MAX], order[ROWS_MAX], mixed[ROWS_MAX];
    bool is_held[ROWS_MAX];
    size_t count = 0;
    struct philox random = philox_start(seed, RANDOM_TEST, 1);
    for (size_t c = 0; c < classes; c++)
        for (size_t r = 0; r < rows[c]; r++) {
            ck_assert_uint_lt(count, ROWS_MAX);
            labels[count++] = (uint32_t)c;
        }
    philox_permutation(&random, order, count);
    for (size_t r = 0; r < count; r++)
        mixed[r] = labels[order[r]];
    memset(held_of, 0, classes * sizeof *held_of);
    const clm_status status = split_mark(mixed, count, classes, held, seed, is_held, &error);
    if (status != CLM_OK)
        return status;
    ck_assert_uint_eq(count_marked(is_held, count), held);
    for (size_t r = 0; r < count; r++)
        held_of[mixed[r]] += is_held[r];
    return CLM_OK;
}

/* Versions do not change the rows, so that it is known later what a model was validated on. */
START_TEST(seed_means_the_same_rows_as_ever)
{
    static const uint32_t labels[20] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1};
    static const char *const expected[2] = {"..x..x.xx..xx.......", "..x..xxx.......xx..."};
    for (int i = 0; i < 2; i++) {
        bool is_held[20];
        char text[21] = "";
        ck_assert_int_eq(split_mark(labels, 20, i ? 3 : 0, 6, 7, is_held, &error), CLM_OK);
        for (int r = 0; r < 20; r++)
            text[r] = is_held[r] ? 'x' : '.';
        ck_assert_str_eq(text, expected[i]);
    }
}
END_TEST

/* Classes of any size, some missing, or of a single row: each within one row of its share, none empty. */
START_TEST(shares)
{
    struct philox random = philox_start(11, RANDOM_TEST, 0);
    for (size_t t = 0; t < 2000; t++) {
        size_t rows[CLASSES_MAX], held_of[CLASSES_MAX], count = 0, present = 0;
        const size_t classes = 1 + philox_below(&random, 12), widest = 2 + philox_below(&random, 40);
        for (size_t c = 0; c < classes; c++) {
            rows[c] = c && !philox_below(&random, 5) ? 0 : 2 + philox_below(&random, (uint32_t)widest);
            count += rows[c];
            present += rows[c] != 0;
        }
        const size_t held = 1 + philox_below(&random, (uint32_t)(count - 1));
        const clm_status status = mark_classes(rows, classes, held, t, held_of);
        ck_assert_int_eq(status, held <= count - present ? CLM_OK : CLM_ERROR_ARGUMENT);
        for (size_t c = 0; status == CLM_OK && c < classes; c++) {
            const double share = (double)held * (double)rows[c] / (double)count;
            ck_assert(rows[c] ? held_of[c] < rows[c] : held_of[c] == 0);
            /* if at most half of the rows are held, a class can always give one above its share */
            if (held * 2 <= count)
                ck_assert_within((double)held_of[c], share, 1 - 1e-9);
        }
    }
}
END_TEST

START_TEST(shares_by_hand)
{
    static const struct {
        size_t rows[4], held, held_of[4];
    } cases[] = {
        {{50, 30, 20, 0}, 10, {5, 3, 2, 0}}, {{50, 30, 20, 0}, 11, {6, 3, 2, 0}}, /* 5.5 3.3 2.2 */
        {{55, 25, 20, 0}, 10, {6, 2, 2, 0}}, /* 5.5 2.5 2.0: of equal remainders, the first class's */
        {{94, 3, 3, 0}, 10, {9, 1, 0, 0}},   /* 9.4 0.3 0.3: a class with none comes first */
        {{4, 7, 3, 0}, 5, {1, 3, 1, 0}},     /* 1.43 2.5 1.07: a fourteenth of a row decides */
        {{97, 3, 0, 0}, 10, {9, 1, 0, 0}},   /* 9.7 0.3 */
        {{96, 3, 1, 0}, 10, {9, 1, 0, 0}},   /* 9.6 0.3 0.1: the only row of a class is trained on */
        {{7, 1, 1, 1}, 5, {5, 0, 0, 0}},     /* 3.5 0.5 0.5 0.5: the others cannot give */
        {{7, 1, 1, 1}, 6, {6, 0, 0, 0}},     {{2, 2, 2, 2}, 4, {1, 1, 1, 1}},
    };
    size_t held_of[4];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(mark_classes(cases[i].rows, 4, cases[i].held, i, held_of), CLM_OK);
        for (size_t c = 0; c < 4; c++)
            ck_assert_msg(held_of[c] == cases[i].held_of[c], "case %zu, class %zu: %zu, not %zu", i, c,
                          held_of[c], cases[i].held_of[c]);
    }
    ck_assert_int_eq(mark_classes((const size_t[]){7, 1, 1, 1}, 4, 7, 1, held_of), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message,
                                 "takes 7 of 10 training rows, and each class keeps one to train on, "
                                 "which leaves 6 to take; hold out fewer, or draw them from all rows alike"));
    ck_assert_str_eq(error.setting, "val val-by");
}
END_TEST

/* ---- moving -------------------------------------------------------------------------------------------- */

/* Each element has its number in all its bytes, hashed, so that no two are equal. */
static void assert_partition(size_t count, size_t size, uint32_t per_thousand)
{
    struct philox random = philox_start(count, RANDOM_TEST, (uint32_t)size);
    unsigned char *const elements = malloc(count * size + 8), *const expected = malloc(count * size + 8);
    bool *const is_held = malloc(count + 1);
    ck_assert(elements && expected && is_held);
    size_t held = 0, next[2];
    for (size_t i = 0; i < count; i++)
        held += is_held[i] = philox_below(&random, 1000) < per_thousand;
    next[0] = 0;
    next[1] = count - held;
    for (size_t i = 0; i < count; i++, next[is_held[i - 1]]++)
        for (size_t b = 0; b < size; b++)
            elements[i * size + b] = expected[next[is_held[i]] * size + b] =
                (unsigned char)(i * 167 + (i >> 8) * 31 + b);
    memset(elements + count * size, 0xA5, 8);
    ck_assert_int_eq(split_partition(elements, size, count, is_held, &error), CLM_OK);
    ck_assert(memcmp(elements, expected, count * size) == 0);
    for (size_t b = 0; b < 8; b++)
        ck_assert_uint_eq(elements[count * size + b], 0xA5);
    free(elements);
    free(expected);
    free(is_held);
}

START_TEST(partition)
{
    static const size_t counts[] = {1, 2, 3, 10, 64, 1000}, sizes[] = {1, 4, 7, 300};
    static const uint32_t held[] = {0, 1, 100, 400, 500, 600, 900, 999, 1000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (size_t p = 0; p < sizeof held / sizeof *held; p++)
                assert_partition(counts[c], sizes[s], held[p]);
}
END_TEST

/* ---- rows of a file ------------------------------------------------------------------------------------ */

enum { FILE_ROWS = 200 };

static uint32_t label_of(size_t row)
{
    return row % 10 < 6 ? 0 : row % 10 < 9 ? 1 : 2; /* 120, 60 and 20 rows */
}

static void put_rows(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const file = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(file);
    fputs("label,number,constant\n", file);
    for (size_t r = 0; r < FILE_ROWS; r++)
        fprintf(file, "%u,%zu,3\n", label_of(r), r);
    fclose(file);
    put_text("rows.csv", text);
    free(text);
}

/* The number in the file of a part's row; also checks that its label is the file's. */
static size_t number_of(const struct clm_data *data, enum clm_part part, size_t row)
{
    const float *const values = data_row(data, data_part(data, part), row);
    const size_t number = (size_t)values[0];
    ck_assert(values[1] == 3);
    ck_assert_uint_eq(clm_data_label(data, part, row), label_of(number));
    ck_assert_uint_eq(clm_data_row_number(data, part, row), number);
    return number;
}

static void assert_parts(const struct clm_data *data, size_t train, size_t validation, bool *is_held)
{
    bool is_seen[FILE_ROWS] = {false};
    memset(is_held, 0, FILE_ROWS);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), train);
    ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), validation);
    for (int part = CLM_TRAIN; part <= CLM_VALIDATION; part++)
        for (size_t r = 0; r < clm_data_rows(data, part); r++) {
            const size_t number = number_of(data, part, r);
            ck_assert_uint_lt(number, FILE_ROWS);
            ck_assert(!is_seen[number]);
            is_seen[number] = true;
            is_held[number] = part == CLM_VALIDATION;
            if (r)
                ck_assert_uint_gt(number, number_of(data, part, r - 1));
        }
    ck_assert_uint_eq(count_marked(is_seen, FILE_ROWS), train + validation);
}

START_TEST(parts_of_a_file)
{
    static const struct {
        double validation;
        size_t held, limit, train;
    } cases[] = {{0.1, 20, 0, 180}, {50, 50, 100, 100}, {0.75, 150, 0, 50}, {1, 1, 300, 199}};
    const enum clm_split by = _i ? CLM_SPLIT_STRATIFIED : CLM_SPLIT_RANDOM;
    bool is_held[3][FILE_ROWS];
    put_rows();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct clm_data *data = open_with(&(struct clm_data_options){.source = file_path("rows.csv"),
                                                                         .validation = cases[i].validation,
                                                                         .limit = cases[i].limit,
                                                                         .validation_by = by,
                                                                         .validation_seed = seed / 2});
            assert_parts(data, cases[i].train, cases[i].held, is_held[seed]);
            size_t held_of[3] = {0};
            for (size_t r = 0; r < FILE_ROWS; r++)
                held_of[label_of(r)] += is_held[seed][r];
            for (size_t c = 0; by == CLM_SPLIT_STRATIFIED && c < 3; c++)
                ck_assert_within((double)held_of[c],
                                 (double)cases[i].held * (c == 0   ? 0.6
                                                          : c == 1 ? 0.3
                                                                   : 0.1),
                                 1);
            clm_data_close(data);
        }
        ck_assert_mem_eq(is_held[0], is_held[1], FILE_ROWS);
        ck_assert_mem_ne(is_held[0], is_held[2], FILE_ROWS);
    }
}
END_TEST

/* The rows held out do not depend on how many of the others are used for training. */
START_TEST(limit_comes_after)
{
    bool is_held[2][FILE_ROWS];
    put_rows();
    for (size_t i = 0; i < 2; i++) {
        struct clm_data *data = open_with(&(struct clm_data_options){.source = file_path("rows.csv"),
                                                                     .validation = 40,
                                                                     .limit = i ? 10 : 0,
                                                                     .validation_by = CLM_SPLIT_STRATIFIED,
                                                                     .validation_seed = 5});
        assert_parts(data, i ? 10 : 160, 40, is_held[i]);
        clm_data_close(data);
    }
    ck_assert_mem_eq(is_held[0], is_held[1], FILE_ROWS);
}
END_TEST

/* A mapped file cannot be reordered, but gives the same rows as one that is read, within a limit. */
START_TEST(mapped_rows)
{
    bool is_held[2][FILE_ROWS];
    put_rows();
    for (size_t i = 0; i < 2; i++) {
        const char *const path = file_path(i ? "rows" : "rows.csv");
        const struct clm_data_options options = {
            .source = path, .validation = 40, .validation_by = CLM_SPLIT_STRATIFIED, .validation_seed = 5};
        struct clm_data *data = open_with(&options);
        assert_parts(data, 160, 40, is_held[i]);
        ck_assert(!data->train.is_mapped && !data->validation.is_mapped);
        clm_data_close(data);
        if (i)
            continue;
        data = open_with(&(struct clm_data_options){.source = path});
        const struct clm_data_write_options to = {.format = "npy"};
        ck_assert_int_eq(clm_data_write(data, file_path("rows"), &to, &error), CLM_OK);
        clm_data_close(data);
    }
    ck_assert_mem_eq(is_held[0], is_held[1], FILE_ROWS);
    struct clm_data *data =
        open_with(&(struct clm_data_options){.source = file_path("rows"), .validation = 40, .memory = 1599});
    ck_assert(data->train.is_mapped && data->validation.is_mapped);
    clm_data_close(data);
    refused_with(&(struct clm_data_options){.source = file_path("rows"),
                                            .validation = 40,
                                            .validation_by = CLM_SPLIT_RANDOM,
                                            .memory = 239 * 8}, /* 200 rows of two floats, and 40 to copy */
                 CLM_ERROR_MEMORY, "or hold out the last rows");
}
END_TEST

/* The set as a mapped file, split at random. Each row is the next one of one of the two parts. */
static void assert_split(const struct clm_data *made, size_t held)
{
    const char *const path = file_path("large");
    const struct clm_data_write_options to = {.format = "npy", .replaces = true};
    ck_assert_int_eq(clm_data_write(made, path, &to, &error), CLM_OK);
    struct clm_data *const whole = open_with(&(struct clm_data_options){.source = path});
    struct clm_data *const parts = open_with(&(struct clm_data_options){
        .source = path, .validation = (double)held, .validation_by = CLM_SPLIT_RANDOM, .validation_seed = 5});
    ck_assert(whole->train.is_mapped && !parts->train.is_mapped);
    ck_assert_uint_eq(parts->validation.count, held);
    ck_assert_uint_eq(parts->train.count, whole->train.count - held);
    size_t taken[2] = {0};
    for (size_t r = 0; r < whole->train.count; r++) {
        const struct rows *const rows[2] = {&parts->train, &parts->validation};
        int i = 0;
        while (i < 2 && (taken[i] == rows[i]->count ||
                         memcmp(data_row(parts, rows[i], taken[i]), data_row(whole, &whole->train, r),
                                data_row_bytes(whole)) != 0))
            i++;
        ck_assert_msg(i < 2, "row %zu is in neither part", r);
        taken[i]++;
    }
    clm_data_close(parts);
    clm_data_close(whole);
}

/* They are copied a megabyte at a time: 1.5 MB of many rows, and larger rows. */
START_TEST(mapped_rows_by_the_megabyte)
{
    ck_assert_int_eq(clm_data_make(file_path("cifar"), 100, 1, false, &error), CLM_OK);
    struct clm_data *const many = open_with(&(struct clm_data_options){.source = file_path("cifar")}),
                           *const wide = fixture_data(5, 0, 1100000, 2);
    assert_split(many, 100);
    assert_split(wide, 2);
    clm_data_close(wide);
    clm_data_close(many);
}
END_TEST

START_TEST(splits_that_cannot_be)
{
    put_rows();
    const char *const path = file_path("rows.csv");
    refused_with(&(struct clm_data_options){.source = path, .validation_by = CLM_SPLIT_RANDOM},
                 CLM_ERROR_ARGUMENT, "but nothing says how many; give a number of rows");
    refused_with(
        &(struct clm_data_options){.source = path, .validation = 198, .validation_by = CLM_SPLIT_STRATIFIED},
        CLM_ERROR_ARGUMENT, "which leaves 197 to take");
    refused_with(
        &(struct clm_data_options){.source = path, .validation = 200, .validation_by = CLM_SPLIT_RANDOM},
        CLM_ERROR_ARGUMENT, "leaves none to train on");
}
END_TEST

/* ---- weights of rows ----------------------------------------------------------------------------------- */

#define WEIGHED_ROWS 60

/* A set whose row r begins with the byte r and has the weight r + 1. */
static struct clm_data *weighed_data(void)
{
    struct clm_data *const data = fixture_data(WEIGHED_ROWS, 9, 4, 3);
    struct set *const read = &data->read.train;
    read->weights = malloc(WEIGHED_ROWS * sizeof *read->weights);
    ck_assert_ptr_nonnull(read->weights);
    for (size_t r = 0; r < WEIGHED_ROWS; r++) {
        ((uint8_t *)read->values)[4 * r] = (uint8_t)r;
        read->weights[r] = (float)(r + 1);
    }
    data->train.weights = read->weights;
    return data;
}

static void assert_weights_follow(const struct rows *rows, size_t count)
{
    ck_assert_uint_eq(rows->count, count);
    for (size_t r = 0; r < count; r++)
        ck_assert_within((double)rows->weights[r], ((const uint8_t *)rows->values)[4 * r] + 1.0, 0);
}

START_TEST(weights_stay_with_their_rows)
{
    static const enum clm_split ways[] = {CLM_SPLIT_LAST, CLM_SPLIT_RANDOM, CLM_SPLIT_STRATIFIED};
    struct clm_data *const data = weighed_data();
    const struct clm_data_options options = {
        .source = "rows", .validation = 17, .validation_by = ways[_i], .limit = 30};
    ck_assert_int_eq(split_rows(data, &options, &error), CLM_OK);
    assert_weights_follow(&data->train, 30);
    assert_weights_follow(&data->validation, 17);
    ck_assert_ptr_null(data->test.weights);
    clm_data_close(data);
}
END_TEST

START_TEST(weights_that_cannot_be)
{
    static const struct {
        float weight;
        const char *message;
    } cases[] = {{NAN, "rows.csv: row 7 (counted from 0) has the weight nan"},
                 {INFINITY, "has the weight inf; a weight must be a finite number of at least 0"},
                 {-1, "row 7 (counted from 0) has the weight -1"}};
    struct clm_data *const data = weighed_data();
    struct set *const read = &data->read.train;
    read->rows = WEIGHED_ROWS;
    read->labels_path = strdup("rows.csv");
    ck_assert_int_eq(set_check_weights(read, &error), CLM_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read->weights[7] = cases[i].weight;
        ck_assert_int_eq(set_check_weights(read, &error), CLM_ERROR_FORMAT);
        ck_assert_msg(strstr(error.message, cases[i].message) != NULL, "%s", error.message);
    }
    for (size_t r = 0; r < WEIGHED_ROWS; r++)
        read->weights[r] = 0;
    ck_assert_int_eq(set_check_weights(read, &error), CLM_ERROR_FORMAT);
    ck_assert_msg(strstr(error.message, "all 60 rows have the weight 0") != NULL, "%s", error.message);
    read->weights[59] = 0.5F;
    ck_assert_int_eq(set_check_weights(read, &error), CLM_OK);
    clm_data_close(data);
}
END_TEST

START_TEST(weights_grow_with_a_set)
{
    struct set set = {.features = 2, .element = ELEMENT_FLOAT};
    ck_assert(set_resize(&set, 3));
    ck_assert_ptr_null(set.weights);
    set.rows = 3;
    ck_assert_uint_eq(set_memory(&set), 3 * (2 * sizeof(float) + sizeof(uint32_t)));
    set.weights = malloc(sizeof *set.weights);
    ck_assert(set.weights && set_resize(&set, 1000));
    set.weights[999] = 1;
    set.rows = 1000;
    ck_assert_uint_eq(set_memory(&set), 1000 * (3 * sizeof(float) + sizeof(uint32_t)));
    set_free(&set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("split");
    TCase *tests = tcase_create("split");
    tcase_add_checked_fixture(tests, files_set_up, files_tear_down);
    tcase_add_test(tests, as_many_as_asked);
    tcase_add_loop_test(tests, each_as_likely, 0, 2);
    tcase_add_test(tests, seed_decides);
    tcase_add_test(tests, seed_means_the_same_rows_as_ever);
    tcase_add_test(tests, shares);
    tcase_add_test(tests, shares_by_hand);
    tcase_add_test(tests, partition);
    tcase_add_loop_test(tests, parts_of_a_file, 0, 2);
    tcase_add_test(tests, limit_comes_after);
    tcase_add_test(tests, mapped_rows);
    tcase_add_test(tests, mapped_rows_by_the_megabyte);
    tcase_add_test(tests, splits_that_cannot_be);
    tcase_add_loop_test(tests, weights_stay_with_their_rows, 0, 3);
    tcase_add_test(tests, weights_that_cannot_be);
    tcase_add_test(tests, weights_grow_with_a_set);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
