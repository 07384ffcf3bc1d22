/* A set of CIFAR as it is read, file by file, in whatever order they come. */
#ifndef CLM_DATA_FORMATS_CIFAR_READING_H
#define CLM_DATA_FORMATS_CIFAR_READING_H

#include "data/formats/cifar_batch.h"

struct cifar_reading {
    const struct cifar *cifar;
    size_t which; /* of the labels */
    unsigned wanted;
    enum cifar_layout layout;
    struct set train[CIFAR_BATCHES], test;
    char **names;
};

/* What a file is for. */
enum cifar_role { CIFAR_NO_ROLE, CIFAR_TRAIN, CIFAR_TEST, CIFAR_NAMES };

/* Nothing read yet; the layout is set before the first file. The request's labels are "fine", "coarse" or NULL. */
struct cifar_reading cifar_start(const struct cifar *cifar, const struct request *request);
void cifar_reading_free(struct cifar_reading *reading);

/* The role of a file of that name, for labels `which`; *batch is which of the training set's. */
enum cifar_role cifar_role_of(const struct cifar_files *files, size_t which, const char *name, size_t *batch);

bool cifar_is_wanted(const struct cifar_reading *reading, enum cifar_role role);

/* Reads a file in its role; CLM_ERROR_FORMAT where one was read in that role before. */
CLM_MUST_CHECK clm_status cifar_read_member(struct cifar_reading *reading, enum cifar_role role, size_t batch,
                                            struct stream *stream, struct clm_error *error);

/* Reads from a tar archive the one folder in it that holds the set. */
CLM_MUST_CHECK clm_status cifar_read_archive(struct cifar_reading *reading, const char *path,
                                             struct clm_error *error);

/* Has an entry of that name pictures? */
bool cifar_is_entry(const char *name, const struct cifar *cifar);

/* Hands over what was read: the training set's files joined in their order. */
CLM_MUST_CHECK clm_status cifar_finish(const char *path, struct cifar_reading *reading, struct contents *out,
                                       struct clm_error *error);

#endif
