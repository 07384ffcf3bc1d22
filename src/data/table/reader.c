#include "data/table/reader.h"

#include "base/size.h"
#include "base/text.h"
#include "data/table/number.h"
#include "data/table/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 65536 /* categories of a column that are counted */

/* A field of a row of cells. */
union table_cell {
    float number;  /* value - offset, NaN if it is missing */
    uint32_t word; /* number of a word, WORD_NONE if it is none that is known, or CELL_MISSING */
};

/* ---- messages ---- */

static clm_status fail_at(const struct table *table, size_t column, const char *what, const char *setting,
                          struct clm_error *error)
{
    char text[LAYOUT_COLUMN_SIZE];
    return clm_fail_setting(error, CLM_ERROR_FORMAT, setting, "%s: line %zu, %s: %s", table->path,
                            table->window.line, layout_column(&table->layout, column, text), what);
}

static clm_status fail_value(const struct table *table, size_t column, const struct text_field *field,
                             const char *what, const char *setting, struct clm_error *error)
{
    char text[LAYOUT_COLUMN_SIZE], shown[SHOWN_SIZE];
    return clm_fail_setting(error, CLM_ERROR_FORMAT, setting, "%s: line %zu, %s: \"%s\" %s", table->path,
                            table->window.line, layout_column(&table->layout, column, text),
                            text_show(shown, sizeof shown, field->text, field->length), what);
}

static clm_status fail_outcome(const struct table *table, size_t column, enum field_outcome outcome,
                               struct clm_error *error)
{
    if (outcome == FIELD_NO_MEMORY)
        return clm_fail_host_memory(error, table->path, table->scanner.capacity);
    return fail_at(table, column, "a quote does not close, or text follows a closing quote", "", error);
}

static clm_status fail_count(const struct table *table, size_t fields, bool are_more, struct clm_error *error)
{
    return clm_fail_setting(
        error, CLM_ERROR_FORMAT, "delimiter",
        "%s: line %zu has %s%zu field%s, but the first row has %zu; is a field with a delimiter not quoted?",
        table->path, table->window.line, are_more ? "more than " : "", fields, fields == 1 ? "" : "s",
        table->layout.columns);
}

/* ---- one field ---- */

/* Keeps the first text of a column that has numbers, for a message. */
static void keep_odd(const struct table *table, struct table_column *column, const struct text_field *field)
{
    if (column->odd_line)
        return;
    column->odd_line = table->window.line;
    text_show(column->odd, sizeof column->odd, field->text, field->length);
}

static const char *const kind_texts[] = {
    [CLM_COLUMN_NUMBER] =
        "is no number, as the values of this column are in the training data; correct it, or say that it means a missing value",
    [CLM_COLUMN_BOOLEAN] =
        "is not true or false, as the values of this column are in the training data; correct it, or say that it means a missing value",
    [CLM_COLUMN_DATE] =
        "is no date such as 2024-01-31, as the values of this column are in the training data; correct it, or say that it means a missing value",
    [CLM_COLUMN_CATEGORY] = ""};

static void count(struct table *table, size_t column, enum field_kind kind)
{
    table->counted[table->counted_count++] = (struct counted){column, kind};
}

/* Adds the fields of a row that was read to the counts. */
static void count_row(struct table *table)
{
    for (size_t i = 0; i < table->counted_count; i++) {
        const struct counted *const counted = &table->counted[i];
        table->columns[counted->column].counts[counted->kind]++;
        table->set->missing += counted->kind == VALUE_MISSING;
    }
}

static bool kind_fits(enum field_kind kind, enum clm_column_kind column)
{
    switch (column) {
    case CLM_COLUMN_NUMBER:
        return kind == VALUE_NUMBER || kind == VALUE_BOOLEAN;
    case CLM_COLUMN_BOOLEAN:
        return kind == VALUE_BOOLEAN || kind == VALUE_NUMBER;
    case CLM_COLUMN_DATE:
        return kind == VALUE_DATE;
    default:
        return true;
    }
}

