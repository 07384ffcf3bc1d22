#include "prove/operands.h"
#include "prove/expectations.h"

#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- content ---- */

/* A row of logits has one logit per class; a data set has ten classes. */
static uint32_t operand_classes(const struct problem *problem)
{
    const struct operation *const operation = problem->operation;
    const bool is_of_logits = operation->has_sums || operation->dimensions == DIMENSIONS_ROWS;
    return is_of_logits ? (uint32_t)problem->variant->O : 10;
}

/* From -1 to 1, by SplitMix64 (Steele, Lea and Flood, 2014): ten times as fast as Philox, for operands of
 * millions of elements. */
static double draw_quickly(struct problem *problem)
{
    uint64_t z = problem->quick_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)(z >> 40) / (1 << 23) - 1;
}

/* What the layer below gives: its output, or its saved gate. */
static double draw_activation(struct problem *problem)
{
    const enum activation below = problem->variant->below;
    const struct activation_about *const about =
        &activations[below == ACTIVATION_NONE ? ACTIVATION_RELU : below];
    const bool is_saved = about->gate == GATE_SAVED;
    const double least = is_saved ? -about->slope_most : about->output_least,
                 most = is_saved ? about->slope_most : about->output_most;
    return (float)fmin(fmax(philox_normal(&problem->random), least), most);
}

/* A number that every backend holds exactly. */
static double draw_operand(struct problem *problem, enum fill fill)
{
    struct philox *const random = &problem->random;
    switch (fill) {
    case FILL_UNIFORM:
        return draw_quickly(problem);
    case FILL_SMALL: {
        const int halvings = (int)ceil(log2((double)problem->variant->I / 4 + 1));
        return (float)ldexp(2 * philox_uniform(random) - 1, -halvings);
    }
    case FILL_WIDE:
        return (float)ldexp(philox_normal(random), (int)philox_below(random, 25) - 12);
    case FILL_DENORMAL:
        return (float)ldexp(2 * philox_uniform(random) - 1, -127);
    case FILL_TINY: {
        const double sign = philox_below(random, 2) ? 1 : -1, size = philox_uniform(random);
        return (float)(sign * (philox_below(random, 8) ? ldexp(1 + size, -126) : ldexp(size, -126)));
    }
    case FILL_HUGE:
        return (float)ldexp(philox_normal(random), 100);
    case FILL_FAINT:
        return (float)ldexp(philox_normal(random), -25);
    case FILL_ZERO:
        return 0;
    case FILL_ACTIVATION:
        return draw_activation(problem);
    case FILL_EXTREME: {
        const double values[4] = {-1e4, 0, 1e4, (float)philox_normal(random)};
        return values[philox_below(random, 4)];
    }
    case FILL_TIES:
        return (double)philox_below(random, 3) - 1;
    case FILL_SCALE:
        return (float)((0.75 + philox_uniform(random) / 2) / 255);
    case FILL_BYTE:
        return philox_below(random, 256);
    case FILL_WEIGHT: {
        const int power = (int)philox_below(random, 12) - 6;
        return philox_below(random, 4) ? (float)ldexp(1 + philox_uniform(random), power) : 0;
    }
    case FILL_CLASS:
        return philox_below(random, operand_classes(problem));
    case FILL_NORMAL:
    case FILL_PERMUTATION:
    case FILL_OWN:
        break;
    }
    return (float)philox_normal(random);
}

static void permute(struct problem *problem, double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (double)i;
    for (size_t i = count; i > 1; i--) {
        const size_t j = philox_below(&problem->random, (uint32_t)i);
        const double swapped = values[i - 1];
        values[i - 1] = values[j];
        values[j] = swapped;
    }
}

/* The initial content of outputs, which no operation computes: NaN, or a class that does not exist. */
static double poison_of(enum tensor_type type)
{
    if (type == TENSOR_REAL)
        return NAN;
    return type == TENSOR_INDEX ? 4294967294.0 : 165.0;
}

static bool is_input(const struct operand_row *row)
{
    return row->role == ROLE_INPUT || row->role == ROLE_UNREAD;
}

/* The number that follows an operand in the device's memory. */
static double guard_of(const struct operand_row *row, enum tensor_type type, size_t i)
{
    if (type != TENSOR_REAL)
        return poison_of(type);
    return is_input(row) ? NAN : -1e30f * (float)(1 + i % 7);
}

/* The place of the NaN or infinity; tiles are cut off at the corners. */
static size_t place_in(struct problem *problem, size_t rows, size_t columns)
{
    switch (problem->variant->odd_place) {
    case PLACE_TOP_LEFT:
        return 0;
    case PLACE_TOP_RIGHT:
        return columns - 1;
    case PLACE_BOTTOM_LEFT:
        return (rows - 1) * columns;
    case PLACE_BOTTOM_RIGHT:
        return rows * columns - 1;
    default:
        return philox_below(&problem->random, (uint32_t)(rows * columns));
    }
}

