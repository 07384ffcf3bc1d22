/* Training as a whole: its trajectory beside an independent implementation's, and what a run promises. */
#include "base/philox.h"
#include "nn/model.h"
#include "nn/network.h"
#include "nn/schedule.h"
#include "support/fixtures.h"
#include "support/spoilt.h"
#include "support/support.h"
#include "train/feed.h"

#include <CL/cl.h>
#include <check.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum fixture kinds[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_OPENCL, FIXTURE_CLBLAST};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static const size_t hidden[] = {13, 7, 0};

/* ---- a separate implementation, row by row, without any of the library's code ---- */

#define NET_DEPTH 3

struct net {
    size_t widths[NET_DEPTH + 1];
    double *W[NET_DEPTH], *b[NET_DEPTH]; /* parameters */
    double *gW[NET_DEPTH], *gb[NET_DEPTH];
    double *vW[NET_DEPTH], *vb[NET_DEPTH];
};

static double *zeros(size_t count)
{
    double *memory = calloc(count, sizeof *memory);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static struct net net_of(const struct clm_model *model)
{
    struct net net = {0};
    ck_assert_uint_eq(clm_model_depth(model), NET_DEPTH);
    for (size_t l = 0; l <= NET_DEPTH; l++)
        net.widths[l] = clm_model_width(model, l);
    for (size_t l = 0; l < NET_DEPTH; l++) {
        const size_t O = net.widths[l + 1], count = O * net.widths[l];
        net.W[l] = zeros(count), net.gW[l] = zeros(count), net.vW[l] = zeros(count);
        net.b[l] = zeros(O), net.gb[l] = zeros(O), net.vb[l] = zeros(O);
        for (size_t i = 0; i < count; i++)
            net.W[l][i] = model_weight(model, l)[i];
        for (size_t o = 0; o < O; o++)
            net.b[l][o] = model_bias(model, l)[o];
    }
    return net;
}

static void net_free(struct net *net)
{
    for (size_t l = 0; l < NET_DEPTH; l++) {
        free(net->W[l]), free(net->gW[l]), free(net->vW[l]);
        free(net->b[l]), free(net->gb[l]), free(net->vb[l]);
    }
}

/* Adds one row's gradient of its loss times `weight`, divided by `rows`, to gW and gb; returns that loss. */
static double backpropagate(struct net *net, const double *x, size_t label, double weight, double rows)
{
    double a[NET_DEPTH + 1][64], d[64], below[64];
    memcpy(a[0], x, net->widths[0] * sizeof *x);
    for (size_t l = 0; l < NET_DEPTH; l++)
        for (size_t o = 0; o < net->widths[l + 1]; o++) {
            double z = net->b[l][o];
            for (size_t i = 0; i < net->widths[l]; i++)
                z += net->W[l][o * net->widths[l] + i] * a[l][i];
            a[l + 1][o] = l + 1 < NET_DEPTH ? fmax(z, 0) : z;
        }
    const size_t C = net->widths[NET_DEPTH];
    double partition = 0;
    for (size_t c = 0; c < C; c++)
        partition += exp(a[NET_DEPTH][c]);
    for (size_t c = 0; c < C; c++)
        d[c] = weight * (exp(a[NET_DEPTH][c]) / partition - (c == label)) / rows;
    for (size_t l = NET_DEPTH; l-- > 0;) {
        const size_t I = net->widths[l];
        memset(below, 0, sizeof below);
        for (size_t o = 0; o < net->widths[l + 1]; o++) {
            net->gb[l][o] += d[o];
            for (size_t i = 0; i < I; i++) {
                net->gW[l][o * I + i] += d[o] * a[l][i];
                below[i] += d[o] * net->W[l][o * I + i];
            }
        }
        for (size_t i = 0; i < I; i++)
            d[i] = a[l][i] > 0 ? below[i] : 0;
    }
    return weight * (log(partition) - a[NET_DEPTH][label]);
}

static void descend(double *w, double *g, double *v, size_t count, double decay, const struct step *step)
{
    for (size_t i = 0; i < count; i++) {
        v[i] = step->momentum * v[i] + g[i] + 2 * decay * w[i];
        w[i] -= step->learning_rate * v[i];
        g[i] = 0;
    }
}

/* One epoch without shuffling; the mean loss. `weights` are of the rows, or NULL. */
static double train_weighted_by_hand(struct net *net, const struct clm_data *data, const double *weights,
                                     size_t batch, const struct step *step)
{
    const size_t N = data->train.count, I = data->features;
    double loss = 0, x[64];
    for (size_t first = 0; first < N; first += batch) {
        const size_t end = first + batch < N ? first + batch : N;
        for (size_t r = first; r < end; r++) {
            for (size_t i = 0; i < I; i++)
                x[i] = ((const uint8_t *)data->train.values)[r * I + i] * (double)(1 / 255.0f);
            loss +=
                backpropagate(net, x, data->train.labels[r], weights ? weights[r] : 1, (double)(end - first));
        }
        for (size_t l = 0; l < NET_DEPTH; l++) {
            const size_t O = net->widths[l + 1];
            descend(net->W[l], net->gW[l], net->vW[l], O * net->widths[l], step->l2, step);
            descend(net->b[l], net->gb[l], net->vb[l], O, 0, step);
        }
    }
    return loss / (double)N;
}

static double train_by_hand(struct net *net, const struct clm_data *data, size_t batch,
                            const struct step *step)
{
    return train_weighted_by_hand(net, data, NULL, batch, step);
}

/* |got - expected| / |expected - start| over all parameters: the error relative to the change. */
static double relative_difference(const struct clm_model *got, const struct net *expected,
                                  const struct clm_model *start)
{
    double difference = 0, change = 0;
    for (size_t l = 0; l < NET_DEPTH; l++) {
        const size_t O = clm_model_width(got, l + 1), count = O * clm_model_width(got, l);
        for (size_t i = 0; i < count; i++) {
            difference += pow(model_weight(got, l)[i] - expected->W[l][i], 2);
            change += pow(model_weight(start, l)[i] - expected->W[l][i], 2);
        }
        for (size_t o = 0; o < O; o++) {
            difference += pow(model_bias(got, l)[o] - expected->b[l][o], 2);
            change += pow(model_bias(start, l)[o] - expected->b[l][o], 2);
        }
    }
    return sqrt(difference / change);
}

/* ---- running ---- */

struct epochs_heard {
    struct clm_epoch epochs[512];
    size_t count;
    struct clm_memory_plan plan;
    volatile sig_atomic_t stop;
};

static void keep_epoch(void *user, const struct clm_epoch *epoch)
{
    struct epochs_heard *record = user;
    record->epochs[record->count++] = *epoch;
    record->stop = 1;
}

static void keep_plan(void *user, const struct clm_memory_plan *plan)
{
    ((struct epochs_heard *)user)->plan = *plan;
}

static const char usual[] = "epochs 1 batch 16 lr 0.1 momentum 0.9 seed 3 shuffle on";

/* Frees the settings. The record follows the run, and stops it after an epoch if `stops`. */
static struct clm_train_result train(enum fixture kind, struct clm_model *model, const struct clm_data *data,
                                     struct clm_settings *settings, struct epochs_heard *record, bool stops)
{
    const struct clm_train_hooks hooks = {
        .on_plan = keep_plan, .on_epoch = keep_epoch, .user = record, .stop = stops ? &record->stop : NULL};
    struct clm_backend *backend = fixture_backend(kind);
    struct clm_train_result result;
    struct clm_error error = {0};
    if (clm_train(backend, model, data, settings, &hooks, &result, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    clm_backend_close(backend);
    clm_settings_free(settings);
    return result;
}

/* ---- tests ---- */

/* Five steps, the last with a smaller minibatch. The reference uses doubles; only its result is rounded to
 * float: u per parameter below 1, over a change of about 0.1. Float backends round every operation: gamma_32
 * = 2e-6 of the gradient, five times, and u of the parameters each step. 1e-4 covers both. */
START_TEST(trajectory)
{
    const enum fixture kind = kinds[_i % KIND_COUNT];
    const bool is_plain = (size_t)_i >= KIND_COUNT; /* without momentum and penalty */
    struct clm_data *data = fixture_data(4 * 16 + 5, 0, 31, 10);
    struct clm_model *start = fixture_model(data, "he", 11, hidden),
                     *model = fixture_model(data, "he", 11, hidden);
    struct net net = net_of(start);
    struct epochs_heard record = {0};
    const struct step step = {
        .learning_rate = 0.1, .momentum = is_plain ? 0 : 0.9, .l2 = is_plain ? 0 : 0.01};
    struct clm_settings *const settings =
        train_settings("epochs 1 batch 16 lr 0.1 momentum %g l2 %g seed 3", step.momentum, step.l2);
    const double loss = train_by_hand(&net, data, 16, &step);
    train(kind, model, data, settings, &record, false);
    ck_assert_within(relative_difference(model, &net, start), 0.0, kind == FIXTURE_REFERENCE ? 5e-6 : 1e-4);
    ck_assert_within(record.epochs[0].train_loss, loss, kind == FIXTURE_REFERENCE ? 1e-9 : 1e-5);
    net_free(&net);
    clm_model_free(start);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* Gives the training rows of a fixture weights. */
static void weigh(struct clm_data *data)
{
    float *const weights = malloc(data->train.count * sizeof *weights);
    ck_assert_ptr_nonnull(weights);
    for (size_t r = 0; r < data->train.count; r++)
        weights[r] = (float)(1 + r % 5) / 4;
    data->train.weights = data->read.train.weights = weights;
}

/* The trajectory above with weights of classes and of rows, whose product is divided by its mean: resident
 * and streamed. Weights up to 5 make gradients and errors larger alike. */
START_TEST(weighted_trajectory)
{
    const enum fixture kind = kinds[_i % KIND_COUNT];
    struct clm_data *data = fixture_data(4 * 16 + 5, 0, 31, 10);
    struct clm_model *start = fixture_model(data, "he", 11, hidden),
                     *model = fixture_model(data, "he", 11, hidden);
    struct net net = net_of(start);
    struct epochs_heard record = {0};
    const struct step step = {.learning_rate = 0.1, .momentum = 0.9, .l2 = 0.01};
    struct clm_settings *const settings = train_settings(
        "epochs 1 batch 16 lr 0.1 momentum 0.9 l2 0.01 seed 3 class-weight 3=4,9=0,0=0.5 resident %s",
        (size_t)_i < KIND_COUNT ? "yes" : "no");
    double weights[4 * 16 + 5], mean = 0;
    weigh(data);
    for (size_t r = 0; r < data->train.count; r++) {
        const uint32_t label = data->train.labels[r];
        weights[r] = (double)data->train.weights[r] * (label == 3 ? 4 : label == 9 ? 0 : label ? 1 : 0.5);
        mean += weights[r] / (double)data->train.count;
    }
    for (size_t r = 0; r < data->train.count; r++)
        weights[r] /= mean;
    const double loss = train_weighted_by_hand(&net, data, weights, 16, &step);
    train(kind, model, data, settings, &record, false);
    ck_assert_within(relative_difference(model, &net, start), 0.0, kind == FIXTURE_REFERENCE ? 5e-6 : 1e-4);
    /* the weights are rounded to float: u of the loss */
    ck_assert_within(record.epochs[0].train_loss, loss, kind == FIXTURE_REFERENCE ? 1e-6 : 1e-5);
    net_free(&net);
    clm_model_free(start);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* Weights of 1, of classes or of rows, change no bit on backends that compute the last layer in the same
 * steps with and without weights; weights that are all 3 are the same as 1. */
START_TEST(equal_weights_are_none)
{
    static const enum fixture same[] = {FIXTURE_REFERENCE, FIXTURE_BLAS, FIXTURE_CLBLAST};
    static const char *const weighted[] = {"", " class-weight 0=3,1=3,2=3", " class-weight balanced"};
    struct clm_model *models[4];
    for (size_t i = 0; i < 4; i++) {
        struct clm_data *data = fixture_data(60, 0, 31, 3);
        struct epochs_heard record = {0};
        if (i == 3)
            weigh(data);
        for (size_t r = 0; i == 3 && r < 60; r++)
            data->read.train.weights[r] = 7;
        models[i] = fixture_model(data, "he", 11, hidden);
        train(same[_i], models[i], data, train_settings("%s%s", usual, i < 3 ? weighted[i] : ""), &record,
              false);
        clm_data_close(data);
    }
    for (size_t i = 1; i < 4; i++)
        for (size_t l = 0; l < 3; l++)
            ck_assert_mem_eq(clm_model_weight(models[i], l), clm_model_weight(models[0], l),
                             clm_model_width(models[0], l) * clm_model_width(models[0], l + 1) *
                                 sizeof(float));
    for (size_t i = 0; i < 4; i++)
        clm_model_free(models[i]);
}
END_TEST

/* Resident and streamed data give the same bits with weights, too, and with the weights of partners. */
START_TEST(weights_are_streamed)
{
    struct clm_model *models[2];
    for (size_t i = 0; i < 2; i++) {
        struct clm_data *data = fixture_data(200, 30, 31, 10);
        struct epochs_heard record = {0};
        weigh(data);
        models[i] = fixture_model(data, "he", 11, hidden);
        train(kinds[_i], models[i], data,
              train_settings("epochs 2 batch 16 shard 48 shuffle on class-weight 1=3 train-score on augment "
                             "mixup=0.4 resident %s",
                             i ? "no" : "yes"),
              &record, false);
        clm_data_close(data);
    }
    ck_assert_mem_eq(clm_model_weight(models[0], 0), clm_model_weight(models[1], 0), 31 * 13 * sizeof(float));
    for (size_t i = 0; i < 2; i++)
        clm_model_free(models[i]);
}
END_TEST

/* The score of the training rows is that of a prediction with the net of the epoch's end, whatever the
 * weights. The trained net is the same with it and without it. */
START_TEST(training_rows_are_scored)
{
    struct clm_model *models[2];
    for (size_t i = 0; i < 2; i++) {
        struct clm_data *data = fixture_data(200, 30, 31, 10);
        struct epochs_heard record = {0};
        struct clm_backend *backend = fixture_backend(kinds[_i]);
        struct clm_error error = {0};
        struct clm_score score;
        weigh(data);
        models[i] = fixture_model(data, "he", 11, hidden);
        train(kinds[_i], models[i], data,
              train_settings("epochs 2 batch 16 shuffle on train-score %s", i ? "on" : "off"), &record,
              false);
        ck_assert(record.epochs[1].has_train_score == (i == 1));
        ck_assert_done(clm_predict(backend, models[i], data, CLM_TRAIN, NULL, &score, &error));
        /* batches of 16 and of 200 rows add losses of about 2 in another order: 200 u each */
        ck_assert_within(record.epochs[1].train_score_loss, i ? score.loss : 0, 1e-4);
        ck_assert_within(record.epochs[1].train_score_accuracy, i ? score.accuracy : 0, 1.5 / 200);
        clm_backend_close(backend);
        clm_data_close(data);
    }
    ck_assert_mem_eq(clm_model_weight(models[0], 0), clm_model_weight(models[1], 0), 31 * 13 * sizeof(float));
    for (size_t i = 0; i < 2; i++)
        clm_model_free(models[i]);
}
END_TEST

/* Programs that the driver has built; CLBlast's library builds its own. */
static size_t programs_built;

cl_int CL_API_CALL clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices,
                                  const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                                  void *user)
{
    static cl_int (*build)(cl_program, cl_uint, const cl_device_id *, const char *,
                           void(CL_CALLBACK *)(cl_program, void *), void *);
    if (!build)
        *(void **)&build = dlsym(RTLD_NEXT, "clBuildProgram");
    programs_built++;
    return build(program, count, devices, options, notify, user);
}

/* Trains a network for an epoch, into *model; returns the mean loss. Its steps must build no program. */
static double train_epoch(struct clm_backend *be, struct clm_model *model, const struct clm_data *data,
                          size_t rows, const struct step *step, struct network_use use)
{
    const size_t sets[] = {data->train.count};
    const struct tune_wish wish = {.batch = rows, .sets = sets, .set_count = 1};
    const size_t N = data->train.count;
    const struct residency residency = {.shard = N, .block = N};
    struct clm_error error = {0};
    struct network net;
    struct feed feed;
    struct metrics sums;
    struct minibatch batch, next;
    double loss;
    size_t correct;
    ck_assert_done(network_tune(be, &model->architecture, use, wish, &error));
    ck_assert_done(network_create(be, &model->architecture, rows, use, &net, &error));
    const size_t built = programs_built;
    ck_assert_done(feed_create(be, data, N, &residency, false, &feed, &error));
    ck_assert_done(metrics_create(be, &sums, &error));
    ck_assert_done(metrics_reset(be, &sums, &error));
    ck_assert_done(network_write(&net, model, &error));
    ck_assert_done(feed_normalise(&feed, model, &error));
    ck_assert_done(feed_begin(&feed, &data->train, 0, 0, &error));
    ck_assert_done(feed_batch(&feed, 0, rows, &batch, &error));
    ck_assert_done(network_gather(&net, &batch, &error));
    for (size_t done = 0; batch.rows; batch = next) {
        done += batch.rows;
        ck_assert_done(feed_batch(&feed, done, rows, &next, &error));
        ck_assert_done(network_step(&net, batch.rows, step, &sums, next.rows ? &next : NULL, &error));
    }
    ck_assert_done(metrics_read(be, &sums, &loss, &correct, &error));
    ck_assert_done(network_read(&net, model, &error));
    ck_assert_uint_eq(programs_built, built);
    network_free(&net);
    feed_free(&feed);
    metrics_free(be, &sums);
    return loss / (double)N;
}

/* An epoch of a network that keeps its gradients. */
static double train_by_gradients(struct clm_backend *be, struct clm_model *model, const struct clm_data *data,
                                 size_t rows, const struct step *step)
{
    const struct network_use use = {.is_trained = true, .keeps_gradients = true, .rule = step->rule};
    return train_epoch(be, model, data, rows, step, use);
}

/* For each provider and each rule, all programs are built when the network is made. */
START_TEST(steps_build_no_program)
{
    static const char *const gemms[] = {"native", "clblast", "tiled"};
    static const double momenta[] = {0, 0.9};
    const struct clm_backend_options options = {.kind = CLM_BACKEND_OPENCL,
                                                .device = getenv("CLMLP_DEVICE"),
                                                .gemm = gemms[_i],
                                                .skip_self_test = true};
    struct clm_backend *backend;
    struct clm_error error = {0};
    struct clm_data *const data = fixture_data(47, 0, 31, 10);
    struct clm_model *const model = fixture_model(data, NULL, 1, hidden);
    for (size_t m = 0; m < COUNT_OF(momenta); m++) {
        const struct step step = step_of(RULE_SGD, 0.01, momenta[m], 0);
        ck_assert_done(clm_backend_open(&options, &backend, &error));
        train_epoch(backend, model, data, 16, &step, NETWORK_TRAIN(step.rule));
        clm_backend_close(backend);
    }
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* A trajectory with stored gradients, which a rule that is not linear needs, stays within the same bounds. */
START_TEST(trajectory_by_gradients)
{
    const enum fixture kind = kinds[_i % KIND_COUNT];
    const bool is_plain = (size_t)_i >= KIND_COUNT; /* without momentum and penalty */
    struct clm_backend *backend = fixture_backend(kind);
    struct clm_data *data = fixture_data(4 * 16 + 5, 0, 31, 10);
    struct clm_model *start = fixture_model(data, "he", 11, hidden),
                     *model = fixture_model(data, "he", 11, hidden);
    struct net net = net_of(start);
    const struct step step = step_of(RULE_SGD, 0.1, is_plain ? 0 : 0.9, is_plain ? 0 : 0.01);
    const double expected = train_by_hand(&net, data, 16, &step);
    const double loss = train_by_gradients(backend, model, data, 16, &step);
    ck_assert_within(relative_difference(model, &net, start), 0.0, kind == FIXTURE_REFERENCE ? 5e-6 : 1e-4);
    ck_assert_within(loss, expected, kind == FIXTURE_REFERENCE ? 1e-9 : 1e-5);
    net_free(&net);
    clm_model_free(start);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

static size_t stepped_count;

static clm_status count_step(struct clm_backend *be, struct parameter *parameter, const struct step *step,
                             struct clm_error *e)
{
    stepped_count++;
    return right.parameter_step(be, parameter, step, e);
}

static clm_status refuse_update(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                struct linear *layer, const struct step *step, struct clm_error *e)
{
    (void)be, (void)dZ, (void)X, (void)layer, (void)step;
    return clm_fail(e, CLM_ERROR_ARGUMENT, "gradient and step at once");
}

/* A network that stores its gradients steps each parameter once per batch, and never in a fused operation. */
START_TEST(each_parameter_is_stepped)
{
    struct clm_backend *const backend = backend_to_spoil();
    struct clm_data *const data = fixture_data(47, 0, 12, 5);
    struct clm_model *const model = fixture_model(data, NULL, 1, hidden);
    const struct step step = step_of(RULE_SGD, 0.1, 0, 0);
    spoilt.parameter_step = count_step;
    spoilt.linear_backward_update = refuse_update;
    stepped_count = 0;
    train_by_gradients(backend, model, data, 20, &step);
    ck_assert_uint_eq(stepped_count, 3 * 2 * NET_DEPTH);
    clm_model_free(model);
    clm_data_close(data);
    clm_backend_close(backend);
}
END_TEST

/* Weights of deviation 1e-3 give logits of that size: all classes are equally likely, and the loss is
 * ln(classes) to 1e-3. A step too small for float keeps it there. */
START_TEST(untrained_loss)
{
    struct clm_data *data = fixture_data(100, 50, 31, 10);
    struct clm_model *model = fixture_model(data, "normal:0.001", 1, hidden);
    struct epochs_heard record = {0};
    const struct clm_train_result result =
        train(kinds[_i], model, data, train_settings("%s lr 1e-12", usual), &record, false);
    ck_assert_within(record.epochs[0].train_loss, log(10), 1e-3);
    ck_assert_within(result.test.loss, log(10), 1e-3);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

START_TEST(by_heart)
{
    struct clm_data *data = fixture_data(64, 40, 31, 10);
    struct philox random = philox_start(1, RANDOM_TEST, 1);
    for (size_t r = 0; r < 64; r++) /* labels without a rule */
        data->read.train.labels[r] = philox_below(&random, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, (const size_t[]){64, 32, 0});
    struct epochs_heard record = {0};
    train(kinds[_i], model, data, train_settings("%s epochs 300 lr 0.03", usual), &record, false);
    const struct clm_epoch *last = &record.epochs[299];
    ck_assert_within(last->train_accuracy, 1.0, 0.0);
    ck_assert_within(last->train_loss, 0.0, 0.01);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* Learning holds for unseen rows, too, and the last epoch's loss is below the first's. */
START_TEST(generalises)
{
    struct clm_data *data = fixture_data(600, 200, 31, 4);
    struct clm_model *model = fixture_model(data, NULL, 1, hidden);
    struct epochs_heard record = {0};
    const struct clm_train_result result =
        train(kinds[_i], model, data, train_settings("%s epochs 10", usual), &record, false);
    ck_assert(result.has_test);
    ck_assert_uint_eq(result.test.rows, 200);
    ck_assert(result.test.accuracy > 0.9);
    ck_assert(record.epochs[9].train_loss < 0.5 * record.epochs[0].train_loss);
    struct clm_backend *backend = fixture_backend(kinds[_i]);
    struct clm_score score;
    float *const P = malloc(200 * 4 * sizeof *P);
    ck_assert_int_eq(clm_predict(backend, model, data, CLM_TEST, P, &score, NULL), CLM_OK);
    ck_assert_within(score.loss, result.test.loss, 1e-6);
    ck_assert_within(score.accuracy, result.test.accuracy, 0.0);
    size_t correct = 0;
    for (size_t r = 0; r < 200; r++) {
        size_t best = 0;
        double sum = 0;
        for (size_t c = 0; c < 4; c++) {
            sum += P[r * 4 + c];
            best = P[r * 4 + c] > P[r * 4 + best] ? c : best;
        }
        ck_assert_within(sum, 1.0, 1e-6);
        correct += best == data->test.labels[r];
    }
    ck_assert_uint_eq(correct, (size_t)lround(200 * score.accuracy));
    free(P);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* Who asks for it has the test part left alone; the net is the same. */
START_TEST(the_test_part_may_be_left_alone)
{
    struct clm_data *data = fixture_data(60, 20, 5, 4);
    struct clm_backend *backend = fixture_backend(FIXTURE_BLAS);
    struct clm_model *models[2];
    for (int without = 0; without < 2; without++) {
        struct clm_settings *const settings = train_settings("%s epochs 2", usual);
        const struct clm_train_hooks hooks = {.without_test = without};
        struct clm_train_result result;
        struct clm_error error = {0};
        models[without] = fixture_model(data, NULL, 1, hidden);
        ck_assert_done(clm_train(backend, models[without], data, settings, &hooks, &result, &error));
        ck_assert(result.has_test == !without);
        ck_assert_uint_eq(result.test.rows, without ? 0 : 20);
        clm_settings_free(settings);
    }
    for (size_t p = 0; p < models[0]->parameter_count; p++)
        ck_assert_mem_eq(models[0]->values[p], models[1]->values[p],
                         parameter_elements(&models[0]->specs[p]) * sizeof *models[0]->values[p]);
    clm_model_free(models[0]);
    clm_model_free(models[1]);
    clm_backend_close(backend);
    clm_data_close(data);
}
END_TEST

/* An evaluation's batches have 1000 rows: the last has a single row, which is scored, too. */
START_TEST(the_last_row_counts)
{
    enum { ROWS = 1001 };
    struct clm_data *data = fixture_data(100, ROWS, 5, 4);
    struct clm_model *model = fixture_model(data, "normal:1", 1, hidden);
    struct clm_backend *backend = fixture_backend(FIXTURE_BLAS);
    struct clm_score score;
    struct clm_error error = {0};
    float *const P = calloc(ROWS * 4, sizeof *P);
    double loss = 0;
    ck_assert_done(clm_predict(backend, model, data, CLM_TEST, P, &score, &error));
    for (size_t r = 0; r < ROWS; r++)
        loss -= log(P[r * 4 + data->test.labels[r]]) / ROWS;
    ck_assert(P[1000 * 4] + P[1000 * 4 + 1] > 0);
    ck_assert_within(score.loss, loss, 1e-5 * loss);
    free(P);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

static bool same_bits(const struct clm_model *a, const struct clm_model *b)
{
    for (size_t l = 0; l < clm_model_depth(a); l++)
        if (memcmp(model_weight(a, l), model_weight(b, l),
                   clm_model_width(a, l) * clm_model_width(a, l + 1) * sizeof(float)) ||
            memcmp(model_bias(a, l), model_bias(b, l), clm_model_width(a, l + 1) * sizeof(float)))
            return false;
    return true;
}

START_TEST(same_seed_same_bits)
{
    struct clm_data *data = fixture_data(150, 0, 31, 10);
    struct clm_model *models[3];
    for (size_t i = 0; i < 3; i++) {
        struct epochs_heard record = {0};
        struct clm_settings *const settings = /* another order of rows */
            train_settings("%s epochs 3 seed %d", usual, i < 2 ? 8 : 9);
        models[i] = fixture_model(data, NULL, 8, hidden);
        train(kinds[_i], models[i], data, settings, &record, false);
    }
    ck_assert(same_bits(models[0], models[1]));
    ck_assert(!same_bits(models[0], models[2]));
    for (size_t i = 0; i < 3; i++)
        clm_model_free(models[i]);
    clm_data_close(data);
}
END_TEST

/* The plan counts all that is allocated, whichever phase needs most, and its parts add up. */
START_TEST(memory_plan)
{
    const size_t test_rows = (size_t)_i >= KIND_COUNT ? 5000 : 10;
    struct clm_data *data = fixture_data(300, test_rows, 31, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, hidden);
    struct epochs_heard record = {0};
    const struct clm_train_result result =
        train(kinds[_i % KIND_COUNT], model, data, train_settings("%s", usual), &record, false);
    uint64_t sum = 0;
    for (size_t i = 0; i < record.plan.part_count; i++)
        sum += record.plan.parts[i].bytes;
    ck_assert_uint_eq(record.plan.total, sum);
    ck_assert_uint_eq(result.memory_planned, record.plan.total);
    ck_assert_uint_eq(result.memory_peak, record.plan.total);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

START_TEST(the_last_tenth_of_the_epochs_cools_down)
{
    static const struct {
        size_t epochs, cool; /* how many of them at a tenth of the rate */
    } runs[] = {{1, 0}, {9, 0}, {10, 1}, {19, 1}, {20, 2}, {200, 20}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        for (size_t epoch = 1; epoch <= runs[i].epochs; epoch++)
            for (size_t step = 3 * (epoch - 1); step < 3 * epoch; step++) {
                const struct schedule schedule = {CLM_SCHEDULE_COOLDOWN, 0.5, 3 * runs[i].epochs, 3, 0, 0, 0};
                ck_assert_within(schedule_rate(&schedule, step),
                                 epoch + runs[i].cool > runs[i].epochs ? 0.05 : 0.5, 1e-15);
            }
}
END_TEST

/* The rates of the last of four steps in each of five epochs, by hand; a falling rate trains differently from
 * a constant one. */
START_TEST(schedules)
{
    static const char *const names[] = {[CLM_SCHEDULE_COOLDOWN] = "cooldown",
                                        [CLM_SCHEDULE_CONSTANT] = "constant",
                                        [CLM_SCHEDULE_LINEAR] = "linear",
                                        [CLM_SCHEDULE_COSINE] = "cosine"};
    static const double rates[][5] = {
        [CLM_SCHEDULE_COOLDOWN] = {0.1, 0.1, 0.1, 0.1, 0.1},
        [CLM_SCHEDULE_CONSTANT] = {0.1, 0.1, 0.1, 0.1, 0.1},
        [CLM_SCHEDULE_LINEAR] = {0.085, 0.065, 0.045, 0.025, 0.005},
        [CLM_SCHEDULE_COSINE] = {0.0945503262, 0.0726995250, 0.0421782767, 0.0146446609, 0.0006155830}};
    struct clm_data *data = fixture_data(64, 0, 31, 10);
    struct clm_model *start = fixture_model(data, NULL, 1, hidden),
                     *model = fixture_model(data, NULL, 1, hidden);
    struct epochs_heard record = {0};
    train(FIXTURE_BLAS, start, data, train_settings("%s epochs 5 shuffle off", usual), &record, false);
    record.count = 0;
    train(FIXTURE_BLAS, model, data, train_settings("%s epochs 5 shuffle off schedule %s", usual, names[_i]),
          &record, false);
    for (size_t e = 0; e < 5; e++)
        ck_assert_within(record.epochs[e].learning_rate, rates[_i][e], 1e-9);
    ck_assert_int_eq(same_bits(start, model), _i == CLM_SCHEDULE_CONSTANT || _i == CLM_SCHEDULE_COOLDOWN);
    clm_model_free(start);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

static size_t marks;

/* Replaces the library's function, and counts the marks that somebody can wait for. */
cl_int CL_API_CALL clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint count, const cl_event *events,
                                               cl_event *mark)
{
    cl_int (*enqueue)(cl_command_queue, cl_uint, const cl_event *, cl_event *) = NULL;
    *(void **)&enqueue = dlsym(RTLD_NEXT, "clEnqueueMarkerWithWaitList");
    ck_assert(enqueue != NULL);
    marks += mark != NULL;
    return enqueue(queue, count, events, mark);
}

/* A mark in the queue for each step, so that the host does not get far ahead of the device. */
START_TEST(each_step_is_paced)
{
    struct clm_data *const data = fixture_data(40, 0, 31, 10);
    struct clm_model *const model = fixture_model(data, NULL, 1, hidden);
    struct epochs_heard record = {0};
    marks = 0;
    train(FIXTURE_OPENCL, model, data, train_settings("epochs 3 batch 10"), &record, false);
    ck_assert_uint_eq(marks, 3 * 4);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

START_TEST(stops_after_the_epoch)
{
    struct clm_data *data = fixture_data(100, 0, 31, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, hidden);
    struct epochs_heard record = {0};
    /* the first epoch's report sets it */
    ck_assert_uint_eq(
        train(FIXTURE_BLAS, model, data, train_settings("%s epochs 7", usual), &record, true).epochs, 1);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* Before the end of the first epoch there is nothing to keep: the model stays as it was. */
START_TEST(stops_before_the_first_epoch)
{
    struct clm_data *data = fixture_data(100, 0, 31, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, hidden),
                     *start = fixture_model(data, NULL, 1, hidden);
    struct epochs_heard record = {.stop = 1};
    ck_assert_uint_eq(
        train(FIXTURE_BLAS, model, data, train_settings("%s epochs 7", usual), &record, true).epochs, 0);
    ck_assert_mem_eq(clm_model_weight(model, 0), clm_model_weight(start, 0),
                     clm_model_width(model, 0) * clm_model_width(model, 1) * sizeof(float));
    clm_model_free(model);
    clm_model_free(start);
    clm_data_close(data);
}
END_TEST

/* Each error is one sentence, and the model stays. The settings refuse values outside their limits. */
START_TEST(bad_options)
{
    static const struct {
        const char *command, *name, *value, *says, *setting;
    } cases[] = {
        {"train", "batch", "151", "take smaller ones", "batch"},
        {"train", "lr", "1e30", "diverged", "lr momentum"},
        {"gradcheck", "batch", "10", "of another command", ""},
    };
    struct clm_data *data = fixture_data(150, 0, 31, 10);
    struct clm_settings *settings;
    struct clm_model *start = fixture_model(data, NULL, 1, hidden),
                     *model = fixture_model(data, NULL, 1, hidden);
    struct clm_backend *backend = fixture_backend(FIXTURE_BLAS);
    struct clm_train_result result;
    struct clm_error error = {0};
    ck_assert_done(clm_settings_create(cases[_i].command, &settings, &error));
    ck_assert_done(clm_settings_set(settings, cases[_i].name, cases[_i].value, &error));
    ck_assert_int_eq(clm_train(backend, model, data, settings, NULL, &result, &error), CLM_ERROR_ARGUMENT);
    ck_assert_msg(strstr(error.message, cases[_i].says), "%s", error.message);
    ck_assert_str_eq(error.setting, cases[_i].setting);
    ck_assert(same_bits(start, model));
    clm_settings_free(settings);
    clm_backend_close(backend);
    clm_model_free(start);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

START_TEST(model_that_does_not_fit)
{
    struct clm_data *data = fixture_data(100, 0, 31, 10), *other = fixture_data(100, 0, 30, 10);
    struct clm_model *model = fixture_model(other, NULL, 1, hidden);
    struct clm_backend *backend = fixture_backend(FIXTURE_BLAS);
    struct clm_settings *const settings = train_settings("epochs 1 batch 10");
    struct clm_train_result result;
    struct clm_error error = {0};
    ck_assert_int_eq(clm_train(backend, model, data, settings, NULL, &result, &error), CLM_ERROR_SHAPE);
    ck_assert_msg(strstr(error.message, "31") && strstr(error.message, "30"), "%s", error.message);
    clm_settings_free(settings);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
    clm_data_close(other);
}
END_TEST

/* A net takes only parameters of its own widths, to the last one. */
START_TEST(parameters_that_do_not_fit)
{
    static const struct {
        size_t features, hidden[3], classes;
    } others[] = {{30, {8}, 10}, {31, {7}, 10}, {31, {8}, 11}, {31, {8, 10}, 5}};
    struct clm_backend *backend = fixture_backend(FIXTURE_BLAS);
    struct architecture architecture;
    struct network net;
    struct clm_error error = {0};
    ck_assert_done(
        architecture_create((const size_t[]){31, 8, 10}, 3, ACTIVATION_RELU, &architecture, &error));
    ck_assert_done(network_create(backend, &architecture, 10, NETWORK_TRAIN(RULE_SGD), &net, &error));
    architecture_free(&architecture);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct clm_data *data = fixture_data(20, 0, others[i].features, others[i].classes);
        struct clm_model *model = fixture_model(data, NULL, 1, others[i].hidden);
        ck_assert_int_eq(network_write(&net, model, &error), CLM_ERROR_SHAPE);
        clm_model_free(model);
        clm_data_close(data);
    }
    network_free(&net);
    clm_backend_close(backend);
}
END_TEST

/* Training must say that it diverged in its last step, and also `what`. Frees the settings. */
static void expect_divergence(enum fixture kind, struct clm_model *model, const struct clm_data *data,
                              struct clm_settings *settings, const char *what)
{
    struct clm_backend *backend = fixture_backend(kind);
    struct clm_train_result result;
    struct clm_error error = {0};
    ck_assert_int_eq(clm_train(backend, model, data, settings, NULL, &result, &error), CLM_ERROR_ARGUMENT);
    clm_settings_free(settings);
    ck_assert_msg(strstr(error.message, "diverged in its last step") && strstr(error.message, what), "%s",
                  error.message);
    clm_backend_close(backend);
}

/* Only the decay makes the large weights of one layer overflow, and that layer is named. */
START_TEST(diverged_in_one_layer)
{
    struct clm_data *data = fixture_data(100, 0, 31, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, hidden);
    char name[16];
    snprintf(name, sizeof name, "layer %d ", _i);
    for (size_t l = 0; l < clm_model_depth(model); l++)
        for (size_t i = 0; i < clm_model_width(model, l) * clm_model_width(model, l + 1); i++)
            model_weight(model, l)[i] = l == (size_t)_i ? 100 : 1e-3f;
    expect_divergence(FIXTURE_BLAS, model, data, train_settings("epochs 1 batch 100 lr 1 l2 1e38"), name);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* The only step's loss is finite, because it is from before the step; the parameters after it are not. */
START_TEST(diverged_in_the_last_step)
{
    struct clm_data *data = fixture_data(100, 0, 31, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, hidden);
    expect_divergence(kinds[_i], model, data, train_settings("epochs 1 batch 100 lr 1e300"), "");
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

START_TEST(without_a_result)
{
    struct clm_data *const data = fixture_data(60, 20, 31, 10);
    struct clm_model *const with = fixture_model(data, NULL, 1, hidden), *const without = fixture_model(
                                                                             data, NULL, 1, hidden);
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    struct clm_settings *const settings = train_settings("epochs 2 batch 10"), *const wrong = train_settings(
                                                                                   "batch 1000");
    struct clm_train_result result;
    struct clm_error error = {0};
    ck_assert_done(clm_train(backend, with, data, settings, NULL, &result, &error));
    ck_assert_done(clm_train(backend, without, data, settings, NULL, NULL, &error));
    ck_assert(same_bits(with, without));
    ck_assert_int_eq(clm_train(backend, without, data, wrong, NULL, NULL, &error), CLM_ERROR_ARGUMENT);
    clm_settings_free(wrong);
    clm_settings_free(settings);
    clm_backend_close(backend);
    clm_model_free(with);
    clm_model_free(without);
    clm_data_close(data);
}
END_TEST

/* A model for floats, trained on bytes, would get inputs up to 255. */
START_TEST(inputs_of_another_kind_are_refused)
{
    struct clm_data *const data = fixture_data(60, 20, 31, 10);
    const struct clm_model_options model_options = {.sizes = (size_t[]){31, 10}, .size_count = 2};
    struct clm_backend *const backend = fixture_backend(FIXTURE_BLAS);
    struct clm_settings *const settings = train_settings("epochs 1 batch 10");
    struct clm_model *model = NULL;
    struct clm_score score;
    struct clm_error error = {0};
    ck_assert_done(clm_model_create(&model_options, &model, &error));
    ck_assert_int_eq(clm_train(backend, model, data, settings, NULL, NULL, &error), CLM_ERROR_SHAPE);
    ck_assert_ptr_nonnull(strstr(error.message, "holds bytes"));
    ck_assert_int_eq(clm_predict(backend, model, data, CLM_TEST, NULL, &score, &error), CLM_ERROR_SHAPE);
    ck_assert_done(clm_model_standardise(model, data, CLM_STANDARDISE_GLOBAL, NULL, &error));
    ck_assert_done(clm_train(backend, model, data, settings, NULL, NULL, &error));
    clm_settings_free(settings);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

/* Minibatches whose gradients are added up are one minibatch, to rounding; so are the last ones of an
 * epoch, which are fewer and smaller. The bound is that of `trajectory`. */
START_TEST(gradients_add_up)
{
    const enum fixture kind = kinds[_i];
    struct clm_data *data = fixture_data(4 * 16 + 11, 0, 31, 10);
    struct clm_model *start = fixture_model(data, "he", 11, hidden),
                     *model = fixture_model(data, "he", 11, hidden);
    struct net net = net_of(start);
    struct epochs_heard record = {0};
    const struct step step = {.learning_rate = 0.1, .momentum = 0.9, .l2 = 0.01};
    const double loss = train_by_hand(&net, data, 16, &step);
    train(kind, model, data,
          train_settings("epochs 1 batch 8 accumulate 2 lr 0.1 momentum 0.9 l2 0.01 seed 3"), &record, false);
    ck_assert_within(relative_difference(model, &net, start), 0.0, kind == FIXTURE_REFERENCE ? 5e-6 : 1e-4);
    ck_assert_within(record.epochs[0].train_loss, loss, kind == FIXTURE_REFERENCE ? 1e-9 : 1e-5);
    net_free(&net);
    clm_model_free(start);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

static char split_note[512];

static void keep_split_note(void *user, const char *sentence)
{
    (void)user;
    if (strstr(sentence, "do not fit"))
        snprintf(split_note, sizeof split_note, "%s", sentence);
}

/* A minibatch whose outputs do not fit into the memory is taken in parts, and the net is the same to
 * rounding. */
START_TEST(a_batch_that_does_not_fit_comes_in_parts)
{
    static const char settings[] = "epochs 2 batch 256 lr 0.1 momentum 0.9 seed 3 resident no";
    struct clm_data *data = fixture_data(300, 0, 31, 10);
    struct clm_model *whole = fixture_model(data, "he", 11, hidden),
                     *split = fixture_model(data, "he", 11, hidden);
    struct epochs_heard record = {0};
    struct clm_settings *const asked = train_settings("%s", settings);
    const size_t planned =
        train(kinds[_i], whole, data, train_settings("%s", settings), &record, false).memory_planned;
    struct clm_backend *const backend = fixture_backend(kinds[_i]);
    struct clm_train_result result;
    struct clm_error error = {0};
    split_note[0] = '\0';
    backend->on_note = keep_split_note;
    backend->memory_limit = planned / 2;
    ck_assert_done(clm_train(backend, split, data, asked, NULL, &result, &error));
    ck_assert_uint_le(result.memory_peak, planned / 2);
    ck_assert_ptr_nonnull(strstr(split_note, "steps of 256 rows do not fit"));
    for (size_t p = 0; p < whole->parameter_count; p++)
        for (size_t i = 0; i < parameter_elements(&whole->specs[p]); i++)
            ck_assert_within((double)split->values[p][i], (double)whole->values[p][i], 1e-5);
    clm_settings_free(asked);
    clm_backend_close(backend);
    clm_model_free(whole);
    clm_model_free(split);
    clm_data_close(data);
}
END_TEST

/* If the device has too little memory, a sentence says so before anything is allocated. */
START_TEST(too_much_memory)
{
    struct clm_data *data = fixture_data(100, 0, 31, 10);
    struct clm_model *model = fixture_model(data, NULL, 1, hidden);
    struct clm_backend *backend = fixture_backend(FIXTURE_OPENCL);
    struct clm_settings *const settings = train_settings("epochs 1 batch 10");
    struct clm_train_result result;
    struct clm_error error = {0};
    const size_t before = backend->memory.now;
    if (_i)
        backend->memory_limit = 4000;
    else
        backend->allocation_limit = 2000;
    ck_assert_int_eq(clm_train(backend, model, data, settings, NULL, &result, &error), CLM_ERROR_MEMORY);
    ck_assert_msg(strstr(error.message, "take smaller batches"), "%s", error.message);
    ck_assert_msg(strstr(error.setting, "batch"), "%s", error.setting);
    ck_assert_uint_eq(result.memory_peak, 0);
    backend->memory_limit = backend->allocation_limit = SIZE_MAX;
    ck_assert_int_eq(clm_train(backend, model, data, settings, NULL, &result, &error), CLM_OK);
    ck_assert_uint_ge(backend->memory.now, before);
    clm_settings_free(settings);
    clm_backend_close(backend);
    clm_model_free(model);
    clm_data_close(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train");
    TCase *cases = tcase_create("train");
    test_add_sampled(cases, trajectory, 0, 2 * KIND_COUNT, 1);
    test_add_sampled(cases, gradients_add_up, 0, KIND_COUNT, 1);
    test_add_sampled(cases, a_batch_that_does_not_fit_comes_in_parts, 0, KIND_COUNT, 1);
    test_add_sampled(cases, trajectory_by_gradients, 0, 2 * KIND_COUNT, 1);
    test_add_sampled(cases, weighted_trajectory, 0, 2 * KIND_COUNT, 1);
    tcase_add_loop_test(cases, equal_weights_are_none, 0, 3);
    test_add_sampled(cases, weights_are_streamed, 0, KIND_COUNT, 1);
    test_add_sampled(cases, training_rows_are_scored, 0, KIND_COUNT, 1);
    tcase_add_loop_test(cases, steps_build_no_program, 0, 3);
    tcase_add_test(cases, each_parameter_is_stepped);
    test_add_sampled(cases, untrained_loss, 0, KIND_COUNT, 1);
    test_add_sampled(cases, by_heart, 0, KIND_COUNT, 1);
    tcase_add_test(cases, the_test_part_may_be_left_alone);
    test_add_sampled(cases, generalises, 0, KIND_COUNT, 1);
    test_add_sampled(cases, same_seed_same_bits, 0, KIND_COUNT, 1);
    test_add_sampled(cases, memory_plan, 0, 2 * KIND_COUNT, 1);
    tcase_add_loop_test(cases, schedules, 0, 4);
    tcase_add_test(cases, the_last_tenth_of_the_epochs_cools_down);
    tcase_add_test(cases, each_step_is_paced);
    tcase_add_test(cases, stops_after_the_epoch);
    tcase_add_test(cases, stops_before_the_first_epoch);
    tcase_add_test(cases, without_a_result);
    tcase_add_test(cases, inputs_of_another_kind_are_refused);
    tcase_add_loop_test(cases, bad_options, 0, 3);
    test_add_sampled(cases, diverged_in_the_last_step, 0, KIND_COUNT, 1);
    tcase_add_test(cases, model_that_does_not_fit);
    tcase_add_test(cases, parameters_that_do_not_fit);
    tcase_add_test(cases, the_last_row_counts);
    tcase_add_loop_test(cases, diverged_in_one_layer, 0, NET_DEPTH);
    tcase_add_loop_test(cases, too_much_memory, 0, 2);
    suite_add_tcase(suite, cases);
    return test_run(suite);
}
