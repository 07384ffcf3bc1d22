/* The losses beside plain cross-entropy, on every backend: PyTorch's values, differences, extreme numbers, odd
 * sizes, and what is refused. */
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

int main(void)
{
    Suite *const suite = suite_create("losses");
    TCase *const cases = tcase_create("losses");
    tcase_add_loop_test(cases, values_are_those_of_pytorch, 0, (int)COUNT_OF(kinds));
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
