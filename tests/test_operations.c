/* Every operation on every backend, on cases small enough to compute by hand; all numbers are exact in float
 * unless a bound says otherwise. Wrong calls are refused and change nothing. */
#include "base/size.h"
#include "compute/opencl/opencl.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define U 0x1p-24 /* half a float's unit in the last place */

static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST,
                                     FIXTURE_TILED};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static struct clm_backend *be; /* the backend of the running test */
static struct clm_error error;

static struct tensor reals(size_t rows, size_t columns, const float *values)
{
    struct tensor tensor;
    ck_assert_done(tensor_create(be, TENSOR_REAL, rows, columns, &tensor, &error));
    ck_assert_done(backend_write(be, &tensor, HOST_FLOAT, values, &error));
    return tensor;
}

/* A layer's weights, for batches of up to two. */
static struct tensor weights(size_t O, size_t I, const float *values)
{
    struct tensor tensor;
    ck_assert_done(weights_create(be, O, I, 2, &tensor, &error));
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

/* A tensor of NaNs. */
static struct tensor unset(size_t rows, size_t columns)
{
    float values[64];
    for (size_t i = 0; i < 64; i++)
        values[i] = NAN;
    ck_assert_uint_le(rows * columns, 64);
    return reals(rows, columns, values);
}

/* Compares and frees. */
static void expect_within(struct tensor *tensor, const double *expected, double bound)
{
    double values[64];
    ck_assert_uint_le(tensor->rows * tensor->columns, 64);
    ck_assert_done(backend_read(be, tensor, HOST_DOUBLE, values, &error));
    for (size_t i = 0; i < tensor->rows * tensor->columns; i++)
        if (isnan(expected[i]))
            ck_assert_msg(isnan(values[i]), "element %zu is %g, not NaN", i, values[i]);
        else if (!(fabs(values[i] - expected[i]) <= bound))
            ck_abort_msg("%s: element %zu is %.9g, not within %.3g of %.9g", clm_backend_name(be), i,
                         values[i], bound, expected[i]);
    tensor_free(be, tensor);
}

static void expect_exactly(struct tensor *tensor, const double *expected)
{
    expect_within(tensor, expected, 0);
}

static void open_backend(int kind)
{
    be = fixture_backend(kinds[kind]);
}

static void close_backend(void)
{
    ck_assert_uint_eq(be->memory.now, 0);
    clm_backend_close(be);
    be = NULL;
}

/* ---- a layer of three inputs and two outputs, and a batch of two ---- */

static const float X_values[6] = {1, 2, -1, 0.5f, -3, 4};
static const float W_values[6] = {0.5f, -1, 2, 1, 1, -0.25f};
static const float b_values[2] = {0.25f, -0.5f};
static const float dZ_values[4] = {2, -1, 0.5f, 4};

static struct linear layer_of(bool has_velocity)
{
    static const float W_velocity[6] = {1, -2, 4, 0, 0.5f, 8}, b_velocity[2] = {2, -4};
    const size_t widths[2] = {3, 2};
    ck_assert_done(backend_prepare(be, widths, 2, NULL, RULE_COUNT, 2, &error));
    struct linear layer = {.W.value = weights(2, 3, W_values), .b.value = reals(1, 2, b_values)};
    if (has_velocity) {
        layer.W.state[0] = weights(2, 3, W_velocity);
        layer.b.state[0] = reals(1, 2, b_velocity);
    }
    return layer;
}

static void layer_free(struct linear *layer)
{
    tensor_free(be, &layer->W.value);
    tensor_free(be, &layer->b.value);
    tensor_free(be, &layer->W.state[0]);
    tensor_free(be, &layer->b.state[0]);
}

/* Frees what the test does not own: the backend with its workspace. */
static void close_with_workspace(void)
{
    clm_backend_close(be);
    be = NULL;
}

START_TEST(forward_is_by_hand)
{
    /* row 0: 0.5 - 2 - 2 + 0.25, 1 + 2 + 0.25 - 0.5; row 1: 0.25 + 3 + 8 + 0.25, 0.5 - 3 - 1 - 0.5 */
    const double Z[4] = {-3.25, 2.75, 11.5, -4}, relu[4] = {0, 2.75, 11.5, 0};
    open_backend(_i);
    struct linear layer = layer_of(false);
    struct tensor X = reals(2, 3, X_values), Y = unset(2, 2), Y_relu = unset(2, 2);
    ck_assert_done(linear_forward(be, &X, &layer, EPILOGUE(ACTIVATION_NONE), &Y, &error));
    ck_assert_done(linear_forward(be, &X, &layer, EPILOGUE(ACTIVATION_RELU), &Y_relu, &error));
    expect_exactly(&Y, Z);
    expect_exactly(&Y_relu, relu);
    tensor_free(be, &X);
    layer_free(&layer);
    close_with_workspace();
}
END_TEST

START_TEST(a_nan_survives_the_relu)
{
    const float inputs[6] = {1, 2, -1, 0.5f, NAN, 4};
    const double relu[4] = {0, 2.75, NAN, NAN};
    open_backend(_i);
    struct linear layer = layer_of(false);
    struct tensor X = reals(2, 3, inputs), Y = unset(2, 2);
    ck_assert_done(linear_forward(be, &X, &layer, EPILOGUE(ACTIVATION_RELU), &Y, &error));
    expect_exactly(&Y, relu);
    tensor_free(be, &X);
    layer_free(&layer);
    close_with_workspace();
}
END_TEST

START_TEST(input_gradient_is_by_hand)
{
    const double dX[6] = {0, -3, 4.25, 4.25, 3.5, 0}, masked[6] = {0, 0, 4.25, 0, 3.5, NAN};
    const float Y_values[6] = {1, 0, 2, -0.0f, 0.5f, NAN};
    open_backend(_i);
    struct linear layer = layer_of(false);
    struct tensor dZ = reals(2, 2, dZ_values), Y = reals(2, 3, Y_values);
    struct tensor plain = unset(2, 3), behind = unset(2, 3);
    ck_assert_done(linear_backward_input(be, &dZ, &layer, NULL, &plain, &error));
    ck_assert_done(linear_backward_input(be, &dZ, &layer, GATE(ACTIVATION_RELU, &Y), &behind, &error));
    expect_exactly(&plain, dX);
    expect_exactly(&behind, masked);
    tensor_free(be, &dZ);
    tensor_free(be, &Y);
    layer_free(&layer);
    close_with_workspace();
}
END_TEST

/* dZᵀ X by hand, and Σ dZ */
static const double dW_values[6] = {2.25, 2.5, 0, 1, -14, 17}, db_values[2] = {2.5, 3};

START_TEST(parameter_gradients_are_by_hand)
{
    double penalised[6];
    for (size_t i = 0; i < 6; i++)
        penalised[i] = dW_values[i] + 2 * 0.25 * (double)W_values[i];
    open_backend(_i);
    struct linear layer = layer_of(false);
    struct tensor dZ = reals(2, 2, dZ_values), X = reals(2, 3, X_values);
    for (int has_penalty = 0; has_penalty < 2; has_penalty++) {
        static const float nothing[6] = {NAN, NAN, NAN, NAN, NAN, NAN};
        layer.W.gradient = weights(2, 3, nothing);
        layer.b.gradient = unset(1, 2);
        ck_assert_done(linear_backward_params(be, &dZ, &X, &layer, has_penalty ? 0.25 : 0, &error));
        expect_exactly(&layer.W.gradient, has_penalty ? penalised : dW_values);
        expect_exactly(&layer.b.gradient, db_values);
    }
    tensor_free(be, &dZ);
    tensor_free(be, &X);
    layer_free(&layer);
    close_with_workspace();
}
END_TEST

/* The four kinds of step: rate 0.5, momentum 0 or 0.5, l2 0 or 0.25, all powers of two. */
START_TEST(the_step_is_by_hand)
{
    static const double W_velocity[6] = {1, -2, 4, 0, 0.5, 8}, b_velocity[2] = {2, -4};
    for (int variant = 0; variant < 4; variant++) {
        const struct step step = step_of(RULE_SGD, 0.5, variant & 1 ? 0.5 : 0, variant & 2 ? 0.25 : 0);
        double W[6], b[2], v[6], bv[2];
        for (size_t i = 0; i < 6; i++) {
            v[i] = step.momentum * W_velocity[i] + dW_values[i] + 2 * step.l2 * (double)W_values[i];
            W[i] = (double)W_values[i] - 0.5 * v[i];
        }
        for (size_t o = 0; o < 2; o++) {
            bv[o] = step.momentum * b_velocity[o] + db_values[o]; /* biases have no penalty */
            b[o] = (double)b_values[o] - 0.5 * bv[o];
        }
        open_backend(_i);
        struct linear layer = layer_of(step.momentum != 0);
        struct tensor dZ = reals(2, 2, dZ_values), X = reals(2, 3, X_values);
        ck_assert_done(linear_backward_update(be, &dZ, &X, &layer, &step, &error));
        expect_exactly(&layer.W.value, W);
        expect_exactly(&layer.b.value, b);
        if (step.momentum != 0) {
            expect_exactly(&layer.W.state[0], v);
            expect_exactly(&layer.b.state[0], bv);
        }
        tensor_free(be, &dZ);
        tensor_free(be, &X);
        layer_free(&layer);
        close_with_workspace();
    }
}
END_TEST

/* W = W - 0.5 dW and b = b - 0.5 db, then a batch of one through the new weights: its row times W by hand. */
START_TEST(step_and_next_forward_are_by_hand)
{
    static const float next_values[3] = {2, -1, 4};
    const struct step step = {.learning_rate = 0.5};
    double W[6], b[2], Y[2];
    for (size_t i = 0; i < 6; i++)
        W[i] = (double)W_values[i] - 0.5 * dW_values[i];
    for (size_t o = 0; o < 2; o++) {
        b[o] = (double)b_values[o] - 0.5 * db_values[o];
        Y[o] = fmax(0, 2 * W[3 * o] - W[3 * o + 1] + 4 * W[3 * o + 2] + b[o]);
    }
    ck_assert(Y[0] > 0 && Y[1] == 0);
    open_backend(_i);
    struct linear layer = layer_of(false);
    struct tensor dZ = reals(2, 2, dZ_values), X = reals(2, 3, X_values);
    struct tensor next_X = reals(1, 3, next_values), next_Y = unset(1, 2);
    ck_assert_done(linear_update_forward(be, &dZ, &X, &layer, &step, &next_X, EPILOGUE(ACTIVATION_RELU),
                                         &next_Y, &error));
    expect_exactly(&layer.W.value, W);
    expect_exactly(&layer.b.value, b);
    expect_exactly(&next_Y, Y);
    tensor_free(be, &dZ);
    tensor_free(be, &X);
    tensor_free(be, &next_X);
    layer_free(&layer);
    close_with_workspace();
}
END_TEST

START_TEST(the_step_alone_is_by_hand)
{
    static const float w_values[3] = {1, -2, 0.5f}, g_values[3] = {4, 0, -1}, v_values[3] = {2, 8, -4};
    const double plain[3] = {-1, -2, 1}, heavy[3] = {-1.5, -4, 2}, v_after[3] = {5, 4, -3};
    open_backend(_i);
    const struct step sgd = step_of(RULE_SGD, 0.5, 0, 7), momentum = step_of(RULE_SGD, 0.5, 0.5, 0);
    struct parameter p = {.value = reals(1, 3, w_values), .gradient = reals(1, 3, g_values)};
    ck_assert_done(parameter_step(be, &p, &sgd, &error));
    expect_exactly(&p.value, plain); /* the gradient already has the penalty */
    p.value = reals(1, 3, w_values);
    p.state[0] = reals(1, 3, v_values);
    ck_assert_done(parameter_step(be, &p, &momentum, &error));
    expect_exactly(&p.value, heavy);
    expect_exactly(&p.state[0], v_after);
    tensor_free(be, &p.gradient);
    close_backend();
}
END_TEST

/* ---- the rules ---- */

/* One number under a rule, as PyTorch's optimisers compute it, each in its own words: means as
 * interpolations, corrections as divisors, NAdam's product from step to step. */
struct number {
    double w, m, v, product;
};

static double sign_of(double x)
{
    return (x > 0) - (x < 0);
}

static double nadam_share(const struct step *s, double t)
{
    return s->beta1 * (1 - 0.5 * pow(0.96, t * 4e-3));
}

static void step_number(struct number *n, const struct step *s, double t, double g, bool is_weight)
{
    const double rate = s->learning_rate;
    g += is_weight ? s->l1 * sign_of(n->w) : 0;
    n->w -= is_weight ? rate * s->weight_decay * n->w : 0;
    if (s->rule == RULE_NESTEROV) {
        n->m = s->momentum * n->m + g;
        n->w -= rate * (g + s->momentum * n->m);
        return;
    }
    if (s->rule == RULE_LION) {
        n->w -= rate * sign_of(n->m + (1 - s->beta1) * (g - n->m));
        n->m += (1 - s->beta2) * (g - n->m);
        return;
    }
    if (s->rule == RULE_RMSPROP) {
        n->m += (1 - s->beta2) * (g * g - n->m);
        n->w -= rate * g / (sqrt(n->m) + s->epsilon);
        return;
    }
    n->m += (1 - s->beta1) * (g - n->m);
    n->v += (1 - s->beta2) * (g * g - n->v);
    if (s->rule == RULE_NADAM) {
        const double share = nadam_share(s, t), next = nadam_share(s, t + 1);
        const double root = sqrt(n->v / (1 - pow(s->beta2, t))) + s->epsilon;
        n->product *= share;
        n->w -= rate * (1 - share) / (1 - n->product) * g / root;
        n->w -= rate * next / (1 - n->product * next) * n->m / root;
        return;
    }
    n->w -= rate / (1 - pow(s->beta1, t)) * n->m / (sqrt(n->v) / sqrt(1 - pow(s->beta2, t)) + s->epsilon);
}

enum { RULE_STEPS = 20, PARAMETERS = 7, NUMBERS_MOST = 64 };

/* More parameters than a launch takes, of sizes around those of a vector; every second is a bias. */
static const size_t parameter_sizes[PARAMETERS] = {1, 3, 15, 16, 17, 33, 64};

static double gradient_at(size_t p, size_t i, size_t t)
{
    return (double)(float)sin((double)(1 + p + 7 * i + 3 * t * (i % 5)));
}

static void create_parameter(struct parameter *out, size_t p, enum rule rule, struct number *numbers)
{
    float values[NUMBERS_MOST], zeros[NUMBERS_MOST] = {0};
    for (size_t i = 0; i < parameter_sizes[p]; i++) {
        values[i] = (float)((double)(i % 7) - 3) / 4; /* some are 0 */
        numbers[i] = (struct number){.w = values[i], .product = 1};
    }
    *out = (struct parameter){.value = reals(1, parameter_sizes[p], values),
                              .gradient = unset(1, parameter_sizes[p]),
                              .is_weight = p % 2 == 0};
    for (size_t s = 0; s < rules[rule].states; s++)
        out->state[s] = reals(1, parameter_sizes[p], zeros);
}

static void write_gradient(struct parameter *parameter, size_t p, size_t t)
{
    float g[NUMBERS_MOST];
    for (size_t i = 0; i < parameter_sizes[p]; i++)
        g[i] = (float)gradient_at(p, i, t);
    ck_assert_done(backend_write(be, &parameter->gradient, HOST_FLOAT, g, &error));
}

/* Compares and frees. The bound is that of float: the numbers are near 1. */
static void expect_parameter(struct parameter *parameter, size_t p, enum rule rule,
                             const struct number *numbers)
{
    double w[NUMBERS_MOST], states[STATES_MOST][NUMBERS_MOST];
    for (size_t i = 0; i < parameter_sizes[p]; i++) {
        w[i] = numbers[i].w;
        states[0][i] = numbers[i].m;
        states[1][i] = numbers[i].v;
    }
    expect_within(&parameter->value, w, 1e-5);
    for (size_t s = 0; s < rules[rule].states; s++)
        expect_within(&parameter->state[s], states[s], 1e-5);
    tensor_free(be, &parameter->gradient);
}

static void take_rule_steps(enum rule rule, double l1, double weight_decay)
{
    static struct number numbers[PARAMETERS][NUMBERS_MOST];
    struct parameter parameters[PARAMETERS], *list[PARAMETERS];
    struct step step = step_of(rule, 0.01, 0.9, 0);
    step.l1 = l1;
    step.weight_decay = weight_decay;
    for (size_t p = 0; p < PARAMETERS; p++) {
        list[p] = &parameters[p];
        create_parameter(list[p], p, rule, numbers[p]);
    }
    for (size_t t = 1; t <= RULE_STEPS; t++) {
        step.number = t;
        for (size_t p = 0; p < PARAMETERS; p++) {
            write_gradient(list[p], p, t);
            for (size_t i = 0; i < parameter_sizes[p]; i++)
                step_number(&numbers[p][i], &step, (double)t, gradient_at(p, i, t), p % 2 == 0);
        }
        ck_assert_done(parameters_step(be, list, PARAMETERS, &step, &error));
    }
    for (size_t p = 0; p < PARAMETERS; p++)
        expect_parameter(list[p], p, rule, numbers[p]);
}

START_TEST(rules_are_those_of_pytorch)
{
    open_backend(_i);
    for (int rule = RULE_NESTEROV; rule < RULE_COUNT; rule++) {
        take_rule_steps((enum rule)rule, 0, 0);
        take_rule_steps((enum rule)rule, 0.03, 0.1);
    }
    close_backend();
}
END_TEST

/* Gradients of 3, -4 and 12, and a weight's 0 that the penalty of absolute values makes 84: length 85. */
START_TEST(clipping_is_by_hand)
{
    static const float g[2][2] = {{3, -4}, {12, 0}}, w[2][2] = {{5, -1}, {0, -7}}, zero[1] = {0};
    static const struct {
        double l1, most, factor;
    } cases[] = {{84, 17, 0.2}, {0, 6.5, 0.5}, {0, 13.5, 1}, {0, INFINITY, 1}};
    open_backend(_i);
    struct parameter bias = {.value = reals(1, 2, w[0]), .gradient = reals(1, 2, g[0])},
                     weight = {.value = reals(1, 2, w[1]), .gradient = reals(1, 2, g[1]), .is_weight = true};
    struct parameter *const list[] = {&bias, &weight};
    struct tensor factor = reals(1, 1, zero);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double got;
        ck_assert_done(clip_factor(be, list, 2, cases[i].l1, cases[i].most, &factor, &error));
        ck_assert_done(backend_read(be, &factor, HOST_DOUBLE, &got, &error));
        ck_assert_double_eq_tol(got, cases[i].factor, 1e-6);
    }
    ck_assert_int_eq(clip_factor(be, list, 2, 0, 0, &factor, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clip_factor(be, list, 2, 0, 1, &bias.value, &error), CLM_ERROR_SHAPE);
    struct step step = step_of(RULE_SGD, 0.5, 0, 0);
    step.l1 = 1;
    step.gradient_scale = &factor;
    ck_assert_done(clip_factor(be, list, 2, 0, 6.5, &factor, &error));
    ck_assert_done(parameters_step(be, list, 2, &step, &error));
    expect_within(&bias.value, (const double[]){5 - 0.75, -1 + 1}, 1e-6);
    expect_within(&weight.value, (const double[]){0 - 3, -7 + 0.25}, 1e-6);
    tensor_free(be, &factor);
    tensor_free(be, &bias.gradient);
    tensor_free(be, &weight.gradient);
    close_backend();
}
END_TEST

/* A step that is not linear stores the gradients: one of dW by hand, then Adam's first step, which is nearly
 * the rate in the gradient's direction. */
START_TEST(a_step_that_is_not_linear_stores_the_gradient)
{
    static const float zeros[6] = {0};
    const struct step step = step_of(RULE_ADAM, 0.5, 0, 0);
    double W[6], b[2];
    for (size_t i = 0; i < 6; i++)
        W[i] = (double)W_values[i] - 0.5 * sign_of(dW_values[i]);
    for (size_t o = 0; o < 2; o++)
        b[o] = (double)b_values[o] - 0.5 * sign_of(db_values[o]);
    open_backend(_i);
    struct linear layer = layer_of(true);
    struct tensor dZ = reals(2, 2, dZ_values), X = reals(2, 3, X_values);
    ck_assert_done(backend_write(be, &layer.W.state[0], HOST_FLOAT, zeros, &error));
    ck_assert_done(backend_write(be, &layer.b.state[0], HOST_FLOAT, zeros, &error));
    layer.W.state[1] = weights(2, 3, zeros);
    layer.b.state[1] = reals(1, 2, zeros);
    layer.W.gradient = weights(2, 3, zeros);
    layer.b.gradient = reals(1, 2, zeros);
    ck_assert_done(linear_backward_update(be, &dZ, &X, &layer, &step, &error));
    expect_within(&layer.W.value, W, 1e-6);
    expect_within(&layer.b.value, b, 1e-6);
    tensor_free(be, &layer.W.state[1]);
    tensor_free(be, &layer.b.state[1]);
    tensor_free(be, &layer.W.gradient);
    tensor_free(be, &layer.b.gradient);
    tensor_free(be, &dZ);
    tensor_free(be, &X);
    layer_free(&layer);
    close_with_workspace();
}
END_TEST

/* Adam's corrections of step 0 would divide by zero. */
START_TEST(a_step_without_a_number_is_refused)
{
    static const float ones[1] = {1};
    open_backend(_i);
    struct step step = step_of(RULE_ADAM, 0.5, 0, 0);
    struct parameter p = {reals(1, 1, ones), reals(1, 1, ones), {reals(1, 1, ones), reals(1, 1, ones)}, true};
    step.number = 0;
    ck_assert_int_eq(parameter_step(be, &p, &step, &error), CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "step 0 of adam"));
    tensor_free(be, &p.value);
    tensor_free(be, &p.gradient);
    for (size_t s = 0; s < STATES_MOST; s++)
        tensor_free(be, &p.state[s]);
    close_backend();
}
END_TEST

