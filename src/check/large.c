#include "check/large.h"

#include "check/stage.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define LARGE (1 << 27) /* products of two numbers */

bool is_large(size_t B, size_t I, size_t O)
{
    return (double)B * (double)I * (double)O >= LARGE;
}

/* ---- lengths ---- */

/* The Euclidean lengths of the rows, or of the columns; the caller frees them. */
static double *lengths_of(const struct bounded *matrix, bool is_of_rows, clm_status *status,
                          struct clm_error *error)
{
    const size_t count = is_of_rows ? matrix->rows : matrix->columns;
    double *const lengths = *status == CLM_OK ? calloc(count, sizeof *lengths) : NULL;
    if (*status == CLM_OK && !lengths)
        *status = clm_fail_host_memory(error, "a check", count * sizeof *lengths);
    if (!lengths)
        return NULL;
    for (size_t r = 0; r < matrix->rows; r++)
        for (size_t c = 0; c < matrix->columns; c++) {
            const double value = matrix->value[r * matrix->columns + c];
            lengths[is_of_rows ? r : c] += value * value;
        }
    for (size_t i = 0; i < count; i++)
        lengths[i] = sqrt(lengths[i]);
    return lengths;
}

/* Errors of a product of `terms` terms whose absolute sums are at most left[r] right[c]. */
static void put_errors(struct bounded *result, const double *left, const double *right, size_t roundings,
                       size_t terms)
{
    const double gamma = gamma_of(roundings + 1), flushed = (double)terms * (double)FLT_MIN;
    for (size_t r = 0; r < result->rows; r++)
        for (size_t c = 0; c < result->columns; c++)
            result->error[r * result->columns + c] = gamma * left[r] * right[c] + flushed;
}

/* ---- Y = act(X Wᵀ + b) ---- */

static clm_status transpose(const struct bounded *matrix, struct bounded *out, struct clm_error *error)
{
    const clm_status status = bounded_create(matrix->type, matrix->columns, matrix->rows, out, error);
    for (size_t r = 0; status == CLM_OK && r < matrix->rows; r++)
        for (size_t c = 0; c < matrix->columns; c++)
            out->value[c * matrix->rows + r] = matrix->value[r * matrix->columns + c];
    return status;
}

/* The reference's A W, for which it goes along rows. */
static clm_status multiply(struct clm_backend *reference, const struct bounded *A, const struct bounded *W,
                           double *out, struct clm_error *error)
{
    struct stage stage = {.reference = reference, .error = error};
    const struct tensor *const a = stage_put(&stage, A, SIDE_VALUE);
    const struct linear linear = {.W.value = *stage_put(&stage, W, SIDE_VALUE),
                                  .b.value = *stage_room(&stage, 1, W->rows)};
    struct tensor *const product = stage_room(&stage, A->rows, W->columns);
    if (stage.status == CLM_OK)
        stage.status = linear_backward_input(reference, a, &linear, NULL, product, error);
    stage_take(&stage, product, out);
    return stage_end(&stage);
}

/* The product's roundings and that of the bias; ReLU moves no error apart. */
clm_status large_forward(struct clm_backend *reference, const struct bounded *X,
                         const struct bounded_layer *layer, enum activation act, struct bounded *Y,
                         struct clm_error *error)
{
    const size_t I = X->columns;
    struct bounded turned = {0};
    clm_status status = transpose(layer->W, &turned, error);
    double *const left = lengths_of(X, true, &status, error), *const right =
                                                                  lengths_of(layer->W, true, &status, error);
    if (status == CLM_OK)
        status = multiply(reference, X, &turned, Y->value, error);
    if (status == CLM_OK)
        put_errors(Y, left, right, PRODUCT(I) + 1, I + 1);
    for (size_t i = 0; status == CLM_OK && i < bounded_count(Y); i++) {
        const double b = layer->b->value[i % Y->columns], z = Y->value[i] + b;
        Y->error[i] += gamma_of(PRODUCT(I) + 2) * fabs(b);
        Y->value[i] = act == ACTIVATION_RELU && z < 0 ? 0 : z;
    }
    free(left);
    free(right);
    bounded_free(&turned);
    return status;
}

/* ---- dX = (dZ W) * (Y > 0) ---- */

