/* Splits a table in text into fields. A field may be quoted as in RFC 4180, and may have blanks on both
 * sides. */
#ifndef CLM_DATA_TABLE_FIELD_H
#define CLM_DATA_TABLE_FIELD_H

#include <stdbool.h>
#include <stddef.h>

/* How a table is written. */
struct dialect {
    char delimiter;   /* ' ' stands for one blank or tab, or several */
    char other_quote; /* a second character that quotes, with \ before quotes within; 0: there is none */
    char decimal;     /* '.' or ',' */
    char comment;     /* begins a line that is no row; 0: no line is a comment */
};

struct field_scanner {
    const struct dialect *dialect;
    char *unquoted; /* last field that had quotes within quotes; owned */
    size_t capacity;
};

struct text_field {
    const char *text; /* in the file's bytes, or in `unquoted`; the byte after it cannot continue a number */
    size_t length;
    size_t line_ends; /* within the field */
    bool is_quoted, ends_row;
};

enum field_outcome {
    FIELD_DONE,
    FIELD_INCOMPLETE, /* the bytes end before the field does */
    FIELD_UNBALANCED, /* text follows the closing quote, or there is no closing quote */
    FIELD_NO_MEMORY,
};

/* Scans the field at *at and moves *at after its delimiter or line end. The bytes end at `end`, where a NUL
 * must be. `is_last` says that the file ends there too. */
enum field_outcome field_scan(struct field_scanner *scanner, const char **at, const char *end, bool is_last,
                              struct text_field *out);

void field_scanner_free(struct field_scanner *scanner);

/* Length of the line end at `at`, 0 if there is none. A line end is LF, CR LF, or CR alone. */
static inline size_t line_end_length(const char *at)
{
    return *at == '\n' ? 1 : *at == '\r' ? at[1] == '\n' ? 2 : 1 : 0;
}

/* The end of the line at `at`, or `end` if the line goes on there. */
static inline const char *line_after(const char *at, const char *end)
{
    while (at < end && *at != '\n' && *at != '\r')
        at++;
    return at < end ? at + line_end_length(at) : end;
}

/* True if `field` is the only one of its row and has nothing in it: the line is blank. */
static inline bool field_is_blank_line(const struct text_field *field, size_t column)
{
    return field->ends_row && !column && !field->length && !field->is_quoted;
}

#endif
