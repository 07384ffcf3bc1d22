/* What the files of the reference share. */
#ifndef CLM_COMPUTE_REFERENCE_REFERENCE_H
#define CLM_COMPUTE_REFERENCE_REFERENCE_H

#include "compute/host.h"

static inline double *reference_row(const struct tensor *tensor, size_t r)
{
    return (double *)tensor->memory + r * tensor->columns;
}

__typeof__(softmax_xent) reference_softmax_xent;
__typeof__(loss_gradient) reference_loss_gradient;
__typeof__(softmax) reference_softmax;

#endif
