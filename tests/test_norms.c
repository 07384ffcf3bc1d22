/* Norms, dropout, residuals and saved gates on every backend, with values by PyTorch 2 in float64. */
#include "base/philox.h"
#include "compute/opencl/opencl.h"
#include "prove/operations.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN_ROWS = 4, KNOWN_COLUMNS = 3 }; /* of the matrices with known values */

static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL};
#define KIND_COUNT COUNT_OF(kinds)

static struct clm_backend *be; /* the backend of the running test */
static struct clm_error error;

static struct tensor reals(size_t rows, size_t columns, const float *values)
{
    struct tensor tensor;
    ck_assert_done(tensor_create(be, TENSOR_REAL, rows, columns, &tensor, &error));
    if (values)
        ck_assert_done(backend_write(be, &tensor, HOST_FLOAT, values, &error));
    return tensor;
}

static double *content(const struct tensor *tensor)
{
    double *const values = calloc(tensor_elements(tensor), sizeof *values);
    ck_assert_ptr_nonnull(values);
    ck_assert_done(backend_read(be, tensor, HOST_DOUBLE, values, &error));
    return values;
}

/* Compares and frees. */
static void expect_near(struct tensor *tensor, const char *name, const double *expected)
{
    const double bound = clm_backend_kind(be) == CLM_BACKEND_REFERENCE ? 1e-13 : 4e-6;
    double *const values = content(tensor);
    for (size_t i = 0; i < tensor_elements(tensor); i++)
        if (!(fabs(values[i] - expected[i]) <= bound))
            ck_abort_msg("%s: %s[%zu] is %.9g, not %.9g", clm_backend_name(be), name, i, values[i],
                         expected[i]);
    free(values);
    tensor_free(be, tensor);
}

/* ---- norms ---- */

static const float Z_values[KNOWN_ROWS * KNOWN_COLUMNS] = {0.5f, -1.25f, 2, 1.5f,  0.75f, -0.5f,
                                                           -2,   0.25f,  1, 0.25f, -0.5f, 3};
static const float dY_values[KNOWN_ROWS * KNOWN_COLUMNS] = {1,     -0.5f, 0.25f, -2,   1.5f,   0.5f,
                                                            0.75f, 1,     -1,    0.5f, -0.25f, 2};
static const float scale_values[KNOWN_COLUMNS] = {1.5f, -0.5f, 2},
                   shift_values[KNOWN_COLUMNS] = {0.25f, 0.5f, -1};
static const float mean_values[KNOWN_COLUMNS] = {0.5f, -0.25f, 1},
                   variance_values[KNOWN_COLUMNS] = {1, 2, 0.5f};

