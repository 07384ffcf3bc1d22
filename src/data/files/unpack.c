#include "data/files/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

#define UNPACK_BUFFER ((size_t)1 << 16)

struct unpacking {
    struct raw_file *file;
    enum compression compression;
    struct archive *archive;
    size_t came_out;
    bool asked_beyond;      /* libarchive asked for bytes after the end of the file */
    struct clm_error error; /* of a read, which libarchive does not pass on; status CLM_OK if none */
    unsigned char input[UNPACK_BUFFER];
};

static la_ssize_t unpack_feed(struct archive *archive, void *user, const void **block)
{
    struct unpacking *const unpacking = user;
    size_t got = 0;
    (void)archive;
    const clm_status status = raw_file_read(unpacking->file, unpacking->input, UNPACK_BUFFER,
                                            unpacking->file->position, &got, &unpacking->error);
    *block = unpacking->input;
    if (status != CLM_OK)
        return ARCHIVE_FATAL;
    unpacking->asked_beyond |= !got;
    return (la_ssize_t)got;
}

static clm_status fail_early(const struct unpacking *unpacking, struct clm_error *error)
{
    /* a few bytes after the end of xz could begin another stream */
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: its %s data ends early, after %zu decompressed bytes; the file is truncated%s, fetch it again",
        unpacking->file->path, compression_name(unpacking->compression), unpacking->came_out,
        unpacking->compression == COMPRESSED_XZ ? " or followed by something else" : "");
}

/* A decoder that asks for bytes after the end has not found the end of its data. */
static clm_status unpack_fail(const struct unpacking *unpacking, struct clm_error *error)
{
    const char *const path = unpacking->file->path, *const reason = archive_error_string(unpacking->archive);
    if (unpacking->error.status != CLM_OK)
        return clm_fail(error, unpacking->error.status, "%s", unpacking->error.message);
    if (archive_errno(unpacking->archive) == ENOMEM)
        return clm_fail_host_memory(error, path, UNPACK_BUFFER);
    if (unpacking->asked_beyond)
        return fail_early(unpacking, error);
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: its %s data is damaged, or followed by something else (%s), after %zu decompressed bytes; fetch it again",
        path, compression_name(unpacking->compression), reason ? reason : "libarchive does not say why",
        unpacking->came_out);
}

static clm_status unpack_begin(struct unpacking *unpacking, struct clm_error *error)
{
    static const int filters[] = {[COMPRESSED_BZIP2] = ARCHIVE_FILTER_BZIP2,
                                  [COMPRESSED_XZ] = ARCHIVE_FILTER_XZ,
                                  [COMPRESSED_ZSTD] = ARCHIVE_FILTER_ZSTD};
    struct archive *const archive = unpacking->archive;
    struct archive_entry *entry;
    const int code = archive_read_append_filter(archive, filters[unpacking->compression]);
    if (code == ARCHIVE_WARN) /* it would run a program */
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: is compressed by %s, which this machine's libarchive cannot unpack; unpack it first",
            unpacking->file->path, compression_name(unpacking->compression));
    if (code != ARCHIVE_OK || archive_read_set_format(archive, ARCHIVE_FORMAT_RAW) != ARCHIVE_OK ||
        archive_read_open(archive, unpacking, NULL, unpack_feed, NULL) != ARCHIVE_OK ||
        archive_read_next_header(archive, &entry) != ARCHIVE_OK)
        return unpack_fail(unpacking, error);
    return CLM_OK;
}

clm_status unpack_open(struct raw_file *file, enum compression compression, struct unpacking **out,
                       struct clm_error *error)
{
    struct unpacking *const unpacking = calloc(1, sizeof *unpacking);
    *out = NULL;
    if (!unpacking)
        return clm_fail_host_memory(error, file->path, sizeof *unpacking);
    unpacking->file = file;
    unpacking->compression = compression;
    unpacking->archive = archive_read_new();
    const clm_status status = unpacking->archive ? unpack_begin(unpacking, error)
                                                 : clm_fail_host_memory(error, file->path, UNPACK_BUFFER);
    if (status == CLM_OK)
        *out = unpacking;
    else
        unpack_close(unpacking);
    return status;
}

void unpack_close(struct unpacking *unpacking)
{
    if (!unpacking)
        return;
    if (unpacking->archive)
        archive_read_free(unpacking->archive);
    free(unpacking);
}

/* libarchive accepts bytes after the end of bzip2, and takes fewer than its shortest stream has for none. */
static clm_status check_used(const struct unpacking *unpacking, struct clm_error *error)
{
    const size_t used = (size_t)archive_filter_bytes(unpacking->archive, -1);
    if (used == unpacking->file->size)
        return CLM_OK;
    if (!used)
        return fail_early(unpacking, error);
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: its %s data is followed by something else, after byte %zu of %zu; the file is damaged, fetch it again",
        unpacking->file->path, compression_name(unpacking->compression), used, unpacking->file->size);
}

clm_status unpack_read(struct unpacking *unpacking, void *bytes, size_t size, size_t *got,
                       struct clm_error *error)
{
    while (*got < size) {
        const la_ssize_t count =
            archive_read_data(unpacking->archive, (unsigned char *)bytes + *got, size - *got);
        if (count < 0)
            return unpack_fail(unpacking, error);
        if (!count)
            return check_used(unpacking, error);
        *got += (size_t)count;
        unpacking->came_out += (size_t)count;
    }
    return CLM_OK;
}
