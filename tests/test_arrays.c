/* NumPy's arrays: every type, order and shape that is read, NPY and NPZ, and malformed files. */
#include "data/formats/npy.h"

#include "support/data_files.h"
#include "support/numpy_files.h"
#include "support/support.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define COUNT(array) ((int)(sizeof array / sizeof *array))

/* ---- making files -------------------------------------------------------------------------------------- */

struct array_bytes {
    unsigned char at[1 << 16];
    size_t size;
};

static void add(struct array_bytes *to, const void *bytes, size_t size)
{
    ck_assert_uint_le(to->size + size, sizeof to->at);
    if (size)
        memcpy(to->at + to->size, bytes, size);
    to->size += size;
}

/* A number of `size` bytes, the least significant first. */
static void add_little(struct array_bytes *to, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        add(to, &(const unsigned char){(unsigned char)(number >> (8 * i))}, 1);
}

/* An array file: magic, version, and this dictionary, padded as NumPy does. */
static void start_npy(struct array_bytes *file, unsigned version, const char *dictionary)
{
    const size_t prefix = version == 1 ? 10 : 12, length = strlen(dictionary);
    const size_t padded = (prefix + length + 1 + 63) / 64 * 64 - prefix;
    file->size = 0;
    add(file, "\x93NUMPY", 6);
    add_little(file, version, 2); /* version.0 */
    add_little(file, padded, prefix - 8);
    add(file, dictionary, length);
    for (size_t i = length; i < padded; i++)
        add(file, i + 1 < padded ? " " : "\n", 1);
}

static void __attribute__((format(printf, 2, 3)))
start_npy_with(struct array_bytes *file, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    start_npy(file, 1, text);
}

/* An element of a type like "<f4". */
static void add_item(struct array_bytes *to, const char *type, double value)
{
    const size_t size = (size_t)(type[2] - '0');
    const float narrow = (float)value;
    uint64_t bits = (uint64_t)(int64_t)value;
    if (type[1] == 'f' && size == 8)
        memcpy(&bits, &value, sizeof bits);
    if (type[1] == 'f' && size == 4) {
        bits = 0;
        memcpy(&bits, &narrow, sizeof narrow); /* this runs only on little-endian hosts */
    }
    if (type[1] == 'f' && size == 2) { /* normal numbers that binary16 holds */
        int exponent = 0;
        const double fraction = frexp(fabs(value), &exponent);
        bits = value == 0 ? 0
                          : (uint64_t)(value < 0) << 15 | (uint64_t)(exponent + 14) << 10 |
                                (uint64_t)((fraction * 2 - 1) * 1024);
    }
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[*type == '>' ? size - 1 - i : i] = (unsigned char)(bits >> (8 * i));
    add(to, bytes, size);
}

/* Labels 0, 1, 0, … of so many rows. */
static void put_labels(const char *name, size_t rows)
{
    static struct array_bytes file;
    start_npy_with(&file, "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu,), }", rows);
    for (size_t i = 0; i < rows; i++)
        add_item(&file, "|u1", (double)(i % 2));
    put_file(name, file.at, file.size);
}

/* ---- zips ---- */

struct zip_file {
    struct array_bytes file, directory;
    size_t count;
};

enum { STORED = 0, DEFLATED = 8 };

/* What a zip says about an entry, perhaps wrongly. */
struct zip_entry {
    const char *name;
    const void *bytes;
    size_t size, packed; /* 0: the true sizes */
    unsigned method, flags;
    uint32_t crc_error;
    size_t said_size;
};

static void add_fields(struct array_bytes *to, const struct zip_entry *entry, size_t packed, uint32_t crc)
{
    add_little(to, 20, 2); /* version */
    add_little(to, entry->flags, 2);
    add_little(to, entry->method, 2);
    add_little(to, 0, 4); /* time and date */
    add_little(to, crc, 4);
    add_little(to, packed, 4);
    add_little(to, entry->said_size ? entry->said_size : entry->size, 4);
    add_little(to, strlen(entry->name), 2);
    add_little(to, 0, 2); /* extra */
}

static void add_entry(struct zip_file *zip, const struct zip_entry *entry)
{
    static unsigned char packed[1 << 16];
    size_t size = entry->size;
    const uint32_t crc = (uint32_t)crc32(0, entry->bytes, (unsigned)entry->size) ^ entry->crc_error;
    const size_t offset = zip->file.size;
    if (entry->method == DEFLATED) {
        z_stream stream = {.next_in = (unsigned char *)(uintptr_t)entry->bytes,
                           .avail_in = (unsigned)entry->size,
                           .next_out = packed,
                           .avail_out = sizeof packed};
        ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
        ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
        size = stream.total_out;
        deflateEnd(&stream);
    }
    add(&zip->file, "PK\x03\x04", 4);
    add_fields(&zip->file, entry, size, crc);
    add(&zip->file, entry->name, strlen(entry->name));
    add(&zip->file, entry->method == DEFLATED ? packed : entry->bytes, size);
    add(&zip->directory, "PK\x01\x02\x14\x00", 6);
    add_fields(&zip->directory, entry, size, crc);
    add_little(&zip->directory, 0, 2 + 2 + 2); /* comment, disk, attributes */
    add_little(&zip->directory, 0, 4);
    add_little(&zip->directory, offset, 4);
    add(&zip->directory, entry->name, strlen(entry->name));
    zip->count++;
}

static void put_zip(const char *name, struct zip_file *zip)
{
    const size_t offset = zip->file.size;
    add(&zip->file, zip->directory.at, zip->directory.size);
    add(&zip->file, "PK\x05\x06", 4);
    add_little(&zip->file, 0, 4);
    add_little(&zip->file, zip->count, 2);
    add_little(&zip->file, zip->count, 2);
    add_little(&zip->file, zip->directory.size, 4);
    add_little(&zip->file, offset, 4);
    add_little(&zip->file, 0, 2);
    put_file(name, zip->file.at, zip->file.size);
}

static void zip_clear(struct zip_file *zip)
{
    zip->file.size = zip->directory.size = zip->count = 0;
}

/* ---- features whose values float32 could not tell apart ---- */

