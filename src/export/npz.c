/* NumPy: arrays layers.N.weight (O,I) and layers.N.bias (O), of a layer normalisation layers.N.norm.weight
 * and .bias (O), input.mean and input.scale (I), of regression output.mean and output.deviation (O); and
 * about.json. */
#include "data/write/numpy.h"
#include "export/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NPZ_NAME_MAX 48

struct npz_list {
    struct numpy_member *members;
    char (*names)[NPZ_NAME_MAX];
    size_t count;
};

/* Adds values, if they are there. columns 0: a vector. */
static void npz_add(struct npz_list *list, const char *name, const float *values, size_t rows, size_t columns)
{
    if (!values)
        return;
    snprintf(list->names[list->count], sizeof *list->names, "%.40s.npy", name);
    list->members[list->count] = (struct numpy_member){list->names[list->count], values, rows, columns};
    list->count++;
}

static void npz_add_layer(struct npz_list *list, const struct portable_layer *layer, size_t l)
{
    char name[NPZ_NAME_MAX];
    snprintf(name, sizeof name, "layers.%zu.weight", l);
    npz_add(list, name, layer->W, layer->outputs, layer->inputs);
    snprintf(name, sizeof name, "layers.%zu.bias", l);
    npz_add(list, name, layer->b, layer->outputs, 0);
    snprintf(name, sizeof name, "layers.%zu.norm.weight", l);
    npz_add(list, name, layer->scale, layer->outputs, 0);
    snprintf(name, sizeof name, "layers.%zu.norm.bias", l);
    npz_add(list, name, layer->shift, layer->outputs, 0);
}

static clm_status export_npz(const struct portable *net, const char *path,
                             const struct clm_export_options *options, struct clm_error *error)
{
    const size_t most = 4 * net->depth + 4;
    char *const text = portable_text(net);
    struct npz_list list = {.members = calloc(most, sizeof *list.members),
                            .names = calloc(most, sizeof *list.names)};
    clm_status status;
    (void)options;
    if (!text || !list.members || !list.names) {
        status = clm_fail_host_memory(error, path, most * sizeof *list.names);
        goto cleanup;
    }
    npz_add(&list, "input.mean", net->model->mean, net->features, 0);
    npz_add(&list, "input.scale", net->model->scale, net->features, 0);
    for (size_t l = 0; l < net->depth; l++)
        npz_add_layer(&list, &net->layers[l], l);
    npz_add(&list, "output.mean", net->target_mean, net->outputs, 0);
    npz_add(&list, "output.deviation", net->target_deviation, net->outputs, 0);
    status = npz_write_members(path, list.members, list.count, "about.json", text, error);
cleanup:
    free(list.members);
    free(list.names);
    free(text);
    return status;
}

const struct export_format npz_export = {.name = "npz", .write = export_npz};
