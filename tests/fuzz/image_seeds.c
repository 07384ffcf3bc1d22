/* image_seeds DIRECTORY: small pictures of every kind, to begin with. */
#include "support/pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct file_bytes file;

static void write_seed(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *const stream = fopen(path, "wb");
    if (!stream || fwrite(file.at, 1, file.size, stream) != file.size || fclose(stream)) {
        fprintf(stderr, "%s cannot be written\n", path);
        exit(1);
    }
}

static void write_png(const char *directory, unsigned char colour, unsigned char depth, bool is_interlaced)
{
    static const unsigned char palette[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9}, alpha[] = {0, 200};
    static const size_t samples[] = {
        [PNG_GREY] = 1, [PNG_RGB] = 3, [PNG_PALETTE] = 1, [PNG_GREY_ALPHA] = 2, [PNG_RGBA] = 4};
    const size_t row = (samples[colour] * depth * 4 + 7) / 8;
    const bool has_palette = colour == PNG_PALETTE;
    const struct png_form form = {.width = 4,
                                  .height = 4,
                                  .depth = depth,
                                  .colour = colour,
                                  .interlace = is_interlaced,
                                  .palette = has_palette ? palette : NULL,
                                  .palette_count = 4,
                                  .alpha = has_palette ? alpha : NULL,
                                  .alpha_count = 2};
    unsigned char bytes[4 * 64];
    char name[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = has_palette ? (unsigned char)(i % 4) : (unsigned char)(i * 37);
    png_make(&file, &form, bytes, row);
    snprintf(name, sizeof name, "png-%u-%u-%d", colour, depth, is_interlaced);
    write_seed(directory, name);
}

int main(int argc, char **argv)
{
    static const unsigned char colours[] = {PNG_GREY, PNG_RGB, PNG_PALETTE, PNG_GREY_ALPHA, PNG_RGBA};
    unsigned char pixels[16 * 16 * 4];
    if (argc != 2) {
        fprintf(stderr, "usage: image_seeds DIRECTORY\n");
        return 2;
    }
    for (size_t c = 0; c < sizeof colours; c++)
        for (unsigned char depth = 1; depth <= 16; depth = (unsigned char)(2 * depth))
            if (depth == 8 || (depth == 16 && colours[c] != PNG_PALETTE) ||
                (depth < 8 && (colours[c] == PNG_GREY || colours[c] == PNG_PALETTE)))
                write_png(argv[1], colours[c], depth, false);
    write_png(argv[1], PNG_GREY, 1, true);
    write_png(argv[1], PNG_RGB, 8, true);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * 5 + i / 16 * 11);
    for (int channels = 1; channels <= 4; channels += channels == 1 ? 2 : 1) {
        for (int is_progressive = 0; is_progressive < 2; is_progressive++) {
            char name[64];
            jpeg_make(&file, pixels, 16, 16, channels, is_progressive ? SCANS_PROGRESSIVE : SCANS_ONE);
            snprintf(name, sizeof name, "jpeg-%d-%d", channels, is_progressive);
            write_seed(argv[1], name);
        }
    }
    return 0;
}
