#include "train/checkpoint.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/size.h"
#include "base/stop.h"
#include "data/data.h"
#include "train/ensemble.h"
#include "tune/choices.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT_NAME "clmlp checkpoint 1"

/* ---- what is compared ---- */

/* (hash ^ word) times an odd number is one to one: no change of a single word goes unseen. */
static uint64_t hash_words(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t word;
    for (; size >= sizeof word; size -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return hash_add(hash, at, size);
}

static uint64_t add_rows_of(uint64_t hash, const struct clm_data *data, const struct rows *rows)
{
    const size_t together = size_max(1, ((size_t)1 << 20) / data_row_bytes(data));
    hash = hash_words(hash, &rows->count, sizeof rows->count);
    if (!rows->count)
        return hash;
    for (size_t first = 0; first < rows->count; first += together) {
        const size_t count = size_min(together, rows->count - first);
        hash = hash_words(hash, data_row(data, rows, first), count * data_row_bytes(data));
        data_forget(data, rows, first, count);
    }
    hash = hash_words(hash, rows->labels, rows->count * sizeof *rows->labels);
    if (rows->weights)
        hash = hash_words(hash, rows->weights, rows->count * sizeof *rows->weights);
    if (rows->targets)
        hash = hash_words(hash, rows->targets, rows->count * data->target_count * sizeof *rows->targets);
    return hash;
}

/* Of the rows that training looks at, and of how the net takes them. Test rows may be others. */
static uint64_t fingerprint_of(const struct training *t)
{
    const struct clm_model *const model = t->ensemble->model;
    const size_t features = t->data->features, targets = t->data->target_count;
    const size_t sizes[] = {features, t->data->classes, targets, t->data->element};
    uint64_t hash = hash_words(HASH_START, sizes, sizeof sizes);
    hash = add_rows_of(hash, t->data, &t->data->train);
    hash = add_rows_of(hash, t->data, &t->data->validation);
    hash = hash_words(hash, model->mean, features * sizeof *model->mean);
    hash = hash_words(hash, model->scale, features * sizeof *model->scale);
    if (!targets)
        return hash;
    hash = hash_words(hash, model->target_mean, targets * sizeof *model->target_mean);
    return hash_words(hash, model->target_deviation, targets * sizeof *model->target_deviation);
}

static uint64_t fingerprint(struct training *t)
{
    if (!t->checkpoints.has_fingerprint)
        t->checkpoints.fingerprint = fingerprint_of(t);
    t->checkpoints.has_fingerprint = true;
    return t->checkpoints.fingerprint;
}

/* Device, driver, program and kernels, as text; NULL if there is no memory. */
static json_t *identity_of(const struct training *t)
{
    const struct clm_device *const device = clm_backend_about(t->be);
    return device ? choices_key(device)
                  : json_pack("{ss ss}", "device", t->be->device, "program", clm_version());
}

static json_t *assigned_products(const struct training *t)
{
    json_t *const list = json_array();
    struct assignment entry;
    for (size_t i = 0; list && provider_assigned(t->be, i, &entry); i++)
        if (json_array_append_new(list,
                                  json_pack("[i I I I s]", (int)entry.key.product, (json_int_t)entry.key.B,
                                            (json_int_t)entry.key.I, (json_int_t)entry.key.O,
                                            provider_name(t->be, entry.provider)))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* ---- numbers in tensors ---- */

/* The figures of an epoch, as doubles. */
enum { EPOCH_FIGURES = 18 };

static void list_epoch(struct clm_epoch *epoch, double *figures[EPOCH_FIGURES - 4])
{
    double *const all[] = {
        &epoch->learning_rate,    &epoch->train_loss,          &epoch->train_accuracy,
        &epoch->validation_loss,  &epoch->validation_accuracy, &epoch->seconds,
        &epoch->samples_per_s,    &epoch->train_score_loss,    &epoch->train_score_accuracy,
        &epoch->validation_rmse,  &epoch->validation_mae,      &epoch->validation_r2,
        &epoch->train_score_rmse, &epoch->train_score_mae};
    memcpy(figures, all, sizeof all);
}

static void epoch_to_doubles(const struct clm_epoch *epoch, double *out)
{
    struct clm_epoch copy = *epoch;
    double *figures[EPOCH_FIGURES - 4];
    list_epoch(&copy, figures);
    out[0] = (double)epoch->epoch;
    out[1] = (double)epoch->has_validation;
    out[2] = (double)epoch->has_train_score;
    out[3] = epoch->train_score_r2;
    for (size_t i = 4; i < EPOCH_FIGURES; i++)
        out[i] = *figures[i - 4];
}

static struct clm_epoch epoch_of_doubles(const double *in)
{
    struct clm_epoch epoch = {.epoch = (size_t)in[0],
                              .has_validation = in[1] != 0,
                              .has_train_score = in[2] != 0,
                              .train_score_r2 = in[3],
                              .net = 1};
    double *figures[EPOCH_FIGURES - 4];
    list_epoch(&epoch, figures);
    for (size_t i = 4; i < EPOCH_FIGURES; i++)
        *figures[i - 4] = in[i];
    return epoch;
}

/* struct course as it changes: what is no number of a setting. Seconds are of the run so far. */
enum { COURSE_FIGURES = 9 };

static void course_to_doubles(const struct training *t, double epoch_seconds, double *out)
{
    const struct course *const c = &t->course;
    const double figures[COURSE_FIGURES] = {clock_seconds() - c->began,
                                            c->longest,
                                            c->best,
                                            (double)c->best_epoch,
                                            (double)c->waited,
                                            c->plateau.best,
                                            c->plateau.scale,
                                            (double)c->plateau.waited,
                                            epoch_seconds};
    memcpy(out, figures, sizeof figures);
}

static void course_of_doubles(struct training *t, const double *in)
{
    struct course *const c = &t->course;
    c->began = clock_seconds() - in[0];
    c->longest = in[1];
    c->best = in[2];
    c->best_epoch = (size_t)in[3];
    c->waited = (size_t)in[4];
    c->plateau = (struct plateau){.best = in[5], .scale = in[6], .waited = (size_t)in[7]};
    t->checkpoints.epoch_seconds = in[8];
}

/* ---- a checkpoint that is made ---- */

/* The tensors of a checkpoint; names and values are its own. */
struct snapshot {
    struct safetensor *tensors;
    size_t count;
};

static void snapshot_free(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        free(snapshot->tensors[i].name);
        free(snapshot->tensors[i].values);
        free(snapshot->tensors[i].doubles);
    }
    free(snapshot->tensors);
    *snapshot = (struct snapshot){0};
}

/* Adds a tensor without values yet, for which there is room in the list. */
static struct safetensor *add_tensor(struct snapshot *snapshot, const char *name, size_t rows, size_t columns,
                                     bool is_double, struct clm_error *error)
{
    struct safetensor *const out = &snapshot->tensors[snapshot->count];
    const size_t count = rows * columns, size = is_double ? sizeof(double) : sizeof(float);
    void *const values = malloc(size_max(count, 1) * size);
    *out = (struct safetensor){
        .name = strdup(name), .dimension_count = 2, .shape = {rows, columns}, .count = count};
    if (is_double)
        out->doubles = values;
    else
        out->values = values;
    snapshot->count++;
    if (out->name && values)
        return out;
    (void)clm_fail_host_memory(error, "a checkpoint", count * size);
    return NULL;
}

static clm_status add_from_backend(struct snapshot *snapshot, struct clm_backend *be, const char *name,
                                   const struct tensor *from, struct clm_error *error)
{
    const bool is_double = backend_is_double(be);
    struct safetensor *const out = add_tensor(snapshot, name, from->rows, from->columns, is_double, error);
    if (!out)
        return CLM_ERROR_MEMORY;
    return backend_read(be, from, is_double ? HOST_DOUBLE : HOST_FLOAT,
                        is_double ? (void *)out->doubles : out->values, error);
}

/* Whether the model has parameters that stop-after would keep. */
static bool has_best(const struct training *t)
{
    return t->course.stop_after && t->course.best_epoch;
}

static clm_status add_best(struct snapshot *snapshot, const struct clm_model *model, struct clm_error *error)
{
    char name[PARAMETER_NAME_MAX + 8];
    for (size_t i = 0; i < model_net_tensors(model); i++) {
        const struct parameter_spec *const spec = &model->specs[i];
        snprintf(name, sizeof name, "best.%s", spec->name);
        struct safetensor *const out =
            add_tensor(snapshot, name, spec->rows, size_max(spec->columns, 1), false, error);
        if (!out)
            return CLM_ERROR_MEMORY;
        memcpy(out->values, model->values[i], out->count * sizeof *out->values);
    }
    return CLM_OK;
}

static clm_status add_history(struct snapshot *snapshot, const struct training *t, double epoch_seconds,
                              struct clm_error *error)
{
    struct safetensor *out = add_tensor(snapshot, "epochs", t->epoch_count, EPOCH_FIGURES, true, error);
    if (!out)
        return CLM_ERROR_MEMORY;
    for (size_t e = 0; e < t->epoch_count; e++)
        epoch_to_doubles(&t->epochs[e], out->doubles + e * EPOCH_FIGURES);
    out = add_tensor(snapshot, "course", 1, COURSE_FIGURES, true, error);
    if (!out)
        return CLM_ERROR_MEMORY;
    course_to_doubles(t, epoch_seconds, out->doubles);
    return CLM_OK;
}

static clm_status take_snapshot(const struct training *t, const struct clm_model *model, size_t next_rows,
                                double epoch_seconds, struct snapshot *out, struct clm_error *error)
{
    enum { OTHERS = 3 };
    const size_t states = network_list_state(&t->net, next_rows, NULL),
                 room = states + model_net_tensors(model) + OTHERS;
    struct state_tensor *const list = calloc(states + 1, sizeof *list);
    *out = (struct snapshot){.tensors = calloc(room, sizeof *out->tensors)};
    clm_status status =
        list && out->tensors ? CLM_OK : clm_fail_host_memory(error, "a checkpoint", room * sizeof *list);
    if (status == CLM_OK)
        network_list_state(&t->net, next_rows, list);
    for (size_t i = 0; status == CLM_OK && i < states; i++)
        status = add_from_backend(out, t->be, list[i].name, &list[i].tensor, error);
    if (status == CLM_OK)
        status = add_from_backend(out, t->be, "sums", &t->sums.state, error);
    if (status == CLM_OK && has_best(t))
        status = add_best(out, model, error);
    if (status == CLM_OK)
        status = add_history(out, t, epoch_seconds, error);
    free(list);
    return status;
}

/* All settings of train, as text, or null without a value; false if memory runs out. */
static bool put_settings(json_t *values, json_t *names, const struct clm_settings *settings)
{
    const struct clm_setting *setting;
    for (size_t i = 0; (setting = clm_setting_at("train", i)); i++) {
        const char *const text = clm_settings_text(settings, setting->name);
        if (json_object_set_new(values, setting->name, text ? json_string(text) : json_null()))
            return false;
        if (clm_settings_is_set(settings, setting->name) &&
            json_array_append_new(names, json_string(setting->name)))
            return false;
    }
    return true;
}

static json_t *settings_about(const struct clm_settings *settings)
{
    json_t *const values = json_object(), *const names = json_array();
    if (put_settings(values, names, settings))
        return json_pack("{so so}", "values", values, "set", names);
    json_decref(values);
    json_decref(names);
    return NULL;
}

/* Puts a value into an object as text; false if memory runs out. */
static bool put_as_text(json_t *object, const char *name, json_t *value)
{
    char *const text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    const bool is_put = text && json_object_set_new(object, name, json_string(text)) == 0;
    free(text);
    json_decref(value);
    return is_put;
}

static json_t *checkpoint_metadata(struct training *t, size_t position, size_t next_rows)
{
    char print[24];
    json_t *const metadata = json_pack("{ss}", "format", FORMAT_NAME);
    snprintf(print, sizeof print, "%016" PRIx64, fingerprint(t));
    if (metadata && put_as_text(metadata, "settings", settings_about(t->ensemble->settings)) &&
        put_as_text(metadata, "identity", identity_of(t)) &&
        put_as_text(metadata, "products", assigned_products(t)) &&
        put_as_text(metadata, "run",
                    json_pack("{sI sI sI sI sI ss}", "epochs", (json_int_t)t->epoch_count, "rows",
                              (json_int_t)position, "next_rows",
                              (json_int_t)(t->net.is_ahead ? next_rows : 0), "part",
                              (json_int_t)t->split.part, "shard", (json_int_t)t->residency.shard, "data",
                              print)))
        return metadata;
    json_decref(metadata);
    return NULL;
}

static void note_of_run(const struct training *t, const char *sentence)
{
    if (t->be->on_note)
        t->be->on_note(t->be->note_user, sentence);
}

/* Writes the files; a failure is noted. `number`: of the last step. */
static bool write_snapshot(struct training *t, const struct snapshot *snapshot, const json_t *metadata,
                           const char *name)
{
    struct clm_error error = {0};
    char sentence[sizeof error.message + 128];
    char *const path = path_join(t->checkpoints.directory, name);
    const clm_status status =
        path ? safetensors_write(path, snapshot->tensors, snapshot->count, metadata, &error)
             : clm_fail_host_memory(&error, name, strlen(name));
    if (status != CLM_OK) {
        snprintf(sentence, sizeof sentence, "the checkpoint was not written, and training goes on: %s",
                 error.message);
        note_of_run(t, sentence);
    }
    free(path);
    return status == CLM_OK;
}

/* ---- which files stay ---- */

#define NUMBERED "checkpoint-%zu.safetensors"
#define BEST     "checkpoint-best.safetensors"

/* The number in the name of a numbered checkpoint; SIZE_MAX if it is none. */
static size_t number_in_name(const char *name)
{
    size_t number;
    char again[64];
    if (sscanf(name, "checkpoint-%19zu", &number) != 1)
        return SIZE_MAX;
    snprintf(again, sizeof again, NUMBERED, number);
    return strcmp(name, again) ? SIZE_MAX : number;
}

static int is_numbered(const struct dirent *entry)
{
    return number_in_name(entry->d_name) != SIZE_MAX;
}

static int by_number_in_name(const void *a, const void *b)
{
    const size_t left = number_in_name(path_name(*(char *const *)a)),
                 right = number_in_name(path_name(*(char *const *)b));
    return (left > right) - (left < right);
}

/* Removes all numbered checkpoints but the last `kept`. */
static void drop_old(const struct checkpoints *checkpoints)
{
    struct clm_error unused;
    struct listing all;
    if (listing_read(checkpoints->directory, is_numbered, &all, &unused) != CLM_OK)
        return;
    qsort(all.paths, all.count, sizeof *all.paths, by_number_in_name);
    for (size_t i = 0; i + checkpoints->kept < all.count; i++)
        unlink(all.paths[i]);
    listing_free(&all);
}

static void write_checkpoint_files(struct training *t, const struct snapshot *snapshot,
                                   const json_t *metadata, size_t step, bool is_best)
{
    struct checkpoints *const c = &t->checkpoints;
    char name[64];
    c->is_written = write_snapshot(t, snapshot, metadata, CHECKPOINT);
    c->is_there = c->is_there || c->is_written;
    if (!c->is_written || !c->kept)
        return;
    snprintf(name, sizeof name, NUMBERED, step);
    if (write_snapshot(t, snapshot, metadata, name))
        drop_old(c);
    if (is_best)
        (void)write_snapshot(t, snapshot, metadata, BEST);
}

/* The number of the last step. */
static size_t step_number(const struct training *t, size_t position)
{
    return t->epoch_count * t->course.schedule.epoch_steps + divide_up(position, t->split.step_rows);
}

static void write_checkpoint(struct training *t, const struct clm_model *model, size_t position,
                             size_t next_rows, double epoch_seconds, bool is_best)
{
    struct clm_error error = {0};
    struct snapshot snapshot;
    json_t *const metadata = checkpoint_metadata(t, position, next_rows);
    clm_status status = take_snapshot(t, model, next_rows, epoch_seconds, &snapshot, &error);
    t->checkpoints.is_written = false;
    if (status == CLM_OK && !metadata)
        status = clm_fail_host_memory(&error, CHECKPOINT, 0);
    if (status == CLM_OK)
        write_checkpoint_files(t, &snapshot, metadata, step_number(t, position), is_best);
    else {
        char sentence[sizeof error.message + 64];
        snprintf(sentence, sizeof sentence, "the checkpoint was not written: %s", error.message);
        note_of_run(t, sentence);
    }
    t->checkpoints.written = clock_seconds();
    snapshot_free(&snapshot);
    json_decref(metadata);
}

static bool is_due(const struct training *t, size_t position)
{
    const struct checkpoints *const c = &t->checkpoints;
    return (c->steps && step_number(t, position) % c->steps == 0) ||
           (c->seconds > 0 && clock_seconds() - c->written >= c->seconds);
}

void checkpoints_after_step(struct training *t, const struct clm_model *model, size_t position,
                            size_t next_rows, double started)
{
    struct checkpoints *const c = &t->checkpoints;
    if (!c->directory || !next_rows || position % t->split.step_rows)
        return;
    c->is_halted = stop_is_asked(t->options->hooks.stop);
    if (c->is_halted || is_due(t, position))
        write_checkpoint(t, model, position, next_rows, clock_seconds() - started, false);
}

/* Whether the last epoch has the best validation score so far. */
static bool is_best_epoch(struct training *t)
{
    const struct clm_epoch *const last = &t->epochs[t->epoch_count - 1];
    const double score = last->has_validation ? course_score(&t->course, last) : NAN;
    const bool is_best = score > t->checkpoints.best;
    if (is_best)
        t->checkpoints.best = score;
    return is_best;
}

static bool is_last_epoch(const struct training *t)
{
    return t->epoch_count == t->options->epochs || course_has_stalled(&t->course) ||
           course_is_out_of_time(&t->course);
}

void checkpoints_after_epoch(struct training *t, const struct clm_model *model)
{
    struct checkpoints *const c = &t->checkpoints;
    if (!c->directory)
        return;
    const bool is_best = is_best_epoch(t) && c->kept, is_last = is_last_epoch(t);
    c->is_halted = !is_last && stop_is_asked(t->options->hooks.stop);
    if (c->is_halted || is_best || (!is_last && is_due(t, 0)))
        write_checkpoint(t, model, 0, 0, 0, is_best);
}

/* ---- a checkpoint that is read ---- */

static clm_status refuse_checkpoint(const char *path, const char *what, struct clm_error *error)
{
    return clm_fail(error, CLM_ERROR_FORMAT,
                    "%s: it is no checkpoint of this version, or it is damaged: %s; begin the run anew", path,
                    what);
}

/* The metadata of that name, parsed; the caller frees *out. */
static clm_status read_about(const struct safetensors *file, const char *path, const char *name, json_t **out,
                             struct clm_error *error)
{
    char what[48];
    const char *const text = json_string_value(json_object_get(file->metadata, name));
    snprintf(what, sizeof what, "its metadata \"%s\"", name);
    *out = NULL;
    if (!text)
        return refuse_checkpoint(path, what, error);
    return json_parse(path, what, text, strlen(text), out, error);
}

clm_status checkpoint_settings(const struct safetensors *file, const char *path, json_t **values,
                               json_t **names, struct clm_error *error)
{
    const char *const format = json_string_value(json_object_get(file->metadata, "format"));
    json_t *about;
    *values = *names = NULL;
    if (!format || strcmp(format, FORMAT_NAME))
        return refuse_checkpoint(path, "it does not say \"" FORMAT_NAME "\"", error);
    const clm_status status = read_about(file, path, "settings", &about, error);
    if (status != CLM_OK)
        return status;
    *values = json_incref(json_object_get(about, "values"));
    *names = json_incref(json_object_get(about, "set"));
    json_decref(about);
    return json_is_object(*values) && json_is_array(*names) ? CLM_OK
                                                            : refuse_checkpoint(path, "its settings", error);
}

clm_status checkpoint_open(const char *resume, struct safetensors *out, char **path, char **directory,
                           struct clm_error *error)
{
    const bool is_run = is_directory(resume);
    const char *const slash = strrchr(resume, '/');
    *out = (struct safetensors){0};
    *path = is_run ? path_join(resume, CHECKPOINT) : strdup(resume);
    *directory = is_run   ? strdup(resume)
                 : !slash ? strdup(".")
                          : strndup(resume, size_max(1, (size_t)(slash - resume)));
    if (!*path || !*directory)
        return clm_fail_host_memory(error, resume, strlen(resume));
    if (is_run && !is_there(*path))
        return clm_fail_setting(
            error, CLM_ERROR_IO, "resume",
            "%s has no " CHECKPOINT
            ": the run in it is complete, or has written none yet; begin a run anew by its options, or go on from its net by init",
            resume);
    return safetensors_read_exactly(*path, out, error);
}

/* Settings that a run may change when it goes on: where things are, what is shown, and limits; the data is
 * compared by its content. */
static bool may_change(const char *name)
{
    static const char *const names[] = {"data",
                                        "test",
                                        "val",
                                        "out",
                                        "resume",
                                        "quiet",
                                        "jobs",
                                        "config",
                                        "recipe",
                                        "device",
                                        "memory",
                                        "max-time",
                                        "resident",
                                        "device-memory",
                                        "checkpoint-every",
                                        "keep-checkpoints",
                                        "log-json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

clm_status checkpoint_compare(const struct safetensors *file, const char *path,
                              const struct clm_settings *settings, bool is_set_alone, struct clm_error *error)
{
    json_t *values, *names;
    const struct clm_setting *setting;
    clm_status status = checkpoint_settings(file, path, &values, &names, error);
    for (size_t i = 0; status == CLM_OK && (setting = clm_setting_at("train", i)); i++) {
        const char *const now = clm_settings_text(settings, setting->name), *const then = json_string_value(
                                                                                json_object_get(
                                                                                    values, setting->name));
        if (may_change(setting->name) || (is_set_alone && !clm_settings_is_set(settings, setting->name)) ||
            (now && then ? !strcmp(now, then) : now == then))
            continue;
        status = clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, setting->name,
            "%s %s: the run that goes on has %s; leave it out, or begin another run from this one's net by init",
            setting->name, now ? now : "is not set", then ? then : "none");
    }
    json_decref(values);
    json_decref(names);
    return status;
}

/* A whole number from 0 to `most`. */
static bool read_place(const json_t *object, const char *name, size_t most, size_t *out)
{
    const json_t *const value = json_object_get(object, name);
    *out = (size_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0 && *out <= most;
}

static clm_status checkpoints_read_settings(struct training *t, struct clm_error *error)
{
    const struct clm_settings *const settings = t->ensemble->settings;
    struct checkpoints *const c = &t->checkpoints;
    static const char *const names[] = {"checkpoint-every", "keep-checkpoints"};
    const bool has_one_net = t->ensemble->count == 1;
    *c = (struct checkpoints){.directory = has_one_net && !t->options->hooks.range ? t->options->out : NULL,
                              .seconds = clm_settings_number(settings, "checkpoint-every"),
                              .steps = clm_settings_count(settings, "checkpoint-every"),
                              .kept = clm_settings_count(settings, "keep-checkpoints"),
                              .written = clock_seconds(),
                              .best = -HUGE_VAL};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!c->directory && clm_settings_is_set(settings, names[i]))
            return clm_fail_setting(error, CLM_ERROR_ARGUMENT, has_one_net ? "out" : "ensemble",
                                    has_one_net
                                        ? "%s: checkpoints are written into the run's directory; name one"
                                        : "%s: an ensemble writes no checkpoints; leave it out",
                                    names[i]);
    return CLM_OK;
}

clm_status checkpoints_begin(struct training *t, struct clm_error *error)
{
    const char *const resume = clm_settings_text(t->ensemble->settings, "resume");
    struct checkpoints *const c = &t->checkpoints;
    char *directory = NULL;
    clm_status status = checkpoints_read_settings(t, error);
    if (status != CLM_OK || !resume)
        return status;
    if (!c->directory)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "resume",
                                "resume %s: only a run of one net with a directory goes on", resume);
    status = checkpoint_open(resume, &c->file, &c->path, &directory, error);
    if (status == CLM_OK)
        status = checkpoint_compare(&c->file, c->path, t->ensemble->settings, false, error);
    free(directory);
    return status;
}

/* Notes what differs from the machine that wrote the checkpoint. */
static void note_other_identity(const struct training *t, const json_t *then, const json_t *now)
{
    static const struct {
        const char *name, *words;
        bool is_hash;
    } parts[] = {{"device", "device", false},
                 {"driver", "driver", false},
                 {"platform", "platform", false},
                 {"platform_version", "version of the platform", false},
                 {"program", "version of clmlp", false},
                 {"kernels", "source of the kernels", true},
                 {"clblast", "version of CLBlast", true},
                 {"settings", "set of variables for the driver", true}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *const is = json_string_value(json_object_get(now, parts[i].name)),
                          *const was = json_string_value(json_object_get(then, parts[i].name));
        char values[768] = "", sentence[1024];
        if (is && was ? !strcmp(is, was) : is == was)
            continue;
        if (!parts[i].is_hash)
            snprintf(values, sizeof values, " (%.300s, before %.300s)", is ? is : "unknown",
                     was ? was : "unknown");
        snprintf(
            sentence, sizeof sentence,
            "the run goes on with another %s%s; the net may differ in its last bits from that of a run without a stop",
            parts[i].words, values);
        note_of_run(t, sentence);
    }
}

/* Assigns a product as the checkpoint says it; false if its provider is not there. */
static bool reassign_product(struct training *t, const json_t *entry)
{
    int product;
    json_int_t B, I, O;
    const char *name;
    struct clm_error unused;
    if (json_unpack((json_t *)(uintptr_t)entry, "[i I I I s]", &product, &B, &I, &O, &name) || product < 0 ||
        product >= PRODUCT_COUNT || B < 1 || I < 1 || O < 1)
        return false;
    const struct product_key key = {(enum product)product, (size_t)B, (size_t)I, (size_t)O};
    for (size_t p = 0; p < providers_count(t->be); p++)
        if (!strcmp(provider_name(t->be, p), name))
            return provider_is_usable(t->be, p) && provider_assign(t->be, &key, p, &unused) == CLM_OK;
    return false;
}

static void reassign_products(struct training *t, const json_t *products)
{
    bool are_taken = true;
    size_t i;
    json_t *entry;
    json_array_foreach(products, i, entry) are_taken = reassign_product(t, entry) && are_taken;
    if (!are_taken)
        note_of_run(
            t,
            "the run goes on with other kernels, since those that it had cannot be used here; the net may differ from that of a run without a stop in its last bits");
}

static clm_status match_run(struct training *t, const json_t *run, struct clm_error *error)
{
    const char *const then = json_string_value(json_object_get(run, "data"));
    char now[24];
    size_t part, shard;
    if (!then || !read_place(run, "part", SIZE_MAX, &part) || !read_place(run, "shard", SIZE_MAX, &shard))
        return refuse_checkpoint(t->checkpoints.path, "its metadata \"run\"", error);
    snprintf(now, sizeof now, "%016" PRIx64, fingerprint(t));
    if (strcmp(now, then))
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "data val",
            "%s: its training or validation rows are not those of the run that goes on; name the data that the run had, or begin another run from its net by init",
            t->data->source);
    if (part != t->split.part || shard != t->residency.shard)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "shard device-memory",
            "the run took parts of %zu rows and shards of %zu rows, and with the memory there is now it would take %zu and %zu, which gives another net; give the same memory, or begin another run from its net by init",
            part, shard, t->split.part, t->residency.shard);
    return CLM_OK;
}

