#include "data/files/raw_file.h"

#include "base/size.h"
#include "data/files/spool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

clm_status raw_file_open(const char *path, struct raw_file *out, struct clm_error *error)
{
    *out = (struct raw_file){.path = path, .file = -1};
    return spool_open(path, &out->file, &out->size, error);
}

void raw_file_close(struct raw_file *file)
{
    if (file->file >= 0)
        close(file->file);
    file->file = -1;
}

clm_status raw_file_read(struct raw_file *file, void *bytes, size_t size, size_t after, size_t *got,
                         struct clm_error *error)
{
    ssize_t count;
    do
        count = pread(file->file, bytes, size_min(size, 1 << 30), (off_t)file->position);
    while (count < 0 && errno == EINTR);
    *got = count < 0 ? 0 : (size_t)count;
    file->position += *got;
    return count < 0 ? clm_fail(error, CLM_ERROR_IO, "%s: cannot be read after byte %zu: %s", file->path,
                                after, strerror(errno))
                     : CLM_OK;
}
