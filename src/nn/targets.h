/* The numbers that a net learns to predict, and its outputs: the net sees (target - mean) / deviation, and
 * its outputs come back to the targets' own units. */
#ifndef CLM_NN_TARGETS_H
#define CLM_NN_TARGETS_H

#include "nn/model.h"

/* Takes mean and deviation of each target from the training part, unless the model has them; a target that
 * never changes has the deviation 1. Those of the loss binary stay as they are, and must be 0 or 1, or that
 * is CLM_ERROR_FORMAT. Does nothing for a loss with labels. */
CLM_MUST_CHECK clm_status model_fit_targets(struct clm_model *model, const struct clm_data *data,
                                            struct clm_error *error);

/* Copies mean and deviation of each target, if `from` has them. */
CLM_MUST_CHECK clm_status model_take_targets(struct clm_model *model, const struct clm_model *from,
                                             struct clm_error *error);

/* The target as the net sees it. */
float target_of_net(const struct clm_model *model, size_t target, double value);

/* Turns `rows` rows of outputs, in place, into predictions: in own units, quantiles of a target sorted so
 * that they never cross, or probabilities for the loss binary. */
void outputs_to_units(const struct clm_model *model, float *outputs, size_t rows);

/* Sorts the quantiles of each target in `rows` rows of outputs, so that they never cross. Does nothing for
 * other losses. */
void outputs_sort(const struct clm_model *model, float *outputs, size_t rows);

/* Which of a target's outputs predicts the target itself: the quantile nearest to 1/2, the first of those. */
size_t model_middle(const struct clm_model *model);

/* As the text of a JSON list, for a model's file; NULL if there is no memory. */
char *targets_text(const struct clm_model *model);
/* Reads what targets_text wrote. The sentence of a failure names no file. */
CLM_MUST_CHECK clm_status targets_parse(const char *text, struct clm_model *model, struct clm_error *error);

#endif
