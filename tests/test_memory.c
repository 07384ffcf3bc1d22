/* Compares the memory plan with what is really allocated: this program's own clCreateBuffer and
 * clReleaseMemObject replace the loader's, for the library and for CLBlast, and count. */
#include "nn/network.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <CL/cl.h>
#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
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

static const struct clm_train_hooks hooks = {.on_plan = keep_plan};

/* With a small and a large test set, so that each phase has the peak once; 40 x 70 makes CLBlast pad. */
START_TEST(plan_is_what_is_allocated)
{
    struct clm_data *data = fixture_data(200, _i % 2 ? 4000 : 10, 40, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, (const size_t[]){70, 33, 0});
    struct clm_backend *backend = fixture_backend(_i < 2 ? FIXTURE_OPENCL : FIXTURE_CLBLAST);
    struct clm_settings *const settings = train_settings("epochs 2 batch 24 momentum 0.9 shuffle on");
    struct clm_train_result result;
    struct clm_error error = {0};
    const size_t before = now;
    peak = now;
    created = 0;
    ck_assert_msg(clm_train(backend, model, data, settings, &hooks, &result, &error) == CLM_OK, "%s",
                  error.message);
    ck_assert_uint_gt(created, 10);
    ck_assert_uint_eq(peak - before, plan.total);
    ck_assert_uint_eq(result.memory_peak, plan.total);
    clm_settings_free(settings);
    clm_backend_close(backend);
    ck_assert_uint_eq(now, 0);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

static uint64_t part_of(const char *name)
{
    for (size_t i = 0; i < plan.part_count; i++)
        if (!strcmp(plan.parts[i].name, name))
            return plan.parts[i].bytes;
    return 0;
}

static void train_once(struct clm_backend *backend, size_t features, const size_t *hidden, size_t batch)
{
    struct clm_data *data = fixture_data(batch, 0, features, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, hidden);
    struct clm_settings *const settings = train_settings("epochs 1 batch %zu momentum 0.9", batch);
    struct clm_train_result result;
    struct clm_error error = {0};
    ck_assert_msg(clm_train(backend, model, data, settings, &hooks, &result, &error) == CLM_OK, "%s",
                  error.message);
    ck_assert_uint_eq(result.memory_peak, plan.total);
    clm_settings_free(settings);
    clm_model_free(model);
    clm_data_close(data);
}

/* The reference holds only floats, as many as there are: twice W and b; for a batch X, the labels, each
 * layer's outputs, and the gradients of the hidden layers. */
START_TEST(parts_are_by_hand)
{
    enum { BATCH = 24, I = 40, H = 70, G = 33, C = 10 };
    struct clm_backend *backend = fixture_backend(_i ? FIXTURE_BLAS : FIXTURE_REFERENCE);
    const size_t real = _i ? 4 : 8;
    train_once(backend, I, (const size_t[]){H, G, 0}, BATCH);
    ck_assert_uint_eq(part_of("parameters"), real * (H * I + H + G * H + G + C * G + C));
    ck_assert_uint_eq(part_of("momentum"), part_of("parameters"));
    ck_assert_uint_eq(part_of("activations of a batch"), real * BATCH * (I + H + G + C + H + G) + 4 * BATCH);
    clm_backend_close(backend);
}
END_TEST

/* If a net keeps its gradients, there are as many as parameters. */
START_TEST(gradients_that_are_kept_count)
{
    const struct network_use use = {.is_trained = true, .keeps_gradients = true, .rule = RULE_MOMENTUM};
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    struct clm_data *const data = fixture_data(9, 0, 5, 3);
    struct clm_model *const model = fixture_model(data, NULL, 1, (const size_t[]){7, 0});
    struct network net;
    struct clm_error error;
    ck_assert_done(network_create(backend, &model->architecture, 4, use, &net, &error));
    const struct network_memory memory = network_memory(&net);
    ck_assert_uint_eq(memory.parameters, 4 * (7 * 5 + 7 + 3 * 7 + 3));
    ck_assert_uint_eq(memory.gradients, memory.parameters);
    ck_assert_uint_eq(memory.states, memory.parameters);
    network_free(&net);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* The last `count` training rows of a fixture become its validation part. */
static void hold_out(struct clm_data *data, size_t count)
{
    data->train.count -= count;
    data->validation = (struct rows){count, data_row(data, &data->train, data->train.count),
                                     data->train.labels + data->train.count, false};
}

/* Bytes and labels of the parts that are there at the same time, the order of shuffled rows, and mean and
 * scale for each part. If streamed, two shards replace all parts. */
START_TEST(data_is_by_hand)
{
    enum { TRAIN = 60, VALIDATION = 20, TEST = 200, SHARD = 30, I = 40, NORMALISED = 2 * 4 * I };
    static const struct {
        size_t test;
        const char *resident, *shuffle, *name;
        uint64_t bytes;
    } cases[] = {
        {0, "yes", "on", "data set", TRAIN * (I + 4 + 4) + VALIDATION * (I + 4) + 2 * NORMALISED},
        {0, "yes", "off", "data set", (TRAIN + VALIDATION) * (I + 4) + 2 * NORMALISED},
        {TEST, "yes", "on", "test data, at the end", TEST * (I + 4) + NORMALISED},
        {TEST, "no", "on", "two shards of 30 rows", 2 * SHARD * (I + 4 + 4) + NORMALISED},
        {TEST, "no", "off", "two shards of 30 rows", 2 * SHARD * (I + 4) + NORMALISED},
    };
    struct clm_backend *backend = fixture_backend(FIXTURE_BLAS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clm_data *data = fixture_data(TRAIN + VALIDATION, cases[i].test, I, 10);
        struct clm_model *model = fixture_model(data, NULL, 1, (const size_t[]){5, 0});
        struct clm_settings *const settings = train_settings(
            "epochs 1 batch 15 shard %d shuffle %s resident %s", SHARD, cases[i].shuffle, cases[i].resident);
        struct clm_train_result result;
        struct clm_error error = {0};
        hold_out(data, VALIDATION);
        ck_assert_done(clm_train(backend, model, data, settings, &hooks, &result, &error));
        ck_assert_msg(part_of(cases[i].name) == cases[i].bytes, "case %zu: %s: %ju, not %ju", i,
                      cases[i].name, (uintmax_t)part_of(cases[i].name), (uintmax_t)cases[i].bytes);
        ck_assert_uint_eq(result.memory_peak, plan.total);
        clm_settings_free(settings);
        clm_model_free(model);
        clm_data_close(data);
    }
    clm_backend_close(backend);
}
END_TEST

/* The workspace that it allocates for products of layers of these widths. */
static size_t workspace_of(enum fixture kind, const size_t widths[3], size_t batch)
{
    struct clm_backend *backend = fixture_backend(kind);
    struct clm_error error = {0};
    const size_t before = backend->memory.now;
    ck_assert_done(backend_prepare(backend, widths, 3, NULL, RULE_COUNT, batch, &error));
    const size_t bytes = backend->memory.now - before;
    clm_backend_close(backend);
    return bytes;
}

/* A layer that needs a workspace beside one that needs none, in either order. The workspace is the one's: at
 * most CLBlast's two padded operands and result, or a sum's slices for as many groups as the device can
 * use. */
START_TEST(workspace_is_of_the_layer_that_needs_most)
{
    static const enum fixture kinds[] = {FIXTURE_CLBLAST, FIXTURE_TILED};
    static const size_t batches[] = {1001, 17},
                        widths[2][2][3] = {{{1023, 999, 2}, {2, 1023, 999}}, {{2048, 8, 2}, {2, 2048, 8}}};
    const size_t bytes = workspace_of(kinds[_i], widths[_i][0], batches[_i]);
    ck_assert_uint_gt(bytes, 0);
    ck_assert_uint_eq(workspace_of(kinds[_i], widths[_i][1], batches[_i]), bytes);
    ck_assert_uint_le(bytes, _i ? 4 * 17 * 2048 * (2048 / 256) : 3 * 4 * 1024 * 1024);
}
END_TEST

/* Different products of CLBlast need most, here by 2 to 5 %: a step has room for each. */
START_TEST(workspace_is_of_the_product_that_needs_most)
{
    static const struct {
        size_t B, I, O;
    } layers[] = {
        {128, 1024, 2000}, {128, 2000, 1024}, {255, 513, 2000}}; /* forward, input gradient, gradient */
    struct clm_backend *backend = fixture_backend(FIXTURE_CLBLAST);
    struct clm_error error = {0};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const size_t B = layers[i].B, I = layers[i].I, O = layers[i].O;
        const struct step step = {.learning_rate = 0.1};
        struct linear layer = {0};
        struct tensor X, dX, Y;
        ck_assert_done(backend_prepare(backend, (const size_t[]){I, O}, 2, NULL, RULE_COUNT, B, &error));
        ck_assert_done(tensor_create(backend, TENSOR_REAL, B, I, &X, &error));
        ck_assert_done(tensor_create(backend, TENSOR_REAL, B, I, &dX, &error));
        ck_assert_done(tensor_create(backend, TENSOR_REAL, B, O, &Y, &error));
        ck_assert_done(weights_create(backend, O, I, B, &layer.W.value, &error));
        ck_assert_done(tensor_create(backend, TENSOR_REAL, 1, O, &layer.b.value, &error));
        ck_assert_done(linear_forward(backend, &X, &layer, EPILOGUE(ACTIVATION_NONE), &Y, &error));
        ck_assert_done(linear_backward_input(backend, &Y, &layer, NULL, &dX, &error));
        ck_assert_done(linear_backward_update(backend, &Y, &X, &layer, &step, &error));
        struct tensor *const all[] = {&X, &dX, &Y, &layer.W.value, &layer.b.value};
        for (size_t t = 0; t < sizeof all / sizeof *all; t++)
            tensor_free(backend, all[t]);
        clm_backend_close(backend);
        backend = fixture_backend(FIXTURE_CLBLAST); /* the last workspace would be enough */
    }
    clm_backend_close(backend);
}
END_TEST

/* A prediction allocates the net, activations of a batch, rows and labels, and mean and scale. */
START_TEST(prediction_is_by_hand)
{
    enum { ROWS = 1500, I = 20, H = 30, C = 10 };
    struct clm_backend *backend = fixture_backend(FIXTURE_BLAS);
    struct clm_data *data = fixture_data(ROWS, 0, I, C);
    struct clm_model *model = fixture_model(data, NULL, 1, (const size_t[]){H, 0});
    struct clm_error error = {0};
    backend->memory.peak = 0;
    ck_assert_done(clm_predict(backend, model, data, CLM_TRAIN, NULL, NULL, &error));
    const size_t net = H * I + H + C * H + C, batch = 1000 * (I + H + C), sums = 16;
    ck_assert_uint_eq(backend->memory.peak,
                      4 * (net + batch + 1000) + sums + ROWS * I + 4 * ROWS + 4 * 2 * I);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

/* Host backends share memory with the program, which keeps half. The lower limit counts, and is named. */
START_TEST(limits)
{
    static const struct {
        uint64_t device, host;
        size_t limit;
        const char *by, *setting;
    } cases[] = {
        {0, 0, SIZE_MAX, "its addresses", NULL},
        {0, 1001, 501, "half of the limit on the host's memory", "memory"},
        {300, 0, 300, "the limit on the device's memory", "device-memory"},
        {300, 1000, 300, "the limit on the device's memory", "device-memory"},
        {700, 1000, 500, "half of the limit on the host's memory", "memory"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct clm_backend_options options = {.kind = _i ? CLM_BACKEND_BLAS : CLM_BACKEND_REFERENCE,
                                                    .device_memory = cases[i].device,
                                                    .host_memory = cases[i].host};
        struct clm_backend *backend = NULL;
        struct clm_error error = {0};
        ck_assert_done(clm_backend_open(&options, &backend, &error));
        ck_assert_uint_eq(backend->memory_limit, cases[i].limit);
        ck_assert_str_eq(backend->limited_by, cases[i].by);
        ck_assert_pstr_eq(backend->limit_setting, cases[i].setting);
        if (cases[i].limit < SIZE_MAX) {
            ck_assert_done(memory_check(backend, "it", cases[i].limit, "do without", "batch", &error));
            ck_assert_int_eq(memory_check(backend, "it", cases[i].limit + 1, "do without", "batch", &error),
                             CLM_ERROR_MEMORY);
            /* the user can ask for it in another way */
            char settings[sizeof error.setting];
            snprintf(settings, sizeof settings, "%s batch", cases[i].setting);
            ck_assert_str_eq(error.setting, settings);
            ck_assert_ptr_nonnull(strstr(error.message, cases[i].by));
            ck_assert_ptr_nonnull(strstr(error.message, "; raise that, or do without"));
        }
        clm_backend_close(backend);
    }
}
END_TEST

START_TEST(what_cannot_be_opened)
{
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .gemm = "none such", .device_memory = 1000};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    ck_assert_int_eq(clm_backend_open(&options, &backend, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_null(backend);
    ck_assert_ptr_nonnull(strstr(error.message, "none such"));
}
END_TEST

/* ---- a limit ---- */

static struct clm_backend *limited_backend(const char *gemm, uint64_t bytes)
{
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .device = getenv("CLMLP_DEVICE"), .gemm = gemm, .device_memory = bytes};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    ck_assert_done(clm_backend_open(&options, &backend, &error));
    return backend;
}

static const char *const gemms[] = {"auto", "default", "clblast", "tiled"};

/* A cache without choices; drivers have already opened the user's cache. */
static char *new_cache(void)
{
    char *const cache = test_directory();
    ck_assert_int_eq(setenv("XDG_CACHE_HOME", cache, 1), 0);
    return cache;
}

/* The plan refuses a net that does not fit, before memory is allocated to choose or try its products. */
START_TEST(what_does_not_fit_is_refused_before_anything_is_tried)
{
    struct clm_data *data = fixture_data(10, 0, 20000, 2);
    struct clm_model *model = fixture_model(data, NULL, 1, (const size_t[]){256, 0});
    struct clm_backend *backend = limited_backend(gemms[_i], 4 * 20000 * 256);
    char *const cache = new_cache();
    struct clm_settings *const settings = train_settings("epochs 1 batch 10");
    struct clm_train_result result;
    struct clm_error error = {0};
    ck_assert_uint_eq(backend->memory.now, 0);
    backend->memory.peak = 0;
    created = 0;
    ck_assert_int_eq(clm_train(backend, model, data, settings, &hooks, &result, &error), CLM_ERROR_MEMORY);
    ck_assert_ptr_nonnull(strstr(error.message, "training, without its data, needs"));
    ck_assert_int_eq(clm_predict(backend, model, data, CLM_TRAIN, NULL, NULL, &error), CLM_ERROR_MEMORY);
    ck_assert_uint_eq(created, 0);
    ck_assert_uint_eq(backend->memory.peak, 0);
    clm_settings_free(settings);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
    unsetenv("XDG_CACHE_HOME");
    test_directory_remove(cache);
}
END_TEST

/* Bytes really allocated at the peak of training under a limit. Whether it fits depends on the limit. */
static size_t peak_under(const char *gemm, uint64_t bytes, bool *is_done)
{
    struct clm_data *data = fixture_data(60, 0, 3000, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, (const size_t[]){150, 0});
    struct clm_backend *backend = limited_backend(gemm, bytes);
    char *const cache = new_cache();
    struct clm_settings *const settings = train_settings("epochs 1 batch 25 shuffle on");
    struct clm_train_result result;
    struct clm_error error = {0};
    peak = now;
    const size_t before = now;
    const clm_status status = clm_train(backend, model, data, settings, &hooks, &result, &error);
    ck_assert_msg(status == CLM_OK || status == CLM_ERROR_MEMORY, "%s", error.message);
    const size_t taken = peak - before;
    *is_done = status == CLM_OK;
    clm_settings_free(settings);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
    unsetenv("XDG_CACHE_HOME");
    test_directory_remove(cache);
    return taken;
}

/* Trials of products, which may need more than the net, stay within the limit, or do not begin. */
START_TEST(trials_stay_within_the_limit)
{
    bool is_done;
    peak_under(gemms[_i], 0, &is_done);
    ck_assert(is_done);
    const size_t needed = plan.total;
    for (int tenths = 8; tenths <= 30; tenths += tenths < 14 ? 1 : 8) {
        if (!test_in_sample((size_t)(tenths + _i), 3))
            continue;
        const size_t limit = needed / 10 * (size_t)tenths, taken = peak_under(gemms[_i], limit, &is_done);
        ck_assert_msg(taken <= limit, "%zu bytes, where %zu are allowed", taken, limit);
        ck_assert(is_done || tenths < 30);
    }
}
END_TEST

/* A plan changes nothing in a backend: here a workspace, and then one that must be larger. */
START_TEST(a_plan_has_no_side_effects)
{
    static const size_t small[2][3] = {{1023, 999, 2}, {2048, 8, 2}},
                        large[2][3] = {{1600, 999, 2}, {2048, 16, 2}}, batches[2] = {1001, 17};
    struct clm_backend *backend = fixture_backend(_i ? FIXTURE_TILED : FIXTURE_CLBLAST);
    struct clm_error error = {0};
    ck_assert_done(backend_prepare(backend, small[_i], 3, NULL, RULE_COUNT, batches[_i], &error));
    const struct memory_use before = backend->memory;
    ck_assert_uint_gt(before.now, 0);
    created = 0;
    memory_plan_begin(backend);
    ck_assert_done(backend_prepare(backend, large[_i], 3, NULL, RULE_COUNT, batches[_i], &error));
    ck_assert_done(
        backend_prepare(backend, large[_i], 3, NULL, RULE_COUNT, batches[_i], &error)); /* counts once */
    const size_t planned = memory_plan_end(backend);
    ck_assert_uint_eq(created, 0);
    ck_assert_uint_eq(backend->memory.now, before.now);
    ck_assert_uint_eq(backend->memory.peak, before.peak);
    ck_assert_done(backend_prepare(backend, large[_i], 3, NULL, RULE_COUNT, batches[_i], &error));
    ck_assert_uint_gt(planned, before.now);
    ck_assert_uint_eq(backend->memory.now, planned);
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *cases = tcase_create("memory");
    test_add_sampled(cases, what_does_not_fit_is_refused_before_anything_is_tried, 0, 4, 2);
    test_add_sampled(cases, trials_stay_within_the_limit, 0, 4, 2);
    tcase_add_loop_test(cases, a_plan_has_no_side_effects, 0, 2);
    tcase_add_loop_test(cases, plan_is_what_is_allocated, 0, 4);
    tcase_add_loop_test(cases, parts_are_by_hand, 0, 2);
    tcase_add_test(cases, gradients_that_are_kept_count);
    tcase_add_loop_test(cases, workspace_is_of_the_layer_that_needs_most, 0, 2);
    tcase_add_test(cases, workspace_is_of_the_product_that_needs_most);
    tcase_add_test(cases, prediction_is_by_hand);
    tcase_add_test(cases, data_is_by_hand);
    tcase_add_loop_test(cases, limits, 0, 2);
    tcase_add_test(cases, what_cannot_be_opened);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
