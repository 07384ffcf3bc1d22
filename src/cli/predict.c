/* clmlp predict: writes class and probabilities of each row as CSV, JSON or NPY. */
#include "cli/prediction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A field as in RFC 4180: quoted only if necessary. */
static void print_field(FILE *stream, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++)
        fprintf(stream, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', stream);
}

struct numbered_row {
    size_t number, row;
};

static int by_number(const void *a, const void *b)
{
    const struct numbered_row *const x = a, *const y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* The rows in the order of their file; NULL if there is no memory. */
static size_t *order_rows(const struct prediction *prediction)
{
    const size_t rows = prediction->rows;
    struct numbered_row *const numbered = calloc(rows, sizeof *numbered);
    size_t *const order = calloc(rows, sizeof *order);
    for (size_t r = 0; numbered && r < rows; r++)
        numbered[r] = (struct numbered_row){clm_data_row_number(prediction->data, prediction->part, r), r};
    if (numbered)
        qsort(numbered, rows, sizeof *numbered, by_number);
    for (size_t r = 0; numbered && order && r < rows; r++)
        order[r] = numbered[r].row;
    const bool is_done = numbered && order;
    free(numbered);
    if (!is_done)
        free(order);
    return is_done ? order : NULL;
}

/* Columns of numbers: for each target its outputs, and then the bounds of its interval, if there are some. */
static size_t columns_of_target(const struct prediction *prediction)
{
    const size_t quantiles = clm_model_loss(prediction->model).quantile_count;
    return (quantiles > 1 ? quantiles : 1) + (prediction->bounds ? 2 : 0);
}

static size_t value_columns(const struct prediction *prediction)
{
    return clm_model_targets(prediction->model) * columns_of_target(prediction);
}

/* Which bound a column holds: 0 the lowest, 1 the highest value; less than 0 for an output. */
static int bound_in(const struct prediction *prediction, size_t column)
{
    const size_t of_target = columns_of_target(prediction);
    return prediction->bounds ? (int)(column % of_target + 2) - (int)of_target : -1;
}

static double value_in(const struct prediction *prediction, size_t row, size_t column)
{
    const size_t of_target = columns_of_target(prediction), target = column / of_target,
                 outputs = of_target - (prediction->bounds ? 2 : 0);
    const int bound = bound_in(prediction, column);
    return bound < 0
               ? (double)prediction
                     ->probabilities[row * prediction->classes + target * outputs + column % of_target]
               : prediction
                     ->bounds[2 * (row * clm_model_targets(prediction->model) + target) + (size_t)bound];
}

/* The name of a column: "price", or "price_q0.05" if the target has several quantiles; "price_low" and
 * "price_high". The caller frees it; NULL if there is no memory. */
static char *value_column_name(const struct prediction *prediction, size_t column)
{
    const struct clm_loss loss = clm_model_loss(prediction->model);
    const size_t of_target = columns_of_target(prediction);
    const char *const known = clm_model_target_name(prediction->model, column / of_target),
                      *const target = known ? known : "target";
    const int bound = bound_in(prediction, column);
    char *name = NULL;
    const int length = bound >= 0 ? asprintf(&name, "%s_%s", target, bound ? "high" : "low")
                       : loss.quantile_count > 1
                           ? asprintf(&name, "%s_q%g", target, loss.quantiles[column % of_target])
                           : asprintf(&name, "%s", target);
    return length < 0 ? NULL : name;
}

/* The columns after the row's name: an output each. */
static void print_outputs(FILE *stream, const struct prediction *prediction, size_t row)
{
    for (size_t c = 0; c < prediction->classes; c++)
        fprintf(stream, ",%.9g", (double)prediction->probabilities[row * prediction->classes + c]);
}

static void print_value_rows(FILE *stream, const struct prediction *prediction, const size_t *order)
{
    const bool has_row_names = clm_data_row_name(prediction->data, prediction->part, 0) != NULL;
    fprintf(stream, "row%s", has_row_names ? ",name" : "");
    for (size_t c = 0; c < value_columns(prediction); c++) {
        char *const name = value_column_name(prediction, c);
        fputc(',', stream);
        print_field(stream, name ? name : "target");
        free(name);
    }
    fputc('\n', stream);
    for (size_t i = 0; i < prediction->rows; i++) {
        const size_t r = order[i];
        fprintf(stream, "%zu", clm_data_row_number(prediction->data, prediction->part, r));
        if (has_row_names) {
            fputc(',', stream);
            print_field(stream, clm_data_row_name(prediction->data, prediction->part, r));
        }
        for (size_t c = 0; c < value_columns(prediction); c++)
            fprintf(stream, ",%.9g", value_in(prediction, r, c));
        fputc('\n', stream);
    }
}

static void cli_predict_print_rows(FILE *stream, const struct prediction *prediction, const size_t *order)
{
    if (clm_model_targets(prediction->model)) {
        print_value_rows(stream, prediction, order);
        return;
    }
    const struct clm_data *const data = prediction->data;
    const bool has_names = class_name(prediction, 0) != NULL,
               has_row_names = clm_data_row_name(data, prediction->part, 0) != NULL;
    fprintf(stream, "row%s,class%s", has_row_names ? ",name" : "", has_names ? ",class_name" : "");
    for (size_t c = 0; c < prediction->classes; c++)
        fprintf(stream, ",p%zu", c);
    fputc('\n', stream);
    for (size_t i = 0; i < prediction->rows; i++) {
        const size_t r = order[i], predicted = predicted_class(prediction, r);
        fprintf(stream, "%zu", clm_data_row_number(data, prediction->part, r));
        if (has_row_names) {
            fputc(',', stream);
            print_field(stream, clm_data_row_name(data, prediction->part, r));
        }
        fprintf(stream, ",%zu", predicted);
        if (has_names) {
            const char *const name = class_name(prediction, predicted);
            fputc(',', stream);
            print_field(stream, name ? name : "");
        }
        print_outputs(stream, prediction, r);
        fputc('\n', stream);
    }
}

static clm_status write_predictions_csv(const char *path, const struct prediction *prediction,
                                        const size_t *order, struct clm_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    if (!strcmp(path, "-")) {
        cli_predict_print_rows(stdout, prediction, order);
        return CLM_OK;
    }
    FILE *const stream = open_memstream(&bytes, &size);
    if (stream)
        cli_predict_print_rows(stream, prediction, order);
    const clm_status status =
        !stream || fclose(stream)
            ? fail(error, CLM_ERROR_MEMORY, "no memory for the CSV of %zu rows", prediction->rows)
            : clm_write_file(path, bytes, size, error);
    free(bytes);
    return status;
}

/* The outputs by name. */
static json_t *describe_values(const struct prediction *prediction, size_t row)
{
    json_t *const object = json_object();
    for (size_t c = 0; c < value_columns(prediction); c++) {
        char *const name = value_column_name(prediction, c);
        if (name)
            json_object_put(object, name, json_number(value_in(prediction, row, c)));
        else
            json_lose();
        free(name);
    }
    return object;
}

static json_t *describe_row(const struct prediction *prediction, size_t row)
{
    const char *const name = clm_data_row_name(prediction->data, prediction->part, row);
    const size_t predicted = predicted_class(prediction, row);
    const char *const predicted_name = class_name(prediction, predicted);
    json_t *const object = json_object(), *const probabilities = json_array();
    json_object_put(object, "row",
                    json_integer((json_int_t)clm_data_row_number(prediction->data, prediction->part, row)));
    if (name)
        json_object_put(object, "name", json_text(name));
    if (clm_model_targets(prediction->model)) {
        json_decref(probabilities);
        json_object_put(object, "predictions", describe_values(prediction, row));
        return object;
    }
    json_object_put(object, "class", json_integer((json_int_t)predicted));
    if (predicted_name)
        json_object_put(object, "class_name", json_text(predicted_name));
    for (size_t c = 0; c < prediction->classes; c++)
        json_list_add(probabilities,
                      json_number((double)prediction->probabilities[row * prediction->classes + c]));
    json_object_put(object, "probabilities", probabilities);
    return object;
}

/* A list of objects, one a row. Complains and returns false if it fails. */
static bool write_predictions_json(const char *path, const struct prediction *prediction, const size_t *order)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < prediction->rows; i++)
        json_list_add(list, describe_row(prediction, order[i]));
    return write_json("predict", path, list);
}