/* Seconds and another feature, (4, 2), in this type and order. */
static void put_seconds(const char *name, const char *type, bool is_fortran)
{
    static const double seconds[] = {1700000001, 1700000000, 1700000005, 1700000040};
    static struct array_bytes file;
    start_npy_with(&file, "{'descr': '%s', 'fortran_order': %s, 'shape': (4, 2), }", type,
                   is_fortran ? "True" : "False");
    for (int i = 0; i < 8; i++) {
        const int row = is_fortran ? i % 4 : i / 2;
        add_item(&file, type, (is_fortran ? i / 4 : i % 2) ? row - 2 : seconds[row]);
    }
    put_file(name, file.at, file.size);
}

START_TEST(test_narrow_features)
{
    static const char *const wide[] = {"<f8", ">f8", "<i8", ">i4"};
    static const float expected[] = {0, -2, -1, -1, 4, 0, 39, 1};
    struct clm_data *data, *again;
    put_labels("y.npy", 4);
    put_seconds("x.npy", wide[_i / 2], _i % 2);
    data = open_with(&(struct clm_data_options){.source = file_path("x.npy")});
    ck_assert(!memcmp(data->train.values, expected, sizeof expected));
    const struct clm_inputs *const inputs = clm_data_inputs(data);
    ck_assert_double_eq(clm_inputs_offset(inputs, 0), 1700000001);
    ck_assert_double_eq(clm_inputs_offset(inputs, 1), 0);
    /* rows for the model are counted from the same second, whatever their type and their own range */
    put_seconds("x.npy", "<f8", false);
    again = open_with(&(struct clm_data_options){.source = file_path("x.npy"), .model_inputs = inputs});
    ck_assert(!memcmp(again->train.values, expected, sizeof expected));
    ck_assert_ptr_eq(clm_data_inputs(again), inputs);
    clm_data_close(again);
    put_seconds("x.npy", "<f4", false);
    again = open_with(&(struct clm_data_options){.source = file_path("x.npy"), .model_inputs = inputs});
    ck_assert_float_eq(((const float *)again->train.values)[6], (float)1700000040 - 1700000001.0);
    clm_data_close(again);
    clm_data_close(data);
}
END_TEST

/* ---- types, orders, shapes ----------------------------------------------------------------------------- */

static const char *const types[] = {"|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4",
                                    "<u8", "<f2", "<f4", "<f8", ">i2", ">i4", ">i8", ">u2",
                                    ">u4", ">u8", ">f2", ">f4", ">f8", "<u1", ">i1", "=f4"};

/* (4, 3) of every type, in both orders and every version. Element (r, c) is 10 r + c; less 15 if the type has
 * signs, and a quarter of that if it has fractions. */
START_TEST(test_types)
{
    static struct array_bytes file;
    const char *type = types[_i];
    const bool is_byte = type[1] == 'u' && type[2] == '1';
    size_t mapped_floats = 0;
    for (int variant = 0; variant < 6; variant++) {
        const bool is_fortran = variant % 2;
        char text[128];
        float expected[12];
        for (int i = 0; i < 12; i++) {
            const double element = 10 * (i / 3) + i % 3;
            expected[i] = (float)(type[1] == 'b'   ? fmod(element, 2)
                                  : type[1] == 'u' ? element
                                  : type[1] == 'i' ? element - 15
                                                   : (element - 15) / 4);
        }
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': (4, 3), }", type,
                 is_fortran ? "True" : "False");
        start_npy(&file, 1 + (unsigned)variant / 2, text);
        const bool is_float = type[1] == 'f' && type[2] == '4' && *type != '>' && file.size % 4 == 0;
        for (int i = 0; i < 12; i++)
            add_item(&file, type, (double)expected[is_fortran ? i % 4 * 3 + i / 4 : i]);
        put_file("x.npy", file.at, file.size);
        put_labels("y.npy", 4);
        struct clm_data *data = open_file("x.npy");
        ck_assert_str_eq(clm_data_format(data), "npy");
        ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 4);
        ck_assert_uint_eq(clm_data_features(data), 3);
        ck_assert_uint_eq(data->height, 0);
        ck_assert(clm_data_is_bytes(data) == is_byte);
        ck_assert(data->train.is_mapped == ((is_byte || is_float) && !is_fortran));
        mapped_floats += is_float && !is_fortran;
        for (int i = 0; i < 12; i++) {
            const float got = is_byte ? (float)((const unsigned char *)data->train.values)[i]
                                      : ((const float *)data->train.values)[i];
            ck_assert_msg(got == expected[i], "%s: element %d is %g, not %g", type, i, (double)got,
                          (double)expected[i]);
        }
        clm_data_close(data);
    }
    ck_assert(strcmp(type, "<f4") != 0 || mapped_floats > 0);
}
END_TEST

/* The ends of what types hold, bit by bit. */
START_TEST(test_extremes)
{
    static const struct {
        const char *type;
        uint64_t bits;
        float expected;
    } cases[] = {
        {"<i8", 0x8000000000000000, -0x1p63f},
        {"<i8", 0x7fffffffffffffff, 0x1p63f},
        {"<u8", 0xffffffffffffffff, 0x1p64f},
        {"<i8", 0x0000000001000001, 0x1p24f},
        {"<i4", 0x80000000, -0x1p31f},
        {"<u4", 0xffffffff, 0x1p32f},
        {"<i2", 0x8000, -32768},
        {"<u2", 0xffff, 65535},
        {"|i1", 0x80, -128},
        {"|b1", 0x02, 1},
        {"<f2", 0x7bff, 65504},
        {"<f2", 0xfbff, -65504},
        {"<f2", 0x0001, 0x1p-24f},
        {"<f2", 0x83ff, -0x3ffp-24f},
        {"<f2", 0x0400, 0x1p-14f},
        {"<f2", 0x3555, 0x1.554p-2f},
        {"<f4", 0x7f7fffff, 0x1.fffffep127f},
        {"<f4", 0x00000001, 0x1p-149f},
        {"<f8", 0x3fb999999999999a, 0.1f},
        {"<f8", 0x47efffffe0000000, 0x1.fffffep127f},
        {"<f8", 0x47efffffefffffff, 0x1.fffffep127f},
        {"<f8", 0x0000000000000001, 0},
        /* rounded through a double, 2^62 + 2^38 + 1 would lose what is above the middle */
        {"<i8", 0x4000004000000001, 0x1.000002p62f},
        {"<u8", 0x8000008000000001, 0x1.000002p63f},
    };
    static struct array_bytes file;
    put_labels("y.npy", 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start_npy_with(&file, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 1), }", cases[i].type);
        add_little(&file, cases[i].bits, (size_t)(cases[i].type[2] - '0'));
        add_little(&file, 0, (size_t)(cases[i].type[2] - '0'));
        put_file("x.npy", file.at, file.size);
        struct clm_data *data = open_file("x.npy");
        const float *values = data->train.values;
        ck_assert_msg(values[0] == cases[i].expected, "%s %llx is %.9g, not %.9g", cases[i].type,
                      (unsigned long long)cases[i].bits, (double)values[0], (double)cases[i].expected);
        clm_data_close(data);
    }
}
END_TEST

