/* A command's options: argp's, made from the table of settings. */
#ifndef CLM_CLI_ARGUMENTS_H
#define CLM_CLI_ARGUMENTS_H

#include "clmlp.h"

#define GEMM_NAMES_MAX 8
#define WIDTHS_MAX     258 /* inputs, 256 hidden layers, classes */

/* A list of sizes, as in --hidden 256,128. */
struct sizes {
    size_t values[WIDTHS_MAX];
    size_t count;
};

/* What a command tells of itself, and takes beside its options. */
struct usage {
    const char *doc;     /* for --help; what follows \v comes after the options */
    const char *operand; /* "MODEL"; NULL: it takes options only */
    const char *need;    /* a sentence, if the operand is missing */
};

/* The command's settings, from the program's command line: argv[1] is the command. *operand may be NULL if
 * the usage has none. Wrong usage ends the program with EXIT_USAGE, --help and --version with EXIT_DONE; a
 * file that is to be written and cannot be made, before any work, with EXIT_FAILED. */
struct clm_settings *parse_arguments(const struct usage *usage, int argc, char **argv, const char **operand);

/* Wrong usage, unless the setting has a value. */
void need_setting(const struct clm_settings *settings, const char *command, const char *name,
                  const char *example);

/* A sentence on stderr, where to find help, and EXIT_USAGE. */
_Noreturn void wrong_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What the settings ask of clm_data_open. Texts stay the settings'. */
struct clm_data_options data_options(const struct clm_settings *settings);

/* What they ask of clm_backend_open; notes are remarks of the command, whose name has to stay. --device
 * that was not given becomes $CLMLP_DEVICE. */
struct clm_backend_options backend_options(struct clm_settings *settings, char *command);
/* $CLMLP_DEVICE; NULL if it is not set. */
const char *default_device(void);

/* The list that the setting holds. */
struct sizes setting_sizes(const struct clm_settings *settings, const char *name);
/* --layers, of inputs and classes at least. */
struct sizes layers_of(const struct clm_settings *settings, const char *command);
/* Inputs, --hidden, classes. */
struct sizes layer_widths(size_t inputs, const struct clm_settings *settings, size_t classes);

/* Is the JSON of --json all that goes to standard output? */
bool is_json_alone(const struct clm_settings *settings);

#endif
