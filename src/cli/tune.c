/* clmlp tune: measures which provider computes each product fastest; later runs use the result. */
#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tune_arguments {
    const struct clm_settings *settings;
    struct sizes batches;
    struct clm_backend *backend;
    struct clm_tune_row *heard; /* (count), the rows of `rows` */
    size_t count;
    bool is_short; /* memory ran out for a row */
    json_t *rows;
    size_t wrong;
};

/* ---- what is measured ---- */

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
    struct clm_tune_row *const more = realloc(arguments->heard, (arguments->count + 1) * sizeof *more);
    if (more) {
        arguments->heard = more;
        arguments->heard[arguments->count++] = *row;
    } else {
        arguments->is_short = true;
    }
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

/* The net in one line, "784-256-10". */
static void print_net_widths(const struct sizes *net)
{
    for (size_t i = 0; i < net->count; i++)
        printf("%s%zu", i ? "-" : "", net->values[i]);
}

static void cli_tune_print_heading(const struct tune_arguments *arguments, const struct sizes *net)
{
    printf("The products of ");
    print_net_widths(net);
    printf(" on %s\n\n%-14s  %6s  %6s  %6s  %-13s  %11s  %9s\n",
           printable(clm_backend_device(arguments->backend)).text, "product", "batch", "inputs", "outputs",
           "provider", "error/bound", "GFLOP/s");
}

/* ---- what is chosen ---- */

/* A product of a layer, and who computes it. */
struct winner {
    const char *product;
    const struct clm_tune_row *own, *next; /* next: the fastest of the others; NULL if there is none */
    double milliseconds;                   /* of the whole batch */
};

static bool is_measured(const struct clm_tune_row *row, const struct winner *winner, size_t batch,
                        size_t inputs, size_t outputs)
{
    return !strcmp(row->product, winner->product) && row->batch == batch && row->inputs == inputs &&
           row->outputs == outputs && row->gflops > 0;
}

/* The provider that is kept for a layer's product; without a file, the fastest one. False if none is known.
 * */
static bool find_winner(const struct tune_arguments *arguments, size_t batch, size_t inputs, size_t outputs,
                        struct winner *winner)
{
    const char *const kept = clm_tune_choice(arguments->backend, winner->product, batch, inputs, outputs);
    for (size_t i = 0; i < arguments->count; i++) {
        const struct clm_tune_row *const row = &arguments->heard[i];
        if (is_measured(row, winner, batch, inputs, outputs) &&
            (kept ? !strcmp(row->candidate, kept) : !winner->own || row->gflops > winner->own->gflops))
            winner->own = row;
    }
    for (size_t i = 0; winner->own && i < arguments->count; i++) {
        const struct clm_tune_row *const row = &arguments->heard[i];
        if (is_measured(row, winner, batch, inputs, outputs) &&
            strcmp(row->candidate, winner->own->candidate) &&
            (!winner->next || row->gflops > winner->next->gflops))
            winner->next = row;
    }
    if (winner->own)
        winner->milliseconds = 2e-6 * (double)batch * (double)inputs * (double)outputs / winner->own->gflops;
    return winner->own != NULL;
}

static void print_winner(const struct winner *winner, double all)
{
    char times[48] = "    the only one";
    if (winner->next)
        snprintf(times, sizeof times, "%5.2f x %.24s", winner->own->gflops / winner->next->gflops,
                 winner->next->candidate);
    printf("%-14s %6zu %6zu %7zu  %-13s  %-21s %3.0f %%\n", winner->product, winner->own->batch,
           winner->own->inputs, winner->own->outputs, winner->own->candidate, times,
           100 * winner->milliseconds / all);
}

/* The products of a step at one batch: the first layer needs no gradient of its inputs. */
static void print_winners(const struct tune_arguments *arguments, const struct sizes *net, size_t batch)
{
    static const char *const products[] = {"forward", "backward_input", "update"};
    enum { PRODUCTS = sizeof products / sizeof *products };
    struct winner winners[PRODUCTS * WIDTHS_MAX];
    size_t count = 0;
    double all = 0;
    for (size_t l = 0; l + 1 < net->count; l++)
        for (size_t p = 0; p < PRODUCTS; p++) {
            winners[count] = (struct winner){.product = products[p]};
            if ((l == 0 && p == 1) ||
                !find_winner(arguments, batch, net->values[l], net->values[l + 1], &winners[count]))
                continue;
            all += winners[count++].milliseconds;
        }
    for (size_t w = 0; w < count; w++)
        print_winner(&winners[w], all);
}

