#include "compute/opencl/trial_operands.h"

#include "base/philox.h"
#include "base/size.h"

#include <math.h>
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

static clm_status draw_host(struct trial *t, struct clm_error *error)
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

static clm_status create(struct trial *t, size_t panel, struct clm_error *error)
{
    const size_t B = t->B, I = t->I, O = t->O;
    clm_status status;
    if ((status = draw_host(t, error)) || (status = tensor_create(t->be, TENSOR_REAL, B, I, &t->X, error)) ||
        (status = tensor_create(t->be, TENSOR_REAL, B, O, &t->dZ, error)) ||
        (status = tensor_create(t->be, TENSOR_REAL, B, O, &t->Y, error)) ||
        (status = tensor_create(t->be, TENSOR_REAL, B, I, &t->dX, error)) ||
        (status = tensor_create(t->be, TENSOR_INDEX, 1, B, &t->labels, error)) ||
        (status = panels_create(t->be, O, I, panel, &t->layer.W.value, error)) ||
        (status = panels_create(t->be, O, I, panel, &t->layer.W.state[0], error)) ||
        (status = tensor_create(t->be, TENSOR_REAL, 1, O, &t->layer.b.value, error)) ||
        (status = tensor_create(t->be, TENSOR_REAL, 1, O, &t->layer.b.state[0], error)) ||
        (status = metrics_create(t->be, &t->sums, error)) ||
        (status = backend_write(t->be, &t->X, HOST_FLOAT, t->x, error)) ||
        (status = backend_write(t->be, &t->dZ, HOST_FLOAT, t->dz, error)))
        return status;
    return backend_write(t->be, &t->labels, HOST_INDEX, t->classes, error);
}

clm_status trial_open(const struct gemm_provider *gemm, size_t B, size_t I, size_t O, struct trial **out,
                      struct clm_error *error)
{
    struct trial *const trial = calloc(1, sizeof *trial);
    *out = NULL;
    if (!trial)
        return clm_fail_host_memory(error, "a trial of products", sizeof *trial);
    *trial = (struct trial){.be = gemm->backend, .B = B, .I = I, .O = O};
    const size_t panel = gemm->operations->panel ? gemm->operations->panel(gemm, trial->B, I, O) : 0;
    const clm_status status = create(trial, panel, error);
    if (status == CLM_OK)
        *out = trial;
    else
        trial_close(trial);
    return status;
}

void trial_close(struct trial *trial)
{
    if (!trial)
        return;
    struct tensor *const tensors[] = {&trial->X,
                                      &trial->dZ,
                                      &trial->Y,
                                      &trial->dX,
                                      &trial->labels,
                                      &trial->layer.W.value,
                                      &trial->layer.b.value,
                                      &trial->layer.W.state[0],
                                      &trial->layer.b.state[0]};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        tensor_free(trial->be, tensors[i]);
    metrics_free(trial->be, &trial->sums);
    void *const arrays[] = {trial->x,       trial->dz,      trial->w,       trial->b,     trial->v,
                            trial->vb,      trial->classes, trial->got,     trial->input, trial->after.w,
                            trial->after.b, trial->after.v, trial->after.vb};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free(arrays[i]);
    free(trial);
}

clm_status trial_poison(struct trial *t, struct tensor *result, struct clm_error *error)
{
    for (size_t i = 0; i < result->rows * result->columns; i++)
        t->got[i] = NAN;
    return backend_write(t->be, result, HOST_FLOAT, t->got, error);
}

struct expected trial_input_gradient(const struct trial *t, const float *dz, const float *w, enum cut cut)
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