/* Reads a number, a date, or true or false. A field of another kind is an error if the kind is known; else
 * all rows are read again. */
static clm_status read_quantity(struct table *table, size_t index, const struct text_field *field, float *out,
                                struct clm_error *error)
{
    struct table_column *const column = &table->columns[index];
    const struct table_layout *const layout = &table->layout;
    double number = 0;
    if (value_is_infinite(field))
        return fail_value(table, index, field, "is infinite; replace or remove such rows", "", error);
    const enum field_kind kind = value_kind_of(field, layout->dialect.decimal, &layout->missing, &number);
    count(table, index, kind);
    *out = NAN;
    if (kind == VALUE_MISSING) {
        if (table->request->options->missing == CLM_MISSING_REFUSED)
            return fail_at(
                table, index,
                "the value is missing; fill such gaps with the mean or with zero, or remove the row",
                "missing", error);
        return CLM_OK;
    }
    if (!kind_fits(kind, column->kind)) {
        if (column->known)
            return fail_value(table, index, field, kind_texts[column->kind], "missing-words", error);
        if (kind == VALUE_TEXT)
            keep_odd(table, column, field);
        table->is_wrong = true;
        return CLM_OK;
    }
    *out = (float)(number - column->offset);
    if (kind == VALUE_NUMBER && column->offset == 0)
        (void)value_float(field, layout->dialect.decimal, out);
    if (!isfinite(*out))
        return fail_value(table, index, field, "is more than float32 can hold; scale the column", "", error);
    return CLM_OK;
}

