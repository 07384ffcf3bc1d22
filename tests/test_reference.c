/* Every operation on cases computed by hand, on all backends; wrong shapes; and gradients by differences.
 *
 * The numbers are small integers and powers of two, so that every product and sum is exact in float: a right
 * backend has exactly these results. */
#include "support/fixtures.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- tensors of one test ---- */

static struct clm_backend *backend;
static struct tensor tensors[16];
static size_t tensor_count;
static struct clm_error error;

#define ck_assert_ok(call) ck_assert_msg((call) == CLM_OK, "%s", error.message)

static void open_backend(int kind)
{
    backend = fixture_backend(kinds[kind]);
    tensor_count = 0;
}

static void close_backend(void)
{
    while (tensor_count)
        tensor_free(backend, &tensors[--tensor_count]);
    clm_backend_close(backend);
}

static struct tensor keep(enum tensor_type type, size_t rows, size_t columns, enum host_type host,
                          const void *values)
{
    ck_assert_uint_lt(tensor_count, sizeof tensors / sizeof *tensors);
    struct tensor *const tensor = &tensors[tensor_count++];
    ck_assert_ok(tensor_create(backend, type, rows, columns, tensor, &error));
    ck_assert_ok(backend_write(backend, tensor, host, values, &error));
    return *tensor;
}

static struct tensor real(size_t rows, size_t columns, const float *values)
{
    return keep(TENSOR_REAL, rows, columns, HOST_FLOAT, values);
}

/* A layer's weights, for batches of up to two. */
static struct tensor weights(size_t O, size_t I, const float *values)
{
    ck_assert_uint_lt(tensor_count, sizeof tensors / sizeof *tensors);
    struct tensor *const tensor = &tensors[tensor_count++];
    ck_assert_ok(weights_create(backend, O, I, 2, tensor, &error));
    ck_assert_ok(backend_write(backend, tensor, HOST_FLOAT, values, &error));
    return *tensor;
}

static struct tensor indices(size_t count, const uint32_t *values)
{
    return keep(TENSOR_INDEX, 1, count, HOST_INDEX, values);
}

/* All NaN, so that elements that an operation leaves out are noticed. */
static struct tensor output(size_t rows, size_t columns)
{
    float values[64];
    ck_assert_uint_le(rows * columns, 64);
    for (size_t i = 0; i < rows * columns; i++)
        values[i] = NAN;
    return real(rows, columns, values);
}

static void expect(const struct tensor *tensor, const float *values)
{
    float got[64];
    const size_t count = tensor->rows * tensor->columns;
    ck_assert_uint_le(count, 64);
    ck_assert_ok(backend_read(backend, tensor, HOST_FLOAT, got, &error));
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(got[i] == values[i] || (isnan(got[i]) && isnan(values[i])),
                      "%s: element %zu is %.9g, not %.9g", clm_backend_name(backend), i, (double)got[i],
                      (double)values[i]);
}

static void expect_near(const struct tensor *tensor, const double *values, double bound)
{
    double got[64];
    const size_t count = tensor->rows * tensor->columns;
    ck_assert_ok(backend_read(backend, tensor, HOST_DOUBLE, got, &error));
    for (size_t i = 0; i < count; i++)
        ck_assert_within(got[i], values[i], bound);
}

static void expect_indices(const struct tensor *tensor, const uint32_t *values)
{
    uint32_t got[16];
    ck_assert_ok(backend_read(backend, tensor, HOST_INDEX, got, &error));
    for (size_t i = 0; i < tensor->columns; i++)
        ck_assert_uint_eq(got[i], values[i]);
}

static void prepare(size_t B, size_t I, size_t O)
{
    ck_assert_ok(backend_prepare(backend, (const size_t[]){I, O}, 2, NULL, RULE_COUNT, B, &error));
}

/* ---- a layer of 3 inputs and 2 units, and a batch of 2 ---- */

