/* Pictures: decoding PNG and JPEG in all their forms, other sizes, folders, and files that are none. */
#include "data/data.h"
#include "data/pictures/image.h"

#include "support/pictures.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct clm_error error;
static struct file_bytes file;
static char *directory;

static void set_up(void)
{
    error = (struct clm_error){0};
    directory = test_directory();
    unsetenv("CLMLP_DATA");
}

static void tear_down(void)
{
    test_directory_remove(directory);
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

static void decodes_to(size_t width, size_t height, size_t channels, const unsigned char *pixels)
{
    struct image image;
    ck_assert_msg(image_decode("picture", file.at, file.size, &image, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(image.width, width);
    ck_assert_uint_eq(image.height, height);
    ck_assert_uint_eq(image.channels, channels);
    ck_assert_mem_eq(image.pixels, pixels, width * height * channels);
    image_free(&image);
}

START_TEST(test_png_grey)
{
    /* 1, 2, 4, 8 and 16 bits: levels are spread over 0 to 255, 16 bits are rounded */
    static const struct {
        unsigned char depth;
        size_t row;
        unsigned char samples[16], expected[6];
    } cases[] = {
        {1, 1, {0xa0, 0x40}, {255, 0, 255, 0, 255, 0}},
        {2, 1, {0x18, 0xe4}, {0, 85, 170, 255, 170, 85}},
        {4, 2, {0x01, 0x20, 0xef, 0x70}, {0, 17, 34, 238, 255, 119}},
        {8, 3, {0, 1, 2, 253, 254, 255}, {0, 1, 2, 253, 254, 255}},
        /* 128.498 and 128.502 of 255 */
        {16, 6, {0, 0, 0x81, 0x00, 0x81, 0x01, 0, 127, 0, 129, 255, 255}, {0, 128, 129, 0, 1, 255}},
    };
    const struct png_form form = {.width = 3, .height = 2, .depth = cases[_i].depth, .colour = PNG_GREY};
    png_make(&file, &form, cases[_i].samples, cases[_i].row);
    decodes_to(3, 2, 1, cases[_i].expected);
}
END_TEST

START_TEST(test_png_colour)
{
    static const unsigned char samples[] = {1, 2, 3, 250, 251, 252};
    static const unsigned char wide[] = {0, 0, 0x81, 0, 0x81, 1, 255, 255, 1, 1, 0, 129};
    static const unsigned char narrow[] = {0, 128, 129, 255, 1, 1};
    png_make(&file, &(struct png_form){.width = 2, .height = 1, .depth = 8, .colour = PNG_RGB}, samples, 6);
    decodes_to(2, 1, 3, samples);
    png_make(&file, &(struct png_form){.width = 2, .height = 1, .depth = 16, .colour = PNG_RGB}, wide, 12);
    decodes_to(2, 1, 3, narrow);
}
END_TEST

/* Alpha is dropped; the colours that it would hide are kept. */
START_TEST(test_png_alpha)
{
    static const unsigned char colours[] = {1, 2, 3, 0, 250, 251, 252, 128}, greys[] = {7, 0, 9, 255};
    static const unsigned char transparent[] = {0, 1, 0, 2, 0, 3}, plain[] = {1, 2, 3, 250, 251, 252};
    png_make(&file, &(struct png_form){.width = 2, .height = 1, .depth = 8, .colour = PNG_RGBA}, colours, 8);
    decodes_to(2, 1, 3, plain);
    png_make(&file, &(struct png_form){.width = 2, .height = 1, .depth = 8, .colour = PNG_GREY_ALPHA}, greys,
             4);
    decodes_to(2, 1, 1, (const unsigned char[]){7, 9});
    const struct png_form keyed = {
        .width = 2, .height = 1, .depth = 8, .colour = PNG_RGB, .alpha = transparent, .alpha_count = 6};
    png_make(&file, &keyed, plain, 6);
    decodes_to(2, 1, 3, plain);
}
END_TEST

START_TEST(test_png_palette)
{
    static const unsigned char colours[] = {10, 20, 30, 40, 50, 60, 70, 80, 90, 1, 1, 1},
                               greys[] = {9, 9, 9, 200, 200, 200}, alpha[] = {0, 128};
    struct png_form form = {
        .width = 4, .height = 1, .depth = 2, .colour = PNG_PALETTE, .palette = colours, .palette_count = 4};
    png_make(&file, &form, "\x1b", 1);
    decodes_to(4, 1, 3, colours);
    form.alpha = alpha;
    form.alpha_count = 2;
    png_make(&file, &form, "\x1b", 1);
    decodes_to(4, 1, 3, colours);
    form = (struct png_form){
        .width = 4, .height = 1, .depth = 1, .colour = PNG_PALETTE, .palette = greys, .palette_count = 2};
    png_make(&file, &form, "\x50", 1);
    decodes_to(4, 1, 1, (const unsigned char[]){9, 200, 9, 200});
}
END_TEST

/* Adam7: passes of 1, 1, 1 and 3 pixels of a picture of 3 x 2, each row with its filter. */
START_TEST(test_png_interlaced)
{
    const struct png_form form = {.width = 3, .height = 2, .depth = 8, .colour = PNG_GREY, .interlace = 1};
    /* pass 1: (0,0); pass 4: (2,0); pass 6: (1,0); pass 7: the second row */
    static const unsigned char rows[] = {0, 10, 0, 30, 0, 20, 0, 40, 50, 60};
    png_start(&file);
    png_add_header(&file, &form);
    png_add_rows(&file, rows, sizeof rows);
    png_add_chunk(&file, "IEND", NULL, 0);
    decodes_to(3, 2, 1, (const unsigned char[]){10, 20, 30, 40, 50, 60});
}
END_TEST

/* Chunks about the meaning of colours, and unknown ones, change nothing; damage in them does not matter. */
START_TEST(test_png_other_chunks)
{
    const struct png_form form = {.width = 1, .height = 1, .depth = 8, .colour = PNG_RGB};
    png_start(&file);
    png_add_header(&file, &form);
    png_add_chunk(&file, "gAMA", "\0\0\x10\0", 4);
    png_add_chunk(&file, "iCCP", "profile\0\0no deflated data", 25);
    png_add_chunk(&file, "teXt", "anything", 8);
    png_add_rows(&file, "\0\x64\x32\x19", 4);
    png_add_chunk(&file, "IEND", NULL, 0);
    decodes_to(1, 1, 3, (const unsigned char[]){0x64, 0x32, 0x19});
}
END_TEST

enum { SIDE = 16 };

/* Smooth, so that JPEG at quality 95 is off by only a few levels. */
static void fill_smooth(unsigned char *pixels, int channels)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < channels; c++)
                pixels[(y * SIDE + x) * channels + c] = (unsigned char)(20 + 10 * x + 3 * y + 20 * c);
}

START_TEST(test_jpeg)
{
    const int channels = _i & 1 ? 3 : 1;
    unsigned char pixels[SIDE * SIDE * 3];
    struct image image;
    fill_smooth(pixels, channels);
    jpeg_make(&file, pixels, SIDE, SIDE, channels, _i & 2 ? SCANS_PROGRESSIVE : SCANS_ONE);
    ck_assert_msg(image_decode("picture", file.at, file.size, &image, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(image.width, SIDE);
    ck_assert_uint_eq(image.height, SIDE);
    ck_assert_uint_eq(image.channels, channels);
    for (size_t i = 0; i < SIDE * SIDE * (size_t)channels; i++)
        ck_assert_within(image.pixels[i], pixels[i], 10);
    image_free(&image);
}
END_TEST

START_TEST(test_channels)
{
    static const unsigned char colours[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 9, 9, 9};
    struct image image = {.width = 5, .height = 1, .channels = 3, .pixels = malloc(sizeof colours)};
    memcpy(image.pixels, colours, sizeof colours);
    ck_assert_int_eq(image_set_channels("picture", &image, 1, &error), CLM_OK);
    ck_assert_uint_eq(image.channels, 1);
    ck_assert_mem_eq(image.pixels, ((const unsigned char[]){76, 150, 29, 255, 9}), 5);
    ck_assert_int_eq(image_set_channels("picture", &image, 3, &error), CLM_OK);
    ck_assert_uint_eq(image.channels, 3);
    ck_assert_mem_eq(image.pixels,
                     ((const unsigned char[]){76, 76, 76, 150, 150, 150, 29, 29, 29, 255, 255, 255, 9, 9, 9}),
                     15);
    image_free(&image);
}
END_TEST

START_TEST(test_png_encode)
{
    const size_t channels = _i ? 3 : 1;
    unsigned char pixels[5 * 7 * 3], *bytes = NULL;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * i);
    const struct image image = {.width = 5, .height = 7, .channels = channels, .pixels = pixels};
    ck_assert_int_eq(png_encode("picture", &image, &bytes, &file.size, &error), CLM_OK);
    ck_assert_uint_le(file.size, sizeof file.at);
    memcpy(file.at, bytes, file.size);
    free(bytes);
    decodes_to(5, 7, channels, pixels);
}
END_TEST

/* ---- other sizes --------------------------------------------------------------------------------------- */

/* The formula in image.h, one output pixel at a time, in double. */
static double sample_axis(const double *line, size_t source, size_t target, size_t i)
{
    const double step = (double)source / (double)target;
    double sum = 0;
    if (target > source) {
        const double at = fmin(fmax(((double)i + 0.5) * step - 0.5, 0), (double)(source - 1));
        const size_t k = (size_t)at;
        return line[k] + (k + 1 < source ? (at - (double)k) * (line[k + 1] - line[k]) : 0);
    }
    for (size_t k = 0; k < source; k++) {
        const double low = fmax((double)i * step, (double)k),
                     high = fmin((double)(i + 1) * step, (double)(k + 1));
        sum += high > low ? (high - low) * line[k] : 0;
    }
    return sum / step;
}

static double sample(const struct image *image, size_t channel, size_t width, size_t height, size_t x,
                     size_t y)
{
    double column[64], row[64];
    for (size_t v = 0; v < image->height; v++) {
        for (size_t u = 0; u < image->width; u++)
            row[u] = image->pixels[(v * image->width + u) * image->channels + channel];
        column[v] = sample_axis(row, image->width, width, x);
    }
    return sample_axis(column, image->height, height, y);
}

START_TEST(test_resize)
{
    static const size_t sizes[][4] = {{6, 4, 3, 2},  {7, 5, 3, 4},    {3, 2, 6, 4},   {3, 2, 7, 9},
                                      {5, 5, 1, 1},  {1, 1, 4, 3},    {37, 23, 5, 7}, {5, 40, 9, 3},
                                      {40, 3, 7, 8}, {13, 13, 13, 5}, {9, 4, 9, 8}};
    const size_t *const s = sizes[_i / 2], channels = _i % 2 ? 3 : 1;
    struct image image = {.width = s[0], .height = s[1], .channels = channels}, before;
    image.pixels = malloc(s[0] * s[1] * channels);
    for (size_t i = 0; i < s[0] * s[1] * channels; i++)
        image.pixels[i] = (unsigned char)(i * 2654435761u >> 11);
    before = image;
    before.pixels = malloc(s[0] * s[1] * channels);
    memcpy(before.pixels, image.pixels, s[0] * s[1] * channels);
    ck_assert_int_eq(image_resize("picture", &image, s[2], s[3], &error), CLM_OK);
    ck_assert_uint_eq(image.width, s[2]);
    ck_assert_uint_eq(image.height, s[3]);
    /* the nearest byte; sums of at most 40 x 40 floats up to 255 are off by less than 40 x 2^-24 x 255 x 2 */
    for (size_t y = 0; y < s[3]; y++)
        for (size_t x = 0; x < s[2]; x++)
            for (size_t c = 0; c < channels; c++)
                ck_assert_within(image.pixels[(y * s[2] + x) * channels + c],
                                 sample(&before, c, s[2], s[3], x, y), 0.5 + 0.0013);
    image_free(&image);
    image_free(&before);
}
END_TEST

START_TEST(test_resize_by_hand)
{
    struct image image = {.width = 4, .height = 2, .channels = 1, .pixels = malloc(8)};
    memcpy(image.pixels, ((const unsigned char[]){0, 10, 20, 30, 40, 50, 60, 255}), 8);
    ck_assert_int_eq(image_resize("picture", &image, 2, 1, &error), CLM_OK);
    ck_assert_mem_eq(image.pixels, ((const unsigned char[]){25, 91}), 2); /* 100 / 4, 365 / 4 */
    ck_assert_int_eq(image_resize("picture", &image, 4, 1, &error), CLM_OK);
    ck_assert_mem_eq(image.pixels, ((const unsigned char[]){25, 42, 75, 91}),
                     4); /* 41.5, 74.5: halves go up */
    image_free(&image);
}
END_TEST

/* ---- damaged pictures ---------------------------------------------------------------------------------- */

/* The picture must be refused in one line with `part` that names it, and nothing goes to stderr. */
static void refused_picture(const char *part)
{
    struct image image = {.width = 1};
    error = (struct clm_error){0};
    const clm_status status = image_decode("the/picture", file.at, file.size, &image, &error);
    ck_assert_msg(status == CLM_ERROR_FORMAT, "status %d for %s: %s", status, part, error.message);
    ck_assert_int_eq(error.status, status);
    ck_assert_ptr_null(image.pixels);
    ck_assert_msg(!strncmp(error.message, "the/picture: ", 13), "%s", error.message);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
}

static const struct png_form small_form = {.width = 2, .height = 2, .depth = 8, .colour = PNG_GREY};

START_TEST(test_png_headers)
{
    static const struct {
        struct png_form form;
        const char *part;
    } cases[] = {
        {{.width = 65535, .height = 65535, .depth = 8, .colour = PNG_GREY}, "promises 65535x65535 pixels"},
        {{.width = 65535, .height = 65535, .depth = 16, .colour = PNG_RGBA}, "promises 65535x65535 pixels"},
        {{.width = 0x7fffffff, .height = 1, .depth = 8, .colour = PNG_GREY}, "pixels"},
        {{.width = 1, .height = 0x7fffffff, .depth = 1, .colour = PNG_GREY}, "pixels"},
        {{.width = 8192, .height = 8192, .depth = 8, .colour = PNG_GREY}, "bytes unpack to at most"},
        {{.width = 8192, .height = 8193, .depth = 8, .colour = PNG_GREY}, "make it smaller"},
        {{.width = 0x80000000, .height = 1, .depth = 8, .colour = PNG_GREY}, "out of range"},
        {{.width = 0, .height = 1, .depth = 8, .colour = PNG_GREY}, "Invalid IHDR"},
        {{.width = 1, .height = 0, .depth = 8, .colour = PNG_GREY}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 3, .colour = PNG_GREY}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 0, .colour = PNG_GREY}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 4, .colour = PNG_RGB}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 16, .colour = PNG_PALETTE}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 8, .colour = 1}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 8, .colour = 5}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 8, .colour = 7}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 8, .colour = PNG_GREY, .compression = 1}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 8, .colour = PNG_GREY, .filter = 1}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 8, .colour = PNG_GREY, .interlace = 2}, "Invalid IHDR"},
        {{.width = 2, .height = 2, .depth = 8, .colour = PNG_PALETTE}, "PLTE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        png_start(&file);
        png_add_header(&file, &cases[i].form);
        png_add_rows(&file, "\0\1\2\0\3\4", 6);
        png_add_chunk(&file, "IEND", NULL, 0);
        refused_picture(cases[i].part);
    }
}
END_TEST

