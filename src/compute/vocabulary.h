/* The activations, the optimisers' rules and the losses. All code that lists, checks or plans for them uses
 * these tables. A new row also needs its formula in three places that must not share code:
 * kernels/activation.cl, optimiser.cl or loss.cl, src/compute/blas, and src/compute/reference, which judges
 * the other two. */
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

/* What the columns are:
 *
 *   slope      |act'| is at most this
 *   bend       how fast the gate changes with what it is computed from: with Z if it is saved, with Y if it
 *              is a function of Y. It changes by at most so much times an error of that. INFINITY: it is a
 *              step at 0
 *   roundings  in float, act(z) is off by at most so many roundings of |z| or |act(z)|, whichever is larger,
 *              and the gate by as many roundings of the largest slope
 *   outputs    Y is from the first to the second
 *
 * prove/bounds counts the roundings. OpenCL 1.2 (full profile, section 7.4) allows exp 3 ulp, tanh 5 ulp,
 * erfc 16 ulp and a division 2.5 ulp. An ulp is at most 2 roundings.
 *
 * leaky-relu   z, or 0.01 z if z < 0: 0.01 and the product: 2.
 * elu          z, or exp(z) - 1 = 2 t / (1 - t) if z < 0, with t = tanh(z / 2). If t changes by a factor, the
 *              quotient changes by less: 10; 1 - t 1, the division 5: 16. The gate is 1, or 1 + y: 1.
 * tanh         tanh: 10. The gate is (1 - y) (1 + y): 3. It changes by 2 |y|.
 * sigmoid      1 / (1 + exp(-z)): exp 6, the sum 1, the division 5: 12. The gate is y (1 - y): 2. It changes
 *              by |1 - 2 y|. The slope is 1/4 at 0.
 * silu         z s with s = 1 / (1 + exp(-z)): s 12, the product 1: 13. The gate is s (1 + z (1 - s)), with
 *              1 - s = 1 / (1 + exp(z)): s 12, 1 - s 12, two products and a sum 3: 27 of
 *              s (1 + |z| (1 - s)), which is at most the largest slope. That is 1.0998 at z = 2.40, the
 *              largest bend 1/2 at 0.
 * gelu         z P with P = erfc(-z / sqrt(2)) / 2: erfc 32, the product 1. The root and its product with z
 *              are 2 roundings of z, which move P by 2 |z| p(z) < 1/2 of a rounding, p the normal density:
 *              34. The gate is P + z p(z): P 33. z² rounds, which moves |z| p(z) by at most 0.24 of a
 *              rounding; exp 6, the constant 1, two products 2: 9 roundings of |z| p(z) <= 0.242, less than
 *              3; the sum 1: 37. The slope is 1.1289 at z = sqrt(2), the bend 2 p(0) = 0.7979 at 0.
 * mish         z T with T = tanh(log(1 + e)) = n / (n + 2), n = e (e + 2), e = exp(z). If e changes by a
 *              small factor, T changes by at most that: 6; n 2, n + 2 1, the division 5, the product with z
 *              1: 15. The gate is T + z w with w = 4 e (1 + e) / (n + 2)². w changes by at most the square of
 *              a change of e: 12; e + 1, the product with e and that with z 3; (n + 2)² 7, the division 5:
 *              27; the sum 1; z stops at 20, less than 1: 29. The slope is 1.0885 at z = 1.49, the bend
 *              0.6442 at z = -0.09.
 *
 *      enumerator        name    gate            slope  bend  roundings  outputs */
