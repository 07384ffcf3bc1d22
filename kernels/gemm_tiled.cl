/* The three products of a layer's step, for devices whose work-groups share fast local memory: mostly GPUs.
 *
 *   tiled_forward        Y (B,O) = act(X (B,I) W (O,I)ᵀ + b)
 *   tiled_dot_forward    the same for a small B: a whole group reads each row of W along I
 *   tiled_backward       dX (B,I) = (dZ (B,O) W (O,I)) * act'
 *   tiled_gradient       dW (O,I) = dZ (B,O)ᵀ X (B,I) + penalty W, db (O) = Σ_B dZ, for up to three layers
 *   tiled_update         the optimiser's step with those gradients, straight into W, b and their states; for
 *                        up to three layers, with the next batch's gather beside them
 *   tiled_sum_forward, tiled_sum_backward    add the parts of a sum that was cut into slices, in order
 *
 * The host gives by -D: ITEMS_M x ITEMS_N work-items of a group; QUADS_M x QUADS_N quads of 4, for an item's
 * rows and columns; DEPTH terms of the sum in local memory at once (a multiple of 4); LANES items of a group
 * of tiled_dot_forward (a power of two). Products are written a * b + c, to become one instruction.
 *
 * A work-group owns a tile (TILE_M,TILE_N) of the result R (M,N) = left (M,K) right (K,N). It takes the sum
 * in steps of DEPTH terms. Local memory holds a step's part of both matrices, left[k][m] and right[k][n], and
 * has room for two steps: an item first fetches its share of the next step into registers, then multiplies
 * this step, then puts what it fetched into the other half. So it computes while memory answers, and a step
 * has one barrier. The sums stay in registers. An item's quads lie one tile of items apart, so that
 * neighbours use neighbouring quads.
 *
 * Beyond the last row or column of a matrix, the last one is read again, and the results are not stored.
 * Beyond the end of the sum there are zeros. Sums have a fixed order: always the same bits.
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
/* Quads that an item fetches in a step. */
#define QUADS_LEFT  (TILE_M * DEPTH / 4 / ITEMS)
#define QUADS_RIGHT (TILE_N * DEPTH / 4 / ITEMS)
/* Rows of left that an item adds up for the bias, at most. */
#define SUMS ((TILE_M + ITEMS - 1) / ITEMS)
/* Rows of an item whose weights an update reads at once. */
#define ROWS_AT_ONCE 2

#define DOT_ROWS    8 /* of X, and */
#define DOT_COLUMNS 4 /* of Y, that a group of tiled_dot_forward takes at once */

/* Clang for AMD would give items of large tiles more than 128 registers, and fewer groups would share a
 * unit. */
#if defined(__gfx90a__) || defined(__gfx942__)
#define REGISTERS __attribute__((amdgpu_waves_per_eu(4)))
#elif defined(__AMDGCN__)
#define REGISTERS __attribute__((amdgpu_num_vgpr(128)))
#else
#define REGISTERS
#endif
#define GROUP(items) __attribute__((reqd_work_group_size(items, 1, 1))) REGISTERS
/* Functions that get an array are inlined early, and loops over one are unrolled whole (every OpenCL compiler
 * that we know is a Clang), so that the array becomes registers. */
#define INLINE static inline __attribute__((always_inline))

/* ---- quads of a row: `count` floats exist, perhaps none; is_aligned if rows are whole quads ---- */

INLINE float4 load_quad(__global const float *p, const int count, const int is_aligned)
{
    if (is_aligned && count >= 4)
        return *(__global const float4 *)p;
    return (float4)(count > 0 ? p[0] : 0.0f, count > 1 ? p[1] : 0.0f, count > 2 ? p[2] : 0.0f,
                    count > 3 ? p[3] : 0.0f);
}

INLINE void store_quad(const float4 quad, __global float *p, const int count, const int is_aligned)
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

/* ---- a step's part of a matrix: from global memory to registers, then to local memory ---- */

/* The tile's row, and the first term, of quad v if rows lie along the sum. 32 neighbouring items take 16 rows
 * of two quads: whole sectors of global memory, and different banks of local memory. */
INLINE int row_at(const int v, const int tile)
{
    return v / 2 % tile;
}

INLINE int term_at(const int v, const int tile)
{
    return 4 * (v % 2 + v / (2 * tile) * 2);
}

/* Fetches an item's quads of the tile's rows from r0 on, terms k0 … end - 1, of a matrix (R,K). In a whole
 * step nothing depends on what was read, so the item does not wait for it. */