START_TEST(test_png_bodies)
{
    const unsigned char palette[] = {1, 2, 3, 4};
    png_start(&file); /* only a signature */
    refused_picture("it ends early, at byte 8 of 8");
    png_add_chunk(&file, "IDAT", "", 0); /* no header */
    refused_picture("IHDR");
    png_start(&file); /* no pixels */
    png_add_header(&file, &small_form);
    png_add_chunk(&file, "IEND", NULL, 0);
    refused_picture("IEND: out of place");
    png_start(&file); /* two headers */
    png_add_header(&file, &small_form);
    png_add_header(&file, &small_form);
    refused_picture("IHDR");
    png_start(&file); /* a palette of four bytes */
    png_add_header(&file, &(struct png_form){.width = 2, .height = 2, .depth = 8, .colour = PNG_PALETTE});
    png_add_chunk(&file, "PLTE", palette, 4);
    png_add_rows(&file, "\0\1\2\0\3\4", 6);
    refused_picture("PLTE");
    png_start(&file); /* no deflated data */
    png_add_header(&file, &small_form);
    png_add_chunk(&file, "IDAT", "no deflated data", 16);
    png_add_chunk(&file, "IEND", NULL, 0);
    refused_picture("truncated PNG");
    png_start(&file); /* one row of two */
    png_add_header(&file, &small_form);
    png_add_rows(&file, "\0\1\2", 3);
    png_add_chunk(&file, "IEND", NULL, 0);
    refused_picture("Not enough image data");
    png_start(&file); /* a filter that does not exist */
    png_add_header(&file, &small_form);
    png_add_rows(&file, "\5\1\2\0\3\4", 6);
    png_add_chunk(&file, "IEND", NULL, 0);
    refused_picture("filter");
    png_start(&file); /* an unknown chunk that must be understood */
    png_add_header(&file, &small_form);
    png_add_chunk(&file, "CODE", "x", 1);
    refused_picture("CODE");
    png_start(&file); /* a chunk of four gigabytes */
    png_add_header(&file, &small_form);
    memcpy(file.at + file.size, "\xff\xff\xff\xffIDAT", 8);
    file.size += 8;
    refused_picture("truncated PNG");
    png_start(&file); /* no end */
    png_add_header(&file, &small_form);
    png_add_rows(&file, "\0\1\2\0\3\4", 6);
    refused_picture("it ends early");
}
END_TEST

