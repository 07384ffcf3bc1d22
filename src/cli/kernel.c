/* clmlp kernel check: a user's own kernels under verify's shapes, contents and bounds, and their speed.
 *
 * As verify, it runs in a child process, which sends each check as it is made: a wrong kernel may end it. A
 * second child runs the kernels in a simulator. */
#include "cli/isolate.h"
#include "cli/arguments.h"
#include "cli/checks.h"
#include "cli/kernel_races.h"
#include "cli/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHRINK_SECONDS 5

#define INTERRUPT_NOTE                                                                                       \
    "clmlp: kernel check: note: stopping after this check; interrupt again to stop at once\n"

struct kernel_arguments {
    struct invocation *in;
    struct clm_backend_options device;
    struct clm_kernel_options check;
    struct simulator simulator;
    bool is_quiet, is_progress_shown;
    char address[32]; /* of the device: "0:0" */
    char name[256];   /* of the device */
    size_t entry_count, count, failures;
    size_t count_before, failures_before; /* of this entry */
    double worst;                         /* of the entry's passed checks */
    FILE *channel;
    clm_status status;
    /* in the parent: */
    json_t *report, *checks, *speeds;
    char step[1024], again[2048];
    struct clm_error error;
    bool has_result, is_simulator_asked, has_reproducer;
    int code;
};

static bool kernel_prints(const struct kernel_arguments *k)
{
    return !is_json_alone(k->in->settings);
}

/* ---- the command that repeats a check ---- */

/* Without a check, the command for all of them. */
static void write_again(const struct kernel_arguments *k, const struct clm_check *check, char *out,
                        size_t size)
{
    snprintf(out, size, "clmlp kernel check");
    append_word(out, size, k->check.path);
    if (!k->check.is_simulated && k->address[0])
        snprintf(out + strlen(out), size - strlen(out), " --device %s", k->address);
    if (k->check.build) {
        snprintf(out + strlen(out), size - strlen(out), " --build");
        append_word(out, size, k->check.build);
    }
    if (k->check.is_simulated)
        snprintf(out + strlen(out), size - strlen(out), " --races");
    if (check)
        snprintf(out + strlen(out), size - strlen(out), " --only %s --shape \"%s\" --seed %" PRIu64,
                 check->operation, check->smallest, k->check.seed);
}

/* ---- hearing, in the child ---- */

static void kernel_send(const struct kernel_arguments *k, json_t *object)
{
    apart_send(k->channel, object);
}

static void hear_entry(void *user, const struct clm_kernel_entry *entry, const size_t group[2],
                       const size_t tile[2])
{
    struct kernel_arguments *const k = user;
    k->entry_count++;
    k->count_before = k->count;
    k->failures_before = k->failures;
    k->worst = 0;
    if (!kernel_prints(k))
        return;
    printf("%s: %s\n", entry->name, entry->computes);
    if (k->is_quiet)
        return;
    if (entry->tiles[1])
        printf("  groups of %zu x %zu work-items, each for %zu x %zu elements\n", group[0], group[1], tile[0],
               tile[1]);
    else
        printf("  groups of %zu work-items, each for %zu elements or rows\n", group[0], tile[0]);
}

static void kernel_hear_begin(void *user, const struct clm_check *check)
{
    struct kernel_arguments *const k = user;
    char step[sizeof k->step], again[sizeof k->again];
    snprintf(step, sizeof step, "%s %s", check->operation, check->shape);
    write_again(k, check, again, sizeof again);
    kernel_send(k, json_pack("{so so}", "step", json_text(step), "again", json_text(again)));
    if (!k->is_progress_shown)
        return;
    fprintf(stderr, check->number < check->of ? "\r\033[K%s%s: %zu of %zu" : "\r\033[K",
            k->check.is_simulated ? "Oclgrind, " : "", check->operation, check->number, check->of);
    fflush(stderr);
}

