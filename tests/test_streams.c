/* Compressed files: every compression gives the plain file's rows, wherever a file is read. Truncated and
 * damaged files, and bytes after the end, are refused with the cause. Standard input and pipes are read like
 * files. */
#include "data/data.h"

#include "data/files/compression.h"
#include "data/files/stream.h"
#include "support/data_files.h"
#include "support/packs.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 60 };

static const char *const filters[] = {"gzip", "bzip2", "xz", "zstd"};
static const char *const endings[] = {".gz", ".bz2", ".xz", ".zst"};
enum { FILTERS = 4, ZIP = FILTERS };

static struct clm_error error;

/* A table of ROWS rows: 3 i mod 17, i, and one of two labels. */
static void write_table(struct pack *table)
{
    pack_text(table, "a,b,label\n");
    for (int i = 0; i < ROWS; i++) {
        char line[32];
        snprintf(line, sizeof line, "%d,%d,%s\n", 3 * i % 17, i, i % 3 ? "yes" : "no");
        pack_text(table, line);
    }
}

static void assert_table(struct clm_data *data)
{
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        const float *const row = data_row(data, &data->train, i);
        ck_assert(row[0] == (float)(3 * i % 17) && row[1] == (float)i);
        ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, i), i % 3 ? 1 : 0);
    }
    clm_data_close(data);
}

/* Compresses by filters[kind], or, if kind is ZIP, as the only file of a zip archive. */
static struct pack compress_as(int kind, const struct pack *plain)
{
    struct pack pack = {0};
    if (kind == ZIP)
        pack_zip(&pack, &(const char *){"data/table.csv"}, 1, plain->at, plain->size);
    else
        pack_filtered(&pack, filters[kind], plain->at, plain->size);
    return pack;
}

START_TEST(each_compression)
{
    struct pack table = {0};
    write_table(&table);
    struct pack packed = compress_as(_i, &table);
    put_file("table", packed.at, packed.size); /* the content tells, not the name */
    assert_table(open_file("table"));
    if (_i != ZIP) { /* two streams, one after the other, are one file */
        struct pack parts = {0};
        const size_t half = table.size / 2;
        pack_filtered(&parts, filters[_i], table.at, half);
        pack_filtered(&parts, filters[_i], table.at + half, table.size - half);
        put_file("table", parts.at, parts.size);
        assert_table(open_file("table"));
        pack_free(&parts);
    }
    pack_free(&packed);
    pack_free(&table);
}
END_TEST

/* Wherever the file ends early, a sentence says so. The shortest beginnings are of no known compression. */
START_TEST(truncated)
{
    struct pack table = {0};
    write_table(&table);
    struct pack packed = compress_as(_i, &table);
    for (size_t size = 10; size < packed.size; size++) {
        put_file("table", packed.at, size);
        file_refused("table", CLM_ERROR_FORMAT, "truncated");
    }
    pack_free(&packed);
    pack_free(&table);
}
END_TEST

/* A changed byte is noticed, or changes nothing that is read, as a name or a time does not. libarchive writes
 * zstd without a checksum: then all that can be asked is that nothing worse happens. */
START_TEST(damaged)
{
    struct pack table = {0};
    write_table(&table);
    struct pack packed = compress_as(_i, &table);
    size_t noticed = 0;
    for (size_t at = 0; at < packed.size; at++) {
        struct clm_data *data = NULL;
        packed.at[at] ^= 0x10;
        put_file("table", packed.at, packed.size);
        if (clm_data_open(&(struct clm_data_options){.source = file_path("table")}, &data, &error) != CLM_OK)
            noticed++;
        else if (_i == 3)
            clm_data_close(data);
        else
            assert_table(data);
        packed.at[at] ^= 0x10;
    }
    ck_assert_uint_gt(noticed, _i == 3 ? packed.size / 10 : packed.size / 2);
    pack_free(&packed);
    pack_free(&table);
}
END_TEST

