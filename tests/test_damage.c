/* verify names wrong operations, which are made wrong one at a time. */
#include "base/size.h"
#include "check/plan.h"
#include "support/fixtures.h"
#include "support/spoilt.h"
#include "support/support.h"
#include "support/verdict.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct clm_error error;

/* ---- any operation's output, damaged ---- */

/* What can be wrong with any operation's output. */
enum damage { DAMAGE_BEYOND, DAMAGE_LAST, DAMAGE_SLIGHT, DAMAGE_NAN, DAMAGE_COUNT };

static const char *const damages[DAMAGE_COUNT] = {
    "writes one element beyond the end", "gets the last element wrong",
    "gets one element wrong by one part in a thousand", "turns NaN into zero"};

static enum damage damage;

static void spoil(struct tensor *out)
{
    const size_t count = count_of(out);
    switch (damage) {
    case DAMAGE_BEYOND:
        *element(out, count) = 1;
        break;
    case DAMAGE_LAST:
        *element(out, count - 1) += 1;
        break;
    case DAMAGE_SLIGHT:
        *element(out, count / 2) *= 1.001f;
        break;
    default:
        for (size_t i = 0; i < count; i++)
            if (isnan(*element(out, i)))
                *element(out, i) = 0;
    }
}

static clm_status spoilt_gather(struct clm_backend *be, const struct resident *data,
                                const struct tensor *order, size_t first, const struct augmentation *a,
                                struct tensor *X, struct tensor *labels, struct clm_error *e)
{
    const clm_status status = right.gather(be, data, order, first, a, X, labels, e);
    spoil(X);
    return status;
}

static clm_status spoilt_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                                 const struct epilogue *epilogue, struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, epilogue, Y, e);
    spoil(Y);
    return status;
}

static clm_status spoilt_xent(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                              const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                              struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    if (dZ)
        spoil(dZ);
    return status;
}

static clm_status spoilt_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                                 struct clm_error *e)
{
    const clm_status status = right.softmax(be, Z, P, e);
    spoil(P);
    return status;
}

static clm_status spoilt_input(struct clm_backend *be, const struct tensor *dZ, const struct linear *layer,
                               const struct gate *gate, struct tensor *dX, struct clm_error *e)
{
    const clm_status status = right.linear_backward_input(be, dZ, layer, gate, dX, e);
    spoil(dX);
    return status;
}

static clm_status spoilt_params(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                struct linear *layer, double l2, struct clm_error *e)
{
    const clm_status status = right.linear_backward_params(be, dZ, X, layer, l2, e);
    spoil(&layer->W.gradient);
    return status;
}

static clm_status spoilt_step(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                              struct linear *layer, const struct step *step, struct clm_error *e)
{
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    spoil(&layer->W.value);
    return status;
}

static clm_status spoilt_step_forward(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                      struct linear *layer, const struct step *step,
                                      const struct tensor *next_X, const struct epilogue *epilogue,
                                      struct tensor *next_Y, struct clm_error *e)
{
    clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    if (status == CLM_OK)
        status = right.linear_forward(be, next_X, layer, epilogue, next_Y, e);
    spoil(next_Y);
    return status;
}

static bool always_has_head(struct clm_backend *be, const struct linear *layer, size_t B)
{
    (void)be, (void)layer, (void)B;
    return true;
}

static clm_status spoilt_softmax_backward(struct clm_backend *be, const struct tensor *X,
                                          const struct linear *layer, const struct tensor *labels,
                                          const struct gate *gate, struct tensor *dZ, struct tensor *dX,
                                          struct metrics *sums, struct clm_error *e)
{
    clm_status status = right.linear_forward(be, X, layer, EPILOGUE(ACTIVATION_NONE), dZ, e);
    if (status == CLM_OK)
        status = right.softmax_xent(be, dZ, labels, NULL, dZ, sums, e);
    if (status == CLM_OK && dX)
        status = right.linear_backward_input(be, dZ, layer, gate, dX, e);
    spoil(dX ? dX : dZ);
    return status;
}

static clm_status spoilt_update(struct clm_backend *be, struct parameter *parameter, const struct step *step,
                                struct clm_error *e)
{
    const clm_status status = right.parameter_step(be, parameter, step, e);
    spoil(&parameter->value);
    return status;
}

static clm_status spoilt_weights(struct clm_backend *be, const struct tensor *weights,
                                 const struct tensor *order, size_t first, size_t turn, struct tensor *out,
                                 struct clm_error *e)
{
    const clm_status status = right.gather_weights(be, weights, order, first, turn, out, e);
    spoil(out);
    return status;
}

static clm_status spoilt_loss(struct clm_backend *be, const struct loss *loss, const struct tensor *Z,
                              const struct targets *targets, struct tensor *dZ, struct metrics *sums,
                              struct clm_error *e)
{
    const clm_status status = right.loss_gradient(be, loss, Z, targets, dZ, sums, e);
    if (dZ)
        spoil(dZ);
    return status;
}

