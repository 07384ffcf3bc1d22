#include "nn/fold.h"

#include <math.h>

clm_status architecture_for_prediction(const struct architecture *net, struct architecture *out,
                                       struct clm_error *error)
{
    const clm_status status = architecture_copy(net, out, error);
    if (status != CLM_OK)
        return status;
    out->input_drop = 0;
    for (size_t l = 0; l < out->depth; l++) {
        struct layer_spec *const layer = &out->layers[l];
        layer->drop = 0;
        layer->norm = layer->norm == NORM_BATCH ? NORM_NONE : layer->norm;
    }
    return CLM_OK;
}

/* The number of a layer's running mean among the statistics: each layer with batch normalisation has two. */
static size_t first_statistic(const struct architecture *net, size_t layer)
{
    size_t count = 0;
    for (size_t l = 0; l < layer; l++)
        count += net->layers[l].norm == NORM_BATCH ? 2 : 0;
    return count;
}

const float *model_values(const struct clm_model *model, size_t layer, enum parameter_role role)
{
    const struct architecture *const net = &model->architecture;
    if (role >= ROLE_MEAN)
        return model->values[model->parameter_count + first_statistic(net, layer) + (role - ROLE_MEAN)];
    return model->values[architecture_first_parameter(net, layer) + role];
}

void fold_layer(const struct clm_model *model, size_t layer, float *W, float *b)
{
    const float *of[ROLE_COUNT];
    const size_t O = model->architecture.layers[layer].outputs, I = model->architecture.layers[layer].inputs;
    for (int role = 0; role < ROLE_COUNT; role++)
        of[role] = model_values(model, layer, (enum parameter_role)role);
    for (size_t o = 0; o < O; o++) {
        const double variance = (double)of[ROLE_VARIANCE][o],
                     factor = (double)of[ROLE_SCALE][o] / sqrt(variance + NORM_EPSILON);
        for (size_t i = 0; i < I; i++)
            W[o * I + i] = (float)(factor * (double)of[ROLE_WEIGHT][o * I + i]);
        b[o] = (float)(factor * ((double)of[ROLE_BIAS][o] - (double)of[ROLE_MEAN][o]) +
                       (double)of[ROLE_SHIFT][o]);
    }
}
