/* Any bytes as a picture: refused with a sentence, or decoded to pixels that are all there. */
#include "data/image.h"
#include "data/resize.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void expect(bool is_so)
{
    if (!is_so)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct image image;
    struct clm_error error = {0};
    if (image_decode("picture", bytes, size, &image, &error) != CLM_OK) {
        expect(error.status == CLM_ERROR_FORMAT || error.status == CLM_ERROR_MEMORY);
        expect(!strncmp(error.message, "picture: ", 9) && !strchr(error.message, '\n') && !image.pixels);
        return 0;
    }
    const size_t pixels = image.width * image.height;
    expect(pixels && pixels <= IMAGE_PIXELS_MAX && (image.channels == 1 || image.channels == 3));
    unsigned sum = 0;
    for (size_t i = 0; i < pixels * image.channels; i++)
        sum += image.pixels[i];
    expect(sum <= 255 * pixels * image.channels);
    if (pixels < 1 << 16) {
        expect(image_set_channels("picture", &image, 4 - image.channels, &error) == CLM_OK);
        expect(image_resize("picture", &image, 1 + size % 7, 1 + size % 11, &error) == CLM_OK);
        expect(image.width == 1 + size % 7 && image.height == 1 + size % 11);
    }
    image_free(&image);
    return 0;
}
