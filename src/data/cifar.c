#include "data/cifar.h"

#include "base/file.h"
#include "base/size.h"
#include "data/cifar_batch.h"
#include "data/pickle.h"
#include "data/tar.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A set as it is read, file by file, in whatever order they come. */
struct reading {
    const struct cifar *cifar;
    size_t which; /* of the labels */
    unsigned wanted;
    enum cifar_layout layout;
    struct set train[CIFAR_BATCHES], test;
    char **names;
};

enum role { NO_ROLE, TRAIN, TEST, NAMES };

static struct reading start(const struct cifar *cifar, unsigned wanted)
{
    return (struct reading){
        .cifar = cifar, .wanted = wanted, .which = wanted & READ_COARSE && cifar->label_count > 1};
}

static const struct cifar_labels *labels_of(const struct reading *reading)
{
    return reading->cifar->labels[reading->which];
}

static void reading_free(struct reading *reading)
{
    for (int i = 0; i < CIFAR_BATCHES; i++)
        set_free(reading->train + i);
    set_free(&reading->test);
    class_names_free(reading->names, labels_of(reading)->classes);
    reading->names = NULL;
}

/* What a file of that name is for; *batch is which of the training set's. */
static enum role role_of(const struct cifar_files *files, size_t which, const char *name, size_t *batch)
{
    for (*batch = 0; *batch < CIFAR_BATCHES && files->train[*batch]; ++*batch)
        if (!strcmp(name, files->train[*batch]))
            return TRAIN;
    if (!strcmp(name, files->test))
        return TEST;
    return strcmp(name, files->names[which]) ? NO_ROLE : NAMES;
}

static bool is_wanted(const struct reading *reading, enum role role)
{
    return role == NAMES || (role == TRAIN && reading->wanted & READ_TRAIN) ||
           (role == TEST && reading->wanted & READ_TEST);
}

static clm_status read_pictures(struct reading *reading, struct set *set, struct stream *stream,
                                struct clm_error *error)
{
    if (set->rows)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: comes twice; which of the two counts cannot be told",
                        stream_path(stream));
    return (reading->layout == CIFAR_PYTHON ? cifar_read_pickle : cifar_read_records)(
        stream, reading->cifar, labels_of(reading), set, error);
}

static clm_status read_member(struct reading *reading, enum role role, size_t batch, struct stream *stream,
                              struct clm_error *error)
{
    if (role != NAMES)
        return read_pictures(reading, role == TRAIN ? reading->train + batch : &reading->test, stream, error);
    if (reading->names)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: comes twice; which of the two counts cannot be told",
                        stream_path(stream));
    return cifar_read_names(stream, reading->layout, reading->cifar, labels_of(reading), &reading->names,
                            error);
}

/* ---- what was read, as a set --------------------------------------------------------------------------- */

/* Appends `more`, which is empty then. */
static clm_status append(struct set *set, struct set *more, struct clm_error *error)
{
    size_t rows, size = 0;
    if (!set->rows) {
        *set = *more;
        *more = (struct set){0};
        return CLM_OK;
    }
    if (!size_add(set->rows, more->rows, &rows) || rows > UINT32_MAX || !size_mul(rows, CIFAR_PIXELS, &size))
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: %zu rows behind %zu are more than can be numbered",
                        more->labels_path, more->rows, set->rows);
    unsigned char *values = realloc(set->values, size);
    if (values)
        set->values = values;
    uint32_t *labels = realloc(set->labels, rows * sizeof *labels);
    if (labels)
        set->labels = labels;
    if (!values || !labels)
        return clm_fail_host_memory(error, more->labels_path, size);
    memcpy(values + set->rows * CIFAR_PIXELS, more->values, more->rows * CIFAR_PIXELS);
    memcpy(labels + set->rows, more->labels, more->rows * sizeof *labels);
    set->rows = rows;
    set_free(more);
    return CLM_OK;
}

static clm_status finish(const char *path, struct reading *reading, struct contents *out,
                         struct clm_error *error)
{
    const struct cifar_labels *const labels = labels_of(reading);
    clm_status status = CLM_OK;
    for (int i = 0; status == CLM_OK && i < CIFAR_BATCHES; i++)
        if (reading->train[i].rows)
            status = append(&out->train, reading->train + i, error);
    if (status != CLM_OK)
        return status;
    out->test = reading->test;
    reading->test = (struct set){0};
    out->classes = labels->classes;
    out->class_names =
        reading->names ? reading->names : class_names_copy(labels->class_names, labels->classes);
    reading->names = NULL;
    return out->class_names ? CLM_OK
                            : clm_fail_host_memory(error, path, labels->classes * sizeof *out->class_names);
}

/* ---- directories --------------------------------------------------------------------------------------- */

static bool begins_as_pickle(const char *directory, const char *name)
{
    struct file_head head;
    char *path = path_join(directory, name);
    const bool is_pickle =
        path && file_head_read(path, &head, NULL) == CLM_OK && pickle_recognises(head.bytes, head.count);
    free(path);
    return is_pickle;
}

