/* CIFAR-10 and CIFAR-100: every layout gives the same rows, and malformed files are refused. */
#include "data/formats/cifar.h"
#include "data/data.h"

#include "support/packs.h"
#include "support/python3.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* ---- making sets --------------------------------------------------------------------------------------- */

enum { ROWS = 23, TEST_ROWS = 21, FILES = 7 };
enum layout { BINARY, PYTHON };

static const char *const names_of_10[] = {"zero", "one", "two",   "three", "four",
                                          "five", "six", "seven", "eight", "nine"};

/* The files of a set in the order of the published archives, which is not sorted. */
struct made {
    const char *folder;
    const char *names[FILES];
    struct pack files[FILES];
    size_t count;
};

static struct pack *make(struct made *made, const char *name)
{
    made->names[made->count] = name;
    return made->files + made->count++;
}

static void make_pictures(struct made *made, const char *name, enum layout layout, int labels, size_t rows,
                          unsigned first)
{
    (layout == BINARY ? pack_records : pack_batch)(make(made, name), rows, first, labels);
}

static struct made make_10(enum layout layout)
{
    static const char *const files[][2] = {
        {"data_batch_4.bin", "data_batch_4"}, {"test_batch.bin", "test_batch"},
        {"data_batch_3.bin", "data_batch_3"}, {"data_batch_2.bin", "data_batch_2"},
        {"data_batch_5.bin", "data_batch_5"}, {"data_batch_1.bin", "data_batch_1"}};
    static const unsigned firsts[] = {4, 100, 3, 2, 5, 1};
    struct made made = {.folder = layout == BINARY ? "cifar-10-batches-bin" : "cifar-10-batches-py"};
    for (int i = 0; i < 6; i++)
        make_pictures(&made, files[i][layout], layout, 1, i == 1 ? TEST_ROWS : ROWS, firsts[i]);
    if (layout == PYTHON)
        pack_names(make(&made, "batches.meta"), "label_names", names_of_10, 10);
    else
        pack_text(make(&made, "batches.meta.txt"),
                  "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n\n");
    return made;
}

static struct made make_100(enum layout layout)
{
    struct made made = {.folder = layout == BINARY ? "cifar-100-binary" : "cifar-100-python"};
    make_pictures(&made, layout == BINARY ? "train.bin" : "train", layout, 2, ROWS, 1);
    make_pictures(&made, layout == BINARY ? "test.bin" : "test", layout, 2, TEST_ROWS, 100);
    return made;
}

static void made_free(struct made *made)
{
    for (size_t i = 0; i < made->count; i++)
        pack_free(made->files + i);
}

static char *path_of(const char *name)
{
    char *path = NULL;
    ck_assert_int_ge(asprintf(&path, "%s/%s", directory, name), 0);
    return path;
}

static void put(const char *name, const struct pack *pack)
{
    free(test_file(directory, name, pack->at, pack->size));
}

static void put_directory(const struct made *made, const char *folder)
{
    char *path = path_of(folder), *file;
    ck_assert(!mkdir(path, 0777) || !strcmp(folder, "."));
    for (size_t i = 0; i < made->count; i++) {
        ck_assert_int_ge(asprintf(&file, "%s/%s", folder, made->names[i]), 0);
        put(file, made->files + i);
        free(file);
    }
    free(path);
}

static struct pack pack_made(const struct made *made, const char *prefix)
{
    struct pack tar = {0};
    char name[101];
    if (*prefix)
        pack_tar_header(&tar, prefix, '5', "", 0);
    for (size_t i = 0; i < made->count; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, made->names[i]);
        pack_tar_file(&tar, name, made->files[i].at, made->files[i].size);
    }
    pack_tar_end(&tar);
    return tar;
}

static void put_gzipped(const char *name, const struct pack *pack)
{
    struct pack gzipped = {0};
    pack_gzip(&gzipped, pack->at, pack->size);
    put(name, &gzipped);
    pack_free(&gzipped);
}

