/* Training that has gone wrong: numbers that are no longer finite, and the cause. */
#ifndef CLM_TRAIN_DIVERGENCE_H
#define CLM_TRAIN_DIVERGENCE_H

#include "train/training.h"

/* The largest parameter in absolute value. */
double divergence_largest_parameter(const struct clm_model *model);

/* Fails with CLM_ERROR_ARGUMENT if the epoch's loss is no number. The first epoch's loss may have been no
 * number before the first step; the model still has the initial parameters then. */
CLM_MUST_CHECK clm_status divergence_check_loss(struct training *t, const struct clm_model *model,
                                                const struct clm_epoch *epoch, struct clm_error *error);

/* The same for the parameters of the model. The last step's loss is from before that step, so only the
 * parameters show whether it went wrong. */
CLM_MUST_CHECK clm_status divergence_check_parameters(const struct training *t, const struct clm_model *model,
                                                      struct clm_error *error);

#endif
