/* The optimiser's step for stored gradients. Comes after vector.cl and optimiser.cl. */
#ifdef RULE

/* One of up to six parameters of a launch. Only numbers of eight bytes, so that the host's struct has the
 * same layout. */
struct parameter_part {
    ulong count, end; /* its numbers; groups of this parameter and those before it */
    ulong is_weight;
};

struct parameter_parts {
    struct parameter_part of[6];
};

/* One of six values, for parameter p; for example a tensor from the kernel's arguments name0 to name5. */
#define CHOOSE_PARAMETER(p, a, b, c, d, e, f)                                                                \
    ((p) == 0 ? (a) : (p) == 1 ? (b) : (p) == 2 ? (c) : (p) == 3 ? (d) : (p) == 4 ? (e) : (f))
#define OF_PARAMETER(p, name) CHOOSE_PARAMETER(p, name##0, name##1, name##2, name##3, name##4, name##5)
#define IN_PARAMETER(p, number)                                                                              \
    CHOOSE_PARAMETER(p, parts.of[0].number, parts.of[1].number, parts.of[2].number, parts.of[3].number,      \
                     parts.of[4].number, parts.of[5].number)

#define LOAD_ONE(p)     (*(p))
#define STORE_ONE(x, p) (*(p) = (x))

/* The step of the numbers from `at` on. Their gradients already have the penalty of squares; both other
 * penalties are of the weight before the step. The factor scales the gradient and its penalties. */
#define STEP_STORED(type, load, store, at)                                                                   \
    {                                                                                                        \
        type w = load(ws + (at));                                                                            \
        const type g = factor * (load(gs + (at)) + l1 * sign(w));                                            \
        STATE_M(type m = load(ms + (at)))                                                                    \
        STATE_V(type v = load(vs + (at)))                                                                    \
        w = keep * w;                                                                                        \
        STEP(type, 0)                                                                                        \
        STATE_M(store(m, ms + (at)))                                                                         \
        STATE_V(store(v, vs + (at)))                                                                         \
        store(w, ws + (at));                                                                                 \
    }

/* The steps of up to six parameters: each work-item takes a vector of one of them. */
__kernel void parameters_step(const struct step s, const struct parameter_parts parts, const int is_scaled,
                              __global const float *scale, __global const float *gs0, __global float *ws0,
                              __global float *ms0, __global float *vs0, __global const float *gs1,
                              __global float *ws1, __global float *ms1, __global float *vs1,
                              __global const float *gs2, __global float *ws2, __global float *ms2,
                              __global float *vs2, __global const float *gs3, __global float *ws3,
                              __global float *ms3, __global float *vs3, __global const float *gs4,
                              __global float *ws4, __global float *ms4, __global float *vs4,
                              __global const float *gs5, __global float *ws5, __global float *ms5,
                              __global float *vs5)
{
    const ulong group = get_group_id(0);
    const int p = (group >= parts.of[0].end) + (group >= parts.of[1].end) + (group >= parts.of[2].end) +
                  (group >= parts.of[3].end) + (group >= parts.of[4].end);
    const ulong before = CHOOSE_PARAMETER(p, 0UL, parts.of[0].end, parts.of[1].end, parts.of[2].end,
                                          parts.of[3].end, parts.of[4].end);
    const ulong count = IN_PARAMETER(p, count);
    const bool is_weight = IN_PARAMETER(p, is_weight) != 0;
    const float factor = is_scaled ? *scale : 1.0f;
    const float l1 = is_weight ? s.l1 : 0.0f, keep = is_weight ? s.keep : 1.0f;
    __global const float *gs = OF_PARAMETER(p, gs);
    __global float *ws = OF_PARAMETER(p, ws), *ms = OF_PARAMETER(p, ms), *vs = OF_PARAMETER(p, vs);
    const ulong first = ((group - before) * get_local_size(0) + get_local_id(0)) * VW;
    if (first + VW <= count)
        STEP_STORED(VECTOR, LOAD, STORE, first)
    else
        for (ulong at = first; at < count; at++)
            STEP_STORED(float, LOAD_ONE, STORE_ONE, at)
}
#endif
