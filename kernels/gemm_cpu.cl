/* The products of a layer's step, for devices of type CPU: one work-item a work-group, tiles in registers.
 *
 *   product_forward    Y (B,O) = act(X (B,I) W (O,I)ᵀ + b)
 *   product_backward   dX (B,I) = (dZ (B,O) W (O,I)) * (Y > 0)
 *   product_gradient   dW (O,I) = dZ (B,O)ᵀ X (B,I) + penalty W, db (O) = Σ_B dZ
 *   product_update     the optimiser's step with those gradients, straight into W, b and their velocities
 *   update_forward     the same, and the next batch through the new weights while they are at hand: for small batches,
 *                      whose steps last as long as W's way through memory
 *
 * W, its velocity and dW lie in panels of NR = NV VW outputs, one behind the other: panel[i][n] = W[first + n][i] with all I
 * inputs. So both large products, forward and update, go along memory as it lies. Lanes behind the last output are
 * neither read into results nor written. All other matrices are row-major.
 *
 * The host gives by -D: VW floats of a vector, MR x NV vectors of a tile, LOW rows of a tile for few rows, LEFT rows of
 * the left-hand matrix packed at once, and PREFETCH where the compiler knows __builtin_prefetch. Products are written
 * a * b + c, which becomes one instruction where there is one; fma() would be a slow function where there is none.
 *
 * A work-group owns some rows and `columns` columns (whole panels) of the result, and goes along the sum in blocks
 * of `depth`. What it reads often and does not lie together it packs: right-hand panels panel[k][n], left-hand rows
 * beside each other. Sums run in a fixed order: same bits always.
 */
#ifndef VW
#define VW   8
#define MR   4
#define NV   3
#define LOW  4
#define LEFT (8 * MR)
#endif
#define FETCH_ROWS  8  /* how many rows ahead of pack_rows' memory is asked for; */
#define FETCH_LEFT  2  /* of pack_left_rows', whose rows are long; */
#define FETCH_DEEP  32 /* of pack_left_columns', whose rows are short; */
#define FETCH_TILES 4  /* and how many tiles ahead of the update's */
#define LINE        16 /* floats of a cache line */
#define STRETCH                                                                                              \
    (2 * LEFT) /* inputs that update_forward takes at once: their panel stays in the first cache */
#define NR (NV * VW)

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define VECTOR      JOIN(float, VW)
#define LOAD(p)     JOIN(vload, VW)(0, p)
#define STORE(v, p) JOIN(vstore, VW)(v, 0, p)

/* Asks for memory that will be read soon; what is asked for may lie outside a buffer, for nothing is read. */
#ifdef PREFETCH
#define FETCH(p) __builtin_prefetch((const void *)(uintptr_t)(p), 0, 2)
#else
#define FETCH(p)
#endif

/* Where a matrix ends within a vector: `count` floats of it are there. */
VECTOR load_some(__global const float *p, const int count)
{
    if (count >= VW)
        return LOAD(p);
    float values[VW];
    for (int i = 0; i < VW; i++)
        values[i] = i < count ? p[i] : 0.0f;
    return LOAD(values);
}

void store_some(const VECTOR v, __global float *p, const int count)
{
    if (count >= VW) {
        STORE(v, p);
        return;
    }
    float values[VW];
    STORE(v, values);
    for (int i = 0; i < count; i++)
        p[i] = values[i];
}

/* The same within a panel of W, which has room for whole vectors: what lies behind the last output stays as it is. */
__constant int lane_numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

void store_lanes(const VECTOR v, const VECTOR old, __global float *p, const int count)
{
    STORE(count >= VW ? v : select(old, v, JOIN(vload, VW)(0, lane_numbers) < count), p);
}

/* ---- packing the right-hand matrix: `depth` rows from k0 and `columns` columns from n0 on ---- */

/* panel[k][n] = right[k0 + k][n0 + n] of a matrix (K,N), zero where n is outside. */
void pack_rows(__global const float *right, const int N, const int n0, const int columns, const int k0,
               const int depth, __local float *pack)
{
    for (int k = 0; k < depth; k++) {
        __global const float *from = right + (size_t)(k0 + k) * N + n0;
        for (int n = 0; n < columns; n += VW) {
            FETCH(from + FETCH_ROWS * (size_t)N + n);
            STORE(load_some(from + n, columns - n), pack + (n / NR * depth + k) * NR + n % NR);
        }
        for (int n = (columns + VW - 1) / VW * VW; n % NR != 0; n += VW)
            STORE((VECTOR)(0.0f), pack + (n / NR * depth + k) * NR + n % NR);
    }
}

