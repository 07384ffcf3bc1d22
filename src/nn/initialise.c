#include "nn/parameters.h"

#include "base/philox.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Box-Muller on 32 bits stays below 7, so that weights fit into a float with this deviation. */
#define DEVIATION_MAX 1e30

enum scheme { SCHEME_HE, SCHEME_XAVIER, SCHEME_NORMAL };

/* The deviation of a layer's weights.
 *   he      He, Zhang, Ren, Sun (2015): 2 / I keeps the variance through a ReLU; 1 / I for the last layer
 *   xavier  Glorot, Bengio (2010): 2 / (I + O), between what forward and backward pass would have */
static double deviation_of(const struct layer_spec *layer, bool is_last, enum scheme scheme, double normal)
{
    const double I = (double)layer->inputs, O = (double)layer->outputs;
    switch (scheme) {
    case SCHEME_HE:
        return sqrt((is_last ? 1 : 2) / I);
    case SCHEME_XAVIER:
        return sqrt(2 / (I + O));
    case SCHEME_NORMAL:
        break;
    }
    return normal;
}

static void initialise_draw(struct clm_model *model, enum scheme scheme, double normal)
{
    const struct architecture *const net = &model->architecture;
    for (size_t p = 0; p < model->parameter_count; p++) {
        const struct parameter_spec *const spec = &model->specs[p];
        const size_t l = spec->layer;
        struct philox random = philox_start(model->seed, RANDOM_INIT, (uint32_t)l);
        const double deviation = deviation_of(&net->layers[l], l + 1 == net->depth, scheme, normal);
        for (size_t i = 0; i < parameter_elements(spec); i++)
            model->values[p][i] = spec->is_weight ? (float)(deviation * philox_normal(&random)) : 0;
    }
}

static clm_status read_deviation(const char *text, double *deviation, struct clm_error *error)
{
    char *end;
    *deviation = strtod(text, &end);
    if (end == text || *end || !(*deviation >= 0 && *deviation <= DEVIATION_MAX))
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "init",
            "initial parameters normal:%.40s: the deviation has to be a number from 0 to %g, as in normal:0.01",
            text, DEVIATION_MAX);
    return CLM_OK;
}

/* Parameters alone: how inputs are normalised follows the data. */
static clm_status initialise_read_file(struct clm_model *model, const char *path, struct clm_error *error)
{
    struct safetensors file;
    if (access(path, F_OK) && errno == ENOENT)
        return clm_fail_setting(
            error, CLM_ERROR_IO, "init",
            "initial parameters %s: there is no such file, and it is neither he, xavier nor normal:STD",
            path);
    clm_status status = safetensors_read(path, &file, error);
    if (status != CLM_OK)
        return status;
    status = parameters_take(model, &file, path, error);
    safetensors_free(&file);
    return status;
}

clm_status initialise(struct clm_model *model, const char *init, struct clm_error *error)
{
    double normal = 0;
    clm_status status = CLM_OK;
    if (!init || !strcmp(init, "he"))
        initialise_draw(model, SCHEME_HE, 0);
    else if (!strcmp(init, "xavier"))
        initialise_draw(model, SCHEME_XAVIER, 0);
    else if (strncmp(init, "normal:", 7))
        status = initialise_read_file(model, init, error);
    else if ((status = read_deviation(init + 7, &normal, error)) == CLM_OK)
        initialise_draw(model, SCHEME_NORMAL, normal);
    return status;
}
