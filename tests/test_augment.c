/* Augmentation: rows as clmlp.h describes them, on every backend; the drawn numbers; targets of mixed rows;
 * and training with all of it. */
#include "base/philox.h"
#include "compute/opencl/program.h"
#include "data/pictures/sheet.h"
#include "nn/network.h"
#include "support/fixtures.h"
#include "support/philox_answers.h"
#include "support/support.h"
#include "train/augment.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define U    0x1p-24 /* half a float's unit in the last place */
#define SEED 0xfedcba9876543210u

static struct clm_error error;

/* ---- a data set of pictures on a backend ---- */

#define ROWS 23
#define MOST 3072 /* elements of a row */

/* Rows of small whole numbers. If means are whole, too, and scales are powers of two, x is exact in float. */
struct picture_set {
    struct clm_backend *be;
    size_t channels, height, width, I, N;
    struct resident data;
};

static double raw_of(size_t n, size_t i)
{
    return (double)((n * 89 + i * 7 + i / 5 * n + i * i % 13) % 256);
}

static double mean_of(size_t i)
{
    return (double)(100 + i % 7);
}

static double scale_of(size_t i)
{
    return i % 2 ? 0x1p-6 : 0x1p-7;
}

static uint32_t label_of(size_t n)
{
    return (uint32_t)(n * 5 % 11);
}

static void set_values(struct picture_set *set, bool is_bytes)
{
    const size_t count = set->N * set->I;
    uint8_t *const bytes = malloc(count);
    float *const values = malloc(count * sizeof *values);
    ck_assert(bytes && values);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)raw_of(i / set->I, i % set->I);
        bytes[i] = (uint8_t)values[i];
    }
    ck_assert_done(tensor_create(set->be, is_bytes ? TENSOR_BYTE : TENSOR_REAL, set->N, set->I,
                                 &set->data.values, &error));
    ck_assert_done(backend_write(set->be, &set->data.values, is_bytes ? HOST_BYTE : HOST_FLOAT,
                                 is_bytes ? (void *)bytes : (void *)values, &error));
    free(bytes);
    free(values);
}

static struct picture_set set_open(enum fixture kind, bool is_bytes, size_t N, size_t channels, size_t height,
                                   size_t width)
{
    struct picture_set set = {.be = fixture_backend(kind),
                              .channels = channels,
                              .height = height,
                              .width = width,
                              .I = channels * height * width,
                              .N = N};
    double *const means = malloc(2 * set.I * sizeof *means), *const scales = means + set.I;
    uint32_t *const labels = malloc(N * sizeof *labels);
    ck_assert(means && labels);
    for (size_t i = 0; i < set.I; i++) {
        means[i] = mean_of(i);
        scales[i] = scale_of(i);
    }
    for (size_t n = 0; n < N; n++)
        labels[n] = label_of(n);
    set_values(&set, is_bytes);
    ck_assert_done(tensor_create(set.be, TENSOR_REAL, 1, set.I, &set.data.mean, &error));
    ck_assert_done(tensor_create(set.be, TENSOR_REAL, 1, set.I, &set.data.scale, &error));
    ck_assert_done(tensor_create(set.be, TENSOR_INDEX, 1, N, &set.data.labels, &error));
    ck_assert_done(backend_write(set.be, &set.data.mean, HOST_DOUBLE, means, &error));
    ck_assert_done(backend_write(set.be, &set.data.scale, HOST_DOUBLE, scales, &error));
    ck_assert_done(backend_write(set.be, &set.data.labels, HOST_INDEX, labels, &error));
    free(means);
    free(labels);
    return set;
}

static void set_close(struct picture_set *set)
{
    tensor_free(set->be, &set->data.values);
    tensor_free(set->be, &set->data.labels);
    tensor_free(set->be, &set->data.mean);
    tensor_free(set->be, &set->data.scale);
    ck_assert_uint_eq(set->be->memory.now, 0);
    clm_backend_close(set->be);
}

static struct augmentation augmentation_for(const struct picture_set *set, struct clm_augmentation changes,
                                            uint32_t epoch, size_t position)
{
    return (struct augmentation){.changes = changes,
                                 .width = set->width,
                                 .height = set->height,
                                 .channels = set->channels,
                                 .seed = SEED,
                                 .epoch = epoch,
                                 .position = position};
}

/* A batch: (B,I) numbers, its labels and its partners' labels. batch_free frees it. */
struct gathered_batch {
    size_t B;
    double *X;
    uint32_t *labels, *partners;
};

/* `order` and `a` may be NULL. */
static struct gathered_batch gather_batch(struct picture_set *set, const uint32_t *order, size_t first,
                                          size_t B, const struct augmentation *a)
{
    struct gathered_batch batch = {.B = B,
                                   .X = malloc(B * set->I * sizeof(double)),
                                   .labels = malloc(B * sizeof(uint32_t)),
                                   .partners = calloc(B, sizeof(uint32_t))};
    struct tensor X, labels, partners, numbers = {0};
    ck_assert(batch.X && batch.labels && batch.partners);
    ck_assert_done(tensor_create(set->be, TENSOR_REAL, B, set->I, &X, &error));
    ck_assert_done(tensor_create(set->be, TENSOR_INDEX, 1, B, &labels, &error));
    ck_assert_done(tensor_create(set->be, TENSOR_INDEX, 1, B, &partners, &error));
    ck_assert_done(backend_write(set->be, &partners, HOST_INDEX, batch.partners, &error));
    if (order) {
        ck_assert_done(tensor_create(set->be, TENSOR_INDEX, 1, set->N, &numbers, &error));
        ck_assert_done(backend_write(set->be, &numbers, HOST_INDEX, order, &error));
    }
    struct augmentation copy = {0};
    if (a) {
        copy = *a;
        copy.partners = &partners;
    }
    ck_assert_done(
        gather(set->be, &set->data, order ? &numbers : NULL, first, a ? &copy : NULL, &X, &labels, &error));
    ck_assert_done(backend_read(set->be, &X, HOST_DOUBLE, batch.X, &error));
    ck_assert_done(backend_read(set->be, &labels, HOST_INDEX, batch.labels, &error));
    ck_assert_done(backend_read(set->be, &partners, HOST_INDEX, batch.partners, &error));
    tensor_free(set->be, &X);
    tensor_free(set->be, &labels);
    tensor_free(set->be, &partners);
    tensor_free(set->be, &numbers);
    return batch;
}

