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
    *out = (struct architecture){.layers = calloc(depth, sizeof *out->layers),
                                 .loss = usual_loss(LOSS_CROSS_ENTROPY)};
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
    if (status == CLM_OK) {
        memcpy(out->layers, net->layers, net->depth * sizeof *net->layers);
        out->loss = net->loss;
    }
    out->input_drop = net->input_drop;
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
        out->layers[l] = (struct layer_spec){.inputs = widths[l],
                                             .outputs = widths[l + 1],
                                             .activation = l + 1 < out->depth ? hidden : ACTIVATION_NONE};
    status = architecture_check(out, error);
    if (status != CLM_OK)
        architecture_free(out);
    return status;
}

/* ---- sense ---- */

static bool has_role(const struct layer_spec *layer, enum parameter_role role)
{
    if (role == ROLE_MEAN || role == ROLE_VARIANCE)
        return layer->norm == NORM_BATCH;
    return role == ROLE_WEIGHT || role == ROLE_BIAS || layer->norm != NORM_NONE;
}

/* Of parameters and statistics, beside the weight. */
static size_t vector_count(const struct layer_spec *layer)
{
    size_t count = 0;
    for (int role = ROLE_BIAS; role < ROLE_COUNT; role++)
        count += has_role(layer, (enum parameter_role)role);
    return count;
}

bool architecture_bytes(const struct architecture *net, size_t *bytes)
{
    *bytes = 0;
    for (size_t l = 0; l < net->depth; l++) {
        size_t inputs, size; /* weights are I for each output, and the vectors 1 each */
        if (!size_add(net->layers[l].inputs, vector_count(&net->layers[l]), &inputs) ||
            !size_mul(inputs, net->layers[l].outputs, &size) || !size_mul(size, sizeof(float), &size) ||
            !size_add(*bytes, size, bytes))
            return false;
    }
    return true;
}

static clm_status check_last(const struct architecture *net, struct clm_error *error)
{
    const struct layer_spec *const last = &net->layers[net->depth - 1];
    if (last->activation != ACTIVATION_NONE)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "layer %zu is the last one and has activation %s; its outputs are logits, so it has to be %s",
            net->depth - 1, activations[last->activation].name, activations[ACTIVATION_NONE].name);
    if (!layer_is_plain(last))
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "layer %zu is the last one and has %s; its outputs are logits, so it has to be without",
            net->depth - 1,
            last->norm   ? "a norm"
            : last->skip ? "a skip"
                         : "a drop");
    if (last->outputs % loss_quantiles(&net->loss))
        return clm_fail(error, CLM_ERROR_SHAPE, "%zu outputs are not %zu quantiles of each target",
                        last->outputs, loss_quantiles(&net->loss));
    return CLM_OK;
}

static bool is_share(double value)
{
    return value >= 0 && value < 1;
}

/* Shares, and widths of layers with skip. */
static clm_status check_extras(const struct architecture *net, struct clm_error *error)
{
    if (!is_share(net->input_drop))
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "the share of inputs to drop is %g; it has to be from 0 to below 1", net->input_drop);
    for (size_t l = 0; l < net->depth; l++) {
        const struct layer_spec *const layer = &net->layers[l];
        if (!is_share(layer->drop))
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "layer %zu drops a share of %g; it has to be from 0 to below 1", l, layer->drop);
        if (layer->skip && layer->inputs != layer->outputs)
            return clm_fail(
                error, CLM_ERROR_SHAPE,
                "layer %zu adds its inputs to its outputs (skip), but has %zu inputs and %zu outputs; give it the width of what it takes",
                l, layer->inputs, layer->outputs);
    }
    return CLM_OK;
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
    clm_status status = check_last(net, error);
    if (status == CLM_OK)
        status = check_extras(net, error);
    if (status != CLM_OK)
        return status;
    return architecture_bytes(net, &bytes)
               ? CLM_OK
               : clm_fail(
                     error, CLM_ERROR_MEMORY,
                     "a net of %zu layers with %zu inputs: its parameters need more memory than this host has addresses for; make its layers narrower",
                     net->depth, net->layers[0].inputs);
}

