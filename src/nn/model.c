#include "nn/model.h"

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "data/data.h"
#include "nn/layer_names.h"
#include "nn/layers_text.h"
#include "nn/nets.h"
#include "nn/parameters.h"
#include "nn/targets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTE_SCALE (1 / 255.0f)

/* ---- memory ---- */

/* Linux hands out more memory than there is, and ends programs that then use it: a net that cannot fit is
 * refused before. */
static clm_status model_check_memory(const struct architecture *architecture, size_t nets,
                                     struct clm_error *error)
{
    const size_t there = host_memory();
    size_t wanted;
    if (architecture_bytes(architecture, &wanted) && wanted <= there / nets)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_MEMORY,
        "a net of %zu layers with %zu inputs: its parameters need %.1f GiB and this host has %.1f GiB%s; make its layers narrower",
        architecture->depth, architecture->layers[0].inputs, mebibytes(wanted) / 1024,
        mebibytes(there) / 1024, nets > 1 ? " for all nets of the ensemble" : "");
}

static clm_status fail_memory(const struct architecture *architecture, struct clm_error *error)
{
    size_t bytes = 0;
    (void)architecture_bytes(architecture, &bytes);
    return clm_fail(
        error, CLM_ERROR_MEMORY,
        "a net of %zu layers with %zu inputs: there is no memory on the host for its %.1f MiB of parameters; make its layers narrower",
        architecture->depth, architecture->layers[0].inputs, mebibytes(bytes));
}

/* A model without values yet; its tensors are the net's, then input.mean and input.scale. */
static clm_status model_create(const struct architecture *architecture, struct clm_model **out,
                               struct clm_error *error)
{
    struct clm_model *const model = *out = calloc(1, sizeof *model);
    if (!model)
        return fail_memory(architecture, error);
    const clm_status status = architecture_copy(architecture, &model->architecture, error);
    if (status != CLM_OK)
        return status;
    model->parameter_count = architecture_parameter_count(architecture);
    model->statistic_count = architecture_statistic_count(architecture);
    model->tensor_count = model_net_tensors(model) + 2;
    model->specs = calloc(model->tensor_count, sizeof *model->specs);
    model->values = calloc(model->tensor_count, sizeof *model->values);
    if (!model->specs || !model->values)
        return fail_memory(architecture, error);
    for (size_t p = 0; p < model->parameter_count; p++)
        model->specs[p] = architecture_parameter(architecture, p);
    for (size_t s = 0; s < model->statistic_count; s++)
        model->specs[model->parameter_count + s] = architecture_statistic(architecture, s);
    for (size_t t = model_net_tensors(model); t < model->tensor_count; t++) {
        struct parameter_spec *const spec = &model->specs[t];
        *spec = (struct parameter_spec){.rows = architecture->layers[0].inputs};
        snprintf(spec->name, sizeof spec->name, t + 2 == model->tensor_count ? "input.mean" : "input.scale");
    }
    return CLM_OK;
}

/* Zeros for all tensors that have no values yet. */
static clm_status fill(struct clm_model *model, struct clm_error *error)
{
    for (size_t t = 0; t < model->tensor_count; t++) {
        if (!model->values[t])
            model->values[t] = calloc(parameter_elements(&model->specs[t]), sizeof **model->values);
        if (!model->values[t])
            return fail_memory(&model->architecture, error);
    }
    model->mean = model->values[model->tensor_count - 2];
    model->scale = model->values[model->tensor_count - 1];
    return CLM_OK;
}

static size_t classes_of(const struct clm_model *model)
{
    return architecture_width(&model->architecture, model->architecture.depth);
}

static void free_class_names(struct clm_model *model)
{
    for (size_t c = 0; model->class_names && c < classes_of(model); c++)
        free(model->class_names[c]);
    free(model->class_names);
    model->class_names = NULL;
}

void clm_model_free(struct clm_model *model)
{
    if (!model)
        return;
    for (size_t n = 0; n < model->other_count; n++)
        clm_model_free(model->others[n]);
    free(model->others);
    free_class_names(model);
    inputs_free(model->inputs);
    intervals_free(&model->intervals);
    free(model->target_mean);
    free(model->target_deviation);
    for (size_t t = 0; model->values && t < model->tensor_count; t++)
        free(model->values[t]);
    free(model->values);
    free(model->specs);
    architecture_free(&model->architecture);
    free(model);
}

