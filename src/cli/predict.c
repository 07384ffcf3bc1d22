/* clmlp predict: writes class and probabilities of each row as CSV. */
#include "cli/prediction.h"

#include <stdio.h>
#include <string.h>

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

static void cli_predict_print_rows(FILE *stream, const struct prediction *prediction)
{
    const bool has_names = class_name(prediction, 0) != NULL;
    fprintf(stream, "row,class%s", has_names ? ",class_name" : "");
    for (size_t c = 0; c < prediction->classes; c++)
        fprintf(stream, ",p%zu", c);
    fputc('\n', stream);
    for (size_t r = 0; r < prediction->rows; r++) {
        const size_t predicted = predicted_class(prediction, r);
        fprintf(stream, "%zu,%zu", r, predicted);
        if (has_names) {
            const char *const name = class_name(prediction, predicted);
            fputc(',', stream);
            print_field(stream, name ? name : "");
        }
        for (size_t c = 0; c < prediction->classes; c++)
            fprintf(stream, ",%.9g", (double)prediction->probabilities[r * prediction->classes + c]);
        fputc('\n', stream);
    }
}

static clm_status cli_predict_write_rows(struct invocation *in, const struct prediction *prediction,
                                         struct clm_error *error)
{
    const char *const path = clm_settings_text(in->settings, "out");
    char *bytes = NULL;
    size_t size = 0;
    if (!strcmp(path, "-")) {
        cli_predict_print_rows(stdout, prediction);
        return CLM_OK;
    }
    FILE *const stream = open_memstream(&bytes, &size);
    clm_status status = CLM_OK;
    if (stream)
        cli_predict_print_rows(stream, prediction);
    if (!stream || fclose(stream)) {
        complain("predict", "no memory for the CSV of %zu rows", prediction->rows);
        in->code = EXIT_FAILED;
    } else
        status = clm_write_file(path, bytes, size, error);
    free(bytes);
    return status;
}

static clm_status run_predict(struct invocation *in, struct clm_error *error)
{
    struct prediction prediction;
    clm_status status = predict(in, &prediction, error);
    if (status == CLM_OK)
        status = cli_predict_write_rows(in, &prediction, error);
    prediction_free(&prediction);
    return status;
}

const struct command command_predict = {
    "predict",
    "class and probabilities of each row",
    run_predict,
    "Writes a CSV with a line a row: its number, the predicted class, the class's name if there are names, and the probability of each class. MODEL is a run directory, or its model.safetensors.",
    {{"data", "fashion-mnist"}},
    MODEL_OPERAND};
