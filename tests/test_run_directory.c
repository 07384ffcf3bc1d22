/* The run directory: the content of its files; and if not all of them can be written, the net stays. */
#include "train/run_directory.h"

#include "nn/model.h"
#include "support/fixtures.h"
#include "support/support.h"

#include <cairo.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EPOCHS 3

static struct clm_error error;
static struct run_claim held;
static char *directory;

/* A run of three epochs on the reference; the second epoch diverged. */
static struct clm_backend *backend;
static struct clm_data *data;
static struct clm_model *model;
static struct clm_epoch epochs[EPOCHS];
static struct clm_train_result result;
static char words[4][12] = {"clmlp", "train", "--out", "caf\xE9 \"run\""};
static char *arguments[] = {words[0], words[1], words[2], words[3], NULL};
static struct clm_settings *settings;
static const struct clm_train_hooks hooks = {.argc = 4, .argv = arguments};
static struct run_record record;

static void set_up(void)
{
    static const struct clm_epoch lasting[EPOCHS] = {
        {1, 0.1, 2.25, 0.25, true, 2, 0.5, 1.5, 40000},
        {2, 0.1, NAN, 0.125, true, INFINITY, 0.25, 1.25, 48000},
        {3, 0.05, 0.5, 0.75, true, 0.75, 0.625, 1, 60000},
    };
    static const size_t hidden[] = {5, 4, 0};
    error = (struct clm_error){0};
    directory = test_directory();
    backend = fixture_backend(FIXTURE_REFERENCE);
    data = fixture_data(30, 10, 6, 3);
    model = fixture_model(data, "he", 1, hidden);
    memcpy(epochs, lasting, sizeof epochs);
    result = (struct clm_train_result){.epochs = EPOCHS, .has_test = true, .test = {10, 1.25, 0.5}};
    settings = train_settings(
        "epochs %d batch 7 schedule linear lr 0.125 momentum 0.75 l2 0.5 seed 18446744073709551615 shuffle on "
        "augment flip,shift=2,cutout=3,mixup=0.25,noise=0.0625 hidden 5,4 val 0.25 device-memory 3G data a#b",
        EPOCHS + 2);
    record = (struct run_record){settings, &hooks, backend, data, model, epochs, EPOCHS, &result};
}

static void tear_down(void)
{
    clm_settings_free(settings);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(backend);
    test_directory_remove(directory);
}

static char *path_of(const char *name)
{
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "%s/%s", directory, name), 0);
    return path;
}