static void batch_free(struct gathered_batch *batch)
{
    free(batch->X);
    free(batch->labels);
    free(batch->partners);
}

/* ---- what clmlp.h and augmentation.h say, in plain code ---- */

static void block(const struct augmentation *a, uint32_t use, size_t place, uint32_t part, uint32_t words[4])
{
    const uint32_t counter[4] = {part, (uint32_t)place, a->epoch, use};
    const uint32_t key[2] = {(uint32_t)a->seed, (uint32_t)(a->seed >> 32)};
    philox4x32_10(counter, key, words);
}

static long below(uint32_t word, size_t count)
{
    return (long)floor((double)word * (double)count / 4294967296.0);
}

/* One channel at a time: mirrored, then moved into a black picture. */
static void move_picture(const struct picture_set *set, const struct augmentation *a, const uint32_t words[4],
                         double *x)
{
    const long W = (long)set->width, H = (long)set->height, P = (long)a->changes.shift;
    const long down = below(words[0] & ~1u, 2 * a->changes.shift + 1) - P;
    const long right = below(words[1], 2 * a->changes.shift + 1) - P;
    double moved[MOST];
    for (size_t c = 0; c < set->channels; c++) {
        double *const plane = x + c * (size_t)(W * H);
        for (long row = 0; a->changes.flip && words[0] & 1 && row < H; row++)
            for (long left = 0; left < W / 2; left++) {
                const double swapped = plane[row * W + left];
                plane[row * W + left] = plane[row * W + W - 1 - left];
                plane[row * W + W - 1 - left] = swapped;
            }
        memset(moved, 0, sizeof moved);
        for (long row = 0; row < H; row++)
            for (long column = 0; column < W; column++)
                if (row + down >= 0 && row + down < H && column + right >= 0 && column + right < W)
                    moved[(row + down) * W + column + right] = plane[row * W + column];
        memcpy(plane, moved, (size_t)(W * H) * sizeof *moved);
    }
}

static double normal_of(const struct augmentation *a, size_t place, size_t i)
{
    uint32_t words[4];
    const size_t j = i % 64 / 16;
    block(a, RANDOM_NOISE, place, (uint32_t)(i / 64 * 16 + i % 16), words);
    const uint32_t first = words[j / 2 * 2], second = words[j / 2 * 2 + 1];
    const double radius = sqrt(-2 * log((double)(first / 256 + 1) / 16777216.0));
    const double angle = 2 * acos(-1) * (second / 256 / 16777216.0);
    return radius * (j % 2 ? sin(angle) : cos(angle));
}

static void cut_square(const struct picture_set *set, const struct augmentation *a, const uint32_t words[4],
                       double *x)
{
    const long side = (long)a->changes.cutout;
    const long top = below(words[2], set->height) - side / 2, left = below(words[3], set->width) - side / 2;
    for (size_t c = 0; c < set->channels; c++)
        for (long row = top; row < top + side; row++)
            for (long column = left; column < left + side; column++)
                if (row >= 0 && row < (long)set->height && column >= 0 && column < (long)set->width)
                    x[(c * set->height + (size_t)row) * set->width + (size_t)column] = 0;
}

static void changed_row(const struct picture_set *set, const struct augmentation *a, size_t n, size_t place,
                        double *x)
{
    uint32_t words[4];
    block(a, RANDOM_CHANGE, place, 0, words);
    for (size_t i = 0; i < set->I; i++)
        x[i] = raw_of(n, i);
    move_picture(set, a, words, x);
    for (size_t i = 0; i < set->I; i++)
        x[i] = (x[i] - mean_of(i)) * scale_of(i) +
               (a->changes.noise > 0 ? a->changes.noise * normal_of(a, place, i) : 0);
    cut_square(set, a, words, x);
}

/* ---- rows ---- */

static const struct clm_augmentation each[] = {
    {.flip = true},
    {.shift = 2},
    {.cutout = 3},
    {.noise = 0.25},
    {.mixup = 0.5},
    {.flip = true, .shift = 1, .cutout = 4},
    {.flip = true, .shift = 2, .cutout = 3, .noise = 0.1, .mixup = 1},
};

static const struct {
    size_t channels, height, width;
} shapes[] = {{1, 28, 28}, {3, 32, 32}, {3, 7, 5}, {1, 3, 67}, {2, 13, 17}};

/* How far x may be off: not at all without a sum of rounded products, else as derived in
 * src/prove/bounds/gather.c. |x| is below 4 here before noise. */
static double bound_of(const struct clm_augmentation *changes)
{
    if (changes->noise == 0 && changes->mixup == 0)
        return 0;
    return 7 * U * (4 + changes->noise * NOISE_MOST) + changes->noise * NOISE_ERROR;
}

static void compare_batch(const struct picture_set *set, const struct augmentation *a, const uint32_t *order,
                          size_t first, const struct gathered_batch *batch)
{
    const bool is_mixed = a->changes.mixup > 0;
    const size_t distance = is_mixed ? augmentation_distance(a, batch->B) : 0;
    const double share = augmentation_share(a), bound = bound_of(&a->changes);
    double x[MOST], y[MOST];
    for (size_t r = 0; r < batch->B; r++) {
        const size_t other = (r + distance) % batch->B;
        const size_t n = order ? order[first + r] : first + r,
                     m = order ? order[first + other] : first + other;
        changed_row(set, a, n, a->position + r, x);
        changed_row(set, a, m, a->position + other, y);
        for (size_t i = 0; i < set->I; i++)
            ck_assert_within(batch->X[r * set->I + i], share * x[i] + (1 - share) * y[i], bound);
        ck_assert_uint_eq(batch->labels[r], label_of(n));
        ck_assert_uint_eq(batch->partners[r], is_mixed ? label_of(m) : 0);
    }
}

