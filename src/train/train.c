/* The epoch loop, the same for all backends. */
#include "base/clock.h"
#include "base/size.h"
#include "base/stop.h"
#include "nn/nets.h"
#include "train/augment.h"
#include "train/divergence.h"
#include "train/ensemble.h"
#include "train/epoch_log.h"
#include "train/outcome.h"
#include "train/plan.h"
#include "train/rule.h"
#include "train/run_directory.h"

#include <math.h>
#include <stdlib.h>

#define PROGRESS_SECONDS 0.25

/* ---- an epoch ---- */

/* Prints progress if it is due: only then does an epoch wait for the device. */
static clm_status report_progress(struct training *t, size_t epoch, size_t done, double started,
                                  double *reported, struct clm_error *error)
{
    const double now = clock_seconds();
    if (!t->options->hooks.on_progress || now - *reported < PROGRESS_SECONDS)
        return CLM_OK;
    double loss = 0;
    size_t correct = 0;
    const clm_status status = metrics_read(t->be, &t->sums, &loss, &correct, error);
    if (status != CLM_OK)
        return status;
    *reported = clock_seconds();
    const struct clm_progress progress = {.epoch = epoch,
                                          .epochs = t->options->epochs,
                                          .rows = done,
                                          .rows_all = t->data->train.count,
                                          .loss = loss / (double)done,
                                          .accuracy =
                                              t->data->target_count ? NAN : (double)correct / (double)done,
                                          .samples_per_s = per_second((double)done, *reported - started),
                                          .net = t->number + 1,
                                          .nets = t->ensemble->count};
    ensemble_lock(t->ensemble);
    t->options->hooks.on_progress(t->options->hooks.user, &progress);
    ensemble_unlock(t->ensemble);
    return CLM_OK;
}

/* The row after the step that the row at `position` belongs to. */
static size_t step_end(const struct training *t, size_t position)
{
    const size_t rows = t->split.step_rows;
    return size_min(position / rows * rows + rows, t->rows.count);
}

/* Takes the next batch, or the next part of one; it has no rows at the end of the epoch. */
static clm_status batch_from(struct training *t, size_t position, struct minibatch *out,
                             struct clm_error *error)
{
    const clm_status status = feed_batch(
        &t->train, position, size_min(t->split.part, step_end(t, position) - position), out, error);
    out->augmentation = augmentation_is_none(&t->options->augmentation) ? NULL : &t->augmentation;
    out->position = position;
    out->is_weighted = t->rows.weights != NULL;
    return status;
}

/* Whether the run was asked to stop; one with checkpoints stops where the last one was written. */
static bool is_stopped(const struct training *t)
{
    return t->checkpoints.directory ? t->checkpoints.is_halted : ensemble_is_stopped(t->ensemble);
}

/* Whether the running epoch ends here. Without a checkpoint it goes on, but the first one is worth nothing
 * before its end. */
static bool is_given_up(const struct training *t)
{
    return t->is_range_over || ((t->checkpoints.directory || !t->epoch_count) && is_stopped(t));
}

/* The rate of a step of a range test, counted from 0. */
static double range_rate(const struct clm_range *range, size_t step)
{
    return range->steps < 2
               ? range->from
               : range->from * pow(range->to / range->from, (double)step / (double)(range->steps - 1));
}

/* Tells the loss of a range test's step, which the sums have alone, if its last part has ended: `done` rows
 * of the epoch have been trained on. */
static clm_status tell_range_step(struct training *t, const struct step *step, size_t done,
                                  struct clm_error *error)
{
    const struct clm_range *const range = t->options->hooks.range;
    const size_t of_step = t->split.step_rows, rows = (done - 1) % of_step + 1;
    double loss = 0;
    size_t correct;
    clm_status status;
    if (rows < of_step && done < t->data->train.count)
        return CLM_OK;
    if ((status = metrics_read(t->be, &t->sums, &loss, &correct, error)) ||
        (status = metrics_reset(t->be, &t->sums, error)))
        return status;
    t->is_range_over = !range->on_step(range->user, step->learning_rate, loss / (double)rows) ||
                       step->number >= range->steps;
    return CLM_OK;
}

/* After `steps` steps of an epoch, the next one's number and learning rate, which the epoch remembers. */
static struct step step_in_epoch(struct training *t, size_t epoch, size_t steps)
{
    struct step step = t->options->step;
    step.number = (epoch - 1) * t->course.schedule.epoch_steps + steps + 1;
    step.learning_rate = t->epochs[epoch - 1].learning_rate =
        t->options->hooks.range ? range_rate(t->options->hooks.range, step.number - 1)
                                : course_rate(&t->course, step.number - 1);
    return step;
}

