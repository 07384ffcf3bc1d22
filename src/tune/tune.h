/* Finds the fastest right provider of each of a net's products, and fills the backend's table. */
#ifndef CLM_TUNE_TUNE_H
#define CLM_TUNE_TUNE_H

#include "prove/prove.h"

#include <signal.h>

/* How a net is going to be used. */
struct tune_wish {
    const size_t *widths; /* inputs … classes */
    size_t width_count;
    enum layer_use use;
    size_t batch;
    const size_t *sets; /* rows of each set that uses such batches and may leave a smaller last one */
    size_t set_count;
    bool is_augmented;
    const volatile sig_atomic_t *stop; /* not 0: tuning ends with CLM_ERROR_STOPPED; may be NULL */
};

/* Looks up, or measures, which provider computes each product. Tries all that the net uses at its exact
 * sizes, once each. A provider chosen by name is tried alone, and refused if it is wrong. Each trial is
 * planned before it allocates, and freed. Call it when the net's memory plan is known to fit, and plan again
 * after it: providers differ in what they need. On host backends it does nothing. */
CLM_MUST_CHECK clm_status tune_network(struct clm_backend *be, const struct tune_wish *wish,
                                       struct clm_error *error);

#endif
