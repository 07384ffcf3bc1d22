/* The measured choice of providers: a wrong one is never used, a right choice is kept. */
#include "base/clock.h"
#include "compute/opencl/gemm/provider.h"
#include "support/fixtures.h"
#include "support/support.h"
#include "tune/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct clm_error error;

/* ---- the clock ---- */

/* Replaces the library's clock: products take the time that this test says, however busy the machine is. A
 * reading takes 10 ms, so trials end soon. */
static double now;
static enum clock_fault {
    CLOCK_RIGHT,
    CLOCK_STANDS,
    CLOCK_GOES_BACK,
    CLOCK_IS_NO_NUMBER,
    CLOCK_IS_COARSE
} fault;

double clock_seconds(void)
{
    now += 0.01;
    return fault == CLOCK_STANDS         ? 0
           : fault == CLOCK_GOES_BACK    ? -now
           : fault == CLOCK_IS_NO_NUMBER ? NAN
           : fault == CLOCK_IS_COARSE    ? floor(now)
                                         : now;
}

static void take(unsigned microseconds)
{
    now += 1e-6 * microseconds;
}

/* ---- two candidates: a right one, and a spoilt copy of it ---- */

static enum spoil {
    SPOIL_NOTHING,
    SPOIL_LAST,
    SPOIL_NAN,
    SPOIL_MIDDLE,
    SPOIL_BIAS,
    SPOIL_TIME,
    SPOIL_LARGE,
    SPOIL_INSIDE,
    SPOIL_RAGGED,
    SPOIL_MOMENTUM
} spoil;
#define LARGE     50 /* SPOIL_LARGE is wrong from so many rows on, unless a test takes another number */
#define RAGGED    7  /* SPOIL_RAGGED is wrong only for so many */
#define SELF_TEST 2  /* rows of the self-test's layer */
static size_t wrong_from;
static bool passes_self_test;
static enum product spoilt_product;
static unsigned spoilt_slowness; /* additional microseconds of the spoilt one */
static const struct gemm_operations *right;

static size_t spoilt_place(const struct tensor *result)
{
    const size_t count = result->rows * result->columns;
    switch (spoil) {
    case SPOIL_MIDDLE:
        return count / 2;
    case SPOIL_INSIDE:
        return count / 2 + result->columns / 2;
    default:
        return count - 1;
    }
}

static bool is_large_fault(void)
{
    return spoil == SPOIL_LARGE || spoil == SPOIL_INSIDE;
}

