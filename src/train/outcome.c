#include "train/outcome.h"

#include "base/size.h"
#include "nn/temperature.h"
#include "train/calibrate.h"
#include "train/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct run_about about_run(const struct training *t)
{
    const struct train_options *const options = t->options;
    const size_t steps = divide_up(t->rows.count, t->split.step_rows);
    return (struct run_about){.learning_rate = options->step.learning_rate,
                              .momentum = options->step.momentum,
                              .l2 = options->step.l2,
                              .steps = t->epoch_count * steps,
                              .has_weights = training_is_weighted(t)};
}

static void tell_warning(const struct training *t, const struct clm_warning *warning)
{
    if (warning->sentence && t->options->hooks.on_warning)
        t->options->hooks.on_warning(t->options->hooks.user, warning);
}

/* Counts the predictions of a part once more, and says what is wrong with them. */
static clm_status judge_closely(struct training *t, const struct guess *guess, const struct clm_model *model,
                                enum clm_part part, struct clm_error *error)
{
    const struct run_about about = about_run(t);
    struct clm_warning warning = {0};
    struct clm_score score;
    struct tally tally;
    clm_status status = tally_create(t->data->classes, t->net.batch, &tally, error);
    if (status != CLM_OK)
        return status;
    status = training_score_nets(t, part, &tally, NULL, &score, error);
    if (status == CLM_OK && !isfinite(score.loss))
        t->unsound = fail_loss(model, t->data, part, &tally, &t->why_unsound);
    else if (status == CLM_OK)
        status = verdict_on(guess, t->data, model, part, &tally, &about, &warning, error);
    tell_warning(t, &warning);
    free(warning.sentence);
    tally_free(&tally);
    return status;
}

/* Looks into a part if its score gives cause to, and something can come of it: a warning that the caller
 * hears, or the row whose loss is no number. */
static clm_status judge_part(struct training *t, const struct guess *guess, const struct clm_model *model,
                             enum clm_part part, const struct clm_score *score, struct clm_error *error)
{
    bool is_needed = !isfinite(score->loss);
    clm_status status = CLM_OK;
    if (!is_needed && t->options->hooks.on_warning)
        status = verdict_is_needed(guess, t->data, part, score, &is_needed, error);
    return status || !is_needed ? status : judge_closely(t, guess, model, part, error);
}

/* Says that predictions of targets are no better than the mean of the rows, if that is so. */
static void judge_targets(struct training *t, enum clm_part part, double loss, double r2)
{
    char sentence[256];
    if (!isfinite(loss))
        t->unsound = clm_fail(
            &t->why_unsound, CLM_ERROR_FORMAT,
            "the loss of the %s rows is no finite number: the net's parameters, the inputs or the targets are too large for float32",
            part_names[part]);
    if (!(r2 <= 0))
        return;
    snprintf(
        sentence, sizeof sentence,
        "R2 of the %s rows is %.3g: the predictions are no better than the mean of these rows; train for longer, or with another learning rate (now %g)",
        part_names[part], r2, t->options->step.learning_rate);
    const struct clm_warning warning = {sentence, "epochs hidden lr"};
    tell_warning(t, &warning);
}

/* The score of the training part after the last epoch: as measured, or the running mean. The mean is of many
 * nets: any accuracy up to the share of the largest class counts as that of one prediction for all rows. */
static struct clm_score training_score(const struct training *t, const struct guess *guess)
{
    const struct clm_epoch *const last = &t->kept;
    const size_t rows = t->rows.count;
    if (last->has_train_score)
        return (struct clm_score){
            .rows = rows, .loss = last->train_score_loss, .accuracy = last->train_score_accuracy};
    return (struct clm_score){.rows = rows,
                              .loss = last->train_loss,
                              .accuracy =
                                  last->train_accuracy <= guess->share ? guess->share : last->train_accuracy};
}

/* Judges the validation part by its last score; if neither it nor a test part is there, the training part. */
static clm_status judge_last_epoch(struct training *t, const struct guess *guess,
                                   const struct clm_model *model, struct clm_error *error)
{
    const struct clm_epoch *const last = &t->kept;
    const struct clm_score training = training_score(t, guess),
                           validation = {.rows = t->data->validation.count,
                                         .loss = last->validation_loss,
                                         .accuracy = last->validation_accuracy};
    if (last->has_validation)
        return judge_part(t, guess, model, CLM_VALIDATION, &validation, error);
    return t->data->test.count ? CLM_OK : judge_part(t, guess, model, CLM_TRAIN, &training, error);
}

