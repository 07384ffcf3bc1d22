#include "data/files/tar.h"

#include "base/size.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK        ((size_t)512) /* what a tar archive is made of */
#define BUFFER       ((size_t)1 << 16)
#define ENTRIES_MAX  ((size_t)4096)
#define HEADERS_MAX  ((size_t)1 << 20)
#define ARCHIVE_MAX  ((size_t)400 << 20)
#define NAME_LONGEST ((size_t)255)

struct tar {
    struct stream *file;
    struct archive *reader;
    struct tar_entry entry;
    size_t entries;
    size_t handed;  /* bytes that went to libarchive */
    size_t ceiling; /* and may have gone there before it has to come to something */
    struct clm_error
        error; /* of a read, which libarchive does not pass on; status CLM_OK where there is none */
    unsigned char buffer[BUFFER];
};

/* ---- recognising --------------------------------------------------------------------------------------- */

/* The header's checksum is the sum of its bytes, its own eight taken as spaces, in octal digits. */
bool tar_recognises(const unsigned char *head, size_t count)
{
    const size_t place = 148, length = 8;
    unsigned long sum = 0, stated = 0;
    size_t i = place, digits = 0;
    if (count < BLOCK)
        return false;
    while (i < place + length && head[i] == ' ')
        i++;
    for (; i < place + length && head[i] >= '0' && head[i] <= '7'; i++, digits++)
        stated = 8 * stated + (unsigned long)(head[i] - '0');
    for (size_t k = 0; k < BLOCK; k++)
        sum += k >= place && k < place + length ? ' ' : head[k];
    return digits && sum == stated && head[0];
}

/* ---- what libarchive asks for -------------------------------------------------------------------------- */

/* Between two entries no more is read than headers may have, and in one no more than it promised. */
static void allow(struct tar *tar, size_t bytes)
{
    const size_t consumed = (size_t)archive_filter_bytes(tar->reader, 0);
    if (!size_add(consumed, HEADERS_MAX + BUFFER, &tar->ceiling) ||
        !size_add(tar->ceiling, bytes, &tar->ceiling))
        tar->ceiling = SIZE_MAX;
}

static clm_status fail_ceiling(struct tar *tar)
{
    if (tar->handed >= ARCHIVE_MAX)
        return clm_fail(
            &tar->error, CLM_ERROR_FORMAT,
            "%s: more than %zu MiB come out of this archive, which is more than any that is read; if it is a data set, unpack it and name the folder",
            stream_path(tar->file), ARCHIVE_MAX >> 20);
    return clm_fail(&tar->error, CLM_ERROR_FORMAT,
                    "%s: the headers behind entry %zu of this archive have more than %zu KiB; it is damaged",
                    stream_path(tar->file), tar->entries, HEADERS_MAX >> 10);
}

static la_ssize_t read_block(struct archive *reader, void *user, const void **block)
{
    struct tar *const tar = user;
    const size_t ceiling = size_min(tar->ceiling, ARCHIVE_MAX);
    size_t got = 0;
    (void)reader;
    const clm_status status =
        tar->handed >= ceiling
            ? fail_ceiling(tar)
            : stream_read(tar->file, tar->buffer, size_min(BUFFER, ceiling - tar->handed), &got, &tar->error);
    tar->handed += got;
    *block = tar->buffer;
    return status == CLM_OK ? (la_ssize_t)got : ARCHIVE_FATAL;
}

static clm_status fail_reader(const struct tar *tar, struct clm_error *error)
{
    const char *reason = archive_error_string(tar->reader);
    if (tar->error.status != CLM_OK)
        return clm_fail(error, tar->error.status, "%s", tar->error.message);
    if (archive_errno(tar->reader) == ENOMEM)
        return clm_fail_host_memory(error, stream_path(tar->file), BUFFER);
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: is a damaged tar archive (%s) behind entry %zu; fetch it again",
                    stream_path(tar->file), reason ? reason : "libarchive does not say why", tar->entries);
}

/* ---- opening ------------------------------------------------------------------------------------------- */

clm_status tar_open(const char *path, struct tar **out, struct clm_error *error)
{
    struct tar *tar = calloc(1, sizeof *tar);
    *out = NULL;
    if (!tar)
        return clm_fail_host_memory(error, path, sizeof *tar);
    clm_status status = stream_open(path, &tar->file, error);
    if (status != CLM_OK)
        goto cleanup;
    tar->reader = archive_read_new();
    if (!tar->reader) {
        status = clm_fail_host_memory(error, path, BUFFER);
        goto cleanup;
    }
    tar->ceiling = HEADERS_MAX;
    if (archive_read_support_format_tar(tar->reader) != ARCHIVE_OK ||
        archive_read_open(tar->reader, tar, NULL, read_block, NULL) != ARCHIVE_OK) {
        status = fail_reader(tar, error);
        goto cleanup;
    }
    *out = tar;
    tar = NULL;
cleanup:
    tar_close(tar);
    return status;
}

void tar_close(struct tar *tar)
{
    if (!tar)
        return;
    archive_read_free(tar->reader);
    stream_close(tar->file);
    free(tar);
}

/* ---- entries ------------------------------------------------------------------------------------------- */

