/* Reads CIFAR sets file by file, in both layouts, from directories and from the tar archives in which they
 * are published. */
#include "data/formats/cifar_files.h"

#include "base/file.h"
#include "base/size.h"
#include "base/text.h"
#include "data/pickle/pickle.h"
#include "data/files/tar.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A set that is read file by file, in any order. */
struct cifar_reading {
    const struct cifar *cifar;
    size_t which; /* kind of label: index into cifar->labels */
    unsigned wanted;
    enum cifar_layout layout;
    struct set train[CIFAR_BATCHES], test;
    char **names;
};

/* What a file of the set holds. */
enum cifar_role { CIFAR_NO_ROLE, CIFAR_TRAIN, CIFAR_TEST, CIFAR_NAMES };

static const struct cifar_labels *labels_of(const struct cifar_reading *reading)
{
    return reading->cifar->labels[reading->which];
}

static void cifar_reading_free(struct cifar_reading *reading)
{
    for (int i = 0; i < CIFAR_BATCHES; i++)
        set_free(reading->train + i);
    set_free(&reading->test);
    class_names_free(reading->names, labels_of(reading)->classes);
}

static enum cifar_role role_in(const struct cifar_files *files, size_t which, const char *name, size_t *batch)
{
    for (*batch = 0; *batch < CIFAR_BATCHES && files->train[*batch]; ++*batch)
        if (!strcmp(name, files->train[*batch]))
            return CIFAR_TRAIN;
    if (!strcmp(name, files->test))
        return CIFAR_TEST;
    return strcmp(name, files->names[which]) ? CIFAR_NO_ROLE : CIFAR_NAMES;
}

/* The role of the file called `name`, if labels of kind `which` are read, and the layout that it is in.
 * *batch is the index of a training file. */
static enum cifar_role cifar_role_of(const struct cifar *cifar, size_t which, const char *name,
                                     enum cifar_layout *layout, size_t *batch)
{
    enum cifar_role role = CIFAR_NO_ROLE;
    for (int i = 0; i < CIFAR_LAYOUTS && role == CIFAR_NO_ROLE; i++) {
        role = role_in(cifar->files + i, which, name, batch);
        *layout = (enum cifar_layout)i;
    }
    return role;
}

static bool cifar_is_wanted(const struct cifar_reading *reading, enum cifar_role role)
{
    return role == CIFAR_NAMES || (role == CIFAR_TRAIN && reading->wanted & READ_TRAIN) ||
           (role == CIFAR_TEST && reading->wanted & READ_TEST);
}

/* Reads a file in its role. Fails with CLM_ERROR_FORMAT if the set already has a file in that role. */
static clm_status cifar_read_member(struct cifar_reading *reading, enum cifar_role role, size_t batch,
                                    struct stream *stream, struct clm_error *error)
{
    const char *const path = stream_path(stream);
    struct set *const set = role == CIFAR_TRAIN ? reading->train + batch : &reading->test;
    if (role == CIFAR_NAMES ? reading->names != NULL : set->rows > 0)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: is there twice, and nothing tells which one counts; remove one", path);
    if (role == CIFAR_NAMES)
        return cifar_read_names(stream, reading->layout, reading->cifar, labels_of(reading), &reading->names,
                                error);
    if (stream_is_compressed(stream))
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: is gzipped, but files of %s are only read uncompressed; unpack it first", path,
                        reading->cifar->name);
    return (reading->layout == CIFAR_PYTHON ? cifar_read_pickle : cifar_read_records)(
        stream, reading->cifar, labels_of(reading), set, error);
}

static bool directory_has(const char *directory, const char *name)
{
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    return length > 0 && (size_t)length < sizeof path && is_there(path); /* no file has a longer name */
}

static bool begins_as_pickle(const char *directory, const char *name)
{
    struct file_head head;
    char *path = path_join(directory, name);
    const bool is_pickle =
        path && file_head_read(path, &head, NULL) == CLM_OK && pickle_recognises(head.bytes, head.count);
    free(path);
    return is_pickle;
}

/* CIFAR-100's python files are called "train" and "test", as many other files are, so they must
 * begin as a pickle. */
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

/* Finds the directory that holds the files: `path` itself, or the directory in it that a published archive
 * unpacks to. *home is NULL if neither holds pictures. */
static clm_status find_home(const char *path, const struct cifar *cifar, char **home,
                            enum cifar_layout *layout, struct clm_error *error)
{
    *home = NULL;
    for (int i = 0; i < 2 * CIFAR_LAYOUTS; i++) {
        *layout = (enum cifar_layout)(i % CIFAR_LAYOUTS);
        char *here = i < CIFAR_LAYOUTS ? strdup(path) : path_join(path, cifar->files[*layout].folder);
        if (!here)
            return clm_fail_host_memory(error, path, strlen(path) + 1);
        if (has_pictures(here, cifar, *layout)) {
            *home = here;
            return CLM_OK;
        }
        free(here);
    }
    return CLM_OK;
}