/* Parses what the file says of the run, of the machine and of products; the caller frees all three. */
static clm_status read_abouts(const struct checkpoints *c, json_t **run, json_t **identity, json_t **products,
                              struct clm_error *error)
{
    clm_status status = read_about(&c->file, c->path, "run", run, error);
    if (status == CLM_OK)
        status = read_about(&c->file, c->path, "identity", identity, error);
    return status ? status : read_about(&c->file, c->path, "products", products, error);
}

clm_status checkpoints_match(struct training *t, struct clm_error *error)
{
    const struct checkpoints *const c = &t->checkpoints;
    json_t *run = NULL, *identity = NULL, *products = NULL;
    if (!checkpoints_go_on(c))
        return CLM_OK;
    json_t *const now = identity_of(t);
    clm_status status =
        now ? read_abouts(c, &run, &identity, &products, error) : clm_fail_host_memory(error, c->path, 0);
    if (status == CLM_OK)
        status = match_run(t, run, error);
    if (status == CLM_OK) {
        note_other_identity(t, identity, now);
        reassign_products(t, products);
    }
    json_decref(run);
    json_decref(identity);
    json_decref(products);
    json_decref(now);
    return status;
}

/* The tensor of that name, which must have that shape and type. */
static clm_status find_saved(const struct checkpoints *c, const char *name, size_t rows, size_t columns,
                             bool is_double, const struct safetensor **out, struct clm_error *error)
{
    const struct safetensor *const found = safetensors_find(&c->file, name);
    char what[96];
    *out = found;
    snprintf(what, sizeof what, "its tensor %s is not there, or has another shape or type", name);
    return found && found->dimension_count == 2 && found->shape[0] == rows && found->shape[1] == columns &&
                   (found->count == 0 || (found->doubles != NULL) == is_double)
               ? CLM_OK
               : refuse_checkpoint(c->path, what, error);
}

