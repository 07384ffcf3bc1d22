#include "nn/targets.h"

#include "base/json.h"
#include "data/data.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- mean and deviation ---- */

static clm_status create(struct clm_model *model, size_t count, struct clm_error *error)
{
    free(model->target_mean);
    free(model->target_deviation);
    model->target_mean = calloc(count + 1, sizeof *model->target_mean);
    model->target_deviation = calloc(count + 1, sizeof *model->target_deviation);
    return model->target_mean && model->target_deviation
               ? CLM_OK
               : clm_fail_host_memory(error, "the targets", count * sizeof *model->target_mean);
}

/* Fails unless each target of the part that is there is 0 or 1. */
static clm_status check_marks(const struct clm_data *data, const struct rows *rows, const char *part,
                              struct clm_error *error)
{
    const size_t T = data->target_count;
    for (size_t i = 0; rows->targets && i < rows->count * T; i++)
        if (rows->targets[i] != 0 && rows->targets[i] != 1 && !isnan(rows->targets[i]))
            return clm_fail_setting(
                error, CLM_ERROR_FORMAT, "loss target",
                "%s: target \"%s\" of %s row %zu (counted from 0) is %g, but the loss binary takes targets that are 0 or 1",
                data->source, data->inputs->target_names[i % T], part, i / T, rows->targets[i]);
    return CLM_OK;
}

/* Mean and deviation of target t over the training rows: the mean first, then the squares around it. */
static clm_status fit_target(struct clm_model *model, const struct clm_data *data, size_t t,
                             struct clm_error *error)
{
    const struct rows *const rows = &data->train;
    const size_t T = data->target_count, N = rows->count;
    double sum = 0, squares = 0;
    for (size_t r = 0; r < N; r++)
        sum += rows->targets[r * T + t] / (double)N;
    for (size_t r = 0; r < N; r++)
        squares += pow(rows->targets[r * T + t] - sum, 2) / (double)N;
    if (!isfinite(sum) || !isfinite(squares))
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "target",
            "%s: target \"%s\" has mean %g and variance %g in the training part, so it cannot be standardised; scale it down",
            data->source, data->inputs->target_names[t], sum, squares);
    model->target_mean[t] = sum;
    model->target_deviation[t] = sqrt(squares) > 0x1p-48 * fabs(sum) ? sqrt(squares) : 1;
    return CLM_OK;
}

clm_status model_fit_targets(struct clm_model *model, const struct clm_data *data, struct clm_error *error)
{
    const enum loss_kind kind = model->architecture.loss.kind;
    const size_t T = data->target_count;
    clm_status status = CLM_OK;
    if (!loss_table[kind].has_values)
        return CLM_OK;
    for (int part = CLM_TRAIN; kind == LOSS_BINARY && status == CLM_OK && part <= CLM_TEST; part++)
        status = check_marks(data, data_part(data, (enum clm_part)part), part_names[part], error);
    if (status != CLM_OK || model->target_mean)
        return status;
    status = create(model, T, error);
    for (size_t t = 0; status == CLM_OK && t < T; t++) {
        model->target_deviation[t] = 1;
        if (loss_table[kind].is_regression)
            status = fit_target(model, data, t, error);
    }
    return status;
}

clm_status model_take_targets(struct clm_model *model, const struct clm_model *from, struct clm_error *error)
{
    const size_t T = clm_model_targets(from);
    if (!from->target_mean || !clm_model_targets(model))
        return CLM_OK;
    const clm_status status = create(model, T, error);
    if (status != CLM_OK)
        return status;
    memcpy(model->target_mean, from->target_mean, T * sizeof *model->target_mean);
    memcpy(model->target_deviation, from->target_deviation, T * sizeof *model->target_deviation);
    return CLM_OK;
}

/* ---- to the net and back ---- */

