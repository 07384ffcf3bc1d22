/* What `clmlp search' tries, in which order, and what came of it. */
#ifndef CLM_CLI_SEARCH_H
#define CLM_CLI_SEARCH_H

#include "cli/arguments.h"

#include <stdio.h>

enum { SEARCH_DIMENSIONS_MOST = 16, SEARCH_TRIALS_MOST = 100000 };

/* ---- the space: the settings that are searched over, each with its range ---- */

struct search_dimension {
    const struct clm_setting *setting;
    char **choices; /* texts of the setting, one of which is drawn; or, if there are none: */
    size_t choice_count;
    double from, to; /* a number between them, uniform, or uniform in its logarithm */
    bool is_logarithmic;
};

struct search_space {
    struct search_dimension dimensions[SEARCH_DIMENSIONS_MOST];
    size_t count;
};

/* Reads "lr=0.001..1,hidden=256/256+128": names with ranges, between commas. A range is two numbers, or texts
 * with / between them, in which + stands for a comma. Each must be a value that the setting of train takes.
 * CLM_ERROR_ARGUMENT names the part that is wrong. The space is freed by search_space_free, also after a
 * failure. */
CLM_MUST_CHECK clm_status search_space_read(const char *text, struct search_space *out,
                                            struct clm_error *error);
void search_space_free(struct search_space *space);

/* How many different trials the space has; 0 if it has too many to be counted. */
size_t search_space_size(const struct search_space *space);

/* A value for each dimension, as text. */
struct search_values {
    char *of[SEARCH_DIMENSIONS_MOST];
};

/* Draws the values of a trial. They depend on the space, the seed and the two numbers, on nothing else. */
CLM_MUST_CHECK clm_status search_space_draw(const struct search_space *space, uint64_t seed, size_t trial,
                                            size_t attempt, struct search_values *out,
                                            struct clm_error *error);
void search_values_free(struct search_values *values);

/* ---- the record: trials and their runs ---- */

/* A trial's training for so many epochs. */
struct search_run {
    size_t trial, epochs;
    bool has_failed;
    double loss;     /* of the validation rows, at the end; worth nothing if it has failed */
    double accuracy; /* of the same rows; R2 instead, if the record is of regression */
    double seconds;
    char why[512]; /* why it has failed */
};

struct search_record {
    struct search_values *trials; /* in the order in which they were drawn */
    size_t trial_count;
    struct search_run *runs; /* in the order in which they ended */
    size_t run_count;
    bool is_regression; /* the rows have numbers to predict */
};

/* The name of a run's second score: "val_accuracy" or "val_r2". */
static inline const char *search_score_name(const struct search_record *record)
{
    return record->is_regression ? "val_r2" : "val_accuracy";
}

void search_record_free(struct search_record *record);
/* NULL if there is none. */
const struct search_run *search_record_find(const struct search_record *record, size_t trial, size_t epochs);
CLM_MUST_CHECK clm_status search_record_add(struct search_record *record, const struct search_run *run,
                                            struct clm_error *error);

/* Draws trials that differ from those before them, until there are `count`, or the space has no more. */
CLM_MUST_CHECK clm_status search_record_draw(struct search_record *record, const struct search_space *space,
                                             uint64_t seed, size_t count, struct clm_error *error);

enum search_metric { SEARCH_ACCURACY, SEARCH_LOSS };

/* Whether run `a` is better than `b`. By accuracy, of equal ones the one with the smaller loss is better. */
bool search_is_better(const struct search_run *a, const struct search_run *b, enum search_metric metric);

/* ---- the plan: which run comes next ---- */

enum search_method { SEARCH_RANDOM, SEARCH_HYPERBAND };

struct search_plan {
    enum search_method method;
    enum search_metric metric;
    size_t trials, epochs; /* epochs of a full run */
};

/* A run that is to be made: a trial, trained for so many epochs. */
struct search_step {
    bool is_there; /* false: there is none, or none before one that is running has ended */
    size_t trial, epochs;
};

/* The next run that the record lacks, and that is none of `running`. It depends on nothing but these and the
 * plan, so that a search that was stopped goes on where it was.
 *
 * Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar; 2018), with a factor of 3: a bracket trains many
 * trials for few epochs, the best third of them anew for three times as many, and so on, until some have had
 * all epochs. Each further bracket begins with fewer trials and more epochs; then the first one comes again,
 * with other trials. */
CLM_MUST_CHECK clm_status search_next(const struct search_plan *plan, const struct search_record *record,
                                      const struct search_step *running, size_t running_count,
                                      struct search_step *out, struct clm_error *error);
/* How many runs the plan has in all, if it has `trials` trials. */
size_t search_run_total(const struct search_plan *plan, size_t trials);
/* The best of the longest runs; NULL if no run has succeeded. */
const struct search_run *search_best(const struct search_plan *plan, const struct search_record *record);

/* ---- the command ---- */

/* Sets in `to`, of train, what is set in `from`, of search. */
CLM_MUST_CHECK clm_status search_copy_settings(const struct clm_settings *from, struct clm_settings *to,
                                               struct clm_error *error);
/* Prints the command that trains a net with these settings of train, and keeps it. */
void search_print_command(const struct clm_settings *settings);

/* The range test of the learning rate, as --range-test asks for it. */
CLM_MUST_CHECK clm_status search_range_test(struct invocation *in, struct clm_error *error);

/* ---- the files of a search ---- */

struct search_file {
    const char *folder; /* NULL: nothing is kept */
    json_t *about; /* texts by name: what a search that goes on from the record must have in common with it */
    int lock;      /* -1: none */
};

/* Makes the folder, or reads the record of the search that it holds. CLM_ERROR_ARGUMENT if that search has
 * another `about`, or if the folder holds something else; CLM_ERROR_FORMAT if the record is damaged. */
CLM_MUST_CHECK clm_status search_file_open(struct search_file *file, const struct search_space *space,
                                           struct search_record *record, struct clm_error *error);
void search_file_close(struct search_file *file);

/* Replaces search.json, trials.csv and best.conf. `best` is NULL if no run has succeeded; best_settings, of
 * train, make it again. */
CLM_MUST_CHECK clm_status search_file_write(const struct search_file *file, const struct search_space *space,
                                            const struct search_record *record, const struct search_run *best,
                                            const struct clm_settings *best_settings,
                                            struct clm_error *error);

#endif
