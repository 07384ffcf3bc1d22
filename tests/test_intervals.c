/* Prediction intervals: their ranks and scores by hand, and files that say something wrong of them. */
#include "nn/intervals.h"

#include "nn/model.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NETS = 3, TARGETS = 2, FEATURES = 3, ROWS = 40 };

static struct clm_error error;

/* A net of `targets` targets, with mean 0 and the deviation 2; one of `nets`. */
static struct clm_model *model_for(const char *loss, size_t targets, size_t nets)
{
    const struct clm_loss asked = {
        .name = loss, .delta = 1, .quantile_count = 3, .quantiles = {0.05f, 0.5f, 0.95f}};
    const size_t outputs = strcmp(loss, "quantile") ? targets : 3 * targets;
    const struct clm_model_options options = {
        .sizes = (size_t[]){3, outputs}, .size_count = 2, .nets = nets, .loss = &asked};
    struct clm_model *model = NULL;
    ck_assert_done(clm_model_create(&options, &model, &error));
    model->target_mean = calloc(targets, sizeof *model->target_mean);
    model->target_deviation = calloc(targets, sizeof *model->target_deviation);
    ck_assert(model->target_mean && model->target_deviation);
    for (size_t t = 0; t < targets; t++)
        model->target_deviation[t] = 2;
    return model;
}

/* ceil((n + 1) k / 100) in integers, and the fewest rows for it: n >= k / (100 - k). */
START_TEST(ranks)
{
    for (size_t k = 1; k < 100; k++) {
        const double coverage = (double)k / 100;
        for (size_t n = 1; n < 3000; n++)
            ck_assert_uint_eq(intervals_rank(n, coverage), ((n + 1) * k + 99) / 100);
        ck_assert_uint_eq(intervals_rows_needed(coverage), k < 50 ? 1 : (k + 99 - k) / (100 - k));
    }
    ck_assert_uint_eq(intervals_rank(9, 0.9), 9);
    ck_assert_uint_eq(intervals_rank(8, 0.9), 9);
    ck_assert_uint_eq(intervals_rank(9, 0.900001), 10);
    ck_assert_uint_eq(intervals_rows_needed(0.999999), 999999);
}
END_TEST

/* The ranks that are kept rise to the last; the largest are all there, and the others at most a
 * five-hundredth of the rows apart. */
START_TEST(ranks_that_are_kept)
{
    static const size_t rows[] = {1, 2, 999, 1000, 1001, 1002, 1499, 1500, 54321, (size_t)1 << 48};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const size_t n = rows[i], kept = intervals_kept(n);
        size_t before = 0;
        ck_assert_uint_eq(kept, n < 1000 ? n : 1000);
        for (size_t k = 0; k < kept; k++) {
            const size_t rank = intervals_rank_kept(n, k);
            ck_assert_uint_gt(rank, before);
            ck_assert_uint_le(rank - before, k + 500 < kept ? 1 + n / 500 : 1u + (n > 1000 && k == 500));
            before = rank;
        }
        ck_assert_uint_eq(before, n);
    }
}
END_TEST

/* The model keeps scores 1 … rows, in any order. */
static void keep_whole_numbers(struct clm_model *model, size_t rows)
{
    double *const scores = calloc(rows, sizeof *scores);
    for (size_t r = 0; r < rows; r++)
        scores[r] = (double)(1 + (rows - 1 - r));
    ck_assert_done(intervals_keep(model, scores, rows, &error));
    free(scores);
}

/* With scores 1 … n the score is its own rank: the one that is wanted, or the next that is kept. */
START_TEST(scores_of_coverages)
{
    static const size_t rows[] = {1, 9, 10, 1000, 1001, 4321, 60000};
    static const double coverages[] = {0.01, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999};
    struct clm_model *const model = model_for("squared", 1, 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const size_t n = rows[i];
        keep_whole_numbers(model, n);
        for (size_t c = 0; c < COUNT_OF(coverages); c++) {
            const size_t rank = intervals_rank(n, coverages[c]);
            if (rank > n) {
                ck_assert_int_eq(intervals_check(model, coverages[c], &error), CLM_ERROR_ARGUMENT);
                continue;
            }
            ck_assert_done(intervals_check(model, coverages[c], &error));
            const double score = intervals_score(&model->intervals, 0, coverages[c]);
            ck_assert(score >= (double)rank);
            ck_assert(n > 1000 && rank + 500 <= n ? score < (double)rank + 1 + (double)n / 500
                                                  : score == (double)rank);
        }
    }
    clm_model_free(model);
}
END_TEST

