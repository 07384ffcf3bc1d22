/* clmlp bench: how long a training step takes, on each backend and device. */
#include "cli/arguments.h"
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REFERENCE_SECONDS_MOST                                                                               \
    10.0                    /* a step of the reference that takes longer is left out unless it is asked for */
#define REFERENCE_FLOPS 7e8 /* a low guess of what plain loops in double do in a second */

struct arguments {
    struct device_choice device;
    struct sizes layers, batches;
    struct clm_bench_options bench;
    const char *json;
    bool is_quiet; /* JSON goes to standard output */
    json_t *rows;
    double blas_milliseconds[WIDTHS_MAX]; /* of each batch; 0 while unknown */
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Benchmark:", 3},
    {"layers", KEY_LAYERS, "WIDTHS", 0, "inputs, hidden layers, classes (default: 3072,3072,10)", 3},
    {"batch", KEY_BATCH, "LIST", 0, "minibatches to time, one after the other (default: 10,100,1000)", 3},
    {"momentum", KEY_MOMENTUM, "RHO", 0, "0 for plain gradient descent (default: 0.9)", 3},
    {"seconds", KEY_SECONDS, "S", 0, "time to spend on each line after warm-up (default: 2)", 3},
    {"json", KEY_JSON, "FILE", 0, "write the lines as JSON, too; - is standard output", 3},
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
    case KEY_MOMENTUM:
        arguments->bench.momentum = read_momentum(state, "--momentum", text);
        return 0;
    case KEY_SECONDS:
        arguments->bench.seconds = read_number(state, "--seconds", text);
        if (!(arguments->bench.seconds > 0))
            wrong_usage(state, "--seconds %s: it has to be above 0", text);
        return 0;
    case KEY_JSON:
        arguments->json = text;
        arguments->is_quiet = !strcmp(text, "-");
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- a line ---- */

/* 2 B I O for each of forward and dW in every layer, and for dX in every layer but the first. */
static double operations_of_step(const struct sizes *layers, size_t batch)
{
    double operations = 0;
    for (size_t l = 0; l + 1 < layers->count; l++)
        operations +=
            (l ? 6.0 : 4.0) * (double)batch * (double)layers->values[l] * (double)layers->values[l + 1];
    return operations;
}

static json_t *layers_list(const struct sizes *layers)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < layers->count; i++)
        json_array_append_new(list, json_integer((json_int_t)layers->values[i]));
    return list;
}

static void print_line(const struct arguments *arguments, const struct clm_backend *backend, size_t b,
                       const struct clm_bench_result *result)
{
    const double blas = arguments->blas_milliseconds[b];
    printf("%-9s  %-11s  %-28.28s  %6zu  %10.4f  %8.4f - %-9.4f  %9.0f  %8.2f  ", clm_backend_name(backend),
           clm_backend_provider(backend), clm_backend_device(backend), arguments->batches.values[b],
           result->milliseconds, result->milliseconds_low, result->milliseconds_high, result->samples_per_s,
           result->gflops);
    if (blas > 0)
        printf("%7.2f  ", blas / result->milliseconds);
    else
        printf("%7s  ", "-");
    printf("%7.2f\n", result->first_step_seconds);
    fflush(stdout);
}

static json_t *describe(const struct arguments *arguments, const struct clm_backend *backend, size_t b,
                        const struct clm_bench_result *result)
{
    const double blas = arguments->blas_milliseconds[b];
    return json_pack("{ss ss ss ss so sI sf sf sf sf sf sf sf so sI}", "system", "clmlp", "backend",
                     clm_backend_name(backend), "provider", clm_backend_provider(backend), "device",
                     clm_backend_device(backend), "layers", layers_list(&arguments->layers), "batch",
                     (json_int_t)arguments->batches.values[b], "momentum", arguments->bench.momentum,
                     "ms_per_step", result->milliseconds, "ms_per_step_low", result->milliseconds_low,
                     "ms_per_step_high", result->milliseconds_high, "samples_per_s", result->samples_per_s,
                     "gflops", result->gflops, "first_step_seconds", result->first_step_seconds,
                     "ratio_to_blas", blas > 0 ? json_real(blas / result->milliseconds) : json_null(),
                     "steps", (json_int_t)result->steps);
}

static bool is_too_slow(const struct arguments *arguments, size_t b)
{
    return !arguments->device.has_backend &&
           operations_of_step(&arguments->layers, arguments->batches.values[b]) / REFERENCE_FLOPS >
               REFERENCE_SECONDS_MOST;
}

