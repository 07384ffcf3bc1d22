/* Norms, dropout, residuals and saved gates on the reference. */
#include "compute/reference/reference.h"

#include "base/size.h"

#include <math.h>

/* ---- the statistics of a batch ---- */

/* Elements of a matrix that a mean is over: `count` of them, `step` apart. */
struct line {
    const double *first;
    size_t count, step;
};

/* Column `at` of Z, or row `at` if a layer's norm takes rows. */
static struct line line_of(const struct norm *norm, const struct tensor *Z, size_t at)
{
    const double *const z = Z->memory;
    return norm->kind == NORM_LAYER ? (struct line){z + at * Z->columns, Z->columns, 1}
                                    : (struct line){z + at, Z->rows, Z->columns};
}

static double mean_of_line(struct line line)
{
    double sum = 0;
    for (size_t i = 0; i < line.count; i++)
        sum += line.first[i * line.step];
    return sum / (double)line.count;
}

/* The mean of the squared distances from `centre`. */
static double variance_of_line(struct line line, double centre)
{
    double sum = 0;
    for (size_t i = 0; i < line.count; i++) {
        const double distance = line.first[i * line.step] - centre;
        sum += distance * distance;
    }
    return sum / (double)line.count;
}

/* The running statistics of column o move towards those of the batch of B rows. */
static void move_running(struct norm *norm, size_t o, double mean, double variance, size_t B)
{
    double *const m = reference_row(&norm->mean, 0) + o, *const v = reference_row(&norm->variance, 0) + o;
    *m = (1 - NORM_MOMENTUM) * *m + NORM_MOMENTUM * mean;
    if (B > 1)
        *v = (1 - NORM_MOMENTUM) * *v + NORM_MOMENTUM * variance * (double)B / (double)(B - 1);
}

static void measure_batch(struct norm *norm, const struct tensor *Z)
{
    const size_t lines = norm->kind == NORM_LAYER ? Z->rows : Z->columns;
    for (size_t i = 0; i < lines; i++) {
        const struct line line = line_of(norm, Z, i);
        const double centre = mean_of_line(line), variance = variance_of_line(line, centre);
        reference_row(&norm->centre, 0)[i] = centre;
        reference_row(&norm->inverse, 0)[i] = 1 / sqrt(variance + NORM_EPSILON);
        if (norm->kind == NORM_BATCH)
            move_running(norm, i, centre, variance, line.count);
    }
}

/* ---- forward ---- */

/* (z - centre) * inverse at row r and column o */
static double standardised(const struct norm *norm, bool uses_running, double z, size_t r, size_t o)
{
    const size_t i = norm->kind == NORM_LAYER ? r : o;
    if (uses_running)
        return (z - reference_row(&norm->mean, 0)[o]) /
               sqrt(reference_row(&norm->variance, 0)[o] + NORM_EPSILON);
    return (z - reference_row(&norm->centre, 0)[i]) * reference_row(&norm->inverse, 0)[i];
}

static double slope_of(enum activation act, double n, double a)
{
    return activations[act].gate == GATE_SAVED ? reference_slope_at(act, n)
                                               : reference_through_gate(act, 1, a);
}

/* One element; `is_kept`: dropout leaves it. */
static void finish_one(const struct finish *finish, const struct tensor *Z, size_t r, size_t o, bool is_kept,
                       struct tensor *Y)
{
    const struct norm *const norm = finish->norm;
    const double kept = finish->dropout ? 1 - finish->dropout->share : 1;
    double n = reference_row(Z, r)[o];
    if (norm)
        n = standardised(norm, norm->kind == NORM_BATCH && !finish->is_training, n, r, o) *
                reference_row(&norm->scale.value, 0)[o] +
            reference_row(&norm->shift.value, 0)[o];
    const double a = reference_activate(finish->act, n);
    if (finish->gate)
        reference_row(finish->gate, r)[o] = is_kept ? slope_of(finish->act, n, a) / kept : 0;
    reference_row(Y, r)[o] =
        (is_kept ? a / kept : 0) + (finish->residual ? reference_row(finish->residual, r)[o] : 0);
}

