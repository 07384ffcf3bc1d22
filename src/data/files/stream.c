#include "data/files/stream.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define INPUT_SIZE  ((size_t)1 << 17)
#define GZIP_WINDOW (15 + 16) /* tells zlib to expect gzip, with the largest window */

/* What decompresses a gzip file. zlib's own gzread cannot tell if the checksum at the end of the file was
 * there. */
struct gunzip {
    z_stream inflation;
    bool is_between; /* one gzip member has ended and the next has not begun */
    size_t came_out; /* decompressed bytes of all members */
    unsigned char input[INPUT_SIZE];
};

struct stream {
    char *path;
    int file;              /* -1 if there is a `source` */
    struct gunzip *gunzip; /* NULL if the file is not compressed */
    stream_source source;
    void *user;
    size_t file_size;
    bool is_bound;   /* file_size is only a bound on the bytes of `source` */
    size_t position; /* bytes read so far */
};

/* Begins to decompress the file if it has gzip's magic number. */
static clm_status gunzip_begin(struct stream *stream, struct clm_error *error)
{
    unsigned char magic[2];
    const ssize_t count = pread(stream->file, magic, sizeof magic, 0);
    if (count < 0)
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be read: %s", stream->path, strerror(errno));
    if (count < (ssize_t)sizeof magic || magic[0] != 0x1f || magic[1] != 0x8b)
        return CLM_OK;
    struct gunzip *const gunzip = calloc(1, sizeof *gunzip);
    if (!gunzip || inflateInit2(&gunzip->inflation, GZIP_WINDOW) != Z_OK) {
        free(gunzip);
        return clm_fail_host_memory(error, stream->path, sizeof *gunzip);
    }
    stream->gunzip = gunzip;
    return CLM_OK;
}

clm_status stream_of(const char *path, size_t size, bool is_exact, stream_source source, void *user,
                     struct stream **out, struct clm_error *error)
{
    struct stream *stream = calloc(1, sizeof *stream);
    *out = NULL;
    if (stream) {
        stream->file = -1;
        stream->path = strdup(path);
    }
    if (!stream || !stream->path) {
        stream_close(stream);
        return clm_fail_host_memory(error, path, sizeof *stream);
    }
    stream->file_size = size;
    stream->is_bound = !is_exact;
    stream->source = source;
    stream->user = user;
    *out = stream;
    return CLM_OK;
}

clm_status stream_open(const char *path, struct stream **out, struct clm_error *error)
{
    int file = -1;
    size_t size = 0;
    *out = NULL;
    clm_status status = open_regular(path, "; data is read only from regular files", &file, &size, error);
    if (status != CLM_OK)
        return status;
    status = stream_of(path, size, true, NULL, NULL, out, error);
    if (status != CLM_OK) {
        close(file);
        return status;
    }
    (*out)->file = file;
    status = gunzip_begin(*out, error);
    if (status != CLM_OK) {
        stream_close(*out);
        *out = NULL;
    }
    return status;
}

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    if (stream->gunzip)
        inflateEnd(&stream->gunzip->inflation);
    free(stream->gunzip);
    if (stream->file >= 0)
        close(stream->file);
    free(stream->path);
    free(stream);
}

const char *stream_path(const struct stream *stream)
{
    return stream->path;
}

size_t stream_file_size(const struct stream *stream)
{
    return stream->file_size;
}

size_t stream_position(const struct stream *stream)
{
    return stream->position;
}

bool stream_is_compressed(const struct stream *stream)
{
    return stream->gunzip != NULL;
}

size_t stream_bound(const struct stream *stream)
{
    return stream_is_compressed(stream) ? deflate_bound(stream->file_size) : stream->file_size;
}

bool stream_is_exact(const struct stream *stream)
{
    return !stream->gunzip && !stream->is_bound;
}

size_t stream_left(const struct stream *stream)
{
    const size_t bound = stream_bound(stream);
    return bound > stream->position ? bound - stream->position : 0;
}

static clm_status fail_reading(const struct stream *stream, size_t position, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_IO, "%s: cannot be read after byte %zu: %s", stream->path, position,
                    strerror(errno));
}

/* Reads some of the file's bytes, none at its end. `position` is for the message. */
static clm_status read_some(const struct stream *stream, void *bytes, size_t size, size_t position,
                            size_t *got, struct clm_error *error)
{
    ssize_t count;
    do
        count = read(stream->file, bytes, size_min(size, 1 << 30));
    while (count < 0 && errno == EINTR);
    *got = count < 0 ? 0 : (size_t)count;
    return count < 0 ? fail_reading(stream, position, error) : CLM_OK;
}

static clm_status stream_read_file(struct stream *stream, void *bytes, size_t size, size_t *got,
                                   struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t count = 1; status == CLM_OK && count && *got < size; *got += count)
        status =
            read_some(stream, (unsigned char *)bytes + *got, size - *got, stream->position, &count, error);
    return status;
}

