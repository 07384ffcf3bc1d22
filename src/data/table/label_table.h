/* Turns labels as a file spells them into classes.
 *
 * If the labels are exactly the integers 0 to C - 1, they are the classes. Other integers become classes in
 * numerical order. If one label is text, all labels become classes in the order of their bytes. In these two
 * cases the labels are the names of the classes. */
#ifndef CLM_DATA_TABLE_LABEL_TABLE_H
#define CLM_DATA_TABLE_LABEL_TABLE_H

#include "data/format.h"
#include "data/table/vocabulary.h"

#define LABEL_CLASSES_MAX    65536
#define LABEL_SMALL_INTEGERS 256

/* Begins with `path` and `unit`, and zeros. */
struct label_table {
    const char *path; /* of the file */
    const char *unit; /* what places are counted in: "line" or "row" */
    bool may_be_text; /* numbers that are taken as indices of classes with names are noted */
    struct vocabulary words;
    struct label *labels; /* of each word */
    size_t capacity;
    uint32_t small_ids[LABEL_SMALL_INTEGERS]; /* id + 1 of each small integer; 0 if not added yet */
};

void label_table_free(struct label_table *table);

/* Adds a label, if it is new. *id is its number, counted from 0 in the order of first appearance. Fails with
 * CLM_ERROR_FORMAT if the bytes are no label (empty, not UTF-8, control characters, too long), or if there
 * are more than LABEL_CLASSES_MAX labels. */
CLM_MUST_CHECK clm_status label_table_add(struct label_table *table, const char *bytes, size_t length,
                                          size_t place, uint32_t *id, struct clm_error *error);
CLM_MUST_CHECK clm_status label_table_add_integer(struct label_table *table, int64_t value, size_t place,
                                                  uint32_t *id, struct clm_error *error);

/* Fails with CLM_ERROR_FORMAT unless the labels of `rows` rows look like labels, because their column was
 * only guessed. They must have two values or more, not more than 20 that are over half of the rows, and be
 * text or integers of at most three digits. `column` names the column in the message. */
CLM_MUST_CHECK clm_status label_table_check_guess(const struct label_table *table, const char *column,
                                                  size_t rows, struct clm_error *error);

/* Fails with CLM_ERROR_FORMAT if all labels are numbers, and one has a fraction. */
CLM_MUST_CHECK clm_status label_table_check_numbers(const struct label_table *table, struct clm_error *error);

/* Turns the ids in `labels` (rows) into classes: those of the request if it has any, else new ones. *out gets
 * the number of classes and their names, if they have names. Fails with CLM_ERROR_FORMAT if a label is none
 * of the request's classes, or if it is a number with a fraction. */
CLM_MUST_CHECK clm_status label_table_finish(const struct label_table *table, const struct request *request,
                                             uint32_t *labels, size_t rows, struct contents *out,
                                             struct clm_error *error);

#endif
