/* The device trains with network_gather and network_step, as clm_train does. The bounds take the same steps
 * and compute how far each element of the device may be from theirs (prove/bounds/bounds.h).
 *
 * That bound is rigorous, but it grows from step to step: it assumes that all roundings err the same way, and
 * never lets two errors cancel. An error of W grows by the sums of |W| through all layers and back. So the
 * nets here begin with weights whose absolute sums are near 1. Small errors of single operations are found by
 * the operations' own checks; a wrong order of operations, a smaller last batch or a missing term changes a
 * weight much more. */
#include "check/steps.h"

#include "base/philox.h"
#include "base/size.h"
#include "base/text.h"
#include "nn/network.h"
#include "prove/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEARNING_RATE 0.1
#define SIGN_RATE     1e-3  /* of a step that is as large as the rate even where a gradient is near 0 */
#define EPSILON       0.1   /* at a smaller one errors of small gradients become errors of whole steps */
#define STEPS_MOST    65536 /* of each number of a case */
#define EXTREME       2e6   /* a value of the data that becomes an input of about 1e4 */

enum part {
    PART_VALUES,
    PART_LABELS,
    PART_MEAN,
    PART_SCALE,
    PART_ORDER,
    PART_WEIGHTS,
    PART_TARGETS, /* of a loss with values, as the net sees them: with mean 0 and scale 1 */
    PART_TARGET_MEAN,
    PART_TARGET_SCALE,
    PART_COUNT
};

/* All that a case needs on one side. */
struct trainee {
    struct network net;
    struct tensor parts[PART_COUNT];
    struct metrics sums;
};

size_t steps_depth(const struct step_case *which)
{
    size_t count = 0;
    while (count < sizeof which->widths / sizeof *which->widths && which->widths[count])
        count++;
    return count - 1;
}

/* Numbers that no float holds exactly. */
static struct loss loss_of_case(const struct step_case *which)
{
    struct loss loss = {
        .kind = which->loss, .smoothing = which->smoothing, .gamma = 1.7, .delta = 0.7, .quantiles = {0.3}};
    loss.quantile_count = size_max(which->quantiles, 1);
    for (size_t q = 0; which->quantiles && q < loss.quantile_count; q++)
        loss.quantiles[q] = ((double)q + 0.4) / (double)which->quantiles;
    return loss;
}

static bool case_has_values(const struct step_case *which)
{
    return loss_table[which->loss].has_values;
}

static size_t steps_targets(const struct step_case *which)
{
    return which->widths[steps_depth(which)] / size_max(which->quantiles, 1);
}

/* Floats have the range of bytes; in an extreme case one in sixteen is far outside. */
static double draw_value(const struct step_case *which, struct philox *random)
{
    if (!which->is_float)
        return philox_below(random, 256);
    if (which->is_extreme && !philox_below(random, 16))
        return philox_below(random, 2) ? EXTREME : -EXTREME;
    return (float)(125 + 60 * philox_normal(random));
}

static double draw_target(const struct step_case *which, struct philox *random)
{
    if (which->loss == LOSS_BINARY)
        return philox_below(random, 2);
    return (float)philox_normal(random);
}

static void fill_part(double *values, size_t count, enum part part, const struct step_case *which,
                      struct philox *random)
{
    const size_t classes = which->widths[steps_depth(which)];
    for (size_t i = 0; i < count; i++)
        switch (part) {
        case PART_VALUES:
            values[i] = draw_value(which, random);
            break;
        case PART_LABELS:
            values[i] = philox_below(random, (uint32_t)classes);
            break;
        case PART_MEAN:
            values[i] = 100 + philox_below(random, 50);
            break;
        case PART_SCALE:
            values[i] = (float)((1 + philox_uniform(random)) / 256);
            break;
        case PART_WEIGHTS: /* 0 to 2, with the mean 1 */
            values[i] = (double)philox_below(random, 9) / 4;
            break;
        case PART_TARGETS:
            values[i] = draw_target(which, random);
            break;
        case PART_TARGET_MEAN:
        case PART_TARGET_SCALE:
            values[i] = part == PART_TARGET_SCALE;
            break;
        default: /* an order in steps of 7, for rows that are no multiple of 7 */
            values[i] = (double)(7 * i % count);
        }
}