/* A name that is absolute or goes up: no data set's archive has one. */
static bool leads_out(const char *name)
{
    if (*name == '/')
        return true;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (!strncmp(part, "..", 2) && (!part[2] || part[2] == '/'))
            return true;
    }
    return false;
}

static bool is_plain_name(const char *name)
{
    const size_t length = strlen(name);
    if (!length || length > NAME_LONGEST)
        return false;
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 0x7f)
            return false;
    return true;
}

static const char *skip_here(const char *name)
{
    while (!strncmp(name, "./", 2))
        name += 2;
    return name;
}

static const char *tar_kind_of(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry))
        return "a hard link";
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return archive_entry_sparse_reset(entry) ? "a sparse file" : "a file";
    case AE_IFLNK:
        return "a symbolic link";
    default:
        return "a device, a pipe or a socket";
    }
}

/* Behind the last entry there is at least a block of zeros: where there is none, the archive was cut off at the end of
 * an entry, which libarchive does not mind. Then the rest of the file is read, at whose end gzip has its checksum. */
static clm_status read_end(struct tar *tar, size_t before, struct clm_error *error)
{
    const char *path = stream_path(tar->file);
    size_t got = BUFFER, rest = 0;
    if ((size_t)archive_filter_bytes(tar->reader, 0) < before + BLOCK)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: ends behind entry %zu without the mark that ends a tar archive; it is truncated, fetch it again",
            path, tar->entries);
    while (got == BUFFER) {
        const clm_status status = stream_read(tar->file, tar->buffer, BUFFER, &got, error);
        if (status != CLM_OK)
            return status;
        rest += got;
        if (rest > HEADERS_MAX)
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: has more than %zu KiB behind the mark that ends a tar archive; it is damaged", path,
                HEADERS_MAX >> 10);
    }
    return CLM_OK;
}

/* Takes what the header says into tar->entry; *is_taken is false where it is a directory, or the name is none. */
static clm_status take_header(struct tar *tar, struct archive_entry *header, bool *is_taken,
                              struct clm_error *error)
{
    const char *name = archive_entry_pathname(header);
    const int64_t size = archive_entry_size(header);
    *is_taken = name && archive_entry_filetype(header) != AE_IFDIR && is_plain_name(skip_here(name));
    if (name && leads_out(name))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: entry %zu of this archive has a name that leads out of it, absolute or with '..'; it is no published data set: look into it with tar -t",
            stream_path(tar->file), tar->entries);
    if (size < 0 || (uint64_t)size > ARCHIVE_MAX)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: entry %zu of this archive promises %jd bytes, where whole archives are read up to %zu MiB; if it is a data set, unpack it and name the folder",
            stream_path(tar->file), tar->entries, (intmax_t)size, ARCHIVE_MAX >> 20);
    tar->entry = (struct tar_entry){.kind = tar_kind_of(header), .size = (size_t)size};
    tar->entry.name = *is_taken ? skip_here(name) : "";
    text_show(tar->entry.shown, sizeof tar->entry.shown, tar->entry.name, strlen(tar->entry.name));
    tar->entry.is_file = !strcmp(tar->entry.kind, "a file");
    allow(tar, tar->entry.size);
    return CLM_OK;
}

clm_status tar_next(struct tar *tar, const struct tar_entry **entry, struct clm_error *error)
{
    bool is_taken = false;
    *entry = NULL;
    while (!is_taken) {
        struct archive_entry *header;
        if (tar->entries && archive_read_data_skip(tar->reader) < ARCHIVE_WARN)
            return fail_reader(tar, error);
        const size_t before = (size_t)archive_filter_bytes(tar->reader, 0);
        allow(tar, 0);
        const int got = archive_read_next_header(tar->reader, &header);
        if (got == ARCHIVE_EOF)
            return read_end(tar, before, error);
        if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
            return fail_reader(tar, error);
        if (++tar->entries > ENTRIES_MAX)
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: has more than %zu entries, where archives of a data set that is read have a dozen; if it is one, unpack it and name the folder",
                stream_path(tar->file), ENTRIES_MAX);
        const clm_status status = take_header(tar, header, &is_taken, error);
        if (status != CLM_OK)
            return status;
    }
    *entry = &tar->entry;
    return CLM_OK;
}

static clm_status tar_read_entry(void *user, void *bytes, size_t size, size_t *got, struct clm_error *error)
{
    struct tar *const tar = user;
    while (*got < size) {
        const la_ssize_t count = archive_read_data(tar->reader, (unsigned char *)bytes + *got, size - *got);
        if (count < 0)
            return fail_reader(tar, error);
        if (!count)
            break;
        *got += (size_t)count;
    }
    return CLM_OK;
}

clm_status tar_entry_open(struct tar *tar, struct stream **out, struct clm_error *error)
{
    const char *archive = stream_path(tar->file);
    char *path = NULL;
    *out = NULL;
    if (!tar->entry.is_file)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: %s is %s, where files alone are read; unpack the archive and name the folder",
                        archive, tar->entry.shown, tar->entry.kind);
    if (asprintf(&path, "%s: %s", archive, tar->entry.shown) < 0)
        return clm_fail_host_memory(error, archive, strlen(archive));
    const clm_status status = stream_of(path, tar->entry.size, tar_read_entry, tar, out, error);
    free(path);
    return status;
}
