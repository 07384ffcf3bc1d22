#include "data/table/layout.h"

#include "base/text.h"
#include "data/table/arff.h"
#include "data/inputs.h"
#include "data/set.h"
#include "data/table/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNTED_ROWS 64                 /* that are split to find the delimiter */
#define GRID_ROWS    256                /* and to find the header */
#define GRID_CELLS   65536              /* but no more than so many fields */
#define SAMPLE_BYTES ((size_t)16 << 20) /* enough to find the layout, if they hold one row */

static const char delimiters[] = {'\t', ';', ',', '|', ' '};
enum { DELIMITERS = sizeof delimiters };

void layout_free(struct table_layout *layout)
{
    class_names_free(layout->names, layout->columns);
    class_names_free(layout->defaults, layout->columns);
    *layout = (struct table_layout){0};
}

const char *layout_column(const struct table_layout *layout, size_t column, char text[LAYOUT_COLUMN_SIZE])
{
    if (column >= layout->columns)
        return strcpy(text, "after the last column");
    const char *name = layout->names ? layout->names[column] : "";
    char shown[64];
    if (*name)
        snprintf(text, LAYOUT_COLUMN_SIZE, "column \"%s\"",
                 text_show(shown, sizeof shown, name, strlen(name)));
    else
        snprintf(text, LAYOUT_COLUMN_SIZE, "column %zu (counted from 0)", column);
    return text;
}

/* ---- text that is no UTF-8 ---- */

/* Code points of the bytes 0x80 to 0x9f in Windows-1252; 0 for those that have none. Source: the Unicode
 * Consortium's table CP1252.TXT. */
static const uint16_t windows_1252[32] = {0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                          0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
                                          0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                          0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

static bool is_utf8(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        char character[5] = {0};
        memcpy(character, bytes + i, length - i < 4 ? length - i : 4);
        const size_t step = bytes[i] ? utf8_length(character) : 1;
        if (!step)
            return false;
        i += step;
    }
    return true;
}

char *layout_utf8(const char *bytes, size_t length)
{
    if (is_utf8(bytes, length))
        return strndup(bytes, length);
    char *const copy = malloc(3 * length + 1), *end = copy;
    for (size_t i = 0; copy && i < length; i++) {
        const unsigned byte = (unsigned char)bytes[i];
        const bool is_windows = byte >= 0x80 && byte < 0xa0 && windows_1252[byte - 0x80];
        end = utf8_put(end, is_windows ? windows_1252[byte - 0x80] : byte);
    }
    if (copy)
        *end = '\0';
    return copy;
}

/* ---- comments ---- */

void layout_skip_comments(const struct table_layout *layout, const char **at, const char *end, size_t *lines)
{
    while (layout->dialect.comment && *at < end && **at == layout->dialect.comment) {
        *at = line_after(*at, end);
        ++*lines;
    }
}

/* ---- delimiter ---- */

/* What one delimiter makes of the first rows. */
struct count {
    size_t rows, fields[COUNTED_ROWS];
    size_t values, numbers; /* fields that are not missing, and those that are numbers */
    size_t commas, points;  /* numbers with a decimal comma, and with a point */
    size_t texts;
    bool is_broken; /* a quote stands where none may */
};

static void count_field(struct count *count, const struct text_field *field)
{
    static const struct missing_words none = {NULL};
    double unused;
    if (value_is_missing(field, &none))
        return;
    count->values++;
    if (value_number(field, '.', &unused)) {
        count->numbers++;
        count->points += memchr(field->text, '.', field->length) != NULL;
    } else if (value_number(field, ',', &unused)) {
        count->numbers++;
        count->commas++;
    } else
        count->texts++;
}

