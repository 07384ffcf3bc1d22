/* The products of a layer's step, for devices of type CPU: one work-item per work-group, tiles in registers.
 * panels_cpu.cl says how matrices lie, are packed and multiplied; act is in activation.cl, the step in
 * optimiser.cl.
 *
 *   product_forward    Y (B,O) = act(X (B,I) W (O,I)ᵀ + b)
 *   product_backward   dX (B,I) = (dZ (B,O) W (O,I)) * act'; activation.cl says what `of` is
 *   product_gradient   dW (O,I) = dZ (B,O)ᵀ X (B,I) + penalty W, db (O) = Σ_B dZ
 *   product_update     the optimiser's step with those gradients, straight into W, b and their states (vb for
 *                      b)
 *   update_forward     product_update, then the next batch through the new weights: for small batches, whose
 *                      steps mostly wait for W from memory
 *
 * A work-group owns some rows and `columns` columns (whole panels) of the result, and takes the sum in blocks
 * of `depth`. It packs operands that it reads often and that do not lie together: right-hand panels as
 * panel[k][n], left-hand rows beside each other. Epilogues run in rolled loops over the tile, which compile
 * fast. Sums have a fixed order: always the same bits. */
#define FETCH_TILES 4 /* how many tiles ahead of the update's memory is asked for */
#define STRETCH                                                                                              \
    (2 * LEFT) /* inputs that update_forward takes at once: their panel stays in the first cache */

#if defined(ACTIVATION) && !defined(RULE)
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_forward(const int B, const int I, const int O, const int rows, const int columns, const int depth,
                const int tall, const int saves_gate, __global const float *restrict X,
                __global const float *restrict W, __global const float *restrict b,
                __global float *restrict Y, __global float *restrict gate)
{
    const int n0 = get_group_id(0) * columns, n_end = min(O, n0 + columns);
    const int m0 = get_group_id(1) * rows, m_end = min(B, m0 + rows);
    const int ahead =
        depth * NR / ((m_end - m0 + tall - 1) / tall) + LINE; /* so that a block asks for the next */
    float tile[MR * NR];
    for (int n = n0; n < n_end; n += NR)
        for (int k0 = 0; k0 < I; k0 += depth) {
            const int kc = min(depth, I - k0);
            __global const float *panel = W + (size_t)n * I + (size_t)k0 * NR,
                                 *next = panel + (size_t)kc * NR;
            for (int m = m0; m < m_end; m += tall, next += ahead) {
                fetch_stretch(next, ahead);
                multiply_rows(X + (size_t)m * I + k0, tall, m_end - m, I, panel, kc, n_end - n, tile);
                for (int i = 0; i < min(tall, m_end - m); i++)
                    for (int j = 0; j < min(NR, n_end - n); j += VW) {
                        const int count = n_end - n - j;
                        __global float *y = Y + (size_t)(m + i) * O + n + j;
                        VECTOR z = LOAD(tile + i * NR + j);
                        if (k0 > 0)
                            z += load_some(y, count);
                        if (k0 + kc == I)
                            z = activate(z + load_some(b + n + j, count), saves_gate, gate + (y - Y), count);
                        store_some(z, y, count);
                    }
            }
        }
}

/* `depth` is a multiple of NR: a block consists of some of W's panels, each transposed. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_backward(const int B, const int O, const int I, const int rows, const int columns, const int depth,
                 __global const float *restrict dZ, __global const float *restrict W,
                 __global const float *restrict of, __global float *restrict dX, __local float *restrict pack)
{
    const int n0 = get_group_id(0) * columns, n_end = min(I, n0 + columns);
    const int m0 = get_group_id(1) * rows, m_end = min(B, m0 + rows);
    __local float *lefts = pack + columns * depth;
    float tile[MR * NR];
    for (int k0 = 0; k0 < O; k0 += depth) {
        const int kc = min(depth, O - k0);
        for (int k = 0; k < kc; k += NR)
            pack_columns(W + (size_t)(k0 + k) * I, NR, n0, n_end - n0, min(NR, kc - k), kc, pack + k * NR);
        for (int m = m0; m < m_end; m += MR) {
            if ((m - m0) % LEFT == 0)
                pack_left_rows(dZ, O, m, min(m + LEFT, m_end), k0, kc, lefts);
            __local const float *left = lefts + (m - m0) % LEFT * kc;
            for (int n = n0; n < n_end; n += NR) {
                multiply(left, m_end - m, kc, 1, pack + (n - n0) * kc, kc, n_end - n, tile);
                for (int i = 0; i < min(MR, m_end - m); i++)
                    for (int j = 0; j < min(NR, n_end - n); j += VW) {
                        const int count = n_end - n - j;
                        const size_t to = (size_t)(m + i) * I + n + j;
                        VECTOR d = LOAD(tile + i * NR + j);
                        if (k0 > 0)
                            d += load_some(dX + to, count);
                        if (HAS_GATE && k0 + kc == O)
                            d = through_gate(d, of + to, count);
                        store_some(d, dX + to, count);
                    }
            }
        }
    }
}
#endif

/* The sums over k, in order, for one vector of a packed panel. */
VECTOR column_sums(__local const float *panel, const int depth)
{
    VECTOR sum = (VECTOR)(0.0f);
    for (int k = 0; k < depth; k++)
        sum += LOAD(panel + k * NR);
    return sum;
}

