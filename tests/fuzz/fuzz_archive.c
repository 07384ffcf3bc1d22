/* libFuzzer's target for data sets in files: any bytes as a file that --data names, mostly as an archive. Tar
 * headers have a checksum, which no mutation would hit: it is corrected after each one. */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 512, CHECKSUM = 148, MAGIC = 257 };

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(bytes, size, most);
    for (uint8_t *block = bytes; seed % 8 && block + BLOCK <= bytes + size; block += BLOCK) {
        char text[8];
        unsigned sum = 0;
        if (memcmp(block + MAGIC, "ustar", 5))
            continue;
        memset(block + CHECKSUM, ' ', 8);
        for (int i = 0; i < BLOCK; i++)
            sum += block[i];
        snprintf(text, sizeof text, "%06o", sum);
        memcpy(block + CHECKSUM, text, 7);
    }
    return size;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    const char *path = fuzz_file(0, bytes, size);
    fuzz_open(&(struct clm_data_options){.source = path});
    fuzz_open(&(struct clm_data_options){.source = path, .format = "cifar10"});
    fuzz_open(&(struct clm_data_options){.source = path, .format = "cifar100", .label = "coarse"});
    return 0;
}
