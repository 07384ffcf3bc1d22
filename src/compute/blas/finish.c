/* Norms, dropout, residuals and saved gates on the blas backend: loops over rows, which become vectors. */
#include "compute/blas/blas.h"

#include "base/size.h"

#include <math.h>
#include <string.h>

/* ---- the statistics of a batch ---- */

static void set_all(float *v, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        v[i] = value;
}

/* inverse = 1 / sqrt(variance + epsilon), from the sums of squares; the running statistics move. */
static void end_columns(struct norm *norm, size_t B, size_t O)
{
    const float rows = (float)B, share = (float)NORM_MOMENTUM, rest = (float)(1 - NORM_MOMENTUM);
    const float unbiased = B > 1 ? (float)(NORM_MOMENTUM / (double)(B - 1)) : 0;
    const float *const centre = norm->centre.memory;
    float *const sums = norm->inverse.memory, *const mean = norm->mean.memory,
                 *const variance = norm->variance.memory;
    for (size_t o = 0; o < O; o++) {
        mean[o] = rest * mean[o] + share * centre[o];
        if (B > 1)
            variance[o] = rest * variance[o] + unbiased * sums[o];
        sums[o] = 1 / sqrtf(sums[o] / rows + (float)NORM_EPSILON);
    }
}

static void measure_columns(struct norm *norm, const struct tensor *Z)
{
    const size_t B = Z->rows, O = Z->columns;
    float *const centre = norm->centre.memory, *const squares = norm->inverse.memory;
    set_all(centre, O, 0);
    set_all(squares, O, 0);
    for (size_t r = 0; r < B; r++)
        for (size_t o = 0; o < O; o++)
            centre[o] += blas_row(Z, r)[o];
    for (size_t o = 0; o < O; o++)
        centre[o] /= (float)B;
    for (size_t r = 0; r < B; r++)
        for (size_t o = 0; o < O; o++) {
            const float distance = blas_row(Z, r)[o] - centre[o];
            squares[o] += distance * distance;
        }
    end_columns(norm, B, O);
}

static void blas_measure_rows(struct norm *norm, const struct tensor *Z)
{
    const size_t O = Z->columns;
    for (size_t r = 0; r < Z->rows; r++) {
        const float *const z = blas_row(Z, r);
        float sum = 0, squares = 0;
        for (size_t o = 0; o < O; o++)
            sum += z[o];
        const float centre = sum / (float)O;
        for (size_t o = 0; o < O; o++)
            squares += (z[o] - centre) * (z[o] - centre);
        blas_row(&norm->centre, 0)[r] = centre;
        blas_row(&norm->inverse, 0)[r] = 1 / sqrtf(squares / (float)O + (float)NORM_EPSILON);
    }
}

/* ---- forward ---- */

/* y = (z - centre) * inverse * scale + shift of row r */
static void blas_normalise(const struct norm *norm, bool uses_running, const float *z, size_t r, size_t O,
                           float *y)
{
    const float *const scale = norm->scale.value.memory, *const shift = norm->shift.value.memory;
    const float *const centre = norm->centre.memory, *const inverse = norm->inverse.memory,
                       *const mean = norm->mean.memory, *const variance = norm->variance.memory;
    if (uses_running)
        for (size_t o = 0; o < O; o++)
            y[o] = (z[o] - mean[o]) / sqrtf(variance[o] + (float)NORM_EPSILON) * scale[o] + shift[o];
    else if (norm->kind == NORM_BATCH)
        for (size_t o = 0; o < O; o++)
            y[o] = (z[o] - centre[o]) * inverse[o] * scale[o] + shift[o];
    else
        for (size_t o = 0; o < O; o++)
            y[o] = (z[o] - centre[r]) * inverse[r] * scale[o] + shift[o];
}

/* y = act(y); gate = act', unless it is NULL */
static void activate_row(enum activation act, size_t O, float *y, float *gate)
{
    blas_activate(act, O, y, gate);
    if (!gate || activations[act].gate == GATE_SAVED)
        return;
    set_all(gate, O, 1);
    if (activations[act].gate == GATE_OF_OUTPUT)
        blas_through_gate(act, O, y, gate);
}

/* Row `first` + k of a block of rows that have their masks in common. */
static void drop_row(const uint8_t *kept, size_t k, float factor, size_t count, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = kept[i] >> k & 1 ? y[i] * factor : 0;
}

#define COLUMNS_AT_ONCE 256

static void drop_rows(const struct dropout *dropout, size_t first, size_t rows, struct tensor *Y,
                      struct tensor *gate)
{
    const float factor = (float)(1 / (1 - dropout->share));
    uint8_t kept[COLUMNS_AT_ONCE];
    for (size_t o = 0; o < Y->columns; o += COLUMNS_AT_ONCE) {
        const size_t count = size_min(COLUMNS_AT_ONCE, Y->columns - o);
        dropout_kept(dropout, first, o, count, kept);
        for (size_t k = 0; k < rows; k++) {
            drop_row(kept, k, factor, count, blas_row(Y, first + k) + o);
            if (gate)
                drop_row(kept, k, factor, count, blas_row(gate, first + k) + o);
        }
    }
}

