/* Gathers rows as gather.cl does, but changes them: moved, mirrored, with noise, without a square, mixed with
 * another row of the batch. Comes after vector.cl and philox.cl. src/compute/augmentation.h says what is
 * drawn.
 *
 *   values (N,I)   labels, order (N)   mean, scale (I)   X (rows,I) out   labels_out, partners_out (rows) out
 *
 * The host counts a row's elements in runs of 64: 4 lines of 16, whose noise comes from the four words of 16
 * blocks. One work-item takes VW elements, 4, 8 or 16, of each line of RUNS runs. Each item of a row draws
 * the row's numbers again, so it takes several runs. */
#ifndef RUNS
#define RUNS 1
#endif

#define INTS         JOIN(int, VW)
#define TO_FLOATS(v) JOIN(convert_float, VW)(v)
#define TO_INTS(v)   JOIN(convert_int, VW)(v)
#define LINE         16 /* elements */
#define LINES        4  /* of a run, and words of a block */
#if VW == 16
#define REVERSED(v) (v).sfedcba9876543210
#define LAST(v)     (v).sf
#elif VW == 8
#define REVERSED(v) (v).s76543210
#define LAST(v)     (v).s7
#else
#define REVERSED(v) (v).s3210
#define LAST(v)     (v).s3
#endif

/* Products are rounded before they are added, as on the host, for the same bits. */
#pragma OPENCL FP_CONTRACT OFF

/* Has the layout of the host's struct augmentation_argument. */
struct augmentation {
    uint seed_low, seed_high, epoch, position; /* of the batch's first row in the epoch */
    int width, height;
    int flip, shift, cutout, is_mixed, distance; /* of a row's partner */
    float noise, share;
};

enum random_stream { RANDOM_CHANGE = 7, RANDOM_NOISE = 8 };

/* The random choices for one row. */
struct change {
    uint place;
    int is_mirrored, down, right, square_top, square_left;
};

WORDS lanes(void)
{
    const uint numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return LOAD(numbers);
}

/* ---- what is drawn ---- */

int below(const uint word, const int count)
{
    return mul_hi(word, (uint)count);
}

/* A row's choices; all lanes draw the same. */
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

/* Box and Muller: a in (0, 1] and b in [0, 2) are exact floats. */
void make_normals(const WORDS word, const WORDS other, VECTOR *cosine, VECTOR *sine)
{
    const VECTOR a = TO_FLOATS((word >> 8) + 1u) * 0x1p-24f;
    const VECTOR b = TO_FLOATS(other >> 8) * 0x1p-23f;
    const VECTOR radius = sqrt(-2.0f * log(a));
    VECTOR c;
    const VECTOR s = sincos(b * 3.14159265f, &c);
    *cosine = radius * c;
    *sine = radius * s;
}

/* Normal numbers for the chunk at `at` and the chunks 16, 32 and 48 elements after it. */
void draw_normals(const struct augmentation a, const uint place, const int at, VECTOR normals[LINES])
{
    const uint block = at / (LINES * LINE) * LINE + at % LINE;
    WORDS c[4] = {block + lanes(), (WORDS)(place), (WORDS)(a.epoch), (WORDS)(RANDOM_NOISE)};
    philox4x32_10(c, (uint2)(a.seed_low, a.seed_high));
    make_normals(c[0], c[1], &normals[0], &normals[1]);
    make_normals(c[2], c[3], &normals[2], &normals[3]);
}

/* ---- elements ---- */

/* x and y of the pixels of elements at, at + 1, …; after the end of a line they go on in the next one. */
void pixels_of(const struct augmentation a, const int at, INTS *x, INTS *y)
{
    const int line = at / a.width, left = at - line * a.width;
    *x = left + TO_INTS(lanes());
    *y = line % a.height;
    for (int end = a.width; end < left + VW; end += a.width) {
        const INTS is_past = *x >= a.width; /* -1 where it is */
        *x += is_past * a.width;
        *y -= is_past;
        *y += (*y >= a.height) * a.height;
    }
}

VECTOR load_floats(__global const float *from, const int count)
{
    if (count == VW)
        return LOAD(from);
    float some[VW];
    for (int k = 0; k < VW; k++)
        some[k] = k < count ? from[k] : 0.0f;
    return LOAD(some);
}

VECTOR load_bytes(__global const uchar *from, const int count)
{
    if (count == VW)
        return TO_FLOATS(LOAD(from));
    float some[VW];
    for (int k = 0; k < VW; k++)
        some[k] = k < count ? convert_float(from[k]) : 0.0f;
    return LOAD(some);
}

float load_one(__global const void *values, const int is_bytes, const size_t i)
{
    return is_bytes ? convert_float(((__global const uchar *)values)[i])
                    : ((__global const float *)values)[i];
}

/* Elements at, at + 1, … of a moved and mirrored row; x and y are their pixels; 0 comes in from outside.
 * Their sources lie side by side, but only within a line if mirrored. If all sources lie within the row, they
 * are loaded at once. */
