#include "nn/weights.h"

#include "base/size.h"
#include "base/text.h"
#include "data/table/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 64 /* bytes of the text in a message */

struct labelled_rows training_rows(const struct clm_data *data)
{
    return (struct labelled_rows){.count = data->train.count,
                                  .classes = data->classes,
                                  .labels = data->train.labels,
                                  .weights = data->train.weights,
                                  .names = (const char *const *)data->class_names};
}

/* ---- classes ---- */

/* n / (C n_c), with C the number of classes that have rows; 0 for a class without rows. */
static clm_status balance(const struct labelled_rows *rows, double *weights, struct clm_error *error)
{
    size_t *const counts = calloc(rows->classes, sizeof *counts), present = 0;
    if (!counts)
        return clm_fail_host_memory(error, "the weights of classes", rows->classes * sizeof *counts);
    for (size_t r = 0; r < rows->count; r++)
        if (rows->labels[r] != CLM_NO_LABEL)
            present += !counts[rows->labels[r]]++;
    for (size_t c = 0; c < rows->classes; c++)
        weights[c] = counts[c] ? (double)rows->count / ((double)present * (double)counts[c]) : 0;
    free(counts);
    return CLM_OK;
}

/* The class whose name, the longest one, is at the beginning of `text` with = after it; `classes` if there is
 * none. Names may be in quotes, and contain commas and equals signs. */
static size_t class_named(const struct labelled_rows *rows, const char *text)
{
    const bool is_quoted = *text == '"';
    size_t found = rows->classes, longest = 0;
    for (size_t c = 0; rows->names && c < rows->classes; c++) {
        const size_t length = strlen(rows->names[c]);
        const bool is_same = !strncmp(text, rows->names[c], length) && text[length] == '=';
        const bool is_same_quoted =
            is_quoted && !strncmp(text + 1, rows->names[c], length) && !strncmp(text + 1 + length, "\"=", 2);
        if (length >= longest && (is_same || is_same_quoted)) {
            found = c;
            longest = length;
        }
    }
    return found;
}

static clm_status fail_class(const struct labelled_rows *rows, const char *text, size_t length,
                             struct clm_error *error)
{
    char shown[SHOWN], meant_shown[SHOWN], word[256] = "";
    const char *const named = text_show(shown, sizeof shown, text, length), *meant = NULL;
    const char **const names = calloc(rows->classes + 1, sizeof *names); /* ended by NULL */
    if (length < sizeof word)
        memcpy(word, text, length);
    if (!names)
        return clm_fail_host_memory(error, "the names of classes", rows->classes * sizeof *names);
    for (size_t c = 0; rows->names && c < rows->classes; c++)
        names[c] = rows->names[c];
    meant = clm_nearest_name(word, names);
    free(names);
    if (meant)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "class-weight",
            "class weights: there is no class %s; did you mean %s? Classes have names, or numbers from 0 to %zu",
            named, text_show(meant_shown, sizeof meant_shown, meant, strlen(meant)), rows->classes - 1);
    return clm_fail_setting(
        error, CLM_ERROR_ARGUMENT, "class-weight",
        "class weights: there is no class %s; classes are numbered from 0 to %zu%s, and `balanced' weights them all",
        named, rows->classes - 1, rows->names ? ", or named as in the data" : "");
}

/* Reads "NAME=" or "NUMBER=" at *at, and moves *at after it. */
static clm_status read_class(const struct labelled_rows *rows, const char **at, size_t *class,
                             struct clm_error *error)
{
    const char *const text = *at;
    const size_t name_end = strcspn(text, ",");
    int64_t number;
    *class = class_named(rows, text);
    if (*class < rows->classes) {
        const size_t length = strlen(rows->names[*class]);
        *at += length + (text[length] == '=' && !strncmp(text, rows->names[*class], length) ? 1 : 3);
        return CLM_OK;
    }
    const size_t length = strcspn(text, "=,");
    if (text[length] != '=') {
        char shown[SHOWN];
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "class-weight",
            "class weights: \"%s\" is no class with its weight; write balanced, or NAME=W,NAME=W, as in 0=1,1=20",
            text_show(shown, sizeof shown, text, name_end));
    }
    if (!number_read_whole(text, length, &number) || number < 0 || (uint64_t)number >= rows->classes)
        return fail_class(rows, text, length, error);
    *class = (size_t)number;
    *at += length + 1;
    return CLM_OK;
}

/* Reads a weight at *at, and moves *at after it. */
static clm_status read_weight(const char **at, double *weight, struct clm_error *error)
{
    const char *const text = *at;
    const size_t length = strcspn(text, ",");
    char shown[SHOWN];
    float value = NAN;
    const bool is_number = number_read(at, &value) && *at == text + length;
    *weight = is_number ? number_as_double(text) : NAN;
    if (is_number && value >= 0 && isfinite(value))
        return CLM_OK;
    return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "class-weight",
                            "class weights: the weight \"%s\" is no finite number of at least 0, as in 2.5",
                            text_show(shown, sizeof shown, text, length));
}

