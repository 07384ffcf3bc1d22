#include "cli/prediction.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define USUAL_COVERAGE 0.9 /* of the intervals that eval measures */

void find_model(const char *command, const char *what, const char *name, char path[PATH_MAX])
{
    struct stat about;
    const bool is_run = !stat(name, &about) && S_ISDIR(about.st_mode);
    if (snprintf(path, PATH_MAX, "%s%s", name, is_run ? "/model.safetensors" : "") >= PATH_MAX)
        wrong_usage(command, "%s: the path has more than %d characters", what, PATH_MAX - 1);
}

static clm_status check_part(enum clm_part part, const struct clm_data *data, struct clm_error *error)
{
    if (clm_data_rows(data, part))
        return CLM_OK;
    const bool has_validation = clm_data_rows(data, CLM_VALIDATION);
    return fail(error, CLM_ERROR_ARGUMENT, "%s has no %s%s", clm_data_source(data),
                part == CLM_TEST ? "test set; name one with --test, or use --split train"
                                 : "validation part; hold one out with --val, as in training",
                part == CLM_TEST && has_validation ? " or --split val" : "");
}

static clm_status fail_output(struct clm_error *error, size_t row, size_t output)
{
    return fail(
        error, CLM_ERROR_FORMAT,
        "row %zu: output %zu is no number; the model's parameters or the inputs are too large for float32; try --backend reference",
        row, output);
}

/* Finite parameters and inputs can still be too large for float32. */
static clm_status check_probabilities(const struct prediction *prediction, struct clm_error *error)
{
    const size_t C = prediction->classes;
    for (size_t r = 0; r < prediction->rows; r++)
        for (size_t c = 0; c < C; c++)
            if (!isfinite(prediction->probabilities[r * C + c]))
                return clm_model_targets(prediction->model)
                           ? fail_output(error, r, c)
                           : fail(
                                 error, CLM_ERROR_FORMAT,
                                 "row %zu: the probability of class %zu is no number; the model's parameters or the inputs are too large for float32; try --backend reference",
                                 r, c);
    return CLM_OK;
}

clm_status open_data_for(const struct clm_model *model, struct clm_data_options options,
                         struct clm_data **out, struct clm_error *error)
{
    options.model_inputs = clm_model_inputs(model);
    options.features = clm_model_width(model, 0);
    options.has_targets = clm_model_targets(model) > 0;
    options.classes = options.has_targets ? 0 : clm_model_width(model, clm_model_depth(model));
    const bool has_names = clm_model_class_name(model, 0) != NULL;
    const char **names = has_names ? calloc(options.classes, sizeof *names) : NULL;
    for (size_t c = 0; names && c < options.classes; c++)
        names[c] = clm_model_class_name(model, c);
    options.class_names = names;
    const clm_status status =
        has_names && !names
            ? fail(error, CLM_ERROR_MEMORY, "no memory for the names of %zu classes", options.classes)
            : clm_data_open(&options, out, error);
    free(names);
    return status;
}

clm_status tell_scale(const char *command, const struct clm_model *model, const struct clm_data *data,
                      enum clm_part part, struct clm_error *error)
{
    char *sentence;
    const clm_status status = clm_check_scale(model, data, part, &sentence, error);
    if (sentence)
        remark(command, "%s", sentence);
    free(sentence);
    return status;
}

/* Without --split, rows to predict are those of the test set, or else those of the data itself. */
static enum clm_part choose_part(const struct invocation *in, const struct clm_data *data, bool needs_labels)
{
    const enum clm_part part = (enum clm_part)clm_settings_count(in->settings, "split");
    const bool is_free = !needs_labels && !clm_settings_is_set(in->settings, "split");
    return is_free && !clm_data_rows(data, part) && !clm_data_rows(data, CLM_VALIDATION) ? CLM_TRAIN : part;
}

