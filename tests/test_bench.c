/* What bench measures: each launch of a step once, and peaks above the step's rates. Times do not matter. */
#include "compute/opencl/opencl.h"
#include "compute/opencl/profile.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <dlfcn.h>
#include <math.h>
#include <string.h>

static const size_t widths[4] = {65, 33, 31, 10};
static struct clm_error error;

static const struct clm_bench_options options = {
    .sizes = widths, .size_count = 4, .batch = 40, .momentum = 0.9, .seconds = 0.02, .wants_profile = true};

static const struct clm_bench_kernel *kernel_of(const struct clm_bench_profile *profile, const char *name)
{
    for (size_t k = 0; k < profile->count; k++)
        if (!strcmp(profile->kernels[k].name, name))
            return &profile->kernels[k];
    return NULL;
}

/* Elements of a matrix at batch 40. */
static double of_rows(size_t columns)
{
    return 40.0 * (double)columns;
}

/* The least that a step reads and writes, in MB: the pictures' bytes, mean and scale, W and its velocity, and
 * each matrix of a layer once per operation. */
static double moved(bool has_head)
{
    const double W[3] = {33 * 65, 31 * 33, 10 * 31}, X[3] = {of_rows(65), of_rows(33), of_rows(31)},
                 Y[3] = {X[1], X[2], of_rows(10)};
    double floats = 1.25 * X[0] + 2 * 65;
    for (int l = 0; l < 3; l++)
        floats += Y[l] + X[l] + 4 * W[l];
    for (int l = 0; l < (has_head ? 2 : 3); l++)
        floats += X[l] + W[l] + Y[l];
    for (int l = 1; l < (has_head ? 2 : 3); l++)
        floats += Y[l] + W[l] + 2 * X[l];
    floats += has_head ? 2 * X[2] + W[2] + Y[2] : 2 * Y[2];
    return 4e-6 * floats;
}

