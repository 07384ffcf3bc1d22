/* The self-test of a device, and tests, at a net's sizes, of what all providers of products share. */
#include "compute/providers.h"
#include "prove/bounds/bounds.h"
#include "prove/prove.h"
#include "prove/operands.h"

#include <stdio.h>

/* If the device is wrong, says so in a sentence about it; passes any other failure on. */
static clm_status device_fail(const struct clm_backend *be, const struct clm_error *why,
                              struct clm_error *error)
{
    if (why->status != CLM_ERROR_WRONG)
        return clm_fail_setting(error, why->status, why->setting, "%s", why->message);
    char changed[600];
    clm_kernel_files_changed(changed, sizeof changed);
    if (changed[0])
        return clm_fail_setting(
            error, CLM_ERROR_WRONG, "device",
            "%s fails its self-test: %.700s; it is not used. %s: correct it, or unset CLMLP_KERNEL_DIR",
            be->device, why->message, changed);
    return clm_fail_setting(
        error, CLM_ERROR_WRONG, "device",
        "%s fails its self-test: %s; it is not used. Update its driver, or choose another device", be->device,
        why->message);
}

/* ---- operations, as verify checks them ---- */

struct self_check {
    enum operation_name name;
    struct variant variant;
};

static clm_status self_check_one(struct clm_backend *be, struct clm_backend *bounds,
                                 const struct self_check *one, struct clm_error *error)
{
    const struct operation *const operation = &operations_checked[one->name];
    struct clm_check check = {0};
    char what[64];
    snprintf(what, sizeof what, "trying %.32s before it is used", operation->name);
    clm_status status = problem_check_memory(be, operation, &one->variant, what, error);
    if (status == CLM_OK)
        status = operation_check(be, bounds, operation, &one->variant, 1, &check, error);
    if (status != CLM_OK || check.passed)
        return status;
    return clm_fail(error, CLM_ERROR_WRONG, "%s of %s: %s", check.operation, check.shape, check.detail);
}

/* CLM_ERROR_WRONG names the first wrong operation, for a sentence about the device or the provider. */
static clm_status self_check_all(struct clm_backend *be, const struct self_check *checks, size_t count,
                                 struct clm_error *error)
{
    struct clm_backend *bounds = NULL;
    clm_status status = bounds_open(&bounds, error);
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        status = self_check_one(be, bounds, &checks[i], error);
    clm_backend_close(bounds);
    return status;
}

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

clm_status prove_loss(struct clm_backend *be, size_t B, size_t C, struct clm_error *error)
{
    const struct self_check checks[] = {{OPERATION_SOFTMAX, {.B = B, .O = C}},
                                        {OPERATION_SOFTMAX_XENT, {.B = B, .O = C}}};
    struct clm_error why = {0};
    const clm_status status = self_check_all(be, checks, COUNT_OF(checks), &why);
    return status ? device_fail(be, &why, error) : CLM_OK;
}

clm_status prove_changes(struct clm_backend *be, struct clm_error *error)
{
    enum { WIDTH = 7, HEIGHT = 5, CHANNELS = 3 };
    static const struct self_check checks[] = {
        {OPERATION_GATHER_AUGMENTED,
         {.B = 17,
          .I = WIDTH * HEIGHT * CHANNELS,
          .N = 40,
          .first = 1,
          .is_bytes = true,
          .augmentation = {.changes = {.flip = true, .shift = 2, .cutout = 3, .noise = 0.25, .mixup = 1},
                           .width = WIDTH,
                           .height = HEIGHT,
                           .channels = CHANNELS}}},
        {OPERATION_SOFTMAX_XENT, {.B = 17, .O = 10}}};
    struct clm_error why = {0};
    const clm_status status = self_check_all(be, checks, COUNT_OF(checks), &why);
    return status ? device_fail(be, &why, error) : CLM_OK;
}

/* ---- the self-test ---- */

/* The first provider that is right computes products that are not assigned. A wrong one is dropped, or fails
 * the device if the user asked for it. */
static clm_status test_providers(struct clm_backend *be, struct clm_error *error)
{
    static const struct self_check products[] = {
        {OPERATION_FORWARD, {.B = 2, .I = 3, .O = 2, .act = ACTIVATION_RELU}},
        {OPERATION_BACKWARD_INPUT, {.B = 2, .I = 3, .O = 2, .below = ACTIVATION_RELU}},
        {OPERATION_BACKWARD_UPDATE, {.B = 2, .I = 3, .O = 2}}};
    struct clm_error why = {0};
    size_t provider;
    clm_status status;
    while ((status = provider_of_rest(be, &provider, error)) == CLM_OK) {
        struct clm_backend *one = NULL;
        clm_status tried = provider_backend(be, provider, &one, &why);
        if (tried == CLM_OK)
            tried = self_check_all(one, products, COUNT_OF(products), &why);
        clm_backend_close(one);
        if (tried == CLM_OK || provider_of_all(be) != NO_PROVIDER)
            return tried ? device_fail(be, &why, error) : CLM_OK;
        char sentence[sizeof why.message], changed[600];
        clm_kernel_files_changed(changed, sizeof changed);
        snprintf(sentence, sizeof sentence, "it computes wrongly: %.1000s%s%s", why.message,
                 changed[0] ? "; " : "", changed);
        provider_drop(be, provider, tried == CLM_ERROR_WRONG ? sentence : why.message);
    }
    return status;
}

