/* What a field of a table says: nothing, a number, true or false, a date, or text. */
#ifndef CLM_DATA_TABLE_VALUE_H
#define CLM_DATA_TABLE_VALUE_H

#include "data/table/field.h"

enum field_kind { VALUE_MISSING, VALUE_NUMBER, VALUE_BOOLEAN, VALUE_DATE, VALUE_TEXT };

/* Words that stand for a missing value beside the usual ones, separated by commas; NULL: there are none. */
struct missing_words {
    const char *list;
};

/* True if the field says that its value is missing: it is empty, or a word that pandas, R, scikit-learn,
 * Weka, SAS or Excel writes then. */
bool value_is_missing(const struct text_field *field, const struct missing_words *more);

/* True if the whole field is a number with this decimal point; *number is the nearest double. */
bool value_number(const struct text_field *field, char decimal, double *number);
/* The same with the nearest float, which is infinite if the number is too large. */
bool value_float(const struct text_field *field, char decimal, float *number);

/* The kind of the field. *number is the value of a number, 1 or 0 for true or false, and the days since
 * 1970-01-01 for a date. */
enum field_kind value_kind_of(const struct text_field *field, char decimal, const struct missing_words *more,
                              double *number);

/* True if the field is a number that is not finite, as in "inf" or "-Infinity". */
bool value_is_infinite(const struct text_field *field);

/* Why a text that contains a number is none, as the end of a sentence: "has a thousands separator: write
 * 1234". NULL if no reason is seen. */
const char *value_blemish(const struct text_field *field, char decimal);

#endif
