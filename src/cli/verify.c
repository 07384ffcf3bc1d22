/* clmlp verify: compares every operation of a backend with the reference.
 *
 * On OpenCL devices it runs in a child process, which sends each check as it is made. So the report for the
 * driver's makers survives a driver that dies. */
#include "cli/isolate.h"
#include "cli/arguments.h"
#include "cli/checks.h"
#include "cli/signals.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHRINK_SECONDS      5 /* per failing operation, to find smaller shapes */
#define SHRINK_SECONDS_FULL 20

#define INTERRUPT_NOTE "clmlp: verify: note: stopping after this check; interrupt again to stop at once\n"

struct verify_arguments {
    const struct invocation *in;
    struct clm_backend_options device;
    struct clm_verify_options verify;
    bool is_quiet, is_progress_shown;
    bool is_shared;                          /* the last check was of a part that all providers share */
    struct check_source source;              /* the provider being checked */
    struct check_list all, provider;         /* provider.checks is all.checks */
    char right[NAMES_MAX], wrong[NAMES_MAX]; /* providers; those in `wrong` fail only in their products */
    bool is_shared_wrong;
    bool has_reproducer;    /* one check has been written */
    struct clm_error error; /* that ended it early */
    json_t *report;         /* without the checks; NULL if no device was opened */
    int code;               /* the exit code */
    FILE *channel;          /* from the child to the parent; NULL in the parent */
    /* in the parent: */
    char step[1024];        /* the child's last step */
    struct repeating again; /* repeats that step */
    bool has_result;        /* all checks were made, or an error says why not */
    bool is_unclean;        /* the child did not end well */
    char at_end[APART_DEED + 16];
};

static bool cli_verify_is_table(const struct verify_arguments *arguments)
{
    return !is_json_alone(arguments->in->settings);
}

static bool cli_verify_is_stopped(const struct verify_arguments *arguments)
{
    return *arguments->verify.stop;
}

/* Writes one line over the last one on the terminal. */
static void show_progress(struct verify_arguments *arguments, const struct clm_check *check)
{
    if (!arguments->is_progress_shown || (cli_verify_is_table(arguments) && !arguments->is_quiet))
        return;
    fprintf(stderr, check->number < check->of ? "\r\033[K%s: %zu of %zu, %s" : "\r\033[K",
            arguments->source.provider, check->number, check->of, check->operation);
    fflush(stderr);
}

/* ---- sending to the parent ---- */

/* Sends the object and gives it away. */
static void hand_on(const struct verify_arguments *arguments, json_t *object)
{
    if (arguments->channel)
        apart_send(arguments->channel, object);
    else
        json_decref(object);
}

/* Announces a step, because the driver may die in it. */
static void begin_step(const struct verify_arguments *arguments, const char *step, const char *again)
{
    hand_on(arguments, json_pack("{so so}", "step", json_text(step), "again", json_text(again)));
}

/* Sends the check that was added last. */
static void hand_on_check(const struct verify_arguments *arguments)
{
    const json_t *const checks = arguments->all.checks;
    hand_on(arguments, json_pack("{sO}", "check", json_array_get(checks, json_array_size(checks) - 1)));
}

/* Sends the result before the child ends, because a driver may not let it end. */
static void hand_on_result(const struct verify_arguments *arguments)
{
    const struct clm_error *const error = &arguments->error;
    if (arguments->channel)
        apart_send_last(arguments->channel,
                        json_pack("{si si so}", "code", arguments->code, "status", (int)error->status,
                                  "error", json_text(error->message)));
}

static void cli_verify_hear_begin(void *user, const struct clm_check *check)
{
    const struct verify_arguments *const arguments = user;
    char step[sizeof arguments->step];
    snprintf(step, sizeof step, "%s %s", check->operation, check->shape);
    begin_step(arguments, step, repeat_check(&arguments->source, check).command);
}