static void print_kernel_failure(const struct kernel_arguments *k, const struct clm_check *check,
                                 const char *again)
{
    if (k->is_progress_shown)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    const bool is_blamed = !strncmp(check->detail, "your kernel ", 12);
    printf("  %s%s  FAILED%s\n    ", colour(RED), check->smallest, colour(PLAIN));
    if (!is_blamed)
        printf("your kernel `%s` in %s: ", check->operation, k->check.path);
    printf("%s\n    again: %s\n", check->detail, again);
    print_reproducer(check, "    ");
}

/* What the simulator reports is a failure, too; a wrong element comes first. */
static void hear_result(void *user, struct clm_check *check)
{
    struct kernel_arguments *const k = user;
    char report[sizeof check->detail], own[sizeof check->detail];
    if (!simulator_heard(&k->simulator, check->operation, report, sizeof report))
        return;
    if (check->passed && strstr(report, "ninitialized")) /* it takes parts of vectors for unset */
        return;
    memcpy(own, check->detail, sizeof own);
    snprintf(check->detail, sizeof check->detail, "%.250s%s%.250s", own, own[0] ? "; " : "", report);
    check->passed = false;
}

static void kernel_hear_check(void *user, const struct clm_check *check)
{
    struct kernel_arguments *const k = user;
    const struct clm_check judged = *check;
    char again[sizeof k->again];
    k->count++;
    k->failures += !judged.passed;
    k->has_reproducer = k->has_reproducer || judged.has_reproducer;
    if (judged.passed)
        k->worst = fmax(k->worst, judged.error_over_bound);
    write_again(k, &judged, again, sizeof again);
    json_t *const object = json_pack("{ss ss so sb sb}", "operation", judged.operation, "shape", judged.shape,
                                     "error_over_bound", json_number(judged.error_over_bound), "passed",
                                     judged.passed, "simulated", k->check.is_simulated);
    if (!judged.passed) {
        json_object_put(object, "detail", json_text(judged.detail));
        json_object_put(object, "smallest_shape", json_text(judged.smallest));
        json_object_put(object, "repeat", json_text(again));
        put_reproducer(object, &judged);
        if (kernel_prints(k))
            print_kernel_failure(k, &judged, again);
    }
    kernel_send(k, json_pack("{so}", "check", object));
}

static void hear_peaks(void *user, double operations, double bytes)
{
    struct kernel_arguments *const k = user;
    kernel_send(k,
                json_pack("{s{sf sf}}", "peaks", "gflops", 1e-9 * operations, "gbytes_per_s", 1e-9 * bytes));
    if (kernel_prints(k))
        printf("  peaks of the device, measured now: %.1f GFLOP/s, %.1f GB/s\n", 1e-9 * operations,
               1e-9 * bytes);
}

/* A cache moves more bytes than the memory's peak. */
static void print_speed(const struct clm_kernel_speed *speed)
{
    char operations[16] = "-", share[16] = "in cache";
    if (speed->is_users)
        printf("  %s\n    %-16s  %10s  %9s  %8s  %8s\n", speed->shape, "", "ms", "GFLOP/s", "GB/s",
               "of peak");
    if (speed->operations > 0)
        snprintf(operations, sizeof operations, "%.1f", 1e-9 * speed->operations);
    if (speed->share <= 1)
        snprintf(share, sizeof share, "%.1f %%", 100 * speed->share);
    printf("    %-16s  %10.3f  %9s  %8.1f  %8s\n", speed->is_users ? "your kernel" : speed->system,
           1e3 * speed->seconds, operations, 1e-9 * speed->bytes, share);
}

static void hear_speed(void *user, const struct clm_kernel_speed *speed)
{
    struct kernel_arguments *const k = user;
    kernel_send(k,
                json_pack("{s{ss ss ss sb so so so so so}}", "speed", "kernel", speed->entry, "shape",
                          speed->shape, "system", speed->system, "is_users", speed->is_users, "ms",
                          json_number(1e3 * speed->seconds), "gflops", json_number(1e-9 * speed->operations),
                          "gbytes_per_s", json_number(1e-9 * speed->bytes), "share_of_peak",
                          json_number(speed->share), "of_fastest_other", json_number(speed->of_fastest)));
    if (!kernel_prints(k))
        return;
    print_speed(speed);
}

