/* Bounds of the linear layer's operations: three products with their epilogues, and the optimiser's step. */
#include "prove/bounds/rules.h"
#include "prove/bounds/stage.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

/* A product of K terms rounds each of them at most K + 2 times, in any order, in blocks or fused: K times for
 * the product and the sums (a block of k terms and the sum of K / k blocks make k + K / k <= K + 1 roundings,
 * fused multiply-adds make fewer), twice for alpha and beta. */
#define PRODUCT(K) ((K) + 2)

/* Terms of a block, if a backend takes the gradient's sum into the step in several blocks. */
#define BLOCK_LEAST 512

#define FACTORS_MOST 3
#define LARGE        (1 << 27) /* multiplications: the reference takes a tenth of a second or more */

/* ---- products ---- */

/* A product on the reference. `in` are the operation's inputs; the rest are its outputs. */
typedef clm_status product_call(struct clm_backend *reference, const struct tensor *in, double l2,
                                struct tensor *const *out, struct clm_error *error);

/* A product of tensors with errors. Its first two inputs are its factors. */
struct bounded_product {
    product_call *call;
    struct tensor in[FACTORS_MOST]; /* the operation's inputs; the last may be missing */
    size_t terms;                   /* of each sum */
    bool is_along_columns[2];       /* whether a factor's terms lie in a row, or in a column */
    size_t shapes[2][2];            /* rows and columns of the outputs; the second one may be missing */
    double l2;
};

/* One output of a product: of the values, and of both sides of the bound. */
struct sides {
    double *value, *inner, *outer;
};

static bool is_exact(const struct bounded_product *product)
{
    for (size_t n = 0; n < FACTORS_MOST && product->in[n].memory; n++)
        for (size_t i = 0; i < tensor_elements(&product->in[n]); i++)
            if (errors_of(&product->in[n])[i] != 0)
                return false;
    return true;
}

/* The product of `in`, into matrices of the stage. */
static void multiply(struct stage *stage, const struct bounded_product *product, const struct tensor *in,
                     double *out[2])
{
    struct tensor *made[2] = {NULL, NULL};
    for (size_t n = 0; n < 2 && product->shapes[n][0]; n++)
        made[n] = stage_room(stage, product->shapes[n][0], product->shapes[n][1]);
    if (stage->status == CLM_OK)
        stage->status = product->call(stage->reference, in, product->l2, made, stage->error);
    for (size_t n = 0; n < 2; n++)
        out[n] = made[n] ? made[n]->memory : NULL;
}

/* The Euclidean lengths of a factor's rows (or columns) times `scale`: a matrix for a product of one term. */
static struct tensor lengths_of(struct stage *stage, const struct tensor *factor, bool is_along_columns,
                                double scale)
{
    const size_t rows = is_along_columns ? factor->rows : 1, columns = is_along_columns ? 1 : factor->columns;
    struct tensor *const lengths = stage_room(stage, rows, columns);
    double *const out = lengths->memory;
    if (stage->status != CLM_OK)
        return *lengths;
    memset(out, 0, tensor_elements(lengths) * sizeof *out);
    for (size_t r = 0; r < factor->rows; r++)
        for (size_t c = 0; c < factor->columns; c++) {
            const double value = values_of(factor)[r * factor->columns + c];
            out[is_along_columns ? r : c] += value * value;
        }
    for (size_t i = 0; i < tensor_elements(lengths); i++)
        out[i] = scale * sqrt(out[i]);
    return *lengths;
}

/* A sum of absolute products is at most the product of the two vectors' lengths (Cauchy and Schwarz), and not
 * much smaller if their elements are of one size. So the inner side of a large product is a product of one
 * term, which takes almost no time. A sum over the first factor alone (db) is at most sqrt(terms) times its
 * length; so the first factor is multiplied by that, and the second one divided by it. */
static void multiply_lengths(struct stage *stage, const struct bounded_product *product, double *out[2])
{
    const double root = sqrt((double)product->terms);
    struct tensor in[FACTORS_MOST] = {{0}};
    in[0] = lengths_of(stage, &product->in[0], product->is_along_columns[0], root);
    in[1] = lengths_of(stage, &product->in[1], product->is_along_columns[1], 1 / root);
    for (size_t n = 2; n < FACTORS_MOST && product->in[n].memory; n++)
        in[n] = *stage_put(stage, &product->in[n], SIDE_INNER);
    multiply(stage, product, in, out);
}

