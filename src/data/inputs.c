#include "data/inputs.h"

#include "base/size.h"
#include "base/text.h"
#include "data/table/number.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEATURES_MOST ((size_t)1 << 24) /* of inputs in a file */

static const char *const kind_names[] = {[CLM_COLUMN_NUMBER] = "number",
                                         [CLM_COLUMN_BOOLEAN] = "boolean",
                                         [CLM_COLUMN_DATE] = "date",
                                         [CLM_COLUMN_CATEGORY] = "category"};
enum { KINDS = sizeof kind_names / sizeof *kind_names };

/* ---- owners ---- */

struct clm_inputs *inputs_create(void)
{
    struct clm_inputs *const inputs = calloc(1, sizeof *inputs);
    if (inputs)
        atomic_init(&inputs->owners, 1);
    return inputs;
}

struct clm_inputs *inputs_share(const struct clm_inputs *inputs)
{
    struct clm_inputs *shared;
    memcpy(&shared, &inputs, sizeof shared); /* only the number of owners changes */
    if (shared)
        atomic_fetch_add(&shared->owners, 1);
    return shared;
}

static void column_free(struct column *column)
{
    for (size_t i = 0; column->categories && i < column->category_count; i++)
        free(column->categories[i]);
    free(column->categories);
    free(column->name);
}

void inputs_free(struct clm_inputs *inputs)
{
    if (!inputs || atomic_fetch_sub(&inputs->owners, 1) > 1)
        return;
    for (size_t i = 0; inputs->columns && i < inputs->column_count; i++)
        column_free(&inputs->columns[i]);
    free(inputs->columns);
    free(inputs->places);
    free(inputs->offsets);
    free(inputs->missing_words);
    free(inputs->label_name);
    for (size_t t = 0; inputs->target_names && t < inputs->target_count; t++)
        free(inputs->target_names[t]);
    free(inputs->target_names);
    free(inputs->target_places);
    free(inputs);
}

/* ---- offsets ---- */

#define NARROW 0x1p-12

struct value_range value_range_start(void)
{
    return (struct value_range){0, HUGE_VAL, -HUGE_VAL};
}

void value_range_add(struct value_range *range, double value)
{
    if (!isfinite(value))
        return;
    if (range->low > range->high)
        range->first = value;
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

double value_range_offset(const struct value_range *range)
{
    const double size = fmax(fabs(range->low), fabs(range->high));
    const bool is_narrow = range->high > range->low ? range->high - range->low < NARROW * size
                                                    : size > 0x1p16 && range->high == range->low;
    return is_narrow && size <= FLT_MAX ? range->first : 0;
}

/* ---- columns ---- */

static size_t find_category(const struct column *column, const char *text)
{
    for (size_t i = 0; i < column->category_count; i++)
        if (!strcmp(column->categories[i], text))
            return i;
    return column->category_count;
}

size_t column_category(const struct column *column, const char *text, size_t length)
{
    char whole[24];
    int64_t value;
    for (size_t i = 0; i < column->category_count; i++)
        if (strlen(column->categories[i]) == length && !memcmp(column->categories[i], text, length))
            return i;
    if (!number_read_whole(text, length, &value))
        return column->category_count;
    snprintf(whole, sizeof whole, "%lld", (long long)value);
    return find_category(column, whole);
}

const char *column_text(const struct clm_inputs *inputs, size_t column, char text[COLUMN_TEXT_SIZE])
{
    const char *const name = inputs->columns[column].name;
    if (*name)
        return text_show(text, COLUMN_TEXT_SIZE, name, strlen(name));
    snprintf(text, COLUMN_TEXT_SIZE, "column %zu (counted from 0)", inputs->places[column]);
    return text;
}

/* The column that makes the feature; column_count if there are no columns. */
static size_t column_of(const struct clm_inputs *inputs, size_t feature)
{
    size_t low = 0, high = inputs->column_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (inputs->columns[middle].first <= feature)
            low = middle;
        else
            high = middle;
    }
    return low;
}

