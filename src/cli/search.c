/* clmlp search: trains nets with other settings each time, and tells which settings are best. */
#include "cli/search_crew.h"
#include "cli/machine.h"
#include "cli/signals.h"
#include "cli/train.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTERRUPT_NOTE                                                                                       \
    "clmlp: search: note: stopping; finished runs are kept; interrupt again to end at once\n"
#define VALIDATION_SHARE                                                                                     \
    "0.2"        /* of the training rows, if the data brings no validation set and --val is not given */
#define SHOWN 10 /* of the best trials */

struct searching {
    struct invocation *in;
    struct search_space space;
    struct search_plan plan;
    struct search_record record;
    struct search_file file;
    struct clm_data *data;
    struct search_crew crew;
    const volatile sig_atomic_t *stop;
    size_t total; /* runs that the plan has */
    bool is_quiet, has_heading;
};

static bool search_is_stopped(const struct searching *s)
{
    return s->stop && *s->stop;
}

/* ---- settings of a trial ---- */

clm_status search_copy_settings(const struct clm_settings *from, struct clm_settings *to,
                                struct clm_error *error)
{
    const struct clm_setting *setting;
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && (setting = clm_setting_at("train", i)); i++)
        if (setting->is_saved && clm_settings_is_set(from, setting->name))
            status = clm_settings_set(to, setting->name, clm_settings_text(from, setting->name), error);
    return status;
}

/* All settings that make the run again, for the caller to free. */
static clm_status search_settings(const struct searching *s, size_t trial, size_t epochs,
                                  struct clm_settings **out, struct clm_error *error)
{
    char text[32];
    clm_status status = clm_settings_create("train", out, error);
    if (status == CLM_OK)
        status = search_copy_settings(s->in->settings, *out, error);
    for (size_t d = 0; status == CLM_OK && d < s->space.count; d++)
        status = clm_settings_set(*out, s->space.dimensions[d].setting->name, s->record.trials[trial].of[d],
                                  error);
    snprintf(text, sizeof text, "%zu", epochs);
    if (status == CLM_OK)
        status = clm_settings_set(*out, "epochs", text, error);
    if (status == CLM_OK)
        return CLM_OK;
    clm_settings_free(*out);
    *out = NULL;
    return status;
}

/* ---- what is printed ---- */

static void print_values(const struct searching *s, size_t trial)
{
    for (size_t d = 0; d < s->space.count; d++)
        printf("  %s %s", s->space.dimensions[d].setting->name,
               printable(s->record.trials[trial].of[d]).text);
    putchar('\n');
}

static void print_run(struct searching *s, const struct search_run *run)
{
    if (s->is_quiet)
        return;
    if (!s->has_heading)
        printf("trial  epochs  val loss   %s  seconds  settings\n",
               s->record.is_regression ? " val R2" : "val acc");
    s->has_heading = true;
    printf("%5zu  %6zu  ", run->trial + 1, run->epochs);
    if (run->has_failed)
        printf("  failed         -  %7.2f", run->seconds);
    else
        printf(s->record.is_regression ? "%8.5f  %8.5f  %7.2f" : "%8.5f  %6.2f %%  %7.2f", run->loss,
               (s->record.is_regression ? 1 : 100) * run->accuracy, run->seconds);
    print_values(s, run->trial);
    if (run->has_failed)
        remark("search", "trial %zu: %s", run->trial + 1, run->why);
}

