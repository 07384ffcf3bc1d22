/* Bounds of softmax and its cross-entropy.
 *
 * A backend's logits z' are within ε of z. With m = max z' it computes, for each class of a row,
 *
 *     d_j = z'_j - m,  e_j = exp(d_j),  p_c = e_c / Σ e_j,  loss = log(Σ e_j) + (m - z'_label)
 *
 * Without roundings m cancels. With the odds against a class, r_c = Σ_{j≠c} exp(z'_j - z'_c),
 *
 *     p_c = 1 / (1 + r_c),  loss = log(1 + r_label)
 *
 * and r_c grows with each other logit and falls with its own. So it lies between two odds: with the others as
 * low and its own as high as possible, and the opposite. No probability leaves [0,1], however large ε is. If
 * a logit is surely the largest by far, p is 1 almost to the last bit.
 *
 * What is rounded:
 *
 *   d_j       once, as if z_j moved by another u |d_j|. |d_j| is at most its reach: how far another logit may
 *             be above it, or 0 if no other can be. The lowest and highest logits of struct row contain that.
 *   e, Σ, p   each e EXP_ROUNDINGS times, their sum as one of C terms >= 0, the quotient DIVISION_ROUNDINGS
 *             times, all relative
 *   loss      u |d_label| has moved the e of the label, but not the distance m - z'_label, or the other way:
 *             another u times its reach. The relative errors of the sum move its logarithm by -log(1 - γ) at
 *             most; LOG_ERROR is relative to the logarithm; and the sum of both is rounded.
 *
 * A row's loss may be a mixture of two: own times that of the label and other times that of its partner,
 *
 *   own = share w,  other = (1 - share) w',  loss = (own + other) log(Σ e_j) + own (m - z'_label)
 *                                                 + other (m - z'_partner)
 *   dZ_c = ((own + other) p_c - own [c = label] - other [c = partner]) / B
 *
 * The bounds of both losses are mixed in the same way. own and other are rounded once each, their sum once
 * more; each of the products of the loss and of dZ once, and so is the sum of the distances. All terms of a
 * loss and all numbers of a mixture are >= 0.
 *
 * The other losses with labels have the same parts; the comments of their functions say what is rounded.
 *
 * Of a float's functions, OpenCL 1.2 (full profile, section 7.4) promises exp and log to 3 units in the last
 * place, log1p to 2, pow to 16 and division to 2.5, a unit being at most 2 u of the value: 6 u, 4 u, 32 u and
 * 5 u. The C library's are better. */
#include "prove/bounds/stage.h"

#include <stdlib.h>

#define EXP_ROUNDINGS      6
#define LOG_ERROR          (6 * UNIT_ROUNDOFF)
#define DIVISION_ROUNDINGS 5
#define DIVISION_ERROR     (DIVISION_ROUNDINGS * UNIT_ROUNDOFF)
#define LOG1P_ROUNDINGS    4
#define POW_ROUNDINGS      32

/* ---- sums without one term ---- */

struct two_largest {
    double first, second; /* -Inf if there is no second */
    size_t at;            /* of the first */
};

static struct two_largest two_largest_of(const double *v, size_t count)
{
    struct two_largest top = {v[0], -(double)INFINITY, 0};
    for (size_t i = 1; i < count; i++)
        if (v[i] > top.first)
            top = (struct two_largest){v[i], top.first, i};
        else
            top.second = fmax(top.second, v[i]);
    return top;
}

static double largest_but(const struct two_largest *top, size_t c)
{
    return c == top->at ? top->second : top->first;
}

/* Sums of exponentials of v. The largest is kept apart, because the rest may be smaller by any factor. */
struct exponentials {
    const double *v;
    struct two_largest top;
    double rest;  /* Σ exp(v - second) of all but the largest */
    double whole; /* Σ exp(v - first) */
};

static struct exponentials exponentials_of(const double *v, size_t count)
{
    struct exponentials sums = {.v = v, .top = two_largest_of(v, count)};
    for (size_t i = 0; i < count && sums.top.second > -(double)INFINITY; i++)
        sums.rest += i == sums.top.at ? 0 : exp(v[i] - sums.top.second);
    sums.whole = 1 + exp(sums.top.second - sums.top.first) * sums.rest;
    return sums;
}

/* factor exp(scale); exp(scale) alone may overflow */
struct scaled {
    double factor, scale;
};

