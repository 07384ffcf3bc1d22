/* What a benchmark measures: finds and opens the backends, and checks all that can be checked before. */
#include "cli/bench.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCE_GFLOPS 1.0 /* a guess for plain loops in double, until they are timed */
#define STEPS_LEAST      6   /* of a row: first, warm-up and the fewest slices */
#define SECONDS_BESIDE   1.0 /* about what a row takes beside its timing */
#define SELECTOR_MOST    512 /* bytes */

/* ---- the work of a row ---- */

size_t bench_plan_rows(const struct bench_plan *plan)
{
    return plan->net_count * plan->batches.count * plan->subject_count;
}

struct bench_place bench_plan_place(const struct bench_plan *plan, size_t row)
{
    const size_t subjects = plan->subject_count, batches = plan->batches.count;
    return (struct bench_place){row / subjects / batches, row / subjects % batches, row % subjects};
}

struct clm_bench_options bench_plan_options(const struct bench_plan *plan, size_t row)
{
    const struct bench_place place = bench_plan_place(plan, row);
    struct clm_bench_options options = plan->options;
    options.sizes = plan->nets[place.net].values;
    options.size_count = plan->nets[place.net].count;
    options.batch = plan->batches.values[place.batch];
    options.wants_profile = options.wants_profile &&
                            clm_backend_kind(plan->subjects[place.subject].backend) == CLM_BACKEND_OPENCL;
    return options;
}

/* 2 B I O for each of forward and dW in every layer, and for dX in every layer but the first. */
static double operations_of(const struct clm_bench_options *options)
{
    double operations = 0;
    for (size_t l = 0; l + 1 < options->size_count; l++)
        operations += (l ? 6.0 : 4.0) * (double)options->batch * (double)options->sizes[l] *
                      (double)options->sizes[l + 1];
    return operations;
}

double bench_step_seconds(const struct bench_plan *plan, size_t row)
{
    const struct bench_subject *const subject = &plan->subjects[bench_plan_place(plan, row).subject];
    const struct clm_bench_options options = bench_plan_options(plan, row);
    return subject->gflops > 0 ? 1e-9 * operations_of(&options) / subject->gflops : 0;
}

double bench_plan_seconds(const struct bench_plan *plan, size_t row)
{
    return fmax(plan->options.seconds, STEPS_LEAST * bench_step_seconds(plan, row)) + SECONDS_BESIDE;
}

bool bench_plan_leaves_out(const struct bench_plan *plan, size_t row)
{
    const struct bench_subject *const subject = &plan->subjects[bench_plan_place(plan, row).subject];
    const struct clm_bench_options options = bench_plan_options(plan, row);
    struct clm_error ignored;
    return !subject->is_named && (bench_step_seconds(plan, row) > BENCH_STEP_SECONDS_MOST ||
                                  clm_bench_check(subject->backend, &options, &ignored) != CLM_OK);
}

/* ---- backends ---- */

static json_t *text_or_null(const char *text)
{
    return text ? json_text(text) : json_null();
}

static json_t *describe_subject(const struct clm_backend *backend, const char *gemm,
                                const struct host_machine *machine)
{
    const struct clm_device *const device = clm_backend_about(backend);
    char address[32];
    if (device)
        snprintf(address, sizeof address, "%u:%u", device->platform, device->index);
    return json_pack(
        "{ss so ss so so so so so so so sI so ss so so}", "system", "clmlp", "host", json_text(machine->host),
        "backend", clm_backend_name(backend), "device", json_text(clm_backend_device(backend)), "platform",
        text_or_null(device ? device->platform_name : NULL), "driver",
        text_or_null(device ? device->driver : NULL), "opencl", text_or_null(device ? device->version : NULL),
        "address", text_or_null(device ? address : NULL), "gemm",
        text_or_null(!device ? NULL
                     : gemm  ? gemm
                             : "auto"),
        "processor", json_text(machine->processor), "cores", (json_int_t)machine->cores, "os",
        json_text(machine->os), "version", clm_version(), "openblas",
        text_or_null(clm_backend_kind(backend) == CLM_BACKEND_BLAS ? clm_openblas_version() : NULL),
        "clblast", text_or_null(device ? clm_clblast_version() : NULL));
}

/* Is the device of `backend` already in the plan? */
static bool is_planned(const struct bench_plan *plan, const struct clm_backend *backend)
{
    const struct clm_device *const own = clm_backend_about(backend);
    for (size_t s = 0; own && s < plan->subject_count; s++) {
        const struct clm_device *const other = clm_backend_about(plan->subjects[s].backend);
        if (other && other->platform == own->platform && other->index == own->index)
            return true;
    }
    return false;
}

/* Opens a backend and adds it, unless its device is there already. A failure is a remark if the user has not
 * named it. */