/* Names like "train" are anybody's: there the content decides. */
static bool has_pictures(const char *directory, const struct cifar *cifar, enum cifar_layout layout)
{
    const struct cifar_files *const files = cifar->files + layout;
    const bool is_enough = layout == CIFAR_BINARY || cifar == &cifar10;
    for (int i = 0; i <= CIFAR_BATCHES; i++) {
        const char *name = i < CIFAR_BATCHES ? files->train[i] : files->test;
        if (name && directory_has(directory, name) && (is_enough || begins_as_pickle(directory, name)))
            return true;
    }
    return false;
}

/* The directory itself, or the one in it that a published archive unpacks to; *home is NULL where neither holds
 * pictures. False where there is no memory. */
static bool find_home(const char *path, const struct cifar *cifar, char **home, enum cifar_layout *layout)
{
    *home = NULL;
    for (int i = 0; i < 2 * CIFAR_LAYOUTS; i++) {
        *layout = (enum cifar_layout)(i % CIFAR_LAYOUTS);
        char *here = i < CIFAR_LAYOUTS ? strdup(path) : path_join(path, cifar->files[*layout].folder);
        if (!here)
            return false;
        if (has_pictures(here, cifar, *layout)) {
            *home = here;
            return true;
        }
        free(here);
    }
    return true;
}

static bool recognises_directory(const char *path, const struct cifar *cifar)
{
    char *home;
    enum cifar_layout layout;
    find_home(path, cifar, &home, &layout);
    free(home);
    return home != NULL;
}

static clm_status read_if_there(struct reading *reading, const char *directory, const char *name,
                                struct clm_error *error)
{
    struct stream *stream = NULL;
    size_t batch;
    const enum role role = role_of(reading->cifar->files + reading->layout, reading->which, name, &batch);
    if (!is_wanted(reading, role) || !directory_has(directory, name))
        return CLM_OK;
    char *path = path_join(directory, name);
    clm_status status =
        path ? stream_open(path, &stream, error) : clm_fail_host_memory(error, directory, strlen(directory));
    if (status == CLM_OK)
        status = read_member(reading, role, batch, stream, error);
    stream_close(stream);
    free(path);
    return status;
}

static clm_status read_directory(struct reading *reading, const char *path, struct clm_error *error)
{
    char *home;
    if (!find_home(path, reading->cifar, &home, &reading->layout))
        return clm_fail_host_memory(error, path, strlen(path) + 1);
    if (!home)
        return CLM_OK;
    const struct cifar_files *const files = reading->cifar->files + reading->layout;
    clm_status status = read_if_there(reading, home, files->names[reading->which], error);
    for (int i = 0; status == CLM_OK && i < CIFAR_BATCHES && files->train[i]; i++)
        status = read_if_there(reading, home, files->train[i], error);
    if (status == CLM_OK)
        status = read_if_there(reading, home, files->test, error);
    free(home);
    return status;
}

/* ---- archives ------------------------------------------------------------------------------------------ */

/* Where in an archive the set lies: in one folder, in one layout. */
struct place {
    char *folder; /* NULL before its first file was met */
    size_t size;  /* of its files so far */
};

static const char *base_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static bool is_entry(const char *name, const struct cifar *cifar)
{
    size_t batch;
    for (int i = 0; i < CIFAR_LAYOUTS; i++) {
        const enum role role = role_of(cifar->files + i, 0, base_name(name), &batch);
        if (role == TRAIN || role == TEST)
            return true;
    }
    return false;
}

/* The whole set's pictures; protocol 2 of Python 3 makes up to two bytes of each. A set of one's own that is larger
 * is read as a directory: what comes out of a small archive has to have a bound. */
static size_t size_limit(const struct reading *reading)
{
    const size_t rows = 60000;
    return reading->layout == CIFAR_BINARY ? rows * (reading->cifar->label_count + CIFAR_PIXELS) + (1 << 16)
                                           : rows * 2 * CIFAR_PIXELS + (1 << 24);
}

static clm_status settle(struct reading *reading, struct place *place, const char *archive,
                         const struct tar_entry *entry, enum cifar_layout layout, struct clm_error *error)
{
    const size_t length = (size_t)(base_name(entry->name) - entry->name);
    if (!place->folder) {
        place->folder = strndup(entry->name, length);
        if (!place->folder)
            return clm_fail_host_memory(error, archive, length + 1);
        reading->layout = layout;
    }
    if (reading->layout != layout || strlen(place->folder) != length ||
        strncmp(place->folder, entry->name, length))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: holds %s in the folder '%s', and more of it as %s; unpack it and name one folder", archive,
            reading->cifar->name, place->folder, entry->name);
    if (!size_add(place->size, entry->size, &place->size) || place->size > size_limit(reading))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: with the %zu bytes of %s, its files have more than the %zu bytes that %s has; if it is a "
            "larger set of your own, unpack it and name the folder",
            archive, entry->size, entry->name, size_limit(reading), reading->cifar->name);
    return CLM_OK;
}

