/* clmlp doctor: finds what is missing or wrong between this program and the machine's OpenCL devices.
 *
 * Drivers run in a child process. If one dies there, its device is refused, and another child continues with
 * the next device. */
#include "cli/isolate.h"
#include "cli/arguments.h"
#include "cli/checks.h"
#include "cli/examine_device.h"

#include <stdio.h>
#include <string.h>

/* What the child process has sent, and how far it is. */
struct round {
    struct examination examination;
    const char *selector;
    char heading[sizeof(((struct clm_finding *)0)->section)]; /* the one printed last */
    FILE *channel;                                            /* in the child process */
    size_t from;                                              /* devices that are done */
    size_t count;                                             /* devices found at first */
    bool is_counted;                                          /* `count` is known */
    json_t *reports;                                          /* one per device */
    json_t *begun;                                            /* of the device being examined, else NULL */
    char driver[128];                                         /* of that device */
    char step[512];                                           /* what was done last */
    struct repeating again;                                   /* repeats that step */
    char section[16];  /* of findings; a death at that step belongs here */
    char problem[768]; /* the library's reason why there is no device */
    enum apart_ending ending;
    char deed[APART_DEED]; /* of a driver that died: "ended the process (exit code 3)" */
};

/* ---- findings ---- */

static const struct {
    const char *name, *mark, *colour;
} severities[] = {[CLM_FINDING_GOOD] = {"good", "ok ", GREEN},
                  [CLM_FINDING_NOTE] = {"note", "-- ", ""},
                  [CLM_FINDING_BAD] = {"bad", "BAD", RED}};

static void print_finding(struct round *round, const struct clm_finding *finding)
{
    if (round->examination.is_quiet) {
        if (finding->severity == CLM_FINDING_BAD)
            complain("doctor", "%s; %s", finding->what, finding->remedy);
        return;
    }
    if (strcmp(round->heading, finding->section) != 0)
        printf("%s%s\n", round->heading[0] ? "\n" : "", finding->section);
    snprintf(round->heading, sizeof round->heading, "%s", finding->section);
    printf("  %s%s%s  %s\n", colour(severities[finding->severity].colour), severities[finding->severity].mark,
           colour(PLAIN), finding->what);
    if (finding->remedy[0])
        printf("       remedy: %s\n", finding->remedy);
}

static json_t *finding_json(const struct clm_finding *finding)
{
    return json_pack("{ss ss so so}", "section", finding->section, "severity",
                     severities[finding->severity].name, "what", json_text(finding->what), "remedy",
                     json_text(finding->remedy));
}

/* ---- in the child process ---- */

/* Sends a step, and the heading printed last, so that the parent does not repeat it. */
static void send_begun(const struct round *round, const char *section, const char *step, const char *again)
{
    apart_send(round->channel, json_pack("{so so ss ss}", "step", json_text(step), "again", json_text(again),
                                         "section", section, "heading", round->heading));
}

static void send_step(void *user, const char *step, const char *again)
{
    send_begun(user, "platforms", step, again);
}

/* Prints a finding, unless an earlier child has printed it. */
static void hear_finding(void *user, const struct clm_finding *finding)
{
    struct round *const round = user;
    if (finding->severity == CLM_FINDING_BEGUN) {
        send_begun(round, finding->section, finding->what, "");
        return;
    }
    json_list_add(round->examination.findings, finding_json(finding));
    end_wait();
    if (!round->from)
        print_finding(round, finding);
}

/* Warns if CLMLP_DEVICE names no device: doctor examines all devices, but all other commands look for that
 * one. */
static void warn_of_default(const struct round *round)
{
    const char *const selector = default_device();
    struct clm_device *meant = NULL;
    struct clm_error error;
    size_t count = 0;
    if (round->selector || !selector || clm_devices_find(selector, &meant, &count, &error) != CLM_OK)
        return;
    clm_devices_free(meant);
    if (!count)
        remark(
            "doctor",
            "CLMLP_DEVICE=%s means none of the devices, and all commands but this one will look for it; unset it, or choose by P:D, by type or by a part of the name",
            selector);
}

/* The first device to examine. If fewer devices are listed than before, their drivers have died. */
static size_t first_of(const struct round *round, size_t count)
{
    const size_t gone = round->is_counted && round->count > count ? round->count - count : 0;
    return round->from > gone ? round->from - gone : 0;
}

