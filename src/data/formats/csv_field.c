#include "data/formats/csv_field.h"

#include "base/size.h"
#include "data/formats/number.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void csv_scanner_free(struct csv_scanner *scanner)
{
    free(scanner->unquoted);
    *scanner = (struct csv_scanner){0};
}

static inline bool csv_field_is_blank(const struct csv_scanner *scanner, char c)
{
    return (c == ' ' || c == '\t') && c != scanner->delimiter;
}

/* Copies a quoted field and replaces each doubled quote by a single one. */
static bool unquote(struct csv_scanner *scanner, struct csv_field *field)
{
    if (field->length + 1 > scanner->capacity) {
        if (!array_resize(&scanner->unquoted, field->length + 1, 1))
            return false;
        scanner->capacity = field->length + 1;
    }
    size_t length = 0;
    for (size_t i = 0; i < field->length; i++) {
        scanner->unquoted[length++] = field->text[i];
        i += field->text[i] == '"';
    }
    scanner->unquoted[length] = '\0';
    field->text = scanner->unquoted;
    field->length = length;
    return true;
}

/* Scans the field whose opening quote is at at[-1], and moves *at after its closing quote. */
static enum csv_outcome scan_quoted(struct csv_scanner *scanner, const char **at, const char *end,
                                    bool is_last, struct csv_field *out)
{
    bool has_quotes = false;
    const char *next = *at;
    out->text = next;
    out->is_quoted = true;
    while ((next = memchr(next, '"', (size_t)(end - next))) && next[1] == '"') {
        has_quotes = true;
        next += 2;
    }
    if (!next || (next + 1 == end && !is_last))
        return is_last ? CSV_UNBALANCED : CSV_INCOMPLETE;
    out->length = (size_t)(next - out->text);
    *at = next + 1;
    for (const char *line = out->text; (line = memchr(line, '\n', (size_t)(next - line))); line++)
        out->line_ends++;
    return has_quotes && !unquote(scanner, out) ? CSV_NO_MEMORY : CSV_DONE;
}

static const char *scan_plain(const struct csv_scanner *scanner, const char *at, const char *end,
                              struct csv_field *out)
{
    out->text = at;
    while (at < end && *at != scanner->delimiter && *at != '\n' && *at != '\r')
        at++;
    out->length = (size_t)(at - out->text);
    while (out->length && csv_field_is_blank(scanner, out->text[out->length - 1]))
        out->length--;
    return at;
}

enum csv_outcome csv_scan(struct csv_scanner *scanner, const char **at, const char *end, bool is_last,
                          struct csv_field *out)
{
    const char *next = *at;
    *out = (struct csv_field){.text = next};
    while (next < end && csv_field_is_blank(scanner, *next))
        next++;
    if (next < end && *next == '"') {
        next++;
        const enum csv_outcome outcome = scan_quoted(scanner, &next, end, is_last, out);
        if (outcome != CSV_DONE)
            return outcome;
        while (next < end && csv_field_is_blank(scanner, *next))
            next++;
    } else {
        next = scan_plain(scanner, next, end, out);
    }
    if (!is_last && (next == end || (*next == '\r' && next + 1 == end)))
        return CSV_INCOMPLETE;
    const size_t line_end = csv_line_end(next);
    out->ends_row = next == end || line_end;
    if (!out->ends_row && *next != scanner->delimiter)
        return CSV_UNBALANCED;
    *at = next + (next == end ? 0 : line_end ? line_end : 1);
    return CSV_DONE;
}

static bool is_word(const struct csv_field *field, const char *word)
{
    return field->length == strlen(word) && !strncasecmp(field->text, word, field->length);
}

bool csv_is_missing(const struct csv_field *field)
{
    static const char *const words[] = {"", "?", "na", "n/a", "nan", "null", "#n/a", "<na>"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is_word(field, words[i]))
            return true;
    return false;
}

bool csv_number(const struct csv_field *field, float *value)
{
    const char *at = field->text;
    if (number_read(&at, value))
        return at == field->text + field->length;
    *value = is_word(field, "true");
    return *value != 0 || is_word(field, "false");
}