/* Rows of one source have their scores in any order with the same probability. So the share of new rows that
 * are within is the share of the n + 1 rows whose score is within the bound of the other n. Of different
 * scores those are exactly ceil((n + 1) p) of n + 1; of equal ones they may be more. */
START_TEST(one_is_left_out)
{
    enum { SOME = 60 };
    static const double coverages[] = {0.3, 0.5, 0.8, 0.9, 0.95};
    struct clm_model *const model = model_for("absolute", 1, 1);
    for (size_t ties = 1; ties <= 8; ties *= 2)
        for (size_t c = 0; c < COUNT_OF(coverages); c++) {
            size_t within = 0;
            for (size_t out = 0; out < SOME; out++) {
                double scores[SOME];
                for (size_t r = 0; r < SOME; r++)
                    scores[r] = (double)(r * 37 % SOME / ties);
                const double own = scores[out];
                scores[out] = scores[SOME - 1];
                ck_assert_done(intervals_keep(model, scores, SOME - 1, &error));
                within += own <= intervals_score(&model->intervals, 0, coverages[c]);
            }
            const size_t rank = intervals_rank(SOME - 1, coverages[c]);
            ck_assert_uint_ge(within, rank);
            ck_assert_uint_lt(within, rank + ties);
        }
    clm_model_free(model);
}
END_TEST

START_TEST(scores_of_values)
{
    static const float one[] = {5}, three[] = {3, 4, 9};
    struct clm_model *model = model_for("squared", 1, 1);
    ck_assert_int_eq((int)intervals_kind(model), INTERVAL_ERRORS);
    ck_assert_within(intervals_score_of(model, INTERVAL_ERRORS, 0, one, 7, 2), 1.5, 0.0);
    ck_assert_within(intervals_score_of(model, INTERVAL_ERRORS, 0, one, 7, 8), 1.5, 0.0);
    ck_assert_within(intervals_score_of(model, INTERVAL_ERRORS, 0, one, 7, 5), 0.0, 0.0);
    clm_model_free(model);
    model = model_for("squared", 1, 2);
    ck_assert_int_eq((int)intervals_kind(model), INTERVAL_SPREAD);
    ck_assert_within(intervals_score_of(model, INTERVAL_SPREAD, 0, one, 0.65, 8), 2.0, 4 * DBL_EPSILON);
    ck_assert_within(intervals_score_of(model, INTERVAL_SPREAD, 0, one, 0, 8), 15.0, 30 * DBL_EPSILON);
    clm_model_free(model);
    model = model_for("quantile", 1, 2);
    ck_assert_int_eq((int)intervals_kind(model), INTERVAL_QUANTILES);
    ck_assert_within(intervals_score_of(model, INTERVAL_QUANTILES, 0, three, 7, 1), 1.0, 0.0);
    ck_assert_within(intervals_score_of(model, INTERVAL_QUANTILES, 0, three, 7, 11), 1.0, 0.0);
    ck_assert_within(intervals_score_of(model, INTERVAL_QUANTILES, 0, three, 7, 8), -0.5, 0.0);
    clm_model_free(model);
    model = model_for("binary", 1, 1);
    ck_assert_int_eq((int)intervals_kind(model), INTERVAL_NONE);
    ck_assert_int_eq(intervals_check(model, 0.9, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "intervals are of predicted numbers"));
    clm_model_free(model);
}
END_TEST

/* The ends of an interval have its score. Each of score, product and sum is rounded once, relative to numbers
 * below 64: 8 roundings of 64 / 2 DBL_EPSILON are more than all of them. */
START_TEST(ends_of_intervals)
{
    static const char *const losses[] = {"huber", "huber", "quantile"};
    static const float outputs[] = {-11.5f, 3.25f, 20};
    double scores[] = {0.7};
    for (size_t i = 0; i < COUNT_OF(losses); i++) {
        struct clm_model *const model = model_for(losses[i], 1, 1 + i % 2);
        double ends[2];
        ck_assert_done(intervals_keep(model, scores, 1, &error));
        const enum interval_kind kind = model->intervals.kind;
        ck_assert_int_eq((int)kind, (int)i + 1);
        intervals_bounds(model, 0, 0.7, outputs, 0.3, ends);
        ck_assert(ends[0] < ends[1]);
        for (size_t e = 0; e < 2; e++)
            ck_assert_within(intervals_score_of(model, kind, 0, outputs, 0.3, ends[e]), 0.7,
                             256 * DBL_EPSILON);
        intervals_bounds(model, 0, -100, outputs, 0.3, ends); /* of no value */
        ck_assert_within(ends[0], i == 2 ? 4.25 : -11.5, 0.0);
        ck_assert_within(ends[1], ends[0], 0.0);
        clm_model_free(model);
    }
}
END_TEST

