#include "prove/within.h"

#include "prove/sampled.h"

#include <float.h>
#include <math.h>

clm_status within(const char *operation, double got, double right, double bound, struct clm_error *error)
{
    if (fabs(got - right) <= bound)
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_WRONG, "%s gives %g where %g is right", operation, got, right);
}

clm_status fail_self_test(const struct clm_backend *be, const struct clm_error *why, struct clm_error *error)
{
    if (why->status != CLM_ERROR_WRONG)
        return clm_fail_setting(error, why->status, why->setting, "%s", why->message);
    return clm_fail_setting(
        error, CLM_ERROR_WRONG, "device",
        "%s fails its self-test: %s; it is not used. Update its driver, or choose another device", be->device,
        why->message);
}

/* ---- scores ----
 *
 * A device has logits z' with |z' - z| <= off. With m = max z' it computes d = z'_c - m, which rounds once, e = exp(d), the sum s
 * of C of them, p = e / s, the gradient (p - target) / B and the loss log(s) + (m - z'_label).
 *
 * OpenCL 1.2 (full profile, 7.4) promises exp and log to 3 units in the last place and division to 2.5; a unit is 2 u at most,
 * u = 2^-24. So exp and log are off by 6 u of themselves, a quotient by 5 u.
 *
 *   d      by 2 off, for m moves by off at most, too, and by its rounding, u |d|: together `moved` below
 *   p      is multiplied by exp(± 2 moved), for its own exponent and the others' move against each other; e, s and the quotient
 *          make gamma(6 + 6 + (C - 1) + 5) of it. What is below FLT_MIN may be flushed, in e and in p.
 *   loss   log(s) moves by `moved` and by -log(1 - gamma(6 + C)), its own rounding is 6 u of itself; m - z_label moves by
 *          2 off and rounds once, their sum rounds once more */
#define UNIT      0x1p-24
#define EXP_UNITS 6
#define LOG_UNITS 6
#define DIVISION  5

/* Of the distance of any logit from the largest. */
static double moved_of(const struct scored_row *row)
{
    double farthest = 0;
    for (size_t c = 0; c < row->C; c++)
        farthest = fmax(farthest, row->largest - row->z[c]);
    return 2 * row->off + UNIT * (farthest + 2 * row->off);
}

struct scored_row scored_row_of(const double *z, size_t C, double off, size_t label)
{
    struct scored_row row = {
        .z = z, .C = C, .off = off, .label = label, .partner = label, .share = 1, .largest = z[0]};
    for (size_t c = 1; c < C; c++)
        row.largest = fmax(row.largest, z[c]);
    for (size_t c = 0; c < C; c++)
        row.sum += exp(z[c] - row.largest);
    row.moved = moved_of(&row);
    return row;
}

double scored_probability(const struct scored_row *row, size_t c, double *bound)
{
    const double p = exp(row->z[c] - row->largest) / row->sum;
    const double gamma = rounding_bound(2 * EXP_UNITS + (double)row->C - 1 + DIVISION);
    *bound = p * (exp(2 * row->moved) * (1 + gamma) - 1) + 2 * (double)FLT_MIN;
    return p;
}

/* The difference rounds once, and the division by B is one of floats, whose result may be flushed. */
double scored_gradient(const struct scored_row *row, size_t c, size_t B, double *bound)
{
    const double target = row->share * (c == row->label) + (1 - row->share) * (c == row->partner);
    const double right = scored_probability(row, c, bound) - target;
    *bound += rounding_bound(1 + DIVISION) * (fabs(right) + *bound) + (double)B * (double)FLT_MIN;
    return right;
}

void scored_add(struct scored_sums *sums, const struct scored_row *row)
{
    const double *const z = row->z;
    const double distance = row->largest - row->share * z[row->label] - (1 - row->share) * z[row->partner];
    const double logarithm = log(row->sum);
    const double of_sum = row->moved - log1p(-rounding_bound(EXP_UNITS + (double)row->C));
    const double of_distance = 2 * row->off + rounding_bound(3) * (distance + 2 * row->off);
    const double unrounded =
        of_sum + LOG_UNITS * UNIT * (logarithm + of_sum) + of_distance + 4 * (double)FLT_MIN;
    double other = -(double)INFINITY;
    bool is_first = true; /* a prediction is the first of the largest */
    for (size_t c = 0; c < row->C; c++) {
        other = c == row->label ? other : fmax(other, z[c]);
        is_first = is_first && !(c < row->label && z[c] >= z[row->label]);
    }
    sums->loss += logarithm + distance;
    sums->loss_error += unrounded + UNIT * (logarithm + distance + unrounded);
    sums->correct += is_first && z[row->label] >= other;
    sums->correct_open += row->off > 0 && fabs(z[row->label] - other) <= 2 * row->off;
}

/* The losses, none of which is negative, are added in any order. */
double scored_loss_bound(const struct scored_sums *sums, size_t B)
{
    return sums->loss_error + rounding_bound((double)B) * (sums->loss + sums->loss_error) + (double)FLT_MIN;
}

clm_status scored_sums_within(const struct scored_sums *sums, size_t B, double loss, size_t correct,
                              struct clm_error *error)
{
    const clm_status status =
        within("softmax_xent's loss", loss, sums->loss, scored_loss_bound(sums, B), error);
    return status ? status
                  : within("softmax_xent's count of right predictions", (double)correct, sums->correct,
                           sums->correct_open, error);
}
