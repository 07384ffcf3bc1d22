/* Data sets: the formats, the places where names are looked for, the parts, and malformed files. */
#include "base/philox.h"
#include "data/formats/cifar.h"
#include "data/data.h"

#include "support/packs.h"
#include "support/support.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static struct clm_error error;
static char *directory;

static void set_up(void)
{
    error = (struct clm_error){0};
    directory = test_directory();
    unsetenv("CLMLP_DATA");
    setenv("XDG_DATA_HOME", directory, 1);
}

static void tear_down(void)
{
    test_directory_remove(directory);
}

/* ---- making files -------------------------------------------------------------------------------------- */

enum { ROWS = 7, HEIGHT = 2, WIDTH = 3, FEATURES = HEIGHT * WIDTH, TEST_ROWS = 3 };

struct data_bytes {
    unsigned char at[4096];
    size_t size;
};

static void add(struct data_bytes *to, const void *bytes, size_t size)
{
    ck_assert_uint_le(to->size + size, sizeof to->at);
    memcpy(to->at + to->size, bytes, size);
    to->size += size;
}

static void add_big_endian(struct data_bytes *to, uint32_t number)
{
    const unsigned char bytes[4] = {(unsigned char)(number >> 24), (unsigned char)(number >> 16),
                                    (unsigned char)(number >> 8), (unsigned char)number};
    add(to, bytes, 4);
}

/* An IDX header: its type, and `count` dimensions. */
static struct data_bytes idx(unsigned char type, unsigned char count, const uint32_t *dimensions)
{
    const unsigned char magic[4] = {0, 0, type, count};
    struct data_bytes file = {.size = 0};
    add(&file, magic, 4);
    for (int i = 0; i < count; i++)
        add_big_endian(&file, dimensions[i]);
    return file;
}

/* Byte i of the images is 3 i + first. */
static struct data_bytes images(uint32_t rows, unsigned first)
{
    struct data_bytes file = idx(8, 3, (const uint32_t[]){rows, HEIGHT, WIDTH});
    for (unsigned i = 0; i < rows * FEATURES; i++)
        add(&file, &(const unsigned char){(unsigned char)(3 * i + first)}, 1);
    return file;
}

/* Label i is i mod 4. */
static struct data_bytes labels(uint32_t rows)
{
    struct data_bytes file = idx(8, 1, &rows);
    for (unsigned i = 0; i < rows; i++)
        add(&file, &(const unsigned char){(unsigned char)(i % 4)}, 1);
    return file;
}

static void put(const char *name, const void *bytes, size_t size)
{
    free(test_file(directory, name, bytes, size));
}

static void put_bytes(const char *name, const struct data_bytes *file)
{
    put(name, file->at, file->size);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static char *path_of(const char *name)
{
    char *path = NULL;
    ck_assert_int_ge(asprintf(&path, "%s/%s", directory, name), 0);
    return path;
}

static void put_gzipped(const char *name, const void *bytes, size_t size)
{
    char *path = path_of(name);
    gzFile file = gzopen(path, "wb9");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, bytes, (unsigned)size), (int)size);
    ck_assert_int_eq(gzclose(file), Z_OK);
    free(path);
}

static void remove_file(const char *name)
{
    char *path = path_of(name);
    ck_assert_int_eq(unlink(path), 0);
    free(path);
}

static void make_directory(const char *name)
{
    char *path = path_of(name);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    free(path);
}

/* The four files of a small IDX set, named PREFIX-images<separator>idx3-ubyte. */
static void put_idx_set(char separator, bool is_gzipped)
{
    static const char *const prefixes[] = {"train", "t10k"};
    for (int i = 0; i < 2; i++) {
        const uint32_t rows = i ? TEST_ROWS : ROWS;
        const struct data_bytes files[] = {images(rows, i ? 100 : 0), labels(rows)};
        for (int j = 0; j < 2; j++) {
            char name[64];
            snprintf(name, sizeof name, "%s-%s%cidx%d-ubyte%s", prefixes[i], j ? "labels" : "images",
                     separator, j ? 1 : 3, is_gzipped ? ".gz" : "");
            if (is_gzipped)
                put_gzipped(name, files[j].at, files[j].size);
            else
                put_bytes(name, files + j);
        }
    }
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static struct clm_data *open_with(const struct clm_data_options *options)
{
    struct clm_data *data = NULL;
    error = (struct clm_error){0};
    ck_assert_msg(clm_data_open(options, &data, &error) == CLM_OK, "%s", error.message);
    ck_assert_ptr_nonnull(data);
    return data;
}

static struct clm_data *open_path(const char *path)
{
    return open_with(&(struct clm_data_options){.source = path});
}

/* Opening must fail with this status and one line that contains `part`. */
static void refused_with(const struct clm_data_options *options, clm_status status, const char *part)
{
    struct clm_data *data = (struct clm_data *)&error;
    error = (struct clm_error){0};
    const clm_status got = clm_data_open(options, &data, &error);
    ck_assert_msg(got == status, "status is %d (%s), not %d: %s", got, clm_status_text(got), status,
                  error.message);
    ck_assert_int_eq(error.status, status);
    ck_assert_ptr_null(data);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
}

static void refused(clm_status status, const char *part)
{
    refused_with(&(struct clm_data_options){.source = directory}, status, part);
}

/* The directory's file `name`, given as the source, must be refused and named. */
static void file_refused(const char *name, clm_status status, const char *part)
{
    char *path = path_of(name);
    refused_with(&(struct clm_data_options){.source = path}, status, part);
    ck_assert_msg(strstr(error.message, path) != NULL, "%s is not named: %s", path, error.message);
    free(path);
}

static void assert_small_set(const struct clm_data *data)
{
    ck_assert_str_eq(clm_data_format(data), "idx");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), ROWS);
    ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), 0);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), TEST_ROWS);
    ck_assert_uint_eq(clm_data_features(data), FEATURES);
    ck_assert_uint_eq(clm_data_classes(data), 4);
    ck_assert_ptr_null(clm_data_class_name(data, 0));
    ck_assert(clm_data_is_bytes(data));
    ck_assert_uint_eq(data->height, HEIGHT);
    ck_assert_uint_eq(data->width, WIDTH);
    ck_assert_uint_eq(data->channels, 1);
    for (unsigned i = 0; i < ROWS * FEATURES; i++)
        ck_assert_uint_eq(((const unsigned char *)data->train.values)[i], 3 * i);
    for (unsigned i = 0; i < TEST_ROWS * FEATURES; i++)
        ck_assert_uint_eq(((const unsigned char *)data->test.values)[i], 3 * i + 100);
    for (unsigned i = 0; i < ROWS; i++)
        ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, i), i % 4);
    for (unsigned i = 0; i < TEST_ROWS; i++)
        ck_assert_uint_eq(clm_data_label(data, CLM_TEST, i), i % 4);
}

