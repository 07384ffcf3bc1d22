/* Signs that a net has learned nothing, and what is likely to be the cause. */
#ifndef CLM_TRAIN_VERDICT_H
#define CLM_TRAIN_VERDICT_H

#include "nn/model.h"
#include "nn/weights.h"
#include "train/evaluate.h"

/* Guessing by the frequencies of the classes in the training part, each row times the weight of its class. */
struct guess {
    double loss;            /* the entropy of these frequencies [nats] */
    size_t majority;        /* the class with the most rows, the first of those */
    double share;           /* its share of the training rows */
    const double *of_class; /* weights of the classes, or NULL: all are 1 */
};

CLM_MUST_CHECK clm_status guess_make(const struct clm_data *data, const double *of_class, struct guess *out,
                                     struct clm_error *error);

/* The settings of a run that a verdict looks at. */
struct run_about {
    double learning_rate, momentum, l2;
    size_t steps; /* of all epochs */
    bool has_weights;
};

/* Whether a part may have to be tallied for a verdict: its score is no number, or above that of guessing, or
 * as if one class had been predicted for all rows; or the classes are weighted, so that the score does not
 * tell. */
CLM_MUST_CHECK clm_status verdict_is_needed(const struct guess *guess, const struct clm_data *data,
                                            enum clm_part part, const struct clm_score *score,
                                            bool *is_needed, struct clm_error *error);

/* What is wrong with a part's predictions. The caller frees the sentence of *out; it is NULL if nothing is
 * wrong. */
CLM_MUST_CHECK clm_status verdict_on(const struct guess *guess, const struct clm_data *data,
                                     const struct clm_model *model, enum clm_part part,
                                     const struct tally *tally, const struct run_about *run,
                                     struct clm_warning *out, struct clm_error *error);

/* CLM_ERROR_FORMAT: the loss of the part is no finite number. Names the row and what is wrong with it. */
clm_status fail_loss(const struct clm_model *model, const struct clm_data *data, enum clm_part part,
                     const struct tally *tally, struct clm_error *error);

#endif
