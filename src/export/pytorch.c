/* PyTorch: the state of an nn.Sequential as safetensors. The metadata's "module" is the module as Python
 * code. Its first module is BatchNorm1d if the inputs are standardised, which does the same. */
#include "export/format.h"

#include "base/text.h"
#include "nn/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const torch_modules[ACTIVATION_COUNT] = {
    [ACTIVATION_RELU] = "nn.ReLU()",       [ACTIVATION_LEAKY] = "nn.LeakyReLU(0.01)",
    [ACTIVATION_ELU] = "nn.ELU()",         [ACTIVATION_TANH] = "nn.Tanh()",
    [ACTIVATION_SIGMOID] = "nn.Sigmoid()", [ACTIVATION_GELU] = "nn.GELU()",
    [ACTIVATION_SILU] = "nn.SiLU()",       [ACTIVATION_MISH] = "nn.Mish()"};

struct torch_state {
    struct safetensor *tensors;
    size_t count;
    FILE *code; /* the module as Python code */
    size_t modules;
    bool has_skip, is_whole;
};

/* columns 0: a vector. */
static void torch_add(struct torch_state *state, const char *module, const char *name, const float *values,
                      size_t rows, size_t columns)
{
    struct safetensor *const tensor = &state->tensors[state->count++];
    *tensor = (struct safetensor){.dimension_count = columns ? 2 : 1,
                                  .shape = {rows, columns},
                                  .count = rows * (columns ? columns : 1)};
    /* only read */
    memcpy(&tensor->values, &values, sizeof values);
    if (asprintf(&tensor->name, "%s.%s", module, name) < 0) {
        tensor->name = NULL;
        state->is_whole = false;
    }
}

/* Linear, LayerNorm and activation; those of a layer with skip are in a module of their own. */
static void torch_add_layer(struct torch_state *state, const struct portable_layer *layer)
{
    const char *const activation = torch_modules[layer->activation];
    char module[64];
    size_t inner = 0, *const number = layer->skip ? &inner : &state->modules;
    char before[32] = "";
    if (layer->skip)
        snprintf(before, sizeof before, "%zu.net.", state->modules++);
    state->has_skip = state->has_skip || layer->skip;
    fprintf(state->code, "    %s", layer->skip ? "Skip(nn.Sequential(" : "");
    snprintf(module, sizeof module, "%s%zu", before, (*number)++);
    fprintf(state->code, "nn.Linear(%zu, %zu)", layer->inputs, layer->outputs);
    torch_add(state, module, "weight", layer->W, layer->outputs, layer->inputs);
    torch_add(state, module, "bias", layer->b, layer->outputs, 0);
    if (layer->scale) {
        snprintf(module, sizeof module, "%s%zu", before, (*number)++);
        fprintf(state->code, ", nn.LayerNorm(%zu)", layer->outputs);
        torch_add(state, module, "weight", layer->scale, layer->outputs, 0);
        torch_add(state, module, "bias", layer->shift, layer->outputs, 0);
    }
    if (activation) {
        fprintf(state->code, ", %s", activation);
        ++*number;
    }
    fputs(layer->skip ? ")),\n" : ",\n", state->code);
}

/* All tensors of the net, and the code. `one` is (features) of ones. */
static void torch_fill(struct torch_state *state, const struct portable *net, const float *zero,
                       const float *one)
{
    const size_t I = net->features;
    fputs("nn.Sequential(\n", state->code);
    if (net->is_scaled) {
        torch_add(state, "0", "weight", net->model->scale, I, 0);
        torch_add(state, "0", "bias", zero, I, 0);
        torch_add(state, "0", "running_mean", net->model->mean, I, 0);
        torch_add(state, "0", "running_var", one, I, 0);
        fprintf(state->code, "    nn.BatchNorm1d(%zu, eps=0),\n", I);
        state->modules = 1;
    }
    for (size_t l = 0; l < net->depth; l++)
        torch_add_layer(state, &net->layers[l]);
    fputs(")", state->code);
}

/* The targets' units become part of the last layer. */
static void torch_take_units(const struct portable *net)
{
    struct portable_layer *const last = &net->layers[net->depth - 1];
    for (size_t o = 0; net->end == PORTABLE_UNITS && o < last->outputs; o++) {
        const double deviation = (double)net->target_deviation[o];
        for (size_t i = 0; i < last->inputs; i++)
            last->W[o * last->inputs + i] = (float)(deviation * (double)last->W[o * last->inputs + i]);
        last->b[o] = (float)(deviation * (double)last->b[o] + (double)net->target_mean[o]);
    }
}

static const char skip_code[] = "class Skip(nn.Module):\n"
                                "    def __init__(self, net):\n"
                                "        super().__init__()\n"
                                "        self.net = net\n"
                                "    def forward(self, x):\n"
                                "        return x + self.net(x)\n";

static json_t *torch_metadata(const struct portable *net, const struct torch_state *state, const char *code)
{
    char *const text = portable_text(net);
    json_t *const metadata =
        text ? json_pack("{ss ss ss ss ss}", "program", "clmlp", "version", clm_version(), "module", code,
                         "classes", state->has_skip ? skip_code : "", "about", text)
             : NULL;
    free(text);
    return metadata;
}

static clm_status export_pytorch(const struct portable *net, const char *path,
                                 const struct clm_export_options *options, struct clm_error *error)
{
    struct torch_state state = {.tensors = calloc(4 * net->depth + 4, sizeof *state.tensors),
                                .is_whole = true};
    float *const zero = calloc(net->features, sizeof *zero), *const one = calloc(net->features, sizeof *one);
    char *code = NULL;
    size_t size = 0;
    json_t *metadata = NULL;
    (void)options;
    for (size_t i = 0; one && i < net->features; i++)
        one[i] = 1;
    torch_take_units(net);
    state.code = open_memstream(&code, &size);
    if (state.tensors && zero && one && state.code)
        torch_fill(&state, net, zero, one);
    if (text_close(state.code, &code) && state.tensors && zero && one && state.is_whole)
        metadata = torch_metadata(net, &state, code);
    const clm_status status = metadata ? safetensors_write(path, state.tensors, state.count, metadata, error)
                                       : clm_fail_host_memory(error, path, size);
    for (size_t t = 0; state.tensors && t < state.count; t++)
        free(state.tensors[t].name);
    free(state.tensors);
    free(zero);
    free(one);
    free(code);
    json_decref(metadata);
    return status;
}

const struct export_format pytorch_export = {.name = "pytorch", .write = export_pytorch};
