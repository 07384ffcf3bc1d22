/* One linear layer with its activation, and what it keeps of a batch. The caller passes views of B
 * rows: X (B,I), dZ (B,O). These functions hide epilogues, gates and fused operations. */
#ifndef CLM_NN_LAYER_H
#define CLM_NN_LAYER_H

#include "compute/backend.h"
#include "nn/architecture.h"

struct layer {
    const struct layer_spec *spec;
    struct linear linear;
    struct tensor Y; /* (batch,O) outputs; the last layer's are the logits, which their gradient replaces */
    struct tensor saved_gate; /* (batch,O) act'(Z), if it is GATE_SAVED and the net is trained; else empty */
    struct tensor dZ;         /* (batch,O) of a hidden layer of a net that is trained; else empty */
};

/* Allocates what the layer keeps of a batch, not its parameters. `spec` must outlive the layer. */
CLM_MUST_CHECK clm_status layer_create(struct clm_backend *be, const struct layer_spec *spec, size_t batch,
                                       bool is_trained, bool is_last, struct layer *out,
                                       struct clm_error *error);
void layer_free(struct clm_backend *be, struct layer *layer);

/* The first `rows` rows of the layer's outputs. */
struct tensor layer_outputs(const struct layer *layer, size_t rows);
/* The first `rows` rows of dZ; the last layer's takes the place of its outputs. */
struct tensor layer_gradient(const struct layer *layer, size_t rows);

/* Y = act(X Wᵀ + b). `is_training`: layer_backward of the layer above follows. */
CLM_MUST_CHECK clm_status layer_forward(struct clm_backend *be, struct layer *layer, const struct tensor *X,
                                        bool is_training, struct clm_error *error);

/* The last layer's forward pass, the loss, and the first step of the backward pass:
 *
 *   Z = X Wᵀ + b     dZ = d loss / dZ, in Z's place     dX = (dZ W) * act'(below)
 *
 * It is one function because a backend may compute all of it at once. `below` and `dX` are NULL if no layer
 * is below. */
CLM_MUST_CHECK clm_status layer_loss(struct clm_backend *be, struct layer *layer, const struct tensor *X,
                                     const struct loss *loss, const struct targets *targets,
                                     const struct layer *below, struct tensor *dX, struct metrics *sums,
                                     struct clm_error *error);

/* dX = (dZ W) * act'(below): dZ of the layer below. */
CLM_MUST_CHECK clm_status layer_backward(struct clm_backend *be, const struct layer *layer,
                                         const struct tensor *dZ, const struct layer *below,
                                         struct tensor *dX, struct clm_error *error);

/* The step of the layer's parameters, then the next batch's forward pass; a backend may read W from memory
 * only once. */
CLM_MUST_CHECK clm_status layer_update_forward(struct clm_backend *be, struct layer *layer,
                                               const struct tensor *dZ, const struct tensor *X,
                                               const struct step *step, const struct tensor *next_X,
                                               struct clm_error *error);

#endif
