/* What the commands that train have in common. */
#ifndef CLM_CLI_TRAIN_H
#define CLM_CLI_TRAIN_H

#include "cli/arguments.h"

/* A new model for the data, as the settings of train say. */
CLM_MUST_CHECK clm_status create_model(const struct clm_settings *settings, const struct clm_data *data,
                                       struct clm_model **out, struct clm_error *error);

/* Whether the value of --init names a way to draw weights, and no run or file. */
bool is_scheme(const char *init);

#endif
