/* What a net does between the gradients of its batches and its parameters, beside the rule: it adds up the
 * gradients of a batch that comes in parts, clips them, and keeps a moving average of the parameters. */
#ifndef CLM_NN_OPTIMISE_H
#define CLM_NN_OPTIMISE_H

#include "compute/backend.h"

struct extras {
    double clip_norm; /* the most that the common length of all gradients may be; 0: any */
    double average;   /* the decay of the moving average of the parameters; 0: there is none */
    bool has_parts;   /* batches come in parts */
};

/* Whether the extras need gradients that are kept. */
static inline bool extras_keep_gradients(const struct extras *extras)
{
    return extras->clip_norm > 0 || extras->has_parts;
}

struct optimiser {
    struct clm_backend *be;
    struct extras extras;
    struct parameter *const *parameters; /* (count) of a net */
    size_t count;
    struct tensor scale;              /* (1,1), of clipped gradients; else empty */
    struct tensor *averages, *totals; /* (count) like the parameters' values; empty if an extra lacks */
    struct blend *pairs;              /* (count) for one call */
};

/* Allocates what the extras need. The net's parameters must outlive it. */
CLM_MUST_CHECK clm_status optimiser_create(struct clm_backend *be, const struct extras *extras,
                                           struct parameter *const *parameters, size_t count,
                                           struct optimiser *out, struct clm_error *error);
/* Accepts a zeroed one. */
void optimiser_free(struct optimiser *optimiser);

/* Bytes of the averages, and of all else. */
size_t optimiser_average_bytes(const struct optimiser *optimiser);
size_t optimiser_bytes(const struct optimiser *optimiser);

/* The parameters have new values, where the average begins. */
CLM_MUST_CHECK clm_status optimiser_begin(struct optimiser *optimiser, struct clm_error *error);

/* Adds the gradients of a part of a batch, with the share that its rows have of the batch's, to the totals,
 * which the first part begins. */
CLM_MUST_CHECK clm_status optimiser_add(struct optimiser *optimiser, double share, bool is_first,
                                        struct clm_error *error);

/* The step of all parameters, from their gradients; after parts from the totals. Clipping leaves the
 * gradients as they are: the step multiplies them. */
CLM_MUST_CHECK clm_status optimiser_step(struct optimiser *optimiser, const struct step *step, bool has_parts,
                                         struct clm_error *error);

/* After step `number` of the parameters:
 *
 *   average = decay average + (1 - decay) value
 *   decay = min(extras.average, (1 + number) / (10 + number))
 *
 * so that the first values, which are far from the last, soon count for nothing. */
CLM_MUST_CHECK clm_status optimiser_average(struct optimiser *optimiser, size_t number,
                                            struct clm_error *error);

/* Exchanges the parameters' values and their averages, if there are any. A second call restores them. */
void optimiser_exchange(struct optimiser *optimiser);

#endif
