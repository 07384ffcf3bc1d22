/* The state of a PyTorch net: modules named after their place, each with its tensors. A weight with two
 * dimensions is a linear layer; one with a vector is a normalisation, of batches if it has running
 * statistics. */
#include "export/import.h"

#include "base/json.h"
#include "base/text.h"
#include "nn/layer_names.h"
#include "nn/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum module_tensor {
    MODULE_WEIGHT,
    MODULE_BIAS,
    MODULE_MEAN,
    MODULE_VARIANCE,
    MODULE_BATCHES,
    MODULE_TENSORS
};
static const char *const module_tensors[] = {"weight", "bias", "running_mean", "running_var",
                                             "num_batches_tracked"};

struct torch_module {
    const char *name; /* of its first tensor */
    size_t length;    /* of the name without the tensor's own */
    const struct safetensor *of[MODULE_TENSORS];
    bool is_linear;
    size_t outputs;
};

static int by_tensor_name(const void *left, const void *right)
{
    const struct safetensor *const *const a = left, *const *const b = right;
    return layer_names_compare((*a)->name, (*b)->name);
}

static clm_status fail_module(const char *path, const char *name, const char *what, struct clm_error *error)
{
    char shown[100];
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: %s %s, so it is no multi-layer perceptron", path,
                    text_show(shown, sizeof shown, name, strlen(name)), what);
}

/* Is the tensor there a vector of the module's outputs, or is it not there? */
static bool is_fitting(const struct torch_module *module, enum module_tensor which)
{
    const struct safetensor *const tensor = module->of[which];
    return !tensor || (tensor->dimension_count == 1 && tensor->count == module->outputs);
}

static clm_status check_module(struct torch_module *module, const char *path, struct clm_error *error)
{
    const struct safetensor *const weight = module->of[MODULE_WEIGHT], *const mean = module->of[MODULE_MEAN];
    module->is_linear = weight && weight->dimension_count == 2;
    const struct safetensor *const first = weight ? weight : mean;
    if (!first || !first->count || (first->dimension_count != 1 && !module->is_linear))
        return fail_module(path, module->name, "belongs to no linear layer and no normalisation", error);
    module->outputs = first->shape[0];
    if (!is_fitting(module, MODULE_BIAS) || !is_fitting(module, MODULE_MEAN) ||
        !is_fitting(module, MODULE_VARIANCE) || (module->is_linear && mean) ||
        !mean != !module->of[MODULE_VARIANCE] || (!mean && !module->is_linear && !module->of[MODULE_BIAS]))
        return fail_module(path, module->name, "and the tensors beside it have shapes that do not fit",
                           error);
    return CLM_OK;
}

/* Puts tensors of one module together, in the order of their names. */
static clm_status find_modules(const struct safetensors *file, const char *path, struct torch_module *modules,
                               size_t *count, struct clm_error *error)
{
    const struct safetensor **const sorted = calloc(file->count + 1, sizeof *sorted);
    clm_status status = sorted ? CLM_OK : clm_fail_host_memory(error, path, file->count * sizeof *sorted);
    for (size_t t = 0; sorted && t < file->count; t++)
        sorted[t] = &file->tensors[t];
    if (sorted)
        qsort(sorted, file->count, sizeof *sorted, by_tensor_name);
    for (size_t t = 0; status == CLM_OK && t < file->count; t++) {
        const char *const name = sorted[t]->name, *const dot = strrchr(name, '.');
        const size_t length = dot ? (size_t)(dot - name) : 0;
        struct torch_module *module = *count ? &modules[*count - 1] : NULL;
        int which = 0;
        while (which < MODULE_TENSORS && strcmp(dot ? dot + 1 : name, module_tensors[which]))
            which++;
        if (which == MODULE_TENSORS)
            status = fail_module(path, name, "is a tensor of another kind", error);
        if (!module || module->length != length || strncmp(module->name, name, length) != 0) {
            module = &modules[(*count)++];
            *module = (struct torch_module){.name = name, .length = length};
        }
        if (status == CLM_OK)
            module->of[which] = sorted[t];
    }
    for (size_t m = 0; status == CLM_OK && m < *count; m++)
        status = check_module(&modules[m], path, error);
    free(sorted);
    return status;
}

/* ---- layers ---- */

static clm_status add_linear(struct import_net *net, const struct torch_module *module,
                             struct clm_error *error)
{
    const struct safetensor *const weight = module->of[MODULE_WEIGHT], *const bias = module->of[MODULE_BIAS];
    struct import_layer *const layer = import_add(net);
    if (!layer)
        return clm_fail_host_memory(error, net->path, sizeof *layer);
    layer->spec.inputs = weight->shape[1];
    layer->spec.outputs = weight->shape[0];
    layer->of[ROLE_WEIGHT] = import_copy(weight->values, weight->count);
    layer->of[ROLE_BIAS] = bias ? import_copy(bias->values, bias->count) : NULL;
    return layer->of[ROLE_WEIGHT] && (layer->of[ROLE_BIAS] || !bias)
               ? CLM_OK
               : clm_fail_host_memory(error, net->path, weight->count * sizeof(float));
}

static float *copy_or_fill(const struct safetensor *tensor, size_t count, float value)
{
    float *const copy = tensor ? import_copy(tensor->values, tensor->count) : malloc(count * sizeof *copy);
    for (size_t i = 0; copy && !tensor && i < count; i++)
        copy[i] = value;
    return copy;
}