/* Y = gelu(norm(Z)), its derivative, and what a loss with the gradient dY_values for Y gives. */
static const struct known_norm {
    enum norm_kind kind;
    bool is_training;
    double Y[KNOWN_ROWS * KNOWN_COLUMNS], mean[KNOWN_COLUMNS], variance[KNOWN_COLUMNS],
        gate[KNOWN_ROWS * KNOWN_COLUMNS], dZ[KNOWN_ROWS * KNOWN_COLUMNS], d_scale[KNOWN_COLUMNS],
        d_shift[KNOWN_COLUMNS];
} known[] = {
    {.kind = NORM_BATCH,
     .is_training = true,
     .Y = {0.593012509161923, 1.06310381260638, -0.0161917915992233, 1.88420169454482, -0.0536952044558298,
           -0.000187429885844947, -0.0326767967145729, 0.123348428910837, -0.0901394503344287,
           0.319849693043564, 0.536684319895146, 1.41501523193157},
     .mean = {0.45625, -0.24375, 1.0375},
     .variance = {1.11822916666667, 1.8765625, 0.672916666666667},
     .dZ = {1.61144916493873, -0.0212353091041557, -1.31560564726458, -1.67702443306736, 0.0887789342978295,
            0.63497217529874, -0.752622320854997, -0.169223680607191, -0.453415556948524, 0.818197588983618,
            0.101680055413517, 1.13404902891437},
     .d_scale = {-1.96714890598865, 2.02252036483898, 2.85454435222635},
     .d_shift = {-0.805820929615658, 0.470953816033246, 2.49586790717621},
     .gate = {1.00476940536866, 1.11806875444328, 0.473467040129347, 1.09218401466511, 0.405825612890797,
              -0.000726133238972876, -0.0673736624787489, 0.666129825611269, -0.123861868323002,
              0.848615882409935, 0.979520206770325, 1.12700117272018}},
    {.kind = NORM_LAYER,
     .is_training = true,
     .Y = {0.218384666730556, 0.981138360240914, 1.2692471204936, 1.86376936127856, 0.261354666194386,
           -0.000521156252903718, -0.0637004983003482, 0.188223622095468, 0.799453391837392,
           -0.140642721430937, 0.809786291143634, 1.70125108129391},
     .mean = {0.5, -0.25, 1},
     .variance = {1, 2, 0.5},
     .dZ = {0.357814364430554, -0.165145783733891, -0.192668580696663, -0.717808145272832, 1.1484487576344,
            -0.430640612361571, -0.15351790483936, 0.614088740262544, -0.460570835423184, -0.365939600921955,
            0.287516457913949, 0.0784231430080068},
     .d_scale = {-2.31680815266643, 1.48016135710619, 2.35658111484511},
     .d_shift = {-1.40958723762607, 1.11501113429434, 1.42615245777811},
     .gate = {0.764012127107985, 1.10844658745585, 1.1287148180675, 1.09417871491221, 0.802042055970555,
              -0.00187355648666094, -0.10527352178994, 0.73515402282589, 1.07336398593377, 0.187426412865615,
              1.07593071503784, 1.10913725871917}},
    {.kind = NORM_BATCH,
     .is_training = false,
     .Y = {0.149676581420731, 0.68567879435677, 1.76669978236317, 1.6798881436021, 0.0817493238660182,
           -4.1503297516978e-07, -0.00081425468580661, 0.202576313931806, -0.158655253931457,
           -0.0562819704341205, 0.424736263904123, 4.6567902037782},
     .mean = {0.5, -0.25, 1},
     .variance = {1, 2, 0.5},
     .gate = {0.695373354883636, 1.03988131084427, 1.10335865659027, 1.11092683859582, 0.616016868550801,
              -2.17092622342794e-06, -0.00282192807550165, 0.749121814028592, -0.0833154705876863,
              0.400783537085613, 0.919286968465189, 1.00003470143105}},
};

static struct norm norm_of(enum norm_kind kind)
{
    struct norm norm = {
        .kind = kind,
        .scale = {.value = reals(1, KNOWN_COLUMNS, scale_values), .gradient = reals(1, KNOWN_COLUMNS, NULL)},
        .shift = {.value = reals(1, KNOWN_COLUMNS, shift_values), .gradient = reals(1, KNOWN_COLUMNS, NULL)},
        .mean = reals(1, KNOWN_COLUMNS, mean_values),
        .variance = reals(1, KNOWN_COLUMNS, variance_values)};
    const size_t places = kind == NORM_LAYER ? KNOWN_ROWS + 2 : KNOWN_COLUMNS;
    norm.centre = reals(1, places, NULL);
    norm.inverse = reals(1, places, NULL);
    return norm;
}

static void norm_free(struct norm *norm)
{
    struct tensor *const all[] = {&norm->scale.value,    &norm->scale.gradient, &norm->shift.value,
                                  &norm->shift.gradient, &norm->mean,           &norm->variance,
                                  &norm->centre,         &norm->inverse};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        tensor_free(be, all[i]);
}

