/* The losses of the blas backend, and softmax, in float. */
#include "compute/blas/blas.h"

#include <math.h>

/* max z, or NaN if the row has a NaN; *best is the first of the largest. */
static float blas_largest_of(const float *z, size_t C, size_t *best)
{
    float largest = z[0];
    *best = 0;
    for (size_t c = 1; c < C; c++)
        if (z[c] > largest || isnan(z[c])) {
            largest = z[c];
            *best = c;
        }
    return largest;
}

/* p = softmax(z); p may be z, or NULL if only the sum matters. Returns the sum of exponentials, >= 1. */
static float softmax_row(const float *z, size_t C, float largest, float *p)
{
    float sum = 0;
    for (size_t c = 0; c < C; c++) {
        const float e = expf(z[c] - largest);
        sum += e;
        if (p)
            p[c] = e;
    }
    for (size_t c = 0; p && c < C; c++)
        p[c] /= sum;
    return sum;
}

clm_status blas_softmax_xent(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                             const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                             struct clm_error *error)
{
    (void)be, (void)error;
    const size_t B = Z->rows, C = Z->columns;
    const float share = mixture ? (float)mixture->share : 1, rest = 1 - share;
    const bool is_mixed = mixture_has_partners(mixture), is_weighted = mixture_has_weights(mixture);
    for (size_t r = 0; r < B; r++) {
        const float *const z = blas_row(Z, r);
        const size_t label = ((const uint32_t *)labels->memory)[r];
        const size_t partner = is_mixed ? ((const uint32_t *)mixture->partners.memory)[r] : label;
        const float own = is_weighted ? share * blas_row(&mixture->weights, 0)[r] : share;
        const float other = is_weighted && is_mixed ? rest * blas_row(&mixture->partner_weights, 0)[r] : rest;
        size_t best;
        const float largest = blas_largest_of(z, C, &best);
        float *const d = dZ ? blas_row(dZ, r) : NULL;
        float distance = own * (largest - z[label]);
        if (other != 0)
            distance += other * (largest - z[partner]);
        const float sum = softmax_row(z, C, largest, d);
        const float loss = (own + other) * logf(sum) + distance;
        host_sums(sums)->loss += loss;
        host_sums(sums)->correct += best == label && !isnan(loss);
        if (!d)
            continue;
        for (size_t c = 0; is_weighted && c < C; c++)
            d[c] *= own + other;
        d[label] -= label == partner ? own + other : own;
        if (partner != label)
            d[partner] -= other;
        for (size_t c = 0; c < C; c++)
            d[c] /= (float)B;
    }
    return CLM_OK;
}

/* ---- the other losses with labels ---- */

/* A row of logits, and how much the losses of its label and of its partner count. */
struct blas_logits {
    const float *z;
    size_t C, label, partner;
    float own, other;
    size_t best;
    float largest, sum;
};

static struct blas_logits blas_logits_of(const struct tensor *Z, const struct targets *targets, size_t r)
{
    const struct mixture *const mixture = targets->mixture;
    const bool is_mixed = mixture_has_partners(mixture), is_weighted = mixture_has_weights(mixture);
    const uint32_t *const labels = targets->labels->memory, *const partners =
                                                                is_mixed ? mixture->partners.memory : labels;
    struct blas_logits row = {
        .z = blas_row(Z, r), .C = Z->columns, .label = labels[r], .partner = partners[r]};
    row.own = mixture ? (float)mixture->share : 1;
    row.other = 1 - row.own;
    if (is_weighted)
        row.own *= blas_row(&mixture->weights, 0)[r];
    if (is_weighted && is_mixed)
        row.other *= blas_row(&mixture->partner_weights, 0)[r];
    row.largest = blas_largest_of(row.z, row.C, &row.best);
    row.sum = softmax_row(row.z, row.C, row.largest, NULL);
    return row;
}

/* The focal loss of class c, and what multiplies the gradient of its cross-entropy. No digits are lost
 * if p is nearly 1. */
static float blas_focal(const struct blas_logits *row, float gamma, size_t c, float *factor)
{
    float others = 0;
    for (size_t j = 0; j < row->C; j++)
        if (j != c)
            others += expf(row->z[j] - row->largest);
    const float p = expf(row->z[c] - row->largest) / row->sum, rest = others / row->sum;
    const float entropy = p > 0.5F ? -log1pf(-rest) : logf(row->sum) + (row->largest - row->z[c]);
    const float power = powf(rest, gamma);
    float quotient = 1;
    if (rest != 0)
        quotient = p == 0 ? 0 : p * entropy / rest;
    *factor = power * (1 + gamma * quotient);
    return power * entropy;
}

/* A row's gradient is all softmax(z), less own at its label, other at its partner, and each
 * at all classes. */
struct blas_target {
    float own, other, each, all;
};

static float blas_focal_loss(float gamma, const struct blas_logits *row, struct blas_target *target)
{
    float own_factor, other_factor = 0;
    float value = row->own * blas_focal(row, gamma, row->label, &own_factor);
    if (row->other != 0)
        value += row->other * blas_focal(row, gamma, row->partner, &other_factor);
    const float own = row->own * own_factor, other = row->other * other_factor;
    *target = (struct blas_target){own, other, 0, own + other};
    return value;
}