/* Σ_{j≠c} exp(v_j) */
static struct scaled sum_without(const struct exponentials *sums, size_t c)
{
    const struct two_largest *const top = &sums->top;
    if (c == top->at)
        return (struct scaled){sums->rest, top->second};
    return (struct scaled){fmax(sums->whole - exp(sums->v[c] - top->first), 1), top->first};
}

/* ---- a row ---- */

/* A row's logits less the largest of them, and the lowest and highest that a backend's logits may be, with
 * d's rounding included. */
struct row {
    size_t C;
    double *z, *low, *high; /* one piece of memory */
    double *reach;
    struct exponentials exact, lowest, highest;
};

static clm_status row_create(size_t C, struct row *out, struct clm_error *error)
{
    double *const memory = calloc(4 * C, sizeof *memory);
    *out = (struct row){.C = C, .z = memory};
    if (!memory)
        return clm_fail_host_memory(error, "a check", 4 * C * sizeof *memory);
    out->low = memory + C, out->high = memory + 2 * C, out->reach = memory + 3 * C;
    return CLM_OK;
}

/* A logit of -Inf is exact, whatever error Inf - Inf has given. */
static void row_take(struct row *row, const double *z, const double *z_error)
{
    const size_t C = row->C;
    const double largest = two_largest_of(z, C).first;
    for (size_t c = 0; c < C; c++) {
        const double error = z_error[c] >= 0 ? z_error[c] : NAN; /* no bound stays none */
        const double moved = isinf(z[c]) ? 0 : error;
        row->z[c] = z[c] - largest;
        row->low[c] = row->z[c] - moved;
        row->high[c] = row->z[c] + moved;
    }
    const struct two_largest top = two_largest_of(row->high, C);
    for (size_t c = 0; c < C; c++) {
        row->reach[c] = fmax(largest_but(&top, c) - row->low[c], 0);
        const double rounded = isinf(row->z[c]) ? 0 : UNIT_ROUNDOFF * row->reach[c];
        row->low[c] -= rounded;
        row->high[c] += rounded;
    }
    row->exact = exponentials_of(row->z, C);
    row->lowest = exponentials_of(row->low, C);
    row->highest = exponentials_of(row->high, C);
}

/* 1 / (1 + odds), from the others' sum and the class's own logit. */
static double probability_of(struct scaled others, double own)
{
    return 1 / (1 + others.factor * exp(others.scale - own));
}

/* log(1 + odds) */
static double loss_of(struct scaled others, double own)
{
    const double odds = log(others.factor) + others.scale - own;
    return odds > 0 ? odds + log1p(exp(-odds)) : log1p(exp(odds));
}

/* p_c, and how far a float's may be from it: C - 1 roundings of the sum, and one for the reference's; the
 * exponential and the quotient may be flushed. */
static double probability(const struct row *row, size_t c, double *error)
{
    const double gamma = gamma_of(2 * EXP_ROUNDINGS + row->C + DIVISION_ROUNDINGS);
    const double p = exp(row->z[c]) / row->exact.whole;
    const double most = probability_of(sum_without(&row->lowest, c), row->high[c]);
    const double least = probability_of(sum_without(&row->highest, c), row->low[c]);
    *error = fmax(most * (1 + gamma) - p, p - least * (1 - gamma)) + 2 * FLUSHED;
    return p;
}

/* log(1 + r_c), and how far the loss may be off if a backend's logits are off but nothing else is rounded. */
static double exact_loss(const struct row *row, size_t c, double *error)
{
    const double loss = loss_of(sum_without(&row->exact, c), row->z[c]);
    const double most = loss_of(sum_without(&row->highest, c), row->low[c]);
    const double least = loss_of(sum_without(&row->lowest, c), row->high[c]);
    *error = fmax(most - loss, loss - least);
    return loss;
}

/* (p - target) / B: one rounding, one division. */
static double gradient_error(double p, double p_error, double target, double B)
{
    const double difference = fabs(p - target);
    const double error = p_error + UNIT_ROUNDOFF * (difference + p_error);
    return (error + DIVISION_ERROR * (difference + error)) / B + FLUSHED;
}

/* What the losses of a row's label and of its partner count, which sum to `all`. */
struct target {
    size_t label, partner;
    double own, other, all;
    bool is_mixed, is_weighted;
};

