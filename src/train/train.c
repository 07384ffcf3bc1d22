/* The epoch loop, written once over the backends. */
#include "base/clock.h"
#include "base/philox.h"
#include "base/size.h"
#include "nn/schedule.h"
#include "train/augment.h"
#include "train/evaluate.h"
#include "train/resident.h"
#include "train/run_directory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_SECONDS 0.25

/* Everything that training holds on the backend. The test set takes the place of the training data at the end. */
struct training {
    struct clm_backend *be;
    const struct clm_data *data;
    const struct clm_train_options *options;
    struct network net;
    struct resident train, validation, test;
    struct tensor order; /* (1,N) this epoch's permutation; empty without shuffling */
    struct augmentation augmentation;
    struct metrics sums;
    uint32_t *permutation; /* (N) on the host */
    struct clm_epoch *epochs;
    size_t epoch_count; /* finished */
};

/* ---- memory ---- */

static clm_status create_training_data(struct training *t, struct clm_error *error)
{
    const struct clm_data *const data = t->data;
    clm_status status = resident_create(t->be, data, data->train.count, &t->train, error);
    if (status == CLM_OK && data->validation.count)
        status = resident_create(t->be, data, data->validation.count, &t->validation, error);
    if (status == CLM_OK && t->options->shuffle)
        status = tensor_create(t->be, TENSOR_INDEX, 1, data->train.count, &t->order, error);
    return status;
}

static void free_training_data(struct training *t)
{
    resident_free(t->be, &t->train);
    resident_free(t->be, &t->validation);
    tensor_free(t->be, &t->order);
}

static clm_status create_network(struct training *t, const struct clm_model *model, struct clm_error *error)
{
    const enum network_use use = t->options->momentum != 0 ? NETWORK_TRAIN_WITH_MOMENTUM : NETWORK_TRAIN;
    clm_status status = metrics_create(t->be, &t->sums, error);
    if (status == CLM_OK)
        status = network_create(t->be, model->widths, model->depth, t->options->batch, use, &t->net, error);
    if (status == CLM_OK && t->options->augmentation.mixup > 0)
        status = network_prepare_mixup(&t->net, error);
    return status;
}

static clm_status create_test_data(struct training *t, struct clm_error *error)
{
    return t->data->test.count ? resident_create(t->be, t->data, t->data->test.count, &t->test, error)
                               : CLM_OK;
}

static void training_free(struct training *t)
{
    network_free(&t->net);
    metrics_free(t->be, &t->sums);
    free_training_data(t);
    resident_free(t->be, &t->test);
    free(t->permutation);
    free(t->epochs);
}

/* ---- the memory plan: the same constructions, only counted ---- */

static void add_part(struct clm_memory_plan *plan, const char *name, size_t bytes)
{
    if (!bytes)
        return;
    struct clm_memory_part *const part = &plan->parts[plan->part_count++];
    snprintf(part->name, sizeof part->name, "%s", name);
    part->bytes = bytes;
}

/* What of the network is its own, and what the products need beside it. */
static void describe_network(const struct training *t, size_t before, struct clm_memory_plan *plan)
{
    const struct network_memory memory = network_memory(&t->net);
    const size_t sums = t->sums.state.bytes;
    add_part(plan, "parameters", memory.parameters);
    add_part(plan, "momentum", memory.velocities);
    add_part(plan, "activations of a batch", memory.activations);
    add_part(plan, "loss and accuracy", sums);
    add_part(plan, "workspace of the products",
             t->be->memory.now - before - memory.parameters - memory.velocities - memory.activations - sums);
}

static clm_status make_plan(struct clm_backend *be, const struct clm_model *model,
                            const struct clm_data *data, const struct clm_train_options *options,
                            struct clm_memory_plan *plan, struct clm_error *error)
{
    struct training t = {.be = be, .data = data, .options = options};
    size_t train_bytes = 0, test_bytes = 0;
    *plan = (struct clm_memory_plan){.available = be->memory_limit == SIZE_MAX ? 0 : be->memory_limit};
    be->memory.is_planning = true;
    be->memory.peak = be->memory.now;
    clm_status status = create_training_data(&t, error);
    if (status == CLM_OK) {
        train_bytes = resident_bytes(&t.train) + resident_bytes(&t.validation) + t.order.bytes;
        /* a workspace of an earlier use of the backend goes where the new one is larger, and counts where not */
        status = create_network(&t, model, error);
    }
    struct clm_memory_plan rest = {0};
    if (status == CLM_OK) {
        describe_network(&t, train_bytes, &rest);
        free_training_data(&t);
        status = create_test_data(&t, error);
        test_bytes = resident_bytes(&t.test);
    }
    if (status == CLM_OK) {
        add_part(plan, test_bytes > train_bytes ? "test data, at the end" : "data set",
                 size_max(train_bytes, test_bytes));
        for (size_t i = 0; i < rest.part_count; i++)
            plan->parts[plan->part_count++] = rest.parts[i];
        plan->total = be->memory.peak;
    }
    training_free(&t);
    be->memory.is_planning = false;
    return status ? status : memory_check(be, "training", plan->total, error);
}

