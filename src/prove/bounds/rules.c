/* Bounds of the optimiser's steps that are not linear: intervals, one number at a time. An interval holds all
 * that a backend in float may have. Each operation takes the limits of its operands, and adds its own
 * roundings on both sides.
 *
 * A division by sqrt(v) + epsilon never meets zero, because epsilon is positive and v, a mean of squares,
 * is not negative. A sign is not continuous: where its operand may be on either side of zero, it may be
 * either. */
#include "prove/bounds/rules.h"

#include "prove/bounds/stage.h"

/* OpenCL 1.2 (full profile, section 7.4) allows 3 ulp for a root and 2.5 for a division. An ulp is at most
 * two roundings. */
#define ROOT     6
#define DIVISION 5

struct interval {
    double least, most;
};

/* What the roundings of one result add. Zero is exact: no factor changes it, and no sum with zero. */
static struct interval rounded(struct interval x, size_t roundings)
{
    const double largest = fmax(fabs(x.least), fabs(x.most)),
                 error = gamma_of(roundings + 1) * largest + FLUSHED;
    if (largest == 0 || isinf(largest))
        return x;
    return (struct interval){x.least - error, x.most + error};
}

static struct interval around(double value, double error)
{
    return isinf(value) ? (struct interval){value, value} : (struct interval){value - error, value + error};
}

/* A number that the host computes in double and rounds. */
static struct interval rounded_number(double x)
{
    return rounded((struct interval){x, x}, 1);
}

static struct interval plus(struct interval a, struct interval b)
{
    return rounded((struct interval){a.least + b.least, a.most + b.most}, 1);
}

static struct interval negative(struct interval x)
{
    return (struct interval){-x.most, -x.least};
}

static struct interval hull_of(double a, double b, double c, double d)
{
    return (struct interval){fmin(fmin(a, b), fmin(c, d)), fmax(fmax(a, b), fmax(c, d))};
}

static struct interval times(struct interval a, struct interval b)
{
    return rounded(hull_of(a.least * b.least, a.least * b.most, a.most * b.least, a.most * b.most), 1);
}

static struct interval over(struct interval a, struct interval positive)
{
    return rounded(hull_of(a.least / positive.least, a.least / positive.most, a.most / positive.least,
                           a.most / positive.most),
                   DIVISION);
}

static struct interval square_of(struct interval x)
{
    const double a = x.least * x.least, b = x.most * x.most;
    return (struct interval){x.least < 0 && x.most > 0 ? 0 : fmin(a, b), fmax(a, b)};
}

static struct interval root_of(struct interval x)
{
    return rounded((struct interval){sqrt(fmax(x.least, 0)), sqrt(x.most)}, ROOT);
}

static double rule_sign(double x)
{
    return (x > 0) - (x < 0);
}

static struct interval signs_of(struct interval x)
{
    return (struct interval){rule_sign(x.least), rule_sign(x.most)};
}

/* beta x + (1 - beta) y */
static struct interval mean_of(double beta, struct interval x, struct interval y)
{
    return plus(times(rounded_number(beta), x), times(rounded_number(1 - beta), y));
}

/* A weight and its states, and the numbers of their step. */
struct number_step {
    struct interval w, state[STATES_MOST];
    struct interval scale; /* of the gradient, if the step has one */
    const struct step *step;
};

/* NAdam's c[t]. */
static double nadam_share_in(const struct step *step, size_t t)
{
    return step->beta1 * (1 - 0.5 * exp(0.004 * (double)t * log(0.96)));
}

/* The numerator of Adam's step, with the rate. */
static struct interval adam_direction(const struct number_step *n, struct interval g)
{
    const struct step *const step = n->step;
    const double rate = step->learning_rate;
    double product = 1;
    if (step->rule != RULE_NADAM)
        return times(rounded_number(rate / (1 - pow(step->beta1, (double)step->number))), n->state[0]);
    for (size_t t = 1; t <= step->number && product > 0; t++)
        product *= nadam_share_in(step, t);
    const double next = nadam_share_in(step, step->number + 1);
    return plus(times(rounded_number(rate * (1 - nadam_share_in(step, step->number)) / (1 - product)), g),
                times(rounded_number(rate * next / (1 - product * next)), n->state[0]));
}

/* beta2 v + (1 - beta2) g²: (1 - beta2) g is rounded before g multiplies it again, and both sides have one
 * sign. */
static struct interval squares_after(const struct step *step, struct interval v, struct interval g)
{
    const struct interval square = rounded(square_of(g), 2);
    return mean_of(step->beta2, v, (struct interval){fmax(square.least, 0), square.most});
}

static struct interval root_plus_epsilon(const struct step *step, struct interval squares, double scale)
{
    const struct interval root = times(rounded_number(scale), root_of(squares));
    return plus((struct interval){fmax(root.least, 0), root.most}, rounded_number(step->epsilon));
}