/* A blank line is no row, and neither is a last row that is cut off. */
static void take_count(char delimiter, char comment, const char *at, const char *end, bool is_last,
                       struct count *count)
{
    const struct table_layout layout = {
        .dialect = {.delimiter = delimiter, .decimal = '.', .comment = comment}};
    struct field_scanner scanner = {.dialect = &layout.dialect};
    struct text_field field;
    size_t fields = 0, lines = 0;
    *count = (struct count){0};
    while (count->rows < COUNTED_ROWS && (at < end || fields)) {
        if (!fields)
            layout_skip_comments(&layout, &at, end, &lines);
        const enum field_outcome outcome = field_scan(&scanner, &at, end, is_last, &field);
        count->is_broken = outcome == FIELD_UNBALANCED;
        if (outcome != FIELD_DONE)
            break;
        fields++;
        count_field(count, &field);
        if (!field.ends_row)
            continue;
        if (fields > 1 || field.length || field.is_quoted)
            count->fields[count->rows++] = fields;
        fields = 0;
    }
    field_scanner_free(&scanner);
}

/* All rows have the same number of fields. The first may have one less: names without one for the first
 * column, as R writes them, or without the delimiter that ends all other rows. A first row alone says little
 * if the second is broken. */
static bool is_even(const struct count *count)
{
    if (count->is_broken && count->rows < 2)
        return false;
    for (size_t i = 2; i < count->rows; i++)
        if (count->fields[i] != count->fields[1])
            return false;
    return count->rows > 0 && count->fields[count->rows > 1] > 1 &&
           (count->rows < 2 || count->fields[0] == count->fields[1] ||
            (count->rows > 2 && count->fields[0] + 1 == count->fields[1]));
}

static double share_of_numbers(const struct count *count)
{
    return count->values ? (double)count->numbers / (double)count->values : 0;
}

/* Is `a` a better split than `b`? Clearly more numbers decide, then more fields. */
static bool is_better(const struct count *a, const struct count *b)
{
    const double gain = share_of_numbers(a) - share_of_numbers(b);
    if (gain > 0.1 || gain < -0.1)
        return gain > 0;
    return a->fields[a->rows > 1] > b->fields[b->rows > 1];
}

/* Chooses among the delimiters that split all rows into the same number of fields; blanks only if no other
 * does. If there is none, chooses the delimiter that splits the first row into the most fields. SIZE_MAX if
 * no delimiter splits it. */
static size_t choose_delimiter(const struct count counts[DELIMITERS])
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < DELIMITERS; i++)
        if (is_even(&counts[i]) &&
            (best == SIZE_MAX || (delimiters[i] != ' ' && is_better(&counts[i], &counts[best]))))
            best = i;
    for (size_t i = 0; best == SIZE_MAX && i < DELIMITERS - 1; i++)
        if (counts[i].rows && counts[i].fields[0] > 1)
            best = i;
    for (size_t i = 0; best != SIZE_MAX && !is_even(&counts[best]) && i < DELIMITERS - 1; i++)
        if (counts[i].rows && counts[i].fields[0] > counts[best].fields[0])
            best = i;
    if (best == SIZE_MAX && counts[DELIMITERS - 1].rows && counts[DELIMITERS - 1].fields[0] > 1 &&
        counts[DELIMITERS - 1].numbers)
        best = DELIMITERS - 1;
    return best;
}

static char comment_of(const char *at)
{
    return *at == '#' || *at == '%' ? *at : '\0';
}

bool layout_is_likely(const char *bytes, size_t count, bool is_whole)
{
    struct count counts[DELIMITERS];
    bool is_cut = true;
    if (count > 4 && !strncmp(bytes, "sep=", 4))
        return true;
    for (size_t i = 0; i < DELIMITERS; i++) {
        struct count *const split = &counts[i];
        take_count(delimiters[i], comment_of(bytes), bytes, bytes + count, is_whole, split);
        if (is_even(split) && (delimiters[i] != ' ' || split->numbers))
            return true;
        /* rows of different lengths with several numbers are a table with a mistake, reported when it is
         * read */
        if (split->numbers > 1 && (!split->rows || split->fields[0] > 1))
            return true;
        is_cut = is_cut && !split->rows;
    }
    /* the first row is longer than the bytes that were read */
    return is_cut && !is_whole && memchr(bytes, ',', count) != NULL;
}

/* A table of one column has no delimiter. */
static bool is_one_column(const struct count counts[DELIMITERS])
{
    const struct count *const blank = &counts[DELIMITERS - 1];
    for (size_t i = 0; i < blank->rows; i++)
        if (blank->fields[i] != 1)
            return false;
    return blank->rows > 1 && blank->numbers;
}

