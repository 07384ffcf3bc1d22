/* Which device is taken, and how much of its memory. */
#include "compute/opencl/opencl.h"
#include "prove/operations.h"
#include "prove/prove.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

/* ---- a device that says of itself what a test prescribes ---- */

static cl_ulong seeming_type, seeming_memory; /* 0: as it is */
static bool seems_to_be_a_card;

/* Replaces the driver's function. */
cl_int CL_API_CALL clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                                   size_t *size_out)
{
    cl_int (*ask)(cl_device_id, cl_device_info, size_t, void *, size_t *);
    *(void **)&ask = dlsym(RTLD_NEXT, "clGetDeviceInfo");
    ck_assert(ask != NULL);
    const cl_int code = ask(device, what, size, value, size_out);
    if (!value)
        return code;
    if (what == CL_DEVICE_TYPE && seeming_type)
        memcpy(value, &seeming_type, sizeof seeming_type);
    if (what == CL_DEVICE_GLOBAL_MEM_SIZE && seeming_memory)
        memcpy(value, &seeming_memory, sizeof seeming_memory);
    if (what == CL_DEVICE_HOST_UNIFIED_MEMORY && seems_to_be_a_card)
        *(cl_bool *)value = CL_FALSE;
    return code;
}

static size_t seeming_group; /* the most items of a group of any kernel; 0: as it is */

/* Replaces the driver's function. */
cl_int CL_API_CALL clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
                                            cl_kernel_work_group_info what, size_t size, void *value,
                                            size_t *size_out)
{
    cl_int (*ask)(cl_kernel, cl_device_id, cl_kernel_work_group_info, size_t, void *, size_t *);
    *(void **)&ask = dlsym(RTLD_NEXT, "clGetKernelWorkGroupInfo");
    ck_assert(ask != NULL);
    const cl_int code = ask(kernel, device, what, size, value, size_out);
    if (what == CL_KERNEL_WORK_GROUP_SIZE && seeming_group)
        *(size_t *)value = seeming_group;
    return code;
}

static size_t build_count; /* programs that the driver has built */

/* Replaces the driver's function. */
cl_int CL_API_CALL clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices,
                                  const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                                  void *user)
{
    cl_int (*build)(cl_program, cl_uint, const cl_device_id *, const char *,
                    void(CL_CALLBACK *)(cl_program, void *), void *);
    *(void **)&build = dlsym(RTLD_NEXT, "clBuildProgram");
    ck_assert(build != NULL);
    build_count++;
    return build(program, count, devices, options, notify, user);
}

static void begin(void)
{
    build_count = 0;
    seeming_group = 0;
    seeming_type = seeming_memory = 0;
    seems_to_be_a_card = false;
}

/* The first device, or a part of it, opened without a test; the caller closes it. */
static struct clm_backend *open_part(const char *gemm, unsigned part, unsigned parts)
{
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .gemm = gemm, .part = part, .parts = parts};
    struct clm_device *devices = NULL;
    struct clm_backend *backend = NULL;
    size_t count = 0;
    ck_assert_done(clm_devices_find(NULL, &devices, &count, &error));
    ck_assert_uint_gt(count, 0);
    ck_assert_done(opencl_open(&devices[0], &options, &backend, &error));
    clm_devices_free(devices);
    return backend;
}

static struct clm_backend *open_first(const char *gemm)
{
    return open_part(gemm, 0, 0);
}

/* ---- parts ---- */

/* Programs are built once for all parts. A part that is left works on, and the last one frees them. */
START_TEST(parts_share_their_programs)
{
    struct clm_backend *const whole = open_first("native");
    const struct clm_device *const about = clm_backend_about(whole);
    const bool is_divisible = about->type == CLM_DEVICE_CPU && about->compute_units >= 2;
    clm_backend_close(whole);
    if (!is_divisible)
        return;
    for (int round = 0; round < 2; round++) {
        build_count = 0;
        struct clm_backend *const first = open_part("native", 0, 2);
        const size_t needed = build_count;
        ck_assert_uint_gt(needed, 0);
        struct clm_backend *const second = open_part("native", 1, 2);
        ck_assert_uint_eq(build_count, needed);
        clm_backend_close(first);
        ck_assert_done(prove_device(second, &error));
        clm_backend_close(second);
    }
}
END_TEST

