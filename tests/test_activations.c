/* Each activation and its slope, on all backends: numbers computed elsewhere, limits, NaN, denormals; on the
 * reference: identities, differences, and the columns of the table. And each trains a net. */
#include "nn/architecture.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <float.h>
#include <string.h>

static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST,
                                     FIXTURE_TILED_SMALL};

static struct clm_error error;

static double roundings_of(enum activation act)
{
    const double ku = (double)activations[act].roundings * 0x1p-24;
    return ku / (1 - ku);
}

/* act(z) and act'(z) of `count` numbers: z passes through a layer of weight 1 and bias 0, and a gradient of 1
 * back through its gate. */
static void evaluate(struct clm_backend *be, enum activation act, size_t count, const double *z, double *y,
                     double *slope)
{
    const bool is_saved = activations[act].gate == GATE_SAVED;
    const size_t widths[] = {1, 1, 1};
    const enum activation acts[] = {act, act};
    double *const ones = malloc(count * sizeof *ones);
    struct tensor X, Y, saved = {0}, dY, dX;
    struct linear layer = {0};
    for (size_t i = 0; i < count; i++)
        ones[i] = 1;
    ck_assert_done(backend_prepare(be, widths, 3, acts, RULE_COUNT, count, &error));
    ck_assert_done(tensor_create(be, TENSOR_REAL, count, 1, &X, &error));
    ck_assert_done(tensor_create(be, TENSOR_REAL, count, 1, &Y, &error));
    ck_assert_done(tensor_create(be, TENSOR_REAL, count, 1, &dY, &error));
    ck_assert_done(tensor_create(be, TENSOR_REAL, count, 1, &dX, &error));
    ck_assert_done(weights_create(be, 1, 1, count, &layer.W.value, &error));
    ck_assert_done(tensor_create(be, TENSOR_REAL, 1, 1, &layer.b.value, &error));
    if (is_saved)
        ck_assert_done(tensor_create(be, TENSOR_REAL, count, 1, &saved, &error));
    ck_assert_done(backend_write(be, &X, HOST_DOUBLE, z, &error));
    ck_assert_done(backend_write(be, &dY, HOST_DOUBLE, ones, &error));
    ck_assert_done(backend_write(be, &layer.W.value, HOST_DOUBLE, ones, &error));
    ck_assert_done(backend_write(be, &layer.b.value, HOST_DOUBLE, (const double[]){0}, &error));
    const struct epilogue epilogue = {act, is_saved ? &saved : NULL};
    ck_assert_done(linear_forward(be, &X, &layer, &epilogue, &Y, &error));
    ck_assert_done(backend_read(be, &Y, HOST_DOUBLE, y, &error));
    ck_assert_done(linear_backward_input(be, &dY, &layer, GATE(act, is_saved ? &saved : &Y), &dX, &error));
    ck_assert_done(backend_read(be, &dX, HOST_DOUBLE, slope, &error));
    tensor_free(be, &X), tensor_free(be, &Y), tensor_free(be, &dY), tensor_free(be, &dX);
    tensor_free(be, &layer.W.value), tensor_free(be, &layer.b.value);
    if (is_saved)
        tensor_free(be, &saved);
    free(ones);
}

/* ---- numbers of mpmath, with 40 digits, rounded to 17 ---- */

#define KNOWN 6

