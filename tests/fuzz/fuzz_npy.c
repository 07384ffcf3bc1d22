/* Arrays: inputs and labels in a file each, or one array as both. */
#include "fuzz/fuzz.h"

#include "support/numpy_files.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    struct fuzz_part rest = {bytes, size};
    const struct fuzz_part first = fuzz_next_part(&rest);
    const char *const inputs = fuzz_file(0, first.bytes, first.size);
    if (rest.size) {
        const char *const labels = fuzz_file(1, rest.bytes, rest.size);
        fuzz_open(&(struct clm_data_options){.source = inputs, .format = "npy", .label = labels});
        return 0;
    }
    const char *const other = fuzz_file(1, numpy_save, sizeof numpy_save);
    fuzz_open(&(struct clm_data_options){.source = inputs, .label = inputs});
    fuzz_open(&(struct clm_data_options){.source = other, .format = "npy", .label = inputs});
    return 0;
}
