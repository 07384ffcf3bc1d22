/* Compressed files: bytes that libarchive has compressed, of which one may then be changed; or any bytes. The
 * first byte chooses. */
#include "fuzz/fuzz.h"

#include "support/packs.h"

static const char *const filters[] = {"gzip", "bzip2", "xz", "zstd"};

/* Changes a byte that the input chooses, or cuts the file there. */
static void damage(struct pack *pack, unsigned choice, struct fuzz_part *rest)
{
    if (!rest->size || !pack->size)
        return;
    const size_t at = (size_t)*rest->bytes * 251 % pack->size;
    rest->bytes++;
    rest->size--;
    if (choice & 32)
        pack->size = at;
    else
        pack->at[at] ^= (unsigned char)(1u << (choice >> 5));
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
    if (size < 2)
        return 0;
    const unsigned choice = *bytes;
    struct fuzz_part rest = {bytes + 2, size - 2};
    struct pack pack = {0};
    if (choice & 8) {
        pack_add(&pack, bytes + 1, size - 1);
    } else if (choice & 4) {
        pack_zip(&pack, (const char *const[]){"README", "a/data"}, 2, rest.bytes, rest.size);
    } else {
        pack_filtered(&pack, filters[choice & 3], rest.bytes, rest.size);
    }
    if (choice & 16)
        damage(&pack, choice, &rest);
    const char *const path = fuzz_file(0, pack.at, pack.size);
    fuzz_open(&(struct clm_data_options){.source = path});
    fuzz_open(&(struct clm_data_options){.source = path, .labels_optional = true});
    pack_free(&pack);
    return 0;
}