static clm_status add_subject(struct bench_plan *plan, const struct clm_backend_options *wanted,
                              bool is_named, struct clm_error *error)
{
    struct bench_subject subject = {.is_named = is_named,
                                    .gflops = wanted->kind == CLM_BACKEND_REFERENCE ? REFERENCE_GFLOPS : 0};
    clm_status status = open_backend(wanted, &subject.backend, error);
    if (status != CLM_OK && !is_named) {
        name_options("bench", error);
        remark("bench", "left out: %s", error->message);
        return CLM_OK;
    }
    if (status != CLM_OK)
        return status;
    struct bench_subject *more = NULL;
    if (!is_planned(plan, subject.backend)) {
        subject.about = describe_subject(subject.backend, wanted->gemm, &plan->machine);
        more = realloc(plan->subjects, (plan->subject_count + 1) * sizeof *more);
        plan->subjects = more ? more : plan->subjects;
        if (!more || !subject.about)
            status = fail(error, CLM_ERROR_MEMORY, "the host has no memory for another backend");
    }
    if (more && status == CLM_OK) {
        plan->subjects[plan->subject_count++] = subject;
        return CLM_OK;
    }
    json_decref(subject.about);
    clm_backend_close(subject.backend);
    return status;
}

static clm_status add_all_devices(struct bench_plan *plan, const struct clm_backend_options *wanted,
                                  bool is_named, struct clm_error *error)
{
    struct clm_device *devices = NULL;
    struct clm_error why = {0};
    const size_t before = plan->subject_count;
    size_t count = 0;
    clm_status status = load_drivers(&why);
    if (status == CLM_OK)
        status = clm_devices_find(NULL, &devices, &count, &why);
    if (status != CLM_OK && !is_named)
        remark("bench", "left out: %s", why.message);
    for (size_t d = 0; status == CLM_OK && d < count; d++) {
        char selector[32];
        snprintf(selector, sizeof selector, "%u:%u", devices[d].platform, devices[d].index);
        struct clm_backend_options one = *wanted;
        one.device = selector;
        status = add_subject(plan, &one, false, &why);
    }
    clm_devices_free(devices);
    if (is_named && status == CLM_OK && plan->subject_count == before)
        return fail(error, CLM_ERROR_DEVICE, "none of the %zu OpenCL devices can be used", count);
    if (is_named && status != CLM_OK)
        *error = why;
    return is_named ? status : CLM_OK;
}

/* ---- lists of devices ---- */

static bool means_device(const char *selector)
{
    struct clm_device *devices = NULL;
    struct clm_error ignored;
    size_t count = 0;
    const bool is_known = !strcmp(selector, "all") || !strcmp(selector, "auto") ||
                          (clm_devices_find(selector, &devices, &count, &ignored) == CLM_OK && count);
    clm_devices_free(devices);
    return is_known;
}

/* Names the devices that there are. */
static clm_status fail_selector(const char *selector, struct clm_error *error)
{
    struct clm_device *devices = NULL;
    char there[1500] = "";
    size_t count = 0, used = 0;
    const clm_status status = clm_devices_find(NULL, &devices, &count, error);
    for (size_t d = 0; status == CLM_OK && d < count && used + 400 < sizeof there; d++)
        used += (size_t)snprintf(there + used, sizeof there - used, "%s%u:%u %s (%s)",
                                 !d              ? "; there is "
                                 : d + 1 < count ? ", "
                                                 : " and ",
                                 devices[d].platform, devices[d].index, printable(devices[d].name).text,
                                 device_type_name(devices[d].type));
    clm_devices_free(devices);
    if (status != CLM_OK)
        return status;
    fail(error, CLM_ERROR_DEVICE, "no OpenCL device is %s%s", selector, there);
    snprintf(error->setting, sizeof error->setting, "device");
    return CLM_ERROR_DEVICE;
}

/* The longest beginning of `list` that ends at a comma, or at its end, and means a device: names of devices
 * may have commas. *selector has no blanks around it. Returns what follows; NULL if none means a device, and
 * then *selector is what is before the first comma. */
static const char *next_selector(const char *list, char selector[SELECTOR_MOST])
{
    for (const char *end = list + strlen(list);; end--) {
        if (*end && *end != ',')
            continue;
        const char *first = list, *last = end;
        while (first < last && isblank((unsigned char)*first))
            first++;
        while (last > first && isblank((unsigned char)last[-1]))
            last--;
        snprintf(selector, SELECTOR_MOST, "%.*s", (int)(last - first), first);
        if (last > first && means_device(selector))
            return *end ? end + 1 : end;
        if (!memchr(list, ',', (size_t)(end - list)))
            return NULL;
    }
}

/* Refuses a list with a part that means no device. */
static clm_status check_selectors(const char *list, struct clm_error *error)
{
    char selector[SELECTOR_MOST];
    const char *at = list;
    while (at && *at)
        at = next_selector(at, selector);
    if (at)
        return CLM_OK;
    return *selector ? fail_selector(selector, error)
                     : fail(error, CLM_ERROR_ARGUMENT, "--device %s: nothing is before a comma", list);
}

/* Opening takes seconds: all parts of the list are looked at before. */
static clm_status add_devices(struct bench_plan *plan, const struct clm_backend_options *wanted,
                              const char *list, struct clm_error *error)
{
    char selector[SELECTOR_MOST];
    clm_status status;
    if ((status = load_drivers(error)) || (status = check_selectors(list, error)))
        return status;
    for (const char *at = list; status == CLM_OK && at && *at;) {
        struct clm_backend_options one = *wanted;
        one.device = selector;
        at = next_selector(at, selector);
        status = strcmp(selector, "all") != 0 ? add_subject(plan, &one, true, error)
                                              : add_all_devices(plan, &one, true, error);
    }
    return status;
}

