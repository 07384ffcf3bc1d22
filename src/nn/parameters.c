#include "nn/parameters.h"

#include "base/philox.h"
#include "nn/layer_names.h"
#include "nn/nets.h"
#include "settings/settings.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The tensor of that name, if it has the spec's shape and finite numbers alone. */
static clm_status find(const struct parameter_spec *spec, const struct safetensors *file, const char *path,
                       const struct safetensor **out, struct clm_error *error)
{
    const size_t shape[2] = {spec->rows, spec->columns}, dimensions = spec->columns ? 2 : 1;
    char wanted[SAFETENSOR_SHAPE_TEXT], found[SAFETENSOR_SHAPE_TEXT];
    *out = safetensors_find(file, spec->name);
    if (!*out)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: there is no %s in it; a model needs one of shape %s",
                        path, spec->name, safetensor_shape_text(wanted, shape, dimensions));
    if ((*out)->dimension_count != dimensions || memcmp((*out)->shape, shape, dimensions * sizeof *shape))
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: %s has shape %s where this net needs %s", path,
                        spec->name, safetensor_shape_text(found, (*out)->shape, (*out)->dimension_count),
                        safetensor_shape_text(wanted, shape, dimensions));
    for (size_t i = 0; i < (*out)->count; i++)
        if (!isfinite((*out)->values[i]))
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: %s has a %g at element %zu; parameters have to be finite", path, spec->name,
                            (double)(*out)->values[i], i);
    return CLM_OK;
}

clm_status parameter_take(const struct parameter_spec *spec, const struct safetensors *file, const char *path,
                          float **values, struct clm_error *error)
{
    const struct safetensor *tensor;
    const clm_status status = find(spec, file, path, &tensor, error);
    if (status != CLM_OK)
        return status;
    if (!*values)
        *values = malloc(tensor->count * sizeof **values);
    if (!*values)
        return clm_fail_host_memory(error, path, tensor->count * sizeof **values);
    memcpy(*values, tensor->values, tensor->count * sizeof **values);
    return CLM_OK;
}

/* Whether it is a tensor of layer N of some net, layers.N.weight or the like, and `net` has no such
 * tensor. */
static bool is_beyond(const char *name, const struct architecture *net)
{
    static const char prefix[] = "layers.";
    if (strncmp(name, prefix, sizeof prefix - 1) || !isdigit((unsigned char)name[sizeof prefix - 1]))
        return false;
    char *rest;
    const unsigned long long layer = strtoull(name + sizeof prefix - 1, &rest, 10);
    if (!strcmp(rest, ".weight") || !strcmp(rest, ".bias"))
        return layer >= net->depth;
    return !strncmp(rest, ".norm.", 6) && (layer >= net->depth || net->layers[layer].norm == NORM_NONE);
}

/* Refuses a file with a layer after a gap, with more layers than the net or with a normalisation that the net
 * lacks: it is of another net, and may not be used in part. */
static clm_status refuse_more(const struct safetensors *file, const char *path,
                              const struct architecture *net, struct clm_error *error)
{
    for (size_t i = 0; i < file->count; i++)
        if (is_beyond(file->tensors[i].name, net))
            return clm_fail(
                error, CLM_ERROR_SHAPE,
                strstr(file->tensors[i].name, ".norm.")
                    ? "%s: it has a %.100s, but that layer of this net has no normalisation, or is above layers.%zu, its last; give the layer the norm that the file has"
                    : "%s: it has a %.100s, but this net ends with layers.%zu; layers are numbered from 0 without a gap",
                path, file->tensors[i].name, net->depth - 1);
    return CLM_OK;
}

clm_status parameters_take(struct clm_model *model, const struct safetensors *file, const char *path,
                           struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < model_net_tensors(model); p++)
        status = parameter_take(&model->specs[p], file, path, &model->values[p], error);
    return status ? status : refuse_more(file, path, &model->architecture, error);
}

/* ---- initial parameters ---- */

enum scheme { SCHEME_HE, SCHEME_XAVIER, SCHEME_LECUN, SCHEME_ORTHOGONAL, SCHEME_NORMAL, SCHEME_UNIFORM };

