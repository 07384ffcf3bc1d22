/* Bounds of norms, dropout, residuals and gates: for each number a value, and how far a backend's may be from
 * it. Each operation of a formula, in the order that backend.h writes it, makes a new number of this kind:
 *
 *   a + b   the errors add up
 *   a b     |a| error(b) + |b| error(a) + error(a) error(b)
 *   Σ, in any order of n terms: each is rounded at most n - 1 times, relative to Σ (|a| + error(a))
 *
 * and then come its own roundings, relative to |value| + error, and one number that is flushed to zero. Fused
 * multiply-adds round less often. Of a float's functions, OpenCL 1.2 (full profile, section 7.4) promises a
 * root to 3 units in the last place and a division to 2.5, a unit being at most two roundings. */
#include "prove/bounds/stage.h"

#include <stdlib.h>

#define ROOT_ROUNDINGS     6
#define DIVISION_ROUNDINGS 5

struct uncertain {
    double value, error;
};

static struct uncertain uncertain_at(const struct tensor *tensor, size_t i)
{
    return (struct uncertain){values_of(tensor)[i], errors_of(tensor)[i]};
}

/* The result of an operation, from the error that its operands give it. */
static struct uncertain uncertain_of(double value, double error, size_t roundings)
{
    return (struct uncertain){value, error + gamma_of(roundings + 1) * (fabs(value) + error) + FLUSHED};
}

static struct uncertain uncertain_sum(struct uncertain a, struct uncertain b)
{
    return uncertain_of(a.value + b.value, a.error + b.error, 1);
}

static struct uncertain uncertain_difference(struct uncertain a, struct uncertain b)
{
    return uncertain_of(a.value - b.value, a.error + b.error, 1);
}

static struct uncertain uncertain_product(struct uncertain a, struct uncertain b)
{
    return uncertain_of(a.value * b.value,
                        fabs(a.value) * b.error + fabs(b.value) * a.error + a.error * b.error, 1);
}

/* A sum that grows. */
struct uncertain_total {
    double value, size, error; /* size: of the absolute values with their errors */
    size_t count;
};

static void total_add(struct uncertain_total *total, struct uncertain a)
{
    total->value += a.value;
    total->size += fabs(a.value) + a.error;
    total->error += a.error;
    total->count++;
}

static struct uncertain total_sum(const struct uncertain_total *total)
{
    const double n = (double)total->count;
    return (struct uncertain){total->value,
                              total->error + gamma_of(total->count) * total->size + n * FLUSHED};
}

/* The sum divided by the number of terms. */
static struct uncertain total_mean(const struct uncertain_total *total)
{
    const struct uncertain sum = total_sum(total);
    const double n = (double)total->count;
    return uncertain_of(sum.value / n, sum.error / n, DIVISION_ROUNDINGS);
}

/* ---- statistics ---- */

/* 1 / sqrt(variance + epsilon). A variance is never negative, so the error is that of a falling function at
 * both ends. epsilon and the sum round twice, which the root halves. */
static struct uncertain inverse_of(struct uncertain variance)
{
    const double value = 1 / sqrt(variance.value + NORM_EPSILON);
    const double most = 1 / sqrt(fmax(variance.value - variance.error, 0) + NORM_EPSILON),
                 least = 1 / sqrt(variance.value + variance.error + NORM_EPSILON);
    return uncertain_of(value, fmax(most - value, value - least), 1 + ROOT_ROUNDINGS + DIVISION_ROUNDINGS);
}

/* The elements of Z that line `at` of a norm consists of: a column, or a row. */
struct norm_line {
    size_t first, step, count;
};

static struct norm_line norm_line(const struct norm *norm, const struct tensor *Z, size_t at)
{
    return norm->kind == NORM_LAYER ? (struct norm_line){at * Z->columns, 1, Z->columns}
                                    : (struct norm_line){at, Z->columns, Z->rows};
}

/* share x + (1 - share) y, as the running statistics move: both factors are rounded. */
static struct uncertain moved(struct uncertain running, struct uncertain batch, double share)
{
    const struct uncertain rest = uncertain_of(1 - NORM_MOMENTUM, 0, 1), part = uncertain_of(share, 0, 1);
    return uncertain_sum(uncertain_product(rest, running), uncertain_product(part, batch));
}

static void move_errors(const struct norm *norm, size_t o, struct uncertain mean,
                        const struct uncertain_total *squares)
{
    const double B = (double)squares->count;
    errors_of(&norm->mean)[o] = moved(uncertain_at(&norm->mean, o), mean, NORM_MOMENTUM).error;
    if (squares->count >
        1) /* of the sum of squares, or of the variance times B / (B - 1): two roundings more */
        errors_of(&norm->variance)[o] =
            moved(uncertain_at(&norm->variance, o),
                  uncertain_of(total_sum(squares).value / (B - 1), total_sum(squares).error / (B - 1),
                               2 + DIVISION_ROUNDINGS),
                  NORM_MOMENTUM)
                .error;
}

