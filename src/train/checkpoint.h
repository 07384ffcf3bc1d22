/* Checkpoints: all that a run in training remembers between two steps, in a file from which it goes on with
 * the same bits. It is a safetensors file, whose numbers keep the type that the backend computes in:
 *
 *   parameters.P.value, .state.S, .average   in the order of architecture_parameter
 *   statistics.S                             in the order of architecture_statistic
 *   ahead.0.outputs                          of the next minibatch, if the last step has computed them
 *   best.NAME                                the parameters that stop-after would keep
 *   sums, epochs, course                     losses of the running epoch; finished epochs; struct course
 *
 * The metadata has the settings of the run, what was trained where and with which kernels, a fingerprint of
 * the data, and the place in the run. What follows from these is not stored: initial weights, the order of
 * rows, what is dropped, and changed rows. */
#ifndef CLM_TRAIN_CHECKPOINT_H
#define CLM_TRAIN_CHECKPOINT_H

#include "base/error.h"
#include "nn/safetensors.h"

struct training;

#define CHECKPOINT "checkpoint.safetensors"

/* The checkpoints of a run. */
struct checkpoints {
    const char *directory; /* NULL: there are none, and the fields below mean nothing */
    double seconds;        /* between two of them; 0: they do not go by time */
    size_t steps;          /* the same in steps */
    size_t kept;           /* how many stay beside the last one */
    double written;        /* when the last one was, on the clock */
    uint64_t fingerprint;  /* of the data, once it has been needed */
    bool has_fingerprint;
    double best;     /* the best validation score so far, the larger the better; -HUGE_VAL: none */
    bool is_halted;  /* the run was stopped between two steps, as asked */
    bool is_written; /* the last attempt succeeded */
    bool is_there;   /* one attempt did */
    /* Of a run that goes on: the file, and the place, until training is there. */
    struct safetensors file;
    char *path;
    size_t position;      /* rows of the running epoch that are done */
    double epoch_seconds; /* that they took */
};

/* Reads the settings out, resume, checkpoint-every and keep-checkpoints; for a run that goes on, also its
 * checkpoint, and compares the settings. Fails with CLM_ERROR_ARGUMENT if they contradict each other or are
 * not those of the run, and with CLM_ERROR_FORMAT if the file is damaged. checkpoints_end ends them, also
 * after a failure. */
CLM_MUST_CHECK clm_status checkpoints_begin(struct training *t, struct clm_error *error);

/* Whether the run goes on from a checkpoint. */
static inline bool checkpoints_go_on(const struct checkpoints *checkpoints)
{
    return checkpoints->path != NULL;
}

/* After the choice of products, for a run that goes on: fails with CLM_ERROR_ARGUMENT unless the data is that
 * of the run, takes the products that the run had, and notes another device or program, with which bits may
 * differ. */
CLM_MUST_CHECK clm_status checkpoints_match(struct training *t, struct clm_error *error);

/* For a run that goes on: brings the net, which has its initial parameters, the model and the course to where
 * the checkpoint was written. */
CLM_MUST_CHECK clm_status checkpoints_restore(struct training *t, struct clm_model *model,
                                              struct clm_error *error);

/* After a step, with which `position` rows of epoch number t->epoch_count + 1 are done, and `next_rows` are
 * next; or after an epoch, with 0 rows done. Writes a checkpoint if one is due, or if the run is to stop:
 * then it is halted. A file that cannot be written is noted, and training goes on. `started`: when the epoch
 * began, on the clock. */
void checkpoints_after_step(struct training *t, const struct clm_model *model, size_t position,
                            size_t next_rows, double started);
void checkpoints_after_epoch(struct training *t, const struct clm_model *model);

/* Adds to the sentence of a run that failed that a checkpoint is there, if one is. */
void checkpoints_tell_last(const struct checkpoints *checkpoints, struct clm_error *error);

/* Frees what is kept here. The files of a run that is complete are removed, unless they are to be kept. */
void checkpoints_end(struct checkpoints *checkpoints, bool is_complete);

/* The settings that a checkpoint says, an object of text, or null for those without a value; and the names of
 * those that had been set. Both belong to the caller. CLM_ERROR_FORMAT if the file says nothing of the
 * kind. */
CLM_MUST_CHECK clm_status checkpoint_settings(const struct safetensors *file, const char *path,
                                              json_t **values, json_t **names, struct clm_error *error);

/* Reads the checkpoint that the setting resume names: a directory, or a file in one. *path is the file's, and
 * *directory the directory's, which the caller frees; also after a failure. */
CLM_MUST_CHECK clm_status checkpoint_open(const char *resume, struct safetensors *out, char **path,
                                          char **directory, struct clm_error *error);

/* Fails with CLM_ERROR_ARGUMENT unless the settings are those that the checkpoint says; `is_set_alone`: only
 * those that are set. */
CLM_MUST_CHECK clm_status checkpoint_compare(const struct safetensors *file, const char *path,
                                             const struct clm_settings *settings, bool is_set_alone,
                                             struct clm_error *error);

#endif