static void multiply_side(struct stage *stage, const struct bounded_product *product, enum side side,
                          double *out[2])
{
    struct tensor in[FACTORS_MOST] = {{0}};
    for (size_t n = 0; n < FACTORS_MOST && product->in[n].memory; n++)
        in[n] = *stage_put(stage, &product->in[n], side);
    multiply(stage, product, in, out);
}

/* The values of a product's outputs, and both sides of their bounds, which are the same if no input has an
 * error. */
static void product_sides(struct stage *stage, const struct bounded_product *product, struct sides out[2])
{
    const bool has_errors = !is_exact(product);
    const double work =
        (double)product->shapes[0][0] * (double)product->shapes[0][1] * (double)product->terms;
    double *values[2], *inner[2], *outer[2];
    struct tensor in[FACTORS_MOST] = {{0}};
    for (size_t n = 0; n < FACTORS_MOST && product->in[n].memory; n++)
        in[n] = value_of(&product->in[n]);
    multiply(stage, product, in, values);
    if (!has_errors && work >= LARGE)
        multiply_lengths(stage, product, inner);
    else
        multiply_side(stage, product, SIDE_INNER, inner);
    memcpy(outer, inner, sizeof outer);
    if (has_errors)
        multiply_side(stage, product, SIDE_OUTER, outer);
    for (size_t n = 0; n < 2; n++)
        out[n] = (struct sides){values[n], inner[n], outer[n]};
}

/* An output's error: what the inputs' errors become, `roundings`, and `terms` that are flushed to zero. */
static double product_error(const struct sides *sides, size_t i, size_t roundings, size_t terms)
{
    const double inner = sides->inner[i], outer = sides->outer[i];
    return (outer - inner) + gamma_of(roundings + 1) * outer + (double)terms * FLUSHED;
}

/* A matrix of the stage with one element. */
static struct tensor bounds_number(struct stage *stage, double value)
{
    struct tensor *const one = stage_room(stage, 1, 1);
    if (stage->status == CLM_OK)
        *(double *)one->memory = value;
    return *one;
}

/* Numbers as a matrix of the reference. */
static struct tensor matrix_of(double *numbers, size_t rows, size_t columns)
{
    return (struct tensor){.rows = rows, .columns = columns, .memory = numbers};
}

/* ---- Y = act(X Wᵀ + b) ---- */

static clm_status forward_product(struct clm_backend *reference, const struct tensor *in, double l2,
                                  struct tensor *const *out, struct clm_error *error)
{
    (void)l2;
    const struct linear layer = {.W.value = in[1], .b.value = in[2]};
    return linear_forward(reference, &in[0], &layer, NULL, out[0], error);
}

/* The reference's act(z), element by element: z goes through a layer of weight 1 and bias 0. */
static void activate(struct stage *stage, double *z, const struct epilogue *epilogue, const struct tensor *Y)
{
    const size_t count = tensor_elements(Y);
    const struct linear unit = {.W.value = bounds_number(stage, 1), .b.value = bounds_number(stage, 0)};
    const struct tensor in = matrix_of(z, count, 1);
    struct tensor out = matrix_of(values_of(Y), count, 1), gate = {0};
    if (epilogue->gate)
        gate = matrix_of(values_of(epilogue->gate), count, 1);
    if (stage->status == CLM_OK)
        stage->status = linear_forward(stage->reference, &in, &unit,
                                       &(struct epilogue){epilogue->act, epilogue->gate ? &gate : NULL}, &out,
                                       stage->error);
}

/* Any activation but ReLU moves by at most its largest slope times the error, and its own roundings are
 * relative to |z| or |y|. If z is infinite, so is z', and act has reached its limit. */
double activation_error(enum activation act, double z, double y, double error)
{
    const struct activation_about *const about = &activations[act];
    if (act == ACTIVATION_RELU)
        return fmax(fmax(z + error, 0) - y, y - fmax(z - error, 0));
    const double moved = isinf(z) ? 0 : about->slope_most * error,
                 size = isinf(z) ? fabs(y) : fmax(fabs(z), fabs(y)) + moved;
    return moved + (about->roundings ? gamma_of(about->roundings) * size + FLUSHED : 0);
}

/* What a gate moves by if what it is computed from has an error, and its own roundings. It is a function with
 * at most the activation's largest bend, and stays within its largest slope. */