/* ---- making one ---- */

/* Without parameters yet; one of `nets` nets of an ensemble. */
static clm_status model_begin(const struct architecture *architecture, size_t nets, struct clm_model **out,
                              struct clm_error *error)
{
    clm_status status;
    if ((status = model_check_memory(architecture, nets, error)) ||
        (status = model_create(architecture, out, error)) || (status = fill(*out, error)))
        return status;
    (*out)->is_activation_known = true;
    (*out)->lowest = (*out)->highest = NAN;
    (*out)->temperature = 1;
    return CLM_OK;
}

clm_status model_of_architecture(const struct architecture *architecture, struct clm_model **out,
                                 struct clm_error *error)
{
    clm_status status = model_begin(architecture, 1, out, error);
    if (status != CLM_OK)
        return status;
    const size_t I = architecture->layers[0].inputs, T = clm_model_targets(*out);
    for (size_t i = 0; i < I; i++)
        (*out)->scale[i] = 1;
    if (!T)
        return CLM_OK;
    (*out)->target_mean = calloc(T, sizeof *(*out)->target_mean);
    (*out)->target_deviation = calloc(T, sizeof *(*out)->target_deviation);
    if (!(*out)->target_mean || !(*out)->target_deviation)
        return fail_memory(architecture, error);
    for (size_t t = 0; t < T; t++)
        (*out)->target_deviation[t] = 1;
    return CLM_OK;
}

/* Net number `index` of an ensemble, or 0. */
static clm_status make(const struct clm_model_options *options, const struct architecture *architecture,
                       size_t index, struct clm_model **out, struct clm_error *error)
{
    const clm_status status = model_begin(architecture, size_max(options->nets, 1), out, error);
    if (status != CLM_OK)
        return status;
    (*out)->seed = options->seed;
    for (size_t i = 0; i < options->sizes[0]; i++)
        (*out)->scale[i] = options->is_bytes ? BYTE_SCALE : 1;
    return initialise(*out, options->init, index, error);
}

/* The net, and after it the others of an ensemble, each with the next seed. */
static clm_status make_all(const struct clm_model_options *options, const struct architecture *architecture,
                           struct clm_model **out, struct clm_error *error)
{
    const size_t nets = size_max(options->nets, 1);
    struct clm_model_options one = *options;
    clm_status status = make(options, architecture, 0, out, error);
    for (size_t n = 1; status == CLM_OK && n < nets; n++) {
        struct clm_model *net = NULL;
        one.seed = options->seed + n;
        if ((status = make(&one, architecture, n, &net, error)) ||
            (status = clm_model_add_net(*out, net, error)))
            clm_model_free(net);
    }
    return status;
}

clm_status model_like(const struct clm_model *model, struct clm_model **out, struct clm_error *error)
{
    clm_status status;
    if ((status = model_create(&model->architecture, out, error)) || (status = fill(*out, error)))
        return status;
    (*out)->is_activation_known = model->is_activation_known;
    (*out)->temperature = 1;
    return clm_model_take_inputs(*out, model, error);
}

/* The net of widths, whose hidden layers are alike. */
static clm_status alike_layers(const struct clm_model_options *options, const struct layer_spec *hidden,
                               struct architecture *out, struct clm_error *error)
{
    clm_status status =
        architecture_create(options->sizes, options->size_count, hidden->activation, out, error);
    if (status != CLM_OK)
        return status;
    for (size_t l = 0; l + 1 < out->depth; l++) {
        out->layers[l].norm = hidden->norm;
        out->layers[l].drop = hidden->drop;
    }
    out->input_drop = options->input_dropout;
    return architecture_check(out, error);
}

static clm_status choose_architecture(const struct clm_model_options *options, struct architecture *out,
                                      struct clm_error *error)
{
    struct layer_spec hidden = {.drop = options->dropout};
    clm_status status;
    if ((status = activation_choose(options->activation, &hidden.activation, error)) ||
        (status = norm_choose(options->norm, &hidden.norm, error)))
        return status;
    if (!options->layers)
        return alike_layers(options, &hidden, out, error);
    if (options->size_count != 2)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "a net of %zu widths whose layers are given as a text: its widths are inputs and classes",
            options->size_count);
    return layers_text_read(options->layers, options->sizes[0], options->sizes[1], &hidden,
                            options->input_dropout, out, error);
}