/* ---- rows ---- */

static enum fill fill_of(const struct operand_row *row, const struct variant *v)
{
    if (row->fill == FILL_BYTE)
        return v->is_bytes ? FILL_BYTE : v->fill;
    const enum fill fill = v->fill == FILL_TINY ? row->beside : row->fill;
    return fill == FILL_OWN ? v->fill : fill;
}

static enum tensor_type operand_type(enum fill fill)
{
    if (fill == FILL_CLASS || fill == FILL_PERMUTATION)
        return TENSOR_INDEX;
    return fill == FILL_BYTE ? TENSOR_BYTE : TENSOR_REAL;
}

static size_t operand_size(char letter, const struct variant *v)
{
    switch (letter) {
    case 'B':
        return v->B;
    case 'b':
        return v->next ? v->next : size_max(v->B, 2) - 1;
    case 'I':
        return v->I;
    case 'O':
        return v->O;
    case 'C':
        return v->O * size_max(v->quantiles, 1);
    case 'N':
        return v->N;
    case 'L': /* lines that a norm normalises */
        return v->norm == NORM_LAYER ? v->B : v->O;
    default:
        return 1;
    }
}

/* ---- making ---- */

/* Whether it is a state that is a mean of squares, which is never negative. */
static bool is_square(const struct operand_row *row, const struct variant *v)
{
    const size_t is_signed = rules[v->rule].signed_states;
    return row->presence == IF_STATE ? is_signed < 1 : row->presence == IF_SECOND_STATE && is_signed < 2;
}

/* Writes the content, or poison, and the guard after it. */
static void fill_operand(struct problem *problem, size_t n, size_t count)
{
    const struct variant *const v = problem->variant;
    const struct operand_row *const row = &problem->operation->rows[n];
    const struct tensor *const whole = &problem->whole[n];
    const enum fill fill = fill_of(row, v);
    double *const content = problem->before[n];
    if (row->role == ROLE_OUTPUT || row->role == ROLE_SCRATCH)
        for (size_t i = 0; i < count; i++)
            content[i] = poison_of(whole->type);
    else if (fill == FILL_PERMUTATION)
        permute(problem, content, count);
    else
        for (size_t i = 0; i < count; i++)
            content[i] = draw_operand(problem, fill);
    for (size_t i = 0; is_square(row, v) && i < count; i++)
        content[i] = fabs(content[i]);
    if (v->odd_in && row->role != ROLE_OUTPUT && !strcmp(row->name, v->odd_in))
        content[place_in(problem, count / whole->columns, whole->columns)] = v->odd;
    for (size_t i = count; i < whole->rows * whole->columns; i++)
        content[i] = guard_of(row, whole->type, i);
}

/* The operand's memory on the device, with a guard after it. */
static void create_operand(struct problem *problem, size_t n)
{
    const struct variant *const v = problem->variant;
    const struct operand_row *const row = &problem->operation->rows[n];
    const size_t rows = operand_size(row->shape[0], v) + (v->is_bare ? 0 : 2),
                 columns = operand_size(row->shape[1], v);
    struct tensor *const whole = &problem->whole[n];
    problem->status = row->shape[2] == '*'
                          ? weights_create(problem->device, rows, columns, v->B, whole, problem->error)
                          : tensor_create(problem->device, operand_type(fill_of(row, v)), rows, columns,
                                          whole, problem->error);
}

static void make_operand(struct problem *problem, size_t n)
{
    const struct operand_row *const row = &problem->operation->rows[n];
    const size_t rows = operand_size(row->shape[0], problem->variant),
                 columns = operand_size(row->shape[1], problem->variant);
    struct tensor *const whole = &problem->whole[n];
    create_operand(problem, n);
    if (problem->status != CLM_OK)
        return;
    const size_t bytes = whole->rows * columns * sizeof(double);
    if (!(problem->before[n] = malloc(bytes))) {
        problem->status = clm_fail_host_memory(problem->error, "a check", bytes);
        return;
    }
    fill_operand(problem, n, rows * columns);
    problem->tensors[n] = tensor_first_rows(whole, rows);
    problem->status = doubles_write(problem->device, whole, problem->before[n], problem->error);
}

static bool is_needed(const struct problem *problem, const struct operand_row *row)
{
    const enum rule rule = problem->variant->rule;
    const bool is_fused = backend_fuses_step(problem->device, rule) && rules[rule].is_linear;
    return operand_is_present(row, problem->variant) && !(row->role == ROLE_SCRATCH && is_fused);
}

