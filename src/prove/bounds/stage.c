#include "prove/bounds/stage.h"

struct stage stage_of(struct clm_backend *bounds, struct clm_error *error)
{
    return (struct stage){.reference = bounds_reference(bounds), .error = error};
}

struct tensor *stage_room(struct stage *stage, size_t rows, size_t columns)
{
    struct tensor *const tensor = &stage->tensors[stage->count++];
    if (stage->status == CLM_OK)
        stage->status = tensor_create(stage->reference, TENSOR_REAL, rows, columns, tensor, stage->error);
    return tensor;
}

struct tensor *stage_put(struct stage *stage, const struct tensor *of, enum side side)
{
    struct tensor *const tensor = stage_room(stage, of->rows, of->columns);
    const double *const values = values_of(of), *const errors = errors_of(of);
    double *const out = tensor->memory;
    for (size_t i = 0; stage->status == CLM_OK && i < tensor_elements(of); i++)
        out[i] = fabs(values[i]) + (side == SIDE_OUTER ? errors[i] : 0);
    return tensor;
}

clm_status stage_end(struct stage *stage)
{
    for (size_t i = 0; i < stage->count; i++)
        tensor_free(stage->reference, &stage->tensors[i]);
    stage->count = 0;
    return stage->status;
}
