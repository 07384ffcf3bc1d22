/* The reference's losses, and softmax: each as its formula reads. */
#include "compute/reference/reference.h"

#include <math.h>

/* max z, or NaN if the row has a NaN; *best is the first of the largest. */
static double reference_largest_of(const double *z, size_t C, size_t *best)
{
    double largest = z[0];
    *best = 0;
    for (size_t c = 1; c < C; c++)
        if (z[c] > largest || isnan(z[c])) {
            largest = z[c];
            *best = c;
        }
    return largest;
}

static double reference_sum_of_exponentials(const double *z, size_t C, double largest)
{
    double sum = 0;
    for (size_t c = 0; c < C; c++)
        sum += exp(z[c] - largest);
    return sum;
}

/* What the losses of a row's label and of its partner's count. */
struct reference_shares {
    size_t label, partner;
    double own, other;
};

static struct reference_shares reference_shares_of(const struct tensor *labels, const struct mixture *mixture,
                                                   size_t r)
{
    const size_t label = ((const uint32_t *)labels->memory)[r];
    struct reference_shares shares = {label, label, 1, 0};
    if (mixture_has_partners(mixture)) {
        shares.partner = ((const uint32_t *)mixture->partners.memory)[r];
        shares.own = mixture->share;
        shares.other = 1 - mixture->share;
    }
    if (mixture_has_weights(mixture)) {
        shares.own *= reference_row(&mixture->weights, 0)[r];
        shares.other *= mixture_has_partners(mixture) ? reference_row(&mixture->partner_weights, 0)[r] : 0;
    }
    return shares;
}

clm_status reference_softmax_xent(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                                  const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                                  struct clm_error *error)
{
    (void)be, (void)error;
    const size_t B = Z->rows, C = Z->columns;
    for (size_t r = 0; r < B; r++) {
        const double *const z = reference_row(Z, r);
        const struct reference_shares of = reference_shares_of(labels, mixture, r);
        size_t best;
        const double largest = reference_largest_of(z, C, &best),
                     sum = reference_sum_of_exponentials(z, C, largest);
        double distance = of.own * (largest - z[of.label]);
        if (of.other != 0)
            distance += of.other * (largest - z[of.partner]);
        const double loss = (of.own + of.other) * log(sum) + distance;
        host_sums(sums)->loss += loss;
        host_sums(sums)->correct += best == of.label && !isnan(loss);
        for (size_t c = 0; dZ && c < C; c++) {
            const double target = of.own * (c == of.label) + of.other * (c == of.partner),
                         p = exp(z[c] - largest) / sum;
            reference_row(dZ, r)[c] = ((of.own + of.other) * p - target) / (double)B;
        }
    }
    return CLM_OK;
}

/* ---- the other losses with labels ---- */

struct reference_logits {
    const double *z;
    size_t C, best;
    double largest, sum; /* of the exponentials, less the largest */
};

/* (1 - p)^gamma (-log p) of class c. Its gradient is *factor times that of -log p, with
 * (1 - p)^gamma (1 + gamma p (-log p) / (1 - p)) as the factor; the quotient is 1 if p is, and 0 if p is. */
static double reference_focal(const struct reference_logits *row, double gamma, size_t c, double *factor)
{
    double others = 0;
    for (size_t j = 0; j < row->C; j++)
        others += j == c ? 0 : exp(row->z[j] - row->largest);
    const double p = exp(row->z[c] - row->largest) / row->sum, rest = others / row->sum;
    const double entropy = p > 0.5 ? -log1p(-rest) : log(row->sum) + (row->largest - row->z[c]);
    const double quotient = rest == 0 ? 1 : p == 0 ? 0 : p * entropy / rest;
    *factor = pow(rest, gamma) * (1 + gamma * quotient);
    return pow(rest, gamma) * entropy;
}

/* What the row's gradient is made of: all softmax(z) - own onehot(label) - other onehot(partner) - each. */
struct reference_target {
    double own, other, each, all;
};

static double reference_focal_loss(const struct loss *loss, const struct reference_logits *row,
                                   const struct reference_shares *of, struct reference_target *target)
{
    double factor, partner_factor = 0;
    double value = of->own * reference_focal(row, loss->gamma, of->label, &factor);
    if (of->other != 0)
        value += of->other * reference_focal(row, loss->gamma, of->partner, &partner_factor);
    target->own = of->own * factor;
    target->other = of->other * partner_factor;
    target->each = 0;
    target->all = target->own + target->other;
    return value;
}

