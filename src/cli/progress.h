/* The line on a terminal that shows how far training is. */
#ifndef CLM_CLI_PROGRESS_H
#define CLM_CLI_PROGRESS_H

#include "clmlp.h"

/* Replaces the line on stderr, which is a terminal. `user` is not used. A hook of training. */
void progress_show(void *user, const struct clm_progress *progress);

/* Removes it, if stderr is a terminal. */
void progress_clear(void);

#endif
