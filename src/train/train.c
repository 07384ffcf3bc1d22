/* The epoch loop, the same for all backends. */
#include "base/clock.h"
#include "base/size.h"
#include "base/stop.h"
#include "nn/temperature.h"
#include "train/augment.h"
#include "train/calibrate.h"
#include "train/course.h"
#include "train/evaluate.h"
#include "train/rule.h"
#include "train/run_directory.h"
#include "train/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_SECONDS 0.25

/* The settings that training reads, by type. */
struct train_options {
    size_t epochs, batch;
    size_t accumulate; /* minibatches of a step */
    enum clm_resident resident;
    /* Rows that are shuffled together, in blocks of at most a megabyte that each epoch draws from the whole
     * set. 0 means all rows if they are resident, else as many as fit. Rounded down to whole blocks. Streamed
     * and resident data give the same bits for the same shard. */
    size_t shard;
    struct extras extras;
    struct step step; /* its learning rate is the largest; rate and number change from step to step */
    uint64_t seed;
    bool shuffle;
    const char *class_weight; /* as in clm_class_weights; NULL: all classes count the same */
    bool train_score, calibrate;
    struct clm_augmentation augmentation;
    const char *out; /* run directory to write, NULL for none; one that holds a run is refused */
    struct clm_train_hooks hooks;
};

/* A step takes `step_rows` rows, in parts of at most `part` rows that fit into the backend's memory. */
struct split {
    size_t step_rows, part;
};

/* Everything that training holds on the backend. At the end a resident test set replaces the training data.
 * If data is streamed, all sets go through one feed, one after the other. */
struct training {
    struct clm_backend *be;
    const struct clm_data *data;
    const struct train_options *options;
    struct network net;
    struct split split;
    struct residency residency;
    struct feed train, validation, test;
    struct augmentation augmentation;
    struct metrics sums;
    struct clm_epoch *epochs;
    size_t epoch_count; /* finished */
    bool is_range_over;
    struct course course;
    double largest_weight; /* of the initial parameters, in absolute value */
    struct row_weights weights;
    struct rows rows; /* the training part, with these weights; without them it has none */
    /* A loss of validation or test rows that is no number: it fails the run, after the run is written. */
    clm_status unsound;
    struct clm_error why_unsound;
};

static bool is_weighted(const struct training *t)
{
    return t->options->class_weight || t->data->train.weights;
}

/* A residency for rows that are not trained on. */
static struct residency unweighted(struct residency residency)
{
    residency.is_weighted = false;
    return residency;
}

/* ---- memory ---- */

/* The largest set, if one feed is for all sets. */
static size_t largest_set(const struct clm_data *data)
{
    return size_max(data->train.count, size_max(data->validation.count, data->test.count));
}

static clm_status create_training_data(struct training *t, struct clm_error *error)
{
    const struct clm_data *const data = t->data;
    const size_t rows = t->residency.is_streamed ? largest_set(data) : data->train.count;
    const clm_status status =
        feed_create(t->be, data, rows, &t->residency, t->options->shuffle, &t->train, error);
    if (status != CLM_OK || t->residency.is_streamed || !data->validation.count)
        return status;
    const struct residency residency = unweighted(t->residency);
    return feed_create(t->be, data, data->validation.count, &residency, false, &t->validation, error);
}

static void free_training_data(struct training *t)
{
    feed_free(&t->train);
    feed_free(&t->validation);
}

static struct network_use train_use(const struct train_options *options, struct split split)
{
    struct network_use use = NETWORK_TRAIN(options->step.rule);
    use.keeps_gradients = !step_is_linear(&options->step);
    use.extras = options->extras;
    use.extras.has_parts = split.part < split.step_rows;
    return use;
}

static clm_status train_create_network(struct training *t, const struct clm_model *model,
                                       struct clm_error *error)
{
    clm_status status = metrics_create(t->be, &t->sums, error);
    if (status == CLM_OK)
        status = network_create(t->be, &model->architecture, t->split.part, train_use(t->options, t->split),
                                &t->net, error);
    t->net.seed = t->options->seed;
    if (status == CLM_OK && t->options->augmentation.mixup > 0)
        status = network_prepare_mixup(&t->net, error);
    if (status == CLM_OK && is_weighted(t))
        status = network_prepare_weights(&t->net, error);
    return status;
}

