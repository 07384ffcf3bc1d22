/* Writes NumPy's arrays x_train, y_train, x_val, y_val, x_test and y_test, those of parts that have rows: one
 * .npy file each in a directory, or all in one .npz, an uncompressed zip archive.
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * x is uint8 or float32, (rows, features); pictures are (rows, height, width) or (rows, channels, height,
 * width). y is int64. */
#include "base/file.h"
#include "data/files/output.h"
#include "data/write/numpy.h"
#include "data/write/writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NPY_ALIGNMENT 64
#define ARRAYS        6

static const char *const array_names[ARRAYS + 1] = {"x_train.npy", "y_train.npy", "x_val.npy", "y_val.npy",
                                                    "x_test.npy",  "y_test.npy",  NULL};
static const char order = BYTE_ORDER == LITTLE_ENDIAN ? '<' : '>';

struct array {
    char header[256];
    size_t header_size, size; /* bytes of the header, and of the elements */
    const void *elements;
    int64_t *labels; /* the elements of y, owned */
};

/* Two arrays for each part, in the order of array_names. */
static const struct rows *rows_of_array(const struct clm_data *data, size_t index)
{
    static const enum clm_part parts[] = {CLM_TRAIN, CLM_VALIDATION, CLM_TEST};
    return data_part(data, parts[index / 2]);
}

/* Writes magic, version 1.0, the length of the rest, and a dictionary with blanks that align the elements. */
static void write_numpy_header(struct array *array, const char *type, const char *shape)
{
    static const size_t before = 10;
    char *text = array->header + before;
    size_t used = (size_t)snprintf(text, sizeof array->header - before,
                                   "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    while ((before + used + 1) % NPY_ALIGNMENT)
        text[used++] = ' ';
    text[used++] = '\n';
    memcpy(array->header, "\x93NUMPY\x01\x00", 8);
    array->header[8] = (char)(used & 0xff);
    array->header[9] = (char)(used >> 8);
    array->header_size = before + used;
}

static void describe_rows(const struct clm_data *data, const struct rows *rows, struct array *array)
{
    char shape[128], type[4] = "|u1";
    if (data->element == ELEMENT_FLOAT)
        snprintf(type, sizeof type, "%cf4", order);
    if (data->height && data->channels > 1)
        snprintf(shape, sizeof shape, "%zu, %zu, %zu, %zu", rows->count, data->channels, data->height,
                 data->width);
    else if (data->height)
        snprintf(shape, sizeof shape, "%zu, %zu, %zu", rows->count, data->height, data->width);
    else
        snprintf(shape, sizeof shape, "%zu, %zu", rows->count, data->features);
    write_numpy_header(array, type, shape);
    array->elements = rows->values;
    array->size = rows->count * data->features * data_element_size(data);
}

clm_status clm_write_npy(const char *path, const float *values, size_t rows, size_t columns,
                         struct clm_error *error)
{
    const char type[] = {order, 'f', '4', '\0'};
    struct array array = {.size = rows * columns * sizeof *values};
    char shape[64];
    snprintf(shape, sizeof shape, "%zu, %zu", rows, columns);
    write_numpy_header(&array, type, shape);
    char *const bytes = malloc(array.header_size + array.size);
    if (!bytes)
        return clm_fail_host_memory(error, path, array.header_size + array.size);
    memcpy(bytes, array.header, array.header_size);
    memcpy(bytes + array.header_size, values, array.size);
    const clm_status status = clm_write_file(path, bytes, array.header_size + array.size, error);
    free(bytes);
    return status;
}

static bool describe_labels(const struct rows *rows, struct array *array)
{
    char shape[32], type[4];
    snprintf(type, sizeof type, "%ci8", order);
    snprintf(shape, sizeof shape, "%zu,", rows->count);
    write_numpy_header(array, type, shape);
    array->size = rows->count * sizeof *array->labels;
    array->labels = malloc(array->size);
    for (size_t i = 0; array->labels && i < rows->count; i++)
        array->labels[i] = rows->labels[i];
    array->elements = array->labels;
    return array->labels != NULL;
}

static clm_status write_numpy_make_array(const struct clm_data *data, size_t index, const char *path,
                                         struct array *array, struct clm_error *error)
{
    const struct rows *rows = rows_of_array(data, index);
    *array = (struct array){.size = 0};
    if (index % 2 == 0)
        describe_rows(data, rows, array);
    else if (!describe_labels(rows, array))
        return clm_fail_host_memory(error, path, rows->count * sizeof *array->labels);
    return CLM_OK;
}

/* Writes one array: `path` is that of the directory or the archive. */
typedef clm_status array_writer(struct archive *archive, const struct array *array, const char *name,
                                const char *path, struct clm_error *error);

static clm_status write_arrays(const struct clm_data *data, const char *path, array_writer *write,
                               struct archive *archive, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < ARRAYS; i++) {
        struct array array;
        if (!rows_of_array(data, i)->count)
            continue;
        status = write_numpy_make_array(data, i, path, &array, error);
        if (status == CLM_OK) {
            status = write(archive, &array, array_names[i], path, error);
            free(array.labels);
        }
    }
    return status;
}

static clm_status write_numpy_file(struct archive *archive, const struct array *array, const char *name,
                                   const char *directory, struct clm_error *error)
{
    struct output *output = NULL;
    (void)archive;
    clm_status status = output_open_in(directory, name, false, &output, error);
    if (status == CLM_OK)
        status = output_write(output, array->header, array->header_size, error);
    if (status == CLM_OK)
        status = output_write(output, array->elements, array->size, error);
    return output_end(output, status, error);
}