/* How far the step moves w. */
static struct interval rule_move(struct number_step *n, struct interval g)
{
    const struct step *const step = n->step;
    const struct interval rate = rounded_number(step->learning_rate),
                          momentum = rounded_number(step->momentum), m = n->state[0];
    switch (step->rule) {
    case RULE_MOMENTUM:
    case RULE_NESTEROV:
        n->state[0] = plus(times(momentum, m), g);
        return times(rate, step->rule == RULE_MOMENTUM ? n->state[0] : plus(g, times(momentum, n->state[0])));
    case RULE_RMSPROP:
        n->state[0] = squares_after(step, m, g);
        return over(times(rate, g), root_plus_epsilon(step, n->state[0], 1));
    case RULE_ADAM:
    case RULE_ADAMW:
    case RULE_NADAM:
        n->state[0] = mean_of(step->beta1, m, g);
        n->state[1] = squares_after(step, n->state[1], g);
        return over(
            adam_direction(n, g),
            root_plus_epsilon(step, n->state[1], 1 / sqrt(1 - pow(step->beta2, (double)step->number))));
    case RULE_LION:
        n->state[0] = mean_of(step->beta2, m, g);
        return times(rate, signs_of(mean_of(step->beta1, m, g)));
    case RULE_SGD:
    case RULE_COUNT:
        break;
    }
    return times(rate, g);
}

static void step_one_number(struct number_step *n, struct interval g, bool is_weight)
{
    const struct step *const step = n->step;
    const struct interval sign = signs_of(n->w);
    if (is_weight && step->l1 != 0)
        g = plus(g, times(rounded_number(step->l1), sign));
    if (step->gradient_scale)
        g = times(n->scale, g);
    if (is_weight && step->weight_decay != 0)
        n->w = times(rounded_number(1 - step->learning_rate * step->weight_decay), n->w);
    n->w = plus(n->w, negative(rule_move(n, g)));
}

static void put_limits(struct interval x, struct rule_limits out, size_t i)
{
    out.least[i] = x.least;
    out.most[i] = x.most;
}

void rule_limits_after(const struct parameter *parameter, const double *g, const double *g_error,
                       const struct step *step, const struct rule_limits out[1 + STATES_MOST])
{
    const struct tensor *const w = &parameter->value, *const states = parameter->state;
    const size_t count = rules[step->rule].states;
    const struct interval scale =
        step->gradient_scale ? around(values_of(step->gradient_scale)[0], errors_of(step->gradient_scale)[0])
                             : (struct interval){1, 1};
    for (size_t i = 0; i < tensor_elements(w); i++) {
        struct number_step n = {.w = around(values_of(w)[i], errors_of(w)[i]), .scale = scale, .step = step};
        for (size_t s = 0; s < count; s++)
            n.state[s] = around(values_of(&states[s])[i], errors_of(&states[s])[i]);
        step_one_number(&n, around(g[i], g_error[i]), parameter->is_weight);
        put_limits(n.w, out[0], i);
        for (size_t s = 0; s < count; s++)
            put_limits(n.state[s], out[1 + s], i);
    }
}

/* ---- the factor that clips gradients ---- */

/* The gradient of one number with its penalty of absolute values. */
static struct interval penalised_gradient(const struct parameter *parameter, size_t i, double l1)
{
    const struct tensor *const g = &parameter->gradient, *const w = &parameter->value;
    const struct interval gradient = around(values_of(g)[i], errors_of(g)[i]);
    if (!parameter->is_weight || l1 == 0)
        return gradient;
    return plus(gradient, times(rounded_number(l1), signs_of(around(values_of(w)[i], errors_of(w)[i]))));
}

/* A sum of n squares in any order: each is rounded once, and added at most n times. The factor is 1 at most,
 * and a sum that a float cannot hold is infinite. */
void clip_limits(struct parameter *const *list, size_t count, double l1, double most, struct rule_limits out)
{
    struct interval sum = {0, 0};
    size_t terms = 0;
    for (size_t p = 0; p < count; p++) {
        const size_t elements = tensor_elements(&list[p]->value);
        for (size_t i = 0; i < elements; i++) {
            const struct interval square = square_of(penalised_gradient(list[p], i, l1));
            sum = (struct interval){sum.least + square.least, sum.most + square.most};
        }
        terms += elements;
    }
    sum = rounded(sum, terms + 1);
    sum.least = fmax(sum.least - (double)terms * FLUSHED, 0);
    sum.most =
        sum.most + (double)terms * FLUSHED > (double)FLT_MAX ? INFINITY : sum.most + (double)terms * FLUSHED;
    const struct interval length = plus(root_of(sum), rounded_number(CLIP_EPSILON)),
                          factor = over(rounded_number(most), length);
    *out.least = fmin(factor.least, 1);
    *out.most = fmin(factor.most, 1);
}
