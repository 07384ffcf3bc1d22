#include "nn/model.h"

#include "base/size.h"
#include "base/text.h"
#include "data/data.h"
#include "nn/initialise.h"
#include "nn/parameters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a file that is read: each layer is looked for among all tensors. */
#define DEPTH_MAX 4096

/* ---- memory ---- */

static float *floats(size_t rows, size_t columns)
{
    size_t count;
    return size_mul(rows, columns, &count) ? calloc(count, sizeof(float)) : NULL;
}

/* Bytes of all weights and biases; SIZE_MAX where they do not fit into a size_t. */
static size_t parameter_bytes(const size_t *widths, size_t depth)
{
    size_t total = 0;
    for (size_t l = 0; l < depth; l++) {
        size_t inputs, count; /* weights and the bias are I + 1 for each output */
        if (!size_add(widths[l], 1, &inputs) || !size_mul(inputs, widths[l + 1], &count) ||
            !size_mul(count, sizeof(float), &count) || !size_add(total, count, &total))
            return SIZE_MAX;
    }
    return total;
}

/* Linux hands out more memory than there is, and ends programs that then use it: a net that cannot fit is told before. */
static clm_status check_memory(const size_t *widths, size_t depth, struct clm_error *error)
{
    const size_t wanted = parameter_bytes(widths, depth);
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t there;
    if (pages <= 0 || page <= 0 || !size_mul((size_t)pages, (size_t)page, &there))
        there = SIZE_MAX - 1;
    if (wanted <= there)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_MEMORY,
        "a net of %zu layers with %zu inputs: its parameters need %s%.1f GiB and this host has %.1f GiB; make its layers narrower",
        depth, widths[0], wanted == SIZE_MAX ? "more than " : "", mebibytes(wanted) / 1024,
        mebibytes(there) / 1024);
}

/* Zeroed memory for a model of these widths (depth + 1 of them, all positive). */
static clm_status allocate(const size_t *widths, size_t depth, struct clm_model **out,
                           struct clm_error *error)
{
    const clm_status status = check_memory(widths, depth, error);
    if (status != CLM_OK)
        return status;
    struct clm_model *const model = calloc(1, sizeof *model);
    bool is_complete = model != NULL;
    if (is_complete) {
        model->depth = depth;
        model->widths = calloc(depth + 1, sizeof *model->widths);
        model->weights = calloc(depth, sizeof *model->weights);
        model->biases = calloc(depth, sizeof *model->biases);
        model->mean = floats(1, widths[0]);
        model->scale = floats(1, widths[0]);
        is_complete = model->widths && model->weights && model->biases && model->mean && model->scale;
    }
    for (size_t l = 0; is_complete && l < depth; l++) {
        model->weights[l] = floats(widths[l + 1], widths[l]);
        model->biases[l] = floats(1, widths[l + 1]);
        is_complete = model->weights[l] && model->biases[l];
    }
    if (!is_complete) {
        clm_model_free(model);
        return clm_fail(
            error, CLM_ERROR_MEMORY,
            "a net of %zu layers with %zu inputs: there is no memory on the host for its %.1f MiB of parameters; make its layers narrower",
            depth, widths[0], mebibytes(parameter_bytes(widths, depth)));
    }
    memcpy(model->widths, widths, (depth + 1) * sizeof *widths);
    *out = model;
    return CLM_OK;
}

static void free_class_names(struct clm_model *model)
{
    for (size_t c = 0; model->class_names && c < model->widths[model->depth]; c++)
        free(model->class_names[c]);
    free(model->class_names);
    model->class_names = NULL;
}

void clm_model_free(struct clm_model *model)
{
    if (!model)
        return;
    free_class_names(model);
    for (size_t l = 0; l < model->depth; l++) {
        if (model->weights)
            free(model->weights[l]);
        if (model->biases)
            free(model->biases[l]);
    }
    free(model->widths);
    free(model->weights);
    free(model->biases);
    free(model->mean);
    free(model->scale);
    free(model);
}

/* ---- making one ---- */

clm_status clm_model_create(const struct clm_model_options *options, struct clm_model **out,
                            struct clm_error *error)
{
    *out = NULL;
    if (options->size_count < 2)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "a net of %zu widths: it needs at least its inputs and its classes",
                        options->size_count);
    for (size_t i = 0; i < options->size_count; i++)
        if (!options->sizes[i])
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "width %zu of the net is 0; each layer needs at least one unit", i);
    clm_status status = allocate(options->sizes, options->size_count - 1, out, error);
    if (status != CLM_OK)
        return status;
    (*out)->seed = options->seed;
    for (size_t i = 0; i < options->sizes[0]; i++)
        (*out)->scale[i] = options->is_bytes ? 1 / 255.0f : 1;
    status = initialise(*out, options->init, error);
    if (status != CLM_OK) {
        clm_model_free(*out);
        *out = NULL;
    }
    return status;
}

clm_status clm_check_fit(const struct clm_model *model, const struct clm_data *data, struct clm_error *error)
{
    const size_t I = model->widths[0], C = model->widths[model->depth];
    if (I == data->features && C == data->classes)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_SHAPE,
        "the model takes %zu features to %zu classes, but %s has %zu features and %zu classes; use the data it was made for, or train a model for this",
        I, C, data->source, data->features, data->classes);
}

