/* Runs that are stopped and go on: the same bits on every backend, wherever they are stopped. */
#include "train/checkpoint.h"

#include "base/file.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct clm_error error;
static char *directory;

static void set_up(void)
{
    error = (struct clm_error){0};
    directory = test_directory();
}

static void tear_down(void)
{
    test_directory_remove(directory);
}

/* ---- the runs ---- */

enum { ROWS = 75, SIDE = 4, INPUTS = SIDE * SIDE, CLASSES = 3, VALIDATION = 11, BATCH = 16 };

/* What makes a run: its net, and its settings. */
struct kind {
    const char *what, *layers, *settings, *loss;
};

static const struct kind kinds[] = {
    {"momentum", "13, 7", "momentum 0.9 shuffle on epochs 3", NULL},
    {"adam", "13 norm=batch drop=0.2, 13 skip",
     "optimizer adam lr 0.01 average 0.9 augment flip,shift=1,noise=0.1 shuffle on epochs 3", NULL},
    {"streamed", "input drop=0.1, 13 gelu norm=layer",
     "optimizer nadam lr 0.01 augment mixup=0.5 shuffle on resident no shard 32 epochs 3 schedule cosine",
     NULL},
    {"in parts", "13, 7",
     "optimizer nesterov momentum 0.9 accumulate 2 clip-norm 0.5 class-weight balanced shuffle on epochs 3",
     NULL},
    {"stops early", "9",
     "optimizer rmsprop lr 0.2 stop-by accuracy stop-after 2 schedule plateau step-epochs 1 shuffle on epochs 9 train-score on",
     NULL},
    {"numbers", "13 silu", "optimizer lion lr 0.01 loss huber shuffle on epochs 3 calibrate on", "huber"},
};

static const enum fixture backends[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST,
                                        FIXTURE_TILED};

/* Pictures with labels, or with two targets; `changed` is added to the first byte. */
static struct clm_data *data_of(const struct kind *kind, unsigned changed)
{
    static uint8_t values[ROWS * INPUTS];
    static uint32_t labels[ROWS];
    static double targets[ROWS * 2];
    struct clm_data *data;
    for (size_t r = 0; r < ROWS; r++) {
        labels[r] = (uint32_t)(r * 7 % 5 % CLASSES);
        for (size_t i = 0; i < INPUTS; i++)
            values[r * INPUTS + i] = (uint8_t)(r * 31 + i * 17 + (i % CLASSES == labels[r]) * 90);
        targets[2 * r] = 3 * (double)labels[r] + (double)(r % 4);
        targets[2 * r + 1] = (double)(r % 9) - 100;
    }
    values[0] = (uint8_t)(values[0] + changed);
    const struct clm_arrays arrays = {.type = CLM_BYTE,
                                      .values = values,
                                      .rows = ROWS,
                                      .features = INPUTS,
                                      .labels = kind->loss ? NULL : labels,
                                      .targets = kind->loss ? targets : NULL,
                                      .target_count = kind->loss ? 2 : 0};
    ck_assert_done(clm_data_from_arrays(&arrays, &arrays,
                                        &(struct clm_data_options){.validation = VALIDATION}, &data, &error));
    data->height = data->width = SIDE;
    data->channels = 1;
    return data;
}

static struct clm_model *checkpoint_model_of(const struct kind *kind)
{
    const size_t sizes[] = {INPUTS, kind->loss ? 2 : CLASSES};
    const struct clm_loss loss = {.name = "huber", .delta = 1};
    const struct clm_model_options options = {.sizes = sizes,
                                              .size_count = 2,
                                              .layers = kind->layers,
                                              .seed = 5,
                                              .is_bytes = true,
                                              .loss = kind->loss ? &loss : NULL};
    struct clm_model *model;
    ck_assert_done(clm_model_create(&options, &model, &error));
    return model;
}

static char *join(const char *name)
{
    char *const path = path_join(directory, name);
    ck_assert_ptr_nonnull(path);
    return path;
}

