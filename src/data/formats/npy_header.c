#include "data/formats/npy_header.h"

#include "base/size.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_SIZE 96

clm_status npy_header_start(const char *name, const unsigned char prefix[NPY_PREFIX_SIZE],
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

static clm_status npy_header_take_shape(struct parser *parser, struct npy_header *out)
{
    size_t count = 0;
    bool has_comma = false;
    if (!npy_header_take(parser, "("))
        return fail_here(parser, "the shape, such as (3, 4),");
    while (!npy_header_take(parser, ")")) {
        if (count == NPY_DIMENSIONS_MAX)
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

static clm_status judge_type(const struct parser *parser, struct npy_header *out)
{
    static const struct {
        char name[4];
        enum npy_kind kind;
        size_t item;
    } types[] = {
        {"b1", NPY_BOOL, 1},     {"i1", NPY_INTEGER, 1},  {"i2", NPY_INTEGER, 2},  {"i4", NPY_INTEGER, 4},
        {"i8", NPY_INTEGER, 8},  {"u1", NPY_UNSIGNED, 1}, {"u2", NPY_UNSIGNED, 2}, {"u4", NPY_UNSIGNED, 4},
        {"u8", NPY_UNSIGNED, 8}, {"f2", NPY_FLOAT, 2},    {"f4", NPY_FLOAT, 4},    {"f8", NPY_FLOAT, 8},
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

static clm_status take_type(struct parser *parser, struct npy_header *out)
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
static clm_status take_item(struct parser *parser, struct npy_header *out, unsigned *seen)
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

static clm_status npy_header_measure(const char *name, struct npy_header *header, struct clm_error *error)
{
    size_t elements = 0;
    header->row = 1;
    for (size_t i = 0; i < header->dimension_count; i++)
        if (!header->dimensions[i])
            return clm_fail(error, CLM_ERROR_FORMAT, "%s: is an empty array: dimension %zu of %zu is 0", name,
                            i, header->dimension_count);
    if (!header->dimension_count)
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: is a single number: its shape is (), but only arrays of rows are read", name);
    for (size_t i = 1; i < header->dimension_count; i++)
        if (!size_mul(header->row, header->dimensions[i], &header->row))
            header->row = elements = SIZE_MAX;
    if (elements || !size_mul(header->dimensions[0], header->row, &elements) ||
        !size_mul(elements, sizeof(double), &header->bytes))
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: its shape promises %zu rows with more elements than can be addressed", name,
                        header->dimensions[0]);
    header->bytes = elements * header->item;
    return CLM_OK;
}

clm_status npy_header_parse(const char *name, const char *text, size_t length, struct npy_header *out,
                            struct clm_error *error)
{
    struct parser parser = {.name = name, .text = text, .at = text, .length = length, .error = error};
    unsigned seen = 0;
    *out = (struct npy_header){0};
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
    return npy_header_measure(name, out, error);
}
