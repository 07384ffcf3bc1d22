/* Python's pickles, as far as data sets are kept in them: dicts, lists, tuples, strings, whole numbers, and NumPy's
 * two-dimensional arrays of bytes, in the protocols 2 to 5, as Python 2, Python 3, NumPy 1 and NumPy 2 write them.
 *
 * A pickle is a program that may call anything in Python. This reader calls nothing: it knows the few opcodes and
 * names that such data needs, builds values of its own, and refuses every other opcode and name, by its name.
 * What it costs is bounded: 176 MB, of which CIFAR-100's training set needs 165, a million values, 4096 of them on
 * the stack, and no recursion.
 * Source: Python's Lib/pickletools.py, which describes the opcodes. */
#ifndef CLM_DATA_PICKLE_PICKLE_H
#define CLM_DATA_PICKLE_PICKLE_H

#include "data/files/stream.h"

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_NUMBER,
    PICKLE_BYTES,  /* Python 2's str, Python 3's bytes and bytearray */
    PICKLE_TEXT,   /* UTF-8 */
    PICKLE_LATIN1, /* a long text: a byte a character, as what protocol 2 makes of bytes */
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_ARRAY,
    PICKLE_GLOBAL, /* something in Python that has a name: only on the way to an array */
    PICKLE_DTYPE,
};

struct pickle_value {
    enum pickle_kind kind;
    uint32_t count; /* of items; a dict has two an entry: key, value */
    size_t size;    /* of bytes or text, which a NUL follows that it does not count */
    union {
        int64_t number; /* or bool; of a global, which one */
        unsigned char *bytes;
        struct pickle_value **items;
        struct pickle_array *array;
    };
};

/* (rows, columns) bytes, row-major; `bytes` is a value that has as many, NULL in an array that never got any. */
struct pickle_array {
    size_t rows, columns;
    struct pickle_value *bytes;
};

struct pickle;

/* May a file that begins like this be a pickle of protocol 2 to 5? */
bool pickle_recognises(const unsigned char *head, size_t count);

/* Reads the pickle that the stream holds, to its end. Everything that is not as above is CLM_ERROR_FORMAT. */
CLM_MUST_CHECK clm_status pickle_read(struct stream *stream, struct pickle **out, struct clm_error *error);
void pickle_close(struct pickle *pickle);

const struct pickle_value *pickle_top(const struct pickle *pickle);

/* "a list", … */
const char *pickle_kind_name(enum pickle_kind kind);

/* The value under `key`, the last where there are several; NULL where there is none, or `dict` is no dict. */
struct pickle_value *pickle_find(const struct pickle_value *dict, const char *key);

/* The array's rows * columns bytes, which the caller frees from now on; the array has none any more. NULL where it
 * has none. */
void *pickle_take_bytes(struct pickle_value *array);

#endif
