/* The range test of the learning rate: its steps on all backends, and what it suggests. */
#include "clmlp.h"

#include "support/fixtures.h"
#include "support/support.h"

#include <check.h>
#include <math.h>
#include <string.h>

static struct clm_error error;

/* A number from -1 to 1 that depends on `k` alone. */
static double noise(size_t k)
{
    return (double)((k * 2654435761u + 12345) % 65521) / 32760.5 - 1;
}

/* Flat at 2, then down to 1 about step `at`, then up; with noise. */
static void make_losses(double *losses, size_t count, double at, double amplitude)
{
    for (size_t i = 0; i < count; i++)
        losses[i] = 2 - 1 / (1 + exp(-((double)i - at) / 4)) + amplitude * noise(i) +
                    (i > count - 10 ? pow(2, (double)(i + 10 - count)) : 0);
}

START_TEST(suggested_where_it_falls)
{
    enum { COUNT = 200 };
    static const double places[] = {40, 90, 150}, amplitudes[] = {0, 0.05, 0.2};
    double losses[COUNT], smoothed[COUNT];
    for (size_t p = 0; p < COUNT_OF(places); p++)
        for (size_t a = 0; a < COUNT_OF(amplitudes); a++) {
            make_losses(losses, COUNT, places[p], amplitudes[a]);
            const size_t found = clm_range_suggest(losses, COUNT, smoothed);
            /* the fall is 16 steps wide, as is the distance by which it is measured */
            ck_assert_within((double)found, places[p], 8.0);
        }
}
END_TEST

/* A mean of neighbours: a constant stays, the last value counts less than all. */
START_TEST(smoothed_losses)
{
    double losses[50], smoothed[50];
    for (size_t i = 0; i < 50; i++)
        losses[i] = 3;
    ck_assert_uint_eq(clm_range_suggest(losses, 50, smoothed), SIZE_MAX);
    for (size_t i = 0; i < 50; i++)
        ck_assert_within(smoothed[i], 3.0, 1e-12);
    losses[20] = 9; /* reach 2: weights 1/3, 2/3, 1, 2/3, 1/3, whose sum is 3 */
    (void)clm_range_suggest(losses, 50, smoothed);
    ck_assert_within(smoothed[20], 5.0, 1e-12);
    ck_assert_within(smoothed[19], 3 + 6 * 2 / 9.0, 1e-12);
    ck_assert_within(smoothed[22], 3 + 6 / 9.0, 1e-12);
    ck_assert_within(smoothed[23], 3.0, 1e-12);
    losses[20] = 3;
    for (size_t i = 0; i < 50; i++)
        losses[i] = (double)i; /* rises */
    ck_assert_uint_eq(clm_range_suggest(losses, 50, smoothed), SIZE_MAX);
    ck_assert_uint_eq(clm_range_suggest(losses, 1, smoothed), SIZE_MAX);
    ck_assert_uint_eq(clm_range_suggest(losses, 2, smoothed), SIZE_MAX);
}
END_TEST

enum { STEPS = 13, ROWS = 50, BATCH = 16, CLASSES = 3 };

struct heard_steps {
    double rates[STEPS], losses[STEPS];
    size_t count, most; /* it asks for an end after `most` */
};

static bool hear_step(void *user, double learning_rate, double loss)
{
    struct heard_steps *const heard = user;
    ck_assert_uint_lt(heard->count, STEPS);
    heard->rates[heard->count] = learning_rate;
    heard->losses[heard->count] = loss;
    return ++heard->count < heard->most;
}

/* 13 steps of 4 in an epoch. */
static struct heard_steps test_range(enum fixture fixture, size_t most, size_t parts)
{
    struct clm_backend *const be = fixture_backend(fixture);
    struct clm_data *const data = fixture_data(ROWS, ROWS, 12, CLASSES);
    struct clm_model *const model = fixture_model(data, "he", 3, (const size_t[]){9, 0}),
                            *const before = fixture_model(data, "he", 3, (const size_t[]){9, 0});
    struct clm_settings *const settings =
        train_settings("batch %zu accumulate %zu epochs %d", BATCH / parts, parts, STEPS);
    struct heard_steps heard = {.most = most};
    const struct clm_range range = {
        .from = 1e-3, .to = 1, .steps = STEPS, .on_step = hear_step, .user = &heard};
    const struct clm_train_hooks hooks = {.range = &range};
    struct clm_train_result result;
    ck_assert_done(clm_train(be, model, data, settings, &hooks, &result, &error));
    ck_assert_uint_eq(result.epochs, 0);
    ck_assert_mem_eq(clm_model_weight(model, 0), clm_model_weight(before, 0), 9 * 12 * sizeof(float));
    clm_settings_free(settings);
    clm_model_free(before);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(be);
    return heard;
}

/* The first loss is that of the untrained net, the same on all backends; the rates grow by 1000^(1/12). */
START_TEST(steps)
{
    const struct heard_steps heard = test_range((enum fixture)_i, STEPS + 1, 1),
                             again = test_range((enum fixture)_i, 6, 1),
                             judge = test_range(FIXTURE_REFERENCE, STEPS + 1, 1);
    ck_assert_uint_eq(heard.count, STEPS);
    for (size_t i = 0; i < STEPS; i++) {
        ck_assert_within(heard.rates[i], 1e-3 * pow(1000, (double)i / 12), 1e-12);
        ck_assert(isfinite(heard.losses[i]));
    }
    for (size_t i = 0; i < 6; i++) /* while rates are small, floats stay near the reference */
        ck_assert_within(heard.losses[i], judge.losses[i], 1e-4);
    ck_assert_uint_eq(again.count, 6);
    ck_assert_mem_eq(again.losses, heard.losses, 6 * sizeof(double));
}
END_TEST

/* Steps in four parts each: the same steps, but for the order of sums, in double on the reference. */
START_TEST(steps_in_parts)
{
    const struct heard_steps parts = test_range(FIXTURE_REFERENCE, STEPS + 1, 4),
                             whole = test_range(FIXTURE_REFERENCE, STEPS + 1, 1);
    ck_assert_uint_eq(parts.count, STEPS);
    for (size_t i = 0; i < STEPS; i++) {
        ck_assert_within(parts.rates[i], whole.rates[i], 0.0);
        ck_assert_within(parts.losses[i] / whole.losses[i], 1.0, 1e-9);
    }
}
END_TEST

START_TEST(picture)
{
    static const double rates[3] = {0.001, 0.01, 0.1}, losses[3] = {2, 1, 1e300};
    struct clm_range_curve curve = {rates, losses, losses, 3, 1};
    ck_assert_done(clm_range_plot("/dev/null", "a net", &curve, &error));
    curve.suggested = SIZE_MAX;
    curve.count = 1;
    ck_assert_done(clm_range_plot("/dev/null", NULL, &curve, &error));
    curve.count = 0;
    ck_assert_int_eq(clm_range_plot("/dev/null", NULL, &curve, &error), CLM_ERROR_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("range");
    TCase *const cases = tcase_create("range");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, suggested_where_it_falls);
    tcase_add_test(cases, smoothed_losses);
    tcase_add_loop_test(cases, steps, FIXTURE_REFERENCE, FIXTURE_OPENCL + 1);
    tcase_add_test(cases, steps_in_parts);
    tcase_add_test(cases, picture);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
