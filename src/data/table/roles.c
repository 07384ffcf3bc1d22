/* Which columns of a table are inputs, which holds the labels, and which are left out. */
#include "data/table/table.h"

#include "base/size.h"
#include "base/text.h"
#include "data/table/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIST_SIZE 512 /* of names in a message */

/* ---- names ---- */

static const char *column_name(const struct table *table, size_t column)
{
    return table->layout.names ? table->layout.names[column] : "";
}

/* Adds a name to a list in a message; "..." if it is full. */
static void list_name(char list[LIST_SIZE], size_t *used, const char *name)
{
    char shown[SHOWN_SIZE];
    text_show(shown, sizeof shown, name, strlen(name));
    if (*used + strlen(shown) + 8 < LIST_SIZE)
        *used += (size_t)snprintf(list + *used, LIST_SIZE - *used, "%s%s", *used ? ", " : "", shown);
    else if (*used && list[*used - 1] != '.')
        *used += (size_t)snprintf(list + *used, LIST_SIZE - *used, ", ...");
}

static clm_status fail_unknown_column(const struct table *table, const char *name, const char *setting,
                                      struct clm_error *error)
{
    const size_t columns = table->layout.columns;
    char shown[SHOWN_SIZE], like[SHOWN_SIZE], list[LIST_SIZE] = "";
    const char **names = table->layout.names ? calloc(columns + 1, sizeof *names) : NULL;
    size_t used = 0;
    for (size_t i = 0; names && i < columns; i++)
        list_name(list, &used, names[i] = table->layout.names[i]);
    const char *const meant = names ? clm_nearest_name(name, names) : NULL;
    free(names);
    text_show(shown, sizeof shown, name, strlen(name));
    if (meant)
        text_show(like, sizeof like, meant, strlen(meant));
    if (!table->layout.names)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, setting,
            "%s: its columns have no names, so there is no column %s; name it by its index, from 0 to %zu, or say that the first line holds names",
            table->path, shown, columns - 1);
    return clm_fail_setting(
        error, CLM_ERROR_FORMAT, setting, "%s: no column is called %s%s%s%s columns are %s", table->path,
        shown, meant ? "; did you mean " : "; its", meant ? like : "", meant ? "? Its" : "", list);
}

/* Finds the column `name`, or the one with that index: from 0, or negative from the end. *count is how many
 * columns have the name; *column is the first. */
static clm_status find_column(const struct table *table, const char *name, const char *setting,
                              size_t *column, size_t *count, struct clm_error *error)
{
    const int64_t columns = (int64_t)table->layout.columns;
    int64_t index;
    *count = 0;
    for (size_t i = table->layout.columns; i-- > 0 && table->layout.names;)
        if (!strcmp(column_name(table, i), name)) {
            *column = i;
            ++*count;
        }
    if (*count)
        return CLM_OK;
    if (!number_read_whole(name, strlen(name), &index))
        return fail_unknown_column(table, name, setting, error);
    if (index >= columns || index < -columns)
        return clm_fail_setting(error, CLM_ERROR_FORMAT, setting,
                                "%s: has %zu columns (0 to %zu, or -1 for the last), but no column %.60s",
                                table->path, table->layout.columns, table->layout.columns - 1, name);
    *column = (size_t)(index < 0 ? index + columns : index);
    *count = 1;
    return CLM_OK;
}

/* A column that must be the only one of its name. */
static clm_status find_one(const struct table *table, const char *name, const char *setting, size_t *column,
                           struct clm_error *error)
{
    size_t count;
    char shown[SHOWN_SIZE];
    const clm_status status = find_column(table, name, setting, column, &count, error);
    if (status != CLM_OK || count == 1)
        return status;
    return clm_fail_setting(error, CLM_ERROR_FORMAT, setting,
                            "%s: %zu columns are called %s; name the one by its index, counted from 0",
                            table->path, count, text_show(shown, sizeof shown, name, strlen(name)));
}

