#include "data/formats/npy.h"

#include "base/file.h"
#include "base/text.h"
#include "data/files/compression.h"
#include "data/formats/array_files.h"
#include "data/formats/npz.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

clm_status npy_open(void *user, const char *path, bool are_labels, struct stream **out,
                    struct array_header *header, struct clm_error *error)
{
    struct npz_file *const archive = user;
    unsigned char magic[COMPRESSION_MAGIC_MAX];
    struct raw_file file;
    size_t count = 0;
    (void)are_labels;
    clm_status status = raw_file_open(path, &file, error);
    if (status == CLM_OK)
        status = raw_file_read(&file, magic, sizeof magic, 0, &count, error);
    raw_file_close(&file);
    if (status == CLM_OK && compression_of(magic, count) == COMPRESSED_ZIP)
        return npz_open_array(archive, path, NULL, out, header, error);
    if (status == CLM_OK)
        status = stream_open(path, out, error);
    return status == CLM_OK ? npy_read_header(*out, header, error) : status;
}

/* Finds "DIRECTORY/NAME", or that with ".npy", which may be compressed, or ".npz". */
static bool find_array(const char *directory, const char *name, char **out)
{
    return find_variant(
        directory, name, (const char *const[]){"", NULL},
        (const char *const[]){"", ".npy", ".npy.gz", ".npy.bz2", ".npy.xz", ".npy.zst", ".npz", NULL}, out);
}

/* What precedes .npy, which may be compressed. */
static size_t npy_stem(const char *name)
{
    const size_t length = compressed_stem(name);
    return length > 4 && !strncmp(name + length - 4, ".npy", 4) ? length - 4 : 0;
}

/* Also what precedes .npz. */
static size_t array_file_stem(const char *name)
{
    return has_ending(name, ".npz") ? strlen(name) - 4 : npy_stem(name);
}

/* A single .npz holds a whole data set, whatever its name says. */
static clm_status npy_recognises_directory(const char *path, bool *is_it, struct clm_error *error)
{
    bool is_alone = false;
    clm_status status = array_files_recognise(path, npy_stem, is_it, error);
    if (status != CLM_OK || *is_it)
        return status;
    status = npz_format.recognises_directory(path, &is_alone, error);
    return status == CLM_OK && !is_alone ? array_files_recognise(path, array_file_stem, is_it, error)
                                         : status;
}

/* Finds the file that an option names, in the directory or as a path. */
static clm_status npy_find_named(const char *directory, const char *name, const char *setting, char **out,
                                 struct clm_error *error)
{
    const bool is_path = strchr(name, '/');
    bool has_memory = is_path ? (*out = strdup(name)) != NULL : find_array(directory, name, out);
    if (!has_memory)
        return clm_fail_host_memory(error, directory, strlen(directory) + strlen(name));
    if (*out)
        return CLM_OK;
    return clm_fail_setting(error, CLM_ERROR_IO, setting,
                            "%s: there is no %.200s in it, nor %.200s.npy; name another", directory, name,
                            name);
}

/* The training pair that the options name, in a directory; both are NULL if they name none. */
static clm_status npy_find_wished(const char *path, const struct request *request, char *found[2],
                                  struct clm_error *error)
{
    const struct clm_data_options *const options = request->options;
    clm_status status = CLM_OK;
    found[0] = found[1] = NULL;
    if (request->is_test)
        return CLM_OK;
    if (options->inputs && !strchr(options->inputs, '/') && !find_array(path, options->inputs, &found[0]))
        return clm_fail_host_memory(error, path, strlen(path));
    if (options->inputs && !found[0] && strchr(options->inputs, '/'))
        status = npy_find_named(path, options->inputs, "inputs", &found[0], error);
    if (status == CLM_OK && label_asked(options))
        status = npy_find_named(path, label_asked(options), "label", &found[1], error);
    if (status == CLM_OK && found[0] && !found[1] && !options->labels_optional)
        status = clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "label",
            "%s: the array of the inputs is named, and that of their labels is not; name both", path);
    return status;
}

/* Reads the training pair of which the options name at least one file. */
static clm_status npy_read_wished(const struct array_files *files, char *const found[2],
                                  const struct request *request, struct npz_file *archive,
                                  struct contents *out, struct clm_error *error)
{
    const char *const inputs = found[0] ? found[0] : array_files_path(files, files->choice.inputs[CLM_TRAIN]);
    if (!inputs)
        return clm_fail_setting(
            error, CLM_ERROR_FORMAT, "inputs",
            "%s: the labels are named, and no file has a name of inputs, such as x.npy; name both", found[1]);
    return array_read_pair(npy_open, archive, inputs, found[1], request, CLM_TRAIN, out, error);
}

