/* A data set in host memory, divided into parts: training, validation and test. */
#ifndef CLM_DATA_DATA_H
#define CLM_DATA_DATA_H

#include "data/set.h"

/* The rows of a part, whose memory struct contents owns. */
struct rows {
    size_t count;           /* 0 if the part is missing */
    const void *values;     /* (count, features) of clm_data.element, row-major */
    const uint32_t *labels; /* (count), each below `classes` or CLM_NO_LABEL */
    bool is_mapped;         /* values are mapped from a file, see data/files/mapping.h */
    size_t first;           /* number in its file of row 0, unless `numbers` has it */
    const uint32_t *numbers;
    char *const *names;    /* NULL if rows have no names */
    const float *weights;  /* (count): how much each row counts in training; NULL: all count the same */
    const double *targets; /* (count, clm_data.target_count), NaN if missing; NULL: all are missing */
};

struct clm_data {
    size_t features, classes;
    size_t target_count; /* of each row, instead of labels, which then are CLM_NO_LABEL; or 0 */
    enum element element;
    /* of pictures, planar (channel, row, column); 0 if rows are no pictures */
    size_t height, width, channels;
    char **class_names; /* `classes` names, or NULL */
    struct rows train, validation, test;
    char *source;              /* path of the file or directory */
    const char *format;        /* a name of clm_format_names */
    struct clm_inputs *inputs; /* what rows become */
    struct contents read;      /* what was read: the memory of the parts */
};

/* Turns data->read into parts: checks labels, names the classes and the inputs. `known` may be NULL. */
struct known_set;
CLM_MUST_CHECK clm_status data_complete(struct clm_data *data, const struct known_set *known,
                                        const struct clm_data_options *options, struct clm_error *error);

extern const char *const part_names[3]; /* "training", "validation", "test" */

static inline const struct rows *data_part(const struct clm_data *data, enum clm_part part)
{
    return part == CLM_TRAIN ? &data->train : part == CLM_VALIDATION ? &data->validation : &data->test;
}

static inline size_t data_element_size(const struct clm_data *data)
{
    return data->element == ELEMENT_BYTE ? 1 : sizeof(float);
}

static inline size_t data_row_bytes(const struct clm_data *data)
{
    return data->features * data_element_size(data);
}

/* Row `row` of a part: `features` bytes or floats. */
static inline const void *data_row(const struct clm_data *data, const struct rows *rows, size_t row)
{
    return (const unsigned char *)rows->values + row * data_row_bytes(data);
}

/* How many rows have no label, or, if rows have targets, not all of them. */
size_t rows_unlabelled(const struct clm_data *data, const struct rows *rows);

/* Fails with CLM_ERROR_ARGUMENT if a row of the part has no label, which only predictions can do without. */
CLM_MUST_CHECK clm_status data_check_labels(const struct clm_data *data, enum clm_part part,
                                            struct clm_error *error);

/* Gives back the memory of mapped rows that a pass over the part has read. */
static inline void data_forget(const struct clm_data *data, const struct rows *rows, size_t first,
                               size_t count)
{
    if (rows->is_mapped)
        mapping_forget(data_row(data, rows, first), count * data_row_bytes(data));
}

#endif
