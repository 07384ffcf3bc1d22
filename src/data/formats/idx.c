/* IDX, the format of MNIST and Fashion-MNIST: 00 00 TYPE DIMENSIONS, then the dimensions as big-endian 32-bit
 * numbers, then the elements, row-major. Source: http://yann.lecun.com/exdb/mnist/ ("the IDX file format").
 *
 * Pictures have 2 (rows, features), 3 (rows, height, width) or 4 (rows, channels, height, width) dimensions
 * and are bytes (08) or floats (0D). Labels have one dimension and are bytes. A directory holds
 * train-images-idx3-ubyte and train-labels-idx1-ubyte, and the same two with t10k for the test set. Names may
 * have . for the - before idx, and each file may be gzipped. The labels of a single file of pictures are
 * beside it, in a file of the same name with labels for images. */
#include "data/formats/array.h"

#include "base/file.h"
#include "base/text.h"
#include "data/files/compression.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIMENSIONS_MAX 4

enum { IDX_BYTE = 0x08, IDX_FLOAT = 0x0d };

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

/* Bytes of the header that begins with these four. */
static size_t header_size(const unsigned char bytes[4])
{
    return 4 + 4 * (size_t)bytes[3];
}

/* Takes the type and the dimensions, which follow the magic number. `name` is for messages. */
static clm_status idx_take_header(const char *name, const unsigned char *bytes, struct array_header *header,
                                  struct clm_error *error)
{
    const bool is_float = bytes[2] == IDX_FLOAT;
    *header = (struct array_header){.kind = is_float ? ARRAY_FLOAT : ARRAY_UNSIGNED,
                                    .item = is_float ? sizeof(float) : 1,
                                    .is_big_endian = true,
                                    .are_classes = true,
                                    .is_planar = true,
                                    .dimension_count = bytes[3],
                                    .start = header_size(bytes)};
    for (size_t i = 0; i < header->dimension_count; i++)
        header->dimensions[i] = big_endian(bytes + 4 + 4 * i);
    return array_measure(name, header, error);
}

static bool idx_recognises_file(const struct file_head *head)
{
    const unsigned char *const bytes = head->bytes;
    struct array_header header;
    if (head->count < 4 || bytes[0] || bytes[1] || !type_name(bytes[2]) || !bytes[3])
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

static const char *const prefixes[2] = {"t10k", "train"}; /* of a test and a training set */

static bool idx_find(const char *directory, const char *prefix, bool are_labels, char **out)
{
    static const char *const middles[][3] = {{"-images-idx3-ubyte", "-images.idx3-ubyte", NULL},
                                             {"-labels-idx1-ubyte", "-labels.idx1-ubyte", NULL}};
    return find_variant(directory, prefix, middles[are_labels], compressed_endings, out);
}

static clm_status idx_recognises_directory(const char *path, bool *is_it, struct clm_error *error)
{
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

static clm_status find_labels_beside(const char *path, char **labels, struct clm_error *error)
{
    const char *const name = path_name(path), *const images = strstr(name, "images");
    clm_status status = CLM_OK;
    if (!images)
        return clm_fail(
            error, CLM_ERROR_FORMAT,
            "%s: the file of its labels has the same name with labels for images, but this name has no images; rename both files, for example to train-images-idx3-ubyte and train-labels-idx1-ubyte",
            path);
    char *copy = strdup(path), *prefix = strndup(name, (size_t)(images - name)),
         *rest = labels_for(images + strlen("images"));
    const char *const directory = copy ? dirname(copy) : NULL;
    const char *const middles[] = {rest, "labels-idx1-ubyte", "labels.idx1-ubyte", NULL};
    if (!copy || !prefix || !rest || !find_variant(directory, prefix, middles, compressed_endings, labels))
        status = clm_fail_host_memory(error, path, strlen(path) + 1);
    else if (!*labels)
        status = clm_fail(error, CLM_ERROR_IO,
                          "%s: has no labels beside it: there is no %s/%s%s, compressed or not", path,
                          directory, prefix, rest);
    free(copy);
    free(prefix);
    free(rest);
    return status;
}

/* Opens the pictures or the labels at `path`; if that is NULL, the labels beside the pictures, whose path
 * `user` points to. */
static clm_status idx_open(void *user, const char *path, bool are_labels, struct stream **out,
                           struct array_header *header, struct clm_error *error)
{
    const char *const *const images = user;
    unsigned char bytes[4 + 4 * DIMENSIONS_MAX];
    char *beside = NULL;
    clm_status status = path ? CLM_OK : find_labels_beside(*images, &beside, error);
    if (status == CLM_OK)
        status = stream_open(path ? path : beside, out, error);
    if (status == CLM_OK)
        status = stream_fill(*out, bytes, 4, "an IDX header", error);
    if (status == CLM_OK)
        status = check_magic(stream_path(*out), bytes, are_labels, error);
    if (status == CLM_OK)
        status = stream_fill(*out, bytes + 4, header_size(bytes) - 4, "an IDX header", error);
    free(beside);
    return status == CLM_OK ? idx_take_header(stream_path(*out), bytes, header, error) : status;
}

/* Reads the training or test set of a directory, which stays empty if neither of its files exists. */
static clm_status idx_read_pair(const char *directory, bool is_train, const struct request *request,
                                struct contents *out, struct clm_error *error)
{
    const char *const prefix = prefixes[is_train];
    clm_status status = CLM_OK;
    char *images = NULL, *labels = NULL;
    if (!idx_find(directory, prefix, false, &images) || !idx_find(directory, prefix, true, &labels)) {
        status = clm_fail_host_memory(error, directory, strlen(directory) + 1);
    } else if (!images != !labels) {
        status = clm_fail(error, CLM_ERROR_IO,
                          "%s: holds %s, but not %s/%s-%s-ubyte, compressed or not, which belongs to it",
                          directory, images ? images : labels, directory, prefix,
                          images ? "labels-idx1" : "images-idx3");
    } else if (images) {
        status = array_read_pair(idx_open, NULL, images, labels, request, is_train, out, error);
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
        return wanted & READ_TRAIN ? array_read_pair(idx_open, &path, path, NULL, request, true, out, error)
                                   : CLM_OK;
    if (wanted & READ_TRAIN)
        status = idx_read_pair(path, true, request, out, error);
    if (status == CLM_OK && wanted & READ_TEST)
        status = idx_read_pair(path, false, request, out, error);
    return status;
}

const struct format idx_format = {
    .name = "idx",
    .maps = true,
    .recognises_file = idx_recognises_file,
    .recognises_directory = idx_recognises_directory,
    .read = read_idx,
};