static clm_status spoilt_finish(struct clm_backend *be, const struct tensor *Z, const struct finish *finish,
                                struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.layer_finish(be, Z, finish, Y, e);
    spoil(Y);
    return status;
}

static clm_status spoilt_gate(struct clm_backend *be, struct tensor *dY, const struct tensor *skip,
                              const struct gate *gate, struct tensor *dZ, struct clm_error *e)
{
    const clm_status status = right.gate_backward(be, dY, skip, gate, dZ, e);
    spoil(dZ);
    return status;
}

static clm_status spoilt_norm(struct clm_backend *be, struct norm *norm, const struct tensor *Z,
                              struct tensor *dN, struct clm_error *e)
{
    const clm_status status = right.norm_backward(be, norm, Z, dN, e);
    spoil(dN);
    return status;
}

static clm_status spoilt_clip(struct clm_backend *be, struct parameter *const *list, size_t count, double l1,
                              double most, struct tensor *factor, struct clm_error *e)
{
    const clm_status status = right.clip_factor(be, list, count, l1, most, factor, e);
    spoil(factor);
    return status;
}

static clm_status spoilt_blends(struct clm_backend *be, const struct blend *list, size_t count,
                                enum blend_way way, double share, struct clm_error *e)
{
    const clm_status status = right.blends(be, list, count, way, share, e);
    spoil(list[0].into);
    return status;
}

/* An operation, and wrong ones of its table; entries that are not NULL replace others. */
struct wrong {
    const char *operation;
    struct backend_operations table;
};

static const struct wrong spoilt_ones[] = {
    {"gather", {.gather = spoilt_gather}},
    {"gather_weights", {.gather_weights = spoilt_weights}},
    {"linear_forward", {.linear_forward = spoilt_forward}},
    {"softmax_xent", {.softmax_xent = spoilt_xent}},
    {"loss_gradient", {.loss_gradient = spoilt_loss}},
    {"softmax", {.softmax = spoilt_softmax}},
    {"layer_finish", {.layer_finish = spoilt_finish}},
    {"gate_backward", {.gate_backward = spoilt_gate}},
    {"norm_backward", {.norm_backward = spoilt_norm}},
    {"linear_backward_input", {.linear_backward_input = spoilt_input}},
    {"linear_backward_params", {.linear_backward_params = spoilt_params}},
    {"linear_backward_update", {.linear_backward_update = spoilt_step}},
    {"linear_update_forward", {.linear_update_forward = spoilt_step_forward}},
    {"linear_softmax_backward",
     {.has_head = always_has_head, .linear_softmax_backward = spoilt_softmax_backward}},
    {"update", {.parameter_step = spoilt_update}},
    {"clip_factor", {.clip_factor = spoilt_clip}},
    {"blends", {.blends = spoilt_blends}},
};

static void put_in_losses_and_norms(const struct backend_operations *own)
{
    if (own->loss_gradient)
        spoilt.loss_gradient = own->loss_gradient;
    if (own->layer_finish)
        spoilt.layer_finish = own->layer_finish;
    if (own->gate_backward)
        spoilt.gate_backward = own->gate_backward;
    if (own->norm_backward)
        spoilt.norm_backward = own->norm_backward;
}

static void put_in(const struct backend_operations *own)
{
    if (own->gather)
        spoilt.gather = own->gather;
    if (own->linear_forward)
        spoilt.linear_forward = own->linear_forward;
    if (own->softmax_xent)
        spoilt.softmax_xent = own->softmax_xent;
    if (own->softmax)
        spoilt.softmax = own->softmax;
    if (own->linear_backward_input)
        spoilt.linear_backward_input = own->linear_backward_input;
    if (own->linear_backward_params)
        spoilt.linear_backward_params = own->linear_backward_params;
    if (own->linear_backward_update)
        spoilt.linear_backward_update = own->linear_backward_update;
    if (own->linear_update_forward)
        spoilt.linear_update_forward = own->linear_update_forward;
    if (own->has_head) {
        spoilt.has_head = own->has_head;
        spoilt.linear_softmax_backward = own->linear_softmax_backward;
    }
    if (own->parameter_step)
        spoilt.parameter_step = own->parameter_step;
    if (own->gather_weights)
        spoilt.gather_weights = own->gather_weights;
    if (own->clip_factor)
        spoilt.clip_factor = own->clip_factor;
    if (own->blends)
        spoilt.blends = own->blends;
    put_in_losses_and_norms(own);
}
/* Stops at the first failure. */
static struct verdict verify_only(struct clm_backend *backend, const char *operation,
                                  enum clm_verify_extent extent)
{
    struct verdict verdict = {.needs_one = true};
    const struct clm_verify_options options = {.extent = extent,
                                               .seed = 1,
                                               .only = operation,
                                               .on_check = verdict_hear,
                                               .user = &verdict,
                                               .stop = &verdict.stop};
    if (clm_verify(backend, &options, &verdict.passed, &error) != CLM_OK)
        ck_abort_msg("%s", error.message);
    return verdict;
}

