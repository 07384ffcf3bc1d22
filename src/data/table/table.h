/* The table that is read: its columns and rows, as the files of this directory share them. */
#ifndef CLM_DATA_TABLE_TABLE_H
#define CLM_DATA_TABLE_TABLE_H

#include "data/format.h"
#include "data/table/label_table.h"
#include "data/table/layout.h"

enum column_role { ROLE_INPUT, ROLE_LABEL, ROLE_TARGET, ROLE_ID, ROLE_WEIGHT, ROLE_NONE };

/* What a field of a category column is in a row of cells, beside the number of a word. */
#define CELL_MISSING (UINT32_MAX - 1)

#define SHOWN_SIZE 64 /* of a field, in a message */

struct table_column {
    enum column_role role;
    bool is_asked_category;        /* the options say so */
    const struct column *known;    /* column of the request's inputs; NULL if the file decides */
    enum clm_column_kind kind;     /* as which the column is read */
    double offset;                 /* of numbers and dates */
    bool is_plain;                 /* the fast paths may read it */
    size_t cell;                   /* its place in a row of cells, if it is an input */
    size_t target;                 /* its place in a row of targets, if it is one */
    struct vocabulary words;       /* of categories */
    bool has_too_many;             /* words are no longer collected */
    size_t counts[VALUE_TEXT + 1]; /* fields of each kind */
    size_t unknown;                /* fields that are none of the known categories */
    size_t odd_line;               /* of the first field that is text, or no known category; else 0 */
    char odd[SHOWN_SIZE];
};

/* The kind of a field of the row that is read. */
struct counted {
    size_t column;
    enum field_kind kind;
};

struct table {
    const char *path;
    const struct request *request;
    struct text_window window;
    struct table_layout layout;
    struct field_scanner scanner;
    struct table_column *columns; /* (layout.columns) */
    size_t label;                 /* index of the column with labels; layout.columns if there is none */
    bool is_guess;                /* no name tells the label column: it is the last */
    bool has_no_label;            /* a guess was no label, and rows need none */
    size_t target_count;          /* columns of targets, in which case there is no column with labels */
    struct label_table labels;
    size_t cells;            /* of a row: inputs that are read */
    struct set *set;         /* values are cells, labels are numbers of words, until the end */
    size_t capacity;         /* in rows, of the set's arrays */
    struct counted *counted; /* (layout.columns) fields of this row, which count when it is whole */
    size_t counted_count;
    bool is_wrong; /* a column is not of the kind that the first rows had */
};

/* roles.c: which columns are inputs, labels, or left out. Fails if the options name a column that is not
 * there, or the request's inputs need one. */
CLM_MUST_CHECK clm_status table_find_roles(struct table *table, struct clm_error *error);

/* kinds.c: the kinds of columns in the first rows, before the rows are read; and what the whole file says
 * after that. */
CLM_MUST_CHECK clm_status table_guess_kinds(struct table *table, struct clm_error *error);
void table_settle_kinds(struct table *table);
/* Fails if a column of text looks like numbers with mistakes. */
CLM_MUST_CHECK clm_status table_check_kinds(const struct table *table, struct clm_error *error);

/* encode.c: decides from the cells what the inputs are, unless the request did, and turns cells into
 * features. */
CLM_MUST_CHECK clm_status table_encode(struct table *table, struct contents *out, struct clm_error *error);

#endif
