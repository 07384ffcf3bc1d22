#include "nn/safetensors.h"

#include "base/file.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The format's own limit on a header. */
#define HEADER_MAX ((size_t)100 * 1000 * 1000)
/* Lists, objects and what is in them, each of which takes memory; the deepest net has a fifth of them. */
#define ITEMS_MAX   500000
#define LENGTH_SIZE 8 /* bytes of the header's length, which a file begins with */
#define METADATA    "__metadata__"
#define SHOWN_SIZE  104 /* of a name in a sentence */

/* ---- types of elements; safetensors is little-endian ---- */

struct safetensors_type {
    const char *name;
    size_t size; /* bytes of an element */
    double (*read)(const unsigned char *bytes);
};

static uint64_t read_bits(const unsigned char *bytes, size_t size)
{
    uint64_t bits = 0;
    memcpy(&bits, bytes, size);
    return le64toh(bits);
}

static double read_f64(const unsigned char *bytes)
{
    const uint64_t bits = read_bits(bytes, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double read_f32_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static double read_f32(const unsigned char *bytes)
{
    return read_f32_bits((uint32_t)read_bits(bytes, 4));
}

/* The upper half of a float32. */
static double read_bf16(const unsigned char *bytes)
{
    return read_f32_bits((uint32_t)read_bits(bytes, 2) << 16);
}

/* IEEE 754's binary16: a sign, 5 bits of exponent, 10 of the fraction. */
static double read_f16(const unsigned char *bytes)
{
    const unsigned bits = (unsigned)read_bits(bytes, 2), fraction = bits & 0x3ff;
    const int exponent = bits >> 10 & 0x1f;
    const double size = exponent == 0x1f ? (fraction ? (double)NAN : HUGE_VAL)
                        : exponent       ? ldexp(fraction + 1024.0, exponent - 25)
                                         : ldexp(fraction, -24);
    return bits & 0x8000 ? -size : size;
}

/* PyTorch counts batches with it. */
static double read_i64(const unsigned char *bytes)
{
    return (double)(int64_t)read_bits(bytes, 8);
}

static const struct safetensors_type types[] = {{"F32", 4, read_f32},
                                                {"F64", 8, read_f64},
                                                {"F16", 2, read_f16},
                                                {"BF16", 2, read_bf16},
                                                {"I64", 8, read_i64}};

static const struct safetensors_type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, name))
            return &types[i];
    return NULL;
}

/* Both ways, and nothing at all on a little-endian host. */
static void swap_to_host(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bits = le32toh(bits);
        memcpy(values + i, &bits, sizeof bits);
    }
}

static void swap_doubles_to_host(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bits = le64toh(bits);
        memcpy(values + i, &bits, sizeof bits);
    }
}

static size_t element_size(const struct safetensor *tensor)
{
    return tensor->doubles ? sizeof(double) : sizeof(float);
}

const char *safetensor_shape_text(char text[SAFETENSOR_SHAPE_TEXT], const size_t *shape, size_t count)
{
    size_t at = 0;
    for (size_t d = 0; d < count; d++)
        at += (size_t)snprintf(text + at, SAFETENSOR_SHAPE_TEXT - at, "%s%zu", d ? "," : "(", shape[d]);
    snprintf(text + at, SAFETENSOR_SHAPE_TEXT - at, count ? ")" : "()");
    return text;
}

void safetensors_free(struct safetensors *file)
{
    for (size_t i = 0; i < file->count; i++)
        free(file->tensors[i].name);
    free(file->tensors);
    json_decref(file->metadata);
    free(file->block);
    *file = (struct safetensors){0};
}

const struct safetensor *safetensors_find(const struct safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (!strcmp(file->tensors[i].name, name))
            return file->tensors + i;
    return NULL;
}

/* A JSON integer from 0 on. */
static bool safetensors_read_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uintmax_t)json_integer_value(value) > SIZE_MAX)
        return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

