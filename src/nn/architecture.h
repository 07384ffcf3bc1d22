/* What a net is made of, as data: its layers' sizes and activations. A model file holds it as JSON,
 *
 *   {"layers":[{"inputs":784,"outputs":256,"activation":"relu"},
 *              {"inputs":256,"outputs":10,"activation":"none"}]}
 *
 * A new field of a layer needs a member of struct layer_spec, and a part of architecture_text, read_layer and
 * architecture_is_equal. A version refuses a field that it does not know, because it would compute another
 * net. */
#ifndef CLM_NN_ARCHITECTURE_H
#define CLM_NN_ARCHITECTURE_H

#include "base/error.h"
#include "base/size.h"
#include "compute/vocabulary.h"

/* Reading a model looks for each layer among all tensors. */
#define ARCHITECTURE_DEPTH_MAX 4096

struct layer_spec {
    size_t inputs, outputs;
    enum activation activation;
};

struct architecture {
    size_t depth; /* linear layers, at least one */
    struct layer_spec *layers;
};

/* The net of these widths: inputs, hidden …, classes. All layers have the activation `hidden` but the last,
 * whose outputs are logits. */
CLM_MUST_CHECK clm_status architecture_create(const size_t *widths, size_t count, enum activation hidden,
                                              struct architecture *out, struct clm_error *error);
/* Fails if a size is 0, a layer does not take what the layer before it gives, the last layer has an
 * activation, there are too many layers, or the parameters are more than memory has addresses. */
CLM_MUST_CHECK clm_status architecture_check(const struct architecture *net, struct clm_error *error);
CLM_MUST_CHECK clm_status architecture_copy(const struct architecture *net, struct architecture *out,
                                            struct clm_error *error);
void architecture_free(struct architecture *net);
bool architecture_is_equal(const struct architecture *a, const struct architecture *b);

/* Width 0 is that of the inputs, width `depth` that of the last layer's outputs. */
static inline size_t architecture_width(const struct architecture *net, size_t index)
{
    return index < net->depth ? net->layers[index].inputs : net->layers[index - 1].outputs;
}

/* All depth + 1 of them, for the caller to free; NULL if there is no memory. */
size_t *architecture_widths(const struct architecture *net);
/* "784,256,10", for the caller to free; NULL if there is no memory. */
char *architecture_widths_text(const struct architecture *net, char between);

/* As JSON, for the caller to free; NULL if there is no memory. */
char *architecture_text(const struct architecture *net);
/* The sentence of a failure names no file. Refuses fields that this version does not know. */
CLM_MUST_CHECK clm_status architecture_parse(const char *text, struct architecture *out,
                                             struct clm_error *error);
/* The activation of that name; the sentence of a failure lists the names that this version knows. */
CLM_MUST_CHECK clm_status activation_parse(const char *name, enum activation *out, struct clm_error *error);
/* The same for a caller's own choice: NULL is ReLU, and a failure is CLM_ERROR_ARGUMENT. */
CLM_MUST_CHECK clm_status activation_choose(const char *name, enum activation *out, struct clm_error *error);

/* ---- parameters ---- */

#define PARAMETER_NAME_MAX 48

/* One tensor that training changes, before it has memory. */
struct parameter_spec {
    char name[PARAMETER_NAME_MAX]; /* "layers.0.weight" or "layers.0.bias" */
    size_t layer;
    size_t rows, columns; /* columns 0: a vector of `rows` */
    bool is_weight;       /* a matrix: drawn at random, penalised by L2; vectors are neither */
};

static inline size_t parameter_elements(const struct parameter_spec *spec)
{
    return spec->rows * size_max(spec->columns, 1);
}

enum { LAYER_PARAMETERS = 2 };

/* All parameters are one list: for each layer its weight, then its bias. */
size_t architecture_parameter_count(const struct architecture *net);
struct parameter_spec architecture_parameter(const struct architecture *net, size_t p);

/* Bytes of all parameters as floats; false if they do not fit into a size_t. */
bool architecture_bytes(const struct architecture *net, size_t *bytes);

#endif
