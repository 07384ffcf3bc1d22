/* Learning rates over the epochs. */
#ifndef CLM_NN_SCHEDULE_H
#define CLM_NN_SCHEDULE_H

#include "clmlp.h"

/* The rate of `epoch` (from 1) of `epochs`, for a schedule that begins with `rate`. */
double schedule_rate(enum clm_schedule schedule, double rate, size_t epoch, size_t epochs);

#endif
