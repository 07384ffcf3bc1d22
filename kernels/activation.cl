/* The activations, for a float or a vector of floats. The host picks one by -DACTIVATION=ACTIVATION_…, a name
 * of the table in src/compute/vocabulary.h. Without it, kernels with an activation are left out.
 *
 *   ACT(type, z)          act(z)
 *   THROUGH(type, d, of)  d act'; `of` is the output Y, or the saved gate if there is a GATE
 *   HAS_GATE              0 if act' is 1: then `of` is never read
 *   GATE(type, z)         act'(z), only for an activation whose forward pass saves it
 *
 * Arguments are names: each may be evaluated several times. A NaN stays a NaN. */
#define ACTIVATION_NONE    1 /* a name that is not defined here counts as 0 */
#define ACTIVATION_RELU    2
#define ACTIVATION_LEAKY   3
#define ACTIVATION_ELU     4
#define ACTIVATION_TANH    5
#define ACTIVATION_SIGMOID 6
#define ACTIVATION_GELU    7
#define ACTIVATION_SILU    8
#define ACTIVATION_MISH    9

#ifdef ACTIVATION

/* z, but at least `least`, at most `most`, or both: an infinite z would give NaN in a product with 0. The
 * result is the same for all z beyond. A NaN stays a NaN, unlike in min() and max(). */
#define FAR                      128.0f /* exp(-128) is 0, exp(128) is infinite */
#define AT_LEAST(type, z, least) select(z, (type)(least), z < (type)(least))
#define AT_MOST(type, z, most)   select(z, (type)(most), z > (type)(most))
#define WITHIN(type, z, most)    select(AT_LEAST(type, z, -(most)), (type)(most), z > (type)(most))

#define FOR_TYPE_(name, type) name##type
#define FOR_TYPE(name, type)  FOR_TYPE_(name, type) /* of functions that exist for each type */

#if ACTIVATION == ACTIVATION_NONE
#define HAS_GATE             0
#define ACT(type, z)         (z)
#define THROUGH(type, d, of) (d)
#elif ACTIVATION == ACTIVATION_RELU
/* If Y is NaN, the slope is unknown: NaN. */
#define HAS_GATE             1
#define ACT(type, z)         select(z, (type)(0.0f), z < (type)(0.0f))
#define THROUGH(type, d, of) select(select((type)(0.0f), of, isnan(of)), d, of > (type)(0.0f))
#elif ACTIVATION == ACTIVATION_LEAKY
#define HAS_GATE             1
#define ACT(type, z)         select(z, 0.01f * (z), z < (type)(0.0f))
#define THROUGH(type, d, of) select(select(0.01f * (d), of, isnan(of)), d, of > (type)(0.0f))
#elif ACTIVATION == ACTIVATION_ELU
/* With t = tanh(z / 2), exp(z) - 1 is 2 t / (1 - t), which loses no digits if z is negative. Drivers' expm1()
 * is slow, because it has more cases. */
#define EXP_LESS_1(t)        (2.0f * (t) / (1.0f - (t)))
#define HAS_GATE             1
#define ACT(type, z)         select(EXP_LESS_1(tanh(0.5f * (z))), z, z > (type)(0.0f))
#define THROUGH(type, d, of) select((d) * (1.0f + (of)), d, of > (type)(0.0f))
#elif ACTIVATION == ACTIVATION_TANH
/* 1 - y² as a difference of squares would lose digits if |y| is near 1. */
#define HAS_GATE             1
#define ACT(type, z)         tanh(z)
#define THROUGH(type, d, of) ((d) * ((1.0f - (of)) * (1.0f + (of))))
#elif ACTIVATION == ACTIVATION_SIGMOID
#define HAS_GATE             1
#define ACT(type, z)         (1.0f / (1.0f + exp(-(z))))
#define THROUGH(type, d, of) ((d) * ((of) * (1.0f - (of))))
#elif ACTIVATION == ACTIVATION_GELU
/* 1 + erf(x) would lose all digits if x is negative and large; erfc(-x) is the same. */
#define NORMAL_SHARE(z) (0.5f * erfc(-M_SQRT1_2_F * (z)))
#define NORMAL_AT(z)    (0.398942280f * exp(-0.5f * (z) * (z)))
#define ACT(type, z)    (AT_LEAST(type, z, -FAR) * NORMAL_SHARE(z))
#define GATE(type, z)   (NORMAL_SHARE(z) + WITHIN(type, z, FAR) * NORMAL_AT(z))
#elif ACTIVATION == ACTIVATION_SILU
/* LOGISTIC(-z) is 1 - LOGISTIC(z), which as a difference would lose all digits if z is large. */
#define LOGISTIC(z)   (1.0f / (1.0f + exp(-(z))))
#define ACT(type, z)  (AT_LEAST(type, z, -FAR) * LOGISTIC(z))
#define GATE(type, z) (LOGISTIC(z) * (1.0f + WITHIN(type, z, FAR) * LOGISTIC(-(z))))
#elif ACTIVATION == ACTIVATION_MISH
/* With e = exp(z) and n = e (e + 2), tanh(log(1 + e)) is n / (n + 2), and its derivative is 4 e (1 + e) /
 * (n + 2)². Above z = 20 the first rounds to 1, and z times the second is below 1e-15. */
#define ACT(type, z)  (AT_LEAST(type, z, -FAR) * FOR_TYPE(mish_share_, type)(z))
#define GATE(type, z) FOR_TYPE(mish_gate_, type)(z)
#define DEFINE_MISH(type)                                                                                    \
    type mish_share_##type(const type z)                                                                     \
    {                                                                                                        \
        const type e = exp(AT_MOST(type, z, 20.0f)), n = e * (e + 2.0f);                                     \
        return n / (n + 2.0f);                                                                               \
    }                                                                                                        \
    type mish_gate_##type(const type z)                                                                      \
    {                                                                                                        \
        const type low = AT_MOST(type, z, 20.0f), e = exp(low), n = e * (e + 2.0f), all = n + 2.0f;          \
        return n / all + AT_LEAST(type, low, -FAR) * (4.0f * e * (1.0f + e) / (all * all));                  \
    }
DEFINE_MISH(float)
DEFINE_MISH(float4)
DEFINE_MISH(float8)
DEFINE_MISH(float16)
#else
#error "an activation without a formula"
#endif
#ifdef GATE
#define HAS_GATE 1
/* The select changes no result. Without it ptxas takes 130 registers for the largest tiles, with it 122. */
#define THROUGH(type, d, of) select((d) * (of), of, isnan(of))
#endif

/* act(z); saves the gate in *gate if the forward pass needs that. */
float activate_one(const float z, const int saves_gate, __global float *gate)
{
#ifdef GATE
    if (saves_gate)
        *gate = GATE(float, z);
#endif
    return ACT(float, z);
}
#endif
