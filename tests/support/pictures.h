/* Files of pictures, made without the library's own code: PNG chunk by chunk, JPEG by libjpeg. */
#ifndef CLM_TESTS_PICTURES_H
#define CLM_TESTS_PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_bytes {
    unsigned char at[1 << 16];
    size_t size;
};

/* PNG's colour types */
enum { PNG_GREY = 0, PNG_RGB = 2, PNG_PALETTE = 3, PNG_GREY_ALPHA = 4, PNG_RGBA = 6 };

struct png_form {
    uint32_t width, height;
    unsigned char depth, colour, compression, filter, interlace;
    const unsigned char *palette; /* 3 x palette_count bytes; NULL for none */
    size_t palette_count;
    const unsigned char *alpha; /* of a tRNS chunk; NULL for none */
    size_t alpha_count;
};

void png_start(struct file_bytes *file); /* the signature */
void png_add_chunk(struct file_bytes *file, const char *type, const void *bytes, size_t size);
void png_add_header(struct file_bytes *file, const struct png_form *form);
/* An IDAT chunk with these bytes, compressed; each row must begin with its filter. */
void png_add_rows(struct file_bytes *file, const void *rows, size_t size);

/* A whole file. `samples` are the packed rows of this form, without filters. */
void png_make(struct file_bytes *file, const struct png_form *form, const void *samples, size_t row_size);

/* Grey or RGB, 8 bits; byte i is (first + 7 i) mod 256. */
void png_make_simple(struct file_bytes *file, uint32_t width, uint32_t height, size_t channels,
                     unsigned char first);

/* SCANS_MANY: a grey picture with two scans for each coefficient, 127 in all */
enum jpeg_scans { SCANS_ONE, SCANS_PROGRESSIVE, SCANS_MANY };

/* A JPEG of (height, width, channels) bytes; 4 channels are CMYK. */
void jpeg_make(struct file_bytes *file, const unsigned char *pixels, unsigned width, unsigned height,
               int channels, enum jpeg_scans scans);

#endif