/* ---- softmax ---- */

/* Rows: equal logits; a clear winner by 1e4, whose exponentials are exact; a tie, in which the first wins; a
 * label that is 1e4 below. The row of four equal logits has p = 1/4 and loss ln 4. */
static const float Z_values[16] = {3, 3, 3, 3, 1e4f, 0, -1e4f, 0, -1e4f, 0, -1e4f, -1e4f, 0, 1e4f, 0, 0};
static const uint32_t label_values[4] = {0, 0, 1, 3};
static const double probabilities[16] = {0.25, 0.25, 0.25, 0.25, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0};

START_TEST(cross_entropy_is_by_hand)
{
    double expected[16], loss;
    size_t correct;
    for (size_t i = 0; i < 16; i++)
        expected[i] = (probabilities[i] - (i % 4 == label_values[i / 4])) / 4;
    open_backend(_i);
    struct tensor Z = reals(4, 4, Z_values), dZ = unset(4, 4), labels = indices(4, label_values);
    struct metrics sums;
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    ck_assert_done(softmax_xent(be, &Z, &labels, NULL, NULL, &sums, &error));
    ck_assert_done(softmax_xent(be, &Z, &labels, NULL, &dZ, &sums, &error));
    ck_assert_done(softmax_xent(be, &Z, &labels, NULL, &Z, &sums, &error));
    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert_uint_eq(correct, 3 * 3);
    /* three times ln 4 + 1e4; log is good to 3 units, and each of 4 sums rounds a number of about 1e4 */
    ck_assert_within(loss, 3 * (log(4) + 1e4), 3 * (6 * U * log(4) + 4 * U * 1.1e4));
    /* exp(0) = 1 and 1 / 4 may be off by 3 and 2.5 units, differences are exact */
    expect_within(&dZ, expected, (6 + 5 + 1) * U / 4);
    expect_within(&Z, expected, (6 + 5 + 1) * U / 4);
    ck_assert_done(metrics_reset(be, &sums, &error));
    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert(loss == 0 && correct == 0);
    metrics_free(be, &sums);
    tensor_free(be, &labels);
    close_backend();
}
END_TEST