clm_status reference_layer_finish(struct clm_backend *be, const struct tensor *Z, const struct finish *finish,
                                  struct tensor *Y, struct clm_error *error)
{
    (void)be, (void)error;
    if (finish->norm && (finish->norm->kind == NORM_LAYER || finish->is_training))
        measure_batch(finish->norm, Z);
    for (size_t first = 0; first < Z->rows; first += DROPOUT_ROWS)
        for (size_t o = 0; o < Z->columns; o++) {
            uint8_t kept = 0xff;
            if (finish->dropout)
                dropout_kept(finish->dropout, first, o, 1, &kept);
            for (size_t r = first; r < size_min(first + DROPOUT_ROWS, Z->rows); r++)
                finish_one(finish, Z, r, o, kept >> (r - first) & 1, Y);
        }
    return CLM_OK;
}

/* ---- backward ---- */

clm_status reference_gate_backward(struct clm_backend *be, struct tensor *dY, const struct tensor *skip,
                                   const struct gate *gate, struct tensor *dZ, struct clm_error *error)
{
    (void)be, (void)error;
    const bool has_gate = activations[gate->act].gate != GATE_ONE;
    for (size_t r = 0; r < dY->rows; r++)
        for (size_t o = 0; o < dY->columns; o++) {
            double *const dy = &reference_row(dY, r)[o];
            *dy += skip ? reference_row(skip, r)[o] : 0;
            reference_row(dZ, r)[o] =
                has_gate ? reference_through_gate(gate->act, *dy, reference_row(gate->of, r)[o]) : *dy;
        }
    return CLM_OK;
}

/* x of row r and column o */
static double x_at(const struct norm *norm, const struct tensor *Z, size_t r, size_t o)
{
    return standardised(norm, false, reference_row(Z, r)[o], r, o);
}

static void norm_gradients(struct norm *norm, const struct tensor *Z, const struct tensor *dN)
{
    for (size_t o = 0; o < Z->columns; o++) {
        double shift = 0, scale = 0;
        for (size_t r = 0; r < Z->rows; r++) {
            shift += reference_row(dN, r)[o];
            scale += reference_row(dN, r)[o] * x_at(norm, Z, r, o);
        }
        reference_row(&norm->shift.gradient, 0)[o] = shift;
        reference_row(&norm->scale.gradient, 0)[o] = scale;
    }
}

/* dZ of one line: column `at`, whose one scale multiplies at the end, or row `at`. */
static void backward_line(const struct norm *norm, const struct tensor *Z, struct tensor *dN, size_t at)
{
    const bool is_row = norm->kind == NORM_LAYER;
    const size_t count = is_row ? Z->columns : Z->rows;
    const double *const scale = reference_row(&norm->scale.value, 0);
    const double factor = reference_row(&norm->inverse, 0)[at] * (is_row ? 1 : scale[at]);
    double mean = 0, mean_x = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t r = is_row ? at : i, o = is_row ? i : at;
        const double g = reference_row(dN, r)[o] * (is_row ? scale[o] : 1);
        mean += g / (double)count;
        mean_x += g * x_at(norm, Z, r, o) / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t r = is_row ? at : i, o = is_row ? i : at;
        double *const d = &reference_row(dN, r)[o];
        *d = factor * (*d * (is_row ? scale[o] : 1) - mean - x_at(norm, Z, r, o) * mean_x);
    }
}

clm_status reference_norm_backward(struct clm_backend *be, struct norm *norm, const struct tensor *Z,
                                   struct tensor *dN, struct clm_error *error)
{
    (void)be, (void)error;
    norm_gradients(norm, Z, dN);
    for (size_t i = 0; i < (norm->kind == NORM_LAYER ? Z->rows : Z->columns); i++)
        backward_line(norm, Z, dN, i);
    return CLM_OK;
}