static void kernel_hear_note(void *user, const char *sentence)
{
    (void)user;
    remark("kernel check", "%s", sentence);
}

static void hear_operand(void *user, const char *name, uint64_t address, size_t bytes)
{
    struct kernel_arguments *const k = user;
    simulator_hear_operand(&k->simulator, name, address, bytes);
}

/* ---- the work of the child ---- */

static const char looked_for[] =
    "Looked for: wrong elements, lost NaNs and infinities, values written around an operand; local and private\n"
    "memory that is read before it is written (both held NaNs where the device allows it); races, by a second run\n"
    "and by one with the work-items in the opposite order.\n";

static void print_summary(const struct kernel_arguments *k)
{
    if (!kernel_prints(k))
        return;
    printf("\n%s%zu check%s of %zu kernel%s: %zu passed, %zu failed\n",
           k->check.is_simulated ? "In Oclgrind: " : "", k->count, k->count == 1 ? "" : "s", k->entry_count,
           k->entry_count == 1 ? "" : "s", k->count - k->failures, k->failures);
    if (!k->check.is_simulated && !k->failures && !k->is_quiet)
        fputs(looked_for, stdout);
}

/* What the child has to say to its parent at the end. */
static void send_result(const struct kernel_arguments *k)
{
    apart_send_last(k->channel,
                    json_pack("{si si so so so}", "failures", (int)k->failures, "status",
                              (int)k->error.status, "error", json_text(k->error.message), "setting",
                              json_text(k->error.setting), "address", json_text(k->address)));
}

static void begin_device(struct kernel_arguments *k, const struct clm_backend *backend)
{
    const struct clm_device *const about = clm_backend_about(backend);
    snprintf(k->address, sizeof k->address, "%u:%u", about->platform, about->index);
    snprintf(k->name, sizeof k->name, "%s", clm_backend_device(backend));
    json_t *const device = json_pack("{so so so so}", "device", json_text(k->name), "driver",
                                     json_text(about->driver), "platform", json_text(about->platform_name),
                                     "platform_version", json_text(about->platform_version));
    kernel_send(k, json_pack("{so so}", "on", device, "address", json_text(k->address)));
    if (kernel_prints(k))
        printf("%s on %s (%s)\n\n", k->check.path, printable(k->name).text,
               k->check.is_simulated ? "a simulator" : k->address);
}

static void kernel_work(void *user, FILE *channel, const volatile sig_atomic_t *stop)
{
    struct kernel_arguments *const k = user;
    struct clm_backend *backend = NULL;
    bool passed;
    k->channel = channel;
    k->check.stop = stop;
    end_wait();
    clm_status status = k->check.is_simulated ? simulator_take(&k->simulator, &k->error) : CLM_OK;
    if (status == CLM_OK)
        status = open_backend(&k->device, &backend, &k->error);
    if (status == CLM_OK) {
        begin_device(k, backend);
        char again[sizeof k->again];
        write_again(k, NULL, again, sizeof again);
        kernel_send(k,
                    json_pack("{ss so}", "step", "the building of your kernels", "again", json_text(again)));
        status = clm_kernel_check(backend, &k->check, &passed, &k->error);
    }
    if (k->is_progress_shown)
        fputs("\r\033[K", stderr);
    if (status == CLM_OK) {
        k->error = (struct clm_error){0}; /* failures on the way do not count */
        print_summary(k);
        tell_unreproduced("kernel check", k->check.reproducer, k->has_reproducer, k->failures);
    }
    send_result(k);
    clm_backend_close(backend);
}

/* ---- the parent ---- */

