#include "prove/judge.h"

#include "prove/bounds/bounds.h"
#include "prove/expectations.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool is_bound(double value, double error)
{
    return !isfinite(value) || (error >= 0 && isfinite(error));
}

double error_ratio(double got, double value, double error)
{
    if (!isfinite(value))
        return got == value || (isnan(value) && isnan(got)) ? 0 : INFINITY;
    if (!is_bound(value, error))
        return NAN;
    return got == value ? 0 : fabs(got - value) / error;
}

/* A number as text. A NaN's sign is left out: it has no meaning. */
struct number_text {
    char text[32];
};

static struct number_text number_text(double value, int digits)
{
    struct number_text out;
    snprintf(out.text, sizeof out.text, "%.*g", digits, isnan(value) ? fabs(value) : value);
    return out;
}

/* "2.5 is right, to within 1e-06"; an infinity and NaN have no bound. */
static void describe_right(char *text, size_t size, double value, double error)
{
    snprintf(text, size, "%s is right%s%s", number_text(value, 9).text, isfinite(value) ? ", to within " : "",
             isfinite(value) ? number_text(error, 3).text : "");
}

void error_describe(char *text, size_t size, const char *what, double got, double value, double error)
{
    char right[96];
    describe_right(right, sizeof right, value, error);
    if (is_bound(value, error))
        snprintf(text, size, "%s is %s; %s", what, number_text(got, 9).text, right);
    else
        snprintf(text, size,
                 "%s is %s, which cannot be judged: %s is no valid bound; the check itself is wrong", what,
                 number_text(got, 9).text, number_text(error, 3).text);
}

double worse_ratio(double a, double b)
{
    return isnan(a) || b <= a ? a : b;
}

static const enum host_type host_types[] = {
    [TENSOR_REAL] = HOST_DOUBLE, [TENSOR_BYTE] = HOST_BYTE, [TENSOR_INDEX] = HOST_INDEX};

