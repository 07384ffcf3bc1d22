/* A disk that becomes full, for LD_PRELOAD: after FULL_DISK_AFTER writes to files below the directory
 * FULL_DISK, all further ones fail with ENOSPC. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether the open file is below the directory. */
static bool is_on_disk(int file, const char *directory)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    return length > 0 && !strncmp(path, directory, strlen(directory));
}

ssize_t write(int file, const void *bytes, size_t size)
{
    static atomic_long count;
    ssize_t (*real)(int, const void *, size_t);
    const char *const directory = getenv("FULL_DISK"), *const after = getenv("FULL_DISK_AFTER");
    *(void **)&real = dlsym(RTLD_NEXT, "write");
    if (directory && after && is_on_disk(file, directory) && count++ >= atol(after)) {
        errno = ENOSPC;
        return -1;
    }
    return real(file, bytes, size);
}
