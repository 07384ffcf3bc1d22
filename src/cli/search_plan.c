/* The record of a search, and which run comes next. */
#include "cli/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FACTOR        3    /* of Hyperband: a third of the trials go on, for three times the epochs */
#define ATTEMPTS_MOST 1000 /* to draw a trial that was not drawn before */

static clm_status fail_record(struct clm_error *error)
{
    return fail(error, CLM_ERROR_MEMORY, "the host has no memory for the trials of the search");
}

/* ---- the record ---- */

void search_record_free(struct search_record *record)
{
    for (size_t t = 0; t < record->trial_count; t++)
        search_values_free(&record->trials[t]);
    free(record->trials);
    free(record->runs);
    *record = (struct search_record){.trials = NULL};
}

const struct search_run *search_record_find(const struct search_record *record, size_t trial, size_t epochs)
{
    for (size_t r = 0; r < record->run_count; r++)
        if (record->runs[r].trial == trial && record->runs[r].epochs == epochs)
            return &record->runs[r];
    return NULL;
}

clm_status search_record_add(struct search_record *record, const struct search_run *run,
                             struct clm_error *error)
{
    struct search_run *const more = realloc(record->runs, (record->run_count + 1) * sizeof *more);
    if (!more)
        return fail_record(error);
    record->runs = more;
    more[record->run_count++] = *run;
    return CLM_OK;
}

static bool is_drawn_before(const struct search_record *record, const struct search_values *values,
                            size_t dimensions)
{
    for (size_t t = 0; t < record->trial_count; t++) {
        size_t equal = 0;
        while (equal < dimensions && !strcmp(record->trials[t].of[equal], values->of[equal]))
            equal++;
        if (equal == dimensions)
            return true;
    }
    return false;
}

/* Draws one more trial; leaves the record as it is if the space seems to have no other. */
static clm_status draw_trial(struct search_record *record, const struct search_space *space, uint64_t seed,
                             struct clm_error *error)
{
    const size_t trial = record->trial_count;
    struct search_values *const more = realloc(record->trials, (trial + 1) * sizeof *more);
    if (!more)
        return fail_record(error);
    record->trials = more;
    for (size_t attempt = 0; attempt < ATTEMPTS_MOST; attempt++) {
        const clm_status status = search_space_draw(space, seed, trial, attempt, &more[trial], error);
        if (status != CLM_OK)
            return status;
        if (!is_drawn_before(record, &more[trial], space->count)) {
            record->trial_count++;
            return CLM_OK;
        }
        search_values_free(&more[trial]);
    }
    return CLM_OK;
}

clm_status search_record_draw(struct search_record *record, const struct search_space *space, uint64_t seed,
                              size_t count, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t before = SIZE_MAX;
         status == CLM_OK && record->trial_count < count && record->trial_count != before;) {
        before = record->trial_count;
        status = draw_trial(record, space, seed, error);
    }
    return status;
}

/* ---- which is better ---- */

bool search_is_better(const struct search_run *a, const struct search_run *b, enum search_metric metric)
{
    if (a->has_failed || b->has_failed)
        return !a->has_failed && b->has_failed;
    if (metric == SEARCH_ACCURACY && a->accuracy != b->accuracy)
        return a->accuracy > b->accuracy;
    return a->loss < b->loss;
}

/* ---- Hyperband ---- */

/* The trials of a bracket that are still in it, and for how many epochs they are trained. */
struct rung {
    size_t *trials, count, epochs;
};

/* How often a bracket can take FACTOR times the epochs, beginning with at least one. */
static size_t rounds_of(size_t epochs)
{
    size_t rounds = 0;
    for (size_t least = FACTOR; least <= epochs; least *= FACTOR)
        rounds++;
    return rounds;
}

static size_t power_of_factor(size_t exponent)
{
    size_t power = 1;
    while (exponent--)
        power *= FACTOR;
    return power;
}

/* How many trials a bracket of so many rounds begins with, if the first bracket has `most` rounds. */
static size_t bracket_trials(size_t rounds, size_t most)
{
    return (size_t)ceil((double)(most + 1) / (double)(rounds + 1) * (double)power_of_factor(rounds));
}

/* The epochs of round `round` of a bracket. */
static size_t rung_epochs(size_t epochs, size_t rounds, size_t round)
{
    const double share = (double)epochs / (double)power_of_factor(rounds - round);
    return share < 1 ? 1 : (size_t)(share + 0.5);
}

/* Moves the best `count` trials of the rung to its beginning, the best first. */
static void keep_best(const struct search_plan *plan, const struct search_record *record, struct rung *rung,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < rung->count; j++) {
            const struct search_run *const a = search_record_find(record, rung->trials[i], rung->epochs),
                                           *const b =
                                               search_record_find(record, rung->trials[j], rung->epochs);
            if (search_is_better(b, a, plan->metric)) {
                const size_t trial = rung->trials[i];
                rung->trials[i] = rung->trials[j];
                rung->trials[j] = trial;
            }
        }
    rung->count = count;
}

/* Runs that are made, and runs that are being made. */
struct progress {
    const struct search_record *record;
    const struct search_step *running;
    size_t running_count;
};