static double smooth_gate_error(enum activation act, double error)
{
    const struct activation_about *const about = &activations[act];
    return fmin(about->bend_most * error, 2 * about->slope_most) +
           gamma_of(about->roundings) * about->slope_most + FLUSHED;
}

/* The roundings are those of the product and one for the bias. */
clm_status bounds_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                          const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error)
{
    const size_t I = X->columns;
    const struct bounded_product product = {.call = forward_product,
                                            .in = {*X, layer->W.value, layer->b.value},
                                            .terms = I,
                                            .is_along_columns = {true, true},
                                            .shapes = {{Y->rows, Y->columns}}};
    struct stage stage = stage_of(be, error);
    struct sides z[2];
    product_sides(&stage, &product, z);
    activate(&stage, z[0].value, epilogue, Y);
    for (size_t i = 0; stage.status == CLM_OK && i < tensor_elements(Y); i++) {
        const double bound = product_error(&z[0], i, PRODUCT(I) + 1, I + 1);
        errors_of(Y)[i] = activation_error(epilogue->act, z[0].value[i], values_of(Y)[i], bound);
        if (epilogue->gate)
            errors_of(epilogue->gate)[i] = smooth_gate_error(epilogue->act, isinf(z[0].value[i]) ? 0 : bound);
    }
    return stage_end(&stage);
}

/* ---- dX = (dZ W) * gate ---- */

/* A layer for an operation that does not read the bias; another tensor takes its place. */
static struct linear layer_of(const struct tensor *W)
{
    return (struct linear){.W.value = *W, .b.value = {.rows = 1, .columns = W->rows, .memory = W->memory}};
}

static clm_status input_product(struct clm_backend *reference, const struct tensor *in, double l2,
                                struct tensor *const *out, struct clm_error *error)
{
    (void)l2;
    const struct linear layer = layer_of(&in[1]);
    return linear_backward_input(reference, &in[0], &layer, NULL, out[0], error);
}

/* The reference's gate, element by element; `out` may be `in`. */
static void pass_gate(struct stage *stage, double *in, const struct gate *gate, double *out, size_t count)
{
    const struct tensor one = bounds_number(stage, 1), from = matrix_of(in, count, 1);
    const struct linear unit = layer_of(&one);
    struct tensor of = {0}, to = matrix_of(out, count, 1);
    if (activations[gate->act].gate != GATE_ONE)
        of = matrix_of(values_of(gate->of), count, 1);
    if (stage->status == CLM_OK)
        stage->status =
            linear_backward_input(stage->reference, &from, &unit, GATE(gate->act, &of), &to, stage->error);
}

/* The error after the gate, whose slope may be negative. An error that is no bound stays no bound. */
static double gated_error(double gated, double error)
{
    return error < 0 ? error : fabs(gated);
}

/* What the error of a gate adds that is a step at y = 0. If y's error leaves its sign open, the backend's dX
 * may be on either side of the step, which is at most the largest slope: a share of the whole product. */
static double step_gate_error(enum activation act, double y, double y_error, double product, double error)
{
    const struct activation_about *const about = &activations[act];
    const double reach = fabs(product) + error;
    const bool is_open = y_error > 0 && !(fabs(y) > y_error);
    return (is_open ? about->slope_most * (y > 0 ? fabs(product) : reach) : 0) +
           (about->roundings ? gamma_of(about->roundings) * about->slope_most * reach + FLUSHED : 0);
}

/* The same for a gate that is a function of the output y. */
static double output_gate_error(enum activation act, double y, double y_error, double product, double error)
{
    const struct activation_about *const about = &activations[act];
    if (isinf(about->bend_most))
        return step_gate_error(act, y, y_error, product, error);
    const double slope = smooth_gate_error(act, y_error * (1 + y_error));
    return (fabs(product) + error) * (slope + gamma_of(2) * about->slope_most) + FLUSHED;
}

/* A saved gate may have a factor of dropout, and so be larger than the largest slope. */
double gate_error(const struct gate *gate, size_t i, double product, double error)
{
    const struct activation_about *const about = &activations[gate->act];
    if (about->gate == GATE_ONE)
        return 0;
    const double of = values_of(gate->of)[i], of_error = errors_of(gate->of)[i];
    if (about->gate == GATE_OF_OUTPUT)
        return output_gate_error(gate->act, of, of_error, product, error);
    const double size = fmax(fabs(of) + of_error, about->slope_most);
    return (fabs(product) + error) * (of_error + gamma_of(2) * size) + FLUSHED;
}

