/* Weights of classes and rows, and what is said at the end about a net that has learned nothing. */
#include "nn/weights.h"

#include "support/data_files.h"
#include "support/fixtures.h"
#include "support/support.h"
#include "nn/model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

#define CLASSES 4

/* Rows of four classes, one of which has none; two of the names are made to be mistaken. */
static const uint32_t labels[8] = {0, 2, 2, 0, 2, 3, 2, 2};
static const char *const names[CLASSES] = {"cat", "3", "cat=dog", "a,b"};
static const struct labelled_rows rows = {.count = 8, .classes = CLASSES, .labels = labels, .names = names};

/* ---- classes ------------------------------------------------------------------------------------------- */

/* n / (C n_c) with C = 3 classes that have rows: 8 / (3 2), 8 / (3 5), 8 / (3 1). */
START_TEST(balanced)
{
    double weights[CLASSES];
    ck_assert_done(class_weights_read(&rows, "balanced", weights, &error));
    ck_assert_within(weights[0], 8 / 6.0, 1e-15);
    ck_assert_within(weights[1], 0, 0);
    ck_assert_within(weights[2], 8 / 15.0, 1e-15);
    ck_assert_within(weights[3], 8 / 3.0, 1e-15);
}
END_TEST

/* Names may hold the characters of the list; a name has priority over a number. */
START_TEST(named_or_numbered)
{
    static const struct {
        const char *text;
        double weights[CLASSES];
    } cases[] = {
        {NULL, {1, 1, 1, 1}},
        {"cat=2", {2, 1, 1, 1}},
        {"cat=dog=5", {1, 1, 5, 1}},
        {"a,b=0.5,cat=3", {3, 1, 1, 0.5}},
        {"3=7", {1, 7, 1, 1}},
        {"0=0,2=1e2", {0, 1, 100, 1}},
        {"cat=dog=4,cat=2,a,b=0", {2, 1, 4, 0}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double weights[CLASSES];
        ck_assert_done(class_weights_read(&rows, cases[i].text, weights, &error));
        for (size_t c = 0; c < CLASSES; c++)
            ck_assert_within(weights[c], cases[i].weights[c], 0);
    }
}
END_TEST

START_TEST(refused)
{
    static const char *const cases[][2] = {
        {"cta=2", "there is no class cta; did you mean cat?"},
        {"zebra=2", "there is no class zebra; classes are numbered from 0 to 3, or named as in the data"},
        {"4=1", "there is no class 4;"},
        {"-1=1", "there is no class -1;"},
        {"cat", "\"cat\" is no class with its weight"},
        {"", "\"\" is no class with its weight"},
        {"cat=1,", "\"\" is no class with its weight"},
        {"cat=1,,a,b=2", "\"\" is no class with its weight"},
        {"cat=", "the weight \"\" is no finite number"},
        {"cat=-1", "the weight \"-1\" is no finite number of at least 0"},
        {"cat=nan", "the weight \"nan\""},
        {"cat=inf", "the weight \"inf\""},
        {"cat=1e99", "the weight \"1e99\""},
        {"cat=2x", "the weight \"2x\""},
        {"cat=1,0=2", "class 0 has a weight already; leave out \"0=2\""},
        {"cat=0,3=0,cat=dog=0,a,b=0", "all 4 classes have the weight 0"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double weights[CLASSES];
        ck_assert_int_eq(class_weights_read(&rows, cases[i][0], weights, &error), CLM_ERROR_ARGUMENT);
        ck_assert_msg(strstr(error.message, cases[i][1]), "%s: %s", cases[i][0], error.message);
        ck_assert_str_eq(error.setting, "class-weight");
    }
}
END_TEST

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* Products with the weights of classes, divided by their mean. */
START_TEST(rows_have_mean_one)
{
    static const float own[8] = {1, 2, 0, 4, 1, 1, 0.5f, 2};
    struct labelled_rows weighed = rows;
    struct row_weights weights;
    double sum = 0;
    weighed.weights = own;
    ck_assert_done(row_weights_make(&weighed, "cat=3,a,b=0", &weights, &error));
    /* 3, 2, 0, 12, 1, 0, 0.5, 2: 20.5 of 8 rows */
    static const double products[8] = {3, 2, 0, 12, 1, 0, 0.5, 2};
    ck_assert_within(weights.mean, 20.5 / 8, 1e-15);
    for (size_t r = 0; r < 8; r++) {
        ck_assert_within((double)weights.of_row[r], products[r] * 8 / 20.5, 1e-6);
        sum += (double)weights.of_row[r];
    }
    ck_assert_within(sum, 8, 1e-5);
    ck_assert_within(weights.of_class[0], 3, 0);
    row_weights_free(&weights);
}
END_TEST

START_TEST(no_weights_are_none)
{
    struct row_weights weights;
    ck_assert_done(row_weights_make(&rows, NULL, &weights, &error));
    ck_assert_ptr_null(weights.of_row);
    row_weights_free(&weights);
}
END_TEST

/* Only a class without rows has a weight; or the rows of the part have none. */
START_TEST(no_row_counts)
{
    static const float own[8] = {0};
    struct labelled_rows weighed = rows;
    struct row_weights weights;
    ck_assert_int_eq(row_weights_make(&rows, "cat=0,cat=dog=0,a,b=0", &weights, &error), CLM_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "all 8 training rows have the weight 0"), "%s", error.message);
    weighed.weights = own;
    ck_assert_int_eq(row_weights_make(&weighed, NULL, &weights, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_null(weights.of_row);
}
END_TEST

/* ---- the end of training ------------------------------------------------------------------------------- */

struct warnings_heard {
    size_t count;
    char sentence[3][600], setting[3][64];
};

static void hear(void *user, const struct clm_warning *warning)
{
    struct warnings_heard *const heard = user;
    ck_assert_uint_lt(heard->count, 3);
    snprintf(heard->sentence[heard->count], sizeof *heard->sentence, "%s", warning->sentence);
    snprintf(heard->setting[heard->count++], sizeof *heard->setting, "%s", warning->setting);
}

/* `count` rows of two floats; one in `every` is of class 1, and its first value then is larger. */
static void put_rows(const char *name, size_t count, size_t every, double scale)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(stream);
    fprintf(stream, "a,b,label\n");
    for (size_t r = 0; r < count; r++) {
        const bool is_one = r % every == every - 1;
        fprintf(stream, "%g,%g,%d\n", scale * ((double)(r * 7 % 11) / 11 + is_one),
                scale * ((double)(r * 5 % 13) / 13), is_one);
    }
    ck_assert_int_eq(fclose(stream), 0);
    put_text(name, text);
    free(text);
}

static clm_status train_with(const struct clm_data_options *options, const char *init,
                             struct clm_settings *settings, struct warnings_heard *heard,
                             struct clm_train_result *result)
{
    const struct clm_train_hooks hooks = {.on_warning = hear, .user = heard};
    struct clm_backend *const backend = fixture_backend(FIXTURE_REFERENCE);
    struct clm_data *data = NULL;
    memset(heard, 0, sizeof *heard);
    ck_assert_done(clm_data_open(options, &data, &error));
    struct clm_model *const model = fixture_model(data, init, 1, NULL);
    const clm_status status = clm_train(backend, model, data, settings, &hooks, result, &error);
    clm_settings_free(settings);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(backend);
    return status;
}

static void expect_warning(const struct warnings_heard *heard, size_t i, const char *sentence,
                           const char *setting)
{
    ck_assert_uint_gt(heard->count, i);
    ck_assert_msg(strstr(heard->sentence[i], sentence), "%s", heard->sentence[i]);
    ck_assert_str_eq(heard->setting[i], setting);
}

/* The validation and the test part are judged; the training part only if there is no other. */
START_TEST(one_class_for_all)
{
    struct warnings_heard heard;
    struct clm_train_result result;
    put_rows("uneven.csv", 400, 20, 1);
    put_rows("few.csv", 60, 20, 1);
    const char *const path = file_path("uneven.csv");
    const struct clm_data_options alone = {.source = path},
                                  all = {.source = path, .test = file_path("few.csv"), .validation = 100};
    ck_assert_done(train_with(&alone, NULL, train_settings("epochs 90 batch 400 lr 0.5"), &heard, &result));
    ck_assert_uint_eq(heard.count, 1);
    expect_warning(
        &heard, 0,
        "the net predicts class 0 for all 400 training rows; 95 % of the training rows are of that "
        "class: balance the classes",
        "class-weight epochs");
    ck_assert_done(train_with(&all, NULL, train_settings("epochs 90 batch 300 lr 0.5"), &heard, &result));
    ck_assert_uint_eq(heard.count, 2);
    expect_warning(&heard, 0, "for all 100 validation rows", "class-weight epochs");
    expect_warning(&heard, 1, "for all 60 test rows", "class-weight epochs");
    ck_assert_done(train_with(
        &alone, NULL, train_settings("epochs 200 batch 40 lr 0.5 class-weight balanced"), &heard, &result));
    ck_assert_uint_eq(heard.count, 0);
}
END_TEST

/* The advice fits the settings: few steps, a high rate, a large penalty, inputs that are far from 1. */
START_TEST(worse_than_guessing)
{
    struct warnings_heard heard;
    struct clm_train_result result;
    put_rows("even.csv", 200, 2, 1);
    put_rows("large.csv", 200, 2, 1e4);
    put_rows("uneven.csv", 400, 20, 1);
    const struct clm_data_options even = {.source = file_path("even.csv"), .validation = 50},
                                  uneven = {.source = file_path("uneven.csv"), .validation = 100},
                                  large = {.source = file_path("large.csv"), .validation = 50};
    ck_assert_done(
        train_with(&even, "normal:3", train_settings("epochs 1 batch 150 lr 0.0001"), &heard, &result));
    expect_warning(&heard, 0, "1 step at the learning rate 0.0001 is too few", "epochs lr");
    ck_assert_done(train_with(&even, NULL, train_settings("epochs 3 batch 150 lr 300"), &heard, &result));
    expect_warning(&heard, 0, "that of guessing by the classes' frequencies; lower the learning rate (300)",
                   "lr");
    ck_assert_done(
        train_with(&uneven, NULL, train_settings("epochs 20 batch 10 lr 0.1 l2 2"), &heard, &result));
    expect_warning(&heard, 0, "the penalty of 2 holds the weights near 0", "l2");
    ck_assert_done(train_with(&large, NULL, train_settings("epochs 20 batch 10 lr 0.1"), &heard, &result));
    expect_warning(&heard, 0, "standardise them, to mean 0 and deviation 1", "standardize");
    ck_assert_done(train_with(&even, NULL, train_settings("epochs 100 batch 10 lr 1"), &heard, &result));
    ck_assert_uint_eq(heard.count, 0);
}
END_TEST

/* A part whose rows are all of one class may well be predicted so. */
START_TEST(one_class_that_is_right)
{
    struct warnings_heard heard;
    struct clm_train_result result;
    put_rows("even.csv", 200, 2, 1);
    put_rows("zeros.csv", 30, 31, 1);
    const struct clm_data_options data = {.source = file_path("even.csv"), .test = file_path("zeros.csv")};
    ck_assert_done(train_with(&data, NULL, train_settings("epochs 100 batch 10 lr 1"), &heard, &result));
    ck_assert_uint_eq(heard.count, 0);
}
END_TEST

/* A row whose logits are too large for float, but not for double: a backend in float fails. The run is
 * written. */
START_TEST(a_loss_that_is_no_number)
{
    static const char *const parts[] = {"test", "validation"};
    struct clm_train_result result;
    struct clm_data *data = NULL;
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    const char *const out = file_path("run");
    put_rows("even.csv", 200, 2, 1);
    put_rows("few.csv", 60, 2, 1);
    const struct clm_data_options options = {
        .source = file_path("even.csv"), .test = file_path("few.csv"), .validation = 50};
    ck_assert_done(clm_data_open(&options, &data, &error));
    float *const values = _i ? (float *)data->read.train.values + 150 * 2 : data->read.test.values;
    values[2 * 17 + 1] = 3e38F;
    struct clm_model *const model = fixture_model(data, "normal:3", 1, NULL);
    struct clm_settings *const settings = train_settings("epochs 2 batch 10 lr 0.1 out %s", out);
    const clm_status status = clm_train(backend, model, data, settings, NULL, &result, &error);
    ck_assert_int_eq(status, CLM_ERROR_FORMAT);
    ck_assert_msg(strstr(error.message, "rows is no finite number: that of row 17 (counted from 0) is"), "%s",
                  error.message);
    ck_assert_msg(strstr(error.message, parts[_i]), "%s", error.message);
    ck_assert_msg(strstr(error.message, "its feature 1 (counted from 0) is 3e+38 as the net sees it"), "%s",
                  error.message);
    ck_assert_msg(strstr(error.message, "; the trained net is kept in "), "%s", error.message);
    /* clm_predict says the same, without a run */
    ck_assert_int_eq(clm_predict(backend, model, data, _i ? CLM_VALIDATION : CLM_TEST, NULL,
                                 &(struct clm_score){0}, &error),
                     CLM_ERROR_FORMAT);
    ck_assert_msg(strstr(error.message, "that of row 17"), "%s", error.message);
    clm_settings_free(settings);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("weights");
    TCase *const cases = tcase_create("weights");
    tcase_add_checked_fixture(cases, files_set_up, files_tear_down);
    tcase_add_test(cases, balanced);
    tcase_add_test(cases, named_or_numbered);
    tcase_add_test(cases, refused);
    tcase_add_test(cases, rows_have_mean_one);
    tcase_add_test(cases, no_weights_are_none);
    tcase_add_test(cases, no_row_counts);
    tcase_add_test(cases, one_class_for_all);
    tcase_add_test(cases, worse_than_guessing);
    tcase_add_test(cases, one_class_that_is_right);
    tcase_add_loop_test(cases, a_loss_that_is_no_number, 0, 2);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