/* ---- IDX ----------------------------------------------------------------------------------------------- */

START_TEST(test_idx_directory)
{
    put_idx_set(_i & 1 ? '.' : '-', _i & 2);
    struct clm_data *data = open_path(directory);
    assert_small_set(data);
    ck_assert_str_eq(clm_data_source(data), directory);
    clm_data_close(data);
}
END_TEST

START_TEST(test_idx_without_a_test_set)
{
    put_idx_set('-', false);
    remove_file("t10k-images-idx3-ubyte");
    remove_file("t10k-labels-idx1-ubyte");
    struct clm_data *data = open_path(directory);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), ROWS);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 0);
    clm_data_close(data);
}
END_TEST

START_TEST(test_idx_single_file)
{
    static const char *const names[][2] = {
        {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
        {"images.idx3-ubyte", "labels.idx1-ubyte"},
        {"my-images", "my-labels"},
        {"x-images.idx3-ubyte", "x-labels-idx1-ubyte"},
    };
    const struct data_bytes pictures = images(ROWS, 0), classes = labels(ROWS);
    char *path = path_of(names[_i][0]);
    put_bytes(names[_i][0], &pictures);
    put_bytes(names[_i][1], &classes);
    struct clm_data *data = open_path(path);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), ROWS);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 0);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 6), 2);
    clm_data_close(data);
    free(path);
}
END_TEST

START_TEST(test_idx_dimensions)
{
    const uint32_t flat[] = {ROWS, 6}, planar[] = {ROWS, 3, 1, 2};
    const unsigned char values[ROWS * 6] = {0};
    const struct data_bytes classes = labels(ROWS);
    struct data_bytes pictures = idx(8, 2, flat);
    add(&pictures, values, sizeof values);
    put_bytes("a-images", &pictures);
    put_bytes("a-labels", &classes);
    char *path = path_of("a-images");
    struct clm_data *data = open_path(path);
    ck_assert_uint_eq(clm_data_features(data), 6);
    ck_assert_uint_eq(data->height, 0);
    clm_data_close(data);

    pictures = idx(8, 4, planar);
    add(&pictures, values, sizeof values);
    put_bytes("a-images", &pictures);
    data = open_path(path);
    ck_assert_uint_eq(clm_data_features(data), 6);
    ck_assert_uint_eq(data->channels, 3);
    ck_assert_uint_eq(data->height, 1);
    ck_assert_uint_eq(data->width, 2);
    clm_data_close(data);
    free(path);
}
END_TEST

/* Seven rows of two floats; the one at `place` is `value`. */
static void put_floats(size_t place, float value)
{
    struct data_bytes pictures = idx(0x0d, 2, (const uint32_t[]){ROWS, 2});
    const struct data_bytes classes = labels(ROWS);
    for (size_t i = 0; i < ROWS * 2; i++) {
        const float number = i == place ? value : (float)i / 3 - 1;
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        add_big_endian(&pictures, bits);
    }
    put_bytes("f-images-idx2-float", &pictures);
    put_bytes("f-labels-idx1-ubyte", &classes);
}

START_TEST(test_idx_floats)
{
    char *path = path_of("f-images-idx2-float");
    put_floats(0, -1e30f);
    struct clm_data *data = open_path(path);
    ck_assert(!clm_data_is_bytes(data));
    ck_assert_uint_eq(clm_data_features(data), 2);
    const float *values = data->train.values;
    ck_assert(values[0] == -1e30f);
    for (size_t i = 1; i < ROWS * 2; i++)
        ck_assert(values[i] == (float)i / 3 - 1);
    clm_data_close(data);

    data = open_with(&(struct clm_data_options){.source = path, .validation = 2});
    ck_assert(((const float *)data->validation.values)[0] == 10.0f / 3 - 1);
    clm_data_close(data);
    free(path);

    put_floats(9, NAN);
    file_refused("f-images-idx2-float", CLM_ERROR_FORMAT, "row 4, feature 1 (counted from 0) is nan");
    put_floats(0, INFINITY);
    file_refused("f-images-idx2-float", CLM_ERROR_FORMAT, "row 0, feature 0 (counted from 0) is inf");
    put_floats(13, -INFINITY);
    file_refused("f-images-idx2-float", CLM_ERROR_FORMAT, "row 6, feature 1");
}
END_TEST

