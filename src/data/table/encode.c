/* What a table's columns become as inputs, and its rows as features. */
#include "data/table/table.h"

#include "base/size.h"
#include "base/text.h"
#include "base/threads.h"
#include "data/table/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CATEGORIES_MOST 256  /* that a column becomes unless the options name it */
#define ROWS_LEAST      4096 /* that a thread encodes */
#define DISTINCT_LEAST  20   /* values from which on a column may look like an identifier */

/* ---- categories ---- */

/* A word, and its value if it is a whole number. */
struct entry {
    const char *text;
    int64_t whole;
    uint32_t word;
};

static int by_whole(const void *a, const void *b)
{
    const int64_t x = ((const struct entry *)a)->whole, y = ((const struct entry *)b)->whole;
    return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->text, ((const struct entry *)b)->text);
}

/* The words in order, which the caller frees; NULL if there is no memory. */
static struct entry *sort_words(const struct vocabulary *words)
{
    struct entry *const entries = malloc(words->count * sizeof *entries + 1);
    bool are_whole = true;
    for (size_t i = 0; entries && i < words->count; i++) {
        entries[i] = (struct entry){.text = words->words[i].text, .word = (uint32_t)i};
        are_whole =
            are_whole && number_read_whole(words->words[i].text, words->words[i].length, &entries[i].whole);
    }
    if (entries)
        qsort(entries, words->count, sizeof *entries, are_whole ? by_whole : by_text);
    return entries;
}

/* Makes the categories of a column, and rank[word], which the caller frees. */
static bool make_categories(const struct vocabulary *words, struct column *column, uint32_t **rank)
{
    struct entry *const entries = sort_words(words);
    bool is_whole = entries != NULL;
    *rank = malloc(words->count * sizeof **rank + 1);
    column->categories = calloc(words->count + 1, sizeof *column->categories);
    column->category_count = column->categories ? words->count : 0;
    for (size_t i = 0; is_whole && *rank && i < column->category_count; i++) {
        (*rank)[entries[i].word] = (uint32_t)i;
        is_whole = (column->categories[i] = strdup(entries[i].text)) != NULL;
    }
    free(entries);
    return is_whole && *rank && column->category_count;
}

/* ---- columns that are left out, or should be ---- */

static const char *name_text(const struct table *table, size_t column, char text[LAYOUT_COLUMN_SIZE])
{
    return layout_column(&table->layout, column, text);
}

/* Has the column more categories than it should have without being asked? */
static bool has_too_many(const struct table *table, const struct table_column *column)
{
    const size_t words = column->words.count;
    return !column->is_asked_category && (column->has_too_many || words > CATEGORIES_MOST ||
                                          (words > DISTINCT_LEAST && 2 * words > table->set->rows));
}

/* Is the text like 31.12.2024 or 12/31/24? */
static bool is_other_date(const char *text)
{
    int day, month, year, length = 0;
    char first[2], second[2];
    return sscanf(text, "%2d%1[./-]%2d%1[./-]%4d%n", &day, first, &month, second, &year, &length) == 5 &&
           length >= 6 && *first == *second;
}

/* Decides if an input is left out, and says so. */
static bool is_dropped(const struct table *table, size_t index)
{
    const struct table_column *const column = &table->columns[index];
    const bool has_name = table->layout.names && *table->layout.names[index];
    char text[LAYOUT_COLUMN_SIZE];
    if (column->counts[VALUE_MISSING] == table->set->rows) {
        if (has_name)
            data_note(table->request->options, "", "%s: %s has no value in any row, and is left out",
                      table->path, name_text(table, index, text));
        return true;
    }
    if (column->kind != CLM_COLUMN_CATEGORY || !has_too_many(table, column))
        return false;
    if (column->words.count && is_other_date(column->words.words[0].text)) {
        data_note(
            table->request->options, "",
            "%s: %s seems to hold dates, such as %s, of which it is not known what is the day and what the month, and is left out; write them as 2024-01-31",
            table->path, name_text(table, index, text), column->words.words[0].text);
        return true;
    }
    data_note(
        table->request->options, "categorical",
        "%s: %s is text with %s%zu different values in %zu rows, too many for categories, and is left out; to make an input of each value, name it as a column of categories",
        table->path, name_text(table, index, text), column->has_too_many ? "more than " : "",
        column->words.count, table->set->rows);
    return true;
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool is_id_name(const char *name)
{
    static const char *const words[] = {"id",     "index", "key",      "no",  "nr",
                                        "number", "row",   "rownames", "uuid"};
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(name, words[i]))
            return true;
    return length > 2 && (!strcasecmp(name + length - 3, "_id") || !strcmp(name + length - 2, "Id") ||
                          !strcmp(name + length - 2, "ID"));
}

