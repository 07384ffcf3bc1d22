/* Y = X Wᵀ: a matrix product, computed in the simplest way.
 *
 *   X (B,I), W (O,I) and Y (B,O) are row-major: element (r,c) of Y is Y[r * O + c].
 *
 * Each work-item computes one element of Y. Dimension 0 of the work-items lies along the columns of Y,
 * dimension 1 along its rows. `clmlp kernel check` launches whole work-groups, so that some items lie outside
 * of Y: each item must check its place.
 *
 * What may be changed:
 *
 *   __attribute__((reqd_work_group_size(16, 16, 1)))   before `void`: items of a group, in dimensions 0 and 1
 *   #define PRODUCT_TILE_COLUMNS 64                     columns and rows of Y that one group computes,
 *   #define PRODUCT_TILE_ROWS    64                     if they are not as many as its items
 *
 * Compare with the reference and with other kernels: clmlp kernel check product.cl */
__kernel void product(int B, int I, int O, __global const float *X, __global const float *W,
                      __global float *Y)
{
    const int column = get_global_id(0), row = get_global_id(1);
    if (row >= B || column >= O)
        return;
    float sum = 0.0f;
    for (int i = 0; i < I; i++)
        sum += X[row * I + i] * W[column * I + i];
    Y[row * O + column] = sum;
}
