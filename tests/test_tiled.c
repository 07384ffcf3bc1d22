/* The products for GPUs, on any device: right around the borders of every tile, on devices that allow less,
 * and with the same bits each time. */
#include "base/philox.h"
#include "prove/operations.h"
#include "compute/opencl/gemm/provider.h"
#include "support/builds.h"
#include "support/fixtures.h"
#include "support/support.h"
#include "support/verdict.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

/* ---- results ---- */

static const struct {
    enum operation_name operation;
    struct variant options;
} calls[] = {
    {OPERATION_FORWARD, {.act = ACTIVATION_NONE}},
    {OPERATION_FORWARD, {.act = ACTIVATION_RELU}},
    {OPERATION_BACKWARD_INPUT, {.below = ACTIVATION_NONE}},
    {OPERATION_BACKWARD_INPUT, {.below = ACTIVATION_RELU}},
    {OPERATION_BACKWARD_PARAMS, {.l2 = 0}},
    {OPERATION_BACKWARD_PARAMS, {.l2 = 0.01}},
    {OPERATION_BACKWARD_UPDATE, {.l2 = 0.01}},
    {OPERATION_BACKWARD_UPDATE, {.rule = RULE_MOMENTUM, .momentum = 0.9, .l2 = 0.01}},
};

struct tiled_layer_shape {
    size_t B, I, O;
};

static void check_shapes(const struct tiled_build *build, const struct tiled_layer_shape *shapes,
                         size_t count)
{
    struct clm_backend *const backend = tiled_build_open(build), *const bounds = fixture_bounds();
    for (size_t s = 0; s < count; s++)
        for (size_t c = 0; c < COUNT_OF(calls); c++) {
            struct variant variant = calls[c].options;
            struct clm_check check;
            variant.B = shapes[s].B, variant.I = shapes[s].I, variant.O = shapes[s].O;
            variant.seed = 1;
            if (operation_check(backend, bounds, &operations_checked[calls[c].operation], &variant, 1, &check,
                                &error) != CLM_OK)
                ck_abort_msg("%s", error.message);
            if (!check.passed)
                ck_abort_msg("%s in groups of %zu: %s %s is wrong by %g bounds", build->name, build->items,
                             check.operation, check.shape, check.error_over_bound);
        }
    clm_backend_close(bounds);
    clm_backend_close(backend);
}

/* One row more and less than a tile, in each of its roles; whole tiles; whole quads and others. */
static void check_borders(const struct tiled_build *build, size_t t)
{
    const struct tiled_layer_shape shapes[] = {
        {t - 1, t, t + 1},
        {t + 1, t - 1, t},
        {t, t + 1, t - 1},
        {t, t, t},
        {t + 4, t - 4 ? t - 4 : 8, 2 * t},
        {2 * t + 1, 3, t + 2},
        {3, 2 * t + 1, 1},
        {17, t + 2, 2 * t + 3},
    };
    check_shapes(build, shapes, COUNT_OF(shapes));
}

START_TEST(borders_of_a_tile_are_right)
{
    const struct tiled_build *const build = &tiled_builds[_i];
    check_borders(build, build->rows);
    if (build->columns != build->rows)
        check_borders(build, build->columns);
}
END_TEST

/* Long sums with few tiles: cut into slices, the last one shorter; and batches that have their own kernel. */
START_TEST(long_sums_are_right)
{
    static const struct tiled_layer_shape shapes[] = {
        {17, 1031, 3}, {17, 3, 1031}, {17, 2048, 8}, {20, 8, 515}, {1, 1031, 5}, {16, 1028, 9}, {8, 259, 1},
    };
    check_shapes(&tiled_builds[_i], shapes, COUNT_OF(shapes));
}
END_TEST

/* ---- bits ---- */

static struct tensor noise(struct clm_backend *be, size_t rows, size_t columns, uint32_t part)
{
    struct philox random = philox_start(3, RANDOM_TEST, part);
    float *const values = malloc(rows * columns * sizeof *values);
    struct tensor tensor;
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < rows * columns; i++)
        values[i] = (float)philox_normal(&random);
    ck_assert_int_eq(tensor_create(be, TENSOR_REAL, rows, columns, &tensor, &error), CLM_OK);
    ck_assert_int_eq(backend_write(be, &tensor, HOST_FLOAT, values, &error), CLM_OK);
    free(values);
    return tensor;
}

