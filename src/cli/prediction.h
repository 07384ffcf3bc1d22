/* What eval and predict share: a model, the data, and the probabilities of one part's rows. */
#ifndef CLM_CLI_PREDICTION_H
#define CLM_CLI_PREDICTION_H

#include "cli/arguments.h"

struct prediction {
    struct clm_settings *settings;
    enum clm_part part;
    struct clm_model *model;
    struct clm_data *data;
    size_t rows, classes;
    float *probabilities; /* (rows, classes) */
    struct clm_score score;
};

/* Parses the command's arguments, loads MODEL (a model's file, or the run directory that holds it), and predicts. */
CLM_MUST_CHECK clm_status predict(const char *doc, int argc, char **argv, struct prediction *out,
                                  struct clm_error *error);
void prediction_free(struct prediction *prediction);

/* The first of a row's largest probabilities. */
size_t predicted_class(const struct prediction *prediction, size_t row);

/* The name that the model, or else the data, has for a class; NULL if neither has one. */
const char *class_name(const struct prediction *prediction, size_t index);

#endif
