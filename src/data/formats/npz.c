/* NPZ: a zip archive of NumPy's arrays, stored or deflated, as np.savez and np.savez_compressed write it.
 * Options name the arrays, or they have usual names such as x and y; see the pairs in npy.h. */
#include "data/format.h"

#include "base/file.h"
#include "base/size.h"
#include "base/text.h"
#include "data/files/compression.h"
#include "data/files/zip.h"
#include "data/formats/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 1000

struct npz_file {
    const char *path;
    struct zip *zip;
};

/* Puts the next array's name, without .npy, into `name`. *entry is NULL after the last array. */
static clm_status npz_next(struct zip *zip, char *name, size_t size, const struct zip_member **entry,
                           struct clm_error *error)
{
    for (;;) {
        const clm_status status = zip_next(zip, entry, error);
        if (status != CLM_OK || !*entry)
            return status;
        const char *const path = (*entry)->name;
        const size_t length = strlen(path) - 4;
        if (!has_ending(path, ".npy") || length >= size)
            continue;
        memcpy(name, path, length);
        name[length] = '\0';
        return CLM_OK;
    }
}

static clm_status npz_read_entry(void *from, void *bytes, size_t size, size_t *got, struct clm_error *error)
{
    const struct npz_file *const file = from;
    return zip_read(file->zip, bytes, size, got, error);
}

/* The names of all arrays in the archive. */
struct names {
    size_t count;
    char at[NAMES_MAX][64];
};

static clm_status npz_list_names(const char *path, struct names *names, struct clm_error *error)
{
    struct zip *zip = NULL;
    const struct zip_member *entry = NULL;
    names->count = 0;
    clm_status status = zip_open(path, &zip, error);
    while (status == CLM_OK && names->count < NAMES_MAX &&
           (status = npz_next(zip, names->at[names->count], sizeof *names->at, &entry, error)) == CLM_OK &&
           entry)
        names->count++;
    zip_close(zip);
    return status;
}

static bool has_name(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (!strcmp(names->at[i], name))
            return true;
    return false;
}

/* Finds the array called `name` in the archive, which is opened again for it. */
static clm_status npz_open(void *user, const char *name, bool are_labels, struct stream **out,
                           struct array_header *header, struct clm_error *error)
{
    struct npz_file *const file = user;
    const char *const path = file->path;
    const struct zip_member *entry = NULL;
    char found[64], *whole = NULL;
    (void)are_labels;
    zip_close(file->zip);
    clm_status status = zip_open(path, &file->zip, error);
    do {
        if (status == CLM_OK)
            status = npz_next(file->zip, found, sizeof found, &entry, error);
    } while (status == CLM_OK && entry && strcmp(found, name));
    if (status != CLM_OK)
        return status;
    if (!entry) /* it existed when the names were listed */
        return clm_fail(error, CLM_ERROR_IO, "%s: changed while it was read; try again", path);
    if (asprintf(&whole, "%s: %s", path, name) < 0)
        return clm_fail_host_memory(error, path, strlen(path) + sizeof found);
    status = entry->is_encrypted
                 ? clm_fail(error, CLM_ERROR_FORMAT, "%s: is encrypted; write it without a password", whole)
                 : stream_of(whole, entry->bytes, entry->is_exact, npz_read_entry, file, out, error);
    free(whole);
    return status == CLM_OK ? npy_read_header(*out, header, error) : status;
}

static clm_status fail_names(const char *path, const struct names *names, const char *wanted,
                             struct clm_error *error)
{
    char list[512] = "none";
    for (size_t i = 0, used = 0; i < names->count && used < sizeof list; i++) {
        char shown[64];
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 text_show(shown, sizeof shown, names->at[i], strlen(names->at[i])));
    }
    return clm_fail_setting(
        error, CLM_ERROR_FORMAT, "inputs label",
        "%s: holds no %.100s; its arrays are: %s; name those of the inputs and the labels", path, wanted,
        list);
}

