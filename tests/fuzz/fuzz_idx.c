/* IDX: images and labels; the first byte says which of them are gzipped, and if labels may be missing. */
#include "fuzz/fuzz.h"

static void put(unsigned number, struct fuzz_part part, bool is_gzipped)
{
    (is_gzipped ? fuzz_gzipped_file : fuzz_file)(number, part.bytes, part.size);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    if (!size)
        return 0;
    struct fuzz_part rest = {bytes + 1, size - 1};
    const unsigned choice = *bytes;
    put(0, fuzz_next_part(&rest), choice & 1);
    put(1, rest, choice & 2);
    fuzz_link(1, "labels");
    fuzz_open(&(struct clm_data_options){.source = fuzz_link(0, "images"),
                                         .format = choice & 4 ? "idx" : NULL,
                                         .validation = choice & 8 ? 0.3 : 0,
                                         .validation_by = (enum clm_split)(choice / 16 % 3),
                                         .labels_optional = choice & 64});
    return 0;
}
