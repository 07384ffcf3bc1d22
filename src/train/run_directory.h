/* The run directory: model.safetensors, run.json, history.csv, curves.png. */
#ifndef CLM_TRAIN_RUN_DIRECTORY_H
#define CLM_TRAIN_RUN_DIRECTORY_H

#include "base/error.h"

/* What run.json says about a run; the caller owns it all. */
struct run_record {
    const struct clm_settings *settings;
    const struct clm_train_hooks *hooks;
    const struct clm_backend *backend;
    const struct clm_data *data;
    const struct clm_model *model;
    const struct clm_epoch *epochs;
    size_t epoch_count; /* fewer than wanted if the run was stopped */
    const struct clm_train_result *result;
};

/* Makes the directory if it is missing; directory_unmake needs *made. Fails with CLM_ERROR_ARGUMENT if it
 * already holds any of a run's files (the four above or checkpoint.safetensors), and with CLM_ERROR_IO if
 * nothing can be written into it. */
CLM_MUST_CHECK clm_status run_directory_begin(const char *path, size_t *made, struct clm_error *error);

/* Writes all four files, each replaced as a whole; the model first, run.json last, so that a directory with a
 * run.json is complete. If another file cannot be written, the model stays, and the error says so; the other
 * files are removed. */
CLM_MUST_CHECK clm_status run_directory_write(const char *path, const struct run_record *record,
                                              struct clm_error *error);

#endif
