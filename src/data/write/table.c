/* Writes text with one row a line: CSV with a header, and LIBSVM. Floats have nine digits, which give the
 * same bits when they are read. */
#include "data/files/output.h"
#include "data/write/writer.h"

#include <stdio.h>
#include <stdlib.h>

#define VALUE_SIZE 32 /* bytes of a value and its index */

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
                       bool is_sparse)
{
    const void *values = data_row(data, rows, row);
    end += snprintf(end, VALUE_SIZE, "%u", rows->labels[row]);
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

/* Writes CSV whose columns are called `heading`0, `heading`1, …, or LIBSVM if there is no heading. */
static clm_status write_lines(const struct clm_data *data, enum clm_part part, const char *heading,
                              const char *path, struct clm_error *error)
{
    const struct rows *rows = data_part(data, part);
    struct output *output = NULL;
    const size_t room = (data->features + 2) * 2 * VALUE_SIZE;
    char *line = malloc(room);
    clm_status status =
        line ? output_open(path, false, &output, error) : clm_fail_host_memory(error, path, room);
    if (status == CLM_OK && heading)
        status = output_print(output, error, "label");
    for (size_t i = 0; status == CLM_OK && heading && i < data->features; i++)
        status = output_print(output, error, ",%s%zu", heading, i);
    if (status == CLM_OK && heading)
        status = output_print(output, error, "\n");
    for (size_t r = 0; status == CLM_OK && r < rows->count; r++) {
        char *end = write_row(line, data, rows, r, !heading);
        *end++ = '\n';
        status = output_write(output, line, (size_t)(end - line), error);
    }
    free(line);
    return output_end(output, status, error);
}

static clm_status write_csv(const struct clm_data *data, const char *path,
                            const struct clm_data_write_options *options, struct clm_error *error)
{
    return write_lines(data, options->part, data->height ? "pixel" : "feature", path, error);
}

static clm_status write_libsvm(const struct clm_data *data, const char *path,
                               const struct clm_data_write_options *options, struct clm_error *error)
{
    return write_lines(data, options->part, NULL, path, error);
}

const struct writer csv_writer = {.name = "csv", .is_of_one_part = true, .write = write_csv};
const struct writer libsvm_writer = {.name = "libsvm", .is_of_one_part = true, .write = write_libsvm};