static clm_status create_parts(struct trainee *trainee, const struct step_case *which,
                               struct clm_error *error)
{
    struct clm_backend *const be = trainee->net.be;
    const size_t N = which->rows, I = which->widths[0], T = steps_targets(which), most = N * size_max(I, T);
    const size_t shapes[PART_COUNT][2] = {{N, I}, {1, N}, {1, I}, {1, I}, {1, N},
                                          {1, N}, {N, T}, {1, T}, {1, T}};
    const enum tensor_type types[PART_COUNT] = {which->is_float ? TENSOR_REAL : TENSOR_BYTE,
                                                TENSOR_INDEX,
                                                TENSOR_REAL,
                                                TENSOR_REAL,
                                                TENSOR_INDEX,
                                                TENSOR_REAL,
                                                TENSOR_REAL,
                                                TENSOR_REAL,
                                                TENSOR_REAL};
    const int count = case_has_values(which) ? PART_COUNT : PART_TARGETS;
    struct philox random = philox_start(which->seed, RANDOM_TEST, 1);
    double *const values = malloc(most * sizeof *values);
    clm_status status = values ? CLM_OK : clm_fail_host_memory(error, "a check", most * sizeof *values);
    for (int p = 0; status == CLM_OK && p < count; p++) {
        const size_t rows = shapes[p][0], columns = shapes[p][1];
        fill_part(values, rows * columns, (enum part)p, which, &random);
        status = tensor_create(be, types[p], rows, columns, &trainee->parts[p], error);
        if (status == CLM_OK)
            status = doubles_write(be, &trainee->parts[p], values, error);
    }
    free(values);
    return status;
}

/* Weights of at most ±1.5 / I, biases of at most ±0.5, so that a layer's outputs are at most as large as its
 * inputs. */
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

/* The step of number `number`. */
static struct step step_of_case(const struct step_case *which, size_t number)
{
    const double rate = which->rule == RULE_LION ? SIGN_RATE : LEARNING_RATE;
    struct step step = step_of(which->rule, rate, which->momentum, which->l2);
    step.l1 = which->l1;
    step.weight_decay = which->weight_decay;
    step.epsilon = EPSILON;
    step.number = number;
    return step;
}

/* The most rows of a batch that the net takes at once. */
static size_t steps_part_rows(const struct step_case *which)
{
    return divide_up(which->batch, size_max(which->parts, 1));
}

static clm_status steps_create(struct trainee *trainee, struct clm_backend *be, const struct clm_model *model,
                               const struct step_case *which, struct clm_error *error)
{
    const struct step step = step_of_case(which, 1);
    struct network_use use = NETWORK_TRAIN(step.rule);
    clm_status status;
    use.keeps_gradients = !step_is_linear(&step);
    use.extras.clip_norm = which->clip;
    use.extras.average = which->average;
    use.extras.has_parts = which->parts > 1;
    if ((status =
             network_create(be, &model->architecture, steps_part_rows(which), use, &trainee->net, error)) ||
        (which->is_augmented && (status = network_prepare_mixup(&trainee->net, error))) ||
        (which->is_weighted && (status = network_prepare_weights(&trainee->net, error))) ||
        (status = network_write(&trainee->net, model, error)) ||
        (status = create_parts(trainee, which, error)) ||
        (status = metrics_create(be, &trainee->sums, error)))
        return status;
    trainee->net.seed = which->seed;
    return metrics_reset(be, &trainee->sums, error);
}

static void steps_destroy(struct trainee *trainee)
{
    struct clm_backend *const be = trainee->net.be;
    for (int p = 0; be && p < PART_COUNT; p++)
        tensor_free(be, &trainee->parts[p]);
    if (be)
        metrics_free(be, &trainee->sums);
    network_free(&trainee->net);
}

#define CHANNELS 3

/* Square pictures, with all changes. Noise and λ near 1/2 do not make the inputs larger. */
static size_t pictures_side(const struct step_case *which)
{
    size_t side = 2;
    while (CHANNELS * side * side < which->widths[0])
        side++;
    return side;
}

static struct augmentation steps_augmentation_of(const struct step_case *which, size_t epoch)
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

/* What minibatches are made of. */
struct step_data {
    struct resident inputs, targets;
    const struct tensor *order;
};

static struct step_data step_data_of(const struct trainee *trainee)
{
    const struct tensor *const parts = trainee->parts;
    return (struct step_data){.inputs = {parts[PART_VALUES], parts[PART_LABELS], parts[PART_MEAN],
                                         parts[PART_SCALE], parts[PART_WEIGHTS]},
                              .targets = {parts[PART_TARGETS], parts[PART_LABELS], parts[PART_TARGET_MEAN],
                                          parts[PART_TARGET_SCALE]},
                              .order = &parts[PART_ORDER]};
}

