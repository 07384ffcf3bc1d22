/* clmlp data make: a synthetic data set, for where no real one can be had. */
#include "cli/arguments.h"
#include "cli/command.h"

#include <stdio.h>

struct arguments {
    const char *out;
    size_t rows;
    uint64_t seed;
    bool replaces;
};

static const struct argp_option options[] = {
    {"out", KEY_OUT, "DIR", 0, "the directory to write to", 1},
    {"rows", KEY_ROWS, "N", 0, "rows of each of the six files, 1 to 1000000 (default 10000)", 1},
    {"force", KEY_FORCE, NULL, 0, "replace a set that is there (default: leave it alone, and fail)", 1},
    {"seed", KEY_SEED, "N", 0, "another seed makes another set (default 1)", 1},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *const arguments = state->input;
    switch (key) {
    case KEY_OUT:
        arguments->out = read_name(state, "--out", text);
        return 0;
    case KEY_ROWS:
        arguments->rows = read_count(state, "--rows", text, 1);
        if (arguments->rows > CLM_DATA_MAKE_ROWS_MAX)
            wrong_usage(state, "--rows %s: it has to be 1 to %d", text, CLM_DATA_MAKE_ROWS_MAX);
        return 0;
    case KEY_SEED:
        arguments->seed = read_seed(state, "--seed", text);
        return 0;
    case KEY_FORCE:
        arguments->replaces = true;
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    case ARGP_KEY_END:
        if (!arguments->out)
            wrong_usage(state, "--out is needed, as in --out synthetic");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_data_make(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc =
            "Makes a synthetic data set of ten classes in CIFAR-10's binary layout: data_batch_1.bin to data_batch_5.bin, test_batch.bin and batches.meta.txt. The same rows and seed make the same bytes."};
    struct arguments arguments = {.rows = 10000, .seed = 1};
    struct clm_error error = {0};
    parse_arguments(&argp, argc, argv, &arguments);
    return clm_data_make(arguments.out, arguments.rows, arguments.seed, arguments.replaces, &error) == CLM_OK
               ? EXIT_DONE
               : fail_command("data make", &error);
}