static const enum fixture backends[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL};

START_TEST(rows_are_as_a_plain_reading_has_them)
{
    uint32_t order[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        order[i] = (uint32_t)(i * 7 % ROWS);
    for (size_t s = 0; s < COUNT_OF(shapes); s++)
        for (int is_bytes = 0; is_bytes < 2; is_bytes++) {
            struct picture_set set =
                set_open(backends[_i], is_bytes, ROWS, shapes[s].channels, shapes[s].height, shapes[s].width);
            for (size_t c = 0; c < COUNT_OF(each); c++)
                for (size_t B = 1; B < ROWS; B += 9) {
                    const struct augmentation a = augmentation_for(&set, each[c], 5, 1000 + c);
                    const uint32_t *const numbers = c % 2 ? order : NULL;
                    struct gathered_batch batch = gather_batch(&set, numbers, ROWS - B, B, &a);
                    compare_batch(&set, &a, numbers, ROWS - B, &batch);
                    batch_free(&batch);
                }
            set_close(&set);
        }
}
END_TEST

/* blas and the device give the same bits, mixed or not; with noise, they agree within the bound. */
START_TEST(blas_and_device_agree_to_the_bit)
{
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        struct picture_set host =
            set_open(FIXTURE_BLAS, true, ROWS, shapes[s].channels, shapes[s].height, shapes[s].width);
        struct picture_set device =
            set_open(FIXTURE_OPENCL, true, ROWS, shapes[s].channels, shapes[s].height, shapes[s].width);
        for (size_t c = 0; c < COUNT_OF(each); c++) {
            struct clm_augmentation changes = each[c];
            changes.noise = 0;
            const struct augmentation a = augmentation_for(&host, changes, 2, 77);
            struct gathered_batch one = gather_batch(&host, NULL, 1, ROWS - 1, &a);
            struct gathered_batch two = gather_batch(&device, NULL, 1, ROWS - 1, &a);
            ck_assert_mem_eq(one.X, two.X, (ROWS - 1) * host.I * sizeof(double));
            ck_assert_mem_eq(one.labels, two.labels, (ROWS - 1) * sizeof(uint32_t));
            ck_assert_mem_eq(one.partners, two.partners, (ROWS - 1) * sizeof(uint32_t));
            batch_free(&one);
            batch_free(&two);
        }
        set_close(&host);
        set_close(&device);
    }
}
END_TEST

/* Rows that are no pictures count as one line of one channel. */
START_TEST(rows_that_are_no_pictures_are_mixed_and_get_noise)
{
    struct picture_set set = set_open(backends[_i], false, ROWS, 1, 1, 77);
    const struct augmentation a =
        augmentation_for(&set, (struct clm_augmentation){.mixup = 2, .noise = 1}, 1, 0);
    struct gathered_batch batch = gather_batch(&set, NULL, 0, ROWS, &a);
    compare_batch(&set, &a, NULL, 0, &batch);
    batch_free(&batch);
    set_close(&set);
}
END_TEST

/* ---- what the random numbers depend on ---- */

static const struct clm_augmentation all = {.flip = true, .shift = 2, .cutout = 3, .noise = 0.1, .mixup = 1};
static const struct clm_augmentation all_but_mixup = {.flip = true, .shift = 2, .cutout = 3, .noise = 0.1};

static bool is_same(struct picture_set *set, const struct augmentation *a, const struct augmentation *b)
{
    struct gathered_batch one = gather_batch(set, NULL, 0, ROWS, a),
                          two = gather_batch(set, NULL, 0, ROWS, b);
    const bool same = !memcmp(one.X, two.X, ROWS * set->I * sizeof(double)) &&
                      !memcmp(one.partners, two.partners, ROWS * sizeof(uint32_t));
    batch_free(&one);
    batch_free(&two);
    return same;
}

START_TEST(draws_depend_on_seed_epoch_and_place_alone)
{
    struct picture_set set = set_open(backends[_i], true, ROWS, 3, 7, 5);
    for (size_t c = 0; c < COUNT_OF(each); c++) {
        const struct augmentation a = augmentation_for(&set, each[c], 3, 50);
        struct augmentation other = a;
        ck_assert(is_same(&set, &a, &other));
        other.epoch = 4;
        ck_assert(!is_same(&set, &a, &other));
        other = a;
        other.seed ^= (uint64_t)1 << 40;
        ck_assert(!is_same(&set, &a, &other));
        other = a;
        other.position++;
        ck_assert(!is_same(&set, &a, &other));
    }
    set_close(&set);
}
END_TEST

/* An epoch in one batch, in batches of 7 with a smaller last one, and with rows elsewhere in the set. */
START_TEST(draws_do_not_depend_on_how_an_epoch_is_cut)
{
    uint32_t order[ROWS];
    struct picture_set set = set_open(backends[_i], true, ROWS, 3, 7, 5);
    const struct augmentation whole = augmentation_for(&set, all_but_mixup, 3, 0);
    struct gathered_batch expected = gather_batch(&set, NULL, 0, ROWS, &whole);
    for (size_t first = 0; first < ROWS; first += 7) {
        const size_t B = first + 7 < ROWS ? 7 : ROWS - first;
        const struct augmentation part = augmentation_for(&set, all_but_mixup, 3, first);
        struct gathered_batch got = gather_batch(&set, NULL, first, B, &part);
        ck_assert_mem_eq(got.X, expected.X + first * set.I, B * set.I * sizeof(double));
        batch_free(&got);
        /* the same rows with numbers from 0 on, as in a shard of the data */
        for (size_t r = 0; r < ROWS; r++)
            order[r] = (uint32_t)((first + r) % ROWS);
        got = gather_batch(&set, order, 0, B, &part);
        ck_assert_mem_eq(got.X, expected.X + first * set.I, B * set.I * sizeof(double));
        batch_free(&got);
    }
    batch_free(&expected);
    set_close(&set);
}
END_TEST

/* ---- statistics, with a fixed seed: 6 sigma, or a chi-square that fails once in a million ---- */

