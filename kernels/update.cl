/* The optimiser's step for gradients that are there; after optimiser.cl. */

/* The step of `count` weights whose gradients have had their penalty: one work-item a weight. */
__kernel void parameter_step(const struct step s, const ulong count, __global const float *restrict gs,
                             __global float *restrict ws, __global float *restrict ms,
                             __global float *restrict vs)
{
    const size_t at = get_global_id(0);
    if (at < count)
        step_one(s, gs[at], at, ms, vs, ws);
}