/* The rows above with weights, alone and mixed 3 to 1 with partners that have weights of their own. Rows of
 * weight 0 give no loss and no gradient, and their predictions count. */
START_TEST(weighted_cross_entropy_is_by_hand)
{
    static const float own_values[4] = {2, 0.5f, 0, 4}, other_values[4] = {4, 2, 8, 1};
    static const uint32_t partner_values[4] = {1, 0, 1, 1};
    double expected[2][16], loss;
    size_t correct;
    for (size_t i = 0; i < 16; i++) {
        const size_t r = i / 4, c = i % 4;
        const double own = (double)own_values[r], other = (double)other_values[r];
        expected[0][i] = own * (probabilities[i] - (c == label_values[r])) / 4;
        expected[1][i] =
            0.75 * expected[0][i] + 0.25 * other * (probabilities[i] - (c == partner_values[r])) / 4;
    }
    open_backend(_i);
    struct tensor Z = reals(4, 4, Z_values), labels = indices(4, label_values),
                  partners = indices(4, partner_values), own = reals(1, 4, own_values),
                  other = reals(1, 4, other_values), alone = unset(4, 4), mixed = unset(4, 4);
    const struct mixture weighted = {.share = 1, .weights = own}, mixture = {partners, 0.75, own, other};
    struct metrics sums;
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    ck_assert_done(softmax_xent(be, &Z, &labels, &weighted, &alone, &sums, &error));
    ck_assert_done(softmax_xent(be, &Z, &labels, &mixture, &mixed, &sums, &error));
    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert_uint_eq(correct, 2 * 3);
    /* (2 + 2.5) ln 4 and (4 + 3) 1e4; log is good to 3 units, and 8 sums and products round up to 7e4 */
    ck_assert_within(loss, 4.5 * log(4) + 7e4, 6 * U * 4.5 * log(4) + 8 * U * 7.1e4);
    /* p is off by 11 U at most, the largest weight is 4; a few products and sums round less than that */
    expect_within(&alone, expected[0], 4 * (11 + 4) * U);
    expect_within(&mixed, expected[1], 4 * (11 + 4) * U);
    metrics_free(be, &sums);
    tensor_free(be, &Z);
    tensor_free(be, &labels);
    tensor_free(be, &partners);
    tensor_free(be, &own);
    tensor_free(be, &other);
    close_backend();
}
END_TEST

