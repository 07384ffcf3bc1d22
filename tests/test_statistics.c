/* The figures of a data set, and warnings about it; and the sheet of its pictures. */
#include "data/data.h"
#include "data/analysis/repeats.h"
#include "data/set.h"

#include "support/fixtures.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

/* Rows of two features; `labels` has those of `train`, then those of `test`. */
static struct clm_data *make_data(enum element element, const double (*values)[2], const uint32_t *labels,
                                  size_t train, size_t test, size_t classes)
{
    struct clm_data *data = calloc(1, sizeof *data);
    const size_t size = element == ELEMENT_BYTE ? 2 : 2 * sizeof(float);
    ck_assert_ptr_nonnull(data);
    *data = (struct clm_data){.features = 2,
                              .classes = classes,
                              .element = element,
                              .source = strdup("made"),
                              .format = "idx",
                              .read.train.values = malloc(train * size + 1),
                              .read.test.values = malloc(test * size + 1),
                              .read.train.labels = malloc(train * sizeof *labels + 1),
                              .read.test.labels = malloc(test * sizeof *labels + 1)};
    for (size_t r = 0; r < train + test; r++) {
        void *const part = r < train ? data->read.train.values : data->read.test.values;
        const size_t at = r < train ? r : r - train;
        (r < train ? data->read.train.labels : data->read.test.labels)[at] = labels[r];
        for (size_t i = 0; i < 2; i++) {
            if (element == ELEMENT_BYTE)
                ((unsigned char *)part)[2 * at + i] = (unsigned char)values[r][i];
            else
                ((float *)part)[2 * at + i] = (float)values[r][i];
        }
    }
    data->train = (struct rows){train, data->read.train.values, data->read.train.labels};
    data->test = (struct rows){test, data->read.test.values, data->read.test.labels};
    return data;
}

static struct clm_data_summary *summarise(const struct clm_data *data)
{
    struct clm_data_summary *summary = NULL;
    ck_assert_msg(clm_data_summarise(data, &summary, &error) == CLM_OK, "%s", error.message);
    ck_assert_ptr_nonnull(summary);
    return summary;
}

static bool warns(const struct clm_data_summary *summary, const char *part)
{
    for (size_t i = 0; i < summary->warning_count; i++)
        if (strstr(summary->warnings[i].sentence, part))
            return true;
    return false;
}

/* ---- figures ------------------------------------------------------------------------------------------- */

START_TEST(test_figures)
{
    static const double values[][2] = {{0, 4}, {2, 4}, {9, 4}, {1, 1}, {3, 3}};
    static const uint32_t labels[] = {0, 1, 1, 1, 0};
    const enum element element = _i ? ELEMENT_FLOAT : ELEMENT_BYTE;
    struct clm_data *data = make_data(element, values, labels, 3, 2, 2);
    struct clm_data_summary *summary = summarise(data);
    const struct clm_part_summary *const train = summary->parts + CLM_TRAIN, *const test =
                                                                                 summary->parts + CLM_TEST;
    ck_assert_uint_eq(train->rows, 3);
    ck_assert_uint_eq(test->rows, 2);
    ck_assert_uint_eq(summary->parts[CLM_VALIDATION].rows, 0);
    ck_assert(isnan(summary->parts[CLM_VALIDATION].mean));
    ck_assert(train->lowest == 0 && train->highest == 9);
    ck_assert(test->lowest == 1 && test->highest == 3);
    /* 0 4 2 4 9 4: mean 23/6, squares 133/6 */
    ck_assert_within(train->mean, 23.0 / 6, 1e-14);
    ck_assert_within(train->deviation, sqrt(133.0 / 6 - 23.0 / 6 * 23 / 6), 1e-14);
    ck_assert_within(test->mean, 2, 1e-14);
    ck_assert_within(test->deviation, 1, 1e-14);
    ck_assert_uint_eq(train->class_rows[0], 1);
    ck_assert_uint_eq(train->class_rows[1], 2);
    ck_assert_uint_eq(test->class_rows[0], 1);
    ck_assert_uint_eq(summary->constant_features, 1);
    ck_assert(warns(summary, "1 of 2 features has the same value"));
    clm_data_summary_free(summary);
    clm_data_close(data);
}
END_TEST