/* Which intervals are wanted: those of --interval, or in eval usual ones if the model has any. */
static clm_status choose_interval(struct invocation *in, const struct clm_model *model, bool is_evaluated,
                                  double *coverage, struct clm_error *error)
{
    struct clm_error unused;
    size_t rows;
    const bool is_asked = clm_settings_is_set(in->settings, "interval");
    *coverage = 0;
    if (!is_asked && (!is_evaluated || !clm_model_intervals(model, &rows)))
        return CLM_OK;
    if (!is_asked) {
        *coverage = clm_check_interval(model, USUAL_COVERAGE, &unused) == CLM_OK ? USUAL_COVERAGE : 0;
        return CLM_OK;
    }
    *coverage = clm_settings_number(in->settings, "interval");
    if (clm_model_targets(model) && !clm_model_intervals(model, &rows) &&
        strcmp(clm_model_loss(model).name, "binary"))
        return fail(
            error, CLM_ERROR_ARGUMENT,
            "--interval: the model was not calibrated, so nothing is known about its errors; train it with --calibrate and --val, which holds out the rows that tell them");
    return clm_check_interval(model, *coverage, error);
}

/* Predicts the rows, and their intervals if there are some. */
static clm_status predict_all(struct clm_backend *backend, struct prediction *out, struct clm_error *error)
{
    const size_t targets = clm_model_targets(out->model);
    if (out->coverage == 0)
        return clm_predict(backend, out->model, out->data, out->part, out->probabilities, &out->score, error);
    out->bounds = calloc(out->rows, 2 * targets * sizeof *out->bounds);
    if (!out->bounds)
        return fail(error, CLM_ERROR_MEMORY, "no memory for the intervals of %zu rows", out->rows);
    return clm_predict_intervals(backend, out->model, out->data, out->part, out->coverage, out->probabilities,
                                 out->bounds, &out->score, error);
}

clm_status predict(struct invocation *in, bool needs_labels, struct prediction *out, struct clm_error *error)
{
    char path[PATH_MAX];
    struct clm_backend *backend = NULL;
    clm_status status;
    *out = (struct prediction){0};
    find_model(in->about->name, "MODEL", in->operand, path);
    struct clm_data_options data_asked = data_options(in);
    const struct clm_backend_options backend_asked = backend_options(in);
    data_asked.limits_each = true;
    data_asked.labels_optional = !needs_labels;
    if ((status = clm_model_load(path, &out->model, error)) ||
        (status = choose_interval(in, out->model, needs_labels, &out->coverage, error)) ||
        (status = open_data_for(out->model, data_asked, &out->data, error)))
        goto cleanup;
    out->part = choose_part(in, out->data, needs_labels);
    if ((status = clm_check_fit(out->model, out->data, error)) ||
        (status = check_part(out->part, out->data, error)) ||
        (status = tell_scale(in->about->name, out->model, out->data, out->part, error)) ||
        (status = open_backend(&backend_asked, &backend, error)))
        goto cleanup;
    out->rows = clm_data_rows(out->data, out->part);
    out->classes = clm_model_width(out->model, clm_model_depth(out->model));
    /* calloc checks the product for overflow */
    out->probabilities = calloc(out->rows, out->classes * sizeof *out->probabilities);
    if (!out->probabilities) {
        status =
            fail(error, CLM_ERROR_MEMORY,
                 "no memory for the probabilities of %zu rows; use --limit or a smaller data set", out->rows);
        goto cleanup;
    }
    status = predict_all(backend, out, error);
    if (status == CLM_OK)
        status = check_probabilities(out, error);
cleanup:
    clm_backend_close(backend);
    return status;
}

void prediction_free(struct prediction *prediction)
{
    free(prediction->probabilities);
    free(prediction->bounds);
    clm_data_close(prediction->data);
    clm_model_free(prediction->model);
    *prediction = (struct prediction){0};
}

void print_nets(const struct clm_model *model)
{
    if (clm_model_nets(model) > 1)
        printf("nets      %zu  predictions are their mean\n", clm_model_nets(model));
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
