#include "data/files/zip.h"

#include "base/file.h"
#include "base/size.h"
#include "base/text.h"
#include "data/files/aside.h"
#include "data/files/compression.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZIP_BUFFER    ((size_t)1 << 16)
#define END_SIZE      ((size_t)22)    /* the record that ends an archive, without its comment */
#define COMMENT_MAX   ((size_t)65535) /* bytes of the comment, which follows it */
#define ZIP_SHOWN_MAX 10              /* entries that a message names */

struct zip {
    struct raw_file file;
    struct archive *archive;
    struct zip_member entry;
    struct clm_error error; /* of a read, which libarchive does not pass on; status CLM_OK if none */
    unsigned char buffer[ZIP_BUFFER];
};

static clm_status fail_zip(const struct zip *zip, struct clm_error *error)
{
    const char *const why = archive_error_string(zip->archive);
    char shown[256];
    if (zip->error.status != CLM_OK)
        return clm_fail(error, zip->error.status, "%s", zip->error.message);
    if (archive_errno(zip->archive) == ENOMEM)
        return clm_fail_host_memory(error, zip->file.path, ZIP_BUFFER);
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: cannot be read as a zip archive (%s); fetch or write it again", zip->file.path,
                    why ? text_show(shown, sizeof shown, why, strlen(why)) : "damaged");
}

/* ---- libarchive's view of the file ---- */

static la_ssize_t zip_feed(struct archive *archive, void *user, const void **block)
{
    struct zip *const zip = user;
    size_t got = 0;
    (void)archive;
    const clm_status status =
        raw_file_read(&zip->file, zip->buffer, ZIP_BUFFER, zip->file.position, &got, &zip->error);
    *block = zip->buffer;
    return status == CLM_OK ? (la_ssize_t)got : ARCHIVE_FATAL;
}

static la_int64_t zip_seek(struct archive *archive, void *user, la_int64_t offset, int whence)
{
    struct zip *const zip = user;
    const la_int64_t from = whence == SEEK_SET   ? 0
                            : whence == SEEK_CUR ? (la_int64_t)zip->file.position
                                                 : (la_int64_t)zip->file.size;
    la_int64_t to;
    (void)archive;
    if (__builtin_add_overflow(from, offset, &to) || to < 0)
        return ARCHIVE_FATAL;
    zip->file.position = (size_t)to;
    return to;
}

/* ---- the end of the archive ---- */

/* Finds the last record that could end an archive in the file's last bytes. *after is how many bytes follow
 * it and its comment. */
static bool find_end(const unsigned char *bytes, size_t count, size_t *after)
{
    for (size_t at = count >= END_SIZE ? count - END_SIZE + 1 : 0; at-- > 0;) {
        const size_t comment = (size_t)bytes[at + 20] | (size_t)bytes[at + 21] << 8;
        if (memcmp(bytes + at, "PK\5\6", 4) || comment > count - at - END_SIZE)
            continue;
        *after = count - at - END_SIZE - comment;
        return true;
    }
    return false;
}

/* libarchive looks for the end from the back, and does not say if something follows it. */
static clm_status check_end(struct zip *zip, struct clm_error *error)
{
    const char *const path = zip->file.path;
    const size_t size = zip->file.size, tail = size_min(size, END_SIZE + COMMENT_MAX);
    unsigned char *const bytes = malloc(tail + 1);
    clm_status status = bytes ? CLM_OK : clm_fail_host_memory(error, path, tail);
    size_t filled = 0, after = 0;
    zip->file.position = size - tail;
    for (size_t got = 1; status == CLM_OK && got && filled < tail; filled += got)
        status = raw_file_read(&zip->file, bytes + filled, tail - filled, zip->file.position, &got, error);
    zip->file.position = 0;
    if (status == CLM_OK && !find_end(bytes, filled, &after))
        status = clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: is a zip archive without its end, where it lists its entries; the file is truncated, fetch it again",
            path);
    else if (status == CLM_OK && after)
        status = clm_fail(error, CLM_ERROR_FORMAT,
                          "%s: has %zu bytes after the end of its zip archive; it is damaged, fetch it again",
                          path, after);
    free(bytes);
    return status;
}

/* ---- opening ---- */

static clm_status zip_begin(struct zip *zip, struct clm_error *error)
{
    struct archive *const archive = zip->archive;
    if (archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
        archive_read_set_seek_callback(archive, zip_seek) != ARCHIVE_OK ||
        archive_read_open(archive, zip, NULL, zip_feed, NULL) != ARCHIVE_OK)
        return fail_zip(zip, error);
    return CLM_OK;
}

clm_status zip_open(const char *path, struct zip **out, struct clm_error *error)
{
    struct zip *const zip = calloc(1, sizeof *zip);
    *out = NULL;
    if (!zip)
        return clm_fail_host_memory(error, path, sizeof *zip);
    clm_status status = raw_file_open(path, &zip->file, error);
    if (status == CLM_OK)
        status = check_end(zip, error);
    if (status == CLM_OK && !(zip->archive = archive_read_new()))
        status = clm_fail_host_memory(error, path, ZIP_BUFFER);
    if (status == CLM_OK)
        status = zip_begin(zip, error);
    if (status == CLM_OK)
        *out = zip;
    else
        zip_close(zip);
    return status;
}

void zip_close(struct zip *zip)
{
    if (!zip)
        return;
    if (zip->archive)
        archive_read_free(zip->archive);
    raw_file_close(&zip->file);
    free(zip);
}