static clm_status find_delimiter(struct text_window *window, struct table_layout *layout,
                                 struct clm_error *error)
{
    struct count counts[DELIMITERS];
    size_t chosen = SIZE_MAX;
    for (;;) {
        const char *begin = window->bytes + window->begin, *end = window->bytes + window->end;
        bool have_rows = true;
        for (size_t i = 0; i < DELIMITERS; i++) {
            take_count(delimiters[i], layout->dialect.comment, begin, end, window->is_last, &counts[i]);
            have_rows = have_rows && counts[i].rows > 1;
        }
        chosen = choose_delimiter(counts);
        for (size_t i = 0; layout->dialect.delimiter && i < DELIMITERS; i++)
            if (delimiters[i] == layout->dialect.delimiter)
                chosen = i;
        if (window->is_last ||
            (chosen < DELIMITERS ? counts[chosen].rows > 1 || window->end - window->begin >= SAMPLE_BYTES
                                 : have_rows))
            break;
        const clm_status status = text_window_more(window, error);
        if (status != CLM_OK)
            return status;
    }
    if (chosen == SIZE_MAX && is_one_column(counts))
        chosen = 2;
    if (chosen == SIZE_MAX || !counts[chosen].rows)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "delimiter",
            "%s: %s; a table has two columns or more, separated by comma, semicolon, tab, bar or blanks",
            text_window_path(window),
            counts[0].rows && counts[1].rows && counts[2].rows
                ? "its first row has one field"
                : "it has no complete row, or a quote that does not close");
    const struct count *const count = &counts[chosen];
    layout->dialect.delimiter = delimiters[chosen];
    layout->dialect.decimal = delimiters[chosen] != ',' && count->commas && !count->points ? ',' : '.';
    layout->columns = is_even(count) ? count->fields[count->rows > 1] : count->fields[0];
    return CLM_OK;
}

/* ---- the first rows ---- */

struct grid_cell {
    char *text; /* owned */
    enum field_kind kind;
};

/* The first rows, all of `columns` cells. The first row may have fewer. */
struct grid {
    size_t rows, columns, first_columns;
    struct grid_cell *cells;
    const char *after_first; /* where the second row begins */
    size_t lines;            /* that the first row takes, with blank lines before it */
    bool has_empty_last;     /* all rows but the first end with a field without anything in it */
};

static void grid_free(struct grid *grid)
{
    for (size_t i = 0; grid->cells && i < grid->rows * grid->columns; i++)
        free(grid->cells[i].text);
    free(grid->cells);
}

static struct grid_cell *cell_of(const struct grid *grid, size_t row, size_t column)
{
    return &grid->cells[row * grid->columns + column];
}

static clm_status fail_row(const struct text_window *window, size_t line, enum field_outcome outcome,
                           struct clm_error *error)
{
    if (outcome == FIELD_NO_MEMORY)
        return clm_fail_host_memory(error, text_window_path(window), window->end - window->begin);
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: line %zu has a quote that does not close, or text after a closing quote",
                    text_window_path(window), line);
}

