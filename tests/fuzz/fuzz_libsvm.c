/* LIBSVM's text, also as the test set of another one. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    static const unsigned char training[] = "1 1:2 7:1\n-1 3:4\n";
    const char *path = fuzz_file(0, bytes, size);
    /* rows are dense, and a fuzzer finds large indices: only those are left to the tests */
    const struct clm_data_options as_test = {
        .source = fuzz_file(1, training, sizeof training - 1), .test = path, .format = "libsvm"};
    fuzz_open(&as_test);
    fuzz_open(&(struct clm_data_options){.source = path, .format = "libsvm", .features = 1000});
    return 0;
}