/* The batch from row `first` on; it ends at the last row. */
static struct minibatch minibatch_from(const struct step_case *which, const struct step_data *data,
                                       const struct augmentation *augmentation, size_t first)
{
    return (struct minibatch){.data = &data->inputs,
                              .targets = case_has_values(which) ? &data->targets : NULL,
                              .order = data->order,
                              .first = first,
                              .rows = size_min(which->batch, which->rows - first),
                              .augmentation = which->is_augmented ? augmentation : NULL,
                              .position = first,
                              .is_weighted = which->is_weighted};
}

/* The rows of a batch from row `done` on, as a part of it. */
static struct minibatch part_from(const struct step_case *which, const struct minibatch *batch, size_t done)
{
    struct minibatch part = *batch;
    part.first += done;
    part.position += done;
    part.rows = size_min(steps_part_rows(which), batch->rows - done);
    return part;
}

/* A step of a batch in parts; the first one has been gathered. */
static clm_status steps_take_parts(struct trainee *trainee, const struct step_case *which,
                                   const struct step *step, const struct minibatch *batch,
                                   const struct minibatch *next, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t done = 0; status == CLM_OK && done < batch->rows;) {
        struct minibatch after;
        const size_t rows = size_min(steps_part_rows(which), batch->rows - done);
        const struct batch_part part = {.first = done,
                                        .rows = rows,
                                        .share = (double)rows / (double)batch->rows,
                                        .is_last = done + rows == batch->rows};
        done += rows;
        after = part.is_last ? part_from(which, next, 0) : part_from(which, batch, done);
        status =
            network_step_part(&trainee->net, &part, step, &trainee->sums, after.rows ? &after : NULL, error);
    }
    return status;
}

static clm_status steps_take_step(struct trainee *trainee, const struct step_case *which, size_t epoch,
                                  size_t first, struct clm_error *error)
{
    const size_t batches = divide_up(which->rows, which->batch);
    const struct step step = step_of_case(which, epoch * batches + first / which->batch + 1);
    const struct step_data data = step_data_of(trainee);
    const struct augmentation augmentation = steps_augmentation_of(which, epoch);
    const struct minibatch batch = minibatch_from(which, &data, &augmentation, first);
    const struct minibatch next = minibatch_from(which, &data, &augmentation, first + batch.rows);
    const struct minibatch begin = part_from(which, &batch, 0);
    clm_status status = first == 0 ? network_gather(&trainee->net, &begin, error) : CLM_OK;
    if (status == CLM_OK)
        status = which->parts > 1 ? steps_take_parts(trainee, which, &step, &batch, &next, error)
                                  : network_step(&trainee->net, batch.rows, &step, &trainee->sums,
                                                 next.rows ? &next : NULL, error);
    if (status != CLM_OK)
        return status;
    return backend_pace(trainee->net.be, error);
}

static clm_status steps_train(struct trainee *trainee, struct clm_backend *be, const struct clm_model *model,
                              const struct step_case *which, struct clm_error *error)
{
    clm_status status = steps_create(trainee, be, model, which, error);
    for (size_t e = 0; e < which->epochs; e++)
        for (size_t first = 0; status == CLM_OK && first < which->rows; first += which->batch)
            status = steps_take_step(trainee, which, e, first, error);
    return status;
}

/* Judges a device's tensor, called "layers.0.weight velocity", by the same one on the bounds. */
static clm_status judge_one(struct judgement *out, struct clm_backend *device, struct clm_backend *bounds,
                            const char *name, const char *kind, const struct tensor *got,
                            const struct tensor *expected, struct clm_error *error)
{
    char text[PARAMETER_NAME_MAX + 16];
    snprintf(text, sizeof text, "%s%s", name, kind);
    return tensor_is_empty(got) ? CLM_OK : judge_tensor(out, text, device, got, bounds, expected, error);
}

