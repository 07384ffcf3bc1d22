#include "prove/layer.h"

#include "prove/layer_operands.h"

#include <float.h>
#include <math.h>

#define RATE     0x1p-6
#define MOMENTUM 0.75
#define L2       0x1p-4

static const struct step plain = {.learning_rate = RATE, .l2 = L2},
                         rolling = {
                             .rule = RULE_MOMENTUM, .learning_rate = RATE, .momentum = MOMENTUM, .l2 = L2};

/* ---- running ---- */

static clm_status run(struct layer_trial *t, enum product product, bool has_epilogue, struct clm_error *error)
{
    switch (product) {
    case PRODUCT_FORWARD:
        return linear_forward(t->be, &t->X, &t->layer,
                              EPILOGUE(has_epilogue ? ACTIVATION_RELU : ACTIVATION_NONE), &t->Y, error);
    case PRODUCT_BACKWARD_INPUT:
        return linear_backward_input(t->be, &t->dZ, &t->layer,
                                     has_epilogue ? GATE(ACTIVATION_RELU, &t->X) : NULL, &t->dX, error);
    case PRODUCT_UPDATE:
    case PRODUCT_COUNT:
        break;
    }
    return linear_backward_update(t->be, &t->dZ, &t->X, &t->layer, &plain, error);
}

clm_status layer_trial_run(struct layer_trial *trial, enum product product, struct clm_error *error)
{
    const clm_status status = run(trial, product, true, error);
    return status ? status : backend_finish(trial->be, error);
}

/* ---- what is right ---- */

/* Y = X Wᵀ + b of the first `rows` rows */
static struct expected forward_of(const struct layer_trial *t, size_t rows, const float *w, const float *b,
                                  enum cut cut)
{
    return (struct expected){.M = rows,
                             .N = t->O,
                             .K = t->I,
                             .a = t->x,
                             .a_row = t->I,
                             .a_column = 1,
                             .c = w,
                             .c_row = 1,
                             .c_column = t->I,
                             .alpha = 1,
                             .rest = {{b, 0, 1, 1}},
                             .cut = cut};
}

/* Without momentum W' = W - rate (dZᵀ X + 2 l2 W), and with it V' = momentum V + dZᵀ X + 2 l2 W. */
static struct expected update_of(const struct layer_trial *t, const struct step *step)
{
    const bool rolls = step->rule == RULE_MOMENTUM;
    const double factor = rolls ? 1 : -step->learning_rate;
    return (struct expected){
        .M = t->O,
        .N = t->I,
        .K = t->B,
        .a = t->dz,
        .a_row = 1,
        .a_column = t->O,
        .c = t->x,
        .c_row = t->I,
        .c_column = 1,
        .alpha = factor,
        .rest = {{t->w, t->I, 1, (rolls ? 0 : 1) + factor * 2 * step->l2}, {t->v, t->I, 1, step->momentum}}};
}

/* The same of b, whose gradient is the sum of dZ's rows. */
static struct expected bias_update_of(const struct layer_trial *t, const struct step *step)
{
    static const float one = 1;
    const bool rolls = step->rule == RULE_MOMENTUM;
    return (struct expected){.M = 1,
                             .N = t->O,
                             .K = t->B,
                             .a = &one,
                             .c = t->dz,
                             .c_row = t->O,
                             .c_column = 1,
                             .alpha = rolls ? 1 : -step->learning_rate,
                             .rest = {{t->b, 0, 1, rolls ? 0 : 1}, {t->vb, 0, 1, step->momentum}}};
}

/* ---- comparing ---- */

static clm_status write_parameters(struct layer_trial *t, struct clm_error *error)
{
    clm_status status;
    if ((status = backend_write(t->be, &t->layer.W.value, HOST_FLOAT, t->w, error)) ||
        (status = backend_write(t->be, &t->layer.b.value, HOST_FLOAT, t->b, error)) ||
        t->use < LAYER_MOMENTUM ||
        (status = backend_write(t->be, &t->layer.W.state[0], HOST_FLOAT, t->v, error)))
        return status;
    return backend_write(t->be, &t->layer.b.state[0], HOST_FLOAT, t->vb, error);
}

static clm_status compare_both(const struct expected *e, const float *got, double *worst,
                               struct clm_error *error)
{
    double whole = NAN;
    const clm_status status = expected_whole(e, got, &whole, error);
    *worst = larger(*worst, larger(expected_samples(e, got), whole));
    return status;
}

/* Elements of every corner and of random places with what follows the product, and then the whole product without. */
static clm_status compare_product(struct layer_trial *t, enum product product, const struct expected *e,
                                  struct tensor *result, double *worst, struct clm_error *error)
{
    struct expected bare = *e;
    clm_status status;
    bare.cut = CUT_NOTHING;
    if ((status = write_parameters(t, error)) || (status = layer_trial_poison(t, result, error)) ||
        (status = run(t, product, true, error)) ||
        (status = backend_read(t->be, result, HOST_FLOAT, t->got, error)))
        return status;
    *worst = larger(*worst, expected_samples(e, t->got));
    if ((status = layer_trial_poison(t, result, error)) || (status = run(t, product, false, error)) ||
        (status = backend_read(t->be, result, HOST_FLOAT, t->got, error)))
        return status;
    return compare_both(&bare, t->got, worst, error);
}

/* after = before - rate velocity, of every element. */
static double compare_moves(const float *before, const float *velocity, const float *after, size_t count)
{
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double move = RATE * (double)velocity[i], size = fabs((double)before[i]) + fabs(move);
        const double bound = rounding_bound(3) * size + (double)FLT_MIN;
        worst = larger(worst, fabs((double)after[i] - ((double)before[i] - move)) / bound);
    }
    return worst;
}

