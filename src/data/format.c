#include "data/format.h"

#include "base/file.h"
#include "base/size.h"
#include "base/text.h"
#include "data/files/raw_file.h"
#include "data/files/spool.h"
#include "data/files/stream.h"
#include "data/files/tar.h"
#include "data/foreign.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OTHER_FILES_MAX ((size_t)64 << 20)

/* The formats in the order in which they are asked. Text comes before CIFAR, whose files are only recognised
 * by size and a small first byte. */
static const struct format *const formats[] = {
    &idx_format, &npy_format,      &npz_format,     &arff_format,         &libsvm_format,
    &csv_format, &cifar100_format, &cifar10_format, &image_folder_format,
};
static const size_t format_count = sizeof formats / sizeof *formats;

static const struct format *format_named(const char *name)
{
    for (size_t i = 0; i < format_count; i++)
        if (!strcmp(formats[i]->name, name))
            return formats[i];
    return NULL;
}

size_t clm_format_names(const char **names, size_t most)
{
    for (size_t i = 0; i < format_count && i < most; i++)
        names[i] = formats[i]->name;
    return size_min(format_count, most);
}

#define FORMAT_NAMES_SIZE 256
#define ANY_OPTION        0

/* Writes "idx, npy or csv" into `names` and returns it: the formats that take `option`, a bit of
 * `takes`, or all formats. */
static const char *format_list_names(char names[FORMAT_NAMES_SIZE], unsigned option)
{
    size_t used = 0, left = 0;
    *names = '\0';
    for (size_t i = 0; i < format_count; i++)
        left += (formats[i]->takes & option) == option;
    for (size_t i = 0; i < format_count && used < FORMAT_NAMES_SIZE; i++) {
        if ((formats[i]->takes & option) != option)
            continue;
        used += (size_t)snprintf(names + used, FORMAT_NAMES_SIZE - used, "%s%s",
                                 !used      ? ""
                                 : left > 1 ? ", "
                                            : " or ",
                                 formats[i]->name);
        left--;
    }
    return names;
}

clm_status format_check(const char *name, struct clm_error *error)
{
    char names[FORMAT_NAMES_SIZE];
    if (!name || format_named(name))
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_ARGUMENT, "there is no data format named %.100s; choose %s", name,
                    format_list_names(names, ANY_OPTION));
}

/* Fails with CLM_ERROR_ARGUMENT if an option is set that the format does not take, because it
 * would have no effect. */
static clm_status format_check_options(const struct format *format, const char *path,
                                       const struct clm_data_options *options, struct clm_error *error)
{
    const struct {
        unsigned bit;
        bool is_set;
        const char *setting, *what;
    } known[] = {
        {TAKES_INPUTS, options->inputs, "inputs", "a name of the inputs"},
        {TAKES_LABEL, options->label, "label", "a name of the labels"},
        {TAKES_LABEL, options->target, "target", "a name of targets"},
        {TAKES_HEADER, options->header != CLM_HEADER_DETECTED, "header", "a header"},
        {TAKES_MISSING, options->missing != CLM_MISSING_MEAN, "missing", "filling of gaps"},
        {TAKES_COLUMNS, options->ignore, "ignore", "a list of columns to leave out"},
        {TAKES_COLUMNS, options->only, "only", "a list of columns to take"},
        {TAKES_COLUMNS, options->categorical, "categorical", "a list of columns with categories"},
        {TAKES_COLUMNS, options->id, "id", "a column with names of rows"},
        {TAKES_COLUMNS, options->weight, "weight", "a column of weights"},
        {TAKES_COLUMNS, options->delimiter, "delimiter", "a delimiter"},
        {TAKES_COLUMNS, options->missing_words, "missing-words", "a list of words for missing values"},
        {TAKES_RESIZE, options->resize_width, "resize", "resizing"},
        {TAKES_CHANNELS, options->channels, "channels", "a number of channels"},
    };
    char names[FORMAT_NAMES_SIZE];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].is_set && !(format->takes & known[i].bit))
            return clm_fail_setting(error, CLM_ERROR_ARGUMENT, known[i].setting,
                                    "%s: is read as %s, and %s is for %s alone; leave it out", path,
                                    format->name, known[i].what, format_list_names(names, known[i].bit));
    return CLM_OK;
}