/* The best of the runs that are as long as the best one. */
static clm_status print_best(const struct searching *s, const struct search_run *best,
                             struct clm_error *error)
{
    const struct search_run **const runs = calloc(s->record.run_count, sizeof *runs);
    size_t count = 0;
    if (!runs)
        return fail(error, CLM_ERROR_MEMORY, "the host has no memory for the table of the best trials");
    for (size_t r = 0; r < s->record.run_count; r++) {
        const struct search_run *const run = &s->record.runs[r];
        size_t at = count;
        if (run->has_failed || run->epochs != best->epochs)
            continue;
        for (; at && search_is_better(run, runs[at - 1], s->plan.metric); at--)
            runs[at] = runs[at - 1];
        runs[at] = run;
        count++;
    }
    printf("\nthe best of %zu trial%s with %zu epoch%s, by the validation rows' %s\n", count,
           count == 1 ? "" : "s", best->epochs, best->epochs == 1 ? "" : "s",
           s->plan.metric == SEARCH_LOSS ? "loss"
           : s->record.is_regression     ? "R2"
                                         : "accuracy");
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        printf("%5zu  val loss %.5f  ", runs[i]->trial + 1, runs[i]->loss);
        printf(s->record.is_regression ? "R2 %.5f" : "accuracy %.2f %%",
               (s->record.is_regression ? 1 : 100) * runs[i]->accuracy);
        print_values(s, runs[i]->trial);
    }
    free(runs);
    return CLM_OK;
}

void search_print_command(const struct clm_settings *settings)
{
    const struct clm_setting *setting;
    char word[PATH_MAX];
    printf("\ntrain it with\n  clmlp train");
    for (size_t i = 0; (setting = clm_setting_at("train", i)); i++) {
        if (!setting->is_saved || !clm_settings_is_set(settings, setting->name))
            continue;
        printf(" --%s", setting->name);
        word[0] = '\0';
        if (setting->argument)
            append_word(word, sizeof word, clm_settings_text(settings, setting->name));
        fputs(word, stdout);
    }
    printf(" --out run\n");
}

static void tell_running(const struct searching *s)
{
    char line[256];
    struct search_step running[CREW_MOST];
    const struct search_run *const best = search_best(&s->plan, &s->record);
    const size_t count = search_crew_steps(&s->crew, running);
    int used = snprintf(line, sizeof line, "run %zu of %zu: trial%s", s->record.run_count + 1, s->total,
                        count == 1 ? "" : "s");
    for (size_t i = 0; i < count; i++)
        used +=
            snprintf(line + used, sizeof line - (size_t)used, "%s %zu", i ? "," : "", running[i].trial + 1);
    if (best)
        snprintf(line + used, sizeof line - (size_t)used, "; best so far trial %zu, loss %.5f",
                 best->trial + 1, best->loss);
    begin_wait(line);
}

/* ---- a run ---- */

/* Whether the settings of a trial are to blame, so that others may do better. */
static bool is_of_trial(clm_status status)
{
    return status == CLM_ERROR_ARGUMENT || status == CLM_ERROR_MEMORY || status == CLM_ERROR_FORMAT ||
           status == CLM_ERROR_SHAPE;
}

/* Begins to train a trial. */
static clm_status search_start(struct searching *s, struct search_job *job, const struct search_step *step,
                               struct clm_error *error)
{
    struct clm_settings *settings = NULL;
    const clm_status status = search_settings(s, step->trial, step->epochs, &settings, error);
    return status ? status : search_job_start(job, step, settings, error);
}

/* Adds a training that has ended to the record, unless the search was stopped on the way. */
static clm_status search_take(struct searching *s, struct search_job *job, struct clm_error *error)
{
    const struct search_step *const step = &job->step;
    const struct clm_train_result *const result = &job->result;
    struct search_run run = {.trial = step->trial, .epochs = step->epochs, .seconds = job->seconds};
    if (job->status != CLM_OK && !is_of_trial(job->status)) {
        name_options("search", &job->why);
        return fail(error, job->status, "trial %zu: %s", step->trial + 1, job->why.message);
    }
    const bool is_whole =
        result->epochs == step->epochs || result->is_stopped_early || result->is_out_of_time;
    if (job->status == CLM_OK && !is_whole)
        return CLM_OK; /* the search was stopped */
    run.has_failed = job->status != CLM_OK || !isfinite(result->kept.validation_loss);
    run.loss = result->kept.validation_loss;
    run.accuracy = s->record.is_regression ? result->kept.validation_r2 : result->kept.validation_accuracy;
    if (isnan(run.accuracy))
        run.accuracy = 0; /* R2 of rows that all have the same target */
    snprintf(run.why, sizeof run.why, "%.500s",
             job->status != CLM_OK ? job->why.message
             : run.has_failed      ? "the loss of the validation rows is no finite number"
                                   : "");
    const clm_status status = search_record_add(&s->record, &run, error);
    if (status == CLM_OK)
        print_run(s, &run);
    return status;
}