START_TEST(norms_are_as_pytorch_has_them)
{
    const struct known_norm *const right = &known[_i % (int)COUNT_OF(known)];
    be = fixture_backend(kinds[_i / (int)COUNT_OF(known)]);
    ck_assert_done(backend_prepare_finish(be, right->kind, ACTIVATION_GELU, &error));
    struct norm norm = norm_of(right->kind);
    struct tensor Z = reals(KNOWN_ROWS, KNOWN_COLUMNS, Z_values), Y = reals(KNOWN_ROWS, KNOWN_COLUMNS, NULL),
                  gate = reals(KNOWN_ROWS, KNOWN_COLUMNS, NULL),
                  dY = reals(KNOWN_ROWS, KNOWN_COLUMNS, dY_values);
    const struct finish finish = {
        .norm = &norm, .act = ACTIVATION_GELU, .gate = &gate, .is_training = right->is_training};
    ck_assert_done(layer_finish(be, &Z, &finish, &Y, &error));
    if (right->is_training) {
        ck_assert_done(gate_backward(be, &dY, NULL, GATE(ACTIVATION_GELU, &gate), &dY, &error));
        ck_assert_done(norm_backward(be, &norm, &Z, &dY, &error));
        expect_near(&dY, "dZ", right->dZ);
        expect_near(&norm.scale.gradient, "d scale", right->d_scale);
        expect_near(&norm.shift.gradient, "d shift", right->d_shift);
    } else {
        tensor_free(be, &dY);
    }
    expect_near(&Y, "Y", right->Y);
    expect_near(&gate, "gate", right->gate);
    expect_near(&norm.mean, "mean", right->mean);
    expect_near(&norm.variance, "variance", right->variance);
    norm_free(&norm);
    tensor_free(be, &Z);
    clm_backend_close(be);
}
END_TEST

/* The column's only number is its mean, and the running variance stays. */
START_TEST(a_batch_of_one_row)
{
    const double shifts[KNOWN_COLUMNS] = {0.25, 0.5, -1},
                 mean[KNOWN_COLUMNS] = {0.9 * 0.5 + 0.1 * 0.5, 0.9 * -0.25 + 0.1 * -1.25, 1.1};
    const double variance[KNOWN_COLUMNS] = {1, 2, 0.5}, nothing[KNOWN_COLUMNS] = {0};
    be = fixture_backend(kinds[_i]);
    struct norm norm = norm_of(NORM_BATCH);
    struct tensor Z = reals(1, KNOWN_COLUMNS, Z_values), Y = reals(1, KNOWN_COLUMNS, NULL),
                  dN = reals(1, KNOWN_COLUMNS, dY_values);
    const struct finish finish = {.norm = &norm, .act = ACTIVATION_NONE, .is_training = true};
    ck_assert_done(layer_finish(be, &Z, &finish, &Y, &error));
    ck_assert_done(norm_backward(be, &norm, &Z, &dN, &error));
    expect_near(&Y, "Y", shifts);
    expect_near(&dN, "dZ", nothing);
    expect_near(&norm.mean, "mean", mean);
    expect_near(&norm.variance, "variance", variance);
    norm_free(&norm);
    tensor_free(be, &Z);
    clm_backend_close(be);
}
END_TEST

/* ---- dropout ---- */

enum { ROWS = 83, COLUMNS = 301 };

/* Whether element (r, c) stays, from the block that its comment in compute/dropout.h names. */
static bool stays(const struct dropout *dropout, size_t r, size_t c)
{
    const uint32_t counter[4] = {(uint32_t)c, (uint32_t)r / 8, (uint32_t)dropout->step,
                                 dropout->layer * 256 + RANDOM_DROPOUT};
    const uint32_t key[2] = {(uint32_t)dropout->seed, (uint32_t)(dropout->seed >> 32)};
    uint32_t words[4];
    philox4x32_10(counter, key, words);
    const uint32_t word = words[r % 8 / 2];
    return (r % 2 ? word >> 16 : word & 0xffff) >= floor(dropout->share * 65536 + 0.5);
}

