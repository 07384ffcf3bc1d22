/* What came of a run: scores of its parts, and signs that the net has learned nothing. */
#ifndef CLM_TRAIN_OUTCOME_H
#define CLM_TRAIN_OUTCOME_H

#include "train/training.h"

/* Judges the kept net, calibrates it if that is wanted, and scores the test part, which replaces resident
 * training data. */
CLM_MUST_CHECK clm_status outcome_judge(struct training *t, struct clm_model *model,
                                        struct clm_train_result *result, struct clm_error *error);

/* Fails with the loss that is no number; the run has been written. */
CLM_MUST_CHECK clm_status outcome_fail_unsound(const struct training *t, struct clm_error *error);

#endif