/* The caller's loss, as the backends have it. */
static clm_status loss_choose(const struct clm_loss *from, struct loss *out, struct clm_error *error)
{
    *out = usual_loss(from->name ? loss_named(from->name) : LOSS_CROSS_ENTROPY);
    if (out->kind == LOSS_COUNT)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "loss", "there is no loss %.40s", from->name);
    out->smoothing = from->smoothing;
    out->gamma = from->gamma;
    out->delta = from->delta;
    out->quantile_count = size_min(from->quantile_count, QUANTILES_MOST);
    memcpy(out->quantiles, from->quantiles, out->quantile_count * sizeof *out->quantiles);
    return CLM_OK;
}

clm_status clm_model_create(const struct clm_model_options *options, struct clm_model **out,
                            struct clm_error *error)
{
    struct architecture architecture = {0};
    *out = NULL;
    clm_status status = choose_architecture(options, &architecture, error);
    if (status == CLM_OK && options->loss)
        status = loss_choose(options->loss, &architecture.loss, error);
    if (status == CLM_OK)
        status = architecture_check(&architecture, error);
    if (status == CLM_OK)
        status = make_all(options, &architecture, out, error);
    architecture_free(&architecture);
    if (status != CLM_OK) {
        clm_model_free(*out);
        *out = NULL;
    }
    return status;
}

/* Writes " (age, city and 3 more columns)", or nothing if the model knows no columns. */
static void list_columns(const struct clm_inputs *inputs, char *list, size_t size)
{
    enum { SHOWN = 8 };
    const size_t count = inputs ? inputs->column_count : 0, shown = size_min(count, SHOWN);
    size_t used = 0;
    *list = '\0';
    for (size_t i = 0; i < shown && used < size; i++) {
        char name[COLUMN_TEXT_SIZE];
        used +=
            (size_t)snprintf(list + used, size - used, "%s%s", i ? ", " : " (", column_text(inputs, i, name));
    }
    if (shown < count && used < size)
        used += (size_t)snprintf(list + used, size - used, " and %zu more columns", count - shown);
    if (count && used < size)
        snprintf(list + used, size - used, ")");
}

/* Fails unless model and data both have classes, or both as many targets. */
static clm_status check_targets(const struct clm_model *model, const struct clm_data *data,
                                struct clm_error *error)
{
    const struct loss *const loss = &model->architecture.loss;
    const bool has_values = loss_table[loss->kind].has_values;
    if (has_values == (data->target_count > 0) && clm_model_targets(model) == data->target_count)
        return CLM_OK;
    if (!has_values)
        return clm_fail_setting(
            error, CLM_ERROR_SHAPE, "loss",
            "%s has %zu target%s, but the model predicts classes by the loss %s; take a loss of numbers, such as squared",
            data->source, data->target_count, data->target_count == 1 ? "" : "s",
            loss_table[loss->kind].name);
    return clm_fail_setting(
        error, CLM_ERROR_SHAPE, "target",
        "the model predicts %zu targets by the loss %s, but %s has %zu; name the columns of the targets, or use the data it was made for",
        clm_model_targets(model), loss_table[loss->kind].name, data->source, data->target_count);
}

clm_status model_check_shape(const struct clm_model *model, const struct clm_data *data,
                             struct clm_error *error)
{
    const size_t I = clm_model_width(model, 0), C = classes_of(model);
    char columns[9 * COLUMN_TEXT_SIZE];
    const clm_status status = check_targets(model, data, error);
    if (status != CLM_OK || (I == data->features && (data->target_count || C == data->classes)))
        return status;
    list_columns(model->inputs, columns, sizeof columns);
    return clm_fail(
        error, CLM_ERROR_SHAPE,
        "the model takes %zu features%s to %zu %s, but %s has %zu features and %zu %s; use the data it was made for, or train a model for this",
        I, columns, data->target_count ? data->target_count : C, data->target_count ? "targets" : "classes",
        data->source, data->features, data->target_count ? data->target_count : data->classes,
        data->target_count ? "targets" : "classes");
}

