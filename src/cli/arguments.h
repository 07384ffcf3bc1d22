/* A command's options: argp's options, made from the table of settings. */
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

/* The command's settings and operand; argv[1] is the command. Ends the program with EXIT_USAGE after wrong
 * usage, with EXIT_DONE after --help and --version, and with EXIT_FAILED, before any work, if a file to write
 * cannot be made. */
struct invocation parse_arguments(const struct command *command, int argc, char **argv);

/* Writes a sentence and where to find help to stderr, and exits with EXIT_USAGE. */
_Noreturn void wrong_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* clm_data_open's options from the settings, which keep the texts; notes become remarks of the command. */
struct clm_data_options data_options(struct invocation *in);

/* clm_backend_open's options from the settings; notes become remarks of the command. Without --device, the
 * device is $CLMLP_DEVICE. Of a list of backends, opencl is taken if it
 * is there. */
struct clm_backend_options backend_options(struct invocation *in);
/* $CLMLP_DEVICE; NULL if it is not set. */
const char *default_device(void);

/* The list that the setting holds. */
struct sizes setting_sizes(const struct clm_settings *settings, const char *name);
/* Net number `index` of --layers, from 0, which has inputs and classes at least; false if there are not so
 * many. */
bool layers_of(const struct invocation *in, size_t index, struct sizes *out);
/* Inputs, --hidden, classes; with --layers, inputs and classes. */
struct sizes layer_widths(size_t inputs, const struct clm_settings *settings, size_t classes);

/* Whether --json is the only thing that goes to standard output. */
bool is_json_alone(const struct clm_settings *settings);

#endif
