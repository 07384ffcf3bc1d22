#include "data/formats/npy_array.h"

#include "base/size.h"
#include "data/formats/label_table.h"
#include "data/formats/npy_header.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK     ((size_t)1 << 16)
#define WHOLE_MAX 9007199254740992.0 /* 2^53: a double holds every whole number up to it */

static clm_status npy_array_fill(struct stream *stream, void *bytes, size_t size, const char *what,
                                 struct clm_error *error)
{
    size_t got = 0;
    const clm_status status = stream_read(stream, bytes, size, &got, error);
    if (status == CLM_OK && got < size)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: ends early: of the %zu bytes of %s, only %zu are there; the file is truncated",
                        stream_path(stream), size, what, got);
    return status;
}

static clm_status expect_end(struct stream *stream, struct clm_error *error)
{
    unsigned char byte;
    size_t got = 0;
    const clm_status status = stream_read(stream, &byte, 1, &got, error);
    if (status == CLM_OK && got)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: has more bytes than its header promises; it is not the array it should be",
                        stream_path(stream));
    return status;
}

/* Checks the header against the stream's size, before memory is allocated for what it promises. */
static clm_status npy_array_check_size(struct stream *stream, const struct npy_header *header,
                                       size_t header_size, struct clm_error *error)
{
    size_t size;
    const bool fits = size_add(header_size, header->bytes, &size);
    if (stream_is_exact(stream) && (!fits || size != stream_bound(stream)))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has %zu bytes, but its header promises %zu rows of %zu elements of type %s, %zu + %zu bytes; it is %s",
            stream_path(stream), stream_bound(stream), header->dimensions[0], header->row, header->type,
            header_size, header->bytes, !fits || size > stream_bound(stream) ? "truncated" : "too long");
    if (!fits || size > stream_bound(stream))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its header promises %zu rows of %zu elements of type %s, %zu bytes, but the file unpacks to at most %zu; it is truncated or damaged",
            stream_path(stream), header->dimensions[0], header->row, header->type, header->bytes,
            stream_bound(stream));
    return CLM_OK;
}

static clm_status npy_array_read_header(struct stream *stream, struct npy_header *header,
                                        struct clm_error *error)
{
    unsigned char prefix[NPY_PREFIX_SIZE], bytes[4] = {0};
    size_t length_size = 0;
    char *text = NULL;
    clm_status status;
    if ((status = npy_array_fill(stream, prefix, sizeof prefix, "a NumPy array's beginning", error)) ||
        (status = npy_header_start(stream_path(stream), prefix, &length_size, error)) ||
        (status = npy_array_fill(stream, bytes, length_size, "its header's length", error)))
        return status;
    const size_t length =
        (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    if (length > NPY_HEADER_MAX || length > stream_bound(stream))
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: its header has %zu bytes, but at most %zu are read; it is no plain array",
                        stream_path(stream), length, size_min(NPY_HEADER_MAX, stream_bound(stream)));
    text = malloc(length + 1);
    if (!text)
        return clm_fail_host_memory(error, stream_path(stream), length);
    text[length] = '\0';
    if ((status = npy_array_fill(stream, text, length, "its header", error)) ||
        (status = npy_header_parse(stream_path(stream), text, length, header, error)) ||
        (status = npy_array_check_size(stream, header, NPY_PREFIX_SIZE + length_size + length, error)))
        goto cleanup;
    header->start = NPY_PREFIX_SIZE + length_size + length;
cleanup:
    free(text);
    return status;
}

static uint64_t npy_array_load(const unsigned char *item, const struct npy_header *header)
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

static double to_double(uint64_t bits, size_t item)
{
    float narrow;
    double wide;
    const uint32_t low = (uint32_t)bits;
    if (item == 2)
        return half(bits);
    memcpy(&narrow, &low, sizeof narrow);
    memcpy(&wide, &bits, sizeof wide);
    return item == 4 ? (double)narrow : wide;
}

static float to_float(const unsigned char *item, const struct npy_header *header)
{
    const uint64_t bits = npy_array_load(item, header);
    switch (header->kind) {
    case NPY_BOOL:
        return bits != 0;
    case NPY_INTEGER:
        return (float)to_integer(bits, header->item);
    case NPY_UNSIGNED:
        return (float)bits;
    case NPY_FLOAT:
        break;
    }
    return (float)to_double(bits, header->item);
}

/* Tells the place in C order of each element, while elements come in the file's order. Axes are listed from
 * the fastest to the slowest. */
