/* A directory that is filled under another name beside its own, and takes its name only when it is whole. */
#ifndef CLM_DATA_FILES_STAGING_H
#define CLM_DATA_FILES_STAGING_H

#include "base/error.h"

struct staging {
    char *target, *path; /* the name it will have; where it is filled */
    char *above;         /* the directory that both are in */
    size_t made;         /* of it, as directory_make tells */
};

/* Makes the directories above it where they are missing. staging_drop must follow in any case. */
CLM_MUST_CHECK clm_status staging_begin(const char *target, struct staging *out, struct clm_error *error);

/* The directory is there from now on. One of that name is replaced if it is empty, or if `names`, which NULL ends, has
 * the names of all that is in it, files; it fails, too, where what is replaced cannot be removed. */
CLM_MUST_CHECK clm_status staging_commit(struct staging *staging, const char *const *names,
                                         struct clm_error *error);

/* Takes away what was not committed. */
void staging_drop(struct staging *staging);

/* Is there nothing at `path`, or an empty directory? */
bool staging_is_free(const char *path);

/* Does the directory at `path` hold nothing but files with these names, which NULL ends? */
bool staging_holds_only(const char *path, const char *const *names);

#endif