/* v = vᵀ by log2(VW) perfect shuffles of its rows. */
#define SHUFFLE(to, from)                                                                                    \
    _Pragma("unroll") for (int i = 0; i < VW / 2; i++)                                                       \
    {                                                                                                        \
        to[2 * i].even = from[i].lo;                                                                         \
        to[2 * i].odd = from[i + VW / 2].lo;                                                                 \
        to[2 * i + 1].even = from[i].hi;                                                                     \
        to[2 * i + 1].odd = from[i + VW / 2].hi;                                                             \
    }

/* panel[k][n] = right[n0 + n][k] of rows `stride` floats apart, for k < count; where n is outside, the last row again.
 * Rows are read in whole vectors. Panels of `depth` rows. */
void pack_columns(__global const float *right, const int stride, const int n0, const int columns,
                  const int count, const int depth, __local float *pack)
{
    for (int n = 0; n < (columns + NR - 1) / NR * NR; n += VW) {
        __local float *to = pack + n / NR * depth * NR + n % NR;
        __global const float *from[VW];
#pragma unroll
        for (int i = 0; i < VW; i++)
            from[i] = right + (size_t)(n0 + min(n + i, columns - 1)) * stride;
        for (int k = 0; k < count; k += VW) {
            VECTOR v[VW], other[VW];
#pragma unroll
            for (int i = 0; i < VW; i++) {
                FETCH(from[i] + k + (size_t)VW * stride);
                v[i] = LOAD(from[i] + k);
            }
            SHUFFLE(other, v)
            SHUFFLE(v, other)
#if VW > 4
            SHUFFLE(other, v)
#if VW > 8
            SHUFFLE(v, other)
#else
#pragma unroll
            for (int i = 0; i < VW; i++)
                v[i] = other[i];
#endif
#endif
#pragma unroll
            for (int i = 0; i < VW; i++)
                if (k + i < count)
                    STORE(v[i], to + (k + i) * NR);
        }
    }
}

/* ---- packing the left-hand matrix: rows m … end - 1 of the result, at most LEFT ---- */

/* left[i][k] = matrix[m + i][k0 + k] of a matrix (M,K) */
void pack_left_rows(__global const float *matrix, const int K, const int m, const int end, const int k0,
                    const int depth, __local float *left)
{
    for (int i = 0; i < end - m; i++) {
        __global const float *from = matrix + (size_t)(m + i) * K + k0;
        __local float *to = left + i * depth;
        int k = 0;
        for (; k + VW <= depth; k += VW) {
            FETCH(from + FETCH_LEFT * (size_t)K + k);
            STORE(LOAD(from + k), to + k);
        }
        for (; k < depth; k++)
            to[k] = from[k];
    }
}

/* left[k][i] = matrix[k0 + k][m + i] of a matrix (K,M) for i < width, zero where m + i is outside */
void pack_left_columns(__global const float *matrix, const int M, const int m, const int end, const int k0,
                       const int depth, const int width, __local float *left)
{
    for (int k = 0; k < depth; k++) {
        __global const float *from = matrix + (size_t)(k0 + k) * M + m;
        for (int i = 0; i < width; i += VW) {
            FETCH(from + FETCH_DEEP * (size_t)M + i);
            STORE(load_some(from + i, max(0, end - m - i)), left + k * width + i);
        }
    }
}

/* ---- tiles ---- */

/* acc[i][j] = Σ_k left[i row_step + k step] panel[k][j VW …] over k < depth, of the first `count` of ROWS rows (the last
 * again where there are fewer) and of the panel's vectors the first VECTORS; operands lie in SPACE. */
