/* The activations, for a float or a vector of floats. The host picks one by -DACTIVATION=ACTIVATION_…, a name
 * of the table in src/compute/vocabulary.h. Without it, kernels with an activation are left out.
 *
 *   ACT(type, z)          act(z)
 *   THROUGH(type, d, of)  d act'; `of` is the output Y, or the saved gate if there is a GATE
 *   HAS_GATE              0 if act' is 1: then `of` is never read
 *   GATE(type, z)         act'(z), only for an activation whose forward pass saves it
 *
 * Arguments are names: each may be evaluated several times. A NaN stays a NaN. */
#define ACTIVATION_NONE 1 /* a name that is not defined here counts as 0 */
#define ACTIVATION_RELU 2

#ifdef ACTIVATION
#if ACTIVATION == ACTIVATION_NONE
#define HAS_GATE             0
#define ACT(type, z)         (z)
#define THROUGH(type, d, of) (d)
#elif ACTIVATION == ACTIVATION_RELU
/* If Y is NaN, the slope is unknown: NaN. */
#define HAS_GATE             1
#define ACT(type, z)         select(z, (type)(0.0f), z < (type)(0.0f))
#define THROUGH(type, d, of) select(select((type)(0.0f), of, isnan(of)), d, of > (type)(0.0f))
#else
#error "an activation without a formula"
#endif
#ifdef GATE
#define HAS_GATE             1
#define THROUGH(type, d, of) ((d) * (of))
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
