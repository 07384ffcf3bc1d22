/* clm_model_standardise: input normalisation from the training rows. */
#include "data/analysis/moments.h"
#include "nn/model.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The mean is kept as a float, off by up to 2^-24 of itself. A deviation of no more than that would turn this
 * error into one of 1 or more, and a feature of rounding noise into one like any other. The limit FLT_MIN is
 * there because 1 / FLT_MIN is still a float. */
static bool is_constant(const struct moments *moments)
{
    const double deviation = moments_deviation(moments);
    return deviation <= fmax(0x1p-24 * fabs(moments->mean), (double)FLT_MIN);
}

/* Which row has it. */
static clm_status fail_not_finite(const struct clm_data *data, size_t feature, struct clm_error *error)
{
    const float *const values = data->train.values;
    size_t row = 0;
    while (row + 1 < data->train.count && isfinite(values[row * data->features + feature]))
        row++;
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: row %zu of the training part, feature %zu (both counted from 0) is %g, of which there is no mean; remove the row, or correct the value",
        data->source, row, feature, (double)values[row * data->features + feature]);
}

/* Is (x - mean) / deviation a float for all that the range holds? */
static clm_status check_range(const struct clm_data *data, const struct moments *moments, const char *what,
                              struct clm_error *error)
{
    if (moments->highest - moments->lowest <= 1 / (double)FLT_MIN)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: values go from %g to %g in %s of the training part, which float32 cannot standardise; scale them down first",
        data->source, moments->lowest, moments->highest, what);
}

static clm_status check_features(const struct clm_data *data, const struct moments *features,
                                 struct clm_error *error)
{
    for (size_t i = 0; i < data->features; i++) {
        char what[64];
        snprintf(what, sizeof what, "feature %zu (counted from 0)", i);
        if (!isfinite(features[i].mean))
            return fail_not_finite(data, i, error);
        const clm_status status = check_range(data, features + i, what, error);
        if (status != CLM_OK)
            return status;
    }
    return CLM_OK;
}

static clm_status take_over_all(struct clm_model *model, const struct clm_data *data,
                                enum clm_standardise how, const struct moments *features,
                                struct clm_standardised *fitted, struct clm_error *error)
{
    const struct moments all = moments_of_all(features, data->features);
    clm_status status = check_features(data, features, error);
    if (status == CLM_OK && how == CLM_STANDARDISE_GLOBAL)
        status = check_range(data, &all, "the features", error);
    if (status != CLM_OK)
        return status;
    fitted->mean = all.mean;
    fitted->deviation = moments_deviation(&all);
    model->lowest = all.lowest;
    model->highest = all.highest;
    for (size_t i = 0; i < data->features; i++) {
        if (feature_is_mark(data->inputs, i)) { /* 0 or 1 already; one that is never 1 tells nothing */
            model->mean[i] = 0;
            model->scale[i] = features[i].highest > features[i].lowest;
            continue;
        }
        const struct moments *const of = how == CLM_STANDARDISE_GLOBAL ? &all : &features[i];
        model->mean[i] = (float)of->mean;
        model->scale[i] = is_constant(of) ? 0 : (float)(1 / moments_deviation(of));
        fitted->constant += model->scale[i] == 0;
    }
    return CLM_OK;
}

clm_status clm_model_standardise(struct clm_model *model, const struct clm_data *data,
                                 enum clm_standardise how, struct clm_standardised *fitted,
                                 struct clm_error *error)
{
    struct moments *features = NULL;
    struct clm_standardised result = {.rows = data->train.count};
    clm_status status = model_check_shape(model, data, error);
    if (status == CLM_OK && how != CLM_STANDARDISE_NONE) {
        status = moments_measure(data, &data->train, &features, error);
        if (status == CLM_OK)
            status = take_over_all(model, data, how, features, &result, error);
        free(features);
    }
    if (status == CLM_OK && fitted)
        *fitted = result;
    return status;
}
