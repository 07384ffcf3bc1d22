/* CSV: one row a line, fields separated by comma, semicolon or tab and quoted as in RFC 4180, with or
 * without a header. One column holds the labels; all others hold numbers. doc/data.md says how each of
 * these is recognised. */
#include "data/format.h"

#include "base/size.h"
#include "base/text.h"
#include "data/formats/csv_layout.h"
#include "data/formats/label_table.h"
#include "data/formats/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHOWN_SIZE 64 /* of a field, in a message */

struct csv {
    struct text_window window;
    struct csv_layout layout;
    struct csv_scanner scanner;
    struct label_table table;
    enum clm_missing missing;
    struct set *set;    /* its labels are ids of the table until finish() */
    size_t capacity;    /* in rows, of the set's arrays */
    size_t line_ends;   /* within fields of the current row */
    size_t row_missing; /* values missing in the current row */
};

static clm_status fail_at(const struct csv *csv, size_t column, const char *what, const char *setting,
                          struct clm_error *error)
{
    char text[CSV_COLUMN_SIZE];
    return clm_fail_setting(error, CLM_ERROR_FORMAT, setting, "%s: line %zu, %s: %s",
                            text_window_path(&csv->window), csv->window.line,
                            csv_column(&csv->layout, column, text), what);
}

static clm_status fail_value(const struct csv *csv, size_t column, const struct csv_field *field,
                             const char *what, const char *setting, struct clm_error *error)
{
    char text[CSV_COLUMN_SIZE], shown[SHOWN_SIZE];
    return clm_fail_setting(error, CLM_ERROR_FORMAT, setting, "%s: line %zu, %s: \"%s\" %s",
                            text_window_path(&csv->window), csv->window.line,
                            csv_column(&csv->layout, column, text),
                            text_show(shown, sizeof shown, field->text, field->length), what);
}

static bool is_infinite(const struct csv_field *field)
{
    const size_t sign = field->length && (*field->text == '-' || *field->text == '+');
    const char *const word = field->text + sign;
    const size_t length = field->length - sign;
    return (length == 3 && !strncasecmp(word, "inf", 3)) ||
           (length == 8 && !strncasecmp(word, "infinity", 8));
}

static clm_status csv_read_value(struct csv *csv, size_t column, const struct csv_field *field, float *value,
                                 struct clm_error *error)
{
    if (csv_is_missing(field)) {
        if (csv->missing == CLM_MISSING_REFUSED)
            return fail_at(
                csv, column,
                "the value is missing; fill such gaps with the mean or with zero, or remove the row",
                "missing", error);
        *value = NAN;
        csv->row_missing++;
        return CLM_OK;
    }
    if (is_infinite(field))
        return fail_value(csv, column, field, "is infinite; replace or remove such rows", "", error);
    if (!csv_number(field, value))
        return fail_value(
            csv, column, field,
            "is no number, as 1.5 or -2e-3 are; remove the column, or name the column of the labels", "label",
            error);
    if (!isfinite(*value))
        return fail_value(csv, column, field, "is more than float32 can hold; scale the column", "", error);
    return CLM_OK;
}

static clm_status csv_read_label(struct csv *csv, size_t column, const struct csv_field *field, uint32_t *id,
                                 struct clm_error *error)
{
    if (csv_is_missing(field))
        return fail_at(csv, column, "the label is missing; remove the row, or name the column of the labels",
                       "label", error);
    return label_table_add(&csv->table, field->text, field->length, csv->window.line, id, error);
}

static clm_status csv_make_room(struct csv *csv, struct clm_error *error)
{
    struct set *set = csv->set;
    if (set->rows < csv->capacity)
        return CLM_OK;
    const size_t rows = csv->capacity ? 2 * csv->capacity : 64;
    size_t size = 0;
    if (rows > UINT32_MAX || !size_mul(rows, set->features * sizeof(float), &size))
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: more than %zu rows cannot be numbered",
                        text_window_path(&csv->window), set->rows);
    const clm_status status =
        /* at least half of the room will be used */
        allow_memory(set->memory, text_window_path(&csv->window), size / 2, error);
    if (status != CLM_OK)
        return status;
    if (!set_resize(set, rows))
        return clm_fail_host_memory(error, text_window_path(&csv->window), size);
    csv->capacity = rows;
    return CLM_OK;
}