static clm_status npy_read_directory(const char *path, const struct request *request, struct contents *out,
                                     struct clm_error *error)
{
    struct array_files files = {0};
    struct npz_file archive = {0};
    char *found[2] = {NULL, NULL};
    clm_status status = npy_find_wished(path, request, found, error);
    const bool is_wished = found[0] || found[1];
    /* a name that is no file's is that of a set */
    const char *const set = request->is_test || found[0] ? NULL : request->options->inputs;
    if (status == CLM_OK)
        status = array_files_find(path, array_file_stem, set, &files, error);
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++) {
        if (!(request->wanted & read_of((enum clm_part)part)))
            continue;
        status = part == CLM_TRAIN && is_wished
                     ? npy_read_wished(&files, found, request, &archive, out, error)
                     : array_files_read(&files, (enum clm_part)part, npy_open, &archive, "y_train.npy",
                                        request, out, error);
    }
    if (status == CLM_OK && request->wanted & READ_TRAIN)
        status =
            array_files_note_unused(path, &files, (const char *const[2]){found[0], found[1]}, request, error);
    npz_file_close(&archive);
    array_files_free(&files);
    free(found[0]);
    free(found[1]);
    return status;
}

/* The name of the labels for inputs called `name`: with y for x, or labels for images. NULL if the name has
 * neither, or if there is no memory (*has_memory is false). */
static char *labels_name(const char *name, const char *capital, bool *has_memory)
{
    static const char *const words[] = {"images", "inputs", "features", "imgs", "data"};
    const char *at = NULL, *other = "labels";
    size_t length = 0;
    char *out = NULL;
    for (size_t i = 0; !at && i < sizeof words / sizeof *words; i++) {
        at = strstr(name, words[i]);
        length = strlen(words[i]);
    }
    /* x.npy, x_train.npy, train_x.npy */
    for (const char *x = name; !at && *x; x++) {
        const bool begins = x == name || x[-1] == '_' || x[-1] == '-' || x[-1] == '.';
        if (begins && (*x == 'x' || *x == 'X') && strchr("_-.", x[1])) {
            at = x;
            length = 1;
            other = *x == 'X' ? capital : "y";
        }
    }
    *has_memory = !at || asprintf(&out, "%.*s%s%s", (int)(at - name), name, other, at + length) >= 0;
    return at && *has_memory ? out : NULL;
}

static clm_status find_beside(const char *directory, const char *name, const char *path, char **labels,
                              struct clm_error *error)
{
    static const char *const capitals[] = {"y", "Y"};
    char *wanted = NULL;
    bool has_memory = true;
    for (int i = 0; has_memory && !*labels && i < 2; i++) {
        free(wanted);
        wanted = labels_name(name, capitals[i], &has_memory);
        if (wanted)
            has_memory = find_array(directory, wanted, labels);
    }
    clm_status status = CLM_OK;
    if (!has_memory)
        status = clm_fail_host_memory(error, path, strlen(path));
    else if (!wanted)
        status = clm_fail_setting(
            error, CLM_ERROR_FORMAT, "label",
            "%s: its labels are looked for under its name with y for x or labels for images, and its name has neither; name their file",
            path);
    else if (!*labels)
        status = clm_fail_setting(error, CLM_ERROR_IO, "label",
                                  "%s: has no labels beside it: there is no %s/%s; name their file", path,
                                  directory, wanted);
    free(wanted);
    return status;
}

clm_status npy_find_labels(const char *path, const struct request *request, char **labels,
                           struct clm_error *error)
{
    const struct clm_data_options *const options = request->options;
    char *const copy = strdup(path);
    *labels = NULL;
    if (!copy)
        return clm_fail_host_memory(error, path, strlen(path) + 1);
    const char *const directory = dirname(copy);
    /* the option names the training set's labels; another set's are beside it */
    clm_status status = label_asked(options) && !request->is_test
                            ? npy_find_named(directory, label_asked(options), "label", labels, error)
                            : find_beside(directory, path_name(path), path, labels, error);
    if (status != CLM_OK && status != CLM_ERROR_MEMORY && options->labels_optional && !label_asked(options))
        status = CLM_OK;
    free(copy);
    return status;
}

static clm_status npy_read_single(const char *path, const struct request *request, struct contents *out,
                                  struct clm_error *error)
{
    struct npz_file archive = {0};
    char *labels = NULL;
    if (request->options->inputs && !request->is_test)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "inputs",
            "%s: is one array, but the inputs' array is named as one of several; leave that out", path);
    clm_status status = npy_find_labels(path, request, &labels, error);
    if (status == CLM_OK)
        status = array_read_pair(npy_open, &archive, path, labels, request, CLM_TRAIN, out, error);
    npz_file_close(&archive);
    free(labels);
    return status;
}

static clm_status read_npy(const char *path, bool is_directory, const struct request *request,
                           struct contents *out, struct clm_error *error)
{
    if (is_directory)
        return npy_read_directory(path, request, out, error);
    return request->wanted & READ_TRAIN ? npy_read_single(path, request, out, error) : CLM_OK;
}

static bool npy_recognises_file(const struct file_head *head)
{
    return head->count >= 6 && !memcmp(head->bytes, "\x93NUMPY", 6);
}

const struct format npy_format = {
    .name = "npy",
    .takes = TAKES_INPUTS | TAKES_LABEL,
    .maps = true,
    .recognises_file = npy_recognises_file,
    .recognises_directory = npy_recognises_directory,
    .read = read_npy,
};