START_TEST(test_not_finite)
{
    static const struct {
        const char *type;
        uint64_t bits;
        const char *part;
    } cases[] = {
        {"<f2", 0x7e00, "row 1, feature 2 (counted from 0) is nan"},
        {"<f2", 0xfc00, "is -inf"},
        {"<f4", 0x7fc00000, "is nan"},
        {"<f4", 0x7f800000, "is inf"},
        {"<f8", 0xfff0000000000000, "is -inf"},
        {"<f8", 0x47effffff0000000, "is more than float32 can hold, 3.403e+38"},
        {"<f8", 0xffefffffffffffff, "is more than float32 can hold, -1.798e+308"},
    };
    static struct array_bytes file;
    put_labels("y.npy", 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start_npy_with(&file, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3), }", cases[i].type);
        for (int j = 0; j < 6; j++)
            add_little(&file, j == 5 ? cases[i].bits : 0, (size_t)(cases[i].type[2] - '0'));
        put_file("x.npy", file.at, file.size);
        const char *path = file_path("x.npy");
        refused_with(&(struct clm_data_options){.source = path}, CLM_ERROR_FORMAT, cases[i].part);
    }
    const char *path = file_path("x.npy");
    refused_with(&(struct clm_data_options){.source = path, .missing = CLM_MISSING_ZERO}, CLM_ERROR_ARGUMENT,
                 "is read as npy, and filling of gaps is for arff or csv alone");
}
END_TEST

/* Bytes of these shapes, counted up in C order, come out planar. */
START_TEST(test_shapes)
{
    static const struct {
        const char *shape;
        size_t features, channels, height, width;
        bool is_last;
    } cases[] = {
        {"(2, 5)", 5, 0, 0, 0, false},
        {"(2, 1)", 1, 0, 0, 0, false},
        {"(2, 2, 3)", 6, 1, 2, 3, false},
        {"(2, 3, 2, 5)", 30, 3, 2, 5, false},
        {"(2, 2, 5, 3)", 30, 3, 2, 5, true},
        {"(2, 2, 5, 4)", 40, 4, 2, 5, true},
        {"(2, 2, 5, 1)", 10, 1, 2, 5, true},
        {"(2, 1, 2, 5)", 10, 1, 2, 5, false},
        {"(2, 4, 5, 3)", 60, 4, 5, 3, false}, /* either end may be the channels: the first is */
        {"(2, 2, 5, 6)", 60, 0, 0, 0, false},
        {"(2, 2, 1, 3, 2)", 12, 0, 0, 0, false},
        {"(2, 1, 1, 1, 1, 1, 1, 1, 1)", 1, 0, 0, 0, false},
        {"( 2L,2L , 3L, )", 6, 1, 2, 3, false}, /* as Python 2 wrote it */
    };
    static struct array_bytes file;
    put_labels("y.npy", 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t features = cases[i].features, channels = cases[i].channels;
        start_npy_with(&file, "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }", cases[i].shape);
        for (size_t j = 0; j < 2 * features; j++)
            add(&file, &(const unsigned char){(unsigned char)j}, 1);
        put_file("x.npy", file.at, file.size);
        struct clm_data *data = open_file("x.npy");
        ck_assert_uint_eq(clm_data_features(data), features);
        ck_assert_uint_eq(data->channels, channels);
        ck_assert_uint_eq(data->height, cases[i].height);
        ck_assert_uint_eq(data->width, cases[i].width);
        for (size_t j = 0; j < 2 * features; j++) {
            const size_t row = j / features, at = j % features;
            const size_t plane = channels ? features / channels : features;
            const size_t source = cases[i].is_last ? at % plane * channels + at / plane : at;
            ck_assert_uint_eq(((const unsigned char *)data->train.values)[j],
                              (unsigned char)(row * features + source));
        }
        clm_data_close(data);
    }
}
END_TEST

/* ---- labels -------------------------------------------------------------------------------------------- */

static void put_inputs(const char *name, size_t rows)
{
    static struct array_bytes file;
    start_npy_with(&file, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, 2), }", rows);
    for (size_t i = 0; i < 2 * rows; i++)
        add_item(&file, "<f4", (double)i);
    put_file(name, file.at, file.size);
}

static void put_label_array(const char *type, const char *shape, bool is_fortran, size_t count,
                            const double *values)
{
    static struct array_bytes file;
    start_npy_with(&file, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", type,
                   is_fortran ? "True" : "False", shape);
    for (size_t i = 0; i < count; i++)
        add_item(&file, type, values[i]);
    put_file("y.npy", file.at, file.size);
}

START_TEST(test_label_types)
{
    static const double plain[] = {1, 0, 1}, hot[] = {0, 1, 1, 0, 0, 1}, hot_fortran[] = {0, 1, 0, 1, 0, 1};
    const char *type = types[_i];
    put_inputs("x.npy", 3);
    for (int i = 0; i < 4; i++) {
        if (i < 2)
            put_label_array(type, i ? "(3, 1)" : "(3,)", false, 3, plain);
        else
            put_label_array(type, "(3, 2)", i == 3, 6, i == 3 ? hot_fortran : hot);
        struct clm_data *data = open_file("x.npy");
        ck_assert_uint_eq(clm_data_classes(data), 2);
        ck_assert_ptr_null(clm_data_class_name(data, 0));
        for (size_t r = 0; r < 3; r++)
            ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, r), r != 1);
        clm_data_close(data);
    }
}
END_TEST