static const double known_z[KNOWN] = {-12, -3, -1, 0.5, 2, 9};
static const struct {
    enum activation act;
    double y[KNOWN], slope[KNOWN];
} known[] = {
    {ACTIVATION_RELU, {0, 0, 0, 0.5, 2, 9}, {0, 0, 0, 1, 1, 1}},
    {ACTIVATION_LEAKY, {-0.12, -0.03, -0.01, 0.5, 2, 9}, {0.01, 0.01, 0.01, 1, 1, 1}},
    {ACTIVATION_ELU,
     {-0.99999385578764667, -0.95021293163213606, -0.63212055882855768, 0.5, 2, 9},
     {6.1442123533282098e-6, 0.049787068367863943, 0.36787944117144232, 1, 1, 1}},
    {ACTIVATION_TANH,
     {-0.99999999992449731, -0.99505475368673045, -0.76159415595576489, 0.46211715726000976,
      0.96402758007581688, 0.99999996954004097},
     {1.510053817597626e-10, 0.0098660371654401913, 0.41997434161402607, 0.78644773296592741,
      0.070650824853164466, 6.0919917123232292e-8}},
    {ACTIVATION_SIGMOID,
     {6.1441746022147178e-6, 0.047425873177566781, 0.26894142136999512, 0.62245933120185456,
      0.88079707797788244, 0.99987660542401377},
     {6.1441368513331753e-6, 0.045176659730912133, 0.19661193324148185, 0.23500371220159449,
      0.10499358540350652, 0.00012337934976484891}},
    {ACTIVATION_GELU,
     {-2.1317785344932148e-32, -0.0040496940948902836, -0.15865525393145705, 0.34573123063700655,
      1.9544997361036416, 9},
     {-2.5578956616748956e-31, -0.011945647204183927, -0.083315470587686298, 0.86749512465616284,
      1.0852318010781969, 1}},
    {ACTIVATION_SILU,
     {-7.3730095226576614e-5, -0.14227761953270034, -0.26894142136999512, 0.31122966560092728,
      1.7615941559557649, 8.9988894488161239},
     {-6.7585467613783386e-5, -0.088104106015169617, 0.072329488128513268, 0.73996118730265181,
      1.0907842487848955, 1.0009870195718974}},
    {ACTIVATION_MISH,
     {-7.3730321731865865e-5, -0.14564746127562459, -0.30340146137410892, 0.3752452113048951,
      1.9439589595339945, 8.9999997259280193},
     {-6.7585901746137732e-5, -0.093393114532320836, 0.059216755877394948, 0.88642437535772726,
      1.0693179342794897, 1.0000005176238728}},
};
_Static_assert(COUNT_OF(known) == ACTIVATION_COUNT - 1, "each activation but none");

/* The reference's functions err by a few units in the last place of double. A float's roundings are those of
 * the table; a slope that is computed from y also has y's error, times the bend. */
static void check_known(struct clm_backend *be, bool is_reference)
{
    for (size_t k = 0; k < COUNT_OF(known); k++) {
        const struct activation_about *const about = &activations[known[k].act];
        const double share = is_reference ? 64 * DBL_EPSILON : roundings_of(known[k].act) + FLT_EPSILON,
                     bend = isinf(about->bend_most) ? 0 : about->bend_most;
        double y[KNOWN], slope[KNOWN];
        evaluate(be, known[k].act, KNOWN, known_z, y, slope);
        for (size_t i = 0; i < KNOWN; i++) {
            const double bound = share * fmax(fabs(known_z[i]), fabs(known[k].y[i])),
                         of_y = about->gate == GATE_SAVED ? 0 : bend * bound;
            ck_assert_within(y[i], known[k].y[i], bound);
            ck_assert_within(slope[i], known[k].slope[i], share * about->slope_most + of_y);
        }
    }
}

/* ---- limits ---- */

static const struct {
    enum activation act;
    double y[2], slope[2]; /* at minus and plus infinity */
} limits[] = {
    {ACTIVATION_RELU, {0, INFINITY}, {0, 1}}, {ACTIVATION_LEAKY, {-INFINITY, INFINITY}, {0.01, 1}},
    {ACTIVATION_ELU, {-1, INFINITY}, {0, 1}}, {ACTIVATION_TANH, {-1, 1}, {0, 0}},
    {ACTIVATION_SIGMOID, {0, 1}, {0, 0}},     {ACTIVATION_GELU, {0, INFINITY}, {0, 1}},
    {ACTIVATION_SILU, {0, INFINITY}, {0, 1}}, {ACTIVATION_MISH, {0, INFINITY}, {0, 1}},
};
_Static_assert(COUNT_OF(limits) == COUNT_OF(known), "each activation but none");

