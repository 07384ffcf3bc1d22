/* Step 5: blocks for the caches. In step 4 each strip of rows reads all of W from the third-level cache or
 * from memory. Here a group computes a block of 96 x 48 elements: its rows of X and W stay in the
 * second-level cache, and those of one tile in the first. */
#define ROWS                 6
#define COLUMNS              4
#define PRODUCT_TILE_ROWS    96
#define PRODUCT_TILE_COLUMNS 48

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
    const int column = get_group_id(0) * PRODUCT_TILE_COLUMNS, row = get_group_id(1) * PRODUCT_TILE_ROWS;
    const int right = min(O, column + PRODUCT_TILE_COLUMNS), lower = min(B, row + PRODUCT_TILE_ROWS);
    for (int r = row; r < lower; r += ROWS)
        for (int c = column; c < right; c += COLUMNS)
            compute_tile(B, I, O, r, c, X, W, Y);
}
