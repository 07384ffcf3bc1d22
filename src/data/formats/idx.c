/* IDX, the format of MNIST and Fashion-MNIST: 00 00 TYPE DIMENSIONS, then the dimensions as big-endian 32-bit
 * numbers, then the elements, row-major. Source: http://yann.lecun.com/exdb/mnist/ ("the IDX file format").
 *
 * Pictures have 2 (rows, features), 3 (rows, height, width) or 4 (rows, channels, height, width) dimensions
 * and are bytes (08) or floats (0D). Labels have one dimension and are bytes. A directory holds
 * train-images-idx3-ubyte and train-labels-idx1-ubyte, and the same two with t10k for the test set. Names may
 * have . for the - before idx, and each file may be gzipped. The labels of a single file of pictures are
 * beside it, in a file of the same name with labels for images. */
#include "data/format.h"

#include "base/file.h"
#include "base/size.h"
#include "base/text.h"
#include "data/files/stream.h"

#include <endian.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIMENSIONS_MAX 4

enum { IDX_BYTE = 0x08, IDX_FLOAT = 0x0d };

struct header {
    unsigned type;
    size_t dimension_count, dimensions[DIMENSIONS_MAX];
    size_t size;  /* bytes of the header */
    size_t row;   /* elements of a row: the product of all dimensions but the first */
    size_t bytes; /* of all elements */
};

static const char *type_name(unsigned type)
{
    static const char *const names[] = {
        [IDX_BYTE] = "unsigned byte", [0x09] = "signed byte", [0x0b] = "short", [0x0c] = "int",
        [IDX_FLOAT] = "float",        [0x0e] = "double"};
    return type < sizeof names / sizeof *names ? names[type] : NULL;
}

static size_t big_endian(const unsigned char *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static bool idx_measure(struct header *header)
{
    size_t elements;
    header->row = 1;
    for (size_t i = 1; i < header->dimension_count; i++)
        if (!size_mul(header->row, header->dimensions[i], &header->row))
            return false;
    return size_mul(header->dimensions[0], header->row, &elements) &&
           size_mul(elements, header->type == IDX_FLOAT ? sizeof(float) : 1, &header->bytes);
}

static bool idx_recognises_file(const struct file_head *head)
{
    struct header header = {.type = head->bytes[2], .dimension_count = head->bytes[3]};
    size_t size;
    header.size = 4 + 4 * header.dimension_count;
    if (head->count < 4 || head->bytes[0] || head->bytes[1] || !type_name(header.type) ||
        !header.dimension_count)
        return false;
    if (head->is_compressed || head->file_size % 3073)
        return true;
    /* a CIFAR-10 file whose first picture is dark may begin with the same bytes, so the size decides */
    if (header.dimension_count > DIMENSIONS_MAX || head->count < header.size)
        return false;
    for (size_t i = 0; i < header.dimension_count; i++)
        header.dimensions[i] = big_endian(head->bytes + 4 + 4 * i);
    return idx_measure(&header) && size_add(header.bytes, header.size, &size) && size == head->file_size;
}

static clm_status check_magic(const char *path, const unsigned char magic[4], bool are_labels,
                              struct clm_error *error)
{
    const char *what = are_labels ? "labels begins with 00 00 08 01" : "pictures begins with 00 00 08 03";
    const char *type = type_name(magic[2]);
    if (magic[0] || magic[1] || !type || !magic[3])
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: begins with %02x %02x %02x %02x, but an IDX file of %s; it is no IDX file", path,
                        magic[0], magic[1], magic[2], magic[3], what);
    if (are_labels && (magic[2] != IDX_BYTE || magic[3] != 1))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: holds %u dimensions of type %s (%02x %02x), but labels are one dimension of unsigned bytes (08 01)",
            path, magic[3], type, magic[2], magic[3]);
    if (!are_labels && magic[3] == 1)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has one dimension (00 00 %02x 01), as labels have, but pictures have two to four; name the file of the pictures, or its directory",
            path, magic[2]);
    if (!are_labels && magic[3] > DIMENSIONS_MAX)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: has %u dimensions, but pictures have two to four", path,
                        magic[3]);
    if (!are_labels && magic[2] != IDX_BYTE && magic[2] != IDX_FLOAT)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its elements are of type %s (%02x), but only unsigned byte (08) and float (0d) are read; convert it first",
            path, type, magic[2]);
    return CLM_OK;
}