static void put_archive(const struct made *made, const char *prefix, const char *name, bool is_gzipped)
{
    struct pack tar = pack_made(made, prefix);
    (is_gzipped ? put_gzipped : put)(name, &tar);
    pack_free(&tar);
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static struct clm_data *open_with(const struct clm_data_options *options)
{
    struct clm_data *data = NULL;
    error = (struct clm_error){0};
    ck_assert_msg(clm_data_open(options, &data, &error) == CLM_OK, "%s", error.message);
    return data;
}

static struct clm_data *open_name(const char *name)
{
    char *path = path_of(name);
    struct clm_data *data = open_with(&(struct clm_data_options){.source = path});
    free(path);
    return data;
}

/* Opening must fail with this status and one line that contains `part`. */
static void refused_with(const struct clm_data_options *options, clm_status status, const char *part)
{
    struct clm_data *data = (struct clm_data *)&error;
    error = (struct clm_error){0};
    const clm_status got = clm_data_open(options, &data, &error);
    ck_assert_msg(got == status, "status is %d (%s), not %d: %s", got, clm_status_text(got), status,
                  error.message);
    ck_assert_ptr_null(data);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
}

static void refused(const char *name, const char *part)
{
    char *path = path_of(name);
    refused_with(&(struct clm_data_options){.source = path}, CLM_ERROR_FORMAT, part);
    free(path);
}

/* Rows from `from` on are those of a made batch. */
static void assert_rows(const struct rows *rows, size_t from, size_t count, unsigned first, size_t classes)
{
    unsigned char row[CIFAR_PIXELS];
    ck_assert_uint_ge(rows->count, from + count);
    for (size_t i = 0; i < count; i++) {
        made_row(row, i, first);
        ck_assert_mem_eq((const unsigned char *)rows->values + (from + i) * CIFAR_PIXELS, row, CIFAR_PIXELS);
        ck_assert_uint_eq(rows->labels[from + i], i % classes);
    }
}

static void assert_10(const struct clm_data *data)
{
    ck_assert_str_eq(clm_data_format(data), "cifar10");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 5 * ROWS);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), TEST_ROWS);
    ck_assert_uint_eq(clm_data_classes(data), 10);
    ck_assert_uint_eq(clm_data_features(data), CIFAR_PIXELS);
    ck_assert_uint_eq(data->channels, 3);
    ck_assert_uint_eq(data->height, 32);
    ck_assert_uint_eq(data->width, 32);
    ck_assert(clm_data_is_bytes(data));
    for (size_t i = 0; i < 10; i++)
        ck_assert_str_eq(clm_data_class_name(data, i), names_of_10[i]);
    for (unsigned i = 0; i < 5; i++)
        assert_rows(&data->train, i * ROWS, ROWS, i + 1, 10);
    assert_rows(&data->test, 0, TEST_ROWS, 100, 10);
}

static void assert_100(const struct clm_data *data, size_t classes)
{
    ck_assert_str_eq(clm_data_format(data), "cifar100");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), ROWS);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), TEST_ROWS);
    ck_assert_uint_eq(clm_data_classes(data), classes);
    assert_rows(&data->train, 0, ROWS, 1, classes);
    assert_rows(&data->test, 0, TEST_ROWS, 100, classes);
}

/* ---- layouts ------------------------------------------------------------------------------------------- */

/* Writes a set in one of the possible layouts; returns the name for `open_name`. */
static const char *put_in_way(const struct made *made, int way)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s%s/", way == 4 ? "./" : "", made->folder);
    switch (way) {
    case 0: /* a directory */
        put_directory(made, "x");
        return "x";
    case 1: /* the folder in it, as unpacked */
        put_directory(made, made->folder);
        return ".";
    case 2: /* archives, by any name */
        put_archive(made, prefix, "x.data", true);
        return "x.data";
    case 3:
    case 4:
        put_archive(made, prefix, "x", false);
        return "x";
    case 5: /* without a folder */
        put_archive(made, "", "x.tgz", true);
        return "x.tgz";
    case 6: /* an archive in a directory, after another archive */
        put_archive(&(struct made){0}, "", "a.tar", false);
        put_archive(made, prefix, "b.tar.gz", true);
        return ".";
    default:
        ck_abort();
    }
}

enum { WAYS = 7 };

START_TEST(test_layouts_of_10)
{
    struct made made = make_10(_i % 2 ? PYTHON : BINARY);
    struct clm_data *data = open_name(put_in_way(&made, _i / 2));
    assert_10(data);
    clm_data_close(data);
    made_free(&made);
}
END_TEST

