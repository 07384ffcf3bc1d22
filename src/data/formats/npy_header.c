/* The header of a NumPy array file: 93 "NUMPY", version, length, and a Python dictionary as text,
 *
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
 *
 * which is parsed, never evaluated.
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0, 2.0 and
 * 3.0. */
#include "data/formats/npy.h"

#include "base/size.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_SIZE  96
#define PREFIX_SIZE 8     /* magic and version, without the 2 or 4 bytes of the length */
#define LENGTH_MAX  65536 /* bytes of the dictionary */

/* Checks the prefix. *length_size is the size of the length after it: 2 or 4 bytes, by the version. */
static clm_status npy_header_start(const char *name, const unsigned char prefix[PREFIX_SIZE],
                                   size_t *length_size, struct clm_error *error)
{
    if (memcmp(prefix, "\x93NUMPY", 6))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: begins with %02x %02x %02x %02x, but a NumPy array begins with 93 4e 55 4d (and PY)", name,
            prefix[0], prefix[1], prefix[2], prefix[3]);
    if (prefix[6] < 1 || prefix[6] > 3 || prefix[7])
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: is of version %u.%u of NumPy's format, but only 1.0, 2.0 and 3.0 are read", name,
                        prefix[6], prefix[7]);
    *length_size = prefix[6] == 1 ? 2 : 4;
    return CLM_OK;
}

struct parser {
    const char *name, *text, *at;
    size_t length;
    struct clm_error *error;
};

static clm_status fail_here(const struct parser *parser, const char *expected)
{
    char shown[SHOWN_SIZE];
    const size_t place = (size_t)(parser->at - parser->text);
    return clm_fail(
        parser->error, CLM_ERROR_FORMAT,
        "%s: its header has \"%s\" at byte %zu, but %s is expected; it is no array that NumPy wrote",
        parser->name, text_show(shown, 24, parser->at, parser->length - place), place, expected);
}

static void skip_blanks(struct parser *parser)
{
    parser->at += strspn(parser->at, " \t\r\n");
}

/* If `text` comes next, takes it and returns true. */
static bool npy_header_take(struct parser *parser, const char *text)
{
    skip_blanks(parser);
    if (strncmp(parser->at, text, strlen(text)))
        return false;
    parser->at += strlen(text);
    return true;
}

/* Takes a string between quotes of either kind, without escapes. */
static clm_status take_string(struct parser *parser, char *out, size_t size, const char *what)
{
    skip_blanks(parser);
    const char quote = *parser->at;
    const char *begin = parser->at + 1, *end = begin;
    if (quote != '\'' && quote != '"')
        return fail_here(parser, what);
    while (*end && *end != quote && *end != '\\' && *end != '\n')
        end++;
    if (*end != quote || (size_t)(end - begin) >= size)
        return fail_here(parser, what);
    memcpy(out, begin, (size_t)(end - begin));
    out[end - begin] = '\0';
    parser->at = end + 1;
    return CLM_OK;
}

/* Takes digits, after which Python 2 wrote an L. */
static clm_status take_size(struct parser *parser, size_t *out)
{
    skip_blanks(parser);
    const char *at = parser->at;
    size_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (!size_mul(value, 10, &value) || !size_add(value, (size_t)(*at - '0'), &value))
            return fail_here(parser, "a dimension that can be addressed");
    if (at == parser->at)
        return fail_here(parser, "a dimension, a whole number of at least 0,");
    parser->at = at + (*at == 'L');
    *out = value;
    return CLM_OK;
}

static clm_status npy_header_take_shape(struct parser *parser, struct array_header *out)
{
    size_t count = 0;
    bool has_comma = false;
    if (!npy_header_take(parser, "("))
        return fail_here(parser, "the shape, such as (3, 4),");
    while (!npy_header_take(parser, ")")) {
        if (count == ARRAY_DIMENSIONS_MAX)
            return fail_here(parser, "an array of at most 32 dimensions");
        if (count && !has_comma)
            return fail_here(parser, "a comma");
        const clm_status status = take_size(parser, out->dimensions + count);
        if (status != CLM_OK)
            return status;
        count++;
        has_comma = npy_header_take(parser, ",");
    }
    if (count == 1 && !has_comma)
        return fail_here(parser, "a comma in a shape of one dimension");
    out->dimension_count = count;
    return CLM_OK;
}

static clm_status fail_type(const struct parser *parser, const char *type, const char *why)
{
    char shown[SHOWN_SIZE];
    return clm_fail(
        parser->error, CLM_ERROR_FORMAT,
        "%s: its elements are of type %s, %s; convert it with astype to bool, int8 to int64, uint8 to uint64 or float16 to float64",
        parser->name, text_show(shown, sizeof shown, type, strlen(type)), why);
}