/* How to draw, and the number of normal:STD or uniform:A. */
struct drawing {
    enum scheme scheme;
    double size;
};

/* The deviation of a layer's weights.
 *   he      He, Zhang, Ren, Sun (2015): 2 / I keeps the variance through a ReLU; 1 / I for the last layer
 *   xavier  Glorot, Bengio (2010): 2 / (I + O), between what forward and backward pass would have
 *   lecun   LeCun, Bottou, Orr, Müller (1998): 1 / I keeps the variance of outputs without an activation */
static double deviation_of(const struct layer_spec *layer, bool is_last, const struct drawing *drawing)
{
    const double I = (double)layer->inputs, O = (double)layer->outputs;
    switch (drawing->scheme) {
    case SCHEME_HE:
        return sqrt((is_last ? 1 : 2) / I);
    case SCHEME_XAVIER:
        return sqrt(2 / (I + O));
    case SCHEME_LECUN:
        return sqrt(1 / I);
    default:
        return drawing->size;
    }
}

/* Eight sums at once, because one would wait for each addition. */
static double dot_product(const double *a, const double *b, size_t length)
{
    enum { SUMS = 8 };
    double sums[SUMS] = {0}, all = 0;
    size_t i = 0;
    for (; i + SUMS <= length; i += SUMS)
        for (size_t s = 0; s < SUMS; s++)
            sums[s] += a[i + s] * b[i + s];
    for (; i < length; i++)
        all += a[i] * b[i];
    for (size_t s = 0; s < SUMS; s++)
        all += sums[s];
    return all;
}

/* Makes `count` vectors of `length` numbers, one after the other, orthonormal (modified Gram-Schmidt). Each
 * keeps the sign of its part that is orthogonal to those before, so that from normal numbers all rotations
 * are equally likely (Mezzadri, 2007). */
static void orthonormalise(double *vectors, size_t count, size_t length)
{
    for (size_t v = 0; v < count; v++) {
        double *const vector = vectors + v * length;
        const double square = dot_product(vector, vector, length), scale = square > 0 ? 1 / sqrt(square) : 0;
        for (size_t i = 0; i < length; i++)
            vector[i] *= scale;
        for (size_t w = v + 1; w < count; w++) {
            double *const later = vectors + w * length;
            const double share = dot_product(vector, later, length);
            for (size_t i = 0; i < length; i++)
                later[i] -= share * vector[i];
        }
    }
}

/* Saxe, McClelland, Ganguli (2014). The rows of W, or its columns if they are fewer, are orthogonal and have
 * the length sqrt(2) before a ReLU or leaky ReLU, which halves the square, and 1 elsewhere. */
static clm_status draw_orthogonal(const struct layer_spec *layer, struct philox *random, float *W,
                                  struct clm_error *error)
{
    const size_t O = layer->outputs, I = layer->inputs, elements = O * I;
    const bool are_rows = O <= I,
               is_halved = layer->activation == ACTIVATION_RELU || layer->activation == ACTIVATION_LEAKY;
    double *const vectors = malloc(elements * sizeof *vectors);
    if (!vectors)
        return clm_fail_host_memory(error, "orthogonal weights", elements * sizeof *vectors);
    for (size_t o = 0; o < O; o++)
        for (size_t i = 0; i < I; i++)
            vectors[are_rows ? o * I + i : i * O + o] = philox_normal(random);
    orthonormalise(vectors, are_rows ? O : I, are_rows ? I : O);
    for (size_t o = 0; o < O; o++)
        for (size_t i = 0; i < I; i++)
            W[o * I + i] = (float)((is_halved ? sqrt(2) : 1) * vectors[are_rows ? o * I + i : i * O + o]);
    free(vectors);
    return CLM_OK;
}

static clm_status draw_weights(const struct architecture *net, size_t l, const struct drawing *drawing,
                               struct philox *random, float *W, struct clm_error *error)
{
    const struct layer_spec *const layer = &net->layers[l];
    const double deviation = deviation_of(layer, l + 1 == net->depth, drawing);
    if (drawing->scheme == SCHEME_ORTHOGONAL)
        return draw_orthogonal(layer, random, W, error);
    for (size_t i = 0; i < layer->outputs * layer->inputs; i++)
        W[i] = (float)(deviation * (drawing->scheme == SCHEME_UNIFORM ? 2 * philox_uniform(random) - 1
                                                                      : philox_normal(random)));
    return CLM_OK;
}