/* If it is cut off, or any byte changes, it is refused: each byte counts. */
START_TEST(test_png_cut_and_changed)
{
    png_make_simple(&file, 5, 4, 3, 1);
    const size_t size = file.size;
    for (file.size = 0; file.size < size; file.size++)
        refused_picture("");
    for (size_t i = 0; i < size; i++) {
        const unsigned char was = file.at[i];
        file.at[i] = (unsigned char)(was ^ 0x41);
        refused_picture("");
        file.at[i] = was;
    }
}
END_TEST

/* JPEG has no checksum, so a changed byte may pass; a cut does not. */
START_TEST(test_jpeg_cut_and_changed)
{
    unsigned char pixels[SIDE * SIDE * 3];
    size_t refused = 0;
    fill_smooth(pixels, 3);
    jpeg_make(&file, pixels, SIDE, SIDE, 3, _i ? SCANS_PROGRESSIVE : SCANS_ONE);
    const size_t size = file.size;
    for (file.size = 0; file.size + 2 < size; file.size++) /* the last two bytes say that it ends */
        refused_picture("");
    file.size = size;
    for (size_t i = 0; i < size; i++) {
        struct image image;
        const unsigned char was = file.at[i];
        file.at[i] = (unsigned char)(was ^ 0xff);
        if (image_decode("picture", file.at, size, &image, &error) == CLM_OK)
            ck_assert(image.pixels && image.width && image.height);
        else
            refused++;
        image_free(&image);
        file.at[i] = was;
    }
    ck_assert_uint_gt(refused, size / 10);
}
END_TEST

