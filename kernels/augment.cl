/* gather.cl's rows, changed on the way: moved, mirrored, with noise, with a square left out, and mixed with another row of the
 * batch. src/compute/augmentation.h tells what is drawn, and from which numbers.
 *
 *   values (N,I)   labels, order (N)   mean, scale (I)   X (rows,I) out   labels_out, partners_out (rows) out
 *
 * The host counts the elements of a row in runs of 64, each of 4 lines of 16, which take their noise from the four words
 * of 16 blocks. One work-item takes CHUNK elements, 4, 8 or 16, of each line of a run.
 */
#ifndef CHUNK
#define CHUNK 4
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define FLOATS      JOIN(float, CHUNK)
#define INTS        JOIN(int, CHUNK)
#define WORDS       JOIN(uint, CHUNK)
#define LINE        16 /* elements */
#define LINES       4  /* of a run, and words of a block */

#include "philox.cl"

/* The host gives the same bits for every row, with or without mixup: no product is added before it is rounded. */
#pragma OPENCL FP_CONTRACT OFF

/* As the host's struct augmentation_argument. */
struct augmentation {
    uint seed_low, seed_high, epoch, position; /* of the batch's first row in the epoch */
    int width, height;
    uint over_width, over_height;                /* (2^32 - 1) / width, / height */
    int flip, shift, cutout, is_mixed, distance; /* of a row's partner */
    float noise, share;
};

enum random_stream { RANDOM_CHANGE = 7, RANDOM_NOISE = 8 };

/* What was drawn for a row. */
struct change {
    uint place;
    int is_mirrored, down, right, square_top, square_left;
};

/* A row in the data set, and the part of it that is made: `count` of CHUNK elements from `at` on. */
struct chunk {
    int at, count;
};

WORDS lanes(void)
{
    const uint numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return JOIN(vload, CHUNK)(0, numbers);
}

/* ---- what is drawn ---- */

int below(const uint word, const int count)
{
    return mul_hi(word, (uint)count);
}

/* Of a row; all lanes draw the same. */
struct change draw_change(const struct augmentation a, const uint place)
{
    struct change change = {place, 0, 0, 0, 0, 0};
    if (!(a.flip || a.shift || a.cutout))
        return change;
    WORDS c[4] = {(WORDS)(0), (WORDS)(place), (WORDS)(a.epoch), (WORDS)(RANDOM_CHANGE)};
    philox4x32_10(c, (uint2)(a.seed_low, a.seed_high));
    change.is_mirrored = a.flip && (c[0].s0 & 1u);
    change.down = below(c[0].s0 & ~1u, 2 * a.shift + 1) - a.shift;
    change.right = below(c[1].s0, 2 * a.shift + 1) - a.shift;
    change.square_top = below(c[2].s0, a.height) - a.cutout / 2;
    change.square_left = below(c[3].s0, a.width) - a.cutout / 2;
    return change;
}

/* Box and Muller: a in (0, 1] and b in [0, 2) are floats as they are. */
void make_normals(const WORDS word, const WORDS other, FLOATS *cosine, FLOATS *sine)
{
    const FLOATS a = JOIN(convert_float, CHUNK)((word >> 8) + 1u) * 0x1p-24f;
    const FLOATS b = JOIN(convert_float, CHUNK)(other >> 8) * 0x1p-23f;
    const FLOATS radius = sqrt(-2.0f * log(a));
    FLOATS c;
    const FLOATS s = sincos(b * 3.14159265f, &c);
    *cosine = radius * c;
    *sine = radius * s;
}

/* Normal numbers of the chunks at `at` and at 16, 32 and 48 elements behind it. */
void draw_normals(const struct augmentation a, const uint place, const int at, FLOATS normals[LINES])
{
    const uint block = at / (LINES * LINE) * LINE + at % LINE;
    WORDS c[4] = {block + lanes(), (WORDS)(place), (WORDS)(a.epoch), (WORDS)(RANDOM_NOISE)};
    philox4x32_10(c, (uint2)(a.seed_low, a.seed_high));
    make_normals(c[0], c[1], &normals[0], &normals[1]);
    make_normals(c[2], c[3], &normals[2], &normals[3]);
}

/* ---- elements ---- */

/* n / divisor and n mod divisor, for n below 2^31: the product with `over` is the quotient or one less. */
INTS divide(const INTS n, const int divisor, const uint over, INTS *remainder)
{
    const INTS quotient = JOIN(convert_int, CHUNK)(mul_hi(JOIN(convert_uint, CHUNK)(n), (WORDS)(over)));
    const INTS left = n - quotient * divisor, is_short = left >= divisor; /* -1 where it is */
    *remainder = left + is_short * divisor;
    return quotient - is_short;
}

/* The pixels of elements at, at + 1, …: x and y. */
void pixels_of(const struct augmentation a, const int at, INTS *x, INTS *y)
{
    const INTS line = divide(at + JOIN(convert_int, CHUNK)(lanes()), a.width, a.over_width, x);
    divide(line, a.height, a.over_height, y);
}

FLOATS load_floats(__global const float *from, const int count)
{
    if (count == CHUNK)
        return JOIN(vload, CHUNK)(0, from);
    float some[CHUNK];
    for (int k = 0; k < CHUNK; k++)
        some[k] = k < count ? from[k] : 0.0f;
    return JOIN(vload, CHUNK)(0, some);
}