/* The step of a batch that begins at `position`, or its share of a step. */
static clm_status take_batch(struct training *t, size_t position, const struct minibatch *batch,
                             const struct step *step, const struct minibatch *next, struct clm_error *error)
{
    const size_t first = position / t->split.step_rows * t->split.step_rows, end = step_end(t, position);
    const struct batch_part part = {.first = position - first,
                                    .rows = batch->rows,
                                    .share = (double)batch->rows / (double)(end - first),
                                    .is_last = position + batch->rows == end};
    return t->split.part < t->split.step_rows
               ? network_step_part(&t->net, &part, step, &t->sums, next, error)
               : network_step(&t->net, batch->rows, step, &t->sums, next, error);
}

/* *done counts the rows, at first those before the run stopped: fewer than all if the epoch is given up. */
static clm_status train_on_all_rows(struct training *t, const struct clm_model *model, size_t epoch,
                                    double started, double *reported, size_t *done, struct clm_error *error)
{
    const struct train_options *const options = t->options;
    struct minibatch batch, next;
    clm_status status;
    if ((status = feed_begin_at(&t->train, &t->rows, t->seed, options->shuffle ? epoch : 0, *done, error)) ||
        (status = batch_from(t, *done, &batch, error)) || (status = network_gather(&t->net, &batch, error)))
        return status;
    for (; status == CLM_OK && batch.rows && !is_given_up(t); batch = next) {
        const size_t position = *done;
        const struct step step = step_in_epoch(t, epoch, position / t->split.step_rows);
        *done += batch.rows;
        if ((status = batch_from(t, *done, &next, error)) ||
            (status = take_batch(t, position, &batch, &step, next.rows ? &next : NULL, error)) ||
            (status = backend_pace(t->be, error)))
            break;
        checkpoints_after_step(t, model, *done, next.rows, started);
        status = options->hooks.range ? tell_range_step(t, &step, *done, error)
                                      : report_progress(t, epoch, *done, started, reported, error);
    }
    return status;
}

/* Scores the validation part, and the training part if that is wanted, after an epoch. */
static clm_status score_epoch(struct training *t, struct clm_epoch *epoch, struct clm_error *error)
{
    struct clm_score score;
    clm_status status;
    if (t->options->train_score) {
        if ((status = training_score_part(t, CLM_TRAIN, NULL, &score, error)))
            return status;
        epoch->has_train_score = true;
        epoch->train_score_loss = score.loss;
        epoch->train_score_accuracy = score.accuracy;
        epoch->train_score_rmse = score.rmse;
        epoch->train_score_mae = score.mae;
        epoch->train_score_r2 = score.r2;
    }
    if (t->data->validation.count) {
        if ((status = training_score_part(t, CLM_VALIDATION, NULL, &score, error)))
            return status;
        epoch->has_validation = true;
        epoch->validation_loss = score.loss;
        epoch->validation_accuracy = score.accuracy;
        epoch->validation_rmse = score.rmse;
        epoch->validation_mae = score.mae;
        epoch->validation_r2 = score.r2;
    }
    return CLM_OK;
}

static clm_status run_epoch(struct training *t, struct clm_model *model, size_t number, double *reported,
                            struct clm_error *error)
{
    const size_t N = t->data->train.count;
    struct clm_epoch *const epoch = &t->epochs[number - 1];
    const double started = clock_seconds() - t->checkpoints.epoch_seconds;
    double loss = 0;
    size_t correct = 0, done = t->checkpoints.position;
    clm_status status;
    t->checkpoints.position = 0;
    t->checkpoints.epoch_seconds = 0;
    t->augmentation.epoch = (uint32_t)number;
    *epoch = (struct clm_epoch){.epoch = number, .net = t->number + 1};
    if ((!done && (status = metrics_reset(t->be, &t->sums, error))) ||
        (status = train_on_all_rows(t, model, number, started, reported, &done, error)))
        return status;
    t->rows_done = done < N ? done : 0;
    if (t->options->hooks.range) { /* its losses have been told */
        t->epoch_count = number;
        return CLM_OK;
    }
    if (done < N || (status = metrics_read(t->be, &t->sums, &loss, &correct, error)))
        return status;
    epoch->train_loss = loss / (double)N;
    epoch->train_accuracy = t->data->target_count ? NAN : (double)correct / (double)N;
    epoch->seconds = clock_seconds() - started;
    epoch->samples_per_s = per_second((double)N, epoch->seconds);
    if ((status = divergence_check_loss(t, model, epoch, error)))
        return status;
    network_exchange_average(&t->net); /* until the end of the epoch: scores and the kept net are its */
    if ((status = score_epoch(t, epoch, error)))
        return status;
    t->epoch_count = number;
    ensemble_lock(t->ensemble);
    if (t->options->hooks.on_epoch)
        t->options->hooks.on_epoch(t->options->hooks.user, epoch);
    epoch_log_add(t);
    ensemble_unlock(t->ensemble);
    if (course_note(&t->course, epoch, started) && t->course.stop_after)
        status = network_read(&t->net, model, error);
    network_exchange_average(&t->net);
    return status;
}

