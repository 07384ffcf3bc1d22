/* The header of a NumPy array file: 93 "NUMPY", version, length, and a Python dictionary as text,
 *
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
 *
 * which is parsed, never evaluated.
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0, 2.0 and
 * 3.0. */
#ifndef CLM_DATA_FORMATS_NPY_HEADER_H
#define CLM_DATA_FORMATS_NPY_HEADER_H

#include "base/error.h"

#define NPY_DIMENSIONS_MAX 32
#define NPY_PREFIX_SIZE    8     /* magic and version, without the 2 or 4 bytes of the length */
#define NPY_HEADER_MAX     65536 /* bytes of the dictionary */

enum npy_kind { NPY_BOOL, NPY_INTEGER, NPY_UNSIGNED, NPY_FLOAT };

struct npy_header {
    enum npy_kind kind;
    size_t item; /* bytes of an element: 1, 2, 4 or 8 */
    bool is_big_endian, is_fortran;
    size_t dimension_count, dimensions[NPY_DIMENSIONS_MAX]; /* all above 0 */
    size_t row;    /* elements of a row: the product of all dimensions but the first */
    size_t bytes;  /* of all elements */
    size_t start;  /* offset of the elements in the file, which npy_header_parse does not set */
    char type[24]; /* such as "<f4" */
};

/* Checks the prefix. *length_size is the size of the length after it: 2 or 4 bytes, by the version. `name`
 * names the array in messages. */
CLM_MUST_CHECK clm_status npy_header_start(const char *name, const unsigned char prefix[NPY_PREFIX_SIZE],
                                           size_t *length_size, struct clm_error *error);

/* Parses the dictionary, `length` bytes and a NUL. */
CLM_MUST_CHECK clm_status npy_header_parse(const char *name, const char *text, size_t length,
                                           struct npy_header *out, struct clm_error *error);

#endif
