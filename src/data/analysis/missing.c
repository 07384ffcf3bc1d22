#include "data/analysis/missing.h"

#include "base/size.h"
#include "base/threads.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 32768 /* rows */

/* The features of the training part: how many values each has, and their sum. Missing values are NaN. */
struct sums {
    double *sums;
    uint32_t *counts;
};

/* Adds a row to the sums. Whether a value is NaN is found from its bits, so that compilers use vectors. */
static void add_row(const float *restrict values, size_t count, double *restrict sums,
                    uint32_t *restrict counts)
{
    for (size_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        const int32_t is_there = -((bits & 0x7fffffff) <= 0x7f800000); /* all bits, or none */
        bits &= is_there;
        float value;
        memcpy(&value, &bits, sizeof value);
        sums[i] += (double)value;
        counts[i] -= (uint32_t)is_there;
    }
}

/* Rows are added up in blocks, on several threads, and then the blocks in their order: the result is the same
 * for any number of threads. */
struct blocks {
    const struct rows *rows;
    size_t features;
    struct sums of; /* (blocks, features) */
};

static void add_blocks(void *context, size_t first, size_t end)
{
    const struct blocks *const to = context;
    const float *const values = to->rows->values;
    for (size_t b = first; b < end; b++)
        for (size_t r = b * BLOCK; r < size_min(to->rows->count, (b + 1) * BLOCK); r++)
            add_row(values + r * to->features, to->features, to->of.sums + b * to->features,
                    to->of.counts + b * to->features);
}

/* The sums of all rows are then those of the first block. */
static void take_sums(struct blocks *to, size_t blocks)
{
    const size_t features = to->features;
    work_in_ranges(blocks, 1, add_blocks, to);
    for (size_t i = features; i < blocks * features; i++) {
        to->of.sums[i % features] += to->of.sums[i];
        to->of.counts[i % features] += to->of.counts[i];
    }
}

/* What replaces a missing value of the column: the mean, or the most frequent category. The first feature
 * of a category has no value where the category is missing. */
static double column_fill(const struct column *column, const struct sums *sums)
{
    const double *const sum = sums->sums + column->first;
    const uint32_t count = sums->counts[column->first];
    size_t best = 0;
    if (column->kind != CLM_COLUMN_CATEGORY)
        return !count ? 0 : column->kind == CLM_COLUMN_BOOLEAN ? 2 * sum[0] >= count : sum[0] / count;
    for (size_t i = 1; i < column->category_count; i++)
        if (sum[i] > sum[best])
            best = i;
    return (double)best;
}

clm_status missing_fit(struct clm_inputs *inputs, const struct rows *rows, struct clm_error *error)
{
    const size_t blocks = divide_up(rows->count, BLOCK), sums = blocks * inputs->features;
    struct blocks to = {
        rows, inputs->features, {calloc(sums, sizeof *to.of.sums), calloc(sums, sizeof *to.of.counts)}};
    clm_status status = CLM_OK;
    if (to.of.sums && to.of.counts) {
        take_sums(&to, blocks);
        for (size_t i = 0; i < inputs->column_count; i++)
            inputs->columns[i].fill = column_fill(&inputs->columns[i], &to.of);
    } else
        status = clm_fail_host_memory(error, "means of columns", sums * sizeof *to.of.sums);
    free(to.of.sums);
    free(to.of.counts);
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