static void cli_doctor_examine(void *user, FILE *channel, const volatile sig_atomic_t *stop)
{
    (void)stop; /* the first interrupt already ends the child */
    struct round *const round = user;
    struct examination *const examination = &round->examination;
    struct clm_device *devices = NULL;
    struct clm_error why = {0};
    size_t count = 0;
    round->channel = channel;
    examination->on_step = send_step;
    examination->user = round;
    clm_examine_loader(hear_finding, round);
    send_step(round, "the list of devices", "");
    if (clm_devices_find(round->selector, &devices, &count, &why) != CLM_OK)
        count = 0;
    end_wait();
    if (!round->from && !examination->is_quiet)
        printf("\n");
    if (!round->from)
        warn_of_default(round);
    apart_send(channel, json_pack("{sI so}", "count", (json_int_t)count, "problem", json_text(why.message)));
    for (size_t d = first_of(round, count); d < count; d++) {
        apart_send(channel, json_pack("{so so}", "begun", refused_device(examination, &devices[d], ""),
                                      "driver", json_text(devices[d].driver)));
        apart_send(channel, json_pack("{so}", "report", examine_device(examination, &devices[d])));
    }
    clm_devices_free(devices);
}

/* ---- in the parent process ---- */

static void cli_doctor_hear(void *user, json_t *object)
{
    struct round *const round = user;
    json_t *const begun = json_object_get(object, "begun"), *const report = json_object_get(object, "report"),
                  *const count = json_object_get(object, "count");
    apart_copy(round->step, sizeof round->step, object, "step");
    apart_copy(round->again.command, sizeof round->again.command, object, "again");
    apart_copy(round->section, sizeof round->section, object, "section");
    apart_copy(round->heading, sizeof round->heading, object, "heading");
    apart_copy(round->driver, sizeof round->driver, object, "driver");
    apart_copy(round->problem, sizeof round->problem, object, "problem");
    if (count && !round->is_counted) {
        round->count = (size_t)json_integer_value(count);
        round->is_counted = true;
    }
    if (begun || report)
        json_decref(round->begun);
    if (begun || report)
        round->begun = json_incref(begun);
    if (begun) {
        snprintf(round->step, sizeof round->step, "its first step");
        round->again.command[0] = '\0';
    }
    if (report)
        json_list_add(round->reports, json_incref(report));
}

static bool has_died(const struct round *round)
{
    return round->ending == APART_DIED || round->ending == APART_KILLED || round->ending == APART_SILENT;
}

/* The child died while it examined a device: refuses that device. */
static void refuse_begun(const struct round *round)
{
    char reason[sizeof round->step + 256];
    apart_describe(reason, sizeof reason, round->ending, round->deed, round->step);
    json_object_put(round->begun, "reason", json_text(reason));
    json_object_put(round->begun, "repeat", json_text(round->again.command));
    json_list_add(round->reports, json_incref(round->begun));
    if (!has_died(round))
        return;
    if (round->examination.is_quiet) {
        complain("doctor", "a device, driver %s: %s; again: %s", round->driver, reason, round->again.command);
        return;
    }
    if (round->again.command[0])
        printf("       again: %s\n", round->again.command);
    static const char *const rests[] = {
        [APART_DIED] = "",
        [APART_KILLED] =
            "; first\n           see in dmesg and ulimit -a whether memory or time ran out, and try again",
        [APART_SILENT] = "; if it is\n           only slow, --patience 0 waits for it",
    };
    tell_refusal(round->driver, reason, rests[round->ending]);
}

/* A driver that dies before any device is listed dies in every program that lists devices. */
static void tell_death(struct round *round)
{
    struct clm_finding finding = {.severity = CLM_FINDING_BAD};
    snprintf(finding.section, sizeof finding.section, "%s", round->section);
    if (round->from) /* the heading printed last is that of a device */
        round->heading[0] = '\0';
    snprintf(finding.what, sizeof finding.what, "%s: its driver %s", round->step, round->deed);
    snprintf(
        finding.remedy, sizeof finding.remedy,
        "install that driver again or take its .icd file away; for one program, OCL_ICD_VENDORS=FILE.icd names the driver to use");
    print_finding(round, &finding);
    if (!round->examination.is_quiet)
        printf("\n");
}

/* Starts children until all devices are examined, or no more can be. */
static clm_status examine_all(struct round *round, struct clm_error *error)
{
    const struct apart apart = {.command = "doctor",
                                .patience =
                                    (unsigned)clm_settings_count(round->examination.in->settings, "patience"),
                                .work = cli_doctor_examine,
                                .hear = cli_doctor_hear,
                                .user = round};
    for (;;) {
        begin_wait("looking for drivers"); /* the child process continues this wait */
        const clm_status status = run_apart(&apart, &round->ending, round->deed, error);
        end_wait();
        if (status != CLM_OK)
            return status;
        if (round->begun && round->ending != APART_INCOMPLETE && round->ending != APART_UNWRITTEN)
            refuse_begun(round);
        round->from = json_array_size(round->reports);
        if (!has_died(round) || !round->begun || round->from >= round->count)
            return CLM_OK;
        json_decref(round->begun);
        round->begun = NULL;
    }
}

