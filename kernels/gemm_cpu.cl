/* The three products of a layer's step, for devices of type CPU: one work-item a work-group, tiles in registers.
 *
 *   product_forward    Y (B,O) = act(X (B,I) W (O,I)ᵀ + b)
 *   dot_forward        the same for a small B: along I, nothing packed, each row of W read once
 *   product_backward   dX (B,I) = (dZ (B,O) W (O,I)) * (Y > 0)
 *   product_gradient   dW (O,I) = dZ (B,O)ᵀ X (B,I) + penalty W, db (O) = Σ_B dZ
 *   product_update     the optimiser's step with those gradients, straight into W, b and their velocities
 *
 * The host gives by -D: VW floats of a vector, MR x NV vectors of a tile, DOT_MR x DOT_NV of dot_forward's tile, LEFT rows
 * of the left-hand matrix packed at once, and PREFETCH where the compiler knows __builtin_prefetch. Products are written
 * a * b + c, which becomes one instruction where there is one; fma() would be a slow function where there is none.
 *
 * A work-group owns `rows` rows and `columns` columns of the result. It goes along the sum in blocks of `depth`: packs
 * that part of the right-hand matrix into panels, each NR = NV VW columns wide, panel[k][n]; then, tile by tile of
 * its rows, packs the left-hand matrix, and multiplies it by one panel after the other. So what it reads and
 * writes of a large matrix lies in long stretches, and what it reads often lies together. `pack` holds (columns +
 * LEFT) depth floats. Sums run in a fixed order: same bits always.
 */
#ifndef VW
#define VW     8
#define MR     4
#define NV     3
#define DOT_MR 5
#define DOT_NV 2
#define LEFT   (8 * MR)
#endif
#define FETCH_ROWS 8  /* how many rows ahead of pack_rows' memory is asked for; */
#define FETCH_LEFT 2  /* of pack_left_rows', whose rows are long; */
#define FETCH_DEEP 32 /* and of pack_left_columns', whose rows are short */
#define NR         (NV * VW)

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

