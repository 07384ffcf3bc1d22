#include "export/portable.h"

#include "base/text.h"
#include "nn/fold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clm_status portable_fail_memory(const struct portable *net, struct clm_error *error)
{
    return clm_fail_host_memory(error, "the model in another format",
                                clm_model_parameters(net->model) * sizeof(float));
}

static float *copy_floats(const float *from, size_t count)
{
    float *const copy = malloc(count * sizeof *copy);
    if (copy)
        memcpy(copy, from, count * sizeof *copy);
    return copy;
}

/* Layer l with its batch normalisation in its weights; the temperature is for the last one. */
static bool portable_take_layer(struct portable *net, size_t l)
{
    const struct clm_model *const model = net->model;
    const struct layer_spec *const spec = &model->architecture.layers[l];
    const size_t count = spec->inputs * spec->outputs;
    struct portable_layer *const layer = &net->layers[l];
    *layer = (struct portable_layer){.inputs = spec->inputs,
                                     .outputs = spec->outputs,
                                     .activation = spec->activation,
                                     .skip = spec->skip,
                                     .W = copy_floats(model_weight(model, l), count),
                                     .b = copy_floats(model_bias(model, l), spec->outputs)};
    if (!layer->W || !layer->b)
        return false;
    if (spec->norm == NORM_BATCH)
        fold_layer(model, l, layer->W, layer->b);
    if (spec->norm == NORM_LAYER) {
        layer->scale = model_values(model, l, ROLE_SCALE);
        layer->shift = model_values(model, l, ROLE_SHIFT);
    }
    for (size_t i = 0; l + 1 == net->depth && model->temperature != 1 && i < count; i++)
        layer->W[i] = (float)((double)layer->W[i] / model->temperature);
    for (size_t o = 0; l + 1 == net->depth && model->temperature != 1 && o < spec->outputs; o++)
        layer->b[o] = (float)((double)layer->b[o] / model->temperature);
    return true;
}

/* How outputs become predictions. */
static bool take_end(struct portable *net)
{
    const struct clm_model *const model = net->model;
    const struct loss *const loss = &model->architecture.loss;
    const size_t Q = net->quantiles = loss_quantiles(loss);
    net->end = loss->kind == LOSS_BINARY              ? PORTABLE_SIGMOID
               : loss_table[loss->kind].is_regression ? PORTABLE_UNITS
                                                      : PORTABLE_SOFTMAX;
    for (size_t q = 0; q < Q; q++)
        for (size_t other = 0; other < Q; other++)
            net->places[q] += loss->quantiles[other] < loss->quantiles[q] ||
                              (other < q && loss->quantiles[other] == loss->quantiles[q]);
    if (net->end != PORTABLE_UNITS)
        return true;
    net->target_mean = calloc(net->outputs, sizeof *net->target_mean);
    net->target_deviation = calloc(net->outputs, sizeof *net->target_deviation);
    for (size_t c = 0; net->target_mean && net->target_deviation && c < net->outputs; c++) {
        net->target_mean[c] = model->target_mean ? (float)model->target_mean[c / Q] : 0;
        net->target_deviation[c] = model->target_deviation ? (float)model->target_deviation[c / Q] : 1;
    }
    return net->target_mean && net->target_deviation;
}

/* Counts what the inputs need. */
static void take_inputs(struct portable *net)
{
    const struct clm_model *const model = net->model;
    const struct clm_inputs *const inputs = model->inputs;
    net->has_offsets = inputs && first_with_offset(inputs) < inputs->features;
    net->columns = inputs ? inputs->column_count : 0;
    for (size_t i = 0; i < net->columns; i++) {
        net->categories += inputs->columns[i].kind == CLM_COLUMN_CATEGORY;
        net->indicators += inputs->columns[i].has_indicator;
    }
    for (size_t i = 0; i < net->features; i++)
        net->is_scaled = net->is_scaled || model->mean[i] != 0 || model->scale[i] != 1;
}

/* Folding may leave float32. */
static clm_status check_finite(const struct portable *net, struct clm_error *error)
{
    for (size_t l = 0; l < net->depth; l++) {
        const struct portable_layer *const layer = &net->layers[l];
        bool is_finite = true;
        for (size_t i = 0; i < layer->inputs * layer->outputs; i++)
            is_finite = is_finite && isfinite(layer->W[i]);
        for (size_t o = 0; o < layer->outputs; o++)
            is_finite = is_finite && isfinite(layer->b[o]);
        if (!is_finite)
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "layer %zu (counted from 0): its weights with the batch normalisation are too large for float32; train the model again",
                l);
    }
    return CLM_OK;
}

