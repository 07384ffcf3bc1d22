/* The bytes of an open file as they are on disk. Each reader has a position of its own, so that copies of one
 * descriptor can be read side by side. */
#ifndef CLM_DATA_FILES_RAW_FILE_H
#define CLM_DATA_FILES_RAW_FILE_H

#include "base/error.h"

struct raw_file {
    const char *path; /* for messages; not owned */
    int file;         /* owned; -1 if none is open */
    size_t size;      /* bytes of the file */
    size_t position;  /* of the next byte to read */
};

/* Opens a regular file, or the copy of a pipe (see spool.h). Fails with CLM_ERROR_IO. */
CLM_MUST_CHECK clm_status raw_file_open(const char *path, struct raw_file *out, struct clm_error *error);
void raw_file_close(struct raw_file *file);

/* Reads up to `size` bytes; *got is 0 only at the end of the file. `after` is the number of bytes for the
 * message "cannot be read after byte N". */
CLM_MUST_CHECK clm_status raw_file_read(struct raw_file *file, void *bytes, size_t size, size_t after,
                                        size_t *got, struct clm_error *error);

#endif
