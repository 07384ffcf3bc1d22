#include "data/data.h"

#include "base/file.h"
#include "base/size.h"
#include "data/format.h"
#include "data/analysis/missing.h"
#include "data/files/spool.h"
#include "data/pictures/image.h"
#include "data/place.h"
#include "data/split.h"
#include "data/table_files.h"

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

static bool names_input(const char *path)
{
    return path && !strcmp(path, "-");
}

static clm_status check_sets(const struct clm_data_options *options, struct clm_error *error)
{
    if (names_input(options->source) + names_input(options->validation_set) + names_input(options->test) > 1)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "standard input holds one set, but it is named for several; name files for the others");
    if (options->validation_set && (options->validation > 0 || options->validation_by != CLM_SPLIT_LAST))
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "val val-by",
            "rows are to be held out for validation, and a validation set is named; leave one of them out");
    return CLM_OK;
}

static clm_status data_check_options(const struct clm_data_options *options, struct clm_error *error)
{
    const double validation = options->validation;
    if (!options->source || !*options->source)
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "no data set is named: give a name (fashion-mnist, mnist, cifar10, cifar100) or a path");
    if (!(validation >= 0) || isinf(validation) || (validation >= 1 && validation != floor(validation)))
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "validation is %g, but it must be a whole number of rows, or a fraction from 0 to below 1",
            validation);
    if (options->validation_by != CLM_SPLIT_LAST && validation == 0 && !options->validation_set)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "val",
            "validation_by says how validation rows are chosen, but nothing says how many; give a number of rows, or a fraction such as 0.1");
    if (options->target && options->label)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "label target",
            "targets and labels are both named, but rows have the one or the other; leave one of them out");
    const clm_status status = check_sets(options, error);
    return status == CLM_OK ? check_image_options(options, error) : status;
}

/* The source's own validation set gives way to rows that are held out, or to another set. */
static void drop_validation(const char *path, const struct clm_data_options *options, struct contents *read)
{
    if (!read->validation.rows || (options->validation == 0 && !options->validation_set))
        return;
    data_note(options, "", "%s: has a validation set of %zu rows, which is not used, because %s", path,
              read->validation.rows,
              options->validation_set ? "another one is named" : "rows are held out of the training set");
    set_free(&read->validation);
}

static clm_status data_read_source(const char *path, const struct clm_data_options *options,
                                   struct contents *read, const struct format **format,
                                   struct clm_error *error)
{
    const struct request request = {.wanted = READ_TRAIN | READ_VALIDATION | (options->test ? 0 : READ_TEST),
                                    .options = options,
                                    .inputs = options->model_inputs,
                                    .features = options->features,
                                    .classes = options->classes,
                                    .class_names = options->class_names};
    const clm_status status = format_read(path, options->format, &request, read, format, error);
    if (status == CLM_OK && !read->train.rows)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has a test set, but no training set; add train-images-idx3-ubyte, data_batch_1.bin or a directory train, or name the test set itself: its directory or file",
            path);
    if (status == CLM_OK && request_has_targets(&request) && !read->train.target_count &&
        !options->labels_optional)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "loss target",
            "%s: %s has classes as labels, and no numbers to predict; take a loss of classes, or write the data as csv",
            path, (*format)->name);
    if (status == CLM_OK)
        drop_validation(path, options, read);
    return status;
}

/* Reads another set as a part of the data: a file, or a directory's set for that part, or else its training
 * set. Its classes are those of `training`. */
static clm_status read_other(const char *wanted, enum clm_part part, const struct clm_data_options *options,
                             const struct contents *training, struct set *out, struct clm_error *error)
{
    const char *path;
    struct contents read;
    const struct format *format;
    struct set *found = contents_part(&read, part);
    struct request request = {.wanted = read_of(part),
                              .options = options,
                              .inputs = training->inputs,
                              .is_test = true,
                              .features = training->train.features,
                              .classes = contents_class_count(training),
                              .class_names = (const char *const *)training->class_names};
    clm_status status = spool(wanted, &path, error);
    if (status != CLM_OK)
        return status;
    status = format_read(path, options->format, &request, &read, &format, error);
    if (status == CLM_OK && !found->rows) {
        contents_free(&read);
        request.wanted = READ_TRAIN;
        found = &read.train;
        status = format_read(path, options->format, &request, &read, &format, error);
    }
    if (status == CLM_OK) {
        *out = *found;
        *found = (struct set){0};
        if (!out->rows)
            status = clm_fail(error, CLM_ERROR_FORMAT,
                              "%s: has no rows for the %s set; name another file or directory", path,
                              part_names[part]);
    }
    contents_free(&read);
    return status;
}

