/* clmlp bench: times a training step on each backend and device, or shows the results of several runs. */
#include "cli/bench.h"

#include "cli/signals.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INTERRUPT_NOTE                                                                                       \
    "clmlp: bench: note: stopping after this step, or this trial of a provider; finished rows are kept; interrupt again to end at once\n"

/* A file with all rows, written anew after each. */
struct bench_file {
    const char *path; /* NULL: it is not asked for */
    enum bench_format format;
    bool is_late; /* it is no regular file, and so is written once, at the end */
    bool is_lost; /* it could not be written; that has been said */
};

enum { BENCH_FILES = 2 };

struct bench_run {
    struct bench_plan plan;
    struct bench_table table;
    enum bench_format format; /* of standard output */
    struct bench_file files[BENCH_FILES];
    const char *plot;
    const volatile sig_atomic_t *stop;
    double seconds_done, seconds_planned; /* of the rows so far: as it took, and as it was planned */
    size_t rows_planned;
    bool has_failed;
};

static bool run_is_stopped(const struct bench_run *run)
{
    return run->stop && *run->stop;
}

/* ---- files ---- */

/* The format that the file's name ends with. */
static enum bench_format format_of_path(const char *path)
{
    static const char *const endings[] = {
        [BENCH_TABLE] = ".txt", [BENCH_MARKDOWN] = ".md", [BENCH_CSV] = ".csv", [BENCH_JSON] = ".json"};
    const char *const dot = strrchr(path, '.');
    for (size_t f = 0; dot && f < sizeof endings / sizeof *endings; f++)
        if (!strcmp(dot, endings[f]))
            return (enum bench_format)f;
    wrong_usage("bench", "--out %s: its name has to end with .md, .csv, .json or .txt, which says its format",
                path);
}

/* A pipe or a device cannot be replaced by a new file. */
static bool is_written_once(const char *path)
{
    struct stat about;
    return !strncmp(path, "/dev/", 5) || !strncmp(path, "/proc/", 6) ||
           (!stat(path, &about) && !S_ISREG(about.st_mode));
}

/* The path of --plot; NULL if it is not asked for. */
static const char *plot_path(const struct clm_settings *settings)
{
    const char *const path = clm_settings_text(settings, "plot"), *const dot =
                                                                      path ? strrchr(path, '.') : NULL;
    if (path && !is_written_once(path) && (!dot || strcmp(dot, ".png") != 0))
        wrong_usage("bench", "--plot %s: its name has to end with .png, because it becomes a PNG picture",
                    path);
    return path;
}

static struct bench_file file_of(const char *path, enum bench_format format)
{
    return (struct bench_file){path, format, path && is_written_once(path), false};
}

static clm_status write_rows(const struct bench_file *file, const struct bench_table *table,
                             struct clm_error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const memory = open_memstream(&text, &size);
    if (memory)
        bench_write(memory, file->format, table);
    const bool is_whole = memory && !ferror(memory) && json_is_whole();
    const clm_status status =
        (memory && fclose(memory)) || !is_whole
            ? fail(error, CLM_ERROR_MEMORY, "%s: the host has no memory for its rows", file->path)
            : clm_write_file(file->path, text, size, error);
    free(text);
    return status;
}

static void bench_write_files(struct bench_run *run, bool is_end)
{
    struct clm_error error;
    for (size_t f = 0; f < BENCH_FILES; f++) {
        struct bench_file *const file = &run->files[f];
        if (!file->path || file->is_lost || (file->is_late && !is_end) ||
            write_rows(file, &run->table, &error) == CLM_OK)
            continue;
        complain("bench", "%s", error.message);
        file->is_lost = true;
        run->has_failed = true;
    }
}

/* ---- standard output ---- */

/* In a table, drivers may print; other formats are kept free of that. */
static void begin_output(const struct bench_run *run)
{
    end_wait();
    if (run->format != BENCH_TABLE)
        release_output();
}

static void end_output(struct bench_run *run)
{
    fflush(stdout);
    if (run->format == BENCH_TABLE || claim_output())
        return;
    complain("bench", "standard output cannot be kept for the rows: %s", strerror(errno));
    run->has_failed = true;
}