/* Finds the temperature of the kept net by the validation rows, and brings it into model and net. */
static clm_status calibrate(struct training *t, struct clm_model *model, struct clm_calibration *out,
                            struct clm_error *error)
{
    const struct rows *const rows = data_part(t->data, CLM_VALIDATION);
    const size_t classes = t->data->classes;
    struct clm_score score;
    struct tally tally;
    float *const logits = calloc(rows->count, classes * sizeof *logits);
    clm_status status = tally_create(classes, t->net.batch, &tally, error);
    if (status == CLM_OK && !logits)
        status =
            clm_fail_setting(error, CLM_ERROR_MEMORY, "calibrate",
                             "the host has no memory for the logits of %zu validation rows", rows->count);
    tally.all_logits = logits;
    if (status == CLM_OK)
        status = training_score_nets(t, CLM_VALIDATION, &tally, NULL, &score, error);
    if (status == CLM_OK && isfinite(score.loss)) {
        calibrate_logits(logits, rows->labels, rows->count, classes, out);
        model->temperature = out->temperature;
        if (clm_model_nets(model) == 1)
            status = network_write_tempered(&t->net, model, error);
    }
    tally_free(&tally);
    free(logits);
    return status;
}

/* Keeps in the model what its intervals are made from: how far the validation rows' predictions are off. */
static clm_status calibrate_intervals(struct training *t, struct clm_model *model,
                                      struct clm_calibration *out, struct clm_error *error)
{
    const struct rows *const rows = data_part(t->data, CLM_VALIDATION);
    const size_t O = clm_model_width(model, clm_model_depth(model));
    struct clm_score score;
    float *const predictions = calloc(rows->count, O * sizeof *predictions);
    double *const spread = calloc(rows->count, O * sizeof *spread);
    const struct outputs outputs = {.probabilities = predictions, .spread = spread};
    clm_status status =
        predictions && spread
            ? training_predict_nets(t, CLM_VALIDATION, &outputs, &score, error)
            : clm_fail_setting(error, CLM_ERROR_MEMORY, "calibrate",
                               "the host has no memory for the predictions of %zu validation rows",
                               rows->count);
    if (status == CLM_OK && isfinite(score.loss)) {
        status = calibrate_targets(model, predictions, spread, rows->targets, rows->count, error);
        *out = (struct clm_calibration){
            .rows = rows->count, .temperature = 1, .intervals = intervals_kind_name(model->intervals.kind)};
    }
    free(predictions);
    free(spread);
    return status;
}

/* Replaces resident training data by the test part. */
static clm_status load_test_data(struct training *t, const struct clm_model *model, struct clm_error *error)
{
    clm_status status;
    if (t->residency.is_streamed)
        return CLM_OK;
    training_free_data(t);
    if ((status = training_create_test_data(t, error)))
        return status;
    return feed_normalise(&t->test, model, error);
}

/* Brings an ensemble's scores of validation rows into the kept epoch. */
static clm_status score_kept(struct training *t, const struct clm_model *model, struct clm_score *mean,
                             struct clm_error *error)
{
    struct clm_score score;
    if (clm_model_nets(model) == 1 || !t->kept.has_validation)
        return CLM_OK;
    const clm_status status = training_score_nets(t, CLM_VALIDATION, NULL, mean, &score, error);
    if (status != CLM_OK)
        return status;
    t->kept.validation_loss = score.loss;
    t->kept.validation_accuracy = score.accuracy;
    t->kept.validation_rmse = score.rmse;
    t->kept.validation_mae = score.mae;
    t->kept.validation_r2 = score.r2;
    return CLM_OK;
}

clm_status outcome_judge(struct training *t, struct clm_model *model, struct clm_train_result *result,
                         struct clm_error *error)
{
    struct guess guess = {0};
    const bool has_targets = t->data->target_count > 0;
    clm_status status = score_kept(t, model, &result->nets_validation, error);
    if (status != CLM_OK)
        return status;
    if (has_targets && t->kept.has_validation)
        judge_targets(t, CLM_VALIDATION, t->kept.validation_loss, t->kept.validation_r2);
    if (!has_targets &&
        (status = guess_make(t->data, t->options->class_weight ? t->weights.of_class : NULL, &guess, error)))
        return status;
    if (model->architecture.loss.kind != LOSS_CROSS_ENTROPY)
        guess.loss = INFINITY; /* it is that of cross-entropy */
    if (!has_targets && (status = judge_last_epoch(t, &guess, model, error)))
        return status;
    if (t->options->calibrate &&
        (status = has_targets ? calibrate_intervals(t, model, &result->calibration, error)
                              : calibrate(t, model, &result->calibration, error)))
        return status;
    result->has_test = t->data->test.count > 0 && !t->options->hooks.without_test;
    if (!result->has_test)
        return CLM_OK;
    if ((status = load_test_data(t, model, error)) ||
        (status = training_score_nets(t, CLM_TEST, NULL, &result->nets_test, &result->test, error)))
        return status;
    if (has_targets) {
        judge_targets(t, CLM_TEST, result->test.loss, result->test.r2);
        return CLM_OK;
    }
    return judge_part(t, &guess, model, CLM_TEST, &result->test, error);
}

clm_status outcome_fail_unsound(const struct training *t, struct clm_error *error)
{
    const char *const out = t->options->out;
    return clm_fail_setting(error, t->unsound, t->why_unsound.setting, "%.1024s%s%.1024s",
                            t->why_unsound.message, out ? "; the trained net is kept in " : "",
                            out ? out : "");
}