static clm_status restore_tensor(struct training *t, const char *name, struct tensor *into,
                                 struct clm_error *error)
{
    const bool is_double = backend_is_double(t->be);
    const struct safetensor *from;
    const clm_status status =
        find_saved(&t->checkpoints, name, into->rows, into->columns, is_double, &from, error);
    if (status != CLM_OK)
        return status;
    return backend_write(t->be, into, is_double ? HOST_DOUBLE : HOST_FLOAT,
                         is_double ? (const void *)from->doubles : from->values, error);
}

static clm_status restore_net(struct training *t, size_t next_rows, struct clm_error *error)
{
    t->net.is_ahead = next_rows > 0;
    const size_t states = network_list_state(&t->net, next_rows, NULL);
    struct state_tensor *const list = calloc(states + 1, sizeof *list);
    clm_status status = list ? CLM_OK : clm_fail_host_memory(error, "a checkpoint", states * sizeof *list);
    if (list)
        network_list_state(&t->net, next_rows, list);
    for (size_t i = 0; status == CLM_OK && i < states; i++)
        status = restore_tensor(t, list[i].name, &list[i].tensor, error);
    free(list);
    return status ? status : restore_tensor(t, "sums", &t->sums.state, error);
}

static clm_status restore_best(struct training *t, struct clm_model *model, struct clm_error *error)
{
    clm_status status = CLM_OK;
    char name[PARAMETER_NAME_MAX + 8];
    for (size_t i = 0; status == CLM_OK && i < model_net_tensors(model); i++) {
        const struct parameter_spec *const spec = &model->specs[i];
        const struct safetensor *from;
        snprintf(name, sizeof name, "best.%s", spec->name);
        status =
            find_saved(&t->checkpoints, name, spec->rows, size_max(spec->columns, 1), false, &from, error);
        if (status == CLM_OK)
            memcpy(model->values[i], from->values, from->count * sizeof *from->values);
    }
    return status;
}

