/* Writes small whole files for the fuzzers to begin with: DIR/pickle/python2, DIR/csv/0 and so on. */
#include "base/file.h"
#include "support/numpy_files.h"
#include "support/packs.h"
#include "support/python3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_seed(const char *root, const char *reader, const char *name, struct pack *pack)
{
    struct clm_error error = {.message = "there is no memory"};
    char *directory = path_join(root, reader), *path = directory ? path_join(directory, name) : NULL;
    if (!path || directory_make(directory, &error) != CLM_OK ||
        clm_write_file(path, pack->at, pack->size, &error) != CLM_OK) {
        fprintf(stderr, "fuzz_seeds: %s\n", error.message);
        exit(EXIT_FAILURE);
    }
    free(directory);
    free(path);
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
    snprintf(name, sizeof name, "python3-%zu", index);
    write_seed(directory, "pickle", name, &pack);
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

struct seed {
    const char *reader;
    const void *bytes;
    size_t size;
};

#define TEXT(reader, text)                                                                                   \
    {                                                                                                        \
        reader, text, sizeof text - 1                                                                        \
    }
#define ARRAY(reader, array)                                                                                 \
    {                                                                                                        \
        reader, array, sizeof array                                                                          \
    }

static const struct seed seeds[] = {
    TEXT("csv", "a,b,label\n1.5,-2,cat\n0.25,3e-5,dog\n7,?,cat\n"),
    TEXT("csv", "\xef\xbb\xbf;\"x \"\"y\"\"\";class\r\n0;1;\"a;b\"\r\n1;NaN;c\r\n"),
    TEXT("csv", "0\t1\t2\n1\t2\t0\n\n3\t4.00000000000000000000001\t1"),
    TEXT("libsvm", "# comment\n+1 1:0.5 4:-2e1\n-1 2:3\r\n-1\n"),
    TEXT("libsvm", "2 1:1\n0 7:2 # x\n1 3:1"),
    ARRAY("npy", numpy_save),
    ARRAY("npy", numpy_version_3),
    ARRAY("npz", numpy_savez),
    ARRAY("npz", numpy_savez_compressed),
};

static void write_whole_files(const char *directory)
{
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        struct pack pack = {0};
        char name[32];
        snprintf(name, sizeof name, "%zu", i);
        pack_add(&pack, seeds[i].bytes, seeds[i].size);
        write_seed(directory, seeds[i].reader, name, &pack);
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    struct pack pack = {0}, zipped = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: fuzz_seeds DIR\n");
        return EXIT_FAILURE;
    }
    write_whole_files(argv[1]);
    pack_batch(&pack, 1, 0, 1);
    write_seed(argv[1], "pickle", "python2", &pack);
    pack_batch(&pack, 1, 0, 2);
    write_seed(argv[1], "pickle", "python2-100", &pack);
    pack_names(&pack, "label_names", names, 10);
    write_seed(argv[1], "pickle", "names", &pack);
    for (size_t i = 0; i < sizeof python3_batches / sizeof *python3_batches; i++)
        write_python3(argv[1], i);

    pack = make_archive(pack_batch, 1, "a/data_batch_1", "a/test_batch");
    pack_gzip(&zipped, pack.at, pack.size);
    write_seed(argv[1], "archive", "python.tar", &pack);
    write_seed(argv[1], "archive", "python.tar.gz", &zipped);
    pack = make_archive(pack_batch, 2, "a/train", "a/test");
    write_seed(argv[1], "archive", "python-100.tar", &pack);
    pack = make_archive(pack_records, 1, "a/data_batch_1.bin", "a/test_batch.bin");
    write_seed(argv[1], "archive", "binary.tar", &pack);
    pack = make_archive(pack_records, 2, "a/train.bin", "a/test.bin");
    write_seed(argv[1], "archive", "binary-100.tar", &pack);
    pack_tar_sparse(&pack, "a/data_batch_1.bin", false);
    pack_tar_end(&pack);
    write_seed(argv[1], "archive", "sparse.tar", &pack);
    return EXIT_SUCCESS;
}