static bool layer_is_equal(const struct layer_spec *a, const struct layer_spec *b)
{
    return a->inputs == b->inputs && a->outputs == b->outputs && a->activation == b->activation &&
           a->norm == b->norm && a->drop == b->drop && a->skip == b->skip;
}

/* Whether outputs mean the same. */
static bool is_same_loss(const struct loss *a, const struct loss *b)
{
    bool is_same = a->kind == b->kind && (a->kind != LOSS_FOCAL || a->gamma == b->gamma) &&
                   (a->kind != LOSS_HUBER || a->delta == b->delta) && loss_quantiles(a) == loss_quantiles(b);
    for (size_t q = 0; is_same && a->kind == LOSS_QUANTILE && q < a->quantile_count; q++)
        is_same = a->quantiles[q] == b->quantiles[q];
    return is_same;
}

bool architecture_is_equal(const struct architecture *a, const struct architecture *b)
{
    bool is_equal =
        a->depth == b->depth && a->input_drop == b->input_drop && is_same_loss(&a->loss, &b->loss);
    for (size_t l = 0; is_equal && l < a->depth; l++)
        is_equal = layer_is_equal(&a->layers[l], &b->layers[l]);
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
    return text_close(stream, &text) ? text : NULL;
}

/* ---- parameters ---- */

/* The roles of a list: parameters, or running statistics. */
struct roles {
    enum parameter_role first, end;
};

static const struct roles of_parameters = {ROLE_WEIGHT, ROLE_MEAN}, of_statistics = {ROLE_MEAN, ROLE_COUNT};

/* Of the first `depth` layers. */
static size_t count_tensors(const struct architecture *net, size_t depth, struct roles roles)
{
    size_t count = 0;
    for (size_t l = 0; l < depth; l++)
        for (int role = roles.first; role < (int)roles.end; role++)
            count += has_role(&net->layers[l], (enum parameter_role)role);
    return count;
}

static struct parameter_spec describe_tensor(const struct architecture *net, size_t l,
                                             enum parameter_role role)
{
    static const char *const names[ROLE_COUNT] = {
        [ROLE_WEIGHT] = "weight",          [ROLE_BIAS] = "bias",
        [ROLE_SCALE] = "norm.weight",      [ROLE_SHIFT] = "norm.bias",
        [ROLE_MEAN] = "norm.running_mean", [ROLE_VARIANCE] = "norm.running_var"};
    const bool is_weight = role == ROLE_WEIGHT;
    struct parameter_spec spec = {.layer = l,
                                  .rows = net->layers[l].outputs,
                                  .columns = is_weight ? net->layers[l].inputs : 0,
                                  .is_weight = is_weight,
                                  .role = role};
    snprintf(spec.name, sizeof spec.name, "layers.%zu.%s", l, names[role]);
    return spec;
}

/* Number `n` of the list, which has so many. */
static struct parameter_spec find_tensor(const struct architecture *net, size_t n, struct roles roles)
{
    for (size_t l = 0; l < net->depth; l++)
        for (int role = roles.first; role < (int)roles.end; role++)
            if (has_role(&net->layers[l], (enum parameter_role)role) && !n--)
                return describe_tensor(net, l, (enum parameter_role)role);
    return (struct parameter_spec){.rows = 0};
}

size_t architecture_parameter_count(const struct architecture *net)
{
    return count_tensors(net, net->depth, of_parameters);
}

struct parameter_spec architecture_parameter(const struct architecture *net, size_t p)
{
    return find_tensor(net, p, of_parameters);
}

size_t architecture_first_parameter(const struct architecture *net, size_t layer)
{
    return count_tensors(net, layer, of_parameters);
}

size_t architecture_statistic_count(const struct architecture *net)
{
    return count_tensors(net, net->depth, of_statistics);
}

struct parameter_spec architecture_statistic(const struct architecture *net, size_t s)
{
    return find_tensor(net, s, of_statistics);
}

/* ---- JSON ---- */

