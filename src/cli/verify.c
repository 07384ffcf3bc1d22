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
    size_t count, failures;
    double worst;
};

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
                          json_pack("{ss ss so sb}", "operation", check->operation, "shape", check->shape,
                                    "error_over_bound", json_number(check->error_over_bound), "passed",
                                    check->passed));
    if (arguments->json && !strcmp(arguments->json, "-"))
        return;
    if (!check->passed)
        printf("%s%-24s  %-48s  %11.4g  FAILED%s\n", red, check->operation, check->shape,
               check->error_over_bound, plain);
    else if (!arguments->is_quiet)
        printf("%-24s  %-48s  %11.4f  ok\n", check->operation, check->shape, check->error_over_bound);
}

static int summarise(struct arguments *arguments, const struct clm_backend *backend, bool passed)
{
    bool is_written = true;
    if (!arguments->json || strcmp(arguments->json, "-"))
        printf("\n%zu checks on %s (%s): %zu passed, %zu failed; the largest error of those that passed is "
               "%.3f of its "
               "bound\n",
               arguments->count, printable(clm_backend_device(backend)).text, clm_backend_provider(backend),
               arguments->count - arguments->failures, arguments->failures, arguments->worst);
    if (arguments->json)
        is_written = write_json(
            "verify", arguments->json,
            json_pack("{so ss ss sb sO}", "device", json_text(clm_backend_device(backend)), "backend",
                      clm_backend_name(backend), "provider", clm_backend_provider(backend), "passed", passed,
                      "checks", arguments->checks));
    if (!passed)
        complain("verify", "%s computes wrongly: %zu of %zu checks failed; do not train on it",
                 printable(clm_backend_device(backend)).text, arguments->failures, arguments->count);
    return passed && is_written ? EXIT_DONE : EXIT_FAILED;
}

static int verify(struct arguments *arguments)
{
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    bool passed = false;
    int code = EXIT_FAILED;
    arguments->device.options.skip_self_test = true;
    if (clm_backend_open(&arguments->device.options, &backend, &error) != CLM_OK)
        return fail_command("verify", &error);
    if (!arguments->json || strcmp(arguments->json, "-"))
        printf("%s on %s, products by %s, against the reference in double precision\n\n"
               "%-24s  %-48s  error/bound\n",
               clm_backend_name(backend), printable(clm_backend_device(backend)).text,
               clm_backend_provider(backend), "operation", "shape");
    if (clm_verify(backend, hear, arguments, &passed, &error) == CLM_OK)
        code = summarise(arguments, backend, passed);
    else
        fail_command("verify", &error);
    clm_backend_close(backend);
    return code;
}

int command_verify(int argc, char **argv)
{
    static const struct argp_child children[] = {{&device_arguments, 0, NULL, 0}, {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .children = children,
                                     .doc = "Runs every operation on awkward sizes, and whole training "
                                            "steps, on a device and in double precision on "
                                            "the host. Prints each check's largest error over its derived "
                                            "bound; above 1, or NaN, is a failure. "
                                            "Exit code 0 when all passed, else 1."};
    struct arguments arguments = {.device = default_device(), .checks = json_array()};
    parse_arguments(&argp, argc, argv, &arguments);
    const int code = verify(&arguments);
    json_decref(arguments.checks);
    return code;
}
