/* Opens a device without testing it. */
#include "compute/opencl/opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_KEPT ((uint64_t)512 << 20)

/* Bytes of a device's memory for a net and its data. The driver, and the screen, keep a part of a card's
 * memory that CL_DEVICE_GLOBAL_MEM_SIZE counts. */
static size_t memory_of(const struct clm_device *device)
{
    const uint64_t most = device->global_memory, kept = most / 10 > MEMORY_KEPT ? most / 10 : MEMORY_KEPT;
    return (size_t)(!device->has_own_memory ? most : most > 2 * kept ? most - kept : most / 2);
}

/* The handle of a listed device; NULL if it is gone. */
static clm_status open_handle_of(const struct clm_device *device, cl_device_id *out, struct clm_error *error)
{
    struct clm_device *about = NULL;
    cl_device_id *ids = NULL;
    size_t count = 0;
    *out = NULL;
    const clm_status status = opencl_devices(&about, &ids, &count, error);
    for (size_t d = 0; status == CLM_OK && d < count; d++)
        if (about[d].platform == device->platform && about[d].index == device->index)
            *out = ids[d];
    free(about);
    free(ids);
    return status || *out ? status
                          : clm_fail(error, CLM_ERROR_DEVICE, "%s (device %u:%u) is no longer there",
                                     device->name, device->platform, device->index);
}

clm_status opencl_open(const struct clm_device *device, const struct clm_backend_options *options,
                       struct clm_backend **out, struct clm_error *error)
{
    cl_device_id id;
    *out = NULL;
    if (device->reason[0])
        return clm_fail(error, CLM_ERROR_DEVICE, "%s", device->reason);
    clm_status status = open_handle_of(device, &id, error);
    if (status != CLM_OK)
        return status;
    struct opencl_backend *const own = calloc(1, sizeof *own);
    if (!own)
        return clm_fail_host_memory(error, "the opencl backend", sizeof *own);
    own->base = (struct clm_backend){
        .operations = &opencl_operations,
        .kind = CLM_BACKEND_OPENCL,
        .on_note = options->on_note,
        .note_user = options->note_user,
        .memory_limit = memory_of(device) / (options->parts ? options->parts : 1),
        .allocation_limit = (size_t)device->max_allocation,
        .limited_by = device->has_own_memory ? "CL_DEVICE_GLOBAL_MEM_SIZE, less what the driver keeps"
                                             : "CL_DEVICE_GLOBAL_MEM_SIZE"};
    snprintf(own->base.device, sizeof own->base.device, "%s", device->name);
    own->kernels = &own->own;
    uploads_start(&own->uploads);
    status = opencl_device_open(id, device, options->part, options->parts, &own->device, error);
    own->base.uses_host_memory = own->device.uses_host_memory;
    if (status == CLM_OK)
        status = kernels_build(&own->device, &own->own, error);
    const struct gemm_provider like = {.backend = &own->base, .device = &own->device, .kernels = &own->own};
    if (status == CLM_OK)
        status = dispatch_create(&like, options->gemm, &own->dispatch, error);
    if (status != CLM_OK) {
        opencl_close(&own->base);
        return status;
    }
    const size_t only = own->dispatch.only;
    snprintf(own->base.provider, sizeof own->base.provider, "%s",
             only == NO_PROVIDER ? "auto" : provider_name(&own->base, only));
    *out = &own->base;
    return CLM_OK;
}

clm_status provider_backend(struct clm_backend *be, size_t provider, struct clm_backend **out,
                            struct clm_error *error)
{
    struct opencl_backend *const first = self(be);
    *out = NULL;
    const clm_status status = provider_open(be, provider, error);
    if (status != CLM_OK)
        return status;
    struct opencl_backend *const second = calloc(1, sizeof *second);
    if (!second)
        return clm_fail_host_memory(error, "the opencl backend", sizeof *second);
    *second = (struct opencl_backend){
        .base = first->base, .device = first->device, .kernels = first->kernels, .is_second = true};
    second->base.memory = (struct memory_use){.now = be->memory.now, .peak = be->memory.now};
    second->base.notebook = NULL;
    second->base.free_notebook = NULL;
    second->device.profile = NULL;
    uploads_start(&second->uploads);
    dispatch_borrow(&first->dispatch, provider, &second->base, &second->dispatch);
    snprintf(second->base.provider, sizeof second->base.provider, "%s", provider_name(be, provider));
    *out = &second->base;
    return CLM_OK;
}

clm_status clm_devices_find(const char *selector, struct clm_device **devices, size_t *count,
                            struct clm_error *error)
{
    cl_device_id *ids = NULL;
    size_t found = 0;
    *count = 0;
    const clm_status status = opencl_devices(devices, &ids, &found, error);
    for (size_t d = 0; status == CLM_OK && d < found; d++)
        if (opencl_preference(&(*devices)[d], selector) > 0)
            (*devices)[(*count)++] = (*devices)[d];
    free(ids);
    return status;
}

void clm_devices_free(struct clm_device *devices)
{
    free(devices);
}

const struct clm_device *clm_backend_about(const struct clm_backend *backend)
{
    return backend->operations == &opencl_operations ? &((const struct opencl_backend *)backend)->device.about
                                                     : NULL;
}
