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

/* Counts the rows that repeat an earlier one of their own part (is_own), or one of the training set. */
static void count_known(const struct clm_data *data, const struct rows *rows, const struct row_index *index,
                        bool is_own, struct clm_part_summary *part)
{
    size_t *const count = is_own ? &part->repeated : &part->leaked;
    for (size_t r = 0; r < rows->count; r++) {
        const size_t there = row_index_find(index, data_row(data, rows, r));
        if (there == (is_own ? r : ROW_NONE))
            continue;
        if (!(*count)++) {
            *(is_own ? &part->repeated_row : &part->leaked_row) = r;
            *(is_own ? &part->repeated_of : &part->leaked_of) = there;
        }
        part->contradicting += is_own && rows->labels[r] != rows->labels[there];
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
        count_known(data, rows, training->index, false, part);
        status = statistics_measure(data, rows, &own, error);
    }
    if (status == CLM_OK) {
        const struct measured *const measured = number == CLM_TRAIN ? training : &own;
        statistics_take_over(measured->features, data->features, part);
        count_known(data, rows, measured->index, true, part);
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