/* Three layers: forward and update in each, the input's gradient in all but the first. */
START_TEST(each_launch_of_a_step_is_counted)
{
    static const enum fixture kinds[2] = {FIXTURE_OPENCL, FIXTURE_CLBLAST};
    struct clm_backend *const backend = fixture_backend(kinds[_i]);
    struct clm_bench_result result;
    double products = 0, share = 0, megabytes = 0;
    if (clm_bench(backend, &options, &result, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    for (size_t k = 0; k < result.profile.count; k++) {
        const struct clm_bench_kernel *const kernel = &result.profile.kernels[k];
        ck_assert(kernel->milliseconds >= 0 && isfinite(kernel->milliseconds));
        ck_assert(k == 0 || kernel->milliseconds <= result.profile.kernels[k - 1].milliseconds);
        products += kernel->gflops > 0 ? kernel->calls : 0;
        share += kernel->gflops * kernel->milliseconds;
        megabytes += kernel->gbytes_per_s * kernel->milliseconds;
    }
    /* unless the last layer's forward, softmax and backward are one launch, and all updates are */
    const struct clm_bench_kernel *const head = kernel_of(&result.profile, "head");
    ck_assert_double_eq(products, head ? 5 : 8);
    /* 2 B I O for each product */
    ck_assert_within(share, 2e-6 * 40 * (2 * 65 * 33 + 3 * 33 * 31 + 3 * 31 * 10), 1e-9);
    ck_assert_within(megabytes, moved(head), 1e-9);
    ck_assert(!kernel_of(&result.profile, "gather_bytes") == (head != NULL)); /* beside the updates */
    ck_assert_double_eq(head ? head->calls : kernel_of(&result.profile, "softmax_xent")->calls, 1);
    ck_assert(result.profile.peak_gflops > 0 && isfinite(result.profile.peak_gflops));
    ck_assert(result.profile.peak_gbytes_per_s > 0 && isfinite(result.profile.peak_gbytes_per_s));
    clm_backend_close(backend);
}
END_TEST

/* Launches of a step with our own products: the head of a net, the steps of its layers, and with tiles the
 * next batch, are one launch each. If the gradients are stored, they are one launch more with tiles, and one
 * for each layer without; the gather of the next batch is one, too. With more units than two, sums of three
 * layers may be cut, which adds launches. */
static const struct {
    enum fixture kind;
    size_t widths[4], count, batch, most;
    const char *optimizer;
} few_launches[] = {
    {FIXTURE_OPENCL, {784, 128, 10}, 3, 64, 4, "sgd"},
    {FIXTURE_OPENCL, {784, 512, 256, 10}, 4, 128, 6, "sgd"},
    {FIXTURE_TILED, {784, 128, 10}, 3, 64, 4, "sgd"},
    {FIXTURE_TILED, {784, 512, 256, 10}, 4, 128, 6, "sgd"},
    {FIXTURE_TILED_FLAT, {784, 128, 10}, 3, 64, 4, "sgd"},
    {FIXTURE_OPENCL, {784, 128, 10}, 3, 64, 6, "nesterov"},
    {FIXTURE_OPENCL, {784, 128, 10}, 3, 64, 6, "adam"},
    {FIXTURE_OPENCL, {784, 128, 10}, 3, 64, 6, "lion"},
    {FIXTURE_TILED, {784, 128, 10}, 3, 64, 4, "nesterov"},
    {FIXTURE_TILED, {784, 128, 10}, 3, 64, 6, "adamw"},
    {FIXTURE_TILED, {784, 512, 256, 10}, 4, 128, 7, "adam"},
    {FIXTURE_OPENCL, {784, 512, 256, 10}, 4, 128, 9, "nadam"},
};

START_TEST(a_step_has_few_launches)
{
    struct clm_backend *const backend = fixture_backend(few_launches[_i].kind);
    struct clm_bench_options few = options;
    struct clm_bench_result result;
    double launches = 0;
    few.sizes = few_launches[_i].widths;
    few.size_count = few_launches[_i].count;
    few.batch = few_launches[_i].batch;
    few.optimizer = few_launches[_i].optimizer;
    if (clm_bench(backend, &few, &result, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    for (size_t k = 0; k < result.profile.count; k++)
        launches += result.profile.kernels[k].calls;
    ck_assert_double_ge(launches, 3);
    ck_assert_double_le(launches, (double)few_launches[_i].most);
    clm_backend_close(backend);
}
END_TEST

/* Replaces the loader's function; fails with `marker_code`, unless that is CL_SUCCESS. */
static cl_int marker_code = CL_SUCCESS;

cl_int clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint count, const cl_event *after,
                                   cl_event *event)
{
    cl_int (*mark)(cl_command_queue, cl_uint, const cl_event *, cl_event *);
    *(void **)&mark = dlsym(RTLD_NEXT, "clEnqueueMarkerWithWaitList");
    ck_assert(mark != NULL);
    return marker_code == CL_SUCCESS ? mark(queue, count, after, event) : marker_code;
}

START_TEST(of_failures_in_recording_the_first_is_told)
{
    static const cl_int codes[2] = {CL_INVALID_COMMAND_QUEUE, CL_OUT_OF_HOST_MEMORY};
    struct clm_backend *const backend = fixture_backend(FIXTURE_OPENCL);
    struct opencl_device *const device = &self(backend)->device;
    struct profile_row rows[PROFILE_ROWS_MAX];
    size_t count;
    ck_assert_int_eq(profile_start(backend, &error), CLM_OK);
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        marker_code = codes[i];
        ck_assert_ptr_nonnull(profile_call(device, "a product"));
    }
    marker_code = CL_SUCCESS;
    ck_assert_int_eq(profile_stop(backend, rows, &count, &error), CLM_ERROR_DEVICE);
    ck_assert_ptr_nonnull(strstr(error.message, "CL_INVALID_COMMAND_QUEUE"));
    clm_backend_close(backend);
}
END_TEST

START_TEST(without_kernels_there_is_no_profile)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    struct clm_bench_options plain = options;
    struct clm_bench_result result;
    ck_assert_int_eq(clm_bench(backend, &options, &result, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "no kernels to profile"));
    plain.wants_profile = false;
    ck_assert_int_eq(clm_bench(backend, &plain, &result, &error), CLM_OK);
    ck_assert_uint_eq(result.profile.count, 0);
    ck_assert(result.steps > 0 && result.milliseconds > 0);
    ck_assert(result.milliseconds_low <= result.milliseconds &&
              result.milliseconds <= result.milliseconds_high);
    clm_backend_close(backend);
}
END_TEST

static int ready_count;

static void hear_ready(void *user)
{
    ck_assert_ptr_eq(user, &ready_count);
    ready_count++;
}

START_TEST(a_stop_ends_the_timing)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_REFERENCE);
    volatile sig_atomic_t stop = 0;
    struct clm_bench_options plain = options;
    struct clm_bench_result result;
    plain.wants_profile = false;
    plain.on_ready = hear_ready;
    plain.user = &ready_count;
    plain.stop = &stop;
    ready_count = 0;
    ck_assert_int_eq(clm_bench(backend, &plain, &result, &error), CLM_OK);
    ck_assert_uint_gt(result.steps, 0);
    ck_assert_int_eq(ready_count, 1);
    stop = 1;
    plain.seconds = 3600;
    ck_assert_int_eq(clm_bench(backend, &plain, &result, &error), CLM_OK);
    ck_assert_uint_eq(result.steps, 0);
    ck_assert(result.samples_per_s == 0);
    clm_backend_close(backend);
}
END_TEST

/* Before providers are chosen: none is measured. */
START_TEST(a_stop_ends_the_choice)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_OPENCL);
    volatile sig_atomic_t stop = 1;
    struct clm_bench_options plain = options;
    struct clm_bench_result result;
    plain.on_ready = hear_ready;
    plain.user = &ready_count;
    plain.stop = &stop;
    ready_count = 0;
    ck_assert_int_eq(clm_bench(backend, &plain, &result, &error), CLM_OK);
    ck_assert_uint_eq(result.steps, 0);
    ck_assert_int_eq(ready_count, 0);
    clm_backend_close(backend);
}
END_TEST

