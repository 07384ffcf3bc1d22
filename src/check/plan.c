/* The fixed checks: verify's own, and the few of a quick look. */
#include "check/plan.h"

#include <math.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* An operation uses the sizes that it has; O is the number of classes of logits. */
struct plan_shape {
    size_t B, I, O, N, first;
};

/* Sizes of layers: one, primes, powers of two, one more or less than a tile, classes. The last have sums, one
 * of each kind, so long that a product may cut them into blocks. */
static const struct plan_shape layers[] = {
    {1, 1, 1},       {1, 7, 2},      {2, 3, 1},      {7, 33, 65},    {31, 32, 33},   {33, 31, 63},
    {64, 64, 64},    {65, 63, 10},   {10, 129, 127}, {127, 65, 129}, {257, 127, 31}, {129, 257, 2},
    {32, 129, 1000}, {31, 1031, 33}, {31, 33, 1031}, {1031, 33, 65}, {10, 785, 5},
};

static const struct plan_shape logits[] = {
    /* the last makes a million correct rows in its calls: more than a device counts in one float's units,
     * in any slot */
    {1, 0, 1},   {1, 0, 2},   {7, 0, 2},      {31, 0, 10},  {33, 0, 10},  {63, 0, 2},
    {64, 0, 10}, {65, 0, 31}, {127, 0, 1000}, {257, 0, 10}, {2, 0, 1000}, {350003, 0, 1}};

static const struct plan_shape batches[] = {
    {1, 1, 0, 1, 0}, {31, 33, 0, 40, 9}, {7, 65, 0, 64, 0}, {257, 127, 0, 300, 43}, {32, 784, 0, 70, 1},
};

/* Outputs of a layer. */
static const struct plan_shape outputs[] = {{1, 0, 1},   {2, 0, 3},     {7, 0, 65},  {33, 0, 31},
                                            {65, 0, 10}, {129, 0, 130}, {257, 0, 17}};

/* By the kind of an operation's shape; pictures have shapes of their own. */
static const struct {
    const struct plan_shape *shapes;
    size_t count;
} shapes_by[] = {
    [DIMENSIONS_BATCH] = {batches, COUNT_OF(batches)},  [DIMENSIONS_LAYER] = {layers, COUNT_OF(layers)},
    [DIMENSIONS_STEP] = {layers, COUNT_OF(layers)},     [DIMENSIONS_ROWS] = {logits, COUNT_OF(logits)},
    [DIMENSIONS_LOSS] = {logits, COUNT_OF(logits)},     [DIMENSIONS_WEIGHTS] = {layers, COUNT_OF(layers)},
    [DIMENSIONS_OUTPUTS] = {outputs, COUNT_OF(outputs)}};

/* Products so large that CLBlast first copies its matrices to padded ones (from 896³ on, if it has no
 * parameters for the device), and one whose matrices need no padding. */
static const struct single_shape {
    enum operation_name operation;
    struct plan_shape shape;
} large_products[] = {
    {OPERATION_FORWARD, {901, 907, 911}},
    {OPERATION_BACKWARD_INPUT, {901, 907, 911}},
    {OPERATION_BACKWARD_PARAMS, {896, 960, 864}},
    {OPERATION_BACKWARD_UPDATE, {901, 907, 911}},
};

/* Rows of pictures: widths below, at and above a vector's; some end within a run of noise; one has no
 * pictures. Batches at the end of an epoch are single rows as well. */
static const struct picture_shape pictures[] = {{40, 33, 1, 28, 28, 5},
                                                {30, 7, 3, 9, 5, 4},
                                                {20, 16, 3, 32, 32, 1},
                                                {9, 1, 1, 5, 67, 8},
                                                {70, 65, 5, 4, 33, 0}};

static const struct clm_augmentation augmentations[] = {
    {.flip = true}, {.shift = 3},   {.cutout = 4},
    {.noise = 0.5}, {.mixup = 0.4}, {.flip = true, .shift = 2, .cutout = 3, .noise = 0.05, .mixup = 1.5},
};

