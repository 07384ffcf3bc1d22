/* What a failed check prints: the smallest failing shape; and errors, which are failures, too. */
#include "check/case.h"
#include "support/spoilt.h"
#include "support/support.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct clm_error error;

static float *last_of(struct tensor *tensor)
{
    return element(tensor, count_of(tensor) - 1);
}

#define FAILURES_HEARD 512

struct heard {
    size_t checks, failures;
    struct clm_check failed[FAILURES_HEARD];
};

static void hear(void *user, const struct clm_check *check)
{
    struct heard *const heard = user;
    heard->checks++;
    if (!check->passed && heard->failures < FAILURES_HEARD)
        heard->failed[heard->failures++] = *check;
}

#define UNLIMITED 1e9 /* seconds to look for the smallest shape: a slow machine finds the same one */

static struct heard verified;

/* Checks the operation, or if it is NULL, all operations in a few shapes. */
static void verify_operation(struct clm_backend *backend, const char *operation, const char *shape,
                             double shrink_seconds)
{
    const struct clm_verify_options options = {.extent = operation ? CLM_VERIFY_STANDARD : CLM_VERIFY_QUICK,
                                               .seed = 1,
                                               .only = operation,
                                               .shape = shape,
                                               .shrink_seconds = shrink_seconds,
                                               .on_check = hear,
                                               .user = &verified};
    bool passed;
    verified = (struct heard){0};
    if (clm_verify(backend, &options, &passed, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    ck_assert_int_eq(passed, !verified.failures);
}

/* Every failure of the operation shrinks to one shape, which fails again by itself; right_shape does not. */
static void expect_smallest(struct clm_backend *backend, const char *operation, const char *smallest,
                            const char *right_shape)
{
    verify_operation(backend, operation, NULL, UNLIMITED);
    ck_assert_uint_gt(verified.failures, 0);
    for (size_t i = 0; i < verified.failures; i++)
        if (strcmp(verified.failed[i].smallest, smallest) != 0)
            ck_abort_msg("%s %s became %s, not %s", operation, verified.failed[i].shape,
                         verified.failed[i].smallest, smallest);
    verify_operation(backend, operation, smallest, UNLIMITED);
    ck_assert_uint_eq(verified.checks, 1);
    ck_assert_uint_eq(verified.failures, 1);
    verify_operation(backend, operation, right_shape, UNLIMITED);
    ck_assert_uint_eq(verified.failures, 0);
}

/* ---- the smallest ---- */

static size_t outputs_wrong;

static clm_status forward_wrong_from_outputs_on(struct clm_backend *be, const struct tensor *X,
                                                const struct linear *layer, const struct epilogue *epilogue,
                                                struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, epilogue, Y, e);
    if (Y->columns >= outputs_wrong)
        *last_of(Y) += 1;
    return status;
}

static clm_status forward_wrong_from_rows_and_inputs_on(struct clm_backend *be, const struct tensor *X,
                                                        const struct linear *layer,
                                                        const struct epilogue *epilogue, struct tensor *Y,
                                                        struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, epilogue, Y, e);
    if (X->rows >= 5 && X->columns >= 3)
        *last_of(Y) += 1;
    return status;
}

START_TEST(of_a_layer)
{
    struct clm_backend *const backend = backend_to_spoil();
    spoilt.linear_forward = forward_wrong_from_outputs_on;
    outputs_wrong = 17;
    expect_smallest(backend, "linear_forward", "B=1 I=1 O=17", "B=1 I=1 O=16");
    outputs_wrong = 73;
    expect_smallest(backend, "linear_forward", "B=1 I=1 O=73", "B=1 I=1 O=72");
    spoilt.linear_forward = forward_wrong_from_rows_and_inputs_on;
    expect_smallest(backend, "linear_forward", "B=5 I=3 O=1", "B=4 I=3 O=1");
    clm_backend_close(backend);
}
END_TEST

/* With 3 to 9 inputs an error; else, with one row NaN, and from five rows on wrong numbers. */
static clm_status forward_wrong_in_three_ways(struct clm_backend *be, const struct tensor *X,
                                              const struct linear *layer, const struct epilogue *epilogue,
                                              struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, epilogue, Y, e);
    if (X->columns >= 3 && X->columns < 10)
        return clm_fail(e, CLM_ERROR_DEVICE, "out of order");
    if (X->rows == 1 || X->rows >= 5)
        *last_of(Y) = X->rows == 1 ? NAN : *last_of(Y) + 1;
    return status;
}

