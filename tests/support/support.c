#include "support/support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* With CK_FORK=yes, too, the limit only ends a test that hangs. Check reads it when cases are made. */
__attribute__((constructor)) static void set_patience(void)
{
    setenv("CK_DEFAULT_TIMEOUT", "7200", 0);
}

int test_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    if (!getenv("CK_FORK"))
        srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    const int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return run == 0 || failed != 0;
}

static bool is_in_part(size_t which, size_t parts)
{
    const char *const sample = getenv("CLMLP_SAMPLE");
    return (sample && !strcmp(sample, "all")) ||
           which % parts == (sample ? strtoull(sample, NULL, 10) : 0) % parts;
}

static size_t parts_of(size_t parts)
{
    return IS_SANITIZED ? 2 * parts : parts;
}

bool test_in_sample(size_t which, size_t parts)
{
    return is_in_part(which, parts_of(parts));
}

void test_add_sampled(TCase *cases, const TTest *test, int begin, int end, size_t parts)
{
    const size_t count = (size_t)(end - begin), all = parts_of(parts) < count ? parts_of(parts) : count;
    for (size_t i = 0; i < count; i++)
        if (is_in_part(i, all))
            tcase_add_loop_test(cases, test, begin + (int)i, begin + (int)i + 1);
}

bool test_require(const char *what, bool is_present)
{
    const char *all = getenv("CLMLP_REQUIRE_ALL");
    if (is_present)
        return true;
    printf("SKIP %s\n", what);
    fflush(stdout);
    if (all && !strcmp(all, "1"))
        ck_abort_msg("%s, and CLMLP_REQUIRE_ALL=1 allows no skip", what);
    return false;
}

char *test_directory(void)
{
    const char *parent = getenv("TMPDIR");
    char name[4096];
    snprintf(name, sizeof name, "%s/clmlp-test-XXXXXX", parent && *parent ? parent : "/tmp");
    if (!mkdtemp(name))
        ck_abort_msg("no temporary directory can be made as %s", name);
    char *directory = strdup(name);
    ck_assert_ptr_nonnull(directory);
    return directory;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

void test_directory_remove(char *directory)
{
    if (directory)
        nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(directory);
}

char *test_file(const char *directory, const char *name, const void *bytes, size_t size)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        ck_abort_msg("no memory for the name of a file");
    FILE *file = fopen(path, "wb");
    if (!file)
        ck_abort_msg("%s cannot be opened", path);
    const bool is_written = fwrite(bytes, 1, size, file) == size;
    if (fclose(file) || !is_written)
        ck_abort_msg("%s cannot be written", path);
    return path;
}

static char notes[4096];

static void keep_note(void *user, const char *sentence, const char *setting)
{
    (void)user;
    (void)setting;
    const size_t used = strlen(notes);
    snprintf(notes + used, sizeof notes - used, "%s\n", sentence);
}

void hear_notes(struct clm_data_options *options)
{
    *notes = '\0';
    options->on_note = keep_note;
}

const char *notes_heard(void)
{
    return notes;
}