/* A field with a short number that is read as this one again; nothing if it is 0. */
static void write_share(FILE *stream, const char *name, double share)
{
    char text[32];
    if (share == 0)
        return;
    fprintf(stream, ",\"%s\":%s", name, text_of_number(text, sizeof text, share));
}

static void write_layer(FILE *stream, const struct layer_spec *layer)
{
    fprintf(stream, "{\"inputs\":%zu,\"outputs\":%zu,\"activation\":\"%s\"", layer->inputs, layer->outputs,
            activations[layer->activation].name);
    if (layer->norm != NORM_NONE)
        fprintf(stream, ",\"norm\":\"%s\"", norms[layer->norm].name);
    write_share(stream, "drop", layer->drop);
    fprintf(stream, "%s}", layer->skip ? ",\"skip\":true" : "");
}

/* Writes what the outputs mean; nothing for cross-entropy. */
static void print_loss_fields(FILE *stream, const struct loss *loss)
{
    if (loss->kind == LOSS_CROSS_ENTROPY)
        return;
    fprintf(stream, ",\"loss\":\"%s\"", loss_table[loss->kind].name);
    if (loss->kind == LOSS_FOCAL)
        fprintf(stream, ",\"gamma\":%.17g", loss->gamma);
    if (loss->kind == LOSS_HUBER)
        fprintf(stream, ",\"delta\":%.17g", loss->delta);
    for (size_t q = 0; loss->kind == LOSS_QUANTILE && q < loss->quantile_count; q++)
        fprintf(stream, "%s%.17g", q ? "," : ",\"quantiles\":[", loss->quantiles[q]);
    if (loss->kind == LOSS_QUANTILE)
        fprintf(stream, "]");
}

char *architecture_text(const struct architecture *net)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fprintf(stream, "{\"layers\":[");
    for (size_t l = 0; l < net->depth; l++) {
        fputs(l ? "," : "", stream);
        write_layer(stream, &net->layers[l]);
    }
    fputc(']', stream);
    write_share(stream, "input_drop", net->input_drop);
    print_loss_fields(stream, &net->loss);
    fputc('}', stream);
    return text_close(stream, &text) ? text : NULL;
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

/* NORM_COUNT if there is none of that name. */
static enum norm_kind norm_named(const char *name)
{
    int norm = 0;
    while (norm < NORM_COUNT && strcmp(norms[norm].name, name) != 0)
        norm++;
    return (enum norm_kind)norm;
}

clm_status norm_choose(const char *name, enum norm_kind *out, struct clm_error *error)
{
    char shown[SHOWN_SIZE];
    *out = name ? norm_named(name) : NORM_NONE;
    return *out < NORM_COUNT
               ? CLM_OK
               : clm_fail_setting(error, CLM_ERROR_ARGUMENT, "norm",
                                  "there is no normalisation %s; name one of none, batch and layer",
                                  text_show(shown, sizeof shown, name, strlen(name)));
}

/* `problem` is jansson's: "Object item not found: inputs", "1 object item(s) left unpacked: norm". */
static clm_status fail_fields(const char *what, const char *problem, const char *known,
                              struct clm_error *error)
{
    char shown[JSON_ERROR_TEXT_LENGTH];
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: %s; this version reads %s: use the version that wrote it",
                    what, text_show(shown, sizeof shown, problem, strlen(problem)), known);
}

static clm_status norm_parse(const char *name, enum norm_kind *out, struct clm_error *error)
{
    char shown[SHOWN_SIZE];
    *out = norm_named(name);
    return *out < NORM_COUNT
               ? CLM_OK
               : clm_fail(
                     error, CLM_ERROR_FORMAT,
                     "its norm is %s; this version knows none, batch and layer: use the version that wrote it",
                     text_show(shown, sizeof shown, name, strlen(name)));
}