START_TEST(test_layouts_of_100)
{
    struct made made = make_100(_i % 2 ? PYTHON : BINARY);
    char *path = path_of(put_in_way(&made, _i / 2));
    struct clm_data *data = open_with(&(struct clm_data_options){.source = path});
    assert_100(data, 100);
    ck_assert_str_eq(clm_data_class_name(data, 0), "apple");
    ck_assert_str_eq(clm_data_class_name(data, 50), "mouse");
    ck_assert_str_eq(clm_data_class_name(data, 99), "worm");
    clm_data_close(data);
    data = open_with(&(struct clm_data_options){.source = path, .label = "coarse"});
    assert_100(data, 20);
    ck_assert_str_eq(clm_data_class_name(data, 0), "aquatic_mammals");
    ck_assert_str_eq(clm_data_class_name(data, 19), "vehicles_2");
    clm_data_close(data);
    data = open_with(&(struct clm_data_options){.source = path, .label = "fine", .format = "cifar100"});
    assert_100(data, 100);
    clm_data_close(data);
    free(path);
    made_free(&made);
}
END_TEST

/* Single files are training sets, told apart by their content. */
START_TEST(test_single_files)
{
    static const char *const formats[] = {"cifar10", "cifar100"};
    for (int i = 0; i < 4; i++) {
        struct pack pack = {0};
        (i % 2 ? pack_batch : pack_records)(&pack, ROWS, 1, i / 2 + 1);
        put("x", &pack);
        struct clm_data *data = open_name("x");
        ck_assert_str_eq(clm_data_format(data), formats[i / 2]);
        ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), ROWS);
        ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 0);
        assert_rows(&data->train, 0, ROWS, 1, i / 2 ? 100 : 10);
        ck_assert_str_eq(clm_data_class_name(data, 0), i / 2 ? "apple" : "airplane");
        clm_data_close(data);
        pack_free(&pack);
    }
}
END_TEST

START_TEST(test_python3)
{
    unsigned char row[CIFAR_PIXELS];
    struct pack pack = {0};
    made_row(row, 0, 1);
    pack_add(&pack, python3_batches[_i].head, python3_batches[_i].head_size);
    for (size_t i = 0; i < sizeof row; i++) {
        const unsigned char utf8[] = {(unsigned char)(0xc0 | row[i] >> 6),
                                      (unsigned char)(0x80 | (row[i] & 0x3f))};
        if (python3_batches[_i].protocol == 2 && row[i] >= 0x80)
            pack_add(&pack, utf8, 2);
        else
            pack_add(&pack, row + i, 1);
    }
    pack_add(&pack, python3_batches[_i].tail, python3_batches[_i].tail_size);
    put("data_batch_1", &pack);
    struct clm_data *data = open_name("data_batch_1");
    ck_assert_str_eq(clm_data_format(data), "cifar10");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 1);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), 3);
    ck_assert_mem_eq(data->train.values, row, sizeof row);
    clm_data_close(data);
    pack_free(&pack);
}
END_TEST

/* A file's own names come before the known ones. */
START_TEST(test_names_of_100)
{
    char text[1000] = "", *name = text;
    const char *names[100];
    for (int i = 0; i < 100; i++) {
        names[i] = name;
        name += sprintf(name, "n%d", i) + 1;
    }
    struct made made = make_100(_i ? PYTHON : BINARY);
    if (_i)
        pack_names(make(&made, "meta"), "fine_label_names", names, 100);
    else
        for (int i = 0; i < 100; i++)
            pack_text(i ? made.files + 2 : make(&made, "fine_label_names.txt"), i % 2 ? "odd\n" : "even\n");
    put_archive(&made, "a/", "x.tar", false);
    struct clm_data *data = open_name("x.tar");
    ck_assert_str_eq(clm_data_class_name(data, 77), _i ? "n77" : "odd");
    clm_data_close(data);
    made_free(&made);
}
END_TEST

/* The archives may be in the places where names are looked for. */
START_TEST(test_named_places)
{
    struct made of_10 = make_10(PYTHON), of_100 = make_100(BINARY);
    char *path = path_of("clmlp");
    ck_assert_int_eq(mkdir(path, 0777), 0);
    free(path);
    put_directory(&(struct made){0}, "clmlp/cifar10");
    put_directory(&(struct made){0}, "clmlp/cifar100");
    put_archive(&of_10, "cifar-10-batches-py/", "clmlp/cifar10/cifar-10-python.tar.gz", true);
    put_archive(&of_100, "cifar-100-binary/", "clmlp/cifar100/cifar-100-binary.tar.gz", true);
    struct clm_data *data = open_with(&(struct clm_data_options){.source = "cifar10"});
    assert_10(data);
    clm_data_close(data);
    data = open_with(&(struct clm_data_options){.source = "cifar100"});
    assert_100(data, 100);
    clm_data_close(data);
    data =
        open_with(&(struct clm_data_options){.source = "cifar100", .format = "cifar100", .label = "coarse"});
    assert_100(data, 20);
    clm_data_close(data);
    refused_with(&(struct clm_data_options){.source = "cifar10", .label = "coarse"}, CLM_ERROR_ARGUMENT,
                 "is read as cifar10, and a name of the labels is for npy, npz, arff, csv or cifar100 alone");
    refused_with(&(struct clm_data_options){.source = "cifar100", .label = "rough"}, CLM_ERROR_ARGUMENT,
                 "no labels called rough: take fine or coarse");
    refused_with(&(struct clm_data_options){.source = "cifar100", .format = "cifar10"}, CLM_ERROR_FORMAT,
                 "has a test set, but no training set");
    made_free(&of_10);
    made_free(&of_100);
}
END_TEST

