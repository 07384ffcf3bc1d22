/* Every kernel of ours, on shapes so small that a simulator which looks at each access can run them, and right besides: .ci/races,
 * which sees to it that none is left out. */
#include "base/size.h"
#include "check/plan.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/program.h"
#include "support/builds.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <dlfcn.h>
#include <stdio.h>

static struct clm_error error;

/* In the library's and CLBlast's place, so that no buffer is freed: Oclgrind 21.10 goes on with what it knew of a freed one for
 * the next one at its address, even where that is larger, and then takes what was written for unset, or what is unset for
 * written. */
cl_int CL_API_CALL clReleaseMemObject(cl_mem memory)
{
    (void)memory;
    return CL_SUCCESS;
}

/* In the library's place, too: each kernel that is launched is named. */
cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                          const size_t *offset, const size_t *global, const size_t *local,
                                          cl_uint event_count, const cl_event *events, cl_event *event)
{
    cl_int (*enqueue)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *, const size_t *,
                      cl_uint, const cl_event *, cl_event *);
    char name[64] = "?";
    *(void **)&enqueue = dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel");
    ck_assert(enqueue != NULL);
    clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL);
    printf("launched %s\n", name);
    return enqueue(queue, kernel, dimensions, offset, global, local, event_count, events, event);
}

/* ---- operations ---- */

static void check_operation(struct clm_backend *backend, struct clm_backend *reference,
                            enum operation_name name, const struct variant *shape)
{
    struct variant options[4];
    const size_t count = operation_options(name, options);
    for (size_t i = 0; i < count; i++) {
        struct variant variant = options[i];
        struct clm_check check;
        variant.B = shape->B, variant.I = shape->I, variant.O = shape->O;
        variant.N = shape->N, variant.first = shape->first;
        variant.augmentation = shape->augmentation;
        variant.is_bytes = variant.is_bytes || shape->is_bytes;
        variant.seed = 1;
        variant.is_bare = true;
        if (operation_check(backend, reference, &operations_checked[name], &variant, 1, &check, &error) !=
            CLM_OK)
            ck_abort_msg("%s", error.message);
        if (!check.passed)
            ck_abort_msg("%s: %s %s is wrong by %g bounds: %s", clm_backend_provider(backend),
                         check.operation, check.shape, check.error_over_bound, check.detail);
    }
}

static const enum operation_name products[] = {OPERATION_FORWARD, OPERATION_BACKWARD_INPUT,
                                               OPERATION_BACKWARD_PARAMS, OPERATION_BACKWARD_UPDATE},
                                 fused[] = {OPERATION_UPDATE_FORWARD, OPERATION_SOFTMAX_BACKWARD};

/* One element; ragged tiles and vectors, a last panel of five columns among them; two blocks of each sum; sums that are cut into
 * slices. Oclgrind looks for races of local memory at barriers alone, so that what lies behind the last one is seen where another
 * block follows. */
static const struct variant small[] = {{.B = 1, .I = 1, .O = 1},
                                       {.B = 3, .I = 5, .O = 2},
                                       {.B = 18, .I = 20, .O = 20}},
                            ragged[] = {{.B = 7, .I = 9, .O = 17},
                                        {.B = 5, .I = 14, .O = 3},
                                        {.B = 9, .I = 7, .O = 13}},
                            long_sums[] = {{.B = 17, .I = 513, .O = 2}, {.B = 3, .I = 2, .O = 513}};

static void check(struct clm_backend *backend, const enum operation_name *names, size_t name_count,
                  const struct variant *shapes, size_t shape_count)
{
    struct clm_backend *const reference = fixture_backend(FIXTURE_REFERENCE);
    for (size_t s = 0; s < shape_count; s++)
        for (size_t n = 0; n < name_count; n++)
            check_operation(backend, reference, names[n], &shapes[s]);
    clm_backend_close(reference);
}

START_TEST(tiled_products)
{
    struct clm_backend *const backend = tiled_build_open(&tiled_builds[_i]);
    check(backend, products, COUNT_OF(products), small + 1, 2);
    clm_backend_close(backend);
}
END_TEST

/* In groups of one item, which run the fastest in a simulator. */
START_TEST(sliced_products)
{
    struct clm_backend *const backend = tiled_build_open(&tiled_builds[TILED_BUILDS - 1]);
    check(backend, products, COUNT_OF(products), long_sums, COUNT_OF(long_sums));
    clm_backend_close(backend);
}
END_TEST

