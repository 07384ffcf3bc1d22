/* The files of a search: search.json, from which it goes on, trials.csv and best.conf. */
#include "cli/search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_RECORD "search.json"
#define NAME_LOCK   ".lock"

static void path_in(const struct search_file *file, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.3800s/%s", file->folder, name);
}

static clm_status fail_files(struct clm_error *error)
{
    return fail(error, CLM_ERROR_MEMORY, "the host has no memory for the files of the search");
}

/* ---- reading ---- */

static clm_status fail_damaged(const char *path, const char *what, struct clm_error *error)
{
    return fail(error, CLM_ERROR_FORMAT,
                "%s: %s, so that the search cannot go on from it; remove it, or take another --out", path,
                what);
}

/* The number of a whole value from `least` to `most`; SIZE_MAX if it is none. */
static size_t whole_number(const json_t *object, const char *key, size_t least, size_t most)
{
    const json_t *const value = json_object_get(object, key);
    const json_int_t number = json_integer_value(value);
    return json_is_integer(value) && number >= 0 && (uintmax_t)number >= least && (uintmax_t)number <= most
               ? (size_t)number
               : SIZE_MAX;
}

static clm_status read_trial(const json_t *json, const struct search_space *space, const char *path,
                             struct search_record *record, struct clm_error *error)
{
    struct search_values *const more =
        realloc(record->trials, (record->trial_count + 1) * sizeof *record->trials);
    if (!more)
        return fail_files(error);
    record->trials = more;
    struct search_values *const values = &more[record->trial_count];
    *values = (struct search_values){{NULL}};
    record->trial_count++; /* search_record_free frees it */
    for (size_t d = 0; d < space->count; d++) {
        const json_t *const value = json_object_get(json, space->dimensions[d].setting->name);
        if (!json_is_string(value) || !*json_string_value(value))
            return fail_damaged(path, "a trial lacks a value of --over", error);
        if (!(values->of[d] = strdup(json_string_value(value))))
            return fail_files(error);
    }
    return CLM_OK;
}

static clm_status read_run(const json_t *json, const char *path, struct search_record *record,
                           struct clm_error *error)
{
    struct search_run run = {.trial = whole_number(json, "trial", 1, record->trial_count),
                             .epochs = whole_number(json, "epochs", 1, INT32_MAX)};
    const json_t *const loss = json_object_get(json, "val_loss"),
                        *const accuracy = json_object_get(json, search_score_name(record)),
                        *const seconds = json_object_get(json, "seconds"),
                        *const why = json_object_get(json, "failed");
    if (run.trial-- == SIZE_MAX || run.epochs == SIZE_MAX || !json_is_number(seconds))
        return fail_damaged(path, "a run lacks its trial, its epochs or its seconds", error);
    run.has_failed = json_is_string(why);
    if (!run.has_failed && (!json_is_number(loss) || !json_is_number(accuracy)))
        return fail_damaged(path, "a run lacks its loss or its accuracy", error);
    run.loss = json_number_value(loss);
    run.accuracy = json_number_value(accuracy);
    run.seconds = json_number_value(seconds);
    snprintf(run.why, sizeof run.why, "%s", run.has_failed ? json_string_value(why) : "");
    return search_record_add(record, &run, error);
}

static clm_status fail_other(const char *path, const char *key, const json_t *was, const json_t *is,
                             struct clm_error *error)
{
    const char *const before = json_string_value(was), *const now = json_string_value(is);
    return fail(error, CLM_ERROR_ARGUMENT,
                "%s: the search was begun with %s %s, not with %s; ask for the same, or take another --out",
                path, key, before ? printable(before).text : "unset", now ? printable(now).text : "unset");
}

/* Refuses to go on from a search for which something else was asked. */
static clm_status compare_about(const struct search_file *file, json_t *theirs, const char *path,
                                struct clm_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(theirs, key, value)
    {
        const json_t *const own = json_object_get(file->about, key);
        if (!json_equal(value, own))
            return fail_other(path, key, value, own, error);
    }
    json_object_foreach(file->about, key, value)
    {
        if (!json_object_get(theirs, key))
            return fail_other(path, key, NULL, value, error);
    }
    return CLM_OK;
}