/* Calls `mark` for each column that the list "a,b,c" names. Names with commas are quoted as in a CSV. A name
 * stands for all columns that have it. */
static clm_status for_listed(struct table *table, const char *list, const char *setting,
                             void (*mark)(struct table *table, struct table_column *column),
                             struct clm_error *error)
{
    const struct dialect dialect = {.delimiter = ',', .decimal = '.'};
    struct field_scanner scanner = {.dialect = &dialect};
    struct text_field field = {0};
    const char *at = list, *const end = list ? list + strlen(list) : NULL;
    clm_status status = CLM_OK;
    while (list && status == CLM_OK && !field.ends_row) {
        size_t column, count;
        if (field_scan(&scanner, &at, end, true, &field) != FIELD_DONE) {
            status = clm_fail_setting(error, CLM_ERROR_ARGUMENT, setting,
                                      "the list of columns %.100s has a quote that does not close", list);
            break;
        }
        char *const name = strndup(field.text, field.length);
        if (!name) {
            status = clm_fail_host_memory(error, table->path, field.length);
            break;
        }
        status = find_column(table, name, setting, &column, &count, error);
        for (size_t i = 0; status == CLM_OK && i < table->layout.columns; i++)
            if (i == column || (count > 1 && !strcmp(column_name(table, i), name)))
                mark(table, &table->columns[i]);
        free(name);
    }
    field_scanner_free(&scanner);
    return status;
}

static void mark_input(struct table *table, struct table_column *column)
{
    (void)table;
    column->role = ROLE_INPUT;
}

static void mark_none(struct table *table, struct table_column *column)
{
    (void)table;
    column->role = ROLE_NONE;
}

static void mark_category(struct table *table, struct table_column *column)
{
    (void)table;
    column->is_asked_category = true;
}

/* Targets have the order of the list that names them. */
static void mark_target(struct table *table, struct table_column *column)
{
    if (column->role == ROLE_TARGET)
        return;
    column->role = ROLE_TARGET;
    column->target = table->target_count++;
}

/* ---- decided by the file ---- */

/* Takes the first of the usual names that a column has, or else the last column that is an input. */
static void guess_label(struct table *table)
{
    for (size_t n = 0; n < LABEL_NAMES; n++)
        for (size_t i = 0; i < table->layout.columns; i++)
            if (table->columns[i].role == ROLE_INPUT && !strcasecmp(column_name(table, i), label_names[n])) {
                table->label = i;
                return;
            }
    table->label = table->layout.columns;
    while (table->label > 0 && table->columns[table->label - 1].role != ROLE_INPUT)
        table->label--;
    table->label = table->label ? table->label - 1 : table->layout.columns;
    table->is_guess = true;
}

/* The first column is pandas' or R's index, which has no name, if another column is left. */
static bool has_index(const struct table *table)
{
    const char *const name = table->layout.names ? table->layout.names[0] : "data";
    return table->layout.columns > 1 && (!*name || !strcmp(name, "Unnamed: 0"));
}

static size_t count_inputs(const struct table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < table->layout.columns; i++)
        count += table->columns[i].role == ROLE_INPUT;
    return count;
}

/* Gives the column that the setting names a role that only one column has; `use` says which, as in "cannot
 * be the id". */
static clm_status take_one(struct table *table, const char *name, const char *setting, enum column_role role,
                           const char *use, struct clm_error *error)
{
    size_t index;
    const clm_status status = find_one(table, name, setting, &index, error);
    if (status != CLM_OK)
        return status;
    struct table_column *const column = &table->columns[index];
    if (column->known || column->role == ROLE_LABEL || column->role == ROLE_TARGET || column->role == ROLE_ID)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, setting,
            "%s: column %.60s is an input, the labels, a target or the id, and cannot %s too", table->path,
            name, use);
    column->role = role;
    return CLM_OK;
}

