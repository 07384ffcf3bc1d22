/* The device's peak rates, for comparison: copying memory, and multiplying and adding in registers. Comes
 * after vector.cl. */
#define CHAINS 12 /* independent sums of an item, so that none waits for its last result */

/* to (count VW) = from; one vector per item */
__kernel void peak_copy(const ulong count, __global const float *restrict from, __global float *restrict to)
{
    const ulong at = get_global_id(0);
    if (at < count)
        JOIN(vstore, VW)(JOIN(vload, VW)(at, from), at, to);
}

/* 2 CHAINS VW rounds operations per item; out (items), so that the compiler can leave nothing out */
__kernel void peak_fma(const int rounds, const float factor, const float summand,
                       __global float *restrict out)
{
    VECTOR sums[CHAINS];
#pragma unroll
    for (int c = 0; c < CHAINS; c++)
        sums[c] = (VECTOR)(summand * c);
    for (int r = 0; r < rounds; r++)
#pragma unroll
        for (int c = 0; c < CHAINS; c++)
            sums[c] = sums[c] * factor + summand;
    VECTOR all = sums[0];
#pragma unroll
    for (int c = 1; c < CHAINS; c++)
        all += sums[c];
    float values[VW], total = 0.0f;
    JOIN(vstore, VW)(all, 0, values);
    for (int i = 0; i < VW; i++)
        total += values[i];
    out[get_global_id(0)] = total;
}