/* The loss, all parameters with their states, and running statistics. */
static clm_status judge(struct judgement *out, const struct trainee *device, const struct trainee *right,
                        struct clm_backend *bounds, const struct clm_model *model, struct clm_error *error)
{
    static const char *const kinds[STATES_MOST] = {" velocity", " second state"};
    struct clm_backend *const be = device->net.be;
    clm_status status = judge_sums(out, be, &device->sums, bounds, &right->sums, error);
    for (size_t n = 0; status == CLM_OK && n < model->parameter_count; n++) {
        const struct parameter *const got = network_parameter(&device->net, n);
        const struct parameter *const expected = bounds ? network_parameter(&right->net, n) : got;
        const char *const name = model->specs[n].name;
        status = judge_one(out, be, bounds, name, "", &got->value, &expected->value, error);
        for (size_t s = 0; status == CLM_OK && s < STATES_MOST; s++)
            status = judge_one(out, be, bounds, name, kinds[s], &got->state[s], &expected->state[s], error);
        const struct tensor *const average = &device->net.optimiser.averages[n];
        if (status == CLM_OK)
            status = judge_one(out, be, bounds, name, " average", average,
                               bounds ? &right->net.optimiser.averages[n] : average, error);
    }
    for (size_t n = 0; status == CLM_OK && n < model->statistic_count; n++) {
        const struct tensor *const got = device->net.statistics[n];
        status = judge_one(out, be, bounds, model->specs[model->parameter_count + n].name, "", got,
                           bounds ? right->net.statistics[n] : got, error);
    }
    return status;
}

/* ---- a case as words ---- */

/* Words after the numbers, in this order. */
#define AUGMENTED " augmented"
#define FLOATS    " floats"
#define EXTREMES  " extreme"
#define WEIGHTED  " weighted"
/* Numbers after the others, if one of them is not 0. */
#define PENALTIES " l1=%lg decay=%lg"
#define DROP      " drop="
#define SKIPS     " skip"
#define CLIPPED   " clip=%lg"
#define AVERAGED  " average=%lg"
#define IN_PARTS  " parts=%zu"
#define SMOOTHED  " smoothing="
#define QUANTILES " quantiles=%zu"

/* " relu" if it is not what the nets of verify mostly have; "" if it is. */
static const char *word_of(char word[24], bool is_usual, const char *name)
{
    snprintf(word, 24, "%s%s", is_usual ? "" : " ", is_usual ? "" : name);
    return word;
}

#define EXTRAS_TEXT_MAX 160

/* The penalties as PENALTIES writes them, the clipping and so on; "" if they are 0. */
static const char *extras_of(char text[EXTRAS_TEXT_MAX], const struct step_case *which)
{
    char penalties[48] = "", clip[32] = "", average[32] = "", parts[32] = "";
    if (which->l1 != 0 || which->weight_decay != 0)
        snprintf(penalties, sizeof penalties, PENALTIES, which->l1, which->weight_decay);
    if (which->clip != 0)
        snprintf(clip, sizeof clip, CLIPPED, which->clip);
    if (which->average != 0)
        snprintf(average, sizeof average, AVERAGED, which->average);
    if (which->parts > 1)
        snprintf(parts, sizeof parts, IN_PARTS, which->parts);
    snprintf(text, EXTRAS_TEXT_MAX, "%s%s%s%s", penalties, clip, average, parts);
    return text;
}

/* " drop=0.25"; "" if the number is 0. */
static const char *number_of(char text[32], const char *name, double number)
{
    text[0] = '\0';
    if (number != 0)
        snprintf(text, 32, "%s%g", name, number);
    return text;
}

/* " loss=quantile quantiles=3"; "" for cross-entropy. */
static const char *loss_word(char word[48], enum loss_kind loss, size_t quantiles)
{
    int used = snprintf(word, 48, "%s%s", loss ? " loss=" : "", loss ? loss_table[loss].name : "");
    if (quantiles)
        snprintf(word + used, 48 - (size_t)used, QUANTILES, quantiles);
    return word;
}

/* " norm=batch"; "" if there is none. */
static const char *norm_word(char word[24], enum norm_kind norm)
{
    snprintf(word, 24, "%s%s", norm ? " norm=" : "", norm ? norms[norm].name : "");
    return word;
}

