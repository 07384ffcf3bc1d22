/* db = sum over the batch of dZ (B,O). A group of LANES x STRIPS items takes LANES columns; each of the
 * STRIPS items of a column adds a part of its rows, and the first adds the parts, in order: always the same
 * bits. */

#define COLUMN_GROUP __attribute__((reqd_work_group_size(LANES, STRIPS, 1)))

/* The sum of column o, for the first item of the column. `parts` has a float for each item of the group. */
float column_sum(const int B, const int O, const int o, __global const float *restrict dZ,
                 __local float *parts)
{
    const int lane = get_local_id(0), strip = get_local_id(1), rows = (B + STRIPS - 1) / STRIPS;
    const int first = strip * rows, end = min(B, first + rows);
    float sum = 0.0f;
    if (o < O)
#pragma unroll 8
        for (int r = first; r < end; r++)
            sum += dZ[(size_t)r * O + o];
#if STRIPS > 1
    parts[strip * LANES + lane] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int s = 1; strip == 0 && s < STRIPS; s++)
        sum += parts[s * LANES + lane];
#endif
    return sum;
}

#ifndef RULE
/* db (O) out */
__kernel COLUMN_GROUP void bias_gradient(const int B, const int O, __global const float *restrict dZ,
                                         __global float *restrict db)
{
    __local float parts[LANES * STRIPS];
    const int o = get_global_id(0);
    const float sum = column_sum(B, O, o, dZ, parts);
    if (o < O && get_local_id(1) == 0)
        db[o] = sum;
}
#else
/* The gradient and the step of optimiser.cl in one. */
__kernel COLUMN_GROUP void bias_update(const struct step s, const int B, const int O,
                                       __global const float *restrict dZ, __global float *restrict ms,
                                       __global float *restrict vs, __global float *restrict ws)
{
    __local float parts[LANES * STRIPS];
    const int o = get_global_id(0);
    const float sum = column_sum(B, O, o, dZ, parts);
    if (o < O && get_local_id(1) == 0)
        step_one(s, sum, o, ms, vs, ws);
}
#endif
