/* Rows as a reader returns them, before they become parts of a struct clm_data. */
#ifndef CLM_DATA_SET_H
#define CLM_DATA_SET_H

#include "data/files/mapping.h"
#include "data/inputs.h"

struct set {
    size_t rows; /* 0 if the set is missing */
    size_t features;
    size_t height, width, channels; /* of pictures; 0 if rows are no pictures */
    enum element element;
    void *values;           /* (rows, features), owned; if `mapping` is open, in it and read-only */
    struct mapping mapping; /* owned */
    uint64_t memory;        /* bytes that allocated values may take; 0 for no limit */
    uint32_t *labels;       /* (rows), CLM_NO_LABEL for a row without a label; owned */
    uint32_t *row_numbers;  /* (rows), numbers of the rows in their file; NULL: 0, 1, 2, …; owned */
    char **row_names;       /* (rows), or NULL; owned */
    char *labels_path;
    float *weights; /* (rows), owned: how much each row counts in training; NULL: all count the same */
    size_t target_count;
    double *targets; /* (rows, target_count), owned, NaN if missing; NULL if target_count is 0 */
    size_t missing;  /* number of missing values, which are NaN until missing_fill replaces them */
};

/* What was read from one path. */
struct contents {
    struct set train, validation, test;
    size_t classes;     /* 0 if the format does not tell */
    char **class_names; /* `classes` names, owned, or NULL */

    struct clm_inputs *inputs; /* owned; NULL if the format has none of its own */
    char **target_names;       /* as many as the training set has targets, owned; NULL: inputs have them */
    char *label_text;          /* which column holds the labels, and why; owned; NULL unless it is a table */
};

enum { READ_TRAIN = 1, READ_VALIDATION = 2, READ_TEST = 4 };

/* READ_TRAIN, READ_VALIDATION or READ_TEST. */
static inline unsigned read_of(enum clm_part part)
{
    return 1u << part;
}

static inline struct set *contents_part(struct contents *contents, enum clm_part part)
{
    return part == CLM_TRAIN        ? &contents->train
           : part == CLM_VALIDATION ? &contents->validation
                                    : &contents->test;
}

void set_free(struct set *set);
void contents_free(struct contents *contents);

void class_names_free(char **names, size_t count);

/* A copy of `count` names; NULL if there is no memory. */
char **class_names_copy(const char *const *names, size_t count);

/* The largest label plus one; 0 if no row has a label. */
size_t set_class_count(const struct set *set);

/* How many of `count` labels are CLM_NO_LABEL. */
size_t count_unlabelled(const uint32_t *labels, size_t count);

/* Fails with CLM_ERROR_MEMORY if `bytes` are more than `memory`, which is 0 for no limit. Readers ask before
 * they allocate values. */
CLM_MUST_CHECK clm_status allow_memory(uint64_t memory, const char *path, size_t bytes,
                                       struct clm_error *error);

/* `count` zeros, in large pages where the system has them. The caller frees them; NULL if there is no
 * memory. */
float *values_create(size_t count);

/* Gives the set's values and labels, and its weights and targets if it has some, room for `rows` rows; false
 * if there is no memory. */
bool set_resize(struct set *set, size_t rows);

/* Allocates the labels of `rows` rows, and takes `path` as theirs. */
CLM_MUST_CHECK clm_status set_make_labels(struct set *set, size_t rows, const char *path,
                                          struct clm_error *error);

/* Fails with CLM_ERROR_FORMAT, naming file, row and weight, unless each weight is finite and at least 0, and
 * one of them is above 0. A set without weights passes. */
CLM_MUST_CHECK clm_status set_check_weights(const struct set *set, struct clm_error *error);

/* Fails with CLM_ERROR_FORMAT, naming file, row and target, if a target is infinite, or is missing and
 * `are_optional` is false. */
CLM_MUST_CHECK clm_status set_check_targets(const struct set *set, bool are_optional,
                                            struct clm_error *error);

/* Names for `count` targets without one: "target", or "target0", "target1", …; NULL if there is no memory. */
char **target_names_make(size_t count);

/* Bytes of host memory that the set takes. Mapped values take none. */
size_t set_memory(const struct set *set);

/* The number of classes of a training set: the format's, or else the largest label plus one. */
size_t contents_class_count(const struct contents *contents);

#endif