START_TEST(test_label_values)
{
    put_inputs("x.npy", 3);
    put_label_array("<i4", "(3,)", false, 3, (const double[]){7, -1, 300});
    struct clm_data *data = open_file("x.npy");
    ck_assert_uint_eq(clm_data_classes(data), 3);
    ck_assert_str_eq(clm_data_class_name(data, 0), "-1");
    ck_assert_str_eq(clm_data_class_name(data, 2), "300");
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), 1);
    clm_data_close(data);
    put_label_array("<f8", "(3, 5)", false, 15,
                    (const double[]){0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0});
    data = open_file("x.npy"); /* a class without rows stays a class */
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 2), 3);
    ck_assert_uint_ge(clm_data_classes(data), 5);
    clm_data_close(data);

    put_label_array("<f4", "(3,)", false, 3, (const double[]){0, 1.5, 1});
    refused_with(&(struct clm_data_options){.source = file_path("x.npy")}, CLM_ERROR_FORMAT,
                 "y.npy: row 1 (counted from 0): 1.5 is no label");
    put_label_array("<f4", "(3,)", false, 3, (const double[]){0, NAN, 1});
    refused_with(&(struct clm_data_options){.source = file_path("x.npy")}, CLM_ERROR_FORMAT,
                 "nan is no label");
    put_label_array("<u8", "(3,)", false, 3, (const double[]){0, -1, 1});
    refused_with(&(struct clm_data_options){.source = file_path("x.npy")}, CLM_ERROR_FORMAT,
                 "1.84467441e+19 is no label");
    put_label_array("<i4", "(2,)", false, 2, (const double[]){0, 1});
    refused_with(&(struct clm_data_options){.source = file_path("x.npy")}, CLM_ERROR_FORMAT,
                 "has 2 labels for 3 rows of inputs");
    put_label_array("<i4", "(3, 1, 1)", false, 3, (const double[]){0, 1, 0});
    refused_with(&(struct clm_data_options){.source = file_path("x.npy")}, CLM_ERROR_FORMAT,
                 "has 3 dimensions, 1 elements per row, but labels are (rows)");
    put_label_array("|u1", "(3, 2)", false, 6, (const double[]){0, 1, 0, 0, 1, 0});
    refused_with(&(struct clm_data_options){.source = file_path("x.npy")}, CLM_ERROR_FORMAT,
                 "row 1 (counted from 0) has no 1");
    put_label_array("|u1", "(3, 2)", false, 6, (const double[]){0, 1, 1, 1, 1, 0});
    refused_with(&(struct clm_data_options){.source = file_path("x.npy")}, CLM_ERROR_FORMAT,
                 "is there twice");
    put_label_array("|u1", "(3, 2)", false, 6, (const double[]){0, 1, 2, 0, 1, 0});
    refused_with(&(struct clm_data_options){.source = file_path("x.npy")}, CLM_ERROR_FORMAT,
                 "row 1 (counted from 0): 2 is among its labels");
}
END_TEST

/* ---- places of arrays ---------------------------------------------------------------------------------- */

START_TEST(test_names)
{
    static const char *const names[][2] = {
        {"x.npy", "y.npy"},
        {"X.npy", "Y.npy"},
        {"X.npy", "y.npy"},
        {"x_train.npy", "y_train.npy"},
        {"train_x.npy", "train_y.npy"},
        {"my-images.npy", "my-labels.npy"},
        {"features.npy", "labels.npy"},
        {"set-x-1.npy", "set-y-1.npy"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put_inputs(names[i][0], 4);
        put_labels(names[i][1], 4);
        clm_data_close(open_file(names[i][0]));
        remove(file_path(names[i][0]));
        remove(file_path(names[i][1]));
    }
    put_inputs("box.npy", 4);
    file_refused("box.npy", CLM_ERROR_FORMAT,
                 "name with y for x or labels for images, and its name has neither");
    put_labels("why.npy", 4);
    const char *path = file_path("box.npy");
    clm_data_close(open_with(&(struct clm_data_options){.source = path, .label = "why.npy"}));
    clm_data_close(open_with(&(struct clm_data_options){.source = path, .label = "why"}));
    clm_data_close(open_with(&(struct clm_data_options){.source = path, .label = file_path("why.npy")}));
    refused_with(&(struct clm_data_options){.source = path, .label = "what"}, CLM_ERROR_IO,
                 "there is no what in it, nor what.npy; name another");
    refused_with(&(struct clm_data_options){.source = path, .inputs = "x"}, CLM_ERROR_ARGUMENT,
                 "is one array");
    put_inputs("x.npy", 4);
    file_refused("x.npy", CLM_ERROR_IO, "has no labels beside it: there is no ");
}
END_TEST

START_TEST(test_directory_of_arrays)
{
    put_inputs("X_train.npy", 4);
    put_labels("y_train.npy", 4);
    const char *path = files_directory();
    struct clm_data *data = open_with(&(struct clm_data_options){.source = path});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 4);
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 0);
    clm_data_close(data);
    put_inputs("X_test.npy", 2);
    put_labels("y_test.npy", 2);
    data = open_with(&(struct clm_data_options){.source = path});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 2);
    ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 1), 1);
    clm_data_close(data);
    data = open_with(&(struct clm_data_options){.source = path, .inputs = "X_test", .label = "y_test"});
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 2);
    clm_data_close(data);
    refused_with(&(struct clm_data_options){.source = path, .inputs = "X_test"}, CLM_ERROR_ARGUMENT,
                 "name both");
    put_label_array("<i4", "(2,)", false, 2, (const double[]){0, 5});
    ck_assert_int_eq(rename(file_path("y.npy"), file_path("y_test.npy")), 0);
    refused_with(&(struct clm_data_options){.source = path}, CLM_ERROR_FORMAT,
                 "y_test.npy: row 1: the label 5 is not one of the 2 classes of the training set (0 to 1)");
    remove(file_path("X_train.npy"));
    refused_with(&(struct clm_data_options){.source = path}, CLM_ERROR_IO,
                 "y_train.npy: holds labels, but the file of the inputs that belong to it is missing");
    remove(file_path("y_train.npy"));
    refused_with(&(struct clm_data_options){.source = path}, CLM_ERROR_FORMAT,
                 "has a test set, but no training set");
}
END_TEST