/* The columns whose values name the rows, and say how much each row counts. */
static clm_status take_id_and_weight(struct table *table, struct clm_error *error)
{
    const struct clm_data_options *const options = table->request->options;
    clm_status status = CLM_OK;
    if (options->id)
        status = take_one(table, options->id, "id", ROLE_ID, "be the id", error);
    if (status == CLM_OK && options->weight)
        status = take_one(table, options->weight, "weight", ROLE_WEIGHT, "hold weights", error);
    return status;
}

/* The targets are the columns that the options name, or else the one that would hold the labels. */
static clm_status decide_targets(struct table *table, struct clm_error *error)
{
    const char *const list = table->request->options->target;
    if (list)
        return for_listed(table, list, "target", mark_target, error);
    if (table->label < table->layout.columns)
        mark_target(table, &table->columns[table->label]);
    return CLM_OK;
}

static clm_status decide_roles(struct table *table, struct clm_error *error)
{
    const bool has_targets = request_has_targets(table->request);
    const struct clm_data_options *const options = table->request->options;
    clm_status status = CLM_OK;
    if (has_index(table))
        table->columns[0].role = ROLE_NONE;
    if ((status = for_listed(table, options->ignore, "ignore", mark_none, error)) ||
        (status = for_listed(table, options->categorical, "categorical", mark_category, error)) ||
        (status = take_id_and_weight(table, error)))
        return status;
    table->label = table->layout.columns;
    if (options->label)
        status = find_one(table, options->label, "label", &table->label, error);
    else if (!table->has_no_label && !(has_targets && options->target))
        guess_label(table);
    for (size_t i = 0; options->only && i < table->layout.columns; i++)
        if (table->columns[i].role == ROLE_INPUT)
            table->columns[i].role = ROLE_NONE;
    if (status == CLM_OK)
        status = for_listed(table, options->only, "only", mark_input, error);
    if (!options->label && options->labels_optional && count_inputs(table) == 1)
        table->label = table->layout.columns; /* the only column is what is looked at */
    if (status == CLM_OK && has_targets) {
        status = decide_targets(table, error);
        table->label = table->layout.columns;
    }
    if (status == CLM_OK && table->label < table->layout.columns)
        table->columns[table->label].role = ROLE_LABEL;
    return status;
}

/* ---- decided by the model or the training set ---- */

/* The column of the file that has the name of an input and comes as often before it as in the inputs;
 * layout.columns if there is none. */
static size_t find_same(const struct table *table, const struct clm_inputs *inputs, size_t input)
{
    const char *const name = inputs->columns[input].name;
    size_t before = 0, i = 0;
    for (size_t other = 0; other < input; other++)
        before += !strcmp(inputs->columns[other].name, name);
    for (; i < table->layout.columns; i++)
        if (!strcmp(column_name(table, i), name) && !before--)
            break;
    return i;
}

static clm_status follow_names(struct table *table, const struct clm_inputs *inputs, struct clm_error *error)
{
    char missing[LIST_SIZE] = "", extra[LIST_SIZE] = "";
    size_t used = 0, missed = 0, extras = 0, extra_used = 0;
    for (size_t i = 0; i < inputs->column_count; i++) {
        const size_t column = find_same(table, inputs, i);
        if (column < table->layout.columns) {
            table->columns[column].role = ROLE_INPUT;
            table->columns[column].known = &inputs->columns[i];
        } else {
            list_name(missing, &used, inputs->columns[i].name);
            missed++;
        }
    }
    if (missed)
        return clm_fail(
            error, CLM_ERROR_SHAPE,
            "%s: has no column %s, which %s inputs that were trained on; add %s, with names in the first line as in the training data",
            table->path, missing, missed == 1 ? "is one of the" : "are", missed == 1 ? "it" : "them");
    for (size_t i = has_index(table); i < table->layout.columns; i++)
        if (!table->columns[i].known && table->columns[i].role == ROLE_NONE) {
            list_name(extra, &extra_used, column_name(table, i));
            extras++;
        }
    if (extras)
        data_note(table->request->options, "", "%s: left out %zu column%s that %s no input of the model: %s",
                  table->path, extras, extras == 1 ? "" : "s", extras == 1 ? "is" : "are", extra);
    return CLM_OK;
}