START_TEST(followed)
{
    static const char *const others[] = {"x", "\0\0\0\0\0\0\0",
                                         "more bytes than the smallest stream could have"};
    static const size_t sizes[] = {1, 7, 45};
    struct pack table = {0};
    write_table(&table);
    struct pack packed = compress_as(_i, &table);
    const size_t size = packed.size;
    for (size_t i = 0; i < 3; i++) {
        /* gzip and xz cannot tell a few bytes from the beginning of another stream that is cut off */
        const bool is_unclear = !i && (_i == 0 || _i == 2);
        pack_add(&packed, others[i], sizes[i]);
        put_file("table", packed.at, packed.size);
        file_refused("table", CLM_ERROR_FORMAT,
                     _i == ZIP    ? "after the end of its zip archive"
                     : is_unclear ? "ends early"
                     : _i == 2    ? "something else"
                                  : "followed by something else");
        packed.size = size;
    }
    pack_free(&packed);
    pack_free(&table);
}
END_TEST

/* ---- wherever a file is read ---- */

/* IDX of 4 pictures of 2x2 and their labels. */
#define PICTURES "\0\0\x08\3\0\0\0\4\0\0\0\2\0\0\0\2abcdefghijklmnop"
#define LABELS   "\0\0\x08\1\0\0\0\4\0\1\0\1"

static void put_packed(const char *name, int kind, const char *bytes, size_t size)
{
    const struct pack plain = {.at = (unsigned char *)(uintptr_t)bytes, .size = size};
    struct pack packed = compress_as(kind, &plain);
    put_file(name, packed.at, packed.size);
    pack_free(&packed);
}

static void assert_pictures(struct clm_data *data)
{
    ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 4);
    ck_assert_mem_eq(data->train.values, "abcdefghijklmnop", 16);
    ck_assert_uint_eq(clm_data_label(data, CLM_TRAIN, 3), 1);
    clm_data_close(data);
}

START_TEST(idx_files)
{
    const char *const ending = _i == ZIP ? ".zip" : endings[_i];
    char images[64], labels[64];
    snprintf(images, sizeof images, "train-images-idx3-ubyte%s", ending);
    snprintf(labels, sizeof labels, "train-labels-idx1-ubyte%s", ending);
    put_packed(images, _i, PICTURES, sizeof PICTURES - 1);
    put_packed(labels, _i, LABELS, sizeof LABELS - 1);
    assert_pictures(open_file("."));
    assert_pictures(open_file(images));
}
END_TEST

#define NPY(shape) "\x93NUMPY\1\0\x38\0{'descr': '|u1', 'fortran_order': False, 'shape': " shape

START_TEST(npy_files)
{
    char x[16], y[16];
    if (_i == ZIP) /* which is an NPZ */
        return;
    snprintf(x, sizeof x, "x.npy%s", endings[_i]);
    snprintf(y, sizeof y, "y.npy%s", endings[_i]);
    put_packed(x, _i, NPY("(4,2)}abcdefgh"), sizeof NPY("(4,2)}abcdefgh") - 1);
    put_packed(y, _i, NPY("(4,) }\0\1\0\1"), sizeof NPY("(4,) }\0\1\0\1") - 1);
    for (int i = 0; i < 2; i++) {
        struct clm_data *const data = open_file(i ? x : ".");
        ck_assert_mem_eq(data->train.values, "abcdefgh", 8);
        clm_data_close(data);
    }
}
END_TEST

START_TEST(archives)
{
    struct pack records = {0}, tar = {0};
    pack_records(&records, 6, 1, 1);
    pack_tar_file(&tar, "cifar-10-batches-bin/data_batch_1.bin", records.at, records.size);
    pack_tar_end(&tar);
    struct pack packed = compress_as(_i, &tar);
    char name[32];
    snprintf(name, sizeof name, "c.tar%s", _i == ZIP ? ".zip" : endings[_i]);
    put_file(name, packed.at, packed.size);
    for (int i = 0; i < 2; i++) {
        if (_i == ZIP && i)
            break; /* a directory's archives are tar archives */
        struct clm_data *const data = open_file(i ? "." : name);
        ck_assert_uint_eq(clm_data_rows(data, CLM_TRAIN), 6);
        clm_data_close(data);
    }
    pack_free(&packed);
    pack_free(&tar);
    pack_free(&records);
}
END_TEST

/* ---- zip ---- */

static void put_zip_of(const char *const *names, size_t count, const struct pack *plain)
{
    struct pack packed = {0};
    pack_zip(&packed, names, count, plain->at, plain->size);
    put_file("a.zip", packed.at, packed.size);
    pack_free(&packed);
}