float target_of_net(const struct clm_model *model, size_t target, double value)
{
    return (float)((value - model->target_mean[target]) / model->target_deviation[target]);
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* 1 / (1 + exp(-z)) without overflow. */
static double sigmoid(double z)
{
    const double e = exp(-fabs(z));
    return z < 0 ? e / (1 + e) : 1 / (1 + e);
}

/* Quantiles that are outputs in an order of their own are sorted by their places in that order. */
static void sort_quantiles(const struct loss *loss, float *outputs)
{
    const size_t Q = loss_quantiles(loss);
    float sorted[QUANTILES_MOST];
    memcpy(sorted, outputs, Q * sizeof *sorted);
    qsort(sorted, Q, sizeof *sorted, by_size);
    for (size_t q = 0; q < Q; q++) {
        size_t place = 0;
        for (size_t other = 0; other < Q; other++)
            place += loss->quantiles[other] < loss->quantiles[q] ||
                     (other < q && loss->quantiles[other] == loss->quantiles[q]);
        outputs[q] = sorted[place];
    }
}

void outputs_to_units(const struct clm_model *model, float *outputs, size_t rows)
{
    const struct loss *const loss = &model->architecture.loss;
    const size_t Q = loss_quantiles(loss), O = clm_model_width(model, model->architecture.depth);
    for (size_t i = 0; i < rows * O; i++) {
        const size_t t = i % O / Q;
        const double z = (double)outputs[i];
        outputs[i] =
            (float)(loss->kind == LOSS_BINARY ? sigmoid(z)
                                              : model->target_mean[t] + z * model->target_deviation[t]);
    }
    outputs_sort(model, outputs, rows);
}

void outputs_sort(const struct clm_model *model, float *outputs, size_t rows)
{
    const struct loss *const loss = &model->architecture.loss;
    const size_t Q = loss_quantiles(loss), O = clm_model_width(model, model->architecture.depth);
    for (size_t i = 0; Q > 1 && i < rows * O; i += Q)
        sort_quantiles(loss, outputs + i);
}

size_t model_middle(const struct clm_model *model)
{
    const struct loss *const loss = &model->architecture.loss;
    size_t middle = 0;
    for (size_t q = 1; loss->kind == LOSS_QUANTILE && q < loss->quantile_count; q++)
        if (fabs(loss->quantiles[q] - 0.5) < fabs(loss->quantiles[middle] - 0.5))
            middle = q;
    return middle;
}

/* ---- file ---- */

char *targets_text(const struct clm_model *model)
{
    json_t *const list = json_array();
    bool is_whole = list != NULL;
    for (size_t t = 0; is_whole && t < clm_model_targets(model); t++)
        is_whole = json_array_append_new(list, json_pack("{sf sf}", "mean", model->target_mean[t],
                                                         "deviation", model->target_deviation[t])) == 0;
    char *const text = is_whole ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}

clm_status targets_parse(const char *text, struct clm_model *model, struct clm_error *error)
{
    const size_t T = clm_model_targets(model);
    json_t *list;
    clm_status status = json_parse(NULL, "what it says of its targets", text, strlen(text), &list, error);
    if (status != CLM_OK)
        return status;
    bool is_right = json_array_size(list) == T;
    status = create(model, T, error);
    for (size_t t = 0; status == CLM_OK && is_right && t < T; t++) {
        const json_t *const target = json_array_get(list, t), *const mean = json_object_get(target, "mean"),
                            *const deviation = json_object_get(target, "deviation");
        model->target_mean[t] = json_number_value(mean);
        model->target_deviation[t] = json_number_value(deviation);
        is_right = json_is_number(mean) && isfinite(model->target_mean[t]) &&
                   model->target_deviation[t] > 0 && isfinite(model->target_deviation[t]);
    }
    json_decref(list);
    if (status == CLM_OK && !is_right)
        status = clm_fail(error, CLM_ERROR_FORMAT,
                          "its targets have no mean and deviation for each of %zu; write the model again", T);
    return status;
}