static clm_status read_shape(const char *path, const char *name, const json_t *shape,
                             struct safetensor *tensor, struct clm_error *error)
{
    if (!json_is_array(shape))
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: tensor %.100s has no list \"shape\"", path, name);
    tensor->dimension_count = json_array_size(shape);
    tensor->count = 1;
    if (tensor->dimension_count > SAFETENSORS_DIMENSIONS_MAX)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: tensor %.100s has %zu dimensions, more than the %d that are understood", path,
                        name, tensor->dimension_count, SAFETENSORS_DIMENSIONS_MAX);
    for (size_t i = 0; i < tensor->dimension_count; i++) {
        if (!safetensors_read_size(json_array_get(shape, i), tensor->shape + i))
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: tensor %.100s has a shape whose dimension %zu is no integer from 0 on", path,
                            name, i);
        if (!size_mul(tensor->count, tensor->shape[i], &tensor->count))
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: tensor %.100s has a shape with more elements than memory has addresses",
                            path, name);
    }
    return CLM_OK;
}

/* `name` is the tensor's as it can be shown. */
static clm_status safetensors_read_tensor(const char *path, const char *name, const json_t *about,
                                          size_t data_size, struct safetensor *tensor,
                                          struct clm_error *error)
{
    size_t size, end;
    char shown[24];
    const json_t *type = json_object_get(about, "dtype"), *range = json_object_get(about, "data_offsets");
    if (!json_is_string(type))
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: tensor %.100s has no string \"dtype\"", path, name);
    tensor->type = find_type(json_string_value(type));
    if (!tensor->type)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: tensor %.100s is of type %s; F64, F32, F16, BF16 and I64 are read, so convert it first",
            path, name, text_show(shown, sizeof shown, json_string_value(type), json_string_length(type)));
    const clm_status status = read_shape(path, name, json_object_get(about, "shape"), tensor, error);
    if (status != CLM_OK)
        return status;
    if (json_array_size(range) != 2 || !safetensors_read_size(json_array_get(range, 0), &tensor->begin) ||
        !safetensors_read_size(json_array_get(range, 1), &end))
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: tensor %.100s has no \"data_offsets\" of two integers from 0 on", path, name);
    if (tensor->begin > end || end > data_size)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: tensor %.100s lies in bytes %zu to %zu of data that has %zu bytes", path, name,
                        tensor->begin, end, data_size);
    if (!size_mul(tensor->count, tensor->type->size, &size) || end - tensor->begin != size)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: tensor %.100s has %zu elements of %zu bytes, and %zu bytes in the file", path,
                        name, tensor->count, tensor->type->size, end - tensor->begin);
    return CLM_OK;
}

static clm_status safetensors_read_metadata(const char *path, json_t *about, struct safetensors *out,
                                            struct clm_error *error)
{
    char shown[SHOWN_SIZE];
    const char *key;
    json_t *value;
    if (!json_is_object(about))
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: " METADATA " is no object", path);
    json_object_foreach(about, key, value)
    {
        if (!json_is_string(value))
            return clm_fail(error, CLM_ERROR_FORMAT, "%s: " METADATA " has a %s that is no string", path,
                            text_show(shown, sizeof shown, key, strlen(key)));
    }
    json_decref(out->metadata);
    out->metadata = json_incref(about);
    return CLM_OK;
}

static int by_place(const void *left, const void *right)
{
    const struct safetensor *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return (a->count > b->count) - (a->count < b->count);
}

/* The ranges of the tensors, in order, must cover the data without a gap and without an overlap. */
static clm_status check_cover(const char *path, const struct safetensors *file, size_t data_size,
                              struct clm_error *error)
{
    size_t end = 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensor *const tensor = &file->tensors[i];
        char shown[SHOWN_SIZE];
        if (tensor->begin != end)
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: tensor %s begins at byte %zu of the data, where %zu is due: tensors must neither overlap nor leave gaps",
                path, text_show(shown, sizeof shown, tensor->name, strlen(tensor->name)), tensor->begin, end);
        end += tensor->count * tensor->type->size;
    }
    if (end != data_size)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: its tensors need %zu bytes of data, and it has %zu",
                        path, end, data_size);
    return CLM_OK;
}

