/* Normalisation by columns of a batch, and by rows, and the way back through a gate. Comes after vector.cl,
 * and after activation.cl if the gate is a function of the output. Z, dN (B,O); src/compute/backend.h
 * has the formulas, and kernels/finish.cl the forward pass by columns.
 *
 * By columns, a group of COLUMN_LANES x STRIPS items takes COLUMN_LANES chunks of VW columns. Each of the
 * STRIPS items of a chunk takes every STRIPS-th block of eight rows. By rows, a group of ROW_LANES items
 * takes a row. The host gives these numbers by -D. Parts of a sum are added in a fixed order: always the same
 * bits. Variances are taken from distances to the mean, so that no digits cancel. */
#define BLOCK_ROWS   8
#define COLUMN_GROUP __attribute__((reqd_work_group_size(COLUMN_LANES, STRIPS, 1)))
#define ROW_GROUP    __attribute__((reqd_work_group_size(ROW_LANES, 1, 1)))

/* `count` floats, at most VW; the rest are 0. */
VECTOR take(__global const float *from, const int count)
{
    if (count >= VW)
        return LOAD(from);
    float some[VW];
    for (int k = 0; k < VW; k++)
        some[k] = k < count ? from[k] : 0.0f;
    return LOAD(some);
}

void put(const VECTOR v, __global float *to, const int count)
{
    if (count >= VW) {
        STORE(v, to);
        return;
    }
    float some[VW];
    STORE(v, some);
    for (int k = 0; k < VW; k++) /* a fixed number of steps keeps `some` in registers */
        if (k < count)
            to[k] = some[k];
}

/* ---- gates ---- */

#ifndef ACTIVATION
#define THROUGH(type, d, of) ((d) * (of)) /* the gate is saved */
#endif

/* dY += skip, if there is one; dZ = dY, times act' if there is a gate. An item takes `span` of `count`
 * elements, a multiple of VW. dZ may be dY. */
__kernel void gate_backward(const ulong count, const int span, const int has_skip, const int has_gate,
                            __global const float *of, __global const float *skip, __global float *dY,
                            __global float *dZ)
{
    const ulong begin = get_global_id(0) * (ulong)span, end = min(count, begin + span);
    for (ulong at = begin; at < end; at += VW) {
        const int rest = min(count - at, (ulong)VW);
        VECTOR d = take(dY + at, rest);
        if (has_skip) {
            d += take(skip + at, rest);
            put(d, dY + at, rest);
        }
        if (has_gate) {
            const VECTOR slope = take(of + at, rest);
            d = THROUGH(VECTOR, d, slope);
        }
        put(d, dZ + at, rest);
    }
}

/* ---- by columns ---- */

/* The first column of the item's chunk; it may be beyond the last. */
int chunk_column(void)
{
    return get_global_id(0) * VW;
}

/* The sum of the strips' parts, for each of them. `parts` has a float for each strip and column of the group.
 * All items of the group call it. */
VECTOR strips_sum(const VECTOR part, __local float *parts)
{
#if STRIPS > 1
    const int lane = get_local_id(0) * VW;
    barrier(CLK_LOCAL_MEM_FENCE); /* parts of an earlier sum have been read */
    STORE(part, parts + get_local_id(1) * COLUMN_LANES * VW + lane);
    barrier(CLK_LOCAL_MEM_FENCE);
    VECTOR sum = LOAD(parts + lane);
    for (int s = 1; s < STRIPS; s++)
        sum += LOAD(parts + s * COLUMN_LANES * VW + lane);
    return sum;
#else
    return part;
#endif
}

/* The rows of the item's strip, one after the other, with a body in braces. */
#define FOR_ROWS(r, B)                                                                                       \
    for (int block = get_local_id(1) * BLOCK_ROWS; block < (B); block += STRIPS * BLOCK_ROWS)                \
        for (int r = block; r < min(block + BLOCK_ROWS, (B)); r++)

#ifndef ACTIVATION
/* The gradients of scale and shift; and if norm->kind is NORM_BATCH, is_batch, dN becomes dZ.
 *
 *   scale (O)     centre, inverse (O), or (B) unless is_batch     scale_gradient, shift_gradient (O) out */
