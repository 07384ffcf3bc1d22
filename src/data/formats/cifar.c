#include "data/formats/cifar.h"

#include "base/file.h"
#include "data/formats/cifar_reading.h"
#include "data/pickle/pickle.h"
#include "data/files/tar.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

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
 * unpacks to. *home is NULL if neither holds pictures. False if there is no memory. */
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

static clm_status cifar_recognises_directory(const char *path, const struct cifar *cifar, bool *is_it,
                                             struct clm_error *error)
{
    char *home;
    enum cifar_layout layout;
    const bool has_memory = find_home(path, cifar, &home, &layout);
    *is_it = home != NULL;
    free(home);
    return has_memory ? CLM_OK : clm_fail_host_memory(error, path, strlen(path) + 1);
}

static clm_status read_if_there(struct cifar_reading *reading, const char *directory, const char *name,
                                struct clm_error *error)
{
    struct stream *stream = NULL;
    size_t batch;
    const enum cifar_role role =
        cifar_role_of(reading->cifar->files + reading->layout, reading->which, name, &batch);
    if (!cifar_is_wanted(reading, role) || !directory_has(directory, name))
        return CLM_OK;
    char *path = path_join(directory, name);
    clm_status status =
        path ? stream_open(path, &stream, error) : clm_fail_host_memory(error, directory, strlen(directory));
    if (status == CLM_OK)
        status = cifar_read_member(reading, role, batch, stream, error);
    stream_close(stream);
    free(path);
    return status;
}

static clm_status cifar_read_directory(struct cifar_reading *reading, const char *path,
                                       struct clm_error *error)
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

static clm_status read_batch(struct cifar_reading *reading, const char *path, struct clm_error *error)
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
        status = cifar_read_member(reading, CIFAR_TRAIN, 0, stream, error);
    stream_close(stream);
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

static clm_status read_cifar(const struct cifar *cifar, const char *path, bool is_directory,
                             const struct request *request, struct contents *out, struct clm_error *error)
{
    struct cifar_reading reading = cifar_start(cifar, request);
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