/* Each element of a matrix of ones is 0 or 1 / (1 - share), and so is its gate. */
START_TEST(masks_are_the_same_bits_everywhere)
{
    static const struct dropout dropouts[] = {
        {.share = 0.2, .seed = 0x123456789abcdef0, .step = 77, .layer = 2},
        {.share = 0.5, .seed = 5, .step = 0, .layer = 0},
        {.share = 0.9, .seed = 1, .step = UINT32_MAX, .layer = 0xffffff}};
    const struct dropout *const dropout = &dropouts[_i % (int)COUNT_OF(dropouts)];
    static float ones[ROWS * COLUMNS];
    size_t dropped = 0;
    for (size_t i = 0; i < COUNT_OF(ones); i++)
        ones[i] = 1;
    be = fixture_backend(kinds[_i / (int)COUNT_OF(dropouts)]);
    struct tensor Z = reals(ROWS, COLUMNS, ones), gate = reals(ROWS, COLUMNS, NULL);
    const struct finish finish = {.act = ACTIVATION_RELU, .dropout = dropout, .gate = &gate};
    ck_assert_done(layer_finish(be, &Z, &finish, &Z, &error));
    double *const y = content(&Z), *const slopes = content(&gate);
    const double factor = 1 / (1 - dropout->share);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < COLUMNS; c++) {
            const bool is_kept = stays(dropout, r, c);
            dropped += !is_kept;
            ck_assert_within(y[r * COLUMNS + c], is_kept ? factor : 0, is_kept ? factor * 3e-7 : 0);
            ck_assert_within(slopes[r * COLUMNS + c], is_kept ? factor : 0, is_kept ? factor * 3e-7 : 0);
        }
    /* the number of zeros has a binomial distribution: within five deviations */
    const double count = ROWS * COLUMNS, share = dropout->share;
    ck_assert_within((double)dropped, share * count, 5 * sqrt(count * share * (1 - share)));
    free(y);
    free(slopes);
    tensor_free(be, &Z);
    tensor_free(be, &gate);
    clm_backend_close(be);
}
END_TEST

static size_t equal_elements(const struct dropout *a, const struct dropout *b)
{
    size_t count = 0;
    for (size_t first = 0; first < ROWS; first += DROPOUT_ROWS) {
        uint8_t of_a[COLUMNS], of_b[COLUMNS];
        dropout_kept(a, first, 0, COLUMNS, of_a);
        dropout_kept(b, first, 0, COLUMNS, of_b);
        for (size_t c = 0; c < COLUMNS; c++)
            for (unsigned k = 0; k < DROPOUT_ROWS; k++)
                count += (of_a[c] >> k & 1) == (of_b[c] >> k & 1);
    }
    return count;
}

/* Half of the elements agree by chance, within five deviations. */
START_TEST(masks_differ_by_seed_step_and_layer)
{
    const struct dropout one = {.share = 0.5, .seed = 1, .step = 1, .layer = 1};
    struct dropout others[] = {one, one, one, one};
    const double count = (ROWS + 5) * COLUMNS;
    others[0].seed = 2;
    others[1].seed = 1 + (UINT64_C(1) << 32);
    others[2].step = 2;
    others[3].layer = 2;
    ck_assert_uint_eq(equal_elements(&one, &one), (size_t)count);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        ck_assert_within((double)equal_elements(&one, &others[i]), count / 2, 2.5 * sqrt(count));
}
END_TEST

/* A dropped NaN is gone; the residual is added after dropout and is not in the gate. */
START_TEST(a_dropped_element_is_the_residual)
{
    const struct dropout dropout = {.share = 0.5, .seed = 3, .step = 1};
    float z[KNOWN_ROWS * KNOWN_COLUMNS], rest[KNOWN_ROWS * KNOWN_COLUMNS];
    double right[KNOWN_ROWS * KNOWN_COLUMNS], slopes[KNOWN_ROWS * KNOWN_COLUMNS];
    for (size_t i = 0; i < KNOWN_ROWS * KNOWN_COLUMNS; i++) {
        const bool is_kept = stays(&dropout, i / KNOWN_COLUMNS, i % KNOWN_COLUMNS);
        z[i] = is_kept ? 1 - (float)i : NAN;
        rest[i] = 100 + (float)i;
        right[i] = (double)rest[i] + (is_kept && i < 1 ? 2 * (1 - (double)i) : 0);
        slopes[i] = is_kept && i < 1 ? 2 : 0;
    }
    be = fixture_backend(kinds[_i]);
    struct tensor Z = reals(KNOWN_ROWS, KNOWN_COLUMNS, z), residual = reals(KNOWN_ROWS, KNOWN_COLUMNS, rest),
                  Y = reals(KNOWN_ROWS, KNOWN_COLUMNS, NULL), gate = reals(KNOWN_ROWS, KNOWN_COLUMNS, NULL);
    const struct finish finish = {
        .act = ACTIVATION_RELU, .dropout = &dropout, .residual = &residual, .gate = &gate};
    ck_assert_done(layer_finish(be, &Z, &finish, &Y, &error));
    expect_near(&Y, "Y", right);
    expect_near(&gate, "gate", slopes);
    tensor_free(be, &Z);
    tensor_free(be, &residual);
    clm_backend_close(be);
}
END_TEST