void data_note(const struct clm_data_options *options, const char *setting, const char *format, ...)
{
    char sentence[NOTE_MAX];
    va_list arguments;
    if (!options->on_note)
        return;
    va_start(arguments, format);
    clm_write_sentence(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    options->on_note(options->note_user, sentence, setting);
}

void note_name(struct names_note *note, const char *name)
{
    char shown[64];
    if (note->used + sizeof shown + 2 < sizeof note->list)
        note->used +=
            (size_t)snprintf(note->list + note->used, sizeof note->list - note->used, "%s%s",
                             note->count ? ", " : "", text_show(shown, sizeof shown, name, strlen(name)));
    else if (note->used && note->list[note->used - 1] != '.')
        note->used += (size_t)snprintf(note->list + note->used, sizeof note->list - note->used, " ...");
    note->count++;
}

void note_unused(const struct names_note *note, const char *where, const struct clm_data_options *options)
{
    if (note->count)
        data_note(options, "", "%s: %zu %s not used: %s", where, note->count, note->count == 1 ? "is" : "are",
                  note->list);
}

clm_status file_head_read(const char *path, struct file_head *head, struct clm_error *error)
{
    struct stream *stream = NULL;
    *head = (struct file_head){.path = path};
    clm_status status = stream_open(path, &stream, error);
    if (status == CLM_OK)
        status = stream_read(stream, head->bytes, FILE_HEAD_MAX, &head->count, error);
    if (status == CLM_OK) {
        head->file_size = stream_file_size(stream);
        head->is_compressed = stream_is_compressed(stream);
    }
    stream_close(stream);
    return status;
}

/* Finds the format of the first entry that a format recognises; if `only` is not NULL, only that format is
 * asked. Published archives begin with such an entry, so the search ends after 64 MiB of other files. */
static clm_status recognise_archive(const char *path, const struct format *only, const struct format **format,
                                    struct clm_error *error)
{
    struct tar *tar = NULL;
    const struct tar_entry *entry = NULL;
    size_t passed = 0;
    clm_status status = tar_open(path, &tar, error);
    *format = NULL;
    while (status == CLM_OK && !*format && passed <= OTHER_FILES_MAX) {
        status = tar_next(tar, &entry, error);
        if (status != CLM_OK || !entry)
            break;
        passed += entry->size; /* no overflow: tar_next bounds each size by that of a whole archive */
        for (size_t i = 0; i < format_count && !*format; i++)
            if (formats[i]->recognises_entry && (!only || only == formats[i]) &&
                formats[i]->recognises_entry(entry->name))
                *format = formats[i];
    }
    tar_close(tar);
    return status;
}

bool find_variant(const char *directory, const char *prefix, const char *const *middles,
                  const char *const *endings, char **out)
{
    *out = NULL;
    for (; *middles && !*out; middles++)
        for (const char *const *ending = endings; *ending && !*out; ending++) {
            char *path = NULL;
            if (asprintf(&path, "%s/%s%s%s", directory, prefix, *middles, *ending) < 0)
                return false;
            if (strlen(path) < PATH_MAX && is_there(path)) /* no file has a longer name */
                *out = path;
            else
                free(path);
        }
    return true;
}

static clm_status fail_no_format(const char *path, const struct file_head *head, struct clm_error *error)
{
    const struct foreign_kind *const foreign = foreign_kind_of(head->bytes, head->count);
    char shown[64], names[FORMAT_NAMES_SIZE];
    if (!head->count)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: is empty: it has 0 bytes; name another file", path);
    if (foreign)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: is %s, which is not read; %s", path, foreign->what,
                        foreign->remedy);
    for (size_t i = 0, used = 0; i < head->count && i < 4; i++)
        used += (size_t)snprintf(shown + used, sizeof shown - used, i ? " %02x" : "it begins with %02x",
                                 head->bytes[i]);
    return clm_fail_setting(
        error, CLM_ERROR_FORMAT, "format",
        "%s: is of no format that is read (%s): %s and has %zu bytes; name the format, or convert the file",
        path, format_list_names(names, ANY_OPTION), shown, head->file_size);
}

static clm_status recognise_file(const char *path, const struct format **format, struct clm_error *error)
{
    struct file_head head;
    clm_status status = file_head_read(path, &head, error);
    if (status != CLM_OK)
        return status;
    for (size_t i = 0; i < format_count; i++) {
        if (formats[i]->recognises_file && formats[i]->recognises_file(&head)) {
            *format = formats[i];
            return CLM_OK;
        }
    }
    if (tar_recognises(head.bytes, head.count)) {
        status = recognise_archive(path, NULL, format, error);
        if (status != CLM_OK || *format)
            return status;
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: is a tar archive that holds no data set: neither data_batch_1[.bin] and the like (CIFAR-10) nor train[.bin] (CIFAR-100); unpack it and name the directory that holds the files",
            path);
    }
    return fail_no_format(path, &head, error);
}

