#include "prove/layer.h"

#include "base/size.h"
#include "prove/bounds/bounds.h"
#include "prove/operands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct layer_trial {
    struct clm_backend *be, *bounds;
    size_t B, I, O;
    enum layer_use use;
    struct variant variant; /* of the problem */
    struct problem problem; /* the one judged last; it has no operation if there was none */
};

/* ---- what is tried ---- */

/* Whether the use needs this variant. Gradients and updates without penalty are left out: those with penalty
 * do more. So are other activations than ReLU, for which sizes matter in the same way: see
 * prove_activations. */
static bool is_tried(const struct layer_trial *t, enum operation_name name, const struct variant *v)
{
    if ((name == OPERATION_BACKWARD_UPDATE && v->l2 == 0) || !variant_is_first_of_kind(v) ||
        size_max(v->act, v->below) > ACTIVATION_RELU)
        return false;
    if (name == OPERATION_FORWARD)
        return true;
    if (name == OPERATION_BACKWARD_PARAMS)
        return v->l2 != 0 && t->use >= LAYER_MOMENTUM;
    return t->use >= (rules[v->rule].states ? LAYER_MOMENTUM : LAYER_STEP);
}

/* The ways to ask for an operation of this layer. */
static size_t ways_to_try(const struct layer_trial *t, enum operation_name name,
                          struct variant out[WAYS_TO_ASK])
{
    struct variant options[WAYS_TO_ASK];
    const size_t count = operation_options(name, options);
    size_t tried = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_tried(t, name, &options[i]))
            continue;
        struct variant *const v = &out[tried++];
        *v = options[i];
        v->B = t->B, v->I = t->I, v->O = t->O;
        v->seed = 1;
        v->next = tried % 2 ? t->B : t->B - t->B / 3;
        /* logits near 1: larger ones have larger errors, which leave the loss almost without a bound */
        v->fill = name == OPERATION_SOFTMAX_BACKWARD ? FILL_SMALL : FILL_UNIFORM;
    }
    return tried;
}

/* ---- memory ---- */

static clm_status check_memory(const struct layer_trial *t, struct clm_error *error)
{
    static const enum operation_name names[] = {OPERATION_FORWARD, OPERATION_BACKWARD_INPUT,
                                                OPERATION_BACKWARD_PARAMS, OPERATION_UPDATE_FORWARD};
    clm_status status = CLM_OK;
    char what[96];
    snprintf(what, sizeof what, "trying a layer of B=%zu I=%zu O=%zu before it is used", t->B, t->I, t->O);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        struct variant ways[WAYS_TO_ASK];
        const size_t count = ways_to_try(t, names[n], ways);
        for (size_t i = 0; status == CLM_OK && i < count; i++)
            status = problem_check_memory(t->be, &operations_checked[names[n]], &ways[i], what, error);
    }
    return status;
}

clm_status layer_trial_open(struct clm_backend *be, size_t B, size_t I, size_t O, enum layer_use use,
                            struct layer_trial **out, struct clm_error *error)
{
    struct layer_trial *const trial = calloc(1, sizeof *trial);
    clm_status status;
    *out = NULL;
    if (!trial)
        return clm_fail_host_memory(error, "a trial of products", sizeof *trial);
    *trial = (struct layer_trial){.be = be, .B = B, .I = I, .O = O, .use = use};
    if ((status = check_memory(trial, error)) || (status = bounds_open(&trial->bounds, error))) {
        layer_trial_close(trial);
        return status;
    }
    *out = trial;
    return CLM_OK;
}

static clm_status end_problem(struct layer_trial *t)
{
    const clm_status status = t->problem.operation ? problem_end(&t->problem) : CLM_OK;
    t->problem = (struct problem){0};
    return status;
}

void layer_trial_close(struct layer_trial *trial)
{
    if (!trial)
        return;
    (void)end_problem(trial);
    clm_backend_close(trial->bounds);
    free(trial);
}

/* ---- judging ---- */

/* Makes the operands of an operation, in place of those that the trial has. */
static clm_status begin_way(struct layer_trial *t, enum operation_name name, const struct variant *variant,
                            struct clm_error *error)
{
    const clm_status status = end_problem(t);
    if (status != CLM_OK)
        return status;
    t->variant = *variant;
    t->problem = problem_begin(t->be, &operations_checked[name], &t->variant, error);
    return t->problem.status;
}

/* Keeps the problem for layer_trial_run. */
static clm_status judge_way(struct layer_trial *t, enum operation_name name, const struct variant *variant,
                            double *worst, struct clm_error *error)
{
    const clm_status status = begin_way(t, name, variant, error);
    if (status != CLM_OK)
        return status;
    *worst = worse_ratio(*worst, problem_try(&t->problem, t->bounds).worst);
    return t->problem.status;
}

