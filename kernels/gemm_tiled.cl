/* The three products of a layer's step, for devices whose work-groups share fast local memory: mostly GPUs.
 *
 *   tiled_forward        Y (B,O) = act(X (B,I) W (O,I)ᵀ + b)
 *   tiled_dot_forward    the same for a small B: a whole group reads each row of W along I
 *   tiled_backward       dX (B,I) = (dZ (B,O) W (O,I)) * act'
 *   tiled_gradient       dW (O,I) = dZ (B,O)ᵀ X (B,I) + penalty W, db (O) = Σ_B dZ
 *   tiled_update         the optimiser's step with those gradients, straight into W, b and their states
 *   tiled_sum_forward, tiled_sum_backward    add the parts of a sum that was cut into slices, in order
 *
 * The host gives by -D: ITEMS_M x ITEMS_N work-items of a group; QUADS_M x QUADS_N quads of 4, for an item's
 * rows and columns; DEPTH terms of the sum in local memory at once (a multiple of 4); LANES items of a group
 * of tiled_dot_forward (a power of two). Products are written a * b + c, to become one instruction.
 *
 * A work-group owns a tile (TILE_M,TILE_N) of the result R (M,N) = left (M,K) right (K,N). In steps of DEPTH
 * it copies a part of both matrices to local memory, left[k][m] and right[k][n], zero beyond a matrix's end.
 * Then each item multiplies what its rows and columns need; the sums stay in registers. An item's quads lie
 * one tile of items apart, so that neighbours use neighbouring quads. Sums have a fixed order: always the
 * same bits.
 */
#ifndef DEPTH
#define ITEMS_M 8
#define ITEMS_N 8
#define QUADS_M 1
#define QUADS_N 1
#define DEPTH   16
#define LANES   64
#endif

#define ITEMS  (ITEMS_M * ITEMS_N)
#define ROWS   (4 * QUADS_M) /* of an item */
#define TILE_M (ROWS * ITEMS_M)
#define TILE_N (4 * QUADS_N * ITEMS_N)
/* Quads of a tile's row in local memory: one more than used, against bank conflicts. */
#define WIDE_M (TILE_M / 4 + 1)
#define WIDE_N (TILE_N / 4 + 1)
/* Rows of left that an item adds up for the bias, at most. */
#define SUMS ((TILE_M + ITEMS - 1) / ITEMS)

#define DOT_ROWS    8 /* of X, and */
#define DOT_COLUMNS 4 /* of Y, that a group of tiled_dot_forward takes at once */

#define GROUP(items) __attribute__((reqd_work_group_size(items, 1, 1)))

/* ---- quads of a row: `count` floats exist, perhaps none; is_aligned if rows are whole quads ---- */

float4 load_quad(__global const float *p, const int count, const int is_aligned)
{
    if (is_aligned && count >= 4)
        return *(__global const float4 *)p;
    return (float4)(count > 0 ? p[0] : 0.0f, count > 1 ? p[1] : 0.0f, count > 2 ? p[2] : 0.0f,
                    count > 3 ? p[3] : 0.0f);
}

void store_quad(const float4 quad, __global float *p, const int count, const int is_aligned)
{
    if (is_aligned && count >= 4) {
        *(__global float4 *)p = quad;
        return;
    }
    if (count > 0)
        p[0] = quad.x;
    if (count > 1)
        p[1] = quad.y;
    if (count > 2)
        p[2] = quad.z;
    if (count > 3)
        p[3] = quad.w;
}

/* ---- a step's part of a matrix to local memory ---- */

/* tile[k][r] = matrix[r0 + r][k0 + k] of a matrix (R,K) if k0 + k < end, else zero. A row of the tile has
 * `wide` quads; the last is unused. */
void load_rows(__global const float *matrix, const int R, const int K, const int r0, const int k0,
               const int end, const int wide, __local float4 *tile)
{
    __local float *to = (__local float *)tile;
    for (int v = get_local_id(0); v < (wide - 1) * DEPTH; v += ITEMS) {
        const int r = v / (DEPTH / 4), k = v % (DEPTH / 4) * 4;
        const int count = r0 + r < R ? end - k0 - k : 0;
        const float4 quad = load_quad(matrix + (size_t)(r0 + r) * K + k0 + k, count, K % 4 == 0);
        to[(k + 0) * 4 * wide + r] = quad.x;
        to[(k + 1) * 4 * wide + r] = quad.y;
        to[(k + 2) * 4 * wide + r] = quad.z;
        to[(k + 3) * 4 * wide + r] = quad.w;
    }
}

