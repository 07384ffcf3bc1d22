/* Written data sets: read back, compared byte by byte with others' formats, never over other files. */
#include "data/data.h"
#include "data/files/output.h"
#include "data/set.h"
#include "data/files/staging.h"

#include "support/fixtures.h"
#include "support/support.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static struct clm_error error;
static char *directory, path[4096];

static void set_up(void)
{
    error = (struct clm_error){0};
    directory = test_directory();
    snprintf(path, sizeof path, "%s/new", directory);
}

static void tear_down(void)
{
    test_directory_remove(directory);
}

static char *text_of(const char *name, size_t *size)
{
    char whole[8192], *text = malloc(1 << 20);
    snprintf(whole, sizeof whole, "%s%s%s", path, *name ? "/" : "", name);
    FILE *file = fopen(whole, "rb");
    ck_assert_msg(file != NULL, "%s is not there", whole);
    ck_assert_ptr_nonnull(text);
    *size = fread(text, 1, (1 << 20) - 1, file);
    text[*size] = '\0';
    fclose(file);
    return text;
}

/* Names in the temporary directory, or in a folder of it. */
static size_t count_names(const char *folder)
{
    char whole[8192];
    size_t count = 0;
    snprintf(whole, sizeof whole, "%s/%s", directory, folder);
    DIR *names = opendir(whole);
    ck_assert_ptr_nonnull(names);
    for (const struct dirent *entry; (entry = readdir(names));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(names);
    return count;
}

static void writes(const struct clm_data *data, struct clm_data_write_options options)
{
    error = (struct clm_error){0};
    ck_assert_msg(clm_data_write(data, path, &options, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(count_names(""), 1); /* nothing temporary is left */
}

static void refuses(const struct clm_data *data, struct clm_data_write_options options, clm_status expected,
                    const char *part)
{
    error = (struct clm_error){0};
    const size_t before = count_names("");
    const clm_status status = clm_data_write(data, path, &options, &error);
    ck_assert_msg(status == expected, "status %d for %s: %s", status, part, error.message);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_uint_eq(count_names(""), before);
}

static struct clm_data *read_back(void)
{
    struct clm_data *data = NULL;
    const struct clm_data_options options = {.source = path};
    ck_assert_msg(clm_data_open(&options, &data, &error) == CLM_OK, "%s", error.message);
    return data;
}

static void assert_same_rows(const struct clm_data *got, const struct clm_data *expected, enum clm_part part)
{
    const struct rows *const a = data_part(got, part), *const b = data_part(expected, part);
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_uint_eq(got->features, expected->features);
    ck_assert_int_eq(got->element, expected->element);
    if (b->count) {
        ck_assert_mem_eq(a->values, b->values, b->count * expected->features * data_element_size(expected));
        ck_assert_mem_eq(a->labels, b->labels, b->count * sizeof *b->labels);
    }
}

static void assert_same(const struct clm_data *got, const struct clm_data *expected)
{
    for (int part = CLM_TRAIN; part <= CLM_TEST; part++)
        assert_same_rows(got, expected, (enum clm_part)part);
    ck_assert_uint_eq(got->classes, expected->classes);
    ck_assert_uint_eq(got->width, expected->width);
    ck_assert_uint_eq(got->height, expected->height);
    ck_assert_uint_eq(got->channels, expected->channels);
}

/* Bytes; they are pictures unless width is 0. */
static struct clm_data *bytes_of(size_t rows, size_t test_rows, size_t channels, size_t width, size_t height)
{
    struct clm_data *data = fixture_data(rows, test_rows, width ? channels * width * height : 7, 10);
    data->channels = width ? channels : 0;
    data->width = width;
    data->height = height;
    return data;
}

static struct clm_data *floats_of(size_t rows, size_t features)
{
    struct clm_data *data = fixture_data(rows, 0, features, 4);
    float *values = malloc(rows * features * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < rows * features; i++)
        values[i] = i % 5 == 3 ? 0 : (float)i / 7 - 1.25f;
    values[1] = -1e-38f; /* a denormal one */
    values[2] = 3.4028235e38f;
    free(data->read.train.values);
    data->read.train.values = values;
    data->train.values = values;
    data->element = ELEMENT_FLOAT;
    return data;
}

static void assert_read_back(const struct clm_data *data)
{
    struct clm_data *got = read_back();
    assert_same(got, data);
    clm_data_close(got);
}

/* ---- formats ------------------------------------------------------------------------------------------- */

START_TEST(test_idx)
{
    struct clm_data *data = _i == 0   ? bytes_of(23, 11, 1, 3, 2)
                            : _i == 1 ? bytes_of(23, 11, 3, 3, 2)
                            : _i == 2 ? bytes_of(23, 0, 0, 0, 0)
                                      : floats_of(24, 5);
    for (int is_gzipped = 0; is_gzipped < 2; is_gzipped++) {
        writes(data, (struct clm_data_write_options){
                         .format = "idx", .is_gzipped = is_gzipped, .replaces = is_gzipped});
        ck_assert_uint_eq(count_names("new"), data->test.count ? 4 : 2);
        struct clm_data *got = read_back();
        assert_same(got, data);
        clm_data_close(got);
        size_t size;
        char *text = text_of(is_gzipped ? "train-labels-idx1-ubyte.gz" : "train-labels-idx1-ubyte", &size);
        ck_assert_mem_eq(text, is_gzipped ? "\x1f\x8b" : "\0\0", 2);
        free(text);
    }
    clm_data_close(data);
}
END_TEST

START_TEST(test_cifar)
{
    static const size_t rows[] = {23, 10, 3}, files[] = {7, 7, 5};
    struct clm_data *data = bytes_of(rows[_i], 11, 3, 32, 32);
    writes(data, (struct clm_data_write_options){.format = "cifar10"});
    ck_assert_uint_eq(count_names("new"), files[_i]);
    struct clm_data *got = read_back();
    assert_same(got, data);
    clm_data_close(got);
    clm_data_close(data);
}
END_TEST

START_TEST(test_csv)
{
    size_t size;
    struct clm_data *data = bytes_of(12, 11, 1, 1, 3);
    unsigned char *values = data->read.test.values;
    memcpy(values, ((const unsigned char[]){0, 9, 10, 99, 100, 255}), 6);
    writes(data, (struct clm_data_write_options){.format = "csv", .part = CLM_TEST});
    char *text = text_of("", &size);
    ck_assert_msg(!strncmp(text, "label,pixel0,pixel1,pixel2\n0,0,9,10\n1,99,100,255\n2,", 51), "%s", text);
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    ck_assert_uint_eq(lines, 12);
    free(text);
    clm_data_close(data);

    data = floats_of(2, 4);
    remove(path);
    writes(data, (struct clm_data_write_options){.format = "csv"});
    text = text_of("", &size);
    ck_assert_str_eq(text, "label,feature0,feature1,feature2,feature3\n"
                           "0,-1.25,-9.99999935e-39,3.40282347e+38,0\n"
                           "1,-0.678571403,-0.535714269,-0.392857134,-0.25\n");
    free(text);
    data->classes = 2;
    assert_read_back(data);
    clm_data_close(data);
}
END_TEST

START_TEST(test_libsvm)
{
    size_t size;
    struct clm_data *data = bytes_of(3, 0, 1, 1, 3);
    memcpy(data->read.train.values, ((const unsigned char[]){0, 7, 0, 0, 0, 0, 255, 0, 12}), 9);
    writes(data, (struct clm_data_write_options){.format = "libsvm"});
    char *text = text_of("", &size);
    ck_assert_str_eq(text,
                     "0 2:7 3:0\n1\n2 1:255 3:12\n"); /* the last feature is written once, though it is 0 */
    free(text);
    clm_data_close(data);
    data = floats_of(2, 4);
    remove(path);
    writes(data, (struct clm_data_write_options){.format = "libsvm"});
    text = text_of("", &size);
    ck_assert_str_eq(text, "0 1:-1.25 2:-9.99999935e-39 3:3.40282347e+38 4:0\n"
                           "1 1:-0.678571403 2:-0.535714269 3:-0.392857134 4:-0.25\n");
    free(text);
    data->classes = 2;
    assert_read_back(data);
    clm_data_close(data);
}
END_TEST

/* A file of the version 1.0 of NumPy's format, whose data begins at a multiple of 64 bytes. */
static void assert_npy(const char *bytes, size_t size, const char *dictionary, const void *data,
                       size_t data_size)
{
    const size_t length = (unsigned char)bytes[8] + 256 * (size_t)(unsigned char)bytes[9];
    ck_assert_mem_eq(bytes, "\x93NUMPY\1\0", 8);
    ck_assert_uint_eq((10 + length) % 64, 0);
    ck_assert_msg(!strncmp(bytes + 10, dictionary, strlen(dictionary)), "%.120s", bytes + 10);
    ck_assert_uint_eq(strspn(bytes + 10 + strlen(dictionary), " "), length - strlen(dictionary) - 1);
    ck_assert_int_eq(bytes[9 + length], '\n');
    ck_assert_uint_eq(size, 10 + length + data_size);
    ck_assert_mem_eq(bytes + 10 + length, data, data_size);
}

static void make_labels(const struct rows *rows, int64_t *labels)
{
    for (size_t i = 0; i < rows->count; i++)
        labels[i] = rows->labels[i];
}

START_TEST(test_npy)
{
    static const struct {
        const char *x, *y;
    } headers[] = {
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (23, 2, 3), }",
         "{'descr': '<i8', 'fortran_order': False, 'shape': (23,), }"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 3, 2, 3), }",
         "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (23, 7), }",
         "{'descr': '<i8', 'fortran_order': False, 'shape': (23,), }"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (24, 5), }",
         "{'descr': '<i8', 'fortran_order': False, 'shape': (24,), }"},
    };
    struct clm_data *data = _i == 0   ? bytes_of(23, 11, 1, 3, 2)
                            : _i == 1 ? bytes_of(1, 0, 3, 3, 2)
                            : _i == 2 ? bytes_of(23, 0, 0, 0, 0)
                                      : floats_of(24, 5);
    int64_t labels[32];
    size_t size;
    writes(data, (struct clm_data_write_options){.format = "npy"});
    ck_assert_uint_eq(count_names("new"), data->test.count ? 4 : 2);
    char *text = text_of("x_train.npy", &size);
    assert_npy(text, size, headers[_i].x, data->train.values,
               data->train.count * data->features * data_element_size(data));
    free(text);
    text = text_of("y_train.npy", &size);
    make_labels(&data->train, labels);
    assert_npy(text, size, headers[_i].y, labels, data->train.count * sizeof *labels);
    free(text);
    data->classes =
        set_class_count(&(struct set){.rows = data->train.count, .labels = data->read.train.labels});
    assert_read_back(data);
    clm_data_close(data);
}
END_TEST

