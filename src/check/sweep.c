/* Random cases: they differ from seed to seed, and are the same for one seed. */
#include "check/plan.h"

#include "base/philox.h"
#include "base/size.h"

#include <math.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SWEEP           60 /* cases per operation */
#define NETS            12
#define TERMS_MOST      (1 << 23) /* of a product: the reference takes some hundredths of a second */

/* One, classes, primes, one more or less than each tile, tiles, wide. */
static const size_t sizes[] = {1,   1,   2,   2,   3,   5,    7,    8,    10,   10,   13,  15,
                               16,  17,  23,  31,  32,  33,   47,   63,   64,   65,   95,  96,
                               97,  100, 113, 127, 128, 129,  191,  193,  255,  256,  257, 300,
                               383, 511, 512, 513, 784, 1000, 1000, 1023, 1024, 1025, 3072};

static size_t draw_size(struct philox *random)
{
    return sizes[philox_below(random, COUNT_OF(sizes))];
}

/* Half of the cases have normal numbers. */
static enum fill draw_fill(struct philox *random)
{
    static const enum fill fills[] = {FILL_WIDE, FILL_DENORMAL, FILL_ZERO, FILL_EXTREME,
                                      FILL_TIES, FILL_UNIFORM,  FILL_TINY};
    return philox_below(random, 2) ? FILL_NORMAL : fills[philox_below(random, COUNT_OF(fills))];
}

/* In one case of eight something is not finite, only among normal numbers: beside other fills' zeros an
 * infinity becomes NaN, and whether a sum of large numbers overflows depends on rounding. */
static void draw_odd(struct philox *random, const struct operation *operation, struct variant *v)
{
    static const double odds[] = {NAN, INFINITY, -INFINITY};
    uint32_t inputs = 0;
    while (operation_input(operation, inputs))
        inputs++;
    const uint32_t which = philox_below(random, 4 * COUNT_OF(odds)), input = philox_below(random, inputs);
    if (v->fill != FILL_NORMAL || which >= COUNT_OF(odds))
        return;
    struct variant odd = *v;
    odd.odd = odds[which];
    odd.odd_in = operation_input(operation, input);
    odd.odd_place = (enum place)philox_below(random, PLACE_COUNT);
    if (odd_is_defined(operation, &odd))
        *v = odd;
}

/* Halves the largest dimension until the reference is fast enough. */
static void sweep_limit(struct variant *v)
{
    while ((double)v->B * (double)size_max(v->I, 1) * (double)size_max(v->O, 1) > TERMS_MOST) {
        size_t *const largest = v->B >= v->I && v->B >= v->O ? &v->B : v->I >= v->O ? &v->I : &v->O;
        *largest /= 2;
    }
}

static void sweep_operation(struct plan *plan, struct philox *random, enum operation_name name)
{
    struct variant options[WAYS_TO_ASK];
    const size_t option_count = operation_options(name, options);
    for (int i = 0; i < SWEEP; i++) {
        struct variant v = options[philox_below(random, (uint32_t)option_count)];
        v.B = draw_size(random);
        v.I = draw_size(random);
        v.O = draw_size(random);
        sweep_limit(&v);
        v.first = philox_below(random, 40);
        v.N = v.B + v.first + philox_below(random, 40);
        v.fill = draw_fill(random);
        draw_odd(random, &operations_checked[name], &v);
        plan_operation(plan, name, &v);
    }
}

/* Small pictures with any number of channels and any changes. */
static void sweep_pictures(struct plan *plan, struct philox *random)
{
    for (int i = 0; i < SWEEP; i++) {
        struct picture_shape shape = {.B = 1 + philox_below(random, 130),
                                      .channels = 1 + philox_below(random, 4),
                                      .height = 1 + philox_below(random, 33),
                                      .width = 1 + philox_below(random, 70),
                                      .first = philox_below(random, 40)};
        const uint32_t side = (uint32_t)size_min(shape.height, shape.width);
        const struct clm_augmentation changes = {
            .flip = philox_below(random, 2),
            .shift = philox_below(random, 2) * philox_below(random, side),
            .cutout = philox_below(random, 2) * philox_below(random, side + 1),
            .noise = philox_below(random, 3) ? 0 : 0.25,
            .mixup = philox_below(random, 3) ? 0 : 0.5};
        shape.N = shape.B + shape.first + philox_below(random, 40);
        struct variant variant = picture_variant(&shape, &changes);
        variant.is_bytes = philox_below(random, 2);
        variant.is_ordered = philox_below(random, 2);
        plan_operation(plan, OPERATION_GATHER_AUGMENTED, &variant);
    }
}