/* One "NAME=W" at *at; moves *at to the end of it. */
static clm_status read_item(const struct labelled_rows *rows, const char **at, double *weights,
                            bool *is_weighted, struct clm_error *error)
{
    const char *const text = *at;
    size_t class;
    double weight = 1;
    clm_status status;
    if ((status = read_class(rows, at, &class, error)) || (status = read_weight(at, &weight, error)))
        return status;
    if (is_weighted[class]) {
        char shown[SHOWN];
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "class-weight",
                                "class weights: class %zu has a weight already; leave out \"%s\"", class,
                                text_show(shown, sizeof shown, text, (size_t)(*at - text)));
    }
    is_weighted[class] = true;
    weights[class] = weight;
    return CLM_OK;
}

static clm_status read_list(const struct labelled_rows *rows, const char *text, double *weights,
                            struct clm_error *error)
{
    bool *const is_weighted = calloc(rows->classes, sizeof *is_weighted);
    if (!is_weighted)
        return clm_fail_host_memory(error, "the weights of classes", rows->classes);
    clm_status status = read_item(rows, &text, weights, is_weighted, error);
    while (status == CLM_OK && *text) {
        text++; /* a comma: read_weight takes all up to it */
        status = read_item(rows, &text, weights, is_weighted, error);
    }
    free(is_weighted);
    return status;
}

clm_status class_weights_read(const struct labelled_rows *rows, const char *text, double *weights,
                              struct clm_error *error)
{
    if (!rows->classes && text)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "class-weight",
            "rows have targets, and no classes that could have weights; leave the weights of classes out");
    bool any_counts = false;
    clm_status status = CLM_OK;
    for (size_t c = 0; c < rows->classes; c++)
        weights[c] = 1;
    if (!text)
        return CLM_OK;
    status = strcmp(text, "balanced") ? read_list(rows, text, weights, error) : balance(rows, weights, error);
    if (status != CLM_OK)
        return status;
    for (size_t c = 0; c < rows->classes; c++)
        any_counts = any_counts || weights[c] > 0;
    return any_counts
               ? CLM_OK
               : clm_fail_setting(error, CLM_ERROR_ARGUMENT, "class-weight",
                                  "class weights: all %zu classes have the weight 0; leave one of them",
                                  rows->classes);
}

clm_status clm_class_weights(const struct clm_data *data, const char *text, double *weights,
                             struct clm_error *error)
{
    const struct labelled_rows rows = training_rows(data);
    return class_weights_read(&rows, text, weights, error);
}

/* ---- rows ---- */

static double product_of(const struct labelled_rows *rows, const double *of_class, size_t r)
{
    return (rows->classes ? of_class[rows->labels[r]] : 1) * (rows->weights ? (double)rows->weights[r] : 1);
}

/* Sums in the order of the rows; the products are at most the square of a float's largest number. */
static clm_status normalise(const struct labelled_rows *rows, struct row_weights *weights,
                            struct clm_error *error)
{
    for (size_t r = 0; r < rows->count; r++)
        weights->mean += product_of(rows, weights->of_class, r) / (double)rows->count;
    if (!(weights->mean > 0))
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "class-weight weight",
            "all %zu training rows have the weight 0, so none would count; give a class that has rows a weight above 0",
            rows->count);
    for (size_t r = 0; r < rows->count; r++)
        weights->of_row[r] = (float)(product_of(rows, weights->of_class, r) / weights->mean);
    return CLM_OK;
}

clm_status row_weights_make(const struct labelled_rows *rows, const char *text, struct row_weights *out,
                            struct clm_error *error)
{
    clm_status status = CLM_OK;
    *out = (struct row_weights){0};
    if (!text && !rows->weights)
        return CLM_OK;
    for (size_t r = 0; rows->classes && r < rows->count; r++)
        if (rows->labels[r] >= rows->classes)
            return clm_fail(error, CLM_ERROR_ARGUMENT, "row %zu has no label, and so no weight of its class",
                            r);
    out->of_class = calloc(rows->classes + 1, sizeof *out->of_class);
    out->of_row = calloc(rows->count, sizeof *out->of_row);
    if (!out->of_class || !out->of_row)
        status = clm_fail_host_memory(error, "the weights of rows", rows->count * sizeof *out->of_row);
    if (status == CLM_OK)
        status = class_weights_read(rows, text, out->of_class, error);
    if (status == CLM_OK)
        status = normalise(rows, out, error);
    if (status != CLM_OK)
        row_weights_free(out);
    return status;
}

void row_weights_free(struct row_weights *weights)
{
    free(weights->of_class);
    free(weights->of_row);
    *weights = (struct row_weights){0};
}