/* The settings of a run in directory/name, anew or as it goes on. */
static struct clm_settings *checkpoint_settings_of(const struct kind *kind, const char *name, bool goes_on)
{
    char *const path = join(name);
    struct clm_settings *settings;
    ck_assert_done(clm_settings_create("train", &settings, &error));
    if (goes_on) {
        change_settings(settings, "resume %s", path);
        ck_assert_done(clm_settings_resume(settings, &error));
    } else {
        change_settings(settings, "out %s batch %d seed 3", path, BATCH);
        change_settings(settings, "%s", kind->settings);
    }
    free(path);
    return settings;
}

/* ---- stopping ---- */

static volatile sig_atomic_t is_asked;

static void ask_to_stop(void *user, const struct clm_memory_plan *plan)
{
    (void)user, (void)plan;
    is_asked = 1; /* not earlier: the choice of products stops for it, too */
}

static const struct clm_train_hooks stops = {.on_plan = ask_to_stop, .stop = &is_asked};

/* Trains with the settings, which it frees. */
static struct clm_train_result train(struct clm_backend *be, const struct kind *kind,
                                     struct clm_settings *settings, const struct clm_train_hooks *hooks)
{
    struct clm_data *const data = data_of(kind, 0);
    struct clm_model *const model = checkpoint_model_of(kind);
    struct clm_train_result result;
    is_asked = 0;
    ck_assert_done(clm_train(be, model, data, settings, hooks, &result, &error));
    clm_settings_free(settings);
    clm_model_free(model);
    clm_data_close(data);
    return result;
}

static void assert_same_file(const char *a, const char *b, const char *what)
{
    unsigned char *bytes_a, *bytes_b;
    size_t size_a, size_b;
    char *const path_a = join(a), *const path_b = join(b);
    ck_assert_done(file_read(path_a, SIZE_MAX - 1, &bytes_a, &size_a, &error));
    ck_assert_done(file_read(path_b, SIZE_MAX - 1, &bytes_b, &size_b, &error));
    ck_assert_msg(size_a == size_b && !memcmp(bytes_a, bytes_b, size_a), "%s: %s is not %s", what, path_b,
                  path_a);
    free(bytes_a);
    free(bytes_b);
    free(path_a);
    free(path_b);
}

static bool is_in_directory(const char *name)
{
    char *const path = join(name);
    const bool is_in = !access(path, F_OK);
    free(path);
    return is_in;
}

/* How many steps a kind takes in an epoch. */
static size_t steps_of(const struct kind *kind)
{
    const size_t rows = ROWS - VALIDATION,
                 together = strstr(kind->settings, "accumulate 2") ? 2 * BATCH : BATCH;
    return (rows + together - 1) / together;
}

/* Each run is stopped after every single step, and goes on. */
START_TEST(same_bits_wherever_it_stops)
{
    const struct kind *const kind = &kinds[(size_t)_i % COUNT_OF(kinds)];
    struct clm_backend *const be = fixture_backend(backends[(size_t)_i / COUNT_OF(kinds)]);
    size_t count = 0;
    const struct clm_train_result whole = train(be, kind, checkpoint_settings_of(kind, "whole", false), NULL);
    ck_assert(!whole.is_stopped && !whole.can_resume && !is_in_directory("whole/" CHECKPOINT));
    struct clm_train_result part = train(be, kind, checkpoint_settings_of(kind, "part", false), &stops);
    for (; part.is_stopped; count++) {
        ck_assert(part.can_resume && is_in_directory("part/" CHECKPOINT));
        ck_assert_uint_eq(part.epochs, (count + 1) / steps_of(kind));
        ck_assert_int_eq(is_in_directory("part/run.json"), part.epochs > 0);
        part = train(be, kind, checkpoint_settings_of(kind, "part", true), &stops);
    }
    ck_assert_uint_eq(count, whole.epochs * steps_of(kind) - 1);
    ck_assert_uint_eq(part.epochs, whole.epochs);
    ck_assert_int_eq(part.is_stopped_early, whole.is_stopped_early);
    ck_assert(!memcmp(&part.test.loss, &whole.test.loss, sizeof whole.test.loss));
    ck_assert(!memcmp(&part.kept.validation_loss, &whole.kept.validation_loss, sizeof(double)));
    ck_assert(!memcmp(&part.kept.train_loss, &whole.kept.train_loss, sizeof(double)));
    ck_assert_uint_eq(part.kept.epoch, whole.kept.epoch);
    ck_assert(!is_in_directory("part/" CHECKPOINT));
    assert_same_file("whole/model.safetensors", "part/model.safetensors", kind->what);
    if (!strcmp(kind->what, "stops early"))
        ck_assert(whole.is_stopped_early);
    clm_backend_close(be);
}
END_TEST

