/* Finds a CSV's layout from its first rows: the delimiter, the names of the columns, the
 * column of the labels. */
#ifndef CLM_DATA_FORMATS_CSV_LAYOUT_H
#define CLM_DATA_FORMATS_CSV_LAYOUT_H

#include "data/formats/csv_field.h"
#include "data/formats/text_window.h"

struct csv_layout {
    char delimiter;
    bool has_header;
    size_t columns;
    char **names; /* (columns), owned, or NULL if there is no header */
    size_t label;
    bool is_guess;   /* no name tells the label column, so the last was taken */
    bool has_index;  /* the first column is pandas' index, which has no name and is left out */
    size_t features; /* columns without label and index */
};

/* Finds the layout of the table at the beginning of `window`, and moves the window after the header. */
CLM_MUST_CHECK clm_status csv_layout_find(struct text_window *window, const struct clm_data_options *options,
                                          struct csv_layout *out, struct clm_error *error);
void csv_layout_free(struct csv_layout *layout);

/* Writes "column 3 (width)", counted from 1, or "column 3", into `text` and returns it. */
#define CSV_COLUMN_SIZE 128
const char *csv_column(const struct csv_layout *layout, size_t column, char text[CSV_COLUMN_SIZE]);

/* True if a file that begins with these bytes looks like a table: its first rows have the same number of
 * fields, at least two, or several fields are numbers. `is_whole` says that the file has no other bytes. */
bool csv_is_likely(const char *bytes, size_t count, bool is_whole);

#endif
