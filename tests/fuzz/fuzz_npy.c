/* An array, as inputs and as labels. */
#include "fuzz/reader.h"

#include "support/numpy_files.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    const char *path = fuzz_file(0, bytes, size), *other = fuzz_file(1, numpy_save, sizeof numpy_save);
    fuzz_open(&(struct clm_data_options){.source = path, .format = "npy", .label = path});
    fuzz_open(&(struct clm_data_options){.source = other, .format = "npy", .label = path});
    return 0;
}
