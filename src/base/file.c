#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_join(const char *directory, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

const char *path_name(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool is_there(const char *path)
{
    struct stat about;
    return !stat(path, &about) || (errno != ENOENT && errno != ENOTDIR);
}

bool is_directory(const char *path)
{
    struct stat about;
    return !stat(path, &about) && S_ISDIR(about.st_mode);
}

/* Compares bytes, because the order of alphasort depends on the locale. */
int listing_compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

clm_status listing_read(const char *path, int (*takes)(const struct dirent *entry), struct listing *out,
                        struct clm_error *error)
{
    struct dirent **entries = NULL;
    *out = (struct listing){0};
    const int found = scandir(path, &entries, takes, listing_compare);
    if (found < 0)
        return clm_fail(error, CLM_ERROR_IO, "%s: the directory cannot be read: %s", path, strerror(errno));
    const size_t count = (size_t)found;
    out->paths = calloc(count + 1, sizeof *out->paths);
    for (size_t i = 0; i < count; i++) {
        if (out->paths && out->count == i && (out->paths[i] = path_join(path, entries[i]->d_name)))
            out->count++;
        free(entries[i]);
    }
    free(entries);
    if (out->paths && out->count == count)
        return CLM_OK;
    listing_free(out);
    return clm_fail_host_memory(error, path, count * sizeof *out->paths);
}

void listing_free(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->paths[i]);
    free(listing->paths);
    *listing = (struct listing){0};
}

clm_status open_regular(const char *path, const char *remedy, int *out, size_t *size, struct clm_error *error)
{
    struct stat about;
    /* without O_NONBLOCK, open() on a pipe would wait for a writer */
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    const int reason = fstat(file, &about) ? errno : 0;
    if (reason || !S_ISREG(about.st_mode)) {
        close(file);
        return reason ? clm_fail(error, CLM_ERROR_IO, "%s: cannot be looked at: %s", path, strerror(reason))
                      : clm_fail(error, CLM_ERROR_IO, "%s: is not a regular file%s", path, remedy);
    }
    *out = file;
    *size = (size_t)about.st_size;
    return CLM_OK;
}

clm_status file_read(const char *path, size_t limit, unsigned char **bytes, size_t *size,
                     struct clm_error *error)
{
    unsigned char *content = NULL;
    size_t filled = 0, expected;
    int file;
    *bytes = NULL;
    *size = 0;
    clm_status status = open_regular(path, "", &file, &expected, error);
    if (status != CLM_OK)
        return status;
    if (expected > limit) {
        status =
            clm_fail(error, CLM_ERROR_FORMAT,
                     "%s: has %zu bytes, more than the %zu that such a file may have", path, expected, limit);
        goto cleanup;
    }
    content = malloc(expected + 1);
    if (!content) {
        status = clm_fail_host_memory(error, path, expected + 1);
        goto cleanup;
    }
    while (filled < expected) {
        const ssize_t got = read(file, content + filled, expected - filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            status = clm_fail(error, CLM_ERROR_IO, "%s: cannot be read after byte %zu of %zu: %s", path,
                              filled, expected, got ? strerror(errno) : "it became shorter");
            goto cleanup;
        }
        filled += (size_t)got;
    }
    content[filled] = 0;
    *bytes = content;
    *size = filled;
    content = NULL;
cleanup:
    free(content);
    close(file);
    return status;
}

/* While other processes make and remove the same directories. */
#define TRIES_MOST 100

clm_status directory_make(const char *path, size_t *made, struct clm_error *error)
{
    clm_status status = CLM_OK;
    struct stat about;
    size_t first = 0, tries = 0;
    char *partial = strdup(path);
    if (made)
        *made = 0;
    if (!partial)
        return clm_fail_host_memory(error, path, strlen(path) + 1);
    if (!*path) {
        status = clm_fail(error, CLM_ERROR_IO, "the name of a directory is empty; name one");
        goto cleanup;
    }
    for (char *at = partial + 1; status == CLM_OK; at++) {
        const char end = *at;
        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        const bool is_made = mkdir(partial, 0777) == 0;
        const int reason = is_made ? 0 : errno;
        const bool is_dot = at[-1] == '.' && (at - 1 == partial || at[-2] == '/');
        const bool is_named = at[-1] != '/' && !is_dot;
        if (is_made && !first)
            first = (size_t)(at - partial);
        else if (reason == EEXIST && is_named) /* ".." led to a directory that is not ours */
            first = 0;
        if (reason == ENOENT && at > partial + 1 && tries++ < TRIES_MOST) {
            *at = end;
            at = partial; /* from the beginning: another process has removed what was there */
            first = 0;
            continue;
        }
        if (!is_made && reason != EEXIST)
            status = clm_fail(error, CLM_ERROR_IO, "%s: the directory cannot be made: %s", partial,
                              strerror(reason));
        *at = end;
        if (end)
            continue;
        if (status != CLM_OK || !stat(path, &about) || errno != ENOENT || tries++ >= TRIES_MOST)
            break;
        at = partial; /* removed before it was looked at */
        first = 0;
    }
    if (status == CLM_OK && stat(path, &about))
        status = clm_fail(error, CLM_ERROR_IO, "%s: cannot be looked at: %s", path, strerror(errno));
    else if (status == CLM_OK && !S_ISDIR(about.st_mode))
        status = clm_fail(error, CLM_ERROR_IO, "%s: is not a directory", path);
    if (status != CLM_OK)
        directory_unmake(path, first);
    else if (made)
        *made = first;
cleanup:
    free(partial);
    return status;
}