static const struct step_case trainings[] = {
    {{13, 17, 11, 5}, 8, 8, 1, 0, 0},
    {{13, 17, 11, 5}, 20, 8, 2, 0, 0},
    {{13, 17, 11, 5}, 20, 8, 2, 0.9, 0.01},
    {{33, 65, 31, 10}, 40, 31, 2, 0.5, 0.001},
    {{129, 127, 10}, 40, 32, 2, 0.9, 0},
    {{7, 2}, 9, 4, 2, 0, 0.01},
    {.widths = {48, 33, 10}, .rows = 40, .batch = 32, .epochs = 2, .momentum = 0.9, .is_augmented = true},
    {.widths = {65, 33, 10},
     .rows = 40,
     .batch = 31,
     .epochs = 2,
     .momentum = 0.9,
     .l2 = 0.01,
     .is_float = true},
    {.widths = {33, 65, 10}, .rows = 40, .batch = 31, .epochs = 1, .is_float = true, .is_extreme = true},
    {.widths = {33, 10},
     .rows = 20,
     .batch = 8,
     .epochs = 2,
     .momentum = 0.9,
     .is_float = true,
     .is_extreme = true},
    {.widths = {33, 31, 10},
     .rows = 40,
     .batch = 31,
     .epochs = 2,
     .momentum = 0.9,
     .is_float = true,
     .is_weighted = true},
    {.widths = {48, 33, 10},
     .rows = 40,
     .batch = 32,
     .epochs = 2,
     .momentum = 0.9,
     .is_augmented = true,
     .is_weighted = true},
    {.widths = {33, 31, 10},
     .rows = 40,
     .batch = 31,
     .epochs = 2,
     .momentum = 0.9,
     .l2 = 0.01,
     .l1 = 0.001,
     .weight_decay = 0.1},
    {.widths = {33, 31, 10},
     .rows = 40,
     .batch = 31,
     .epochs = 2,
     .momentum = 0.9,
     .l2 = 0.01,
     .l1 = 0.001,
     .clip = 0.25},
    {.widths = {33, 31, 10}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .average = 0.5},
    {.widths = {33, 31, 10}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .l2 = 0.01, .parts = 3},
    {.widths = {33, 31, 10},
     .rows = 40,
     .batch = 31,
     .epochs = 2,
     .momentum = 0.9,
     .average = 0.2,
     .parts = 4,
     .clip = 0.25,
     .is_weighted = true},
    {.widths = {33, 31, 10}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .drop = 0.25},
    {.widths = {17, 17, 17, 10}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .has_skips = true},
    {.widths = {33, 31, 10}, .rows = 40, .batch = 31, .epochs = 1, .momentum = 0.9, .norm = NORM_BATCH},
    {.widths = {33, 31, 10}, .rows = 40, .batch = 31, .epochs = 1, .momentum = 0.9, .norm = NORM_LAYER},
    {.widths = {17, 17, 17, 10},
     .rows = 40,
     .batch = 20,
     .epochs = 1,
     .norm = NORM_LAYER,
     .drop = 0.5,
     .has_skips = true},
    /* the losses; the quantiles are two of each target */
    {.widths = {33, 31, 10}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .smoothing = 0.1},
    {.widths = {33, 31, 10}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .loss = LOSS_FOCAL},
    {.widths = {33, 31, 10}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .loss = LOSS_BINARY},
    {.widths = {33, 31, 3}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .loss = LOSS_SQUARED},
    {.widths = {33, 31, 3}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .loss = LOSS_ABSOLUTE},
    {.widths = {33, 31, 1}, .rows = 40, .batch = 31, .epochs = 2, .momentum = 0.9, .loss = LOSS_HUBER},
    {.widths = {33, 31, 6},
     .rows = 40,
     .batch = 31,
     .epochs = 2,
     .momentum = 0.9,
     .loss = LOSS_QUANTILE,
     .quantiles = 2},
    {.widths = {33, 31, 3},
     .rows = 40,
     .batch = 31,
     .epochs = 2,
     .l2 = 0.01,
     .loss = LOSS_SQUARED,
     .is_weighted = true,
     .parts = 3},
    {.widths = {48, 33, 10},
     .rows = 40,
     .batch = 32,
     .epochs = 1,
     .smoothing = 0.1,
     .is_augmented = true,
     .is_weighted = true},
};

/* Outputs of a million elements, of which a single one may be wrong. */
static const struct single_shape million[] = {
    {OPERATION_GATHER, {1031, 1021, 0, 1040, 5}},  {OPERATION_FORWARD, {1031, 7, 1021}},
    {OPERATION_SOFTMAX_XENT, {1049, 0, 1000}},     {OPERATION_LOSS_GRADIENT, {1049, 0, 1000}},
    {OPERATION_SOFTMAX, {1049, 0, 1000}},          {OPERATION_BACKWARD_INPUT, {1031, 1021, 7}},
    {OPERATION_BACKWARD_PARAMS, {7, 1021, 1031}},  {OPERATION_BACKWARD_UPDATE, {7, 1021, 1031}},
    {OPERATION_UPDATE_FORWARD, {1031, 7, 1021}},   {OPERATION_UPDATE_FORWARD, {7, 1021, 1031}},
    {OPERATION_UPDATES, {7, 1021, 1031}},          {OPERATION_UPDATE, {0, 1021, 1031}},
    {OPERATION_CLIP_FACTOR, {0, 1021, 1031}},      {OPERATION_BLENDS, {0, 1021, 1031}},
    {OPERATION_SOFTMAX_BACKWARD, {104861, 3, 10}}, {OPERATION_GATHER_WEIGHTS, {1048583, 1, 0, 1048600, 5}},
    {OPERATION_FINISH, {1031, 0, 1021}},           {OPERATION_GATE_BACKWARD, {1031, 0, 1021}},
    {OPERATION_NORM_BACKWARD, {1031, 0, 1021}},
};

