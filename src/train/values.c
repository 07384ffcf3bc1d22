#include "train/values.h"

#include <math.h>
#include <stdlib.h>

clm_status value_tally_create(const struct clm_model *model, struct value_tally *out, struct clm_error *error)
{
    const size_t T = clm_model_targets(model);
    *out = (struct value_tally){.model = model, .of_target = calloc(T + 1, sizeof *out->of_target)};
    return out->of_target ? CLM_OK
                          : clm_fail_host_memory(error, "the errors of targets", T * sizeof *out->of_target);
}

void value_tally_free(struct value_tally *tally)
{
    free(tally->of_target);
    *tally = (struct value_tally){0};
}

/* Between the lowest and the highest of a target's quantiles, which may be in any order. */
static bool is_between_quantiles(const float *quantiles, size_t count, double target)
{
    double low = (double)quantiles[0], high = low;
    for (size_t q = 1; q < count; q++) {
        low = fmin(low, (double)quantiles[q]);
        high = fmax(high, (double)quantiles[q]);
    }
    return target >= low && target <= high;
}

/* Adds target number `n`, counted from 1, to mean and spread (Welford 1962). */
static void add_to_spread(struct value_sums *sums, double target, size_t n)
{
    const double from_mean = target - sums->mean;
    sums->mean += from_mean / (double)n;
    sums->spread += from_mean * (target - sums->mean);
}

static void tally_values(struct value_tally *tally, const float *predictions, const double *targets)
{
    const size_t T = clm_model_targets(tally->model), Q = loss_quantiles(&tally->model->architecture.loss),
                 middle = model_middle(tally->model);
    size_t right = 0;
    tally->rows++;
    for (size_t t = 0; t < T; t++) {
        struct value_sums *const sums = &tally->of_target[t];
        const double prediction = (double)predictions[t * Q + middle], off = prediction - targets[t];
        const bool is_right = (prediction > 0.5) == (targets[t] > 0.5);
        sums->squared += off * off;
        sums->absolute += fabs(off);
        sums->within += is_between_quantiles(predictions + t * Q, Q, targets[t]);
        sums->right += is_right;
        right += is_right;
        add_to_spread(sums, targets[t], tally->rows);
    }
    tally->exact += right == T;
}

void value_tally_add(struct value_tally *tally, const float *predictions, const double *targets, size_t rows)
{
    const size_t T = clm_model_targets(tally->model),
                 O = T * loss_quantiles(&tally->model->architecture.loss);
    for (size_t r = 0; r < rows; r++)
        tally_values(tally, predictions + r * O, targets + r * T);
}

struct clm_target_measures value_tally_of(const struct value_tally *tally, size_t t)
{
    const struct value_sums *const sums = &tally->of_target[t];
    const struct loss *const loss = &tally->model->architecture.loss;
    const double N = (double)tally->rows;
    const bool are_numbers = loss_table[loss->kind].is_regression;
    return (struct clm_target_measures){
        .rmse = are_numbers ? sqrt(sums->squared / N) : NAN,
        .mae = are_numbers ? sums->absolute / N : NAN,
        .r2 = are_numbers && sums->spread > 0 ? 1 - sums->squared / sums->spread : NAN,
        .coverage = loss_quantiles(loss) > 1 ? (double)sums->within / N : NAN,
        .accuracy = are_numbers ? NAN : (double)sums->right / N,
        .exact = are_numbers ? NAN : (double)tally->exact / N};
}

/* Adds to a mean, unless it is undefined. */
static void add_defined(double value, double *sum, size_t *count)
{
    if (isnan(value))
        return;
    *sum += value;
    ++*count;
}

struct clm_target_measures value_tally_mean(const struct value_tally *tally)
{
    const size_t T = clm_model_targets(tally->model);
    struct clm_target_measures mean = {.exact = value_tally_of(tally, 0).exact};
    double *const means[] = {&mean.rmse, &mean.mae, &mean.r2, &mean.coverage, &mean.accuracy};
    for (size_t m = 0; m < sizeof means / sizeof *means; m++) {
        size_t defined = 0;
        for (size_t t = 0; t < T; t++) {
            const struct clm_target_measures one = value_tally_of(tally, t);
            const double values[] = {one.rmse, one.mae, one.r2, one.coverage, one.accuracy};
            add_defined(values[m], means[m], &defined);
        }
        *means[m] = defined ? *means[m] / (double)defined : NAN;
    }
    return mean;
}

/* ---- for callers ---- */

clm_status check_all_targets(const struct clm_model *model, const struct clm_data *data, enum clm_part part,
                             struct clm_error *error)
{
    const clm_status status = data_check_labels(data, part, error);
    if (status != CLM_OK || (clm_model_targets(model) && clm_model_targets(model) == data->target_count))
        return status;
    return clm_fail(error, CLM_ERROR_ARGUMENT, "the model predicts %zu targets, and %s has %zu",
                    clm_model_targets(model), data->source, data->target_count);
}

clm_status clm_measure_targets(const struct clm_model *model, const float *predictions,
                               const struct clm_data *data, enum clm_part part,
                               struct clm_target_measures *mean, struct clm_target_measures *of_target,
                               struct clm_error *error)
{
    const struct rows *const rows = data_part(data, part);
    struct value_tally tally;
    clm_status status = check_all_targets(model, data, part, error);
    if (status == CLM_OK)
        status = value_tally_create(model, &tally, error);
    if (status != CLM_OK)
        return status;
    value_tally_add(&tally, predictions, rows->targets, rows->count);
    *mean = value_tally_mean(&tally);
    for (size_t t = 0; of_target && t < data->target_count; t++)
        of_target[t] = value_tally_of(&tally, t);
    value_tally_free(&tally);
    return CLM_OK;
}