static void print_all_winners(const struct invocation *in, const struct tune_arguments *arguments)
{
    struct sizes net = {.count = 0};
    for (size_t n = 0; layers_of(in, n, &net); n++) {
        printf("\nWhat a step of ");
        print_net_widths(&net);
        printf(" will use\n\n%-14s %6s %6s %7s  %-13s  %-21s %5s\n", "product", "batch", "inputs", "outputs",
               "provider", "as fast as the next", "time");
        for (size_t b = 0; b < arguments->batches.count; b++)
            print_winners(arguments, &net, arguments->batches.values[b]);
    }
}

static int cli_tune_finish(const struct invocation *in, struct tune_arguments *arguments)
{
    const char *const path = clm_tune_path(arguments->backend);
    if (!is_json_alone(arguments->settings)) {
        print_all_winners(in, arguments);
        printf("\n%.1f s; the fastest right one of each is kept %s%s\n", clm_tune_seconds(arguments->backend),
               path ? "in "
               : kernel_folder()
                   ? "for this run only: CLMLP_KERNEL_DIR's kernels may change"
                   : "for this run only: there is no cache directory to keep it in (set XDG_CACHE_HOME)",
               path ? path : "");
    }
    const char *const json = clm_settings_text(arguments->settings, "json");
    const bool is_written = !json || write_json("tune", json, json_incref(arguments->rows));
    if (arguments->is_short)
        complain("tune", "the host has no memory for all rows, so that the choices cannot all be told");
    if (arguments->wrong)
        complain("tune", "%zu of the results above are wrong; their providers are not used",
                 arguments->wrong);
    return is_written && !arguments->is_short ? EXIT_DONE : EXIT_FAILED;
}

static clm_status tune_net(struct tune_arguments *arguments, const struct sizes *net, struct clm_error *error)
{
    clm_status status = CLM_OK;
    if (!is_json_alone(arguments->settings))
        cli_tune_print_heading(arguments, net);
    for (size_t b = 0; status == CLM_OK && b < arguments->batches.count; b++)
        status = clm_tune(arguments->backend, net->values, net->count, arguments->batches.values[b],
                          cli_tune_hear, arguments, error);
    return status;
}

static clm_status run_tune(struct invocation *in, struct clm_error *error)
{
    const struct clm_backend_options wanted = backend_options(in);
    struct tune_arguments arguments = {
        .settings = in->settings, .batches = setting_sizes(in->settings, "batch"), .rows = json_array()};
    struct sizes net = {.count = 0};
    size_t nets = 0;
    if (wanted.kind != CLM_BACKEND_OPENCL)
        wrong_usage("tune", "--backend %s: only opencl has a choice of providers",
                    clm_settings_text(in->settings, "backend"));
    if (wanted.gemm && strcmp(wanted.gemm, "auto"))
        wrong_usage("tune", "--gemm %s: it measures all there are", wanted.gemm);
    while (layers_of(in, nets, &net)) /* a wrong one is refused before any is measured */
        nets++;
    clm_status status = open_backend(&wanted, &arguments.backend, error);
    for (size_t n = 0; status == CLM_OK && n < nets && layers_of(in, n, &net); n++) {
        if (n && !is_json_alone(in->settings))
            putchar('\n');
        status = tune_net(&arguments, &net, error);
    }
    if (status == CLM_OK)
        in->code = cli_tune_finish(in, &arguments);
    clm_backend_close(arguments.backend);
    free(arguments.heard);
    json_decref(arguments.rows);
    return status;
}

const struct command command_tune = {
    "tune", "measure which provider multiplies fastest on a device, and keep the choice", run_tune,
    "Measures every provider of products on the layers of a net and keeps the fastest right one of each product in the cache directory (${XDG_CACHE_HOME:-~/.cache}/clmlp), where `--gemm auto' finds it. A provider is timed only after its results have passed a check against the host in double precision; a wrong one is named and never used on this device. At the end it names the provider of each product, how many times as fast as the next one it is, and what share of the time of all products it takes.\vTraining measures by itself if no choice is kept for a layer at a batch within a factor of two, but leaves out providers that take seconds to build. Large batches are measured by a part of their rows; the chosen provider must then prove right at the full size."};