static struct target target_of(const struct tensor *labels, const struct mixture *mixture, size_t r)
{
    const uint32_t *const own = value_of(labels).memory;
    struct target target = {.label = own[r],
                            .partner = own[r],
                            .own = 1,
                            .is_mixed = mixture_has_partners(mixture) && mixture->share != 1,
                            .is_weighted = mixture_has_weights(mixture)};
    if (mixture_has_partners(mixture)) {
        target.partner = ((const uint32_t *)value_of(&mixture->partners).memory)[r];
        target.own = mixture->share;
        target.other = 1 - mixture->share;
    }
    if (target.is_weighted) {
        target.own *= values_of(&mixture->weights)[r];
        target.other *= mixture_has_partners(mixture) ? values_of(&mixture->partner_weights)[r] : 0;
    }
    target.all = target.own + target.other;
    return target;
}

/* A row's loss and how far a float's may be from it. log(Σ e) is the loss of the largest class: at most that
 * of z's largest. In mixed rows the distances are multiplied and added: two roundings of a sum that is not
 * negative. In weighted rows own and other are rounded, too: three roundings of each distance, and three of
 * (own + other) log(Σ e). A product may be flushed, or a share with a tiny weight, whose factor then is
 * lost. */
static double row_loss(const struct row *row, const struct target *target, double *error)
{
    const double own = target->own, other = target->other, all = target->all;
    double moved, partner_moved = 0, largest_moved;
    double loss = own * exact_loss(row, target->label, &moved);
    double reach = own * row->reach[target->label];
    moved *= own;
    if (other != 0) {
        loss += other * exact_loss(row, target->partner, &partner_moved);
        reach += other * row->reach[target->partner];
        moved += other * partner_moved;
    }
    const double of_sum = -log1p(-gamma_of(EXP_ROUNDINGS + row->C)); /* one for the reference's */
    const double logarithm = exact_loss(row, row->exact.top.at, &largest_moved) + largest_moved + of_sum;
    double unrounded = moved + UNIT_ROUNDOFF * reach + all * (of_sum + LOG_ERROR * logarithm + FLUSHED);
    if (target->is_weighted) {
        const double farthest = fmax(row->reach[target->label], row->reach[target->partner]);
        unrounded += gamma_of(4) * (unrounded + reach + all * logarithm) +
                     FLUSHED * (4 + 2 * farthest + 2 * logarithm);
    } else if (target->is_mixed)
        unrounded += gamma_of(2) * reach + 2 * FLUSHED;
    *error = unrounded + UNIT_ROUNDOFF * (loss + unrounded);
    return loss;
}

/* Whether the errors leave open whether the label's logit is the largest. Logits without errors are simply
 * compared. */
static bool is_prediction_open(const double *z, const double *z_error, size_t C, size_t label)
{
    bool is_open = false;
    for (size_t c = 0; c < C; c++) {
        const double moved = z_error[c] + z_error[label], ahead = z[label] - z[c];
        if (c != label && ahead < -moved)
            return false;
        is_open = is_open || (c != label && moved > 0 && ahead <= moved);
    }
    return is_open;
}

/* ---- the other losses with labels ---- */

/* A row's gradient is (all softmax(z) - own onehot(label) - other onehot(partner) - each) / B, and how far a
 * float's numbers may be from these. */
struct parts {
    double own, other, each, all;
    double own_error, other_error, each_error, all_error;
};

/* kept = 1 - s and even = s / C are rounded once; own and other three times then, with their weights; all
 * twice; each four times. */
static struct parts smoothed_parts(const struct loss *loss, const struct target *target, size_t C)
{
    const double kept = 1 - loss->smoothing, even = loss->smoothing / (double)C;
    struct parts parts = {.own = kept * target->own,
                          .other = kept * target->other,
                          .each = even * target->all,
                          .all = target->all};
    parts.own_error = gamma_of(3) * parts.own + FLUSHED;
    parts.other_error = gamma_of(3) * parts.other + FLUSHED;
    parts.each_error = gamma_of(4) * parts.each + FLUSHED;
    parts.all_error = gamma_of(2) * parts.all + FLUSHED;
    return parts;
}

/* Of its terms all log(Σ e), own and other times a distance, and each times the sum of all distances, every
 * one is >= 0. The last has the most roundings: four of each, C of the sum and its product, and three sums of
 * the terms. As in row_loss, another u times its reach is for each distance. A coefficient may be flushed,
 * whose factor then is lost. */