/* A mean far from 0 must not make the deviation inexact. */
START_TEST(test_deviation_of_large_values)
{
    static const double values[][2] = {{1e6 + 1, 1e6 + 3}, {1e6 + 1, 1e6 + 3}};
    static const uint32_t labels[] = {0, 1};
    struct clm_data *data = make_data(ELEMENT_FLOAT, values, labels, 2, 0, 2);
    struct clm_data_summary *summary = summarise(data);
    ck_assert_within(summary->parts[CLM_TRAIN].deviation, 1, 1e-9);
    clm_data_summary_free(summary);
    clm_data_close(data);
}
END_TEST

START_TEST(test_repeated)
{
    static const double values[][2] = {{1, 1}, {1, 2}, {1, 1}, {2, 1}, {1, 2}, {1, 1}, /* test */
                                       {2, 1}, {5, 5}, {2, 1}, {1, 1}};
    static const uint32_t labels[] = {0, 1, 0, 1, 0, 1, 1, 0, 0, 0};
    struct clm_data *data = make_data(_i ? ELEMENT_FLOAT : ELEMENT_BYTE, values, labels, 6, 4, 2);
    struct clm_data_summary *summary = summarise(data);
    const struct clm_part_summary *const train = summary->parts + CLM_TRAIN, *const test =
                                                                                 summary->parts + CLM_TEST;
    ck_assert_uint_eq(train->repeated, 3);
    ck_assert_uint_eq(train->repeated_row, 2);
    ck_assert_uint_eq(train->repeated_of, 0);
    ck_assert_uint_eq(train->contradicting, 2);
    ck_assert_uint_eq(train->leaked, 0);
    ck_assert_uint_eq(test->repeated, 1);
    ck_assert_uint_eq(test->repeated_row, 2);
    ck_assert_uint_eq(test->repeated_of, 0);
    ck_assert_uint_eq(test->contradicting, 1);
    ck_assert_uint_eq(test->leaked, 3);
    ck_assert_uint_eq(test->leaked_row, 0);
    ck_assert_uint_eq(test->leaked_of, 3);
    ck_assert(warns(summary, "3 of 4 test rows (75.00 %) are each also a training row"));
    ck_assert(warns(summary, "row 0, which is training row 3"));
    ck_assert(warns(summary, "3 of 6 training rows (50.00 %) repeat an earlier row"));
    ck_assert(warns(summary, "2 of these repeated training rows have another label"));
    ck_assert(warns(summary, "1 of these repeated test rows has another label"));
    clm_data_summary_free(summary);
    clm_data_close(data);
}
END_TEST

/* Compared with every pair of rows, for rows of any length (the hash takes 32 and 8 bytes at a time); most
 * rows differ in one byte. */
START_TEST(test_index)
{
    enum { ROWS = 200 };
    const size_t features = (size_t)_i + 1;
    unsigned char *values = calloc(ROWS, features);
    uint32_t labels[ROWS] = {0};
    struct row_index *index = NULL;
    ck_assert_ptr_nonnull(values);
    for (size_t r = 0; r < ROWS; r++)
        values[r * features + r % features] = (unsigned char)(r * 7 % 5);
    char source[] = "made";
    const struct clm_data data = {.features = features, .classes = 1, .source = source};
    const struct rows rows = {ROWS, values, labels};
    ck_assert_int_eq(row_index_make(&data, &rows, &index, &error), CLM_OK);
    for (size_t r = 0; r < ROWS; r++) {
        size_t first = 0;
        while (memcmp(values + first * features, values + r * features, features) != 0)
            first++;
        ck_assert_uint_eq(row_index_find(index, values + r * features), first);
    }
    unsigned char *const other = calloc(1, features);
    other[features - 1] = 99;
    ck_assert_uint_eq(row_index_find(index, other), ROW_NONE);
    free(other);
    row_index_free(index);
    free(values);
}
END_TEST