/* Reads more input if there is none; there is still none at the end of the file. */
static clm_status refill(struct stream *stream, struct clm_error *error)
{
    struct gunzip *const gunzip = stream->gunzip;
    size_t count;
    if (gunzip->inflation.avail_in)
        return CLM_OK;
    const clm_status status =
        read_some(stream, gunzip->input, sizeof gunzip->input, gunzip->came_out, &count, error);
    gunzip->inflation.next_in = gunzip->input;
    gunzip->inflation.avail_in = (uInt)count;
    return status;
}

/* Decompresses the input into the room for output, as far as either goes. */
static clm_status inflate_some(struct stream *stream, struct clm_error *error)
{
    struct gunzip *const gunzip = stream->gunzip;
    z_stream *const inflation = &gunzip->inflation;
    const uInt room = inflation->avail_out;
    const bool is_behind = gunzip->is_between;
    if (!inflation->avail_in)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its gzip data ends early, after %zu decompressed bytes; the file is truncated, fetch it again",
            stream->path, gunzip->came_out);
    if (gunzip->is_between)
        inflateReset(inflation);
    gunzip->is_between = false;
    const int code = inflate(inflation, Z_NO_FLUSH);
    gunzip->came_out += room - inflation->avail_out;
    gunzip->is_between = code == Z_STREAM_END;
    if (code == Z_MEM_ERROR)
        return clm_fail_host_memory(error, stream->path, sizeof *gunzip);
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        is_behind
            ? "%s: its gzip data is followed by something else (%s), after %zu decompressed bytes; fetch it again"
            : "%s: its gzip data is damaged (%s) after %zu decompressed bytes; fetch it again",
        stream->path, inflation->msg ? inflation->msg : "no gzip", gunzip->came_out);
}

/* Reads decompressed bytes. The end is reported only if every member of the file had the right checksum and
 * length and nothing follows the last member. */
static clm_status gunzip_read(struct stream *stream, void *bytes, size_t size, size_t *got,
                              struct clm_error *error)
{
    struct gunzip *const gunzip = stream->gunzip;
    z_stream *const inflation = &gunzip->inflation;
    while (*got < size) {
        const uInt room = (uInt)size_min(size - *got, 1 << 30);
        clm_status status = refill(stream, error);
        if (status != CLM_OK || (gunzip->is_between && !inflation->avail_in))
            return status;
        inflation->next_out = (unsigned char *)bytes + *got;
        inflation->avail_out = room;
        status = inflate_some(stream, error);
        *got += room - inflation->avail_out;
        if (status != CLM_OK)
            return status;
    }
    return CLM_OK;
}

clm_status stream_read(struct stream *stream, void *bytes, size_t size, size_t *got, struct clm_error *error)
{
    *got = 0;
    const clm_status status = stream->source   ? stream->source(stream->user, bytes, size, got, error)
                              : stream->gunzip ? gunzip_read(stream, bytes, size, got, error)
                                               : stream_read_file(stream, bytes, size, got, error);
    stream->position += *got;
    return status;
}

static clm_status fail_truncated(const struct stream *stream, size_t end, const char *what, size_t size,
                                 size_t start, struct clm_error *error)
{
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: ends early, after %zu bytes: of the %zu bytes of %s, only %zu are there; the file is truncated",
        stream->path, end, size, what, end - start);
}

clm_status stream_fill(struct stream *stream, void *bytes, size_t size, const char *what,
                       struct clm_error *error)
{
    size_t got = 0;
    const size_t start = stream->position;
    const clm_status status = stream_read(stream, bytes, size, &got, error);
    if (status == CLM_OK && got < size)
        return fail_truncated(stream, stream->position, what, size, start, error);
    return status;
}

bool stream_is_file(const struct stream *stream)
{
    return stream->file >= 0 && !stream->gunzip;
}

clm_status stream_map(struct stream *stream, size_t size, const char *what, struct mapping *mapping,
                      void **bytes, struct clm_error *error)
{
    const size_t start = stream->position;
    if (start > stream->file_size || size > stream->file_size - start)
        return fail_truncated(stream, stream->file_size, what, size, start, error);
    const clm_status status = mapping_open(stream->path, stream->file, start + size, mapping, error);
    if (status != CLM_OK)
        return status;
    if (lseek(stream->file, (off_t)(start + size), SEEK_SET) < 0) {
        mapping_close(mapping);
        return fail_reading(stream, start, error);
    }
    stream->position = start + size;
    *bytes = (unsigned char *)mapping->start + start;
    return CLM_OK;
}

clm_status stream_expect_end(struct stream *stream, struct clm_error *error)
{
    unsigned char byte;
    size_t got = 0;
    const size_t end = stream->position;
    const clm_status status = stream_read(stream, &byte, 1, &got, error);
    if (status == CLM_OK && got)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has more than the %zu bytes that its header promises; it is not the file it should be",
            stream->path, end);
    return status;
}
