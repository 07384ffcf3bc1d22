/* Relations between results that must hold on every backend, whatever the numbers; no right results are
 * needed.
 *
 * If two results are equal in real numbers, each is within its bound of that value. So they differ by at most
 * the sum of both bounds. The bounds of whole nets come from running error analysis (prove/bounds/bounds.h).
 * Sums here are in double, which the bounds allow for. */
#include "base/philox.h"
#include "base/size.h"
#include "nn/network.h"
#include "prove/bounds/bounds.h"
#include "prove/judge.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 2

static struct clm_backend *be, *bounds;
static struct clm_error error;

/* Nets of one hidden layer, and two batches: the smallest, primes, one more and one less than tiles of 32, 64
 * and 128, batches that are whole tiles only together, and few, ten and a thousand classes. */
static const struct net_shape {
    size_t rows[2], inputs, hidden, classes;
} shapes[] = {
    {{1, 1}, 1, 1, 2},     {{7, 13}, 31, 17, 10},  {{31, 33}, 65, 63, 10},
    {{5, 123}, 33, 65, 2}, {{1, 16}, 127, 129, 3}, {{3, 2}, 13, 5, 1000},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void open_backend(int fixture)
{
    bounds = fixture_bounds();
    be = fixture_backend((enum fixture)fixture);
}

static void close_backend(void)
{
    clm_backend_close(be);
    clm_backend_close(bounds);
    be = bounds = NULL;
}

static void *allocate(size_t count, size_t size)
{
    void *const memory = calloc(count, size);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static double *read_doubles(const struct tensor *tensor)
{
    double *const values = allocate(tensor->rows * tensor->columns, sizeof *values);
    ck_assert_done(backend_read(be, tensor, HOST_DOUBLE, values, &error));
    return values;
}

/* The errors of a tensor of the bounds. */
static double *read_errors(const struct tensor *tensor)
{
    const size_t count = tensor->rows * tensor->columns;
    double *const values = allocate(count, sizeof *values), *const errors = allocate(count, sizeof *errors);
    ck_assert_done(bounds_read(bounds, tensor, values, errors, &error));
    free(values);
    return errors;
}

/* ---- a net and rows to take batches from ---- */

/* The net on one backend; on `bounds` it also has each element's error. */
struct runner {
    struct network net;
    struct metrics sums;
};

struct property_bench {
    size_t rows, inputs, hidden, classes;
    struct clm_model *model;
    struct runner run, bound;
    float *X;
    uint32_t *labels, *others; /* two labels of each row */
};

/* Weights of at most ±1.5 / I and biases of at most ±0.5, so that bounds grow little from layer to layer. */
static void draw(struct property_bench *t, struct philox *random)
{
    for (size_t l = 0; l < DEPTH; l++) {
        const size_t I = clm_model_width(t->model, l), O = clm_model_width(t->model, l + 1);
        for (size_t i = 0; i < O * I; i++)
            model_weight(t->model, l)[i] = (float)((2 * philox_uniform(random) - 1) * 1.5 / (double)I);
        for (size_t o = 0; o < O; o++)
            model_bias(t->model, l)[o] = (float)(philox_uniform(random) - 0.5);
    }
    for (size_t i = 0; i < t->rows * t->inputs; i++)
        t->X[i] = (float)philox_normal(random);
    for (size_t r = 0; r < t->rows; r++) {
        t->labels[r] = philox_below(random, (uint32_t)t->classes);
        t->others[r] = philox_below(random, (uint32_t)t->classes);
    }
}

/* Batches have up to twice the rows. */
static void create_runner(struct runner *out, struct clm_backend *on, const struct property_bench *t)
{
    const struct architecture *const architecture = &t->model->architecture;
    ck_assert_done(network_create(on, architecture, 2 * t->rows, NETWORK_GRADIENTS, &out->net, &error));
    ck_assert_done(network_prepare_mixup(&out->net, &error));
    ck_assert_done(network_write(&out->net, t->model, &error));
    ck_assert_done(metrics_create(on, &out->sums, &error));
}

static void free_runner(struct runner *runner)
{
    struct clm_backend *const on = runner->net.be;
    metrics_free(on, &runner->sums);
    network_free(&runner->net);
}

static struct property_bench bench_of(const struct net_shape *shape, uint64_t seed)
{
    const size_t widths[DEPTH + 1] = {shape->inputs, shape->hidden, shape->classes};
    const struct clm_model_options options = {.sizes = widths, .size_count = DEPTH + 1, .init = "he"};
    struct philox random = philox_start(seed, RANDOM_TEST, 11);
    struct property_bench t = {.rows = shape->rows[0] + shape->rows[1],
                               .inputs = shape->inputs,
                               .hidden = shape->hidden,
                               .classes = shape->classes};
    t.X = allocate(t.rows * t.inputs, sizeof *t.X);
    t.labels = allocate(t.rows, sizeof *t.labels);
    t.others = allocate(t.rows, sizeof *t.others);
    ck_assert_done(clm_model_create(&options, &t.model, &error));
    draw(&t, &random);
    create_runner(&t.run, be, &t);
    create_runner(&t.bound, bounds, &t);
    return t;
}

static void bench_free(struct property_bench *t)
{
    free_runner(&t->run);
    free_runner(&t->bound);
    clm_model_free(t->model);
    free(t->X);
    free(t->labels);
    free(t->others);
}

/* Rows of the bench by number, with their labels; mixed: half of each label. */
struct numbered_batch {
    size_t rows;
    const uint32_t *numbers, *labels;
    bool is_mixed;
};

/* Puts a batch's rows where the net's step takes them from. */
static void put(const struct property_bench *t, struct runner *runner, const struct numbered_batch *batch)
{
    struct network *const net = &runner->net;
    struct tensor X = tensor_first_rows(&net->X, batch->rows);
    struct tensor labels = tensor_first_columns(&net->labels, batch->rows);
    struct tensor partners = tensor_first_columns(&net->mixture.partners, batch->rows);
    float *const inputs = allocate(batch->rows * t->inputs, sizeof *inputs);
    uint32_t *const others = allocate(batch->rows, sizeof *others);
    for (size_t r = 0; r < batch->rows; r++) {
        memcpy(inputs + r * t->inputs, t->X + batch->numbers[r] * t->inputs, t->inputs * sizeof *inputs);
        others[r] = t->others[batch->numbers[r]];
    }
    ck_assert_done(backend_write(net->be, &X, HOST_FLOAT, inputs, &error));
    ck_assert_done(backend_write(net->be, &labels, HOST_INDEX, batch->labels, &error));
    ck_assert_done(backend_write(net->be, &partners, HOST_INDEX, others, &error));
    net->is_mixed = batch->is_mixed;
    net->mixture.share = batch->is_mixed ? 0.5 : 1;
    free(inputs);
    free(others);
}

static void run(const struct property_bench *t, struct runner *runner, const struct numbered_batch *batch)
{
    put(t, runner, batch);
    ck_assert_done(metrics_reset(runner->net.be, &runner->sums, &error));
    ck_assert_done(network_gradients(&runner->net, batch->rows, 0, &runner->sums, &error));
}

/* Sums over a batch's rows of all gradients, loss and correct predictions, and the largest error of each. */
struct totals {
    size_t count;
    double *values, *errors;
};

static void totals_free(struct totals *totals)
{
    free(totals->values);
    free(totals->errors);
}

/* Gradients are means: times `rows`, they are sums. */
static void add_gradient(struct totals *totals, const struct tensor *got, const struct tensor *bound,
                         size_t rows)
{
    double *const values = read_doubles(got), *const errors = read_errors(bound);
    for (size_t i = 0; i < got->rows * got->columns; i++) {
        totals->values[totals->count] = (double)rows * values[i];
        totals->errors[totals->count++] = (double)rows * errors[i];
    }
    free(values);
    free(errors);
}

static struct totals totals_of(struct property_bench *t, const struct numbered_batch *batch)
{
    const size_t most =
        t->inputs * t->hidden + t->hidden + t->hidden * t->classes + t->classes + 2; /* loss and correct */
    struct totals totals = {.values = allocate(most, sizeof(double)),
                            .errors = allocate(most, sizeof(double))};
    struct bounded_sums expected;
    double loss;
    size_t correct;
    run(t, &t->run, batch);
    run(t, &t->bound, batch);
    ck_assert_done(metrics_read(be, &t->run.sums, &loss, &correct, &error));
    ck_assert_done(bounds_sums(bounds, &t->bound.sums, &expected, &error));
    for (size_t n = 0; n < 2 * DEPTH; n++)
        add_gradient(&totals, &network_parameter(&t->run.net, n)->gradient,
                     &network_parameter(&t->bound.net, n)->gradient, batch->rows);
    totals.values[totals.count] = loss;
    totals.errors[totals.count++] = expected.loss_error;
    totals.values[totals.count] = (double)correct;
    totals.errors[totals.count++] = expected.correct_error;
    return totals;
}

/* whole = weight part + other, if `other` is not NULL. */
static void expect_sum(const struct totals *whole, double weight, const struct totals *part,
                       const struct totals *other, size_t shape)
{
    ck_assert_uint_eq(part->count, whole->count);
    for (size_t i = 0; i < whole->count; i++) {
        const double sum = weight * part->values[i] + (other ? other->values[i] : 0);
        const double bound = whole->errors[i] + weight * part->errors[i] + (other ? other->errors[i] : 0);
        if (!(fabs(whole->values[i] - sum) <= bound))
            ck_abort_msg("%s %s, shape %zu: sum %zu of %zu is %.9g, not within %.3g of %.9g",
                         clm_backend_name(be), clm_backend_provider(be), shape, i, whole->count,
                         whole->values[i], bound, sum);
    }
}

/* Consecutive row numbers from `first` on. */
static uint32_t *numbers_from(size_t first, size_t count)
{
    uint32_t *const numbers = allocate(count, sizeof *numbers);
    for (size_t r = 0; r < count; r++)
        numbers[r] = (uint32_t)(first + r);
    return numbers;
}

/* ---- batches ---- */

/* The sums of `joined` are those of its two parts. */
static void expect_joined(struct property_bench *t, const struct numbered_batch *joined,
                          const struct numbered_batch *first, const struct numbered_batch *second,
                          size_t shape)
{
    struct totals whole = totals_of(t, joined), part = totals_of(t, first), other = totals_of(t, second);
    expect_sum(&whole, 1, &part, &other, shape);
    totals_free(&whole);
    totals_free(&part);
    totals_free(&other);
}

START_TEST(gradients_of_two_batches_add_up)
{
    open_backend(_i);
    for (size_t s = 0; s < SHAPES; s++) {
        struct property_bench t = bench_of(&shapes[s], s);
        const size_t a = shapes[s].rows[0], b = shapes[s].rows[1];
        uint32_t *const numbers = numbers_from(0, a + b);
        expect_joined(&t, &(struct numbered_batch){a + b, numbers, t.labels, false},
                      &(struct numbered_batch){a, numbers, t.labels, false},
                      &(struct numbered_batch){b, numbers + a, t.labels + a, false}, s);
        free(numbers);
        bench_free(&t);
    }
    close_backend();
}
END_TEST

/* A batch with its first row once more at the end has the sums of the batch and of that row. */
START_TEST(a_duplicate_weighs_two)
{
    open_backend(_i);
    for (size_t s = 0; s < SHAPES; s++) {
        struct property_bench t = bench_of(&shapes[s], s + 100);
        const size_t n = t.rows;
        uint32_t *const numbers = numbers_from(0, n + 1), *const labels = numbers_from(0, n + 1);
        numbers[n] = 0;
        for (size_t r = 0; r <= n; r++)
            labels[r] = t.labels[numbers[r]];
        expect_joined(&t, &(struct numbered_batch){n + 1, numbers, labels, false},
                      &(struct numbered_batch){n, numbers, labels, false},
                      &(struct numbered_batch){1, numbers, labels, false}, s);
        free(numbers);
        free(labels);
        bench_free(&t);
    }
    close_backend();
}
END_TEST

/* Each row twice, once with each label, gives twice the batch with half of each label. */
START_TEST(rows_with_both_labels_are_mixed_ones_twice)
{
    open_backend(_i);
    for (size_t s = 0; s < SHAPES; s++) {
        struct property_bench t = bench_of(&shapes[s], s + 200);
        const size_t n = t.rows;
        uint32_t *const numbers = numbers_from(0, 2 * n), *const labels = numbers_from(0, 2 * n);
        for (size_t r = 0; r < n; r++) {
            numbers[n + r] = (uint32_t)r;
            labels[r] = t.labels[r];
            labels[n + r] = t.others[r];
        }
        struct totals doubled = totals_of(&t, &(struct numbered_batch){2 * n, numbers, labels, false});
        struct totals mixed = totals_of(&t, &(struct numbered_batch){n, numbers, labels, true});
        doubled.count--, mixed.count--; /* in mixed rows, a prediction of the first label is correct */
        expect_sum(&doubled, 2, &mixed, NULL, s);
        totals_free(&doubled);
        totals_free(&mixed);
        free(numbers);
        free(labels);
        bench_free(&t);
    }
    close_backend();
}
END_TEST

/* ---- the order of rows ---- */

/* A batch's results row by row: Y of the hidden layer, and the gradients dZ and dY, with their bounds. */
struct row_results {
    struct rows_of {
        size_t columns;
        double *values, *errors;
    } of[3];
};

static struct rows_of take_rows(const struct tensor *got, const struct tensor *bound, size_t rows,
                                size_t columns)
{
    struct tensor view = *got, bound_view = *bound;
    view.rows = bound_view.rows = rows, view.columns = bound_view.columns = columns;
    return (struct rows_of){columns, read_doubles(&view), read_errors(&bound_view)};
}

/* For the batch whose totals were taken last. */
static struct row_results row_results_of(const struct property_bench *t, size_t rows)
{
    const struct network *const net = &t->run.net, *const bound = &t->bound.net;
    return (struct row_results){{take_rows(&net->layers[0].Y, &bound->layers[0].Y, rows, t->hidden),
                                 take_rows(&net->layers[1].Y, &bound->layers[1].Y, rows, t->classes),
                                 take_rows(&net->layers[0].dZ, &bound->layers[0].dZ, rows, t->hidden)}};
}

static void rows_free(struct rows_of *rows)
{
    free(rows->values);
    free(rows->errors);
}

/* The reference and our own kernels add each row's sums in the same order wherever the row is; BLAS and
 * CLBlast may have other code for the last rows. */
static bool has_bits_of_its_own(int fixture)
{
    return fixture != FIXTURE_BLAS && fixture != FIXTURE_CLBLAST;
}

static void expect_row(const struct rows_of *straight, size_t from, const struct rows_of *permuted, size_t to,
                       bool is_exact, const char *name)
{
    const size_t columns = straight->columns;
    for (size_t c = 0; c < columns; c++) {
        const double a = straight->values[from * columns + c], b = permuted->values[to * columns + c];
        const double bound =
            is_exact ? 0 : straight->errors[from * columns + c] + permuted->errors[to * columns + c];
        if (!(fabs(a - b) <= bound))
            ck_abort_msg("%s %s: %s[%zu,%zu] is %.9g, and as row %zu %.9g, not within %.3g",
                         clm_backend_name(be), clm_backend_provider(be), name, from, c, a, to, b, bound);
    }
}

START_TEST(permuted_rows_give_permuted_results)
{
    static const char *const names[3] = {"Y", "dZ", "dY"};
    open_backend(_i);
    for (size_t s = 0; s < SHAPES; s++) {
        struct property_bench t = bench_of(&shapes[s], s + 300);
        const size_t n = t.rows;
        struct philox random = philox_start(s, RANDOM_TEST, 12);
        uint32_t *const numbers = numbers_from(0, n), *const order = numbers_from(0, n),
                        *const labels = numbers_from(0, n);
        do
            philox_permutation(&random, order, n);
        while (!memcmp(order, numbers, n * sizeof *order));
        for (size_t r = 0; r < n; r++)
            labels[r] = t.labels[order[r]];
        struct totals straight = totals_of(&t, &(struct numbered_batch){n, numbers, t.labels, false});
        struct row_results rows = row_results_of(&t, n);
        struct totals permuted = totals_of(&t, &(struct numbered_batch){n, order, labels, false});
        struct row_results permuted_rows = row_results_of(&t, n);
        expect_sum(&permuted, 1, &straight, NULL, s);
        for (size_t m = 0; m < 3; m++) {
            for (size_t r = 0; r < n; r++)
                expect_row(&rows.of[m], order[r], &permuted_rows.of[m], r, has_bits_of_its_own(_i), names[m]);
            rows_free(&rows.of[m]);
            rows_free(&permuted_rows.of[m]);
        }
        totals_free(&straight);
        totals_free(&permuted);
        free(numbers);
        free(order);
        free(labels);
        bench_free(&t);
    }
    close_backend();
}
END_TEST

/* ---- softmax ---- */

static struct tensor create(enum tensor_type type, size_t rows, size_t columns, enum host_type host,
                            const void *values)
{
    struct tensor tensor;
    ck_assert_done(tensor_create(be, type, rows, columns, &tensor, &error));
    ck_assert_done(backend_write(be, &tensor, host, values, &error));
    return tensor;
}

/* Multiples of 1/8 up to `most`: sums of their products, in any order, and differences are exact floats. */
static float *eighths(struct philox *random, size_t count, uint32_t most)
{
    float *const values = allocate(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = ((float)philox_below(random, 16 * most + 1) - (float)(8 * most)) / 8;
    return values;
}

/* All results from logits: P, dZ and dX, and the sums. */
struct softmax_results {
    double *P, *dZ, *dX, loss;
    size_t correct;
};

/* From Z = X Wᵀ + b: its last layer in one operation, and in single ones. */
static struct softmax_results softmax_results_of(const struct tensor *X, const struct linear *layer,
                                                 const struct tensor *labels, const struct mixture *mixture)
{
    const size_t B = X->rows, C = layer->W.value.rows;
    struct softmax_results results;
    struct tensor Z, dZ, dX;
    struct metrics sums;
    ck_assert_done(tensor_create(be, TENSOR_REAL, B, C, &Z, &error));
    ck_assert_done(tensor_create(be, TENSOR_REAL, B, C, &dZ, &error));
    ck_assert_done(tensor_create(be, TENSOR_REAL, B, X->columns, &dX, &error));
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    ck_assert_done(linear_softmax_backward(be, X, layer, labels, mixture, GATE(ACTIVATION_RELU, X), &dZ, &dX,
                                           &sums, &error));
    results.dZ = read_doubles(&dZ);
    results.dX = read_doubles(&dX);
    ck_assert_done(linear_forward(be, X, layer, EPILOGUE(ACTIVATION_NONE), &Z, &error));
    ck_assert_done(softmax_xent(be, &Z, labels, NULL, &dZ, &sums, &error));
    ck_assert_done(softmax(be, &Z, &Z, &error));
    results.P = read_doubles(&Z);
    ck_assert_done(metrics_read(be, &sums, &results.loss, &results.correct, &error));
    metrics_free(be, &sums);
    tensor_free(be, &Z);
    tensor_free(be, &dZ);
    tensor_free(be, &dX);
    return results;
}

static void softmax_results_free(struct softmax_results *results)
{
    free(results->P);
    free(results->dZ);
    free(results->dX);
}

/* A last layer and a batch; all numbers are multiples of 1/8. */
struct last_layer {
    size_t B, I, C;
    struct tensor X, labels;
    struct linear layer;
    struct mixture mixture;
    float *b;
};

static struct tensor draw_labels(struct philox *random, size_t B, size_t C)
{
    uint32_t *const labels = allocate(B, sizeof *labels);
    for (size_t r = 0; r < B; r++)
        labels[r] = philox_below(random, (uint32_t)C);
    const struct tensor tensor = create(TENSOR_INDEX, 1, B, HOST_INDEX, labels);
    free(labels);
    return tensor;
}

static struct last_layer last_layer_of(const struct net_shape *shape, struct philox *random)
{
    struct last_layer t = {
        .B = shape->rows[1], .I = size_min(shape->inputs, 64), .C = shape->classes, .mixture.share = 0.25};
    const size_t widths[2] = {t.I, t.C};
    float *const x = eighths(random, t.B * t.I, 1), *const w = eighths(random, t.C * t.I, 1);
    t.b = eighths(random, t.C, 8);
    ck_assert_done(backend_prepare(be, widths, 2, NULL, RULE_COUNT, t.B, &error));
    t.X = create(TENSOR_REAL, t.B, t.I, HOST_FLOAT, x);
    t.labels = draw_labels(random, t.B, t.C);
    t.mixture.partners = draw_labels(random, t.B, t.C);
    t.layer.b.value = create(TENSOR_REAL, 1, t.C, HOST_FLOAT, t.b);
    ck_assert_done(weights_create(be, t.C, t.I, t.B, &t.layer.W.value, &error));
    ck_assert_done(backend_write(be, &t.layer.W.value, HOST_FLOAT, w, &error));
    free(x);
    free(w);
    return t;
}

static void last_layer_free(struct last_layer *t)
{
    tensor_free(be, &t->X);
    tensor_free(be, &t->labels);
    tensor_free(be, &t->mixture.partners);
    tensor_free(be, &t->layer.W.value);
    tensor_free(be, &t->layer.b.value);
    free(t->b);
}

/* With all biases larger by `shift`. */
static struct softmax_results shifted_results(struct last_layer *t, float shift, bool is_mixed)
{
    float *const b = allocate(t->C, sizeof *b);
    for (size_t c = 0; c < t->C; c++)
        b[c] = t->b[c] + shift;
    ck_assert_done(backend_write(be, &t->layer.b.value, HOST_FLOAT, b, &error));
    free(b);
    return softmax_results_of(&t->X, &t->layer, &t->labels, is_mixed ? &t->mixture : NULL);
}

/* Logits are multiples of 1/64, at most 64 + 8 in size, or 4096 more: floats of 19 bits. All results depend
 * on differences, which are exact: no bit changes. */
START_TEST(a_shift_of_the_logits_changes_no_bit)
{
    static const float shifts[] = {1, -37.5f, 4096};
    open_backend(_i);
    for (size_t s = 0; s < SHAPES; s++) {
        struct philox random = philox_start(s, RANDOM_TEST, 13);
        struct last_layer t = last_layer_of(&shapes[s], &random);
        for (int is_mixed = 0; is_mixed < 2; is_mixed++) {
            struct softmax_results straight = shifted_results(&t, 0, is_mixed);
            for (size_t k = 0; k < sizeof shifts / sizeof *shifts; k++) {
                struct softmax_results shifted = shifted_results(&t, shifts[k], is_mixed);
                ck_assert_mem_eq(shifted.P, straight.P, t.B * t.C * sizeof(double));
                ck_assert_mem_eq(shifted.dZ, straight.dZ, t.B * t.C * sizeof(double));
                ck_assert_mem_eq(shifted.dX, straight.dX, t.B * t.I * sizeof(double));
                ck_assert(shifted.loss == straight.loss);
                ck_assert_uint_eq(shifted.correct, straight.correct);
                softmax_results_free(&shifted);
            }
            softmax_results_free(&straight);
        }
        last_layer_free(&t);
    }
    close_backend();
}
END_TEST

/* ---- the penalty alone ---- */

#define STEPS 5

/* w' = w - rate v' with v' = momentum v + 2 l2 w and v = 0 at first. So w(k + 1) = (1 + momentum - 2 rate
 * l2) w(k) - momentum w(k - 1): w(k) = w(0) (α λ^k + β μ^k), with λ and μ the roots of x² - (1 + momentum
 * - 2 rate l2) x + momentum, and α and β such that w(1) = w(0) (1 - 2 rate l2). Without momentum μ is 0,
 * and this is w(0) (1 - 2 rate l2)^k. */
static double decay_after(int k, const struct step *step)
{
    const double first = 1 - 2 * step->learning_rate * step->l2, half = (first + step->momentum) / 2;
    const double root = sqrt(half * half - step->momentum), lambda = half + root, mu = half - root;
    const double alpha = (first - mu) / (lambda - mu);
    return alpha * pow(lambda, k) + (1 - alpha) * (k ? pow(mu, k) : 1);
}

/* A layer, its gradient and its inputs on one backend; velocities are zero at first. */
struct penalised {
    struct clm_backend *on;
    struct linear layer;
    struct tensor dZ, X;
};

static void put_normals(struct clm_backend *on, struct tensor *tensor, struct philox *random)
{
    const size_t count = tensor->rows * tensor->columns;
    double *const values = allocate(count, sizeof *values);
    for (size_t i = 0; random && i < count; i++)
        values[i] = (float)philox_normal(random);
    ck_assert_done(backend_write(on, tensor, HOST_DOUBLE, values, &error));
    free(values);
}

/* dZ is zero, X is not. */
static struct penalised penalised_of(struct clm_backend *on, size_t B, size_t I, size_t O,
                                     struct philox random)
{
    const size_t widths[2] = {I, O};
    struct penalised t = {.on = on};
    struct tensor *const tensors[] = {&t.layer.W.value, &t.layer.b.value, &t.layer.W.state[0],
                                      &t.layer.b.state[0]};
    ck_assert_done(backend_prepare(on, widths, 2, NULL, RULE_COUNT, B, &error));
    for (size_t m = 0; m < 4; m++) {
        ck_assert_done(m % 2 ? tensor_create(on, TENSOR_REAL, 1, O, tensors[m], &error)
                             : weights_create(on, O, I, B, tensors[m], &error));
        put_normals(on, tensors[m], m < 2 ? &random : NULL);
    }
    ck_assert_done(tensor_create(on, TENSOR_REAL, B, O, &t.dZ, &error));
    ck_assert_done(tensor_create(on, TENSOR_REAL, B, I, &t.X, &error));
    put_normals(on, &t.dZ, NULL);
    put_normals(on, &t.X, &random);
    return t;
}

static void penalised_free(struct penalised *t)
{
    struct tensor *const tensors[] = {
        &t->layer.W.value, &t->layer.b.value, &t->layer.W.state[0], &t->layer.b.state[0], &t->dZ, &t->X};
    for (size_t m = 0; m < sizeof tensors / sizeof *tensors; m++)
        tensor_free(t->on, tensors[m]);
}

/* The bound is that of the steps on the reference, and includes their roundings. */
static void expect_decayed(const struct penalised *t, const struct penalised *bound, const double *W,
                           const double *b, int steps, const struct step *step)
{
    const double decay = decay_after(steps, step);
    double *const got_W = read_doubles(&t->layer.W.value), *const got_b = read_doubles(&t->layer.b.value),
                  *const errors = read_errors(&bound->layer.W.value);
    for (size_t i = 0; i < t->layer.W.value.rows * t->layer.W.value.columns; i++)
        if (!(fabs(got_W[i] - decay * W[i]) <= errors[i]))
            ck_abort_msg("%s %s: weight %zu is %.9g after %d steps, not within %.3g of %.9g",
                         clm_backend_name(be), clm_backend_provider(be), i, got_W[i], steps, errors[i],
                         decay * W[i]);
    ck_assert_mem_eq(got_b, b, t->layer.b.value.columns * sizeof *b); /* biases have no penalty */
    free(got_W);
    free(got_b);
    free(errors);
}

START_TEST(a_step_without_a_gradient_is_decay)
{
    static const struct step steps[] = {
        {RULE_SGD, 0.125, 0, 0.375}, {RULE_MOMENTUM, 0.1, 0.5, 0.05}, {RULE_MOMENTUM, 0.5, 0.25, 0.01}};
    open_backend(_i);
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            const struct philox random = philox_start(s, RANDOM_TEST, 14);
            const size_t B = shapes[s].rows[1], I = shapes[s].inputs, O = shapes[s].classes;
            struct penalised t = penalised_of(be, B, I, O, random),
                             bound = penalised_of(bounds, B, I, O, random);
            double *const W = read_doubles(&t.layer.W.value), *const b = read_doubles(&t.layer.b.value);
            for (int n = 1; n <= STEPS; n++) {
                ck_assert_done(linear_backward_update(be, &t.dZ, &t.X, &t.layer, &steps[k], &error));
                ck_assert_done(
                    linear_backward_update(bounds, &bound.dZ, &bound.X, &bound.layer, &steps[k], &error));
                expect_decayed(&t, &bound, W, b, n, &steps[k]);
            }
            free(W);
            free(b);
            penalised_free(&t);
            penalised_free(&bound);
        }
    close_backend();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        gradients_of_two_batches_add_up,
        a_duplicate_weighs_two,
        rows_with_both_labels_are_mixed_ones_twice,
        permuted_rows_give_permuted_results,
        a_shift_of_the_logits_changes_no_bit,
        a_step_without_a_gradient_is_decay,
    };
    Suite *const suite = suite_create("properties");
    /* a case for the device's own products, for .ci/methods */
    TCase *const own = tcase_create("own products"), *const others = tcase_create("other products");
    for (size_t i = 0; i < COUNT_OF(tests); i++) {
        test_add_sampled(others, tests[i], 0, FIXTURE_OPENCL, 2);
        test_add_sampled(own, tests[i], FIXTURE_OPENCL, FIXTURE_OPENCL + 1, 1);
        test_add_sampled(others, tests[i], FIXTURE_OPENCL + 1, FIXTURE_COUNT, 2);
    }
    suite_add_tcase(suite, own);
    suite_add_tcase(suite, others);
    return test_run(suite);
}
