#include "data/formats/array.h"

#include "base/size.h"
#include "data/table/label_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK              ((size_t)1 << 16)
#define HOST_IS_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#define WHOLE_MAX          9007199254740992.0 /* 2^53: a double holds every whole number up to it */

clm_status array_measure(const char *name, struct array_header *header, struct clm_error *error)
{
    size_t elements = 0;
    bool fits = true;
    header->row = 1;
    for (size_t i = 0; i < header->dimension_count; i++)
        if (!header->dimensions[i])
            return clm_fail(error, CLM_ERROR_FORMAT, "%s: is an empty set: dimension %zu of %zu is 0", name,
                            i, header->dimension_count);
    for (size_t i = 1; i < header->dimension_count; i++)
        fits = fits && size_mul(header->row, header->dimensions[i], &header->row);
    if (fits && size_mul(header->dimensions[0], header->row, &elements) &&
        size_mul(elements, header->item, &header->bytes))
        return CLM_OK;
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: its header promises %zu rows with more elements than can be addressed", name,
                    header->dimensions[0]);
}

/* Checks the header against the stream's size, before memory is allocated for what it promises. */
static clm_status array_check_size(const struct stream *stream, const struct array_header *header,
                                   struct clm_error *error)
{
    const char *const of_type = *header->type ? " of type " : "";
    const size_t bound = stream_bound(stream);
    size_t size;
    const bool fits = size_add(header->start, header->bytes, &size);
    if (stream_is_exact(stream) && (!fits || size != bound))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has %zu bytes, but its header promises %zu rows of %zu elements%s%s, %zu + %zu bytes; it is %s",
            stream_path(stream), bound, header->dimensions[0], header->row, of_type, header->type,
            header->start, header->bytes, !fits || size > bound ? "truncated" : "too long");
    if (!fits || size > bound)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its header promises %zu rows of %zu elements%s%s, %zu bytes, but the file unpacks to at most %zu; it is truncated or damaged",
            stream_path(stream), header->dimensions[0], header->row, of_type, header->type, header->bytes,
            bound);
    if (header->bytes > stream_credit(stream))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its header promises %zu rows of %zu elements%s%s, %zu bytes, too many to be believed of a compressed file of %zu; unpack it first",
            stream_path(stream), header->dimensions[0], header->row, of_type, header->type, header->bytes,
            stream_file_size(stream));
    return CLM_OK;
}

static uint64_t array_load(const unsigned char *item, const struct array_header *header)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < header->item; i++)
        bits |= (uint64_t)item[header->is_big_endian ? header->item - 1 - i : i] << (8 * i);
    return bits;
}

/* Two's complement of `item` bytes. */
static int64_t to_integer(uint64_t bits, size_t item)
{
    const unsigned unused = (unsigned)(64 - 8 * item);
    return (int64_t)(bits << unused) >> unused;
}

/* IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
static double half(uint64_t bits)
{
    const int exponent = (int)(bits >> 10 & 31);
    const double fraction = (double)(bits & 1023), sign = bits >> 15 ? -1 : 1;
    if (exponent == 31)
        return fraction > 0 ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

static double to_double(uint64_t bits, const struct array_header *header)
{
    float narrow;
    double wide;
    const uint32_t low = (uint32_t)bits;
    if (header->kind == ARRAY_INTEGER)
        return (double)to_integer(bits, header->item);
    if (header->kind != ARRAY_FLOAT)
        return (double)bits;
    if (header->item == 2)
        return half(bits);
    memcpy(&narrow, &low, sizeof narrow);
    memcpy(&wide, &bits, sizeof wide);
    return header->item == 4 ? (double)narrow : wide;
}

static float to_float(uint64_t bits, const struct array_header *header)
{
    switch (header->kind) {
    case ARRAY_BOOL:
        return bits != 0;
    case ARRAY_INTEGER:
        return (float)to_integer(bits, header->item);
    case ARRAY_UNSIGNED:
        return (float)bits;
    case ARRAY_FLOAT:
        break;
    }
    return (float)to_double(bits, header);
}

/* Tells the place in C order of each element, while elements come in the file's order. Axes are listed from
 * the fastest to the slowest. */