#define ACCUMULATE(acc, ROWS, VECTORS, SPACE)                                                                \
    VECTOR acc[ROWS][VECTORS];                                                                               \
    SPACE const float *row[ROWS];                                                                            \
    _Pragma("unroll") for (int i = 0; i < ROWS; i++)                                                         \
    {                                                                                                        \
        row[i] = left + (size_t)min(i, count - 1) * row_step;                                                \
        _Pragma("unroll") for (int j = 0; j < VECTORS; j++) acc[i][j] = (VECTOR)(0.0f);                      \
    }                                                                                                        \
    for (int k = 0; k < depth; k++) {                                                                        \
        VECTOR right[VECTORS];                                                                               \
        _Pragma("unroll") for (int j = 0; j < VECTORS; j++) right[j] = LOAD(panel + k * NR + j * VW);        \
        _Pragma("unroll") for (int i = 0; i < ROWS; i++)                                                     \
        {                                                                                                    \
            const VECTOR value = (VECTOR)(row[i][k * step]);                                                 \
            _Pragma("unroll") for (int j = 0; j < VECTORS; j++) acc[i][j] += value * right[j];               \
        }                                                                                                    \
    }

/* The same into tile[i][n]. */
#define MULTIPLY(name, ROWS, VECTORS, SPACE)                                                                 \
    void name(SPACE const float *left, const int count, const int row_step, const int step,                  \
              SPACE const float *panel, const int depth, float *tile)                                        \
    {                                                                                                        \
        ACCUMULATE(acc, ROWS, VECTORS, SPACE)                                                                \
        _Pragma("unroll") for (int i = 0; i < ROWS; i++) _Pragma("unroll") for (int j = 0; j < VECTORS; j++) \
            STORE(acc[i][j], tile + i * NR + j * VW);                                                        \
    }

MULTIPLY(multiply_packed, MR, NV, __local)
MULTIPLY(multiply_packed_vector, MR, 1, __local)
MULTIPLY(multiply_lying, MR, NV, __global)
MULTIPLY(multiply_lying_vector, MR, 1, __global)
MULTIPLY(multiply_low, LOW, NV, __global)
MULTIPLY(multiply_low_vector, LOW, 1, __global)

/* Of packed operands; where at most a vector of the panel is wanted, its first. */
void multiply(__local const float *left, const int count, const int row_step, const int step,
              __local const float *panel, const int depth, const int columns, float *tile)
{
    if (columns > VW)
        multiply_packed(left, count, row_step, step, panel, depth, tile);
    else
        multiply_packed_vector(left, count, row_step, step, panel, depth, tile);
}

/* Rows of a row-major matrix times a panel of W, both as they lie; `tall` is MR or LOW. */
void multiply_rows(__global const float *left, const int tall, const int count, const int row_step,
                   __global const float *panel, const int depth, const int columns, float *tile)
{
    if (columns > VW && tall == MR)
        multiply_lying(left, count, row_step, 1, panel, depth, tile);
    else if (columns > VW)
        multiply_low(left, count, row_step, 1, panel, depth, tile);
    else if (tall == MR)
        multiply_lying_vector(left, count, row_step, 1, panel, depth, tile);
    else
        multiply_low_vector(left, count, row_step, 1, panel, depth, tile);
}

/* ---- the products: what follows runs in rolled loops over the stored tile, which compile fast ---- */

/* act(z + b); relu is written so that a NaN survives. */
VECTOR activate(const VECTOR z, const int is_relu)
{
    return is_relu ? select(z, (VECTOR)(0.0f), z < (VECTOR)(0.0f)) : z;
}

/* Asks for `count` floats from `p` on. */
void fetch_stretch(__global const float *p, const int count)
{
    for (int i = 0; i < count; i += LINE)
        FETCH(p + i);
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_forward(const int B, const int I, const int O, const int rows, const int columns, const int depth,
                const int tall, const int is_relu, __global const float *restrict X,
                __global const float *restrict W, __global const float *restrict b,
                __global float *restrict Y)
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
                            z = activate(z + load_some(b + n + j, count), is_relu);
                        store_some(z, y, count);
                    }
            }
        }
}

/* dX * (Y > 0); where Y is NaN the derivative is unknown: NaN. */
VECTOR mask(const VECTOR dX, const VECTOR Y)
{
    return select(select((VECTOR)(0.0f), Y, isnan(Y)), dX, Y > (VECTOR)(0.0f));
}

/* `depth` is a multiple of NR: a block is some of W's panels, each turned. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_backward(const int B, const int O, const int I, const int rows, const int columns, const int depth,
                 const int is_masked, __global const float *restrict dZ, __global const float *restrict W,
                 __global const float *restrict Y, __global float *restrict dX, __local float *restrict pack)
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
                        if (is_masked && k0 + kc == O)
                            d = mask(d, load_some(Y + to, count));
                        store_some(d, dX + to, count);
                    }
            }
        }
    }
}

/* The sums over k of a vector of a packed panel, in the order of k. */
VECTOR column_sums(__local const float *panel, const int depth)
{
    VECTOR sum = (VECTOR)(0.0f);
    for (int k = 0; k < depth; k++)
        sum += LOAD(panel + k * NR);
    return sum;
}

