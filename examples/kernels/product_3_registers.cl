/* Step 3: a tile in registers. A product of two vectors needs two loads, so step 2 waits for the first-level
 * cache; and each of its sums waits for the one before. Here an item keeps the sums of 2 x 2 elements: 4
 * loads serve 4 products, whose sums do not wait for each other.
 *
 * A group has one item, because PoCL else wraps the kernel in a loop over the items, and a kernel that is
 * written in vectors gains nothing by that. `fma` is one instruction that multiplies and adds; it rounds once
 * instead of twice. */
#define SIDE                 2
#define PRODUCT_TILE_COLUMNS SIDE
#define PRODUCT_TILE_ROWS    SIDE

float add_up(float16 sums)
{
    const float8 s8 = sums.lo + sums.hi;
    const float4 s4 = s8.lo + s8.hi;
    return s4.x + s4.y + s4.z + s4.w;
}

/* Tiles at the right and lower edge compute the last row or column again, which gives the same value. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product(int B, int I, int O, __global const float *X, __global const float *W, __global float *Y)
{
    const int column = get_group_id(0) * SIDE, row = get_group_id(1) * SIDE;
    __global const float *x[SIDE], *w[SIDE];
    float16 sums[SIDE][SIDE];
    int i = 0;
    for (int k = 0; k < SIDE; k++) {
        x[k] = X + min(row + k, B - 1) * I;
        w[k] = W + min(column + k, O - 1) * I;
    }
#pragma unroll
    for (int r = 0; r < SIDE; r++)
#pragma unroll
        for (int c = 0; c < SIDE; c++)
            sums[r][c] = 0.0f;
    for (; i + 16 <= I; i += 16) {
        float16 a[SIDE];
#pragma unroll
        for (int r = 0; r < SIDE; r++)
            a[r] = vload16(0, x[r] + i);
#pragma unroll
        for (int c = 0; c < SIDE; c++) {
            const float16 b = vload16(0, w[c] + i);
#pragma unroll
            for (int r = 0; r < SIDE; r++)
                sums[r][c] = fma(a[r], b, sums[r][c]);
        }
    }
    for (int r = 0; r < SIDE && row + r < B; r++)
        for (int c = 0; c < SIDE && column + c < O; c++) {
            float sum = add_up(sums[r][c]);
            for (int k = i; k < I; k++)
                sum += x[r][k] * w[c][k];
            Y[(row + r) * O + column + c] = sum;
        }
}