/* Wilson and Hilferty: (chi² / k)^(1/3) is nearly normal with mean 1 - 2/(9k) and variance 2/(9k). */
static double chi_square_sigmas(const size_t *counts, size_t cells)
{
    double sum = 0, chi = 0;
    const double k = (double)cells - 1;
    for (size_t i = 0; i < cells; i++)
        sum += (double)counts[i];
    for (size_t i = 0; i < cells; i++)
        chi += pow((double)counts[i] - sum / (double)cells, 2) / (sum / (double)cells);
    return (cbrt(chi / k) - (1 - 2 / (9 * k))) / sqrt(2 / (9 * k));
}

START_TEST(flips_moves_and_squares_are_uniform)
{
    enum { SHIFT = 3, MOVES = 2 * SHIFT + 1, WIDTH = 9, HEIGHT = 7, PLACES = 100000 };
    const struct augmentation a = {.changes = {.flip = true, .shift = SHIFT, .cutout = 3},
                                   .width = WIDTH,
                                   .height = HEIGHT,
                                   .channels = 1,
                                   .seed = 1,
                                   .epoch = 1};
    static size_t moves[2 * MOVES * MOVES], centres[WIDTH * HEIGHT], both[MOVES * HEIGHT];
    for (size_t r = 0; r < PLACES; r++) {
        const struct row_change change = row_change(&a, r);
        const size_t down = (size_t)(change.down + SHIFT), right = (size_t)(change.right + SHIFT);
        const size_t x = (size_t)(change.square_left + 1), y = (size_t)(change.square_top + 1);
        ck_assert(down < MOVES && right < MOVES && x < WIDTH && y < HEIGHT);
        moves[(change.is_mirrored * MOVES + down) * MOVES + right]++;
        centres[y * WIDTH + x]++;
        both[down * HEIGHT + y]++;
    }
    ck_assert_double_lt(fabs(chi_square_sigmas(moves, COUNT_OF(moves))), 4.9);
    ck_assert_double_lt(fabs(chi_square_sigmas(centres, COUNT_OF(centres))), 4.9);
    ck_assert_double_lt(fabs(chi_square_sigmas(both, COUNT_OF(both))), 4.9);
}
END_TEST

/* Over n numbers the means of z, z² and z⁴ are off by sqrt(1 / n), sqrt(2 / n) and sqrt(96 / n). Means of
 * products of two (neighbours, elements a line of 16 apart, rows) are off by sqrt(1 / n). */
START_TEST(noise_is_normal_and_independent)
{
    enum { I = 640, PLACES = 300 };
    const double n = (double)I * PLACES;
    const struct augmentation a = {
        .changes = {.noise = 1}, .width = I, .height = 1, .channels = 1, .seed = 1, .epoch = 1};
    static double z[2][I];
    double m1 = 0, m2 = 0, m4 = 0, beside = 0, apart = 0, rows = 0, most = 0;
    for (size_t r = 0; r < PLACES; r++) {
        const struct row_change change = row_change(&a, r);
        double *const now = z[r % 2], *const before = z[(r + 1) % 2];
        for (size_t first = 0; first < I; first += NOISE_RUN)
            row_change_normals(&change, first, now + first);
        for (size_t i = 0; i < I; i++) {
            m1 += now[i] / n;
            m2 += now[i] * now[i] / n;
            m4 += pow(now[i], 4) / n;
            beside += now[i] * now[(i + 1) % I] / n;
            apart += now[i] * now[(i + 16) % I] / n;
            rows += now[i] * before[i] / n;
            most = fmax(most, fabs(now[i]));
        }
    }
    ck_assert_within(m1, 0, 6 * sqrt(1 / n));
    ck_assert_within(m2, 1, 6 * sqrt(2 / n));
    ck_assert_within(m4, 3, 6 * sqrt(96 / n));
    ck_assert_within(beside, 0, 6 * sqrt(1 / n));
    ck_assert_within(apart, 0, 6 * sqrt(1 / n));
    ck_assert_within(rows, 0, 6 * sqrt(1 / n));
    ck_assert(most <= NOISE_MOST && most > 4);
    ck_assert_within(sqrt(-2 * log(U)), NOISE_MOST, 1e-4);
    ck_assert_double_ge(NOISE_MOST, sqrt(-2 * log(U)));
}
END_TEST

/* Beta(α, α) has mean 1/2, variance v = 1 / (4 (2 α + 1)) and fourth central moment m4 = v² (3 - 6 / (2 α +
 * 3)). Means over n are off by sqrt(v / n), those of squared distances by sqrt((m4 - v²) / n). Also checks
 * how many are below 1/4. */
START_TEST(shares_are_of_the_beta_distribution)
{
    enum { BATCHES = 40000 };
    static const struct {
        double alpha;
        /* I_{1/4}(α, α): arcsine law, uniform, 3 t² - 2 t³, and ten terms for the last */
        double below_quarter;
    } cases[] = {{1e-3, NAN}, {0.2, NAN}, {0.5, 1 / 3.0}, {1, 0.25}, {2, 0.15625}, {50, NAN}};
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        const double alpha = cases[c].alpha, v = 1 / (4 * (2 * alpha + 1)),
                     m4 = v * v * (3 - 6 / (2 * alpha + 3));
        double mean = 0, variance = 0, quarter = 0;
        for (size_t b = 0; b < BATCHES; b++) {
            const struct augmentation a = {
                .changes = {.mixup = alpha}, .seed = 1, .epoch = 1, .position = 128 * b};
            const double share = augmentation_share(&a);
            ck_assert(share >= 0 && share <= 1 && share * 0x1p24 == floor(share * 0x1p24));
            ck_assert(share == (double)(float)share && 1 - share == (double)(float)(1 - share));
            mean += share / BATCHES;
            variance += pow(share - 0.5, 2) / BATCHES;
            quarter += (share < 0.25) / (double)BATCHES;
        }
        ck_assert_within(mean, 0.5, 6 * sqrt(v / BATCHES));
        ck_assert_within(variance, v, 6 * sqrt((m4 - v * v) / BATCHES));
        if (!isnan(cases[c].below_quarter))
            ck_assert_within(quarter, cases[c].below_quarter, 6 * sqrt(0.25 / BATCHES));
    }
}
END_TEST