static double share_of(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static void print_kernel(const struct clm_bench_kernel *kernel, const struct clm_bench_profile *profile)
{
    printf("    %-17s %6.1f %9.4f %5.1f %% ", kernel->name, kernel->calls, kernel->milliseconds,
           share_of(kernel->milliseconds, profile->milliseconds));
    if (kernel->gflops > 0)
        printf("%8.2f %5.1f %% ", kernel->gflops, share_of(kernel->gflops, profile->peak_gflops));
    else
        printf("%8s %7s ", "-", "-");
    if (kernel->gbytes_per_s > 0)
        printf("%7.2f %5.1f %%\n", kernel->gbytes_per_s,
               share_of(kernel->gbytes_per_s, profile->peak_gbytes_per_s));
    else
        printf("%7s %7s\n", "-", "-");
}

static void print_profile(const struct clm_bench_profile *profile)
{
    double sum = 0;
    printf("\n    %-17s %6s %9s %7s %8s %7s %7s %7s\n", "kernel", "calls", "ms/step", "share", "GFLOP/s",
           "of peak", "GB/s", "of peak");
    for (size_t k = 0; k < profile->count; k++) {
        sum += profile->kernels[k].milliseconds;
        print_kernel(&profile->kernels[k], profile);
    }
    printf("    %-17s %6s %9.4f %5.1f %%\n", "between kernels", "", profile->milliseconds - sum,
           share_of(profile->milliseconds - sum, profile->milliseconds));
    printf("    peaks measured now: %.1f GFLOP/s multiplying and adding, %.1f GB/s copying\n\n",
           profile->peak_gflops, profile->peak_gbytes_per_s);
}

/* ---- a row ---- */

static json_t *describe_profile(const struct clm_bench_profile *profile)
{
    json_t *const list = json_array();
    for (size_t k = 0; k < profile->count; k++) {
        const struct clm_bench_kernel *const kernel = &profile->kernels[k];
        json_list_add(list, json_pack("{ss sf sf sf sf}", "kernel", kernel->name, "calls", kernel->calls,
                                      "ms", kernel->milliseconds, "gflops", kernel->gflops, "gbytes_per_s",
                                      kernel->gbytes_per_s));
    }
    return json_pack("{sf sf sf so}", "ms_per_step", profile->milliseconds, "peak_gflops",
                     profile->peak_gflops, "peak_gbytes_per_s", profile->peak_gbytes_per_s, "kernels", list);
}

/* "relu norm=batch drop=0.2": what hidden layers have, as --layers of train says it. */
static const char *hidden_words(const struct clm_bench_options *options, char words[64])
{
    const bool has_norm = options->norm && strcmp(options->norm, "none") != 0;
    int used = snprintf(words, 64, "%s", options->activation);
    if (has_norm)
        used += snprintf(words + used, 64 - (size_t)used, " norm=%s", options->norm);
    if (options->dropout > 0)
        snprintf(words + used, 64 - (size_t)used, " drop=%.6g", options->dropout);
    return words;
}

/* NULL if there is no memory. */
static json_t *describe_measurement(const struct bench_subject *subject,
                                    const struct clm_bench_options *options,
                                    const struct clm_bench_result *result, const char *date, double load)
{
    char hidden[64];
    json_t *const row = json_deep_copy(subject->about);
    const struct {
        const char *key;
        double value;
    } figures[] = {{"momentum", options->momentum},
                   {"ms_per_step", result->milliseconds},
                   {"ms_p10", result->milliseconds_low},
                   {"ms_p90", result->milliseconds_high},
                   {"samples_per_s", result->samples_per_s},
                   {"gflops", result->gflops},
                   {"first_step_s", result->first_step_seconds},
                   {"tuning_s", result->tuning_seconds},
                   {"load", load}};
    if (!row)
        return NULL;
    json_object_put(row, "provider", json_text(clm_backend_provider(subject->backend)));
    json_object_put(row, "layers", json_sizes(options->sizes, options->size_count));
    json_object_put(row, "activation", json_text(hidden_words(options, hidden)));
    json_object_put(row, "batch", json_integer((json_int_t)options->batch));
    json_object_put(row, "optimizer", json_string(options->optimizer));
    for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
        json_object_put(row, figures[f].key, json_number(figures[f].value));
    json_object_put(row, "date", json_string(date));
    if (result->profile.count)
        json_object_put(row, "profile", describe_profile(&result->profile));
    if (json_is_whole())
        return row;
    json_decref(row);
    return NULL;
}

/* Keeps a finished row: in the table, on standard output and in the files. */
static clm_status finish_row(struct bench_run *run, size_t row, const struct clm_bench_result *result,
                             const char *date, double load, struct clm_error *error)
{
    const struct bench_subject *const subject =
        &run->plan.subjects[bench_plan_place(&run->plan, row).subject];
    const struct clm_bench_options options = bench_plan_options(&run->plan, row);
    json_t *const json = describe_measurement(subject, &options, result, date, load);
    if (!json)
        return fail(error, CLM_ERROR_MEMORY, "the host has no memory for a row of the table");
    const clm_status status = bench_table_add(&run->table, json, error);
    if (status != CLM_OK)
        return status;
    bench_table_name(&run->table);
    begin_output(run);
    bench_write_row(stdout, run->format, &run->table, run->table.count - 1);
    if (result->profile.count && run->format == BENCH_TABLE)
        print_profile(&result->profile);
    end_output(run);
    bench_write_files(run, false);
    return CLM_OK;
}

/* ---- all rows ---- */

/* "about 3:20", of seconds. */
static void write_duration(char text[32], double seconds)
{
    if (seconds < 60)
        snprintf(text, 32, "about %.0f s", ceil(seconds));
    else if (seconds < 3600)
        snprintf(text, 32, "about %.0f min", ceil(seconds / 60));
    else
        snprintf(text, 32, "about %.1f h", seconds / 3600);
}

/* What is left, by the time that the rows so far took against what was planned for them. */
static void tell_progress(const struct bench_run *run, size_t row)
{
    const struct bench_place place = bench_plan_place(&run->plan, row);
    const struct clm_backend *const backend = run->plan.subjects[place.subject].backend;
    const struct clm_device *const device = clm_backend_about(backend);
    char line[160], left[32], address[32] = "";
    size_t rows = 0;
    double seconds = 0;
    for (size_t r = row; r < bench_plan_rows(&run->plan); r++)
        if (!bench_plan_leaves_out(&run->plan, r)) {
            rows++;
            seconds += bench_plan_seconds(&run->plan, r);
        }
    if (run->seconds_planned > 0)
        seconds *= run->seconds_done / run->seconds_planned;
    write_duration(left, seconds);
    if (device)
        snprintf(address, sizeof address, " %u:%u", device->platform, device->index);
    snprintf(line, sizeof line, "batch %zu on %s%s; %zu row%s and %s to go",
             run->plan.batches.values[place.batch], clm_backend_name(backend), address, rows,
             rows == 1 ? "" : "s", left);
    begin_wait(line);
}

static void hear_ready(void *user)
{
    (void)user;
    signals_take(); /* kernels have been built */
}

/* Measures a row. What fails is said, and the other rows are measured all the same. */
static clm_status measure_row(struct bench_run *run, size_t row, struct clm_error *error)
{
    struct bench_subject *const subject = &run->plan.subjects[bench_plan_place(&run->plan, row).subject];
    struct clm_bench_options options = bench_plan_options(&run->plan, row);
    const struct timestamp date = timestamp_now();
    const double load = machine_load();
    struct clm_bench_result result;
    struct clm_error why = {0};
    options.on_ready = hear_ready;
    options.stop = run->stop;
    tell_progress(run, row);
    const clm_status status = clm_bench(subject->backend, &options, &result, &why);
    signals_take();
    end_wait();
    if (status != CLM_OK) {
        name_options("bench", &why);
        complain("bench", "%s on %s at batch %zu: %s", clm_backend_name(subject->backend),
                 printable(clm_backend_device(subject->backend)).text, options.batch, why.message);
        run->has_failed = true;
        return CLM_OK;
    }
    if (!result.steps)
        return CLM_OK; /* stopped */
    if (result.gflops > 0)
        subject->gflops = result.gflops;
    return finish_row(run, row, &result, date.text, load, error);
}

/* Rows without memory have been told of before. */
static void tell_left_out(const struct bench_run *run, size_t row)
{
    const struct clm_backend *const backend =
        run->plan.subjects[bench_plan_place(&run->plan, row).subject].backend;
    const struct clm_device *const device = clm_backend_about(backend);
    char option[64] = "--backend reference";
    if (device)
        snprintf(option, sizeof option, "--device %u:%u", device->platform, device->index);
    if (bench_step_seconds(&run->plan, row) > BENCH_STEP_SECONDS_MOST)
        remark("bench",
               "%s on %s is left out at batch %zu, where a step would take about %.0f s; %s times it",
               clm_backend_name(backend), printable(clm_backend_device(backend)).text,
               bench_plan_options(&run->plan, row).batch, bench_step_seconds(&run->plan, row), option);
}

static void tell_plan(struct bench_run *run)
{
    const struct bench_plan *const plan = &run->plan;
    const double load = machine_load();
    char duration[32];
    size_t rows = 0;
    double seconds = 0;
    for (size_t r = 0; r < bench_plan_rows(plan); r++)
        if (!bench_plan_leaves_out(plan, r)) {
            rows++;
            seconds += bench_plan_seconds(plan, r);
        }
    run->rows_planned = rows;
    write_duration(duration, seconds);
    if (machine_is_busy(load, plan->machine.cores))
        remark(
            "bench",
            "the machine is busy: its load is %.2f on %zu core%s, so that timings may be too slow; wait until others are done",
            load, plan->machine.cores, plan->machine.cores == 1 ? "" : "s");
    if (is_terminal(STDERR_FILENO))
        remark("bench", "%zu row%s to measure: %zu net%s, %zu batch%s, %zu system%s; %s", rows,
               rows == 1 ? "" : "s", plan->net_count, plan->net_count == 1 ? "" : "s", plan->batches.count,
               plan->batches.count == 1 ? "" : "es", plan->subject_count, plan->subject_count == 1 ? "" : "s",
               duration);
}

/* The systems are named before the first row, because the table begins with them. */
static clm_status begin_table(struct bench_run *run, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t s = 0; status == CLM_OK && s < run->plan.subject_count; s++)
        status = bench_table_add_system(&run->table, run->plan.subjects[s].about, error);
    if (status != CLM_OK)
        return status;
    bench_table_name(&run->table);
    begin_output(run);
    bench_write_begin(stdout, run->format, &run->table);
    end_output(run);
    return CLM_OK;
}

