/* What a trial of a layer computes with, on the device and on the host. */
#ifndef CLM_PROVE_LAYER_OPERANDS_H
#define CLM_PROVE_LAYER_OPERANDS_H

#include "prove/layer.h"
#include "prove/sampled.h"

struct layer_trial {
    struct clm_backend *be;
    size_t B, I, O;
    enum layer_use use;
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
CLM_MUST_CHECK clm_status layer_trial_poison(struct layer_trial *trial, struct tensor *result,
                                             struct clm_error *error);

/* dX = dZ W, or that times X > 0 */
struct expected layer_trial_input_gradient(const struct layer_trial *trial, const float *dz, const float *w,
                                           enum cut cut);

/* layer_head.c: *error_over_bound of the end of a net of such a layer, where the backend does that in one: its gradients, with and
 * without those of the inputs, its loss and its right predictions. */
CLM_MUST_CHECK clm_status layer_trial_judge_head(struct layer_trial *trial, double *error_over_bound,
                                                 struct clm_error *error);

#endif
