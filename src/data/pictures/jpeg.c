/* Decodes JPEG with libjpeg-turbo. */
#include "data/pictures/image.h"

#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>

/* A progressive JPEG has about ten scans. Each costs time for all blocks of the picture but may be only a few
 * bytes long, so a small file with many scans could take very long. */
#define SCANS_MAX 100

/* The densest JPEG: a Huffman code has at least one bit, and the first component has a code for each
 * block of 8x8 pixels. */
#define PIXELS_PER_BYTE ((size_t)8 * 64)

struct jpeg_decoding {
    struct decoding file;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
};

static void fail_in_jpeg(j_common_ptr jpeg)
{
    struct decoding *const decoding = jpeg->client_data;
    jpeg->err->format_message(jpeg, decoding->message);
    longjmp(decoding->escape, 1);
}

/* libjpeg warns of damage and goes on with invented pixels, so a warning is a failure. Two of its
 * warnings are harmless. */
static void hear_warning(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level < 0 && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR)
        fail_in_jpeg(jpeg);
}

static void count_scans(j_common_ptr jpeg)
{
    struct decoding *const decoding = jpeg->client_data;
    if (((struct jpeg_decoding *)decoding)->jpeg.input_scan_number <= SCANS_MAX)
        return;
    snprintf(decoding->message, sizeof decoding->message, "it has more than %d scans", SCANS_MAX);
    longjmp(decoding->escape, 1);
}

static void image_jpeg_read_header(struct decoding *decoding)
{
    struct jpeg_decoding *const state = (struct jpeg_decoding *)decoding;
    struct jpeg_decompress_struct *const jpeg = &state->jpeg;
    jpeg->err = jpeg_std_error(&state->errors);
    jpeg->client_data = decoding;
    state->errors.error_exit = fail_in_jpeg;
    state->errors.emit_message = hear_warning; /* nothing else of libjpeg prints */
    jpeg_create_decompress(jpeg);
    state->progress.progress_monitor = count_scans;
    jpeg->progress = &state->progress;
    jpeg_mem_src(jpeg, decoding->bytes, decoding->size);
    jpeg_read_header(jpeg, TRUE);
    decoding->image->width = jpeg->image_width;
    decoding->image->height = jpeg->image_height;
    decoding->image->channels = jpeg->jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
}

static void image_jpeg_read_pixels(struct decoding *decoding)
{
    struct jpeg_decompress_struct *const jpeg = &((struct jpeg_decoding *)decoding)->jpeg;
    const struct image *const image = decoding->image;
    jpeg->out_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW; /* the same bits on every processor */
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = image->pixels + jpeg->output_scanline * image->width * image->channels;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

static clm_status image_jpeg_allocate(struct decoding *decoding, struct clm_error *error)
{
    const struct jpeg_decompress_struct *const jpeg = &((struct jpeg_decoding *)decoding)->jpeg;
    const struct image *const image = decoding->image;
    const J_COLOR_SPACE space = jpeg->jpeg_color_space;
    if (space != JCS_GRAYSCALE && space != JCS_YCbCr && space != JCS_RGB)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: is a JPEG of %d components%s, but only grey and RGB are read; convert it first",
                        decoding->path, jpeg->num_components,
                        space == JCS_CMYK || space == JCS_YCCK ? " (CMYK)" : "");
    /* cannot overflow: a JPEG's width and height have 16 bits */
    if (!jpeg->arith_code && image->width * image->height / PIXELS_PER_BYTE > decoding->size)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its header promises %zux%zu pixels, but %zu bytes can hold at most %zu; it is truncated or damaged",
            decoding->path, image->width, image->height, decoding->size, decoding->size * PIXELS_PER_BYTE);
    return image_allocate(decoding->path, decoding->image, error);
}

static clm_status image_jpeg_fail(const struct decoding *decoding, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: is a damaged or truncated JPEG of %zu bytes (%s); fetch or make it again",
                    decoding->path, decoding->size, decoding->message);
}

static void image_jpeg_close(struct decoding *decoding)
{
    jpeg_destroy_decompress(&((struct jpeg_decoding *)decoding)->jpeg);
}

const struct decoder jpeg_decoder = {
    sizeof(struct jpeg_decoding), image_jpeg_read_header, image_jpeg_allocate,
    image_jpeg_read_pixels,       image_jpeg_fail,        image_jpeg_close};
