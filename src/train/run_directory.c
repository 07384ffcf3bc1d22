#include "train/run_directory.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "data/data.h"
#include "nn/model.h"
#include "train/checkpoint.h"
#include "train/curves.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- run.json ---- */

/* JSON has no NaN and no infinity: null stands for both. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* JSON's integers end at 2^63; a larger number becomes text, which is exact, too. */
static json_t *run_directory_whole(uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_string(digits);
}

static json_t *text(const char *bytes)
{
    char *const copy = utf8_copy(bytes);
    json_t *const value = copy ? json_string(copy) : NULL;
    free(copy);
    return value;
}

/* A list of items from 0 on; NULL if memory runs out. */
static json_t *list_of(size_t count, json_t *(*item)(const void *of, size_t index), const void *of)
{
    json_t *const list = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, item(of, i))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *argument_at(const void *hooks, size_t index)
{
    return text(((const struct clm_train_hooks *)hooks)->argv[index]);
}

static json_t *size_at(const void *sizes, size_t index)
{
    return json_integer((json_int_t)((const size_t *)sizes)[index]);
}

static json_t *width_at(const void *model, size_t index)
{
    return json_integer((json_int_t)clm_model_width(model, index));
}

static json_t *device_of(const struct clm_backend *backend)
{
    return json_pack("{ss so ss}", "backend", clm_backend_name(backend), "name",
                     text(clm_backend_device(backend)), "provider", clm_backend_provider(backend));
}

static json_t *target_name_at(const void *data, size_t index)
{
    return text(clm_data_target_name(data, index));
}

