/* Which system is the fastest at which batch. That is said only if its timings and those of each other system
 * do not overlap between their 10th and 90th percentiles. */
#include "cli/bench.h"

#include <math.h>
#include <string.h>

/* Of consecutive batches of a net, as long as it is the same. */
struct bench_verdict {
    size_t first, last; /* batches */
    size_t best;        /* system */
    bool is_certain;
    char words[256];    /* "opencl A is the fastest" */
    double least, most; /* how many times as fast as the next; if it is certain */
};

/* ---- one batch ---- */

static bool is_of(const struct bench_row *row, size_t net, size_t batch)
{
    return row->net == net && row->batch == batch && row->milliseconds > 0;
}

static bool is_clearly_slower(const struct bench_row *row, const struct bench_row *best)
{
    return row->has_range && best->has_range && row->low > best->high;
}

/* Whether a system may be the fastest at the batch of `best`. Adds to *is_range_missing. */
static bool is_rival(const struct bench_table *table, size_t system, const struct bench_row *best,
                     bool *is_range_missing)
{
    for (size_t r = 0; r < table->count; r++) {
        const struct bench_row *const row = &table->rows[r];
        if (row->system != system || !is_of(row, best->net, best->batch))
            continue;
        *is_range_missing = *is_range_missing || !row->has_range;
        return row == best || !is_clearly_slower(row, best);
    }
    return false;
}

/* "not certain: the ranges of blas, opencl A and opencl B overlap" */
static void doubt(const struct bench_table *table, const struct bench_row *best, struct bench_verdict *out)
{
    enum { SHOWN = 8 };
    const char *keys[SHOWN];
    size_t count = 0, used = 0;
    bool is_range_missing = !best->has_range;
    for (size_t s = 0; s < table->system_count && count < SHOWN; s++)
        if (is_rival(table, s, best, &is_range_missing))
            keys[count++] = table->systems[s].key;
    used = (size_t)snprintf(out->words, sizeof out->words, "not certain: the ranges of ");
    for (size_t k = 0; k < count; k++)
        used += (size_t)snprintf(out->words + used, sizeof out->words - used, "%s%s",
                                 !k              ? ""
                                 : k + 1 < count ? ", "
                                                 : " and ",
                                 keys[k]);
    snprintf(out->words + used, sizeof out->words - used, " overlap%s",
             is_range_missing ? ", or are not known" : "");
}

/* False if fewer than two systems were measured at this batch. */
static bool judge_batch(const struct bench_table *table, size_t net, size_t batch, struct bench_verdict *out)
{
    const struct bench_row *best = NULL;
    double next = INFINITY;
    *out = (struct bench_verdict){.first = batch, .last = batch, .is_certain = true};
    for (size_t r = 0; r < table->count; r++)
        if (is_of(&table->rows[r], net, batch) && (!best || table->rows[r].milliseconds < best->milliseconds))
            best = &table->rows[r];
    for (size_t r = 0; best && r < table->count; r++) {
        const struct bench_row *const row = &table->rows[r];
        if (row == best || !is_of(row, net, batch))
            continue;
        next = fmin(next, row->milliseconds);
        out->is_certain = out->is_certain && is_clearly_slower(row, best);
    }
    if (!best || next == INFINITY)
        return false;
    out->best = best->system;
    out->least = out->most = next / best->milliseconds;
    if (out->is_certain)
        snprintf(out->words, sizeof out->words, "%s is the fastest", table->systems[best->system].key);
    else
        doubt(table, best, out);
    return true;
}

/* ---- all of them ---- */

static size_t batch_after(const struct bench_table *table, size_t net, size_t before)
{
    size_t next = 0;
    for (size_t r = 0; r < table->count; r++)
        if (table->rows[r].net == net && table->rows[r].batch > before &&
            (!next || table->rows[r].batch < next))
            next = table->rows[r].batch;
    return next;
}

/* A line about some batches, or several lines of 80 columns. */
static void print_batches(FILE *out, enum bench_format format, const char *about, const char *words)
{
    enum { INDENT = 22 };
    if (format == BENCH_MARKDOWN) {
        fprintf(out, "- %s: %s\n", about, words);
        return;
    }
    fprintf(out, "  %-*s", INDENT - 2, about);
    bench_print_words(out, words, strlen(about) + 2 < INDENT ? INDENT : strlen(about) + 2, INDENT);
}

static void print_verdict(FILE *out, enum bench_format format, const struct bench_verdict *verdict)
{
    char batches[64], words[sizeof verdict->words + 64];
    if (verdict->first == verdict->last)
        snprintf(batches, sizeof batches, "batch %zu", verdict->first);
    else
        snprintf(batches, sizeof batches, "batch %zu to %zu", verdict->first, verdict->last);
    if (!verdict->is_certain)
        snprintf(words, sizeof words, "%s", verdict->words);
    else if (verdict->most - verdict->least < 0.005)
        snprintf(words, sizeof words, "%s, %.2f times the next", verdict->words, verdict->least);
    else
        snprintf(words, sizeof words, "%s, %.2f to %.2f times the next", verdict->words, verdict->least,
                 verdict->most);
    print_batches(out, format, batches, words);
}

static void print_crossover(FILE *out, enum bench_format format, const struct bench_table *table,
                            const struct bench_verdict *before, const struct bench_verdict *after)
{
    char words[160];
    snprintf(words, sizeof words, "%s overtakes %s between batch %zu and batch %zu",
             table->systems[after->best].key, table->systems[before->best].key, before->last, after->first);
    print_batches(out, format, "crossover", words);
}

static void print_verdicts_of(FILE *out, enum bench_format format, const struct bench_table *table,
                              size_t net)
{
    struct bench_verdict running, now, certain = {.is_certain = false};
    bool has_running = false;
    for (size_t batch = 0; (batch = batch_after(table, net, batch));) {
        if (!judge_batch(table, net, batch, &now))
            continue;
        if (!has_running)
            fprintf(out, "\n%s%s\n", table->nets[net].text, format == BENCH_MARKDOWN ? "\n" : "");
        if (has_running && !strcmp(now.words, running.words)) {
            now.first = running.first;
            now.least = fmin(now.least, running.least);
            now.most = fmax(now.most, running.most);
        } else if (has_running) {
            print_verdict(out, format, &running);
        }
        if (now.is_certain && certain.is_certain && now.best != certain.best)
            print_crossover(out, format, table, &certain, &now);
        certain = now.is_certain ? now : certain;
        running = now;
        has_running = true;
    }
    if (has_running)
        print_verdict(out, format, &running);
}

void bench_write_verdicts(FILE *out, enum bench_format format, const struct bench_table *table)
{
    for (size_t n = 0; n < table->net_count && (format == BENCH_TABLE || format == BENCH_MARKDOWN); n++)
        print_verdicts_of(out, format, table, n);
}
