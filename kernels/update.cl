/* One step of gradient descent for a gradient that is there: one work-item an element. */

/* w -= rate g */
__kernel void update_sgd(const ulong count, const float rate, __global const float *restrict g,
                         __global float *restrict w)
{
    const size_t at = get_global_id(0);
    if (at < count)
        w[at] -= rate * g[at];
}

/* v = momentum v + g, w -= rate v */
__kernel void update_momentum(const ulong count, const float rate, const float momentum,
                              __global const float *restrict g, __global float *restrict v,
                              __global float *restrict w)
{
    const size_t at = get_global_id(0);
    if (at >= count)
        return;
    const float velocity = momentum * v[at] + g[at];
    v[at] = velocity;
    w[at] -= rate * velocity;
}
