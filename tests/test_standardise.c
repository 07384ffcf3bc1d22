/* Input normalisation: fitted only to the training part, kept in the model, and useful. */
#include "nn/model.h"

#include "base/philox.h"
#include "support/data_files.h"
#include "support/fixtures.h"
#include "support/support.h"
#include "support/two_passes.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEATURES 5

static struct clm_error error;

static struct clm_model *model_for(const struct clm_data *data)
{
    return fixture_model(data, NULL, 1, (const size_t[]){8, 0});
}

static struct clm_standardised fit(struct clm_model *model, const struct clm_data *data,
                                   enum clm_standardise how)
{
    struct clm_standardised fitted;
    ck_assert_msg(clm_model_standardise(model, data, how, &fitted, &error) == CLM_OK, "%s", error.message);
    return fitted;
}

/* ---- a data set in memory ------------------------------------------------------------------------------ */

/* Floats of FEATURES, uniform about origin + feature; freed by clm_data_close. */
static struct clm_data *floats_about(double origin, double spread, size_t rows)
{
    struct clm_data *const data = calloc(1, sizeof *data);
    struct philox random = philox_start(2, RANDOM_TEST, 0);
    ck_assert_ptr_nonnull(data);
    *data = (struct clm_data){.features = FEATURES,
                              .classes = 2,
                              .element = ELEMENT_FLOAT,
                              .source = strdup("made"),
                              .format = "npy",
                              .read.train.values = malloc(rows * FEATURES * sizeof(float)),
                              .read.train.labels = calloc(rows, sizeof *data->read.train.labels)};
    for (size_t i = 0; i < rows * FEATURES; i++)
        ((float *)data->read.train.values)[i] =
            (float)(origin + (double)(i % FEATURES) + spread * (philox_uniform(&random) - 0.5));
    data->train = (struct rows){rows, data->read.train.values, data->read.train.labels};
    return data;
}

static void set_feature(struct clm_data *data, size_t feature, size_t first, size_t count, float value)
{
    for (size_t r = first; r < first + count; r++)
        ((float *)data->read.train.values)[r * FEATURES + feature] = value;
}

/* ---- fitting ------------------------------------------------------------------------------------------- */

/* Rounded to the nearest float, from a number within a millionth of a float's rounding of the truth:
 * moments.h has the bounds for that, and test_moments tests them. */
#define NEARLY_HALF_ULP (1.000001 * 0x1p-24)

static void assert_fitted(const struct clm_model *model, size_t i, const struct reference *reference)
{
    const double mean = (double)reference->mean, scale = 1 / (double)reference->deviation;
    ck_assert_within((double)clm_model_mean(model)[i], mean,
                     NEARLY_HALF_ULP * fabs(mean) + 1e-12 * (double)reference->deviation);
    ck_assert_within((double)clm_model_scale(model)[i], scale, NEARLY_HALF_ULP * scale);
}

START_TEST(fits_mean_and_deviation)
{
    struct clm_data *data[] = {fixture_data(777, 10, 33, 3), floats_about(0, 1, 1000),
                               floats_about(1e6, 0.5, 1000), floats_about(-1e-3, 1e-6, 1000)};
    for (size_t d = 0; d < sizeof data / sizeof *data; d++) {
        const size_t I = data[d]->features;
        struct clm_model *model = model_for(data[d]);
        ck_assert_uint_eq(fit(model, data[d], CLM_STANDARDISE_FEATURE).constant, 0);
        for (size_t i = 0; i < I; i++) {
            const struct reference reference = two_passes(data[d], i, 1);
            assert_fitted(model, i, &reference);
        }
        const struct reference all = two_passes(data[d], 0, I);
        const struct clm_standardised fitted = fit(model, data[d], CLM_STANDARDISE_GLOBAL);
        for (size_t i = 0; i < I; i++)
            assert_fitted(model, i, &all);
        ck_assert_uint_eq(fitted.rows, data[d]->train.count);
        ck_assert_within(fitted.mean, (double)all.mean, 1e-9 * fabs((double)all.mean));
        ck_assert_within(fitted.deviation, (double)all.deviation, 1e-9 * (double)all.deviation);
        clm_model_free(model);
        clm_data_close(data[d]);
    }
}
END_TEST

