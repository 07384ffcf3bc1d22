#include "check/problem.h"

#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- content ---- */

/* A number that every backend holds exactly. */
static double draw(struct problem *problem, enum fill fill)
{
    struct philox *const random = &problem->random;
    switch (fill) {
    case FILL_UNIFORM:
        return (float)(2 * philox_uniform(random) - 1);
    case FILL_WIDE:
        return (float)ldexp(philox_normal(random), (int)philox_below(random, 25) - 12);
    case FILL_DENORMAL:
        return (float)ldexp(2 * philox_uniform(random) - 1, -127);
    case FILL_ZERO:
        return 0;
    case FILL_ACTIVATION:
        return (float)fmax(philox_normal(random), 0);
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
    case FILL_CLASS:
        return philox_below(random, (uint32_t)problem->classes);
    case FILL_NORMAL:
    case FILL_PERMUTATION:
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

/* Outputs start as what no operation makes: NaN, or a class that there is not. */
static double poison_of(enum tensor_type type)
{
    if (type == TENSOR_REAL)
        return NAN;
    return type == TENSOR_INDEX ? 4294967294.0 : 165.0;
}

static double guard_of(const struct operand *operand, size_t i)
{
    if (operand->expected.type != TENSOR_REAL)
        return poison_of(operand->expected.type);
    return operand->role == ROLE_INPUT ? NAN : -1e30f * (float)(1 + i % 7);
}

static void fill_operand(struct problem *problem, struct operand *operand, enum fill fill)
{
    struct bounded *const expected = &operand->expected;
    const size_t count = bounded_count(expected);
    if (operand->role == ROLE_OUTPUT)
        for (size_t i = 0; i < count; i++)
            operand->before[i] = poison_of(expected->type);
    else if (fill == FILL_PERMUTATION)
        permute(problem, operand->before, count);
    else
        for (size_t i = 0; i < count; i++)
            operand->before[i] = draw(problem, fill);
    if (problem->odd_in && operand->role != ROLE_OUTPUT && !strcmp(operand->name, problem->odd_in))
        operand->before[philox_below(&problem->random, (uint32_t)count)] = problem->odd;
    memcpy(expected->value, operand->before, count * sizeof *expected->value);
    for (size_t i = count; i < count + problem->guard_rows * expected->columns; i++)
        operand->before[i] = guard_of(operand, i);
}

/* ---- making ---- */

/* `batch` is 0 of what are no weights. */
static struct operand *add(struct problem *problem, const char *name, enum role role, enum tensor_type type,
                           size_t rows, size_t columns, size_t batch, enum fill fill)
{
    struct operand *const operand = &problem->operands[problem->count++];
    const size_t whole_rows = rows + problem->guard_rows,
                 bytes = whole_rows * columns * sizeof *operand->before;
    *operand = (struct operand){.name = name, .role = role};
    if (problem->status == CLM_OK)
        problem->status = bounded_create(type, rows, columns, &operand->expected, problem->error);
    if (problem->status == CLM_OK && !(operand->before = malloc(bytes)))
        problem->status = clm_fail_host_memory(problem->error, "a check", bytes);
    if (problem->status == CLM_OK)
        problem->status =
            batch
                ? weights_create(problem->device, whole_rows, columns, batch, &operand->whole, problem->error)
                : tensor_create(problem->device, type, whole_rows, columns, &operand->whole, problem->error);
    if (problem->status != CLM_OK)
        return operand;
    fill_operand(problem, operand, fill);
    operand->tensor = tensor_first_rows(&operand->whole, rows);
    problem->status = doubles_write(problem->device, &operand->whole, operand->before, problem->error);
    return operand;
}

struct operand *problem_add(struct problem *problem, const char *name, enum role role, enum tensor_type type,
                            size_t rows, size_t columns, enum fill fill)
{
    return add(problem, name, role, type, rows, columns, 0, fill);
}

struct operand *problem_add_weights(struct problem *problem, const char *name, enum role role, size_t O,
                                    size_t I, size_t batch, enum fill fill)
{
    return add(problem, name, role, TENSOR_REAL, O, I, batch, fill);
}

struct metrics *problem_sums(struct problem *problem)
{
    if (problem->status == CLM_OK)
        problem->status = metrics_create(problem->device, &problem->sums, problem->error);
    if (problem->status == CLM_OK)
        problem->status = metrics_reset(problem->device, &problem->sums, problem->error);
    return &problem->sums;
}

/* ---- judging ---- */

/* The same bits, NaNs being all alike: floats become doubles one to one. */
static bool is_unchanged(double before, double after)
{
    return isnan(before) ? isnan(after) : before == after && signbit(before) == signbit(after);
}

/* The worst element so far, where it is wrong. */
static void tell_element(const struct operand *operand, const double *after, size_t i, struct judgement *out)
{
    const struct bounded *const expected = &operand->expected;
    if (out->worst <= 1)
        return;
    char name[64];
    snprintf(name, sizeof name, "%s[%zu,%zu]", operand->name, i / expected->columns, i % expected->columns);
    error_describe(out->detail, sizeof out->detail, name, after[i], expected->value[i], expected->error[i]);
}

static void tell_change(const struct operand *operand, const double *after, size_t i, struct judgement *out)
{
    const size_t columns = operand->expected.columns, row = i / columns;
    if (row < operand->expected.rows)
        snprintf(out->detail, sizeof out->detail, "%s[%zu,%zu], an input, was changed from %.9g to %.9g",
                 operand->name, row, i % columns, operand->before[i], after[i]);
    else
        snprintf(out->detail, sizeof out->detail,
                 "%.9g was written beyond %s: %zu elements behind the first of its last row", after[i],
                 operand->name, i - (operand->expected.rows - 1) * columns);
}

static void judge_content(const struct operand *operand, const double *after, struct judgement *out)
{
    const struct bounded *const expected = &operand->expected;
    const size_t count = bounded_count(expected), whole = operand->whole.rows * operand->whole.columns;
    for (size_t i = operand->role == ROLE_INPUT ? 0 : count; i < whole; i++)
        if (!is_unchanged(operand->before[i], after[i])) {
            out->worst = INFINITY;
            tell_change(operand, after, i, out);
            return;
        }
    for (size_t i = 0; operand->role != ROLE_INPUT && i < count; i++) {
        const double ratio = error_ratio(after[i], expected->value[i], expected->error[i]);
        const double worst = worse_ratio(out->worst, ratio);
        const bool is_worse = !(worst == out->worst) && !isnan(out->worst);
        out->worst = worst;
        if (is_worse)
            tell_element(operand, after, i, out);
    }
}

uint64_t bits_add(uint64_t bits, const void *bytes,
                  size_t size) /* FNV-1a, eight bytes at once where there are */
{
    const unsigned char *const at = bytes;
    for (size_t i = 0; i < size; i += sizeof bits) {
        uint64_t word = 0;
        memcpy(&word, at + i, size_min(sizeof word, size - i));
        bits = (bits ^ word) * UINT64_C(0x100000001b3);
        bits ^= bits >> 29;
    }
    return bits;
}

static clm_status judge(struct problem *problem, const struct operand *operand, struct judgement *out)
{
    const size_t bytes = operand->whole.rows * operand->whole.columns * sizeof(double);
    double *const after = malloc(bytes);
    if (!after)
        return clm_fail_host_memory(problem->error, "a check", bytes);
    const clm_status status = doubles_read(problem->device, &operand->whole, after, problem->error);
    const size_t count = operand->role == ROLE_INPUT ? 0 : bounded_count(&operand->expected);
    if (status == CLM_OK && problem->reference)
        judge_content(operand, after, out);
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        if (isnan(after[i]))
            after[i] = NAN; /* one of many bit patterns that mean the same */
    if (status == CLM_OK)
        out->bits = bits_add(out->bits, after, count * sizeof *after);
    free(after);
    return status;
}

void judge_bits(struct judgement *first, size_t run)
{
    first->worst = INFINITY;
    snprintf(first->detail, sizeof first->detail,
             "run %zu gave other bits than the first: a race, or memory that was read before it was written",
             run);
}

bool problem_is_judged(const struct problem *problem)
{
    return problem->status == CLM_OK && problem->reference;
}

static clm_status judge_sums(struct problem *problem, struct judgement *out)
{
    struct sums_read got;
    double ratio = NAN;
    const clm_status status =
        sums_ratio(problem->device, &problem->sums, &problem->expected_sums, &got, &ratio, problem->error);
    if (status != CLM_OK)
        return status;
    out->bits = bits_add(out->bits, &got.loss, sizeof got.loss);
    out->bits = bits_add(out->bits, &got.correct, sizeof got.correct);
    if (!problem->reference)
        return CLM_OK;
    if (!(ratio <= 1) && out->worst <= 1)
        sums_describe(out->detail, sizeof out->detail, &got, &problem->expected_sums);
    out->worst = worse_ratio(out->worst, ratio);
    return CLM_OK;
}

clm_status problem_end(struct problem *problem, struct judgement *out)
{
    *out = (struct judgement){.bits = BITS_START};
    for (size_t i = 0; problem->status == CLM_OK && i < problem->count; i++)
        problem->status = judge(problem, &problem->operands[i], out);
    if (problem->status == CLM_OK && !tensor_is_empty(&problem->sums.state))
        problem->status = judge_sums(problem, out);
    for (size_t i = 0; i < problem->count; i++) {
        bounded_free(&problem->operands[i].expected);
        free(problem->operands[i].before);
        tensor_free(problem->device, &problem->operands[i].whole);
    }
    metrics_free(problem->device, &problem->sums);
    return problem->status;
}