static inline bool begins_number(char c)
{
    return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* A whole number as it is written in categories. */
static size_t whole_text(const struct text_field *field, char text[24])
{
    int64_t whole;
    return number_read_whole(field->text, field->length, &whole)
               ? (size_t)snprintf(text, 24, "%lld", (long long)whole)
               : 0;
}

static clm_status add_word(struct table *table, size_t index, const struct text_field *field, uint32_t *word,
                           struct clm_error *error)
{
    struct table_column *const column = &table->columns[index];
    char *const text = layout_utf8(field->text, field->length);
    const size_t length = text ? strlen(text) : 0;
    clm_status status = CLM_OK;
    if (!text)
        return clm_fail_host_memory(error, table->path, field->length);
    *word = vocabulary_find(&column->words, text, length);
    if (*word == WORD_NONE && column->words.count == WORDS_MOST) {
        column->has_too_many = true;
        if (column->is_asked_category)
            status = fail_value(table, index, field,
                                "is one more than 65536 categories; leave the column out", "ignore", error);
    } else if (*word == WORD_NONE) {
        *word = (uint32_t)column->words.count;
        if (!vocabulary_add(&column->words, text, length))
            status = clm_fail_host_memory(error, table->path, length);
    }
    free(text);
    return status;
}

/* Finds the category of a field, or makes a new one unless the categories are known. */
static clm_status read_word(struct table *table, size_t index, const struct text_field *field, uint32_t *word,
                            struct clm_error *error)
{
    struct table_column *const column = &table->columns[index];
    const struct table_layout *const layout = &table->layout;
    char whole[24];
    double number;
    *word = CELL_MISSING;
    if (value_is_missing(field, &layout->missing)) {
        count(table, index, VALUE_MISSING);
        if (table->request->options->missing == CLM_MISSING_REFUSED)
            return fail_at(
                table, index,
                "the value is missing; fill such gaps with the most frequent value, or remove the row",
                "missing", error);
        return CLM_OK;
    }
    struct text_field same = *field;
    enum field_kind kind = VALUE_TEXT;
    if (field->length && begins_number(*field->text)) {
        const size_t length = column->is_asked_category || column->known ? whole_text(field, whole) : 0;
        if (length)
            same = (struct text_field){.text = whole, .length = length};
        kind = value_kind_of(field, layout->dialect.decimal, &layout->missing, &number);
    }
    count(table, index, kind);
    *word = vocabulary_find(&column->words, same.text, same.length);
    if (*word != WORD_NONE)
        return CLM_OK;
    if (kind == VALUE_TEXT && !column->known)
        keep_odd(table, column, field);
    if (column->known || column->has_too_many) {
        char *const text = layout_utf8(field->text, field->length);
        *word = text ? vocabulary_find(&column->words, text, strlen(text)) : WORD_NONE;
        free(text);
        if (column->known && *word == WORD_NONE) {
            column->unknown++;
            keep_odd(table, column, field);
        }
        return CLM_OK;
    }
    return add_word(table, index, &same, word, error);
}

static clm_status read_label(struct table *table, const struct text_field *field, uint32_t *id,
                             struct clm_error *error)
{
    *id = CLM_NO_LABEL;
    if (value_is_missing(field, &table->layout.missing))
        return table->request->options->labels_optional && (table->is_guess || table->request->inputs)
                   ? CLM_OK
                   : fail_at(table, table->label,
                             "the label is missing; remove the row, or name the column of the labels",
                             "label", error);
    char *const text = layout_utf8(field->text, field->length);
    double number;
    if (!text)
        return clm_fail_host_memory(error, table->path, field->length);
    if (table->layout.dialect.decimal == ',' && value_number(field, ',', &number) && strchr(text, ','))
        *strchr(text, ',') = '.';
    const clm_status status =
        label_table_add(&table->labels, text, strlen(text), table->window.line, id, error);
    free(text);
    return status;
}

/* Reads a target, which may be missing if labels may. */
static clm_status read_target(struct table *table, size_t index, const struct text_field *field,
                              struct clm_error *error)
{
    const struct table_layout *const layout = &table->layout;
    double *const target =
        &table->set->targets[table->set->rows * table->target_count + table->columns[index].target];
    double number;
    if (value_is_missing(field, &layout->missing))
        return table->request->options->labels_optional
                   ? CLM_OK
                   : fail_at(table, index,
                             "the target is missing; remove the row, or name other columns of targets",
                             "target", error);
    if (value_is_infinite(field))
        return fail_value(table, index, field, "is infinite; replace or remove such rows", "", error);
    const enum field_kind kind = value_kind_of(field, layout->dialect.decimal, &layout->missing, &number);
    if (kind != VALUE_NUMBER && kind != VALUE_BOOLEAN)
        return fail_value(
            table, index, field,
            "is no number, and the column holds targets; correct it, name other columns of targets, or, if the column holds classes, take a loss of classes",
            "target loss", error);
    *target = number;
    return CLM_OK;
}

static clm_status read_row_weight(struct table *table, size_t index, const struct text_field *field,
                                  struct clm_error *error)
{
    float *const weight = &table->set->weights[table->set->rows];
    return value_float(field, table->layout.dialect.decimal, weight)
               ? CLM_OK
               : fail_value(table, index, field, "is no number, and the column holds the weights of rows",
                            "weight", error);
}

static clm_status read_id(struct table *table, const struct text_field *field, struct clm_error *error)
{
    char **const name = &table->set->row_names[table->set->rows];
    free(*name);
    *name = layout_utf8(field->text, field->length);
    return *name ? CLM_OK : clm_fail_host_memory(error, table->path, field->length);
}

/* ---- rows ---- */

static clm_status make_room(struct table *table, struct clm_error *error)
{
    struct set *const set = table->set;
    const size_t rows = table->capacity ? 2 * table->capacity : 64;
    size_t size = 0;
    if (set->rows < table->capacity)
        return CLM_OK;
    if (rows > UINT32_MAX || !size_mul(rows, table->cells * sizeof(union table_cell), &size))
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: more than %zu rows cannot be numbered", table->path,
                        set->rows);
    const clm_status status =
        allow_memory(set->memory, table->path, size / 2, error); /* at least half of the room will be used */
    if (status != CLM_OK)
        return status;
    if (!set_resize(set, rows) ||
        (set->row_names && !array_resize(&set->row_names, rows, sizeof *set->row_names)))
        return clm_fail_host_memory(error, table->path, size);
    for (size_t i = table->capacity; set->row_names && i < rows; i++)
        set->row_names[i] = NULL;
    table->capacity = rows;
    return CLM_OK;
}