START_TEST(what_does_not_fit_is_found_before)
{
    static const enum fixture kinds[2] = {FIXTURE_REFERENCE, FIXTURE_OPENCL};
    struct clm_backend *const backend = fixture_backend(kinds[_i]);
    struct clm_bench_options large = options;
    ck_assert_int_eq(clm_bench_check(backend, &options, &error), CLM_OK);
    large.batch = INT32_MAX;
    ck_assert_int_eq(clm_bench_check(backend, &large, &error), CLM_ERROR_MEMORY);
    ck_assert_ptr_nonnull(strstr(error.setting, "batch"));
    large.batch = 0;
    ck_assert_int_eq(clm_bench_check(backend, &large, &error), CLM_ERROR_ARGUMENT);
    large.batch = 40;
    large.size_count = 1;
    ck_assert_int_eq(clm_bench_check(backend, &large, &error), CLM_ERROR_ARGUMENT);
    clm_backend_close(backend);
}
END_TEST

START_TEST(nothing_is_kept_of_unknown_products)
{
    struct clm_backend *const opencl = fixture_backend(FIXTURE_OPENCL), *const blas =
                                                                            fixture_backend(FIXTURE_BLAS);
    ck_assert_ptr_null(clm_tune_choice(opencl, "sideways", 40, 65, 33));
    ck_assert_ptr_null(clm_tune_choice(opencl, "forward", 123457, 65, 33));
    ck_assert_ptr_null(clm_tune_choice(blas, "forward", 40, 65, 33));
    clm_backend_close(opencl);
    clm_backend_close(blas);
}
END_TEST

/* A picture with `count` curves: a panel for each, or a name for each. */
static clm_status draw_curves(size_t count, bool are_panels)
{
    static struct clm_bench_series series[CLM_BENCH_NAMES_MAX + 1];
    static const size_t batches[2] = {10, 1000};
    static const double rates[2] = {1, 1e7};
    for (size_t s = 0; s < count; s++) {
        series[s] = (struct clm_bench_series){.batches = batches, .samples_per_s = rates, .count = 1 + s % 2};
        snprintf(series[s].name, sizeof series[s].name, "a system %zu \xff of a long name",
                 are_panels ? 0 : s);
        snprintf(series[s].panel, sizeof series[s].panel, "%zu", are_panels ? s : 0);
    }
    return clm_bench_plot("/dev/null", "", series, count, &error);
}

START_TEST(pictures_of_many_curves)
{
    ck_assert_int_eq(draw_curves(CLM_BENCH_PANELS_MAX, true), CLM_OK);
    ck_assert_int_eq(draw_curves(CLM_BENCH_PANELS_MAX + 1, true), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "room for 24 nets"));
    ck_assert_int_eq(draw_curves(CLM_BENCH_NAMES_MAX, false), CLM_OK);
    ck_assert_int_eq(draw_curves(CLM_BENCH_NAMES_MAX + 1, false), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "room for 48 systems"));
    ck_assert_int_eq(draw_curves(0, false), CLM_ERROR_ARGUMENT);
}
END_TEST

START_TEST(versions)
{
    unsigned major, minor;
    ck_assert_int_eq(sscanf(clm_clblast_version(), "%u.%u.", &major, &minor), 2);
    ck_assert_int_eq(sscanf(clm_openblas_version(), "%u.%u.", &major, &minor), 2);
}
END_TEST

START_TEST(what_is_not_given)
{
    const size_t batch = 10;
    const double rate = 1000;
    const struct clm_bench_series series = {"made up", "a net", &batch, &rate, 1};
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    struct clm_bench_options plain = options;
    struct clm_bench_result result;
    plain.sizes = NULL;
    ck_assert_int_eq(clm_bench(backend, &plain, &result, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "a benchmark of 0 widths"));
    ck_assert_int_eq(clm_bench_plot(NULL, "", &series, 1, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_bench_plot("/dev/null", NULL, &series, 1, &error), CLM_OK);
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("bench");
    TCase *const cases = tcase_create("bench");
    tcase_add_loop_test(cases, each_launch_of_a_step_is_counted, 0, 2);
    tcase_add_loop_test(cases, a_step_has_few_launches, 0, COUNT_OF(few_launches));
    tcase_add_test(cases, of_failures_in_recording_the_first_is_told);
    tcase_add_test(cases, without_kernels_there_is_no_profile);
    tcase_add_test(cases, a_stop_ends_the_timing);
    tcase_add_test(cases, a_stop_ends_the_choice);
    tcase_add_loop_test(cases, what_does_not_fit_is_found_before, 0, 2);
    tcase_add_test(cases, nothing_is_kept_of_unknown_products);
    tcase_add_test(cases, pictures_of_many_curves);
    tcase_add_test(cases, versions);
    tcase_add_test(cases, what_is_not_given);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