/* The probabilities alone, (rows, classes); or the numbers, in the columns of the CSV. */
static clm_status write_predictions_npy(const char *path, const struct prediction *prediction,
                                        const size_t *order, struct clm_error *error)
{
    const bool are_numbers = clm_model_targets(prediction->model) > 0;
    const size_t rows = prediction->rows,
                 columns = are_numbers ? value_columns(prediction) : prediction->classes;
    float *const ordered = calloc(rows, columns * sizeof *ordered);
    for (size_t i = 0; ordered && i < rows; i++)
        for (size_t c = 0; c < columns; c++)
            ordered[i * columns + c] = are_numbers ? (float)value_in(prediction, order[i], c)
                                                   : prediction->probabilities[order[i] * columns + c];
    const clm_status status =
        ordered ? clm_write_npy(path, ordered, rows, columns, error)
                : fail(error, CLM_ERROR_MEMORY, "no memory for the probabilities of %zu rows", rows);
    free(ordered);
    return status;
}

static bool ends_with(const char *path, const char *ending)
{
    const size_t length = strlen(path), its = strlen(ending);
    return length > its && !strcasecmp(path + length - its, ending);
}

static clm_status cli_predict_write_rows(struct invocation *in, const struct prediction *prediction,
                                         struct clm_error *error)
{
    const char *const path = clm_settings_text(in->settings, "out");
    size_t *const order = order_rows(prediction);
    clm_status status = CLM_OK;
    if (!order)
        return fail(error, CLM_ERROR_MEMORY, "no memory for the order of %zu rows", prediction->rows);
    if (ends_with(path, ".json"))
        in->code = write_predictions_json(path, prediction, order) ? in->code : EXIT_FAILED;
    else if (ends_with(path, ".npy"))
        status = write_predictions_npy(path, prediction, order, error);
    else
        status = write_predictions_csv(path, prediction, order, error);
    free(order);
    return status;
}

static clm_status run_predict(struct invocation *in, struct clm_error *error)
{
    struct prediction prediction;
    clm_status status = predict(in, false, &prediction, error);
    if (status == CLM_OK)
        status = cli_predict_write_rows(in, &prediction, error);
    prediction_free(&prediction);
    return status;
}

const struct command command_predict = {
    "predict",
    "class and probabilities, or predicted numbers, of each row",
    run_predict,
    "Writes a line a row, in the order of the file: its number in the file, its name if it has one (pictures: the file), the predicted class, the class's name if there are names, and the probability of each class; a net that predicts numbers writes a column for each target, in its own units, and with --interval NAME_low and NAME_high. --out F.json has an object a row, --out F.npy the probabilities alone, float32 (rows, classes); any other name is a CSV. MODEL is a run directory, or its model.safetensors.",
    {{"data", "fashion-mnist"}},
    MODEL_OPERAND};