static json_t *data_of(const struct clm_data *data)
{
    json_t *const object =
        json_pack("{so ss sI sI sI sI sI}", "source", text(data->source), "format", data->format, "features",
                  (json_int_t)data->features, "classes", (json_int_t)data->classes, "train_rows",
                  (json_int_t)data->train.count, "val_rows", (json_int_t)data->validation.count, "test_rows",
                  (json_int_t)data->test.count);
    if (!object || !data->target_count ||
        json_object_set_new(object, "targets", list_of(data->target_count, target_name_at, data)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* Puts a value into an object; false if memory runs out. */
static bool put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

/* The figures of an epoch, in the order of history.csv's columns; those of regression come instead of the
 * accuracies. */
struct named_figure {
    const char *name;
    double value;
    bool is_there; /* else null, or an empty field */
};

enum { FIGURES_MOST = 16 };

static bool is_regression(const struct run_record *record)
{
    return loss_table[record->model->architecture.loss.kind].is_regression;
}

static size_t add_figure(struct named_figure *figures, size_t count, const char *name, double value,
                         bool is_there)
{
    figures[count] = (struct named_figure){name, value, is_there};
    return count + 1;
}

static bool has_nets(const struct run_record *record)
{
    return clm_model_nets(record->model) > 1;
}

static size_t list_figures(const struct run_record *record, const struct clm_epoch *epoch,
                           struct named_figure figures[FIGURES_MOST])
{
    const bool has = epoch->has_validation, is_of_numbers = is_regression(record),
               has_accuracy = !record->data->target_count;
    size_t n = 0;
    if (has_nets(record))
        n = add_figure(figures, n, "net", (double)epoch->net, true);
    n = add_figure(figures, n, "learning_rate", epoch->learning_rate, true);
    n = add_figure(figures, n, "train_loss", epoch->train_loss, true);
    if (has_accuracy)
        n = add_figure(figures, n, "train_accuracy", epoch->train_accuracy, true);
    n = add_figure(figures, n, "val_loss", epoch->validation_loss, has);
    if (is_of_numbers) {
        n = add_figure(figures, n, "val_rmse", epoch->validation_rmse, has);
        n = add_figure(figures, n, "val_mae", epoch->validation_mae, has);
        n = add_figure(figures, n, "val_r2", epoch->validation_r2, has);
    } else
        n = add_figure(figures, n, "val_accuracy", epoch->validation_accuracy, has);
    n = add_figure(figures, n, "seconds", epoch->seconds, true);
    n = add_figure(figures, n, "samples_per_s", epoch->samples_per_s, true);
    if (!epoch->has_train_score)
        return n;
    n = add_figure(figures, n, "train_score_loss", epoch->train_score_loss, true);
    if (!is_of_numbers)
        return add_figure(figures, n, "train_score_accuracy", epoch->train_score_accuracy, true);
    n = add_figure(figures, n, "train_score_rmse", epoch->train_score_rmse, true);
    n = add_figure(figures, n, "train_score_mae", epoch->train_score_mae, true);
    return add_figure(figures, n, "train_score_r2", epoch->train_score_r2, true);
}

static json_t *epoch_at(const void *record_, size_t index)
{
    const struct run_record *const record = record_;
    const struct clm_epoch *const epoch = record->epochs + index;
    struct named_figure figures[FIGURES_MOST];
    const size_t count = list_figures(record, epoch, figures);
    json_t *const object = json_pack("{sI}", "epoch", (json_int_t)epoch->epoch);
    bool is_whole = object != NULL;
    for (size_t i = 0; is_whole && i < count; i++)
        is_whole = put(object, figures[i].name,
                       !strcmp(figures[i].name, "net") ? json_integer((json_int_t)epoch->net)
                       : figures[i].is_there           ? number(figures[i].value)
                                                       : json_null());
    if (is_whole)
        return object;
    json_decref(object);
    return NULL;
}

char *run_directory_epoch_line(const struct run_record *record, size_t index)
{
    char when[32] = "", *text = NULL, *line = NULL;
    const time_t now = time(NULL);
    struct tm utc;
    json_t *const epoch = epoch_at(record, index);
    if (gmtime_r(&now, &utc))
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (epoch && put(epoch, "epochs", json_integer((json_int_t)record->epochs_wanted)) &&
        put(epoch, "time", json_string(when)))
        text = json_dumps(epoch, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    json_decref(epoch);
    return line;
}

/* The test score: loss and accuracy, or of regression RMSE, MAE and R2 beside the loss. */
static json_t *test_of(const struct run_record *record)
{
    const struct clm_score *const test = &record->result->test;
    if (is_regression(record))
        return json_pack("{so so so so}", "loss", number(test->loss), "rmse", number(test->rmse), "mae",
                         number(test->mae), "r2", number(test->r2));
    if (record->data->target_count)
        return json_pack("{so so so}", "loss", number(test->loss), "accuracy", number(test->accuracy),
                         "exact_match", number(test->exact));
    return json_pack("{so so}", "loss", number(test->loss), "accuracy", number(test->accuracy));
}

/* What a net of the ensemble did: its seed, how many epochs, and the scores of validation rows at the end. */
static json_t *net_at(const void *record_, size_t index)
{
    const struct run_record *const record = record_;
    const struct clm_model *const net = clm_model_net(record->model, index);
    size_t epochs = 0;
    for (size_t e = 0; e < record->epoch_count; e++)
        epochs += record->epochs[e].net == index + 1;
    return json_pack("{so sI sI}", "seed", run_directory_whole(net->seed), "epochs", (json_int_t)epochs,
                     "kept_epoch", (json_int_t)record->kept_epochs[index]);
}

/* Scores of the mean of all nets, and the mean of the single nets' scores. */
static json_t *score_of_nets(const struct run_record *record, const struct clm_score *score)
{
    if (is_regression(record))
        return json_pack("{so so so so}", "loss", number(score->loss), "rmse", number(score->rmse), "mae",
                         number(score->mae), "r2", number(score->r2));
    return json_pack("{so so}", "loss", number(score->loss), "accuracy", number(score->accuracy));
}

/* Adds what is told of an ensemble; false if memory runs out. */
static bool put_ensemble(json_t *report, const struct run_record *record)
{
    const struct clm_train_result *const result = record->result;
    const struct clm_score validation = {.loss = result->kept.validation_loss,
                                         .accuracy = result->kept.validation_accuracy,
                                         .rmse = result->kept.validation_rmse,
                                         .mae = result->kept.validation_mae,
                                         .r2 = result->kept.validation_r2};
    if (!has_nets(record))
        return true;
    bool is_whole = put(report, "nets", list_of(clm_model_nets(record->model), net_at, record));
    if (is_whole && result->kept.has_validation)
        is_whole = put(report, "val", score_of_nets(record, &validation)) &&
                   put(report, "val_of_single_nets", score_of_nets(record, &result->nets_validation));
    return is_whole && (!result->has_test ||
                        put(report, "test_of_single_nets", score_of_nets(record, &result->nets_test)));
}

static json_t *class_weight_at(const void *weights, size_t index)
{
    return number(((const struct row_weights *)weights)->of_class[index]);
}

/* The weights that were used; null if all rows counted the same. */
static json_t *weights_of(const struct run_record *record)
{
    const struct row_weights *const weights = record->weights;
    if (!weights || !weights->of_row)
        return json_null();
    return json_pack("{so sb so}", "classes", list_of(record->data->classes, class_weight_at, weights),
                     "of_rows", record->data->train.weights != NULL, "mean", number(weights->mean));
}

static json_t *run_directory_augmentation_of(const struct clm_augmentation *changes)
{
    return json_pack("{sb sI sI so so}", "flip", changes->flip, "shift", (json_int_t)changes->shift, "cutout",
                     (json_int_t)changes->cutout, "mixup", number(changes->mixup), "noise",
                     number(changes->noise));
}

static json_t *setting_of(const struct clm_settings *settings, const struct clm_setting *setting)
{
    const char *const name = setting->name, *const words = clm_settings_text(settings, name);
    if (!strcmp(name, "hidden") && clm_settings_text(settings, "layers"))
        return json_null(); /* its default, which layers replaces */
    const size_t *sizes;
    size_t count;
    if (setting->type == CLM_SETTING_AUGMENTATION)
        return run_directory_augmentation_of(clm_settings_augmentation(settings, name));
    if (!words)
        return json_null();
    switch (setting->type) {
    case CLM_SETTING_COUNT:
    case CLM_SETTING_BYTES:
        return run_directory_whole(clm_settings_count(settings, name));
    case CLM_SETTING_SHARE:
        if (isnan(clm_settings_number(settings, name)))
            return text(words);
        return number(clm_settings_number(settings, name));
    case CLM_SETTING_NUMBER:
    case CLM_SETTING_DURATION:
        return number(clm_settings_number(settings, name));
    case CLM_SETTING_FLAG:
        return json_boolean(clm_settings_count(settings, name));
    case CLM_SETTING_SIZES:
    case CLM_SETTING_WIDTHS:
        sizes = clm_settings_sizes(settings, name, &count);
        return list_of(count, size_at, sizes);
    default:
        return text(words);
    }
}

/* Two settings keep their longer names in run.json, for its readers. */
static const char *key_of(const char *name)
{
    return !strcmp(name, "lr") ? "learning_rate" : !strcmp(name, "augment") ? "augmentation" : name;
}

/* All saved settings of train, with defaults; null for one without a value. */
static json_t *settings_of(const struct clm_settings *settings)
{
    json_t *object = json_object();
    const struct clm_setting *setting;
    for (size_t i = 0; object && (setting = clm_setting_at("train", i)); i++)
        if (setting->is_saved &&
            json_object_set_new(object, key_of(setting->name), setting_of(settings, setting))) {
            json_decref(object);
            object = NULL;
        }
    return object;
}

/* What was calibrated. */
static json_t *calibration_of(const struct clm_calibration *calibration)
{
    if (calibration->intervals)
        return json_pack("{ss sI}", "intervals", calibration->intervals, "rows",
                         (json_int_t)calibration->rows);
    return json_pack("{so sI so so so so}", "temperature",
                     calibration->is_fitted ? number(calibration->temperature) : json_null(), "rows",
                     (json_int_t)calibration->rows, "loss_before", number(calibration->loss_before),
                     "loss_after", number(calibration->loss_after), "error_before",
                     number(calibration->error_before), "error_after", number(calibration->error_after));
}

/* Where the run was stopped: in this epoch, after so many of its rows. */
static json_t *stopped_of(const struct clm_train_result *result)
{
    return json_pack("{sI sI sb}", "epoch", (json_int_t)(result->epochs + 1), "rows",
                     (json_int_t)result->rows_done, "has_checkpoint", result->can_resume);
}

static json_t *report_of(const struct run_record *record)
{
    const struct clm_train_hooks *const hooks = record->hooks;
    json_t *const report = json_pack(
        "{ss ss so so so so so so sI so}", "program", "clmlp", "version", clm_version(), "arguments",
        list_of(hooks->argv ? (size_t)hooks->argc : 0, argument_at, hooks), "device",
        device_of(record->backend), "data", data_of(record->data), "layers",
        list_of(clm_model_depth(record->model) + 1, width_at, record->model), "settings",
        settings_of(record->settings), "weights", weights_of(record), "kept_epoch",
        (json_int_t)record->result->kept.epoch, "epochs", list_of(record->epoch_count, epoch_at, record));
    if (report && record->result->has_test && !put(report, "test", test_of(record))) {
        json_decref(report);
        return NULL;
    }
    if (report && record->result->calibration.rows &&
        !put(report, "calibration", calibration_of(&record->result->calibration))) {
        json_decref(report);
        return NULL;
    }
    if (report && record->result->is_stopped && !put(report, "stopped", stopped_of(record->result))) {
        json_decref(report);
        return NULL;
    }
    if (report && !put_ensemble(report, record)) {
        json_decref(report);
        return NULL;
    }
    return report;
}

static clm_status run_directory_write_report(const char *path, const struct run_record *record,
                                             struct clm_error *error)
{
    json_t *const report = report_of(record);
    char *const bytes = report ? json_dumps(report, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    const clm_status status =
        bytes ? clm_write_file(path, bytes, strlen(bytes), error) : clm_fail_host_memory(error, path, 0);
    free(bytes);
    json_decref(report);
    return status;
}

/* ---- history.csv ---- */

static void run_directory_print_epoch(FILE *stream, const struct run_record *record,
                                      const struct clm_epoch *epoch)
{
    struct named_figure figures[FIGURES_MOST];
    const size_t count = list_figures(record, epoch, figures);
    fprintf(stream, "%zu", epoch->epoch);
    for (size_t i = 0; i < count; i++) {
        const bool is_of_time =
            !strcmp(figures[i].name, "seconds") || !strcmp(figures[i].name, "samples_per_s");
        fputc(',', stream);
        if (figures[i].is_there)
            fprintf(stream, is_of_time ? "%.6g" : "%.9g", figures[i].value);
    }
    fputc('\n', stream);
}

static void print_history_heading(FILE *stream, const struct run_record *record)
{
    struct named_figure figures[FIGURES_MOST];
    const struct clm_epoch none = {0};
    const size_t count = list_figures(record, record->epoch_count ? record->epochs : &none, figures);
    fprintf(stream, "epoch");
    for (size_t i = 0; i < count; i++)
        fprintf(stream, ",%s", figures[i].name);
    fputc('\n', stream);
}

static clm_status write_history(const char *path, const struct run_record *record, struct clm_error *error)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&bytes, &size);
    if (!stream)
        return clm_fail_host_memory(error, path, 0);
    print_history_heading(stream, record);
    for (size_t i = 0; i < record->epoch_count; i++)
        run_directory_print_epoch(stream, record, &record->epochs[i]);
    const clm_status status = text_close(stream, &bytes) ? clm_write_file(path, bytes, size, error)
                                                         : clm_fail_host_memory(error, path, size);
    free(bytes);
    return status;
}

/* ---- curves.png ---- */

/* "fashion-mnist, 784-256-128-10, blas"; the caller frees it. NULL if memory runs out. */
static char *make_title(const struct run_record *record)
{
    const char *const source = record->data->source;
    char *const widths = architecture_widths_text(&record->model->architecture, '-'), *title = NULL;
    size_t end = strlen(source);
    while (end > 1 && source[end - 1] == '/')
        end--;
    const char *const slash = memrchr(source, '/', end), *const name = slash && end > 1 ? slash + 1 : source;
    if (!widths || asprintf(&title, "%.*s, %s, %s", (int)(source + end - name), name, widths,
                            clm_backend_name(record->backend)) < 0)
        title = NULL;
    free(widths);
    return title;
}

static clm_status write_curves(const char *path, const struct run_record *record, struct clm_error *error)
{
    char *const title = make_title(record);
    if (!title)
        return clm_fail_host_memory(error, path, strlen(record->data->source));
    size_t count = 0; /* epochs of the first net */
    while (count < record->epoch_count && record->epochs[count].net <= 1)
        count++;
    const clm_status status =
        curves_draw(record->epochs, count, record->result->has_test ? &record->result->test : NULL,
                    is_regression(record), title, path, error);
    free(title);
    return status;
}

/* ---- all of it ---- */

static clm_status write_model(const char *path, const struct run_record *record, struct clm_error *error)
{
    return clm_model_save(record->model, path, error);
}

/* In the order of writing: a directory with a run.json is complete. */
static const struct {
    const char *name;
    clm_status (*write)(const char *path, const struct run_record *record, struct clm_error *error);
} files[] = {{"model.safetensors", write_model},
             {"history.csv", write_history},
             {"curves.png", write_curves},
             {"run.json", run_directory_write_report}};

enum { RUN_MODEL, RUN_FILE_COUNT = sizeof files / sizeof *files, RUN_REPORT = RUN_FILE_COUNT - 1 };

static clm_status run_directory_refuse_existing(const char *path, const char *name, struct clm_error *error)
{
    struct stat about;
    char *const file = path_join(path, name);
    if (!file)
        return clm_fail_host_memory(error, path, strlen(path));
    const int reason = lstat(file, &about) ? errno : 0;
    free(file);
    if (reason == ENOENT)
        return CLM_OK;
    if (reason)
        return clm_fail(error, CLM_ERROR_IO, "%s: whether %s is there cannot be told: %s", path, name,
                        strerror(reason));
    if (!strcmp(name, CHECKPOINT))
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "out resume",
            "%s holds a run that was stopped (%s); go on with it by resume, name another directory, or move this one away",
            path, name);
    return clm_fail_setting(
        error, CLM_ERROR_ARGUMENT, "out",
        "%s holds a run already (%s); nothing is overwritten: name another directory, or move this one away",
        path, name);
}

/* A run that goes on replaces what its stop has written, but no complete run: run.json says which it is. */
static clm_status refuse_complete(const char *path, struct clm_error *error)
{
    char *const file = path_join(path, files[RUN_REPORT].name);
    unsigned char *bytes = NULL;
    size_t size = 0;
    json_t *report = NULL;
    if (!file)
        return clm_fail_host_memory(error, path, strlen(path));
    clm_status status = is_there(file) ? file_read(file, SIZE_MAX - 1, &bytes, &size, error) : CLM_OK;
    if (status == CLM_OK && bytes)
        status = json_parse(file, "it", (const char *)bytes, size, &report, error);
    if (status == CLM_OK && report && !json_object_get(report, "stopped"))
        status = clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "resume init",
            "%s holds a complete run; nothing is left to do. Another run can begin from its net by init",
            path);
    json_decref(report);
    free(bytes);
    free(file);
    return status;
}

/* ---- the claim ---- */

#define LOCK ".lock"

/* Opens and locks the file, and makes it if it is missing. Returns -1, with the reason in errno, if that
 * fails: EAGAIN if another run has the lock. On a file system without locks, the file alone is made. */
static int lock_file(const char *path)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat about = {0};
    int file = -1, reason = 0;
    while (!reason && !about.st_nlink) { /* else the run that had it has just removed it */
        if (file >= 0)
            close(file);
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file < 0)
            return -1;
        const bool is_taken = fcntl(file, F_OFD_SETLK, &whole) && (errno == EAGAIN || errno == EACCES);
        reason = is_taken ? EAGAIN : fstat(file, &about) ? errno : 0;
    }
    if (reason && reason != EAGAIN)
        unlink(path); /* while the lock is ours */
    if (reason) {
        close(file);
        errno = reason;
        return -1;
    }
    return file;
}