/* ---- what the stopped run itself is ---- */

START_TEST(the_net_as_it_was_stopped)
{
    const struct kind *const kind = &kinds[_i ? 4 : 0];
    struct clm_backend *const be = fixture_backend(FIXTURE_BLAS);
    struct clm_train_result part = train(be, kind, checkpoint_settings_of(kind, "run", false), &stops);
    struct clm_model *model;
    struct clm_score test, validation;
    for (size_t s = 1; s < 6; s++)
        part = train(be, kind, checkpoint_settings_of(kind, "run", true), &stops);
    ck_assert_uint_eq(part.epochs, 1);
    ck_assert_uint_eq(part.rows_done, 2 * BATCH);
    char *const path = join("run/model.safetensors");
    struct clm_data *const data = data_of(kind, 0);
    ck_assert_done(clm_model_load(path, &model, &error));
    ck_assert_done(clm_predict(be, model, data, CLM_TEST, NULL, &test, &error));
    ck_assert_done(clm_predict(be, model, data, CLM_VALIDATION, NULL, &validation, &error));
    ck_assert_double_eq(part.test.loss, test.loss);
    ck_assert_double_eq(part.kept.validation_loss, validation.loss);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(be);
    free(path);
}
END_TEST

/* ---- how often, and which stay ---- */

START_TEST(checkpoints_are_kept)
{
    const struct kind *const kind = &kinds[0];
    struct clm_backend *const be = fixture_backend(FIXTURE_BLAS);
    struct clm_settings *settings = checkpoint_settings_of(kind, "run", false);
    change_settings(settings, "checkpoint-every 3 keep-checkpoints 2");
    train(be, kind, settings, NULL);
    /* 4 steps an epoch, 12 in all: 3, 6, 9, those after better epochs, and not the last step */
    ck_assert(is_in_directory("run/" CHECKPOINT) && is_in_directory("run/checkpoint-best.safetensors"));
    ck_assert(!is_in_directory("run/checkpoint-3.safetensors"));
    ck_assert(is_in_directory("run/checkpoint-9.safetensors"));
    settings = checkpoint_settings_of(kind, "again", false);
    change_settings(settings, "checkpoint-every 3");
    train(be, kind, settings, NULL);
    ck_assert(!is_in_directory("again/" CHECKPOINT));
    assert_same_file("run/model.safetensors", "again/model.safetensors", "with checkpoints");
    /* a run is complete, until its report is away; then it goes on from any checkpoint that stayed */
    char *const report = join("run/run.json"), *const from = join("run/checkpoint-9.safetensors");
    unlink(report);
    ck_assert_done(clm_settings_create("train", &settings, &error));
    change_settings(settings, "resume %s", from);
    ck_assert_done(clm_settings_resume(settings, &error));
    train(be, kind, settings, NULL);
    assert_same_file("run/model.safetensors", "again/model.safetensors", "from checkpoint 9");
    clm_backend_close(be);
    free(report);
    free(from);
}
END_TEST

static char heard[4096];

static void hear(void *user, const char *sentence)
{
    (void)user;
    snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s\n", sentence);
}

