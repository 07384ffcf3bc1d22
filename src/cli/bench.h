/* Rows of `clmlp bench', measured now or read from files of earlier runs, and how they are shown. */
#ifndef CLM_CLI_BENCH_H
#define CLM_CLI_BENCH_H

#include "cli/arguments.h"
#include "cli/machine.h"

#include <stdio.h>

/* What a row was measured on: a backend and its device, on a host. */
struct bench_system {
    json_t *about;  /* a row's object, which has the keys that tell it from others */
    char key[32];   /* "opencl A": short, for tables */
    char name[256]; /* "DEVICE (PLATFORM)", and as much more as tells it from the others */
};

struct table_net {
    char text[256]; /* "784-512-256-10, gelu, momentum 0.9", or ", adam"; relu is not named */
    json_t *layers;
    char activation[64], optimizer[24]; /* relu and sgd in files of earlier versions, which do not say it */
    double momentum;
};

/* The texts belong to `json`. */
struct bench_row {
    json_t *json; /* as it is written to a file */
    const char *provider;
    size_t batch;
    double milliseconds, low, high; /* of a step: median, and what 10 % and 90 % of the timings stay below */
    double samples_per_s, gflops;
    bool has_range;     /* low and high are known */
    size_t net, system; /* indices in the table */
    size_t order;       /* in which rows were added; of bench_table_sort */
};

struct bench_table {
    struct bench_row *rows;
    size_t count;
    struct table_net *nets;
    size_t net_count;
    struct bench_system *systems;
    size_t system_count;
};

void bench_table_free(struct bench_table *table);

/* Adds a row, which the table takes; `json` is checked first, because it may come from a file. Its system and
 * net are added if they are new. CLM_ERROR_FORMAT, with a sentence that begins with "ms_per_step" or another
 * key, if it is no row of a benchmark. */
CLM_MUST_CHECK clm_status bench_table_add(struct bench_table *table, json_t *json, struct clm_error *error);

/* Adds a system that will have rows, whose objects have the same keys as `about`, which must stay. */
CLM_MUST_CHECK clm_status bench_table_add_system(struct bench_table *table, json_t *about,
                                                 struct clm_error *error);

/* Adds the rows of a file that `bench --json` has written. The sentence of a failure names file and row. */
CLM_MUST_CHECK clm_status bench_table_read(struct bench_table *table, const char *path,
                                           struct clm_error *error);

/* Sorts rows by net, batch and system; of rows that measured the same, only the last one is kept. Returns how
 * many were dropped. */
size_t bench_table_sort(struct bench_table *table);

/* Whether two systems have different values of the key. */
bool bench_table_differs(const struct bench_table *table, const char *key);

/* Gives nets and systems their texts, keys and names. */
void bench_table_name(struct bench_table *table);

/* How many times as fast as blas a row is, on its host at the same net and batch; 0 if that is unknown. */
double bench_against_blas(const struct bench_table *table, const struct bench_row *row);

/* ---- how rows are shown ---- */

enum bench_format { BENCH_TABLE, BENCH_MARKDOWN, BENCH_CSV, BENCH_JSON };

/* Before the first row, each row, and after the last one. Rows must be added and named before. */
void bench_write_begin(FILE *out, enum bench_format format, const struct bench_table *table);
void bench_write_row(FILE *out, enum bench_format format, const struct bench_table *table, size_t row);
void bench_write_end(FILE *out, enum bench_format format, const struct bench_table *table);

/* Prints words from column `column` on, in lines of 79 columns that begin at column `indent`. */
void bench_print_words(FILE *out, const char *words, size_t column, size_t indent);

/* All of it. */
void bench_write(FILE *out, enum bench_format format, const struct bench_table *table);

/* Prints which system is the fastest at which batch, where the ranges of the timings leave no doubt. */
void bench_write_verdicts(FILE *out, enum bench_format format, const struct bench_table *table);

/* Draws all rows, which must be sorted. */
CLM_MUST_CHECK clm_status bench_draw(const struct bench_table *table, const char *path,
                                     struct clm_error *error);

/* ---- what is measured ---- */

/* A backend that is going to be measured, open. */
struct bench_subject {
    struct clm_backend *backend;
    json_t *about; /* the keys of its rows that say what it is */
    bool is_named; /* the user has named it, so that a failure is one of the command */
    double gflops; /* of its last row, or a guess; 0 if it is not known yet */
};

struct bench_plan {
    struct sizes *nets;
    size_t net_count;
    struct sizes batches;
    struct bench_subject *subjects;
    size_t subject_count;
    struct host_machine machine;
    struct clm_bench_options options; /* of each row, without net and batch */
};

/* Opens all backends that the command line asks for, and checks that they can take all nets and batches. If
 * something that the user has named cannot be had, that is a failure; of all else that is missing a remark
 * tells. *out must be given to bench_plan_free even after a failure. */
CLM_MUST_CHECK clm_status bench_plan_make(struct invocation *in, struct bench_plan *out,
                                          struct clm_error *error);
void bench_plan_free(struct bench_plan *plan);

/* A row of the plan, by numbers. Rows of the same net and batch follow each other, so that systems are
 * compared under the same conditions. */
struct bench_place {
    size_t net, batch, subject;
};
size_t bench_plan_rows(const struct bench_plan *plan);
struct bench_place bench_plan_place(const struct bench_plan *plan, size_t row);
struct clm_bench_options bench_plan_options(const struct bench_plan *plan, size_t row);

/* About how many seconds a row takes. */
double bench_plan_seconds(const struct bench_plan *plan, size_t row);

/* About how many seconds a step takes, by what is known of its system; 0 if nothing is. */
double bench_step_seconds(const struct bench_plan *plan, size_t row);

#define BENCH_STEP_SECONDS_MOST 20.0

/* Whether the row is not measured: because a step would take more than that, or because there is no memory
 * for it; neither if the user has named the backend. */
bool bench_plan_leaves_out(const struct bench_plan *plan, size_t row);

#endif