/* Everything in the directory, hidden or not. */
static size_t files_there(void)
{
    size_t count = 0;
    DIR *const entries = opendir(directory);
    ck_assert_ptr_nonnull(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(entries);
    return count;
}

static void write_run(void)
{
    ck_assert_msg(run_directory_write(directory, &record, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(files_there(), 4);
}

/* ---- run.json ---- */

static json_t *read_json(void)
{
    char *const path = path_of("run.json");
    json_error_t problem;
    json_t *const report = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
    ck_assert_msg(report != NULL, "%s:%d: %s", path, problem.line, problem.text);
    free(path);
    return report;
}

static void assert_text(const json_t *object, const char *key, const char *expected)
{
    const char *const value = json_string_value(json_object_get(object, key));
    ck_assert_msg(value != NULL, "no text %s", key);
    ck_assert_str_eq(value, expected);
}

static void assert_integer(const json_t *object, const char *key, long long expected)
{
    const json_t *const value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "no integer %s", key);
    ck_assert_int_eq(json_integer_value(value), expected);
}

/* Numbers that are exact in nine digits are read back unchanged; NaN stands for null. */
static void assert_number(const json_t *object, const char *key, double expected)
{
    const json_t *const value = json_object_get(object, key);
    ck_assert_msg(value != NULL, "no %s", key);
    if (isnan(expected))
        ck_assert_msg(json_is_null(value), "%s is not null", key);
    else
        ck_assert_msg(json_is_number(value) && json_number_value(value) == expected, "%s is %.17g, not %g",
                      key, json_number_value(value), expected);
}

static void assert_epoch(const json_t *epoch, const struct clm_epoch *expected)
{
    const bool has = expected->has_validation;
    const double validation = has && isfinite(expected->validation_loss) ? expected->validation_loss : NAN;
    ck_assert_uint_eq(json_object_size(epoch), 8);
    assert_integer(epoch, "epoch", (long long)expected->epoch);
    assert_number(epoch, "learning_rate", expected->learning_rate);
    assert_number(epoch, "train_loss", expected->train_loss);
    assert_number(epoch, "train_accuracy", expected->train_accuracy);
    assert_number(epoch, "val_loss", validation);
    assert_number(epoch, "val_accuracy", has ? expected->validation_accuracy : NAN);
    assert_number(epoch, "seconds", expected->seconds);
    assert_number(epoch, "samples_per_s", expected->samples_per_s);
}

/* Every setting of train except those of output is there, perhaps as null. */
static void assert_settings(const json_t *values)
{
    const json_t *const changes = json_object_get(values, "augmentation");
    const json_t *const hidden = json_object_get(values, "hidden");
    const struct clm_setting *setting;
    size_t saved = 0;
    for (size_t i = 0; (setting = clm_setting_at("train", i)); i++)
        saved += setting->is_saved;
    ck_assert_uint_eq(json_object_size(values), saved);
    ck_assert_ptr_null(json_object_get(values, "out"));
    assert_text(values, "init", "he");
    ck_assert(json_is_null(json_object_get(values, "standardize"))); /* the program chooses it */
    assert_text(values, "val-by", "last");
    assert_text(values, "resident", "auto");
    assert_text(values, "data", "a#b");
    assert_number(values, "val", 0.25);
    assert_integer(values, "val-seed", 1);
    assert_integer(values, "device-memory", 3LL << 30);
    ck_assert(json_is_null(json_object_get(values, "limit")));
    ck_assert(json_is_null(json_object_get(values, "memory")));
    ck_assert_uint_eq(json_array_size(hidden), 2);
    ck_assert_int_eq(json_integer_value(json_array_get(hidden, 1)), 4);
    assert_integer(values, "epochs", EPOCHS + 2);
    assert_integer(values, "batch", 7);
    assert_text(values, "schedule", "linear");
    assert_number(values, "learning_rate", 0.125);
    assert_number(values, "momentum", 0.75);
    assert_number(values, "l2", 0.5);
    assert_text(values, "seed", "18446744073709551615"); /* too large for a JSON integer */
    ck_assert(json_is_true(json_object_get(values, "shuffle")));
    ck_assert(json_is_true(json_object_get(changes, "flip")));
    assert_integer(changes, "shift", 2);
    assert_integer(changes, "cutout", 3);
    assert_number(changes, "mixup", 0.25);
    assert_number(changes, "noise", 0.0625);
}

START_TEST(report)
{
    static const long long layers[] = {6, 5, 4, 3};
    write_run();
    json_t *const run = read_json();
    const json_t *const list = json_object_get(run, "arguments"),
                        *const of_device = json_object_get(run, "device"),
                        *const of_data = json_object_get(run, "data");
    assert_text(run, "program", "clmlp");
    assert_text(run, "version", clm_version());
    ck_assert_uint_eq(json_array_size(list), 4);
    ck_assert_str_eq(json_string_value(json_array_get(list, 2)), "--out");
    ck_assert_str_eq(json_string_value(json_array_get(list, 3)), "caf? \"run\"");
    assert_text(of_device, "backend", "reference");
    assert_text(of_device, "name", clm_backend_device(backend));
    assert_text(of_device, "provider", clm_backend_provider(backend));
    assert_text(of_data, "source", "a fixture");
    assert_text(of_data, "format", "idx");
    assert_integer(of_data, "features", 6);
    assert_integer(of_data, "classes", 3);
    assert_integer(of_data, "train_rows", 30);
    assert_integer(of_data, "val_rows", 0);
    assert_integer(of_data, "test_rows", 10);
    assert_settings(json_object_get(run, "settings"));
    ck_assert_uint_eq(json_array_size(json_object_get(run, "layers")), 4);
    for (size_t l = 0; l < 4; l++)
        ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(run, "layers"), l)), layers[l]);
    ck_assert_uint_eq(json_array_size(json_object_get(run, "epochs")), EPOCHS);
    for (size_t e = 0; e < EPOCHS; e++)
        assert_epoch(json_array_get(json_object_get(run, "epochs"), e), &epochs[e]);
    assert_number(json_object_get(run, "test"), "loss", 1.25);
    assert_number(json_object_get(run, "test"), "accuracy", 0.5);
    json_decref(run);
}
END_TEST

START_TEST(report_without_validation_and_test)
{
    for (size_t e = 0; e < EPOCHS; e++)
        epochs[e].has_validation = false;
    result.has_test = false;
    write_run();
    json_t *const run = read_json();
    for (size_t e = 0; e < EPOCHS; e++)
        assert_epoch(json_array_get(json_object_get(run, "epochs"), e), &epochs[e]);
    ck_assert_ptr_null(json_object_get(run, "test"));
    json_decref(run);
}
END_TEST