START_TEST(test_npz)
{
    static const char *const names[] = {"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"};
    struct clm_data *data = bytes_of(23, 11, 1, 3, 2);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    int64_t labels[32];
    writes(data, (struct clm_data_write_options){.format = "npz"});
    ck_assert_int_eq(archive_read_support_format_zip(archive), ARCHIVE_OK);
    ck_assert_int_eq(archive_read_open_filename(archive, path, 4096), ARCHIVE_OK);
    for (int i = 0; i < 4; i++) {
        const struct rows *const rows = i < 2 ? &data->train : &data->test;
        char bytes[4096], dictionary[128];
        ck_assert_int_eq(archive_read_next_header(archive, &entry), ARCHIVE_OK);
        ck_assert_str_eq(archive_entry_pathname(entry), names[i]);
        const la_ssize_t size = archive_read_data(archive, bytes, sizeof bytes);
        ck_assert_int_gt(size, 0);
        snprintf(dictionary, sizeof dictionary,
                 i % 2 ? "{'descr': '<i8', 'fortran_order': False, 'shape': (%zu,), }"
                       : "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu, 2, 3), }",
                 rows->count);
        make_labels(rows, labels);
        assert_npy(bytes, (size_t)size, dictionary, i % 2 ? (const void *)labels : rows->values,
                   rows->count * (i % 2 ? sizeof *labels : 6));
    }
    ck_assert_int_eq(archive_read_next_header(archive, &entry), ARCHIVE_EOF);
    archive_read_free(archive);
    size_t size;
    char *text = text_of("", &size); /* stored as it is */
    ck_assert_ptr_nonnull(memmem(text, size, data->train.values, 23 * 6));
    free(text);
    assert_read_back(data);
    clm_data_close(data);
}
END_TEST

