/* The end of a net in one: a last layer's logits, softmax and its gradients. */
#include "prove/bounds/bounds.h"
#include "prove/judge.h"
#include "prove/layer_operands.h"

#include <math.h>
#include <stdlib.h>

/* What a row's logits z (C) are, and by how much at most the device's are others; the same rounded sums as forward's. */
static double logits_of(const struct layer_trial *t, size_t r, double *z)
{
    double most = 0;
    for (size_t c = 0; c < t->O; c++) {
        double size = fabs((double)t->after.b[c]);
        z[c] = (double)t->after.b[c];
        for (size_t i = 0; i < t->I; i++) {
            const double term = (double)t->x[r * t->I + i] * (double)t->after.w[c * t->I + i];
            z[c] += term;
            size += fabs(term);
        }
        most = fmax(most, rounding_bound((double)t->I + 4) * size);
    }
    return most;
}

/* What comes of those logits. */
struct head_answer {
    struct tensor Z, labels; /* (B,O), which the gradient replaces; (1,B) */
    struct metrics sums;
};

static clm_status head_answer_make(const struct layer_trial *t, struct clm_backend *bounds,
                                   struct head_answer *out, struct clm_error *error)
{
    const size_t B = t->B, C = t->O;
    double *const z = calloc(2 * B * C, sizeof *z), *const off = z ? z + B * C : NULL;
    clm_status status =
        z ? CLM_OK : clm_fail_host_memory(error, "a trial of products", 2 * B * C * sizeof *z);
    for (size_t r = 0; z && r < B; r++) {
        const double most = logits_of(t, r, z + r * C);
        for (size_t c = 0; c < C; c++)
            off[r * C + c] = most;
    }
    if (status || (status = tensor_create(bounds, TENSOR_REAL, B, C, &out->Z, error)) ||
        (status = tensor_create(bounds, TENSOR_INDEX, 1, B, &out->labels, error)) ||
        (status = metrics_create(bounds, &out->sums, error)) ||
        (status = metrics_reset(bounds, &out->sums, error)) ||
        (status = bounds_write(bounds, &out->Z, z, off, error)) ||
        (status = backend_write(bounds, &out->labels, HOST_INDEX, t->classes, error)))
        goto cleanup;
    status = softmax_xent(bounds, &out->Z, &out->labels, NULL, &out->Z, &out->sums, error);
cleanup:
    free(z);
    return status;
}

/* The device's, once with the gradient of the inputs and once without. */
static clm_status compare_head(struct layer_trial *t, bool wants_input, struct clm_backend *bounds,
                               const struct head_answer *right, double *worst, struct clm_error *error)
{
    struct judgement judgement = judgement_begin();
    double *const gradient = malloc(t->B * t->O * sizeof *gradient);
    clm_status status =
        gradient ? CLM_OK
                 : clm_fail_host_memory(error, "a trial of products", t->B * t->O * sizeof *gradient);
    if (status || (status = layer_trial_poison(t, &t->Y, error)) ||
        (status = layer_trial_poison(t, &t->dX, error)) || (status = metrics_reset(t->be, &t->sums, error)) ||
        (status =
             linear_softmax_backward(t->be, &t->X, &t->layer, &t->labels, NULL, GATE(ACTIVATION_RELU, &t->X),
                                     &t->Y, wants_input ? &t->dX : NULL, &t->sums, error)) ||
        (status = backend_read(t->be, &t->dX, HOST_FLOAT, t->input, error)) ||
        (status = backend_read(t->be, &t->Y, HOST_FLOAT, t->got, error)) ||
        (status = backend_read(t->be, &t->Y, HOST_DOUBLE, gradient, error)) ||
        (status = judge_output(&judgement, "dZ", gradient, &t->Y, bounds, &right->Z, error)) ||
        (status = judge_sums(&judgement, t->be, &t->sums, bounds, &right->sums, error)))
        goto cleanup;
    const struct expected e = layer_trial_input_gradient(t, t->got, t->after.w, CUT_MASK);
    *worst = larger(*worst, judgement.worst);
    if (wants_input)
        *worst = larger(*worst, expected_samples(&e, t->input));
cleanup:
    free(gradient);
    return status;
}

/* With weights so small that the logits' errors, and so the bounds, are: Σ |x w| is 1 or so. */
clm_status layer_trial_judge_head(struct layer_trial *t, double *error_over_bound, struct clm_error *error)
{
    const float scale = ldexpf(1, -(int)ceil(log2((double)t->I / 4 + 1)));
    struct clm_backend *bounds = NULL;
    struct head_answer right = {0};
    double worst = 0;
    clm_status status = bounds_open(&bounds, error);
    *error_over_bound = NAN;
    if (status != CLM_OK)
        return status;
    for (size_t i = 0; i < t->O * t->I; i++)
        t->after.w[i] = t->w[i] * scale;
    for (size_t c = 0; c < t->O; c++)
        t->after.b[c] = t->b[c] * scale;
    if ((status = head_answer_make(t, bounds, &right, error)) ||
        (status = backend_write(t->be, &t->layer.W.value, HOST_FLOAT, t->after.w, error)) ||
        (status = backend_write(t->be, &t->layer.b.value, HOST_FLOAT, t->after.b, error)) ||
        (status = compare_head(t, false, bounds, &right, &worst, error)) ||
        (status = compare_head(t, true, bounds, &right, &worst, error)))
        goto cleanup;
    *error_over_bound = worst;
cleanup:
    tensor_free(bounds, &right.Z);
    tensor_free(bounds, &right.labels);
    metrics_free(bounds, &right.sums);
    clm_backend_close(bounds);
    return status;
}
