/* Tensors in buffers of the device, and copies between them and the host's memory. */
#include "compute/opencl/opencl.h"
#include "compute/opencl/status.h"

#include <stdlib.h>

clm_status opencl_allocate(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *error)
{
    cl_int code;
    *memory = clCreateBuffer(self(be)->device.context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    return *memory ? CLM_OK : opencl_fail(error, "a buffer", "clCreateBuffer", code);
}

void opencl_release(struct clm_backend *be, void *memory)
{
    (void)be;
    clReleaseMemObject(memory);
}

/* The place of element (row, column) in the tensor's memory. */
static size_t place_of(const struct tensor *tensor, size_t row, size_t column)
{
    const size_t P = tensor->panel;
    return P ? (row / P * tensor->columns + column) * P + row % P : row * tensor->columns + column;
}

/* Whether host memory and the device hold the same bytes for this tensor. */
static bool is_alike(const struct tensor *tensor, enum host_type type)
{
    return !tensor->panel && type != HOST_DOUBLE;
}

/* The floats of a tensor in the device's layout, from row-major host memory; zeros after its last row. The
 * caller frees them. */
static float *floats_from(const struct tensor *tensor, enum host_type type, const void *host)
{
    float *const floats = calloc(tensor_room(tensor), sizeof *floats);
    for (size_t r = 0; floats && r < tensor->rows; r++)
        for (size_t c = 0; c < tensor->columns; c++) {
            const size_t at = r * tensor->columns + c;
            floats[place_of(tensor, r, c)] =
                type == HOST_DOUBLE ? (float)((const double *)host)[at] : ((const float *)host)[at];
        }
    return floats;
}

static void floats_to(const struct tensor *tensor, enum host_type type, const float *floats, void *host)
{
    for (size_t r = 0; r < tensor->rows; r++)
        for (size_t c = 0; c < tensor->columns; c++) {
            const size_t at = r * tensor->columns + c;
            const float value = floats[place_of(tensor, r, c)];
            if (type == HOST_DOUBLE)
                ((double *)host)[at] = value;
            else
                ((float *)host)[at] = value;
        }
}

clm_status opencl_write(struct clm_backend *be, struct tensor *tensor, enum host_type type, const void *host,
                        struct clm_error *error)
{
    const size_t bytes = tensor_room(tensor) * be->operations->element_sizes[tensor->type];
    float *const floats = is_alike(tensor, type) ? NULL : floats_from(tensor, type, host);
    if (!is_alike(tensor, type) && !floats)
        return clm_fail_host_memory(error, "write", bytes);
    const cl_int code = clEnqueueWriteBuffer(self(be)->device.queue, tensor->memory, CL_TRUE, 0, bytes,
                                             floats ? floats : host, 0, NULL, NULL);
    free(floats);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, "write", "clEnqueueWriteBuffer", code);
}

clm_status opencl_read(struct clm_backend *be, const struct tensor *tensor, enum host_type type, void *host,
                       struct clm_error *error)
{
    const size_t bytes = tensor_room(tensor) * be->operations->element_sizes[tensor->type];
    float *const floats = is_alike(tensor, type) ? NULL : malloc(bytes);
    if (!is_alike(tensor, type) && !floats)
        return clm_fail_host_memory(error, "read", bytes);
    const cl_int code = clEnqueueReadBuffer(self(be)->device.queue, tensor->memory, CL_TRUE, 0, bytes,
                                            floats ? floats : host, 0, NULL, NULL);
    if (floats && code == CL_SUCCESS)
        floats_to(tensor, type, floats, host);
    free(floats);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, "read", "clEnqueueReadBuffer", code);
}

clm_status opencl_write_part(struct clm_backend *be, struct tensor *tensor, size_t first, size_t count,
                             enum host_type type, const void *host, struct clm_error *error)
{
    (void)type;
    const size_t size = be->operations->element_sizes[tensor->type];
    struct opencl_backend *const own = self(be);
    return uploads_send(&own->uploads, &own->device, tensor->memory, first * size, host, count * size, error);
}