static clm_status cifar_recognises_directory(const char *path, const struct cifar *cifar, bool *is_it,
                                             struct clm_error *error)
{
    char *home;
    enum cifar_layout layout;
    const clm_status status = find_home(path, cifar, &home, &layout, error);
    *is_it = home != NULL;
    free(home);
    return status;
}

static clm_status cifar_read_path(struct cifar_reading *reading, enum cifar_role role, size_t batch,
                                  const char *path, struct clm_error *error)
{
    struct stream *stream = NULL;
    clm_status status = stream_open(path, &stream, error);
    if (status == CLM_OK)
        status = cifar_read_member(reading, role, batch, stream, error);
    stream_close(stream);
    return status;
}

static clm_status read_if_there(struct cifar_reading *reading, enum cifar_role role, size_t batch,
                                const char *directory, const char *name, struct clm_error *error)
{
    if (!cifar_is_wanted(reading, role) || !directory_has(directory, name))
        return CLM_OK;
    char *path = path_join(directory, name);
    const clm_status status = path ? cifar_read_path(reading, role, batch, path, error)
                                   : clm_fail_host_memory(error, directory, strlen(directory));
    free(path);
    return status;
}

static clm_status cifar_read_directory(struct cifar_reading *reading, const char *path,
                                       struct clm_error *error)
{
    char *home;
    clm_status status = find_home(path, reading->cifar, &home, &reading->layout, error);
    if (!home)
        return status;
    const struct cifar_files *const files = reading->cifar->files + reading->layout;
    status = read_if_there(reading, CIFAR_NAMES, 0, home, files->names[reading->which], error);
    for (size_t i = 0; status == CLM_OK && i < CIFAR_BATCHES && files->train[i]; i++)
        status = read_if_there(reading, CIFAR_TRAIN, i, home, files->train[i], error);
    if (status == CLM_OK)
        status = read_if_there(reading, CIFAR_TEST, 0, home, files->test, error);
    free(home);
    return status;
}

/* Reads a single file of pictures, with the names beside it. */
static clm_status read_batch(struct cifar_reading *reading, const char *path, struct clm_error *error)
{
    char *copy = strdup(path);
    if (!copy)
        return clm_fail_host_memory(error, path, strlen(path) + 1);
    const char *names = reading->cifar->files[reading->layout].names[reading->which];
    const clm_status status = read_if_there(reading, CIFAR_NAMES, 0, dirname(copy), names, error);
    free(copy);
    return status == CLM_OK && reading->wanted & READ_TRAIN
               ? cifar_read_path(reading, CIFAR_TRAIN, 0, path, error)
               : status;
}

/* The set's place in an archive: all its files are in one directory and in one layout. */
struct batch_place {
    char *folder; /* NULL until the first file is found */
    size_t size;  /* bytes of its files so far */
};

/* Bytes that the set's files may have, because a small archive can unpack to a huge file. The bound fits the
 * published set; a pickle of protocol 2 that Python 3 wrote has up to two bytes for each byte of a picture. A
 * larger set can be read as a directory. */
static size_t size_limit(const struct cifar_reading *reading)
{
    const size_t rows = 60000;
    return reading->layout == CIFAR_BINARY ? rows * (reading->cifar->label_count + CIFAR_PIXELS) + (1 << 16)
                                           : rows * 2 * CIFAR_PIXELS + (1 << 24);
}

static clm_status cifar_archive_settle(struct cifar_reading *reading, struct batch_place *place,
                                       const char *archive, const struct tar_entry *entry,
                                       enum cifar_layout layout, struct clm_error *error)
{
    const size_t length = (size_t)(path_name(entry->name) - entry->name);
    char folder[256];
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
            "%s: holds %s in the directory '%s', and more of it as %s; unpack it and name one directory",
            archive, reading->cifar->name,
            text_show(folder, sizeof folder, place->folder, strlen(place->folder)), entry->shown);
    if (!size_add(place->size, entry->size, &place->size) || place->size > size_limit(reading))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: with the %zu bytes of %s, its files have more than the %zu bytes of %s; if it is a larger set of your own, unpack it and name the directory",
            archive, entry->size, entry->shown, size_limit(reading), reading->cifar->name);
    return CLM_OK;
}

static clm_status cifar_archive_read_entry(struct cifar_reading *reading, struct batch_place *place,
                                           const char *archive, struct tar *tar,
                                           const struct tar_entry *entry, struct clm_error *error)
{
    struct stream *stream = NULL;
    size_t batch;
    enum cifar_layout layout;
    const enum cifar_role role =
        cifar_role_of(reading->cifar, reading->which, path_name(entry->name), &layout, &batch);
    if (role == CIFAR_NO_ROLE)
        return CLM_OK;
    clm_status status = cifar_archive_settle(reading, place, archive, entry, layout, error);
    if (status != CLM_OK || !cifar_is_wanted(reading, role))
        return status;
    status = tar_entry_open(tar, &stream, error);
    if (status == CLM_OK)
        status = cifar_read_member(reading, role, batch, stream, error);
    stream_close(stream);
    return status;
}