void steps_describe(const struct step_case *which, char shape[SHAPE_TEXT_MAX])
{
    char layers[72] = "", act[24], rule[24], extras[EXTRAS_TEXT_MAX], norm[24], drop[32], smoothing[32],
         loss[48];
    size_t used = 0;
    for (size_t l = 0; l <= steps_depth(which) && used < sizeof layers; l++)
        used +=
            (size_t)snprintf(layers + used, sizeof layers - used, "%s%zu", l ? "-" : "", which->widths[l]);
    snprintf(shape, SHAPE_TEXT_MAX, "%s B=%zu N=%zu x%zu momentum=%g l2=%g", layers, which->batch,
             which->rows, which->epochs, which->momentum, which->l2);
    const char *const words[] = {extras_of(extras, which),
                                 number_of(drop, DROP, which->drop),
                                 number_of(smoothing, SMOOTHED, which->smoothing),
                                 word_of(act, which->act == ACTIVATION_RELU, activations[which->act].name),
                                 word_of(rule, which->rule == RULE_SGD, rules[which->rule].name),
                                 norm_word(norm, which->norm),
                                 loss_word(loss, which->loss, which->quantiles),
                                 which->has_skips ? SKIPS : "",
                                 which->is_augmented ? AUGMENTED : "",
                                 which->is_float ? FLOATS : "",
                                 which->is_extreme ? EXTREMES : "",
                                 which->is_weighted ? WEIGHTED : ""};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        used = strlen(shape);
        snprintf(shape + used, SHAPE_TEXT_MAX - used, "%s", words[i]);
    }
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

/* If `word` comes next, and is not the beginning of a longer one, moves past it and returns true. */
static bool parse_flag(const char **text, const char *word)
{
    const size_t length = strlen(word);
    const bool is_there = !strncmp(*text, word, length) && (!(*text)[length] || (*text)[length] == ' ');
    *text += is_there ? length : 0;
    return is_there;
}

static void parse_vocabulary(const char **text, struct step_case *out)
{
    char word[48];
    out->act = ACTIVATION_RELU;
    for (int a = 0; a < ACTIVATION_COUNT; a++)
        if (parse_flag(text, word_of(word, a == ACTIVATION_RELU, activations[a].name)) && *word)
            out->act = (enum activation)a;
    for (int r = 0; r < RULE_COUNT; r++)
        if (parse_flag(text, word_of(word, r == RULE_SGD, rules[r].name)) && *word)
            out->rule = (enum rule)r;
    for (int n = 0; n < NORM_COUNT; n++)
        if (parse_flag(text, norm_word(word, (enum norm_kind)n)) && *word)
            out->norm = (enum norm_kind)n;
    for (int l = 0; l < LOSS_COUNT; l++)
        if (parse_flag(text, loss_word(word, (enum loss_kind)l, 0)) && *word)
            out->loss = (enum loss_kind)l;
}

/* Whether the numbers of the loss are its own, and the net has outputs and batches for it. */
static bool is_loss_sensible(const struct step_case *which)
{
    const bool has_quantiles = which->loss == LOSS_QUANTILE;
    return which->smoothing >= 0 && which->smoothing <= 1 &&
           (which->smoothing == 0 || which->loss == LOSS_CROSS_ENTROPY) &&
           which->quantiles <= (has_quantiles ? QUANTILES_MOST : 0) &&
           which->widths[steps_depth(which)] % size_max(which->quantiles, 1) == 0 &&
           !(case_has_values(which) && which->is_augmented);
}