static const float X_values[6] = {1, 2, -1, 3, 0, 4};
static const float W_values[6] = {1, -2, 4, 2, 1, -1};
static const float b_values[2] = {3, -1};
static const float dZ_values[4] = {1, 2, -4, 0.5f};

static struct linear layer_of(void)
{
    prepare(2, 3, 2);
    return (struct linear){.W.value = weights(2, 3, W_values), .b.value = real(1, 2, b_values)};
}

/* Z = X Wᵀ + b: 1 - 4 - 4 + 3 = -4   2 + 2 + 1 - 1 = 4   3 + 16 + 3 = 22   6 - 4 - 1 = 1 */
START_TEST(forward)
{
    open_backend(_i);
    const struct tensor X = real(2, 3, X_values);
    const struct linear layer = layer_of();
    struct tensor Y = output(2, 2);
    ck_assert_ok(linear_forward(backend, &X, &layer, EPILOGUE(ACTIVATION_NONE), &Y, &error));
    expect(&Y, (const float[]){-4, 4, 22, 1});
    ck_assert_ok(linear_forward(backend, &X, &layer, EPILOGUE(ACTIVATION_RELU), &Y, &error));
    expect(&Y, (const float[]){0, 4, 22, 1});
    close_backend();
}
END_TEST

/* dZ W: 1 (1,-2,4) + 2 (2,1,-1) = (5,0,2)   -4 (1,-2,4) + 0.5 (2,1,-1) = (-3,8.5,-16.5). The mask keeps
 * elements with Y above 0, not at 0; if Y is NaN, the result is unknown. */
START_TEST(backward_input)
{
    static const float Y_values[6] = {1, 2, 0, -1, 0.5f, NAN};
    open_backend(_i);
    const struct tensor dZ = real(2, 2, dZ_values), Y = real(2, 3, Y_values);
    const struct linear layer = layer_of();
    struct tensor dX = output(2, 3);
    ck_assert_ok(linear_backward_input(backend, &dZ, &layer, NULL, &dX, &error));
    expect(&dX, (const float[]){5, 0, 2, -3, 8.5f, -16.5f});
    ck_assert_ok(linear_backward_input(backend, &dZ, &layer, GATE(ACTIVATION_RELU, &Y), &dX, &error));
    expect(&dX, (const float[]){5, 0, 0, 0, 8.5f, NAN});
    close_backend();
}
END_TEST

/* dZᵀ X: 1 (1,2,-1) - 4 (3,0,4) = (-11,2,-17)   2 (1,2,-1) + 0.5 (3,0,4) = (3.5,4,0);  db = (-3,2.5).
 * With l2 = 0.25, half of W is added to dW, and nothing to db. */
START_TEST(backward_params)
{
    open_backend(_i);
    const struct tensor dZ = real(2, 2, dZ_values), X = real(2, 3, X_values);
    struct linear layer = layer_of();
    layer.W.gradient = weights(2, 3, (const float[]){NAN, NAN, NAN, NAN, NAN, NAN});
    layer.b.gradient = output(1, 2);
    ck_assert_ok(linear_backward_params(backend, &dZ, &X, &layer, 0, &error));
    expect(&layer.W.gradient, (const float[]){-11, 2, -17, 3.5f, 4, 0});
    expect(&layer.b.gradient, (const float[]){-3, 2.5f});
    ck_assert_ok(linear_backward_params(backend, &dZ, &X, &layer, 0.25, &error));
    expect(&layer.W.gradient, (const float[]){-10.5f, 1, -15, 4.5f, 4.5f, -0.5f});
    expect(&layer.b.gradient, (const float[]){-3, 2.5f});
    close_backend();
}
END_TEST

