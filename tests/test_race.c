/* Measuring finds the fastest provider, on a device whose times this test prescribes. */
#include "base/clock.h"
#include "compute/opencl/gemm/provider.h"
#include "support/fixtures.h"
#include "support/support.h"
#include "tune/tune.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

/* ---- a device with a clock of its own ---- */

#define LATENCY 20e-6 /* seconds until the host knows that the device has ended */
#define QUEUING 3e-6  /* that the host needs to queue a launch */
#define UNITS   132

static double host, device; /* seconds: the host's clock; when the device has done all that is queued */
static double noise;        /* share of a launch's time by which launches differ */
static uint64_t random_state;
static size_t rows_timed; /* of the largest launch that was not read */
static double stop_time;  /* when the device has come so far, `stop` is set */
static volatile sig_atomic_t stop;

/* Replaces the library's clock. */
double clock_seconds(void)
{
    return host;
}

/* The device's clock changes slowly, by a fifth; each launch differs by `noise` as well. */
static double speed(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return 1 + (noise > 0 ? 0.2 * sin(3 * device) : 0) + noise * (double)(random_state >> 40) / (1 << 24);
}

static void launch(double seconds)
{
    host += QUEUING;
    device = fmax(device, host) + seconds * speed();
    stop = stop || device > stop_time;
}

static void await(void)
{
    host = fmax(host, device) + LATENCY;
}

/* Whether a buffer was written or read since the last product: then the next one is not a repeated one. */
static bool is_touched;

/* Replace the library's, and count their time. */
cl_int CL_API_CALL clFinish(cl_command_queue queue)
{
    cl_int (*finish)(cl_command_queue);
    *(void **)&finish = dlsym(RTLD_NEXT, "clFinish");
    await();
    return finish(queue);
}

cl_int CL_API_CALL clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool is_blocking,
                                       size_t offset, size_t size, void *to, cl_uint count,
                                       const cl_event *events, cl_event *event)
{
    cl_int (*read)(cl_command_queue, cl_mem, cl_bool, size_t, size_t, void *, cl_uint, const cl_event *,
                   cl_event *);
    *(void **)&read = dlsym(RTLD_NEXT, "clEnqueueReadBuffer");
    is_touched = true;
    await();
    return read(queue, buffer, is_blocking, offset, size, to, count, events, event);
}

cl_int CL_API_CALL clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool is_blocking,
                                        size_t offset, size_t size, const void *from, cl_uint count,
                                        const cl_event *events, cl_event *event)
{
    cl_int (*write)(cl_command_queue, cl_mem, cl_bool, size_t, size_t, const void *, cl_uint,
                    const cl_event *, cl_event *);
    *(void **)&write = dlsym(RTLD_NEXT, "clEnqueueWriteBuffer");
    is_touched = true;
    await();
    return write(queue, buffer, is_blocking, offset, size, from, count, events, event);
}

/* ---- six providers: right ones, with the times of tiles of several sizes ---- */

enum { CANDIDATES = 6 };

/* A group multiplies `rate` pairs of elements of its tile a second; a unit works on `groups` of them at
 * once. */
static const struct speed {
    const char *name;
    double rows, columns, groups, rate;
    size_t slices; /* at most, if tiles leave units idle; a second launch adds them */
} speeds[CANDIDATES] = {
    {"whole", 32, 32, 8, 25e9, 1},  {"large", 128, 128, 2, 180e9, 2}, {"wide", 64, 128, 4, 85e9, 4},
    {"middle", 64, 64, 4, 75e9, 4}, {"small", 32, 64, 8, 35e9, 8},    {"flat", 16, 64, 12, 20e9, 16},
};

/* Seconds of the launches of a result (M,N) whose sums have K terms. */
static double seconds_of(const struct speed *s, double M, double N, double K)
{
    const double tiles = ceil(M / s->rows) * ceil(N / s->columns), room = UNITS * s->groups;
    const double slices = fmax(1, fmin((double)s->slices, floor(fmin(room / tiles, K / 64))));
    const double rounds = ceil(tiles * slices / room);
    return 2e-6 + rounds * s->rows * s->columns * (K / slices) / s->rate +
           (slices > 1 ? 2e-6 + M * N * (slices + 1) * 4 / 3e12 : 0);
}

static double seconds_of_product(size_t provider, const struct product_key *key)
{
    const double B = (double)key->B, I = (double)key->I, O = (double)key->O;
    return key->product == PRODUCT_FORWARD          ? seconds_of(&speeds[provider], B, O, I)
           : key->product == PRODUCT_BACKWARD_INPUT ? seconds_of(&speeds[provider], B, I, O)
                                                    : seconds_of(&speeds[provider], O, I, B);
}

