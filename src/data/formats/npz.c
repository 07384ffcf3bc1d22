/* NPZ: a zip archive of NumPy's arrays, stored or deflated, as np.savez and np.savez_compressed write it.
 * Options name the arrays, or they have usual names such as x and y; see array_name.h. */
#include "data/format.h"

#include "base/file.h"
#include "base/size.h"
#include "base/text.h"
#include "data/files/compression.h"
#include "data/files/zip.h"
#include "data/formats/array_name.h"
#include "data/formats/npy.h"
#include "data/formats/npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 1000

void npz_file_close(struct npz_file *file)
{
    zip_close(file->zip);
    file->zip = NULL;
}

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

static size_t index_of(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (!strcmp(names->at[i], name))
            return i;
    return NOT_CHOSEN;
}

/* Fails unless the archive holds one array. */
static clm_status check_only(const char *path, struct clm_error *error)
{
    struct names *const names = malloc(sizeof *names);
    if (!names)
        return clm_fail_host_memory(error, path, sizeof *names);
    clm_status status = npz_list_names(path, names, error);
    if (status == CLM_OK && names->count != 1)
        status = clm_fail(error, CLM_ERROR_FORMAT,
                          "%s: holds %zu arrays, but beside another file it may hold only one; name it alone",
                          path, names->count);
    free(names);
    return status;
}

clm_status npz_open_array(struct npz_file *file, const char *path, const char *name, struct stream **out,
                          struct array_header *header, struct clm_error *error)
{
    const struct zip_member *entry = NULL;
    char found[64], *whole = NULL;
    npz_file_close(file);
    clm_status status = name ? CLM_OK : check_only(path, error);
    if (status == CLM_OK)
        status = zip_open(path, &file->zip, error);
    do {
        if (status == CLM_OK)
            status = npz_next(file->zip, found, sizeof found, &entry, error);
    } while (status == CLM_OK && entry && name && strcmp(found, name));
    if (status != CLM_OK)
        return status;
    if (!entry) /* it existed when the names were listed */
        return clm_fail(error, CLM_ERROR_IO, "%s: changed while it was read; try again", path);
    if (asprintf(&whole, "%s: %s", path, found) < 0)
        return clm_fail_host_memory(error, path, strlen(path) + sizeof found);
    status = entry->is_encrypted
                 ? clm_fail(error, CLM_ERROR_FORMAT, "%s: is encrypted; write it without a password", whole)
                 : stream_of(whole, entry->bytes, entry->is_exact, npz_read_entry, file, out, error);
    free(whole);
    return status == CLM_OK ? npy_read_header(*out, header, error) : status;
}

/* What is read from an archive: its arrays, and maybe labels from a file beside it. */
struct npz_reading {
    struct npz_file file; /* of the array that is open */
    const char *path;
    struct names *names;
    struct array_choice choice;
    char *labels_beside; /* path, owned */
};

/* An array_opener. */
static clm_status npz_open(void *user, const char *name, bool are_labels, struct stream **out,
                           struct array_header *header, struct clm_error *error)
{
    struct npz_reading *const reading = user;
    return are_labels && name == reading->labels_beside
               ? npy_open(&reading->file, name, are_labels, out, header, error)
               : npz_open_array(&reading->file, reading->path, name, out, header, error);
}

static clm_status fail_names(const char *path, const struct names *names, const char *wanted,
                             struct clm_error *error)
{
    struct names_note list = {0};
    for (size_t i = 0; i < names->count; i++)
        note_name(&list, names->at[i]);
    return clm_fail_setting(
        error, CLM_ERROR_FORMAT, "inputs label",
        "%s: holds no %.100s; its arrays are: %s; name those of the inputs and the labels", path, wanted,
        names->count ? list.list : "none");
}

/* np.savez without names calls its arrays arr_0, arr_1, …: one is the inputs, two are inputs and labels. */
static void choose_nameless(struct npz_reading *reading, const struct array_name *parsed,
                            const struct request *request)
{
    const struct names *const names = reading->names;
    const size_t first = index_of(names, "arr_0"), second = index_of(names, "arr_1");
    if (reading->choice.inputs[CLM_TRAIN] != NOT_CHOSEN || !names->count || names->count > 2)
        return;
    if (names->count == 1 && parsed[0].role != ROLE_LABELS) {
        reading->choice.inputs[CLM_TRAIN] = 0;
    } else if (first != NOT_CHOSEN && second != NOT_CHOSEN) {
        reading->choice.inputs[CLM_TRAIN] = first;
        reading->choice.labels[CLM_TRAIN] = second;
        data_note(request->options, "", "%s: arr_0 is taken for the inputs, and arr_1 for the labels",
                  reading->path);
    }
}

/* Takes an array that the options name, for the training set. */
static clm_status choose_named(const struct npz_reading *reading, const char *name, size_t *index,
                               struct clm_error *error)
{
    *index = index_of(reading->names, name);
    return *index == NOT_CHOSEN ? fail_names(reading->path, reading->names, name, error) : CLM_OK;
}

/* Labels by any usual name, for inputs that the options name. */
static size_t any_labels(const struct array_name *parsed, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parsed[i].role == ROLE_LABELS && parsed[i].part == CLM_TRAIN)
            return i;
    return NOT_CHOSEN;
}