/* Fills the tensors, in the order of their bytes, from the header; they have no values yet. */
static clm_status read_tensors(const char *path, json_t *header, size_t data_size, struct safetensors *out,
                               struct clm_error *error)
{
    clm_status status = CLM_OK;
    const char *name;
    json_t *about;
    json_object_foreach(header, name, about)
    {
        struct safetensor *const tensor = &out->tensors[out->count];
        char shown[SHOWN_SIZE];
        text_show(shown, sizeof shown, name, strlen(name));
        if (!strcmp(name, METADATA))
            status = safetensors_read_metadata(path, about, out, error);
        else if ((status = safetensors_read_tensor(path, shown, about, data_size, tensor, error)) == CLM_OK) {
            tensor->name = strdup(name);
            status = tensor->name ? CLM_OK : clm_fail_host_memory(error, path, strlen(name) + 1);
            out->count += tensor->name != NULL;
        }
        if (status != CLM_OK)
            return status;
    }
    qsort(out->tensors, out->count, sizeof *out->tensors, by_place);
    return check_cover(path, out, data_size, error);
}

/* The header's length, checked, so that bytes + LENGTH_SIZE + *length is inside the file. */
static clm_status read_length(const char *path, const unsigned char *bytes, size_t size, size_t *length,
                              struct clm_error *error)
{
    uint64_t stored;
    if (size < LENGTH_SIZE)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: has %zu bytes, fewer than the 8 that a safetensors file begins with", path,
                        size);
    memcpy(&stored, bytes, sizeof stored);
    stored = le64toh(stored);
    if (stored > size && stored > HEADER_MAX)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: it is no safetensors file: such a file begins with the length of its header, and these %zu bytes begin with something else; check that it is the right file",
            path, size);
    if (stored > HEADER_MAX || stored > size - LENGTH_SIZE)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its first 8 bytes promise a header of %ju bytes, and at most %zu can follow: it is no safetensors file, or a truncated one",
            path, (uintmax_t)stored, size_min(HEADER_MAX, size - LENGTH_SIZE));
    *length = (size_t)stored;
    return CLM_OK;
}

/* At least as many as there are lists, objects, and values in them. */
static size_t count_items(const char *text, size_t length)
{
    bool is_string = false;
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            is_string = !is_string;
        else if (is_string)
            i += text[i] == '\\';
        else
            count += text[i] == '{' || text[i] == '[' || text[i] == ',';
    }
    return count;
}

static clm_status parse_header(const char *path, const char *text, size_t length, json_t **header,
                               struct clm_error *error)
{
    *header = NULL;
    if (!length || text[0] != '{')
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: its header does not begin with {", path);
    if (count_items(text, length) > ITEMS_MAX)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: its header has more than %d items; a net's has some dozens for each layer", path,
                        ITEMS_MAX);
    return json_parse(path, "its header", text, length, header, error);
}

/* A header may have any length: the data moves to the block's beginning, where it is aligned. */
static void keep_values(unsigned char *bytes, size_t from, size_t data_size, struct safetensors *out)
{
    memmove(bytes, bytes + from, data_size);
    out->block = bytes;
    swap_to_host(out->block, data_size / sizeof(float));
    for (size_t i = 0; i < out->count; i++)
        out->tensors[i].values = (float *)out->block + out->tensors[i].begin / sizeof(float);
}

static clm_status convert_tensor(const char *path, const unsigned char *bytes, struct safetensor *tensor,
                                 struct clm_error *error)
{
    char shown[SHOWN_SIZE];
    for (size_t i = 0; i < tensor->count; i++) {
        const double value = tensor->type->read(bytes + i * tensor->type->size);
        tensor->values[i] = (float)value;
        if (isfinite(value) && !isfinite(tensor->values[i]))
            return clm_fail(error, CLM_ERROR_FORMAT,
                            "%s: tensor %s has a %g at element %zu, which float32 cannot hold; scale it down",
                            path, text_show(shown, sizeof shown, tensor->name, strlen(tensor->name)), value,
                            i);
    }
    return CLM_OK;
}

/* Makes float32 of all values, in a block of its own. */
static clm_status convert_values(const char *path, const unsigned char *data, struct safetensors *out,
                                 struct clm_error *error)
{
    size_t all = 0, size;
    clm_status status = CLM_OK;
    for (size_t i = 0; i < out->count; i++)
        all += out->tensors[i].count; /* each has two bytes or more in the file: no overflow */
    out->block = size_mul(all + 1, sizeof(float), &size) ? malloc(size) : NULL;
    if (!out->block)
        return clm_fail_host_memory(error, path, (all + 1) * sizeof(float));
    float *values = out->block;
    for (size_t i = 0; status == CLM_OK && i < out->count; i++) {
        out->tensors[i].values = values;
        values += out->tensors[i].count;
        status = convert_tensor(path, data + out->tensors[i].begin, &out->tensors[i], error);
    }
    return status;
}