/* y has the limit, or is z (or 0.01 z) if that is infinite. Roundings of the table, and what is flushed. */
static void expect_limit(enum activation act, double z, double limit, double slope_limit, double y,
                         double slope)
{
    const double part = act == ACTIVATION_LEAKY && z < 0 ? 0.01 * z : z,
                 expected = isinf(limit) ? part : limit;
    if (isinf(expected))
        ck_assert_msg(y == expected, "%s(%g) is %g, not %g", activations[act].name, z, y, expected);
    else
        ck_assert_msg(fabs(y - expected) <= roundings_of(act) * fabs(expected) + FLT_EPSILON * fabs(expected),
                      "%s(%g) is %g, not %g", activations[act].name, z, y, expected);
    ck_assert_msg(fabs(slope - slope_limit) <= roundings_of(act) + FLT_MIN, "%s'(%g) is %g, not %g",
                  activations[act].name, z, slope, slope_limit);
}

static void check_limits(struct clm_backend *be)
{
    static const double far[] = {-INFINITY, -FLT_MAX, -1e30, -1e5, 1e5, 1e30, FLT_MAX, INFINITY};
    for (size_t k = 0; k < COUNT_OF(limits); k++) {
        double y[COUNT_OF(far)], slope[COUNT_OF(far)];
        evaluate(be, limits[k].act, COUNT_OF(far), far, y, slope);
        for (size_t i = 0; i < COUNT_OF(far); i++)
            expect_limit(limits[k].act, far[i], limits[k].y[far[i] > 0], limits[k].slope[far[i] > 0], y[i],
                         slope[i]);
    }
}

/* NaN stays NaN, in y and in the slope. Neighbours do not change. */
static void check_nan(struct clm_backend *be)
{
    static const double z[] = {1, NAN, -1};
    for (int act = ACTIVATION_NONE + 1; act < ACTIVATION_COUNT; act++) {
        double y[COUNT_OF(z)], slope[COUNT_OF(z)];
        evaluate(be, (enum activation)act, COUNT_OF(z), z, y, slope);
        ck_assert_msg(isnan(y[1]) && isnan(slope[1]), "%s(NaN) is %g with the slope %g",
                      activations[act].name, y[1], slope[1]);
        ck_assert(isfinite(y[0]) && isfinite(y[2]) && isfinite(slope[0]) && isfinite(slope[2]));
    }
}

/* At both zeros and at denormals, which a device may take for zeros: act(0), to within a few of them; the
 * slope is that at 0, or on one side of the step. */
static void check_denormals(struct clm_backend *be)
{
    static const double z[] = {0.0, -0.0, 0x1p-149, -0x1p-149, 0x1p-127, -0x1p-127};
    for (size_t k = 0; k < COUNT_OF(known); k++) {
        const enum activation act = known[k].act;
        const double at_0 = act == ACTIVATION_SIGMOID ? 0.5 : 0, low = limits[k].slope[0],
                     middle = act == ACTIVATION_SIGMOID             ? 0.25
                              : act == ACTIVATION_MISH              ? 0.6
                              : activations[act].gate == GATE_SAVED ? 0.5
                                                                    : 1;
        double y[COUNT_OF(z)], slope[COUNT_OF(z)];
        evaluate(be, act, COUNT_OF(z), z, y, slope);
        for (size_t i = 0; i < COUNT_OF(z); i++) {
            const double share = roundings_of(act) + FLT_EPSILON;
            ck_assert_within(y[i], at_0, share * at_0 + FLT_MIN);
            if (isinf(activations[act].bend_most) && fabs(slope[i] - low) <= share * low)
                continue;
            ck_assert_within(slope[i], middle, share * activations[act].slope_most);
        }
    }
}