/* ---- gates ---- */

START_TEST(gates_multiply_the_sum_of_both_gradients)
{
    static const float d[KNOWN_ROWS * KNOWN_COLUMNS] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
                                      skipped[KNOWN_ROWS * KNOWN_COLUMNS] = {1,  -1, 0.5f, 2, 0, 0,
                                                                             -7, 1,  1,    1, 1, 1},
                                      of[KNOWN_ROWS * KNOWN_COLUMNS] = {0.5f, -1,    0, 2, 0.25f, 1,
                                                                        3,    -0.5f, 1, 0, NAN,   1};
    double sum[KNOWN_ROWS * KNOWN_COLUMNS], factor[KNOWN_ROWS * KNOWN_COLUMNS],
        relu[KNOWN_ROWS * KNOWN_COLUMNS];
    be = fixture_backend(kinds[_i]);
    for (size_t i = 0; i < KNOWN_ROWS * KNOWN_COLUMNS; i++) {
        sum[i] = (double)d[i] + (double)skipped[i];
        factor[i] = sum[i] * (double)of[i];
        relu[i] = of[i] > 0 ? (double)d[i] : 0;
    }
    struct tensor dY = reals(KNOWN_ROWS, KNOWN_COLUMNS, d), skip = reals(KNOWN_ROWS, KNOWN_COLUMNS, skipped),
                  gate = reals(KNOWN_ROWS, KNOWN_COLUMNS, of), dZ = reals(KNOWN_ROWS, KNOWN_COLUMNS, NULL),
                  plain = reals(KNOWN_ROWS, KNOWN_COLUMNS, NULL),
                  in_place = reals(KNOWN_ROWS, KNOWN_COLUMNS, d);
    ck_assert_done(
        gate_backward(be, &dY, &skip, GATE(saved_gate_activation(ACTIVATION_RELU), &gate), &dZ, &error));
    ck_assert_done(gate_backward(be, &dY, NULL, NULL, &plain, &error));
    ck_assert_done(gate_backward(be, &in_place, NULL, GATE(ACTIVATION_RELU, &gate), &in_place, &error));
    double *const products = content(&dZ), *const masked = content(&in_place);
    for (size_t i = 0; i < KNOWN_ROWS * KNOWN_COLUMNS; i++)
        if (isnan(of[i])) {
            ck_assert(isnan(products[i]) && isnan(masked[i]));
        } else {
            ck_assert_within(products[i], factor[i], 0);
            ck_assert_within(masked[i], relu[i], 0);
        }
    expect_near(&dY, "dY", sum);
    expect_near(&plain, "dZ", sum);
    free(products);
    free(masked);
    struct tensor *const rest[] = {&skip, &gate, &dZ, &in_place};
    for (size_t i = 0; i < COUNT_OF(rest); i++)
        tensor_free(be, rest[i]);
    clm_backend_close(be);
}
END_TEST

/* ---- groups of many items, as GPUs have them, on any device ---- */

static void check_groups(struct clm_backend *bounds, enum operation_name name, size_t rows, size_t columns)
{
    struct variant ways[WAYS_TO_ASK];
    const size_t count = operation_options(name, ways);
    for (size_t i = 0; i < count; i++) {
        struct clm_check check;
        ways[i].B = rows, ways[i].O = columns, ways[i].seed = 1;
        if (ways[i].norm == NORM_NONE || ways[i].act > ACTIVATION_ELU)
            continue;
        ck_assert_done(operation_check(be, bounds, &operations_checked[name], &ways[i], 2, &check, &error));
        if (!check.passed)
            ck_abort_msg("%s %s: %s", check.operation, check.shape, check.detail);
    }
}

