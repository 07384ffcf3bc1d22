/* Splits a CSV into fields. A field may be quoted as in RFC 4180, and may have blanks on both sides. */
#ifndef CLM_DATA_FORMATS_CSV_FIELD_H
#define CLM_DATA_FORMATS_CSV_FIELD_H

#include <stdbool.h>
#include <stddef.h>

struct csv_scanner {
    char delimiter;
    char *unquoted; /* last field that had doubled quotes; owned */
    size_t capacity;
};

struct csv_field {
    const char *text; /* in the file's bytes, or in `unquoted`; the byte after it cannot continue a number */
    size_t length;
    size_t line_ends; /* within the field */
    bool is_quoted, ends_row;
};

enum csv_outcome {
    CSV_DONE,
    CSV_INCOMPLETE, /* the bytes end before the field does */
    CSV_UNBALANCED, /* text follows the closing quote, or there is no closing quote */
    CSV_NO_MEMORY,
};

/* Scans the field at *at and moves *at after its delimiter or line end. The bytes end at `end`, where a NUL
 * must be. `is_last` says that the file ends there too. */
enum csv_outcome csv_scan(struct csv_scanner *scanner, const char **at, const char *end, bool is_last,
                          struct csv_field *out);

void csv_scanner_free(struct csv_scanner *scanner);

/* Length of the line end at `at`, 0 if there is none. A line end is LF, CR LF, or CR alone. */
static inline size_t csv_line_end(const char *at)
{
    return *at == '\n' ? 1 : *at == '\r' ? at[1] == '\n' ? 2 : 1 : 0;
}

/* True if the field says that its value is missing: empty, ?, or NA, N/A, #N/A, <NA>, NaN, null in any
 * case. */
bool csv_is_missing(const struct csv_field *field);

/* True if the whole field is a number, or "true" (1) or "false" (0) in any case; the number is
 * put into *value. */
bool csv_number(const struct csv_field *field, float *value);

#endif