struct walk {
    size_t count, sizes[NPY_DIMENSIONS_MAX], strides[NPY_DIMENSIONS_MAX], at[NPY_DIMENSIONS_MAX];
    size_t place; /* of the current element */
};

static struct walk walk_start(const struct npy_header *header, bool is_channels_last)
{
    size_t strides[NPY_DIMENSIONS_MAX], stride = 1;
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

/* Calls `take` with each element of the array and its place in C order. The stream must end after them. */
static clm_status npy_array_read_elements(struct stream *stream, const struct npy_header *header,
                                          bool is_channels_last,
                                          clm_status (*take)(void *user, const unsigned char *item,
                                                             size_t place, struct clm_error *error),
                                          void *user, struct clm_error *error)
{
    struct walk walk = walk_start(header, is_channels_last);
    unsigned char *chunk = malloc(CHUNK);
    clm_status status = chunk ? CLM_OK : clm_fail_host_memory(error, stream_path(stream), CHUNK);
    for (size_t left = header->bytes, size; status == CLM_OK && left; left -= size) {
        size = size_min(left, CHUNK);
        status = npy_array_fill(stream, chunk, size, "its data", error);
        for (size_t i = 0; status == CLM_OK && i < size; i += header->item) {
            status = take(user, chunk + i, walk.place, error);
            walk_on(&walk);
        }
    }
    free(chunk);
    return status == CLM_OK ? expect_end(stream, error) : status;
}

static bool are_channels(size_t size)
{
    return size == 1 || size == 3 || size == 4;
}

/* Describes shapes that are of pictures. Returns true if the channels come last; if both ends could be
 * channels, they come first. */
static bool npy_array_find_images(const struct npy_header *header, struct set *set)
{
    const size_t *sizes = header->dimensions;
    if (header->dimension_count == 3) {
        set->channels = 1;
        set->height = sizes[1];
        set->width = sizes[2];
    } else if (header->dimension_count == 4 && (are_channels(sizes[1]) || are_channels(sizes[3]))) {
        const bool is_last = !are_channels(sizes[1]);
        set->channels = sizes[is_last ? 3 : 1];
        set->height = sizes[is_last ? 1 : 2];
        set->width = sizes[is_last ? 2 : 3];
        return is_last;
    }
    return false;
}

/* The arguments of what takes elements. */
struct array_reading {
    struct stream *stream;
    const struct npy_header *header;
    struct set *set;
    struct label_table *table; /* of labels */
};

static clm_status take_byte(void *user, const unsigned char *item, size_t place, struct clm_error *error)
{
    const struct array_reading *inputs = user;
    (void)error;
    ((unsigned char *)inputs->set->values)[place] = *item;
    return CLM_OK;
}

static clm_status check_float(const struct array_reading *inputs, float value, const unsigned char *item,
                              size_t place, struct clm_error *error)
{
    if (isfinite(value))
        return CLM_OK;
    const double wide = to_double(npy_array_load(item, inputs->header), inputs->header->item);
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: the value in row %zu, feature %zu (counted from 0) is %s%.4g; replace or remove such rows",
        stream_path(inputs->stream), place / inputs->set->features, place % inputs->set->features,
        isfinite(wide) ? "more than float32 can hold, " : "", wide);
}

static clm_status take_float(void *user, const unsigned char *item, size_t place, struct clm_error *error)
{
    const struct array_reading *inputs = user;
    const float value = to_float(item, inputs->header);
    ((float *)inputs->set->values)[place] = value;
    return check_float(inputs, value, item, place, error);
}

/* True if the file holds the elements as a set does, so that they can be mapped. Floats are little-endian in
 * such files, so the host must be. */
static bool is_as_held(const struct npy_header *header, bool is_channels_last)
{
    static const uint16_t one = 1;
    const bool is_byte = header->kind == NPY_UNSIGNED && header->item == 1;
    const bool is_float = header->kind == NPY_FLOAT && header->item == sizeof(float) &&
                          !header->is_big_endian && *(const unsigned char *)&one == 1;
    return (is_byte || (is_float && header->start % sizeof(float) == 0)) && !header->is_fortran &&
           !is_channels_last;
}

/* Checks every value of a mapped array. Pages are given back after each chunk. */
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
        mapping_forget(values + first, (end - first) * sizeof *values);
    }
    return status;
}

