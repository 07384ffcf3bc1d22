/* The optimisers' rules, for a float or a vector of floats. The host picks one by -DRULE=RULE_…, a name of
 * the table in src/compute/vocabulary.h. Without it, kernels that take a step are left out.
 *
 *   STATES                    how many numbers the rule keeps per weight: m, then v
 *   STEP(type, is_penalised)  the whole step of w and its states, with gradient g and the numbers of `s`
 *
 * A rule that is linear in the gradient can also take it in parts, one by one; it has at most one state:
 *
 *   BEGIN(type, is_penalised)  first part,  MORE(type)  others,  END(type, is_penalised)  after the last
 *
 * Each is a list of statements that know w, g, m, v and s. If it declares a name of its own, it stands in
 * braces. is_penalised is 1 for weights and 0 for biases.
 *
 *   STATE_M(statement), STATE_V(statement)  a statement about m or v, left out if the rule does not keep it
 */
#define RULE_SGD      1 /* a name that is not defined here counts as 0 */
#define RULE_MOMENTUM 2
#define RULE_NESTEROV 3
#define RULE_RMSPROP  4
#define RULE_ADAM     5
#define RULE_ADAMW    6
#define RULE_NADAM    7
#define RULE_LION     8

/* Only numbers of four bytes, so that the host's struct has the same layout. */
struct step {
    float rate, momentum;
    float penalty;                    /* 2 l2, added to a weight's gradient for each unit of the weight */
    float decay;                      /* 1 - rate penalty */
    float beta1, rest1, beta2, rest2; /* rest = 1 - beta: the difference of two floats is less exact */
    float epsilon, root_scale;        /* root_scale: of the root of the mean square */
    float direct_rate;                /* of the gradient itself; rate is that of its mean */
    float l1, keep; /* keep: 1 - rate (weight decay); both only where gradients are stored */
};

#ifdef RULE
#if RULE == RULE_SGD
#define STATES                    0
#define STEP(type, is_penalised)  w = (is_penalised ? s.decay * w : w) - s.rate * g;
#define BEGIN(type, is_penalised) STEP(type, is_penalised)
#define MORE(type)                w -= s.rate * g;
#define END(type, is_penalised)
#elif RULE == RULE_MOMENTUM
#define STATES 1
#define STEP(type, is_penalised)                                                                             \
    m = s.momentum * m + (is_penalised ? g + s.penalty * w : g);                                             \
    w -= s.rate * m;
#define BEGIN(type, is_penalised) m = s.momentum * m + g;
#define MORE(type)                m += g;
#define END(type, is_penalised)                                                                              \
    m = is_penalised ? m + s.penalty * w : m;                                                                \
    w -= s.rate * m;
#elif RULE == RULE_NESTEROV
#define STATES 1
#define STEP(type, is_penalised)                                                                             \
    {                                                                                                        \
        const type n = is_penalised ? g + s.penalty * w : g;                                                 \
        m = s.momentum * m + n;                                                                              \
        w -= s.rate * (n + s.momentum * m);                                                                  \
    }
#define BEGIN(type, is_penalised) STEP(type, is_penalised)
#define MORE(type)                                                                                           \
    m += g;                                                                                                  \
    w -= s.rate * (g + s.momentum * g);
#define END(type, is_penalised)
#elif RULE == RULE_RMSPROP /* m is the mean square */
#define STATES 1
#define STEP(type, is_penalised)                                                                             \
    m = s.beta2 * m + s.rest2 * g * g;                                                                       \
    w -= s.rate * g / (sqrt(m) + s.epsilon);
#elif RULE == RULE_ADAM || RULE == RULE_ADAMW
#define STATES 2
#define STEP(type, is_penalised)                                                                             \
    m = s.beta1 * m + s.rest1 * g;                                                                           \
    v = s.beta2 * v + s.rest2 * g * g;                                                                       \
    w -= s.rate * m / (sqrt(v) * s.root_scale + s.epsilon);
#elif RULE == RULE_NADAM
#define STATES 2
#define STEP(type, is_penalised)                                                                             \
    m = s.beta1 * m + s.rest1 * g;                                                                           \
    v = s.beta2 * v + s.rest2 * g * g;                                                                       \
    w -= (s.direct_rate * g + s.rate * m) / (sqrt(v) * s.root_scale + s.epsilon);
#elif RULE == RULE_LION
#define STATES 1
#define STEP(type, is_penalised)                                                                             \
    {                                                                                                        \
        const type c = s.beta1 * m + s.rest1 * g;                                                            \
        m = s.beta2 * m + s.rest2 * g;                                                                       \
        w -= s.rate * (c > 0.0f ? (type)(1.0f) : c < 0.0f ? (type)(-1.0f) : c); /* NaN stays NaN */          \
    }
#else
#error "a rule without a formula"
#endif

#if STATES > 0
#define STATE_M(statement) statement;
#else
#define STATE_M(statement)
#endif
#if STATES > 1
#define STATE_V(statement) statement;
#else
#define STATE_V(statement)
#endif

/* The whole step of the bias ws[at], which has no penalty. */
void step_one(const struct step s, const float g, const size_t at, __global float *ms, __global float *vs,
              __global float *ws)
{
    float w = ws[at];
    STATE_M(float m = ms[at])
    STATE_V(float v = vs[at])
    STEP(float, 0)
    STATE_M(ms[at] = m)
    STATE_V(vs[at] = v)
    ws[at] = w;
}
#endif
