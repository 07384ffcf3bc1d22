/* Labelled rows as a format's reader leaves them, before they become parts of a struct clm_data. */
#ifndef CLM_DATA_SET_H
#define CLM_DATA_SET_H

#include "data/data.h"

struct set {
    size_t rows; /* 0 where the set is missing */
    size_t features;
    size_t height, width, channels; /* 0 where rows are no images */
    enum element element;
    void *values;           /* (rows, features), owned, or in `mapping` and not to be written to */
    struct mapping mapping; /* owned */
    uint64_t memory;        /* bytes that values of its own may take; 0 for any */
    uint32_t *labels;       /* (rows), owned */
    char *labels_path;
    size_t missing; /* values that the file leaves open: NaN until missing_fill replaces them */
};

/* What lies at a path. */
struct contents {
    struct set train, test;
    size_t classes;     /* 0: not known from the format */
    char **class_names; /* `classes` of them, owned, or NULL */

    /* Of a table, for the test set beside it: its columns, the one of the labels, and what those of the features are
     * called (train.features), owned, or NULL. */
    size_t columns, label_column;
    char **feature_names;
};

enum { READ_TRAIN = 1, READ_TEST = 2 };

void set_free(struct set *set);
void contents_free(struct contents *contents);

void class_names_free(char **names, size_t count);

/* Copies of `count` names; NULL where there is no memory. */
char **class_names_copy(const char *const *names, size_t count);

/* CLM_ERROR_FORMAT naming file, row and label unless every label is below `classes`; `why` says whose count
 * it is. */
CLM_MUST_CHECK clm_status set_check_labels(const struct set *set, size_t classes, const char *why,
                                           struct clm_error *error);

uint32_t set_largest_label(const struct set *set);

/* CLM_ERROR_MEMORY where `bytes` are more than its values may take: to be asked before they are allocated. */
CLM_MUST_CHECK clm_status set_reserve(const struct set *set, const char *path, size_t bytes,
                                      struct clm_error *error);
/* The sentence. */
CLM_MUST_CHECK clm_status set_fail_memory(const char *path, size_t bytes, uint64_t memory,
                                          struct clm_error *error);

/* Bytes of the host's memory that its rows take: none of values that are mapped. */
size_t set_memory(const struct set *set);

/* Classes of a training set that has rows: those that are known, else the largest label plus one. */
size_t contents_class_count(const struct contents *contents);

#endif
