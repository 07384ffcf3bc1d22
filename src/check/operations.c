#include "check/operations.h"

#include "check/large.h"

#include <stdio.h>
#include <string.h>

#define LEARNING_RATE 0.1
#define MIXED_SHARE   0.3125 /* of a row's own label */

/* ---- operands that operations share ---- */

struct layer_operands {
    struct operand *W, *b, *W_velocity, *b_velocity;
};

static struct operand *add_real(struct problem *p, const char *name, enum role role, size_t rows,
                                size_t columns, enum fill fill)
{
    return problem_add(p, name, role, TENSOR_REAL, rows, columns, fill);
}

static void prepare(struct problem *p, const struct variant *v)
{
    const size_t widths[2] = {v->I, v->O};
    if (p->status == CLM_OK)
        p->status = backend_prepare(p->device, widths, 2, v->B, p->error);
}

static struct operand *add_weights(struct problem *p, const char *name, enum role role,
                                   const struct variant *v, enum fill fill)
{
    return problem_add_weights(p, name, role, v->O, v->I, v->B, fill);
}

/* Of operands of the same fill; but beside a batch of tiny numbers. */
static enum fill beside(const struct variant *v, enum fill tiny)
{
    return v->fill == FILL_TINY ? tiny : v->fill;
}

/* Whether the short bounds of large products do: they are of inputs that are exact. */
static bool has_short_bounds(const struct variant *v)
{
    return is_large(v->B, v->I, v->O) && v->fill != FILL_TINY && v->fill != FILL_DENORMAL;
}

/* `tiny` is what weights are beside tiny numbers. */
static struct layer_operands add_layer(struct problem *p, enum role role, const struct variant *v,
                                       enum fill tiny)
{
    const enum fill weights = beside(v, tiny), rest = beside(v, FILL_FAINT);
    prepare(p, v);
    struct layer_operands layer = {.W = add_weights(p, "W", role, v, weights),
                                   .b = add_real(p, "b", role, 1, v->O, rest)};
    if (v->momentum != 0) {
        layer.W_velocity = add_weights(p, "v", role, v, rest);
        layer.b_velocity = add_real(p, "b_velocity", role, 1, v->O, rest);
    }
    return layer;
}

static struct linear linear_of(const struct layer_operands *layer)
{
    struct linear linear = {.W.value = layer->W->tensor, .b.value = layer->b->tensor};
    if (layer->W_velocity) {
        linear.W.state[0] = layer->W_velocity->tensor;
        linear.b.state[0] = layer->b_velocity->tensor;
    }
    return linear;
}

static struct bounded_layer bounded_layer_of(const struct layer_operands *layer)
{
    struct bounded_layer bounded = {.W = &layer->W->expected, .b = &layer->b->expected};
    if (layer->W_velocity) {
        bounded.W_velocity = &layer->W_velocity->expected;
        bounded.b_velocity = &layer->b_velocity->expected;
    }
    return bounded;
}

/* ---- the operations ---- */

/* As they lie, or changed where `augmentation` is not NULL. */
static void gather_both(struct problem *p, const struct variant *v, const struct augmentation *augmentation)
{
    struct augmentation changed = {0};
    const enum tensor_type type = v->is_bytes ? TENSOR_BYTE : TENSOR_REAL;
    struct operand *const values =
        problem_add(p, "values", ROLE_INPUT, type, v->N, v->I, v->is_bytes ? FILL_BYTE : v->fill);
    struct operand *const all_labels =
        problem_add(p, "labels", ROLE_INPUT, TENSOR_INDEX, 1, v->N, FILL_CLASS);
    struct operand *const mean = add_real(p, "mean", ROLE_INPUT, 1, v->I, FILL_NORMAL);
    struct operand *const scale = add_real(p, "scale", ROLE_INPUT, 1, v->I, FILL_SCALE);
    struct operand *const order =
        v->is_ordered ? problem_add(p, "order", ROLE_INPUT, TENSOR_INDEX, 1, v->N, FILL_PERMUTATION) : NULL;
    struct operand *const X = add_real(p, "X", ROLE_OUTPUT, v->B, v->I, v->fill);
    struct operand *const labels = problem_add(p, "labels", ROLE_OUTPUT, TENSOR_INDEX, 1, v->B, FILL_CLASS);
    struct operand *const partners =
        augmentation && augmentation->changes.mixup > 0
            ? problem_add(p, "partners", ROLE_OUTPUT, TENSOR_INDEX, 1, v->B, FILL_CLASS)
            : NULL;
    if (augmentation)
        changed = *augmentation;
    if (partners)
        changed.partners = &partners->tensor;
    const struct augmentation *const changes = augmentation ? &changed : NULL;
    const struct resident data = {values->tensor, all_labels->tensor, mean->tensor, scale->tensor};
    const struct bounded_resident bounded = {&values->expected, &all_labels->expected, &mean->expected,
                                             &scale->expected};
    if (p->status == CLM_OK)
        p->status = gather(p->device, &data, order ? &order->tensor : NULL, v->first, changes, &X->tensor,
                           &labels->tensor, p->error);
    if (problem_is_judged(p))
        p->status =
            bounded_gather(p->reference, &bounded, order ? &order->expected : NULL, v->first, changes,
                           &X->expected, &labels->expected, partners ? &partners->expected : NULL, p->error);
}