static const struct gemm_operations *right;

/* Queues a product's time, and computes it unless it repeats the last one, whose result is not looked at. */
static bool computes(struct gemm_provider *gemm, enum product product, size_t B, size_t I, size_t O,
                     const struct tensor *result)
{
    static const void *last;
    const struct product_key key = {product, B, I, O};
    launch(seconds_of_product(gemm->operations->variant, &key));
    const bool is_repeated = last == result->memory && !is_touched;
    last = result->memory;
    is_touched = false;
    if (is_repeated && B > rows_timed)
        rows_timed = B;
    return !is_repeated;
}

static clm_status forward(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                          const struct epilogue *epilogue, struct tensor *Y, struct clm_error *e)
{
    return computes(gemm, PRODUCT_FORWARD, X->rows, X->columns, Y->columns, Y)
               ? right->forward(gemm, X, layer, epilogue, Y, e)
               : CLM_OK;
}

static clm_status backward_input(struct gemm_provider *gemm, const struct tensor *dZ,
                                 const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                 struct clm_error *e)
{
    return computes(gemm, PRODUCT_BACKWARD_INPUT, dZ->rows, dX->columns, dZ->columns, dX)
               ? right->backward_input(gemm, dZ, layer, gate, dX, e)
               : CLM_OK;
}

static clm_status descend(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                          struct linear *layer, const struct step *step, struct clm_error *e)
{
    return computes(gemm, PRODUCT_UPDATE, X->rows, X->columns, dZ->columns, &layer->W.value)
               ? right->descend(gemm, dZ, X, layer, step, e)
               : CLM_OK;
}

static bool suits(const struct clm_device *about)
{
    (void)about;
    return true;
}

static char *cache;
static struct gemm_operations operations[CANDIDATES];
static struct gemm_candidate table[CANDIDATES];
static const struct gemm_candidate *shipped;
static size_t shipped_count;

static void begin(void)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_OPENCL);
    right = gemm_candidate_named(clm_backend_provider(backend))->operations;
    clm_backend_close(backend);
    cache = test_directory();
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", cache, 1), 0);
    shipped = gemm_candidates;
    shipped_count = gemm_candidate_count;
    for (size_t c = 0; c < CANDIDATES; c++) {
        operations[c] = *right;
        operations[c].name = speeds[c].name;
        operations[c].variant = c;
        operations[c].forward = forward;
        operations[c].backward_input = backward_input;
        operations[c].descend = descend;
        operations[c].fuses = NULL;
        operations[c].has_head = NULL;
        table[c] = (struct gemm_candidate){&operations[c], suits, false, true};
    }
    gemm_candidates = table;
    gemm_candidate_count = CANDIDATES;
    host = device = 1;
    noise = 0;
    random_state = 1;
    rows_timed = 0;
    stop_time = INFINITY;
    stop = 0;
}

static void end(void)
{
    gemm_candidates = shipped;
    gemm_candidate_count = shipped_count;
    unsetenv("XDG_CACHE_HOME");
    test_directory_remove(cache);
}

/* ---- the choice ---- */

static const struct tuned_net {
    size_t widths[6], count, batch;
} nets[] = {{{784, 128, 10}, 3, 64},     {{784, 512, 256, 10}, 4, 128},
            {{3072, 3072, 10}, 3, 10},   {{3072, 3072, 10}, 3, 100},
            {{3072, 3072, 10}, 3, 1000}, {{3072, 1024, 1024, 1024, 10}, 5, 256}};
/* Sanitizers take a minute or more for each layer of 3072 inputs, and see the same functions in smaller
 * ones. */
enum { NETS = IS_SANITIZED ? 2 : COUNT_OF(nets) };

/* How much longer than the fastest the provider takes, by the prescribed times, that the rows of a product
 * make `auto` choose: the first in the table, unless another is measured to be faster by a twentieth. */
static double excess_of(const struct clm_tune_row *rows, size_t count, const struct product_key *key,
                        const char *product)
{
    double fastest = INFINITY, chosen = NAN, least = INFINITY;
    for (size_t c = 0; c < CANDIDATES; c++) {
        fastest = fmin(fastest, seconds_of_product(c, key));
        for (size_t r = 0; r < count; r++) {
            if (strcmp(rows[r].candidate, speeds[c].name) || strcmp(rows[r].product, product) ||
                rows[r].inputs != key->I || rows[r].outputs != key->O ||
                !(rows[r].milliseconds < 0.95 * least))
                continue;
            least = rows[r].milliseconds;
            chosen = seconds_of_product(c, key);
        }
    }
    return chosen / fastest;
}