/* If any of the four files is cut off anywhere, gzipped or not, a sentence names it, and there is no data. */
START_TEST(test_idx_truncated)
{
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    const bool is_gzipped = _i & 1;
    put_idx_set('-', is_gzipped);
    for (int i = 0; i < 4; i++) {
        char name[64];
        unsigned char bytes[4096];
        snprintf(name, sizeof name, "%s%s", names[i], is_gzipped ? ".gz" : "");
        char *path = path_of(name);
        FILE *file = fopen(path, "rb");
        ck_assert_ptr_nonnull(file);
        const size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        for (size_t cut = 0; cut < size; cut++) {
            put(name, bytes, cut);
            refused(CLM_ERROR_FORMAT, path);
        }
        put(name, bytes, size);
        clm_data_close(open_path(directory));
        free(path);
    }
}
END_TEST

START_TEST(test_idx_too_long)
{
    struct data_bytes pictures = images(ROWS, 0);
    put_idx_set('-', false);
    add(&pictures, "", 1);
    put_bytes("train-images-idx3-ubyte", &pictures);
    refused(CLM_ERROR_FORMAT,
            "has 59 bytes, but its header promises 7 rows of 6 elements, 16 + 42 bytes; it is "
            "too long");
    remove_file("train-images-idx3-ubyte");
    put_gzipped("train-images-idx3-ubyte.gz", pictures.at, pictures.size);
    refused(CLM_ERROR_FORMAT, "has more than the 58 bytes that its header promises");
}
END_TEST

/* A flipped bit after the gzip header is noticed, or changes nothing that is read. */
START_TEST(test_gzip_damaged)
{
    unsigned char bytes[4096];
    put_idx_set('-', true);
    char *path = path_of("train-images-idx3-ubyte.gz");
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t i = 10; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct clm_data *data = NULL;
            bytes[i] ^= (unsigned char)(1 << bit);
            put("train-images-idx3-ubyte.gz", bytes, size);
            bytes[i] ^= (unsigned char)(1 << bit);
            const struct clm_data_options options = {.source = directory};
            if (clm_data_open(&options, &data, &error) == CLM_OK) {
                assert_small_set(data);
                clm_data_close(data);
            } else {
                ck_assert_int_eq(error.status, CLM_ERROR_FORMAT);
                ck_assert_ptr_nonnull(strstr(error.message, path));
            }
        }
    }
    bytes[size - 8] ^= 1; /* the checksum itself */
    put("train-images-idx3-ubyte.gz", bytes, size);
    refused(CLM_ERROR_FORMAT, "damaged (incorrect data check)");
    free(path);
}
END_TEST

/* Pictures many times larger than a reader's buffers: any cut of the last bytes, which are the checksum and
 * length of the content, is noticed, and so are bytes after them; a second member is read. */
START_TEST(test_gzip_large)
{
    enum { SIDE = 1024 };
    const struct data_bytes head = idx(8, 3, (const uint32_t[]){ROWS, SIDE, SIDE}), classes = labels(ROWS);
    const size_t size = head.size + ROWS * SIDE * SIDE, half = size / 2;
    unsigned char *const pictures = calloc(1, size), *const gzipped = malloc(size);
    ck_assert(pictures && gzipped);
    memcpy(pictures, head.at, head.size);
    struct philox random = philox_start(1, 0, 0);
    for (size_t i = head.size; i < size; i += 16) /* some of it */
        pictures[i] = (unsigned char)philox_next(&random);
    put_bytes("a-labels", &classes);
    put_gzipped("a-images.gz", pictures, size);
    char *const path = path_of("a-images.gz");
    FILE *const file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t length = fread(gzipped, 1, size, file);
    fclose(file);
    for (size_t cut = 1; cut <= 12; cut++) {
        put("a-images.gz", gzipped, length - cut);
        file_refused("a-images.gz", CLM_ERROR_FORMAT, "its gzip data ends early");
    }
    gzipped[length] = 'x';
    put("a-images.gz", gzipped, length + 1);
    file_refused("a-images.gz", CLM_ERROR_FORMAT, "its gzip data ends early");
    memset(gzipped + length, 'x', 32);
    put("a-images.gz", gzipped, length + 32);
    file_refused("a-images.gz", CLM_ERROR_FORMAT, "is followed by something else (incorrect header check)");

    struct pack members = {0};
    pack_gzip(&members, pictures, half);
    pack_gzip(&members, pictures + half, size - half);
    put("a-images.gz", members.at, members.size);
    struct clm_data *data = NULL;
    const struct clm_data_options options = {.source = path};
    ck_assert_int_eq(clm_data_open(&options, &data, &error), CLM_OK);
    ck_assert_mem_eq(data_part(data, CLM_TRAIN)->values, pictures + head.size, size - head.size);
    clm_data_close(data);
    pack_free(&members);
    free(path);
    free(gzipped);
    free(pictures);
}
END_TEST

