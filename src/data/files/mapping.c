#include "data/files/mapping.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

clm_status mapping_open(const char *path, int file, size_t size, struct mapping *out, struct clm_error *error)
{
    out->start = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
    out->size = size;
    if (out->start != MAP_FAILED)
        return CLM_OK;
    *out = (struct mapping){0};
    return clm_fail(error, CLM_ERROR_IO, "%s: its %zu bytes cannot be mapped: %s", path, size,
                    strerror(errno));
}

void mapping_close(struct mapping *mapping)
{
    if (mapping->start)
        munmap(mapping->start, mapping->size);
    *mapping = (struct mapping){0};
}

/* Failures are ignored, because the advice only saves time or memory. */
static void advise(uintptr_t first, uintptr_t end, int advice)
{
    if (first < end)
        (void)madvise((void *)first, end - first, advice);
}

void mapping_expect(const void *bytes, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)bytes;
    advise(start / page * page, start + size, MADV_WILLNEED);
}

void mapping_forget(const void *bytes, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)bytes;
    advise(start / page * page, (start + size) / page * page, MADV_DONTNEED);
}
