/* The formats that can be read. Each recognises its files and directories by their content. */
#ifndef CLM_DATA_FORMAT_H
#define CLM_DATA_FORMAT_H

#include "data/set.h"

#define FILE_HEAD_MAX 4096

/* The beginning of a file, decompressed. */
struct file_head {
    const char *path;
    unsigned char bytes[FILE_HEAD_MAX + 1]; /* then a NUL */
    size_t count;                           /* of `bytes`; fewer than FILE_HEAD_MAX if the file ends */
    size_t file_size;
    bool is_compressed;
};

/* What a reader is asked for. */
struct request {
    unsigned wanted; /* READ_TRAIN, READ_VALIDATION and READ_TEST, any of them */
    const struct clm_data_options *options;
    /* What rows become, as the training set or the model decided; NULL if this data decides. */
    const struct clm_inputs *inputs;
    bool is_test; /* of a training set that was read from another place, maybe in another format */
    /* Features and classes of the training set or the model that the data must fit; 0 and NULL if there
     * is none. Labels that are names of classes are mapped to these classes, and sparse rows are filled
     * up to `features`. */
    size_t features, classes;
    const char *const *class_names;
};

/* Have rows targets instead of labels? What decides the inputs decides this, too. */
static inline bool request_has_targets(const struct request *request)
{
    return request->options->has_targets || (request->inputs && request->inputs->target_count);
}

/* The array of the labels or of the targets that the options name; NULL: they name none. */
static inline const char *label_asked(const struct clm_data_options *options)
{
    return options->target ? options->target : options->label;
}

/* Options of struct clm_data_options that only some formats take. */
enum {
    TAKES_INPUTS = 1,
    TAKES_LABEL = 2,
    TAKES_HEADER = 4,
    TAKES_MISSING = 8,
    TAKES_RESIZE = 16,
    TAKES_CHANNELS = 32,
    TAKES_COLUMNS = 64,
};

/* Tells the caller a sentence that is no failure, for example what was left out, through the options'
 * on_note. It is cut after NOTE_MAX bytes. `setting` is that of on_note. */
#define NOTE_MAX 1024
void data_note(const struct clm_data_options *options, const char *setting, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Names of things that a reader does not use, for one note about them. It begins with zeros. */
struct names_note {
    size_t count, used;
    char list[768]; /* the first names: "a, b" */
};
void note_name(struct names_note *note, const char *name);
/* Tells which things in `where` are not used, if there are any. */
void note_unused(const struct names_note *note, const char *where, const struct clm_data_options *options);

struct format {
    const char *name;
    unsigned takes; /* the options above that apply to the format */
    bool maps;      /* maps uncompressed files instead of reading them into memory */
    /* NULL if the format has no files */
    bool (*recognises_file)(const struct file_head *head);
    /* NULL if the format has no directories */
    clm_status (*recognises_directory)(const char *path, bool *is_it, struct clm_error *error);
    /* True if a tar archive's entry of that name belongs to the format; NULL if it is not read from
     * archives. */
    bool (*recognises_entry)(const char *name);

    /* Fills those sets of *out that the request wants and that exist. A single file is a training set, and a
     * tar archive is passed as a file. On failure the caller frees what *out holds. */
    clm_status (*read)(const char *path, bool is_directory, const struct request *request,
                       struct contents *out, struct clm_error *error);
};

extern const struct format idx_format, npy_format, npz_format, libsvm_format, csv_format, arff_format,
    cifar100_format, cifar10_format, image_folder_format;

/* Fails with CLM_ERROR_ARGUMENT unless `name` is NULL or the name of a format. */
CLM_MUST_CHECK clm_status format_check(const char *name, struct clm_error *error);

/* Reads the file or directory at `path` in the format called `name`, or, if `name` is NULL, in the format
 * that recognises it. If a directory holds no data set, its first archive that holds one is read. On
 * failure *out is empty. */
CLM_MUST_CHECK clm_status format_read(const char *path, const char *name, const struct request *request,
                                      struct contents *out, const struct format **format,
                                      struct clm_error *error);

CLM_MUST_CHECK clm_status file_head_read(const char *path, struct file_head *head, struct clm_error *error);

/* Finds the first file that is there of DIRECTORY/PREFIX MIDDLE ENDING, with the endings of each middle in
 * turn; both lists end with NULL. *out, which the caller frees, is NULL if there is none. False if there is
 * no memory. */
bool find_variant(const char *directory, const char *prefix, const char *const *middles,
                  const char *const *endings, char **out);

#endif
