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
    /* unless the last layer's forward, softmax and backward are one launch */
    const struct clm_bench_kernel *const head = kernel_of(&result.profile, "head");
    ck_assert_double_eq(products, head ? 7 : 8);
    /* 2 B I O for each product */
    ck_assert_within(share, 2e-6 * 40 * (2 * 65 * 33 + 3 * 33 * 31 + 3 * 31 * 10), 1e-9);
    ck_assert_within(megabytes, moved(head), 1e-9);
    ck_assert_ptr_nonnull(kernel_of(&result.profile, "gather_bytes"));
    ck_assert_double_eq(head ? head->calls : kernel_of(&result.profile, "softmax_xent")->calls, 1);
    ck_assert(result.profile.peak_gflops > 0 && isfinite(result.profile.peak_gflops));
    ck_assert(result.profile.peak_gbytes_per_s > 0 && isfinite(result.profile.peak_gbytes_per_s));
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

START_TEST(what_is_not_given)
{
    const size_t batch = 10;
    const double rate = 1000;
    const struct clm_bench_series series = {"made up", &batch, &rate, 1};
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
    tcase_add_test(cases, of_failures_in_recording_the_first_is_told);
    tcase_add_test(cases, without_kernels_there_is_no_profile);
    tcase_add_test(cases, what_is_not_given);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
