/* For a GPU: a block of 32 x 32 elements, whose rows of X and W the group shares through local memory.
 *
 * The 64 items of a group read 8 terms of 32 rows of X and of W together, neighbours in memory by
 * neighbouring items; after a barrier each computes a tile of 4 x 4 elements from them. The second barrier
 * keeps a fast item from overwriting what a slow one still reads. On a CPU this is slower than the naive
 * kernel's vectors: there is no local memory but the cache, and each barrier splits the kernel into loops. */
#define BLOCK                32
#define DEPTH                8
#define ITEMS                8
#define TILE                 (BLOCK / ITEMS)
#define PRODUCT_TILE_COLUMNS BLOCK
#define PRODUCT_TILE_ROWS    BLOCK

/* Copies DEPTH terms of BLOCK rows, turned, so that a step of the sum lies together; zeros outside. */
void load_block(int rows, int I, int first, int i, __global const float *from,
                __local float to[DEPTH][BLOCK + 1])
{
    const int item = get_local_id(1) * ITEMS + get_local_id(0);
    for (int at = item; at < BLOCK * DEPTH; at += ITEMS * ITEMS) {
        const int r = at / DEPTH, k = at % DEPTH;
        to[k][r] = first + r < rows && i + k < I ? from[(first + r) * I + i + k] : 0.0f;
    }
}

__kernel __attribute__((reqd_work_group_size(ITEMS, ITEMS, 1))) void
product(int B, int I, int O, __global const float *X, __global const float *W, __global float *Y)
{
    __local float x[DEPTH][BLOCK + 1], w[DEPTH][BLOCK + 1];
    const int column = get_group_id(0) * BLOCK, row = get_group_id(1) * BLOCK;
    const int c = get_local_id(0), r = get_local_id(1);
    float sums[TILE][TILE];
    for (int n = 0; n < TILE * TILE; n++)
        sums[n / TILE][n % TILE] = 0.0f;
    for (int i = 0; i < I; i += DEPTH) {
        load_block(B, I, row, i, X, x);
        load_block(O, I, column, i, W, w);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < DEPTH; k++)
            for (int n = 0; n < TILE * TILE; n++)
                sums[n / TILE][n % TILE] += x[k][r + n / TILE * ITEMS] * w[k][c + n % TILE * ITEMS];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int n = 0; n < TILE * TILE; n++) {
        const int at_row = row + r + n / TILE * ITEMS, at_column = column + c + n % TILE * ITEMS;
        if (at_row < B && at_column < O)
            Y[at_row * O + at_column] = sums[n / TILE][n % TILE];
    }
}
