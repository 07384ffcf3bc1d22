/* clm_verify: which operations are checked, on which shapes. */
#include "check/operations.h"
#include "check/steps.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A run of checks: where they go, and what has come of them. */
struct verification {
    struct clm_backend *device, *reference;
    void (*on_check)(void *user, const struct clm_check *check);
    void *user;
    bool passed;
    struct clm_error *error;
};

/* Sizes of layers: one, primes, powers of two, one beside a tile, classes; the last with sums of each kind that are so
 * long that a product may cut them into blocks. */
static const struct {
    size_t B, I, O;
} layers[] = {
    {1, 1, 1},       {1, 7, 2},      {2, 3, 1},      {7, 33, 65},    {31, 32, 33},   {33, 31, 63},
    {64, 64, 64},    {65, 63, 10},   {10, 129, 127}, {127, 65, 129}, {257, 127, 31}, {129, 257, 2},
    {32, 129, 1000}, {31, 1031, 33}, {31, 33, 1031}, {1031, 33, 65}, {10, 785, 5},
};

/* Products so large that CLBlast copies its matrices to padded ones first (on devices it has no parameters of their own
 * for, from 896³ on), and one whose matrices need no padding. */
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
    /* the last makes a million correct rows in three calls: more than a device counts in one float's units, in any slot */
    {1, 1},   {1, 2},   {7, 2},      {31, 10},  {33, 10},  {63, 2},
    {64, 10}, {65, 31}, {127, 1000}, {257, 10}, {2, 1000}, {350003, 1}};

static const struct {
    size_t N, B, I, first;
} batches[] = {
    {1, 1, 1, 0}, {40, 31, 33, 9}, {64, 7, 65, 0}, {300, 257, 127, 43}, {70, 32, 784, 1},
};

/* Rows of pictures: widths below, at and beside a vector's, and some that end within a run of noise; of no pictures, too. Batches
 * that end an epoch are single rows as well. */
static const struct {
    size_t N, B, channels, height, width, first;
} pictures[] = {{40, 33, 1, 28, 28, 5},
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
};

/* The shape that contents other than normal numbers are tried on. */
#define MIDDLE  .B = 33, .I = 31, .O = 63, .N = 40, .first = 5
#define CLASSES 10 /* where the layer is a last one */

static clm_status one(struct verification *v, enum operation_name name, const struct variant *variant)
{
    struct clm_check check;
    const clm_status status =
        operation_check(v->device, v->reference, &operations_checked[name], variant, &check, v->error);
    if (status != CLM_OK)
        return status;
    v->passed = v->passed && check.passed;
    if (v->on_check)
        v->on_check(v->user, &check);
    return CLM_OK;
}

