/* gradcheck passes right gradients, and names wrong ones. */
#include "check/differences.h"
#include "support/fixtures.h"
#include "support/spoilt.h"
#include "support/support.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

#define ROWS_MAX 8

struct rows_heard {
    size_t count;
    struct clm_gradcheck_row rows[ROWS_MAX];
    bool passed;
};

static void hear_row(void *user, const struct clm_gradcheck_row *row)
{
    struct rows_heard *const heard = user;
    ck_assert_uint_lt(heard->count, ROWS_MAX);
    heard->rows[heard->count++] = *row;
}

static const size_t net_sizes[4] = {20, 13, 7, 5};

static struct rows_heard gradcheck(struct clm_backend *backend, const struct clm_data *data, size_t batch)
{
    const struct clm_gradcheck_options options = {.sizes = net_sizes,
                                                  .size_count = 4,
                                                  .batch = batch,
                                                  .samples = 30,
                                                  .l2 = 0.01,
                                                  .seed = 3,
                                                  .data = data};
    struct rows_heard heard = {0};
    if (clm_gradcheck(backend, &options, hear_row, &heard, &heard.passed, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return heard;
}

/* The verdict or the rows may be NULL. */
START_TEST(results_may_be_left_out)
{
    const struct clm_gradcheck_options options = {
        .sizes = (size_t[]){5, 3}, .size_count = 2, .batch = 4, .samples = 2, .seed = 1};
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    struct rows_heard heard = {0};
    bool passed = false;
    ck_assert_done(clm_gradcheck(backend, &options, hear_row, &heard, NULL, &error));
    ck_assert_uint_eq(heard.count, 2);
    ck_assert_done(clm_gradcheck(backend, &options, NULL, NULL, &passed, &error));
    ck_assert(passed);
    clm_backend_close(backend);
}
END_TEST

START_TEST(right_gradients_pass)
{
    static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST};
    static const char *const names[6] = {"layers.0.weight", "layers.0.bias",   "layers.1.weight",
                                         "layers.1.bias",   "layers.2.weight", "layers.2.bias"};
    static const size_t tried[6] = {30, 13, 30, 7, 30, 5};
    struct clm_backend *const backend = fixture_backend(kinds[_i]);
    struct clm_data *const data = fixture_data(30, 5, 20, 5);
    for (int has_data = 0; has_data < 2; has_data++) {
        const struct rows_heard heard = gradcheck(backend, has_data ? data : NULL, 11);
        ck_assert(heard.passed);
        ck_assert_uint_eq(heard.count, 6);
        for (size_t n = 0; n < 6; n++) {
            const struct clm_gradcheck_row *const row = &heard.rows[n];
            ck_assert_str_eq(row->parameter, names[n]);
            ck_assert_uint_eq(row->tried, tried[n]);
            ck_assert_uint_le(row->skipped, tried[n] / 4);
            ck_assert(row->passed);
            /* a bound so large that a wrong gradient passes would prove nothing */
            ck_assert_within(row->numerical, row->analytic, 1e-6 * (1 + fabs(row->analytic)));
            ck_assert_within(row->device, row->analytic, 1e-5 * (1 + fabs(row->analytic)));
        }
    }
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

/* The gradient of l2 |W|² without its 2. */
static clm_status params_with_half_penalty(struct clm_backend *be, const struct tensor *dZ,
                                           const struct tensor *X, struct linear *layer, double l2,
                                           struct clm_error *e)
{
    return right.linear_backward_params(be, dZ, X, layer, l2 / 2, e);
}

static clm_status params_slightly_off(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                      struct linear *layer, double l2, struct clm_error *e)
{
    const clm_status status = right.linear_backward_params(be, dZ, X, layer, l2, e);
    struct tensor *const dW = &layer->W.gradient;
    *element(dW, count_of(dW) / 2) *= 1.001f;
    return status;
}

/* A gradient without penalty, or with one element off by a thousandth: only these weights' rows fail. */
START_TEST(wrong_gradients_are_noticed)
{
    struct clm_backend *const backend = backend_to_spoil();
    for (int mistake = 0; mistake < 2; mistake++) {
        spoilt.linear_backward_params = mistake ? params_with_half_penalty : params_slightly_off;
        const struct rows_heard heard = gradcheck(backend, NULL, 11);
        ck_assert(!heard.passed);
        ck_assert_uint_eq(heard.count, 6);
        for (size_t n = 0; n < 6; n++) {
            ck_assert_int_eq(heard.rows[n].passed, n % 2 == 1);
            ck_assert_double_le(heard.rows[n].error_over_bound, 1); /* the reference is right */
            ck_assert_int_eq(heard.rows[n].device_error_over_bound > 1, n % 2 == 0);
        }
    }
    clm_backend_close(backend);
}
END_TEST

/* With zero inputs and biases every unit is at its kink: no hidden bias can be tried, so they do not pass. */
START_TEST(kinks_are_skipped_and_counted)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_REFERENCE);
    struct clm_data *const data = fixture_data(30, 5, 20, 5);
    memset(data->read.train.values, 0, 30 * 20);
    const struct rows_heard heard = gradcheck(backend, data, 11);
    ck_assert(!heard.passed);
    ck_assert_uint_eq(heard.rows[1].tried, 13);
    ck_assert_uint_eq(heard.rows[1].skipped, 13);
    ck_assert(!heard.rows[1].passed);
    ck_assert(heard.rows[4].passed && heard.rows[5].passed);
    ck_assert_uint_eq(heard.rows[5].skipped, 0);
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

START_TEST(senseless_gradchecks_are_refused)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    struct clm_data *const data = fixture_data(10, 5, 20, 5);
    static const size_t others[2] = {21, 5};
    const struct {
        struct clm_gradcheck_options options;
        clm_status status;
    } cases[] = {
        {{.sizes = net_sizes, .size_count = 4, .batch = 0, .samples = 5}, CLM_ERROR_ARGUMENT},
        {{.sizes = net_sizes, .size_count = 4, .batch = 5, .samples = 0}, CLM_ERROR_ARGUMENT},
        {{.sizes = net_sizes, .size_count = 1, .batch = 5, .samples = 5}, CLM_ERROR_ARGUMENT},
        {{.sizes = net_sizes, .size_count = 4, .batch = 5, .samples = 5, .l2 = NAN}, CLM_ERROR_ARGUMENT},
        {{.sizes = net_sizes, .size_count = 4, .batch = 11, .samples = 5, .data = data}, CLM_ERROR_ARGUMENT},
        {{.sizes = others, .size_count = 2, .batch = 5, .samples = 5, .data = data}, CLM_ERROR_SHAPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rows_heard heard = {.passed = true};
        error.message[0] = 0;
        ck_assert_int_eq(clm_gradcheck(backend, &cases[i].options, hear_row, &heard, &heard.passed, &error),
                         cases[i].status);
        ck_assert(!heard.passed && heard.count == 0);
        ck_assert_uint_gt(strlen(error.message), 10);
        ck_assert_uint_eq(backend->memory.now, 0);
    }
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

/* One input x, two classes: the loss of a row of class 0 is log(1 + exp(z1 - z0)). With s the logistic
 * function of z1 - z0, its derivative by W[1] is s x, by W[0] -s x, and by the biases s and -s. */
START_TEST(differences_hold_their_own_bounds)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_REFERENCE);
    const size_t widths[2] = {1, 2};
    const double W[2] = {0.75, -0.5}, b[2] = {0.1, 0.3}, l2 = 0.25;
    const double x = 1.5, s = 1 / (1 + exp((W[0] - W[1]) * x + b[0] - b[1]));
    const double exact[2][2] = {{-s * x + 2 * l2 * W[0], s * x + 2 * l2 * W[1]}, {-s, s}};
    const uint32_t label = 0;
    struct architecture architecture;
    struct network net;
    struct differences differences;
    ck_assert_int_eq(architecture_create(widths, 2, ACTIVATION_RELU, &architecture, &error), CLM_OK);
    ck_assert_int_eq(network_create(backend, &architecture, 1, NETWORK_TRAIN(RULE_SGD), &net, &error),
                     CLM_OK);
    ck_assert_int_eq(backend_write(backend, &net.layers[0].linear.W.value, HOST_DOUBLE, W, &error), CLM_OK);
    ck_assert_int_eq(backend_write(backend, &net.layers[0].linear.b.value, HOST_DOUBLE, b, &error), CLM_OK);
    ck_assert_int_eq(backend_write(backend, &net.X, HOST_DOUBLE, &x, &error), CLM_OK);
    ck_assert_int_eq(backend_write(backend, &net.labels, HOST_INDEX, &label, &error), CLM_OK);
    for (double rounding = 1e-15; rounding < 1e-5; rounding *= 1e3) {
        ck_assert_int_eq(differences_create(&net, l2, rounding, &differences, &error), CLM_OK);
        for (int is_bias = 0; is_bias < 2; is_bias++)
            for (size_t o = 0; o < 2; o++) {
                struct difference difference;
                ck_assert_int_eq(difference_of(&differences, (size_t)is_bias, o, &difference, &error),
                                 CLM_OK);
                ck_assert(difference.is_smooth);
                ck_assert_within(difference.value, exact[is_bias][o], difference.error);
                /* h is the cube root of the rounding e: e / h + h² |f'''| / 2, and f''' is below x³ */
                ck_assert_double_le(difference.error, 8 * cbrt(rounding * rounding));
            }
        differences_free(&differences);
    }
    network_free(&net);
    architecture_free(&architecture);
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("gradcheck");
    TCase *const gradients = tcase_create("gradcheck");
    tcase_add_test(gradients, results_may_be_left_out);
    tcase_add_loop_test(gradients, right_gradients_pass, 0, 4);
    tcase_add_test(gradients, wrong_gradients_are_noticed);
    tcase_add_test(gradients, kinks_are_skipped_and_counted);
    tcase_add_test(gradients, senseless_gradchecks_are_refused);
    tcase_add_test(gradients, differences_hold_their_own_bounds);
    suite_add_tcase(suite, gradients);
    return test_run(suite);
}