START_TEST(none_leaves_the_model)
{
    struct clm_data *data = fixture_data(50, 10, 4, 2);
    struct clm_model *model = model_for(data);
    const struct clm_standardised fitted = fit(model, data, CLM_STANDARDISE_NONE);
    ck_assert_uint_eq(fitted.constant, 0);
    for (size_t i = 0; i < 4; i++) {
        ck_assert(clm_model_mean(model)[i] == 0);
        ck_assert(clm_model_scale(model)[i] == 1 / 255.0f);
    }
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* Features that are constant, or almost. A feature of scale 0 becomes 0, whatever its values, so the net's
 * output does not depend on it and is finite. */
START_TEST(constant_features)
{
    static const struct {
        float usual, in_one_row;
        bool is_constant;
    } cases[] = {
        {0, 0, true},
        {0.1f, 0.1f, true},
        {-1e30f, -1e30f, true},
        {FLT_TRUE_MIN, FLT_TRUE_MIN, true},
        {0, FLT_TRUE_MIN, true},
        {1, 1 + FLT_EPSILON, true},
        {1, 1.0001f, false},
        {0, 1e-30f, false},
        {1e6f, 1e6f + 1, true},
        {1e6f, 1e6f + 3, false},
    };
    struct clm_backend *be = fixture_backend(FIXTURE_REFERENCE);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct clm_data *data = floats_about(0, 1, 1000);
        struct clm_model *model = model_for(data);
        float before[4], after[4];
        set_feature(data, 2, 0, 1000, cases[c].usual);
        set_feature(data, 2, 500, 1, cases[c].in_one_row);
        ck_assert_uint_eq(fit(model, data, CLM_STANDARDISE_FEATURE).constant, cases[c].is_constant);
        ck_assert((clm_model_scale(model)[2] == 0) == cases[c].is_constant);
        ck_assert(isfinite(clm_model_scale(model)[2]));
        data->train.count = 2;
        ck_assert_int_eq(clm_predict(be, model, data, CLM_TRAIN, before, NULL, &error), CLM_OK);
        set_feature(data, 2, 0, 2, 1234);
        ck_assert_int_eq(clm_predict(be, model, data, CLM_TRAIN, after, NULL, &error), CLM_OK);
        for (int i = 0; i < 4; i++)
            ck_assert(isfinite(before[i]));
        ck_assert((memcmp(before, after, sizeof before) == 0) == cases[c].is_constant);
        clm_model_free(model);
        clm_data_close(data);
    }
    clm_backend_close(be);
}
END_TEST

START_TEST(nothing_but_one_value)
{
    struct clm_data *data = floats_about(0, 1, 100);
    struct clm_model *model = model_for(data);
    for (size_t i = 0; i < FEATURES; i++)
        set_feature(data, i, 0, 100, 7);
    const struct clm_standardised fitted = fit(model, data, CLM_STANDARDISE_GLOBAL);
    ck_assert_uint_eq(fitted.constant, FEATURES);
    ck_assert(fitted.mean == 7 && fitted.deviation == 0);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

static void assert_refused(struct clm_data *data, enum clm_standardise how, clm_status status,
                           const char *part)
{
    struct clm_model *model = model_for(data);
    ck_assert_int_eq(clm_model_standardise(model, data, how, NULL, &error), status);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    for (size_t i = 0; i < FEATURES; i++) {
        ck_assert(clm_model_mean(model)[i] == 0);
        ck_assert(clm_model_scale(model)[i] == 1);
    }
    clm_model_free(model);
    clm_data_close(data);
}

START_TEST(values_that_cannot_be)
{
    static const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        struct clm_data *data = floats_about(0, 1, 200);
        set_feature(data, 3, 131, 1, wrong[i]);
        assert_refused(data, i ? CLM_STANDARDISE_GLOBAL : CLM_STANDARDISE_FEATURE, CLM_ERROR_FORMAT,
                       "row 131 of the training part, feature 3 (both counted from 0) is");
    }
    struct clm_data *wide = floats_about(0, 1, 200);
    set_feature(wide, 1, 3, 1, 2e38f);
    assert_refused(wide, CLM_STANDARDISE_FEATURE, CLM_ERROR_FORMAT, "to 2e+38 in feature 1 (counted from 0)");
    struct clm_data *apart = floats_about(0, 1, 200); /* each is narrow */
    set_feature(apart, 0, 0, 200, 2e38f);
    assert_refused(apart, CLM_STANDARDISE_GLOBAL, CLM_ERROR_FORMAT, "to 2e+38 in the features");
}
END_TEST

