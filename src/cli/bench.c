/* clmlp bench: times a training step on each backend and device. */
#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCE_SECONDS_MOST 20.0 /* the reference is left out if its step takes longer, unless asked for */
#define REFERENCE_GFLOPS       1.0  /* a guess for plain loops in double, until they are timed */

struct bench_arguments {
    struct clm_backend_options device;
    struct sizes layers, batches;
    struct clm_bench_options bench;
    bool has_backend; /* --backend was given */
    bool is_quiet;    /* JSON goes to standard output */
    json_t *rows;
    double blas_milliseconds[WIDTHS_MAX]; /* per batch; 0 while unknown */
    double reference_gflops;
    bool has_failed;
};

/* ---- a line ---- */

/* 2 B I O for each of forward and dW in every layer, and for dX in every layer but the first. */
static double cli_bench_operations_of_step(const struct sizes *layers, size_t batch)
{
    double operations = 0;
    for (size_t l = 0; l + 1 < layers->count; l++)
        operations +=
            (l ? 6.0 : 4.0) * (double)batch * (double)layers->values[l] * (double)layers->values[l + 1];
    return operations;
}

static void print_line(const struct bench_arguments *arguments, const struct clm_backend *backend, size_t b,
                       const struct clm_bench_result *result)
{
    const double blas = arguments->blas_milliseconds[b];
    printf("%-9s  %-13s  %-32.32s  %6zu  %10.4f  %9.4f - %9.4f  %9.0f  %8.2f  ", clm_backend_name(backend),
           clm_backend_provider(backend), printable(clm_backend_device(backend)).text,
           arguments->batches.values[b], result->milliseconds, result->milliseconds_low,
           result->milliseconds_high, result->samples_per_s, result->gflops);
    if (blas > 0 && result->milliseconds > 0)
        printf("%7.2f  ", blas / result->milliseconds);
    else
        printf("%7s  ", "-");
    printf("%7.3f  %7.3f\n", result->first_step_seconds, result->tuning_seconds);
}

static json_t *cli_bench_describe(const struct bench_arguments *arguments, const struct clm_backend *backend,
                                  size_t b, const struct clm_bench_result *result)
{
    return json_pack("{ss ss ss so so sI sf sf sf sf sf sf sf sf}", "system", "clmlp", "backend",
                     clm_backend_name(backend), "provider", clm_backend_provider(backend), "device",
                     json_text(clm_backend_device(backend)), "layers",
                     json_sizes(arguments->layers.values, arguments->layers.count), "batch",
                     (json_int_t)arguments->batches.values[b], "momentum", arguments->bench.momentum,
                     "ms_per_step", result->milliseconds, "samples_per_s", result->samples_per_s, "gflops",
                     result->gflops, "ms_p10", result->milliseconds_low, "ms_p90", result->milliseconds_high,
                     "first_step_s", result->first_step_seconds, "tuning_s", result->tuning_seconds);
}

/* ---- a profile ---- */

