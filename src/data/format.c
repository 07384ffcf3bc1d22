#include "data/format.h"

#include "base/file.h"
#include "data/cifar.h"
#include "data/idx.h"
#include "data/image_folder.h"
#include "data/stream.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct format *const formats[] = {&idx_format, &cifar_format, &image_folder_format};
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

clm_status format_check(const char *name, struct clm_error *error)
{
    if (!name || format_named(name))
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_ARGUMENT,
                    "there is no data format named %.100s: take idx, cifar10 or images", name);
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
        {TAKES_RESIZE, options->resize_width, "--resize", "images"},
        {TAKES_CHANNELS, options->channels, "--channels", "images"},
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
    for (size_t i = 0, used = 0; i < head.count && i < 4; i++)
        used += (size_t)snprintf(shown + used, sizeof shown - used, i ? " %02x" : "it begins with %02x",
                                 head.bytes[i]);
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: neither IDX (which begins with 00 00 08 or 00 00 0d, gzipped or not) nor CIFAR-10 binary "
        "(records "
        "of 3073 bytes that begin with a label from 0 to 9): %s and has %zu bytes; unpack an archive first, "
        "or name the format with --format idx or cifar10",
        path, shown, head.file_size);
}

static clm_status recognise_directory(const char *path, const struct format **format, struct clm_error *error)
{
    DIR *directory = opendir(path);
    if (!directory)
        return clm_fail(error, CLM_ERROR_IO, "%s: the directory cannot be read: %s", path, strerror(errno));
    closedir(directory);
    for (size_t i = 0; i < format_count; i++) {
        if (formats[i]->recognises_directory(path)) {
            *format = formats[i];
            return CLM_OK;
        }
    }
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: the directory holds no data set: neither train-images-idx3-ubyte[.gz] and its like (IDX) nor "
        "data_batch_1.bin and its like (CIFAR-10 binary) nor a folder for each class with PNG or JPEG "
        "pictures "
        "(images); unpack an archive first, or name the folder that holds the files",
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
    if (status == CLM_OK && !request->training)
        status = check_options(*format, path, request->options, error);
    if (status == CLM_OK)
        status = (*format)->read(path, is_directory, request, out, error);
    if (status != CLM_OK)
        contents_free(out);
    return status;
}