/* An archive as the test set: only the wanted part of it is read. */
START_TEST(test_other_test_set)
{
    struct made made = make_10(PYTHON);
    struct pack batch = {0};
    put_archive(&made, "a/", "x.tar", false);
    pack_batch(&batch, 3, 9, 1);
    put("y", &batch);
    char *train = path_of("y"), *test = path_of("x.tar");
    struct clm_data *data = open_with(&(struct clm_data_options){.source = train, .test = test});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 3);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), TEST_ROWS);
    assert_rows(&data->test, 0, TEST_ROWS, 100, 10);
    clm_data_close(data);
    data = open_with(&(struct clm_data_options){.source = test, .test = train});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 5 * ROWS);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 3);
    clm_data_close(data);
    free(train);
    free(test);
    pack_free(&batch);
    made_free(&made);
}
END_TEST

/* ---- malformed files ----------------------------------------------------------------------------------- */

/* Overwrites the first occurrence of `text` in the pack with `other`, which is as long. */
static void overwrite(struct pack *pack, const void *text, const void *other, size_t size)
{
    unsigned char *at = memmem(pack->at, pack->size, text, size);
    ck_assert_ptr_nonnull(at);
    memcpy(at, other, size);
}

START_TEST(test_malformed_batches)
{
    static const struct {
        const char *text, *other;
        size_t size;
        int labels;
        const char *part;
    } cases[] = {
        {"data", "Data", 4, 1, "has no array of bytes under the key data, which a batch of CIFAR-10 has"},
        {"\x06labels",
         "\x06"
         "1abels",
         7, 1, "has no list under the key labels"},
        {"K\x00K\x01K", "K\x0aK\x01K", 5, 1,
         "label 0 (counted from 0) of its labels is 10, but CIFAR-10 has labels 0 to 9"},
        {"K\x07K\x08", "K\x07K\xff", 4, 1, "label 8 (counted from 0) of its labels is 255"},
        {"K\x00K\x01K", "NNNNK", 5, 1, "has 25 labels (labels) for 23 pictures"},
        {"K\x00K\x01K\x02", "J\xff\xff\xff\xff)", 6, 1, "has 22 labels (labels) for 23 pictures"},
        {"M\x00\x0c", "M\x01\x0c", 3, 1, "an array of 23 x 3073 has 70656 bytes"},
        {"(K\x01M\x17\x00M\x00\x0c", "(K\x01M\x00\x06M\x2e\x00", 9, 1,
         "its pictures have 46 bytes, but those of CIFAR-10"},
        {"numpy\ndtype", "mumpy\ndtype", 11, 1, "GLOBAL mumpy.dtype is not allowed here"},
        {"\x80\x02}q\x01(U", "\x80\x02]q\x01(U", 7, 1, "appends to a list as if that were a dict"},
        {"fine_", "find_", 5, 2, "has no list under the key labels"},
        {"coarse_", "course_", 7, 2,
         "has no list under the key coarse_labels, which a batch of CIFAR-100 has"},
        {"coarse_labelsq\x06]q\x07(K\x00", "coarse_labelsq\x06]q\x07(K\x14", 21, 2,
         "label 0 (counted from 0) of its coarse_labels is 20, but CIFAR-100 has labels 0 to 19"},
        {"K\x16"
         "e",
         "K\x64"
         "e",
         3, 2, "label 22 (counted from 0) of its fine_labels is 100, but CIFAR-100 has labels 0 to 99"},
    };
    struct pack pack = {0};
    pack_batch(&pack, ROWS, 1, cases[_i].labels);
    overwrite(&pack, cases[_i].text, cases[_i].other, cases[_i].size);
    put("x", &pack);
    refused("x", cases[_i].part);
    pack_free(&pack);
}
END_TEST