START_TEST(every_damage_to_every_operation_is_noticed)
{
    struct clm_backend *const backend = backend_to_spoil();
    const char *const operation = spoilt_ones[_i].operation;
    put_in(&spoilt_ones[_i].table);
    for (int d = 0; d < DAMAGE_COUNT; d++) {
        char what[128];
        if (!test_in_sample((size_t)(_i + d), 2))
            continue;
        damage = (enum damage)d;
        snprintf(what, sizeof what, "%s %s", operation, damages[d]);
        const struct verdict verdict = verify_only(backend, operation, CLM_VERIFY_STANDARD);
        expect_named(&verdict, operation, NULL, what);
    }
    clm_backend_close(backend);
}
END_TEST

/* ---- one element in a million ---- */

#define MILLION 1000000

/* Where the wrong operations below are wrong: in a call's output of this number, if one output has a million
 * elements, at one element. */
static size_t spoilt_output;
static bool is_spoilt_by_nan;
static size_t calls_spoilt;

static void spoil_one_of(struct tensor *const *outputs, size_t count)
{
    size_t largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = count_of(outputs[i]) > largest ? count_of(outputs[i]) : largest;
    if (largest < MILLION || spoilt_output >= count)
        return;
    struct tensor *const output = outputs[spoilt_output];
    const size_t at = (size_t)(0.618 * (double)count_of(output));
    calls_spoilt++;
    if (output->type == TENSOR_INDEX)
        ((uint32_t *)output->memory)[at] ^= 1;
    else if (is_spoilt_by_nan)
        *element(output, at) = NAN;
    else
        *element(output, at) = *element(output, at) == 0 ? 1e-6f : 1.001f * *element(output, at);
}

/* Or in the loss of that batch. */
static void spoil_loss(struct metrics *sums, size_t elements, size_t number)
{
    if (elements < MILLION || spoilt_output != number)
        return;
    calls_spoilt++;
    host_sums(sums)->loss = is_spoilt_by_nan ? NAN : 1.01 * host_sums(sums)->loss;
}

static clm_status rare_gather(struct clm_backend *be, const struct resident *data, const struct tensor *order,
                              size_t first, const struct augmentation *augmentation, struct tensor *X,
                              struct tensor *labels, struct clm_error *e)
{
    const clm_status status = right.gather(be, data, order, first, augmentation, X, labels, e);
    spoil_one_of((struct tensor *const[]){X, labels}, 2);
    return status;
}

static clm_status rare_forward(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                               const struct epilogue *epilogue, struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, epilogue, Y, e);
    spoil_one_of(&Y, 1);
    return status;
}

static clm_status rare_xent(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                            const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                            struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    if (dZ)
        spoil_one_of(&dZ, 1);
    spoil_loss(sums, count_of(Z), 1);
    return status;
}

static clm_status rare_softmax(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                               struct clm_error *e)
{
    const clm_status status = right.softmax(be, Z, P, e);
    spoil_one_of(&P, 1);
    return status;
}

static clm_status rare_input(struct clm_backend *be, const struct tensor *dZ, const struct linear *layer,
                             const struct gate *gate, struct tensor *dX, struct clm_error *e)
{
    const clm_status status = right.linear_backward_input(be, dZ, layer, gate, dX, e);
    spoil_one_of(&dX, 1);
    return status;
}

static clm_status rare_params(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                              struct linear *layer, double l2, struct clm_error *e)
{
    const clm_status status = right.linear_backward_params(be, dZ, X, layer, l2, e);
    spoil_one_of((struct tensor *const[]){&layer->W.gradient, &layer->b.gradient}, 2);
    return status;
}

static clm_status rare_step(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                            struct linear *layer, const struct step *step, struct clm_error *e)
{
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    spoil_one_of(
        (struct tensor *const[]){&layer->W.value, &layer->b.value, &layer->W.state[0], &layer->b.state[0]},
        step->rule == RULE_MOMENTUM ? 4 : 2);
    return status;
}

static clm_status rare_step_forward(struct clm_backend *be, const struct tensor *dZ, const struct tensor *X,
                                    struct linear *layer, const struct step *step,
                                    const struct tensor *next_X, const struct epilogue *epilogue,
                                    struct tensor *next_Y, struct clm_error *e)
{
    clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    if (status == CLM_OK)
        status = right.linear_forward(be, next_X, layer, epilogue, next_Y, e);
    spoil_one_of((struct tensor *const[]){next_Y, &layer->W.value, &layer->b.value, &layer->W.state[0],
                                          &layer->b.state[0]},
                 step->rule == RULE_MOMENTUM ? 5 : 3);
    return status;
}

static clm_status rare_update(struct clm_backend *be, struct parameter *parameter, const struct step *step,
                              struct clm_error *e)
{
    const clm_status status = right.parameter_step(be, parameter, step, e);
    spoil_one_of((struct tensor *const[]){&parameter->value, &parameter->state[0]},
                 step->rule == RULE_MOMENTUM ? 2 : 1);
    return status;
}

