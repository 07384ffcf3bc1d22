/* clm_data_from_arrays: data sets from arrays in memory. */
#include "data/data.h"

#include "base/size.h"
#include "data/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char source[] = "arrays in memory";

static double value_at(const struct clm_arrays *arrays, size_t i)
{
    return arrays->type == CLM_DOUBLE ? ((const double *)arrays->values)[i]
                                      : (double)((const float *)arrays->values)[i];
}

/* Finds the offsets of features whose values float32 could not tell apart. */
static clm_status find_offsets(const struct clm_arrays *arrays, struct clm_inputs *inputs,
                               struct clm_error *error)
{
    const size_t features = arrays->features;
    if (arrays->type != CLM_DOUBLE)
        return CLM_OK;
    inputs->offsets = calloc(features, sizeof *inputs->offsets);
    if (!inputs->offsets)
        return clm_fail_host_memory(error, source, features * sizeof *inputs->offsets);
    for (size_t f = 0; f < features; f++) {
        struct value_range range = value_range_start();
        for (size_t r = 0; r < arrays->rows; r++)
            value_range_add(&range, value_at(arrays, r * features + f));
        inputs->offsets[f] = value_range_offset(&range);
    }
    if (first_with_offset(inputs) == features) {
        free(inputs->offsets);
        inputs->offsets = NULL;
    }
    return CLM_OK;
}

static clm_status copy_values(const struct clm_arrays *arrays, const struct clm_inputs *inputs,
                              struct set *set, struct clm_error *error)
{
    const size_t features = arrays->features;
    if (arrays->type == CLM_BYTE) {
        memcpy(set->values, arrays->values, arrays->rows * features);
        return CLM_OK;
    }
    for (size_t f = 0; f < features; f++) {
        const double offset = feature_offset(inputs, f);
        for (size_t r = 0; r < arrays->rows; r++) {
            const size_t i = r * features + f;
            const float copy = (float)(value_at(arrays, i) - offset);
            if (!isfinite(copy))
                return clm_fail(
                    error, CLM_ERROR_FORMAT,
                    "%s: the value in row %zu, feature %zu (counted from 0) is %g, which float32 cannot hold; replace or remove such rows",
                    source, r, f, value_at(arrays, i));
            ((float *)set->values)[i] = copy;
        }
    }
    return CLM_OK;
}

static clm_status copy_targets(const struct clm_arrays *arrays, struct set *set, struct clm_error *error)
{
    const size_t row = arrays->target_count * sizeof *set->targets;
    if (!arrays->targets || !row)
        return CLM_OK;
    set->targets = calloc(arrays->rows, row);
    if (!set->targets)
        return clm_fail_host_memory(error, source, arrays->rows * row);
    set->target_count = arrays->target_count;
    memcpy(set->targets, arrays->targets, arrays->rows * row);
    return CLM_OK;
}

static clm_status copy_set(const struct clm_arrays *arrays, const struct clm_inputs *inputs, struct set *set,
                           struct clm_error *error)
{
    size_t elements, bytes;
    set->element = arrays->type == CLM_BYTE ? ELEMENT_BYTE : ELEMENT_FLOAT;
    set->features = arrays->features;
    if (!size_mul(arrays->rows, arrays->features, &elements) ||
        !size_mul(elements, set->element == ELEMENT_BYTE ? 1 : sizeof(float), &bytes))
        return clm_fail_host_memory(error, source, SIZE_MAX);
    set->values = malloc(bytes);
    if (!set->values)
        return clm_fail_host_memory(error, source, bytes);
    clm_status status = set_make_labels(set, arrays->rows, source, error);
    if (status != CLM_OK)
        return status;
    set->rows = arrays->rows;
    if (arrays->labels)
        memcpy(set->labels, arrays->labels, arrays->rows * sizeof *set->labels);
    for (size_t r = 0; !arrays->labels && r < arrays->rows; r++)
        set->labels[r] = CLM_NO_LABEL;
    const clm_status copied = copy_targets(arrays, set, error);
    return copied ? copied : copy_values(arrays, inputs, set, error);
}

/* Makes a column of each feature, with its name. */
static clm_status name_columns(const struct clm_arrays *arrays, struct clm_inputs *inputs,
                               struct clm_error *error)
{
    const size_t features = arrays->features;
    inputs->columns = calloc(features, sizeof *inputs->columns);
    inputs->places = calloc(features, sizeof *inputs->places);
    if (!inputs->columns || !inputs->places)
        return clm_fail_host_memory(error, source, features * sizeof *inputs->columns);
    inputs->column_count = features;
    inputs->file_columns = inputs->label_place = features;
    for (size_t f = 0; f < features; f++) {
        inputs->columns[f] = (struct column){.name = strdup(arrays->feature_names[f]),
                                             .kind = CLM_COLUMN_NUMBER,
                                             .offset = feature_offset(inputs, f),
                                             .first = f};
        inputs->places[f] = f;
        if (!inputs->columns[f].name)
            return clm_fail_host_memory(error, source, strlen(arrays->feature_names[f]));
    }
    free(inputs->offsets);
    inputs->offsets = NULL;
    return CLM_OK;
}

