/* Labelled rows as a format's reader leaves them, before they become parts of a struct clm_data. */
#ifndef CLM_DATA_SET_H
#define CLM_DATA_SET_H

#include "data/data.h"

struct set {
    size_t rows; /* 0 where the set is missing */
    size_t features;
    size_t height, width, channels; /* 0 where rows are no images */
    enum element element;
    void *values;     /* (rows, features), owned */
    uint32_t *labels; /* (rows), owned */
    char *labels_path;
};

/* What lies at a path. */
struct contents {
    struct set train, test;
    size_t classes;     /* 0: not known from the format */
    char **class_names; /* `classes` of them, owned, or NULL */
};

enum {
    READ_TRAIN = 1,
    READ_TEST = 2,
    READ_COARSE = 4, /* with coarse labels, where the set has fine ones, too */
};

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

#endif