static size_t count_usable(const json_t *reports)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(reports); i++) {
        const char *const verdict = json_string_value(json_object_get(json_array_get(reports, i), "verdict"));
        count += verdict && strcmp(verdict, "refused") != 0;
    }
    return count;
}

/* Whether a driver died while no device was examined. */
static bool is_dead(const struct round *round)
{
    return has_died(round) && !round->begun;
}

/* Whether all devices were examined, even if the child died after that. */
static bool is_complete(const struct round *round)
{
    return round->is_counted && !round->begun && json_array_size(round->reports) >= round->count;
}

/* Why nothing can be trained on, or why that is unknown; NULL if something can. */
static const char *cli_doctor_judge(const struct round *round, size_t usable)
{
    static char why[sizeof round->step + 512];
    const size_t count = round->count;
    if (round->ending == APART_INTERRUPTED && !is_complete(round))
        return "interrupted; the devices that were not examined are unknown";
    if (round->ending == APART_UNREAD)
        return "the reader of the output has gone; the devices that were not examined are unknown";
    if (round->ending == APART_INCOMPLETE)
        return "the results that the child process could not send are lost; see the sentence before, and try again";
    if (is_dead(round) && is_complete(round)) {
        snprintf(why, sizeof why, APART_AT_END, round->deed);
        return why;
    }
    if (is_dead(round) && json_array_size(round->reports)) {
        snprintf(why, sizeof why, "a driver %s at %s; the other devices were not examined", round->deed,
                 round->step);
        return why;
    }
    if (usable)
        return NULL;
    if (is_dead(round))
        snprintf(
            why, sizeof why,
            "OpenCL cannot be used here: %s %s, as in every program that looks for a device; do what is said of it above, or use --backend blas",
            round->step, round->deed);
    else if (round->problem[0])
        return round->problem;
    else if (!count && round->selector)
        snprintf(why, sizeof why, "--device %s means none of the devices; `clmlp devices' lists them",
                 round->selector);
    else if (!count)
        snprintf(
            why, sizeof why,
            "the OpenCL platforms have no device; what is said of them above helps, or use --backend blas");
    else
        snprintf(
            why, sizeof why,
            "none of the %zu device%s found can be trained on; use --backend blas, or one of the remedies above",
            count, count == 1 ? "" : "s");
    return why;
}

static clm_status run_doctor(struct invocation *in, struct clm_error *error)
{
    const char *const json = clm_settings_text(in->settings, "json");
    struct round round = {
        .examination = {.in = in, .is_quiet = is_json_alone(in->settings), .findings = json_array()},
        .selector = clm_settings_text(in->settings, "device"),
        .reports = json_array(),
        .section = "drivers",
        .step = "the search for drivers"};
    const clm_status status = examine_all(&round, error);
    const size_t usable = count_usable(round.reports);
    const char *const why = status == CLM_OK ? cli_doctor_judge(&round, usable) : error->message;
    if (status == CLM_OK && is_dead(&round) && !is_complete(&round))
        tell_death(&round);
    const bool is_written = !json || write_json("doctor", json, json_incref(round.reports));
    json_decref(round.reports);
    json_decref(round.begun);
    json_decref(round.examination.findings);
    if (why)
        complain("doctor", "%s", why);
    else if (!round.examination.is_quiet && is_written)
        printf("%zu of %zu device%s can be trained on\n", usable, round.count, round.count == 1 ? "" : "s");
    in->code = !why && is_written && round.ending != APART_UNWRITTEN ? EXIT_DONE : EXIT_FAILED;
    return CLM_OK; /* failures have been printed */
}

const struct command command_doctor = {
    "doctor", "what is missing or wrong about OpenCL here, device by device, and a remedy", run_doctor,
    "Looks for what is missing between this program and the machine's OpenCL devices: files that name drivers, drivers that do not load, permissions, platforms without a device, compilers. Then tries on each device every operation with each provider of products, large ones too, and says what is wrong and what to do. A driver that dies in this is named, and the other devices are still tried. Exit code 0 when at least one device can be trained on, with the providers that are right, else 1."};
