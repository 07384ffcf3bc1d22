/* Decodes and encodes PNG with libpng. */
#include "data/pictures/image.h"

#include "data/files/compression.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct png_decoding {
    struct decoding file;
    png_structp png;
    png_infop info;
    size_t position;
    png_bytep *rows;
};

static void fail_in_png(png_structp png, png_const_charp message)
{
    struct decoding *const decoding = png_get_error_ptr(png);
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
    struct png_decoding *const state = png_get_io_ptr(png);
    if (count > state->file.size - state->position)
        png_error(png, "it ends early");
    memcpy(to, state->file.bytes + state->position, count);
    state->position += count;
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

static void image_png_read_header(struct decoding *decoding)
{
    struct png_decoding *const state = (struct png_decoding *)decoding;
    state->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, decoding, fail_in_png, ignore_warning);
    state->info = state->png ? png_create_info_struct(state->png) : NULL;
    if (!state->info) {
        snprintf(decoding->message, sizeof decoding->message, "libpng has no memory");
        longjmp(decoding->escape, 1);
    }
    png_set_read_fn(state->png, state, image_png_read_bytes);
    png_set_user_limits(state->png, PNG_UINT_31_MAX,
                        PNG_UINT_31_MAX); /* image_allocate checks the size, with a better message */
    /* only the palette is needed; texts, colour profiles and the like are not even unpacked */
    png_set_keep_unknown_chunks(state->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(state->png, state->info);
    const int colour = png_get_color_type(state->png, state->info);
    const bool is_grey = !(colour & PNG_COLOR_MASK_COLOR) ||
                         (colour == PNG_COLOR_TYPE_PALETTE && is_grey_palette(state->png, state->info));
    decoding->image->width = png_get_image_width(state->png, state->info);
    decoding->image->height = png_get_image_height(state->png, state->info);
    decoding->image->channels = is_grey ? 1 : 3;
}

static void image_png_read_pixels(struct decoding *decoding)
{
    struct png_decoding *const state = (struct png_decoding *)decoding;
    const png_structp png = state->png;
    const int colour = png_get_color_type(png, state->info);
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
    png_read_update_info(png, state->info);
    if (png_get_rowbytes(png, state->info) != decoding->image->width * decoding->image->channels)
        png_error(png, "its rows have an unexpected size");
    png_read_image(png, state->rows);
    png_read_end(png, NULL);
}

static clm_status image_png_allocate(struct decoding *decoding, struct clm_error *error)
{
    struct png_decoding *const state = (struct png_decoding *)decoding;
    struct image *const image = decoding->image;
    const clm_status status = image_allocate(decoding->path, image, error);
    if (status != CLM_OK)
        return status;
    /* a header that promises more is false */
    const size_t bound = compression_bound(COMPRESSED_GZIP, decoding->size);
    const size_t needed = png_get_rowbytes(state->png, state->info) * image->height;
    if (needed > bound)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its header promises %zux%zu pixels, %zu bytes, but %zu bytes unpack to at most %zu; it is truncated or damaged",
            decoding->path, image->width, image->height, needed, decoding->size, bound);
    state->rows = malloc(image->height * sizeof *state->rows);
    if (!state->rows)
        return clm_fail_host_memory(error, decoding->path, image->height * sizeof *state->rows);
    for (size_t y = 0; y < image->height; y++)
        state->rows[y] = image->pixels + y * image->width * image->channels;
    return CLM_OK;
}

static clm_status image_png_fail(const struct decoding *decoding, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: is a damaged or truncated PNG (%s, at byte %zu of %zu); fetch or make it again",
                    decoding->path, decoding->message, ((const struct png_decoding *)decoding)->position,
                    decoding->size);
}

static void image_png_close(struct decoding *decoding)
{
    struct png_decoding *const state = (struct png_decoding *)decoding;
    png_destroy_read_struct(&state->png, &state->info, NULL);
    free(state->rows);
}

const struct decoder png_decoder = {sizeof(struct png_decoding), image_png_read_header, image_png_allocate,
                                    image_png_read_pixels,       image_png_fail,        image_png_close};

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
