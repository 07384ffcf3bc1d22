/* Matrices in panels and tiles in registers, for devices of type CPU; used by gemm_cpu.cl and head_cpu.cl.
 * Comes after vector.cl.
 *
 * W, its velocity and dW lie in panels of NR = NV VW outputs, one after the other: panel[i][n] = W[first +
 * n][i] with all I inputs. So both large products, forward and update, read memory in order. Lanes after the
 * last output are not used in results, and not written. All other matrices are row-major.
 *
 * The host gives by -D: MR x NV vectors of a tile, LOW rows of a tile for few rows, and LEFT rows of the
 * left-hand matrix packed at once. Products are written a * b + c, which becomes one instruction if the
 * device has one; without it, fma() would be a slow function. */
#ifndef MR
#define MR   4
#define NV   3
#define LOW  4
#define LEFT (8 * MR)
#endif
#define FETCH_ROWS 8  /* pack_rows asks for memory so many rows ahead */
#define FETCH_LEFT 2  /* pack_left_rows asks for memory so many rows ahead: its rows are long */
#define FETCH_DEEP 32 /* pack_left_columns asks for memory so many rows ahead: its rows are short */
#define LINE       16 /* floats of a cache line */
#define NR         (NV * VW)

/* Loads a vector at the end of a matrix, which has `count` more floats. */
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

/* Like store_some, in a panel of W, which has whole vectors: lanes after the last output do not change. */
__constant int lane_numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

void store_lanes(const VECTOR v, const VECTOR old, __global float *p, const int count)
{
    STORE(count >= VW ? v : select(old, v, JOIN(vload, VW)(0, lane_numbers) < count), p);
}

/* ---- packing the right-hand matrix: `depth` rows from k0 and `columns` columns from n0 on ---- */

/* panel[k][n] = right[k0 + k][n0 + n] of a matrix (K,N), zero if n is outside. */
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

/* panel[k][n] = right[n0 + n][k] of rows `stride` floats apart, for k < count; if n is outside, takes the
 * last row again. Reads rows in whole vectors. Panels have `depth` rows. */
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

/* left[k][i] = matrix[k0 + k][m + i] of a matrix (K,M) for i < width, zero if m + i is outside */
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

/* acc[i][j] = Σ_k left[i row_step + k step] panel[k][j VW …] over k < depth, for the first `count` of ROWS
 * rows (if there are fewer, the last again) and the panel's first VECTORS vectors; operands lie in SPACE. */
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

/* Stores the sums of ACCUMULATE in tile[i][n]. */
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

/* For packed operands; only the panel's first vector if no more is wanted. */
void multiply(__local const float *left, const int count, const int row_step, const int step,
              __local const float *panel, const int depth, const int columns, float *tile)
{
    if (columns > VW)
        multiply_packed(left, count, row_step, step, panel, depth, tile);
    else
        multiply_packed_vector(left, count, row_step, step, panel, depth, tile);
}

/* Rows of a row-major matrix times a panel of W, neither packed; `tall` is MR or LOW. */
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

/* ---- fetching ahead, and epilogues ---- */

/* Fetches `count` floats from `p` on ahead. */
void fetch_stretch(__global const float *p, const int count)
{
    for (int i = 0; i < count; i += LINE)
        FETCH(p + i);
}

#ifdef ACTIVATION
/* act(z); saves the gate of `count` elements in `gate` if the forward pass needs that. */
VECTOR activate(const VECTOR z, const int saves_gate, __global float *gate, const int count)
{
#ifdef GATE
    if (saves_gate)
        store_some(GATE(VECTOR, z), gate, count);
#endif
    return ACT(VECTOR, z);
}

/* d act' of `count` elements. */
VECTOR through_gate(const VECTOR d, __global const float *of, const int count)
{
#if HAS_GATE
    const VECTOR value = load_some(of, count);
    return THROUGH(VECTOR, d, value);
#else
    return d;
#endif
}
#endif