/* ---- entries ---- */

static bool zip_is_data(const char *path, bool is_folder)
{
    const char *const name = path_name(path);
    return !is_folder && *name && is_shown_name(name) && strncmp(path, "__MACOSX/", 9) &&
           !strstr(path, "/__MACOSX/") && !is_about_data(name);
}

/* The most that the entry can unpack to. The archive's directory says how it is compressed. */
static size_t entry_bound(const struct zip *zip)
{
    const char *const how = archive_format_name(zip->archive);
    const bool is_plain = how && (strstr(how, "deflation") || strstr(how, "uncompressed"));
    return compression_bound(is_plain ? COMPRESSED_GZIP : COMPRESSED_ZIP, zip->file.size);
}

clm_status zip_next(struct zip *zip, const struct zip_member **entry, struct clm_error *error)
{
    struct archive_entry *header;
    const char *name = NULL;
    *entry = NULL;
    while (!name) {
        const int code = archive_read_next_header(zip->archive, &header);
        if (code == ARCHIVE_EOF)
            return CLM_OK;
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
            return fail_zip(zip, error);
        name = archive_entry_pathname(header);
        if (!name)
            name = archive_entry_pathname_utf8(header);
    }
    struct zip_member *const out = &zip->entry;
    const size_t bound = entry_bound(zip);
    *out = (struct zip_member){.name = name, .is_encrypted = archive_entry_is_encrypted(header)};
    text_show(out->shown, sizeof out->shown, name, strlen(name));
    out->is_exact = archive_entry_size_is_set(header) && archive_entry_size(header) >= 0 &&
                    (uint64_t)archive_entry_size(header) <= bound;
    out->bytes = out->is_exact ? (size_t)archive_entry_size(header) : bound;
    out->is_data = zip_is_data(name, archive_entry_filetype(header) == AE_IFDIR);
    if (*name == '/' || strstr(name, ".."))
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: holds %s, a path that leads out of the archive; it is no published data set",
                        zip->file.path, out->shown);
    *entry = out;
    return CLM_OK;
}

clm_status zip_read(struct zip *zip, void *bytes, size_t size, size_t *got, struct clm_error *error)
{
    while (*got < size) {
        const la_ssize_t count = archive_read_data(zip->archive, (char *)bytes + *got, size - *got);
        if (count < 0)
            return fail_zip(zip, error);
        if (!count)
            break;
        *got += (size_t)count;
    }
    return CLM_OK;
}

/* ---- the only file ---- */

/* What the entries of an archive are, and their names for a message. */
struct zip_survey {
    size_t files; /* of data */
    bool has_array, is_office;
    char list[1024];
    size_t used;
};

static void survey_entry(struct zip_survey *survey, const struct zip_member *entry)
{
    survey->is_office |= !strcmp(entry->name, "[Content_Types].xml") || !strcmp(entry->name, "content.xml");
    if (!entry->is_data)
        return;
    survey->has_array |= has_ending(entry->name, ".npy");
    if (survey->files < ZIP_SHOWN_MAX)
        survey->used += (size_t)snprintf(survey->list + survey->used, sizeof survey->list - survey->used,
                                         "%s%s", survey->files ? ", " : "", entry->shown);
    survey->files++;
}

static clm_status survey_zip(const char *path, struct zip_survey *survey, struct clm_error *error)
{
    struct zip *zip = NULL;
    const struct zip_member *entry = NULL;
    *survey = (struct zip_survey){0};
    clm_status status = zip_open(path, &zip, error);
    while (status == CLM_OK && (status = zip_next(zip, &entry, error)) == CLM_OK && entry)
        survey_entry(survey, entry);
    zip_close(zip);
    return status;
}

static clm_status fail_entries(const char *path, const struct zip_survey *survey, struct clm_error *error)
{
    if (survey->is_office)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: is a document of an office program, such as a spreadsheet; save its sheet as CSV, and name that file",
            path);
    if (!survey->files)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: is a zip archive without a file of data", path);
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: is a zip archive of %zu files (%s%s), and only one with a single file is read as that file; unpack it, and name a file or the directory",
        path, survey->files, survey->list, survey->files > ZIP_SHOWN_MAX ? ", …" : "");
}

clm_status zip_open_only(const char *path, struct zip **out, struct zip_member *only, struct clm_error *error)
{
    struct zip_survey survey;
    const struct zip_member *entry = NULL;
    *out = NULL;
    clm_status status = survey_zip(path, &survey, error);
    if (status != CLM_OK || survey.has_array)
        return status;
    if (survey.files != 1 || survey.is_office)
        return fail_entries(path, &survey, error);
    status = zip_open(path, out, error);
    while (status == CLM_OK && (status = zip_next(*out, &entry, error)) == CLM_OK && entry && !entry->is_data)
        ;
    if (status == CLM_OK && !entry) /* it was there when the archive was surveyed */
        status = clm_fail(error, CLM_ERROR_IO, "%s: changed while it was read; try again", path);
    else if (status == CLM_OK && entry->is_encrypted)
        status = clm_fail(error, CLM_ERROR_FORMAT, "%s: %s is encrypted; write it without a password", path,
                          entry->shown);
    if (status == CLM_OK) {
        *only = *entry;
    } else {
        zip_close(*out);
        *out = NULL;
    }
    return status;
}