static clm_status idx_read_header(struct stream *stream, bool are_labels, struct header *header,
                                  struct clm_error *error)
{
    const char *path = stream_path(stream);
    unsigned char bytes[4 + 4 * DIMENSIONS_MAX];
    *header = (struct header){0};
    clm_status status = stream_fill(stream, bytes, 4, "an IDX header", error);
    if (status == CLM_OK)
        status = check_magic(path, bytes, are_labels, error);
    if (status != CLM_OK)
        return status;
    header->type = bytes[2];
    header->dimension_count = bytes[3];
    header->size = 4 + 4 * header->dimension_count;
    status = stream_fill(stream, bytes + 4, header->size - 4, "an IDX header", error);
    if (status != CLM_OK)
        return status;
    for (size_t i = 0; i < header->dimension_count; i++) {
        header->dimensions[i] = big_endian(bytes + 4 + 4 * i);
        if (!header->dimensions[i])
            return clm_fail(error, CLM_ERROR_FORMAT, "%s: is an empty set: dimension %zu of %zu is 0", path,
                            i, header->dimension_count);
    }
    if (!idx_measure(header))
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: its header promises %zu rows with more elements than can be addressed", path,
                        header->dimensions[0]);
    return CLM_OK;
}

/* Checks the header against the file's size, before memory is allocated for what it promises. */
static clm_status idx_check_size(const struct stream *stream, const struct header *header,
                                 struct clm_error *error)
{
    const char *path = stream_path(stream);
    const size_t file_size = stream_file_size(stream), bound = stream_bound(stream);
    size_t size;
    const bool fits = size_add(header->size, header->bytes, &size);
    if (!stream_is_compressed(stream) && (!fits || size != file_size))
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has %zu bytes, but its header promises %zu rows of %zu elements, %zu + %zu bytes; it is %s",
            path, file_size, header->dimensions[0], header->row, header->size, header->bytes,
            !fits || size > file_size ? "truncated" : "too long");
    if (!fits || size > bound)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: its header promises %zu rows of %zu elements, %zu bytes, but %zu gzipped bytes unpack to at most %zu; it is truncated or damaged",
            path, header->dimensions[0], header->row, header->bytes, file_size, bound);
    return CLM_OK;
}

/* Opens a file and checks its header. The caller closes the stream, also on failure. */
static clm_status open_file(const char *path, bool are_labels, struct stream **stream, struct header *header,
                            struct clm_error *error)
{
    clm_status status;
    if ((status = stream_open(path, stream, error)) ||
        (status = idx_read_header(*stream, are_labels, header, error)) ||
        (status = idx_check_size(*stream, header, error)))
        return status;
    return CLM_OK;
}

/* Reads the elements, after which the file must end, into memory that the caller frees. */
static clm_status idx_read_elements(struct stream *stream, const struct header *header, void **elements,
                                    struct clm_error *error)
{
    *elements = malloc(header->bytes);
    if (!*elements)
        return clm_fail_host_memory(error, stream_path(stream), header->bytes);
    const clm_status status = stream_fill(stream, *elements, header->bytes, "its data", error);
    return status ? status : stream_expect_end(stream, error);
}

/* Converts to the host's byte order, in place. NaN and infinity are refused: in training they would spread
 * to every weight. */
static clm_status convert_floats(const char *path, float *values, size_t rows, size_t features,
                                 struct clm_error *error)
{
    for (size_t i = 0; i < rows * features; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bits = be32toh(bits);
        memcpy(values + i, &bits, sizeof bits);
        if (!isfinite(values[i]))
            return clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: the value in row %zu, feature %zu (counted from 0) is %s; replace or remove such rows",
                path, i / features, i % features, isnan(values[i]) ? "NaN" : "infinite");
    }
    return CLM_OK;
}

