#include "nn/parameters.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void parameter_name(char name[PARAMETER_NAME_MAX], size_t layer, const char *kind)
{
    snprintf(name, PARAMETER_NAME_MAX, "layers.%zu.%s", layer, kind);
}

/* "(256,784)" */
static const char *shape_text(char text[96], const size_t *shape, size_t count)
{
    size_t at = 0;
    for (size_t d = 0; d < count; d++)
        at += (size_t)snprintf(text + at, 96 - at, "%s%zu", d ? "," : "(", shape[d]);
    snprintf(text + at, 96 - at, count ? ")" : "()");
    return text;
}

clm_status parameter_find(const struct safetensors *file, const char *path, const char *name, size_t rows,
                          size_t columns, const struct safetensor **out, struct clm_error *error)
{
    const size_t shape[2] = {rows, columns}, dimensions = columns ? 2 : 1;
    char wanted[96], found[96];
    *out = safetensors_find(file, name);
    if (!*out)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: there is no %s in it; a model needs one of shape %s",
                        path, name, shape_text(wanted, shape, dimensions));
    if ((*out)->dimension_count != dimensions || memcmp((*out)->shape, shape, dimensions * sizeof *shape))
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: %s has shape %s where this net needs %s", path, name,
                        shape_text(found, (*out)->shape, (*out)->dimension_count),
                        shape_text(wanted, shape, dimensions));
    for (size_t i = 0; i < (*out)->count; i++)
        if (!isfinite((*out)->values[i]))
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: %s has a %g at element %zu; parameters have to be finite", path, name,
                            (double)(*out)->values[i], i);
    return CLM_OK;
}

/* Is it layers.N.weight or layers.N.bias with N of `depth` or above? */
static bool is_beyond(const char *name, size_t depth)
{
    static const char prefix[] = "layers.";
    if (strncmp(name, prefix, sizeof prefix - 1) || !isdigit((unsigned char)name[sizeof prefix - 1]))
        return false;
    char *rest;
    const unsigned long long layer = strtoull(name + sizeof prefix - 1, &rest, 10);
    return layer >= depth && (!strcmp(rest, ".weight") || !strcmp(rest, ".bias"));
}

/* A layer behind a gap, or more layers than wanted: a file of another net, never to be used in part. */
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
    for (size_t l = 0; l < model->depth; l++) {
        const size_t O = model->widths[l + 1], I = model->widths[l];
        const struct safetensor *tensor;
        char name[PARAMETER_NAME_MAX];
        clm_status status;
        parameter_name(name, l, "weight");
        if ((status = parameter_find(file, path, name, O, I, &tensor, error)))
            return status;
        memcpy(model->weights[l], tensor->values, O * I * sizeof(float));
        parameter_name(name, l, "bias");
        if ((status = parameter_find(file, path, name, O, 0, &tensor, error)))
            return status;
        memcpy(model->biases[l], tensor->values, O * sizeof(float));
    }
    return refuse_more(file, path, model->depth, error);
}
