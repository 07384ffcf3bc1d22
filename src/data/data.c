#include "data/data.h"

#include "base/size.h"
#include "data/format.h"
#include "data/analysis/missing.h"
#include "data/files/spool.h"
#include "data/pictures/image.h"
#include "data/place.h"
#include "data/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const part_names[3] = {
    [CLM_TRAIN] = "training", [CLM_VALIDATION] = "validation", [CLM_TEST] = "test"};

void clm_data_close(struct clm_data *data)
{
    if (!data)
        return;
    class_names_free(data->class_names, data->classes);
    inputs_free(data->inputs);
    contents_free(&data->read);
    free(data->source);
    free(data);
}

static clm_status check_image_options(const struct clm_data_options *options, struct clm_error *error)
{
    size_t pixels;
    if (options->channels != 0 && options->channels != 1 && options->channels != 3)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "pictures cannot have %zu channels, only 1 (grey) or 3 (red, green, blue)",
                        options->channels);
    if (!options->resize_width != !options->resize_height ||
        !size_mul(options->resize_width, options->resize_height, &pixels) || pixels > IMAGE_PIXELS_MAX)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "pictures cannot be resized to %zux%zu, only to 1x1 up to %zu pixels",
                        options->resize_width, options->resize_height, IMAGE_PIXELS_MAX);
    return format_check(options->format, error);
}

static clm_status data_check_options(const struct clm_data_options *options, struct clm_error *error)
{
    const double validation = options->validation;
    if (options->source && options->test && !strcmp(options->source, "-") && !strcmp(options->test, "-"))
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "standard input holds one set, but it is named as the data and as the test set");
    if (!options->source || !*options->source)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "no data set is named: give a name (fashion-mnist, mnist, cifar10, cifar100) or a path");
    if (!(validation >= 0) || isinf(validation) || (validation >= 1 && validation != floor(validation)))
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "validation is %g, but it must be a whole number of rows, or a fraction from 0 to below 1",
            validation);
    if (options->validation_by != CLM_SPLIT_LAST && validation == 0)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "val",
            "validation_by says how validation rows are chosen, but nothing says how many; give a number of rows, or a fraction such as 0.1");
    return check_image_options(options, error);
}

static clm_status data_read_source(const char *path, const struct clm_data_options *options,
                                   struct contents *read, const struct format **format,
                                   struct clm_error *error)
{
    const struct request request = {.wanted = options->test ? READ_TRAIN : READ_TRAIN | READ_TEST,
                                    .options = options,
                                    .inputs = options->model_inputs,
                                    .features = options->features,
                                    .classes = options->classes,
                                    .class_names = options->class_names};
    const clm_status status = format_read(path, options->format, &request, read, format, error);
    if (status == CLM_OK && !read->train.rows)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has a test set, but no training set; add train-images-idx3-ubyte, data_batch_1.bin or a directory train, or name a single file",
            path);
    return status;
}

/* Reads the set that options->test names: a file, or a directory's test set, or else its training set. Its
 * classes are those of `training`. */
static clm_status read_test(const struct clm_data_options *options, const struct contents *training,
                            struct set *test, struct clm_error *error)
{
    const char *path;
    struct contents read;
    const struct format *format;
    const clm_status spooled = spool(options->test, &path, error);
    if (spooled != CLM_OK)
        return spooled;
    struct request request = {.wanted = READ_TEST,
                              .options = options,
                              .inputs = training->inputs,
                              .is_test = true,
                              .features = training->train.features,
                              .classes = contents_class_count(training),
                              .class_names = (const char *const *)training->class_names};
    clm_status status = format_read(path, options->format, &request, &read, &format, error);
    if (status == CLM_OK && !read.test.rows) {
        contents_free(&read);
        request.wanted = READ_TRAIN;
        status = format_read(path, options->format, &request, &read, &format, error);
        read.test = read.train;
        read.train = (struct set){0};
    }
    if (status == CLM_OK) {
        *test = read.test;
        read.test = (struct set){0};
        if (!test->rows)
            status = clm_fail(error, CLM_ERROR_FORMAT,
                              "%s: has no rows to test on; name another file or directory", path);
    }
    contents_free(&read);
    return status;
}