static double smoothed_loss(const struct row *row, const struct parts *parts, const struct target *target,
                            double *error)
{
    double value = 0, moved = 0, terms = 0, farthest = 0, largest_moved;
    for (size_t c = 0; c < row->C; c++) {
        const double share = parts->own * (c == target->label) + parts->other * (c == target->partner);
        double class_moved;
        value += (share + parts->each) * exact_loss(row, c, &class_moved);
        moved += (share + parts->each) * class_moved;
        terms += (share + parts->each) * row->reach[c];
        farthest += row->reach[c];
    }
    const double of_sum = -log1p(-gamma_of(EXP_ROUNDINGS + row->C));
    const double logarithm = exact_loss(row, row->exact.top.at, &largest_moved) + largest_moved + of_sum;
    const double unrounded =
        moved + UNIT_ROUNDOFF * terms + parts->all * (of_sum + LOG_ERROR * logarithm + FLUSHED);
    *error = unrounded + gamma_of(row->C + 9) * (unrounded + terms + parts->all * logarithm) +
             FLUSHED * (6 + 3 * farthest + 2 * logarithm);
    return value;
}

/* All that a float's 1 - p and -log p of a class may be. */
struct focal_range {
    double rest, least_rest, most_rest;
    double entropy, least_entropy, most_entropy;
    double relative; /* roundings of p (-log p) / (1 - p), relative */
};

/* 1 / (1 + 1 / odds) */
static double rest_of(struct scaled others, double own)
{
    return 1 / (1 + exp(own - others.scale) / others.factor);
}

/* 1 - p is a quotient of two sums of exponentials, each of which may be flushed. -log p is log1p of -(1 - p)
 * if p is above a half: then a relative error of 1 - p makes at most twice as large a one; with the roundings
 * of p, where the two formulas meet, three times. Else it is the logarithm of the sum and a distance, as in
 * row_loss, and at least 0.6. */
static struct focal_range focal_range(const struct row *row, size_t c)
{
    const double of_rest = gamma_of(2 * EXP_ROUNDINGS + 2 * row->C + DIVISION_ROUNDINGS),
                 of_sum = -log1p(-gamma_of(EXP_ROUNDINGS + row->C)), flushed = FLUSHED * (double)(row->C + 1);
    struct focal_range range;
    double moved;
    range.rest = rest_of(sum_without(&row->exact, c), row->z[c]);
    range.most_rest = rest_of(sum_without(&row->highest, c), row->low[c]) * (1 + of_rest) + flushed;
    range.least_rest = fmax(rest_of(sum_without(&row->lowest, c), row->high[c]) * (1 - of_rest) - flushed, 0);
    range.entropy = exact_loss(row, c, &moved);
    const double rounded = 3 * of_rest + 2 * of_sum + LOG_ERROR + gamma_of(LOG1P_ROUNDINGS + 1);
    const double most = range.entropy + moved;
    const double error = moved + rounded * most + UNIT_ROUNDOFF * row->reach[c] + 3 * flushed;
    range.most_entropy = range.entropy + error;
    range.least_entropy = fmax(range.entropy - error, 0);
    range.relative = rounded + UNIT_ROUNDOFF * row->reach[c] / fmax(range.least_entropy, 0.6) +
                     gamma_of(2 * EXP_ROUNDINGS + row->C + 2 * DIVISION_ROUNDINGS + 2) + of_rest;
    return range;
}

/* p (-log p) / (1 - p) for a rest of 1 - p; it falls from 1 to 0. */
static double focal_quotient(double rest)
{
    if (rest <= 0)
        return 1;
    return rest >= 1 ? 0 : -(1 - rest) * log1p(-rest) / rest;
}

/* (1 - p)^gamma (-log p), which grows with 1 - p; its factor (1 - p)^gamma (1 + gamma p (-log p) / (1 - p)),
 * whose two factors go opposite ways; and the errors of both. gamma is rounded, too: an exponent's relative
 * error moves a power by the logarithm of the base, at least -88 unless it is flushed. p may be flushed, and
 * so may -log p if the rest nearly is, after which any quotient from 0 to 1 is possible. */
