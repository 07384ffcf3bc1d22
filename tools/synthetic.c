/* clmlp-synthetic OUTDIR: a synthetic data set in CIFAR-10's binary layout, for where no real one can be
 * had. */
#include "data/synthetic.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct arguments {
    const char *directory;
    unsigned long long rows, seed;
};

/* A whole number from `low` to `high`; leaves the program, with what was wrong, at anything else. */
static unsigned long long number(const char *option, const char *text, unsigned long long low,
                                 unsigned long long high, struct argp_state *state)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < low || value > high)
        argp_error(state, "--%s is %s, where it is a whole number from %llu to %llu", option, text, low,
                   high);
    return value;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'r':
        arguments->rows = number("rows", text, 1, SYNTHETIC_ROWS_MAX, state);
        return 0;
    case 's':
        arguments->seed = number("seed", text, 0, UINT64_MAX, state);
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->directory)
            argp_error(state, "one directory is written to, and %s is a second one", text);
        arguments->directory = text;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->directory)
            argp_error(state, "the directory to write to is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_version(FILE *stream, struct argp_state *state)
{
    (void)state;
    fprintf(stream, "clmlp-synthetic %s\n", clm_version());
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"rows", 'r', "N", 0, "Rows of each of the six files, 1 to 1000000 (default 10000)", 0},
        {"seed", 's', "N", 0, "Another seed makes another set (default 1)", 0},
        {0},
    };
    static const struct argp argp = {
        options,
        parse,
        "OUTDIR",
        "Makes a synthetic data set of ten classes in CIFAR-10's binary layout: data_batch_1.bin to "
        "data_batch_5.bin, "
        "test_batch.bin and batches.meta.txt in OUTDIR. The same rows and seed make the same bytes.",
        NULL,
        NULL,
        NULL};
    struct arguments arguments = {.rows = 10000, .seed = 1};
    struct clm_error error;
    argp_program_version_hook = print_version;
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (synthetic_write(arguments.directory, arguments.rows, arguments.seed, &error) != CLM_OK) {
        fprintf(stderr, "clmlp-synthetic: %s\n", error.message);
        return 1;
    }
    return 0;
}