/* ---- an epoch ---- */

static clm_status shuffle(struct training *t, size_t epoch, struct clm_error *error)
{
    if (!t->options->shuffle)
        return CLM_OK;
    struct philox random = philox_start(t->options->seed, RANDOM_SHUFFLE, (uint32_t)epoch);
    philox_permutation(&random, t->permutation, t->data->train.count);
    return backend_write(t->be, &t->order, HOST_INDEX, t->permutation, error);
}

/* Where a line of progress is due: the only place in an epoch that waits for the device. */
static clm_status report_progress(struct training *t, size_t epoch, size_t done, double started,
                                  double *reported, struct clm_error *error)
{
    const double now = clock_seconds();
    if (!t->options->on_progress || now - *reported < PROGRESS_SECONDS)
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
                                          .samples_per_s = (double)done / (*reported - started)};
    t->options->on_progress(t->options->user, &progress);
    return CLM_OK;
}

/* Without rows where the epoch has no more. */
static struct minibatch minibatch_from(const struct training *t, size_t first)
{
    return (struct minibatch){.data = &t->train,
                              .order = t->options->shuffle ? &t->order : NULL,
                              .first = first,
                              .rows = size_min(t->options->batch, t->data->train.count - first),
                              .augmentation =
                                  augmentation_is_none(&t->options->augmentation) ? NULL : &t->augmentation,
                              .position = first};
}

static clm_status train_on_all_rows(struct training *t, size_t epoch, double started, double *reported,
                                    struct clm_error *error)
{
    const struct clm_train_options *const options = t->options;
    const struct step step = {t->epochs[epoch - 1].learning_rate, options->momentum, options->l2};
    const size_t N = t->data->train.count;
    struct minibatch batch = minibatch_from(t, 0);
    clm_status status = network_gather(&t->net, &batch, error);
    while (status == CLM_OK && batch.rows) {
        const size_t done = batch.first + batch.rows;
        const struct minibatch next = minibatch_from(t, done);
        if ((status = network_step(&t->net, batch.rows, &step, &t->sums, done < N ? &next : NULL, error)) ||
            (status = backend_pace(t->be, error)))
            break;
        status = report_progress(t, epoch, done, started, reported, error);
        batch = next;
    }
    return status;
}

static clm_status check_loss(const struct training *t, const struct clm_epoch *epoch, struct clm_error *error)
{
    if (isfinite(epoch->train_loss))
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_ARGUMENT,
        "training diverged in epoch %zu: the loss is no longer a number; lower --lr (%g) or --momentum (%g)",
        epoch->epoch, t->options->learning_rate, t->options->momentum);
}

static clm_status run_epoch(struct training *t, size_t number, double *reported, struct clm_error *error)
{
    const size_t N = t->data->train.count;
    struct clm_epoch *const epoch = &t->epochs[number - 1];
    const double started = clock_seconds();
    double loss = 0;
    size_t correct = 0;
    clm_status status;
    t->augmentation.epoch = (uint32_t)number;
    *epoch =
        (struct clm_epoch){.epoch = number,
                           .learning_rate = schedule_rate(t->options->schedule, t->options->learning_rate,
                                                          number, t->options->epochs)};
    if ((status = shuffle(t, number, error)) || (status = metrics_reset(t->be, &t->sums, error)) ||
        (status = train_on_all_rows(t, number, started, reported, error)) ||
        (status = metrics_read(t->be, &t->sums, &loss, &correct, error)))
        return status;
    epoch->train_loss = loss / (double)N;
    epoch->train_accuracy = (double)correct / (double)N;
    epoch->seconds = clock_seconds() - started;
    epoch->samples_per_s = (double)N / epoch->seconds;
    if ((status = check_loss(t, epoch, error)))
        return status;
    if (t->data->validation.count) {
        struct clm_score score;
        if ((status = evaluate(&t->net, &t->validation, &t->sums, NULL, &score, error)))
            return status;
        epoch->has_validation = true;
        epoch->validation_loss = score.loss;
        epoch->validation_accuracy = score.accuracy;
    }
    if (t->options->on_epoch)
        t->options->on_epoch(t->options->user, epoch);
    return CLM_OK;
}

/* ---- a run ---- */

static clm_status check_options(const struct clm_train_options *options, const struct clm_data *data,
                                struct clm_error *error)
{
    if (!options->epochs || !options->batch)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "%zu epochs of minibatches of %zu: both have to be at least 1", options->epochs,
                        options->batch);
    if (!(options->learning_rate > 0 && isfinite(options->learning_rate)))
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "a learning rate of %g: it has to be above 0, as in --lr 0.1",
                        options->learning_rate);
    if (!(options->momentum >= 0 && options->momentum < 1))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "a momentum of %g: it has to be at least 0 and below 1",
                        options->momentum);
    if (!(options->l2 >= 0 && isfinite(options->l2)))
        return clm_fail(error, CLM_ERROR_ARGUMENT, "an L2 penalty of %g: it has to be at least 0",
                        options->l2);
    if (options->batch > data->train.count)
        return clm_fail(error, CLM_ERROR_ARGUMENT,
                        "a minibatch of %zu rows is larger than the training set of %zu; lower --batch",
                        options->batch, data->train.count);
    return augmentation_check(&options->augmentation, data, error);
}

