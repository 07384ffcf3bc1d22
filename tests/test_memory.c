/* The memory plan against what is really allocated: this program's own clCreateBuffer and clReleaseMemObject stand
 * before the loader's, for the library and for CLBlast alike, and count. */
#include "support/fixtures.h"
#include "support/support.h"

#include <CL/cl.h>
#include <check.h>
#include <dlfcn.h>
#include <string.h>

struct buffer {
    cl_mem handle;
    size_t bytes;
};

static struct buffer live[1024];
static size_t now, peak, created;

static void *real(const char *name)
{
    void *const function = dlsym(RTLD_NEXT, name);
    ck_assert_ptr_nonnull(function);
    return function;
}

static void count_buffer(cl_mem handle, size_t bytes)
{
    size_t i = 0;
    while (live[i].handle)
        ck_assert_uint_lt(++i, sizeof live / sizeof *live);
    live[i] = (struct buffer){handle, bytes};
    created++;
    now += bytes;
    peak = now > peak ? now : peak;
}

cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code)
{
    cl_mem (*create)(cl_context, cl_mem_flags, size_t, void *, cl_int *);
    *(void **)&create = real("clCreateBuffer");
    const cl_mem handle = create(context, flags, size, host, code);
    if (handle)
        count_buffer(handle, size);
    return handle;
}

cl_int clReleaseMemObject(cl_mem handle)
{
    cl_int (*release)(cl_mem);
    *(void **)&release = real("clReleaseMemObject");
    for (size_t i = 0; i < sizeof live / sizeof *live; i++)
        if (live[i].handle == handle) {
            now -= live[i].bytes;
            live[i] = (struct buffer){0};
            break;
        }
    return release(handle);
}

static struct clm_memory_plan plan;

static void keep_plan(void *user, const struct clm_memory_plan *made)
{
    (void)user;
    plan = *made;
}

/* With a small and a large test set, so that each phase is the peak once; 40 x 70 makes CLBlast pad. */
START_TEST(plan_is_what_is_allocated)
{
    struct clm_data *data = fixture_data(200, _i % 2 ? 4000 : 10, 40, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, (const size_t[]){70, 33, 0});
    struct clm_backend *backend = fixture_backend(_i < 2 ? FIXTURE_OPENCL : FIXTURE_CLBLAST);
    const struct clm_train_options options = {.epochs = 2,
                                              .batch = 24,
                                              .learning_rate = 0.1,
                                              .momentum = 0.9,
                                              .shuffle = true,
                                              .on_plan = keep_plan};
    struct clm_train_result result;
    struct clm_error error = {0};
    const size_t before = now;
    peak = now;
    created = 0;
    ck_assert_msg(clm_train(backend, model, data, &options, &result, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_gt(created, 10);
    ck_assert_uint_eq(peak - before, plan.total);
    ck_assert_uint_eq(result.memory_peak, plan.total);
    clm_backend_close(backend);
    ck_assert_uint_eq(now, 0);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *cases = tcase_create("memory");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, plan_is_what_is_allocated, 0, 4);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
