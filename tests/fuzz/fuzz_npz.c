/* A zip of arrays. */
#include "fuzz/reader.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    const char *path = fuzz_file(0, bytes, size);
    fuzz_open(&(struct clm_data_options){.source = path, .format = "npz"});
    return 0;
}