/* Splits the first rows. Rows with another number of fields are reported when they are read. */
static clm_status grid_take(const struct text_window *window, const struct table_layout *layout,
                            struct grid *grid, struct clm_error *error)
{
    struct field_scanner scanner = {.dialect = &layout->dialect};
    struct text_field field;
    const char *at = window->bytes + window->begin, *const end = window->bytes + window->end;
    const size_t most = GRID_CELLS / layout->columns;
    const size_t rows = most < 2 ? 2 : most > GRID_ROWS ? GRID_ROWS : most;
    clm_status status = CLM_OK;
    *grid = (struct grid){.columns = layout->columns, .has_empty_last = true};
    grid->cells = calloc(rows * layout->columns, sizeof *grid->cells);
    if (!grid->cells)
        return clm_fail_host_memory(error, text_window_path(window),
                                    rows * layout->columns * sizeof *grid->cells);
    for (size_t column = 0; grid->rows < rows && (at < end || column);) {
        size_t *const lines = &grid->lines, unused = 0;
        double number;
        if (!column)
            layout_skip_comments(layout, &at, end, grid->rows ? &unused : lines);
        const enum field_outcome outcome = field_scan(&scanner, &at, end, window->is_last, &field);
        if (outcome != FIELD_DONE && grid->rows) /* reported when the row is read, with its line number */
            break;
        if (outcome != FIELD_DONE) {
            status = fail_row(window, window->line, outcome, error);
            break;
        }
        if (!grid->rows)
            grid->lines += field.line_ends + field.ends_row;
        if (field_is_blank_line(&field, column))
            continue;
        if (column < grid->columns) {
            struct grid_cell *const cell = cell_of(grid, grid->rows, column);
            cell->kind = value_kind_of(&field, layout->dialect.decimal, &layout->missing, &number);
            cell->text = layout_utf8(field.text, field.length);
            if (!cell->text) {
                status = clm_fail_host_memory(error, text_window_path(window), field.length + 1);
                break;
            }
        }
        column++;
        if (!field.ends_row)
            continue;
        if (!grid->rows) {
            grid->first_columns = column;
            grid->after_first = at;
        } else
            grid->has_empty_last = grid->has_empty_last && !field.length && !field.is_quoted;
        grid->rows++;
        column = 0;
    }
    /* a row that was cut off leaves cells beyond `rows` */
    for (size_t i = grid->rows * grid->columns; i < rows * grid->columns; i++) {
        free(grid->cells[i].text);
        grid->cells[i].text = NULL;
    }
    for (size_t i = 0; status == CLM_OK && i < grid->rows * grid->columns; i++)
        if (!grid->cells[i].text && !(grid->cells[i].text = strdup("")))
            status = clm_fail_host_memory(error, text_window_path(window), 1);
    field_scanner_free(&scanner);
    return status;
}

/* ---- header ---- */

const char *const label_names[LABEL_NAMES] = {"label", "class", "target", "y"};

/* True if `name` is the usual name of a label column, or `label`: then the row is a header. "y" could also be
 * a label itself, so it must be over a number. */
static bool tells(const char *name, bool is_over_number, const char *label)
{
    for (size_t i = 0; i < LABEL_NAMES; i++)
        if (!strcasecmp(name, label_names[i]))
            return name[1] || is_over_number;
    return label && !strcmp(label, name);
}

/* What the rows below the first tell about its field in a column. */
struct evidence {
    enum field_kind below; /* kind of the first value that is not missing */
    bool recurs;           /* the field is a value below, too */
    bool has_repeats;      /* two values below are the same */
};

static struct evidence evidence_of(const struct grid *grid, size_t column)
{
    struct evidence evidence = {VALUE_MISSING, false, false};
    const char *const first = cell_of(grid, 0, column)->text;
    for (size_t r = 1; r < grid->rows; r++) {
        const struct grid_cell *const cell = cell_of(grid, r, column);
        if (evidence.below == VALUE_MISSING)
            evidence.below = cell->kind;
        evidence.recurs = evidence.recurs || !strcmp(cell->text, first);
        for (size_t other = 1; cell->kind == VALUE_TEXT && !evidence.has_repeats && other < r; other++)
            evidence.has_repeats = !strcmp(cell->text, cell_of(grid, other, column)->text);
    }
    return evidence;
}

/* The numbers of the first row ascend, as years or wavelengths do that are names. */
static bool numbers_ascend(const struct grid *grid)
{
    double last = -HUGE_VAL;
    for (size_t c = 0; c < grid->columns; c++) {
        const struct grid_cell *const cell = cell_of(grid, 0, c);
        if (cell->kind != VALUE_NUMBER)
            continue;
        const double number = number_as_double(cell->text);
        if (!(number > last))
            return false;
        last = number;
    }
    return true;
}

/* The first row has no name for the names of the rows, which R and pandas write in front of the others. */
static bool names_rows(const struct grid *grid)
{
    bool names = grid->columns > 1 && !*cell_of(grid, 0, 0)->text;
    for (size_t c = 1; names && c < grid->columns; c++)
        names = cell_of(grid, 0, c)->kind == VALUE_TEXT && !evidence_of(grid, c).recurs;
    for (size_t r = 1; names && r < grid->rows; r++)
        names = *cell_of(grid, r, 0)->text != '\0';
    return names && grid->rows > 1;
}