INLINE void fetch_rows(float4 *quads, const int count, const int tile, __global const float *matrix,
                       const int R, const int K, const int r0, const int k0, const int end)
{
    const int is_whole = K % 4 == 0 && k0 + DEPTH <= end;
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) {
        const int v = get_local_id(0) + i * ITEMS, k = k0 + term_at(v, tile);
        __global const float *from = matrix + (size_t)min(r0 + row_at(v, tile), R - 1) * K + k;
        quads[i] = is_whole ? *(__global const float4 *)from : load_quad(from, end - k, 0);
    }
}

/* Puts them to tile[k][r]. A row of the tile has `wide` quads; the last is unused. */
INLINE void put_rows(const float4 *quads, const int count, const int rows, const int wide,
                     __local float4 *tile)
{
    __local float *to = (__local float *)tile;
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) {
        const int v = get_local_id(0) + i * ITEMS, r = row_at(v, rows), k = term_at(v, rows);
        to[(k + 0) * 4 * wide + r] = quads[i].x;
        to[(k + 1) * 4 * wide + r] = quads[i].y;
        to[(k + 2) * 4 * wide + r] = quads[i].z;
        to[(k + 3) * 4 * wide + r] = quads[i].w;
    }
}

/* Fetches an item's quads of the tile's columns from r0 on, terms k0 … end - 1, of a matrix (K,R). */
INLINE void fetch_columns(float4 *quads, const int count, const int tile, __global const float *matrix,
                          const int R, const int r0, const int k0, const int end)
{
    const int is_whole = R % 4 == 0 && k0 + DEPTH <= end;
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) {
        const int v = get_local_id(0) + i * ITEMS, k = k0 + v / (tile / 4), r = r0 + 4 * (v % (tile / 4));
        quads[i] = is_whole ? *(__global const float4 *)(matrix + (size_t)k * R + min(r, R - 4))
                            : load_quad(matrix + (size_t)min(k, end - 1) * R + r, k < end ? R - r : 0, 0);
    }
}

/* Puts them to tile[k][r]. */
INLINE void put_columns(const float4 *quads, const int count, const int columns, const int wide,
                        __local float4 *tile)
{
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++) {
        const int v = get_local_id(0) + i * ITEMS;
        tile[v / (columns / 4) * wide + v % (columns / 4)] = quads[i];
    }
}

/* ---- multiplying in registers ---- */

/* An item's place in the tile of items. 32 neighbours lie 4 down and 8 across; the lowest bit of an item's
 * number is across, the next one down. Items whose numbers differ in one of these bits read the same quad of
 * one matrix, which NVIDIA's local memory serves at once. */
#if ITEMS_M % 4 == 0 && ITEMS_N % 8 == 0
INLINE int item_m(void)
{
    const int item = get_local_id(0);
    return item / 32 / (ITEMS_N / 8) * 4 + (item >> 1 & 1) + (item >> 3 & 2);
}

INLINE int item_n(void)
{
    const int item = get_local_id(0);
    return item / 32 % (ITEMS_N / 8) * 8 + (item & 1) + (item >> 1 & 6);
}
#else
INLINE int item_m(void)
{
    return get_local_id(0) / ITEMS_N;
}

INLINE int item_n(void)
{
    return get_local_id(0) % ITEMS_N;
}
#endif

/* The result's row and column for an item's row i and quad q, in the tile from row m0 and column n0 on. */
INLINE int row_of(const int m0, const int i)
{
    return m0 + (i / 4 * ITEMS_M + item_m()) * 4 + i % 4;
}

INLINE int column_of(const int n0, const int q)
{
    return n0 + (q * ITEMS_N + item_n()) * 4;
}

/* For each of some rows i of an item and each quad q. */
#define FOR_QUADS_OF(rows, i, q)                                                                             \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < rows; i++)                                        \
        _Pragma("clang loop unroll(full)") for (int q = 0; q < QUADS_N; q++)
#define FOR_QUADS(i, q) FOR_QUADS_OF(ROWS, i, q)

/* acc[i][q] += Σ_k left[k][row i] right[k][quad q] */
INLINE void multiply(__local const float4 *left, __local const float4 *right, float4 (*acc)[QUADS_N])
{
#pragma unroll 2
    for (int k = 0; k < DEPTH; k++) {
        float values[ROWS];
        float4 quads[QUADS_N];
#pragma clang loop unroll(full)
        for (int q = 0; q < QUADS_M; q++)
            vstore4(left[k * WIDE_M + q * ITEMS_M + item_m()], q, values);
#pragma clang loop unroll(full)
        for (int q = 0; q < QUADS_N; q++)
            quads[q] = right[k * WIDE_N + q * ITEMS_N + item_n()];
        FOR_QUADS(i, q)
        acc[i][q] += values[i] * quads[q];
    }
}

