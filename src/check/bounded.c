#include "check/bounded.h"

#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double gamma_of(size_t roundings)
{
    const double ku = (double)roundings * UNIT_ROUNDOFF;
    return ku / (1 - ku);
}

clm_status bounded_create(enum tensor_type type, size_t rows, size_t columns, struct bounded *out,
                          struct clm_error *error)
{
    size_t count = 0;
    *out = (struct bounded){.type = type, .rows = rows, .columns = columns};
    if (size_mul(rows, columns, &count)) {
        out->value = calloc(count, sizeof *out->value);
        out->error = calloc(count, sizeof *out->error);
    }
    if (out->value && out->error)
        return CLM_OK;
    bounded_free(out);
    return clm_fail_host_memory(error, "a check", count * sizeof *out->value);
}

void bounded_free(struct bounded *matrix)
{
    free(matrix->value);
    free(matrix->error);
    memset(matrix, 0, sizeof *matrix);
}

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

void error_describe(char *text, size_t size, const char *what, double got, double value, double error)
{
    if (is_bound(value, error))
        snprintf(text, size, "%s is %.9g; %.9g is right, to within %.3g", what, got, value, error);
    else
        snprintf(text, size,
                 "%s is %.9g, which cannot be judged: a bound of %.3g is none; the check itself is wrong",
                 what, got, error);
}

double worse_ratio(double a, double b)
{
    return isnan(a) || b <= a ? a : b;
}

static enum host_type host_type_of(enum tensor_type type)
{
    switch (type) {
    case TENSOR_BYTE:
        return HOST_BYTE;
    case TENSOR_INDEX:
        return HOST_INDEX;
    case TENSOR_REAL:
        break;
    }
    return HOST_DOUBLE;
}

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
    const clm_status status = backend_write(be, tensor, host_type_of(tensor->type), numbers, error);
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
    const clm_status status = backend_read(be, tensor, host_type_of(tensor->type), numbers, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        values[i] = tensor->type == TENSOR_BYTE ? ((const uint8_t *)numbers)[i] : numbers[i];
    free(numbers);
    return status;
}

clm_status sums_ratio(struct clm_backend *be, const struct metrics *sums, const struct bounded_sums *expected,
                      struct sums_read *got, double *ratio, struct clm_error *error)
{
    double loss = NAN;
    size_t correct = 0;
    const clm_status status = metrics_read(be, sums, &loss, &correct, error);
    *got = (struct sums_read){loss, (double)correct};
    *ratio = worse_ratio(error_ratio(got->loss, expected->loss, expected->loss_error),
                         error_ratio(got->correct, expected->correct, expected->correct_error));
    return status;
}

void sums_describe(char *text, size_t size, const struct sums_read *got, const struct bounded_sums *expected)
{
    if (is_bound(expected->loss, expected->loss_error))
        snprintf(text, size, "loss %.9g and %.0f correct rows; %.9g to within %.3g and %.0f are right",
                 got->loss, got->correct, expected->loss, expected->loss_error, expected->correct);
    else
        error_describe(text, size, "loss", got->loss, expected->loss, expected->loss_error);
}
