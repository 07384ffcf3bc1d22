/* clmlp doctor: what is missing or wrong between this program and the machine's OpenCL devices. */
#include "cli/arguments.h"
#include "cli/checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAMES_MAX 256 /* characters of a list of names */
#define SEED      1
#define SECONDS   60 /* of one check; on other than simulators none takes as long */

struct arguments {
    int argc; /* the program's */
    char **argv;
    const char *selector, *json;
    bool is_quiet; /* the JSON alone goes to standard output */
    char section[sizeof(((struct clm_finding *)0)->section)];
    json_t *findings, *devices;
};

/* What has come of a provider of products, or of what all of them share. */
struct part {
    const struct check_source *source;
    struct check_list checks;
    struct clm_check first_failure;
    char operations[NAMES_MAX]; /* that failed */
    size_t left_out;            /* checks that would take too long */
};

enum verdict { VERDICT_GOOD, VERDICT_USABLE, VERDICT_REFUSED };

/* A device as it is examined. */
struct patient {
    const struct clm_device *device;
    bool is_quiet;
    enum verdict verdict;
    char right[NAMES_MAX], wrong[NAMES_MAX]; /* providers */
    char not_built[NAMES_MAX], not_tried[NAMES_MAX];
    bool has_failure;              /* one of `wrong` ended with an error */
    char reason[NAMES_MAX + 4096]; /* why it is refused */
    size_t left_out;               /* checks */
    json_t *checks;
};