static clm_status restore_history(struct training *t, size_t epochs, struct clm_error *error)
{
    const struct safetensor *of_epochs, *of_course;
    clm_status status;
    if ((status = find_saved(&t->checkpoints, "epochs", epochs, EPOCH_FIGURES, true, &of_epochs, error)) ||
        (status = find_saved(&t->checkpoints, "course", 1, COURSE_FIGURES, true, &of_course, error)))
        return status;
    for (int i = 3; i < 8; i++) /* counts, which a damaged file may have as anything */
        if (i != 5 && i != 6 && !(of_course->doubles[i] >= 0 && of_course->doubles[i] <= (double)epochs))
            return refuse_checkpoint(t->checkpoints.path, "its course", error);
    for (size_t e = 0; e < epochs; e++) {
        const double *const figures = of_epochs->doubles + e * EPOCH_FIGURES;
        if (figures[0] != (double)(e + 1))
            return refuse_checkpoint(t->checkpoints.path, "its epochs", error);
        t->epochs[e] = epoch_of_doubles(figures);
    }
    course_of_doubles(t, of_course->doubles);
    t->epoch_count = epochs;
    for (size_t e = 0; e < epochs; e++)
        if (t->epochs[e].has_validation)
            t->checkpoints.best = fmax(t->checkpoints.best, course_score(&t->course, &t->epochs[e]));
    return CLM_OK;
}

