/* fmax(0, NaN) is 0. */
__kernel void linear_forward(int B, int I, int O, int relu, __global const float *X, __global const float *W,
                             __global const float *b, __global float *Y)
{
    const int column = get_global_id(0), row = get_global_id(1);
    if (row >= B || column >= O)
        return;
    float sum = b[column];
    for (int i = 0; i < I; i++)
        sum += X[row * I + i] * W[column * I + i];
    Y[row * O + column] = relu ? fmax(sum, 0.0f) : sum;
}
