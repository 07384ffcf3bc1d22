#include "export/import.h"

#include "base/file.h"
#include "base/size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT_BYTES_MOST ((size_t)1 << 36)

void import_free(struct import_net *net)
{
    for (size_t l = 0; l < net->depth; l++)
        for (int role = 0; role < ROLE_COUNT; role++)
            free(net->layers[l].of[role]);
    free(net->layers);
    free(net->mean);
    free(net->scale);
    json_decref(net->about);
    *net = (struct import_net){0};
}

struct import_layer *import_add(struct import_net *net)
{
    if (net->depth == net->capacity) {
        if (!array_resize(&net->layers, 2 * net->capacity + 4, sizeof *net->layers))
            return NULL;
        net->capacity = 2 * net->capacity + 4;
    }
    net->layers[net->depth] = (struct import_layer){.spec = {.activation = ACTIVATION_NONE}};
    return &net->layers[net->depth++];
}

float *import_copy(const float *values, size_t count)
{
    float *const copy = malloc(count * sizeof *copy + 1);
    if (copy && count)
        memcpy(copy, values, count * sizeof *copy);
    return copy;
}

clm_status import_normalise(struct import_net *net, const float *mean, const float *variance, double epsilon,
                            const float *scale, const float *shift, size_t count, struct clm_error *error)
{
    const bool is_first = !net->mean;
    if (!is_first && net->inputs != count)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its inputs are changed by %zu numbers and then by %zu; it is no multi-layer perceptron",
            net->path, net->inputs, count);
    if (is_first) {
        net->inputs = count;
        net->mean = calloc(count, sizeof *net->mean);
        net->scale = calloc(count, sizeof *net->scale);
    }
    if (!net->mean || !net->scale)
        return clm_fail_host_memory(error, net->path, count * sizeof *net->mean);
    for (size_t i = 0; i < count; i++) {
        /* x = (raw - m) s, and then (x - mean) factor + moved
         *   = (raw - m - (mean - moved / factor) / s) s factor */
        const double factor = (scale ? (double)scale[i] : 1) / sqrt((double)variance[i] + epsilon),
                     s = is_first ? 1 : (double)net->scale[i], m = is_first ? 0 : (double)net->mean[i],
                     moved = shift ? (double)shift[i] : 0;
        if ((factor == 0 || s == 0) && (moved != 0 || (s == 0 && mean[i] != 0)))
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: input %zu (counted from 0) becomes a number that does not depend on it",
                            net->path, i);
        net->mean[i] = (float)(s == 0 || factor == 0 ? m : m + ((double)mean[i] - moved / factor) / s);
        net->scale[i] = (float)(s * factor);
    }
    return CLM_OK;
}

/* ---- a model of the layers ---- */

static clm_status import_architecture(struct import_net *net, const struct clm_import_options *options,
                                      struct architecture *out, struct clm_error *error)
{
    enum activation activation;
    clm_status status = activation_choose(options->activation, &activation, error);
    if (status != CLM_OK)
        return status;
    *out = (struct architecture){.depth = net->depth, .loss = net->loss};
    out->layers = calloc(net->depth, sizeof *out->layers);
    if (!out->layers)
        return clm_fail_host_memory(error, net->path, net->depth * sizeof *out->layers);
    for (size_t l = 0; l < net->depth; l++) {
        struct layer_spec *const spec = &net->layers[l].spec;
        if (!net->knows_activations && l + 1 < net->depth)
            spec->activation = activation;
        spec->norm = net->layers[l].of[ROLE_MEAN]    ? NORM_BATCH
                     : net->layers[l].of[ROLE_SCALE] ? NORM_LAYER
                                                     : NORM_NONE;
        out->layers[l] = *spec;
    }
    struct clm_error inner;
    status = architecture_check(out, &inner);
    if (status == CLM_OK && net->mean && net->inputs != out->layers[0].inputs)
        status =
            clm_fail(&inner, CLM_ERROR_FORMAT, "%zu inputs are standardised, but its first layer takes %zu",
                     net->inputs, out->layers[0].inputs);
    return status == CLM_OK ? CLM_OK
                            : clm_fail(error, status == CLM_ERROR_ARGUMENT ? CLM_ERROR_FORMAT : status,
                                       "%s: %s", net->path, inner.message);
}

