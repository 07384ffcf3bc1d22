/* Data sets from arrays in memory, and predictions for rows in memory. */
#include "data/data.h"

#include "support/fixtures.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

static struct clm_data *make(const struct clm_arrays *train, const struct clm_arrays *test,
                             const struct clm_data_options *options)
{
    struct clm_data *data = NULL;
    ck_assert_done(clm_data_from_arrays(train, test, options, &data, &error));
    return data;
}

static void refused(const struct clm_arrays *train, const struct clm_arrays *test,
                    const struct clm_data_options *options, clm_status status, const char *part)
{
    struct clm_data *data = (struct clm_data *)&error;
    ck_assert_int_eq(clm_data_from_arrays(train, test, options, &data, &error), status);
    ck_assert_ptr_null(data);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
}

static const float floats[] = {1, 2, 3, 4, 5, 6};
static const double doubles[] = {1700000000, 2, 1700000001, 4, 1700000003, 6};
static const uint8_t bytes[] = {0, 255, 3, 4, 5, 6};
static const uint32_t labels[] = {0, 1, 1};
static const char *const classes[] = {"no", "yes"}, *const names[] = {"when", "size"};

START_TEST(of_each_type)
{
    struct clm_arrays arrays = {
        .type = CLM_FLOAT, .values = floats, .rows = 3, .features = 2, .labels = labels};
    struct clm_data *data = make(&arrays, NULL, NULL);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 3);
    ck_assert_uint_eq(clm_data_classes(data), 2);
    ck_assert(!memcmp(data->train.values, floats, sizeof floats));
    clm_data_close(data);

    arrays =
        (struct clm_arrays){.type = CLM_BYTE, .values = bytes, .rows = 3, .features = 2, .labels = labels};
    data = make(&arrays, NULL, NULL);
    ck_assert(clm_data_is_bytes(data) && !memcmp(data->train.values, bytes, sizeof bytes));
    clm_data_close(data);

    arrays = (struct clm_arrays){.type = CLM_DOUBLE,
                                 .values = doubles,
                                 .rows = 3,
                                 .features = 2,
                                 .labels = labels,
                                 .classes = 2,
                                 .class_names = classes,
                                 .feature_names = names};
    data = make(&arrays, NULL, &(struct clm_data_options){.validation = 1});
    const float expected[] = {0, 2, 1, 4, 3, 6};
    ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), 1);
    ck_assert(!memcmp(data->train.values, expected, sizeof expected));
    ck_assert_str_eq(clm_data_class_name(data, 1), "yes");
    struct clm_column column;
    ck_assert(clm_inputs_column(clm_data_inputs(data), 0, &column));
    ck_assert_str_eq(column.name, "when");
    ck_assert_double_eq(column.offset, 1700000000);
    clm_data_close(data);
}
END_TEST

START_TEST(with_a_test_set)
{
    const struct clm_arrays
        train = {.type = CLM_FLOAT, .values = floats, .rows = 3, .features = 2, .labels = labels},
        test = {.type = CLM_FLOAT, .values = floats, .rows = 1, .features = 2, .labels = labels + 1},
        narrow = {.type = CLM_FLOAT, .values = floats, .rows = 3, .features = 1, .labels = labels},
        other = {.type = CLM_BYTE, .values = bytes, .rows = 3, .features = 2, .labels = labels};
    struct clm_data *data = make(&train, &test, NULL);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 1);
    ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 0), 1);
    clm_data_close(data);
    refused(&train, &narrow, NULL, CLM_ERROR_SHAPE, "the rows of the test set have 1 features");
    refused(&train, &other, NULL, CLM_ERROR_SHAPE, "both have to be bytes, or none");
}
END_TEST