#define ACTIVATIONS(ROW)                                                                                     \
    ROW(ACTIVATION_NONE, "none", GATE_ONE, 1, 0, 0, -INFINITY, INFINITY)                                     \
    ROW(ACTIVATION_RELU, "relu", GATE_OF_OUTPUT, 1, INFINITY, 0, 0, INFINITY)                                \
    ROW(ACTIVATION_LEAKY, "leaky-relu", GATE_OF_OUTPUT, 1, INFINITY, 2, -INFINITY, INFINITY)                 \
    ROW(ACTIVATION_ELU, "elu", GATE_OF_OUTPUT, 1, 1, 16, -1, INFINITY)                                       \
    ROW(ACTIVATION_TANH, "tanh", GATE_OF_OUTPUT, 1, 2, 10, -1, 1)                                            \
    ROW(ACTIVATION_SIGMOID, "sigmoid", GATE_OF_OUTPUT, 0.25, 1, 12, 0, 1)                                    \
    ROW(ACTIVATION_GELU, "gelu", GATE_SAVED, 1.1290, 0.7979, 37, -0.17, INFINITY)                            \
    ROW(ACTIVATION_SILU, "silu", GATE_SAVED, 1.0999, 0.5, 27, -0.279, INFINITY)                              \
    ROW(ACTIVATION_MISH, "mish", GATE_SAVED, 1.0885, 0.6443, 29, -0.309, INFINITY)

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

/* The losses; struct loss in compute/loss.h has their formulas.
 *
 *      enumerator          name             compares with values (else labels)  is of regression */
#define LOSSES(ROW)                                                                                          \
    ROW(LOSS_CROSS_ENTROPY, "cross-entropy", false, false)                                                   \
    ROW(LOSS_FOCAL, "focal", false, false)                                                                   \
    ROW(LOSS_BINARY, "binary", true, false)                                                                  \
    ROW(LOSS_SQUARED, "squared", true, true)                                                                 \
    ROW(LOSS_ABSOLUTE, "absolute", true, true)                                                               \
    ROW(LOSS_HUBER, "huber", true, true)                                                                     \
    ROW(LOSS_QUANTILE, "quantile", true, true)
/* What layer_finish subtracts and divides by: nothing, or mean and deviation of each column of the batch, or
 * of each row. */
#define NORMS(ROW)                                                                                           \
    ROW(NORM_NONE, "none")                                                                                   \
    ROW(NORM_BATCH, "batch")                                                                                 \
    ROW(NORM_LAYER, "layer")

#define NORM_EPSILON  1e-5 /* is added to a variance; PyTorch's default */
#define NORM_MOMENTUM 0.1  /* share of a batch in the running statistics; PyTorch's default */

#define VOCABULARY_ENUMERATOR(enumerator, ...) enumerator,
enum activation { ACTIVATIONS(VOCABULARY_ENUMERATOR) ACTIVATION_COUNT };
enum rule { RULES(VOCABULARY_ENUMERATOR) RULE_COUNT };
enum loss_kind { LOSSES(VOCABULARY_ENUMERATOR) LOSS_COUNT };
enum norm_kind { NORMS(VOCABULARY_ENUMERATOR) NORM_COUNT };
#undef VOCABULARY_ENUMERATOR

enum { STATES_MOST = 2 }; /* tensors that a rule keeps beside a parameter */

struct activation_about {
    const char *symbol; /* in kernels: the enumerator */
    const char *name;
    enum gate_source gate;
    double slope_most, bend_most;
    size_t roundings;
    double output_least, output_most;
};

struct rule_about {
    const char *symbol, *name;
    size_t states, signed_states; /* at most 1 if the rule is linear */
    bool is_linear;               /* so that a step can take the gradient in parts */
    size_t roundings;
    double rate, beta1, beta2, epsilon, weight_decay;
};

struct loss_about {
    const char *symbol, *name;
    bool has_values;    /* a row is compared with values, not with the label of its class */
    bool is_regression; /* which are not those of classes */
};

struct norm_about {
    const char *symbol, *name;
};

extern const struct activation_about activations[ACTIVATION_COUNT];
extern const struct rule_about rules[RULE_COUNT];
extern const struct loss_about loss_table[LOSS_COUNT];
extern const struct norm_about norms[NORM_COUNT];

/* The rule of that name; RULE_SGD if there is none, or `name` is NULL. */
enum rule rule_named(const char *name);
/* The loss of that name; LOSS_COUNT if there is none. */
enum loss_kind loss_named(const char *name);

#endif
