/* Bounds of the losses with values, whose formulas are in compute/loss.h.
 *
 * An output z and its value t are off by as much as their errors say; e = z - t is, too, and rounded once.
 * What a loss makes of e is a function whose slope is bounded, so it moves by at most its slope times the
 * error of e. If the sign of e is open, a slope that depends on it is, too. If z is t, without errors, e is
 * exactly 0.
 *
 * OpenCL 1.2 (full profile, section 7.4) promises exp to 3 units in the last place, log1p to 2 and division
 * to 2.5, a unit being at most 2 u of the value. */
#include "prove/bounds/stage.h"

#include <stdlib.h>

#define EXP_ROUNDINGS      6
#define LOG1P_ROUNDINGS    4
#define DIVISION_ROUNDINGS 5

/* An output and its value, with their errors. */
struct compared {
    double z, t, z_error, t_error;
    double e, e_error;
    bool is_open; /* the sign of e */
};

static struct compared compare(double z, double z_error, double t, double t_error)
{
    struct compared at = {z, t, z_error, t_error, .e = z - t};
    at.e_error = z_error + t_error;
    if (isinf(at.e))
        return at;
    if (at.e_error > 0 || at.e != 0)
        at.e_error += UNIT_ROUNDOFF * (fabs(at.e) + at.e_error) + FLUSHED;
    at.is_open = at.e_error > 0 && fabs(at.e) <= at.e_error;
    return at;
}

/* A loss and its slope, and how far a float's may be from them. */
struct bounded_loss {
    double value, slope, value_error, slope_error;
};

/* e²; 2 e is exact */
static void bound_squared(const struct compared *at, struct bounded_loss *out)
{
    const double moved = (2 * fabs(at->e) + at->e_error) * at->e_error;
    out->value_error = moved + UNIT_ROUNDOFF * (at->e * at->e + moved) + FLUSHED;
    out->slope_error = 2 * at->e_error;
}

/* |e|, whose slopes are 1 and -1, and 0 between */
static void bound_absolute(const struct compared *at, struct bounded_loss *out)
{
    out->value_error = at->e_error;
    out->slope_error = at->is_open ? 1 + fabs(out->slope) : 0;
}

/* delta is rounded. The slope is e within ±delta. The loss is at most its largest slope here times |e|, and
 * is rounded four times. Which of the two formulas is taken near delta may differ, too: they differ there by
 * half the square of the distance to delta. */
static void bound_huber(const struct compared *at, double delta, struct bounded_loss *out)
{
    const double size = fabs(at->e) + at->e_error, slope = fmin(size, delta);
    const double beside = at->e_error + UNIT_ROUNDOFF * delta;
    out->value_error =
        slope * at->e_error + beside * beside + gamma_of(5) * slope * size + UNIT_ROUNDOFF * delta + FLUSHED;
    out->slope_error = beside;
}

/* q and 1 - q are off by 2 u at most. The slopes -q and 1 - q are 1 apart, and 1/2 - q is half way. */
static void bound_quantile(const struct compared *at, double q, struct bounded_loss *out)
{
    const double size = fabs(at->e) + at->e_error, steepest = fmax(q, 1 - q);
    out->value_error =
        steepest * at->e_error + 2 * UNIT_ROUNDOFF * size + UNIT_ROUNDOFF * (steepest + 1) * size + FLUSHED;
    out->slope_error = 2 * UNIT_ROUNDOFF + (at->is_open ? 1 : 0);
}

static double sigmoid_of(double z)
{
    return 1 / (1 + exp(-z));
}

/* log1p(exp(-|z|)) + |z| against, which is softplus(z) - z t. By z its slope is sigmoid(z) - t, by t it is
 * -z. The relative error of the exponential makes at most as large a one of log1p. against, its product and
 * the sum are rounded once each. sigmoid grows with z, and has an exponential, a sum and a quotient. */
static void bound_binary(const struct compared *at, struct bounded_loss *out)
{
    const double size = fabs(at->z) + at->z_error, t = fmax(fabs(at->t), fabs(1 - at->t)) + at->t_error;
    const double soft = log1p(exp(-fmax(fabs(at->z) - at->z_error, 0)));
    const double moved = t * at->z_error + size * at->t_error;
    const double most = sigmoid_of(at->z + at->z_error), least = sigmoid_of(at->z - at->z_error),
                 sigmoid = sigmoid_of(at->z);
    const double error = fmax(most - sigmoid, sigmoid - least) +
                         gamma_of(EXP_ROUNDINGS + 1 + DIVISION_ROUNDINGS) * most + FLUSHED + at->t_error;
    out->value_error = moved + gamma_of(EXP_ROUNDINGS + LOG1P_ROUNDINGS + 1) * soft + gamma_of(3) * size * t +
                       FLUSHED * (3 + size);
    out->slope_error = error + UNIT_ROUNDOFF * (fabs(out->slope) + error) + FLUSHED;
}