/* Decides if the first row holds names. It does in these cases:
 *   - only its first field is empty, no row below begins with an empty field, and the others are text
 *   - a field is a usual name for labels, or the name that the options give
 *   - no field is a number, and one is text over values of another kind
 *   - the fields count 0, 1, 2, …, as pandas names columns without names; the first may be empty (pandas'
 *     index), and others may be text
 *   - in a column of text the field is no value below, although values below repeat, and in no column of text
 *     it is one; fields that are numbers ascend */
static bool is_header(const struct grid *grid, const char *label)
{
    const size_t skipped = !*cell_of(grid, 0, 0)->text;
    bool has_number = false, is_over_values = false, is_count = grid->columns > 2, is_name = false,
         recurs = false;
    if (names_rows(grid))
        return true;
    for (size_t c = 0; c < grid->columns; c++) {
        const struct grid_cell *const cell = cell_of(grid, 0, c);
        const struct evidence evidence = evidence_of(grid, c);
        const bool is_over_value =
            evidence.below == VALUE_NUMBER || evidence.below == VALUE_DATE || evidence.below == VALUE_BOOLEAN;
        char number[24];
        snprintf(number, sizeof number, "%zu", c - skipped);
        if (cell->kind == VALUE_TEXT && tells(cell->text, evidence.below == VALUE_NUMBER, label))
            return true;
        has_number = has_number || cell->kind == VALUE_NUMBER || cell->kind == VALUE_DATE ||
                     cell->kind == VALUE_BOOLEAN;
        is_over_values = is_over_values || (cell->kind == VALUE_TEXT && is_over_value);
        is_count = is_count && (c < skipped || cell->kind == VALUE_TEXT || !strcmp(cell->text, number));
        if (cell->kind == VALUE_TEXT && evidence.below == VALUE_TEXT) {
            is_name = is_name || (evidence.has_repeats && !evidence.recurs);
            recurs = recurs || evidence.recurs;
        }
    }
    if (has_number)
        return is_count || (is_name && !recurs && grid->rows > 5 && numbers_ascend(grid));
    return is_over_values || (is_name && !recurs);
}

/* Takes the first row as the names. One that is missing in front is empty. */
static clm_status take_names(struct text_window *window, struct grid *grid, struct table_layout *layout,
                             struct clm_error *error)
{
    const size_t missing =
        layout->columns - (grid->first_columns < layout->columns ? grid->first_columns : layout->columns);
    layout->names = calloc(layout->columns, sizeof *layout->names);
    if (!layout->names)
        return clm_fail_host_memory(error, text_window_path(window), layout->columns * sizeof *layout->names);
    for (size_t c = 0; c < layout->columns; c++) {
        layout->names[c] = strdup(c < missing ? "" : cell_of(grid, 0, c - missing)->text);
        if (!layout->names[c])
            return clm_fail_host_memory(error, text_window_path(window), 1);
    }
    window->line += grid->lines;
    window->begin = (size_t)(grid->after_first - window->bytes);
    return CLM_OK;
}

/* Are names of columns that are known in the first row? A name that is a number could be a value. */
static bool has_known_names(const struct grid *grid, const struct clm_inputs *known)
{
    size_t found = 0;
    bool has_text = false;
    for (size_t i = 0; known && i < known->column_count; i++)
        for (size_t c = 0; c < grid->columns; c++)
            if (*known->columns[i].name && !strcmp(cell_of(grid, 0, c)->text, known->columns[i].name)) {
                has_text = has_text || cell_of(grid, 0, c)->kind == VALUE_TEXT;
                found++;
                break;
            }
    return has_text || (found && found == known->column_count);
}

static clm_status find_header(struct text_window *window, const struct clm_data_options *options,
                              const struct clm_inputs *known, struct table_layout *layout,
                              struct clm_error *error)
{
    struct grid grid = {0};
    clm_status status = grid_take(window, layout, &grid, error);
    if (status == CLM_OK && grid.rows > 1 && layout->columns > 1 && grid.has_empty_last &&
        (grid.first_columns < layout->columns || !*cell_of(&grid, 0, layout->columns - 1)->text)) {
        layout->has_trailing = true;
        layout->columns--;
    }
    if (status == CLM_OK && grid.rows &&
        (options->header == CLM_HEADER_YES ||
         (options->header == CLM_HEADER_DETECTED &&
          (grid.first_columns < layout->columns || has_known_names(&grid, known) ||
           is_header(&grid, options->label)))))
        status = take_names(window, &grid, layout, error);
    grid_free(&grid);
    return status;
}

