/* Labels as a file spells them, and the classes that they become.
 *
 * Labels that are the integers 0 to C - 1, every one of them, are their classes. Any other integers become classes in
 * their order, and all other labels, if only one is no number, in the order of their bytes; then the labels are the
 * names of the classes. */
#ifndef CLM_DATA_FORMATS_LABEL_TABLE_H
#define CLM_DATA_FORMATS_LABEL_TABLE_H

#include "data/format.h"

#define LABEL_CLASSES_MAX 65536

struct label_table;

/* `path` is the file's, `unit` what places are counted in, "line" or "row"; both have to live on. NULL where there is no
 * memory. */
struct label_table *label_table_create(const char *path, const char *unit);
void label_table_free(struct label_table *table);

/* *id is the label's number, from 0 in the order of their first appearance. CLM_ERROR_FORMAT where it is no label
 * (empty, not UTF-8, of control characters, too long), or there are too many. */
CLM_MUST_CHECK clm_status label_table_add(struct label_table *table, const char *bytes, size_t length,
                                          size_t place, uint32_t *id, struct clm_error *error);
CLM_MUST_CHECK clm_status label_table_add_integer(struct label_table *table, int64_t value, size_t place,
                                                  uint32_t *id, struct clm_error *error);

/* CLM_ERROR_FORMAT unless the labels are ones that a column may have which nobody has named: two or more of them, that
 * are text, or integers of at most three digits. `column` is for the error. */
CLM_MUST_CHECK clm_status label_table_check_guess(const struct label_table *table, const char *column,
                                                  struct clm_error *error);

/* Turns the ids in `labels` (rows) into classes: those of the request where it has any, else new ones; *out gets their
 * number and names, where they have names. CLM_ERROR_FORMAT for a label that is none of the request's classes, and for
 * a number with a fraction. */
CLM_MUST_CHECK clm_status label_table_finish(const struct label_table *table, const struct request *request,
                                             uint32_t *labels, size_t rows, struct contents *out,
                                             struct clm_error *error);

#endif