/* The gradients above with l2 = 0.25 and a learning rate of 0.5: W - 0.5 dW, b - 0.5 db. */
START_TEST(backward_update)
{
    const struct step step = {.learning_rate = 0.5, .l2 = 0.25};
    open_backend(_i);
    const struct tensor dZ = real(2, 2, dZ_values), X = real(2, 3, X_values);
    struct linear layer = layer_of();
    ck_assert_ok(linear_backward_update(backend, &dZ, &X, &layer, &step, &error));
    expect(&layer.W.value, (const float[]){6.25f, -2.5f, 11.5f, -0.25f, -1.25f, -0.75f});
    expect(&layer.b.value, (const float[]){4.5f, -2.25f});
    close_backend();
}
END_TEST

/* v = 0.5 v + g, w - 0.5 v; before the step, v is (2,0,-2,0,2,4) and (-2,1). */
START_TEST(backward_update_with_momentum)
{
    const struct step step = {.learning_rate = 0.5, .rule = RULE_MOMENTUM, .momentum = 0.5, .l2 = 0.25};
    open_backend(_i);
    const struct tensor dZ = real(2, 2, dZ_values), X = real(2, 3, X_values);
    struct linear layer = layer_of();
    layer.W.state[0] = weights(2, 3, (const float[]){2, 0, -2, 0, 2, 4});
    layer.b.state[0] = real(1, 2, (const float[]){-2, 1});
    ck_assert_ok(linear_backward_update(backend, &dZ, &X, &layer, &step, &error));
    expect(&layer.W.state[0], (const float[]){-9.5f, 1, -16, 4.5f, 5.5f, 1.5f});
    expect(&layer.b.state[0], (const float[]){-4, 3});
    expect(&layer.W.value, (const float[]){5.75f, -2.5f, 12, -0.25f, -1.75f, -1.75f});
    expect(&layer.b.value, (const float[]){5, -2.5f});
    close_backend();
}
END_TEST

/* The gradient already has the penalty: the step's l2 changes nothing. */
START_TEST(update_alone)
{
    const struct step plain = {.learning_rate = 0.25, .l2 = 8};
    const struct step heavy = {.learning_rate = 0.25, .rule = RULE_MOMENTUM, .momentum = 0.5, .l2 = 8};
    open_backend(_i);
    struct parameter p = {.value = real(1, 3, (const float[]){1, -2, 0}),
                          .gradient = real(1, 3, (const float[]){4, 8, -2})};
    ck_assert_ok(parameter_step(backend, &p, &plain, &error));
    expect(&p.value, (const float[]){0, -4, 0.5f});
    p.state[0] = real(1, 3, (const float[]){4, 0, -4});
    ck_assert_ok(parameter_step(backend, &p, &heavy, &error));
    expect(&p.state[0], (const float[]){6, 8, -4});
    expect(&p.value, (const float[]){-1.5f, -6, 1.5f});
    close_backend();
}
END_TEST

/* (value - mean) scale, with an order and without. */
START_TEST(gathering)
{
    static const uint8_t bytes[8] = {0, 255, 10, 20, 3, 4, 7, 1};
    static const float values[8] = {0.5f, -1, 10, 20, 3, 4, 7, 1};
    open_backend(_i);
    struct resident data = {.values = keep(TENSOR_BYTE, 4, 2, HOST_BYTE, bytes),
                            .labels = indices(4, (const uint32_t[]){5, 6, 7, 8}),
                            .mean = real(1, 2, (const float[]){2, -1}),
                            .scale = real(1, 2, (const float[]){0.5f, 4})};
    const struct tensor order = indices(4, (const uint32_t[]){3, 0, 2, 1});
    struct tensor X = output(2, 2), labels = indices(2, (const uint32_t[]){99, 99});
    ck_assert_ok(gather(backend, &data, NULL, 1, NULL, &X, &labels, &error));
    expect(&X, (const float[]){4, 84, 0.5f, 20});
    expect_indices(&labels, (const uint32_t[]){6, 7});
    ck_assert_ok(gather(backend, &data, &order, 0, NULL, &X, &labels, &error));
    expect(&X, (const float[]){2.5f, 8, -1, 1024});
    expect_indices(&labels, (const uint32_t[]){8, 5});
    data.values = real(4, 2, values);
    ck_assert_ok(gather(backend, &data, &order, 1, NULL, &X, &labels, &error));
    expect(&X, (const float[]){-0.75f, 0, 0.5f, 20});
    expect_indices(&labels, (const uint32_t[]){5, 7});
    close_backend();
}
END_TEST