/* The slope of a function of y is what the gate makes of 1. */
double slope_error(enum activation act, double z, double z_error, double y, double y_error)
{
    switch (activations[act].gate) {
    case GATE_SAVED:
        return smooth_gate_error(act, isinf(z) ? 0 : z_error);
    case GATE_OF_OUTPUT:
        return output_gate_error(act, y, y_error, 1, 0);
    case GATE_ONE:
        break;
    }
    return 0;
}

clm_status bounds_backward_input(struct clm_backend *be, const struct tensor *dZ, const struct linear *layer,
                                 const struct gate *gate, struct tensor *dX, struct clm_error *error)
{
    const size_t O = dZ->columns, count = tensor_elements(dX);
    const struct bounded_product product = {.call = input_product,
                                            .in = {*dZ, layer->W.value},
                                            .terms = O,
                                            .is_along_columns = {true, false},
                                            .shapes = {{dX->rows, dX->columns}}};
    struct stage stage = stage_of(be, error);
    struct sides dx[2];
    product_sides(&stage, &product, dx);
    for (size_t i = 0; stage.status == CLM_OK && i < count; i++)
        dx[0].inner[i] = product_error(&dx[0], i, PRODUCT(O), O);
    pass_gate(&stage, dx[0].value, gate, values_of(dX), count);
    pass_gate(&stage, dx[0].inner, gate, errors_of(dX), count);
    for (size_t i = 0; stage.status == CLM_OK && i < count; i++)
        errors_of(dX)[i] = gated_error(errors_of(dX)[i], dx[0].inner[i]) +
                           gate_error(gate, i, dx[0].value[i], dx[0].inner[i]);
    return stage_end(&stage);
}

/* ---- dW = dZᵀ X + 2 l2 W, db = Σ_B dZ ---- */

static clm_status params_product(struct clm_backend *reference, const struct tensor *in, double l2,
                                 struct tensor *const *out, struct clm_error *error)
{
    struct linear layer = layer_of(&in[2]);
    layer.W.gradient = *out[0];
    layer.b.gradient = *out[1];
    return linear_backward_params(reference, &in[0], &in[1], &layer, l2, error);
}

static void gradient_sides(struct stage *stage, const struct tensor *dZ, const struct tensor *X,
                           const struct linear *layer, double l2, struct sides out[2])
{
    const size_t O = dZ->columns;
    const struct bounded_product product = {.call = params_product,
                                            .in = {*dZ, *X, layer->W.value},
                                            .terms = dZ->rows,
                                            .is_along_columns = {false, false},
                                            .shapes = {{O, X->columns}, {1, O}},
                                            .l2 = l2};
    product_sides(stage, &product, out);
}

static void put_gradient(const struct stage *stage, const struct sides *g, struct tensor *out,
                         size_t roundings, size_t terms)
{
    for (size_t i = 0; stage->status == CLM_OK && i < tensor_elements(out); i++) {
        values_of(out)[i] = g->value[i];
        errors_of(out)[i] = product_error(g, i, roundings, terms);
    }
}

/* The product's roundings. The penalty's term takes those of 2 l2, of the product and of the sum, which the
 * product's terms share: PRODUCT(B) + 1 <= PRODUCT(B) + 3. */
clm_status bounds_backward_params(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, double l2, struct clm_error *error)
{
    const size_t B = dZ->rows;
    struct stage stage = stage_of(be, error);
    struct sides g[2];
    gradient_sides(&stage, dZ, X, layer, l2, g);
    put_gradient(&stage, &g[0], &layer->W.gradient, l2 != 0 ? PRODUCT(B) + 3 : PRODUCT(B), B + 1);
    put_gradient(&stage, &g[1], &layer->b.gradient, B, B);
    return stage_end(&stage);
}

/* ---- the optimiser's step ---- */

/* The step of one side: parameter, states and gradient as magnitudes, and the rate with the opposite sign, so
 * that nothing cancels. */
