/* The three products of a layer's step, for devices of type CPU: one work-item a work-group, tiles in registers.
 *
 *   product_forward    Y (B,O) = act(X (B,I) W (O,I)ᵀ + b)      packs W's rows, transposed
 *   dot_forward        the same for small B: along I, nothing packed, W read once
 *   product_backward   dX (B,I) = (dZ (B,O) W (O,I)) * (Y > 0)
 *   product_gradient   dW (O,I) = dZ (B,O)ᵀ X (B,I) + penalty W
 *   product_update     the optimiser's step with that gradient, straight into W and its velocity
 *
 * The host gives by -D: VW floats of a vector, MR x NV vectors of a tile, DOT_MR x DOT_NV of dot_forward's tile. A
 * work-group owns NR = NV VW columns of the result and a range of its rows, and goes along the sum in blocks of `depth`,
 * whose part of the right-hand matrix it packs into local memory. Sums run in a fixed order: same bits always.
 */
#ifndef VW
#define VW     8
#define MR     4
#define NV     3
#define DOT_MR 5
#define DOT_NV 2
#endif
#define NR (NV * VW)

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define VECTOR      JOIN(float, VW)
#define LOAD(p)     JOIN(vload, VW)(0, p)
#define STORE(v, p) JOIN(vstore, VW)(v, 0, p)

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

/* acc[i][j] += Σ_k A[at[i] + k stride] panel[k][j] over k < depth: the registers' tile. */
#define MULTIPLY(acc, A, at, stride, panel, depth)                                                           \
    for (int k = 0; k < depth; k++) {                                                                        \
        VECTOR right[NV];                                                                                    \
        _Pragma("unroll") for (int j = 0; j < NV; j++) right[j] = LOAD(panel + k * NR + j * VW);             \
        _Pragma("unroll") for (int i = 0; i < MR; i++)                                                       \
        {                                                                                                    \
            const VECTOR value = (VECTOR)(A[at[i] + (size_t)k * stride]);                                    \
            _Pragma("unroll") for (int j = 0; j < NV; j++) acc[i][j] = fma(value, right[j], acc[i][j]);      \
        }                                                                                                    \
    }

/* Rows m … m + MR - 1 of the left matrix, `step` floats apart; those behind the last row repeat it and are not stored. */
#define LEFT_ROWS(at, m, last, step)                                                                         \
    size_t at[MR];                                                                                           \
    _Pragma("unroll") for (int i = 0; i < MR; i++) at[i] = (size_t)min(m + i, last) * step;

#define CLEAR(acc)                                                                                           \
    _Pragma("unroll") for (int i = 0; i < MR; i++) _Pragma("unroll") for (int j = 0; j < NV; j++)            \
        acc[i][j] = (VECTOR)(0.0f);

/* The registers' tile as an array, for the rolled loops behind the product: they take no time, and compile fast. */
#define KEEP(acc, tile)                                                                                      \
    _Pragma("unroll") for (int i = 0; i < MR; i++) _Pragma("unroll") for (int j = 0; j < NV; j++)            \
        STORE(acc[i][j], tile + i * NR + j * VW);

/* panel[k][n] = right[k][n0 + n] of a matrix (K,N), zero where n0 + n is outside. */
void pack_rows(__global const float *right, const int N, const int n0, const int k0, const int depth,
               __local float *panel)
{
    const int count = min(NR, N - n0);
    for (int k = 0; k < depth; k++) {
        __global const float *from = right + (size_t)(k0 + k) * N + n0;
        for (int j = 0; j < NV; j++)
            STORE(load_some(from + j * VW, count - j * VW), panel + k * NR + j * VW);
    }
}

/* panel[k][n] = right[n0 + n][k] of a matrix (N,K), zero where n0 + n is outside. */
void pack_columns(__global const float *right, const int N, const int K, const int n0, const int k0,
                  const int depth, __local float *panel)
{
    for (int n = 0; n < NR; n++) {
        __global const float *from = right + (size_t)min(n0 + n, N - 1) * K + k0;
        const bool is_inside = n0 + n < N;
        for (int k = 0; k < depth; k++)
            panel[k * NR + n] = is_inside ? from[k] : 0.0f;
    }
}

/* act(z + b); relu is written so that a NaN survives. */
VECTOR activate(const VECTOR z, const int is_relu)
{
    return is_relu ? select(z, (VECTOR)(0.0f), z < (VECTOR)(0.0f)) : z;
}