enum { TRIES_MOST = 100 };

/* Makes the directory and locks it; again, if a run that fails removes it meanwhile. The lock's file shows
 * that files can be made there: better before hours of training than after. */
static clm_status claim(const char *path, struct run_claim *out, struct clm_error *error)
{
    char *const file = path_join(path, LOCK);
    clm_status status = file ? CLM_OK : clm_fail_host_memory(error, path, strlen(path));
    int reason = ENOENT;
    for (int i = 0; status == CLM_OK && reason == ENOENT && i < TRIES_MOST; i++)
        if ((status = directory_make(path, &out->made, error)) == CLM_OK)
            reason = (out->lock = lock_file(file)) < 0 ? errno : 0;
    free(file);
    if (status == CLM_OK && reason == EAGAIN)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "out",
            "%s: another run is at work in this directory; name another one, or wait until that run has ended",
            path);
    if (status == CLM_OK && reason)
        return clm_fail_setting(error, CLM_ERROR_IO, "out",
                                "%s: no file can be made in it (%s); name another directory", path,
                                strerror(reason));
    return status;
}

clm_status run_directory_begin(const char *path, bool goes_on, struct run_claim *out, struct clm_error *error)
{
    *out = (struct run_claim){.lock = -1};
    clm_status status = claim(path, out, error);
    if (status == CLM_OK && goes_on)
        return refuse_complete(path, error);
    /* of a run that was killed between a checkpoint and its end, the checkpoint tells most */
    if (status == CLM_OK)
        status = run_directory_refuse_existing(path, CHECKPOINT, error);
    for (size_t i = 0; status == CLM_OK && i < RUN_FILE_COUNT; i++)
        status = run_directory_refuse_existing(path, files[i].name, error);
    return status;
}