#if !defined(ACTIVATION) && !defined(RULE)
/* From here on the result is dWᵀ (I,O), as W lies: rows m are inputs, columns n are outputs. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_gradient(const int I, const int B, const int O, const int rows, const int columns, const int depth,
                 const float penalty, __global const float *restrict X, __global const float *restrict dZ,
                 __global const float *restrict W, __global float *restrict dW, __global float *restrict db,
                 __local float *restrict pack)
{
    const int n0 = get_group_id(0) * columns, n_end = min(O, n0 + columns);
    const int m0 = get_group_id(1) * rows, m_end = min(I, m0 + rows);
    __local float *lefts = pack + columns * depth;
    float tile[MR * NR];
    for (int k0 = 0; k0 < B; k0 += depth) {
        const int kc = min(depth, B - k0);
        pack_rows(dZ, O, n0, n_end - n0, k0, kc, pack);
        for (int n = n0; m0 == 0 && n < n_end; n += VW) {
            const VECTOR sum = column_sums(pack + (n - n0) / NR * NR * kc + (n - n0) % NR, kc);
            store_some(k0 > 0 ? sum + load_some(db + n, n_end - n) : sum, db + n, n_end - n);
        }
        for (int m = m0; m < m_end; m += MR) {
            if ((m - m0) % LEFT == 0)
                pack_left_columns(X, I, m, min(m + LEFT, m_end), k0, kc, LEFT, lefts);
            __local const float *left = lefts + (m - m0) % LEFT;
            for (int n = n0; n < n_end; n += NR) {
                multiply(left, MR, 1, LEFT, pack + (n - n0) * kc, kc, n_end - n, tile);
                for (int i = 0; i < min(MR, m_end - m); i++)
                    for (int j = 0; j < min(NR, n_end - n); j += VW) {
                        const int count = n_end - n - j;
                        const size_t to = (size_t)n * I + (size_t)(m + i) * NR + j;
                        const VECTOR before = LOAD(dW + to);
                        VECTOR d = LOAD(tile + i * NR + j);
                        if (k0 > 0)
                            d += before;
                        if (penalty != 0.0f && k0 + kc == B)
                            d += penalty * LOAD(W + to);
                        store_lanes(d, before, dW + to, count);
                    }
            }
        }
    }
}
#endif

#ifdef RULE
/* The step of a bias vector's first `count` floats, from their gradient or a block's part of it. */
void step_biases(const struct step s, const VECTOR g, const int count, const int is_first, const int is_last,
                 __global float *ms, __global float *ws)
{
    VECTOR w = load_some(ws, count);
    STATE_M(VECTOR m = load_some(ms, count))
    if (is_first) {
        BEGIN(VECTOR, 0)
    } else {
        MORE(VECTOR)
    }
    if (is_last) {
        END(VECTOR, 0)
    }
    STATE_M(store_some(m, ms, count))
    store_some(w, ws, count);
}

/* Like step_biases, for a vector of W's panel, which has a penalty. */
void step_lanes(const struct step s, const VECTOR g, const int count, const int is_first, const int is_last,
                __global float *ms, __global float *ws)
{
    const VECTOR w_before = LOAD(ws);
    VECTOR w = w_before;
    STATE_M(const VECTOR m_before = LOAD(ms))
    STATE_M(VECTOR m = m_before)
    if (is_first) {
        BEGIN(VECTOR, 1)
    } else {
        MORE(VECTOR)
    }
    if (is_last) {
        END(VECTOR, 1)
    }
    STATE_M(store_lanes(m, m_before, ms, count))
    store_lanes(w, w_before, ws, count);
}

