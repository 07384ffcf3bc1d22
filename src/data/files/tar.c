#include "data/files/tar.h"

#include "base/size.h"
#include "base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK        ((size_t)512) /* a tar archive is a sequence of such blocks */
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
    size_t handed;          /* bytes given to libarchive */
    size_t ceiling;         /* limit of `handed`, until libarchive returns something */
    struct clm_error error; /* error of a read, which libarchive does not pass on; status CLM_OK if none */
    unsigned char buffer[BUFFER];
};

/* The checksum of a header is the sum of its bytes, in octal digits. Its own eight bytes count as spaces. */
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

/* Raises the ceiling by `bytes`. Between two entries, headers may have at most HEADERS_MAX bytes; an entry
 * may have only the bytes that its header promised. */
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
            "%s: this archive unpacks to more than %zu MiB, the most that is read from an archive; if it is a data set, unpack it and name the directory",
            stream_path(tar->file), ARCHIVE_MAX >> 20);
    return clm_fail(&tar->error, CLM_ERROR_FORMAT,
                    "%s: the headers after entry %zu of this archive have more than %zu KiB; it is damaged",
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
                    "%s: is a damaged tar archive (%s) after entry %zu; fetch it again",
                    stream_path(tar->file), reason ? reason : "libarchive does not say why", tar->entries);
}

clm_status tar_open(const char *path, struct tar **out, struct clm_error *error)
{
    struct tar *tar = calloc(1, sizeof *tar);
    *out = NULL;
    if (!tar)
        return clm_fail_host_memory(error, path, sizeof *tar);
    tar->ceiling = HEADERS_MAX;
    clm_status status = stream_open(path, &tar->file, error);
    if (status == CLM_OK && !(tar->reader = archive_read_new()))
        status = clm_fail_host_memory(error, path, BUFFER);
    if (status == CLM_OK && (archive_read_support_format_tar(tar->reader) != ARCHIVE_OK ||
                             archive_read_open(tar->reader, tar, NULL, read_block, NULL) != ARCHIVE_OK))
        status = fail_reader(tar, error);
    if (status == CLM_OK)
        *out = tar;
    else
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

/* True if the name is absolute or has "..", which no data set's archive has. */
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
    return length && length <= NAME_LONGEST && !has_control(name, length);
}

static const char *skip_here(const char *name)
{
    while (!strncmp(name, "./", 2))
        name += 2;
    return name;
}

/* What an entry is, if it cannot be read as a file; else NULL. */
static const char *tar_kind_of(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry))
        return "a hard link";
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return archive_entry_sparse_reset(entry) ? "a sparse file" : NULL;
    case AE_IFLNK:
        return "a symbolic link";
    default:
        return "a device, a pipe or a socket";
    }
}

/* Checks the end of the archive. libarchive accepts an archive that was cut off after an entry, so the block
 * of zeros that must follow the last entry is required here. The rest of the file is read because gzip's
 * checksum is at its end. */
static clm_status read_end(struct tar *tar, size_t before, struct clm_error *error)
{
    const char *path = stream_path(tar->file);
    size_t got = BUFFER, rest = 0;
    if ((size_t)archive_filter_bytes(tar->reader, 0) < before + BLOCK)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: ends after entry %zu without the mark that ends a tar archive; it is truncated, fetch it again",
            path, tar->entries);
    while (got == BUFFER) {
        const clm_status status = stream_read(tar->file, tar->buffer, BUFFER, &got, error);
        if (status != CLM_OK)
            return status;
        rest += got;
        if (rest > HEADERS_MAX)
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: has more than %zu KiB after the mark that ends a tar archive; it is damaged",
                            path, HEADERS_MAX >> 10);
    }
    return CLM_OK;
}

/* Fills tar->entry from the header. *is_taken is false if it is a directory or has no usable name. */
static clm_status take_header(struct tar *tar, struct archive_entry *header, bool *is_taken,
                              struct clm_error *error)
{
    const char *name = archive_entry_pathname(header);
    const int64_t size = archive_entry_size(header);
    *is_taken = name && archive_entry_filetype(header) != AE_IFDIR && is_plain_name(skip_here(name));
    if (name && leads_out(name))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: entry %zu of this archive has a name that leads out of it, absolute or with '..'; it is no published data set, look into it with tar -t",
            stream_path(tar->file), tar->entries);
    if (size < 0 || (uint64_t)size > ARCHIVE_MAX)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: entry %zu of this archive promises %jd bytes, but a whole archive may have only %zu MiB; if it is a data set, unpack it and name the directory",
            stream_path(tar->file), tar->entries, (intmax_t)size, ARCHIVE_MAX >> 20);
    tar->entry = (struct tar_entry){.kind = tar_kind_of(header), .size = (size_t)size};
    tar->entry.name = *is_taken ? skip_here(name) : "";
    text_show(tar->entry.shown, sizeof tar->entry.shown, tar->entry.name, strlen(tar->entry.name));
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
                "%s: has more than %zu entries, but the archive of a data set has about a dozen; if it is one, unpack it and name the directory",
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
    if (tar->entry.kind)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: %s is %s, but only files are read; unpack the archive and name the directory",
                        archive, tar->entry.shown, tar->entry.kind);
    if (asprintf(&path, "%s: %s", archive, tar->entry.shown) < 0)
        return clm_fail_host_memory(error, archive, strlen(archive));
    const clm_status status = stream_of(path, tar->entry.size, true, tar_read_entry, tar, out, error);
    free(path);
    return status;
}