/* Replaces the files of the search. */
static clm_status search_keep(const struct searching *s, struct clm_error *error)
{
    const struct search_run *const best = search_best(&s->plan, &s->record);
    struct clm_settings *settings = NULL;
    clm_status status = best ? search_settings(s, best->trial, best->epochs, &settings, error) : CLM_OK;
    if (status == CLM_OK)
        status = search_file_write(&s->file, &s->space, &s->record, best, settings, error);
    clm_settings_free(settings);
    return status;
}

/* Gives idle backends the next runs. */
static clm_status start_all(struct searching *s, struct clm_error *error)
{
    struct search_job *job;
    clm_status status = CLM_OK;
    while (status == CLM_OK && !search_is_stopped(s) && (job = search_crew_idle(&s->crew))) {
        struct search_step running[CREW_MOST], step;
        const size_t count = search_crew_steps(&s->crew, running);
        if ((status = search_next(&s->plan, &s->record, running, count, &step, error)) || !step.is_there)
            return status;
        status = search_start(s, job, &step, error);
    }
    return status;
}

static clm_status search_all(struct searching *s, struct clm_error *error)
{
    struct search_job *job;
    clm_status status = search_keep(s, error); /* a kill may have come between its files */
    while (status == CLM_OK && (status = start_all(s, error)) == CLM_OK) {
        tell_running(s);
        job = search_crew_wait(&s->crew);
        end_wait();
        if (!job || (status = search_take(s, job, error)))
            break;
        status = search_keep(s, error);
    }
    return status;
}

/* ---- before the first run ---- */

static void search_describe_rows(json_t *about, const char *name, size_t rows)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", rows);
    json_object_put(about, name, json_text(text));
}

/* Whether searches that differ in the setting can share their runs: one may be longer than the other, or run
 * elsewhere. */
static bool is_free(const struct clm_setting *setting)
{
    static const char *const names[] = {"epochs", "trials", "method", "metric",
                                        "jobs",   "out",    "quiet",  "config"};
    bool is_named = !strcmp(setting->group, "Device");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        is_named = is_named || !strcmp(setting->name, names[i]);
    return is_named;
}

/* What must be the same if a search goes on: what was asked for, and how many rows the data has. */
static clm_status describe_search(struct searching *s, struct clm_error *error)
{
    const struct clm_setting *setting;
    json_t *const about = s->file.about = json_object();
    for (size_t i = 0; (setting = clm_setting_at("search", i)); i++)
        if (clm_settings_is_set(s->in->settings, setting->name) && !is_free(setting))
            json_object_put(about, setting->name,
                            json_text(clm_settings_text(s->in->settings, setting->name)));
    json_object_put(about, "seed", json_text(clm_settings_text(s->in->settings, "seed")));
    search_describe_rows(about, "training rows", clm_data_rows(s->data, CLM_TRAIN));
    search_describe_rows(about, "validation rows", clm_data_rows(s->data, CLM_VALIDATION));
    return about && json_is_whole() ? CLM_OK
                                    : fail(error, CLM_ERROR_MEMORY, "the host has no memory for the search");
}

/* Opens the data. A search needs validation rows: if neither --val nor the data brings any, some training
 * rows are held out. */