/* The products for CPUs on whatever device it is, with two units, so that those which need a panel a unit are made. */
START_TEST(native_products)
{
    static const struct allowance allowance = {1, BUILD_LOCAL, 2};
    struct clm_backend *backend = NULL;
    if (build_open("native", &allowance, &backend, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    check(backend, products, COUNT_OF(products), small, COUNT_OF(small));
    check(backend, products, COUNT_OF(products), ragged, COUNT_OF(ragged));
    check(backend, fused, COUNT_OF(fused), small, COUNT_OF(small));
    check(backend, fused, COUNT_OF(fused), ragged, COUNT_OF(ragged));
    clm_backend_close(backend);
}
END_TEST

/* With what follows CLBlast's products. */
START_TEST(clblast_products)
{
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .gemm = "clblast", .skip_self_test = true};
    struct clm_backend *backend = NULL;
    if (clm_backend_open(&options, &backend, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    check(backend, products, COUNT_OF(products), small + 1, 1);
    clm_backend_close(backend);
}
END_TEST

static struct clm_backend *open_any(void)
{
    return tiled_build_open(&tiled_builds[2]);
}

START_TEST(rows_and_steps)
{
    static const struct {
        enum operation_name operation;
        struct variant shape;
    } cases[] = {
        {OPERATION_GATHER, {.B = 1, .I = 1, .N = 1}},
        {OPERATION_GATHER, {.B = 9, .I = 7, .N = 11, .first = 2}},
        {OPERATION_GATHER, {.B = 3, .I = 33, .N = 4, .first = 1}},
        {OPERATION_SOFTMAX, {.B = 1, .O = 1}},
        {OPERATION_SOFTMAX, {.B = 67, .O = 3}},
        {OPERATION_SOFTMAX_XENT, {.B = 1, .O = 1}},
        {OPERATION_SOFTMAX_XENT, {.B = 131, .O = 3}},
        {OPERATION_UPDATE, {.O = 1, .I = 1}},
        {OPERATION_UPDATE, {.O = 5, .I = 13}},
    };
    struct clm_backend *const backend = open_any(), *const reference = fixture_backend(FIXTURE_REFERENCE);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_operation(backend, reference, cases[i].operation, &cases[i].shape);
    clm_backend_close(reference);
    clm_backend_close(backend);
}
END_TEST

/* Of bytes and floats, each change by itself and all of them, to the last row that there is. */
START_TEST(changed_rows)
{
    static const struct clm_augmentation changes[] = {
        {.flip = true}, {.shift = 2},   {.cutout = 3},
        {.noise = 0.5}, {.mixup = 0.4}, {.flip = true, .shift = 2, .cutout = 3, .noise = 0.05, .mixup = 1.5},
    };
    struct clm_backend *const backend = open_any(), *const reference = fixture_backend(FIXTURE_REFERENCE);
    for (size_t i = 0; i < 2 * COUNT_OF(changes); i++) {
        const struct variant shape = {
            .B = 5,
            .I = 3 * 5 * 7,
            .N = 7,
            .first = 2,
            .is_bytes = i % 2,
            .augmentation = {.changes = changes[i / 2], .width = 7, .height = 5, .channels = 3}};
        check_operation(backend, reference, OPERATION_GATHER_AUGMENTED, &shape);
    }
    clm_backend_close(reference);
    clm_backend_close(backend);
}
END_TEST

/* ---- peaks: nothing to be right about, and as the host launches them they are far too long ---- */

static void launch(const struct opencl_device *device, cl_program program, const char *name, size_t items,
                   const struct kernel_argument *arguments, size_t count)
{
    cl_kernel kernel = NULL;
    ck_assert_int_eq(opencl_kernel_create(program, name, &kernel, &error), CLM_OK);
    ck_assert_int_eq(opencl_launch(device, kernel, name, 1, &items, NULL, arguments, count, &error), CLM_OK);
    ck_assert_int_eq(clFinish(device->queue), CL_SUCCESS);
    clReleaseKernel(kernel);
}

START_TEST(peaks)
{
    struct clm_backend *const backend = open_any();
    const struct opencl_device *const device = &self(backend)->device;
    struct tensor from, to;
    cl_program program = NULL;
    const float values[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    float copied[12] = {0};
    const cl_ulong vectors = 3;
    const cl_int rounds = 2;
    const cl_float factor = 0.5f, summand = 0.25f;
    ck_assert_int_eq(tensor_create(backend, TENSOR_REAL, 3, 4, &from, &error), CLM_OK);
    ck_assert_int_eq(tensor_create(backend, TENSOR_REAL, 3, 4, &to, &error), CLM_OK);
    ck_assert_int_eq(backend_write(backend, &from, HOST_FLOAT, values, &error), CLM_OK);
    ck_assert_int_eq(opencl_program_build(device, "peaks.cl", "-cl-std=CL1.2 -DCHUNK=4", &program, &error),
                     CLM_OK);
    launch(device, program, "peak_copy", 4,
           (struct kernel_argument[]){ARGUMENT(vectors), ARGUMENT(from.memory), ARGUMENT(to.memory)}, 3);
    ck_assert_int_eq(backend_read(backend, &to, HOST_FLOAT, copied, &error), CLM_OK);
    ck_assert_mem_eq(copied, values, sizeof values);
    launch(device, program, "peak_fma", 3,
           (struct kernel_argument[]){ARGUMENT(rounds), ARGUMENT(factor), ARGUMENT(summand),
                                      ARGUMENT(to.memory)},
           4);
    clReleaseProgram(program);
    tensor_free(backend, &from);
    tensor_free(backend, &to);
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("simulated");
    TCase *const tiled = tcase_create("tiled"), *const small_tiles = tcase_create("small tiles");
    TCase *const sliced = tcase_create("sliced");
    TCase *const native = tcase_create("native"), *const clblast = tcase_create("clblast");
    TCase *const rows = tcase_create("rows"), *const cases[] = {tiled,  small_tiles, sliced,
                                                                native, clblast,     rows};
    tcase_add_loop_test(tiled, tiled_products, 0, 2);
    tcase_add_loop_test(small_tiles, tiled_products, 2, TILED_BUILDS);
    tcase_add_test(sliced, sliced_products);
    tcase_add_test(native, native_products);
    tcase_add_test(clblast, clblast_products);
    tcase_add_test(rows, rows_and_steps);
    tcase_add_test(rows, changed_rows);
    tcase_add_test(rows, peaks);
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        tcase_set_timeout(cases[c], 300);
        suite_add_tcase(suite, cases[c]);
    }
    return test_run(suite);
}