/* Pickles without a batch. */
START_TEST(test_malformed_pickles)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } cases[] = {
#define CASE(literal, part) {literal, sizeof(literal) - 1, part}
        CASE("\x80\x02].", "its pickle is a list, but a batch of CIFAR-10 is a dict"),
        CASE("\x80\x02N.", "its pickle is None"),
        CASE("\x80\x02}.", "has no array of bytes under the key data"),
        CASE("\x80\x02}U\x04"
             "data]s.",
             "has no array of bytes under the key data"),
        CASE("\x80\x02}U\x04"
             "datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01"
             "b\x87Rs.",
             "has no array of bytes under the key data"),
        CASE("\x80\x02}U\x04"
             "datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01"
             "b\x87R(K\x01K\x00M\x00\x0c\x86"
             "cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R\x89U\x00tbs.",
             "is an empty set: it has 0 pictures"),
        CASE("\x80\x02}U\x04"
             "data"
             "cos\nsystem\nU\x08"
             "rm -rf /\x85Rs.",
             "GLOBAL os.system is not allowed here"),
#undef CASE
    };
    free(test_file(directory, "x", cases[_i].bytes, cases[_i].size));
    refused("x", cases[_i].part);
}
END_TEST

START_TEST(test_format_that_is_not_its_own)
{
    struct pack pack = {0};
    pack_batch(&pack, ROWS, 1, 2);
    put("x", &pack);
    char *path = path_of("x");
    refused_with(&(struct clm_data_options){.source = path, .format = "cifar10"}, CLM_ERROR_FORMAT,
                 "is a file of CIFAR-100, but CIFAR-10 is read; name its format, cifar100");
    pack_free(&pack);
    pack_batch(&pack, ROWS, 1, 1);
    put("x", &pack);
    refused_with(&(struct clm_data_options){.source = path, .format = "cifar100"}, CLM_ERROR_FORMAT,
                 "is a file of CIFAR-10, but CIFAR-100 is read; name its format, cifar10");
    put_gzipped("x", &pack);
    refused("x", "is gzipped, but files of CIFAR-10 are only read uncompressed; unpack it first");
    pack_free(&pack);
    free(path);
}
END_TEST

START_TEST(test_malformed_records)
{
    struct made made = make_100(BINARY);
    struct pack *train = made.files;
    put_directory(&made, "x");
    train->size--;
    put("x/train.bin", train);
    refused(
        "x",
        "train.bin: has 70701 bytes, which is no whole number of records of 3074: 22 records and 3073 bytes");
    train->size = 0;
    put("x/train.bin", train);
    refused("x", "train.bin: is an empty set");
    train->size = ROWS * CIFAR100_RECORD;
    train->at[5 * CIFAR100_RECORD] = 20;
    put("x/train.bin", train);
    refused("x", "record 5 (counted from 0) has label 20, but CIFAR-100 has labels 0 to 19");
    train->at[5 * CIFAR100_RECORD] = 19;
    train->at[7 * CIFAR100_RECORD + 1] = 100;
    put("x/train.bin", train);
    refused("x", "record 7 (counted from 0) has label 100, but CIFAR-100 has labels 0 to 99");
    made_free(&made);
}
END_TEST

START_TEST(test_malformed_names)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } cases[] = {
#define CASE(literal, part) {literal, sizeof(literal) - 1, part}
        CASE("x\ny\n", "batches.meta: is no pickle of protocol 2 to 5"),
        CASE("\x80\x02}.", "has no list under the key label_names, which the file of CIFAR-10's names has"),
        CASE("\x80\x02}U\x0blabel_names)s.", "has no list under the key label_names"),
        CASE("\x80\x02}U\x0blabel_names](U\x01"
             "aU\x01"
             "bes.",
             "names 2 classes, but CIFAR-10 has 10"),
        CASE("\x80\x02}U\x0blabel_names](U\x01"
             "aK\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01"
             "es.",
             "name 1 of its label_names is a number"),
        CASE("\x80\x02}U\x0blabel_names](U\x03"
             "a\0bU\x01"
             "bNNNNNNNNes.",
             "name 0 cannot name a class: it has 3 bytes"),
        CASE("\x80\x02}U\x0blabel_names](U\x01"
             "aU\x00NNNNNNNNes.",
             "name 1 cannot name a class: it has 0 bytes"),
        CASE("\x80\x02}U\x0blabel_names"
             "cos\nsystem\nU\x02id\x85Rs.",
             "GLOBAL os.system is not allowed here"),
#undef CASE
    };
    struct made made = make_10(PYTHON);
    put_directory(&made, "x");
    free(test_file(directory, "x/batches.meta", cases[_i].bytes, cases[_i].size));
    refused("x", cases[_i].part);
    made_free(&made);
}
END_TEST

