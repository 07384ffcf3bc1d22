/* The files of CIFAR-10 and CIFAR-100, one by one: pictures and the names of classes, in both layouts. */
#ifndef CLM_DATA_FORMATS_CIFAR_BATCH_H
#define CLM_DATA_FORMATS_CIFAR_BATCH_H

#include "data/formats/cifar.h"
#include "data/files/stream.h"

enum cifar_layout { CIFAR_BINARY, CIFAR_PYTHON };

enum { CIFAR_LAYOUTS = 2 };

/* Labels that a set has: CIFAR-10 has one for each picture, CIFAR-100 a fine and a coarse one. */
struct cifar_labels {
    size_t classes;
    const char *const *class_names; /* where no file brings any */
    size_t place;                   /* of the label in a record of the binary layout */
    const char *key;                /* of the labels in a pickled batch */
    const char *names_key;          /* of their names in a pickle */
};

/* What the files of a layout are called; NULL where there is none. */
struct cifar_files {
    const char *folder;
    const char *train[CIFAR_BATCHES]; /* those that are there are taken, in this order */
    const char *test;
    const char *names[2]; /* of the classes, for each of the labels */
};

/* CIFAR-10 or CIFAR-100. */
struct cifar {
    const char *name, *format;
    size_t label_count;                   /* 1, or 2 */
    const struct cifar_labels *labels[2]; /* the first is the default */
    struct cifar_files files[CIFAR_LAYOUTS];
};

extern const struct cifar cifar10, cifar100;

/* Pictures are read into *set, which is empty; each label of a picture is checked, and `labels` are those taken. */
CLM_MUST_CHECK clm_status cifar_read_records(struct stream *stream, const struct cifar *cifar,
                                             const struct cifar_labels *labels, struct set *set,
                                             struct clm_error *error);
CLM_MUST_CHECK clm_status cifar_read_pickle(struct stream *stream, const struct cifar *cifar,
                                            const struct cifar_labels *labels, struct set *set,
                                            struct clm_error *error);

/* Is the file at `path` a pickled batch with CIFAR-100's labels? */
bool cifar_is_pickle_of_100(const char *path);

/* The names of the classes, as many as `labels` have; freed by class_names_free. */
CLM_MUST_CHECK clm_status cifar_read_names(struct stream *stream, enum cifar_layout layout,
                                           const struct cifar *cifar, const struct cifar_labels *labels,
                                           char ***names, struct clm_error *error);

/* What every set of either has, but rows: the shape of a picture, and a copy of `path`. */
CLM_MUST_CHECK clm_status cifar_shape(const char *path, struct set *set, struct clm_error *error);

#endif
