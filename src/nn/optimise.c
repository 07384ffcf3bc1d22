#include "nn/optimise.h"

#include "base/size.h"

#include <math.h>
#include <stdlib.h>

/* ---- memory ---- */

/* A tensor for each parameter, like its value. */
static clm_status create_tensors(const struct optimiser *optimiser, struct tensor *out,
                                 struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t p = 0; status == CLM_OK && p < optimiser->count; p++)
        status = tensor_create_like(optimiser->be, &optimiser->parameters[p]->value, &out[p], error);
    return status;
}

clm_status optimiser_create(struct clm_backend *be, const struct extras *extras,
                            struct parameter *const *parameters, size_t count, struct optimiser *out,
                            struct clm_error *error)
{
    const size_t room = size_max(count, 1);
    clm_status status = CLM_OK;
    *out = (struct optimiser){.be = be,
                              .extras = *extras,
                              .parameters = parameters,
                              .count = count,
                              .averages = calloc(room, sizeof *out->averages),
                              .totals = calloc(room, sizeof *out->totals),
                              .pairs = calloc(room, sizeof *out->pairs)};
    if (!out->averages || !out->totals || !out->pairs)
        return clm_fail_host_memory(error, "an optimiser", room * sizeof *out->averages);
    if (extras->clip_norm > 0)
        status = tensor_create(be, TENSOR_REAL, 1, 1, &out->scale, error);
    if (status == CLM_OK && extras->average > 0)
        status = create_tensors(out, out->averages, error);
    if (status == CLM_OK && extras->has_parts)
        status = create_tensors(out, out->totals, error);
    return status;
}

void optimiser_free(struct optimiser *optimiser)
{
    if (!optimiser->be)
        return;
    tensor_free(optimiser->be, &optimiser->scale);
    for (size_t p = 0; p < optimiser->count; p++) {
        if (optimiser->averages)
            tensor_free(optimiser->be, &optimiser->averages[p]);
        if (optimiser->totals)
            tensor_free(optimiser->be, &optimiser->totals[p]);
    }
    free(optimiser->averages);
    free(optimiser->totals);
    free(optimiser->pairs);
    *optimiser = (struct optimiser){0};
}

static size_t bytes_of(const struct tensor *tensors, size_t count)
{
    size_t bytes = 0;
    for (size_t p = 0; p < count; p++)
        bytes += tensors[p].bytes;
    return bytes;
}

size_t optimiser_average_bytes(const struct optimiser *optimiser)
{
    return bytes_of(optimiser->averages, optimiser->count);
}

size_t optimiser_bytes(const struct optimiser *optimiser)
{
    return optimiser->scale.bytes + bytes_of(optimiser->totals, optimiser->count);
}

/* ---- the average ---- */

static bool has_average(const struct optimiser *optimiser)
{
    return optimiser->extras.average > 0;
}

static clm_status blend_averages(struct optimiser *optimiser, enum blend_way way, double share,
                                 struct clm_error *error)
{
    for (size_t p = 0; p < optimiser->count; p++)
        optimiser->pairs[p] = (struct blend){&optimiser->averages[p], &optimiser->parameters[p]->value};
    return blends(optimiser->be, optimiser->pairs, optimiser->count, way, share, error);
}

clm_status optimiser_begin(struct optimiser *optimiser, struct clm_error *error)
{
    return has_average(optimiser) ? blend_averages(optimiser, BLEND_SET, 1, error) : CLM_OK;
}

clm_status optimiser_average(struct optimiser *optimiser, size_t number, struct clm_error *error)
{
    const double t = (double)number, decay = fmin(optimiser->extras.average, (1 + t) / (10 + t));
    return has_average(optimiser) ? blend_averages(optimiser, BLEND_MEAN, 1 - decay, error) : CLM_OK;
}

static void exchange(struct tensor *a, struct tensor *b)
{
    const struct tensor first = *a;
    *a = *b;
    *b = first;
}

void optimiser_exchange(struct optimiser *optimiser)
{
    for (size_t p = 0; has_average(optimiser) && p < optimiser->count; p++)
        exchange(&optimiser->averages[p], &optimiser->parameters[p]->value);
}

/* ---- the step ---- */

clm_status optimiser_add(struct optimiser *optimiser, double share, bool is_first, struct clm_error *error)
{
    for (size_t p = 0; p < optimiser->count; p++)
        optimiser->pairs[p] = (struct blend){&optimiser->totals[p], &optimiser->parameters[p]->gradient};
    return blends(optimiser->be, optimiser->pairs, optimiser->count, is_first ? BLEND_SET : BLEND_ADD, share,
                  error);
}

static clm_status step_from_gradients(struct optimiser *optimiser, const struct step *step,
                                      struct clm_error *error)
{
    const double most = optimiser->extras.clip_norm;
    struct step clipped = *step;
    clm_status status = CLM_OK;
    if (most > 0) {
        status = clip_factor(optimiser->be, optimiser->parameters, optimiser->count, step->l1, most,
                             &optimiser->scale, error);
        clipped.gradient_scale = &optimiser->scale;
    }
    return status ? status
                  : parameters_step(optimiser->be, optimiser->parameters, optimiser->count, &clipped, error);
}

static void exchange_totals(struct optimiser *optimiser)
{
    for (size_t p = 0; p < optimiser->count; p++)
        exchange(&optimiser->totals[p], &optimiser->parameters[p]->gradient);
}

clm_status optimiser_step(struct optimiser *optimiser, const struct step *step, bool has_parts,
                          struct clm_error *error)
{
    if (!has_parts)
        return step_from_gradients(optimiser, step, error);
    exchange_totals(optimiser);
    const clm_status status = step_from_gradients(optimiser, step, error);
    exchange_totals(optimiser);
    return status;
}