static clm_status read_search(const struct search_file *file, const struct search_space *space,
                              const json_t *json, const char *path, struct search_record *record,
                              struct clm_error *error)
{
    json_t *const about = json_object_get(json, "about");
    const json_t *const trials = json_object_get(json, "trials"), *const runs = json_object_get(json, "runs");
    if (!json_is_object(about) || !json_is_array(trials) || !json_is_array(runs) ||
        json_array_size(trials) > SEARCH_TRIALS_MOST)
        return fail_damaged(path, "it is not the record of a search", error);
    clm_status status = compare_about(file, about, path, error);
    for (size_t t = 0; status == CLM_OK && t < json_array_size(trials); t++)
        status = read_trial(json_array_get(trials, t), space, path, record, error);
    for (size_t r = 0; status == CLM_OK && r < json_array_size(runs); r++)
        status = read_run(json_array_get(runs, r), path, record, error);
    return status;
}

/* Only one search at a time may write to the folder. */
static clm_status lock_folder(struct search_file *file, struct clm_error *error)
{
    char path[PATH_MAX];
    path_in(file, NAME_LOCK, path);
    file->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file->lock < 0)
        return fail(error, CLM_ERROR_IO, "%s cannot be made: %s", path, strerror(errno));
    if (flock(file->lock, LOCK_EX | LOCK_NB))
        return fail(error, CLM_ERROR_IO, "--out %s: another search writes to it (%s); take another --out",
                    file->folder, strerror(errno));
    return CLM_OK;
}

/* Of a folder with nothing but the lock; a search that was killed at its start leaves one. */
static int is_other_file(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
           strcmp(entry->d_name, NAME_LOCK) != 0;
}

/* A folder without a search must have no other files: it may be anything. */
static clm_status check_is_empty(const struct search_file *file, struct clm_error *error)
{
    struct dirent **names = NULL;
    const int count = scandir(file->folder, &names, is_other_file, alphasort);
    if (count < 0)
        return fail(error, CLM_ERROR_IO, "--out %s cannot be read: %s", file->folder, strerror(errno));
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return count ? fail(error, CLM_ERROR_ARGUMENT,
                        "--out %s holds no search, and is not empty; take another --out", file->folder)
                 : CLM_OK;
}

clm_status search_file_open(struct search_file *file, const struct search_space *space,
                            struct search_record *record, struct clm_error *error)
{
    char path[PATH_MAX];
    if (!file->folder)
        return CLM_OK;
    path_in(file, NAME_RECORD, path);
    if (mkdir(file->folder, 0777) && errno != EEXIST)
        return fail(error, CLM_ERROR_IO, "--out %s cannot be made: %s", file->folder, strerror(errno));
    clm_status status = lock_folder(file, error);
    if (status != CLM_OK)
        return status;
    if (access(path, F_OK))
        return check_is_empty(file, error);
    json_t *json;
    struct clm_error why;
    status = read_json(path, &json, &why);
    if (status == CLM_ERROR_FORMAT)
        return fail_damaged(why.message, "it is damaged", error);
    if (status != CLM_OK)
        return fail(error, status, "%s", why.message);
    status = read_search(file, space, json, path, record, error);
    json_decref(json);
    return status;
}

void search_file_close(struct search_file *file)
{
    char path[PATH_MAX];
    if (file->lock >= 0) {
        path_in(file, NAME_LOCK, path);
        unlink(path);
        close(file->lock);
    }
    json_decref(file->about);
    *file = (struct search_file){.lock = -1};
}

/* ---- writing ---- */

static json_t *describe_trial(const struct search_space *space, const struct search_values *values)
{
    json_t *const object = json_object();
    for (size_t d = 0; d < space->count; d++)
        json_object_put(object, space->dimensions[d].setting->name, json_text(values->of[d]));
    return object;
}

static json_t *describe_run(const struct search_record *record, const struct search_run *run)
{
    return json_pack("{sI sI so so sf so}", "trial", (json_int_t)run->trial + 1, "epochs",
                     (json_int_t)run->epochs, "val_loss",
                     run->has_failed ? json_null() : json_number(run->loss), search_score_name(record),
                     run->has_failed ? json_null() : json_number(run->accuracy), "seconds", run->seconds,
                     "failed", run->has_failed ? json_text(run->why) : json_null());
}

