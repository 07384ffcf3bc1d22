#include "data/format.h"

#include "base/file.h"
#include "base/size.h"
#include "data/cifar.h"
#include "data/csv.h"
#include "data/idx.h"
#include "data/libsvm.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/stream.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Text stands before CIFAR-10, whose files have nothing but a small first byte. */
static const struct format *const formats[] = {
    &idx_format, &npy_format, &npz_format, &libsvm_format, &csv_format, &cifar_format,
};
static const size_t format_count = sizeof formats / sizeof *formats;

bool directory_has(const char *directory, const char *name)
{
    struct stat about;
    char *path = path_join(directory, name);
    /* what is there and cannot be looked at is met again, with its error, on opening it */
    const bool is_there = path && (!stat(path, &about) || (errno != ENOENT && errno != ENOTDIR));
    free(path);
    return is_there;
}

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

/* "idx, npy or csv" in `names`, which it returns. */
static const char *list_names(char names[FORMAT_NAMES_SIZE])
{
    size_t used = 0;
    for (size_t i = 0; i < format_count && used < FORMAT_NAMES_SIZE; i++)
        used += (size_t)snprintf(names + used, FORMAT_NAMES_SIZE - used, "%s%s",
                                 !i                     ? ""
                                 : i + 1 < format_count ? ", "
                                                        : " or ",
                                 formats[i]->name);
    return names;
}

clm_status format_check(const char *name, struct clm_error *error)
{
    if (!name || format_named(name))
        return CLM_OK;
    char names[FORMAT_NAMES_SIZE];
    return clm_fail(error, CLM_ERROR_ARGUMENT, "there is no data format named %.100s: take %s", name,
                    list_names(names));
}

/* CLM_ERROR_ARGUMENT where an option is set that the format does not take: it would do nothing. */
static clm_status check_options(const struct format *format, const char *path,
                                const struct clm_data_options *options, struct clm_error *error)
{
    const struct {
        unsigned bit;
        bool is_set;
        const char *name, *of;
    } known[] = {
        {TAKES_INPUTS, options->inputs, "--inputs", "npy and npz"},
        {TAKES_LABEL, options->label, "--label", "csv, npy and npz"},
        {TAKES_HEADER, options->header != CLM_HEADER_DETECTED, "--header", "csv"},
        {TAKES_MISSING, options->missing != CLM_MISSING_REFUSED, "--missing", "csv"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].is_set && !(format->takes & known[i].bit))
            return clm_fail(error, CLM_ERROR_ARGUMENT,
                            "%s: is read as %s, and %s is for %s alone; leave it out", path, format->name,
                            known[i].name, known[i].of);
    return CLM_OK;
}

static clm_status read_head(const char *path, struct file_head *head, struct clm_error *error)
{
    struct stream *stream = NULL;
    clm_status status = stream_open(path, &stream, error);
    if (status == CLM_OK)
        status = stream_read(stream, head->bytes, sizeof head->bytes, &head->count, error);
    if (status == CLM_OK) {
        head->file_size = stream_file_size(stream);
        head->is_compressed = stream_is_compressed(stream);
    }
    stream_close(stream);
    return status;
}

static clm_status recognise_file(const char *path, const struct format **format, struct clm_error *error)
{
    struct file_head head = {0};
    char shown[64] = "it is empty";
    const clm_status status = read_head(path, &head, error);
    if (status != CLM_OK)
        return status;
    for (size_t i = 0; i < format_count; i++) {
        if (formats[i]->recognises_file(&head)) {
            *format = formats[i];
            return CLM_OK;
        }
    }
    char names[FORMAT_NAMES_SIZE];
    for (size_t i = 0, used = 0; i < head.count && i < 4; i++)
        used += (size_t)snprintf(shown + used, sizeof shown - used, i ? " %02x" : "it begins with %02x",
                                 head.bytes[i]);
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: is of no format that is read (%s): %s and has %zu bytes; unpack an archive first, or name the "
        "format with --format",
        path, list_names(names), shown, head.file_size);
}

static clm_status recognise_directory(const char *path, const struct format **format, struct clm_error *error)
{
    DIR *directory = opendir(path);
    if (!directory)
        return clm_fail(error, CLM_ERROR_IO, "%s: the directory cannot be read: %s", path, strerror(errno));
    closedir(directory);
    for (size_t i = 0; i < format_count; i++) {
        if (formats[i]->recognises_directory && formats[i]->recognises_directory(path)) {
            *format = formats[i];
            return CLM_OK;
        }
    }
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: the directory holds no data set: neither train-images-idx3-ubyte[.gz] and its like (IDX) nor "
        "data_batch_1.bin and its like (CIFAR-10 binary) nor x.npy and y.npy and their like; unpack an "
        "archive first, or name the folder or file that holds the data",
        path);
}

clm_status format_read(const char *path, const char *name, const struct request *request,
                       struct contents *out, const struct format **format, struct clm_error *error)
{
    struct stat about;
    clm_status status = format_check(name, error);
    *out = (struct contents){0};
    *format = name ? format_named(name) : NULL;
    if (status != CLM_OK)
        return status;
    if (stat(path, &about))
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
    const bool is_directory = S_ISDIR(about.st_mode);
    if (!*format)
        status =
            is_directory ? recognise_directory(path, format, error) : recognise_file(path, format, error);
    if (status == CLM_OK && is_directory && !(*format)->recognises_directory)
        status = clm_fail(error, CLM_ERROR_FORMAT, "%s: is a directory, where %s is a file; name the file",
                          path, (*format)->name);
    if (status == CLM_OK && !request->training)
        status = check_options(*format, path, request->options, error);
    if (status == CLM_OK)
        status = (*format)->read(path, is_directory, request, out, error);
    if (status != CLM_OK)
        contents_free(out);
    return status;
}
