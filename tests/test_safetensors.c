/* safetensors files: a round trip, and malformed files. */
#include "nn/safetensors.h"

#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct clm_error error;
static char *directory;

static void set_up(void)
{
    error = (struct clm_error){0};
    directory = test_directory();
}

static void tear_down(void)
{
    test_directory_remove(directory);
}

/* A file of this header and `data_size` bytes of data; the caller frees its path. */
static char *file_of(const char *header, size_t header_size, size_t data_size)
{
    const size_t size = 8 + header_size + data_size;
    unsigned char *bytes = calloc(1, size);
    ck_assert_ptr_nonnull(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(header_size >> 8 * i);
    memcpy(bytes + 8, header, header_size);
    char *path = test_file(directory, "model.safetensors", bytes, size);
    free(bytes);
    return path;
}

/* Reading must fail with CLM_ERROR_FORMAT, in a sentence that names the file and contains `part`. */
static void assert_refused(char *path, const char *part)
{
    struct safetensors file;
    error = (struct clm_error){0};
    ck_assert_int_eq(safetensors_read(path, &file, &error), CLM_ERROR_FORMAT);
    ck_assert_int_eq(error.status, CLM_ERROR_FORMAT);
    ck_assert_msg(strstr(error.message, path) == error.message, "the file is not named: %s", error.message);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_ptr_null(file.tensors);
    ck_assert_ptr_null(file.metadata);
    ck_assert_ptr_null(file.block);
    free(path);
}

static void assert_header_refused(const char *header, size_t data_size, const char *part)
{
    assert_refused(file_of(header, strlen(header), data_size), part);
}

START_TEST(test_round_trip)
{
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "%s/%s", directory, "model.safetensors"), 0);
    float weights[6] = {1, -2.5f, 3e-40f, NAN, INFINITY, -0.0f}, scalar = 7;
    char first[] = "layers.0.weight", second[] = "empty", third[] = "scalar \"é\"";
    const struct safetensor tensors[] = {
        {.name = first, .dimension_count = 2, .shape = {2, 3}, .count = 6, .values = weights},
        {.name = second, .dimension_count = 3, .shape = {2, 0, 5}},
        {.name = third, .count = 1, .values = &scalar},
    };
    json_t *metadata = json_pack("{s:s, s:s}", "seed", "1", "classes", "[\"a\"]");
    ck_assert_msg(safetensors_write(path, tensors, 3, metadata, &error) == CLM_OK, "%s", error.message);

    struct safetensors file;
    ck_assert_msg(safetensors_read(path, &file, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(file.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct safetensor *got = safetensors_find(&file, tensors[i].name);
        ck_assert_ptr_nonnull(got);
        ck_assert_uint_eq(got->dimension_count, tensors[i].dimension_count);
        ck_assert_uint_eq(got->count, tensors[i].count);
        for (size_t j = 0; j < got->dimension_count; j++)
            ck_assert_uint_eq(got->shape[j], tensors[i].shape[j]);
        ck_assert_uint_eq((uintptr_t)got->values % sizeof(float), 0);
        if (got->count)
            ck_assert_mem_eq(got->values, tensors[i].values, got->count * sizeof(float));
    }
    ck_assert_ptr_null(safetensors_find(&file, "layers.0.bias"));
    ck_assert(json_equal(file.metadata, metadata));
    safetensors_free(&file);
    json_decref(metadata);
    free(path);
}
END_TEST

/* Other programs rely on this: the header's length is a multiple of eight, spaces follow its JSON, ranges are
 * contiguous. */
START_TEST(test_layout)
{
    char *path = NULL, name[] = "b";
    ck_assert_int_gt(asprintf(&path, "%s/%s", directory, "model.safetensors"), 0);
    float values[2] = {1, 2};
    const struct safetensor tensor = {
        .name = name, .dimension_count = 1, .shape = {2}, .count = 2, .values = values};
    ck_assert_int_eq(safetensors_write(path, &tensor, 1, NULL, &error), CLM_OK);
    static const char header[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    const size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    unsigned char bytes[256];
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    ck_assert_uint_eq(size, 8 + padded + 8);
    ck_assert_uint_eq(bytes[0], padded);
    ck_assert_mem_eq(bytes + 8, header, sizeof header - 1);
    for (size_t i = sizeof header - 1; i < padded; i++)
        ck_assert_uint_eq(bytes[8 + i], ' ');
    static const unsigned char data[8] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40};
    ck_assert_mem_eq(bytes + 8 + padded, data, 8);
    free(path);
}
END_TEST

/* A header of odd length, tensors in another order than their bytes, and unknown keys are allowed. */
START_TEST(test_unordered)
{
    static const char header[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[4,12],\"x\":1},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}} ";
    struct safetensors file;
    for (size_t size = sizeof header - 2; size < sizeof header; size++) {
        char *path = file_of(header, size, 12);
        ck_assert_msg(safetensors_read(path, &file, &error) == CLM_OK, "%s", error.message);
        ck_assert_uint_eq(file.count, 2);
        ck_assert_str_eq(file.tensors[0].name, "a");
        ck_assert_str_eq(file.tensors[1].name, "b");
        ck_assert_ptr_eq(file.tensors[1].values, file.tensors[0].values + 1);
        ck_assert_uint_eq(json_object_size(file.metadata), 0);
        safetensors_free(&file);
        free(path);
    }
}
END_TEST

START_TEST(test_nothing_inside)
{
    struct safetensors file;
    char *path = file_of("{}", 2, 0);
    ck_assert_msg(safetensors_read(path, &file, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(file.count, 0);
    safetensors_free(&file);
    free(path);
}
END_TEST

/* A file of one tensor "a" of `count` elements of this type. */
static char *file_of_type(const char *type, size_t count, const void *values, size_t size)
{
    char header[128];
    const int length =
        snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}",
                 type, count, size);
    unsigned char bytes[256] = {(unsigned char)length};
    memcpy(bytes + 8, header, (size_t)length);
    memcpy(bytes + 8 + length, values, size);
    return test_file(directory, "typed.safetensors", bytes, 8 + (size_t)length + size);
}

/* The values are exact in float32: those of F16 and BF16 all are, and of F64 the nearest is taken. */
START_TEST(test_types)
{
    static const unsigned char half[] = {0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b,
                                         0x01, 0x00, 0x00, 0x04, 0x00, 0x80},
                               upper[] = {0x80, 0x3f, 0x20, 0xc0, 0x7f, 0x7f};
    static const double wide[] = {1.5, -1e-300, 0.1, 3e38};
    static const float of_half[] = {1, -2, 65504, 0x1p-24f, 0x1p-14f, -0.0f},
                       of_upper[] = {1, -2.5f, 0x1.fep127f}, of_wide[] = {1.5f, -0.0f, 0.1f, 3e38f};
    const struct {
        const char *type;
        const void *values;
        size_t size, count;
        const float *expected;
    } cases[] = {{"F16", half, sizeof half, 6, of_half},
                 {"BF16", upper, sizeof upper, 3, of_upper},
                 {"F64", wide, sizeof wide, 4, of_wide}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct safetensors file;
        char *const path = file_of_type(cases[c].type, cases[c].count, cases[c].values, cases[c].size);
        ck_assert_msg(safetensors_read(path, &file, &error) == CLM_OK, "%s", error.message);
        const struct safetensor *const tensor = safetensors_find(&file, "a");
        ck_assert_ptr_nonnull(tensor);
        ck_assert_uint_eq(tensor->count, cases[c].count);
        ck_assert_mem_eq(tensor->values, cases[c].expected, cases[c].count * sizeof(float));
        safetensors_free(&file);
        free(path);
    }
}
END_TEST

START_TEST(test_beyond_float)
{
    static const double wide[] = {1, -1e39};
    assert_refused(file_of_type("F64", 2, wide, sizeof wide), "tensor a has a -1e+39 at element 1");
}
END_TEST

START_TEST(test_hostile_length)
{
    static const unsigned char huge[] = "\xff\xff\xff\xff\xff\xff\xff\xff{}", over[] = "\x03\0\0\0\0\0\0\0{}";
    assert_refused(test_file(directory, "empty", "", 0), "0 bytes");
    assert_refused(test_file(directory, "short", "1234567", 7), "7 bytes");
    assert_refused(test_file(directory, "huge", huge, 10), "it is no safetensors file");
    assert_refused(test_file(directory, "text", "a file of text", 14), "it is no safetensors file");
    assert_refused(test_file(directory, "over", over, 10), "header of 3 bytes, and at most 2");
    assert_refused(file_of("", 0, 0), "does not begin with {");
    assert_refused(file_of(" {}", 3, 0), "does not begin with {");
}
END_TEST

START_TEST(test_hostile_json)
{
    assert_header_refused("[]", 0, "does not begin with {");
    assert_header_refused("{", 0, "no JSON");
    assert_header_refused("{}x", 0, "no JSON");
    assert_header_refused("{\"a\":nan}", 0, "no JSON");
    assert_refused(file_of("{\"a\0\":1}", 8, 0), "no JSON");
    assert_refused(file_of("{\"\xff\xfe\":1}", 8, 0), "no JSON");
    assert_header_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                          "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
                          8, "duplicate");
    assert_header_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
                          "duplicate");

    enum { DEPTH = 400000, MORE = 1000000 };
    char *bomb = malloc(MORE + 5);
    ck_assert_ptr_nonnull(bomb);
    memcpy(bomb, "{\"a\":", 5);
    memset(bomb + 5, '[', MORE);
    assert_refused(file_of(bomb, DEPTH + 5, 0), "depth");
    assert_refused(file_of(bomb, MORE + 5, 0), "more than 500000 items");
    free(bomb);
}
END_TEST

