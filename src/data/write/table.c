/* Writes text with one row a line: CSV with a header, and LIBSVM. Floats have nine digits, which give the
 * same bits when they are read. */
#include "base/size.h"
#include "data/files/output.h"
#include "data/table/label_table.h"
#include "data/table/value.h"
#include "data/write/writer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_SIZE 32 /* bytes of a value and its index */

/* ---- names ---- */

/* A field of CSV, with quotes unless it is a plain word. The caller frees it; NULL if there is no memory. */
static char *csv_field(const char *text)
{
    const size_t length = strlen(text);
    char *const field = malloc(2 * length + 3), *end = field;
    bool is_plain = length > 0;
    for (const char *c = text; *c; c++)
        is_plain = is_plain && (isalnum((unsigned char)*c) || *c == '_' || *c == '-' || *c == '.');
    if (!field)
        return NULL;
    if (is_plain)
        return memcpy(field, text, length + 1);
    *end++ = '"';
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            *end++ = '"';
        *end++ = *c;
    }
    memcpy(end, "\"", 2);
    return field;
}

/* Are the classes the same, with the same numbers, when their names are read as labels? */
static bool are_labels(const struct clm_data *data)
{
    const struct missing_words missing = {NULL};
    const struct request request = {.options = NULL};
    struct contents read = {.classes = 0};
    struct label_table table = {.path = data->source, .unit = "class"};
    bool are = true;
    for (size_t c = 0; are && c < data->classes; c++) {
        const struct text_field name = {.text = data->class_names[c], .length = strlen(data->class_names[c])};
        uint32_t id;
        are = !value_is_missing(&name, &missing) &&
              label_table_add(&table, name.text, name.length, c, &id, NULL) == CLM_OK && id == c;
    }
    are = are && label_table_finish(&table, &request, NULL, 0, &read, NULL) == CLM_OK &&
          read.classes == data->classes;
    for (size_t c = 0; are && c < data->classes; c++)
        are = !strcmp(read.class_names[c], data->class_names[c]);
    contents_free(&read);
    label_table_free(&table);
    return are;
}

/* What is written as the label of each class. */
struct label_texts {
    char **texts; /* (classes) */
    size_t count, longest;
};

static void label_texts_free(struct label_texts *labels)
{
    for (size_t c = 0; labels->texts && c < labels->count; c++)
        free(labels->texts[c]);
    free(labels->texts);
}

static clm_status label_texts_make(const struct clm_data *data, bool has_names, struct label_texts *out,
                                   struct clm_error *error)
{
    *out = (struct label_texts){.texts = calloc(data->classes, sizeof *out->texts), .count = data->classes};
    bool is_whole = out->texts != NULL;
    for (size_t c = 0; is_whole && c < data->classes; c++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", c);
        out->texts[c] = csv_field(has_names ? data->class_names[c] : number);
        is_whole = out->texts[c] != NULL;
        out->longest = is_whole ? size_max(out->longest, strlen(out->texts[c])) : 0;
    }
    if (!is_whole)
        label_texts_free(out);
    return is_whole ? CLM_OK : clm_fail_host_memory(error, data->source, data->classes * sizeof(char *));
}

/* The name of a feature's column: that of the table which was read, or `heading` and its number. */
static clm_status write_name(struct output *output, const struct clm_data *data, size_t feature,
                             const char *heading, struct clm_error *error)
{
    if (!data->inputs || !data->inputs->column_count)
        return output_print(output, error, ",%s%zu", heading, feature);
    char *const name = feature_name(data->inputs, feature), *const field = name ? csv_field(name) : NULL;
    clm_status status = field ? output_write(output, ",", 1, error)
                              : clm_fail_host_memory(error, data->source, COLUMN_TEXT_SIZE);
    if (status == CLM_OK)
        status = output_write(output, field, strlen(field), error);
    free(name);
    free(field);
    return status;
}

/* ---- rows ---- */

