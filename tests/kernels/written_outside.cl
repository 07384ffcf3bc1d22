/* Items outside of the list write, too. */
__kernel void update(int n, float rate, float momentum, __global const float *g, __global float *W,
                     __global float *v)
{
    const int i = get_global_id(0);
    const float moved = i < n ? momentum * v[i] + g[i] : 0.0f;
    v[i] = moved;
    W[i] -= rate * moved;
}
