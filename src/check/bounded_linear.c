/* Bounds of the linear layer's operations. */
#include "check/stage.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The sides of one result, each of `count` doubles, in one piece of memory. */
struct sides {
    double *of[SIDE_COUNT];
};

static clm_status sides_create(size_t count, struct sides *out, struct clm_error *error)
{
    double *const memory = calloc(SIDE_COUNT * count, sizeof *memory);
    for (int s = 0; s < SIDE_COUNT; s++)
        out->of[s] = memory ? memory + (size_t)s * count : NULL;
    return memory ? CLM_OK : clm_fail_host_memory(error, "a check", SIDE_COUNT * count * sizeof *memory);
}

static void sides_free(struct sides *sides)
{
    free(sides->of[0]);
}

static bool is_exact(const struct bounded *matrix)
{
    for (size_t i = 0; i < bounded_count(matrix); i++)
        if (matrix->error[i] != 0)
            return false;
    return true;
}

/* Of inputs without errors the outer side is the inner one: it need not be computed. */
static int sides_to_compute(const struct bounded *A, const struct bounded *B, const struct bounded *c)
{
    return is_exact(A) && is_exact(B) && is_exact(c) ? SIDE_OUTER : SIDE_COUNT;
}

static void sides_complete(struct sides *sides, size_t count, int computed)
{
    if (computed == SIDE_OUTER)
        memcpy(sides->of[SIDE_OUTER], sides->of[SIDE_INNER], count * sizeof(double));
}

/* What the inputs' errors become, what `roundings` add, and `terms` flushed to zero. */
static double product_error(const struct sides *sides, size_t i, size_t roundings, size_t terms)
{
    const double inner = sides->of[SIDE_INNER][i], outer = sides->of[SIDE_OUTER][i];
    return (outer - inner) + gamma_of(roundings + 1) * outer + (double)terms * (double)FLT_MIN;
}

/* ---- Y = act(X Wᵀ + b) ---- */

static clm_status forward_of(struct clm_backend *reference, const struct bounded *X,
                             const struct bounded_layer *layer, enum activation act, enum side side,
                             double *out, struct clm_error *error)
{
    struct stage stage = {.reference = reference, .error = error};
    const struct tensor *const x = stage_put(&stage, X, side);
    const struct linear linear = {.W.value = *stage_put(&stage, layer->W, side),
                                  .b.value = *stage_put(&stage, layer->b, side)};
    struct tensor *const y = stage_room(&stage, X->rows, layer->W->rows);
    if (stage.status == CLM_OK)
        stage.status = linear_forward(reference, x, &linear, EPILOGUE(act), y, error);
    stage_take(&stage, y, out);
    return stage_end(&stage);
}

/* How far relu(z') may be from relu(z), where |z' - z| <= error: 0 where both are surely negative. */
static double relu_error(double z, double error)
{
    const double y = fmax(z, 0);
    return fmax(fmax(z + error, 0) - y, y - fmax(z - error, 0));
}

/* The product's roundings and that of the bias. */
clm_status bounded_forward(struct clm_backend *reference, const struct bounded *X,
                           const struct bounded_layer *layer, enum activation act, struct bounded *Y,
                           struct clm_error *error)
{
    const size_t I = X->columns, count = bounded_count(Y);
    struct sides z;
    clm_status status = sides_create(count, &z, error);
    const int computed = sides_to_compute(X, layer->W, layer->b);
    for (int s = 0; status == CLM_OK && s < computed; s++)
        status = forward_of(reference, X, layer, ACTIVATION_NONE, (enum side)s, z.of[s], error);
    if (status == CLM_OK)
        sides_complete(&z, count, computed);
    if (status == CLM_OK)
        status = forward_of(reference, X, layer, act, SIDE_VALUE, Y->value, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++) {
        const double bound = product_error(&z, i, PRODUCT(I) + 1, I + 1);
        Y->error[i] = act == ACTIVATION_RELU ? relu_error(z.of[SIDE_VALUE][i], bound) : bound;
    }
    sides_free(&z);
    return status;
}

/* ---- dX = (dZ W) * (Y > 0) ---- */

static clm_status backward_input_of(struct clm_backend *reference, const struct bounded *dZ,
                                    const struct bounded_layer *layer, const struct bounded *Y,
                                    enum side side, double *out, struct clm_error *error)
{
    struct stage stage = {.reference = reference, .error = error};
    const struct tensor *const dz = stage_put(&stage, dZ, side);
    const struct linear linear = {.W.value = *stage_put(&stage, layer->W, side),
                                  .b.value = *stage_put(&stage, layer->b, side)};
    const struct tensor *const y = Y ? stage_put(&stage, Y, SIDE_VALUE) : NULL;
    struct tensor *const dx = stage_room(&stage, dZ->rows, layer->W->columns);
    if (stage.status == CLM_OK)
        stage.status =
            linear_backward_input(reference, dz, &linear, y ? GATE(ACTIVATION_RELU, y) : NULL, dx, error);
    stage_take(&stage, dx, out);
    return stage_end(&stage);
}