static clm_status judge_operation(struct layer_trial *t, enum operation_name name, double *worst,
                                  struct clm_error *error)
{
    struct variant ways[WAYS_TO_ASK];
    const size_t count = ways_to_try(t, name, ways);
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < count; i++)
        status = judge_way(t, name, &ways[i], worst, error);
    return status;
}

/* What the provider fuses for this layer: an update and the next batch's forward product, or the end of a
 * net. */
struct fusions {
    bool looks_ahead, has_head;
};

static struct fusions fusions_of(const struct layer_trial *t)
{
    const struct backend_operations *const operations = t->be->operations;
    struct linear layer = {{{0}}};
    struct fusions fusions = {false, false};
    memory_plan_begin(t->be);
    if (weights_create(t->be, t->O, t->I, t->B, &layer.W.value, NULL) == CLM_OK) {
        fusions.looks_ahead = backend_looks_ahead(t->be, &layer, t->B);
        fusions.has_head = operations->has_head && operations->has_head(t->be, &layer, t->B);
    }
    tensor_free(t->be, &layer.W.value);
    memory_plan_end(t->be);
    return fusions;
}

static const enum operation_name operations_of_products[] = {[PRODUCT_FORWARD] = OPERATION_FORWARD,
                                                             [PRODUCT_BACKWARD_INPUT] =
                                                                 OPERATION_BACKWARD_INPUT,
                                                             [PRODUCT_UPDATE] = OPERATION_BACKWARD_UPDATE};

clm_status layer_trial_judge(struct layer_trial *trial, enum product product, double *error_over_bound,
                             struct clm_error *error)
{
    double worst = 0;
    clm_status status = CLM_OK;
    *error_over_bound = NAN;
    if (product == PRODUCT_UPDATE) /* the gradients, for rules whose steps are not taken along with them */
        status = judge_operation(trial, OPERATION_BACKWARD_PARAMS, &worst, error);
    if (status == CLM_OK && product == PRODUCT_UPDATE && fusions_of(trial).looks_ahead)
        status = judge_operation(trial, OPERATION_UPDATE_FORWARD, &worst, error);
    if (status == CLM_OK)
        status = judge_operation(trial, operations_of_products[product], &worst, error);
    if (status == CLM_OK)
        *error_over_bound = worst;
    return status;
}

clm_status layer_trial_begin(struct layer_trial *trial, enum product product, struct clm_error *error)
{
    struct variant ways[WAYS_TO_ASK];
    const enum operation_name name = operations_of_products[product];
    return begin_way(trial, name, &ways[ways_to_try(trial, name, ways) - 1], error);
}

clm_status layer_trial_run(struct layer_trial *trial, size_t count, struct clm_error *error)
{
    trial->problem.error = error;
    for (size_t i = 0; i < count; i++)
        problem_run(&trial->problem);
    return trial->problem.status ? trial->problem.status : backend_finish(trial->be, error);
}

/* ---- a whole layer ---- */

const char *product_name(enum product product)
{
    return product == PRODUCT_FORWARD  ? "forward product"
           : product == PRODUCT_UPDATE ? "update"
                                       : "backward product";
}

clm_status layer_trial_fail(const struct layer_trial *trial, const char *what, double error_over_bound,
                            struct clm_error *error)
{
    char size[48];
    snprintf(size, sizeof size, isfinite(error_over_bound) ? "%g times its bound" : "no finite number",
             error_over_bound);
    return clm_fail(error, CLM_ERROR_WRONG,
                    "it computes wrongly; an error of its %s of B=%zu I=%zu O=%zu is %s", what, trial->B,
                    trial->I, trial->O, size);
}

static clm_status judge_all(struct layer_trial *t, struct clm_error *error)
{
    const int count = t->use >= LAYER_STEP ? PRODUCT_COUNT : 1;
    clm_status status = CLM_OK;
    double worst = 0;
    for (int p = PRODUCT_FORWARD; status == CLM_OK && p < count; p++)
        if ((status = layer_trial_judge(t, (enum product)p, &worst, error)) == CLM_OK && !(worst <= 1))
            status = layer_trial_fail(t, product_name((enum product)p), worst, error);
    if (status != CLM_OK || t->use < LAYER_STEP || !fusions_of(t).has_head)
        return status;
    status = judge_operation(t, OPERATION_SOFTMAX_BACKWARD, &worst, error);
    return status || worst <= 1 ? status : layer_trial_fail(t, "last layer with softmax", worst, error);
}

clm_status prove_layer(struct clm_backend *be, size_t B, size_t I, size_t O, enum layer_use use,
                       struct clm_error *error)
{
    struct layer_trial *trial = NULL;
    clm_status status = layer_trial_open(be, B, I, O, use, &trial, error);
    if (status == CLM_OK)
        status = judge_all(trial, error);
    layer_trial_close(trial);
    return status;
}