/* Is x = raw * scale, for every feature? */
static bool only_scales(const struct clm_model *model, float scale)
{
    for (size_t i = 0; i < clm_model_width(model, 0); i++)
        if (model->mean[i] != 0 || model->scale[i] != scale)
            return false;
    return true;
}

bool clm_model_knows_inputs(const struct clm_model *model)
{
    return model->inputs || !only_scales(model, 1);
}

clm_status clm_model_take_inputs(struct clm_model *model, const struct clm_model *from,
                                 struct clm_error *error)
{
    const size_t I = clm_model_width(model, 0), its = clm_model_width(from, 0);
    if (I != its)
        return clm_fail(
            error, CLM_ERROR_SHAPE,
            "the model takes %zu features, and the one to go on from takes %zu; use the data that it was made for",
            I, its);
    memcpy(model->mean, from->mean, I * sizeof *model->mean);
    memcpy(model->scale, from->scale, I * sizeof *model->scale);
    model->lowest = from->lowest;
    model->highest = from->highest;
    inputs_free(model->inputs);
    model->inputs = inputs_share(from->inputs);
    return model_take_targets(model, from, error);
}

/* Whether a value is above 1. Data that is scaled to [0, 1] has none; bytes, and floats that were bytes, have
 * some. */
static bool has_large_value(const struct clm_data *data)
{
    for (int part = CLM_TRAIN; part <= CLM_TEST; part++) {
        const struct rows *const rows = data_part(data, (enum clm_part)part);
        for (size_t r = 0; r < rows->count; r++) {
            const void *const row = data_row(data, rows, r);
            for (size_t i = 0; i < data->features; i++)
                if (data->element == ELEMENT_BYTE ? ((const unsigned char *)row)[i] > 1
                                                  : ((const float *)row)[i] > 1)
                    return true;
        }
        data_forget(data, rows, 0, rows->count);
    }
    return false;
}

clm_status clm_check_fit(const struct clm_model *model, const struct clm_data *data, struct clm_error *error)
{
    const clm_status status = model_check_shape(model, data, error);
    if (status != CLM_OK)
        return status;
    if (model->inputs) {
        const clm_status same = inputs_compare(model->inputs, data->inputs, data->source, error);
        if (same != CLM_OK)
            return same;
    }
    if (data->element == ELEMENT_BYTE && only_scales(model, 1) && has_large_value(data))
        return clm_fail_setting(
            error, CLM_ERROR_SHAPE, "standardize",
            "the model takes its inputs as they are, but %s holds bytes, from 0 to 255; divide them by 255 and write them as floats, or train a model on bytes",
            data->source);
    if (data->element == ELEMENT_FLOAT && only_scales(model, BYTE_SCALE) && !has_large_value(data))
        return clm_fail_setting(
            error, CLM_ERROR_SHAPE, "standardize",
            "the model divides its inputs by 255, as bytes are, but %s holds floats, none of which is above 1; multiply them by 255, or train a model on floats",
            data->source);
    return CLM_OK;
}

/* ---- class names ---- */

