/* The temperature by which a net's logits are divided: its probabilities then tell how often it is right. */
#ifndef CLM_TRAIN_CALIBRATE_H
#define CLM_TRAIN_CALIBRATE_H

#include "base/error.h"

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

#endif
