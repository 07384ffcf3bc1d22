#include "data/files/stream.h"

#include "data/files/compression.h"
#include "data/files/gunzip.h"
#include "data/files/raw_file.h"
#include "data/files/unpack.h"
#include "data/files/zip.h"

#include <stdlib.h>
#include <string.h>

#define PIECE        ((size_t)1 << 16)
#define CREDIT_LEAST ((size_t)1 << 24)

/* The bytes come from one of `gunzip`, `unpacking`, `zip` and `source`, or else from `file` itself. */
struct stream {
    char *path;
    struct raw_file file; /* closed if there is a `source` */
    enum compression compression;
    struct gunzip *gunzip;
    struct unpacking *unpacking;
    struct zip *zip;
    stream_source source;
    void *user;
    size_t file_size;
    size_t bound;    /* on the bytes of the stream */
    bool is_exact;   /* there are `bound` bytes */
    size_t position; /* bytes read so far */
};

clm_status stream_of(const char *path, size_t size, bool is_exact, stream_source source, void *user,
                     struct stream **out, struct clm_error *error)
{
    struct stream *stream = calloc(1, sizeof *stream);
    *out = NULL;
    if (stream) {
        stream->file.file = -1;
        stream->path = strdup(path);
    }
    if (!stream || !stream->path) {
        stream_close(stream);
        return clm_fail_host_memory(error, path, sizeof *stream);
    }
    stream->file_size = stream->bound = size;
    stream->is_exact = is_exact;
    stream->source = source;
    stream->user = user;
    *out = stream;
    return CLM_OK;
}

/* Begins to unpack the only file of a zip archive. One of NumPy's arrays stays as it is, for its reader. */
static clm_status stream_begin_zip(struct stream *stream, struct clm_error *error)
{
    struct zip_member entry;
    const clm_status status = zip_open_only(stream->path, &stream->zip, &entry, error);
    if (status != CLM_OK)
        return status;
    if (!stream->zip) {
        stream->compression = NOT_COMPRESSED;
        return CLM_OK;
    }
    stream->bound = entry.bytes;
    stream->is_exact = entry.is_exact;
    return CLM_OK;
}

/* Begins to unpack the file if it is compressed. */
static clm_status stream_begin(struct stream *stream, struct clm_error *error)
{
    unsigned char magic[COMPRESSION_MAGIC_MAX];
    size_t count = 0;
    clm_status status = raw_file_read(&stream->file, magic, sizeof magic, 0, &count, error);
    stream->file.position = 0;
    if (status != CLM_OK)
        return status;
    stream->compression = compression_of(magic, count);
    stream->bound = compression_bound(stream->compression, stream->file_size);
    stream->is_exact = stream->compression == NOT_COMPRESSED;
    switch (stream->compression) {
    case NOT_COMPRESSED:
        return CLM_OK;
    case COMPRESSED_GZIP:
        return gunzip_open(&stream->file, &stream->gunzip, error);
    case COMPRESSED_ZIP:
        return stream_begin_zip(stream, error);
    default:
        return unpack_open(&stream->file, stream->compression, &stream->unpacking, error);
    }
}

clm_status stream_open(const char *path, struct stream **out, struct clm_error *error)
{
    struct raw_file file;
    *out = NULL;
    clm_status status = raw_file_open(path, &file, error);
    if (status != CLM_OK)
        return status;
    status = stream_of(path, file.size, true, NULL, NULL, out, error);
    if (status != CLM_OK) {
        raw_file_close(&file);
        return status;
    }
    (*out)->file = file;
    (*out)->file.path = (*out)->path;
    status = stream_begin(*out, error);
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
    gunzip_close(stream->gunzip);
    unpack_close(stream->unpacking);
    zip_close(stream->zip);
    raw_file_close(&stream->file);
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
    return stream->compression != NOT_COMPRESSED;
}

size_t stream_bound(const struct stream *stream)
{
    return stream->bound;
}

bool stream_is_exact(const struct stream *stream)
{
    return stream->is_exact;
}

size_t stream_left(const struct stream *stream)
{
    return stream->bound > stream->position ? stream->bound - stream->position : 0;
}

size_t stream_credit(const struct stream *stream)
{
    if (stream->is_exact)
        return stream->bound;
    return size_min(stream->bound,
                    size_max(CREDIT_LEAST, compression_bound(COMPRESSED_GZIP, stream->file_size)));
}

static clm_status stream_read_file(struct stream *stream, void *bytes, size_t size, size_t *got,
                                   struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t count = 1; status == CLM_OK && count && *got < size; *got += count)
        status = raw_file_read(&stream->file, (unsigned char *)bytes + *got, size - *got, stream->position,
                               &count, error);
    return status;
}

clm_status stream_read(struct stream *stream, void *bytes, size_t size, size_t *got, struct clm_error *error)
{
    *got = 0;
    const clm_status status = stream->source      ? stream->source(stream->user, bytes, size, got, error)
                              : stream->gunzip    ? gunzip_read(stream->gunzip, bytes, size, got, error)
                              : stream->zip       ? zip_read(stream->zip, bytes, size, got, error)
                              : stream->unpacking ? unpack_read(stream->unpacking, bytes, size, got, error)
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
    return stream->file.file >= 0 && stream->compression == NOT_COMPRESSED;
}

clm_status stream_map(struct stream *stream, size_t size, const char *what, struct mapping *mapping,
                      void **bytes, struct clm_error *error)
{
    const size_t start = stream->position;
    if (start > stream->file_size || size > stream->file_size - start)
        return fail_truncated(stream, stream->file_size, what, size, start, error);
    const clm_status status = mapping_open(stream->path, stream->file.file, start + size, mapping, error);
    if (status != CLM_OK)
        return status;
    stream->file.position = stream->position = start + size;
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

/* Reads piece by piece, so that memory is taken for no more than twice the bytes that are there. */
static clm_status read_growing(struct stream *stream, size_t limit, unsigned char **bytes, size_t *size,
                               struct clm_error *error)
{
    const bool is_large = stream_is_exact(stream) && stream_bound(stream) > limit;
    size_t room = size_min(stream_is_exact(stream) ? stream_bound(stream) : PIECE, limit) + 1;
    while (!is_large) {
        size_t got = 0;
        if (!array_resize(bytes, room, 1))
            return clm_fail_host_memory(error, stream->path, room);
        const clm_status status = stream_read(stream, *bytes + *size, room - *size, &got, error);
        *size += got;
        if (status != CLM_OK || *size < room)
            return status;
        if (*size > limit)
            break;
        room = size_min(2 * room, limit + 1);
    }
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: has more than the %zu bytes that such a file may have",
                    stream->path, limit);
}

clm_status stream_read_all(const char *path, size_t limit, unsigned char **bytes, size_t *size,
                           struct clm_error *error)
{
    struct stream *stream = NULL;
    *bytes = NULL;
    *size = 0;
    clm_status status = stream_open(path, &stream, error);
    if (status == CLM_OK)
        status = read_growing(stream, limit, bytes, size, error);
    stream_close(stream);
    if (status != CLM_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}