/* ---- a run ---- */

/* The limits were checked when the settings were set. */
static struct train_options read_settings(const struct clm_settings *settings,
                                          const struct clm_train_hooks *hooks)
{
    return (struct train_options){
        .epochs = clm_settings_count(settings, "epochs"),
        .batch = clm_settings_count(settings, "batch"),
        .accumulate = clm_settings_count(settings, "accumulate"),
        .resident = (enum clm_resident)clm_settings_count(settings, "resident"),
        .shard = clm_settings_count(settings, "shard"),
        .extras = {.clip_norm = clm_settings_number(settings, "clip-norm"),
                   .average = clm_settings_number(settings, "average")},
        .step = rule_step(settings),
        .seed = clm_settings_count(settings, "seed"),
        .shuffle = clm_settings_count(settings, "shuffle"),
        .class_weight = clm_settings_text(settings, "class-weight"),
        .train_score = clm_settings_count(settings, "train-score"),
        .calibrate = clm_settings_count(settings, "calibrate"),
        .augmentation = *clm_settings_augmentation(settings, "augment"),
        .out = clm_settings_text(settings, "out"),
        .hooks = hooks ? *hooks : (struct clm_train_hooks){0},
    };
}

/* Calibration is by validation rows, for classes and for numbers. */
static clm_status check_calibration(const struct clm_model *model, const struct clm_data *data,
                                    struct clm_error *error)
{
    if (data->target_count && intervals_kind(model) == INTERVAL_NONE)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "calibrate loss",
            "calibration is for classes and for numbers, and the loss binary has neither; leave it out");
    if (data->validation.count)
        return CLM_OK;
    return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "val calibrate",
                            "%s has no validation rows, by which %s; hold some out, or do not calibrate",
                            data->source,
                            data->target_count ? "intervals are made" : "the temperature is chosen");
}

static clm_status train_check_options(const struct train_options *options, const struct clm_model *model,
                                      const struct clm_data *data, struct clm_error *error)
{
    if (!options->epochs)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "these settings are of another command than train");
    if (options->batch > data->train.count)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "batch",
            "a minibatch of %zu rows is larger than the training set of %zu; take smaller ones",
            options->batch, data->train.count);
    if (options->calibrate) {
        const clm_status status = check_calibration(model, data, error);
        if (status != CLM_OK)
            return status;
    }
    return augmentation_check(&options->augmentation, data, error);
}

/* Whether the run ends before the next epoch. */
static bool is_over(const struct training *t)
{
    return t->is_range_over || t->epoch_count == t->options->epochs || is_stopped(t) ||
           course_has_stalled(&t->course) || course_is_out_of_time(&t->course);
}

/* Whether the model has the net to keep, as the best one, or the net on the backend is it. */
static bool is_best_in_model(const struct training *t)
{
    return t->course.best_epoch < t->epoch_count || (t->rows_done && t->course.stop_after);
}

/* Brings net and model to the parameters that are kept: the model has the best ones, or the net the last.
 * From here on the net has the averaged ones, if there are any. */
static clm_status keep_parameters(struct training *t, struct clm_model *model, struct clm_error *error)
{
    t->net.is_ahead = false; /* of an epoch that was not finished */
    network_exchange_average(&t->net);
    if (is_best_in_model(t))
        return network_write(&t->net, model, error);
    if (t->rows_done) {
        t->unfinished = t->epochs[t->epoch_count - 1];
        const clm_status status = score_epoch(t, &t->unfinished, error);
        if (status != CLM_OK)
            return status;
    }
    return network_read(&t->net, model, error);
}

/* Makes room for the data, which is the same for all nets, and uploads how they take it. */
static clm_status begin_data(struct training *t, struct clm_error *error)
{
    const struct clm_model *const model = t->ensemble->model;
    clm_status status;
    if ((status = training_create_data(t, error)) || (status = feed_normalise(&t->train, model, error)))
        return status;
    return tensor_is_empty(&t->validation.mean) ? CLM_OK : feed_normalise(&t->validation, model, error);
}