static double focal_of(const struct row *row, double gamma, size_t c, double *error, double *factor,
                       double *factor_error)
{
    const struct focal_range range = focal_range(row, c);
    const double of_power = gamma_of(POW_ROUNDINGS) + expm1(UNIT_ROUNDOFF * 88 * gamma),
                 power = pow(range.rest, gamma),
                 most_power = pow(range.most_rest, gamma) * (1 + of_power) + FLUSHED,
                 least_power = fmax(pow(range.least_rest, gamma) * (1 - of_power) - FLUSHED, 0);
    const double value = power * range.entropy;
    const double most = most_power * range.most_entropy * (1 + UNIT_ROUNDOFF) + FLUSHED;
    const double least = fmax(least_power * range.least_entropy * (1 - UNIT_ROUNDOFF) - FLUSHED, 0);
    const bool is_faint = range.least_rest <= 1e3 * (double)row->C * FLUSHED;
    const bool is_impossible = isinf(row->z[c]); /* p is exactly 0 */
    const double high = is_impossible ? 0 : focal_quotient(range.least_rest),
                 low = is_impossible ? 0 : focal_quotient(range.most_rest);
    const double most_quotient = (high > 0 ? high * (1 + range.relative) : 0) + 200 * FLUSHED;
    const double least_quotient =
        is_faint || !(low > 0) ? 0 : fmax(low * (1 - range.relative) - 200 * FLUSHED, 0);
    *error = fmax(most - value, value - least);
    *factor = power * (1 + gamma * focal_quotient(range.rest));
    *factor_error =
        fmax(most_power * (1 + gamma * most_quotient) * (1 + gamma_of(4)) + FLUSHED - *factor,
             *factor - fmax(least_power * (1 + gamma * least_quotient) * (1 - gamma_of(4)) - FLUSHED, 0));
    return value;
}

/* own and other are rounded once before, if they are weighted, and once with the factor; all once more. */
static double focal_loss(const struct row *row, double gamma, const struct target *target,
                         struct parts *parts, double *error)
{
    double own_error, other_error = 0, other_value = 0, factor, factor_error;
    *parts = (struct parts){0};
    double value = target->own * focal_of(row, gamma, target->label, &own_error, &factor, &factor_error);
    parts->own = target->own * factor;
    parts->own_error =
        target->own * factor_error + gamma_of(2) * target->own * (factor + factor_error) + 2 * FLUSHED;
    if (target->other != 0) {
        other_value = focal_of(row, gamma, target->partner, &other_error, &factor, &factor_error);
        parts->other = target->other * factor;
        parts->other_error = target->other * factor_error +
                             gamma_of(2) * target->other * (factor + factor_error) + 2 * FLUSHED;
    }
    value += target->other * other_value;
    const double unrounded = target->own * own_error + target->other * other_error;
    *error = unrounded + gamma_of(3) * (value + unrounded) + 4 * FLUSHED;
    parts->all = parts->own + parts->other;
    parts->all_error = parts->own_error + parts->other_error;
    parts->all_error += UNIT_ROUNDOFF * (parts->all + parts->all_error);
    return value;
}

/* The target's three terms are added in two roundings; the product has one. */
static void label_gradient_errors(const struct row *row, const struct parts *parts,
                                  const struct target *target, double B, double *out)
{
    for (size_t c = 0; c < row->C; c++) {
        const bool is_label = c == target->label, is_partner = c == target->partner;
        const double wanted = parts->own * is_label + parts->other * is_partner + parts->each;
        double wanted_error =
            parts->own_error * is_label + parts->other_error * is_partner + parts->each_error;
        double p_error;
        const double p = probability(row, c, &p_error);
        double product_error = parts->all * p_error + parts->all_error * (p + p_error);
        wanted_error += gamma_of(2) * (wanted + wanted_error);
        product_error += UNIT_ROUNDOFF * (parts->all * p + product_error) + FLUSHED;
        out[c] = gradient_error(parts->all * p, product_error + wanted_error, wanted, B);
    }
}