/* A range that a float's reciprocal can still scale is accepted: 2^126 is 1 / FLT_MIN. */
START_TEST(the_widest_range)
{
    struct clm_data *data = floats_about(0, 1, 200);
    set_feature(data, 2, 0, 200, 0);
    set_feature(data, 2, 3, 1, 0x1p126f);
    struct clm_model *model = model_for(data);
    ck_assert_int_eq(clm_model_standardise(model, data, CLM_STANDARDISE_FEATURE, NULL, &error), CLM_OK);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

START_TEST(another_model)
{
    struct clm_data *data = floats_about(0, 1, 20), *other = fixture_data(20, 0, 7, 2);
    struct clm_model *model = model_for(other);
    ck_assert_int_eq(clm_model_standardise(model, data, CLM_STANDARDISE_FEATURE, NULL, &error),
                     CLM_ERROR_SHAPE);
    clm_model_free(model);
    clm_data_close(data);
    clm_data_close(other);
}
END_TEST

/* ---- rows of a file ------------------------------------------------------------------------------------ */

enum { ROWS = 400, COLUMNS = 4 };

/* Two classes, given by the sign of the product of the first two features, which are small beside the others.
 * Row `changed` is different. */
static void put_table(const char *name, size_t changed)
{
    static const double scales[COLUMNS] = {1e-3, 1e-3, 1000, 1}, origins[COLUMNS] = {0, 0, 50000, 10000};
    struct philox random = philox_start(3, RANDOM_TEST, 0);
    char *text = NULL;
    size_t size = 0;
    FILE *const file = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(file);
    fputs("label,a,b,c,d\n", file);
    for (size_t r = 0; r < ROWS; r++) {
        double x[COLUMNS];
        for (size_t i = 0; i < COLUMNS; i++)
            x[i] = 2 * philox_uniform(&random) - 1;
        fputs(x[0] * x[1] > 0 ? "1" : "0", file);
        for (size_t i = 0; i < COLUMNS; i++)
            fprintf(file, ",%.9g", origins[i] + scales[i] * (r == changed ? 0.77 : x[i]));
        putc('\n', file);
    }
    fclose(file);
    put_text(name, text);
    free(text);
}

/* Fits the normalisation, mean and scale, to the table. */
static void fit_table(const struct clm_data_options *options, float normalisation[2][COLUMNS])
{
    struct clm_data *data = open_with(options);
    struct clm_model *model = model_for(data);
    fit(model, data, CLM_STANDARDISE_FEATURE);
    memcpy(normalisation[0], clm_model_mean(model), sizeof *normalisation);
    memcpy(normalisation[1], clm_model_scale(model), sizeof *normalisation);
    clm_model_free(model);
    clm_data_close(data);
}

/* The last 100 rows are held out; of the other 300, the first 200 are for training. */
START_TEST(of_the_training_part_only)
{
    static const size_t changed[] = {0, 199, 200, 299, 300, 399};
    float original[2][COLUMNS], other[2][COLUMNS];
    const struct clm_data_options options = {.source = file_path("t.csv"), .validation = 100, .limit = 200};
    put_table("t.csv", ROWS);
    fit_table(&options, original);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        put_table("t.csv", changed[i]);
        fit_table(&options, other);
        ck_assert((memcmp(original, other, sizeof original) == 0) == (changed[i] >= 200));
    }
}
END_TEST

static double accuracy_after_training(const struct clm_data *data, enum clm_standardise how,
                                      struct clm_model **out)
{
    struct clm_backend *be = fixture_backend(FIXTURE_REFERENCE);
    struct clm_settings *const settings = train_settings("epochs 60 batch 20 momentum 0.9 seed 1 shuffle on");
    struct clm_train_result result;
    struct clm_score score;
    struct clm_model *const model = fixture_model(data, NULL, 1, (const size_t[]){16, 0});
    fit(model, data, how);
    ck_assert_msg(clm_train(be, model, data, settings, NULL, &result, &error) == CLM_OK, "%s", error.message);
    clm_settings_free(settings);
    ck_assert_int_eq(clm_predict(be, model, data, CLM_VALIDATION, NULL, &score, &error), CLM_OK);
    clm_backend_close(be);
    *out = model;
    return score.accuracy;
}

