#include "data/cifar.h"

#include "base/file.h"
#include "base/size.h"
#include "data/stream.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META            "batches.meta.txt"
#define META_MAX        ((size_t)65536) /* bytes; the real one has 61 */
#define NAME_MAX_LENGTH 100

const char *const cifar_class_names[CIFAR_CLASSES] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                      "dog",      "frog",       "horse", "ship", "truck"};

static bool recognises_file(const struct file_head *head)
{
    return !head->is_compressed && head->file_size && head->file_size % CIFAR_RECORD == 0 &&
           head->bytes[0] < CIFAR_CLASSES;
}

static void batch_name(char *name, size_t size, int batch)
{
    snprintf(name, size, "data_batch_%d.bin", batch);
}

static bool has_batches(const char *directory)
{
    char name[32];
    for (int i = 1; i <= CIFAR_BATCHES; i++) {
        batch_name(name, sizeof name, i);
        if (directory_has(directory, name))
            return true;
    }
    return directory_has(directory, "test_batch.bin");
}

/* The directory itself, or the one in it that the published archive unpacks to; NULL where there is no
 * memory. */
static char *find_home(const char *path)
{
    char *inner = path_join(path, "cifar-10-batches-bin");
    if (inner && (has_batches(path) || !has_batches(inner))) {
        free(inner);
        inner = strdup(path);
    }
    return inner;
}

static bool recognises_directory(const char *path)
{
    char *home = find_home(path);
    const bool is_there = home && has_batches(home);
    free(home);
    return is_there;
}

/* ---- records ------------------------------------------------------------------------------------------- */

/* Makes room for `more` rows behind those that are there. */
static clm_status grow(const char *path, struct set *set, size_t more, struct clm_error *error)
{
    size_t rows, size = 0;
    if (!size_add(set->rows, more, &rows) || rows > UINT32_MAX || !size_mul(rows, CIFAR_PIXELS, &size))
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: %zu rows behind %zu are more than can be numbered",
                        path, more, set->rows);
    void *values = realloc(set->values, size);
    if (values)
        set->values = values;
    uint32_t *labels = realloc(set->labels, rows * sizeof *labels);
    if (labels)
        set->labels = labels;
    return values && labels ? CLM_OK : clm_fail_host_memory(error, path, size);
}

static clm_status read_records(struct stream *stream, struct set *set, size_t count, struct clm_error *error)
{
    unsigned char *values = set->values;
    for (size_t i = 0; i < count; i++) {
        unsigned char label;
        clm_status status = stream_fill(stream, &label, 1, "a record", error);
        if (status == CLM_OK && label >= CIFAR_CLASSES)
            status = clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: record %zu (counted from 0) has label %u, where CIFAR-10 has 0 to 9; it is no file "
                "of CIFAR-10, or a damaged one",
                stream_path(stream), i, label);
        if (status == CLM_OK)
            status = stream_fill(stream, values + set->rows * CIFAR_PIXELS, CIFAR_PIXELS, "a record", error);
        if (status != CLM_OK)
            return status;
        set->labels[set->rows++] = label;
    }
    return stream_expect_end(stream, error);
}

static clm_status check_size(const char *path, size_t size, struct clm_error *error)
{
    if (!size)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: is an empty set: it has 0 bytes", path);
    if (size % CIFAR_RECORD)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has %zu bytes, no whole number of records of %d: %zu records and %zu bytes; it is "
            "truncated, or no file of CIFAR-10",
            path, size, CIFAR_RECORD, size / CIFAR_RECORD, size % CIFAR_RECORD);
    return CLM_OK;
}

/* Appends the records of the file at `path`. */
static clm_status append_file(const char *path, struct set *set, struct clm_error *error)
{
    struct stream *stream = NULL;
    clm_status status = stream_open(path, &stream, error);
    if (status != CLM_OK)
        return status;
    const size_t size = stream_file_size(stream);
    if (stream_is_compressed(stream))
        status =
            clm_fail(error, CLM_ERROR_FORMAT,
                     "%s: is gzipped, where files of CIFAR-10 are read as they are; unpack it first", path);
    if (status == CLM_OK)
        status = check_size(path, size, error);
    if (status == CLM_OK)
        status = grow(path, set, size / CIFAR_RECORD, error);
    if (status == CLM_OK)
        status = read_records(stream, set, size / CIFAR_RECORD, error);
    if (status == CLM_OK && !set->labels_path) {
        set->labels_path = strdup(path);
        if (!set->labels_path)
            status = clm_fail_host_memory(error, path, strlen(path) + 1);
    }
    stream_close(stream);
    set->features = CIFAR_PIXELS;
    set->height = set->width = CIFAR_SIDE;
    set->channels = CIFAR_CHANNELS;
    set->element = ELEMENT_BYTE;
    return status;
}

