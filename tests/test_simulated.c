/* All our kernels, on shapes so small that a simulator that checks each access can run them; the results are
 * checked, too. .ci/races and .ci/methods make sure that no kernel is left out. */
#include "base/size.h"
#include "check/plan.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/program.h"
#include "support/builds.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <clblast_c.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static struct clm_error error;

/* Replaces the function for the library and CLBlast, so that no buffer is freed: Oclgrind 21.10 keeps what it
 * knew about a freed buffer for the next one at its address, even if that is larger. It then takes written
 * memory for unset, or unset memory for written. */
cl_int CL_API_CALL clReleaseMemObject(cl_mem memory)
{
    (void)memory;
    return CL_SUCCESS;
}

/* Replaces the library's, too: names each kernel that is launched. */
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

/* ---- CLBlast's product, if only our kernels after it matter ---- */

static bool multiplies_on_host;

static float *read_floats(cl_command_queue queue, cl_mem memory, size_t count)
{
    float *const values = calloc(count, sizeof *values);
    ck_assert_ptr_nonnull(values);
    ck_assert_int_eq(
        clEnqueueReadBuffer(queue, memory, CL_TRUE, 0, count * sizeof *values, values, 0, NULL, NULL),
        CL_SUCCESS);
    return values;
}

/* Row-major, as clblast_c.h says, from the buffers' beginnings: the library needs no more. */
static void multiply_on_host(bool is_a_turned, bool is_b_turned, size_t m, size_t n, size_t k, float alpha,
                             cl_mem a, size_t a_step, cl_mem b, size_t b_step, float beta, cl_mem c,
                             cl_command_queue queue)
{
    float *const A = read_floats(queue, a, (is_a_turned ? k : m) * a_step);
    float *const B = read_floats(queue, b, (is_b_turned ? n : k) * b_step);
    float *const C = read_floats(queue, c, m * n);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += A[is_a_turned ? l * a_step + i : i * a_step + l] *
                       B[is_b_turned ? j * b_step + l : l * b_step + j];
            C[i * n + j] = alpha * sum + (beta != 0 ? beta * C[i * n + j] : 0);
        }
    ck_assert_int_eq(clEnqueueWriteBuffer(queue, c, CL_TRUE, 0, m * n * sizeof *C, C, 0, NULL, NULL),
                     CL_SUCCESS);
    free(A);
    free(B);
    free(C);
}

CLBlastStatusCode CLBlastSgemmWithTempBuffer(const CLBlastLayout layout, const CLBlastTranspose a_turned,
                                             const CLBlastTranspose b_turned, const size_t m, const size_t n,
                                             const size_t k, const float alpha, const cl_mem a,
                                             const size_t a_at, const size_t a_step, const cl_mem b,
                                             const size_t b_at, const size_t b_step, const float beta,
                                             cl_mem c, const size_t c_at, const size_t c_step,
                                             cl_command_queue *queue, cl_event *event, cl_mem room)
{
    CLBlastStatusCode (*multiply)(CLBlastLayout, CLBlastTranspose, CLBlastTranspose, size_t, size_t, size_t,
                                  float, cl_mem, size_t, size_t, cl_mem, size_t, size_t, float, cl_mem,
                                  size_t, size_t, cl_command_queue *, cl_event *, cl_mem);
    *(void **)&multiply = dlsym(RTLD_NEXT, "CLBlastSgemmWithTempBuffer");
    ck_assert(multiply != NULL);
    if (!multiplies_on_host)
        return multiply(layout, a_turned, b_turned, m, n, k, alpha, a, a_at, a_step, b, b_at, b_step, beta, c,
                        c_at, c_step, queue, event, room);
    ck_assert(layout == CLBlastLayoutRowMajor && !a_at && !b_at && !c_at && c_step == n && !event);
    multiply_on_host(a_turned == CLBlastTransposeYes, b_turned == CLBlastTransposeYes, m, n, k, alpha, a,
                     a_step, b, b_step, beta, c, *queue);
    return CLBlastSuccess;
}

/* ---- operations ---- */

static void check_operation(struct clm_backend *backend, struct clm_backend *bounds, enum operation_name name,
                            const struct variant *shape)
{
    struct variant options[WAYS_TO_ASK];
    const size_t count = operation_options(name, options);
    for (size_t i = 0; i < count; i++) {
        struct variant variant = options[i];
        struct clm_check check;
        if (!variant_is_first_of_kind(&variant))
            continue;
        variant.B = shape->B, variant.I = shape->I, variant.O = shape->O;
        variant.N = shape->N, variant.first = shape->first;
        variant.augmentation = shape->augmentation;
        variant.is_bytes = variant.is_bytes || shape->is_bytes;
        variant.seed = 1;
        variant.is_bare = true;
        if (operation_check(backend, bounds, &operations_checked[name], &variant, 1, &check, &error) !=
            CLM_OK)
            ck_abort_msg("%s", error.message);
        if (!check.passed)
            ck_abort_msg("%s: %s %s is wrong by %g bounds: %s", clm_backend_provider(backend),
                         check.operation, check.shape, check.error_over_bound, check.detail);
    }
}