START_TEST(weights_of_a_batch_are_by_hand)
{
    static const float values[5] = {1, 2, 4, 8, 16};
    static const uint32_t backwards[5] = {4, 3, 2, 1, 0};
    static const double straight[3] = {2, 4, 8}, turned[3] = {8, 2, 4}, ordered[3] = {8, 4, 2},
                        ordered_turned[3] = {4, 2, 8};
    open_backend(_i);
    struct tensor weights = reals(1, 5, values), order = indices(5, backwards), out[4];
    for (size_t i = 0; i < 4; i++)
        out[i] = unset(1, 3);
    ck_assert_done(gather_weights(be, &weights, NULL, 1, 0, &out[0], &error));
    ck_assert_done(gather_weights(be, &weights, NULL, 1, 2, &out[1], &error));
    ck_assert_done(gather_weights(be, &weights, &order, 1, 0, &out[2], &error));
    ck_assert_done(gather_weights(be, &weights, &order, 1, 1, &out[3], &error));
    expect_exactly(&out[0], straight);
    expect_exactly(&out[1], turned);
    expect_exactly(&out[2], ordered);
    expect_exactly(&out[3], ordered_turned);
    tensor_free(be, &weights);
    tensor_free(be, &order);
    close_backend();
}
END_TEST

/* A large loss, and 1000 losses of 3.4e-4, each less than half a unit of it in float: their sum counts. */
START_TEST(small_losses_add_up_beside_a_large_one)
{
    static const float far[2] = {0, 16384}, near[2] = {8, 0};
    static const uint32_t first[1] = {0};
    double loss;
    size_t correct;
    open_backend(_i);
    struct tensor large = reals(1, 2, far), small = reals(1, 2, near), label = indices(1, first);
    struct metrics sums;
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    ck_assert_done(softmax_xent(be, &large, &label, NULL, NULL, &sums, &error));
    for (int i = 0; i < 1000; i++)
        ck_assert_done(softmax_xent(be, &small, &label, NULL, NULL, &sums, &error));
    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert_uint_eq(correct, 1000);
    /* for each, 1 + exp(-8) is rounded to a unit of 1; log and exp are good to 3; 1 for the low part */
    ck_assert_within(loss, 16384 + 1000 * log1p(exp(-8)), 1000 * 4 * U);
    metrics_free(be, &sums);
    tensor_free(be, &label);
    tensor_free(be, &small);
    tensor_free(be, &large);
    close_backend();
}
END_TEST