static clm_status judge_type(const struct parser *parser, struct array_header *out)
{
    static const struct {
        char name[4];
        enum array_kind kind;
        size_t item;
    } types[] = {
        {"b1", ARRAY_BOOL, 1},     {"i1", ARRAY_INTEGER, 1},  {"i2", ARRAY_INTEGER, 2},
        {"i4", ARRAY_INTEGER, 4},  {"i8", ARRAY_INTEGER, 8},  {"u1", ARRAY_UNSIGNED, 1},
        {"u2", ARRAY_UNSIGNED, 2}, {"u4", ARRAY_UNSIGNED, 4}, {"u8", ARRAY_UNSIGNED, 8},
        {"f2", ARRAY_FLOAT, 2},    {"f4", ARRAY_FLOAT, 4},    {"f8", ARRAY_FLOAT, 8},
    };
    const char *type = out->type;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!*type || !strchr("<>|=", *type) || strcmp(type + 1, types[i].name))
            continue;
        if (types[i].item > 1 && *type == '|')
            return fail_type(parser, type, "whose byte order is not given");
        out->kind = types[i].kind;
        out->item = types[i].item;
        out->is_big_endian = *type == '>' || (*type == '=' && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
        return CLM_OK;
    }
    if (strchr(type, 'O'))
        return fail_type(parser, type, "Python objects, which only Python can load");
    if (strpbrk(type, "SUaV"))
        return fail_type(parser, type, "text or raw bytes");
    return fail_type(parser, type, "which is not read");
}

static clm_status take_type(struct parser *parser, struct array_header *out)
{
    skip_blanks(parser);
    if (*parser->at == '[' || *parser->at == '(' || *parser->at == '{')
        return fail_type(parser, "[...]", "records of several fields");
    const clm_status status =
        take_string(parser, out->type, sizeof out->type, "the type of the elements, such as '<f4',");
    return status == CLM_OK ? judge_type(parser, out) : status;
}

enum { HAS_TYPE = 1, HAS_ORDER = 2, HAS_SHAPE = 4, HAS_ALL = 7 };

/* Takes a key and its value; *seen has a bit for each key that was found. */
static clm_status take_item(struct parser *parser, struct array_header *out, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    const char *const start = parser->at;
    char key[16];
    unsigned which = 0;
    clm_status status = take_string(parser, key, sizeof key, "a key, 'descr', 'fortran_order' or 'shape',");
    if (status != CLM_OK)
        return status;
    while (which < 3 && strcmp(key, keys[which]))
        which++;
    if (which == 3 || *seen & 1u << which) {
        parser->at = start;
        skip_blanks(parser);
        return fail_here(parser, "one each of 'descr', 'fortran_order' and 'shape'");
    }
    *seen |= 1u << which;
    if (!npy_header_take(parser, ":"))
        return fail_here(parser, "a colon");
    if (which == 0)
        return take_type(parser, out);
    if (which == 2)
        return npy_header_take_shape(parser, out);
    out->is_fortran = npy_header_take(parser, "True");
    return out->is_fortran || npy_header_take(parser, "False") ? CLM_OK : fail_here(parser, "True or False");
}

/* Parses the dictionary, `length` bytes and a NUL. */
static clm_status npy_header_parse(const char *name, const char *text, size_t length,
                                   struct array_header *out, struct clm_error *error)
{
    struct parser parser = {.name = name, .text = text, .at = text, .length = length, .error = error};
    unsigned seen = 0;
    *out = (struct array_header){0};
    if (!npy_header_take(&parser, "{"))
        return fail_here(&parser, "'{'");
    while (!npy_header_take(&parser, "}")) {
        const clm_status status = take_item(&parser, out, &seen);
        if (status != CLM_OK)
            return status;
        if (!npy_header_take(&parser, ",") && (skip_blanks(&parser), *parser.at != '}'))
            return fail_here(&parser, "a comma or '}'");
    }
    skip_blanks(&parser);
    if (parser.at != text + length)
        return fail_here(&parser, "nothing");
    if (seen != HAS_ALL)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: its header has no %s, which NumPy writes; it is damaged", name,
                        !(seen & HAS_TYPE)    ? "'descr'"
                        : !(seen & HAS_ORDER) ? "'fortran_order'"
                                              : "'shape'");
    if (!out->dimension_count)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: is a single number: its shape is (), but only arrays of rows are read", name);
    return array_measure(name, out, error);
}

clm_status npy_read_header(struct stream *stream, struct array_header *header, struct clm_error *error)
{
    const char *const path = stream_path(stream);
    unsigned char prefix[PREFIX_SIZE], bytes[4] = {0};
    size_t length_size = 0;
    clm_status status;
    if ((status = stream_fill(stream, prefix, sizeof prefix, "a NumPy array's beginning", error)) ||
        (status = npy_header_start(path, prefix, &length_size, error)) ||
        (status = stream_fill(stream, bytes, length_size, "its header's length", error)))
        return status;
    const size_t length =
        (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    const size_t most = size_min(LENGTH_MAX, stream_bound(stream));
    if (length > most)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: its header has %zu bytes, but at most %zu are read; it is no plain array", path,
                        length, most);
    char *const text = calloc(length + 1, 1);
    if (!text)
        return clm_fail_host_memory(error, path, length);
    status = stream_fill(stream, text, length, "its header", error);
    if (status == CLM_OK)
        status = npy_header_parse(path, text, length, header, error);
    header->start = stream_position(stream);
    free(text);
    return status;
}