/* All on one backend, which builds its kernels once. */
START_TEST(values)
{
    struct clm_backend *const be = fixture_backend(kinds[_i]);
    check_known(be, kinds[_i] == FIXTURE_REFERENCE);
    check_limits(be);
    check_nan(be);
    check_denormals(be);
    clm_backend_close(be);
}
END_TEST

/* ---- the reference: identities, differences, and the table ---- */

#define GRID      8192 /* numbers from -GRID_MOST to GRID_MOST, 0 not among them */
#define GRID_MOST 16.0

static double grid[GRID], grid_y[GRID], grid_slope[GRID];

static void evaluate_grid(struct clm_backend *be, enum activation act, double moved)
{
    for (size_t i = 0; i < GRID; i++)
        grid[i] = GRID_MOST * ((double)(2 * i + 1) / GRID - 1) + moved;
    evaluate(be, act, GRID, grid, grid_y, grid_slope);
}

/* tanh is odd, sigmoid(z) + sigmoid(-z) = 1, and gelu and silu change by z where the sign of z does. */
START_TEST(identities)
{
    static const enum activation acts[] = {ACTIVATION_TANH, ACTIVATION_SIGMOID, ACTIVATION_GELU,
                                           ACTIVATION_SILU};
    struct clm_backend *const be = fixture_backend(FIXTURE_REFERENCE);
    for (size_t a = 0; a < COUNT_OF(acts); a++) {
        evaluate_grid(be, acts[a], 0);
        for (size_t i = 0; i < GRID; i++) {
            const double y = grid_y[i], mirrored = grid_y[GRID - 1 - i];
            const double sum = a < 2 ? y + mirrored : y - mirrored, expected = a == 0   ? 0
                                                                               : a == 1 ? 1
                                                                                        : grid[i];
            ck_assert_within(sum, expected, 16 * DBL_EPSILON * (1 + fabs(grid[i])));
            ck_assert_within(grid_slope[i] + (a < 2 ? -1 : 1) * grid_slope[GRID - 1 - i], a < 2 ? 0 : 1,
                             64 * DBL_EPSILON);
        }
    }
    clm_backend_close(be);
}
END_TEST

/* (act(z + h) - act(z - h)) / 2h is act'(z), to within h² |act'''| / 6 and the roundings of y over h. No
 * third derivative is above 2. The nearest number of the grid to 0 is more than h away. */
START_TEST(slopes_are_differences)
{
    const double h = 1e-5;
    static double above[GRID];
    struct clm_backend *const be = fixture_backend(FIXTURE_REFERENCE);
    for (int act = ACTIVATION_NONE + 1; act < ACTIVATION_COUNT; act++) {
        evaluate_grid(be, (enum activation)act, h);
        memcpy(above, grid_y, sizeof above);
        evaluate_grid(be, (enum activation)act, -h);
        for (size_t i = 0; i < GRID; i++)
            above[i] = (above[i] - grid_y[i]) / (2 * h);
        evaluate_grid(be, (enum activation)act, 0);
        for (size_t i = 0; i < GRID; i++)
            ck_assert_within(above[i], grid_slope[i], h * h / 3 + 16 * DBL_EPSILON * (1 + fabs(grid[i])) / h);
    }
    clm_backend_close(be);
}
END_TEST

/* No number of the grid breaks what the table says, and the largest comes within a thousandth of it: a column
 * that is too large would make the checks blind. */