/* Reads the validation and the test set that the options name. */
static clm_status read_others(const struct clm_data_options *options, struct contents *read,
                              struct clm_error *error)
{
    clm_status status = CLM_OK;
    if (options->validation_set)
        status = read_other(options->validation_set, CLM_VALIDATION, options, read, &read->validation, error);
    if (status == CLM_OK && options->test)
        status = read_other(options->test, CLM_TEST, options, read, &read->test, error);
    return status;
}

static clm_status check_same_shape(const struct set *train, const struct set *other, enum clm_part part,
                                   struct clm_error *error)
{
    static const char *const names[] = {[ELEMENT_BYTE] = "bytes", [ELEMENT_FLOAT] = "floats"};
    if (other->rows && train->target_count != other->target_count)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: the rows of the %s set have %zu targets, but those of the training set (%s) have %zu",
            other->labels_path, part_names[part], other->target_count, train->labels_path,
            train->target_count);
    if (!other->rows || (train->features == other->features && train->element == other->element))
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: the rows of the %s set have %zu %s, but those of the training set (%s) have %zu %s",
                    other->labels_path, part_names[part], other->features, names[other->element],
                    train->labels_path, train->features, names[train->element]);
}

/* Fails with CLM_ERROR_FORMAT if a row has no label, but the options want one. */
static clm_status require_labels(const struct set *set, const struct clm_data_options *options,
                                 struct clm_error *error)
{
    if (set->target_count)
        return set_check_targets(set, options->labels_optional, error);
    for (size_t i = 0; !options->labels_optional && i < set->rows; i++)
        if (set->labels[i] == CLM_NO_LABEL)
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: row %zu (counted from 0) has no label, and only predictions can be made without; add labels",
                set->labels_path, i);
    return CLM_OK;
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

/* Sets the number of classes, from the format, a known set's name, the labels, or the model that the data is
 * for; and their names, if they are known. */
static clm_status data_name_classes(const struct known_set *known, const struct clm_data_options *options,
                                    struct contents *read, struct clm_error *error)
{
    clm_status status = CLM_OK;
    const char *why = known ? known->name : "the training set";
    if (!read->classes && known) {
        read->class_names = class_names_copy(known->class_names, known->classes);
        if (!read->class_names)
            return clm_fail_host_memory(error, known->name, known->classes * sizeof *read->class_names);
        read->classes = known->classes;
    } else if (!read->classes) {
        read->classes = size_max(contents_class_count(read), options->classes);
        if (!options->test)
            read->classes = size_max(read->classes, set_class_count(&read->test));
        if (!options->validation_set)
            read->classes = size_max(read->classes, set_class_count(&read->validation));
    }
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++) {
        const struct set *const set = contents_part(read, (enum clm_part)part);
        status = require_labels(set, options, error);
        if (status == CLM_OK)
            status = set_check_labels(set, read->classes, why, error);
    }
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        status = set_check_weights(contents_part(read, (enum clm_part)part), error);
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
                         .weights = set->weights,
                         .targets = set->targets};
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
    data->target_count = data->read.train.target_count;
    data->class_names = read->class_names;
    read->class_names = NULL;
    data->inputs = read->inputs;
    read->inputs = NULL;
    data->train = part_of(&read->train);
    data->validation = part_of(&read->validation);
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

/* Names targets that are no columns of a table. Their inputs are not shared yet. */
static clm_status name_targets_of(struct clm_data *data, struct clm_error *error)
{
    struct clm_inputs *const inputs = data->inputs;
    const size_t count = data->target_count;
    inputs->target_names = data->read.target_names ? data->read.target_names : target_names_make(count);
    data->read.target_names = NULL;
    inputs->target_count = inputs->target_names ? count : 0;
    inputs->target_places = calloc(count, sizeof *inputs->target_places);
    return inputs->target_names && inputs->target_places
               ? CLM_OK
               : clm_fail_host_memory(error, data->source, count * sizeof *inputs->target_names);
}

/* Data for a model has the model's targets; its rows may have none. */
static clm_status fit_targets(struct clm_data *data, const struct clm_inputs *inputs, struct clm_error *error)
{
    const size_t count = data->target_count;
    data->target_count = inputs->target_count;
    if (!count || count == inputs->target_count)
        return CLM_OK;
    return clm_fail_setting(
        error, CLM_ERROR_SHAPE, "target",
        "%s: rows have %zu target%s, but the model predicts %zu; name those that it predicts", data->source,
        count, count == 1 ? "" : "s", inputs->target_count);
}