static clm_status run_epochs(struct training *t, struct clm_model *model, struct clm_error *error)
{
    clm_status status;
    double reported = clock_seconds();
    if ((!t->train.be && (status = begin_data(t, error))) ||
        (status = training_create_network(t, model, error)) ||
        (status = network_write(&t->net, model, error)) || (status = checkpoints_restore(t, model, error)))
        return status;
    /* resident data is uploaded before the first epoch's clock starts */
    if (!t->residency.is_streamed && (status = feed_begin(&t->train, &t->rows, 0, 0, error)))
        return status;
    while (status == CLM_OK && !is_over(t)) {
        const size_t number = t->epoch_count + 1;
        status = run_epoch(t, model, number, &reported, error);
        if (status == CLM_OK && t->epoch_count == number)
            checkpoints_after_epoch(t, model);
    }
    return status;
}

/* Every row that training or testing looks at must have a label. */
static clm_status check_labelled(const struct clm_data *data, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (int part = CLM_TRAIN; status == CLM_OK && part <= CLM_TEST; part++)
        status = data_check_labels(data, (enum clm_part)part, error);
    return status;
}

/* Gives the training rows the weights that they are trained with. */
static clm_status weigh_rows(struct training *t, struct clm_error *error)
{
    const struct labelled_rows rows = training_rows(t->data);
    const clm_status status = row_weights_make(&rows, t->options->class_weight, &t->weights, error);
    t->rows.weights = t->weights.of_row;
    return status;
}

clm_status train_prepare(struct training *t, struct clm_memory_plan *plan, struct clm_error *error)
{
    const struct clm_model *const model = t->ensemble->model;
    clm_status status;
    if ((status = weigh_rows(t, error)) || (status = training_plan(t, model, plan, error)) ||
        (status = training_tune(t->be, model, t->data, t->options, t->split, error)) ||
        (status = checkpoints_match(t, error)))
        return status;
    return training_plan(t, model, plan, error);
}

/* Begins the course of a net, which has its share of the time that there is for all. */
static clm_status begin_course(struct training *t, struct clm_error *error)
{
    const struct ensemble *const all = t->ensemble;
    const struct train_options *const options = t->options;
    const clm_status status =
        course_begin(all->settings, options->step.learning_rate,
                     divide_up(t->data->train.count, options->batch * options->accumulate),
                     t->data->validation.count > 0, &t->course, error);
    t->course.seconds /= (double)divide_up(all->count, all->at_once);
    t->has_course = true;
    return status ? status : course_check_score(&t->course, all->model, error);
}

clm_status train_net(struct training *t, size_t number, struct clm_error *error)
{
    struct ensemble *const all = t->ensemble;
    struct clm_model *const model = model_net(all->model, number);
    struct net_training *const out = &all->nets[number];
    t->number = number;
    t->seed = t->options->seed + number;
    t->augmentation = augmentation_of(&t->options->augmentation, t->data, t->seed);
    t->epochs = all->epochs + number * t->options->epochs;
    t->epoch_count = 0;
    t->largest_weight = divergence_largest_parameter(model);
    model->temperature = 1;
    intervals_free(&model->intervals);
    network_free(&t->net);
    metrics_free(t->be, &t->sums);
    clm_status status = t->has_course ? CLM_OK : begin_course(t, error);
    t->has_course = false;
    if (status == CLM_OK)
        status = run_epochs(t, model, error);
    if (status != CLM_OK || !t->epoch_count || t->options->hooks.range)
        return status;
    if ((status = keep_parameters(t, model, error)) ||
        (status = divergence_check_parameters(t, model, error)))
        return status;
    *out = (struct net_training){.epoch_count = t->epoch_count,
                                 .best_epoch = t->course.best_epoch,
                                 .is_stopped_early = course_has_stalled(&t->course)};
    out->is_out_of_time = t->epoch_count < t->options->epochs && course_is_out_of_time(&t->course);
    out->is_whole = t->epoch_count == t->options->epochs || out->is_stopped_early || out->is_out_of_time;
    return CLM_OK;
}

/* Gives all nets what the data says. */
static clm_status describe_nets(struct clm_model *model, const struct clm_data *data, struct clm_error *error)
{
    clm_status status = model_describe(model, data, error);
    for (size_t n = 1; status == CLM_OK && n < clm_model_nets(model); n++)
        status = clm_model_take_inputs(model_net(model, n), model, error);
    return status;
}