/* Floats after a header that no program would write cannot be mapped, and are read: at any byte. */
START_TEST(test_crooked_header)
{
    static const float elements[4] = {1, -2, 0.5F, 8};
    static struct array_bytes file;
    char text[128] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
    for (int i = 0; i < _i; i++)
        strcat(text, " ");
    file.size = 0;
    add(&file, "\x93NUMPY\x01\x00", 8);
    add_little(&file, strlen(text), 2);
    add(&file, text, strlen(text));
    const bool is_aligned = file.size % sizeof(float) == 0;
    add(&file, elements, sizeof elements);
    put_file("x.npy", file.at, file.size);
    put_labels("y.npy", 2);
    struct clm_data *data = open_file("x.npy");
    ck_assert(data->train.is_mapped == is_aligned);
    ck_assert_mem_eq(data->train.values, elements, sizeof elements);
    clm_data_close(data);
}
END_TEST

START_TEST(test_gzipped)
{
    static struct array_bytes file;
    start_npy_with(&file, "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 2), }");
    add(&file, "abcdefgh", 8);
    put_gzipped("x.npy.gz", file.at, file.size);
    put_labels("y.npy", 4);
    const char *path = file_path("x.npy.gz");
    refused_with(&(struct clm_data_options){.source = path}, CLM_ERROR_IO, "there is no");
    struct clm_data *data = open_with(&(struct clm_data_options){.source = path, .label = "y.npy"});
    ck_assert_mem_eq(data->train.values, "abcdefgh", 8);
    ck_assert(!data->train.is_mapped);
    clm_data_close(data);
    put_gzipped("x.npy.gz", file.at, file.size - 1);
    refused_with(&(struct clm_data_options){.source = path, .label = "y.npy"}, CLM_ERROR_FORMAT,
                 "ends early");
    start_npy_with(&file, "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 2000000), }");
    put_gzipped("x.npy.gz", file.at, file.size);
    refused_with(&(struct clm_data_options){.source = path, .label = "y.npy"}, CLM_ERROR_FORMAT,
                 "8000000 bytes, but the file unpacks to at most");
}
END_TEST

/* ---- files of NumPy ------------------------------------------------------------------------------------ */

START_TEST(test_numpy_files)
{
    put_file("x.npy", numpy_save, sizeof numpy_save);
    put_labels("y.npy", 4);
    struct clm_data *data = open_file("x.npy");
    ck_assert_uint_eq(clm_data_features(data), 6);
    for (size_t i = 0; i < 24; i++)
        ck_assert(((const float *)data->train.values)[i] == ((float)i - 5) / 4);
    clm_data_close(data);

    put_file("x.npy", numpy_version_3, sizeof numpy_version_3);
    data = open_file("x.npy");
    for (size_t i = 0; i < 24; i++)
        ck_assert(((const float *)data->train.values)[i] == (float)i - 5);
    clm_data_close(data);

    put_file("a.npz", numpy_savez, sizeof numpy_savez);
    data = open_file("a.npz");
    ck_assert_str_eq(clm_data_format(data), "npz");
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 4);
    ck_assert_uint_eq(clm_data_classes(data), 3);
    for (size_t i = 0; i < 24; i++)
        ck_assert(((const float *)data->train.values)[i] == (float)i - 5);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 0), 2);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 1), 0);
    clm_data_close(data);

    put_file("b.npz", numpy_savez_compressed, sizeof numpy_savez_compressed);
    for (int i = 0; i < 2; i++) { /* by its path, and as the only one of a directory */
        if (i) {
            ck_assert_int_eq(mkdir(file_path("mnist"), 0777), 0);
            ck_assert_int_eq(rename(file_path("b.npz"), file_path("mnist/mnist.npz")), 0);
        }
        data = open_file(i ? "mnist" : "b.npz");
        ck_assert(clm_data_is_bytes(data));
        ck_assert_uint_eq(data->height, 3);
        ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 2);
        for (size_t j = 0; j < 24; j++)
            ck_assert_uint_eq(((const unsigned char *)data->train.values)[j], (j - 5) & 255);
        for (size_t j = 0; j < 12; j++)
            ck_assert_uint_eq(((const unsigned char *)data->test.values)[j], (j - 5) & 255);
        ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 1), 1);
        ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 0), 1);
        ck_assert_uint_eq(clm_data_label(data, CLM_TEST, 1), 0);
        if (!i)
            ck_assert_uint_eq(clm_data_classes(data), 2);
        clm_data_close(data);
        if (i)
            break;
        data = open_with(
            &(struct clm_data_options){.source = file_path("b.npz"), .inputs = "x_test", .label = "y_test"});
        ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 2);
        clm_data_close(data);
        data =
            open_with(&(struct clm_data_options){.source = file_path("b.npz"), .test = file_path("b.npz")});
        ck_assert_uint_eq(clm_data_rows(data, CLM_TEST), 2);
        clm_data_close(data);
    }
}
END_TEST

/* A file that is cut off is refused. With a flipped bit it is refused, or its data does not change. */
START_TEST(test_npz_damaged)
{
    static unsigned char bytes[sizeof numpy_savez > sizeof numpy_savez_compressed
                                   ? sizeof numpy_savez
                                   : sizeof numpy_savez_compressed];
    const unsigned char *whole = _i ? numpy_savez_compressed : numpy_savez;
    const size_t size = _i ? sizeof numpy_savez_compressed : sizeof numpy_savez;
    const struct clm_data_options options = {.source = file_path("a.npz"), .format = "npz"};
    struct clm_error error;
    size_t refused = 0;
    for (size_t cut = 0; cut < size; cut++) {
        put_file("a.npz", whole, cut);
        refused_with(&options, CLM_ERROR_FORMAT, "a.npz");
    }
    memcpy(bytes, whole, size);
    for (size_t i = 0; i < size; i++) {
        struct clm_data *data = NULL;
        bytes[i] ^= (unsigned char)(1 << i % 8);
        put_file("a.npz", bytes, size);
        bytes[i] ^= (unsigned char)(1 << i % 8);
        if (clm_data_open(&options, &data, &error) != CLM_OK) {
            ck_assert_ptr_null(data);
            ck_assert_ptr_nonnull(strstr(error.message, "a.npz"));
            refused++;
            continue;
        }
        for (size_t j = 0; j < 24; j++)
            if (_i)
                ck_assert_uint_eq(((const unsigned char *)data->train.values)[j], (j - 5) & 255);
            else
                ck_assert(((const float *)data->train.values)[j] == (float)j - 5);
        clm_data_close(data);
    }
    ck_assert_uint_gt(refused, size / 3);
}
END_TEST

