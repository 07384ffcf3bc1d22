#include "nn/optimise.h"

clm_status optimiser_create(struct clm_backend *be, const struct extras *extras,
                            struct parameter *const *parameters, size_t count, struct optimiser *out,
                            struct clm_error *error)
{
    *out = (struct optimiser){.be = be, .extras = *extras, .parameters = parameters, .count = count};
    return extras->clip_norm > 0 ? tensor_create(be, TENSOR_REAL, 1, 1, &out->scale, error) : CLM_OK;
}

void optimiser_free(struct optimiser *optimiser)
{
    if (!optimiser->be)
        return;
    tensor_free(optimiser->be, &optimiser->scale);
    *optimiser = (struct optimiser){0};
}

clm_status optimiser_step(struct optimiser *optimiser, const struct step *step, struct clm_error *error)
{
    const double most = optimiser->extras.clip_norm;
    struct step clipped = *step;
    if (most > 0) {
        const clm_status status = clip_factor(optimiser->be, optimiser->parameters, optimiser->count,
                                              step->l1, most, &optimiser->scale, error);
        if (status != CLM_OK)
            return status;
        clipped.gradient_scale = &optimiser->scale;
    }
    return parameters_step(optimiser->be, optimiser->parameters, optimiser->count, &clipped, error);
}
