/* Shared by the operations of the bounds backend: a tensor's two halves, and calls of the reference with
 * matrices that exist only during one operation.
 *
 *   struct stage stage = stage_of(be, error);
 *   struct tensor *const x = stage_put(&stage, X, SIDE_INNER), *const y = stage_room(&stage, rows, 1);
 *   if (stage.status == CLM_OK)
 *       stage.status = operation(stage.reference, x, y, error);
 *   return stage_end(&stage);
 *
 * A stage remembers its first failure and does nothing more after it. */
#ifndef CLM_PROVE_BOUNDS_STAGE_H
#define CLM_PROVE_BOUNDS_STAGE_H

#include "prove/bounds/bounds.h"

#include <float.h>
#include <math.h>

#define UNIT_ROUNDOFF 0x1p-24
#define FLUSHED       ((double)FLT_MIN)

static inline double gamma_of(size_t roundings)
{
    const double ku = (double)roundings * UNIT_ROUNDOFF;
    return ku / (1 - ku);
}

/* The memory of a tensor: a tensor of the reference, and an error for each of its elements. */
struct bounded {
    void *value;
    double *error;
};

/* The tensor's values as a tensor of the reference; empty if the tensor is. */
static inline struct tensor value_of(const struct tensor *tensor)
{
    const struct bounded *const bounded = tensor->memory;
    struct tensor value = *tensor;
    value.memory = bounded ? bounded->value : NULL;
    return value;
}

static inline double *errors_of(const struct tensor *tensor)
{
    return ((const struct bounded *)tensor->memory)->error;
}

/* The values of a tensor of real numbers. */
static inline double *values_of(const struct tensor *tensor)
{
    return ((const struct bounded *)tensor->memory)->value;
}

/* ---- calls of the reference ---- */

#define STAGE_TENSORS_MAX 16

/* The content of a matrix that is put on the stage: |value|, or |value| + error. */
enum side { SIDE_INNER, SIDE_OUTER };

struct stage {
    struct clm_backend *reference;
    struct clm_error *error;
    clm_status status;
    struct tensor tensors[STAGE_TENSORS_MAX];
    size_t count;
};

struct stage stage_of(struct clm_backend *bounds, struct clm_error *error);

/* A matrix of real numbers, never NULL, which the stage frees. */
struct tensor *stage_room(struct stage *stage, size_t rows, size_t columns);
struct tensor *stage_put(struct stage *stage, const struct tensor *of, enum side side);

/* Frees the matrices; returns the stage's status. */
CLM_MUST_CHECK clm_status stage_end(struct stage *stage);

/* The errors of a loss with labels: of dZ, unless it is NULL, and of the sums, to which they are added. dZ
 * may be Z. */
CLM_MUST_CHECK clm_status label_loss_errors(const struct loss *loss, const struct tensor *Z,
                                            const struct targets *targets, const struct tensor *dZ,
                                            const struct metrics *sums, struct clm_error *error);

/* ---- activations and gates, in linear.c ---- */

/* How far act(z') may be from y = act(z), if |z' - z| <= error: 0 for a ReLU whose input is surely
 * negative. */
double activation_error(enum activation act, double z, double y, double error);
/* How far act' may be off if z and y = act(z) are. */
double slope_error(enum activation act, double z, double z_error, double y, double y_error);
/* What element i of a gate adds to the error of a product that it multiplies: its own error and roundings. */
double gate_error(const struct gate *gate, size_t i, double product, double error);

/* ---- the operations, for the backend's table ---- */

__typeof__(gather) bounds_gather;
__typeof__(gather_weights) bounds_gather_weights;
__typeof__(linear_forward) bounds_forward;
__typeof__(softmax_xent) bounds_softmax_xent;
__typeof__(loss_gradient) bounds_loss_gradient;
__typeof__(softmax) bounds_softmax;
__typeof__(layer_finish) bounds_layer_finish;
__typeof__(gate_backward) bounds_gate_backward;
__typeof__(norm_backward) bounds_norm_backward;
__typeof__(linear_backward_input) bounds_backward_input;
__typeof__(linear_backward_params) bounds_backward_params;
__typeof__(linear_backward_update) bounds_backward_update;
__typeof__(parameter_step) bounds_parameter_step;
__typeof__(clip_factor) bounds_clip_factor;
__typeof__(blends) bounds_blends;

#endif
