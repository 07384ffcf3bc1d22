/* The activations and the optimisers' rules. All code that lists, checks or plans for them uses these tables.
 * A new row also needs its formula in three places that must not share code: kernels/activation.cl or
 * optimiser.cl, src/compute/blas, and src/compute/reference, which judges the other two. */
#ifndef CLM_COMPUTE_VOCABULARY_H
#define CLM_COMPUTE_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>

/* Where the backward pass gets the gate act'(z). */
enum gate_source {
    GATE_ONE,       /* act' = 1: there is nothing to multiply by */
    GATE_OF_OUTPUT, /* act' is a function of Y, which is kept anyway */
    GATE_SAVED,     /* act' is a function of Z: the forward pass saves it */
};

/* prove/bounds counts these roundings: in float, act(z) is off by at most so many roundings of |z| or
 * |act(z)|, whichever is larger, and a saved gate by as many roundings of the largest slope.
 *
 *      enumerator        name    gate            |act'| <=  |act''| <= if the gate is saved  roundings */
#define ACTIVATIONS(ROW)                                                                                     \
    ROW(ACTIVATION_NONE, "none", GATE_ONE, 1, 0, 0)                                                          \
    ROW(ACTIVATION_RELU, "relu", GATE_OF_OUTPUT, 1, 0, 0)

/* Signed states are those that may be negative; after them come means of squares. Roundings are those of a
 * gradient's term until the rate multiplies it. The last numbers are what a rule has if no option says
 * otherwise: PyTorch's, those of Lion its paper's (Chen et al. 2023). The rate is our choice, and 0 leaves it
 * to the data. Linear rules come first.
 *
 * Nesterov: the penalty is rounded and multiplied by w; then come the sums with g and in m, momentum, its
 * product with m, and the sum with the gradient: 7. Those of m are momentum, its product with v, the sum, and
 * the same three again: 6.
 *
 *      enumerator      name        states  signed  the step is linear in gradient, value, states  roundings
 *          rate  beta1  beta2  epsilon  weight decay */
#define RULES(ROW)                                                                                           \
    ROW(RULE_SGD, "sgd", 0, 0, true, 0, 0, 0, 0, 0, 0)                                                       \
    ROW(RULE_MOMENTUM, "momentum", 1, 1, true, 4, 0, 0, 0, 0, 0)                                             \
    ROW(RULE_NESTEROV, "nesterov", 1, 1, true, 7, 0, 0, 0, 0, 0)                                             \
    ROW(RULE_RMSPROP, "rmsprop", 1, 0, false, 0, 0.001, 0, 0.99, 1e-8, 0)                                    \
    ROW(RULE_ADAM, "adam", 2, 1, false, 0, 0.001, 0.9, 0.999, 1e-8, 0)                                       \
    ROW(RULE_ADAMW, "adamw", 2, 1, false, 0, 0.001, 0.9, 0.999, 1e-8, 0.01)                                  \
    ROW(RULE_NADAM, "nadam", 2, 1, false, 0, 0.001, 0.9, 0.999, 1e-8, 0)                                     \
    ROW(RULE_LION, "lion", 1, 1, false, 0, 0.0001, 0.9, 0.99, 0, 0)

#define VOCABULARY_ENUMERATOR(enumerator, ...) enumerator,
enum activation { ACTIVATIONS(VOCABULARY_ENUMERATOR) ACTIVATION_COUNT };
enum rule { RULES(VOCABULARY_ENUMERATOR) RULE_COUNT };
#undef VOCABULARY_ENUMERATOR

enum { STATES_MOST = 2 }; /* tensors that a rule keeps beside a parameter */

struct activation_about {
    const char *symbol; /* in kernels: the enumerator */
    const char *name;
    enum gate_source gate;
    double slope_most, bend_most;
    size_t roundings;
};

struct rule_about {
    const char *symbol, *name;
    size_t states, signed_states; /* at most 1 if the rule is linear */
    bool is_linear;               /* so that a step can take the gradient in parts */
    size_t roundings;
    double rate, beta1, beta2, epsilon, weight_decay;
};

extern const struct activation_about activations[ACTIVATION_COUNT];
extern const struct rule_about rules[RULE_COUNT];

/* The rule of that name; RULE_SGD if there is none, or `name` is NULL. */
enum rule rule_named(const char *name);

#endif