static struct parameter step_side(struct stage *stage, const struct parameter *parameter, const double *g,
                                  const double *g_error, const struct step *step, enum side side)
{
    const struct tensor *const w = &parameter->value;
    struct step mirrored = *step;
    struct parameter out = {.value = *stage_put(stage, w, side),
                            .gradient = *stage_room(stage, w->rows, w->columns)};
    double *const gradient = out.gradient.memory;
    for (size_t s = 0; s < rules[step->rule].states; s++)
        out.state[s] = *stage_put(stage, &parameter->state[s], side);
    mirrored.learning_rate = -step->learning_rate;
    if (stage->status != CLM_OK)
        return out;
    for (size_t i = 0; i < tensor_elements(w); i++)
        gradient[i] = fabs(g[i]) + (side == SIDE_OUTER ? g_error[i] : 0);
    stage->status = parameter_step(stage->reference, &out, &mirrored, stage->error);
    return out;
}

/* Errors after the step, from values and errors before it. A rule that is linear in the gradient, the
 * parameter and its states is bounded as a product is.
 *
 *   state  as many roundings as the rule's table has. Momentum's v: momentum is rounded, multiplied, added,
 *          and the penalty is added after it: gamma(4) of momentum |v| + |g|
 *   value  the factor of w that carries the penalty (1 - 2 rate l2) is rounded, multiplied, added, and so is
 *          the rate: gamma(4) of |w| + rate |direction|; the direction has its own roundings, as the states
 *          have
 *
 * Each further block of the gradient's sum is added to state and value, and adds a rounding to both.
 *
 * The reference's own add one to each. g_error includes the gradient's own roundings. */
static void step_errors(const struct parameter *parameter, const struct parameter sides[2],
                        const struct step *step, size_t blocks)
{
    const struct rule_about *const about = &rules[step->rule];
    const double direction = about->roundings ? gamma_of(about->roundings + 1 + blocks) : 0;
    const double flushed = 3 * FLUSHED * (1 + (about->states ? step->learning_rate : 0));
    for (size_t s = 0; s < about->states; s++) {
        const double *const inner = sides[SIDE_INNER].state[s].memory, *const outer =
                                                                           sides[SIDE_OUTER].state[s].memory;
        for (size_t i = 0; i < tensor_elements(&parameter->value); i++)
            errors_of(&parameter->state[s])[i] = (outer[i] - inner[i]) + direction * outer[i] + 3 * FLUSHED;
    }
    const double *const inner = sides[SIDE_INNER].value.memory, *const outer = sides[SIDE_OUTER].value.memory;
    for (size_t i = 0; i < tensor_elements(&parameter->value); i++) {
        double *const error = &errors_of(&parameter->value)[i];
        const double before = fabs(values_of(&parameter->value)[i]) + *error;
        *error = (outer[i] - inner[i]) + gamma_of(5 + blocks) * outer[i] + direction * (outer[i] - before) +
                 flushed;
    }
}

/* Errors after a step that is not linear: how far its limits are from the reference's values. */
static void limit_errors(const struct tensor *tensor, const struct rule_limits *limits)
{
    const double *const values = values_of(tensor);
    for (size_t i = 0; i < tensor_elements(tensor); i++)
        errors_of(tensor)[i] = fmax(limits->most[i] - values[i], values[i] - limits->least[i]);
}

/* Takes a step that is not linear: first limits, then values, then errors. */
static void take_by_limits(struct stage *stage, struct parameter *parameter, struct parameter *values,
                           const double *g_error, const struct step *step)
{
    const struct tensor *const w = &parameter->value;
    struct rule_limits limits[1 + STATES_MOST];
    for (size_t n = 0; n <= STATES_MOST; n++) {
        limits[n].least = stage_room(stage, w->rows, w->columns)->memory;
        limits[n].most = stage_room(stage, w->rows, w->columns)->memory;
    }
    if (stage->status != CLM_OK)
        return;
    rule_limits_after(parameter, values->gradient.memory, g_error, step, limits);
    struct step of_values = *step;
    struct tensor scale;
    if (step->gradient_scale) {
        scale = value_of(step->gradient_scale);
        of_values.gradient_scale = &scale;
    }
    stage->status = parameter_step(stage->reference, values, &of_values, stage->error);
    limit_errors(w, &limits[0]);
    for (size_t s = 0; s < rules[step->rule].states; s++)
        limit_errors(&parameter->state[s], &limits[1 + s]);
}