START_TEST(the_table_is_true)
{
    struct clm_backend *const be = fixture_backend(FIXTURE_REFERENCE);
    for (int act = ACTIVATION_NONE + 1; act < ACTIVATION_COUNT; act++) {
        const struct activation_about *const about = &activations[act];
        double steepest = 0, most_bent = 0, least = INFINITY, most = -INFINITY;
        evaluate_grid(be, (enum activation)act, 0);
        for (size_t i = 0; i < GRID; i++) {
            steepest = fmax(steepest, fabs(grid_slope[i]));
            least = fmin(least, grid_y[i]), most = fmax(most, grid_y[i]);
            const double moved = !i                          ? 0
                                 : about->gate == GATE_SAVED ? grid[i] - grid[i - 1]
                                                             : fabs(grid_y[i] - grid_y[i - 1]);
            if (moved > 1e-6) /* nearer outputs have lost their digits */
                most_bent = fmax(most_bent, fabs(grid_slope[i] - grid_slope[i - 1]) / moved);
        }
        ck_assert_msg(steepest <= about->slope_most && steepest >= 0.999 * about->slope_most,
                      "%s: the largest slope is %g", about->name, steepest);
        ck_assert_msg(isinf(about->bend_most) ||
                          (most_bent <= about->bend_most + 1e-9 && most_bent >= 0.999 * about->bend_most),
                      "%s: the largest bend is %.9g", about->name, most_bent);
        ck_assert_msg(least >= about->output_least && most <= about->output_most, "%s: from %g to %g",
                      about->name, least, most);
        ck_assert(isinf(about->output_least) || least - about->output_least < 1e-3);
        ck_assert(isinf(about->output_most) || about->output_most - most < 1e-3);
    }
    clm_backend_close(be);
}
END_TEST

/* ---- nets ---- */

static void keep_epoch(void *user, const struct clm_epoch *epoch)
{
    *(struct clm_epoch *)user = *epoch;
}

/* A net with each activation learns a small set by heart, on the reference and on a device. */
START_TEST(each_learns)
{
    static const size_t widths[] = {12, 16, 8, 4};
    struct clm_data *const data = fixture_data(60, 20, 12, 4);
    struct clm_settings *const settings = train_settings("epochs 400 batch 20 lr 0.05 momentum 0.9");
    for (int act = ACTIVATION_NONE + 1; act < ACTIVATION_COUNT; act++) {
        const struct clm_model_options options = {.sizes = widths,
                                                  .size_count = COUNT_OF(widths),
                                                  .activation = activations[act].name,
                                                  .init = "xavier",
                                                  .is_bytes = true};
        struct clm_backend *const be = fixture_backend(_i ? FIXTURE_OPENCL : FIXTURE_REFERENCE);
        struct clm_epoch last = {0};
        const struct clm_train_hooks hooks = {.on_epoch = keep_epoch, .user = &last};
        struct clm_model *model = NULL;
        struct clm_train_result result;
        ck_assert_done(clm_model_create(&options, &model, &error));
        ck_assert_str_eq(clm_model_activation(model, 0), activations[act].name);
        ck_assert_str_eq(clm_model_activation(model, 1), activations[act].name);
        ck_assert_str_eq(clm_model_activation(model, 2), "none");
        ck_assert_done(clm_train(be, model, data, settings, &hooks, &result, &error));
        ck_assert_msg(last.train_loss < 0.1, "%s: the loss is %g", activations[act].name, last.train_loss);
        clm_model_free(model);
        clm_backend_close(be);
    }
    clm_settings_free(settings);
    clm_data_close(data);
}
END_TEST

START_TEST(unknown_activation_is_refused)
{
    const size_t widths[] = {3, 4, 2};
    const struct clm_model_options options = {.sizes = widths, .size_count = 3, .activation = "rleu"};
    struct clm_model *model = NULL;
    ck_assert_int_eq(clm_model_create(&options, &model, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_null(model);
    ck_assert_str_eq(error.setting, "activation");
    ck_assert_ptr_nonnull(
        strstr(error.message, "there is no activation rleu; name one of none, relu, leaky-relu, "));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("activations");
    TCase *const cases = tcase_create("activations");
    tcase_add_loop_test(cases, values, 0, COUNT_OF(kinds));
    tcase_add_test(cases, identities);
    tcase_add_test(cases, slopes_are_differences);
    tcase_add_test(cases, the_table_is_true);
    tcase_add_loop_test(cases, each_learns, 0, 2);
    tcase_add_test(cases, unknown_activation_is_refused);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
