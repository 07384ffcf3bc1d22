/* clmlp train: reads the data, trains a net, prints the table of epochs, writes the run directory. */
#include "cli/train.h"

#include "cli/prediction.h"
#include "cli/progress.h"
#include "cli/shares.h"
#include "cli/signals.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the printing functions need to know of a run. */
struct training_run {
    const struct clm_settings *settings;
    const struct clm_backend *backend;
    bool is_quiet;
    bool has_targets;   /* not classes */
    bool is_regression; /* of targets: rmse and r2 are the scores, not accuracy */
    bool is_ensemble;   /* of several nets */
    bool has_heading;   /* the table of epochs */
};

/* ---- what is printed ---- */

/* Prints how the validation rows were chosen; nothing if they are the last rows. */
static void print_split(const struct clm_settings *settings)
{
    if (clm_settings_count(settings, "val-by") != CLM_SPLIT_LAST)
        printf(" (%s, seed %s)", clm_settings_text(settings, "val-by"),
               clm_settings_text(settings, "val-seed"));
}

/* Whether --hidden and --activation say all of the net. */
static bool has_plain_layers(const struct clm_model *model, const char *layers)
{
    const size_t depth = clm_model_depth(model);
    bool is_alike = true;
    for (size_t l = 1; l + 1 < depth && clm_model_activation(model, 0); l++)
        is_alike = is_alike && !strcmp(clm_model_activation(model, l), clm_model_activation(model, 0));
    return is_alike && !strchr(layers, '=') && !strstr(layers, "skip");
}

static void print_layers(const struct clm_settings *settings, const struct clm_model *model)
{
    char *const layers = clm_model_layers(model);
    const bool has_text = layers && !has_plain_layers(model, layers);
    printf("net       ");
    for (size_t l = 0; l <= clm_model_depth(model); l++)
        printf("%s%zu", l ? "-" : "", clm_model_width(model, l));
    printf(", %zu parameters", clm_model_parameters(model));
    if (clm_model_nets(model) > 1)
        printf(" in each of %zu nets", clm_model_nets(model));
    if (has_text)
        printf("\nlayers    %s", layers);
    else if (clm_model_depth(model) > 1)
        printf(", %s", clm_settings_text(settings, "layers") ? clm_model_activation(model, 0)
                                                             : clm_settings_text(settings, "activation"));
    putchar('\n');
    free(layers);
}

/* "loss      huber with delta 1"; nothing for cross-entropy without smoothing. */
static void print_loss(const struct clm_model *model)
{
    const struct clm_loss loss = clm_model_loss(model);
    if (!strcmp(loss.name, "cross-entropy") && loss.smoothing == 0)
        return;
    printf("loss      %s", loss.name);
    if (loss.smoothing > 0)
        printf(" with smoothing %g", loss.smoothing);
    if (!strcmp(loss.name, "focal"))
        printf(" with gamma %g", loss.gamma);
    if (!strcmp(loss.name, "huber"))
        printf(" with delta %g", loss.delta);
    for (size_t q = 0; q < loss.quantile_count; q++)
        printf("%s%g", q ? ", " : " of ", loss.quantiles[q]);
    putchar('\n');
}

static void print_header(const struct clm_settings *settings, const struct clm_data *data,
                         const struct clm_model *model, const struct clm_backend *backend)
{
    printf("data      %s (%s): %zu training", clm_data_source(data), clm_data_format(data),
           clm_data_rows(data, CLM_TRAIN));
    if (clm_data_rows(data, CLM_VALIDATION)) {
        printf(", %zu validation", clm_data_rows(data, CLM_VALIDATION));
        print_split(settings);
    }
    if (clm_data_rows(data, CLM_TEST))
        printf(", %zu test", clm_data_rows(data, CLM_TEST));
    const size_t targets = clm_data_targets(data);
    printf(" rows of %zu %s, %zu %s\n", clm_data_features(data), clm_data_is_bytes(data) ? "bytes" : "floats",
           targets ? targets : clm_data_classes(data),
           targets == 1 ? "target"
           : targets    ? "targets"
                        : "classes");
    if (clm_data_label_column(data))
        printf("%s   %s\n", targets ? "targets" : "labels ", printable(clm_data_label_column(data)).text);
    print_layers(settings, model);
    print_loss(model);
    printf("backend   %s on %s\n", clm_backend_name(backend), printable(clm_backend_device(backend)).text);
}

