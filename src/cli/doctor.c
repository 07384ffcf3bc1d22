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
    const char *selector, *json;
    bool is_quiet; /* the JSON alone goes to standard output */
    char section[sizeof(((struct clm_finding *)0)->section)];
    json_t *devices;
};

/* What has come of a provider of products, or of what all of them share. */
struct part {
    const struct check_source *source;
    struct check_list checks;
    struct clm_check first_failure;
    char operations[NAMES_MAX]; /* that failed */
    size_t left_out;            /* checks that would take too long */
    bool has_shared_failure;    /* one of them has nothing to do with products */
    bool is_quiet;
};

enum verdict { VERDICT_GOOD, VERDICT_USABLE, VERDICT_REFUSED };

/* A device as it is examined. */
struct patient {
    const struct clm_device *device;
    enum verdict verdict;
    char right[NAMES_MAX], wrong[NAMES_MAX]; /* providers */
    char reason[NAMES_MAX + 4096];           /* why it is refused */
    size_t left_out;                         /* checks */
    bool is_shared_tested;                   /* what has no products needs only one test */
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
        arguments->json = text;
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
    struct arguments *const arguments = user;
    if (arguments->is_quiet)
        return;
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
    part->has_shared_failure = part->has_shared_failure || !check->has_products;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void tell_part(const struct part *part, const char *name, double seconds)
{
    if (part->is_quiet)
        return;
    if (part->left_out)
        printf("  --   %-14s so slow here that %zu checks of large matrices were left out; clmlp verify "
               "makes them\n",
               name, part->left_out);
    if (!part->checks.failures) {
        printf("  %sok %s  %-14s right in %zu checks, the largest error %.3f of its bound  (%.1f s)\n",
               colour(GREEN), colour(PLAIN), name, part->checks.count, part->checks.worst, seconds);
        return;
    }
    printf("  %sBAD%s  %-14s WRONG in %zu of %zu checks: %s  (%.1f s)\n", colour(RED), colour(PLAIN), name,
           part->checks.failures, part->checks.count, part->operations, seconds);
    printf("       %-14s %s %s: %.4g times its bound\n", "", part->first_failure.operation,
           part->first_failure.shape, part->first_failure.error_over_bound);
    print_failure(part->source, &part->first_failure, "                      ");
}

/* One provider of products, and with the first of them what all share. */
static void examine_provider(struct patient *patient, struct clm_backend *backend, bool is_quiet)
{
    const char *const name = clm_backend_provider(backend);
    const struct check_source source = {.backend = backend, .seed = SEED};
    struct part part = {.source = &source, .checks = {.checks = patient->checks}, .is_quiet = is_quiet};
    const struct clm_verify_options quick = {.extent = CLM_VERIFY_QUICK,
                                             .seed = SEED,
                                             .part = patient->is_shared_tested ? CLM_VERIFY_PRODUCTS : CLM_VERIFY_ALL,
                                             .seconds_most = SECONDS,
                                             .left_out = &part.left_out,
                                             .on_check = hear_check,
                                             .user = &part};
    struct clm_error error = {0};
    bool passed = false;
    const double begin = seconds_now();
    if (clm_verify(backend, &quick, &passed, &error) != CLM_OK) {
        add_name(patient->wrong, name);
        snprintf(patient->reason, sizeof patient->reason, "%s", error.message);
        if (!is_quiet)
            printf("  %sBAD%s  %-14s fails: %s\n", colour(RED), colour(PLAIN), name, error.message);
        return;
    }
    patient->is_shared_tested = true;
    patient->left_out += part.left_out;
    tell_part(&part, name, seconds_now() - begin);
    add_name(passed ? patient->right : patient->wrong, name);
    if (part.has_shared_failure) {
        patient->verdict = VERDICT_REFUSED;
        snprintf(patient->reason, sizeof patient->reason, "%s, for which there is no other kernel, wrong",
                 part.operations);
    }
}

/* The device with each provider that --gemm auto may choose there. */
static void examine_providers(struct patient *patient, const struct clm_backend *first, bool is_quiet)
{
    char address[32];
    struct clm_backend_options wanted = {
        .kind = CLM_BACKEND_OPENCL, .device = address, .skip_self_test = true};
    const char *names[GEMM_NAMES_MAX];
    const size_t count = clm_gemm_names(first, names, GEMM_NAMES_MAX);
    snprintf(address, sizeof address, "%u:%u", patient->device->platform, patient->device->index);
    for (size_t i = 0; i < count; i++) {
        struct clm_backend *backend = NULL;
        struct clm_error error = {0};
        wanted.gemm = names[i];
        if (clm_gemm_is_slow_to_build(names[i])) {
            if (!is_quiet)
                printf("  --   %-14s not tried: it takes long to build, and is used only where clmlp tune "
                       "found it fastest\n",
                       names[i]);
            continue;
        }
        if (clm_backend_open(&wanted, &backend, &error) == CLM_OK)
            examine_provider(patient, backend, is_quiet);
        else {
            add_name(patient->wrong, names[i]);
            if (!is_quiet)
                printf("  %sBAD%s  %-14s does not start: %s\n", colour(RED), colour(PLAIN), names[i],
                       error.message);
        }
        clm_backend_close(backend);
    }
    if (patient->verdict == VERDICT_REFUSED)
        return;
    if (!patient->right[0]) {
        patient->verdict = VERDICT_REFUSED;
        snprintf(patient->reason, sizeof patient->reason, "no provider of products is right (%s)",
                 patient->wrong);
    } else
        patient->verdict = patient->wrong[0] ? VERDICT_USABLE : VERDICT_GOOD;
}

static void tell_verdict(const struct patient *patient)
{
    const unsigned platform = patient->device->platform, index = patient->device->index;
    switch (patient->verdict) {
    case VERDICT_GOOD:
        if (patient->left_out)
            printf("  verdict: %sgood%s as far as it was tried; %zu checks of large matrices were left out\n",
                   colour(GREEN), colour(PLAIN), patient->left_out);
        else
            printf("  verdict: %sgood%s. Every operation is right with every provider\n", colour(GREEN),
                   colour(PLAIN));
        printf("  remedy:  none needed; train with --device %u:%u%s\n\n", platform, index,
               patient->left_out ? ", which tries each layer's products first" : "");
        return;
    case VERDICT_USABLE:
        printf("  verdict: %susable with %s%s. %s computes wrongly here\n", colour(GREEN), patient->right,
               colour(PLAIN), patient->wrong);
        printf("  remedy:  none needed to train: --gemm auto tries products before it uses them and leaves "
               "wrong ones out, "
               "and\n           --gemm refuses them by name. Report it to the driver's makers, with the file "
               "of\n"
               "           clmlp verify --full --device %u:%u --json report.json\n\n",
               platform, index);
        return;
    case VERDICT_REFUSED:
        printf("  verdict: %srefused%s. %s\n", colour(RED), colour(PLAIN), patient->reason);
        printf("  remedy:  update its driver (now %s), or train on another device or with --backend blas; "
               "for a report to\n"
               "           its makers: clmlp verify --full --device %u:%u --json report.json\n\n",
               printable(patient->device->driver).text, platform, index);
    }
}

/* Opens the device, which builds every kernel that is not a provider's. */
static clm_status open_first(const struct clm_device *device, struct clm_backend **out,
                             struct clm_error *error)
{
    char address[32];
    const struct clm_backend_options first = {
        .kind = CLM_BACKEND_OPENCL, .device = address, .gemm = "default", .skip_self_test = true};
    snprintf(address, sizeof address, "%u:%u", device->platform, device->index);
    return clm_backend_open(&first, out, error);
}

static bool examine_device(struct arguments *arguments, const struct clm_device *device)
{
    static const char *const verdicts[] = {
        [VERDICT_GOOD] = "good", [VERDICT_USABLE] = "usable", [VERDICT_REFUSED] = "refused"};
    struct patient patient = {.device = device, .checks = json_array()};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    if (!arguments->is_quiet)
        printf("device %u:%u  %s  [%s], driver %s\n", device->platform, device->index,
               printable(device->name).text, device_type_name(device->type), printable(device->driver).text);
    const double begin = seconds_now();
    if (open_first(device, &backend, &error) != CLM_OK) {
        patient.verdict = VERDICT_REFUSED;
        snprintf(patient.reason, sizeof patient.reason, "%s", error.message);
        if (!arguments->is_quiet)
            printf("  %sBAD%s  it does not open, or its compiler fails\n", colour(RED), colour(PLAIN));
    } else {
        if (!arguments->is_quiet)
            printf("  %sok %s  %-14s builds our kernels  (%.1f s)\n", colour(GREEN), colour(PLAIN),
                   "compiler", seconds_now() - begin);
        examine_providers(&patient, backend, arguments->is_quiet);
    }
    if (!arguments->is_quiet)
        tell_verdict(&patient);
    json_t *const object =
        checks_json(device, device->name, "opencl", patient.verdict == VERDICT_GOOD, patient.checks);
    json_object_put(object, "verdict", json_string(verdicts[patient.verdict]));
    json_object_put(object, "right", json_text(patient.right));
    json_object_put(object, "wrong", json_text(patient.wrong));
    json_object_put(object, "reason", json_text(patient.reason));
    json_object_put(object, "left_out", json_integer((json_int_t)patient.left_out));
    json_list_add(arguments->devices, object);
    clm_backend_close(backend);
    return patient.verdict != VERDICT_REFUSED;
}

/* ---- all of them ---- */

static int doctor(struct arguments *arguments)
{
    struct clm_device *devices = NULL;
    struct clm_error error = {0};
    size_t count = 0, usable = 0;
    clm_examine_loader(hear_finding, arguments);
    const clm_status status = clm_devices_find(arguments->selector, &devices, &count, &error);
    if (!arguments->is_quiet)
        printf("\n");
    for (size_t d = 0; d < count; d++)
        usable += examine_device(arguments, &devices[d]);
    clm_devices_free(devices);
    if (arguments->json && !write_json("doctor", arguments->json, json_incref(arguments->devices)))
        return EXIT_FAILED;
    if (status != CLM_OK)
        return fail_command("doctor", &error);
    if (!count && arguments->selector)
        complain("doctor", "--device %s means none of the devices; `clmlp devices' lists them",
                 arguments->selector);
    else if (!count)
        complain(
            "doctor",
            "the OpenCL platforms have no device; install your GPU's driver, or pocl-opencl-icd to compute "
            "on the CPU, or use --backend blas");
    else if (!usable)
        complain(
            "doctor",
            "none of the %zu device%s found can be trained on; use --backend blas, or one of the remedies "
            "above",
            count, count == 1 ? "" : "s");
    else if (!arguments->is_quiet)
        printf("%zu of %zu device%s can be trained on\n", usable, count, count == 1 ? "" : "s");
    return usable ? EXIT_DONE : EXIT_FAILED;
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
    struct arguments arguments = {.devices = json_array()};
    parse_arguments(&argp, argc, argv, &arguments);
    const int code = doctor(&arguments);
    json_decref(arguments.devices);
    return code;
}
