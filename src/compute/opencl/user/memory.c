/* Watches the memory of a user's kernels. */
#include "compute/opencl/user/user.h"

#include "base/size.h"
#include "compute/opencl/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory around a tensor, on each side: at least SLACK_LEAST, else as much as the tensor has. */
#define SLACK_LEAST ((size_t)65536)
#define SLACK_MOST  ((size_t)16 << 20)
#define SLACK_WORD  0x7fc0dead /* as a float, a NaN */

/* What the poison kernel fills: words of local memory, words of each item's private memory. */
#define POISON_LOCAL       4096
#define POISON_GROUPS      64
#define POISON_GROUP       8
#define POISON_PRIVATE     256
#define POISON_PRIVATE_CPU 4096 /* deep enough for the stack of another kernel */
static size_t slack_for(const struct user_backend *u, size_t bytes)
{
    cl_uint bits = 0;
    const size_t wanted = size_min(SLACK_MOST, size_max(SLACK_LEAST, bytes));
    if (u->is_bare || clGetDeviceInfo(u->opencl.device.id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof bits, &bits,
                                      NULL) != CL_SUCCESS)
        return 0;
    return round_up(wanted, size_max(bits / 8, 256));
}

static clm_status fill_slack(struct user_backend *u, cl_mem memory, size_t bytes, struct clm_error *error)
{
    const cl_uint word = SLACK_WORD;
    const cl_int code =
        clEnqueueFillBuffer(u->opencl.device.queue, memory, &word, sizeof word, 0, bytes, 0, NULL, NULL);
    return code == CL_SUCCESS ? CLM_OK : opencl_fail(error, "a buffer", "clEnqueueFillBuffer", code);
}

clm_status user_allocate(struct clm_backend *be, size_t bytes, void **memory, struct clm_error *error)
{
    struct user_backend *const u = user_of(be);
    const size_t slack = slack_for(u, bytes), whole = round_up(bytes, 4) + 2 * slack;
    cl_int code;
    if (!slack || whole > be->allocation_limit)
        return opencl_allocate(be, bytes, memory, error);
    cl_mem parent = clCreateBuffer(u->opencl.device.context, CL_MEM_READ_WRITE, whole, NULL, &code);
    if (!parent)
        return opencl_fail(error, "a buffer", "clCreateBuffer", code);
    const cl_buffer_region region = {slack, bytes};
    const clm_status status = fill_slack(u, parent, whole, error);
    *memory =
        status ? NULL
               : clCreateSubBuffer(parent, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    clReleaseMemObject(parent); /* the sub-buffer keeps it */
    return status || *memory ? status : opencl_fail(error, "a buffer", "clCreateSubBuffer", code);
}

/* Oclgrind 21.10 keeps what it knew about a freed buffer for the next one at its address: bare memory is not
 * freed before the process ends. */
void user_release(struct clm_backend *be, void *memory)
{
    if (!user_of(be)->is_bare)
        opencl_release(be, memory);
}

/* A tensor's memory and what surrounds it. */
struct surroundings {
    cl_mem parent; /* NULL: nothing surrounds it */
    size_t offset, bytes, whole;
};

static struct surroundings surroundings_of(cl_mem memory)
{
    struct surroundings s = {NULL, 0, 0, 0};
    if (clGetMemObjectInfo(memory, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof(cl_mem), &s.parent, NULL) ||
        clGetMemObjectInfo(memory, CL_MEM_OFFSET, sizeof s.offset, &s.offset, NULL) ||
        clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof s.bytes, &s.bytes, NULL) ||
        (s.parent && clGetMemObjectInfo(s.parent, CL_MEM_SIZE, sizeof s.whole, &s.whole, NULL)))
        s.parent = NULL;
    return s;
}

/* Compares one part of the surroundings; fails with the first word that the kernel has written. */
static clm_status check_surrounding(const struct user_backend *u, const struct surroundings *s, size_t from,
                                    size_t bytes, const struct declared *operand, struct clm_error *error)
{
    const size_t count = bytes / sizeof(cl_uint);
    cl_uint *const words = malloc(bytes + 1);
    clm_status status = words ? CLM_OK : clm_fail_host_memory(error, "a check", bytes);
    const cl_int code = words ? clEnqueueReadBuffer(u->opencl.device.queue, s->parent, CL_TRUE, from, bytes,
                                                    words, 0, NULL, NULL)
                              : CL_SUCCESS;
    if (code != CL_SUCCESS)
        status = opencl_fail(error, user_entries[u->chosen].name, "clEnqueueReadBuffer", code);
    for (size_t i = 0; status == CLM_OK && i < count; i++) {
        if (words[i] == SLACK_WORD)
            continue;
        float value;
        memcpy(&value, &words[i], sizeof value);
        const long long size = strcmp(operand->type, "uchar") ? 4 : 1;
        const long long place = ((long long)(from + 4 * i) - (long long)s->offset) / size;
        status = clm_fail(error, CLM_ERROR_WRONG,
                          "your kernel `%s` in %.200s writes outside of %s: %.9g at %s[%lld], which is %s it",
                          user_entries[u->chosen].name, u->path, operand->name, (double)value, operand->name,
                          place, place < 0 ? "before" : "beyond");
    }
    free(words);
    return status;
}

