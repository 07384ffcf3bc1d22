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
    KEY_VALIDATION_BY,
    KEY_VALIDATION_SEED,
    KEY_LIMIT,
    KEY_INPUTS,
    KEY_LABEL,
    KEY_HEADER,
    KEY_MISSING,
    KEY_DEVICE,
    KEY_BACKEND,
    KEY_GEMM,
    KEY_MEMORY,
    KEY_DEVICE_MEMORY,
    KEY_RESIDENT,
    KEY_SHARD,
    KEY_HIDDEN,
    KEY_INIT,
    KEY_SEED,
    KEY_EPOCHS,
    KEY_BATCH,
    KEY_LEARNING_RATE,
    KEY_SCHEDULE,
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
    KEY_PROFILE,
    KEY_PLOT,
    KEY_RESIZE,
    KEY_CHANNELS,
    KEY_ROWS,
    KEY_TO,
    KEY_GZIP,
    KEY_FORCE,
    KEY_AUGMENT,
    KEY_FULL,
    KEY_ONLY,
    KEY_SHAPE,
    KEY_PATIENCE,
};

#define GEMM_NAMES_MAX 8
#define FORMATS_MAX    32
#define CHECKS_MAX     32  /* names of checks */
#define WIDTHS_MAX     258 /* inputs, 256 hidden layers, classes */

/* A list of sizes, as in --hidden 256,128. */
struct sizes {
    size_t values[WIDTHS_MAX];
    size_t count;
};

/* Parses a command's arguments into `input`; argv is the program's, argv[1] the command. Wrong usage ends the program with
 * EXIT_USAGE, --help and --version with EXIT_DONE. */
void parse_arguments(const struct argp *argp, int argc, char **argv, void *input);

/* The command's name: "train". */
const char *command_name(const struct argp_state *state);

/* A sentence on stderr, where to find help, and EXIT_USAGE. */
_Noreturn void wrong_usage(const struct argp_state *state, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Digits and nothing else; false for what is no such number. */
bool read_digits(const char *text, unsigned long long *value);
/* "idx, npy or csv" in `list`, which it returns. */
const char *list_names(char *list, size_t size, const char *const *names, size_t count);

/* Values; `option` is for the sentence, as in "--epochs". Wrong ones are wrong usage. */
size_t read_count(const struct argp_state *state, const char *option, const char *text, size_t least);
uint64_t read_seed(const struct argp_state *state, const char *option, const char *text);
uint64_t read_bytes(const struct argp_state *state, const char *option, const char *text); /* 512M */
double read_number(const struct argp_state *state, const char *option, const char *text);
double read_not_negative(const struct argp_state *state, const char *option, const char *text);
double read_momentum(const struct argp_state *state, const char *option, const char *text);
const char *read_name(const struct argp_state *state, const char *option, const char *text);
/* A file to be written, or - for standard output. */
const char *read_output(const struct argp_state *state, const char *option, const char *text);
/* Where one of those cannot be made, the program ends before any work, EXIT_FAILED. */
enum { OUTPUTS_MAX = 8 };
void check_outputs(const char *command);
const char *read_init(const struct argp_state *state, const char *text);
enum clm_part read_part(const struct argp_state *state, const char *text); /* --split */
struct sizes read_sizes(const struct argp_state *state, const char *option, const char *text);
/* The index of `text` among `count` names. */
size_t read_choice(const struct argp_state *state, const char *option, const char *text,
                   const char *const *names, size_t count);
enum clm_standardise read_standardise(const struct argp_state *state, const char *text); /* --standardize */
/* --hidden: a list of sizes, or none */
struct sizes read_hidden(const struct argp_state *state, const char *text);

/* --augment: flip,shift=4,cutout=8,mixup=0.2,noise=0.05, any of them */
struct clm_augmentation read_augmentation(const struct argp_state *state, const char *text);

/* Inputs, what read_hidden has read, classes. */
struct sizes layer_widths(size_t inputs, const struct sizes *hidden, size_t classes);

/* --data, --format, --test, --val, --val-by, --val-seed, --limit, --inputs, --label, --header, --missing, --resize, --channels; its input is a
 * struct clm_data_options. */
extern const struct argp data_arguments;

/* --device, --backend, --gemm; its input is a struct device_choice. */
struct device_choice {
    struct clm_backend_options options;
    bool has_backend, has_device; /* --backend, --device were given */
    char command[16];             /* whose notes are printed */
};

extern const struct argp device_arguments;

/* By enum clm_backend_kind. */
extern const char *const backend_names[];

/* --memory, --device-memory; its input is a struct memory_limits. */
struct memory_limits {
    uint64_t host, device; /* bytes; 0 for none */
};

extern const struct argp memory_arguments;

/* The same limits for the data and the backend. */
void limit_memory(const struct memory_limits *limits, struct clm_data_options *data,
                  struct clm_backend_options *backend);

/* Before parsing: opencl on $CLMLP_DEVICE. */
struct device_choice default_device(void);

#endif