/* ---- malformed archives -------------------------------------------------------------------------------- */

enum { BLOCK = 512 };

/* A batch of CIFAR-10, with another entry before or after it; `part` says how it is refused. */
START_TEST(test_entries)
{
    static const struct {
        const char *name;
        char type;
        const char *target;
        uint64_t size;
        const char *part; /* NULL: it is skipped */
    } cases[] = {
        {"a/data_batch_2.bin", '2', "/etc/passwd", 0,
         "a/data_batch_2.bin is a symbolic link, but only files are read"},
        {"a/data_batch_2.bin", '1', "a/data_batch_1.bin", 0, "a/data_batch_2.bin is a hard link"},
        {"a/data_batch_2.bin", '3', "", 0, "a/data_batch_2.bin is a device, a pipe or a socket"},
        {"a/data_batch_2.bin", '4', "", 0, "a/data_batch_2.bin is a device"},
        {"a/data_batch_2.bin", '6', "", 0, "a/data_batch_2.bin is a device"},
        {"a/batches.meta.txt", '2', "/etc/passwd", 0, "a/batches.meta.txt is a symbolic link"},
        {"a/readme.html", '2', "/etc/passwd", 0, NULL},
        {"../data_batch_2.bin", '0', "", 0, "entry 2 of this archive has a name that leads out of it"},
        {"a/../data_batch_2.bin", '0', "", 0, "entry 2 of this archive has a name that leads out of it"},
        {"a/..", '2', "/", 0, "entry 2 of this archive has a name that leads out of it"},
        {"/a/data_batch_2.bin", '0', "", 0, "entry 2 of this archive has a name that leads out of it"},
        {"a/\033[31m/data_batch_2.bin", '0', "", 0, NULL},
        {"a/data_batch_2.bin/", '5', "", 0, NULL},
        {"a/data_batch_2.bin", '5', "", 0, NULL},
        {"a/data_batch_2.bin", '0', "", 0, "a/data_batch_2.bin: is an empty set"},
        {"a/data_batch_1.bin", '0', "", 0, "a/data_batch_1.bin: is there twice"},
        {"b/data_batch_2.bin", '0', "", 0,
         "holds CIFAR-10 in the directory 'a/', and more of it as b/data_batch_2.bin"},
        {"data_batch_2.bin", '0', "", 0, "and more of it as data_batch_2.bin"},
        {"a/data_batch_2", '0', "", 0, "and more of it as a/data_batch_2"},
        {"a/data_batch_2.bin", '0', "", 3073, "damaged tar archive (Truncated tar archive) after entry 2"},
        {"a/data_batch_2.bin", '0', "", 1 << 20,
         "a/data_batch_2.bin: has 1048576 bytes, which is no whole number of records"},
        {"a/data_batch_2.bin", '0', "", 3073 * 100000,
         "its files have more than the 184445536 bytes of CIFAR-10"},
        {"a/data_batch_2.bin", '0', "", (uint64_t)8 << 30,
         "entry 2 of this archive promises 8589934592 bytes"},
        {"a/data_batch_2.bin", '0', "", UINT64_MAX >> 1, "damaged tar archive (Tar entry size overflow)"},
        {"a/data_batch_2.bin", '0', "", UINT64_MAX, "damaged tar archive"},
        {"a/readme.html", '0', "", (uint64_t)600 << 20,
         "entry 2 of this archive promises 629145600 bytes, but a whole archive may have only 400 MiB"},
        {"a/readme.html", '0', "", 390 << 20, "damaged tar archive (Truncated"},
        {"a/long", 'L', "", 2 << 20, "damaged tar archive"},
        {"a/pax", 'x', "", 2 << 20, "damaged tar archive"},
        {"a/pax", 'x', "", 1 << 19, "damaged tar archive"},
    };
    struct pack tar = {0}, records = {0};
    pack_records(&records, 2, 1, 1);
    pack_tar_file(&tar, "a/data_batch_1.bin", records.at, records.size);
    pack_tar_header(&tar, cases[_i].name, cases[_i].type, cases[_i].target, cases[_i].size);
    pack_tar_end(&tar);
    put("x", &tar);
    if (cases[_i].part) {
        refused("x", cases[_i].part);
    } else {
        struct clm_data *data = open_name("x");
        ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 2);
        clm_data_close(data);
    }
    pack_free(&tar);
    pack_free(&records);
}
END_TEST