static clm_status read_entry(struct reading *reading, struct place *place, const char *archive,
                             struct tar *tar, const struct tar_entry *entry, struct clm_error *error)
{
    struct stream *stream = NULL;
    size_t batch = 0;
    enum role role = NO_ROLE;
    int layout = -1;
    while (role == NO_ROLE && ++layout < CIFAR_LAYOUTS)
        role = role_of(reading->cifar->files + layout, reading->which, base_name(entry->name), &batch);
    if (role == NO_ROLE)
        return CLM_OK;
    clm_status status = settle(reading, place, archive, entry, (enum cifar_layout)layout, error);
    if (status != CLM_OK || !is_wanted(reading, role))
        return status;
    status = tar_entry_open(tar, &stream, error);
    if (status == CLM_OK)
        status = read_member(reading, role, batch, stream, error);
    stream_close(stream);
    return status;
}

static clm_status read_archive(struct reading *reading, const char *path, struct clm_error *error)
{
    struct tar *tar = NULL;
    struct place place = {0};
    const struct tar_entry *entry = NULL;
    clm_status status = tar_open(path, &tar, error);
    while (status == CLM_OK && (status = tar_next(tar, &entry, error)) == CLM_OK && entry)
        status = read_entry(reading, &place, path, tar, entry, error);
    free(place.folder);
    tar_close(tar);
    return status;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static clm_status read_batch(struct reading *reading, const char *path, struct clm_error *error)
{
    struct stream *stream = NULL;
    char *copy = strdup(path);
    if (!copy)
        return clm_fail_host_memory(error, path, strlen(path) + 1);
    const char *names = reading->cifar->files[reading->layout].names[reading->which];
    clm_status status = read_if_there(reading, dirname(copy), names, error);
    free(copy);
    if (status != CLM_OK || !(reading->wanted & READ_TRAIN))
        return status;
    status = stream_open(path, &stream, error);
    if (status == CLM_OK)
        status = read_member(reading, TRAIN, 0, stream, error);
    stream_close(stream);
    return status;
}

static clm_status read_file(struct reading *reading, const char *path, struct clm_error *error)
{
    struct file_head head;
    const clm_status status = file_head_read(path, &head, error);
    if (status != CLM_OK)
        return status;
    if (tar_recognises(head.bytes, head.count))
        return read_archive(reading, path, error);
    reading->layout = pickle_recognises(head.bytes, head.count) ? CIFAR_PYTHON : CIFAR_BINARY;
    return read_batch(reading, path, error);
}

static clm_status read_cifar(const struct cifar *cifar, const char *path, bool is_directory, unsigned wanted,
                             struct contents *out, struct clm_error *error)
{
    struct reading reading = start(cifar, wanted);
    clm_status status = (is_directory ? read_directory : read_file)(&reading, path, error);
    if (status == CLM_OK)
        status = finish(path, &reading, out, error);
    reading_free(&reading);
    return status;
}

/* ---- CIFAR-10 and CIFAR-100 as formats ----------------------------------------------------------------- */

static bool is_records(const struct file_head *head, size_t record)
{
    return !head->is_compressed && head->file_size && head->file_size % record == 0;
}

/* Of pickles it takes all that are not CIFAR-100's, so that a damaged one meets its sentence; CIFAR-100 is asked
 * before it. */
static bool recognises_file_of_10(const struct file_head *head)
{
    return (is_records(head, CIFAR_RECORD) && head->bytes[0] < CIFAR_CLASSES) ||
           pickle_recognises(head->bytes, head->count);
}

static bool recognises_file_of_100(const struct file_head *head)
{
    return (is_records(head, CIFAR100_RECORD) && head->bytes[0] < CIFAR100_COARSE_CLASSES &&
            head->bytes[1] < CIFAR100_CLASSES) ||
           (pickle_recognises(head->bytes, head->count) && cifar_is_pickle_of_100(head->path));
}

static bool recognises_directory_of_10(const char *path)
{
    return recognises_directory(path, &cifar10);
}

static bool recognises_directory_of_100(const char *path)
{
    return recognises_directory(path, &cifar100);
}

static bool recognises_entry_of_10(const char *name)
{
    return is_entry(name, &cifar10);
}

static bool recognises_entry_of_100(const char *name)
{
    return is_entry(name, &cifar100);
}

static clm_status read_10(const char *path, bool is_directory, unsigned wanted, struct contents *out,
                          struct clm_error *error)
{
    return read_cifar(&cifar10, path, is_directory, wanted, out, error);
}

static clm_status read_100(const char *path, bool is_directory, unsigned wanted, struct contents *out,
                           struct clm_error *error)
{
    return read_cifar(&cifar100, path, is_directory, wanted, out, error);
}

const struct format cifar10_format = {
    .name = "cifar10",
    .recognises_file = recognises_file_of_10,
    .recognises_directory = recognises_directory_of_10,
    .recognises_entry = recognises_entry_of_10,
    .read = read_10,
};

const struct format cifar100_format = {
    .name = "cifar100",
    .has_coarse_labels = true,
    .recognises_file = recognises_file_of_100,
    .recognises_directory = recognises_directory_of_100,
    .recognises_entry = recognises_entry_of_100,
    .read = read_100,
};
