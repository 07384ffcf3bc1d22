/* Bounds of gather. */
#include "prove/bounds/stage.h"

/* X = λ (p + σ n) + (1 - λ) (p' + σ n'), with p = (value - mean) * scale of a row and p' of its partner. A p
 * takes two roundings; σ, its product and the addition take one each. The products with λ and 1 - λ and their
 * sum take one each. Each term thus has at most 5, and 6 with the reference's. |n| is at most NOISE_MOST, and
 * a backend's n is off by at most NOISE_ERROR. */
static void changed_errors(const struct tensor *X, const struct tensor *plain,
                           const struct augmentation *augmentation)
{
    const size_t B = X->rows, I = X->columns;
    const double *const values = plain->memory;
    const bool is_mixed = augmentation->changes.mixup > 0;
    const size_t distance = is_mixed ? augmentation_distance(augmentation, B) : 0;
    const double share = augmentation_share(augmentation), noise = augmentation->changes.noise;
    for (size_t r = 0; r < B; r++)
        for (size_t i = 0; i < I; i++) {
            const double p = fabs(values[r * I + i]), other = fabs(values[(r + distance) % B * I + i]);
            errors_of(X)[r * I + i] = gamma_of(6) * (share * p + (1 - share) * other + noise * NOISE_MOST) +
                                      noise * NOISE_ERROR * (1 + gamma_of(6)) + 8 * FLUSHED;
        }
}

/* X = (value - mean) * scale: two roundings of the result itself; moving and blanking add none. Data, mean
 * and scale are exact. */
clm_status bounds_gather(struct clm_backend *be, const struct resident *data, const struct tensor *order,
                         size_t first, const struct augmentation *augmentation, struct tensor *X,
                         struct tensor *labels, struct clm_error *error)
{
    const struct resident resident = {value_of(&data->values), value_of(&data->labels), value_of(&data->mean),
                                      value_of(&data->scale)};
    const struct tensor numbers = order ? value_of(order) : (struct tensor){0};
    struct tensor x = value_of(X), classes = value_of(labels), partners = {0};
    struct augmentation changes = {0};
    struct stage stage = stage_of(be, error);
    if (augmentation)
        changes = *augmentation;
    if (changes.partners) {
        partners = value_of(changes.partners);
        changes.partners = &partners;
    }
    stage.status = gather(stage.reference, &resident, order ? &numbers : NULL, first,
                          augmentation ? &changes : NULL, &x, &classes, error);
    for (size_t i = 0; stage.status == CLM_OK && i < tensor_elements(X); i++)
        errors_of(X)[i] = gamma_of(3) * fabs(values_of(X)[i]) + FLUSHED;
    if (stage.status == CLM_OK && (changes.changes.noise > 0 || changes.changes.mixup > 0)) {
        struct augmentation bare = changes; /* rows as they are before noise and mixup */
        struct tensor *const plain = stage_room(&stage, X->rows, X->columns);
        bare.changes.noise = bare.changes.mixup = 0;
        if (stage.status == CLM_OK)
            stage.status = gather(stage.reference, &resident, order ? &numbers : NULL, first, &bare, plain,
                                  &classes, error);
        if (stage.status == CLM_OK)
            changed_errors(X, plain, &changes);
    }
    return stage_end(&stage);
}

/* A copy: only a number that a device may flush changes. The data set's weights are exact. */
clm_status bounds_gather_weights(struct clm_backend *be, const struct tensor *weights,
                                 const struct tensor *order, size_t first, size_t turn, struct tensor *out,
                                 struct clm_error *error)
{
    const struct tensor from = value_of(weights), numbers = order ? value_of(order) : (struct tensor){0};
    struct tensor to = value_of(out);
    for (size_t r = 0; r < tensor_elements(out); r++)
        errors_of(out)[r] = FLUSHED;
    return gather_weights(bounds_reference(be), &from, order ? &numbers : NULL, first, turn, &to, error);
}