/* Takes a linear step: first errors, then values. */
static void take_by_sides(struct stage *stage, struct parameter *parameter, struct parameter *values,
                          const double *g_error, const struct step *step, size_t blocks)
{
    const double *const g = values->gradient.memory;
    const struct parameter sides[2] = {step_side(stage, parameter, g, g_error, step, SIDE_INNER),
                                       step_side(stage, parameter, g, g_error, step, SIDE_OUTER)};
    if (stage->status != CLM_OK)
        return;
    step_errors(parameter, sides, step, blocks);
    stage->status = parameter_step(stage->reference, values, step, stage->error);
}

/* Takes the step with a given gradient. `blocks` are those after the first. */
static clm_status bounds_linear_take_step(struct clm_backend *be, struct parameter *parameter, double *g,
                                          const double *g_error, const struct step *step, size_t blocks,
                                          struct clm_error *error)
{
    const struct tensor *const w = &parameter->value;
    struct stage stage = stage_of(be, error);
    struct parameter values = {.value = value_of(w),
                               .gradient = matrix_of(g, w->rows, w->columns),
                               .is_weight = parameter->is_weight};
    for (size_t s = 0; s < STATES_MOST; s++)
        values.state[s] = value_of(&parameter->state[s]);
    if (step_is_linear(step))
        take_by_sides(&stage, parameter, &values, g_error, step, blocks);
    else
        take_by_limits(&stage, parameter, &values, g_error, step);
    return stage_end(&stage);
}

/* The gradient is never stored: its terms pass one by one through the penalty's sum, the direction's, the
 * rate's product and w's sum. If the sum cancels, these roundings are relative to its terms, not to |g|: 4
 * for w, and as many for the direction, unless its rule has more. */
static void step_of_sides(struct stage *stage, struct clm_backend *be, struct parameter *parameter,
                          const struct sides *g, size_t B, const struct step *step)
{
    const size_t roundings = PRODUCT(B) + 4 + size_max(4, rules[step->rule].roundings);
    for (size_t i = 0; stage->status == CLM_OK && i < tensor_elements(&parameter->value); i++)
        g->inner[i] = product_error(g, i, roundings, B + 1);
    if (stage->status == CLM_OK)
        stage->status =
            bounds_linear_take_step(be, parameter, g->value, g->inner, step, B / BLOCK_LEAST, stage->error);
}

clm_status bounds_backward_update(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, const struct step *step, struct clm_error *error)
{
    struct stage stage = stage_of(be, error);
    struct sides g[2];
    gradient_sides(&stage, dZ, X, layer, step->l2, g);
    step_of_sides(&stage, be, &layer->W, &g[0], dZ->rows, step);
    step_of_sides(&stage, be, &layer->b, &g[1], dZ->rows, step);
    return stage_end(&stage);
}

clm_status bounds_parameter_step(struct clm_backend *be, struct parameter *parameter, const struct step *step,
                                 struct clm_error *error)
{
    return bounds_linear_take_step(be, parameter, values_of(&parameter->gradient),
                                   errors_of(&parameter->gradient), step, 0, error);
}

/* ---- the factor that clips gradients ---- */

/* The reference's factor, from the parameters' values. */
static clm_status factor_of_values(struct clm_backend *reference, struct parameter *const *list, size_t count,
                                   double l1, double most, struct tensor *factor, struct clm_error *error)
{
    struct parameter *const values = calloc(size_max(count, 1), sizeof *values);
    struct parameter **const pointers = calloc(size_max(count, 1), sizeof *pointers);
    clm_status status = values && pointers ? CLM_OK : clm_fail_host_memory(error, "a check", count);
    for (size_t p = 0; status == CLM_OK && p < count; p++) {
        values[p] = (struct parameter){.value = value_of(&list[p]->value),
                                       .gradient = value_of(&list[p]->gradient),
                                       .is_weight = list[p]->is_weight};
        pointers[p] = &values[p];
    }
    if (status == CLM_OK)
        status = clip_factor(reference, pointers, count, l1, most, factor, error);
    free(values);
    free(pointers);
    return status;
}

clm_status bounds_clip_factor(struct clm_backend *be, struct parameter *const *list, size_t count, double l1,
                              double most, struct tensor *factor, struct clm_error *error)
{
    struct tensor value = value_of(factor);
    const clm_status status = factor_of_values(bounds_reference(be), list, count, l1, most, &value, error);
    double least, largest;
    if (status != CLM_OK)
        return status;
    clip_limits(list, count, l1, most, (struct rule_limits){&least, &largest});
    limit_errors(factor, &(struct rule_limits){&least, &largest});
    return CLM_OK;
}