static clm_status rare_weights(struct clm_backend *be, const struct tensor *weights,
                               const struct tensor *order, size_t first, size_t turn, struct tensor *out,
                               struct clm_error *e)
{
    const clm_status status = right.gather_weights(be, weights, order, first, turn, out, e);
    spoil_one_of(&out, 1);
    return status;
}

static clm_status rare_finish(struct clm_backend *be, const struct tensor *Z, const struct finish *finish,
                              struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.layer_finish(be, Z, finish, Y, e);
    spoil_one_of((struct tensor *const[]){Y, finish->gate}, finish->gate ? 2 : 1);
    return status;
}

static clm_status rare_gate(struct clm_backend *be, struct tensor *dY, const struct tensor *skip,
                            const struct gate *gate, struct tensor *dZ, struct clm_error *e)
{
    const clm_status status = right.gate_backward(be, dY, skip, gate, dZ, e);
    spoil_one_of(&dZ, 1);
    return status;
}

static clm_status rare_norm(struct clm_backend *be, struct norm *norm, const struct tensor *Z,
                            struct tensor *dN, struct clm_error *e)
{
    const clm_status status = right.norm_backward(be, norm, Z, dN, e);
    spoil_one_of(&dN, 1);
    return status;
}

static clm_status rare_blends(struct clm_backend *be, const struct blend *list, size_t count,
                              enum blend_way way, double share, struct clm_error *e)
{
    const clm_status status = right.blends(be, list, count, way, share, e);
    spoil_one_of(&list[0].into, 1);
    return status;
}

static bool has_rare_head(struct clm_backend *be, const struct linear *layer, size_t B)
{
    (void)be, (void)layer, (void)B;
    return true;
}

static clm_status rare_head(struct clm_backend *be, const struct tensor *X, const struct linear *layer,
                            const struct tensor *labels, const struct gate *gate, struct tensor *dZ,
                            struct tensor *dX, struct metrics *sums, struct clm_error *e)
{
    clm_status status = right.linear_forward(be, X, layer, EPILOGUE(ACTIVATION_NONE), dZ, e);
    if (status == CLM_OK)
        status = right.softmax_xent(be, dZ, labels, NULL, dZ, sums, e);
    if (status == CLM_OK && dX)
        status = right.linear_backward_input(be, dZ, layer, gate, dX, e);
    spoil_one_of((struct tensor *const[]){dZ, dX}, dX ? 2 : 1);
    spoil_loss(sums, count_of(dZ), 2);
    return status;
}

static const struct rare {
    const char *operation;
    size_t outputs;
    struct backend_operations table; /* entries that are not NULL replace others */
} rares[] = {
    {"gather", 2, {.gather = rare_gather}},
    {"gather_augmented", 2, {.gather = rare_gather}},
    {"linear_forward", 1, {.linear_forward = rare_forward}},
    {"softmax_xent", 2, {.softmax_xent = rare_xent}},
    {"softmax", 1, {.softmax = rare_softmax}},
    {"linear_backward_input", 1, {.linear_backward_input = rare_input}},
    {"linear_backward_params", 2, {.linear_backward_params = rare_params}},
    {"linear_backward_update", 4, {.linear_backward_update = rare_step}},
    {"linear_update_forward", 5, {.linear_update_forward = rare_step_forward}},
    {"linear_softmax_backward", 3, {.has_head = has_rare_head, .linear_softmax_backward = rare_head}},
    {"update", 2, {.parameter_step = rare_update}},
    {"gather_weights", 1, {.gather_weights = rare_weights}},
    {"layer_finish", 2, {.layer_finish = rare_finish}},
    {"gate_backward", 1, {.gate_backward = rare_gate}},
    {"norm_backward", 1, {.norm_backward = rare_norm}},
    {"blends", 1, {.blends = rare_blends}},
};

/* Each output of each operation, with verify's checks and with doctor's few. */
START_TEST(one_element_in_a_million_is_noticed)
{
    static const enum clm_verify_extent extents[2] = {CLM_VERIFY_STANDARD, CLM_VERIFY_QUICK};
    struct clm_backend *const backend = backend_to_spoil();
    const struct rare *const rare = &rares[_i];
    spoilt = right;
    put_in(&rare->table);
    const size_t count = 4 * rare->outputs;
    for (size_t n = 0; n < count; n++) {
        spoilt_output = n / 4;
        is_spoilt_by_nan = n % 2;
        calls_spoilt = 0;
        if (!test_in_sample((size_t)_i + n, size_min(8, count)))
            continue;
        const struct verdict verdict = verify_only(backend, rare->operation, extents[n / 2 % 2]);
        ck_assert_uint_gt(calls_spoilt, 0);
        if (verdict.passed || verdict.failures > calls_spoilt)
            ck_abort_msg("%s: output %zu, NaN %d: %zu failures of %zu calls spoilt", rare->operation,
                         spoilt_output, is_spoilt_by_nan, verdict.failures, calls_spoilt);
    }
    clm_backend_close(backend);
}
END_TEST

/* ---- mistakes of single operations ---- */