/* Equal logits: p = 1/4 each, exactly, and a loss of log 4 per row. The first of equals is the prediction,
 * which is right for one of the two rows. Sums of several calls add up until they are reset.
 *
 * log 4 = 1.386 is off by 3 ulp of 2^-23, and rounded twice more for each of four rows:
 * 4 (3 + 2) 2^-23 < 2.4e-6. */
START_TEST(cross_entropy)
{
    open_backend(_i);
    const struct tensor Z = real(2, 4, (const float[]){1, 1, 1, 1, -3, -3, -3, -3});
    const struct tensor labels = indices(2, (const uint32_t[]){0, 2});
    struct tensor dZ = output(2, 4);
    struct metrics sums;
    double loss;
    size_t correct;
    ck_assert_ok(metrics_create(backend, &sums, &error));
    ck_assert_ok(metrics_reset(backend, &sums, &error));
    ck_assert_ok(softmax_xent(backend, &Z, &labels, NULL, &dZ, &sums, &error));
    expect(&dZ, (const float[]){-0.375f, 0.125f, 0.125f, 0.125f, 0.125f, 0.125f, -0.375f, 0.125f});
    ck_assert_ok(softmax_xent(backend, &Z, &labels, NULL, NULL, &sums, &error));
    ck_assert_ok(metrics_read(backend, &sums, &loss, &correct, &error));
    ck_assert_within(loss, 4 * log(4), 2.4e-6);
    ck_assert_uint_eq(correct, 2);
    ck_assert_ok(metrics_reset(backend, &sums, &error));
    ck_assert_ok(metrics_read(backend, &sums, &loss, &correct, &error));
    ck_assert_within(loss, 0, 0);
    ck_assert_uint_eq(correct, 0);
    metrics_free(backend, &sums);
    close_backend();
}
END_TEST

/* softmax(0, log 3) = (1/4, 3/4). Rounding log 3 to float moves p by 2^-24 p (1 - p); with the errors of exp
 * (3 ulp), sum and division this is below 10 u. A logit 1e4 below the largest has a probability of exactly 0,
 * and its loss is exactly the distance. */
START_TEST(probabilities)
{
    open_backend(_i);
    const struct tensor Z = real(2, 2, (const float[]){0, logf(3), 5000, -5000});
    const struct tensor labels = indices(2, (const uint32_t[]){0, 1});
    struct tensor P = output(2, 2);
    struct metrics sums;
    double loss;
    size_t correct;
    ck_assert_ok(softmax(backend, &Z, &P, &error));
    expect_near(&P, (const double[]){0.25, 0.75, 1, 0}, 10 * 0x1p-24);
    ck_assert_ok(metrics_create(backend, &sums, &error));
    ck_assert_ok(metrics_reset(backend, &sums, &error));
    ck_assert_ok(softmax_xent(backend, &Z, &labels, NULL, NULL, &sums, &error));
    ck_assert_ok(metrics_read(backend, &sums, &loss, &correct, &error));
    /* 10000 + log 4 in float: half an ulp of 2^-10, and log's errors */
    ck_assert_within(loss, 10000 + log(4), 0x1p-11 + 2e-6);
    ck_assert_uint_eq(correct, 0);
    metrics_free(backend, &sums);
    close_backend();
}
END_TEST

/* ---- shapes ---- */

