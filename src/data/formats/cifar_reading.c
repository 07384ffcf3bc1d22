#include "data/formats/cifar_reading.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

struct cifar_reading cifar_start(const struct cifar *cifar, const struct request *request)
{
    const char *const label = request->options->label;
    return (struct cifar_reading){.cifar = cifar,
                                  .wanted = request->wanted,
                                  .which = cifar->label_count > 1 && label && !strcmp(label, "coarse")};
}

static const struct cifar_labels *labels_of(const struct cifar_reading *reading)
{
    return reading->cifar->labels[reading->which];
}

void cifar_reading_free(struct cifar_reading *reading)
{
    for (int i = 0; i < CIFAR_BATCHES; i++)
        set_free(reading->train + i);
    set_free(&reading->test);
    class_names_free(reading->names, labels_of(reading)->classes);
    reading->names = NULL;
}

enum cifar_role cifar_role_of(const struct cifar_files *files, size_t which, const char *name, size_t *batch)
{
    for (*batch = 0; *batch < CIFAR_BATCHES && files->train[*batch]; ++*batch)
        if (!strcmp(name, files->train[*batch]))
            return CIFAR_TRAIN;
    if (!strcmp(name, files->test))
        return CIFAR_TEST;
    return strcmp(name, files->names[which]) ? CIFAR_NO_ROLE : CIFAR_NAMES;
}

bool cifar_is_wanted(const struct cifar_reading *reading, enum cifar_role role)
{
    return role == CIFAR_NAMES || (role == CIFAR_TRAIN && reading->wanted & READ_TRAIN) ||
           (role == CIFAR_TEST && reading->wanted & READ_TEST);
}

clm_status cifar_read_member(struct cifar_reading *reading, enum cifar_role role, size_t batch,
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

clm_status cifar_finish(const char *path, struct cifar_reading *reading, struct contents *out,
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
