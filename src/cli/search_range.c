/* clmlp search --range-test: one short run in which the learning rate grows until the loss explodes. */
#include "cli/search.h"
#include "cli/signals.h"
#include "cli/train.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEPS_LEAST 100 /* unless --steps says others */
#define STEPS_MOST  400
#define EXPLODED    4.0 /* times the lowest mean loss so far: the test ends */
#define LINES       20  /* of the table */
#define INTERRUPT_NOTE                                                                                       \
    "clmlp: search: note: stopping the range test; what it has is kept; interrupt again to end at once\n"

struct ranging {
    struct invocation *in;
    struct clm_settings *settings; /* of train */
    struct clm_data *data;
    struct clm_backend *backend;
    struct clm_model *model;
    struct clm_range range;
    double *rates, *losses, *smoothed; /* (range.steps) */
    size_t count;                      /* steps made */
    double mean, lowest;               /* of the last losses; the lowest of these means */
    bool has_exploded;
    const volatile sig_atomic_t *stop;
};

/* Notes a step. The mean of the last losses reaches back a twentieth of the test, so that one bad minibatch
 * does not end it. */
static bool hear_range_step(void *user, double learning_rate, double loss)
{
    struct ranging *const r = user;
    const double keep = exp(-20 / (double)r->range.steps);
    signals_take(); /* the first step builds kernels */
    r->rates[r->count] = learning_rate;
    r->losses[r->count] = loss;
    r->count++;
    r->mean = r->count == 1 ? loss : keep * r->mean + (1 - keep) * loss;
    r->has_exploded = !isfinite(loss) || r->mean > EXPLODED * r->lowest;
    if (!isfinite(loss))
        r->count--; /* it can be neither smoothed nor drawn */
    r->lowest = fmin(r->lowest, r->mean);
    return !r->has_exploded && !(r->stop && *r->stop);
}

/* An epoch's steps, if that is neither few nor many. */
static size_t choose_steps(const struct ranging *r)
{
    const size_t asked = clm_settings_count(r->in->settings, "steps"),
                 batch =
                     clm_settings_count(r->settings, "batch") * clm_settings_count(r->settings, "accumulate"),
                 rows = clm_data_rows(r->data, CLM_TRAIN), epoch = rows / batch + (rows % batch != 0);
    return asked ? asked : epoch < STEPS_LEAST ? STEPS_LEAST : epoch > STEPS_MOST ? STEPS_MOST : epoch;
}

/* Settings of train for the test: as asked for, and enough epochs for its steps. */
static clm_status choose_range_settings(struct ranging *r, struct clm_error *error)
{
    char text[32];
    clm_status status;
    if ((status = clm_settings_create("train", &r->settings, error)) ||
        (status = search_copy_settings(r->in->settings, r->settings, error)) ||
        (status = clm_suit_settings(r->settings, r->data, error)))
        return status;
    r->range.steps = choose_steps(r);
    snprintf(text, sizeof text, "%zu", r->range.steps);
    return clm_settings_set(r->settings, "epochs", text, error);
}

static clm_status prepare_range(struct ranging *r, struct clm_error *error)
{
    const struct clm_data_options data_asked = data_options(r->in);
    const struct clm_backend_options backend_asked = backend_options(r->in);
    clm_status status;
    if ((status = clm_data_open(&data_asked, &r->data, error)) ||
        (status = choose_range_settings(r, error)) ||
        (status = create_model(r->settings, r->data, &r->model, error)))
        return status;
    const enum clm_standardise how =
        (enum clm_standardise)(clm_settings_count(r->settings, "standardize") - 1);
    r->rates = calloc(r->range.steps, sizeof *r->rates);
    r->losses = calloc(r->range.steps, sizeof *r->losses);
    r->smoothed = calloc(r->range.steps, sizeof *r->smoothed);
    if (!r->rates || !r->losses || !r->smoothed)
        return fail(error, CLM_ERROR_MEMORY, "the host has no memory for %zu steps", r->range.steps);
    status = clm_model_standardise(r->model, r->data, how, NULL, error);
    return status ? status : open_backend(&backend_asked, &r->backend, error);
}

/* ---- what came of it ---- */

static clm_status write_range_csv(const struct ranging *r, const char *path, struct clm_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&bytes, &size);
    if (!stream)
        return fail(error, CLM_ERROR_MEMORY, "the host has no memory for %s", path);
    fprintf(stream, "step,learning_rate,loss,smoothed_loss\n");
    for (size_t i = 0; i < r->count; i++)
        fprintf(stream, "%zu,%.9g,%.9g,%.9g\n", i + 1, r->rates[i], r->losses[i], r->smoothed[i]);
    const clm_status status = fclose(stream)
                                  ? fail(error, CLM_ERROR_MEMORY, "the host has no memory for %s", path)
                                  : clm_write_file(path, bytes, size, error);
    free(bytes);
    return status;
}

static clm_status write_range_files(const struct ranging *r, size_t suggested, struct clm_error *error)
{
    const char *const folder = clm_settings_text(r->in->settings, "out");
    const struct clm_range_curve curve = {.rates = r->rates,
                                          .losses = r->losses,
                                          .smoothed = r->smoothed,
                                          .count = r->count,
                                          .suggested = suggested};
    char path[PATH_MAX];
    clm_status status;
    if (!folder)
        return CLM_OK;
    snprintf(path, sizeof path, "%.3800s/range.csv", folder);
    if ((status = write_range_csv(r, path, error)))
        return status;
    snprintf(path, sizeof path, "%.3800s/range.png", folder);
    return clm_range_plot(path, clm_data_source(r->data), &curve, error);
}

