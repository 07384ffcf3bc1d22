/* X[r] = (values[n] - mean) * scale and labels_out[r] = labels[n], n = order[first + r] or first + r.
 *
 *   values (N,I)   labels, order (N)   mean, scale (I)   X (rows,I) out   labels_out (rows) out
 *
 * One work-item an element of X; the items of column 0 carry the label.
 */
__kernel void gather_bytes(const int rows, const int I, __global const uchar *restrict values,
                           __global const uint *restrict labels, __global const uint *restrict order,
                           const int is_ordered, const uint first, __global const float *restrict mean,
                           __global const float *restrict scale, __global float *restrict X,
                           __global uint *restrict labels_out)
{
    const int i = get_global_id(0), r = get_global_id(1);
    if (i >= I || r >= rows)
        return;
    const uint n = is_ordered ? order[first + r] : first + r;
    X[(size_t)r * I + i] = (convert_float(values[(size_t)n * I + i]) - mean[i]) * scale[i];
    if (i == 0)
        labels_out[r] = labels[n];
}

__kernel void gather_floats(const int rows, const int I, __global const float *restrict values,
                            __global const uint *restrict labels, __global const uint *restrict order,
                            const int is_ordered, const uint first, __global const float *restrict mean,
                            __global const float *restrict scale, __global float *restrict X,
                            __global uint *restrict labels_out)
{
    const int i = get_global_id(0), r = get_global_id(1);
    if (i >= I || r >= rows)
        return;
    const uint n = is_ordered ? order[first + r] : first + r;
    X[(size_t)r * I + i] = (values[(size_t)n * I + i] - mean[i]) * scale[i];
    if (i == 0)
        labels_out[r] = labels[n];
}