/* All results of a step of one layer, one after the other; the caller frees them. */
static float *results_of_step(struct clm_backend *be, size_t B, size_t I, size_t O)
{
    const struct step step = {.learning_rate = 0.1, .rule = RULE_MOMENTUM, .momentum = 0.9, .l2 = 0.01};
    struct tensor X = noise(be, B, I, 0), dZ = noise(be, B, O, 1);
    struct tensor Y = noise(be, B, O, 2), dX = noise(be, B, I, 3);
    struct linear layer = {.W = {.value = noise(be, O, I, 4), .state = {noise(be, O, I, 6)}},
                           .b = {.value = noise(be, 1, O, 5), .state = {noise(be, 1, O, 7)}}};
    struct tensor *const all[] = {
        &Y, &dX, &layer.W.value, &layer.b.value, &layer.W.state[0], &layer.b.state[0], &X, &dZ};
    size_t count = 0;
    ck_assert_int_eq(linear_forward(be, &X, &layer, EPILOGUE(ACTIVATION_RELU), &Y, &error), CLM_OK);
    ck_assert_int_eq(linear_backward_input(be, &dZ, &layer, GATE(ACTIVATION_RELU, &X), &dX, &error), CLM_OK);
    ck_assert_int_eq(linear_backward_update(be, &dZ, &X, &layer, &step, &error), CLM_OK);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        count += all[i]->rows * all[i]->columns;
    float *const results = malloc(count * sizeof *results);
    ck_assert_ptr_nonnull(results);
    count = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        ck_assert_int_eq(backend_read(be, all[i], HOST_FLOAT, results + count, &error), CLM_OK);
        count += all[i]->rows * all[i]->columns;
        tensor_free(be, all[i]);
    }
    return results;
}

/* Earlier work does not matter: a net trained after another one gets the same bits as alone. */
START_TEST(bits_are_the_same_each_time)
{
    static const size_t widths[2] = {1031, 7}, others[3] = {4096, 520, 2048};
    const size_t B = 33, I = widths[0], O = widths[1];
    const size_t bytes = sizeof(float) * (2 * B * O + 2 * B * I + 2 * O * I + 2 * O);
    struct clm_backend *const backend = tiled_build_open(&tiled_builds[_i]);
    float *results[3];
    for (int run = 0; run < 3; run++) {
        if (run == 2)
            ck_assert_int_eq(backend_prepare(backend, others, 3, NULL, RULE_COUNT, 512, &error), CLM_OK);
        ck_assert_int_eq(backend_prepare(backend, widths, 2, NULL, RULE_COUNT, run == 1 ? 64 : B, &error),
                         CLM_OK);
        results[run] = results_of_step(backend, B, I, O);
        ck_assert_mem_eq(results[run], results[0], bytes);
    }
    for (int run = 0; run < 3; run++)
        free(results[run]);
    clm_backend_close(backend);
}
END_TEST

/* ---- what a device allows ---- */

/* Elements of the tiles of all groups that keep a device busy: a layer with enough long sums has a workspace
 * for so many. */
