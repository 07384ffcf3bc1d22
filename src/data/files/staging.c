#include "data/files/staging.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Removes slashes at the end. If `path` is a link, returns the path that it leads to. */
static char *find_target(const char *path)
{
    char *target = realpath(path, NULL);
    if (!target && errno == ENOENT)
        target = strdup(path);
    for (size_t length = target ? strlen(target) : 0; length > 1 && target[length - 1] == '/'; length--)
        target[length - 1] = '\0';
    return target;
}

clm_status staging_begin(const char *target, struct staging *out, struct clm_error *error)
{
    clm_status status = CLM_OK;
    *out = (struct staging){.target = find_target(target)};
    char *copy = out->target ? strdup(out->target) : NULL, *path = NULL;
    out->above = copy ? strdup(dirname(copy)) : NULL;
    if (!out->above || asprintf(&path, "%s.XXXXXX", out->target) < 0) {
        path = NULL;
        status = clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", target, strerror(errno));
        goto cleanup;
    }
    status = directory_make(out->above, &out->made, error);
    if (status == CLM_OK && !mkdtemp(path))
        status =
            clm_fail(error, CLM_ERROR_IO, "%s: the directory cannot be made: %s", target, strerror(errno));
    if (status == CLM_OK) {
        out->path = path;
        path = NULL;
    }
cleanup:
    free(copy);
    free(path);
    if (status != CLM_OK)
        staging_drop(out);
    return status;
}

static int staging_is_name(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

/* Calls on_name for each name in the directory until it returns false. Returns false if it did, or if the
 * directory cannot be read. */
static bool each_name(const char *path, bool (*on_name)(int directory, const char *name, const void *user),
                      const void *user)
{
    struct dirent **entries = NULL;
    const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
              count =
                  directory < 0 ? -1 : scandirat(directory, ".", &entries, staging_is_name, listing_compare);
    bool goes_on = count >= 0;
    for (int i = 0; i < count; i++) {
        goes_on = goes_on && on_name(directory, entries[i]->d_name, user);
        free(entries[i]);
    }
    free(entries);
    if (directory >= 0)
        close(directory);
    return goes_on;
}

static bool is_known_file(int directory, const char *name, const void *user)
{
    struct stat about;
    for (const char *const *known = user; known && *known; known++)
        if (!strcmp(*known, name))
            return !fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) && S_ISREG(about.st_mode);
    return false;
}

static bool remove_known_file(int directory, const char *name, const void *user)
{
    return is_known_file(directory, name, user) && !unlinkat(directory, name, 0);
}

bool staging_holds_only(const char *path, const char *const *names)
{
    return each_name(path, is_known_file, names);
}

bool staging_is_free(const char *path)
{
    struct stat about;
    if (lstat(path, &about))
        return errno == ENOENT || errno == ENOTDIR;
    return staging_holds_only(path, NULL);
}

/* Removes the directory that was replaced. On failure errno says why. */
static bool remove_replaced(const char *path, const char *const *names)
{
    errno = ENOTEMPTY; /* the reason if a file with another name has appeared */
    return each_name(path, remove_known_file, names) && !rmdir(path);
}

clm_status staging_commit(struct staging *staging, const char *const *names, struct clm_error *error)
{
    clm_status status = CLM_OK;
    struct stat about;
    const mode_t mask = umask(0);
    umask(mask);
    const int directory = open(staging->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_safe = directory >= 0 && !fchmod(directory, 0777 & ~mask) && !syncfs(directory);
    const int code = errno;
    if (directory >= 0)
        close(directory);
    if (!is_safe)
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be written: %s", staging->target, strerror(code));
    const bool is_exchanged = !stat(staging->target, &about) && !staging_is_free(staging->target);
    if (is_exchanged && !staging_holds_only(staging->target, names))
        return clm_fail(
            error, CLM_ERROR_IO,
            "%s: holds other files than such a data set; remove it first, or name another directory",
            staging->target);
    if (is_exchanged ? renameat2(AT_FDCWD, staging->path, AT_FDCWD, staging->target, RENAME_EXCHANGE)
                     : rename(staging->path, staging->target))
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be replaced: %s; remove it first, or name another",
                        staging->target, strerror(errno));
    if (is_exchanged && !remove_replaced(staging->path, names))
        status = clm_fail(
            error, CLM_ERROR_IO,
            "%s: is written, but the old directory is still there as %s, because it cannot be removed: %s",
            staging->target, staging->path, strerror(errno));
    free(staging->path);
    staging->path = NULL;
    staging->made = 0;
    return status;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

void staging_drop(struct staging *staging)
{
    if (staging->path) /* its name is random, so nothing else uses it */
        nftw(staging->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (staging->above)
        directory_unmake(staging->above, staging->made);
    free(staging->path);
    free(staging->above);
    free(staging->target);
    *staging = (struct staging){0};
}
