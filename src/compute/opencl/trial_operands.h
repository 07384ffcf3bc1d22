/* What a trial of products computes with: a layer and a minibatch, on the device and on the host. */
#ifndef CLM_COMPUTE_OPENCL_TRIAL_OPERANDS_H
#define CLM_COMPUTE_OPENCL_TRIAL_OPERANDS_H

#include "compute/opencl/expected.h"
#include "compute/opencl/trial.h"

struct trial {
    struct clm_backend *be;
    size_t B, I, O;
    struct tensor X, dZ, Y, dX, labels; /* (B,I), (B,O), (B,O), (B,I), (1,B) */
    struct metrics sums;
    struct linear layer;
    float *x, *dz, *w, *b, *v, *vb; /* on the host; v, vb: velocities of w, b */
    uint32_t *classes;              /* of the labels */
    float *got, *input;             /* results: of the size of the largest, and (B,I) */
    struct {                        /* of the update, and the parameters that follow from it */
        float *w, *b, *v, *vb;
    } after;
};

/* NaN everywhere in a result, so that an element that is not written does not pass for one of an earlier run. */
CLM_MUST_CHECK clm_status trial_poison(struct trial *trial, struct tensor *result, struct clm_error *error);

/* dX = dZ W, or that times X > 0 */
struct expected trial_input_gradient(const struct trial *trial, const float *dz, const float *w,
                                     enum cut cut);

#endif
