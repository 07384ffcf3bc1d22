/* Shared by eval and predict: a model, the data, and the probabilities of one part's rows. */
#ifndef CLM_CLI_PREDICTION_H
#define CLM_CLI_PREDICTION_H

#include "cli/arguments.h"

#include <limits.h>

struct prediction {
    enum clm_part part;
    struct clm_model *model;
    struct clm_data *data;
    size_t rows, classes;
    float *probabilities;   /* (rows, classes); of a model with targets its outputs, in own units */
    double coverage;        /* of the intervals; 0: there are none */
    double *bounds;         /* (rows, targets, 2), lowest and highest value of each; NULL: there are none */
    struct clm_score score; /* zeros if labels are not needed */
};

#define MODEL_OPERAND "MODEL", "a model is needed, as in run/model.safetensors" /* of a command */

/* Writes the path of a model's file into `path`: `name`, or the file in the run directory that it names.
 * `what` names it in a message. */
void find_model(const char *command, const char *what, const char *name, char path[PATH_MAX]);

/* Opens data for a model, whose columns its own become, and whose classes its labels. */
CLM_MUST_CHECK clm_status open_data_for(const struct clm_model *model, struct clm_data_options options,
                                        struct clm_data **out, struct clm_error *error);
/* A remark of the command if the part's values are on another scale than those that the model was trained
 * on. */
CLM_MUST_CHECK clm_status tell_scale(const char *command, const struct clm_model *model,
                                     const struct clm_data *data, enum clm_part part,
                                     struct clm_error *error);

/* Loads MODEL (its file, or the run directory with one) and predicts. Rows without labels are refused if
 * `needs_labels`. *out must be freed in any case. */
CLM_MUST_CHECK clm_status predict(struct invocation *in, bool needs_labels, struct prediction *out,
                                  struct clm_error *error);
void prediction_free(struct prediction *prediction);

/* What clmlp eval tells of a model that predicts targets. */
CLM_MUST_CHECK clm_status eval_targets(struct invocation *in, const struct prediction *prediction,
                                       struct clm_error *error);

/* "nets      3  predictions are their mean"; nothing for a model of one net. */
void print_nets(const struct clm_model *model);

/* The first of a row's largest probabilities. */
size_t predicted_class(const struct prediction *prediction, size_t row);

/* The model's name for a class, or else the data's; NULL if neither has one. */
const char *class_name(const struct prediction *prediction, size_t index);

#endif
