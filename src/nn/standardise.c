/* Input normalisation from the training rows, and whether other rows are on the same scale. */
#include "data/analysis/moments.h"
#include "nn/model.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_AT_ONCE 1024 /* of a mapped file, which are read and then forgotten */

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

/* The range of floats that the model takes as they are. */
static void keep_range(struct clm_model *model, const struct clm_data *data)
{
    float lowest = INFINITY, highest = -INFINITY;
    if (data->element != ELEMENT_FLOAT)
        return;
    for (size_t r = 0; r < data->train.count; r++) {
        const float *const row = data_row(data, &data->train, r);
        for (size_t i = 0; i < data->features; i++) {
            lowest = row[i] < lowest ? row[i] : lowest;
            highest = row[i] > highest ? row[i] : highest;
        }
        if (r % ROWS_AT_ONCE == ROWS_AT_ONCE - 1)
            data_forget(data, &data->train, r + 1 - ROWS_AT_ONCE, ROWS_AT_ONCE);
    }
    model->lowest = (double)lowest;
    model->highest = (double)highest;
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
    } else if (status == CLM_OK && !isfinite(model->lowest))
        keep_range(model, data);
    if (status == CLM_OK && fitted)
        *fitted = result;
    return status;
}

/* ---- is other data on the same scale? ---- */

/* A scale differs from these factors on: 8 for values of many rows, or for half of the features, among which
 * chance does not reach it; 50 for less. Common factors are 10, 16, 100, 255 and 1000. */
#define FACTOR       8.0
#define LARGE_FACTOR 50.0
#define LARGE_SHIFT  10.0  /* of a mean, in deviations */
#define HUGE_SHIFT   100.0 /* of that of few rows */
#define LEAST_ROWS   20    /* whose deviation says something of a feature */

static bool has_one_scale(const struct clm_model *model)
{
    if (clm_model_width(model, 0) == 1)
        return false;
    for (size_t i = 1; i < clm_model_width(model, 0); i++)
        if (model->scale[i] != model->scale[0])
            return false;
    return true;
}

/* Compares all values with those of the training data. A row of small values is no sign if each feature has a
 * scale of its own. */
static bool range_differs(const struct clm_model *model, const struct moments *all, size_t rows)
{
    const double factor = rows >= LEAST_ROWS ? FACTOR : LARGE_FACTOR,
                 trained = fmax(fabs(model->lowest), fabs(model->highest)),
                 here = fmax(fabs(all->lowest), fabs(all->highest));
    return here > LARGE_FACTOR * trained ||
           (has_one_scale(model) && here > 0 && (here > factor * trained || trained > factor * here));
}

/* Compares the deviation of a feature with that of the training data. */
static bool deviation_differs(const struct clm_model *model, const struct moments *features, size_t i,
                              double factor)
{
    const double here = moments_deviation(&features[i]) * (double)model->scale[i];
    return here > factor || (here > 0 && here * factor < 1);
}

static bool feature_differs(const struct clm_model *model, const struct moments *features, size_t i)
{
    const double shift = fabs(features[i].mean - (double)model->mean[i]) * (double)model->scale[i];
    return features[i].count < LEAST_ROWS
               ? shift > HUGE_SHIFT
               : shift > LARGE_SHIFT || deviation_differs(model, features, i, LARGE_FACTOR);
}

/* Do the deviations of more than half of the features differ, those that are no marks and not constant? */
static bool most_differ(const struct clm_model *model, const struct clm_data *data,
                        const struct moments *features)
{
    size_t count = 0, differing = 0;
    for (size_t i = 0; i < data->features; i++) {
        const bool has_scale = !feature_is_mark(data->inputs, i) && model->scale[i] != 0;
        count += has_scale;
        differing += has_scale && deviation_differs(model, features, i, FACTOR);
    }
    return features->count >= LEAST_ROWS && 2 * differing > count;
}

static const char *const of_part[] = {
    [CLM_TRAIN] = "", [CLM_VALIDATION] = " of the validation set", [CLM_TEST] = " of the test set"};

static bool tell_features(const struct clm_model *model, const struct clm_data *data, enum clm_part part,
                          const struct moments *features, char **sentence)
{
    char text[COLUMN_TEXT_SIZE];
    size_t count = 0, first = 0;
    const bool most = most_differ(model, data, features);
    for (size_t i = 0; i < data->features; i++)
        if (!feature_is_mark(data->inputs, i) &&
            (feature_differs(model, features, i) ||
             (most && deviation_differs(model, features, i, FACTOR))) &&
            !count++)
            first = i;
    const double offset = count ? feature_offset(data->inputs, first) : 0;
    char others[64] = "";
    if (count > 1)
        snprintf(others, sizeof others, " and of %zu more features", count - 1);
    return !count ||
           asprintf(
               sentence,
               "%s: the values of %s%s%s have the mean %.3g and the deviation %.3g, and in the training data %.3g and %.3g; if they are on another scale here, scale them alike, because the model's answers mean nothing otherwise",
               data->source, feature_text(data->inputs, first, text), others, of_part[part],
               features[first].mean + offset, moments_deviation(&features[first]),
               (double)model->mean[first] + offset, 1 / (double)model->scale[first]) >= 0;
}

clm_status clm_check_scale(const struct clm_model *model, const struct clm_data *data, enum clm_part part,
                           char **sentence, struct clm_error *error)
{
    const struct rows *const rows = data_part(data, part);
    struct moments *features = NULL;
    bool is_told = true;
    *sentence = NULL;
    clm_status status = model_check_shape(model, data, error);
    if (status == CLM_OK && rows->count)
        status = moments_measure(data, rows, &features, error);
    if (status != CLM_OK || !features)
        return status;
    const struct moments all = moments_of_all(features, data->features);
    if (range_differs(model, &all, rows->count))
        is_told =
            asprintf(
                sentence,
                "%s: values%s go from %.6g to %.6g, and went from %.6g to %.6g in the training data; if they are on another scale here, scale them alike, because the model's answers mean nothing otherwise",
                data->source, of_part[part], all.lowest, all.highest, model->lowest, model->highest) >= 0;
    else if (!has_one_scale(model))
        is_told = tell_features(model, data, part, features, sentence);
    free(features);
    if (!is_told)
        *sentence = NULL;
    return is_told ? CLM_OK : clm_fail_host_memory(error, data->source, 1);
}
