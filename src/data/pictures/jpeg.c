/* Decodes JPEG with libjpeg-turbo. */
#include "data/pictures/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* A progressive JPEG has about ten scans. Each costs time for all blocks of the picture but may be only a few
 * bytes long, so a small file with many scans could take very long. */
#define SCANS_MAX 100

/* The densest JPEG: a Huffman code has at least one bit, and the first component has a code for each
 * block of 8x8 pixels. */
#define PIXELS_PER_BYTE ((size_t)8 * 64)

struct jpeg_decoding {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    const unsigned char *bytes;
    size_t size;
    struct image *image;
    char message[JMSG_LENGTH_MAX];
    jmp_buf escape;
};

static void fail_in_jpeg(j_common_ptr jpeg)
{
    struct jpeg_decoding *const decoding = jpeg->client_data;
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
    struct jpeg_decoding *const decoding = jpeg->client_data;
    if (decoding->jpeg.input_scan_number <= SCANS_MAX)
        return;
    snprintf(decoding->message, sizeof decoding->message, "it has more than %d scans", SCANS_MAX);
    longjmp(decoding->escape, 1);
}

/* Runs `step`; false if libjpeg reported an error. Such an error jumps back to here (longjmp), so `step` must
 * keep its state in *decoding. */
static bool image_jpeg_succeeds(struct jpeg_decoding *decoding, void (*step)(struct jpeg_decoding *))
{
    if (setjmp(decoding->escape))
        return false;
    step(decoding);
    return true;
}

static void image_jpeg_read_header(struct jpeg_decoding *decoding)
{
    struct jpeg_decompress_struct *const jpeg = &decoding->jpeg;
    jpeg->err = jpeg_std_error(&decoding->errors);
    jpeg->client_data = decoding;
    decoding->errors.error_exit = fail_in_jpeg;
    decoding->errors.emit_message = hear_warning; /* nothing else of libjpeg prints */
    jpeg_create_decompress(jpeg);
    decoding->progress.progress_monitor = count_scans;
    jpeg->progress = &decoding->progress;
    jpeg_mem_src(jpeg, decoding->bytes, decoding->size);
    jpeg_read_header(jpeg, TRUE);
    decoding->image->width = jpeg->image_width;
    decoding->image->height = jpeg->image_height;
    decoding->image->channels = jpeg->jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
}

static void image_jpeg_read_pixels(struct jpeg_decoding *decoding)
{
    struct jpeg_decompress_struct *const jpeg = &decoding->jpeg;
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

static clm_status check_colours(const char *path, const struct jpeg_decoding *decoding,
                                struct clm_error *error)
{
    const J_COLOR_SPACE space = decoding->jpeg.jpeg_color_space;
    if (space == JCS_GRAYSCALE || space == JCS_YCbCr || space == JCS_RGB)
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: is a JPEG of %d components%s, but only grey and RGB are read; convert it first",
                    path, decoding->jpeg.num_components,
                    space == JCS_CMYK || space == JCS_YCCK ? " (CMYK)" : "");
}

/* Allocates what the header promises, unless so few bytes cannot hold so many pixels. */
static clm_status image_jpeg_allocate(const char *path, const struct jpeg_decoding *decoding,
                                      struct clm_error *error)
{
    const struct image *const image = decoding->image;
    /* cannot overflow: a JPEG's width and height have 16 bits */
    if (!decoding->jpeg.arith_code && image->width * image->height / PIXELS_PER_BYTE > decoding->size)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its header promises %zux%zu pixels, but %zu bytes can hold at most %zu; it is truncated or damaged",
            path, image->width, image->height, decoding->size, decoding->size * PIXELS_PER_BYTE);
    return image_allocate(path, decoding->image, error);
}

static clm_status image_jpeg_fail_damaged(const char *path, const struct jpeg_decoding *decoding,
                                          struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: is a damaged or truncated JPEG of %zu bytes (%s); fetch or make it again", path,
                    decoding->size, decoding->message);
}

clm_status jpeg_decode(const char *path, const unsigned char *bytes, size_t size, struct image *out,
                       struct clm_error *error)
{
    clm_status status = CLM_OK;
    struct jpeg_decoding *const decoding = calloc(1, sizeof *decoding);
    if (!decoding)
        return clm_fail_host_memory(error, path, sizeof *decoding);
    decoding->bytes = bytes;
    decoding->size = size;
    decoding->image = out;
    if (!image_jpeg_succeeds(decoding, image_jpeg_read_header))
        status = image_jpeg_fail_damaged(path, decoding, error);
    if (status == CLM_OK)
        status = check_colours(path, decoding, error);
    if (status == CLM_OK)
        status = image_jpeg_allocate(path, decoding, error);
    if (status == CLM_OK && !image_jpeg_succeeds(decoding, image_jpeg_read_pixels))
        status = image_jpeg_fail_damaged(path, decoding, error);
    jpeg_destroy_decompress(&decoding->jpeg);
    free(decoding);
    return status;
}
