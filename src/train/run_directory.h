/* The run directory: model.safetensors, run.json, history.csv, curves.png. */
#ifndef CLM_TRAIN_RUN_DIRECTORY_H
#define CLM_TRAIN_RUN_DIRECTORY_H

#include "base/error.h"
#include "nn/weights.h"

/* What run.json says about a run; the caller owns it all. */
struct run_record {
    const struct clm_settings *settings;
    const struct clm_train_hooks *hooks;
    const struct clm_backend *backend;
    const struct clm_data *data;
    const struct clm_model *model;
    const struct clm_epoch *epochs;
    size_t epoch_count; /* fewer than wanted if the run was stopped; of an ensemble, of all nets together */
    const struct clm_train_result *result;
    const struct row_weights *weights; /* NULL, or empty, if all rows count the same */
    const size_t *kept_epochs;         /* of each net of an ensemble */
    size_t epochs_wanted;              /* of each net; only lines of epochs have it */
};

/* Epoch `index` as a line of JSON, with the names that run.json has, `epochs` (how many are wanted) and
 * `time` (in UTC); model, data and epochs of the record are read. The caller frees it; NULL if there is no
 * memory. */
char *run_directory_epoch_line(const struct run_record *record, size_t index);

/* A directory that one run has to itself. */
struct run_claim {
    size_t made; /* see directory_make */
    int lock;    /* an open file with a lock, which ends with the process; -1: nothing is claimed */
};

/* Makes the directory if it is missing, and claims it. Fails with CLM_ERROR_ARGUMENT if it already holds
 * any of a run's files (the four above or checkpoint.safetensors), or, for a run that goes on, if it holds a
 * complete run; or if another run has claimed it; and with CLM_ERROR_IO if nothing can be written into it.
 * run_directory_end gives the claim back, also one that failed. */
CLM_MUST_CHECK clm_status run_directory_begin(const char *path, bool goes_on, struct run_claim *out,
                                              struct clm_error *error);

/* Gives the claim back. Unless `is_kept`, removes the directories that run_directory_begin has made, as
 * long as they are empty. */
void run_directory_end(const char *path, struct run_claim *claim, bool is_kept);

/* Writes all four files, each replaced as a whole; the model first, run.json last, so that a directory with a
 * run.json is complete. If another file cannot be written, the model stays, and the error says so; the other
 * files are removed. */
CLM_MUST_CHECK clm_status run_directory_write(const char *path, const struct run_record *record,
                                              struct clm_error *error);

#endif