/* What a vector begins with: a normalisation changes nothing before training. */
static float first_value(enum parameter_role role)
{
    return role == ROLE_SCALE || role == ROLE_VARIANCE ? 1 : 0;
}

static clm_status initialise_draw(struct clm_model *model, const struct drawing *drawing,
                                  struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < model_net_tensors(model); p++) {
        const struct parameter_spec *const spec = &model->specs[p];
        const uint32_t l = (uint32_t)spec->layer;
        struct philox random = philox_start(model->seed, RANDOM_INIT, l);
        if (spec->is_weight)
            status = draw_weights(&model->architecture, l, drawing, &random, model->values[p], error);
        for (size_t i = 0; !spec->is_weight && i < parameter_elements(spec); i++)
            model->values[p][i] = first_value(spec->role);
    }
    return status;
}

/* The names of schemes. One that ends with a colon has a number after it. */
static const char *const scheme_names[] = {
    [SCHEME_HE] = "he",          [SCHEME_XAVIER] = "xavier",
    [SCHEME_LECUN] = "lecun",    [SCHEME_ORTHOGONAL] = "orthogonal",
    [SCHEME_NORMAL] = "normal:", [SCHEME_UNIFORM] = "uniform:",
};
#define SCHEME_COUNT (sizeof scheme_names / sizeof *scheme_names)

/* *number is the text after the name, empty if the scheme has none. False if `init` is no scheme. */
static bool find_scheme(const char *init, enum scheme *scheme, const char **number)
{
    for (size_t s = 0; s < SCHEME_COUNT; s++) {
        const size_t length = strlen(scheme_names[s]);
        *scheme = (enum scheme)s;
        *number = init + length;
        if (!strncmp(init, scheme_names[s], length) && (init[length - 1] == ':' || !init[length]))
            return true;
    }
    return false;
}

static clm_status read_size(const char *init, const char *text, double *size, struct clm_error *error)
{
    char *end;
    *size = strtod(text, &end);
    if (end == text || *end || !(*size >= 0 && *size <= SETTING_DEVIATION_MOST))
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "init",
            "initial parameters %.50s: the number has to be from 0 to %g, as in normal:0.01 and uniform:0.01",
            init, SETTING_DEVIATION_MOST);
    return CLM_OK;
}

/* Parameters alone: how inputs are normalised follows the data. */
static clm_status initialise_read_file(struct clm_model *model, const char *path, size_t net,
                                       struct clm_error *error)
{
    struct safetensors file, its = {0};
    size_t nets;
    if (access(path, F_OK) && errno == ENOENT)
        return clm_fail_setting(
            error, CLM_ERROR_IO, "init",
            "initial parameters %s: there is no such file, and it is neither he, xavier, lecun, orthogonal, normal:STD nor uniform:A",
            path);
    clm_status status = safetensors_read(path, &file, error);
    if (status != CLM_OK)
        return status;
    if ((status = nets_count(&file, path, &nets, error)) == CLM_OK &&
        (status = nets_view(&file, path, nets, net % nets, &its, error)) == CLM_OK &&
        (status = layers_name(&its, path, &model->architecture, error)) == CLM_OK)
        status = parameters_take(model, &its, path, error);
    safetensors_free(&its);
    safetensors_free(&file);
    return status;
}

clm_status initialise(struct clm_model *model, const char *init, size_t net, struct clm_error *error)
{
    struct drawing drawing = {SCHEME_HE, 0};
    const char *number = "";
    clm_status status = CLM_OK;
    if (init && !find_scheme(init, &drawing.scheme, &number))
        return initialise_read_file(model, init, net, error);
    if (drawing.scheme == SCHEME_NORMAL || drawing.scheme == SCHEME_UNIFORM)
        status = read_size(init, number, &drawing.size, error);
    return status ? status : initialise_draw(model, &drawing, error);
}
