/* Derivatives of the reference's loss by central differences. */
#ifndef CLM_CHECK_DIFFERENCES_H
#define CLM_CHECK_DIFFERENCES_H

#include "nn/network.h"

/* One parameter's derivative. */
struct difference {
    double value, error; /* of the derivative, and its largest error */
    bool is_smooth;      /* else every step crossed a kink of a ReLU, and the derivative is unknown */
};

/* A layer of the unmoved net in host memory, and one unit of it on the reference. */
struct unmoved_layer {
    double *weights, *biases, *outputs;
    struct tensor row, bias, column; /* the unit's weights, its bias, its outputs (batch,1) */
};

/* The unmoved net: parameters, batch and activations in host memory, to move one parameter at a time. */
struct differences {
    struct network *net; /* on the reference, its parameters, X and labels in place */
    double l2, loss_error;
    struct unmoved_layer *layers; /* depth */
    double *values; /* (batch, targets) of a loss whose slope jumps where an output is one; NULL */
    struct metrics sums;
};

/* Runs the net forward on its whole batch. `loss_error` bounds the mean loss's error from rounding in
 * double. */
CLM_MUST_CHECK clm_status differences_create(struct network *net, double l2, double loss_error,
                                             struct differences *out, struct clm_error *error);
void differences_free(struct differences *differences);

/* d/dw (mean loss + l2 |W|²) for weight (o,i) of layer l, or for bias o if `is_bias`. */
CLM_MUST_CHECK clm_status difference_of(struct differences *d, size_t l, size_t o, size_t i, bool is_bias,
                                        struct difference *out, struct clm_error *error);

#endif
