/* Which device is opened, and as what. */
#include "compute/opencl/gemm/providers.h"
#include "compute/opencl/opencl.h"
#include "compute/opencl/selftest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who multiplies on this device, by name: auto (or NULL), what auto takes unmeasured, or a candidate of its own. */
static clm_status choose_provider(const char *name, const struct clm_device *about,
                                  const struct gemm_operations **out, struct clm_error *error)
{
    if (!name || !strcmp(name, "auto")) {
        *out = &gemm_auto;
        return CLM_OK;
    }
    const struct gemm_candidate *const candidate =
        !strcmp(name, "default") ? gemm_candidate_first(about) : gemm_candidate_for(name, about);
    if (!candidate)
        return clm_fail_setting(error, CLM_ERROR_ARGUMENT, "gemm",
                                "no provider of products is called %s on %s; take auto or clblast", name,
                                about->name);
    *out = candidate->operations;
    return CLM_OK;
}

static clm_status open_one(cl_device_id id, const struct clm_device *about,
                           const struct clm_backend_options *options, struct clm_backend **out,
                           struct clm_error *error)
{
    const struct gemm_operations *gemm = NULL;
    *out = NULL;
    if (about->reason[0])
        return clm_fail(error, CLM_ERROR_DEVICE, "%s", about->reason);
    clm_status status = choose_provider(options->gemm, about, &gemm, error);
    if (status != CLM_OK)
        return status;
    struct opencl_backend *own = calloc(1, sizeof *own);
    if (!own)
        return clm_fail_host_memory(error, "the opencl backend", sizeof *own);
    own->base = (struct clm_backend){.operations = &opencl_operations,
                                     .kind = CLM_BACKEND_OPENCL,
                                     .on_note = options->on_note,
                                     .note_user = options->note_user,
                                     .memory_limit = (size_t)about->global_memory,
                                     .allocation_limit = (size_t)about->max_allocation,
                                     .limited_by = "CL_DEVICE_GLOBAL_MEM_SIZE"};
    snprintf(own->base.device, sizeof own->base.device, "%s", about->name);
    snprintf(own->base.provider, sizeof own->base.provider, "%s", gemm->name);
    own->gemm = (struct gemm_provider){
        .operations = gemm, .backend = &own->base, .device = &own->device, .kernels = &own->kernels};
    own->is_trusted = options->skip_self_test;
    status = opencl_device_open(id, about, &own->device, error);
    own->base.uses_host_memory = own->device.uses_host_memory;
    if (status == CLM_OK)
        status = kernels_build(&own->device, &own->kernels, error);
    if (status == CLM_OK && gemm->open)
        status = gemm->open(&own->gemm, error);
    if (status == CLM_OK && !options->skip_self_test)
        status = opencl_self_test(&own->base, error);
    if (status == CLM_OK && gemm == &gemm_auto)
        gemm_auto_forget_use(&own->gemm);
    if (status != CLM_OK) {
        opencl_close(&own->base);
        return status;
    }
    *out = &own->base;
    return CLM_OK;
}

/* Opens the device that the selector prefers; where that fails and the choice is ours, the next. *taken is its place
 * in `about`. */
static clm_status open_preferred(const struct clm_backend_options *options, const struct clm_device *about,
                                 const cl_device_id *ids, size_t count, struct clm_backend **out,
                                 size_t *taken, struct clm_error *error)
{
    clm_status status =
        count && options->device
            ? clm_fail_setting(
                  error, CLM_ERROR_DEVICE, "device",
                  "no OpenCL device is %s; choose one by \"gpu\", \"cpu\", its platform and number, or part of its name",
                  options->device)
            : clm_fail_setting(
                  error, CLM_ERROR_DEVICE, "backend",
                  "the OpenCL platforms have no device; update or install the device's driver, or take the blas backend");
    for (int wanted = 4; wanted > 0; wanted--)
        for (size_t d = 0; d < count; d++) {
            if (opencl_preference(&about[d], options->device) != wanted)
                continue;
            status = open_one(ids[d], &about[d], options, out, error);
            *taken = d;
            if (status == CLM_OK)
                return CLM_OK;
        }
    return status;
}

clm_status opencl_open(const struct clm_backend_options *options, struct clm_backend **out,
                       struct clm_error *error)
{
    struct clm_device *about = NULL;
    cl_device_id *ids = NULL;
    size_t count = 0, taken;
    *out = NULL;
    clm_status status = opencl_devices(&about, &ids, &count, error);
    if (status == CLM_OK)
        status = open_preferred(options, about, ids, count, out, &taken, error);
    free(about);
    free(ids);
    return status;
}

clm_status clm_devices_list(const char *selector, struct clm_device **devices, size_t *count,
                            struct clm_error *error)
{
    const struct clm_backend_options options = {.kind = CLM_BACKEND_OPENCL, .device = selector};
    struct clm_device *about = NULL;
    cl_device_id *ids = NULL;
    struct clm_backend *backend = NULL;
    size_t taken = 0;
    *devices = NULL;
    *count = 0;
    clm_status status = opencl_devices(&about, &ids, count, error);
    if (status != CLM_OK)
        return status;
    struct clm_error why = {0};
    const clm_status opened = open_preferred(&options, about, ids, *count, &backend, &taken, &why);
    for (size_t d = 0; d < *count; d++) {
        about[d].is_taken = opened == CLM_OK && d == taken;
        const bool is_suited = opencl_preference(&about[d], selector) > 0;
        if (about[d].is_taken)
            snprintf(about[d].reason, sizeof about[d].reason, "passes the self-test, and %s",
                     selector ? "is what was asked for" : "no GPU or accelerator before it does");
        else if (!is_suited || !about[d].reason[0])
            snprintf(about[d].reason, sizeof about[d].reason, "%.255s",
                     !is_suited         ? "is not what was asked for"
                     : opened == CLM_OK ? "another one is preferred"
                                        : why.message);
    }
    clm_backend_close(backend);
    free(ids);
    *devices = about;
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