static clm_status gather_in_a_row(struct clm_backend *be, const struct resident *data,
                                  const struct tensor *order, size_t first, const struct augmentation *a,
                                  struct tensor *X, struct tensor *labels, struct clm_error *e)
{
    (void)order;
    return right.gather(be, data, NULL, first, a, X, labels, e);
}

static clm_status gather_first_label(struct clm_backend *be, const struct resident *data,
                                     const struct tensor *order, size_t first, const struct augmentation *a,
                                     struct tensor *X, struct tensor *labels, struct clm_error *e)
{
    const clm_status status = right.gather(be, data, order, first, a, X, labels, e);
    uint32_t *const label = labels->memory;
    label[labels->columns - 1] = label[0];
    return status;
}

static clm_status forward_without_bias(struct clm_backend *be, const struct tensor *X,
                                       const struct linear *layer, const struct epilogue *epilogue,
                                       struct tensor *Y, struct clm_error *e)
{
    struct linear bare = *layer;
    float *const zeros = calloc(layer->b.value.columns, sizeof *zeros);
    bare.b.value.memory = zeros;
    const clm_status status = right.linear_forward(be, X, &bare, epilogue, Y, e);
    free(zeros);
    return status;
}

static clm_status forward_without_relu(struct clm_backend *be, const struct tensor *X,
                                       const struct linear *layer, const struct epilogue *epilogue,
                                       struct tensor *Y, struct clm_error *e)
{
    (void)epilogue;
    return right.linear_forward(be, X, layer, EPILOGUE(ACTIVATION_NONE), Y, e);
}

/* Takes W as (I,O). */
static clm_status forward_transposed(struct clm_backend *be, const struct tensor *X,
                                     const struct linear *layer, const struct epilogue *epilogue,
                                     struct tensor *Y, struct clm_error *e)
{
    const size_t O = layer->W.value.rows, I = layer->W.value.columns;
    struct linear turned = *layer;
    float *const W = malloc(O * I * sizeof *W);
    for (size_t o = 0; o < O; o++)
        for (size_t i = 0; i < I; i++)
            W[o * I + i] = ((const float *)layer->W.value.memory)[i * O + o];
    turned.W.value.memory = W;
    const clm_status status = right.linear_forward(be, X, &turned, epilogue, Y, e);
    free(W);
    return status;
}

static clm_status xent_of_the_sum(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                                  const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                                  struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    for (size_t i = 0; dZ && i < count_of(dZ); i++)
        *element(dZ, i) *= (float)dZ->rows;
    return status;
}

static clm_status xent_forgets(struct clm_backend *be, const struct tensor *Z, const struct tensor *labels,
                               const struct mixture *mixture, struct tensor *dZ, struct metrics *sums,
                               struct clm_error *e)
{
    const clm_status status = right.metrics_reset(be, sums, e);
    return status ? status : right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
}

/* Computes rightly, then overwrites what it should only read. */
static clm_status softmax_spoils_its_input(struct clm_backend *be, const struct tensor *Z, struct tensor *P,
                                           struct clm_error *e)
{
    const clm_status status = right.softmax(be, Z, P, e);
    if (P->memory != Z->memory)
        *(float *)Z->memory += 1;
    return status;
}

static clm_status input_without_mask(struct clm_backend *be, const struct tensor *dZ,
                                     const struct linear *layer, const struct gate *gate, struct tensor *dX,
                                     struct clm_error *e)
{
    (void)gate;
    return right.linear_backward_input(be, dZ, layer, GATE(ACTIVATION_NONE, NULL), dX, e);
}

static clm_status params_without_penalty(struct clm_backend *be, const struct tensor *dZ,
                                         const struct tensor *X, struct linear *layer, double l2,
                                         struct clm_error *e)
{
    (void)l2;
    return right.linear_backward_params(be, dZ, X, layer, 0, e);
}

/* The gradient of l2 |W|² without its 2. */
static clm_status params_with_half_penalty(struct clm_backend *be, const struct tensor *dZ,
                                           const struct tensor *X, struct linear *layer, double l2,
                                           struct clm_error *e)
{
    return right.linear_backward_params(be, dZ, X, layer, l2 / 2, e);
}

static clm_status params_without_last_row(struct clm_backend *be, const struct tensor *dZ,
                                          const struct tensor *X, struct linear *layer, double l2,
                                          struct clm_error *e)
{
    const clm_status status = right.linear_backward_params(be, dZ, X, layer, l2, e);
    struct tensor *const db = &layer->b.gradient;
    *element(db, db->columns - 1) -=
        ((const float *)dZ->memory)[count_of(dZ) - 1]; /* the last row's part of the last bias */
    return status;
}

static clm_status step_without_penalty(struct clm_backend *be, const struct tensor *dZ,
                                       const struct tensor *X, struct linear *layer, const struct step *step,
                                       struct clm_error *e)
{
    const struct step bare = step_of(RULE_SGD, step->learning_rate, step->momentum, 0);
    return right.linear_backward_update(be, dZ, X, layer, &bare, e);
}

