/* db = sum over the batch of dZ (B,O): one work-item per column, in the rows' order: always the same bits. */

float column_sum(const int B, const int O, const int o, __global const float *restrict dZ)
{
    float sum = 0.0f;
    for (int r = 0; r < B; r++)
        sum += dZ[(size_t)r * O + o];
    return sum;
}

#ifndef RULE
/* db (O) out */
__kernel void bias_gradient(const int B, const int O, __global const float *restrict dZ,
                            __global float *restrict db)
{
    const int o = get_global_id(0);
    if (o < O)
        db[o] = column_sum(B, O, o, dZ);
}
#else
/* The gradient and the step of optimiser.cl in one. */
__kernel void bias_update(const struct step s, const int B, const int O, __global const float *restrict dZ,
                          __global float *restrict ms, __global float *restrict vs,
                          __global float *restrict ws)
{
    const int o = get_global_id(0);
    if (o < O)
        step_one(s, column_sum(B, O, o, dZ), o, ms, vs, ws);
}
#endif