static void put_in_the_way(void *user, const struct clm_memory_plan *plan)
{
    char *const path = join("run/" CHECKPOINT), *const inside = join("run/" CHECKPOINT "/x");
    (void)user, (void)plan;
    ck_assert(!mkdir(path, 0777) && !mkdir(inside, 0777));
    free(path);
    free(inside);
}

/* Training goes on, and says it. */
START_TEST(checkpoint_that_cannot_be_written)
{
    const struct kind *const kind = &kinds[0];
    struct clm_backend *const be = fixture_backend(FIXTURE_BLAS);
    struct clm_settings *const settings = checkpoint_settings_of(kind, "run", false);
    change_settings(settings, "checkpoint-every 5");
    heard[0] = '\0';
    be->on_note = hear;
    const struct clm_train_result result =
        train(be, kind, settings, &(struct clm_train_hooks){.on_plan = put_in_the_way});
    ck_assert_uint_eq(result.epochs, 3);
    ck_assert_ptr_nonnull(strstr(heard, "the checkpoint was not written, and training goes on"));
    ck_assert_ptr_nonnull(strstr(heard, "run/" CHECKPOINT));
    clm_backend_close(be);
}
END_TEST

/* ---- what is refused, and what is noted ---- */

static void resume_refused(struct clm_backend *be, const struct kind *kind, unsigned changed,
                           const char *more, clm_status expected, const char *part, const char *setting)
{
    char *const path = join("run");
    struct clm_settings *settings;
    struct clm_data *const data = data_of(kind, changed);
    struct clm_model *const model = checkpoint_model_of(kind);
    ck_assert_done(clm_settings_create("train", &settings, &error));
    change_settings(settings, "resume %s", path);
    change_settings(settings, "%s", more);
    clm_status status = clm_settings_resume(settings, &error);
    if (status == CLM_OK)
        status = clm_train(be, model, data, settings, NULL, NULL, &error);
    ck_assert_msg(status == expected && strstr(error.message, part), "%s%s: %d %s", more, part, status,
                  error.message);
    ck_assert_str_eq(error.setting, setting);
    clm_settings_free(settings);
    clm_model_free(model);
    clm_data_close(data);
    free(path);
}

START_TEST(another_run_is_refused)
{
    const struct kind *const kind = &kinds[0];
    struct clm_backend *const be = fixture_backend(FIXTURE_BLAS);
    train(be, kind, checkpoint_settings_of(kind, "run", false), &stops);
    resume_refused(be, kind, 0, "lr 0.5", CLM_ERROR_ARGUMENT, "lr 0.5: the run that goes on has 0.1", "lr");
    resume_refused(be, kind, 0, "epochs 9", CLM_ERROR_ARGUMENT, "epochs 9: the run that goes on has 3",
                   "epochs");
    resume_refused(be, kind, 0, "clip-norm 1", CLM_ERROR_ARGUMENT,
                   "clip-norm 1: the run that goes on has none", "clip-norm");
    resume_refused(be, kind, 0, "out elsewhere", CLM_ERROR_ARGUMENT, "in its own directory", "out");
    resume_refused(be, kind, 1, "", CLM_ERROR_ARGUMENT, "rows are not those of the run", "data val");
    resume_refused(be, kind, 0, "resident no shard 32", CLM_ERROR_ARGUMENT, "shard 32", "shard");
    ck_assert(is_in_directory("run/" CHECKPOINT));
    /* as long as no run.json says that it is complete */
    train(be, kind, checkpoint_settings_of(kind, "run", true), NULL);
    resume_refused(be, kind, 0, "", CLM_ERROR_IO, "has no " CHECKPOINT, "resume");
    char *const path = test_file(directory, "run/" CHECKPOINT, "", 0);
    resume_refused(be, kind, 0, "", CLM_ERROR_FORMAT, path, "");
    free(path);
    clm_backend_close(be);
}
END_TEST

