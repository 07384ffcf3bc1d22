#include "nn/layers_text.h"

#include "base/text.h"
#include "settings/layers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct layer_spec spec_of(const struct layer_words *words, size_t inputs,
                                 const struct layer_spec *hidden)
{
    return (struct layer_spec){
        .inputs = inputs,
        .outputs = words->outputs,
        .activation = words->activation == ACTIVATION_COUNT ? hidden->activation : words->activation,
        .norm = words->norm == NORM_COUNT ? hidden->norm : words->norm,
        .drop = isnan(words->drop) ? hidden->drop : words->drop,
        .skip = words->skip,
    };
}

/* Items that are hidden layers: all but the one that says the classes. */
static size_t hidden_count(const struct layers_words *words, size_t classes)
{
    const size_t count = words->count;
    const bool says_classes =
        count && layer_words_are_bare(&words->items[count - 1]) && words->items[count - 1].outputs == classes;
    return count - says_classes;
}

static clm_status build_net(const struct layers_words *words, size_t inputs, size_t classes,
                            const struct layer_spec *hidden, double input_drop, struct architecture *out,
                            struct clm_error *error)
{
    size_t widths[LAYERS_TEXT_MOST + 2] = {inputs};
    const size_t depth = hidden_count(words, classes) + 1;
    for (size_t l = 0; l + 1 < depth; l++)
        widths[l + 1] = words->items[l].outputs;
    widths[depth] = classes;
    const clm_status status = architecture_create(widths, depth + 1, hidden->activation, out, error);
    if (status != CLM_OK)
        return status;
    for (size_t l = 0; l + 1 < depth; l++)
        out->layers[l] = spec_of(&words->items[l], widths[l], hidden);
    out->input_drop = isnan(words->input_drop) ? input_drop : words->input_drop;
    return architecture_check(out, error);
}

clm_status layers_text_read(const char *text, size_t inputs, size_t classes, const struct layer_spec *hidden,
                            double input_drop, struct architecture *out, struct clm_error *error)
{
    struct layers_words *const words = malloc(sizeof *words);
    *out = (struct architecture){0};
    clm_status status =
        words ? layers_words_read(text, words, error) : clm_fail_host_memory(error, "layers", sizeof *words);
    if (status == CLM_OK)
        status = build_net(words, inputs, classes, hidden, input_drop, out, error);
    if (status != CLM_OK)
        architecture_free(out);
    free(words);
    return status;
}

static void write_drop(FILE *stream, double share)
{
    char text[32];
    if (share != 0)
        fprintf(stream, " drop=%s", text_of_number(text, sizeof text, share));
}

static void write_item(FILE *stream, const struct layer_spec *layer)
{
    fprintf(stream, "%zu %s", layer->outputs, activations[layer->activation].name);
    if (layer->norm != NORM_NONE)
        fprintf(stream, " norm=%s", norms[layer->norm].name);
    write_drop(stream, layer->drop);
    fputs(layer->skip ? " skip, " : ", ", stream);
}

char *layers_text_of(const struct architecture *net)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    if (net->input_drop != 0) {
        fputs("input", stream);
        write_drop(stream, net->input_drop);
        fputs(", ", stream);
    }
    for (size_t l = 0; l + 1 < net->depth; l++)
        write_item(stream, &net->layers[l]);
    fprintf(stream, "%zu", net->layers[net->depth - 1].outputs);
    return text_close(stream, &text) ? text : NULL;
}
