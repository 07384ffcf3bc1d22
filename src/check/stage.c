#include "check/stage.h"

#include <math.h>
#include <stdlib.h>

static struct tensor *room_of(struct stage *stage, enum tensor_type type, size_t rows, size_t columns)
{
    struct tensor *const tensor = &stage->tensors[stage->count++];
    if (stage->status == CLM_OK)
        stage->status = tensor_create(stage->reference, type, rows, columns, tensor, stage->error);
    return tensor;
}

struct tensor *stage_room(struct stage *stage, size_t rows, size_t columns)
{
    return room_of(stage, TENSOR_REAL, rows, columns);
}

struct tensor *stage_put(struct stage *stage, const struct bounded *matrix, enum side side)
{
    const size_t count = bounded_count(matrix);
    struct tensor *const tensor = room_of(stage, matrix->type, matrix->rows, matrix->columns);
    double *const content = malloc(count * sizeof *content);
    if (stage->status == CLM_OK && !content)
        stage->status = clm_fail_host_memory(stage->error, "a check", count * sizeof *content);
    for (size_t i = 0; stage->status == CLM_OK && i < count; i++)
        content[i] = side == SIDE_VALUE
                         ? matrix->value[i]
                         : fabs(matrix->value[i]) + (side == SIDE_OUTER ? matrix->error[i] : 0);
    if (stage->status == CLM_OK)
        stage->status = doubles_write(stage->reference, tensor, content, stage->error);
    free(content);
    return tensor;
}

void stage_take(struct stage *stage, const struct tensor *tensor, double *out)
{
    if (stage->status == CLM_OK)
        stage->status = doubles_read(stage->reference, tensor, out, stage->error);
}

clm_status stage_end(struct stage *stage)
{
    for (size_t i = 0; i < stage->count; i++)
        tensor_free(stage->reference, &stage->tensors[i]);
    stage->count = 0;
    return stage->status;
}
