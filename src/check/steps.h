/* Whole training steps of a small net, from a resident data set to the final weights. */
#ifndef CLM_CHECK_STEPS_H
#define CLM_CHECK_STEPS_H

#include "prove/operations.h"

#define STEPS_NAME       "training_steps"
#define STEPS_WIDTHS_MAX 8

/* One net, trained for `epochs` epochs of a data set whose last minibatch is smaller. */
struct step_case {
    size_t widths[STEPS_WIDTHS_MAX]; /* a 0 ends them if there are fewer */
    size_t rows, batch, epochs;
    double momentum, l2, l1, weight_decay;
    double average;      /* the decay of the moving average of the parameters; 0: there is none */
    size_t parts;        /* in which a batch comes; 0: as a whole */
    double clip;         /* the most that the length of all gradients may be; 0: any */
    enum activation act; /* of the hidden layers */
    enum rule rule;      /* RULE_SGD: the momentum says whether it is RULE_MOMENTUM */
    bool is_augmented;   /* with all changes; the inputs are pictures of 3 channels */
    bool is_float;       /* the data is floats, else bytes */
    bool is_extreme;     /* float data: inputs of ±1e4 among small ones */
    bool is_weighted;    /* the rows have weights */
    enum norm_kind norm; /* of the hidden layers */
    double drop;         /* share of the inputs, and of the hidden layers' outputs */
    bool has_skips;      /* in hidden layers that are as wide as what they take */
    enum loss_kind loss; /* with numbers of its own; one with values has no pictures, whose rows are mixed */
    double smoothing;    /* of cross-entropy */
    size_t quantiles;    /* of the loss quantile, for each target; 0: one */
    uint64_t seed;       /* of data and parameters */
};

size_t steps_depth(const struct step_case *which); /* linear layers */

/* "33-65-10 B=31 N=40 x2 momentum=0.9 l2=0.01 relu", which steps_parse reads; without the seed. */
void steps_describe(const struct step_case *which, char shape[SHAPE_TEXT_MAX]);
CLM_MUST_CHECK clm_status steps_parse(const char *text, struct step_case *out, struct clm_error *error);

/* Takes the steps on `device` and adds the verdict to *out, which judgement_begin began. If `bounds` is NULL,
 * only the hash matters. */
CLM_MUST_CHECK clm_status steps_judge(struct clm_backend *device, struct clm_backend *bounds,
                                      const struct step_case *which, struct judgement *out,
                                      struct clm_error *error);

/* Compares the steps on `device` with those of `bounds`; then again, up to `repeats` runs, which must give
 * the same bits. */
CLM_MUST_CHECK clm_status steps_check(struct clm_backend *device, struct clm_backend *bounds,
                                      const struct step_case *which, size_t repeats, struct clm_check *check,
                                      struct clm_error *error);

#endif