/* Fills the tensors' values from the file's bytes, of which the data begins at `from`. Takes *bytes over if
 * they can stay as they are. */
static clm_status take_values(const char *path, unsigned char **bytes, size_t from, size_t data_size,
                              struct safetensors *out, struct clm_error *error)
{
    for (size_t i = 0; i < out->count; i++)
        if (out->tensors[i].type != types)
            return convert_values(path, *bytes + from, out, error);
    keep_values(*bytes, from, data_size, out);
    *bytes = NULL;
    return CLM_OK;
}

/* Copies each F32 and F64 as it is into a block of its own, in which all of them are aligned. */
static clm_status copy_exactly(const char *path, const unsigned char *data, struct safetensors *out,
                               struct clm_error *error)
{
    size_t all = 0;
    char shown[SHOWN_SIZE];
    for (size_t i = 0; i < out->count; i++) {
        const struct safetensor *const tensor = &out->tensors[i];
        if (tensor->type->read != read_f32 && tensor->type->read != read_f64)
            return clm_fail(error, CLM_ERROR_FORMAT, "%s: tensor %s is of type %s, where F32 or F64 is due",
                            path, text_show(shown, sizeof shown, tensor->name, strlen(tensor->name)),
                            tensor->type->name);
        all +=
            round_up(tensor->count * tensor->type->size, sizeof(double)); /* the file is larger than half */
    }
    unsigned char *at = out->block = malloc(all + 1);
    if (!at)
        return clm_fail_host_memory(error, path, all + 1);
    for (size_t i = 0; i < out->count; i++) {
        struct safetensor *const tensor = &out->tensors[i];
        const size_t size = tensor->count * tensor->type->size;
        memcpy(at, data + tensor->begin, size);
        if (tensor->type->read == read_f64)
            swap_doubles_to_host(tensor->doubles = (double *)(void *)at, tensor->count);
        else
            swap_to_host(tensor->values = (float *)(void *)at, tensor->count);
        at += round_up(size, sizeof(double));
    }
    return CLM_OK;
}

/* Reads the file; `is_exact`: for safetensors_read_exactly. */
static clm_status read_file_of_tensors(const char *path, bool is_exact, struct safetensors *out,
                                       struct clm_error *error)
{
    size_t size = 0, length = 0;
    unsigned char *bytes = NULL;
    json_t *header = NULL;
    clm_status status;
    *out = (struct safetensors){.metadata = json_object()};
    if ((status = file_read(path, SIZE_MAX - 1, &bytes, &size, error)) ||
        (status = read_length(path, bytes, size, &length, error)) ||
        (status = parse_header(path, (const char *)bytes + LENGTH_SIZE, length, &header, error)))
        goto cleanup;
    const size_t data_size = size - LENGTH_SIZE - length, room = json_object_size(header) + 1;
    out->tensors = calloc(room, sizeof *out->tensors);
    status = out->tensors && out->metadata ? read_tensors(path, header, data_size, out, error)
                                           : clm_fail_host_memory(error, path, room * sizeof *out->tensors);
    if (status != CLM_OK)
        goto cleanup;

    status = is_exact ? copy_exactly(path, bytes + LENGTH_SIZE + length, out, error)
                      : take_values(path, &bytes, LENGTH_SIZE + length, data_size, out, error);
cleanup:
    free(bytes);
    json_decref(header);
    if (status != CLM_OK)
        safetensors_free(out);
    return status;
}

clm_status safetensors_read(const char *path, struct safetensors *out, struct clm_error *error)
{
    return read_file_of_tensors(path, false, out, error);
}

clm_status safetensors_read_exactly(const char *path, struct safetensors *out, struct clm_error *error)
{
    return read_file_of_tensors(path, true, out, error);
}

