/* Bounds of sums of two tensors. */
#include "prove/bounds/stage.h"

/* The largest that a number may be in size. */
static double largest_of(const struct tensor *tensor, size_t i)
{
    return fabs(values_of(tensor)[i]) + errors_of(tensor)[i];
}

/* Of share from: the share is rounded, and the product. Of a sum with it: one more, and of the difference
 * that a mean multiplies one more. The reference's own add one. A share between 0 and 1 takes its part of
 * both errors; roundings are of the largest that each term may be. */
static double blend_error(const struct blend *blend, size_t i, enum blend_way way, double share)
{
    const double from = largest_of(blend->from, i), from_error = errors_of(blend->from)[i];
    if (way == BLEND_SET)
        return share * from_error + gamma_of(3) * share * from + FLUSHED;
    const double into = largest_of(blend->into, i), into_error = errors_of(blend->into)[i];
    if (way == BLEND_ADD)
        return into_error + share * from_error + gamma_of(4) * (into + share * from) + 2 * FLUSHED;
    const double term = into + share * (from + into);
    return (1 - share) * into_error + share * from_error + gamma_of(5) * term + 3 * FLUSHED;
}

clm_status bounds_blends(struct clm_backend *be, const struct blend *list, size_t count, enum blend_way way,
                         double share, struct clm_error *error)
{
    clm_status status = CLM_OK;
    for (size_t b = 0; status == CLM_OK && b < count; b++) {
        struct tensor into = value_of(list[b].into), from = value_of(list[b].from);
        const struct blend values = {&into, &from};
        for (size_t i = 0; i < tensor_elements(&into); i++)
            errors_of(list[b].into)[i] = blend_error(&list[b], i, way, share);
        status = blends(bounds_reference(be), &values, 1, way, share, error);
    }
    return status;
}
