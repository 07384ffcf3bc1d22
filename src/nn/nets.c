#include "nn/nets.h"

#include "base/text.h"
#include "nn/parameters.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "nets."

/* ---- nets of a model ---- */

size_t clm_model_nets(const struct clm_model *model)
{
    return 1 + model->other_count;
}

const struct clm_model *clm_model_net(const struct clm_model *model, size_t index)
{
    return !index ? model : index <= model->other_count ? model->others[index - 1] : NULL;
}

struct clm_model *model_net(struct clm_model *model, size_t index)
{
    return index ? model->others[index - 1] : model;
}

/* Whether two nets have the same tensors, and compute the same with them. */
static bool have_one_shape(const struct clm_model *a, const struct clm_model *b)
{
    char *const text = architecture_text(&a->architecture), *const other =
                                                                architecture_text(&b->architecture);
    const bool is_same = text && other && !strcmp(text, other);
    free(text);
    free(other);
    return is_same;
}

clm_status clm_model_add_net(struct clm_model *model, struct clm_model *net, struct clm_error *error)
{
    const size_t count = model->other_count;
    if (!have_one_shape(model, net) || net->other_count)
        return clm_fail(error, CLM_ERROR_SHAPE,
                        "a net cannot join an ensemble whose nets have other layers, or another loss");
    if (clm_model_nets(model) >= NETS_MOST)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "ensemble", "an ensemble has at most %d nets",
                                NETS_MOST);
    struct clm_model **const others = realloc(model->others, (count + 1) * sizeof *others);
    if (!others)
        return clm_fail_host_memory(error, "the nets of an ensemble", (count + 1) * sizeof *others);
    others[count] = net;
    model->others = others;
    model->other_count++;
    return CLM_OK;
}

/* Exchanges what nets differ in. */
static void exchange_nets(struct clm_model *a, struct clm_model *b)
{
    const uint64_t seed = a->seed;
    a->seed = b->seed;
    b->seed = seed;
    for (size_t t = 0; t < model_net_tensors(a); t++) {
        float *const values = a->values[t];
        a->values[t] = b->values[t];
        b->values[t] = values;
    }
}

void nets_keep(struct clm_model *model, const bool *is_kept)
{
    const size_t nets = clm_model_nets(model);
    size_t kept = 0;
    for (size_t n = 0; n < nets; n++) {
        if (is_kept[n] && kept != n)
            exchange_nets(model_net(model, kept), model_net(model, n));
        kept += is_kept[n];
    }
    for (; model->other_count >= kept; model->other_count--)
        clm_model_free(model->others[model->other_count - 1]);
}

/* ---- nets of a file ---- */

clm_status nets_count(const struct safetensors *file, const char *path, size_t *out, struct clm_error *error)
{
    const char *const text = json_string_value(json_object_get(file->metadata, "nets"));
    char shown[24], *end = NULL;
    const unsigned long count = text && isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;
    *out = text ? count : 1;
    if (!text || (end && !*end && count >= 1 && count <= NETS_MOST))
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: it has %s nets, but it must be a number from 1 to %d", path,
                    text_show(shown, sizeof shown, text, strlen(text)), NETS_MOST);
}

/* The net that a tensor of an ensemble of `count` belongs to; *name becomes its name in a model of one. */
static size_t net_of(const char **name, size_t count)
{
    const size_t length = sizeof PREFIX - 1;
    char *end;
    if (strncmp(*name, PREFIX, length) || !isdigit((unsigned char)(*name)[length]))
        return 0;
    const unsigned long net = strtoul(*name + length, &end, 10);
    if (*end != '.' || !net || net >= count)
        return 0;
    *name = end + 1;
    return net;
}

clm_status nets_view(const struct safetensors *file, const char *path, size_t count, size_t index,
                     struct safetensors *out, struct clm_error *error)
{
    *out = (struct safetensors){.metadata = json_incref(file->metadata),
                                .tensors = calloc(file->count + 1, sizeof *out->tensors)};
    for (size_t t = 0; out->tensors && t < file->count; t++) {
        const char *name = file->tensors[t].name;
        if (net_of(&name, count) != index)
            continue;
        struct safetensor *const tensor = &out->tensors[out->count];
        *tensor = file->tensors[t];
        if (!(tensor->name = strdup(name)))
            return clm_fail_host_memory(error, path, strlen(name));
        out->count++;
    }
    return out->tensors ? CLM_OK
                        : clm_fail_host_memory(error, path, (file->count + 1) * sizeof *out->tensors);
}

clm_status nets_read(const struct safetensors *file, const char *path, size_t count, struct clm_model *model,
                     struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t n = 1; status == CLM_OK && n < count; n++) {
        struct clm_error inner = {.status = CLM_OK};
        struct safetensors view = {0};
        struct clm_model *net = NULL;
        if ((status = nets_view(file, path, count, n, &view, &inner)) ||
            (status = model_like(model, &net, &inner)) ||
            (status = parameters_take(net, &view, path, &inner)) ||
            (status = clm_model_add_net(model, net, &inner))) {
            clm_model_free(net);
            status = clm_fail(error, status, "net %zu of %zu: %s", n, count, inner.message);
        }
        safetensors_free(&view);
    }
    return status;
}

size_t nets_tensor_count(const struct clm_model *model)
{
    return model->other_count * model_net_tensors(model);
}

clm_status nets_tensors(const struct clm_model *model, struct safetensor *out, struct clm_error *error)
{
    const size_t each = model_net_tensors(model);
    for (size_t i = 0; i < nets_tensor_count(model); i++) {
        const size_t net = 1 + i / each;
        const struct parameter_spec *const spec = &model->specs[i % each];
        out[i] = (struct safetensor){.dimension_count = spec->columns ? 2 : 1,
                                     .shape = {spec->rows, spec->columns},
                                     .count = parameter_elements(spec),
                                     .values = clm_model_net(model, net)->values[i % each]};
        if (asprintf(&out[i].name, PREFIX "%zu.%s", net, spec->name) < 0) {
            out[i].name = NULL;
            return clm_fail_host_memory(error, "the model's file", sizeof spec->name);
        }
    }
    return CLM_OK;
}