static void run_gather(struct problem *p, const struct variant *v)
{
    gather_both(p, v, NULL);
}

static void run_gather_augmented(struct problem *p, const struct variant *v)
{
    /* at a place of the epoch and with a seed of its own */
    struct augmentation changes = v->augmentation;
    changes.seed = v->seed ^ 0x123456789abcdefu;
    changes.epoch = (uint32_t)v->first;
    changes.position = 1000 + v->first;
    gather_both(p, v, &changes);
}

static void run_forward(struct problem *p, const struct variant *v)
{
    struct operand *const X = add_real(p, "X", ROLE_INPUT, v->B, v->I, v->fill);
    const struct layer_operands layer = add_layer(p, ROLE_INPUT, v, FILL_HUGE);
    struct operand *const Y = add_real(p, "Y", ROLE_OUTPUT, v->B, v->O, v->fill);
    const struct linear linear = linear_of(&layer);
    const struct bounded_layer bounded = bounded_layer_of(&layer);
    if (p->status == CLM_OK)
        p->status = linear_forward(p->device, &X->tensor, &linear, EPILOGUE(v->act), &Y->tensor, p->error);
    if (problem_is_judged(p))
        p->status = (has_short_bounds(v) ? large_forward : bounded_forward)(
            p->reference, &X->expected, &bounded, v->act, &Y->expected, p->error);
}

/* One call: `dZ` may be `Z` or NULL, and `partners` NULL: else rows are mixed with them. */
static void call_xent(struct problem *p, struct operand *Z, const struct operand *labels,
                      struct operand *partners, struct operand *dZ)
{
    struct mixture mixture = {.share = MIXED_SHARE};
    struct bounded_mixture bounded = {.share = MIXED_SHARE};
    if (partners) {
        mixture.partners = partners->tensor;
        bounded.partners = &partners->expected;
    }
    if (p->status == CLM_OK)
        p->status = softmax_xent(p->device, &Z->tensor, &labels->tensor, partners ? &mixture : NULL,
                                 dZ ? &dZ->tensor : NULL, &p->sums, p->error);
    if (problem_is_judged(p))
        p->status =
            bounded_softmax_xent(p->reference, &Z->expected, &labels->expected, partners ? &bounded : NULL,
                                 dZ ? &dZ->expected : NULL, &p->expected_sums, p->error);
}

/* All ways to call it, whose losses and correct rows add up. */
static void run_softmax_xent(struct problem *p, const struct variant *v)
{
    p->classes = v->O;
    struct operand *const Z = add_real(p, "Z", ROLE_INPUT, v->B, v->O, v->fill);
    struct operand *const labels = problem_add(p, "labels", ROLE_INPUT, TENSOR_INDEX, 1, v->B, FILL_CLASS);
    struct operand *const dZ = add_real(p, "dZ", ROLE_OUTPUT, v->B, v->O, v->fill);
    struct operand *const partners =
        problem_add(p, "partners", ROLE_INPUT, TENSOR_INDEX, 1, v->B, FILL_CLASS);
    struct operand *const mixed_dZ = add_real(p, "mixed dZ", ROLE_OUTPUT, v->B, v->O, v->fill);
    struct operand *const both = add_real(p, "Z and dZ", ROLE_UPDATED, v->B, v->O, v->fill);
    problem_sums(p);
    call_xent(p, Z, labels, NULL, NULL);
    call_xent(p, Z, labels, NULL, dZ);
    call_xent(p, Z, labels, partners, mixed_dZ);
    call_xent(p, both, labels, NULL, both);
}