/* 64 MiB of zeros in 64 KiB. If the header promises few bytes, reading stops after those. If it promises more
 * than the file can hold, nothing is allocated. */
START_TEST(test_gzip_bomb)
{
    const size_t size = (size_t)64 << 20;
    unsigned char *bomb = calloc(1, size);
    ck_assert_ptr_nonnull(bomb);
    struct data_bytes head = images(ROWS, 0);
    memcpy(bomb, head.at, head.size);
    put_gzipped("a-images.gz", bomb, size);
    struct data_bytes file = labels(ROWS);
    put_bytes("a-labels", &file);
    file_refused("a-images.gz", CLM_ERROR_FORMAT, "has more than the 58 bytes");
    free(bomb);

    head = idx(8, 3, (const uint32_t[]){1u << 31, 1u << 15, 1u << 15});
    put_gzipped("a-images.gz", head.at, head.size);
    file_refused("a-images.gz", CLM_ERROR_FORMAT, "2305843009213693952 bytes, but ");
    head = idx(8, 4, (const uint32_t[]){UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX});
    put_gzipped("a-images.gz", head.at, head.size);
    file_refused("a-images.gz", CLM_ERROR_FORMAT, "more elements than can be addressed");
    put_bytes("a-images", &head);
    file_refused("a-images", CLM_ERROR_FORMAT, "more elements than can be addressed");
    head = idx(0x0d, 2, (const uint32_t[]){UINT32_MAX, UINT32_MAX});
    put_bytes("a-images", &head);
    file_refused("a-images", CLM_ERROR_FORMAT, "more elements than can be addressed");
}
END_TEST