static clm_status measure_all_rows(struct bench_run *run, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t r = 0; status == CLM_OK && r < bench_plan_rows(&run->plan) && !run_is_stopped(run); r++) {
        const double planned = bench_plan_seconds(&run->plan, r), begin = seconds_now();
        if (bench_plan_leaves_out(&run->plan, r)) {
            tell_left_out(run, r);
            continue;
        }
        status = measure_row(run, r, error);
        run->seconds_done += fmax(0, seconds_now() - begin);
        run->seconds_planned += planned;
    }
    return status;
}

/* ---- the end ---- */

static void finish_output(struct bench_run *run)
{
    begin_output(run);
    bench_write_end(stdout, run->format, &run->table);
    bench_write_verdicts(stdout, run->format, &run->table);
    fflush(stdout);
}

static void draw_rows(struct bench_run *run)
{
    struct clm_error error = {0};
    if (!run->plot || !run->table.count)
        return;
    bench_table_sort(&run->table);
    if (bench_draw(&run->table, run->plot, &error) == CLM_OK)
        return;
    fail_command("bench", &error);
    run->has_failed = true;
}

static clm_status bench_measure(struct bench_run *run, struct invocation *in, struct clm_error *error)
{
    if (run->format != BENCH_TABLE)
        end_output(run);
    clm_status status = bench_plan_make(in, &run->plan, error);
    if (status != CLM_OK)
        return status;
    tell_plan(run);
    run->stop = catch_interrupts(INTERRUPT_NOTE);
    if ((status = begin_table(run, error)) == CLM_OK)
        status = measure_all_rows(run, error);
    finish_output(run);
    bench_write_files(run, true);
    draw_rows(run);
    if (run->table.count && run_is_stopped(run))
        remark("bench", "stopped, as asked: %zu of %zu rows are measured", run->table.count,
               run->rows_planned);
    if (status == CLM_OK && !run->table.count && run_is_stopped(run))
        status = fail(error, CLM_ERROR_ARGUMENT,
                      "stopped before the end of the first row, as asked; nothing is kept");
    else if (status == CLM_OK && !run->table.count && !run->has_failed)
        status = fail(error, CLM_ERROR_DEVICE, "nothing could be timed");
    return status;
}