/* ---- backends ---- */

/* All batches on one backend. */
static bool bench_backend(struct arguments *arguments, const struct clm_backend_options *wanted)
{
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    if (clm_backend_open(wanted, &backend, &error) != CLM_OK) {
        complain("bench", "%s", error.message);
        return false;
    }
    bool is_done = true;
    for (size_t b = 0; is_done && b < arguments->batches.count; b++) {
        struct clm_bench_options bench = arguments->bench;
        struct clm_bench_result result;
        bench.batch = arguments->batches.values[b];
        if (wanted->kind == CLM_BACKEND_REFERENCE && is_too_slow(arguments, b)) {
            complain("bench",
                     "the reference is left out at batch %zu, where a step takes many seconds; "
                     "--backend reference times it",
                     bench.batch);
            continue;
        }
        is_done = clm_bench(backend, &bench, &result, &error) == CLM_OK;
        if (!is_done) {
            complain("bench", "%s", error.message);
            break;
        }
        if (wanted->kind == CLM_BACKEND_BLAS)
            arguments->blas_milliseconds[b] = result.milliseconds;
        if (!arguments->is_quiet)
            print_line(arguments, backend, b, &result);
        json_array_append_new(arguments->rows, describe(arguments, backend, b, &result));
    }
    clm_backend_close(backend);
    return is_done;
}

/* Every OpenCL device; false where there is none, or one fails. */
static bool bench_devices(struct arguments *arguments)
{
    struct clm_device *devices;
    struct clm_error error = {0};
    size_t count;
    bool is_done = true;
    if (clm_devices_list(NULL, &devices, &count, &error) != CLM_OK) {
        complain("bench", "%s", error.message);
        return false;
    }
    for (size_t d = 0; d < count; d++) {
        char selector[32];
        snprintf(selector, sizeof selector, "%u:%u", devices[d].platform, devices[d].index);
        struct clm_backend_options wanted = arguments->device.options;
        wanted.device = selector;
        is_done = bench_backend(arguments, &wanted) && is_done;
    }
    clm_devices_free(devices);
    return is_done;
}

static bool bench_all(struct arguments *arguments)
{
    if (arguments->device.has_backend)
        return bench_backend(arguments, &arguments->device.options);
    const struct clm_backend_options blas = {.kind = CLM_BACKEND_BLAS},
                                     reference = {.kind = CLM_BACKEND_REFERENCE};
    /* blas first: the others are compared with it */
    bool is_done = bench_backend(arguments, &blas);
    is_done = bench_backend(arguments, &reference) && is_done;
    if (arguments->device.options.device)
        return bench_backend(arguments, &arguments->device.options) && is_done;
    return bench_devices(arguments) && is_done;
}

int command_bench(int argc, char **argv)
{
    static const struct argp_child children[] = {{&device_arguments, 0, NULL, 0}, {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .children = children,
                                     .doc = "Times a training step: a minibatch gathered from a resident "
                                            "data set, forward, backward and update. "
                                            "Without --backend: blas, reference and each OpenCL device, or "
                                            "the one named by --device. Medians, with "
                                            "the 10th and 90th percentile; `first' is the time to the end of "
                                            "the first step, with all that is "
                                            "compiled for it."};
    struct arguments arguments = {.device = default_device(),
                                  .layers = {.values = {3072, 3072, 10}, .count = 3},
                                  .batches = {.values = {10, 100, 1000}, .count = 3},
                                  .bench = {.momentum = 0.9},
                                  .rows = json_array()};
    parse_arguments(&argp, argc, argv, &arguments);
    arguments.bench.sizes = arguments.layers.values;
    arguments.bench.size_count = arguments.layers.count;
    if (!arguments.is_quiet) {
        printf("A training step of ");
        for (size_t i = 0; i < arguments.layers.count; i++)
            printf("%s%zu", i ? "-" : "", arguments.layers.values[i]);
        printf(", momentum %g\n\nbackend    provider     device                         batch     ms/step  "
               "10 - 90 %%         "
               "     samples/s   GFLOP/s  x blas   first s\n",
               arguments.bench.momentum);
        fflush(stdout);
    }
    bool is_done = bench_all(&arguments);
    if (arguments.json)
        is_done = write_json("bench", arguments.json, json_incref(arguments.rows)) && is_done;
    json_decref(arguments.rows);
    return is_done ? EXIT_DONE : EXIT_FAILED;
}