/* Takes over `count` names; all or none. */
clm_status model_name_classes(struct clm_model *model, const char *const *names, struct clm_error *error)
{
    const size_t count = classes_of(model);
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

clm_status model_describe(struct clm_model *model, const struct clm_data *data, struct clm_error *error)
{
    const clm_status status = clm_check_fit(model, data, error);
    if (status != CLM_OK)
        return status;
    if (!model->inputs)
        model->inputs = inputs_share(data->inputs);
    if (data->target_count)
        return model_fit_targets(model, data, error);
    if (!data->class_names)
        return CLM_OK;
    return model_name_classes(model, (const char *const *)data->class_names, error);
}

/* ---- file: metadata ---- */

/* Adds the class names as the text of a JSON list; false if there is no memory. */
static bool add_class_names(const struct clm_model *model, json_t *metadata)
{
    json_t *const list = json_array();
    bool is_whole = list != NULL;
    for (size_t c = 0; is_whole && c < classes_of(model); c++) {
        char *const name = utf8_copy(model->class_names[c]);
        is_whole = json_array_append_new(list, name ? json_string(name) : NULL) == 0;
        free(name);
    }
    char *const text = is_whole ? json_dumps(list, JSON_COMPACT) : NULL;
    const bool is_added = text && json_object_set_new(metadata, "class_names", json_string(text)) == 0;
    free(text);
    json_decref(list);
    return is_added;
}

/* Adds what the inputs are, as the text of a JSON object; false if there is no memory. */
static bool add_inputs(const struct clm_model *model, json_t *metadata)
{
    char range[64];
    json_t *const inputs = model->inputs ? inputs_describe(model->inputs) : NULL;
    char *const text = inputs ? json_dumps(inputs, JSON_COMPACT) : NULL;
    bool is_added =
        !model->inputs || (text && json_object_set_new(metadata, "inputs", json_string(text)) == 0);
    snprintf(range, sizeof range, "%.9g,%.9g", model->lowest, model->highest);
    if (is_added && isfinite(model->lowest))
        is_added = json_object_set_new(metadata, "input_range", json_string(range)) == 0;
    free(text);
    json_decref(inputs);
    return is_added;
}

/* Adds the temperature, if there is one; false if there is no memory. */
static bool add_temperature(const struct clm_model *model, json_t *metadata)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", model->temperature);
    return model->temperature == 1 || json_object_set_new(metadata, "temperature", json_string(text)) == 0;
}

/* Adds how many nets there are, unless it is one; false if there is no memory. */
static bool add_nets(const struct clm_model *model, json_t *metadata)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", clm_model_nets(model));
    return !model->other_count || json_object_set_new(metadata, "nets", json_string(text)) == 0;
}

/* Adds how the targets are standardised; false if there is no memory. */
static bool model_add_targets(const struct clm_model *model, json_t *metadata)
{
    char *const text = model->target_mean ? targets_text(model) : NULL;
    const bool is_added = text && json_object_set_new(metadata, "targets", json_string(text)) == 0;
    free(text);
    return is_added || !model->target_mean;
}

/* Adds what intervals are made from, of a model that was calibrated for them; false if there is no memory. */
static bool add_intervals(const struct clm_model *model, json_t *metadata)
{
    const bool has_some = model->intervals.kind != INTERVAL_NONE;
    char *const text = has_some ? intervals_text(&model->intervals) : NULL;
    const bool is_added = text && json_object_set_new(metadata, "intervals", json_string(text)) == 0;
    free(text);
    return is_added || !has_some;
}

/* "layers" and "activation" are for other programs: this one reads "architecture". */
static clm_status make_metadata(const struct clm_model *model, json_t **out, struct clm_error *error)
{
    const struct architecture *const architecture = &model->architecture;
    char seed[32], *const text = architecture_text(architecture),
                          *const widths = architecture_widths_text(architecture, ',');
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)model->seed);
    *out = text && widths ? json_pack("{ss ss ss ss ss ss}", "program", "clmlp", "version", clm_version(),
                                      "architecture", text, "layers", widths, "activation",
                                      activations[architecture->layers[0].activation].name, "seed", seed)
                          : NULL;
    free(text);
    free(widths);
    if (*out && ((model->class_names && !add_class_names(model, *out)) || !add_inputs(model, *out) ||
                 !add_temperature(model, *out) || !add_nets(model, *out) || !model_add_targets(model, *out) ||
                 !add_intervals(model, *out))) {
        json_decref(*out);
        *out = NULL;
    }
    return *out ? CLM_OK : clm_fail_host_memory(error, "the model's metadata", 0);
}

/* Class names are worth having and no more: metadata without them, or with a list that does not fit, leaves
 * them out. */
static clm_status read_class_names(struct clm_model *model, const json_t *metadata, struct clm_error *error)
{
    const size_t count = classes_of(model);
    const char *const text = json_string_value(json_object_get(metadata, "class_names"));
    json_t *const list = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    clm_status status = CLM_OK;
    if (json_array_size(list) == count) {
        const char **const names = calloc(count, sizeof *names);
        size_t c = 0;
        while (names && c < count && (names[c] = json_string_value(json_array_get(list, c))))
            c++;
        if (!names)
            status = clm_fail_host_memory(error, "the names of the classes", count * sizeof *names);
        else if (c == count)
            status = model_name_classes(model, names, error);
        free(names);
    }
    json_decref(list);
    return status;
}

