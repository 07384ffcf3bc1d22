#include "prove/operations.h"

#include "base/size.h"
#include "prove/operands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LEARNING_RATE 0.1
#define MIXED_SHARE   0.3125 /* λ: the weight of a row's own label */
#define PENALTY       0.01
#define EPSILON       1e-3 /* so large that a step without it is noticed */
#define BLEND_SHARE   0.3
#define CLIP          0.5
#define CLIP_FAINT    5e-7 /* so small that CLIP_EPSILON is noticed if all gradients are 0 */
#define CLIP_FAR      1e6  /* which few gradients reach */
#define STEP_NUMBER   3    /* of a step that is tried alone */

enum { QUANTILES_TRIED = 7 };

/* ---- the operations: each one's operands, and its call ---- */

static const struct operand_row gather_rows[] = {
    {"values", ROLE_INPUT, "NI", FILL_BYTE, FILL_OWN, ALWAYS}, /* bytes, or the variant's own */
    {"labels", ROLE_INPUT, "1N", FILL_CLASS, FILL_CLASS, ALWAYS},
    {"mean", ROLE_INPUT, "1I", FILL_NORMAL, FILL_NORMAL, ALWAYS},
    {"scale", ROLE_INPUT, "1I", FILL_SCALE, FILL_SCALE, ALWAYS},
    {"order", ROLE_INPUT, "1N", FILL_PERMUTATION, FILL_PERMUTATION, IF_ORDERED},
    {"X", ROLE_OUTPUT, "BI", FILL_OWN, FILL_OWN, ALWAYS},
    {"labels", ROLE_OUTPUT, "1B", FILL_CLASS, FILL_CLASS, ALWAYS},
    {"partners", ROLE_OUTPUT, "1B", FILL_CLASS, FILL_CLASS, IF_MIXED},
    {0},
};

/* A variant with pictures has a seed and a place in the epoch of its own. */
static clm_status call_gather(struct clm_backend *be, const struct variant *v, struct tensor *t,
                              struct metrics *sums, struct clm_error *error)
{
    const struct resident data = {t[0], t[1], t[2], t[3]};
    struct augmentation augmentation = v->augmentation;
    (void)sums;
    augmentation.seed = v->seed ^ 0x123456789abcdefu;
    augmentation.epoch = (uint32_t)v->first;
    augmentation.position = 1000 + v->first;
    augmentation.partners = tensor_is_empty(&t[7]) ? NULL : &t[7];
    return gather(be, &data, v->is_ordered ? &t[4] : NULL, v->first,
                  augmentation.width ? &augmentation : NULL, &t[5], &t[6], error);
}

