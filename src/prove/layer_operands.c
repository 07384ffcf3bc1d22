#include "prove/layer_operands.h"

#include "base/philox.h"
#include "base/size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static clm_status draw(struct philox *random, size_t count, float **out, struct clm_error *error)
{
    *out = malloc(count * sizeof **out);
    if (!*out)
        return clm_fail_host_memory(error, "a trial of products", count * sizeof **out);
    for (size_t i = 0; i < count; i++)
        (*out)[i] = (float)(int32_t)philox_next(random) * 0x1p-31f;
    return CLM_OK;
}

static clm_status draw_host(struct layer_trial *t, struct clm_error *error)
{
    struct philox random = philox_start(1, RANDOM_TEST, 1);
    const size_t B = t->B, I = t->I, O = t->O;
    const struct {
        float **out;
        size_t count;
    } arrays[] = {{&t->x, B * I},
                  {&t->dz, B * O},
                  {&t->w, O * I},
                  {&t->b, O},
                  {&t->v, O * I},
                  {&t->vb, O},
                  {&t->after.w, O * I},
                  {&t->after.b, O},
                  {&t->after.v, O * I},
                  {&t->after.vb, O},
                  {&t->got, size_max(B * O, size_max(B * I, O * I))},
                  {&t->input, B * I}};
    clm_status status = CLM_OK;
    for (size_t i = 0; status == CLM_OK && i < sizeof arrays / sizeof *arrays; i++)
        status = draw(&random, arrays[i].count, arrays[i].out, error);
    /* as behind a ReLU, whose mask tells 0 from what is above it */
    for (size_t i = 0; status == CLM_OK && i < B * I; i++)
        t->x[i] = t->x[i] > 0.5f ? 0 : t->x[i];
    if (status == CLM_OK && !(t->classes = malloc(B * sizeof *t->classes)))
        status = clm_fail_host_memory(error, "a trial of products", B * sizeof *t->classes);
    for (size_t r = 0; status == CLM_OK && r < B; r++)
        t->classes[r] = philox_below(&random, (uint32_t)O);
    return status;
}

static clm_status create_tensors(struct layer_trial *t, struct clm_error *error)
{
    const size_t B = t->B, I = t->I, O = t->O, widths[2] = {I, O};
    clm_status status;
    if ((status = backend_prepare(t->be, widths, 2, NULL, RULE_COUNT, B, error)) ||
        (status = tensor_create(t->be, TENSOR_REAL, B, I, &t->X, error)) ||
        (status = tensor_create(t->be, TENSOR_REAL, B, O, &t->Y, error)) ||
        (status = weights_create(t->be, O, I, B, &t->layer.W.value, error)) ||
        (status = tensor_create(t->be, TENSOR_REAL, 1, O, &t->layer.b.value, error)))
        return status;
    if (t->use >= LAYER_STEP && ((status = tensor_create(t->be, TENSOR_REAL, B, O, &t->dZ, error)) ||
                                 (status = tensor_create(t->be, TENSOR_REAL, B, I, &t->dX, error)) ||
                                 (status = tensor_create(t->be, TENSOR_INDEX, 1, B, &t->labels, error)) ||
                                 (status = metrics_create(t->be, &t->sums, error))))
        return status;
    if (t->use >= LAYER_MOMENTUM &&
        ((status = weights_create(t->be, O, I, B, &t->layer.W.state[0], error)) ||
         (status = tensor_create(t->be, TENSOR_REAL, 1, O, &t->layer.b.state[0], error))))
        return status;
    return CLM_OK;
}

static void free_tensors(struct layer_trial *t)
{
    struct tensor *const tensors[] = {&t->X,
                                      &t->dZ,
                                      &t->Y,
                                      &t->dX,
                                      &t->labels,
                                      &t->layer.W.value,
                                      &t->layer.b.value,
                                      &t->layer.W.state[0],
                                      &t->layer.b.state[0]};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        tensor_free(t->be, tensors[i]);
    metrics_free(t->be, &t->sums);
}

static clm_status check_memory(struct layer_trial *t, struct clm_error *error)
{
    char what[96];
    memory_plan_begin(t->be);
    const clm_status status = create_tensors(t, error);
    free_tensors(t);
    const size_t bytes = memory_plan_end(t->be);
    snprintf(what, sizeof what, "trying a layer of B=%zu I=%zu O=%zu before it is used", t->B, t->I, t->O);
    return status ? status
                  : memory_check(t->be, what, bytes, "take smaller batches or layers, or the blas backend",
                                 "batch hidden backend", error);
}

static clm_status write_tensors(struct layer_trial *t, struct clm_error *error)
{
    clm_status status = backend_write(t->be, &t->X, HOST_FLOAT, t->x, error);
    if (status != CLM_OK || t->use < LAYER_STEP)
        return status;
    status = backend_write(t->be, &t->dZ, HOST_FLOAT, t->dz, error);
    return status ? status : backend_write(t->be, &t->labels, HOST_INDEX, t->classes, error);
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
    if ((status = check_memory(trial, error)) || (status = draw_host(trial, error)) ||
        (status = create_tensors(trial, error)) || (status = write_tensors(trial, error))) {
        layer_trial_close(trial);
        return status;
    }
    *out = trial;
    return CLM_OK;
}

void layer_trial_close(struct layer_trial *trial)
{
    if (!trial)
        return;
    free_tensors(trial);
    void *const arrays[] = {trial->x,       trial->dz,      trial->w,       trial->b,     trial->v,
                            trial->vb,      trial->classes, trial->got,     trial->input, trial->after.w,
                            trial->after.b, trial->after.v, trial->after.vb};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    free(trial);
}

clm_status layer_trial_poison(struct layer_trial *t, struct tensor *result, struct clm_error *error)
{
    for (size_t i = 0; i < result->rows * result->columns; i++)
        t->got[i] = NAN;
    return backend_write(t->be, result, HOST_FLOAT, t->got, error);
}

struct expected layer_trial_input_gradient(const struct layer_trial *t, const float *dz, const float *w,
                                           enum cut cut)
{
    return (struct expected){.M = t->B,
                             .N = t->I,
                             .K = t->O,
                             .a = dz,
                             .a_row = t->O,
                             .a_column = 1,
                             .c = w,
                             .c_row = t->I,
                             .c_column = 1,
                             .alpha = 1,
                             .cut = cut,
                             .mask = t->x};
}
