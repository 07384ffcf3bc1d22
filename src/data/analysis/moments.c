/* Rows are read in blocks of 64, in the order of memory. Within a block, each feature's values are summed as
 * differences from a number near them, and so are their squares. Blocks are combined by
 *
 *   mean = mean_a + d n_b / n,   squares = squares_a + squares_b + d² n_a n_b / n,   d = mean_b - mean_a
 *
 * (Chan, Golub, LeVeque: Algorithms for computing the sample variance, 1983).
 *
 * Errors for floats, with u = 2^-53. The squares of a block of n values are Q - S² / n, where S is the sum of
 * the differences and Q the sum of their squares. Each sum is off by at most 67 u Q, and S² / n by 135 u Q,
 * so the result is off by 202 u Q. The number that is subtracted is the block's first value, which is at most
 * sqrt(squares (n - 1) / n) from the mean. Therefore Q <= n squares, and 202 u Q <= 13000 u squares: the
 * result is never below 0, and it is 0 if all differences are 0.
 *
 * Means are kept as differences from the feature's first value. Each of the N / 64 combinations, most of them
 * of blocks within a chapter and the others of chapters, then rounds a number that is at most the feature's
 * range r, and no mean is off by more than e = 2 (N / 64 + 70) u r. That adds 2 |d| e n_a n_b / n to the
 * squares in each combination, 2 e sqrt(N squares) in all (Cauchy-Schwarz), or relatively 2 e / deviation.
 * The relative error of a deviation is half of that of its square. */
#include "data/analysis/moments.h"

#include "base/size.h"
#include "base/threads.h"

#include <math.h>
#include <stdlib.h>

#define BLOCK   64    /* rows; 32 bits can hold the sum of 66051 squares of bytes */
#define CHAPTER 32768 /* rows, a multiple of BLOCK */
#define TILE    1024  /* features at a time, so that their sums stay in the first-level cache */

/* Sums over the rows of a block, for the features of a tile. */
struct byte_sums {
    uint32_t sum[TILE], squares[TILE];
    uint8_t lowest[TILE], highest[TILE];
};

struct float_sums {
    double sum[TILE], squares[TILE]; /* sums of differences from `shift` */
    float shift[TILE], lowest[TILE], highest[TILE];
};

/* A block of rows and a tile of features. */
struct tile_part {
    size_t rows, features; /* in the tile */
    size_t stride;         /* features of a row */
};

/* Adds a block to `moments` (of the tile's features), which cover the `before` rows before it. `first` is the
 * first row of all. */
typedef void add_block(const void *values, const struct tile_part *part, size_t before, const void *first,
                       struct moments *moments);

/* Return `a` if `b` is NaN. The library's fmin and fmax would take longer than all the rest. */
static inline double lower(double a, double b)
{
    return b < a ? b : a;
}

static inline double higher(double a, double b)
{
    return b > a ? b : a;
}

static double square(double x)
{
    return x * x;
}

/* Moments of `count` values from the sums of their differences from `shift` and of the squares of these. */
static struct moments from_sums(size_t count, double shift, double sum, double squares)
{
    const double n = (double)count;
    return (struct moments){.count = count, .mean = shift + sum / n, .squares = squares - square(sum) / n};
}

static inline uint8_t lower_byte(uint8_t a, uint8_t b)
{
    return b < a ? b : a;
}

static inline uint8_t higher_byte(uint8_t a, uint8_t b)
{
    return b > a ? b : a;
}

static inline uint32_t byte_square(uint8_t x)
{
    return (uint16_t)(x * x); /* 16 bits hold it, and a processor multiplies more 16-bit numbers at a time */
}

static void sum_bytes_of_row(const uint8_t *restrict x, size_t features, struct byte_sums *restrict to)
{
    for (size_t i = 0; i < features; i++) {
        to->sum[i] += x[i];
        to->squares[i] += byte_square(x[i]);
        to->lowest[i] = lower_byte(to->lowest[i], x[i]);
        to->highest[i] = higher_byte(to->highest[i], x[i]);
    }
}

/* Adds four rows at once, so that the sums are loaded and stored once for four values. */
static void sum_bytes_of_four(const uint8_t *restrict x, size_t stride, size_t features,
                              struct byte_sums *restrict to)
{
    const uint8_t *const x0 = x, *const x1 = x + stride, *const x2 = x1 + stride, *const x3 = x2 + stride;
    for (size_t i = 0; i < features; i++) {
        to->sum[i] += (uint16_t)(x0[i] + x1[i] + x2[i] + x3[i]);
        to->squares[i] += byte_square(x0[i]) + byte_square(x1[i]) + byte_square(x2[i]) + byte_square(x3[i]);
    }
    for (size_t i = 0; i < features; i++) {
        to->lowest[i] =
            lower_byte(to->lowest[i], lower_byte(lower_byte(x0[i], x1[i]), lower_byte(x2[i], x3[i])));
        to->highest[i] =
            higher_byte(to->highest[i], higher_byte(higher_byte(x0[i], x1[i]), higher_byte(x2[i], x3[i])));
    }
}

