/* CIFAR-10 and CIFAR-100 without archives: names of classes, and a batch, as files of a directory or the
 * batch alone. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MOST ((size_t)3) /* for these, zeros are added */

enum { IS_100 = 1, IS_PYTHON = 2, IS_BATCH = 4, IS_COARSE = 8, IS_FILLED = 16, IS_NAMED = 32 };

/* A fuzzer does not find the size of whole records, so zeros are added up to it. */
static const char *put_batch(struct fuzz_part part, size_t record)
{
    static unsigned char padded[RECORDS_MOST * 3074];
    const size_t size = (part.size + record - 1) / record * record;
    if (size > RECORDS_MOST * record)
        return fuzz_file(0, part.bytes, part.size);
    memset(padded, 0, size);
    if (part.size)
        memcpy(padded, part.bytes, part.size);
    return fuzz_file(0, padded, size);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    /* by IS_100 and IS_PYTHON, each in a directory of its own, so that one layout is there */
    static const char *const batches[] = {"10-binary/data_batch_1.bin", "100-binary/train.bin",
                                          "10-python/data_batch_1", "100-python/train"};
    static const char *const names[2][4] = {{"10-binary/batches.meta.txt", "100-binary/fine_label_names.txt",
                                             "10-python/batches.meta", "100-python/meta"},
                                            {"10-binary/batches.meta.txt",
                                             "100-binary/coarse_label_names.txt", "10-python/batches.meta",
                                             "100-python/meta"}};
    if (!size)
        return 0;
    struct fuzz_part rest = {bytes + 1, size - 1};
    const unsigned choice = *bytes, layout = choice % 4;
    const struct fuzz_part text = fuzz_next_part(&rest);
    fuzz_file(1, text.bytes, text.size);
    if (choice & IS_FILLED)
        put_batch(rest, choice & IS_100 ? 3074 : 3073);
    else
        fuzz_file(0, rest.bytes, rest.size);
    fuzz_link(1, names[(choice & IS_COARSE) != 0][layout]);
    const char *const batch = fuzz_link(0, batches[layout]);
    char *const path = strdup(batch);
    if (!path)
        abort();
    if (!(choice & IS_BATCH))
        *strrchr(path, '/') = '\0';
    const char *const format = choice & IS_100 ? "cifar100" : "cifar10";
    fuzz_open(
        &(struct clm_data_options){.source = path,
                                   .format = choice & IS_NAMED ? format : NULL,
                                   .label = (choice & IS_100) && (choice & IS_COARSE) ? "coarse" : NULL});
    free(path);
    return 0;
}