/* A net that sees only the large features cannot tell the classes apart: about one row in two is right. */
START_TEST(from_bad_to_good)
{
    struct clm_model *model = NULL;
    put_table("t.csv", ROWS);
    struct clm_data *data =
        open_with(&(struct clm_data_options){.source = file_path("t.csv"), .validation = 100});
    const double without = accuracy_after_training(data, CLM_STANDARDISE_NONE, &model);
    clm_model_free(model);
    const double with = accuracy_after_training(data, CLM_STANDARDISE_FEATURE, &model);
    clm_model_free(model);
    ck_assert_msg(without <= 0.65, "%g without", without);
    ck_assert_msg(with >= 0.9, "%g with", with);
    clm_data_close(data);
}
END_TEST

/* A saved and loaded model gives the same to the last bit, on every backend. */
START_TEST(round_trip)
{
    struct clm_backend *be = fixture_backend((enum fixture)_i);
    struct clm_model *model = NULL, *loaded = NULL;
    float probabilities[2][2 * 100];
    struct clm_score scores[2];
    put_table("t.csv", ROWS);
    struct clm_data *data =
        open_with(&(struct clm_data_options){.source = file_path("t.csv"), .validation = 100});
    accuracy_after_training(data, CLM_STANDARDISE_FEATURE, &model);
    ck_assert_int_eq(clm_model_save(model, file_path("model"), &error), CLM_OK);
    ck_assert_int_eq(clm_model_load(file_path("model"), &loaded, &error), CLM_OK);
    ck_assert_mem_eq(clm_model_mean(loaded), clm_model_mean(model), COLUMNS * sizeof(float));
    ck_assert_mem_eq(clm_model_scale(loaded), clm_model_scale(model), COLUMNS * sizeof(float));
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            clm_predict(be, i ? loaded : model, data, CLM_VALIDATION, probabilities[i], scores + i, &error),
            CLM_OK);
    ck_assert_mem_eq(probabilities[0], probabilities[1], sizeof *probabilities);
    ck_assert(scores[0].loss == scores[1].loss && scores[0].accuracy == scores[1].accuracy);
    ck_assert(scores[0].accuracy >= 0.9);
    clm_model_free(model);
    clm_model_free(loaded);
    clm_data_close(data);
    clm_backend_close(be);
}
END_TEST

enum { GRADIENTS = 4 };

struct gradients {
    double worst[GRADIENTS];
    size_t count;
};

static void take_gradient(void *user, const struct clm_gradcheck_row *row)
{
    struct gradients *const to = user;
    ck_assert_uint_lt(to->count, GRADIENTS);
    to->worst[to->count++] = row->analytic;
}

/* Gradients are checked on the inputs of training: the same as for data that the model's mean and scale have
 * already been applied to. */
/* ---- the scale of other data --------------------------------------------------------------------------- */

static void assert_scale(const struct clm_model *model, const struct clm_data *data, const char *wanted)
{
    char *sentence;
    ck_assert_int_eq(clm_check_scale(model, data, CLM_TRAIN, &sentence, &error), CLM_OK);
    ck_assert_msg(wanted ? sentence && strstr(sentence, wanted) : !sentence, "%s",
                  sentence ? sentence : "no sentence");
    free(sentence);
}

static void multiply(struct clm_data *data, size_t feature, float factor)
{
    for (size_t r = 0; r < data->train.count; r++)
        ((float *)data->read.train.values)[r * FEATURES + feature] *= factor;
}

