/* The random numbers of augmentation, alike for all backends. struct clm_augmentation explains the changes.
 *
 * Numbers are Philox4x32-10 blocks under key `seed`, counted by {part, row's place in the epoch, epoch, use}:
 *
 *   RANDOM_CHANGE  part 0: words for the moves down and right and for the square's centre, down and right;
 *                  the first word's lowest bit mirrors
 *   RANDOM_NOISE   part b: four normal numbers, for the row's elements 64 ⌊b / 16⌋ + 16 j + b mod 16,
 *                  j = 0 … 3, so 16 neighbours come from 16 neighbouring blocks
 *   RANDOM_MIXUP   the distance of partners, then λ, at the place of the batch's first row
 *
 * A word w becomes the number ⌊w n / 2^32⌋ below n. Some are thus likelier, by at most n / 2^32. */
#ifndef CLM_COMPUTE_AUGMENTATION_H
#define CLM_COMPUTE_AUGMENTATION_H

#include "clmlp.h"
#include "compute/tensor.h"

/* How gather changes a batch. */
struct augmentation {
    struct clm_augmentation changes;
    size_t width, height, channels; /* of a row; I, 1, 1 for a row that is no picture */
    uint64_t seed;
    uint32_t epoch;
    size_t position;         /* of the batch's first row in the epoch */
    struct tensor *partners; /* (1,B) TENSOR_INDEX out: the labels of the rows mixed in; only for mixup */
};

/* What a row's loss is made of: share w of the loss of its own label, and (1 - share) w' of that of its
 * partner's label. Without it, the loss is that of the row's own label. */
struct mixture {
    struct tensor partners; /* (1,B) TENSOR_INDEX, the labels of the rows mixed in; empty: share is 1 */
    double share;           /* λ: an exact float, and so is 1 - λ */
    struct tensor weights;  /* (1,B) TENSOR_REAL, w of the rows' own labels, at least 0; empty: all are 1 */
    struct tensor partner_weights; /* (1,B) TENSOR_REAL, w'; empty unless there are weights and partners */
};

static inline bool mixture_has_partners(const struct mixture *mixture)
{
    return mixture && !tensor_is_empty(&mixture->partners);
}

static inline bool mixture_has_weights(const struct mixture *mixture)
{
    return mixture && !tensor_is_empty(&mixture->weights);
}

/* Whether rows are moved or mirrored. */
static inline bool augmentation_moves(const struct clm_augmentation *changes)
{
    return changes->flip || changes->shift;
}

/* Whether the rows must be pictures. */
static inline bool augmentation_needs_pictures(const struct clm_augmentation *changes)
{
    return augmentation_moves(changes) || changes->cutout;
}

static inline bool augmentation_is_none(const struct clm_augmentation *changes)
{
    return !augmentation_needs_pictures(changes) && changes->mixup == 0 && changes->noise == 0;
}

/* λ of the batch at `position`: a multiple of 2^-24, so λ and 1 - λ are exact floats; 1 without mixup. */
double augmentation_share(const struct augmentation *a);
/* Row r of `rows` is mixed with row (r + distance) mod rows. 1 … rows - 1, or 0 for a single row. */
size_t augmentation_distance(const struct augmentation *a, size_t rows);

/* The random choices for one row. */
struct row_change {
    const struct augmentation *of;
    uint32_t place; /* in the epoch */
    bool is_mirrored;
    ptrdiff_t down, right, square_top, square_left;
};

struct row_change row_change(const struct augmentation *a, size_t r);

#define OUTSIDE SIZE_MAX

/* The element of the original row that becomes element i of the changed one, or OUTSIDE. */
size_t row_change_source(const struct row_change *change, size_t i);
/* Whether element i of the changed row is in the square. */
bool row_change_is_cut(const struct row_change *change, size_t i);

#define NOISE_RUN 64 /* elements, of 16 blocks */

/* Normal numbers (Box, Muller) for the changed row's elements first … first + NOISE_RUN - 1, first a multiple
 * of NOISE_RUN: sqrt(-2 log(a)) cos(π b) and sin(π b); a = (⌊w / 2^8⌋ + 1) / 2^24, b = ⌊w' / 2^8⌋ / 2^23,
 * exact. */
void row_change_normals(const struct row_change *change, size_t first, double normals[NOISE_RUN]);

/* The largest of these numbers, sqrt(-2 log(2^-24)), and how far a float result may be from the one in
 * double. OpenCL 1.2 (full profile, 7.4) promises log and sqrt to 3 units in the last place and sin and cos
 * to 4. A unit is at most 2 u, u = 2^-24; other devices are better. The radius then is off by 6 u / 2 + 6 u
 * of itself. The angle is below 2 π; the roundings of π and of the product are 2 u of it, that is 4 π u. Sine
 * and cosine are off by that and 8 u, and the product by u: (9 + 12.6 + 8 + 1) u of the radius. */
#define NOISE_MOST  5.7682
#define NOISE_ERROR (32 * 0x1p-24 * NOISE_MOST)

#endif
