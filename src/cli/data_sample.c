/* clmlp data sample: a sheet of pictures with their labels. */
#include "cli/arguments.h"
#include "cli/command.h"

struct arguments {
    struct clm_data_options data;
    const char *out;
    enum clm_part part;
    size_t rows;
    uint64_t seed;
    struct clm_augmentation augmentation; /* zero: none */
    bool is_augmented;
};

static const struct argp_option options[] = {
    {"out", KEY_OUT, "FILE.png", 0, "the PNG to write", 2},
    {"rows", KEY_ROWS, "N", 0, "how many pictures, up to 1000 (default 60)", 2},
    {"split", KEY_SPLIT, "PART", 0, "train (default), val or test", 2},
    {"seed", KEY_SEED, "N", 0, "another seed draws other rows, and changes them otherwise (default 1)", 2},
    {"augment", KEY_AUGMENT, "LIST", 0,
     "draws them as training sees them, changed by any of flip, shift=PIXELS, cutout=PIXELS, mixup=ALPHA and noise=SIGMA; see clmlp train",
     2},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *const arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->data;
        return 0;
    case KEY_OUT:
        arguments->out = read_name(state, "--out", text);
        return 0;
    case KEY_ROWS:
        arguments->rows = read_count(state, "--rows", text, 1);
        return 0;
    case KEY_SPLIT:
        arguments->part = read_part(state, text);
        return 0;
    case KEY_SEED:
        arguments->seed = read_seed(state, "--seed", text);
        return 0;
    case KEY_AUGMENT:
        arguments->augmentation = read_augmentation(state, text);
        arguments->is_augmented = true;
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    case ARGP_KEY_END:
        if (!arguments->data.source)
            wrong_usage(state, "--data is needed, as in --data fashion-mnist");
        if (!arguments->out)
            wrong_usage(state, "--out is needed, as in --out sheet.png");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_data_sample(int argc, char **argv)
{
    static const struct argp_child children[] = {{&data_arguments, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Draws pictures of a data set, taken at random, with their class and row, in the order of the classes."};
    struct arguments arguments = {.rows = 60, .seed = 1};
    struct clm_data *data = NULL;
    struct clm_error error = {0};
    parse_arguments(&argp, argc, argv, &arguments);
    clm_status status = clm_data_open(&arguments.data, &data, &error);
    if (status == CLM_OK)
        status =
            arguments.is_augmented
                ? clm_augmented_sheet(data, arguments.part, arguments.rows, &arguments.augmentation,
                                      arguments.seed, arguments.out, &error)
                : clm_data_sheet(data, arguments.part, arguments.rows, arguments.seed, arguments.out, &error);
    clm_data_close(data);
    return status == CLM_OK ? EXIT_DONE : fail_command("data sample", &error);
}
