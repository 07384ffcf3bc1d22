#include "nn/temperature.h"

#include <stdlib.h>
#include <string.h>

/* The index among the model's tensors of one that it has. */
static size_t tensor_index(const struct clm_model *model, const float *values)
{
    size_t p = 0;
    while (model->values[p] != values)
        p++;
    return p;
}

/* A copy of tensor p, divided by the temperature; NULL if there is no memory. */
static float *divided(const struct clm_model *model, size_t p)
{
    const size_t count = parameter_elements(&model->specs[p]);
    float *const copy = calloc(count, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        copy[i] = (float)((double)model->values[p][i] / model->temperature);
    return copy;
}

clm_status network_write_tempered(struct network *net, const struct clm_model *model, struct clm_error *error)
{
    if (model->temperature == 1)
        return network_write(net, model, error);
    const size_t last = model->architecture.depth - 1,
                 weight = tensor_index(model, model_weight(model, last)),
                 bias = tensor_index(model, model_bias(model, last));
    struct clm_model tempered = *model; /* its values are the model's but two */
    tempered.values = calloc(model->tensor_count, sizeof *tempered.values);
    float *const divided_weight = divided(model, weight), *const divided_bias = divided(model, bias);
    clm_status status;
    if (!tempered.values || !divided_weight || !divided_bias) {
        status = clm_fail_host_memory(error, "the last layer with its temperature",
                                      parameter_elements(&model->specs[weight]) * sizeof(float));
    } else {
        memcpy(tempered.values, model->values, model->tensor_count * sizeof *tempered.values);
        tempered.values[weight] = divided_weight;
        tempered.values[bias] = divided_bias;
        status = network_write(net, &tempered, error);
    }
    free(divided_weight);
    free(divided_bias);
    free(tempered.values);
    return status;
}
