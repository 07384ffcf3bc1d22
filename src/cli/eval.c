/* clmlp eval: scores a model on labelled data. */
#include "cli/prediction.h"

#include <stdio.h>
#include <stdlib.h>

/* counts[true class * classes + predicted class]; NULL if memory runs out. */
static size_t *count_confusions(const struct prediction *prediction)
{
    size_t *const counts = calloc(prediction->classes, prediction->classes * sizeof *counts);
    for (size_t r = 0; counts && r < prediction->rows; r++)
        counts[clm_data_label(prediction->data, prediction->part, r) * prediction->classes +
               predicted_class(prediction, r)]++;
    return counts;
}

struct class_figures {
    size_t rows, predicted, correct;
    double precision, recall, f1; /* 0 if there is nothing to divide by */
};

static struct class_figures figures_of(const size_t *counts, size_t classes, size_t c)
{
    struct class_figures figures = {.correct = counts[c * classes + c]};
    for (size_t other = 0; other < classes; other++) {
        figures.rows += counts[c * classes + other];
        figures.predicted += counts[other * classes + c];
    }
    const double correct = (double)figures.correct;
    figures.precision = figures.predicted ? correct / (double)figures.predicted : 0;
    figures.recall = figures.rows ? correct / (double)figures.rows : 0;
    figures.f1 = correct > 0 ? 2 * correct / (double)(figures.rows + figures.predicted) : 0;
    return figures;
}

static void print_matrix(const struct prediction *prediction, const size_t *counts)
{
    const size_t C = prediction->classes;
    printf("\nConfusion matrix: rows are true classes, columns predicted ones.\n\n%19s", "");
    for (size_t c = 0; c < C; c++)
        printf(" %6zu", c);
    printf("\n");
    for (size_t t = 0; t < C; t++) {
        const char *const name = class_name(prediction, t);
        printf("%3zu %-15.15s", t, printable(name ? name : "").text);
        for (size_t c = 0; c < C; c++)
            printf(" %6zu", counts[t * C + c]);
        printf("\n");
    }
}

static void cli_eval_print_classes(const struct prediction *prediction, const size_t *counts)
{
    printf("\nclass                  rows  precision    recall        F1\n");
    for (size_t c = 0; c < prediction->classes; c++) {
        const struct class_figures figures = figures_of(counts, prediction->classes, c);
        const char *const name = class_name(prediction, c);
        printf("%3zu %-15.15s  %6zu  %7.2f %%  %6.2f %%  %6.2f %%\n", c, printable(name ? name : "").text,
               figures.rows, 100 * figures.precision, 100 * figures.recall, 100 * figures.f1);
    }
}

static json_t *describe_classes(const struct prediction *prediction, const size_t *counts)
{
    json_t *const list = json_array();
    for (size_t c = 0; c < prediction->classes; c++) {
        const struct class_figures figures = figures_of(counts, prediction->classes, c);
        const char *const name = class_name(prediction, c);
        json_list_add(list,
                      json_pack("{sI so sI sf sf sf}", "class", (json_int_t)c, "name",
                                name ? json_text(name) : json_null(), "rows", (json_int_t)figures.rows,
                                "precision", figures.precision, "recall", figures.recall, "f1", figures.f1));
    }
    return list;
}

static json_t *describe_matrix(const size_t *counts, size_t classes)
{
    json_t *const rows = json_array();
    for (size_t t = 0; t < classes; t++)
        json_list_add(rows, json_sizes(counts + t * classes, classes));
    return rows;
}

static json_t *cli_eval_describe(const struct prediction *prediction, const size_t *counts)
{
    return json_pack("{sI sf sf so so}", "rows", (json_int_t)prediction->rows, "loss", prediction->score.loss,
                     "accuracy", prediction->score.accuracy, "classes", describe_classes(prediction, counts),
                     "confusion", describe_matrix(counts, prediction->classes));
}

static int cli_eval_report(const struct clm_settings *settings, const struct prediction *prediction)
{
    const char *const json = clm_settings_text(settings, "json");
    size_t *const counts = count_confusions(prediction);
    bool is_written = true;
    if (!counts) {
        complain("eval", "no memory for the confusion matrix of %zu classes", prediction->classes);
        return EXIT_FAILED;
    }
    if (!is_json_alone(settings)) {
        printf("rows      %zu\nloss      %.5f\naccuracy  %.2f %%\n", prediction->rows, prediction->score.loss,
               100 * prediction->score.accuracy);
        print_matrix(prediction, counts);
        cli_eval_print_classes(prediction, counts);
    }
    if (json)
        is_written = write_json("eval", json, cli_eval_describe(prediction, counts));
    free(counts);
    return is_written ? EXIT_DONE : EXIT_FAILED;
}

static clm_status run_eval(struct invocation *in, struct clm_error *error)
{
    struct prediction prediction;
    const clm_status status = predict(in, &prediction, error);
    if (status == CLM_OK)
        in->code = cli_eval_report(in->settings, &prediction);
    prediction_free(&prediction);
    return status;
}

const struct command command_eval = {
    "eval",
    "loss, accuracy, confusion matrix, precision and recall of a model",
    run_eval,
    "Prints loss and accuracy of a model, the confusion matrix, and precision, recall and F1 of each class. MODEL is a run directory, or its model.safetensors.",
    {{"data", "fashion-mnist"}},
    MODEL_OPERAND};
