#include "compute/opencl/device.h"

#include "base/text.h"
#include "compute/backend.h"
#include "compute/opencl/loader.h"
#include "compute/opencl/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLATFORMS_MAX 64
#define DEVICES_MAX   64 /* per platform */

static enum clm_device_type type_of(cl_device_type type)
{
    if (type & CL_DEVICE_TYPE_GPU)
        return CLM_DEVICE_GPU;
    if (type & CL_DEVICE_TYPE_ACCELERATOR)
        return CLM_DEVICE_ACCELERATOR;
    return type & CL_DEVICE_TYPE_CPU ? CLM_DEVICE_CPU : CLM_DEVICE_OTHER;
}

/* A text longer than its field is an error of clGetDeviceInfo: the field then says "unknown". */
static void device_text(cl_device_id id, cl_device_info what, char *text, size_t size)
{
    if (clGetDeviceInfo(id, what, size, text, NULL) != CL_SUCCESS)
        snprintf(text, size, "unknown");
}

static void platform_text(cl_platform_id id, cl_platform_info what, char *text, size_t size)
{
    if (clGetPlatformInfo(id, what, size, text, NULL) != CL_SUCCESS)
        snprintf(text, size, "unknown");
}

/* A number that computing needs. A device that does not tell it is unusable, and this is the reason. */
static uint64_t device_number(cl_device_id id, cl_device_info what, struct clm_device *device)
{
    struct clm_error why = {0};
    cl_ulong number = 0; /* narrower answers fill the low bytes of a little-endian number */
    const cl_int code = clGetDeviceInfo(id, what, sizeof number, &number, NULL);
    if (code == CL_SUCCESS)
        return number;
    (void)opencl_fail(&why, device->name, "clGetDeviceInfo", code);
    snprintf(device->reason, sizeof device->reason, "%.255s", why.message);
    return 0;
}

static void describe(cl_platform_id platform, cl_device_id id, struct clm_device *device)
{
    platform_text(platform, CL_PLATFORM_NAME, device->platform_name, sizeof device->platform_name);
    platform_text(platform, CL_PLATFORM_VERSION, device->platform_version, sizeof device->platform_version);
    device_text(id, CL_DEVICE_NAME, device->name, sizeof device->name);
    device_text(id, CL_DEVICE_VENDOR, device->vendor, sizeof device->vendor);
    device_text(id, CL_DEVICE_VERSION, device->version, sizeof device->version);
    device_text(id, CL_DRIVER_VERSION, device->driver, sizeof device->driver);
    device->type = type_of(device_number(id, CL_DEVICE_TYPE, device));
    device->compute_units = (unsigned)device_number(id, CL_DEVICE_MAX_COMPUTE_UNITS, device);
    device->clock_mhz = (unsigned)device_number(id, CL_DEVICE_MAX_CLOCK_FREQUENCY, device);
    device->global_memory = device_number(id, CL_DEVICE_GLOBAL_MEM_SIZE, device);
    device->max_allocation = device_number(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, device);
    device->local_memory = device_number(id, CL_DEVICE_LOCAL_MEM_SIZE, device);
    device->max_work_group = (size_t)device_number(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, device);
    cl_bool is_unified = CL_TRUE;
    (void)clGetDeviceInfo(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof is_unified, &is_unified, NULL);
    device->has_own_memory = !is_unified && device->type != CLM_DEVICE_CPU;
}

/* If no driver is installed, the loader says so with a code of its own. */
static clm_status fail_without_platform(cl_int code, struct clm_error *error)
{
    if (code != CL_SUCCESS && code != CL_PLATFORM_NOT_FOUND_KHR)
        return opencl_fail(error, "looking for drivers", "clGetPlatformIDs", code);
    char vendors[300];
    const bool is_asked = strcmp(loader_vendors(), LOADER_VENDORS) != 0;
    text_show(vendors, sizeof vendors, loader_vendors(), strlen(loader_vendors()));
    return clm_fail_setting(
        error, CLM_ERROR_DEVICE, "backend",
        "no OpenCL platform: %s%s names no driver that loads (%s); %sinstall your GPU's, or pocl-opencl-icd to compute on the CPU, or take the blas backend",
        vendors, is_asked ? " (OCL_ICD_VENDORS or OPENCL_VENDOR_PATH)" : "",
        code == CL_SUCCESS ? "none found" : opencl_status_name(code), is_asked ? "unset that, or " : "");
}

