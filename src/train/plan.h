/* The memory plan of training: how much it takes, and in how many parts a step is taken so that it fits. */
#ifndef CLM_TRAIN_PLAN_H
#define CLM_TRAIN_PLAN_H

#include "train/training.h"

/* Plans with the largest parts of a step that fit: minibatches, or if they do not, half of them, a quarter
 * and so on. If none fits, the failure is that of whole minibatches. Chooses t->split and t->residency. */
CLM_MUST_CHECK clm_status training_plan(struct training *t, const struct clm_model *model,
                                        struct clm_memory_plan *plan, struct clm_error *error);

/* Says how a minibatch that does not fit is taken. */
void training_tell_split(const struct training *t);

/* Chooses providers of products for the sizes that training has. Plan before it, so that a net that does not
 * fit is refused at once, and again after it, because providers differ in what they need. */
CLM_MUST_CHECK clm_status training_tune(struct clm_backend *be, const struct clm_model *model,
                                        const struct clm_data *data, const struct train_options *options,
                                        struct split split, struct clm_error *error);

#endif
