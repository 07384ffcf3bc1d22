/* What lies in a folder of pictures: the folders of its classes, and the files in them. */
#ifndef CLM_DATA_FORMATS_LISTING_H
#define CLM_DATA_FORMATS_LISTING_H

#include "base/error.h"

/* The names in a directory, sorted by their bytes, without those that are left out: hidden ones, and those that file
 * managers leave behind (Thumbs.db, desktop.ini, __MACOSX). */
struct listing {
    char **names;
    size_t count;
};

CLM_MUST_CHECK clm_status listing_read(const char *path, struct listing *out, struct clm_error *error);
void listing_free(struct listing *listing);

/* Is there a folder in the directory at `path`? Not where that is none. */
CLM_MUST_CHECK clm_status listing_has_folder(const char *path, bool *has_folder, struct clm_error *error);

/* The files of the class folders in a directory, by class and then by name. */
struct pictures {
    struct picture_file {
        char *path;
        uint32_t label; /* index of the class */
    } * files;
    size_t count;
};

/* The names of the folders in the directory at `path`, which is `root` or lies in it; CLM_ERROR_FORMAT where there is
 * none, or one that cannot be printed. */
CLM_MUST_CHECK clm_status listing_class_names(const char *root, const char *path, char ***names,
                                              size_t *count, struct clm_error *error);

/* The files in the class folders of `path`. CLM_ERROR_FORMAT for a folder that is not among the `count` names, one
 * without a file, one within a class's, and for a link that leads out of `root`. */
CLM_MUST_CHECK clm_status listing_find_pictures(const char *root, const char *path, const char *const *names,
                                                size_t count, struct pictures *out, struct clm_error *error);
void pictures_free(struct pictures *pictures);

#endif
