/* Files: replaced as a whole, read as a whole. clm_write_file (clmlp.h) lives here too. */
#ifndef CLM_BASE_FILE_H
#define CLM_BASE_FILE_H

#include "base/error.h"

/* The whole regular file at `path`, followed by a NUL that *size does not count; the caller frees *bytes.
 * CLM_ERROR_FORMAT where it has more than `limit` bytes. */
CLM_MUST_CHECK clm_status file_read(const char *path, size_t limit, unsigned char **bytes, size_t *size,
                                    struct clm_error *error);

/* Makes the directory at `path` and those above it where they are missing. *made (may be NULL) is the length of the first
 * path that was, for directory_unmake; 0 where all were there. Where it fails, none is left. */
CLM_MUST_CHECK clm_status directory_make(const char *path, size_t *made, struct clm_error *error);

/* Removes what directory_make has made, as far as it is empty. */
void directory_unmake(const char *path, size_t made);

/* What is there and no regular file, and /dev/stdout and the like whatever they lead to: renaming over these would
 * replace the device, or take the file away from whoever has it open. */
bool file_is_written_in_place(const char *path);

/* A file that is written under another name beside `target`, and takes its place only when it is whole. What
 * file_is_written_in_place is written to as it is; behind a link, what it leads to is replaced. replacement_drop must follow in any case, and takes away what was not committed. */
struct replacement {
    int file; /* to write to; -1 where there is none */
    char *target, *temporary;
};

CLM_MUST_CHECK clm_status replacement_begin(const char *path, struct replacement *out,
                                            struct clm_error *error);
CLM_MUST_CHECK clm_status replacement_commit(struct replacement *replacement, struct clm_error *error);
void replacement_drop(struct replacement *replacement);

/* "directory/name" in memory that the caller frees; NULL where there is none. */
char *path_join(const char *directory, const char *name);

#endif