START_TEST(zip_entries)
{
    static const char *const beside[] = {"set/README.md", "set/.DS_Store", "__MACOSX/set/._a.csv",
                                         "set/a.csv",     "LICENSE",       "set/"};
    static const char *const several[] = {"train.csv", "test.csv"}, *const office[] = {"[Content_Types].xml",
                                                                                       "xl/s.xml"};
    struct pack table = {0};
    write_table(&table);
    put_zip_of(beside, 5, &table);
    assert_table(open_file("a.zip"));
    put_zip_of(several, 2, &table);
    file_refused("a.zip", CLM_ERROR_FORMAT,
                 "is a zip archive of 2 files (train.csv, test.csv), and only one");
    put_zip_of(office, 2, &table);
    file_refused("a.zip", CLM_ERROR_FORMAT, "save its sheet as CSV");
    put_zip_of(beside, 2, &table);
    file_refused("a.zip", CLM_ERROR_FORMAT, "is a zip archive without a file of data");
    pack_free(&table);
}
END_TEST

/* A file that promises much is refused before memory is allocated for it. */
START_TEST(promises)
{
    static const char head[] = "\0\0\x08\2\x10\0\0\0\x10\0\0\0"; /* 2^28 rows of 2^28 bytes */
    put_file("a-labels", LABELS, sizeof LABELS - 1);
    put_packed("a-images", _i, head, sizeof head - 1);
    file_refused("a-images", CLM_ERROR_FORMAT, "72057594037927936 bytes");
}
END_TEST

/* A small file is not believed to hold what only the densest compression, bzip2, could. */
START_TEST(credit)
{
    static const char head[] = "\0\0\x08\2\0\0\0\x80\0\x10\0\0"; /* 2^7 rows of 2^20 bytes */
    struct pack labels = {0};
    pack_add(&labels, "\0\0\x08\1\0\0\0\x80", 8);
    for (int i = 0; i < 128; i++)
        pack_add(&labels, "", 1);
    put_file("a-labels", labels.at, labels.size);
    put_packed("a-images", _i, head, sizeof head - 1);
    file_refused("a-images", CLM_ERROR_FORMAT, _i == 1 ? "unpack it first" : "it is truncated");
    pack_free(&labels);
}
END_TEST

/* The bound of each compression is one: zeros are the densest content. */
START_TEST(bounds)
{
    const struct pack zeros = {.at = calloc(1, 1 << 22), .size = 1 << 22};
    ck_assert_ptr_nonnull(zeros.at);
    struct pack packed = compress_as(_i, &zeros);
    put_file("zeros", packed.at, packed.size);
    struct stream *stream = NULL;
    ck_assert_int_eq(stream_open(file_path("zeros"), &stream, &error), CLM_OK);
    ck_assert_uint_ge(stream_bound(stream), zeros.size);
    ck_assert(stream_is_compressed(stream) && !stream_is_file(stream));
    ck_assert(stream_is_exact(stream) == (_i == ZIP));
    stream_close(stream);
    pack_free(&packed);
    free(zeros.at);
}
END_TEST

/* Text may begin like bzip2. */
START_TEST(text_like_bzip2)
{
    put_text("a.csv", "BZh9,b,label\n1,2,x\n3,4,y\n");
    clm_data_close(open_file("a.csv"));
}
END_TEST

