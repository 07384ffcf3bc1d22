/* Times a product by several providers. */
#ifndef CLM_TUNE_RACE_H
#define CLM_TUNE_RACE_H

#include "prove/layer.h"

#include <signal.h>

/* One provider in a race. */
struct racer {
    struct layer_trial *trial; /* its product has begun; NULL: the provider does not take part */
    double milliseconds;       /* out: of a run, the least of all turns; 0 if the clock saw no time pass */
    clm_status status;         /* out: of the first run that failed; such a racer has no time */
    struct clm_error why;
};

/* Times all racers in turn, so that a change of the device's clock meets all of them. In a turn a racer
 * queues its runs back to back, as training does, and waits once. One that is much slower than the fastest
 * is not timed again. Once *stop, which may be NULL, is not 0, it ends
 * early, and the times are worth nothing. */
void race(struct racer *racers, size_t count, const volatile sig_atomic_t *stop);

#endif
