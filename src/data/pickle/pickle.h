/* Reads the part of Python's pickle format that data sets use: dicts, lists, tuples, strings, whole numbers,
 * and NumPy's two-dimensional arrays of bytes. It reads the protocols 2 to 5 as Python 2, Python 3, NumPy 1
 * and NumPy 2 write them.
 *
 * A pickle is a program that may call any Python function. This reader calls none: it knows the few opcodes
 * and names that such data needs, builds its own values, and refuses every other opcode and name with a
 * message that names it. Its cost is bounded by 176 MB of memory (CIFAR-100's training set needs 165), a
 * million values and a stack of 4096 values. It does not recurse.
 * Source: Python's Lib/pickletools.py, which describes the opcodes. */
#ifndef CLM_DATA_PICKLE_PICKLE_H
#define CLM_DATA_PICKLE_PICKLE_H

#include "data/files/stream.h"

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_NUMBER,
    /* the kinds that own memory: from bytes to arrays */
    PICKLE_BYTES, /* Python 2's str, Python 3's bytes and bytearray */
    PICKLE_TEXT,  /* UTF-8 */
    /* a long text, kept as one byte per character, because protocol 2 writes bytes as such a text */
    PICKLE_LATIN1,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_ARRAY,
    PICKLE_GLOBAL, /* a Python function or type, needed only to make an array */
    PICKLE_DTYPE,
};

struct pickle_value {
    enum pickle_kind kind;
    uint32_t count; /* of items; an entry of a dict is two items, key and value */
    size_t size;    /* of bytes or text, without the NUL after them */
    union {
        void *memory;   /* owned: bytes, items or array */
        int64_t number; /* also a bool, or which global it is */
        unsigned char *bytes;
        struct pickle_value **items;
        struct pickle_array *array;
    };
};

/* An array of (rows, columns) bytes, row-major. `bytes` is a value that holds all of them; NULL if the array
 * was never filled. */
struct pickle_array {
    size_t rows, columns;
    struct pickle_value *bytes;
};

struct pickle;

/* True if a file that begins with these bytes may be a pickle of protocol 2 to 5. */
bool pickle_recognises(const unsigned char *head, size_t count);

/* Reads a pickle to the end of the stream. Fails with CLM_ERROR_FORMAT on anything that is not
 * described above. */
CLM_MUST_CHECK clm_status pickle_read(struct stream *stream, struct pickle **out, struct clm_error *error);
void pickle_close(struct pickle *pickle);

const struct pickle_value *pickle_top(const struct pickle *pickle);

/* "a list", … */
const char *pickle_kind_name(enum pickle_kind kind);

/* The value of `key`, the last one if there are several. NULL if there is none, or if `dict` is no dict. */
struct pickle_value *pickle_find(const struct pickle_value *dict, const char *key);

/* Takes the array's rows * columns bytes away from it; the caller frees them. NULL if the array has none. */
void *pickle_take_bytes(struct pickle_value *array);

#endif
