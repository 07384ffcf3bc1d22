/* X[r] = (values[n] - mean) * scale and labels_out[r] = labels[n], n = order[first + r] or first + r.
 *
 *   values (N,I)   labels, order (N)   mean, scale (I)   X (rows,I) out   labels_out (rows) out
 *
 * One work-item CHUNK elements of a row of X, the last item of a row what is left; the items of column 0 carry the
 * label. The host gives CHUNK: a vector of the device, at least 4.
 */
#ifndef CHUNK
#define CHUNK 4
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define VECTOR      JOIN(float, CHUNK)
#define LOAD(p)     JOIN(vload, CHUNK)(0, p)
#define STORE(v, p) JOIN(vstore, CHUNK)(v, 0, p)
#define TO_FLOAT(v) JOIN(convert_float, CHUNK)(v)

__kernel void gather_bytes(const int rows, const int I, __global const uchar *restrict values,
                           __global const uint *restrict labels, __global const uint *restrict order,
                           const int is_ordered, const uint first, __global const float *restrict mean,
                           __global const float *restrict scale, __global float *restrict X,
                           __global uint *restrict labels_out)
{
    const int i = get_global_id(0) * CHUNK, r = get_global_id(1);
    if (i >= I || r >= rows)
        return;
    const uint n = is_ordered ? order[first + r] : first + r;
    __global const uchar *from = values + (size_t)n * I;
    __global float *to = X + (size_t)r * I;
    if (i + CHUNK <= I) {
        const VECTOR centred = TO_FLOAT(LOAD(from + i)) - LOAD(mean + i);
        STORE(centred * LOAD(scale + i), to + i);
    } else
        for (int j = i; j < I; j++)
            to[j] = (convert_float(from[j]) - mean[j]) * scale[j];
    if (i == 0)
        labels_out[r] = labels[n];
}

__kernel void gather_floats(const int rows, const int I, __global const float *restrict values,
                            __global const uint *restrict labels, __global const uint *restrict order,
                            const int is_ordered, const uint first, __global const float *restrict mean,
                            __global const float *restrict scale, __global float *restrict X,
                            __global uint *restrict labels_out)
{
    const int i = get_global_id(0) * CHUNK, r = get_global_id(1);
    if (i >= I || r >= rows)
        return;
    const uint n = is_ordered ? order[first + r] : first + r;
    __global const float *from = values + (size_t)n * I;
    __global float *to = X + (size_t)r * I;
    if (i + CHUNK <= I) {
        const VECTOR centred = LOAD(from + i) - LOAD(mean + i);
        STORE(centred * LOAD(scale + i), to + i);
    } else
        for (int j = i; j < I; j++)
            to[j] = (from[j] - mean[j]) * scale[j];
    if (i == 0)
        labels_out[r] = labels[n];
}