static size_t elements_at_once(const char *name, const struct allowance *allowance)
{
    static const size_t widths[2] = {100000, 100000};
    struct clm_backend *backend = NULL;
    if (build_open(name, allowance, &backend, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    ck_assert_int_eq(backend_prepare(backend, widths, 2, NULL, RULE_COUNT, 4096, &error), CLM_OK);
    const size_t elements = backend->memory.now / sizeof(float);
    clm_backend_close(backend);
    return elements;
}

START_TEST(a_device_runs_the_largest_tiles_it_can)
{
    static const struct {
        const char *name;
        size_t items, local, tile;
    } cases[] = {
        {"tiled-large", 4096, BUILD_LOCAL, 128 * 128},
        {"tiled-large", 256, 16896, 128 * 128},
        {"tiled-large", 255, BUILD_LOCAL, 64 * 128},
        {"tiled-large", 256, 16895, 64 * 128},
        {"tiled-wide", 128, 12800, 64 * 128},
        {"tiled-wide", 128, 12799, 16 * 64},
        {"tiled", 256, 17408, 64 * 64},
        {"tiled", 256, 17407, 32 * 64},
        {"tiled-small", 128, 13312, 32 * 64},
        {"tiled-small", 127, BUILD_LOCAL, 16 * 64},
        {"tiled-flat", 64, 11264, 16 * 64},
        {"tiled-flat", 64, 11263, 4 * 4},
        {"tiled", 63, BUILD_LOCAL, 4 * 4},
        {"tiled-flat", 1, 1024, 4 * 4},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct allowance allowance = {cases[i].items, cases[i].local, BUILD_UNITS, NULL};
        ck_assert_uint_eq(elements_at_once(cases[i].name, &allowance), 2 * BUILD_UNITS * cases[i].tile);
    }
}
END_TEST

/* A GPU's unit works on many items at once, but on fewer of those that keep 64 sums each. Intel's units are
 * smaller. */
START_TEST(sums_are_cut_for_all_units_of_a_device)
{
    static const struct {
        const char *name, *vendor;
        size_t groups, tile;
    } cases[] = {
        {"tiled-large", "NVIDIA Corporation", 2 * BUILD_UNITS, 128 * 128},
        {"tiled-wide", "NVIDIA Corporation", 4 * BUILD_UNITS, 64 * 128},
        {"tiled", "Advanced Micro Devices, Inc.", 4 * BUILD_UNITS, 64 * 64},
        {"tiled-flat", "NVIDIA Corporation", 16 * BUILD_UNITS, 16 * 64},
        {"tiled", "Intel(R) Corporation", BUILD_UNITS / 2, 64 * 64},
        {"tiled-flat", "Intel(R) Corporation", 2 * BUILD_UNITS, 16 * 64},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct allowance allowance = {256, BUILD_LOCAL, BUILD_UNITS, cases[i].vendor};
        ck_assert_uint_eq(elements_at_once(cases[i].name, &allowance), cases[i].groups * cases[i].tile);
    }
}
END_TEST

/* ---- registers ---- */

/* Kernels whose groups have at least so many items seem to keep values outside their registers. */
static size_t spilling_items = SIZE_MAX;
static cl_kernel_work_group_info spilling_key = CL_KERNEL_PRIVATE_MEM_SIZE;

/* Replaces the driver's function. */
cl_int CL_API_CALL clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
                                            cl_kernel_work_group_info what, size_t size, void *value,
                                            size_t *size_out)
{
    cl_int (*ask)(cl_kernel, cl_device_id, cl_kernel_work_group_info, size_t, void *, size_t *);
    size_t items[3] = {0};
    *(void **)&ask = dlsym(RTLD_NEXT, "clGetKernelWorkGroupInfo");
    ck_assert(ask != NULL);
    if (what != CL_KERNEL_PRIVATE_MEM_SIZE && what != spilling_key)
        return ask(kernel, device, what, size, value, size_out);
    ck_assert_int_eq(ask(kernel, device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof items, items, NULL),
                     CL_SUCCESS);
    ck_assert_uint_eq(size, sizeof(cl_ulong));
    *(cl_ulong *)value = what == spilling_key && items[0] >= spilling_items ? 48 : 0;
    return CL_SUCCESS;
}

/* A provider takes the next tiles whose kernels fit into registers; its own, if there are none. CPUs are not
 * asked. */
START_TEST(tiles_that_spill_registers_are_not_used)
{
    static const struct {
        const char *name, *vendor;
        cl_kernel_work_group_info key;
        size_t spilling_items, tile; /* of one group, in elements at once of the device */
    } cases[] = {
        {"tiled-large", "NVIDIA Corporation", CL_KERNEL_PRIVATE_MEM_SIZE, 256, 4 * 64 * 128},
        {"tiled-large", "NVIDIA Corporation", CL_KERNEL_PRIVATE_MEM_SIZE, 128, 16 * 16 * 64},
        {"tiled-large", "NVIDIA Corporation", CL_KERNEL_PRIVATE_MEM_SIZE, 1, 2 * 128 * 128},
        {"tiled-large", "Intel(R) Corporation", 0x4109, 256, 64 * 128},
        {"tiled-large", NULL, CL_KERNEL_PRIVATE_MEM_SIZE, 256, 2 * 128 * 128},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct allowance allowance = {256, BUILD_LOCAL, BUILD_UNITS, cases[i].vendor};
        spilling_items = cases[i].spilling_items;
        spilling_key = cases[i].key;
        ck_assert_uint_eq(elements_at_once(cases[i].name, &allowance), cases[i].tile * BUILD_UNITS);
    }
    spilling_items = SIZE_MAX;
}
END_TEST

START_TEST(a_device_that_can_run_none_is_refused)
{
    static const struct {
        size_t items, local;
        const char *part;
    } cases[] = {{1, 1023, "(1 items, 1023 bytes)"}, {0, BUILD_LOCAL, "(0 items, "}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct clm_backend *backend = NULL;
        ck_assert_int_eq(build_open("tiled-large",
                                    &(struct allowance){cases[i].items, cases[i].local, BUILD_UNITS, NULL},
                                    &backend, &error),
                         CLM_ERROR_DEVICE);
        ck_assert_ptr_null(backend);
        ck_assert_ptr_nonnull(strstr(error.message, cases[i].part));
        ck_assert_ptr_nonnull(strstr(error.message, "let clblast multiply"));
        ck_assert_str_eq(error.setting, "gemm");
    }
}
END_TEST

/* ---- names ---- */

static const char *name_for(const char *name, enum clm_device_type type)
{
    const struct clm_device device = {.type = type, .max_work_group = 256};
    const struct gemm_candidate *const candidate = gemm_candidate_for(name, &device);
    return candidate ? candidate->operations->name : "none";
}

START_TEST(native_is_our_own_products_for_the_kind_of_device)
{
    ck_assert_str_eq(name_for("native", CLM_DEVICE_CPU), "native");
    ck_assert_str_eq(name_for("native", CLM_DEVICE_GPU), "tiled");
    ck_assert_str_eq(name_for("native", CLM_DEVICE_ACCELERATOR), "tiled");
    for (int type = CLM_DEVICE_GPU; type <= CLM_DEVICE_OTHER; type++) {
        ck_assert_str_eq(name_for("tiled", (enum clm_device_type)type), "tiled");
        ck_assert_str_eq(name_for("tiled-large", (enum clm_device_type)type), "tiled-large");
        ck_assert_str_eq(name_for("tiled-wide", (enum clm_device_type)type), "tiled-wide");
        ck_assert_str_eq(name_for("tiled-small", (enum clm_device_type)type), "tiled-small");
        ck_assert_str_eq(name_for("tiled-flat", (enum clm_device_type)type), "tiled-flat");
        ck_assert_str_eq(name_for("clblast", (enum clm_device_type)type), "clblast");
        ck_assert_str_eq(name_for("mkl", (enum clm_device_type)type), "none");
    }
    ck_assert_str_eq(name_for("clblast-tuned", CLM_DEVICE_GPU), "none");
}
END_TEST

/* What auto measures, in order. */
static void expect_offered(const struct clm_device *device, const char *names)
{
    char offered[256] = "";
    for (size_t c = 0; c < gemm_candidate_count; c++)
        if (gemm_candidates[c].suits(device))
            snprintf(offered + strlen(offered), sizeof offered - strlen(offered), "%s ",
                     gemm_candidates[c].operations->name);
    ck_assert_str_eq(offered, names);
}

START_TEST(auto_is_offered_them_behind_clblast_and_not_on_a_cpu)
{
    const struct clm_device cpu = {.type = CLM_DEVICE_CPU, .max_work_group = 4096};
    const struct clm_device gpu = {.type = CLM_DEVICE_GPU, .max_work_group = 256};
    const struct clm_device small = {.type = CLM_DEVICE_GPU, .max_work_group = 255};
    const struct clm_device smaller = {.type = CLM_DEVICE_GPU, .max_work_group = 127};
    expect_offered(&cpu, "native clblast clblast-tuned ");
    expect_offered(&gpu, "clblast tiled tiled-large tiled-wide tiled-small tiled-flat ");
    expect_offered(&small, "clblast tiled-wide tiled-small tiled-flat ");
    expect_offered(&smaller, "clblast tiled-flat ");
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("tiled");
    TCase *const products = tcase_create("products");
    TCase *const choice = tcase_create("choice");
    TCase *const cases[] = {products, choice};
    test_add_sampled(products, borders_of_a_tile_are_right, 0, TILED_BUILDS, 2);
    test_add_sampled(products, long_sums_are_right, 0, TILED_BUILDS, 2);
    test_add_sampled(products, bits_are_the_same_each_time, 0, TILED_BUILDS, 2);
    tcase_add_test(choice, a_device_runs_the_largest_tiles_it_can);
    tcase_add_test(choice, sums_are_cut_for_all_units_of_a_device);
    tcase_add_test(choice, tiles_that_spill_registers_are_not_used);
    tcase_add_test(choice, a_device_that_can_run_none_is_refused);
    tcase_add_test(choice, native_is_our_own_products_for_the_kind_of_device);
    tcase_add_test(choice, auto_is_offered_them_behind_clblast_and_not_on_a_cpu);
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        suite_add_tcase(suite, cases[c]);
    }
    return test_run(suite);
}