static clm_status open_search_data(struct searching *s, struct clm_error *error)
{
    struct clm_settings *const settings = s->in->settings;
    struct clm_data_options asked = data_options(s->in);
    clm_status status = clm_data_open(&asked, &s->data, error);
    if (status != CLM_OK || clm_data_rows(s->data, CLM_VALIDATION))
        return status;
    clm_data_close(s->data);
    s->data = NULL;
    if ((status = clm_settings_set(settings, "val", VALIDATION_SHARE, error)) ||
        (!clm_settings_is_set(settings, "val-by") &&
         (status = clm_settings_set(settings, "val-by", asked.has_targets ? "random" : "stratified", error))))
        return status;
    asked = data_options(s->in);
    if ((status = clm_data_open(&asked, &s->data, error)))
        return status;
    remark(
        "search",
        "the data has no validation rows; %s of the training rows, %zu, are held out for it; --val says others",
        VALIDATION_SHARE, clm_data_rows(s->data, CLM_VALIDATION));
    return CLM_OK;
}

/* The epochs of a full run: as --epochs says, or as train would choose for the data. */
static clm_status find_epochs(struct searching *s, struct clm_error *error)
{
    struct clm_settings *scratch = NULL;
    clm_status status = clm_settings_create("train", &scratch, error);
    if (status == CLM_OK && (status = search_copy_settings(s->in->settings, scratch, error)) == CLM_OK &&
        (status = clm_suit_settings(scratch, s->data, error)) == CLM_OK)
        s->plan.epochs = clm_settings_count(scratch, "epochs");
    clm_settings_free(scratch);
    return status;
}

/* A trial that went on from another net would not be one of its own settings alone. */
static void check_init(const char *init)
{
    if (!is_scheme(init))
        wrong_usage("search", "--init %s: a search begins each trial anew; name a scheme, as in --init he",
                    init);
}

/* Ends the program if --layers and --hidden, each an option or a dimension, both say the hidden layers. */
static void check_one_net(const struct clm_settings *settings, const struct search_space *space)
{
    bool has_layers = clm_settings_is_set(settings, "layers"),
         has_hidden = clm_settings_is_set(settings, "hidden");
    for (size_t d = 0; d < space->count; d++) {
        has_layers = has_layers || !strcmp(space->dimensions[d].setting->name, "layers");
        has_hidden = has_hidden || !strcmp(space->dimensions[d].setting->name, "hidden");
    }
    if (has_layers && has_hidden)
        wrong_usage("search", "--over: layers and hidden both say the hidden layers; leave one of them out");
}

/* Ends the program if --over or --init makes no sense. */
static clm_status read_space(struct searching *s, struct clm_error *error)
{
    const struct clm_settings *const settings = s->in->settings;
    const clm_status status = search_space_read(clm_settings_text(settings, "over"), &s->space, error);
    check_init(clm_settings_text(settings, "init"));
    if (status == CLM_ERROR_ARGUMENT)
        wrong_usage("search", "--%s", error->message);
    if (status == CLM_OK)
        check_one_net(settings, &s->space);
    for (size_t d = 0; status == CLM_OK && d < s->space.count; d++) {
        const char *const name = s->space.dimensions[d].setting->name;
        if (!strcmp(name, "epochs"))
            wrong_usage("search",
                        "--over: epochs: only trials of equal length can be compared; --epochs gives it");
        for (size_t c = 0; !strcmp(name, "init") && c < s->space.dimensions[d].choice_count; c++)
            check_init(s->space.dimensions[d].choices[c]);
        if (clm_settings_is_set(settings, name) && !clm_settings_is_of_recipe(settings, name))
            wrong_usage("search", "--over: %s: --%s is given, too; leave out one of the two", name, name);
    }
    return status;
}