/* ---- model.safetensors and history.csv ---- */

START_TEST(model_comes_back)
{
    struct clm_model *read = NULL;
    char *const path = path_of("model.safetensors");
    write_run();
    ck_assert_msg(clm_model_load(path, &read, &error) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(clm_model_depth(read), 3);
    for (size_t l = 0; l < 3; l++)
        ck_assert_mem_eq(clm_model_weight(read, l), clm_model_weight(model, l),
                         clm_model_width(model, l) * clm_model_width(model, l + 1) * sizeof(float));
    clm_model_free(read);
    free(path);
}
END_TEST

START_TEST(history)
{
    static const char expected[] =
        "epoch,learning_rate,train_loss,train_accuracy,val_loss,val_accuracy,seconds,samples_per_s\n"
        "1,0.1,2.25,0.25,2,0.5,1.5,40000\n"
        "2,0.1,nan,0.125,inf,0.25,1.25,48000\n"
        "3,0.05,0.5,0.75,,,1,60000\n";
    char *const path = path_of("history.csv"), bytes[1024] = "";
    epochs[2].has_validation = false;
    write_run();
    FILE *const file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    fclose(file);
    ck_assert_str_eq(bytes, expected);
    free(path);
}
END_TEST

/* ---- curves.png ---- */

/* The colours of Okabe and Ito that the curves are drawn in. */
enum { TRAINING = 0x0073B3, VALIDATION = 0xD65E00, TEST = 0x009E73 };

struct curves_picture {
    cairo_surface_t *surface;
    const unsigned char *rows;
    int width, height, stride;
};

static struct curves_picture read_picture(void)
{
    char *const path = path_of("curves.png");
    struct curves_picture picture = {.surface = cairo_image_surface_create_from_png(path)};
    ck_assert_int_eq(cairo_surface_status(picture.surface), CAIRO_STATUS_SUCCESS);
    cairo_surface_flush(picture.surface);
    picture.rows = cairo_image_surface_get_data(picture.surface);
    picture.width = cairo_image_surface_get_width(picture.surface);
    picture.height = cairo_image_surface_get_height(picture.surface);
    picture.stride = cairo_image_surface_get_stride(picture.surface);
    ck_assert_int_ge(picture.width, 1200);
    ck_assert_int_ge(picture.height, 500);
    free(path);
    return picture;
}

/* Whether the pixel has that colour, apart from the rounding of a channel. */
static bool is_colour(const struct curves_picture *picture, int x, int y, int colour)
{
    uint32_t pixel;
    memcpy(&pixel, picture->rows + (ptrdiff_t)y * picture->stride + 4 * (ptrdiff_t)x, sizeof pixel);
    for (int shift = 0; shift < 24; shift += 8)
        if (abs((int)(pixel >> shift & 255) - (colour >> shift & 255)) > 2)
            return false;
    return true;
}

/* Pixels of that colour in the left or the right half. */
static size_t count_pixels(const struct curves_picture *picture, int colour, bool is_right)
{
    size_t count = 0;
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width / 2; x++)
            count += is_colour(picture, x + is_right * (picture->width / 2), y, colour);
    return count;
}

/* How high the leftmost (or rightmost) pixels of that colour are in a half, without the legend. */
static int height_at_end(const struct curves_picture *picture, int colour, bool is_right, bool is_last)
{
    const int half = picture->width / 2, first = is_right * half;
    for (int i = 0; i < half; i++)
        for (int y = picture->height * 3 / 20; y < picture->height; y++)
            if (is_colour(picture, first + (is_last ? half - 1 - i : i), y, colour))
                return picture->height - y;
    ck_abort_msg("nothing of colour %06x in half %d", (unsigned)colour, (int)is_right);
    return 0;
}

