#include "data/analysis/missing.h"

#include <math.h>
#include <stdlib.h>

/* Counts each feature's values that are not missing, and takes their mean; it stays 0 if there are none. Both
 * arrays are (features), and 0 before. */
static void take_means(const struct rows *rows, size_t features, double *means, size_t *counts)
{
    const float *values = rows->values;
    for (size_t r = 0; r < rows->count; r++) {
        for (size_t i = 0; i < features; i++) {
            if (!isnan(values[r * features + i])) {
                means[i] += (double)values[r * features + i];
                counts[i]++;
            }
        }
    }
    for (size_t i = 0; i < features; i++)
        if (counts[i])
            means[i] /= (double)counts[i];
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
        take_means(&data->train, data->features, means, counts);
    }
    /* the training and the validation part may have rows between them that the limit left out; those
     * stay as they are */
    float *const train = data->read.train.values, *const validation =
                                                      data->validation.count
                                                          ? train + ((const float *)data->validation.values -
                                                                     (const float *)train)
                                                          : NULL;
    if ((status = missing_fill_part(data, train, data->train.count, means, counts, error)) == CLM_OK &&
        (status = missing_fill_part(data, validation, data->validation.count, means, counts, error)) ==
            CLM_OK)
        status = missing_fill_part(data, data->read.test.values, data->test.count, means, counts, error);
cleanup:
    free(means);
    free(counts);
    return status;
}
