/* Files: replaced as a whole, read as a whole. clm_write_file (clmlp.h) lives here too. */
#ifndef CLM_BASE_FILE_H
#define CLM_BASE_FILE_H

#include "base/error.h"

/* The whole regular file at `path`, followed by a NUL that *size does not count; the caller frees *bytes.
 * CLM_ERROR_FORMAT where it has more than `limit` bytes. */
CLM_MUST_CHECK clm_status file_read(const char *path, size_t limit, unsigned char **bytes, size_t *size,
                                    struct clm_error *error);

/* Makes the directory at `path` and those above it where they are missing. */
CLM_MUST_CHECK clm_status directory_make(const char *path, struct clm_error *error);

/* "directory/name" in memory that the caller frees; NULL where there is none. */
char *path_join(const char *directory, const char *name);

#endif
