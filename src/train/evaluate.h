/* Loss, accuracy and probabilities of rows that are not trained on. */
#ifndef CLM_TRAIN_EVALUATE_H
#define CLM_TRAIN_EVALUATE_H

#include "train/feed.h"

/* The score of all rows, in their stored order, in batches of net->batch. `feed` provides the rows; `sums` is
 * overwritten. `probabilities` is (rows, classes) in host memory, or NULL. Waits. */
CLM_MUST_CHECK clm_status evaluate(struct network *net, struct feed *feed, const struct rows *rows,
                                   struct metrics *sums, float *probabilities, struct clm_score *score,
                                   struct clm_error *error);

#endif