/* ---- file: writing ---- */

clm_status clm_model_save(const struct clm_model *model, const char *path, struct clm_error *error)
{
    const size_t count = model->tensor_count, all = count + nets_tensor_count(model);
    const clm_status given = check_given(path, "path for the model", error);
    if (given != CLM_OK)
        return given;
    struct safetensor *const tensors = calloc(all, sizeof *tensors);
    json_t *metadata = NULL;
    clm_status status = tensors ? make_metadata(model, &metadata, error)
                                : clm_fail_host_memory(error, "the model's file", all * sizeof *tensors);
    for (size_t t = 0; status == CLM_OK && t < count; t++) {
        struct parameter_spec *const spec = &model->specs[t];
        tensors[t] = (struct safetensor){.name = spec->name,
                                         .dimension_count = spec->columns ? 2 : 1,
                                         .shape = {spec->rows, spec->columns},
                                         .count = parameter_elements(spec),
                                         .values = model->values[t]};
    }
    if (status == CLM_OK && (status = nets_tensors(model, tensors + count, error)) == CLM_OK)
        status = safetensors_write(path, tensors, all, metadata, error);
    for (size_t t = count; tensors && t < all; t++)
        free(tensors[t].name);
    json_decref(metadata);
    free(tensors);
    return status;
}

/* ---- file: reading ---- */

static const char *metadata_of(const struct safetensors *file, const char *key)
{
    return json_string_value(json_object_get(file->metadata, key));
}

/* The normalisation of a layer, as its tensors say. */
static enum norm_kind norm_in(const struct safetensors *file, size_t layer)
{
    char name[PARAMETER_NAME_MAX];
    snprintf(name, sizeof name, "layers.%zu.norm.running_mean", layer);
    if (safetensors_find(file, name))
        return NORM_BATCH;
    snprintf(name, sizeof name, "layers.%zu.norm.weight", layer);
    return safetensors_find(file, name) ? NORM_LAYER : NORM_NONE;
}

/* What the weights' shapes say, with the activation of the metadata or else ReLU: files of older versions and
 * of other programs hold no architecture. */
static clm_status find_architecture(const struct safetensors *file, struct architecture *out,
                                    struct clm_error *error)
{
    const char *const name = metadata_of(file, "activation");
    enum activation activation = ACTIVATION_RELU;
    clm_status status = name ? activation_parse(name, &activation, error) : CLM_OK;
    if (status != CLM_OK)
        return status;
    out->layers = calloc(file->count + 1, sizeof *out->layers);
    if (!out->layers)
        return clm_fail_host_memory(error, "the model's layers", file->count * sizeof *out->layers);
    while (out->depth <= ARCHITECTURE_DEPTH_MAX) {
        char weight_name[PARAMETER_NAME_MAX];
        snprintf(weight_name, sizeof weight_name, "layers.%zu.weight", out->depth);
        const struct safetensor *const weight = safetensors_find(file, weight_name);
        if (!weight)
            break;
        if (weight->dimension_count != 2 || !weight->count)
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s has %zu dimensions and %zu elements; a weight is a matrix", weight_name,
                            weight->dimension_count, weight->count);
        out->layers[out->depth] = (struct layer_spec){.inputs = weight->shape[1],
                                                      .outputs = weight->shape[0],
                                                      .activation = activation,
                                                      .norm = norm_in(file, out->depth)};
        out->depth++;
    }
    if (!out->depth)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "there is no layers.0.weight in it, so it is no model of clmlp");
    out->layers[out->depth - 1].activation = ACTIVATION_NONE;
    return architecture_check(out, error);
}

static clm_status read_architecture(const struct safetensors *file, const char *path,
                                    struct architecture *out, struct clm_error *error)
{
    const char *const text = metadata_of(file, "architecture");
    struct clm_error inner;
    const clm_status status =
        text ? architecture_parse(text, out, &inner) : find_architecture(file, out, &inner);
    if (status == CLM_OK)
        return status;
    return clm_fail(error, status == CLM_ERROR_ARGUMENT ? CLM_ERROR_FORMAT : status, "%s: %s%s", path,
                    text ? "its architecture: " : "", inner.message);
}