/* The offset of the frame's header (SOF0 to SOF2): FF Cn, length, precision, height, width, components. */
static size_t find_frame(void)
{
    for (size_t i = 2; i + 9 < file.size; i++)
        if (file.at[i] == 0xff && file.at[i + 1] >= 0xc0 && file.at[i + 1] <= 0xc2)
            return i;
    ck_abort_msg("no frame");
    return 0;
}

START_TEST(test_jpeg_headers)
{
    unsigned char pixels[SIDE * SIDE * 4];
    fill_smooth(pixels, 4);
    jpeg_make(&file, pixels, SIDE, SIDE, 4, SCANS_ONE);
    refused_picture("JPEG of 4 components (CMYK)");
    jpeg_make(&file, pixels, SIDE, SIDE, 1, SCANS_ONE);
    const size_t frame = find_frame();
    unsigned char *const at = file.at + frame;
    memset(at + 5, 0xff, 4);
    refused_picture("JPEG"); /* 65535 is above libjpeg's own limit */
    memcpy(at + 5, "\xf0\x00\xf0\x00", 4);
    refused_picture("promises 61440x61440 pixels");
    memcpy(at + 5, "\x20\x00\x20\x00", 4);
    refused_picture("promises 8192x8192 pixels");
    memcpy(at + 5, "\1\0\1\0", 4);
    refused_picture("truncated JPEG"); /* 256 x 256, and data for 16 x 16 */
    memcpy(at + 5, "\0\0\0\x10", 4);
    refused_picture("JPEG");
    memcpy(at + 5, "\0\x10\0\0", 4);
    refused_picture("JPEG");
    memcpy(at + 5, "\0\x10\0\x10", 4);
    at[4] = 12;
    refused_picture("12");
    at[4] = 8;
    at[9] = 0;
    refused_picture("JPEG");
    at[9] = 1;
    at[1] = 0xc3; /* lossless */
    refused_picture("JPEG");
    memcpy(file.at, "\xff\xd8\xff\xd9", 4);
    file.size = 4; /* begins, and ends */
    refused_picture("JPEG");
    memcpy(file.at, "\xff\xd8\xff\xff\xff\xff", 6);
    file.size = 6;
    refused_picture("JPEG");
}
END_TEST

/* A scan of a few bytes may cost a pass over all blocks. */
START_TEST(test_jpeg_scans)
{
    static unsigned char pixels[SIDE * SIDE];
    fill_smooth(pixels, 1);
    jpeg_make(&file, pixels, SIDE, SIDE, 1, SCANS_MANY);
    refused_picture("it has more than 100 scans");
}
END_TEST

START_TEST(test_other_kinds)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } cases[] = {
        {"", 0, "is empty"},
        {"x", 1, "it begins with 78"},
        {"some text", 9, "it begins with 73 6f 6d 65"},
        {"\x89PNG\r\n\x1a", 7, "it begins with 89 50 4e 47"},
        {"\x89PNG\n\x1a\n\0", 8, "it begins with 89 50 4e 47"}, /* after a transfer as text */
        {"\xff\xd8", 2, "it begins with ff d8"},
        {"GIF89a\0\0\0\0", 10, "in the format GIF"},
        {"BM\0\0\0\0", 6, "in the format BMP"},
        {"RIFF\0\0\0\0WEBPVP8 ", 16, "in the format WebP"},
        {"II*\0\0\0\0\0", 8, "in the format TIFF"},
        {"MM\0*\0\0\0\0", 8, "in the format TIFF"},
        {"\0\0\0\x20"
         "ftypavif",
         12, "in the format AVIF"},
        {"\0\0\0\x0cjP  \r\n", 10, "in the format JPEG 2000"},
        {"P5\n2 2\n255\n", 11, "in the format PNM"},
        {"<svg xmlns='http://www.w3.org/2000/svg'/>", 41, "it begins with 3c 73 76 67"},
        {"PK\3\4", 4, "it begins with 50 4b 03 04"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(file.at, cases[i].bytes, cases[i].size);
        file.size = cases[i].size;
        refused_picture(cases[i].part);
    }
}
END_TEST

/* ---- folders ------------------------------------------------------------------------------------------- */

static char *path_of(const char *name)
{
    char *path = NULL;
    ck_assert_int_ge(asprintf(&path, "%s/%s", directory, name), 0);
    return path;
}

/* Writes `file` to the directory, and makes the folders above it. */
static void put(const char *name)
{
    char *path = path_of(name);
    for (char *c = path + strlen(directory) + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        mkdir(path, 0777);
        *c = '/';
    }
    free(test_file(directory, name, file.at, file.size));
    free(path);
}

static void put_picture(const char *name, uint32_t width, uint32_t height, size_t channels,
                        unsigned char first)
{
    png_make_simple(&file, width, height, channels, first);
    put(name);
}

static void put_bytes(const char *name, const char *bytes)
{
    file.size = strlen(bytes);
    memcpy(file.at, bytes, file.size);
    put(name);
}

static void make_folder(const char *name)
{
    char *path = path_of(name);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    free(path);
}

static void make_link(const char *to, const char *name)
{
    char *path = path_of(name);
    ck_assert_int_eq(symlink(to, path), 0);
    free(path);
}

static void remove_name(const char *name)
{
    char *path = path_of(name);
    ck_assert_int_eq(remove(path), 0);
    free(path);
}

static struct clm_data *open_with(struct clm_data_options options)
{
    struct clm_data *data = NULL;
    if (!options.source)
        options.source = directory;
    error = (struct clm_error){0};
    ck_assert_msg(clm_data_open(&options, &data, &error) == CLM_OK, "%s", error.message);
    ck_assert_str_eq(clm_data_format(data), "images");
    ck_assert(clm_data_is_bytes(data));
    return data;
}

