/* Sums in steps of four leave out what is left at the end. */
__kernel void product(int B, int I, int O, __global const float *X, __global const float *W,
                      __global float *Y)
{
    const int column = get_global_id(0), row = get_global_id(1);
    if (row >= B || column >= O)
        return;
    float4 sum = 0.0f;
    for (int i = 0; i + 4 <= I; i += 4)
        sum += vload4(0, X + row * I + i) * vload4(0, W + column * I + i);
    Y[row * O + column] = sum.x + sum.y + sum.z + sum.w;
}
