/* A GEMM provider computes a layer's three products, each with its epilogue: bias, activation, gate or
 * optimiser step.
 *
 * It may fuse an epilogue into the product or queue a kernel after it; callers see a difference only in time.
 * All sizes are positive and fit into int.
 */
#ifndef CLM_COMPUTE_OPENCL_GEMM_PROVIDER_H
#define CLM_COMPUTE_OPENCL_GEMM_PROVIDER_H

#include "compute/backend.h"
#include "compute/opencl/device.h"
#include "compute/opencl/gemm/updates.h"
#include "compute/opencl/kernels.h"
#include "compute/providers.h"

struct gemm_provider;

/* A layer, as the provider builds its kernels for it. */
struct gemm_layer {
    size_t B, I, O;
    enum activation act; /* its own, or that of the layer below */
    enum rule rule;      /* NO_RULE: it is not trained */
    bool is_first;       /* of the net */
};

struct gemm_operations {
    const char *name;
    size_t variant; /* tells providers apart that share functions */
    /* Make and free what the provider keeps between products, in gemm->state; both may be NULL. */
    clm_status (*open)(struct gemm_provider *gemm, struct clm_error *error);
    void (*close)(struct gemm_provider *gemm);
    /* Rows of the panels in which a layer's products want W, its velocity and dW, see tensor.h; 0 or NULL
     * means row-major. */
    size_t (*panel)(const struct gemm_provider *gemm, size_t B, size_t I, size_t O);
    /* Bytes of the workspace that the products of one layer need; NULL: none. */
    clm_status (*workspace)(struct gemm_provider *gemm, size_t B, size_t I, size_t O, size_t *bytes,
                            struct clm_error *error);
    /* Builds the kernels of the layer's products; without it they are built at their first launch. */
    clm_status (*build)(struct gemm_provider *gemm, const struct gemm_layer *layer, struct clm_error *error);
    /* Y (B,O) = act(X (B,I) W (O,I)ᵀ + b) */
    clm_status (*forward)(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                          const struct epilogue *epilogue, struct tensor *Y, struct clm_error *error);
    /* dX (B,I) = (dZ (B,O) W (O,I)) * gate */
    clm_status (*backward_input)(struct gemm_provider *gemm, const struct tensor *dZ,
                                 const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                 struct clm_error *error);
    /* The gradients of W and b: dZᵀ X + 2 l2 W and Σ_B dZ */
    clm_status (*gradient)(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                           struct linear *layer, double l2, struct clm_error *error);
    /* gradient of several layers in one launch, at most LAYERS_AT_ONCE. NULL: one after the other. */
    clm_status (*gradient_all)(struct gemm_provider *gemm, const struct layer_update *updates, size_t count,
                               double l2, struct clm_error *error);
    /* Whether descend takes a rule's step; NULL: every rule that is linear. */
    bool (*takes_step)(enum rule rule);
    /* The optimiser's step of W and b with those gradients, which are not stored. */
    clm_status (*descend)(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                          struct linear *layer, const struct step *step, struct clm_error *error);
    /* descend of several layers in one launch, at most LAYERS_AT_ONCE, and gather beside it, unless `next` is
     * NULL; `next` has no augmentation, and at most INT_MAX / 2 elements. NULL: the layers take their steps
     * one by one. */
    clm_status (*descend_all)(struct gemm_provider *gemm, const struct layer_update *updates, size_t count,
                              const struct step *step, const struct gathering *next, struct clm_error *error);
    bool gathers_beside; /* descend_all takes a `next` */
    /* descend, then Y' = act(X' Wᵀ + b) of the next batch; W is read once for both. Called if `fuses` says
     * that this saves time. Both are NULL if the provider cannot do it. */
    bool (*fuses)(struct gemm_provider *gemm, size_t I, size_t O, size_t B, size_t next_B);
    clm_status (*descend_forward)(struct gemm_provider *gemm, const struct tensor *dZ, const struct tensor *X,
                                  struct linear *layer, const struct step *step, const struct tensor *next_X,
                                  const struct epilogue *epilogue, struct tensor *next_Y,
                                  struct clm_error *error);
    /* dZ (B,C) and dX (B,I) of a last layer, see linear_softmax_backward. Called if `has_head` is true for
     * this layer. Both are NULL if the provider cannot do it. */
    bool (*has_head)(struct gemm_provider *gemm, const struct linear *layer, size_t B);
    clm_status (*head)(struct gemm_provider *gemm, const struct tensor *X, const struct linear *layer,
                       const struct tensor *labels, const struct gate *gate, struct tensor *dZ,
                       struct tensor *dX, struct metrics *sums, struct clm_error *error);
};

struct gemm_provider {
    const struct gemm_operations *operations;
    struct clm_backend *backend; /* the operands are in its memory */
    struct opencl_device *device;
    struct kernels *kernels;
    void *state;             /* the provider's own */
    struct tensor workspace; /* made by backend_prepare; empty if none is needed */
};

/* gemm_clblast_tuned is CLBlast with parameters that suit a CPU; CLBlast keeps them for the whole process.
 * gemm_native is ours for devices of type CPU; gemm_tiled, with tiles of five sizes, for all others. */
extern const struct gemm_operations gemm_clblast, gemm_clblast_tuned, gemm_native, gemm_tiled,
    gemm_tiled_large, gemm_tiled_wide, gemm_tiled_small, gemm_tiled_flat;

/* ---- the providers that there are, and which of them suit a device ---- */

struct gemm_candidate {
    const struct gemm_operations *operations;
    bool (*suits)(const struct clm_device *device); /* auto measures it on such a device */
    bool is_slow_to_build; /* takes seconds: only `clmlp tune` tries it, not the first use of a shape */
    bool runs_anywhere;    /* a user who asks for it by name gets it on other devices, too */
};

/* The table, which tests replace. If nothing is measured, a device takes the first provider that suits it. */
extern const struct gemm_candidate *gemm_candidates;
extern size_t gemm_candidate_count; /* at most PROVIDERS_MOST */

/* The candidate of that name, or NULL. */
const struct gemm_candidate *gemm_candidate_named(const char *name);
const struct gemm_candidate *gemm_candidate_first(const struct clm_device *device);
/* What --gemm NAME means on a device, or NULL; `native` is our own products for its kind. */
const struct gemm_candidate *gemm_candidate_for(const char *name, const struct clm_device *device);

#endif
