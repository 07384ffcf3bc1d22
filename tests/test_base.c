/* Sizes, errors and files. */
#include "base/file.h"
#include "base/size.h"
#include "base/text.h"

#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <dirent.h>
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

/* Counts the files in the temporary directory. */
static size_t files_there(void)
{
    size_t count = 0;
    DIR *open_directory = opendir(directory);
    ck_assert_ptr_nonnull(open_directory);
    for (const struct dirent *entry; (entry = readdir(open_directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(open_directory);
    return count;
}

static void assert_content(const char *path, const char *expected)
{
    unsigned char *bytes;
    size_t size;
    ck_assert_msg(file_read(path, 1 << 20, &bytes, &size, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(size, strlen(expected));
    ck_assert_str_eq((const char *)bytes, expected);
    free(bytes);
}

START_TEST(test_sizes)
{
    size_t out;
    ck_assert(size_mul(3, 5, &out));
    ck_assert_uint_eq(out, 15);
    ck_assert(!size_mul(SIZE_MAX / 2, 3, &out));
    ck_assert(size_mul(SIZE_MAX, 1, &out));
    ck_assert_uint_eq(out, SIZE_MAX);
    ck_assert(size_add(SIZE_MAX - 1, 1, &out));
    ck_assert(!size_add(SIZE_MAX, 1, &out));
    ck_assert_uint_eq(round_up(0, 8), 0);
    ck_assert_uint_eq(round_up(1, 8), 8);
    ck_assert_uint_eq(divide_up(16, 8), 2);
    ck_assert_uint_eq(divide_up(17, 8), 3);
    ck_assert_uint_eq(divide_up(0, 8), 0);
    ck_assert_uint_eq(round_up(16, 8), 16);
    ck_assert_double_eq(mebibytes(7 << 19), 3.5);
    ck_assert_uint_eq(size_min(2, 3), 2);
    ck_assert_uint_eq(size_max(2, 3), 3);
}
END_TEST

START_TEST(test_errors)
{
    ck_assert_int_eq(clm_fail(&error, CLM_ERROR_SHAPE, "%d rows, not %d", 3, 4), CLM_ERROR_SHAPE);
    ck_assert_int_eq(error.status, CLM_ERROR_SHAPE);
    ck_assert_str_eq(error.message, "3 rows, not 4");
    ck_assert_str_eq(error.setting, "");
    ck_assert_int_eq(clm_fail_setting(&error, CLM_ERROR_MEMORY, "batch hidden", "%d rows", 3),
                     CLM_ERROR_MEMORY);
    ck_assert_int_eq(error.status, CLM_ERROR_MEMORY);
    ck_assert_str_eq(error.message, "3 rows");
    ck_assert_str_eq(error.setting, "batch hidden");
    clm_fail(&error, CLM_ERROR_IO, "of another matter");
    ck_assert_str_eq(error.setting, "");
    ck_assert_int_eq(clm_fail(NULL, CLM_ERROR_IO, "nobody listens"), CLM_ERROR_IO);
    ck_assert_int_eq(clm_fail_setting(NULL, CLM_ERROR_IO, "label", "nobody listens"), CLM_ERROR_IO);
    ck_assert_str_eq(clm_status_text(CLM_OK), "done");
    ck_assert_str_eq(clm_status_text((clm_status)99), "unknown status");
    ck_assert_str_eq(clm_status_text((clm_status)-1), "unknown status");
}
END_TEST

START_TEST(test_no_path)
{
    ck_assert_int_eq(clm_write_file(NULL, "x", 1, &error), CLM_ERROR_ARGUMENT);
    ck_assert_str_eq(error.message, "no path of a file is given, but NULL; give one");
    ck_assert_int_eq(clm_check_file(NULL, &error), CLM_ERROR_ARGUMENT);
}
END_TEST

START_TEST(test_write_and_replace)
{
    char *path = path_join(directory, "file");
    ck_assert_int_eq(clm_write_file(path, "first", 5, &error), CLM_OK);
    assert_content(path, "first");
    ck_assert_int_eq(clm_write_file(path, "", 0, &error), CLM_OK);
    assert_content(path, "");
    ck_assert_int_eq(clm_write_file(path, "second, longer", 14, &error), CLM_OK);
    assert_content(path, "second, longer");
    ck_assert_uint_eq(files_there(), 1);
    free(path);
}
END_TEST

/* Writes 100,000 bytes while files may not grow over 4096: write() fails in the middle, as on a full disk. */
static clm_status write_on_full_disk(const char *path)
{
    char *content = calloc(1, 100000);
    struct rlimit before, low;
    ck_assert_ptr_nonnull(content);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 4096;
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    const clm_status status = clm_write_file(path, content, 100000, &error);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    free(content);
    return status;
}

START_TEST(test_full_disk_keeps_the_old_file)
{
    char *path = test_file(directory, "file", "old", 3);
    ck_assert_int_eq(write_on_full_disk(path), CLM_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, path));
    ck_assert_ptr_nonnull(strstr(error.message, strerror(EFBIG)));
    assert_content(path, "old");
    ck_assert_uint_eq(files_there(), 1);
    free(path);
}
END_TEST

/* A failure is also reported if the file is written in place. */
START_TEST(test_full_disk_in_place)
{
    char *path = test_file(directory, "file", "", 0), name[64];
    const int file = open(path, O_WRONLY);
    ck_assert_int_ge(file, 0);
    snprintf(name, sizeof name, "/dev/fd/%d", file);
    ck_assert_int_eq(write_on_full_disk(name), CLM_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, strerror(EFBIG)));
    close(file);
    free(path);
}
END_TEST

START_TEST(test_write_into_a_pipe)
{
    char *path = path_join(directory, "pipe"), got[8] = "";
    struct stat about;
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    const int reader = open(path, O_RDONLY | O_NONBLOCK);
    ck_assert_int_ge(reader, 0);
    ck_assert_msg(clm_write_file(path, "bytes", 5, &error) == CLM_OK, "%s", error.message);
    ck_assert_int_eq(read(reader, got, sizeof got), 5);
    ck_assert_str_eq(got, "bytes");
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert(S_ISFIFO(about.st_mode));
    close(reader);
    free(path);
}
END_TEST

/* /dev/fd/N of an open regular file: the bytes are added after those already there, and nothing is made in
 * /dev. */
START_TEST(test_write_into_an_open_file)
{
    char *path = test_file(directory, "file", "first,", 6), name[64];
    const int file = open(path, O_WRONLY | O_APPEND);
    ck_assert_int_ge(file, 0);
    snprintf(name, sizeof name, "/dev/fd/%d", file);
    ck_assert_msg(clm_write_file(name, "second", 6, &error) == CLM_OK, "%s", error.message);
    close(file);
    assert_content(path, "first,second");
    ck_assert_uint_eq(files_there(), 1);
    free(path);
}
END_TEST

START_TEST(test_link_stays_a_link)
{
    char *path = test_file(directory, "file", "old", 3), *name = path_join(directory, "link");
    struct stat about;
    ck_assert_int_eq(symlink("file", name), 0);
    ck_assert_int_eq(clm_write_file(name, "new", 3, &error), CLM_OK);
    assert_content(path, "new");
    ck_assert_int_eq(lstat(name, &about), 0);
    ck_assert(S_ISLNK(about.st_mode));
    free(path);
    free(name);
}
END_TEST

START_TEST(test_writes_that_cannot_be)
{
    char *missing = path_join(directory, "missing/file");
    ck_assert_int_eq(clm_write_file(missing, "x", 1, &error), CLM_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, strerror(ENOENT)));
    ck_assert_int_eq(clm_write_file(directory, "x", 1, &error), CLM_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "directory"));
    ck_assert_int_eq(clm_write_file("", "x", 1, &error), CLM_ERROR_IO);
    ck_assert_uint_eq(files_there(), 0);
    free(missing);
}
END_TEST

START_TEST(test_reads_that_cannot_be)
{
    unsigned char *bytes = NULL;
    size_t size;
    char *path = path_join(directory, "file");
    ck_assert_int_eq(file_read(path, 9, &bytes, &size, &error), CLM_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, strerror(ENOENT)));
    ck_assert_int_eq(file_read(directory, 9, &bytes, &size, &error), CLM_ERROR_IO);
    ck_assert_int_eq(file_read("/dev/zero", 9, &bytes, &size, &error), CLM_ERROR_IO);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(file_read(path, 9, &bytes, &size, &error), CLM_ERROR_IO);
    free(path);
    path = test_file(directory, "large", "ten bytes.", 10);
    ck_assert_int_eq(file_read(path, 9, &bytes, &size, &error), CLM_ERROR_FORMAT);
    ck_assert_ptr_null(bytes);
    ck_assert_int_eq(file_read(path, 10, &bytes, &size, &error), CLM_OK);
    ck_assert_uint_eq(size, 10);
    free(bytes);
    free(path);
}
END_TEST

