/* db = sum over the batch of dZ (B,O), one work-item a column, in the order of the rows: the same bits always. */

float column_sum(const int B, const int O, const int o, __global const float *restrict dZ)
{
    float sum = 0.0f;
    for (int r = 0; r < B; r++)
        sum += dZ[(size_t)r * O + o];
    return sum;
}

/* db (O) out */
__kernel void bias_gradient(const int B, const int O, __global const float *restrict dZ,
                            __global float *restrict db)
{
    const int o = get_global_id(0);
    if (o < O)
        db[o] = column_sum(B, O, o, dZ);
}

/* The gradient and the optimiser's step at once: b -= rate db */
__kernel void bias_update_sgd(const int B, const int O, const float rate, __global const float *restrict dZ,
                              __global float *restrict b)
{
    const int o = get_global_id(0);
    if (o < O)
        b[o] -= rate * column_sum(B, O, o, dZ);
}

/* v = momentum v + db, b -= rate v */
__kernel void bias_update_momentum(const int B, const int O, const float rate, const float momentum,
                                   __global const float *restrict dZ, __global float *restrict v,
                                   __global float *restrict b)
{
    const int o = get_global_id(0);
    if (o >= O)
        return;
    const float velocity = momentum * v[o] + column_sum(B, O, o, dZ);
    v[o] = velocity;
    b[o] -= rate * velocity;
}