/* Each failure shrinks to the smallest of its kind. */
START_TEST(of_what_fails_alike)
{
    struct clm_backend *const backend = backend_to_spoil();
    size_t found[3] = {0};
    spoilt.linear_forward = forward_wrong_in_three_ways;
    verify_operation(backend, "linear_forward", NULL, UNLIMITED);
    for (size_t i = 0; i < verified.failures; i++) {
        const struct clm_check *const check = &verified.failed[i];
        const char *const smallest = check->is_error                  ? "B=1 I=3 O=1"
                                     : isnan(check->error_over_bound) ? "B=1 I=1 O=1"
                                                                      : "B=5 I=1 O=1";
        if (strstr(check->shape, " in ")) /* a NaN instead of an infinity is a wrong number */
            continue;
        found[check->is_error ? 0 : isnan(check->error_over_bound) ? 1 : 2]++;
        if (strcmp(check->smallest, smallest) != 0)
            ck_abort_msg("%s became %s, not %s", check->shape, check->smallest, smallest);
    }
    ck_assert(found[0] && found[1] && found[2]);
    clm_backend_close(backend);
}
END_TEST

/* Wrong for pictures at least three wide and two high. */
static clm_status gather_wrong_for_pictures(struct clm_backend *be, const struct resident *data,
                                            const struct tensor *order, size_t first,
                                            const struct augmentation *a, struct tensor *X,
                                            struct tensor *labels, struct clm_error *e)
{
    const clm_status status = right.gather(be, data, order, first, a, X, labels, e);
    if (a && a->width >= 3 && a->height >= 2)
        *last_of(X) += 1;
    return status;
}

/* Wrong for bytes in an order, from a later row than the first on, with rows moved by at least two. */
static clm_status gather_wrong_when_shifted(struct clm_backend *be, const struct resident *data,
                                            const struct tensor *order, size_t first,
                                            const struct augmentation *a, struct tensor *X,
                                            struct tensor *labels, struct clm_error *e)
{
    const clm_status status = right.gather(be, data, order, first, a, X, labels, e);
    if (a && a->changes.shift >= 2 && data->values.type == TENSOR_BYTE && order && first)
        *last_of(X) += 1;
    return status;
}

START_TEST(of_pictures)
{
    struct clm_backend *const backend = backend_to_spoil();
    spoilt.gather = gather_wrong_for_pictures;
    expect_smallest(backend, "gather_augmented", "N=1 B=1 1x2x3 first=0", "N=1 B=1 1x2x2 first=0");
    spoilt.gather = gather_wrong_when_shifted;
    expect_smallest(backend, "gather_augmented", "N=2 B=1 1x3x3 first=1 bytes ordered shift=2",
                    "N=2 B=1 1x3x3 first=1 bytes ordered shift=1");
    clm_backend_close(backend);
}
END_TEST

/* Wrong for hidden layers of at least six units and batches of at least three rows. */
static clm_status forward_wrong_in_a_hidden_layer(struct clm_backend *be, const struct tensor *X,
                                                  const struct linear *layer, const struct epilogue *epilogue,
                                                  struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, epilogue, Y, e);
    if (epilogue->act != ACTIVATION_NONE && Y->columns >= 6 && Y->rows >= 3)
        *last_of(Y) += 1;
    return status;
}

START_TEST(of_steps)
{
    struct clm_backend *const backend = backend_to_spoil();
    spoilt.linear_forward = forward_wrong_in_a_hidden_layer;
    expect_smallest(backend, "training_steps", "1-6-2 B=3 N=3 x1 momentum=0 l2=0",
                    "1-5-2 B=3 N=3 x1 momentum=0 l2=0");
    clm_backend_close(backend);
}
END_TEST

