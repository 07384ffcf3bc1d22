/* Finds from its first rows how a table is written: the delimiter, the decimal point, comments, and the names
 * of the columns. doc/data.md says how each is recognised. */
#ifndef CLM_DATA_TABLE_LAYOUT_H
#define CLM_DATA_TABLE_LAYOUT_H

#include "data/table/field.h"
#include "data/table/text_window.h"
#include "data/table/value.h"

/* The usual names of a column of labels, the most telling first. */
#define LABEL_NAMES 4
extern const char *const label_names[LABEL_NAMES];

struct table_layout {
    struct dialect dialect;
    struct missing_words missing;
    size_t columns;
    char **names;      /* (columns), owned, or NULL if there is no header */
    bool has_trailing; /* rows end with a delimiter, after which nothing follows */
    bool is_arff;      /* rows in braces are sparse */
    char **defaults; /* (columns) of ARFF: a column's first value if it is one of a list, else NULL; owned */
};

/* Finds the layout of the table at the beginning of `window`, and moves the window after the header. `known`
 * are the inputs that the table has to have, or NULL: their names show what is a header. */
CLM_MUST_CHECK clm_status layout_find(struct text_window *window, const struct clm_data_options *options,
                                      const struct clm_inputs *known, struct table_layout *out,
                                      struct clm_error *error);
void layout_free(struct table_layout *layout);

/* Writes "column "width"", or "column 3 (counted from 0)" if it has no name, or "after the last column",
 * into `text` and returns it. */
#define LAYOUT_COLUMN_SIZE 128
const char *layout_column(const struct table_layout *layout, size_t column, char text[LAYOUT_COLUMN_SIZE]);

/* Moves *at after lines that are comments; *lines counts them. */
void layout_skip_comments(const struct table_layout *layout, const char **at, const char *end, size_t *lines);

/* True if a file that begins with these bytes looks like a table: its first rows have the same number of
 * fields, at least two, or several fields are numbers. `is_whole` says that the file has no other bytes. */
bool layout_is_likely(const char *bytes, size_t count, bool is_whole);

/* Copies `length` bytes as UTF-8: bytes that are none are taken as Windows-1252. The caller frees it; NULL if
 * there is no memory. */
char *layout_utf8(const char *bytes, size_t length);

#endif