static void refused(struct clm_data_options options, clm_status expected, const char *name, const char *part)
{
    struct clm_data *data = (struct clm_data *)&error;
    char *path = *name ? path_of(name) : strdup(directory);
    if (!options.source)
        options.source = directory;
    error = (struct clm_error){0};
    const clm_status status = clm_data_open(&options, &data, &error);
    ck_assert_msg(status == expected, "status %d for %s: %s", status, part, error.message);
    ck_assert_ptr_null(data);
    ck_assert_msg(strstr(error.message, path) != NULL, "%s is not named: %s", path, error.message);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
    free(path);
}

static void folder_refused(const char *name, const char *part)
{
    refused((struct clm_data_options){.format = "images"}, CLM_ERROR_FORMAT, name, part);
}

/* The row of the part that begins with this byte, because a test must not rely on the order of rows. */
static size_t find_row(const struct clm_data *data, enum clm_part part, unsigned char first)
{
    const struct rows *rows = data_part(data, part);
    for (size_t r = 0; r < rows->count; r++)
        if (*(const unsigned char *)data_row(data, rows, r) == first)
            return r;
    ck_abort_msg("no row begins with %u", first);
    return 0;
}

static void has_row(const struct clm_data *data, enum clm_part part, unsigned char first, const char *class)
{
    const size_t row = find_row(data, part, first);
    ck_assert_str_eq(clm_data_class_name(data, clm_data_label(data, part, row)), class);
}

/* Three classes of 4 x 2 pictures with different first bytes. */
static void put_small(void)
{
    put_picture("cat/1.png", 4, 2, 1, 10);
    put_picture("cat/2.png", 4, 2, 1, 20);
    put_picture("ant/only", 4, 2, 1, 30); /* the content tells the format */
    put_picture("bee/x.jpg", 4, 2, 1, 40);
}

START_TEST(test_folder)
{
    put_small();
    struct clm_data *data = open_with((struct clm_data_options){.format = _i ? "images" : NULL});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 4);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 0);
    ck_assert_uint_eq(clm_data_features(data), 8);
    ck_assert_uint_eq(clm_data_classes(data), 3);
    ck_assert_str_eq(clm_data_class_name(data, 0), "ant");
    ck_assert_str_eq(clm_data_class_name(data, 1), "bee");
    ck_assert_str_eq(clm_data_class_name(data, 2), "cat");
    ck_assert_uint_eq(data->width, 4);
    ck_assert_uint_eq(data->height, 2);
    ck_assert_uint_eq(data->channels, 1);
    has_row(data, CLM_TRAIN, 10, "cat");
    has_row(data, CLM_TRAIN, 20, "cat");
    has_row(data, CLM_TRAIN, 30, "ant");
    has_row(data, CLM_TRAIN, 40, "bee");
    const unsigned char *const row = data_row(data, &data->train, find_row(data, CLM_TRAIN, 20));
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(row[i], 20 + 7 * i);
    clm_data_close(data);
}
END_TEST

/* (height, width, channel) in the file, (channel, row, column) in memory. */
START_TEST(test_folder_planar)
{
    put_picture("a/1", 3, 2, 3, 5);
    struct clm_data *data = open_with((struct clm_data_options){0});
    const unsigned char *const row = data->train.values;
    ck_assert_uint_eq(clm_data_features(data), 18);
    ck_assert_uint_eq(data->channels, 3);
    for (unsigned c = 0; c < 3; c++)
        for (unsigned i = 0; i < 6; i++)
            ck_assert_uint_eq(row[c * 6 + i], 5 + 7 * (3 * i + c));
    clm_data_close(data);
}
END_TEST

/* Grey pictures become coloured if any picture has colours, wherever it is. */
START_TEST(test_folder_mixed)
{
    static const char *const names[] = {"a/0", "b/0", "z/9", "train/a/9", "test/b/1"};
    const char *const prefix = _i < 3 ? "" : "train/";
    char grey[2][32];
    snprintf(grey[0], sizeof grey[0], "%sa/1", prefix);
    snprintf(grey[1], sizeof grey[1], "%sb/1", prefix);
    put_picture(grey[0], 4, 2, 1, 10);
    put_picture(grey[1], 4, 2, 1, 20);
    if (_i == 3)
        put_picture("test/b/1", 4, 2, 1, 90);
    put_picture(names[_i], 4, 2, 3, 30);
    struct clm_data *data = open_with((struct clm_data_options){0});
    ck_assert_uint_eq(clm_data_features(data), 24);
    ck_assert_uint_eq(data->channels, 3);
    for (int first = 10; first <= 20; first += 10) {
        const unsigned char *const row =
            data_row(data, &data->train, find_row(data, CLM_TRAIN, (unsigned char)first));
        for (unsigned i = 0; i < 24; i++)
            ck_assert_uint_eq(row[i], (unsigned)first + 7 * (i % 8));
    }
    const enum clm_part part = _i == 4 ? CLM_TEST : CLM_TRAIN;
    const unsigned char *const coloured = data_row(data, data_part(data, part), find_row(data, part, 30));
    for (unsigned i = 0; i < 24; i++)
        ck_assert_uint_eq(coloured[i], 30 + 7 * (3 * (i % 8) + i / 8));
    if (_i == 3)
        ck_assert_uint_eq(((const unsigned char *)data->test.values)[23], 90 + 7 * 7);
    clm_data_close(data);
}
END_TEST

START_TEST(test_folder_options)
{
    put_picture("a/1", 4, 2, 3, 10);
    put_picture("b/1", 8, 6, 1, 20);
    folder_refused("b/1", "8x6 pixels, but");
    struct clm_data *data =
        open_with((struct clm_data_options){.channels = 1, .resize_width = 5, .resize_height = 3});
    ck_assert_uint_eq(clm_data_features(data), 15);
    ck_assert_uint_eq(data->width, 5);
    ck_assert_uint_eq(data->height, 3);
    clm_data_close(data);
    remove_name("a/1");
    put_picture("a/1", 8, 6, 1, 10);
    data = open_with((struct clm_data_options){.channels = 3});
    ck_assert_uint_eq(clm_data_features(data), 8 * 6 * 3);
    clm_data_close(data);
}
END_TEST