clm_status portable_create(const struct clm_model *model, struct portable *out, struct clm_error *error)
{
    *out = (struct portable){.model = model,
                             .features = clm_model_width(model, 0),
                             .outputs = clm_model_width(model, clm_model_depth(model)),
                             .depth = clm_model_depth(model)};
    if (clm_model_nets(model) > 1)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "the model is an ensemble of %zu nets, and only single nets are exported; train one net",
            clm_model_nets(model));
    out->layers = calloc(out->depth, sizeof *out->layers);
    bool is_whole = out->layers != NULL;
    for (size_t l = 0; is_whole && l < out->depth; l++)
        is_whole = portable_take_layer(out, l);
    if (!is_whole || !take_end(out))
        return portable_fail_memory(out, error);
    take_inputs(out);
    return check_finite(out, error);
}

void portable_free(struct portable *net)
{
    for (size_t l = 0; net->layers && l < net->depth; l++) {
        free(net->layers[l].W);
        free(net->layers[l].b);
    }
    free(net->layers);
    free(net->target_mean);
    free(net->target_deviation);
    *net = (struct portable){0};
}

/* ---- described ---- */

char *portable_output_name(const struct portable *net, size_t c)
{
    const struct clm_model *const model = net->model;
    const struct loss *const loss = &model->architecture.loss;
    const char *const name = net->end == PORTABLE_SOFTMAX ? clm_model_class_name(model, c)
                                                          : clm_model_target_name(model, c / net->quantiles);
    char number[32], *whole;
    snprintf(number, sizeof number, "%zu", c / net->quantiles);
    const int length = loss->kind == LOSS_QUANTILE ? asprintf(&whole, "%s q%g", name ? name : number,
                                                              loss->quantiles[c % net->quantiles])
                                                   : asprintf(&whole, "%s", name ? name : number);
    return length < 0 ? NULL : whole;
}

static json_t *utf8_json(char *text)
{
    char *const copy = text ? utf8_copy(text) : NULL;
    json_t *const json = copy ? json_string(copy) : NULL;
    free(copy);
    free(text);
    return json;
}

static json_t *describe_layers(const struct portable *net)
{
    json_t *const list = json_array();
    bool is_whole = list != NULL;
    for (size_t l = 0; is_whole && l < net->depth; l++) {
        const struct portable_layer *const layer = &net->layers[l];
        json_t *const json =
            json_pack("{sI sI ss sb sb}", "inputs", (json_int_t)layer->inputs, "outputs",
                      (json_int_t)layer->outputs, "activation", activations[layer->activation].name,
                      "layer_norm", layer->scale != NULL, "skip", layer->skip);
        is_whole = json_array_append_new(list, json) == 0;
    }
    if (is_whole)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *portable_describe(const struct portable *net)
{
    static const char *const ends[] = {"softmax", "sigmoid", "units"};
    char *const architecture = architecture_text(&net->model->architecture);
    json_t *const json =
        json_pack("{ss ss ss ss so so}", "program", "clmlp", "version", clm_version(), "end", ends[net->end],
                  "architecture", architecture, "layers", describe_layers(net), "outputs", json_array());
    free(architecture);
    json_t *const names = json_object_get(json, "outputs");
    bool is_whole = json != NULL;
    for (size_t c = 0; is_whole && c < net->outputs; c++)
        is_whole = json_array_append_new(names, utf8_json(portable_output_name(net, c))) == 0;
    if (is_whole && net->model->inputs)
        is_whole = json_object_set_new(json, "inputs", inputs_describe(net->model->inputs)) == 0;
    if (is_whole)
        return json;
    json_decref(json);
    return NULL;
}

char *portable_text(const struct portable *net)
{
    json_t *const about = portable_describe(net);
    char *text = about ? json_dumps(about, JSON_COMPACT) : NULL;
    /* jansson may leave out a part if memory runs out, without an error */
    json_t *const again = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!json_equal(about, again)) {
        free(text);
        text = NULL;
    }
    json_decref(about);
    json_decref(again);
    return text;
}
