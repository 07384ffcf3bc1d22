/* Which device is taken, and how much of its memory. */
#include "compute/backend.h"
#include "compute/opencl/opencl.h"
#include "support/support.h"

#include <dlfcn.h>
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
    if (what == CL_DEVICE_TYPE && seeming_type)
        memcpy(value, &seeming_type, sizeof seeming_type);
    if (what == CL_DEVICE_GLOBAL_MEM_SIZE && seeming_memory)
        memcpy(value, &seeming_memory, sizeof seeming_memory);
    if (what == CL_DEVICE_HOST_UNIFIED_MEMORY && seems_to_be_a_card)
        *(cl_bool *)value = CL_FALSE;
    return code;
}

static void begin(void)
{
    seeming_type = seeming_memory = 0;
    seems_to_be_a_card = false;
}

/* The first device, opened without a test; the caller closes it. */
static struct clm_backend *open_first(void)
{
    const struct clm_backend_options options = {.kind = CLM_BACKEND_OPENCL, .gemm = "tiled"};
    struct clm_device *devices = NULL;
    struct clm_backend *backend = NULL;
    size_t count = 0;
    ck_assert_done(clm_devices_find(NULL, &devices, &count, &error));
    ck_assert_uint_gt(count, 0);
    ck_assert_done(opencl_open(&devices[0], &options, &backend, &error));
    clm_devices_free(devices);
    return backend;
}

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
        struct clm_backend *const backend = open_first();
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
        struct clm_backend *const backend = open_first();
        const struct kernels *const kernels = ((struct opencl_backend *)backend)->kernels;
        ck_assert(opencl_is_pocl(kernels->device) == !is_gpu);
        ck_assert((strstr(kernels->table.options, "-DPOCL") != NULL) == !is_gpu);
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
    tcase_add_test(cases, a_part_of_a_cards_memory_is_left_alone);
    tcase_add_test(cases, a_gpu_of_pocl_is_no_cpu);
    tcase_add_test(cases, the_preferred_device_comes_first);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