START_TEST(test_folder_bad_options)
{
    static const struct {
        struct clm_data_options options;
        const char *part;
    } cases[] = {
        {{.channels = 2}, "2 channels"},
        {{.channels = 4}, "4 channels"},
        {{.resize_width = 4}, "resized to 4x0"},
        {{.resize_height = 4}, "resized to 0x4"},
        {{.resize_width = 8193, .resize_height = 8192}, "resized to 8193x8192"},
        {{.resize_width = SIZE_MAX, .resize_height = SIZE_MAX}, "resized to"},
    };
    put_small();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clm_data *data = NULL;
        struct clm_data_options options = cases[i].options;
        options.source = directory;
        ck_assert_int_eq(clm_data_open(&options, &data, &error), CLM_ERROR_ARGUMENT);
        ck_assert_msg(strstr(error.message, cases[i].part) != NULL, "%s", error.message);
    }
}
END_TEST

/* The last rows, held out for validation, have all classes, and are the same each time. */
START_TEST(test_folder_order)
{
    enum { ROWS = 60 };
    for (int i = 0; i < 2 * ROWS; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s/%03d", i < ROWS ? "a" : "b", i);
        put_picture(name, 1, 1, 1, (unsigned char)i);
    }
    struct clm_data *data = open_with((struct clm_data_options){.validation = ROWS}),
                    *again = open_with((struct clm_data_options){.validation = ROWS});
    size_t of_a = 0;
    for (size_t r = 0; r < ROWS; r++)
        of_a += clm_data_label(data, CLM_VALIDATION, r) == 0;
    /* hypergeometric with deviation 2.75 around 30 */
    ck_assert_uint_gt(of_a, 15);
    ck_assert_uint_lt(of_a, 45);
    ck_assert_mem_eq(data->read.train.values, again->read.train.values, 2 * ROWS);
    for (size_t r = 0; r < 2 * ROWS; r++)
        ck_assert_uint_eq(data->read.train.labels[r],
                          ((const unsigned char *)data->read.train.values)[r] >= ROWS);
    clm_data_close(data);
    clm_data_close(again);
}
END_TEST

START_TEST(test_folder_split)
{
    put_picture("train/cat/1", 4, 2, 1, 10);
    put_picture("train/ant/1", 4, 2, 1, 20);
    put_picture("test/cat/1", 4, 2, 1, 30);
    put_picture("val/cat/1", 4, 2, 1, 40);
    put_bytes("README", "about these pictures");
    struct clm_data *data = open_with((struct clm_data_options){0});
    ck_assert_uint_eq(clm_data_classes(data), 2);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 2);
    ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), 1);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 1);
    has_row(data, CLM_VALIDATION, 40, "cat");
    has_row(data, CLM_TRAIN, 10, "cat");
    has_row(data, CLM_TRAIN, 20, "ant");
    has_row(data, CLM_TEST, 30, "cat");
    clm_data_close(data);

    put_picture("test/dog/1", 4, 2, 1, 50);
    folder_refused("test/dog", "no class of that name");
    remove_name("test/dog/1");
    remove_name("test/dog");
    put_picture("test/ant/1", 2, 4, 1, 50);
    folder_refused("test/ant/1", "2x4 pixels, but");

    /* a test set that cannot be read does not count as missing */
    remove_name("test/ant/1");
    remove_name("test/ant");
    remove_name("test/cat/1");
    remove_name("test/cat");
    make_link("cat", "test/cat");
    refused((struct clm_data_options){0}, CLM_ERROR_IO, "test/cat", "symbolic links");
    remove_name("test/cat");
    remove_name("test");
    make_link("test", "test");
    refused((struct clm_data_options){0}, CLM_ERROR_IO, "test", "symbolic links");
}
END_TEST

/* A separate test set has fewer classes: its labels are those of the training set's names. */
START_TEST(test_folder_other_test_set)
{
    put_picture("one/ant/1", 4, 2, 1, 10);
    put_picture("one/bee/1", 4, 2, 1, 20);
    put_picture("one/cat/1", 4, 2, 1, 30);
    put_picture("two/cat/1", 4, 2, 1, 40);
    put_picture("two/bee/1", 4, 2, 1, 50);
    put_picture("three/train/cat/1", 4, 2, 1, 60);
    put_picture("three/test/cat/1", 4, 2, 1, 70);
    char *one = path_of("one"), *two = path_of("two"), *three = path_of("three");
    struct clm_data *data = open_with((struct clm_data_options){.source = one, .test = two});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 2);
    has_row(data, CLM_TEST, 40, "cat");
    has_row(data, CLM_TEST, 50, "bee");
    clm_data_close(data);
    data = open_with((struct clm_data_options){.source = one, .test = three});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 1);
    has_row(data, CLM_TEST, 70, "cat");
    clm_data_close(data);
    refused((struct clm_data_options){.source = two, .test = one}, CLM_ERROR_FORMAT, "one/ant",
            "no class of that name");
    free(one);
    free(two);
    free(three);
}
END_TEST

START_TEST(test_folder_left_out)
{
    put_small();
    put_bytes(".DS_Store", "x");
    put_bytes("cat/.hidden", "x");
    put_bytes("cat/Thumbs.db", "x");
    put_bytes("cat/desktop.ini", "x");
    put_bytes("labels.csv", "x");
    put_bytes("__MACOSX/cat/1.png", "x");
    make_folder(".git");
    struct clm_data *data = open_with((struct clm_data_options){0});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 4);
    ck_assert_uint_eq(clm_data_classes(data), 3);
    clm_data_close(data);
}
END_TEST

/* "train" and "test" may be classes. */
START_TEST(test_folder_of_trains)
{
    put_picture("train/1", 4, 2, 1, 10);
    put_picture("bus/1", 4, 2, 1, 20);
    put_picture("test/1", 4, 2, 1, 30);
    struct clm_data *data = open_with((struct clm_data_options){0});
    ck_assert_uint_eq(clm_data_classes(data), 3);
    has_row(data, CLM_TRAIN, 10, "train");
    clm_data_close(data);
}
END_TEST