/* `rows` are the batch's. */
static void spoil_result(struct gemm_provider *gemm, enum product product, size_t rows, struct tensor *result)
{
    const size_t count = result->rows * result->columns, at = spoilt_place(result);
    take(spoilt_slowness);
    if (product != spoilt_product || spoil == SPOIL_NOTHING || (passes_self_test && rows == SELF_TEST) ||
        (is_large_fault() && rows < wrong_from) || (spoil == SPOIL_RAGGED && rows != RAGGED))
        return;
    if (spoil == SPOIL_TIME) {
        take(30000);
        return;
    }
    float *const values = malloc(count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    ck_assert_int_eq(backend_read(gemm->backend, result, HOST_FLOAT, values, &error), CLM_OK);
    values[at] = spoil == SPOIL_NAN ? NAN : values[at] + (spoil == SPOIL_INSIDE ? 1e6f : 1);
    ck_assert_int_eq(backend_write(gemm->backend, result, HOST_FLOAT, values, &error), CLM_OK);
    free(values);
}

static clm_status spoilt_forward(struct gemm_provider *gemm, const struct tensor *X,
                                 const struct linear *layer, const struct epilogue *epilogue,
                                 struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right->forward(gemm, X, layer, epilogue, Y, e);
    spoil_result(gemm, PRODUCT_FORWARD, X->rows, Y);
    return status;
}

static clm_status spoilt_backward(struct gemm_provider *gemm, const struct tensor *dZ,
                                  const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                  struct clm_error *e)
{
    const clm_status status = right->backward_input(gemm, dZ, layer, gate, dX, e);
    spoil_result(gemm, PRODUCT_BACKWARD_INPUT, dZ->rows, dX);
    return status;
}

static clm_status spoilt_update(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                struct linear *layer, const struct step *step, struct clm_error *e)
{
    const clm_status status = right->descend(gemm, dZ, X, layer, step, e);
    if (spoil != SPOIL_MOMENTUM || step->rule == RULE_MOMENTUM)
        spoil_result(gemm, PRODUCT_UPDATE, dZ->rows,
                     spoil == SPOIL_BIAS       ? &layer->b.value
                     : spoil == SPOIL_MOMENTUM ? &layer->W.state[0]
                                               : &layer->W.value);
    return status;
}

/* The other candidate is right, but may be slower. */
static unsigned slowness; /* microseconds more */

static clm_status slow_forward(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                               const struct epilogue *epilogue, struct tensor *Y, struct clm_error *e)
{
    take(slowness);
    return right->forward(gemm, X, layer, epilogue, Y, e);
}

static clm_status slow_backward(struct gemm_provider *gemm, const struct tensor *dZ,
                                const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                struct clm_error *e)
{
    take(slowness);
    return right->backward_input(gemm, dZ, layer, gate, dX, e);
}

static clm_status slow_update(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                              struct linear *layer, const struct step *step, struct clm_error *e)
{
    take(slowness);
    return right->descend(gemm, dZ, X, layer, step, e);
}

static bool suits(const struct clm_device *device)
{
    (void)device;
    return true;
}

/* ---- an opened `auto` ---- */

static char *cache, notes[4096];
static struct gemm_operations first, second;
static struct gemm_candidate table[2] = {{&first, suits, false}, {&second, suits, false}};
static const struct gemm_candidate *shipped;
static size_t shipped_count;

static void hear(void *user, const char *sentence)
{
    (void)user;
    snprintf(notes + strlen(notes), sizeof notes - strlen(notes), "%s\n", sentence);
}

static void begin(void)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_OPENCL);
    cache = test_directory();
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", cache, 1), 0);
    shipped = gemm_candidates;
    shipped_count = gemm_candidate_count;
    right = gemm_candidate_named(clm_backend_provider(backend))->operations;
    clm_backend_close(backend);
    first = second = *right;
    first.name = "first";
    first.forward = spoilt_forward;
    first.backward_input = spoilt_backward;
    first.descend = spoilt_update;
    second.name = "second";
    second.forward = slow_forward;
    second.backward_input = slow_backward;
    second.descend = slow_update;
    gemm_candidates = table;
    gemm_candidate_count = 2;
    spoil = SPOIL_NOTHING;
    slowness = 3000;
    spoilt_slowness = 0;
    spoilt_product = PRODUCT_FORWARD;
    passes_self_test = true;
    wrong_from = LARGE;
    fault = CLOCK_RIGHT;
    notes[0] = '\0';
}

static void end(void)
{
    gemm_candidates = shipped;
    gemm_candidate_count = shipped_count;
    unsetenv("XDG_CACHE_HOME");
    test_directory_remove(cache);
}