/* The product of a whole tile and its step, both in registers. */
void multiply_step(const struct step s, __local const float *left, const int step, __local const float *panel,
                   const int depth, __global float *ms, __global float *ws)
{
    const int count = MR, row_step = 1;
    ACCUMULATE(acc, MR, NV, __local)
#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
        for (int j = 0; j < NV; j++) {
            const int at = i * NR + j * VW;
            const VECTOR g = acc[i][j];
            VECTOR w = LOAD(ws + at);
            STATE_M(VECTOR m = LOAD(ms + at))
            STEP(VECTOR, 1)
            STATE_M(STORE(m, ms + at))
            STORE(w, ws + at);
        }
}

/* The step of the weights of `rows` of MR inputs and `columns` of a panel's outputs, from packed X and dZ. */
void step_tile(const struct step s, __local const float *left, const int step, const int rows,
               __local const float *panel, const int depth, const int columns, const int is_first,
               const int is_last, __global float *ms, __global float *ws)
{
    float tile[MR * NR];
    if (rows >= MR && columns >= NR && is_first && is_last) {
        multiply_step(s, left, step, panel, depth, ms, ws);
        return;
    }
    multiply(left, MR, 1, step, panel, depth, columns, tile);
    for (int i = 0; i < min(MR, rows); i++)
        for (int j = 0; j < min(NR, columns); j += VW)
            step_lanes(s, LOAD(tile + i * NR + j), columns - j, is_first, is_last, ms + i * NR + j,
                       ws + i * NR + j);
}
#endif

#if defined(RULE) && !defined(ACTIVATION)
/* A layer's part of product_update, and how its groups divide dWᵀ (I,O). Only numbers of four bytes, so that
 * the host's structs have the same layout. */
struct layer_part {
    int I, O, rows, columns, depth;
    int across, end; /* groups across, and groups of this layer and those before it */
};

struct layer_parts {
    struct layer_part of[3];
};

#define GATHER_ROWS 8 /* of a group */

/* Rows r0 … of the next batch: X[r] = (values[n] - mean) * scale, and their labels. */
void gather_rows(const struct next_batch next, const int r0, __global const uchar *values,
                 __global const uint *labels, __global const uint *order, __global const float *mean,
                 __global const float *scale, __global float *X, __global uint *labels_out)
{
    __global const float *numbers = (__global const float *)values;
    const int I = next.I;
    for (int r = r0; r < min(next.rows, r0 + GATHER_ROWS); r++) {
        const uint n = next_row(next, r, order);
        const size_t from = (size_t)n * I, to = (size_t)r * I;
        int i = 0;
        for (; i + VW <= I; i += VW) {
            const VECTOR value =
                next.is_bytes ? JOIN(convert_float, VW)(LOAD(values + from + i)) : LOAD(numbers + from + i);
            const VECTOR centred = value - LOAD(mean + i);
            STORE(centred * LOAD(scale + i), X + to + i);
        }
        for (; i < I; i++) {
            const float value = next.is_bytes ? convert_float(values[from + i]) : numbers[from + i];
            X[to + i] = (value - mean[i]) * scale[i];
        }
        labels_out[r] = labels[n];
    }
}

