#include "data/analysis/statistics.h"

#include "data/analysis/moments.h"
#include "data/analysis/repeats.h"

#include <math.h>
#include <stdlib.h>

void clm_data_summary_free(struct clm_data_summary *summary)
{
    if (!summary)
        return;
    for (int part = 0; part < 3; part++)
        free(summary->parts[part].class_rows);
    for (size_t i = 0; i < summary->warning_count; i++)
        free(summary->warnings[i].sentence);
    free(summary->warnings);
    free(summary);
}

static void statistics_take_over(const struct moments *features, size_t count, struct clm_part_summary *part)
{
    const struct moments all = moments_of_all(features, count);
    part->lowest = all.lowest;
    part->highest = all.highest;
    part->mean = all.mean;
    part->deviation = moments_deviation(&all);
}

static size_t count_constant(const struct moments *features, size_t count)
{
    size_t constant = 0;
    for (size_t i = 0; i < count; i++)
        constant += features[i].lowest == features[i].highest;
    return constant;
}

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

/* Index and moments of a part that has rows. */
struct measured {
    struct row_index *index;
    struct moments *features; /* (features) */
};

static clm_status statistics_measure(const struct clm_data *data, const struct rows *rows,
                                     struct measured *out, struct clm_error *error)
{
    const clm_status status = row_index_make(data, rows, &out->index, error);
    return status ? status : moments_measure(data, rows, &out->features, error);
}

static void measured_free(struct measured *measured)
{
    row_index_free(measured->index);
    free(measured->features);
}

static clm_status summarise_part(const struct clm_data *data, enum clm_part number,
                                 const struct measured *training, struct clm_part_summary *part,
                                 struct clm_error *error)
{
    const struct rows *rows = data_part(data, number);
    struct measured own = {0};
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
    if (number != CLM_TRAIN) {
        count_leaked(data, rows, training->index, part);
        status = statistics_measure(data, rows, &own, error);
    }
    if (status == CLM_OK) {
        const struct measured *const measured = number == CLM_TRAIN ? training : &own;
        statistics_take_over(measured->features, data->features, part);
        count_repeated(data, rows, measured->index, part);
    }
    measured_free(&own);
    return status;
}

clm_status clm_data_summarise(const struct clm_data *data, struct clm_data_summary **out,
                              struct clm_error *error)
{
    struct clm_data_summary *summary = calloc(1, sizeof *summary);
    struct measured training = {0};
    *out = NULL;
    if (!summary)
        return clm_fail_host_memory(error, data->source, sizeof *summary);
    clm_status status = statistics_measure(data, &data->train, &training, error);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        status = summarise_part(data, (enum clm_part)part, &training, summary->parts + part, error);
    if (status == CLM_OK) {
        summary->constant_features = count_constant(training.features, data->features);
        status = warnings_add(data, training.features, summary, error);
    }
    measured_free(&training);
    if (status != CLM_OK)
        clm_data_summary_free(summary);
    else
        *out = summary;
    return status;
}