/* The errors of centre and inverse, and of the running statistics, whose values still are the old ones.
 * Values of centre and inverse come from the reference afterwards. */
static void measure_errors(const struct norm *norm, const struct tensor *Z)
{
    const size_t lines = norm->kind == NORM_LAYER ? Z->rows : Z->columns;
    for (size_t at = 0; at < lines; at++) {
        const struct norm_line line = norm_line(norm, Z, at);
        struct uncertain_total sum = {0}, squares = {0};
        for (size_t i = 0; i < line.count; i++)
            total_add(&sum, uncertain_at(Z, line.first + i * line.step));
        const struct uncertain centre = total_mean(&sum);
        for (size_t i = 0; i < line.count; i++) {
            const struct uncertain d =
                uncertain_difference(uncertain_at(Z, line.first + i * line.step), centre);
            total_add(&squares, uncertain_product(d, d));
        }
        errors_of(&norm->centre)[at] = centre.error;
        errors_of(&norm->inverse)[at] = inverse_of(total_mean(&squares)).error;
        if (norm->kind == NORM_BATCH)
            move_errors(norm, at, centre, &squares);
    }
}

/* A norm, and a layer's end, of the reference. */
static struct norm norm_of_values(const struct norm *norm)
{
    return (struct norm){
        .kind = norm->kind,
        .scale = {.value = value_of(&norm->scale.value), .gradient = value_of(&norm->scale.gradient)},
        .shift = {.value = value_of(&norm->shift.value), .gradient = value_of(&norm->shift.gradient)},
        .mean = value_of(&norm->mean),
        .variance = value_of(&norm->variance),
        .centre = value_of(&norm->centre),
        .inverse = value_of(&norm->inverse)};
}

/* (z - centre) * inverse */
static struct uncertain standardised_uncertain(const struct norm *norm, const struct tensor *Z, size_t r,
                                               size_t o, bool uses_running)
{
    const size_t at = norm->kind == NORM_LAYER ? r : o;
    const struct uncertain z = uncertain_at(Z, r * Z->columns + o);
    const struct uncertain centre = uncertain_at(uses_running ? &norm->mean : &norm->centre, at);
    const struct uncertain inverse =
        uses_running ? inverse_of(uncertain_at(&norm->variance, at)) : uncertain_at(&norm->inverse, at);
    return uncertain_product(uncertain_difference(z, centre), inverse);
}

/* ---- layer_finish ---- */

/* N. If inverse and scale are multiplied first, their product is what may be flushed. */
static struct uncertain normalised_uncertain(const struct finish *finish, const struct tensor *Z, size_t r,
                                             size_t o)
{
    const struct norm *const norm = finish->norm;
    const struct uncertain z = uncertain_at(Z, r * Z->columns + o);
    if (!norm)
        return z;
    const bool uses_running = norm->kind == NORM_BATCH && !finish->is_training;
    struct uncertain n = uncertain_product(standardised_uncertain(norm, Z, r, o, uses_running),
                                           uncertain_at(&norm->scale.value, o));
    const struct uncertain distance = uncertain_difference(
        z, uncertain_at(uses_running ? &norm->mean : &norm->centre, norm->kind == NORM_LAYER ? r : o));
    n.error += FLUSHED * (fabs(distance.value) + distance.error);
    return uncertain_sum(n, uncertain_at(&norm->shift.value, o));
}

/* What becomes of a number under dropout: the factor and the product are rounded. */
static double dropped_error(const struct dropout *dropout, bool is_kept, double value, double error)
{
    const double factor = dropout ? 1 / (1 - dropout->share) : 1;
    return !dropout ? error : is_kept ? uncertain_of(value * factor, error * factor, 2).error : 0;
}

/* The errors of one element: N is n, and act(N) is a. */
static void finish_errors(const struct finish *finish, struct uncertain n, double a, double slope,
                          bool is_kept, size_t i, const struct tensor *Y)
{
    const double act_error = activation_error(finish->act, n.value, a, n.error);
    const double factor = finish->dropout ? is_kept / (1 - finish->dropout->share) : 1;
    struct uncertain y = {is_kept ? a * factor : 0, dropped_error(finish->dropout, is_kept, a, act_error)};
    if (finish->residual)
        y = uncertain_sum(y, uncertain_at(finish->residual, i));
    errors_of(Y)[i] = y.error;
    if (finish->gate)
        errors_of(finish->gate)[i] = dropped_error(finish->dropout, is_kept, slope,
                                                   slope_error(finish->act, n.value, n.error, a, act_error));
}

