/* The commands, and what they say to the user. Exit codes: 0 done, 1 failed or a check did not pass, 2 wrong usage. */
#ifndef CLM_CLI_COMMAND_H
#define CLM_CLI_COMMAND_H

#include "clmlp.h"

#include <jansson.h>

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* A command's own arguments, argv[0] being "clmlp: COMMAND"; returns the exit code. */
int command_devices(int argc, char **argv);
int command_train(int argc, char **argv);
int command_eval(int argc, char **argv);
int command_predict(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_gradcheck(int argc, char **argv);
int command_bench(int argc, char **argv);

/* "clmlp: COMMAND: sentence" on stderr. */
void complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Complains of the error; EXIT_FAILED, to be returned. */
int fail_command(const char *command, const struct clm_error *error);

/* Writes the object to the file at `path`, "-" being stdout, and gives it back; NULL stands for no memory. Complains
 * where that fails and returns false. */
bool write_json(const char *command, const char *path, json_t *object);

/* Whether a stream may be given escape sequences: a terminal, and for colours no NO_COLOR. */
bool is_terminal(int descriptor);
bool is_coloured(int descriptor);

#endif