/* Reads the set from a tar archive, in which it must be in one directory. */
static clm_status cifar_read_archive(struct cifar_reading *reading, const char *path, struct clm_error *error)
{
    struct tar *tar = NULL;
    struct batch_place place = {0};
    const struct tar_entry *entry = NULL;
    clm_status status = tar_open(path, &tar, error);
    while (status == CLM_OK && (status = tar_next(tar, &entry, error)) == CLM_OK && entry)
        status = cifar_archive_read_entry(reading, &place, path, tar, entry, error);
    free(place.folder);
    tar_close(tar);
    return status;
}

static clm_status cifar_read_file(struct cifar_reading *reading, const char *path, struct clm_error *error)
{
    struct file_head head;
    const clm_status status = file_head_read(path, &head, error);
    if (status != CLM_OK)
        return status;
    if (tar_recognises(head.bytes, head.count))
        return cifar_read_archive(reading, path, error);
    reading->layout = pickle_recognises(head.bytes, head.count) ? CIFAR_PYTHON : CIFAR_BINARY;
    return read_batch(reading, path, error);
}

/* Appends the rows of `more` and leaves `more` empty. */
static clm_status cifar_reading_append(struct set *set, struct set *more, struct clm_error *error)
{
    size_t rows, size = 0;
    if (!set->rows) {
        *set = *more;
        *more = (struct set){0};
        return CLM_OK;
    }
    if (!size_add(set->rows, more->rows, &rows) || rows > UINT32_MAX || !size_mul(rows, CIFAR_PIXELS, &size))
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: %zu rows after %zu others are more than can be numbered", more->labels_path,
                        more->rows, set->rows);
    if (!set_resize(set, rows))
        return clm_fail_host_memory(error, more->labels_path, size);
    memcpy((unsigned char *)set->values + set->rows * CIFAR_PIXELS, more->values, more->rows * CIFAR_PIXELS);
    memcpy(set->labels + set->rows, more->labels, more->rows * sizeof *set->labels);
    set->rows = rows;
    set_free(more);
    return CLM_OK;
}

/* Hands over the set that was read, with the training files joined in their order. */
static clm_status cifar_finish(const char *path, struct cifar_reading *reading, struct contents *out,
                               struct clm_error *error)
{
    const struct cifar_labels *const labels = labels_of(reading);
    clm_status status = CLM_OK;
    for (int i = 0; status == CLM_OK && i < CIFAR_BATCHES; i++)
        if (reading->train[i].rows)
            status = cifar_reading_append(&out->train, reading->train + i, error);
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

static clm_status read_cifar(const struct cifar *cifar, const char *path, bool is_directory,
                             const struct request *request, struct contents *out, struct clm_error *error)
{
    const char *const label = request->options->label;
    struct cifar_reading reading = {.cifar = cifar,
                                    .wanted = request->wanted,
                                    .which = cifar->label_count > 1 && label && !strcmp(label, "coarse")};
    clm_status status = (is_directory ? cifar_read_directory : cifar_read_file)(&reading, path, error);
    if (status == CLM_OK)
        status = cifar_finish(path, &reading, out, error);
    cifar_reading_free(&reading);
    return status;
}

static bool is_records(const struct file_head *head, size_t record)
{
    return !head->is_compressed && head->file_size && head->file_size % record == 0;
}

/* Every pickle that is not CIFAR-100's counts as CIFAR-10's, so that a damaged one gets a message about
 * pickles. CIFAR-100 is asked first. */
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

static clm_status recognises_directory_of_10(const char *path, bool *is_it, struct clm_error *error)
{
    return cifar_recognises_directory(path, &cifar10, is_it, error);
}

static clm_status recognises_directory_of_100(const char *path, bool *is_it, struct clm_error *error)
{
    return cifar_recognises_directory(path, &cifar100, is_it, error);
}

static bool cifar_is_entry(const char *name, const struct cifar *cifar)
{
    size_t batch;
    enum cifar_layout layout;
    const enum cifar_role role = cifar_role_of(cifar, 0, path_name(name), &layout, &batch);
    return role == CIFAR_TRAIN || role == CIFAR_TEST;
}

static bool recognises_entry_of_10(const char *name)
{
    return cifar_is_entry(name, &cifar10);
}

static bool recognises_entry_of_100(const char *name)
{
    return cifar_is_entry(name, &cifar100);
}

static clm_status read_10(const char *path, bool is_directory, const struct request *request,
                          struct contents *out, struct clm_error *error)
{
    return read_cifar(&cifar10, path, is_directory, request, out, error);
}

static clm_status read_100(const char *path, bool is_directory, const struct request *request,
                           struct contents *out, struct clm_error *error)
{
    const char *const label = request->options->label;
    if (label && strcmp(label, "fine") && strcmp(label, "coarse"))
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "label",
                                "%s: CIFAR-100 has no labels called %.100s: take fine or coarse", path,
                                label);
    return read_cifar(&cifar100, path, is_directory, request, out, error);
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
    .takes = TAKES_LABEL,
    .recognises_file = recognises_file_of_100,
    .recognises_directory = recognises_directory_of_100,
    .recognises_entry = recognises_entry_of_100,
    .read = read_100,
};