static const enum operation_name products[] = {OPERATION_FORWARD, OPERATION_BACKWARD_INPUT,
                                               OPERATION_BACKWARD_PARAMS, OPERATION_BACKWARD_UPDATE},
                                 fused[] = {OPERATION_UPDATE_FORWARD, OPERATION_SOFTMAX_BACKWARD,
                                            OPERATION_GRADIENTS, OPERATION_UPDATES};

/* One element; incomplete tiles and vectors, among them a last panel of five columns; two blocks of each sum;
 * sums cut into slices. Oclgrind looks for races of local memory only at barriers, so it checks code after
 * the last barrier only if another block follows. */
static const struct variant small[] = {{.B = 1, .I = 1, .O = 1},
                                       {.B = 3, .I = 5, .O = 2},
                                       {.B = 18, .I = 20, .O = 20}},
                            ragged[] = {{.B = 7, .I = 9, .O = 17},
                                        {.B = 5, .I = 14, .O = 3},
                                        {.B = 9, .I = 7, .O = 13}},
                            long_sums[] = {{.B = 17, .I = 513, .O = 2}, {.B = 3, .I = 2, .O = 513}},
                            wide = {.B = 2, .I = 3, .O = 131};

static void check(struct clm_backend *backend, const enum operation_name *names, size_t name_count,
                  const struct variant *shapes, size_t shape_count)
{
    struct clm_backend *const bounds = fixture_bounds();
    for (size_t s = 0; s < shape_count; s++)
        for (size_t n = 0; n < name_count; n++)
            check_operation(backend, bounds, names[n], &shapes[s]);
    clm_backend_close(bounds);
}

/* The head has the same groups in all tiled providers, and a simulator takes minutes for large tiles. */
START_TEST(tiled_products)
{
    struct clm_backend *const backend = tiled_build_open(&tiled_builds[_i]);
    check(backend, products, COUNT_OF(products), small + 1, 2);
    if (_i == TILED_FLAT)
        check(backend, fused + 1, COUNT_OF(fused) - 1, small + 1, 2);
    clm_backend_close(backend);
}
END_TEST

/* The head alone: it needs groups of many items. If a group's code is copied for each item, products in such
 * groups take minutes to compile. */
START_TEST(tiled_heads)
{
    struct clm_backend *const backend = tiled_build_open(&tiled_builds[TILED_FLAT]);
    check(backend, &fused[1], 1, small + 1, 1);
    clm_backend_close(backend);
}
END_TEST

/* In groups of one item, which are fastest in a simulator. */
START_TEST(sliced_products)
{
    struct clm_backend *const backend = tiled_build_open(&tiled_builds[TILED_BUILDS - 1]);
    check(backend, products, COUNT_OF(products), long_sums, COUNT_OF(long_sums));
    clm_backend_close(backend);
}
END_TEST

/* The products for CPUs on any device, with two units, so that those that need a panel per unit are made.
 * With wide vectors, only the last shape has enough panels. */
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
    check(backend, fused, 1, &wide, 1);
    clm_backend_close(backend);
}
END_TEST

/* With what follows CLBlast's products; the second time without CLBlast, whose kernels take minutes to
 * compile if a group's code is copied for each item. */
