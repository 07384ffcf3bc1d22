/* A command's options: argp's, made from the table of settings. */
#ifndef CLM_CLI_ARGUMENTS_H
#define CLM_CLI_ARGUMENTS_H

#include "cli/command.h"

#define GEMM_NAMES_MAX 8
#define WIDTHS_MAX     258 /* inputs, 256 hidden layers, classes */

/* A list of sizes, as in --hidden 256,128. */
struct sizes {
    size_t values[WIDTHS_MAX];
    size_t count;
};

/* The command's settings and operand; argv[1] of the command line is the command. Wrong usage ends the
 * program with EXIT_USAGE, --help and --version with EXIT_DONE; a file that is to be written and cannot be
 * made, before any work, with EXIT_FAILED. */
struct invocation parse_arguments(const struct command *command, int argc, char **argv);

/* A sentence on stderr, where to find help, and EXIT_USAGE. */
_Noreturn void wrong_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What the settings ask of clm_data_open. Texts stay the settings'. */
struct clm_data_options data_options(const struct clm_settings *settings);

/* What they ask of clm_backend_open; notes are remarks of the command. --device that was not given becomes
 * $CLMLP_DEVICE. */
struct clm_backend_options backend_options(struct invocation *in);
/* $CLMLP_DEVICE; NULL if it is not set. */
const char *default_device(void);

/* The list that the setting holds. */
struct sizes setting_sizes(const struct clm_settings *settings, const char *name);
/* --layers, of inputs and classes at least. */
struct sizes layers_of(const struct invocation *in);
/* Inputs, --hidden, classes. */
struct sizes layer_widths(size_t inputs, const struct clm_settings *settings, size_t classes);

/* Is the JSON of --json all that goes to standard output? */
bool is_json_alone(const struct clm_settings *settings);

#endif