static void cli_verify_hear_check(void *user, const struct clm_check *check)
{
    struct verify_arguments *const arguments = user;
    arguments->is_shared = !check->has_products;
    arguments->has_reproducer = arguments->has_reproducer || check->has_reproducer;
    arguments->is_shared_wrong = arguments->is_shared_wrong || (!check->has_products && !check->passed);
    check_list_add(&arguments->provider, &arguments->source, check);
    hand_on_check(arguments);
    show_progress(arguments, check);
    if (!cli_verify_is_table(arguments))
        return;
    if (!check->passed) {
        char ratio[24] = "error";
        if (!check->is_error)
            snprintf(ratio, sizeof ratio, "%.4g",
                     isnan(check->error_over_bound) ? fabs(check->error_over_bound)
                                                    : check->error_over_bound);
        printf("%s%-24s  %-48s  %11s  FAILED%s\n", colour(RED), check->operation, check->shape, ratio,
               colour(PLAIN));
        print_failure(&arguments->source, check, "    ");
    } else if (!arguments->is_quiet)
        printf("%-24s  %-48s  %11.4f  ok\n", check->operation, check->shape, check->error_over_bound);
}

/* Prepares for the next provider's checks. */
static void begin_provider(struct verify_arguments *arguments, const struct clm_backend *backend,
                           const char *provider)
{
    arguments->source = (struct check_source){.about = clm_backend_about(backend),
                                              .backend = clm_backend_name(backend),
                                              .provider = provider,
                                              .seed = arguments->verify.seed,
                                              .is_full = arguments->verify.extent == CLM_VERIFY_FULL};
    arguments->provider = (struct check_list){.checks = arguments->all.checks};
}

static void end_provider(struct verify_arguments *arguments)
{
    add_name(arguments->provider.failures ? arguments->wrong : arguments->right, arguments->source.provider);
    arguments->all.count += arguments->provider.count;
    arguments->all.failures += arguments->provider.failures;
    arguments->all.errors += arguments->provider.errors;
}

/* Makes all checks with one provider of products. */
static clm_status verify_provider(struct verify_arguments *arguments, struct clm_backend *backend,
                                  struct clm_error *error)
{
    const struct check_list *const done = &arguments->provider;
    bool passed = false;
    begin_provider(arguments, backend, clm_backend_provider(backend));
    if (arguments->has_reproducer)
        arguments->verify.reproducer = NULL;
    if (cli_verify_is_table(arguments)) {
        printf("%s on %s, products by %s, against the reference in double precision\n",
               clm_backend_name(backend), printable(clm_backend_device(backend)).text,
               clm_backend_provider(backend));
        if (clm_backend_about(backend))
            print_kernel_folder("");
        if (!arguments->is_quiet)
            printf("\n%-24s  %-48s  error/bound\n", "operation", "shape");
    }
    const clm_status status = clm_verify(backend, &arguments->verify, &passed, error);
    if (arguments->is_progress_shown) /* clears it if the last check was not made */
        fputs("\r\033[K", stderr);
    end_provider(arguments);
    if (status == CLM_OK && cli_verify_is_table(arguments))
        printf(
            "%s%zu check%s%s on %s (%s): %zu passed, %zu failed; the largest error of those that passed is %.3f of its bound\n\n",
            arguments->is_quiet ? "" : "\n", done->count, done->count == 1 ? "" : "s",
            cli_verify_is_stopped(arguments) ? ", interrupted," : "",
            printable(clm_backend_device(backend)).text, clm_backend_provider(backend),
            done->count - done->failures, done->failures, done->worst);
    return status;
}

/* A provider that does not build is a failed check, too. `first` is the same device without a provider. */
static void fail_provider(struct verify_arguments *arguments, const struct clm_backend *first,
                          const struct clm_error *error)
{
    check_list_add_error(&arguments->provider, &arguments->source, error);
    hand_on_check(arguments);
    end_provider(arguments);
    if (!cli_verify_is_table(arguments))
        return;
    printf("%s on %s, products by %s: it does not build, or start  FAILED\n", clm_backend_name(first),
           printable(clm_backend_device(first)).text, arguments->source.provider);
    print_error(&arguments->source, error, "    ");
    printf("\n");
}

/* An operation without products is the same with all other providers. */
static bool is_done(const struct verify_arguments *arguments)
{
    return cli_verify_is_stopped(arguments) || (arguments->verify.only && arguments->is_shared);
}

/* Opens the device for each provider; `first` is the device without one. Checks without products are the same
 * for all providers, so they are made in full only once. */
