#include "nn/parameters.h"

#include "base/philox.h"
#include "nn/layer_names.h"
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

/* Whether it is layers.N.weight or layers.N.bias with N of `depth` or above. */
static bool is_beyond(const char *name, size_t depth)
{
    static const char prefix[] = "layers.";
    if (strncmp(name, prefix, sizeof prefix - 1) || !isdigit((unsigned char)name[sizeof prefix - 1]))
        return false;
    char *rest;
    const unsigned long long layer = strtoull(name + sizeof prefix - 1, &rest, 10);
    return layer >= depth && (!strcmp(rest, ".weight") || !strcmp(rest, ".bias"));
}

/* Refuses a file with a layer after a gap, or with more layers than the net: it is of another net, and may
 * not be used in part. */
static clm_status refuse_more(const struct safetensors *file, const char *path, size_t depth,
                              struct clm_error *error)
{
    for (size_t i = 0; i < file->count; i++)
        if (is_beyond(file->tensors[i].name, depth))
            return clm_fail(
                error, CLM_ERROR_SHAPE,
                "%s: it has a %.100s, but this net ends with layers.%zu; layers are numbered from 0 without a gap",
                path, file->tensors[i].name, depth - 1);
    return CLM_OK;
}

clm_status parameters_take(struct clm_model *model, const struct safetensors *file, const char *path,
                           struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < model->parameter_count; p++)
        status = parameter_take(&model->specs[p], file, path, &model->values[p], error);
    return status ? status : refuse_more(file, path, model->architecture.depth, error);
}

/* ---- initial parameters ---- */

enum scheme { SCHEME_HE, SCHEME_XAVIER, SCHEME_NORMAL };

/* The deviation of a layer's weights.
 *   he      He, Zhang, Ren, Sun (2015): 2 / I keeps the variance through a ReLU; 1 / I for the last layer
 *   xavier  Glorot, Bengio (2010): 2 / (I + O), between what forward and backward pass would have */
static double deviation_of(const struct layer_spec *layer, bool is_last, enum scheme scheme, double normal)
{
    const double I = (double)layer->inputs, O = (double)layer->outputs;
    switch (scheme) {
    case SCHEME_HE:
        return sqrt((is_last ? 1 : 2) / I);
    case SCHEME_XAVIER:
        return sqrt(2 / (I + O));
    case SCHEME_NORMAL:
        break;
    }
    return normal;
}

static void initialise_draw(struct clm_model *model, enum scheme scheme, double normal)
{
    const struct architecture *const net = &model->architecture;
    for (size_t p = 0; p < model->parameter_count; p++) {
        const struct parameter_spec *const spec = &model->specs[p];
        const size_t l = spec->layer;
        struct philox random = philox_start(model->seed, RANDOM_INIT, (uint32_t)l);
        const double deviation = deviation_of(&net->layers[l], l + 1 == net->depth, scheme, normal);
        for (size_t i = 0; i < parameter_elements(spec); i++)
            model->values[p][i] = spec->is_weight ? (float)(deviation * philox_normal(&random)) : 0;
    }
}

static clm_status read_deviation(const char *text, double *deviation, struct clm_error *error)
{
    char *end;
    *deviation = strtod(text, &end);
    if (end == text || *end || !(*deviation >= 0 && *deviation <= SETTING_DEVIATION_MOST))
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "init",
            "initial parameters normal:%.40s: the deviation has to be a number from 0 to %g, as in normal:0.01",
            text, SETTING_DEVIATION_MOST);
    return CLM_OK;
}

/* Parameters alone: how inputs are normalised follows the data. */
static clm_status initialise_read_file(struct clm_model *model, const char *path, struct clm_error *error)
{
    struct safetensors file;
    if (access(path, F_OK) && errno == ENOENT)
        return clm_fail_setting(
            error, CLM_ERROR_IO, "init",
            "initial parameters %s: there is no such file, and it is neither he, xavier nor normal:STD",
            path);
    clm_status status = safetensors_read(path, &file, error);
    if (status != CLM_OK)
        return status;
    status = layers_name(&file, path, &model->architecture, error);
    if (status == CLM_OK)
        status = parameters_take(model, &file, path, error);
    safetensors_free(&file);
    return status;
}

clm_status initialise(struct clm_model *model, const char *init, struct clm_error *error)
{
    double normal = 0;
    clm_status status = CLM_OK;
    if (!init || !strcmp(init, "he"))
        initialise_draw(model, SCHEME_HE, 0);
    else if (!strcmp(init, "xavier"))
        initialise_draw(model, SCHEME_XAVIER, 0);
    else if (strncmp(init, "normal:", 7))
        status = initialise_read_file(model, init, error);
    else if ((status = read_deviation(init + 7, &normal, error)) == CLM_OK)
        initialise_draw(model, SCHEME_NORMAL, normal);
    return status;
}