/* The normalisation of layer l; of the inputs if l is SIZE_MAX. */
static clm_status add_norm(struct import_net *net, const struct torch_module *module, size_t l,
                           struct clm_error *error)
{
    const struct safetensor *const *const of = module->of;
    const size_t count = module->outputs;
    if (l == SIZE_MAX) { /* an exported standardisation has no epsilon */
        const double epsilon = net->about ? 0 : NORM_EPSILON;
        return import_normalise(net, of[MODULE_MEAN]->values, of[MODULE_VARIANCE]->values, epsilon,
                                of[MODULE_WEIGHT] ? of[MODULE_WEIGHT]->values : NULL,
                                of[MODULE_BIAS] ? of[MODULE_BIAS]->values : NULL, count, error);
    }
    struct import_layer *const layer = &net->layers[l];
    if (layer->of[ROLE_SCALE] || layer->spec.outputs != count)
        return fail_module(net->path, module->name, "is a normalisation that fits no layer", error);
    layer->of[ROLE_SCALE] = copy_or_fill(of[MODULE_WEIGHT], count, 1);
    layer->of[ROLE_SHIFT] = copy_or_fill(of[MODULE_BIAS], count, 0);
    if (of[MODULE_MEAN]) {
        layer->of[ROLE_MEAN] = copy_or_fill(of[MODULE_MEAN], count, 0);
        layer->of[ROLE_VARIANCE] = copy_or_fill(of[MODULE_VARIANCE], count, 1);
    }
    return layer->of[ROLE_SCALE] && layer->of[ROLE_SHIFT] &&
                   (!of[MODULE_MEAN] || (layer->of[ROLE_MEAN] && layer->of[ROLE_VARIANCE]))
               ? CLM_OK
               : clm_fail_host_memory(error, net->path, count * sizeof(float));
}

/* Does each normalisation stand after the linear layer that it fits, or first? */
static bool stand_in_order(const struct torch_module *modules, size_t count)
{
    for (size_t m = 0; m < count; m++)
        if (!modules[m].is_linear && m &&
            (!modules[m - 1].is_linear || modules[m - 1].outputs != modules[m].outputs))
            return false;
    return !count || modules[0].is_linear ||
           (count > 1 && modules[0].of[MODULE_MEAN] && modules[1].is_linear &&
            modules[1].of[MODULE_WEIGHT]->shape[1] == modules[0].outputs);
}

/* Normalisations belong to the layers before them, as in nn.Sequential; or, if they stand elsewhere, as in
 * fc1, fc2, bn1, bn2, the first to the first layer and so on. */
static clm_status add_modules(struct import_net *net, const struct torch_module *modules, size_t count,
                              struct clm_error *error)
{
    const bool is_in_order = stand_in_order(modules, count);
    size_t norm_count = 0, linears = 0;
    clm_status status = CLM_OK;
    for (size_t m = 0; status == CLM_OK && m < count; m++)
        if (modules[m].is_linear)
            status = add_linear(net, &modules[m], error);
    for (size_t m = 0; status == CLM_OK && m < count; m++) {
        linears += modules[m].is_linear;
        if (modules[m].is_linear)
            continue;
        const size_t l = !is_in_order ? norm_count : linears ? linears - 1 : SIZE_MAX;
        if (l != SIZE_MAX && l >= net->depth)
            return fail_module(net->path, modules[m].name, "is a normalisation that fits no layer", error);
        status = add_norm(net, &modules[m], l, error);
        norm_count++;
    }
    return status;
}

/* Activations and skips, if the file is an exported one. */
static clm_status take_about(struct import_net *net, const struct safetensors *file, struct clm_error *error)
{
    const char *const text = json_string_value(json_object_get(file->metadata, "about"));
    return text ? json_parse(net->path, "what it says of itself", text, strlen(text), &net->about, error)
                : CLM_OK;
}

static clm_status take_about_layers(struct import_net *net, struct clm_error *error)
{
    const json_t *const list = json_object_get(net->about, "layers");
    struct clm_error inner;
    clm_status status = CLM_OK;
    net->knows_activations = list && json_array_size(list) == net->depth;
    for (size_t l = 0; status == CLM_OK && net->knows_activations && l < net->depth; l++) {
        const json_t *const layer = json_array_get(list, l);
        const char *const name = json_string_value(json_object_get(layer, "activation"));
        net->layers[l].spec.skip = json_is_true(json_object_get(layer, "skip"));
        status = activation_parse(name ? name : "", &net->layers[l].spec.activation, &inner);
    }
    return status == CLM_OK ? CLM_OK : clm_fail(error, status, "%s: %s", net->path, inner.message);
}

clm_status import_safetensors(struct import_net *net, struct clm_error *error)
{
    struct safetensors file;
    size_t count = 0;
    clm_status status = safetensors_read(net->path, &file, error);
    if (status != CLM_OK)
        return status;
    struct torch_module *const modules = calloc(file.count + 1, sizeof *modules);
    status = modules ? find_modules(&file, net->path, modules, &count, error)
                     : clm_fail_host_memory(error, net->path, file.count * sizeof *modules);
    if (status == CLM_OK)
        status = take_about(net, &file, error);
    if (status == CLM_OK)
        status = add_modules(net, modules, count, error);
    if (status == CLM_OK)
        status = take_about_layers(net, error);
    free(modules);
    safetensors_free(&file);
    return status;
}
