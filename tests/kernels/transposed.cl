/* The gradient of W is stored by columns. */
__kernel void linear_backward_params(int B, int I, int O, __global const float *dZ, __global const float *X,
                                     __global float *dW, __global float *db)
{
    const int i = get_global_id(0), o = get_global_id(1);
    if (i >= I || o >= O)
        return;
    float sum = 0.0f, bias = 0.0f;
    for (int r = 0; r < B; r++) {
        sum += dZ[r * O + o] * X[r * I + i];
        bias += dZ[r * O + o];
    }
    dW[i * O + o] = sum;
    if (i == 0)
        db[o] = bias;
}
