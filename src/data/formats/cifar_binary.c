/* CIFAR's binary layout. A record is one label (CIFAR-10), or a coarse and a fine one (CIFAR-100), and 3072
 * bytes of 3 x 32 x 32 pixels, planar (channel, row, column). */
#include "data/formats/cifar_files.h"

#include "base/size.h"

#include <stdlib.h>

clm_status cifar_shape(const char *path, size_t rows, struct set *set, struct clm_error *error)
{
    set->features = CIFAR_PIXELS;
    set->height = set->width = CIFAR_SIDE;
    set->channels = CIFAR_CHANNELS;
    set->element = ELEMENT_BYTE;
    return set_make_labels(set, rows, path, error);
}

static clm_status cifar_binary_check_size(const struct stream *stream, const struct cifar *cifar,
                                          struct clm_error *error)
{
    const char *path = stream_path(stream);
    const size_t size = stream_file_size(stream), record = cifar->label_count + CIFAR_PIXELS;
    if (!size)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: is an empty set: it has 0 bytes", path);
    if (size % record)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has %zu bytes, which is no whole number of records of %zu: %zu records and %zu bytes; it is truncated, or no file of %s",
            path, size, record, size / record, size % record, cifar->name);
    return CLM_OK;
}

static clm_status cifar_binary_check_labels(const struct stream *stream, const struct cifar *cifar,
                                            const unsigned char *record, size_t row, struct clm_error *error)
{
    for (size_t i = 0; i < cifar->label_count; i++) {
        const struct cifar_labels *const labels = cifar->labels[i];
        if (record[labels->place] >= labels->classes)
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: record %zu (counted from 0) has label %u, but %s has labels 0 to %zu; it is no file of %s, or a damaged one",
                stream_path(stream), row, record[labels->place], cifar->name, labels->classes - 1,
                cifar->name);
    }
    return CLM_OK;
}

static clm_status read_record(struct stream *stream, const struct cifar *cifar,
                              const struct cifar_labels *labels, struct set *set, struct clm_error *error)
{
    unsigned char record[2];
    unsigned char *pixels = (unsigned char *)set->values + set->rows * CIFAR_PIXELS;
    clm_status status = stream_fill(stream, record, cifar->label_count, "a record", error);
    if (status == CLM_OK)
        status = cifar_binary_check_labels(stream, cifar, record, set->rows, error);
    if (status == CLM_OK)
        status = stream_fill(stream, pixels, CIFAR_PIXELS, "a record", error);
    if (status == CLM_OK)
        set->labels[set->rows++] = record[labels->place];
    return status;
}

clm_status cifar_read_records(struct stream *stream, const struct cifar *cifar,
                              const struct cifar_labels *labels, struct set *set, struct clm_error *error)
{
    const size_t rows = stream_file_size(stream) / (cifar->label_count + CIFAR_PIXELS);
    clm_status status;
    if ((status = cifar_binary_check_size(stream, cifar, error)) ||
        (status = cifar_shape(stream_path(stream), rows, set, error)))
        return status;
    set->values = malloc(rows * CIFAR_PIXELS); /* less than the size of the file */
    if (!set->values)
        return clm_fail_host_memory(error, stream_path(stream), rows * CIFAR_PIXELS);
    while (status == CLM_OK && set->rows < rows)
        status = read_record(stream, cifar, labels, set, error);
    return status == CLM_OK ? stream_expect_end(stream, error) : status;
}