struct heard_rows {
    struct clm_tune_row rows[4 * CANDIDATES * PRODUCT_COUNT];
    size_t count;
};

static void hear(void *user, const struct clm_tune_row *row)
{
    struct heard_rows *const heard = user;
    ck_assert_uint_lt(heard->count, COUNT_OF(heard->rows));
    heard->rows[heard->count++] = *row;
}

/* Tunes a net anew; fails if what is chosen takes longer than the fastest by more than `tolerance`. */
static void tune_anew(const struct tuned_net *net, double tolerance)
{
    static const char *const products[PRODUCT_COUNT] = {"forward", "backward_input", "update"};
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .device = getenv("CLMLP_DEVICE"), .gemm = "auto"};
    struct clm_backend *backend = NULL;
    struct heard_rows heard = {.count = 0};
    if (clm_backend_open(&options, &backend, &error) != CLM_OK ||
        clm_tune(backend, net->widths, net->count, net->batch, hear, &heard, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    for (size_t l = 0; l + 1 < net->count; l++)
        for (int p = 0; p < PRODUCT_COUNT; p++) {
            const struct product_key key = {(enum product)p, net->batch, net->widths[l], net->widths[l + 1]};
            const double excess = excess_of(heard.rows, heard.count, &key, products[p]);
            if (!(excess <= 1 + tolerance))
                ck_abort_msg("%s of %zu-%zu at %zu: what was chosen takes %g times the fastest", products[p],
                             key.I, key.O, key.B, excess);
        }
    ck_assert_double_lt(clm_tune_seconds(backend), 2);
    clm_backend_close(backend);
}

/* In less than two seconds of the device's time, and at the net's own batch. */
START_TEST(the_fastest_is_found)
{
    tune_anew(&nets[_i], 0.053);
    ck_assert_uint_eq(rows_timed, nets[_i].batch);
}
END_TEST

/* Two times that differ by less than the noise may change places. */
START_TEST(a_clock_that_changes_does_not_change_the_choice)
{
    noise = 0.02;
    for (int run = 0; run < 10; run++) {
        random_state = 1000 + (uint64_t)run;
        tune_anew(&nets[0], 0.08);
    }
}
END_TEST

/* ---- a wish to stop ---- */

#define STOPS 12

/* Chooses for the first net. Returns the device's seconds from the wish to stop to the end; without a wish,
 * those of the whole. */
static double tune_until_stopped(clm_status expected)
{
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .device = getenv("CLMLP_DEVICE"), .gemm = "auto"};
    const struct tuned_net *const net = &nets[0];
    const struct tune_wish wish = {.widths = net->widths,
                                   .width_count = net->count,
                                   .use = LAYER_MOMENTUM,
                                   .batch = net->batch,
                                   .stop = &stop};
    struct clm_backend *backend = NULL;
    const double begin = isfinite(stop_time) ? stop_time : device;
    ck_assert_int_eq(clm_backend_open(&options, &backend, &error), CLM_OK);
    ck_assert_int_eq(tune_network(backend, &wish, &error), expected);
    ck_assert(clm_tune_choice(backend, "forward", 64, 128, 10) == NULL || expected == CLM_OK);
    clm_backend_close(backend);
    return device - begin;
}

/* What was chosen before is forgotten. */
static void forget_choices(void)
{
    test_directory_remove(cache);
    cache = test_directory();
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", cache, 1), 0);
}

/* Whenever it is asked to stop, it does so within some turns of a trial. Layers that are done are kept; the
 * one that is not done is measured anew by the next choice. */
START_TEST(a_stop_ends_the_choice_at_once)
{
    const double whole = tune_until_stopped(CLM_OK);
    ck_assert_double_gt(whole, 0.1);
    for (int moment = 0; moment < STOPS; moment++) {
        forget_choices();
        stop = 0;
        stop_time = device + whole * moment / STOPS;
        ck_assert_double_lt(tune_until_stopped(CLM_ERROR_STOPPED), 0.03);
    }
    stop = 0;
    stop_time = INFINITY;
    const double rest = tune_until_stopped(CLM_OK);
    ck_assert_double_gt(rest, 0.1 * whole);
    ck_assert_double_lt(rest, 0.9 * whole);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("race");
    TCase *const cases = tcase_create("race");
    tcase_add_checked_fixture(cases, begin, end);
    test_add_sampled(cases, the_fastest_is_found, 0, NETS, 3);
    tcase_add_test(cases, a_clock_that_changes_does_not_change_the_choice);
    tcase_add_test(cases, a_stop_ends_the_choice_at_once);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
