/* clmlp data convert: a data set in another format. */
#include "cli/arguments.h"
#include "cli/command.h"

#include <string.h>

struct arguments {
    struct clm_data_options data;
    struct clm_data_write_options write;
    const char *out;
    bool has_part; /* --split was given */
};

static const struct argp_option options[] = {
    {"to", KEY_TO, "FORMAT", 0,
     "idx, cifar10, npy or images, which are directories, or npz, csv or libsvm, which are files", 2},
    {"out", KEY_OUT, "PATH", 0, "the file or directory to write", 2},
    {"split", KEY_SPLIT, "PART", 0, "of csv and libsvm, which hold one part: train (default), val or test",
     2},
    {"gzip", KEY_GZIP, NULL, 0, "compress the files of idx", 2},
    {"force", KEY_FORCE, NULL, 0,
     "replace what is there: a file, or a directory of nothing but files of the format", 2},
    {0},
};

static const char *read_format(const struct argp_state *state, const char *text)
{
    const char *names[16];
    const size_t count = clm_data_write_names(names, sizeof names / sizeof *names);
    for (size_t i = 0; i < count && i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], text))
            return names[i];
    wrong_usage(state, "--to %s: it has to be idx, cifar10, npy, images, npz, csv or libsvm", text);
}

static void check(const struct argp_state *state, const struct arguments *arguments)
{
    const char *const format = arguments->write.format;
    if (!arguments->data.source)
        wrong_usage(state, "--data is needed, as in --data fashion-mnist");
    if (!format)
        wrong_usage(state, "--to is needed, as in --to npz");
    if (!arguments->out)
        wrong_usage(state, "--out is needed, as in --out fashion.npz");
    if (arguments->has_part && !clm_data_write_is_of_one_part(format))
        wrong_usage(state, "--split: %s holds training and test set; leave it out", format);
    if (arguments->write.is_gzipped && strcmp(format, "idx"))
        wrong_usage(state, "--gzip: it is for idx alone");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *const arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->data;
        return 0;
    case KEY_TO:
        arguments->write.format = read_format(state, text);
        return 0;
    case KEY_OUT:
        arguments->out = read_name(state, "--out", text);
        return 0;
    case KEY_SPLIT:
        arguments->write.part = read_part(state, text);
        arguments->has_part = true;
        return 0;
    case KEY_GZIP:
        arguments->write.is_gzipped = true;
        return 0;
    case KEY_FORCE:
        arguments->write.replaces = true;
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    case ARGP_KEY_END:
        check(state, arguments);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What the file does not hold of what the data has. */
static void tell_of_losses(const struct arguments *arguments, const struct clm_data *data)
{
    const char *const format = arguments->write.format;
    if (clm_data_class_name(data, 0) && !clm_data_write_keeps_names(format))
        remark("data convert", "%s has no place for the names of the classes; they are numbers now", format);
    if (clm_data_write_is_of_one_part(format) && !arguments->has_part && clm_data_rows(data, CLM_TEST))
        remark("data convert", "%s holds the training set; --split test writes the test set", arguments->out);
}

int command_data_convert(int argc, char **argv)
{
    static const struct argp_child children[] = {{&data_arguments, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Writes a data set in another format. What is at PATH already is left alone, unless --force is given; a conversion that fails leaves nothing behind."};
    struct arguments arguments = {.write = {.part = CLM_TRAIN}};
    struct clm_data *data = NULL;
    struct clm_error error = {0};
    parse_arguments(&argp, argc, argv, &arguments);
    clm_status status = clm_data_open(&arguments.data, &data, &error);
    if (status == CLM_OK)
        status = clm_data_write(data, arguments.out, &arguments.write, &error);
    if (status == CLM_OK)
        tell_of_losses(&arguments, data);
    clm_data_close(data);
    return status == CLM_OK ? EXIT_DONE : fail_command("data convert", &error);
}
