/* replay DIRECTORY: gives each file of a corpus to a target, without libFuzzer. It fails without files. */
#include "fuzz/fuzz.h"

#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(unsigned char *bytes, size_t size, size_t most)
{
    (void)bytes;
    (void)most;
    return size;
}

static int is_shown(const struct dirent *entry)
{
    return *entry->d_name != '.';
}

static bool replay(const char *directory, const char *name)
{
    struct clm_error error = {.message = "there is no memory"};
    unsigned char *bytes = NULL;
    size_t size = 0;
    char *const path = path_join(directory, name);
    const bool is_read = path && file_read(path, (size_t)1 << 20, &bytes, &size, &error) == CLM_OK;
    if (is_read) {
        /* printed before, because a target that finds something ends the program */
        printf("%s\n", name);
        fflush(stdout);
        LLVMFuzzerTestOneInput(bytes, size);
    } else
        fprintf(stderr, "replay: %s\n", error.message);
    free(bytes);
    free(path);
    return is_read;
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: replay DIRECTORY\n");
        return 2;
    }
    const int count = scandir(argv[1], &entries, is_shown, alphasort);
    int read = 0;
    for (int i = 0; i < count; i++) {
        read += replay(argv[1], entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    printf("%s: %d of %d files replayed\n", argv[1], read, count);
    return count > 0 && read == count ? EXIT_SUCCESS : EXIT_FAILURE;
}
