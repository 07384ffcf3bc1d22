/* What eval and predict share: a model, the data, and the probabilities of one part's rows. */
#ifndef CLM_CLI_PREDICTION_H
#define CLM_CLI_PREDICTION_H

#include "cli/arguments.h"

#include <limits.h>

struct prediction_arguments {
    char model[PATH_MAX]; /* empty where none was named */
    enum clm_part part;
    struct clm_data_options data;
    struct device_choice device;
    struct memory_limits memory;
    const char *out, *json;
};

struct prediction {
    struct clm_model *model;
    struct clm_data *data;
    size_t rows, classes;
    float *probabilities; /* (rows, classes) */
    struct clm_score score;
};

/* MODEL, --split and the shared options. */
error_t parse_prediction(int key, char *text, struct argp_state *state);

struct prediction_arguments default_prediction(void);

CLM_MUST_CHECK clm_status predict(const struct prediction_arguments *arguments, struct prediction *out,
                                  struct clm_error *error);
void prediction_free(struct prediction *prediction);

/* The first of a row's largest probabilities. */
size_t predicted_class(const struct prediction *prediction, size_t row);

/* The name that the model, or else the data, has for a class; NULL where neither has. */
const char *class_name(const struct prediction *prediction, size_t index);

#endif
