/* A sum that begins anywhere. */
__kernel void product(int B, int I, int O, __global const float *X, __global const float *W,
                      __global float *Y)
{
    const int column = get_global_id(0), row = get_global_id(1);
    if (row >= B || column >= O)
        return;
    float sum;
    for (int i = 0; i < I; i++)
        sum += X[row * I + i] * W[column * I + i];
    Y[row * O + column] = sum;
}