START_TEST(test_idx_wrong_magic)
{
    struct data_bytes file = images(ROWS, 0);
    put_idx_set('-', false);
    file.at[0] = 1;
    put_bytes("train-images-idx3-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "begins with 01 00 08 03, but an IDX file of pictures begins with 00 00 08 03");
    file_refused("train-images-idx3-ubyte", CLM_ERROR_FORMAT, "it begins with 01 00 08 03");
    file.at[0] = 0;
    file.at[2] = 7;
    put_bytes("train-images-idx3-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "begins with 00 00 07 03");
    file.at[2] = 0x0a;
    put_bytes("train-images-idx3-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "begins with 00 00 0a 03");
    file.at[2] = 0x0c;
    put_bytes("train-images-idx3-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "16 + 168 bytes; it is truncated");
    file.at[2] = 8;
    file.at[3] = 5;
    put_bytes("train-images-idx3-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "has 5 dimensions");
    file = labels(ROWS);
    put_bytes("train-images-idx3-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "as labels have");
    file_refused("train-labels-idx1-ubyte", CLM_ERROR_FORMAT, "as labels have");
    file = images(ROWS, 0);
    put_bytes("train-images-idx3-ubyte", &file);
    put_bytes("train-labels-idx1-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "holds 3 dimensions (00 00 08 03), but labels have one, or two");
}
END_TEST

START_TEST(test_idx_counts)
{
    struct data_bytes file = labels(ROWS - 1);
    put_idx_set('-', false);
    put_bytes("train-labels-idx1-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "has 6 labels for 7 rows of inputs in");
    file = labels(0);
    put_bytes("train-labels-idx1-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "empty set: dimension 0 of 1 is 0");
    file = images(0, 0);
    put_bytes("train-images-idx3-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "empty set: dimension 0 of 3 is 0");
    file = idx(8, 3, (const uint32_t[]){ROWS, 0, 5});
    put_bytes("train-images-idx3-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "empty set: dimension 1 of 3 is 0");
}
END_TEST

START_TEST(test_idx_missing_files)
{
    put_idx_set('-', false);
    remove_file("train-labels-idx1-ubyte");
    refused(CLM_ERROR_IO, "train-labels-idx1-ubyte");
    file_refused("train-images-idx3-ubyte", CLM_ERROR_IO, "train-labels-idx1-ubyte");
    remove_file("train-images-idx3-ubyte");
    refused(CLM_ERROR_FORMAT, "has a test set, but no training set");
    const struct data_bytes file = images(ROWS, 0);
    put_bytes("pictures", &file);
    file_refused("pictures", CLM_ERROR_FORMAT, "this name has no images; rename both files");
}
END_TEST

/* ---- CIFAR-10 ------------------------------------------------------------------------------------------ */

enum { BATCH = 20 };

static void put_cifar(void)
{
    ck_assert_msg(clm_data_make(directory, BATCH, 1, true, &error) == CLM_OK, "%s", error.message);
}

/* The first records of a file in the directory, which the caller frees. */
static unsigned char *records_of(const char *name, size_t *size)
{
    char *path = path_of(name);
    unsigned char *bytes = malloc(BATCH * CIFAR_RECORD + 1);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(bytes);
    *size = fread(bytes, 1, BATCH * CIFAR_RECORD + 1, file);
    fclose(file);
    free(path);
    return bytes;
}

static void assert_rows(const struct rows *rows, size_t first, const char *name)
{
    size_t size;
    unsigned char *records = records_of(name, &size);
    ck_assert_uint_eq(size, BATCH * CIFAR_RECORD);
    ck_assert_uint_ge(rows->count, first + BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        ck_assert_uint_eq(rows->labels[first + i], records[i * CIFAR_RECORD]);
        ck_assert_mem_eq((const unsigned char *)rows->values + (first + i) * CIFAR_PIXELS,
                         records + i * CIFAR_RECORD + 1, CIFAR_PIXELS);
    }
    free(records);
}

START_TEST(test_cifar_directory)
{
    put_cifar();
    struct clm_data *data = open_path(directory);
    ck_assert_str_eq(clm_data_format(data), "cifar10");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 5 * BATCH);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), BATCH);
    ck_assert_uint_eq(clm_data_features(data), 3072);
    ck_assert_uint_eq(clm_data_classes(data), 10);
    ck_assert_str_eq(clm_data_class_name(data, 9), "pattern 9");
    ck_assert_ptr_null(clm_data_class_name(data, 10));
    ck_assert(clm_data_is_bytes(data));
    ck_assert_uint_eq(data->channels, 3);
    ck_assert_uint_eq(data->height, 32);
    ck_assert_uint_eq(data->width, 32);
    for (unsigned i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%u.bin", i + 1);
        assert_rows(&data->train, i * BATCH, name);
    }
    assert_rows(&data->test, 0, "test_batch.bin");
    clm_data_close(data);
}
END_TEST

START_TEST(test_cifar_some_files)
{
    put_cifar();
    remove_file("data_batch_1.bin");
    remove_file("data_batch_3.bin");
    remove_file("data_batch_4.bin");
    remove_file("test_batch.bin");
    remove_file("batches.meta.txt");
    struct clm_data *data = open_path(directory);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 2 * BATCH);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 0);
    assert_rows(&data->train, 0, "data_batch_2.bin");
    assert_rows(&data->train, BATCH, "data_batch_5.bin");
    ck_assert_str_eq(clm_data_class_name(data, 0), "airplane");
    clm_data_close(data);

    char *path = path_of("data_batch_5.bin");
    data = open_path(path);
    ck_assert_str_eq(clm_data_format(data), "cifar10");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), BATCH);
    ck_assert_str_eq(clm_data_class_name(data, 9), "truck");
    assert_rows(&data->train, 0, "data_batch_5.bin");
    clm_data_close(data);
    free(path);

    put_cifar();
    for (int i = 1; i <= 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        remove_file(name);
    }
    refused(CLM_ERROR_FORMAT, "has a test set, but no training set");
}
END_TEST

START_TEST(test_cifar_unpacked_archive)
{
    char *outer = directory;
    make_directory("cifar-10-batches-bin");
    directory = path_of("cifar-10-batches-bin");
    put_cifar();
    struct clm_data *data = open_path(outer);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 5 * BATCH);
    clm_data_close(data);
    free(directory);
    directory = outer;
}
END_TEST

START_TEST(test_cifar_bad_files)
{
    size_t size;
    put_cifar();
    unsigned char *records = records_of("data_batch_2.bin", &size);
    put("data_batch_2.bin", records, size - 1);
    refused(CLM_ERROR_FORMAT,
            "data_batch_2.bin: has 61459 bytes, which is no whole number of records of 3073: 19 records and");
    put("data_batch_2.bin", records, size + 1);
    refused(CLM_ERROR_FORMAT, "data_batch_2.bin: has 61461 bytes");
    put("data_batch_2.bin", records, 0);
    refused(CLM_ERROR_FORMAT, "data_batch_2.bin: is an empty set");
    records[3 * CIFAR_RECORD] = 10;
    put("data_batch_2.bin", records, size);
    refused(CLM_ERROR_FORMAT, "data_batch_2.bin: record 3 (counted from 0) has label 10");
    records[3 * CIFAR_RECORD] = 0;
    put_gzipped("data_batch_2.bin", records, size);
    refused(CLM_ERROR_FORMAT, "data_batch_2.bin: is gzipped");
    remove_file("data_batch_2.bin");
    make_directory("data_batch_2.bin");
    refused(CLM_ERROR_IO, "data_batch_2.bin: is not a regular file");
    free(records);
}
END_TEST

START_TEST(test_cifar_bad_names)
{
    put_cifar();
    put_text("batches.meta.txt", "a\nb\n");
    refused(CLM_ERROR_FORMAT, "names 2 classes, but CIFAR-10 has 10");
    put_text("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n");
    refused(CLM_ERROR_FORMAT, "names 11 classes");
    put_text("batches.meta.txt", "a\nb\033[31m\nc\nd\ne\nf\ng\nh\ni\nj\n");
    refused(CLM_ERROR_FORMAT, "line 2 cannot name a class");
    char longer[70000];
    memset(longer, 'x', sizeof longer);
    put("batches.meta.txt", longer, 1000);
    refused(CLM_ERROR_FORMAT, "line 1 cannot name a class: it has 1000 bytes");
    put("batches.meta.txt", longer, sizeof longer);
    refused(CLM_ERROR_FORMAT, "70000");
    put_text("batches.meta.txt", "a\r\nb\r\nc\r\nd\r\n\r\ne\r\nf\r\ng\r\nh\r\ni\r\nj");
    struct clm_data *data = open_path(directory);
    ck_assert_str_eq(clm_data_class_name(data, 4), "e");
    ck_assert_str_eq(clm_data_class_name(data, 9), "j");
    clm_data_close(data);
}
END_TEST

/* A record that begins like an IDX file of images, 00 00 08 03: label 0, then a dark picture. */
START_TEST(test_cifar_that_looks_like_idx)
{
    unsigned char *record = calloc(1, CIFAR_RECORD);
    ck_assert_ptr_nonnull(record);
    record[2] = 8;
    record[3] = 3;
    put("dark.bin", record, CIFAR_RECORD);
    char *path = path_of("dark.bin");
    struct clm_data *data = open_path(path);
    ck_assert_str_eq(clm_data_format(data), "cifar10");
    clm_data_close(data);
    refused_with(&(struct clm_data_options){.source = path, .format = "idx"}, CLM_ERROR_FORMAT, "empty set");
    free(path);
    free(record);
}
END_TEST

/* ---- formats and places -------------------------------------------------------------------------------- */

START_TEST(test_not_recognised)
{
    static const char text[] = "label: a b c\n\nd";
    put("text.txt", text, sizeof text - 1);
    file_refused("text.txt", CLM_ERROR_FORMAT, "it begins with 6c 61 62 65 and has 15 bytes");
    put("empty", "", 0);
    file_refused("empty", CLM_ERROR_FORMAT, "is empty: it has 0 bytes");
    refused(CLM_ERROR_FORMAT, "the directory holds no data set");
    char *path = path_of("text.txt");
    refused_with(
        &(struct clm_data_options){.source = path, .format = "parquet"}, CLM_ERROR_ARGUMENT,
        "no data format named parquet; choose idx, npy, npz, arff, libsvm, csv, cifar100, cifar10 or images");
    refused_with(&(struct clm_data_options){.source = path, .format = "cifar10"}, CLM_ERROR_FORMAT,
                 "15 bytes");
    refused_with(&(struct clm_data_options){.source = path, .format = "idx"}, CLM_ERROR_FORMAT,
                 "6c 61 62 65");
    free(path);
}
END_TEST

START_TEST(test_not_readable)
{
    char *path = path_of("train-images-idx3-ubyte");
    put("train-labels-idx1-ubyte", "x", 1);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* opening it would wait for its other end */
    free(path);
    refused(CLM_ERROR_IO, "train-images-idx3-ubyte: is not a regular file");
    file_refused("missing", CLM_ERROR_IO, "No such file or directory");
    refused_with(&(struct clm_data_options){.source = NULL}, CLM_ERROR_ARGUMENT, "no data set is named");
    refused_with(&(struct clm_data_options){.source = ""}, CLM_ERROR_ARGUMENT, "no data set is named");
    if (geteuid() != 0) { /* root reads everything */
        put("closed", "x", 1);
        path = path_of("closed");
        ck_assert_int_eq(chmod(path, 0), 0);
        free(path);
        file_refused("closed", CLM_ERROR_IO, "Permission denied");
    }
    refused_with(&(struct clm_data_options){.source = "/dev/zero"}, CLM_ERROR_IO, "is not a regular file");
}
END_TEST

/* CLMLP_DATA, XDG_DATA_HOME/clmlp, ~/.local/share/clmlp, in that order. */
START_TEST(test_places)
{
    static const char *const inside[] = {"own/mnist", "clmlp/mnist", ".local/share/clmlp/mnist"};
    char *outer = directory, *path = NULL;
    const char *home = getenv("HOME");
    char *kept = home ? strdup(home) : NULL;
    if (_i == 0) {
        path = path_of("own");
        setenv("CLMLP_DATA", path, 1);
        free(path);
    } else if (_i == 2) {
        unsetenv("XDG_DATA_HOME");
        setenv("HOME", directory, 1);
    }
    for (char *end = strdup(inside[_i]), *rest = end, *slash; rest; rest = slash ? slash + 1 : NULL) {
        slash = strchr(rest, '/');
        if (slash)
            *slash = '\0';
        make_directory(end);
        if (slash)
            *slash = '/';
        else
            free(end);
    }
    directory = path_of(inside[_i]);
    put_idx_set('-', true);
    struct clm_data *data = open_path("mnist");
    ck_assert_str_eq(clm_data_source(data), directory);
    ck_assert_uint_eq(clm_data_classes(data), 10);
    ck_assert_str_eq(clm_data_class_name(data, 7), "7");
    clm_data_close(data);
    free(directory);
    directory = outer;
    if (kept)
        setenv("HOME", kept, 1);
    free(kept);
}
END_TEST

START_TEST(test_nowhere)
{
    setenv("CLMLP_DATA", "/nowhere", 1);
    refused_with(&(struct clm_data_options){.source = "cifar10"}, CLM_ERROR_IO,
                 "the data set cifar10 was not found: looked for /nowhere/cifar10, ");
    ck_assert_ptr_nonnull(strstr(error.message, directory));
    ck_assert_ptr_nonnull(strstr(error.message, "/clmlp/cifar10 and /usr/share/datasets/cifar10; put"));
    refused_with(&(struct clm_data_options){.source = "no-such-set"}, CLM_ERROR_IO,
                 "is no file, no directory and no known data set");
}
END_TEST

/* A known name never means a directory here; ./NAME does. */
START_TEST(test_name_and_path)
{
    char before[4096];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    put_idx_set('-', false);
    make_directory("cifar10");
    ck_assert_int_eq(chdir(directory), 0);
    struct clm_data *data = open_path(".");
    assert_small_set(data);
    clm_data_close(data);
    data = open_path("train-images-idx3-ubyte");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), ROWS);
    clm_data_close(data);
    refused_with(&(struct clm_data_options){.source = "cifar10"}, CLM_ERROR_IO, "write ./cifar10");
    refused_with(&(struct clm_data_options){.source = "./cifar10"}, CLM_ERROR_FORMAT, "holds no data set");
    ck_assert_int_eq(chdir(before), 0);
}
END_TEST

/* The name of the directory gives the classes and their names. */
START_TEST(test_named_directory)
{
    char *outer = directory;
    make_directory("fashion-mnist");
    directory = path_of("fashion-mnist");
    put_idx_set('-', false);
    struct clm_data *data = open_path(directory);
    ck_assert_uint_eq(clm_data_classes(data), 10);
    ck_assert_str_eq(clm_data_class_name(data, 9), "Ankle boot");
    clm_data_close(data);

    struct data_bytes file = labels(ROWS);
    file.at[file.size - 1] = 10;
    put_bytes("train-labels-idx1-ubyte", &file);
    refused(CLM_ERROR_FORMAT,
            "train-labels-idx1-ubyte: label 10 in row 6 (counted from 0), but fashion-mnist has 10");
    file = labels(ROWS);
    put_bytes("train-labels-idx1-ubyte", &file);
    file = labels(TEST_ROWS);
    file.at[file.size - 1] = 255;
    put_bytes("t10k-labels-idx1-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "t10k-labels-idx1-ubyte: label 255 in row 2");
    free(directory);
    directory = outer;
}
END_TEST

/* ---- parts --------------------------------------------------------------------------------------------- */

START_TEST(test_split)
{
    static const struct {
        double validation;
        size_t limit, train, held;
    } cases[] = {{0, 0, 7, 0}, {2, 0, 5, 2},   {6, 0, 1, 6},   {2, 3, 3, 2},   {2, 6, 5, 2}, {2, 99, 5, 2},
                 {0, 1, 1, 0}, {0.5, 0, 3, 4}, {0.3, 0, 5, 2}, {0.1, 0, 6, 1}, {1, 0, 6, 1}, {0.9, 0, 1, 6}};
    put_idx_set('-', false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct clm_data *data = open_with(&(struct clm_data_options){
            .source = directory, .validation = cases[i].validation, .limit = cases[i].limit});
        ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), cases[i].train);
        ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), cases[i].held);
        ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), TEST_ROWS);
        const size_t first = ROWS - cases[i].held;
        for (size_t row = 0; row < cases[i].train; row++)
            ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, row), row % 4);
        for (size_t row = 0; row < cases[i].held; row++)
            ck_assert_uint_eq(clm_data_label(data, CLM_VALIDATION, row), (first + row) % 4);
        if (cases[i].held)
            ck_assert_uint_eq(*(const unsigned char *)data->validation.values, 3 * first * FEATURES);
        clm_data_close(data);
    }
}
END_TEST