/* The normalisation of inputs, or x = raw for a file that has none. */
static clm_status read_normalisation(struct clm_model *model, const struct safetensors *file,
                                     const char *path, struct clm_error *error)
{
    clm_status status = fill(model, error);
    for (size_t i = 0; status == CLM_OK && i < clm_model_width(model, 0); i++)
        model->scale[i] = 1;
    for (size_t t = model_net_tensors(model); status == CLM_OK && t < model->tensor_count; t++)
        if (safetensors_find(file, model->specs[t].name))
            status = parameter_take(&model->specs[t], file, path, &model->values[t], error);
    return status;
}

/* What the inputs are, if the file says it. */
static clm_status read_inputs(struct clm_model *model, const struct safetensors *file, const char *path,
                              struct clm_error *error)
{
    const char *const text = metadata_of(file, "inputs"), *const range = metadata_of(file, "input_range");
    json_t *json = NULL;
    struct clm_error inner;
    clm_status status = CLM_OK;
    if (!range || sscanf(range, "%lg,%lg", &model->lowest, &model->highest) != 2)
        model->lowest = model->highest = NAN;
    if (text)
        status = json_parse(NULL, "what it says of its inputs", text, strlen(text), &json, &inner);
    if (json)
        status = inputs_parse(json, &model->inputs, &inner);
    json_decref(json);
    if (status == CLM_OK && model->inputs && model->inputs->features != clm_model_width(model, 0))
        status =
            clm_fail(&inner, CLM_ERROR_FORMAT, "its inputs are %zu features, but its first layer takes %zu",
                     model->inputs->features, clm_model_width(model, 0));
    return status == CLM_OK ? CLM_OK : clm_fail(error, status, "%s: %s", path, inner.message);
}

/* 1 if the file names no temperature. */
static clm_status read_temperature(struct clm_model *model, const struct safetensors *file, const char *path,
                                   struct clm_error *error)
{
    const char *const text = metadata_of(file, "temperature");
    char *end = NULL;
    model->temperature = text ? strtod(text, &end) : 1;
    if (!text || (end != text && !*end && model->temperature > 0 && isfinite(model->temperature)))
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: its temperature is %.32s, but it must be a number above 0",
                    path, text);
}

/* How the targets are standardised, of a model that predicts some. */
static clm_status read_targets(struct clm_model *model, const struct safetensors *file, const char *path,
                               struct clm_error *error)
{
    const char *const text = metadata_of(file, "targets");
    struct clm_error inner;
    if (!clm_model_targets(model))
        return CLM_OK;
    if (model->inputs && model->inputs->target_count != clm_model_targets(model))
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: its inputs say that there are %zu targets, but its last layer is for %zu", path,
                        model->inputs->target_count, clm_model_targets(model));
    const clm_status status = targets_parse(text ? text : "[]", model, &inner);
    return status == CLM_OK ? CLM_OK : clm_fail(error, status, "%s: %s", path, inner.message);
}

/* What intervals are made from, of a model that has all its nets. */
static clm_status read_intervals(struct clm_model *model, const struct safetensors *file, const char *path,
                                 struct clm_error *error)
{
    const char *const text = metadata_of(file, "intervals");
    struct clm_error inner;
    const clm_status status = text ? intervals_parse(text, model, &inner) : CLM_OK;
    return status == CLM_OK ? CLM_OK : clm_fail(error, status, "%s: %s", path, inner.message);
}

static clm_status model_read(const struct safetensors *file, const char *path, struct clm_model **out,
                             struct clm_error *error)
{
    struct architecture architecture = {0};
    const char *const seed = metadata_of(file, "seed");
    clm_status status;
    if ((status = read_architecture(file, path, &architecture, error)) ||
        (status = model_create(&architecture, out, error)) ||
        (status = parameters_take(*out, file, path, error)) ||
        (status = read_normalisation(*out, file, path, error)))
        goto cleanup;
    (*out)->is_activation_known = metadata_of(file, "architecture") || metadata_of(file, "activation");
    (*out)->seed = seed ? strtoull(seed, NULL, 10) : 0;
    status = read_class_names(*out, file->metadata, error);
    if (status == CLM_OK)
        status = read_inputs(*out, file, path, error);
    if (status == CLM_OK)
        status = read_temperature(*out, file, path, error);
    if (status == CLM_OK)
        status = read_targets(*out, file, path, error);
cleanup:
    architecture_free(&architecture);
    return status;
}

