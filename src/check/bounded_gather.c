/* Bounds of gather. */
#include "check/stage.h"

#include <float.h>
#include <math.h>

#define FLUSHED ((double)FLT_MIN)

/* The reference's rows, without the noise and the mixing where only what they are added to is wanted. */
static void gather_on(struct stage *stage, const struct resident *data, const struct tensor *order,
                      size_t first, const struct augmentation *augmentation, struct bounded *X,
                      struct bounded *labels, struct bounded *partners)
{
    struct tensor *const x = stage_room(stage, X->rows, X->columns);
    struct tensor *const classes = stage_put(stage, labels, SIDE_VALUE);
    struct augmentation copy = {0};
    if (augmentation)
        copy = *augmentation;
    if (partners)
        copy.partners = stage_put(stage, partners, SIDE_VALUE);
    if (stage->status == CLM_OK)
        stage->status = gather(stage->reference, data, order, first, augmentation ? &copy : NULL, x, classes,
                               stage->error);
    stage_take(stage, x, X->value);
    stage_take(stage, classes, labels->value);
    if (partners)
        stage_take(stage, copy.partners, partners->value);
}

/* X = λ (p + σ n) + (1 - λ) (p' + σ n'), with p = (value - mean) * scale of a row and p' of its partner. A p takes two roundings,
 * and σ and its product one each, before they are added; then the products with λ and 1 - λ and their sum are one each: 5
 * for any of them, and 6 with the reference's. A number n is at most NOISE_MOST, and a backend's off by NOISE_ERROR. */
static void bound_changed(const struct bounded *X, const struct bounded *plain,
                          const struct augmentation *augmentation)
{
    const size_t B = X->rows, I = X->columns;
    const bool is_mixed = augmentation->changes.mixup > 0;
    const size_t distance = is_mixed ? augmentation_distance(augmentation, B) : 0;
    const double share = augmentation_share(augmentation), noise = augmentation->changes.noise;
    for (size_t r = 0; r < B; r++)
        for (size_t i = 0; i < I; i++) {
            const double p = fabs(plain->value[r * I + i]),
                         other = fabs(plain->value[(r + distance) % B * I + i]);
            X->error[r * I + i] = gamma_of(6) * (share * p + (1 - share) * other + noise * NOISE_MOST) +
                                  noise * NOISE_ERROR * (1 + gamma_of(6)) + 8 * FLUSHED;
        }
}

/* X = (value - mean) * scale: two roundings of the result itself; moving and blanking are none. Data, mean and scale are as
 * written. */
clm_status bounded_gather(struct clm_backend *reference, const struct bounded_resident *data,
                          const struct bounded *order, size_t first, const struct augmentation *augmentation,
                          struct bounded *X, struct bounded *labels, struct bounded *partners,
                          struct clm_error *error)
{
    struct stage stage = {.reference = reference, .error = error};
    const struct resident resident = {.values = *stage_put(&stage, data->values, SIDE_VALUE),
                                      .labels = *stage_put(&stage, data->labels, SIDE_VALUE),
                                      .mean = *stage_put(&stage, data->mean, SIDE_VALUE),
                                      .scale = *stage_put(&stage, data->scale, SIDE_VALUE)};
    const struct tensor *const numbers = order ? stage_put(&stage, order, SIDE_VALUE) : NULL;
    gather_on(&stage, &resident, numbers, first, augmentation, X, labels, partners);
    for (size_t i = 0; i < bounded_count(X); i++)
        X->error[i] = gamma_of(3) * fabs(X->value[i]) + FLUSHED;
    if (augmentation && (augmentation->changes.noise > 0 || augmentation->changes.mixup > 0)) {
        struct augmentation bare = *augmentation;
        struct bounded plain;
        bare.changes.noise = bare.changes.mixup = 0;
        const clm_status status = bounded_create(TENSOR_REAL, X->rows, X->columns, &plain, error);
        if (stage.status == CLM_OK)
            stage.status = status;
        gather_on(&stage, &resident, numbers, first, &bare, &plain, labels, NULL);
        if (stage.status == CLM_OK)
            bound_changed(X, &plain, augmentation);
        bounded_free(&plain);
    }
    for (size_t r = 0; r < bounded_count(labels); r++)
        labels->error[r] = 0;
    for (size_t r = 0; partners && r < bounded_count(partners); r++)
        partners->error[r] = 0;
    return stage_end(&stage);
}
