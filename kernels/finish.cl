/* What follows a layer's product if its epilogue is not enough: norm, activation, dropout, residual, and the
 * saved gate. Comes after vector.cl, philox.cl, activation.cl and norm.cl.
 * Matrices are (B,O). src/compute/dropout.h says which elements stay. */

#define INTS JOIN(int, VW)

enum norm_use { NORM_NO, NORM_BY_COLUMN, NORM_BY_ROW }; /* by column: with the running statistics */
enum random_stream { RANDOM_DROPOUT = 11 };

/* Has the layout of the host's struct finish_argument. */
struct finish {
    uint seed_low, seed_high, step, layer; /* of dropout */
    uint threshold;                        /* the least half word that stays */
    float factor;                          /* of elements that stay */
    int has_dropout, has_residual, saves_gate;
    int norm;                   /* an enum norm_use */
    float epsilon, share, rest; /* share of the batch in the running mean, and 1 - share */
    float unbiased;             /* share / (B - 1); 0: the running variance does not move */
};

/* The matrices of a layer, and centre and inverse of its rows. Y may be Z. */
struct matrices {
    __global const float *Z, *residual, *centre, *inverse;
    __global float *Y, *gate;
};

/* A chunk of columns: N = (Z - from) * by + to. With NORM_BY_ROW, `by` is the scale, and each row adds its
 * own centre and inverse. */
struct chunk {
    int column, count;
    VECTOR from, by, to;
};

WORDS lanes(void)
{
    const uint numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return LOAD(numbers);
}

/* Words that decide about a block of eight rows, a column in each lane. */
void draw_block(const struct finish f, const int row, const int column, WORDS words[4])
{
    words[0] = (WORDS)(column) + lanes();
    words[1] = (WORDS)(row / BLOCK_ROWS);
    words[2] = (WORDS)(f.step);
    words[3] = (WORDS)(f.layer << 8 | RANDOM_DROPOUT);
    philox4x32_10(words, (uint2)(f.seed_low, f.seed_high));
}

VECTOR normalise(const struct finish f, const struct matrices m, const struct chunk c, const int r,
                 const VECTOR z)
{
    if (f.norm == NORM_NO)
        return z;
    return f.norm == NORM_BY_ROW ? (z - m.centre[r]) * m.inverse[r] * c.by + c.to
                                 : (z - c.from) * c.by + c.to;
}

/* Finishes a row's chunk; `halves` are the half words of dropout. */
void finish_chunk(const struct finish f, const struct matrices m, const struct chunk c, const int O,
                  const int r, const WORDS halves)
{
    const size_t at = (size_t)r * O + c.column;
    const VECTOR n = normalise(f, m, c, r, take(m.Z + at, c.count));
    const INTS stays = halves >= (WORDS)(f.threshold);
    VECTOR y = ACT(VECTOR, n);
    if (f.saves_gate) {
#ifdef GATE
        VECTOR slope = GATE(VECTOR, n);
#else
        const VECTOR one = (VECTOR)(1.0f);
        VECTOR slope = THROUGH(VECTOR, one, y);
#endif
        if (f.has_dropout)
            slope = select((VECTOR)(0.0f), slope * f.factor, stays);
        put(slope, m.gate + at, c.count);
    }
    if (f.has_dropout)
        y = select((VECTOR)(0.0f), y * f.factor, stays);
    if (f.has_residual)
        y += take(m.residual + at, c.count);
    put(y, m.Y + at, c.count);
}

/* A block of eight rows, from `row` on. Two rows take the halves of a word. */
void finish_block(const struct finish f, const struct matrices m, const struct chunk c, const int B,
                  const int O, const int row)
{
    WORDS words[4] = {(WORDS)(0), (WORDS)(0), (WORDS)(0), (WORDS)(0)};
    if (f.has_dropout)
        draw_block(f, row, c.column, words);
    for (int r = row; r < min(row + BLOCK_ROWS, B); r++) {
        finish_chunk(f, m, c, O, r, words[0] & 0xffffu);
        words[0] = r % 2 ? words[1] : words[0] >> 16;
        words[1] = r % 2 ? words[2] : words[1];
        words[2] = r % 2 ? words[3] : words[2];
    }
}

/* Each element by itself, with statistics that exist. An item takes eight rows of `span` columns, a multiple
 * of VW.
 *
 *   scale, shift (O)     centre, inverse (O), or (B) with NORM_BY_ROW */
__kernel void finish(const struct finish f, const int B, const int O, const int span, __global const float *Z,
                     __global const float *scale, __global const float *shift, __global const float *centre,
                     __global const float *inverse, __global const float *residual, __global float *Y,
                     __global float *gate)
{
    const int begin = get_global_id(0) * span, row = get_global_id(1) * BLOCK_ROWS;
    const struct matrices m = {Z, residual, centre, inverse, Y, gate};
    if (begin >= O || row >= B)
        return;
    for (int column = begin; column < min(begin + span, O); column += VW) {
        struct chunk c = {column, O - column, (VECTOR)(0.0f), (VECTOR)(0.0f), (VECTOR)(0.0f)};
        if (f.norm != NORM_NO) {
            c.by = take(scale + column, c.count);
            c.to = take(shift + column, c.count);
        }
        if (f.norm == NORM_BY_COLUMN) {
            c.from = take(centre + column, c.count);
            c.by *= 1.0f / sqrt(take(inverse + column, c.count) + f.epsilon);
        }
        finish_block(f, m, c, B, O, row);
    }
}

/* The batch's statistics by columns, then each element; groups as norm.cl has them.
 *
 *   scale, shift (O)     mean, variance (O) running: updated     centre, inverse (O) out */
__kernel COLUMN_GROUP void finish_batch(const struct finish f, const int B, const int O,
                                        __global const float *Z, __global const float *scale,
                                        __global const float *shift, __global float *mean,
                                        __global float *variance, __global float *centre,
                                        __global float *inverse, __global const float *residual,
                                        __global float *Y, __global float *gate)
{
    __local float parts[STRIPS * COLUMN_LANES * VW];
    const struct matrices m = {Z, residual, centre, inverse, Y, gate};
    const int column = chunk_column(), count = O - column;
    VECTOR sum = (VECTOR)(0.0f), squares = (VECTOR)(0.0f);
    FOR_ROWS(r, B)
    sum += take(Z + (size_t)r * O + column, count);
    const VECTOR from = strips_sum(sum, parts) / (float)B;
    FOR_ROWS(r, B)
    {
        const VECTOR distance = take(Z + (size_t)r * O + column, count) - from;
        squares += distance * distance;
    }
    squares = strips_sum(squares, parts);
    const VECTOR by = 1.0f / sqrt(squares / (float)B + f.epsilon);
    if (get_local_id(1) == 0) {
        put(from, centre + column, count);
        put(by, inverse + column, count);
        put(f.rest * take(mean + column, count) + f.share * from, mean + column, count);
        if (f.unbiased != 0.0f)
            put(f.rest * take(variance + column, count) + f.unbiased * squares, variance + column, count);
    }
    const struct chunk c = {column, count, from, by * take(scale + column, count),
                            take(shift + column, count)};
    for (int row = get_local_id(1) * BLOCK_ROWS; count > 0 && row < B; row += STRIPS * BLOCK_ROWS)
        finish_block(f, m, c, B, O, row);
}
