#include "compute/opencl/trial_head.h"

#include "compute/opencl/trial_operands.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* What a row's logits z (C) are, and by how much at most the device's are others; the same rounded sums as forward's. */
static double logits_of(const struct trial *t, size_t r, double *z)
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

struct head_answer {
    double loss, loss_error, correct, correct_error; /* sums over the rows */
};

/* dZ = (softmax(z) - onehot) / B. Logits that are off by `off` multiply a probability by exp(±2 off) at most; the
 * exponentials are off by some units in the last place, their sum has C roundings. */
static double compare_gradients(const struct trial *t, size_t r, double *z, struct head_answer *answer)
{
    const double off = logits_of(t, r, z), u = 0x1p-24, share = expm1(2 * off) + ((double)t->O + 32) * u;
    const size_t label = t->classes[r];
    double largest = z[0], other = -(double)INFINITY, worst = 0;
    for (size_t c = 0; c < t->O; c++) {
        largest = fmax(largest, z[c]);
        other = c == label ? other : fmax(other, z[c]);
    }
    double sum = exp(z[0] - largest);
    for (size_t c = 1; c < t->O; c++)
        sum += exp(z[c] - largest);
    for (size_t c = 0; c < t->O; c++) {
        const double p = exp(z[c] - largest) / sum, right = p - (c == label);
        const double bound = p * share + 4 * u * fabs(right) + (double)FLT_MIN;
        worst = larger(worst, fabs((double)t->B * (double)t->got[r * t->O + c] - right) / bound);
    }
    const double loss = log(sum) + largest - z[label];
    answer->loss += loss;
    answer->loss_error += 2 * off + ((double)t->O + 32) * u * (1 + fabs(largest) + fabs(z[label]));
    answer->correct += z[label] >= other;
    answer->correct_error += fabs(z[label] - other) <= 2 * off;
    return worst;
}

static clm_status compare_sums(struct trial *t, const struct head_answer *answer, double *worst,
                               struct clm_error *error)
{
    double loss = NAN;
    size_t correct = 0;
    const clm_status status = metrics_read(t->be, &t->sums, &loss, &correct, error);
    const double bound = answer->loss_error + rounding_bound((double)t->B) * answer->loss + (double)FLT_MIN;
    *worst = larger(*worst, fabs(loss - answer->loss) / bound);
    *worst = larger(*worst, fabs((double)correct - answer->correct) / (answer->correct_error + 0.5));
    return status;
}

static clm_status compare_head(struct trial *t, struct gemm_provider *gemm, bool wants_input, double *z,
                               double *worst, struct clm_error *error)
{
    struct head_answer answer = {0};
    clm_status status;
    if ((status = trial_poison(t, &t->Y, error)) || (status = trial_poison(t, &t->dX, error)) ||
        (status = metrics_reset(t->be, &t->sums, error)) ||
        (status = gemm->operations->head(gemm, &t->X, &t->layer, &t->labels, GATE(ACTIVATION_RELU, &t->X),
                                         &t->Y, wants_input ? &t->dX : NULL, &t->sums, error)) ||
        (status = backend_read(t->be, &t->dX, HOST_FLOAT, t->input, error)) ||
        (status = backend_read(t->be, &t->Y, HOST_FLOAT, t->got, error)))
        return status;
    for (size_t r = 0; r < t->B; r++)
        *worst = larger(*worst, compare_gradients(t, r, z, &answer));
    const struct expected e = trial_input_gradient(t, t->got, t->after.w, CUT_MASK);
    if (wants_input)
        *worst = larger(*worst, expected_samples(&e, t->input));
    return compare_sums(t, &answer, worst, error);
}

/* With weights so small that the logits' errors, and so the bounds, are: Σ |x w| is 1 or so. */
clm_status trial_check_head(struct trial *t, struct gemm_provider *gemm, double *error_over_bound,
                            struct clm_error *error)
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
        (status = compare_head(t, gemm, false, z, &worst, error)) ||
        (status = compare_head(t, gemm, true, z, &worst, error)))
        goto cleanup;
    *error_over_bound = worst;
cleanup:
    free(z);
    return status;
}