/* The shape for contents other than normal numbers. */
static const struct plan_shape middle_shape = {33, 31, 63, 40, 5};
#define CLASSES 10 /* if the layer is the last one */

void plan_operation(struct plan *plan, enum operation_name name, const struct variant *variant)
{
    struct check_case which = {.operation = &operations_checked[name], .variant = *variant};
    which.variant.seed = plan->seed;
    if (plan->status == CLM_OK)
        plan->status = case_list_add(&plan->list, &which, plan->error);
}

void plan_steps(struct plan *plan, const struct step_case *steps, enum activation act, enum rule rule)
{
    struct check_case which = {.steps = *steps};
    which.steps.act = act;
    which.steps.rule = rule;
    which.steps.seed = plan->seed;
    if (plan->status == CLM_OK)
        plan->status = case_list_add(&plan->list, &which, plan->error);
}

struct variant picture_variant(const struct picture_shape *shape, const struct clm_augmentation *changes)
{
    return (struct variant){.N = shape->N,
                            .B = shape->B,
                            .I = shape->channels * shape->height * shape->width,
                            .first = shape->first,
                            .augmentation = {.changes = *changes,
                                             .channels = shape->channels,
                                             .height = shape->height,
                                             .width = shape->width}};
}

static void take_shape(struct variant *variant, const struct plan_shape *shape)
{
    variant->B = shape->B;
    variant->I = shape->I;
    variant->O = shape->O;
    variant->N = shape->N;
    variant->first = shape->first;
}

/* The options of an operation, with one activation of each kind. */
static size_t options_of_kinds(enum operation_name name, struct variant out[WAYS_TO_ASK])
{
    struct variant options[WAYS_TO_ASK];
    const size_t count = operation_options(name, options);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (variant_has_first_activation(&options[i]))
            out[kept++] = options[i];
    return kept;
}

/* Only some shapes try each of the rules after SGD and momentum, and each of the losses after the first. */
static bool is_left_out(const struct variant *option, size_t shape, size_t o)
{
    return (option->rule > RULE_MOMENTUM || option->loss != LOSS_CROSS_ENTROPY) && (shape + o) % 4 != 3;
}

/* Each shape, with each option. */
static void plan_shapes(struct plan *plan, enum operation_name name)
{
    struct variant options[WAYS_TO_ASK];
    const size_t option_count = options_of_kinds(name, options);
    const enum dimensions dimensions = operations_checked[name].dimensions;
    for (size_t shape = 0; shape < shapes_by[dimensions].count; shape++)
        for (size_t o = 0; o < option_count; o++) {
            if (is_left_out(&options[o], shape, o))
                continue;
            take_shape(&options[o], &shapes_by[dimensions].shapes[shape]);
            plan_operation(plan, name, &options[o]);
        }
}

static bool has_same_vocabulary(const struct variant *a, const struct variant *b)
{
    return a->act == b->act && a->below == b->below && a->rule == b->rule && a->loss == b->loss &&
           a->quantiles == b->quantiles && a->norm == b->norm;
}

/* The variants with the most options, on the middle shape: one for each kind of activation, each rule and
 * each loss. If there are other variants, leaves out those with no activation and the plain rule. */
static size_t middles_of(enum operation_name name, struct variant out[WAYS_TO_ASK])
{
    static const struct variant plain = {0};
    struct variant options[WAYS_TO_ASK];
    const size_t count = options_of_kinds(name, options);
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        const bool is_last = i + 1 == count;
        if (!is_last &&
            (has_same_vocabulary(&options[i], &options[i + 1]) || has_same_vocabulary(&options[i], &plain)))
            continue;
        struct variant *const middle = &out[chosen++];
        *middle = options[i];
        take_shape(middle, &middle_shape);
        if (name == OPERATION_SOFTMAX_BACKWARD)
            middle->O = CLASSES;
        if (name == OPERATION_GATHER_AUGMENTED) /* with all changes */
            *middle = picture_variant(&pictures[0], &augmentations[COUNT_OF(augmentations) - 1]);
    }
    return chosen;
}