/* Archives without any entry of a set. */
START_TEST(test_archives_of_nothing)
{
    static const char *const names[] = {"readme.html", "a/data_batch_6.bin"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct pack tar = {0}, records = {0};
        pack_records(&records, 2, 1, 1);
        pack_tar_file(&tar, names[i], records.at, records.size);
        pack_tar_end(&tar);
        put("x.tar", &tar);
        refused("x.tar", "is a tar archive that holds no data set");
        refused(".", "the directory holds no data set");
        pack_free(&tar);
        pack_free(&records);
    }
}
END_TEST

START_TEST(test_sparse)
{
    struct pack tar = {0};
    pack_tar_sparse(&tar, "a/data_batch_1.bin", false);
    pack_add(&tar, tar.at, BLOCK); /* the piece */
    pack_tar_end(&tar);
    put("x", &tar);
    refused("x", "a/data_batch_1.bin is a sparse file, but only files are read");
    pack_free(&tar);
}
END_TEST

/* Archives cut off anywhere, gzipped or not, also at the end of an entry. */
START_TEST(test_truncated_archives)
{
    struct made made = make_100(_i & 1 ? PYTHON : BINARY);
    struct pack tar = pack_made(&made, "a/"), gzipped = {0};
    pack_gzip(&gzipped, tar.at, tar.size);
    const struct pack *whole = _i & 2 ? &gzipped : &tar;
    const size_t step = _i & 2 ? 61 : BLOCK;
    for (size_t size = 0; size < whole->size - (_i & 2 ? 1 : 2 * BLOCK); size += step) {
        put("x", &(struct pack){whole->at, size, size});
        refused("x", size ? "" : "is empty");
        put("x", &(struct pack){whole->at, size + 1, size + 1});
        refused("x", "");
    }
    put("x", whole);
    struct clm_data *data = open_name("x");
    assert_100(data, 100);
    clm_data_close(data);
    pack_free(&tar);
    pack_free(&gzipped);
    made_free(&made);
}
END_TEST

START_TEST(test_checksums)
{
    struct made made = make_10(BINARY);
    struct pack tar = pack_made(&made, "a/"), gzipped = {0};
    pack_gzip(&gzipped, tar.at, tar.size);
    gzipped.at[gzipped.size - 8] ^= 1;
    put("x", &gzipped);
    refused("x", "its gzip data is damaged (incorrect data check)");
    gzipped.at[gzipped.size - 8] ^= 1;
    gzipped.at[gzipped.size - 2] ^= 1;
    put("x", &gzipped);
    refused("x", "its gzip data is damaged (incorrect length check)");
    gzipped.at[gzipped.size - 2] ^= 1;
    gzipped.at[gzipped.size / 2] ^= 1;
    put("x", &gzipped);
    refused("x", "damaged"); /* whether the content shows it, or only the checksum at the end */

    /* of a header: the second entry's */
    tar.at[2 * BLOCK + ROWS * CIFAR_RECORD / BLOCK * BLOCK + BLOCK] ^= 1;
    put("x", &tar);
    refused("x", "is a damaged tar archive");
    tar.at[0] ^= 1;
    put("x", &tar);
    refused("x", "is of no format that is read");
    pack_free(&tar);
    pack_free(&gzipped);
    made_free(&made);
}
END_TEST

/* Bytes after the end: padding is usual, more is not. */
START_TEST(test_bytes_behind_the_end)
{
    struct made made = make_100(BINARY);
    struct pack tar = pack_made(&made, "a/");
    for (int i = 0; i < 8; i++)
        pack_tar_end(&tar);
    put("x", &tar);
    struct clm_data *data = open_name("x");
    assert_100(data, 100);
    clm_data_close(data);
    for (int i = 0; i < 1200; i++)
        pack_tar_end(&tar);
    put_gzipped("x", &tar);
    refused("x", "has more than 1024 KiB after the mark that ends a tar archive");
    pack_free(&tar);
    made_free(&made);
}
END_TEST

/* Writes `head`, then `block` so many times. A member of gzip may follow an equal one, so the file is small
 * and made quickly. */
static void put_bomb(const struct pack *head, const struct pack *block, int times)
{
    struct pack gzipped = {0}, member = {0};
    pack_gzip(&gzipped, head->at, head->size);
    pack_gzip(&member, block->at, block->size);
    while (times--)
        pack_add(&gzipped, member.at, member.size);
    put("x", &gzipped);
    pack_free(&gzipped);
    pack_free(&member);
}