/* ---- results of several runs ---- */

/* Options that only a measurement has use for. */
static void refuse_measuring(const struct clm_settings *settings)
{
    static const char *const names[] = {"layers",    "activation", "norm",    "dropout", "batch",  "momentum",
                                        "optimizer", "seconds",    "profile", "backend", "device", "gemm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (clm_settings_is_set(settings, names[i]))
            wrong_usage("bench", "--%s: it is for a measurement, and --merge measures nothing", names[i]);
}

static clm_status bench_merge(struct bench_run *run, const struct invocation *in, struct clm_error *error)
{
    refuse_measuring(in->settings);
    clm_status status = bench_table_read(&run->table, clm_settings_text(in->settings, "merge"), error);
    for (size_t i = 0; status == CLM_OK && i < in->file_count; i++)
        status = bench_table_read(&run->table, in->files[i], error);
    if (status == CLM_OK && !run->table.count)
        status =
            fail(error, CLM_ERROR_FORMAT, "%s has no row to show", clm_settings_text(in->settings, "merge"));
    if (status != CLM_OK)
        return status;
    const size_t dropped = bench_table_sort(&run->table);
    if (dropped)
        remark("bench", "%zu row%s measured again by a later one, which is shown instead", dropped,
               dropped == 1 ? " was" : "s were");
    bench_table_name(&run->table);
    begin_output(run);
    bench_write(stdout, run->format, &run->table);
    bench_write_files(run, true);
    draw_rows(run);
    return CLM_OK;
}

/* ---- the command ---- */

/* --json - and --format json are the same. */
static enum bench_format output_format(const struct clm_settings *settings)
{
    const bool is_json = is_json_alone(settings);
    const enum bench_format format = (enum bench_format)clm_settings_count(settings, "format");
    if (is_json && clm_settings_is_set(settings, "format") && format != BENCH_JSON)
        wrong_usage("bench", "--json -: standard output gets %s, by --format; name a file for the JSON",
                    clm_settings_text(settings, "format"));
    if (clm_settings_count(settings, "profile") && (format == BENCH_MARKDOWN || format == BENCH_CSV))
        wrong_usage("bench", "--profile: %s has no place for it; take --format table or json",
                    clm_settings_text(settings, "format"));
    return is_json ? BENCH_JSON : format;
}

static clm_status run_bench(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    const char *const json = clm_settings_text(settings, "json"), *const out =
                                                                      clm_settings_text(settings, "out");
    struct bench_run run = {.format = output_format(settings), .plot = plot_path(settings)};
    run.files[0] = file_of(is_json_alone(settings) ? NULL : json, BENCH_JSON);
    run.files[1] = file_of(out, out ? format_of_path(out) : BENCH_TABLE);
    const clm_status status =
        clm_settings_text(settings, "merge") ? bench_merge(&run, in, error) : bench_measure(&run, in, error);
    if (status == CLM_OK && !json_is_whole() && !run.has_failed) {
        complain("bench", "the host has no memory for all rows");
        run.has_failed = true;
    }
    release_output();
    bench_plan_free(&run.plan);
    bench_table_free(&run.table);
    in->code = run.has_failed ? EXIT_FAILED : EXIT_DONE;
    return status;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "how long a training step takes on each backend and device",
    .run = run_bench,
    .doc =
        "Times a training step: a minibatch gathered from a resident data set, forward, backward and update. Without --backend: blas, reference (unless a step would take more than 20 s there), and each OpenCL device or those of --device. All nets, batches and systems are measured in one run, for example:\n\n"
        "  clmlp bench --layers 784,512,256,10 --layers 784,128,10 --batch 32,256,2048 \\\n"
        "    --backend opencl,blas --device all --json bench.json --plot bench.png\n\n"
        "Each row is printed, and is in the files, as soon as it is finished; Ctrl-C keeps what is finished.\v"
        "A row has the median, what 10 % and 90 % of the timings stay below, and the speed relative to blas; JSON, also the seconds to the end of the first step with all that is compiled for it, those of measuring which provider multiplies fastest, the machine, versions, date and load. A system is called the fastest only if these ranges do not overlap. A step's operations are 2 B I O for each of forward and weight gradient in every layer, and for the input gradient in every layer but the first.",
    .files = "merge"};