/* ---- fast paths, which return false for fields that they do not read, and stay at them ---- */

/* True if `next` is the end of a plain field; moves *at after its delimiter. */
static inline bool end_plain(char delimiter, const char *next, const char *end, const char **at,
                             bool *ends_row)
{
    if (next == end || (*next != delimiter && *next != '\n'))
        return false;
    *ends_row = *next == '\n';
    *at = next + 1;
    return true;
}

/* Reads an unquoted number without blanks, and moves *at after its delimiter. */
static inline bool read_plain_number(char delimiter, const char **at, const char *end, float *value,
                                     bool *ends_row)
{
    const char *next = *at;
    return number_read(&next, value) && isfinite(*value) && end_plain(delimiter, next, end, at, ends_row);
}

/* Reads an unquoted word, without blanks at its ends, that an earlier row has. */
static inline bool read_plain_word(const struct table *table, const struct vocabulary *words, const char **at,
                                   const char *end, uint32_t *word, bool *ends_row)
{
    const struct dialect *const dialect = &table->layout.dialect;
    const char *const begin = *at, *next = begin;
    if ((unsigned char)*begin <= ' ' || *begin == '"' || *begin == dialect->other_quote ||
        begins_number(*begin))
        return false;
    while (*next != dialect->delimiter && (unsigned char)*next > '\r')
        next++;
    if (next == begin || (unsigned char)next[-1] <= ' ')
        return false;
    *word = vocabulary_find(words, begin, (size_t)(next - begin));
    return *word != WORD_NONE && end_plain(dialect->delimiter, next, end, at, ends_row);
}

/* The columns that fast paths may read. Blanks that follow each other delimit only once, and words for
 * missing values may be numbers. */
static bool is_plain(const struct table *table, const struct table_column *column)
{
    return column->role == ROLE_INPUT && column->offset == 0 && !table->layout.missing.list &&
           (column->kind == CLM_COLUMN_NUMBER || (column->kind == CLM_COLUMN_CATEGORY && !column->known)) &&
           table->layout.dialect.decimal == '.' && table->layout.dialect.delimiter != ' ';
}

static inline bool read_plain(const struct table *table, const struct table_column *column, const char **at,
                              const char *end, union table_cell *row, bool *ends_row)
{
    union table_cell *const cell = &row[column->cell];
    return column->is_plain &&
           (column->kind == CLM_COLUMN_NUMBER
                ? read_plain_number(table->layout.dialect.delimiter, at, end, &cell->number, ends_row)
                : read_plain_word(table, &column->words, at, end, &cell->word, ends_row));
}

static clm_status read_field(struct table *table, size_t index, const struct text_field *field,
                             union table_cell *row, struct clm_error *error)
{
    struct table_column *const column = &table->columns[index];
    switch (column->role) {
    case ROLE_LABEL:
        return read_label(table, field, &table->set->labels[table->set->rows], error);
    case ROLE_TARGET:
        return read_target(table, index, field, error);
    case ROLE_ID:
        return read_id(table, field, error);
    case ROLE_WEIGHT:
        return read_row_weight(table, index, field, error);
    case ROLE_INPUT:
        if (column->kind == CLM_COLUMN_CATEGORY)
            return read_word(table, index, field, &row[column->cell].word, error);
        return read_quantity(table, index, field, &row[column->cell].number, error);
    default:
        return CLM_OK;
    }
}

enum outcome { ROW_READ, ROW_BLANK, ROW_INCOMPLETE, ROW_COMMENT };

