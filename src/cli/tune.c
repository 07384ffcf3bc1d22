/* clmlp tune: who multiplies fastest, product by product, kept for all later runs. */
#include "cli/arguments.h"
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    struct device_choice device;
    struct sizes layers, batches;
    const char *json;
    json_t *rows;
    size_t wrong;
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Tuning:", 3},
    {"layers", KEY_LAYERS, "WIDTHS", 0, "inputs, hidden layers, classes (default: 3072,3072,10)", 3},
    {"batch", KEY_BATCH, "LIST", 0, "minibatches to measure, one after the other (default: 10,100,1000)", 3},
    {"json", KEY_JSON, "FILE", 0, "write the measurements as JSON, too; - is standard output", 3},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *const arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->device;
        return 0;
    case KEY_LAYERS:
        arguments->layers = read_sizes(state, "--layers", text);
        if (arguments->layers.count < 2)
            wrong_usage(state, "--layers %s: it needs inputs and classes at least, as in 784,10", text);
        return 0;
    case KEY_BATCH:
        arguments->batches = read_sizes(state, "--batch", text);
        return 0;
    case KEY_JSON:
        arguments->json = read_output(state, "--json", text);
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    case ARGP_KEY_END:
        if (arguments->device.options.kind != CLM_BACKEND_OPENCL)
            wrong_usage(state, "--backend %s: only opencl has a choice of who multiplies",
                        arguments->device.options.kind == CLM_BACKEND_BLAS ? "blas" : "reference");
        if (arguments->device.options.gemm && strcmp(arguments->device.options.gemm, "auto"))
            wrong_usage(state, "--gemm %s: it measures all there are", arguments->device.options.gemm);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool is_table(const struct arguments *arguments)
{
    return !arguments->json || strcmp(arguments->json, "-");
}

static void hear(void *user, const struct clm_tune_row *row)
{
    struct arguments *const arguments = user;
    const bool is_right = row->error_over_bound <= 1 && row->milliseconds > 0;
    arguments->wrong += !is_right;
    json_list_add(arguments->rows,
                  json_pack("{ss ss sI sI sI so sb sf sf}", "product", row->product, "provider",
                            row->candidate, "batch", (json_int_t)row->batch, "inputs",
                            (json_int_t)row->inputs, "outputs", (json_int_t)row->outputs, "error_over_bound",
                            json_number(row->error_over_bound), "passed", is_right, "ms", row->milliseconds,
                            "gflops", row->gflops));
    if (!is_table(arguments))
        return;
    printf("%-14s  %6zu  %6zu  %6zu  %-13s  ", row->product, row->batch, row->inputs, row->outputs,
           row->candidate);
    if (is_right)
        printf("%11.4f  %9.1f\n", row->error_over_bound, row->gflops);
    else
        printf("%11.4g      WRONG\n", row->error_over_bound);
    fflush(stdout);
}

/* The net's layers as one line, "784-256-10". */
static void print_heading(const struct arguments *arguments, const struct clm_backend *backend)
{
    printf("The products of ");
    for (size_t i = 0; i < arguments->layers.count; i++)
        printf("%s%zu", i ? "-" : "", arguments->layers.values[i]);
    printf(" on %s\n\n%-14s  %6s  %6s  %6s  %-13s  %11s  %9s\n", printable(clm_backend_device(backend)).text,
           "product", "batch", "inputs", "outputs", "provider", "error/bound", "GFLOP/s");
}

static int finish(struct arguments *arguments, const struct clm_backend *backend)
{
    const char *const path = clm_tune_path(backend);
    if (is_table(arguments))
        printf("\n%.1f s; the fastest right one of each is kept %s%s%s\n", clm_tune_seconds(backend),
               path ? "in "
               : kernel_folder()
                   ? "for this run only: CLMLP_KERNEL_DIR's kernels may change"
                   : "for this run only: there is no cache directory to keep it in (set XDG_CACHE_HOME)",
               path ? path : "", "");
    const bool is_written =
        !arguments->json || write_json("tune", arguments->json, json_incref(arguments->rows));
    if (arguments->wrong)
        complain("tune", "%zu of the measurements above are of wrong results; their providers are not used",
                 arguments->wrong);
    return is_written ? EXIT_DONE : EXIT_FAILED;
}

static int tune(struct arguments *arguments)
{
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    clm_status status = open_backend(&arguments->device.options, &backend, &error);
    if (status != CLM_OK)
        return fail_command("tune", &error);
    if (is_table(arguments))
        print_heading(arguments, backend);
    for (size_t b = 0; status == CLM_OK && b < arguments->batches.count; b++)
        status = clm_tune(backend, arguments->layers.values, arguments->layers.count,
                          arguments->batches.values[b], hear, arguments, &error);
    const int code = status == CLM_OK ? finish(arguments, backend) : fail_command("tune", &error);
    clm_backend_close(backend);
    return code;
}

int command_tune(int argc, char **argv)
{
    static const struct argp_child children[] = {{&device_arguments, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc =
            "Measures every provider of products on the layers of a net and keeps the fastest right one of each product in the cache directory (${XDG_CACHE_HOME:-~/.cache}/clmlp), where `--gemm auto' finds it. A provider is timed only after its results have passed a check against the host in double precision; a wrong one is named and never used on this device.\vTraining measures by itself when it meets a shape for the first time, but for what takes seconds to build. Large batches are measured by a part of their rows."};
    struct arguments arguments = {.device = default_device(),
                                  .layers = {.values = {3072, 3072, 10}, .count = 3},
                                  .batches = {.values = {10, 100, 1000}, .count = 3},
                                  .rows = json_array()};
    parse_arguments(&argp, argc, argv, &arguments);
    const int code = tune(&arguments);
    json_decref(arguments.rows);
    return code;
}