static void call_softmax(struct problem *p, struct operand *Z, struct operand *P)
{
    if (p->status == CLM_OK)
        p->status = softmax(p->device, &Z->tensor, &P->tensor, p->error);
    if (problem_is_judged(p))
        p->status = bounded_softmax(p->reference, &Z->expected, &P->expected, p->error);
}

static void run_softmax(struct problem *p, const struct variant *v)
{
    struct operand *const Z = add_real(p, "Z", ROLE_INPUT, v->B, v->O, v->fill);
    struct operand *const P = add_real(p, "P", ROLE_OUTPUT, v->B, v->O, v->fill);
    struct operand *const both = add_real(p, "Z and P", ROLE_UPDATED, v->B, v->O, v->fill);
    call_softmax(p, Z, P);
    call_softmax(p, both, both);
}

static void run_backward_input(struct problem *p, const struct variant *v)
{
    struct operand *const dZ = add_real(p, "dZ", ROLE_INPUT, v->B, v->O, v->fill);
    const struct layer_operands layer = add_layer(p, ROLE_INPUT, v, FILL_HUGE);
    struct operand *const Y = v->has_mask ? add_real(p, "Y", ROLE_INPUT, v->B, v->I, FILL_ACTIVATION) : NULL;
    struct operand *const dX = add_real(p, "dX", ROLE_OUTPUT, v->B, v->I, v->fill);
    const struct linear linear = linear_of(&layer);
    const struct bounded_layer bounded = bounded_layer_of(&layer);
    if (p->status == CLM_OK)
        p->status =
            linear_backward_input(p->device, &dZ->tensor, &linear,
                                  Y ? GATE(ACTIVATION_RELU, &Y->tensor) : NULL, &dX->tensor, p->error);
    if (problem_is_judged(p))
        p->status = (has_short_bounds(v) ? large_backward_input : bounded_backward_input)(
            p->reference, &dZ->expected, &bounded, Y ? &Y->expected : NULL, &dX->expected, p->error);
}

static void run_backward_params(struct problem *p, const struct variant *v)
{
    struct operand *const dZ = add_real(p, "dZ", ROLE_INPUT, v->B, v->O, v->fill);
    struct operand *const X = add_real(p, "X", ROLE_INPUT, v->B, v->I, beside(v, FILL_HUGE));
    const struct layer_operands layer = add_layer(p, ROLE_INPUT, v, FILL_FAINT);
    struct operand *const dW = add_weights(p, "dW", ROLE_OUTPUT, v, v->fill);
    struct operand *const db = add_real(p, "db", ROLE_OUTPUT, 1, v->O, v->fill);
    struct linear linear = linear_of(&layer);
    linear.W.gradient = dW->tensor;
    linear.b.gradient = db->tensor;
    const struct bounded_layer bounded = bounded_layer_of(&layer);
    if (p->status == CLM_OK)
        p->status = linear_backward_params(p->device, &dZ->tensor, &X->tensor, &linear, v->l2, p->error);
    if (problem_is_judged(p))
        p->status = (has_short_bounds(v) ? large_backward_params : bounded_backward_params)(
            p->reference, &dZ->expected, &X->expected, &bounded, v->l2, &dW->expected, &db->expected,
            p->error);
}

static void run_backward_update(struct problem *p, const struct variant *v)
{
    const struct step step = step_of(LEARNING_RATE, v->momentum, v->l2);
    struct operand *const dZ = add_real(p, "dZ", ROLE_INPUT, v->B, v->O, v->fill);
    struct operand *const X = add_real(p, "X", ROLE_INPUT, v->B, v->I, beside(v, FILL_HUGE));
    const struct layer_operands layer = add_layer(p, ROLE_UPDATED, v, FILL_FAINT);
    struct linear linear = linear_of(&layer);
    const struct bounded_layer bounded = bounded_layer_of(&layer);
    if (p->status == CLM_OK)
        p->status = linear_backward_update(p->device, &dZ->tensor, &X->tensor, &linear, &step, p->error);
    if (problem_is_judged(p))
        p->status = (has_short_bounds(v) ? large_backward_update : bounded_backward_update)(
            p->reference, &dZ->expected, &X->expected, &bounded, &step, p->error);
}