/* Appends value i of a row to `end`, which has room for VALUE_SIZE bytes. */
static char *append_value(char *end, const struct clm_data *data, const void *row, size_t i)
{
    if (data->element == ELEMENT_FLOAT) {
        const double offset = feature_offset(data->inputs, i), value = (double)((const float *)row)[i];
        return end + snprintf(end, VALUE_SIZE, offset != 0 ? "%.15g" : "%.9g", value + offset);
    }
    const unsigned value = ((const unsigned char *)row)[i];
    if (value >= 100)
        *end++ = (char)('0' + value / 100);
    if (value >= 10)
        *end++ = (char)('0' + value / 10 % 10);
    *end++ = (char)('0' + value % 10);
    return end;
}

static bool is_zero(const struct clm_data *data, const void *row, size_t i)
{
    return data->element == ELEMENT_BYTE
               ? !((const unsigned char *)row)[i]
               : (double)((const float *)row)[i] + feature_offset(data->inputs, i) == 0;
}

/* Writes a row of CSV, or of LIBSVM (is_sparse). That leaves out zeros, except for the last feature of the
 * first row: readers take the largest index as the number of features. */
static char *write_row(char *end, const struct clm_data *data, const struct rows *rows, size_t row,
                       const struct label_texts *labels, bool is_sparse)
{
    const void *values = data_row(data, rows, row);
    end = stpcpy(end, labels->texts[rows->labels[row]]);
    for (size_t i = 0; i < data->features; i++) {
        if (is_sparse && is_zero(data, values, i) && (row || i + 1 < data->features))
            continue;
        if (is_sparse)
            end += snprintf(end, VALUE_SIZE, " %zu:", i + 1);
        else
            *end++ = ',';
        end = append_value(end, data, values, i);
    }
    return end;
}

static clm_status write_lines(const struct clm_data *data, const struct rows *rows,
                              const struct label_texts *labels, bool is_sparse, struct output *output,
                              struct clm_error *error)
{
    const size_t room = (data->features + 2) * 2 * VALUE_SIZE + labels->longest;
    char *const line = malloc(room);
    clm_status status = line ? CLM_OK : clm_fail_host_memory(error, data->source, room);
    for (size_t r = 0; status == CLM_OK && r < rows->count; r++) {
        char *end = write_row(line, data, rows, r, labels, is_sparse);
        *end++ = '\n';
        status = output_write(output, line, (size_t)(end - line), error);
    }
    free(line);
    return status;
}

/* Writes CSV, or LIBSVM if there is no heading. */
static clm_status write_table(const struct clm_data *data, enum clm_part part, const char *heading,
                              const char *path, struct clm_error *error)
{
    struct output *output = NULL;
    struct label_texts labels;
    clm_status status =
        label_texts_make(data, heading && data->class_names && are_labels(data), &labels, error);
    if (status != CLM_OK)
        return status;
    status = output_open(path, false, &output, error);
    if (status == CLM_OK && heading)
        status = output_print(output, error, "label");
    for (size_t i = 0; status == CLM_OK && heading && i < data->features; i++)
        status = write_name(output, data, i, heading, error);
    if (status == CLM_OK && heading)
        status = output_print(output, error, "\n");
    if (status == CLM_OK)
        status = write_lines(data, data_part(data, part), &labels, !heading, output, error);
    label_texts_free(&labels);
    return output_end(output, status, error);
}

static clm_status write_csv(const struct clm_data *data, const char *path,
                            const struct clm_data_write_options *options, struct clm_error *error)
{
    return write_table(data, options->part, data->height ? "pixel" : "feature", path, error);
}

static clm_status write_libsvm(const struct clm_data *data, const char *path,
                               const struct clm_data_write_options *options, struct clm_error *error)
{
    return write_table(data, options->part, NULL, path, error);
}

const struct writer csv_writer = {
    .name = "csv", .is_of_one_part = true, .keeps_names = are_labels, .write = write_csv};
const struct writer libsvm_writer = {.name = "libsvm", .is_of_one_part = true, .write = write_libsvm};
