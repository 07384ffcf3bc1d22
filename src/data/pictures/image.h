/* Pictures: PNG and JPEG, told apart by their first bytes, through libpng and libjpeg-turbo.
 *
 * What comes out is 8 bits a value. 16-bit PNG is reduced by rounding value * 255 / 65535, fewer than 8 bits are spread
 * over 0 to 255, a palette is looked up, alpha is dropped (as the folder readers of PyTorch and Keras do). Colour
 * profiles, gamma and EXIF's orientation are not applied. A picture is grey where its file says so: PNG of grey levels,
 * or with a palette of nothing but greys, JPEG with one component. */
#ifndef CLM_DATA_PICTURES_IMAGE_H
#define CLM_DATA_PICTURES_IMAGE_H

#include "base/error.h"

#define IMAGE_PIXELS_MAX ((size_t)1 << 26) /* more are refused before memory is taken for them */
#define IMAGE_FILE_MAX   ((size_t)1 << 28) /* bytes of a file */

struct image {
    size_t width, height;
    size_t channels;       /* 1 grey, 3 red, green and blue */
    unsigned char *pixels; /* (height, width, channels), owned */
};

/* "PNG", "JPEG", or NULL: what the bytes that a file begins with are of. */
const char *image_kind(const unsigned char *bytes, size_t size);

/* The picture whose file has these bytes; `path` is for the error. CLM_ERROR_FORMAT for what is neither PNG nor JPEG,
 * truncated, damaged, of a kind that is not read (CMYK), or larger than IMAGE_PIXELS_MAX. On failure *out is empty. */
CLM_MUST_CHECK clm_status image_decode(const char *path, const unsigned char *bytes, size_t size,
                                       struct image *out, struct clm_error *error);
void image_free(struct image *image);

/* For the decoders: CLM_ERROR_FORMAT unless there are pixels, and IMAGE_PIXELS_MAX at the most; then memory for
 * width x height x channels bytes. */
CLM_MUST_CHECK clm_status image_allocate(const char *path, struct image *image, struct clm_error *error);
CLM_MUST_CHECK clm_status png_decode(const char *path, const unsigned char *bytes, size_t size,
                                     struct image *out, struct clm_error *error);
CLM_MUST_CHECK clm_status jpeg_decode(const char *path, const unsigned char *bytes, size_t size,
                                      struct image *out, struct clm_error *error);

/* The bytes of a PNG file, which the caller frees. */
CLM_MUST_CHECK clm_status png_encode(const char *path, const struct image *image, unsigned char **bytes,
                                     size_t *size, struct clm_error *error);

/* Turns grey into colour or back: 0.299 red + 0.587 green + 0.114 blue, rounded (ITU-R BT.601, as "L" of Pillow). */
CLM_MUST_CHECK clm_status image_set_channels(const char *path, struct image *image, size_t channels,
                                             struct clm_error *error);

#endif
