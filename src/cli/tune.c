/* clmlp tune: measures which provider computes each product fastest; later runs use the result. */
#include "cli/arguments.h"

#include <stdio.h>
#include <string.h>

struct tune_arguments {
    const struct clm_settings *settings;
    struct sizes layers, batches;
    json_t *rows;
    size_t wrong;
};

static void cli_tune_hear(void *user, const struct clm_tune_row *row)
{
    struct tune_arguments *const arguments = user;
    const bool is_right = row->error_over_bound <= 1;
    arguments->wrong += !is_right;
    json_list_add(arguments->rows,
                  json_pack("{ss ss sI sI sI so sb sf sf}", "product", row->product, "provider",
                            row->candidate, "batch", (json_int_t)row->batch, "inputs",
                            (json_int_t)row->inputs, "outputs", (json_int_t)row->outputs, "error_over_bound",
                            json_number(row->error_over_bound), "passed", is_right, "ms", row->milliseconds,
                            "gflops", row->gflops));
    if (is_json_alone(arguments->settings))
        return;
    printf("%-14s  %6zu  %6zu  %6zu  %-13s  ", row->product, row->batch, row->inputs, row->outputs,
           row->candidate);
    if (is_right)
        printf("%11.4f  %9.1f\n", row->error_over_bound, row->gflops);
    else
        printf("%11.4g      WRONG\n", row->error_over_bound);
    fflush(stdout);
}

/* The net's layers in one line, "784-256-10". */
static void cli_tune_print_heading(const struct tune_arguments *arguments, const struct clm_backend *backend)
{
    printf("The products of ");
    for (size_t i = 0; i < arguments->layers.count; i++)
        printf("%s%zu", i ? "-" : "", arguments->layers.values[i]);
    printf(" on %s\n\n%-14s  %6s  %6s  %6s  %-13s  %11s  %9s\n", printable(clm_backend_device(backend)).text,
           "product", "batch", "inputs", "outputs", "provider", "error/bound", "GFLOP/s");
}

static int cli_tune_finish(struct tune_arguments *arguments, const struct clm_backend *backend)
{
    const char *const path = clm_tune_path(backend);
    if (!is_json_alone(arguments->settings))
        printf("\n%.1f s; the fastest right one of each is kept %s%s%s\n", clm_tune_seconds(backend),
               path ? "in "
               : kernel_folder()
                   ? "for this run only: CLMLP_KERNEL_DIR's kernels may change"
                   : "for this run only: there is no cache directory to keep it in (set XDG_CACHE_HOME)",
               path ? path : "", "");
    const char *const json = clm_settings_text(arguments->settings, "json");
    const bool is_written = !json || write_json("tune", json, json_incref(arguments->rows));
    if (arguments->wrong)
        complain("tune", "%zu of the results above are wrong; their providers are not used",
                 arguments->wrong);
    return is_written ? EXIT_DONE : EXIT_FAILED;
}

static clm_status run_tune(struct invocation *in, struct clm_error *error)
{
    const struct clm_backend_options wanted = backend_options(in);
    struct tune_arguments arguments = {.settings = in->settings,
                                       .layers = layers_of(in),
                                       .batches = setting_sizes(in->settings, "batch"),
                                       .rows = json_array()};
    if (wanted.kind != CLM_BACKEND_OPENCL)
        wrong_usage("tune", "--backend %s: only opencl has a choice of providers",
                    clm_settings_text(in->settings, "backend"));
    if (wanted.gemm && strcmp(wanted.gemm, "auto"))
        wrong_usage("tune", "--gemm %s: it measures all there are", wanted.gemm);
    struct clm_backend *backend = NULL;
    clm_status status = open_backend(&wanted, &backend, error);
    if (status == CLM_OK && !is_json_alone(in->settings))
        cli_tune_print_heading(&arguments, backend);
    for (size_t b = 0; status == CLM_OK && b < arguments.batches.count; b++)
        status = clm_tune(backend, arguments.layers.values, arguments.layers.count,
                          arguments.batches.values[b], cli_tune_hear, &arguments, error);
    if (status == CLM_OK)
        in->code = cli_tune_finish(&arguments, backend);
    clm_backend_close(backend);
    json_decref(arguments.rows);
    return status;
}

const struct command command_tune = {
    "tune", "measure which provider multiplies fastest on a device, and keep the choice", run_tune,
    "Measures every provider of products on the layers of a net and keeps the fastest right one of each product in the cache directory (${XDG_CACHE_HOME:-~/.cache}/clmlp), where `--gemm auto' finds it. A provider is timed only after its results have passed a check against the host in double precision; a wrong one is named and never used on this device.\vTraining measures by itself if no choice is kept for a layer at a batch within a factor of two, but leaves out providers that take seconds to build. Large batches are measured by a part of their rows; the chosen provider must then prove right at the full size."};