/* Each other row of a batch is equally likely as the partner; a single row is its own partner. */
START_TEST(partners_are_uniform)
{
    enum { B = 13, BATCHES = 26000 };
    size_t counts[B - 1] = {0};
    for (size_t b = 0; b < BATCHES; b++) {
        const struct augmentation a = {.changes = {.mixup = 1}, .seed = 1, .epoch = 1, .position = B * b};
        const size_t distance = augmentation_distance(&a, B);
        ck_assert(distance > 0 && distance < B);
        counts[distance - 1]++;
        ck_assert_uint_eq(augmentation_distance(&a, 1), 0);
        ck_assert_uint_eq(augmentation_distance(&a, 2), 1);
    }
    ck_assert_double_lt(fabs(chi_square_sigmas(counts, B - 1)), 4.9);
}
END_TEST

/* ---- targets of mixed rows ---- */

/* The loss is the mean of the losses for both labels, the gradient the mean of both gradients; a prediction
 * of the first label is correct. If both labels are the same, nothing changes. */
START_TEST(mixed_targets_are_means_of_both)
{
    static const float logits[3][4] = {{1, 2, 0.5f, -1}, {3, -2, 0, 1}, {0, 0, 0, 0}};
    static const uint32_t labels[3] = {1, 3, 2}, partners[3] = {0, 0, 2};
    const double share = 0.75;
    struct clm_backend *const be = fixture_backend(backends[_i]);
    struct tensor Z, dZ, own, other;
    struct metrics sums;
    double got[3][4], expected = 0, loss;
    size_t correct;
    ck_assert_done(tensor_create(be, TENSOR_REAL, 3, 4, &Z, &error));
    ck_assert_done(tensor_create(be, TENSOR_REAL, 3, 4, &dZ, &error));
    ck_assert_done(tensor_create(be, TENSOR_INDEX, 1, 3, &own, &error));
    ck_assert_done(tensor_create(be, TENSOR_INDEX, 1, 3, &other, &error));
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    ck_assert_done(backend_write(be, &Z, HOST_FLOAT, logits, &error));
    ck_assert_done(backend_write(be, &own, HOST_INDEX, labels, &error));
    ck_assert_done(backend_write(be, &other, HOST_INDEX, partners, &error));
    const struct mixture mixture = {other, share};
    ck_assert_done(softmax_xent(be, &Z, &own, &mixture, &dZ, &sums, &error));
    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert_done(backend_read(be, &dZ, HOST_DOUBLE, got, &error));
    for (size_t r = 0; r < 3; r++) {
        double sum = 0;
        for (size_t c = 0; c < 4; c++)
            sum += exp((double)logits[r][c]);
        expected += share * (log(sum) - (double)logits[r][labels[r]]) +
                    (1 - share) * (log(sum) - (double)logits[r][partners[r]]);
        for (size_t c = 0; c < 4; c++) {
            const double p = exp((double)logits[r][c]) / sum;
            const double both = share * (p - (c == labels[r])) + (1 - share) * (p - (c == partners[r]));
            ck_assert_within(got[r][c], both / 3, 20 * U);
        }
    }
    ck_assert_within(loss, expected, 20 * U * expected);
    ck_assert_uint_eq(correct, 1); /* in a tie 0 is predicted, not 2 */
    tensor_free(be, &Z);
    tensor_free(be, &dZ);
    tensor_free(be, &own);
    tensor_free(be, &other);
    metrics_free(be, &sums);
    clm_backend_close(be);
}
END_TEST

/* ---- wrong calls ---- */

START_TEST(what_does_not_fit_is_refused)
{
    struct picture_set set = set_open(backends[_i], true, ROWS, 3, 7, 5);
    struct tensor X, labels, partners, few;
    ck_assert_done(tensor_create(set.be, TENSOR_REAL, 4, set.I, &X, &error));
    ck_assert_done(tensor_create(set.be, TENSOR_INDEX, 1, 4, &labels, &error));
    ck_assert_done(tensor_create(set.be, TENSOR_INDEX, 1, 4, &partners, &error));
    ck_assert_done(tensor_create(set.be, TENSOR_INDEX, 1, 3, &few, &error));
    struct augmentation good = augmentation_for(&set, all, 1, 0);
    good.partners = &partners;
    struct augmentation bad[11];
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        bad[i] = good;
    bad[0].width++;
    bad[1].width = 0;
    bad[2].channels = SIZE_MAX;
    bad[3].changes.shift = 5;
    bad[4].changes.cutout = 8;
    bad[5].changes.noise = -1;
    bad[6].changes.mixup = NAN;
    bad[7].position = UINT32_MAX - 3u;
    bad[8].partners = &few;
    bad[9].partners = &X;
    bad[10].position = SIZE_MAX;
    ck_assert_done(gather(set.be, &set.data, NULL, 0, &good, &X, &labels, &error));
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const clm_status status = gather(set.be, &set.data, NULL, 0, &bad[i], &X, &labels, &error);
        ck_assert_msg(status == CLM_ERROR_SHAPE || status == CLM_ERROR_ARGUMENT, "case %zu gives %d", i,
                      status);
    }
    tensor_free(set.be, &X);
    tensor_free(set.be, &labels);
    tensor_free(set.be, &partners);
    tensor_free(set.be, &few);
    set_close(&set);
}
END_TEST

/* ---- training ---- */

static struct clm_data *picture_data(void)
{
    struct clm_data *const data = fixture_data(130, 40, 3 * 6 * 5, 5);
    data->channels = 3;
    data->height = 6;
    data->width = 5;
    return data;
}

struct history {
    struct clm_epoch epochs[8];
    size_t count;
};

static void keep_epoch(void *user, const struct clm_epoch *epoch)
{
    struct history *const history = user;
    history->epochs[history->count++] = *epoch;
}