clm_status prove_device(struct clm_backend *be, struct clm_error *error)
{
    static const struct self_check shared[] = {
        {OPERATION_GATHER, {.B = 300, .I = 10, .N = 301, .first = 1, .is_bytes = true, .is_ordered = true}},
        {OPERATION_GATHER_WEIGHTS, {.B = 300, .I = 1, .N = 301, .first = 1, .is_ordered = true}},
        {OPERATION_SOFTMAX, {.B = 300, .O = 10}},
        {OPERATION_SOFTMAX_XENT, {.B = 300, .O = 10}}};
    struct clm_error why = {0};
    clm_status status = CLM_OK;
    if (!providers_count(be) || (status = test_providers(be, error)))
        return status;
    status = self_check_all(be, shared, COUNT_OF(shared), &why);
    return status ? device_fail(be, &why, error) : CLM_OK;
}

static clm_status prove_activation(struct clm_backend *be, enum activation act, struct clm_error *error)
{
    const struct self_check checks[] = {{OPERATION_FORWARD, {.B = 65, .I = 3, .O = 17, .act = act}},
                                        {OPERATION_BACKWARD_INPUT, {.B = 65, .I = 17, .O = 3, .below = act}}};
    struct clm_error why = {0};
    const clm_status status = self_check_all(be, checks, COUNT_OF(checks), &why);
    return status ? device_fail(be, &why, error) : CLM_OK;
}

clm_status prove_activations(struct clm_backend *be, const enum activation *acts, size_t count,
                             struct clm_error *error)
{
    bool is_proved[ACTIVATION_COUNT] = {[ACTIVATION_NONE] = true, [ACTIVATION_RELU] = true};
    clm_status status = CLM_OK;
    for (size_t l = 0; providers_count(be) && status == CLM_OK && l < count; l++)
        if (!is_proved[acts[l]]) {
            is_proved[acts[l]] = true;
            status = prove_activation(be, acts[l], error);
        }
    return status;
}

clm_status prove_rule(struct clm_backend *be, enum rule rule, bool stores_gradients, struct clm_error *error)
{
    const bool rolls = rules[rule].is_linear && rules[rule].states;
    const struct self_check stored[] = {
        {OPERATION_UPDATE, {.I = 65, .O = 17, .rule = rule, .momentum = rolls ? 0.9 : 0}},
        {OPERATION_UPDATE,
         {.I = 65, .O = 17, .rule = rule, .momentum = rolls ? 0.9 : 0, .l1 = 0.01, .weight_decay = 0.01}}};
    const struct self_check direct = {
        OPERATION_BACKWARD_UPDATE,
        {.B = 17, .I = 33, .O = 17, .rule = rule, .momentum = rolls ? 0.9 : 0, .l2 = 0.01}};
    struct clm_error why = {0};
    clm_status status = CLM_OK;
    if (!providers_count(be) || (!stores_gradients && rule <= RULE_MOMENTUM))
        return CLM_OK;
    status = stores_gradients ? self_check_all(be, stored, COUNT_OF(stored), &why)
                              : self_check_all(be, &direct, 1, &why);
    return status ? device_fail(be, &why, error) : CLM_OK;
}

/* ---- rows ---- */

/* The first row gathered, or the first place in the order. */
enum { FIRST = 3 };

static clm_status gather_one(struct clm_backend *be, struct clm_backend *bounds,
                             const struct variant *variant, struct clm_error *error)
{
    const struct operation *const gather = &operations_checked[OPERATION_GATHER];
    struct problem problem = problem_begin(be, gather, variant, error);
    const struct judgement judgement = problem_try(&problem, bounds);
    const clm_status status = problem_end(&problem);
    if (status != CLM_OK || judgement.worst <= 1)
        return status;
    return clm_fail(error, CLM_ERROR_WRONG, "gather of %zu rows of %zu: %s", variant->B, variant->I,
                    judgement.detail);
}

/* Gathers fewer rows than a minibatch if the room is too small. */
static clm_status gather_with_room(struct clm_backend *be, struct clm_backend *bounds,
                                   struct variant *variant, size_t B, struct clm_error *error)
{
    clm_status status;
    do {
        variant->B = B, variant->N = B + FIRST;
        status = problem_check_memory(be, &operations_checked[OPERATION_GATHER], variant,
                                      "trying how rows are gathered", error);
        B /= 2;
    } while (status == CLM_ERROR_MEMORY && B);
    return status ? status : gather_one(be, bounds, variant, error);
}

clm_status prove_gather(struct clm_backend *be, size_t B, size_t I, struct clm_error *error)
{
    struct variant ways[WAYS_TO_ASK];
    const size_t count = operation_options(OPERATION_GATHER, ways);
    struct clm_backend *bounds = NULL;
    struct clm_error why = {0};
    clm_status status = bounds_open(&bounds, &why);
    for (size_t i = 0; status == CLM_OK && i < count; i++) {
        ways[i].I = I, ways[i].first = FIRST;
        ways[i].seed = 1, ways[i].fill = FILL_UNIFORM;
        status = gather_with_room(be, bounds, &ways[i], B, &why);
    }
    clm_backend_close(bounds);
    return status ? device_fail(be, &why, error) : CLM_OK;
}