static clm_status safetensors_describe(const char *path, const struct safetensor *tensor, size_t *end,
                                       json_t *header, struct clm_error *error)
{
    size_t count = 1, size;
    const size_t begin = *end;
    bool is_whole = true, fits = tensor->dimension_count <= SAFETENSORS_DIMENSIONS_MAX;
    for (size_t i = 0; fits && i < tensor->dimension_count; i++)
        fits = size_mul(count, tensor->shape[i], &count);
    if (!fits || count != tensor->count || !size_mul(count, element_size(tensor), &size) ||
        !size_add(begin, size, end))
        return clm_fail(error, CLM_ERROR_SHAPE,
                        "%s: tensor %.100s has %zu elements, which its shape does not", path, tensor->name,
                        tensor->count);
    if (!strcmp(tensor->name, METADATA) || json_object_get(header, tensor->name))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: a tensor cannot be named %.100s, that name is taken",
                        path, tensor->name);
    json_t *const shape = json_array();
    for (size_t i = 0; is_whole && i < tensor->dimension_count; i++)
        is_whole = json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) == 0;
    json_t *const about = json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->doubles ? "F64" : "F32", "shape",
                                    shape, "data_offsets", (json_int_t)begin, (json_int_t)*end);
    if (!about || !is_whole) {
        json_decref(about);
        return clm_fail_host_memory(error, path, sizeof *tensor);
    }
    if (json_object_set_new(header, tensor->name, about))
        return clm_fail(
            error, CLM_ERROR_ARGUMENT,
            "%s: the tensor named %.100s cannot be described in JSON: the name is no UTF-8, or there is no memory",
            path, tensor->name);
    return CLM_OK;
}

/* Returns the header as text, padded with blanks so that the data after it is aligned to 8 bytes; NULL if
 * there is no memory. jansson may then leave out a part without an error, so the text is read back and
 * compared. */
static char *header_text(const json_t *header, size_t *length)
{
    char *compact = json_dumps(header, JSON_COMPACT), *text = NULL;
    json_t *again = compact ? json_loads(compact, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_equal(again, header)) {
        const size_t used = strlen(compact);
        *length = round_up(used, 8);
        text = malloc(*length + 1);
        if (text) {
            memset(text, ' ', *length);
            memcpy(text, compact, used);
        }
    }
    json_decref(again);
    free(compact);
    return text;
}

/* The file's bytes, at `out`: the length, the header, and the values one after the other. */
static void fill_file(unsigned char *out, const char *text, size_t length, const struct safetensor *tensors,
                      size_t count)
{
    const uint64_t stored = htole64(length);
    memcpy(out, &stored, LENGTH_SIZE);
    memcpy(out + LENGTH_SIZE, text, length);
    out += LENGTH_SIZE + length;
    for (size_t i = 0; i < count; i++) {
        const size_t size = tensors[i].count * element_size(&tensors[i]);
        if (size)
            memcpy(out, tensors[i].doubles ? (const void *)tensors[i].doubles : tensors[i].values, size);
        if (tensors[i].doubles)
            swap_doubles_to_host((double *)(void *)out, tensors[i].count);
        else
            swap_to_host((float *)(void *)out, tensors[i].count);
        out += size;
    }
}

clm_status safetensors_write(const char *path, const struct safetensor *tensors, size_t count,
                             const json_t *metadata, struct clm_error *error)
{
    clm_status status = CLM_OK;
    size_t data_size = 0, length = 0, size = 0;
    char *text = NULL;
    unsigned char *bytes = NULL;
    json_t *header = json_object();
    if (metadata && json_object_set_new(header, METADATA, json_deep_copy(metadata)))
        status = clm_fail_host_memory(error, path, sizeof(json_int_t));
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        status = safetensors_describe(path, tensors + i, &data_size, header, error);
    if (status == CLM_OK && !(text = header_text(header, &length)))
        status = clm_fail_host_memory(error, path, count * sizeof *tensors);
    if (status == CLM_OK && (length > HEADER_MAX || !size_add(LENGTH_SIZE + length, data_size, &size)))
        status =
            clm_fail(error, CLM_ERROR_ARGUMENT,
                     "%s: %zu tensors cannot be described in a header of %zu bytes", path, count, HEADER_MAX);
    if (status == CLM_OK && !(bytes = malloc(size)))
        status = clm_fail_host_memory(error, path, size);
    if (status == CLM_OK) {
        fill_file(bytes, text, length, tensors, count);
        status = clm_write_file(path, bytes, size, error);
    }
    free(bytes);
    free(text);
    json_decref(header);
    return status;
}