/* Each byte that belongs to no character: overlong, a surrogate, beyond U+10FFFF, cut off, alone. */
START_TEST(test_utf8)
{
    static const char *const texts[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"\xEF\xBF\xBF\xF4\x8F\xBF\xBF\xED\x9F\xBF", "\xEF\xBF\xBF\xF4\x8F\xBF\xBF\xED\x9F\xBF"},
        {"caf\xE9", "caf?"},
        {"\xE9t\xE9", "?t?"},
        {"\xC0\xAF", "??"},
        {"\xE0\x9F\xBF", "???"},
        {"\xF0\x8F\xBF\xBF", "????"},
        {"\xED\xA0\x80", "???"},
        {"\xF4\x90\x80\x80", "????"},
        {"\xE2\x82", "??"},
        {"\xF0\x9F\x98", "???"},
        {"\x80z\xFF", "?z?"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *const copy = utf8_copy(texts[i][0]);
        ck_assert_str_eq(copy, texts[i][1]);
        free(copy);
    }
}
END_TEST

START_TEST(test_directories)
{
    char name[300] = "";
    memset(name, 'n', sizeof name - 1); /* longer than a name may be */
    char *deep = path_join(directory, "a/b//c"), *file = test_file(directory, "file", "", 0),
         *below = path_join(file, "d"), *slash = path_join(directory, "e/"),
         *above = path_join(directory, "a"), *around = path_join(directory, "new/../a"),
         *before_long = path_join(directory, "f"), *long_name = path_join(before_long, name);
    struct stat about;
    size_t made = 0, again = 1;
    ck_assert_int_eq(directory_make(deep, &made, &error), CLM_OK);
    ck_assert_uint_eq(made, strlen(directory) + strlen("/a"));
    ck_assert_int_eq(directory_make(deep, &again, &error), CLM_OK);
    ck_assert_uint_eq(again, 0);
    directory_unmake(deep, again);
    ck_assert(!stat(deep, &about));
    directory_unmake(deep, made);
    ck_assert(stat(above, &about) && !stat(directory, &about));
    ck_assert_int_eq(directory_make(deep, &made, &error), CLM_OK);
    free(test_file(above, "full", "", 0));
    directory_unmake(deep, made);
    ck_assert(stat(deep, &about) && !stat(above, &about));
    ck_assert_int_eq(directory_make(deep, &made, &error), CLM_OK);
    ck_assert_uint_gt(made, strlen(above));                          /* b */
    ck_assert_int_eq(directory_make(around, &made, &error), CLM_OK); /* through a new one to an old one */
    ck_assert_uint_eq(made, 0);
    directory_unmake(around, made);
    ck_assert(!stat(above, &about));
    ck_assert_int_eq(directory_make(slash, &made, &error), CLM_OK);
    ck_assert_uint_eq(made, strlen(slash) - 1);
    directory_unmake(slash, made);
    ck_assert(stat(slash, &about));
    ck_assert_int_eq(directory_make(slash, &made, &error), CLM_OK);
    ck_assert_int_eq(directory_make(long_name, NULL, &error), CLM_ERROR_IO); /* and removes what it made */
    ck_assert(stat(before_long, &about));
    ck_assert_int_eq(directory_make(slash, NULL, &error), CLM_OK);
    ck_assert(!stat(deep, &about) && S_ISDIR(about.st_mode));
    ck_assert_int_eq(directory_make(file, NULL, &error), CLM_ERROR_IO);
    ck_assert_int_eq(directory_make(below, NULL, &error), CLM_ERROR_IO);
    ck_assert_int_eq(directory_make("", NULL, &error), CLM_ERROR_IO);
    free(deep);
    free(above);
    free(around);
    free(before_long);
    free(long_name);
    free(slash);
    free(file);
    free(below);
}
END_TEST

