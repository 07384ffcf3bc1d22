/* Where data sets that have a name lie. */
#ifndef CLM_DATA_PLACE_H
#define CLM_DATA_PLACE_H

#include "base/error.h"

/* A data set that is known by its name. */
struct known_set {
    const char *name;
    size_t classes;
    const char *const *class_names; /* `classes` of them */
};

/* NULL where there is none of that name. */
const struct known_set *known_set_named(const char *name);

/* The known set whose name is that of the directory at `path`, or of the directory that the file at `path`
 * lies in. */
const struct known_set *known_set_at(const char *path);

/* The path of what `source` names: a known set, in $CLMLP_DATA/NAME,
 * ${XDG_DATA_HOME:-~/.local/share}/clmlp/NAME or /usr/share/datasets/NAME, the first that is there; anything
 * else is a path, and where there is nothing at that path and it has no slash, a name in these places. The
 * caller frees *path. */
CLM_MUST_CHECK clm_status place_find(const char *source, char **path, struct clm_error *error);

#endif
