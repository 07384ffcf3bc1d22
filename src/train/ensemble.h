/* The nets of an ensemble in training: one after another, and on several backends at once, each of which has
 * a thread. A training of one net is an ensemble of one. */
#ifndef CLM_TRAIN_ENSEMBLE_H
#define CLM_TRAIN_ENSEMBLE_H

#include "train/training.h"

#include <pthread.h>
#include <stdatomic.h>

/* What came of the training of one net. */
struct net_training {
    size_t epoch_count, best_epoch;
    bool is_whole; /* it was trained to its end, not stopped */
    bool is_stopped_early, is_out_of_time;
};

/* An ensemble in training, which several backends may have in common. */
struct ensemble {
    struct clm_model *model;
    const struct clm_settings *settings;
    const struct train_options *options;
    size_t count;              /* nets to train */
    size_t at_once;            /* backends */
    struct clm_epoch *epochs;  /* (count, options->epochs) */
    struct net_training *nets; /* (count) */
    size_t *kept_epochs;       /* (count), of the nets that are kept */
    pthread_mutex_t mutex;     /* of what follows, and of the caller's hooks */
    size_t next;               /* the next net to train */
    int log;                   /* of epochs, see train/epoch_log.h; -1: none */
    atomic_bool has_failed;    /* then no further one is begun */
    clm_status status;         /* the first failure */
    struct clm_error error;
};

/* Makes room for what comes of the nets. ensemble_end frees it, and accepts one that has not begun. */
CLM_MUST_CHECK clm_status ensemble_begin(struct ensemble *all, struct clm_error *error);
void ensemble_end(struct ensemble *all);

/* Holds the other threads back from the caller's hooks. */
void ensemble_lock(struct ensemble *all);
void ensemble_unlock(struct ensemble *all);

/* Whether training has to end as soon as it can: the caller wants it, or a net has failed. */
bool ensemble_is_stopped(const struct ensemble *all);

/* Trains all nets, by `t` and by the backends that the hooks have besides. Fails as the first net that
 * fails. */
CLM_MUST_CHECK clm_status ensemble_run(struct training *t, struct clm_error *error);

/* Drops the nets that were not trained to their end, or, if all were stopped, those without an epoch. The
 * epochs of the others move together, and *epochs counts them; 0 if no net is left. */
CLM_MUST_CHECK clm_status ensemble_finish(struct training *t, size_t *epochs, struct clm_error *error);

/* In train.c. Prepares a training on its backend: its plan, and its providers of products. */
CLM_MUST_CHECK clm_status train_prepare(struct training *t, struct clm_memory_plan *plan,
                                        struct clm_error *error);
/* In train.c. Trains net number `number`; the data stays on the backend for the next one. */
CLM_MUST_CHECK clm_status train_net(struct training *t, size_t number, struct clm_error *error);

#endif