/* The steps of up to three layers and one batch. A rule without states uses neither ms nor mb. Groups after
 * those of the layers gather the next batch. Each of the device's `units` computes equally many neighbouring
 * groups. Therefore neighbouring groups take parts that lie `units` apart, so that each unit gets a share of
 * every layer. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_update(const struct step s, const int B, const struct layer_parts parts, __global const float *dZ0,
               __global const float *X0, __global float *ms0, __global float *W0, __global float *mb0,
               __global float *b0, __global const float *dZ1, __global const float *X1, __global float *ms1,
               __global float *W1, __global float *mb1, __global float *b1, __global const float *dZ2,
               __global const float *X2, __global float *ms2, __global float *W2, __global float *mb2,
               __global float *b2, const int tiles, const int units, const struct next_batch next,
               __global const uchar *values, __global const uint *labels, __global const uint *order,
               __global const float *mean, __global const float *scale, __global float *next_X,
               __global uint *next_labels, __local float *pack)
{
    const int each = get_num_groups(0) / units;
    const int group = get_group_id(0) % each * units + get_group_id(0) / each;
    if (group >= tiles) {
        gather_rows(next, (group - tiles) * GATHER_ROWS, values, labels, order, mean, scale, next_X,
                    next_labels);
        return;
    }
    const int l = group < parts.of[0].end ? 0 : group < parts.of[1].end ? 1 : 2;
    const int at = group - CHOOSE(l, 0, parts.of[0].end, parts.of[1].end), across = IN_PART(l, across);
    const int I = IN_PART(l, I), O = IN_PART(l, O), depth = IN_PART(l, depth);
    const int rows = IN_PART(l, rows), columns = IN_PART(l, columns);
    __global const float *X = OF_LAYER(l, X), *dZ = OF_LAYER(l, dZ);
    __global float *ms = OF_LAYER(l, ms), *W = OF_LAYER(l, W), *mb = OF_LAYER(l, mb), *b = OF_LAYER(l, b);
    const int n0 = at % across * columns, n_end = min(O, n0 + columns);
    const int m0 = at / across * rows, m_end = min(I, m0 + rows);
    __local float *lefts = pack + columns * depth;
    for (int k0 = 0; k0 < B; k0 += depth) {
        const int kc = min(depth, B - k0);
        const bool is_first = k0 == 0, is_last = k0 + kc == B;
        pack_rows(dZ, O, n0, n_end - n0, k0, kc, pack);
        for (int n = n0; m0 == 0 && n < n_end; n += VW)
            step_biases(s, column_sums(pack + (n - n0) / NR * NR * kc + (n - n0) % NR, kc), n_end - n,
                        is_first, is_last, mb + n, b + n);
        for (int m = m0; m < m_end; m += MR) {
            if ((m - m0) % LEFT == 0)
                pack_left_columns(X, I, m, min(m + LEFT, m_end), k0, kc, LEFT, lefts);
            __local const float *left = lefts + (m - m0) % LEFT;
            for (int n = n0; n < n_end; n += NR) {
                const size_t tile = (size_t)n * I + (size_t)m * NR, later = tile + FETCH_TILES * MR * NR;
                fetch_stretch(W + later, MR * NR);
                if (STATES > 0)
                    fetch_stretch(ms + later, MR * NR);
                step_tile(s, left, LEFT, m_end - m, pack + (n - n0) * kc, kc, n_end - n, is_first, is_last,
                          ms + tile, W + tile);
            }
        }
    }
}
#endif

#if defined(RULE) && defined(ACTIVATION)
/* product_update of a batch of B rows, then product_forward of the next one, of next_B rows, panel by panel.
 * `pack` holds B (NR + STRETCH) + (next_B + LOW - 1) NR floats. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
update_forward(const struct step s, const int I, const int B, const int O, const int columns,
               const int next_B, const int saves_gate, __global const float *restrict X,
               __global const float *restrict dZ, __global float *restrict ms, __global float *restrict W,
               __global float *restrict mb, __global float *restrict b, __global const float *restrict next_X,
               __global float *restrict next_Y, __global float *restrict gate, __local float *restrict pack)
{
    const int n0 = get_group_id(0) * columns, n_end = min(O, n0 + columns);
    __local float *lefts = pack + B * NR, *z = lefts + B * STRETCH;
    float tile[MR * NR];
    for (int n = n0; n < n_end; n += NR) {
        const int width = min(NR, n_end - n);
        pack_rows(dZ, O, n, width, 0, B, pack);
        for (int j = 0; j < width; j += VW)
            step_biases(s, column_sums(pack + j, B), width - j, true, true, mb + n + j, b + n + j);
        for (int i0 = 0; i0 < I; i0 += STRETCH) {
            const int end = min(I, i0 + STRETCH);
            pack_left_columns(X, I, i0, end, 0, B, STRETCH, lefts);
            for (int m = i0; m < end; m += MR) {
                const size_t at = (size_t)n * I + (size_t)m * NR, later = at + FETCH_TILES * MR * NR;
                if (STATES ==
                    0) /* with states memory is the limit, and asking twice costs more than it saves */
                    fetch_stretch(W + later, MR * NR);
                step_tile(s, lefts + m - i0, STRETCH, end - m, pack, B, width, true, true, ms + at, W + at);
            }
            for (int m = 0; m < next_B; m += LOW) {
                multiply_rows(next_X + (size_t)m * I + i0, LOW, next_B - m, I,
                              W + (size_t)n * I + (size_t)i0 * NR, end - i0, width, tile);
                for (int i = 0; i < LOW; i++)
                    for (int j = 0; j < width; j += VW) {
                        const VECTOR part = LOAD(tile + i * NR + j);
                        __local float *to = z + (m + i) * NR + j;
                        STORE(i0 > 0 ? LOAD(to) + part : part, to);
                    }
            }
        }
        for (int m = 0; m < next_B; m++)
            for (int j = 0; j < width; j += VW) {
                const int count = width - j;
                const size_t to = (size_t)m * O + n + j;
                const VECTOR sum = LOAD(z + m * NR + j) + load_some(b + n + j, count);
                store_some(activate(sum, saves_gate, gate + to, count), next_Y + to, count);
            }
    }
}
#endif