START_TEST(ties_and_nans_in_the_logits)
{
    /* the first of the largest is the prediction; a row with a NaN anywhere is never correct */
    static const float tied[6] = {1, 5, 5, 5, 5, 1};
    static const float broken[3] = {7, 1, NAN};
    static const uint32_t second[2] = {2, 0}, first[1] = {0};
    const double gone[3] = {NAN, NAN, NAN};
    double loss;
    size_t correct;
    open_backend(_i);
    struct tensor Z = reals(2, 3, tied), labels = indices(2, second);
    struct tensor bad = reals(1, 3, broken), label = indices(1, first);
    struct metrics sums;
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    ck_assert_done(softmax_xent(be, &Z, &labels, NULL, NULL, &sums, &error));
    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert_uint_eq(correct, 1);
    ck_assert(isfinite(loss));
    ck_assert_done(softmax_xent(be, &bad, &label, NULL, &bad, &sums, &error));
    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert_uint_eq(correct, 1);
    ck_assert(isnan(loss));
    expect_exactly(&bad, gone);
    metrics_free(be, &sums);
    tensor_free(be, &Z);
    tensor_free(be, &labels);
    tensor_free(be, &label);
    close_backend();
}
END_TEST

/* A last layer with the identity as W and zero as b: X are the logits, dX is dZ if they are positive. */
START_TEST(last_layer_is_by_hand)
{
    /* the last two rows are ties, in which the first class wins: one is right, one is not */
    static const float X_rows[24] = {3, 3,    3, 3, 1e4f, 0, -1e4f, 0, -1e4f, 0, -1e4f, -1e4f,
                                     0, 1e4f, 0, 0, 0,    8, 8,     0, 8,     0, 0,     8};
    static const float one[16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, zero[4] = {0};
    static const uint32_t classes[6] = {0, 0, 1, 3, 2, 0};
    const size_t widths[2] = {4, 4};
    const double rest = 1 / (2 + 2 * exp(8)), half = exp(8) * rest;
    const double tied[8] = {rest, half, half, rest, half, rest, rest, half};
    double dZ_expected[24], dX_expected[24], loss;
    size_t correct;
    for (size_t i = 0; i < 24; i++) {
        const double p = i < 16 ? probabilities[i] : tied[i - 16];
        dZ_expected[i] = (p - (i % 4 == classes[i / 4])) / 6;
        dX_expected[i] = X_rows[i] > 0 ? dZ_expected[i] : 0;
    }
    open_backend(_i);
    ck_assert_done(backend_prepare(be, widths, 2, NULL, RULE_COUNT, 6, &error));
    struct linear layer = {.W.value = weights(4, 4, one), .b.value = reals(1, 4, zero)};
    struct tensor X = reals(6, 4, X_rows), labels = indices(6, classes);
    struct tensor dZ = unset(6, 4), again = unset(6, 4), dX = unset(6, 4);
    struct metrics sums;
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    ck_assert_done(linear_softmax_backward(be, &X, &layer, &labels, NULL, GATE(ACTIVATION_RELU, &X), &dZ, &dX,
                                           &sums, &error));
    ck_assert_done(linear_softmax_backward(be, &X, &layer, &labels, NULL, GATE(ACTIVATION_RELU, &X), &again,
                                           NULL, &sums, &error));
    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert_uint_eq(correct, 2 * 4);
    /* twice ln 4 + 1e4 - 2 ln half, as in cross_entropy_is_by_hand */
    ck_assert_within(loss, 2 * (log(4) + 1e4 - 2 * log(half)), 2 * (24 * U * log(4) + 6 * U * 1.1e4));
    expect_within(&dZ, dZ_expected, (6 + 5 + 8) * U / 6);
    expect_within(&again, dZ_expected, (6 + 5 + 8) * U / 6);
    expect_within(&dX, dX_expected, (6 + 5 + 8) * U / 6);
    metrics_free(be, &sums);
    tensor_free(be, &X);
    tensor_free(be, &labels);
    layer_free(&layer);
    close_with_workspace();
}
END_TEST

START_TEST(softmax_is_by_hand)
{
    open_backend(_i);
    struct tensor Z = reals(4, 4, Z_values), P = unset(4, 4);
    ck_assert_done(softmax(be, &Z, &P, &error));
    ck_assert_done(softmax(be, &Z, &Z, &error));
    expect_within(&P, probabilities, (6 + 5) * U);
    expect_within(&Z, probabilities, (6 + 5) * U);
    close_backend();
}
END_TEST

/* ---- gather ---- */

static void gather_and_compare(struct resident *data, const struct tensor *order, const double *expected,
                               const uint32_t *expected_labels)
{
    static const uint32_t none[2] = {99, 99};
    uint32_t got[2];
    struct tensor X = unset(2, 2), labels = indices(2, none);
    ck_assert_done(gather(be, data, order, 1, NULL, &X, &labels, &error));
    expect_exactly(&X, expected);
    ck_assert_done(backend_read(be, &labels, HOST_INDEX, got, &error));
    ck_assert_mem_eq(got, expected_labels, sizeof got);
    tensor_free(be, &labels);
}

START_TEST(gather_is_by_hand)
{
    static const uint8_t bytes[8] = {0, 255, 10, 20, 30, 40, 50, 60};
    static const float values[8] = {0, 255, 10, 20, 30, 40, 50, 60}, mean[2] = {2, 4}, scale[2] = {0.5f, 4};
    static const uint32_t classes[4] = {7, 5, 6, 3}, numbers[4] = {2, 0, 3, 1};
    static const uint32_t straight_labels[2] = {5, 6}, ordered_labels[2] = {7, 3};
    const double straight[4] = {4, 64, 14, 144}, ordered[4] = {-1, 1004, 24, 224};
    open_backend(_i);
    struct resident data = {
        .labels = indices(4, classes), .mean = reals(1, 2, mean), .scale = reals(1, 2, scale)};
    struct tensor order = indices(4, numbers);
    for (int is_bytes = 0; is_bytes < 2; is_bytes++) {
        if (is_bytes) {
            ck_assert_done(tensor_create(be, TENSOR_BYTE, 4, 2, &data.values, &error));
            ck_assert_done(backend_write(be, &data.values, HOST_BYTE, bytes, &error));
        } else
            data.values = reals(4, 2, values);
        gather_and_compare(&data, NULL, straight, straight_labels);
        gather_and_compare(&data, &order, ordered, ordered_labels);
        tensor_free(be, &data.values);
    }
    tensor_free(be, &data.labels);
    tensor_free(be, &data.mean);
    tensor_free(be, &data.scale);
    tensor_free(be, &order);
    close_backend();
}
END_TEST

/* ---- wrong calls ---- */

/* Tensors of every wrong shape for a layer of 3 inputs and 2 outputs and a batch of 2. */
START_TEST(what_does_not_fit_is_refused_and_nothing_is_written)
{
    const double nothing[9] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    const double W_before[6] = {0.5, -1, 2, 1, 1, -0.25}, b_before[2] = {0.25, -0.5};
    const struct step plain = {.learning_rate = 0.5},
                      heavy = {.learning_rate = 0.5, .rule = RULE_MOMENTUM, .momentum = 0.5};
    static const uint32_t two[2] = {0, 1}, three[3] = {0, 1, 2};
    open_backend(_i);
    struct linear layer = layer_of(false);
    struct tensor X = reals(2, 3, X_values), dZ = reals(2, 2, dZ_values), Y23 = unset(2, 3),
                  Y32 = unset(3, 2), Y22 = unset(2, 2), Y33 = unset(3, 3), b3 = unset(1, 3),
                  labels3 = indices(3, three), labels2 = indices(2, two), empty = {0}, w2 = unset(1, 2),
                  w3 = unset(1, 3);
    const struct mixture without_partners = {.share = 0.5}, without_anything = {.share = 1},
                         long_weights = {.share = 1, .weights = w3},
                         mixed_without_partners = {.share = 0.5, .weights = w2},
                         without_weights_of_partners = {labels2, 0.5, w2, {0}},
                         long_weights_of_partners = {labels2, 0.5, w2, w3};
    struct linear bent_dW = layer, bent_db = layer;
    bent_dW.W.gradient = Y32;
    bent_dW.b.gradient = unset(1, 2);
    bent_db.W.gradient = weights(2, 3, W_values);
    bent_db.b.gradient = b3;
    struct parameter of_other_gradient = {.value = Y23, .gradient = Y32},
                     of_other_state = {.value = Y23, .gradient = Y23, .state = {Y32}};
    struct metrics sums;
    double loss;
    size_t correct;
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));

    const clm_status refused[] = {
        linear_forward(be, &X, &layer, EPILOGUE(ACTIVATION_NONE), &Y23, &error),
        linear_forward(be, &X, &layer, EPILOGUE(ACTIVATION_NONE), &Y32, &error),
        linear_forward(be, &dZ, &layer, EPILOGUE(ACTIVATION_NONE), &Y22, &error),
        linear_forward(be, &empty, &layer, EPILOGUE(ACTIVATION_NONE), &Y22, &error),
        softmax_xent(be, &dZ, &labels3, NULL, &Y22, &sums, &error),
        softmax_xent(be, &dZ, &labels2, NULL, &Y23, &sums, &error),
        softmax_xent(be, &dZ, &X, NULL, &Y22, &sums, &error),
        softmax_xent(be, &dZ, &labels2, &without_partners, &Y22, &sums, &error),
        softmax_xent(be, &dZ, &labels2, &without_anything, &Y22, &sums, &error),
        softmax_xent(be, &dZ, &labels2, &long_weights, &Y22, &sums, &error),
        softmax_xent(be, &dZ, &labels2, &mixed_without_partners, &Y22, &sums, &error),
        softmax_xent(be, &dZ, &labels2, &without_weights_of_partners, &Y22, &sums, &error),
        softmax_xent(be, &dZ, &labels2, &long_weights_of_partners, &Y22, &sums, &error),
        linear_softmax_backward(be, &X, &layer, &labels2, &long_weights, NULL, &Y22, NULL, &sums, &error),
        gather_weights(be, &w2, NULL, 0, 0, &w3, &error),
        gather_weights(be, &w3, NULL, 2, 0, &w2, &error),
        gather_weights(be, &w3, NULL, 0, 2, &w2, &error),
        gather_weights(be, &w3, &labels2, 0, 0, &w2, &error),
        gather_weights(be, &labels3, NULL, 0, 0, &w2, &error),
        softmax(be, &dZ, &Y23, &error),
        linear_softmax_backward(be, &dZ, &layer, &labels2, NULL, GATE(ACTIVATION_RELU, &dZ), &Y22, NULL,
                                &sums, &error),
        linear_softmax_backward(be, &X, &layer, &labels3, NULL, GATE(ACTIVATION_RELU, &X), &Y22, &Y23, &sums,
                                &error),
        linear_softmax_backward(be, &X, &layer, &labels2, NULL, GATE(ACTIVATION_RELU, &X), &Y32, NULL, &sums,
                                &error),
        linear_softmax_backward(be, &X, &layer, &labels2, NULL, GATE(ACTIVATION_RELU, &X), &Y22, &Y32, &sums,
                                &error),
        linear_backward_input(be, &dZ, &layer, NULL, &Y22, &error),
        linear_backward_input(be, &X, &layer, NULL, &Y23, &error),
        linear_backward_input(be, &dZ, &layer, GATE(ACTIVATION_RELU, &Y32), &Y23, &error),
        linear_backward_params(be, &dZ, &X, &layer, 0, &error), /* without gradients */
        linear_backward_params(be, &dZ, &X, &bent_dW, 0, &error),
        linear_backward_params(be, &dZ, &X, &bent_db, 0, &error),
        linear_backward_params(be, &dZ, &Y33, &bent_db, 0, &error),
        linear_backward_update(be, &X, &X, &layer, &plain, &error),
        linear_backward_update(be, &dZ, &X, &layer, &heavy, &error), /* without velocities */
        parameter_step(be, &of_other_gradient, &plain, &error),
        parameter_step(be, &of_other_state, &heavy, &error),
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        ck_assert_msg(refused[i] == CLM_ERROR_SHAPE, "case %zu gives %s", i, clm_status_text(refused[i]));

    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert(loss == 0 && correct == 0);
    metrics_free(be, &sums);
    expect_exactly(&Y22, nothing);
    expect_exactly(&Y23, nothing);
    expect_exactly(&Y32, nothing);
    expect_exactly(&Y33, nothing);
    expect_exactly(&b3, nothing);
    expect_exactly(&w2, nothing);
    expect_exactly(&w3, nothing);
    expect_exactly(&layer.W.value, W_before);
    expect_exactly(&layer.b.value, b_before);
    tensor_free(be, &bent_dW.b.gradient);
    tensor_free(be, &bent_db.W.gradient);
    tensor_free(be, &X);
    tensor_free(be, &dZ);
    tensor_free(be, &labels2);
    tensor_free(be, &labels3);
    close_with_workspace();
}
END_TEST