START_TEST(test_split_that_cannot_be)
{
    static const struct {
        double validation;
        const char *part;
    } cases[] = {{NAN, "validation is nan"},        {-1, "validation is -1"},
                 {INFINITY, "validation is inf"},   {2.5, "validation is 2.5"},
                 {7, "leaves none to train on"},    {1e300, "leaves none to train on"},
                 {0.99, "leaves none to train on"}, {0.01, "which is no row"}};
    put_idx_set('-', false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused_with(&(struct clm_data_options){.source = directory, .validation = cases[i].validation},
                     CLM_ERROR_ARGUMENT, cases[i].part);
}
END_TEST

START_TEST(test_other_test_set)
{
    put_idx_set('-', false);
    char *train = path_of("train-images-idx3-ubyte"), *test = path_of("t10k-images-idx3-ubyte"),
         *missing = path_of("missing");
    struct clm_data *data = open_with(&(struct clm_data_options){.source = train, .test = test});
    assert_small_set(data);
    clm_data_close(data);
    data = open_with(&(struct clm_data_options){.source = train, .test = directory});
    assert_small_set(data);
    clm_data_close(data);
    /* a test set named by the user comes before the data's own */
    data = open_with(&(struct clm_data_options){.source = directory, .test = train});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), ROWS);
    clm_data_close(data);
    refused_with(&(struct clm_data_options){.source = train, .test = missing}, CLM_ERROR_IO, missing);

    struct data_bytes file = labels(TEST_ROWS);
    file.at[8] = 9;
    put_bytes("t10k-labels-idx1-ubyte", &file);
    refused_with(&(struct clm_data_options){.source = train, .test = test}, CLM_ERROR_FORMAT,
                 "label 9 in row 0 (counted from 0), but the training set has 4 classes, 0 to 3");
    data = open_path(directory); /* the set's own test set counts */
    ck_assert_uint_eq(clm_data_classes(data), 10);
    clm_data_close(data);
    file = idx(8, 2, (const uint32_t[]){TEST_ROWS, 1});
    add(&file, "abc", 3);
    put_bytes("t10k-images-idx3-ubyte", &file);
    refused(CLM_ERROR_FORMAT, "the rows of the test set have 1 bytes, but those of the training set");
    free(train);
    free(test);
    free(missing);
}
END_TEST