/* What an operation can be asked for beside its shape; what does not concern it is not repeated. */
static size_t options_of(enum operation_name name, struct variant out[4])
{
    switch (name) {
    case OPERATION_GATHER:
        out[0] = (struct variant){.is_bytes = true};
        out[1] = (struct variant){.is_bytes = true, .is_ordered = true};
        out[2] = (struct variant){.is_bytes = false};
        out[3] = (struct variant){.is_ordered = true};
        return 4;
    case OPERATION_FORWARD:
        out[0] = (struct variant){.act = ACTIVATION_NONE};
        out[1] = (struct variant){.act = ACTIVATION_RELU};
        return 2;
    case OPERATION_BACKWARD_INPUT:
    case OPERATION_SOFTMAX_BACKWARD:
        out[0] = (struct variant){.has_mask = false};
        out[1] = (struct variant){.has_mask = true};
        return 2;
    case OPERATION_BACKWARD_PARAMS:
        out[0] = (struct variant){.l2 = 0};
        out[1] = (struct variant){.l2 = 0.01};
        return 2;
    case OPERATION_BACKWARD_UPDATE:
        out[0] = (struct variant){.l2 = 0};
        out[1] = (struct variant){.l2 = 0.01};
        out[2] = (struct variant){.momentum = 0.9};
        out[3] = (struct variant){.momentum = 0.9, .l2 = 0.01};
        return 4;
    case OPERATION_UPDATE_FORWARD:
        out[0] = (struct variant){.act = ACTIVATION_NONE, .l2 = 0.01};
        out[1] = (struct variant){.act = ACTIVATION_RELU, .momentum = 0.9};
        return 2;
    case OPERATION_UPDATE:
        out[0] = (struct variant){.momentum = 0};
        out[1] = (struct variant){.momentum = 0.9};
        return 2;
    default:
        out[0] = (struct variant){0};
        return 1;
    }
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

static clm_status every_shape(struct verification *v, enum operation_name name)
{
    struct variant options[4];
    const size_t option_count = options_of(name, options);
    clm_status status = CLM_OK;
    for (size_t shape = 0; shape < shape_count(name); shape++)
        for (size_t o = 0; status == CLM_OK && o < option_count; o++) {
            struct variant variant = options[o];
            take_shape(name, shape, &variant);
            status = one(v, name, &variant);
        }
    return status;
}

static clm_status every_content(struct verification *v, enum operation_name name)
{
    static const enum fill fills[] = {FILL_WIDE, FILL_ZERO, FILL_EXTREME, FILL_TIES};
    struct variant options[4];
    const size_t option_count = options_of(name, options);
    struct variant variant = options[option_count - 1]; /* the one with most of them */
    const struct variant middle = {MIDDLE};
    clm_status status = CLM_OK;
    variant.B = middle.B, variant.I = middle.I;
    variant.O = name == OPERATION_SOFTMAX_BACKWARD ? CLASSES : middle.O;
    variant.N = middle.N, variant.first = middle.first;
    for (size_t f = 0; status == CLM_OK && f < COUNT_OF(fills); f++) {
        variant.fill = fills[f];
        status = one(v, name, &variant);
    }
    variant.fill = FILL_NORMAL;
    for (const char *const *input = operations_checked[name].inputs; status == CLM_OK && *input; input++) {
        variant.nan_in = *input;
        status = one(v, name, &variant);
    }
    return status;
}

/* Pictures as bytes and as floats, in order and not, at a place of the epoch of its own. */
static clm_status every_augmentation(struct verification *v)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; p < COUNT_OF(pictures); p++)
        for (size_t a = 0; status == CLM_OK && a < 2 * COUNT_OF(augmentations); a++) {
            const size_t width = pictures[p].width, height = pictures[p].height;
            struct variant variant = {.N = pictures[p].N,
                                      .B = pictures[p].B,
                                      .I = pictures[p].channels * height * width,
                                      .first = pictures[p].first,
                                      .is_bytes = a % 2 == 0,
                                      .is_ordered = (a / 2 + p) % 2 == 0};
            variant.augmentation = (struct augmentation){.changes = augmentations[a / 2],
                                                         .width = width,
                                                         .height = height,
                                                         .channels = pictures[p].channels,
                                                         .seed = 0x123456789abcdefu,
                                                         .epoch = (uint32_t)a,
                                                         .position = 1000 + pictures[p].first};
            status = one(v, OPERATION_GATHER_AUGMENTED, &variant);
            for (const char *const *input = operations_checked[OPERATION_GATHER_AUGMENTED].inputs;
                 status == CLM_OK && a + 1 == 2 * COUNT_OF(augmentations) && *input; input++) {
                variant.nan_in = *input;
                status = one(v, OPERATION_GATHER_AUGMENTED, &variant);
            }
        }
    return status;
}

/* With the most options; only samples of the results are compared. */
static clm_status every_large_product(struct verification *v)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < COUNT_OF(large_products); p++) {
        struct variant options[4];
        const size_t option_count = options_of(large_products[p].operation, options);
        struct variant variant = options[option_count - 1];
        variant.is_sampled = true;
        variant.fill = FILL_UNIFORM;
        variant.B = large_products[p].B;
        variant.I = large_products[p].I;
        variant.O = large_products[p].O;
        status = one(v, large_products[p].operation, &variant);
    }
    return status;
}

static clm_status every_training(struct verification *v)
{
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < COUNT_OF(trainings); i++) {
        struct clm_check check;
        status = steps_check(v->device, v->reference, &trainings[i], &check, v->error);
        if (status != CLM_OK)
            break;
        v->passed = v->passed && check.passed;
        if (v->on_check)
            v->on_check(v->user, &check);
    }
    return status;
}

clm_status clm_verify(struct clm_backend *backend,
                      void (*on_check)(void *user, const struct clm_check *check), void *user, bool *passed,
                      struct clm_error *error)
{
    const struct clm_backend_options options = {.kind = CLM_BACKEND_REFERENCE};
    struct verification v = {
        .device = backend, .on_check = on_check, .user = user, .passed = true, .error = error};
    *passed = false;
    clm_status status = clm_backend_open(&options, &v.reference, error);
    for (int name = 0; status == CLM_OK && name < OPERATION_COUNT; name++) {
        if (name == OPERATION_GATHER_AUGMENTED) {
            status = every_augmentation(&v);
            continue;
        }
        status = every_shape(&v, (enum operation_name)name);
        if (status == CLM_OK)
            status = every_content(&v, (enum operation_name)name);
    }
    if (status == CLM_OK)
        status = every_large_product(&v);
    if (status == CLM_OK)
        status = every_training(&v);
    clm_backend_close(v.reference);
    *passed = status == CLM_OK && v.passed;
    return status;
}