/* As in repeats.c. If that changes, the rows below do not collide, and this tests less. */
static uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ hash >> 32;
}

/* Two different rows of two words with the same hash are two rows. */
START_TEST(test_collision)
{
    const uint64_t values[2][2] = {{77, mix(1 ^ 77) ^ 5}, {99, mix(1 ^ 99) ^ 5}};
    const uint32_t labels[2] = {0};
    struct row_index *index = NULL;
    char source[] = "made";
    const struct clm_data data = {.features = sizeof values[0], .classes = 1, .source = source};
    const struct rows rows = {2, values, labels};
    ck_assert_int_eq(row_index_make(&data, &rows, &index, &error), CLM_OK);
    ck_assert_uint_eq(row_index_find(index, values[0]), 0);
    ck_assert_uint_eq(row_index_find(index, values[1]), 1);
    row_index_free(index);
}
END_TEST

/* A feature that changes only in the last row, or only in the last byte of a float. */
START_TEST(test_constant)
{
    static const double values[][2] = {{1, 1}, {1, 1}, {1, 1.0000001}};
    static const uint32_t labels[] = {0, 1, 0};
    struct clm_data *data = make_data(ELEMENT_FLOAT, values, labels, 3, 0, 2);
    struct clm_data_summary *summary = summarise(data);
    ck_assert_uint_eq(summary->constant_features, 1);
    ck_assert_uint_eq(summary->parts[CLM_TRAIN].repeated, 1);
    clm_data_summary_free(summary);
    clm_data_close(data);
}
END_TEST

/* ---- warnings ------------------------------------------------------------------------------------------ */

START_TEST(test_no_warning)
{
    static const double values[][2] = {{0, 200}, {100, 0}, {30, 60}, {255, 9}, {90, 200}, {3, 40}};
    static const uint32_t labels[] = {0, 1, 0, 1, 0, 1};
    struct clm_data *data = make_data(ELEMENT_BYTE, values, labels, 4, 2, 2);
    struct clm_data_summary *summary = summarise(data);
    ck_assert_msg(summary->warning_count == 0, "%s",
                  summary->warning_count ? summary->warnings[0].sentence : "");
    clm_data_summary_free(summary);
    clm_data_close(data);
}
END_TEST