static clm_status write_npy(const struct clm_data *data, const char *directory,
                            const struct clm_data_write_options *options, struct clm_error *error)
{
    (void)options;
    return write_arrays(data, directory, write_numpy_file, NULL, error);
}

static clm_status fail_in_archive(struct archive *archive, const char *path, struct clm_error *error)
{
    const char *const text = archive_error_string(archive);
    return clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", path,
                    text ? text : strerror(archive_errno(archive)));
}

static clm_status write_numpy_all(struct archive *archive, const void *bytes, size_t size, const char *path,
                                  struct clm_error *error)
{
    const char *at = bytes;
    while (size) {
        const la_ssize_t written = archive_write_data(archive, at, size);
        if (written <= 0)
            return fail_in_archive(archive, path, error);
        at += written;
        size -= (size_t)written;
    }
    return CLM_OK;
}

static clm_status write_member(struct archive *archive, const struct array *array, const char *name,
                               const char *path, struct clm_error *error)
{
    struct archive_entry *entry = archive_entry_new2(archive);
    clm_status status = CLM_OK;
    if (!entry)
        return clm_fail_host_memory(error, path, sizeof entry);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)(array->header_size + array->size));
    if (archive_write_header(archive, entry) != ARCHIVE_OK)
        status = fail_in_archive(archive, path, error);
    if (status == CLM_OK)
        status = write_numpy_all(archive, array->header, array->header_size, path, error);
    if (status == CLM_OK)
        status = write_numpy_all(archive, array->elements, array->size, path, error);
    archive_entry_free(entry);
    return status;
}

/* An archive that takes the place of a file when it is complete. */
struct npz_archive {
    struct replacement replacement;
    struct archive *archive;
};

static clm_status npz_begin(const char *path, struct npz_archive *out, struct clm_error *error)
{
    out->archive = NULL;
    const clm_status status = replacement_begin(path, &out->replacement, error);
    if (status != CLM_OK)
        return status;
    out->archive = archive_write_new();
    if (!out->archive)
        return clm_fail_host_memory(error, path, 1 << 16);
    if (archive_write_set_format_zip(out->archive) != ARCHIVE_OK ||
        archive_write_zip_set_compression_store(out->archive) != ARCHIVE_OK ||
        archive_write_open_fd(out->archive, out->replacement.file) != ARCHIVE_OK)
        return fail_in_archive(out->archive, path, error);
    return CLM_OK;
}

/* Gives the archive its name if `status`, that of all before, is CLM_OK; returns what came of it. */
static clm_status npz_end(struct npz_archive *npz, const char *path, clm_status status,
                          struct clm_error *error)
{
    if (status == CLM_OK && archive_write_close(npz->archive) != ARCHIVE_OK)
        status = fail_in_archive(npz->archive, path, error);
    if (npz->archive)
        archive_write_free(npz->archive);
    if (status == CLM_OK)
        status = replacement_commit(&npz->replacement, error);
    replacement_drop(&npz->replacement);
    return status;
}

static clm_status write_npz(const struct clm_data *data, const char *path,
                            const struct clm_data_write_options *options, struct clm_error *error)
{
    struct npz_archive npz;
    (void)options;
    clm_status status = npz_begin(path, &npz, error);
    if (status == CLM_OK)
        status = write_arrays(data, path, write_member, npz.archive, error);
    return npz_end(&npz, path, status, error);
}

clm_status npz_write_members(const char *path, const struct numpy_member *members, size_t count,
                             const char *text_name, const char *text, struct clm_error *error)
{
    const char type[] = {order, 'f', '4', '\0'};
    const struct array written = {.size = strlen(text), .elements = text};
    struct npz_archive npz;
    clm_status status = npz_begin(path, &npz, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++) {
        const struct numpy_member *const member = &members[i];
        struct array array = {.size = member->rows * (member->columns ? member->columns : 1) *
                                      sizeof *member->values,
                              .elements = member->values};
        char shape[64];
        if (member->columns)
            snprintf(shape, sizeof shape, "%zu, %zu", member->rows, member->columns);
        else
            snprintf(shape, sizeof shape, "%zu,", member->rows);
        write_numpy_header(&array, type, shape);
        status = write_member(npz.archive, &array, member->name, path, error);
    }
    if (status == CLM_OK)
        status = write_member(npz.archive, &written, text_name, path, error);
    return npz_end(&npz, path, status, error);
}

/* Arrays of float32 cannot hold values that a table had to count from an offset. */
static clm_status check_offsets(const struct clm_data *data, struct clm_error *error)
{
    const size_t feature = first_with_offset(data->inputs);
    char text[COLUMN_TEXT_SIZE];
    if (!data->inputs || feature == data->inputs->features)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_SHAPE,
        "%s: float32 cannot tell the values of %s apart, which begin at %.10g, and arrays hold float32; write csv or libsvm, or leave that column out",
        data->source, feature_text(data->inputs, feature, text), feature_offset(data->inputs, feature));
}

const struct writer npy_writer = {.name = "npy",
                                  .is_directory = true,
                                  .files = array_names,
                                  .holds_validation = true,
                                  .check = check_offsets,
                                  .write = write_npy};
const struct writer npz_writer = {
    .name = "npz", .holds_validation = true, .check = check_offsets, .write = write_npz};