/* Maps the inputs, after which the file must end. */
static clm_status map_inputs(struct array_reading *inputs, size_t size, struct clm_error *error)
{
    struct stream *const stream = inputs->stream;
    struct set *const set = inputs->set;
    clm_status status;
    if ((status = stream_map(stream, size, "its data", &set->mapping, &set->values, error)) ||
        (status = expect_end(stream, error)))
        return status;
    return set->element == ELEMENT_FLOAT ? check_floats(inputs, error) : CLM_OK;
}

/* Reads the header of the inputs and describes them in *set. */
static clm_status describe_inputs(struct stream *stream, struct npy_header *header, bool *is_channels_last,
                                  struct set *set, struct clm_error *error)
{
    const clm_status status = npy_array_read_header(stream, header, error);
    if (status != CLM_OK)
        return status;
    if (header->dimension_count == 1)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has one dimension, as labels have, but inputs are (rows, features); name the inputs, or reshape them to (%zu, 1)",
            stream_path(stream), header->dimensions[0]);
    *is_channels_last = npy_array_find_images(header, set);
    set->rows = header->dimensions[0];
    set->features = header->row;
    set->element = header->kind == NPY_UNSIGNED && header->item == 1 ? ELEMENT_BYTE : ELEMENT_FLOAT;
    if (set->rows > UINT32_MAX)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: %zu rows are more than can be numbered",
                        stream_path(stream), set->rows);
    return CLM_OK;
}

static clm_status npy_look_at_inputs(struct stream *stream, struct set *set, struct clm_error *error)
{
    struct npy_header header;
    bool is_channels_last;
    return describe_inputs(stream, &header, &is_channels_last, set, error);
}

static clm_status npy_read_inputs(struct stream *stream, struct set *set, struct clm_error *error)
{
    struct npy_header header;
    struct array_reading inputs = {stream, &header, set, NULL};
    bool is_channels_last = false;
    size_t size = 0;
    const size_t labelled = set->rows;
    clm_status status = describe_inputs(stream, &header, &is_channels_last, set, error);
    if (status != CLM_OK)
        return status;
    if (set->rows != labelled) {
        set->rows = labelled; /* the number of set->labels */
        return clm_fail(error, CLM_ERROR_IO, "%s: changed while it was read; try again", stream_path(stream));
    }
    const bool is_byte = set->element == ELEMENT_BYTE;
    const bool has_size = size_mul(set->rows * set->features, is_byte ? 1 : sizeof(float), &size);
    if (has_size && stream_is_file(stream) && is_as_held(&header, is_channels_last))
        return map_inputs(&inputs, size, error);
    if (has_size && (status = allow_memory(set->memory, stream_path(stream), size, error)))
        return status;
    if (has_size)
        set->values = malloc(size);
    if (!set->values)
        return clm_fail_host_memory(error, stream_path(stream), size);
    if (is_byte && !header.is_fortran && !is_channels_last) {
        status = npy_array_fill(stream, set->values, size, "its data", error);
        return status == CLM_OK ? expect_end(stream, error) : status;
    }
    return npy_array_read_elements(stream, &header, is_channels_last, is_byte ? take_byte : take_float,
                                   &inputs, error);
}

static clm_status fail_label(const struct array_reading *labels, size_t row, const unsigned char *item,
                             const char *what, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_FORMAT, "%s: row %zu (counted from 0): %.9g %s",
                    stream_path(labels->stream), row,
                    labels->header->kind == NPY_FLOAT
                        ? to_double(npy_array_load(item, labels->header), labels->header->item)
                        : (double)to_float(item, labels->header),
                    what);
}

static clm_status take_label(void *user, const unsigned char *item, size_t place, struct clm_error *error)
{
    const struct array_reading *labels = user;
    const struct npy_header *header = labels->header;
    const uint64_t bits = npy_array_load(item, header);
    int64_t label = 0;
    bool is_label = true;
    if (header->kind == NPY_FLOAT) {
        const double value = to_double(bits, header->item);
        is_label = fabs(value) <= WHOLE_MAX && value == floor(value);
        label = is_label ? (int64_t)value : 0;
    } else if (header->kind == NPY_INTEGER) {
        label = to_integer(bits, header->item);
    } else {
        is_label = bits <= INT64_MAX;
        label = header->kind == NPY_BOOL ? bits != 0 : (int64_t)bits;
    }
    if (!is_label)
        return fail_label(labels, place, item, "is no label: labels are whole numbers", error);
    return label_table_add_integer(labels->table, label, place, labels->set->labels + place, error);
}

/* Marks a row in which no 1 was found yet. */
#define UNLABELLED UINT32_MAX