/* Prepares the device for an operation of layers: its activation, and the rule if it takes a step. */
static clm_status prepare_layer(const struct problem *problem)
{
    const struct variant *const v = problem->variant;
    const size_t widths[] = {v->I, v->O, v->I};
    const size_t count = problem->operation->dimensions == DIMENSIONS_STEP ? 3 : 2;
    const enum activation acts[] = {v->act, v->act};
    enum rule rule = RULE_COUNT;
    if (!has_products(problem->operation->dimensions))
        return CLM_OK;
    for (const struct operand_row *row = problem->operation->rows; row->name; row++)
        if (row->role == ROLE_UPDATED)
            rule = v->rule;
    return backend_prepare(problem->device, widths, count, acts, rule, v->B, problem->error);
}

struct problem problem_begin(struct clm_backend *device, const struct operation *operation,
                             const struct variant *variant, struct clm_error *error)
{
    struct problem problem = {.device = device,
                              .operation = operation,
                              .variant = variant,
                              .random = philox_start(variant->seed, RANDOM_TEST, 0),
                              .quick_state = variant->seed,
                              .error = error};
    problem.status = prepare_layer(&problem);
    for (size_t n = 0; problem.status == CLM_OK && operation->rows[n].name; n++)
        if (is_needed(&problem, &operation->rows[n]))
            make_operand(&problem, n);
    if (problem.status == CLM_OK && operation->has_sums &&
        (problem.status = metrics_create(device, &problem.sums, error)) == CLM_OK)
        problem.status = metrics_reset(device, &problem.sums, error);
    return problem;
}

clm_status problem_check_memory(struct clm_backend *device, const struct operation *operation,
                                const struct variant *variant, const char *what, struct clm_error *error)
{
    struct problem problem = {.device = device, .operation = operation, .variant = variant, .error = error};
    memory_plan_begin(device);
    problem.status = prepare_layer(&problem);
    for (size_t n = 0; problem.status == CLM_OK && operation->rows[n].name; n++)
        if (is_needed(&problem, &operation->rows[n]))
            create_operand(&problem, n);
    for (size_t n = 0; operation->rows[n].name; n++)
        tensor_free(device, &problem.whole[n]);
    const size_t bytes = memory_plan_end(device);
    return problem.status
               ? problem.status
               : memory_check(device, what, bytes, "take smaller batches or layers, or the blas backend",
                              "batch hidden backend", error);
}

void problem_run(struct problem *problem)
{
    if (problem->status == CLM_OK)
        problem->status = problem->operation->call(problem->device, problem->variant, problem->tensors,
                                                   &problem->sums, problem->error);
}

/* ---- reading ---- */

/* Whether both are the same float; all NaNs count as one. Doubles can tell, since each float is a double. */
static bool is_unchanged(double before, double after)
{
    return isnan(before) ? isnan(after) : before == after && signbit(before) == signbit(after);
}

static void tell_change(const struct operand_row *row, const struct tensor *operand, size_t i, double before,
                        double after, struct judgement *out)
{
    const size_t columns = operand->columns, at = i / columns;
    out->worst = INFINITY;
    if (at < operand->rows)
        snprintf(out->detail, sizeof out->detail, "%s[%zu,%zu], an input, was changed from %.9g to %.9g",
                 row->name, at, i % columns, before, after);
    else
        snprintf(out->detail, sizeof out->detail,
                 "%.9g was written beyond %s: %zu elements after the first of its last row", after, row->name,
                 i - (operand->rows - 1) * columns);
}

/* Checks that inputs, and the memory after an operand, have not changed. Keeps what it reads of an output. */
static void read_operand(struct problem *problem, size_t n, struct judgement *out)
{
    const struct operand_row *const row = &problem->operation->rows[n];
    const struct tensor *const whole = &problem->whole[n], *const operand = &problem->tensors[n];
    const double *const before = problem->before[n];
    const size_t all = whole->rows * whole->columns,
                 first = is_input(row) ? 0 : operand->rows * operand->columns;
    double *const after = malloc(all * sizeof *after);
    problem->status = after ? doubles_read(problem->device, whole, after, problem->error)
                            : clm_fail_host_memory(problem->error, "a check", all * sizeof *after);
    if (problem->status == CLM_OK)
        problem->status = expect_unchanged(out->kept, row->name, whole, first, problem->error);
    for (size_t i = first; problem->status == CLM_OK && i < all; i++)
        if (!is_unchanged(before[i], after[i])) {
            tell_change(row, operand, i, before[i], after[i], out);
            break;
        }
    if (problem->status != CLM_OK || !first || row->role == ROLE_SCRATCH) {
        free(after);
        return;
    }
    problem->after[n] = after;
    judge_bits(out, after, first);
}

void problem_read(struct problem *problem, struct judgement *out)
{
    for (size_t n = 0; problem->operation->rows[n].name; n++)
        if (problem->status == CLM_OK && problem->before[n])
            read_operand(problem, n, out);
}

clm_status problem_end(struct problem *problem)
{
    for (size_t n = 0; problem->operation->rows[n].name; n++) {
        free(problem->before[n]);
        free(problem->after[n]);
        tensor_free(problem->device, &problem->whole[n]);
    }
    metrics_free(problem->device, &problem->sums);
    return problem->status;
}