START_TEST(curves_of_all_series)
{
    /* The plotted area has 520 of 740 rows. */
    const int far = 150;
    epochs[1].train_loss = epochs[1].validation_loss = 1;
    write_run();
    struct curves_picture picture = read_picture();
    for (int half = 0; half < 2; half++) {
        ck_assert_uint_gt(count_pixels(&picture, TRAINING, half), 1000);
        ck_assert_uint_gt(count_pixels(&picture, VALIDATION, half), 1000);
        ck_assert_uint_gt(count_pixels(&picture, TEST, half), 500);
    }
    /* loss 2.25 to 0.5 and 2 to 0.75 falls; accuracy 0.25 to 0.75 and 0.5 to 0.625 rises */
    ck_assert_int_gt(height_at_end(&picture, TRAINING, false, false),
                     far + height_at_end(&picture, TRAINING, false, true));
    ck_assert_int_gt(height_at_end(&picture, VALIDATION, false, false),
                     far + height_at_end(&picture, VALIDATION, false, true));
    ck_assert_int_lt(height_at_end(&picture, TRAINING, true, false) + far,
                     height_at_end(&picture, TRAINING, true, true));
    ck_assert_int_lt(height_at_end(&picture, VALIDATION, true, false),
                     height_at_end(&picture, VALIDATION, true, true));
    /* the test's loss, 1.25, is between both ends; its line is level */
    const int test = height_at_end(&picture, TEST, false, false);
    ck_assert_int_eq(test, height_at_end(&picture, TEST, false, true));
    ck_assert_int_lt(test, height_at_end(&picture, TRAINING, false, false));
    ck_assert_int_gt(test, height_at_end(&picture, TRAINING, false, true));
    cairo_surface_destroy(picture.surface);
}
END_TEST

START_TEST(curves_of_training_alone)
{
    for (size_t e = 0; e < EPOCHS; e++)
        epochs[e].has_validation = false;
    result.has_test = false;
    write_run();
    struct curves_picture picture = read_picture();
    for (int half = 0; half < 2; half++) {
        ck_assert_uint_gt(count_pixels(&picture, TRAINING, half), 200);
        ck_assert_uint_eq(count_pixels(&picture, VALIDATION, half), 0);
        ck_assert_uint_eq(count_pixels(&picture, TEST, half), 0);
    }
    cairo_surface_destroy(picture.surface);
}
END_TEST

/* A run is not lost because its curves cannot be drawn. */
START_TEST(curves_of_odd_runs)
{
    static struct clm_epoch many[1000];
    static const double odd[] = {NAN, INFINITY, 1e308, 1e30, 0, 2.302585, 1e-30};
    const size_t counts[] = {0, 1, 2, 11, 41, 1000};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            for (size_t e = 0; e < counts[c]; e++)
                many[e] = (struct clm_epoch){
                    e + 1, 0.1, e % 3 ? odd[i] : 1, odd[i] <= 1 ? odd[i] : 0, true, odd[i], 1, 1, 1};
            record.epochs = many;
            record.epoch_count = counts[c];
            result.test.loss = odd[i];
            write_run();
            struct curves_picture picture = read_picture();
            ck_assert_uint_gt(count_pixels(&picture, TRAINING, false), 50); /* the legend at least */
            if (counts[c]) /* the first epoch's loss is 1 in each, and is always drawn */
                ck_assert_int_gt(height_at_end(&picture, TRAINING, false, false), 0);
            cairo_surface_destroy(picture.surface);
        }
}
END_TEST

START_TEST(names_of_any_bytes)
{
    char longest[2000];
    memset(longest, 0xE9, sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest + 1000, "\xC3\xA9/", 3);
    const char *const sources[] = {"/", "", "data/", "/data///", "caf\xE9.bin", "a\nb\t\"", longest};
    char *const own = data->source;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        data->source = strdup(sources[i]);
        write_run();
        struct curves_picture picture = read_picture();
        cairo_surface_destroy(picture.surface);
        json_decref(read_json());
        free(data->source);
    }
    data->source = own;
}
END_TEST

/* ---- usable and unusable directories ---- */

/* Begins, and ends without a net. */
static clm_status begin_and_end(const char *path)
{
    const clm_status status = run_directory_begin(path, false, &held, &error);
    run_directory_end(path, &held, false);
    return status;
}

START_TEST(begins)
{
    char *const deep = path_of("a/b"), *const above = path_of("a");
    struct stat about;
    ck_assert_msg(begin_and_end(directory) == CLM_OK, "%s", error.message);
    ck_assert_uint_eq(files_there(), 0); /* the lock is removed */
    ck_assert_msg(run_directory_begin(deep, false, &held, &error) == CLM_OK, "%s", error.message);
    ck_assert(!stat(deep, &about) && S_ISDIR(about.st_mode));
    run_directory_end(deep, &held, false);
    ck_assert(stat(above, &about) && errno == ENOENT);
    ck_assert_msg(run_directory_begin(deep, false, &held, &error) == CLM_OK, "%s", error.message);
    run_directory_end(deep, &held, true);
    ck_assert(!stat(deep, &about) && S_ISDIR(about.st_mode));
    ck_assert_msg(begin_and_end(deep) == CLM_OK, "%s", error.message);
    ck_assert(!stat(deep, &about)); /* made by another one */
    free(deep);
    free(above);
    free(test_file(directory, "notes.txt", "mine", 4));
    ck_assert_msg(begin_and_end(directory) == CLM_OK, "%s", error.message);
}
END_TEST

