/* Reads arrays, from any source of bytes and with any header, as inputs and labels of a set. */
#ifndef CLM_DATA_FORMATS_ARRAY_H
#define CLM_DATA_FORMATS_ARRAY_H

#include "data/files/stream.h"
#include "data/format.h"

#define ARRAY_DIMENSIONS_MAX 32

enum array_kind { ARRAY_BOOL, ARRAY_INTEGER, ARRAY_UNSIGNED, ARRAY_FLOAT };

/* What an array's header says of its elements. */
struct array_header {
    enum array_kind kind;
    size_t item; /* bytes of an element: 1, 2, 4 or 8 */
    bool is_big_endian, is_fortran;
    bool are_classes; /* labels are the classes themselves, not names of them */
    bool is_first;    /* of each row of labels, only the first element is one */
    bool is_planar;   /* four dimensions are (rows, channels, height, width), whatever their sizes */
    size_t dimension_count, dimensions[ARRAY_DIMENSIONS_MAX]; /* all above 0 */
    size_t row;    /* elements of a row: the product of all dimensions but the first */
    size_t bytes;  /* of all elements */
    size_t start;  /* offset of the elements in the file */
    char type[24]; /* for messages, such as "<f4"; may be empty */
};

/* Sets `row` and `bytes` of a header, whose dimensions and `item` are set. Fails with CLM_ERROR_FORMAT if a
 * dimension is 0, or if the array cannot be addressed; `name` names the array in messages. */
CLM_MUST_CHECK clm_status array_measure(const char *name, struct array_header *header,
                                        struct clm_error *error);

/* Opens an array and reads its header, up to the elements; `name` is the array's as array_read_pair has it.
 * The caller closes the stream, also on failure, before it opens the next array. */
typedef clm_status array_opener(void *user, const char *name, bool are_labels, struct stream **out,
                                struct array_header *header, struct clm_error *error);

/* Reads inputs and labels of the same rows into a part of *out. If `labels` is NULL, rows get no labels. The
 * training set decides the classes: another part's labels become its classes, unless the request has
 * classes.
 *
 * Inputs are (rows, …). uint8 stays bytes, and every other type becomes float32. Pictures are (rows, height,
 * width), or (rows, channels, height, width) or (rows, height, width, channels) with 1, 3 or 4 channels;
 * they are put into planar order. Features (rows, features) whose values float32 could not tell apart are
 * counted from an offset: see value_range_offset. Fails with CLM_ERROR_FORMAT for NaN, infinity, and values
 * too large for float32.
 *
 * Labels are (rows), (rows, 1), one-hot (rows, classes), or (rows, columns) if the header says `is_first`.
 * They become classes of the request if it has any, else new ones, which *out gets. */
CLM_MUST_CHECK clm_status array_read_pair(array_opener *open, void *user, const char *inputs,
                                          const char *labels, const struct request *request,
                                          enum clm_part part, struct contents *out, struct clm_error *error);

#endif