VECTOR load_moved(const struct augmentation a, const struct change change, __global const void *values,
                  const int is_bytes, const size_t row, const int I, const int at, const int count,
                  const INTS x, const INTS y)
{
    const INTS moved_x = x - change.right, from_y = y - change.down;
    const INTS is_inside = moved_x >= 0 && moved_x < a.width && from_y >= 0 && from_y < a.height;
    const INTS from_x = change.is_mirrored ? a.width - 1 - moved_x : moved_x;
    const INTS source = at + TO_INTS(lanes()) + (from_y - y) * a.width + (from_x - x);
    const int first = min(source.s0, LAST(source)), last = max(source.s0, LAST(source));
    const int is_one_line = LAST(x) - x.s0 == VW - 1;
    if ((is_one_line || !change.is_mirrored) && first >= 0 && last < I) {
        const VECTOR found = is_bytes ? TO_FLOATS(LOAD((__global const uchar *)values + row + first))
                                      : LOAD((__global const float *)values + row + first);
        return is_inside ? (change.is_mirrored ? REVERSED(found) : found) : (VECTOR)(0.0f);
    }
    int sources[VW], insides[VW];
    float some[VW];
    JOIN(vstore, VW)(source, 0, sources);
    JOIN(vstore, VW)(is_inside, 0, insides);
    for (int k = 0; k < VW; k++)
        some[k] = k < count && insides[k] ? load_one(values, is_bytes, row + sources[k]) : 0.0f;
    return LOAD(some);
}

VECTOR without_square(const struct augmentation a, const struct change change, const INTS x, const INTS y,
                      const VECTOR of)
{
    const INTS right = x - change.square_left, down = y - change.square_top;
    return right >= 0 && right < a.cutout && down >= 0 && down < a.cutout ? (VECTOR)(0.0f) : of;
}

/* Common to all rows. */
struct rows {
    __global const void *values;
    int is_bytes, I;
    __global const float *mean, *scale;
};

/* Changes row n: the chunk at `at` and those of the three lines after it, in X's x. */
void change_run(const struct augmentation a, const struct change change, const struct rows rows, const uint n,
                const int at, VECTOR x[LINES])
{
    const size_t row = (size_t)n * rows.I;
    VECTOR normals[LINES];
    if (a.noise > 0.0f)
        draw_normals(a, change.place, at, normals);
    for (int j = 0; j < LINES; j++) {
        const int i = at + j * LINE, count = min(VW, rows.I - i);
        if (count <= 0)
            break;
        INTS px, py;
        if (a.flip || a.shift || a.cutout)
            pixels_of(a, i, &px, &py);
        const VECTOR raw =
            a.flip || a.shift
                ? load_moved(a, change, rows.values, rows.is_bytes, row, rows.I, i, count, px, py)
            : rows.is_bytes ? load_bytes((__global const uchar *)rows.values + row + i, count)
                            : load_floats((__global const float *)rows.values + row + i, count);
        const VECTOR centred = raw - load_floats(rows.mean + i, count);
        x[j] = centred * load_floats(rows.scale + i, count);
        if (a.noise > 0.0f)
            x[j] += a.noise * normals[j];
        if (a.cutout)
            x[j] = without_square(a, change, px, py, x[j]);
    }
}

void store_run(const VECTOR x[LINES], const int I, const int at, __global float *to)
{
    for (int j = 0; j < LINES; j++) {
        const int i = at + j * LINE;
        if (i + VW <= I)
            STORE(x[j], to + i);
        else {
            float some[VW];
            STORE(x[j], some);
            for (int k = 0; k < I - i; k++)
                to[i + k] = some[k];
        }
    }
}

__kernel void gather_augmented(const struct augmentation a, const int B, const int I,
                               __global const void *restrict values, const int is_bytes,
                               __global const uint *restrict labels, __global const uint *restrict order,
                               const int is_ordered, const uint first, __global const float *restrict mean,
                               __global const float *restrict scale, __global float *restrict X,
                               __global uint *restrict labels_out, __global uint *restrict partners_out)
{
    const int item = get_global_id(0), parts = LINE / VW, r = get_global_id(1);
    const int begin = item / parts * (RUNS * LINES * LINE) + item % parts * VW;
    if (begin >= I || r >= B)
        return;
    const struct rows rows = {values, is_bytes, I, mean, scale};
    const int other = r < B - a.distance ? r + a.distance : r + a.distance - B;
    const uint n = is_ordered ? order[first + r] : first + r;
    const uint other_n = is_ordered ? order[first + other] : first + other;
    const struct change change = draw_change(a, a.position + r);
    const struct change other_change = draw_change(a, a.position + other);
    for (int run = 0; run < RUNS && begin + run * (LINES * LINE) < I; run++) {
        const int at = begin + run * (LINES * LINE);
        VECTOR x[LINES], y[LINES];
        change_run(a, change, rows, n, at, x);
        if (a.is_mixed) {
            change_run(a, other_change, rows, other_n, at, y);
            for (int j = 0; j < LINES; j++)
                x[j] = a.share * x[j] + (1.0f - a.share) * y[j];
        }
        store_run(x, I, at, X + (size_t)r * I);
    }
    if (begin == 0)
        labels_out[r] = labels[n];
    if (begin == 0 && a.is_mixed)
        partners_out[r] = labels[other_n];
}