/* The next batch is a row shorter where it can be, as a ragged last one. */
static void run_update_forward(struct problem *p, const struct variant *v)
{
    const struct step step = step_of(LEARNING_RATE, v->momentum, v->l2);
    const size_t next_B = v->B > 1 ? v->B - 1 : 1;
    struct operand *const dZ = add_real(p, "dZ", ROLE_INPUT, v->B, v->O, v->fill);
    struct operand *const X = add_real(p, "X", ROLE_INPUT, v->B, v->I, beside(v, FILL_HUGE));
    struct operand *const next_X = add_real(p, "next X", ROLE_INPUT, next_B, v->I, beside(v, FILL_NORMAL));
    const struct layer_operands layer = add_layer(p, ROLE_UPDATED, v, FILL_FAINT);
    struct operand *const next_Y = add_real(p, "next Y", ROLE_OUTPUT, next_B, v->O, v->fill);
    struct linear linear = linear_of(&layer);
    const struct bounded_layer bounded = bounded_layer_of(&layer);
    if (p->status == CLM_OK)
        p->status = linear_update_forward(p->device, &dZ->tensor, &X->tensor, &linear, &step, &next_X->tensor,
                                          EPILOGUE(v->act), &next_Y->tensor, p->error);
    if (problem_is_judged(p))
        p->status =
            bounded_backward_update(p->reference, &dZ->expected, &X->expected, &bounded, &step, p->error);
    if (problem_is_judged(p))
        p->status =
            bounded_forward(p->reference, &next_X->expected, &bounded, v->act, &next_Y->expected, p->error);
}

/* Where has_mask there is a layer below, whose activations X are. */
static void run_softmax_backward(struct problem *p, const struct variant *v)
{
    p->classes = v->O;
    struct operand *const X =
        add_real(p, "X", ROLE_INPUT, v->B, v->I, v->fill == FILL_TINY ? FILL_TINY : FILL_ACTIVATION);
    const struct layer_operands layer = add_layer(p, ROLE_INPUT, v, FILL_HUGE);
    struct operand *const labels = problem_add(p, "labels", ROLE_INPUT, TENSOR_INDEX, 1, v->B, FILL_CLASS);
    struct operand *const dZ = add_real(p, "dZ", ROLE_OUTPUT, v->B, v->O, v->fill);
    struct operand *const dX = v->has_mask ? add_real(p, "dX", ROLE_OUTPUT, v->B, v->I, v->fill) : NULL;
    struct metrics *const sums = problem_sums(p);
    const struct linear linear = linear_of(&layer);
    const struct bounded_layer bounded = bounded_layer_of(&layer);
    if (p->status == CLM_OK)
        p->status = linear_softmax_backward(p->device, &X->tensor, &linear, &labels->tensor, NULL,
                                            GATE(ACTIVATION_RELU, &X->tensor), &dZ->tensor,
                                            dX ? &dX->tensor : NULL, sums, p->error);
    if (problem_is_judged(p))
        p->status =
            bounded_forward(p->reference, &X->expected, &bounded, ACTIVATION_NONE, &dZ->expected, p->error);
    if (problem_is_judged(p))
        p->status = bounded_softmax_xent(p->reference, &dZ->expected, &labels->expected, NULL, &dZ->expected,
                                         &p->expected_sums, p->error);
    if (problem_is_judged(p) && dX)
        p->status = bounded_backward_input(p->reference, &dZ->expected, &bounded, &X->expected, &dX->expected,
                                           p->error);
}

static void run_update(struct problem *p, const struct variant *v)
{
    const struct step step = step_of(LEARNING_RATE, v->momentum, 0);
    struct operand *const w = add_real(p, "W", ROLE_UPDATED, v->O, v->I, v->fill);
    struct operand *const g = add_real(p, "g", ROLE_INPUT, v->O, v->I, v->fill);
    struct operand *const velocity =
        v->momentum != 0 ? add_real(p, "v", ROLE_UPDATED, v->O, v->I, v->fill) : NULL;
    struct parameter parameter = {.value = w->tensor, .gradient = g->tensor};
    if (velocity)
        parameter.state[0] = velocity->tensor;
    if (p->status == CLM_OK)
        p->status = parameter_step(p->device, &parameter, &step, p->error);
    if (problem_is_judged(p))
        p->status = bounded_update(p->reference, &w->expected, &g->expected,
                                   velocity ? &velocity->expected : NULL, &step, p->error);
}