#define TENSOR(type, shape, range)                                                                           \
    "{\"a\":{\"dtype\":" type ",\"shape\":" shape ",\"data_offsets\":" range "}}"

START_TEST(test_hostile_tensors)
{
    assert_header_refused("{\"a\":1}", 0, "dtype");
    assert_header_refused(TENSOR("7", "[1]", "[0,4]"), 4, "dtype");
    assert_header_refused(TENSOR("\"I32\"", "[2]", "[0,8]"), 8, "I32; F64, F32, F16, BF16 and I64 are read");
    assert_header_refused(TENSOR("\"F16\"", "[1]", "[0,4]"), 4, "1 elements of 2 bytes, and 4 bytes");
    assert_header_refused(TENSOR("\"F32\"", "1", "[0,4]"), 4, "shape");
    assert_header_refused(TENSOR("\"F32\"", "[-1]", "[0,4]"), 4, "dimension 0");
    assert_header_refused(TENSOR("\"F32\"", "[1,1.0]", "[0,4]"), 4, "dimension 1");
    assert_header_refused(TENSOR("\"F32\"", "[1,1,1,1,1]", "[0,4]"), 4, "5 dimensions");
    assert_header_refused(TENSOR("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "more elements");
    /* 4 times this number is 4 in 64 bits */
    assert_header_refused(TENSOR("\"F32\"", "[4611686018427387905]", "[0,4]"), 4, "4611686018427387905");
    assert_header_refused(TENSOR("\"F32\"", "[99999999999999999999]", "[0,4]"), 4, "no JSON");
    assert_header_refused(TENSOR("\"F32\"", "[2]", "[0,4]"), 4, "2 elements");
    assert_header_refused(TENSOR("\"F32\"", "[1]", "{}"), 4, "data_offsets");
    assert_header_refused(TENSOR("\"F32\"", "[1]", "[0]"), 4, "data_offsets");
    assert_header_refused(TENSOR("\"F32\"", "[1]", "[0,4,8]"), 4, "data_offsets");
    assert_header_refused(TENSOR("\"F32\"", "[1]", "[-4,0]"), 4, "data_offsets");
    assert_header_refused(TENSOR("\"F32\"", "[1]", "[0,4.0]"), 4, "data_offsets");
    assert_header_refused(TENSOR("\"F32\"", "[1]", "[4,0]"), 4, "bytes 4 to 0");
    assert_header_refused(TENSOR("\"F32\"", "[2]", "[0,8]"), 4, "data that has 4 bytes");
    assert_header_refused(TENSOR("\"F32\"", "[1]", "[0,4]"), 8, "need 4 bytes of data, and it has 8");
    assert_header_refused(TENSOR("\"F32\"", "[1]", "[4,8]"), 8, "begins at byte 4");
}
END_TEST

START_TEST(test_hostile_ranges)
{
    static const char two[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                              "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%d,%d]}}";
    char header[256];
    snprintf(header, sizeof header, two, 4, 12); /* overlapping */
    assert_header_refused(header, 12, "tensor b begins at byte 4 of the data, where 8 is due");
    snprintf(header, sizeof header, two, 0, 8); /* the same bytes twice */
    assert_header_refused(header, 8, "neither overlap nor leave gaps");
    snprintf(header, sizeof header, two, 12, 20); /* a gap */
    assert_header_refused(header, 20, "tensor b begins at byte 12 of the data, where 8 is due");
}
END_TEST

START_TEST(test_hostile_metadata)
{
    assert_header_refused("{\"__metadata__\":[]}", 0, "__metadata__");
    assert_header_refused("{\"__metadata__\":{\"seed\":1}}", 0, "seed");
    assert_header_refused("{\"__metadata__\":{\"a\":\"b\"}}", 4, "need 0 bytes of data, and it has 4");
}
END_TEST

/* Cut off anywhere, a good file is refused. */
START_TEST(test_truncated)
{
    char name[] = "weight", *path = NULL;
    float values[3] = {1, 2, 3};
    unsigned char bytes[256];
    ck_assert_int_gt(asprintf(&path, "%s/%s", directory, "whole"), 0);
    const struct safetensor tensor = {
        .name = name, .dimension_count = 1, .shape = {3}, .count = 3, .values = values};
    ck_assert_int_eq(safetensors_write(path, &tensor, 1, NULL, &error), CLM_OK);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    const size_t size = fread(bytes, 1, sizeof bytes - 1, file);
    fclose(file);
    for (size_t i = 0; i < size; i++)
        assert_refused(test_file(directory, "cut", bytes, i), "");
    bytes[size] = 0;
    assert_refused(test_file(directory, "longer", bytes, size + 1), "need 12 bytes of data, and it has 13");
    free(path);
}
END_TEST

START_TEST(test_no_file)
{
    struct safetensors file;
    ck_assert_int_eq(safetensors_read(directory, &file, &error), CLM_ERROR_IO);
    ck_assert_int_eq(safetensors_read("/nowhere/model.safetensors", &file, &error), CLM_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "/nowhere/model.safetensors"));
}
END_TEST

START_TEST(test_unwritable_tensors)
{
    char *path = NULL, taken[] = "__metadata__", name[] = "a", no_text[] = "\xff";
    float value = 1;
    ck_assert_int_gt(asprintf(&path, "%s/%s", directory, "model.safetensors"), 0);
    struct safetensor tensors[2] = {{.name = taken, .count = 1, .values = &value},
                                    {.name = name, .count = 1, .values = &value}};
    ck_assert_int_eq(safetensors_write(path, tensors, 1, NULL, &error), CLM_ERROR_ARGUMENT);
    tensors[0].name = name;
    ck_assert_int_eq(safetensors_write(path, tensors, 2, NULL, &error), CLM_ERROR_ARGUMENT);
    tensors[0].name = no_text;
    ck_assert_int_eq(safetensors_write(path, tensors, 1, NULL, &error), CLM_ERROR_ARGUMENT);
    tensors[1].count = 2;
    ck_assert_int_eq(safetensors_write(path, tensors + 1, 1, NULL, &error), CLM_ERROR_SHAPE);
    ck_assert_int_ne(access(path, F_OK), 0);
    free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *tests = tcase_create("safetensors");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_round_trip);
    tcase_add_test(tests, test_layout);
    tcase_add_test(tests, test_unordered);
    tcase_add_test(tests, test_nothing_inside);
    tcase_add_test(tests, test_types);
    tcase_add_test(tests, test_beyond_float);
    tcase_add_test(tests, test_hostile_length);
    tcase_add_test(tests, test_hostile_json);
    tcase_add_test(tests, test_hostile_tensors);
    tcase_add_test(tests, test_hostile_ranges);
    tcase_add_test(tests, test_hostile_metadata);
    tcase_add_test(tests, test_truncated);
    tcase_add_test(tests, test_no_file);
    tcase_add_test(tests, test_unwritable_tensors);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
