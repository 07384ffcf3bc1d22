/* Opens a backend for use: an OpenCL device is taken if it passes the self-test. */
#include "prove/prove.h"

#include <stdio.h>
#include <string.h>

/* Sets a limit; 0 means none. */
static void limit_memory(struct clm_backend *be, uint64_t bytes, const char *by, const char *setting)
{
    if (!bytes || bytes >= be->memory_limit)
        return;
    be->memory_limit = (size_t)bytes;
    be->limited_by = by;
    be->limit_setting = setting;
}

static void prove_limit(struct clm_backend *be, const struct clm_backend_options *options)
{
    limit_memory(be, options->device_memory, "the limit on the device's memory", "device-memory");
    if (be->uses_host_memory)
        limit_memory(be, options->host_memory - options->host_memory / 2,
                     "half of the limit on the host's memory", "memory");
}

static clm_status open_one(const struct clm_device *device, const struct clm_backend_options *options,
                           struct clm_backend **out, struct clm_error *error)
{
    clm_status status = opencl_open(device, options, out, error);
    if (status != CLM_OK || options->skip_self_test)
        return status;
    status = prove_device(*out, error);
    if (status != CLM_OK) {
        clm_backend_close(*out);
        *out = NULL;
    }
    return status;
}

/* Whether `a` is tried before `b`: devices that suit equally are tried in the order of the list. */
static bool comes_before(const struct clm_device *devices, size_t a, size_t b, const char *selector)
{
    return opencl_is_preferred(&devices[a], &devices[b], selector) ||
           (a < b && !opencl_is_preferred(&devices[b], &devices[a], selector));
}

/* The device to try after `last`, or first if that is `count`; `count` if there is none left that suits. */
static size_t next_preferred(const struct clm_device *devices, size_t count, const char *selector,
                             size_t last)
{
    size_t next = count;
    for (size_t d = 0; d < count; d++)
        if (d != last && opencl_preference(&devices[d], selector) > 0 &&
            (last == count || comes_before(devices, last, d, selector)) &&
            (next == count || comes_before(devices, d, next, selector)))
            next = d;
    return next;
}

/* Opens the device that the selector prefers, or the next if that fails and the selector leaves a choice. */
static clm_status open_preferred(const struct clm_backend_options *options, const struct clm_device *devices,
                                 size_t count, struct clm_backend **out, size_t *taken,
                                 struct clm_error *error)
{
    char trouble[1400];
    clm_status status =
        count && options->device
            ? clm_fail_setting(
                  error, CLM_ERROR_DEVICE, "device",
                  "no OpenCL device is %s; choose another by its type (\"cpu\"), its platform and number (\"0:0\"), or a part of its name",
                  options->device)
            : clm_fail_setting(
                  error, CLM_ERROR_DEVICE, "backend",
                  "the OpenCL platforms have no device%s; update or install the device's driver, or take the blas backend",
                  kernel_cache_trouble(trouble, sizeof trouble));
    for (size_t d = next_preferred(devices, count, options->device, count); d < count;
         d = next_preferred(devices, count, options->device, d)) {
        status = open_one(&devices[d], options, out, error);
        *taken = d;
        if (status == CLM_OK)
            return CLM_OK;
    }
    return status;
}

static clm_status open_opencl(const struct clm_backend_options *options, struct clm_backend **out,
                              struct clm_error *error)
{
    struct clm_device *devices = NULL;
    size_t count = 0, taken;
    clm_status status = clm_devices_find(NULL, &devices, &count, error);
    if (status == CLM_OK)
        status = open_preferred(options, devices, count, out, &taken, error);
    clm_devices_free(devices);
    return status;
}

clm_status clm_backend_open(const struct clm_backend_options *options, struct clm_backend **out,
                            struct clm_error *error)
{
    clm_status status = CLM_ERROR_ARGUMENT;
    *out = NULL;
    switch (options->kind) {
    case CLM_BACKEND_REFERENCE:
        status = reference_open(out, error);
        break;
    case CLM_BACKEND_BLAS:
        status = blas_open(out, error);
        break;
    case CLM_BACKEND_OPENCL:
        status = open_opencl(options, out, error);
        break;
    default:
        return clm_fail(error, CLM_ERROR_ARGUMENT, "backend %d is none of reference, blas and opencl",
                        options->kind);
    }
    if (status != CLM_OK)
        return status;
    (*out)->on_note = options->on_note;
    (*out)->note_user = options->note_user;
    prove_limit(*out, options);
    return CLM_OK;
}

/* Why a device is taken, or why not. */
static void explain(struct clm_device *device, const char *selector, bool is_any_taken, const char *why_none)
{
    const bool is_suited = opencl_preference(device, selector) > 0;
    const bool is_choice_left = !selector || !strcmp(selector, "auto");
    if (device->is_taken)
        snprintf(device->reason, sizeof device->reason, "passes the self-test, and %s",
                 is_choice_left ? "no device that auto prefers to it does" : "is what was asked for");
    else if (!is_suited || !device->reason[0])
        snprintf(device->reason, sizeof device->reason, "%.255s",
                 !is_suited     ? "is not what was asked for"
                 : is_any_taken ? "another one is preferred"
                                : why_none);
}

clm_status clm_devices_list(const char *selector, struct clm_device **devices, size_t *count,
                            struct clm_error *error)
{
    const struct clm_backend_options options = {.kind = CLM_BACKEND_OPENCL, .device = selector};
    struct clm_backend *backend = NULL;
    struct clm_error why = {0};
    size_t taken = 0;
    const clm_status status = clm_devices_find(NULL, devices, count, error);
    if (status != CLM_OK)
        return status;
    const bool is_taken = open_preferred(&options, *devices, *count, &backend, &taken, &why) == CLM_OK;
    for (size_t d = 0; d < *count; d++) {
        (*devices)[d].is_taken = is_taken && d == taken;
        explain(&(*devices)[d], selector, is_taken, why.message);
    }
    clm_backend_close(backend);
    return CLM_OK;
}
