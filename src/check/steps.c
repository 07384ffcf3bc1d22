/* The device trains with network_gather and network_step, as clm_train does; the reference takes the same steps operation by
 * operation, and carries along how far each element of the device may be from it (bounded.h).
 *
 * That bound is honest but grows from step to step, for it takes all roundings to err the same way and never lets two
 * errors cancel: an error of W grows by the sums of |W| through all layers and back again. So the nets here begin with
 * weights whose absolute sums are near 1. What single operations get wrong by little is seen by their own checks; what a
 * wrong order of operations, a ragged batch or a forgotten term does to a weight is larger by far. */
#include "check/steps.h"

#include "base/philox.h"
#include "base/size.h"
#include "check/bounded_network.h"
#include "check/problem.h"
#include "nn/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEARNING_RATE 0.1
#define STEPS_MOST    65536 /* of each number of a case */
#define EXTREME       2e6   /* a value of the data that becomes an input of about 1e4 */

enum part { PART_VALUES, PART_LABELS, PART_MEAN, PART_SCALE, PART_ORDER, PART_COUNT };

/* All that one case needs, on both sides. */
struct trial {
    struct clm_model *model;
    struct network net;          /* the device's */
    struct bounded_network walk; /* the reference's */
    struct bounded parts[PART_COUNT];
    struct tensor tensors[PART_COUNT];
    struct metrics sums;
    struct bounded_sums expected;
};

size_t steps_depth(const struct step_case *which)
{
    size_t count = 0;
    while (count < sizeof which->widths / sizeof *which->widths && which->widths[count])
        count++;
    return count - 1;
}

/* Floats are as wide as bytes; one in sixteen is far out where they are to be extreme. */
static double draw_value(const struct step_case *which, struct philox *random)
{
    if (!which->is_float)
        return philox_below(random, 256);
    if (which->is_extreme && !philox_below(random, 16))
        return philox_below(random, 2) ? EXTREME : -EXTREME;
    return (float)(125 + 60 * philox_normal(random));
}

static void fill_part(struct bounded *matrix, enum part part, const struct step_case *which,
                      struct philox *random)
{
    const size_t classes = which->widths[steps_depth(which)];
    for (size_t i = 0; i < bounded_count(matrix); i++)
        switch (part) {
        case PART_VALUES:
            matrix->value[i] = draw_value(which, random);
            break;
        case PART_LABELS:
            matrix->value[i] = philox_below(random, (uint32_t)classes);
            break;
        case PART_MEAN:
            matrix->value[i] = 100 + philox_below(random, 50);
            break;
        case PART_SCALE:
            matrix->value[i] = (float)((1 + philox_uniform(random)) / 256);
            break;
        default: /* an order: a step of 7 goes through rows that are no multiple of 7 */
            matrix->value[i] = (double)(7 * i % bounded_count(matrix));
        }
}

static clm_status create_parts(struct trial *trial, struct clm_backend *device, const struct step_case *which,
                               struct clm_error *error)
{
    const size_t N = which->rows, I = which->widths[0];
    const size_t shapes[PART_COUNT][2] = {{N, I}, {1, N}, {1, I}, {1, I}, {1, N}};
    const enum tensor_type types[PART_COUNT] = {which->is_float ? TENSOR_REAL : TENSOR_BYTE, TENSOR_INDEX,
                                                TENSOR_REAL, TENSOR_REAL, TENSOR_INDEX};
    struct philox random = philox_start(which->seed, RANDOM_TEST, 1);
    for (int p = 0; p < PART_COUNT; p++) {
        const size_t rows = shapes[p][0], columns = shapes[p][1];
        clm_status status;
        if ((status = bounded_create(types[p], rows, columns, &trial->parts[p], error)) ||
            (status = tensor_create(device, types[p], rows, columns, &trial->tensors[p], error)))
            return status;
        fill_part(&trial->parts[p], (enum part)p, which, &random);
        if ((status = doubles_write(device, &trial->tensors[p], trial->parts[p].value, error)))
            return status;
    }
    return CLM_OK;
}

/* Weights of ±1.5 / I at most, biases of ±0.5, so that each layer's outputs are as large as its inputs at most. */
static void draw_parameters(struct clm_model *model, uint64_t seed)
{
    struct philox random = philox_start(seed, RANDOM_TEST, 2);
    for (size_t l = 0; l < clm_model_depth(model); l++) {
        const size_t I = clm_model_width(model, l), O = clm_model_width(model, l + 1);
        for (size_t i = 0; i < O * I; i++)
            model_weight(model, l)[i] = (float)((2 * philox_uniform(&random) - 1) * 1.5 / (double)I);
        for (size_t o = 0; o < O; o++)
            model_bias(model, l)[o] = (float)(philox_uniform(&random) - 0.5);
    }
}