static struct clm_backend *open_with(const char *gemm)
{
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .device = getenv("CLMLP_DEVICE"), .gemm = gemm, .on_note = hear};
    struct clm_backend *backend = NULL;
    if (clm_backend_open(&options, &backend, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return backend;
}

static struct clm_backend *open_auto(void)
{
    return open_with("auto");
}

static const size_t widths[3] = {131, 67, 65}, wide[2] = {500, 1000};

static clm_status tune_all(struct clm_backend *backend, const size_t *net, size_t count, size_t batch,
                           size_t rows)
{
    const struct tune_wish wish = {.widths = net,
                                   .width_count = count,
                                   .use = LAYER_MOMENTUM,
                                   .batch = batch,
                                   .sets = &rows,
                                   .set_count = 1};
    return tune_network(backend, &wish, &error);
}

static clm_status prepare(struct clm_backend *backend, size_t batch)
{
    return tune_all(backend, widths, 3, batch, batch);
}

/* The provider that an `auto` opened now would use for the net. */
static void expect_provider(const char *name)
{
    struct clm_backend *const backend = open_auto();
    if (prepare(backend, 33) != CLM_OK)
        ck_abort_msg("%s", error.message);
    ck_assert_str_eq(clm_backend_provider(backend), name);
    clm_backend_close(backend);
}

/* ---- tests ---- */

/* Right on small batches, wrong on large ones; measuring uses only part of a batch. */
START_TEST(a_candidate_is_tried_at_the_very_size)
{
    wrong_from = 500;
    spoil = SPOIL_LARGE;
    slowness = 100000; /* more than a product of this size can take */
    spoilt_product = (enum product)_i;
    struct clm_backend *const backend = open_auto();
    ck_assert_int_eq(tune_all(backend, wide, 2, 100, 100), CLM_OK);
    ck_assert_str_eq(clm_backend_provider(backend), "auto: first");
    ck_assert_int_eq(tune_all(backend, wide, 2, 600, 600), CLM_OK); /* 400 rows are measured */
    ck_assert_ptr_nonnull(strstr(notes, "first is not used on"));
    ck_assert_ptr_nonnull(strstr(notes, "of B=600 I=500 O=1000"));
    ck_assert_ptr_nonnull(strstr(clm_backend_provider(backend), "second"));
    clm_backend_close(backend);
}
END_TEST

/* One element of 300,000 or more that no sample has: the sums under random signs tell. */
START_TEST(a_wrong_element_inside_a_large_product_is_seen)
{
    wrong_from = 500;
    spoil = SPOIL_INSIDE;
    slowness = 100000;
    spoilt_product = (enum product)_i;
    struct clm_backend *const backend = open_auto();
    ck_assert_done(tune_all(backend, wide, 2, 600, 600));
    ck_assert_ptr_nonnull(strstr(notes, "of B=600 I=500 O=1000"));
    ck_assert_str_eq(clm_backend_provider(backend), "auto: second");
    clm_backend_close(backend);
}
END_TEST

/* A trial at the exact size takes long, and could drop a provider that is right on other layers. */
START_TEST(one_that_is_not_chosen_is_not_tried_at_the_very_size)
{
    wrong_from = 500;
    second = first;
    second.name = "second";
    first = *right;
    first.name = "first";
    spoil = SPOIL_LARGE;
    spoilt_slowness = 100000;
    struct clm_backend *const backend = open_auto();
    ck_assert_done(tune_all(backend, wide, 2, 600, 600)); /* 400 rows are measured */
    ck_assert_str_eq(clm_backend_provider(backend), "auto: first");
    ck_assert_str_eq(notes, "");
    clm_backend_close(backend);
}
END_TEST

START_TEST(a_choice_of_a_near_batch_is_tried_first)
{
    spoil = SPOIL_LARGE;
    slowness = 30000;
    struct clm_backend *const backend = open_auto();
    ck_assert_int_eq(prepare(backend, 33), CLM_OK);
    ck_assert_str_eq(clm_backend_provider(backend), "auto: first");
    ck_assert_int_eq(prepare(backend, 60), CLM_OK);
    ck_assert_ptr_nonnull(strstr(notes, "of B=60 "));
    clm_backend_close(backend);
    notes[0] = '\0';
    expect_provider("auto: second"); /* the smaller batch still counts, too */
}
END_TEST

/* A provider chosen by name is refused by name if it would be used and is wrong. */
START_TEST(a_wrong_provider_that_was_asked_for_is_refused)
{
    struct clm_backend *backend;
    spoil = SPOIL_LARGE;
    spoilt_product = (enum product)_i;
    backend = open_with("first");
    ck_assert_int_eq(prepare(backend, LARGE - 1), CLM_OK);
    ck_assert_int_eq(prepare(backend, LARGE), CLM_ERROR_WRONG);
    ck_assert_ptr_nonnull(strstr(error.message, "first is not used on"));
    ck_assert_ptr_nonnull(strstr(error.message, "auto leaves it out"));
    clm_backend_close(backend);
}
END_TEST

static bool always_fuses(struct gemm_provider *gemm, size_t I, size_t O, size_t B, size_t next_B)
{
    (void)gemm, (void)I, (void)O, (void)B, (void)next_B;
    return true;
}

/* Unless it is spoilt, the same as one after the other. */
static clm_status spoilt_descend_forward(struct gemm_provider *gemm, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer,
                                         const struct step *step, const struct tensor *next_X,
                                         const struct epilogue *epilogue, struct tensor *next_Y,
                                         struct clm_error *e)
{
    clm_status status = right->descend(gemm, dZ, X, layer, step, e);
    if (status == CLM_OK)
        status = right->forward(gemm, next_X, layer, epilogue, next_Y, e);
    spoil_result(gemm, PRODUCT_FORWARD, X->rows, next_Y);
    return status;
}

/* A set's last minibatch is tried, too, before a net is made. */
START_TEST(a_last_minibatch_is_tried)
{
    slowness = 30000;
    spoil = SPOIL_RAGGED;
    spoilt_product = (enum product)_i;
    struct clm_backend *const backend = open_auto();
    ck_assert_done(prepare(backend, 40));
    ck_assert_str_eq(clm_backend_provider(backend), "auto: first");
    ck_assert_done(tune_all(backend, widths, 3, 40, 120)); /* whole minibatches */
    ck_assert_str_eq(notes, "");
    ck_assert_done(tune_all(backend, widths, 3, 40, 80 + RAGGED));
    ck_assert_ptr_nonnull(strstr(notes, "first is not used on"));
    ck_assert_ptr_nonnull(strstr(notes, "of B=7 I=131 O=67"));
    ck_assert_done(prepare(backend, 40));
    ck_assert_ptr_nonnull(strstr(clm_backend_provider(backend), "second"));
    clm_backend_close(backend);
}
END_TEST

/* Also for the last layer, which is the only one here. */
START_TEST(a_last_minibatch_of_a_single_layer_is_tried)
{
    struct clm_backend *backend;
    spoil = SPOIL_RAGGED;
    spoilt_product = (enum product)_i;
    backend = open_with("first");
    ck_assert_done(tune_all(backend, widths, 2, 40, 40));
    ck_assert_int_eq(tune_all(backend, widths, 2, 40, 80 + RAGGED), CLM_ERROR_WRONG);
    clm_backend_close(backend);
}
END_TEST

START_TEST(a_last_minibatch_of_who_was_asked_for_is_tried)
{
    struct clm_backend *backend;
    spoil = SPOIL_RAGGED;
    spoilt_product = (enum product)_i;
    backend = open_with("first");
    ck_assert_done(prepare(backend, 40));
    ck_assert_int_eq(tune_all(backend, widths, 3, 40, 80 + RAGGED), CLM_ERROR_WRONG);
    ck_assert_ptr_nonnull(strstr(error.message, "of B=7 I=131 O=67"));
    clm_backend_close(backend);
}
END_TEST

/* A step without momentum is right. */
START_TEST(a_wrong_momentum_is_seen)
{
    spoil = SPOIL_MOMENTUM;
    spoilt_product = PRODUCT_UPDATE;
    expect_provider("auto: second");
    ck_assert_ptr_nonnull(strstr(notes, "an error of its update"));
}
END_TEST

/* ---- a net's end in one launch, if the provider has that ---- */

static enum { HEAD_RIGHT, HEAD_GRADIENT, HEAD_INPUT, HEAD_LOSS } head_fault;

/* Adds 1 to the element at `at`, or to the last one if there are fewer. */
static void add_one(struct clm_backend *be, struct tensor *result, size_t at)
{
    const size_t count = result->rows * result->columns;
    float *const values = malloc(count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    ck_assert_done(backend_read(be, result, HOST_FLOAT, values, &error));
    values[at < count ? at : count - 1] += 1;
    ck_assert_done(backend_write(be, result, HOST_FLOAT, values, &error));
    free(values);
}

static clm_status spoilt_head(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                              const struct tensor *labels, const struct gate *gate, struct tensor *dZ,
                              struct tensor *dX, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right->head(gemm, X, layer, labels, gate, dZ, dX, sums, e);
    if (head_fault == HEAD_GRADIENT)
        add_one(gemm->backend, dZ, 5);
    if (head_fault == HEAD_INPUT && dX)
        add_one(gemm->backend, dX, 5);
    if (head_fault == HEAD_LOSS)
        add_one(gemm->backend, &sums->state, 0);
    return status;
}

START_TEST(a_wrong_head_is_seen)
{
    static const size_t last[3] = {131, 67, 10};
    struct clm_backend *backend;
    if (!right->head)
        return;
    head_fault = _i;
    first.head = spoilt_head;
    slowness = 30000;
    backend = open_auto();
    ck_assert_done(tune_all(backend, last, 3, 33, 33));
    ck_assert(!strstr(notes, "first is not used on") == (head_fault == HEAD_RIGHT));
    ck_assert(head_fault == HEAD_RIGHT || strstr(notes, "an error of its last layer with softmax"));
    clm_backend_close(backend);
}
END_TEST

START_TEST(a_wrong_fused_update_is_seen)
{
    slowness = 30000;
    first = *right;
    first.name = "first";
    first.fuses = always_fuses;
    first.descend_forward = spoilt_descend_forward;
    expect_provider("auto: first");
    ck_assert_str_eq(notes, "");
    test_directory_remove(cache);
    cache = test_directory();
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", cache, 1), 0);
    spoil = SPOIL_MIDDLE;
    expect_provider("auto: second");
    ck_assert_ptr_nonnull(strstr(notes, "an error of its update"));
}
END_TEST

START_TEST(the_fastest_is_taken_and_remembered)
{
    expect_provider("auto: first");
    struct clm_backend *const backend = open_auto();
    ck_assert_int_eq(prepare(backend, 33), CLM_OK);
    ck_assert_int_eq(prepare(backend, 40), CLM_OK); /* near enough to 33 */
    ck_assert_double_eq(clm_tune_seconds(backend), 0);
    ck_assert_int_eq(prepare(backend, 300), CLM_OK); /* not */
    ck_assert(clm_tune_seconds(backend) > 0);
    clm_backend_close(backend);
    ck_assert_str_eq(notes, "");
}
END_TEST

START_TEST(a_wrong_candidate_is_named_and_dropped)
{
    static const enum spoil spoils[3] = {SPOIL_LAST, SPOIL_NAN, SPOIL_MIDDLE};
    spoil = spoils[_i % 3];
    spoilt_product = (enum product)(_i / 3);
    expect_provider("auto: second");
    ck_assert_ptr_nonnull(strstr(notes, "first is not used on"));
    ck_assert_ptr_nonnull(strstr(notes, "computes wrongly"));
}
END_TEST

START_TEST(a_wrong_bias_is_seen)
{
    spoil = SPOIL_BIAS;
    spoilt_product = PRODUCT_UPDATE;
    expect_provider("auto: second");
    ck_assert_ptr_nonnull(strstr(notes, "first is not used on"));
}
END_TEST

/* The self-test's tiny layer is measured, too, but does not count for the provider's name. */
START_TEST(the_name_is_of_the_nets_alone)
{
    struct clm_backend *const backend = open_auto();
    ck_assert_str_eq(clm_backend_provider(backend), "auto");
    ck_assert_int_eq(prepare(backend, 33), CLM_OK);
    ck_assert_str_eq(clm_backend_provider(backend), "auto: first");
    clm_backend_close(backend);
}
END_TEST

/* A benchmark first plans its memory, and then measures the shapes. */
START_TEST(a_benchmark_tells_tuning_apart)
{
    const struct clm_bench_options options = {.sizes = widths, .size_count = 3, .batch = 33, .seconds = 0.01};
    struct clm_backend *const backend = open_auto();
    struct clm_bench_result result;
    for (int again = 0; again < 2; again++) {
        if (clm_bench(backend, &options, &result, &error) != CLM_OK)
            ck_abort_msg("%s", error.message);
        ck_assert(again ? result.tuning_seconds == 0 : result.tuning_seconds > 0);
        ck_assert(result.first_step_seconds > 0);
    }
    clm_backend_close(backend);
}
END_TEST

START_TEST(a_slow_candidate_is_not_taken)
{
    spoil = SPOIL_TIME;
    struct clm_backend *const backend = open_auto();
    ck_assert_int_eq(prepare(backend, 33), CLM_OK);
    ck_assert_ptr_nonnull(strstr(clm_backend_provider(backend), "second"));
    ck_assert_str_eq(notes, "");
    clm_backend_close(backend);
}
END_TEST

START_TEST(a_device_without_a_right_one_is_refused)
{
    second = first;
    second.name = "second";
    spoil = SPOIL_LAST;
    passes_self_test = false;
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .device = getenv("CLMLP_DEVICE"), .gemm = "auto", .on_note = hear};
    struct clm_backend *backend = NULL;
    ck_assert_int_eq(clm_backend_open(&options, &backend, &error), CLM_ERROR_WRONG);
    ck_assert_ptr_null(backend);
    ck_assert_ptr_nonnull(strstr(error.message, "wrongly with every provider"));
    passes_self_test = true;
    backend = open_auto();
    ck_assert_int_eq(prepare(backend, 33), CLM_ERROR_WRONG);
    ck_assert_ptr_nonnull(strstr(error.message, "wrongly with every provider"));
    clm_backend_close(backend);
}
END_TEST

/* The provider of unassigned products has passed the self-test. */
START_TEST(a_wrong_first_one_is_dropped_by_the_self_test)
{
    spoil = SPOIL_LAST;
    spoilt_product = (enum product)_i;
    passes_self_test = false;
    struct clm_backend *const backend = open_auto();
    size_t rest;
    ck_assert_ptr_nonnull(strstr(notes, "first is not used on"));
    ck_assert_ptr_nonnull(strstr(notes, "computes wrongly"));
    ck_assert_ptr_null(strstr(notes, "second"));
    ck_assert_done(provider_of_rest(backend, &rest, &error));
    ck_assert_str_eq(provider_name(backend, rest), "second");
    clm_backend_close(backend);
}
END_TEST

START_TEST(a_wrong_one_that_was_asked_for_fails_the_self_test)
{
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .device = getenv("CLMLP_DEVICE"), .gemm = "first", .on_note = hear};
    struct clm_backend *backend = NULL;
    spoil = SPOIL_LAST;
    spoilt_product = (enum product)_i;
    passes_self_test = false;
    ck_assert_int_eq(clm_backend_open(&options, &backend, &error), CLM_ERROR_WRONG);
    ck_assert_ptr_null(backend);
    ck_assert_ptr_nonnull(strstr(error.message, "fails its self-test: linear_"));
}
END_TEST

