#include "data/analysis/missing.h"

#include <math.h>
#include <stdlib.h>

/* Adds each feature's values that are not missing to `sums`, and their number to `counts`;
 * both are (features). */
static void add_up(const struct rows *rows, size_t features, double *sums, size_t *counts)
{
    const float *values = rows->values;
    for (size_t r = 0; r < rows->count; r++) {
        for (size_t i = 0; i < features; i++) {
            if (!isnan(values[r * features + i])) {
                sums[i] += (double)values[r * features + i];
                counts[i]++;
            }
        }
    }
}

/* Turns sums into means, for features that have values. */
static void missing_means(size_t features, double *sums, const size_t *counts)
{
    for (size_t i = 0; i < features; i++)
        if (counts[i])
            sums[i] /= (double)counts[i];
}

/* Replaces missing values in `values`, which `data` owns. */
static clm_status missing_fill_part(const struct clm_data *data, float *values, size_t rows,
                                    const double *means, const size_t *counts, struct clm_error *error)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < data->features; i++) {
            float *const value = values + r * data->features + i;
            if (!isnan(*value))
                continue;
            if (means && !counts[i])
                return clm_fail_setting(
                    error, CLM_ERROR_FORMAT, "missing",
                    "%s: feature %zu (counted from 0, without the labels) has no value in any of the %zu training rows, so there is no mean to put in; put in zero, or remove the column",
                    data->source, i, data->train.count);
            *value = means ? (float)means[i] : 0;
        }
    }
    return CLM_OK;
}

clm_status missing_fill(struct clm_data *data, enum clm_missing how, struct clm_error *error)
{
    double *means = NULL;
    size_t *counts = NULL;
    clm_status status;
    if (how == CLM_MISSING_MEAN) {
        means = calloc(data->features, sizeof *means);
        counts = calloc(data->features, sizeof *counts);
        if (!means || !counts) {
            status = clm_fail_host_memory(error, data->source, data->features * sizeof *means);
            goto cleanup;
        }
        add_up(&data->train, data->features, means, counts);
        missing_means(data->features, means, counts);
    }
    /* the training and the validation part may have rows between them that the limit left out; those
     * stay as they are */
    float *const train = data->train_values, *const validation =
                                                 data->validation.count
                                                     ? train + ((const float *)data->validation.values -
                                                                (const float *)train)
                                                     : NULL;
    if ((status = missing_fill_part(data, train, data->train.count, means, counts, error)) ||
        (status = missing_fill_part(data, validation, data->validation.count, means, counts, error)) ||
        (status = missing_fill_part(data, data->test_values, data->test.count, means, counts, error)))
        goto cleanup;
cleanup:
    free(means);
    free(counts);
    return status;
}
