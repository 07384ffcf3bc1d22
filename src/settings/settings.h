/* Settings: the table of options, and an object that holds a value for each option of a command. The
 * public part, with the meaning of names and types, is in clmlp.h. */
#ifndef CLM_SETTINGS_SETTINGS_H
#define CLM_SETTINGS_SETTINGS_H

#include "base/error.h"

/* A row of the table. */
struct setting_row {
    struct clm_setting about;
    unsigned commands;                               /* bits of those with it, see setting_command */
    const char *const *names;                        /* of a choice; NULL ends them */
    size_t (*list)(const char **names, size_t most); /* replaces `names` if another module has the list */
};

/* The bit of the command with this name; 0 if there is none. */
unsigned setting_command(const char *command);

/* The rows of the table, for all commands. */
extern const struct setting_row setting_rows[];
extern const size_t setting_count;

/* The number of the command's row with that name; SIZE_MAX if there is none. */
size_t setting_index(unsigned command, const char *name);

/* The upper limit of a count that has no other. */
#define SETTING_MANY ((double)(SIZE_MAX / 2))

/* The largest STD of normal:STD, and A of uniform:A. Box-Muller on 32 bits stays below 7, so that weights fit
 * into a float. */
#define SETTING_DEVIATION_MOST 1e30

/* The limits of a number as words: "at least 1", "above 0", "1 to 8192"; or "". */
struct setting_range {
    char words[80];
};
struct setting_range setting_range(const struct clm_setting *about);

/* "idx, npy or csv" */
#define SETTING_CHOICES_MOST 32
#define SETTING_LIST         512
const char *setting_list(char list[SETTING_LIST], const char *const *names, size_t count);

/* A value; each type uses its own members. */
struct setting_value {
    bool is_set; /* by the caller or a file; else it is the table's default */
    bool is_of_recipe;
    char *text;     /* NULL: there is none */
    uint64_t count; /* COUNT, BYTES, FLAG (0 or 1), CHOICE (its number), CHOICES (their bits) */
    double number;  /* NUMBER, SHARE */
    size_t *sizes;  /* SIZES, WIDTHS, EXTENT, NETS (0 between two lists) */
    size_t size_count;
    struct clm_augmentation augmentation;
};

/* Reads text as the setting's type; `text` of *out is the same value as the type writes it. A failure's
 * sentence begins with the setting's name. LC_NUMERIC must be that of the C locale. */
CLM_MUST_CHECK clm_status setting_value_read(const struct clm_setting *about, const char *text,
                                             struct setting_value *out, struct clm_error *error);
void setting_value_free(struct setting_value *value);

#endif