static const struct argp_option options[] = {
    {"device", KEY_DEVICE, "DEVICE", 0,
     "try this one alone: gpu, cpu, P:D, or a part of a name (default: all)", 1},
    {"json", KEY_JSON, "FILE", 0, "write the devices and their checks as JSON, too; - is standard output", 1},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *const arguments = state->input;
    switch (key) {
    case KEY_DEVICE:
        arguments->selector = read_name(state, "--device", text);
        return 0;
    case KEY_JSON:
        arguments->json = read_output(state, "--json", text);
        arguments->is_quiet = !strcmp(text, "-");
        return 0;
    case ARGP_KEY_ARG:
        wrong_usage(state, "it takes options only, not %s", text);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- printing ---- */

static const char *colour(const char *sequence)
{
    return is_coloured(STDOUT_FILENO) ? sequence : "";
}

#define RED   "\033[1;31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

/* Puts a name behind the others, once. */
static void add_name(char list[NAMES_MAX], const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; *at; at += strcspn(at, " "), at += *at == ' ')
        if (!strncmp(at, name, length) && (at[length] == ',' || !at[length]))
            return;
    const size_t used = strlen(list);
    snprintf(list + used, NAMES_MAX - used, "%s%s", used ? ", " : "", name);
}

static void hear_finding(void *user, const struct clm_finding *finding)
{
    static const char *const marks[] = {
        [CLM_FINDING_GOOD] = "ok ", [CLM_FINDING_NOTE] = "-- ", [CLM_FINDING_BAD] = "BAD"};
    static const char *const colours[] = {
        [CLM_FINDING_GOOD] = GREEN, [CLM_FINDING_NOTE] = "", [CLM_FINDING_BAD] = RED};
    static const char *const severities[] = {
        [CLM_FINDING_GOOD] = "good", [CLM_FINDING_NOTE] = "note", [CLM_FINDING_BAD] = "bad"};
    struct arguments *const arguments = user;
    json_list_add(arguments->findings,
                  json_pack("{ss ss so so}", "section", finding->section, "severity",
                            severities[finding->severity], "what", json_text(finding->what), "remedy",
                            json_text(finding->remedy)));
    if (arguments->is_quiet) {
        if (finding->severity == CLM_FINDING_BAD)
            complain("doctor", "%s; %s", finding->what, finding->remedy);
        return;
    }
    if (strcmp(arguments->section, finding->section) != 0)
        printf("%s%s\n", arguments->section[0] ? "\n" : "", finding->section);
    snprintf(arguments->section, sizeof arguments->section, "%s", finding->section);
    printf("  %s%s%s  %s\n", colour(colours[finding->severity]), marks[finding->severity], colour(PLAIN),
           finding->what);
    if (finding->remedy[0])
        printf("       remedy: %s\n", finding->remedy);
}

/* ---- one device ---- */

static void hear_check(void *user, const struct clm_check *check)
{
    struct part *const part = user;
    check_list_add(&part->checks, part->source, check);
    if (check->passed)
        return;
    if (!part->operations[0])
        part->first_failure = *check;
    add_name(part->operations, check->operation);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void tell_failure(const struct part *part, const char *name, double seconds)
{
    const struct clm_check *const first = &part->first_failure;
    printf("  %sBAD%s  %-14s %s in %zu of %zu checks: %s  (%.1f s)\n", colour(RED), colour(PLAIN), name,
           first->is_error ? "FAILS" : "WRONG", part->checks.failures, part->checks.count, part->operations,
           seconds);
    if (first->is_error)
        printf("       %-14s %s %s: ends with an error\n", "", first->operation, first->shape);
    else
        printf("       %-14s %s %s: %.4g times its bound\n", "", first->operation, first->shape,
               first->error_over_bound);
    print_failure(part->source, first, "                      ");
}

static void tell_part(const struct part *part, const char *name, double seconds)
{
    if (part->left_out)
        printf("  --   %-14s so slow here that %zu checks of large matrices were left out; clmlp verify "
               "makes them\n",
               name, part->left_out);
    if (part->checks.failures)
        tell_failure(part, name, seconds);
    else
        printf("  %sok %s  %-14s right in %zu check%s, the largest error %.3f of its bound  (%.1f s)\n",
               colour(GREEN), colour(PLAIN), name, part->checks.count, part->checks.count == 1 ? "" : "s",
               part->checks.worst, seconds);
}

/* The checks of a provider of products, or of what all of them share (`provider` is NULL). Whether all passed. */
static bool examine(struct patient *patient, struct clm_backend *backend, const char *provider,
                    struct part *part)
{
    const char *const name = provider ? provider : "shared";
    const struct check_source source = {
        .about = patient->device, .backend = "opencl", .provider = provider, .seed = SEED};
    const struct check_list list = {.checks = patient->checks};
    *part = (struct part){.source = &source, .checks = list};
    const struct clm_verify_options quick = {.extent = CLM_VERIFY_QUICK,
                                             .part = provider ? CLM_VERIFY_PRODUCTS : CLM_VERIFY_SHARED,
                                             .seed = SEED,
                                             .seconds_most = SECONDS,
                                             .left_out = &part->left_out,
                                             .on_check = hear_check,
                                             .user = part};
    struct clm_error error = {0};
    bool passed = false;
    const double begin = seconds_now();
    const clm_status status = clm_verify(backend, &quick, &passed, &error);
    patient->left_out += part->left_out;
    if (status != CLM_OK) {
        check_list_add_error(&part->checks, &source, &error);
        snprintf(part->operations, sizeof part->operations, "its checks cannot be made");
    }
    if (status != CLM_OK && !patient->is_quiet)
        printf("  %sBAD%s  %-14s fails: %s\n", colour(RED), colour(PLAIN), name, error.message);
    else if (!patient->is_quiet)
        tell_part(part, name, seconds_now() - begin);
    part->source = NULL; /* it ends here */
    return passed;
}

static void leave_untried(struct patient *patient, const char *name, const char *why)
{
    add_name(patient->not_tried, name);
    if (!patient->is_quiet)
        printf("  --   %-14s not tried: %s\n", name, why);
}

/* One that does not even build is named with what the compiler says. */
static void examine_provider(struct patient *patient, const char *address, const char *name)
{
    const struct clm_backend_options wanted = {
        .kind = CLM_BACKEND_OPENCL, .device = address, .gemm = name, .skip_self_test = true};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    struct part part;
    if (clm_backend_open(&wanted, &backend, &error) == CLM_OK) {
        add_name(examine(patient, backend, name, &part) ? patient->right : patient->wrong, name);
        patient->has_failure = patient->has_failure || part.checks.errors;
        clm_backend_close(backend);
        return;
    }
    const struct check_source source = {
        .about = patient->device, .backend = "opencl", .provider = name, .seed = SEED};
    struct check_list list = {.checks = patient->checks};
    add_name(patient->not_built, name);
    check_list_add_error(&list, &source, &error);
    if (patient->is_quiet)
        return;
    printf("  %sBAD%s  %-14s does not build, or start\n", colour(RED), colour(PLAIN), name);
    print_error(&source, &error, "                      ");
}

/* What all providers share, and the device with each that --gemm auto may choose there. */
static void examine_opened(struct patient *patient, struct clm_backend *opened, const char *address)
{
    const char *names[GEMM_NAMES_MAX];
    const size_t count = clm_gemm_names(opened, names, GEMM_NAMES_MAX);
    struct part shared;
    const bool is_right = examine(patient, opened, NULL, &shared);
    for (size_t i = 0; i < count; i++)
        if (!is_right)
            leave_untried(patient, names[i], "what all of them share is wrong");
        else if (clm_gemm_is_slow_to_build(names[i]))
            leave_untried(patient, names[i],
                          "it takes long to build, and is used only where clmlp tune found it fastest");
        else
            examine_provider(patient, address, names[i]);
    patient->verdict = !is_right || !patient->right[0]              ? VERDICT_REFUSED
                       : patient->wrong[0] || patient->not_built[0] ? VERDICT_USABLE
                                                                    : VERDICT_GOOD;
    if (!is_right)
        snprintf(patient->reason, sizeof patient->reason, "%s, for which there is no other kernel, wrong",
                 shared.operations);
    else if (!patient->right[0])
        snprintf(patient->reason, sizeof patient->reason,
                 "no provider of products is right (wrong: %s; not built: %s)",
                 patient->wrong[0] ? patient->wrong : "none",
                 patient->not_built[0] ? patient->not_built : "none");
}

/* "native computes wrongly here; clblast does not build" */
static void tell_unusable(const struct patient *patient)
{
    const bool are_wrong = strchr(patient->wrong, ','), are_not_built = strchr(patient->not_built, ',');
    if (patient->wrong[0])
        printf("%s %scompute%s wrongly here", patient->wrong,
               !patient->has_failure ? ""
               : are_wrong           ? "fail or "
                                     : "fails or ",
               are_wrong ? "" : "s");
    if (patient->not_built[0])
        printf("%s%s %s not build here", patient->wrong[0] ? "; " : "", patient->not_built,
               are_not_built ? "do" : "does");
}

static void tell_good(const struct patient *patient)
{
    printf("  verdict: %sgood%s%s. Every operation is right with every provider", colour(GREEN),
           colour(PLAIN), patient->left_out ? " as far as it was tried" : "");
    if (patient->not_tried[0])
        printf(" that was tried; not tried: %s", patient->not_tried);
    if (patient->left_out)
        printf("; %zu checks of large matrices were left out", patient->left_out);
    printf("\n  remedy:  none needed; train with --device %u:%u%s\n\n", patient->device->platform,
           patient->device->index, patient->left_out ? ", which tries each layer's products first" : "");
}

static void tell_verdict(const struct patient *patient)
{
    const unsigned platform = patient->device->platform, index = patient->device->index;
    switch (patient->verdict) {
    case VERDICT_GOOD:
        tell_good(patient);
        return;
    case VERDICT_USABLE:
        printf("  verdict: %susable with %s%s. ", colour(GREEN), patient->right, colour(PLAIN));
        tell_unusable(patient);
        printf("\n  remedy:  none needed to train: --gemm auto tries products before it uses them and leaves "
               "wrong ones out, "
               "and\n           --gemm refuses them by name. Report it to the driver's makers, with the file "
               "of\n"
               "           clmlp verify --full --device %u:%u --json report.json\n\n",
               platform, index);
        return;
    case VERDICT_REFUSED:
        printf("  verdict: %srefused%s. %s\n", colour(RED), colour(PLAIN), patient->reason);
        if (kernel_folder() && !patient->device->reason[0]) {
            printf(
                "  remedy:  unset CLMLP_KERNEL_DIR, or correct it: these kernels are not those built in\n\n");
            return;
        }
        printf("  remedy:  update its driver (now %s), or train on another device or with --backend blas; "
               "for a report to\n"
               "           its makers: clmlp verify --full --device %u:%u --json report.json\n\n",
               printable(patient->device->driver).text, platform, index);
    }
}

/* Opens it, which builds every kernel that is not a provider's. */
static void examine_from_the_start(struct patient *patient)
{
    const struct clm_device *const device = patient->device;
    char address[32];
    const struct clm_backend_options any = {
        .kind = CLM_BACKEND_OPENCL, .device = address, .skip_self_test = true};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    snprintf(address, sizeof address, "%u:%u", device->platform, device->index);
    const double begin = seconds_now();
    if (device->reason[0] || clm_backend_open(&any, &backend, &error) != CLM_OK) {
        patient->verdict =
            VERDICT_REFUSED; /* with the device's own reason, where it does not tell of itself what it has to */
        snprintf(patient->reason, sizeof patient->reason, "%s",
                 device->reason[0] ? device->reason : error.message);
        if (!patient->is_quiet)
            printf("  %sBAD%s  it does not open, or its compiler fails\n", colour(RED), colour(PLAIN));
        return;
    }
    if (!patient->is_quiet)
        printf("  %sok %s  %-14s builds the kernels that all providers share  (%.1f s)\n", colour(GREEN),
               colour(PLAIN), "compiler", seconds_now() - begin);
    examine_opened(patient, backend, address);
    clm_backend_close(backend);
}

static json_t *patient_json(const struct arguments *arguments, const struct patient *patient)
{
    static const char *const verdicts[] = {
        [VERDICT_GOOD] = "good", [VERDICT_USABLE] = "usable", [VERDICT_REFUSED] = "refused"};
    const struct check_report report = {.about = patient->device,
                                        .device = patient->device->name,
                                        .backend = "opencl",
                                        .extent = "quick",
                                        .seed = SEED,
                                        .argc = arguments->argc,
                                        .argv = arguments->argv,
                                        .passed = patient->verdict == VERDICT_GOOD,
                                        .checks = patient->checks};
    json_t *const object = report_json(&report);
    json_object_put(object, "verdict", json_string(verdicts[patient->verdict]));
    json_object_put(object, "right", json_text(patient->right));
    json_object_put(object, "wrong", json_text(patient->wrong));
    json_object_put(object, "not_built", json_text(patient->not_built));
    json_object_put(object, "not_tried", json_text(patient->not_tried));
    json_object_put(object, "reason", json_text(patient->reason));
    json_object_put(object, "left_out", json_integer((json_int_t)patient->left_out));
    json_object_put(object, "findings", json_incref(arguments->findings));
    return object;
}

static bool examine_device(struct arguments *arguments, const struct clm_device *device)
{
    struct patient patient = {.device = device, .is_quiet = arguments->is_quiet, .checks = json_array()};
    if (!patient.is_quiet)
        printf("device %u:%u  %s  [%s], driver %s\n", device->platform, device->index,
               printable(device->name).text, device_type_name(device->type), printable(device->driver).text);
    if (!patient.is_quiet)
        print_kernel_folder("  ");
    examine_from_the_start(&patient);
    if (!patient.is_quiet)
        tell_verdict(&patient);
    json_list_add(arguments->devices, patient_json(arguments, &patient));
    return patient.verdict != VERDICT_REFUSED;
}

/* ---- all of them ---- */

/* Why nothing can be trained on, in `why`; CLM_OK where something can. */
static clm_status judge(const struct arguments *arguments, size_t count, size_t usable, struct clm_error *why)
{
    if (usable || why->status != CLM_OK)
        return why->status;
    why->status = CLM_ERROR_DEVICE;
    if (!count && arguments->selector)
        snprintf(why->message, sizeof why->message,
                 "--device %s means none of the devices; `clmlp devices' lists them", arguments->selector);
    else if (!count)
        snprintf(
            why->message, sizeof why->message,
            "the OpenCL platforms have no device; what is said of them above helps, or use --backend blas");
    else
        snprintf(why->message, sizeof why->message,
                 "none of the %zu device%s found can be trained on; use --backend blas, or one of the "
                 "remedies above",
                 count, count == 1 ? "" : "s");
    return why->status;
}

/* Other commands take what CLMLP_DEVICE names; here all devices are tried. */
static void warn_of_default(const struct arguments *arguments)
{
    const char *const selector = default_device().options.device;
    struct clm_device *meant = NULL;
    struct clm_error error;
    size_t count = 0;
    if (arguments->selector || !selector || clm_devices_find(selector, &meant, &count, &error) != CLM_OK)
        return;
    clm_devices_free(meant);
    if (!count)
        remark("doctor",
               "CLMLP_DEVICE=%s means none of the devices, and all commands but this one will look for "
               "it; unset it, or choose by P:D, by type or by a part of the name",
               selector);
}

static int doctor(struct arguments *arguments)
{
    struct clm_device *devices = NULL;
    struct clm_error why = {0};
    size_t count = 0, usable = 0;
    clm_examine_loader(hear_finding, arguments);
    if (clm_devices_find(arguments->selector, &devices, &count, &why) != CLM_OK)
        count = 0;
    if (!arguments->is_quiet)
        printf("\n");
    warn_of_default(arguments);
    for (size_t d = 0; d < count; d++)
        usable += examine_device(arguments, &devices[d]);
    clm_devices_free(devices);
    const clm_status status = judge(arguments, count, usable, &why);
    if (arguments->json && !write_json("doctor", arguments->json, json_incref(arguments->devices)))
        return EXIT_FAILED;
    if (status != CLM_OK)
        return fail_command("doctor", &why);
    if (!arguments->is_quiet)
        printf("%zu of %zu device%s can be trained on\n", usable, count, count == 1 ? "" : "s");
    return EXIT_DONE;
}

int command_doctor(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .doc = "Looks for what is missing between this program and the "
                                            "machine's OpenCL devices: files that name drivers, "
                                            "drivers that do not load, permissions, platforms without a "
                                            "device, compilers. Then tries on each device "
                                            "every operation with each provider of products, large ones too, "
                                            "and says what is wrong and what to do. "
                                            "Exit code 0 when at least one device can be trained on, with "
                                            "the providers that are right, else 1."};
    struct arguments arguments = {
        .argc = argc, .argv = argv, .findings = json_array(), .devices = json_array()};
    parse_arguments(&argp, argc, argv, &arguments);
    const int code = doctor(&arguments);
    json_decref(arguments.devices);
    json_decref(arguments.findings);
    return code;
}