const struct operation operations_checked[OPERATION_COUNT] = {
    [OPERATION_GATHER] = {"gather", run_gather, DIMENSIONS_BATCH, {"values", "mean", "scale"}},
    [OPERATION_GATHER_AUGMENTED] = {"gather_augmented",
                                    run_gather_augmented,
                                    DIMENSIONS_PICTURES,
                                    {"values", "mean", "scale"}},
    [OPERATION_FORWARD] = {"linear_forward", run_forward, DIMENSIONS_LAYER, {"X", "W", "b"}},
    [OPERATION_SOFTMAX_XENT] = {"softmax_xent", run_softmax_xent, DIMENSIONS_ROWS, {"Z", "Z and dZ"}},
    [OPERATION_SOFTMAX] = {"softmax", run_softmax, DIMENSIONS_ROWS, {"Z", "Z and P"}},
    [OPERATION_BACKWARD_INPUT] = {"linear_backward_input",
                                  run_backward_input,
                                  DIMENSIONS_LAYER,
                                  {"dZ", "W", "Y"}},
    [OPERATION_BACKWARD_PARAMS] = {"linear_backward_params",
                                   run_backward_params,
                                   DIMENSIONS_LAYER,
                                   {"dZ", "X", "W"}},
    [OPERATION_BACKWARD_UPDATE] = {"linear_backward_update",
                                   run_backward_update,
                                   DIMENSIONS_LAYER,
                                   {"dZ", "X", "W", "b", "v", "b_velocity"}},
    [OPERATION_UPDATE_FORWARD] = {"linear_update_forward",
                                  run_update_forward,
                                  DIMENSIONS_LAYER,
                                  {"dZ", "X", "next X", "W", "b", "v", "b_velocity"}},
    [OPERATION_SOFTMAX_BACKWARD] = {"linear_softmax_backward",
                                    run_softmax_backward,
                                    DIMENSIONS_LAYER,
                                    {"X", "W", "b"}},
    [OPERATION_UPDATE] = {"update", run_update, DIMENSIONS_WEIGHTS, {"W", "g", "v"}},
};

static struct problem begin(struct clm_backend *device, struct clm_backend *reference,
                            const struct variant *variant, struct clm_error *error)
{
    return (struct problem){.device = device,
                            .reference = reference,
                            .random = philox_start(variant->seed, RANDOM_TEST, 0),
                            .odd_in = variant->odd_in,
                            .odd = variant->odd,
                            .odd_place = variant->odd_place,
                            .classes = 10,
                            .guard_rows = variant->is_bare ? 0 : 2,
                            .error = error};
}

const struct operation *operation_named(const char *name)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (!strcmp(operations_checked[i].name, name))
            return &operations_checked[i];
    return NULL;
}

/* Once more, for its bits alone. */
static clm_status repeat(struct clm_backend *device, const struct operation *operation,
                         const struct variant *variant, uint64_t *bits, struct clm_error *error)
{
    struct problem problem = begin(device, NULL, variant, error);
    struct judgement judgement;
    operation->run(&problem, variant);
    const clm_status status = problem_end(&problem, &judgement);
    *bits = judgement.bits;
    return status;
}

/* Against what a device makes of denormal inputs that keeps them, one that flushes all, and one that flushes any; until one of them
 * is this device. */
static clm_status run_judged(struct clm_backend *device, struct clm_backend *reference,
                             const struct operation *operation, const struct variant *variant,
                             struct judgement *out, struct clm_error *error)
{
    for (int flushing = 0; flushing < FLUSHING_COUNT; flushing++) {
        struct problem problem = begin(device, reference, variant, error);
        problem.flushing = (enum flushing)flushing;
        operation->run(&problem, variant);
        const clm_status status = problem_end(&problem, out);
        if (status != CLM_OK || out->worst <= 1 || !problem.has_denormals)
            return status;
    }
    return CLM_OK;
}

clm_status operation_check(struct clm_backend *device, struct clm_backend *reference,
                           const struct operation *operation, const struct variant *variant, size_t repeats,
                           struct clm_check *check, struct clm_error *error)
{
    struct judgement judgement;
    *check = (struct clm_check){0};
    snprintf(check->operation, sizeof check->operation, "%s", operation->name);
    variant_describe(operation, variant, check->shape);
    clm_status status = run_judged(device, reference, operation, variant, &judgement, error);
    for (size_t i = 1; status == CLM_OK && i < repeats; i++) {
        uint64_t bits = 0;
        status = repeat(device, operation, variant, &bits, error);
        if (status == CLM_OK && judgement.worst <= 1 && bits != judgement.bits)
            judge_bits(&judgement, i + 1);
    }
    check->error_over_bound = judgement.worst;
    check->passed = check->error_over_bound <= 1;
    snprintf(check->detail, sizeof check->detail, "%s", judgement.detail);
    return status;
}