static clm_status fail_outcome(const struct csv *csv, size_t column, enum csv_outcome outcome,
                               struct clm_error *error)
{
    if (outcome == CSV_NO_MEMORY)
        return clm_fail_host_memory(error, text_window_path(&csv->window), csv->scanner.capacity);
    return fail_at(csv, column, "a quote does not close, or text follows a closing quote", "", error);
}

static clm_status fail_count(const struct csv *csv, size_t fields, bool are_more, struct clm_error *error)
{
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: line %zu has %s%zu field%s, but the first row has %zu; is a field with a delimiter not quoted?",
        text_window_path(&csv->window), csv->window.line, are_more ? "more than " : "", fields,
        fields == 1 ? "" : "s", csv->layout.columns);
}

/* Reads a field that is an unquoted number without blanks, and moves *at after its delimiter. This fast path
 * returns false, with *at unchanged, for any other field. */
static inline bool read_plain(char delimiter, const char **at, const char *end, float *value, bool *ends_row)
{
    const char *next = *at;
    if (!number_read(&next, value) || next == end || !isfinite(*value))
        return false;
    *ends_row = *next == '\n';
    if (*next != delimiter && !*ends_row)
        return false;
    *at = next + 1;
    return true;
}

enum outcome { ROW_READ, ROW_BLANK, ROW_INCOMPLETE };

/* Reads the row at *at into the set's next free row. */
static clm_status read_row(struct csv *csv, const char **at, enum outcome *outcome, struct clm_error *error)
{
    const struct csv_layout *layout = &csv->layout;
    const char *const end = csv->window.bytes + csv->window.end;
    float *value = (float *)csv->set->values + csv->set->rows * layout->features;
    bool ends_row = false;
    csv->line_ends = csv->row_missing = 0;
    for (size_t column = 0; column < layout->columns; column++) {
        const bool is_value = column != layout->label && (column || !layout->has_index);
        struct csv_field field;
        clm_status status = CLM_OK;
        if (ends_row)
            return fail_count(csv, column, false, error);
        if (is_value && read_plain(layout->delimiter, at, end, value, &ends_row)) {
            value++;
            continue;
        }
        const enum csv_outcome scanned = csv_scan(&csv->scanner, at, end, csv->window.is_last, &field);
        if (scanned == CSV_INCOMPLETE) {
            *outcome = ROW_INCOMPLETE;
            return CLM_OK;
        }
        if (scanned != CSV_DONE)
            return fail_outcome(csv, column, scanned, error);
        ends_row = field.ends_row;
        csv->line_ends += field.line_ends;
        if (ends_row && !column && !field.length && !field.is_quoted) {
            *outcome = ROW_BLANK;
            return CLM_OK;
        }
        if (ends_row && column + 1 < layout->columns)
            return fail_count(csv, column + 1, false, error);
        if (is_value)
            status = csv_read_value(csv, column, &field, value++, error);
        else if (column == layout->label)
            status = csv_read_label(csv, column, &field, csv->set->labels + csv->set->rows, error);
        if (status != CLM_OK)
            return status;
    }
    *outcome = ROW_READ;
    return ends_row ? CLM_OK : fail_count(csv, layout->columns, true, error);
}

static clm_status read_rows(struct csv *csv, struct clm_error *error)
{
    struct text_window *window = &csv->window;
    clm_status status;
    while (window->begin < window->end || !window->is_last) {
        enum outcome outcome = ROW_INCOMPLETE;
        const char *at = window->bytes + window->begin;
        if ((status = csv_make_room(csv, error)) ||
            (window->begin < window->end && (status = read_row(csv, &at, &outcome, error))))
            return status;
        if (outcome == ROW_INCOMPLETE) {
            if ((status = text_window_more(window, error)))
                return status;
            continue;
        }
        window->begin = (size_t)(at - window->bytes);
        window->line += 1 + csv->line_ends;
        csv->set->rows += outcome == ROW_READ;
        csv->set->missing += outcome == ROW_READ ? csv->row_missing : 0;
    }
    if (!csv->set->rows)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: is an empty set: there is no row%s",
                        text_window_path(window), csv->layout.has_header ? " after the header" : "");
    return CLM_OK;
}

