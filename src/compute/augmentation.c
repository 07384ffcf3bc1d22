#include "compute/augmentation.h"

#include "base/philox.h"

#include <math.h>

#define PI          3.14159265358979323846
#define NOISE_LANES 16 /* neighbouring elements, from as many neighbouring blocks */

static void draw_block(const struct augmentation *a, enum random_stream use, uint32_t place, uint32_t part,
                       uint32_t words[4])
{
    const uint32_t counter[4] = {part, place, a->epoch, use};
    const uint32_t key[2] = {(uint32_t)a->seed, (uint32_t)(a->seed >> 32)};
    philox4x32_10(counter, key, words);
}

static ptrdiff_t below(uint32_t word, size_t count)
{
    return (ptrdiff_t)((uint64_t)word * count >> 32);
}

/* ---- mixup ---- */

/* The index's high half is the batch's position, its low half counts the words drawn. */
static struct philox mixup_numbers(const struct augmentation *a)
{
    struct philox random = philox_start(a->seed, RANDOM_MIXUP, a->epoch);
    random.index = (uint64_t)a->position << 32;
    return random;
}

/* In (0, 1), so that its logarithm is finite. */
static double draw_open(struct philox *random)
{
    return (philox_next(random) + 0.5) * 0x1p-32;
}

/* The logarithm of a Gamma(alpha) number: Marsaglia and Tsang's method (ACM TOMS 26, 2000) for alpha + 1,
 * times U^(1 / alpha). It stays finite even if alpha is so small that the number itself would be 0. */
static double draw_log_gamma(struct philox *random, double alpha)
{
    const double d = alpha + 2 / 3.0, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = philox_normal(random), root = 1 + c * x, v = root * root * root;
        const double u = draw_open(random);
        if (root > 0 && log(u) < x * x / 2 + d - d * v + d * log(v))
            return log(d * v) + log(draw_open(random)) / alpha;
    }
}

size_t augmentation_distance(const struct augmentation *a, size_t rows)
{
    struct philox random = mixup_numbers(a);
    return rows > 1 ? 1 + (size_t)below(philox_next(&random), rows - 1) : 0;
}

/* If X and Y are Gamma(alpha) numbers, X / (X + Y) is a Beta(alpha, alpha) number. */
double augmentation_share(const struct augmentation *a)
{
    if (!(a->changes.mixup > 0))
        return 1;
    struct philox random = mixup_numbers(a);
    philox_next(&random); /* skips the distance */
    const double x = draw_log_gamma(&random, a->changes.mixup), y = draw_log_gamma(&random, a->changes.mixup);
    return floor(0x1p24 / (1 + exp(y - x)) + 0.5) * 0x1p-24;
}

/* ---- rows ---- */

struct row_change row_change(const struct augmentation *a, size_t r)
{
    struct row_change change = {.of = a, .place = (uint32_t)(a->position + r)};
    const struct clm_augmentation *const changes = &a->changes;
    const size_t moves = 2 * changes->shift + 1, half = changes->cutout / 2;
    uint32_t words[4];
    if (!augmentation_needs_pictures(changes))
        return change;
    draw_block(a, RANDOM_CHANGE, change.place, 0, words);
    change.is_mirrored = changes->flip && words[0] & 1;
    change.down = below(words[0] & ~1u, moves) - (ptrdiff_t)changes->shift;
    change.right = below(words[1], moves) - (ptrdiff_t)changes->shift;
    change.square_top = below(words[2], a->height) - (ptrdiff_t)half;
    change.square_left = below(words[3], a->width) - (ptrdiff_t)half;
    return change;
}

size_t row_change_source(const struct row_change *change, size_t i)
{
    const struct augmentation *const a = change->of;
    const size_t x = i % a->width, y = i / a->width % a->height;
    const ptrdiff_t width = (ptrdiff_t)a->width, height = (ptrdiff_t)a->height;
    const ptrdiff_t moved_x = (ptrdiff_t)x - change->right, from_y = (ptrdiff_t)y - change->down;
    const ptrdiff_t from_x = change->is_mirrored ? width - 1 - moved_x : moved_x;
    const bool is_inside = moved_x >= 0 && moved_x < width && from_y >= 0 && from_y < height;
    return is_inside ? i - y * a->width - x + (size_t)(from_y * width + from_x) : OUTSIDE;
}

bool row_change_is_cut(const struct row_change *change, size_t i)
{
    const struct augmentation *const a = change->of;
    const ptrdiff_t x = (ptrdiff_t)(i % a->width), y = (ptrdiff_t)(i / a->width % a->height);
    const ptrdiff_t side = (ptrdiff_t)a->changes.cutout;
    return x >= change->square_left && x < change->square_left + side && y >= change->square_top &&
           y < change->square_top + side;
}

/* Two normal numbers (Box, Muller). */
static void make_normals(uint32_t w, uint32_t other, double *cosine, double *sine)
{
    const double a = ((w >> 8) + 1) * 0x1p-24, b = (other >> 8) * 0x1p-23;
    const double radius = sqrt(-2 * log(a));
    *cosine = radius * cos(PI * b);
    *sine = radius * sin(PI * b);
}

void row_change_normals(const struct row_change *change, size_t first, double normals[NOISE_RUN])
{
    for (size_t lane = 0; lane < NOISE_LANES; lane++) {
        uint32_t words[4];
        draw_block(change->of, RANDOM_NOISE, change->place,
                   (uint32_t)(first / NOISE_RUN * NOISE_LANES + lane), words);
        make_normals(words[0], words[1], &normals[lane], &normals[NOISE_LANES + lane]);
        make_normals(words[2], words[3], &normals[2 * NOISE_LANES + lane], &normals[3 * NOISE_LANES + lane]);
    }
}