static clm_status verify_opencl(struct verify_arguments *arguments, const struct clm_backend *first,
                                struct clm_error *error)
{
    const struct clm_device *const about = clm_backend_about(first);
    const bool is_full = arguments->verify.extent == CLM_VERIFY_FULL;
    struct clm_backend_options wanted = arguments->device;
    const bool is_auto = !wanted.gemm || !strcmp(wanted.gemm, "auto");
    const char *names[GEMM_NAMES_MAX] = {wanted.gemm};
    const size_t count = is_auto ? clm_gemm_names(is_full ? NULL : first, names, GEMM_NAMES_MAX) : 1;
    char address[32]; /* all providers are tried on the same device, even if one does not build */
    snprintf(address, sizeof address, "%u:%u", about->platform, about->index);
    wanted.device = address;
    clm_status status = CLM_OK;
    for (size_t i = 0, verified = 0; i < count && status == CLM_OK && !is_done(arguments); i++) {
        struct clm_backend *backend = NULL;
        wanted.gemm = names[i];
        begin_provider(arguments, first, names[i]);
        begin_step(arguments, "the building of its kernels", repeat_check(&arguments->source, NULL).command);
        status = open_backend(&wanted, &backend, error);
        if (status == CLM_OK) {
            const bool is_again = is_full && verified++ && !arguments->verify.only;
            arguments->verify.part = is_again ? CLM_VERIFY_PRODUCTS : CLM_VERIFY_ALL;
            status = verify_provider(arguments, backend, error);
        } else if (status == CLM_ERROR_ARGUMENT && is_auto) /* does not suit this kind of device */
            status = CLM_OK;
        else if (status != CLM_ERROR_ARGUMENT) {
            fail_provider(arguments, first, error);
            status = CLM_OK;
        }
        clm_backend_close(backend);
    }
    return status;
}

/* The report without checks; `backend` is NULL if verify ended before there was one. */
static void begin_report(struct verify_arguments *arguments, const struct clm_backend *backend)
{
    const char *const selector = arguments->device.device ? arguments->device.device : "auto";
    const struct check_source source = {.about = backend ? clm_backend_about(backend) : NULL,
                                        .backend = clm_settings_text(arguments->in->settings, "backend"),
                                        .seed = arguments->verify.seed};
    arguments->report =
        report_json(arguments->in, &source, backend ? clm_backend_device(backend) : selector,
                    arguments->verify.extent == CLM_VERIFY_FULL ? "full" : "standard", json_array());
    hand_on(arguments, json_pack("{sO}", "report", arguments->report));
}

static bool cli_verify_write_report(struct verify_arguments *arguments)
{
    if (!arguments->report)
        begin_report(arguments, NULL);
    json_t *const object = arguments->report;
    arguments->report = NULL; /* `object` owns it now */
    if (object) {
        json_object_put(object, "passed", json_boolean(arguments->code == EXIT_DONE));
        json_object_put(object, "checks", json_incref(arguments->all.checks));
    }
    if (object && arguments->error.status != CLM_OK)
        json_object_put(object, "error", json_text(arguments->error.message));
    if (object && arguments->at_end[0])
        json_object_put(object, "at_end", json_text(arguments->at_end));
    return write_json("verify", clm_settings_text(arguments->in->settings, "json"), object);
}

static int summarise(const struct verify_arguments *arguments, const struct clm_backend *backend)
{
    const struct check_list *const all = &arguments->all;
    if (arguments->error.status != CLM_OK) {
        const bool is_usage = arguments->error.status == CLM_ERROR_ARGUMENT && arguments->verify.shape;
        fail_command("verify", &arguments->error);
        return is_usage ? EXIT_USAGE : EXIT_FAILED;
    }
    char changed[600], errors[64] = "";
    clm_kernel_files_changed(changed, sizeof changed);
    if (all->errors)
        snprintf(errors, sizeof errors, ", %zu of them with an error", all->errors);
    if (all->failures && changed[0] && clm_backend_kind(backend) == CLM_BACKEND_OPENCL)
        complain("verify", "%s: with these kernels %zu of %zu checks failed%s on %s", printable(changed).text,
                 all->failures, all->count, errors, printable(clm_backend_device(backend)).text);
    else if (all->errors)
        complain("verify", "%s fails: %zu of %zu checks failed%s",
                 printable(clm_backend_device(backend)).text, all->failures, all->count, errors);
    else if (all->failures && arguments->right[0] && !arguments->is_shared_wrong)
        complain(
            "verify",
            "%s computes wrongly by %s: %zu of %zu checks failed; by %s it is right, and --gemm auto tries products before it uses them",
            printable(clm_backend_device(backend)).text, arguments->wrong, all->failures, all->count,
            arguments->right);
    else if (all->failures)
        complain("verify", "%s computes wrongly: %zu of %zu checks failed; do not train on it",
                 printable(clm_backend_device(backend)).text, all->failures, all->count);
    return all->failures ? EXIT_FAILED : EXIT_DONE;
}

