#include "support/data_files.h"

#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static char *directory;

void files_set_up(void)
{
    directory = test_directory();
    unsetenv("CLMLP_DATA");
    setenv("XDG_DATA_HOME", directory, 1);
}

void files_tear_down(void)
{
    test_directory_remove(directory);
    directory = NULL;
}

const char *files_directory(void)
{
    return directory;
}

const char *file_path(const char *name)
{
    static char paths[16][4096];
    static size_t next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof *paths, "%s/%s", directory, name);
    return path;
}

void put_file(const char *name, const void *bytes, size_t size)
{
    free(test_file(directory, name, bytes, size));
}

void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

void put_gzipped(const char *name, const void *bytes, size_t size)
{
    gzFile file = gzopen(file_path(name), "wb9");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, bytes, (unsigned)size), (int)size);
    ck_assert_int_eq(gzclose(file), Z_OK);
}

struct clm_data *open_with(const struct clm_data_options *options)
{
    struct clm_data *data = NULL;
    struct clm_error error = {0};
    ck_assert_msg(clm_data_open(options, &data, &error) == CLM_OK, "%s", error.message);
    ck_assert_ptr_nonnull(data);
    return data;
}

struct clm_data *open_file(const char *name)
{
    return open_with(&(struct clm_data_options){.source = file_path(name)});
}

static void assert_refused(const struct clm_data_options *options, clm_status status, const char *part,
                           const char *path)
{
    struct clm_error error = {0};
    struct clm_data *data = (struct clm_data *)&error;
    const clm_status got = clm_data_open(options, &data, &error);
    ck_assert_msg(got == status, "status is %d (%s), not %d, with \"%s\" expected: %s", got,
                  clm_status_text(got), status, part, error.message);
    ck_assert_int_eq(error.status, status);
    ck_assert_ptr_null(data);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
    ck_assert_msg(!path || strstr(error.message, path), "%s is not named: %s", path, error.message);
    for (const char *c = error.message; *c; c++)
        ck_assert_msg((unsigned char)*c >= ' ', "a control character is in: %s", error.message);
}

void refused_with(const struct clm_data_options *options, clm_status status, const char *part)
{
    assert_refused(options, status, part, NULL);
}

void file_refused(const char *name, clm_status status, const char *part)
{
    const char *path = file_path(name);
    assert_refused(&(struct clm_data_options){.source = path}, status, part, path);
}