/* Whether a place in the run is one between two steps. */
static bool is_place(const struct training *t, size_t epochs, size_t position, size_t next_rows)
{
    return epochs < t->options->epochs && position < t->rows.count && position % t->split.step_rows == 0 &&
           next_rows <= t->split.part && (position || !next_rows) && (!next_rows || t->net.looks_ahead);
}

clm_status checkpoints_restore(struct training *t, struct clm_model *model, struct clm_error *error)
{
    struct checkpoints *const c = &t->checkpoints;
    json_t *run = NULL;
    size_t epochs = 0, position = 0, next_rows = 0;
    clm_status status;
    if (!checkpoints_go_on(c))
        return CLM_OK;
    if ((status = read_about(&c->file, c->path, "run", &run, error)))
        return status;
    if (!read_place(run, "epochs", SIZE_MAX, &epochs) || !read_place(run, "rows", SIZE_MAX, &position) ||
        !read_place(run, "next_rows", SIZE_MAX, &next_rows) || !is_place(t, epochs, position, next_rows))
        status = refuse_checkpoint(c->path, "its place in the run", error);
    json_decref(run);
    if (status == CLM_OK)
        status = restore_history(t, epochs, error);
    if (status == CLM_OK)
        status = restore_net(t, next_rows, error);
    if (status == CLM_OK && has_best(t))
        status = restore_best(t, model, error);
    c->position = position;
    return status;
}

void checkpoints_tell_last(const struct checkpoints *checkpoints, struct clm_error *error)
{
    const size_t used = error ? strlen(error->message) : 0;
    if (error && (checkpoints->is_there || checkpoints_go_on(checkpoints)))
        snprintf(error->message + used, sizeof error->message - used, "; the last checkpoint is kept in %s",
                 checkpoints->directory);
}

void checkpoints_end(struct checkpoints *checkpoints, bool is_complete)
{
    char *const path = checkpoints->directory ? path_join(checkpoints->directory, CHECKPOINT) : NULL;
    if (path && is_complete && !checkpoints->kept)
        unlink(path);
    free(path);
    if (checkpoints->path)
        safetensors_free(&checkpoints->file);
    free(checkpoints->path);
    *checkpoints = (struct checkpoints){0};
}
