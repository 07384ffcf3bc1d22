/* The losses beside plain cross-entropy, on every backend: PyTorch's values, differences, extreme numbers,
 * and what is refused. */
#include "compute/backend.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define U 0x1p-24 /* half a float's unit in the last place */

static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL};

static struct clm_backend *be; /* the backend of the running test */
static struct clm_error error;

static struct tensor reals(size_t rows, size_t columns, const float *values)
{
    struct tensor tensor;
    ck_assert_done(tensor_create(be, TENSOR_REAL, rows, columns, &tensor, &error));
    ck_assert_done(backend_write(be, &tensor, HOST_FLOAT, values, &error));
    return tensor;
}

static struct tensor indices(size_t count, const uint32_t *values)
{
    struct tensor tensor;
    ck_assert_done(tensor_create(be, TENSOR_INDEX, 1, count, &tensor, &error));
    ck_assert_done(backend_write(be, &tensor, HOST_INDEX, values, &error));
    return tensor;
}

static struct metrics new_sums(void)
{
    struct metrics sums;
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    return sums;
}

/* Reads the loss of all rows since the last reset, and begins anew. */
static double take_loss(struct metrics *sums, size_t *correct)
{
    double loss;
    ck_assert_done(metrics_read(be, sums, &loss, correct, &error));
    ck_assert_done(metrics_reset(be, sums, &error));
    return loss;
}

/* ---- PyTorch's values ---- */

enum { ROWS = 3, COLUMNS = 4 };

static const float Z_values[ROWS * COLUMNS] = {1.5f, -0.25f, 0.5f, -2, 0, 3, -1, 0.75f, -4, 0.5f, 0.5f, 6};
static const uint32_t label_values[ROWS] = {0, 2, 3}, partner_values[ROWS] = {3, 1, 0};
static const float own_weights[ROWS] = {2, 0.5f, 1.25f}, partner_weights[ROWS] = {0.25f, 2, 1};
static const float regression_values[ROWS * COLUMNS] = {1,     0,     0.5f, 0.25f, 0,  1,
                                                        0.75f, 0.75f, 1,    0.5f,  -3, 5.5f};
static const float shares[ROWS * COLUMNS] = {1, 0, 0.5f, 0.25f, 0, 1, 0.75f, 0.75f, 1, 0.5f, 0, 1};
static const float two_targets[ROWS * 2] = {1, 0.5f, 0, 0.75f, 0.5f, 5.5f};