clm_status doubles_write(struct clm_backend *be, struct tensor *tensor, const double *values,
                         struct clm_error *error)
{
    const size_t count = tensor->rows * tensor->columns;
    if (tensor->type == TENSOR_REAL)
        return backend_write(be, tensor, HOST_DOUBLE, values, error);
    uint32_t *const numbers = malloc(count * sizeof *numbers);
    if (!numbers)
        return clm_fail_host_memory(error, "a check", count * sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        if (tensor->type == TENSOR_BYTE)
            ((uint8_t *)numbers)[i] = (uint8_t)values[i];
        else
            numbers[i] = (uint32_t)values[i];
    const clm_status status = backend_write(be, tensor, host_types[tensor->type], numbers, error);
    free(numbers);
    return status;
}

clm_status doubles_read(struct clm_backend *be, const struct tensor *tensor, double *values,
                        struct clm_error *error)
{
    const size_t count = tensor->rows * tensor->columns;
    if (tensor->type == TENSOR_REAL)
        return backend_read(be, tensor, HOST_DOUBLE, values, error);
    uint32_t *const numbers = malloc(count * sizeof *numbers);
    if (!numbers)
        return clm_fail_host_memory(error, "a check", count * sizeof *numbers);
    const clm_status status = backend_read(be, tensor, host_types[tensor->type], numbers, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        values[i] = tensor->type == TENSOR_BYTE ? ((const uint8_t *)numbers)[i] : numbers[i];
    free(numbers);
    return status;
}

/* ---- the verdict on one case ---- */

struct judgement judgement_begin(void)
{
    return (struct judgement){.bits = UINT64_C(0xcbf29ce484222325)};
}

/* FNV-1a, eight bytes at once; a NaN counts as one value, whatever its bits. */
void judge_bits(struct judgement *judgement, const double *got, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double value = isnan(got[i]) ? (double)NAN : got[i];
        uint64_t word;
        memcpy(&word, &value, sizeof word);
        judgement->bits = (judgement->bits ^ word) * UINT64_C(0x100000001b3);
        judgement->bits ^= judgement->bits >> 29;
    }
}

/* Takes a ratio into the judgement. True if it is the worst so far and wrong. */
static bool take_ratio(struct judgement *judgement, double ratio)
{
    const double before = judgement->worst;
    judgement->worst = worse_ratio(before, ratio);
    return !(judgement->worst == before) && !isnan(before) && !(judgement->worst <= 1);
}

void judge_element(struct judgement *judgement, const char *name, size_t row, size_t column, double got,
                   double value, double error)
{
    char element[80];
    const double ratio = error_ratio(got, value, error);
    const bool is_worst = take_ratio(judgement, ratio), is_wrong = !(ratio <= 1),
               is_first = is_wrong && !judgement->wrong;
    judgement->elements++;
    judgement->wrong += is_wrong;
    if (!is_worst && !is_first)
        return;
    snprintf(element, sizeof element, "%.32s[%zu,%zu]", name, row, column);
    if (is_worst)
        error_describe(judgement->detail, sizeof judgement->detail, element, got, value, error);
    if (is_first)
        error_describe(judgement->first, sizeof judgement->first, element, got, value, error);
}

clm_status judge_tensor(struct judgement *judgement, const char *name, struct clm_backend *device,
                        const struct tensor *got, struct clm_backend *bounds, const struct tensor *expected,
                        struct clm_error *error)
{
    const size_t columns = got->columns, count = got->rows * columns;
    double *const numbers = calloc(3 * count, sizeof *numbers);
    if (!numbers)
        return clm_fail_host_memory(error, "a check", 3 * count * sizeof *numbers);
    double *const values = numbers + count, *const errors = values + count;
    clm_status status = doubles_read(device, got, numbers, error);
    if (status == CLM_OK)
        judge_bits(judgement, numbers, count);
    if (status == CLM_OK && bounds)
        status = bounds_read(bounds, expected, values, errors, error);
    if (status == CLM_OK && bounds)
        status = expect_values(judgement->kept, name, got, values, errors, count, error);
    for (size_t i = 0; status == CLM_OK && bounds && i < count; i++)
        judge_element(judgement, name, i / columns, i % columns, numbers[i], values[i], errors[i]);
    free(numbers);
    return status;
}

void sums_describe(char *text, size_t size, const struct bounded_sums *got,
                   const struct bounded_sums *expected)
{
    if (is_bound(expected->loss, expected->loss_error))
        snprintf(text, size, "loss %s and %.0f correct rows; %s%s%s and %.0f are right",
                 number_text(got->loss, 9).text, got->correct, number_text(expected->loss, 9).text,
                 isfinite(expected->loss) ? " to within " : "",
                 isfinite(expected->loss) ? number_text(expected->loss_error, 3).text : "",
                 expected->correct);
    else
        error_describe(text, size, "loss", got->loss, expected->loss, expected->loss_error);
}

clm_status judge_sums(struct judgement *judgement, struct clm_backend *device, const struct metrics *got,
                      struct clm_backend *bounds, const struct metrics *expected, struct clm_error *error)
{
    struct bounded_sums sums = {.loss = NAN}, right;
    size_t correct = 0;
    clm_status status = metrics_read(device, got, &sums.loss, &correct, error);
    sums.correct = (double)correct;
    if (status == CLM_OK)
        judge_bits(judgement, (const double[2]){sums.loss, sums.correct}, 2);
    if (status || !bounds || (status = bounds_sums(bounds, expected, &right, error)))
        return status;
    if (judgement->kept) {
        judgement->kept->sums_memory = got->state.memory;
        judgement->kept->sums = right;
    }
    if (take_ratio(judgement, worse_ratio(error_ratio(sums.loss, right.loss, right.loss_error),
                                          error_ratio(sums.correct, right.correct, right.correct_error))))
        sums_describe(judgement->detail, sizeof judgement->detail, &sums, &right);
    return CLM_OK;
}

clm_status judge_repeated(judged_run *run, const void *which, struct clm_backend *device,
                          struct clm_backend *bounds, size_t repeats, struct clm_check *check,
                          struct clm_error *error)
{
    struct judgement first = judgement_begin(), again;
    clm_status status = run(which, device, bounds, &first, error);
    for (size_t i = 1; status == CLM_OK && i < repeats; i++) {
        again = judgement_begin();
        status = run(which, device, NULL, &again, error);
        if (status == CLM_OK && first.worst <= 1 && again.bits != first.bits) {
            first.worst = INFINITY;
            snprintf(
                first.detail, sizeof first.detail,
                "run %zu gave other bits than the first: a race, or memory that was read before it was written",
                i + 1);
        }
    }
    check->error_over_bound = status == CLM_OK ? first.worst : (double)NAN;
    check->passed = check->error_over_bound <= 1;
    snprintf(check->detail, sizeof check->detail, "%s", first.detail);
    snprintf(check->first, sizeof check->first, "%s", first.first);
    check->wrong = first.wrong;
    check->elements = first.elements;
    return status;
}