/* panel[k][n] = right[n0 + n][k0 + k] of a matrix (N,K); where n is outside, the last column again. */
void pack_columns(__global const float *right, const int K, const int n0, const int columns, const int k0,
                  const int depth, __local float *pack)
{
    for (int n = 0; n < (columns + NR - 1) / NR * NR; n += VW) {
        __local float *to = pack + n / NR * depth * NR + n % NR;
        __global const float *from[VW];
#pragma unroll
        for (int i = 0; i < VW; i++)
            from[i] = right + (size_t)(n0 + min(n + i, columns - 1)) * K + k0;
        for (int k = 0; k < depth; k += VW) {
            VECTOR v[VW], other[VW];
            const int count = min(VW, depth - k);
#pragma unroll
            for (int i = 0; i < VW; i++) {
                FETCH(from[i] + k + (size_t)VW * K);
                v[i] = load_some(from[i] + k, count);
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
                if (i < count)
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

/* left[k][i] = matrix[k0 + k][m + i] of a matrix (K,M), zero where m + i is outside; rows of LEFT floats */
void pack_left_columns(__global const float *matrix, const int M, const int m, const int end, const int k0,
                       const int depth, __local float *left)
{
    for (int k = 0; k < depth; k++) {
        __global const float *from = matrix + (size_t)(k0 + k) * M + m;
        for (int i = 0; i < LEFT; i += VW) {
            FETCH(from + FETCH_DEEP * (size_t)M + i);
            STORE(load_some(from + i, max(0, end - m - i)), left + k * LEFT + i);
        }
    }
}

/* tile[i][n] = Σ_k left[i row_step + k step] panel[k][n] over k < depth */
void multiply(__local const float *left, const int row_step, const int step, __local const float *panel,
              const int depth, float *tile)
{
    VECTOR acc[MR][NV];
#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
        for (int j = 0; j < NV; j++)
            acc[i][j] = (VECTOR)(0.0f);
    for (int k = 0; k < depth; k++) {
        VECTOR right[NV];
#pragma unroll
        for (int j = 0; j < NV; j++)
            right[j] = LOAD(panel + k * NR + j * VW);
#pragma unroll
        for (int i = 0; i < MR; i++) {
            const VECTOR value = (VECTOR)(left[i * row_step + k * step]);
#pragma unroll
            for (int j = 0; j < NV; j++)
                acc[i][j] += value * right[j];
        }
    }
#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
        for (int j = 0; j < NV; j++)
            STORE(acc[i][j], tile + i * NR + j * VW);
}

/* The same where at most a vector of the panel is wanted: its first. */
void multiply_first(__local const float *left, const int row_step, const int step, __local const float *panel,
                    const int depth, float *tile)
{
    VECTOR acc[MR];
#pragma unroll
    for (int i = 0; i < MR; i++)
        acc[i] = (VECTOR)(0.0f);
    for (int k = 0; k < depth; k++) {
        const VECTOR right = LOAD(panel + k * NR);
#pragma unroll
        for (int i = 0; i < MR; i++)
            acc[i] += (VECTOR)(left[i * row_step + k * step]) * right;
    }
#pragma unroll
    for (int i = 0; i < MR; i++)
        STORE(acc[i], tile + i * NR);
}

void multiply_columns(__local const float *left, const int row_step, const int step,
                      __local const float *panel, const int depth, const int columns, float *tile)
{
    if (columns > VW)
        multiply(left, row_step, step, panel, depth, tile);
    else
        multiply_first(left, row_step, step, panel, depth, tile);
}

/* ---- the products: what follows runs in rolled loops over the stored tile, which compile fast ---- */

/* act(z + b); relu is written so that a NaN survives. */
VECTOR activate(const VECTOR z, const int is_relu)
{
    return is_relu ? select(z, (VECTOR)(0.0f), z < (VECTOR)(0.0f)) : z;
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_forward(const int B, const int I, const int O, const int rows, const int columns, const int depth,
                const int is_relu, __global const float *restrict X, __global const float *restrict W,
                __global const float *restrict b, __global float *restrict Y, __local float *restrict pack)
{
    const int n0 = get_group_id(0) * columns, n_end = min(O, n0 + columns);
    const int m0 = get_group_id(1) * rows, m_end = min(B, m0 + rows);
    __local float *lefts = pack + columns * depth;
    float tile[MR * NR];
    for (int k0 = 0; k0 < I; k0 += depth) {
        const int kc = min(depth, I - k0);
        pack_columns(W, I, n0, n_end - n0, k0, kc, pack);
        for (int m = m0; m < m_end; m += MR) {
            if ((m - m0) % LEFT == 0)
                pack_left_rows(X, I, m, min(m + LEFT, m_end), k0, kc, lefts);
            __local const float *left = lefts + (m - m0) % LEFT * kc;
            for (int n = n0; n < n_end; n += NR) {
                multiply_columns(left, kc, 1, pack + (n - n0) * kc, kc, n_end - n, tile);
                for (int i = 0; i < min(MR, m_end - m); i++)
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
}

/* The sum of a vector's floats, in a fixed tree. */
float add_up(const VECTOR v)
{
#if VW == 16
    const float8 eighth = v.lo + v.hi;
    const float4 fourth = eighth.lo + eighth.hi;
#elif VW == 8
    const float4 fourth = v.lo + v.hi;
#else
    const float4 fourth = v;
#endif
    const float2 pair = fourth.lo + fourth.hi;
    return pair.x + pair.y;
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
dot_forward(const int B, const int I, const int O, const int columns, const int is_relu,
            __global const float *restrict X, __global const float *restrict W,
            __global const float *restrict b, __global float *restrict Y)
{
    const int begin = get_group_id(0) * columns, end = min(O, begin + columns);
    const int whole = I / VW * VW, rest = I - whole;
    for (int n = begin; n < end; n += DOT_NV)
        for (int m = 0; m < B; m += DOT_MR) {
            VECTOR acc[DOT_MR][DOT_NV];
            size_t x[DOT_MR], w[DOT_NV];
            const size_t ahead = m == 0 ? (size_t)DOT_NV * I : 0;
#pragma unroll
            for (int i = 0; i < DOT_MR; i++)
                x[i] = (size_t)min(m + i, B - 1) * I;
#pragma unroll
            for (int j = 0; j < DOT_NV; j++)
                w[j] = (size_t)min(n + j, end - 1) * I;
#pragma unroll
            for (int i = 0; i < DOT_MR; i++)
#pragma unroll
                for (int j = 0; j < DOT_NV; j++)
                    acc[i][j] = (VECTOR)(0.0f);
            for (int k = 0; k < whole; k += VW) {
                VECTOR right[DOT_NV];
#pragma unroll
                for (int j = 0; j < DOT_NV; j++) {
                    FETCH(W + w[j] + k + ahead);
                    right[j] = LOAD(W + w[j] + k);
                }
#pragma unroll
                for (int i = 0; i < DOT_MR; i++) {
                    const VECTOR left = LOAD(X + x[i] + k);
#pragma unroll
                    for (int j = 0; j < DOT_NV; j++)
                        acc[i][j] += left * right[j];
                }
            }
            float sums[DOT_MR * DOT_NV * VW];
#pragma unroll
            for (int i = 0; i < DOT_MR; i++)
#pragma unroll
                for (int j = 0; j < DOT_NV; j++)
                    STORE(acc[i][j], sums + (i * DOT_NV + j) * VW);
            for (int i = 0; i < min(DOT_MR, B - m); i++)
                for (int j = 0; j < min(DOT_NV, end - n); j++) {
                    VECTOR sum = LOAD(sums + (i * DOT_NV + j) * VW);
                    if (rest > 0)
                        sum += load_some(X + x[i] + whole, rest) * load_some(W + w[j] + whole, rest);
                    const float z = add_up(sum) + b[n + j];
                    Y[(size_t)(m + i) * O + n + j] = is_relu && z < 0.0f ? 0.0f : z;
                }
        }
}

/* dX * (Y > 0); where Y is NaN the derivative is unknown: NaN. */
VECTOR mask(const VECTOR dX, const VECTOR Y)
{
    return select(select((VECTOR)(0.0f), Y, isnan(Y)), dX, Y > (VECTOR)(0.0f));
}

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
        pack_rows(W, I, n0, n_end - n0, k0, kc, pack);
        for (int m = m0; m < m_end; m += MR) {
            if ((m - m0) % LEFT == 0)
                pack_left_rows(dZ, O, m, min(m + LEFT, m_end), k0, kc, lefts);
            __local const float *left = lefts + (m - m0) % LEFT * kc;
            for (int n = n0; n < n_end; n += NR) {
                multiply_columns(left, kc, 1, pack + (n - n0) * kc, kc, n_end - n, tile);
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

/* The sums over k of rows of packed dZ, left[k][i], in the order of k. */
void left_sums(__local const float *left, const int depth, float *sums)
{
    for (int i = 0; i < LEFT; i += VW) {
        VECTOR sum = (VECTOR)(0.0f);
        for (int k = 0; k < depth; k++)
            sum += LOAD(left + k * LEFT + i);
        STORE(sum, sums + i);
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_gradient(const int O, const int B, const int I, const int rows, const int columns, const int depth,
                 const float penalty, __global const float *restrict dZ, __global const float *restrict X,
                 __global const float *restrict W, __global float *restrict dW, __global float *restrict db,
                 __local float *restrict pack)
{
    const int n0 = get_group_id(0) * columns, n_end = min(I, n0 + columns);
    const int m0 = get_group_id(1) * rows, m_end = min(O, m0 + rows);
    __local float *lefts = pack + columns * depth;
    float tile[MR * NR], sums[LEFT];
    for (int k0 = 0; k0 < B; k0 += depth) {
        const int kc = min(depth, B - k0);
        pack_rows(X, I, n0, n_end - n0, k0, kc, pack);
        for (int m = m0; m < m_end; m += MR) {
            if ((m - m0) % LEFT == 0) {
                pack_left_columns(dZ, O, m, min(m + LEFT, m_end), k0, kc, lefts);
                if (n0 == 0) {
                    left_sums(lefts, kc, sums);
                    for (int i = m; i < min(m + LEFT, m_end); i++)
                        db[i] = sums[i - m] + (k0 > 0 ? db[i] : 0.0f);
                }
            }
            __local const float *left = lefts + (m - m0) % LEFT;
            for (int n = n0; n < n_end; n += NR) {
                multiply_columns(left, 1, LEFT, pack + (n - n0) * kc, kc, n_end - n, tile);
                for (int i = 0; i < min(MR, m_end - m); i++)
                    for (int j = 0; j < min(NR, n_end - n); j += VW) {
                        const int count = n_end - n - j;
                        const size_t to = (size_t)(m + i) * I + n + j;
                        VECTOR d = LOAD(tile + i * NR + j);
                        if (k0 > 0)
                            d += load_some(dW + to, count);
                        if (penalty != 0.0f && k0 + kc == B)
                            d += penalty * load_some(W + to, count);
                        store_some(d, dW + to, count);
                    }
            }
        }
    }
}

/* The optimiser's step of `count` weights from their gradient, or from one block's part of it. */
void descend(const VECTOR d, const int count, const int is_first, const float rate, const float decay,
             __global float *w)
{
    const VECTOR weight = load_some(w, count);
    store_some((is_first ? decay * weight : weight) - rate * d, w, count);
}

void roll(const VECTOR d, const int count, const int is_first, const int is_last, const float rate,
          const float momentum, const float penalty, __global float *v, __global float *w)
{
    VECTOR velocity = load_some(v, count);
    velocity = is_first ? momentum * velocity + d : velocity + d;
    if (is_last) {
        const VECTOR weight = load_some(w, count);
        velocity += penalty * weight;
        store_some(weight - rate * velocity, w, count);
    }
    store_some(velocity, v, count);
}

void step_bias(const float d, const int has_velocity, const int is_first, const int is_last, const float rate,
               const float momentum, __global float *v, __global float *b)
{
    if (!has_velocity) {
        *b -= rate * d;
        return;
    }
    const float velocity = is_first ? momentum * *v + d : *v + d;
    *v = velocity;
    if (is_last)
        *b -= rate * velocity;
}

/* has_velocity: v = momentum v + dW + penalty W, W -= rate v; else W = decay W - rate dW, decay = 1 - rate penalty.
 * b likewise, with its velocity vb and without a penalty. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_update(const int O, const int B, const int I, const int rows, const int columns, const int depth,
               const int has_velocity, const float rate, const float momentum, const float penalty,
               const float decay, __global const float *restrict dZ, __global const float *restrict X,
               __global float *restrict v, __global float *restrict W, __global float *restrict vb,
               __global float *restrict b, __local float *restrict pack)
{
    const int n0 = get_group_id(0) * columns, n_end = min(I, n0 + columns);
    const int m0 = get_group_id(1) * rows, m_end = min(O, m0 + rows);
    __local float *lefts = pack + columns * depth;
    float tile[MR * NR], sums[LEFT];
    for (int k0 = 0; k0 < B; k0 += depth) {
        const int kc = min(depth, B - k0);
        const bool is_first = k0 == 0, is_last = k0 + kc == B;
        pack_rows(X, I, n0, n_end - n0, k0, kc, pack);
        for (int m = m0; m < m_end; m += MR) {
            if ((m - m0) % LEFT == 0) {
                pack_left_columns(dZ, O, m, min(m + LEFT, m_end), k0, kc, lefts);
                if (n0 == 0) {
                    left_sums(lefts, kc, sums);
                    for (int i = m; i < min(m + LEFT, m_end); i++)
                        step_bias(sums[i - m], has_velocity, is_first, is_last, rate, momentum, vb + i,
                                  b + i);
                }
            }
            __local const float *left = lefts + (m - m0) % LEFT;
            for (int n = n0; n < n_end; n += NR) {
                for (int i = 0; i < MR; i++)
#pragma unroll
                    for (int j = 0; j < NV; j++) {
                        const size_t at = (size_t)(m + MR + i) * I + n + j * VW;
                        FETCH(W + at);
                        if (has_velocity)
                            FETCH(v + at);
                    }
                multiply_columns(left, 1, LEFT, pack + (n - n0) * kc, kc, n_end - n, tile);
                for (int i = 0; i < min(MR, m_end - m); i++) {
                    const size_t to = (size_t)(m + i) * I + n;
                    if (n + NR <= n_end) {
#pragma unroll
                        for (int j = 0; j < NR; j += VW)
                            if (has_velocity)
                                roll(LOAD(tile + i * NR + j), VW, is_first, is_last, rate, momentum, penalty,
                                     v + to + j, W + to + j);
                            else
                                descend(LOAD(tile + i * NR + j), VW, is_first, rate, decay, W + to + j);
                    } else
                        for (int j = 0; j < n_end - n; j += VW)
                            if (has_velocity)
                                roll(LOAD(tile + i * NR + j), n_end - n - j, is_first, is_last, rate,
                                     momentum, penalty, v + to + j, W + to + j);
                            else
                                descend(LOAD(tile + i * NR + j), n_end - n - j, is_first, rate, decay,
                                        W + to + j);
                }
            }
        }
    }
}