static clm_status create(struct trial *trial, struct clm_backend *device, struct clm_backend *reference,
                         const struct step_case *which, struct clm_error *error)
{
    const size_t depth = steps_depth(which);
    const bool has_velocity = which->momentum != 0;
    const struct clm_model_options options = {
        .sizes = which->widths, .size_count = depth + 1, .init = "he", .seed = which->seed};
    clm_status status = clm_model_create(&options, &trial->model, error);
    if (status != CLM_OK)
        return status;
    draw_parameters(trial->model, which->seed);
    if ((status =
             network_create(device, &trial->model->architecture, which->batch,
                            NETWORK_TRAIN(has_velocity ? RULE_MOMENTUM : RULE_SGD), &trial->net, error)) ||
        (which->is_augmented && (status = network_prepare_mixup(&trial->net, error))) ||
        (status = network_write(&trial->net, trial->model, error)) ||
        (status = bounded_network_create(reference, trial->model, which->batch, has_velocity, &trial->walk,
                                         error)) ||
        (status = create_parts(trial, device, which, error)) ||
        (status = metrics_create(device, &trial->sums, error)) ||
        (status = metrics_reset(device, &trial->sums, error)))
        return status;
    return CLM_OK;
}

static void destroy(struct trial *trial, struct clm_backend *device)
{
    network_free(&trial->net);
    bounded_network_free(&trial->walk);
    for (int p = 0; p < PART_COUNT; p++) {
        bounded_free(&trial->parts[p]);
        tensor_free(device, &trial->tensors[p]);
    }
    metrics_free(device, &trial->sums);
    clm_model_free(trial->model);
}

#define CHANNELS 3

/* Square pictures, changed in every way. Noise and λ near 1/2 keep the inputs as large as they are. */
static size_t pictures_side(const struct step_case *which)
{
    size_t side = 2;
    while (CHANNELS * side * side < which->widths[0])
        side++;
    return side;
}

static struct augmentation augmentation_of(const struct step_case *which, size_t epoch)
{
    const size_t side = pictures_side(which);
    return (struct augmentation){
        .changes = {.flip = true, .shift = 1, .cutout = 2, .noise = 0.05, .mixup = 2},
        .width = side,
        .height = side,
        .channels = CHANNELS,
        .seed = which->seed,
        .epoch = (uint32_t)epoch,
    };
}

/* The batch from row `first` on; without rows at the end. */
static struct minibatch minibatch_from(const struct step_case *which, const struct resident *data,
                                       const struct tensor *order, const struct augmentation *augmentation,
                                       size_t first)
{
    return (struct minibatch){.data = data,
                              .order = order,
                              .first = first,
                              .rows = size_min(which->batch, which->rows - first),
                              .augmentation = which->is_augmented ? augmentation : NULL,
                              .position = first};
}

/* One step on both sides. */
static clm_status take_step(struct trial *trial, const struct step_case *which, size_t epoch, size_t first,
                            struct clm_error *error)
{
    const struct step step = step_of(LEARNING_RATE, which->momentum, which->l2);
    const struct resident data = {trial->tensors[PART_VALUES], trial->tensors[PART_LABELS],
                                  trial->tensors[PART_MEAN], trial->tensors[PART_SCALE]};
    const struct bounded_resident bounded = {&trial->parts[PART_VALUES], &trial->parts[PART_LABELS],
                                             &trial->parts[PART_MEAN], &trial->parts[PART_SCALE]};
    struct augmentation augmentation = augmentation_of(which, epoch);
    const struct minibatch batch =
        minibatch_from(which, &data, &trial->tensors[PART_ORDER], &augmentation, first);
    const struct minibatch next =
        minibatch_from(which, &data, batch.order, &augmentation, first + batch.rows);
    const size_t rows = batch.rows;
    struct bounded X = bounded_first_rows(&trial->walk.X, rows), labels = trial->walk.labels;
    struct bounded partners = trial->walk.partners;
    labels.columns = partners.columns = rows;
    struct augmentation changes = augmentation; /* of the reference's batch */
    changes.position = first;
    trial->walk.share = which->is_augmented ? augmentation_share(&changes) : 1;
    clm_status status;
    if ((first == 0 && (status = network_gather(&trial->net, &batch, error))) ||
        (status = network_step(&trial->net, rows, &step, &trial->sums, next.rows ? &next : NULL, error)) ||
        (status = backend_pace(trial->net.be, error)) ||
        (status = bounded_gather(trial->walk.reference, &bounded, &trial->parts[PART_ORDER], first,
                                 which->is_augmented ? &changes : NULL, &X, &labels,
                                 which->is_augmented ? &partners : NULL, error)) ||
        (status = bounded_network_step(&trial->walk, rows, &step, &trial->expected, error)))
        return status;
    return CLM_OK;
}

