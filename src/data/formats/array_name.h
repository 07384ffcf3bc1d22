/* What the names of arrays, and of files with one array each, say: x_train, test_labels,
 * emnist-letters-train-images. Words are in upper or lower case, with - _ . or blanks between them. */
#ifndef CLM_DATA_FORMATS_ARRAY_NAME_H
#define CLM_DATA_FORMATS_ARRAY_NAME_H

#include "base/error.h"

enum array_role { ROLE_NONE, ROLE_INPUTS, ROLE_LABELS };

#define SET_NAME_SIZE 64

struct array_name {
    enum array_role role;
    enum clm_part part; /* CLM_TRAIN if no word names a part */
    bool has_part;
    unsigned rank;           /* of the word for the role: 0 is x or y */
    char set[SET_NAME_SIZE]; /* the other words, with - between them: "emnist-letters"; mostly "" */
};

/* Takes the words of the first `length` bytes of `name`, which is a string. */
struct array_name array_name_of(const char *name, size_t length);

/* Indices of the inputs and labels of each part; NOT_CHOSEN if there are none. */
#define NOT_CHOSEN SIZE_MAX
struct array_choice {
    size_t inputs[3], labels[3]; /* by enum clm_part */
};

/* Chooses inputs and labels of each part among names of one set. It is the set called `set`, if that is not
 * NULL; else the one without a name, or the only one. Names without a word for the part come first, then x
 * and y. Fails with CLM_ERROR_FORMAT if there are several sets, or none called `set`; `path` names the place
 * in the message. */
CLM_MUST_CHECK clm_status array_names_choose(const char *path, const struct array_name *names, size_t count,
                                             const char *set, struct array_choice *out,
                                             struct clm_error *error);

bool is_chosen(const struct array_choice *choice, size_t index);

#endif