static clm_status choose_training(struct npz_reading *reading, const struct array_name *parsed,
                                  const struct request *request, struct clm_error *error)
{
    const struct clm_data_options *const options = request->options;
    const struct names *const names = reading->names;
    size_t *const inputs = reading->choice.inputs + CLM_TRAIN, *const labels =
                                                                   reading->choice.labels + CLM_TRAIN;
    const bool has_inputs = options->inputs && index_of(names, options->inputs) != NOT_CHOSEN;
    /* labels that are no array of the archive are those of a file */
    const bool has_labels =
        label_asked(options) && (names->count > 1 || index_of(names, label_asked(options)) != NOT_CHOSEN);
    clm_status status = CLM_OK;
    if (has_inputs && (status = choose_named(reading, options->inputs, inputs, error)))
        return status;
    if (has_inputs && *labels == NOT_CHOSEN)
        *labels = any_labels(parsed, names->count);
    return has_labels ? choose_named(reading, label_asked(options), labels, error) : CLM_OK;
}

static clm_status npz_choose(struct npz_reading *reading, const struct request *request,
                             struct clm_error *error)
{
    const struct names *const names = reading->names;
    const bool is_first = !request->is_test;
    const char *const wished = is_first ? request->options->inputs : NULL;
    struct array_name *const parsed = calloc(names->count + 1, sizeof *parsed);
    if (!parsed)
        return clm_fail_host_memory(error, reading->path, names->count * sizeof *parsed);
    bool is_set = false;
    for (size_t i = 0; i < names->count; i++) {
        parsed[i] = array_name_of(names->at[i], strlen(names->at[i]));
        is_set |= wished && parsed[i].role == ROLE_INPUTS && !strcmp(parsed[i].set, wished);
    }
    const bool is_array = wished && index_of(names, wished) != NOT_CHOSEN;
    clm_status status = wished && !is_array && !is_set
                            ? fail_names(reading->path, names, wished, error)
                            : array_names_choose(reading->path, parsed, names->count,
                                                 is_array ? NULL : wished, &reading->choice, error);
    if (status == CLM_OK)
        choose_nameless(reading, parsed, request);
    if (status == CLM_OK && is_first)
        status = choose_training(reading, parsed, request, error);
    free(parsed);
    return status;
}

/* Finds the labels of a training set whose archive has none: in a file beside it, or nowhere. */
static clm_status npz_find_labels(struct npz_reading *reading, const struct request *request,
                                  struct clm_error *error)
{
    const struct names *const names = reading->names;
    if (reading->choice.inputs[CLM_TRAIN] == NOT_CHOSEN)
        return fail_names(reading->path, names,
                          label_asked(request->options) ? "inputs of a usual name"
                                                        : "x and y, nor x_train and y_train, nor the like",
                          error);
    if (reading->choice.labels[CLM_TRAIN] != NOT_CHOSEN)
        return CLM_OK;
    if (names->count == 1)
        return npy_find_labels(reading->path, request, &reading->labels_beside, error);
    return request->options->labels_optional
               ? CLM_OK
               : fail_names(reading->path, names, "labels of a usual name", error);
}

static clm_status npz_read_part(struct npz_reading *reading, enum clm_part part,
                                const struct request *request, struct contents *out, struct clm_error *error)
{
    const struct names *const names = reading->names;
    const size_t inputs = reading->choice.inputs[part], labels = reading->choice.labels[part];
    const char *const beside = part == CLM_TRAIN ? reading->labels_beside : NULL;
    if (inputs == NOT_CHOSEN)
        return CLM_OK;
    if (labels == NOT_CHOSEN && !beside && !request->options->labels_optional) {
        data_note(request->options, "", "%s: %s is not used, because there are no labels for it",
                  reading->path, names->at[inputs]);
        return CLM_OK;
    }
    const clm_status status =
        array_read_pair(npz_open, reading, names->at[inputs],
                        labels == NOT_CHOSEN ? beside : names->at[labels], request, part, out, error);
    npz_file_close(&reading->file);
    return status;
}

static void note_arrays(const struct npz_reading *reading, const struct request *request)
{
    struct names_note note = {0};
    for (size_t i = 0; i < reading->names->count; i++)
        if (!is_chosen(&reading->choice, i))
            note_name(&note, reading->names->at[i]);
    note_unused(&note, reading->path, request->options);
}

static clm_status read_archive(const char *path, const struct request *request, struct contents *out,
                               struct clm_error *error)
{
    struct npz_reading reading = {.path = path, .names = malloc(sizeof *reading.names)};
    if (!reading.names)
        return clm_fail_host_memory(error, path, sizeof *reading.names);
    clm_status status = npz_list_names(path, reading.names, error);
    if (status == CLM_OK)
        status = npz_choose(&reading, request, error);
    if (status == CLM_OK && request->wanted & READ_TRAIN)
        status = npz_find_labels(&reading, request, error);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        if (request->wanted & read_of((enum clm_part)part))
            status = npz_read_part(&reading, (enum clm_part)part, request, out, error);
    if (status == CLM_OK && request->wanted & READ_TRAIN)
        note_arrays(&reading, request);
    free(reading.labels_beside);
    free(reading.names);
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