START_TEST(rows_beyond_the_data_are_refused)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6}, ones[2] = {1, 1};
    static const uint32_t classes[3] = {0, 1, 2}, none[2] = {99, 99};
    const double nothing[4] = {NAN, NAN, NAN, NAN};
    open_backend(_i);
    struct resident data = {.values = reals(3, 2, values),
                            .labels = indices(3, classes),
                            .mean = reals(1, 2, ones),
                            .scale = reals(1, 2, ones)};
    struct tensor X = unset(2, 2), labels = indices(2, none);
    uint32_t got[2];
    ck_assert_int_eq(gather(be, &data, NULL, 2, NULL, &X, &labels, &error), CLM_ERROR_SHAPE);
    ck_assert_int_eq(gather(be, &data, NULL, SIZE_MAX, NULL, &X, &labels, &error), CLM_ERROR_SHAPE);
    ck_assert_int_eq(gather(be, &data, &labels, 0, NULL, &X, &labels, &error),
                     CLM_ERROR_SHAPE); /* order too short */
    ck_assert_done(backend_read(be, &labels, HOST_INDEX, got, &error));
    ck_assert_mem_eq(got, none, sizeof got);
    expect_exactly(&X, nothing);
    tensor_free(be, &data.values);
    tensor_free(be, &data.labels);
    tensor_free(be, &data.mean);
    tensor_free(be, &data.scale);
    tensor_free(be, &labels);
    close_backend();
}
END_TEST