START_TEST(clblast_products)
{
    const struct clm_backend_options options = {
        .kind = CLM_BACKEND_OPENCL, .gemm = "clblast", .skip_self_test = true};
    struct clm_backend *backend = NULL;
    multiplies_on_host = _i;
    if (clm_backend_open(&options, &backend, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    check(backend, products, COUNT_OF(products), small + 1, 1 + (size_t)_i);
    clm_backend_close(backend);
    multiplies_on_host = false;
}
END_TEST

static struct clm_backend *open_any(void)
{
    return tiled_build_open(&tiled_builds[TILED_FLAT]);
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
        {OPERATION_GATHER_WEIGHTS, {.B = 1, .I = 1, .N = 1}},
        {OPERATION_GATHER_WEIGHTS, {.B = 9, .I = 1, .N = 11, .first = 2}},
        {OPERATION_GATHER_WEIGHTS, {.B = 3, .I = 1, .N = 4, .first = 1, .is_ordered = true}},
        {OPERATION_SOFTMAX, {.B = 1, .O = 1}},
        {OPERATION_SOFTMAX, {.B = 67, .O = 3}},
        {OPERATION_SOFTMAX_XENT, {.B = 1, .O = 1}},
        {OPERATION_SOFTMAX_XENT, {.B = 131, .O = 3}},
        {OPERATION_LOSS_GRADIENT, {.B = 1, .O = 1}},
        {OPERATION_LOSS_GRADIENT, {.B = 67, .O = 2}},
        {OPERATION_UPDATE, {.O = 1, .I = 1}},
        {OPERATION_UPDATE, {.O = 5, .I = 13}},
        {OPERATION_CLIP_FACTOR, {.O = 1, .I = 1}},
        {OPERATION_CLIP_FACTOR, {.O = 5, .I = 77}},
        {OPERATION_BLENDS, {.O = 1, .I = 1}},
        {OPERATION_BLENDS, {.O = 5, .I = 77}},
        {OPERATION_FINISH, {.B = 1, .O = 1}},
        {OPERATION_FINISH, {.B = 19, .O = 7}},
        {OPERATION_GATE_BACKWARD, {.B = 1, .O = 1}},
        {OPERATION_GATE_BACKWARD, {.B = 3, .O = 7}},
        {OPERATION_NORM_BACKWARD, {.B = 1, .O = 1}},
        {OPERATION_NORM_BACKWARD, {.B = 19, .O = 7}},
    };
    struct clm_backend *const backend = open_any(), *const bounds = fixture_bounds();
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_operation(backend, bounds, cases[i].operation, &cases[i].shape);
    clm_backend_close(bounds);
    clm_backend_close(backend);
}
END_TEST

/* Bytes and floats, each change by itself and all together, to the very last row. */
START_TEST(changed_rows)
{
    static const struct clm_augmentation changes[] = {
        {.flip = true}, {.shift = 2},   {.cutout = 3},
        {.noise = 0.5}, {.mixup = 0.4}, {.flip = true, .shift = 2, .cutout = 3, .noise = 0.05, .mixup = 1.5},
    };
    struct clm_backend *const backend = open_any(), *const bounds = fixture_bounds();
    for (size_t i = 0; i < 2 * COUNT_OF(changes); i++) {
        const struct variant shape = {
            .B = 5,
            .I = 3 * 5 * 7,
            .N = 7,
            .first = 2,
            .is_bytes = i % 2,
            .augmentation = {.changes = changes[i / 2], .width = 7, .height = 5, .channels = 3}};
        check_operation(backend, bounds, OPERATION_GATHER_AUGMENTED, &shape);
    }
    clm_backend_close(bounds);
    clm_backend_close(backend);
}
END_TEST

/* ---- peaks: they have no right results, and are far too long as the host launches them ---- */

static void launch(const struct opencl_device *device, cl_program program, const char *name, size_t items,
                   const struct kernel_argument *arguments)
{
    cl_kernel kernel = NULL;
    ck_assert_int_eq(opencl_kernel_create(program, name, &kernel, &error), CLM_OK);
    ck_assert_int_eq(opencl_launch(device, kernel, name, 1, &items, NULL, arguments, &error), CLM_OK);
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
    ck_assert_done(
        opencl_program_build(device, "vector.cl peaks.cl", "-cl-std=CL1.2 -DVW=4", &program, &error));
    launch(device, program, "peak_copy", 4,
           ARGUMENTS(ARGUMENT(vectors), ARGUMENT(from.memory), ARGUMENT(to.memory)));
    ck_assert_int_eq(backend_read(backend, &to, HOST_FLOAT, copied, &error), CLM_OK);
    ck_assert_mem_eq(copied, values, sizeof values);
    launch(device, program, "peak_fma", 3,
           ARGUMENTS(ARGUMENT(rounds), ARGUMENT(factor), ARGUMENT(summand), ARGUMENT(to.memory)));
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
    TCase *const sliced = tcase_create("sliced"), *const head = tcase_create("head");
    TCase *const native = tcase_create("native"), *const clblast = tcase_create("clblast");
    TCase *const epilogues = tcase_create("epilogues"), *const rows = tcase_create("rows");
    TCase *const cases[] = {tiled, small_tiles, sliced, head, native, clblast, epilogues, rows};
    tcase_add_loop_test(tiled, tiled_products, 0, TILED_FLAT);
    tcase_add_loop_test(small_tiles, tiled_products, TILED_FLAT, TILED_BUILDS);
    tcase_add_test(sliced, sliced_products);
    tcase_add_test(head, tiled_heads);
    tcase_add_test(native, native_products);
    tcase_add_loop_test(clblast, clblast_products, 0, 1);
    tcase_add_loop_test(epilogues, clblast_products, 1, 2);
    tcase_add_test(rows, rows_and_steps);
    tcase_add_test(rows, changed_rows);
    tcase_add_test(rows, peaks);
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        suite_add_tcase(suite, cases[c]);
    }
    return test_run(suite);
}