START_TEST(one_run_at_a_time)
{
    char *const path = path_of("run"), *const lock = path_of("run/.lock");
    struct run_claim second;
    struct stat about;
    ck_assert_msg(run_directory_begin(path, false, &held, &error) == CLM_OK, "%s", error.message);
    ck_assert_int_eq(run_directory_begin(path, false, &second, &error), CLM_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, path) && strstr(error.message, "another run"), "%s", error.message);
    ck_assert_str_eq(error.setting, "out");
    run_directory_end(path, &second, false);
    ck_assert_msg(!stat(lock, &about), "the second run has removed the first one's lock");
    /* what a killed run leaves locks nothing */
    close(held.lock);
    held.lock = -1;
    ck_assert_msg(run_directory_begin(path, false, &second, &error) == CLM_OK, "%s", error.message);
    run_directory_end(path, &second, true);
    ck_assert(stat(lock, &about) && errno == ENOENT);
    free(path);
    free(lock);
}
END_TEST

/* The file of a lock that another run removes just before it ends is no lock any more. */
START_TEST(many_runs_at_once)
{
    enum { PROCESSES = 8, ROUNDS = 50 };
    char *const path = path_of("a/run"), *const mark = path_of("inside");
    pid_t processes[PROCESSES];
    for (size_t p = 0; p < PROCESSES; p++) {
        processes[p] = fork();
        ck_assert_int_ge(processes[p], 0);
        if (processes[p])
            continue;
        int wrong = 0;
        for (int round = 0; round < ROUNDS; round++) {
            const clm_status status = run_directory_begin(path, false, &held, &error);
            if (status == CLM_OK) { /* alone? */
                wrong |= mkdir(mark, 0777) ? 1 : 0;
                wrong |= rmdir(mark) ? 2 : 0;
            } else if (!strstr(error.message, "another run"))
                wrong |= 4;
            run_directory_end(path, &held, false);
        }
        _exit(wrong);
    }
    for (size_t p = 0; p < PROCESSES; p++) {
        int state = 0;
        ck_assert_int_eq(waitpid(processes[p], &state, 0), processes[p]);
        ck_assert_int_eq(state, 0);
    }
    free(path);
    free(mark);
}
END_TEST

START_TEST(holds_a_run_already)
{
    static const char *const names[] = {"model.safetensors", "run.json", "history.csv", "curves.png",
                                        "checkpoint.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *const path = test_file(directory, names[i], "", 0);
        error = (struct clm_error){0};
        ck_assert_int_eq(begin_and_end(directory), CLM_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(error.message, directory));
        ck_assert_ptr_nonnull(strstr(error.message, names[i]));
        ck_assert_str_eq(error.setting, i < 4 ? "out" : "out resume");
        unlink(path);
        /* a link that leads nowhere counts as a file, too */
        ck_assert(!symlink("nowhere", path));
        ck_assert_int_eq(begin_and_end(directory), CLM_ERROR_ARGUMENT);
        unlink(path);
        free(path);
    }
    ck_assert_int_eq(begin_and_end(directory), CLM_OK);
}
END_TEST

static void assert_cannot_begin(const char *path, const char *part)
{
    error = (struct clm_error){0};
    ck_assert_int_eq(begin_and_end(path), CLM_ERROR_IO);
    ck_assert_int_eq(error.status, CLM_ERROR_IO);
    ck_assert_msg(strstr(error.message, path) != NULL, "no \"%s\" in: %s", path, error.message);
    ck_assert_msg(strstr(error.message, part) != NULL, "no \"%s\" in: %s", part, error.message);
}

START_TEST(cannot_be_used)
{
    char *const file = test_file(directory, "file", "", 0), *const below = path_of("file/run"),
                *const closed = path_of("closed");
    assert_cannot_begin("", "empty");
    assert_cannot_begin(file, "not a directory");
    assert_cannot_begin(below, "");
    assert_cannot_begin("/proc", "name another directory"); /* not even root can make a file there */
    if (geteuid() != 0) {                                   /* root may write there */
        ck_assert(!mkdir(closed, 0555));
        assert_cannot_begin(closed, strerror(EACCES));
    }
    free(file);
    free(below);
    free(closed);
}
END_TEST

