#include "nn/layer_names.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tensor, and the part of its name before ".weight" or ".bias". */
struct named_tensor {
    struct safetensor *tensor;
    size_t length;
    bool is_weight;
};

struct named_layer {
    struct safetensor *weight, *bias;
};

/* False if it is neither "weight" nor "bias" of a module. */
static bool read_name(struct safetensor *tensor, struct named_tensor *out)
{
    const char *const dot = strrchr(tensor->name, '.'), *const last = dot ? dot + 1 : tensor->name;
    *out = (struct named_tensor){tensor, dot ? (size_t)(dot - tensor->name) : 0, strcmp(last, "weight") == 0};
    return out->is_weight || !strcmp(last, "bias");
}

/* ---- the order of the names ---- */

/* Compares the numbers that both texts begin with, and steps over them. */
static int compare_numbers(const char **a, const char **b)
{
    while (**a == '0')
        ++*a;
    while (**b == '0')
        ++*b;
    const size_t a_length = strspn(*a, "0123456789"), b_length = strspn(*b, "0123456789");
    const int order =
        a_length != b_length ? (a_length > b_length) - (a_length < b_length) : strncmp(*a, *b, a_length);
    *a += a_length;
    *b += b_length;
    return order;
}

/* Those of one module stand together, because what differs first is before the last dot. */
int layer_names_compare(const char *a, const char *b)
{
    const char *const whole_a = a, *const whole_b = b;
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            const int order = compare_numbers(&a, &b);
            if (order)
                return order;
        } else if (*a == *b)
            a++, b++;
        else
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
    }
    return *a || *b ? (*a ? 1 : -1) : strcmp(whole_a, whole_b);
}

static int by_name(const void *left, const void *right)
{
    const struct named_tensor *const a = left, *const b = right;
    return layer_names_compare(a->tensor->name, b->tensor->name);
}

/* ---- layers ---- */

static bool is_layer(const struct named_layer *layer)
{
    return layer->weight && layer->bias && layer->weight->dimension_count == 2 && layer->weight->count &&
           layer->bias->dimension_count == 1 && layer->bias->count == layer->weight->shape[0];
}

/* Puts tensors of one module together; false if a module is no linear layer. */
static bool find_layers(const struct named_tensor *tensors, size_t count, struct named_layer *layers,
                        size_t *layer_count)
{
    for (size_t t = 0; t < count; t++) {
        const struct named_tensor *const tensor = &tensors[t], *const before = t ? tensor - 1 : NULL;
        const bool is_same = before && before->length == tensor->length &&
                             !strncmp(before->tensor->name, tensor->tensor->name, tensor->length);
        struct named_layer *const layer = &layers[is_same ? *layer_count - 1 : (*layer_count)++];
        *(tensor->is_weight ? &layer->weight : &layer->bias) = tensor->tensor;
    }
    for (size_t l = 0; l < *layer_count; l++)
        if (!is_layer(&layers[l]))
            return false;
    return *layer_count > 0;
}

/* Does the layer fit at place l of the net, after the layers before it? */
static bool fits_at(const struct named_layer *layers, size_t count, size_t l, const struct named_layer *layer,
                    const struct architecture *net)
{
    const size_t *const shape = layer->weight->shape;
    if (net)
        return net->depth == count && shape[1] == net->layers[l].inputs && shape[0] == net->layers[l].outputs;
    return !l || shape[1] == layers[l - 1].weight->shape[0];
}

static bool is_in_order(const struct named_layer *layers, size_t count, const struct architecture *net)
{
    for (size_t l = 0; l < count; l++)
        if (!fits_at(layers, count, l, &layers[l], net))
            return false;
    return true;
}

/* Does the layer take what no other layer gives? */
static bool is_first(const struct named_layer *layers, size_t count, const struct named_layer *layer)
{
    for (size_t l = 0; l < count; l++)
        if (&layers[l] != layer && layers[l].weight->shape[0] == layer->weight->shape[1])
            return false;
    return true;
}

/* More layers than that have numbers in their names. */
#define SORTED_MOST 16
/* Layers that are tried before the search is given up. */
#define TRIED_MOST 10000

/* A search for the orders in which the layers make a net. */
struct search {
    const struct architecture *net;
    struct named_layer *layers; /* the order that is tried */
    size_t count, tried, found;
    struct named_layer first[SORTED_MOST]; /* the first order that was found */
};

static void swap_layers(struct named_layer *a, struct named_layer *b)
{
    const struct named_layer other = *a;
    *a = *b;
    *b = other;
}