/* Training steps that are wrong only with pictures. */
START_TEST(of_steps_with_pictures)
{
    struct clm_backend *const backend = backend_to_spoil();
    spoilt.gather = gather_wrong_for_pictures;
    verify_operation(backend, "training_steps", NULL, UNLIMITED);
    ck_assert_uint_eq(verified.failures, 3); /* without weights, with them, and smoothed */
    for (size_t i = 0; i < verified.failures; i++)
        ck_assert_str_eq(verified.failed[i].smallest, "27-2 B=1 N=1 x1 momentum=0 l2=0 augmented");
    clm_backend_close(backend);
}
END_TEST

/* Wrong with two quantiles of a target, and for three smoothed rows. */
static clm_status loss_wrong_with_its_numbers(struct clm_backend *be, const struct loss *loss,
                                              const struct tensor *Z, const struct targets *targets,
                                              struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right.loss_gradient(be, loss, Z, targets, dZ, sums, e);
    const bool is_smoothed = loss->smoothing > 0 && Z->rows >= 3;
    if (dZ && (is_smoothed || (loss->kind == LOSS_QUANTILE && loss->quantile_count >= 2)))
        *last_of(dZ) += 1;
    return status;
}

START_TEST(of_steps_with_losses)
{
    static const char of_smoothed[] = "1-1 B=3 N=3 x1 momentum=0 l2=0 smoothing=0.1",
                      of_quantiles[] = "1-2 B=1 N=1 x1 momentum=0 l2=0 loss=quantile quantiles=2";
    struct clm_backend *const backend = backend_to_spoil();
    spoilt.loss_gradient = loss_wrong_with_its_numbers;
    verify_operation(backend, "training_steps", NULL, UNLIMITED);
    ck_assert_uint_eq(verified.failures, 3);
    for (size_t i = 0; i < verified.failures; i++)
        ck_assert_str_eq(verified.failed[i].smallest,
                         strstr(verified.failed[i].shape, "smoothing") ? of_smoothed : of_quantiles);
    verify_operation(backend, "training_steps", of_quantiles, UNLIMITED);
    ck_assert_uint_eq(verified.failures, 1);
    verify_operation(backend, "training_steps", "1-2 B=1 N=1 x1 momentum=0 l2=0 loss=quantile", UNLIMITED);
    ck_assert_uint_eq(verified.failures, 0);
    clm_backend_close(backend);
}
END_TEST