START_TEST(test_npy_damaged)
{
    static unsigned char bytes[sizeof numpy_save];
    const struct clm_data_options options = {.source = file_path("x.npy"), .format = "npy"};
    struct clm_error error;
    put_labels("y.npy", 4);
    for (size_t cut = 0; cut < sizeof numpy_save; cut++) {
        put_file("x.npy", numpy_save, cut);
        refused_with(&options, CLM_ERROR_FORMAT, "x.npy");
    }
    memcpy(bytes, numpy_save, sizeof bytes);
    for (size_t i = 0; i < 128 * 8; i++) { /* in the header */
        struct clm_data *data = NULL;
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        put_file("x.npy", bytes, sizeof bytes);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        const clm_status status = clm_data_open(&options, &data, &error);
        ck_assert(status == CLM_OK ? data != NULL : data == NULL && *error.message);
        clm_data_close(data);
    }
}
END_TEST

/* ---- malformed headers --------------------------------------------------------------------------------- */

static const struct {
    const char *dictionary, *part;
} bad_headers[] = {
    {"", "but '{' is expected"},
    {"[]", "but '{' is expected"},
    {"{", "a key, 'descr', 'fortran_order' or 'shape', is expected"},
    {"{}", "has no 'descr'"},
    {"{'descr': '<f4', 'fortran_order': False, }", "has no 'shape'"},
    {"{'descr': '<f4', 'shape': (4, 3), }", "has no 'fortran_order'"},
    {"{'fortran_order': False, 'shape': (4, 3), }", "has no 'descr'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), 'more': 1, }", "one each of"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }", "one each of"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), } + {}", "but nothing is expected"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3)", "a comma or '}' is expected"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (4, 3), }", "a comma or '}' is expected"},
    {"{'descr' '<f4', 'fortran_order': False, 'shape': (4, 3), }", "a colon is expected"},
    {"{descr: '<f4', 'fortran_order': False, 'shape': (4, 3), }", "a key, "},
    {"{'descr': '<f4, 'fortran_order': False, 'shape': (4, 3), }", "of type <f4, , which is not read"},
    {"{'descr': '<f4", "the type of the elements"},
    {"{'descr': '<f\\x34', 'fortran_order': False, 'shape': (4, 3), }", "the type of the elements"},
    {"{'descr': __import__('os').system('touch pwned'), 'fortran_order': False, 'shape': (4, 3), }",
     "\"__import__('os').sys...\" at byte 10, but the type of the elements"},
    {"{'descr': '<f4', 'fortran_order': not True, 'shape': (4, 3), }", "True or False is expected"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (4, 3), }", "True or False is expected"},
    {"{'descr': '<f4', 'fortran_order': Falsey, 'shape': (4, 3), }", "a comma or '}'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': 12, }", "the shape, such as (3, 4), is expected"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': [4, 3], }", "the shape, such as (3, 4), is expected"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2+2, 3), }", "a comma is expected"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2**2, 3), }", "a comma is expected"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4 3), }", "a comma is expected"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,, 3), }", "a dimension, a whole number"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (,), }", "a dimension, a whole number"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -3), }", "\"-4, -3), }"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4.0, 3), }", "a comma is expected"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (0x4, 3), }", "a comma is expected"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (len('abcd'), 3), }", "a dimension, a whole number"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3", "a comma is expected"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (12), }", "a comma in a shape of one dimension"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "is a single number"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (12,), }", "has one dimension, as labels have"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", "dimension 0 of 2 is 0"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 0), }", "dimension 1 of 2 is 0"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 0), }",
     "dimension 1 of 2 is 0"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616, 3), }",
     "a dimension that can be addressed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999999, 3), }",
     "a dimension that can be addressed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
     "more elements than can be addressed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 6148914691236517206), }",
     "more elements than can be addressed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387905, 1), }",
     "more elements than can be addressed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4294967296, 4294967296, 2), }",
     "more elements than can be addressed"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000), }",
     "promises 1000000000 rows of 1000 elements of type <f4, 128 + 4000000000000 bytes; it is truncated"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }", "it is too long"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }", "it is truncated"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3), }", "it is truncated"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': "
     "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,12), }",
     "an array of at most 32 dimensions"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (4, 3), }", "of type |O, Python objects"},
    {"{'descr': 'O', 'fortran_order': False, 'shape': (4, 3), }", "Python objects"},
    {"{'descr': '<U4', 'fortran_order': False, 'shape': (4, 3), }", "of type <U4, text or raw bytes"},
    {"{'descr': '|S4', 'fortran_order': False, 'shape': (4, 3), }", "text or raw bytes"},
    {"{'descr': '|V4', 'fortran_order': False, 'shape': (4, 3), }", "text or raw bytes"},
    {"{'descr': '<c8', 'fortran_order': False, 'shape': (4, 3), }", "of type <c8, which is not read"},
    {"{'descr': '<f16', 'fortran_order': False, 'shape': (4, 3), }", "of type <f16, which is not read"},
    {"{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (4, 3), }", "of type <M8[ns], which is not read"},
    {"{'descr': '|f4', 'fortran_order': False, 'shape': (4, 3), }", "whose byte order is not given"},
    {"{'descr': 'f4', 'fortran_order': False, 'shape': (4, 3), }", "which is not read"},
    {"{'descr': '', 'fortran_order': False, 'shape': (4, 3), }", "which is not read"},
    {"{'descr': '<f4<f4<f4<f4<f4<f4<f4<f4<f4', 'fortran_order': False, 'shape': (4, 3), }",
     "the type of the elements"},
    {"{'descr': [('a', '<f4'), ('b', '<f4')], 'fortran_order': False, 'shape': (4, 3), }",
     "records of several fields"},
    {"{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (4, 3), }", "records of several fields"},
    {"{'descr': '\x1b[31m', 'fortran_order': False, 'shape': (4, 3), }", "of type ?[31m"},
};

START_TEST(test_bad_headers)
{
    static struct array_bytes file;
    const unsigned char data[48] = {0};
    start_npy(&file, 1, bad_headers[_i].dictionary);
    add(&file, data, sizeof data);
    put_file("x.npy", file.at, file.size);
    put_labels("y.npy", 4);
    file_refused("x.npy", CLM_ERROR_FORMAT, bad_headers[_i].part);
}
END_TEST