static struct pack zeros(size_t size)
{
    struct pack pack = {0};
    unsigned char *bytes = calloc(1, size);
    ck_assert_ptr_nonnull(bytes);
    pack_add(&pack, bytes, size);
    free(bytes);
    return pack;
}

START_TEST(test_bombs_of_zeros)
{
    struct pack head = {0}, mebibyte = zeros(1 << 20), record = {0};
    put_bomb(&mebibyte, &mebibyte, 700);
    refused("x", "is of no format that is read");

    pack_records(&record, 1, 1, 1);
    pack_tar_file(&head, "a/data_batch_1.bin", record.at, record.size);
    pack_tar_header(&head, "a/readme.html", '0', "", 250 << 20);
    put_bomb(&head, &mebibyte, 700);
    refused("x", "has more than 1024 KiB after the mark");
    pack_free(&head);

    /* no file of a set: the rest is not read */
    pack_tar_header(&head, "a/readme.html", '0', "", 250 << 20);
    put_bomb(&head, &mebibyte, 700);
    refused("x", "is a tar archive that holds no data set");
    pack_free(&head);

    /* 65 files of 8 MiB each */
    pack_tar_file(&head, "a/data_batch_1.bin", record.at, record.size);
    pack_tar_header(&record, "a/readme.html", '0', "", 8 << 20);
    memmove(record.at, record.at + CIFAR_RECORD, record.size -= CIFAR_RECORD);
    for (int i = 0; i < 8; i++)
        pack_add(&record, mebibyte.at, mebibyte.size);
    put_bomb(&head, &record, 65);
    refused("x", "this archive unpacks to more than 400 MiB");
    pack_free(&head);
    pack_free(&record);
    pack_free(&mebibyte);
}
END_TEST

START_TEST(test_bombs_of_headers)
{
    struct pack head = {0}, map = zeros(BLOCK);
    /* a sparse file's map that never ends */
    pack_tar_sparse(&head, "a/b", true);
    memcpy(map.at, "00000001000\00000000001000", 24);
    map.at[504] = 1;
    put_bomb(&head, &map, 100000);
    refused("x", "the headers after entry 0 of this archive have more than 1024 KiB");
    pack_free(&head);

    for (int i = 0; i < 5000; i++)
        pack_tar_header(&head, "a/b", '0', "", 0);
    put_bomb(&head, &head, 200);
    refused("x", "has more than 4096 entries");
    pack_free(&head);
    pack_free(&map);
}
END_TEST

/* A damaged archive in one of the places is named, and no other is used instead. */
START_TEST(test_damaged_archive_in_a_directory)
{
    struct made made = make_10(BINARY);
    struct pack tar = pack_made(&made, "a/"), gzipped = {0};
    pack_gzip(&gzipped, tar.at, tar.size);
    put("b.tar.gz", &gzipped);
    gzipped.size /= 2;
    put("a.tar.gz", &gzipped);
    refused(".", "a.tar.gz: its gzip data ends early");
    pack_free(&tar);
    pack_free(&gzipped);
    made_free(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cifar");
    TCase *tests = tcase_create("cifar");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, test_layouts_of_10, 0, 2 * WAYS);
    tcase_add_loop_test(tests, test_layouts_of_100, 0, 2 * WAYS);
    tcase_add_test(tests, test_single_files);
    tcase_add_loop_test(tests, test_python3, 0, sizeof python3_batches / sizeof *python3_batches);
    tcase_add_loop_test(tests, test_names_of_100, 0, 2);
    tcase_add_test(tests, test_named_places);
    tcase_add_test(tests, test_other_test_set);
    tcase_add_loop_test(tests, test_malformed_batches, 0, 14);
    tcase_add_loop_test(tests, test_malformed_pickles, 0, 7);
    tcase_add_test(tests, test_format_that_is_not_its_own);
    tcase_add_test(tests, test_malformed_records);
    tcase_add_loop_test(tests, test_malformed_names, 0, 8);
    tcase_add_loop_test(tests, test_entries, 0, 30);
    tcase_add_test(tests, test_archives_of_nothing);
    tcase_add_test(tests, test_sparse);
    tcase_add_loop_test(tests, test_truncated_archives, 0, 4);
    tcase_add_test(tests, test_checksums);
    tcase_add_test(tests, test_bytes_behind_the_end);
    tcase_add_test(tests, test_bombs_of_zeros);
    tcase_add_test(tests, test_bombs_of_headers);
    tcase_add_test(tests, test_damaged_archive_in_a_directory);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