struct walk {
    size_t count, sizes[ARRAY_DIMENSIONS_MAX], strides[ARRAY_DIMENSIONS_MAX], at[ARRAY_DIMENSIONS_MAX];
    size_t place; /* of the current element */
};

static struct walk walk_start(const struct array_header *header, bool is_channels_last)
{
    size_t strides[ARRAY_DIMENSIONS_MAX], stride = 1;
    struct walk walk = {.count = header->dimension_count};
    for (size_t i = header->dimension_count; i-- > 0;) {
        strides[i] = stride;
        stride *= header->dimensions[i];
    }
    if (is_channels_last) { /* from (row, y, x, channel) to (row, channel, y, x) */
        const size_t *sizes = header->dimensions;
        strides[2] = 1;
        strides[1] = sizes[2];
        strides[3] = sizes[1] * sizes[2];
    }
    for (size_t i = 0; i < walk.count; i++) {
        const size_t axis = header->is_fortran ? i : walk.count - 1 - i;
        walk.sizes[i] = header->dimensions[axis];
        walk.strides[i] = strides[axis];
    }
    return walk;
}

static inline void walk_on(struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++) {
        walk->place += walk->strides[i];
        if (++walk->at[i] < walk->sizes[i])
            return;
        walk->place -= walk->at[i] * walk->strides[i];
        walk->at[i] = 0;
    }
}

/* An array whose elements are being taken. */
struct array_reading {
    struct stream *stream;
    struct array_header header;
    bool is_channels_last;
    struct set *set;
    const double *offsets;      /* (features), subtracted from inputs; NULL: all 0 */
    struct value_range *ranges; /* (features), of inputs whose offsets are wanted */
    struct label_table table;   /* of labels */
};

/* Takes the element whose index in C order is `place`. */
typedef clm_status element_taker(struct array_reading *array, const unsigned char *item, size_t place,
                                 struct clm_error *error);

/* Calls `take` with each element of the array. The stream must end after them. */
static clm_status array_read_elements(struct array_reading *array, element_taker *take,
                                      struct clm_error *error)
{
    const struct array_header *const header = &array->header;
    struct walk walk = walk_start(header, array->is_channels_last);
    unsigned char *chunk = malloc(CHUNK);
    clm_status status = chunk ? CLM_OK : clm_fail_host_memory(error, stream_path(array->stream), CHUNK);
    for (size_t left = header->bytes, size; status == CLM_OK && left; left -= size) {
        size = size_min(left, CHUNK);
        status = stream_fill(array->stream, chunk, size, "its data", error);
        for (size_t i = 0; status == CLM_OK && i < size; i += header->item) {
            status = take(array, chunk + i, walk.place, error);
            walk_on(&walk);
        }
    }
    free(chunk);
    return status == CLM_OK ? stream_expect_end(array->stream, error) : status;
}

static bool are_channels(size_t size)
{
    return size == 1 || size == 3 || size == 4;
}

/* Describes shapes that are of pictures. Returns true if the channels come last; if both ends could be
 * channels, they come first. */
static bool array_find_images(const struct array_header *header, struct set *set)
{
    const size_t *sizes = header->dimensions;
    if (header->dimension_count == 3) {
        set->channels = 1;
        set->height = sizes[1];
        set->width = sizes[2];
    } else if (header->dimension_count == 4 &&
               (header->is_planar || are_channels(sizes[1]) || are_channels(sizes[3]))) {
        const bool is_last = !header->is_planar && !are_channels(sizes[1]);
        set->channels = sizes[is_last ? 3 : 1];
        set->height = sizes[is_last ? 1 : 2];
        set->width = sizes[is_last ? 2 : 3];
        return is_last;
    }
    return false;
}

static clm_status take_byte(struct array_reading *inputs, const unsigned char *item, size_t place,
                            struct clm_error *error)
{
    (void)error;
    ((unsigned char *)inputs->set->values)[place] = *item;
    return CLM_OK;
}