/* Prints how the inputs are standardised; nothing if they are not. */
static void print_inputs(enum clm_standardise how, const struct clm_standardised *fitted, size_t features)
{
    if (how == CLM_STANDARDISE_GLOBAL)
        printf("inputs    standardised by mean %.6g and deviation %.6g of all values in %zu training rows%s",
               fitted->mean, fitted->deviation, fitted->rows,
               fitted->constant ? "; they never change, and so are 0" : "");
    if (how == CLM_STANDARDISE_FEATURE)
        printf("inputs    standardised, each of %zu features by its mean and deviation in %zu training rows",
               features, fitted->rows);
    if (how == CLM_STANDARDISE_FEATURE && fitted->constant)
        printf("; %zu never change%s, and so %s 0", fitted->constant, fitted->constant == 1 ? "s" : "",
               fitted->constant == 1 ? "is" : "are");
    if (how != CLM_STANDARDISE_NONE)
        putchar('\n');
}

/* "momentum 0.9, " or "adamw beta1 0.9 beta2 0.999 epsilon 1e-08 weight-decay 0.01, ": the numbers that the
 * rule has. */
static void print_rule(const struct clm_settings *settings)
{
    static const char *const names[] = {"beta1", "beta2", "epsilon", "weight-decay"};
    const char *const rule = clm_settings_text(settings, "optimizer");
    const bool is_sgd = !strcmp(rule, "sgd");
    if (!is_sgd)
        fputs(rule, stdout);
    if (is_sgd || !strcmp(rule, "nesterov"))
        printf("%smomentum %g", is_sgd ? "" : " ", clm_settings_number(settings, "momentum"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (clm_settings_is_set(settings, names[i]))
            printf(" %s %g", names[i], clm_settings_number(settings, names[i]));
    if (clm_settings_number(settings, "l1") > 0)
        printf(" l1 %g", clm_settings_number(settings, "l1"));
    if (clm_settings_is_set(settings, "clip-norm"))
        printf(" clip-norm %g", clm_settings_number(settings, "clip-norm"));
    if (clm_settings_is_set(settings, "average"))
        printf(" average %g", clm_settings_number(settings, "average"));
    printf(", ");
}

static void print_settings(const struct clm_settings *settings, size_t rows)
{
    const size_t epochs = clm_settings_count(settings, "epochs"),
                 batch = clm_settings_count(settings, "batch"),
                 accumulate = clm_settings_count(settings, "accumulate"), step_rows = batch * accumulate,
                 steps = rows / step_rows + (rows % step_rows != 0);
    char together[48] = "";
    if (accumulate > 1)
        snprintf(together, sizeof together, " (%zu a step)", accumulate);
    printf("training  %zu epoch%s of %zu step%s, minibatches of %zu%s, learning rate %g (%s), ", epochs,
           epochs == 1 ? "" : "s", steps, steps == 1 ? "" : "s", batch, together,
           clm_settings_number(settings, "lr"), clm_settings_text(settings, "schedule"));
    print_rule(settings);
    printf("l2 %g, seed %s%s\n", clm_settings_number(settings, "l2"), clm_settings_text(settings, "seed"),
           clm_settings_count(settings, "shuffle") ? "" : ", not shuffled");
}

/* "weights   balanced: setosa 0.5, 1 2"; nothing without weights of classes. */
static void print_weights(const struct clm_settings *settings, const struct clm_data *data,
                          const double *weights)
{
    enum { SHOWN = 10 };
    const size_t classes = clm_data_classes(data);
    if (!weights)
        return;
    printf("weights   %s", printable(clm_settings_text(settings, "class-weight")).text);
    for (size_t c = 0; c < classes && c < SHOWN; c++) {
        const char *const name = clm_data_class_name(data, c);
        printf("%s", c ? ", " : ": ");
        if (name)
            printf("%s %.4g", printable(name).text, weights[c]);
        else
            printf("%zu %.4g", c, weights[c]);
    }
    printf("%s\n", classes > SHOWN ? ", ..." : "");
}

/* "augment   flip, shift 4, noise 0.05" */
static void print_augmentation(const char *changes)
{
    if (!changes)
        return;
    printf("augment   ");
    for (; *changes; changes++)
        if (*changes == ',')
            printf(", ");
        else
            putchar(*changes == '=' ? ' ' : *changes);
    putchar('\n');
}

/* "45.3 MiB", in the caller's text. */
static const char *size_text(char text[32], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        size /= 1024;
    snprintf(text, 32, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return text;
}

static void print_plan(void *user, const struct clm_memory_plan *plan)
{
    const struct training_run *const run = user;
    char text[32];
    signals_take(); /* choosing the products has built kernels */
    if (run->is_quiet)
        return;
    printf("products  by %s\n\nmemory planned on the device\n", clm_backend_provider(run->backend));
    for (size_t i = 0; i < plan->part_count; i++)
        printf("  %-28s %11s\n", plan->parts[i].name, size_text(text, plan->parts[i].bytes));
    printf("  %-28s %11s", "at the peak", size_text(text, plan->total));
    if (plan->available)
        printf(" of %s", size_text(text, plan->available));
    printf("\n\n");
}

static void print_heading(const struct training_run *run, const struct clm_epoch *epoch)
{
    const bool is_regression = run->is_regression;
    printf("%sepoch        lr  train loss%s", run->is_ensemble ? "net  " : "",
           run->has_targets ? "" : "  train acc");
    if (epoch->has_train_score)
        printf("%s", is_regression ? "  score loss  score RMSE  score R2" : "  score loss  score acc");
    if (epoch->has_validation)
        printf("%s", is_regression ? "  val loss   val RMSE    val R2" : "  val loss  val acc");
    printf("  seconds  samples/s\n");
}

static void cli_train_print_epoch(void *user, const struct clm_epoch *epoch)
{
    struct training_run *const run = user;
    signals_take(); /* the first epoch builds kernels, too */
    progress_clear();
    if (run->is_quiet)
        return;
    if (!run->has_heading)
        print_heading(run, epoch);
    run->has_heading = true;
    if (run->is_ensemble)
        printf("%3zu  ", epoch->net);
    printf("%5zu  %8.4g  %10.5f", epoch->epoch, epoch->learning_rate, epoch->train_loss);
    if (!run->has_targets)
        printf("  %7.2f %%", 100 * epoch->train_accuracy);
    if (epoch->has_train_score && run->is_regression)
        printf("  %10.5f  %10.5g  %8.5f", epoch->train_score_loss, epoch->train_score_rmse,
               epoch->train_score_r2);
    else if (epoch->has_train_score)
        printf("  %10.5f  %7.2f %%", epoch->train_score_loss, 100 * epoch->train_score_accuracy);
    if (epoch->has_validation && run->is_regression)
        printf("  %8.5f  %9.5g  %8.5f", epoch->validation_loss, epoch->validation_rmse, epoch->validation_r2);
    else if (epoch->has_validation)
        printf("  %8.5f  %5.2f %%", epoch->validation_loss, 100 * epoch->validation_accuracy);
    printf("  %7.2f  %9.0f\n", epoch->seconds, epoch->samples_per_s);
}

/* "test      loss 0.01234, accuracy 98.10 % of 100 rows", or of regression its RMSE, MAE and R2. */
static void print_scores(const struct training_run *run, const char *part, const struct clm_score *score)
{
    printf("%-9s loss %.5f", part, score->loss);
    if (run->is_regression)
        printf(", RMSE %.6g, MAE %.6g, R2 %.5f", score->rmse, score->mae, score->r2);
    else
        printf(", accuracy %.2f %%", 100 * score->accuracy);
    if (run->has_targets && !run->is_regression && !isnan(score->exact))
        printf(", exact %.2f %%", 100 * score->exact);
    printf(" of %zu rows\n", score->rows);
}

/* "          its nets alone, in the mean: loss 0.3, accuracy 88.10 %", under the score of an ensemble. */
static void print_single(const struct training_run *run, const struct clm_score *mean)
{
    if (!run->is_ensemble || !mean->rows)
        return;
    printf("          its nets alone, in the mean: loss %.5f", mean->loss);
    if (run->is_regression)
        printf(", RMSE %.6g, MAE %.6g, R2 %.5f\n", mean->rmse, mean->mae, mean->r2);
    else
        printf(", accuracy %.2f %%\n", 100 * mean->accuracy);
}

/* Prints the score of the test set; without it, of the validation rows; without them, of training. */
static void print_score(const struct training_run *run, const struct clm_train_result *result,
                        const struct clm_data *data)
{
    const struct clm_epoch *const last = &result->kept;
    const struct clm_score validation = {.rows = clm_data_rows(data, CLM_VALIDATION),
                                         .loss = last->validation_loss,
                                         .accuracy = last->validation_accuracy,
                                         .rmse = last->validation_rmse,
                                         .mae = last->validation_mae,
                                         .r2 = last->validation_r2,
                                         .exact = NAN},
                           training = {.rows = clm_data_rows(data, CLM_TRAIN),
                                       .loss = last->train_score_loss,
                                       .accuracy = last->train_score_accuracy,
                                       .rmse = last->train_score_rmse,
                                       .mae = last->train_score_mae,
                                       .r2 = last->train_score_r2,
                                       .exact = NAN};
    if (result->has_test) {
        print_scores(run, "test", &result->test);
        print_single(run, &result->nets_test);
    } else if (last->has_validation) {
        print_scores(run, "val", &validation);
        print_single(run, &result->nets_validation);
    } else if (last->has_train_score)
        print_scores(run, "train", &training);
    else if (run->has_targets)
        printf("train     loss %.5f of %zu rows, while training\n", last->train_loss,
               clm_data_rows(data, CLM_TRAIN));
    else
        printf("train     loss %.5f, accuracy %.2f %% of %zu rows, while training\n", last->train_loss,
               100 * last->train_accuracy, clm_data_rows(data, CLM_TRAIN));
}

/* Of an interval by so many rows [%]: n / (n + 1), rounded down to four decimals. */
static double largest_interval(size_t rows)
{
    return floor(1e6 * (double)rows / ((double)rows + 1)) / 1e4;
}

/* "calibrated temperature 1.2345: validation loss 0.412 -> 0.398, calibration error 4.66 % -> 1.20 %", or
 * "calibrated by the errors of 99 validation rows, for intervals of at most 99 %" */
static void print_calibration(const struct clm_calibration *calibration)
{
    if (!calibration->rows)
        return;
    if (calibration->intervals)
        printf("calibrated  by the %s of %zu validation rows, for intervals of at most %g %%\n",
               calibration->intervals, calibration->rows, largest_interval(calibration->rows));
    else if (!calibration->is_fitted)
        remark(
            "train",
            "--calibrate: no temperature is the best for these %zu validation rows (the net is right in all of them, or knows less than nothing); the probabilities stay as they are",
            calibration->rows);
    else
        printf(
            "calibrated  temperature %.4f: validation loss %.5f -> %.5f, calibration error %.2f %% -> %.2f %%\n",
            calibration->temperature, calibration->loss_before, calibration->loss_after,
            100 * calibration->error_before, 100 * calibration->error_after);
}

/* Says why training has ended before its last epoch. The table shows that of each net of an ensemble. */
static void tell_early_end(const struct training_run *run, const struct clm_train_result *result,
                           const struct clm_data *data)
{
    const size_t epochs = clm_settings_count(run->settings, "epochs"),
                 nets = clm_settings_count(run->settings, "ensemble");
    if (result->nets < nets)
        remark("train", "stopped, as asked: the ensemble has %zu of %zu nets", result->nets, nets);
    if (run->is_ensemble)
        return;
    if (result->rows_done)
        remark("train", "stopped in epoch %zu of %zu, after %zu of %zu rows, as asked", result->epochs + 1,
               epochs, result->rows_done, clm_data_rows(data, CLM_TRAIN));
    else if (result->is_stopped_early)
        remark(
            "train",
            "stopped after epoch %zu of %zu: no better validation %s for %s epochs; the net is that of epoch %zu",
            result->epochs, epochs, clm_settings_text(run->settings, "stop-by"),
            clm_settings_text(run->settings, "stop-after"), result->kept.epoch);
    else if (result->is_out_of_time)
        remark("train", "stopped after epoch %zu of %zu: there is no time for another one within %s",
               result->epochs, epochs, clm_settings_text(run->settings, "max-time"));
    else if (result->epochs < epochs)
        remark("train", "stopped after epoch %zu of %zu, as asked", result->epochs, epochs);
}

static void print_result(const struct training_run *run, const struct clm_train_result *result,
                         const struct clm_data *data)
{
    const char *const out = clm_settings_text(run->settings, "out");
    tell_early_end(run, result, data);
    if (!run->is_quiet)
        printf("\nmemory    %ju bytes at the peak, %ju planned\n", (uintmax_t)result->memory_peak,
               (uintmax_t)result->memory_planned);
    print_calibration(&result->calibration);
    print_score(run, result, data);
    if (out && !run->is_quiet)
        printf("run       %s: model.safetensors, run.json, history.csv, curves.png\n", out);
    if (result->can_resume)
        remark("train", "go on with: clmlp train --resume %s", printable(out).text);
}

/* Tells what is likely to be a mistake about the data, as far as it is cheap to find. */
static clm_status tell_warnings(const struct clm_data *data, bool are_raw, struct clm_error *error)
{
    struct clm_data_summary *summary = NULL;
    const clm_status status = clm_data_check(data, are_raw && !clm_data_is_bytes(data), &summary, error);
    for (size_t i = 0; summary && i < summary->warning_count; i++)
        remark("train", "%s%s%s", summary->warnings[i].sentence,
               *summary->warnings[i].setting ? " See --" : "", summary->warnings[i].setting);
    clm_data_summary_free(summary);
    return status;
}

/* Says that the net has learned nothing, and which options help. */
static void print_warning(void *user, const struct clm_warning *warning)
{
    struct clm_error advised = {.status = CLM_OK};
    (void)user;
    snprintf(advised.message, sizeof advised.message, "%s", warning->sentence);
    snprintf(advised.setting, sizeof advised.setting, "%s", warning->setting);
    name_options("train", &advised);
    progress_clear();
    complain("train", "warning: %s", advised.message);
}

/* ---- running ---- */

bool is_scheme(const char *init)
{
    static const char *const schemes[] = {"he", "xavier", "lecun", "orthogonal"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (!strcmp(init, schemes[i]))
            return true;
    return !strncmp(init, "normal:", 7) || !strncmp(init, "uniform:", 8);
}

/* Sets the hidden widths to those of a model. */
static clm_status take_widths(struct clm_settings *settings, const struct clm_model *model,
                              struct clm_error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    for (size_t l = 1; stream && l < clm_model_depth(model); l++)
        fprintf(stream, "%s%zu", l > 1 ? "," : "", clm_model_width(model, l));
    if (!stream || fclose(stream)) {
        free(text);
        return fail(error, CLM_ERROR_MEMORY, "no memory for the widths of %zu layers",
                    clm_model_depth(model));
    }
    const clm_status status = clm_settings_set(settings, "hidden", *text ? text : "none", error);
    free(text);
    return status;
}

/* Sets the activation to a model's, if that has one and the model's file says it. */
static clm_status take_activation(struct clm_settings *settings, const struct clm_model *model,
                                  const char *init, struct clm_error *error)
{
    const char *const its = clm_model_activation(model, 0);
    if (!its || clm_model_depth(model) == 1)
        return CLM_OK;
    if (clm_settings_is_set(settings, "activation") &&
        strcmp(clm_settings_text(settings, "activation"), its) != 0)
        return fail(error, CLM_ERROR_ARGUMENT,
                    "--activation %s: the net of --init %s has %s; leave --activation out to go on from it",
                    clm_settings_text(settings, "activation"), printable(init).text, its);
    return clm_settings_set(settings, "activation", its, error);
}

/* Sets the layers to those of a model that is not plain. */
static clm_status take_layers(struct clm_settings *settings, const char *layers, const char *init,
                              struct clm_error *error)
{
    static const char *const others[] = {"hidden", "activation", "norm"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (clm_settings_is_set(settings, others[i]))
            return fail(
                error, CLM_ERROR_ARGUMENT,
                "--%s %s: the net of --init %s is \"%s\"; leave --%s out to go on from it, or say the layers by --layers",
                others[i], clm_settings_text(settings, others[i]), printable(init).text, layers, others[i]);
    return clm_settings_set(settings, "layers", layers, error);
}

/* Takes what --init's model is made of, unless --layers says it. */
static clm_status take_net(struct clm_settings *settings, const struct clm_model *model, const char *init,
                           struct clm_error *error)
{
    char *layers;
    clm_status status;
    if (clm_settings_is_set(settings, "layers"))
        return CLM_OK;
    if (!(layers = clm_model_layers(model)))
        return fail(error, CLM_ERROR_MEMORY, "no memory for the text of %zu layers", clm_model_depth(model));
    if (!has_plain_layers(model, layers))
        status = take_layers(settings, layers, init, error);
    else if ((status = take_activation(settings, model, init, error)) == CLM_OK &&
             !clm_settings_is_set(settings, "hidden"))
        status = take_widths(settings, model, error);
    free(layers);
    return status;
}

static clm_status set_count(struct clm_settings *settings, const char *name, size_t count,
                            struct clm_error *error)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", count);
    return clm_settings_set(settings, name, text, error);
}

/* Loads the model that --init names, a file or a run, and takes its layers, but not the widths if
 * --hidden says others. *out is NULL if training begins anew, or if the file does not say what the net does
 * with its inputs. */
static clm_status load_init(struct clm_settings *settings, struct clm_model **out, struct clm_error *error)
{
    const char *const init = clm_settings_text(settings, "init");
    char path[PATH_MAX];
    clm_status status = CLM_OK;
    *out = NULL;
    if (is_scheme(init))
        return CLM_OK;
    find_model("train", "--init", init, path);
    if (access(path, F_OK) && errno == ENOENT) {
        if (strcmp(init, path))
            return fail(error, CLM_ERROR_IO,
                        "--init: %s holds no model.safetensors, so it is no run; name a run", init);
        return CLM_OK; /* said when the parameters are read */
    }
    status = clm_model_load(path, out, error);
    if (status != CLM_OK)
        return status;
    status = take_net(settings, *out, init, error);
    if (status == CLM_OK && clm_model_nets(*out) > 1 && !clm_settings_is_set(settings, "ensemble"))
        status = set_count(settings, "ensemble", clm_model_nets(*out), error);
    if (status == CLM_OK && strcmp(init, path))
        status = clm_settings_set(settings, "init", path, error);
    if (status != CLM_OK || !clm_model_knows_inputs(*out)) {
        clm_model_free(*out);
        *out = NULL;
    }
    return status;
}

/* Other parts may come from other files, on another scale. */
static clm_status tell_other_scales(const struct clm_model *model, const struct clm_data *data,
                                    struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (int part = CLM_VALIDATION; status == CLM_OK && part <= CLM_TEST; part++)
        status = tell_scale("train", model, data, (enum clm_part)part, error);
    return status;
}

/* Chooses what no option says. The inputs stay as the model takes them that training goes on from. */
static clm_status choose_settings(struct clm_settings *settings, const struct clm_data *data,
                                  const struct clm_model *from, struct clm_error *error)
{
    if (clm_settings_text(settings, "resume"))
        return clm_suit_settings(settings, data, error);
    if (from && clm_settings_is_set(settings, "standardize"))
        remark(
            "train", "%s",
            clm_settings_count(settings, "standardize") == 1 + CLM_STANDARDISE_NONE
                ? "--standardize none leaves the inputs as the net of --init was trained on them"
                : "--standardize measures the inputs anew; without it, they stay as the net of --init was trained on them");
    else if (from) {
        const clm_status status = clm_settings_set(settings, "standardize", "none", error);
        if (status != CLM_OK)
            return status;
    }
    return clm_suit_settings(settings, data, error);
}

/* The weights of the classes, or NULL if they are not weighted. Refuses those of classes that do not exist
 * before anything is tried on the device. The caller frees *out. */
static clm_status read_weights(const struct clm_settings *settings, const struct clm_data *data, double **out,
                               struct clm_error *error)
{
    const char *const text = clm_settings_text(settings, "class-weight");
    if (!text)
        return CLM_OK;
    *out = calloc(clm_data_classes(data), sizeof **out);
    return *out ? clm_class_weights(data, text, *out, error)
                : fail(error, CLM_ERROR_MEMORY, "no memory for the weights of %zu classes",
                       clm_data_classes(data));
}

clm_status create_model(const struct clm_settings *settings, const struct clm_data *data,
                        struct clm_model **out, struct clm_error *error)
{
    struct clm_loss loss;
    const clm_status status = clm_settings_loss(settings, &loss, error);
    if (status != CLM_OK)
        return status;
    const size_t targets = clm_data_targets(data),
                 outputs = targets ? targets * loss.quantile_count : clm_data_classes(data);
    const struct sizes layers = layer_widths(clm_data_features(data), settings, outputs);
    const struct clm_model_options options = {.sizes = layers.values,
                                              .size_count = layers.count,
                                              .activation = clm_settings_text(settings, "activation"),
                                              .norm = clm_settings_text(settings, "norm"),
                                              .layers = clm_settings_text(settings, "layers"),
                                              .dropout = clm_settings_number(settings, "dropout"),
                                              .input_dropout = clm_settings_number(settings, "input-dropout"),
                                              .init = clm_settings_text(settings, "init"),
                                              .seed = clm_settings_count(settings, "seed"),
                                              .is_bytes = clm_data_is_bytes(data),
                                              .loss = &loss,
                                              .nets = clm_settings_count(settings, "ensemble")};
    return clm_model_create(&options, out, error);
}

/* Opens the device, once for each net that is trained at the same time. */
static clm_status open_parts(struct invocation *in, const struct clm_model *model,
                             struct clm_backend *parts[SHARES_MOST], size_t *count, struct clm_error *error)
{
    const struct clm_backend_options asked = backend_options(in);
    const size_t nets = clm_model_nets(model), jobs = clm_settings_count(in->settings, "jobs"),
                 batch = clm_settings_count(in->settings, "batch");
    size_t suitable = nets > 1 ? jobs : 1;
    clm_status status = CLM_OK;
    *count = 1;
    if (suitable <= 1 && (status = shares_open(&asked, 1, parts, error)))
        return status;
    if (!suitable)
        suitable = shares_suitable(parts[0], (double)clm_model_parameters(model) * (double)batch);
    suitable = suitable > nets ? nets : suitable;
    if (suitable <= 1)
        return CLM_OK;
    shares_close(parts);
    *count = suitable;
    return shares_open(&asked, suitable, parts, error);
}

static clm_status run_train(struct invocation *in, struct clm_error *error)
{
    struct clm_settings *const settings = in->settings;
    const struct clm_data_options data_asked = data_options(in);
    enum clm_standardise how = CLM_STANDARDISE_NONE;
    struct training_run run = {.settings = settings, .is_quiet = clm_settings_count(settings, "quiet")};
    struct clm_train_hooks hooks = {.argc = in->argc,
                                    .argv = in->argv,
                                    .on_plan = print_plan,
                                    .on_epoch = cli_train_print_epoch,
                                    .on_warning = print_warning,
                                    .user = &run};
    struct clm_data *data = NULL;
    struct clm_model *model = NULL, *from = NULL;
    struct clm_backend *backends[SHARES_MOST] = {NULL}, *backend;
    size_t backend_count = 0;
    struct clm_train_result result;
    struct clm_standardised fitted;
    double *weights = NULL;
    clm_status status;
    if (!clm_settings_text(settings, "out") && !run.is_quiet)
        remark("train", "without --out DIR the trained net is not kept");
    if ((status = load_init(settings, &from, error)) ||
        (status = from ? open_data_for(from, data_asked, &data, error)
                       : clm_data_open(&data_asked, &data, error)) ||
        (status = read_weights(settings, data, &weights, error)) ||
        (status = choose_settings(settings, data, from, error)) ||
        (status = create_model(settings, data, &model, error)) ||
        (from && (status = clm_model_take_inputs(model, from, error))))
        goto cleanup;
    how = (enum clm_standardise)(clm_settings_count(settings, "standardize") - 1);
    if ((from && (status = tell_scale("train", from, data, CLM_TRAIN, error))) ||
        (status = clm_model_standardise(model, data, how, &fitted, error)) ||
        (status = tell_other_scales(model, data, error)) ||
        (status = open_parts(in, model, backends, &backend_count, error)))
        goto cleanup;
    backend = backends[0];
    hooks.more_backends = backends + 1;
    hooks.more_count = backend_count - 1;
    if (!run.is_quiet) {
        print_header(settings, data, model, backend);
        if (from && how == CLM_STANDARDISE_NONE)
            printf("inputs    as in %s\n", printable(clm_settings_text(settings, "init")).text);
        print_inputs(how, &fitted, clm_data_features(data));
        print_settings(settings, clm_data_rows(data, CLM_TRAIN));
        print_weights(settings, data, weights);
        print_augmentation(clm_settings_text(settings, "augment"));
    }
    if ((status = tell_warnings(data, !from && how == CLM_STANDARDISE_NONE, error)))
        goto cleanup;
    run.backend = backend;
    run.is_ensemble = clm_model_nets(model) > 1;
    run.has_targets = clm_data_targets(data) > 0;
    run.is_regression = run.has_targets && strcmp(clm_model_loss(model).name, "binary") != 0;
    hooks.stop = catch_interrupts(
        clm_settings_text(settings, "out") && !run.is_ensemble
            ? "clmlp: train: note: stopping after this step; interrupt again to end the program\n"
            : "clmlp: train: note: stopping after this epoch, or at once if it is the first; interrupt again to end the program\n");
    if (is_terminal(STDERR_FILENO) && !run.is_quiet)
        hooks.on_progress = progress_show;
    status = clm_train(backend, model, data, settings, &hooks, &result, error);
    progress_clear();
    if (status == CLM_OK && !result.epochs && result.can_resume)
        status = fail(
            error, CLM_ERROR_ARGUMENT,
            "stopped in the first epoch, as asked: there is no net yet; go on with: clmlp train --resume %s",
            printable(clm_settings_text(settings, "out")).text);
    else if (status == CLM_OK && !result.epochs)
        status = fail(error, CLM_ERROR_ARGUMENT,
                      "stopped before the end of the first epoch, as asked; nothing is kept");
    else if (status == CLM_OK)
        print_result(&run, &result, data);
cleanup:
    free(weights);
    shares_close(backends);
    clm_model_free(model);
    clm_model_free(from);
    clm_data_close(data);
    return status;
}

const struct command command_train = {
    "train",
    "train a net, print a table of epochs, write a run directory",
    run_train,
    "Trains a net of linear layers with ReLU or another activation between them, softmax and cross-entropy at the end, by minibatch gradient descent: v = RHO v + gradient, w = w - ETA v.\vCtrl-C, SIGTERM or SIGHUP stops a run with --out after the running step: it is saved, tested and written as it is, and `clmlp train --resume DIR' goes on with it, to the same bits as without the stop. Without --out, and of an ensemble, the running epoch is finished first, unless it is the first one, after which nothing would be kept. A second Ctrl-C or SIGTERM ends the program.\n\nExamples:\n"
    "  clmlp train --data fashion-mnist --hidden 256,128 --out run\n"
    "  clmlp train --data cifar10 --val 0.1 --l2 1e-4 --augment flip,shift=4 --device gpu --out run",
    {{"data", "fashion-mnist"}}};