static void sweep_large(struct plan *plan)
{
    static const struct variant shapes[] = {{.B = 960, .I = 960, .O = 960},
                                            {.B = 512, .I = 784, .O = 256},
                                            {.B = 100, .I = 3072, .O = 512},
                                            {.B = 17, .I = 2049, .O = 4099},
                                            {.B = 2048, .I = 300, .O = 513}};
    static const enum operation_name names[] = {OPERATION_FORWARD, OPERATION_BACKWARD_INPUT,
                                                OPERATION_BACKWARD_PARAMS, OPERATION_BACKWARD_UPDATE};
    for (size_t n = 0; n < COUNT_OF(names); n++)
        for (size_t s = 0; s < COUNT_OF(shapes); s++) {
            struct variant variant = shapes[s];
            variant.fill = FILL_UNIFORM;
            plan_operation(plan, names[n], &variant);
        }
}

/* A loss, weights of rows, clipping, a moving average and parts of batches, each in some of the nets. */
static void draw_objective(struct philox *random, struct step_case *net)
{
    static const double clips[] = {0.01, 0.25, 100};
    net->loss = (enum loss_kind)philox_below(random, LOSS_COUNT);
    if (net->loss == LOSS_CROSS_ENTROPY)
        net->smoothing = philox_below(random, 2) ? 0.1 : 0;
    if (net->loss == LOSS_QUANTILE)
        net->quantiles = philox_below(random, 3); /* all numbers of outputs are even */
    net->is_weighted = philox_below(random, 2);
    net->clip = philox_below(random, 2) ? clips[philox_below(random, COUNT_OF(clips))] : 0;
    net->average = philox_below(random, 2) ? 0.9 : 0;
    net->parts = philox_below(random, 2) * philox_below(random, (uint32_t)size_min(net->batch, 5) + 1);
}

/* Nets of one to six layers, wide or narrow, over some steps; the last minibatch is mostly smaller. Each with
 * plain cross-entropy, and with what draw_objective draws. */
static void sweep_nets(struct plan *plan, struct philox *random)
{
    static const size_t classes[] = {2, 10, 1000};
    static const size_t widths[] = {1, 7, 16, 31, 33, 64, 65, 127, 129, 256};
    for (int i = 0; i < NETS; i++) {
        struct step_case net = {.batch = 1 + philox_below(random, 70), .epochs = 1 + philox_below(random, 2)};
        const size_t depth = 1 + philox_below(random, i % 2 ? 6 : 3);
        for (size_t l = 0; l < depth; l++)
            net.widths[l] = widths[philox_below(random, COUNT_OF(widths))];
        net.widths[depth] = classes[philox_below(random, COUNT_OF(classes))];
        net.rows = net.batch * (1 + philox_below(random, 3)) + philox_below(random, (uint32_t)net.batch);
        net.momentum = philox_below(random, 2) ? 0.9 : 0;
        net.l2 = philox_below(random, 2) ? 0.001 : 0;
        net.is_float = i % 3 == 0;
        net.is_extreme = i % 6 == 0;
        plan_steps(plan, &net, ACTIVATION_RELU, RULE_SGD);
        net.is_extreme = false; /* with a loss of values all numbers would grow from step to step */
        draw_objective(random, &net);
        plan_steps(plan, &net, ACTIVATION_RELU, RULE_SGD);
    }
}

void plan_sweep(struct plan *plan)
{
    struct philox random = philox_start(plan->seed, RANDOM_TEST, 3);
    for (int name = 0; name < OPERATION_COUNT; name++)
        if (name != OPERATION_GATHER_AUGMENTED)
            sweep_operation(plan, &random, (enum operation_name)name);
    sweep_pictures(plan, &random);
    sweep_large(plan);
    sweep_nets(plan, &random);
}