/* Describes the pictures as the header does. */
static void describe_images(const struct header *header, struct set *set)
{
    set->rows = header->dimensions[0];
    set->features = header->row;
    set->element = header->type == IDX_FLOAT ? ELEMENT_FLOAT : ELEMENT_BYTE;
    if (header->dimension_count > 2) {
        set->height = header->dimensions[header->dimension_count - 2];
        set->width = header->dimensions[header->dimension_count - 1];
        set->channels = header->dimension_count == 4 ? header->dimensions[1] : 1;
    }
}

/* Uncompressed bytes are mapped; anything else is read into memory. */
static clm_status read_values(struct stream *stream, const struct header *header, struct set *set,
                              struct clm_error *error)
{
    clm_status status;
    if (set->element == ELEMENT_BYTE && stream_is_file(stream)) {
        status = stream_map(stream, header->bytes, "its data", &set->mapping, &set->values, error);
        return status ? status : stream_expect_end(stream, error);
    }
    if ((status = allow_memory(set->memory, stream_path(stream), header->bytes, error)) ||
        (status = idx_read_elements(stream, header, &set->values, error)))
        return status;
    return set->element == ELEMENT_BYTE
               ? CLM_OK
               : convert_floats(stream_path(stream), set->values, set->rows, set->features, error);
}

static clm_status take_labels(struct stream *stream, const struct header *header, struct set *set,
                              struct clm_error *error)
{
    void *bytes = NULL;
    clm_status status = idx_read_elements(stream, header, &bytes, error);
    if (status == CLM_OK)
        status = set_make_labels(set, set->rows, stream_path(stream), error);
    for (size_t i = 0; status == CLM_OK && i < set->rows; i++)
        set->labels[i] = ((const unsigned char *)bytes)[i];
    free(bytes);
    return status;
}

enum idx_step { LOOK_AT_IMAGES, READ_LABELS, READ_IMAGES };

/* Reads what `step` says from a file of the set whose pictures are at `images`. */
static clm_status idx_read_file(const char *path, enum idx_step step, const char *images, struct set *set,
                                struct clm_error *error)
{
    struct stream *stream = NULL;
    struct header header;
    clm_status status = open_file(path, step == READ_LABELS, &stream, &header, error);
    if (status == CLM_OK && step == READ_LABELS && header.dimensions[0] != set->rows)
        status = clm_fail(error, CLM_ERROR_FORMAT, "%s: has %zu labels for the %zu pictures in %s", path,
                          header.dimensions[0], set->rows, images);
    if (status == CLM_OK && step == READ_IMAGES && header.dimensions[0] != set->rows)
        status = clm_fail(error, CLM_ERROR_IO, "%s: changed while it was read; try again", path);
    if (status == CLM_OK && step != READ_LABELS)
        describe_images(&header, set);
    if (status == CLM_OK && step != LOOK_AT_IMAGES)
        status = (step == READ_LABELS ? take_labels : read_values)(stream, &header, set, error);
    stream_close(stream);
    return status;
}

/* Reads the labels first. A small gzipped file can promise many pictures; they are unpacked only if the
 * number of labels agrees. */
static clm_status read_both(const char *images, const char *labels, struct set *set, struct clm_error *error)
{
    const clm_status status = idx_read_file(labels, READ_LABELS, images, set, error);
    return status ? status : idx_read_file(images, READ_IMAGES, images, set, error);
}

static const char *const endings[] = {"", ".gz", NULL};

static bool idx_find(const char *directory, const char *prefix, bool are_labels, char **out)
{
    static const char *const middles[][3] = {{"-images-idx3-ubyte", "-images.idx3-ubyte", NULL},
                                             {"-labels-idx1-ubyte", "-labels.idx1-ubyte", NULL}};
    return find_variant(directory, prefix, middles[are_labels], endings, out);
}

static clm_status idx_recognises_directory(const char *path, bool *is_it, struct clm_error *error)
{
    static const char *const prefixes[] = {"train", "t10k"};
    *is_it = false;
    for (int i = 0; i < 2 && !*is_it; i++) {
        char *images = NULL;
        if (!idx_find(path, prefixes[i], false, &images))
            return clm_fail_host_memory(error, path, strlen(path));
        *is_it = images != NULL;
        free(images);
    }
    return CLM_OK;
}

