/* Reads CIFAR from the tar archives in which it is published. */
#include "data/formats/cifar_reading.h"

#include "base/file.h"
#include "base/size.h"
#include "base/text.h"
#include "data/files/tar.h"

#include <stdlib.h>
#include <string.h>

/* The set's place in an archive: all its files are in one directory and in one layout. */
struct batch_place {
    char *folder; /* NULL until the first file is found */
    size_t size;  /* bytes of its files so far */
};

bool cifar_is_entry(const char *name, const struct cifar *cifar)
{
    size_t batch;
    for (int i = 0; i < CIFAR_LAYOUTS; i++) {
        const enum cifar_role role = cifar_role_of(cifar->files + i, 0, path_name(name), &batch);
        if (role == CIFAR_TRAIN || role == CIFAR_TEST)
            return true;
    }
    return false;
}

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
    size_t batch = 0;
    enum cifar_role role = CIFAR_NO_ROLE;
    int layout = -1;
    while (role == CIFAR_NO_ROLE && ++layout < CIFAR_LAYOUTS)
        role = cifar_role_of(reading->cifar->files + layout, reading->which, path_name(entry->name), &batch);
    if (role == CIFAR_NO_ROLE)
        return CLM_OK;
    clm_status status =
        cifar_archive_settle(reading, place, archive, entry, (enum cifar_layout)layout, error);
    if (status != CLM_OK || !cifar_is_wanted(reading, role))
        return status;
    status = tar_entry_open(tar, &stream, error);
    if (status == CLM_OK)
        status = cifar_read_member(reading, role, batch, stream, error);
    stream_close(stream);
    return status;
}

clm_status cifar_read_archive(struct cifar_reading *reading, const char *path, struct clm_error *error)
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