clm_status steps_parse(const char *text, struct step_case *out, struct clm_error *error)
{
    *out = (struct step_case){0};
    int length = 0;
    const char *const rest = parse_widths(text, out);
    const int read = sscanf(rest, " B=%zu N=%zu x%zu momentum=%lg l2=%lg%n", &out->batch, &out->rows,
                            &out->epochs, &out->momentum, &out->l2, &length);
    const char *flags = rest + length;
    if (sscanf(flags, PENALTIES "%n", &out->l1, &out->weight_decay, &length) == 2)
        flags += length;
    if (sscanf(flags, CLIPPED "%n", &out->clip, &length) == 1)
        flags += length;
    if (sscanf(flags, AVERAGED "%n", &out->average, &length) == 1)
        flags += length;
    if (sscanf(flags, IN_PARTS "%n", &out->parts, &length) == 1)
        flags += length;
    if (sscanf(flags, DROP "%lg%n", &out->drop, &length) == 1)
        flags += length;
    if (sscanf(flags, SMOOTHED "%lg%n", &out->smoothing, &length) == 1)
        flags += length;
    parse_vocabulary(&flags, out);
    if (sscanf(flags, QUANTILES "%n", &out->quantiles, &length) == 1)
        flags += length;
    out->has_skips = parse_flag(&flags, SKIPS);
    out->is_augmented = parse_flag(&flags, AUGMENTED);
    out->is_float = parse_flag(&flags, FLOATS);
    out->is_extreme = out->is_float && parse_flag(&flags, EXTREMES);
    out->is_weighted = parse_flag(&flags, WEIGHTED);
    bool is_sensible = read == 5 && !*flags && out->widths[1] && out->batch && out->rows && out->epochs &&
                       out->batch <= STEPS_MOST && out->rows <= STEPS_MOST && out->epochs <= STEPS_MOST &&
                       out->momentum >= 0 && out->momentum < 1 && out->l2 >= 0 && out->l1 >= 0 &&
                       out->weight_decay >= 0 && out->clip >= 0 && out->average >= 0 && out->average < 1 &&
                       out->parts <= out->batch && out->drop >= 0 && out->drop < 1;
    for (size_t l = 0; is_sensible && l <= steps_depth(out); l++)
        is_sensible = out->widths[l] && out->widths[l] <= STEPS_MOST;
    is_sensible = is_sensible && is_loss_sensible(out);
    if (is_sensible && out->is_augmented) {
        const size_t side = pictures_side(out); /* counts up to the side: checked widths only */
        is_sensible = CHANNELS * side * side == out->widths[0];
    }
    if (is_sensible)
        return CLM_OK;
    return clm_fail(
        error, CLM_ERROR_ARGUMENT,
        "%s: it has to be up to %d widths, a batch, rows and epochs of 1 to %d, momentum and l2, as in \"33-65-10 B=31 N=40 x2 momentum=0.9 l2=0.01\"",
        text, STEPS_WIDTHS_MAX, STEPS_MOST);
}

/* ---- checks ---- */

/* "input drop=0.25, 33 relu norm=batch drop=0.25, 33 relu skip", for the caller to free; NULL if there is no
 * memory. */
static char *layers_of_case(const struct step_case *which)
{
    char *text = NULL, norm[24];
    size_t size = 0;
    FILE *const stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    fprintf(stream, "input drop=%.17g", which->drop);
    for (size_t l = 0; l + 1 < steps_depth(which); l++)
        fprintf(stream, ", %zu %s%s drop=%.17g%s", which->widths[l + 1], activations[which->act].name,
                norm_word(norm, which->norm), which->drop,
                which->has_skips && which->widths[l] == which->widths[l + 1] ? SKIPS : "");
    fprintf(stream, ", %zu", which->widths[steps_depth(which)]);
    return text_close(stream, &text) ? text : NULL;
}

static clm_status create_net_of_case(const struct step_case *which, struct clm_model **out,
                                     struct clm_error *error)
{
    const size_t sizes[] = {which->widths[0], which->widths[steps_depth(which)]};
    char *const layers = layers_of_case(which);
    const struct clm_model_options options = {
        .sizes = sizes, .size_count = 2, .layers = layers, .init = "he", .seed = which->seed};
    const clm_status status =
        layers ? clm_model_create(&options, out, error) : clm_fail_host_memory(error, "a check", 256);
    free(layers);
    return status;
}

clm_status steps_judge(struct clm_backend *device, struct clm_backend *bounds, const struct step_case *which,
                       struct judgement *out, struct clm_error *error)
{
    struct trainee trained = {0}, right = {0};
    struct clm_model *model = NULL;
    clm_status status = create_net_of_case(which, &model, error);
    if (status != CLM_OK)
        return status;
    model->architecture.loss = loss_of_case(which);
    draw_parameters(model, which->seed);
    status = steps_train(&trained, device, model, which, error);
    if (status == CLM_OK && bounds)
        status = steps_train(&right, bounds, model, which, error);
    if (status == CLM_OK)
        status = judge(out, &trained, &right, bounds, model, error);
    steps_destroy(&trained);
    steps_destroy(&right);
    clm_model_free(model);
    return status;
}

static clm_status steps_run(const void *which, struct clm_backend *device, struct clm_backend *bounds,
                            struct judgement *out, struct clm_error *error)
{
    return steps_judge(device, bounds, which, out, error);
}

clm_status steps_check(struct clm_backend *device, struct clm_backend *bounds, const struct step_case *which,
                       size_t repeats, struct clm_check *check, struct clm_error *error)
{
    *check = (struct clm_check){.operation = STEPS_NAME};
    steps_describe(which, check->shape);
    return judge_repeated(steps_run, which, device, bounds, repeats, check, error);
}