/* Keeps the names of the features for the test set, if the columns have names. */
static clm_status keep_names(const struct csv *csv, struct contents *out, struct clm_error *error)
{
    const struct csv_layout *layout = &csv->layout;
    size_t count = 0;
    out->columns = layout->columns;
    out->label_column = layout->label;
    if (!layout->names)
        return CLM_OK;
    out->feature_names = calloc(layout->features, sizeof *out->feature_names);
    for (size_t i = layout->has_index; out->feature_names && i < layout->columns; i++) {
        if (i == layout->label)
            continue;
        out->feature_names[count] = strdup(layout->names[i]);
        if (!out->feature_names[count++])
            return clm_fail_host_memory(error, text_window_path(&csv->window), layout->columns);
    }
    return out->feature_names ? CLM_OK
                              : clm_fail_host_memory(error, text_window_path(&csv->window),
                                                     layout->features * sizeof *out->feature_names);
}

/* Takes the label column from the training set. If both sets have names, their features must be the same,
 * in the same order. */
static clm_status follow(struct csv *csv, const struct contents *training, struct clm_error *error)
{
    struct csv_layout *layout = &csv->layout;
    char shown[SHOWN_SIZE], expected[SHOWN_SIZE];
    if (layout->is_guess && !layout->names && training->columns == layout->columns)
        layout->label = training->label_column;
    if (!layout->names || !training->feature_names || layout->features != training->train.features)
        return CLM_OK;
    for (size_t i = layout->has_index, feature = 0; i < layout->columns; i++) {
        if (i == layout->label)
            continue;
        const char *name = layout->names[i], *its = training->feature_names[feature++];
        if (strcmp(name, its))
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: column %zu is called %s, but the training set (%s) has %s; give both the same columns, in the same order",
                text_window_path(&csv->window), i + 1, text_show(shown, sizeof shown, name, strlen(name)),
                training->train.labels_path, text_show(expected, sizeof expected, its, strlen(its)));
    }
    return CLM_OK;
}

static clm_status csv_finish(struct csv *csv, const struct request *request, struct contents *out,
                             struct clm_error *error)
{
    struct set *set = csv->set;
    char text[CSV_COLUMN_SIZE];
    clm_status status = CLM_OK;
    if (csv->layout.is_guess && !request->classes)
        status =
            label_table_check_guess(&csv->table, csv_column(&csv->layout, csv->layout.label, text), error);
    if (status == CLM_OK)
        status = label_table_finish(&csv->table, request, set->labels, set->rows, out, error);
    if (status == CLM_OK)
        (void)set_resize(set, set->rows); /* frees the room after the last row */
    return status;
}

static clm_status read_csv(const char *path, bool is_directory, const struct request *request,
                           struct contents *out, struct clm_error *error)
{
    struct csv csv = {
        .set = &out->train, .missing = request->options->missing, .table = {.path = path, .unit = "line"}};
    (void)is_directory;
    if (!(request->wanted & READ_TRAIN))
        return CLM_OK;
    clm_status status = text_window_open(path, &csv.window, error);
    if (status == CLM_OK)
        status = csv_layout_find(&csv.window, request->options, &csv.layout, error);
    if (status == CLM_OK && request->training)
        status = follow(&csv, request->training, error);
    csv.scanner.delimiter = csv.layout.delimiter;
    out->train.labels_path = strdup(path);
    out->train.features = csv.layout.features;
    out->train.element = ELEMENT_FLOAT;
    if (status == CLM_OK && !out->train.labels_path)
        status = clm_fail_host_memory(error, path, strlen(path) + 1);
    if (status == CLM_OK)
        status = keep_names(&csv, out, error);
    if (status == CLM_OK)
        status = read_rows(&csv, error);
    if (status == CLM_OK)
        status = csv_finish(&csv, request, out, error);
    label_table_free(&csv.table);
    csv_scanner_free(&csv.scanner);
    csv_layout_free(&csv.layout);
    text_window_close(&csv.window);
    return status;
}

static bool csv_recognises_file(const struct file_head *head)
{
    const bool has_mark = head->count >= 3 && !memcmp(head->bytes, "\xef\xbb\xbf", 3);
    const size_t skipped = has_mark ? 3 : 0, count = head->count - skipped;
    return text_is_likely(head->bytes + skipped, count) &&
           csv_is_likely((const char *)head->bytes + skipped, count, head->count < FILE_HEAD_MAX);
}

const struct format csv_format = {
    .name = "csv",
    .takes = TAKES_LABEL | TAKES_HEADER | TAKES_MISSING,
    .recognises_file = csv_recognises_file,
    .read = read_csv,
};