/* Reading may change the order of rows, so each row is searched for. */
START_TEST(test_images)
{
    static const char *const names[] = {"zebra", "a/b", ".x", "ok", "e", "f", "g", "h", "i", "j"};
    static const char *const folders[] = {"_.x", "a_b", "e", "f", "g", "h", "i", "j", "ok", "zebra"};
    static const size_t labels_to[] = {9, 1, 0, 8, 2, 3, 4, 5, 6, 7};
    struct clm_data *data = bytes_of(30, _i & 1 ? 20 : 0, _i & 2 ? 3 : 1, 5, 4);
    if (_i < 4)
        data->class_names = class_names_copy(names, 10);
    writes(data, (struct clm_data_write_options){.format = "images"});
    struct clm_data *got = read_back();
    ck_assert_str_eq(got->format, "images");
    ck_assert_uint_eq(got->classes, 10);
    ck_assert_uint_eq(got->features, data->features);
    for (size_t c = 0; c < 10; c++) {
        char number[2] = {(char)('0' + c), 0};
        ck_assert_str_eq(got->class_names[c], _i < 4 ? folders[c] : number);
    }
    for (int part = CLM_TRAIN; part <= CLM_TEST; part += 2) {
        const struct rows *const rows = data_part(data, (enum clm_part)part), *const there = data_part(
                                                                                  got, (enum clm_part)part);
        ck_assert_uint_eq(there->count, rows->count);
        for (size_t r = 0; r < rows->count; r++) {
            size_t s = 0;
            while (s < there->count &&
                   memcmp(data_row(got, there, s), data_row(data, rows, r), data->features) != 0)
                s++;
            ck_assert_uint_lt(s, there->count);
            ck_assert_uint_eq(there->labels[s], _i < 4 ? labels_to[rows->labels[r]] : rows->labels[r]);
        }
    }
    clm_data_close(got);
    clm_data_close(data);
}
END_TEST