static void set_augmentation(struct clm_settings *settings, const struct clm_augmentation *changes)
{
    char text[128] = "";
    size_t used = 0;
    if (changes->flip)
        used += (size_t)snprintf(text + used, sizeof text - used, ",flip");
    if (changes->shift)
        used += (size_t)snprintf(text + used, sizeof text - used, ",shift=%zu", changes->shift);
    if (changes->cutout)
        used += (size_t)snprintf(text + used, sizeof text - used, ",cutout=%zu", changes->cutout);
    if (changes->mixup > 0)
        used += (size_t)snprintf(text + used, sizeof text - used, ",mixup=%.17g", changes->mixup);
    if (changes->noise > 0)
        used += (size_t)snprintf(text + used, sizeof text - used, ",noise=%.17g", changes->noise);
    if (used)
        change_settings(settings, "augment %s", text + 1);
}

/* On 130 rows; the last batch is smaller. */
static struct history train_in_batches(size_t batch, enum fixture kind, struct clm_augmentation changes,
                                       double learning_rate, size_t epochs, struct clm_train_result *result)
{
    struct history history = {0};
    struct clm_data *const data = picture_data();
    struct clm_model *const model = fixture_model(data, "he", 1, (const size_t[]){40, 0});
    struct clm_backend *const be = fixture_backend(kind);
    const struct clm_train_hooks hooks = {.on_epoch = keep_epoch, .user = &history};
    struct clm_settings *const settings =
        train_settings("epochs %zu batch %zu schedule constant lr %.17g momentum 0.5 seed 3 shuffle on",
                       epochs, batch, learning_rate);
    set_augmentation(settings, &changes);
    ck_assert_done(clm_train(be, model, data, settings, &hooks, result, &error));
    clm_settings_free(settings);
    ck_assert_uint_eq(result->memory_peak, result->memory_planned);
    clm_backend_close(be);
    clm_model_free(model);
    clm_data_close(data);
    return history;
}

static struct history train(enum fixture kind, struct clm_augmentation changes, double learning_rate,
                            size_t epochs, struct clm_train_result *result)
{
    return train_in_batches(32, kind, changes, learning_rate, epochs, result);
}

/* Losses agree with the reference's within the roundings of so few steps; each run gives the same bits. */
START_TEST(training_agrees_on_all_backends)
{
    static const enum fixture kinds[] = {FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST};
    for (size_t c = 0; c < COUNT_OF(each); c++) {
        struct clm_train_result expected, got, again;
        const struct history reference = train(FIXTURE_REFERENCE, each[c], 0.05, 4, &expected);
        const struct history own = train(kinds[_i], each[c], 0.05, 4, &got),
                             same = train(kinds[_i], each[c], 0.05, 4, &again);
        for (size_t e = 0; e < 4; e++) {
            ck_assert_within(own.epochs[e].train_loss, reference.epochs[e].train_loss, 1e-4);
            ck_assert(own.epochs[e].train_loss == same.epochs[e].train_loss);
        }
        ck_assert_within(got.test.loss, expected.test.loss, 1e-4);
        ck_assert(got.test.loss == again.test.loss);
    }
}
END_TEST

/* Steps are too small to change a weight. So the loss of augmented batches differs from epoch to epoch, but
 * the test set's is that of the initial net. */
START_TEST(training_rows_alone_are_changed)
{
    struct clm_train_result plain, changed;
    const struct history without = train(backends[_i], (struct clm_augmentation){0}, 1e-30, 3, &plain);
    for (size_t c = 0; c < COUNT_OF(each); c++) {
        const struct history with = train(backends[_i], each[c], 1e-30, 3, &changed);
        ck_assert(changed.test.loss == plain.test.loss && changed.test.accuracy == plain.test.accuracy);
        for (size_t e = 0; e < 3; e++) {
            ck_assert_double_gt(fabs(with.epochs[e].train_loss - without.epochs[e].train_loss), 1e-4);
            ck_assert_double_gt(fabs(with.epochs[e].train_loss - with.epochs[(e + 1) % 3].train_loss), 1e-4);
        }
    }
}
END_TEST

/* If a net does not change, an epoch's loss does not depend on how its rows are divided into batches. */
START_TEST(training_rows_do_not_depend_on_the_batch)
{
    struct clm_train_result result;
    const struct history one = train_in_batches(130, backends[_i], all_but_mixup, 1e-30, 2, &result);
    const struct history many = train_in_batches(7, backends[_i], all_but_mixup, 1e-30, 2, &result);
    for (size_t e = 0; e < 2; e++)
        ck_assert_within(many.epochs[e].train_loss, one.epochs[e].train_loss, 1e-6);
}
END_TEST

/* A net of one layer: network_gather fills in the batch at its place, and a step's loss uses both labels. */
START_TEST(a_step_takes_both_labels_at_the_batchs_place)
{
    enum { B = 6, FIRST = 9, CLASSES = 11 };
    struct picture_set set = set_open(backends[_i], true, ROWS, 3, 7, 5);
    const size_t widths[2] = {set.I, CLASSES};
    const struct clm_model_options options = {.sizes = widths, .size_count = 2, .seed = 1, .is_bytes = true};
    const struct augmentation there = augmentation_for(&set, all, 2, FIRST),
                              elsewhere = augmentation_for(&set, all, 2, 0);
    const struct minibatch minibatch = {
        .data = &set.data, .first = FIRST, .rows = B, .augmentation = &elsewhere, .position = FIRST};
    const struct step step = {.learning_rate = 1e-30};
    struct gathered_batch batch = gather_batch(&set, NULL, FIRST, B, &there);
    struct clm_model *model;
    struct network net;
    struct metrics sums;
    double X[B * 105], Z[B * CLASSES], loss, expected = 0;
    size_t correct;
    ck_assert_uint_eq(set.I, 105);
    ck_assert_done(clm_model_create(&options, &model, &error));
    ck_assert_done(network_create(set.be, &model->architecture, B, NETWORK_TRAIN(RULE_SGD), &net, &error));
    ck_assert_done(network_prepare_mixup(&net, &error));
    ck_assert_done(network_write(&net, model, &error));
    ck_assert_done(metrics_create(set.be, &sums, &error));
    ck_assert_done(metrics_reset(set.be, &sums, &error));
    ck_assert_done(network_gather(&net, &minibatch, &error));
    ck_assert_done(backend_read(set.be, &net.X, HOST_DOUBLE, X, &error));
    ck_assert_mem_eq(X, batch.X, sizeof X);
    ck_assert_done(network_forward(&net, B, &error));
    ck_assert_done(backend_read(set.be, &net.layers[0].Y, HOST_DOUBLE, Z, &error));
    ck_assert_done(network_step(&net, B, &step, &sums, NULL, &error));
    ck_assert_done(metrics_read(set.be, &sums, &loss, &correct, &error));
    const double share = augmentation_share(&there);
    for (size_t r = 0; r < B; r++) {
        const double *const z = Z + r * CLASSES;
        double sum = 0;
        for (size_t c = 0; c < CLASSES; c++)
            sum += exp(z[c]);
        expected += log(sum) - share * z[batch.labels[r]] - (1 - share) * z[batch.partners[r]];
    }
    ck_assert_within(loss, expected, 1e-5 * expected);
    network_free(&net);
    metrics_free(set.be, &sums);
    clm_model_free(model);
    batch_free(&batch);
    set_close(&set);
}
END_TEST

