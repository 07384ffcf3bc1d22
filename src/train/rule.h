/* The optimiser that the settings name, and its numbers. */
#ifndef CLM_TRAIN_RULE_H
#define CLM_TRAIN_RULE_H

#include "compute/backend.h"

/* A step with the settings' rule and numbers; where none is set, the rule's own. Its number is 1. */
struct step rule_step(const struct clm_settings *settings);

/* Fails with CLM_ERROR_ARGUMENT if a number is set that the rule does not have. */
CLM_MUST_CHECK clm_status rule_check(const struct clm_settings *settings, struct clm_error *error);

/* Gives the numbers that the rule has, and its rate if it has one for all data, unless they are set. */
CLM_MUST_CHECK clm_status rule_suit(struct clm_settings *settings, struct clm_error *error);

#endif