clm_status check_surroundings(struct user_backend *u, cl_mem memory, const struct declared *operand,
                              struct clm_error *error)
{
    const struct surroundings s = surroundings_of(memory);
    if (!s.parent)
        return CLM_OK;
    const size_t end = round_up(s.offset + s.bytes, sizeof(cl_uint));
    const clm_status status = check_surrounding(u, &s, 0, s.offset, operand, error);
    return status ? status : check_surrounding(u, &s, end, s.whole - end, operand, error);
}
clm_status poison_memory(struct user_backend *u, struct clm_error *error)
{
    const size_t local = size_max(1, size_min(POISON_GROUP, u->opencl.device.about.max_work_group));
    const size_t global = POISON_GROUPS * local * size_max(1, u->opencl.device.about.compute_units);
    const cl_int shown = 0;
    return u->poison ? opencl_launch(&u->opencl.device, u->poison, "clmlp_poison", 1, &global, &local,
                                     ARGUMENTS(ARGUMENT(shown), ARGUMENT(u->scratch)), error)
                     : CLM_OK;
}

clm_status tell_address(struct user_backend *u, cl_mem memory, const struct declared *operand,
                        struct clm_error *error)
{
    const struct opencl_device *const device = &u->opencl.device;
    const size_t one = 1;
    cl_ulong address = 0;
    size_t bytes = 0;
    if (!u->tell || !u->address)
        return CLM_OK;
    const clm_status status = opencl_launch(device, u->address, "clmlp_address", 1, &one, NULL,
                                            ARGUMENTS(ARGUMENT(memory), ARGUMENT(u->scratch)), error);
    if (status != CLM_OK)
        return status;
    const cl_int code =
        clEnqueueReadBuffer(device->queue, u->scratch, CL_TRUE, 0, sizeof address, &address, 0, NULL, NULL);
    if (code != CL_SUCCESS || clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof bytes, &bytes, NULL))
        return opencl_fail(error, "clmlp_address", "clEnqueueReadBuffer", code);
    u->tell(u->tell_to, operand->name, address, bytes);
    return CLM_OK;
}

void open_helpers(struct user_backend *u)
{
    static const char source[] =
        "__kernel void clmlp_poison(int shown, __global ulong *out)\n"
        "{\n"
        "    volatile __local uint shared[LOCAL];\n"
        "    volatile uint own[PRIVATE];\n"
        "    for (int i = 0; i < PRIVATE; i++)\n"
        "        own[i] = 0x7fc0dead;\n"
        "    for (int i = (int)get_local_id(0); i < LOCAL; i += (int)get_local_size(0))\n"
        "        shared[i] = 0x7fc0dead;\n"
        "    if (shown)\n"
        "        out[0] = own[shown] + shared[shown];\n"
        "}\n"
        "__kernel void clmlp_address(__global const uchar *of, __global ulong *out)\n"
        "{\n"
        "    out[0] = (ulong)of;\n"
        "}\n";
    const struct opencl_device *const device = &u->opencl.device;
    const bool is_cpu = device->about.type == CLM_DEVICE_CPU;
    const size_t local = size_min(POISON_LOCAL, (size_t)device->about.local_memory / sizeof(cl_uint));
    char options[80], log[LOG_MOST];
    cl_int code;
    snprintf(options, sizeof options, "-DLOCAL=%zu -DPRIVATE=%d", size_max(local, 1),
             is_cpu ? POISON_PRIVATE_CPU : POISON_PRIVATE);
    if (build_text(u, source, options, &u->helpers, log) != CL_SUCCESS)
        return;
    u->poison = clCreateKernel(u->helpers, "clmlp_poison", &code);
    u->address = clCreateKernel(u->helpers, "clmlp_address", &code);
    u->scratch = clCreateBuffer(device->context, CL_MEM_READ_WRITE, 64, NULL, &code);
    if (u->scratch)
        return;
    if (u->poison)
        clReleaseKernel(u->poison);
    if (u->address)
        clReleaseKernel(u->address);
    u->poison = u->address = NULL;
}
