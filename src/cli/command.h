/* The commands, and what they say to the user. Exit codes: 0 done, 1 failed or a check did not pass, 2 wrong usage. */
#ifndef CLM_CLI_COMMAND_H
#define CLM_CLI_COMMAND_H

#include "clmlp.h"

#include <jansson.h>
#include <signal.h>

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* A command line as its command gets it, and what the program ends with if the command does not fail. */
struct invocation {
    const struct command *about;
    int argc; /* argv[1] is the command, or its last word */
    char **argv;
    struct clm_settings *settings;
    const char *operand; /* NULL if it takes none */
    enum exit_code code;
};

/* A command: its name, what it does, and what it needs and tells of itself. */
struct command {
    const char *name;    /* a command of `clmlp data' has two words */
    const char *summary; /* for the program's help; NULL: it is not listed there */
    clm_status (*run)(struct invocation *in, struct clm_error *error);
    const char *doc; /* for --help; what follows \v comes after the options */
    struct {
        const char *setting, *example;
    } needs[3];          /* settings without which it is wrong usage */
    const char *operand; /* "MODEL"; NULL: it takes options only */
    const char *need;    /* a sentence, if the operand is missing */
};

extern const struct command command_devices, command_doctor, command_train, command_eval, command_predict,
    command_verify, command_gradcheck, command_tune, command_bench, command_data_info, command_data_sample,
    command_data_convert, command_data_make;

/* "clmlp: COMMAND: sentence" on stderr. */
void complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with "note: " before the sentence. */
#define remark(command, ...) complain(command, "note: " __VA_ARGS__)

/* Adds to the error's sentence which options of the command set the settings that can mend the matter, and which
 * command tells more; the error then names no setting any more. */
void name_options(const char *command, struct clm_error *error);

/* Complains of the error, with that advice; EXIT_FAILED, to be returned. */
int fail_command(const char *command, const struct clm_error *error);

/* From now on the first SIGINT or SIGTERM only sets what is returned, and writes `note` to stderr, whole lines; the second ends
 * the program. `note` has to stay. */
const volatile sig_atomic_t *catch_interrupts(const char *note);

/* Writes the object to the file at `path`, "-" being stdout, and gives it back; NULL stands for no memory. Complains
 * where that fails and returns false. */
bool write_json(const char *command, const char *path, json_t *object);

/* Take the value. What they cannot add for lack of memory is remembered, and write_json refuses what lacks it. */
void json_list_add(json_t *list, json_t *value);
void json_object_put(json_t *object, const char *key, json_t *value);
bool json_is_whole(void); /* none of them was lost */

/* Of JSON: null where a number is NaN or infinite; '?' for what is not ASCII in text that is no UTF-8. */
json_t *json_number(double value);
json_t *json_text(const char *text);
json_t *json_sizes(const size_t *sizes, size_t count);

/* A name from a file or a driver, with '?' for control characters, so that it cannot steer a terminal. */
struct printable {
    char text[256];
};
struct printable printable(const char *name);

/* "GPU" */
const char *device_type_name(enum clm_device_type type);

void print_version(void);

/* Standard output is for JSON alone: what a driver prints there goes to stderr until write_json. false where it cannot be kept,
 * with errno. */
CLM_MUST_CHECK bool claim_output(void);

/* Ends standard output: `code`, or EXIT_FAILED and a complaint where it could not be written. */
int close_output(const char *command, int code);

/* Something begins that may take long with nothing to show, as building kernels does: a line on stderr where that is a
 * terminal, until the wait is over or a sentence comes. */
void begin_wait(const char *what);
void end_wait(void);

/* CLMLP_KERNEL_DIR; NULL where kernels are those built in. */
const char *kernel_folder(void);

/* clm_backend_open, which may have kernels to build. Of kernels that are not those built in options->on_note hears, once. */
CLM_MUST_CHECK clm_status open_backend(const struct clm_backend_options *options, struct clm_backend **out,
                                       struct clm_error *error);

/* Whether a stream may be given escape sequences. */
bool is_terminal(int descriptor);

/* The sequence if standard output is such a stream, and NO_COLOR is not set; else "". */
#define RED   "\033[1;31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"
const char *colour(const char *sequence);

#endif