/* Columns without names have the places that they had. The label may be missing, and so may be all that is no
 * input. */
static clm_status follow_places(struct table *table, const struct clm_inputs *inputs, struct clm_error *error)
{
    const size_t columns = table->layout.columns;
    const bool has_all = columns == inputs->file_columns,
               has_all_but_label =
                   columns + 1 == inputs->file_columns && inputs->label_place < inputs->file_columns;
    if (!has_all && !has_all_but_label && columns != inputs->column_count)
        return clm_fail(
            error, CLM_ERROR_SHAPE,
            "%s: has %zu columns without names, but the training data had %zu; give it the same columns, or names in the first line",
            table->path, columns, inputs->file_columns);
    for (size_t i = 0; i < inputs->column_count; i++) {
        const size_t place = inputs->places[i];
        const size_t column = has_all ? place : has_all_but_label ? place - (place > inputs->label_place) : i;
        table->columns[column].role = ROLE_INPUT;
        table->columns[column].known = &inputs->columns[i];
    }
    return CLM_OK;
}

static bool has_column(const struct table *table, const char *name)
{
    for (size_t i = 0; i < table->layout.columns; i++)
        if (!strcmp(column_name(table, i), name))
            return true;
    return false;
}

/* The column of a target: the one with its name, or, in a file without names, the one at its place;
 * layout.columns if there is none. */
static size_t find_target_column(const struct table *table, const struct clm_inputs *inputs, size_t target)
{
    const size_t columns = table->layout.columns, place = inputs->target_places[target];
    for (size_t i = 0; table->layout.names && i < columns; i++)
        if (!strcmp(column_name(table, i), inputs->target_names[target]))
            return i;
    return columns == inputs->file_columns && place < columns && !table->columns[place].known &&
                   !table->layout.names
               ? place
               : columns;
}

static clm_status check_target_column(const struct table *table, size_t column, struct clm_error *error)
{
    char text[LAYOUT_COLUMN_SIZE];
    if (!table->columns[column].known)
        return CLM_OK;
    return clm_fail_setting(error, CLM_ERROR_FORMAT, "target",
                            "%s: %s is an input that was trained on, and cannot be a target", table->path,
                            layout_column(&table->layout, column, text));
}

/* Finds the targets of the training data: the columns that the options name, in the same order, or those that
 * find_target_column finds. They may be missing if labels may. */
static clm_status follow_targets(struct table *table, const struct clm_inputs *inputs,
                                 struct clm_error *error)
{
    const struct clm_data_options *const options = table->request->options;
    const size_t columns = table->layout.columns, count = inputs->target_count;
    char missing[LIST_SIZE] = "";
    size_t used = 0;
    clm_status status = CLM_OK;
    if (options->target && !table->request->is_test) {
        status = for_listed(table, options->target, "target", mark_target, error);
        if (status == CLM_OK && table->target_count != count)
            status = clm_fail_setting(error, CLM_ERROR_ARGUMENT, "target",
                                      "%s: %zu columns of targets are named, but the model has %zu",
                                      table->path, table->target_count, count);
    } else
        for (size_t t = 0; t < count; t++) {
            const size_t column = find_target_column(table, inputs, t);
            if (column == columns) {
                list_name(missing, &used, inputs->target_names[t]);
                continue;
            }
            table->columns[column].role = ROLE_TARGET;
            table->columns[column].target = t;
        }
    table->target_count = count;
    if (status == CLM_OK && used && !options->labels_optional)
        status = clm_fail_setting(
            error, CLM_ERROR_FORMAT, "target",
            "%s: has no column %s, which is what the model predicts; name the columns of the targets, or predict, which needs none",
            table->path, missing);
    for (size_t i = 0; status == CLM_OK && i < columns; i++)
        if (table->columns[i].role == ROLE_TARGET)
            status = check_target_column(table, i, error);
    return status;
}