static void print_search_header(const struct searching *s)
{
    const size_t size = search_space_size(&s->space);
    if (s->is_quiet)
        return;
    const size_t targets = clm_data_targets(s->data);
    printf("data      %s (%s): %zu training, %zu validation rows of %zu features, %zu %s\n",
           clm_data_source(s->data), clm_data_format(s->data), clm_data_rows(s->data, CLM_TRAIN),
           clm_data_rows(s->data, CLM_VALIDATION), clm_data_features(s->data),
           targets ? targets : clm_data_classes(s->data), targets ? "targets" : "classes");
    printf("backend   %s on %s\n", clm_backend_name(s->crew.jobs[0].backend),
           printable(clm_backend_device(s->crew.jobs[0].backend)).text);
    printf("search    %s, %zu trial%s in %zu run%s of up to %zu epoch%s, over",
           s->plan.method == SEARCH_HYPERBAND ? "Hyperband" : "random", s->record.trial_count,
           s->record.trial_count == 1 ? "" : "s", s->total, s->total == 1 ? "" : "s", s->plan.epochs,
           s->plan.epochs == 1 ? "" : "s");
    for (size_t d = 0; d < s->space.count; d++)
        printf("%s %s", d ? "," : "", s->space.dimensions[d].setting->name);
    if (size && size <= s->record.trial_count)
        printf(": all that there are");
    printf("\n");
    if (s->record.run_count)
        printf("goes on   from %zu run%s in %s\n", s->record.run_count, s->record.run_count == 1 ? "" : "s",
               printable(s->file.folder).text);
    printf("\n");
}

/* Rows with targets have no accuracy: of regression R2 stands in its place, and the loss is compared unless
 * the metric is asked for. */
static clm_status find_metric(struct searching *s, struct clm_error *error)
{
    const char *const loss = clm_settings_text(s->in->settings, "loss");
    s->record.is_regression = clm_data_targets(s->data) && strcmp(loss, "binary") != 0;
    if (!s->record.is_regression)
        return CLM_OK;
    if (s->plan.metric == SEARCH_ACCURACY && clm_settings_is_set(s->in->settings, "metric"))
        return fail(error, CLM_ERROR_ARGUMENT,
                    "--metric accuracy: numbers to predict have none; leave it out");
    s->plan.metric = SEARCH_LOSS;
    return CLM_OK;
}

/* Products in a step of a trial's net; infinite if it cannot be made. */
static double step_products(const struct searching *s)
{
    struct clm_settings *settings = NULL;
    struct clm_model *model = NULL;
    struct clm_error unused;
    double products = HUGE_VAL;
    if (search_settings(s, 0, s->plan.epochs, &settings, &unused) == CLM_OK &&
        clm_suit_settings(settings, s->data, &unused) == CLM_OK &&
        create_model(settings, s->data, &model, &unused) == CLM_OK)
        products = (double)clm_model_parameters(model) * (double)clm_settings_count(settings, "batch");
    clm_model_free(model);
    clm_settings_free(settings);
    return products;
}

/* Opens the device, once for each net that is trained at the same time. */
static clm_status open_crew(struct searching *s, struct clm_error *error)
{
    const struct clm_backend_options asked = backend_options(s->in);
    size_t jobs = clm_settings_count(s->in->settings, "jobs");
    clm_status status;
    if (!jobs) {
        if ((status = search_crew_open(&s->crew, 1, &asked, s->data, error)))
            return status;
        jobs = shares_suitable(s->crew.jobs[0].backend, step_products(s));
    }
    jobs = jobs > CREW_MOST ? CREW_MOST : jobs;
    jobs = jobs > s->record.trial_count && s->record.trial_count ? s->record.trial_count : jobs;
    if (jobs == s->crew.count)
        return CLM_OK;
    search_crew_close(&s->crew);
    return search_crew_open(&s->crew, jobs, &asked, s->data, error);
}

static clm_status prepare_search(struct searching *s, struct clm_error *error)
{
    const struct clm_settings *const settings = s->in->settings;
    clm_status status;
    if ((status = read_space(s, error)) || (status = open_search_data(s, error)) ||
        (status = find_metric(s, error)) || (status = find_epochs(s, error)) ||
        (status = describe_search(s, error)) ||
        (status = search_file_open(&s->file, &s->space, &s->record, error)) ||
        (status = search_record_draw(&s->record, &s->space, clm_settings_count(settings, "seed"),
                                     clm_settings_count(settings, "trials"), error)))
        return status;
    s->total = search_run_total(&s->plan, s->record.trial_count);
    return open_crew(s, error);
}