clm_status label_loss_errors(const struct loss *loss, const struct tensor *Z, const struct targets *targets,
                             const struct tensor *dZ, const struct metrics *sums, struct clm_error *error)
{
    const size_t B = Z->rows, C = Z->columns;
    double *const sums_errors = errors_of(&sums->state);
    struct row row;
    const clm_status status = row_create(C, &row, error);
    for (size_t r = 0; status == CLM_OK && r < B; r++) {
        const double *const z = values_of(Z) + r * C, *const z_error = errors_of(Z) + r * C;
        const struct target target = target_of(targets->labels, targets->mixture, r);
        struct parts parts = smoothed_parts(loss, &target, C);
        double loss_error;
        row_take(&row, z, z_error);
        const double value = loss->kind == LOSS_FOCAL
                                 ? focal_loss(&row, loss->gamma, &target, &parts, &loss_error)
                                 : smoothed_loss(&row, &parts, &target, &loss_error);
        sums_errors[0] += loss_error + gamma_of(B + 2) * (value + loss_error);
        sums_errors[1] += is_prediction_open(z, z_error, C, target.label);
        if (dZ)
            label_gradient_errors(&row, &parts, &target, (double)B, errors_of(dZ) + r * C);
    }
    free(row.z);
    return status;
}

/* ---- the operations ---- */

/* A weighted probability has three roundings more: of own and other, of their sum, and of the product. A
 * weighted target has two. */
static void gradient_errors(const struct row *row, const struct target *target, double B, double *out)
{
    for (size_t c = 0; c < row->C; c++) {
        const double wanted = target->own * (c == target->label) + target->other * (c == target->partner);
        double p_error;
        double p = probability(row, c, &p_error);
        if (target->is_weighted) {
            p_error = target->all * p_error + gamma_of(4) * target->all * (p + p_error) +
                      gamma_of(2) * wanted + 4 * FLUSHED;
            p *= target->all;
        }
        out[c] = gradient_error(p, p_error, wanted, B);
    }
}

/* The errors of dZ, unless it is NULL, and of the sums. dZ may be Z: each row's errors replace those they are
 * computed from.
 *
 * The rows' losses are added in any order: B roundings, one of them for the sums of earlier calls, and the
 * reference's. */
static clm_status xent_errors(const struct tensor *Z, const struct tensor *labels,
                              const struct mixture *mixture, const struct tensor *dZ,
                              const struct metrics *sums, struct clm_error *error)
{
    const size_t B = Z->rows, C = Z->columns;
    double *const sums_errors = errors_of(&sums->state);
    struct row row;
    const clm_status status = row_create(C, &row, error);
    for (size_t r = 0; status == CLM_OK && r < B; r++) {
        const double *const z = values_of(Z) + r * C, *const z_error = errors_of(Z) + r * C;
        const struct target target = target_of(labels, mixture, r);
        double loss_error;
        row_take(&row, z, z_error);
        const double loss = row_loss(&row, &target, &loss_error);
        sums_errors[0] += loss_error + gamma_of(B + 2) * (loss + loss_error);
        sums_errors[1] += is_prediction_open(z, z_error, C, target.label);
        if (dZ)
            gradient_errors(&row, &target, (double)B, errors_of(dZ) + r * C);
    }
    free(row.z);
    return status;
}

clm_status bounds_softmax_xent(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                               const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                               struct clm_error *error)
{
    const struct tensor z = value_of(Z), classes = value_of(labels);
    struct tensor dz = dZ ? value_of(dZ) : (struct tensor){0};
    struct mixture mixed = {0};
    struct metrics values = {.state = value_of(&sums->state)};
    if (mixture)
        mixed = (struct mixture){value_of(&mixture->partners), mixture->share, value_of(&mixture->weights),
                                 value_of(&mixture->partner_weights)};
    const clm_status status = xent_errors(Z, labels, mixture, dZ, sums, error);
    return status ? status
                  : softmax_xent(bounds_reference(be), &z, &classes, mixture ? &mixed : NULL, dZ ? &dz : NULL,
                                 &values, error);
}

clm_status bounds_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                          struct clm_error *error)
{
    const size_t C = Z->columns;
    const struct tensor z = value_of(Z);
    struct tensor p = value_of(P);
    struct row row;
    const clm_status status = row_create(C, &row, error);
    for (size_t r = 0; status == CLM_OK && r < Z->rows; r++) {
        row_take(&row, values_of(Z) + r * C, errors_of(Z) + r * C);
        for (size_t c = 0; c < C; c++)
            probability(&row, c, &errors_of(P)[r * C + c]);
    }
    free(row.z);
    return status ? status : softmax(bounds_reference(be), &z, &p, error);
}