/* tile[k][r] = matrix[k0 + k][r0 + r] of a matrix (K,R), in the same way. */
void load_columns(__global const float *matrix, const int R, const int r0, const int k0, const int end,
                  const int wide, __local float4 *tile)
{
    for (int v = get_local_id(0); v < (wide - 1) * DEPTH; v += ITEMS) {
        const int k = v / (wide - 1), r = v % (wide - 1);
        const int count = k0 + k < end ? R - r0 - 4 * r : 0;
        tile[k * wide + r] = load_quad(matrix + (size_t)(k0 + k) * R + r0 + 4 * r, count, R % 4 == 0);
    }
}

/* ---- multiplying in registers ---- */

int item_m(void)
{
    return get_local_id(0) / ITEMS_N;
}

int item_n(void)
{
    return get_local_id(0) % ITEMS_N;
}

/* The result's row and column for an item's row i and quad q. */
int row_of(const int i)
{
    return get_group_id(1) * TILE_M + (i / 4 * ITEMS_M + item_m()) * 4 + i % 4;
}

int column_of(const int q)
{
    return get_group_id(0) * TILE_N + (q * ITEMS_N + item_n()) * 4;
}

/* For each row i and quad q of an item. */
#define FOR_QUADS(i, q)                                                                                      \
    _Pragma("unroll") for (int i = 0; i < ROWS; i++) _Pragma("unroll") for (int q = 0; q < QUADS_N; q++)

/* acc[i][q] += Σ_k left[k][row i] right[k][quad q] */
void multiply(__local const float4 *left, __local const float4 *right, float4 (*acc)[QUADS_N])
{
    for (int k = 0; k < DEPTH; k++) {
        float values[ROWS];
        float4 quads[QUADS_N];
#pragma unroll
        for (int q = 0; q < QUADS_M; q++)
            vstore4(left[k * WIDE_M + q * ITEMS_M + item_m()], q, values);
#pragma unroll
        for (int q = 0; q < QUADS_N; q++)
            quads[q] = right[k * WIDE_N + q * ITEMS_N + item_n()];
        FOR_QUADS(i, q)
        acc[i][q] += values[i] * quads[q];
    }
}

void clear(float4 (*acc)[QUADS_N])
{
    FOR_QUADS(i, q)
    acc[i][q] = (float4)(0.0f);
}

/* sums[s][0] = Σ sums[s][lane] for every s < count, in a fixed tree. */
void add_lanes(__local float *sums, const int count)
{
    const int lane = get_local_id(0);
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < distance)
            for (int s = 0; s < count; s++)
                sums[s * LANES + lane] += sums[s * LANES + lane + distance];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

#if defined(ACTIVATION) && !defined(RULE)
/* ---- Y = act(X Wᵀ + b) ---- */