START_TEST(test_folder_links)
{
    put_small();
    put_picture("set/a/1", 4, 2, 1, 10);
    char *set = path_of("set"), *root = path_of("root-link");
    make_link("1", "set/a/inside");
    make_link("a", "set/b");
    make_link("set", "root-link"); /* the named folder may be a link itself */
    for (int i = 0; i < 2; i++) {
        struct clm_data *data = open_with((struct clm_data_options){.source = i ? root : set});
        ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 4);
        ck_assert_uint_eq(clm_data_classes(data), 2);
        clm_data_close(data);
    }
    static const struct {
        const char *to, *name, *part;
        clm_status status;
    } cases[] = {
        {"/etc/passwd", "set/a/out", "neither PNG", CLM_ERROR_FORMAT},
        {"/dev/zero", "set/a/out", "is not a regular file", CLM_ERROR_IO},
        {".", "set/out", "is a directory in the directory of a class", CLM_ERROR_FORMAT},
        {"nothing", "set/a/out", "No such file", CLM_ERROR_IO},
        {"out", "set/a/out", "symbolic links", CLM_ERROR_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_link(cases[i].to, cases[i].name);
        refused((struct clm_data_options){.source = set, .format = "images"}, cases[i].status, "set",
                cases[i].part);
        remove_name(cases[i].name);
    }
    put_picture("elsewhere/1", 4, 2, 1, 30); /* pictures and classes may lie elsewhere */
    make_link("../elsewhere", "set/c");
    struct clm_data *data = open_with((struct clm_data_options){.source = set});
    ck_assert_uint_eq(clm_data_classes(data), 3);
    has_row(data, CLM_TRAIN, 30, "c");
    clm_data_close(data);
    free(set);
    free(root);
}
END_TEST

/* ---- names of rows, and rows without labels ---- */

static void assert_named(const struct clm_data *data, enum clm_part part, size_t number, const char *name,
                         bool has_label)
{
    for (size_t r = 0; r < clm_data_rows(data, part); r++)
        if (clm_data_row_number(data, part, r) == number) {
            ck_assert_str_eq(clm_data_row_name(data, part, r), name);
            ck_assert((clm_data_label(data, part, r) != CLM_NO_LABEL) == has_label);
            return;
        }
    ck_abort_msg("no row %zu", number);
}

/* Rows are shuffled and some are held out, but each keeps its number and name. */
START_TEST(test_row_names)
{
    char name[32];
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "%s/%d.png", i < 4 ? "ant" : "bee", i);
        put_picture(name, 4, 2, 1, (unsigned char)(10 * i));
    }
    struct clm_data *data = open_with(
        (struct clm_data_options){.validation = 3, .validation_by = _i ? CLM_SPLIT_RANDOM : CLM_SPLIT_LAST});
    bool is_seen[8] = {false};
    for (int part = CLM_TRAIN; part <= CLM_VALIDATION; part++)
        for (size_t r = 0; r < clm_data_rows(data, (enum clm_part)part); r++) {
            const size_t number = clm_data_row_number(data, (enum clm_part)part, r);
            ck_assert_uint_lt(number, 8);
            ck_assert(!is_seen[number]);
            is_seen[number] = true;
            const unsigned char *const row = data_row(data, data_part(data, (enum clm_part)part), r);
            ck_assert_uint_eq(*row, 10 * number);
            snprintf(name, sizeof name, "%s/%zu.png", number < 4 ? "ant" : "bee", number);
            ck_assert_str_eq(clm_data_row_name(data, (enum clm_part)part, r), name);
        }
    clm_data_close(data);
}
END_TEST

START_TEST(test_without_labels)
{
    const struct clm_data_options optional = {.labels_optional = true};
    char *const single = path_of("a.png");
    put_picture("b.png", 4, 2, 1, 20);
    put_picture("a.png", 4, 2, 1, 10);
    put_bytes("README.txt", "about these pictures");
    refused((struct clm_data_options){0}, CLM_ERROR_FORMAT, "", "no directory for each class");
    refused((struct clm_data_options){.source = single}, CLM_ERROR_FORMAT, "a.png", "single picture");
    struct clm_data *data = open_with(optional);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 2);
    ck_assert_uint_eq(clm_data_unlabelled(data, CLM_TRAIN), 2);
    assert_named(data, CLM_TRAIN, 0, "a.png", false);
    assert_named(data, CLM_TRAIN, 1, "b.png", false);
    clm_data_close(data);
    data = open_with((struct clm_data_options){.source = single, .labels_optional = true});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 1);
    ck_assert_uint_eq(clm_data_unlabelled(data, CLM_TRAIN), 1);
    clm_data_close(data);
    free(single);
}
END_TEST

/* Test pictures without classes beside train/CLASS are left out with a note, or read without labels. */
START_TEST(test_unsorted_test_set)
{
    put_picture("Train/cat/1.png", 4, 2, 1, 10);
    put_picture("Train/dog/1.png", 4, 2, 1, 20);
    put_picture("test/2.png", 4, 2, 1, 40);
    put_picture("test/1.png", 4, 2, 1, 30);
    put_picture("other/1.png", 4, 2, 1, 30);
    struct clm_data_options options = {0};
    hear_notes(&options);
    struct clm_data *data = open_with(options);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 2);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 0);
    ck_assert_ptr_nonnull(strstr(notes_heard(), "test: its pictures are not used"));
    ck_assert_ptr_nonnull(strstr(notes_heard(), "1 is not used: other"));
    clm_data_close(data);
    options.labels_optional = true;
    data = open_with(options);
    ck_assert_uint_eq(clm_data_unlabelled(data, CLM_TRAIN), 0);
    ck_assert_uint_eq(clm_data_unlabelled(data, CLM_TEST), 2);
    assert_named(data, CLM_TRAIN, 1, "Train/dog/1.png", true);
    assert_named(data, CLM_TEST, 0, "test/1.png", false);
    clm_data_close(data);
}
END_TEST

