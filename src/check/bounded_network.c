#include "check/bounded_network.h"

#include <stdlib.h>
#include <string.h>

static void take_floats(struct bounded *matrix, const float *values)
{
    for (size_t i = 0; i < bounded_count(matrix); i++)
        matrix->value[i] = values[i];
}

static clm_status create_layer(struct bounded_network *net, const struct clm_model *model, size_t l,
                               bool has_velocity, struct clm_error *error)
{
    const size_t I = clm_model_width(model, l), O = clm_model_width(model, l + 1);
    struct bounded *const m = net->memory + 4 * l;
    clm_status status;
    if ((status = bounded_create(TENSOR_REAL, O, I, &m[0], error)) ||
        (status = bounded_create(TENSOR_REAL, 1, O, &m[1], error)))
        return status;
    take_floats(&m[0], model_weight(model, l));
    take_floats(&m[1], model_bias(model, l));
    net->layers[l] = (struct bounded_layer){.W = &m[0], .b = &m[1]};
    if (has_velocity) {
        if ((status = bounded_create(TENSOR_REAL, O, I, &m[2], error)) ||
            (status = bounded_create(TENSOR_REAL, 1, O, &m[3], error)))
            return status;
        net->layers[l].W_velocity = &m[2];
        net->layers[l].b_velocity = &m[3];
    }
    return CLM_OK;
}

clm_status bounded_network_create(struct clm_backend *reference, const struct clm_model *model, size_t batch,
                                  bool has_velocity, struct bounded_network *out, struct clm_error *error)
{
    const size_t depth = clm_model_depth(model);
    *out = (struct bounded_network){.reference = reference,
                                    .depth = depth,
                                    .share = 1,
                                    .layers = calloc(depth, sizeof *out->layers),
                                    .outputs = calloc(depth, sizeof *out->outputs),
                                    .memory = calloc(4 * depth, sizeof *out->memory)};
    clm_status status = CLM_OK;
    if (!out->layers || !out->outputs || !out->memory)
        status = clm_fail_host_memory(error, "a check", depth * sizeof *out->memory);
    if (status == CLM_OK)
        status = bounded_create(TENSOR_REAL, batch, clm_model_width(model, 0), &out->X, error);
    if (status == CLM_OK)
        status = bounded_create(TENSOR_INDEX, 1, batch, &out->labels, error);
    if (status == CLM_OK)
        status = bounded_create(TENSOR_INDEX, 1, batch, &out->partners, error);
    for (size_t l = 0; status == CLM_OK && l < depth; l++) {
        status = create_layer(out, model, l, has_velocity, error);
        if (status == CLM_OK)
            status =
                bounded_create(TENSOR_REAL, batch, clm_model_width(model, l + 1), &out->outputs[l], error);
    }
    if (status != CLM_OK)
        bounded_network_free(out);
    return status;
}

void bounded_network_free(struct bounded_network *net)
{
    for (size_t i = 0; net->memory && i < 4 * net->depth; i++)
        bounded_free(&net->memory[i]);
    for (size_t l = 0; net->outputs && l < net->depth; l++)
        bounded_free(&net->outputs[l]);
    bounded_free(&net->X);
    bounded_free(&net->labels);
    bounded_free(&net->partners);
    free(net->layers);
    free(net->outputs);
    free(net->memory);
    memset(net, 0, sizeof *net);
}

static struct bounded input_of(const struct bounded_network *net, size_t l, size_t rows)
{
    return bounded_first_rows(l ? &net->outputs[l - 1] : &net->X, rows);
}

static clm_status forward(struct bounded_network *net, size_t rows, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t l = 0; status == CLM_OK && l < net->depth; l++) {
        const struct bounded X = input_of(net, l, rows);
        struct bounded Y = bounded_first_rows(&net->outputs[l], rows);
        const enum activation act = l + 1 < net->depth ? ACTIVATION_RELU : ACTIVATION_NONE;
        status = bounded_forward(net->reference, &X, &net->layers[l], act, &Y, error);
    }
    return status;
}

/* A step where `step` is not NULL, or the gradients. */
static clm_status propagate(struct bounded_network *net, size_t rows, const struct step *step, double l2,
                            struct bounded *dW, struct bounded *db, struct bounded_sums *sums,
                            struct clm_error *error)
{
    clm_status status = forward(net, rows, error);
    if (status != CLM_OK)
        return status;
    struct bounded made = {0}; /* dZ, where it is not in the outputs */
    struct bounded dZ = bounded_first_rows(&net->outputs[net->depth - 1], rows);
    struct bounded labels = net->labels, partners = net->partners;
    labels.columns = partners.columns = rows;
    const struct bounded_mixture mixture = {&partners, net->share};
    status = bounded_softmax_xent(net->reference, &dZ, &labels, net->share < 1 ? &mixture : NULL, &dZ, sums,
                                  error);
    for (size_t l = net->depth; status == CLM_OK && l-- > 0;) {
        const struct bounded_layer *const layer = &net->layers[l];
        const struct bounded X = input_of(net, l, rows);
        struct bounded dX = {0};
        if (l > 0 && !(status = bounded_create(TENSOR_REAL, rows, X.columns, &dX, error)))
            status = bounded_backward_input(net->reference, &dZ, layer, &X, &dX, error);
        if (status == CLM_OK)
            status = step
                         ? bounded_backward_update(net->reference, &dZ, &X, layer, step, error)
                         : bounded_backward_params(net->reference, &dZ, &X, layer, l2, &dW[l], &db[l], error);
        bounded_free(&made);
        made = dZ = dX;
    }
    bounded_free(&made);
    return status;
}

clm_status bounded_network_step(struct bounded_network *net, size_t rows, const struct step *step,
                                struct bounded_sums *sums, struct clm_error *error)
{
    return propagate(net, rows, step, 0, NULL, NULL, sums, error);
}

clm_status bounded_network_gradients(struct bounded_network *net, size_t rows, double l2, struct bounded *dW,
                                     struct bounded *db, struct bounded_sums *sums, struct clm_error *error)
{
    return propagate(net, rows, NULL, l2, dW, db, sums, error);
}