/* ---- the command ---- */

static clm_status finish_search(struct searching *s, struct clm_error *error)
{
    const struct search_run *const best = search_best(&s->plan, &s->record);
    struct clm_settings *settings = NULL;
    if (search_is_stopped(s))
        remark("search", "stopped, as asked, after %zu of %zu runs%s", s->record.run_count, s->total,
               s->file.folder ? "; the same command goes on" : "");
    if (!best)
        return fail(error, CLM_ERROR_ARGUMENT,
                    search_is_stopped(s) ? "stopped before the end of the first run, as asked"
                                         : "no trial could be trained; the notes above say why");
    clm_status status = search_settings(s, best->trial, best->epochs, &settings, error);
    if (status == CLM_OK && (status = print_best(s, best, error)) == CLM_OK)
        search_print_command(settings);
    clm_settings_free(settings);
    if (status == CLM_OK && s->file.folder && !s->is_quiet)
        printf("\nfiles     %s: trials.csv, best.conf, search.json\n", s->file.folder);
    return status;
}

static void check_search_options(const struct clm_settings *settings)
{
    static const char *const others[] = {"from", "to", "steps"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (clm_settings_is_set(settings, others[i]))
            wrong_usage("search", "--%s: it is for --range-test alone", others[i]);
    if (!clm_settings_text(settings, "over"))
        wrong_usage(
            "search",
            "--over is needed, as in --over lr=0.001..1,hidden=128/256+128; or --range-test for learning rates alone");
}

static clm_status run_search(struct invocation *in, struct clm_error *error)
{
    const struct clm_settings *const settings = in->settings;
    struct searching s = {.in = in,
                          .plan = {.method = (enum search_method)clm_settings_count(settings, "method"),
                                   .metric = (enum search_metric)clm_settings_count(settings, "metric")},
                          .file = {.folder = clm_settings_text(settings, "out"), .lock = -1},
                          .is_quiet = clm_settings_count(settings, "quiet")};
    if (clm_settings_count(settings, "range-test"))
        return search_range_test(in, error);
    check_search_options(settings);
    if (!s.file.folder && !s.is_quiet)
        remark("search", "without --out DIR a search that is stopped cannot go on");
    clm_status status = prepare_search(&s, error);
    if (status == CLM_OK) {
        print_search_header(&s);
        s.stop = s.crew.stop = catch_interrupts(INTERRUPT_NOTE);
        if ((status = search_all(&s, error)) == CLM_OK)
            status = finish_search(&s, error);
    }
    search_crew_close(&s.crew);
    clm_data_close(s.data);
    search_file_close(&s.file);
    search_record_free(&s.record);
    search_space_free(&s.space);
    return status;
}

const struct command command_search = {
    "search",
    "look for the settings with which a net learns best",
    run_search,
    "Trains nets with other settings each time, drawn from the ranges of --over, and tells which predict the validation rows best. The test set is not looked at. --range-test makes a learning-rate range test instead: one short run in which the learning rate grows until the loss explodes.\vA range is two numbers with .. between them (if they differ by a factor of ten or more, each decade is as likely as any other), or values with / between them. In a value, + stands for a comma: hidden=128/256+128. All options of train can be given, too, and hold for every trial.\n\nWith --out the search can be stopped, by Ctrl-C or otherwise; the same command goes on with it.\n\nExamples:\n"
    "  clmlp search --data fashion-mnist --over lr=0.01..1 --trials 8 --epochs 3\n"
    "  clmlp search --data cifar10 --over lr=0.01..1,hidden=512/256+128 --out search\n"
    "  clmlp search --data table.csv --over l2=1e-6..0.01 --method hyperband --out search\n"
    "  clmlp search --data fashion-mnist --range-test --out range",
    {{"data", "fashion-mnist"}}};