/* ---- what training and prediction try ---- */

/* The last rows of a fixture become its validation part. */
static void hold_out(struct clm_data *data, size_t count)
{
    data->train.count -= count;
    data->validation = (struct rows){count, data_row(data, &data->train, data->train.count),
                                     data->train.labels + data->train.count, false};
}

/* Minibatches of 40: one of the three parts has a last one that the provider gets wrong, or none has. */
START_TEST(training_tries_the_last_minibatch_of_each_part)
{
    const size_t rows[3] = {40, 20, 30};
    struct clm_settings *const settings = train_settings("epochs 1 batch 40");
    struct clm_train_result result;
    size_t parts[3];
    for (int part = 0; part < 3; part++)
        parts[part] = rows[part] + (part == _i ? 40 + RAGGED - rows[part] % 40 : 0);
    struct clm_data *const data = fixture_data(parts[0] + parts[1], parts[2], 131, 65);
    hold_out(data, parts[1]);
    struct clm_model *const model = fixture_model(data, NULL, 1, (const size_t[]){67, 0});
    spoil = SPOIL_RAGGED;
    struct clm_backend *const backend = open_with("first");
    const clm_status status = clm_train(backend, model, data, settings, NULL, &result, &error);
    ck_assert_int_eq(status, _i < 3 ? CLM_ERROR_WRONG : CLM_OK);
    ck_assert(_i == 3 || strstr(error.message, "of B=7 I=131 O=67"));
    clm_settings_free(settings);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* With minibatches of 1000. */
START_TEST(prediction_tries_the_last_minibatch)
{
    struct clm_data *const data = fixture_data(1000 + (_i ? RAGGED : 0), 0, 12, 5);
    struct clm_model *const model = fixture_model(data, NULL, 1, (const size_t[]){7, 0});
    spoil = SPOIL_RAGGED;
    struct clm_backend *const backend = open_with("first");
    const clm_status status = clm_predict(backend, model, data, CLM_TRAIN, NULL, NULL, &error);
    ck_assert_int_eq(status, _i ? CLM_ERROR_WRONG : CLM_OK);
    ck_assert(!_i || strstr(error.message, "of B=7 I=12 O=7"));
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* ---- a clock that tells little or nothing ---- */

/* Right and fast are two different facts. */
START_TEST(a_clock_makes_nothing_wrong)
{
    slowness = 0;
    fault = (enum clock_fault)_i;
    struct clm_backend *const backend = open_auto();
    ck_assert_done(prepare(backend, 33));
    ck_assert_str_eq(notes, "");
    if (_i != CLOCK_IS_COARSE) /* the first in the table */
        ck_assert_str_eq(clm_backend_provider(backend), "auto: first");
    ck_assert(clm_tune_seconds(backend) >= 0);
    clm_backend_close(backend);
    fault = CLOCK_RIGHT;
    struct clm_backend *const again = open_auto(); /* others can use what was kept */
    ck_assert_done(prepare(again, 33));
    ck_assert_double_eq(clm_tune_seconds(again), 0);
    ck_assert_str_eq(notes, "");
    clm_backend_close(again);
}
END_TEST

START_TEST(a_clock_makes_nothing_right)
{
    slowness = 0;
    spoil = SPOIL_LAST;
    fault = (enum clock_fault)_i;
    struct clm_backend *const backend = open_auto();
    ck_assert_done(prepare(backend, 33));
    ck_assert_str_eq(clm_backend_provider(backend), "auto: second");
    ck_assert_ptr_nonnull(strstr(notes, "first is not used on"));
    clm_backend_close(backend);
}
END_TEST

static size_t rows_heard, rows_right;

static void hear_row(void *user, const struct clm_tune_row *row)
{
    (void)user;
    rows_heard++;
    rows_right += row->error_over_bound <= 1;
    ck_assert(isfinite(row->milliseconds) && row->milliseconds >= 0);
    ck_assert(isfinite(row->gflops) && row->gflops >= 0);
}

START_TEST(measurements_without_a_clock_are_right)
{
    slowness = 0;
    rows_heard = rows_right = 0;
    fault = (enum clock_fault)_i;
    struct clm_backend *const backend = open_auto();
    ck_assert_done(clm_tune(backend, widths, 3, 33, hear_row, NULL, &error));
    ck_assert_uint_eq(rows_heard, 2 * 2 * PRODUCT_COUNT);
    ck_assert_uint_eq(rows_right, rows_heard);
    clm_backend_close(backend);
}
END_TEST

/* ---- the report ---- */

START_TEST(tuning_reports_each_measurement)
{
    struct clm_backend *const backend = open_auto();
    ck_assert_int_eq(clm_tune(backend, widths, 3, 33, NULL, NULL, &error), CLM_OK);
    ck_assert(clm_tune_seconds(backend) > 0);
    ck_assert_int_eq(access(clm_tune_path(backend), R_OK), 0);
    ck_assert_int_eq(clm_tune(backend, widths, 1, 33, NULL, NULL, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_tune(backend, widths, 3, 0, NULL, NULL, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_tune(backend, NULL, 3, 33, NULL, NULL, &error), CLM_ERROR_ARGUMENT);
    clm_backend_close(backend);
}
END_TEST

/* ---- the file ---- */

static char *file_path(void)
{
    struct clm_backend *const backend = open_auto();
    ck_assert_int_eq(prepare(backend, 33), CLM_OK);
    char *const path = strdup(clm_tune_path(backend));
    clm_backend_close(backend);
    return path;
}

/* The file with `from` replaced by `to` everywhere, or cut after `size` bytes. */
static void change_file(const char *path, const char *from, const char *to, long size)
{
    char text[65536] = "", out[65536] = "", *at = text, *found;
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    while (from && (found = strstr(at, from))) {
        snprintf(out + strlen(out), sizeof out - strlen(out), "%.*s%s", (int)(found - at), at, to);
        at = found + strlen(from);
    }
    snprintf(out + strlen(out), sizeof out - strlen(out), "%s", at);
    if (size >= 0)
        out[size] = '\0';
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(out, 1, strlen(out), file), strlen(out));
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(the_file_decides)
{
    char *const path = file_path();
    change_file(path, "\"candidate\": \"first\"", "\"candidate\": \"second\"", -1);
    expect_provider("auto: second");
    ck_assert_str_eq(notes, "");
    free(path);
}
END_TEST

START_TEST(a_file_that_is_damaged_or_foreign_is_made_anew)
{
    static const struct {
        const char *from, *to;
        long size;
    } damages[] = {
        {NULL, NULL, 0},
        {NULL, NULL, 1},
        {NULL, NULL, 300},
        {"\"driver\": \"", "\"driver\": \"other ", -1},
        {"\"kernels\": \"", "\"kernels\": \"0", -1},
        {"\"format\": 1", "\"format\": 2", -1},
        {"\"candidate\": \"first\"", "\"candidate\": \"nobody\"", -1},
        {"\"inputs\": 131", "\"inputs\": -131", -1},
        {"\"batch\": 33", "\"batch\": \"33\"", -1},
        {"\"product\": \"update\"", "\"product\": \"\\u0000\"", -1},
        {"\"choices\": [", "\"choices\": {}, \"rest\": [", -1},
    };
    char *const path = file_path();
    change_file(path, damages[_i].from, damages[_i].to, damages[_i].size);
    expect_provider("auto: first");
    ck_assert_ptr_nonnull(strstr(notes, "is damaged or was written by another program"));
    notes[0] = '\0';
    expect_provider("auto: first");
    ck_assert_str_eq(notes, "");
    free(path);
}
END_TEST

START_TEST(without_a_place_for_the_file_it_measures_each_time)
{
    char *const blocked = test_file(cache, "clmlp", "", 0); /* a file where the directory should be */
    struct clm_backend *const backend = open_auto();
    ck_assert_int_eq(prepare(backend, 33), CLM_OK);
    ck_assert_str_eq(clm_backend_provider(backend), "auto: first");
    ck_assert_ptr_nonnull(strstr(notes, blocked));
    clm_backend_close(backend);
    free(blocked);
}
END_TEST

/* ---- the real table ---- */

START_TEST(every_candidate_is_right)
{
    gemm_candidates = shipped;
    gemm_candidate_count = shipped_count;
    struct clm_backend *const backend = open_auto();
    if (prepare(backend, 33) != CLM_OK)
        ck_abort_msg("%s", error.message);
    ck_assert_str_eq(notes, "");
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("tuning");
    TCase *const cases = tcase_create("tuning"), *const large = tcase_create("large");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_checked_fixture(large, begin, end);
    test_add_sampled(large, a_wrong_element_inside_a_large_product_is_seen, 0, PRODUCT_COUNT, 3);
    tcase_add_test(cases, the_fastest_is_taken_and_remembered);
    test_add_sampled(cases, a_wrong_candidate_is_named_and_dropped, 0, 9, 3);
    test_add_sampled(cases, a_candidate_is_tried_at_the_very_size, 0, PRODUCT_COUNT, 3);
    tcase_add_test(cases, one_that_is_not_chosen_is_not_tried_at_the_very_size);
    tcase_add_test(cases, a_choice_of_a_near_batch_is_tried_first);
    test_add_sampled(cases, a_wrong_provider_that_was_asked_for_is_refused, 0, PRODUCT_COUNT, 3);
    tcase_add_test(cases, a_wrong_fused_update_is_seen);
    test_add_sampled(cases, a_last_minibatch_is_tried, 0, PRODUCT_COUNT, 3);
    test_add_sampled(cases, a_last_minibatch_of_a_single_layer_is_tried, 0, PRODUCT_COUNT, 3);
    test_add_sampled(cases, a_last_minibatch_of_who_was_asked_for_is_tried, 0, PRODUCT_COUNT, 3);
    tcase_add_test(cases, a_wrong_momentum_is_seen);
    tcase_add_loop_test(cases, a_wrong_head_is_seen, HEAD_RIGHT, HEAD_LOSS + 1);
    tcase_add_test(cases, a_wrong_bias_is_seen);
    tcase_add_test(cases, the_name_is_of_the_nets_alone);
    tcase_add_test(cases, a_benchmark_tells_tuning_apart);
    tcase_add_test(cases, a_slow_candidate_is_not_taken);
    tcase_add_test(cases, a_device_without_a_right_one_is_refused);
    test_add_sampled(cases, a_wrong_first_one_is_dropped_by_the_self_test, 0, PRODUCT_COUNT, 3);
    test_add_sampled(cases, a_wrong_one_that_was_asked_for_fails_the_self_test, 0, PRODUCT_COUNT, 3);
    test_add_sampled(cases, training_tries_the_last_minibatch_of_each_part, 0, 4, 2);
    tcase_add_loop_test(cases, prediction_tries_the_last_minibatch, 0, 2);
    test_add_sampled(cases, a_clock_makes_nothing_wrong, CLOCK_STANDS, CLOCK_IS_COARSE + 1, 2);
    test_add_sampled(cases, a_clock_makes_nothing_right, CLOCK_STANDS, CLOCK_IS_COARSE + 1, 2);
    test_add_sampled(cases, measurements_without_a_clock_are_right, CLOCK_STANDS, CLOCK_IS_COARSE + 1, 2);
    tcase_add_test(cases, tuning_reports_each_measurement);
    tcase_add_test(cases, the_file_decides);
    test_add_sampled(cases, a_file_that_is_damaged_or_foreign_is_made_anew, 0, 11, 4);
    tcase_add_test(cases, without_a_place_for_the_file_it_measures_each_time);
    tcase_add_test(cases, every_candidate_is_right);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, large);
    return test_run(suite);
}