static clm_status create_test_data(struct training *t, struct clm_error *error)
{
    const size_t rows = t->data->test.count;
    const struct residency residency = unweighted(t->residency);
    return rows ? feed_create(t->be, t->data, rows, &residency, false, &t->test, error) : CLM_OK;
}

static void training_free(struct training *t)
{
    network_free(&t->net);
    metrics_free(t->be, &t->sums);
    free_training_data(t);
    feed_free(&t->test);
    row_weights_free(&t->weights);
    free(t->epochs);
}

/* ---- the memory plan: the same calls, only counted ---- */

static void add_part(struct clm_memory_plan *plan, const char *name, size_t bytes)
{
    if (!bytes)
        return;
    struct clm_memory_part *const part = &plan->parts[plan->part_count++];
    snprintf(part->name, sizeof part->name, "%s", name);
    part->bytes = bytes;
}

/* Adds the network's own parts, and the workspace of its products. */
static void describe_network(const struct training *t, size_t before, struct clm_memory_plan *plan)
{
    const struct network_memory memory = network_memory(&t->net);
    const size_t sums = t->sums.state.bytes;
    add_part(plan, "parameters", memory.parameters);
    add_part(plan, "gradients", memory.gradients);
    add_part(plan, rules[t->options->step.rule].is_linear ? "momentum" : "optimiser's states", memory.states);
    add_part(plan, "activations of a batch", memory.activations);
    add_part(plan, "loss and accuracy", sums);
    add_part(plan, "workspace of the products",
             t->be->memory.planned.now - before - memory.parameters - memory.gradients - memory.states -
                 memory.activations - sums);
}

/* Chooses the residency for the memory that the net leaves. */
static clm_status choose_residency(struct training *t, const struct clm_model *model, struct clm_error *error)
{
    struct clm_backend *const be = t->be;
    const struct clm_data *const data = t->data;
    const struct residency_wish wish = {
        .resident = t->options->resident,
        .shard = t->options->shard,
        .batch = t->split.part,
        .is_weighted = is_weighted(t),
        .rows_together = size_max(data->train.count + data->validation.count, data->test.count),
        .rows_most = largest_set(data)};
    clm_status status = train_create_network(t, model, error);
    const size_t needed = be->memory.planned.peak;
    network_free(&t->net);
    metrics_free(be, &t->sums);
    if (status == CLM_OK)
        status = memory_check(be, "training, without its data,", needed,
                              "take smaller batches or layers, or the blas backend", "batch hidden backend",
                              error);
    return status ? status
                  : residency_choose(be, data, &wish, be->memory_limit - needed, &t->residency, error);
}

static void describe_data(const struct training *t, size_t train_bytes, size_t test_bytes,
                          struct clm_memory_plan *plan)
{
    char name[sizeof plan->parts->name];
    snprintf(name, sizeof name, "two shards of %zu rows", t->residency.shard);
    add_part(plan,
             t->residency.is_streamed   ? name
             : test_bytes > train_bytes ? "test data, at the end"
                                        : "data set",
             size_max(train_bytes, test_bytes));
}

/* Plans the data in its residency, and the net beside it. */
static clm_status plan_memory(struct training *t, const struct clm_model *model, struct clm_memory_plan *plan,
                              struct clm_error *error)
{
    struct clm_memory_plan rest = {0};
    size_t test_bytes = 0;
    t->be->memory.planned.peak = t->be->memory.planned.now;
    clm_status status = create_training_data(t, error);
    const size_t train_bytes = feed_bytes(&t->train) + feed_bytes(&t->validation);
    if (status == CLM_OK) /* counts the larger workspace: this one or an earlier one */
        status = train_create_network(t, model, error);
    if (status != CLM_OK)
        return status;
    describe_network(t, train_bytes, &rest);
    if (!t->residency.is_streamed) {
        free_training_data(t);
        if ((status = create_test_data(t, error)))
            return status;
        test_bytes = feed_bytes(&t->test);
    }
    describe_data(t, train_bytes, test_bytes, plan);
    for (size_t i = 0; i < rest.part_count; i++)
        plan->parts[plan->part_count++] = rest.parts[i];
    plan->total = t->be->memory.planned.peak;
    return CLM_OK;
}

