#include "cli/arguments.h"

#include "cli/command.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parsing ---- */

const char *command_name(const struct argp_state *state)
{
    const char *const colon = strrchr(state->argv[0], ' ');
    return colon ? colon + 1 : state->argv[0];
}

void begin_parsing(struct argp_state *state)
{
    /* argv[0] is "clmlp: train", as getopt's complaints begin; in --help it reads as it is typed. */
    static char name[64];
    snprintf(name, sizeof name, "clmlp %s", command_name(state));
    state->name = name;
}

void parse_arguments(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = EXIT_USAGE;
    const error_t code = argp_parse(argp, argc, argv, 0, NULL, input);
    if (code) {
        fprintf(stderr, "%s: the arguments could not be read: %s\n", argv[0], strerror(code));
        exit(EXIT_USAGE);
    }
}

_Noreturn void wrong_usage(const struct argp_state *state, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: ", state->argv[0]);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry `clmlp %s --help'.\n", command_name(state));
    exit(EXIT_USAGE);
}

/* ---- values ---- */

/* Digits and nothing else, for strtoull takes signs and spaces. */
static bool read_digits(const char *text, unsigned long long *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return !errno && !*end;
}

size_t read_count(const struct argp_state *state, const char *option, const char *text, size_t least)
{
    unsigned long long value;
    if (!read_digits(text, &value) || value < least || value > SIZE_MAX / 2)
        wrong_usage(state, "%s %s: it has to be a whole number of at least %zu", option, text, least);
    return (size_t)value;
}

uint64_t read_seed(const struct argp_state *state, const char *option, const char *text)
{
    unsigned long long value;
    if (!read_digits(text, &value))
        wrong_usage(state, "%s %s: it has to be a whole number from 0 to %llu", option, text,
                    (unsigned long long)UINT64_MAX);
    return value;
}

double read_number(const struct argp_state *state, const char *option, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        wrong_usage(state, "%s %s: it has to be a number, as in %s 0.1", option, text, option);
    return value;
}

struct sizes read_sizes(const struct argp_state *state, const char *option, const char *text)
{
    struct sizes sizes = {.count = 0};
    const char *at = text;
    while (true) {
        const size_t length = strcspn(at, ",");
        char number[32];
        unsigned long long value = 0;
        snprintf(number, sizeof number, "%.*s", (int)(length < 31 ? length : 31), at);
        if (length > 20 || !read_digits(number, &value) || !value || value > INT32_MAX)
            wrong_usage(state, "%s %s: it has to be a list of whole numbers of at least 1, as in %s 256,128",
                        option, text, option);
        if (sizes.count == WIDTHS_MAX)
            wrong_usage(state, "%s %s: it may have up to %d numbers", option, text, WIDTHS_MAX);
        sizes.values[sizes.count++] = (size_t)value;
        if (!at[length])
            return sizes;
        at += length + 1;
    }
}

static double read_validation(const struct argp_state *state, const char *text)
{
    const double value = read_number(state, "--val", text);
    if (value < 0 || (value >= 1 && value != floor(value)))
        wrong_usage(state,
                    "--val %s: it has to be a number of rows, as in 5000, or a fraction below 1, as in 0.1",
                    text);
    return value;
}

/* ---- shared options ---- */

static const struct argp_option data_options[] = {
    {NULL, 0, NULL, 0, "Data:", 1},
    {"data", KEY_DATA, "NAME|PATH", 0,
     "fashion-mnist, mnist or cifar10, looked for in $CLMLP_DATA, ~/.local/share/clmlp and "
     "/usr/share/datasets; or a "
     "file or directory",
     1},
    {"format", KEY_FORMAT, "FORMAT", 0, "idx or cifar10 (default: recognised by content)", 1},
    {"test", KEY_TEST, "PATH", 0, "test set where the data brings none", 1},
    {"val", KEY_VALIDATION, "N|0.1", 0,
     "hold out the last N rows, or that fraction, of the training set for validation (default: none)", 1},
    {"limit", KEY_LIMIT, "N", 0, "keep the first N training rows of what is left (default: all)", 1},
    {0},
};

static error_t parse_data(int key, char *text, struct argp_state *state)
{
    struct clm_data_options *const options = state->input;
    switch (key) {
    case KEY_DATA:
        options->source = text;
        return 0;
    case KEY_FORMAT:
        if (strcmp(text, "idx") && strcmp(text, "cifar10"))
            wrong_usage(state, "--format %s: it has to be idx or cifar10", text);
        options->format = text;
        return 0;
    case KEY_TEST:
        options->test = text;
        return 0;
    case KEY_VALIDATION:
        options->validation = read_validation(state, text);
        return 0;
    case KEY_LIMIT:
        options->limit = read_count(state, "--limit", text, 1);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp data_arguments = {.options = data_options, .parser = parse_data};

static const struct argp_option device_options[] = {
    {NULL, 0, NULL, 0, "Device:", 2},
    {"backend", KEY_BACKEND, "BACKEND", 0,
     "opencl (default), blas (OpenBLAS on all cores) or reference (plain loops, double precision)", 2},
    {"device", KEY_DEVICE, "DEVICE", 0,
     "OpenCL device: auto, gpu, cpu, P:D as `clmlp devices' prints it, or a part of its name (default: "
     "$CLMLP_DEVICE, "
     "else auto)",
     2},
    {"gemm", KEY_GEMM, "PROVIDER", 0, "who multiplies on an OpenCL device: auto (default), native or clblast",
     2},
    {0},
};

static enum clm_backend_kind read_backend(const struct argp_state *state, const char *text)
{
    static const char *const names[] = {
        [CLM_BACKEND_REFERENCE] = "reference", [CLM_BACKEND_BLAS] = "blas", [CLM_BACKEND_OPENCL] = "opencl"};
    for (size_t kind = 0; kind < sizeof names / sizeof *names; kind++)
        if (!strcmp(text, names[kind]))
            return (enum clm_backend_kind)kind;
    wrong_usage(state, "--backend %s: it has to be opencl, blas or reference", text);
}

static error_t parse_device(int key, char *text, struct argp_state *state)
{
    struct device_choice *const choice = state->input;
    switch (key) {
    case KEY_BACKEND:
        choice->options.kind = read_backend(state, text);
        choice->has_backend = true;
        return 0;
    case KEY_DEVICE:
        choice->options.device = text;
        return 0;
    case KEY_GEMM:
        if (strcmp(text, "auto") && strcmp(text, "native") && strcmp(text, "clblast"))
            wrong_usage(state, "--gemm %s: it has to be auto, native or clblast", text);
        choice->options.gemm = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp device_arguments = {.options = device_options, .parser = parse_device};

struct device_choice default_device(void)
{
    const char *const device = getenv("CLMLP_DEVICE");
    return (struct device_choice){
        .options = {.kind = CLM_BACKEND_OPENCL, .device = device && *device ? device : NULL}};
}
