#include "data/files/gunzip.h"

#include "base/size.h"

#include <stdlib.h>
#include <zlib.h>

#define INPUT_SIZE  ((size_t)1 << 17)
#define GZIP_WINDOW (15 + 16) /* tells zlib to expect gzip, with the largest window */

/* zlib's own gzread cannot tell if the checksum at the end of the file was there. */
struct gunzip {
    struct raw_file *file;
    z_stream inflation;
    bool is_between; /* one gzip member has ended and the next has not begun */
    size_t came_out; /* decompressed bytes of all members */
    unsigned char input[INPUT_SIZE];
};

clm_status gunzip_open(struct raw_file *file, struct gunzip **out, struct clm_error *error)
{
    struct gunzip *const gunzip = calloc(1, sizeof *gunzip);
    *out = NULL;
    if (!gunzip || inflateInit2(&gunzip->inflation, GZIP_WINDOW) != Z_OK) {
        free(gunzip);
        return clm_fail_host_memory(error, file->path, sizeof *gunzip);
    }
    gunzip->file = file;
    *out = gunzip;
    return CLM_OK;
}

void gunzip_close(struct gunzip *gunzip)
{
    if (!gunzip)
        return;
    inflateEnd(&gunzip->inflation);
    free(gunzip);
}

/* Reads more input if there is none; there is still none at the end of the file. */
static clm_status refill(struct gunzip *gunzip, struct clm_error *error)
{
    size_t count;
    if (gunzip->inflation.avail_in)
        return CLM_OK;
    const clm_status status =
        raw_file_read(gunzip->file, gunzip->input, sizeof gunzip->input, gunzip->came_out, &count, error);
    gunzip->inflation.next_in = gunzip->input;
    gunzip->inflation.avail_in = (uInt)count;
    return status;
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
            gunzip->file->path, gunzip->came_out);
    if (gunzip->is_between)
        inflateReset(inflation);
    gunzip->is_between = false;
    const int code = inflate(inflation, Z_NO_FLUSH);
    gunzip->came_out += room - inflation->avail_out;
    gunzip->is_between = code == Z_STREAM_END;
    if (code == Z_MEM_ERROR)
        return clm_fail_host_memory(error, gunzip->file->path, sizeof *gunzip);
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        is_behind
            ? "%s: its gzip data is followed by something else (%s), after %zu decompressed bytes; fetch it again"
            : "%s: its gzip data is damaged (%s) after %zu decompressed bytes; fetch it again",
        gunzip->file->path, inflation->msg ? inflation->msg : "no gzip", gunzip->came_out);
}

clm_status gunzip_read(struct gunzip *gunzip, void *bytes, size_t size, size_t *got, struct clm_error *error)
{
    z_stream *const inflation = &gunzip->inflation;
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
