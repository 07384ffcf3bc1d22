/* clmlp eval: scores a model on labelled data. */
#include "cli/prediction.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What is told of a prediction. */
struct report {
    const struct prediction *prediction;
    struct clm_measures *measures;
    double guess_loss;   /* clm_guess_loss */
    size_t top;          /* 0: no top-k accuracy */
    double top_accuracy; /* share of rows whose label is among the `top` largest probabilities */
};

/* Chooses k of the top-k accuracy: --top-k, or 5 if there are more classes. */
static clm_status choose_top(const struct clm_settings *settings, struct report *report,
                             struct clm_error *error)
{
    const size_t classes = report->prediction->classes, asked = clm_settings_count(settings, "top-k");
    report->top = asked ? asked : classes > 5 ? 5 : 0;
    if (asked <= classes)
        return CLM_OK;
    return fail(error, CLM_ERROR_ARGUMENT, "--top-k %zu: the model has only %zu classes", asked, classes);
}

static clm_status measure(struct report *report, struct clm_error *error)
{
    const struct prediction *const prediction = report->prediction;
    const size_t rows = prediction->rows,
                 unlabelled = clm_data_unlabelled(prediction->data, prediction->part);
    if (unlabelled)
        return fail(error, CLM_ERROR_FORMAT,
                    "%zu of %zu rows have no %s to compare with; give them %s, or use clmlp predict",
                    unlabelled, rows, clm_data_targets(prediction->data) ? "target" : "label",
                    clm_data_targets(prediction->data) ? "targets" : "labels");
    uint32_t *const labels = calloc(rows, sizeof *labels);
    if (!labels)
        return fail(error, CLM_ERROR_MEMORY, "no memory for the labels of %zu rows", rows);
    for (size_t r = 0; r < rows; r++)
        labels[r] = clm_data_label(prediction->data, prediction->part, r);
    const clm_status status =
        clm_measure(prediction->probabilities, labels, rows, prediction->classes, &report->measures, error);
    if (status == CLM_OK && report->top)
        report->top_accuracy =
            clm_top_accuracy(prediction->probabilities, labels, rows, prediction->classes, report->top);
    free(labels);
    return status;
}

/* ---- for people ---- */

/* A mean over classes, and what it is. */
static void print_mean(const char *name, double value, const char *what, const struct clm_measures *measures)
{
    const bool is_of_all = measures->classes_with_rows == measures->classes;
    printf("%-9s %.2f %%  mean %s of the ", name, 100 * value, what);
    if (is_of_all)
        printf("%zu classes\n", measures->classes);
    else
        printf("%zu of %zu classes that have rows\n", measures->classes_with_rows, measures->classes);
}

static void print_area(const struct clm_measures *measures)
{
    if (isnan(measures->roc_auc))
        printf("ROC AUC   undefined, because all rows are of one class\n");
    else if (measures->classes == 2)
        printf("ROC AUC   %.5f  of class 1 against class 0\n", measures->roc_auc);
    else
        printf("ROC AUC   %.5f  mean over classes, each against the rest\n", measures->roc_auc);
}

/* "top 5", in the caller's text. */
static const char *top_name(char name[32], size_t top)
{
    snprintf(name, 32, "top %zu", top);
    return name;
}

static void print_measures(const struct report *report)
{
    char name[32];
    const struct prediction *const prediction = report->prediction;
    const struct clm_measures *const measures = report->measures;
    print_nets(prediction->model);
    printf("rows      %zu\nloss      %.5f\naccuracy  %.2f %%\n", prediction->rows, prediction->score.loss,
           100 * prediction->score.accuracy);
    print_mean("balanced", measures->balanced_accuracy, "recall", measures);
    if (measures->classes_with_rows == measures->classes)
        print_mean("macro F1", measures->macro_f1, "F1", measures);
    else
        printf("macro F1  %.2f %%  mean F1 of the classes that have rows or predictions\n",
               100 * measures->macro_f1);
    print_area(measures);
    printf("log loss  %.5f  %.5f by guessing with the classes' frequencies\n", measures->log_loss,
           report->guess_loss);
    if (report->top)
        printf("%-9s %.2f %%  of the labels are among the %zu largest probabilities\n",
               top_name(name, report->top), 100 * report->top_accuracy, report->top);
    printf("confidence %.2f %%  mean of the largest probability of each row\n",
           100 * measures->mean_confidence);
    printf("ECE       %.2f %%  expected calibration error, in %d bins\n", 100 * measures->calibration_error,
           CLM_CALIBRATION_BINS);
    printf("Brier     %.5f\n", measures->brier_score);
    if (clm_model_temperature(prediction->model) != 1)
        printf("logits    divided by the temperature %.4f, which --calibrate has found\n",
               clm_model_temperature(prediction->model));
}

