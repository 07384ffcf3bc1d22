/* Intervals around predictions, and how many targets are within. */
#include "data/data.h"
#include "nn/model.h"
#include "train/evaluate.h"
#include "train/values.h"

#include <math.h>
#include <stdlib.h>

/* The intervals of all targets of all rows. */
static clm_status fill_bounds(const struct clm_model *model, double coverage, size_t rows,
                              const float *predictions, const double *spread, double *bounds,
                              struct clm_error *error)
{
    const size_t T = clm_model_targets(model), Q = loss_quantiles(&model->architecture.loss);
    for (size_t t = 0; t < T; t++) {
        const double score = intervals_score(&model->intervals, t, coverage);
        for (size_t r = 0; r < rows; r++) {
            const size_t first = (r * T + t) * Q;
            double *const own = bounds + 2 * (r * T + t);
            intervals_bounds(model, t, score, predictions + first, spread[first], own);
            if (!isfinite(own[0]) || !isfinite(own[1]))
                return clm_fail(
                    error, CLM_ERROR_FORMAT,
                    "row %zu: the interval of target %zu is no number; the model's parameters or the inputs are too large for float32",
                    r, t);
        }
    }
    return CLM_OK;
}

clm_status clm_predict_intervals(struct clm_backend *be, const struct clm_model *model,
                                 const struct clm_data *data, enum clm_part part, double coverage,
                                 float *predictions, double *bounds, struct clm_score *score,
                                 struct clm_error *error)
{
    const size_t rows = data_part(data, part)->count, O = clm_model_width(model, clm_model_depth(model));
    clm_status status = intervals_check(model, coverage, error);
    if (status != CLM_OK)
        return status;
    double *const spread = calloc(rows + 1, O * sizeof *spread); /* zeros: of one net */
    if (!spread)
        return clm_fail_host_memory(error, "the spread of predictions", rows * O * sizeof *spread);
    status = predict_part(be, model, data, part, predictions, spread, score, error);
    if (status == CLM_OK)
        status = fill_bounds(model, coverage, rows, predictions, spread, bounds, error);
    free(spread);
    return status;
}

clm_status clm_measure_intervals(const struct clm_model *model, const double *bounds,
                                 const struct clm_data *data, enum clm_part part,
                                 struct clm_interval_measures *of_target, struct clm_error *error)
{
    const struct rows *const rows = data_part(data, part);
    const size_t T = clm_model_targets(model);
    const clm_status status = check_all_targets(model, data, part, error);
    if (status != CLM_OK)
        return status;
    for (size_t t = 0; t < T; t++) {
        size_t within = 0;
        double width = 0;
        for (size_t r = 0; r < rows->count; r++) {
            const double *const own = bounds + 2 * (r * T + t), target = rows->targets[r * T + t];
            within += target >= own[0] && target <= own[1];
            width += (own[1] - own[0]) / (double)rows->count;
        }
        of_target[t] = (struct clm_interval_measures){(double)within / (double)rows->count, width};
    }
    return CLM_OK;
}
