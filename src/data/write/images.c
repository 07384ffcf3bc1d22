/* Writes PNG pictures in one directory for each class: CLASS/000000.png, in directories train, val and test
 * if there are other rows than those to train on. */
#include "base/file.h"
#include "data/formats/listing.h"
#include "data/pictures/image.h"
#include "data/write/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static clm_status write_images_check(const struct clm_data *data, struct clm_error *error)
{
    const bool are_pictures = data->height && (data->channels == 1 || data->channels == 3);
    if (data->element != ELEMENT_BYTE || !are_pictures)
        return clm_fail(
            error, CLM_ERROR_SHAPE,
            "%s: its rows are %zu %s%s, but pictures are bytes of one or three channels; write npz instead",
            data->source, data->features, data->element == ELEMENT_BYTE ? "bytes" : "floats",
            are_pictures ? "" : " that are no pictures");
    return CLM_OK;
}

/* A directory name for the class that image_folder.c will not ignore. A class without a name gets its
 * number, such as "07". */
static char *make_folder_name(const struct clm_data *data, size_t index)
{
    char *name = NULL;
    if (!data->class_names) {
        int digits = 1;
        for (size_t most = data->classes - 1; most >= 10; most /= 10)
            digits++;
        return asprintf(&name, "%0*zu", digits, index) < 0 ? NULL : name;
    }
    const char *const given = data->class_names[index];
    const bool is_left_out = !*given || !is_shown_name(given);
    if (asprintf(&name, "%s%s", is_left_out ? "_" : "", given) < 0)
        return NULL;
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
    return name;
}

/* Copies (channels, height, width) to (height, width, channels). */
static void take_row(const struct clm_data *data, const unsigned char *row, struct image *image)
{
    const size_t pixels = data->width * data->height;
    for (size_t c = 0; c < data->channels; c++)
        for (size_t i = 0; i < pixels; i++)
            image->pixels[i * data->channels + c] = *row++;
}

/* Writes a file into the staging directory, so it needs no sync and no rename of its own. */
static clm_status write_new_file(const char *path, const unsigned char *bytes, size_t size,
                                 struct clm_error *error)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const bool is_written = file >= 0 && file_write_all(file, bytes, size);
    const int code = errno;
    if (file >= 0 && close(file) && is_written)
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    return is_written ? CLM_OK
                      : clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", path, strerror(code));
}

static clm_status write_picture(const struct clm_data *data, const struct rows *rows, size_t row,
                                const char *folder, struct image *image, struct clm_error *error)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    char *path = NULL;
    if (asprintf(&path, "%s/%06zu.png", folder, row) < 0)
        return clm_fail_host_memory(error, folder, strlen(folder) + 32);
    take_row(data, data_row(data, rows, row), image);
    clm_status status = png_encode(path, image, &bytes, &size, error);
    if (status == CLM_OK)
        status = write_new_file(path, bytes, size, error);
    free(bytes);
    free(path);
    return status;
}

static bool has_class(const struct rows *rows, size_t class)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->labels[i] == class)
            return true;
    return false;
}

/* Names the directory of each class, and makes those of classes that have rows. */
static clm_status make_folders(const struct clm_data *data, const struct rows *rows, const char *directory,
                               char **folders, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t c = 0; status == CLM_OK && c < data->classes; c++) {
        char *name = make_folder_name(data, c);
        folders[c] = name ? path_join(directory, name) : NULL;
        free(name);
        if (!folders[c])
            return clm_fail_host_memory(error, directory, strlen(directory));
        for (size_t d = 0; d < c; d++)
            if (!strcmp(folders[c], folders[d]))
                return clm_fail(error, CLM_ERROR_SHAPE,
                                "%s: the classes %zu and %zu would share one directory, %s; rename one",
                                data->source, d, c, strrchr(folders[c], '/') + 1);
        if (has_class(rows, c))
            status = directory_make(folders[c], NULL, error);
    }
    return status;
}

static clm_status write_part(const struct clm_data *data, const struct rows *rows, const char *directory,
                             struct clm_error *error)
{
    struct image image = {.width = data->width, .height = data->height, .channels = data->channels};
    char **folders = calloc(data->classes, sizeof *folders);
    image.pixels = malloc(data->features);
    clm_status status = folders && image.pixels ? make_folders(data, rows, directory, folders, error)
                                                : clm_fail_host_memory(error, directory, data->features);
    for (size_t r = 0; status == CLM_OK && r < rows->count; r++)
        status = write_picture(data, rows, r, folders[rows->labels[r]], &image, error);
    for (size_t c = 0; folders && c < data->classes; c++)
        free(folders[c]);
    free(folders);
    image_free(&image);
    return status;
}

static clm_status write_images(const struct clm_data *data, const char *path,
                               const struct clm_data_write_options *options, struct clm_error *error)
{
    (void)options;
    static const char *const folders[] = {
        [CLM_TRAIN] = "train", [CLM_VALIDATION] = "val", [CLM_TEST] = "test"};
    clm_status status = CLM_OK;
    if (!data->validation.count && !data->test.count)
        return write_part(data, &data->train, path, error);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++) {
        const struct rows *const rows = data_part(data, (enum clm_part)part);
        char *const folder = path_join(path, folders[part]);
        status = !folder       ? clm_fail_host_memory(error, path, strlen(path) + sizeof "train")
                 : rows->count ? write_part(data, rows, folder, error)
                               : CLM_OK;
        free(folder);
    }
    return status;
}

const struct writer image_folder_writer = {.name = "images",
                                           .is_directory = true,
                                           .holds_validation = true,
                                           .keeps_names = writer_keeps_names,
                                           .check = write_images_check,
                                           .write = write_images};
