/* Which files and arrays become which part of a data set, what is told of the others, and rows without
 * labels. */
#include "data/data.h"

#include "data/formats/array_name.h"
#include "support/data_files.h"
#include "support/packs.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct clm_error error;

/* ---- names --------------------------------------------------------------------------------------------- */

START_TEST(words)
{
    static const struct {
        const char *name;
        enum array_role role;
        enum clm_part part;
        const char *set;
    } cases[] = {
        {"x", ROLE_INPUTS, CLM_TRAIN, ""},
        {"Y", ROLE_LABELS, CLM_TRAIN, ""},
        {"X_train", ROLE_INPUTS, CLM_TRAIN, ""},
        {"y_val", ROLE_LABELS, CLM_VALIDATION, ""},
        {"dev_labels", ROLE_LABELS, CLM_VALIDATION, ""},
        {"valid-images", ROLE_INPUTS, CLM_VALIDATION, ""},
        {"validation.x", ROLE_INPUTS, CLM_VALIDATION, ""},
        {"Xtest", ROLE_INPUTS, CLM_TEST, ""},
        {"trainY", ROLE_LABELS, CLM_TRAIN, ""},
        {"t10k-images", ROLE_INPUTS, CLM_TEST, ""},
        {"emnist-letters-train-labels", ROLE_LABELS, CLM_TRAIN, "emnist-letters"},
        {"kmnist_test_imgs", ROLE_INPUTS, CLM_TEST, "kmnist"},
        {"TRAINING DATA", ROLE_INPUTS, CLM_TRAIN, ""},
        {"testing", ROLE_NONE, CLM_TEST, ""},
        {"extra", ROLE_NONE, CLM_TRAIN, "extra"},
        {"", ROLE_NONE, CLM_TRAIN, ""},
        {"--__", ROLE_NONE, CLM_TRAIN, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct array_name name = array_name_of(cases[i].name, strlen(cases[i].name));
        ck_assert_msg(name.role == cases[i].role && name.part == cases[i].part, "%s: role %d, part %d",
                      cases[i].name, (int)name.role, (int)name.part);
        ck_assert_str_eq(name.set, cases[i].set);
    }
    char longest[600] = "";
    memset(longest, 'a', sizeof longest - 1);
    ck_assert_uint_lt(strlen(array_name_of(longest, sizeof longest - 1).set), SET_NAME_SIZE);
}
END_TEST

/* ---- IDX ----------------------------------------------------------------------------------------------- */

static void add_big_endian(struct pack *pack, uint64_t number, size_t width)
{
    while (width--)
        pack_add(pack, &(const unsigned char){(unsigned char)(number >> 8 * width)}, 1);
}

static void begin_idx(struct pack *pack, unsigned char type, unsigned char dimensions, const uint32_t *sizes)
{
    const unsigned char magic[4] = {0, 0, type, dimensions};
    pack_add(pack, magic, 4);
    for (size_t i = 0; i < dimensions; i++)
        add_big_endian(pack, sizes[i], 4);
}

static void put_pack(const char *name, struct pack *pack)
{
    put_file(name, pack->at, pack->size);
    pack_free(pack);
    *pack = (struct pack){0};
}

/* `rows` pictures of 1x2, whose bytes begin with `first`, and the labels 0 and 1 in turn. */
static void put_idx(const char *images, const char *labels, uint32_t rows, unsigned char first)
{
    struct pack pack = {0};
    begin_idx(&pack, 8, 3, (const uint32_t[]){rows, 1, 2});
    for (uint32_t i = 0; i < 2 * rows; i++)
        add_big_endian(&pack, first + i, 1);
    put_pack(images, &pack);
    begin_idx(&pack, 8, 1, &rows);
    for (uint32_t i = 0; labels && i < rows; i++)
        add_big_endian(&pack, i % 2, 1);
    if (labels)
        put_pack(labels, &pack);
    pack_free(&pack);
}

static const struct {
    unsigned char type;
    size_t width;
    uint64_t bits[3]; /* of -3, 0 and 5; of 3, 0 and 5 for unsigned bytes */
} types[] = {
    {0x08, 1, {3, 0, 5}},
    {0x09, 1, {0xfd, 0, 5}},
    {0x0b, 2, {0xfffd, 0, 5}},
    {0x0c, 4, {0xfffffffd, 0, 5}},
    {0x0d, 4, {0xc0400000, 0, 0x40a00000}},
    {0x0e, 8, {0xc008000000000000, 0, 0x4014000000000000}},
};

START_TEST(idx_types)
{
    const bool is_byte = types[_i].type == 8;
    struct pack pack = {0};
    begin_idx(&pack, types[_i].type, 2, (const uint32_t[]){3, 1});
    for (int i = 0; i < 3; i++)
        add_big_endian(&pack, types[_i].bits[i], types[_i].width);
    put_pack("a-images", &pack);
    begin_idx(&pack, types[_i].type, 1, (const uint32_t[]){3});
    for (int i = 0; i < 3; i++)
        add_big_endian(&pack, types[_i].bits[i], types[_i].width);
    put_pack("a-labels", &pack);
    struct clm_data *const data = open_file("a-images");
    for (size_t i = 0; i < 3; i++) {
        static const double numbers[3] = {-3, 0, 5};
        const double value = is_byte ? *(const unsigned char *)data_row(data, &data->train, i)
                                     : (double)*(const float *)data_row(data, &data->train, i);
        ck_assert(value == (is_byte && !i ? 3 : numbers[i]));
    }
    if (is_byte) { /* bytes are classes themselves */
        ck_assert_uint_eq(clm_data_classes(data), 6);
    } else { /* -3, 0 and 5 are the names of three classes */
        ck_assert_uint_eq(clm_data_classes(data), 3);
        ck_assert_str_eq(clm_data_class_name(data, 0), "-3");
        ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 2), 2);
    }
    clm_data_close(data);
}
END_TEST