/* Training and augmentation_check refuse the same. */
static void expect_refused(const struct clm_data *data, struct clm_augmentation changes, const char *words)
{
    struct clm_model *const model = fixture_model(data, "he", 1, NULL);
    struct clm_backend *const be = fixture_backend(FIXTURE_REFERENCE);
    struct clm_settings *const settings = train_settings("epochs 1 batch 10");
    struct clm_train_result result;
    set_augmentation(settings, &changes);
    ck_assert_int_ne(clm_train(be, model, data, settings, NULL, &result, &error), CLM_OK);
    ck_assert_msg(strstr(error.message, words) != NULL, "\"%s\" says nothing of \"%s\"", error.message,
                  words);
    clm_settings_free(settings);
    clm_backend_close(be);
    clm_model_free(model);
}

START_TEST(senseless_augmentations_are_refused)
{
    struct clm_data *const pictures = picture_data(), *const others = fixture_data(30, 0, 90, 5);
    const struct clm_augmentation mixup = {.mixup = -1}, endless = {.noise = INFINITY};
    expect_refused(others, (struct clm_augmentation){.flip = true}, "no pictures");
    expect_refused(others, (struct clm_augmentation){.shift = 1}, "no pictures");
    expect_refused(others, (struct clm_augmentation){.cutout = 1}, "no pictures");
    expect_refused(pictures, (struct clm_augmentation){.shift = 5}, "below 5");
    expect_refused(pictures, (struct clm_augmentation){.cutout = 7}, "at most 6");
    /* the settings refuse this, but clm_augmented_sheet may get it */
    ck_assert_int_eq(augmentation_check(&mixup, pictures, &error), CLM_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "mixup of -1") != NULL, "%s", error.message);
    ck_assert_int_eq(augmentation_check(&endless, pictures, &error), CLM_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, "noise of inf") != NULL, "%s", error.message);
    /* the largest sensible values */
    const struct clm_augmentation largest[] = {{.flip = true, .shift = 4, .cutout = 6}, {.mixup = 1e-300}};
    for (size_t i = 0; i < COUNT_OF(largest); i++)
        ck_assert_done(augmentation_check(&largest[i], pictures, &error));
    ck_assert_done(augmentation_check(&largest[1], others, &error));
    clm_data_close(pictures);
    clm_data_close(others);
}
END_TEST

/* ---- sheets ---- */

static const struct clm_augmentation noise = {.noise = 0.05};

/* Replaces the library's, which draws them. Each value is a plain reading's, or the byte nearest to it. */
clm_status sheet_write(const struct clm_data *data, enum clm_part part, size_t rows, uint64_t seed,
                       const struct sheet_change *change, const char *path, struct clm_error *why)
{
    const struct augmentation a = {.changes = noise, .seed = seed, .epoch = 1};
    const bool is_bytes = data->element == ELEMENT_BYTE;
    const size_t I = data->features, count = rows * I;
    uint8_t *const bytes = malloc(count);
    float *const floats = malloc(count * sizeof *floats);
    ck_assert(bytes && floats);
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(floats[i] = (float)raw_of(i / I, i % I));
    ck_assert_done(change->apply(change->user, is_bytes ? (void *)bytes : (void *)floats, rows, why));
    for (size_t i = 0; i < count; i++) {
        const double added = noise.noise * normal_of(&a, i / I, i % I), x = raw_of(i / I, i % I);
        if (is_bytes)
            ck_assert_within(bytes[i], fmin(fmax(x + 255 * added, 0), 255), 0.5001);
        else
            ck_assert_within(floats[i], x + added, 1e-4);
    }
    free(bytes);
    free(floats);
    (void)part, (void)path;
    return CLM_OK;
}

START_TEST(a_sheet_is_as_a_plain_reading_has_it)
{
    const struct clm_data pictures = {.element = _i ? ELEMENT_BYTE : ELEMENT_FLOAT,
                                      .features = 105,
                                      .width = 7,
                                      .height = 5,
                                      .channels = 3};
    ck_assert_done(clm_augmented_sheet(&pictures, CLM_TRAIN, 20, &noise, SEED, "drawn.png", &error));
}
END_TEST

/* ---- the generator on the device ---- */

/* A kernel of this test after kernels/philox.cl, in a folder of its own. */
static const char around[] = "__kernel void blocks(__global const uint *counters, const uint2 key,"
                             " __global uint *out)\n"
                             "{\n"
                             "    WORDS c[4];\n"
                             "    for (int j = 0; j < 4; j++)\n"
                             "        c[j] = (WORDS)(counters[j]);\n"
                             "    philox4x32_10(c, key);\n"
                             "    for (int j = 0; j < 4; j++)\n"
                             "        ((__global WORDS *)out)[j] = c[j];\n"
                             "}\n";

