#include "data/formats/csv_layout.h"

#include "base/text.h"
#include "data/formats/label_table.h"
#include "data/formats/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SAMPLE_ROWS  10
#define SAMPLE_BYTES ((size_t)16 << 20) /* enough to find the layout, if they hold one row */

static const char delimiters[] = {'\t', ';', ','};
enum { DELIMITERS = sizeof delimiters };

void csv_layout_free(struct csv_layout *layout)
{
    class_names_free(layout->names, layout->columns);
    *layout = (struct csv_layout){0};
}

const char *csv_column(const struct csv_layout *layout, size_t column, char text[CSV_COLUMN_SIZE])
{
    const char *name = layout->names ? layout->names[column] : "";
    char shown[64];
    if (*name)
        snprintf(text, CSV_COLUMN_SIZE, "column %zu (%s)", column + 1,
                 text_show(shown, sizeof shown, name, strlen(name)));
    else
        snprintf(text, CSV_COLUMN_SIZE, "column %zu", column + 1);
    return text;
}

/* The number of fields in each of the first rows, and how many of all fields are numbers. */
struct sample {
    size_t rows, fields[SAMPLE_ROWS], numbers;
};

enum field_kind { KIND_MISSING, KIND_NUMBER, KIND_TEXT };

static enum field_kind csv_layout_kind_of(const struct csv_field *field)
{
    float unused;
    if (csv_is_missing(field))
        return KIND_MISSING;
    return csv_number(field, &unused) ? KIND_NUMBER : KIND_TEXT;
}

/* A blank line is no row, and neither is a last row that is cut off. */
static void take_sample(char delimiter, const char *at, const char *end, bool is_last, struct sample *sample)
{
    struct csv_scanner scanner = {.delimiter = delimiter};
    struct csv_field field;
    size_t fields = 0;
    *sample = (struct sample){0};
    while (sample->rows < SAMPLE_ROWS && (at < end || fields)) {
        if (csv_scan(&scanner, &at, end, is_last, &field) != CSV_DONE)
            break;
        fields++;
        sample->numbers += csv_layout_kind_of(&field) == KIND_NUMBER;
        if (!field.ends_row)
            continue;
        if (fields > 1 || field.length)
            sample->fields[sample->rows++] = fields;
        fields = 0;
    }
    csv_scanner_free(&scanner);
}

static bool is_even(const struct sample *sample)
{
    for (size_t i = 1; i < sample->rows; i++)
        if (sample->fields[i] != sample->fields[0])
            return false;
    return sample->rows > 0 && sample->fields[0] > 1;
}

/* Chooses the delimiter that splits all rows into the same number of fields, and into the most. If there is
 * none, chooses the delimiter that splits the first row into the most fields. NULL if no delimiter splits
 * it. */
static const char *csv_layout_choose(const struct sample samples[DELIMITERS])
{
    for (int pass = 0; pass < 2; pass++) {
        size_t best = 1, at = DELIMITERS;
        for (size_t i = 0; i < DELIMITERS; i++) {
            if (samples[i].rows && samples[i].fields[0] > best && (pass || is_even(samples + i))) {
                best = samples[i].fields[0];
                at = i;
            }
        }
        if (at < DELIMITERS)
            return delimiters + at;
    }
    return NULL;
}

bool csv_is_likely(const char *bytes, size_t count, bool is_whole)
{
    struct sample samples[DELIMITERS];
    bool is_cut = true;
    for (size_t i = 0; i < DELIMITERS; i++) {
        take_sample(delimiters[i], bytes, bytes + count, is_whole, samples + i);
        if (is_even(samples + i))
            return true;
        /* rows of different lengths with several numbers are a table with a mistake, reported when it is
         * read */
        if (samples[i].numbers > 1 && (!samples[i].rows || samples[i].fields[0] > 1))
            return true;
        is_cut = is_cut && !samples[i].rows;
    }
    /* the first row is longer than the bytes that were read */
    return is_cut && !is_whole && memchr(bytes, ',', count) != NULL;
}