/* One parameter that may be the worst so far, and its part of the bits. */
static void judge_parameter(struct judgement *out, const char *name, size_t layer, size_t i, double got,
                            const struct bounded *expected)
{
    const double ratio = error_ratio(got, expected->value[i], expected->error[i]);
    const double worst = worse_ratio(out->worst, ratio);
    if (!(worst <= 1) && out->worst <= 1) {
        char text[128];
        snprintf(text, sizeof text, "layers.%zu.%s[%zu,%zu]", layer, name, i / expected->columns,
                 i % expected->columns);
        error_describe(out->detail, sizeof out->detail, text, got, expected->value[i], expected->error[i]);
    }
    out->worst = worst;
}

/* A layer's velocity of W or b, on the device. */
static clm_status judge_velocity(const struct trial *trial, const char *name, size_t layer,
                                 const struct tensor *velocity, const struct bounded *expected,
                                 struct judgement *out, struct clm_error *error)
{
    const size_t count = bounded_count(expected);
    double *const got = malloc(count * sizeof *got);
    if (!got)
        return clm_fail_host_memory(error, "a check", count * sizeof *got);
    const clm_status status = doubles_read(trial->net.be, velocity, got, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        judge_parameter(out, name, layer, i, got[i], expected);
    if (status == CLM_OK)
        out->bits = bits_add(out->bits, got, count * sizeof *got);
    free(got);
    return status;
}

static clm_status judge_velocities(const struct trial *trial, struct judgement *out, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t l = 0; status == CLM_OK && l < trial->walk.depth; l++) {
        const struct linear *const layer = &trial->net.layers[l].linear;
        const struct bounded_layer *const expected = &trial->walk.layers[l];
        if ((status = judge_velocity(trial, "weight velocity", l, &layer->W.state[0], expected->W_velocity,
                                     out, error)) ||
            (status = judge_velocity(trial, "bias velocity", l, &layer->b.state[0], expected->b_velocity, out,
                                     error)))
            return status;
    }
    return status;
}

static void judge_parameters(const struct trial *trial, struct judgement *out)
{
    for (size_t l = 0; l < trial->walk.depth; l++) {
        const struct bounded *const W = trial->walk.layers[l].W, *const b = trial->walk.layers[l].b;
        for (size_t i = 0; i < bounded_count(W); i++)
            judge_parameter(out, "weight", l, i, model_weight(trial->model, l)[i], W);
        for (size_t o = 0; o < bounded_count(b); o++)
            judge_parameter(out, "bias", l, o, model_bias(trial->model, l)[o], b);
        out->bits = bits_add(out->bits, model_weight(trial->model, l), bounded_count(W) * sizeof(float));
        out->bits = bits_add(out->bits, model_bias(trial->model, l), bounded_count(b) * sizeof(float));
    }
}

static clm_status run(struct trial *trial, struct clm_backend *device, const struct step_case *which,
                      struct judgement *out, struct clm_error *error)
{
    struct sums_read got;
    clm_status status = CLM_OK;
    for (size_t e = 0; e < which->epochs; e++)
        for (size_t first = 0; status == CLM_OK && first < which->rows; first += which->batch)
            status = take_step(trial, which, e, first, error);
    if (status == CLM_OK)
        status = sums_ratio(device, &trial->sums, &trial->expected, &got, &out->worst, error);
    if (status == CLM_OK)
        status = network_read(&trial->net, trial->model, error);
    if (status != CLM_OK)
        return status;
    if (!(out->worst <= 1))
        sums_describe(out->detail, sizeof out->detail, &got, &trial->expected);
    out->bits = bits_add(out->bits, &got.loss, sizeof got.loss);
    judge_parameters(trial, out);
    return which->momentum != 0 ? judge_velocities(trial, out, error) : CLM_OK;
}

/* ---- a case in words ---- */

