/* clmlp gradcheck: are the gradients right? */
#include "cli/arguments.h"
#include "cli/command.h"

#include <stdio.h>

#define INPUTS  20 /* of a net without data */
#define CLASSES 5

struct arguments {
    struct clm_data_options data;
    struct device_choice device;
    struct sizes hidden;
    struct clm_gradcheck_options check;
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Net:", 3},
    {"hidden", KEY_HIDDEN, "WIDTHS", 0, "widths of the hidden layers (default: 13,7)", 3},
    {"init", KEY_INIT, "SCHEME|FILE", 0, "he (default), xavier, normal:STD, or a safetensors file", 3},
    {"l2", KEY_L2, "LAMBDA", 0, "the penalty is LAMBDA times the sum of squared weights (default: 0.01)", 3},
    {"batch", KEY_BATCH, "N", 0, "rows of the minibatch (default: 11)", 3},
    {"seed", KEY_SEED, "N", 0, "of weights, inputs and the choice of parameters (default: 1)", 3},
    {"standardize", KEY_STANDARDIZE, "HOW", 0,
     "the inputs of --data, as in training: none (default), global or feature", 3},
    {"samples", KEY_SAMPLES, "N", 0, "parameters tried of each weight and bias (default: 50)", 3},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *const arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->data;
        state->child_inputs[1] = &arguments->device;
        return 0;
    case KEY_HIDDEN:
        arguments->hidden = read_hidden(state, text);
        return 0;
    case KEY_INIT:
        arguments->check.init = read_init(state, text);
        return 0;
    case KEY_L2:
        arguments->check.l2 = read_not_negative(state, "--l2", text);
        return 0;
    case KEY_BATCH:
        arguments->check.batch = read_count(state, "--batch", text, 1);
        return 0;
    case KEY_SEED:
        arguments->check.seed = read_seed(state, "--seed", text);
        return 0;
    case KEY_STANDARDIZE:
        arguments->check.standardise = read_standardise(state, text);
        return 0;
    case KEY_SAMPLES:
        arguments->check.samples = read_count(state, "--samples", text, 1);
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    case ARGP_KEY_END:
        if (arguments->check.standardise != CLM_STANDARDISE_NONE && !arguments->data.source)
            wrong_usage(state, "--standardize is for the inputs of a data set; name one with --data");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_row(void *user, const struct clm_gradcheck_row *row)
{
    (void)user;
    char index[48];
    snprintf(index, sizeof index, "[%zu,%zu]", row->worst_row, row->worst_column);
    printf("%-16s  %5zu  %5zu  %-12s  %13.6e  %13.6e  %13.6e  %9.4f  %9.4f  %s\n", row->parameter, row->tried,
           row->skipped, index, row->numerical, row->analytic, row->device, row->error_over_bound,
           row->device_error_over_bound, row->passed ? "ok" : "FAILED");
}

static int check(struct arguments *arguments, const struct clm_data *data)
{
    const struct sizes layers = layer_widths(data ? clm_data_features(data) : INPUTS, &arguments->hidden,
                                             data ? clm_data_classes(data) : CLASSES);
    arguments->check.sizes = layers.values;
    arguments->check.size_count = layers.count;
    arguments->check.data = data;

    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    bool passed = false;
    if (open_backend(&arguments->device.options, &backend, &error) != CLM_OK)
        return fail_command("gradcheck", &error);
    printf(
        "Gradients of the reference against central differences, and of %s on %s against the reference.\n"
        "Each with the element whose difference is worst.\n\n"
        "parameter         tried  kinks  worst             numerical       analytic         device  num/bound  dev/bound\n",
        clm_backend_name(backend), printable(clm_backend_device(backend)).text);
    const clm_status status = clm_gradcheck(backend, &arguments->check, print_row, NULL, &passed, &error);
    clm_backend_close(backend);
    if (status != CLM_OK)
        return fail_command("gradcheck", &error);
    printf("\n%s\n", passed ? "All gradients agree within their bounds." : "Some gradients are wrong.");
    return passed ? EXIT_DONE : EXIT_FAILED;
}

int command_gradcheck(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&data_arguments, 0, NULL, 0}, {&device_arguments, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Compares the reference's analytic gradients with central differences in double precision, and the device's gradients with the reference's. Without --data, inputs are 20 random features of 5 classes. Parameters whose difference crosses a ReLU's kink are left out and counted."};
    struct arguments arguments = {.device = default_device(),
                                  .hidden = {.values = {13, 7}, .count = 2},
                                  .check = {.batch = 11, .samples = 50, .l2 = 0.01, .seed = 1}};
    struct clm_data *data = NULL;
    struct clm_error error = {0};
    parse_arguments(&argp, argc, argv, &arguments);
    if (arguments.data.source && clm_data_open(&arguments.data, &data, &error) != CLM_OK)
        return fail_command("gradcheck", &error);
    const int code = check(&arguments, data);
    clm_data_close(data);
    return code;
}