static clm_status find_delimiter(struct text_window *window, struct csv_layout *layout,
                                 struct clm_error *error)
{
    struct sample samples[DELIMITERS];
    const char *chosen = NULL;
    for (;;) {
        const char *begin = window->bytes + window->begin, *end = window->bytes + window->end;
        bool have_rows = true;
        for (size_t i = 0; i < DELIMITERS; i++) {
            take_sample(delimiters[i], begin, end, window->is_last, samples + i);
            have_rows = have_rows && samples[i].rows > 1;
        }
        chosen = csv_layout_choose(samples);
        if (window->is_last ||
            (chosen ? samples[chosen - delimiters].rows > 1 || window->end - window->begin >= SAMPLE_BYTES
                    : have_rows))
            break;
        const clm_status status = text_window_more(window, error);
        if (status != CLM_OK)
            return status;
    }
    if (!chosen)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: %s; a CSV has two columns or more, separated by comma, semicolon or tab",
                        text_window_path(window),
                        samples[0].rows && samples[1].rows && samples[2].rows
                            ? "its first row has one field"
                            : "it has no complete row, or a quote that does not close");
    layout->delimiter = *chosen;
    layout->columns = samples[chosen - delimiters].fields[0];
    return CLM_OK;
}

/* The fields of the first row, which may be names, and what the first row and the rows below it hold. */
struct top {
    char **names;
    /* `below`: kind of the column's first value below the first row that is not missing */
    enum field_kind *first, *below;
    size_t lines;       /* of the first row, and of blank lines before it */
    const char *behind; /* end of the first row */
};

static void top_free(struct top *top, size_t columns)
{
    class_names_free(top->names, columns);
    free(top->first);
    free(top->below);
}

static clm_status fail_row(const struct text_window *window, size_t line, enum csv_outcome outcome,
                           struct clm_error *error)
{
    if (outcome == CSV_NO_MEMORY)
        return clm_fail_host_memory(error, text_window_path(window), window->end - window->begin);
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: line %zu has a quote that does not close, or text after a closing quote",
                    text_window_path(window), line);
}

/* Fills *top from the first rows. Rows with another number of fields are reported when they are read. */
static clm_status look_at_top(const struct text_window *window, const struct csv_layout *layout,
                              struct top *top, struct clm_error *error)
{
    struct csv_scanner scanner = {.delimiter = layout->delimiter};
    struct csv_field field;
    const char *at = window->bytes + window->begin, *end = window->bytes + window->end;
    clm_status status = CLM_OK;
    for (size_t row = 0, column = 0; row < SAMPLE_ROWS && (at < end || column);) {
        const enum csv_outcome outcome = csv_scan(&scanner, &at, end, window->is_last, &field);
        if (outcome != CSV_DONE && row) /* reported when the row is read, with its line number */
            break;
        if (outcome != CSV_DONE) {
            status = fail_row(window, window->line, outcome, error);
            break;
        }
        if (!row) {
            top->lines += field.line_ends + field.ends_row;
            top->behind = at;
        }
        if (field.ends_row && !column && !field.length)
            continue;
        if (!row && column < layout->columns) {
            top->first[column] = csv_layout_kind_of(&field);
            top->names[column] = strndup(field.text, field.length);
            if (!top->names[column]) {
                status = clm_fail_host_memory(error, text_window_path(window), field.length + 1);
                break;
            }
        } else if (column < layout->columns && top->below[column] == KIND_MISSING) {
            top->below[column] = csv_layout_kind_of(&field);
        }
        column = field.ends_row ? 0 : column + 1;
        row += field.ends_row;
    }
    csv_scanner_free(&scanner);
    return status;
}

static const char *const label_names[] = {"label", "class", "target", "y"};
enum { LABEL_NAMES = sizeof label_names / sizeof *label_names };

/* True if `name` is the usual name of a label column, or `label`: then the row is a header. "y" could also be
 * a label itself, so it must be over a number. */
static bool tells(const char *name, bool is_over_number, const char *label)
{
    for (size_t i = 0; i < LABEL_NAMES; i++)
        if (!strcasecmp(name, label_names[i]))
            return name[1] || is_over_number;
    return label && !strcmp(label, name);
}

/* Decides if the first row is a header. It is one in three cases: a field is a name for labels; no field is a
 * number, and one that is text is over numbers; its fields count 0, 1, 2, …, as pandas names columns without
 * names. When they count, the first may be empty (pandas' index), and others may be names. */
