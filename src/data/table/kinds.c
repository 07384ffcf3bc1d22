/* The kinds of a table's columns: guessed from the first rows, and settled after all were read. */
#include "data/table/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUESSED_ROWS 4096 /* that decide as what a column is read first */

/* What the first rows have in a column. */
struct seen {
    size_t counts[VALUE_TEXT + 1]; /* fields of each kind */
    struct value_range range;      /* of numbers and dates */
};

/* The kind of a column with so many fields of each kind. */
static enum clm_column_kind kind_of_counts(const size_t counts[VALUE_TEXT + 1])
{
    const bool has_dates = counts[VALUE_DATE], has_numbers = counts[VALUE_NUMBER],
               has_booleans = counts[VALUE_BOOLEAN];
    if (counts[VALUE_TEXT] || (has_dates && (has_numbers || has_booleans)))
        return CLM_COLUMN_CATEGORY;
    return has_dates                      ? CLM_COLUMN_DATE
           : has_booleans && !has_numbers ? CLM_COLUMN_BOOLEAN
                                          : CLM_COLUMN_NUMBER;
}

static void see(struct seen *seen, enum field_kind kind, double number)
{
    seen->counts[kind]++;
    if (kind == VALUE_NUMBER || kind == VALUE_DATE)
        value_range_add(&seen->range, number);
}

/* Looks at the fields of the rows that are in the window. */
static void see_window(struct table *table, struct seen *seen)
{
    const struct table_layout *const layout = &table->layout;
    const char *at = table->window.bytes + table->window.begin, *const end =
                                                                    table->window.bytes + table->window.end;
    struct text_field field;
    size_t lines = 0;
    for (size_t row = 0, column = 0; row < GUESSED_ROWS && at < end;) {
        double number = 0;
        if (!column)
            layout_skip_comments(layout, &at, end, &lines);
        if (!column && layout->is_arff && *at == '{') { /* a sparse row */
            at = line_after(at, end);
            continue;
        }
        if (at >= end || field_scan(&table->scanner, &at, end, table->window.is_last, &field) != FIELD_DONE)
            break;
        const enum field_kind kind =
            value_kind_of(&field, layout->dialect.decimal, &layout->missing, &number);
        if (column < layout->columns && table->columns[column].role == ROLE_INPUT)
            see(&seen[column], kind, number);
        column = field.ends_row ? 0 : column + 1;
        row += field.ends_row;
    }
}

clm_status table_guess_kinds(struct table *table, struct clm_error *error)
{
    const size_t columns = table->layout.columns;
    struct seen *const seen = calloc(columns, sizeof *seen);
    if (!seen)
        return clm_fail_host_memory(error, table->path, columns * sizeof *seen);
    for (size_t i = 0; i < columns; i++)
        seen[i].range = value_range_start();
    see_window(table, seen);
    for (size_t i = 0; i < columns; i++) {
        struct table_column *const column = &table->columns[i];
        if (column->role != ROLE_INPUT || column->known)
            continue;
        column->kind = column->is_asked_category ? CLM_COLUMN_CATEGORY : kind_of_counts(seen[i].counts);
        column->offset = column->kind == CLM_COLUMN_NUMBER || column->kind == CLM_COLUMN_DATE
                             ? value_range_offset(&seen[i].range)
                             : 0;
    }
    free(seen);
    return CLM_OK;
}

void table_settle_kinds(struct table *table)
{
    for (size_t i = 0; i < table->layout.columns; i++) {
        struct table_column *const column = &table->columns[i];
        const enum clm_column_kind kind = kind_of_counts(column->counts);
        if (column->role != ROLE_INPUT || column->known || column->is_asked_category || kind == column->kind)
            continue;
        column->kind = kind;
        column->offset = 0;
        table->is_wrong = true;
    }
}

/* The blemish that at least half of the texts have that are no numbers; NULL if there is none. */
static const char *common_blemish(const struct table *table, const struct table_column *column)
{
    const char *first = NULL;
    size_t texts = 0, blemished = 0;
    for (size_t i = 0; i < column->words.count; i++) {
        const struct text_field field = {.text = column->words.words[i].text,
                                         .length = column->words.words[i].length};
        double unused;
        if (value_number(&field, table->layout.dialect.decimal, &unused))
            continue;
        const char *const blemish = value_blemish(&field, table->layout.dialect.decimal);
        texts++;
        blemished += blemish != NULL;
        first = first ? first : blemish;
    }
    return 2 * blemished >= texts ? first : NULL;
}

/* A text among numbers is more likely a mistake than a category. */
static clm_status check_text(const struct table *table, size_t index, struct clm_error *error)
{
    const struct table_column *const column = &table->columns[index];
    const size_t numbers = column->counts[VALUE_NUMBER],
                 others =
                     column->counts[VALUE_TEXT] + column->counts[VALUE_BOOLEAN] + column->counts[VALUE_DATE];
    const char *const blemish = common_blemish(table, column);
    char text[LAYOUT_COLUMN_SIZE];
    layout_column(&table->layout, index, text);
    if (blemish)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "ignore categorical",
            "%s: line %zu, %s: \"%s\" is no number, as 1.5 or -2e-3 are: it %s; write it as a number, leave the column out, or take its values as categories",
            table->path, column->odd_line, text, column->odd, blemish);
    if (!numbers || numbers < others)
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_FORMAT, "missing-words ignore categorical label",
        "%s: line %zu, %s: \"%s\" is no number, as 1.5 or -2e-3 are, but %zu of the column's %zu values are numbers; correct it, say that it means a missing value, leave the column out, or take its values as categories",
        table->path, column->odd_line, text, column->odd, numbers, numbers + others);
}

clm_status table_check_kinds(const struct table *table, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < table->layout.columns; i++) {
        const struct table_column *const column = &table->columns[i];
        if (column->role == ROLE_INPUT && column->kind == CLM_COLUMN_CATEGORY && !column->known &&
            !column->is_asked_category)
            status = check_text(table, i, error);
    }
    return status;
}