/* QMNIST: int labels of eight columns, the first of which is the class. */
START_TEST(qmnist)
{
    for (int part = 0; part < 2; part++) {
        struct pack pack = {0};
        put_idx(part ? "qmnist-test-images-idx3-ubyte" : "qmnist-train-images-idx3-ubyte", NULL, 4, 1);
        begin_idx(&pack, 0x0c, 2, (const uint32_t[]){4, 8});
        for (unsigned i = 0; i < 32; i++)
            add_big_endian(&pack, i % 8 ? 1000 + i : i / 8 % 3, 4);
        put_pack(part ? "qmnist-test-labels-idx2-int" : "qmnist-train-labels-idx2-int", &pack);
    }
    for (int i = 0; i < 2; i++) {
        struct clm_data *const data = open_file(i ? "qmnist-train-images-idx3-ubyte" : ".");
        ck_assert_uint_eq(clm_data_classes(data), 3);
        for (size_t r = 0; r < 4; r++)
            ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, r), r % 3);
        ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), i ? 0 : 4);
        clm_data_close(data);
    }
}
END_TEST

static void put_emnist(const char *set)
{
    char images[80], labels[80];
    for (int part = 0; part < 2; part++) {
        snprintf(images, sizeof images, "emnist-%s-%s-images-idx3-ubyte", set, part ? "test" : "train");
        snprintf(labels, sizeof labels, "emnist-%s-%s-labels-idx1-ubyte", set, part ? "test" : "train");
        put_idx(images, labels, part ? 2 : 4, (unsigned char)*set);
    }
}