/* In the products that follow the result is dWᵀ (I,O), rows m of inputs and columns n of outputs, as W lies. */
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

/* The optimiser's step of a bias vector's first `count` floats from their gradient, or from one block's part of it.
 *
 * has_velocity: v = momentum v + d, b -= rate v; else b -= rate d */
void descend_biases(const VECTOR d, const int count, const int has_velocity, const int is_first,
                    const int is_last, const float rate, const float momentum, __global float *v,
                    __global float *b)
{
    VECTOR step = d;
    if (has_velocity) {
        const VECTOR velocity = load_some(v, count);
        step = is_first ? momentum * velocity + d : velocity + d;
        store_some(step, v, count);
    }
    if (is_last || !has_velocity)
        store_some(load_some(b, count) - rate * step, b, count);
}

/* The same of a vector of W's panel, with the penalty's part.
 *
 * has_velocity: v = momentum v + d + penalty w, w -= rate v; else w = decay w - rate d, decay = 1 - rate penalty. */
void descend(const VECTOR d, const int count, const int has_velocity, const int is_first, const int is_last,
             const float rate, const float momentum, const float penalty, const float decay,
             __global float *v, __global float *w)
{
    const VECTOR weight = LOAD(w);
    if (!has_velocity) {
        store_lanes((is_first ? decay * weight : weight) - rate * d, weight, w, count);
        return;
    }
    const VECTOR before = LOAD(v);
    VECTOR velocity = is_first ? momentum * before + d : before + d;
    if (is_last) {
        velocity += penalty * weight;
        store_lanes(weight - rate * velocity, weight, w, count);
    }
    store_lanes(velocity, before, v, count);
}

/* The product of a whole tile and its step, which never leaves the registers. */
void multiply_descend(__local const float *left, const int step, __local const float *panel, const int depth,
                      const int has_velocity, const float rate, const float momentum, const float penalty,
                      const float decay, __global float *v, __global float *w)
{
    const int count = MR, row_step = 1;
    ACCUMULATE(acc, MR, NV, __local)
    if (has_velocity) {
#pragma unroll
        for (int i = 0; i < MR; i++)
#pragma unroll
            for (int j = 0; j < NV; j++) {
                const int at = i * NR + j * VW;
                const VECTOR weight = LOAD(w + at);
                const VECTOR velocity = momentum * LOAD(v + at) + (acc[i][j] + penalty * weight);
                STORE(velocity, v + at);
                STORE(weight - rate * velocity, w + at);
            }
        return;
    }
#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
        for (int j = 0; j < NV; j++) {
            const int at = i * NR + j * VW;
            STORE(decay * LOAD(w + at) - rate * acc[i][j], w + at);
        }
}

/* The step of MR inputs' weights, `rows` of them, to a panel's outputs, `columns` of them: of packed X and dZ. */
void step_tile(__local const float *left, const int step, const int rows, __local const float *panel,
               const int depth, const int columns, const int has_velocity, const int is_first,
               const int is_last, const float rate, const float momentum, const float penalty,
               const float decay, __global float *v, __global float *w)
{
    float tile[MR * NR];
    if (rows >= MR && columns >= NR && is_first && is_last) {
        multiply_descend(left, step, panel, depth, has_velocity, rate, momentum, penalty, decay, v, w);
        return;
    }
    multiply(left, MR, 1, step, panel, depth, columns, tile);
    for (int i = 0; i < min(MR, rows); i++)
        for (int j = 0; j < min(NR, columns); j += VW)
            descend(LOAD(tile + i * NR + j), columns - j, has_velocity, is_first, is_last, rate, momentum,
                    penalty, decay, v + i * NR + j, w + i * NR + j);
}