static clm_status add_opencl(struct bench_plan *plan, const struct clm_backend_options *wanted, bool is_named,
                             struct clm_error *error)
{
    if (wanted->device)
        return add_devices(plan, wanted, wanted->device, error);
    return is_named ? add_subject(plan, wanted, true, error) : add_all_devices(plan, wanted, false, error);
}

static clm_status add_subjects(struct bench_plan *plan, struct invocation *in, struct clm_error *error)
{
    static const enum clm_backend_kind order[] = {CLM_BACKEND_BLAS, CLM_BACKEND_REFERENCE,
                                                  CLM_BACKEND_OPENCL};
    const uint64_t kinds = clm_settings_count(in->settings, "backend");
    struct clm_backend_options wanted = backend_options(in);
    clm_status status = CLM_OK;
    for (size_t k = 0; status == CLM_OK && k < sizeof order / sizeof *order; k++) {
        wanted.kind = order[k];
        if (kinds && !(kinds >> order[k] & 1))
            continue;
        status = order[k] == CLM_BACKEND_OPENCL ? add_opencl(plan, &wanted, kinds != 0, error)
                                                : add_subject(plan, &wanted, kinds != 0, error);
    }
    return status;
}

/* ---- sizes ---- */

/* Each net once. */
static clm_status plan_nets(struct bench_plan *plan, const struct invocation *in, struct clm_error *error)
{
    struct sizes net = {.count = 0};
    for (size_t i = 0; layers_of(in, i, &net); i++) {
        size_t n = 0;
        while (n < plan->net_count && memcmp(&plan->nets[n], &net, sizeof net))
            n++;
        if (n < plan->net_count)
            continue;
        struct sizes *const more = realloc(plan->nets, (plan->net_count + 1) * sizeof *more);
        if (!more)
            return fail(error, CLM_ERROR_MEMORY, "the host has no memory for another net");
        plan->nets = more;
        plan->nets[plan->net_count++] = net;
        net = (struct sizes){.count = 0};
    }
    return CLM_OK;
}

/* Each batch once. */
static struct sizes plan_batches(const struct invocation *in)
{
    const struct sizes given = setting_sizes(in->settings, "batch");
    struct sizes batches = {.count = 0};
    for (size_t i = 0; i < given.count; i++) {
        size_t b = 0;
        while (b < batches.count && batches.values[b] != given.values[i])
            b++;
        if (b == batches.count)
            batches.values[batches.count++] = given.values[i];
    }
    return batches;
}

static clm_status check_plan(const struct bench_plan *plan, struct clm_error *error)
{
    for (size_t r = 0; r < bench_plan_rows(plan); r++) {
        const struct bench_place place = bench_plan_place(plan, r);
        const struct bench_subject *const subject = &plan->subjects[place.subject];
        const struct clm_bench_options options = bench_plan_options(plan, r);
        struct clm_error why = {0};
        const clm_status status = clm_bench_check(subject->backend, &options, &why);
        if (status == CLM_OK)
            continue;
        if (subject->is_named) {
            *error = why;
            fail(error, status, "%s on %s at batch %zu: %.2000s", clm_backend_name(subject->backend),
                 clm_backend_device(subject->backend), options.batch, why.message);
            memcpy(error->setting, why.setting, sizeof error->setting);
            return status;
        }
        name_options("bench", &why);
        remark("bench", "%s on %s is left out at batch %zu: %s", clm_backend_name(subject->backend),
               printable(clm_backend_device(subject->backend)).text, options.batch, why.message);
    }
    return CLM_OK;
}

clm_status bench_plan_make(struct invocation *in, struct bench_plan *out, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    *out = (struct bench_plan){.batches = plan_batches(in),
                               .machine = machine_describe(),
                               .options = {.activation = clm_settings_text(settings, "activation"),
                                           .norm = clm_settings_text(settings, "norm"),
                                           .dropout = clm_settings_number(settings, "dropout"),
                                           .optimizer = clm_settings_text(settings, "optimizer"),
                                           .momentum = clm_settings_number(settings, "momentum"),
                                           .seconds = clm_settings_number(settings, "seconds"),
                                           .wants_profile = clm_settings_count(settings, "profile")}};
    clm_status status = plan_nets(out, in, error);
    if (status == CLM_OK)
        status = add_subjects(out, in, error);
    if (status == CLM_OK && !out->subject_count)
        status = fail(error, CLM_ERROR_DEVICE, "there is no backend to measure; the notes above say why");
    return status ? status : check_plan(out, error);
}

void bench_plan_free(struct bench_plan *plan)
{
    for (size_t s = 0; s < plan->subject_count; s++) {
        json_decref(plan->subjects[s].about);
        clm_backend_close(plan->subjects[s].backend);
    }
    free(plan->subjects);
    free(plan->nets);
    *plan = (struct bench_plan){0};
}