/* Every operation with one matrix of a wrong shape is refused, and does not change its output. */
START_TEST(wrong_shapes)
{
    static const float six[6] = {1, 2, 3, 4, 5, 6};
    open_backend(_i);
    const struct tensor X = real(2, 3, X_values), flat = real(3, 2, six), dZ = real(2, 2, dZ_values);
    const struct tensor labels = indices(2, (const uint32_t[]){0, 1}),
                        few = indices(1, (const uint32_t[]){0});
    struct linear layer = layer_of();
    struct linear bent = {.W.value = flat, .b.value = layer.b.value},
                  unbiased = {.W.value = layer.W.value, .b.value = real(1, 3, six)};
    struct tensor out = real(2, 2, six), wide = real(2, 3, six), row = real(1, 2, six);
    const struct step step = {.learning_rate = 1, .rule = RULE_MOMENTUM, .momentum = 0.5};
    struct resident data = {
        .values = X, .labels = labels, .mean = real(1, 3, six), .scale = unbiased.b.value};
    struct metrics sums;
    ck_assert_ok(metrics_create(backend, &sums, &error));
    ck_assert_ok(metrics_reset(backend, &sums, &error));

#define ck_assert_refused(call)                                                                              \
    do {                                                                                                     \
        memset(&error, 0, sizeof error);                                                                     \
        ck_assert_int_eq((call), CLM_ERROR_SHAPE);                                                           \
        ck_assert_int_eq(error.status, CLM_ERROR_SHAPE);                                                     \
        ck_assert_uint_gt(strlen(error.message), 10);                                                        \
    } while (0)

    ck_assert_refused(linear_forward(backend, &X, &bent, EPILOGUE(ACTIVATION_NONE), &out, &error));
    ck_assert_refused(linear_forward(backend, &X, &unbiased, EPILOGUE(ACTIVATION_NONE), &out, &error));
    ck_assert_refused(linear_forward(backend, &X, &layer, EPILOGUE(ACTIVATION_NONE), &wide, &error));
    ck_assert_refused(linear_forward(backend, &X, &layer, EPILOGUE(ACTIVATION_NONE), &row, &error));
    ck_assert_refused(linear_forward(backend, &labels, &layer, EPILOGUE(ACTIVATION_NONE), &out, &error));
    ck_assert_refused(softmax_xent(backend, &dZ, &few, NULL, &out, &sums, &error));
    ck_assert_refused(softmax_xent(backend, &dZ, &labels, NULL, &wide, &sums, &error));
    ck_assert_refused(softmax_xent(backend, &dZ, &dZ, NULL, &out, &sums, &error));
    ck_assert_refused(softmax(backend, &dZ, &wide, &error));
    ck_assert_refused(linear_backward_input(backend, &dZ, &bent, NULL, &wide, &error));
    ck_assert_refused(linear_backward_input(backend, &dZ, &layer, GATE(ACTIVATION_RELU, &dZ), &wide, &error));
    ck_assert_refused(linear_backward_input(backend, &X, &layer, NULL, &wide, &error));
    struct linear kept = layer, bent_dW = layer, bent_db = layer;
    kept.W.gradient = bent_db.W.gradient = wide;
    kept.b.gradient = bent_dW.b.gradient = row;
    bent_dW.W.gradient = bent_db.b.gradient = out;
    ck_assert_refused(linear_backward_params(backend, &dZ, &flat, &kept, 0, &error));
    ck_assert_refused(linear_backward_params(backend, &dZ, &X, &bent_dW, 0, &error));
    ck_assert_refused(linear_backward_params(backend, &dZ, &X, &bent_db, 0, &error));
    ck_assert_refused(linear_backward_params(backend, &dZ, &X, &layer, 0, &error)); /* no gradients */
    ck_assert_refused(linear_backward_update(backend, &dZ, &flat, &layer, &step, &error));
    ck_assert_refused(linear_backward_update(backend, &dZ, &X, &layer, &step, &error)); /* no velocities */
    struct parameter of_other_gradient = {.value = out, .gradient = wide, .state = {out}},
                     of_other_state = {.value = out, .gradient = dZ, .state = {row}};
    ck_assert_refused(parameter_step(backend, &of_other_gradient, &step, &error));
    ck_assert_refused(parameter_step(backend, &of_other_state, &step, &error));
    struct tensor got = few;
    ck_assert_refused(gather(backend, &data, NULL, 2, NULL, &row, &got, &error)); /* row 2 of two */
    ck_assert_refused(gather(backend, &data, NULL, SIZE_MAX, NULL, &row, &got, &error));
    ck_assert_refused(gather(backend, &data, NULL, 0, NULL, &out, &got, &error));
    ck_assert_refused(gather(backend, &data, &few, 0, NULL, &wide, &got, &error));

    expect(&out, six);
    expect(&wide, six);
    expect(&row, six);
    expect(&layer.W.value, W_values);
    expect(&layer.b.value, b_values);
    expect_indices(&got, (const uint32_t[]){0});
    double loss = NAN;
    size_t correct = 1;
    ck_assert_ok(metrics_read(backend, &sums, &loss, &correct, &error));
    ck_assert_within(loss, 0, 0);
    ck_assert_uint_eq(correct, 0);
    metrics_free(backend, &sums);
    close_backend();
}
END_TEST