/* Rows first … first + rows - 1 */
static void finish_rows(const struct finish *finish, const struct tensor *Z, size_t first, size_t rows,
                        struct tensor *Y)
{
    const size_t O = Z->columns;
    const struct norm *const norm = finish->norm;
    for (size_t r = first; r < first + rows; r++) {
        float *const y = blas_row(Y, r);
        if (norm)
            blas_normalise(norm, norm->kind == NORM_BATCH && !finish->is_training, blas_row(Z, r), r, O, y);
        else
            memmove(y, blas_row(Z, r), O * sizeof *y);
        activate_row(finish->act, O, y, finish->gate ? blas_row(finish->gate, r) : NULL);
    }
    if (finish->dropout)
        drop_rows(finish->dropout, first, rows, Y, finish->gate);
    for (size_t r = first; finish->residual && r < first + rows; r++)
        for (size_t o = 0; o < O; o++)
            blas_row(Y, r)[o] += blas_row(finish->residual, r)[o];
}

clm_status blas_layer_finish(struct clm_backend *be, const struct tensor *Z, const struct finish *finish,
                             struct tensor *Y, struct clm_error *error)
{
    (void)be, (void)error;
    if (finish->norm && finish->norm->kind == NORM_LAYER)
        blas_measure_rows(finish->norm, Z);
    else if (finish->norm && finish->is_training)
        measure_columns(finish->norm, Z);
    for (size_t first = 0; first < Z->rows; first += DROPOUT_ROWS)
        finish_rows(finish, Z, first, size_min(DROPOUT_ROWS, Z->rows - first), Y);
    return CLM_OK;
}

/* ---- backward ---- */

clm_status blas_gate_backward(struct clm_backend *be, struct tensor *dY, const struct tensor *skip,
                              const struct gate *gate, struct tensor *dZ, struct clm_error *error)
{
    (void)be, (void)error;
    const size_t count = tensor_elements(dY);
    float *const dy = dY->memory, *const dz = dZ->memory;
    const float *const added = skip ? skip->memory : NULL;
    for (size_t i = 0; added && i < count; i++)
        dy[i] += added[i];
    if (dz != dy)
        memcpy(dz, dy, count * sizeof *dz);
    if (activations[gate->act].gate != GATE_ONE)
        blas_through_gate(gate->act, count, gate->of->memory, dz);
    return CLM_OK;
}

/* The gradients of scale and shift: sums over the rows. */
static void blas_norm_gradients(struct norm *norm, const struct tensor *Z, const struct tensor *dN)
{
    const bool is_by_row = norm->kind == NORM_LAYER;
    const float *const centre = norm->centre.memory, *const inverse = norm->inverse.memory;
    float *const scale = norm->scale.gradient.memory, *const shift = norm->shift.gradient.memory;
    set_all(scale, Z->columns, 0);
    set_all(shift, Z->columns, 0);
    for (size_t r = 0; r < Z->rows; r++) {
        const float *const z = blas_row(Z, r), *const d = blas_row(dN, r);
        for (size_t o = 0; o < Z->columns; o++) {
            const size_t i = is_by_row ? r : o;
            shift[o] += d[o];
            scale[o] += d[o] * ((z[o] - centre[i]) * inverse[i]);
        }
    }
}

/* With the gradients of scale and shift, which are the means over a column, times B. */
static void backward_columns(const struct norm *norm, const struct tensor *Z, struct tensor *dN)
{
    const float *const centre = norm->centre.memory, *const inverse = norm->inverse.memory,
                       *const scale = norm->scale.value.memory;
    const float *const of_scale = norm->scale.gradient.memory, *const of_shift = norm->shift.gradient.memory;
    const float rows = (float)Z->rows;
    for (size_t r = 0; r < Z->rows; r++) {
        const float *const z = blas_row(Z, r);
        float *const d = blas_row(dN, r);
        for (size_t o = 0; o < Z->columns; o++) {
            const float x = (z[o] - centre[o]) * inverse[o];
            d[o] = inverse[o] * scale[o] * (d[o] - of_shift[o] / rows - x * (of_scale[o] / rows));
        }
    }
}

static void backward_rows(const struct norm *norm, const struct tensor *Z, struct tensor *dN)
{
    const size_t O = Z->columns;
    const float *const scale = norm->scale.value.memory;
    for (size_t r = 0; r < Z->rows; r++) {
        const float centre = blas_row(&norm->centre, 0)[r], inverse = blas_row(&norm->inverse, 0)[r];
        const float *const z = blas_row(Z, r);
        float *const d = blas_row(dN, r);
        float sum = 0, sum_x = 0;
        for (size_t o = 0; o < O; o++) {
            d[o] *= scale[o];
            sum += d[o];
            sum_x += d[o] * ((z[o] - centre) * inverse);
        }
        const float mean = sum / (float)O, mean_x = sum_x / (float)O;
        for (size_t o = 0; o < O; o++)
            d[o] = inverse * (d[o] - mean - (z[o] - centre) * inverse * mean_x);
    }
}

clm_status blas_norm_backward(struct clm_backend *be, struct norm *norm, const struct tensor *Z,
                              struct tensor *dN, struct clm_error *error)
{
    (void)be, (void)error;
    blas_norm_gradients(norm, Z, dN);
    if (norm->kind == NORM_LAYER)
        backward_rows(norm, Z, dN);
    else
        backward_columns(norm, Z, dN);
    return CLM_OK;
}
