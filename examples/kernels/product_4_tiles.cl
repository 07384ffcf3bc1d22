/* Step 4: as large a tile as the registers hold. Tiles of 6 x 4 elements fill 24 of the 32 vector registers
 * that AVX-512 has: 10 loads serve 24 products. A compiler that runs out of registers keeps sums in memory,
 * and the kernel becomes slower: with AVX2, which has 16 registers of half the size, take float8, 3 x 3. */
#define ROWS                 6
#define COLUMNS              4
#define PRODUCT_TILE_ROWS    ROWS
#define PRODUCT_TILE_COLUMNS COLUMNS

float add_up(float16 sums)
{
    const float8 s8 = sums.lo + sums.hi;
    const float4 s4 = s8.lo + s8.hi;
    return s4.x + s4.y + s4.z + s4.w;
}

/* Tiles at the right and lower edge compute the last row or column again, and do not store it. */
void compute_tile(int B, int I, int O, int row, int column, __global const float *X, __global const float *W,
                  __global float *Y)
{
    __global const float *x[ROWS], *w[COLUMNS];
    float16 sums[ROWS][COLUMNS];
    int i = 0;
#pragma unroll
    for (int r = 0; r < ROWS; r++)
        x[r] = X + min(row + r, B - 1) * I;
#pragma unroll
    for (int c = 0; c < COLUMNS; c++)
        w[c] = W + min(column + c, O - 1) * I;
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            sums[r][c] = 0.0f;
    for (; i + 16 <= I; i += 16) {
        float16 b[COLUMNS];
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            b[c] = vload16(0, w[c] + i);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const float16 a = vload16(0, x[r] + i);
#pragma unroll
            for (int c = 0; c < COLUMNS; c++)
                sums[r][c] = fma(a, b[c], sums[r][c]);
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            float sum = add_up(sums[r][c]);
            for (int k = i; k < I; k++)
                sum += x[r][k] * w[c][k];
            if (row + r < B && column + c < O)
                Y[(row + r) * O + column + c] = sum;
        }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product(int B, int I, int O, __global const float *X, __global const float *W, __global float *Y)
{
    compute_tile(B, I, O, get_group_id(1) * ROWS, get_group_id(0) * COLUMNS, X, W, Y);
}
