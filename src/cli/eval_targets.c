/* clmlp eval of a model that predicts numbers. */
#include "cli/prediction.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is told: of all targets together, and of each. */
struct target_report {
    const struct prediction *prediction;
    size_t targets;
    struct clm_target_measures mean, *of_target;
    struct clm_interval_measures *intervals; /* of each target; NULL: there are none */
    bool are_marks;                          /* the loss binary: targets are 0 or 1 */
};

static const char *target_name(const struct prediction *prediction, size_t target)
{
    const char *const name = clm_model_target_name(prediction->model, target);
    return name ? name : clm_data_target_name(prediction->data, target);
}

static void print_defined(int width, int decimals, double value)
{
    if (isnan(value))
        printf("  %*s", width, "-");
    else
        printf("  %*.*f", width, decimals, value);
}

static void print_marks(const struct target_report *report)
{
    printf("accuracy  %.2f %%%s\nexact     %.2f %%  of the rows have all targets right\n",
           100 * report->mean.accuracy, report->targets > 1 ? "  mean over the targets" : "",
           100 * report->mean.exact);
    printf("\ntarget                accuracy\n");
    for (size_t t = 0; t < report->targets; t++)
        printf("%-20.20s  %6.2f %%\n", printable(target_name(report->prediction, t)).text,
               100 * report->of_target[t].accuracy);
}

static void print_numbers(const struct target_report *report)
{
    const struct clm_target_measures *const mean = &report->mean;
    const char *const of = report->targets > 1 ? "  mean over the targets" : "";
    printf("RMSE      %.6g%s\nMAE       %.6g%s\n", mean->rmse, of, mean->mae, of);
    if (isnan(mean->r2))
        printf("R2        undefined, because all rows have the same target\n");
    else
        printf("R2        %.5f%s\n", mean->r2, of);
    if (!isnan(mean->coverage))
        printf("coverage  %.2f %%  of the rows are between the lowest and the highest quantile\n",
               100 * mean->coverage);
    printf("\ntarget                        RMSE           MAE        R2%s\n",
           isnan(mean->coverage) ? "" : "  coverage");
    for (size_t t = 0; t < report->targets; t++) {
        const struct clm_target_measures *const one = &report->of_target[t];
        printf("%-20.20s  %12.6g  %12.6g", printable(target_name(report->prediction, t)).text, one->rmse,
               one->mae);
        print_defined(8, 5, one->r2);
        if (!isnan(one->coverage))
            printf("  %6.2f %%", 100 * one->coverage);
        putchar('\n');
    }
}

/* "interval  90 %: price within it in 89.22 % of the rows, mean width 8.123" */
static void print_intervals(const struct target_report *report)
{
    for (size_t t = 0; report->intervals && t < report->targets; t++)
        printf("%sinterval  %g %%: %s within it in %.2f %% of the rows, mean width %.6g\n", t ? "" : "\n",
               100 * report->prediction->coverage, printable(target_name(report->prediction, t)).text,
               100 * report->intervals[t].coverage, report->intervals[t].width);
}

static json_t *describe_target(const struct target_report *report, size_t t)
{
    const struct clm_target_measures *const one = &report->of_target[t];
    json_t *const object = json_pack("{so}", "name", json_text(target_name(report->prediction, t)));
    if (report->are_marks) {
        json_object_put(object, "accuracy", json_number(one->accuracy));
        return object;
    }
    json_object_put(object, "rmse", json_number(one->rmse));
    json_object_put(object, "mae", json_number(one->mae));
    json_object_put(object, "r2", json_number(one->r2));
    if (!isnan(one->coverage))
        json_object_put(object, "coverage", json_number(one->coverage));
    if (report->intervals) {
        json_object_put(object, "interval_coverage", json_number(report->intervals[t].coverage));
        json_object_put(object, "interval_width", json_number(report->intervals[t].width));
    }
    return object;
}

static json_t *describe_target_report(const struct target_report *report)
{
    const struct clm_target_measures *const mean = &report->mean;
    json_t *const object = json_pack(
        "{sI sI ss so}", "nets", (json_int_t)clm_model_nets(report->prediction->model), "rows",
        (json_int_t)report->prediction->rows, "loss_name", clm_model_loss(report->prediction->model).name,
        "loss", json_number(report->prediction->score.loss));
    json_t *const list = json_array();
    if (report->are_marks) {
        json_object_put(object, "accuracy", json_number(mean->accuracy));
        json_object_put(object, "exact_match", json_number(mean->exact));
    } else {
        json_object_put(object, "rmse", json_number(mean->rmse));
        json_object_put(object, "mae", json_number(mean->mae));
        json_object_put(object, "r2", json_number(mean->r2));
        if (!isnan(mean->coverage))
            json_object_put(object, "coverage", json_number(mean->coverage));
    }
    if (report->intervals)
        json_object_put(object, "interval", json_number(report->prediction->coverage));
    for (size_t t = 0; t < report->targets; t++)
        json_list_add(list, describe_target(report, t));
    json_object_put(object, "targets", list);
    return object;
}

static int report_on_targets(const struct clm_settings *settings, const struct target_report *report)
{
    const char *const json = clm_settings_text(settings, "json");
    if (!is_json_alone(settings)) {
        print_nets(report->prediction->model);
        printf("rows      %zu\nloss      %.5f  %s%s\n", report->prediction->rows,
               report->prediction->score.loss, clm_model_loss(report->prediction->model).name,
               report->are_marks ? "" : ", of standardised targets");
        if (report->are_marks)
            print_marks(report);
        else
            print_numbers(report);
        print_intervals(report);
    }
    if (report->mean.r2 <= 0)
        complain(
            "eval",
            "warning: R2 is %.3g: the predictions are no better than the mean of these rows; train the net "
            "for longer, or with another learning rate",
            report->mean.r2);
    return !json || write_json("eval", json, describe_target_report(report)) ? EXIT_DONE : EXIT_FAILED;
}

/* The caller frees *out. */
static clm_status measure_intervals(const struct prediction *prediction, struct clm_interval_measures **out,
                                    struct clm_error *error)
{
    const size_t targets = clm_model_targets(prediction->model);
    *out = calloc(targets, sizeof **out);
    return *out ? clm_measure_intervals(prediction->model, prediction->bounds, prediction->data,
                                        prediction->part, *out, error)
                : fail(error, CLM_ERROR_MEMORY, "no memory for the measures of %zu targets", targets);
}

clm_status eval_targets(struct invocation *in, const struct prediction *prediction, struct clm_error *error)
{
    struct target_report report = {.prediction = prediction,
                                   .targets = clm_model_targets(prediction->model),
                                   .are_marks = !strcmp(clm_model_loss(prediction->model).name, "binary")};
    if (clm_settings_is_set(in->settings, "top-k") || clm_settings_is_set(in->settings, "reliability"))
        return fail(error, CLM_ERROR_ARGUMENT,
                    "--top-k and --reliability are for models of classes, and this one predicts targets");
    report.of_target = calloc(report.targets, sizeof *report.of_target);
    if (!report.of_target)
        return fail(error, CLM_ERROR_MEMORY, "no memory for the measures of %zu targets", report.targets);
    clm_status status = clm_measure_targets(prediction->model, prediction->probabilities, prediction->data,
                                            prediction->part, &report.mean, report.of_target, error);
    if (status == CLM_OK && prediction->bounds)
        status = measure_intervals(prediction, &report.intervals, error);
    if (status == CLM_OK)
        in->code = report_on_targets(in->settings, &report);
    free(report.intervals);
    free(report.of_target);
    return status;
}