static clm_status describe_features(const struct clm_arrays *arrays, struct clm_inputs **out,
                                    struct clm_error *error)
{
    struct clm_inputs *const inputs = *out = inputs_create();
    if (!inputs)
        return clm_fail_host_memory(error, source, sizeof *inputs);
    inputs->element = arrays->type == CLM_BYTE ? ELEMENT_BYTE : ELEMENT_FLOAT;
    inputs->features = arrays->features;
    const clm_status status = find_offsets(arrays, inputs, error);
    return status == CLM_OK && arrays->feature_names ? name_columns(arrays, inputs, error) : status;
}

/* Are the features those that a model has? */
static clm_status check_known_features(const struct clm_arrays *arrays, const struct clm_inputs *inputs,
                                       struct clm_error *error)
{
    if (arrays->features != inputs->features)
        return clm_fail(error, CLM_ERROR_SHAPE, "%s: rows have %zu features, but the model takes %zu", source,
                        arrays->features, inputs->features);
    for (size_t i = 0; arrays->feature_names && i < inputs->column_count; i++) {
        const struct column *const column = &inputs->columns[i];
        const char *const name = arrays->feature_names[column->first];
        if (column_width(column) == 1 && strcmp(name, column->name) != 0)
            return clm_fail(error, CLM_ERROR_SHAPE,
                            "%s: feature %zu (counted from 0) is \"%.60s\", but the model's is \"%.60s\"",
                            source, column->first, name, column->name);
    }
    return CLM_OK;
}

static clm_status copy_class_names(const struct clm_arrays *arrays, struct contents *read,
                                   struct clm_error *error)
{
    read->classes = arrays->classes;
    if (arrays->targets && arrays->target_names && arrays->target_count &&
        !(read->target_names = class_names_copy(arrays->target_names, arrays->target_count)))
        return clm_fail_host_memory(error, source, arrays->target_count * sizeof *read->target_names);
    if (!arrays->class_names)
        return CLM_OK;
    if (!arrays->classes)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "%s: there are names of classes, but not how many; set `classes`", source);
    read->class_names = class_names_copy(arrays->class_names, arrays->classes);
    return read->class_names
               ? CLM_OK
               : clm_fail_host_memory(error, source, arrays->classes * sizeof *read->class_names);
}

static clm_status check_has_rows(const struct clm_arrays *arrays, struct clm_error *error)
{
    if (arrays->values && arrays->rows && arrays->features && arrays->rows < UINT32_MAX)
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_ARGUMENT,
                    "%s: %zu rows of %zu features are no data set; give values, and from one row to 2^32 - 2",
                    source, arrays->rows, arrays->features);
}

static clm_status check_alike(const struct clm_arrays *train, const struct clm_arrays *test,
                              struct clm_error *error)
{
    if (test &&
        (test->targets != NULL) * test->target_count != (train->targets != NULL) * train->target_count)
        return clm_fail(error, CLM_ERROR_SHAPE,
                        "%s: the rows of the test set have %zu targets, and those of the training set %zu",
                        source, test->target_count, train->target_count);
    if (!test || (test->features == train->features && (test->type == CLM_BYTE) == (train->type == CLM_BYTE)))
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_SHAPE,
        "%s: the rows of the test set have %zu features, and those of the training set %zu; both have to be bytes, or none",
        source, test->features, train->features);
}

static clm_status make_of_arrays(struct clm_data *data, const struct clm_arrays *train,
                                 const struct clm_arrays *test, const struct clm_data_options *options,
                                 struct clm_error *error)
{
    struct contents *const read = &data->read;
    const struct clm_inputs *const known = options->model_inputs;
    clm_status status;
    data->format = "arrays";
    data->source = strdup(source);
    if (!data->source)
        return clm_fail_host_memory(error, source, sizeof source);
    if ((status = check_has_rows(train, error)) || (test && (status = check_has_rows(test, error))) ||
        (status = check_alike(train, test, error)) ||
        (known && (status = check_known_features(train, known, error))))
        return status;
    if (known)
        read->inputs = inputs_share(known);
    else if ((status = describe_features(train, &read->inputs, error)))
        return status;
    if ((status = copy_set(train, read->inputs, &read->train, error)) ||
        (test && (status = copy_set(test, read->inputs, &read->test, error))) ||
        (status = copy_class_names(train, read, error)) ||
        (status = data_complete(data, NULL, options, error)))
        return status;
    return split_rows(data, options, error);
}

clm_status clm_data_from_arrays(const struct clm_arrays *train, const struct clm_arrays *test,
                                const struct clm_data_options *options, struct clm_data **out,
                                struct clm_error *error)
{
    static const struct clm_data_options none = {0};
    struct clm_data *const data = calloc(1, sizeof *data);
    *out = NULL;
    if (!data)
        return clm_fail_host_memory(error, source, sizeof *data);
    const clm_status status = make_of_arrays(data, train, test, options ? options : &none, error);
    if (status == CLM_OK)
        *out = data;
    else
        clm_data_close(data);
    return status;
}
