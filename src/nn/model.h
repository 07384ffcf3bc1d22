/* A net in host memory: what a model file holds. */
#ifndef CLM_NN_MODEL_H
#define CLM_NN_MODEL_H

#include "base/error.h"

struct clm_model {
    size_t depth;        /* linear layers, at least one */
    size_t *widths;      /* depth + 1: inputs, hidden …, classes */
    float **weights;     /* depth of (O,I) */
    float **biases;      /* depth of (O) */
    float *mean, *scale; /* (I): x = (raw - mean) * scale */
    char **class_names;  /* widths[depth] of them, or NULL */
    uint64_t seed;
};

/* Takes over the data's class names, for the model's file. Fails as clm_check_fit does. */
struct clm_data;
CLM_MUST_CHECK clm_status model_name_classes(struct clm_model *model, const struct clm_data *data,
                                             struct clm_error *error);

#endif
