/* What the values of a row mean, and how they become the inputs of a net. Training data decides it; the model
 * keeps it, and other data for the model is read by it. */
#ifndef CLM_DATA_INPUTS_H
#define CLM_DATA_INPUTS_H

#include "base/error.h"

#include <jansson.h>
#include <stdatomic.h>

enum element { ELEMENT_BYTE, ELEMENT_FLOAT };

/* A column of a table that is an input. It becomes
 *
 *   number, date, boolean   one feature: its value - offset; a date is counted in days since 1970-01-01, and
 *                           true is 1
 *   category                one feature for each category: 1 if the value is that category, else 0. A value
 *                           that is no category of the training data has no 1
 *   has_indicator           one more feature: 1 if the value is missing, else 0
 */
struct column {
    char *name; /* owned; empty if the file has no header */
    enum clm_column_kind kind;
    char **categories; /* owned, sorted: by value if all are whole numbers, else by their bytes */
    size_t category_count;
    bool has_indicator;
    /* Subtracted before the value becomes float32; 0 unless float32 could not tell the values apart. */
    double offset;
    double fill;  /* replaces a missing value: value - offset, or the index of a category */
    size_t first; /* its first feature */
};

struct clm_inputs {
    atomic_size_t owners; /* see inputs_share */
    enum element element;
    size_t features;
    size_t height, width, channels; /* of pictures; 0 if rows are no pictures */
    double *offsets;                /* (features) as in struct column, of arrays; NULL: all 0 */
    size_t target_count;            /* numbers to predict of each row; 0 if rows have labels */
    char **target_names;            /* (target_count), owned */
    size_t *target_places;          /* (target_count) their columns in the file that decided, if a table */

    /* of tables; else 0 and NULL */
    size_t column_count;
    struct column *columns;
    size_t file_columns;   /* of the file that decided, with labels and columns that are no inputs */
    size_t *places;        /* (column_count) index of each column in that file */
    char *missing_words;   /* words for missing values that the options added; NULL: none */
    char *label_name;      /* of the column with labels; NULL if there is none, or it has no name */
    size_t label_place;    /* its index; file_columns if there is none */
    bool counts_from_zero; /* of libsvm: the index of the first feature is 0, not 1 */
};

/* The range of a column's values, from which its offset follows. */
struct value_range {
    double first, low, high;
};

struct value_range value_range_start(void);
/* Values that are not finite are passed over. */
void value_range_add(struct value_range *range, double value);
/* The first value, if the values differ by less than 2^-12 of their size: a float has 24 bits, so that 12 or
 * fewer would be left for their differences. Else 0. One value alone tells nothing, unless it is so large
 * that its neighbours would be lost. */
double value_range_offset(const struct value_range *range);

/* Features of a column. */
static inline size_t column_width(const struct column *column)
{
    return (column->kind == CLM_COLUMN_CATEGORY ? column->category_count : 1) + column->has_indicator;
}

/* Empty inputs with one owner; NULL if there is no memory. */
struct clm_inputs *inputs_create(void);
/* One more owner, who frees it too. Inputs never change after they were shared. */
struct clm_inputs *inputs_share(const struct clm_inputs *inputs);
void inputs_free(struct clm_inputs *inputs);

/* The index of a category, or category_count. A whole number may be spelled in another way. */
size_t column_category(const struct column *column, const char *text, size_t length);

/* "width", or "column 3 (counted from 0)" if it has no name; in `text`, which is returned. */
#define COLUMN_TEXT_SIZE 96
const char *column_text(const struct clm_inputs *inputs, size_t column, char text[COLUMN_TEXT_SIZE]);
/* The same for the column that makes a feature, with its category: "city = Oslo"; "feature 3" of arrays. */
const char *feature_text(const struct clm_inputs *inputs, size_t feature, char text[COLUMN_TEXT_SIZE]);

/* The same in full, for files. The caller frees it; NULL if there is no memory. */
char *feature_name(const struct clm_inputs *inputs, size_t feature);

/* Is the feature of a category or an indicator, which is 0 or 1? */
bool feature_is_mark(const struct clm_inputs *inputs, size_t feature);

/* What was subtracted from the values of a feature before they became float32. */
double feature_offset(const struct clm_inputs *inputs, size_t feature);
/* The first feature with such an offset; inputs->features if there is none. */
size_t first_with_offset(const struct clm_inputs *inputs);

/* As JSON, for the model's file; NULL if there is no memory. */
json_t *inputs_describe(const struct clm_inputs *inputs);
/* Reads what inputs_describe wrote. Fails with CLM_ERROR_FORMAT if it does not make sense. */
CLM_MUST_CHECK clm_status inputs_parse(const json_t *json, struct clm_inputs **out, struct clm_error *error);

/* Fails with CLM_ERROR_SHAPE, naming the first difference, unless both make the same features of a row.
 * `what` names the data of `other`. */
CLM_MUST_CHECK clm_status inputs_compare(const struct clm_inputs *inputs, const struct clm_inputs *other,
                                         const char *what, struct clm_error *error);

#endif