/* ---- gradients by differences ---- */

struct rows_judged {
    size_t count, tried, failed;
    double worst;
};

static void hear(void *user, const struct clm_gradcheck_row *row)
{
    struct rows_judged *const rows = user;
    char name[48];
    snprintf(name, sizeof name, "layers.%zu.%s", rows->count / 2, rows->count % 2 ? "bias" : "weight");
    ck_assert_str_eq(row->parameter, name);
    ck_assert_int_eq(row->passed,
                     row->tried && row->error_over_bound <= 1 && row->device_error_over_bound <= 1);
    rows->count++;
    rows->tried += row->tried;
    rows->failed += !row->passed;
    if (row->error_over_bound > rows->worst)
        rows->worst = row->error_over_bound;
}

static const struct {
    size_t sizes[5], size_count, batch;
    double l2;
    const char *init;
} nets[] = {
    {{20, 13, 7, 5}, 4, 11, 0.01, NULL}, {{4, 3}, 2, 1, 0, NULL},
    {{1, 9, 2}, 3, 8, 0.1, "xavier"},    {{6, 5, 5, 4, 3}, 5, 7, 0, "normal:0.7"},
    {{30, 40, 10}, 3, 16, 0.001, NULL},
};
enum { NETS = sizeof nets / sizeof *nets };

START_TEST(gradients_agree)
{
    const int net = _i % NETS;
    const struct clm_gradcheck_options options = {.sizes = nets[net].sizes,
                                                  .size_count = nets[net].size_count,
                                                  .batch = nets[net].batch,
                                                  .samples = 20,
                                                  .l2 = nets[net].l2,
                                                  .init = nets[net].init,
                                                  .seed = 3};
    struct rows_judged rows = {0};
    bool passed = false;
    open_backend(_i / NETS);
    const size_t before = backend->memory.now;
    ck_assert_ok(clm_gradcheck(backend, &options, hear, &rows, &passed, &error));
    ck_assert_uint_eq(rows.count, 2 * (nets[net].size_count - 1));
    ck_assert_uint_eq(rows.failed, 0);
    ck_assert(passed);
    ck_assert_uint_gt(rows.tried, 5);
    ck_assert_double_gt(rows.worst, 1e-6); /* a bound far above all errors would find nothing */
    if (kinds[_i / NETS] < FIXTURE_OPENCL) /* opencl keeps the workspace of its products */
        ck_assert_uint_eq(backend->memory.now, before);
    close_backend();
}
END_TEST