/* Equal scores, one row, huge scores; and those that are no numbers. */
START_TEST(odd_scores)
{
    struct clm_model *const model = model_for("squared", 2, 1);
    static const double wrong[] = {NAN, INFINITY, -INFINITY};
    double equal[] = {4, 4, 4, 4, 4, 7, 7, 7, 7, 7}, huge[] = {DBL_MAX, -DBL_MAX};
    ck_assert_done(intervals_keep(model, equal, 5, &error));
    ck_assert_within(intervals_score(&model->intervals, 0, 0.5), 4.0, 0.0);
    ck_assert_within(intervals_score(&model->intervals, 1, 0.8), 7.0, 0.0);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        double scores[] = {1, 2, 3, wrong[i]};
        ck_assert_int_eq(intervals_keep(model, scores, 2, &error), CLM_ERROR_FORMAT);
        ck_assert_ptr_nonnull(strstr(error.message, "validation row 1"));
        ck_assert_uint_eq(model->intervals.rows, 5); /* as before */
    }
    ck_assert_done(intervals_keep(model, huge, 1, &error));
    ck_assert_within(intervals_score(&model->intervals, 0, 0.5), DBL_MAX, 0.0);
    ck_assert_within(intervals_score(&model->intervals, 1, 0.1), -DBL_MAX, 0.0);
    ck_assert_int_eq(intervals_check(model, 0.9, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(
        strstr(error.message, "at least 9 validation rows, and the model was calibrated by 1;"));
    clm_model_free(model);
}
END_TEST

START_TEST(coverages_that_are_none)
{
    static const double wrong[] = {0, 1, -0.5, 1.5, NAN, INFINITY};
    struct clm_model *const model = model_for("squared", 1, 1);
    ck_assert_int_eq(intervals_check(model, 0.9, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "train it with the setting calibrate"));
    keep_whole_numbers(model, 100);
    ck_assert_done(intervals_check(model, 0.9, &error));
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        ck_assert_int_eq(intervals_check(model, wrong[i], &error), CLM_ERROR_ARGUMENT);
    clm_model_free(model);
}
END_TEST

/* A model's file keeps the bits of all scores. */
START_TEST(file)
{
    enum { MANY = 1234 };
    struct clm_model *const model = model_for("squared", TARGETS, 3), *again = NULL;
    double *const scores = calloc((size_t)MANY * TARGETS, sizeof *scores);
    char *const directory = test_directory(), *path = NULL;
    size_t rows;
    for (size_t i = 0; i < (size_t)MANY * TARGETS; i++)
        scores[i] = exp((double)(i * 7919 % MANY) / 17 - 30) * (i >= MANY && i % 3 ? -1 : 1);
    ck_assert_ptr_null(clm_model_intervals(model, &rows));
    ck_assert_done(intervals_keep(model, scores, MANY, &error));
    ck_assert_int_gt(asprintf(&path, "%s/model.safetensors", directory), 0);
    ck_assert_done(clm_model_save(model, path, &error));
    ck_assert_done(clm_model_load(path, &again, &error));
    ck_assert_str_eq(clm_model_intervals(again, &rows), "spread");
    ck_assert_uint_eq(rows, MANY);
    ck_assert_uint_eq(again->intervals.kept, 1000);
    ck_assert_uint_eq(again->intervals.targets, TARGETS);
    ck_assert_mem_eq(again->intervals.scores, model->intervals.scores, 2000 * sizeof *scores);
    clm_model_free(again);
    model->intervals.scores[7] = model->intervals.scores[9]; /* they no longer rise */
    ck_assert_done(clm_model_save(model, path, &error));
    ck_assert_int_eq(clm_model_load(path, &again, &error), CLM_ERROR_FORMAT);
    ck_assert_ptr_null(again);
    ck_assert_ptr_nonnull(
        strstr(error.message, "model.safetensors: its intervals are not those of 2 targets"));
    clm_model_free(model);
    free(scores);
    free(path);
    test_directory_remove(directory);
}
END_TEST

START_TEST(files_that_are_wrong)
{
    static const char *const wrong[] = {
        "{}",
        "[]",
        "{\"by\":\"errors\",\"rows\":3,\"scores\":[[1,3,2]]}",
        "{\"by\":\"errors\",\"rows\":3,\"scores\":[[1,2]]}",
        "{\"by\":\"errors\",\"rows\":3,\"scores\":[[1,2,3,4]]}",
        "{\"by\":\"errors\",\"rows\":3,\"scores\":[[1,2,\"3\"]]}",
        "{\"by\":\"errors\",\"rows\":3,\"scores\":[[1,2,null]]}",
        "{\"by\":\"errors\",\"rows\":3,\"scores\":[[1,2,3],[1,2,3]]}",
        "{\"by\":\"errors\",\"rows\":3,\"scores\":[]}",
        "{\"by\":\"errors\",\"rows\":3,\"scores\":{}}",
        "{\"by\":\"errors\",\"rows\":3}",
        "{\"by\":\"errors\",\"rows\":0,\"scores\":[[]]}",
        "{\"by\":\"errors\",\"rows\":-1,\"scores\":[[]]}",
        "{\"by\":\"errors\",\"rows\":2.5,\"scores\":[[1,2]]}",
        "{\"by\":\"errors\",\"rows\":\"2\",\"scores\":[[1,2]]}",
        "{\"by\":\"errors\",\"rows\":9223372036854775807,\"scores\":[[1]]}",
        "{\"by\":\"spread\",\"rows\":2,\"scores\":[[1,2]]}",
        "{\"by\":\"quantiles\",\"rows\":2,\"scores\":[[1,2]]}",
        "{\"by\":null,\"rows\":2,\"scores\":[[1,2]]}",
        "{\"rows\":2,\"scores\":[[1,2]]}",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct clm_model *const model = model_for("squared", 1, 1);
        ck_assert_msg(intervals_parse(wrong[i], model, &error) == CLM_ERROR_FORMAT, "%s", wrong[i]);
        ck_assert_msg(strstr(error.message, "with rising scores of validation rows") != NULL, "%s: %s",
                      wrong[i], error.message);
        clm_model_free(model);
    }
    static const char *const broken[] = {"", "7", "{\"by\":\"errors\",\"rows\":1,\"scores\":[[NaN]]}",
                                         "{\"by\":\"errors\",\"rows\":1,\"scores\":[[1e999]]}"};
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct clm_model *const model = model_for("squared", 1, 1);
        ck_assert_int_eq(intervals_parse(broken[i], model, &error), CLM_ERROR_FORMAT);
        ck_assert_ptr_nonnull(strstr(error.message, "what it says of its intervals is no JSON"));
        clm_model_free(model);
    }
    struct clm_model *const classes = model_for("cross-entropy", 2, 1);
    ck_assert_int_eq(intervals_parse("{\"by\":\"errors\",\"rows\":1,\"scores\":[[1],[1]]}", classes, &error),
                     CLM_ERROR_FORMAT);
    clm_model_free(classes);
}
END_TEST