static double share_of(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static void print_profile(const struct clm_bench_profile *profile)
{
    double sum = 0;
    printf("\n    %-20s  %7s  %10s  %7s  %9s  %8s  %9s  %8s\n", "kernel", "calls", "ms/step", "share",
           "GFLOP/s", "of peak", "GB/s", "of peak");
    for (size_t k = 0; k < profile->count; k++) {
        const struct clm_bench_kernel *const kernel = &profile->kernels[k];
        sum += kernel->milliseconds;
        printf("    %-20s  %7.1f  %10.4f  %5.1f %%  ", kernel->name, kernel->calls, kernel->milliseconds,
               share_of(kernel->milliseconds, profile->milliseconds));
        if (kernel->gflops > 0)
            printf("%9.2f  %6.1f %%  ", kernel->gflops, share_of(kernel->gflops, profile->peak_gflops));
        else
            printf("%9s  %8s  ", "-", "-");
        if (kernel->gbytes_per_s > 0)
            printf("%9.2f  %6.1f %%\n", kernel->gbytes_per_s,
                   share_of(kernel->gbytes_per_s, profile->peak_gbytes_per_s));
        else
            printf("%9s  %8s\n", "-", "-");
    }
    printf("    %-20s  %7s  %10.4f  %5.1f %%\n", "between kernels", "", profile->milliseconds - sum,
           share_of(profile->milliseconds - sum, profile->milliseconds));
    printf("    peaks measured now: %.1f GFLOP/s multiplying and adding, %.1f GB/s copying\n\n",
           profile->peak_gflops, profile->peak_gbytes_per_s);
}

static json_t *describe_profile(const struct clm_bench_profile *profile)
{
    json_t *const list = json_array();
    for (size_t k = 0; k < profile->count; k++) {
        const struct clm_bench_kernel *const kernel = &profile->kernels[k];
        json_list_add(list, json_pack("{ss sf sf sf sf}", "kernel", kernel->name, "calls", kernel->calls,
                                      "ms", kernel->milliseconds, "gflops", kernel->gflops, "gbytes_per_s",
                                      kernel->gbytes_per_s));
    }
    return json_pack("{sf sf sf so}", "ms_per_step", profile->milliseconds, "peak_gflops",
                     profile->peak_gflops, "peak_gbytes_per_s", profile->peak_gbytes_per_s, "kernels", list);
}

static double reference_seconds(const struct bench_arguments *arguments, size_t batch)
{
    return 1e-9 * cli_bench_operations_of_step(&arguments->layers, batch) / arguments->reference_gflops;
}

/* ---- backends ---- */

static bool is_left_out(const struct bench_arguments *arguments, const struct clm_backend *backend,
                        size_t batch)
{
    const double seconds = reference_seconds(arguments, batch);
    if (clm_backend_kind(backend) != CLM_BACKEND_REFERENCE || arguments->has_backend ||
        seconds <= REFERENCE_SECONDS_MOST)
        return false;
    remark(
        "bench",
        "the reference is left out at batch %zu, where a step would take about %.0f s; --backend reference times it",
        batch, seconds);
    return true;
}

static void bench_batch(struct bench_arguments *arguments, struct clm_backend *backend, size_t b)
{
    struct clm_bench_options bench = arguments->bench;
    struct clm_bench_result result;
    struct clm_error error = {0};
    bench.batch = arguments->batches.values[b];
    if (is_left_out(arguments, backend, bench.batch))
        return;
    bench.wants_profile = bench.wants_profile && clm_backend_kind(backend) == CLM_BACKEND_OPENCL;
    if (clm_bench(backend, &bench, &result, &error) != CLM_OK) {
        name_options("bench", &error);
        complain("bench", "%s at batch %zu: %s", clm_backend_name(backend), bench.batch, error.message);
        arguments->has_failed = true;
        return;
    }
    if (clm_backend_kind(backend) == CLM_BACKEND_BLAS)
        arguments->blas_milliseconds[b] = result.milliseconds;
    if (clm_backend_kind(backend) == CLM_BACKEND_REFERENCE && result.gflops > 0)
        arguments->reference_gflops = result.gflops;
    if (!arguments->is_quiet)
        print_line(arguments, backend, b, &result);
    if (!arguments->is_quiet && result.profile.count)
        print_profile(&result.profile);
    json_t *const row = cli_bench_describe(arguments, backend, b, &result);
    if (row && result.profile.count)
        json_object_put(row, "profile", describe_profile(&result.profile));
    json_list_add(arguments->rows, row);
}

/* Times all batches on one backend. A backend that is not there is a failure only if the user named it. */
static void bench_backend(struct bench_arguments *arguments, const struct clm_backend_options *wanted,
                          bool is_asked_for)
{
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    if (open_backend(wanted, &backend, &error) == CLM_OK) {
        for (size_t b = 0; b < arguments->batches.count; b++)
            bench_batch(arguments, backend, b);
    } else if (is_asked_for) {
        fail_command("bench", &error);
        arguments->has_failed = true;
    } else {
        name_options("bench", &error);
        remark("bench", "left out: %s", error.message);
    }
    clm_backend_close(backend);
}

static void bench_devices(struct bench_arguments *arguments)
{
    struct clm_device *devices;
    struct clm_error error = {0};
    size_t count;
    if (load_drivers(&error) != CLM_OK || clm_devices_list(NULL, &devices, &count, &error) != CLM_OK) {
        remark("bench", "left out: %s", error.message);
        return;
    }
    for (size_t d = 0; d < count; d++) {
        char selector[32];
        snprintf(selector, sizeof selector, "%u:%u", devices[d].platform, devices[d].index);
        struct clm_backend_options wanted = arguments->device;
        wanted.device = selector;
        bench_backend(arguments, &wanted, false);
    }
    clm_devices_free(devices);
}

static void bench_all(struct bench_arguments *arguments)
{
    const struct clm_backend_options blas = {.kind = CLM_BACKEND_BLAS},
                                     reference = {.kind = CLM_BACKEND_REFERENCE};
    if (arguments->has_backend) {
        bench_backend(arguments, &arguments->device, true);
        return;
    }
    bench_backend(arguments, &blas, false); /* first, because the others are compared with it */
    bench_backend(arguments, &reference, false);
    if (arguments->device.device)
        bench_backend(arguments, &arguments->device, true);
    else
        bench_devices(arguments);
}

/* ---- a picture ---- */

#define SERIES_MAX 64

/* Rows of the same backend, provider and device are a curve. */
static bool is_same_system(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"backend", "device"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (!json_equal(json_object_get(a, keys[k]), json_object_get(b, keys[k])))
            return false;
    return true;
}

/* Collects the rows of the same system as row `first` into a curve. */
static void collect(const json_t *rows, size_t first, struct clm_bench_series *series, size_t *batches,
                    double *rates)
{
    const json_t *const system = json_array_get(rows, first);
    *series = (struct clm_bench_series){.batches = batches, .samples_per_s = rates};
    snprintf(series->name, sizeof series->name, "%.16s, %.60s",
             json_string_value(json_object_get(system, "backend")),
             json_string_value(json_object_get(system, "device")));
    for (size_t i = first; i < json_array_size(rows); i++) {
        const json_t *const row = json_array_get(rows, i);
        if (!is_same_system(row, system) || !(json_number_value(json_object_get(row, "samples_per_s")) > 0))
            continue; /* of another curve, or the clock stood still */
        batches[series->count] = (size_t)json_integer_value(json_object_get(row, "batch"));
        rates[series->count++] = json_number_value(json_object_get(row, "samples_per_s"));
    }
}

static bool is_first_of_its_system(const json_t *rows, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (is_same_system(json_array_get(rows, i), json_array_get(rows, at)))
            return false;
    return true;
}

static void cli_bench_draw(struct bench_arguments *arguments, const char *path)
{
    const size_t count = json_array_size(arguments->rows);
    struct clm_bench_series series[SERIES_MAX];
    struct clm_error error = {0};
    char title[160] = "A training step of ";
    size_t drawn = 0, *const batches = calloc(count * count + 1, sizeof *batches);
    double *const rates = calloc(count * count + 1, sizeof *rates);
    for (size_t i = 0; batches && rates && i < count && drawn < SERIES_MAX; i++)
        if (is_first_of_its_system(arguments->rows, i)) {
            collect(arguments->rows, i, &series[drawn], batches + count * drawn, rates + count * drawn);
            drawn++;
        }
    for (size_t i = 0, at = strlen(title); i < arguments->layers.count && at < sizeof title; i++)
        at += (size_t)snprintf(title + at, sizeof title - at, "%s%zu", i ? "-" : "",
                               arguments->layers.values[i]);
    if (!batches || !rates) {
        complain("bench", "%s: the host has no memory for %zu bytes", path,
                 2 * (count * count + 1) * sizeof *rates);
        arguments->has_failed = true;
    } else if (clm_bench_plot(path, title, series, drawn, &error) != CLM_OK) {
        fail_command("bench", &error);
        arguments->has_failed = true;
    }
    free(batches);
    free(rates);
}

/* ---- the crossover ---- */

/* Prints the batches at which another system becomes the fastest. */
static void print_crossover(const struct bench_arguments *arguments)
{
    const json_t *before = NULL;
    if (arguments->batches.count > 1)
        printf("\n");
    for (size_t b = 0; b < arguments->batches.count; b++) {
        const json_t *best = NULL, *row;
        size_t i;
        json_array_foreach(arguments->rows, i, row)
        {
            if ((size_t)json_integer_value(json_object_get(row, "batch")) == arguments->batches.values[b] &&
                (!best || json_number_value(json_object_get(row, "ms_per_step")) <
                              json_number_value(json_object_get(best, "ms_per_step"))))
                best = row;
        }
        if (best && before && !is_same_system(best, before))
            printf("from batch %zu on %s on %s is the fastest; before, %s on %s\n",
                   arguments->batches.values[b], json_string_value(json_object_get(best, "backend")),
                   json_string_value(json_object_get(best, "device")),
                   json_string_value(json_object_get(before, "backend")),
                   json_string_value(json_object_get(before, "device")));
        if (best)
            before = best;
    }
    if (before && arguments->batches.count > 1)
        printf("at batch %zu %s on %s is the fastest\n",
               arguments->batches.values[arguments->batches.count - 1],
               json_string_value(json_object_get(before, "backend")),
               json_string_value(json_object_get(before, "device")));
}

static void cli_bench_print_heading(const struct bench_arguments *arguments)
{
    printf("A training step of ");
    for (size_t i = 0; i < arguments->layers.count; i++)
        printf("%s%zu", i ? "-" : "", arguments->layers.values[i]);
    printf(", momentum %g\n\n", arguments->bench.momentum);
    printf("%-9s  %-13s  %-32s  %6s  %10s  %21s  %9s  %8s  %7s  %7s  %7s\n", "backend", "provider", "device",
           "batch", "ms/step", "10 % to 90 %", "samples/s", "GFLOP/s", "x blas", "first s", "tune s");
}

/* Fails if the table or its JSON is incomplete. */
static void check_bench_rows(struct bench_arguments *arguments, const char *json)
{
    if (!json_is_whole() && !json)
        complain("bench", "no memory for the rows of its table");
    else if (json_is_whole() && !json_array_size(arguments->rows) && !arguments->has_failed)
        complain("bench", "nothing could be timed");
    else
        return;
    arguments->has_failed = true;
}

static clm_status run_bench(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    const char *const json = clm_settings_text(settings, "json"), *const plot =
                                                                      clm_settings_text(settings, "plot");
    struct bench_arguments arguments = {.layers = layers_of(in),
                                        .batches = setting_sizes(settings, "batch"),
                                        .bench = {.momentum = clm_settings_number(settings, "momentum"),
                                                  .seconds = clm_settings_number(settings, "seconds"),
                                                  .wants_profile = clm_settings_count(settings, "profile")},
                                        .has_backend = clm_settings_is_set(settings, "backend"),
                                        .is_quiet = is_json_alone(settings),
                                        .reference_gflops = REFERENCE_GFLOPS,
                                        .rows = json_array()};
    (void)error; /* each failure has been printed */
    arguments.device = backend_options(in);
    arguments.bench.sizes = arguments.layers.values;
    arguments.bench.size_count = arguments.layers.count;
    if (!arguments.is_quiet)
        cli_bench_print_heading(&arguments);
    bench_all(&arguments);
    if (!arguments.is_quiet)
        print_crossover(&arguments);
    if (plot && json_array_size(arguments.rows))
        cli_bench_draw(&arguments, plot);
    check_bench_rows(&arguments, json);
    if (json && !write_json("bench", json, json_incref(arguments.rows)))
        arguments.has_failed = true;
    json_decref(arguments.rows);
    in->code = arguments.has_failed ? EXIT_FAILED : EXIT_DONE;
    return CLM_OK;
}

const struct command command_bench = {
    "bench", "how long a training step takes on each backend and device", run_bench,
    "Times a training step: a minibatch gathered from a resident data set, forward, backward and update. Without --backend: blas, reference (unless a step would take more than 20 s there), and each OpenCL device or the one named by --device.\vPrinted are the median, what 10 % and 90 % of the timings stay below, the speed relative to blas, the seconds to the end of the first step with all that is compiled for it, and those of measuring which provider multiplies fastest. A step's operations are 2 B I O for each of forward and weight gradient in every layer, and for the input gradient in every layer but the first."};
