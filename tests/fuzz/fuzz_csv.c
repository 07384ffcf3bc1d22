/* Tables, CSV and ARFF, with options that the last byte chooses, and as the test set of another table. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    static const unsigned char training[] =
        "city,age,when,ok,label\nOslo,30,2020-01-01,true,x\nBergen,,2021-01-01,false,y\n";
    static const char *const labels[] = {NULL, "0", "-1", "label"};
    const unsigned choice = size ? bytes[size - 1] : 0;
    const char *path = fuzz_file(0, bytes, size);
    fuzz_open(&(struct clm_data_options){.source = path, .labels_optional = choice & 1});
    fuzz_open(&(struct clm_data_options){.source = path,
                                         .format = choice & 1 ? "csv" : "arff",
                                         .label = labels[choice % 4],
                                         .header = (enum clm_header)(choice / 4 % 3),
                                         .missing = (enum clm_missing)(choice / 12 % 3),
                                         .categorical = choice & 2 ? "0,-2" : NULL,
                                         .id = choice & 4 ? "1" : NULL,
                                         .missing_words = choice & 8 ? "-,7" : NULL,
                                         .delimiter = choice & 16 ? "blank" : NULL,
                                         .test = choice & 1 ? path : NULL});
    fuzz_open(&(struct clm_data_options){.source = fuzz_file(1, training, sizeof training - 1),
                                         .test = path,
                                         .labels_optional = choice & 1,
                                         .id = choice & 4 ? "0" : NULL});
    return 0;
}
