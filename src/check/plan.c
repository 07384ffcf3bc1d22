/* The checks that do not depend on chance: verify's own, and the few of a quick look. */
#include "check/plan.h"

#include <math.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Sizes of layers: one, primes, powers of two, one beside a tile, classes; the last with sums of each kind
 * that are so long that a product may cut them into blocks. */
static const struct {
    size_t B, I, O;
} layers[] = {
    {1, 1, 1},       {1, 7, 2},      {2, 3, 1},      {7, 33, 65},    {31, 32, 33},   {33, 31, 63},
    {64, 64, 64},    {65, 63, 10},   {10, 129, 127}, {127, 65, 129}, {257, 127, 31}, {129, 257, 2},
    {32, 129, 1000}, {31, 1031, 33}, {31, 33, 1031}, {1031, 33, 65}, {10, 785, 5},
};

/* Products so large that CLBlast copies its matrices to padded ones first (on devices it has no parameters
 * of their own for, from 896³ on), and one whose matrices need no padding. */
static const struct {
    enum operation_name operation;
    size_t B, I, O;
} large_products[] = {
    {OPERATION_FORWARD, 901, 907, 911},
    {OPERATION_BACKWARD_INPUT, 901, 907, 911},
    {OPERATION_BACKWARD_PARAMS, 896, 960, 864},
    {OPERATION_BACKWARD_UPDATE, 901, 907, 911},
};

static const struct {
    size_t B, C;
} logits[] = {
    /* the last makes a million correct rows in its calls: more than a device counts in one float's units,
     * in any slot */
    {1, 1},   {1, 2},   {7, 2},      {31, 10},  {33, 10},  {63, 2},
    {64, 10}, {65, 31}, {127, 1000}, {257, 10}, {2, 1000}, {350003, 1}};

static const struct {
    size_t N, B, I, first;
} batches[] = {
    {1, 1, 1, 0}, {40, 31, 33, 9}, {64, 7, 65, 0}, {300, 257, 127, 43}, {70, 32, 784, 1},
};

/* Rows of pictures: widths below, at and beside a vector's, and some that end within a run of noise; of no
 * pictures, too. Batches that end an epoch are single rows as well. */
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
};

/* Outputs of a million elements, one of which may be wrong. */
static const struct {
    enum operation_name operation;
    size_t B, I, O, N;
} million[] = {
    {OPERATION_GATHER, 1031, 1021, 0, 1040},        {OPERATION_FORWARD, 1031, 7, 1021, 0},
    {OPERATION_SOFTMAX_XENT, 1049, 0, 1000, 0},     {OPERATION_SOFTMAX, 1049, 0, 1000, 0},
    {OPERATION_BACKWARD_INPUT, 1031, 1021, 7, 0},   {OPERATION_BACKWARD_PARAMS, 7, 1021, 1031, 0},
    {OPERATION_BACKWARD_UPDATE, 7, 1021, 1031, 0},  {OPERATION_UPDATE_FORWARD, 1031, 7, 1021, 0},
    {OPERATION_UPDATE_FORWARD, 7, 1021, 1031, 0},   {OPERATION_UPDATE, 0, 1021, 1031, 0},
    {OPERATION_SOFTMAX_BACKWARD, 104861, 3, 10, 0},
};

/* The shape that contents other than normal numbers are tried on. */
#define MIDDLE  .B = 33, .I = 31, .O = 63, .N = 40, .first = 5
#define CLASSES 10 /* if the layer is the last one */

void plan_operation(struct plan *plan, enum operation_name name, const struct variant *variant)
{
    struct check_case which = {.operation = &operations_checked[name], .variant = *variant};
    which.variant.seed = plan->seed;
    if (plan->status == CLM_OK)
        plan->status = case_list_add(&plan->list, &which, plan->error);
}