static double reference_smoothed_loss(const struct loss *loss, const struct reference_logits *row,
                                      const struct reference_shares *of, struct reference_target *target)
{
    double distances = 0;
    for (size_t c = 0; c < row->C; c++)
        distances += row->largest - row->z[c];
    target->all = of->own + of->other;
    target->own = (1 - loss->smoothing) * of->own;
    target->other = (1 - loss->smoothing) * of->other;
    target->each = loss->smoothing / (double)row->C * target->all;
    double value = target->all * log(row->sum) + target->each * distances;
    value += target->own * (row->largest - row->z[of->label]);
    if (target->other != 0)
        value += target->other * (row->largest - row->z[of->partner]);
    return value;
}

static void reference_label_row(const struct loss *loss, const double *z, size_t C,
                                const struct reference_shares *of, size_t B, double *dz,
                                struct host_sums *sums)
{
    struct reference_logits row = {.z = z, .C = C};
    struct reference_target target;
    row.largest = reference_largest_of(z, C, &row.best);
    row.sum = reference_sum_of_exponentials(z, C, row.largest);
    const double value = loss->kind == LOSS_FOCAL ? reference_focal_loss(loss, &row, of, &target)
                                                  : reference_smoothed_loss(loss, &row, of, &target);
    sums->loss += value;
    sums->correct += row.best == of->label && !isnan(value);
    for (size_t c = 0; dz && c < C; c++) {
        const double wanted = target.own * (c == of->label) + target.other * (c == of->partner) + target.each;
        dz[c] = (target.all * exp(z[c] - row.largest) / row.sum - wanted) / (double)B;
    }
}

/* ---- losses with values ---- */

/* The loss of output z against t, and its derivative by z. */
static double reference_value_loss(const struct loss *loss, double z, double t, double q, double *slope)
{
    const double e = z - t, delta = loss->delta;
    switch (loss->kind) {
    case LOSS_BINARY: {
        const double against = z > 0 ? 1 - t : t; /* 0 if an infinite z is right */
        *slope = 1 / (1 + exp(-z)) - t;
        return log1p(exp(-fabs(z))) + (against == 0 ? 0 : fabs(z) * against);
    }
    case LOSS_ABSOLUTE:
        *slope = e > 0 ? 1 : e < 0 ? -1 : e;
        return fabs(e);
    case LOSS_HUBER:
        *slope = e > delta ? delta : e < -delta ? -delta : e;
        return fabs(e) <= delta ? e * e / 2 : delta * (fabs(e) - delta / 2);
    case LOSS_QUANTILE:
        *slope = e > 0 ? 1 - q : e < 0 ? -q : 0.5 - q + e;
        return e > 0 ? (1 - q) * e : -q * e;
    default: /* LOSS_SQUARED */
        *slope = 2 * e;
        return e * e;
    }
}

/* Q outputs for each of the values. */
static void reference_value_row(const struct loss *loss, const double *z, size_t C, const double *t,
                                double weight, size_t B, double *dz, struct host_sums *sums)
{
    const size_t Q = loss_quantiles(loss);
    double sum = 0, slope;
    for (size_t c = 0; c < C; c++) {
        sum += reference_value_loss(loss, z[c], t[c / Q], loss->quantiles[c % Q], &slope);
        if (dz)
            dz[c] = weight * slope / ((double)B * (double)C);
    }
    sums->loss += weight * sum / (double)C;
}

clm_status reference_loss_gradient(struct clm_backend *be, const struct loss *loss, const struct tensor *Z,
                                   const struct targets *targets, struct tensor *dZ, struct metrics *sums,
                                   struct clm_error *error)
{
    (void)be, (void)error;
    const size_t B = Z->rows, C = Z->columns;
    const struct mixture *const mixture = targets->mixture;
    for (size_t r = 0; r < B; r++) {
        double *const dz = dZ ? reference_row(dZ, r) : NULL;
        if (loss_table[loss->kind].has_values) {
            const double weight = mixture_has_weights(mixture) ? reference_row(&mixture->weights, 0)[r] : 1;
            reference_value_row(loss, reference_row(Z, r), C, reference_row(targets->values, r), weight, B,
                                dz, host_sums(sums));
        } else {
            const struct reference_shares of = reference_shares_of(targets->labels, mixture, r);
            reference_label_row(loss, reference_row(Z, r), C, &of, B, dz, host_sums(sums));
        }
    }
    return CLM_OK;
}

clm_status reference_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                             struct clm_error *error)
{
    (void)be, (void)error;
    for (size_t r = 0; r < Z->rows; r++) {
        const double *const z = reference_row(Z, r);
        size_t best;
        const double largest = reference_largest_of(z, Z->columns, &best);
        const double sum = reference_sum_of_exponentials(z, Z->columns, largest);
        for (size_t c = 0; c < Z->columns; c++)
            reference_row(P, r)[c] = exp(z[c] - largest) / sum;
    }
    return CLM_OK;
}
