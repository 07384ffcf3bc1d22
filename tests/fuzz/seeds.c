/* Writes small whole files for the fuzzers to begin with: DIR/pickle/… and DIR/archive/… */
#include "support/packs.h"
#include "support/python3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_seed(const char *directory, const char *name, struct pack *pack)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(pack->at, 1, pack->size, file) != pack->size || fclose(file)) {
        fprintf(stderr, "%s cannot be written; are its folders there?\n", path);
        exit(EXIT_FAILURE);
    }
    pack_free(pack);
}

static void write_python3(const char *directory, size_t index)
{
    struct pack pack = {0};
    char name[64];
    pack_add(&pack, python3_batches[index].head, python3_batches[index].head_size);
    for (int i = 0; i < (python3_batches[index].protocol == 2 ? 4608 : 3072); i++)
        pack_add(&pack, "7", 1);
    pack_add(&pack, python3_batches[index].tail, python3_batches[index].tail_size);
    snprintf(name, sizeof name, "pickle/python3-%zu", index);
    write_seed(directory, name, &pack);
}

/* A set of two files as a tar archive. */
static struct pack make_archive(void (*make)(struct pack *, size_t, unsigned, int), int labels,
                                const char *train, const char *test)
{
    struct pack tar = {0}, file = {0};
    pack_tar_header(&tar, "a/", '5', "", 0);
    make(&file, 2, 1, labels);
    pack_tar_file(&tar, train, file.at, file.size);
    pack_tar_header(&tar, "a/link", '2', "target", 0);
    pack_tar_file(&tar, test, file.at, file.size);
    pack_tar_end(&tar);
    pack_free(&file);
    return tar;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    struct pack pack = {0}, zipped = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: fuzz_seeds DIR, which has the folders pickle and archive\n");
        return EXIT_FAILURE;
    }
    pack_batch(&pack, 1, 0, 1);
    write_seed(argv[1], "pickle/python2", &pack);
    pack_batch(&pack, 1, 0, 2);
    write_seed(argv[1], "pickle/python2-100", &pack);
    pack_names(&pack, "label_names", names, 10);
    write_seed(argv[1], "pickle/names", &pack);
    for (size_t i = 0; i < sizeof python3_batches / sizeof *python3_batches; i++)
        write_python3(argv[1], i);

    pack = make_archive(pack_batch, 1, "a/data_batch_1", "a/test_batch");
    pack_gzip(&zipped, pack.at, pack.size);
    write_seed(argv[1], "archive/python.tar", &pack);
    write_seed(argv[1], "archive/python.tar.gz", &zipped);
    pack = make_archive(pack_batch, 2, "a/train", "a/test");
    write_seed(argv[1], "archive/python-100.tar", &pack);
    pack = make_archive(pack_records, 1, "a/data_batch_1.bin", "a/test_batch.bin");
    write_seed(argv[1], "archive/binary.tar", &pack);
    pack = make_archive(pack_records, 2, "a/train.bin", "a/test.bin");
    write_seed(argv[1], "archive/binary-100.tar", &pack);
    pack_tar_sparse(&pack, "a/data_batch_1.bin", false);
    pack_tar_end(&pack);
    write_seed(argv[1], "archive/sparse.tar", &pack);
    return EXIT_SUCCESS;
}