/* What the report says of the device. */
static void keep_device(json_t *report, const json_t *device)
{
    static const char *const keys[] = {"device", "driver", "platform", "platform_version"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        json_object_put(report, keys[i], json_incref(json_object_get(device, keys[i])));
}

static void kernel_hear(void *user, json_t *object)
{
    struct kernel_arguments *const k = user;
    json_t *const check = json_object_get(object, "check"), *const speed = json_object_get(object, "speed"),
                  *const on = json_object_get(object, "on"), *const peaks = json_object_get(object, "peaks"),
                  *const failures = json_object_get(object, "failures");
    apart_copy(k->step, sizeof k->step, object, "step");
    apart_copy(k->again, sizeof k->again, object, "again");
    apart_copy(k->error.message, sizeof k->error.message, object, "error");
    apart_copy(k->error.setting, sizeof k->error.setting, object, "setting");
    apart_copy(k->address, sizeof k->address, object, "address");
    if (on && !json_object_get(k->report, "device"))
        keep_device(k->report, on);
    if (peaks)
        json_object_put(k->report, "peaks", json_incref(peaks));
    if (check)
        json_list_add(k->checks, json_incref(check));
    if (speed)
        json_list_add(k->speeds, json_incref(speed));
    if (failures) {
        k->has_result = true;
        k->failures = (size_t)json_integer_value(failures);
        k->error.status = (clm_status)json_integer_value(json_object_get(object, "status"));
    }
}

/* The child ended before its checks did: most often, because a wrong kernel writes where it must not. */
static void tell_kernel_end(struct kernel_arguments *k, enum apart_ending ending, const char *deed)
{
    char what[sizeof k->step + 256];
    const bool is_blamed = ending == APART_DIED || ending == APART_SILENT;
    apart_describe(what, sizeof what, ending, deed, k->step);
    if (is_blamed && k->check.is_simulated) {
        remark("kernel check", "Oclgrind %s at %.600s; races were not looked for after that", deed, k->step);
        k->code = k->is_simulator_asked ? EXIT_FAILED : k->code;
        return;
    }
    if (is_blamed)
        snprintf(
            what, sizeof what,
            "your kernels in %.200s: the process that ran them %s at %.600s; a kernel that writes or reads far outside of its operands, or never ends, does that",
            k->check.path, deed, k->step);
    complain("kernel check", "%s%s%s", what, k->again[0] ? "; again: " : "", k->again);
    json_object_put(k->report, "error", json_text(what));
    k->code = EXIT_FAILED;
}

/* An error of the options or of the file is wrong usage, if it is about an option. */
static void tell_kernel_error(struct kernel_arguments *k)
{
    const bool is_usage = k->error.status == CLM_ERROR_ARGUMENT && k->error.setting[0];
    json_object_put(k->report, "error", json_text(k->error.message));
    fail_command("kernel check", &k->error);
    k->code = is_usage ? EXIT_USAGE : EXIT_FAILED;
}

/* One child: on the device, or in the simulator. Adds its failures. */
static size_t run_kernels(struct kernel_arguments *k)
{
    const struct apart apart = {.command = "kernel check",
                                .patience = (unsigned)clm_settings_count(k->in->settings, "patience"),
                                .note = INTERRUPT_NOTE,
                                .work = kernel_work,
                                .hear = kernel_hear,
                                .user = k};
    enum apart_ending ending;
    char deed[APART_DEED];
    k->has_result = false;
    k->failures = 0;
    begin_wait("looking for drivers"); /* the child process continues this wait */
    const clm_status status = run_apart(&apart, &ending, deed, &k->error);
    end_wait();
    if (status != CLM_OK)
        k->code = fail_command("kernel check", &k->error);
    else if (!k->has_result || ending == APART_INCOMPLETE)
        tell_kernel_end(k, ending, deed);
    else if (k->error.status != CLM_OK)
        tell_kernel_error(k);
    else if (ending == APART_INTERRUPTED || ending == APART_UNREAD)
        k->code = EXIT_FAILED;
    return k->failures;
}

/* In the simulator, if it is installed. */
static size_t run_simulated(struct kernel_arguments *k)
{
    const clm_status status = simulator_begin(&k->simulator, &k->error);
    size_t failures = 0;
    if (status == CLM_OK) {
        k->check.is_simulated = true;
        k->check.reproducer = NULL;
        k->check.on_result = hear_result;
        k->device.device = NULL;
        if (kernel_prints(k))
            printf("\n");
        failures = run_kernels(k);
    } else if (k->is_simulator_asked)
        tell_kernel_error(k);
    else if (kernel_prints(k))
        printf(
            "Oclgrind is not installed, which sees each access: on some devices, a race or a missing barrier\n"
            "shows in no result. apt-get install oclgrind; then this command uses it.\n");
    simulator_end(&k->simulator);
    return failures;
}

static bool write_kernel_report(struct kernel_arguments *k)
{
    const char *const path = clm_settings_text(k->in->settings, "json");
    json_t *const arguments = json_array();
    for (int i = 0; i < k->in->argc; i++)
        json_list_add(arguments, json_text(k->in->argv[i]));
    json_object_put(k->report, "file", json_text(k->check.path));
    json_object_put(k->report, "version", json_text(clm_version()));
    json_object_put(k->report, "arguments", arguments);
    json_object_put(k->report, "passed", json_boolean(k->code == EXIT_DONE));
    json_object_put(k->report, "checks", json_incref(k->checks));
    json_object_put(k->report, "speeds", json_incref(k->speeds));
    return !path || write_json("kernel check", path, json_incref(k->report));
}

static clm_status run_kernel_check(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    if (access(in->operand, R_OK))
        return fail(error, CLM_ERROR_IO,
                    "%s cannot be read: %s; `clmlp kernel new' writes a file to begin with", in->operand,
                    strerror(errno));
    struct kernel_arguments k = {.in = in,
                                 .device = {.kind = CLM_BACKEND_OPENCL,
                                            .device = clm_settings_is_set(settings, "device")
                                                          ? clm_settings_text(settings, "device")
                                                          : default_device(),
                                            .on_note = kernel_hear_note,
                                            .skip_self_test = true},
                                 .check = {.path = in->operand,
                                           .build = clm_settings_text(settings, "build"),
                                           .only = clm_settings_text(settings, "only"),
                                           .shape = clm_settings_text(settings, "shape"),
                                           .reproducer = clm_settings_text(settings, "reproducer"),
                                           .seed = clm_settings_count(settings, "seed"),
                                           .shrink_seconds = SHRINK_SECONDS,
                                           .speed_seconds = clm_settings_number(settings, "seconds"),
                                           .on_operand = hear_operand,
                                           .on_entry = hear_entry,
                                           .on_begin = kernel_hear_begin,
                                           .on_check = kernel_hear_check,
                                           .on_peaks = hear_peaks,
                                           .on_speed = hear_speed,
                                           .on_note = kernel_hear_note},
                                 .is_quiet = clm_settings_count(settings, "quiet"),
                                 .is_progress_shown = is_terminal(STDERR_FILENO),
                                 .is_simulator_asked = clm_settings_count(settings, "races"),
                                 .report = json_object(),
                                 .checks = json_array(),
                                 .speeds = json_array(),
                                 .step = "its start"};
    k.check.user = &k;
    if (k.check.shape && !k.check.only)
        wrong_usage("kernel check", "--shape %s: it needs the kernel, as in --only product", k.check.shape);
    size_t failures = run_kernels(&k);
    if (k.code == EXIT_DONE && (k.is_simulator_asked || !failures))
        failures += run_simulated(&k);
    if (failures) {
        complain("kernel check", "%s: %zu check%s failed", printable(k.check.path).text, failures,
                 failures == 1 ? "" : "s");
        k.code = EXIT_FAILED;
    }
    const bool is_written = write_kernel_report(&k);
    json_decref(k.report);
    json_decref(k.checks);
    json_decref(k.speeds);
    in->code = k.code == EXIT_DONE && !is_written ? EXIT_FAILED : (enum exit_code)k.code;
    return CLM_OK;
}

const struct command command_kernel_check = {
    "kernel check",
    NULL,
    run_kernel_check,
    "Takes a file of OpenCL C and checks its kernels on a device, under the shapes, contents and derived bounds of `clmlp verify'. A kernel is checked as the operation whose name it has; doc/writing-a-kernel.md lists names and arguments. For a wrong kernel it prints the first wrong element and a command that repeats the check. Kernels that pass are timed beside the library's own and beside the device's peaks. Exit code 0 when all passed, else 1.",
    {{NULL}},
    "FILE.cl",
    "it needs a file of kernels; `clmlp kernel new' writes one to begin with"};