clm_status clm_model_load(const char *path, struct clm_model **out, struct clm_error *error)
{
    struct safetensors file, first = {0};
    size_t nets;
    *out = NULL;
    clm_status status = check_given(path, "path of a model", error);
    if (status == CLM_OK)
        status = safetensors_read(path, &file, error);
    if (status != CLM_OK)
        return status;
    if ((status = nets_count(&file, path, &nets, error)) == CLM_OK &&
        (status = nets_view(&file, path, nets, 0, &first, error)) == CLM_OK &&
        (status = layers_name(&first, path, NULL, error)) == CLM_OK &&
        (status = model_read(&first, path, out, error)) == CLM_OK &&
        (status = nets_read(&file, path, nets, *out, error)) == CLM_OK)
        status = read_intervals(*out, &file, path, error);
    safetensors_free(&first);
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
    return model->architecture.depth;
}

size_t clm_model_width(const struct clm_model *model, size_t index)
{
    return architecture_width(&model->architecture, index);
}

const char *clm_model_activation(const struct clm_model *model, size_t layer)
{
    return model->is_activation_known ? activations[model->architecture.layers[layer].activation].name : NULL;
}

char *clm_model_layers(const struct clm_model *model)
{
    return layers_text_of(&model->architecture);
}

size_t clm_model_parameters(const struct clm_model *model)
{
    size_t count = 0;
    for (size_t p = 0; p < model->parameter_count; p++)
        count += parameter_elements(&model->specs[p]);
    return count;
}

const struct clm_inputs *clm_model_inputs(const struct clm_model *model)
{
    return model->inputs;
}

const char *clm_model_class_name(const struct clm_model *model, size_t index)
{
    return model->class_names ? model->class_names[index] : NULL;
}

double clm_model_temperature(const struct clm_model *model)
{
    return model->temperature;
}

const char *clm_model_intervals(const struct clm_model *model, size_t *rows)
{
    *rows = model->intervals.rows;
    return intervals_kind_name(model->intervals.kind);
}

clm_status clm_check_interval(const struct clm_model *model, double coverage, struct clm_error *error)
{
    return intervals_check(model, coverage, error);
}

struct clm_loss clm_model_loss(const struct clm_model *model)
{
    const struct loss *const loss = &model->architecture.loss;
    struct clm_loss out = {.name = loss_table[loss->kind].name,
                           .smoothing = loss->smoothing,
                           .gamma = loss->gamma,
                           .delta = loss->delta,
                           .quantile_count = loss->kind == LOSS_QUANTILE ? loss->quantile_count : 0};
    memcpy(out.quantiles, loss->quantiles, out.quantile_count * sizeof *out.quantiles);
    return out;
}

size_t clm_model_targets(const struct clm_model *model)
{
    const struct loss *const loss = &model->architecture.loss;
    return loss_table[loss->kind].has_values ? classes_of(model) / loss_quantiles(loss) : 0;
}

const char *clm_model_target_name(const struct clm_model *model, size_t target)
{
    return model->inputs && target < model->inputs->target_count ? model->inputs->target_names[target] : NULL;
}

bool clm_model_target_scale(const struct clm_model *model, size_t target, double *mean, double *deviation)
{
    if (!model->target_mean || target >= clm_model_targets(model))
        return false;
    *mean = model->target_mean[target];
    *deviation = model->target_deviation[target];
    return true;
}

bool clm_loss_has_targets(const char *name)
{
    const enum loss_kind kind = loss_named(name);
    return kind < LOSS_COUNT && loss_table[kind].has_values;
}

const float *clm_model_weight(const struct clm_model *model, size_t layer)
{
    return model_weight(model, layer);
}

const float *clm_model_bias(const struct clm_model *model, size_t layer)
{
    return model_bias(model, layer);
}

const float *clm_model_mean(const struct clm_model *model)
{
    return model->mean;
}

const float *clm_model_scale(const struct clm_model *model)
{
    return model->scale;
}