const char *feature_text(const struct clm_inputs *inputs, size_t feature, char text[COLUMN_TEXT_SIZE])
{
    char name[COLUMN_TEXT_SIZE], value[COLUMN_TEXT_SIZE / 2];
    if (!inputs || !inputs->column_count) {
        snprintf(text, COLUMN_TEXT_SIZE, "feature %zu (counted from 0)", feature);
        return text;
    }
    const size_t c = column_of(inputs, feature);
    const struct column *const column = &inputs->columns[c];
    const size_t of_column = feature - column->first;
    if (column_width(column) == 1)
        return column_text(inputs, c, text);
    column_text(inputs, c, name);
    if (column->kind == CLM_COLUMN_CATEGORY && of_column < column->category_count) {
        const char *const category = column->categories[of_column];
        snprintf(text, COLUMN_TEXT_SIZE, "%.40s = %s", name,
                 text_show(value, sizeof value, category, strlen(category)));
    } else
        snprintf(text, COLUMN_TEXT_SIZE, "%.72s%s", name,
                 of_column + 1 == column_width(column) ? " is missing" : "");
    return text;
}

char *feature_name(const struct clm_inputs *inputs, size_t feature)
{
    char text[COLUMN_TEXT_SIZE];
    const size_t c = column_of(inputs, feature), of_column = feature - inputs->columns[c].first;
    const struct column *const column = &inputs->columns[c];
    const char *const name = *column->name ? column->name : column_text(inputs, c, text);
    const bool is_category = column->kind == CLM_COLUMN_CATEGORY && of_column < column->category_count,
               is_indicator = column->has_indicator && of_column + 1 == column_width(column);
    char *whole;
    const int length = is_category ? asprintf(&whole, "%s = %s", name, column->categories[of_column])
                                   : asprintf(&whole, "%s%s", name, is_indicator ? " is missing" : "");
    return length < 0 ? NULL : whole;
}

bool feature_is_mark(const struct clm_inputs *inputs, size_t feature)
{
    if (!inputs || !inputs->column_count)
        return false;
    const struct column *const column = &inputs->columns[column_of(inputs, feature)];
    return column->kind == CLM_COLUMN_CATEGORY || feature > column->first;
}

double feature_offset(const struct clm_inputs *inputs, size_t feature)
{
    if (inputs && inputs->offsets)
        return inputs->offsets[feature];
    if (!inputs || !inputs->column_count || feature_is_mark(inputs, feature))
        return 0;
    return inputs->columns[column_of(inputs, feature)].offset;
}

size_t first_with_offset(const struct clm_inputs *inputs)
{
    size_t feature = 0;
    while (inputs && feature < inputs->features && feature_offset(inputs, feature) == 0)
        feature++;
    return feature;
}

/* ---- as JSON ---- */

/* A string of JSON, which must be UTF-8. */
static json_t *text_json(const char *text)
{
    char *const copy = utf8_copy(text);
    json_t *const json = copy ? json_string(copy) : NULL;
    free(copy);
    return json;
}

static json_t *describe_column(const struct clm_inputs *inputs, size_t index)
{
    const struct column *const column = &inputs->columns[index];
    json_t *const json =
        json_pack("{so ss sI sb sf sf}", "name", text_json(column->name), "kind", kind_names[column->kind],
                  "place", (json_int_t)inputs->places[index], "indicator", column->has_indicator, "offset",
                  column->offset, "fill", column->fill);
    if (!json || column->kind != CLM_COLUMN_CATEGORY)
        return json;
    json_t *const list = json_array();
    bool is_whole = json_object_set_new(json, "categories", list) == 0;
    for (size_t i = 0; is_whole && i < column->category_count; i++)
        is_whole = json_array_append_new(list, text_json(column->categories[i])) == 0;
    if (is_whole)
        return json;
    json_decref(json);
    return NULL;
}

static bool add_columns(const struct clm_inputs *inputs, json_t *json)
{
    json_t *const list = json_array();
    bool is_whole =
        json_object_set_new(json, "columns", list) == 0 &&
        json_object_set_new(json, "file_columns", json_integer((json_int_t)inputs->file_columns)) == 0 &&
        json_object_set_new(json, "label_place", json_integer((json_int_t)inputs->label_place)) == 0;
    for (size_t i = 0; is_whole && i < inputs->column_count; i++)
        is_whole = json_array_append_new(list, describe_column(inputs, i)) == 0;
    if (is_whole && inputs->missing_words)
        is_whole = json_object_set_new(json, "missing_words", text_json(inputs->missing_words)) == 0;
    if (is_whole && inputs->label_name)
        is_whole = json_object_set_new(json, "label", text_json(inputs->label_name)) == 0;
    return is_whole;
}

