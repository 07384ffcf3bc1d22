#include "train/resident.h"

clm_status resident_create(struct clm_backend *be, const struct clm_data *data, size_t rows,
                           struct resident *out, struct clm_error *error)
{
    const size_t I = data->features;
    const enum tensor_type type = data->element == ELEMENT_BYTE ? TENSOR_BYTE : TENSOR_REAL;
    clm_status status;
    *out = (struct resident){0};
    if (rows > UINT32_MAX)
        return clm_fail(error, CLM_ERROR_SHAPE,
                        "a data set of %zu rows is over the %u that rows are counted in; use --limit", rows,
                        UINT32_MAX);
    if ((status = tensor_create(be, type, rows, I, &out->values, error)) ||
        (status = tensor_create(be, TENSOR_INDEX, 1, rows, &out->labels, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, I, &out->mean, error)) ||
        (status = tensor_create(be, TENSOR_REAL, 1, I, &out->scale, error)))
        resident_free(be, out);
    return status;
}

void resident_free(struct clm_backend *be, struct resident *resident)
{
    tensor_free(be, &resident->values);
    tensor_free(be, &resident->labels);
    tensor_free(be, &resident->mean);
    tensor_free(be, &resident->scale);
}

clm_status resident_write(struct clm_backend *be, struct resident *resident, const struct rows *rows,
                          const struct clm_model *model, struct clm_error *error)
{
    const enum host_type type = resident->values.type == TENSOR_BYTE ? HOST_BYTE : HOST_FLOAT;
    clm_status status;
    if ((status = backend_write(be, &resident->values, type, rows->values, error)) ||
        (status = backend_write(be, &resident->labels, HOST_INDEX, rows->labels, error)) ||
        (status = backend_write(be, &resident->mean, HOST_FLOAT, model->mean, error)) ||
        (status = backend_write(be, &resident->scale, HOST_FLOAT, model->scale, error)))
        return status;
    return CLM_OK;
}

size_t resident_bytes(const struct resident *resident)
{
    return resident->values.bytes + resident->labels.bytes + resident->mean.bytes + resident->scale.bytes;
}