/* The mask rounds nothing. Where y's error leaves open whether the backend's y is positive, its dX may be the product or
 * zero, so that the whole product is added to the bound. */
static double masked_error(double y, double y_error, double product, double error)
{
    const bool is_open = y_error > 0 && !(y > y_error);
    if (is_open)
        return fabs(product) + error;
    return y > 0 ? error : 0;
}

clm_status bounded_backward_input(struct clm_backend *reference, const struct bounded *dZ,
                                  const struct bounded_layer *layer, const struct bounded *Y,
                                  struct bounded *dX, struct clm_error *error)
{
    const size_t O = dZ->columns, count = bounded_count(dX);
    struct sides dx;
    clm_status status = sides_create(count, &dx, error);
    const int computed = sides_to_compute(dZ, layer->W, dZ);
    for (int s = 0; status == CLM_OK && s < computed; s++)
        status = backward_input_of(reference, dZ, layer, NULL, (enum side)s, dx.of[s], error);
    if (status == CLM_OK)
        sides_complete(&dx, count, computed);
    if (status == CLM_OK)
        status = backward_input_of(reference, dZ, layer, Y, SIDE_VALUE, dX->value, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++) {
        const double bound = product_error(&dx, i, PRODUCT(O), O);
        dX->error[i] = Y ? masked_error(Y->value[i], Y->error[i], dx.of[SIDE_VALUE][i], bound) : bound;
    }
    sides_free(&dx);
    return status;
}

/* ---- dW = dZᵀ X + 2 l2 W, db = Σ_B dZ ---- */

struct gradient_sides {
    struct sides dW, db;
};

static clm_status gradient_of(struct clm_backend *reference, const struct bounded *dZ,
                              const struct bounded *X, const struct bounded_layer *layer, double l2,
                              enum side side, double *dW, double *db, struct clm_error *error)
{
    struct stage stage = {.reference = reference, .error = error};
    const struct tensor *const dz = stage_put(&stage, dZ, side), *const x = stage_put(&stage, X, side);
    struct linear linear = {.W.value = *stage_put(&stage, layer->W, side),
                            .b.value = *stage_put(&stage, layer->b, side)};
    linear.W.gradient = *stage_room(&stage, dZ->columns, X->columns);
    linear.b.gradient = *stage_room(&stage, 1, dZ->columns);
    if (stage.status == CLM_OK)
        stage.status = linear_backward_params(reference, dz, x, &linear, l2, error);
    stage_take(&stage, &linear.W.gradient, dW);
    stage_take(&stage, &linear.b.gradient, db);
    return stage_end(&stage);
}

static void gradient_sides_free(struct gradient_sides *sides)
{
    sides_free(&sides->dW);
    sides_free(&sides->db);
}

/* All sides of both gradients; to be freed whatever the status. */
static clm_status gradient_sides_of(struct clm_backend *reference, const struct bounded *dZ,
                                    const struct bounded *X, const struct bounded_layer *layer, double l2,
                                    struct gradient_sides *out, struct clm_error *error)
{
    *out = (struct gradient_sides){0};
    clm_status status = sides_create(dZ->columns * X->columns, &out->dW, error);
    if (status == CLM_OK)
        status = sides_create(dZ->columns, &out->db, error);
    const int computed = sides_to_compute(dZ, X, layer->W);
    for (int s = 0; status == CLM_OK && s < computed; s++)
        status = gradient_of(reference, dZ, X, layer, l2, (enum side)s, out->dW.of[s], out->db.of[s], error);
    if (status == CLM_OK) {
        sides_complete(&out->dW, dZ->columns * X->columns, computed);
        sides_complete(&out->db, dZ->columns, computed);
    }
    return status;
}

/* The product's roundings; of the penalty's term that of 2 l2, the product and the sum, which the product's terms share:
 * PRODUCT(B) + 1 <= PRODUCT(B) + 3. */
clm_status bounded_backward_params(struct clm_backend *reference, const struct bounded *dZ,
                                   const struct bounded *X, const struct bounded_layer *layer, double l2,
                                   struct bounded *dW, struct bounded *db, struct clm_error *error)
{
    const size_t B = dZ->rows, roundings = l2 != 0 ? PRODUCT(B) + 3 : PRODUCT(B);
    struct gradient_sides g;
    const clm_status status = gradient_sides_of(reference, dZ, X, layer, l2, &g, error);
    for (size_t i = 0; status == CLM_OK && i < bounded_count(dW); i++) {
        dW->value[i] = g.dW.of[SIDE_VALUE][i];
        dW->error[i] = product_error(&g.dW, i, roundings, B + 1);
    }
    for (size_t o = 0; status == CLM_OK && o < bounded_count(db); o++) {
        db->value[o] = g.db.of[SIDE_VALUE][o];
        db->error[o] = product_error(&g.db, o, B, B);
    }
    gradient_sides_free(&g);
    return status;
}

/* ---- v = momentum v + g, w -= learning_rate v ---- */

