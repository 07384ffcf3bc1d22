/* Derivatives of the reference's loss by central differences. */
#ifndef CLM_CHECK_DIFFERENCES_H
#define CLM_CHECK_DIFFERENCES_H

#include "nn/network.h"

/* One parameter's derivative. */
struct difference {
    double value, error; /* of the derivative, and its largest error */
    bool is_smooth;      /* else every step crossed a kink of a ReLU, and the derivative is unknown */
};

/* What an unmoved layer gives, and one unit of it on the reference. */
struct unmoved_layer {
    double *outputs, *gate;          /* the gate is that of a layer which saves it, or NULL */
    struct tensor row, bias, column; /* the unit's weights, its bias, its outputs (batch,1) */
};

/* The unmoved net: parameters, batch and activations in host memory, to move one parameter at a time. */
struct differences {
    struct network *net; /* on the reference, its parameters, X and labels in place */
    double l2, loss_error;
    struct unmoved_layer *layers; /* depth */
    double *values;      /* (batch, targets) of a loss whose slope jumps where an output is one; NULL */
    double **parameters; /* of each parameter, in the order of architecture_parameter */
    size_t parameter_count;
    struct metrics sums;
};

/* Runs the net forward on its whole batch, as a step does. `loss_error` bounds the mean loss's error from
 * rounding in double. */
CLM_MUST_CHECK clm_status differences_create(struct network *net, double l2, double loss_error,
                                             struct differences *out, struct clm_error *error);
void differences_free(struct differences *differences);

/* d/dw (mean loss + l2 |W|²) for element `at` of the nth parameter. */
CLM_MUST_CHECK clm_status difference_of(struct differences *d, size_t n, size_t at, struct difference *out,
                                        struct clm_error *error);

#endif