/* ---- a full disk ---- */

/* Writes while no file may grow beyond `limit` bytes; Check must not assert then, as it writes a file. */
static clm_status write_on_full_disk(rlim_t limit)
{
    struct rlimit before, small;
    ck_assert(!getrlimit(RLIMIT_FSIZE, &before));
    small = before;
    small.rlim_cur = limit;
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    const int lowered = setrlimit(RLIMIT_FSIZE, &small);
    const clm_status status = run_directory_write(directory, &record, &error);
    const int restored = setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    ck_assert(!lowered && !restored);
    return status;
}

/* The net stays if it was written before. */
static void assert_model_left(rlim_t limit, const char *name, bool is_model_left)
{
    char *const path = path_of(name), *const kept_path = path_of("model.safetensors");
    error = (struct clm_error){0};
    ck_assert_int_eq(write_on_full_disk(limit), CLM_ERROR_IO);
    ck_assert_msg(strstr(error.message, path) != NULL, "no %s in: %s", name, error.message);
    ck_assert_ptr_nonnull(strstr(error.message, strerror(EFBIG)));
    ck_assert_int_eq(strstr(error.message, "the trained net is kept in ") != NULL, is_model_left);
    ck_assert_uint_eq(files_there(), is_model_left);
    if (is_model_left) {
        struct clm_model *kept = NULL;
        ck_assert_int_eq(clm_model_load(kept_path, &kept, &error), CLM_OK);
        clm_model_free(kept);
        unlink(kept_path);
    }
    free(kept_path);
    free(path);
}

static off_t size_of(const char *name)
{
    struct stat about;
    char *const path = path_of(name);
    ck_assert(!stat(path, &about));
    free(path);
    return about.st_size;
}

/* The disk becomes full at each of the files, which are written in this order, each larger than the last. */
START_TEST(full_disk)
{
    static struct clm_epoch many[100];
    static const char *const names[] = {"model.safetensors", "history.csv", "curves.png", "run.json"};
    char *const text = calloc(1, 1 << 20);
    off_t sizes[4];
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', (1 << 20) - 1);
    for (size_t e = 0; e < 100; e++)
        many[e] = (struct clm_epoch){e + 1,    1 / 3.0, 1 / (3 + (double)e), 1 / 7.0, true, 1 / 9.0, 1 / 11.0,
                                     1 / 13.0, 1 / 17.0};
    record.epochs = many;
    record.epoch_count = 100;
    const struct clm_train_hooks longer = {.argc = 1, .argv = (char *[]){text}};
    record.hooks = &longer;
    write_run();
    for (size_t i = 0; i < 4; i++) {
        sizes[i] = size_of(names[i]);
        ck_assert(!i || sizes[i] > sizes[i - 1]);
    }
    for (size_t i = 0; i < 4; i++) {
        char *const path = path_of(names[i]);
        unlink(path);
        free(path);
    }
    for (size_t i = 0; i < 4; i++)
        assert_model_left((rlim_t)sizes[i] - 1, names[i], i > 0);
    ck_assert_int_eq(write_on_full_disk((rlim_t)sizes[3]), CLM_OK);
    ck_assert_uint_eq(files_there(), 4);
    free(text);
}
END_TEST

START_TEST(directory_is_gone)
{
    ck_assert(!rmdir(directory));
    ck_assert_int_eq(run_directory_write(directory, &record, &error), CLM_ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "model.safetensors"));
    ck_assert_ptr_nonnull(strstr(error.message, strerror(ENOENT)));
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("run_directory");
    TCase *const cases = tcase_create("run_directory");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, report);
    tcase_add_test(cases, report_without_validation_and_test);
    tcase_add_test(cases, model_comes_back);
    tcase_add_test(cases, history);
    tcase_add_test(cases, curves_of_all_series);
    tcase_add_test(cases, curves_of_training_alone);
    tcase_add_test(cases, curves_of_odd_runs);
    tcase_add_test(cases, names_of_any_bytes);
    tcase_add_test(cases, begins);
    tcase_add_test(cases, one_run_at_a_time);
    tcase_add_test(cases, many_runs_at_once);
    tcase_add_test(cases, holds_a_run_already);
    tcase_add_test(cases, cannot_be_used);
    tcase_add_test(cases, full_disk);
    tcase_add_test(cases, directory_is_gone);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
