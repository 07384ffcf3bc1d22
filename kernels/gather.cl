/* X[r] = (values[n] - mean) * scale and labels_out[r] = labels[n], n = order[first + r] or first + r.
 *
 *   values (N,I)   labels, order (N)   mean, scale (I)   X (rows,I) out   labels_out (rows) out
 *
 * A work-item takes `span` elements of a row of X, a multiple of VW; a row's last item takes the rest. Items
 * of column 0 write the label, too. Rows may lie anywhere in the data set, so later rows are fetched
 * ahead. */
#define FETCH_ROWS  4  /* how many rows ahead */
#define CACHE_LINE  64 /* bytes of a cache line */
#define TO_FLOAT(v) JOIN(convert_float, VW)(v)

/* A kernel's body, for one type of values. */
#define GATHER(type)                                                                                         \
    const int begin = get_global_id(0) * span, r = get_global_id(1);                                         \
    if (begin >= I || r >= rows)                                                                             \
        return;                                                                                              \
    const int end = min(I, begin + span);                                                                    \
    const uint n = is_ordered ? order[first + r] : first + r;                                                \
    __global const type *from = values + (size_t)n * I;                                                      \
    __global float *to = X + (size_t)r * I;                                                                  \
    if (is_ordered && r + FETCH_ROWS < rows) {                                                               \
        __global const type *later = values + (size_t)order[first + r + FETCH_ROWS] * I;                     \
        for (int i = begin; i < end; i += CACHE_LINE / sizeof *later)                                        \
            FETCH(later + i);                                                                                \
    }                                                                                                        \
    int i = begin;                                                                                           \
    for (; i + VW <= end; i += VW) {                                                                         \
        const VECTOR centred = TO_FLOAT(LOAD(from + i)) - LOAD(mean + i);                                    \
        STORE(centred *LOAD(scale + i), to + i);                                                             \
    }                                                                                                        \
    for (; i < end; i++)                                                                                     \
        to[i] = (convert_float(from[i]) - mean[i]) * scale[i];                                               \
    if (begin == 0)                                                                                          \
        labels_out[r] = labels[n];

__kernel void gather_bytes(const int rows, const int I, const int span, __global const uchar *restrict values,
                           __global const uint *restrict labels, __global const uint *restrict order,
                           const int is_ordered, const uint first, __global const float *restrict mean,
                           __global const float *restrict scale, __global float *restrict X,
                           __global uint *restrict labels_out){GATHER(uchar)}

__kernel void gather_floats(const int rows, const int I, const int span,
                            __global const float *restrict values, __global const uint *restrict labels,
                            __global const uint *restrict order, const int is_ordered, const uint first,
                            __global const float *restrict mean, __global const float *restrict scale,
                            __global float *restrict X, __global uint *restrict labels_out){GATHER(float)}

/* out[r] = weights[order[place]] or weights[place], place = first + (r + turn) % rows; one item per row. */
__kernel void gather_weights(const int rows, const int turn, __global const float *restrict weights,
                             __global const uint *restrict order, const int is_ordered, const uint first,
                             __global float *restrict out)
{
    const int r = get_global_id(0);
    if (r >= rows)
        return;
    const uint place = first + (uint)((r + turn) % rows);
    out[r] = weights[is_ordered ? order[place] : place];
}
