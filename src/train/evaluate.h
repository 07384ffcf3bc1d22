/* Loss, accuracy and probabilities of rows that are not trained on. */
#ifndef CLM_TRAIN_EVALUATE_H
#define CLM_TRAIN_EVALUATE_H

#include "train/feed.h"

/* What a net makes of the rows of a part, counted in host memory from its logits, whose losses are summed in
 * double. */
struct tally {
    size_t classes;
    size_t *rows;        /* (classes): of each class */
    size_t *predicted;   /* (classes): rows for which a net predicts it */
    double *losses;      /* (classes): sums of the losses of its rows [nats] */
    float *logits;       /* (batch, classes) */
    float *all_logits;   /* (rows of the part, classes), of the caller, which gets them; or NULL */
    size_t count, worst; /* rows counted; the one with the largest loss, or the first NaN */
    double worst_loss;
};

CLM_MUST_CHECK clm_status tally_create(size_t classes, size_t batch, struct tally *out,
                                       struct clm_error *error);
void tally_free(struct tally *tally);

/* The score of all rows, in their stored order, in batches of net->batch; weights do not matter. `feed`
 * provides the rows; `sums` is overwritten. `probabilities` is (rows, classes) in host memory, or NULL.
 * `tally`, made for net->batch, counts the rows, unless it is NULL. Waits. */
CLM_MUST_CHECK clm_status evaluate(struct network *net, struct feed *feed, const struct rows *rows,
                                   struct metrics *sums, float *probabilities, struct tally *tally,
                                   struct clm_score *score, struct clm_error *error);

/* What an evaluation takes and gives besides; each may be NULL. */
struct outputs {
    const float *given;   /* (rows, outputs): they are taken for the net's, which then computes nothing */
    float *computed;      /* (rows, outputs): as the net has them, logits or standardised numbers */
    float *probabilities; /* as in `evaluate` */
    struct tally *tally;
    double
        *spread; /* (rows, outputs): of an ensemble's nets, of standardised numbers; of evaluate_nets only */
};

/* `evaluate` with more to take and to give. */
CLM_MUST_CHECK clm_status evaluate_outputs(struct network *net, struct feed *feed, const struct rows *rows,
                                           struct metrics *sums, const struct outputs *outputs,
                                           struct clm_score *score, struct clm_error *error);

/* clm_predict, and the spread of an ensemble's nets (rows, outputs), of standardised numbers, unless it is
 * NULL; it stays as it is if there is one net only. */
CLM_MUST_CHECK clm_status predict_part(struct clm_backend *be, const struct clm_model *model,
                                       const struct clm_data *data, enum clm_part part, float *probabilities,
                                       double *spread, struct clm_score *score, struct clm_error *error);

#endif
