/* The items of a group add their parts of a sum to one number, without order. */
#define PARTS                8
#define PRODUCT_TILE_COLUMNS 1
#define PRODUCT_TILE_ROWS    1
__kernel __attribute__((reqd_work_group_size(PARTS, 1, 1))) void
product(int B, int I, int O, __global const float *X, __global const float *W, __global float *Y)
{
    __local float whole;
    const int part = get_local_id(0), column = get_group_id(0), row = get_group_id(1);
    if (part == 0)
        whole = 0.0f;
    float sum = 0.0f;
    for (int i = part; i < I; i += PARTS)
        sum += X[row * I + i] * W[column * I + i];
    whole += sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (part == 0)
        Y[row * O + column] = whole;
}
