/* libFuzzer's target for data sets in files: any bytes as a file that --data names, an archive above all. Tar headers
 * have a checksum, which a mutation would never meet: it is corrected after each. */
#include "clmlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK = 512, CHECKSUM = 148, MAGIC = 257 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed);

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

static void try_reading(const struct clm_data_options *options)
{
    struct clm_data *data = NULL;
    struct clm_error error = {0};
    const clm_status status = clm_data_open(options, &data, &error);
    if (status == CLM_OK) {
        for (size_t i = 0; i < clm_data_rows(data, CLM_TRAIN); i++)
            if (clm_data_label(data, CLM_TRAIN, i) >= clm_data_classes(data))
                abort();
    } else if ((status != CLM_ERROR_FORMAT && status != CLM_ERROR_IO && status != CLM_ERROR_ARGUMENT) ||
               !*error.message || data || strchr(error.message, '\n')) {
        abort();
    }
    clm_data_close(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char path[64];
    const int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, bytes, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    try_reading(&(struct clm_data_options){.source = path});
    try_reading(&(struct clm_data_options){.source = path, .format = "cifar10"});
    try_reading(&(struct clm_data_options){.source = path, .format = "cifar100", .labels = "coarse"});
    close(file);
    return 0;
}
