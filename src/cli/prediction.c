#include "cli/prediction.h"

#include "cli/command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A model's file, or the run directory that it lies in. */
static void read_model(const struct argp_state *state, const char *text, char path[PATH_MAX])
{
    struct stat about;
    const bool is_run = !stat(read_name(state, "MODEL", text), &about) && S_ISDIR(about.st_mode);
    if (snprintf(path, PATH_MAX, "%s%s", text, is_run ? "/model.safetensors" : "") >= PATH_MAX)
        wrong_usage(state, "MODEL: the path has more than %d characters", PATH_MAX - 1);
}

error_t parse_prediction(int key, char *text, struct argp_state *state)
{
    struct prediction_arguments *const arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->data;
        state->child_inputs[1] = &arguments->device;
        state->child_inputs[2] = &arguments->memory;
        return 0;
    case KEY_SPLIT:
        arguments->part = read_part(state, text);
        return 0;
    case KEY_OUT:
        arguments->out = read_output(state, "--out", text);
        return 0;
    case KEY_JSON:
        arguments->json = read_output(state, "--json", text);
        return 0;
    case ARGP_KEY_ARG:
        if (*arguments->model)
            wrong_usage(state, "it takes one model, not %s and %s", arguments->model, text);
        read_model(state, text, arguments->model);
        return 0;
    case ARGP_KEY_END:
        if (!*arguments->model)
            wrong_usage(state, "a model is needed, as in run/model.safetensors");
        if (!arguments->data.source)
            wrong_usage(state, "--data is needed, as in --data fashion-mnist");
        limit_memory(&arguments->memory, &arguments->data, &arguments->device.options);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

struct prediction_arguments default_prediction(void)
{
    return (struct prediction_arguments){.part = CLM_TEST, .device = default_device()};
}

static clm_status check_part(const struct prediction_arguments *arguments, const struct clm_data *data,
                             struct clm_error *error)
{
    if (clm_data_rows(data, arguments->part))
        return CLM_OK;
    error->status = CLM_ERROR_ARGUMENT;
    snprintf(error->message, sizeof error->message, "%s has no %s", clm_data_source(data),
             arguments->part == CLM_TEST ? "test set; name one with --test, or use --split train"
                                         : "validation part; hold one out with --val, as in training");
    return CLM_ERROR_ARGUMENT;
}

/* Finite parameters and inputs can still be too large for float32. */
static clm_status check_probabilities(const struct prediction *prediction, struct clm_error *error)
{
    const size_t C = prediction->classes;
    for (size_t r = 0; r < prediction->rows; r++)
        for (size_t c = 0; c < C; c++)
            if (!isfinite(prediction->probabilities[r * C + c])) {
                snprintf(
                    error->message, sizeof error->message,
                    "row %zu: the probability of class %zu is no number; the model's parameters or the inputs are too large for float32; try --backend reference",
                    r, c);
                return error->status = CLM_ERROR_WRONG;
            }
    return CLM_OK;
}

/* Opens the data for the model: labels become its classes. */
static clm_status open_data(const struct prediction_arguments *arguments, const struct clm_model *model,
                            struct clm_data **out, struct clm_error *error)
{
    struct clm_data_options options = arguments->data;
    options.features = clm_model_width(model, 0);
    options.classes = clm_model_width(model, clm_model_depth(model));
    const bool has_names = clm_model_class_name(model, 0) != NULL;
    const char **names = has_names ? calloc(options.classes, sizeof *names) : NULL;
    for (size_t c = 0; names && c < options.classes; c++)
        names[c] = clm_model_class_name(model, c);
    options.class_names = names;
    clm_status status = CLM_ERROR_MEMORY;
    if (has_names && !names) {
        error->status = status;
        snprintf(error->message, sizeof error->message, "no memory for the names of %zu classes",
                 options.classes);
    } else {
        status = clm_data_open(&options, out, error);
    }
    free(names);
    return status;
}

clm_status predict(const struct prediction_arguments *arguments, struct prediction *out,
                   struct clm_error *error)
{
    struct clm_backend *backend = NULL;
    clm_status status;
    *out = (struct prediction){0};
    if ((status = clm_model_load(arguments->model, &out->model, error)) ||
        (status = open_data(arguments, out->model, &out->data, error)) ||
        (status = clm_check_fit(out->model, out->data, error)) ||
        (status = check_part(arguments, out->data, error)) ||
        (status = open_backend(&arguments->device.options, &backend, error)))
        goto cleanup;
    out->rows = clm_data_rows(out->data, arguments->part);
    out->classes = clm_data_classes(out->data);
    /* calloc looks at the product's overflow */
    out->probabilities = calloc(out->rows, out->classes * sizeof *out->probabilities);
    if (!out->probabilities) {
        status = error->status = CLM_ERROR_MEMORY;
        snprintf(error->message, sizeof error->message,
                 "no memory for the probabilities of %zu rows; use --limit or a smaller data set", out->rows);
        goto cleanup;
    }
    status =
        clm_predict(backend, out->model, out->data, arguments->part, out->probabilities, &out->score, error);
    if (status == CLM_OK)
        status = check_probabilities(out, error);
cleanup:
    clm_backend_close(backend);
    if (status != CLM_OK)
        prediction_free(out);
    return status;
}

void prediction_free(struct prediction *prediction)
{
    free(prediction->probabilities);
    clm_data_close(prediction->data);
    clm_model_free(prediction->model);
    *prediction = (struct prediction){0};
}

size_t predicted_class(const struct prediction *prediction, size_t row)
{
    const float *const p = prediction->probabilities + row * prediction->classes;
    size_t best = 0;
    for (size_t c = 1; c < prediction->classes; c++)
        if (p[c] > p[best])
            best = c;
    return best;
}

const char *class_name(const struct prediction *prediction, size_t index)
{
    const char *const name = clm_model_class_name(prediction->model, index);
    return name ? name : clm_data_class_name(prediction->data, index);
}