/* W's and b's step; b without a penalty. Without velocity, v and vb are not looked at. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_update(const int I, const int B, const int O, const int rows, const int columns, const int depth,
               const int has_velocity, const float rate, const float momentum, const float penalty,
               const float decay, __global const float *restrict X, __global const float *restrict dZ,
               __global float *restrict v, __global float *restrict W, __global float *restrict vb,
               __global float *restrict b, __local float *restrict pack)
{
    const int n0 = get_group_id(0) * columns, n_end = min(O, n0 + columns);
    const int m0 = get_group_id(1) * rows, m_end = min(I, m0 + rows);
    __local float *lefts = pack + columns * depth;
    for (int k0 = 0; k0 < B; k0 += depth) {
        const int kc = min(depth, B - k0);
        const bool is_first = k0 == 0, is_last = k0 + kc == B;
        pack_rows(dZ, O, n0, n_end - n0, k0, kc, pack);
        for (int n = n0; m0 == 0 && n < n_end; n += VW)
            descend_biases(column_sums(pack + (n - n0) / NR * NR * kc + (n - n0) % NR, kc), n_end - n,
                           has_velocity, is_first, is_last, rate, momentum, vb + n, b + n);
        for (int m = m0; m < m_end; m += MR) {
            if ((m - m0) % LEFT == 0)
                pack_left_columns(X, I, m, min(m + LEFT, m_end), k0, kc, LEFT, lefts);
            __local const float *left = lefts + (m - m0) % LEFT;
            for (int n = n0; n < n_end; n += NR) {
                const size_t at = (size_t)n * I + (size_t)m * NR, later = at + FETCH_TILES * MR * NR;
                fetch_stretch(W + later, MR * NR);
                if (has_velocity)
                    fetch_stretch(v + later, MR * NR);
                step_tile(left, LEFT, m_end - m, pack + (n - n0) * kc, kc, n_end - n, has_velocity, is_first,
                          is_last, rate, momentum, penalty, decay, v + (has_velocity ? at : 0), W + at);
            }
        }
    }
}

/* product_update of a batch of B rows, and product_forward of the next one, of next_B, panel by panel. `pack` holds
 * B (NR + STRETCH) + (next_B + LOW - 1) NR floats. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
update_forward(const int I, const int B, const int O, const int columns, const int has_velocity,
               const float rate, const float momentum, const float penalty, const float decay,
               const int next_B, const int is_relu, __global const float *restrict X,
               __global const float *restrict dZ, __global float *restrict v, __global float *restrict W,
               __global float *restrict vb, __global float *restrict b, __global const float *restrict next_X,
               __global float *restrict next_Y, __local float *restrict pack)
{
    const int n0 = get_group_id(0) * columns, n_end = min(O, n0 + columns);
    __local float *lefts = pack + B * NR, *z = lefts + B * STRETCH;
    float tile[MR * NR];
    for (int n = n0; n < n_end; n += NR) {
        const int width = min(NR, n_end - n);
        pack_rows(dZ, O, n, width, 0, B, pack);
        for (int j = 0; j < width; j += VW)
            descend_biases(column_sums(pack + j, B), width - j, has_velocity, true, true, rate, momentum,
                           vb + n + j, b + n + j);
        for (int i0 = 0; i0 < I; i0 += STRETCH) {
            const int end = min(I, i0 + STRETCH);
            pack_left_columns(X, I, i0, end, 0, B, STRETCH, lefts);
            for (int m = i0; m < end; m += MR) {
                const size_t at = (size_t)n * I + (size_t)m * NR, later = at + FETCH_TILES * MR * NR;
                if (!has_velocity) /* with it memory is the limit, and asking twice costs more than it saves */
                    fetch_stretch(W + later, MR * NR);
                step_tile(lefts + m - i0, STRETCH, end - m, pack, B, width, has_velocity, true, true, rate,
                          momentum, penalty, decay, v + (has_velocity ? at : 0), W + at);
            }
            for (int m = 0; m < next_B; m += LOW) {
                multiply_rows(next_X + (size_t)m * I + i0, LOW, next_B - m, I,
                              W + (size_t)n * I + (size_t)i0 * NR, end - i0, width, tile);
                for (int at = 0; at < LOW * NR; at += VW) {
                    __local float *to = z + m * NR + at;
                    STORE(i0 > 0 ? LOAD(to) + LOAD(tile + at) : LOAD(tile + at), to);
                }
            }
        }
        for (int m = 0; m < next_B; m++)
            for (int j = 0; j < width; j += VW)
                store_some(activate(LOAD(z + m * NR + j) + load_some(b + n + j, width - j), is_relu),
                           next_Y + (size_t)m * O + n + j, width - j);
    }
}
