/* Makes a synthetic data set for use without a real one: ten classes of coloured patterns in CIFAR-10's
 * binary layout, which a net can learn, but not at once. */
#include "base/file.h"
#include "base/philox.h"
#include "data/formats/cifar.h"
#include "data/files/staging.h"
#include "data/write/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A class is VARIANTS patterns, which a hidden layer can tell apart but a linear classifier cannot. A
 * row shows one of them with random shift, contrast and brightness. A second pattern of any class,
 * usually fainter, and noise are added. Only sums and products of doubles are used, so that every
 * processor makes the same bytes. */
enum {
    VARIANTS = 5,
    SHIFT_MAX = 6,                   /* pixels in each direction */
    CANVAS = CIFAR_SIDE + SHIFT_MAX, /* side of a pattern, from which the shown part is cut */
    CELL = 8,                        /* pixels between the knots of a pattern */
    KNOTS = (CANVAS + CELL - 1) / CELL + 1,
    PATTERNS = CIFAR_CLASSES * VARIANTS,
};

static const double amplitude = 70, faintest = 0.2, strongest = 1.6, noise_scale = 0.35;

struct pattern {
    double values[CIFAR_CHANNELS][CANVAS][CANVAS]; /* about -1 to 1 */
};

static double between(struct philox *random, double low, double high)
{
    return low + (high - low) * philox_uniform(random);
}

/* Draws a smooth pattern: random values at the knots of a grid, with bilinear interpolation between them. The
 * channels share a part of their values, as those of photographs do. */
static void draw_pattern(struct pattern *pattern, struct philox *random)
{
    double knots[CIFAR_CHANNELS][KNOTS][KNOTS];
    for (int y = 0; y < KNOTS; y++) {
        for (int x = 0; x < KNOTS; x++) {
            const double grey = between(random, -1, 1);
            for (int channel = 0; channel < CIFAR_CHANNELS; channel++)
                knots[channel][y][x] = 0.7 * grey + 0.5 * between(random, -1, 1);
        }
    }
    for (int channel = 0; channel < CIFAR_CHANNELS; channel++) {
        for (int y = 0; y < CANVAS; y++) {
            for (int x = 0; x < CANVAS; x++) {
                const double(*const at)[KNOTS] =
                    (const double(*)[KNOTS]) & knots[channel][y / CELL][x / CELL];
                const double down = (double)(y % CELL) / CELL, right = (double)(x % CELL) / CELL;
                const double above = at[0][0] + right * (at[0][1] - at[0][0]);
                const double below = at[1][0] + right * (at[1][1] - at[1][0]);
                pattern->values[channel][y][x] = above + down * (below - above);
            }
        }
    }
}

/* Noise from two random bytes: triangular, with mean 0, from -255 to 255. */
static double take_noise(uint32_t bits)
{
    return (double)(bits & 255) + (double)(bits >> 8 & 255) - 255;
}

static unsigned char to_byte(double value)
{
    return value <= 0 ? 0 : value >= 255 ? 255 : (unsigned char)(value + 0.5);
}

static void draw_row(const struct pattern *patterns, struct philox *random, unsigned char *record)
{
    const uint32_t label = philox_below(random, CIFAR_CLASSES);
    const struct pattern *shown = patterns + label * VARIANTS + philox_below(random, VARIANTS);
    const struct pattern *over = patterns + philox_below(random, PATTERNS);
    const uint32_t x0 = philox_below(random, SHIFT_MAX + 1), y0 = philox_below(random, SHIFT_MAX + 1);
    const double brightness = between(random, 0, 30);
    const double contrast = amplitude * between(random, 0.6, 1.4) * (philox_below(random, 2) ? 1 : -1);
    const double fainter = contrast * between(random, faintest, strongest);
    *record++ = (unsigned char)label;
    uint32_t bits = 0;
    for (uint32_t i = 0; i < CIFAR_PIXELS; i++) {
        const uint32_t channel = i / (CIFAR_SIDE * CIFAR_SIDE), y = i / CIFAR_SIDE % CIFAR_SIDE,
                       x = i % CIFAR_SIDE;
        bits = i % 2 ? bits >> 16 : philox_next(random);
        const double value = brightness + contrast * shown->values[channel][y0 + y][x0 + x] +
                             fainter * over->values[channel][y][x] + noise_scale * take_noise(bits);
        *record++ = to_byte(value);
    }
}

