/* The formats that are read: each recognises its files and directories by their content. */
#ifndef CLM_DATA_FORMAT_H
#define CLM_DATA_FORMAT_H

#include "data/set.h"

/* How a file begins, decompressed. */
struct file_head {
    const char *path;
    unsigned char bytes[512];
    size_t count; /* of bytes, fewer where the file ends */
    size_t file_size;
    bool is_compressed;
};

struct format {
    const char *name;
    bool has_coarse_labels; /* READ_COARSE takes them */
    bool (*recognises_file)(const struct file_head *head);
    bool (*recognises_directory)(const char *path);
    bool (*recognises_entry)(const char *name); /* a file in a tar archive; NULL where it reads none */

    /* Fills those parts of *out that `wanted` names and that are there. A single file is a training set. On
     * failure the caller frees what *out holds. A tar archive comes as a file. */
    clm_status (*read)(const char *path, bool is_directory, unsigned wanted, struct contents *out,
                       struct clm_error *error);
};

/* CLM_ERROR_ARGUMENT unless `name` is NULL or a format's. */
CLM_MUST_CHECK clm_status format_check(const char *name, struct clm_error *error);

/* Reads what lies at `path` in the format named, or, where `name` is NULL, in the one that recognises it. Of a
 * directory that holds no data set, but archives, the first of them that holds one is read. On failure *out is
 * empty. */
CLM_MUST_CHECK clm_status format_read(const char *path, const char *name, unsigned wanted,
                                      struct contents *out, const struct format **format,
                                      struct clm_error *error);

CLM_MUST_CHECK clm_status file_head_read(const char *path, struct file_head *head, struct clm_error *error);

/* Is there anything of that name in the directory? */
bool directory_has(const char *directory, const char *name);

#endif