/* Copies the tensors; parameters have to be finite. */
static clm_status import_values(const struct import_net *net, struct clm_model *model,
                                struct clm_error *error)
{
    for (size_t t = 0; t < model_net_tensors(model); t++) {
        const struct parameter_spec *const spec = &model->specs[t];
        const float *const from = net->layers[spec->layer].of[spec->role];
        for (size_t i = 0; from && i < parameter_elements(spec); i++)
            if (!isfinite(from[i]))
                return clm_fail(error, CLM_ERROR_FORMAT,
                                "%s: %s has a %g at element %zu; parameters have to be finite", net->path,
                                spec->name, (double)from[i], i);
        if (from)
            memcpy(model->values[t], from, parameter_elements(spec) * sizeof *from);
    }
    for (size_t i = 0; net->mean && i < clm_model_width(model, 0); i++) {
        if (!isfinite(net->mean[i]) || !isfinite(net->scale[i]))
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: what is done to input %zu (counted from 0) leaves the range of float32",
                            net->path, i);
        model->mean[i] = net->mean[i];
        model->scale[i] = net->scale[i];
    }
    return CLM_OK;
}

/* Inputs and names of classes from what an exported file says of itself. */
static clm_status import_about(const struct import_net *net, struct clm_model *model, struct clm_error *error)
{
    const size_t outputs = clm_model_width(model, clm_model_depth(model));
    const json_t *const inputs = json_object_get(net->about, "inputs"), *const names = json_object_get(
                                                                            net->about, "outputs");
    struct clm_error inner;
    clm_status status = CLM_OK;
    if (inputs)
        status = inputs_parse(inputs, &model->inputs, &inner);
    if (status == CLM_OK && model->inputs && model->inputs->features != clm_model_width(model, 0))
        status =
            clm_fail(&inner, CLM_ERROR_FORMAT, "its inputs are %zu features, but its first layer takes %zu",
                     model->inputs->features, clm_model_width(model, 0));
    if (status == CLM_OK && clm_model_targets(model) && model->inputs &&
        model->inputs->target_count != clm_model_targets(model))
        status =
            clm_fail(&inner, CLM_ERROR_FORMAT, "its inputs name another number of targets than it predicts");
    if (status != CLM_OK)
        return clm_fail(error, status, "%s: %s", net->path, inner.message);
    if (clm_model_targets(model) || json_array_size(names) != outputs)
        return CLM_OK;
    const char **const texts = calloc(outputs, sizeof *texts);
    size_t c = 0;
    while (texts && c < outputs && (texts[c] = json_string_value(json_array_get(names, c))))
        c++;
    if (!texts)
        status = clm_fail_host_memory(error, net->path, outputs * sizeof *texts);
    else if (c == outputs)
        status = model_name_classes(model, texts, error);
    free(texts);
    return status;
}

/* The loss of an exported file. */
static clm_status import_take_loss(struct import_net *net, struct clm_error *error)
{
    const char *const text = json_string_value(json_object_get(net->about, "architecture"));
    struct architecture architecture = {0};
    struct clm_error inner;
    const clm_status status = text ? architecture_parse(text, &architecture, &inner) : CLM_OK;
    if (text && status == CLM_OK)
        net->loss = architecture.loss;
    architecture_free(&architecture);
    return status == CLM_OK ? CLM_OK
                            : clm_fail(error, status, "%s: its architecture: %s", net->path, inner.message);
}

static clm_status import_model(struct import_net *net, const struct clm_import_options *options,
                               struct clm_model **out, struct clm_error *error)
{
    struct architecture architecture = {0};
    clm_status status = CLM_OK;
    if (!net->depth)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: it has no linear layer", net->path);
    status = import_take_loss(net, error);
    if (status == CLM_OK)
        status = import_architecture(net, options, &architecture, error);
    if (status == CLM_OK)
        status = model_of_architecture(&architecture, out, error);
    if (status == CLM_OK)
        status = import_values(net, *out, error);
    if (status == CLM_OK)
        status = import_about(net, *out, error);
    architecture_free(&architecture);
    return status;
}

/* A file of ONNX begins with the field of its version, a safetensors file with the length of its header, and
 * then a brace. */
static clm_status is_safetensors(const char *path, bool *is, struct clm_error *error)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    const clm_status status = file_read(path, IMPORT_BYTES_MOST, &bytes, &size, error);
    *is = status == CLM_OK && size > 8 && bytes[8] == '{';
    free(bytes);
    return status;
}

clm_status clm_model_import(const char *path, const struct clm_import_options *options,
                            struct clm_model **out, bool *knows_activations, struct clm_error *error)
{
    struct import_net net = {.path = path, .loss = usual_loss(LOSS_CROSS_ENTROPY)};
    bool is = false;
    *out = NULL;
    *knows_activations = true;
    clm_status status = check_given(path, "path of a net", error);
    if (status == CLM_OK)
        status = is_safetensors(path, &is, error);
    if (status == CLM_OK)
        status = is ? import_safetensors(&net, error) : import_onnx(&net, error);
    if (status == CLM_OK)
        status = import_model(&net, options, out, error);
    *knows_activations = net.knows_activations;
    import_free(&net);
    if (status != CLM_OK) {
        clm_model_free(*out);
        *out = NULL;
    }
    return status;
}
