#include "data/statistics.h"

#include "data/repeats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void clm_data_summary_free(struct clm_data_summary *summary)
{
    if (!summary)
        return;
    for (int part = 0; part < 3; part++)
        free(summary->parts[part].class_rows);
    for (size_t i = 0; i < summary->warning_count; i++)
        free(summary->warnings[i]);
    free(summary->warnings);
    free(summary);
}

/* ---- values -------------------------------------------------------------------------------------------- */

/* Exact but for the last step: sums of a histogram are whole numbers. */
static void measure_bytes(const unsigned char *values, size_t count, struct clm_part_summary *part)
{
    uint64_t seen[4][256] = {{0}};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        seen[i % 4][values[i]]++; /* four, so that equal neighbours do not wait for each other */
    part->lowest = 255;
    part->highest = 0;
    for (int value = 0; value < 256; value++) {
        const uint64_t times = seen[0][value] + seen[1][value] + seen[2][value] + seen[3][value];
        if (!times)
            continue;
        part->lowest = fmin(part->lowest, value);
        part->highest = fmax(part->highest, value);
        sum += (double)times * value;
    }
    part->mean = sum / (double)count;
    for (int value = 0; value < 256; value++)
        squares += (double)(seen[0][value] + seen[1][value] + seen[2][value] + seen[3][value]) *
                   (value - part->mean) * (value - part->mean);
    part->deviation = sqrt(squares / (double)count);
}

static void measure_floats(const float *values, size_t count, struct clm_part_summary *part)
{
    double sum = 0, squares = 0;
    part->lowest = INFINITY;
    part->highest = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        part->lowest = fmin(part->lowest, (double)values[i]);
        part->highest = fmax(part->highest, (double)values[i]);
        sum += (double)values[i];
    }
    part->mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += ((double)values[i] - part->mean) * ((double)values[i] - part->mean);
    part->deviation = sqrt(squares / (double)count);
}

/* Features in which no training row differs from the first. */
static clm_status count_constant(const struct clm_data *data, size_t *constant, struct clm_error *error)
{
    const size_t size = data_element_size(data), row = data->features * size;
    const unsigned char *first = data->train.values;
    unsigned char *differs = calloc(row, 1);
    if (!differs)
        return clm_fail_host_memory(error, data->source, row);
    for (size_t r = 1; r < data->train.count; r++)
        for (size_t i = 0; i < row; i++)
            differs[i] |= first[r * row + i] ^ first[i];
    *constant = 0;
    for (size_t i = 0; i < data->features; i++) {
        bool is_constant = true;
        for (size_t b = 0; b < size; b++)
            is_constant = is_constant && !differs[i * size + b];
        *constant += is_constant;
    }
    free(differs);
    return CLM_OK;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static void count_repeated(const struct clm_data *data, const struct rows *rows, const struct row_index *own,
                           struct clm_part_summary *part)
{
    for (size_t r = 0; r < rows->count; r++) {
        const size_t earlier = row_index_find(own, data_row(data, rows, r));
        if (earlier == r)
            continue;
        if (!part->repeated++) {
            part->repeated_row = r;
            part->repeated_of = earlier;
        }
        part->contradicting += rows->labels[r] != rows->labels[earlier];
    }
}

static void count_leaked(const struct clm_data *data, const struct rows *rows,
                         const struct row_index *training, struct clm_part_summary *part)
{
    for (size_t r = 0; r < rows->count; r++) {
        const size_t there = row_index_find(training, data_row(data, rows, r));
        if (there != ROW_NONE && !part->leaked++) {
            part->leaked_row = r;
            part->leaked_of = there;
        }
    }
}

static clm_status summarise_part(const struct clm_data *data, enum clm_part number,
                                 const struct row_index *training, struct clm_part_summary *part,
                                 struct clm_error *error)
{
    const struct rows *rows = data_part(data, number);
    struct row_index *own = NULL;
    clm_status status = CLM_OK;
    part->rows = rows->count;
    part->lowest = part->highest = part->mean = part->deviation = NAN;
    part->class_rows = calloc(data->classes, sizeof *part->class_rows);
    if (!part->class_rows)
        return clm_fail_host_memory(error, data->source, data->classes * sizeof *part->class_rows);
    if (!rows->count)
        return CLM_OK;
    for (size_t r = 0; r < rows->count; r++)
        part->class_rows[rows->labels[r]]++;
    if (data->element == ELEMENT_BYTE)
        measure_bytes(rows->values, rows->count * data->features, part);
    else
        measure_floats(rows->values, rows->count * data->features, part);
    if (number != CLM_TRAIN) {
        count_leaked(data, rows, training, part);
        status = row_index_make(data, rows, &own, error);
    }
    if (status == CLM_OK)
        count_repeated(data, rows, number == CLM_TRAIN ? training : own, part);
    row_index_free(own);
    return status;
}

clm_status clm_data_summarise(const struct clm_data *data, struct clm_data_summary **out,
                              struct clm_error *error)
{
    struct clm_data_summary *summary = calloc(1, sizeof *summary);
    struct row_index *training = NULL;
    *out = NULL;
    if (!summary)
        return clm_fail_host_memory(error, data->source, sizeof *summary);
    clm_status status = row_index_make(data, &data->train, &training, error);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        status = summarise_part(data, (enum clm_part)part, training, summary->parts + part, error);
    if (status == CLM_OK)
        status = count_constant(data, &summary->constant_features, error);
    if (status == CLM_OK)
        status = warnings_add(data, summary, error);
    row_index_free(training);
    if (status != CLM_OK)
        clm_data_summary_free(summary);
    else
        *out = summary;
    return status;
}