START_TEST(emnist)
{
    put_emnist("letters");
    put_text("emnist-letters-mapping.txt", "1 65 97\n");
    put_text("README", "about the letters");
    struct clm_data_options options = {.source = files_directory()};
    hear_notes(&options);
    struct clm_data *data = open_with(&options);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 2);
    clm_data_close(data);
    ck_assert_ptr_nonnull(strstr(notes_heard(), "EMNIST has its pictures transposed"));
    ck_assert_ptr_nonnull(strstr(notes_heard(), "1 is not used: emnist-letters-mapping.txt"));
    put_emnist("balanced");
    refused_with(&options, CLM_ERROR_FORMAT,
                 "holds 2 sets: emnist-balanced, emnist-letters; name the one to read");
    ck_assert_int_eq(clm_data_open(&options, &data, &error), CLM_ERROR_FORMAT);
    ck_assert_str_eq(error.setting, "inputs");
    options.inputs = "emnist-balanced";
    data = open_with(&options);
    ck_assert_uint_eq(*(const unsigned char *)data->train.values, 'b');
    clm_data_close(data);
    options.inputs = "emnist-digits";
    refused_with(&options, CLM_ERROR_FORMAT,
                 "holds no set called emnist-digits; its sets are: emnist-balanced, ");
}
END_TEST

START_TEST(idx_validation)
{
    put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 6, 1);
    put_idx("val-images-idx3-ubyte", "val-labels-idx1-ubyte", 4, 50);
    put_idx("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 2, 90);
    struct clm_data_options options = {.source = files_directory()};
    hear_notes(&options);
    struct clm_data *data = open_with(&options);
    ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), 4);
    ck_assert_uint_eq(*(const unsigned char *)data->validation.values, 50);
    ck_assert_str_eq(notes_heard(), "");
    clm_data_close(data);
    options.validation = 2; /* rows that are held out have priority */
    data = open_with(&options);
    ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), 2);
    ck_assert_uint_eq(clm_data_row_number(data, CLM_VALIDATION, 1), 5);
    ck_assert_ptr_nonnull(
        strstr(notes_heard(), "validation set of 4 rows, which is not used, because rows are held"));
    clm_data_close(data);
}
END_TEST

/* ---- NPY and NPZ --------------------------------------------------------------------------------------- */

/* (4,1) bytes, which serve as inputs and as labels. */
#define ARRAY "\x93NUMPY\1\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': (4,1)}\0\1\0\1"

static void put_array(const char *name)
{
    put_file(name, ARRAY, sizeof ARRAY - 1);
}

static void put_npz(const char *name, const char *const *arrays, size_t count)
{
    struct pack pack = {0};
    char names[8][64];
    const char *list[8];
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "%s.npy", arrays[i]);
        list[i] = names[i];
    }
    pack_zip(&pack, list, count, ARRAY, sizeof ARRAY - 1);
    put_pack(name, &pack);
}

/* Opens, and checks which parts have rows. */
static void assert_parts_of(const struct clm_data_options *options, size_t train, size_t validation,
                            size_t test)
{
    struct clm_data *const data = open_with(options);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), train);
    ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), validation);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), test);
    clm_data_close(data);
}

START_TEST(npz_parts)
{
    static const char *const arrays[] = {"train_images", "train_labels", "val_images", "val_labels",
                                         "test_images",  "test_labels",  "weights"};
    put_npz("a.npz", arrays, 7);
    struct clm_data_options options = {.source = file_path("a.npz")};
    hear_notes(&options);
    assert_parts_of(&options, 4, 4, 4);
    ck_assert_ptr_nonnull(strstr(notes_heard(), "a.npz: 1 is not used: weights"));
    put_npz("a.npz", (const char *const[]){"x_train", "y_train", "x_valid"}, 3);
    hear_notes(&options);
    assert_parts_of(&options, 4, 0, 0);
    ck_assert_ptr_nonnull(strstr(notes_heard(), "x_valid is not used, because there are no labels for it"));
    put_npz("a.npz", (const char *const[]){"arr_0", "arr_1"}, 2);
    hear_notes(&options);
    assert_parts_of(&options, 4, 0, 0);
    ck_assert_ptr_nonnull(strstr(notes_heard(), "arr_0 is taken for the inputs"));
}
END_TEST