INLINE void clear(float4 (*acc)[QUADS_N])
{
    FOR_QUADS(i, q)
    acc[i][q] = (float4)(0.0f);
}

/* The local and private memory of a product. `lefts` and `rights` are an item's share of the next step. */
#define PRODUCT_MEMORY                                                                                       \
    __local float4 left[2][DEPTH * WIDE_M], right[2][DEPTH * WIDE_N];                                        \
    float4 acc[ROWS][QUADS_N], lefts[QUADS_LEFT], rights[QUADS_RIGHT]

/* acc = the product's terms begin … end - 1. FETCH(k0) fetches into `lefts` and `rights` the step that begins
 * at k0. PUT(side) puts it into left[side] and right[side]. ALSO(side) is done with the step there, too. */
#define SUM_IN_STEPS(begin, end, FETCH, PUT, ALSO)                                                           \
    {                                                                                                        \
        int side = 0;                                                                                        \
        clear(acc);                                                                                          \
        FETCH(begin);                                                                                        \
        PUT(0);                                                                                              \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                        \
        for (int k0 = begin + DEPTH; k0 < end; k0 += DEPTH, side ^= 1) {                                     \
            FETCH(k0);                                                                                       \
            ALSO(side);                                                                                      \
            multiply(left[side], right[side], acc);                                                          \
            PUT(side ^ 1);                                                                                   \
            barrier(CLK_LOCAL_MEM_FENCE);                                                                    \
        }                                                                                                    \
        ALSO(side);                                                                                          \
        multiply(left[side], right[side], acc);                                                              \
    }
#define NOTHING_ELSE(side)

/* sums[s][0] = Σ sums[s][lane] for every s < count, in a fixed tree. */
INLINE void add_lanes(__local float *sums, const int count)
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
    PRODUCT_MEMORY;
    const int m0 = get_group_id(1) * TILE_M, n0 = get_group_id(0) * TILE_N, slice = get_group_id(2);
    const int begin = slice * depth, end = min(I, begin + depth), is_cut = get_num_groups(2) > 1;
#define FETCH_FORWARD(k0)                                                                                    \
    fetch_rows(lefts, QUADS_LEFT, TILE_M, X, B, I, m0, k0, end);                                             \
    fetch_rows(rights, QUADS_RIGHT, TILE_N, W, O, I, n0, k0, end)