static clm_status step_without_momentum(struct clm_backend *be, const struct tensor *dZ,
                                        const struct tensor *X, struct linear *layer, const struct step *step,
                                        struct clm_error *e)
{
    const struct step bare = step_of(RULE_SGD, step->learning_rate, 0, step->l2);
    return right.linear_backward_update(be, dZ, X, layer, &bare, e);
}

static clm_status step_penalises_biases(struct clm_backend *be, const struct tensor *dZ,
                                        const struct tensor *X, struct linear *layer, const struct step *step,
                                        struct clm_error *e)
{
    for (size_t o = 0; o < layer->b.value.columns; o++)
        *element(&layer->b.value, o) *= (float)(1 - 2 * step->learning_rate * step->l2);
    return right.linear_backward_update(be, dZ, X, layer, step, e);
}

static clm_status update_without_momentum(struct clm_backend *be, struct parameter *parameter,
                                          const struct step *step, struct clm_error *e)
{
    const struct step bare = {.learning_rate = step->learning_rate};
    return right.parameter_step(be, parameter, &bare, e);
}

static clm_status loss_of_the_sum(struct clm_backend *be, const struct loss *loss, const struct tensor *Z,
                                  const struct targets *targets, struct tensor *dZ, struct metrics *sums,
                                  struct clm_error *e)
{
    const clm_status status = right.loss_gradient(be, loss, Z, targets, dZ, sums, e);
    for (size_t i = 0; dZ && i < count_of(dZ); i++)
        *element(dZ, i) *= (float)dZ->rows;
    return status;
}

static clm_status loss_without_weights(struct clm_backend *be, const struct loss *loss,
                                       const struct tensor *Z, const struct targets *targets,
                                       struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    struct targets bare = *targets;
    struct mixture mixture = {0};
    if (targets->mixture) {
        mixture = *targets->mixture;
        mixture.weights = mixture.partner_weights = (struct tensor){0};
        bare.mixture = mixture_has_partners(&mixture) ? &mixture : NULL;
    }
    return right.loss_gradient(be, loss, Z, &bare, dZ, sums, e);
}

static clm_status finish_drops_nothing(struct clm_backend *be, const struct tensor *Z,
                                       const struct finish *finish, struct tensor *Y, struct clm_error *e)
{
    struct finish bare = *finish;
    bare.dropout = NULL;
    return right.layer_finish(be, Z, &bare, Y, e);
}

static clm_status finish_adds_nothing(struct clm_backend *be, const struct tensor *Z,
                                      const struct finish *finish, struct tensor *Y, struct clm_error *e)
{
    struct finish bare = *finish;
    bare.residual = NULL;
    return right.layer_finish(be, Z, &bare, Y, e);
}

static clm_status gate_without_skip(struct clm_backend *be, struct tensor *dY, const struct tensor *skip,
                                    const struct gate *gate, struct tensor *dZ, struct clm_error *e)
{
    (void)skip;
    return right.gate_backward(be, dY, NULL, gate, dZ, e);
}

/* The gradient of the scale is that of the shift. */
static clm_status norm_of_one_gradient(struct clm_backend *be, struct norm *norm, const struct tensor *Z,
                                       struct tensor *dN, struct clm_error *e)
{
    const clm_status status = right.norm_backward(be, norm, Z, dN, e);
    for (size_t i = 0; i < count_of(&norm->scale.gradient); i++)
        *element(&norm->scale.gradient, i) = *element(&norm->shift.gradient, i);
    return status;
}

static clm_status clip_without_l1(struct clm_backend *be, struct parameter *const *list, size_t count,
                                  double l1, double most, struct tensor *factor, struct clm_error *e)
{
    (void)l1;
    return right.clip_factor(be, list, count, 0, most, factor, e);
}

static clm_status clip_of_all_but_one(struct clm_backend *be, struct parameter *const *list, size_t count,
                                      double l1, double most, struct tensor *factor, struct clm_error *e)
{
    return right.clip_factor(be, list, count > 1 ? count - 1 : count, l1, most, factor, e);
}

static clm_status blends_take_all(struct clm_backend *be, const struct blend *list, size_t count,
                                  enum blend_way way, double share, struct clm_error *e)
{
    (void)share;
    return right.blends(be, list, count, way, 1, e);
}

/* ---- mistakes among large logits ---- */

static clm_status xent_of_the_other_sign(struct clm_backend *be, const struct tensor *Z,
                                         const struct tensor *labels, const struct mixture *mixture,
                                         struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    for (size_t i = 0; dZ && i < count_of(dZ); i++)
        *element(dZ, i) *= -1;
    return status;
}

static clm_status xent_with_one_element_off(struct clm_backend *be, const struct tensor *Z,
                                            const struct tensor *labels, const struct mixture *mixture,
                                            struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    if (dZ)
        *element(dZ, count_of(dZ) / 2) += 1e-3f;
    return status;
}

