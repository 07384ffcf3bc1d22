/* Tensors in buffers of the device, and copies between them and the host's memory. */
#include "base/size.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/recording.h"
#include "compute/opencl/status.h"

#include <stdint.h>
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

/* Whether host memory and the device hold the same bytes for this tensor. */
static bool is_alike(const struct tensor *tensor, enum host_type type)
{
    return !tensor->panel && type != HOST_DOUBLE;
}

#define BLOCK 16 /* columns of a panel that are copied at once: they stay in the first cache */

/* Copies some columns of a row between host memory and the device's layout, a row of which begins at `row`
 * and has its elements `step` floats apart. */
static void copy_columns(float *row, size_t step, enum host_type type, void *host, size_t first, size_t end,
                         bool is_to_host)
{
    float *const singles = host;
    double *const doubles = host;
    for (size_t c = first; c < end; c++)
        if (type == HOST_FLOAT && is_to_host)
            singles[c] = row[c * step];
        else if (type == HOST_FLOAT)
            row[c * step] = singles[c];
        else if (is_to_host)
            doubles[c] = row[c * step];
        else
            row[c * step] = (float)doubles[c];
}

/* Copies a tensor between row-major host memory and the device's layout. */
static void copy_tensor(const struct tensor *tensor, float *floats, enum host_type type, void *host,
                        bool is_to_host)
{
    const size_t P = tensor->panel ? tensor->panel : 1, I = tensor->columns, wide = tensor->panel ? BLOCK : I;
    const size_t size = type == HOST_FLOAT ? sizeof(float) : sizeof(double);
    for (size_t first = 0; first < tensor->rows; first += P)
        for (size_t c = 0; c < I; c += wide)
            for (size_t r = first; r < size_min(first + P, tensor->rows); r++)
                copy_columns(floats + first * I + (r - first), P, type, (char *)host + r * I * size, c,
                             size_min(c + wide, I), is_to_host);
}

/* The floats of a tensor in the device's layout, from row-major host memory; zeros after its last row. The
 * caller frees them. */
static float *floats_from(const struct tensor *tensor, enum host_type type, const void *host)
{
    float *const floats = calloc(tensor_room(tensor), sizeof *floats);
    if (floats)
        copy_tensor(tensor, floats, type, (void *)(uintptr_t)host, false); /* which only reads it */
    return floats;
}

clm_status opencl_write(struct clm_backend *be, struct tensor *tensor, enum host_type type, const void *host,
                        struct clm_error *error)
{
    const size_t bytes = tensor_room(tensor) * be->operations->element_sizes[tensor->type];
    float *const floats = is_alike(tensor, type) ? NULL : floats_from(tensor, type, host);
    if (!is_alike(tensor, type) && !floats)
        return clm_fail_host_memory(error, "write", bytes);
    const void *const content = floats ? floats : host;
    const clm_status status = record_write(&self(be)->device, tensor->memory, content, bytes, error);
    cl_int code = CL_SUCCESS;
    if (status == CLM_OK)
        code = clEnqueueWriteBuffer(self(be)->device.queue, tensor->memory, CL_TRUE, 0, bytes, content, 0,
                                    NULL, NULL);
    free(floats);
    return status || code == CL_SUCCESS ? status : opencl_fail(error, "write", "clEnqueueWriteBuffer", code);
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
        copy_tensor(tensor, floats, type, host, true);
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
