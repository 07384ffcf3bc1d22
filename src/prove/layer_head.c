/* The end of a net in one: a last layer's logits, softmax and its gradients. */
#include "prove/layer_operands.h"
#include "prove/within.h"

#include <float.h>
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

static double compare_gradients(const struct layer_trial *t, size_t r, double *z, struct scored_sums *sums)
{
    const double off = logits_of(t, r, z);
    const struct scored_row row = scored_row_of(z, t->O, off, t->classes[r]);
    double worst = 0;
    for (size_t c = 0; c < t->O; c++) {
        double bound;
        const double right = scored_gradient(&row, c, t->B, &bound);
        worst = larger(worst, fabs((double)t->B * (double)t->got[r * t->O + c] - right) / bound);
    }
    scored_add(sums, &row);
    return worst;
}

static clm_status compare_sums(struct layer_trial *t, const struct scored_sums *sums, double *worst,
                               struct clm_error *error)
{
    double loss = NAN;
    size_t correct = 0;
    const clm_status status = metrics_read(t->be, &t->sums, &loss, &correct, error);
    *worst = larger(*worst, fabs(loss - sums->loss) / scored_loss_bound(sums, t->B));
    *worst = larger(*worst, fabs((double)correct - sums->correct) / (sums->correct_open + 0.5));
    return status;
}

static clm_status compare_head(struct layer_trial *t, bool wants_input, double *z, double *worst,
                               struct clm_error *error)
{
    struct scored_sums sums = {0};
    clm_status status;
    if ((status = layer_trial_poison(t, &t->Y, error)) || (status = layer_trial_poison(t, &t->dX, error)) ||
        (status = metrics_reset(t->be, &t->sums, error)) ||
        (status =
             linear_softmax_backward(t->be, &t->X, &t->layer, &t->labels, NULL, GATE(ACTIVATION_RELU, &t->X),
                                     &t->Y, wants_input ? &t->dX : NULL, &t->sums, error)) ||
        (status = backend_read(t->be, &t->dX, HOST_FLOAT, t->input, error)) ||
        (status = backend_read(t->be, &t->Y, HOST_FLOAT, t->got, error)))
        return status;
    for (size_t r = 0; r < t->B; r++)
        *worst = larger(*worst, compare_gradients(t, r, z, &sums));
    const struct expected e = layer_trial_input_gradient(t, t->got, t->after.w, CUT_MASK);
    if (wants_input)
        *worst = larger(*worst, expected_samples(&e, t->input));
    return compare_sums(t, &sums, worst, error);
}

/* With weights so small that the logits' errors, and so the bounds, are: Σ |x w| is 1 or so. */
clm_status layer_trial_judge_head(struct layer_trial *t, double *error_over_bound, struct clm_error *error)
{
    const float scale = ldexpf(1, -(int)ceil(log2((double)t->I / 4 + 1)));
    double *const z = malloc(t->O * sizeof *z), worst = 0;
    clm_status status = z ? CLM_OK : clm_fail_host_memory(error, "a trial of products", t->O * sizeof *z);
    *error_over_bound = NAN;
    for (size_t i = 0; i < t->O * t->I; i++)
        t->after.w[i] = t->w[i] * scale;
    for (size_t c = 0; c < t->O; c++)
        t->after.b[c] = t->b[c] * scale;
    if (status || (status = backend_write(t->be, &t->layer.W.value, HOST_FLOAT, t->after.w, error)) ||
        (status = backend_write(t->be, &t->layer.b.value, HOST_FLOAT, t->after.b, error)) ||
        (status = compare_head(t, false, z, &worst, error)) ||
        (status = compare_head(t, true, z, &worst, error)))
        goto cleanup;
    *error_over_bound = worst;
cleanup:
    free(z);
    return status;
}
