#include "cli/examine_device.h"

#include "cli/arguments.h"
#include "cli/checks.h"
#include "cli/machine.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SEED    1
#define SECONDS 150 /* for the checks of one provider; only simulators take as long */

/* The results for one provider of products, or for what all providers share. */
struct examined_part {
    const struct patient *patient;
    const struct check_source *source;
    struct check_list checks;
    struct clm_check first_failure;
    char operations[NAMES_MAX]; /* the failed ones */
    size_t left_out;            /* checks that would take too long */
};

enum device_verdict { VERDICT_GOOD, VERDICT_USABLE, VERDICT_REFUSED };

/* A device that is being examined. */
struct patient {
    const struct examination *examination;
    const struct clm_device *device;
    enum device_verdict verdict;
    char right[NAMES_MAX], wrong[NAMES_MAX]; /* providers */
    char not_built[NAMES_MAX], not_tried[NAMES_MAX];
    bool has_failure;              /* one of `wrong` ended with an error */
    char reason[NAMES_MAX + 4096]; /* why it is refused */
    size_t left_out;               /* checks left out */
    json_t *checks;
};

static bool is_quiet(const struct patient *patient)
{
    return patient->examination->is_quiet;
}

/* Announces a step, for example "native, in its check 3 of 59": the driver may die in it, and `again` repeats
 * it. A terminal shows it until end_wait, which must come before anything is printed. */