/* Does each row have its own whole number? *is_sure: and do these follow each other, or does the name say
 * that they are an identifier? */
static bool looks_like_id(const struct table *table, size_t index, bool *is_sure)
{
    const struct table_column *const column = &table->columns[index];
    const size_t rows = table->set->rows;
    const float *const cells = (const float *)table->set->values + column->cell;
    const bool has_id_name = table->layout.names && is_id_name(table->layout.names[index]);
    bool is_id = true;
    if (column->kind != CLM_COLUMN_NUMBER || column->counts[VALUE_MISSING] || rows < DISTINCT_LEAST)
        return false;
    for (size_t r = 0; is_id && r < rows; r++)
        is_id = cells[r * table->cells] == floorf(cells[r * table->cells]);
    float *const values = is_id ? malloc(rows * sizeof *values) : NULL;
    if (!values)
        return false;
    for (size_t r = 0; r < rows; r++)
        values[r] = cells[r * table->cells];
    qsort(values, rows, sizeof *values, by_value);
    for (size_t r = 1; is_id && r < rows; r++)
        is_id = values[r] > values[r - 1];
    *is_sure = is_id && (has_id_name || values[rows - 1] - values[0] == (float)(rows - 1));
    free(values);
    return is_id;
}

/* ---- inputs ---- */

/* One column becomes the next input. */
static clm_status add_input(struct table *table, size_t index, struct clm_inputs *inputs, uint32_t **rank,
                            struct clm_error *error)
{
    struct table_column *const from = &table->columns[index];
    struct column *const column = &inputs->columns[inputs->column_count];
    char text[LAYOUT_COLUMN_SIZE];
    inputs->places[inputs->column_count++] = index;
    *column = (struct column){.name = strdup(table->layout.names ? table->layout.names[index] : ""),
                              .kind = from->kind,
                              .offset = from->offset,
                              .has_indicator = from->counts[VALUE_MISSING] > 0,
                              .first = inputs->features};
    if (!column->name ||
        (column->kind == CLM_COLUMN_CATEGORY && !make_categories(&from->words, column, rank)))
        return clm_fail_host_memory(error, table->path, from->words.count * sizeof(char *));
    bool is_sure = false;
    if (looks_like_id(table, index, &is_sure))
        data_note(
            table->request->options, "ignore",
            "%s: %s holds a different whole number in each row, as an identifier does, from which nothing can be learned; %sleave it out",
            table->path, name_text(table, index, text), is_sure ? "" : "if it is one, ");
    inputs->features += column_width(column);
    return CLM_OK;
}

/* Names the targets, and says where they are. */
static clm_status name_targets(const struct table *table, struct clm_inputs *inputs, struct clm_error *error)
{
    const struct table_layout *const layout = &table->layout;
    const size_t count = table->target_count;
    char **const names = target_names_make(count);
    inputs->target_names = names;
    inputs->target_count = names ? count : 0;
    inputs->target_places = calloc(count, sizeof *inputs->target_places);
    bool is_whole = names && inputs->target_places;
    for (size_t i = 0; is_whole && i < layout->columns; i++) {
        const size_t t = table->columns[i].target;
        if (table->columns[i].role != ROLE_TARGET)
            continue;
        inputs->target_places[t] = i;
        if (count == 1)
            inputs->label_place = i; /* a file without names may leave it out */
        if (!layout->names || !*layout->names[i])
            continue;
        free(names[t]);
        is_whole = (names[t] = strdup(layout->names[i])) != NULL;
    }
    return is_whole ? CLM_OK : clm_fail_host_memory(error, table->path, count * sizeof *names);
}

