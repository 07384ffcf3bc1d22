/* Reads a CIFAR set file by file, in any order. */
#ifndef CLM_DATA_FORMATS_CIFAR_READING_H
#define CLM_DATA_FORMATS_CIFAR_READING_H

#include "data/formats/cifar_batch.h"

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

/* Begins with nothing read. The caller sets the layout before the first file. The request's label must be
 * "fine", "coarse" or NULL. */
struct cifar_reading cifar_start(const struct cifar *cifar, const struct request *request);
void cifar_reading_free(struct cifar_reading *reading);

/* The role of the file called `name`, if labels of kind `which` are read. *batch is the index of
 * a training file. */
enum cifar_role cifar_role_of(const struct cifar_files *files, size_t which, const char *name, size_t *batch);

bool cifar_is_wanted(const struct cifar_reading *reading, enum cifar_role role);

/* Reads a file in its role. Fails with CLM_ERROR_FORMAT if the set already has a file in that role. */
CLM_MUST_CHECK clm_status cifar_read_member(struct cifar_reading *reading, enum cifar_role role, size_t batch,
                                            struct stream *stream, struct clm_error *error);

/* Reads the set from a tar archive, in which it must be in one directory. */
CLM_MUST_CHECK clm_status cifar_read_archive(struct cifar_reading *reading, const char *path,
                                             struct clm_error *error);

/* True if an archive's entry of that name holds pictures. */
bool cifar_is_entry(const char *name, const struct cifar *cifar);

/* Hands over the set that was read, with the training files joined in their order. */
CLM_MUST_CHECK clm_status cifar_finish(const char *path, struct cifar_reading *reading, struct contents *out,
                                       struct clm_error *error);

#endif