/* The sum of the rows' losses, and dZ, by PyTorch 2.13 in double. Some outputs are equal to their values. */
static const struct known_loss {
    struct loss loss;
    bool is_weighted, is_mixed;
    double sum, dZ[ROWS * COLUMNS];
} known[] = {
    {{.kind = LOSS_CROSS_ENTROPY, .smoothing = 0.125},
     false,
     false,
     5.26105649197003,
     {-0.0900190966322326, 0.0264345720096922, 0.0675974062233827, -0.00401288160084222, 0.00372535475313442,
      0.273633426729259, -0.296880774396382, 0.019521992913989, -0.0104016567226175, -0.00906551456238025,
      -0.00906551456238025, 0.028532685847378}},
    {{.kind = LOSS_CROSS_ENTROPY, .smoothing = 0.125},
     true,
     false,
     4.10020414675345,
     {-0.180038193264465, 0.0528691440193844, 0.135194812446765, -0.00802576320168444, 0.00186267737656721,
      0.136816713364629, -0.148440387198191, 0.00976099645699451, -0.0130020709032719, -0.0113318932029753,
      -0.0113318932029753, 0.0356658573092226}},
    {{.kind = LOSS_CROSS_ENTROPY, .smoothing = 0.125},
     true,
     true,
     5.88516853026674,
     {-0.122425671821197, 0.0413040187651441, 0.105620947224035, -0.0244992941679826, 0.00325968540899262,
      0.0935959150547683, -0.113937344263501, 0.0170817437997404, -0.0852686340247749, -0.0107652985428265,
      -0.0107652985428265, 0.106799231110428}},
    {{.kind = LOSS_FOCAL, .gamma = 2},
     false,
     false,
     4.09100904828494,
     {-0.0414383060185434, 0.0125922675095401, 0.0266578305268876, 0.0021882079821157, 0.0155117770902922,
      0.31156237149132, -0.359912580939453, 0.0328384323578407, 2.9842664021543e-09, 2.68635100558459e-07,
      2.68635100558459e-07, -5.40254467519065e-07}},
    {{.kind = LOSS_FOCAL, .gamma = 0.5},
     true,
     true,
     4.73502432249503,
     {-0.139469335327293, 0.048894335691445, 0.103509309471055, -0.0129343098352065, 0.00940771769399596,
      0.0953259538350057, -0.124649810043478, 0.0199161385144768, -0.0833445788516755, 0.00050917543038614,
      0.00050917543038614, 0.0823262279909032}},
    {{.kind = LOSS_BINARY},
     false,
     false,
     2.55662612506681,
     {-0.015202126983863, 0.0364852915928502, 0.0102049442668212, -0.0108997564981569, 0.0416666666666667,
      -0.00395215609813055, -0.0400882148858337, -0.00590177506871725, -0.081834482503159, 0.0102049442668212,
      0.0518716109334879, -0.000206051929719555}},
    {{.kind = LOSS_BINARY},
     true,
     false,
     3.14871836895561,
     {-0.0304042539677261, 0.0729705831857003, 0.0204098885336424, -0.0217995129963137, 0.0208333333333333,
      -0.00197607804906528, -0.0200441074429169, -0.00295088753435863, -0.102293103128949, 0.0127561803335265,
      0.0648395136668598, -0.000257564912149443}},
    {{.kind = LOSS_SQUARED},
     true,
     false,
     15.2890625,
     {0.166666666666667, -0.0833333333333333, 0, -0.75, 0, 0.166666666666667, -0.145833333333333, 0,
      -1.04166666666667, 0, 0.729166666666667, 0.104166666666667}},
    {{.kind = LOSS_ABSOLUTE},
     false,
     false,
     3.9375,
     {0.0833333333333333, -0.0833333333333333, 0, -0.0833333333333333, 0, 0.0833333333333333,
      -0.0833333333333333, 0, -0.0833333333333333, 0, 0.0833333333333333, 0.0833333333333333}},
    {{.kind = LOSS_HUBER, .delta = 0.75},
     false,
     false,
     2.4375,
     {0.0416666666666667, -0.0208333333333333, 0, -0.0625, 0, 0.0625, -0.0625, 0, -0.0625, 0, 0.0625,
      0.0416666666666667}},
    {{.kind = LOSS_QUANTILE, .quantile_count = 1, .quantiles = {0.25}},
     false,
     false,
     1.796875,
     {0.0625, -0.0208333333333333, 0.0208333333333333, -0.0208333333333333, 0.0208333333333333, 0.0625,
      -0.0208333333333333, 0.0208333333333333, -0.0208333333333333, 0.0208333333333333, 0.0625, 0.0625}},
    {{.kind = LOSS_QUANTILE, .quantile_count = 2, .quantiles = {0.125, 0.75}},
     true,
     false,
     2.15625,
     {0.145833333333333, -0.125, 0.0625, -0.125, 0.015625, 0.0104166666666667, -0.00520833333333333,
      -0.0104166666666667, -0.0130208333333333, -0.0260416666666667, -0.0130208333333333,
      0.0260416666666667}},
};

static const float *values_for(const struct loss *loss)
{
    return loss->kind == LOSS_BINARY ? shares : loss->quantile_count == 2 ? two_targets : regression_values;
}

/* In float a difference of logits is rounded, by 10 U at most; p then is good to 10 + 11 U, a power to 32 U
 * more; weights are at most 2, and a few sums and products follow. A row's loss is at most 10. */