/* The errors of Y and of the gate, from the values of act(N) and its slope. */
static void finish_all_errors(const struct finish *finish, const struct uncertain *n, const double *a,
                              const double *slope, const struct tensor *Y)
{
    for (size_t r = 0; r < Y->rows; r++)
        for (size_t o = 0; o < Y->columns; o++) {
            const size_t i = r * Y->columns + o;
            uint8_t kept = 0xff;
            if (finish->dropout)
                dropout_kept(finish->dropout, r / DROPOUT_ROWS * DROPOUT_ROWS, o, 1, &kept);
            finish_errors(finish, n[i], a[i], slope[i], kept >> r % DROPOUT_ROWS & 1, i, Y);
        }
}

/* The reference's results; Y may be Z. */
static clm_status finish_values(struct clm_backend *reference, const struct tensor *Z,
                                const struct finish *finish, const struct tensor *Y, struct clm_error *error)
{
    struct finish of_values = *finish;
    struct norm norm;
    const struct tensor z = value_of(Z);
    struct tensor y = value_of(Y), residual, gate;
    if (finish->norm) {
        norm = norm_of_values(finish->norm);
        of_values.norm = &norm;
    }
    if (finish->residual) {
        residual = value_of(finish->residual);
        of_values.residual = &residual;
    }
    if (finish->gate) {
        gate = value_of(finish->gate);
        of_values.gate = &gate;
    }
    return layer_finish(reference, &z, &of_values, &y, error);
}

/* Z's copy is needed because Y may be Z, and centre and inverse come with the reference's results. */
static clm_status finish_with_room(struct stage *stage, const struct tensor *Z, const struct finish *finish,
                                   struct tensor *Y, struct uncertain *n)
{
    const size_t count = tensor_elements(Z);
    struct tensor *const z = stage_room(stage, Z->rows, Z->columns),
                         *const a = stage_room(stage, Z->rows, Z->columns),
                         *const slope = stage_room(stage, Z->rows, Z->columns);
    const bool is_measured = finish->norm && (finish->norm->kind == NORM_LAYER || finish->is_training);
    const struct finish plain = {.act = finish->act, .gate = slope};
    if (stage->status != CLM_OK)
        return stage->status;
    if (is_measured)
        measure_errors(finish->norm, Z);
    for (size_t i = 0; i < count; i++)
        ((double *)z->memory)[i] = values_of(Z)[i];
    clm_status status = finish_values(stage->reference, Z, finish, Y, stage->error);
    struct bounded before = {z->memory, errors_of(Z)};
    const struct tensor copy = {.rows = Z->rows, .columns = Z->columns, .memory = &before};
    for (size_t i = 0; status == CLM_OK && i < count; i++) {
        n[i] = normalised_uncertain(finish, &copy, i / Z->columns, i % Z->columns);
        ((double *)a->memory)[i] = n[i].value;
    }
    if (status == CLM_OK)
        status = layer_finish(stage->reference, a, &plain, a, stage->error);
    if (status == CLM_OK)
        finish_all_errors(finish, n, a->memory, slope->memory, Y);
    return status;
}

clm_status bounds_layer_finish(struct clm_backend *be, const struct tensor *Z, const struct finish *finish,
                               struct tensor *Y, struct clm_error *error)
{
    struct stage stage = stage_of(be, error);
    struct uncertain *const n = calloc(tensor_elements(Z), sizeof *n);
    const clm_status status = n ? finish_with_room(&stage, Z, finish, Y, n)
                                : clm_fail_host_memory(error, "a check", tensor_elements(Z) * sizeof *n);
    free(n);
    const clm_status ended = stage_end(&stage);
    return status ? status : ended;
}

/* ---- gate_backward ---- */

/* The error of d times act'. The slope is the reference's; if it is 0, any d gives 0. A saved gate may be a
 * factor of any size. */
static double through_gate_error(const struct gate *gate, size_t i, struct uncertain d, double slope)
{
    switch (activations[gate->act].gate) {
    case GATE_ONE:
        return d.error;
    case GATE_SAVED:
        return uncertain_product(d, uncertain_at(gate->of, i)).error;
    case GATE_OF_OUTPUT:
        break;
    }
    return (slope == 0 ? 0 : fabs(slope) * d.error) + gate_error(gate, i, d.value, d.error);
}

/* The slopes of a gate: what becomes of ones. */
static double *slopes_of(struct stage *stage, const struct gate *gate, const struct tensor *dY)
{
    struct tensor *const slopes = stage_room(stage, dY->rows, dY->columns);
    struct tensor of = {0};
    if (activations[gate->act].gate != GATE_ONE)
        of = value_of(gate->of);
    if (stage->status != CLM_OK)
        return NULL;
    for (size_t i = 0; i < tensor_elements(dY); i++)
        ((double *)slopes->memory)[i] = 1;
    stage->status = gate_backward(stage->reference, slopes, NULL, GATE(gate->act, &of), slopes, stage->error);
    return slopes->memory;
}

