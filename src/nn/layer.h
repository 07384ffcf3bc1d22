/* One layer, and what it keeps of a batch. The caller passes views of B rows: X (B,I). These functions hide
 * epilogues, gates, fused operations, and what layers have besides an activation:
 *
 *   Z = X Wᵀ + b     N = norm(Z)     Y = drop(act(N)) + X, the last term with skip alone
 *
 * dY, dN and dZ are the gradients of the mean loss; where nothing is between two of them, they are one. */
#ifndef CLM_NN_LAYER_H
#define CLM_NN_LAYER_H

#include "compute/backend.h"
#include "nn/architecture.h"

struct layer {
    const struct layer_spec *spec;
    struct linear linear;
    struct norm norm;       /* NORM_NONE if the layer has none; its parameters are the network's to create */
    struct dropout dropout; /* seed and step are the network's to set */
    struct tensor Y; /* (batch,O) outputs; the last layer's are the logits, which their gradient replaces */
    /* what layers of a net that is trained have, or else empty: */
    struct tensor Z;          /* (batch,O) with a norm */
    struct tensor saved_gate; /* (batch,O) dY/dN, if it is no function of Y */
    struct tensor dZ;         /* (batch,O) of a hidden layer */
    struct tensor dY;         /* (batch,O) with skip, unless it is the first layer */
};

/* A layer's place in its net. */
struct layer_place {
    uint32_t number; /* from 0 */
    bool is_last;
};

/* Allocates what the layer keeps of a batch, not its parameters. `spec` must outlive the layer. */
CLM_MUST_CHECK clm_status layer_create(struct clm_backend *be, const struct layer_spec *spec, size_t batch,
                                       bool is_trained, struct layer_place place, struct layer *out,
                                       struct clm_error *error);
void layer_free(struct clm_backend *be, struct layer *layer);

/* The first `rows` rows of the layer's outputs. */
struct tensor layer_outputs(const struct layer *layer, size_t rows);
/* The first `rows` rows of dZ; the last layer's takes the place of its outputs. */
struct tensor layer_gradient(const struct layer *layer, size_t rows);

/* What the layer keeps of a batch, in bytes. */
size_t layer_bytes(const struct layer *layer);

/* The layer's outputs. `is_training`: layer_backward of the layer above follows. */
CLM_MUST_CHECK clm_status layer_forward(struct clm_backend *be, struct layer *layer, const struct tensor *X,
                                        bool is_training, struct clm_error *error);

/* The last layer's forward pass, the loss, and the first step of the backward pass:
 *
 *   Z = X Wᵀ + b     dZ = d loss / dZ, in Z's place     and layer_backward
 *
 * It is one function because a backend may compute all of it at once. `below` is NULL if no layer is
 * below. */
CLM_MUST_CHECK clm_status layer_loss(struct clm_backend *be, struct layer *layer, const struct tensor *X,
                                     const struct loss *loss, const struct targets *targets,
                                     struct layer *below, struct metrics *sums, struct clm_error *error);

/* dZ of the layer below, from dZ of the layer: dX = dZ W, and the layer's dY with skip; then back through the
 * gate and the norm of the layer below. */
CLM_MUST_CHECK clm_status layer_backward(struct clm_backend *be, const struct layer *layer, size_t rows,
                                         struct layer *below, struct clm_error *error);

/* Of a layer that is plain: the step of its parameters, then the next batch's forward pass; a backend may
 * read W from memory only once. */
CLM_MUST_CHECK clm_status layer_update_forward(struct clm_backend *be, struct layer *layer,
                                               const struct tensor *dZ, const struct tensor *X,
                                               const struct step *step, const struct tensor *next_X,
                                               struct clm_error *error);

#endif