static float blas_smoothed_loss(double smoothing, const struct blas_logits *row, struct blas_target *target)
{
    const float kept = (float)(1 - smoothing), even = (float)(smoothing / (double)row->C);
    const float all = row->own + row->other;
    float distances = 0;
    *target = (struct blas_target){kept * row->own, kept * row->other, even * all, all};
    for (size_t c = 0; c < row->C; c++)
        distances += row->largest - row->z[c];
    float distance = target->own * (row->largest - row->z[row->label]);
    if (target->other != 0)
        distance += target->other * (row->largest - row->z[row->partner]);
    return all * logf(row->sum) + (distance + target->each * distances);
}

static void blas_label_loss(const struct loss *loss, const struct tensor *Z, const struct targets *targets,
                            struct tensor *dZ, struct metrics *sums)
{
    for (size_t r = 0; r < Z->rows; r++) {
        const struct blas_logits row = blas_logits_of(Z, targets, r);
        struct blas_target target;
        const float value = loss->kind == LOSS_FOCAL ? blas_focal_loss((float)loss->gamma, &row, &target)
                                                     : blas_smoothed_loss(loss->smoothing, &row, &target);
        host_sums(sums)->loss += value;
        host_sums(sums)->correct += row.best == row.label && !isnan(value);
        for (size_t c = 0; dZ && c < row.C; c++) {
            float wanted = target.each;
            wanted += c == row.label ? target.own : 0;
            wanted += c == row.partner ? target.other : 0;
            const float p = expf(row.z[c] - row.largest) / row.sum;
            blas_row(dZ, r)[c] = (target.all * p - wanted) / (float)Z->rows;
        }
    }
}

/* ---- losses with values ---- */

static float blas_binary(float z, float t, float *slope)
{
    const float against = z > 0 ? 1 - t : t; /* a right z may be infinite */
    const float soft = log1pf(expf(-fabsf(z)));
    *slope = 1 / (1 + expf(-z)) - t;
    return against != 0 ? soft + fabsf(z) * against : soft;
}

static float blas_huber(float e, float delta, float *slope)
{
    const float size = fabsf(e);
    *slope = size > delta ? copysignf(delta, e) : e;
    return size > delta ? delta * (size - delta / 2) : e * e / 2;
}

static float blas_quantile(float e, float q, float *slope)
{
    *slope = e == 0 ? 0.5F - q : -q;
    if (e > 0)
        *slope = 1 - q;
    else if (isnan(e))
        *slope = e;
    return fmaxf(-q * e, (1 - q) * e) + (isnan(e) ? e : 0);
}

/* The loss of an output that is e above its value t, and its slope. */
static float blas_value_loss(const struct loss *loss, float z, float t, double q, float *slope)
{
    const float e = z - t;
    if (loss->kind == LOSS_BINARY)
        return blas_binary(z, t, slope);
    if (loss->kind == LOSS_HUBER)
        return blas_huber(e, (float)loss->delta, slope);
    if (loss->kind == LOSS_QUANTILE)
        return blas_quantile(e, (float)q, slope);
    if (loss->kind == LOSS_SQUARED) {
        *slope = 2 * e;
        return e * e;
    }
    *slope = e == 0 || isnan(e) ? e : copysignf(1, e);
    return fabsf(e);
}

static void blas_values_loss(const struct loss *loss, const struct tensor *Z, const struct targets *targets,
                             struct tensor *dZ, struct metrics *sums)
{
    const size_t C = Z->columns, Q = loss_quantiles(loss);
    const bool is_weighted = mixture_has_weights(targets->mixture);
    const float scale = (float)(1 / ((double)Z->rows * (double)C));
    for (size_t r = 0; r < Z->rows; r++) {
        const float *const z = blas_row(Z, r), *const t = blas_row(targets->values, r);
        const float weight = is_weighted ? blas_row(&targets->mixture->weights, 0)[r] : 1;
        float sum = 0;
        for (size_t c = 0; c < C; c++) {
            float slope;
            sum += blas_value_loss(loss, z[c], t[c / Q], loss->quantiles[c % Q], &slope);
            if (dZ)
                blas_row(dZ, r)[c] = weight * slope * scale;
        }
        host_sums(sums)->loss += weight * (sum / (float)C);
    }
}

clm_status blas_loss_gradient(struct clm_backend *be, const struct loss *loss, const struct tensor *Z,
                              const struct targets *targets, struct tensor *dZ, struct metrics *sums,
                              struct clm_error *error)
{
    (void)be, (void)error;
    if (loss_table[loss->kind].has_values)
        blas_values_loss(loss, Z, targets, dZ, sums);
    else
        blas_label_loss(loss, Z, targets, dZ, sums);
    return CLM_OK;
}

clm_status blas_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                        struct clm_error *error)
{
    (void)be, (void)error;
    for (size_t r = 0; r < Z->rows; r++) {
        size_t best;
        const float largest = blas_largest_of(blas_row(Z, r), Z->columns, &best);
        softmax_row(blas_row(Z, r), Z->columns, largest, blas_row(P, r));
    }
    return CLM_OK;
}
