/* The optimiser's step for stored gradients. Comes after optimiser.cl. */

/* The step of `count` weights whose gradients already have the penalty: one work-item per weight. */
__kernel void parameter_step(const struct step s, const ulong count, __global const float *restrict gs,
                             __global float *restrict ws, __global float *restrict ms,
                             __global float *restrict vs)
{
    const size_t at = get_global_id(0);
    if (at < count)
        step_one(s, gs[at], at, ms, vs, ws);
}
