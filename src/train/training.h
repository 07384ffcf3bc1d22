/* What a training run holds, and the settings that it reads. */
#ifndef CLM_TRAIN_TRAINING_H
#define CLM_TRAIN_TRAINING_H

#include "nn/weights.h"
#include "train/checkpoint.h"
#include "train/course.h"
#include "train/evaluate.h"
#include "train/feed.h"

/* The settings that training reads, by type. */
struct train_options {
    size_t epochs, batch;
    size_t accumulate; /* minibatches of a step */
    enum clm_resident resident;
    /* Rows that are shuffled together, in blocks of at most a megabyte that each epoch draws from the whole
     * set. 0 means all rows if they are resident, else as many as fit. Rounded down to whole blocks. Streamed
     * and resident data give the same bits for the same shard. */
    size_t shard;
    struct extras extras;
    struct step step; /* its learning rate is the largest; rate and number change from step to step */
    uint64_t seed;
    bool shuffle;
    const char *class_weight; /* as in clm_class_weights; NULL: all classes count the same */
    bool train_score, calibrate;
    struct clm_augmentation augmentation;
    const char *out; /* run directory to write, NULL for none; one that holds a run is refused */
    struct clm_train_hooks hooks;
};

/* A step takes `step_rows` rows, in parts of at most `part` rows that fit into the backend's memory. */
struct split {
    size_t step_rows, part;
};

struct ensemble;

/* Everything that training holds on the backend. At the end a resident test set replaces the training data.
 * If data is streamed, all sets go through one feed, one after the other. */
struct training {
    struct clm_backend *be;
    const struct clm_data *data;
    const struct train_options *options;
    struct ensemble *ensemble; /* see train/ensemble.h */
    size_t number;             /* of the net in training, from 0 */
    uint64_t seed;             /* of that net */
    struct network net;
    struct split split;
    struct residency residency;
    struct feed train, validation, test;
    struct augmentation augmentation;
    struct metrics sums;
    struct clm_epoch *epochs; /* of the net in training; then of all nets */
    size_t epoch_count;       /* finished */
    struct clm_epoch kept;    /* whose parameters are kept */
    bool is_range_over;
    struct course course;
    bool has_course; /* it has begun, but no epoch has */
    struct checkpoints checkpoints;
    size_t rows_done;            /* of an epoch that the run stopped in */
    struct clm_epoch unfinished; /* the last epoch, but with the scores at that place */
    double largest_weight;       /* of the initial parameters, in absolute value */
    struct row_weights weights;
    struct rows rows; /* the training part, with these weights; without them it has none */
    /* A loss of validation or test rows that is no number: it fails the run, after the run is written. */
    clm_status unsound;
    struct clm_error why_unsound;
};

bool training_is_weighted(const struct training *t);

/* The rows of the largest set, if one feed is for all sets. */
size_t training_largest_set(const struct clm_data *data);

/* What the network is for. */
struct network_use training_use(const struct train_options *options, struct split split);

/* Memory for the training and the validation rows, as t->residency says, or to free it. */
CLM_MUST_CHECK clm_status training_create_data(struct training *t, struct clm_error *error);
void training_free_data(struct training *t);

/* Memory for the net, and for the sums of its losses. */
CLM_MUST_CHECK clm_status training_create_network(struct training *t, const struct clm_model *model,
                                                  struct clm_error *error);

/* Memory for the test rows, if there are any. */
CLM_MUST_CHECK clm_status training_create_test_data(struct training *t, struct clm_error *error);

void training_free(struct training *t);

/* Scores the present net on a part; `tally` may be NULL. */
CLM_MUST_CHECK clm_status training_score_part(struct training *t, enum clm_part part, struct tally *tally,
                                              struct clm_score *score, struct clm_error *error);

/* Scores the mean of all nets on a part; *mean gets the mean of their own scores, unless it is NULL or there
 * is one net only. */
CLM_MUST_CHECK clm_status training_score_nets(struct training *t, enum clm_part part, struct tally *tally,
                                              struct clm_score *mean, struct clm_score *score,
                                              struct clm_error *error);

/* Predicts a part with the mean of all nets, and scores it; `outputs` as in evaluate_nets. */
CLM_MUST_CHECK clm_status training_predict_nets(struct training *t, enum clm_part part,
                                                const struct outputs *outputs, struct clm_score *score,
                                                struct clm_error *error);

#endif
