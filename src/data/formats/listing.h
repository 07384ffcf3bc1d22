/* Lists the directories of a set of pictures: one directory for each class, and the files in it. */
#ifndef CLM_DATA_FORMATS_LISTING_H
#define CLM_DATA_FORMATS_LISTING_H

#include "base/file.h"
#include "data/files/aside.h"
#include "data/format.h"

/* Sets *has_folder if `path` is a directory that holds another directory. */
CLM_MUST_CHECK clm_status listing_has_folder(const char *path, bool *has_folder, struct clm_error *error);

/* The files in the class directories of a directory, sorted by class and then by name. */
struct pictures {
    struct picture_file {
        char *path;
        uint32_t label; /* index of the class, or CLM_NO_LABEL */
    } * files;
    size_t count;
};

/* The names of the directories in the directory at `path`; links to directories count. Fails with
 * CLM_ERROR_FORMAT if there is none, or if a name cannot be printed. */
CLM_MUST_CHECK clm_status listing_class_names(const char *path, char ***names, size_t *count,
                                              struct clm_error *error);

/* Finds the files in the class directories of `path`; a note of the options tells which files beside these
 * directories are not used. Fails with CLM_ERROR_FORMAT for a directory that is none of the `count` names, a
 * class directory without a file, and a directory in a class directory. */
CLM_MUST_CHECK clm_status listing_find_pictures(const char *path, const char *const *names, size_t count,
                                                const struct clm_data_options *options, struct pictures *out,
                                                struct clm_error *error);

/* Finds the files in `path` itself, which have no classes: each label is CLM_NO_LABEL. */
CLM_MUST_CHECK clm_status listing_find_unsorted(const char *path, const struct clm_data_options *options,
                                                struct pictures *out, struct clm_error *error);
void pictures_free(struct pictures *pictures);

#endif
