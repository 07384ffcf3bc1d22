/* A net in host memory: what a model file holds. */
#ifndef CLM_NN_MODEL_H
#define CLM_NN_MODEL_H

#include "data/inputs.h"
#include "nn/architecture.h"
#include "nn/intervals.h"

struct clm_model {
    struct architecture architecture;
    bool is_activation_known; /* if not, the file said nothing, and the architecture has ReLU */
    /* All tensors of a model file, and their values: the parameters in the order of architecture_parameter,
     * the running statistics in that of architecture_statistic, then mean and scale */
    size_t tensor_count, parameter_count, statistic_count;
    struct parameter_spec *specs;
    float **values;
    float *mean, *scale; /* (I), the last two of `values`: x = (raw - mean) * scale */
    char **class_names;  /* as many as the last layer has outputs, or NULL */
    uint64_t seed;
    struct clm_inputs *inputs; /* what the rows of data become; NULL: unknown */
    double lowest, highest;    /* of the inputs in the training data; NaN: unknown */
    double temperature;        /* what predictions divide the logits by; 1 unless it was calibrated */
    double *target_mean,
        *target_deviation;      /* (targets), see nn/targets.h; NULL: classes, or not fitted yet */
    struct intervals intervals; /* of calibrated predictions of numbers */
    /* The other nets of an ensemble, of the same architecture; this one says all of them but their parameters
     * and statistics. See nn/nets.h. */
    struct clm_model **others;
    size_t other_count;
};

/* (O,I) and (O) of one layer. */
static inline float *model_weight(const struct clm_model *model, size_t layer)
{
    return model->values[architecture_first_parameter(&model->architecture, layer)];
}

static inline float *model_bias(const struct clm_model *model, size_t layer)
{
    return model->values[architecture_first_parameter(&model->architecture, layer) + 1];
}

/* How many of the tensors are the net's own. */
static inline size_t model_net_tensors(const struct clm_model *model)
{
    return model->parameter_count + model->statistic_count;
}

/* A model whose parameters are 0 and whose inputs stay as they are. Targets are not standardised. */
CLM_MUST_CHECK clm_status model_of_architecture(const struct architecture *architecture,
                                                struct clm_model **out, struct clm_error *error);
/* Copies the names of the classes, as many as the last layer has outputs. */
CLM_MUST_CHECK clm_status model_name_classes(struct clm_model *model, const char *const *names,
                                             struct clm_error *error);

/* Fails with CLM_ERROR_SHAPE unless model and data agree in features and classes. */
struct clm_data;
CLM_MUST_CHECK clm_status model_check_shape(const struct clm_model *model, const struct clm_data *data,
                                            struct clm_error *error);

/* A model of the same architecture, with zeros for parameters, and with the same treatment of inputs and
 * targets; it knows no names. *out is freed by the caller, also after a failure. */
CLM_MUST_CHECK clm_status model_like(const struct clm_model *model, struct clm_model **out,
                                     struct clm_error *error);

/* Takes over what the data says of inputs and classes, for the model's file. Fails as clm_check_fit does. */
CLM_MUST_CHECK clm_status model_describe(struct clm_model *model, const struct clm_data *data,
                                         struct clm_error *error);

#endif