void directory_unmake(const char *path, size_t made)
{
    char *const partial = made ? strdup(path) : NULL;
    size_t length = partial ? strlen(partial) : 0;
    while (made && length >= made) {
        while (length > made && partial[length - 1] == '/')
            length--;
        partial[length] = '\0';
        /* a path that directory_make did not reach does not exist; its parent may */
        if (rmdir(partial) && (errno == ENOTEMPTY || errno == EEXIST))
            break;
        while (length && partial[length - 1] != '/')
            length--;
    }
    free(partial);
}

bool file_write_all(int file, const unsigned char *bytes, size_t size)
{
    while (size) {
        const ssize_t written = write(file, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* A rename survives a crash only after its directory is synced. */
static void sync_directory_of(const char *path)
{
    char *copy = strdup(path);
    const int directory = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (directory >= 0) {
        fsync(directory);
        close(directory);
    }
    free(copy);
}

bool file_is_written_in_place(const char *path)
{
    struct stat about;
    const bool is_system = !strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6);
    if (is_system && !lstat(path, &about) && S_ISLNK(about.st_mode))
        return true;
    return !stat(path, &about) && !S_ISREG(about.st_mode);
}

clm_status replacement_begin(const char *path, struct replacement *out, struct clm_error *error)
{
    clm_status status = CLM_OK;
    *out = (struct replacement){.file = -1};
    if (file_is_written_in_place(path)) {
        out->target = strdup(path);
        out->file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    } else {
        /* if `path` is a link, replace the file that it leads to and keep the link */
        out->target = realpath(path, NULL);
        if (!out->target && errno == ENOENT)
            out->target = strdup(path);
        if (out->target && asprintf(&out->temporary, "%s.XXXXXX", out->target) < 0)
            out->temporary = NULL;
        if (out->temporary)
            out->file = mkstemp(out->temporary);
    }
    if (out->file < 0) {
        status = clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
        free(out->temporary);
        out->temporary = NULL;
        replacement_drop(out);
    }
    return status;
}

clm_status replacement_commit(struct replacement *replacement, struct clm_error *error)
{
    clm_status status = CLM_OK;
    const char *path = replacement->target;
    const bool is_new = replacement->temporary != NULL;
    if (is_new) {
        const mode_t mask = umask(0);
        umask(mask);
        if (fchmod(replacement->file, 0666 & ~mask) || fsync(replacement->file))
            status = clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    }
    const int closed = close(replacement->file);
    replacement->file = -1;
    if (status == CLM_OK && (closed || (is_new && rename(replacement->temporary, path))))
        status = clm_fail(error, CLM_ERROR_IO, "%s: cannot be replaced: %s", path, strerror(errno));
    if (status == CLM_OK && is_new) {
        free(replacement->temporary);
        replacement->temporary = NULL;
        sync_directory_of(path);
    }
    return status;
}

void replacement_drop(struct replacement *replacement)
{
    if (replacement->file >= 0)
        close(replacement->file);
    if (replacement->temporary)
        unlink(replacement->temporary);
    free(replacement->temporary);
    free(replacement->target);
    *replacement = (struct replacement){.file = -1};
}

clm_status clm_check_file(const char *path, struct clm_error *error)
{
    struct stat about;
    struct replacement replacement;
    const clm_status given = check_given(path, "path of a file", error);
    if (given != CLM_OK)
        return given;
    /* opening a pipe would wait for its reader */
    if (file_is_written_in_place(path) && !stat(path, &about) && !S_ISDIR(about.st_mode))
        return access(path, W_OK)
                   ? clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno))
                   : CLM_OK;
    const clm_status status = replacement_begin(path, &replacement, error);
    replacement_drop(&replacement);
    return status;
}

clm_status clm_write_file(const char *path, const void *bytes, size_t size, struct clm_error *error)
{
    struct replacement replacement;
    clm_status status = check_given(path, "path of a file", error);
    if (status != CLM_OK)
        return status;
    status = replacement_begin(path, &replacement, error);
    if (status == CLM_OK && !file_write_all(replacement.file, bytes, size))
        status = clm_fail(error, CLM_ERROR_IO, "%s: its %zu bytes cannot be written: %s", path, size,
                          strerror(errno));
    if (status == CLM_OK)
        status = replacement_commit(&replacement, error);
    replacement_drop(&replacement);
    return status;
}
