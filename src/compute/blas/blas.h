/* What the files of the blas backend share. */
#ifndef CLM_COMPUTE_BLAS_BLAS_H
#define CLM_COMPUTE_BLAS_BLAS_H

#include "compute/host.h"

static inline float *blas_row(const struct tensor *tensor, size_t r)
{
    return (float *)tensor->memory + r * tensor->columns;
}

__typeof__(softmax_xent) blas_softmax_xent;
__typeof__(loss_gradient) blas_loss_gradient;
__typeof__(softmax) blas_softmax;

#endif
