/* Any bytes as a picture: refused with a sentence, or decoded to all its pixels. */
#include "fuzz/fuzz.h"

#include "data/pictures/image.h"

#include <endian.h>
#include <string.h>
#include <zlib.h>

enum { SIGNATURE = 8, CHUNK = 12 }; /* a chunk's length, type and checksum */

static uint32_t number_at(const unsigned char *bytes)
{
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return be32toh(number);
}

/* PNG's chunks have a checksum, which no mutation would hit: it is corrected after each one. */
size_t LLVMFuzzerCustomMutator(unsigned char *bytes, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(bytes, size, most);
    if (!(seed % 8) || size < SIGNATURE || memcmp(bytes, "\x89PNG", 4))
        return size;
    for (size_t at = SIGNATURE; size - at >= CHUNK;) {
        const size_t length = number_at(bytes + at);
        if (length > size - at - CHUNK)
            break;
        const uint32_t sum = htobe32((uint32_t)crc32(0, bytes + at + 4, (uInt)length + 4));
        memcpy(bytes + at + 8 + length, &sum, sizeof sum);
        at += CHUNK + length;
    }
    return size;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    struct image image;
    struct clm_error error = {0};
    if (image_decode("picture", bytes, size, &image, &error) != CLM_OK) {
        fuzz_expect(error.status == CLM_ERROR_FORMAT || error.status == CLM_ERROR_MEMORY);
        fuzz_expect_sentence(&error, error.status, "picture: ");
        fuzz_expect(!image.pixels);
        return 0;
    }
    const size_t pixels = image.width * image.height;
    fuzz_expect(pixels && pixels <= IMAGE_PIXELS_MAX && (image.channels == 1 || image.channels == 3));
    unsigned sum = 0;
    for (size_t i = 0; i < pixels * image.channels; i++)
        sum += image.pixels[i];
    fuzz_expect(sum <= 255 * pixels * image.channels);
    if (pixels < 1 << 16) {
        fuzz_expect(image_set_channels("picture", &image, 4 - image.channels, &error) == CLM_OK);
        fuzz_expect(image_resize("picture", &image, 1 + size % 7, 1 + size % 11, &error) == CLM_OK);
        fuzz_expect(image.width == 1 + size % 7 && image.height == 1 + size % 11);
    }
    image_free(&image);
    return 0;
}
