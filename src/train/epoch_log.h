/* The file of the setting log-json, to which each epoch adds a line. */
#ifndef CLM_TRAIN_EPOCH_LOG_H
#define CLM_TRAIN_EPOCH_LOG_H

#include "train/training.h"

/* Opens the file, or makes it; lines are added to what it has. It is closed by epoch_log_end, which accepts
 * one that was not opened. Fails with CLM_ERROR_IO. */
CLM_MUST_CHECK clm_status epoch_log_begin(const char *path, int *out, struct clm_error *error);
void epoch_log_end(int *log);

/* Adds the epoch that has just ended, unless there is no log. A line that cannot be written is noted, and
 * training goes on. */
void epoch_log_add(struct training *t);

#endif
