/* Writes small valid files for the fuzzers to begin with: write_seeds DIRECTORY makes DIRECTORY/csv/0 and so on. */
#include "base/file.h"
#include "support/numpy_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int main(int argc, char **argv)
{
    struct clm_error error = {0};
    for (size_t i = 0; argc == 2 && i < sizeof seeds / sizeof *seeds; i++) {
        char name[32], *directory = path_join(argv[1], seeds[i].reader);
        snprintf(name, sizeof name, "%zu", i);
        char *path = directory ? path_join(directory, name) : NULL;
        const bool is_written = path && directory_make(directory, &error) == CLM_OK &&
                                clm_write_file(path, seeds[i].bytes, seeds[i].size, &error) == CLM_OK;
        free(directory);
        free(path);
        if (!is_written) {
            fprintf(stderr, "write_seeds: %s\n", error.message);
            return EXIT_FAILURE;
        }
    }
    return argc == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