static clm_status plan_split(struct clm_backend *be, const struct clm_model *model,
                             const struct clm_data *data, const struct train_options *options,
                             struct split split, struct residency *residency, struct clm_memory_plan *plan,
                             struct clm_error *error)
{
    struct training t = {.be = be, .data = data, .options = options, .split = split};
    *plan = (struct clm_memory_plan){.available = be->memory_limit == SIZE_MAX ? 0 : be->memory_limit};
    memory_plan_begin(be);
    clm_status status = choose_residency(&t, model, error);
    if (status == CLM_OK)
        status = plan_memory(&t, model, plan, error);
    training_free(&t);
    memory_plan_end(be);
    *residency = t.residency;
    plan->shard = t.residency.is_streamed ? t.residency.shard : 0;
    return status ? status
                  : memory_check(be, "training with resident data", plan->total,
                                 "let it be streamed, or take fewer rows", "resident limit", error);
}

/* Whether a minibatch gives the same gradient in parts: not if its statistics are a part of the net. */
static bool may_be_split(const struct architecture *net)
{
    for (size_t l = 0; l < net->depth; l++)
        if (net->layers[l].norm == NORM_BATCH)
            return false;
    return true;
}

/* Plans with the largest parts of a step that fit: minibatches, or if they do not, half of them, a quarter
 * and so on. If none fits, the failure is that of whole minibatches. */
static clm_status train_make_plan(struct training *t, const struct clm_model *model,
                                  struct clm_memory_plan *plan, struct clm_error *error)
{
    const struct train_options *const options = t->options;
    struct clm_error unused;
    t->split = (struct split){.step_rows = options->batch * options->accumulate, .part = options->batch};
    const clm_status whole = plan_split(t->be, model, t->data, options, t->split, &t->residency, plan, error);
    clm_status status = whole;
    while (status == CLM_ERROR_MEMORY && t->split.part > 1 && may_be_split(&model->architecture)) {
        t->split.part = divide_up(t->split.part, 2);
        status = plan_split(t->be, model, t->data, options, t->split, &t->residency, plan, &unused);
    }
    return status ? whole : CLM_OK;
}

/* Says how a minibatch that does not fit is taken. */
static void tell_split(const struct training *t)
{
    const size_t batch = t->options->batch, part = t->split.part;
    char sentence[512];
    if (part >= batch || !t->be->on_note)
        return;
    snprintf(
        sentence, sizeof sentence,
        "steps of %zu rows do not fit into the memory of %s: each takes %zu parts of up to %zu rows, whose gradients it adds up",
        t->split.step_rows, t->be->device, divide_up(t->split.step_rows, part), part);
    t->be->on_note(t->be->note_user, sentence);
}

/* Plans before providers of products are chosen, so that a net that does not fit is refused at once, and
 * again after that, because providers differ in what they need. */
static clm_status train_tune(struct clm_backend *be, const struct clm_model *model,
                             const struct clm_data *data, const struct train_options *options,
                             struct split split, struct clm_error *error)
{
    const size_t sets[] = {data->train.count, data->validation.count, data->test.count};
    const struct tune_wish wish = {.batch = split.part,
                                   .sets = sets,
                                   .set_count = sizeof sets / sizeof *sets,
                                   .is_augmented = !augmentation_is_none(&options->augmentation),
                                   .stop = options->hooks.stop};
    return network_tune(be, &model->architecture, train_use(options, split), wish, error);
}

/* ---- an epoch ---- */