void run_directory_end(const char *path, struct run_claim *claim, bool is_kept)
{
    char *const file = claim->lock < 0 ? NULL : path_join(path, LOCK);
    if (file)
        unlink(file);
    free(file);
    if (!is_kept)
        directory_unmake(path, claim->made);
    if (claim->lock >= 0)
        close(claim->lock);
    *claim = (struct run_claim){.lock = -1};
}

/* Added to the sentence about what could not be written. */
static void tell_model_stays(const char *path, struct clm_error *error)
{
    const size_t used = error ? strlen(error->message) : 0;
    if (error)
        snprintf(error->message + used, sizeof error->message - used, "; the trained net is kept in %s",
                 path);
}

clm_status run_directory_write(const char *path, const struct run_record *record, struct clm_error *error)
{
    char *paths[RUN_FILE_COUNT] = {NULL};
    size_t written = 0;
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < RUN_FILE_COUNT; i++)
        if (!(paths[i] = path_join(path, files[i].name)))
            status = clm_fail_host_memory(error, path, strlen(path));
    for (; status == CLM_OK && written < RUN_FILE_COUNT; written += status == CLM_OK)
        status = files[written].write(paths[written], record, error);
    if (status != CLM_OK && written)
        tell_model_stays(paths[RUN_MODEL], error);
    for (size_t i = RUN_MODEL + 1; status != CLM_OK && i < written; i++)
        unlink(paths[i]);
    for (size_t i = 0; i < RUN_FILE_COUNT; i++)
        free(paths[i]);
    return status;
}