/* Files of one array each, whatever it is called. */
START_TEST(npz_pairs)
{
    static const char *const names[] = {"x_train", "y_train", "x_test", "y_test", "x_dev", "y_dev"};
    for (size_t i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.npz", names[i]);
        put_npz(name, (const char *const[]){"arr_0"}, 1);
    }
    assert_parts_of(&(struct clm_data_options){.source = file_path(".")}, 4, 4, 4);
    assert_parts_of(&(struct clm_data_options){.source = file_path("x_train.npz")}, 4, 0, 0);
    assert_parts_of(&(struct clm_data_options){.source = file_path("x_train.npz"), .label = "y_test.npz"}, 4,
                    0, 0);
    put_npz("y_train.npz", (const char *const[]){"a", "b"}, 2);
    refused_with(&(struct clm_data_options){.source = file_path("x_train.npz")}, CLM_ERROR_FORMAT,
                 "y_train.npz: holds 2 arrays, but beside another file");
    remove(file_path("y_train.npz"));
    put_array("y_train.npy"); /* both kinds of files together */
    assert_parts_of(&(struct clm_data_options){.source = file_path(".")}, 4, 4, 4);
    remove(file_path("y_train.npy"));
    file_refused("x_train.npz", CLM_ERROR_IO, "has no labels beside it");
}
END_TEST

START_TEST(npy_parts)
{
    static const char *const names[] = {"X_train.npy", "y_train.npy", "X_val.npy", "y_val.npy"};
    for (size_t i = 0; i < 4; i++)
        put_array(names[i]);
    put_text("notes.txt", "other things");
    struct clm_data_options options = {.source = files_directory()};
    hear_notes(&options);
    assert_parts_of(&options, 4, 4, 0);
    ck_assert_ptr_nonnull(strstr(notes_heard(), "1 is not used: notes.txt"));
}
END_TEST

/* ---- rows without labels ------------------------------------------------------------------------------- */

static void assert_unlabelled(const char *name, size_t rows)
{
    struct clm_data *const data = open_with(
        &(struct clm_data_options){.source = file_path(name), .labels_optional = true, .classes = 5});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), rows);
    ck_assert_uint_eq(clm_data_unlabelled(data, CLM_TRAIN), rows);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), CLM_NO_LABEL);
    ck_assert_uint_eq(clm_data_classes(data), 5);
    ck_assert_ptr_null(clm_data_row_name(data, CLM_TRAIN, 0));
    /* what needs labels says so */
    ck_assert_int_eq(
        clm_data_write(data, file_path("new"), &(struct clm_data_write_options){.format = "npz"}, &error),
        CLM_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "rows have no label, so they can only be predicted"));
    struct clm_data_summary *summary = NULL;
    ck_assert_int_eq(clm_data_summarise(data, &summary, &error), CLM_OK);
    clm_data_summary_free(summary);
    clm_data_close(data);
}

START_TEST(without_labels)
{
    put_array("X_new.npy");
    file_refused("X_new.npy", CLM_ERROR_IO, "has no labels beside it");
    assert_unlabelled("X_new.npy", 4);
    put_npz("new.npz", (const char *const[]){"X"}, 1);
    assert_unlabelled("new.npz", 4);
    put_npz("more.npz", (const char *const[]){"x", "other"}, 2);
    assert_unlabelled("more.npz", 4);
    put_idx("new-images-idx3-ubyte", NULL, 3, 1);
    assert_unlabelled("new-images-idx3-ubyte", 3);
    put_idx("nameless", NULL, 3, 1);
    assert_unlabelled("nameless", 3);
    refused_with(&(struct clm_data_options){.source = file_path("X_new.npy"),
                                            .labels_optional = true,
                                            .validation = 2,
                                            .validation_by = CLM_SPLIT_STRATIFIED,
                                            .classes = 2},
                 CLM_ERROR_ARGUMENT, "have no label");
}
END_TEST