/* Decides the inputs; ranks[column of the file] order the words of categories. */
static clm_status decide_inputs(struct table *table, struct clm_inputs *inputs, uint32_t **ranks,
                                struct clm_error *error)
{
    const struct table_layout *const layout = &table->layout;
    clm_status status = CLM_OK;
    inputs->element = ELEMENT_FLOAT;
    inputs->columns = calloc(layout->columns, sizeof *inputs->columns);
    inputs->places = calloc(layout->columns, sizeof *inputs->places);
    inputs->file_columns = layout->columns;
    inputs->label_place = table->label;
    if (!inputs->columns || !inputs->places)
        return clm_fail_host_memory(error, table->path, layout->columns * sizeof *inputs->columns);
    if (table->label < layout->columns && layout->names && *layout->names[table->label] &&
        !(inputs->label_name = strdup(layout->names[table->label])))
        return clm_fail_host_memory(error, table->path, strlen(layout->names[table->label]));
    if (table->target_count && (status = name_targets(table, inputs, error)))
        return status;
    const char *const words = table->request->options->missing_words;
    if (words && !(inputs->missing_words = strdup(words)))
        return clm_fail_host_memory(error, table->path, strlen(words));
    for (size_t i = 0; status == CLM_OK && i < layout->columns; i++)
        if (table->columns[i].role == ROLE_INPUT && !is_dropped(table, i))
            status = add_input(table, i, inputs, &ranks[i], error);
    if (status == CLM_OK && !inputs->column_count)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "categorical label",
            "%s: no column is left as an input; name the columns to take as categories, or another one with the labels",
            table->path);
    return status;
}

/* ---- features ---- */

/* How one column's cells become features. */
struct cell_encoding {
    const struct column *column;
    size_t cell;
    const uint32_t *rank; /* NULL: a word is its category */
};

static void encode_cell(const struct cell_encoding *step, const float *row, float *features)
{
    const struct column *const column = step->column;
    float *const out = features + column->first;
    uint32_t word;
    bool is_missing = false;
    if (column->kind != CLM_COLUMN_CATEGORY) {
        out[0] = row[step->cell];
        is_missing = isnan(out[0]);
    } else {
        memcpy(&word, row + step->cell, sizeof word);
        is_missing = word == CELL_MISSING;
        if (is_missing)
            out[0] = NAN;
        else if (word < column->category_count)
            out[step->rank ? step->rank[word] : word] = 1;
    }
    if (column->has_indicator)
        out[column_width(column) - 1] = is_missing;
}

/* Cells are features already if each column is one number. */
static bool are_features(const struct table *table, const struct clm_inputs *inputs)
{
    bool are = inputs->features == table->cells && inputs->column_count == table->cells;
    for (size_t i = 0, cell = 0; are && i < table->layout.columns; i++) {
        const struct table_column *const column = &table->columns[i];
        if (column->role != ROLE_INPUT)
            continue;
        are = column->kind != CLM_COLUMN_CATEGORY &&
              (!column->known || column->known == &inputs->columns[cell]);
        cell++;
    }
    return are;
}

/* Rows of cells, and what they become. */
struct row_encoding {
    const struct cell_encoding *steps; /* (inputs->column_count) */
    const struct clm_inputs *inputs;
    const float *cells;
    size_t cells_per_row;
    float *features;
};

static void encode_range(void *context, size_t first, size_t end)
{
    const struct row_encoding *const rows = context;
    const struct clm_inputs *const inputs = rows->inputs;
    for (size_t r = first; r < end; r++)
        for (size_t c = 0; c < inputs->column_count; c++)
            encode_cell(&rows->steps[c], rows->cells + r * rows->cells_per_row,
                        rows->features + r * inputs->features);
}

static clm_status encode_rows(struct table *table, const struct clm_inputs *inputs,
                              const struct cell_encoding *steps, struct clm_error *error)
{
    struct set *const set = table->set;
    size_t elements, bytes;
    if (!size_mul(set->rows, inputs->features, &elements) || !size_mul(elements, sizeof(float), &bytes) ||
        bytes >= host_memory())
        return clm_fail_setting(
            error, CLM_ERROR_MEMORY, "ignore",
            "%s: %zu rows of %zu features need more than this machine's memory; leave out columns with many categories",
            table->path, set->rows, inputs->features);
    const clm_status status = allow_memory(set->memory, table->path, bytes, error);
    if (status != CLM_OK)
        return status;
    float *const features = values_create(elements);
    if (!features)
        return clm_fail_host_memory(error, table->path, bytes);
    work_in_ranges(set->rows, ROWS_LEAST, encode_range,
                   &(struct row_encoding){steps, inputs, set->values, table->cells, features});
    free(set->values);
    set->values = features;
    return CLM_OK;
}