static clm_status synthetic_write_batch(const char *directory, const char *name, uint32_t batch, size_t rows,
                                        uint64_t seed, const struct pattern *patterns, unsigned char *records,
                                        struct clm_error *error)
{
    for (size_t i = 0; i < rows; i++) {
        /* each row has its own random numbers, so that the first rows do not depend on the number of rows */
        struct philox random =
            philox_start(seed, RANDOM_SYNTHETIC, batch * CLM_DATA_MAKE_ROWS_MAX + (uint32_t)i);
        draw_row(patterns, &random, records + i * CIFAR_RECORD);
    }
    char *path = path_join(directory, name);
    const clm_status status = path ? clm_write_file(path, records, rows * CIFAR_RECORD, error)
                                   : clm_fail_host_memory(error, directory, sizeof *path);
    free(path);
    return status;
}

static clm_status synthetic_write_names(const char *directory, struct clm_error *error)
{
    char text[CIFAR_CLASSES * 16];
    size_t used = 0;
    for (int i = 0; i < CIFAR_CLASSES; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "pattern %d\n", i);
    char *path = path_join(directory, "batches.meta.txt");
    const clm_status status =
        path ? clm_write_file(path, text, used, error) : clm_fail_host_memory(error, directory, sizeof *path);
    free(path);
    return status;
}

/* Writes the six files of rows and the file of names into an existing directory. */
static clm_status write_files(const char *directory, size_t rows, uint64_t seed, struct clm_error *error)
{
    struct philox random = philox_start(seed, RANDOM_SYNTHETIC, 0);
    struct pattern *patterns = malloc(PATTERNS * sizeof *patterns);
    unsigned char *records = malloc(rows * CIFAR_RECORD);
    clm_status status = CLM_OK;
    if (!patterns || !records)
        status = clm_fail_host_memory(error, directory, rows * CIFAR_RECORD + PATTERNS * sizeof *patterns);
    if (status == CLM_OK)
        for (int i = 0; i < PATTERNS; i++)
            draw_pattern(patterns + i, &random);
    for (uint32_t batch = 1; status == CLM_OK && batch <= CIFAR_BATCHES + 1; batch++)
        status = synthetic_write_batch(directory, cifar_writer.files[batch - 1], batch, rows, seed, patterns,
                                       records, error);
    if (status == CLM_OK)
        status = synthetic_write_names(directory, error);
    free(patterns);
    free(records);
    return status;
}

static clm_status synthetic_write(const char *directory, size_t rows, uint64_t seed, struct clm_error *error)
{
    const char *const *const names = cifar_writer.files;
    struct staging staging = {0};
    if (!rows || rows > CLM_DATA_MAKE_ROWS_MAX)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "a batch of %zu rows cannot be made, only 1 to %d", rows,
                        CLM_DATA_MAKE_ROWS_MAX);
    if (!staging_is_free(directory) && !staging_holds_only(directory, names)) {
        /* the directory holds other files, which stay, so each file is replaced on its own */
        const clm_status status = directory_make(directory, NULL, error);
        return status ? status : write_files(directory, rows, seed, error);
    }
    clm_status status = staging_begin(directory, &staging, error);
    if (status == CLM_OK)
        status = write_files(staging.path, rows, seed, error);
    if (status == CLM_OK)
        status = staging_commit(&staging, names, error);
    staging_drop(&staging);
    return status;
}

/* Refuses to replace files that exist, so that a set of another seed, or a real one, is not lost by
 * mistake. */
static clm_status synthetic_refuse_existing(const char *directory, struct clm_error *error)
{
    struct stat about;
    for (const char *const *name = cifar_writer.files; *name; name++) {
        char *const path = path_join(directory, *name);
        if (!path)
            return clm_fail_host_memory(error, directory, strlen(directory));
        const int reason = lstat(path, &about) ? errno : 0;
        free(path);
        if (reason && reason != ENOENT && reason != ENOTDIR)
            return clm_fail(error, CLM_ERROR_IO, "%s: cannot be searched for %s: %s", directory, *name,
                            strerror(reason));
        if (!reason)
            return clm_fail_setting(error, CLM_ERROR_IO, "force",
                                    "%s: holds %s already; name another directory, or let it be replaced",
                                    directory, *name);
    }
    return CLM_OK;
}

clm_status clm_data_make(const char *directory, size_t rows, uint64_t seed, bool replaces,
                         struct clm_error *error)
{
    clm_status status = check_given(directory, "directory for the data set", error);
    if (status == CLM_OK && !replaces)
        status = synthetic_refuse_existing(directory, error);
    return status ? status : synthetic_write(directory, rows, seed, error);
}