/* Finds the labels: where the options say, by the name, or at the place that they had. */
static clm_status follow_label(struct table *table, const struct clm_inputs *inputs, bool has_names,
                               struct clm_error *error)
{
    const struct clm_data_options *const options = table->request->options;
    const size_t columns = table->layout.columns;
    char text[LAYOUT_COLUMN_SIZE];
    /* of a test set, an index would be that of the training set's column */
    const char *const name = options->label && (!table->request->is_test || has_column(table, options->label))
                                 ? options->label
                                 : inputs->label_name;
    table->label = columns;
    for (size_t i = 0; has_names && name && i < columns; i++)
        if (!strcmp(column_name(table, i), name))
            table->label = i;
    if (table->label == columns && (!has_names || !name) && columns == inputs->file_columns &&
        inputs->label_place < columns && !table->columns[inputs->label_place].known)
        table->label = inputs->label_place;
    if (table->label == columns && options->label) {
        const clm_status status = find_one(table, options->label, "label", &table->label, error);
        if (status != CLM_OK && !options->labels_optional)
            return status;
    }
    if (table->label < columns && table->columns[table->label].known)
        return clm_fail_setting(error, CLM_ERROR_FORMAT, "label",
                                "%s: %s is an input that was trained on, and cannot hold the labels",
                                table->path, layout_column(&table->layout, table->label, text));
    if (table->label < columns)
        table->columns[table->label].role = ROLE_LABEL;
    else if (!options->labels_optional)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "label",
            "%s: has no labels%s%s; name the column that holds them, or predict, which needs none",
            table->path, inputs->label_name ? ": no column is called " : "",
            inputs->label_name ? inputs->label_name : "");
    return CLM_OK;
}

static clm_status follow_roles(struct table *table, const struct clm_inputs *inputs, struct clm_error *error)
{
    bool has_names = table->layout.names != NULL;
    clm_status status;
    for (size_t i = 0; i < table->layout.columns; i++)
        table->columns[i].role = ROLE_NONE;
    for (size_t i = 0; i < inputs->column_count; i++)
        has_names = has_names && *inputs->columns[i].name;
    if (!has_names && (status = follow_places(table, inputs, error)))
        return status;
    const struct clm_data_options *const options = table->request->options;
    if (!table->request->is_test && (options->ignore || options->only || options->categorical))
        data_note(options, "ignore only categorical",
                  "%s: the columns are those that the model was trained on, whatever is asked for here",
                  table->path);
    for (size_t i = 0; has_names && i < inputs->column_count; i++) {
        const size_t column = find_same(table, inputs, i);
        if (column < table->layout.columns)
            table->columns[column].known = &inputs->columns[i];
    }
    table->label = table->layout.columns;
    status = inputs->target_count ? follow_targets(table, inputs, error)
                                  : follow_label(table, inputs, has_names, error);
    if (status != CLM_OK)
        return status;
    if ((status = take_id_and_weight(table, error)))
        return status;
    return has_names ? follow_names(table, inputs, error) : CLM_OK;
}

clm_status table_find_roles(struct table *table, struct clm_error *error)
{
    const struct clm_inputs *const inputs = table->request->inputs;
    const bool is_known = inputs && inputs->column_count;
    table->target_count = 0;
    const clm_status status = is_known ? follow_roles(table, inputs, error) : decide_roles(table, error);
    table->cells = 0;
    for (size_t i = 0; status == CLM_OK && i < table->layout.columns; i++) {
        struct table_column *const column = &table->columns[i];
        if (column->role == ROLE_INPUT)
            column->cell = table->cells++;
        if (column->known) {
            column->kind = column->known->kind;
            column->offset = column->known->offset;
        }
    }
    if (status == CLM_OK && !table->cells)
        return clm_fail_setting(error, CLM_ERROR_FORMAT, "label",
                                "%s: has no column but labels%s; name the column of the labels", table->path,
                                has_index(table) ? " and an index" : "");
    return status;
}