static struct bounded_loss bound_value_loss(const struct loss *loss, const struct compared *at, double q)
{
    const double e = at->e;
    struct bounded_loss out = {0};
    switch (loss->kind) {
    case LOSS_BINARY:
        out.slope = sigmoid_of(at->z) - at->t;
        out.value = fabs(log1p(exp(-fabs(at->z)))) + fabs(at->z) * fabs(at->z > 0 ? 1 - at->t : at->t);
        bound_binary(at, &out);
        break;
    case LOSS_ABSOLUTE:
        out.slope = (e > 0) - (e < 0);
        out.value = fabs(e);
        bound_absolute(at, &out);
        break;
    case LOSS_HUBER:
        out.slope = fmin(fabs(e), loss->delta);
        out.value = out.slope * fabs(e);
        bound_huber(at, loss->delta, &out);
        break;
    case LOSS_QUANTILE:
        out.slope = e > 0 ? 1 - q : e < 0 ? -q : 0.5 - q;
        out.value = fabs(out.slope * e);
        bound_quantile(at, q, &out);
        break;
    default: /* LOSS_SQUARED */
        out.slope = 2 * e;
        out.value = e * e;
        bound_squared(at, &out);
    }
    return out;
}

/* The row's terms are added in C - 1 roundings, divided by C, weighted. Each slope is multiplied by the
 * weight and by 1 / (B C), which is rounded; the reference rounds once, too. Returns at least the size of the
 * loss. */
static double value_row_errors(const struct loss *loss, const struct tensor *Z, const struct tensor *values,
                               size_t r, double weight, const struct tensor *dZ, double *error)
{
    const size_t C = Z->columns, Q = loss_quantiles(loss);
    const double elements = (double)Z->rows * (double)C;
    double size = 0, moved = 0;
    for (size_t c = 0; c < C; c++) {
        const size_t n = r * C + c, v = r * (C / Q) + c / Q;
        const struct compared at =
            compare(values_of(Z)[n], errors_of(Z)[n], values_of(values)[v], errors_of(values)[v]);
        const struct bounded_loss term = bound_value_loss(loss, &at, loss->quantiles[c % Q]);
        size += term.value;
        moved += term.value_error;
        if (dZ)
            errors_of(dZ)[n] =
                weight * (term.slope_error + gamma_of(4) * (fabs(term.slope) + term.slope_error)) / elements +
                2 * FLUSHED;
    }
    *error = weight * (moved + gamma_of(C + DIVISION_ROUNDINGS + 2) * (size + moved)) / (double)C +
             FLUSHED * (2 + weight);
    return weight * size / (double)C;
}

static void value_loss_errors(const struct loss *loss, const struct tensor *Z, const struct targets *targets,
                              const struct tensor *dZ, const struct metrics *sums)
{
    const size_t B = Z->rows;
    const struct mixture *const mixture = targets->mixture;
    for (size_t r = 0; r < B; r++) {
        const double weight = mixture_has_weights(mixture) ? values_of(&mixture->weights)[r] : 1;
        double error;
        const double size = value_row_errors(loss, Z, targets->values, r, weight, dZ, &error);
        errors_of(&sums->state)[0] += error + gamma_of(B + 2) * (size + error);
    }
}

clm_status bounds_loss_gradient(struct clm_backend *be, const struct loss *loss, const struct tensor *Z,
                                const struct targets *targets, struct tensor *dZ, struct metrics *sums,
                                struct clm_error *error)
{
    const struct tensor z = value_of(Z);
    struct tensor dz = dZ ? value_of(dZ) : (struct tensor){0}, labels = {0}, values = {0};
    struct metrics inner = {.state = value_of(&sums->state)};
    struct mixture mixture = {0};
    clm_status status = CLM_OK;
    if (targets->mixture)
        mixture = (struct mixture){value_of(&targets->mixture->partners), targets->mixture->share,
                                   value_of(&targets->mixture->weights),
                                   value_of(&targets->mixture->partner_weights)};
    if (loss_table[loss->kind].has_values) {
        values = value_of(targets->values);
        value_loss_errors(loss, Z, targets, dZ, sums);
    } else {
        labels = value_of(targets->labels);
        status = label_loss_errors(loss, Z, targets, dZ, sums, error);
    }
    const struct targets of = {&labels, targets->mixture ? &mixture : NULL, &values};
    return status ? status
                  : loss_gradient(bounds_reference(be), loss, &z, &of, dZ ? &dz : NULL, &inner, error);
}