static clm_status check_float(const struct array_reading *inputs, float value, const unsigned char *item,
                              size_t place, struct clm_error *error)
{
    if (isfinite(value))
        return CLM_OK;
    const double wide = to_double(array_load(item, &inputs->header), &inputs->header);
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: the value in row %zu, feature %zu (counted from 0) is %s%.4g; replace or remove such rows",
        stream_path(inputs->stream), place / inputs->set->features, place % inputs->set->features,
        isfinite(wide) ? "more than float32 can hold, " : "", wide);
}

static clm_status take_float(struct array_reading *inputs, const unsigned char *item, size_t place,
                             struct clm_error *error)
{
    const struct array_header *const header = &inputs->header;
    const uint64_t bits = array_load(item, header);
    const float value = inputs->offsets
                            ? (float)(to_double(bits, header) - inputs->offsets[place % header->row])
                            : to_float(bits, header);
    ((float *)inputs->set->values)[place] = value;
    return check_float(inputs, value, item, place, error);
}

/* ---- offsets ---- */

/* Could two different values become the same float32? The pixels of pictures are far from that. */
static bool can_need_offsets(const struct array_header *header)
{
    return header->dimension_count == 2 &&
           (header->item == 8 || (header->item == 4 && header->kind != ARRAY_FLOAT));
}

static clm_status take_range(struct array_reading *inputs, const unsigned char *item, size_t place,
                             struct clm_error *error)
{
    (void)error;
    value_range_add(&inputs->ranges[place % inputs->header.row],
                    to_double(array_load(item, &inputs->header), &inputs->header));
    return CLM_OK;
}

/* Keeps the offsets of the ranges' features, if there are any. */
static clm_status keep_offsets(const struct value_range *ranges, const struct set *set, struct contents *out,
                               const char *path, struct clm_error *error)
{
    struct clm_inputs *const inputs = inputs_create();
    if (inputs)
        inputs->offsets = calloc(set->features, sizeof *inputs->offsets);
    if (!inputs || !inputs->offsets) {
        inputs_free(inputs);
        return clm_fail_host_memory(error, path, set->features * sizeof *inputs->offsets);
    }
    inputs->element = set->element;
    inputs->features = set->features;
    for (size_t f = 0; f < set->features; f++)
        inputs->offsets[f] = value_range_offset(&ranges[f]);
    if (first_with_offset(inputs) < set->features)
        out->inputs = inputs;
    else
        inputs_free(inputs);
    return CLM_OK;
}

/* Reads all values of the training set, to find the offsets of features that float32 could not tell apart. */
static clm_status decide_offsets(struct array_reading *inputs, struct contents *out, struct clm_error *error)
{
    const size_t features = inputs->set->features;
    inputs->ranges = malloc(features * sizeof *inputs->ranges);
    if (!inputs->ranges)
        return clm_fail_host_memory(error, stream_path(inputs->stream), features * sizeof *inputs->ranges);
    for (size_t f = 0; f < features; f++)
        inputs->ranges[f] = value_range_start();
    clm_status status = array_read_elements(inputs, take_range, error);
    if (status == CLM_OK)
        status = keep_offsets(inputs->ranges, inputs->set, out, stream_path(inputs->stream), error);
    free(inputs->ranges);
    inputs->ranges = NULL;
    return status;
}

/* The offsets that the training set or the model has; NULL if there are none. */
static const double *known_offsets(const struct request *request, const struct contents *out,
                                   const struct set *set)
{
    const struct clm_inputs *const known = request->inputs ? request->inputs : out->inputs;
    return known && known->features == set->features ? known->offsets : NULL;
}

/* True if the file holds bytes or float32 in the order of a set. */
static bool is_as_held(const struct array_reading *inputs)
{
    const struct array_header *const header = &inputs->header;
    return (inputs->set->element == ELEMENT_BYTE ||
            (header->kind == ARRAY_FLOAT && header->item == sizeof(float))) &&
           !header->is_fortran && !inputs->is_channels_last && !inputs->offsets;
}

/* True if the elements can be mapped: floats must be aligned, and have the host's byte order. */
static bool can_be_mapped(const struct array_reading *inputs)
{
    return stream_is_file(inputs->stream) && is_as_held(inputs) &&
           (inputs->set->element == ELEMENT_BYTE || (inputs->header.is_big_endian == HOST_IS_BIG_ENDIAN &&
                                                     inputs->header.start % sizeof(float) == 0));
}

