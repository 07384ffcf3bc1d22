/* The rows of W are read at a distance of O. */
__kernel void product(int B, int I, int O, __global const float *X, __global const float *W,
                      __global float *Y)
{
    const int column = get_global_id(0), row = get_global_id(1);
    if (row >= B || column >= O)
        return;
    float sum = 0.0f;
    for (int i = 0; i < I; i++)
        sum += X[row * I + i] * W[column * O + i];
    Y[row * O + column] = sum;
}
