/* Options that several commands share, as argp children, and how their values are read. */
#ifndef CLM_CLI_ARGUMENTS_H
#define CLM_CLI_ARGUMENTS_H

#include "clmlp.h"

#include <argp.h>

/* Long options without a short form: keys above any character. */
enum option_key {
    KEY_DATA = 0x100,
    KEY_FORMAT,
    KEY_TEST,
    KEY_VALIDATION,
    KEY_LIMIT,
    KEY_DEVICE,
    KEY_BACKEND,
    KEY_GEMM,
    KEY_HIDDEN,
    KEY_INIT,
    KEY_SEED,
    KEY_EPOCHS,
    KEY_BATCH,
    KEY_LEARNING_RATE,
    KEY_MOMENTUM,
    KEY_L2,
    KEY_OPTIMIZER,
    KEY_SHUFFLE,
    KEY_STANDARDIZE,
    KEY_OUT,
    KEY_QUIET,
    KEY_SPLIT,
    KEY_JSON,
    KEY_SAMPLES,
    KEY_LAYERS,
    KEY_SECONDS,
};

#define WIDTHS_MAX 64

/* A list of sizes, as in --hidden 256,128. */
struct sizes {
    size_t values[WIDTHS_MAX];
    size_t count;
};

/* Parses a command's arguments into `input`; wrong usage ends the program with EXIT_USAGE, --help with EXIT_DONE. */
void parse_arguments(const struct argp *argp, int argc, char **argv, void *input);

/* To be called by a command's parser at ARGP_KEY_INIT. */
void begin_parsing(struct argp_state *state);

/* The command's name: "train". */
const char *command_name(const struct argp_state *state);

/* A sentence on stderr, where to find help, and EXIT_USAGE. */
_Noreturn void wrong_usage(const struct argp_state *state, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Values; `option` is for the sentence, as in "--epochs". Wrong ones are wrong usage. */
size_t read_count(const struct argp_state *state, const char *option, const char *text, size_t least);
uint64_t read_seed(const struct argp_state *state, const char *option, const char *text);
double read_number(const struct argp_state *state, const char *option, const char *text);
struct sizes read_sizes(const struct argp_state *state, const char *option, const char *text);

/* --data, --format, --test, --val, --limit; its input is a struct clm_data_options. */
extern const struct argp data_arguments;

/* --device, --backend, --gemm; its input is a struct device_choice. */
struct device_choice {
    struct clm_backend_options options;
    bool has_backend; /* --backend was given */
};

extern const struct argp device_arguments;

/* Before parsing: opencl on $CLMLP_DEVICE. */
struct device_choice default_device(void);

#endif