/* Checks every value. The pages of a mapped array are given back after each chunk. */
static clm_status check_floats(const struct array_reading *inputs, struct clm_error *error)
{
    const float *const values = inputs->set->values;
    const size_t count = inputs->set->rows * inputs->set->features;
    clm_status status = CLM_OK;
    for (size_t first = 0; status == CLM_OK && first < count; first += CHUNK) {
        const size_t end = size_min(first + CHUNK, count);
        bool are_finite = true;
        for (size_t i = first; i < end; i++)
            are_finite &= isfinite(values[i]);
        for (size_t i = first; !are_finite && status == CLM_OK && i < end; i++)
            status = check_float(inputs, values[i], (const unsigned char *)(values + i), i, error);
        if (inputs->set->mapping.start)
            mapping_forget(values + first, (end - first) * sizeof *values);
    }
    return status;
}

/* Maps the inputs, after which the file must end. */
static clm_status map_inputs(const struct array_reading *inputs, size_t size, struct clm_error *error)
{
    struct set *const set = inputs->set;
    clm_status status;
    if ((status = stream_map(inputs->stream, size, "its data", &set->mapping, &set->values, error)) ||
        (status = stream_expect_end(inputs->stream, error)))
        return status;
    return set->element == ELEMENT_FLOAT ? check_floats(inputs, error) : CLM_OK;
}

/* Reads inputs that are as held, after which the file must end. Floats get the host's byte order. */
static clm_status read_held(struct array_reading *inputs, size_t size, struct clm_error *error)
{
    float *const values = inputs->set->values;
    clm_status status = stream_fill(inputs->stream, values, size, "its data", error);
    if (status == CLM_OK)
        status = stream_expect_end(inputs->stream, error);
    if (status != CLM_OK || inputs->set->element == ELEMENT_BYTE)
        return status;
    for (size_t i = 0; inputs->header.is_big_endian != HOST_IS_BIG_ENDIAN && i < size / sizeof *values; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bits = __builtin_bswap32(bits);
        memcpy(values + i, &bits, sizeof bits);
    }
    inputs->header.is_big_endian = HOST_IS_BIG_ENDIAN;
    return check_floats(inputs, error);
}

/* Describes the inputs in their set. */
static clm_status describe_inputs(struct array_reading *inputs, struct clm_error *error)
{
    const struct array_header *const header = &inputs->header;
    struct set *const set = inputs->set;
    if (header->dimension_count == 1)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has one dimension, as labels have, but inputs are (rows, features); name the inputs, or reshape them to (%zu, 1)",
            stream_path(inputs->stream), header->dimensions[0]);
    inputs->is_channels_last = array_find_images(header, set);
    set->rows = header->dimensions[0];
    set->features = header->row;
    set->element = header->kind == ARRAY_UNSIGNED && header->item == 1 ? ELEMENT_BYTE : ELEMENT_FLOAT;
    if (set->rows > UINT32_MAX)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: %zu rows are more than can be numbered",
                        stream_path(inputs->stream), set->rows);
    return CLM_OK;
}

static clm_status array_read_inputs(struct array_reading *inputs, struct clm_error *error)
{
    struct stream *const stream = inputs->stream;
    struct set *const set = inputs->set;
    size_t size = 0;
    const size_t labelled = set->rows;
    clm_status status = describe_inputs(inputs, error);
    if (status != CLM_OK)
        return status;
    if (set->rows != labelled) {
        set->rows = labelled; /* the number of set->labels */
        return clm_fail(error, CLM_ERROR_IO, "%s: changed while it was read; try again", stream_path(stream));
    }
    const bool is_byte = set->element == ELEMENT_BYTE;
    const bool has_size = size_mul(set->rows * set->features, is_byte ? 1 : sizeof(float), &size);
    if (has_size && can_be_mapped(inputs))
        return map_inputs(inputs, size, error);
    if (has_size && (status = allow_memory(set->memory, stream_path(stream), size, error)))
        return status;
    if (has_size)
        set->values = malloc(size);
    if (!set->values)
        return clm_fail_host_memory(error, stream_path(stream), size);
    if (is_as_held(inputs))
        return read_held(inputs, size, error);
    return array_read_elements(inputs, is_byte ? take_byte : take_float, error);
}