static clm_status xent_with_a_loss_off(struct clm_backend *be, const struct tensor *Z,
                                       const struct tensor *labels, const struct mixture *mixture,
                                       struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    host_sums(sums)->loss *= 1.01;
    return status;
}

static clm_status xent_counts_one_more(struct clm_backend *be, const struct tensor *Z,
                                       const struct tensor *labels, const struct mixture *mixture,
                                       struct tensor *dZ, struct metrics *sums, struct clm_error *e)
{
    const clm_status status = right.softmax_xent(be, Z, labels, mixture, dZ, sums, e);
    host_sums(sums)->correct++;
    return status;
}

#define EXTREME_STEPS "33-65-10 B=31 N=40 x1 momentum=0 l2=0 floats extreme"

/* Logits of ±1e4, or sums of products of such numbers, have errors of thousands. */
START_TEST(mistakes_among_large_logits_are_noticed)
{
    static const char *const cases[][2] = {{"softmax_xent", "B=33 C=10 extreme"},
                                           {"softmax_xent", "B=33 C=10 wide"},
                                           {"linear_softmax_backward", "B=33 I=31 O=10 mask extreme"},
                                           {"linear_softmax_backward", "B=7 I=784 O=13 mask wide"},
                                           {"linear_softmax_backward", "B=8 I=1000 O=2 mask extreme"},
                                           {"training_steps", EXTREME_STEPS}};

    static const struct {
        const char *what;
        clm_status (*softmax_xent)(struct clm_backend *be, const struct tensor *Z,
                                   const struct tensor *labels, const struct mixture *mixture,
                                   struct tensor *dZ, struct metrics *sums, struct clm_error *e);
    } mistakes[] = {{"the other sign", xent_of_the_other_sign},
                    {"the gradient of the sum", xent_of_the_sum},
                    {"an element off by 1e-3", xent_with_one_element_off},
                    {"a loss off by a hundredth", xent_with_a_loss_off},
                    {"a correct row too many", xent_counts_one_more}};
    struct clm_backend *const backend = backend_to_spoil();
    struct clm_backend *const bounds = fixture_bounds();
    for (size_t m = 0; m <= sizeof mistakes / sizeof *mistakes; m++) {
        const bool is_right = m == sizeof mistakes / sizeof *mistakes;
        spoilt.softmax_xent = is_right ? right.softmax_xent : mistakes[m].softmax_xent;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            for (uint64_t seed = 1; seed <= 5; seed++) {
                struct check_case which;
                struct clm_check check;
                ck_assert_int_eq(case_parse(cases[i][0], cases[i][1], seed, &which, &error), CLM_OK);
                ck_assert_int_eq(case_run(backend, bounds, &which, 1, &check, &error), CLM_OK);
                if (check.passed != is_right)
                    ck_abort_msg("%s: %s %s, seed %d: %g, %s", is_right ? "right" : mistakes[m].what,
                                 cases[i][0], cases[i][1], (int)seed, check.error_over_bound, check.detail);
            }
    }
    clm_backend_close(bounds);
    clm_backend_close(backend);
}
END_TEST

/* ---- mistakes of large products only ---- */

#define LARGE 500000 /* elements */

/* A tile of 64 rows is zero. */
static clm_status large_forward_without_rows(struct clm_backend *be, const struct tensor *X,
                                             const struct linear *layer, const struct epilogue *epilogue,
                                             struct tensor *Y, struct clm_error *e)
{
    const clm_status status = right.linear_forward(be, X, layer, epilogue, Y, e);
    if (count_of(Y) >= LARGE)
        memset(element(Y, 192 * Y->columns), 0, 64 * Y->columns * sizeof(float));
    return status;
}

/* One element is not written. */
static clm_status large_input_leaves_one(struct clm_backend *be, const struct tensor *dZ,
                                         const struct linear *layer, const struct gate *gate,
                                         struct tensor *dX, struct clm_error *e)
{
    const float before = *element(dX, count_of(dX) / 2);
    const clm_status status = right.linear_backward_input(be, dZ, layer, gate, dX, e);
    if (count_of(dX) >= LARGE)
        *element(dX, count_of(dX) / 2) = before;
    return status;
}

/* The batch's last row is left out. */
static clm_status large_params_of_fewer_rows(struct clm_backend *be, const struct tensor *dZ,
                                             const struct tensor *X, struct linear *layer, double l2,
                                             struct clm_error *e)
{
    const size_t rows = dZ->rows - (count_of(&layer->W.gradient) >= LARGE);
    const struct tensor less_dZ = tensor_first_rows(dZ, rows), less_X = tensor_first_rows(X, rows);
    return right.linear_backward_params(be, &less_dZ, &less_X, layer, l2, e);
}

