/* Loss and accuracy over epochs, drawn with cairo. */
#ifndef CLM_TRAIN_CURVES_H
#define CLM_TRAIN_CURVES_H

#include "base/error.h"

/* Draws the curves of training and of validation, if there is any, loss left and accuracy right, or RMSE if
 * `is_regression`; and the test score, unless `test` is NULL. Writes them to `path` as PNG. */
CLM_MUST_CHECK clm_status curves_draw(const struct clm_epoch *epochs, size_t count,
                                      const struct clm_score *test, bool is_regression, const char *title,
                                      const char *path, struct clm_error *error);

#endif