clm_status opencl_devices(struct clm_device **about, cl_device_id **ids, size_t *count,
                          struct clm_error *error)
{
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint platform_count = 0;
    struct clm_device *devices = calloc(PLATFORMS_MAX * DEVICES_MAX, sizeof *devices);
    cl_device_id *handles = calloc(PLATFORMS_MAX * DEVICES_MAX, sizeof(cl_device_id));
    *about = NULL;
    *ids = NULL;
    *count = 0;
    if (!devices || !handles) {
        free(devices);
        free(handles);
        return clm_fail_host_memory(error, "devices", PLATFORMS_MAX * DEVICES_MAX * sizeof *devices);
    }
    cl_int code = clGetPlatformIDs(PLATFORMS_MAX, platforms, &platform_count), why = CL_SUCCESS;
    if (code != CL_SUCCESS || !platform_count) {
        free(devices);
        free(handles);
        return fail_without_platform(code, error);
    }
    for (cl_uint p = 0; p < platform_count && p < PLATFORMS_MAX; p++) {
        cl_uint found = 0;
        code = clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, DEVICES_MAX, handles + *count, &found);
        if (code != CL_SUCCESS) {
            why = code == CL_DEVICE_NOT_FOUND ? why : code;
            continue;
        }
        for (cl_uint d = 0; d < found && d < DEVICES_MAX; d++, ++*count) {
            devices[*count].platform = p;
            devices[*count].index = d;
            describe(platforms[p], handles[*count], &devices[*count]);
        }
    }
    if (!*count && why != CL_SUCCESS) { /* an error matters only if no platform has devices */
        free(devices);
        free(handles);
        return opencl_fail(error, "looking for devices", "clGetDeviceIDs", why);
    }
    *about = devices;
    *ids = handles;
    return CLM_OK;
}

static bool is_address(const char *selector, unsigned *platform, unsigned *index)
{
    char after;
    return sscanf(selector, "%u:%u%c", platform, index, &after) == 2;
}

/* A GPU's rank: one with memory of its own comes before one that shares the host's. */
static int rank_of_gpu(const struct clm_device *device)
{
    return device->type != CLM_DEVICE_GPU ? 0 : device->has_own_memory ? 2 : 1;
}

int opencl_preference(const struct clm_device *device, const char *selector)
{
    unsigned platform, index;
    if (!selector || !*selector || !strcmp(selector, "auto"))
        return device->type == CLM_DEVICE_GPU           ? 3 + rank_of_gpu(device)
               : device->type == CLM_DEVICE_ACCELERATOR ? 3
               : device->type == CLM_DEVICE_CPU         ? 2
                                                        : 1;
    if (!strcmp(selector, "gpu"))
        return rank_of_gpu(device);
    if (!strcmp(selector, "cpu"))
        return device->type == CLM_DEVICE_CPU;
    if (is_address(selector, &platform, &index))
        return device->platform == platform && device->index == index;
    return strcasestr(device->name, selector) || strcasestr(device->platform_name, selector);
}

/* Intel counts execution units, of which eight are about one unit of the other makers. */
static uint64_t speed_of_gpu(const struct clm_device *device)
{
    const uint64_t speed = (uint64_t)device->compute_units * device->clock_mhz;
    return device->type != CLM_DEVICE_GPU ? 0 : strstr(device->vendor, "Intel") ? speed / 8 : speed;
}

bool opencl_is_preferred(const struct clm_device *a, const struct clm_device *b, const char *selector)
{
    const int difference = opencl_preference(a, selector) - opencl_preference(b, selector);
    return difference ? difference > 0 : speed_of_gpu(a) > speed_of_gpu(b);
}

clm_status opencl_device_open(cl_device_id id, const struct clm_device *about, unsigned part, unsigned parts,
                              struct opencl_device *out, struct clm_error *error)
{
    cl_int code;
    *out = (struct opencl_device){.id = id, .about = *about, .uses_host_memory = !about->has_own_memory};
    if (parts > 1 && about->type == CLM_DEVICE_CPU) {
        const clm_status status = parts_open(id, about, parts, &out->parts, error);
        if (status != CLM_OK)
            return status;
        out->id = id = out->parts->ids[part];
    } else {
        out->context = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
        if (!out->context)
            return opencl_fail(error, about->name, "clCreateContext", code);
    }
    if (out->parts)
        out->context = out->parts->context;
    out->queue = clCreateCommandQueue(out->context, id, 0, &code);
    if (out->queue)
        out->transfers = clCreateCommandQueue(out->context, id, 0, &code);
    if (!out->transfers) {
        opencl_device_close(out);
        return opencl_fail(error, about->name, "clCreateCommandQueue", code);
    }
    return CLM_OK;
}

void opencl_device_close(struct opencl_device *device)
{
    if (device->queue)
        clReleaseCommandQueue(device->queue);
    if (device->transfers)
        clReleaseCommandQueue(device->transfers);
    if (device->context && !device->parts)
        clReleaseContext(device->context);
    parts_close(device->parts);
    device->queue = device->transfers = NULL;
    device->context = NULL;
    device->parts = NULL;
}

bool opencl_is_pocl(const struct opencl_device *device)
{
    return device->about.type == CLM_DEVICE_CPU &&
           strstr(device->about.platform_name, "Portable Computing Language");
}

/* clFinish of Mesa 22.3 waits only for commands that have not been flushed, and for all before them. The
 * marker is such a command. */
clm_status queue_finish(cl_command_queue queue, const char *purpose, struct clm_error *error)
{
    const char *call = "clEnqueueMarkerWithWaitList";
    cl_int code = clEnqueueMarkerWithWaitList(queue, 0, NULL, NULL);
    if (code == CL_SUCCESS) {
        call = "clFinish";
        code = clFinish(queue);
    }
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, purpose, call, code);
}