/* ---- class names ---- */

/* Takes over `count` names; all or none. */
static clm_status set_class_names(struct clm_model *model, const char *const *names, struct clm_error *error)
{
    const size_t count = model->widths[model->depth];
    char **const copies = calloc(count, sizeof *copies);
    bool is_complete = copies != NULL;
    for (size_t c = 0; is_complete && c < count; c++)
        is_complete = (copies[c] = strdup(names[c])) != NULL;
    if (!is_complete) {
        for (size_t c = 0; copies && c < count; c++)
            free(copies[c]);
        free(copies);
        return clm_fail_host_memory(error, "class names", count * sizeof *copies);
    }
    free_class_names(model);
    model->class_names = copies;
    return CLM_OK;
}

clm_status model_name_classes(struct clm_model *model, const struct clm_data *data, struct clm_error *error)
{
    const clm_status status = clm_check_fit(model, data, error);
    if (status != CLM_OK || !data->class_names)
        return status;
    return set_class_names(model, (const char *const *)data->class_names, error);
}

/* ---- file: metadata ---- */

/* The class names as the text of a JSON list; NULL where there is no memory. */
static char *class_names_text(const struct clm_model *model)
{
    json_t *const list = json_array();
    bool is_whole = list != NULL;
    for (size_t c = 0; is_whole && c < model->widths[model->depth]; c++) {
        char *const name = utf8_copy(model->class_names[c]);
        is_whole = json_array_append_new(list, name ? json_string(name) : NULL) == 0;
        free(name);
    }
    char *const text = is_whole ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}

/* "784,256,10" in memory that the caller frees; NULL where there is none. */
static char *widths_text(const struct clm_model *model)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    for (size_t l = 0; stream && l <= model->depth; l++)
        fprintf(stream, "%s%zu", l ? "," : "", model->widths[l]);
    if (stream && fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

static bool add_class_names(const struct clm_model *model, json_t *metadata)
{
    char *const names = class_names_text(model);
    const bool is_added = names && json_object_set_new(metadata, "class_names", json_string(names)) == 0;
    free(names);
    return is_added;
}

static clm_status make_metadata(const struct clm_model *model, json_t **out, struct clm_error *error)
{
    char seed[32], *const widths = widths_text(model);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)model->seed);
    *out = widths ? json_pack("{ss ss ss ss ss}", "program", "clmlp", "version", clm_version(), "layers",
                              widths, "activation", "relu", "seed", seed)
                  : NULL;
    free(widths);
    if (*out && model->class_names && !add_class_names(model, *out)) {
        json_decref(*out);
        *out = NULL;
    }
    return *out ? CLM_OK : clm_fail_host_memory(error, "the model's metadata", 0);
}

/* Class names are worth having and no more: metadata without them, or with a list that does not fit, leaves them out. */
static clm_status read_class_names(struct clm_model *model, const json_t *metadata, struct clm_error *error)
{
    const size_t count = model->widths[model->depth];
    const char *const text = json_string_value(json_object_get(metadata, "class_names"));
    json_t *const list = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    clm_status status = CLM_OK;
    if (json_array_size(list) == count) {
        const char **const names = calloc(count, sizeof *names);
        bool is_complete = names != NULL;
        if (!names)
            status = clm_fail_host_memory(error, "the names of the classes", count * sizeof *names);
        for (size_t c = 0; is_complete && c < count; c++)
            is_complete = (names[c] = json_string_value(json_array_get(list, c))) != NULL;
        if (is_complete)
            status = set_class_names(model, names, error);
        free(names);
    }
    json_decref(list);
    return status;
}

static clm_status read_metadata(struct clm_model *model, const json_t *metadata, const char *path,
                                struct clm_error *error)
{
    const char *const activation = json_string_value(json_object_get(metadata, "activation"));
    const char *const seed = json_string_value(json_object_get(metadata, "seed"));
    char shown[44];
    if (activation && strcmp(activation, "relu"))
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: its activation is %s; this version computes relu only",
                        path, text_show(shown, sizeof shown, activation, strlen(activation)));
    model->seed = seed ? strtoull(seed, NULL, 10) : 0;
    return read_class_names(model, metadata, error);
}

/* ---- file: writing ---- */

struct tensor_name {
    char text[PARAMETER_NAME_MAX];
};

/* Views of all that is written: weights, biases, mean and scale; names in `names`. */
static void describe(const struct clm_model *model, struct safetensor *tensors, struct tensor_name *names)
{
    struct safetensor *tensor = tensors;
    for (size_t l = 0; l < model->depth; l++) {
        const size_t O = model->widths[l + 1], I = model->widths[l];
        parameter_name(names[0].text, l, "weight");
        parameter_name(names[1].text, l, "bias");
        *tensor++ = (struct safetensor){names[0].text, 2, {O, I}, O * I, model->weights[l]};
        *tensor++ = (struct safetensor){names[1].text, 1, {O}, O, model->biases[l]};
        names += 2;
    }
    snprintf(names[0].text, sizeof names[0].text, "input.mean");
    snprintf(names[1].text, sizeof names[1].text, "input.scale");
    *tensor++ = (struct safetensor){names[0].text, 1, {model->widths[0]}, model->widths[0], model->mean};
    *tensor++ = (struct safetensor){names[1].text, 1, {model->widths[0]}, model->widths[0], model->scale};
}