static const struct operand_row weights_rows[] = {
    {"weights", ROLE_INPUT, "1N", FILL_OWN, FILL_OWN, ALWAYS},
    {"order", ROLE_INPUT, "1N", FILL_PERMUTATION, FILL_PERMUTATION, IF_ORDERED},
    {"weights of rows", ROLE_OUTPUT, "1B", FILL_OWN, FILL_OWN, ALWAYS},
    {"weights of partners", ROLE_OUTPUT, "1B", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static clm_status call_gather_weights(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                      struct metrics *sums, struct clm_error *error)
{
    const struct tensor *const order = v->is_ordered ? &t[1] : NULL;
    (void)sums;
    const clm_status status = gather_weights(be, &t[0], order, v->first, 0, &t[2], error);
    return status ? status : gather_weights(be, &t[0], order, v->first, (v->first + 1) % v->B, &t[3], error);
}

static const struct operand_row forward_rows[] = {
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_OWN, ALWAYS},
    {"W", ROLE_INPUT, "OI*", FILL_OWN, FILL_HUGE, ALWAYS},
    {"b", ROLE_INPUT, "1O", FILL_OWN, FILL_FAINT, ALWAYS},
    {"Y", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"gate", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, IF_SAVED},
    {0},
};

static clm_status call_forward(struct clm_backend *be, const struct variant *v, struct tensor *t,
                               struct metrics *sums, struct clm_error *error)
{
    const struct linear layer = {.W.value = t[1], .b.value = t[2]};
    const struct epilogue epilogue = {v->act, tensor_is_empty(&t[4]) ? NULL : &t[4]};
    (void)sums;
    return linear_forward(be, &t[0], &layer, &epilogue, &t[3], error);
}

static const struct operand_row xent_rows[] = {
    {"Z", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"labels", ROLE_INPUT, "1B", FILL_CLASS, FILL_CLASS, ALWAYS},
    {"dZ", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"partners", ROLE_INPUT, "1B", FILL_CLASS, FILL_CLASS, ALWAYS},
    {"mixed dZ", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"Z and dZ", ROLE_UPDATED, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"weights", ROLE_INPUT, "1B", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"weighted dZ", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"partners' weights", ROLE_INPUT, "1B", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"weighted mixed dZ", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

/* Calls it in all ways; their losses and correct rows add up. */
static clm_status call_softmax_xent(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                    struct metrics *sums, struct clm_error *error)
{
    const struct mixture mixture = {.partners = t[3], .share = MIXED_SHARE},
                         weighted = {.share = 1, .weights = t[6]},
                         weighted_mixture = {t[3], MIXED_SHARE, t[6], t[8]};
    clm_status status;
    (void)v;
    if ((status = softmax_xent(be, &t[0], &t[1], NULL, NULL, sums, error)) ||
        (status = softmax_xent(be, &t[0], &t[1], NULL, &t[2], sums, error)) ||
        (status = softmax_xent(be, &t[0], &t[1], &mixture, &t[4], sums, error)) ||
        (status = softmax_xent(be, &t[0], &t[1], &weighted, &t[7], sums, error)) ||
        (status = softmax_xent(be, &t[0], &t[1], &weighted_mixture, &t[9], sums, error)))
        return status;
    return softmax_xent(be, &t[5], &t[1], NULL, &t[5], sums, error);
}

static const struct operand_row loss_rows[] = {
    {"Z", ROLE_INPUT, "BC", FILL_OWN, FILL_OWN, ALWAYS},
    {"values", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, IF_VALUES},
    {"labels", ROLE_INPUT, "1B", FILL_CLASS, FILL_CLASS, IF_LABELS},
    {"dZ", ROLE_OUTPUT, "BC", FILL_OWN, FILL_OWN, ALWAYS},
    {"weights", ROLE_INPUT, "1B", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"weighted dZ", ROLE_OUTPUT, "BC", FILL_OWN, FILL_OWN, ALWAYS},
    {"Z and dZ", ROLE_UPDATED, "BC", FILL_OWN, FILL_OWN, ALWAYS},
    {"partners", ROLE_INPUT, "1B", FILL_CLASS, FILL_CLASS, IF_LABELS},
    {"mixed dZ", ROLE_OUTPUT, "BC", FILL_OWN, FILL_OWN, IF_LABELS},
    {"partners' weights", ROLE_INPUT, "1B", FILL_WEIGHT, FILL_WEIGHT, IF_LABELS},
    {"weighted mixed dZ", ROLE_OUTPUT, "BC", FILL_OWN, FILL_OWN, IF_LABELS},
    {0},
};

/* Numbers that no float holds exactly. */
static struct loss variant_loss(const struct variant *v)
{
    struct loss loss = {.kind = v->loss, .smoothing = 0.1, .gamma = 1.7, .delta = 0.7, .quantiles = {0.3}};
    loss.quantile_count = size_max(v->quantiles, 1);
    for (size_t q = 0; v->quantiles && q < loss.quantile_count; q++)
        loss.quantiles[q] = ((double)q + 0.4) / (double)v->quantiles;
    return loss;
}

/* Calls it in all ways, as call_softmax_xent does. */
static clm_status call_loss_gradient(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                     struct metrics *sums, struct clm_error *error)
{
    const struct loss loss = variant_loss(v);
    const struct mixture weighted = {.share = 1, .weights = t[4]},
                         mixture = {.partners = t[7], .share = MIXED_SHARE},
                         weighted_mixture = {t[7], MIXED_SHARE, t[4], t[9]};
    const struct targets plain = {&t[2], NULL, &t[1]}, heavy = {&t[2], &weighted, &t[1]},
                         mixed = {&t[2], &mixture, NULL}, heavy_mixed = {&t[2], &weighted_mixture, NULL};
    clm_status status;
    if ((status = loss_prepare(be, &loss, error)) ||
        (status = loss_gradient(be, &loss, &t[0], &plain, NULL, sums, error)) ||
        (status = loss_gradient(be, &loss, &t[0], &plain, &t[3], sums, error)) ||
        (status = loss_gradient(be, &loss, &t[0], &heavy, &t[5], sums, error)) ||
        (status = loss_gradient(be, &loss, &t[6], &plain, &t[6], sums, error)) ||
        loss_table[loss.kind].has_values)
        return status;
    status = loss_gradient(be, &loss, &t[0], &mixed, &t[8], sums, error);
    return status ? status : loss_gradient(be, &loss, &t[0], &heavy_mixed, &t[10], sums, error);
}

static const struct operand_row softmax_rows[] = {
    {"Z", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"P", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"Z and P", ROLE_UPDATED, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static clm_status call_softmax(struct clm_backend *be, const struct variant *v, struct tensor *t,
                               struct metrics *sums, struct clm_error *error)
{
    (void)v, (void)sums;
    const clm_status status = softmax(be, &t[0], &t[1], error);
    return status ? status : softmax(be, &t[2], &t[2], error);
}

static const struct operand_row input_rows[] = {
    {"dZ", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"W", ROLE_INPUT, "OI*", FILL_OWN, FILL_HUGE, ALWAYS},
    {"b", ROLE_UNREAD, "1O", FILL_OWN, FILL_FAINT, ALWAYS},
    {"Y", ROLE_INPUT, "BI", FILL_ACTIVATION, FILL_ACTIVATION, IF_GATED},
    {"dX", ROLE_OUTPUT, "BI", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

clm_status operation_backward_input(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                    struct metrics *sums, struct clm_error *error)
{
    const struct linear layer = {.W.value = t[1], .b.value = t[2]};
    (void)sums;
    return linear_backward_input(be, &t[0], &layer, GATE(v->below, &t[3]), &t[4], error);
}

static const struct operand_row params_rows[] = {
    {"dZ", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_HUGE, ALWAYS},
    {"W", ROLE_INPUT, "OI*", FILL_OWN, FILL_FAINT, ALWAYS},
    {"b", ROLE_UNREAD, "1O", FILL_OWN, FILL_FAINT, ALWAYS},
    {"dW", ROLE_OUTPUT, "OI*", FILL_OWN, FILL_OWN, ALWAYS},
    {"db", ROLE_OUTPUT, "1O", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

clm_status operation_backward_params(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                     struct metrics *sums, struct clm_error *error)
{
    struct linear layer = {{t[2], t[4], {{0}}}, {t[3], t[5], {{0}}}};
    (void)sums;
    return linear_backward_params(be, &t[0], &t[1], &layer, v->l2, error);
}

/* W (rows,columns), b, and their gradients. */
#define GRADIENT_ROWS(of, weights, bias)                                                                     \
    {"W" of, ROLE_INPUT, weights, FILL_OWN, FILL_FAINT, ALWAYS},                                             \
        {"b" of, ROLE_UNREAD, bias, FILL_OWN, FILL_FAINT, ALWAYS},                                           \
        {"dW" of, ROLE_OUTPUT, weights, FILL_OWN, FILL_OWN, ALWAYS},                                         \
    {                                                                                                        \
        "db" of, ROLE_OUTPUT, bias, FILL_OWN, FILL_OWN, ALWAYS                                               \
    }

/* Three layers, of which the second takes X for dZ and dZ for X. */
static const struct operand_row gradients_rows[] = {
    {"dZ", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_HUGE, ALWAYS},
    GRADIENT_ROWS("", "OI*", "1O"),
    GRADIENT_ROWS(" of layer 2", "IO*", "1I"),
    GRADIENT_ROWS(" of layer 3", "OI*", "1O"),
    {0},
};

static clm_status call_gradients(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                 struct metrics *sums, struct clm_error *error)
{
    struct linear layers[3];
    struct layer_update updates[3];
    (void)sums;
    for (size_t l = 0; l < 3; l++) {
        const struct tensor *const of = &t[2 + 4 * l];
        layers[l] = (struct linear){{of[0], of[2], {{0}}}, {of[1], of[3], {{0}}}};
        updates[l] = (struct layer_update){&layers[l], t[l % 2], t[1 - l % 2]};
    }
    return linear_gradients(be, updates, 3, v->l2, error);
}

struct step variant_step(const struct variant *v)
{
    struct step step = step_of(v->rule, LEARNING_RATE, v->momentum, v->l2);
    step.rule = v->rule;
    step.l1 = v->l1;
    step.weight_decay = v->weight_decay;
    step.epsilon = EPSILON;
    step.number = STEP_NUMBER;
    return step;
}

/* W (rows,columns), b, their states and their gradients; layer_at makes a layer of them. */
#define LAYER_ROWS(of, weights, bias)                                                                        \
    {"W" of, ROLE_UPDATED, weights, FILL_OWN, FILL_FAINT, ALWAYS},                                           \
        {"b" of, ROLE_UPDATED, bias, FILL_OWN, FILL_FAINT, ALWAYS},                                          \
        {"v" of, ROLE_UPDATED, weights, FILL_OWN, FILL_FAINT, IF_STATE},                                     \
        {"b_velocity" of, ROLE_UPDATED, bias, FILL_OWN, FILL_FAINT, IF_STATE},                               \
        {"dW" of, ROLE_SCRATCH, weights, FILL_OWN, FILL_OWN, ALWAYS},                                        \
    {                                                                                                        \
        "db" of, ROLE_SCRATCH, bias, FILL_OWN, FILL_OWN, ALWAYS                                              \
    }

static struct linear layer_at(const struct tensor *t)
{
    return (struct linear){{t[0], t[4], {t[2]}}, {t[1], t[5], {t[3]}}};
}

static const struct operand_row backward_update_rows[] = {
    {"dZ", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_HUGE, ALWAYS},
    LAYER_ROWS("", "OI*", "1O"),
    {0},
};

static clm_status call_backward_update(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                       struct metrics *sums, struct clm_error *error)
{
    struct linear layer = layer_at(&t[2]);
    const struct step step = variant_step(v);
    (void)sums;
    return linear_backward_update(be, &t[0], &t[1], &layer, &step, error);
}

/* Three layers, of which the second takes X for dZ and dZ for X. The next batch is the last rows of the
 * values; it is one row shorter, if it can be, like a smaller last batch. */
static const struct operand_row updates_rows[] = {
    {"dZ", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_HUGE, ALWAYS},
    LAYER_ROWS("", "OI*", "1O"),
    LAYER_ROWS(" of layer 2", "IO*", "1I"),
    LAYER_ROWS(" of layer 3", "OI*", "1O"),
    {"values", ROLE_INPUT, "BI", FILL_BYTE, FILL_OWN, ALWAYS},
    {"labels", ROLE_INPUT, "1B", FILL_CLASS, FILL_CLASS, ALWAYS},
    {"mean", ROLE_INPUT, "1I", FILL_NORMAL, FILL_NORMAL, ALWAYS},
    {"scale", ROLE_INPUT, "1I", FILL_SCALE, FILL_SCALE, ALWAYS},
    {"order", ROLE_INPUT, "1B", FILL_PERMUTATION, FILL_PERMUTATION, IF_ORDERED},
    {"next X", ROLE_OUTPUT, "bI", FILL_OWN, FILL_OWN, ALWAYS},
    {"next labels", ROLE_OUTPUT, "1b", FILL_CLASS, FILL_CLASS, ALWAYS},
    {0},
};
_Static_assert(sizeof updates_rows / sizeof *updates_rows <= OPERANDS_MAX + 1, "room for all operands");

static clm_status call_updates(struct clm_backend *be, const struct variant *v, struct tensor *t,
                               struct metrics *sums, struct clm_error *error)
{
    struct linear layers[] = {layer_at(&t[2]), layer_at(&t[8]), layer_at(&t[14])};
    const struct layer_update updates[] = {
        {&layers[0], t[0], t[1]}, {&layers[1], t[1], t[0]}, {&layers[2], t[0], t[1]}};
    const struct resident data = {.values = t[20], .labels = t[21], .mean = t[22], .scale = t[23]};
    const struct gathering next = {.data = &data,
                                   .order = v->is_ordered ? &t[24] : NULL,
                                   .first = t[20].rows - t[25].rows,
                                   .X = &t[25],
                                   .labels = &t[26]};
    const struct step step = variant_step(v);
    (void)sums;
    return linear_updates(be, updates, sizeof updates / sizeof *updates, &step, &next, error);
}

/* The next batch is one row shorter, if it can be, like a smaller last batch. */
static const struct operand_row update_forward_rows[] = {
    {"dZ", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"X", ROLE_INPUT, "BI", FILL_OWN, FILL_HUGE, ALWAYS},
    {"next X", ROLE_INPUT, "bI", FILL_OWN, FILL_NORMAL, ALWAYS},
    {"W", ROLE_UPDATED, "OI*", FILL_OWN, FILL_FAINT, ALWAYS},
    {"b", ROLE_UPDATED, "1O", FILL_OWN, FILL_FAINT, ALWAYS},
    {"v", ROLE_UPDATED, "OI*", FILL_OWN, FILL_FAINT, IF_STATE},
    {"b_velocity", ROLE_UPDATED, "1O", FILL_OWN, FILL_FAINT, IF_STATE},
    {"next Y", ROLE_OUTPUT, "bO", FILL_OWN, FILL_OWN, ALWAYS},
    {"next gate", ROLE_OUTPUT, "bO", FILL_OWN, FILL_OWN, IF_SAVED},
    {"dW", ROLE_SCRATCH, "OI*", FILL_OWN, FILL_OWN, ALWAYS},
    {"db", ROLE_SCRATCH, "1O", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static clm_status call_update_forward(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                      struct metrics *sums, struct clm_error *error)
{
    struct linear layer = {{t[3], t[9], {t[5]}}, {t[4], t[10], {t[6]}}};
    const struct epilogue epilogue = {v->act, tensor_is_empty(&t[8]) ? NULL : &t[8]};
    const struct step step = variant_step(v);
    (void)sums;
    return linear_update_forward(be, &t[0], &t[1], &layer, &step, &t[2], &epilogue, &t[7], error);
}

/* A variant with a gate has a layer below. X is that layer's output; its saved gate is an operand, too, if it
 * has one. */
static const struct operand_row softmax_backward_rows[] = {
    {"X", ROLE_INPUT, "BI", FILL_ACTIVATION, FILL_TINY, ALWAYS},
    {"W", ROLE_INPUT, "OI*", FILL_OWN, FILL_HUGE, ALWAYS},
    {"b", ROLE_INPUT, "1O", FILL_OWN, FILL_FAINT, ALWAYS},
    {"labels", ROLE_INPUT, "1B", FILL_CLASS, FILL_CLASS, ALWAYS},
    {"dZ", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"dX", ROLE_OUTPUT, "BI", FILL_OWN, FILL_OWN, IF_GATED},
    {0},
};

static clm_status call_softmax_backward(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                        struct metrics *sums, struct clm_error *error)
{
    const struct linear layer = {.W.value = t[1], .b.value = t[2]};
    return linear_softmax_backward(be, &t[0], &layer, &t[3], NULL, GATE(v->below, &t[0]), &t[4],
                                   tensor_is_empty(&t[5]) ? NULL : &t[5], sums, error);
}

/* A parameter whose gradient exists; parameter_at makes one of them. */
#define PARAMETER_ROWS(of, shape, fill)                                                                      \
    {"W" of, ROLE_UPDATED, shape, fill, fill, ALWAYS}, {"g" of, ROLE_INPUT, shape, fill, fill, ALWAYS},      \
        {"v" of, ROLE_UPDATED, shape, fill, fill, IF_STATE},                                                 \
    {                                                                                                        \
        "second v" of, ROLE_UPDATED, shape, fill, fill, IF_SECOND_STATE                                      \
    }

/* As many as a launch takes. Only the first has the variant's own content. */
static const struct operand_row update_rows[] = {
    PARAMETER_ROWS("", "OI", FILL_OWN),
    PARAMETER_ROWS(" of 2", "1O", FILL_WEIGHT),
    PARAMETER_ROWS(" of 3", "1I", FILL_WEIGHT),
    PARAMETER_ROWS(" of 4", "11", FILL_WEIGHT),
    PARAMETER_ROWS(" of 5", "1O", FILL_WEIGHT),
    PARAMETER_ROWS(" of 6", "1I", FILL_WEIGHT),
    {"scale", ROLE_INPUT, "11", FILL_NORMAL, FILL_NORMAL, IF_SCALED},
    {0},
};
_Static_assert(sizeof update_rows / sizeof *update_rows <= OPERANDS_MAX + 1, "room for all operands");

static struct parameter parameter_at(const struct tensor *t, bool is_weight)
{
    return (struct parameter){t[0], t[1], {t[2], t[3]}, is_weight};
}

/* Every second one is a bias, which has neither l1 nor decay. */
static clm_status call_update(struct clm_backend *be, const struct variant *v, struct tensor *t,
                              struct metrics *sums, struct clm_error *error)
{
    enum { COUNT = 6 };
    struct step step = variant_step(v);
    struct parameter parameters[COUNT], *list[COUNT];
    (void)sums;
    for (size_t p = 0; p < COUNT; p++) {
        parameters[p] = parameter_at(&t[4 * p], p % 2 == 0);
        list[p] = &parameters[p];
    }
    if (!tensor_is_empty(&t[4 * COUNT]))
        step.gradient_scale = &t[4 * COUNT];
    return parameters_step(be, list, COUNT, &step, error);
}

clm_status operation_update(struct clm_backend *be, const struct variant *v, struct tensor *t,
                            struct metrics *sums, struct clm_error *error)
{
    const struct step step = variant_step(v);
    struct parameter parameter = {t[0], t[1], {t[2]}, true};
    (void)sums;
    return parameter_step(be, &parameter, &step, error);
}

/* More than a launch takes. */
static const struct operand_row clip_rows[] = {
    {"W", ROLE_INPUT, "OI*", FILL_OWN, FILL_OWN, ALWAYS},
    {"g", ROLE_INPUT, "OI*", FILL_OWN, FILL_OWN, ALWAYS},
    {"b", ROLE_UNREAD, "1O", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"g of b", ROLE_INPUT, "1O", FILL_OWN, FILL_OWN, ALWAYS},
    {"W of 3", ROLE_INPUT, "1I", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"g of 3", ROLE_INPUT, "1I", FILL_OWN, FILL_OWN, ALWAYS},
    {"b of 4", ROLE_UNREAD, "11", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"g of 4", ROLE_INPUT, "11", FILL_OWN, FILL_OWN, ALWAYS},
    {"W of 5", ROLE_INPUT, "1O", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"g of 5", ROLE_INPUT, "1O", FILL_OWN, FILL_OWN, ALWAYS},
    {"b of 6", ROLE_UNREAD, "1I", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"g of 6", ROLE_INPUT, "1I", FILL_OWN, FILL_OWN, ALWAYS},
    {"W of 7", ROLE_INPUT, "11", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"g of 7", ROLE_INPUT, "11", FILL_OWN, FILL_OWN, ALWAYS},
    {"factor", ROLE_OUTPUT, "11", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

/* Every second one is a bias, which l1 leaves alone. */
static clm_status call_clip_factor(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                   struct metrics *sums, struct clm_error *error)
{
    enum { COUNT = 7 };
    struct parameter parameters[COUNT], *list[COUNT];
    (void)sums;
    for (size_t p = 0; p < COUNT; p++) {
        parameters[p] =
            (struct parameter){.value = t[2 * p], .gradient = t[2 * p + 1], .is_weight = p % 2 == 0};
        list[p] = &parameters[p];
    }
    return clip_factor(be, list, COUNT, v->l1, v->clip > 0 ? v->clip : CLIP, &t[2 * COUNT], error);
}

#define PAIR_ROWS(of, role, shape)                                                                           \
    {"into" of, role, shape, FILL_OWN, FILL_OWN, ALWAYS},                                                    \
    {                                                                                                        \
        "from" of, ROLE_INPUT, shape, FILL_OWN, FILL_OWN, ALWAYS                                             \
    }

/* Two that are set, more that are added than a launch takes, and two that become means. */
static const struct operand_row blends_rows[] = {
    PAIR_ROWS(" that is set", ROLE_OUTPUT, "OI"),
    PAIR_ROWS(" 2 that is set", ROLE_OUTPUT, "1I"),
    PAIR_ROWS("", ROLE_UPDATED, "OI"),
    PAIR_ROWS(" 2", ROLE_UPDATED, "1O"),
    PAIR_ROWS(" 3", ROLE_UPDATED, "1I"),
    PAIR_ROWS(" 4", ROLE_UPDATED, "11"),
    PAIR_ROWS(" 5", ROLE_UPDATED, "1O"),
    PAIR_ROWS(" 6", ROLE_UPDATED, "1I"),
    PAIR_ROWS(" 7", ROLE_UPDATED, "11"),
    PAIR_ROWS(" of mean", ROLE_UPDATED, "OI"),
    PAIR_ROWS(" 2 of mean", ROLE_UPDATED, "1O"),
    {0},
};
_Static_assert(sizeof blends_rows / sizeof *blends_rows <= OPERANDS_MAX + 1, "room for all operands");

static clm_status call_blends(struct clm_backend *be, const struct variant *v, struct tensor *t,
                              struct metrics *sums, struct clm_error *error)
{
    enum { SET = 2, ADDED = 7, MEANS = 2 };
    struct blend pairs[SET + ADDED + MEANS];
    clm_status status;
    (void)v, (void)sums;
    for (size_t b = 0; b < SET + ADDED + MEANS; b++)
        pairs[b] = (struct blend){&t[2 * b], &t[2 * b + 1]};
    if ((status = blends(be, pairs, SET, BLEND_SET, BLEND_SHARE, error)) ||
        (status = blends(be, pairs + SET, ADDED, BLEND_ADD, BLEND_SHARE, error)))
        return status;
    return blends(be, pairs + SET + ADDED, MEANS, BLEND_MEAN, BLEND_SHARE, error);
}

/* ---- a layer's end ---- */

#define DROPPED_SHARE 0.25

/* norm, dropout, activation, residual and gate in training; then the same norm with statistics that exist,
 * in place. A row of NORM_LAYER has centre and inverse, or a column. */
static const struct operand_row finish_rows[] = {
    {"Z", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"scale", ROLE_INPUT, "1O", FILL_NORMAL, FILL_NORMAL, IF_NORMED},
    {"shift", ROLE_INPUT, "1O", FILL_NORMAL, FILL_NORMAL, IF_NORMED},
    {"mean", ROLE_UPDATED, "1O", FILL_OWN, FILL_OWN, IF_BATCH_NORMED},
    {"variance", ROLE_UPDATED, "1O", FILL_WEIGHT, FILL_WEIGHT, IF_BATCH_NORMED},
    {"centre", ROLE_OUTPUT, "1L", FILL_OWN, FILL_OWN, IF_NORMED},
    {"inverse", ROLE_OUTPUT, "1L", FILL_OWN, FILL_OWN, IF_NORMED},
    {"residual", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"Y", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"gate", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"Z and Y", ROLE_UPDATED, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static clm_status call_finish(struct clm_backend *be, const struct variant *v, struct tensor *t,
                              struct metrics *sums, struct clm_error *error)
{
    struct norm norm = {.kind = v->norm,
                        .scale = {.value = t[1]},
                        .shift = {.value = t[2]},
                        .mean = t[3],
                        .variance = t[4],
                        .centre = t[5],
                        .inverse = t[6]};
    const struct dropout dropout = {
        .share = DROPPED_SHARE, .seed = v->seed ^ 0x123456789abcdefu, .step = 1000 + v->B, .layer = 3};
    const struct finish whole = {.norm = &norm,
                                 .act = v->act,
                                 .dropout = &dropout,
                                 .residual = &t[7],
                                 .gate = &t[9],
                                 .is_training = true},
                        plain = {.norm = &norm, .act = v->act};
    (void)sums;
    const clm_status status = layer_finish(be, &t[0], &whole, &t[8], error);
    return status ? status : layer_finish(be, &t[10], &plain, &t[10], error);
}

/* The layer's output is "Y", or its saved gate. */
static const struct operand_row gate_rows[] = {
    {"dY", ROLE_UPDATED, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"skip", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"Y", ROLE_INPUT, "BO", FILL_ACTIVATION, FILL_ACTIVATION, IF_GATED},
    {"dZ", ROLE_OUTPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"dY and dZ", ROLE_UPDATED, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static clm_status call_gate_backward(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                     struct metrics *sums, struct clm_error *error)
{
    (void)sums;
    const clm_status status = gate_backward(be, &t[0], &t[1], GATE(v->below, &t[2]), &t[3], error);
    return status ? status : gate_backward(be, &t[4], NULL, GATE(v->below, &t[2]), &t[4], error);
}

static const struct operand_row norm_backward_rows[] = {
    {"Z", ROLE_INPUT, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"dN", ROLE_UPDATED, "BO", FILL_OWN, FILL_OWN, ALWAYS},
    {"scale", ROLE_INPUT, "1O", FILL_NORMAL, FILL_NORMAL, ALWAYS},
    {"centre", ROLE_INPUT, "1L", FILL_NORMAL, FILL_NORMAL, ALWAYS},
    {"inverse", ROLE_INPUT, "1L", FILL_WEIGHT, FILL_WEIGHT, ALWAYS},
    {"d scale", ROLE_OUTPUT, "1O", FILL_OWN, FILL_OWN, ALWAYS},
    {"d shift", ROLE_OUTPUT, "1O", FILL_OWN, FILL_OWN, ALWAYS},
    {0},
};

static clm_status call_norm_backward(struct clm_backend *be, const struct variant *v, struct tensor *t,
                                     struct metrics *sums, struct clm_error *error)
{
    struct norm norm = {.kind = v->norm == NORM_LAYER ? NORM_LAYER : NORM_BATCH,
                        .scale = {.value = t[2], .gradient = t[5]},
                        .shift = {.gradient = t[6]},
                        .centre = t[3],
                        .inverse = t[4]};
    (void)sums;
    return norm_backward(be, &norm, &t[0], &t[1], error);
}

const struct operation operations_checked[OPERATION_COUNT] = {
    [OPERATION_GATHER] = {"gather", DIMENSIONS_BATCH, false, gather_rows, call_gather, .sliced = 'I'},
    [OPERATION_GATHER_AUGMENTED] = {"gather_augmented", DIMENSIONS_PICTURES, false, gather_rows, call_gather},
    [OPERATION_GATHER_WEIGHTS] = {"gather_weights", DIMENSIONS_BATCH, false, weights_rows,
                                  call_gather_weights},
    [OPERATION_FORWARD] = {"linear_forward", DIMENSIONS_LAYER, false, forward_rows, call_forward, "BO", 'O'},
    [OPERATION_SOFTMAX_XENT] = {"softmax_xent", DIMENSIONS_ROWS, true, xent_rows, call_softmax_xent},
    [OPERATION_LOSS_GRADIENT] = {"loss_gradient", DIMENSIONS_LOSS, true, loss_rows, call_loss_gradient},
    [OPERATION_SOFTMAX] = {"softmax", DIMENSIONS_ROWS, false, softmax_rows, call_softmax},
    [OPERATION_BACKWARD_INPUT] = {"linear_backward_input", DIMENSIONS_LAYER, false, input_rows,
                                  operation_backward_input, "BI", 'I'},
    [OPERATION_BACKWARD_PARAMS] = {"linear_backward_params", DIMENSIONS_LAYER, false, params_rows,
                                   operation_backward_params, "OI", 'I', .has_penalty = true},
    [OPERATION_GRADIENTS] = {"linear_gradients", DIMENSIONS_STEP, false, gradients_rows, call_gradients,
                             .has_penalty = true},
    [OPERATION_BACKWARD_UPDATE] = {"linear_backward_update", DIMENSIONS_LAYER, false, backward_update_rows,
                                   call_backward_update, "OI", 'I', .has_penalty = true},
    [OPERATION_UPDATES] = {"linear_updates", DIMENSIONS_STEP, false, updates_rows, call_updates,
                           .has_penalty = true},
    [OPERATION_UPDATE_FORWARD] = {"linear_update_forward", DIMENSIONS_LAYER, false, update_forward_rows,
                                  call_update_forward, "bO", 'O', .has_penalty = true},
    [OPERATION_SOFTMAX_BACKWARD] = {"linear_softmax_backward", DIMENSIONS_LAYER, true, softmax_backward_rows,
                                    call_softmax_backward},
    [OPERATION_UPDATE] = {"update", DIMENSIONS_WEIGHTS, false, update_rows, call_update},
    [OPERATION_BLENDS] = {"blends", DIMENSIONS_WEIGHTS, false, blends_rows, call_blends},
    [OPERATION_CLIP_FACTOR] = {"clip_factor", DIMENSIONS_WEIGHTS, false, clip_rows, call_clip_factor},
    [OPERATION_FINISH] = {"layer_finish", DIMENSIONS_OUTPUTS, false, finish_rows, call_finish},
    [OPERATION_GATE_BACKWARD] = {"gate_backward", DIMENSIONS_OUTPUTS, false, gate_rows, call_gate_backward},
    [OPERATION_NORM_BACKWARD] = {"norm_backward", DIMENSIONS_OUTPUTS, false, norm_backward_rows,
                                 call_norm_backward},
};

const struct operation *operation_named(const char *name)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (!strcmp(operations_checked[i].name, name))
            return &operations_checked[i];
    return NULL;
}

const char *operation_input(const struct operation *operation, size_t n)
{
    for (const struct operand_row *row = operation->rows; row->name; row++)
        if ((row->role == ROLE_INPUT || row->role == ROLE_UPDATED) && row->fill != FILL_CLASS &&
            row->fill != FILL_PERMUTATION && row->fill != FILL_WEIGHT && n-- == 0)
            return row->name;
    return NULL;
}

/* ---- options of operations ---- */

bool operand_is_present(const struct operand_row *row, const struct variant *v)
{
    switch (row->presence) {
    case IF_ORDERED:
        return v->is_ordered;
    case IF_MIXED:
        return v->augmentation.changes.mixup > 0;
    case IF_GATED:
        return activations[v->below].gate != GATE_ONE;
    case IF_SAVED:
        return activations[v->act].gate == GATE_SAVED;
    case IF_STATE:
        return rules[v->rule].states > 0;
    case IF_SECOND_STATE:
        return rules[v->rule].states > 1;
    case IF_SCALED:
        return v->clip > 0;
    case IF_LABELS:
        return !loss_table[v->loss].has_values;
    case IF_VALUES:
        return loss_table[v->loss].has_values;
    case IF_NORMED:
        return v->norm != NORM_NONE;
    case IF_BATCH_NORMED:
        return v->norm == NORM_BATCH;
    case ALWAYS:
        break;
    }
    return true;
}

static struct variant rule_variant(size_t rule_number, double l2)
{
    const enum rule rule = (enum rule)rule_number;
    const bool rolls = rules[rule].is_linear && rules[rule].states;
    return (struct variant){.rule = rule, .momentum = rolls ? 0.9 : 0, .l2 = l2};
}

/* The rules whose steps products may take come first. */
static size_t linear_rules(void)
{
    size_t count = 0;
    while (count < RULE_COUNT && rules[count].is_linear)
        count++;
    return count;
}

/* Each rule, and two of them with both penalties of a weight, and with these and a scaled gradient. */
static size_t update_options(struct variant out[WAYS_TO_ASK])
{
    size_t count = 0;
    for (size_t r = 0; r < RULE_COUNT; r++) {
        out[count++] = rule_variant(r, 0);
        if (r != RULE_MOMENTUM && r != RULE_ADAMW)
            continue;
        out[count] = rule_variant(r, 0);
        out[count].l1 = out[count].weight_decay = PENALTY;
        out[count + 1] = out[count];
        out[count + 1].clip = CLIP;
        count += 2;
    }
    return count;
}

/* Each activation once, with one norm after the other, and ReLU without a norm. */
static size_t finish_options(struct variant out[WAYS_TO_ASK])
{
    size_t count = 0;
    out[count++] = (struct variant){.act = ACTIVATION_RELU};
    for (int a = 0; a < ACTIVATION_COUNT; a++)
        out[count++] =
            (struct variant){.act = (enum activation)a, .norm = (enum norm_kind)((a + 1) % NORM_COUNT)};
    return count;
}

size_t operation_options(enum operation_name name, struct variant out[WAYS_TO_ASK])
{
    size_t count = 0;
    switch (name) {
    case OPERATION_GATHER:
        out[count++] = (struct variant){.is_bytes = true};
        out[count++] = (struct variant){.is_bytes = true, .is_ordered = true};
        out[count++] = (struct variant){.is_bytes = false};
        out[count++] = (struct variant){.is_ordered = true};
        return count;
    case OPERATION_GATHER_WEIGHTS:
        out[count++] = (struct variant){0};
        out[count++] = (struct variant){.is_ordered = true};
        return count;
    case OPERATION_FORWARD:
        for (size_t a = 0; a < ACTIVATION_COUNT; a++)
            out[count++] = (struct variant){.act = (enum activation)a};
        return count;
    case OPERATION_LOSS_GRADIENT:
        for (size_t l = 0; l < LOSS_COUNT; l++)
            out[count++] = (struct variant){.loss = (enum loss_kind)l};
        out[count++] = (struct variant){.loss = LOSS_QUANTILE, .quantiles = QUANTILES_TRIED};
        return count;
    case OPERATION_FINISH:
        return finish_options(out);
    case OPERATION_NORM_BACKWARD:
        out[count++] = (struct variant){.norm = NORM_BATCH};
        out[count++] = (struct variant){.norm = NORM_LAYER};
        return count;
    case OPERATION_BACKWARD_INPUT:
    case OPERATION_SOFTMAX_BACKWARD:
    case OPERATION_GATE_BACKWARD:
        for (size_t a = 0; a < ACTIVATION_COUNT; a++)
            out[count++] = (struct variant){.below = (enum activation)a};
        return count;
    case OPERATION_BACKWARD_PARAMS:
    case OPERATION_GRADIENTS:
        out[count++] = (struct variant){.l2 = 0};
        out[count++] = (struct variant){.l2 = PENALTY};
        return count;
    case OPERATION_BACKWARD_UPDATE:
        for (size_t r = 0; r < linear_rules(); r++) {
            out[count++] = rule_variant(r, 0);
            out[count++] = rule_variant(r, PENALTY);
        }
        return count;
    case OPERATION_UPDATES:
        for (size_t r = 0; r < linear_rules(); r++) {
            out[count] = rule_variant(r, 0);
            out[count].is_bytes = out[count].is_ordered = true;
            count++;
            out[count++] = rule_variant(r, PENALTY);
        }
        return count;
    case OPERATION_UPDATE_FORWARD: /* each activation and each rule once */
        for (; count < size_max(ACTIVATION_COUNT, linear_rules()); count++) {
            out[count] = rule_variant(count % linear_rules(), count % 2 ? 0 : PENALTY);
            out[count].act = (enum activation)(count % ACTIVATION_COUNT);
        }
        return count;
    case OPERATION_UPDATE:
        return update_options(out);
    case OPERATION_CLIP_FACTOR:
        out[count++] = (struct variant){.clip = CLIP};
        out[count++] = (struct variant){.clip = CLIP_FAR, .l1 = PENALTY};
        out[count++] = (struct variant){.clip = CLIP_FAINT, .l1 = PENALTY};
        return count;
    default:
        out[count++] = (struct variant){0};
        return count;
    }
}

_Static_assert(ACTIVATION_COUNT <= WAYS_TO_ASK && 2 * RULE_COUNT <= WAYS_TO_ASK, "room for every option");

bool variant_has_first_activation(const struct variant *v)
{
    for (size_t a = 0; a < size_max(v->act, v->below); a++)
        if (activations[a].gate == activations[size_max(v->act, v->below)].gate)
            return false;
    return true;
}

bool variant_is_first_of_kind(const struct variant *v)
{
    if (!variant_has_first_activation(v))
        return false;
    for (size_t r = 0; r < v->rule; r++)
        if (rules[r].states == rules[v->rule].states)
            return false;
    return true;
}

bool odd_is_in_bytes(const struct variant *variant)
{
    return variant->is_bytes && variant->odd_in && !strcmp(variant->odd_in, "values");
}

bool odd_is_defined(const struct operation *operation, const struct variant *variant)
{
    const char *const input = variant->odd_in;
    for (const struct operand_row *row = operation->rows; row->name; row++)
        if (!strcmp(row->name, input) && !operand_is_present(row, variant))
            return false;
    if (odd_is_in_bytes(variant))
        return false;
    if (operation->dimensions == DIMENSIONS_PICTURES)
        return isnan(variant->odd);
    if (!operation->has_penalty)
        return true;
    const bool is_in_weights = *input == 'W';
    return isnan(variant->odd) ? variant->l2 != 0 || !is_in_weights : variant->l2 == 0 && !is_in_weights;
}

/* ---- checks ---- */

/* A device may keep denormal inputs, flush all to zero, or flush some: it must pass under one of these.
 * Without bounds it runs once, for the bits. */
clm_status operation_judge(struct clm_backend *device, struct clm_backend *bounds,
                           const struct operation *operation, const struct variant *variant,
                           struct judgement *out, struct clm_error *error)
{
    struct problem problem = problem_begin(device, operation, variant, error);
    struct judgement read = *out;
    bool has_denormals = true;
    problem_run(&problem);
    problem_read(&problem, &read);
    *out = read;
    if (!bounds && problem.status == CLM_OK && operation->has_sums)
        problem.status = judge_sums(out, device, &problem.sums, NULL, NULL, error);
    for (int flushing = 0; bounds && problem.status == CLM_OK && has_denormals && flushing < FLUSHING_COUNT;
         flushing++) {
        *out = read;
        problem.status = judge_problem(&problem, bounds, (enum flushing)flushing, &has_denormals, out, error);
        has_denormals = has_denormals && !(out->worst <= 1);
    }
    return problem_end(&problem);
}

struct operation_case {
    const struct operation *operation;
    const struct variant *variant;
};

static clm_status run_operation(const void *which, struct clm_backend *device, struct clm_backend *bounds,
                                struct judgement *out, struct clm_error *error)
{
    const struct operation_case *const of = which;
    return operation_judge(device, bounds, of->operation, of->variant, out, error);
}

/* Whether both hold the same bits; all NaNs count as one. */
static bool is_same(double a, double b)
{
    return a == b ? signbit(a) == signbit(b) : isnan(a) && isnan(b);
}

/* Compares an output of two runs. */
static void compare_outputs(const struct problem *a, const struct problem *b, size_t n, bool *differs,
                            char *text, size_t size)
{
    const size_t columns = a->tensors[n].columns, count = a->tensors[n].rows * columns;
    for (size_t i = 0; a->after[n] && b->after[n] && i < count && !*differs; i++) {
        *differs = !is_same(a->after[n][i], b->after[n][i]);
        if (*differs)
            snprintf(text, size, "%s[%zu,%zu] is %.9g in one run and %.9g in the next, with the same inputs",
                     a->operation->rows[n].name, i / columns, i % columns, a->after[n][i], b->after[n][i]);
    }
}

clm_status operation_compare_runs(struct clm_backend *device, const struct operation *operation,
                                  const struct variant *variant, bool *differs, char *text, size_t size,
                                  struct clm_error *error)
{
    struct problem runs[2] = {problem_begin(device, operation, variant, error), {0}};
    struct judgement ignored = judgement_begin();
    *differs = false;
    problem_run(&runs[0]);
    problem_read(&runs[0], &ignored);
    clm_status status = runs[0].status;
    if (status == CLM_OK) {
        runs[1] = problem_begin(device, operation, variant, error);
        problem_run(&runs[1]);
        problem_read(&runs[1], &ignored);
        for (size_t n = 0; runs[1].status == CLM_OK && operation->rows[n].name; n++)
            compare_outputs(&runs[0], &runs[1], n, differs, text, size);
        status = problem_end(&runs[1]);
    }
    const clm_status first = problem_end(&runs[0]);
    return first ? first : status;
}

clm_status operation_check(struct clm_backend *device, struct clm_backend *bounds,
                           const struct operation *operation, const struct variant *variant, size_t repeats,
                           struct clm_check *check, struct clm_error *error)
{
    const struct operation_case which = {operation, variant};
    *check = (struct clm_check){0};
    snprintf(check->operation, sizeof check->operation, "%s", operation->name);
    variant_describe(operation, variant, check->shape);
    return judge_repeated(run_operation, &which, device, bounds, repeats, check, error);
}