static void run_block(const struct opencl_device *device, cl_kernel kernel, const uint32_t counter[4],
                      const uint32_t key[2], uint32_t *out, size_t bytes)
{
    cl_int code;
    uint32_t words[4];
    memcpy(words, counter, sizeof words);
    cl_mem from = clCreateBuffer(device->context, CL_MEM_COPY_HOST_PTR, sizeof words, words, &code);
    cl_mem to = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    const cl_uint2 keys = {{key[0], key[1]}};
    const size_t one = 1;
    ck_assert_done(opencl_launch(device, kernel, "blocks", 1, &one, &one,
                                 ARGUMENTS(ARGUMENT(from), ARGUMENT(keys), ARGUMENT(to)), &error));
    ck_assert_int_eq(clEnqueueReadBuffer(device->queue, to, CL_TRUE, 0, bytes, out, 0, NULL, NULL),
                     CL_SUCCESS);
    clReleaseMemObject(from);
    clReleaseMemObject(to);
}

static void open_device(struct opencl_device *device)
{
    struct clm_device *about;
    cl_device_id *ids;
    size_t count, best = 0;
    const char *const chosen = getenv("CLMLP_DEVICE"), *const selector = chosen && *chosen ? chosen : "auto";
    ck_assert_done(opencl_devices(&about, &ids, &count, &error));
    for (size_t i = 1; i < count; i++)
        if (opencl_preference(&about[i], selector) > opencl_preference(&about[best], selector))
            best = i;
    ck_assert(count && opencl_preference(&about[best], selector) > 0);
    ck_assert_done(opencl_device_open(ids[best], &about[best], 0, 1, device, &error));
    free(about);
    free(ids);
}

/* One block at a time, and 16 at once. */
START_TEST(the_device_knows_the_answers)
{
    static const char *const options[2] = {"-cl-std=CL1.2", "-cl-std=CL1.2 -DWORDS=uint16"};
    static const size_t lanes[2] = {1, 16};
    struct opencl_device device;
    char *const directory = test_directory();
    const struct kernel_source *source = kernel_sources;
    while (strcmp(source->name, "philox.cl"))
        source++;
    free(test_file(directory, "philox.cl", source->text, source->size));
    free(test_file(directory, "around.cl", around, sizeof around - 1));
    open_device(&device);
    for (int wide = 0; wide < 2; wide++) {
        cl_program program;
        cl_kernel kernel;
        setenv("CLMLP_KERNEL_DIR", directory, 1);
        const clm_status status =
            opencl_program_build(&device, "philox.cl around.cl", options[wide], &program, &error);
        unsetenv("CLMLP_KERNEL_DIR");
        ck_assert_done(status);
        ck_assert_done(opencl_kernel_create(program, "blocks", &kernel, &error));
        for (size_t k = 0; k < PHILOX_ANSWERS; k++) {
            uint32_t out[64];
            run_block(&device, kernel, philox_answers[k].counter, philox_answers[k].key, out,
                      4 * lanes[wide] * sizeof *out);
            for (size_t i = 0; i < 4 * lanes[wide]; i++)
                ck_assert_uint_eq(out[i], philox_answers[k].expected[i / lanes[wide]]);
        }
        clReleaseKernel(kernel);
        clReleaseProgram(program);
    }
    opencl_device_close(&device);
    test_directory_remove(directory);
}
END_TEST

/* If one of several files is missing, the error names it. */
START_TEST(a_missing_file_is_named)
{
    struct opencl_device device;
    cl_program program;
    char *const directory = test_directory();
    free(test_file(directory, "around.cl", around, sizeof around - 1));
    open_device(&device);
    setenv("CLMLP_KERNEL_DIR", directory, 1);
    const clm_status status = opencl_program_build(&device, "philox.cl around.cl", "", &program, &error);
    unsetenv("CLMLP_KERNEL_DIR");
    ck_assert_int_ne(status, CLM_OK);
    ck_assert_ptr_nonnull(strstr(error.message, "philox.cl"));
    opencl_device_close(&device);
    test_directory_remove(directory);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("augment");
    TCase *const rows = tcase_create("rows"), *const draws = tcase_create("draws"),
                 *const training = tcase_create("training");
    test_add_sampled(rows, rows_are_as_a_plain_reading_has_them, 0, 3, 2);
    tcase_add_test(rows, blas_and_device_agree_to_the_bit);
    test_add_sampled(rows, rows_that_are_no_pictures_are_mixed_and_get_noise, 0, 3, 2);
    test_add_sampled(rows, what_does_not_fit_is_refused, 0, 3, 2);
    test_add_sampled(rows, mixed_targets_are_means_of_both, 0, 3, 2);
    test_add_sampled(draws, draws_depend_on_seed_epoch_and_place_alone, 0, 3, 2);
    test_add_sampled(draws, draws_do_not_depend_on_how_an_epoch_is_cut, 0, 3, 2);
    tcase_add_test(draws, flips_moves_and_squares_are_uniform);
    tcase_add_test(draws, noise_is_normal_and_independent);
    tcase_add_test(draws, shares_are_of_the_beta_distribution);
    tcase_add_test(draws, partners_are_uniform);
    tcase_add_test(draws, the_device_knows_the_answers);
    tcase_add_test(draws, a_missing_file_is_named);
    test_add_sampled(training, training_agrees_on_all_backends, 0, 3, 2);
    test_add_sampled(training, training_rows_alone_are_changed, 0, 3, 2);
    test_add_sampled(training, training_rows_do_not_depend_on_the_batch, 0, 3, 2);
    test_add_sampled(training, a_step_takes_both_labels_at_the_batchs_place, 0, 3, 2);
    tcase_add_test(training, senseless_augmentations_are_refused);
    tcase_add_loop_test(training, a_sheet_is_as_a_plain_reading_has_it, 0, 2);
    suite_add_tcase(suite, rows);
    suite_add_tcase(suite, draws);
    suite_add_tcase(suite, training);
    return test_run(suite);
}
