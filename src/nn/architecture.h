/* What a net is made of, as data: its layers' sizes, activations and what else they have. A model file holds
 * it as JSON,
 *
 *   {"layers":[{"inputs":784,"outputs":256,"activation":"relu","norm":"batch","drop":0.2},
 *              {"inputs":256,"outputs":256,"activation":"relu","skip":true},
 *              {"inputs":256,"outputs":10,"activation":"none"}],"input_drop":0.1}
 *
 * with norm, drop, skip and input_drop only if a layer, or the net, has them. After the layers stands what
 * the outputs mean, unless they are logits of cross-entropy: "loss":"focal","gamma":2, or
 * "loss":"huber","delta":1, or "loss":"quantile","quantiles":[0.05,0.5,0.95], and the like.
 *
 * A new field of a layer needs a member of struct layer_spec, and a part of architecture_text, read_layer and
 * architecture_is_equal. A version refuses a field that it does not know, because it would compute another
 * net. */
#ifndef CLM_NN_ARCHITECTURE_H
#define CLM_NN_ARCHITECTURE_H

#include "base/error.h"
#include "base/size.h"
#include "compute/loss.h"

/* Reading a model looks for each layer among all tensors. */
#define ARCHITECTURE_DEPTH_MAX 4096

/* Y = drop(act(norm(X Wᵀ + b))) + X, the last term only with skip. */
struct layer_spec {
    size_t inputs, outputs;
    enum activation activation;
    enum norm_kind norm;
    double drop; /* share of the outputs that training sets to 0, from 0 to below 1 */
    bool skip;   /* inputs and outputs are as many */
};

/* Whether the layer is a product and an activation, and nothing more. */
static inline bool layer_is_plain(const struct layer_spec *spec)
{
    return spec->norm == NORM_NONE && spec->drop == 0 && !spec->skip;
}

struct architecture {
    size_t depth; /* linear layers, at least one */
    struct layer_spec *layers;
    double input_drop; /* share of the inputs that training sets to 0 */
    struct loss loss;  /* that the outputs are made for; its smoothing is of training alone, and not kept */
};

/* The net of these widths: inputs, hidden …, classes. All layers have the activation `hidden` but the last,
 * whose outputs are logits. */
CLM_MUST_CHECK clm_status architecture_create(const size_t *widths, size_t count, enum activation hidden,
                                              struct architecture *out, struct clm_error *error);
/* Fails if a size is 0, a layer does not take what the layer before it gives, the last layer has more than
 * its product, a layer with skip changes its width, a share is not below 1, there are too many layers, or the
 * parameters are more than memory has addresses. */
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
/* The normalisation of that name; NULL is none, and a failure is CLM_ERROR_ARGUMENT. */
CLM_MUST_CHECK clm_status norm_choose(const char *name, enum norm_kind *out, struct clm_error *error);

/* ---- parameters ---- */

#define PARAMETER_NAME_MAX 48

/* What a tensor is in its layer. The last two are the running statistics of a batch normalisation, which
 * training measures; all others are parameters, which it changes by steps. */
enum parameter_role { ROLE_WEIGHT, ROLE_BIAS, ROLE_SCALE, ROLE_SHIFT, ROLE_MEAN, ROLE_VARIANCE, ROLE_COUNT };

/* One tensor of a net, before it has memory. */
struct parameter_spec {
    char name[PARAMETER_NAME_MAX]; /* "layers.0.weight", "layers.0.norm.running_mean" */
    size_t layer;
    size_t rows, columns; /* columns 0: a vector of `rows` */
    bool is_weight;       /* a matrix: drawn at random, penalised by L2; vectors are neither */
    enum parameter_role role;
};

static inline size_t parameter_elements(const struct parameter_spec *spec)
{
    return spec->rows * size_max(spec->columns, 1);
}

/* All parameters are one list: for each layer its weight and bias, then scale and shift of its
 * normalisation if it has one. */
size_t architecture_parameter_count(const struct architecture *net);
struct parameter_spec architecture_parameter(const struct architecture *net, size_t p);
/* The number of a layer's weight in that list; its bias is the next. */
size_t architecture_first_parameter(const struct architecture *net, size_t layer);

/* The running statistics are another list: for each layer with batch normalisation mean, then variance. */
size_t architecture_statistic_count(const struct architecture *net);
struct parameter_spec architecture_statistic(const struct architecture *net, size_t s);

/* Bytes of all parameters and statistics as floats; false if they do not fit into a size_t. */
bool architecture_bytes(const struct architecture *net, size_t *bytes);

#endif