FLOATS load_bytes(__global const uchar *from, const int count)
{
    if (count == CHUNK)
        return JOIN(convert_float, CHUNK)(JOIN(vload, CHUNK)(0, from));
    float some[CHUNK];
    for (int k = 0; k < CHUNK; k++)
        some[k] = k < count ? convert_float(from[k]) : 0.0f;
    return JOIN(vload, CHUNK)(0, some);
}

/* The elements of a row, moved and mirrored; 0 comes in from outside. */
FLOATS load_moved(const struct augmentation a, const struct change change, __global const void *values,
                  const int is_bytes, const size_t row, const int at, const int count)
{
    INTS x, y;
    pixels_of(a, at, &x, &y);
    const INTS moved_x = x - change.right, from_y = y - change.down;
    const INTS from_x = change.is_mirrored ? a.width - 1 - moved_x : moved_x;
    const INTS is_inside = moved_x >= 0 && moved_x < a.width && from_y >= 0 && from_y < a.height;
    const INTS number = JOIN(convert_int, CHUNK)(lanes());
    const INTS source =
        is_inside && number < count ? at + number + (from_y - y) * a.width + (from_x - x) : -1;
    int sources[CHUNK];
    float some[CHUNK];
    JOIN(vstore, CHUNK)(source, 0, sources);
    for (int k = 0; k < CHUNK; k++) {
        const size_t i = row + max(sources[k], 0);
        const float value = is_bytes ? convert_float(((__global const uchar *)values)[i])
                                     : ((__global const float *)values)[i];
        some[k] = sources[k] < 0 ? 0.0f : value;
    }
    return JOIN(vload, CHUNK)(0, some);
}

FLOATS without_square(const struct augmentation a, const struct change change, const int at, const FLOATS of)
{
    INTS x, y;
    pixels_of(a, at, &x, &y);
    const INTS right = x - change.square_left, down = y - change.square_top;
    return right >= 0 && right < a.cutout && down >= 0 && down < a.cutout ? (FLOATS)(0.0f) : of;
}

/* A row of the data set as it is changed for its place in the epoch: x of the chunks at `at` and the three lines behind. */
void change_row(const struct augmentation a, const uint place, const int I, const int at,
                __global const void *values, const int is_bytes, const uint n, __global const float *mean,
                __global const float *scale, FLOATS x[LINES])
{
    const size_t row = (size_t)n * I;
    const struct change change = draw_change(a, place);
    FLOATS normals[LINES];
    if (a.noise > 0.0f)
        draw_normals(a, place, at, normals);
    for (int j = 0; j < LINES; j++) {
        const int i = at + j * LINE, count = min(CHUNK, I - i);
        if (count <= 0)
            break;
        const FLOATS raw = a.flip || a.shift ? load_moved(a, change, values, is_bytes, row, i, count)
                           : is_bytes        ? load_bytes((__global const uchar *)values + row + i, count)
                                             : load_floats((__global const float *)values + row + i, count);
        const FLOATS centred = raw - load_floats(mean + i, count);
        x[j] = centred * load_floats(scale + i, count);
        if (a.noise > 0.0f)
            x[j] += a.noise * normals[j];
        if (a.cutout)
            x[j] = without_square(a, change, i, x[j]);
    }
}

__kernel void gather_augmented(const struct augmentation a, const int rows, const int I,
                               __global const void *restrict values, const int is_bytes,
                               __global const uint *restrict labels, __global const uint *restrict order,
                               const int is_ordered, const uint first, __global const float *restrict mean,
                               __global const float *restrict scale, __global float *restrict X,
                               __global uint *restrict labels_out, __global uint *restrict partners_out)
{
    const int item = get_global_id(0), parts = LINE / CHUNK, r = get_global_id(1);
    const int at = item / parts * (LINES * LINE) + item % parts * CHUNK;
    if (at >= I || r >= rows)
        return;
    const uint n = is_ordered ? order[first + r] : first + r;
    FLOATS x[LINES], y[LINES];
    change_row(a, a.position + r, I, at, values, is_bytes, n, mean, scale, x);
    if (at == 0)
        labels_out[r] = labels[n];
    if (a.is_mixed) {
        const int partner = r < rows - a.distance ? r + a.distance : r + a.distance - rows;
        const uint partner_n = is_ordered ? order[first + partner] : first + partner;
        change_row(a, a.position + partner, I, at, values, is_bytes, partner_n, mean, scale, y);
        for (int j = 0; j < LINES; j++)
            x[j] = a.share * x[j] + (1.0f - a.share) * y[j];
        if (at == 0)
            partners_out[r] = labels[partner_n];
    }
    for (int j = 0; j < LINES; j++) {
        const int i = at + j * LINE;
        if (i + CHUNK <= I)
            JOIN(vstore, CHUNK)(x[j], 0, X + (size_t)r * I + i);
        else {
            float some[CHUNK];
            JOIN(vstore, CHUNK)(x[j], 0, some);
            for (int k = 0; k < I - i; k++)
                X[(size_t)r * I + i + k] = some[k];
        }
    }
}