START_TEST(gradients_on_data)
{
    struct clm_data *const data = fixture_data(40, 10, 30, 4);
    struct clm_gradcheck_options options = {
        .sizes = (const size_t[]){30, 12, 4}, .size_count = 3, .batch = 13, .samples = 15, .data = data};
    struct rows_judged rows = {0};
    bool passed = false;
    open_backend(_i);
    ck_assert_ok(clm_gradcheck(backend, &options, hear, &rows, &passed, &error));
    ck_assert(passed);
    options.batch = 41;
    ck_assert_int_eq(clm_gradcheck(backend, &options, NULL, NULL, &passed, &error), CLM_ERROR_ARGUMENT);
    ck_assert(!passed);
    options.batch = 0;
    ck_assert_int_eq(clm_gradcheck(backend, &options, NULL, NULL, &passed, &error), CLM_ERROR_ARGUMENT);
    options.batch = 13;
    options.sizes = (const size_t[]){29, 12, 4};
    ck_assert_int_eq(clm_gradcheck(backend, &options, NULL, NULL, &passed, &error), CLM_ERROR_SHAPE);
    ck_assert(!passed);
    close_backend();
    clm_data_close(data);
}
END_TEST

/* A backend without the mask has wrong gradients in every layer but the last. */
static const struct backend_operations *right;

static clm_status without_mask(struct clm_backend *be, const struct tensor *dZ, const struct linear *layer,
                               const struct gate *gate, struct tensor *dX, struct clm_error *failure)
{
    (void)gate;
    return right->linear_backward_input(be, dZ, layer, GATE(ACTIVATION_NONE, NULL), dX, failure);
}

START_TEST(wrong_gradients_are_found)
{
    const struct clm_gradcheck_options options = {
        .sizes = nets[0].sizes, .size_count = nets[0].size_count, .batch = 11, .samples = 5, .seed = 1};
    struct rows_judged rows = {0};
    bool passed = true;
    open_backend(1);
    struct backend_operations wrong = *backend->operations;
    right = backend->operations;
    wrong.linear_backward_input = without_mask;
    backend->operations = &wrong;
    ck_assert_ok(clm_gradcheck(backend, &options, hear, &rows, &passed, &error));
    ck_assert(!passed);
    ck_assert_uint_eq(rows.failed, 4); /* weight and bias of layers 0 and 1 */
    backend->operations = right;
    close_backend();
}
END_TEST

START_TEST(a_backend_says_what_it_is)
{
    static const enum clm_backend_kind is[] = {CLM_BACKEND_REFERENCE, CLM_BACKEND_BLAS, CLM_BACKEND_OPENCL};
    static const enum fixture of[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL};
    struct clm_backend *const one = fixture_backend(of[_i]);
    ck_assert_int_eq(clm_backend_kind(one), is[_i]);
    clm_backend_close(one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reference");
    TCase *cases = tcase_create("reference");
    tcase_add_loop_test(cases, a_backend_says_what_it_is, 0, 3);
    test_add_sampled(cases, forward, 0, KINDS, 1);
    test_add_sampled(cases, backward_input, 0, KINDS, 1);
    test_add_sampled(cases, backward_params, 0, KINDS, 1);
    test_add_sampled(cases, backward_update, 0, KINDS, 1);
    test_add_sampled(cases, backward_update_with_momentum, 0, KINDS, 1);
    test_add_sampled(cases, update_alone, 0, KINDS, 1);
    test_add_sampled(cases, gathering, 0, KINDS, 1);
    test_add_sampled(cases, cross_entropy, 0, KINDS, 1);
    test_add_sampled(cases, probabilities, 0, KINDS, 1);
    test_add_sampled(cases, wrong_shapes, 0, KINDS, 1);
    test_add_sampled(cases, gradients_agree, 0, KINDS * NETS, 1);
    test_add_sampled(cases, gradients_on_data, 0, KINDS, 1);
    tcase_add_test(cases, wrong_gradients_are_found);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