/* Until finish_bytes, `mean` is the sum of the values and `squares` the sum of their squares: whole
 * numbers below 2^53. */
static void add_bytes(const void *values, const struct tile_part *part, size_t before, const void *first,
                      struct moments *moments)
{
    struct byte_sums sums;
    const uint8_t *x = values;
    size_t r = 0;
    (void)before;
    (void)first;
    for (size_t i = 0; i < part->features; i++) {
        sums.sum[i] = sums.squares[i] = 0;
        sums.lowest[i] = sums.highest[i] = x[i];
    }
    for (; r + 4 <= part->rows; r += 4, x += 4 * part->stride)
        sum_bytes_of_four(x, part->stride, part->features, &sums);
    for (; r < part->rows; r++, x += part->stride)
        sum_bytes_of_row(x, part->features, &sums);
    for (size_t i = 0; i < part->features; i++) {
        moments[i].mean += sums.sum[i];
        moments[i].squares += sums.squares[i];
        moments[i].lowest = lower(moments[i].lowest, sums.lowest[i]);
        moments[i].highest = higher(moments[i].highest, sums.highest[i]);
    }
}

/* Turns sums about 0 into moments. In between they become sums about `shift`, the whole number nearest to
 * the mean, which are also exact. There |S| <= n / 2 and Q >= |S|, so that Q - S² / n is at least Q / 2 and
 * loses no digits. */
static void finish_bytes(struct moments *moments)
{
    const double n = (double)moments->count, sum = moments->mean, shift = nearbyint(sum / n);
    const double squares = moments->squares - 2 * shift * sum + n * square(shift);
    const struct moments finished = from_sums(moments->count, shift, sum - n * shift, squares);
    moments->mean = finished.mean;
    moments->squares = finished.squares;
}

/* Return the number if one of the two is NaN. */
static inline float lower_float(float a, float b)
{
    return b < a ? b : a;
}

static inline float higher_float(float a, float b)
{
    return b > a ? b : a;
}

static void sum_floats_of_row(const float *restrict x, size_t features, struct float_sums *restrict to)
{
    for (size_t i = 0; i < features; i++) {
        const double d = (double)x[i] - (double)to->shift[i];
        to->sum[i] += d;
        to->squares[i] += square(d);
        to->lowest[i] = lower_float(to->lowest[i], x[i]);
        to->highest[i] = higher_float(to->highest[i], x[i]);
    }
}

static void sum_floats_of_four(const float *restrict x, size_t stride, size_t features,
                               struct float_sums *restrict to)
{
    const float *const x0 = x, *const x1 = x + stride, *const x2 = x1 + stride, *const x3 = x2 + stride;
    for (size_t i = 0; i < features; i++) {
        const double shift = (double)to->shift[i];
        const double d0 = (double)x0[i] - shift, d1 = (double)x1[i] - shift, d2 = (double)x2[i] - shift,
                     d3 = (double)x3[i] - shift;
        to->sum[i] += (d0 + d1) + (d2 + d3);
        to->squares[i] += (square(d0) + square(d1)) + (square(d2) + square(d3));
    }
    for (size_t i = 0; i < features; i++) {
        to->lowest[i] =
            lower_float(lower_float(lower_float(lower_float(to->lowest[i], x0[i]), x1[i]), x2[i]), x3[i]);
        to->highest[i] = higher_float(
            higher_float(higher_float(higher_float(to->highest[i], x0[i]), x1[i]), x2[i]), x3[i]);
    }
}