#define PUT_FORWARD(side)                                                                                    \
    put_rows(lefts, QUADS_LEFT, TILE_M, WIDE_M, left[side]);                                                 \
    put_rows(rights, QUADS_RIGHT, TILE_N, WIDE_N, right[side])
    SUM_IN_STEPS(begin, end, FETCH_FORWARD, PUT_FORWARD, NOTHING_ELSE)
    FOR_QUADS(i, q)
    {
        const int m = row_of(m0, i), n = column_of(n0, q), count = m < B ? O - n : 0;
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
#pragma clang loop unroll(full)
    for (int i = 0; i < DOT_ROWS; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < DOT_COLUMNS; j++)
            acc[i][j] = 0.0f;
    for (int k = 4 * lane; k < I; k += 4 * LANES) {
        float4 right[DOT_COLUMNS];
#pragma clang loop unroll(full)
        for (int j = 0; j < DOT_COLUMNS; j++)
            right[j] = load_quad(W + (size_t)min(n0 + j, O - 1) * I + k, I - k, I % 4 == 0);
#pragma clang loop unroll(full)
        for (int i = 0; i < DOT_ROWS; i++) {
            const float4 left = load_quad(X + (size_t)min(m0 + i, B - 1) * I + k, I - k, I % 4 == 0);
#pragma clang loop unroll(full)
            for (int j = 0; j < DOT_COLUMNS; j++) {
                const float two = left.y * right[j].y + (left.x * right[j].x + acc[i][j]);
                acc[i][j] = left.w * right[j].w + (left.z * right[j].z + two);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < DOT_ROWS; i++)
#pragma clang loop unroll(full)
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
    PRODUCT_MEMORY;
    const int m0 = get_group_id(1) * TILE_M, n0 = get_group_id(0) * TILE_N, slice = get_group_id(2);
    const int begin = slice * depth, end = min(O, begin + depth), is_cut = get_num_groups(2) > 1;
#define FETCH_BACKWARD(k0)                                                                                   \
    fetch_rows(lefts, QUADS_LEFT, TILE_M, dZ, B, O, m0, k0, end);                                            \
    fetch_columns(rights, QUADS_RIGHT, TILE_N, W, I, n0, k0, end)
#define PUT_BACKWARD(side)                                                                                   \
    put_rows(lefts, QUADS_LEFT, TILE_M, WIDE_M, left[side]);                                                 \
    put_columns(rights, QUADS_RIGHT, TILE_N, WIDE_N, right[side])
    SUM_IN_STEPS(begin, end, FETCH_BACKWARD, PUT_BACKWARD, NOTHING_ELSE)
    FOR_QUADS(i, q)
    {
        const int m = row_of(m0, i), n = column_of(n0, q), count = m < B ? I - n : 0;
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
INLINE void add_left(__local const float4 *left, float *sums)
{
    __local const float *values = (__local const float *)left;
    for (int s = 0; s < SUMS; s++) {
        const int r = get_local_id(0) + s * ITEMS;
        for (int k = 0; r < TILE_M && k < DEPTH; k++)
            sums[s] += values[k * 4 * WIDE_M + r];
    }
}

/* acc of dZᵀ X; in the groups of X's first columns also the sums of dZ's columns. */
#define MULTIPLY_BATCH                                                                                       \
    float sums[SUMS];                                                                                        \
    for (int s = 0; s < SUMS; s++)                                                                           \
        sums[s] = 0.0f;                                                                                      \
    SUM_IN_STEPS(0, B, FETCH_BATCH, PUT_BATCH, ADD_LEFT)
#define FETCH_BATCH(k0)                                                                                      \
    fetch_columns(lefts, QUADS_LEFT, TILE_M, dZ, O, m0, k0, B);                                              \
    fetch_columns(rights, QUADS_RIGHT, TILE_N, X, I, n0, k0, B)
#define PUT_BATCH(side)                                                                                      \
    put_columns(lefts, QUADS_LEFT, TILE_M, WIDE_M, left[side]);                                              \
    put_columns(rights, QUADS_RIGHT, TILE_N, WIDE_N, right[side])
#define ADD_LEFT(side)                                                                                       \
    if (n0 == 0)                                                                                             \
    add_left(left[side], sums)

/* The unit whose dZ is in sums[s]; -1 if another group or item has it, or there is none. */
INLINE int unit_of(const int s, const int m0, const int n0, const int O)
{
    const int r = get_local_id(0) + s * ITEMS, o = m0 + r;
    return n0 == 0 && r < TILE_M && o < O ? o : -1;
}

/* A layer's part of a launch for up to three. Only numbers of four bytes, so that the host's structs have the
 * same layout. */
struct layer_part {
    int O, I;
    int across, end; /* tiles across, and tiles of this layer and those before it */
};

struct layer_parts {
    struct layer_part of[3];
};

/* The group's layer, its sizes, and the first row and column of its tile: l, O, I, m0, n0. */
#define FIND_TILE                                                                                            \
    const int group = get_group_id(0);                                                                       \
    const int l = group < parts.of[0].end ? 0 : group < parts.of[1].end ? 1 : 2;                             \
    const int tile = group - CHOOSE(l, 0, parts.of[0].end, parts.of[1].end), across = IN_PART(l, across);    \
    const int m0 = tile / across * TILE_M, n0 = tile % across * TILE_N;                                      \
    const int O = IN_PART(l, O), I = IN_PART(l, I)

#if !defined(ACTIVATION) && !defined(RULE)
__kernel GROUP(ITEMS) void tiled_gradient(const int B, const struct layer_parts parts, const float penalty,
                                          __global const float *dZ0, __global const float *X0,
                                          __global const float *W0, __global float *dW0, __global float *db0,
                                          __global const float *dZ1, __global const float *X1,
                                          __global const float *W1, __global float *dW1, __global float *db1,
                                          __global const float *dZ2, __global const float *X2,
                                          __global const float *W2, __global float *dW2, __global float *db2)
{
    PRODUCT_MEMORY;
    FIND_TILE;
    __global const float *dZ = OF_LAYER(l, dZ), *X = OF_LAYER(l, X);
    MULTIPLY_BATCH
    __global const float *W = OF_LAYER(l, W);
    __global float *dW = OF_LAYER(l, dW), *db = OF_LAYER(l, db);
    for (int s = 0; s < SUMS; s++) {
        const int o = unit_of(s, m0, n0, O);
        if (o >= 0)
            db[o] = sums[s];
    }
    /* Some rows at a time: their reads are under way together, and take few registers. */
#pragma clang loop unroll(full)
    for (int first = 0; first < ROWS; first += ROWS_AT_ONCE) {
        float4 ws[ROWS_AT_ONCE][QUADS_N];
        FOR_QUADS_OF(ROWS_AT_ONCE, i, q)
        {
            const int m = row_of(m0, first + i), n = column_of(n0, q), count = m < O ? I - n : 0;
            ws[i][q] = load_quad(W + (size_t)m * I + n, count, I % 4 == 0);
        }
        FOR_QUADS_OF(ROWS_AT_ONCE, i, q)
        {
            const int m = row_of(m0, first + i), n = column_of(n0, q), count = m < O ? I - n : 0;
            store_quad(penalty != 0.0f ? acc[first + i][q] + penalty * ws[i][q] : acc[first + i][q],
                       dW + (size_t)m * I + n, count, I % 4 == 0);
        }
    }
}
#endif

#ifdef RULE
/* X[r] = (values[n] - mean) * scale, and the rows' labels: each item of the launch takes some elements. */
INLINE void gather_next(const struct next_batch next, __global const uchar *values,
                        __global const uint *labels, __global const uint *order, __global const float *mean,
                        __global const float *scale, __global float *X, __global uint *labels_out)
{
    const int items = get_global_size(0);
    __global const float *numbers = (__global const float *)values;
    for (int at = get_global_id(0); at < next.rows * next.I; at += items) {
        const int r = at / next.I, i = at % next.I;
        const uint n = next_row(next, r, order);
        const size_t from = (size_t)n * next.I + i;
        const float value = next.is_bytes ? convert_float(values[from]) : numbers[from];
        X[at] = (value - mean[i]) * scale[i];
        if (i == 0)
            labels_out[r] = labels[n];
    }
}

/* The steps of optimiser.cl with those gradients, of up to three layers and one batch; mb is b's state. Rules
 * without states use neither. The items of all groups gather the next batch, before their products. */
__kernel GROUP(ITEMS) void tiled_update(
    const struct step s, const int B, const struct layer_parts parts, __global const float *dZ0,
    __global const float *X0, __global float *ms0, __global float *W0, __global float *mb0,
    __global float *b0, __global const float *dZ1, __global const float *X1, __global float *ms1,
    __global float *W1, __global float *mb1, __global float *b1, __global const float *dZ2,
    __global const float *X2, __global float *ms2, __global float *W2, __global float *mb2,
    __global float *b2, const struct next_batch next, __global const uchar *values,
    __global const uint *labels, __global const uint *order, __global const float *mean,
    __global const float *scale, __global float *next_X, __global uint *next_labels)
{
    PRODUCT_MEMORY;
    FIND_TILE;
    __global const float *dZ = OF_LAYER(l, dZ), *X = OF_LAYER(l, X);
    __global float *ms = OF_LAYER(l, ms), *W = OF_LAYER(l, W), *mb = OF_LAYER(l, mb), *b = OF_LAYER(l, b);
    gather_next(next, values, labels, order, mean, scale, next_X, next_labels);
    MULTIPLY_BATCH
    for (int i = 0; i < SUMS; i++) {
        const int o = unit_of(i, m0, n0, O);
        if (o >= 0)
            step_one(s, sums[i], o, mb, mb, b);
    }
    /* Some rows at a time, as in tiled_gradient. */
#pragma clang loop unroll(full)
    for (int first = 0; first < ROWS; first += ROWS_AT_ONCE) {
        float4 ws[ROWS_AT_ONCE][QUADS_N];
        STATE_M(float4 states[ROWS_AT_ONCE][QUADS_N])
        FOR_QUADS_OF(ROWS_AT_ONCE, i, q)
        {
            const int row = row_of(m0, first + i), n = column_of(n0, q), count = row < O ? I - n : 0;
            const size_t at = (size_t)row * I + n;
            ws[i][q] = load_quad(W + at, count, I % 4 == 0);
            STATE_M(states[i][q] = load_quad(ms + at, count, I % 4 == 0))
        }
        FOR_QUADS_OF(ROWS_AT_ONCE, i, q)
        {
            const int row = row_of(m0, first + i), n = column_of(n0, q), count = row < O ? I - n : 0;
            const size_t at = (size_t)row * I + n;
            const float4 g = acc[first + i][q];
            float4 w = ws[i][q];
            STATE_M(float4 m = states[i][q])
            BEGIN(float4, 1)
            END(float4, 1)
            STATE_M(store_quad(m, ms + at, count, I % 4 == 0))
            store_quad(w, W + at, count, I % 4 == 0);
        }
    }
}
#endif
