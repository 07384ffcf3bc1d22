/* The optimiser's step for gradients that are there; after optimiser.cl. */

/* The step of `count` weights whose gradients have had their penalty: one work-item a weight. */
__kernel void parameter_step(const struct step s, const ulong count, __global const float *restrict gs,
                             __global float *restrict ws, __global float *restrict ms,
                             __global float *restrict vs)
{
    const size_t at = get_global_id(0);
    if (at >= count)
        return;
    const float g = gs[at];
    float w = ws[at];
#if STATES > 0
    float m = ms[at];
#endif
#if STATES > 1
    float v = vs[at];
#endif
    STEP(float, 0)
    ws[at] = w;
#if STATES > 0
    ms[at] = m;
#endif
#if STATES > 1
    vs[at] = v;
#endif
}