/* Until the end, `mean` is the difference from the feature's first value. */
static void add_floats(const void *values, const struct tile_part *part, size_t before, const void *first,
                       struct moments *moments)
{
    struct float_sums sums;
    const float *x = values, *const origin = first;
    const double n = (double)(before + part->rows), share = (double)part->rows / n,
                 weight = (double)before * share;
    size_t r = 0;
    for (size_t i = 0; i < part->features; i++) {
        sums.sum[i] = sums.squares[i] = 0;
        sums.shift[i] = x[i];
        sums.lowest[i] = INFINITY;
        sums.highest[i] = -INFINITY;
    }
    for (; r + 4 <= part->rows; r += 4, x += 4 * part->stride)
        sum_floats_of_four(x, part->stride, part->features, &sums);
    for (; r < part->rows; r++, x += part->stride)
        sum_floats_of_row(x, part->features, &sums);
    for (size_t i = 0; i < part->features; i++) {
        const struct moments block =
            from_sums(part->rows, (double)sums.shift[i] - (double)origin[i], sums.sum[i], sums.squares[i]);
        const double d = block.mean - moments[i].mean;
        moments[i].mean += d * share;
        moments[i].squares += block.squares + square(d) * weight;
        moments[i].lowest = lower(moments[i].lowest, (double)sums.lowest[i]);
        moments[i].highest = higher(moments[i].highest, (double)sums.highest[i]);
    }
}

/* Chapters of rows are measured on several threads, and then joined in their order: the result is the same
 * for any number of threads. */
struct chapters {
    const struct clm_data *data;
    const struct rows *rows;
    struct moments *moments; /* (chapters, features) */
};

static void add_rows(const struct clm_data *data, const struct rows *rows, size_t first, size_t end,
                     struct moments *moments)
{
    const size_t size = data_element_size(data);
    add_block *const add = data->element == ELEMENT_BYTE ? add_bytes : add_floats;
    for (size_t r = first; r < end; r += BLOCK) {
        struct tile_part part = {.rows = size_min(BLOCK, end - r), .stride = data->features};
        for (size_t i = 0; i < data->features; i += TILE) {
            part.features = size_min(TILE, data->features - i);
            add((const unsigned char *)data_row(data, rows, r) + i * size, &part, r - first,
                (const unsigned char *)rows->values + i * size, moments + i);
        }
        data_forget(data, rows, r, part.rows);
    }
}

static void measure_chapters(void *context, size_t first, size_t end)
{
    const struct chapters *const to = context;
    for (size_t c = first; c < end; c++) {
        struct moments *const moments = to->moments + c * to->data->features;
        const size_t begin = c * CHAPTER, rows = size_min(CHAPTER, to->rows->count - begin);
        for (size_t i = 0; i < to->data->features; i++)
            moments[i] = (struct moments){.count = rows, .lowest = INFINITY, .highest = -INFINITY};
        add_rows(to->data, to->rows, begin, begin + rows, moments);
    }
}

/* Adds the rows of `more`, which follow those of `moments`. */
static void join(struct moments *moments, const struct moments *more, bool are_bytes)
{
    const double count = (double)(moments->count + more->count), share = (double)more->count / count,
                 d = more->mean - moments->mean;
    moments->squares += more->squares + (are_bytes ? 0 : square(d) * (double)moments->count * share);
    moments->mean += are_bytes ? more->mean : d * share;
    moments->lowest = lower(moments->lowest, more->lowest);
    moments->highest = higher(moments->highest, more->highest);
    moments->count += more->count;
}

clm_status moments_measure(const struct clm_data *data, const struct rows *rows, struct moments **out,
                           struct clm_error *error)
{
    const size_t chapters = size_max(1, divide_up(rows->count, CHAPTER));
    struct moments *const moments = calloc(chapters * data->features, sizeof *moments);
    *out = moments;
    if (!moments)
        return clm_fail_host_memory(error, data->source, chapters * data->features * sizeof *moments);
    work_in_ranges(chapters, 1, measure_chapters, &(struct chapters){data, rows, moments});
    for (size_t c = 1; c < chapters; c++)
        for (size_t i = 0; i < data->features; i++)
            join(&moments[i], &moments[c * data->features + i], data->element == ELEMENT_BYTE);
    for (size_t i = 0; i < data->features; i++)
        if (data->element == ELEMENT_BYTE)
            finish_bytes(moments + i);
        else
            moments[i].mean += (double)((const float *)rows->values)[i];
    return CLM_OK;
}

struct moments moments_of_all(const struct moments *features, size_t count)
{
    const double n = (double)features->count, origin = features->mean;
    struct moments all = {.count = features->count * count, .lowest = INFINITY, .highest = -INFINITY};
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += features[i].mean - origin;
        all.lowest = lower(all.lowest, features[i].lowest);
        all.highest = higher(all.highest, features[i].highest);
    }
    all.mean = origin + sum / (double)count;
    for (size_t i = 0; i < count; i++)
        all.squares += features[i].squares + n * square(features[i].mean - all.mean);
    return all;
}

double moments_deviation(const struct moments *moments)
{
    return sqrt(moments->squares / (double)moments->count);
}
