#include "nn/architecture.h"

#include "base/json.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX   (ARCHITECTURE_DEPTH_MAX * 256) /* a layer's fields take about 100 bytes at most */
#define LIST_SIZE  256                            /* of names in a sentence */
#define SHOWN_SIZE 44                             /* of a word from outside in a sentence */

/* ---- memory ---- */

static clm_status allocate(size_t depth, struct architecture *out, struct clm_error *error)
{
    *out = (struct architecture){.layers = calloc(depth, sizeof *out->layers)};
    if (!out->layers)
        return clm_fail_host_memory(error, "the net's architecture", depth * sizeof *out->layers);
    out->depth = depth;
    return CLM_OK;
}

void architecture_free(struct architecture *net)
{
    free(net->layers);
    *net = (struct architecture){0};
}

clm_status architecture_copy(const struct architecture *net, struct architecture *out,
                             struct clm_error *error)
{
    const clm_status status = allocate(net->depth, out, error);
    if (status == CLM_OK)
        memcpy(out->layers, net->layers, net->depth * sizeof *net->layers);
    return status;
}

clm_status architecture_create(const size_t *widths, size_t count, enum activation hidden,
                               struct architecture *out, struct clm_error *error)
{
    *out = (struct architecture){0};
    if (!widths || count < 2)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "a net of %zu widths: it needs at least its inputs and its classes",
                        widths ? count : 0);
    clm_status status = allocate(count - 1, out, error);
    if (status != CLM_OK)
        return status;
    for (size_t l = 0; l < out->depth; l++)
        out->layers[l] =
            (struct layer_spec){widths[l], widths[l + 1], l + 1 < out->depth ? hidden : ACTIVATION_NONE};
    status = architecture_check(out, error);
    if (status != CLM_OK)
        architecture_free(out);
    return status;
}

/* ---- sense ---- */

bool architecture_bytes(const struct architecture *net, size_t *bytes)
{
    *bytes = 0;
    for (size_t l = 0; l < net->depth; l++) {
        size_t inputs, size; /* weights and the bias are I + 1 for each output */
        if (!size_add(net->layers[l].inputs, 1, &inputs) ||
            !size_mul(inputs, net->layers[l].outputs, &size) || !size_mul(size, sizeof(float), &size) ||
            !size_add(*bytes, size, bytes))
            return false;
    }
    return true;
}

clm_status architecture_check(const struct architecture *net, struct clm_error *error)
{
    size_t bytes;
    if (net->depth > ARCHITECTURE_DEPTH_MAX)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "a net of %zu layers: it has more than the %d layers that are understood", net->depth,
                        ARCHITECTURE_DEPTH_MAX);
    for (size_t l = 0; l <= net->depth; l++)
        if (!architecture_width(net, l))
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "width %zu of the net is 0; each layer needs at least one unit", l);
    for (size_t l = 1; l < net->depth; l++)
        if (net->layers[l].inputs != net->layers[l - 1].outputs)
            return clm_fail(error, CLM_ERROR_SHAPE,
                            "layer %zu takes %zu inputs, but the layer before it gives %zu", l,
                            net->layers[l].inputs, net->layers[l - 1].outputs);
    const enum activation last = net->layers[net->depth - 1].activation;
    if (last != ACTIVATION_NONE)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "layer %zu is the last one and has activation %s; its outputs are logits, so it has to be %s",
            net->depth - 1, activations[last].name, activations[ACTIVATION_NONE].name);
    return architecture_bytes(net, &bytes)
               ? CLM_OK
               : clm_fail(
                     error, CLM_ERROR_MEMORY,
                     "a net of %zu layers with %zu inputs: its parameters need more memory than this host has addresses for; make its layers narrower",
                     net->depth, net->layers[0].inputs);
}

bool architecture_is_equal(const struct architecture *a, const struct architecture *b)
{
    bool is_equal = a->depth == b->depth;
    for (size_t l = 0; is_equal && l < a->depth; l++)
        is_equal = a->layers[l].inputs == b->layers[l].inputs &&
                   a->layers[l].outputs == b->layers[l].outputs &&
                   a->layers[l].activation == b->layers[l].activation;
    return is_equal;
}

size_t *architecture_widths(const struct architecture *net)
{
    size_t *const widths = calloc(net->depth + 1, sizeof *widths);
    for (size_t l = 0; widths && l <= net->depth; l++)
        widths[l] = architecture_width(net, l);
    return widths;
}

char *architecture_widths_text(const struct architecture *net, char between)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    for (size_t l = 0; stream && l <= net->depth; l++)
        fprintf(stream, "%.*s%zu", l ? 1 : 0, &between, architecture_width(net, l));
    if (stream && fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- parameters ---- */

size_t architecture_parameter_count(const struct architecture *net)
{
    return LAYER_PARAMETERS * net->depth;
}

struct parameter_spec architecture_parameter(const struct architecture *net, size_t p)
{
    const size_t l = p / LAYER_PARAMETERS;
    const struct layer_spec *const layer = &net->layers[l];
    const bool is_weight = p % LAYER_PARAMETERS == 0;
    struct parameter_spec spec = {
        .layer = l, .rows = layer->outputs, .columns = is_weight ? layer->inputs : 0, .is_weight = is_weight};
    snprintf(spec.name, sizeof spec.name, "layers.%zu.%s", l, is_weight ? "weight" : "bias");
    return spec;
}

/* ---- JSON ---- */

char *architecture_text(const struct architecture *net)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fprintf(stream, "{\"layers\":[");
    for (size_t l = 0; l < net->depth; l++)
        fprintf(stream, "%s{\"inputs\":%zu,\"outputs\":%zu,\"activation\":\"%s\"}", l ? "," : "",
                net->layers[l].inputs, net->layers[l].outputs, activations[net->layers[l].activation].name);
    fprintf(stream, "]}");
    const bool is_whole = !ferror(stream);
    if (fclose(stream) == 0 && is_whole)
        return text;
    free(text);
    return NULL;
}