/* A row with another number of fields than the first. A line that begins with # is a comment. */
static clm_status end_short(const struct table *table, const char *begin, size_t fields, bool are_more,
                            enum outcome *outcome, struct clm_error *error)
{
    *outcome = ROW_COMMENT;
    return *begin == '#' ? CLM_OK : fail_count(table, fields, are_more, error);
}

/* Fills a sparse row with what it does not name: 0 (of dates 1970-01-01), or the first value of a list. */
static clm_status read_defaults(struct table *table, union table_cell *row, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < table->layout.columns; i++) {
        const struct table_column *const column = &table->columns[i];
        if (column->role == ROLE_INPUT && column->kind != CLM_COLUMN_CATEGORY) {
            row[column->cell].number = (float)-column->offset;
            continue;
        }
        const char *const text = table->layout.defaults[i] ? table->layout.defaults[i] : "0";
        const struct text_field field = {.text = text, .length = strlen(text)};
        status = read_field(table, i, &field, row, error);
    }
    table->counted_count = 0;
    return status;
}

/* Reads "{1 5.5, 3 red}" at *at, after the brace: indices of columns from 0, and their values. */
static clm_status read_sparse(struct table *table, const char **at, union table_cell *row,
                              enum outcome *outcome, struct clm_error *error)
{
    static const struct dialect pair = {.delimiter = ' ', .decimal = '.', .other_quote = '\''};
    const char *const end = table->window.bytes + table->window.end;
    const char *const line = line_after(*at, end);
    *outcome = ROW_INCOMPLETE;
    if (line == end && !table->window.is_last)
        return CLM_OK;
    clm_status status = read_defaults(table, row, error);
    *outcome = ROW_READ;
    const char *next = *at + strspn(*at, " \t");
    for (size_t used = 0; status == CLM_OK && *next != '}'; used++) {
        char *after;
        const size_t index = strtoull(next, &after, 10);
        const bool is_index =
            after > next && (*after == ' ' || *after == '\t') && used < table->layout.columns;
        struct field_scanner scanner = {.dialect = &pair};
        struct text_field field;
        if (!is_index || index >= table->layout.columns)
            return fail_at(table, size_min(index, table->layout.columns - 1),
                           "a sparse row is not written as {INDEX VALUE, INDEX VALUE}", "", error);
        next = after + strspn(after, " \t");
        const size_t length = *next == '\'' || *next == '"' ? 0 : strcspn(next, ",}\r\n");
        if (length) {
            field = (struct text_field){.text = next, .length = length};
            next += length;
            while (field.length &&
                   (field.text[field.length - 1] == ' ' || field.text[field.length - 1] == '\t'))
                field.length--;
        } else if (field_scan(&scanner, &next, next + strcspn(next, ",}\r\n"), true, &field) != FIELD_DONE)
            status = fail_at(table, index, "a quote does not close", "", error);
        if (status == CLM_OK)
            status = read_field(table, index, &field, row, error);
        field_scanner_free(&scanner);
        next += strspn(next, " \t");
        if (status == CLM_OK && *next != ',' && *next != '}')
            return fail_at(table, index, "a sparse row does not end with a brace", "", error);
        next += *next == ',';
        next += strspn(next, " \t");
    }
    *at = line;
    return status;
}