START_TEST(test_bad_prefixes)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } cases[] = {
        {"\x93NUMPY", 6, "of the 8 bytes of a NumPy array's beginning, only 6 are there"},
        {"\x93NUMPY\1\0", 8, "of the 2 bytes of its header's length, only 0 are there"},
        {"\x93NUMPY\2\0\1\0\0", 11, "of the 4 bytes of its header's length, only 3 are there"},
        {"\x93NUMPY\0\0\1\0{", 11, "is of version 0.0"},
        {"\x93NUMPY\4\0\1\0{", 11, "is of version 4.0 of NumPy's format, but only 1.0, 2.0 and 3.0 are read"},
        {"\x93NUMPY\1\1\1\0{", 11, "is of version 1.1"},
        {"\x93NUMPY\1\0\xff\xff{}", 12, "its header has 65535 bytes, but at most 12 are read"},
        {"\x93NUMPY\2\0\xff\xff\xff\xff{}", 14, "its header has 4294967295 bytes"},
        {"\x93NUMPY\1\0\2\0{\0", 12, "a key, "},
        {"\x93NUMPX\1\0\2\0{}", 12,
         "begins with 93 4e 55 4d, but a NumPy array begins with 93 4e 55 4d (and PY)"},
        {"", 0, "of the 8 bytes of a NumPy array's beginning, only 0 are there"},
    };
    put_labels("y.npy", 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_file("x.npy", cases[i].bytes, cases[i].size);
        refused_with(&(struct clm_data_options){.source = file_path("x.npy"), .format = "npy"},
                     CLM_ERROR_FORMAT, cases[i].part);
    }
}
END_TEST

/* ---- malformed zips ------------------------------------------------------------------------------------ */

/* Inputs (4, 2) and labels (4) of bytes. */
static void make_arrays(struct array_bytes *x, struct array_bytes *y)
{
    start_npy_with(x, "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 2), }");
    add(x, "abcdefgh", 8);
    start_npy_with(y, "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }");
    add(y, "\0\1\0\1", 4);
}

static struct array_bytes x, y;
static struct zip_file zip;

/* Writes x.npy as described, if it is not x, and a right y.npy. */
static void put_with(const struct zip_entry *entry)
{
    struct zip_entry first = *entry;
    first.name = first.name ? first.name : "x.npy";
    first.bytes = first.bytes ? first.bytes : x.at;
    first.size = first.size ? first.size : x.size;
    zip_clear(&zip);
    add_entry(&zip, &first);
    add_entry(&zip, &(struct zip_entry){.name = "y.npy", .bytes = y.at, .size = y.size});
    put_zip("a.npz", &zip);
}

START_TEST(test_zips)
{
    make_arrays(&x, &y);
    for (int i = 0; i < 2; i++) {
        put_with(&(struct zip_entry){.method = i ? DEFLATED : STORED});
        struct clm_data *data = open_file("a.npz");
        ck_assert_mem_eq(data->train.values, "abcdefgh", 8);
        ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 3), 1);
        clm_data_close(data);
        put_with(&(struct zip_entry){.method = i ? DEFLATED : STORED, .crc_error = 1});
        file_refused("a.npz", CLM_ERROR_FORMAT, "bad CRC");
        put_with(&(struct zip_entry){.method = i ? DEFLATED : STORED, .said_size = x.size + 1});
        file_refused("a.npz", CLM_ERROR_FORMAT, i ? "cannot be read as a zip archive" : "it is too long");
        put_with(&(struct zip_entry){.method = i ? DEFLATED : STORED, .said_size = x.size - 1});
        file_refused("a.npz", CLM_ERROR_FORMAT, i ? "cannot be read as a zip archive" : "it is truncated");
    }
    put_with(&(struct zip_entry){.flags = 1});
    file_refused("a.npz", CLM_ERROR_FORMAT, "is encrypted");
    put_with(&(struct zip_entry){.method = 1});
    file_refused("a.npz", CLM_ERROR_FORMAT, "cannot be read as a zip archive");
    static const char *const names[] = {"../x.npy", "a/../../x.npy", "/x.npy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put_with(&(struct zip_entry){.name = names[i]});
        file_refused("a.npz", CLM_ERROR_FORMAT, "a path that leads out of the archive");
    }
    put_with(&(struct zip_entry){.name = "z.npy"});
    file_refused("a.npz", CLM_ERROR_FORMAT,
                 "holds no x and y, nor x_train and y_train, nor the like; its arrays are: z, y");
    refused_with(&(struct clm_data_options){.source = file_path("a.npz"), .inputs = "w"}, CLM_ERROR_FORMAT,
                 "holds no w");
    refused_with(&(struct clm_data_options){.source = file_path("a.npz"), .label = "w"}, CLM_ERROR_FORMAT,
                 "holds no w");
    refused_with(&(struct clm_data_options){.source = file_path("a.npz"), .label = "y"}, CLM_ERROR_FORMAT,
                 "holds no inputs of a usual name");
    clm_data_close(open_with(&(struct clm_data_options){.source = file_path("a.npz"), .inputs = "z"}));
    clm_data_close(
        open_with(&(struct clm_data_options){.source = file_path("a.npz"), .inputs = "z", .label = "y"}));
    put_with(&(struct zip_entry){.bytes = "no array at all", .size = 15});
    file_refused("a.npz", CLM_ERROR_FORMAT, "a.npz: x: begins with 6e 6f 20 61");
    put_with(&(struct zip_entry){.name = "x.npz"});
    file_refused("a.npz", CLM_ERROR_FORMAT, "holds no x and y");
    zip_clear(&zip);
    put_zip("a.npz", &zip);
    refused_with(&(struct clm_data_options){.source = file_path("a.npz"), .format = "npz"}, CLM_ERROR_FORMAT,
                 "cannot be read as a zip archive");
    put_text("a.npz", "PK\x03\x04 and no more");
    refused_with(&(struct clm_data_options){.source = file_path("a.npz"), .format = "npz"}, CLM_ERROR_FORMAT,
                 "is a zip archive without its end");
}
END_TEST

