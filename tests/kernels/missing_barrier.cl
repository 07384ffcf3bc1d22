/* A tile of X and W in local memory; the second barrier of a step is missing. */
#define SIDE 8
__kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void
product(int B, int I, int O, __global const float *X, __global const float *W, __global float *Y)
{
    __local float x[SIDE][SIDE], w[SIDE][SIDE];
    const int c = get_local_id(0), r = get_local_id(1), column = get_global_id(0), row = get_global_id(1),
              w_row = get_group_id(0) * SIDE + r;
    float sum = 0.0f;
    for (int i = 0; i < I; i += SIDE) {
        x[r][c] = row < B && i + c < I ? X[row * I + i + c] : 0.0f;
        w[r][c] = w_row < O && i + c < I ? W[w_row * I + i + c] : 0.0f;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < SIDE; k++)
            sum += x[r][k] * w[c][k];
    }
    if (row < B && column < O)
        Y[row * O + column] = sum;
}