START_TEST(test_folder_bad)
{
    char name[160] = "";
    refused((struct clm_data_options){0}, CLM_ERROR_FORMAT, "", "holds no data set");
    folder_refused("", "holds no directory");
    put_picture("1.png", 4, 2, 1, 10); /* pictures without a class */
    folder_refused("", "no directory for each class");
    remove_name("1.png");
    make_folder("empty");
    refused((struct clm_data_options){0}, CLM_ERROR_FORMAT, "", "holds no data set");
    folder_refused("empty", "holds no picture");
    put_small();
    folder_refused("empty", "holds no picture");
    remove_name("empty");
    put_picture("cat/more/1.png", 4, 2, 1, 10);
    folder_refused("cat/more", "is a directory in the directory of a class");
    remove_name("cat/more/1.png");
    remove_name("cat/more");
    put_bytes("cat/notes.txt", "cats");
    folder_refused("cat/notes.txt", "neither PNG");
    put_bytes("cat/notes.txt", "GIF89a");
    folder_refused("cat/notes.txt", "GIF");
    put_bytes("cat/notes.txt", "");
    folder_refused("cat/notes.txt", "is empty");
    remove_name("cat/notes.txt");
    png_make_simple(&file, 4, 2, 1, 10);
    file.size -= 20;
    put("cat/cut.png");
    folder_refused("cat/cut.png", "truncated PNG");
    png_start(&file);
    png_add_header(&file, &(struct png_form){.width = 65535, .height = 65535, .depth = 8, .colour = PNG_RGB});
    png_add_rows(&file, "", 0);
    put("cat/cut.png");
    folder_refused("cat/cut.png", "promises 65535x65535 pixels");
    remove_name("cat/cut.png");
    char *pipe = path_of("cat/pipe");
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    free(pipe);
    refused((struct clm_data_options){0}, CLM_ERROR_IO, "cat/pipe", "not a regular file");
    remove_name("cat/pipe");
    make_folder("new\nline");
    folder_refused("", "cannot name a class");
    remove_name("new\nline");
    memset(name, 'x', 120);
    make_folder(name);
    folder_refused("", "cannot name a class");
    remove_name(name);
    /* a file where a folder should be */
    char *picture = path_of("cat/1.png");
    refused((struct clm_data_options){.source = picture, .format = "images"}, CLM_ERROR_FORMAT, "cat/1.png",
            "is a single picture");
    free(picture);
    clm_data_close(open_with((struct clm_data_options){0})); /* without all this, it is read */
}
END_TEST

/* Little data with many pixels: the memory for all pictures is known before it is allocated. */
START_TEST(test_folder_memory)
{
    const struct png_form form = {.width = 8192, .height = 8192, .depth = 1, .colour = PNG_GREY};
    unsigned char *rows = calloc(form.height, form.width / 8 + 1);
    ck_assert_ptr_nonnull(rows);
    png_start(&file);
    png_add_header(&file, &form);
    png_add_rows(&file, rows, form.height * (form.width / 8 + 1));
    png_add_chunk(&file, "IEND", NULL, 0);
    free(rows);
    const size_t enough = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / (8192 * 8192) + 1;
    if (!test_require("images: a machine of less than 256 GiB to run out of memory on", enough < 4096))
        return;
    put("a/0");
    for (size_t i = 1; i < enough; i++) {
        char name[32];
        snprintf(name, sizeof name, "a/%zu", i);
        make_link("0", name);
    }
    refused((struct clm_data_options){.format = "images"}, CLM_ERROR_MEMORY, "", "make them smaller");
}
END_TEST

START_TEST(test_options_of_other_formats)
{
    struct clm_data *data = NULL;
    file.size = 0;
    free(test_file(directory, "train-images-idx3-ubyte", "\0\0\x08\3\0\0\0\1\0\0\0\1\0\0\0\1x", 17));
    free(test_file(directory, "train-labels-idx1-ubyte", "\0\0\x08\1\0\0\0\1\0", 9));
    clm_data_close(NULL);
    for (int i = 0; i < 2; i++) {
        const struct clm_data_options options = {
            .source = directory, .channels = i, .resize_width = !i * 4, .resize_height = !i * 4};
        ck_assert_int_eq(clm_data_open(&options, &data, &error), CLM_ERROR_ARGUMENT);
        ck_assert_msg(strstr(error.message,
                             i ? "a number of channels is for images" : "resizing is for images") != NULL,
                      "%s", error.message);
        ck_assert_str_eq(error.setting, i ? "channels" : "resize");
    }
}
END_TEST

/* ---- */

static int stderr_copy;
static FILE *captured;

static void capture_stderr(void)
{
    fflush(stderr);
    captured = tmpfile();
    ck_assert_ptr_nonnull(captured);
    stderr_copy = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

/* libpng and libjpeg print their complaints, unless told not to. */
static void expect_silence(void)
{
    fflush(stderr);
    dup2(stderr_copy, STDERR_FILENO);
    close(stderr_copy);
    ck_assert_int_eq(fseek(captured, 0, SEEK_END), 0);
    const long size = ftell(captured);
    fclose(captured);
    ck_assert_int_eq(size, 0);
}

int main(void)
{
    Suite *suite = suite_create("images");
    TCase *pictures = tcase_create("pictures"), *folders = tcase_create("folders");
    tcase_add_checked_fixture(pictures, capture_stderr, expect_silence);
    tcase_add_loop_test(pictures, test_png_grey, 0, 5);
    tcase_add_test(pictures, test_png_colour);
    tcase_add_test(pictures, test_png_alpha);
    tcase_add_test(pictures, test_png_palette);
    tcase_add_test(pictures, test_png_interlaced);
    tcase_add_test(pictures, test_png_other_chunks);
    tcase_add_loop_test(pictures, test_jpeg, 0, 4);
    tcase_add_test(pictures, test_channels);
    tcase_add_loop_test(pictures, test_png_encode, 0, 2);
    tcase_add_loop_test(pictures, test_resize, 0, 22);
    tcase_add_test(pictures, test_resize_by_hand);
    tcase_add_test(pictures, test_png_headers);
    tcase_add_test(pictures, test_png_bodies);
    tcase_add_test(pictures, test_png_cut_and_changed);
    tcase_add_loop_test(pictures, test_jpeg_cut_and_changed, 0, 2);
    tcase_add_test(pictures, test_jpeg_headers);
    tcase_add_test(pictures, test_jpeg_scans);
    tcase_add_test(pictures, test_other_kinds);
    suite_add_tcase(suite, pictures);
    tcase_add_checked_fixture(folders, set_up, tear_down);
    tcase_add_loop_test(folders, test_folder, 0, 2);
    tcase_add_test(folders, test_folder_planar);
    tcase_add_loop_test(folders, test_folder_mixed, 0, 5);
    tcase_add_test(folders, test_folder_options);
    tcase_add_test(folders, test_folder_bad_options);
    tcase_add_test(folders, test_folder_order);
    tcase_add_test(folders, test_folder_split);
    tcase_add_test(folders, test_folder_other_test_set);
    tcase_add_test(folders, test_folder_left_out);
    tcase_add_test(folders, test_folder_of_trains);
    tcase_add_test(folders, test_folder_links);
    tcase_add_loop_test(folders, test_row_names, 0, 2);
    tcase_add_test(folders, test_without_labels);
    tcase_add_test(folders, test_unsorted_test_set);
    tcase_add_test(folders, test_folder_bad);
    tcase_add_test(folders, test_folder_memory);
    tcase_add_test(folders, test_options_of_other_formats);
    suite_add_tcase(suite, folders);
    return test_run(suite);
}
