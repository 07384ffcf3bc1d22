/* A net on a backend: parameters, activations of one batch, and the training step, written once over backend.h. */
#ifndef CLM_NN_NETWORK_H
#define CLM_NN_NETWORK_H

#include "compute/backend.h"
#include "nn/model.h"

struct network {
    struct clm_backend *be;
    size_t depth, batch;    /* linear layers; the most rows a step takes */
    size_t *widths;         /* depth + 1 */
    struct linear *layers;  /* depth */
    struct tensor X;        /* (batch, widths[0]) inputs */
    struct tensor next_X;   /* the same of the next batch; empty where nothing is won by looking ahead */
    bool is_ahead;          /* the first layer's outputs are there already: made by the step before */
    struct tensor labels;   /* (1, batch) */
    struct mixture mixture; /* partners (1, batch), empty unless network_prepare_mixup, */
    bool is_mixed;          /* and whether X's rows are mixed with theirs */
    struct tensor *outputs; /* depth: Y of each layer, the last one the logits Z, which dZ replaces */
    struct tensor
        gradients[2]; /* dZ of the hidden layers, in turn: (batch, widest hidden layer); empty if unused */
};

/* What a network is for, which decides what it keeps beside the values of its parameters. */
struct network_use {
    bool is_trained;      /* by `rule`, whose states it then keeps */
    bool keeps_gradients; /* for network_gradients */
    enum rule rule;
};

#define NETWORK_PREDICT     ((struct network_use){.is_trained = false})
#define NETWORK_TRAIN(rule) ((struct network_use){true, false, (rule)})
#define NETWORK_GRADIENTS   ((struct network_use){.is_trained = true, .keeps_gradients = true})

/* Allocates all that steps of up to `batch` rows need on `be`, which must outlive it. Parameters are undefined until
 * network_write. */
CLM_MUST_CHECK clm_status network_create(struct clm_backend *be, const size_t *widths, size_t depth,
                                         size_t batch, struct network_use use, struct network *out,
                                         struct clm_error *error);
/* Allocates what batches with mixup need beside that. */
CLM_MUST_CHECK clm_status network_prepare_mixup(struct network *net, struct clm_error *error);
void network_free(struct network *net);

/* Bytes of the backend's memory that a network holds. */
struct network_memory {
    size_t parameters, gradients, states; /* states: what the optimiser remembers */
    size_t activations;                   /* of one batch, with their gradients */
};

struct network_memory network_memory(const struct network *net);

/* Parameters from and to a model of the same widths; writing sets the optimiser's states to zero. */
CLM_MUST_CHECK clm_status network_write(struct network *net, const struct clm_model *model,
                                        struct clm_error *error);
CLM_MUST_CHECK clm_status network_read(const struct network *net, struct clm_model *model,
                                       struct clm_error *error);

/* `rows` rows of `data` from `first` on, in `order` (NULL: as they lie), changed as `augmentation` says (NULL: not at all),
 * which leaves `position` and `partners` to the batch. */
struct minibatch {
    const struct resident *data;
    const struct tensor *order;
    size_t first, rows;
    const struct augmentation *augmentation;
    size_t position; /* of the first row in the epoch; for augmentation alone */
};

/* Fills X and labels. */
CLM_MUST_CHECK clm_status network_gather(struct network *net, const struct minibatch *batch,
                                         struct clm_error *error);

/* Logits of the first `rows` rows of X, into the last of outputs. */
CLM_MUST_CHECK clm_status network_forward(struct network *net, size_t rows, struct clm_error *error);

/* Forward, loss, backward and update over the first `rows` rows of X; the loss is added to `sums`. Then X and labels
 * are filled with `next`, unless it is NULL, for the step behind. Its way through the first layer may be part of this
 * step: that layer's weights then go through memory once a step instead of twice. */
CLM_MUST_CHECK clm_status network_step(struct network *net, size_t rows, const struct step *step,
                                       struct metrics *sums, const struct minibatch *next,
                                       struct clm_error *error);

/* Forward, loss and the gradients of all parameters, without a step; for a network that keeps them. */
CLM_MUST_CHECK clm_status network_gradients(struct network *net, size_t rows, double l2, struct metrics *sums,
                                            struct clm_error *error);

#endif
