/* The files of CIFAR sets: how they are called, and the readers of a single one. */
#ifndef CLM_DATA_FORMATS_CIFAR_FILES_H
#define CLM_DATA_FORMATS_CIFAR_FILES_H

#include "data/formats/cifar.h"
#include "data/files/stream.h"

enum cifar_layout { CIFAR_BINARY, CIFAR_PYTHON };

enum { CIFAR_LAYOUTS = 2 };

/* One kind of label. CIFAR-10 has one kind; CIFAR-100 has two, fine and coarse. */
struct cifar_labels {
    size_t classes;
    const char *const *class_names; /* used if no file has names */
    size_t place;                   /* of the label in a record of the binary layout */
    const char *key;                /* of the labels in a pickled batch */
    const char *names_key;          /* of the names of the classes in a pickle */
};

/* The names of a layout's files; NULL if the layout has no such file. */
struct cifar_files {
    const char *folder;
    const char *train[CIFAR_BATCHES]; /* those that exist are read in this order */
    const char *test;
    const char *names[2]; /* files with the names of the classes, for each kind of label */
};

/* A data set: CIFAR-10 or CIFAR-100. */
struct cifar {
    const char *name, *format;
    size_t label_count;                   /* kinds of labels: 1 or 2 */
    const struct cifar_labels *labels[2]; /* the first is the default */
    struct cifar_files files[CIFAR_LAYOUTS];
};

extern const struct cifar cifar10, cifar100;

/* Read the pictures of a file into *set, which must be empty. Every label of a picture is checked; those of
 * the kind `labels` become the set's labels. */
CLM_MUST_CHECK clm_status cifar_read_records(struct stream *stream, const struct cifar *cifar,
                                             const struct cifar_labels *labels, struct set *set,
                                             struct clm_error *error);
CLM_MUST_CHECK clm_status cifar_read_pickle(struct stream *stream, const struct cifar *cifar,
                                            const struct cifar_labels *labels, struct set *set,
                                            struct clm_error *error);

/* True if the file at `path` is a pickled batch with CIFAR-100's labels. */
bool cifar_is_pickle_of_100(const char *path);

/* Reads the names of the classes, labels->classes of them; the caller frees them with class_names_free. */
CLM_MUST_CHECK clm_status cifar_read_names(struct stream *stream, enum cifar_layout layout,
                                           const struct cifar *cifar, const struct cifar_labels *labels,
                                           char ***names, struct clm_error *error);

/* Sets the shape and type of a picture, which are the same for all CIFAR sets, and makes the labels. */
CLM_MUST_CHECK clm_status cifar_shape(const char *path, size_t rows, struct set *set,
                                      struct clm_error *error);

#endif
