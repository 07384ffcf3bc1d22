/* Measures which provider computes each product of a net fastest, of those that are right, and fills the backend's table. */
#ifndef CLM_TUNE_TUNE_H
#define CLM_TUNE_TUNE_H

#include "prove/prove.h"

/* How a net is going to be used. */
struct tune_wish {
    const size_t *widths; /* inputs … classes */
    size_t width_count;
    enum layer_use use;
    size_t batch;
    const size_t
        *sets; /* rows of the sets that go through it in such batches, and may leave a smaller last one */
    size_t set_count;
    bool is_augmented;
};

/* Looks up, or measures, which provider computes each product, and tries all that the net is going to use at its very sizes, once
 * for each. What has been asked for by name is tried alone, and refused if it is wrong. Each trial is planned before anything is
 * allocated for it, and freed. Call it once the net's memory plan is known to fit; the plan may grow by it, for providers differ in
 * what they need. On host backends it does nothing. */
CLM_MUST_CHECK clm_status tune_network(struct clm_backend *be, const struct tune_wish *wish,
                                       struct clm_error *error);

#endif
