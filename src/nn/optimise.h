/* What a net does between the gradients of a step and its parameters, beside the rule: clipping. It needs
 * gradients that are kept. */
#ifndef CLM_NN_OPTIMISE_H
#define CLM_NN_OPTIMISE_H

#include "compute/backend.h"

struct extras {
    double clip_norm; /* the most that the common length of all gradients may be; 0: any */
};

/* Whether the extras need gradients that are kept. */
static inline bool extras_keep_gradients(const struct extras *extras)
{
    return extras->clip_norm > 0;
}

struct optimiser {
    struct clm_backend *be;
    struct extras extras;
    struct parameter *const *parameters; /* (count) of a net */
    size_t count;
    struct tensor scale; /* (1,1), of clipped gradients; else empty */
};

/* Allocates what the extras need. The net's parameters must outlive it. */
CLM_MUST_CHECK clm_status optimiser_create(struct clm_backend *be, const struct extras *extras,
                                           struct parameter *const *parameters, size_t count,
                                           struct optimiser *out, struct clm_error *error);
/* Accepts a zeroed one. */
void optimiser_free(struct optimiser *optimiser);

/* The step of all parameters, from their gradients. Clipping leaves the gradients as they are; the step
 * multiplies them. */
CLM_MUST_CHECK clm_status optimiser_step(struct optimiser *optimiser, const struct step *step,
                                         struct clm_error *error);

#endif
