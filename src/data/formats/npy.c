#include "data/formats/npy.h"

#include "base/file.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const npy_pairs[2][9][2] = {
    {{"x_test", "y_test"}, {"X_test", "y_test"}, {"X_test", "Y_test"}, {"test_images", "test_labels"}},
    {{"x", "y"},
     {"X", "y"},
     {"X", "Y"},
     {"x_train", "y_train"},
     {"X_train", "y_train"},
     {"X_train", "Y_train"},
     {"images", "labels"},
     {"train_images", "train_labels"}}};

static clm_status npy_open(void *user, const char *path, bool are_labels, struct stream **out,
                           struct array_header *header, struct clm_error *error)
{
    (void)user;
    (void)are_labels;
    const clm_status status = stream_open(path, out, error);
    return status == CLM_OK ? npy_read_header(*out, header, error) : status;
}

/* Finds "DIRECTORY/NAME", or that with ".npy", which may be compressed. */
static bool find_array(const char *directory, const char *name, char **out)
{
    return find_variant(directory, name, (const char *const[]){"", NULL},
                        (const char *const[]){"", ".npy", ".npy.gz", ".npy.bz2", ".npy.xz", ".npy.zst", NULL},
                        out);
}

/* Finds the first pair whose files both exist; both are NULL if there is none. */
static bool find_pair(const char *directory, bool is_train, char **inputs, char **labels)
{
    *inputs = *labels = NULL;
    for (const char *const(*pair)[2] = npy_pairs[is_train]; **pair; pair++) {
        if (!find_array(directory, (*pair)[0], inputs) || !find_array(directory, (*pair)[1], labels))
            return false;
        if (*inputs && *labels)
            return true;
        free(*inputs);
        free(*labels);
        *inputs = *labels = NULL;
    }
    return true;
}

static clm_status npy_recognises_directory(const char *path, bool *is_it, struct clm_error *error)
{
    char *inputs, *labels;
    bool has_memory = true;
    *is_it = false;
    for (int i = 0; has_memory && !*is_it && i < 2; i++) {
        has_memory = find_pair(path, !i, &inputs, &labels);
        *is_it = inputs && labels;
        free(inputs);
        free(labels);
    }
    return has_memory ? CLM_OK : clm_fail_host_memory(error, path, strlen(path));
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

/* Finds the pair of a directory, by the options or by the usual names. */
static clm_status find_in_directory(const char *path, const struct clm_data_options *options, bool is_train,
                                    char **inputs, char **labels, struct clm_error *error)
{
    clm_status status = CLM_OK;
    if (options->inputs && is_train) {
        if ((status = npy_find_named(path, options->inputs, "inputs", inputs, error)) == CLM_OK &&
            options->label)
            status = npy_find_named(path, options->label, "label", labels, error);
        if (status == CLM_OK && !options->label)
            status = clm_fail_setting(
                error, CLM_ERROR_ARGUMENT, "label",
                "%s: the array of the inputs is named, and that of their labels is not; name both", path);
        return status;
    }
    if (!find_pair(path, is_train, inputs, labels))
        return clm_fail_host_memory(error, path, strlen(path));
    if (options->label && is_train && *labels) {
        free(*labels);
        status = npy_find_named(path, options->label, "label", labels, error);
    }
    return status;
}

/* Reads the training or test set of a directory. */
static clm_status npy_read_directory(const char *path, bool is_train, const struct request *request,
                                     struct contents *out, struct clm_error *error)
{
    char *inputs = NULL, *labels = NULL;
    clm_status status = find_in_directory(path, request->options, is_train, &inputs, &labels, error);
    if (status == CLM_OK && inputs)
        status = array_read_pair(npy_open, NULL, inputs, labels, request, is_train, out, error);
    free(inputs);
    free(labels);
    return status;
}

/* The name of the labels for inputs called `name`: with y for x, or labels for images. NULL if the name has
 * neither, or if there is no memory (*has_memory is false). */
static char *labels_name(const char *name, const char *capital, bool *has_memory)
{
    static const char *const words[] = {"images", "inputs", "features"};
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

static clm_status npy_read_single(const char *path, const struct request *request, struct contents *out,
                                  struct clm_error *error)
{
    char *copy, *labels = NULL;
    if (request->options->inputs && !request->is_test)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "inputs",
            "%s: is one array, but the inputs' array is named as one of several; leave that out", path);
    if (!(copy = strdup(path)))
        return clm_fail_host_memory(error, path, strlen(path) + 1);
    const char *const directory = dirname(copy);
    /* the option names the training set's labels; a test set's are beside it */
    clm_status status = request->options->label && !request->is_test
                            ? npy_find_named(directory, request->options->label, "label", &labels, error)
                            : find_beside(directory, path_name(path), path, &labels, error);
    if (status == CLM_OK)
        status = array_read_pair(npy_open, NULL, path, labels, request, true, out, error);
    free(copy);
    free(labels);
    return status;
}

static clm_status read_npy(const char *path, bool is_directory, const struct request *request,
                           struct contents *out, struct clm_error *error)
{
    clm_status status = CLM_OK;
    if (!is_directory)
        return request->wanted & READ_TRAIN ? npy_read_single(path, request, out, error) : CLM_OK;
    if (request->wanted & READ_TRAIN)
        status = npy_read_directory(path, true, request, out, error);
    if (status == CLM_OK && request->wanted & READ_TEST)
        status = npy_read_directory(path, false, request, out, error);
    return status;
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