__attribute__((format(printf, 3, 4))) static void examine_begin(const struct patient *patient,
                                                                const char *again, const char *format, ...)
{
    char step[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(step, sizeof step, format, arguments);
    va_end(arguments);
    patient->examination->on_step(patient->examination->user, step, again);
    end_wait();
    begin_wait(step);
}

/* ---- one device ---- */

static void examine_hear_begin(void *user, const struct clm_check *check)
{
    const struct examined_part *const part = user;
    examine_begin(part->patient, repeat_check(part->source, check).command, "%s, in check %zu of %zu (%s %s)",
                  provider_of(part->source), check->number, check->of, check->operation, check->shape);
}

static void examine_hear_check(void *user, const struct clm_check *check)
{
    struct examined_part *const part = user;
    check_list_add(&part->checks, part->source, check);
    if (check->passed)
        return;
    if (!part->operations[0])
        part->first_failure = *check;
    add_name(part->operations, check->operation);
}

/* 0 if the clock went back. */
static double seconds_since(double start)
{
    return fmax(0, seconds_now() - start);
}

static void tell_failure(const struct examined_part *part, const char *name, double seconds)
{
    const struct clm_check *const first = &part->first_failure;
    printf("  %sBAD%s  %-14s %s in %zu of %zu checks: %s  (%.1f s)\n", colour(RED), colour(PLAIN), name,
           first->is_error ? "FAILS" : "WRONG", part->checks.failures, part->checks.count, part->operations,
           seconds);
    if (first->is_error)
        printf("       %-14s %s %s: ends with an error\n", "", first->operation, first->shape);
    else
        printf("       %-14s %s %s: %s\n", "", first->operation, first->shape,
               error_words(first->error_over_bound).text);
    print_failure(part->source, first, "                      ");
}

static void tell_part(const struct examined_part *part, const char *name, double seconds)
{
    if (part->left_out)
        printf(
            "  --   %-14s so slow here that %zu checks of large matrices were left out; clmlp verify makes them\n",
            name, part->left_out);
    if (part->checks.failures)
        tell_failure(part, name, seconds);
    else
        printf("  %sok %s  %-14s right in %zu check%s, the largest error %.3f of its bound  (%.1f s)\n",
               colour(GREEN), colour(PLAIN), name, part->checks.count, part->checks.count == 1 ? "" : "s",
               part->checks.worst, seconds);
}

/* Makes the checks of one provider or, if `provider` is NULL, of what all share. Returns whether
 * all passed. */
static bool examine_part(struct patient *patient, struct clm_backend *backend, const char *provider,
                         struct examined_part *part)
{
    const struct check_source source = {
        .about = patient->device, .backend = "opencl", .provider = provider, .seed = SEED};
    const char *const name = provider_of(&source);
    const struct check_list list = {.checks = patient->checks};
    *part = (struct examined_part){.patient = patient, .source = &source, .checks = list};
    const struct clm_verify_options quick = {.extent = CLM_VERIFY_QUICK,
                                             .part = provider ? CLM_VERIFY_PRODUCTS : CLM_VERIFY_SHARED,
                                             .seed = SEED,
                                             .seconds_most = SECONDS,
                                             .left_out = &part->left_out,
                                             .on_begin = examine_hear_begin,
                                             .on_check = examine_hear_check,
                                             .user = part};
    struct clm_error error = {0};
    bool passed = false;
    const double start = seconds_now();
    const clm_status status = clm_verify(backend, &quick, &passed, &error);
    end_wait();
    patient->left_out += part->left_out;
    if (status != CLM_OK) {
        check_list_add_error(&part->checks, &source, &error);
        snprintf(part->operations, sizeof part->operations, "its checks cannot be made");
    }
    if (status != CLM_OK && !is_quiet(patient))
        printf("  %sBAD%s  %-14s fails: %s\n", colour(RED), colour(PLAIN), name, error.message);
    else if (!is_quiet(patient))
        tell_part(part, name, seconds_since(start));
    part->source = NULL; /* source ends with this function */
    return passed;
}

static void leave_untried(struct patient *patient, const char *name, const char *why)
{
    add_name(patient->not_tried, name);
    if (!is_quiet(patient))
        printf("  --   %-14s not tried: %s\n", name, why);
}

/* If a provider does not build, prints what the compiler says. */
static void examine_provider(struct patient *patient, const char *address, const char *name)
{
    const struct clm_backend_options wanted = {
        .kind = CLM_BACKEND_OPENCL, .device = address, .gemm = name, .skip_self_test = true};
    const struct check_source source = {
        .about = patient->device, .backend = "opencl", .provider = name, .seed = SEED};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    struct examined_part part;
    examine_begin(patient, repeat_check(&source, NULL).command, "%s, as its kernels are built", name);
    const clm_status status = clm_backend_open(&wanted, &backend, &error);
    end_wait();
    if (status == CLM_OK) {
        add_name(examine_part(patient, backend, name, &part) ? patient->right : patient->wrong, name);
        patient->has_failure = patient->has_failure || part.checks.errors;
        clm_backend_close(backend);
        return;
    }
    struct check_list list = {.checks = patient->checks};
    add_name(patient->not_built, name);
    check_list_add_error(&list, &source, &error);
    if (is_quiet(patient))
        return;
    printf("  %sBAD%s  %-14s does not build, or start\n", colour(RED), colour(PLAIN), name);
    print_error(&source, &error, "                      ");
}

/* Examines what all providers share, then each provider that --gemm auto may choose on this device. */
static void examine_opened(struct patient *patient, struct clm_backend *opened, const char *address)
{
    const char *names[GEMM_NAMES_MAX];
    const size_t count = clm_gemm_names(opened, names, GEMM_NAMES_MAX);
    struct examined_part shared;
    const bool is_right = examine_part(patient, opened, NULL, &shared);
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

/* What to do about kernels that are the user's own; "" if they are not. */
static const char *own_kernels(char text[800])
{
    char changed[600];
    clm_kernel_files_changed(changed, sizeof changed);
    snprintf(text, 800, "%s%s", changed, changed[0] ? ": unset CLMLP_KERNEL_DIR, or correct it" : "");
    return text;
}

void tell_refusal(const char *driver, const char *reason, const char *report)
{
    char own[800];
    if (*own_kernels(own))
        printf("  verdict: %srefused%s. %s\n  remedy:  %s\n\n", colour(RED), colour(PLAIN), reason,
               printable(own).text);
    else
        printf(
            "  verdict: %srefused%s. %s\n"
            "  remedy:  update its driver (now %s), or train on another device or with --backend blas%s\n\n",
            colour(RED), colour(PLAIN), reason, printable(driver).text, report);
}

static void tell_refused(const struct patient *patient)
{
    char report[160];
    snprintf(
        report, sizeof report,
        "; for a report to\n           its makers: clmlp verify --full --device %u:%u --json report.json",
        patient->device->platform, patient->device->index);
    tell_refusal(patient->device->driver, patient->reason, report);
}

static void tell_verdict(const struct patient *patient)
{
    const unsigned platform = patient->device->platform, index = patient->device->index;
    char own[800];
    switch (patient->verdict) {
    case VERDICT_GOOD:
        tell_good(patient);
        return;
    case VERDICT_USABLE:
        printf("  verdict: %susable with %s%s. ", colour(GREEN), patient->right, colour(PLAIN));
        tell_unusable(patient);
        if (*own_kernels(own)) {
            printf("\n  remedy:  %s\n\n", printable(own).text);
            return;
        }
        printf(
            "\n  remedy:  none needed to train: --gemm auto tries products before it uses them and leaves wrong ones out, and\n           --gemm refuses them by name. Report it to the driver's makers, with the file of\n"
            "           clmlp verify --full --device %u:%u --json report.json\n\n",
            platform, index);
        return;
    case VERDICT_REFUSED:
        tell_refused(patient);
    }
}

/* Opens the device, which builds all kernels except those of providers. */
static void examine_from_the_start(struct patient *patient)
{
    const struct clm_device *const device = patient->device;
    char address[32];
    const struct clm_backend_options any = {
        .kind = CLM_BACKEND_OPENCL, .device = address, .skip_self_test = true};
    struct clm_backend *backend = NULL;
    struct clm_error error = {0};
    snprintf(address, sizeof address, "%u:%u", device->platform, device->index);
    const double start = seconds_now();
    const struct check_source source = {.about = device, .backend = "opencl", .seed = SEED};
    examine_begin(patient, repeat_check(&source, NULL).command,
                  "the kernels that all providers share, as they are built");
    const bool is_open = !device->reason[0] && clm_backend_open(&any, &backend, &error) == CLM_OK;
    end_wait();
    if (!is_open) {
        patient->verdict =
            VERDICT_REFUSED; /* the device has a reason of its own if it does not tell its properties */
        snprintf(patient->reason, sizeof patient->reason, "%s",
                 device->reason[0] ? device->reason : error.message);
        if (!is_quiet(patient))
            printf("  %sBAD%s  it does not open, or its compiler fails\n", colour(RED), colour(PLAIN));
        return;
    }
    if (!is_quiet(patient))
        printf("  %sok %s  %-14s builds the kernels that all providers share  (%.1f s)\n", colour(GREEN),
               colour(PLAIN), "compiler", seconds_since(start));
    examine_opened(patient, backend, address);
    clm_backend_close(backend);
}

static json_t *report_on(const struct patient *patient)
{
    static const char *const verdicts[] = {
        [VERDICT_GOOD] = "good", [VERDICT_USABLE] = "usable", [VERDICT_REFUSED] = "refused"};
    const struct examination *const examination = patient->examination;
    const struct check_source source = {.about = patient->device, .backend = "opencl", .seed = SEED};
    json_t *const object =
        report_json(examination->in, &source, patient->device->name, "quick", patient->checks);
    json_object_put(object, "passed", json_boolean(patient->verdict == VERDICT_GOOD));
    json_object_put(object, "verdict", json_string(verdicts[patient->verdict]));
    json_object_put(object, "right", json_text(patient->right));
    json_object_put(object, "wrong", json_text(patient->wrong));
    json_object_put(object, "not_built", json_text(patient->not_built));
    json_object_put(object, "not_tried", json_text(patient->not_tried));
    json_object_put(object, "reason", json_text(patient->reason));
    json_object_put(object, "left_out", json_integer((json_int_t)patient->left_out));
    json_object_put(object, "findings", json_incref(examination->findings));
    return object;
}

json_t *refused_device(const struct examination *examination, const struct clm_device *device,
                       const char *reason)
{
    struct patient patient = {
        .examination = examination, .device = device, .verdict = VERDICT_REFUSED, .checks = json_array()};
    snprintf(patient.reason, sizeof patient.reason, "%s", reason);
    return report_on(&patient);
}

json_t *examine_device(const struct examination *examination, const struct clm_device *device)
{
    struct patient patient = {.examination = examination, .device = device, .checks = json_array()};
    if (!examination->is_quiet) {
        printf("device %u:%u  %s  [%s], driver %s\n", device->platform, device->index,
               printable(device->name).text, device_type_name(device->type), printable(device->driver).text);
        print_kernel_folder("  ");
    }
    examine_from_the_start(&patient);
    if (!examination->is_quiet)
        tell_verdict(&patient);
    return report_on(&patient);
}