static int is_archive_name(const struct dirent *file)
{
    static const char *const endings[] = {".tar",    ".tar.gz", ".tgz",     ".tar.bz2", ".tbz2",
                                          ".tar.xz", ".txz",    ".tar.zst", ".tzst"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (has_ending(file->d_name, endings[i]))
            return 1;
    return 0;
}

/* *format is the format (or `only`, unless NULL) of the data set in the tar archive at `path`; NULL if the
 * file is no such archive. */
static clm_status look_into(const char *path, const struct format *only, const struct format **format,
                            struct clm_error *error)
{
    struct file_head head;
    const clm_status status = file_head_read(path, &head, error);
    *format = NULL;
    return status == CLM_OK && tar_recognises(head.bytes, head.count)
               ? recognise_archive(path, only, format, error)
               : status;
}

/* Finds the first archive in the directory, by name, that holds a data set. *path is NULL if there is
 * none. */
static clm_status find_archive(const char *directory, const struct format *only, char **path,
                               const struct format **format, struct clm_error *error)
{
    struct listing archives;
    *path = NULL;
    *format = NULL;
    clm_status status = listing_read(directory, is_archive_name, &archives, error);
    for (size_t i = 0; status == CLM_OK && !*format && i < archives.count; i++) {
        status = look_into(archives.paths[i], only, format, error);
        if (status == CLM_OK && *format) {
            *path = archives.paths[i];
            archives.paths[i] = NULL;
        }
    }
    listing_free(&archives);
    return status;
}

static clm_status fail_directory(const char *path, struct clm_error *error)
{
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: the directory holds no data set: neither train-images-idx3-ubyte and the like (IDX), nor x.npy and y.npy or the like (NPY), nor exactly one .npz, nor data_batch_1[.bin] and the like (CIFAR-10), nor train[.bin] (CIFAR-100), nor a .tar, compressed or not, with such files, nor a directory of PNG or JPEG pictures for each class (images), nor train.csv and the like (tables) and no other files; unpack any other archive first, or name the directory or file that holds the data",
        path);
}

/* Finds the format of the directory. If an archive in it holds the data set, *archive is its path, which
 * the caller frees. */
static clm_status recognise_directory(const char *path, const struct format *only, char **archive,
                                      const struct format **format, struct clm_error *error)
{
    *archive = NULL;
    *format = NULL;
    clm_status status = CLM_OK;
    for (size_t i = 0; i < format_count; i++) {
        bool is_it = false;
        if ((!only || only == formats[i]) && formats[i]->recognises_directory)
            status = formats[i]->recognises_directory(path, &is_it, error);
        if (status != CLM_OK)
            return status;
        if (is_it) {
            *format = formats[i];
            return CLM_OK;
        }
    }
    if (!only || only->recognises_entry)
        status = find_archive(path, only, archive, format, error);
    if (status == CLM_OK && !*format && !only)
        return fail_directory(path, error);
    if (status == CLM_OK && !*format && !only->recognises_directory)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: is a directory, but the format %s is a file; name the file", path, only->name);
    if (!*format)
        *format = only; /* its reader will report what is missing */
    return status;
}

/* Fails before reading if the file is larger than the memory that its data may take. */
static clm_status format_check_memory(const char *path, const struct format *format, uint64_t memory,
                                      struct clm_error *error)
{
    struct raw_file file;
    if (!memory || format->maps)
        return CLM_OK;
    const clm_status status = raw_file_open(path, &file, error);
    raw_file_close(&file);
    return status == CLM_OK ? allow_memory(memory, path, file.size, error) : status;
}

static clm_status look_at(const char *path, bool *is_directory, struct clm_error *error)
{
    struct stat about;
    *is_directory = false;
    if (is_spooled(path))
        return CLM_OK;
    if (stat(path, &about))
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
    *is_directory = S_ISDIR(about.st_mode);
    return CLM_OK;
}

clm_status format_read(const char *path, const char *name, const struct request *request,
                       struct contents *out, const struct format **format, struct clm_error *error)
{
    bool is_directory = false;
    char *archive = NULL;
    clm_status status = format_check(name, error);
    *out = (struct contents){0};
    out->train.memory = out->validation.memory = out->test.memory = request->options->memory;
    *format = name ? format_named(name) : NULL;
    if (status == CLM_OK)
        status = look_at(path, &is_directory, error);
    if (status != CLM_OK)
        return status;
    if (is_directory)
        status = recognise_directory(path, *format, &archive, format, error);
    else if (!*format)
        status = recognise_file(path, format, error);
    if (status == CLM_OK && !request->is_test)
        status = format_check_options(*format, path, request->options, error);
    if (status == CLM_OK && (!is_directory || archive))
        status = format_check_memory(archive ? archive : path, *format, request->options->memory, error);
    if (status == CLM_OK)
        status = (*format)->read(archive ? archive : path, is_directory && !archive, request, out, error);
    if (status != CLM_OK)
        contents_free(out);
    free(archive);
    return status;
}