static clm_status create_host_memory(struct training *t, struct clm_error *error)
{
    const size_t N = t->data->train.count;
    t->epochs = calloc(t->options->epochs, sizeof *t->epochs);
    if (!t->epochs)
        return clm_fail_host_memory(error, "the history of epochs", t->options->epochs * sizeof *t->epochs);
    t->permutation = t->options->shuffle ? malloc(N * sizeof *t->permutation) : NULL;
    if (t->options->shuffle && !t->permutation)
        return clm_fail_host_memory(error, "the order of rows", N * sizeof *t->permutation);
    return CLM_OK;
}

static clm_status run_epochs(struct training *t, const struct clm_model *model, struct clm_error *error)
{
    clm_status status;
    double reported = clock_seconds();
    if ((status = create_training_data(t, error)) || (status = create_network(t, model, error)) ||
        (status = resident_write(t->be, &t->train, &t->data->train, model, error)) ||
        (t->data->validation.count &&
         (status = resident_write(t->be, &t->validation, &t->data->validation, model, error))) ||
        (status = network_write(&t->net, model, error)))
        return status;
    const volatile sig_atomic_t *const stop = t->options->stop;
    while (status == CLM_OK && t->epoch_count < t->options->epochs && !(t->epoch_count && stop && *stop)) {
        status = run_epoch(t, t->epoch_count + 1, &reported, error);
        t->epoch_count += status == CLM_OK;
    }
    return status;
}

static clm_status test(struct training *t, const struct clm_model *model, struct clm_train_result *result,
                       struct clm_error *error)
{
    clm_status status;
    free_training_data(t);
    result->has_test = t->data->test.count > 0;
    if (!result->has_test)
        return CLM_OK;
    if ((status = create_test_data(t, error)) ||
        (status = resident_write(t->be, &t->test, &t->data->test, model, error)))
        return status;
    return evaluate(&t->net, &t->test, &t->sums, NULL, &result->test, error);
}

/* The last step's loss was taken before it: what that step did shows in the parameters alone. */
static clm_status check_parameters(const struct clm_model *model, const struct clm_train_options *options,
                                   struct clm_error *error)
{
    for (size_t l = 0; l < model->depth; l++) {
        const size_t O = model->widths[l + 1], count = O * model->widths[l];
        bool is_finite = true;
        for (size_t i = 0; i < count; i++)
            is_finite = is_finite && isfinite(model->weights[l][i]);
        for (size_t o = 0; o < O; o++)
            is_finite = is_finite && isfinite(model->biases[l][o]);
        if (!is_finite)
            return clm_fail(
                error, CLM_ERROR_ARGUMENT,
                "training diverged in its last step: layer %zu has parameters that are no longer finite; "
                "lower --lr (%g) or --momentum (%g)",
                l, options->learning_rate, options->momentum);
    }
    return CLM_OK;
}

clm_status clm_train(struct clm_backend *be, struct clm_model *model, const struct clm_data *data,
                     const struct clm_train_options *options, struct clm_train_result *result,
                     struct clm_error *error)
{
    struct training t = {.be = be,
                         .data = data,
                         .options = options,
                         .augmentation = augmentation_of(&options->augmentation, data, options->seed)};
    struct clm_memory_plan plan;
    clm_status status;
    *result = (struct clm_train_result){0};
    if ((status = check_options(options, data, error)) || (status = model_name_classes(model, data, error)) ||
        (options->out && (status = run_directory_begin(options->out, error))) ||
        (status = make_plan(be, model, data, options, &plan, error)))
        return status;
    if (options->on_plan)
        options->on_plan(options->user, &plan);
    result->memory_planned = plan.total;
    be->memory.peak = be->memory.now;
    if ((status = create_host_memory(&t, error)) || (status = run_epochs(&t, model, error)) ||
        (status = network_read(&t.net, model, error)) || (status = check_parameters(model, options, error)) ||
        (status = test(&t, model, result, error)))
        goto cleanup;
    result->epochs = t.epoch_count;
    result->memory_peak = be->memory.peak;
    if (options->out) {
        const struct run_record record = {.argc = options->argc,
                                          .argv = options->argv,
                                          .backend = be,
                                          .data = data,
                                          .model = model,
                                          .epochs = t.epochs,
                                          .epoch_count = t.epoch_count,
                                          .result = result};
        status = run_directory_write(options->out, &record, error);
    }
cleanup:
    training_free(&t);
    return status;
}