/* Reads the row at *at into the set's next free row; *line_ends counts those within fields. */
static clm_status read_row(struct table *table, const char **at, size_t *line_ends, enum outcome *outcome,
                           struct clm_error *error)
{
    const struct table_layout *const layout = &table->layout;
    const char *const begin = *at, *const end = table->window.bytes + table->window.end;
    union table_cell *const row = (union table_cell *)table->set->values + table->set->rows * table->cells;
    const size_t fields = layout->columns + layout->has_trailing;
    bool ends_row = false;
    table->set->labels[table->set->rows] = CLM_NO_LABEL;
    for (size_t t = 0; t < table->target_count; t++)
        table->set->targets[table->set->rows * table->target_count + t] = NAN;
    table->counted_count = 0;
    if (layout->is_arff && *begin == '{') {
        ++*at;
        return read_sparse(table, at, row, outcome, error);
    }
    for (size_t i = 0; i < fields; i++) {
        struct table_column *const column = i < layout->columns ? &table->columns[i] : NULL;
        struct text_field field;
        if (ends_row && !column) /* this row has no delimiter at its end */
            break;
        if (column && read_plain(table, column, at, end, row, &ends_row)) {
            if (ends_row && i + 1 < layout->columns)
                return end_short(table, begin, i + 1, false, outcome, error);
            continue;
        }
        const enum field_outcome scanned =
            field_scan(&table->scanner, at, end, table->window.is_last, &field);
        if (scanned == FIELD_INCOMPLETE) {
            *outcome = ROW_INCOMPLETE;
            return CLM_OK;
        }
        if (scanned != FIELD_DONE)
            return fail_outcome(table, i, scanned, error);
        ends_row = field.ends_row;
        *line_ends += field.line_ends;
        if (field_is_blank_line(&field, i)) {
            *outcome = ROW_BLANK;
            return CLM_OK;
        }
        if (ends_row && i + 1 < layout->columns)
            return end_short(table, begin, i + 1, false, outcome, error);
        if (!column && (field.length || !ends_row))
            return end_short(table, begin, layout->columns, true, outcome, error);
        const clm_status status = column ? read_field(table, i, &field, row, error) : CLM_OK;
        if (status != CLM_OK)
            return status;
    }
    *outcome = ROW_READ;
    return ends_row ? CLM_OK : end_short(table, begin, fields, true, outcome, error);
}

/* Reads the row or the comments at the beginning of the window, and moves it. */
static clm_status read_next(struct table *table, enum outcome *outcome, struct clm_error *error)
{
    struct text_window *const window = &table->window;
    const char *const begin = window->bytes + window->begin, *const end = window->bytes + window->end;
    const char *at = begin;
    size_t line_ends = 0;
    if (table->layout.dialect.comment && *begin == table->layout.dialect.comment) {
        *outcome = memchr(begin, '\n', window->end - window->begin) || window->is_last ? ROW_COMMENT
                                                                                       : ROW_INCOMPLETE;
    } else {
        const clm_status status = read_row(table, &at, &line_ends, outcome, error);
        if (status != CLM_OK)
            return status;
        if (*outcome == ROW_COMMENT && !window->is_last && !memchr(begin, '\n', (size_t)(end - begin)))
            *outcome = ROW_INCOMPLETE;
    }
    if (*outcome == ROW_READ)
        count_row(table);
    if (*outcome == ROW_INCOMPLETE)
        return CLM_OK;
    if (*outcome == ROW_COMMENT) {
        at = line_after(begin, end);
        line_ends = 0;
    }
    window->begin = (size_t)(at - window->bytes);
    window->line += 1 + line_ends;
    table->set->rows += *outcome == ROW_READ;
    return CLM_OK;
}

static clm_status read_rows(struct table *table, struct clm_error *error)
{
    struct text_window *const window = &table->window;
    clm_status status;
    while (window->begin < window->end || !window->is_last) {
        enum outcome outcome = ROW_INCOMPLETE;
        if ((status = make_room(table, error)) ||
            (window->begin < window->end && (status = read_next(table, &outcome, error))) ||
            (outcome == ROW_INCOMPLETE && (status = text_window_more(window, error))))
            return status;
    }
    if (!table->set->rows)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: is an empty set: there is no row%s", table->path,
                        table->layout.names ? " after the header" : "");
    return CLM_OK;
}

/* ---- passes ---- */