START_TEST(a_complete_run_is_refused)
{
    const struct kind *const kind = &kinds[0];
    struct clm_backend *const be = fixture_backend(FIXTURE_BLAS);
    struct clm_settings *const settings = checkpoint_settings_of(kind, "run", false);
    change_settings(settings, "checkpoint-every 5 keep-checkpoints 1");
    train(be, kind, settings, NULL);
    resume_refused(be, kind, 0, "", CLM_ERROR_ARGUMENT, "holds a complete run", "resume init");
    clm_backend_close(be);
}
END_TEST

START_TEST(another_device_is_noted)
{
    const struct kind *const kind = &kinds[0];
    struct clm_backend *const be = fixture_backend(FIXTURE_BLAS);
    train(be, kind, checkpoint_settings_of(kind, "run", false), &stops);
    heard[0] = '\0';
    be->on_note = hear;
    train(be, kind, checkpoint_settings_of(kind, "run", true), &stops);
    ck_assert_str_eq(heard, "");
    snprintf(be->device, sizeof be->device, "abacus");
    train(be, kind, checkpoint_settings_of(kind, "run", true), NULL);
    ck_assert_ptr_nonnull(strstr(heard, "goes on with another device (abacus, before "));
    clm_backend_close(be);
}
END_TEST

START_TEST(other_runs_have_no_checkpoints)
{
    static const struct {
        const char *settings, *setting;
    } cases[] = {{"checkpoint-every 5", "out"}, {"keep-checkpoints 1", "out"}};
    const struct kind *const kind = &kinds[0];
    struct clm_backend *const be = fixture_backend(FIXTURE_BLAS);
    struct clm_data *const data = data_of(kind, 0);
    struct clm_model *const model = checkpoint_model_of(kind);
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        struct clm_settings *const settings = train_settings("epochs 1 batch 8 %s", cases[c].settings);
        ck_assert_int_eq(clm_train(be, model, data, settings, NULL, NULL, &error), CLM_ERROR_ARGUMENT);
        ck_assert_str_eq(error.setting, cases[c].setting);
        clm_settings_free(settings);
    }
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(be);
}
END_TEST

/* ---- damaged files ---- */

/* A change of the file of a run: its metadata or a tensor. */
static void change_metadata(struct safetensors *file, const char *name, const char *from, const char *to)
{
    const char *const text = json_string_value(json_object_get(file->metadata, name)), *const at =
                                                                                           text ? strstr(text,
                                                                                                         from)
                                                                                                : NULL;
    char *changed = NULL;
    ck_assert_msg(at != NULL, "%s has no %s: %s", name, from, text);
    ck_assert_int_gt(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)), 0);
    json_object_set_new(file->metadata, name, json_string(changed));
    free(changed);
}