clm_status data_complete(struct clm_data *data, const struct known_set *known,
                         const struct clm_data_options *options, struct clm_error *error)
{
    const clm_status status = data_name_classes(known, options, &data->read, error);
    if (status != CLM_OK)
        return status;
    data_describe(data);
    if (!data->inputs) {
        const clm_status made = inputs_of_data(data, error);
        if (made != CLM_OK)
            return made;
    }
    if (options->model_inputs)
        return fit_targets(data, options->model_inputs, error);
    return data->inputs->target_count == data->target_count ? CLM_OK : name_targets_of(data, error);
}

static clm_status data_read_from(const char *path, struct clm_data *data,
                                 const struct clm_data_options *options, struct clm_error *error)
{
    struct contents *const read = &data->read;
    const struct format *format;
    const struct known_set *known = known_set_named(options->source);
    if (!known)
        known = known_set_at(data->source);
    clm_status status = data_read_source(path, options, read, &format, error);
    if (status == CLM_OK)
        status = read_others(options, read, error);
    if (status == CLM_OK)
        status = allow_memory(
            options->memory, path,
            set_memory(&read->train) + set_memory(&read->validation) + set_memory(&read->test), error);
    for (int part = CLM_VALIDATION; status == CLM_OK && part <= CLM_TEST; part++)
        status = check_same_shape(&read->train, contents_part(read, (enum clm_part)part), (enum clm_part)part,
                                  error);
    if (status != CLM_OK)
        return status;
    data->format = format->name;
    return data_complete(data, known, options, error);
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

/* Options for the tables of a directory, as if each of them had been named. */
static struct clm_data_options options_for_tables(const struct table_files *tables, const char *directory,
                                                  const struct clm_data_options *options)
{
    struct clm_data_options out = *options;
    const bool holds_out = options->validation > 0 || options->validation_set;
    if (tables->paths[CLM_VALIDATION] && holds_out)
        data_note(options, "", "%s: %s is not used, because %s", directory, tables->paths[CLM_VALIDATION],
                  options->validation_set ? "another validation set is named"
                                          : "rows are held out of the training set");
    if (!holds_out)
        out.validation_set = tables->paths[CLM_VALIDATION];
    if (!options->test)
        out.test = tables->paths[CLM_TEST];
    return out;
}

static clm_status data_read(struct clm_data *data, const struct clm_data_options *options,
                            struct clm_error *error)
{
    struct table_files tables = {0};
    clm_status status = CLM_OK;
    if (!is_spooled(data->source) && is_directory(data->source))
        status = table_files_find(data->source, options, &tables, error);
    if (status == CLM_OK && tables.paths[CLM_TRAIN]) {
        const struct clm_data_options expanded = options_for_tables(&tables, data->source, options);
        status = data_read_from(tables.paths[CLM_TRAIN], data, &expanded, error);
    } else if (status == CLM_OK)
        status = data_read_from(data->source, data, options, error);
    table_files_free(&tables);
    return status;
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

bool clm_data_is_weighted(const struct clm_data *data)
{
    return data->train.weights != NULL;
}

size_t rows_unlabelled(const struct clm_data *data, const struct rows *rows)
{
    const size_t targets = data->target_count;
    size_t count = 0;
    if (!targets)
        return count_unlabelled(rows->labels, rows->count);
    for (size_t r = 0; r < rows->count; r++) {
        bool is_whole = rows->targets != NULL;
        for (size_t t = 0; is_whole && t < targets; t++)
            is_whole = !isnan(rows->targets[r * targets + t]);
        count += !is_whole;
    }
    return count;
}

size_t clm_data_unlabelled(const struct clm_data *data, enum clm_part part)
{
    return rows_unlabelled(data, data_part(data, part));
}

size_t clm_data_targets(const struct clm_data *data)
{
    return data->target_count;
}

const char *clm_data_target_name(const struct clm_data *data, size_t target)
{
    return target < data->target_count && target < data->inputs->target_count
               ? data->inputs->target_names[target]
               : NULL;
}

double clm_data_target(const struct clm_data *data, enum clm_part part, size_t row, size_t target)
{
    const struct rows *const rows = data_part(data, part);
    return rows->targets ? rows->targets[row * data->target_count + target] : NAN;
}

clm_status data_check_labels(const struct clm_data *data, enum clm_part part, struct clm_error *error)
{
    const size_t unlabelled = clm_data_unlabelled(data, part);
    if (!unlabelled)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_ARGUMENT,
        "%s: %zu of %zu %s rows have no %s, so they can only be predicted; remove these rows, or give them %s",
        data->source, unlabelled, data_part(data, part)->count, part_names[part],
        data->target_count ? "target" : "label", data->target_count ? "targets" : "labels");
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
