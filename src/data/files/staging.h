/* A directory that is filled under a temporary name, and gets its own name only when it is complete. */
#ifndef CLM_DATA_FILES_STAGING_H
#define CLM_DATA_FILES_STAGING_H

#include "base/error.h"

struct staging {
    char *target, *path; /* its own name, and the temporary one */
    char *above;         /* the directory that both are in */
    size_t made;         /* how much of `above` was made; see directory_make */
};

/* Makes a temporary directory beside `target`, and the missing parents of both. staging_drop must
 * follow in any case. */
CLM_MUST_CHECK clm_status staging_begin(const char *target, struct staging *out, struct clm_error *error);

/* Gives the directory its name. A directory of that name is replaced if it is empty, or if it holds
 * only files whose names are in `names`, a list that NULL ends. Fails also if the replaced directory
 * cannot be removed. */
CLM_MUST_CHECK clm_status staging_commit(struct staging *staging, const char *const *names,
                                         struct clm_error *error);

/* Removes the directory unless it was committed. */
void staging_drop(struct staging *staging);

/* True if `path` does not exist or is an empty directory. */
bool staging_is_free(const char *path);

/* True if the directory at `path` holds only files with these names, a list that NULL ends. */
bool staging_holds_only(const char *path, const char *const *names);

#endif