/* Reads back what a step has made of fresh parameters, into t->after. */
static clm_status compare_step(struct layer_trial *t, const struct step *step, double *worst,
                               struct clm_error *error)
{
    const struct expected W = update_of(t, step), b = bias_update_of(t, step);
    clm_status status;
    if ((status = backend_read(t->be, &t->layer.W.value, HOST_FLOAT, t->after.w, error)) ||
        (status = backend_read(t->be, &t->layer.b.value, HOST_FLOAT, t->after.b, error)))
        return status;
    if (step->rule == RULE_SGD) {
        status = compare_both(&W, t->after.w, worst, error);
        return status ? status : compare_both(&b, t->after.b, worst, error);
    }
    if ((status = backend_read(t->be, &t->layer.W.state[0], HOST_FLOAT, t->after.v, error)) ||
        (status = backend_read(t->be, &t->layer.b.state[0], HOST_FLOAT, t->after.vb, error)) ||
        (status = compare_both(&W, t->after.v, worst, error)) ||
        (status = compare_both(&b, t->after.vb, worst, error)))
        return status;
    *worst = larger(*worst, larger(compare_moves(t->w, t->after.v, t->after.w, t->O * t->I),
                                   compare_moves(t->b, t->after.vb, t->after.b, t->O)));
    return CLM_OK;
}

/* The next batch's forward product, where the provider does it along with the update: of the parameters as they are
 * afterwards. The first `rows` rows are the next batch. */
static clm_status compare_fused(struct layer_trial *t, const struct step *step, size_t rows,
                                enum activation act, double *worst, struct clm_error *error)
{
    const struct expected e =
        forward_of(t, rows, t->after.w, t->after.b, act == ACTIVATION_RELU ? CUT_RELU : CUT_NOTHING);
    const struct tensor next_X = tensor_first_rows(&t->X, rows);
    struct tensor next_Y = tensor_first_rows(&t->Y, rows);
    clm_status status;
    if ((status = layer_trial_poison(t, &t->Y, error)) || (status = write_parameters(t, error)) ||
        (status = linear_update_forward(t->be, &t->dZ, &t->X, &t->layer, step, &next_X, EPILOGUE(act),
                                        &next_Y, error)) ||
        (status = compare_step(t, step, worst, error)) ||
        (status = backend_read(t->be, &next_Y, HOST_FLOAT, t->got, error)))
        return status;
    *worst = larger(*worst, expected_samples(&e, t->got));
    return act == ACTIVATION_RELU ? CLM_OK : compare_both(&e, t->got, worst, error);
}

/* Without and with momentum, alone and with the next batch's forward product: of as many rows, and of fewer. */
static clm_status compare_updates(struct layer_trial *t, double *worst, struct clm_error *error)
{
    const struct step *const steps[] = {&plain, &rolling};
    const int count = t->use >= LAYER_MOMENTUM ? 2 : 1;
    const size_t rows[] = {t->B, t->B - t->B / 3};
    clm_status status = CLM_OK;
    for (int i = 0; status == CLM_OK && i < count; i++)
        if ((status = write_parameters(t, error)) ||
            (status = linear_backward_update(t->be, &t->dZ, &t->X, &t->layer, steps[i], error)) ||
            (status = compare_step(t, steps[i], worst, error)))
            return status;
    for (int i = 0; status == CLM_OK && i < 2 && backend_looks_ahead(t->be, &t->layer, t->B); i++)
        status =
            compare_fused(t, steps[i % count], rows[i], i ? ACTIVATION_RELU : ACTIVATION_NONE, worst, error);
    return status;
}

clm_status layer_trial_judge(struct layer_trial *trial, enum product product, double *error_over_bound,
                             struct clm_error *error)
{
    const struct expected forward = forward_of(trial, trial->B, trial->w, trial->b, CUT_RELU),
                          input_gradient = layer_trial_input_gradient(trial, trial->dz, trial->w, CUT_MASK);
    double worst = 0;
    clm_status status = CLM_OK;
    *error_over_bound = NAN;
    switch (product) {
    case PRODUCT_FORWARD:
        status = compare_product(trial, product, &forward, &trial->Y, &worst, error);
        break;
    case PRODUCT_BACKWARD_INPUT:
        status = compare_product(trial, product, &input_gradient, &trial->dX, &worst, error);
        break;
    case PRODUCT_UPDATE:
    case PRODUCT_COUNT:
        status = compare_updates(trial, &worst, error);
        break;
    }
    if (status == CLM_OK)
        *error_over_bound = worst;
    return status;
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
    return clm_fail(error, CLM_ERROR_WRONG,
                    "it computes wrongly; an error of its %s of B=%zu I=%zu O=%zu is %g times its bound",
                    what, trial->B, trial->I, trial->O, error_over_bound);
}

static clm_status judge_all(struct layer_trial *t, struct clm_error *error)
{
    const struct backend_operations *const operations = t->be->operations;
    const int count = t->use >= LAYER_STEP ? PRODUCT_COUNT : 1;
    clm_status status = CLM_OK;
    double worst = NAN;
    for (int p = PRODUCT_FORWARD; status == CLM_OK && p < count; p++)
        if ((status = layer_trial_judge(t, (enum product)p, &worst, error)) == CLM_OK && !(worst <= 1))
            status = layer_trial_fail(t, product_name((enum product)p), worst, error);
    if (status == CLM_OK && t->use >= LAYER_STEP && operations->has_head &&
        operations->has_head(t->be, &t->layer, t->B))
        if ((status = layer_trial_judge_head(t, &worst, error)) == CLM_OK && !(worst <= 1))
            status = layer_trial_fail(t, "last layer with softmax", worst, error);
    return status;
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