static clm_status check_same_shape(const struct set *train, const struct set *test, struct clm_error *error)
{
    static const char *const names[] = {[ELEMENT_BYTE] = "bytes", [ELEMENT_FLOAT] = "floats"};
    if (!test->rows || (train->features == test->features && train->element == test->element))
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: the rows of the test set have %zu %s, but those of the training set (%s) have %zu %s",
        test->labels_path, test->features, names[test->element], train->labels_path, train->features,
        names[train->element]);
}

/* Fails with CLM_ERROR_FORMAT, naming file, row and label, unless every label is below `classes`. `why` names
 * what has so many classes. */
static clm_status set_check_labels(const struct set *set, size_t classes, const char *why,
                                   struct clm_error *error)
{
    for (size_t i = 0; i < set->rows; i++)
        if (set->labels[i] >= classes && set->labels[i] != CLM_NO_LABEL)
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: label %u in row %zu (counted from 0), but %s has %zu classes, 0 to %zu",
                            set->labels_path, set->labels[i], i, why, classes, classes - 1);
    return CLM_OK;
}

/* Sets the number of classes, from the format, a known set's name, or the labels; and their names,
 * if they are known. */
static clm_status data_name_classes(const struct known_set *known, bool has_own_test, struct contents *read,
                                    struct clm_error *error)
{
    clm_status status = CLM_OK;
    const char *why = known ? known->name : "the training set";
    if (!read->classes && known) {
        read->class_names = class_names_copy(known->class_names, known->classes);
        if (!read->class_names)
            return clm_fail_host_memory(error, known->name, known->classes * sizeof *read->class_names);
        read->classes = known->classes;
    } else if (!read->classes) {
        const bool is_labelled = count_unlabelled(read->train.labels, read->train.rows) < read->train.rows;
        uint32_t largest = set_largest_label(&read->train);
        if (has_own_test && set_largest_label(&read->test) > largest)
            largest = set_largest_label(&read->test);
        read->classes = is_labelled ? (size_t)largest + 1 : 0;
    }
    status = set_check_labels(&read->train, read->classes, why, error);
    if (status == CLM_OK)
        status = set_check_labels(&read->test, read->classes, why, error);
    if (status == CLM_OK)
        status = set_check_weights(&read->train, error);
    if (status == CLM_OK)
        status = set_check_weights(&read->test, error);
    return status;
}

static struct rows part_of(const struct set *set)
{
    return (struct rows){.count = set->rows,
                         .values = set->values,
                         .labels = set->labels,
                         .is_mapped = set->mapping.start != NULL,
                         .numbers = set->row_numbers,
                         .names = set->row_names,
                         .weights = set->weights};
}

/* Describes what was read, and takes the names of the classes. */
static void data_describe(struct clm_data *data)
{
    struct contents *const read = &data->read;
    data->features = read->train.features;
    data->element = read->train.element;
    data->height = read->train.height;
    data->width = read->train.width;
    data->channels = read->train.channels;
    data->classes = read->classes;
    data->class_names = read->class_names;
    read->class_names = NULL;
    data->inputs = read->inputs;
    read->inputs = NULL;
    data->train = part_of(&read->train);
    data->test = part_of(&read->test);
}

/* Inputs of data that is no table. */
static clm_status inputs_of_data(struct clm_data *data, struct clm_error *error)
{
    data->inputs = inputs_create();
    if (!data->inputs)
        return clm_fail_host_memory(error, data->source, sizeof *data->inputs);
    data->inputs->element = data->element;
    data->inputs->features = data->features;
    data->inputs->height = data->height;
    data->inputs->width = data->width;
    data->inputs->channels = data->channels;
    return CLM_OK;
}

static clm_status data_read(struct clm_data *data, const struct clm_data_options *options,
                            struct clm_error *error)
{
    const char *const path = data->source;
    struct contents *const read = &data->read;
    const struct format *format;
    const struct known_set *known = known_set_named(options->source);
    if (!known)
        known = known_set_at(path);
    clm_status status = data_read_source(path, options, read, &format, error);
    if (status == CLM_OK && options->test)
        status = read_test(options, read, &read->test, error);
    if (status == CLM_OK)
        status =
            allow_memory(options->memory, path, set_memory(&read->train) + set_memory(&read->test), error);
    if (status == CLM_OK)
        status = check_same_shape(&read->train, &read->test, error);
    if (status == CLM_OK)
        status = data_name_classes(known, !options->test, read, error);
    if (status != CLM_OK)
        return status;
    data->format = format->name;
    data_describe(data);
    return data->inputs ? CLM_OK : inputs_of_data(data, error);
}