static clm_status write_record(const struct search_file *file, const struct search_space *space,
                               const struct search_record *record, struct clm_error *error)
{
    json_t *const trials = json_array(), *const runs = json_array();
    char path[PATH_MAX];
    for (size_t t = 0; t < record->trial_count; t++)
        json_list_add(trials, describe_trial(space, &record->trials[t]));
    for (size_t r = 0; r < record->run_count; r++)
        json_list_add(runs, describe_run(record, &record->runs[r]));
    json_t *const json = json_pack("{ss ss sO so so}", "program", "clmlp", "version", clm_version(), "about",
                                   file->about, "trials", trials, "runs", runs);
    char *const text = json && json_is_whole() ? json_dumps(json, JSON_INDENT(1)) : NULL;
    path_in(file, NAME_RECORD, path);
    const clm_status status = text ? clm_write_file(path, text, strlen(text), error) : fail_files(error);
    free(text);
    json_decref(json);
    return status;
}

/* In quotes if it has a comma or a quote. */
static void write_field(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\n")) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void write_trials_csv(FILE *out, const struct search_space *space, const struct search_record *record)
{
    fputs("trial,epochs", out);
    for (size_t d = 0; d < space->count; d++)
        fprintf(out, ",%s", space->dimensions[d].setting->name);
    fprintf(out, ",val_loss,%s,seconds,failed\n", search_score_name(record));
    for (size_t r = 0; r < record->run_count; r++) {
        const struct search_run *const run = &record->runs[r];
        fprintf(out, "%zu,%zu", run->trial + 1, run->epochs);
        for (size_t d = 0; d < space->count; d++) {
            putc(',', out);
            write_field(out, record->trials[run->trial].of[d]);
        }
        if (run->has_failed)
            fprintf(out, ",,,%.3f,", run->seconds);
        else
            fprintf(out, ",%.9g,%.9g,%.3f,", run->loss, run->accuracy, run->seconds);
        write_field(out, run->why);
        putc('\n', out);
    }
}

/* For train --config: all settings that make the best trial again. */
static void write_best(FILE *out, const struct clm_settings *settings, const struct search_record *record,
                       const struct search_run *run)
{
    const struct clm_setting *setting;
    fprintf(out, "# trial %zu: validation loss %.6g, ", run->trial + 1, run->loss);
    if (record->is_regression)
        fprintf(out, "R2 %.5f\n", run->accuracy);
    else
        fprintf(out, "accuracy %.2f %%\n", 100 * run->accuracy);
    for (size_t i = 0; (setting = clm_setting_at("train", i)); i++)
        if (clm_settings_is_set(settings, setting->name))
            fprintf(out, "%s = \"%s\"\n", setting->name, clm_settings_text(settings, setting->name));
}

/* Writes the text of a memory stream, which it closes, to a file of the folder. */
static clm_status write_stream(const struct search_file *file, const char *name, FILE *stream, char **text,
                               const size_t *size, struct clm_error *error)
{
    char path[PATH_MAX];
    const bool is_bad = !stream || ferror(stream);
    const bool is_whole = !(stream && fclose(stream)) && !is_bad;
    path_in(file, name, path);
    const clm_status status = is_whole ? clm_write_file(path, *text, *size, error) : fail_files(error);
    free(*text);
    *text = NULL;
    return status;
}

/* The record comes first: from it a search that is killed now goes on, and writes the others anew. */
clm_status search_file_write(const struct search_file *file, const struct search_space *space,
                             const struct search_record *record, const struct search_run *best,
                             const struct clm_settings *best_settings, struct clm_error *error)
{
    char *text = NULL;
    size_t size = 0;
    if (!file->folder)
        return CLM_OK;
    clm_status status = write_record(file, space, record, error);
    if (status != CLM_OK)
        return status;
    FILE *stream = open_memstream(&text, &size);
    if (stream)
        write_trials_csv(stream, space, record);
    status = write_stream(file, "trials.csv", stream, &text, &size, error);
    if (status != CLM_OK || !best)
        return status;
    stream = open_memstream(&text, &size);
    if (stream)
        write_best(stream, best_settings, record, best);
    return write_stream(file, "best.conf", stream, &text, &size, error);
}
