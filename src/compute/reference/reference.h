/* What the files of the reference share. */
#ifndef CLM_COMPUTE_REFERENCE_REFERENCE_H
#define CLM_COMPUTE_REFERENCE_REFERENCE_H

#include "compute/host.h"

static inline double *reference_row(const struct tensor *tensor, size_t r)
{
    return (double *)tensor->memory + r * tensor->columns;
}

/* act(z); NaN stays NaN. */
double reference_activate(enum activation act, double z);
/* act'(z) of an activation whose gate is saved. All have the limits 0 and 1. */
double reference_slope_at(enum activation act, double z);
/* dx act'; `of` is the one of struct gate */
double reference_through_gate(enum activation act, double dx, double of);

__typeof__(softmax_xent) reference_softmax_xent;
__typeof__(loss_gradient) reference_loss_gradient;
__typeof__(softmax) reference_softmax;
__typeof__(layer_finish) reference_layer_finish;
__typeof__(gate_backward) reference_gate_backward;
__typeof__(norm_backward) reference_norm_backward;

#endif