START_TEST(damage_is_refused)
{
    static const struct {
        const char *metadata, *from, *to, *tensor, *part;
    } cases[] = {
        {"format", "checkpoint 1", "checkpoint 0", NULL, "it does not say"},
        {"run", "\"rows\":16", "\"rows\":17", NULL, "its place"},
        {"run", "\"rows\":16", "\"rows\":-16", NULL, "its place"},
        {"run", "\"rows\":16", "\"rows\":\"x\"", NULL, "its place"},
        {"run", "\"rows\":16", "\"rows\":80", NULL, "its place"},
        {"run", "\"epochs\":0", "\"epochs\":3", NULL, "its place"},
        {"run", "\"epochs\":0", "\"epochs\":1", NULL, "epochs is not there"},
        {"run", "\"next_rows\":0", "\"next_rows\":16", NULL, "its place"},
        {"run", "\"data\":", "\"dat\":", NULL, "\"run\""},
        {"run", "{", "", NULL, "\"run\""},
        {"settings", "\"set\":[", "\"sat\":[", NULL, "its settings"},
        {NULL, NULL, NULL, "parameters.0.value", "parameters.0.value is not there"},
        {NULL, NULL, NULL, "parameters.3.state.0", "parameters.3.state.0 is not there"},
        {NULL, NULL, NULL, "sums", "sums is not there"},
        {NULL, NULL, NULL, "course", "course is not there"},
    };
    const struct kind *const kind = &kinds[0];
    struct clm_backend *const be = fixture_backend(FIXTURE_BLAS);
    char *const path = join("run/" CHECKPOINT);
    train(be, kind, checkpoint_settings_of(kind, "run", false), &stops);
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        struct safetensors file;
        ck_assert_done(safetensors_read_exactly(path, &file, &error));
        unsigned char *whole;
        size_t size;
        ck_assert_done(file_read(path, SIZE_MAX - 1, &whole, &size, &error));
        if (cases[c].metadata)
            change_metadata(&file, cases[c].metadata, cases[c].from, cases[c].to);
        for (size_t t = 0; cases[c].tensor && t < file.count; t++)
            if (!strcmp(file.tensors[t].name, cases[c].tensor))
                file.tensors[t].shape[0]++, file.tensors[t].count = 0, file.tensors[t].shape[1] = 0;
        ck_assert_done(safetensors_write(path, file.tensors, file.count, file.metadata, &error));
        resume_refused(be, kind, 0, "", CLM_ERROR_FORMAT, cases[c].part, "");
        ck_assert_done(clm_write_file(path, whole, size, &error));
        safetensors_free(&file);
        free(whole);
    }
    resume_refused(be, kind, 0, "lr 0.5", CLM_ERROR_ARGUMENT, "lr", "lr"); /* it is whole again */
    clm_backend_close(be);
    free(path);
}
END_TEST

START_TEST(intervals)
{
    static const struct {
        const char *text;
        uint64_t steps;
        double seconds; /* -1: refused */
    } cases[] = {{"5m", 0, 300},
                 {"90s", 0, 90},
                 {"1.5h", 0, 5400},
                 {"500", 500, 0},
                 {"never", 0, 0},
                 {"0", 0, -1},
                 {"-5", 0, -1},
                 {"1.5", 0, -1},
                 {"5x", 0, -1},
                 {"", 0, -1},
                 {"m", 0, -1},
                 {"0s", 0, -1},
                 {"99999999999999999999", 0, -1},
                 {"always", 0, -1}};
    struct clm_settings *settings;
    ck_assert_done(clm_settings_create("train", &settings, &error));
    ck_assert_double_eq(clm_settings_number(settings, "checkpoint-every"), 600);
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        const clm_status status = clm_settings_set(settings, "checkpoint-every", cases[c].text, &error);
        ck_assert_msg((status == CLM_OK) == (cases[c].seconds >= 0), "%s: %s", cases[c].text, error.message);
        if (status != CLM_OK)
            continue;
        ck_assert_uint_eq(clm_settings_count(settings, "checkpoint-every"), cases[c].steps);
        ck_assert_double_eq(clm_settings_number(settings, "checkpoint-every"), cases[c].seconds);
        ck_assert_str_eq(clm_settings_text(settings, "checkpoint-every"), cases[c].text);
    }
    clm_settings_free(settings);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("checkpoint");
    TCase *const all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    test_add_sampled(all, same_bits_wherever_it_stops, 0, (int)(COUNT_OF(kinds) * COUNT_OF(backends)), 3);
    tcase_add_loop_test(all, the_net_as_it_was_stopped, 0, 2);
    tcase_add_test(all, checkpoints_are_kept);
    tcase_add_test(all, checkpoint_that_cannot_be_written);
    tcase_add_test(all, another_run_is_refused);
    tcase_add_test(all, a_complete_run_is_refused);
    tcase_add_test(all, another_device_is_noted);
    tcase_add_test(all, other_runs_have_no_checkpoints);
    tcase_add_test(all, damage_is_refused);
    tcase_add_test(all, intervals);
    suite_add_tcase(suite, all);
    return test_run(suite);
}