static clm_status read_layer(json_t *object, size_t l, struct layer_spec *layer, struct clm_error *error)
{
    char what[SHOWN_SIZE];
    const char *activation, *norm = "none";
    int skip = 0;
    json_int_t inputs, outputs;
    json_error_t problem;
    struct clm_error inner;
    snprintf(what, sizeof what, "layer %zu", l);
    if (json_unpack_ex(object, &problem, JSON_STRICT, "{sI sI ss s?s s?F s?b}", "inputs", &inputs, "outputs",
                       &outputs, "activation", &activation, "norm", &norm, "drop", &layer->drop, "skip",
                       &skip))
        return fail_fields(
            what, problem.text,
            "inputs, outputs (integers), activation, norm (names), drop (a number) and skip (true or false)",
            error);
    if (inputs < 1 || outputs < 1 || (uintmax_t)inputs > SIZE_MAX || (uintmax_t)outputs > SIZE_MAX)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: %jd inputs and %jd outputs; there has to be at least one of each", what,
                        (intmax_t)inputs, (intmax_t)outputs);
    layer->inputs = (size_t)inputs;
    layer->outputs = (size_t)outputs;
    layer->skip = skip;
    clm_status status = activation_parse(activation, &layer->activation, &inner);
    if (status == CLM_OK)
        status = norm_parse(norm, &layer->norm, &inner);
    return status ? clm_fail(error, status, "%s: %s", what, inner.message) : CLM_OK;
}

static clm_status take_quantiles(const json_t *list, struct loss *loss, struct clm_error *error)
{
    loss->quantile_count = json_array_size(list);
    bool is_right = loss->quantile_count && loss->quantile_count <= QUANTILES_MOST;
    for (size_t q = 0; is_right && q < loss->quantile_count; q++) {
        loss->quantiles[q] = json_number_value(json_array_get(list, q));
        is_right = loss->quantiles[q] > 0 && loss->quantiles[q] < 1;
    }
    return is_right ? CLM_OK
                    : clm_fail(error, CLM_ERROR_FORMAT,
                               "the loss: its quantiles are no list of 1 to %d numbers between 0 and 1",
                               QUANTILES_MOST);
}

/* The loss, or cross-entropy if `name` is NULL. */
static clm_status read_loss(const char *name, const json_t *quantiles, struct loss *loss,
                            struct clm_error *error)
{
    char shown[SHOWN_SIZE];
    if (!name)
        return CLM_OK;
    loss->kind = loss_named(name);
    if (loss->kind == LOSS_COUNT)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "its loss is %s, which this version does not know: use the version that wrote it",
                        text_show(shown, sizeof shown, name, strlen(name)));
    if (!(loss->gamma >= 0) || !(loss->delta > 0))
        return clm_fail(error, CLM_ERROR_FORMAT, "the loss: gamma %g and delta %g are out of their ranges",
                        loss->gamma, loss->delta);
    return loss->kind == LOSS_QUANTILE ? take_quantiles(quantiles, loss, error) : CLM_OK;
}

static clm_status read_layers(json_t *root, struct architecture *out, struct clm_error *error)
{
    json_t *layers = NULL, *quantiles = NULL;
    json_error_t problem;
    double input_drop = 0;
    const char *name = NULL;
    struct loss loss = usual_loss(LOSS_CROSS_ENTROPY);
    if (json_unpack_ex(root, &problem, JSON_STRICT, "{so s?F s?s s?F s?F s?o}", "layers", &layers,
                       "input_drop", &input_drop, "loss", &name, "gamma", &loss.gamma, "delta", &loss.delta,
                       "quantiles", &quantiles))
        return fail_fields("the net", problem.text,
                           "layers (a list), input_drop (a number), and loss with gamma, delta or quantiles",
                           error);
    const size_t depth = json_array_size(layers);
    if (!depth)
        return clm_fail(error, CLM_ERROR_FORMAT, "it has no list \"layers\" with a layer in it");
    clm_status status = allocate(depth, out, error);
    for (size_t l = 0; status == CLM_OK && l < depth; l++)
        status = read_layer(json_array_get(layers, l), l, &out->layers[l], error);
    out->input_drop = input_drop;
    if (status == CLM_OK)
        status = read_loss(name, quantiles, &loss, error);
    out->loss = loss;
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
