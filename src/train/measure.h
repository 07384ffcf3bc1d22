/* Confidence in bins, for measures and for the temperature. */
#ifndef CLM_TRAIN_MEASURE_H
#define CLM_TRAIN_MEASURE_H

#include "base/error.h"

/* Adds a row to the one of the CLM_CALIBRATION_BINS bins that its confidence is in; until bins_finish, the
 * confidence of a bin is a sum. */
void bins_add(struct clm_calibration_bin *bins, double confidence, bool is_correct);

/* Makes means of the sums, and returns the calibration error of all `rows` rows. */
double bins_finish(struct clm_calibration_bin *bins, size_t rows);

#endif