static clm_status fail_label(const struct array_reading *labels, size_t row, const unsigned char *item,
                             const char *what, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: row %zu (counted from 0): %.9g %s",
                    stream_path(labels->stream), row,
                    to_double(array_load(item, &labels->header), &labels->header), what);
}

static clm_status take_class(struct array_reading *labels, const unsigned char *item, size_t place,
                             struct clm_error *error)
{
    (void)error;
    labels->set->labels[place] = (uint32_t)array_load(item, &labels->header);
    return CLM_OK;
}

static clm_status take_label(struct array_reading *labels, const unsigned char *item, size_t place,
                             struct clm_error *error)
{
    const struct array_header *header = &labels->header;
    const uint64_t bits = array_load(item, header);
    int64_t label = 0;
    if (place % header->row)
        return CLM_OK; /* not the first of its row */
    place /= header->row;
    bool is_label = true;
    if (header->kind == ARRAY_FLOAT) {
        const double value = to_double(bits, header);
        is_label = fabs(value) <= WHOLE_MAX && value == floor(value);
        label = is_label ? (int64_t)value : 0;
    } else if (header->kind == ARRAY_INTEGER) {
        label = to_integer(bits, header->item);
    } else {
        is_label = bits <= INT64_MAX;
        label = header->kind == ARRAY_BOOL ? bits != 0 : (int64_t)bits;
    }
    if (!is_label)
        return fail_label(labels, place, item, "is no label: labels are whole numbers", error);
    return label_table_add_integer(&labels->table, label, place, labels->set->labels + place, error);
}

static clm_status take_one_hot(struct array_reading *labels, const unsigned char *item, size_t place,
                               struct clm_error *error)
{
    const size_t row = place / labels->header.row, column = place % labels->header.row;
    const double value = to_double(array_load(item, &labels->header), &labels->header);
    uint32_t *const label = labels->set->labels + row;
    if (value == 0)
        return CLM_OK;
    if (value != 1)
        return fail_label(labels, row, item, "is among its labels, but one-hot labels are 0 and 1", error);
    if (*label != CLM_NO_LABEL)
        return fail_label(labels, row, item, "is there twice, but one-hot labels have one 1", error);
    *label = (uint32_t)column;
    return CLM_OK;
}

static clm_status read_one_hot(struct array_reading *labels, const struct request *request,
                               struct contents *out, struct clm_error *error)
{
    const struct set *set = labels->set;
    const size_t classes = labels->header.row;
    if (request->classes && request->classes != classes)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: has one-hot labels of %zu classes, but the training set has %zu",
                        stream_path(labels->stream), classes, request->classes);
    memset(set->labels, 0xff, set->rows * sizeof *set->labels);
    const clm_status status = array_read_elements(labels, take_one_hot, error);
    if (status != CLM_OK)
        return status;
    for (size_t r = 0; r < set->rows; r++)
        if (set->labels[r] == CLM_NO_LABEL)
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: row %zu (counted from 0) has no 1, but one-hot labels have one",
                            stream_path(labels->stream), r);
    out->classes = classes;
    return CLM_OK;
}

static clm_status check_shape(const struct array_reading *labels, const char *inputs, struct clm_error *error)
{
    const struct array_header *const header = &labels->header;
    if (header->dimensions[0] != labels->set->rows)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: has %zu labels for %zu rows of inputs in %s",
                        stream_path(labels->stream), header->dimensions[0], labels->set->rows, inputs);
    if (header->dimension_count > 2 || header->row > LABEL_CLASSES_MAX)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has %zu dimensions, %zu elements per row, but labels are (rows), (rows, 1) or one-hot (rows, classes) with up to %d classes",
            stream_path(labels->stream), header->dimension_count, header->row, LABEL_CLASSES_MAX);
    return CLM_OK;
}