START_TEST(values_are_those_of_pytorch)
{
    be = fixture_backend(kinds[_i]);
    struct tensor Z = reals(ROWS, COLUMNS, Z_values), labels = indices(ROWS, label_values),
                  own = reals(1, ROWS, own_weights), other = reals(1, ROWS, partner_weights),
                  partners = indices(ROWS, partner_values);
    struct metrics sums = new_sums();
    for (size_t k = 0; k < COUNT_OF(known); k++) {
        const struct loss *const loss = &known[k].loss;
        struct tensor values = reals(ROWS, COLUMNS / loss_quantiles(loss), values_for(loss)),
                      dZ = reals(ROWS, COLUMNS, Z_values); /* in place the second time */
        const struct mixture weighted = {.share = 1, .weights = own}, mixed = {partners, 0.75, own, other};
        const struct targets targets = {&labels,
                                        known[k].is_mixed      ? &mixed
                                        : known[k].is_weighted ? &weighted
                                                               : NULL,
                                        &values};
        double got[ROWS * COLUMNS];
        size_t correct;
        ck_assert_done(loss_prepare(be, loss, &error));
        ck_assert_done(loss_gradient(be, loss, &Z, &targets, NULL, &sums, &error));
        ck_assert_done(loss_gradient(be, loss, &dZ, &targets, &dZ, &sums, &error));
        ck_assert_within(take_loss(&sums, &correct), 2 * known[k].sum, 6 * 64 * U * 10);
        ck_assert_uint_eq(correct, loss_table[loss->kind].has_values ? 0 : 2 * 2);
        ck_assert_done(backend_read(be, &dZ, HOST_DOUBLE, got, &error));
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            ck_assert_within(got[i], known[k].dZ[i], 2 * 64 * U);
        tensor_free(be, &values);
        tensor_free(be, &dZ);
    }
    metrics_free(be, &sums);
    tensor_free(be, &Z);
    tensor_free(be, &labels);
    tensor_free(be, &own);
    tensor_free(be, &other);
    tensor_free(be, &partners);
    ck_assert_uint_eq(be->memory.now, 0);
    clm_backend_close(be);
}
END_TEST

/* ---- gradients against central differences ---- */

/* From -3 to 3, far from each other: no output is near its value, and no distance near delta. */
static float spread(size_t i)
{
    return (float)((i * 37) % 61) / 10 - 3;
}

/* Sum of the rows' losses for these logits. */
static double loss_at(const struct loss *loss, const float *z, size_t rows, size_t columns,
                      const struct targets *targets, struct metrics *sums)
{
    struct tensor Z = reals(rows, columns, z);
    size_t correct;
    ck_assert_done(loss_gradient(be, loss, &Z, targets, NULL, sums, &error));
    tensor_free(be, &Z);
    return take_loss(sums, &correct);
}

/* On the reference. A step of 2^-10 is exact in float; a central difference then is off by a sixth of its
 * square times the third derivative, which is at most 8 here. */
