/* IDX, the format of MNIST and Fashion-MNIST: 00 00 TYPE DIMENSIONS, then the dimensions as big-endian
 * 32-bit numbers, then the elements, row-major. Source: http://yann.lecun.com/exdb/mnist/ ("the IDX file
 * format").
 *
 * Pictures have 2 (rows, features), 3 (rows, height, width) or 4 (rows, channels, height, width) dimensions.
 * Labels have one dimension, or two, as QMNIST's: (rows, 8), where the first column is the class (source:
 * https://github.com/facebookresearch/qmnist). Elements are of any type.
 *
 * A directory holds train-images-idx3-ubyte and train-labels-idx1-ubyte, and the same two with t10k or test
 * for the test set, or with words before them, as emnist-letters-train-images-idx3-ubyte. Names may have .
 * for the - before idx, and each file may be compressed. The labels of a single file of pictures are beside
 * it, in a file of the same name with labels for images. */
#include "data/formats/array.h"
#include "data/formats/array_files.h"

#include "base/file.h"
#include "base/text.h"
#include "data/files/compression.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIMENSIONS_MAX 4

#define IDX_BYTE       0x08
#define QMNIST_COLUMNS 8

/* A type of elements; `item` is 0 for a number that is none. */
static const struct idx_type {
    enum array_kind kind;
    size_t item;
} idx_types[] = {[IDX_BYTE] = {ARRAY_UNSIGNED, 1}, [0x09] = {ARRAY_INTEGER, 1}, [0x0b] = {ARRAY_INTEGER, 2},
                 [0x0c] = {ARRAY_INTEGER, 4},      [0x0d] = {ARRAY_FLOAT, 4},   [0x0e] = {ARRAY_FLOAT, 8}};

static bool is_type(unsigned type)
{
    return type < sizeof idx_types / sizeof *idx_types && idx_types[type].item;
}

static size_t big_endian(const unsigned char *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

/* Bytes of the header that begins with these four. */
static size_t header_size(const unsigned char bytes[4])
{
    return 4 + 4 * (size_t)bytes[3];
}

/* Takes the type and the dimensions, which follow the magic number. `name` is for messages. */
static clm_status idx_take_header(const char *name, const unsigned char *bytes, struct array_header *header,
                                  struct clm_error *error)
{
    const struct idx_type *const type = idx_types + bytes[2];
    *header = (struct array_header){.kind = type->kind,
                                    .item = type->item,
                                    .is_big_endian = true,
                                    .are_classes = bytes[2] == IDX_BYTE && bytes[3] == 1,
                                    .is_planar = true,
                                    .dimension_count = bytes[3],
                                    .start = header_size(bytes)};
    for (size_t i = 0; i < header->dimension_count; i++)
        header->dimensions[i] = big_endian(bytes + 4 + 4 * i);
    const clm_status status = array_measure(name, header, error);
    header->is_first =
        header->dimension_count == 2 && header->row == QMNIST_COLUMNS && header->kind == ARRAY_INTEGER;
    return status;
}

static bool idx_recognises_file(const struct file_head *head)
{
    const unsigned char *const bytes = head->bytes;
    struct array_header header;
    if (head->count < 4 || bytes[0] || bytes[1] || !is_type(bytes[2]) || !bytes[3])
        return false;
    if (head->is_compressed || head->file_size % 3073)
        return true;
    /* a CIFAR-10 file whose first picture is dark may begin with the same bytes, so the size decides */
    return bytes[3] <= DIMENSIONS_MAX && head->count >= header_size(bytes) &&
           idx_take_header(head->path, bytes, &header, NULL) == CLM_OK &&
           header.bytes == head->file_size - header.start;
}

static clm_status check_magic(const char *path, const unsigned char magic[4], bool are_labels,
                              struct clm_error *error)
{
    const char *what = are_labels ? "labels begins with 00 00 08 01" : "pictures begins with 00 00 08 03";
    if (magic[0] || magic[1] || !is_type(magic[2]) || !magic[3])
        return clm_fail(error, CLM_ERROR_FORMAT,
                        "%s: begins with %02x %02x %02x %02x, but an IDX file of %s; it is no IDX file", path,
                        magic[0], magic[1], magic[2], magic[3], what);
    if (are_labels && magic[3] > 2)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: holds %u dimensions (00 00 %02x %02x), but labels have one, or two with a column for each class",
            path, magic[3], magic[2], magic[3]);
    if (!are_labels && magic[3] == 1)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: has one dimension (00 00 %02x 01), as labels have, but pictures have two to four; name the file of the pictures, or its directory",
            path, magic[2]);
    if (!are_labels && magic[3] > DIMENSIONS_MAX)
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: has %u dimensions, but pictures have two to four", path,
                        magic[3]);
    return CLM_OK;
}

/* What precedes -idx3-ubyte or .idx1-ubyte, and an ending of compressed files. */
static size_t idx_stem(const char *name)
{
    for (const char *at = strstr(name, "idx"); at; at = strstr(at + 1, "idx"))
        if (at > name && (at[-1] == '-' || at[-1] == '.') && at[3] >= '1' && at[3] <= '9' && at[4] == '-' &&
            !strchr(at, '/'))
            return (size_t)(at - 1 - name);
    return 0;
}