/* ACTIVATION_COUNT if there is none of that name. */
static enum activation activation_named(const char *name)
{
    int act = 0;
    while (act < ACTIVATION_COUNT && strcmp(activations[act].name, name) != 0)
        act++;
    return (enum activation)act;
}

static const char *list_activations(char list[LIST_SIZE])
{
    size_t used = 0;
    for (int act = 0; act < ACTIVATION_COUNT && used < LIST_SIZE; act++)
        used +=
            (size_t)snprintf(list + used, LIST_SIZE - used, "%s%s", act ? ", " : "", activations[act].name);
    return list;
}

clm_status activation_parse(const char *name, enum activation *out, struct clm_error *error)
{
    char known[LIST_SIZE], shown[SHOWN_SIZE];
    *out = activation_named(name);
    return *out < ACTIVATION_COUNT
               ? CLM_OK
               : clm_fail(error, CLM_ERROR_FORMAT,
                          "its activation is %s; this version knows %s: use the version that wrote it",
                          text_show(shown, sizeof shown, name, strlen(name)), list_activations(known));
}

clm_status activation_choose(const char *name, enum activation *out, struct clm_error *error)
{
    char known[LIST_SIZE], shown[SHOWN_SIZE];
    *out = name ? activation_named(name) : ACTIVATION_RELU;
    return *out < ACTIVATION_COUNT ? CLM_OK
                                   : clm_fail_setting(error, CLM_ERROR_ARGUMENT, "activation",
                                                      "there is no activation %s; name one of %s",
                                                      text_show(shown, sizeof shown, name, strlen(name)),
                                                      list_activations(known));
}

/* `problem` is jansson's: "Object item not found: inputs", "1 object item(s) left unpacked: norm". */
static clm_status fail_fields(const char *what, const char *problem, const char *known,
                              struct clm_error *error)
{
    char shown[JSON_ERROR_TEXT_LENGTH];
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: %s; this version reads %s: use the version that wrote it",
                    what, text_show(shown, sizeof shown, problem, strlen(problem)), known);
}

static clm_status read_layer(json_t *object, size_t l, struct layer_spec *layer, struct clm_error *error)
{
    char what[SHOWN_SIZE];
    const char *activation;
    json_int_t inputs, outputs;
    json_error_t problem;
    struct clm_error inner;
    snprintf(what, sizeof what, "layer %zu", l);
    if (json_unpack_ex(object, &problem, JSON_STRICT, "{sI sI ss}", "inputs", &inputs, "outputs", &outputs,
                       "activation", &activation))
        return fail_fields(what, problem.text, "inputs, outputs (integers) and activation (a name)", error);
    if (inputs < 1 || outputs < 1 || (uintmax_t)inputs > SIZE_MAX || (uintmax_t)outputs > SIZE_MAX)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: %jd inputs and %jd outputs; there has to be at least one of each", what,
                        (intmax_t)inputs, (intmax_t)outputs);
    layer->inputs = (size_t)inputs;
    layer->outputs = (size_t)outputs;
    const clm_status status = activation_parse(activation, &layer->activation, &inner);
    return status ? clm_fail(error, status, "%s: %s", what, inner.message) : CLM_OK;
}

static clm_status read_layers(json_t *root, struct architecture *out, struct clm_error *error)
{
    json_t *layers = NULL;
    json_error_t problem;
    if (json_unpack_ex(root, &problem, JSON_STRICT, "{so}", "layers", &layers))
        return fail_fields("the net", problem.text, "layers (a list)", error);
    const size_t depth = json_array_size(layers);
    if (!depth)
        return clm_fail(error, CLM_ERROR_FORMAT, "it has no list \"layers\" with a layer in it");
    clm_status status = allocate(depth, out, error);
    for (size_t l = 0; status == CLM_OK && l < depth; l++)
        status = read_layer(json_array_get(layers, l), l, &out->layers[l], error);
    return status ? status : architecture_check(out, error);
}

clm_status architecture_parse(const char *text, struct architecture *out, struct clm_error *error)
{
    json_t *root;
    *out = (struct architecture){0};
    if (strlen(text) > TEXT_MAX)
        return clm_fail(error, CLM_ERROR_FORMAT, "it has %zu bytes, more than the %d of the deepest net",
                        strlen(text), TEXT_MAX);
    clm_status status = json_parse(NULL, "it", text, strlen(text), &root, error);
    if (status == CLM_OK)
        status = read_layers(root, out, error);
    json_decref(root);
    if (status != CLM_OK)
        architecture_free(out);
    return status;
}
