#include "data/files/stream.h"

#include "base/file.h"
#include "data/files/gunzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

clm_status stream_open(const char *path, struct stream **out, struct clm_error *error)
{
    int file = -1;
    size_t size = 0;
    bool is_gzip = false;
    *out = NULL;
    clm_status status = open_regular(path, "; data is read only from regular files", &file, &size, error);
    if (status != CLM_OK)
        return status;
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        close(file);
        return clm_fail_host_memory(error, path, sizeof *stream);
    }
    stream->file = file;
    stream->file_size = size;
    stream->path = strdup(path);
    if (!stream->path)
        status = clm_fail_host_memory(error, path, strlen(path));
    else if ((status = gunzip_recognises(path, file, &is_gzip, error)) == CLM_OK && is_gzip)
        status = gunzip_open(stream->path, file, &stream->gunzip, error);
    if (status != CLM_OK) {
        stream_close(stream);
        return status;
    }
    *out = stream;
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

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    gunzip_close(stream->gunzip);
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

static clm_status fail_reading(const struct stream *stream, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_IO, "%s: cannot be read after byte %zu: %s", stream->path,
                    stream->position, strerror(errno));
}

static clm_status stream_read_file(struct stream *stream, void *bytes, size_t size, size_t *got,
                                   struct clm_error *error)
{
    while (*got < size) {
        const ssize_t count =
            read(stream->file, (unsigned char *)bytes + *got, size_min(size - *got, 1 << 30));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail_reading(stream, error);
        if (count == 0)
            break;
        *got += (size_t)count;
    }
    return CLM_OK;
}

clm_status stream_read(struct stream *stream, void *bytes, size_t size, size_t *got, struct clm_error *error)
{
    *got = 0;
    const clm_status status = stream->source   ? stream->source(stream->user, bytes, size, got, error)
                              : stream->gunzip ? gunzip_read(stream->gunzip, bytes, size, got, error)
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
        return fail_reading(stream, error);
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