/* ---- real and synthetic sets --------------------------------------------------------------------------- */

START_TEST(test_fashion_mnist)
{
    unsetenv("XDG_DATA_HOME");
    if (!test_require("fashion-mnist: the package dataset-fashion-mnist is not installed",
                      !access("/usr/share/datasets/fashion-mnist", F_OK)))
        return;
    struct clm_data *data = open_with(
        &(struct clm_data_options){.source = "/usr/share/datasets/fashion-mnist", .validation = 5000});
    static const char *const names[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                        "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
    size_t seen[3][10] = {{0}};
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 55000);
    ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), 5000);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 10000);
    ck_assert_uint_eq(clm_data_features(data), 784);
    ck_assert_uint_eq(clm_data_classes(data), 10);
    for (int part = CLM_TRAIN; part <= CLM_TEST; part++)
        for (size_t i = 0; i < clm_data_rows(data, (enum clm_part)part); i++)
            seen[part][clm_data_label(data, (enum clm_part)part, i)]++;
    for (size_t i = 0; i < 10; i++) {
        ck_assert_str_eq(clm_data_class_name(data, i), names[i]);
        ck_assert_uint_eq(seen[CLM_TRAIN][i] + seen[CLM_VALIDATION][i], 6000);
        ck_assert_uint_eq(seen[CLM_TEST][i], 1000);
    }
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), 9);
    clm_data_close(data);
}
END_TEST