static bool add_offsets(const struct clm_inputs *inputs, json_t *json)
{
    json_t *const list = json_array();
    bool is_whole = json_object_set_new(json, "offsets", list) == 0;
    for (size_t i = 0; is_whole && i < inputs->features; i++)
        is_whole = json_array_append_new(list, json_real(inputs->offsets[i])) == 0;
    return is_whole;
}

static bool inputs_add_targets(const struct clm_inputs *inputs, json_t *json)
{
    json_t *const list = json_array();
    bool is_whole = json_object_set_new(json, "targets", list) == 0;
    for (size_t t = 0; is_whole && t < inputs->target_count; t++)
        is_whole =
            json_array_append_new(list, json_pack("{so sI}", "name", text_json(inputs->target_names[t]),
                                                  "place", (json_int_t)inputs->target_places[t])) == 0;
    return is_whole;
}

json_t *inputs_describe(const struct clm_inputs *inputs)
{
    json_t *const json =
        json_pack("{ss sI sb}", "values", inputs->element == ELEMENT_BYTE ? "bytes" : "floats", "features",
                  (json_int_t)inputs->features, "counts_from_zero", inputs->counts_from_zero);
    bool is_whole = json != NULL;
    if (is_whole && inputs->height)
        is_whole = json_object_set_new(json, "picture",
                                       json_pack("[III]", (json_int_t)inputs->channels,
                                                 (json_int_t)inputs->height, (json_int_t)inputs->width)) == 0;
    if (is_whole && inputs->column_count)
        is_whole = add_columns(inputs, json);
    if (is_whole && inputs->offsets)
        is_whole = add_offsets(inputs, json);
    if (is_whole && inputs->target_count)
        is_whole = inputs_add_targets(inputs, json);
    if (is_whole)
        return json;
    json_decref(json);
    return NULL;
}

/* ---- from JSON ---- */

static clm_status fail_inputs(struct clm_error *error, const char *what)
{
    return clm_fail(error, CLM_ERROR_FORMAT, "its inputs: %s; write the model again", what);
}

/* A whole number from 0 to `most`; false if it is another, or there is none. */
static bool take_whole(const json_t *json, const char *key, size_t most, size_t *out)
{
    const json_t *const value = json_object_get(json, key);
    const json_int_t count = json_is_integer(value) ? json_integer_value(value) : -1;
    *out = count < 0 ? 0 : (size_t)count;
    return count >= 0 && (uint64_t)count <= most;
}

static bool take_number(const json_t *json, double *out)
{
    *out = json_number_value(json);
    return json_is_number(json) && isfinite(*out);
}

/* A copy of a string of JSON; NULL if it is none, or there is no memory. */
static char *copy_string(const json_t *json)
{
    return json_is_string(json) ? strdup(json_string_value(json)) : NULL;
}

static bool take_categories(const json_t *json, struct column *column)
{
    const json_t *const list = json_object_get(json, "categories");
    column->category_count = json_array_size(list);
    column->categories = calloc(column->category_count + 1, sizeof *column->categories);
    for (size_t i = 0; column->categories && i < column->category_count; i++)
        if (!(column->categories[i] = copy_string(json_array_get(list, i))))
            return false;
    return column->categories && column->category_count;
}

static bool take_column(const json_t *json, struct clm_inputs *inputs, size_t index, size_t *features)
{
    struct column *const column = &inputs->columns[index];
    const char *const kind = json_string_value(json_object_get(json, "kind"));
    size_t k = 0;
    column->name = copy_string(json_object_get(json, "name"));
    while (kind && k < KINDS && strcmp(kind_names[k], kind))
        k++;
    if (!kind || k == KINDS || !column->name ||
        !take_whole(json, "place", inputs->file_columns, &inputs->places[index]) ||
        !take_number(json_object_get(json, "offset"), &column->offset) ||
        !take_number(json_object_get(json, "fill"), &column->fill))
        return false;
    column->kind = (enum clm_column_kind)k;
    column->has_indicator = json_is_true(json_object_get(json, "indicator"));
    if (column->kind == CLM_COLUMN_CATEGORY &&
        (!take_categories(json, column) || column->fill < 0 ||
         column->fill >= (double)column->category_count || column->fill != floor(column->fill)))
        return false;
    column->first = *features;
    return size_add(*features, column_width(column), features) && *features <= FEATURES_MOST;
}