/* What is no case of training steps. */
START_TEST(steps_with_losses_that_cannot_be)
{
    static const char *const shapes[] = {
        "1-3 B=1 N=1 x1 momentum=0 l2=0 loss=quantile quantiles=2",
        "1-9 B=1 N=1 x1 momentum=0 l2=0 loss=quantile quantiles=9",
        "1-2 B=1 N=1 x1 momentum=0 l2=0 loss=squared quantiles=2",
        "1-2 B=1 N=1 x1 momentum=0 l2=0 smoothing=0.1 loss=focal",
        "1-2 B=1 N=1 x1 momentum=0 l2=0 smoothing=1.1",
        "12-2 B=1 N=1 x1 momentum=0 l2=0 loss=squared augmented",
        "1-2 B=1 N=1 x1 momentum=0 l2=0 loss=square",
    };
    struct step_case which;
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        ck_assert_int_eq(steps_parse(shapes[i], &which, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(steps_parse("12-2 B=1 N=1 x1 momentum=0 l2=0 loss=focal augmented", &which, &error),
                     CLM_OK);
}
END_TEST

static clm_status gradient_loses_nans(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                      struct linear *layer, double l2, struct clm_error *e)
{
    const clm_status status = right.linear_backward_params(be, dZ, X, layer, l2, e);
    struct tensor *const dW = &layer->W.gradient;
    for (float *at = dW->memory; at <= last_of(dW); at++)
        *at = isnan(*at) ? 0 : *at;
    return status;
}

/* Without a penalty, the result of a NaN in W is not defined. */
START_TEST(of_what_is_defined)
{
    struct clm_backend *const backend = backend_to_spoil();
    size_t found = 0;
    spoilt.linear_backward_params = gradient_loses_nans;
    verify_operation(backend, "linear_backward_params", NULL, UNLIMITED);
    for (size_t i = 0; i < verified.failures; i++)
        if (strstr(verified.failed[i].shape, "NaN in W")) {
            ck_assert_str_eq(verified.failed[i].smallest, "B=1 I=1 O=1 l2=0.01, NaN in W");
            found++;
        }
    ck_assert_uint_eq(found, 1);
    clm_backend_close(backend);
}
END_TEST

START_TEST(none_is_looked_for_without_time)
{
    struct clm_backend *const backend = backend_to_spoil();
    spoilt.linear_forward = forward_wrong_from_outputs_on;
    outputs_wrong = 17;
    verify_operation(backend, "linear_forward", NULL, 0);
    ck_assert_uint_gt(verified.failures, 0);
    for (size_t i = 0; i < verified.failures; i++)
        ck_assert_str_eq(verified.failed[i].smallest, verified.failed[i].shape);
    clm_backend_close(backend);
}
END_TEST

/* ---- errors ---- */

static clm_status softmax_fails_from_3_rows_on(struct clm_backend *be, const struct tensor *Z,
                                               struct tensor *P, struct clm_error *e)
{
    if (Z->rows < 3)
        return right.softmax(be, Z, P, e);
    return clm_fail(e, CLM_ERROR_DEVICE, "softmax: out of order");
}

/* An error fails its check, which says how to repeat it. Later checks are made; no memory is lost. */
START_TEST(an_error_is_a_failed_check)
{
    struct clm_backend *const backend = backend_to_spoil();
    spoilt.softmax = softmax_fails_from_3_rows_on;
    verify_operation(backend, NULL, NULL, UNLIMITED);
    ck_assert_uint_gt(verified.failures, 0);
    ck_assert_uint_eq(verified.checks, verified.failed[0].of);
    for (size_t i = 0; i < verified.failures; i++) {
        const struct clm_check *const check = &verified.failed[i];
        ck_assert(check->is_error && isnan(check->error_over_bound));
        ck_assert_str_eq(check->operation, "softmax");
        ck_assert_str_eq(check->detail, "softmax: out of order");
        ck_assert_str_eq(check->smallest, "B=3 C=1");
    }
    ck_assert_uint_eq(backend->memory.now, 0);
    clm_backend_close(backend);
}
END_TEST

static bool is_lost;

static clm_status softmax_takes_the_device_along(struct clm_backend *be, const struct tensor *Z,
                                                 struct tensor *P, struct clm_error *e)
{
    is_lost = true;
    return softmax_fails_from_3_rows_on(be, Z, P, e);
}

static clm_status write_if_it_is_there(struct clm_backend *be, struct tensor *tensor, enum host_type type,
                                       const void *host, struct clm_error *e)
{
    return is_lost ? clm_fail(e, CLM_ERROR_DEVICE, "no device") : right.write(be, tensor, type, host, e);
}

/* Later checks are not blamed for it. */
START_TEST(a_device_that_answers_no_more_ends_it)
{
    struct clm_backend *const backend = backend_to_spoil();
    spoilt.softmax = softmax_takes_the_device_along;
    spoilt.write = write_if_it_is_there;
    is_lost = false;
    verify_operation(backend, NULL, NULL, UNLIMITED);
    ck_assert_uint_eq(verified.failures, 1);
    const struct clm_check *const check = &verified.failed[0];
    ck_assert_str_eq(check->operation, "softmax");
    ck_assert_uint_eq(verified.checks, check->number);
    ck_assert_uint_lt(check->number, check->of);
    char behind[64];
    snprintf(behind, sizeof behind, "so that %zu checks after it are not made", check->of - check->number);
    ck_assert_ptr_nonnull(strstr(check->detail, behind));
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    const TTest *const searches[] = {
        of_a_layer,
        of_what_fails_alike,
        of_pictures,
        of_steps,
        of_steps_with_pictures,
        of_steps_with_losses,
        of_what_is_defined,
        none_is_looked_for_without_time,
    };
    Suite *const suite = suite_create("case");
    TCase *const smallest = tcase_create("smallest"), *const errors = tcase_create("errors");
    for (size_t i = 0; i < COUNT_OF(searches); i++)
        if (test_in_sample(i, 2))
            tcase_add_test(smallest, searches[i]);
    tcase_add_test(errors, steps_with_losses_that_cannot_be);
    tcase_add_test(errors, an_error_is_a_failed_check);
    tcase_add_test(errors, a_device_that_answers_no_more_ends_it);
    suite_add_tcase(suite, smallest);
    suite_add_tcase(suite, errors);
    return test_run(suite);
}
