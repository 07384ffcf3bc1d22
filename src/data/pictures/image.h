/* Decodes pictures, PNG with libpng and JPEG with libjpeg-turbo. The first bytes tell which of them it is.
 *
 * A decoded picture has 8 bits per value. 16-bit PNG is rounded to value * 255 / 65535, fewer than 8 bits are
 * scaled to 0 to 255, palettes are looked up, and alpha is dropped (as the folder readers of PyTorch and
 * Keras do). Colour profiles, gamma and EXIF's orientation are not applied. A picture is grey if its file
 * says so: a PNG of grey levels, a PNG whose palette has only greys, or a JPEG with one component. */
#ifndef CLM_DATA_PICTURES_IMAGE_H
#define CLM_DATA_PICTURES_IMAGE_H

#include "base/error.h"

#include <setjmp.h>

#define IMAGE_PIXELS_MAX ((size_t)1 << 26) /* a larger picture is refused before memory is allocated for it */
#define IMAGE_FILE_MAX   ((size_t)1 << 28) /* bytes of a file */

struct image {
    size_t width, height;
    size_t channels;       /* 1: grey; 3: red, green and blue */
    unsigned char *pixels; /* (height, width, channels), owned */
};

/* "PNG" or "JPEG", if a file that begins with these bytes is one; else NULL. */
const char *image_kind(const unsigned char *bytes, size_t size);

/* Whether a file that begins with these bytes is a picture of any kind, also of one that is not read. */
bool image_is_known(const unsigned char *bytes, size_t size);

/* Decodes the file with these bytes; `path` names it in messages. Fails with CLM_ERROR_FORMAT if it is
 * neither PNG nor JPEG, truncated, damaged, of a kind that is not read (CMYK), or larger than
 * IMAGE_PIXELS_MAX. On failure *out is empty. */
CLM_MUST_CHECK clm_status image_decode(const char *path, const unsigned char *bytes, size_t size,
                                       struct image *out, struct clm_error *error);
void image_free(struct image *image);

/* For the decoders: allocates width x height x channels bytes. Fails with CLM_ERROR_FORMAT if there are no
 * pixels or more than IMAGE_PIXELS_MAX. */
CLM_MUST_CHECK clm_status image_allocate(const char *path, struct image *image, struct clm_error *error);

/* A file that is being decoded. The state of a decoder begins with it. */
struct decoding {
    const char *path;
    const unsigned char *bytes;
    size_t size;
    struct image *image;
    char message[256]; /* of an error in the decoder's library, which then jumps to `escape` */
    jmp_buf escape;
};

/* A step may be left by a jump, so it must keep its state in *decoding. */
typedef void decoding_step(struct decoding *decoding);

struct decoder {
    size_t state_size;
    decoding_step *read_header; /* sets the image's size and channels */
    /* Allocates the image, unless it is of a kind that is not read or the file cannot hold so many pixels. */
    clm_status (*allocate)(struct decoding *decoding, struct clm_error *error);
    decoding_step *read_pixels;
    clm_status (*fail)(const struct decoding *decoding, struct clm_error *error); /* the file is damaged */
    decoding_step *close;
};

extern const struct decoder png_decoder, jpeg_decoder;

/* Encodes the picture as a PNG file, whose bytes the caller frees. */
CLM_MUST_CHECK clm_status png_encode(const char *path, const struct image *image, unsigned char **bytes,
                                     size_t *size, struct clm_error *error);

/* Converts grey to colour, or colour to grey: 0.299 red + 0.587 green + 0.114 blue, rounded (ITU-R BT.601,
 * as Pillow's "L"). */
CLM_MUST_CHECK clm_status image_set_channels(const char *path, struct image *image, size_t channels,
                                             struct clm_error *error);

/* Resizes pictures; proportions are not kept.
 *
 * Each axis is resized on its own. The result is rounded once, at the end, to the nearest byte (halves go
 * up):
 *   down, same size  a target pixel is the mean of the source over the interval that it covers; a source
 *                    pixel that is only partly in the interval counts for that part
 *   up               bilinear: pixel i is interpolated at (i + 1/2) source / target - 1/2; positions outside
 *                    of the picture take its edge
 * Bytes are averaged as they are, without gamma. */
CLM_MUST_CHECK clm_status image_resize(const char *path, struct image *image, size_t width, size_t height,
                                       struct clm_error *error);

#endif