void plan_steps(struct plan *plan, const struct step_case *steps)
{
    struct check_case which = {.steps = *steps};
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

static size_t shape_count(enum operation_name name)
{
    if (name == OPERATION_GATHER)
        return COUNT_OF(batches);
    return name == OPERATION_SOFTMAX || name == OPERATION_SOFTMAX_XENT ? COUNT_OF(logits) : COUNT_OF(layers);
}

static void take_shape(enum operation_name name, size_t shape, struct variant *variant)
{
    if (name == OPERATION_GATHER) {
        variant->N = batches[shape].N;
        variant->B = batches[shape].B;
        variant->I = batches[shape].I;
        variant->first = batches[shape].first;
    } else if (name == OPERATION_SOFTMAX || name == OPERATION_SOFTMAX_XENT) {
        variant->B = logits[shape].B;
        variant->O = logits[shape].C;
    } else {
        variant->B = layers[shape].B;
        variant->I = layers[shape].I;
        variant->O = layers[shape].O;
    }
}

/* Each shape with each option. */
static void plan_shapes(struct plan *plan, enum operation_name name)
{
    struct variant options[WAYS_TO_ASK];
    const size_t option_count = operation_options(name, options);
    for (size_t shape = 0; shape < shape_count(name); shape++)
        for (size_t o = 0; o < option_count; o++) {
            struct variant variant = options[o];
            take_shape(name, shape, &variant);
            plan_operation(plan, name, &variant);
        }
}

/* The variant with most options, on the middle shape. */
static struct variant middle_of(enum operation_name name)
{
    const struct variant middle = {MIDDLE};
    struct variant options[WAYS_TO_ASK];
    const size_t option_count = operation_options(name, options);
    struct variant variant = options[option_count - 1];
    if (name == OPERATION_GATHER_AUGMENTED) /* with all changes */
        return picture_variant(&pictures[0], &augmentations[COUNT_OF(augmentations) - 1]);
    variant.B = middle.B, variant.I = middle.I;
    variant.O = name == OPERATION_SOFTMAX_BACKWARD ? CLASSES : middle.O;
    variant.N = middle.N, variant.first = middle.first;
    return variant;
}

/* The variant's NaN or infinity in each input, where it is defined; and again, in the corner where tiles
 * are cut off, with what a ReLU would hide. */
static void plan_odd(struct plan *plan, enum operation_name name, const struct variant *of)
{
    struct variant variant = *of;
    for (size_t n = 0; (variant.odd_in = operation_input(&operations_checked[name], n)); n++)
        if (odd_is_defined(&operations_checked[name], &variant))
            plan_operation(plan, name, &variant);
    if (of->act == ACTIVATION_NONE)
        return;
    variant.act = ACTIVATION_NONE;
    variant.odd_place = PLACE_BOTTOM_RIGHT;
    plan_odd(plan, name, &variant);
}

static void plan_nans(struct plan *plan, enum operation_name name)
{
    struct variant variant = middle_of(name);
    variant.odd = NAN;
    plan_odd(plan, name, &variant);
}

static void plan_infinities(struct plan *plan, enum operation_name name)
{
    struct variant variant = middle_of(name);
    variant.l2 = 0;
    for (int sign = -1; sign <= 1; sign += 2) {
        variant.odd = sign > 0 ? (double)INFINITY : (double)-INFINITY;
        plan_odd(plan, name, &variant);
    }
}

static void plan_contents(struct plan *plan, enum operation_name name)
{
    static const enum fill fills[] = {FILL_WIDE, FILL_DENORMAL, FILL_ZERO, FILL_EXTREME, FILL_TIES};
    struct variant variant = middle_of(name);
    for (size_t f = 0; f < COUNT_OF(fills); f++) {
        variant.fill = fills[f];
        plan_operation(plan, name, &variant);
    }
    variant.fill = FILL_TINY;
    if (operations_checked[name].dimensions == DIMENSIONS_LAYER)
        plan_operation(plan, name, &variant);
}

/* With the most options. */
static void plan_million(struct plan *plan, enum operation_name name)
{
    for (size_t i = 0; i < COUNT_OF(million); i++) {
        if (million[i].operation != name)
            continue;
        struct variant variant = middle_of(name);
        variant.B = million[i].B, variant.I = million[i].I, variant.O = million[i].O,
        variant.N = million[i].N;
        plan_operation(plan, name, &variant);
    }
}

/* With the most options. */
static void plan_large(struct plan *plan)
{
    for (size_t p = 0; p < COUNT_OF(large_products); p++) {
        struct variant variant = middle_of(large_products[p].operation);
        variant.fill = FILL_UNIFORM;
        variant.B = large_products[p].B;
        variant.I = large_products[p].I;
        variant.O = large_products[p].O;
        plan_operation(plan, large_products[p].operation, &variant);
    }
}

/* As bytes and as floats, in order and not. */
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

/* A million elements, changed in every way. */
static void plan_million_pictures(struct plan *plan)
{
    const struct picture_shape shape = {1040, 1031, 1, 32, 32, 5};
    struct variant variant = picture_variant(&shape, &augmentations[COUNT_OF(augmentations) - 1]);
    variant.is_ordered = true;
    plan_operation(plan, OPERATION_GATHER_AUGMENTED, &variant);
}

void plan_standard(struct plan *plan)
{
    plan_pictures(plan);
    plan_million_pictures(plan);
    for (int name = 0; name < OPERATION_COUNT; name++) {
        if (name != OPERATION_GATHER_AUGMENTED)
            plan_shapes(plan, (enum operation_name)name);
        plan_contents(plan, (enum operation_name)name);
        plan_nans(plan, (enum operation_name)name);
        plan_infinities(plan, (enum operation_name)name);
        plan_million(plan, (enum operation_name)name);
    }
    plan_large(plan);
    for (size_t i = 0; i < COUNT_OF(trainings); i++)
        plan_steps(plan, &trainings[i]);
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
        plan_nans(plan, (enum operation_name)name);
        plan_million(plan, (enum operation_name)name);
    }
    plan_large(plan);
    plan_steps(plan, &trainings[2]);
    plan_steps(plan, &trainings[4]);
    plan_steps(plan, &trainings[6]);
}