/* Replaces the missing values of all parts; those of data for a model by what the model has. */
static clm_status fill_missing(struct clm_data *data, const struct clm_data_options *options,
                               struct clm_error *error)
{
    struct set *const sets[] = {&data->read.train, &data->read.validation, &data->read.test};
    if (!data->inputs->column_count)
        return CLM_OK;
    if (data->inputs != options->model_inputs) {
        const clm_status status = missing_fit(data->inputs, &data->train, error);
        if (status != CLM_OK)
            return status;
    }
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (sets[i]->missing)
            missing_fill(data->inputs, options->missing, sets[i]->values, sets[i]->rows);
    return CLM_OK;
}

static clm_status find_source(const char *source, char **path, struct clm_error *error)
{
    const char *name;
    const clm_status status = spool(source, &name, error);
    if (status != CLM_OK || !is_spooled(name))
        return status == CLM_OK ? place_find(source, path, error) : status;
    *path = strdup(name);
    return *path ? CLM_OK : clm_fail_host_memory(error, name, strlen(name));
}

clm_status clm_data_open(const struct clm_data_options *options, struct clm_data **out,
                         struct clm_error *error)
{
    *out = NULL;
    clm_status status = data_check_options(options, error);
    if (status != CLM_OK)
        return status;
    struct clm_data *const data = calloc(1, sizeof *data);
    if (!data)
        return clm_fail_host_memory(error, options->source, sizeof *data);
    status = find_source(options->source, &data->source, error);
    if (status == CLM_OK)
        status = data_read(data, options, error);
    if (status == CLM_OK)
        status = split_rows(data, options, error);
    if (status == CLM_OK)
        status = fill_missing(data, options, error);
    spool_close();
    if (status == CLM_OK)
        *out = data;
    else
        clm_data_close(data);
    return status;
}

const char *clm_data_source(const struct clm_data *data)
{
    return data->source;
}

const char *clm_data_format(const struct clm_data *data)
{
    return data->format;
}

size_t clm_data_rows(const struct clm_data *data, enum clm_part part)
{
    return data_part(data, part)->count;
}

size_t clm_data_features(const struct clm_data *data)
{
    return data->features;
}

const struct clm_inputs *clm_data_inputs(const struct clm_data *data)
{
    return data->inputs;
}

const char *clm_data_label_column(const struct clm_data *data)
{
    return data->read.label_text;
}

size_t clm_data_classes(const struct clm_data *data)
{
    return data->classes;
}

const char *clm_data_class_name(const struct clm_data *data, size_t index)
{
    return data->class_names && index < data->classes ? data->class_names[index] : NULL;
}

bool clm_data_is_bytes(const struct clm_data *data)
{
    return data->element == ELEMENT_BYTE;
}

bool clm_data_picture_size(const struct clm_data *data, size_t *width, size_t *height, size_t *channels)
{
    if (width)
        *width = data->width;
    if (height)
        *height = data->height;
    if (channels)
        *channels = data->channels;
    return data->height != 0;
}

uint32_t clm_data_label(const struct clm_data *data, enum clm_part part, size_t row)
{
    return data_part(data, part)->labels[row];
}

size_t clm_data_unlabelled(const struct clm_data *data, enum clm_part part)
{
    const struct rows *const rows = data_part(data, part);
    return count_unlabelled(rows->labels, rows->count);
}

size_t clm_data_row_number(const struct clm_data *data, enum clm_part part, size_t row)
{
    const struct rows *const rows = data_part(data, part);
    return rows->numbers ? rows->numbers[row] : rows->first + row;
}

const char *clm_data_row_name(const struct clm_data *data, enum clm_part part, size_t row)
{
    const struct rows *const rows = data_part(data, part);
    return rows->names ? rows->names[row] : NULL;
}
