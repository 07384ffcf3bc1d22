/* CSV, with options that the last byte chooses. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    static const char *const labels[] = {NULL, "0", "-1", "label"};
    const unsigned choice = size ? bytes[size - 1] : 0;
    const char *path = fuzz_file(0, bytes, size);
    fuzz_open(&(struct clm_data_options){.source = path});
    fuzz_open(&(struct clm_data_options){.source = path,
                                         .format = "csv",
                                         .label = labels[choice % 4],
                                         .header = (enum clm_header)(choice / 4 % 3),
                                         .missing = (enum clm_missing)(choice / 12 % 3),
                                         .test = choice & 1 ? path : NULL});
    return 0;
}