/* ---- predictions ---- */

/* A number from -1 to 1 that depends on `k` alone. */
static double scattered(size_t k)
{
    return (double)((k * 2654435761u + 12345) % 65521) / 32760.5 - 1;
}

static struct clm_data *rows_with_targets(void)
{
    static double targets[ROWS * TARGETS];
    static float values[ROWS * FEATURES];
    const struct clm_arrays arrays = {.type = CLM_FLOAT,
                                      .values = values,
                                      .rows = ROWS,
                                      .features = FEATURES,
                                      .targets = targets,
                                      .target_count = TARGETS};
    struct clm_data *data = NULL;
    for (size_t i = 0; i < COUNT_OF(values); i++)
        values[i] = (float)scattered(i);
    for (size_t i = 0; i < COUNT_OF(targets); i++)
        targets[i] = 4 * scattered(i + 1000);
    ck_assert_done(clm_data_from_arrays(&arrays, NULL, NULL, &data, &error));
    return data;
}

/* The nets are linear: what each predicts of a row, before it is brought to own units. */
static double linear_prediction(const struct clm_model *model, size_t net, size_t row, size_t target)
{
    const struct clm_model *const one = clm_model_net(model, net);
    double sum = (double)clm_model_bias(one, 0)[target];
    for (size_t i = 0; i < FEATURES; i++)
        sum += (double)clm_model_weight(one, 0)[target * FEATURES + i] *
               (double)(float)scattered(row * FEATURES + i);
    return sum;
}

