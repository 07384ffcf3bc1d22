/* Decodes and encodes PNG with libpng. */
#include "data/pictures/image.h"

#include "data/files/stream.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct png_decoding {
    png_structp png;
    png_infop info;
    const unsigned char *bytes;
    size_t size, position;
    struct image *image;
    png_bytep *rows;
    char message[128];
    jmp_buf escape;
};

static void fail_in_png(png_structp png, png_const_charp message)
{
    struct png_decoding *const decoding = png_get_error_ptr(png);
    snprintf(decoding->message, sizeof decoding->message, "%s", message);
    longjmp(decoding->escape, 1);
}

/* libpng only warns of what it can correct. */
static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void image_png_read_bytes(png_structp png, png_bytep to, png_size_t count)
{
    struct png_decoding *const decoding = png_get_io_ptr(png);
    if (count > decoding->size - decoding->position)
        png_error(png, "it ends early");
    memcpy(to, decoding->bytes + decoding->position, count);
    decoding->position += count;
}

/* Runs `step`; false if libpng reported an error. Such an error jumps back to here (longjmp), so `step` must
 * keep its state in *decoding. */
static bool image_png_succeeds(struct png_decoding *decoding, void (*step)(struct png_decoding *))
{
    if (setjmp(decoding->escape))
        return false;
    step(decoding);
    return true;
}

static bool is_grey_palette(png_structp png, png_infop info)
{
    png_colorp colours = NULL;
    int count = 0;
    if (!png_get_PLTE(png, info, &colours, &count))
        return false;
    for (int i = 0; i < count; i++)
        if (colours[i].red != colours[i].green || colours[i].red != colours[i].blue)
            return false;
    return true;
}

static void image_png_read_header(struct png_decoding *decoding)
{
    decoding->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, decoding, fail_in_png, ignore_warning);
    decoding->info = decoding->png ? png_create_info_struct(decoding->png) : NULL;
    if (!decoding->info) {
        snprintf(decoding->message, sizeof decoding->message, "libpng has no memory");
        longjmp(decoding->escape, 1);
    }
    png_set_read_fn(decoding->png, decoding, image_png_read_bytes);
    png_set_user_limits(decoding->png, PNG_UINT_31_MAX,
                        PNG_UINT_31_MAX); /* image_allocate checks the size, with a better message */
    /* only the palette is needed; texts, colour profiles and the like are not even unpacked */
    png_set_keep_unknown_chunks(decoding->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(decoding->png, decoding->info);
    const int colour = png_get_color_type(decoding->png, decoding->info);
    const bool is_grey = !(colour & PNG_COLOR_MASK_COLOR) ||
                         (colour == PNG_COLOR_TYPE_PALETTE && is_grey_palette(decoding->png, decoding->info));
    decoding->image->width = png_get_image_width(decoding->png, decoding->info);
    decoding->image->height = png_get_image_height(decoding->png, decoding->info);
    decoding->image->channels = is_grey ? 1 : 3;
}

static void image_png_read_pixels(struct png_decoding *decoding)
{
    const png_structp png = decoding->png;
    const int colour = png_get_color_type(png, decoding->info);
    png_set_scale_16(png);
    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    else
        png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png);
    if (colour == PNG_COLOR_TYPE_PALETTE && decoding->image->channels == 1)
        png_set_rgb_to_gray_fixed(png, PNG_ERROR_ACTION_NONE, PNG_RGB_TO_GRAY_DEFAULT,
                                  PNG_RGB_TO_GRAY_DEFAULT);
    png_set_interlace_handling(png);
    png_read_update_info(png, decoding->info);
    if (png_get_rowbytes(png, decoding->info) != decoding->image->width * decoding->image->channels)
        png_error(png, "its rows have an unexpected size");
    png_read_image(png, decoding->rows);
    png_read_end(png, NULL);
}

static clm_status image_png_allocate(const char *path, struct png_decoding *decoding, struct clm_error *error)
{
    struct image *const image = decoding->image;
    const clm_status status = image_allocate(path, image, error);
    if (status != CLM_OK)
        return status;
    const size_t bound = deflate_bound(decoding->size); /* a header that promises more is false */
    const size_t needed = png_get_rowbytes(decoding->png, decoding->info) * image->height;
    if (needed > bound)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its header promises %zux%zu pixels, %zu bytes, but %zu bytes unpack to at most %zu; it is truncated or damaged",
            path, image->width, image->height, needed, decoding->size, bound);
    decoding->rows = malloc(image->height * sizeof *decoding->rows);
    if (!decoding->rows)
        return clm_fail_host_memory(error, path, image->height * sizeof *decoding->rows);
    for (size_t y = 0; y < image->height; y++)
        decoding->rows[y] = image->pixels + y * image->width * image->channels;
    return CLM_OK;
}

static clm_status image_png_fail_damaged(const char *path, const struct png_decoding *decoding,
                                         struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: is a damaged or truncated PNG (%s, at byte %zu of %zu); fetch or make it again",
                    path, decoding->message, decoding->position, decoding->size);
}

clm_status png_decode(const char *path, const unsigned char *bytes, size_t size, struct image *out,
                      struct clm_error *error)
{
    clm_status status = CLM_OK;
    struct png_decoding *const decoding = calloc(1, sizeof *decoding);
    if (!decoding)
        return clm_fail_host_memory(error, path, sizeof *decoding);
    decoding->bytes = bytes;
    decoding->size = size;
    decoding->image = out;
    if (!image_png_succeeds(decoding, image_png_read_header))
        status = image_png_fail_damaged(path, decoding, error);
    if (status == CLM_OK)
        status = image_png_allocate(path, decoding, error);
    if (status == CLM_OK && !image_png_succeeds(decoding, image_png_read_pixels))
        status = image_png_fail_damaged(path, decoding, error);
    png_destroy_read_struct(&decoding->png, &decoding->info, NULL);
    free(decoding->rows);
    free(decoding);
    return status;
}

clm_status png_encode(const char *path, const struct image *image, unsigned char **bytes, size_t *size,
                      struct clm_error *error)
{
    png_image control = {.version = PNG_IMAGE_VERSION,
                         .width = (png_uint_32)image->width,
                         .height = (png_uint_32)image->height,
                         .format = image->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
    png_alloc_size_t room = 0;
    *bytes = NULL;
    *size = 0;
    if (image->width > PNG_UINT_31_MAX || image->height > PNG_UINT_31_MAX)
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: %zux%zu pixels do not fit into a PNG", path,
                        image->width, image->height);
    /* an upper bound, so that one call is enough */
    room = PNG_IMAGE_PNG_SIZE_MAX(control);
    *bytes = malloc(room);
    if (!*bytes)
        return clm_fail_host_memory(error, path, room);
    if (!png_image_write_to_memory(&control, *bytes, &room, 0, image->pixels, 0, NULL)) {
        free(*bytes);
        *bytes = NULL;
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: its %zux%zu pixels cannot be written as PNG: %s", path,
                        image->width, image->height, control.message);
    }
    *size = room;
    return CLM_OK;
}