START_TEST(test_class_warnings)
{
    static const double values[][2] = {{0, 200}, {100, 0}, {30, 60}, {255, 9}, {90, 201}, {3, 40}};
    static const struct {
        uint32_t labels[6];
        size_t train, test, classes;
        const char *part;
    } cases[] = {
        {{0, 1, 0, 1, 0, 1}, 6, 0, 2, "There is no test set"},
        {{0, 1, 0, 1, 0, 1}, 4, 2, 3, "There is no training row of class 2."},
        {{0, 1, 0, 1, 2, 1}, 4, 2, 3, "There is no test row of class 0."},
        {{0, 1, 0, 1, 0, 1},
         4,
         2,
         9,
         "There are no training rows of 7 of 9 classes, the first of them class 2."},
        {{0, 0, 0, 1, 0, 1}, 4, 2, 2, "class 1 has 1 training row, class 0 has 3 (3.0 times as many)"},
        {{0, 0, 0, 1, 0, 1}, 4, 2, 2, "right for 75.0 % of the rows"},
        {{0, 0, 0, 0, 0, 0}, 4, 2, 1, "There is only one class"},
        {{1, 1, 1, 1, 0, 1}, 4, 2, 2, "All training rows are of class 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clm_data *data =
            make_data(ELEMENT_BYTE, values, cases[i].labels, cases[i].train, cases[i].test, cases[i].classes);
        struct clm_data_summary *summary = summarise(data);
        ck_assert_msg(warns(summary, cases[i].part), "no \"%s\" among %zu, %s", cases[i].part,
                      summary->warning_count, summary->warning_count ? summary->warnings[0].sentence : "");
        clm_data_summary_free(summary);
        clm_data_close(data);
    }
}
END_TEST

START_TEST(test_value_warnings)
{
    static const uint32_t labels[] = {0, 1, 0, 1};
    static const struct {
        double values[4][2];
        enum element element;
        const char *part;
    } cases[] = {
        {{{0, 1}, {1, 0}, {1, 1}, {0, 0}}, ELEMENT_BYTE, "No byte is above 1"},
        {{{3, 3}, {3, 3}, {1, 1}, {0, 0}}, ELEMENT_BYTE, "All training rows are the same"},
        {{{0, 1}, {1, 0.5}, {200, 100}, {100, 200}}, ELEMENT_FLOAT, "The mean of the test set, 150"},
        {{{-30, 1}, {1, 0.5}, {0, 1}, {1, 0}},
         ELEMENT_FLOAT,
         "Values go from -30 to 1, and floats are taken as they are"},
        {{{0.25, 1}, {100.25, 0}, {0, 1}, {1, 0}},
         ELEMENT_FLOAT,
         "one goes from 0.25 to 100.25, another from 0 to 1, which is hardly learned from"},
        {{{-1, 0.001}, {1, 0.003}, {0, 1}, {1, 0}},
         ELEMENT_FLOAT,
         "hardly learned from beside it; standardise each feature"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clm_data *data = make_data(cases[i].element, cases[i].values, labels, 2, 2, 2);
        const bool is_of_scale = strstr(cases[i].part, "floats are taken") || strstr(cases[i].part, "hardly");
        for (int is_picture = 0; is_picture < 2; is_picture++) {
            data->width = 2 * is_picture;
            data->height = data->channels = is_picture;
            struct clm_data_summary *summary = summarise(data);
            /* tables are standardised */
            ck_assert_msg(warns(summary, cases[i].part) == (is_picture || !is_of_scale), "%s", cases[i].part);
            clm_data_summary_free(summary);
        }
        clm_data_close(data);
    }
}
END_TEST

/* Ranges below 100 to 1; a constant feature has none; a few narrow features of many give no warning. */
START_TEST(test_even_features)
{
    static const uint32_t labels[] = {0, 1};
    static const double even[][2] = {{0, 1}, {1, 100.5}}, constant[][2] = {{0, 5}, {1000, 5}};
    for (int i = 0; i < 2; i++) {
        struct clm_data *data = make_data(ELEMENT_FLOAT, i ? constant : even, labels, 2, 0, 2);
        data->height = data->channels = 1;
        data->width = 2;
        struct clm_data_summary *summary = summarise(data);
        ck_assert(!warns(summary, "differ in scale"));
        clm_data_summary_free(summary);
        clm_data_close(data);
    }
    for (size_t narrow = 3; narrow <= 4; narrow++) { /* 31 change; a tenth of them is three */
        float values[2][36] = {{0}};
        for (size_t i = 0; i < 31; i++)
            values[1][i] = i < narrow ? 0.001f : 1;
        char source[] = "made";
        uint32_t own[] = {0, 1};
        const struct clm_data data = {.features = 36,
                                      .classes = 2,
                                      .element = ELEMENT_FLOAT,
                                      .channels = 1,
                                      .height = 1,
                                      .width = 36,
                                      .source = source,
                                      .train = {2, values, own}};
        struct clm_data_summary *summary = summarise(&data);
        ck_assert_uint_eq(summary->constant_features, 5);
        ck_assert(warns(summary, "differ in scale") == (narrow == 4));
        clm_data_summary_free(summary);
    }
}
END_TEST

START_TEST(test_fashion_mnist)
{
    struct clm_data *data = NULL;
    const struct clm_data_options options = {.source = "/usr/share/datasets/fashion-mnist",
                                             .validation = 5000};
    if (!test_require("fashion-mnist: the package dataset-fashion-mnist is not installed",
                      clm_data_open(&options, &data, &error) == CLM_OK))
        return;
    struct clm_data_summary *summary = summarise(data);
    /* over all 60,000 rows, mean and deviation divided by 255 are published as 0.2860 and 0.3530 */
    ck_assert_within(summary->parts[CLM_TRAIN].mean / 255, 0.2860, 0.001);
    ck_assert_within(summary->parts[CLM_TRAIN].deviation / 255, 0.3530, 0.001);
    ck_assert_uint_eq(summary->parts[CLM_TRAIN].repeated, 0);
    ck_assert_uint_eq(summary->parts[CLM_TEST].leaked, 0);
    ck_assert_uint_eq(summary->warning_count, 0);
    clm_data_summary_free(summary);
    clm_data_close(data);
}
END_TEST

/* ---- sheets -------------------------------------------------------------------------------------------- */

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

START_TEST(test_sheet)
{
    char *directory = test_directory(), path[4096];
    struct clm_data *data = fixture_data(90, 10, 48, 3);
    unsigned char heads[4][24] = {{0}};
    static const char *const names[] = {"a name that is longer than there is place for", "short",
                                        "\xff\xfe no UTF-8"};
    snprintf(path, sizeof path, "%s/sheet.png", directory);
    ck_assert_int_eq(clm_data_sheet(data, CLM_TRAIN, 5, 1, path, &error), CLM_ERROR_SHAPE);
    ck_assert_ptr_nonnull(strstr(error.message, "no pictures"));
    data->width = 4;
    data->height = 4;
    data->channels = 3;
    data->class_names = class_names_copy(names, 3);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(
            clm_data_sheet(data, i == 3 ? CLM_TEST : CLM_TRAIN, i == 1 ? 1 : 500, 1 + (i == 2), path, &error),
            CLM_OK);
        FILE *file = fopen(path, "rb");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fread(heads[i], 1, sizeof heads[i], file), sizeof heads[i]);
        fclose(file);
        ck_assert_mem_eq(heads[i], "\x89PNG", 4);
    }
    ck_assert_uint_gt(big_endian(heads[0] + 16), big_endian(heads[1] + 16));
    ck_assert_uint_gt(big_endian(heads[0] + 20), big_endian(heads[3] + 20));
    ck_assert_int_eq(clm_data_sheet(data, CLM_VALIDATION, 5, 1, path, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_data_sheet(data, CLM_TRAIN, 0, 1, path, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_data_sheet(data, CLM_TRAIN, 1001, 1, path, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_data_sheet(data, CLM_TRAIN, 5, 1, NULL, &error), CLM_ERROR_ARGUMENT);
    size_t width = 0, channels = 0;
    ck_assert(clm_data_picture_size(data, &width, NULL, NULL) && width == 4);
    ck_assert(clm_data_picture_size(data, NULL, NULL, &channels) && channels == 3);
    ck_assert_int_eq(clm_data_sheet(data, CLM_TRAIN, 5, 1, "/dev/null/x", &error), CLM_ERROR_IO);
    clm_data_close(data);
    test_directory_remove(directory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statistics");
    TCase *tests = tcase_create("statistics");
    tcase_add_loop_test(tests, test_figures, 0, 2);
    tcase_add_test(tests, test_deviation_of_large_values);
    tcase_add_loop_test(tests, test_repeated, 0, 2);
    tcase_add_loop_test(tests, test_index, 0, 70);
    tcase_add_test(tests, test_collision);
    tcase_add_test(tests, test_constant);
    tcase_add_test(tests, test_no_warning);
    tcase_add_test(tests, test_class_warnings);
    tcase_add_test(tests, test_value_warnings);
    tcase_add_test(tests, test_even_features);
    tcase_add_test(tests, test_fashion_mnist);
    tcase_add_test(tests, test_sheet);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
