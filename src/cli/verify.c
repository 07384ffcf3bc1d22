/* clmlp verify: every operation of a backend against the reference. */
#include "cli/arguments.h"
#include "cli/checks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct arguments {
    struct device_choice device;
    struct clm_verify_options verify;
    const char *json;
    bool is_quiet, is_progress_shown;
    struct check_source source;      /* the provider being checked */
    struct check_list all, provider; /* provider.checks is all.checks */
    bool passed;
};

static bool is_table(const struct arguments *arguments)
{
    return !arguments->json || strcmp(arguments->json, "-");
}

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Checks:", 3},
    {"full", KEY_FULL, NULL, 0,
     "add random shapes, contents and nets, large products, and kernels that are not chosen by themselves; "
     "run each check "
     "three times for the same bits, and look for the smallest shape that fails: some minutes",
     3},
    {"seed", KEY_SEED, "N", 0, "of the contents, and of what --full draws (default: 1)", 3},
    {"only", KEY_ONLY, "OPERATION", 0, "this operation alone, by the name printed for it", 3},
    {"shape", KEY_SHAPE, "\"B=7 I=33 O=65\"", 0, "this check of --only alone, as it is printed", 3},
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
    case KEY_FULL:
        arguments->verify.extent = CLM_VERIFY_FULL;
        return 0;
    case KEY_SEED:
        arguments->verify.seed = read_seed(state, "--seed", text);
        return 0;
    case KEY_ONLY:
        arguments->verify.only = read_name(state, "--only", text);
        return 0;
    case KEY_SHAPE:
        arguments->verify.shape = read_name(state, "--shape", text);
        return 0;
    case KEY_JSON:
        arguments->json = text;
        return 0;
    case KEY_QUIET:
        arguments->is_quiet = true;
        return 0;
    case ARGP_KEY_END:
        if (arguments->verify.shape && !arguments->verify.only)
            wrong_usage(state, "--shape %s: it needs the operation, as in --only linear_forward",
                        arguments->verify.shape);
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* One line on the terminal, over the last one. */
static void show_progress(struct arguments *arguments, const struct clm_check *check)
{
    if (!arguments->is_progress_shown || (is_table(arguments) && !arguments->is_quiet))
        return;
    fprintf(stderr, check->number < check->of ? "\r\033[K%s: %zu of %zu, %s" : "\r\033[K",
            clm_backend_provider(arguments->source.backend), check->number, check->of, check->operation);
    fflush(stderr);
}

static void hear(void *user, const struct clm_check *check)
{
    struct arguments *const arguments = user;
    const bool is_coloured_here = is_coloured(STDOUT_FILENO);
    const char *const red = is_coloured_here ? "\033[1;31m" : "", *const plain =
                                                                      is_coloured_here ? "\033[0m" : "";
    check_list_add(&arguments->provider, &arguments->source, check);
    show_progress(arguments, check);
    if (!is_table(arguments))
        return;
    if (!check->passed) {
        printf("%s%-24s  %-48s  %11.4g  FAILED%s\n", red, check->operation, check->shape,
               check->error_over_bound, plain);
        print_failure(&arguments->source, check, "    ");
    } else if (!arguments->is_quiet)
        printf("%-24s  %-48s  %11.4f  ok\n", check->operation, check->shape, check->error_over_bound);
}

/* All checks with one provider of products. */
static clm_status verify_provider(struct arguments *arguments, struct clm_backend *backend,
                                  struct clm_error *error)
{
    bool passed = false;
    arguments->source = (struct check_source){.backend = backend,
                                              .seed = arguments->verify.seed,
                                              .is_full = arguments->verify.extent == CLM_VERIFY_FULL};
    arguments->provider = (struct check_list){.checks = arguments->all.checks};
    if (is_table(arguments))
        printf("%s on %s, products by %s, against the reference in double precision\n\n"
               "%-24s  %-48s  error/bound\n",
               clm_backend_name(backend), printable(clm_backend_device(backend)).text,
               clm_backend_provider(backend), "operation", "shape");
    const clm_status status = clm_verify(backend, &arguments->verify, &passed, error);
    const struct check_list *const done = &arguments->provider;
    arguments->passed = arguments->passed && passed;
    arguments->all.count += done->count;
    arguments->all.failures += done->failures;
    if (status == CLM_OK && is_table(arguments))
        printf("\n%zu checks on %s (%s): %zu passed, %zu failed; the largest error of those that passed is "
               "%.3f of its bound\n\n",
               done->count, printable(clm_backend_device(backend)).text, clm_backend_provider(backend),
               done->count - done->failures, done->failures, done->worst);
    return status;
}

/* The same device with each provider that --gemm auto may choose, or with all that run there at all. What has no products is the
 * same with each: once in full is enough. */
static clm_status verify_all(struct arguments *arguments, const struct clm_backend *first,
                             struct clm_error *error)
{
    struct clm_backend_options wanted = arguments->device.options;
    const bool is_full = arguments->verify.extent == CLM_VERIFY_FULL;
    const char *names[GEMM_NAMES_MAX];
    const size_t count = clm_gemm_names(is_full ? NULL : first, names, GEMM_NAMES_MAX);
    clm_status status = CLM_OK;
    for (size_t i = 0, verified = 0; i < count && status == CLM_OK; i++) {
        struct clm_backend *backend = NULL;
        wanted.gemm = names[i];
        status = clm_backend_open(&wanted, &backend, error);
        if (status == CLM_ERROR_ARGUMENT && is_full) { /* not for this kind of device */
            status = CLM_OK;
            continue;
        }
        arguments->verify.part = is_full && verified++ && !arguments->verify.only ? CLM_VERIFY_PRODUCTS : CLM_VERIFY_ALL;
        if (status == CLM_OK)
            status = verify_provider(arguments, backend, error);
        clm_backend_close(backend);
    }
    return status;
}

static int summarise(struct arguments *arguments, const struct clm_backend *backend)
{
    bool is_written = true;
    if (arguments->json) {
        json_t *const object =
            checks_json(clm_backend_about(backend), clm_backend_device(backend), clm_backend_name(backend),
                        arguments->passed, json_incref(arguments->all.checks));
        is_written = write_json("verify", arguments->json, object);
    }
    if (!arguments->passed)
        complain("verify", "%s computes wrongly: %zu of %zu checks failed; do not train on it",
                 printable(clm_backend_device(backend)).text, arguments->all.failures, arguments->all.count);
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
               "bound; above 1, or NaN, is a failure, below which stands what repeats it. "
               "Exit code 0 when all passed, else 1."};
    struct arguments arguments = {.device = default_device(),
                                  .verify = {.seed = 1, .on_check = hear},
                                  .all = {.checks = json_array()},
                                  .is_progress_shown = is_terminal(STDERR_FILENO),
                                  .passed = true};
    arguments.verify.user = &arguments;
    parse_arguments(&argp, argc, argv, &arguments);
    const int code = verify(&arguments);
    json_decref(arguments.all.checks);
    return code;
}