/* What the result says of the first net, or the only one. */
static void describe_first_net(struct training *t, struct clm_train_result *result)
{
    const struct net_training *const first = t->ensemble->nets;
    t->epochs = t->ensemble->epochs;
    t->kept = t->rows_done && !is_best_in_model(t) ? t->unfinished : t->epochs[first->best_epoch - 1];
    result->nets = t->ensemble->count;
    result->epochs = first->epoch_count;
    result->is_stopped_early = first->is_stopped_early;
    result->is_out_of_time = first->is_out_of_time;
    result->rows_done = t->rows_done;
}

/* Trains the nets, tests their mean, and writes the run. */
static clm_status train_and_test(struct training *t, struct clm_train_result *result, struct clm_error *error)
{
    const struct train_options *const options = t->options;
    struct clm_model *const model = t->ensemble->model;
    clm_status status = ensemble_run(t, error);
    result->is_stopped = t->checkpoints.is_halted;
    result->can_resume = result->is_stopped && t->checkpoints.is_written;
    if (status != CLM_OK || options->hooks.range || (status = ensemble_finish(t, &t->epoch_count, error)) ||
        !t->epoch_count)
        return status;
    describe_first_net(t, result);
    if ((status = outcome_judge(t, model, result, error))) {
        result->epochs = 0;
        return status;
    }
    result->kept = t->kept;
    result->memory_peak = t->be->memory.peak;
    if (options->out) {
        const struct run_record record = {.settings = t->ensemble->settings,
                                          .hooks = &options->hooks,
                                          .backend = t->be,
                                          .data = t->data,
                                          .model = model,
                                          .epochs = t->epochs,
                                          .epoch_count = t->epoch_count,
                                          .kept_epochs = t->ensemble->kept_epochs,
                                          .weights = &t->weights,
                                          .result = result};
        status = run_directory_write(options->out, &record, error);
    }
    return status == CLM_OK && t->unsound != CLM_OK ? outcome_fail_unsound(t, error) : status;
}

clm_status clm_train(struct clm_backend *be, struct clm_model *model, const struct clm_data *data,
                     const struct clm_settings *settings, const struct clm_train_hooks *hooks,
                     struct clm_train_result *result, struct clm_error *error)
{
    const struct train_options asked = read_settings(settings, hooks), *const options = &asked;
    const size_t nets = options->hooks.range ? 1 : clm_model_nets(model);
    struct ensemble ensemble = {.model = model,
                                .settings = settings,
                                .options = options,
                                .count = nets,
                                .at_once = size_min(nets, 1 + options->hooks.more_count),
                                .log = -1,
                                .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct training t = {.be = be,
                         .data = data,
                         .options = options,
                         .ensemble = &ensemble,
                         .seed = options->seed,
                         .rows = data->train};
    struct clm_memory_plan plan;
    struct clm_train_result unused;
    struct run_claim claim = {.lock = -1};
    clm_status status;
    if (!result)
        result = &unused;
    *result = (struct clm_train_result){0};
    if ((status = train_check_options(options, model, data, error)) ||
        (status = rule_check(settings, error)) || (status = begin_course(&t, error)) ||
        (status = check_labelled(data, error)) || (status = describe_nets(model, data, error)) ||
        (status = checkpoints_begin(&t, error)) ||
        (options->out &&
         (status = run_directory_begin(options->out, checkpoints_go_on(&t.checkpoints), &claim, error))) ||
        (status = train_prepare(&t, &plan, error)) ||
        (status = epoch_log_begin(clm_settings_text(settings, "log-json"), &ensemble.log, error)) ||
        (status = ensemble_begin(&ensemble, error)))
        goto cleanup;
    training_tell_split(&t);
    if (options->hooks.on_plan)
        options->hooks.on_plan(options->hooks.user, &plan);
    result->memory_planned = plan.total;
    be->memory.peak = be->memory.now;
    status = train_and_test(&t, result, error);
cleanup:
    if (status == CLM_ERROR_STOPPED)
        status = CLM_OK; /* in the first epoch, or before: nothing is kept */
    training_free(&t);
    epoch_log_end(&ensemble.log);
    ensemble_end(&ensemble);
    if (status != CLM_OK)
        checkpoints_tell_last(&t.checkpoints, error);
    checkpoints_end(&t.checkpoints, status == CLM_OK && result->epochs && !result->is_stopped);
    if (options->out)
        run_directory_end(options->out, &claim, status == CLM_OK && result->epochs);
    return status;
}