static void print_range(const struct ranging *r)
{
    printf("   step  learning rate      loss  smoothed\n");
    for (size_t line = 0, last = SIZE_MAX; line < LINES; line++) {
        const size_t i = line * (r->count - 1) / (LINES - 1);
        if (i != last)
            printf("%7zu  %13.4g  %8.5f  %8.5f\n", i + 1, r->rates[i], r->losses[i], r->smoothed[i]);
        last = i;
    }
    printf("\n");
    if (r->has_exploded)
        printf("the loss explodes at the learning rate %.3g\n", r->rates[r->count - 1]);
}

/* The suggested rate, and the command that trains with it. */
static clm_status print_suggestion(const struct ranging *r, double rate, struct clm_error *error)
{
    struct clm_settings *again = NULL;
    char text[32];
    snprintf(text, sizeof text, "%.2g", rate);
    printf("the smoothed loss falls fastest at the learning rate %s\n", text);
    clm_status status = clm_settings_create("train", &again, error);
    if (status == CLM_OK && (status = search_copy_settings(r->in->settings, again, error)) == CLM_OK &&
        (status = clm_settings_set(again, "lr", text, error)) == CLM_OK)
        search_print_command(again);
    clm_settings_free(again);
    return status;
}

static clm_status finish_range(struct ranging *r, struct clm_error *error)
{
    const bool is_quiet = clm_settings_count(r->in->settings, "quiet");
    if (!r->count)
        return fail(error, CLM_ERROR_ARGUMENT,
                    r->has_exploded ? "the loss of the first step is no finite number"
                                    : "stopped before the end of the first step, as asked");
    const size_t suggested = clm_range_suggest(r->losses, r->count, r->smoothed);
    clm_status status = write_range_files(r, suggested, error);
    if (status != CLM_OK)
        return status;
    if (!is_quiet)
        print_range(r);
    if (!r->has_exploded && r->count < r->range.steps)
        remark("search", "stopped, as asked, after %zu of %zu steps", r->count, r->range.steps);
    if (suggested < r->count)
        status = print_suggestion(r, r->rates[suggested], error);
    else
        printf("the loss falls nowhere; try other rates with --from and --to\n");
    if (clm_settings_text(r->in->settings, "out") && !is_quiet)
        printf("\nfiles     %s: range.csv, range.png\n", clm_settings_text(r->in->settings, "out"));
    return status;
}

/* *is_new: it was not there. */
static clm_status make_range_folder(const struct clm_settings *settings, bool *is_new,
                                    struct clm_error *error)
{
    const char *const folder = clm_settings_text(settings, "out");
    *is_new = folder && !mkdir(folder, 0777);
    if (!folder || *is_new || errno == EEXIST)
        return CLM_OK;
    return fail(error, CLM_ERROR_IO, "%s: it cannot be made: %s", folder, strerror(errno));
}

static void check_range_options(const struct clm_settings *settings)
{
    static const char *const others[] = {"over",       "trials",   "method",   "metric",
                                         "stop-after", "max-time", "calibrate"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (clm_settings_is_set(settings, others[i]))
            wrong_usage("search", "--%s: it is not for --range-test; leave out one of the two", others[i]);
    if (!(clm_settings_number(settings, "from") < clm_settings_number(settings, "to")))
        wrong_usage("search", "--from %s: it has to be below --to %s", clm_settings_text(settings, "from"),
                    clm_settings_text(settings, "to"));
}

clm_status search_range_test(struct invocation *in, struct clm_error *error)
{
    struct ranging r = {.in = in,
                        .range = {.from = clm_settings_number(in->settings, "from"),
                                  .to = clm_settings_number(in->settings, "to"),
                                  .on_step = hear_range_step},
                        .lowest = HUGE_VAL};
    bool has_new_folder = false;
    check_range_options(in->settings);
    clm_status status = prepare_range(&r, error);
    if (status == CLM_OK)
        status = make_range_folder(in->settings, &has_new_folder, error);
    if (status == CLM_OK) {
        if (!clm_settings_count(in->settings, "quiet"))
            printf("range     %zu steps of %s rows of %s, learning rates from %g to %g\n\n", r.range.steps,
                   clm_settings_text(r.settings, "batch"), clm_data_source(r.data), r.range.from, r.range.to);
        r.range.user = &r;
        r.stop = catch_interrupts(INTERRUPT_NOTE);
        const struct clm_train_hooks hooks = {.stop = r.stop, .range = &r.range};
        status = clm_train(r.backend, r.model, r.data, r.settings, &hooks, NULL, error);
    }
    if (status == CLM_OK)
        status = finish_range(&r, error);
    if (status != CLM_OK && has_new_folder)
        (void)rmdir(clm_settings_text(in->settings, "out")); /* if it is empty */
    free(r.rates);
    free(r.losses);
    free(r.smoothed);
    clm_backend_close(r.backend);
    clm_model_free(r.model);
    clm_settings_free(r.settings);
    clm_data_close(r.data);
    return status;
}