static clm_status encode_table(struct table *table, const struct clm_inputs *inputs, uint32_t *const *ranks,
                               struct clm_error *error)
{
    struct cell_encoding *const steps = calloc(inputs->column_count, sizeof *steps);
    clm_status status =
        steps ? CLM_OK : clm_fail_host_memory(error, table->path, inputs->column_count * sizeof *steps);
    size_t decided = 0;
    for (size_t i = 0; steps && i < table->layout.columns; i++) {
        const struct table_column *const from = &table->columns[i];
        const bool is_input = from->known || (decided < inputs->column_count && inputs->places[decided] == i);
        if (from->role != ROLE_INPUT || !is_input)
            continue;
        const size_t at = from->known ? (size_t)(from->known - inputs->columns) : decided++;
        steps[at] = (struct cell_encoding){&inputs->columns[at], from->cell, from->known ? NULL : ranks[i]};
    }
    if (status == CLM_OK && !are_features(table, inputs))
        status = encode_rows(table, inputs, steps, error);
    free(steps);
    table->set->features = inputs->features;
    if (status == CLM_OK)
        (void)set_resize(table->set, table->set->rows); /* frees the room after the last row */
    return status;
}

/* ---- labels ---- */

/* Says which column holds the labels, and why. */
static clm_status tell_label(const struct table *table, struct contents *out, struct clm_error *error)
{
    char text[LAYOUT_COLUMN_SIZE];
    const char *const why = table->request->options->label ? "as asked"
                            : table->is_guess              ? "the last"
                            : table->request->inputs       ? "as in training"
                                                           : "for its name";
    if (asprintf(&out->label_text, "%s, %s", name_text(table, table->label, text), why) >= 0)
        return CLM_OK;
    out->label_text = NULL;
    return clm_fail_host_memory(error, table->path, sizeof text);
}

/* Says which columns hold the targets, and why: "price, size, as asked". */
static clm_status tell_targets(const struct table *table, struct contents *out, struct clm_error *error)
{
    const struct clm_data_options *const options = table->request->options;
    const char *const why = options->target || options->label ? "as asked"
                            : table->request->inputs          ? "as in training"
                            : table->is_guess                 ? "the last"
                                                              : "for its name";
    size_t size = 0;
    FILE *const stream = open_memstream(&out->label_text, &size);
    for (size_t t = 0; stream && t < table->target_count; t++)
        fprintf(stream, "%s, ", out->inputs->target_names[t]);
    if (stream)
        fputs(why, stream);
    return text_close(stream, &out->label_text) ? CLM_OK : clm_fail_host_memory(error, table->path, size);
}

static clm_status finish_labels(struct table *table, struct contents *out, struct clm_error *error)
{
    if (table->label < table->layout.columns) {
        const clm_status status = tell_label(table, out, error);
        return status == CLM_OK ? label_table_finish(&table->labels, table->request, table->set->labels,
                                                     table->set->rows, out, error)
                                : status;
    }
    if (table->target_count)
        return tell_targets(table, out, error);
    out->classes = table->request->classes;
    if (table->request->class_names &&
        !(out->class_names = class_names_copy(table->request->class_names, out->classes)))
        return clm_fail_host_memory(error, table->path, out->classes * sizeof *out->class_names);
    return CLM_OK;
}

clm_status table_encode(struct table *table, struct contents *out, struct clm_error *error)
{
    const struct clm_inputs *const known = table->request->inputs;
    const bool is_known = known && known->column_count;
    uint32_t **const ranks = calloc(table->layout.columns, sizeof *ranks);
    clm_status status =
        ranks ? CLM_OK : clm_fail_host_memory(error, table->path, table->layout.columns * sizeof *ranks);
    if (status == CLM_OK && !(out->inputs = is_known ? inputs_share(known) : inputs_create()))
        status = clm_fail_host_memory(error, table->path, sizeof *out->inputs);
    if (status == CLM_OK && !is_known)
        status = decide_inputs(table, out->inputs, ranks, error);
    if (status == CLM_OK)
        status = encode_table(table, out->inputs, ranks, error);
    if (status == CLM_OK)
        status = finish_labels(table, out, error);
    for (size_t i = 0; ranks && i < table->layout.columns; i++)
        free(ranks[i]);
    free(ranks);
    return status;
}