static clm_status take_columns(const json_t *json, struct clm_inputs *inputs, struct clm_error *error)
{
    const json_t *const list = json_object_get(json, "columns"),
                        *const label = json_object_get(json, "label"),
                        *const words = json_object_get(json, "missing_words");
    size_t features = 0;
    if (!list)
        return CLM_OK;
    inputs->column_count = json_array_size(list);
    inputs->columns = calloc(inputs->column_count + 1, sizeof *inputs->columns);
    inputs->places = calloc(inputs->column_count + 1, sizeof *inputs->places);
    inputs->label_name = copy_string(label);
    inputs->missing_words = copy_string(words);
    if (!inputs->columns || !inputs->places || (label && !inputs->label_name) ||
        (words && !inputs->missing_words))
        return clm_fail_host_memory(error, "the model's columns",
                                    inputs->column_count * sizeof *inputs->columns);
    if (!inputs->column_count || !take_whole(json, "file_columns", FEATURES_MOST, &inputs->file_columns) ||
        !take_whole(json, "label_place", FEATURES_MOST, &inputs->label_place))
        return fail_inputs(error, "they have no columns, or no number of them");
    for (size_t i = 0; i < inputs->column_count; i++)
        if (!take_column(json_array_get(list, i), inputs, i, &features))
            return fail_inputs(error, "a column has no name, no kind, or numbers that make no sense");
    return features == inputs->features ? CLM_OK
                                        : fail_inputs(error, "the columns make another number of features");
}

static clm_status take_offsets(const json_t *json, struct clm_inputs *inputs, struct clm_error *error)
{
    const json_t *const list = json_object_get(json, "offsets");
    if (!list)
        return CLM_OK;
    if (json_array_size(list) != inputs->features)
        return fail_inputs(error, "there are not as many offsets as features");
    inputs->offsets = calloc(inputs->features + 1, sizeof *inputs->offsets);
    if (!inputs->offsets)
        return clm_fail_host_memory(error, "offsets of the inputs", inputs->features * sizeof(double));
    for (size_t i = 0; i < inputs->features; i++)
        if (!take_number(json_array_get(list, i), &inputs->offsets[i]))
            return fail_inputs(error, "an offset is no number");
    return CLM_OK;
}

static clm_status take_targets(const json_t *json, struct clm_inputs *inputs, struct clm_error *error)
{
    const json_t *const list = json_object_get(json, "targets");
    const size_t count = json_array_size(list);
    if (!list)
        return CLM_OK;
    inputs->target_names = calloc(count + 1, sizeof *inputs->target_names);
    inputs->target_places = calloc(count + 1, sizeof *inputs->target_places);
    if (!inputs->target_names || !inputs->target_places)
        return clm_fail_host_memory(error, "the model's targets", count * sizeof *inputs->target_names);
    inputs->target_count = count;
    for (size_t t = 0; t < count; t++) {
        const json_t *const target = json_array_get(list, t);
        inputs->target_names[t] = copy_string(json_object_get(target, "name"));
        if (!inputs->target_names[t] ||
            !take_whole(target, "place", FEATURES_MOST, &inputs->target_places[t]))
            return fail_inputs(error, "a target has no name or no place");
    }
    return count ? CLM_OK : fail_inputs(error, "their list of targets is empty");
}

static clm_status take_picture(const json_t *json, struct clm_inputs *inputs, struct clm_error *error)
{
    const json_t *const list = json_object_get(json, "picture");
    size_t sides[3] = {0}, product = 1;
    for (size_t i = 0; list && i < 3; i++) {
        const json_int_t side = json_integer_value(json_array_get(list, i));
        sides[i] = side > 0 ? (size_t)side : 0;
        if (!size_mul(product, sides[i], &product))
            product = 0;
    }
    if (list && product != inputs->features)
        return fail_inputs(error, "a picture has another number of features");
    inputs->channels = sides[0];
    inputs->height = sides[1];
    inputs->width = sides[2];
    return CLM_OK;
}

