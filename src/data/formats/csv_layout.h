/* What a CSV's first rows tell: what parts the fields, what the columns are called, which one holds the labels. */
#ifndef CLM_DATA_FORMATS_CSV_LAYOUT_H
#define CLM_DATA_FORMATS_CSV_LAYOUT_H

#include "data/formats/csv_field.h"
#include "data/formats/text_window.h"

struct csv_layout {
    char delimiter;
    bool has_header;
    size_t columns;
    char **names; /* (columns) or NULL; owned */
    size_t label;
    bool is_guess;   /* nothing names the labels' column: it is the last */
    bool has_index;  /* the first column has no name: pandas' index, to leave out */
    size_t features; /* columns but labels and index */
};

/* Finds the layout of the table that `window` begins with, and moves the window behind the header. */
CLM_MUST_CHECK clm_status csv_layout_find(struct text_window *window, const struct clm_data_options *options,
                                          struct csv_layout *out, struct clm_error *error);
void csv_layout_free(struct csv_layout *layout);

/* "column 3 (width)", counted from 1, or "column 3", in `text`, which it returns. */
#define CSV_COLUMN_SIZE 128
const char *csv_column(const struct csv_layout *layout, size_t column, char text[CSV_COLUMN_SIZE]);

/* Are there two rows or more of as many fields, two or more, in how this file begins, or one and no more? */
bool csv_is_likely(const char *bytes, size_t count, bool is_whole);

#endif
