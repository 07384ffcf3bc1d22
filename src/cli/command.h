/* The commands and their messages. Exit codes: 0 done, 1 failed or a check did not pass, 2 wrong usage. */
#ifndef CLM_CLI_COMMAND_H
#define CLM_CLI_COMMAND_H

#include "clmlp.h"

#include <jansson.h>
#include <signal.h>

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* A command line as its command gets it, and the exit code if the command does not fail. */
struct invocation {
    const struct command *about;
    int argc; /* argv[1] is the command, or its last word */
    char **argv;
    struct clm_settings *settings;
    const char *operand; /* NULL if it takes none */
    char **files;        /* further files of the option `about->files`; they are in argv */
    size_t file_count;
    enum exit_code code;
};

enum { NEEDS_MOST = 3 };

/* A command: its name, its function, and what it needs and says about itself. */
struct command {
    const char *name;    /* two words for a command of `clmlp data' */
    const char *summary; /* for the program's help; NULL: it is not listed there */
    clm_status (*run)(struct invocation *in, struct clm_error *error);
    const char *doc; /* for --help; the text after \v follows the options */
    struct {
        const char *setting, *example;
    } needs[NEEDS_MOST]; /* settings that must be given */
    const char *operand; /* "MODEL"; NULL: it takes options only */
    const char *need;    /* the sentence if the operand is missing; NULL: it may be */
    const char *files;   /* an option that several files may follow; NULL if there is none */
};

extern const struct command command_devices, command_doctor, command_train, command_eval, command_predict,
    command_verify, command_gradcheck, command_tune, command_bench, command_data_info, command_data_sample,
    command_data_convert, command_data_make, command_kernel_new, command_kernel_check, command_search,
    command_export, command_import;

/* "clmlp: COMMAND: sentence" on stderr. */
void complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Like complain, with "note: " before the sentence. */
#define remark(command, ...) complain(command, "note: " __VA_ARGS__)

/* Puts `status` and the formatted sentence into *error, and returns `status`. */
clm_status fail(struct clm_error *error, clm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Is the setting an option of the command? */
bool has_option(const char *command, const char *name);

/* Adds to the error's sentence which options can help and which command tells more. The error then names no
 * setting any more. */
void name_options(const char *command, struct clm_error *error);

/* Complains of the error, with that advice. Returns EXIT_FAILED. */
int fail_command(const char *command, const struct clm_error *error);

/* Writes the object to the file at `path` ("-" is stdout) and frees it; NULL means that memory ran out. If
 * that fails, complains and returns false. */
bool write_json(const char *command, const char *path, json_t *object);

/* These take the value. If memory runs out, the value is lost, and write_json refuses to write. */
void json_list_add(json_t *list, json_t *value);
void json_object_put(json_t *object, const char *key, json_t *value);
/* The JSON of a file, or of a pipe; the caller frees *out. CLM_ERROR_FORMAT names the line that is none. */
CLM_MUST_CHECK clm_status read_json(const char *path, json_t **out, struct clm_error *error);
bool json_is_whole(void); /* whether no value was lost */
void json_lose(void);     /* a value was lost */

/* For JSON: null for NaN or infinity; '?' for non-ASCII bytes in text that is not UTF-8. */
json_t *json_number(double value);
json_t *json_text(const char *text);
json_t *json_sizes(const size_t *sizes, size_t count);

/* A name from a file or a driver, with '?' for control characters, so that it cannot steer a terminal. */
struct printable {
    char text[256];
};
struct printable printable(const char *name);

/* Appends a blank and the word, in quotes if a shell would not leave it as it is. */
void append_word(char *text, size_t size, const char *word);

/* "GPU" */
const char *device_type_name(enum clm_device_type type);

void print_version(void);

/* Keeps standard output for what other programs read: what a driver prints there goes to stderr until
 * release_output or write_json. False, with errno, if that fails. */
CLM_MUST_CHECK bool claim_output(void);
/* Gives standard output back. */
void release_output(void);

/* Closes standard output. Returns `code`, or EXIT_FAILED with a complaint if it could not be written. */
int close_output(const char *command, int code);

/* Before work that may take long and shows nothing, like building kernels: writes a line to stderr, if that
 * is a terminal. It stays until the wait is over or a sentence comes. */
void begin_wait(const char *what);
void end_wait(void);

/* CLMLP_KERNEL_DIR; NULL if the built-in kernels are used. */
const char *kernel_folder(void);

/* Loads the OpenCL drivers, and takes the signals back from them: a driver that ends the program afterwards
 * is named. */
CLM_MUST_CHECK clm_status load_drivers(struct clm_error *error);

/* load_drivers and clm_backend_open, which may build kernels. If they are not the built-in ones,
 * options->on_note says so. */
CLM_MUST_CHECK clm_status open_backend(const struct clm_backend_options *options, struct clm_backend **out,
                                       struct clm_error *error);

/* Whether a stream may get escape sequences. */
bool is_terminal(int descriptor);

/* The sequence if standard output may get it and NO_COLOR is not set; else "". */
#define RED   "\033[1;31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"
const char *colour(const char *sequence);

#endif