START_TEST(test_validation)
{
    static const char *const formats[] = {"npz", "npy", "images"};
    static const size_t rows[][3] = {{23, 5, 11}, {23, 5, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct clm_data *const data = bytes_of(rows[i][0], rows[i][2], 1, 3, 2);
        struct clm_data *const others = bytes_of(rows[i][1], 0, 1, 3, 2);
        data->validation = others->train;
        writes(data, (struct clm_data_write_options){.format = formats[_i]});
        struct clm_data *const got = read_back();
        for (int part = CLM_TRAIN; part <= CLM_TEST; part++)
            ck_assert_uint_eq(clm_data_rows(got, (enum clm_part)part), rows[i][part]);
        if (strcmp(formats[_i], "images") != 0) /* which are read in the order of their classes */
            assert_same(got, data);
        clm_data_close(got);
        clm_data_close(others);
        clm_data_close(data);
        tear_down();
        set_up();
    }
}
END_TEST

/* Names of classes, and what stands for the first three in CSV. */
static const struct {
    const char *names[4], *written[3];
} names_in_csv[] = {
    {{"ant", "bee \"b\"", "cat, old", "dog"}, {"ant", "\"bee \"\"b\"\"\"", "\"cat, old\""}},
    {{"-3", "7", "12", "100"}, {"-3", "7", "12"}},
    {{"0", "1", "2", "3"}, {"0", "1", "2"}},
    {{"bee", "ant", "cat", "dog"}, {"0", "1", "2"}}, /* another order */
    {{"1", "10", "2", "3"}, {"0", "1", "2"}},
    {{"1", "2", "2.0", "3"}, {"0", "1", "2"}},      /* two are the same number */
    {{"NA", "ant", "bee", "cat"}, {"0", "1", "2"}}, /* a missing label */
};

START_TEST(test_names_in_csv)
{
    struct clm_data *const data = floats_of(4, 4);
    const char *const *const written = names_in_csv[_i].written;
    size_t size, row = 0;
    ((float *)data->read.train.values)[2] = 1;
    data->class_names = class_names_copy(names_in_csv[_i].names, 4);
    const bool keeps = !strcmp(written[0], names_in_csv[_i].names[0]) && strcmp(written[0], "0");
    ck_assert(clm_data_write_keeps_names("csv", data) == keeps);
    ck_assert(clm_data_write_keeps_names("images", data) && !clm_data_write_keeps_names("npz", data));
    writes(data, (struct clm_data_write_options){.format = "csv"});
    char *const text = text_of("", &size);
    for (const char *line = strchr(text, '\n'); row < 3; line = strchr(line + 1, '\n'), row++)
        ck_assert_msg(!strncmp(line + 1, written[row], strlen(written[row])), "%zu: %s", row, text);
    free(text);
    struct clm_data *const got = read_back();
    assert_same(got, data);
    for (size_t c = 0; keeps && c < 4; c++)
        ck_assert_str_eq(clm_data_class_name(got, c), names_in_csv[_i].names[c]);
    clm_data_close(got);
    clm_data_close(data);
}
END_TEST

/* ---- what does not fit --------------------------------------------------------------------------------- */

START_TEST(test_misfits)
{
    struct clm_data *grey = bytes_of(5, 2, 1, 32, 32), *floats = floats_of(5, 4),
                    *table = bytes_of(5, 2, 0, 0, 0), *colour = bytes_of(5, 2, 3, 32, 32);
    static const char *const twice[] = {"a/b", "a_b", "c", "d", "e", "f", "g", "h", "i", "j"};
    refuses(grey, (struct clm_data_write_options){.format = "cifar10"}, CLM_ERROR_SHAPE, "another size");
    refuses(floats, (struct clm_data_write_options){.format = "cifar10"}, CLM_ERROR_SHAPE, "4 floats");
    refuses(floats, (struct clm_data_write_options){.format = "images"}, CLM_ERROR_SHAPE, "4 floats");
    refuses(table, (struct clm_data_write_options){.format = "images"}, CLM_ERROR_SHAPE, "no pictures");
    colour->classes = 9;
    refuses(colour, (struct clm_data_write_options){.format = "cifar10"}, CLM_ERROR_SHAPE, "9 classes");
    colour->classes = 257;
    refuses(colour, (struct clm_data_write_options){.format = "idx"}, CLM_ERROR_SHAPE, "257 classes");
    colour->classes = 10;
    colour->class_names = class_names_copy(twice, 10);
    refuses(colour, (struct clm_data_write_options){.format = "images"}, CLM_ERROR_SHAPE,
            "one directory, a_b");
    refuses(table, (struct clm_data_write_options){.format = "gif"}, CLM_ERROR_ARGUMENT, "named gif");
    refuses(table, (struct clm_data_write_options){0}, CLM_ERROR_ARGUMENT, "no data format");
    ck_assert_int_eq(clm_data_write(table, NULL, &(struct clm_data_write_options){.format = "csv"}, &error),
                     CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_data_make(NULL, 10, 1, false, &error), CLM_ERROR_ARGUMENT);
    ck_assert_int_eq(clm_data_make(NULL, 10, 1, true, &error), CLM_ERROR_ARGUMENT);
    refuses(table, (struct clm_data_write_options){.format = "npz", .is_gzipped = true}, CLM_ERROR_ARGUMENT,
            "only those of idx");
    ck_assert_str_eq(error.setting, "gzip");
    refuses(floats, (struct clm_data_write_options){.format = "csv", .part = CLM_TEST}, CLM_ERROR_ARGUMENT,
            "no test set");
    table->validation = table->test;
    refuses(table, (struct clm_data_write_options){.format = "idx"}, CLM_ERROR_ARGUMENT,
            "no place for a validation");
    ck_assert_uint_eq(count_names(""), 0);
    clm_data_close(grey);
    clm_data_close(floats);
    clm_data_close(table);
    clm_data_close(colour);
}
END_TEST

/* ---- existing files ------------------------------------------------------------------------------------ */

static const char *const all_formats[] = {"idx", "cifar10", "npy", "images", "csv", "libsvm", "npz"};
enum { DIRECTORIES = 4, FORMATS = 7 };

START_TEST(test_over_a_file)
{
    struct clm_data *data = bytes_of(20, 10, 3, 32, 32);
    struct clm_data_write_options options = {.format = all_formats[_i]};
    size_t size;
    free(test_file(directory, "new", "mine", 4));
    refuses(data, options, CLM_ERROR_IO, _i < DIRECTORIES ? "no directory" : "is there already");
    char *text = text_of("", &size);
    ck_assert_str_eq(text, "mine");
    free(text);
    options.replaces = true;
    if (_i < DIRECTORIES)
        refuses(data, options, CLM_ERROR_IO, "no directory");
    else
        writes(data, options);
    text = text_of("", &size);
    ck_assert_int_eq(strcmp(text, "mine") != 0, _i >= DIRECTORIES);
    free(text);
    clm_data_close(data);
}
END_TEST

START_TEST(test_over_a_directory)
{
    struct clm_data *data = bytes_of(20, 10, 3, 32, 32), *less = bytes_of(10, 0, 3, 32, 32);
    struct clm_data_write_options options = {.format = all_formats[_i]};
    ck_assert_int_eq(mkdir(path, 0777), 0);
    if (_i >= DIRECTORIES) {
        options.replaces = true;
        refuses(data, options, CLM_ERROR_IO, "is a directory");
        goto cleanup;
    }
    writes(data, options); /* an empty one counts as missing */
    const size_t names = count_names("new");
    refuses(data, options, CLM_ERROR_IO, "is there already");
    options.replaces = true;
    if (!strcmp(options.format, "images")) {
        refuses(less, options, CLM_ERROR_IO, "holds other files than");
        ck_assert_uint_eq(count_names("new"), names);
        goto cleanup;
    }
    writes(less, options); /* and removes all of the larger set */
    ck_assert_uint_lt(count_names("new"), names);
    if (strcmp(options.format, "npy")) {
        struct clm_data *got = read_back();
        assert_same(got, less);
        clm_data_close(got);
    }
    free(test_file(path, "thesis.tex", "x", 1));
    refuses(data, options, CLM_ERROR_IO, "holds other files than");
    size_t size;
    char *text = text_of("thesis.tex", &size);
    ck_assert_str_eq(text, "x");
    free(text);
cleanup:
    clm_data_close(data);
    clm_data_close(less);
}
END_TEST

/* A directory with the name of a file of the format, or a link instead of it, is not ours. */
START_TEST(test_over_a_disguise)
{
    struct clm_data *data = bytes_of(20, 10, 1, 3, 2);
    const struct clm_data_write_options options = {.format = "idx", .replaces = true};
    char inner[8192];
    snprintf(inner, sizeof inner, "%s/train-images-idx3-ubyte", path);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    if (_i)
        ck_assert_int_eq(symlink("/etc/passwd", inner), 0);
    else
        ck_assert_int_eq(mkdir(inner, 0777), 0);
    refuses(data, options, CLM_ERROR_IO, "holds other files than");
    ck_assert_uint_eq(count_names("new"), 1);
    clm_data_close(data);
}
END_TEST

START_TEST(test_places)
{
    struct clm_data *data = bytes_of(20, 10, 1, 3, 2);
    const struct clm_data_write_options idx = {.format = "idx"}, csv = {.format = "csv"};
    char deep[8192];
    ck_assert_int_eq(clm_data_write(data, "/dev/null", &csv, &error),
                     CLM_OK); /* a thing that is no file is written to */
    ck_assert_int_eq(clm_data_write(data, "/dev/full", &csv, &error), CLM_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "No space left"));
    ck_assert_int_eq(clm_data_write(data, "/dev/null/x", &csv, &error), CLM_ERROR_IO);
    ck_assert_int_eq(clm_data_write(data, "/dev/null/x", &idx, &error), CLM_ERROR_IO);
    ck_assert_int_eq(clm_data_write(data, "/dev/null", &idx, &error), CLM_ERROR_IO);
    snprintf(deep, sizeof deep, "%s/not/there/yet//", path); /* missing parents are made, as for a run */
    ck_assert_msg(clm_data_write(data, deep, &idx, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(count_names("new/not/there"), 1);
    ck_assert_uint_eq(count_names("new/not/there/yet"), 4);
    clm_data_close(data);
}
END_TEST

/* ---- files and directories that appear only when complete ---------------------------------------------- */

START_TEST(test_output)
{
    struct output *output = NULL;
    size_t size;
    free(test_file(directory, "new", "old", 3));
    ck_assert_int_eq(output_open(path, false, &output, &error), CLM_OK);
    ck_assert_int_eq(output_write(output, "half", 4, &error), CLM_OK);
    output_close(output);
    char *text = text_of("", &size);
    ck_assert_str_eq(text, "old"); /* what was not committed never was */
    free(text);
    ck_assert_uint_eq(count_names(""), 1);

    ck_assert_int_eq(output_open(path, _i, &output, &error), CLM_OK);
    for (int i = 0; i < 100000; i++)
        ck_assert_int_eq(output_print(output, &error, "%d\n", i % 10), CLM_OK);
    ck_assert_int_eq(output_commit(output, &error), CLM_OK);
    output_close(output);
    ck_assert_uint_eq(count_names(""), 1);
    char bytes[4];
    gzFile file = gzopen(path, "rb");
    ck_assert_int_eq(gzdirect(file), !_i);
    for (int i = 0; i < 100000; i++) {
        ck_assert_int_eq(gzread(file, bytes, 2), 2);
        ck_assert_int_eq(bytes[0], '0' + i % 10);
    }
    ck_assert_int_eq(gzread(file, bytes, 2), 0);
    gzclose(file);
}
END_TEST

START_TEST(test_staging)
{
    struct staging staging;
    size_t size;
    ck_assert_int_eq(staging_begin(path, &staging, &error), CLM_OK);
    free(test_file(staging.path, "half", "x", 1));
    staging_drop(&staging);
    ck_assert_uint_eq(count_names(""), 0);

    ck_assert_int_eq(staging_begin(path, &staging, &error), CLM_OK);
    free(test_file(staging.path, "whole", "x", 1));
    ck_assert_int_eq(staging_commit(&staging, NULL, &error), CLM_OK);
    staging_drop(&staging);
    ck_assert_uint_eq(count_names(""), 1);
    free(text_of("whole", &size));
    struct stat about;
    const mode_t mask = umask(0);
    umask(mask);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0777 & ~mask);

    /* another process was faster: its file stays */
    ck_assert_int_eq(staging_begin(path, &staging, &error), CLM_OK);
    ck_assert_int_eq(staging_commit(&staging, NULL, &error), CLM_ERROR_IO);
    staging_drop(&staging);
    ck_assert_uint_eq(count_names(""), 1);
    free(text_of("whole", &size));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("writers");
    TCase *tests = tcase_create("writers");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, test_idx, 0, 4);
    tcase_add_loop_test(tests, test_cifar, 0, 3);
    tcase_add_test(tests, test_csv);
    tcase_add_test(tests, test_libsvm);
    tcase_add_loop_test(tests, test_npy, 0, 4);
    tcase_add_test(tests, test_npz);
    tcase_add_loop_test(tests, test_images, 0, 6);
    tcase_add_loop_test(tests, test_validation, 0, 3);
    tcase_add_loop_test(tests, test_names_in_csv, 0, sizeof names_in_csv / sizeof *names_in_csv);
    tcase_add_test(tests, test_misfits);
    tcase_add_loop_test(tests, test_over_a_file, 0, FORMATS);
    tcase_add_loop_test(tests, test_over_a_directory, 0, FORMATS);
    tcase_add_loop_test(tests, test_over_a_disguise, 0, 2);
    tcase_add_test(tests, test_places);
    tcase_add_loop_test(tests, test_output, 0, 2);
    tcase_add_test(tests, test_staging);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
