/* Step 2: each item still computes one element, but takes sixteen terms at once. Rows of X and W are
 * contiguous, so vload16 reads one or two cache lines and the products become vector instructions. Sixteen
 * partial sums are added up at the end. */
__kernel void product(int B, int I, int O, __global const float *X, __global const float *W,
                      __global float *Y)
{
    const int column = get_global_id(0), row = get_global_id(1);
    if (row >= B || column >= O)
        return;
    __global const float *x = X + row * I, *w = W + column * I;
    float16 sums = 0.0f;
    int i = 0;
    for (; i + 16 <= I; i += 16)
        sums += vload16(0, x + i) * vload16(0, w + i);
    const float8 s8 = sums.lo + sums.hi;
    const float4 s4 = s8.lo + s8.hi;
    float sum = s4.x + s4.y + s4.z + s4.w;
    for (; i < I; i++) /* what is left of a row that is no multiple of 16 */
        sum += x[i] * w[i];
    Y[row * O + column] = sum;
}