static clm_status idx_recognises_directory(const char *path, bool *is_it, struct clm_error *error)
{
    return array_files_recognise(path, idx_stem, is_it, error);
}

/* What the name of the labels has for "images-idx3-ubyte.gz": "labels-idx1-ubyte". `rest` is what follows
 * "images". NULL if there is no memory. */
static char *labels_for(const char *rest)
{
    char *out = NULL;
    if (asprintf(&out, "labels%s", rest) < 0)
        return NULL;
    out[compressed_stem(out)] = '\0';
    char *number = strstr(out, "idx");
    if (number && number[3] >= '0' && number[3] <= '9')
        number[3] = '1';
    return out;
}

/* Finds the labels beside a file of pictures. *labels is NULL if there are none and rows may be without. */
static clm_status idx_find_labels(const char *path, const struct request *request, char **labels,
                                  struct clm_error *error)
{
    const char *const name = path_name(path), *const images = strstr(name, "images");
    const bool is_optional = request->options->labels_optional;
    clm_status status = CLM_OK;
    *labels = NULL;
    if (!images && is_optional)
        return CLM_OK;
    if (!images)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: the file of its labels has the same name with labels for images, but this name has no images; rename both files, for example to train-images-idx3-ubyte and train-labels-idx1-ubyte",
            path);
    char *copy = strdup(path), *prefix = strndup(name, (size_t)(images - name)),
         *rest = labels_for(images + strlen("images"));
    const char *const directory = copy ? dirname(copy) : NULL;
    const char *const middles[] = {rest, "labels-idx1-ubyte", "labels.idx1-ubyte", "labels-idx2-int", NULL};
    if (!copy || !prefix || !rest || !find_variant(directory, prefix, middles, compressed_endings, labels))
        status = clm_fail_host_memory(error, path, strlen(path) + 1);
    else if (!*labels && !is_optional)
        status = clm_fail(error, CLM_ERROR_IO,
                          "%s: has no labels beside it: there is no %s/%s%s, compressed or not", path,
                          directory, prefix, rest);
    free(copy);
    free(prefix);
    free(rest);
    return status;
}

static clm_status idx_open(void *user, const char *path, bool are_labels, struct stream **out,
                           struct array_header *header, struct clm_error *error)
{
    unsigned char bytes[4 + 4 * DIMENSIONS_MAX];
    (void)user;
    clm_status status = stream_open(path, out, error);
    if (status == CLM_OK)
        status = stream_fill(*out, bytes, 4, "an IDX header", error);
    if (status == CLM_OK)
        status = check_magic(stream_path(*out), bytes, are_labels, error);
    if (status == CLM_OK)
        status = stream_fill(*out, bytes + 4, header_size(bytes) - 4, "an IDX header", error);
    return status == CLM_OK ? idx_take_header(stream_path(*out), bytes, header, error) : status;
}

static clm_status idx_read_single(const char *path, const struct request *request, struct contents *out,
                                  struct clm_error *error)
{
    struct stream *stream = NULL;
    struct array_header header;
    char *labels = NULL;
    clm_status status =
        idx_open(NULL, path, false, &stream, &header, error); /* before its labels are missed */
    stream_close(stream);
    if (status == CLM_OK)
        status = idx_find_labels(path, request, &labels, error);
    if (status == CLM_OK)
        status = array_read_pair(idx_open, NULL, path, labels, request, CLM_TRAIN, out, error);
    free(labels);
    return status;
}

/* EMNIST's pictures are columns first. A net learns from them all the same, so they stay as they are. */
static void note_transposed(const char *path, const struct array_files *files, const struct request *request)
{
    const size_t inputs = files->choice.inputs[CLM_TRAIN];
    if (inputs != NOT_CHOSEN && !strncasecmp(files->names[inputs].set, "emnist", strlen("emnist")))
        data_note(
            request->options, "",
            "%s: EMNIST has its pictures transposed, rows for columns, and they stay so; transpose pictures of other origin before this net predicts them",
            path);
}

static clm_status idx_read_directory(const char *path, const struct request *request, struct contents *out,
                                     struct clm_error *error)
{
    struct array_files files;
    clm_status status =
        array_files_find(path, idx_stem, request->is_test ? NULL : request->options->inputs, &files, error);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        if (request->wanted & read_of((enum clm_part)part))
            status = array_files_read(&files, (enum clm_part)part, idx_open, NULL, "train-labels-idx1-ubyte",
                                      request, out, error);
    if (status == CLM_OK && request->wanted & READ_TRAIN) {
        note_transposed(path, &files, request);
        status = array_files_note_unused(path, &files, NULL, request, error);
    }
    array_files_free(&files);
    return status;
}

static clm_status read_idx(const char *path, bool is_directory, const struct request *request,
                           struct contents *out, struct clm_error *error)
{
    if (is_directory)
        return idx_read_directory(path, request, out, error);
    return request->wanted & READ_TRAIN ? idx_read_single(path, request, out, error) : CLM_OK;
}

const struct format idx_format = {
    .name = "idx",
    .takes = TAKES_INPUTS,
    .maps = true,
    .recognises_file = idx_recognises_file,
    .recognises_directory = idx_recognises_directory,
    .read = read_idx,
};