START_TEST(gradients_are_differences)
{
    enum { B = 5, C = 6 };
    const double step = 0x1p-10, bound = step * step / 6 * 8;
    const struct loss *const loss = &known[_i].loss;
    const size_t Q = loss_quantiles(loss);
    static const uint32_t classes[B] = {5, 0, 2, 1, 3}, others[B] = {4, 0, 1, 3, 3};
    static const float weights[B] = {1, 0.5f, 2, 0, 1.5f}, other_weights[B] = {0.5f, 1, 0, 2, 1};
    float z[B * C], t[B * C];
    double dz[B * C];
    be = fixture_backend(FIXTURE_REFERENCE);
    for (size_t i = 0; i < B * C; i++) {
        z[i] = spread(i);
        t[i] = spread(i + 100) + 0.03f;
    }
    struct tensor Z = reals(B, C, z), values = reals(B, C / Q, t), labels = indices(B, classes),
                  partners = indices(B, others), own = reals(1, B, weights),
                  other = reals(1, B, other_weights);
    const struct mixture weighted = {.share = 1, .weights = own}, mixed = {partners, 0.75, own, other};
    const struct targets targets = {&labels, loss_table[loss->kind].has_values ? &weighted : &mixed, &values};
    struct metrics sums = new_sums();
    ck_assert_done(loss_gradient(be, loss, &Z, &targets, &Z, &sums, &error));
    ck_assert_done(backend_read(be, &Z, HOST_DOUBLE, dz, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    for (size_t i = 0; i < B * C; i++) {
        float moved[B * C];
        memcpy(moved, z, sizeof z);
        moved[i] = z[i] + (float)step;
        const double above = loss_at(loss, moved, B, C, &targets, &sums), up = (double)moved[i];
        moved[i] = z[i] - (float)step;
        const double below = loss_at(loss, moved, B, C, &targets, &sums);
        ck_assert_within(dz[i], (above - below) / (up - (double)moved[i]) / B, bound);
    }
    metrics_free(be, &sums);
    tensor_free(be, &Z);
    tensor_free(be, &values);
    tensor_free(be, &labels);
    tensor_free(be, &partners);
    tensor_free(be, &own);
    tensor_free(be, &other);
    ck_assert_uint_eq(be->memory.now, 0);
    clm_backend_close(be);
}
END_TEST

/* ---- extreme numbers ---- */

#define FAR 1e4f

/* One row; a loss with labels has the class 0. dZ is exact but for p, which is 1 or 0 here. */
static const struct extreme {
    struct loss loss;
    float z[3], t[3];
    double value, dz[3];
} extremes[] = {
    /* smoothed by 3/8: an eighth of each distance, and 5/8 of that of the label */
    {{.kind = LOSS_CROSS_ENTROPY, .smoothing = 0.375}, {FAR, 0, -FAR}, {0}, 3750, {0.25, -0.125, -0.125}},
    {{.kind = LOSS_CROSS_ENTROPY, .smoothing = 0.375},
     {-FAR, 0, FAR},
     {0},
     2e4 * 0.625 + 3750,
     {-0.75, -0.125, 0.875}},
    {{.kind = LOSS_CROSS_ENTROPY, .smoothing = 0.375},
     {0, -INFINITY, -FAR},
     {0},
     INFINITY,
     {0.25, -0.125, -0.125}},
    {{.kind = LOSS_FOCAL, .gamma = 2}, {FAR, 0, -FAR}, {0}, 0, {0, 0, 0}},
    {{.kind = LOSS_FOCAL, .gamma = 2}, {-FAR, 0, FAR}, {0}, 2e4, {-1, 0, 1}},
    {{.kind = LOSS_FOCAL, .gamma = 0}, {FAR, 0, -INFINITY}, {0}, 0, {0, 0, 0}},
    {{.kind = LOSS_FOCAL, .gamma = 0.5}, {-INFINITY, 0, -FAR}, {0}, INFINITY, {-1, 1, 0}},
    {{.kind = LOSS_BINARY}, {FAR, -FAR, FAR}, {1, 0, 0}, FAR / 3.0, {0, 0, 1 / 3.0}},
    {{.kind = LOSS_BINARY}, {INFINITY, -INFINITY, -FAR}, {1, 0, 1}, FAR / 3.0, {0, 0, -1 / 3.0}},
    {{.kind = LOSS_BINARY}, {INFINITY, 0, 0}, {0, 0.5f, 0.5f}, INFINITY, {1 / 3.0, 0, 0}},
    {{.kind = LOSS_SQUARED}, {FAR, 0, 0}, {0, 0, FAR}, 2e8 / 3, {2e4 / 3, 0, -2e4 / 3}},
    {{.kind = LOSS_ABSOLUTE}, {INFINITY, 0, 2}, {0, 0, 2}, INFINITY, {1 / 3.0, 0, 0}},
    {{.kind = LOSS_HUBER, .delta = 2}, {FAR, -FAR, 1}, {0, 0, 1}, (4e4 - 4) / 3, {2 / 3.0, -2 / 3.0, 0}},
    {{.kind = LOSS_HUBER, .delta = 2}, {-INFINITY, 1, 1}, {0, 0, 1}, INFINITY, {-2 / 3.0, 1 / 3.0, 0}},
    {{.kind = LOSS_QUANTILE, .quantile_count = 1, .quantiles = {0.25}},
     {FAR, -FAR, 5},
     {0, 0, 5},
     1e4 / 3,
     {0.25, -1 / 12.0, 1 / 12.0}},
    /* a NaN in an output or in a value */
    {{.kind = LOSS_FOCAL, .gamma = 0}, {0, NAN, 1}, {0}, NAN, {NAN, NAN, NAN}},
    {{.kind = LOSS_CROSS_ENTROPY, .smoothing = 0.5}, {0, 1, NAN}, {0}, NAN, {NAN, NAN, NAN}},
    {{.kind = LOSS_BINARY}, {NAN, FAR, 0}, {0, 1, NAN}, NAN, {NAN, 0, NAN}},
    {{.kind = LOSS_SQUARED}, {NAN, 1, 0}, {0, 1, NAN}, NAN, {NAN, 0, NAN}},
    {{.kind = LOSS_ABSOLUTE}, {NAN, 1, 0}, {0, 1, NAN}, NAN, {NAN, 0, NAN}},
    {{.kind = LOSS_HUBER, .delta = 1}, {NAN, 1, 0}, {0, 1, NAN}, NAN, {NAN, 0, NAN}},
    {{.kind = LOSS_QUANTILE, .quantile_count = 1, .quantiles = {0.5}},
     {NAN, 1, 0},
     {0, 1, NAN},
     NAN,
     {NAN, 0, NAN}},
};

/* Few roundings each: of the loss, or of thirds. */
static void expect_near(double got, double expected)
{
    if (isfinite(expected))
        ck_assert_within(got, expected, 16 * U * fabs(expected));
    else
        ck_assert_msg(got == expected || (isnan(got) && isnan(expected)), "%g, not %g", got, expected);
}

START_TEST(extreme_numbers_are_exact)
{
    static const uint32_t first[1] = {0};
    be = fixture_backend(kinds[_i]);
    struct tensor label = indices(1, first);
    struct metrics sums = new_sums();
    for (size_t k = 0; k < COUNT_OF(extremes); k++) {
        struct tensor dZ = reals(1, 3, extremes[k].z), values = reals(1, 3, extremes[k].t);
        const struct targets targets = {&label, NULL, &values};
        const bool is_right = !loss_table[extremes[k].loss.kind].has_values && !isnan(extremes[k].value) &&
                              extremes[k].z[0] >= extremes[k].z[1] && extremes[k].z[0] >= extremes[k].z[2];
        double dz[3];
        size_t correct;
        ck_assert_done(loss_gradient(be, &extremes[k].loss, &dZ, &targets, &dZ, &sums, &error));
        expect_near(take_loss(&sums, &correct), extremes[k].value);
        ck_assert_uint_eq(correct, is_right);
        ck_assert_done(backend_read(be, &dZ, HOST_DOUBLE, dz, &error));
        for (size_t i = 0; i < 3; i++)
            expect_near(dz[i], extremes[k].dz[i]);
        tensor_free(be, &dZ);
        tensor_free(be, &values);
    }
    metrics_free(be, &sums);
    tensor_free(be, &label);
    ck_assert_uint_eq(be->memory.now, 0);
    clm_backend_close(be);
}
END_TEST

/* ---- what is the same, and what is refused ---- */

/* Without smoothing, cross-entropy is that of softmax_xent, to the bit. */
START_TEST(plain_cross_entropy_is_softmax_xent)
{
    const struct loss loss = usual_loss(LOSS_CROSS_ENTROPY);
    float own[ROWS * COLUMNS], plain[ROWS * COLUMNS];
    size_t correct, right;
    be = fixture_backend(kinds[_i]);
    struct tensor Z = reals(ROWS, COLUMNS, Z_values), labels = indices(ROWS, label_values),
                  dZ = reals(ROWS, COLUMNS, Z_values), dZ_plain = reals(ROWS, COLUMNS, Z_values);
    struct metrics sums = new_sums();
    ck_assert_done(
        loss_gradient(be, &loss, &Z, &(const struct targets){&labels, NULL, NULL}, &dZ, &sums, &error));
    const double value = take_loss(&sums, &correct);
    ck_assert_done(softmax_xent(be, &Z, &labels, NULL, &dZ_plain, &sums, &error));
    ck_assert(value == take_loss(&sums, &right) && correct == right);
    ck_assert_done(backend_read(be, &dZ, HOST_FLOAT, own, &error));
    ck_assert_done(backend_read(be, &dZ_plain, HOST_FLOAT, plain, &error));
    ck_assert_mem_eq(own, plain, sizeof own);
    metrics_free(be, &sums);
    tensor_free(be, &Z);
    tensor_free(be, &labels);
    tensor_free(be, &dZ);
    tensor_free(be, &dZ_plain);
    clm_backend_close(be);
}
END_TEST

START_TEST(losses_are_found_by_name)
{
    for (int kind = 0; kind < LOSS_COUNT; kind++)
        ck_assert_int_eq(loss_named(loss_table[kind].name), kind);
    ck_assert_int_eq(loss_named("hinge"), LOSS_COUNT);
    ck_assert(loss_table[LOSS_BINARY].has_values && !loss_table[LOSS_BINARY].is_regression);
    ck_assert(loss_table[LOSS_SQUARED].is_regression && !loss_table[LOSS_FOCAL].has_values);
}
END_TEST

static const struct loss wrong_numbers[] = {
    {.kind = LOSS_CROSS_ENTROPY, .smoothing = -0.1},
    {.kind = LOSS_CROSS_ENTROPY, .smoothing = 1.1},
    {.kind = LOSS_CROSS_ENTROPY, .smoothing = NAN},
    {.kind = LOSS_FOCAL, .gamma = -1},
    {.kind = LOSS_FOCAL, .gamma = INFINITY},
    {.kind = LOSS_HUBER, .delta = 0},
    {.kind = LOSS_HUBER, .delta = INFINITY},
    {.kind = LOSS_QUANTILE, .quantile_count = 0, .quantiles = {0.5}},
    {.kind = LOSS_QUANTILE, .quantile_count = QUANTILES_MOST + 1, .quantiles = {0.5}},
    {.kind = LOSS_QUANTILE, .quantile_count = 2, .quantiles = {0.5, 1}},
    {.kind = LOSS_QUANTILE, .quantile_count = 1, .quantiles = {0}},
};

START_TEST(what_does_not_fit_is_refused)
{
    struct loss focal = usual_loss(LOSS_FOCAL), squared = usual_loss(LOSS_SQUARED),
                quantile = usual_loss(LOSS_QUANTILE), plain = usual_loss(LOSS_CROSS_ENTROPY);
    double got[ROWS * COLUMNS], loss_sum;
    size_t correct;
    quantile.quantile_count = 3;
    quantile.quantiles[1] = quantile.quantiles[2] = 0.75;
    be = fixture_backend(kinds[_i]);
    struct tensor Z = reals(ROWS, COLUMNS, Z_values), dZ = reals(ROWS, COLUMNS, Z_values),
                  labels = indices(ROWS, label_values), few = indices(ROWS - 1, label_values),
                  narrow = reals(ROWS, 2, Z_values), own = reals(1, ROWS, own_weights),
                  long_weights = reals(1, ROWS + 1, Z_values);
    const struct mixture mixed = {.partners = labels, .share = 0.5}, half = {.share = 0.5, .weights = own},
                         too_long = {.share = 1, .weights = long_weights};
    const struct targets of_labels = {&labels, NULL, NULL}, of_few = {&few, NULL, NULL},
                         of_values = {NULL, NULL, &Z}, of_narrow = {NULL, NULL, &narrow},
                         of_mixed = {NULL, &mixed, &Z}, of_half = {NULL, &half, &Z},
                         of_too_long = {NULL, &too_long, &Z}, of_labels_too_long = {&labels, &too_long, NULL},
                         of_reals = {&own, NULL, NULL};
    struct metrics sums = new_sums();
    const struct {
        const struct loss *loss;
        const struct targets *targets;
        struct tensor *dZ;
        clm_status status;
    } calls[] = {
        {&focal, &of_few, &dZ, CLM_ERROR_SHAPE},        {&focal, &of_values, &dZ, CLM_ERROR_SHAPE},
        {&focal, &of_reals, &dZ, CLM_ERROR_SHAPE},      {&focal, &of_labels_too_long, &dZ, CLM_ERROR_SHAPE},
        {&focal, &of_labels, &narrow, CLM_ERROR_SHAPE}, {&plain, &of_values, &dZ, CLM_ERROR_SHAPE},
        {&squared, &of_labels, &dZ, CLM_ERROR_SHAPE},   {&squared, &of_narrow, &dZ, CLM_ERROR_SHAPE},
        {&squared, &of_too_long, &dZ, CLM_ERROR_SHAPE}, {&squared, &of_mixed, &dZ, CLM_ERROR_ARGUMENT},
        {&squared, &of_half, &dZ, CLM_ERROR_ARGUMENT},  {&squared, &of_values, &narrow, CLM_ERROR_SHAPE},
        {&quantile, &of_values, &dZ, CLM_ERROR_SHAPE},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        const clm_status status =
            loss_gradient(be, calls[i].loss, &Z, calls[i].targets, calls[i].dZ, &sums, &error);
        ck_assert_msg(status == calls[i].status, "call %zu gives %s", i, clm_status_text(status));
    }
    for (size_t i = 0; i < COUNT_OF(wrong_numbers); i++) {
        const struct targets all = {&labels, NULL, &Z};
        ck_assert_int_eq(loss_gradient(be, &wrong_numbers[i], &Z, &all, &dZ, &sums, &error),
                         CLM_ERROR_ARGUMENT);
        ck_assert_int_eq(loss_prepare(be, &wrong_numbers[i], &error), CLM_ERROR_ARGUMENT);
    }
    ck_assert_done(metrics_read(be, &sums, &loss_sum, &correct, &error));
    ck_assert(loss_sum == 0 && correct == 0);
    ck_assert_done(backend_read(be, &dZ, HOST_DOUBLE, got, &error));
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        ck_assert(got[i] == (double)Z_values[i]);
    metrics_free(be, &sums);
    tensor_free(be, &Z);
    tensor_free(be, &dZ);
    tensor_free(be, &labels);
    tensor_free(be, &few);
    tensor_free(be, &narrow);
    tensor_free(be, &own);
    tensor_free(be, &long_weights);
    ck_assert_uint_eq(be->memory.now, 0);
    clm_backend_close(be);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("losses");
    TCase *const cases = tcase_create("losses");
    tcase_add_loop_test(cases, values_are_those_of_pytorch, 0, (int)COUNT_OF(kinds));
    tcase_add_loop_test(cases, gradients_are_differences, 0, (int)COUNT_OF(known));
    tcase_add_loop_test(cases, extreme_numbers_are_exact, 0, (int)COUNT_OF(kinds));
    tcase_add_loop_test(cases, plain_cross_entropy_is_softmax_xent, 0, (int)COUNT_OF(kinds));
    tcase_add_test(cases, losses_are_found_by_name);
    tcase_add_loop_test(cases, what_does_not_fit_is_refused, 0, (int)COUNT_OF(kinds));
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