START_TEST(test_synthetic)
{
    size_t size, other_size, seen[10] = {0};
    put_cifar();
    unsigned char *first = records_of("data_batch_3.bin", &size), *test = records_of("test_batch.bin", &size);
    ck_assert(memcmp(first, test, size) != 0);
    /* a seed gives the same set on every machine and in every version */
    ck_assert_uint_eq(crc32(0, first, (uInt)size), 0x9a56544f);
    ck_assert_uint_eq(crc32(0, test, (uInt)size), 0xcdb52a69);
    for (size_t i = 0; i < BATCH; i++) {
        ck_assert_uint_lt(first[i * CIFAR_RECORD], 10);
        seen[first[i * CIFAR_RECORD]]++;
    }
    for (size_t i = 0; i < 10; i++) /* binomial(20, 1/10): ten of one class have a probability of 1e-5 */
        ck_assert_uint_lt(seen[i], 10);

    /* the same bytes again; a smaller set has the first of them; another seed gives others */
    ck_assert_int_eq(clm_data_make(directory, BATCH, 1, true, &error), CLM_OK);
    unsigned char *other = records_of("data_batch_3.bin", &other_size);
    ck_assert_uint_eq(other_size, size);
    ck_assert_mem_eq(first, other, size);
    free(other);
    ck_assert_int_eq(clm_data_make(directory, 3, 1, true, &error), CLM_OK);
    other = records_of("data_batch_3.bin", &other_size);
    ck_assert_uint_eq(other_size, 3 * CIFAR_RECORD);
    ck_assert_mem_eq(first, other, other_size);
    free(other);
    ck_assert_int_eq(clm_data_make(directory, 3, 2, true, &error), CLM_OK);
    other = records_of("data_batch_3.bin", &other_size);
    ck_assert(memcmp(first, other, other_size) != 0);
    free(other);
    free(first);
    free(test);

    /* another program's file stays, and the set is written beside it */
    free(test_file(directory, "notes.txt", "mine", 4));
    ck_assert_int_eq(clm_data_make(directory, 4, 2, true, &error), CLM_OK);
    free(records_of("notes.txt", &other_size));
    ck_assert_uint_eq(other_size, 4);
    free(records_of("test_batch.bin", &other_size));
    ck_assert_uint_eq(other_size, 4 * CIFAR_RECORD);

    ck_assert_int_eq(clm_data_make(directory, 0, 1, true, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_data_make(directory, CLM_DATA_MAKE_ROWS_MAX + 1, 1, true, &error),
                     CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_data_make("/dev/null/x", 1, 1, true, &error), CLM_ERROR_IO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data");
    TCase *tests = tcase_create("data");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, test_idx_directory, 0, 4);
    tcase_add_test(tests, test_idx_without_a_test_set);
    tcase_add_loop_test(tests, test_idx_single_file, 0, 4);
    tcase_add_test(tests, test_idx_dimensions);
    tcase_add_test(tests, test_idx_floats);
    tcase_add_loop_test(tests, test_idx_truncated, 0, 2);
    tcase_add_test(tests, test_idx_too_long);
    tcase_add_test(tests, test_gzip_damaged);
    tcase_add_test(tests, test_gzip_large);
    tcase_add_test(tests, test_gzip_bomb);
    tcase_add_test(tests, test_idx_wrong_magic);
    tcase_add_test(tests, test_idx_counts);
    tcase_add_test(tests, test_idx_missing_files);
    tcase_add_test(tests, test_cifar_directory);
    tcase_add_test(tests, test_cifar_some_files);
    tcase_add_test(tests, test_cifar_unpacked_archive);
    tcase_add_test(tests, test_cifar_bad_files);
    tcase_add_test(tests, test_cifar_bad_names);
    tcase_add_test(tests, test_cifar_that_looks_like_idx);
    tcase_add_test(tests, test_not_recognised);
    tcase_add_test(tests, test_not_readable);
    tcase_add_loop_test(tests, test_places, 0, 3);
    tcase_add_test(tests, test_nowhere);
    tcase_add_test(tests, test_name_and_path);
    tcase_add_test(tests, test_named_directory);
    tcase_add_test(tests, test_split);
    tcase_add_test(tests, test_split_that_cannot_be);
    tcase_add_test(tests, test_other_test_set);
    tcase_add_test(tests, test_fashion_mnist);
    tcase_add_test(tests, test_synthetic);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
