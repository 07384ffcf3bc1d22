/* The end of a net with few classes, for devices whose work-groups share local memory: the last layer's
 * linear_forward, softmax_xent and linear_backward_input in one launch. Comes after sums.cl, activation.cl
 * and gemm_tiled.cl, whose LANES items make a group.
 *
 *   Z (B,C) = X (B,I) W (C,I)ᵀ + b,   dZ = (softmax(Z) - onehot(labels)) / B,   dX (B,I) = (dZ W) * act'
 *
 * C is at most LANES. A group takes HEAD_ROWS rows of the batch, then moves on by HEAD_ROWS times the number
 * of groups. Each sum of Z is cut into `slices` parts of quads that lie side by side, so that neighbouring
 * items read neighbouring quads; there are at most HEAD_PARTS parts. Sums have a fixed order: always the same
 * bits. */
#define HEAD_ROWS  4
#define HEAD_PARTS (32 * LANES)

#if defined(ACTIVATION) && !defined(RULE)
/* left · right, added up in order */
INLINE float add_products(const float4 left, const float4 right, const float sum)
{
    const float two = left.y * right.y + (left.x * right.x + sum);
    return left.w * right.w + (left.z * right.z + two);
}

/* parts[r][c][s] = the quads s, s + slices, … of X[m0 + r] · W[c]; beyond the batch the last row again. */
INLINE void multiply_slices(const int B, const int I, const int C, const int m0, const int slices,
                            __global const float *X, __global const float *W, __local float *parts)
{
    const int is_aligned = I % 4 == 0;
    for (int p = get_local_id(0); p < C * slices; p += LANES) {
        const int s = p % slices, c = p / slices;
        float sums[HEAD_ROWS];
#pragma clang loop unroll(full)
        for (int r = 0; r < HEAD_ROWS; r++)
            sums[r] = 0.0f;
        for (int k = 4 * s; k < I; k += 4 * slices) {
            const float4 w = load_quad(W + (size_t)c * I + k, I - k, is_aligned);
#pragma clang loop unroll(full)
            for (int r = 0; r < HEAD_ROWS; r++) {
                __global const float *x = X + (size_t)min(m0 + r, B - 1) * I + k;
                sums[r] = add_products(load_quad(x, I - k, is_aligned), w, sums[r]);
            }
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < HEAD_ROWS; r++)
            parts[(r * C + c) * slices + s] = sums[r];
    }
}

/* dZ replaces a row's logits. *loss and *correct grow by the row's. A prediction is the first of the largest
 * logits; a NaN makes the row's results NaN. */
INLINE void softmax_row(const int B, const int C, const int label, __local float *z, float *loss,
                        float *correct)
{
    float largest = z[0], sum = 0.0f;
    int best = 0;
    for (int c = 1; c < C; c++)
        if (z[c] > largest || isnan(z[c])) {
            largest = z[c];
            best = c;
        }
    for (int c = 0; c < C; c++)
        sum += exp(z[c] - largest);
    const float own = log(sum) + (largest - z[label]);
    for (int c = 0; c < C; c++)
        z[c] = (exp(z[c] - largest) / sum - (c == label ? 1.0f : 0.0f)) / B;
    *loss += own;
    *correct += best == label && !isnan(own) ? 1.0f : 0.0f;
}

/* dX[m0 + r] = (dZ[r] W) * act' for the group's rows; an item takes a quad of all of them. */
INLINE void multiply_gradients(const int B, const int I, const int C, const int m0, __local const float *dZ,
                               __global const float *W, __global const float *of, __global float *dX)
{
    const int is_aligned = I % 4 == 0;
    for (int i = 4 * get_local_id(0); i < I; i += 4 * LANES) {
        float4 d[HEAD_ROWS];
#pragma clang loop unroll(full)
        for (int r = 0; r < HEAD_ROWS; r++)
            d[r] = (float4)(0.0f);
        for (int c = 0; c < C; c++) {
            const float4 w = load_quad(W + (size_t)c * I + i, I - i, is_aligned);
#pragma clang loop unroll(full)
            for (int r = 0; r < HEAD_ROWS; r++)
                d[r] += dZ[r * C + c] * w;
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < HEAD_ROWS; r++) {
            const int count = m0 + r < B ? I - i : 0;
            const size_t at = (size_t)(m0 + r) * I + i;
#if HAS_GATE
            const float4 value = load_quad(of + at, count, is_aligned);
            store_quad(THROUGH(float4, d[r], value), dX + at, count, is_aligned);
#else
            store_quad(d[r], dX + at, count, is_aligned);
#endif
        }
    }
}

/* Without wants_input there is no dX. */
__kernel GROUP(LANES) void tiled_head(const int B, const int I, const int C, const int slices,
                                      const int wants_input, __global const float *restrict X,
                                      __global const float *restrict W, __global const float *restrict b,
                                      __global const uint *restrict labels, __global const float *restrict of,
                                      __global float *restrict dZ, __global float *restrict dX,
                                      __global float *restrict sums)
{
    __local float parts[HEAD_PARTS], z[HEAD_ROWS * LANES], losses[LANES], corrects[LANES];
    const int lane = get_local_id(0), group = get_group_id(0), all = get_num_groups(0) * HEAD_ROWS;
    float loss = 0.0f, correct = 0.0f;
    for (int m0 = group * HEAD_ROWS; m0 < B; m0 += all) {
        const int rows = min(HEAD_ROWS, B - m0);
        multiply_slices(B, I, C, m0, slices, X, W, parts);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int at = lane; at < HEAD_ROWS * C; at += LANES) {
            float sum = 0.0f;
            for (int s = 0; s < slices; s++)
                sum += parts[at * slices + s];
            z[at] = sum + b[at % C];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int r = lane; r < rows; r += LANES)
            softmax_row(B, C, labels[m0 + r], z + r * C, &loss, &correct);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int at = lane; at < rows * C; at += LANES)
            dZ[(size_t)m0 * C + at] = z[at];
        if (wants_input)
            multiply_gradients(B, I, C, m0, z, W, of, dX);
    }
    losses[lane] = loss;
    corrects[lane] = correct;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane > 0)
        return;
    for (int i = 1; i < min(LANES, HEAD_ROWS); i++) {
        loss += losses[i];
        correct += corrects[i];
    }
    add_to_sums(loss, correct, sums + SLOT * group);
}
#endif