/* Splits "xs-images-idx3-ubyte.gz" into "xs-" and "labels-idx1-ubyte". False if the name has no "images" or
 * if there is no memory. */
static bool split_name(const char *name, char **prefix, char **rest)
{
    const char *images = strstr(name, "images");
    *prefix = *rest = NULL;
    if (!images)
        return false;
    *prefix = strndup(name, (size_t)(images - name));
    if (asprintf(rest, "labels%s", images + strlen("images")) < 0)
        *rest = NULL;
    if (!*prefix || !*rest)
        return false;
    if (has_ending(*rest, ".gz"))
        (*rest)[strlen(*rest) - 3] = '\0';
    char *number = strstr(*rest, "idx");
    if (number && number[3] >= '0' && number[3] <= '9')
        number[3] = '1';
    return true;
}

static clm_status find_labels_beside(const char *path, char **labels, struct clm_error *error)
{
    clm_status status = CLM_OK;
    char *copy = strdup(path), *prefix = NULL, *rest = NULL;
    *labels = NULL;
    if (!copy) {
        status = clm_fail_host_memory(error, path, strlen(path) + 1);
        goto cleanup;
    }
    const char *directory = dirname(copy);
    if (!split_name(path_name(path), &prefix, &rest)) {
        status = clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: the file of its labels has the same name with labels for images, but this name has no images; rename both files, for example to train-images-idx3-ubyte and train-labels-idx1-ubyte",
            path);
        goto cleanup;
    }
    const char *const middles[] = {rest, "labels-idx1-ubyte", "labels.idx1-ubyte", NULL};
    if (!find_variant(directory, prefix, middles, endings, labels))
        status = clm_fail_host_memory(error, path, strlen(path));
    else if (!*labels)
        status =
            clm_fail(error, CLM_ERROR_IO, "%s: has no labels beside it: there is no %s/%s%s, gzipped or not",
                     path, directory, prefix, rest);
cleanup:
    free(copy);
    free(prefix);
    free(rest);
    return status;
}

static clm_status idx_read_single(const char *path, struct set *set, struct clm_error *error)
{
    char *labels = NULL;
    clm_status status = idx_read_file(path, LOOK_AT_IMAGES, path, set, error);
    if (status == CLM_OK)
        status = find_labels_beside(path, &labels, error);
    if (status == CLM_OK)
        status = read_both(path, labels, set, error);
    free(labels);
    return status;
}

/* Reads the pictures and labels whose names begin with `prefix`. The set stays empty if neither file
 * exists. */
static clm_status idx_read_pair(const char *directory, const char *prefix, struct set *set,
                                struct clm_error *error)
{
    clm_status status = CLM_OK;
    char *images = NULL, *labels = NULL;
    if (!idx_find(directory, prefix, false, &images) || !idx_find(directory, prefix, true, &labels)) {
        status = clm_fail_host_memory(error, directory, strlen(directory) + 1);
    } else if (!images != !labels) {
        status = clm_fail(
            error, CLM_ERROR_IO, "%s: holds %s, but not %s/%s-%s-ubyte, gzipped or not, which belongs to it",
            directory, images ? images : labels, directory, prefix, images ? "labels-idx1" : "images-idx3");
    } else if (images) {
        status = idx_read_file(images, LOOK_AT_IMAGES, images, set, error);
        if (status == CLM_OK)
            status = read_both(images, labels, set, error);
    }
    free(images);
    free(labels);
    return status;
}

static clm_status read_idx(const char *path, bool is_directory, const struct request *request,
                           struct contents *out, struct clm_error *error)
{
    const unsigned wanted = request->wanted;
    clm_status status = CLM_OK;
    if (!is_directory)
        return wanted & READ_TRAIN ? idx_read_single(path, &out->train, error) : CLM_OK;
    if (wanted & READ_TRAIN)
        status = idx_read_pair(path, "train", &out->train, error);
    if (status == CLM_OK && wanted & READ_TEST)
        status = idx_read_pair(path, "t10k", &out->test, error);
    return status;
}

const struct format idx_format = {
    .name = "idx",
    .maps = true,
    .recognises_file = idx_recognises_file,
    .recognises_directory = idx_recognises_directory,
    .read = read_idx,
};
