/* CIFAR's python layout: a pickled dict. "data" is an array (rows, 3072) of bytes, planar as in the binary
 * layout; the labels are lists of numbers. */
#include "data/formats/cifar_files.h"

#include "data/pickle/pickle.h"

#define DATA_KEY "data"

/* The other data set, if the dict has its labels. */
static const struct cifar *whose(const struct pickle_value *dict, const struct cifar *but)
{
    const struct cifar *const other = but == &cifar10 ? &cifar100 : &cifar10;
    return pickle_find(dict, other->labels[0]->key) ? other : NULL;
}

static clm_status fail_missing(const char *path, const struct pickle_value *top, const struct cifar *cifar,
                               const char *key, const char *what, struct clm_error *error)
{
    const struct cifar *const other = whose(top, cifar);
    if (top->kind != PICKLE_DICT)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: its pickle is %s, but a batch of %s is a dict", path,
                        pickle_kind_name(top->kind), cifar->name);
    if (other)
        return clm_fail_setting(error, CLM_ERROR_FORMAT, "format",
                                "%s: is a file of %s, but %s is read; name its format, %s", path, other->name,
                                cifar->name, other->format);
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: has no %s under the key %s, which a batch of %s has", path,
                    what, key, cifar->name);
}

static clm_status check_data(const char *path, const struct pickle_value *top, const struct cifar *cifar,
                             struct pickle_value **data, struct clm_error *error)
{
    *data = pickle_find(top, DATA_KEY);
    if (!*data || (*data)->kind != PICKLE_ARRAY || !(*data)->array->bytes)
        return fail_missing(path, top, cifar, DATA_KEY, "array of bytes", error);
    const struct pickle_array *const array = (*data)->array;
    if (array->columns != CIFAR_PIXELS)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: its pictures have %zu bytes, but those of %s have %d",
                        path, array->columns, cifar->name, CIFAR_PIXELS);
    if (!array->rows)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: is an empty set: it has 0 pictures", path);
    return CLM_OK;
}

/* Checks that there is one label for each picture, a number below labels->classes. */
static clm_status cifar_python_check_labels(const char *path, const struct pickle_value *top,
                                            const struct cifar *cifar, const struct cifar_labels *labels,
                                            size_t rows, struct clm_error *error)
{
    const struct pickle_value *const list = pickle_find(top, labels->key);
    if (!list || list->kind != PICKLE_LIST)
        return fail_missing(path, top, cifar, labels->key, "list", error);
    if (list->count != rows)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: has %u labels (%s) for %zu pictures", path, list->count,
                        labels->key, rows);
    for (size_t i = 0; i < rows; i++) {
        const struct pickle_value *const label = list->items[i];
        if (label->kind != PICKLE_NUMBER)
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: label %zu (counted from 0) of its %s is %s, but only numbers are read", path,
                            i, labels->key, pickle_kind_name(label->kind));
        if (label->number < 0 || (uint64_t)label->number >= labels->classes)
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: label %zu (counted from 0) of its %s is %jd, but %s has labels 0 to %zu",
                            path, i, labels->key, (intmax_t)label->number, cifar->name, labels->classes - 1);
    }
    return CLM_OK;
}

static clm_status cifar_python_take_over(const char *path, struct pickle_value *data,
                                         const struct pickle_value *list, struct set *set,
                                         struct clm_error *error)
{
    set->rows = data->array->rows;
    set->values = pickle_take_bytes(data);
    const clm_status status = cifar_shape(path, set->rows, set, error);
    for (size_t i = 0; status == CLM_OK && i < set->rows; i++)
        set->labels[i] = (uint32_t)list->items[i]->number;
    return status;
}

clm_status cifar_read_pickle(struct stream *stream, const struct cifar *cifar,
                             const struct cifar_labels *labels, struct set *set, struct clm_error *error)
{
    struct pickle *pickle = NULL;
    struct pickle_value *data = NULL;
    const char *path = stream_path(stream);
    clm_status status = pickle_read(stream, &pickle, error);
    if (status != CLM_OK)
        return status;
    const struct pickle_value *const top = pickle_top(pickle);
    status = check_data(path, top, cifar, &data, error);
    for (size_t i = 0; status == CLM_OK && i < cifar->label_count; i++)
        status = cifar_python_check_labels(path, top, cifar, cifar->labels[i], data->array->rows, error);
    if (status == CLM_OK)
        status = cifar_python_take_over(path, data, pickle_find(top, labels->key), set, error);
    pickle_close(pickle);
    return status;
}

bool cifar_is_pickle_of_100(const char *path)
{
    struct stream *stream = NULL;
    struct pickle *pickle = NULL;
    const bool is_read =
        stream_open(path, &stream, NULL) == CLM_OK && pickle_read(stream, &pickle, NULL) == CLM_OK;
    const bool is_of_100 = is_read && pickle_find(pickle_top(pickle), cifar100.labels[0]->key);
    pickle_close(pickle);
    stream_close(stream);
    return is_of_100;
}