static void print_matrix(const struct prediction *prediction, const struct clm_measures *measures)
{
    const size_t C = measures->classes;
    printf("\nConfusion matrix: rows are true classes, columns predicted ones.\n\n%19s", "");
    for (size_t c = 0; c < C; c++)
        printf(" %6zu", c);
    printf("\n");
    for (size_t t = 0; t < C; t++) {
        const char *const name = class_name(prediction, t);
        printf("%3zu %-15.15s", t, printable(name ? name : "").text);
        for (size_t c = 0; c < C; c++)
            printf(" %6zu", measures->confusion[t * C + c]);
        printf("\n");
    }
}

/* "  98.21 %", or a dash for what nothing defines. */
static void print_share(int width, double share)
{
    if (isnan(share))
        printf("  %*s  ", width, "-");
    else
        printf("  %*.2f %%", width, 100 * share);
}

static void cli_eval_print_classes(const struct prediction *prediction, const struct clm_measures *measures)
{
    printf("\nclass                  rows  precision    recall        F1   ROC AUC\n");
    for (size_t c = 0; c < measures->classes; c++) {
        const struct clm_class_measures *const class = &measures->of_class[c];
        const char *const name = class_name(prediction, c);
        printf("%3zu %-15.15s  %6zu", c, printable(name ? name : "").text, class->rows);
        print_share(7, class->precision);
        print_share(6, class->recall);
        print_share(6, class->f1);
        if (isnan(class->roc_auc))
            printf("%10s\n", "-");
        else
            printf("%10.5f\n", class->roc_auc);
    }
    if (measures->classes_with_rows < measures->classes)
        printf("\nA class without rows has no recall and no ROC curve (-), and the means leave it out.\n");
}

/* ---- JSON ---- */

static json_t *describe_classes(const struct prediction *prediction, const struct clm_measures *measures)
{
    json_t *const list = json_array();
    for (size_t c = 0; c < measures->classes; c++) {
        const struct clm_class_measures *const class = &measures->of_class[c];
        const char *const name = class_name(prediction, c);
        json_list_add(list, json_pack("{sI so sI sI sI so so so so}", "class", (json_int_t)c, "name",
                                      name ? json_text(name) : json_null(), "rows", (json_int_t) class->rows,
                                      "predicted", (json_int_t) class->predicted, "correct",
                                      (json_int_t) class->correct, "precision", json_number(class->precision),
                                      "recall", json_number(class->recall), "f1", json_number(class->f1),
                                      "roc_auc", json_number(class->roc_auc)));
    }
    return list;
}

static json_t *describe_matrix(const struct clm_measures *measures)
{
    json_t *const rows = json_array();
    for (size_t t = 0; t < measures->classes; t++)
        json_list_add(rows, json_sizes(measures->confusion + t * measures->classes, measures->classes));
    return rows;
}

/* [{"rows": 10, "correct": 9, "confidence": 0.93}, …], the confidence null if there are no rows. */
static json_t *describe_bins(const struct clm_measures *measures)
{
    json_t *const list = json_array();
    for (size_t b = 0; b < CLM_CALIBRATION_BINS; b++) {
        const struct clm_calibration_bin *const bin = &measures->bins[b];
        json_list_add(list, json_pack("{sI sI so}", "rows", (json_int_t)bin->rows, "correct",
                                      (json_int_t)bin->correct, "confidence", json_number(bin->confidence)));
    }
    return list;
}