/* ---- memory ---- */

#define MIB ((cl_ulong)1 << 20)

/* The driver and the screen keep a tenth, or 512 MiB, of a card's memory; a device in the host's memory is
 * given what it says. */
START_TEST(a_part_of_a_cards_memory_is_left_alone)
{
    static const struct {
        cl_ulong has, taken; /* MiB */
        bool is_card;
    } cases[] = {{24580, 22122, true}, {4096, 3584, true}, {800, 400, true}, {4096, 4096, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        seeming_type = CL_DEVICE_TYPE_GPU;
        seeming_memory = cases[i].has * MIB;
        seems_to_be_a_card = cases[i].is_card;
        struct clm_backend *const backend = open_first("tiled");
        ck_assert_uint_eq(backend->memory_limit / MIB, cases[i].taken);
        ck_assert(backend->uses_host_memory == !cases[i].is_card);
        ck_assert((strstr(backend->limited_by, "less what the driver keeps") != NULL) == cases[i].is_card);
        clm_backend_close(backend);
    }
}
END_TEST

/* PoCL also drives GPUs. What is written for its CPUs is not for those. */
START_TEST(a_gpu_of_pocl_is_no_cpu)
{
    for (int is_gpu = 0; is_gpu < 2; is_gpu++) {
        seeming_type = is_gpu ? CL_DEVICE_TYPE_GPU : CL_DEVICE_TYPE_CPU;
        struct clm_backend *const backend = open_first("tiled");
        const struct kernels *const kernels = ((struct opencl_backend *)backend)->kernels;
        ck_assert(opencl_is_pocl(kernels->device) == !is_gpu);
        ck_assert((strstr(kernels->table.options, "-DPOCL") != NULL) == !is_gpu);
        clm_backend_close(backend);
    }
}
END_TEST

/* ---- waiting ---- */

static size_t unflushed; /* commands that were queued since the last flush */
static size_t early; /* calls of clFinish without such a command, which Mesa 22.3 returns from too early */

/* These replace the driver's functions. */
cl_int CL_API_CALL clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint count, const cl_event *events,
                                               cl_event *event)
{
    cl_int (*mark)(cl_command_queue, cl_uint, const cl_event *, cl_event *);
    *(void **)&mark = dlsym(RTLD_NEXT, "clEnqueueMarkerWithWaitList");
    unflushed++;
    return mark(queue, count, events, event);
}

cl_int CL_API_CALL clFlush(cl_command_queue queue)
{
    cl_int (*flush)(cl_command_queue);
    *(void **)&flush = dlsym(RTLD_NEXT, "clFlush");
    unflushed = 0;
    return flush(queue);
}

cl_int CL_API_CALL clFinish(cl_command_queue queue)
{
    cl_int (*finish)(cl_command_queue);
    *(void **)&finish = dlsym(RTLD_NEXT, "clFinish");
    early += !unflushed;
    unflushed = 0;
    return finish(queue);
}

/* After steps that pace the queue, which flushes it, and before and after a profile. */
START_TEST(waiting_is_for_flushed_work_too)
{
    struct clm_backend *const backend = open_first("tiled");
    struct profile_row rows[PROFILE_ROWS_MAX];
    size_t count;
    unflushed = early = 0;
    for (int step = 0; step < 3; step++) {
        ck_assert_done(backend_pace(backend, &error));
        ck_assert_done(backend_finish(backend, &error));
    }
    ck_assert_done(backend_pace(backend, &error));
    ck_assert_done(backend_profile_start(backend, &error));
    ck_assert_done(backend_pace(backend, &error));
    ck_assert_done(backend_finish(backend, &error));
    ck_assert_done(backend_profile_stop(backend, rows, &count, &error));
    /* the last one drops the profile's queue, which has been waited for */
    ck_assert_uint_le(early, 1);
    clm_backend_close(backend);
}
END_TEST

/* ---- uploads ---- */

static size_t mapped, mapping_that_fails; /* counted from 1; 0: none fails */