START_TEST(test_long_texts)
{
    enum { LONG = 100000 };
    char *const path = calloc(LONG + 1, 1), *const blanks = calloc(LONG + 1, 1);
    memset(path, 'p', LONG);
    for (size_t i = 0; i + 1 < LONG; i += 2)
        memcpy(blanks + i, "b ", 2);
    (void)clm_fail(&error, CLM_ERROR_IO, "%s: cannot be opened: %s", path, "no such file");
    ck_assert_uint_lt(strlen(error.message), 400);
    ck_assert_msg(!strncmp(error.message, "pppp", 4) && strstr(error.message, "ppp...ppp") &&
                      strstr(error.message, "p: cannot be opened: no such file"),
                  "%s", error.message);
    (void)clm_fail(&error, CLM_ERROR_IO, "%s and %s: the reason", path, path);
    ck_assert_msg(has_ending(error.message, "p: the reason"), "%s", error.message);
    (void)clm_fail(&error, CLM_ERROR_IO, "%s: the reason", blanks);
    ck_assert_uint_eq(strlen(error.message), sizeof error.message - 1);
    ck_assert_msg(!strncmp(error.message, "b b b", 5) && has_ending(error.message, ": the reason"), "%s",
                  error.message);
    /* no character is cut: each of these has three bytes */
    for (size_t i = 0; i + 3 <= LONG; i += 3)
        memcpy(path + i, "\xe2\x82\xac", 3);
    for (size_t first = 0; first < 3; first++) {
        (void)clm_fail(&error, CLM_ERROR_IO, "%.*s%s: x", (int)first, "ab", path + (first ? 0 : 3));
        for (const char *at = error.message; *at; at += utf8_length(at))
            ck_assert_uint_gt(utf8_length(at), 0);
    }
    free(path);
    free(blanks);
}
END_TEST