__kernel COLUMN_GROUP void
norm_columns(const int B, const int O, const int is_batch, __global const float *restrict Z,
             __global const float *restrict scale, __global const float *restrict centre,
             __global const float *restrict inverse, __global float *restrict dN,
             __global float *restrict scale_gradient, __global float *restrict shift_gradient)
{
    __local float parts[STRIPS * COLUMN_LANES * VW];
    const int column = chunk_column(), count = is_batch ? O - column : 0;
    VECTOR from = take(centre + column, count), by = take(inverse + column, count);
    VECTOR of_shift = (VECTOR)(0.0f), of_scale = (VECTOR)(0.0f);
    FOR_ROWS(r, B)
    {
        const size_t at = (size_t)r * O + column;
        const VECTOR d = take(dN + at, O - column), z = take(Z + at, O - column);
        if (!is_batch) {
            from = (VECTOR)(centre[r]);
            by = (VECTOR)(inverse[r]);
        }
        of_shift += d;
        of_scale += d * ((z - from) * by);
    }
    of_shift = strips_sum(of_shift, parts);
    of_scale = strips_sum(of_scale, parts);
    if (get_local_id(1) == 0) {
        put(of_shift, shift_gradient + column, O - column);
        put(of_scale, scale_gradient + column, O - column);
    }
    const VECTOR mean = of_shift / (float)B, mean_x = of_scale / (float)B;
    const VECTOR factor = by * take(scale + column, count);
    FOR_ROWS(r, is_batch ? B : 0)
    {
        const size_t at = (size_t)r * O + column;
        const VECTOR d = take(dN + at, count), x = (take(Z + at, count) - from) * by;
        put(factor * (d - mean - x * mean_x), dN + at, count);
    }
}

/* ---- by rows ---- */

/* The sum of all lanes' parts, for each of them; `parts` has a float for each. All items call it. */
float row_sum(const VECTOR part, __local float *parts)
{
    float some[VW];
    STORE(part, some);
    float sum = some[0];
    for (int k = 1; k < VW; k++)
        sum += some[k];
#if ROW_LANES > 1
    const int lane = get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE); /* an earlier sum has been read */
    parts[lane] = sum;
    for (int distance = ROW_LANES / 2; distance > 0; distance /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < distance)
            parts[lane] += parts[lane + distance];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    sum = parts[0];
#endif
    return sum;
}

#define FOR_CHUNKS(o, O) for (int o = get_local_id(0) * VW; o < (O); o += ROW_LANES * VW)

/* Zeros in the lanes from `count` on. */
VECTOR first_lanes(const VECTOR v, const int count)
{
    if (count >= VW)
        return v;
    float some[VW];
    STORE(v, some);
    for (int k = max(count, 0); k < VW; k++)
        some[k] = 0.0f;
    return LOAD(some);
}

/* centre = mean of a row, inverse = 1 / sqrt(variance + epsilon); both (B) out */
__kernel ROW_GROUP void row_moments(const int O, const float epsilon, __global const float *restrict Z,
                                    __global float *restrict centre, __global float *restrict inverse)
{
    __local float parts[ROW_LANES];
    const int r = get_group_id(0);
    __global const float *z = Z + (size_t)r * O;
    VECTOR sum = (VECTOR)(0.0f), squares = (VECTOR)(0.0f);
    FOR_CHUNKS(o, O)
    sum += take(z + o, O - o);
    const float mean = row_sum(sum, parts) / (float)O;
    FOR_CHUNKS(o, O)
    {
        const VECTOR distance = first_lanes(take(z + o, O - o) - mean, O - o);
        squares += distance * distance;
    }
    const float variance = row_sum(squares, parts) / (float)O;
    if (get_local_id(0) == 0) {
        centre[r] = mean;
        inverse[r] = 1.0f / sqrt(variance + epsilon);
    }
}

/* dN becomes dZ, row by row; after norm_columns.          scale (O)     centre, inverse (B) */
__kernel ROW_GROUP void norm_rows(const int O, __global const float *restrict Z,
                                  __global const float *restrict scale, __global const float *restrict centre,
                                  __global const float *restrict inverse, __global float *restrict dN)
{
    __local float parts[ROW_LANES];
    const int r = get_group_id(0);
    __global const float *z = Z + (size_t)r * O;
    __global float *d = dN + (size_t)r * O;
    const float from = centre[r], by = inverse[r];
    VECTOR sum = (VECTOR)(0.0f), sum_x = (VECTOR)(0.0f);
    FOR_CHUNKS(o, O)
    {
        const VECTOR g = take(d + o, O - o) * take(scale + o, O - o);
        sum += g;
        sum_x += first_lanes(g * ((take(z + o, O - o) - from) * by), O - o);
    }
    const float mean = row_sum(sum, parts) / (float)O, mean_x = row_sum(sum_x, parts) / (float)O;
    FOR_CHUNKS(o, O)
    {
        const VECTOR g = take(d + o, O - o) * take(scale + o, O - o);
        const VECTOR x = (take(z + o, O - o) - from) * by;
        put(by * (g - mean - x * mean_x), d + o, O - o);
    }
}
#endif
