/* A net on a backend: parameters, activations of one batch, and the training step, over backend.h. */
#ifndef CLM_NN_NETWORK_H
#define CLM_NN_NETWORK_H

#include "nn/layer.h"
#include "nn/model.h"
#include "nn/optimise.h"
#include "tune/tune.h"

struct network {
    struct clm_backend *be;
    struct architecture architecture; /* of a net that is not trained: as architecture_for_prediction gives */
    size_t batch;                     /* the most rows a step takes */
    bool is_trained;
    uint64_t seed;        /* of what training drops; the caller's to set, or 0 */
    uint64_t step_number; /* of the step that is computed, from 1 */
    bool keeps_gradients; /* a step computes all gradients first, then it changes the parameters */
    struct layer *layers; /* architecture.depth of them */
    struct tensor X;      /* (batch, inputs) */
    struct tensor next_X; /* (batch, inputs), of the next minibatch, gathered at a step's end; or empty */
    bool looks_ahead;     /* a step also computes the first layer's outputs of the next minibatch */
    bool is_ahead;        /* the step before has done so */
    struct tensor labels; /* (1, batch) */
    struct tensor values; /* (batch, targets), standardised, of a loss with values; else empty */
    /* partners (1, batch) are empty before network_prepare_mixup, weights before network_prepare_weights */
    struct mixture mixture;
    bool is_mixed;                 /* X's rows are mixed with their partners' */
    bool is_weighted;              /* X's rows have weights */
    struct layer_update *updates;  /* of a step: architecture.depth of them */
    struct parameter **parameters; /* all of them, in the order of architecture_parameter */
    struct parameter **vectors;    /* those of normalisations, whose steps no product takes */
    size_t vector_count;
    struct tensor **statistics; /* in the order of architecture_statistic */
    bool has_dropped_inputs;    /* X is as it is after the dropout of inputs */
    struct optimiser optimiser;
};

/* The loss that `architecture` is made for, as validation has it: without smoothing. */
struct loss network_score_loss(const struct network *net);
/* What the first `rows` rows are compared with; `views` and `mixture` hold what *out points to, and a NULL
 * `mixture` leaves weights and partners out. */
struct target_views {
    struct tensor labels, values;
};
struct targets network_targets(const struct network *net, size_t rows, struct target_views *views,
                               struct mixture *mixture);

/* What a network is for, which decides what it keeps beside the values of its parameters. */
struct network_use {
    bool is_trained;      /* by `rule`, whose states it then keeps */
    bool keeps_gradients; /* for network_gradients */
    enum rule rule;
    struct extras extras;
};

#define NETWORK_PREDICT        ((struct network_use){.is_trained = false})
#define NETWORK_TRAIN(rule_of) ((struct network_use){.is_trained = true, .rule = (rule_of)})
#define NETWORK_GRADIENTS      ((struct network_use){.is_trained = true, .keeps_gradients = true})

/* Allocates all that steps of up to `batch` rows need on `be`, which must outlive it. Parameters are
 * undefined until network_write. */
CLM_MUST_CHECK clm_status network_create(struct clm_backend *be, const struct architecture *architecture,
                                         size_t batch, struct network_use use, struct network *out,
                                         struct clm_error *error);
/* tune_network for the network's layers and use, which `wish` leaves to it. Call it before network_create,
 * after a plan of the network's memory has been found to fit. The plan may be another one afterwards. */
CLM_MUST_CHECK clm_status network_tune(struct clm_backend *be, const struct architecture *architecture,
                                       struct network_use use, struct tune_wish wish,
                                       struct clm_error *error);
/* Allocates what batches with mixup need besides. */
CLM_MUST_CHECK clm_status network_prepare_mixup(struct network *net, struct clm_error *error);
/* Allocates what weighted batches need besides; after network_prepare_mixup, if both are needed. */
CLM_MUST_CHECK clm_status network_prepare_weights(struct network *net, struct clm_error *error);
void network_free(struct network *net);

/* Bytes of the backend's memory that a network holds. */
struct network_memory {
    size_t parameters, gradients, states; /* states: what the optimiser remembers */
    size_t activations;                   /* of one batch, with their gradients */
};

struct network_memory network_memory(const struct network *net);