static bool is_header(const struct csv_layout *layout, const struct top *top, const char *label)
{
    const size_t skipped = !*top->names[0];
    bool has_number = false, is_over_numbers = false, is_count = layout->columns > 2;
    for (size_t i = 0; i < layout->columns; i++) {
        const bool is_over_number = top->below[i] == KIND_NUMBER;
        char number[24];
        snprintf(number, sizeof number, "%zu", i - skipped);
        if (top->first[i] == KIND_TEXT && tells(top->names[i], is_over_number, label))
            return true;
        has_number = has_number || top->first[i] == KIND_NUMBER;
        is_over_numbers = is_over_numbers || (top->first[i] == KIND_TEXT && is_over_number);
        is_count = is_count && (i < skipped || top->first[i] == KIND_TEXT || !strcmp(top->names[i], number));
    }
    return has_number ? is_count : is_over_numbers;
}

static clm_status find_header(struct text_window *window, const struct clm_data_options *options,
                              struct csv_layout *layout, struct clm_error *error)
{
    struct top top = {.names = calloc(layout->columns, sizeof *top.names),
                      .first = calloc(layout->columns, sizeof *top.first),
                      .below = calloc(layout->columns, sizeof *top.below)};
    clm_status status =
        top.names && top.first && top.below
            ? look_at_top(window, layout, &top, error)
            : clm_fail_host_memory(error, text_window_path(window), layout->columns * sizeof *top.names);
    if (status == CLM_OK) {
        layout->has_header = options->header == CLM_HEADER_YES || (options->header == CLM_HEADER_DETECTED &&
                                                                   is_header(layout, &top, options->label));
        if (layout->has_header) {
            layout->names = top.names;
            top.names = NULL;
            window->line += top.lines;
            window->begin = (size_t)(top.behind - window->bytes);
        }
    }
    top_free(&top, layout->columns);
    return status;
}

static clm_status csv_layout_find_named(const struct text_window *window, const char *label,
                                        struct csv_layout *layout, struct clm_error *error)
{
    size_t matches = 0;
    int64_t index;
    char shown[64];
    for (size_t i = 0; layout->names && i < layout->columns; i++) {
        if (!strcmp(layout->names[i], label)) {
            layout->label = i;
            matches++;
        }
    }
    if (matches > 1)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "label",
            "%s: %zu columns are called %s; name the column of the labels by its index, counted from 0",
            text_window_path(window), matches, text_show(shown, sizeof shown, label, strlen(label)));
    if (matches)
        return CLM_OK;
    if (!number_read_whole(label, strlen(label), &index))
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "label header",
            "%s: %s, so there is no column %s for the labels; name it by its index, from 0, or say whether the first line holds names",
            text_window_path(window), layout->names ? "no column has that name" : "its columns have no names",
            text_show(shown, sizeof shown, label, strlen(label)));
    const int64_t columns = (int64_t)layout->columns;
    if (index >= columns || index < -columns)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "label",
            "%s: has %zu columns (0 to %zu, or -1 for the last), but no column %.60s for the labels",
            text_window_path(window), layout->columns, layout->columns - 1, label);
    layout->label = (size_t)(index < 0 ? index + columns : index);
    return CLM_OK;
}

/* Takes the first of the usual names that a column has, or else the last column. */
static void guess_label(struct csv_layout *layout)
{
    for (size_t n = 0; layout->names && n < LABEL_NAMES; n++) {
        for (size_t i = 0; i < layout->columns; i++) {
            if (!strcasecmp(layout->names[i], label_names[n])) {
                layout->label = i;
                return;
            }
        }
    }
    layout->label = layout->columns - 1;
    layout->is_guess = true;
}

clm_status csv_layout_find(struct text_window *window, const struct clm_data_options *options,
                           struct csv_layout *out, struct clm_error *error)
{
    *out = (struct csv_layout){0};
    clm_status status = find_delimiter(window, out, error);
    if (status == CLM_OK)
        status = find_header(window, options, out, error);
    if (status == CLM_OK && options->label)
        status = csv_layout_find_named(window, options->label, out, error);
    else if (status == CLM_OK)
        guess_label(out);
    if (status == CLM_OK) {
        const char *first = out->names ? out->names[0] : "data";
        out->has_index = out->label && (!*first || !strcmp(first, "Unnamed: 0"));
        out->features = out->columns - 1 - out->has_index;
        if (!out->features)
            status = clm_fail_setting(error, CLM_ERROR_FORMAT, "label",
                                      "%s: has no column but labels%s; name the column of the labels",
                                      text_window_path(window), out->has_index ? " and an index" : "");
    }
    if (status != CLM_OK)
        csv_layout_free(out);
    return status;
}
