#include "data/files/spool.h"

#include "base/file.h"
#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK      ((size_t)1 << 17)
#define COPIES_MAX 3 /* data, validation and test set */

struct copy {
    char *name; /* NULL if there is none */
    int file;
    size_t size;
};

/* Readers know their files by path alone, and open them again and again. Therefore the copies are kept here
 * while a data set is opened; each thread has its own. */
static _Thread_local struct copy copies[COPIES_MAX];

static struct copy *find_copy(const char *name)
{
    for (size_t i = 0; i < COPIES_MAX; i++)
        if (copies[i].name && !strcmp(copies[i].name, name))
            return copies + i;
    return NULL;
}

static struct copy *find_place(void)
{
    for (size_t i = 0; i < COPIES_MAX; i++)
        if (!copies[i].name)
            return copies + i;
    return NULL;
}

void spool_close(void)
{
    for (size_t i = 0; i < COPIES_MAX; i++) {
        if (!copies[i].name)
            continue;
        close(copies[i].file);
        free(copies[i].name);
        copies[i] = (struct copy){0};
    }
}

bool is_spooled(const char *name)
{
    return find_copy(name) != NULL;
}

clm_status spool_open(const char *name, int *file, size_t *size, struct clm_error *error)
{
    const struct copy *const copy = find_copy(name);
    if (!copy)
        return open_regular(name, "; data is read only from regular files, pipes and standard input", file,
                            size, error);
    *file = fcntl(copy->file, F_DUPFD_CLOEXEC, 0);
    *size = copy->size;
    return *file >= 0
               ? CLM_OK
               : clm_fail(error, CLM_ERROR_IO, "%s: its copy cannot be opened: %s", name, strerror(errno));
}

/* Makes a file without a name in the directory for temporary files. */
static clm_status make_nameless(const char *name, int *file, struct clm_error *error)
{
    const char *const wished = getenv("TMPDIR"), *const folder = wished && *wished ? wished : "/tmp";
    char *path = NULL;
    if (asprintf(&path, "%s/clmlp-XXXXXX", folder) < 0)
        return clm_fail_host_memory(error, name, strlen(folder));
    *file = mkstemp(path);
    const bool is_made = *file >= 0;
    const bool is_nameless = is_made && !unlink(path);
    const int reason = errno;
    if (is_made && !is_nameless)
        close(*file);
    free(path);
    return is_nameless
               ? CLM_OK
               : clm_fail(
                     error, CLM_ERROR_IO,
                     "%s: its bytes cannot be copied into a file in %s: %s; set TMPDIR to another folder",
                     name, folder, strerror(reason));
}

/* Copies all that `from` holds. */
static clm_status copy_all(int from, const char *name, struct copy *copy, struct clm_error *error)
{
    unsigned char *const chunk = malloc(CHUNK);
    clm_status status = chunk ? CLM_OK : clm_fail_host_memory(error, name, CHUNK);
    ssize_t got = 1;
    while (status == CLM_OK && got) {
        got = read(from, chunk, CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = clm_fail(error, CLM_ERROR_IO, "%s: cannot be read after byte %zu: %s", name, copy->size,
                              strerror(errno));
        else if (!file_write_all(copy->file, chunk, (size_t)got))
            status = clm_fail(
                error, CLM_ERROR_IO,
                "%s: its copy in a temporary file cannot be written after byte %zu: %s; set TMPDIR to a folder with more room",
                name, copy->size, strerror(errno));
        else
            copy->size += (size_t)got;
    }
    free(chunk);
    return status;
}

/* Keeps a copy of what `from` holds, under `name`. */
static clm_status keep_copy(int from, const char *name, struct clm_error *error)
{
    struct copy *const copy = find_place();
    if (!copy)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "%s: more than %d pipes cannot be read", name, COPIES_MAX);
    clm_status status = make_nameless(name, &copy->file, error);
    if (status != CLM_OK)
        return status;
    status = copy_all(from, name, copy, error);
    if (status == CLM_OK && !(copy->name = strdup(name)))
        status = clm_fail_host_memory(error, name, strlen(name));
    if (status != CLM_OK) {
        close(copy->file);
        *copy = (struct copy){0};
    }
    return status;
}

static bool is_pipe(mode_t mode)
{
    return S_ISFIFO(mode) || S_ISSOCK(mode);
}

static clm_status spool_input(struct clm_error *error)
{
    struct stat about;
    if (fstat(STDIN_FILENO, &about))
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be read: %s", STANDARD_INPUT, strerror(errno));
    if (!is_pipe(about.st_mode) && !S_ISREG(about.st_mode))
        return clm_fail(
            error, CLM_ERROR_IO,
            "%s: is %s, and no data; send the data through a pipe, as in `cat FILE | …', or name its file",
            STANDARD_INPUT,
            isatty(STDIN_FILENO)     ? "a terminal"
            : S_ISDIR(about.st_mode) ? "a directory"
                                     : "a device");
    return keep_copy(STDIN_FILENO, STANDARD_INPUT, error);
}

static clm_status spool_pipe(const char *path, struct clm_error *error)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    const clm_status status = keep_copy(file, path, error);
    close(file);
    return status;
}

clm_status spool(const char *path, const char **name, struct clm_error *error)
{
    struct stat about;
    const bool is_input = !strcmp(path, "-");
    *name = is_input ? STANDARD_INPUT : path;
    if (find_copy(*name))
        return CLM_OK;
    if (is_input)
        return spool_input(error);
    return !stat(path, &about) && is_pipe(about.st_mode) ? spool_pipe(path, error) : CLM_OK;
}
