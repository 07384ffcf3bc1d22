/* A whole net as bounded matrices: what network.h does, operation by operation on the reference, with every error
 * carried along. */
#ifndef CLM_CHECK_BOUNDED_NETWORK_H
#define CLM_CHECK_BOUNDED_NETWORK_H

#include "check/bounded.h"
#include "nn/model.h"

struct bounded_network {
    struct clm_backend *reference;
    size_t depth;
    struct bounded_layer *layers; /* depth; velocities at zero, or NULL */
    struct bounded X, labels;     /* (batch, inputs), (1, batch) */
    struct bounded partners;      /* (1, batch) */
    double share;                 /* of labels beside partners; 1 of rows that are not mixed */
    struct bounded *outputs;      /* depth: Y of each layer, the last one Z, then dZ */
    struct bounded *memory;       /* 4 a layer: what `layers` point to */
};

/* Parameters as the model's, exact. */
CLM_MUST_CHECK clm_status bounded_network_create(struct clm_backend *reference, const struct clm_model *model,
                                                 size_t batch, bool has_velocity, struct bounded_network *out,
                                                 struct clm_error *error);
void bounded_network_free(struct bounded_network *net);

/* As network_step and network_gradients; *sums is added to. */
CLM_MUST_CHECK clm_status bounded_network_step(struct bounded_network *net, size_t rows,
                                               const struct step *step, struct bounded_sums *sums,
                                               struct clm_error *error);
CLM_MUST_CHECK clm_status bounded_network_gradients(struct bounded_network *net, size_t rows, double l2,
                                                    struct bounded *dW, struct bounded *db,
                                                    struct bounded_sums *sums, struct clm_error *error);

#endif