/* Passed checks say nothing about those that were not made. A provider's error is already a failed check. */
static void tell_missing(struct verify_arguments *arguments)
{
    struct clm_error *const error = &arguments->error;
    const struct check_list *const all = &arguments->all;
    *error = (struct clm_error){0};
    if (cli_verify_is_stopped(arguments))
        fail(error, CLM_ERROR_DEVICE,
             "interrupted after %zu check%s, %zu of which failed; the others were not made", all->count,
             all->count == 1 ? "" : "s", all->failures);
    else if (!all->count)
        fail(error, CLM_ERROR_DEVICE, "nothing was checked: no provider of products is for this device");
}

/* First opens the device with any provider: if shared kernels do not build, no check can be made. */
static void verify_all(struct verify_arguments *arguments)
{
    struct clm_backend_options first = arguments->device;
    struct clm_backend *backend = NULL;
    clm_status status;
    if (!arguments->channel)
        arguments->verify.stop = catch_interrupts(INTERRUPT_NOTE);
    first.gemm = "auto";
    first.on_note = NULL;
    begin_step(arguments, "the search for its device, or the building of kernels", "");
    status = open_backend(&first, &backend, &arguments->error);
    if (status == CLM_OK)
        begin_report(arguments, backend);
    if (status == CLM_OK && clm_backend_kind(backend) == CLM_BACKEND_OPENCL)
        status = verify_opencl(arguments, backend, &arguments->error);
    else if (status == CLM_OK)
        status = verify_provider(arguments, backend, &arguments->error);
    if (status == CLM_OK)
        tell_missing(arguments);
    else
        name_options("verify", &arguments->error);
    if (arguments->error.status == CLM_OK)
        tell_unreproduced("verify", clm_settings_text(arguments->in->settings, "reproducer"),
                          arguments->has_reproducer, arguments->all.failures);
    arguments->code = summarise(arguments, backend);
    hand_on_result(arguments);
    clm_backend_close(backend);
}

/* ---- the child process and its parent ---- */

static void work(void *user, FILE *channel, const volatile sig_atomic_t *stop)
{
    struct verify_arguments *const arguments = user;
    arguments->channel = channel;
    arguments->verify.stop = stop;
    end_wait(); /* of the parent; a longer line replaces it */
    verify_all(arguments);
}

static void cli_verify_hear(void *user, json_t *object)
{
    struct verify_arguments *const arguments = user;
    json_t *const report = json_object_get(object, "report"), *const check = json_object_get(object, "check"),
                  *const code = json_object_get(object, "code");
    apart_copy(arguments->step, sizeof arguments->step, object, "step");
    apart_copy(arguments->again.command, sizeof arguments->again.command, object, "again");
    apart_copy(arguments->error.message, sizeof arguments->error.message, object, "error");
    if (report)
        arguments->report = json_incref(report);
    if (check)
        json_list_add(arguments->all.checks, json_incref(check));
    if (code) {
        arguments->has_result = true;
        arguments->code = (int)json_integer_value(code);
        arguments->error.status = (clm_status)json_integer_value(json_object_get(object, "status"));
    }
}