/* ---- a validation set of its own ----------------------------------------------------------------------- */

START_TEST(validation_set)
{
    put_text("train.csv", "a,b,label\n1,2,yes\n3,4,no\n5,6,yes\n");
    put_text("held.csv", "a,b,label\n7,8,no\n9,10,no\n");
    put_text("other.csv", "a,b,label\n7,8,perhaps\n");
    put_text("narrow.csv", "a,label\n7,no\n");
    const char *const train = file_path("train.csv"), *const held = file_path("held.csv");
    struct clm_data *const data =
        open_with(&(struct clm_data_options){.source = train, .validation_set = held});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 3);
    ck_assert_uint_eq(clm_data_rows(data, CLM_VALIDATION), 2);
    ck_assert_uint_eq(clm_data_label(data, CLM_VALIDATION, 0),
                      0); /* "no" is the training set's first class */
    ck_assert(((const float *)data->validation.values)[2] == 9);
    clm_data_close(data);
    refused_with(&(struct clm_data_options){.source = train, .validation_set = held, .validation = 1},
                 CLM_ERROR_ARGUMENT, "leave one of them out");
    refused_with(&(struct clm_data_options){.source = train, .validation_set = file_path("other.csv")},
                 CLM_ERROR_FORMAT, "perhaps");
    refused_with(&(struct clm_data_options){.source = train, .validation_set = file_path("narrow.csv")},
                 CLM_ERROR_SHAPE, "narrow.csv");
    refused_with(&(struct clm_data_options){.source = train, .validation_set = file_path("none.csv")},
                 CLM_ERROR_IO, "none.csv");
}
END_TEST

/* Missing values of a validation set get the means of the training set. */
START_TEST(validation_set_with_gaps)
{
    put_text("train.csv", "a,label\n1,x\n3,y\n");
    put_text("held.csv", "a,label\n,x\n7,y\n");
    struct clm_data *const data =
        open_with(&(struct clm_data_options){.source = file_path("train.csv"),
                                             .validation_set = file_path("held.csv"),
                                             .missing = CLM_MISSING_MEAN});
    ck_assert(((const float *)data->validation.values)[0] == 2);
    clm_data_close(data);
}
END_TEST

START_TEST(folder_of_tables)
{
    put_text("train.csv", "a,label\n1,x\n3,y\n");
    put_text("test.csv", "a,label\n2,y\n");
    put_text("Valid.csv", "a,label\n4,y\n");
    put_text("sample.csv", "a\n4\n");
    put_text("README.md", "about these tables");
    struct clm_data_options options = {.source = files_directory()};
    hear_notes(&options);
    assert_parts_of(&options, 2, 1, 1);
    ck_assert_ptr_nonnull(strstr(notes_heard(), "1 is not used: sample.csv"));
    options.validation = 1;
    hear_notes(&options);
    assert_parts_of(&options, 1, 1, 1);
    ck_assert_ptr_nonnull(strstr(notes_heard(), "Valid.csv is not used, because rows are held out"));
    remove(file_path("train.csv"));
    refused_with(&(struct clm_data_options){.source = files_directory()}, CLM_ERROR_FORMAT,
                 "holds no data set");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parts");
    TCase *tests = tcase_create("parts");
    tcase_add_checked_fixture(tests, files_set_up, files_tear_down);
    tcase_add_test(tests, words);
    tcase_add_loop_test(tests, idx_types, 0, sizeof types / sizeof *types);
    tcase_add_test(tests, qmnist);
    tcase_add_test(tests, emnist);
    tcase_add_test(tests, idx_validation);
    tcase_add_test(tests, npz_parts);
    tcase_add_test(tests, npz_pairs);
    tcase_add_test(tests, npy_parts);
    tcase_add_test(tests, without_labels);
    tcase_add_test(tests, validation_set);
    tcase_add_test(tests, validation_set_with_gaps);
    tcase_add_test(tests, folder_of_tables);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
