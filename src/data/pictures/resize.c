#include "data/pictures/image.h"

#include "base/size.h"

#include <math.h>
#include <stdlib.h>

/* How each target pixel of an axis is made: the sum of count[i] source pixels from first[i] on, times their
 * `weights`, which begin at i * most. */
struct axis {
    size_t target, most;
    size_t *first, *count;
    float *weights;
};

static void axis_free(struct axis *axis)
{
    free(axis->first);
    free(axis->count);
    free(axis->weights);
}

/* Weights each source pixel by the part of it that lies in [start, end), divided by the length
 * of the interval. */
static void cover(struct axis *axis, size_t i, size_t source)
{
    const double step = (double)source / (double)axis->target;
    const double start = (double)i * step, end = fmin((double)(i + 1) * step, (double)source);
    const size_t first = (size_t)start;
    axis->first[i] = first;
    for (size_t k = 0; k < axis->most && first + k < source; k++) {
        const double low = fmax(start, (double)(first + k)), high = fmin(end, (double)(first + k + 1));
        if (high <= low)
            break;
        axis->weights[i * axis->most + k] = (float)((high - low) / (end - start));
        axis->count[i] = k + 1;
    }
}

static void interpolate(struct axis *axis, size_t i, size_t source)
{
    const double step = (double)source / (double)axis->target;
    const double at = fmin(fmax(((double)i + 0.5) * step - 0.5, 0), (double)(source - 1));
    const size_t first = (size_t)at;
    const double rest = at - (double)first;
    axis->first[i] = first;
    axis->count[i] = first + 1 < source ? 2 : 1;
    axis->weights[i * axis->most] = (float)(1 - rest);
    axis->weights[i * axis->most + 1] = (float)rest;
}

static bool axis_make(struct axis *axis, size_t source, size_t target)
{
    size_t size;
    *axis = (struct axis){.target = target, .most = target > source ? 2 : source / target + 2};
    if (!size_mul(target, axis->most, &size))
        return false;
    axis->first = calloc(target, sizeof *axis->first);
    axis->count = calloc(target, sizeof *axis->count);
    axis->weights = calloc(size, sizeof *axis->weights);
    if (!axis->first || !axis->count || !axis->weights)
        return false;
    for (size_t i = 0; i < target; i++) {
        if (target > source)
            interpolate(axis, i, source);
        else
            cover(axis, i, source);
    }
    return true;
}

/* Resizes (height, width, channels) bytes to (height, across->target, channels). */
static void resize_rows(const struct image *image, const struct axis *across, float *to)
{
    const size_t channels = image->channels;
    for (size_t y = 0; y < image->height; y++) {
        const unsigned char *row = image->pixels + y * image->width * channels;
        for (size_t x = 0; x < across->target; x++) {
            for (size_t c = 0; c < channels; c++) {
                float sum = 0;
                for (size_t k = 0; k < across->count[x]; k++)
                    sum += across->weights[x * across->most + k] *
                           (float)row[(across->first[x] + k) * channels + c];
                *to++ = sum;
            }
        }
    }
}

/* Resizes (source height, row) to (down->target, row) bytes; `sums` has room for a row. */
static void resize_columns(const float *from, size_t row, const struct axis *down, float *sums,
                           unsigned char *to)
{
    for (size_t y = 0; y < down->target; y++, to += row) {
        for (size_t i = 0; i < row; i++)
            sums[i] = 0.5f;
        for (size_t k = 0; k < down->count[y]; k++) {
            const float weight = down->weights[y * down->most + k];
            const float *line = from + (down->first[y] + k) * row;
            for (size_t i = 0; i < row; i++)
                sums[i] += weight * line[i];
        }
        for (size_t i = 0; i < row; i++)
            to[i] = sums[i] >= 255 ? 255 : (unsigned char)sums[i];
    }
}

clm_status image_resize(const char *path, struct image *image, size_t width, size_t height,
                        struct clm_error *error)
{
    struct axis across = {0}, down = {0};
    float *between = NULL, *sums = NULL;
    unsigned char *resized = NULL;
    size_t row, row_size, size, wide;
    clm_status status = CLM_OK;
    if (image->width == width && image->height == height)
        return CLM_OK;
    if (!size_mul(width, image->channels, &row) || !size_mul(row, sizeof *sums, &row_size) ||
        !size_mul(row_size, image->height, &wide) || !size_mul(row, height, &size))
        return clm_fail_host_memory(error, path, SIZE_MAX);
    between = malloc(wide);
    sums = malloc(row_size);
    resized = malloc(size);
    if (!between || !sums || !resized || !axis_make(&across, image->width, width) ||
        !axis_make(&down, image->height, height)) {
        status = clm_fail_host_memory(error, path, wide + size);
        goto cleanup;
    }
    resize_rows(image, &across, between);
    resize_columns(between, row, &down, sums, resized);
    free(image->pixels);
    image->pixels = resized;
    image->width = width;
    image->height = height;
    resized = NULL;
cleanup:
    axis_free(&across);
    axis_free(&down);
    free(between);
    free(sums);
    free(resized);
    return status;
}