/* Errors after the step, from values and errors before it.
 *
 *   v'  momentum is rounded, multiplied, added, and the penalty is added behind it: gamma(4) of momentum |v| + |g|
 *   w'  a factor of w that carries the penalty (1 - 2 rate l2) is rounded, multiplied, added; the rate likewise;
 *       one more for a second block of the product: gamma(4) of |w| + rate |v'|
 *
 * With the reference's own: gamma(5). g_error carries what the gradient's own roundings are. */
static void descend_errors(struct bounded *w, struct bounded *v, const double *g, const double *g_error,
                           const struct step *step)
{
    const double rate = step->learning_rate, momentum = step->momentum, gamma = gamma_of(5);
    for (size_t i = 0; i < bounded_count(w); i++) {
        double reach = fabs(g[i]) + g_error[i], direction_error = g_error[i];
        if (momentum != 0) {
            reach += momentum * (fabs(v->value[i]) + v->error[i]);
            direction_error += momentum * v->error[i] + gamma * reach + 3 * (double)FLT_MIN;
            v->error[i] = direction_error;
        }
        w->error[i] += rate * direction_error +
                       gamma * (fabs(w->value[i]) + w->error[i] + rate * (reach + direction_error)) +
                       3 * (double)FLT_MIN;
    }
}

static clm_status update_values(struct clm_backend *reference, const struct bounded *dZ,
                                const struct bounded *X, const struct bounded_layer *layer,
                                const struct step *step, struct clm_error *error)
{
    struct stage stage = {.reference = reference, .error = error};
    const bool has_velocity = step->rule == RULE_MOMENTUM;
    const struct tensor *const dz = stage_put(&stage, dZ, SIDE_VALUE);
    const struct tensor *const x = stage_put(&stage, X, SIDE_VALUE);
    struct linear linear = {.W.value = *stage_put(&stage, layer->W, SIDE_VALUE),
                            .b.value = *stage_put(&stage, layer->b, SIDE_VALUE)};
    if (has_velocity) {
        linear.W.state[0] = *stage_put(&stage, layer->W_velocity, SIDE_VALUE);
        linear.b.state[0] = *stage_put(&stage, layer->b_velocity, SIDE_VALUE);
    }
    if (stage.status == CLM_OK)
        stage.status = linear_backward_update(reference, dz, x, &linear, step, error);
    stage_take(&stage, &linear.W.value, layer->W->value);
    stage_take(&stage, &linear.b.value, layer->b->value);
    if (has_velocity) {
        stage_take(&stage, &linear.W.state[0], layer->W_velocity->value);
        stage_take(&stage, &linear.b.state[0], layer->b_velocity->value);
    }
    return stage_end(&stage);
}

/* The gradient is never there by itself: its terms pass through the penalty's sum, the momentum's sum, the rate's product
 * and w's sum one by one. Where the whole cancels, these roundings are of its terms, not of |g|: 8 more. */
clm_status bounded_backward_update(struct clm_backend *reference, const struct bounded *dZ,
                                   const struct bounded *X, const struct bounded_layer *layer,
                                   const struct step *step, struct clm_error *error)
{
    const size_t B = dZ->rows;
    struct gradient_sides g;
    clm_status status = gradient_sides_of(reference, dZ, X, layer, step->l2, &g, error);
    if (status == CLM_OK) {
        /* inner sides have served once the errors are made, which take their place */
        for (size_t i = 0; i < bounded_count(layer->W); i++)
            g.dW.of[SIDE_INNER][i] = product_error(&g.dW, i, PRODUCT(B) + 8, B + 1);
        for (size_t o = 0; o < bounded_count(layer->b); o++)
            g.db.of[SIDE_INNER][o] = product_error(&g.db, o, PRODUCT(B) + 8, B + 1);
        descend_errors(layer->W, layer->W_velocity, g.dW.of[SIDE_VALUE], g.dW.of[SIDE_INNER], step);
        descend_errors(layer->b, layer->b_velocity, g.db.of[SIDE_VALUE], g.db.of[SIDE_INNER], step);
        status = update_values(reference, dZ, X, layer, step, error);
    }
    gradient_sides_free(&g);
    return status;
}

clm_status bounded_update(struct clm_backend *reference, struct bounded *w, const struct bounded *g,
                          struct bounded *velocity, const struct step *step, struct clm_error *error)
{
    struct stage stage = {.reference = reference, .error = error};
    struct parameter parameter = {.value = *stage_put(&stage, w, SIDE_VALUE),
                                  .gradient = *stage_put(&stage, g, SIDE_VALUE)};
    if (velocity)
        parameter.state[0] = *stage_put(&stage, velocity, SIDE_VALUE);
    descend_errors(w, velocity, g->value, g->error, step);
    if (stage.status == CLM_OK)
        stage.status = parameter_step(reference, &parameter, step, error);
    stage_take(&stage, &parameter.value, w->value);
    if (velocity)
        stage_take(&stage, &parameter.state[0], velocity->value);
    return stage_end(&stage);
}