/* The last columns, a tile of 16, do not change. */
static clm_status large_step_leaves_columns(struct clm_backend *be, const struct tensor *dZ,
                                            const struct tensor *X, struct linear *layer,
                                            const struct step *step, struct clm_error *e)
{
    const size_t O = layer->W.value.rows, I = layer->W.value.columns, columns = I < 16 ? I : 16;
    float *const before = malloc(O * columns * sizeof *before);
    for (size_t i = 0; i < O * columns; i++)
        before[i] = *element(&layer->W.value, i / columns * I + I - columns + i % columns);
    const clm_status status = right.linear_backward_update(be, dZ, X, layer, step, e);
    for (size_t i = 0; O * I >= LARGE && i < O * columns; i++)
        *element(&layer->W.value, i / columns * I + I - columns + i % columns) = before[i];
    free(before);
    return status;
}

START_TEST(mistakes_are_noticed_and_named)
{
    struct clm_backend *const backend = backend_to_spoil();
    /* a rule whose step is not fused stores the gradient, and then takes the step */
    const char *const stored = "linear_backward_update";
    const struct {
        const char *what, *operation;
        struct backend_operations table;
        const char *also; /* may be blamed, too; or NULL */
    } mistakes[] = {
        {"gather ignores the order", "gather", {.gather = gather_in_a_row}},
        {"gather repeats a label", "gather", {.gather = gather_first_label}},
        {"forward forgets the bias", "linear_forward", {.linear_forward = forward_without_bias}},
        {"forward forgets the ReLU", "linear_forward", {.linear_forward = forward_without_relu}},
        {"forward takes W transposed", "linear_forward", {.linear_forward = forward_transposed}},
        {"the gradient is of the sum", "softmax_xent", {.softmax_xent = xent_of_the_sum}},
        {"earlier losses are forgotten", "softmax_xent", {.softmax_xent = xent_forgets}},
        {"softmax changes its input", "softmax", {.softmax = softmax_spoils_its_input}},
        {"no mask", "linear_backward_input", {.linear_backward_input = input_without_mask}},
        {"no penalty", "linear_backward_params", {.linear_backward_params = params_without_penalty}, stored},
        {"half a penalty",
         "linear_backward_params",
         {.linear_backward_params = params_with_half_penalty},
         stored},
        {"a row left out",
         "linear_backward_params",
         {.linear_backward_params = params_without_last_row},
         stored},
        {"step without penalty", "linear_backward_update", {.linear_backward_update = step_without_penalty}},
        {"step without momentum",
         "linear_backward_update",
         {.linear_backward_update = step_without_momentum}},
        {"biases penalised", "linear_backward_update", {.linear_backward_update = step_penalises_biases}},
        {"update without momentum", "update", {.parameter_step = update_without_momentum}, stored},
        {"the loss's gradient is of the sum", "loss_gradient", {.loss_gradient = loss_of_the_sum}},
        {"a loss without weights", "loss_gradient", {.loss_gradient = loss_without_weights}},
        {"nothing is dropped", "layer_finish", {.layer_finish = finish_drops_nothing}},
        {"no residual", "layer_finish", {.layer_finish = finish_adds_nothing}},
        {"no skip", "gate_backward", {.gate_backward = gate_without_skip}},
        {"a scale's gradient is the shift's", "norm_backward", {.norm_backward = norm_of_one_gradient}},
        {"clipping without l1", "clip_factor", {.clip_factor = clip_without_l1}},
        {"clipping without the last one", "clip_factor", {.clip_factor = clip_of_all_but_one}},
        {"a blend takes all", "blends", {.blends = blends_take_all}},
        {"64 rows of a large product", "linear_forward", {.linear_forward = large_forward_without_rows}},
        {"an element of a large product",
         "linear_backward_input",
         {.linear_backward_input = large_input_leaves_one}},
        {"a row of a large batch",
         "linear_backward_params",
         {.linear_backward_params = large_params_of_fewer_rows},
         stored},
        {"16 columns of a large step",
         "linear_backward_update",
         {.linear_backward_update = large_step_leaves_columns}},
    };
    for (size_t m = 0; m < sizeof mistakes / sizeof *mistakes; m++) {
        const struct backend_operations *const own = &mistakes[m].table;
        if (!test_in_sample(m, 6))
            continue;
        spoilt = right;
        put_in(own);
        const struct verdict verdict = verify(backend);
        expect_named(&verdict, mistakes[m].operation, mistakes[m].also, mistakes[m].what);
    }
    clm_backend_close(backend);
}
END_TEST

int main(void)
{
    Suite *const suite = suite_create("damage");
    TCase *const damaging = tcase_create("damage"), *const rare = tcase_create("rare"),
                 *const mistakes = tcase_create("mistakes"), *const logits = tcase_create("logits");
    tcase_add_loop_test(damaging, every_damage_to_every_operation_is_noticed, 0, (int)COUNT_OF(spoilt_ones));
    tcase_add_loop_test(rare, one_element_in_a_million_is_noticed, 0, (int)COUNT_OF(rares));
    tcase_add_test(mistakes, mistakes_are_noticed_and_named);
    tcase_add_test(logits, mistakes_among_large_logits_are_noticed);
    suite_add_tcase(suite, damaging);
    suite_add_tcase(suite, rare);
    suite_add_tcase(suite, mistakes);
    suite_add_tcase(suite, logits);
    return test_run(suite);
}