/* Replaces the driver's function. */
void *CL_API_CALL clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool is_blocking,
                                     cl_map_flags flags, size_t offset, size_t size, cl_uint count,
                                     const cl_event *events, cl_event *event, cl_int *code)
{
    void *(*map)(cl_command_queue, cl_mem, cl_bool, cl_map_flags, size_t, size_t, cl_uint, const cl_event *,
                 cl_event *, cl_int *);
    *(void **)&map = dlsym(RTLD_NEXT, "clEnqueueMapBuffer");
    ck_assert(map != NULL);
    if (++mapped == mapping_that_fails) {
        *code = CL_MAP_FAILURE;
        return NULL;
    }
    return map(queue, buffer, is_blocking, flags, offset, size, count, events, event, code);
}

/* A card gets rows through two pieces of page-locked memory, if the driver gives both; else as they are. */
START_TEST(uploads_go_through_page_locked_memory)
{
    static const struct {
        bool is_card;
        size_t failing, mapped;
    } cases[] = {{true, 0, 2}, {true, 1, 1}, {true, 2, 2}, {false, 0, 0}};
    const size_t count = (9 << 20) + 5, first = 3;
    unsigned char *const sent = malloc(count), *const got = malloc(count + first);
    ck_assert(sent && got);
    for (size_t i = 0; i < count; i++)
        sent[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        struct tensor tensor;
        seeming_type = CL_DEVICE_TYPE_GPU;
        seems_to_be_a_card = cases[c].is_card;
        mapped = 0;
        mapping_that_fails = cases[c].failing;
        struct clm_backend *const backend = open_first("tiled");
        ck_assert_done(tensor_create(backend, TENSOR_BYTE, 1, count + first, &tensor, &error));
        for (int again = 0; again < 2; again++) {
            sent[0]++;
            ck_assert_done(backend_write_part(backend, &tensor, first, count, HOST_BYTE, sent, &error));
            ck_assert_done(backend_read(backend, &tensor, HOST_BYTE, got, &error));
            ck_assert_mem_eq(got + first, sent, count);
        }
        ck_assert_uint_eq(mapped, cases[c].mapped);
        tensor_free(backend, &tensor);
        clm_backend_close(backend);
    }
    free(sent);
    free(got);
}
END_TEST

/* ---- groups ---- */

struct device_case {
    enum operation_name operation;
    struct variant variant;
};

static void check_cases(struct clm_backend *backend, const struct device_case *cases, size_t count)
{
    struct clm_backend *const bounds = fixture_bounds();
    for (size_t i = 0; i < count; i++) {
        struct variant variant = cases[i].variant;
        struct clm_check check;
        variant.seed = 1;
        ck_assert_done(operation_check(backend, bounds, &operations_checked[cases[i].operation], &variant, 1,
                                       &check, &error));
        if (!check.passed)
            ck_abort_msg("%s %s: %s", check.operation, check.shape, check.detail);
    }
    clm_backend_close(bounds);
}

/* The groups in the second dimension of each launch; the largest. Replaces the driver's function. */
static size_t most_groups;

cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                          const size_t *offset, const size_t *global, const size_t *local,
                                          cl_uint event_count, const cl_event *events, cl_event *event)
{
    cl_int (*enqueue)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *, const size_t *,
                      cl_uint, const cl_event *, cl_event *);
    *(void **)&enqueue = dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel");
    ck_assert(enqueue != NULL);
    if (dimensions > 1 && global[1] / local[1] > most_groups)
        most_groups = global[1] / local[1];
    return enqueue(queue, kernel, dimensions, offset, global, local, event_count, events, event);
}

/* NVIDIA allows 65,535 groups in the second dimension. */
START_TEST(many_rows_are_few_enough_groups)
{
    static const struct device_case cases[] = {
        {OPERATION_GATHER, {.B = 65535, .I = 3, .N = 65535}},
        {OPERATION_GATHER, {.B = 131073, .I = 65, .N = 131074, .first = 1, .is_bytes = true}},
        {OPERATION_FORWARD, {.B = 65537, .I = 1, .O = 3, .act = ACTIVATION_RELU}},
    };
    seeming_type = CL_DEVICE_TYPE_GPU;
    struct clm_backend *const backend = open_first("clblast");
    seeming_type = 0;
    most_groups = 0;
    check_cases(backend, cases, 1);
    ck_assert_uint_eq(most_groups, 65535); /* a group for each row */
    most_groups = 0;
    check_cases(backend, cases + 1, COUNT_OF(cases) - 1);
    ck_assert_uint_le(most_groups, 65535);
    clm_backend_close(backend);
}
END_TEST

