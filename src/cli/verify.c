/* clmlp verify: every operation of a backend against the reference. */
#include "cli/arguments.h"
#include "cli/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    struct device_choice device;
    const char *json;
    bool is_quiet;
    json_t *checks;
    const char *provider; /* the one being checked */
    size_t count, failures;
    bool passed;
    double worst; /* of the provider */
};

static bool is_table(const struct arguments *arguments)
{
    return !arguments->json || strcmp(arguments->json, "-");
}

static const struct argp_option options[] = {
    {"json", KEY_JSON, "FILE", 0, "write the checks as JSON, too; - is standard output", 3},
    {"quiet", KEY_QUIET, NULL, 0, "print failures and the summary only", 3},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *const arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->device;
        return 0;
    case KEY_JSON:
        arguments->json = text;
        return 0;
    case KEY_QUIET:
        arguments->is_quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void hear(void *user, const struct clm_check *check)
{
    struct arguments *const arguments = user;
    const bool is_coloured_here = is_coloured(STDOUT_FILENO);
    const char *const red = is_coloured_here ? "\033[1;31m" : "", *const plain =
                                                                      is_coloured_here ? "\033[0m" : "";
    arguments->count++;
    arguments->failures += !check->passed;
    if (check->passed && check->error_over_bound > arguments->worst)
        arguments->worst = check->error_over_bound;
    json_array_append_new(arguments->checks,
                          json_pack("{ss ss ss so sb}", "operation", check->operation, "shape", check->shape,
                                    "provider", arguments->provider, "error_over_bound",
                                    json_number(check->error_over_bound), "passed", check->passed));
    if (!is_table(arguments))
        return;
    if (!check->passed)
        printf("%s%-24s  %-48s  %11.4g  FAILED%s\n", red, check->operation, check->shape,
               check->error_over_bound, plain);
    else if (!arguments->is_quiet)
        printf("%-24s  %-48s  %11.4f  ok\n", check->operation, check->shape, check->error_over_bound);
}

/* All checks with one provider of products. */
static clm_status verify_provider(struct arguments *arguments, struct clm_backend *backend,
                                  struct clm_error *error)
{
    const size_t count = arguments->count, failures = arguments->failures;
    bool passed = false;
    arguments->provider = clm_backend_provider(backend);
    arguments->worst = 0;
    if (is_table(arguments))
        printf("%s on %s, products by %s, against the reference in double precision\n\n"
               "%-24s  %-48s  error/bound\n",
               clm_backend_name(backend), printable(clm_backend_device(backend)).text,
               clm_backend_provider(backend), "operation", "shape");
    const clm_status status = clm_verify(backend, hear, arguments, &passed, error);
    arguments->passed = arguments->passed && passed;
    if (status == CLM_OK && is_table(arguments))
        printf("\n%zu checks on %s (%s): %zu passed, %zu failed; the largest error of those that passed is "
               "%.3f of its bound\n\n",
               arguments->count - count, printable(clm_backend_device(backend)).text,
               clm_backend_provider(backend), arguments->count - count - (arguments->failures - failures),
               arguments->failures - failures, arguments->worst);
    return status;
}

/* The same device with each provider that --gemm auto may choose. */
static clm_status verify_all(struct arguments *arguments, const struct clm_backend *first,
                             struct clm_error *error)
{
    struct clm_backend_options wanted = arguments->device.options;
    const char *names[GEMM_NAMES_MAX];
    const size_t count = clm_gemm_names(first, names, GEMM_NAMES_MAX);
    clm_status status = CLM_OK;
    for (size_t i = 0; i < count && status == CLM_OK; i++) {
        struct clm_backend *backend = NULL;
        wanted.gemm = names[i];
        if ((status = clm_backend_open(&wanted, &backend, error)) == CLM_OK)
            status = verify_provider(arguments, backend, error);
        clm_backend_close(backend);
    }
    return status;
}

static int summarise(struct arguments *arguments, const struct clm_backend *backend)
{
    bool is_written = true;
    if (arguments->json)
        is_written = write_json("verify", arguments->json,
                                json_pack("{so ss sb sO}", "device", json_text(clm_backend_device(backend)),
                                          "backend", clm_backend_name(backend), "passed", arguments->passed,
                                          "checks", arguments->checks));
    if (!arguments->passed)
        complain("verify", "%s computes wrongly: %zu of %zu checks failed; do not train on it",
                 printable(clm_backend_device(backend)).text, arguments->failures, arguments->count);
    return arguments->passed && is_written ? EXIT_DONE : EXIT_FAILED;
}

static int verify(struct arguments *arguments)
{
    const char *const gemm = arguments->device.options.gemm;
    const bool is_auto = !gemm || !strcmp(gemm, "auto");
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    arguments->device.options.skip_self_test = true;
    arguments->device.options.gemm = is_auto ? "default" : gemm;
    if (clm_backend_open(&arguments->device.options, &backend, &error) != CLM_OK)
        return fail_command("verify", &error);
    const clm_status status = is_auto && clm_backend_kind(backend) == CLM_BACKEND_OPENCL
                                  ? verify_all(arguments, backend, &error)
                                  : verify_provider(arguments, backend, &error);
    const int code = status == CLM_OK ? summarise(arguments, backend) : fail_command("verify", &error);
    clm_backend_close(backend);
    return code;
}

int command_verify(int argc, char **argv)
{
    static const struct argp_child children[] = {{&device_arguments, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .children = children,
        .doc = "Runs every operation on awkward sizes, and whole training "
               "steps, on a device and in double precision on "
               "the host; with each provider of products that `--gemm auto' may choose, or the one that "
               "--gemm names. Prints each check's largest error over its derived "
               "bound; above 1, or NaN, is a failure. "
               "Exit code 0 when all passed, else 1."};
    struct arguments arguments = {.device = default_device(), .checks = json_array(), .passed = true};
    parse_arguments(&argp, argc, argv, &arguments);
    const int code = verify(&arguments);
    json_decref(arguments.checks);
    return code;
}