/* From the middle of a matrix on; doubles can only be written whole. */
START_TEST(a_part_is_written_where_it_belongs)
{
    static const float before[6] = {1, 2, 3, 4, 5, 6}, part[2] = {-7, 0.5f},
                       after[6] = {1, 2, 3, -7, 0.5f, 6};
    static const double doubles[2] = {-7, 0.5};
    float got[6];
    double got_doubles[6];
    struct tensor tensor;
    open_backend(_i);
    ck_assert_done(tensor_create(be, TENSOR_REAL, 2, 3, &tensor, &error));
    ck_assert_done(backend_write(be, &tensor, HOST_FLOAT, before, &error));
    ck_assert_done(backend_write_part(be, &tensor, 3, 2, HOST_FLOAT, part, &error));
    ck_assert_int_eq(backend_write_part(be, &tensor, 3, 2, HOST_DOUBLE, doubles, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(backend_write_part(be, &tensor, 5, 2, HOST_FLOAT, part, &error), CLM_ERROR_SHAPE);
    ck_assert_done(backend_read(be, &tensor, HOST_FLOAT, got, &error));
    ck_assert_done(backend_read(be, &tensor, HOST_DOUBLE, got_doubles, &error));
    ck_assert_mem_eq(got, after, sizeof after);
    for (size_t i = 0; i < 6; i++)
        ck_assert_double_eq(got_doubles[i], after[i]);
    tensor_free(be, &tensor);
    close_backend();
}
END_TEST

/* Floats and doubles, each written by one and read by the other, keep their values or are rounded once. */
START_TEST(numbers_go_both_ways)
{
    static const double numbers[6] = {1, -2.5, 0.1, 1e-40, -3e38, 1 + 0x1p-30};
    const enum host_type types[2] = {HOST_FLOAT, HOST_DOUBLE};
    float floats[6];
    open_backend(_i);
    const bool is_double = kinds[_i] == FIXTURE_REFERENCE;
    for (size_t i = 0; i < 6; i++)
        floats[i] = (float)numbers[i];
    for (int written = 0; written < 2; written++)
        for (int read = 0; read < 2; read++) {
            struct tensor tensor;
            float got_floats[6] = {0};
            double got_doubles[6] = {0};
            ck_assert_done(tensor_create(be, TENSOR_REAL, 2, 3, &tensor, &error));
            ck_assert_done(backend_write(be, &tensor, types[written],
                                         written ? (const void *)numbers : (const void *)floats, &error));
            ck_assert_done(backend_read(be, &tensor, types[read],
                                        read ? (void *)got_doubles : (void *)got_floats, &error));
            for (size_t i = 0; i < 6; i++) {
                const double kept = written && is_double ? numbers[i] : (double)floats[i];
                ck_assert_double_eq(read ? got_doubles[i] : (double)got_floats[i],
                                    read ? kept : (double)(float)kept);
            }
            tensor_free(be, &tensor);
        }
    close_backend();
}
END_TEST

/* Groups are as large as the device allows, with a power of two of items. */
START_TEST(groups_are_as_large_as_the_device_allows)
{
    static const size_t allowed[][2] = {{4096, 64}, {64, 64}, {63, 32}, {32, 32}, {17, 16}, {2, 2}, {1, 1}};
    struct kernels kernels;
    be = fixture_backend(FIXTURE_OPENCL);
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        struct opencl_device device = self(be)->device;
        device.about.max_work_group = allowed[i][0];
        ck_assert_done(kernels_build(&device, &kernels, &error));
        ck_assert_uint_eq(kernels.lanes, allowed[i][1]);
        kernels_free(&kernels);
    }
    clm_backend_close(be);
}
END_TEST

START_TEST(memory_is_typed_and_counted)
{
    struct tensor tensor;
    const float values[2] = {1, 2};
    open_backend(_i);
    ck_assert_int_eq(tensor_create(be, TENSOR_REAL, 0, 3, &tensor, &error), CLM_ERROR_SHAPE);
    ck_assert_int_eq(tensor_create(be, TENSOR_REAL, SIZE_MAX / 2, 3, &tensor, &error), CLM_ERROR_SHAPE);
    ck_assert_ptr_null(tensor.memory);
    ck_assert_done(tensor_create(be, TENSOR_INDEX, 1, 2, &tensor, &error));
    ck_assert_int_eq(backend_write(be, &tensor, HOST_FLOAT, values, &error), CLM_ERROR_ARGUMENT);
    ck_assert_uint_eq(be->memory.now, 8);
    tensor_free(be, &tensor);
    ck_assert_uint_eq(be->memory.now, 0);
    ck_assert_uint_ge(be->memory.peak, 8);
    close_backend();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        forward_is_by_hand,
        a_nan_survives_the_relu,
        input_gradient_is_by_hand,
        parameter_gradients_are_by_hand,
        the_step_is_by_hand,
        step_and_next_forward_are_by_hand,
        the_step_alone_is_by_hand,
        rules_are_those_of_pytorch,
        clipping_is_by_hand,
        a_step_that_is_not_linear_stores_the_gradient,
        a_step_without_a_number_is_refused,
        cross_entropy_is_by_hand,
        weighted_cross_entropy_is_by_hand,
        weights_of_a_batch_are_by_hand,
        small_losses_add_up_beside_a_large_one,
        ties_and_nans_in_the_logits,
        last_layer_is_by_hand,
        softmax_is_by_hand,
        gather_is_by_hand,
        what_does_not_fit_is_refused_and_nothing_is_written,
        rows_beyond_the_data_are_refused,
        numbers_go_both_ways,
        memory_is_typed_and_counted,
        a_part_is_written_where_it_belongs,
    };
    Suite *const suite = suite_create("operations");
    TCase *const cases = tcase_create("operations");
    for (size_t i = 0; i < COUNT_OF(tests); i++)
        test_add_sampled(cases, tests[i], 0, (int)KIND_COUNT, 2);
    tcase_add_test(cases, groups_are_as_large_as_the_device_allows);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