static clm_status append_if_there(const char *directory, const char *name, struct set *set,
                                  struct clm_error *error)
{
    if (!directory_has(directory, name))
        return CLM_OK;
    char *path = path_join(directory, name);
    const clm_status status =
        path ? append_file(path, set, error) : clm_fail_host_memory(error, directory, strlen(directory));
    free(path);
    return status;
}

/* ---- names of the classes ----------------------------------------------------------------------------- */

static bool is_printable(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 0x7f)
            return false;
    return true;
}

/* Cuts text, which it changes, into its lines that are not empty. */
static clm_status split_names(const char *path, char *text, char ***names, struct clm_error *error)
{
    const char *found[CIFAR_CLASSES + 1] = {NULL};
    size_t count = 0;
    char *place = NULL;
    for (char *line = strtok_r(text, "\r\n", &place); line; line = strtok_r(NULL, "\r\n", &place)) {
        if (strlen(line) > NAME_MAX_LENGTH || !is_printable(line))
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: line %zu is no name of a class: it has %zu bytes, control characters among them or "
                "more than %d",
                path, count + 1, strlen(line), NAME_MAX_LENGTH);
        if (count <= CIFAR_CLASSES)
            found[count] = line;
        count++;
    }
    if (count != CIFAR_CLASSES)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: names %zu classes, where CIFAR-10 has %d", path, count,
                        CIFAR_CLASSES);
    *names = class_names_copy(found, CIFAR_CLASSES);
    return *names ? CLM_OK : clm_fail_host_memory(error, path, CIFAR_CLASSES * sizeof **names);
}

static clm_status read_names(const char *directory, struct contents *out, struct clm_error *error)
{
    unsigned char *text = NULL;
    size_t size;
    clm_status status = CLM_OK;
    out->classes = CIFAR_CLASSES;
    if (!directory_has(directory, META)) {
        out->class_names = class_names_copy(cifar_class_names, CIFAR_CLASSES);
        return out->class_names
                   ? CLM_OK
                   : clm_fail_host_memory(error, directory, CIFAR_CLASSES * sizeof *out->class_names);
    }
    char *path = path_join(directory, META);
    if (!path)
        return clm_fail_host_memory(error, directory, strlen(directory) + sizeof META);
    status = file_read(path, META_MAX, &text, &size, error);
    if (status == CLM_OK)
        status = split_names(path, (char *)text, &out->class_names, error);
    free(text);
    free(path);
    return status;
}

/* ---- sets ---------------------------------------------------------------------------------------------- */

static clm_status read_single(const char *path, unsigned wanted, struct contents *out,
                              struct clm_error *error)
{
    char *copy = strdup(path);
    if (!copy)
        return clm_fail_host_memory(error, path, strlen(path) + 1);
    clm_status status = read_names(dirname(copy), out, error);
    if (status == CLM_OK && wanted & READ_TRAIN)
        status = append_file(path, &out->train, error);
    free(copy);
    return status;
}

static clm_status read_cifar(const char *path, bool is_directory, const struct request *request,
                             struct contents *out, struct clm_error *error)
{
    if (!is_directory)
        return read_single(path, request->wanted, out, error);
    char *home = find_home(path);
    if (!home)
        return clm_fail_host_memory(error, path, strlen(path) + 1);
    clm_status status = read_names(home, out, error);
    for (int i = 1; status == CLM_OK && request->wanted & READ_TRAIN && i <= CIFAR_BATCHES; i++) {
        char name[32];
        batch_name(name, sizeof name, i);
        status = append_if_there(home, name, &out->train, error);
    }
    if (status == CLM_OK && request->wanted & READ_TEST)
        status = append_if_there(home, "test_batch.bin", &out->test, error);
    free(home);
    return status;
}

const struct format cifar_format = {
    .name = "cifar10",
    .recognises_file = recognises_file,
    .recognises_directory = recognises_directory,
    .read = read_cifar,
};