START_TEST(that_make_no_sense)
{
    static const float infinite[] = {1, INFINITY};
    static const double large[] = {1e300, 1, 1, 1};
    static const uint32_t wrong[] = {0, 7, 1};
    const struct clm_arrays
        none = {.type = CLM_FLOAT, .rows = 3, .features = 2},
        empty = {.type = CLM_FLOAT, .values = floats, .features = 2},
        unlabelled = {.type = CLM_FLOAT, .values = floats, .rows = 3, .features = 2},
        wide = {.type = CLM_FLOAT, .values = infinite, .rows = 1, .features = 2, .labels = labels},
        wider = {.type = CLM_DOUBLE, .values = large, .rows = 2, .features = 2, .labels = labels},
        unnumbered = {.type = CLM_FLOAT,
                      .values = floats,
                      .rows = 3,
                      .features = 2,
                      .labels = labels,
                      .class_names = classes},
        of_two =
            {.type = CLM_FLOAT, .values = floats, .rows = 3, .features = 2, .labels = labels, .classes = 2},
        mislabelled = {
            .type = CLM_FLOAT, .values = floats, .rows = 3, .features = 2, .labels = wrong, .classes = 2};
    refused(&none, NULL, NULL, CLM_ERROR_ARGUMENT, "3 rows of 2 features are no data set");
    refused(&empty, NULL, NULL, CLM_ERROR_ARGUMENT, "0 rows of 2 features are no data set");
    refused(&unlabelled, NULL, NULL, CLM_ERROR_FORMAT, "label");
    refused(&wide, NULL, NULL, CLM_ERROR_FORMAT, "row 0, feature 1 (counted from 0) is inf");
    refused(&wider, NULL, NULL, CLM_ERROR_FORMAT, "row 0, feature 0 (counted from 0) is 1e+300");
    refused(&unnumbered, NULL, NULL, CLM_ERROR_ARGUMENT, "names of classes, but not how many");
    refused(&of_two, &mislabelled, NULL, CLM_ERROR_FORMAT, "label 7 in row 1");
    refused(&mislabelled, NULL, NULL, CLM_ERROR_FORMAT, "label 7 in row 1");
    struct clm_data *data =
        make(&unlabelled, NULL, &(struct clm_data_options){.labels_optional = true, .classes = 2});
    ck_assert_uint_eq(clm_data_unlabelled(data, CLM_TRAIN), 3);
    clm_data_close(data);
}
END_TEST

/* Doubles for the model are counted from where its training data were counted from. */
static void predict_doubles(struct clm_backend *be, const struct clm_model *model, const float *expected)
{
    static const char *const other[] = {"when", "weight"};
    struct clm_arrays last = {
        .type = CLM_DOUBLE, .values = doubles + 4, .rows = 1, .features = 2, .feature_names = names};
    const struct clm_data_options options = {
        .labels_optional = true, .classes = 2, .model_inputs = clm_model_inputs(model)};
    float got[2];
    struct clm_data *const data = make(&last, NULL, &options);
    ck_assert_done(clm_predict(be, model, data, CLM_TRAIN, got, NULL, &error));
    ck_assert(!memcmp(got, expected + 4, sizeof got));
    clm_data_close(data);
    last.feature_names = other;
    refused(&last, NULL, &options, CLM_ERROR_SHAPE,
            "feature 1 (counted from 0) is \"weight\", but the model's is \"size\"");
    last.features = 1;
    refused(&last, NULL, &options, CLM_ERROR_SHAPE, "rows have 1 features, but the model takes 2");
}

/* Rows in memory give the probabilities that the same rows of a data set give, to the bit. */
START_TEST(predicted_rows)
{
    static const size_t sizes[] = {2, 3, 2};
    const struct clm_arrays arrays = {.type = CLM_DOUBLE,
                                      .values = doubles,
                                      .rows = 3,
                                      .features = 2,
                                      .labels = labels,
                                      .feature_names = names};
    static const float rows[] = {1700000000, 2, 1700000000, 4};
    struct clm_data *const data = make(&arrays, NULL, NULL);
    struct clm_backend *const be = fixture_backend(FIXTURE_REFERENCE);
    struct clm_model *model = NULL;
    float expected[6], got[4];
    ck_assert_done(clm_model_create(&(struct clm_model_options){.sizes = sizes, .size_count = 3, .seed = 3},
                                    &model, &error));
    ck_assert_done(clm_model_standardise(model, data, CLM_STANDARDISE_FEATURE, NULL, &error));
    struct clm_settings *const settings = train_settings("epochs 1 batch 3");
    ck_assert_done(clm_train(be, model, data, settings, NULL, NULL, &error));
    ck_assert_done(clm_predict(be, model, data, CLM_TRAIN, expected, NULL, &error));
    ck_assert_done(clm_predict_rows(be, model, rows, 1, got, &error));
    ck_assert(!memcmp(got, expected, 2 * sizeof *got));
    ck_assert_int_eq(clm_predict_rows(be, model, rows, 0, got, &error), CLM_ERROR_ARGUMENT);
    predict_doubles(be, model, expected);
    clm_settings_free(settings);
    clm_model_free(model);
    clm_backend_close(be);
    clm_data_close(data);
}
END_TEST