/* The first of them: what does not depend on activation and rule is tried with it alone. */
static struct variant middle_of(enum operation_name name)
{
    struct variant middles[WAYS_TO_ASK];
    (void)middles_of(name, middles);
    return middles[0];
}

/* The variant's NaN or infinity in each input, if the result is defined. */
static void plan_odd(struct plan *plan, enum operation_name name, const struct variant *of)
{
    struct variant variant = *of;
    for (size_t n = 0; (variant.odd_in = operation_input(&operations_checked[name], n)); n++)
        if (odd_is_defined(&operations_checked[name], &variant))
            plan_operation(plan, name, &variant);
}

/* Like plan_odd, without the activation, which could hide the value, and in the corner where tiles are cut
 * off. */
static void plan_odd_bare(struct plan *plan, enum operation_name name, struct variant variant)
{
    if (variant.act == ACTIVATION_NONE)
        return;
    variant.act = ACTIVATION_NONE;
    variant.odd_place = PLACE_BOTTOM_RIGHT;
    plan_odd(plan, name, &variant);
}

/* A quick look leaves them out: a slow driver takes long to build their kernels. */
static bool takes_long_to_build(const struct variant *v)
{
    return activations[v->act].gate == GATE_SAVED || activations[v->below].gate == GATE_SAVED ||
           v->rule > RULE_MOMENTUM;
}

static void plan_odd_value(struct plan *plan, enum operation_name name, double odd, bool is_quick)
{
    struct variant middles[WAYS_TO_ASK];
    const size_t count = middles_of(name, middles);
    if (operations_checked[name].dimensions == DIMENSIONS_OUTPUTS && odd == (double)INFINITY)
        return; /* a norm or a gate does the same with both infinities */
    for (size_t i = 0; i < count; i++) {
        if (is_quick && takes_long_to_build(&middles[i]))
            continue;
        middles[i].odd = odd;
        if (isinf(odd))
            middles[i].l2 = 0;
        plan_odd(plan, name, &middles[i]);
        if (i == 0 || middles[i].rule != middles[0].rule)
            plan_odd_bare(plan, name, middles[i]);
    }
}

static void plan_fills(struct plan *plan, enum operation_name name, const struct variant *of)
{
    static const enum fill fills[] = {FILL_WIDE, FILL_DENORMAL, FILL_ZERO, FILL_EXTREME, FILL_TIES};
    struct variant variant = *of;
    for (size_t f = 0; f < COUNT_OF(fills); f++) {
        variant.fill = fills[f];
        plan_operation(plan, name, &variant);
    }
    variant.fill = FILL_TINY;
    if (has_products(operations_checked[name].dimensions))
        plan_operation(plan, name, &variant);
}

static void plan_contents(struct plan *plan, enum operation_name name)
{
    struct variant middles[WAYS_TO_ASK];
    const size_t count = middles_of(name, middles);
    for (size_t i = 0; i < count; i++)
        plan_fills(plan, name, &middles[i]);
}

/* Infinite logits, among them that of a row's class. */
static void plan_infinite_logits(struct plan *plan)
{
    static const enum loss_kind kinds[] = {LOSS_CROSS_ENTROPY, LOSS_FOCAL};
    const char *const input = operation_input(&operations_checked[OPERATION_LOSS_GRADIENT], 0);
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int place = PLACE_TOP_LEFT; place < PLACE_COUNT; place++)
            plan_operation(plan, OPERATION_LOSS_GRADIENT,
                           &(const struct variant){.B = 7,
                                                   .O = 2,
                                                   .loss = kinds[k],
                                                   .odd_in = input,
                                                   .odd = -INFINITY,
                                                   .odd_place = (enum place)place});
}

/* The activations that are not the first of their kind: a few shapes, all contents, and odd values. The
 * operations that do several things at once use the same formulas. */
static void plan_other_activations(struct plan *plan, enum operation_name name)
{
    static const struct plan_shape few[] = {{1, 7, 2}, {65, 63, 10}, {127, 65, 129}};
    static const double odd[] = {NAN, -INFINITY, INFINITY};
    struct variant options[WAYS_TO_ASK];
    const size_t count = operation_options(name, options);
    for (size_t i = 0; i < count; i++) {
        struct variant *const v = &options[i];
        if (variant_has_first_activation(v))
            continue;
        for (size_t shape = 0; shape < COUNT_OF(few); shape++) {
            take_shape(v, &few[shape]);
            plan_operation(plan, name, v);
        }
        take_shape(v, &middle_shape);
        plan_fills(plan, name, v);
        for (size_t o = 0; o < COUNT_OF(odd); o++) {
            v->odd = odd[o];
            plan_odd(plan, name, v);
        }
    }
}