/* On a GPU several items share a column of the gradient of b. */
START_TEST(the_gradient_of_b_is_summed_in_strips)
{
    static const struct device_case biases[] = {
        {OPERATION_BACKWARD_PARAMS, {.B = 1, .I = 3, .O = 1}},
        {OPERATION_BACKWARD_PARAMS, {.B = 7, .I = 3, .O = 64}},
        {OPERATION_BACKWARD_PARAMS, {.B = 130, .I = 2, .O = 65}},
        {OPERATION_BACKWARD_UPDATE, {.B = 9, .I = 2, .O = 129, .rule = RULE_MOMENTUM, .momentum = 0.9}},
    };
    static const struct {
        cl_ulong type;
        size_t group, lanes, strips;
    } cases[] = {{CL_DEVICE_TYPE_CPU, 0, 64, 1},
                 {CL_DEVICE_TYPE_GPU, 0, 64, 8},
                 {CL_DEVICE_TYPE_GPU, 511, 64, 1}, /* a kernel allows less than its device */
                 {CL_DEVICE_TYPE_GPU, 63, 32, 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        seeming_type = cases[i].type;
        seeming_group = cases[i].group;
        struct clm_backend *const backend = open_first("clblast");
        const struct kernels *const kernels = ((struct opencl_backend *)backend)->kernels;
        ck_assert_uint_eq(kernels->lanes, cases[i].lanes);
        ck_assert_uint_eq(kernels->strips, cases[i].strips);
        seeming_type = 0; /* CLBlast takes a CPU's parameters, whose kernels build in less time */
        check_cases(backend, biases, COUNT_OF(biases));
        clm_backend_close(backend);
    }
}
END_TEST

/* ---- which comes first ---- */

#define CARD       .type = CLM_DEVICE_GPU, .has_own_memory = true
#define INTEGRATED .type = CLM_DEVICE_GPU

START_TEST(the_preferred_device_comes_first)
{
    static const struct {
        struct clm_device first, second;
    } pairs[] = {
        {{CARD, .compute_units = 2, .clock_mhz = 900}, {INTEGRATED, .compute_units = 96, .clock_mhz = 2000}},
        {{INTEGRATED, .compute_units = 1, .clock_mhz = 1}, {.type = CLM_DEVICE_ACCELERATOR}},
        {{.type = CLM_DEVICE_ACCELERATOR}, {.type = CLM_DEVICE_CPU}},
        {{.type = CLM_DEVICE_CPU}, {.type = CLM_DEVICE_OTHER}},
        {{CARD, .compute_units = 132, .clock_mhz = 1980}, {CARD, .compute_units = 20, .clock_mhz = 1500}},
        {{CARD, .compute_units = 60, .clock_mhz = 2000, .vendor = "NVIDIA Corporation"},
         {CARD, .compute_units = 400, .clock_mhz = 2000, .vendor = "Intel(R) Corporation"}},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        ck_assert(opencl_is_preferred(&pairs[i].first, &pairs[i].second, "auto"));
        ck_assert(!opencl_is_preferred(&pairs[i].second, &pairs[i].first, "auto"));
    }
    ck_assert(opencl_is_preferred(&pairs[0].first, &pairs[0].second, "gpu"));
    ck_assert(!opencl_is_preferred(&pairs[3].first, &pairs[3].first, NULL));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("devices");
    TCase *const cases = tcase_create("devices");
    tcase_add_checked_fixture(cases, begin, NULL);
    tcase_add_test(cases, parts_share_their_programs);
    tcase_add_test(cases, a_part_of_a_cards_memory_is_left_alone);
    tcase_add_test(cases, a_gpu_of_pocl_is_no_cpu);
    tcase_add_test(cases, waiting_is_for_flushed_work_too);
    tcase_add_test(cases, uploads_go_through_page_locked_memory);
    tcase_add_test(cases, the_gradient_of_b_is_summed_in_strips);
    tcase_add_test(cases, many_rows_are_few_enough_groups);
    tcase_add_test(cases, the_preferred_device_comes_first);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
