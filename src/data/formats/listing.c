#include "data/formats/listing.h"

#include "base/size.h"
#include "base/text.h"
#include "data/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CLASS_NAME_MAX 100 /* bytes */

/* Links are followed. */
static clm_status look(const char *path, bool *is_folder, struct clm_error *error)
{
    struct stat about;
    if (stat(path, &about))
        return clm_fail(error, CLM_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
    *is_folder = S_ISDIR(about.st_mode);
    return CLM_OK;
}

/* A path that does not exist, or a link that leads nowhere, is no directory. */
static clm_status is_folder(const char *path, bool *is_it, struct clm_error *error)
{
    struct stat about;
    const bool is_there = !stat(path, &about);
    *is_it = is_there && S_ISDIR(about.st_mode);
    return is_there || errno == ENOENT || errno == ENOTDIR
               ? CLM_OK
               : clm_fail(error, CLM_ERROR_IO, "%s: cannot be looked at: %s", path, strerror(errno));
}

clm_status listing_has_folder(const char *path, bool *has_folder, struct clm_error *error)
{
    struct listing listing = {0};
    clm_status status = is_folder(path, has_folder, error);
    if (status != CLM_OK || !*has_folder)
        return status;
    *has_folder = false;
    status = listing_read(path, is_shown, &listing, error);
    for (size_t i = 0; status == CLM_OK && i < listing.count && !*has_folder; i++)
        status = is_folder(listing.paths[i], has_folder, error);
    listing_free(&listing);
    return status;
}

static clm_status listing_check_name(const char *path, const char *name, struct clm_error *error)
{
    const size_t length = strlen(name);
    if (length <= CLASS_NAME_MAX && !has_control(name, length))
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_FORMAT,
        "%s: has a directory whose name cannot name a class: it has %zu bytes, and holds control characters or is longer than %d; rename it",
        path, length, CLASS_NAME_MAX);
}

clm_status listing_class_names(const char *path, char ***names, size_t *count, struct clm_error *error)
{
    struct listing listing;
    *names = NULL;
    *count = 0;
    clm_status status = listing_read(path, is_shown, &listing, error);
    if (status == CLM_OK && !(*names = calloc(listing.count + 1, sizeof **names)))
        status = clm_fail_host_memory(error, path, listing.count * sizeof **names);
    for (size_t i = 0; status == CLM_OK && i < listing.count; i++) {
        const char *const name = path_name(listing.paths[i]);
        bool is_folder = false;
        status = look(listing.paths[i], &is_folder, error);
        if (status == CLM_OK && is_folder)
            status = listing_check_name(path, name, error);
        if (status == CLM_OK && is_folder && !((*names)[(*count)++] = strdup(name)))
            status = clm_fail_host_memory(error, path, strlen(name));
    }
    if (status == CLM_OK && !*count)
        status =
            clm_fail(error, CLM_ERROR_FORMAT,
                     "%s: holds no directory; it must hold a directory of pictures for each class", path);
    listing_free(&listing);
    return status;
}

void pictures_free(struct pictures *pictures)
{
    for (size_t i = 0; i < pictures->count; i++)
        free(pictures->files[i].path);
    free(pictures->files);
    *pictures = (struct pictures){0};
}

static clm_status reserve(const char *path, size_t more, struct pictures *pictures, struct clm_error *error)
{
    size_t count, size = 0;
    if (!size_add(pictures->count, more, &count) || count > UINT32_MAX ||
        !size_mul(count, sizeof *pictures->files, &size))
        return clm_fail(error, CLM_ERROR_FORMAT, "%s: holds more pictures than can be numbered", path);
    return array_resize(&pictures->files, count, sizeof *pictures->files)
               ? CLM_OK
               : clm_fail_host_memory(error, path, size);
}

static clm_status add_class(const char *path, uint32_t label, struct pictures *pictures,
                            struct clm_error *error)
{
    struct listing listing;
    clm_status status = listing_read(path, is_shown, &listing, error);
    if (status == CLM_OK && !listing.count)
        status =
            clm_fail(error, CLM_ERROR_FORMAT,
                     "%s: is the directory of a class, but holds no picture; remove it or fill it", path);
    if (status == CLM_OK)
        status = reserve(path, listing.count, pictures, error);
    for (size_t i = 0; status == CLM_OK && i < listing.count; i++) {
        bool is_folder = false;
        status = look(listing.paths[i], &is_folder, error);
        if (status == CLM_OK && is_folder)
            status = clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: is a directory in the directory of a class, which may hold only pictures; move it or its files",
                listing.paths[i]);
        if (status == CLM_OK) {
            pictures->files[pictures->count++] = (struct picture_file){listing.paths[i], label};
            listing.paths[i] = NULL;
        }
    }
    listing_free(&listing);
    return status;
}

static bool listing_find_class(const char *name, const char *const *names, size_t count, uint32_t *label)
{
    for (size_t c = 0; c < count; c++) {
        if (!strcmp(names[c], name)) {
            *label = (uint32_t)c;
            return true;
        }
    }
    return false;
}

clm_status listing_find_pictures(const char *path, const char *const *names, size_t count,
                                 const struct clm_data_options *options, struct pictures *out,
                                 struct clm_error *error)
{
    struct listing listing;
    struct names_note note = {0};
    *out = (struct pictures){0};
    clm_status status = listing_read(path, is_shown, &listing, error);
    for (size_t i = 0; status == CLM_OK && i < listing.count; i++) {
        const char *const inner = listing.paths[i], *const name = path_name(inner);
        bool is_folder = false;
        uint32_t label = 0;
        status = look(inner, &is_folder, error);
        if (status == CLM_OK && is_folder && !listing_find_class(name, names, count, &label))
            status = clm_fail(
                error, CLM_ERROR_FORMAT,
                "%s: the training set has no class of that name; rename the directory or remove it", inner);
        if (status == CLM_OK && is_folder)
            status = add_class(inner, label, out, error);
        if (status == CLM_OK && !is_folder && !is_about_data(name))
            note_name(&note, name);
    }
    listing_free(&listing);
    if (status == CLM_OK)
        note_unused(&note, path, options);
    else
        pictures_free(out);
    return status;
}

clm_status listing_find_unsorted(const char *path, const struct clm_data_options *options,
                                 struct pictures *out, struct clm_error *error)
{
    struct listing listing;
    struct names_note note = {0};
    *out = (struct pictures){0};
    clm_status status = listing_read(path, is_shown, &listing, error);
    if (status == CLM_OK)
        status = reserve(path, listing.count + 1, out, error);
    for (size_t i = 0; status == CLM_OK && i < listing.count; i++) {
        const char *const name = path_name(listing.paths[i]);
        bool is_folder = false;
        status = look(listing.paths[i], &is_folder, error);
        if (status == CLM_OK && is_folder) {
            note_name(&note, name);
        } else if (status == CLM_OK && !is_about_data(name)) {
            out->files[out->count++] = (struct picture_file){listing.paths[i], CLM_NO_LABEL};
            listing.paths[i] = NULL;
        }
    }
    listing_free(&listing);
    if (status == CLM_OK && !out->count)
        status = clm_fail(error, CLM_ERROR_FORMAT, "%s: holds no picture; name another directory", path);
    if (status == CLM_OK)
        note_unused(&note, path, options);
    else
        pictures_free(out);
    return status;
}