/* A shape with the most options. */
static void plan_single(struct plan *plan, const struct single_shape *single, enum fill fill)
{
    struct variant variant = middle_of(single->operation);
    variant.fill = fill;
    take_shape(&variant, &single->shape);
    plan_operation(plan, single->operation, &variant);
}

static void plan_million(struct plan *plan, enum operation_name name)
{
    for (size_t i = 0; i < COUNT_OF(million); i++)
        if (million[i].operation == name)
            plan_single(plan, &million[i], FILL_NORMAL);
}

static void plan_large(struct plan *plan)
{
    for (size_t p = 0; p < COUNT_OF(large_products); p++)
        plan_single(plan, &large_products[p], FILL_UNIFORM);
}

/* As bytes and as floats, with an order and without. */
static void plan_pictures(struct plan *plan)
{
    for (size_t p = 0; p < COUNT_OF(pictures); p++)
        for (size_t a = 0; a < 2 * COUNT_OF(augmentations); a++) {
            struct variant variant = picture_variant(&pictures[p], &augmentations[a / 2]);
            variant.is_bytes = a % 2 == 0;
            variant.is_ordered = (a / 2 + p) % 2 == 0;
            plan_operation(plan, OPERATION_GATHER_AUGMENTED, &variant);
        }
}

/* A million elements with all changes. */
static void plan_million_pictures(struct plan *plan)
{
    const struct picture_shape shape = {1040, 1031, 1, 32, 32, 5};
    struct variant variant = picture_variant(&shape, &augmentations[COUNT_OF(augmentations) - 1]);
    variant.is_ordered = true;
    plan_operation(plan, OPERATION_GATHER_AUGMENTED, &variant);
}

/* Each with ReLU and with or without momentum; then one with each other activation, and one with each other
 * rule. */
static void plan_trainings(struct plan *plan)
{
    for (size_t i = 0; i < COUNT_OF(trainings); i++)
        plan_steps(plan, &trainings[i], ACTIVATION_RELU, RULE_SGD);
    for (int act = 0; act < ACTIVATION_COUNT; act++)
        if (act != ACTIVATION_NONE && act != ACTIVATION_RELU)
            plan_steps(plan, &trainings[2], (enum activation)act, RULE_SGD);
    for (int rule = 0; rule < RULE_COUNT; rule++)
        if (rule != RULE_SGD && rule != RULE_MOMENTUM)
            plan_steps(plan, &trainings[2], ACTIVATION_RELU, (enum rule)rule);
}

void plan_standard(struct plan *plan)
{
    plan_pictures(plan);
    plan_million_pictures(plan);
    for (int name = 0; name < OPERATION_COUNT; name++) {
        if (name != OPERATION_GATHER_AUGMENTED)
            plan_shapes(plan, (enum operation_name)name);
        plan_contents(plan, (enum operation_name)name);
        plan_odd_value(plan, (enum operation_name)name, NAN, false);
        plan_odd_value(plan, (enum operation_name)name, -INFINITY, false);
        plan_odd_value(plan, (enum operation_name)name, INFINITY, false);
        plan_million(plan, (enum operation_name)name);
    }
    plan_infinite_logits(plan);
    plan_other_activations(plan, OPERATION_FORWARD);
    plan_other_activations(plan, OPERATION_BACKWARD_INPUT);
    plan_large(plan);
    plan_trainings(plan);
}

void plan_quick(struct plan *plan)
{
    plan_million_pictures(plan);
    for (int name = 0; name < OPERATION_COUNT; name++) {
        const struct variant middle = middle_of((enum operation_name)name);
        struct variant ragged = middle;
        ragged.B = 65, ragged.O = 10, ragged.N = 100;
        ragged.I = ragged.augmentation.width ? ragged.I : 127;
        plan_operation(plan, (enum operation_name)name, &middle);
        plan_operation(plan, (enum operation_name)name, &ragged);
        plan_odd_value(plan, (enum operation_name)name, NAN, true);
        plan_million(plan, (enum operation_name)name);
    }
    plan_large(plan);
    plan_steps(plan, &trainings[2], ACTIVATION_RELU, RULE_SGD);
    plan_steps(plan, &trainings[4], ACTIVATION_RELU, RULE_SGD);
    plan_steps(plan, &trainings[6], ACTIVATION_RELU, RULE_SGD);
}