/* ---- the beginning ---- */

/* Moves the window after a line. */
static void pass_line(struct text_window *window)
{
    const char *const begin = window->bytes + window->begin;
    window->begin = (size_t)(line_after(begin, window->bytes + window->end) - window->bytes);
    window->line++;
}

/* Excel's line "sep=;" names the delimiter. */
static void take_separator(struct text_window *window, struct table_layout *layout)
{
    const char *const at = window->bytes + window->begin;
    if (strncmp(at, "sep=", 4) || !at[4] || !(line_end_length(at + 5) || at[5] == '\0'))
        return;
    layout->dialect.delimiter = at[4];
    pass_line(window);
}

/* Passes comments at the beginning. The last one may hold the names, as numpy.savetxt writes them: then the
 * window begins with these, without the character of comments. */
static void pass_comments(struct text_window *window, struct table_layout *layout)
{
    layout->dialect.comment = comment_of(window->bytes + window->begin);
    if (!layout->dialect.comment)
        return;
    size_t last = window->begin, line = window->line;
    while (window->begin < window->end && window->bytes[window->begin] == layout->dialect.comment) {
        last = window->begin;
        line = window->line;
        pass_line(window);
    }
    const char *const begin = window->bytes + last + 1, *const end = window->bytes + window->end;
    struct count names, rows;
    for (size_t i = 0; i < DELIMITERS; i++) {
        take_count(delimiters[i], '\0', begin, window->bytes + window->begin, true, &names);
        take_count(delimiters[i], layout->dialect.comment, window->bytes + window->begin, end,
                   window->is_last, &rows);
        if (is_even(&rows) && names.rows == 1 && names.fields[0] == rows.fields[0] && names.texts) {
            window->begin = last + 1;
            window->line = line;
            layout->dialect.delimiter = delimiters[i];
            return;
        }
    }
}

static clm_status take_delimiter(const struct clm_data_options *options, struct table_layout *layout,
                                 struct clm_error *error)
{
    static const struct {
        const char *word;
        char delimiter;
    } words[] = {{"tab", '\t'}, {"\\t", '\t'},  {"comma", ','},  {"semicolon", ';'},
                 {"bar", '|'},  {"blank", ' '}, {"blanks", ' '}, {"space", ' '}};
    const char *const asked = options->delimiter;
    if (!asked)
        return CLM_OK;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(words[i].word, asked))
            layout->dialect.delimiter = words[i].delimiter;
    if (strlen(asked) == 1 && memchr(delimiters, *asked, DELIMITERS))
        layout->dialect.delimiter = *asked;
    return layout->dialect.delimiter
               ? CLM_OK
               : clm_fail_setting(
                     error, CLM_ERROR_ARGUMENT, "delimiter",
                     "a table's delimiter cannot be \"%.20s\": it is comma, semicolon, tab, bar or blank",
                     asked);
}

clm_status layout_find(struct text_window *window, const struct clm_data_options *options,
                       const struct clm_inputs *known, struct table_layout *out, struct clm_error *error)
{
    *out = (struct table_layout){
        .dialect = {.decimal = '.'},
        .missing = {options->missing_words || !known ? options->missing_words : known->missing_words}};
    if (arff_is_likely(window->bytes + window->begin, window->end - window->begin)) {
        const clm_status found = arff_find_layout(window, out, error);
        if (found != CLM_OK)
            layout_free(out);
        return found;
    }
    clm_status status = take_delimiter(options, out, error);
    if (status == CLM_OK && !options->delimiter)
        take_separator(window, out);
    if (status == CLM_OK) {
        pass_comments(window, out);
        status = find_delimiter(window, out, error);
    }
    if (status == CLM_OK)
        status = find_header(window, options, known, out, error);
    if (status != CLM_OK)
        layout_free(out);
    return status;
}