clm_status clm_model_save(const struct clm_model *model, const char *path, struct clm_error *error)
{
    const size_t count = 2 * model->depth + 2;
    struct safetensor *const tensors = calloc(count, sizeof *tensors);
    struct tensor_name *const names = calloc(count, sizeof *names);
    json_t *metadata = NULL;
    clm_status status = tensors && names
                            ? make_metadata(model, &metadata, error)
                            : clm_fail_host_memory(error, "the model's file", count * sizeof *tensors);
    if (status == CLM_OK) {
        describe(model, tensors, names);
        status = safetensors_write(path, tensors, count, metadata, error);
    }
    json_decref(metadata);
    free(tensors);
    free(names);
    return status;
}

/* ---- file: reading ---- */

/* Widths of the layers that the file has, as their weights say: depth + 1 of them, for the caller to free. */
static clm_status find_widths(const struct safetensors *file, const char *path, size_t **widths,
                              size_t *depth, struct clm_error *error)
{
    *depth = 0;
    *widths = calloc(file->count + 1, sizeof **widths);
    if (!*widths)
        return clm_fail_host_memory(error, "the model's widths", file->count * sizeof **widths);
    for (size_t l = 0; l < file->count; l++) {
        char name[PARAMETER_NAME_MAX];
        parameter_name(name, l, "weight");
        const struct safetensor *const weight = safetensors_find(file, name);
        if (!weight)
            break;
        if (l == DEPTH_MAX)
            return clm_fail(error, CLM_ERROR_FORMAT, "%s: it has more than the %d layers that are understood",
                            path, DEPTH_MAX);
        if (weight->dimension_count != 2 || !weight->count)
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: %s has %zu dimensions and %zu elements; a weight is a matrix", path, name,
                            weight->dimension_count, weight->count);
        if (l && weight->shape[1] != (*widths)[l])
            return clm_fail(error, CLM_ERROR_SHAPE,
                            "%s: %s takes %zu inputs, but the layer before it gives %zu", path, name,
                            weight->shape[1], (*widths)[l]);
        (*widths)[l] = weight->shape[1];
        (*widths)[l + 1] = weight->shape[0];
        (*depth)++;
    }
    if (!*depth)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: there is no layers.0.weight in it, so it is no model of clmlp", path);
    return CLM_OK;
}

/* input.NAME, or `fallback` for every input where the file has none. */
static clm_status read_normalisation(const struct safetensors *file, const char *path, const char *name,
                                     size_t I, float fallback, float *values, struct clm_error *error)
{
    const struct safetensor *tensor;
    if (!safetensors_find(file, name)) {
        for (size_t i = 0; i < I; i++)
            values[i] = fallback;
        return CLM_OK;
    }
    const clm_status status = parameter_find(file, path, name, I, 0, &tensor, error);
    if (status == CLM_OK)
        memcpy(values, tensor->values, I * sizeof *values);
    return status;
}

static clm_status read_model(const struct safetensors *file, const char *path, struct clm_model **out,
                             struct clm_error *error)
{
    size_t *widths, depth;
    clm_status status = find_widths(file, path, &widths, &depth, error);
    if (status == CLM_OK)
        status = allocate(widths, depth, out, error);
    if (status == CLM_OK && !(status = parameters_take(*out, file, path, error)) &&
        !(status = read_normalisation(file, path, "input.mean", widths[0], 0, (*out)->mean, error)) &&
        !(status = read_normalisation(file, path, "input.scale", widths[0], 1, (*out)->scale, error)))
        status = read_metadata(*out, file->metadata, path, error);
    free(widths);
    return status;
}

clm_status clm_model_load(const char *path, struct clm_model **out, struct clm_error *error)
{
    struct safetensors file;
    *out = NULL;
    clm_status status = safetensors_read(path, &file, error);
    if (status != CLM_OK)
        return status;
    status = read_model(&file, path, out, error);
    safetensors_free(&file);
    if (status != CLM_OK) {
        clm_model_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- looking at one ---- */

size_t clm_model_depth(const struct clm_model *model)
{
    return model->depth;
}

size_t clm_model_width(const struct clm_model *model, size_t index)
{
    return model->widths[index];
}

const char *clm_model_class_name(const struct clm_model *model, size_t index)
{
    return model->class_names ? model->class_names[index] : NULL;
}

const float *clm_model_weight(const struct clm_model *model, size_t layer)
{
    return model->weights[layer];
}

const float *clm_model_bias(const struct clm_model *model, size_t layer)
{
    return model->biases[layer];
}

const float *clm_model_mean(const struct clm_model *model)
{
    return model->mean;
}

const float *clm_model_scale(const struct clm_model *model)
{
    return model->scale;
}
