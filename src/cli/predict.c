/* clmlp predict: class and probabilities of each row, as CSV. */
#include "cli/command.h"
#include "cli/prediction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A field as RFC 4180 has it: quoted only if it has to be. */
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

static int cli_predict_write_rows(const struct prediction *prediction)
{
    const char *const out = clm_settings_text(prediction->settings, "out");
    if (!strcmp(out, "-")) {
        cli_predict_print_rows(stdout, prediction);
        return EXIT_DONE;
    }
    char *bytes = NULL;
    size_t size = 0;
    struct clm_error error = {0};
    FILE *const stream = open_memstream(&bytes, &size);
    if (stream)
        cli_predict_print_rows(stream, prediction);
    if (!stream || fclose(stream)) {
        free(bytes);
        complain("predict", "no memory for the CSV of %zu rows", prediction->rows);
        return EXIT_FAILED;
    }
    const clm_status status = clm_write_file(out, bytes, size, &error);
    free(bytes);
    return status == CLM_OK ? EXIT_DONE : fail_command("predict", &error);
}

int command_predict(int argc, char **argv)
{
    struct prediction prediction;
    struct clm_error error = {0};
    const clm_status status = predict(
        "Writes a CSV with a line a row: its number, the predicted class, the class's name if there are names, and the probability of each class. MODEL is a run directory, or its model.safetensors.",
        argc, argv, &prediction, &error);
    if (status != CLM_OK)
        return fail_command("predict", &error);
    const int code = cli_predict_write_rows(&prediction);
    prediction_free(&prediction);
    return code;
}