/* What nothing defines is null. */
static json_t *cli_eval_describe(const struct report *report)
{
    const struct prediction *const prediction = report->prediction;
    const struct clm_measures *const measures = report->measures;
    json_t *const top = report->top ? json_pack("{sI so}", "k", (json_int_t)report->top, "accuracy",
                                                json_number(report->top_accuracy))
                                    : json_null();
    return json_pack(
        "{sI sI so so so so so so so so so so so so so so so so}", "nets",
        (json_int_t)clm_model_nets(prediction->model), "rows", (json_int_t)prediction->rows, "loss",
        json_number(prediction->score.loss), "accuracy", json_number(prediction->score.accuracy),
        "balanced_accuracy", json_number(measures->balanced_accuracy), "macro_f1",
        json_number(measures->macro_f1), "roc_auc", json_number(measures->roc_auc), "log_loss",
        json_number(measures->log_loss), "guess_loss", json_number(report->guess_loss), "top5_accuracy",
        json_number(measures->top5_accuracy), "top", top, "mean_confidence",
        json_number(measures->mean_confidence), "calibration_error", json_number(measures->calibration_error),
        "brier_score", json_number(measures->brier_score), "temperature",
        json_number(clm_model_temperature(prediction->model)), "reliability", describe_bins(measures),
        "classes", describe_classes(prediction, measures), "confusion", describe_matrix(measures));
}

/* ---- what went wrong ---- */

/* The class that is predicted for all rows, though they are of several; SIZE_MAX if there is none. */
static size_t predicted_for_all(const struct clm_measures *measures)
{
    for (size_t c = 0; c < measures->classes; c++)
        if (measures->of_class[c].predicted == measures->rows && measures->classes_with_rows > 1)
            return c;
    return SIZE_MAX;
}

static void warn_of_failure(const struct report *report)
{
    const struct prediction *const prediction = report->prediction;
    const struct clm_measures *const measures = report->measures;
    const size_t only = predicted_for_all(measures);
    const double loss = prediction->score.loss, guess = report->guess_loss;
    const char *const name = only == SIZE_MAX ? NULL : class_name(prediction, only);
    if (only != SIZE_MAX)
        complain(
            "eval",
            "warning: the net predicts class %zu%s%s%s for all %zu rows; train it for longer, with another learning rate, on standardised inputs, or with balanced classes (train --class-weight)",
            only, name ? " (" : "", printable(name ? name : "").text, name ? ")" : "", measures->rows);
    if (loss > guess && guess > 0)
        complain(
            "eval",
            "warning: the loss, %.6g, is above %.6g, that of guessing by the classes' frequencies in the training part; the probabilities are worse than those frequencies, as they may be if the net was trained with weights",
            loss, guess);
}

/* Draws the reliability diagram, if that is wanted. */
static clm_status draw_reliability(const struct clm_settings *settings, const struct report *report,
                                   struct clm_error *error)
{
    const char *const path = clm_settings_text(settings, "reliability");
    return path ? clm_reliability_plot(path, clm_data_source(report->prediction->data), report->measures,
                                       error)
                : CLM_OK;
}

static int cli_eval_report(const struct clm_settings *settings, const struct report *report)
{
    const char *const json = clm_settings_text(settings, "json");
    if (!is_json_alone(settings)) {
        print_measures(report);
        print_matrix(report->prediction, report->measures);
        cli_eval_print_classes(report->prediction, report->measures);
    }
    warn_of_failure(report);
    if (json && !write_json("eval", json, cli_eval_describe(report)))
        return EXIT_FAILED;
    return EXIT_DONE;
}

static clm_status run_eval(struct invocation *in, struct clm_error *error)
{
    struct prediction prediction;
    struct report report = {.prediction = &prediction};
    clm_status status = predict(in, true, &prediction, error);
    if (status == CLM_OK && clm_model_targets(prediction.model)) {
        status = eval_targets(in, &prediction, error);
        prediction_free(&prediction);
        return status;
    }
    if (status == CLM_OK)
        status = choose_top(in->settings, &report, error);
    if (status == CLM_OK)
        status = measure(&report, error);
    if (status == CLM_OK)
        status = clm_guess_loss(prediction.data, &report.guess_loss, error);
    if (status == CLM_OK)
        status = draw_reliability(in->settings, &report, error);
    if (status == CLM_OK)
        in->code = cli_eval_report(in->settings, &report);
    clm_measures_free(report.measures);
    prediction_free(&prediction);
    return status;
}

const struct command command_eval = {
    "eval",
    "loss, accuracy, measures for uneven classes, calibration and confusion matrix of a model",
    run_eval,
    "Prints loss and accuracy of a model, balanced accuracy, macro F1, ROC AUC, log loss, top-5 accuracy and how far its confidence can be trusted, the confusion matrix, and precision, recall and F1 of each class; of a net that predicts numbers RMSE, MAE and R2 of each target, in its own units, and how many targets are within their intervals. MODEL is a run directory, or its model.safetensors.",
    {{"data", "fashion-mnist"}},
    MODEL_OPERAND};