/* The child ended before its checks did. */
static void tell_ending(struct verify_arguments *arguments, enum apart_ending ending, const char *deed)
{
    struct clm_error *const error = &arguments->error;
    const char *const again = arguments->again.command;
    char what[sizeof arguments->step + 1024], changed[600];
    apart_describe(what, sizeof what, ending, deed, arguments->step);
    clm_kernel_files_changed(changed, sizeof changed);
    if (changed[0] && (ending == APART_DIED || ending == APART_SILENT)) /* a driver does what a kernel asks */
        snprintf(what, sizeof what, "your kernels: the process that ran them %s at %s; %s", deed,
                 arguments->step, printable(changed).text);
    if (ending == APART_INCOMPLETE || ending == APART_UNWRITTEN)
        fail(error, CLM_ERROR_DEVICE, "the results that the child process could not send are lost");
    else
        fail(error, CLM_ERROR_DEVICE, "%s%s%s", what, again[0] ? "; again: " : "", again);
    arguments->code = fail_command("verify", error);
}

/* The child ended badly after its checks; their results count. */
static void tell_end(struct verify_arguments *arguments, enum apart_ending ending, const char *deed)
{
    char *const at_end = arguments->at_end;
    arguments->is_unclean = ending != APART_DONE;
    if (ending == APART_INTERRUPTED || ending == APART_UNREAD) {
        snprintf(at_end, sizeof arguments->at_end, "%s",
                 ending == APART_INTERRUPTED ? "interrupted" : "the reader of the output has gone");
        complain("verify", "%s at exit, after all checks", at_end);
    } else if (deed[0]) {
        snprintf(at_end, sizeof arguments->at_end, "the driver %s", deed);
        complain("verify", APART_AT_END, deed);
    }
}

static void verify_apart(struct verify_arguments *arguments)
{
    const struct apart apart = {.command = "verify",
                                .note = INTERRUPT_NOTE,
                                .work = work,
                                .hear = cli_verify_hear,
                                .user = arguments};
    enum apart_ending ending;
    char deed[APART_DEED];
    begin_wait("looking for drivers"); /* the child process continues this wait */
    const clm_status status = run_apart(&apart, &ending, deed, &arguments->error);
    end_wait();
    if (status != CLM_OK)
        arguments->code = fail_command("verify", &arguments->error);
    else if (arguments->has_result && ending != APART_INCOMPLETE)
        tell_end(arguments, ending, deed);
    else
        tell_ending(arguments, ending, deed);
}

static clm_status run_verify(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    const bool is_full = clm_settings_count(settings, "full");
    struct verify_arguments arguments = {
        .in = in,
        .device = backend_options(in),
        .verify = {.extent = is_full ? CLM_VERIFY_FULL : CLM_VERIFY_STANDARD,
                   .seed = clm_settings_count(settings, "seed"),
                   .only = clm_settings_text(settings, "only"),
                   .shape = clm_settings_text(settings, "shape"),
                   .reproducer = clm_settings_text(settings, "reproducer"),
                   .shrink_seconds = is_full ? SHRINK_SECONDS_FULL : SHRINK_SECONDS,
                   .on_begin = cli_verify_hear_begin,
                   .on_check = cli_verify_hear_check},
        .is_quiet = clm_settings_count(settings, "quiet"),
        .all = {.checks = json_array()},
        .step = "its start",
        .is_progress_shown = is_terminal(STDERR_FILENO)};
    (void)error; /* failures have been printed, and are in the report */
    arguments.verify.user = &arguments;
    arguments.device.skip_self_test = true;
    if (arguments.verify.shape && !arguments.verify.only)
        wrong_usage("verify", "--shape %s: it needs the operation, as in --only linear_forward",
                    arguments.verify.shape);
    if (arguments.device.kind == CLM_BACKEND_OPENCL)
        verify_apart(&arguments);
    else
        verify_all(&arguments);
    const bool is_written = !clm_settings_text(settings, "json") || cli_verify_write_report(&arguments);
    json_decref(arguments.report);
    json_decref(arguments.all.checks);
    const bool is_failed = arguments.is_unclean || !is_written;
    in->code = arguments.code == EXIT_DONE && is_failed ? EXIT_FAILED : (enum exit_code)arguments.code;
    return CLM_OK;
}

const struct command command_verify = {
    "verify", "every operation and whole training steps of a device against the reference", run_verify,
    "Runs every operation on awkward sizes, and whole training steps, on a device and in double precision on the host; with each provider of products that `--gemm auto' may choose, or the one that --gemm names. Prints each check's largest error over its derived bound; above 1, or NaN, is a failure, and the next line says how to repeat it. Exit code 0 when all passed, else 1."};