static bool is_running(const struct progress *progress, size_t trial, size_t epochs)
{
    for (size_t i = 0; i < progress->running_count; i++)
        if (progress->running[i].trial == trial && progress->running[i].epochs == epochs)
            return true;
    return false;
}

/* Looks for the first trial of the rung that has no run yet and is not running. *is_done: all have a run. */
static bool find_open(const struct progress *progress, const struct rung *rung, size_t *trial, bool *is_done)
{
    *is_done = true;
    for (size_t i = 0; i < rung->count; i++) {
        *trial = rung->trials[i];
        if (search_record_find(progress->record, *trial, rung->epochs))
            continue;
        *is_done = false;
        if (!is_running(progress, *trial, rung->epochs))
            return true;
    }
    return false;
}

/* Looks for an open run in the bracket whose `count` trials are rung->trials; false if it has none. The runs
 * of a round must have ended before the next one begins. */
static bool next_in_bracket(const struct search_plan *plan, const struct progress *progress, size_t rounds,
                            struct rung *rung, size_t *trial, size_t *epochs)
{
    const struct search_record *const record = progress->record;
    bool is_done = true;
    for (size_t round = 0; is_done && round <= rounds; round++) {
        rung->epochs = rung_epochs(plan->epochs, rounds, round);
        *epochs = rung->epochs;
        if (find_open(progress, rung, trial, &is_done))
            return true;
        if (is_done && round < rounds)
            keep_best(plan, record, rung, rung->count / FACTOR ? rung->count / FACTOR : 1);
    }
    return false;
}

/* A bracket of the trials from `first` on. */
struct bracket {
    size_t first, count, rounds;
};

/* Takes the next bracket of at most `left` trials; *next is the number of rounds that it should have. If
 * there are too few trials for so many, it has fewer. */
static struct bracket take_bracket(size_t first, size_t left, size_t most, size_t *next)
{
    struct bracket bracket = {first, bracket_trials(*next, most), *next};
    if (bracket.count > left)
        bracket.count = left;
    while (bracket.rounds && power_of_factor(bracket.rounds) > bracket.count)
        bracket.rounds--;
    *next = *next ? *next - 1 : most;
    return bracket;
}

/* `trials` has room for all of them. */
static bool next_of_hyperband(const struct search_plan *plan, const struct progress *progress, size_t *trials,
                              size_t *trial, size_t *epochs)
{
    const struct search_record *const record = progress->record;
    const size_t most = rounds_of(plan->epochs);
    size_t first = 0, next = most;
    while (first < record->trial_count) {
        const struct bracket bracket = take_bracket(first, record->trial_count - first, most, &next);
        struct rung rung = {.trials = trials, .count = bracket.count};
        for (size_t i = 0; i < rung.count; i++)
            trials[i] = first + i;
        first += bracket.count;
        if (next_in_bracket(plan, progress, bracket.rounds, &rung, trial, epochs))
            return true;
    }
    return false;
}

static size_t hyperband_total(size_t epochs, size_t trials)
{
    const size_t most = rounds_of(epochs);
    size_t total = 0, first = 0, next = most;
    while (first < trials) {
        const struct bracket bracket = take_bracket(first, trials - first, most, &next);
        size_t left = bracket.count;
        first += bracket.count;
        for (size_t round = 0; round <= bracket.rounds; round++) {
            total += left;
            left = left / FACTOR ? left / FACTOR : 1;
        }
    }
    return total;
}

/* ---- any method ---- */

static bool next_of_random(const struct search_plan *plan, const struct progress *progress, size_t *trial)
{
    for (*trial = 0; *trial < progress->record->trial_count; ++*trial)
        if (!search_record_find(progress->record, *trial, plan->epochs) &&
            !is_running(progress, *trial, plan->epochs))
            return true;
    return false;
}

clm_status search_next(const struct search_plan *plan, const struct search_record *record,
                       const struct search_step *running, size_t running_count, struct search_step *out,
                       struct clm_error *error)
{
    const struct progress progress = {record, running, running_count};
    *out = (struct search_step){.epochs = plan->epochs};
    if (plan->method == SEARCH_RANDOM) {
        out->is_there = next_of_random(plan, &progress, &out->trial);
        return CLM_OK;
    }
    size_t *const trials = calloc(record->trial_count + 1, sizeof *trials);
    if (!trials)
        return fail_record(error);
    out->is_there = next_of_hyperband(plan, &progress, trials, &out->trial, &out->epochs);
    free(trials);
    return CLM_OK;
}

size_t search_run_total(const struct search_plan *plan, size_t trials)
{
    return plan->method == SEARCH_HYPERBAND ? hyperband_total(plan->epochs, trials) : trials;
}

const struct search_run *search_best(const struct search_plan *plan, const struct search_record *record)
{
    const struct search_run *best = NULL;
    for (size_t r = 0; r < record->run_count; r++) {
        const struct search_run *const run = &record->runs[r];
        if (run->has_failed || run->epochs > plan->epochs)
            continue;
        if (!best || run->epochs > best->epochs ||
            (run->epochs == best->epochs && search_is_better(run, best, plan->metric)))
            best = run;
    }
    return best;
}
