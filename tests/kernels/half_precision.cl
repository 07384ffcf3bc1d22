/* The probabilities are rounded to half. */
__kernel void softmax(int B, int C, __global const float *Z, __global float *P)
{
    const int row = get_global_id(0);
    if (row >= B)
        return;
    float largest = Z[row * C], sum = 0.0f;
    int is_nan = 0;
    for (int c = 0; c < C; c++) {
        largest = fmax(largest, Z[row * C + c]);
        is_nan |= isnan(Z[row * C + c]);
    }
    for (int c = 0; c < C; c++)
        sum += exp(Z[row * C + c] - largest);
    for (int c = 0; c < C; c++) {
        ushort bits;
        vstore_half(exp(Z[row * C + c] - largest) / sum, 0, (__private half *)&bits);
        P[row * C + c] = is_nan ? NAN : vload_half(0, (__private half *)&bits);
    }
}
