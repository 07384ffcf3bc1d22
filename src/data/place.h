/* Known data sets, and the places where they are looked for. */
#ifndef CLM_DATA_PLACE_H
#define CLM_DATA_PLACE_H

#include "base/error.h"

/* A data set that is known by its name. */
struct known_set {
    const char *name;
    size_t classes;
    const char *const *class_names; /* `classes` names */
    const char *remedy;             /* what to do if it is not found */
};

/* The known set called `name`, or NULL. */
const struct known_set *known_set_named(const char *name);

/* The known set with the name of the directory at `path`, or of the directory of the file at `path`; or
 * NULL. */
const struct known_set *known_set_at(const char *path);

/* Finds the path that `source` means. The name of a known set is looked for in $CLMLP_DATA/NAME,
 * ${XDG_DATA_HOME:-~/.local/share}/clmlp/NAME and /usr/share/datasets/NAME; the first that exists counts.
 * Anything else is a path; if nothing is there and it has no slash, it is looked for in the same places. The
 * caller frees *path. */
CLM_MUST_CHECK clm_status place_find(const char *source, char **path, struct clm_error *error);

#endif
