/* A directory with files of one array each: inputs and labels of up to three parts. */
#ifndef CLM_DATA_FORMATS_ARRAY_FILES_H
#define CLM_DATA_FORMATS_ARRAY_FILES_H

#include "base/file.h"
#include "data/formats/array.h"
#include "data/formats/array_name.h"

/* Length of the words in a file's name, without its ending: 7 for "x_train.npy.gz". 0 if it is no array's. */
typedef size_t array_stem(const char *name);

struct array_files {
    struct listing files; /* of the directory that are arrays */
    struct array_choice choice;
    struct array_name *names; /* (files.count) */
};

/* Lists the arrays of the directory, and chooses inputs and labels of each part, of the set called `set`; see
 * array_names_choose. */
CLM_MUST_CHECK clm_status array_files_find(const char *directory, array_stem *stem, const char *set,
                                           struct array_files *out, struct clm_error *error);
void array_files_free(struct array_files *files);

/* Sets *has_inputs if a file's name says that it holds inputs. */
CLM_MUST_CHECK clm_status array_files_recognise(const char *directory, array_stem *stem, bool *has_inputs,
                                                struct clm_error *error);

/* The path at an index of the choice; NULL for NOT_CHOSEN. */
const char *array_files_path(const struct array_files *files, size_t index);

/* Reads a part, if it has inputs. Fails with CLM_ERROR_IO if they have no labels, unless rows may be without,
 * or if there are only labels; `example` is the name that a file of labels would have. */
CLM_MUST_CHECK clm_status array_files_read(const struct array_files *files, enum clm_part part,
                                           array_opener *open, void *user, const char *example,
                                           const struct request *request, struct contents *out,
                                           struct clm_error *error);

/* Tells the user which files of the directory are not used. `also` is a path that is used, or NULL. */
CLM_MUST_CHECK clm_status array_files_note_unused(const char *directory, const struct array_files *files,
                                                  const char *const also[2], const struct request *request,
                                                  struct clm_error *error);

#endif
