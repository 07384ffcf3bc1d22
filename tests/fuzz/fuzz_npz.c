/* A zip of arrays. */
#include "fuzz/fuzz.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

/* Fields of zip headers and their offsets: APPNOTE.TXT 4.3.7 and 4.3.12. */
enum { LOCAL = 30, LOCAL_METHOD = 8, LOCAL_CRC = 14, LOCAL_SIZE = 18, LOCAL_NAME = 26, LOCAL_EXTRA = 28 };
enum { CENTRAL = 46, CENTRAL_CRC = 16, CENTRAL_OFFSET = 42 };

static size_t number_at(const unsigned char *bytes, size_t width)
{
    uint32_t number = 0;
    memcpy(&number, bytes, width);
    return le32toh(number);
}

/* Corrects the checksum of a stored member in both of its headers. */
static void correct(unsigned char *bytes, size_t size, unsigned char *central)
{
    const size_t offset = number_at(central + CENTRAL_OFFSET, 4);
    if (offset > size || size - offset < LOCAL)
        return;
    unsigned char *const local = bytes + offset;
    const size_t left = size - offset - LOCAL, length = number_at(local + LOCAL_SIZE, 4);
    const size_t before = number_at(local + LOCAL_NAME, 2) + number_at(local + LOCAL_EXTRA, 2);
    if (number_at(local + LOCAL_METHOD, 2) || before > left || length > left - before)
        return;
    const uint32_t sum = htole32((uint32_t)crc32(0, local + LOCAL + before, (uInt)length));
    memcpy(local + LOCAL_CRC, &sum, sizeof sum);
    memcpy(central + CENTRAL_CRC, &sum, sizeof sum);
}

/* No mutation would hit a checksum. */
size_t LLVMFuzzerCustomMutator(unsigned char *bytes, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(bytes, size, most);
    for (size_t at = 0; seed % 8 && at + CENTRAL <= size; at++)
        if (!memcmp(bytes + at, "PK\1\2", 4))
            correct(bytes, size, bytes + at);
    return size;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    const char *path = fuzz_file(0, bytes, size);
    fuzz_open(&(struct clm_data_options){.source = path, .format = "npz"});
    fuzz_open(&(struct clm_data_options){.source = path, .labels_optional = true});
    /* the same bytes as inputs and labels, if they are an archive of one array */
    fuzz_link(0, "y.npz");
    fuzz_open(&(struct clm_data_options){.source = fuzz_link(0, "x.npz")});
    return 0;
}