/* 32 MiB of zeros in 32 KiB; the header promises few bytes, or all of them and more. */
START_TEST(test_zip_bombs)
{
    const size_t size = (size_t)32 << 20;
    unsigned char *bomb = calloc(1, size);
    ck_assert_ptr_nonnull(bomb);
    make_arrays(&x, &y);
    memcpy(bomb, x.at, x.size);
    put_with(&(struct zip_entry){.bytes = bomb, .size = size, .method = DEFLATED});
    file_refused("a.npz", CLM_ERROR_FORMAT,
                 "has 33554432 bytes, but its header promises 4 rows of 2 elements");
    put_with(&(struct zip_entry){.bytes = bomb, .size = size, .method = DEFLATED, .said_size = x.size});
    file_refused("a.npz", CLM_ERROR_FORMAT, "a.npz");
    start_npy_with(&x, "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 1000000000), }");
    put_with(&(struct zip_entry){.method = DEFLATED, .said_size = 4000000128});
    file_refused("a.npz", CLM_ERROR_FORMAT, "cannot be read as a zip archive");
    put_with(&(struct zip_entry){.method = STORED, .said_size = 4000000128});
    file_refused("a.npz", CLM_ERROR_FORMAT, "4000000000 bytes, but the file unpacks to at most");
    free(bomb);
}
END_TEST

/* A header, then a gibibyte of zeros. */
static void put_gibibyte(const char *name, const struct array_bytes *header)
{
    enum { MEBIBYTE = 1 << 20 };
    gzFile file = gzopen(file_path(name), "wb1");
    unsigned char *const zeros = calloc(1, MEBIBYTE);
    ck_assert(file && zeros);
    ck_assert_int_eq(gzwrite(file, header->at, (unsigned)header->size), (int)header->size);
    for (int i = 0; i < 1024; i++)
        ck_assert_int_eq(gzwrite(file, zeros, MEBIBYTE), MEBIBYTE);
    ck_assert_int_eq(gzclose(file), Z_OK);
    free(zeros);
}

/* Inputs that do not fit their labels are not unpacked: test_memory would notice. */
START_TEST(test_bombs_without_their_labels)
{
    static const unsigned char images[] = {0, 0, 8, 3, 0, 16, 0, 0, 0, 0, 0, 32, 0, 0, 0, 32};
    static struct array_bytes file;
    start_npy_with(&file, "{'descr': '|u1', 'fortran_order': False, 'shape': (1048576, 1024), }");
    put_gibibyte("x.npy.gz", &file);
    put_labels("y.npy", 3);
    const char *const path = file_path("x.npy.gz");
    refused_with(&(struct clm_data_options){.source = path, .label = "y.npy"}, CLM_ERROR_FORMAT,
                 "y.npy: has 3 labels for 1048576 rows of inputs");
    file.size = 0;
    add(&file, images, sizeof images);
    put_gibibyte("a-images.gz", &file);
    put_file("a-labels", "\0\0\10\1\0\0\0\3\0\1\2", 11);
    file_refused("a-images.gz", CLM_ERROR_FORMAT, "a-labels: has 3 labels for 1048576 rows of inputs in");
}
END_TEST

/* Data over the limit is refused before it is read: 300 rows of 5000, 5.7 MiB as floats. */
START_TEST(test_limit_on_memory)
{
    static const double value = 0.5;
    static struct array_bytes header;
    start_npy_with(&header, "{'descr': '<f8', 'fortran_order': False, 'shape': (300, 5000), }");
    unsigned char *const file = calloc(1, header.size + 300 * 5000 * sizeof value);
    ck_assert_ptr_nonnull(file);
    memcpy(file, header.at, header.size);
    memcpy(file + header.size, &value, sizeof value);
    put_file("x.npy", file, header.size + 300 * 5000 * sizeof value);
    put_labels("y.npy", 300);
    const char *const path = file_path("x.npy");
    refused_with(&(struct clm_data_options){.source = path, .memory = 5999999}, CLM_ERROR_MEMORY,
                 "x.npy: takes 5.7 MiB of memory, but half of the memory that is allowed is 5.7 MiB");
    struct clm_data *data =
        open_with(&(struct clm_data_options){.source = path, .memory = 300 * (5000 * 4 + 4)});
    ck_assert(((const float *)data->train.values)[0] == 0.5F);
    clm_data_close(data);
    free(file);

    /* 8 GiB of zeros that take no space on the disk: test_memory would notice if they were read */
    start_npy_with(&header, "{'descr': '<f8', 'fortran_order': False, 'shape': (16384, 65536), }");
    put_file("x.npy", header.at, header.size);
    put_labels("y.npy", 16384);
    ck_assert_int_eq(truncate(path, (off_t)header.size + ((off_t)8 << 30)), 0);
    refused_with(&(struct clm_data_options){.source = path, .memory = 100 << 20}, CLM_ERROR_MEMORY,
                 "x.npy: takes 4096.0 MiB of memory, but half of the memory that is allowed is 100.0 MiB");
}
END_TEST

/* All refusals above took little memory: no array that a file only promises. */
START_TEST(test_memory)
{
    struct rusage usage;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    ck_assert_int_lt(usage.ru_maxrss, 700 * 1024); /* KiB; sanitizers keep freed memory */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arrays");
    TCase *tests = tcase_create("arrays");
    tcase_add_checked_fixture(tests, files_set_up, files_tear_down);
    tcase_add_loop_test(tests, test_narrow_features, 0, 8);
    tcase_add_loop_test(tests, test_types, 0, COUNT(types));
    tcase_add_test(tests, test_extremes);
    tcase_add_test(tests, test_not_finite);
    tcase_add_test(tests, test_shapes);
    tcase_add_loop_test(tests, test_label_types, 0, COUNT(types));
    tcase_add_test(tests, test_label_values);
    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_directory_of_arrays);
    tcase_add_loop_test(tests, test_crooked_header, 0, 4);
    tcase_add_test(tests, test_gzipped);
    tcase_add_test(tests, test_numpy_files);
    tcase_add_loop_test(tests, test_npz_damaged, 0, 2);
    tcase_add_test(tests, test_npy_damaged);
    tcase_add_loop_test(tests, test_bad_headers, 0, COUNT(bad_headers));
    tcase_add_test(tests, test_bad_prefixes);
    tcase_add_test(tests, test_zips);
    tcase_add_test(tests, test_zip_bombs);
    tcase_add_test(tests, test_bombs_without_their_labels);
    tcase_add_test(tests, test_limit_on_memory);
    tcase_add_test(tests, test_memory);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