static clm_status array_read_labels(struct array_reading *labels, const struct request *request,
                                    struct contents *out, struct clm_error *error)
{
    struct set *const set = labels->set;
    const char *const path = stream_path(labels->stream);
    clm_status status = set_make_labels(set, set->rows, path, error);
    if (status != CLM_OK)
        return status;
    if (labels->header.are_classes)
        return array_read_elements(labels, take_class, error);
    if (labels->header.row > 1 && !labels->header.is_first)
        return read_one_hot(labels, request, out, error);
    labels->table = (struct label_table){.path = path, .unit = "row"};
    status = array_read_elements(labels, take_label, error);
    if (status == CLM_OK)
        status = label_table_finish(&labels->table, request, set->labels, set->rows, out, error);
    label_table_free(&labels->table);
    return status;
}

static clm_status leave_unlabelled(struct set *set, const char *path, struct clm_error *error)
{
    const clm_status status = set_make_labels(set, set->rows, path, error);
    for (size_t r = 0; status == CLM_OK && r < set->rows; r++)
        set->labels[r] = CLM_NO_LABEL;
    return status;
}

static clm_status take_target(struct array_reading *labels, const unsigned char *item, size_t place,
                              struct clm_error *error)
{
    (void)error;
    labels->set->targets[place] = to_double(array_load(item, &labels->header), &labels->header);
    return CLM_OK;
}

/* Reads numbers to predict, one or several of each row, in place of labels. */
static clm_status array_read_targets(struct array_reading *labels, struct clm_error *error)
{
    struct set *const set = labels->set;
    const char *const path = stream_path(labels->stream);
    const clm_status status = leave_unlabelled(set, path, error);
    if (status != CLM_OK)
        return status;
    set->target_count = labels->header.row;
    set->targets = calloc(set->rows, set->target_count * sizeof *set->targets);
    return set->targets ? array_read_elements(labels, take_target, error)
                        : clm_fail_host_memory(error, path, set->rows * set->target_count * sizeof(double));
}

clm_status array_read_pair(array_opener *open, void *user, const char *inputs, const char *labels,
                           const struct request *request, enum clm_part part, struct contents *out,
                           struct clm_error *error)
{
    enum { SHAPE, LABELS, RANGES, INPUTS, STEPS };
    const bool is_train = part == CLM_TRAIN, decides = is_train && !request->inputs;
    struct set *const set = contents_part(out, part);
    struct contents unused = {0};
    struct request wanted = *request;
    bool needs_ranges = false;
    clm_status status = CLM_OK;
    if (!is_train && !wanted.classes && out->train.rows) {
        wanted.classes = contents_class_count(out);
        wanted.class_names = (const char *const *)out->class_names;
    }
    /* labels before inputs: a small file can promise many inputs, which are unpacked only if the number of
     * labels agrees */
    for (int step = SHAPE; status == CLM_OK && step < STEPS; step++) {
        struct array_reading array = {.set = set};
        if (step == LABELS && !labels) {
            status = leave_unlabelled(set, inputs, error);
            continue;
        }
        if (step == RANGES && !needs_ranges)
            continue;
        status =
            open(user, step == LABELS ? labels : inputs, step == LABELS, &array.stream, &array.header, error);
        if (status == CLM_OK)
            status = array_check_size(array.stream, &array.header, error);
        if (status == CLM_OK && step == LABELS)
            status = check_shape(&array, inputs, error);
        array.offsets = known_offsets(request, out, set);
        if (status == CLM_OK)
            status = step == SHAPE ? describe_inputs(&array, error)
                     : step == LABELS && request_has_targets(request) && !array.header.are_classes
                         ? array_read_targets(&array, error)
                     : step == LABELS ? array_read_labels(&array, &wanted, is_train ? out : &unused, error)
                     : step == RANGES ? decide_offsets(&array, out, error)
                                      : array_read_inputs(&array, error);
        needs_ranges = decides && step == SHAPE ? can_need_offsets(&array.header) : needs_ranges;
        stream_close(array.stream);
    }
    if (status == CLM_OK && is_train && request->inputs && request->inputs->offsets)
        out->inputs = inputs_share(request->inputs);
    contents_free(&unused);
    return status;
}
