/* The fields of a CSV, one after the other: quoted as RFC 4180 says or not, between blanks or not. */
#ifndef CLM_DATA_FORMATS_CSV_FIELD_H
#define CLM_DATA_FORMATS_CSV_FIELD_H

#include <stdbool.h>
#include <stddef.h>

struct csv_scanner {
    char delimiter;
    char *unquoted; /* of a field with doubled quotes; owned */
    size_t capacity;
};

struct csv_field {
    const char *text; /* in the file's bytes or the scanner's; behind it comes a byte that no number has */
    size_t length;
    size_t line_ends; /* inside */
    bool is_quoted, ends_row;
};

enum csv_outcome {
    CSV_DONE,
    CSV_INCOMPLETE, /* the bytes end before the field does */
    CSV_UNBALANCED, /* text behind the closing quote, or none that closes */
    CSV_NO_MEMORY,
};

/* The field at *at, and *at behind it and its delimiter or line end. The bytes end at `end`, where a NUL stands; `is_last`:
 * and so does the file. */
enum csv_outcome csv_scan(struct csv_scanner *scanner, const char **at, const char *end, bool is_last,
                          struct csv_field *out);

void csv_scanner_free(struct csv_scanner *scanner);

/* Where a row ends at `at`: bytes of the line end there, 0 where there is none. A line end is LF, CR LF, or CR alone. */
static inline size_t csv_line_end(const char *at)
{
    return *at == '\n' ? 1 : *at == '\r' ? at[1] == '\n' ? 2 : 1 : 0;
}

/* Is there no value: nothing, ?, or NA, N/A, #N/A, <NA>, NaN, null in any case? */
bool csv_is_missing(const struct csv_field *field);

/* Is the field, whole, a number, or true or false in any case, which are 1 and 0? Into *value. */
bool csv_number(const struct csv_field *field, float *value);

#endif
