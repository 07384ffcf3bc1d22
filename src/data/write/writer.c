#include "data/write/writer.h"

#include "base/file.h"
#include "data/files/staging.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const struct writer *const writers[] = {
    &idx_writer, &cifar_writer, &csv_writer, &libsvm_writer, &npy_writer, &npz_writer, &image_folder_writer,
};
static const size_t writer_count = sizeof writers / sizeof *writers;

size_t clm_data_write_names(const char **names, size_t most)
{
    for (size_t i = 0; i < writer_count && i < most; i++)
        names[i] = writers[i]->name;
    return writer_count;
}

static const struct writer *writer_named(const char *name)
{
    for (size_t i = 0; i < writer_count; i++)
        if (!strcmp(writers[i]->name, name))
            return writers[i];
    return NULL;
}

bool clm_data_write_is_of_one_part(const char *format)
{
    const struct writer *const writer = writer_named(format);
    return writer && writer->is_of_one_part;
}

bool clm_data_write_keeps_names(const char *format, const struct clm_data *data)
{
    const struct writer *const writer = writer_named(format);
    return writer && writer->keeps_names && data->class_names && writer->keeps_names(data);
}

bool writer_keeps_names(const struct clm_data *data)
{
    (void)data;
    return true;
}

static clm_status writer_check_options(const struct writer *writer, const struct clm_data *data,
                                       const struct clm_data_write_options *options, struct clm_error *error)
{
    if (options->is_gzipped && writer != &idx_writer)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "gzip",
            "files of the format %s are not gzipped, only those of idx; write them as they are",
            writer->name);
    if (writer->is_of_one_part && !data_part(data, options->part)->count)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "split",
                                "%s: has no %s set to write; name another", data->source,
                                part_names[options->part]);
    if (!writer->is_of_one_part && !writer->holds_validation && data->validation.count)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "val",
            "the format %s has no place for a validation set; write npz, or hold out no rows", writer->name);
    clm_status status = CLM_OK;
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        if (!writer->is_of_one_part || part == (int)options->part)
            status = data_check_labels(data, (enum clm_part)part, error);
    return status == CLM_OK && writer->check ? writer->check(data, error) : status;
}

/* Fails if something at `path` would be lost. */
static clm_status check_place(const struct writer *writer, const char *path, bool replaces,
                              struct clm_error *error)
{
    struct stat about;
    if (lstat(path, &about))
        return errno == ENOENT
                   ? CLM_OK
                   : clm_fail(error, CLM_ERROR_IO, "%s: cannot be looked at: %s", path, strerror(errno));
    const bool is_there = !stat(path, &about);
    if (!writer->is_directory && is_there && S_ISDIR(about.st_mode))
        return clm_fail(error, CLM_ERROR_IO,
                        "%s: is a directory, but the format %s is a file; name a file in it", path,
                        writer->name);
    if (!writer->is_directory && file_is_written_in_place(path))
        return CLM_OK; /* a pipe or a device, which holds nothing that could be lost */
    if (writer->is_directory && (!is_there || !S_ISDIR(about.st_mode)))
        return clm_fail(error, CLM_ERROR_IO,
                        "%s: exists and is no directory, but the format %s is one; name another", path,
                        writer->name);
    if (writer->is_directory && staging_is_free(path))
        return CLM_OK;
    if (!replaces)
        return clm_fail_setting(error, CLM_ERROR_IO, "force",
                                "%s: is there already; name another place, or let it be replaced", path);
    if (writer->is_directory && !staging_holds_only(path, writer->files))
        return clm_fail(
            error, CLM_ERROR_IO,
            "%s: holds other files than a data set of the format %s, so it is not replaced; remove it first, or name another directory",
            path, writer->name);
    return CLM_OK;
}

clm_status clm_data_write(const struct clm_data *data, const char *path,
                          const struct clm_data_write_options *options, struct clm_error *error)
{
    struct staging staging = {0};
    const struct writer *const writer = options->format ? writer_named(options->format) : NULL;
    if (!writer)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "there is no data format named %.100s that can be written",
                        options->format ? options->format : "(none)");
    if (data->target_count)
        return clm_fail_setting(
            error, CLM_ERROR_SHAPE, "target",
            "%s: rows have targets, which no format that is written holds beside classes; write the data without them",
            data->source);
    clm_status status = check_given(path, "path for the data set", error);
    if (status == CLM_OK)
        status = writer_check_options(writer, data, options, error);
    if (status == CLM_OK)
        status = check_place(writer, path, options->replaces, error);
    if (status == CLM_OK && !writer->is_directory)
        return writer->write(data, path, options, error);
    if (status == CLM_OK)
        status = staging_begin(path, &staging, error);
    if (status == CLM_OK)
        status = writer->write(data, staging.path, options, error);
    if (status == CLM_OK)
        status = staging_commit(&staging, options->replaces ? writer->files : NULL, error);
    staging_drop(&staging);
    return status;
}
