/* Writes IDX: up to four files in a directory, gzipped if the options say so. */

#include "data/files/output.h"
#include "data/write/writer.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

enum { IDX_BYTE = 0x08, IDX_FLOAT = 0x0d, LABEL_MAX = 255 };

static clm_status write_idx_check(const struct clm_data *data, struct clm_error *error)
{
    if (data->classes <= LABEL_MAX + 1)
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_SHAPE,
                    "%s: has %zu classes, but the labels of IDX are bytes, 0 to %d; write npz instead",
                    data->source, data->classes, LABEL_MAX);
}

static clm_status write_idx_header(struct output *output, unsigned char type, const size_t *dimensions,
                                   unsigned char count, struct clm_error *error)
{
    unsigned char bytes[4 + 4 * 4] = {0, 0, type, count};
    for (size_t i = 0; i < count; i++) {
        const uint32_t number = htobe32((uint32_t)dimensions[i]);
        if (dimensions[i] > UINT32_MAX)
            return clm_fail(error, CLM_ERROR_SHAPE,
                            "%zu is too large for a dimension of IDX (32 bits); write npz instead",
                            dimensions[i]);
        memcpy(bytes + 4 + 4 * i, &number, 4);
    }
    return output_write(output, bytes, 4 + 4 * (size_t)count, error);
}

static clm_status write_floats(struct output *output, const float *values, size_t count,
                               struct clm_error *error)
{
    uint32_t block[1024];
    clm_status status = CLM_OK;
    for (size_t done = 0; status == CLM_OK && done < count;) {
        size_t filled = 0;
        for (; filled < sizeof block / sizeof *block && done < count; filled++, done++) {
            memcpy(block + filled, values + done, sizeof *block);
            block[filled] = htobe32(block[filled]);
        }
        status = output_write(output, block, filled * sizeof *block, error);
    }
    return status;
}

static clm_status write_idx_rows(struct output *output, const struct clm_data *data, const struct rows *rows,
                                 struct clm_error *error)
{
    size_t dimensions[4] = {rows->count, data->features};
    unsigned char count = 2;
    const bool is_bytes = data->element == ELEMENT_BYTE;
    if (data->height && data->channels > 1)
        dimensions[count++ - 1] = data->channels;
    if (data->height) {
        dimensions[count - 1] = data->height;
        dimensions[count++] = data->width;
    }
    clm_status status = write_idx_header(output, is_bytes ? IDX_BYTE : IDX_FLOAT, dimensions, count, error);
    if (status == CLM_OK)
        status = is_bytes ? output_write(output, rows->values, rows->count * data->features, error)
                          : write_floats(output, rows->values, rows->count * data->features, error);
    return status;
}

static clm_status write_labels(struct output *output, const struct clm_data *data, const struct rows *rows,
                               struct clm_error *error)
{
    (void)data;
    clm_status status = write_idx_header(output, IDX_BYTE, &rows->count, 1, error);
    for (size_t i = 0; status == CLM_OK && i < rows->count; i++)
        status = output_write(output, &(const unsigned char){(unsigned char)rows->labels[i]}, 1, error);
    return status;
}

static clm_status write_idx_file(const struct clm_data *data, enum clm_part part, bool are_labels,
                                 const char *directory, bool is_gzipped, struct clm_error *error)
{
    struct output *output = NULL;
    char name[64];
    snprintf(name, sizeof name, "%s-%s-ubyte%s", part == CLM_TRAIN ? "train" : "t10k",
             are_labels ? "labels-idx1" : "images-idx3", is_gzipped ? ".gz" : "");
    clm_status status = output_open_in(directory, name, is_gzipped, &output, error);
    if (status == CLM_OK)
        status = (are_labels ? write_labels : write_idx_rows)(output, data, data_part(data, part), error);
    return output_end(output, status, error);
}

static clm_status write_idx(const struct clm_data *data, const char *path,
                            const struct clm_data_write_options *options, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (int i = 0; status == CLM_OK && i < 4; i++) {
        const enum clm_part part = i < 2 ? CLM_TRAIN : CLM_TEST;
        if (data_part(data, part)->count)
            status = write_idx_file(data, part, i % 2, path, options->is_gzipped, error);
    }
    return status;
}

static const char *const files[] = {
    "train-images-idx3-ubyte",    "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte",
    "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte",     "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte",     "t10k-labels-idx1-ubyte.gz",  NULL};

const struct writer idx_writer = {
    .name = "idx", .is_directory = true, .files = files, .check = write_idx_check, .write = write_idx};
