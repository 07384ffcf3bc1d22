/* Our own products for CPUs on a device with less local memory: right, and within it. */
#include "check/plan.h"
#include "support/builds.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <CL/cl.h>
#include <dlfcn.h>
#include <string.h>

static struct clm_error error;
static size_t largest; /* bytes of local memory that a kernel got */

/* Replaces the library's function. */
cl_int CL_API_CALL clSetKernelArg(cl_kernel kernel, cl_uint index, size_t size, const void *value)
{
    cl_int (*set)(cl_kernel kernel, cl_uint index, size_t size, const void *value) = NULL;
    *(void **)&set = dlsym(RTLD_NEXT, "clSetKernelArg");
    ck_assert(set != NULL);
    if (!value && size > largest)
        largest = size;
    return set(kernel, index, size, value);
}

static const enum operation_name products[] = {OPERATION_FORWARD,         OPERATION_BACKWARD_INPUT,
                                               OPERATION_BACKWARD_PARAMS, OPERATION_BACKWARD_UPDATE,
                                               OPERATION_UPDATE_FORWARD,  OPERATION_SOFTMAX_BACKWARD};

static void check(struct clm_backend *backend, struct clm_backend *bounds, enum operation_name name,
                  struct variant shape)
{
    struct clm_check check;
    if (operation_check(backend, bounds, &operations_checked[name], &shape, 1, &check, &error) != CLM_OK)
        ck_abort_msg("%s: %s", operations_checked[name].name, error.message);
    ck_assert_msg(check.passed, "%s %s is wrong by %g bounds: %s", check.operation, check.shape,
                  check.error_over_bound, check.detail);
}

/* Long sums, many rows and many columns, in turn; one more column than a panel has, for every width. */
START_TEST(local_memory_is_not_exceeded)
{
    static const struct variant shapes[] = {{.B = 30, .I = 900, .O = 70},   {.B = 300, .I = 70, .O = 90},
                                            {.B = 30, .I = 70, .O = 900},   {.B = 9, .I = 2000, .O = 65},
                                            {.B = 1000, .I = 40, .O = 130}, {.B = 16, .I = 33, .O = 10}};
    const struct allowance allowance = {1, BUILD_LOCAL + (size_t)_i * 10000, 2};
    struct clm_backend *backend = NULL, *const bounds = fixture_bounds();
    if (build_open("native", &allowance, &backend, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    size_t seen = 0; /* launches with local memory; without any this tests nothing */
    for (size_t s = 0; s < COUNT_OF(shapes); s++)
        for (size_t p = 0; p < COUNT_OF(products); p++) {
            largest = 0;
            check(backend, bounds, products[p], shapes[s]);
            ck_assert_msg(largest <= allowance.local, "%s B=%zu I=%zu O=%zu: %zu bytes of %zu",
                          operations_checked[products[p]].name, shapes[s].B, shapes[s].I, shapes[s].O,
                          largest, allowance.local);
            seen += largest > 0;
        }
    ck_assert_uint_ge(seen, COUNT_OF(shapes) * 4);
    clm_backend_close(bounds);
    clm_backend_close(backend);
}
END_TEST

/* Outputs of a layer that looks ahead, if the provider ever does: at least a panel for each core. */
static size_t outputs_of_a_step_ahead(struct clm_backend *backend, size_t B, size_t I)
{
    struct linear layer = {.W.value = {.rows = 900, .columns = I}};
    if (!strcmp(clm_backend_provider(backend), "native"))
        for (; !backend_looks_ahead(backend, &layer, B); layer.W.value.rows *= 2)
            ck_assert_uint_lt(layer.W.value.rows, 1 << 20);
    return layer.W.value.rows;
}

/* The kernel's division of inputs leaves a last part of each size. */
START_TEST(a_step_with_the_next_product_of_any_inputs)
{
    struct clm_backend *const backend = fixture_backend(FIXTURE_OPENCL), *const bounds = fixture_bounds();
    const size_t O = outputs_of_a_step_ahead(backend, 7, 1);
    for (size_t I = 1; I <= 200; I++)
        check(backend, bounds, OPERATION_UPDATE_FORWARD, (struct variant){.B = 7, .I = I, .O = O});
    clm_backend_close(bounds);
    clm_backend_close(backend);
}
END_TEST

/* native.c derives the kernel's room in local memory: a panel and two LEFTs for each row of the batch, a
 * panel for each row of the next batch, and LOW - 1 panels more. The next batch is one row shorter here. */
START_TEST(a_step_with_the_next_product_takes_no_more_than_its_room)
{
    enum { LEFT = 48, LOW = 5, B = 40 };
    struct clm_backend *const backend = fixture_backend(FIXTURE_OPENCL), *const bounds = fixture_bounds();
    const size_t O = outputs_of_a_step_ahead(backend, B + 1, 40);
    if (!strcmp(clm_backend_provider(backend), "native")) {
        size_t floats[2];
        for (size_t i = 0; i < 2; i++) {
            largest = 0;
            check(backend, bounds, OPERATION_UPDATE_FORWARD, (struct variant){.B = B + i, .I = 40, .O = O});
            floats[i] = largest / sizeof(float);
        }
        const size_t row = floats[1] - floats[0], panel = row / 2 - LEFT;
        ck_assert_uint_eq(floats[0], B * row + (LOW - 2) * panel);
    }
    clm_backend_close(bounds);
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("native");
    TCase *const cases = tcase_create("native");
    tcase_add_test(cases, a_step_with_the_next_product_of_any_inputs);
    tcase_add_test(cases, a_step_with_the_next_product_takes_no_more_than_its_room);
    test_add_sampled(cases, local_memory_is_not_exceeded, 0, 12, 3);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
