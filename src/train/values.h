/* What predictions of numbers are worth: counted row by row in host memory, in double and in own units. */
#ifndef CLM_TRAIN_VALUES_H
#define CLM_TRAIN_VALUES_H

#include "data/data.h"
#include "nn/targets.h"

/* Of one target: sums over its rows. */
struct value_sums {
    double squared, absolute; /* of errors */
    double mean, spread;      /* of the target; the sum of squares around the mean */
    size_t within, right;     /* rows between the outer quantiles; rows on the right side of 1/2 */
};

struct value_tally {
    const struct clm_model *model;
    size_t rows, exact;           /* exact: rows whose targets are all right */
    struct value_sums *of_target; /* (targets) */
};

/* `model` must outlive the tally. */
CLM_MUST_CHECK clm_status value_tally_create(const struct clm_model *model, struct value_tally *out,
                                             struct clm_error *error);
void value_tally_free(struct value_tally *tally);

/* Counts rows: predictions (rows, outputs) in own units, and targets (rows, targets), none of them
 * missing. */
void value_tally_add(struct value_tally *tally, const float *predictions, const double *targets, size_t rows);

/* The measures of the rows counted so far: of target t, and the means over all targets. */
struct clm_target_measures value_tally_of(const struct value_tally *tally, size_t t);
struct clm_target_measures value_tally_mean(const struct value_tally *tally);

/* Fails unless all targets of a part's rows are there, as many as the model predicts. */
CLM_MUST_CHECK clm_status check_all_targets(const struct clm_model *model, const struct clm_data *data,
                                            enum clm_part part, struct clm_error *error);

#endif