/* Chooses the names of inputs and labels; both are NULL if there is no such set. */
static clm_status npz_choose(const char *path, const struct names *names,
                             const struct clm_data_options *options, bool is_train, const char **inputs,
                             const char **labels, struct clm_error *error)
{
    const bool is_named = is_train && (options->inputs || options->label);
    *inputs = is_train ? options->inputs : NULL;
    *labels = is_train ? options->label : NULL;
    for (const char *const(*pair)[2] = npy_pairs[is_train]; (!*inputs || !*labels) && **pair; pair++) {
        const char *x = *inputs ? *inputs : (*pair)[0], *y = *labels ? *labels : (*pair)[1];
        if (has_name(names, x) && has_name(names, y)) {
            *inputs = x;
            *labels = y;
        }
    }
    if (*inputs && *labels && has_name(names, *inputs) && has_name(names, *labels))
        return CLM_OK;
    if (is_named && *inputs && !has_name(names, *inputs))
        return fail_names(path, names, *inputs, error);
    if (is_named && *labels && !has_name(names, *labels))
        return fail_names(path, names, *labels, error);
    if (is_named)
        return fail_names(path, names, *inputs ? "labels of a usual name" : "inputs of a usual name", error);
    *inputs = *labels = NULL;
    return CLM_OK;
}

static clm_status read_set(const char *path, const struct names *names, const struct request *request,
                           bool is_train, struct contents *out, struct clm_error *error)
{
    const char *inputs, *labels;
    struct npz_file file = {.path = path};
    clm_status status = npz_choose(path, names, request->options, is_train, &inputs, &labels, error);
    if (status != CLM_OK || !inputs)
        return status;
    status = array_read_pair(npz_open, &file, inputs, labels, request, is_train, out, error);
    zip_close(file.zip);
    return status;
}

static clm_status read_archive(const char *path, const struct request *request, struct contents *out,
                               struct clm_error *error)
{
    struct names *names = malloc(sizeof *names);
    if (!names)
        return clm_fail_host_memory(error, path, sizeof *names);
    clm_status status = npz_list_names(path, names, error);
    if (status == CLM_OK && request->wanted & READ_TRAIN)
        status = read_set(path, names, request, true, out, error);
    if (status == CLM_OK && request->wanted & READ_TRAIN && !out->train.rows)
        status = fail_names(path, names, "x and y, nor x_train and y_train, nor the like", error);
    if (status == CLM_OK && request->wanted & READ_TEST)
        status = read_set(path, names, request, false, out, error);
    free(names);
    return status;
}

static int is_npz(const struct dirent *entry)
{
    return has_ending(entry->d_name, ".npz");
}

/* Finds the only file of a directory whose name ends with .npz. *only is NULL if there is none, or
 * several. */
static clm_status find_only(const char *directory, char **only, struct clm_error *error)
{
    struct listing found;
    const clm_status status = listing_read(directory, is_npz, &found, error);
    *only = NULL;
    if (found.count == 1) {
        *only = found.paths[0];
        found.paths[0] = NULL;
    }
    listing_free(&found);
    return status;
}

static clm_status npz_recognises_directory(const char *path, bool *is_it, struct clm_error *error)
{
    char *only = NULL;
    const clm_status status = find_only(path, &only, error);
    *is_it = only != NULL;
    free(only);
    return status;
}

static clm_status read_npz(const char *path, bool is_directory, const struct request *request,
                           struct contents *out, struct clm_error *error)
{
    if (!is_directory)
        return read_archive(path, request, out, error);
    char *only = NULL;
    clm_status status = find_only(path, &only, error);
    if (status == CLM_OK && !only)
        status = clm_fail(error, CLM_ERROR_FORMAT,
                          "%s: the directory holds no .npz, or several; name the file", path);
    if (status == CLM_OK)
        status = read_archive(only, request, out, error);
    free(only);
    return status;
}

/* True for a zip archive that was not unpacked, because it holds arrays. */
static bool npz_recognises_file(const struct file_head *head)
{
    return !head->is_compressed && compression_of(head->bytes, head->count) == COMPRESSED_ZIP;
}

const struct format npz_format = {
    .name = "npz",
    .takes = TAKES_INPUTS | TAKES_LABEL,
    .recognises_file = npz_recognises_file,
    .recognises_directory = npz_recognises_directory,
    .read = read_npz,
};