/* Mean and spread of the nets by another formula than the tested one: by differences of all pairs. */
static void by_pairs(const struct clm_model *model, size_t row, size_t target, double *mean, double *spread)
{
    double squares = 0;
    *mean = 0;
    for (size_t a = 0; a < NETS; a++) {
        *mean += linear_prediction(model, a, row, target) / NETS;
        for (size_t b = 0; b < NETS; b++)
            squares +=
                pow(linear_prediction(model, a, row, target) - linear_prediction(model, b, row, target), 2);
    }
    *spread = sqrt(squares / (2 * NETS * NETS));
}

/* Bounds on each backend are those of nets that are computed by hand, and are measured right. A prediction is
 * a sum of a bias and three products, all of at most 1: with u = 2^-24 it is off by at most 16 u, the mean,
 * which becomes a float, by 20 u, and in own units (times 2, rounded, below 16) by 56 u. The spread is off by
 * no more than a prediction, and is multiplied by a score of 2 and the deviation 2: by 64 u. */
START_TEST(predictions)
{
    struct clm_backend *const be = fixture_backend((enum fixture)_i);
    struct clm_data *const data = rows_with_targets();
    struct clm_model *const model = model_for("squared", TARGETS, NETS);
    float predicted[ROWS * TARGETS], alone[ROWS * TARGETS];
    double bounds[ROWS * TARGETS * 2], scores[] = {1, 2, 3, 0.5, 1, 1.5};
    struct clm_interval_measures measures[TARGETS];
    struct clm_score score;
    for (size_t n = 0; n < NETS; n++)
        for (size_t p = 0; p < FEATURES * TARGETS; p++)
            ((struct clm_model *)(n ? model->others[n - 1] : model))->values[0][p] =
                (float)scattered(p + 100 * n);
    model->target_mean[0] = 1;
    ck_assert_done(intervals_keep(model, scores, 3, &error));
    ck_assert_done(clm_predict(be, model, data, CLM_TRAIN, alone, &score, &error));
    ck_assert_done(clm_predict_intervals(be, model, data, CLM_TRAIN, 0.5, predicted, bounds, &score, &error));
    ck_assert_mem_eq(predicted, alone, sizeof alone);
    ck_assert_done(clm_measure_intervals(model, bounds, data, CLM_TRAIN, measures, &error));
    for (size_t t = 0; t < TARGETS; t++) {
        size_t within = 0;
        double width = 0, least = INFINITY, most = 0;
        for (size_t r = 0; r < ROWS; r++) {
            const double *const own = bounds + 2 * (r * TARGETS + t), off = 120 * 0x1p-24;
            const double target = clm_data_target(data, CLM_TRAIN, r, t);
            double mean, spread;
            by_pairs(model, r, t, &mean, &spread);
            const double middle = (t ? 0 : 1) + 2 * mean, half = 2 * (t ? 1 : 2) * (spread + 0.1);
            ck_assert_within(own[0], middle - half, off);
            ck_assert_within(own[1], middle + half, off);
            within += target >= own[0] && target <= own[1];
            width += (own[1] - own[0]) / ROWS;
            least = fmin(least, own[1] - own[0]);
            most = fmax(most, own[1] - own[0]);
        }
        ck_assert_uint_gt(within, 0);
        ck_assert_uint_lt(within, ROWS);
        ck_assert(most > 2 * least); /* the spread matters */
        ck_assert_within(measures[t].coverage, (double)within / ROWS, 0.0);
        ck_assert_within(measures[t].width, width, 1e-12);
    }
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(be);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("intervals");
    TCase *const cases = tcase_create("intervals");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, ranks);
    tcase_add_test(cases, ranks_that_are_kept);
    tcase_add_test(cases, scores_of_coverages);
    tcase_add_test(cases, one_is_left_out);
    tcase_add_test(cases, scores_of_values);
    tcase_add_test(cases, ends_of_intervals);
    tcase_add_test(cases, odd_scores);
    tcase_add_test(cases, coverages_that_are_none);
    tcase_add_test(cases, file);
    tcase_add_test(cases, files_that_are_wrong);
    tcase_add_loop_test(cases, predictions, FIXTURE_REFERENCE, FIXTURE_OPENCL + 1);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
