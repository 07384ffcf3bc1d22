/* What the files of the blas backend share. */
#ifndef CLM_COMPUTE_BLAS_BLAS_H
#define CLM_COMPUTE_BLAS_BLAS_H

#include "compute/host.h"

static inline float *blas_row(const struct tensor *tensor, size_t r)
{
    return (float *)tensor->memory + r * tensor->columns;
}

/* y = act(y), and *gate = act' if `gate` is not NULL and the activation has a gate to save */
void blas_activate(enum activation act, size_t count, float *y, float *gate);
/* dx = dx act'; `of` is the one of struct gate */
void blas_through_gate(enum activation act, size_t count, const float *of, float *dx);

__typeof__(softmax_xent) blas_softmax_xent;
__typeof__(loss_gradient) blas_loss_gradient;
__typeof__(softmax) blas_softmax;
__typeof__(layer_finish) blas_layer_finish;
__typeof__(gate_backward) blas_gate_backward;
__typeof__(norm_backward) blas_norm_backward;

#endif