/* If the sum is cut, each slice takes `depth` of its terms, and Y holds the parts: (slices,B,O). */
__kernel GROUP(ITEMS) void tiled_forward(const int B, const int I, const int O, const int depth,
                                         const int saves_gate, __global const float *restrict X,
                                         __global const float *restrict W, __global const float *restrict b,
                                         __global float *restrict Y, __global float *restrict gate)
{
    __local float4 left[DEPTH * WIDE_M], right[DEPTH * WIDE_N];
    const int m0 = get_group_id(1) * TILE_M, n0 = get_group_id(0) * TILE_N, slice = get_group_id(2);
    const int begin = slice * depth, end = min(I, begin + depth), is_cut = get_num_groups(2) > 1;
    float4 acc[ROWS][QUADS_N];
    clear(acc);
    for (int k0 = begin; k0 < end; k0 += DEPTH) {
        load_rows(X, B, I, m0, k0, end, WIDE_M, left);
        load_rows(W, O, I, n0, k0, end, WIDE_N, right);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(left, right, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    FOR_QUADS(i, q)
    {
        const int m = row_of(i), n = column_of(q), count = m < B ? O - n : 0;
        __global float *y = Y + ((size_t)slice * B + m) * O + n;
        if (is_cut) {
            store_quad(acc[i][q], y, count, O % 4 == 0);
            continue;
        }
        const float4 z = acc[i][q] + load_quad(b + n, count, 1);
#ifdef GATE
        if (saves_gate)
            store_quad(GATE(float4, z), gate + (size_t)m * O + n, count, O % 4 == 0);
#endif
        store_quad(ACT(float4, z), y, count, O % 4 == 0);
    }
}

/* parts (slices,B,O) */
__kernel GROUP(LANES) void tiled_sum_forward(const int slices, const int B, const int O, const int saves_gate,
                                             __global const float *restrict parts,
                                             __global const float *restrict b, __global float *restrict Y,
                                             __global float *restrict gate)
{
    const size_t at = get_global_id(0), count = (size_t)B * O;
    if (at >= count)
        return;
    float z = 0.0f;
    for (int s = 0; s < slices; s++)
        z += parts[s * count + at];
    Y[at] = activate_one(z + b[at % O], saves_gate, gate + at);
}

__kernel GROUP(LANES) void tiled_dot_forward(const int B, const int I, const int O, const int saves_gate,
                                             __global const float *restrict X,
                                             __global const float *restrict W,
                                             __global const float *restrict b, __global float *restrict Y,
                                             __global float *restrict gate)
{
    __local float sums[DOT_ROWS * DOT_COLUMNS * LANES];
    const int n0 = get_group_id(0) * DOT_COLUMNS, m0 = get_group_id(1) * DOT_ROWS, lane = get_local_id(0);
    float acc[DOT_ROWS][DOT_COLUMNS];
#pragma unroll
    for (int i = 0; i < DOT_ROWS; i++)
#pragma unroll
        for (int j = 0; j < DOT_COLUMNS; j++)
            acc[i][j] = 0.0f;
    for (int k = 4 * lane; k < I; k += 4 * LANES) {
        float4 right[DOT_COLUMNS];
#pragma unroll
        for (int j = 0; j < DOT_COLUMNS; j++)
            right[j] = load_quad(W + (size_t)min(n0 + j, O - 1) * I + k, I - k, I % 4 == 0);
#pragma unroll
        for (int i = 0; i < DOT_ROWS; i++) {
            const float4 left = load_quad(X + (size_t)min(m0 + i, B - 1) * I + k, I - k, I % 4 == 0);
#pragma unroll
            for (int j = 0; j < DOT_COLUMNS; j++) {
                const float two = left.y * right[j].y + (left.x * right[j].x + acc[i][j]);
                acc[i][j] = left.w * right[j].w + (left.z * right[j].z + two);
            }
        }
    }
#pragma unroll
    for (int i = 0; i < DOT_ROWS; i++)
#pragma unroll
        for (int j = 0; j < DOT_COLUMNS; j++)
            sums[(i * DOT_COLUMNS + j) * LANES + lane] = acc[i][j];
    add_lanes(sums, DOT_ROWS * DOT_COLUMNS);
    for (int s = lane; s < DOT_ROWS * DOT_COLUMNS; s += LANES) {
        const int m = m0 + s / DOT_COLUMNS, n = n0 + s % DOT_COLUMNS;
        if (m >= B || n >= O)
            continue;
        const size_t at = (size_t)m * O + n;
        Y[at] = activate_one(sums[s * LANES] + b[n], saves_gate, gate + at);
    }
}

/* ---- dX = (dZ W) * act' ---- */

/* If the sum is cut, each slice takes `depth` of its terms, and dX holds the parts: (slices,B,I). */
__kernel GROUP(ITEMS) void tiled_backward(const int B, const int O, const int I, const int depth,
                                          __global const float *restrict dZ, __global const float *restrict W,
                                          __global const float *restrict of, __global float *restrict dX)
{
    __local float4 left[DEPTH * WIDE_M], right[DEPTH * WIDE_N];
    const int m0 = get_group_id(1) * TILE_M, n0 = get_group_id(0) * TILE_N, slice = get_group_id(2);
    const int begin = slice * depth, end = min(O, begin + depth), is_cut = get_num_groups(2) > 1;
    float4 acc[ROWS][QUADS_N];
    clear(acc);
    for (int k0 = begin; k0 < end; k0 += DEPTH) {
        load_rows(dZ, B, O, m0, k0, end, WIDE_M, left);
        load_columns(W, I, n0, k0, end, WIDE_N, right);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply(left, right, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    FOR_QUADS(i, q)
    {
        const int m = row_of(i), n = column_of(q), count = m < B ? I - n : 0;
        const size_t at = (size_t)m * I + n;
        float4 d = acc[i][q];
#if HAS_GATE
        if (!is_cut) {
            const float4 value = load_quad(of + at, count, I % 4 == 0);
            d = THROUGH(float4, d, value);
        }
#endif
        store_quad(d, dX + (size_t)slice * B * I + at, count, I % 4 == 0);
    }
}

/* parts (slices,B,I) */
__kernel GROUP(LANES) void tiled_sum_backward(const int slices, const int B, const int I,
                                              __global const float *restrict parts,
                                              __global const float *restrict of, __global float *restrict dX)
{
    const size_t at = get_global_id(0), count = (size_t)B * I;
    if (at >= count)
        return;
    float d = 0.0f;
    for (int s = 0; s < slices; s++)
        d += parts[s * count + at];
#if HAS_GATE
    const float value = of[at];
    d = THROUGH(float, d, value);
#endif
    dX[at] = d;
}
#endif

/* ---- dW = dZᵀ X, db = Σ_B dZ ---- */

/* sums[s] += Σ_k left[k][r] for the item's rows r */
void add_left(__local const float4 *left, float *sums)
{
    __local const float *values = (__local const float *)left;
    for (int s = 0; s < SUMS; s++) {
        const int r = get_local_id(0) + s * ITEMS;
        for (int k = 0; r < TILE_M && k < DEPTH; k++)
            sums[s] += values[k * 4 * WIDE_M + r];
    }
}

/* acc of dZᵀ X; in the groups of X's first columns also the sums of dZ's columns. */
void multiply_batch(const int O, const int B, const int I, __global const float *dZ, __global const float *X,
                    __local float4 *left, __local float4 *right, float4 (*acc)[QUADS_N], float *sums)
{
    const int m0 = get_group_id(1) * TILE_M, n0 = get_group_id(0) * TILE_N;
    clear(acc);
    for (int s = 0; s < SUMS; s++)
        sums[s] = 0.0f;
    for (int k0 = 0; k0 < B; k0 += DEPTH) {
        load_columns(dZ, O, m0, k0, B, WIDE_M, left);
        load_columns(X, I, n0, k0, B, WIDE_N, right);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (n0 == 0)
            add_left(left, sums);
        multiply(left, right, acc);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

/* The unit whose dZ is in sums[s]; -1 if another group or item has it, or there is none. */
int unit_of(const int s, const int O)
{
    const int r = get_local_id(0) + s * ITEMS, o = get_group_id(1) * TILE_M + r;
    return get_group_id(0) == 0 && r < TILE_M && o < O ? o : -1;
}

#if !defined(ACTIVATION) && !defined(RULE)
__kernel GROUP(ITEMS) void tiled_gradient(const int O, const int B, const int I, const float penalty,
                                          __global const float *restrict dZ, __global const float *restrict X,
                                          __global const float *restrict W, __global float *restrict dW,
                                          __global float *restrict db)
{
    __local float4 left[DEPTH * WIDE_M], right[DEPTH * WIDE_N];
    float4 acc[ROWS][QUADS_N];
    float sums[SUMS];
    multiply_batch(O, B, I, dZ, X, left, right, acc, sums);
    for (int s = 0; s < SUMS; s++)
        if (unit_of(s, O) >= 0)
            db[unit_of(s, O)] = sums[s];
    FOR_QUADS(i, q)
    {
        const int m = row_of(i), n = column_of(q), count = m < O ? I - n : 0;
        const size_t at = (size_t)m * I + n;
        float4 d = acc[i][q];
        if (penalty != 0.0f)
            d += penalty * load_quad(W + at, count, I % 4 == 0);
        store_quad(d, dW + at, count, I % 4 == 0);
    }
}
#endif

#ifdef RULE
/* The step of optimiser.cl with those gradients; mb is b's state. Rules without states use neither. */
__kernel GROUP(ITEMS) void tiled_update(const struct step s, const int O, const int B, const int I,
                                        __global const float *restrict dZ, __global const float *restrict X,
                                        __global float *restrict ms, __global float *restrict W,
                                        __global float *restrict mb, __global float *restrict b)
{
    __local float4 left[DEPTH * WIDE_M], right[DEPTH * WIDE_N];
    float4 acc[ROWS][QUADS_N];
    float sums[SUMS];
    multiply_batch(O, B, I, dZ, X, left, right, acc, sums);
    for (int i = 0; i < SUMS; i++) {
        const int o = unit_of(i, O);
        if (o >= 0)
            step_one(s, sums[i], o, mb, mb, b);
    }
    FOR_QUADS(i, q)
    {
        const int row = row_of(i), n = column_of(q), count = row < O ? I - n : 0;
        const size_t at = (size_t)row * I + n;
        const float4 g = acc[i][q];
        float4 w = load_quad(W + at, count, I % 4 == 0);
        STATE_M(float4 m = load_quad(ms + at, count, I % 4 == 0))
        BEGIN(float4, 1)
        END(float4, 1)
        STATE_M(store_quad(m, ms + at, count, I % 4 == 0))
        store_quad(w, W + at, count, I % 4 == 0);
    }
}
#endif