/* dX * (Y > 0); where Y is NaN the derivative is unknown: NaN. */
VECTOR mask(const VECTOR dX, const VECTOR Y)
{
    return select(select((VECTOR)(0.0f), Y, isnan(Y)), dX, Y > (VECTOR)(0.0f));
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_forward(const int B, const int I, const int O, const int rows, const int depth, const int is_relu,
                __global const float *restrict X, __global const float *restrict W,
                __global const float *restrict b, __global float *restrict Y, __local float *restrict panel)
{
    const int n0 = get_group_id(0) * NR, begin = get_group_id(1) * rows, end = min(B, begin + rows);
    for (int k0 = 0; k0 < I; k0 += depth) {
        const int kc = min(depth, I - k0);
        pack_columns(W, O, I, n0, k0, kc, panel);
        for (int m = begin; m < end; m += MR) {
            VECTOR acc[MR][NV];
            CLEAR(acc)
            LEFT_ROWS(at, m, end - 1, I)
            __global const float *left = X + k0;
            MULTIPLY(acc, left, at, 1, panel, kc)
            float tile[MR * NR];
            KEEP(acc, tile)
            for (int i = 0; i < min(MR, end - m); i++)
                for (int j = 0; j < NV && n0 + j * VW < O; j++) {
                    const int count = O - n0 - j * VW;
                    const size_t to = (size_t)(m + i) * O + n0 + j * VW;
                    VECTOR z = LOAD(tile + i * NR + j * VW);
                    if (k0 > 0)
                        z += load_some(Y + to, count);
                    if (k0 + kc == I)
                        z = activate(z + load_some(b + n0 + j * VW, count), is_relu);
                    store_some(z, Y + to, count);
                }
        }
    }
}

/* The sum of a vector's floats, in a fixed tree. */
float add_up(const VECTOR v)
{
    float values[VW];
    STORE(v, values);
    for (int distance = VW / 2; distance > 0; distance /= 2)
        for (int i = 0; i < distance; i++)
            values[i] += values[i + distance];
    return values[0];
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
dot_forward(const int B, const int I, const int O, const int columns, const int is_relu,
            __global const float *restrict X, __global const float *restrict W,
            __global const float *restrict b, __global float *restrict Y)
{
    const int begin = get_group_id(0) * columns, end = min(O, begin + columns), whole = I / VW * VW;
    for (int n = begin; n < end; n += DOT_NV)
        for (int m = 0; m < B; m += DOT_MR) {
            VECTOR acc[DOT_MR][DOT_NV];
            size_t x[DOT_MR], w[DOT_NV];
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
                for (int j = 0; j < DOT_NV; j++)
                    right[j] = LOAD(W + w[j] + k);
#pragma unroll
                for (int i = 0; i < DOT_MR; i++) {
                    const VECTOR left = LOAD(X + x[i] + k);
#pragma unroll
                    for (int j = 0; j < DOT_NV; j++)
                        acc[i][j] = fma(left, right[j], acc[i][j]);
                }
            }
            float sums[DOT_MR * DOT_NV * VW];
#pragma unroll
            for (int i = 0; i < DOT_MR; i++)
#pragma unroll
                for (int j = 0; j < DOT_NV; j++)
                    STORE(acc[i][j], sums + (i * DOT_NV + j) * VW);
            const int rest = I - whole;
            for (int i = 0; i < min(DOT_MR, B - m); i++)
                for (int j = 0; j < min(DOT_NV, end - n); j++) {
                    VECTOR sum = LOAD(sums + (i * DOT_NV + j) * VW);
                    if (rest > 0)
                        sum = fma(load_some(X + x[i] + whole, rest), load_some(W + w[j] + whole, rest), sum);
                    const float z = add_up(sum) + b[n + j];
                    Y[(size_t)(m + i) * O + n + j] = is_relu && z < 0.0f ? 0.0f : z;
                }
        }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_backward(const int B, const int O, const int I, const int rows, const int depth, const int is_masked,
                 __global const float *restrict dZ, __global const float *restrict W,
                 __global const float *restrict Y, __global float *restrict dX, __local float *restrict panel)
{
    const int n0 = get_group_id(0) * NR, begin = get_group_id(1) * rows, end = min(B, begin + rows);
    for (int k0 = 0; k0 < O; k0 += depth) {
        const int kc = min(depth, O - k0);
        pack_rows(W, I, n0, k0, kc, panel);
        for (int m = begin; m < end; m += MR) {
            VECTOR acc[MR][NV];
            CLEAR(acc)
            LEFT_ROWS(at, m, end - 1, O)
            __global const float *left = dZ + k0;
            MULTIPLY(acc, left, at, 1, panel, kc)
            float tile[MR * NR];
            KEEP(acc, tile)
            for (int i = 0; i < min(MR, end - m); i++)
                for (int j = 0; j < NV && n0 + j * VW < I; j++) {
                    const int count = I - n0 - j * VW;
                    const size_t to = (size_t)(m + i) * I + n0 + j * VW;
                    VECTOR d = LOAD(tile + i * NR + j * VW);
                    if (k0 > 0)
                        d += load_some(dX + to, count);
                    if (is_masked && k0 + kc == O)
                        d = mask(d, load_some(Y + to, count));
                    store_some(d, dX + to, count);
                }
        }
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_gradient(const int O, const int B, const int I, const int rows, const int depth, const float penalty,
                 __global const float *restrict dZ, __global const float *restrict X,
                 __global const float *restrict W, __global float *restrict dW, __local float *restrict panel)
{
    const int n0 = get_group_id(0) * NR, begin = get_group_id(1) * rows, end = min(O, begin + rows);
    for (int k0 = 0; k0 < B; k0 += depth) {
        const int kc = min(depth, B - k0);
        pack_rows(X, I, n0, k0, kc, panel);
        for (int m = begin; m < end; m += MR) {
            VECTOR acc[MR][NV];
            CLEAR(acc)
            LEFT_ROWS(at, m, end - 1, 1)
            __global const float *left = dZ + (size_t)k0 * O;
            MULTIPLY(acc, left, at, O, panel, kc)
            float tile[MR * NR];
            KEEP(acc, tile)
            for (int i = 0; i < min(MR, end - m); i++)
                for (int j = 0; j < NV && n0 + j * VW < I; j++) {
                    const int count = I - n0 - j * VW;
                    const size_t to = (size_t)(m + i) * I + n0 + j * VW;
                    VECTOR d = LOAD(tile + i * NR + j * VW);
                    if (k0 > 0)
                        d += load_some(dW + to, count);
                    if (penalty != 0.0f && k0 + kc == B)
                        d = fma((VECTOR)(penalty), load_some(W + to, count), d);
                    store_some(d, dW + to, count);
                }
        }
    }
}

/* has_velocity: v = momentum v + dW + penalty W, W -= rate v; else W = decay W - rate dW, decay = 1 - rate penalty. */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
product_update(const int O, const int B, const int I, const int rows, const int depth, const int has_velocity,
               const float rate, const float momentum, const float penalty, const float decay,
               __global const float *restrict dZ, __global const float *restrict X,
               __global float *restrict v, __global float *restrict W, __local float *restrict panel)
{
    const int n0 = get_group_id(0) * NR, begin = get_group_id(1) * rows, end = min(O, begin + rows);
    for (int k0 = 0; k0 < B; k0 += depth) {
        const int kc = min(depth, B - k0);
        const bool is_first = k0 == 0, is_last = k0 + kc == B;
        pack_rows(X, I, n0, k0, kc, panel);
        for (int m = begin; m < end; m += MR) {
            VECTOR acc[MR][NV];
            CLEAR(acc)
            LEFT_ROWS(at, m, end - 1, 1)
            __global const float *left = dZ + (size_t)k0 * O;
            MULTIPLY(acc, left, at, O, panel, kc)
            float tile[MR * NR];
            KEEP(acc, tile)
            for (int i = 0; i < min(MR, end - m); i++)
                for (int j = 0; j < NV && n0 + j * VW < I; j++) {
                    const int count = I - n0 - j * VW;
                    const size_t to = (size_t)(m + i) * I + n0 + j * VW;
                    const VECTOR d = LOAD(tile + i * NR + j * VW);
                    if (has_velocity) {
                        VECTOR velocity = load_some(v + to, count);
                        velocity = is_first ? fma((VECTOR)(momentum), velocity, d) : velocity + d;
                        if (is_last) {
                            const VECTOR weight = load_some(W + to, count);
                            velocity = fma((VECTOR)(penalty), weight, velocity);
                            store_some(fma((VECTOR)(-rate), velocity, weight), W + to, count);
                        }
                        store_some(velocity, v + to, count);
                    } else {
                        const VECTOR weight = load_some(W + to, count);
                        store_some(fma((VECTOR)(-rate), d, is_first ? decay * weight : weight), W + to,
                                   count);
                    }
                }
        }
    }
}
