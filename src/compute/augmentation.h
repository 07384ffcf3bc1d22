/* What augmentation draws, alike for all backends: struct clm_augmentation tells what it means.
 *
 * Numbers are Philox4x32-10 blocks under key `seed`, counted by {part, place of the row in the epoch, epoch, use}:
 *
 *   RANDOM_CHANGE  part 0: words for the moves down and right and for the square's centre, down and right; the first
 *                  word's lowest bit mirrors
 *   RANDOM_NOISE   part b: four normal numbers, of the row's elements 64 ⌊b / 16⌋ + 16 j + b mod 16, j = 0 … 3, so that 16
 *                  neighbouring elements come from 16 neighbouring blocks
 *   RANDOM_MIXUP   the distance of partners and λ, one number behind the other, at the place of the batch's first row
 *
 * A word w becomes a number below n as ⌊w n / 2^32⌋, which makes some likelier than others by n / 2^32 at most. */
#ifndef CLM_COMPUTE_AUGMENTATION_H
#define CLM_COMPUTE_AUGMENTATION_H

#include "clmlp.h"
#include "compute/tensor.h"

/* How gather changes a batch. */
struct augmentation {
    struct clm_augmentation changes;
    size_t width, height, channels; /* of a row; of one that is no picture I, 1, 1 */
    uint64_t seed;
    uint32_t epoch;
    size_t position; /* of the batch's first row in the epoch */
    struct tensor
        *partners; /* (1,B) TENSOR_INDEX out: the labels of the rows mixed in; used with mixup alone */
};

/* Targets of rows that gather has mixed. */
struct mixture {
    struct tensor partners; /* (1,B) TENSOR_INDEX */
    double share;           /* λ, of a row's own label */
};

/* Rows are moved or mirrored. */
static inline bool augmentation_moves(const struct clm_augmentation *changes)
{
    return changes->flip || changes->shift;
}

/* They have to be pictures. */
static inline bool augmentation_needs_pictures(const struct clm_augmentation *changes)
{
    return augmentation_moves(changes) || changes->cutout;
}

static inline bool augmentation_is_none(const struct clm_augmentation *changes)
{
    return !augmentation_needs_pictures(changes) && changes->mixup == 0 && changes->noise == 0;
}

/* λ of the batch at `position`: a multiple of 2^-24, so that it and 1 - λ are floats; 1 without mixup. */
double augmentation_share(const struct augmentation *a);
/* Row r of `rows` is mixed with row (r + distance) mod rows: 1 … rows - 1, 0 of a single row. */
size_t augmentation_distance(const struct augmentation *a, size_t rows);

/* What was drawn for a row. */
struct row_change {
    const struct augmentation *of;
    uint32_t place; /* in the epoch */
    bool is_mirrored;
    ptrdiff_t down, right, square_top, square_left;
};

struct row_change row_change(const struct augmentation *a, size_t r);

#define OUTSIDE SIZE_MAX

/* The element of the row that element i of the changed one is, or OUTSIDE. */
size_t row_change_source(const struct row_change *change, size_t i);
/* Is element i of the changed row in the square? */
bool row_change_is_cut(const struct row_change *change, size_t i);

#define NOISE_RUN 64 /* elements, of 16 blocks */

/* Normal numbers of the changed row's elements first … first + NOISE_RUN - 1; `first` is a multiple of NOISE_RUN. By Box and
 * Muller, sqrt(-2 log(a)) cos(π b) and sin(π b), with a = (⌊w / 2^8⌋ + 1) / 2^24 and b = ⌊w' / 2^8⌋ / 2^23: exact floats. */
void row_change_normals(const struct row_change *change, size_t first, double normals[NOISE_RUN]);

/* The largest of these numbers, sqrt(-2 log(2^-24)), and how far a float's may be from the number in double. OpenCL 1.2
 * (full profile, 7.4) promises log and sqrt to 3 units in the last place and sin and cos to 4, a unit being 2 u at most,
 * u = 2^-24; others are better. The radius then is off by 6 u / 2 + 6 u of itself, the angle, below 2 π, by the roundings of π and
 * of the product, 2 u of itself, that is 4 π u; sine and cosine by that and 8 u, and the product by u:
 * (9 + 12.6 + 8 + 1) u of the radius. */
#define NOISE_MOST  5.7682
#define NOISE_ERROR (32 * 0x1p-24 * NOISE_MOST)

#endif