/* A data set of so many rows of floats or bytes. */
static struct clm_data *rows_of(enum clm_value_type type, size_t rows)
{
    void *const values = calloc(rows, sizeof(float));
    uint32_t *const all_labels = calloc(rows, sizeof *all_labels);
    const struct clm_arrays arrays = {
        .type = type, .values = values, .rows = rows, .features = 1, .labels = all_labels, .classes = 2};
    ck_assert(values && all_labels);
    struct clm_data *const data = make(&arrays, NULL, NULL);
    free(values);
    free(all_labels);
    return data;
}

static const struct {
    enum clm_value_type type;
    size_t rows;
    const char *epochs, *batch, *lr, *schedule, *l2, *init, *standardize;
} suited[] = {
    {CLM_FLOAT, 20, "100", "20", "0.01", "cosine", "0.005", "xavier", "feature"},
    {CLM_FLOAT, 9999, "100", "32", "0.01", "cosine", "5.0005e-05", "xavier", "feature"},
    {CLM_FLOAT, 20000, "50", "128", "0.05", "cosine", "2.5e-05", "xavier", "feature"},
    {CLM_FLOAT, 200000, "10", "128", "0.05", "cosine", "2.5e-06", "xavier", "feature"},
    {CLM_BYTE, 20, "10", "20", "0.1", "cooldown", "0", "he", "none"},
    {CLM_BYTE, 20000, "10", "128", "0.1", "cooldown", "0", "he", "none"},
};

START_TEST(settings_that_suit)
{
    struct clm_settings *settings;
    struct clm_data *const data = rows_of(suited[_i].type, suited[_i].rows);
    ck_assert_done(clm_settings_create("train", &settings, &error));
    ck_assert_done(clm_settings_set(settings, "seed", "7", &error));
    ck_assert_done(clm_suit_settings(settings, data, &error));
    ck_assert_str_eq(clm_settings_text(settings, "epochs"), suited[_i].epochs);
    ck_assert_str_eq(clm_settings_text(settings, "batch"), suited[_i].batch);
    ck_assert_str_eq(clm_settings_text(settings, "lr"), suited[_i].lr);
    ck_assert_str_eq(clm_settings_text(settings, "schedule"), suited[_i].schedule);
    ck_assert_str_eq(clm_settings_text(settings, "l2"), suited[_i].l2);
    ck_assert_str_eq(clm_settings_text(settings, "init"), suited[_i].init);
    ck_assert_str_eq(clm_settings_text(settings, "standardize"), suited[_i].standardize);
    clm_settings_free(settings);
    /* what was set stays */
    ck_assert_done(clm_settings_create("train", &settings, &error));
    ck_assert_done(clm_settings_set(settings, "epochs", "3", &error));
    ck_assert_done(clm_settings_set(settings, "lr", "0.3", &error));
    ck_assert_done(clm_suit_settings(settings, data, &error));
    ck_assert_uint_eq(clm_settings_count(settings, "epochs"), 3);
    ck_assert_str_eq(clm_settings_text(settings, "lr"), "0.3");
    clm_settings_free(settings);
    clm_data_close(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("in_memory");
    TCase *tests = tcase_create("in_memory");
    tcase_add_test(tests, of_each_type);
    tcase_add_test(tests, with_a_test_set);
    tcase_add_test(tests, that_make_no_sense);
    tcase_add_test(tests, predicted_rows);
    tcase_add_loop_test(tests, settings_that_suit, 0, sizeof suited / sizeof *suited);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
