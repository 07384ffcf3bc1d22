/* The formats that are read: each recognises its files and directories by their content. */
#ifndef CLM_DATA_FORMAT_H
#define CLM_DATA_FORMAT_H

#include "data/set.h"

/* How a file begins, decompressed. */
struct file_head {
    const char *path;
    unsigned char bytes[4096];
    size_t count; /* of bytes, fewer where the file ends */
    size_t file_size;
    bool is_compressed;
};

/* What is asked of a reader. */
struct request {
    unsigned wanted; /* READ_TRAIN, READ_TEST or both */
    const struct clm_data_options *options;
    const struct contents *training; /* what a test set is read for, whose format may be another; else NULL */
    /* What the training set, or the model, that this is read for has: 0 and NULL where there is none. A format whose
     * labels are names of classes maps them to these, one whose rows are sparse fills them up to `features`. */
    size_t features, classes;
    const char *const *class_names;
};

/* Options of struct clm_data_options that only some formats take. */
enum {
    TAKES_INPUTS = 1,
    TAKES_LABEL = 2,
    TAKES_HEADER = 4,
    TAKES_MISSING = 8,
    TAKES_RESIZE = 16,
    TAKES_CHANNELS = 32,
};

struct format {
    const char *name;
    unsigned takes; /* of the options above */
    bool maps;      /* files that are not compressed, instead of reading them into memory */
    bool (*recognises_file)(const struct file_head *head);
    /* NULL where there are only files */
    clm_status (*recognises_directory)(const char *path, bool *is_it, struct clm_error *error);
    bool (*recognises_entry)(const char *name); /* a file in a tar archive; NULL where it reads none */

    /* Fills those parts of *out that the request wants and that are there. A single file is a training set, and a
     * tar archive comes as a file. On failure the caller frees what *out holds. */
    clm_status (*read)(const char *path, bool is_directory, const struct request *request,
                       struct contents *out, struct clm_error *error);
};

/* CLM_ERROR_ARGUMENT unless `name` is NULL or a format's. */
CLM_MUST_CHECK clm_status format_check(const char *name, struct clm_error *error);

/* Reads what lies at `path` in the format named, or, where `name` is NULL, in the one that recognises it. Of a
 * directory that holds no data set, but archives, the first of them that holds one is read. On failure *out is
 * empty. */
CLM_MUST_CHECK clm_status format_read(const char *path, const char *name, const struct request *request,
                                      struct contents *out, const struct format **format,
                                      struct clm_error *error);

CLM_MUST_CHECK clm_status file_head_read(const char *path, struct file_head *head, struct clm_error *error);

/* Is there anything of that name in the directory? */
bool directory_has(const char *directory, const char *name);

#endif
