#include "data/pictures/image.h"

#include "base/size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct signature {
    const char *kind;
    const char *bytes;
    size_t size, offset;
    const struct decoder *decoder; /* NULL if the kind is not read */
};

static const struct signature signatures[] = {
    {"PNG", "\x89PNG\r\n\x1a\n", 8, 0, &png_decoder},
    {"JPEG", "\xff\xd8\xff", 3, 0, &jpeg_decoder},
    {"GIF", "GIF8", 4, 0, NULL},
    {"BMP", "BM", 2, 0, NULL},
    {"WebP", "WEBP", 4, 8, NULL},
    {"TIFF", "II*\0", 4, 0, NULL},
    {"TIFF", "MM\0*", 4, 0, NULL},
    {"AVIF or HEIF", "ftyp", 4, 4, NULL},
    {"JPEG 2000", "jP  ", 4, 4, NULL},
    {"PNM", "P5", 2, 0, NULL},
    {"PNM", "P6", 2, 0, NULL},
};

static const struct signature *find_signature(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const struct signature *const s = signatures + i;
        if (size >= s->offset + s->size && !memcmp(bytes + s->offset, s->bytes, s->size))
            return s;
    }
    return NULL;
}

const char *image_kind(const unsigned char *bytes, size_t size)
{
    const struct signature *const found = find_signature(bytes, size);
    return found && found->decoder ? found->kind : NULL;
}

bool image_is_known(const unsigned char *bytes, size_t size)
{
    return find_signature(bytes, size) != NULL;
}

void image_free(struct image *image)
{
    free(image->pixels);
    *image = (struct image){0};
}

clm_status image_allocate(const char *path, struct image *image, struct clm_error *error)
{
    size_t pixels, bytes;
    if (!image->width || !image->height)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: has %zux%zu pixels, so it is no picture", path,
                        image->width, image->height);
    if (!size_mul(image->width, image->height, &pixels) || pixels > IMAGE_PIXELS_MAX)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its header promises %zux%zu pixels, more than the %zu (8192x8192) that are read; make it smaller first",
            path, image->width, image->height, IMAGE_PIXELS_MAX);
    bytes = pixels * image->channels;
    image->pixels = malloc(bytes);
    return image->pixels ? CLM_OK : clm_fail_host_memory(error, path, bytes);
}

static clm_status image_refuse(const char *path, const unsigned char *bytes, size_t size,
                               struct clm_error *error)
{
    const struct signature *const found = find_signature(bytes, size);
    char shown[64] = "it is empty";
    if (found)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: is a picture in the format %s, but only PNG and JPEG are read; convert it first",
                        path, found->kind);
    for (size_t i = 0, used = 0; i < size && i < 4; i++)
        used += (size_t)snprintf(shown + used, sizeof shown - used, i ? " %02x" : "it begins with %02x",
                                 bytes[i]);
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: is neither PNG (which begins with 89 50 4e 47) nor JPEG (ff d8 ff): %s; remove it from the directory",
        path, shown);
}

/* Runs `step`; false if it was left by a jump. */
static bool succeeds(struct decoding *decoding, decoding_step *step)
{
    if (setjmp(decoding->escape))
        return false;
    step(decoding);
    return true;
}

clm_status image_decode(const char *path, const unsigned char *bytes, size_t size, struct image *out,
                        struct clm_error *error)
{
    const struct signature *const found = find_signature(bytes, size);
    *out = (struct image){0};
    if (!found || !found->decoder)
        return image_refuse(path, bytes, size, error);
    const struct decoder *const decoder = found->decoder;
    struct decoding *const decoding = calloc(1, decoder->state_size);
    if (!decoding)
        return clm_fail_host_memory(error, path, decoder->state_size);
    decoding->path = path;
    decoding->bytes = bytes;
    decoding->size = size;
    decoding->image = out;
    clm_status status = succeeds(decoding, decoder->read_header) ? decoder->allocate(decoding, error)
                                                                 : decoder->fail(decoding, error);
    if (status == CLM_OK && !succeeds(decoding, decoder->read_pixels))
        status = decoder->fail(decoding, error);
    decoder->close(decoding);
    free(decoding);
    if (status != CLM_OK)
        image_free(out);
    return status;
}

/* Luminance; the weights are 0.299, 0.587 and 0.114, times 65536. */
static unsigned char to_grey(const unsigned char *pixel)
{
    return (unsigned char)((19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + 32768) >> 16);
}

clm_status image_set_channels(const char *path, struct image *image, size_t channels, struct clm_error *error)
{
    if (image->channels == channels)
        return CLM_OK;
    const size_t pixels = image->width * image->height;
    unsigned char *const changed = malloc(pixels * channels), *const from = image->pixels;
    if (!changed)
        return clm_fail_host_memory(error, path, pixels * channels);
    for (size_t i = 0; i < pixels; i++) {
        if (channels == 3)
            memset(changed + 3 * i, from[i], 3);
        else
            changed[i] = to_grey(from + 3 * i);
    }
    free(from);
    image->pixels = changed;
    image->channels = channels;
    return CLM_OK;
}
