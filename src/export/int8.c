#include "export/int8.h"

#include "base/size.h"

#include <math.h>
#include <stdlib.h>

#define WEIGHT_MOST 127
#define LIMIT_LEAST 127 /* inputs are rounded to as many steps as weights, or more */

clm_status int8_create(const struct portable_layer *layer, struct int8_layer *out, struct clm_error *error)
{
    const size_t I = layer->inputs, O = layer->outputs, most = INT32_MAX / WEIGHT_MOST / I;
    *out = (struct int8_layer){.W = calloc(O, I),
                               .scale = calloc(O, sizeof *out->scale),
                               .limit = (int32_t)size_min(most, INT16_MAX)};
    if (!out->W || !out->scale)
        return clm_fail_host_memory(error, "weights of 8 bits", O * I);
    if (most < LIMIT_LEAST)
        return clm_fail_setting(
            error, CLM_ERROR_SHAPE, "int8",
            "a layer with %zu inputs has too many for sums of 32 bits; leave int8 out, or make the layer narrower",
            I);
    for (size_t o = 0; o < O; o++) {
        const float *const row = layer->W + o * I;
        float largest = 0;
        for (size_t i = 0; i < I; i++)
            largest = fmaxf(largest, fabsf(row[i]));
        out->scale[o] = largest / WEIGHT_MOST;
        for (size_t i = 0; i < I; i++)
            out->W[o * I + i] = (int8_t)(out->scale[o] > 0 ? roundf(row[i] / out->scale[o]) : 0);
    }
    return CLM_OK;
}

void int8_free(struct int8_layer *layer)
{
    free(layer->W);
    free(layer->scale);
    *layer = (struct int8_layer){0};
}

void int8_linear(const struct portable_layer *layer, const struct int8_layer *of, const float *x, int16_t *q,
                 float *y)
{
    const size_t I = layer->inputs;
    const float limit = (float)of->limit;
    float most = 0;
    for (size_t i = 0; i < I; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    const float step = most / limit, inverse = step > 0 ? limit / most : 0;
    for (size_t i = 0; i < I; i++) {
        const float v = x[i] * inverse;
        q[i] = (int16_t)(v >= limit   ? of->limit
                         : v > -limit ? (int32_t)(v < 0 ? v - 0.5f : v + 0.5f)
                                      : -of->limit);
    }
    for (size_t o = 0; o < layer->outputs; o++) {
        const int8_t *const w = of->W + o * I;
        int32_t sum = 0;
        for (size_t i = 0; i < I; i++)
            sum += w[i] * q[i];
        y[o] = layer->b[o] + (float)sum * (of->scale[o] * step);
    }
}