START_TEST(groups_share_their_sums)
{
    static const size_t items[] = {256, 4}, shapes[][2] = {{1, 1}, {7, 65}, {129, 130}, {300, 17}};
    struct clm_backend *const bounds = fixture_bounds();
    be = fixture_backend(FIXTURE_OPENCL);
    kernels_group_norms(self(be)->kernels, items[_i]);
    ck_assert_uint_eq(self(be)->kernels->column_strips, _i ? 2 : 16);
    ck_assert_uint_eq(self(be)->kernels->row_lanes, _i ? 4 : 32);
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        check_groups(bounds, OPERATION_FINISH, shapes[s][0], shapes[s][1]);
        check_groups(bounds, OPERATION_NORM_BACKWARD, shapes[s][0], shapes[s][1]);
    }
    clm_backend_close(be);
    clm_backend_close(bounds);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(wrong_shapes_and_numbers_are_refused)
{
    be = fixture_backend(kinds[_i]);
    struct norm norm = norm_of(NORM_BATCH), narrow = norm;
    struct tensor Z = reals(KNOWN_ROWS, KNOWN_COLUMNS, Z_values),
                  Y = reals(KNOWN_ROWS, KNOWN_COLUMNS, Z_values),
                  other = reals(KNOWN_COLUMNS, KNOWN_ROWS, NULL);
    const struct dropout all = {.share = 1}, late = {.share = 0.5, .step = DROPOUT_STEPS + UINT64_C(1)};
    narrow.scale.value = tensor_first_columns(&narrow.scale.value, KNOWN_COLUMNS - 1);
    const struct finish wrong[] = {
        {.norm = &narrow}, {.dropout = &all}, {.dropout = &late}, {.residual = &other}, {.gate = &other}};
    const struct finish plain = {.norm = NULL};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const clm_status expected = wrong[i].dropout ? CLM_ERROR_ARGUMENT : CLM_ERROR_SHAPE;
        ck_assert_int_eq(layer_finish(be, &Z, &wrong[i], &Y, &error), expected);
    }
    ck_assert_int_eq(layer_finish(be, &Z, &plain, &other, &error), CLM_ERROR_SHAPE);
    ck_assert_int_eq(gate_backward(be, &Y, &other, NULL, &Y, &error), CLM_ERROR_SHAPE);
    ck_assert_int_eq(gate_backward(be, &Y, NULL, GATE(ACTIVATION_RELU, &other), &Y, &error), CLM_ERROR_SHAPE);
    ck_assert_int_eq(norm_backward(be, &norm, &Z, &other, &error), CLM_ERROR_SHAPE);
    norm.kind = NORM_LAYER; /* three places, for four rows */
    ck_assert_int_eq(norm_backward(be, &norm, &Z, &Y, &error), CLM_ERROR_SHAPE);
    double *const y = content(&Y);
    for (size_t i = 0; i < KNOWN_ROWS * KNOWN_COLUMNS; i++)
        ck_assert_within(y[i], (double)Z_values[i], 0);
    free(y);
    norm_free(&norm);
    tensor_free(be, &Z);
    tensor_free(be, &Y);
    tensor_free(be, &other);
    clm_backend_close(be);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("norms");
    TCase *const cases = tcase_create("norms");
    tcase_add_loop_test(cases, norms_are_as_pytorch_has_them, 0, KIND_COUNT * COUNT_OF(known));
    tcase_add_loop_test(cases, a_batch_of_one_row, 0, KIND_COUNT);
    tcase_add_loop_test(cases, masks_are_the_same_bits_everywhere, 0, KIND_COUNT * 3);
    tcase_add_test(cases, masks_differ_by_seed_step_and_layer);
    tcase_add_loop_test(cases, a_dropped_element_is_the_residual, 0, KIND_COUNT);
    tcase_add_loop_test(cases, gates_multiply_the_sum_of_both_gradients, 0, KIND_COUNT);
    tcase_add_loop_test(cases, groups_share_their_sums, 0, 2);
    tcase_add_loop_test(cases, wrong_shapes_and_numbers_are_refused, 0, KIND_COUNT);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