/* Prints progress if it is due: only then does an epoch wait for the device. */
static clm_status report_progress(struct training *t, size_t epoch, size_t done, double started,
                                  double *reported, struct clm_error *error)
{
    const double now = clock_seconds();
    if (!t->options->hooks.on_progress || now - *reported < PROGRESS_SECONDS)
        return CLM_OK;
    double loss = 0;
    size_t correct;
    const clm_status status = metrics_read(t->be, &t->sums, &loss, &correct, error);
    if (status != CLM_OK)
        return status;
    *reported = clock_seconds();
    const struct clm_progress progress = {.epoch = epoch,
                                          .epochs = t->options->epochs,
                                          .rows = done,
                                          .rows_all = t->data->train.count,
                                          .loss = loss / (double)done,
                                          .samples_per_s = per_second((double)done, *reported - started)};
    t->options->hooks.on_progress(t->options->hooks.user, &progress);
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

/* Before the end of the first epoch there is nothing that is worth keeping. */
static bool is_given_up(const struct training *t)
{
    return t->is_range_over || (!t->epoch_count && stop_is_asked(t->options->hooks.stop));
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

/* *done counts the rows: fewer than all if the epoch is given up. */
static clm_status train_on_all_rows(struct training *t, size_t epoch, double started, double *reported,
                                    size_t *done, struct clm_error *error)
{
    const struct train_options *const options = t->options;
    struct minibatch batch, next;
    clm_status status;
    *done = 0;
    if ((status = feed_begin(&t->train, &t->rows, options->seed, options->shuffle ? epoch : 0, error)) ||
        (status = batch_from(t, 0, &batch, error)) || (status = network_gather(&t->net, &batch, error)))
        return status;
    for (; status == CLM_OK && batch.rows && !is_given_up(t); batch = next) {
        const size_t position = *done;
        const struct step step = step_in_epoch(t, epoch, position / t->split.step_rows);
        *done += batch.rows;
        if ((status = batch_from(t, *done, &next, error)) ||
            (status = take_batch(t, position, &batch, &step, next.rows ? &next : NULL, error)) ||
            (status = backend_pace(t->be, error)))
            break;
        status = options->hooks.range ? tell_range_step(t, &step, *done, error)
                                      : report_progress(t, epoch, *done, started, reported, error);
    }
    return status;
}

/* The largest |x| of the training rows, as the net sees them; *row and *feature say where it is. NaN counts
 * as infinite. */
static double largest_input(const struct clm_data *data, const struct clm_model *model, size_t *row,
                            size_t *feature)
{
    double largest = 0;
    for (size_t r = *row = *feature = 0; r < data->train.count; r++) {
        const void *const values = data_row(data, &data->train, r);
        for (size_t i = 0; i < data->features; i++) {
            const double raw = data->element == ELEMENT_BYTE ? ((const unsigned char *)values)[i]
                                                             : (double)((const float *)values)[i];
            const float x = (float)(raw - (double)model->mean[i]) * model->scale[i];
            const double size = isnan(x) ? HUGE_VAL : fabs((double)x);
            if (size <= largest)
                continue;
            largest = size;
            *row = r, *feature = i;
        }
    }
    data_forget(data, &data->train, 0, data->train.count);
    return largest;
}

static double largest_parameter(const struct clm_model *model)
{
    double largest = 0;
    for (size_t p = 0; p < model->parameter_count; p++)
        for (size_t i = 0; i < parameter_elements(&model->specs[p]); i++)
            largest = fmax(largest, fabs((double)model->values[p][i]));
    return largest;
}

/* Standardised inputs and usual initial weights stay far below it. */
#define LARGE 1000.0

static void write_rate_advice(char *text, size_t size, const struct step *step)
{
    if (step->momentum != 0)
        snprintf(text, size, "lower the learning rate (%g) or the momentum (%g)", step->learning_rate,
                 step->momentum);
    else
        snprintf(text, size, "lower the learning rate (%g)", step->learning_rate);
}

/* `what` has happened: "the loss is no longer a number". Names the cause: large inputs or large initial
 * weights if there are such, which no learning rate mends if it happened `at_once`; else the learning rate.
 * */
static clm_status fail_diverged(const struct training *t, const struct clm_model *model, bool at_once,
                                const char *what, struct clm_error *error)
{
    size_t row, feature;
    char rate[128] = "", setting[48];
    const struct step *const step = &t->options->step;
    const double input = largest_input(t->data, model, &row, &feature), weight = t->largest_weight;
    const bool are_inputs_large = input >= weight;
    if (!at_once)
        write_rate_advice(rate, sizeof rate, step);
    const char *const settings_of_rate = step->momentum != 0 ? "lr momentum" : "lr";
    if (!at_once && fmax(input, weight) <= LARGE)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, settings_of_rate, "%s; %s", what, rate);
    snprintf(setting, sizeof setting, "%s %s", are_inputs_large ? "standardize" : "init",
             !at_once           ? settings_of_rate
             : are_inputs_large ? "init"
                                : "standardize");
    return clm_fail_setting(
        error, CLM_ERROR_ARGUMENT, setting,
        "%s. The largest input of the net is %g (training row %zu, feature %zu, both counted from 0), the largest initial weight %g: %s%s%s",
        what, input, row, feature, weight,
        are_inputs_large ? "standardise the inputs, or scale them down" : "take smaller initial weights",
        *rate ? ", or " : "", rate);
}

/* The first epoch's loss may have been no number before the first step. */
static clm_status check_loss(struct training *t, const struct clm_model *model, const struct clm_epoch *epoch,
                             struct clm_error *error)
{
    struct clm_score before = {.loss = 0};
    clm_status status = CLM_OK;
    char what[128];
    if (isfinite(epoch->train_loss))
        return CLM_OK;
    if (epoch->epoch == 1 && (status = network_write(&t->net, model, error)) == CLM_OK)
        status = evaluate(&t->net, &t->train, &t->rows, &t->sums, NULL, NULL, &before, error);
    if (status != CLM_OK)
        return status;
    if (!isfinite(before.loss))
        return fail_diverged(
            t, model, true,
            "the loss is no number before the first step: the net's outputs are too large for float32",
            error);
    snprintf(what, sizeof what, "training diverged in epoch %zu: the loss is no longer a number",
             epoch->epoch);
    return fail_diverged(t, model, false, what, error);
}

/* Where the rows of a part come from, while the training data is there. */
static struct feed *feed_of(struct training *t, enum clm_part part)
{
    return part == CLM_TRAIN || t->residency.is_streamed ? &t->train
           : part == CLM_VALIDATION                      ? &t->validation
                                                         : &t->test;
}

/* The training part is t->rows, so that resident rows need not be uploaded again. */
static const struct rows *part_rows(const struct training *t, enum clm_part part)
{
    return part == CLM_TRAIN ? &t->rows : data_part(t->data, part);
}

static clm_status score_part(struct training *t, enum clm_part part, struct tally *tally,
                             struct clm_score *score, struct clm_error *error)
{
    return evaluate(&t->net, feed_of(t, part), part_rows(t, part), &t->sums, NULL, tally, score, error);
}

/* Scores the validation part, and the training part if that is wanted, after an epoch. */
static clm_status score_epoch(struct training *t, struct clm_epoch *epoch, struct clm_error *error)
{
    struct clm_score score;
    clm_status status;
    if (t->options->train_score) {
        if ((status = score_part(t, CLM_TRAIN, NULL, &score, error)))
            return status;
        epoch->has_train_score = true;
        epoch->train_score_loss = score.loss;
        epoch->train_score_accuracy = score.accuracy;
        epoch->train_score_rmse = score.rmse;
        epoch->train_score_mae = score.mae;
        epoch->train_score_r2 = score.r2;
    }
    if (t->data->validation.count) {
        if ((status = score_part(t, CLM_VALIDATION, NULL, &score, error)))
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
    const double started = clock_seconds();
    double loss = 0;
    size_t correct = 0, done;
    clm_status status;
    t->augmentation.epoch = (uint32_t)number;
    *epoch = (struct clm_epoch){.epoch = number};
    if ((status = metrics_reset(t->be, &t->sums, error)) ||
        (status = train_on_all_rows(t, number, started, reported, &done, error)))
        return status;
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
    if ((status = check_loss(t, model, epoch, error)))
        return status;
    network_exchange_average(&t->net); /* until the end of the epoch: scores and the kept net are its */
    if ((status = score_epoch(t, epoch, error)))
        return status;
    t->epoch_count = number;
    if (t->options->hooks.on_epoch)
        t->options->hooks.on_epoch(t->options->hooks.user, epoch);
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

static clm_status train_check_options(const struct train_options *options, const struct clm_data *data,
                                      struct clm_error *error)
{
    if (!options->epochs)
        return clm_fail(error, CLM_ERROR_ARGUMENT, "these settings are of another command than train");
    if (options->batch > data->train.count)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "batch",
            "a minibatch of %zu rows is larger than the training set of %zu; take smaller ones",
            options->batch, data->train.count);
    if (options->calibrate && data->target_count)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "calibrate",
            "a temperature is of the probabilities of classes, but rows have targets; leave it out");
    if (options->calibrate && !data->validation.count)
        return clm_fail_setting(
            error, CLM_ERROR_ARGUMENT, "val calibrate",
            "%s has no validation rows, by which the temperature is chosen; hold some out, or do not calibrate",
            data->source);
    return augmentation_check(&options->augmentation, data, error);
}

/* Whether the run ends before the next epoch. */
static bool is_over(const struct training *t)
{
    return t->is_range_over || t->epoch_count == t->options->epochs ||
           stop_is_asked(t->options->hooks.stop) || course_has_stalled(&t->course) ||
           course_is_out_of_time(&t->course);
}

/* Brings net and model to the parameters that are kept: the model has the best ones, or the net the last.
 * From here on the net has the averaged ones, if there are any. */
static clm_status keep_parameters(struct training *t, struct clm_model *model, struct clm_error *error)
{
    network_exchange_average(&t->net);
    return t->course.best_epoch < t->epoch_count ? network_write(&t->net, model, error)
                                                 : network_read(&t->net, model, error);
}

static clm_status run_epochs(struct training *t, struct clm_model *model, struct clm_error *error)
{
    clm_status status;
    double reported = clock_seconds();
    if ((status = create_training_data(t, error)) || (status = train_create_network(t, model, error)) ||
        (status = feed_normalise(&t->train, model, error)) ||
        (!tensor_is_empty(&t->validation.mean) && (status = feed_normalise(&t->validation, model, error))) ||
        (status = network_write(&t->net, model, error)))
        return status;
    /* resident data is uploaded before the first epoch's clock starts */
    if (!t->residency.is_streamed && (status = feed_begin(&t->train, &t->rows, 0, 0, error)))
        return status;
    while (status == CLM_OK && !is_over(t))
        status = run_epoch(t, model, t->epoch_count + 1, &reported, error);
    return status;
}

/* ---- what came of it ---- */

static struct run_about about_run(const struct training *t)
{
    const struct train_options *const options = t->options;
    const size_t steps = divide_up(t->rows.count, t->split.step_rows);
    return (struct run_about){.learning_rate = options->step.learning_rate,
                              .momentum = options->step.momentum,
                              .l2 = options->step.l2,
                              .steps = t->epoch_count * steps,
                              .has_weights = is_weighted(t)};
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
    status = score_part(t, part, &tally, &score, error);
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

/* The epoch whose parameters are kept. */
static const struct clm_epoch *kept_epoch(const struct training *t)
{
    return &t->epochs[t->course.best_epoch - 1];
}

/* The score of the training part after the last epoch: as measured, or the running mean. The mean is of many
 * nets: any accuracy up to the share of the largest class counts as that of one prediction for all rows. */
static struct clm_score training_score(const struct training *t, const struct guess *guess)
{
    const struct clm_epoch *const last = kept_epoch(t);
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
    const struct clm_epoch *const last = kept_epoch(t);
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
        status = score_part(t, CLM_VALIDATION, &tally, &score, error);
    if (status == CLM_OK && isfinite(score.loss)) {
        calibrate_logits(logits, rows->labels, rows->count, classes, out);
        model->temperature = out->temperature;
        status = network_write_tempered(&t->net, model, error);
    }
    tally_free(&tally);
    free(logits);
    return status;
}

/* Replaces resident training data by the test part. */
static clm_status load_test_data(struct training *t, const struct clm_model *model, struct clm_error *error)
{
    clm_status status;
    if (t->residency.is_streamed)
        return CLM_OK;
    free_training_data(t);
    if ((status = create_test_data(t, error)))
        return status;
    return feed_normalise(&t->test, model, error);
}

static clm_status judge_and_test(struct training *t, struct clm_model *model, struct clm_train_result *result,
                                 struct clm_error *error)
{
    struct guess guess = {0};
    clm_status status;
    const bool has_targets = t->data->target_count > 0;
    if (has_targets && kept_epoch(t)->has_validation)
        judge_targets(t, CLM_VALIDATION, kept_epoch(t)->validation_loss, kept_epoch(t)->validation_r2);
    if (!has_targets &&
        (status = guess_make(t->data, t->options->class_weight ? t->weights.of_class : NULL, &guess, error)))
        return status;
    if (model->architecture.loss.kind != LOSS_CROSS_ENTROPY)
        guess.loss = INFINITY; /* it is that of cross-entropy */
    if (!has_targets && (status = judge_last_epoch(t, &guess, model, error)))
        return status;
    if (t->options->calibrate && (status = calibrate(t, model, &result->calibration, error)))
        return status;
    result->has_test = t->data->test.count > 0;
    if (!result->has_test)
        return CLM_OK;
    if ((status = load_test_data(t, model, error)) ||
        (status = score_part(t, CLM_TEST, NULL, &result->test, error)))
        return status;
    if (has_targets) {
        judge_targets(t, CLM_TEST, result->test.loss, result->test.r2);
        return CLM_OK;
    }
    return judge_part(t, &guess, model, CLM_TEST, &result->test, error);
}

/* The last step's loss is from before that step, so only the parameters show whether it went wrong. */
static clm_status check_parameters(const struct training *t, const struct clm_model *model,
                                   struct clm_error *error)
{
    char what[128];
    for (size_t p = 0; p < model_net_tensors(model); p++) {
        const size_t count = parameter_elements(&model->specs[p]);
        bool is_finite = true;
        for (size_t i = 0; i < count; i++)
            is_finite = is_finite && isfinite(model->values[p][i]);
        if (is_finite)
            continue;
        snprintf(what, sizeof what,
                 "training diverged in its last step: layer %zu has parameters that are no longer finite",
                 model->specs[p].layer);
        return fail_diverged(t, model, false, what, error);
    }
    return CLM_OK;
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

/* Fails with the loss that is no number; the run has been written. */
static clm_status fail_unsound(const struct training *t, struct clm_error *error)
{
    const char *const out = t->options->out;
    return clm_fail_setting(error, t->unsound, t->why_unsound.setting, "%.1024s%s%.1024s",
                            t->why_unsound.message, out ? "; the trained net is kept in " : "",
                            out ? out : "");
}

clm_status clm_train(struct clm_backend *be, struct clm_model *model, const struct clm_data *data,
                     const struct clm_settings *settings, const struct clm_train_hooks *hooks,
                     struct clm_train_result *result, struct clm_error *error)
{
    const struct train_options asked = read_settings(settings, hooks), *const options = &asked;
    struct training t = {.be = be,
                         .data = data,
                         .options = options,
                         .rows = data->train,
                         .augmentation = augmentation_of(&options->augmentation, data, options->seed)};
    struct clm_memory_plan plan;
    struct clm_train_result unused;
    struct run_claim claim = {.lock = -1};
    clm_status status;
    if (!result)
        result = &unused;
    *result = (struct clm_train_result){0};
    if ((status = train_check_options(options, data, error)) || (status = rule_check(settings, error)) ||
        (status = course_begin(settings, options->step.learning_rate,
                               divide_up(data->train.count, options->batch * options->accumulate),
                               data->validation.count > 0, &t.course, error)) ||
        (status = course_check_score(&t.course, model, error)) || (status = check_labelled(data, error)) ||
        (status = model_describe(model, data, error)) || (status = weigh_rows(&t, error)) ||
        (options->out && (status = run_directory_begin(options->out, &claim, error))) ||
        (status = train_make_plan(&t, model, &plan, error)) ||
        (status = train_tune(be, model, data, options, t.split, error)) ||
        (status = train_make_plan(&t, model, &plan, error)))
        goto cleanup;
    tell_split(&t);
    if (options->hooks.on_plan)
        options->hooks.on_plan(options->hooks.user, &plan);
    t.largest_weight = largest_parameter(model);
    model->temperature = 1;
    result->memory_planned = plan.total;
    be->memory.peak = be->memory.now;
    t.epochs = calloc(options->epochs, sizeof *t.epochs);
    if (!t.epochs) {
        status = clm_fail_setting(error, CLM_ERROR_MEMORY, "epochs",
                                  "the host has no memory for the history of %zu epochs; take fewer",
                                  options->epochs);
        goto cleanup;
    }
    if ((status = run_epochs(&t, model, error)) || !t.epoch_count || options->hooks.range ||
        (status = keep_parameters(&t, model, error)) || (status = check_parameters(&t, model, error)) ||
        (status = judge_and_test(&t, model, result, error)))
        goto cleanup;
    result->epochs = t.epoch_count;
    result->kept = *kept_epoch(&t);
    result->is_stopped_early = course_has_stalled(&t.course);
    result->is_out_of_time = t.epoch_count < options->epochs && course_is_out_of_time(&t.course);
    result->memory_peak = be->memory.peak;
    if (options->out) {
        const struct run_record record = {.settings = settings,
                                          .hooks = &options->hooks,
                                          .backend = be,
                                          .data = data,
                                          .model = model,
                                          .epochs = t.epochs,
                                          .epoch_count = t.epoch_count,
                                          .weights = &t.weights,
                                          .result = result};
        status = run_directory_write(options->out, &record, error);
    }
    if (status == CLM_OK && t.unsound != CLM_OK)
        status = fail_unsound(&t, error);
cleanup:
    if (status == CLM_ERROR_STOPPED)
        status = CLM_OK; /* in the first epoch, or before: nothing is kept */
    training_free(&t);
    if (options->out)
        run_directory_end(options->out, &claim, status == CLM_OK && result->epochs);
    return status;
}