clm_status bounds_gate_backward(struct clm_backend *be, struct tensor *dY, const struct tensor *skip,
                                const struct gate *gate, struct tensor *dZ, struct clm_error *error)
{
    struct stage stage = stage_of(be, error);
    const double *const slopes = slopes_of(&stage, gate, dY);
    struct tensor dy = value_of(dY), dz = value_of(dZ), added = {0}, of = {0};
    for (size_t i = 0; stage.status == CLM_OK && i < tensor_elements(dY); i++) {
        struct uncertain d = uncertain_at(dY, i);
        if (skip)
            d = uncertain_sum(d, uncertain_at(skip, i));
        errors_of(dY)[i] = d.error;
        errors_of(dZ)[i] = through_gate_error(gate, i, d, slopes[i]);
    }
    if (skip)
        added = value_of(skip);
    if (activations[gate->act].gate != GATE_ONE)
        of = value_of(gate->of);
    if (stage.status == CLM_OK)
        stage.status =
            gate_backward(stage.reference, &dy, skip ? &added : NULL, GATE(gate->act, &of), &dz, error);
    return stage_end(&stage);
}

/* ---- norm_backward ---- */

static void norm_gradient_errors(const struct norm *norm, const struct tensor *Z, const struct tensor *dN)
{
    for (size_t o = 0; o < Z->columns; o++) {
        struct uncertain_total shift = {0}, scale = {0};
        for (size_t r = 0; r < Z->rows; r++) {
            const struct uncertain d = uncertain_at(dN, r * Z->columns + o);
            total_add(&shift, d);
            total_add(&scale, uncertain_product(d, standardised_uncertain(norm, Z, r, o, false)));
        }
        errors_of(&norm->shift.gradient)[o] = total_sum(&shift).error;
        errors_of(&norm->scale.gradient)[o] = total_sum(&scale).error;
    }
}

/* g of element i: dN, of a row times its scale. */
static struct uncertain scaled_gradient(const struct norm *norm, const struct tensor *dN, size_t i)
{
    const struct uncertain d = uncertain_at(dN, i);
    return norm->kind == NORM_LAYER ? uncertain_product(d, uncertain_at(&norm->scale.value, i % dN->columns))
                                    : d;
}

/* The errors of one line of dZ, into `errors`. */
static void norm_line_errors(const struct norm *norm, const struct tensor *Z, const struct tensor *dN,
                             size_t at, double *errors)
{
    const struct norm_line line = norm_line(norm, Z, at);
    struct uncertain factor = uncertain_at(&norm->inverse, at);
    struct uncertain_total sum = {0}, sum_x = {0};
    for (size_t n = 0; n < line.count; n++) {
        const size_t i = line.first + n * line.step;
        const struct uncertain g = scaled_gradient(norm, dN, i),
                               x = standardised_uncertain(norm, Z, i / Z->columns, i % Z->columns, false);
        total_add(&sum, g);
        total_add(&sum_x, uncertain_product(g, x));
    }
    if (norm->kind == NORM_BATCH)
        factor = uncertain_product(factor, uncertain_at(&norm->scale.value, at));
    for (size_t n = 0; n < line.count; n++) {
        const size_t i = line.first + n * line.step;
        const struct uncertain x = standardised_uncertain(norm, Z, i / Z->columns, i % Z->columns, false);
        const struct uncertain rest =
            uncertain_difference(uncertain_difference(scaled_gradient(norm, dN, i), total_mean(&sum)),
                                 uncertain_product(x, total_mean(&sum_x)));
        errors[i] = uncertain_product(factor, rest).error;
    }
}

clm_status bounds_norm_backward(struct clm_backend *be, struct norm *norm, const struct tensor *Z,
                                struct tensor *dN, struct clm_error *error)
{
    struct stage stage = stage_of(be, error);
    struct norm values = norm_of_values(norm);
    const struct tensor z = value_of(Z);
    struct tensor d = value_of(dN), *const errors = stage_room(&stage, Z->rows, Z->columns);
    if (stage.status != CLM_OK)
        return stage_end(&stage);
    norm_gradient_errors(norm, Z, dN);
    for (size_t at = 0; at < (norm->kind == NORM_LAYER ? Z->rows : Z->columns); at++)
        norm_line_errors(norm, Z, dN, at, errors->memory);
    for (size_t i = 0; i < tensor_elements(Z); i++)
        errors_of(dN)[i] = ((const double *)errors->memory)[i];
    stage.status = norm_backward(stage.reference, &values, &z, &d, error);
    return stage_end(&stage);
}