clm_status inputs_parse(const json_t *json, struct clm_inputs **out, struct clm_error *error)
{
    const char *const values = json_string_value(json_object_get(json, "values"));
    struct clm_inputs *const inputs = *out = inputs_create();
    clm_status status = inputs ? CLM_OK : clm_fail_host_memory(error, "the model's inputs", sizeof *inputs);
    if (status == CLM_OK &&
        (!values || !take_whole(json, "features", FEATURES_MOST, &inputs->features) || !inputs->features))
        status = fail_inputs(error, "they do not say what values they are, or how many");
    if (status == CLM_OK) {
        inputs->element = strcmp(values, "bytes") ? ELEMENT_FLOAT : ELEMENT_BYTE;
        inputs->counts_from_zero = json_is_true(json_object_get(json, "counts_from_zero"));
        status = take_picture(json, inputs, error);
    }
    if (status == CLM_OK)
        status = take_columns(json, inputs, error);
    if (status == CLM_OK)
        status = take_offsets(json, inputs, error);
    if (status == CLM_OK)
        status = take_targets(json, inputs, error);
    if (status != CLM_OK) {
        inputs_free(inputs);
        *out = NULL;
    }
    return status;
}

/* ---- compared ---- */

static bool same_categories(const struct column *a, const struct column *b)
{
    bool are_same = a->category_count == b->category_count;
    for (size_t i = 0; are_same && i < a->category_count; i++)
        are_same = !strcmp(a->categories[i], b->categories[i]);
    return are_same;
}

static bool same_column(const struct column *a, const struct column *b)
{
    return !strcmp(a->name, b->name) && a->kind == b->kind && a->has_indicator == b->has_indicator &&
           a->offset == b->offset && same_categories(a, b);
}

static clm_status compare_offsets(const struct clm_inputs *inputs, const struct clm_inputs *other,
                                  const char *what, struct clm_error *error)
{
    for (size_t f = 0; f < inputs->features && f < other->features; f++)
        if (feature_offset(inputs, f) != feature_offset(other, f))
            return clm_fail(
                error, CLM_ERROR_SHAPE,
                "%s: feature %zu (counted from 0) is counted from %.10g, but the model counts it from %.10g; open the data with the inputs of the model",
                what, f, feature_offset(other, f), feature_offset(inputs, f));
    return CLM_OK;
}

clm_status inputs_compare(const struct clm_inputs *inputs, const struct clm_inputs *other, const char *what,
                          struct clm_error *error)
{
    char text[COLUMN_TEXT_SIZE], its[COLUMN_TEXT_SIZE];
    if (inputs == other)
        return CLM_OK;
    if (!inputs->column_count && !other->column_count)
        return compare_offsets(inputs, other, what, error);
    if (!inputs->column_count)
        return CLM_OK;
    const size_t feature = first_with_offset(inputs);
    if (!other->column_count && feature < inputs->features)
        return clm_fail(
            error, CLM_ERROR_SHAPE,
            "%s: the model counts %s from %.10g, but this data does not name its columns, so nothing tells from where it counts; give the model a table with the columns that it was trained on",
            what, feature_text(inputs, feature, text), feature_offset(inputs, feature));
    if (!other->column_count)
        return CLM_OK;
    for (size_t i = 0; i < inputs->column_count && i < other->column_count; i++)
        if (!same_column(&inputs->columns[i], &other->columns[i]))
            return clm_fail(
                error, CLM_ERROR_SHAPE,
                "%s: its column %s is read in another way than the model's column %s; open the data with the inputs of the model",
                what, column_text(other, i, its), column_text(inputs, i, text));
    if (inputs->column_count == other->column_count)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_SHAPE,
        "%s: has %zu columns of inputs, but the model %zu; open the data with the inputs of the model", what,
        other->column_count, inputs->column_count);
}

/* ---- for callers ---- */

bool clm_inputs_column(const struct clm_inputs *inputs, size_t index, struct clm_column *out)
{
    if (!inputs || index >= inputs->column_count)
        return false;
    const struct column *const column = &inputs->columns[index];
    *out = (struct clm_column){.name = column->name,
                               .kind = column->kind,
                               .place = inputs->places[index],
                               .categories = (const char *const *)column->categories,
                               .category_count = column->category_count,
                               .first = column->first,
                               .features = column_width(column),
                               .has_indicator = column->has_indicator,
                               .offset = column->offset,
                               .fill = column->fill};
    return true;
}

const char *clm_inputs_feature(const struct clm_inputs *inputs, size_t feature, char *text, size_t size)
{
    char name[COLUMN_TEXT_SIZE];
    snprintf(text, size, "%s", feature_text(inputs, feature, name));
    return text;
}

double clm_inputs_offset(const struct clm_inputs *inputs, size_t feature)
{
    return inputs && feature < inputs->features ? feature_offset(inputs, feature) : 0;
}