/* What a pass has read, before another one begins. */
static void forget_rows(struct table *table)
{
    struct set *const set = table->set;
    for (size_t i = 0; set->row_names && i < table->capacity; i++)
        free(set->row_names[i]);
    free(set->row_names);
    free(set->weights);
    free(set->targets);
    free(set->values);
    free(set->labels);
    set->row_names = NULL;
    set->weights = NULL;
    set->targets = NULL;
    set->values = NULL;
    set->labels = NULL;
    set->rows = set->missing = table->capacity = 0;
    label_table_free(&table->labels);
    table->labels = (struct label_table){.path = table->path, .unit = "line", .may_be_text = true};
    for (size_t i = 0; table->columns && i < table->layout.columns; i++)
        vocabulary_free(&table->columns[i].words);
}

static void forget_columns(struct table *table)
{
    forget_rows(table);
    free(table->columns);
    free(table->counted);
    table->columns = NULL;
    table->counted = NULL;
    field_scanner_free(&table->scanner);
    layout_free(&table->layout);
    text_window_close(&table->window);
}

/* Opens the file and finds its layout; the window is then at the first row. */
static clm_status open_rows(struct table *table, struct clm_error *error)
{
    const struct clm_data_options *const options = table->request->options;
    clm_status status;
    field_scanner_free(&table->scanner);
    layout_free(&table->layout);
    text_window_close(&table->window);
    if ((status = text_window_open(table->path, &table->window, error)) ||
        (status = layout_find(&table->window, options, table->request->inputs, &table->layout, error)))
        return status;
    table->scanner.dialect = &table->layout.dialect;
    return CLM_OK;
}

/* Categories that are known get their numbers as words. */
static bool know_words(struct table_column *column)
{
    for (size_t i = 0; column->known && i < column->known->category_count; i++) {
        const char *const name = column->known->categories[i];
        if (!vocabulary_add(&column->words, name, strlen(name)))
            return false;
    }
    return true;
}

/* The columns and what they are read as. */
static clm_status open_columns(struct table *table, struct clm_error *error)
{
    clm_status status = open_rows(table, error);
    if (status != CLM_OK)
        return status;
    table->columns = calloc(table->layout.columns, sizeof *table->columns);
    table->counted = calloc(table->layout.columns, sizeof *table->counted);
    if (!table->columns || !table->counted)
        return clm_fail_host_memory(error, table->path, table->layout.columns * sizeof *table->columns);
    table->is_guess = false;
    for (size_t i = 0; table->layout.is_arff && i < table->layout.columns; i++)
        table->columns[i].is_asked_category = table->layout.defaults[i] != NULL;
    status = table_find_roles(table, error);
    return status == CLM_OK ? table_guess_kinds(table, error) : status;
}

/* Reads all rows as the columns are now thought to be. */
static clm_status read_pass(struct table *table, struct clm_error *error)
{
    bool has_id = false, has_weight = false;
    table->is_wrong = false;
    forget_rows(table);
    table->set->features = table->cells;
    table->set->target_count = table->target_count;
    for (size_t i = 0; i < table->layout.columns; i++) {
        struct table_column *const column = &table->columns[i];
        memset(column->counts, 0, sizeof column->counts);
        column->has_too_many = false;
        column->odd_line = column->unknown = 0;
        column->is_plain = is_plain(table, column);
        has_id = has_id || column->role == ROLE_ID;
        has_weight = has_weight || column->role == ROLE_WEIGHT;
        if (!know_words(column))
            return clm_fail_host_memory(error, table->path, 1);
    }
    if ((has_id && !(table->set->row_names = malloc(sizeof *table->set->row_names))) ||
        (has_weight && !(table->set->weights = malloc(sizeof *table->set->weights))) ||
        (table->target_count &&
         !(table->set->targets = calloc(table->target_count, sizeof *table->set->targets))))
        return clm_fail_host_memory(error, table->path, 1);
    const clm_status status = read_rows(table, error);
    for (size_t i = 0; status == CLM_OK && i < table->layout.columns; i++) {
        struct table_column *const column = &table->columns[i];
        /* what fast paths read is counted here */
        if (column->is_plain) {
            size_t *const plain =
                &column->counts[column->kind == CLM_COLUMN_NUMBER ? VALUE_NUMBER : VALUE_TEXT];
            size_t others = 0;
            for (size_t k = 0; k <= VALUE_TEXT; k++)
                others += &column->counts[k] != plain ? column->counts[k] : 0;
            *plain = table->set->rows - others;
        }
    }
    return status;
}