/* Parameter p, in the order of architecture_parameter. */
struct parameter *network_parameter(const struct network *net, size_t p);

/* Parameters and running statistics from and to a model of the same architecture; writing sets the
 * optimiser's states to zero. A net that is not trained is not read if it differs from its model. */
CLM_MUST_CHECK clm_status network_write(struct network *net, const struct clm_model *model,
                                        struct clm_error *error);
CLM_MUST_CHECK clm_status network_read(const struct network *net, struct clm_model *model,
                                       struct clm_error *error);

/* A tensor of what a net in training remembers from step to step: a view of it. */
struct state_tensor {
    char name[48]; /* "parameters.0.value" */
    struct tensor tensor;
};

/* Lists the values, optimiser's states and averages of all parameters, and running statistics; and if the
 * step before has computed the first layer's outputs of the next `next_rows` rows, these as
 * "ahead.0.outputs". Returns how many there are; `out` may be NULL. Valid between two steps that share no
 * gradient. */
size_t network_list_state(const struct network *net, size_t next_rows, struct state_tensor *out);

/* `rows` rows of `data` from `first` on, in `order` (NULL: as they lie), changed as `augmentation` says
 * (NULL: not at all), which leaves `position` and `partners` to the batch. */
struct minibatch {
    const struct resident *data;
    const struct resident
        *targets; /* the values of a loss with values, row for row; NULL: they are not there */
    const struct tensor *order;
    size_t first, rows;
    const struct augmentation *augmentation;
    size_t position;  /* of the first row in the epoch; for augmentation alone */
    bool is_weighted; /* by the weights of `data`; else all rows count the same */
};

/* Fills X and labels, and the weights if the batch has some. */
CLM_MUST_CHECK clm_status network_gather(struct network *net, const struct minibatch *batch,
                                         struct clm_error *error);

/* Gives the rows of X weights, as a batch that is weighted has: (batch), from host memory. */
CLM_MUST_CHECK clm_status network_weigh(struct network *net, const float *weights, struct clm_error *error);
/* What the losses of the first `rows` rows are made of, in *out; returns it, or NULL if it is their labels
 * alone. */
const struct mixture *network_mixture(const struct network *net, size_t rows, struct mixture *out);

/* Logits of the first `rows` rows of X. */
CLM_MUST_CHECK clm_status network_forward(struct network *net, size_t rows, struct clm_error *error);
/* The same as a step computes it: with what step net->step_number drops, and the batch's statistics. */
CLM_MUST_CHECK clm_status network_forward_in_training(struct network *net, size_t rows,
                                                      struct clm_error *error);
/* Where network_forward leaves them: (rows, classes). */
struct tensor network_logits(const struct network *net, size_t rows);

/* Forward, loss, backward and update over the first `rows` rows of X; the loss is added to `sums`. Then X and
 * labels are filled with `next`, unless it is NULL, for the step after this one. The next batch may go
 * through the first layer in this step already: that layer's weights then go through memory once a step
 * instead of twice. */
CLM_MUST_CHECK clm_status network_step(struct network *net, size_t rows, const struct step *step,
                                       struct metrics *sums, const struct minibatch *next,
                                       struct clm_error *error);

/* `rows` rows of a batch, after `first` others of it; and what share they are of all. */
struct batch_part {
    size_t first, rows;
    double share;
    bool is_last;
};

/* network_step for a batch that comes in parts, for a network with extras.has_parts. The last part takes
 * the step; its gradient is that of the whole batch's mean loss. `next` is the part after this one, or
 * that of the next batch. */
CLM_MUST_CHECK clm_status network_step_part(struct network *net, const struct batch_part *part,
                                            const struct step *step, struct metrics *sums,
                                            const struct minibatch *next, struct clm_error *error);

/* Exchanges the parameters' values and their moving averages, if there are any: for a look at the averaged
 * net between two steps. A second call restores them. */
void network_exchange_average(struct network *net);

/* Forward, loss and the gradients of all parameters, without a step; for a network that keeps them. What is
 * dropped is that of step number net->step_number, at first 1. */
CLM_MUST_CHECK clm_status network_gradients(struct network *net, size_t rows, double l2, struct metrics *sums,
                                            struct clm_error *error);

#endif