START_TEST(other_kinds)
{
    static const struct {
        const char *bytes, *part;
    } cases[] = {{"7z\xbc\xaf\x27\x1c and so on, and on, and on",
                  "is a 7-Zip archive, which is not read; unpack it first"},
                 {"\x89HDF\r\n\x1a\n and so on, and on, and on",
                  "is an HDF5 file, which is not read; save its arrays"},
                 {"SQLite format 3\0 and so on, and on, and on", "is an SQLite database"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_file("a", cases[i].bytes, 24);
        file_refused("a", CLM_ERROR_FORMAT, cases[i].part);
    }
    struct pack table = {0}, once = {0}, twice = {0};
    write_table(&table);
    pack_gzip(&once, table.at, table.size);
    pack_filtered(&twice, "xz", once.at, once.size);
    put_file("a", twice.at, twice.size);
    file_refused("a", CLM_ERROR_FORMAT, "is compressed twice");
    pack_free(&table);
    pack_free(&once);
    pack_free(&twice);
}
END_TEST

/* ---- standard input and pipes ---- */

/* Makes standard input a pipe that holds these bytes, and returns what it was. */
static int feed_input(const void *bytes, size_t size)
{
    int ends[2];
    const int before = dup(STDIN_FILENO);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq((int)write(ends[1], bytes, size), (int)size); /* it fits into the pipe */
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    return before;
}

static void restore_input(int before)
{
    dup2(before, STDIN_FILENO);
    close(before);
}

START_TEST(input)
{
    struct pack table = {0};
    write_table(&table);
    struct pack packed = _i < FILTERS + 1 ? compress_as(_i, &table) : table;
    static const char *const sources[] = {"-", "/dev/stdin"};
    for (int i = 0; i < 2; i++) {
        const int before = feed_input(packed.at, packed.size);
        struct clm_data *const data = open_with(&(struct clm_data_options){.source = sources[i]});
        ck_assert_str_eq(clm_data_source(data), i ? "/dev/stdin" : "standard input");
        assert_table(data);
        restore_input(before);
    }
    if (packed.at != table.at)
        pack_free(&packed);
    pack_free(&table);
}
END_TEST

/* The copy is mapped as a file would be, and outlives the opening. */
START_TEST(mapped_input)
{
    put_text("names", "");
    put_file("labels.npy", NPY("(4,) }\0\1\0\1"), sizeof NPY("(4,) }\0\1\0\1") - 1);
    const int before = feed_input(NPY("(4,2)}abcdefgh"), sizeof NPY("(4,2)}abcdefgh") - 1);
    struct clm_data *const data =
        open_with(&(struct clm_data_options){.source = "-", .label = file_path("labels.npy")});
    restore_input(before);
    ck_assert(data->train.is_mapped);
    ck_assert_mem_eq(data->train.values, "abcdefgh", 8);
    clm_data_close(data);
}
END_TEST

START_TEST(input_that_is_none)
{
    const int before = dup(STDIN_FILENO);
    ck_assert_ptr_nonnull(freopen("/dev/null", "r", stdin));
    refused_with(&(struct clm_data_options){.source = "-"}, CLM_ERROR_IO, "standard input: is a device");
    ck_assert_ptr_nonnull(freopen("/tmp", "r", stdin));
    refused_with(&(struct clm_data_options){.source = "-"}, CLM_ERROR_IO, "standard input: is a directory");
    restore_input(before);
    const int again = feed_input("", 0);
    refused_with(&(struct clm_data_options){.source = "-"}, CLM_ERROR_FORMAT, "standard input: ");
    refused_with(&(struct clm_data_options){.source = "-", .test = "-"}, CLM_ERROR_ARGUMENT,
                 "standard input");
    restore_input(again);
    setenv("TMPDIR", "/nowhere/at/all", 1);
    const int once_more = feed_input("a", 1);
    refused_with(&(struct clm_data_options){.source = "-"}, CLM_ERROR_IO, "set TMPDIR to another folder");
    restore_input(once_more);
    unsetenv("TMPDIR");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("streams");
    TCase *tests = tcase_create("streams");
    tcase_add_checked_fixture(tests, files_set_up, files_tear_down);
    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, each_compression, 0, FILTERS + 1);
    tcase_add_loop_test(tests, truncated, 0, FILTERS + 1);
    tcase_add_loop_test(tests, damaged, 0, FILTERS + 1);
    tcase_add_loop_test(tests, followed, 0, FILTERS + 1);
    tcase_add_loop_test(tests, idx_files, 0, FILTERS + 1);
    tcase_add_loop_test(tests, npy_files, 0, FILTERS + 1);
    tcase_add_loop_test(tests, archives, 0, FILTERS + 1);
    tcase_add_test(tests, zip_entries);
    tcase_add_loop_test(tests, promises, 0, FILTERS + 1);
    tcase_add_loop_test(tests, credit, 0, FILTERS + 1);
    tcase_add_loop_test(tests, bounds, 0, FILTERS + 1);
    tcase_add_test(tests, text_like_bzip2);
    tcase_add_test(tests, other_kinds);
    tcase_add_loop_test(tests, input, 0, FILTERS + 2);
    tcase_add_test(tests, mapped_input);
    tcase_add_test(tests, input_that_is_none);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
