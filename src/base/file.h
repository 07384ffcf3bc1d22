/* Reads and replaces whole files, and makes directories. clm_write_file (clmlp.h) is defined here too. */
#ifndef CLM_BASE_FILE_H
#define CLM_BASE_FILE_H

#include "base/error.h"

#include <dirent.h>

/* Opens a regular file for reading; *size is the number of its bytes. `remedy` ends the message about
 * another kind of file. */
CLM_MUST_CHECK clm_status open_regular(const char *path, const char *remedy, int *out, size_t *size,
                                       struct clm_error *error);

/* Reads the regular file at `path` and puts a NUL after its bytes, which *size does not count. The caller
 * frees *bytes. Fails with CLM_ERROR_FORMAT if the file has more than `limit` bytes. */
CLM_MUST_CHECK clm_status file_read(const char *path, size_t limit, unsigned char **bytes, size_t *size,
                                    struct clm_error *error);

/* Makes the directory at `path` and its missing parents. *made (may be NULL) is for directory_unmake: the
 * length of the first path that was made, or 0 if all existed. On failure no new directory is left. */
CLM_MUST_CHECK clm_status directory_make(const char *path, size_t *made, struct clm_error *error);

/* Removes the directories that directory_make has made, as long as they are empty. */
void directory_unmake(const char *path, size_t made);

/* True for anything that exists and is no regular file, and for links in /dev and /proc such as /dev/stdout.
 * A rename over such a path would replace the device, or take the file away from a process that has it
 * open. */
bool file_is_written_in_place(const char *path);

/* Writes all bytes to an open file; false, with the reason in errno, if that fails. */
bool file_write_all(int file, const unsigned char *bytes, size_t size);

/* A new file that takes the place of `target` in one rename, when it is complete. A path that
 * file_is_written_in_place is opened and written directly. If `target` is a link, the file that it
 * leads to is replaced. Every replacement_begin needs a replacement_drop, which removes the new file
 * unless it was committed. */
struct replacement {
    int file; /* open for writing; -1 if closed */
    char *target, *temporary;
};

CLM_MUST_CHECK clm_status replacement_begin(const char *path, struct replacement *out,
                                            struct clm_error *error);
CLM_MUST_CHECK clm_status replacement_commit(struct replacement *replacement, struct clm_error *error);
void replacement_drop(struct replacement *replacement);

/* The entries of a directory that `takes` accepts, sorted by the bytes of their names. The owner may take a
 * path out and leave NULL in its place. */
struct listing {
    char **paths; /* DIRECTORY/NAME */
    size_t count;
};

CLM_MUST_CHECK clm_status listing_read(const char *path, int (*takes)(const struct dirent *entry),
                                       struct listing *out, struct clm_error *error);
void listing_free(struct listing *listing);
int listing_compare(const struct dirent **a, const struct dirent **b);

/* True if something is at `path`, or if it cannot be looked at: opening it will then report the error. */
bool is_there(const char *path);

/* True if a directory is at `path`. */
bool is_directory(const char *path);

/* The name of the file at `path`: what follows its last slash. */
const char *path_name(const char *path);

/* "directory/name", which the caller frees; NULL if there is no memory. */
char *path_join(const char *directory, const char *name);

#endif