START_TEST(test_unprintable_bytes)
{
    (void)clm_fail(&error, CLM_ERROR_IO, "a\x1b[31m\b\r\x7f\xc2\x9b\xc3\xa9: x\n  the log");
    ck_assert_str_eq(error.message, "a?[31m?????\xc3\xa9: x\n  the log");
    (void)clm_fail(&error, CLM_ERROR_IO, "%s: %.1s", "\xff\xc3z\ty\xe2\x82", "\xc3\xa9");
    ck_assert_str_eq(error.message, "??z?y??: ?");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_sizes);
    tcase_add_test(tests, test_errors);
    tcase_add_test(tests, test_no_path);
    tcase_add_test(tests, test_write_and_replace);
    tcase_add_test(tests, test_full_disk_keeps_the_old_file);
    tcase_add_test(tests, test_full_disk_in_place);
    tcase_add_test(tests, test_write_into_a_pipe);
    tcase_add_test(tests, test_write_into_an_open_file);
    tcase_add_test(tests, test_link_stays_a_link);
    tcase_add_test(tests, test_writes_that_cannot_be);
    tcase_add_test(tests, test_reads_that_cannot_be);
    tcase_add_test(tests, test_directories);
    tcase_add_test(tests, test_utf8);
    tcase_add_test(tests, test_long_texts);
    tcase_add_test(tests, test_unprintable_bytes);
    suite_add_tcase(suite, tests);
    return test_run(suite);
}
