#include "support/pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <jpeglib.h>

/* Not Check's, because a fuzzer's seeds are made with this, too. */
static void require(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "pictures.c: %s\n", what);
    abort();
}

static void add(struct file_bytes *file, const void *bytes, size_t size)
{
    require(file->size + size <= sizeof file->at, "a file is larger than there is place for");
    if (size)
        memcpy(file->at + file->size, bytes, size);
    file->size += size;
}

static void add_number(struct file_bytes *file, uint32_t number)
{
    add(file,
        (const unsigned char[]){(unsigned char)(number >> 24), (unsigned char)(number >> 16),
                                (unsigned char)(number >> 8), (unsigned char)number},
        4);
}

void png_start(struct file_bytes *file)
{
    file->size = 0;
    add(file, "\x89PNG\r\n\x1a\n", 8);
}

void png_add_chunk(struct file_bytes *file, const char *type, const void *bytes, size_t size)
{
    add_number(file, (uint32_t)size);
    const size_t start = file->size;
    add(file, type, 4);
    add(file, bytes, size);
    add_number(file, (uint32_t)crc32(0, file->at + start, (unsigned)(size + 4)));
}

void png_add_header(struct file_bytes *file, const struct png_form *form)
{
    struct file_bytes *header = calloc(1, sizeof *header);
    require(header != NULL, "no memory");
    add_number(header, form->width);
    add_number(header, form->height);
    add(header,
        (const unsigned char[]){form->depth, form->colour, form->compression, form->filter, form->interlace},
        5);
    png_add_chunk(file, "IHDR", header->at, header->size);
    free(header);
    if (form->palette)
        png_add_chunk(file, "PLTE", form->palette, 3 * form->palette_count);
    if (form->alpha)
        png_add_chunk(file, "tRNS", form->alpha, form->alpha_count);
}

void png_add_rows(struct file_bytes *file, const void *rows, size_t size)
{
    uLongf packed_size = compressBound(size);
    unsigned char *packed = malloc(packed_size);
    require(packed != NULL, "no memory");
    require(compress(packed, &packed_size, rows, size) == Z_OK, "deflate fails");
    png_add_chunk(file, "IDAT", packed, packed_size);
    free(packed);
}

void png_make(struct file_bytes *file, const struct png_form *form, const void *samples, size_t row_size)
{
    unsigned char *rows = calloc(form->height, row_size + 1);
    require(rows != NULL, "no memory");
    for (size_t y = 0; y < form->height; y++)
        memcpy(rows + y * (row_size + 1) + 1, (const unsigned char *)samples + y * row_size, row_size);
    png_start(file);
    png_add_header(file, form);
    png_add_rows(file, rows, form->height * (row_size + 1));
    png_add_chunk(file, "IEND", NULL, 0);
    free(rows);
}

void png_make_simple(struct file_bytes *file, uint32_t width, uint32_t height, size_t channels,
                     unsigned char first)
{
    const struct png_form form = {
        .width = width, .height = height, .depth = 8, .colour = channels == 1 ? PNG_GREY : PNG_RGB};
    const size_t row = width * channels;
    unsigned char *samples = malloc(row * height);
    require(samples != NULL, "no memory");
    for (size_t i = 0; i < row * height; i++)
        samples[i] = (unsigned char)(first + 7 * i);
    png_make(file, &form, samples, row);
    free(samples);
}

void jpeg_make(struct file_bytes *file, const unsigned char *pixels, unsigned width, unsigned height,
               int channels, enum jpeg_scans scans)
{
    enum { MANY = 1 + 2 * 63 };
    jpeg_scan_info script[MANY] = {{.comps_in_scan = 1}};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    if (scans == SCANS_PROGRESSIVE)
        jpeg_simple_progression(&jpeg);
    /* all but the last bit of each coefficient, then the last bit */
    for (int i = 1; i < MANY; i++)
        script[i] = (jpeg_scan_info){.comps_in_scan = 1,
                                     .Ss = (i + 1) / 2,
                                     .Se = (i + 1) / 2,
                                     .Ah = i % 2 ? 0 : 1,
                                     .Al = i % 2 ? 1 : 0};
    if (scans == SCANS_MANY) {
        jpeg.scan_info = script;
        jpeg.num_scans = MANY;
    }
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < height) {
        unsigned char row[1024];
        JSAMPROW line = row;
        require(width * (unsigned)channels <= sizeof row, "a row is larger than there is place for");
        memcpy(row, pixels + jpeg.next_scanline * width * (unsigned)channels, width * (unsigned)channels);
        jpeg_write_scanlines(&jpeg, &line, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    file->size = 0;
    add(file, bytes, size);
    free(bytes);
}
