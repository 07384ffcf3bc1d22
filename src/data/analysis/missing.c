#include "data/analysis/missing.h"

#include <math.h>
#include <stdlib.h>

/* The features of the training part: how many values each has, and their sum. Missing values are NaN. */
struct sums {
    double *sums;
    size_t *counts;
};

static void take_sums(const struct rows *rows, size_t features, struct sums *sums)
{
    const float *values = rows->values;
    for (size_t r = 0; r < rows->count; r++, values += features)
        for (size_t i = 0; i < features; i++)
            if (!isnan(values[i])) {
                sums->sums[i] += (double)values[i];
                sums->counts[i]++;
            }
}

/* What replaces a missing value of the column: the mean, or the most frequent category. The first feature
 * of a category has no value where the category is missing. */
static double column_fill(const struct column *column, const struct sums *sums)
{
    const double *const sum = sums->sums + column->first;
    const size_t count = sums->counts[column->first];
    size_t best = 0;
    if (column->kind != CLM_COLUMN_CATEGORY)
        return !count                               ? 0
               : column->kind == CLM_COLUMN_BOOLEAN ? 2 * sum[0] >= (double)count
                                                    : sum[0] / (double)count;
    for (size_t i = 1; i < column->category_count; i++)
        if (sum[i] > sum[best])
            best = i;
    return (double)best;
}

clm_status missing_fit(struct clm_inputs *inputs, const struct rows *rows, struct clm_error *error)
{
    struct sums sums = {calloc(inputs->features, sizeof *sums.sums),
                        calloc(inputs->features, sizeof *sums.counts)};
    clm_status status = CLM_OK;
    if (sums.sums && sums.counts) {
        take_sums(rows, inputs->features, &sums);
        for (size_t i = 0; i < inputs->column_count; i++)
            inputs->columns[i].fill = column_fill(&inputs->columns[i], &sums);
    } else
        status = clm_fail_host_memory(error, "means of columns", inputs->features * sizeof *sums.sums);
    free(sums.sums);
    free(sums.counts);
    return status;
}

static void fill_column(const struct column *column, enum clm_missing how, float *value)
{
    if (!isnan(*value))
        return;
    *value = 0;
    if (how == CLM_MISSING_MEAN && column->kind == CLM_COLUMN_CATEGORY)
        value[(size_t)column->fill] = 1;
    else if (how == CLM_MISSING_MEAN)
        *value = (float)column->fill;
}

void missing_fill(const struct clm_inputs *inputs, enum clm_missing how, float *values, size_t rows)
{
    for (size_t r = 0; r < rows; r++, values += inputs->features)
        for (size_t i = 0; i < inputs->column_count; i++)
            fill_column(&inputs->columns[i], how, values + inputs->columns[i].first);
}
