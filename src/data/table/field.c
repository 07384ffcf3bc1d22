#include "data/table/field.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

void field_scanner_free(struct field_scanner *scanner)
{
    free(scanner->unquoted);
    *scanner = (struct field_scanner){0};
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* A blank that is not the delimiter. Runs of blanks that delimit are skipped before a field. */
static inline bool is_padding(const struct field_scanner *scanner, char c)
{
    return is_space(c) && (c != scanner->dialect->delimiter || c == ' ');
}

static inline bool is_delimiter(const struct field_scanner *scanner, char c)
{
    return c == scanner->dialect->delimiter || (scanner->dialect->delimiter == ' ' && c == '\t');
}

/* Copies a quoted field and leaves out the first of two quotes, or the \ before any character. */
static bool unquote(struct field_scanner *scanner, char quote, struct text_field *field)
{
    if (field->length + 1 > scanner->capacity) {
        if (!array_resize(&scanner->unquoted, field->length + 1, 1))
            return false;
        scanner->capacity = field->length + 1;
    }
    const char escape = quote == scanner->dialect->other_quote ? '\\' : quote;
    size_t length = 0;
    for (size_t i = 0; i < field->length; i++) {
        i += field->text[i] == escape && i + 1 < field->length;
        scanner->unquoted[length++] = field->text[i];
    }
    scanner->unquoted[length] = '\0';
    field->text = scanner->unquoted;
    field->length = length;
    return true;
}

/* The closing quote of what begins at `next`, or NULL. *has_quotes becomes true if quotes are within. */
static const char *find_closing(const struct field_scanner *scanner, char quote, const char *next,
                                const char *end, bool *has_quotes)
{
    if (quote != scanner->dialect->other_quote) {
        while ((next = memchr(next, quote, (size_t)(end - next))) && next[1] == quote) {
            *has_quotes = true;
            next += 2;
        }
        return next;
    }
    for (; next < end && *next != quote; next++)
        if (*next == '\\' && next + 1 < end) {
            *has_quotes = true;
            next++;
        }
    return next < end ? next : NULL;
}

/* Scans the field whose opening quote is at at[-1], and moves *at after its closing quote. */
static enum field_outcome scan_quoted(struct field_scanner *scanner, char quote, const char **at,
                                      const char *end, bool is_last, struct text_field *out)
{
    bool has_quotes = false;
    out->text = *at;
    out->is_quoted = true;
    const char *const closing = find_closing(scanner, quote, *at, end, &has_quotes);
    if (!closing || (closing + 1 == end && !is_last))
        return is_last ? FIELD_UNBALANCED : FIELD_INCOMPLETE;
    out->length = (size_t)(closing - out->text);
    *at = closing + 1;
    for (const char *line = out->text; (line = memchr(line, '\n', (size_t)(closing - line))); line++)
        out->line_ends++;
    return has_quotes && !unquote(scanner, quote, out) ? FIELD_NO_MEMORY : FIELD_DONE;
}

static const char *scan_plain(const struct field_scanner *scanner, const char *at, const char *end,
                              struct text_field *out)
{
    out->text = at;
    while (at < end && !is_delimiter(scanner, *at) && *at != '\n' && *at != '\r')
        at++;
    out->length = (size_t)(at - out->text);
    while (out->length && is_padding(scanner, out->text[out->length - 1]))
        out->length--;
    return at;
}

static const char *skip_padding(const struct field_scanner *scanner, const char *next, const char *end)
{
    while (next < end && is_padding(scanner, *next))
        next++;
    return next;
}

/* Moves *next to the delimiter or line end after a field. Runs of blanks are passed, and their last blank
 * counts as the delimiter, unless the line ends after them. */
static void pass_blanks(const struct field_scanner *scanner, const char **next, const char *end)
{
    const char *const begin = *next;
    *next = skip_padding(scanner, begin, end);
    if (scanner->dialect->delimiter == ' ' && *next > begin && *next < end && !line_end_length(*next))
        --*next;
}

enum field_outcome field_scan(struct field_scanner *scanner, const char **at, const char *end, bool is_last,
                              struct text_field *out)
{
    *out = (struct text_field){.text = *at};
    const char *next = skip_padding(scanner, *at, end);
    if (next < end && (*next == '"' || (*next == scanner->dialect->other_quote && *next))) {
        const char quote = *next++;
        const enum field_outcome outcome = scan_quoted(scanner, quote, &next, end, is_last, out);
        if (outcome != FIELD_DONE)
            return outcome;
    } else {
        next = scan_plain(scanner, next, end, out);
    }
    if (out->length && out->text[out->length - 1] == '\x1a') /* the end of a text in DOS */
        out->length--;
    pass_blanks(scanner, &next, end);
    if (!is_last && (next == end || (*next == '\r' && next + 1 == end)))
        return FIELD_INCOMPLETE;
    const size_t line_end = line_end_length(next);
    out->ends_row = next == end || line_end;
    if (!out->ends_row && !is_delimiter(scanner, *next))
        return FIELD_UNBALANCED;
    *at = next + (next == end ? 0 : line_end ? line_end : 1);
    return FIELD_DONE;
}