/* Behind the rest, in this order. */
#define AUGMENTED " augmented"
#define FLOATS    " floats"
#define EXTREMES  " extreme"

void steps_describe(const struct step_case *which, struct clm_check *check)
{
    char layers[72] = "";
    size_t used = 0;
    for (size_t l = 0; l <= steps_depth(which) && used < sizeof layers; l++)
        used +=
            (size_t)snprintf(layers + used, sizeof layers - used, "%s%zu", l ? "-" : "", which->widths[l]);
    snprintf(check->operation, sizeof check->operation, STEPS_NAME);
    snprintf(check->shape, sizeof check->shape, "%s B=%zu N=%zu x%zu momentum=%g l2=%g%s%s%s", layers,
             which->batch, which->rows, which->epochs, which->momentum, which->l2,
             which->is_augmented ? AUGMENTED : "", which->is_float ? FLOATS : "",
             which->is_extreme ? EXTREMES : "");
}

/* The widths at the beginning of `text`, and where they end. */
static const char *parse_widths(const char *text, struct step_case *out)
{
    size_t count = 0;
    int length = 0;
    while (count < STEPS_WIDTHS_MAX && sscanf(text, "%zu%n", &out->widths[count], &length) == 1) {
        count++;
        text += length;
        if (*text != '-')
            break;
        text++;
    }
    return text;
}

/* Whether `word` is next, which is then gone past. */
static bool parse_flag(const char **text, const char *word)
{
    const size_t length = strlen(word);
    const bool is_there = !strncmp(*text, word, length);
    *text += is_there ? length : 0;
    return is_there;
}

clm_status steps_parse(const char *text, struct step_case *out, struct clm_error *error)
{
    *out = (struct step_case){0};
    int length = 0;
    const char *const rest = parse_widths(text, out);
    const int read = sscanf(rest, " B=%zu N=%zu x%zu momentum=%lg l2=%lg%n", &out->batch, &out->rows,
                            &out->epochs, &out->momentum, &out->l2, &length);
    const char *flags = rest + length;
    out->is_augmented = parse_flag(&flags, AUGMENTED);
    out->is_float = parse_flag(&flags, FLOATS);
    out->is_extreme = out->is_float && parse_flag(&flags, EXTREMES);
    bool is_sensible = read == 5 && !*flags && out->widths[1] && out->batch && out->rows && out->epochs &&
                       out->batch <= STEPS_MOST && out->rows <= STEPS_MOST && out->epochs <= STEPS_MOST &&
                       out->momentum >= 0 && out->momentum < 1 && out->l2 >= 0;
    for (size_t l = 0; is_sensible && l <= steps_depth(out); l++)
        is_sensible = out->widths[l] && out->widths[l] <= STEPS_MOST;
    if (is_sensible && out->is_augmented) {
        const size_t side = pictures_side(out); /* steps up to it: only of widths that are checked */
        is_sensible = CHANNELS * side * side == out->widths[0];
    }
    if (is_sensible)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_ARGUMENT,
        "%s: it has to be up to %d widths, a batch, rows and epochs of 1 to %d, momentum and l2, as in \"33-65-10 B=31 N=40 x2 momentum=0.9 l2=0.01\"",
        text, STEPS_WIDTHS_MAX, STEPS_MOST);
}

static clm_status run_once(struct clm_backend *device, struct clm_backend *reference,
                           const struct step_case *which, struct judgement *out, struct clm_error *error)
{
    struct trial trial = {0};
    *out = (struct judgement){.worst = NAN, .bits = BITS_START};
    clm_status status = create(&trial, device, reference, which, error);
    if (status == CLM_OK)
        status = run(&trial, device, which, out, error);
    destroy(&trial, device);
    return status;
}

clm_status steps_check(struct clm_backend *device, struct clm_backend *reference,
                       const struct step_case *which, size_t repeats, struct clm_check *check,
                       struct clm_error *error)
{
    struct judgement first, again;
    *check = (struct clm_check){.error_over_bound = NAN};
    steps_describe(which, check);
    clm_status status = run_once(device, reference, which, &first, error);
    for (size_t i = 1; status == CLM_OK && i < repeats; i++) {
        status = run_once(device, reference, which, &again, error);
        if (status == CLM_OK && first.worst <= 1 && again.bits != first.bits)
            judge_bits(&first, i + 1);
    }
    check->error_over_bound = first.worst;
    check->passed = check->error_over_bound <= 1;
    snprintf(check->detail, sizeof check->detail, "%s", first.detail);
    return status;
}