/* Tries each layer that is left at place l; ends if two orders are found. */
static void search_from(struct search *search, size_t l)
{
    struct named_layer *const layers = search->layers;
    if (l == search->count && !search->found++)
        memcpy(search->first, layers, search->count * sizeof *layers);
    for (size_t i = l; i < search->count && search->found < 2 && search->tried < TRIED_MOST; i++) {
        const bool fits = search->net || l ? fits_at(layers, search->count, l, &layers[i], search->net)
                                           : is_first(layers, search->count, &layers[i]);
        search->tried++;
        if (!fits)
            continue;
        swap_layers(&layers[l], &layers[i]);
        search_from(search, l + 1);
        swap_layers(&layers[l], &layers[i]);
    }
}

/* Orders the layers by their shapes; false unless there is exactly one order. */
static bool order_by_shape(struct named_layer *layers, size_t count, const struct architecture *net)
{
    struct search search = {.net = net, .layers = layers, .count = count};
    if (count > SORTED_MOST)
        return false;
    search_from(&search, 0);
    if (search.found == 1)
        memcpy(layers, search.first, count * sizeof *layers);
    return search.found == 1 && search.tried < TRIED_MOST;
}

/* ---- names ---- */

/* True if the matrices are layers.0.weight, layers.1.weight and so on. */
static bool has_our_names(const struct safetensors *file, size_t matrices)
{
    char name[PARAMETER_NAME_MAX];
    for (size_t l = 0; l < matrices; l++) {
        snprintf(name, sizeof name, "layers.%zu.weight", l);
        if (l >= ARCHITECTURE_DEPTH_MAX || !safetensors_find(file, name))
            return false;
    }
    return true;
}

static clm_status rename_tensor(struct safetensor *tensor, size_t layer, const char *what,
                                struct clm_error *error)
{
    char *name;
    if (asprintf(&name, "layers.%zu.%s", layer, what) < 0)
        return clm_fail_host_memory(error, "the names of layers", PARAMETER_NAME_MAX);
    free(tensor->name);
    tensor->name = name;
    return CLM_OK;
}

/* "0.weight (256,784), 0.bias (256), …" */
static clm_status fail_tensors(const struct named_tensor *tensors, size_t count, const char *path,
                               const struct architecture *net, struct clm_error *error)
{
    char list[1200] = "", shown[80], shape[SAFETENSOR_SHAPE_TEXT];
    size_t used = 0;
    for (size_t t = 0; t < count && used < sizeof list - 200; t++) {
        const struct safetensor *const tensor = tensors[t].tensor;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s %s", t ? ", " : "",
                                 text_show(shown, sizeof shown, tensor->name, strlen(tensor->name)),
                                 safetensor_shape_text(shape, tensor->shape, tensor->dimension_count));
        if (t + 1 < count && used >= sizeof list - 200)
            snprintf(list + used, sizeof list - used, " and %zu more", count - t - 1);
    }
    char *const widths = net ? architecture_widths_text(net, '-') : NULL;
    const clm_status status = clm_fail(
        error, CLM_ERROR_SHAPE,
        "%s: its tensors are not the weights (outputs,inputs) and biases (outputs) of linear layers, one after the other%s%s: %s",
        path, widths ? ", of the net " : "", widths ? widths : "", list);
    free(widths);
    return status;
}

clm_status layers_name(struct safetensors *file, const char *path, const struct architecture *net,
                       struct clm_error *error)
{
    size_t count = 0, matrices = 0, layer_count = 0;
    clm_status status = CLM_OK;
    struct named_tensor *const tensors = calloc(file->count + 1, sizeof *tensors);
    struct named_layer *const layers = calloc(file->count + 1, sizeof *layers);
    if (!tensors || !layers)
        status = clm_fail_host_memory(error, path, (file->count + 1) * sizeof *tensors);
    for (size_t t = 0; status == CLM_OK && t < file->count; t++)
        if (read_name(&file->tensors[t], &tensors[count]))
            matrices += tensors[count++].is_weight && file->tensors[t].dimension_count == 2;
    if (status != CLM_OK || !matrices || json_object_get(file->metadata, "architecture") ||
        has_our_names(file, matrices))
        goto cleanup;
    qsort(tensors, count, sizeof *tensors, by_name);
    if (!find_layers(tensors, count, layers, &layer_count) ||
        (!is_in_order(layers, layer_count, net) && !order_by_shape(layers, layer_count, net)))
        status = fail_tensors(tensors, count, path, net, error);
    for (size_t l = 0; status == CLM_OK && l < layer_count; l++)
        if ((status = rename_tensor(layers[l].weight, l, "weight", error)) == CLM_OK)
            status = rename_tensor(layers[l].bias, l, "bias", error);
cleanup:
    free(tensors);
    free(layers);
    return status;
}