START_TEST(other_scales)
{
    static const enum clm_standardise ways[] = {CLM_STANDARDISE_NONE, CLM_STANDARDISE_GLOBAL,
                                                CLM_STANDARDISE_FEATURE};
    const enum clm_standardise how = ways[_i];
    struct clm_data *const data = floats_about(0, 4, 40), *const few = floats_about(0, 4, 3);
    struct clm_model *const model = model_for(data);
    assert_scale(model, data, NULL); /* nothing is known yet */
    fit(model, data, how);
    assert_scale(model, data, NULL);
    assert_scale(model, few, NULL);
    for (size_t i = 0; i < FEATURES; i++) {
        multiply(data, i, 255);
        multiply(few, i, 255);
    }
    assert_scale(model, data, "made: values go from ");
    assert_scale(model, few, "made: values go from ");
    for (size_t i = 0; i < FEATURES; i++) {
        multiply(data, i, 1 / 255.f / 255);
        multiply(few, i, 1 / 255.f / 255);
    }
    assert_scale(model, data,
                 how == CLM_STANDARDISE_FEATURE ? "feature 0 (counted from 0) and of 4 more features have"
                                                : "values go from ");
    assert_scale(model, few, how == CLM_STANDARDISE_FEATURE ? NULL : "values go from ");
    for (size_t i = 0; i < FEATURES; i++)
        multiply(data, i, i == 3 ? 2.55f : 255);
    assert_scale(model, data,
                 how == CLM_STANDARDISE_FEATURE ? "the values of feature 3 (counted from 0) have " : NULL);
    multiply(data, 3, 100);
    for (size_t i = 0; i < FEATURES; i++)
        multiply(data, i, 10);
    assert_scale(model, data, how == CLM_STANDARDISE_FEATURE ? "of 4 more features" : "values go from ");
    for (size_t i = 0; i < FEATURES; i++)
        multiply(data, i, 0.1f);
    assert_scale(model, data, NULL);
    for (size_t r = 0; r < 40; r++) /* a later year, say */
        ((float *)data->read.train.values)[r * FEATURES + 3] += 14;
    assert_scale(model, data, how == CLM_STANDARDISE_FEATURE ? "the values of feature 3 (counted" : NULL);
    set_feature(data, 3, 0, 40, 3); /* no scale can be told of a feature that does not change */
    assert_scale(model, data, NULL);
    clm_model_free(model);
    clm_data_close(few);
    clm_data_close(data);
}
END_TEST

START_TEST(gradcheck_standardises)
{
    struct clm_backend *be = fixture_backend(FIXTURE_BLAS);
    struct gradients gradients[2] = {{.count = 0}, {.count = 0}};
    put_table("t.csv", ROWS);
    struct clm_data *data = open_with(&(struct clm_data_options){.source = file_path("t.csv")});
    struct clm_model *model = model_for(data);
    float *const values = data->read.train.values;
    const size_t sizes[] = {COLUMNS, 6, 2};
    struct clm_gradcheck_options options = {
        .sizes = sizes, .size_count = 3, .batch = 11, .samples = 20, .seed = 1, .data = data};
    fit(model, data, CLM_STANDARDISE_FEATURE);
    for (int i = 0; i < 2; i++) {
        bool passed = false;
        options.standardise = i ? CLM_STANDARDISE_NONE : CLM_STANDARDISE_FEATURE;
        ck_assert_int_eq(clm_gradcheck(be, &options, take_gradient, gradients + i, &passed, &error), CLM_OK);
        ck_assert(passed);
        for (size_t j = 0; j < ROWS * COLUMNS; j++)
            values[j] =
                (values[j] - clm_model_mean(model)[j % COLUMNS]) * clm_model_scale(model)[j % COLUMNS];
    }
    ck_assert_uint_eq(gradients[0].count, GRADIENTS);
    ck_assert_mem_eq(gradients[0].worst, gradients[1].worst, sizeof gradients[0].worst);
    values[0] = NAN;
    bool passed;
    options.standardise = CLM_STANDARDISE_GLOBAL;
    ck_assert_int_eq(clm_gradcheck(be, &options, NULL, NULL, &passed, &error), CLM_ERROR_FORMAT);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(be);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("standardise");
    TCase *tests = tcase_create("standardise");
    tcase_add_checked_fixture(tests, files_set_up, files_tear_down);
    tcase_add_test(tests, fits_mean_and_deviation);
    tcase_add_test(tests, none_leaves_the_model);
    tcase_add_test(tests, constant_features);
    tcase_add_test(tests, nothing_but_one_value);
    tcase_add_test(tests, values_that_cannot_be);
    tcase_add_test(tests, the_widest_range);
    tcase_add_test(tests, another_model);
    tcase_add_test(tests, of_the_training_part_only);
    tcase_add_test(tests, from_bad_to_good);
    tcase_add_loop_test(tests, round_trip, FIXTURE_REFERENCE, FIXTURE_OPENCL + 1);
    tcase_add_loop_test(tests, other_scales, 0, 3);
    tcase_add_test(tests, gradcheck_standardises);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
