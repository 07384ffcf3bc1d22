#include "data/files/compression.h"

#include "base/size.h"
#include "base/text.h"

#include <stdint.h>
#include <string.h>

const char *const compressed_endings[] = {"", ".gz", ".bz2", ".xz", ".zst", ".zip", NULL};

enum compression compression_of(const unsigned char *bytes, size_t count)
{
    static const struct {
        enum compression compression;
        const char *magic;
        size_t size;
    } kinds[] = {
        {COMPRESSED_GZIP, "\x1f\x8b", 2},
        {COMPRESSED_XZ,
         "\xfd"
         "7zXZ\0",
         6},
        {COMPRESSED_ZSTD, "\x28\xb5\x2f\xfd", 4},
        {COMPRESSED_ZIP, "PK\3\4", 4},
        {COMPRESSED_ZIP, "PK\5\6", 4}, /* without entries */
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (count >= kinds[i].size && !memcmp(bytes, kinds[i].magic, kinds[i].size))
            return kinds[i].compression;
    /* text could begin with BZh9, so the mark of the first block, or of the end, must follow */
    if (count >= 4 && !memcmp(bytes, "BZh", 3) && bytes[3] >= '1' && bytes[3] <= '9') {
        const size_t known = size_min(count - 4, 6);
        if (!memcmp(bytes + 4, "\x31\x41\x59\x26\x53\x59", known) ||
            !memcmp(bytes + 4, "\x17\x72\x45\x38\x50\x90", known))
            return COMPRESSED_BZIP2;
    }
    return NOT_COMPRESSED;
}

const char *compression_name(enum compression compression)
{
    static const char *const names[] = {"uncompressed", "gzip", "bzip2", "xz", "zstd", "zip"};
    return names[compression];
}

/* The densest output of each format, rounded up:
 *
 *   gzip   deflate spends two bits on 258 bytes: 1032
 *   bzip2  a block has at least 20 bytes, and 900,000 of its bytes stand for at most 259 / 5 each: 2^22
 *   xz     a chunk of LZMA2 has at least 8 bytes, and gives at most 2^21: 2^18
 *   zstd   a block has at least 4 bytes, and gives at most 2^17: 2^15
 *   zip    its entries may be compressed by any of these */
size_t compression_bound(enum compression compression, size_t size)
{
    static const size_t densest[] = {
        1, 1032, (size_t)1 << 22, (size_t)1 << 18, (size_t)1 << 15, (size_t)1 << 22};
    size_t bound;
    return size_mul(size, densest[compression], &bound) ? bound : SIZE_MAX;
}

size_t compressed_stem(const char *name)
{
    const size_t length = strlen(name);
    for (const char *const *ending = compressed_endings + 1; *ending; ending++)
        if (has_ending(name, *ending))
            return length - strlen(*ending);
    return length;
}
