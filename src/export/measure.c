/* What weights of 8 bits cost: rows predicted with them and with those of float32, as the C file does it. */
#include "export/int8.h"

#include "base/size.h"
#include "data/data.h"
#include "nn/targets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Memory for one row. */
struct measuring {
    const struct portable *net;
    struct int8_layer *layers8; /* (depth) */
    size_t widest;
    float *features, *a, *b; /* (widest) */
    int16_t *q;
};

static clm_status measuring_create(const struct portable *net, struct measuring *out, struct clm_error *error)
{
    *out = (struct measuring){.net = net, .widest = net->features};
    for (size_t l = 0; l < net->depth; l++)
        out->widest = size_max(out->widest, net->layers[l].outputs);
    out->layers8 = calloc(net->depth, sizeof *out->layers8);
    out->features = calloc(out->widest, sizeof *out->features);
    out->a = calloc(out->widest, sizeof *out->a);
    out->b = calloc(out->widest, sizeof *out->b);
    out->q = calloc(out->widest, sizeof *out->q);
    clm_status status = out->layers8 && out->features && out->a && out->b && out->q
                            ? CLM_OK
                            : clm_fail_host_memory(error, "a row of the model", out->widest * sizeof(float));
    for (size_t l = 0; status == CLM_OK && l < net->depth; l++)
        status = int8_create(&net->layers[l], &out->layers8[l], error);
    return status;
}

static void measuring_free(struct measuring *measuring)
{
    for (size_t l = 0; measuring->layers8 && l < measuring->net->depth; l++)
        int8_free(&measuring->layers8[l]);
    free(measuring->layers8);
    free(measuring->features);
    free(measuring->a);
    free(measuring->b);
    free(measuring->q);
}

static double act(enum activation activation, double z)
{
    switch (activation) {
    case ACTIVATION_RELU:
        return z < 0 ? 0 : z;
    case ACTIVATION_LEAKY:
        return z < 0 ? 0.01 * z : z;
    case ACTIVATION_ELU:
        return z < 0 ? expm1(z) : z;
    case ACTIVATION_TANH:
        return tanh(z);
    case ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-z));
    case ACTIVATION_GELU:
        return z * erfc(-z / sqrt(2)) / 2;
    case ACTIVATION_SILU:
        return z / (1 + exp(-z));
    case ACTIVATION_MISH:
        return z * tanh(log1p(exp(fmin(z, 20))));
    case ACTIVATION_NONE:
    case ACTIVATION_COUNT:
        break;
    }
    return z;
}

static void normalise_row(const struct portable_layer *layer, float *y)
{
    const size_t O = layer->outputs;
    double mean = 0, variance = 0;
    for (size_t o = 0; o < O; o++)
        mean += (double)y[o] / (double)O;
    for (size_t o = 0; o < O; o++)
        variance += pow((double)y[o] - mean, 2) / (double)O;
    for (size_t o = 0; o < O; o++)
        y[o] = (float)(((double)y[o] - mean) / sqrt(variance + NORM_EPSILON) * (double)layer->scale[o] +
                       (double)layer->shift[o]);
}

static void float_linear(const struct portable_layer *layer, const float *x, float *y)
{
    for (size_t o = 0; o < layer->outputs; o++) {
        const float *const w = layer->W + o * layer->inputs;
        float sums[4] = {0};
        size_t i = 0;
        for (; i + 4 <= layer->inputs; i += 4)
            for (size_t s = 0; s < 4; s++)
                sums[s] += w[i + s] * x[i + s];
        for (; i < layer->inputs; i++)
            sums[0] += w[i] * x[i];
        y[o] = layer->b[o] + (sums[0] + sums[1] + (sums[2] + sums[3]));
    }
}

/* The outputs of the last layer, in memory of `measuring`. */
static float *run_row(struct measuring *measuring, bool is_int8)
{
    float *x = measuring->a, *y = measuring->b;
    memcpy(x, measuring->features, measuring->net->features * sizeof *x);
    for (size_t l = 0; l < measuring->net->depth; l++) {
        const struct portable_layer *const layer = &measuring->net->layers[l];
        if (is_int8)
            int8_linear(layer, &measuring->layers8[l], x, measuring->q, y);
        else
            float_linear(layer, x, y);
        if (layer->scale)
            normalise_row(layer, y);
        for (size_t o = 0; o < layer->outputs; o++)
            y[o] = (float)act(layer->activation, (double)y[o]) + (layer->skip ? x[o] : 0);
        float *const other = x;
        x = y;
        y = other;
    }
    return x;
}

static void take_features(struct measuring *measuring, const struct clm_data *data, const struct rows *rows,
                          size_t row)
{
    const struct clm_model *const model = measuring->net->model;
    const unsigned char *const bytes = data_row(data, rows, row);
    const float *const floats = data_row(data, rows, row);
    for (size_t i = 0; i < data->features; i++) {
        const float raw = data->element == ELEMENT_BYTE ? (float)bytes[i] : floats[i];
        measuring->features[i] = (raw - model->mean[i]) * model->scale[i];
    }
}

/* Adds what one row says: 1 if the largest output is that of its label, or the squares of what the outputs
 * are off. */
static double score_row(const struct measuring *measuring, float *z, const struct rows *rows, size_t row)
{
    const struct portable *const net = measuring->net;
    const size_t T = net->outputs / net->quantiles;
    size_t best = 0;
    double sum = 0;
    if (net->end == PORTABLE_SOFTMAX) {
        for (size_t c = 1; c < net->outputs; c++)
            best = z[c] > z[best] ? c : best;
        return best == rows->labels[row];
    }
    outputs_to_units(net->model, z, 1);
    for (size_t t = 0; t < T; t++) {
        const double target = rows->targets[row * T + t],
                     value = (double)z[t * net->quantiles + model_middle(net->model)];
        sum += (net->end == PORTABLE_SIGMOID ? (value > 0.5) == (target > 0.5) : pow(value - target, 2)) /
               (double)T;
    }
    return sum;
}

clm_status clm_export_measure(const struct clm_model *model, const struct clm_data *data, enum clm_part part,
                              struct clm_export_loss *out, struct clm_error *error)
{
    const struct rows *const rows = data_part(data, part);
    struct portable net = {0};
    struct measuring measuring = {.net = &net};
    double sums[2] = {0};
    clm_status status = clm_check_fit(model, data, error);
    if (status != CLM_OK)
        return status;
    if (!rows->count || rows_unlabelled(data, rows))
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "split",
                                "%s: the %s part has %s; name another part", data->source, part_names[part],
                                rows->count ? "rows without labels" : "no rows");
    status = portable_create(model, &net, error);
    if (status == CLM_OK)
        status = measuring_create(&net, &measuring, error);
    for (size_t r = 0; status == CLM_OK && r < rows->count; r++) {
        take_features(&measuring, data, rows, r);
        for (int is_int8 = 0; is_int8 < 2; is_int8++)
            sums[is_int8] += score_row(&measuring, run_row(&measuring, is_int8), rows, r);
    }
    *out = (struct clm_export_loss){.rows = rows->count, .is_error = net.end == PORTABLE_UNITS};
    for (int i = 0; i < 2; i++) {
        const double mean = sums[i] / (double)rows->count;
        *(i ? &out->int8 : &out->float32) = out->is_error ? sqrt(mean) : mean;
    }
    measuring_free(&measuring);
    portable_free(&net);
    return status;
}
