/* The end of a net with few classes, for devices of type CPU: the last layer's linear_forward, softmax_xent
 * and linear_backward_input in one launch, one work-item per work-group. Comes after panels_cpu.cl,
 * activation.cl and sums.cl.
 *
 *   Z (B,C) = X (B,I) W (C,I)ᵀ + b,   dZ = (softmax(Z) - onehot(labels)) / B,   dX (B,I) = (dZ W) * act'
 *
 * W is a single panel: C <= NR. A group owns some rows of the batch and takes ROWS of them at a time. Their
 * logits, later their dZ, lie class by class, z[c][r]: softmax works on vectors of rows, one row per lane. */
#define ROWS     64 /* whole vectors */
#define INTEGERS JOIN(int, VW)

#if defined(ACTIVATION) && !defined(RULE)
/* z[c][r] = Σ_i X[r][i] W[c][i] + b[c] for `count` rows; zero to the end of the last row's vector. */
void multiply_logits(const int I, const int C, const int count, __global const float *X,
                     __global const float *W, __global const float *b, __local float *z)
{
    float tile[MR * NR];
    for (int m = 0; m < count; m += MR) {
        multiply_rows(X + (size_t)m * I, MR, count - m, I, W, I, C, tile);
        for (int i = 0; i < min(MR, count - m); i++)
            for (int c = 0; c < C; c++)
                z[c * ROWS + m + i] = tile[i * NR + c] + b[c];
    }
    for (int r = count; r % VW != 0; r++)
        for (int c = 0; c < C; c++)
            z[c * ROWS + r] = 0.0f;
}

/* The first `count` labels, then zeros. */
INTEGERS load_labels(__global const uint *labels, const int count)
{
    int values[VW];
    for (int i = 0; i < VW; i++)
        values[i] = i < count ? (int)labels[i] : 0;
    return JOIN(vload, VW)(0, values);
}

/* For VW rows, of which `count` exist: dZ replaces the logits, and each lane adds its row's loss and
 * correctness. A prediction is the first of the largest logits; a NaN anywhere in a row makes the row's
 * results NaN. Lanes from `count` on compute from zeros; these results are not used. */
void softmax_lanes(const int B, const int C, const int count, const INTEGERS label, __local float *z,
                   VECTOR *losses, VECTOR *corrects)
{
    const VECTOR none = (VECTOR)(0.0f), one = (VECTOR)(1.0f);
    VECTOR largest = LOAD(z), sum = none, picked = none;
    INTEGERS best = (INTEGERS)(0);
    for (int c = 1; c < C; c++) {
        const VECTOR value = LOAD(z + c * ROWS);
        const INTEGERS is_larger = value > largest;
        largest = select(largest, value, is_larger);
        best = select(best, (INTEGERS)(c), is_larger);
    }
    for (int c = 0; c < C; c++) {
        const VECTOR value = LOAD(z + c * ROWS), e = exp(value - largest);
        picked = select(picked, value, label == (INTEGERS)(c));
        sum += e;
        STORE(e, z + c * ROWS);
    }
    const VECTOR loss = log(sum) + (largest - picked);
    const INTEGERS is_there = JOIN(vload, VW)(0, lane_numbers) < (INTEGERS)(count);
    *losses += select(none, loss, is_there);
    *corrects += select(none, one, is_there && best == label && !isnan(loss));
    for (int c = 0; c < C; c++) {
        const VECTOR target = select(none, one, label == (INTEGERS)(c));
        STORE((LOAD(z + c * ROWS) / sum - target) / (float)B, z + c * ROWS);
    }
}

/* dX = (dZ W) * act' for `count` rows; z holds dZ class by class. */
void multiply_input(const int I, const int C, const int count, __local const float *z,
                    __global const float *W, __global const float *of, __global float *dX,
                    __local float *panel)
{
    float tile[MR * NR];
    for (int n = 0; n < I; n += NR) {
        const int columns = min(NR, I - n);
        pack_columns(W + (size_t)n * NR, NR, 0, columns, C, C, panel);
        for (int m = 0; m < count; m += MR) {
            multiply(z + m, count - m, 1, ROWS, panel, C, columns, tile);
            for (int i = 0; i < min(MR, count - m); i++)
                for (int j = 0; j < columns; j += VW) {
                    const size_t to = (size_t)(m + i) * I + n + j;
                    store_some(through_gate(LOAD(tile + i * NR + j), of + to, columns - j), dX + to,
                               columns - j);
                }
        }
    }
}

/* The sum of a vector's lanes, in order. */
float sum_lanes(const VECTOR v)
{
    float values[VW], sum = 0.0f;
    STORE(v, values);
    for (int i = 0; i < VW; i++)
        sum += values[i];
    return sum;
}

/* Without wants_input there is no dX. `pack` holds C (ROWS + NR) floats. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
head(const int B, const int I, const int C, const int rows, const int wants_input,
     __global const float *restrict X, __global const float *restrict W, __global const float *restrict b,
     __global const uint *restrict labels, __global const float *restrict of, __global float *restrict dZ,
     __global float *restrict dX, __global float *restrict sums, __local float *restrict pack)
{
    const int begin = get_group_id(0) * rows, end = min(B, begin + rows);
    __local float *z = pack, *panel = pack + C * ROWS;
    VECTOR losses = (VECTOR)(0.0f), corrects = (VECTOR)(0.0f);
    for (int m = begin; m < end; m += ROWS) {
        const int count = min(ROWS, end - m);
        __global const float *x = X + (size_t)m * I;
        multiply_logits(I, C, count, x, W, b, z);
        for (int r = 0; r < count; r += VW)
            softmax_lanes(B, C, count - r, load_labels(labels + m + r, count - r), z + r, &losses, &corrects);
        for (int r = 0; r < count; r++)
            for (int c = 0; c < C; c++)
                dZ[(size_t)(m + r) * C + c] = z[c * ROWS + r];
        if (wants_input)
            multiply_input(I, C, count, z, W, of + (size_t)m * I, dX + (size_t)m * I, panel);
    }
    add_to_sums(sum_lanes(losses), sum_lanes(corrects), sums + SLOT * get_group_id(0));
}
#endif
