#include "data/files/gunzip.h"

#include "base/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define INPUT_SIZE  ((size_t)1 << 17)
#define GZIP_WINDOW (15 + 16) /* tells zlib to expect gzip, with the largest window */

struct gunzip {
    const char *path; /* owned by the caller */
    int file;
    z_stream inflation;
    bool is_begun;   /* `inflation` was initialised */
    bool is_between; /* one gzip member has ended and the next has not begun */
    size_t came_out; /* decompressed bytes of all members */
    unsigned char input[INPUT_SIZE];
};

clm_status gunzip_recognises(const char *path, int file, bool *is_gzip, struct clm_error *error)
{
    unsigned char magic[2];
    const ssize_t count = pread(file, magic, sizeof magic, 0);
    *is_gzip = count == sizeof magic && magic[0] == 0x1f && magic[1] == 0x8b;
    return count < 0 ? clm_fail(error, CLM_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno))
                     : CLM_OK;
}

clm_status gunzip_open(const char *path, int file, struct gunzip **out, struct clm_error *error)
{
    struct gunzip *gunzip = calloc(1, sizeof *gunzip);
    *out = NULL;
    if (gunzip) {
        gunzip->path = path;
        gunzip->file = file;
        gunzip->is_begun = inflateInit2(&gunzip->inflation, GZIP_WINDOW) == Z_OK;
    }
    if (!gunzip || !gunzip->is_begun) {
        gunzip_close(gunzip);
        return clm_fail_host_memory(error, path, sizeof *gunzip);
    }
    *out = gunzip;
    return CLM_OK;
}

/* Reads more input if there is none; there is still none at the end of the file. */
static clm_status refill(struct gunzip *gunzip, struct clm_error *error)
{
    if (gunzip->inflation.avail_in)
        return CLM_OK;
    ssize_t count;
    do
        count = read(gunzip->file, gunzip->input, sizeof gunzip->input);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be read after byte %zu: %s", gunzip->path,
                        gunzip->came_out, strerror(errno));
    gunzip->inflation.next_in = gunzip->input;
    gunzip->inflation.avail_in = (uInt)count;
    return CLM_OK;
}

/* Decompresses the input into the room for output, as far as either goes. */
static clm_status inflate_some(struct gunzip *gunzip, struct clm_error *error)
{
    z_stream *const inflation = &gunzip->inflation;
    const uInt room = inflation->avail_out;
    const bool is_behind = gunzip->is_between;
    if (!inflation->avail_in)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its gzip data ends early, after %zu decompressed bytes; the file is truncated, fetch it again",
            gunzip->path, gunzip->came_out);
    if (gunzip->is_between)
        inflateReset(inflation);
    gunzip->is_between = false;
    const int code = inflate(inflation, Z_NO_FLUSH);
    gunzip->came_out += room - inflation->avail_out;
    gunzip->is_between = code == Z_STREAM_END;
    if (code == Z_MEM_ERROR)
        return clm_fail_host_memory(error, gunzip->path, sizeof *gunzip);
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        is_behind
            ? "%s: its gzip data is followed by something else (%s), after %zu decompressed bytes; fetch it again"
            : "%s: its gzip data is damaged (%s) after %zu decompressed bytes; fetch it again",
        gunzip->path, inflation->msg ? inflation->msg : "no gzip", gunzip->came_out);
}

clm_status gunzip_read(struct gunzip *gunzip, void *bytes, size_t size, size_t *got, struct clm_error *error)
{
    z_stream *const inflation = &gunzip->inflation;
    *got = 0;
    while (*got < size) {
        const uInt room = (uInt)size_min(size - *got, 1 << 30);
        clm_status status = refill(gunzip, error);
        if (status != CLM_OK || (gunzip->is_between && !inflation->avail_in))
            return status;
        inflation->next_out = (unsigned char *)bytes + *got;
        inflation->avail_out = room;
        status = inflate_some(gunzip, error);
        *got += room - inflation->avail_out;
        if (status != CLM_OK)
            return status;
    }
    return CLM_OK;
}

void gunzip_close(struct gunzip *gunzip)
{
    if (gunzip && gunzip->is_begun)
        inflateEnd(&gunzip->inflation);
    free(gunzip);
}
