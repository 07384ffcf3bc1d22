/* What validation rows tell a trained net. The temperature by which a net's logits are divided: its
 * probabilities then tell how often it is right. */
#ifndef CLM_TRAIN_CALIBRATE_H
#define CLM_TRAIN_CALIBRATE_H

#include "nn/model.h"

/* Finds the temperature T that makes the mean cross-entropy of softmax(Z / T) against the labels the least,
 * to a relative 1e-6; the loss is convex in 1 / T. Everything is computed in double, in host memory.
 *
 *   logits  (rows, classes), finite
 *   labels  (rows), each below `classes`
 *   out     losses and calibration errors with T = 1 and with T. Not fitted, with T = 1, if no T from
 *           TEMPERATURE_LEAST to TEMPERATURE_MOST is the best: the net is right in all rows, or so wrong that
 *           the same probability for each class were better */
#define TEMPERATURE_LEAST 0.01
#define TEMPERATURE_MOST  100.0
void calibrate_logits(const float *logits, const uint32_t *labels, size_t rows, size_t classes,
                      struct clm_calibration *out);

/* Keeps in the model what its intervals are made from.
 *
 *   predictions  (rows, outputs), in own units
 *   spread       (rows, outputs), of the nets, of standardised targets
 *   targets      (rows, targets)
 *
 * CLM_ERROR_FORMAT names a row whose prediction is no finite number. */
CLM_MUST_CHECK clm_status calibrate_targets(struct clm_model *model, const float *predictions,
                                            const double *spread, const double *targets, size_t rows,
                                            struct clm_error *error);

#endif