static clm_status take_one_hot(void *user, const unsigned char *item, size_t place, struct clm_error *error)
{
    const struct array_reading *labels = user;
    const size_t row = place / labels->header->row, column = place % labels->header->row;
    const double value = labels->header->kind == NPY_FLOAT
                             ? to_double(npy_array_load(item, labels->header), labels->header->item)
                             : (double)to_float(item, labels->header);
    uint32_t *const label = labels->set->labels + row;
    if (value == 0)
        return CLM_OK;
    if (value != 1)
        return fail_label(labels, row, item, "is among its labels, but one-hot labels are 0 and 1", error);
    if (*label != UNLABELLED)
        return fail_label(labels, row, item, "is there twice, but one-hot labels have one 1", error);
    *label = (uint32_t)column;
    return CLM_OK;
}

static clm_status read_one_hot(struct array_reading *labels, const struct request *request,
                               struct contents *out, struct clm_error *error)
{
    const struct set *set = labels->set;
    const size_t classes = labels->header->row;
    if (request->classes && request->classes != classes)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: has one-hot labels of %zu classes, but the training set has %zu",
                        stream_path(labels->stream), classes, request->classes);
    memset(set->labels, 0xff, set->rows * sizeof *set->labels);
    const clm_status status =
        npy_array_read_elements(labels->stream, labels->header, false, take_one_hot, labels, error);
    if (status != CLM_OK)
        return status;
    for (size_t r = 0; r < set->rows; r++)
        if (set->labels[r] == UNLABELLED)
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: row %zu (counted from 0) has no 1, but one-hot labels have one",
                            stream_path(labels->stream), r);
    out->classes = classes;
    return CLM_OK;
}

static clm_status check_shape(struct stream *stream, const struct npy_header *header, const struct set *set,
                              struct clm_error *error)
{
    if (header->dimensions[0] != set->rows)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: has %zu labels for %zu rows of inputs",
                        stream_path(stream), header->dimensions[0], set->rows);
    if (header->dimension_count > 2 || header->row > LABEL_CLASSES_MAX)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has %zu dimensions, %zu elements per row, but labels are (rows), (rows, 1) or one-hot (rows, classes) with up to %d classes",
            stream_path(stream), header->dimension_count, header->row, LABEL_CLASSES_MAX);
    return CLM_OK;
}

static clm_status npy_read_labels(struct stream *stream, const struct request *request, struct set *set,
                                  struct contents *out, struct clm_error *error)
{
    struct npy_header header;
    struct array_reading labels = {stream, &header, set, label_table_create(stream_path(stream), "row")};
    clm_status status;
    if (!labels.table)
        return clm_fail_host_memory(error, stream_path(stream), sizeof labels);
    if ((status = npy_array_read_header(stream, &header, error)) ||
        (status = check_shape(stream, &header, set, error)) ||
        (status = set_make_labels(set, set->rows, stream_path(stream), error)))
        goto cleanup;
    if (header.row > 1) {
        status = read_one_hot(&labels, request, out, error);
        goto cleanup;
    }
    if ((status = npy_array_read_elements(stream, &header, false, take_label, &labels, error)) ||
        (status = label_table_finish(labels.table, request, set->labels, set->rows, out, error)))
        goto cleanup;
cleanup:
    label_table_free(labels.table);
    return status;
}

clm_status npy_read_pair(npy_opener *open, void *user, const char *inputs, const char *labels,
                         const struct request *request, bool is_train, struct contents *out,
                         struct clm_error *error)
{
    enum { SHAPE, LABELS, INPUTS, STEPS };
    struct set *const set = is_train ? &out->train : &out->test;
    struct contents unused = {0};
    struct request wanted = *request;
    clm_status status = CLM_OK;
    if (!is_train && !wanted.classes && out->train.rows) {
        wanted.classes = contents_class_count(out);
        wanted.class_names = (const char *const *)out->class_names;
    }
    /* labels before inputs: a small file can promise many inputs, which are unpacked only if the number of
     * labels agrees */
    for (int step = SHAPE; status == CLM_OK && step < STEPS; step++) {
        struct stream *stream = NULL;
        status = open(user, step == LABELS ? labels : inputs, &stream, error);
        if (status == CLM_OK)
            status = step == SHAPE    ? npy_look_at_inputs(stream, set, error)
                     : step == LABELS ? npy_read_labels(stream, &wanted, set, is_train ? out : &unused, error)
                                      : npy_read_inputs(stream, set, error);
        stream_close(stream);
    }
    contents_free(&unused);
    return status;
}