/* Says which columns have categories that the training data did not have. */
static void tell_unknown(const struct table *table)
{
    char text[LAYOUT_COLUMN_SIZE];
    for (size_t i = 0; i < table->layout.columns; i++) {
        const struct table_column *const column = &table->columns[i];
        if (column->unknown)
            data_note(
                table->request->options, "",
                "%s: %s: %zu of %zu rows have a category that the training data did not have (the first in line %zu: \"%s\"); their inputs of this column are all 0",
                table->path, layout_column(&table->layout, i, text), column->unknown, table->set->rows,
                column->odd_line, column->odd);
    }
}

/* Reads the rows, and again if the first rows did not tell what the columns are. */
static clm_status read_settled(struct table *table, struct clm_error *error)
{
    clm_status status = read_pass(table, error);
    if (status == CLM_OK)
        table_settle_kinds(table);
    if (status == CLM_OK && table->is_wrong && (status = open_rows(table, error)) == CLM_OK)
        status = read_pass(table, error);
    if (status == CLM_OK)
        tell_unknown(table);
    return status == CLM_OK ? table_check_kinds(table, error) : status;
}

/* ---- the table ---- */

/* Fails if the column of labels, which the options do not name, holds none. */
static clm_status check_guess(struct table *table, struct clm_error *error)
{
    char text[LAYOUT_COLUMN_SIZE];
    if (table->request->options->label || table->request->classes || table->label == table->layout.columns)
        return CLM_OK;
    if (!table->is_guess)
        return label_table_check_numbers(&table->labels, error);
    return label_table_check_guess(&table->labels, layout_column(&table->layout, table->label, text),
                                   table->set->rows, error);
}

static clm_status read_columns(struct table *table, struct contents *out, struct clm_error *error)
{
    struct clm_error guess;
    clm_status status = open_columns(table, error);
    if (status == CLM_OK)
        status = read_settled(table, error);
    if (status != CLM_OK)
        return status;
    status = check_guess(table, &guess);
    if (status == CLM_OK)
        return table_encode(table, out, error);
    if (status != CLM_ERROR_FORMAT || !table->request->options->labels_optional) {
        if (error)
            *error = guess;
        return status;
    }
    data_note(table->request->options, guess.setting, "%s", guess.message);
    forget_columns(table);
    table->has_no_label = true;
    status = open_columns(table, error);
    if (status == CLM_OK)
        status = read_settled(table, error);
    return status == CLM_OK ? table_encode(table, out, error) : status;
}

clm_status table_read(const char *path, const struct request *request, struct contents *out,
                      struct clm_error *error)
{
    struct table table = {.path = path, .request = request, .set = &out->train};
    out->train.element = ELEMENT_FLOAT;
    out->train.labels_path = strdup(path);
    const clm_status status = out->train.labels_path ? read_columns(&table, out, error)
                                                     : clm_fail_host_memory(error, path, strlen(path) + 1);
    if (status != CLM_OK)
        forget_rows(&table);
    else {
        /* the set keeps its rows */
        for (size_t r = table.set->rows; table.set->row_names && r < table.capacity; r++)
            free(table.set->row_names[r]);
        label_table_free(&table.labels);
        for (size_t i = 0; i < table.layout.columns; i++)
            vocabulary_free(&table.columns[i].words);
    }
    free(table.columns);
    free(table.counted);
    field_scanner_free(&table.scanner);
    layout_free(&table.layout);
    text_window_close(&table.window);
    return status;
}