clm_status large_backward_input(struct clm_backend *reference, const struct bounded *dZ,
                                const struct bounded_layer *layer, const struct bounded *Y,
                                struct bounded *dX, struct clm_error *error)
{
    const size_t O = dZ->columns;
    clm_status status = CLM_OK;
    double *const left = lengths_of(dZ, true, &status, error), *const right = lengths_of(layer->W, false,
                                                                                         &status, error);
    if (status == CLM_OK)
        status = multiply(reference, dZ, layer->W, dX->value, error);
    if (status == CLM_OK)
        put_errors(dX, left, right, PRODUCT(O), O);
    for (size_t i = 0; Y && status == CLM_OK && i < bounded_count(dX); i++)
        if (!(Y->value[i] > 0)) {
            dX->value[i] = isnan(Y->value[i]) ? NAN : 0;
            dX->error[i] = 0;
        }
    free(left);
    free(right);
    return status;
}

/* ---- dW = dZᵀ X + 2 l2 W, db = Σ_B dZ ---- */

/* As bounded_backward_params, with `more` roundings of each term. */
static clm_status params(struct clm_backend *reference, const struct bounded *dZ, const struct bounded *X,
                         const struct bounded_layer *layer, double l2, size_t more, struct bounded *dW,
                         struct bounded *db, struct clm_error *error)
{
    const size_t B = dZ->rows, O = dZ->columns;
    struct stage stage = {.reference = reference, .error = error};
    const struct tensor *const dz = stage_put(&stage, dZ, SIDE_VALUE), *const x =
                                                                           stage_put(&stage, X, SIDE_VALUE);
    struct linear linear = {.W.value = *stage_put(&stage, layer->W, SIDE_VALUE),
                            .b.value = *stage_put(&stage, layer->b, SIDE_VALUE)};
    linear.W.gradient = *stage_room(&stage, dW->rows, dW->columns);
    linear.b.gradient = *stage_room(&stage, 1, O);
    if (stage.status == CLM_OK)
        stage.status = linear_backward_params(reference, dz, x, &linear, l2, error);
    stage_take(&stage, &linear.W.gradient, dW->value);
    stage_take(&stage, &linear.b.gradient, db->value);
    clm_status status = stage_end(&stage);
    double *const left = lengths_of(dZ, false, &status, error), *const right =
                                                                    lengths_of(X, false, &status, error);
    if (status == CLM_OK)
        put_errors(dW, left, right, PRODUCT(B) + more, B + 1);
    for (size_t i = 0; status == CLM_OK && i < bounded_count(dW); i++)
        dW->error[i] += gamma_of(PRODUCT(B) + more + 1) * 2 * l2 * fabs(layer->W->value[i]);
    for (size_t o = 0; status == CLM_OK && o < O; o++)
        db->error[o] =
            gamma_of(PRODUCT(B) + more + 1) * sqrt((double)B) * left[o] + (double)B * (double)FLT_MIN;
    free(left);
    free(right);
    return status;
}

clm_status large_backward_params(struct clm_backend *reference, const struct bounded *dZ,
                                 const struct bounded *X, const struct bounded_layer *layer, double l2,
                                 struct bounded *dW, struct bounded *db, struct clm_error *error)
{
    return params(reference, dZ, X, layer, l2, 3, dW, db, error);
}

/* 8 more roundings, as bounded_backward_update has it. */
clm_status large_backward_update(struct clm_backend *reference, const struct bounded *dZ,
                                 const struct bounded *X, const struct bounded_layer *layer,
                                 const struct step *step, struct clm_error *error)
{
    struct bounded dW = {0}, db = {0};
    clm_status status;
    if ((status = bounded_create(TENSOR_REAL, layer->W->rows, layer->W->columns, &dW, error)) ||
        (status = bounded_create(TENSOR_REAL, 1, layer->W->rows, &db, error)) ||
        (status = params(reference, dZ, X, layer, step->l2, 8, &dW, &db, error)) ||
        (status = bounded_update(reference, layer->W, &dW, layer->W_velocity, step, error)))
        goto cleanup;
    status = bounded_update(reference, layer->b, &db, layer->b_velocity, step, error);
cleanup:
    bounded_free(&dW);
    bounded_free(&db);
    return status;
}
